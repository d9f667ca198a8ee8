/* What the machine has to give, and control groups (base/cgroup.h) and batch systems (base/batch.h) leave to this
 * process. */
#ifndef NL_BASE_MACHINE_H
#define NL_BASE_MACHINE_H

/* Threads that pay: processors that this process may run on, and no more than its batch system gave it, or its groups
 * have processor time for. A part of a processor counts as one: with 1.5 of them two threads, each stopped a quarter of
 * the time, took 0.36 s for four trials, and one 0.54 s; a trial alone took 5 % longer with a helper that is stopped
 * now and then. At least 1. */
int nl_cores(void);

/* Bytes of memory that there are for this process and those beside it in its groups and its job. */
double nl_memory_total(void);

/* Bytes of memory that programs may still take: the kernel's MemAvailable, and no more than is left to the process's
 * groups, and to itself of what its job was given. */
double nl_memory_available(void);

/* Bytes that may still be written where path is, or will be. */
double nl_disk_available(const char *path);

#endif
