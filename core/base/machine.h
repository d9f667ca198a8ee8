/* What the machine has to give. */
#ifndef NL_BASE_MACHINE_H
#define NL_BASE_MACHINE_H

/* Bytes of memory that programs may still take: the kernel's MemAvailable, and no more than a control group allows. */
double nl_memory_available(void);

/* Bytes that may still be written where path is, or will be. */
double nl_disk_available(const char *path);

#endif
