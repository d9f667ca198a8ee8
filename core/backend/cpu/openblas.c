/* Loads OpenBLAS once with dlopen, and keeps it to one thread. */
#include "backend/cpu/openblas.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stddef.h>
#include <string.h>

#include "backend/backend.h"
#include "base/system.h"

static const char file[] = NL_SHARED_LIBRARY("openblas", "0");

static const struct {
    const char *name;
    size_t place; /* in `library` */
} functions[] = {
#define ROW(name) {#name, offsetof(struct nl_openblas, name)},
    OPENBLAS_FUNCTIONS(ROW)
#undef ROW
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct nl_openblas library;
static _Atomic bool loaded;
static struct nl_error failure;

static void load(void)
{
    void *handle = dlopen(file, RTLD_NOW);
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        void *function = handle ? dlsym(handle, functions[i].name) : NULL;
        if (!function) {
            nl_fail(&failure, "cannot load %s: %s (Debian package libopenblas0-pthread)", file, dlerror());
            return;
        }
        memcpy((char *)&library + functions[i].place, &function,
               sizeof function); /* POSIX says that a function fits; ISO C has no conversion */
    }
    /* Trials run side by side, a thread each; a BLAS with threads of its own would make them wait for each other. */
    library.openblas_set_num_threads(1);
    loaded = true;
}

const struct nl_openblas *nl_openblas_loaded(void)
{
    return loaded ? &library : NULL;
}

const struct nl_openblas *nl_openblas(struct nl_error *err)
{
    pthread_once(&once, load);
    if (!loaded)
        *err = failure;
    return nl_openblas_loaded();
}

int nl_gemm_check(enum nl_device_kind kind, enum nl_gemm gemm, struct nl_error *err)
{
    return kind != NL_CPU || gemm != NL_GEMM_OPENBLAS || nl_openblas(err) ? NL_OK : NL_FAIL;
}
