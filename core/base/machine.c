#include "base/machine.h"

#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/cgroup.h"
#include "base/files.h"
#include "base/memory.h"

int nl_cores(void)
{
    cpu_set_t set;
    int cores = sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0 ? CPU_COUNT(&set) : 1;
    struct nl_group_limits limits = nl_group_limits_read("");
    if (limits.cores.value < cores)
        cores = (int)ceil(limits.cores.value);
    nl_group_limits_release(&limits);
    return cores;
}

double nl_memory_total(void)
{
    struct nl_group_limits limits = nl_group_limits_read("");
    double total = fmin((double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE), limits.memory.value);
    nl_group_limits_release(&limits);
    return total;
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
    struct nl_group_limits limits = nl_group_limits_read("");
    available = fmin(available, limits.memory_left);
    nl_group_limits_release(&limits);
    return available;
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
