/* Asks the system for cores, memory and disk, and takes the least that any limit leaves. */
#include "base/machine.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/batch.h"
#include "base/cgroup.h"
#include "base/files.h"
#include "base/memory.h"
#include "base/system.h"

int nl_cores(void)
{
    int allowed = nl_allowed_cores(),
        cores = allowed > 0 ? allowed : (int)fmax(1, (double)sysconf(_SC_NPROCESSORS_ONLN));
    struct nl_group_limits limits = nl_group_limits_read("");
    double most = fmin(limits.cores.value, nl_batch_limits_read().cores.value);
    nl_group_limits_release(&limits);
    return most < cores ? (int)ceil(most) : cores;
}

double nl_memory_total(void)
{
    struct nl_group_limits limits = nl_group_limits_read("");
    double total = fmin((double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE), limits.memory.value);
    nl_group_limits_release(&limits);
    return fmin(total, nl_batch_limits_read().memory.value);
}

/* Bytes of memory that this process has taken. */
static double memory_of_process(void)
{
    double pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file && fscanf(file, "%*s %lf", &pages) != 1)
        pages = 0;
    if (file)
        fclose(file);
    return pages * (double)sysconf(_SC_PAGESIZE);
}

double nl_memory_available(void)
{
#ifdef _SC_AVPHYS_PAGES
    double available = (double)sysconf(_SC_AVPHYS_PAGES) * (double)sysconf(_SC_PAGESIZE), kib;
#else
    double available = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE), kib;
#endif
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
    return fmax(0.0, fmin(available, nl_batch_limits_read().memory.value - memory_of_process()));
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
