#include "base/machine.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/files.h"
#include "base/memory.h"

/* The number that a file begins with; infinite where there is none ("max"). */
static double first_number(const char *path)
{
    double value = INFINITY;
    FILE *file = fopen(path, "r");
    if (file) {
        if (fscanf(file, "%lf", &value) != 1)
            value = INFINITY;
        fclose(file);
    }
    return value;
}

double nl_memory_available(void)
{
    double available = (double)sysconf(_SC_AVPHYS_PAGES) * (double)sysconf(_SC_PAGESIZE), kib;
    char line[256];
    FILE *file = fopen("/proc/meminfo", "r");
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "MemAvailable: %lf kB", &kib) == 1)
            available = 1024 * kib;
    if (file)
        fclose(file);
    double group = fmin(first_number("/sys/fs/cgroup/memory.max"), first_number("/sys/fs/cgroup/memory/memory.limit_in_bytes"));
    return fmin(available, group);
}

double nl_disk_available(const char *path)
{
    struct statvfs disk;
    char *at = nl_strdup(path);
    while (statvfs(at, &disk) != 0 && strcmp(at, ".") != 0 && strcmp(at, "/") != 0) {
        char *parent = nl_path_folder(at);
        free(at);
        at = parent;
    }
    bool known = statvfs(at, &disk) == 0;
    free(at);
    return known ? (double)disk.f_bavail * (double)disk.f_frsize : INFINITY;
}
