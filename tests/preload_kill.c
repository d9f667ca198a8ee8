/* Put before the program by LD_PRELOAD, this counts the calls by which it changes files, and kills it (SIGKILL) at one of them.
 *
 *     NORMLAB_KILL_AT=N        at the N-th, which is not made; a write is made by half
 *     NORMLAB_KILL_COUNT=FILE  a program that comes to its end leaves the number of its calls there
 *
 * What it starts (gnuplot) is neither counted nor killed. */
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static atomic_long calls;
static long kill_at; /* 0: at none */
static pid_t program;

__attribute__((constructor)) static void begin(void)
{
    const char *at = getenv("NORMLAB_KILL_AT");
    kill_at = at ? atol(at) : 0;
    program = getpid();
    unsetenv("LD_PRELOAD");
}

__attribute__((destructor)) static void end(void)
{
    const char *path = getenv("NORMLAB_KILL_COUNT");
    FILE *file = path && getpid() == program ? fopen(path, "w") : NULL;
    if (file) {
        fprintf(file, "%ld\n", atomic_load(&calls));
        fclose(file);
    }
}

/* Counts a call: whether it is the last one. */
static bool ends(void)
{
    return getpid() == program && atomic_fetch_add(&calls, 1) + 1 == kill_at;
}

#define CALL(type, name, parameters, arguments)                           \
    type name parameters                                                  \
    {                                                                     \
        type(*real) parameters = (type(*) parameters)dlsym(RTLD_NEXT, #name); \
        if (ends())                                                       \
            raise(SIGKILL);                                               \
        return real arguments;                                            \
    }

CALL(int, fsync, (int file), (file))
CALL(int, syncfs, (int file), (file))
CALL(int, rename, (const char *from, const char *to), (from, to))
CALL(int, unlink, (const char *path), (path))
CALL(int, unlinkat, (int folder, const char *path, int flags), (folder, path, flags))
CALL(int, rmdir, (const char *path), (path))
CALL(int, mkdir, (const char *path, mode_t mode), (path, mode))
CALL(int, ftruncate, (int file, off_t length), (file, length))

ssize_t write(int file, const void *bytes, size_t length)
{
    ssize_t (*real)(int, const void *, size_t) = (ssize_t(*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write");
    if (!ends())
        return real(file, bytes, length);
    real(file, bytes, length / 2);
    raise(SIGKILL);
    return -1;
}

int open(const char *path, int flags, ...)
{
    int (*real)(const char *, int, ...) = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, "open");
    mode_t mode = 0;
    if (flags & O_CREAT) {
        va_list rest;
        va_start(rest, flags);
        mode = va_arg(rest, mode_t);
        va_end(rest);
        if (ends())
            raise(SIGKILL);
    }
    return real(path, flags, mode);
}
