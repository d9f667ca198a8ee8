#include "fetch/libraries.h"

#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

#include "base/system.h"

struct libraries lib;

static const struct function {
    const char *library, *name;
    size_t place; /* in `lib` */
} functions[] = {
#define OF_CURL(name) {NL_SHARED_LIBRARY("curl", "4"), #name, offsetof(struct libraries, name)},
#define OF_ARCHIVE(name) {NL_SHARED_LIBRARY("archive", "13"), #name, offsetof(struct libraries, name)},
    CURL_FUNCTIONS(OF_CURL) ARCHIVE_FUNCTIONS(OF_ARCHIVE)
};

int load_libraries(struct nl_error *err)
{
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        const struct function *f = &functions[i];
        void *library = dlopen(f->library, RTLD_NOW),
             *function = library ? dlsym(library, f->name) : NULL; /* the same one each time */
        if (!function)
            return nl_fail(err, "cannot load %s, which fetches and unpacks: %s", f->library, dlerror());
        memcpy((char *)&lib + f->place, &function,
               sizeof function); /* POSIX says that a function fits; ISO C has no conversion */
    }
    return NL_OK;
}
