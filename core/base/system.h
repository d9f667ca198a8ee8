/* What the systems have different names for, or only one of them has: Linux (glibc and musl), macOS, FreeBSD. Nothing
 * else in core or cmd asks which system it is compiled for (tests/long/systems.sh); instruction sets are for
 * base/clones.h and backend/cpu/isa.h. */
#ifndef NL_BASE_SYSTEM_H
#define NL_BASE_SYSTEM_H

#include <pthread.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>

/* The file name of a shared library for dlopen, of its name and the number of its interface: ("curl", "4"). */
#ifdef __APPLE__
#define NL_SHARED_LIBRARY(name, number) "lib" name "." number ".dylib"
#else
#define NL_SHARED_LIBRARY(name, number) "lib" name ".so." number
#endif

/* In assembler: the section of constants, and a name of C. */
#ifdef __APPLE__
#define NL_READ_ONLY_SECTION "__TEXT,__const"
#define NL_ASSEMBLER_NAME(name) "_" name
#else
#define NL_READ_ONLY_SECTION ".rodata"
#define NL_ASSEMBLER_NAME(name) name
#endif

/* Where the program that runs lies, links resolved. New string; NULL: it cannot be found. */
char *nl_program_path(void);

/* How many processors this process may run on, whatever its groups have time for. -1: the system does not say, or has
 * no way to keep a thread on one. */
int nl_allowed_cores(void);

/* Keeps the calling thread on one of them: number 0, 1, ... A refusal costs only speed. */
void nl_stay_on_core(int number);

/* Has free() keep blocks of up to 32 MiB for the next malloc(), where that can be asked for. */
void nl_keep_freed_memory(void);

/* As pipe(2); a program that is started inherits neither end. */
int nl_pipe(int ends[2]);

/* In a child that was forked: it is killed when `parent` ends, where the kernel can do that. False: it has ended
 * already. */
bool nl_end_with(pid_t parent);

/* A condition, to be waited for with nl_condition_wait(). */
void nl_condition_init(pthread_cond_t *condition);

/* As pthread_cond_timedwait, for so many seconds from now, whatever happens to the time of day. */
int nl_condition_wait(pthread_cond_t *condition, pthread_mutex_t *mutex, double seconds);

/* Brings to the disk what was written to the file system that the open file is on. 0, or -1 and errno. */
int nl_sync_file_system(int file);

/* As fdatasync(2), which macOS does not declare: what the open file holds is on the disk. 0, or -1 and errno. */
int nl_sync_data(int file);

/* When the content changed last. */
struct timespec nl_time_modified(const struct stat *info);

/* As lgamma, which writes a global: this is for threads. */
double nl_log_gamma(double x);

/* A device as Linux writes it in its tables: "98:0". New string. */
char *nl_device_text(dev_t device);

#endif
