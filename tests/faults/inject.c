/* Put before the program by LD_PRELOAD, this counts its calls for memory, and those by which it reaches files, and has
 * some of them fail, or kills it at one by which it changes files. What the C library does inside of a call is not
 * seen, but what other libraries call is. A call that fails does what it must for the caller to notice, and otherwise
 * leaves things as they were: a file that cannot be closed is closed all the same, as on Linux.
 *
 *     NORMLAB_INJECTION=FILE  a struct injection: what fails (tests/store/test_faults.c)
 *     NORMLAB_KILL_AT=N       SIGKILL at the N-th call that changes files, which is not made; a write is made by half
 * (tests/store/test_kills.sh) NORMLAB_KILL_AT=CALL:N  the same at the N-th call of that name
 * (tests/store/test_writers.sh) */
#include "inject.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static struct injection *injection; /* NULL: none is asked for */
static atomic_bool in_main;         /* what libraries do before and after it, as CUDA's runtime does, is theirs */
static long kill_at;                /* 0: at none */
static char *kill_call;             /* NULL: any counts */
static atomic_long changes;
static pid_t program;

/* Programs that this one starts are not meant. */
__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv(INJECTION), *at = getenv("NORMLAB_KILL_AT");
    int file = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    void *shared = file >= 0 ? mmap(NULL, sizeof *injection, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0) : MAP_FAILED;
    if (file >= 0)
        close(file);
    unsetenv("LD_PRELOAD");
    unsetenv(INJECTION);
    program = getpid();
    const char *colon = at ? strchr(at, ':') : NULL;
    kill_at = at ? atol(colon ? colon + 1 : at) : 0;
    kill_call = colon ? strndup(at, (size_t)(colon - at)) : NULL;
    injection = shared == MAP_FAILED ? NULL : shared;
}

static int (*program_main)(int, char **, char **);

static void leave_main(void)
{
    in_main = false;
}

static int counted_main(int argc, char **argv, char **environment)
{
    atexit(leave_main);
    in_main = true;
    return program_main(argc, argv, environment);
}

/* The C library's, which calls main. */
int __libc_start_main(int (*main)(int, char **, char **), int argc, char **argv, void (*init)(void), void (*fini)(void),
                      void (*rtld_fini)(void), void *stack_end);
int __libc_start_main(int (*main)(int, char **, char **), int argc, char **argv, void (*init)(void), void (*fini)(void),
                      void (*rtld_fini)(void), void *stack_end)
{
    int (*start)(int (*)(int, char **, char **), int, char **, void (*)(void), void (*)(void), void (*)(void), void *);
    *(void **)&start = dlsym(RTLD_NEXT, "__libc_start_main");
    program_main = main;
    return start(counted_main, argc, argv, init, fini, rtld_fini, stack_end);
}

/* Counts a call. Whether it fails; errno is set then. */
static bool fails(enum kind kind, const char *name)
{
    if (!injection || !in_main)
        return false;
    long number = atomic_fetch_add(&injection->calls[kind], 1) + 1;
    if (kind != (enum kind)injection->kind || number < injection->first || number > injection->last ||
        injection->first == 0)
        return false;
    if (atomic_fetch_add(&injection->failed, 1) == 0)
        strncpy(injection->name, name, sizeof injection->name - 1);
    errno = injection->error;
    return true;
}

/* Counts a call that changes files: whether the program does not outlive it. What it forks is not killed. */
static bool is_killed(const char *name)
{
    return kill_at && (!kill_call || strcmp(kill_call, name) == 0) && getpid() == program &&
           atomic_fetch_add(&changes, 1) + 1 == kill_at;
}

/* As fails, of such a call. */
static bool change_fails(enum kind kind, const char *name)
{
    if (is_killed(name))
        raise(SIGKILL);
    return fails(kind, name);
}

/* ---- memory: the C library has its own functions by these names, too, so that nothing need be looked up before there
 * is any ---- */

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

