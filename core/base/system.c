/* Calls each system by its own functions: the path of the program, cores, freed memory, pipes. */
#ifdef __APPLE__
#define _REENTRANT /* math.h has lgamma_r then */
#endif
#include "base/system.h"

#include <fcntl.h>
#include <limits.h> /* __GLIBC__, where it is that */
#include <math.h>
#include <stdlib.h>
#include <unistd.h>
#ifdef __linux__
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/sysmacros.h>
#endif
#ifdef __GLIBC__
#include <malloc.h>
#endif
#ifdef __APPLE__
#include <mach-o/dyld.h>
#else
#include <sys/auxv.h>
#endif

#include "base/memory.h"

char *nl_program_path(void)
{
#if defined(__APPLE__)
    char path[4096];
    uint32_t room = sizeof path;
    return _NSGetExecutablePath(path, &room) == 0 ? realpath(path, NULL) : NULL;
#elif defined(__FreeBSD__)
    char path[4096];
    return elf_aux_info(AT_EXECPATH, path, sizeof path) == 0 ? realpath(path, NULL) : NULL;
#else
    return realpath((const char *)getauxval(AT_EXECFN), NULL); /* needs no /proc, unlike /proc/self/exe */
#endif
}

/* ---- processors ---- */

#ifdef __linux__
int nl_allowed_cores(void)
{
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : -1;
}

void nl_stay_on_core(int number)
{
    cpu_set_t set, one;
    int core = -1;
    if (number >= nl_allowed_cores() || sched_getaffinity(0, sizeof set, &set) != 0)
        return;
    for (int passed = -1; passed < number; passed += CPU_ISSET(core, &set) != 0)
        core++;
    CPU_ZERO(&one);
    CPU_SET(core, &one);
    pthread_setaffinity_np(pthread_self(), sizeof one, &one);
}
#else
int nl_allowed_cores(void)
{
    return -1;
}

void nl_stay_on_core(int number)
{
    (void)number;
}
#endif

void nl_keep_freed_memory(void)
{
#ifdef __GLIBC__
    mallopt(M_MMAP_THRESHOLD, 32 << 20);
    mallopt(M_TRIM_THRESHOLD, 64 << 20);
#endif
}

/* ---- processes ---- */

int nl_pipe(int ends[2])
{
#ifdef __APPLE__ /* without pipe2: between the calls another thread might start a program */
    return pipe(ends) == 0 && fcntl(ends[0], F_SETFD, FD_CLOEXEC) == 0 && fcntl(ends[1], F_SETFD, FD_CLOEXEC) == 0 ? 0
                                                                                                                   : -1;
#else
    return pipe2(ends, O_CLOEXEC);
#endif
}

bool nl_end_with(pid_t parent)
{
#ifdef __linux__
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
        return false;
#endif
    return getppid() == parent;
}

/* ---- conditions ---- */

#ifdef __APPLE__ /* where conditions go by the time of day alone */
static const clockid_t of_conditions = CLOCK_REALTIME;
#else
static const clockid_t of_conditions = CLOCK_MONOTONIC;
#endif

void nl_condition_init(pthread_cond_t *condition)
{
    pthread_condattr_t attribute;
    pthread_condattr_init(&attribute);
#ifndef __APPLE__
    pthread_condattr_setclock(&attribute, of_conditions);
#endif
    pthread_cond_init(condition, &attribute);
    pthread_condattr_destroy(&attribute);
}

int nl_condition_wait(pthread_cond_t *condition, pthread_mutex_t *mutex, double seconds)
{
    struct timespec until;
    clock_gettime(of_conditions, &until);
    until.tv_sec += (time_t)seconds;
    until.tv_nsec += (long)(1e9 * (seconds - (double)(time_t)seconds));
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    return pthread_cond_timedwait(condition, mutex, &until);
}

/* ---- files ---- */

int nl_sync_file_system(int file)
{
#ifdef __linux__
    return syncfs(file);
#else /* all disks, then */
    (void)file;
    sync();
    return 0;
#endif
}

int nl_sync_data(int file)
{
#ifdef __APPLE__
    return fsync(file);
#else
    return fdatasync(file);
#endif
}

struct timespec nl_time_modified(const struct stat *info)
{
#ifdef __APPLE__
    return info->st_mtimespec;
#else
    return info->st_mtim;
#endif
}

double nl_log_gamma(double x)
{
    int sign;
    return lgamma_r(x, &sign);
}

char *nl_device_text(dev_t device)
{
    return nl_format("%u:%u", (unsigned)major(device), (unsigned)minor(device));
}
