/* What a layer of the model asks of the backend: an operation, with its shapes and settings. Where its numbers lie, the plan says. */
#ifndef NL_TRAIN_OPERATION_H
#define NL_TRAIN_OPERATION_H

#include "train/plan.h"

/* What an operation reads and writes. */
struct nl_places {
    void *x, *y, *dy, *dx;   /* activations and their gradients */
    void *w, *b, *dw, *db;   /* parameters; NULL: none */
    void *other, *dother;    /* of a sum: its second term */
};

/* The operation of layer i in that pass of the plan. A normalizer's statistics have no place yet, a shortcut does not join. */
struct nl_op nl_operation(const struct nl_plan *plan, const struct nl_config *config, const struct nl_pass *pass, int i,
                          const struct nl_places *at);

#endif
