#ifndef NL_OPERATION_ACTIVATE_H
#define NL_OPERATION_ACTIVATE_H

#include "base/choices.h"
#include "operation/operation.h"

/* y = f(x), element by element. */
struct nl_activate {
    enum nl_activation kind;
    enum nl_gelu gelu;
    size_t count;        /* elements a sample */
    const void *x;
    void *y;             /* relu: may be x itself */
    const void *dy;
    void *dx;            /* never NULL; may be dy itself */
};

extern const struct nl_operation nl_activate_operation;

#endif