void *malloc(size_t size)
{
    return fails(ALLOCATION, "malloc") ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    return fails(ALLOCATION, "calloc") ? NULL : __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
    return fails(ALLOCATION, "realloc") ? NULL : __libc_realloc(old, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return fails(ALLOCATION, "aligned_alloc") ? NULL : __libc_memalign(alignment, size);
}

int posix_memalign(void **out, size_t alignment, size_t size)
{
    *out = fails(ALLOCATION, "posix_memalign") ? NULL : __libc_memalign(alignment, size);
    return *out ? 0 : ENOMEM;
}

/* ---- files ---- */

#define REAL(name) (__extension__(__typeof__(&name))dlsym(RTLD_NEXT, #name))

/* A function that does nothing where it fails, and returns `bad`. */
#define CALL(judge, type, name, bad, parameters, arguments)    \
    type name parameters                                       \
    {                                                          \
        static __typeof__(&name) real;                         \
        if (!real)                                             \
            real = REAL(name);                                 \
        return judge(IO, #name) ? (bad) : real arguments;      \
    }
#define READS(...) CALL(fails, __VA_ARGS__)
#define CHANGES(...) CALL(change_fails, __VA_ARGS__)

READS(FILE *, fdopen, NULL, (int file, const char *mode), (file, mode))
READS(DIR *, opendir, NULL, (const char *path), (path))
READS(DIR *, fdopendir, NULL, (int file), (file))
READS(struct dirent *, readdir, NULL, (DIR *folder), (folder))
READS(int, scandir, -1,
      (const char *path, struct dirent ***out, int (*wanted)(const struct dirent *),
       int (*order)(const struct dirent **, const struct dirent **)),
      (path, out, wanted, order))
READS(int, scandirat, -1,
      (int at, const char *path, struct dirent ***out, int (*wanted)(const struct dirent *),
       int (*order)(const struct dirent **, const struct dirent **)),
      (at, path, out, wanted, order))
READS(ssize_t, read, -1, (int file, void *bytes, size_t length), (file, bytes, length))
READS(ssize_t, pread, -1, (int file, void *bytes, size_t length, off_t at), (file, bytes, length, at))
READS(off_t, lseek, -1, (int file, off_t by, int from), (file, by, from))
READS(int, stat, -1, (const char *path, struct stat *info), (path, info))
READS(int, lstat, -1, (const char *path, struct stat *info), (path, info))
READS(int, fstat, -1, (int file, struct stat *info), (file, info))
READS(int, statvfs, -1, (const char *path, struct statvfs *info), (path, info))
READS(int, access, -1, (const char *path, int how), (path, how))
READS(char *, realpath, NULL, (const char *path, char *out), (path, out))
CHANGES(int, rename, -1, (const char *from, const char *to), (from, to))
CHANGES(int, unlink, -1, (const char *path), (path))
CHANGES(int, unlinkat, -1, (int folder, const char *path, int flags), (folder, path, flags))
CHANGES(int, rmdir, -1, (const char *path), (path))
CHANGES(int, mkdir, -1, (const char *path, mode_t mode), (path, mode))
CHANGES(char *, mkdtemp, NULL, (char *path), (path))
CHANGES(int, mkstemp, -1, (char *path), (path))
CHANGES(int, ftruncate, -1, (int file, off_t length), (file, length))
READS(int, flock, -1, (int file, int how), (file, how))
READS(int, chdir, -1, (const char *path), (path))
READS(int, pipe2, -1, (int file[2], int flags), (file, flags))
READS(pid_t, fork, -1, (void), ())

/* What the kernel tells of the machine is on no disk. */
FILE *fopen(const char *path, const char *mode)
{
    bool kernel = strncmp(path, "/proc/", 6) == 0 || strncmp(path, "/sys/", 5) == 0;
    return !kernel && fails(IO, "fopen") ? NULL : REAL(fopen)(path, mode);
}

int open(const char *path, int flags, ...)
{
    static int (*real)(const char *, int, ...);
    va_list args;
    va_start(args, flags);
    mode_t mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
    va_end(args);
    if (!real)
        real = REAL(open);
    bool bad = flags & O_CREAT ? change_fails(IO, "open") : fails(IO, "open");
    return bad ? -1 : real(path, flags, mode);
}

ssize_t write(int file, const void *bytes, size_t length)
{
    static __typeof__(&write) real;
    if (!real)
        real = REAL(write);
    if (is_killed("write")) {
        real(file, bytes, length / 2);
        raise(SIGKILL);
    }
    return fails(IO, "write") ? -1 : real(file, bytes, length);
}

/* The disk need not be waited for: what is lost without it is told by tests/store/test_disk.c. */
int fsync(int file)
{
    (void)file;
    return change_fails(IO, "fsync") ? -1 : 0;
}

int syncfs(int file)
{
    (void)file;
    return change_fails(IO, "syncfs") ? -1 : 0;
}

/* These do their work, and the failure is told. */
int close(int file)
{
    int status = REAL(close)(file);
    return fails(IO, "close") ? -1 : status;
}

int fclose(FILE *file)
{
    int status = REAL(fclose)(file);
    return fails(IO, "fclose") ? EOF : status;
}

int closedir(DIR *folder)
{
    int status = REAL(closedir)(folder);
    return fails(IO, "closedir") ? -1 : status;
}

/* The C library's mark on a stream that failed, which ferror reads. */
static bool stream_fails(FILE *file, const char *name)
{
    enum { ERROR_SEEN = 0x20 };
    bool now = fails(IO, name);
    if (now)
        file->_flags |= ERROR_SEEN;
    return now;
}

size_t fread(void *out, size_t size, size_t count, FILE *file)
{
    static __typeof__(&fread) real;
    if (!real)
        real = REAL(fread);
    return stream_fails(file, "fread") ? 0 : real(out, size, count, file);
}

int fflush(FILE *file)
{
    int status = REAL(fflush)(file);
    return file && stream_fails(file, "fflush") ? EOF : status;
}
