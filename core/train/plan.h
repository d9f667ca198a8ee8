/* The plan: a network laid out over one arena, once. A step is a loop over a flat list of operations, forwards and then
 * backwards: no search, no allocation, no lock.
 *
 *     image of a replica:  hyper | parameters | gradients | optimizer | normalizer state | indices, labels, table | activations of
 *                          the training pass | activations of the evaluation pass | loss sums
 *
 * Both passes share the parameters. The plan deals in sizes and places; what a number is, only the backend knows.
 */
#ifndef NL_TRAIN_PLAN_H
#define NL_TRAIN_PLAN_H

#include "backend/backend.h"
#include "data/data.h"
#include "model/model.h"

struct nl_op {
    enum nl_layer_kind kind;
    const struct nl_kernel *kernel;
    union { /* the kernel's arguments */
        struct nl_linear linear;
        struct nl_conv conv;
        struct nl_normalize normalize;
        struct nl_activate activate;
        struct nl_dropout dropout;
        struct nl_max_pool max_pool;
        struct nl_mean_pool mean_pool;
        struct nl_add add;
    };
    bool recomputes;    /* its input was not kept: before its backward, the normalizer before it makes it again */
    bool joins;         /* a shortcut leaves where this operation's input does: */
    struct nl_add join; /* after its backward, adds the shortcut's gradient to that of the input */
};

/* All members of the union begin where it begins. */
static inline const void *nl_op_arguments(const struct nl_op *op)
{
    return &op->linear;
}

/* One way through the network: the operations at a batch capacity. */
struct nl_pass {
    int capacity;
    struct nl_gather gather;
    int ops;
    struct nl_op *op;
    struct nl_loss loss;
    /* The first `local` operations are called for `micro` samples, then for the next (microbatch.h). 0: for all at once. */
    int local, micro;
    bool if_fixed;             /* if statistics are not the batch's own, that is: some are tracked */
    bool reduces;              /* normalizers among them reduce over the batch */
    const void *shared;        /* buffers that take turns (turns.h): gradients, or the activations of evaluation */
    size_t shared_bytes;
};

enum { NL_SUMS_RING = 64 }; /* steps whose losses are kept on the device until they are read */

struct nl_plan {
    const struct nl_backend *backend;
    const struct nl_kernel *gather, *add, *loss;
    const struct nl_model *model;
    int replicas;
    void *arena;
    size_t arena_bytes;
    size_t stride;             /* bytes of an image, */
    size_t state_bytes;        /* of which the first so many outlive a step: all but activations */
    const void *samples;       /* the data set's, on the backend's device; NULL where they need not be brought there */
    struct nl_pass train, eval;
    struct nl_update update;
    struct nl_hyper *hyper;    /* places in the image of replica 0, as all below */
    void *parameters, *running_mean, *running_var; /* running: (channels of all normalizers, in order) */
    int64_t *updates;          /* (normalizers) */
    double *precise_counts;    /* (normalizers) */
    int normalizers;
    uint32_t *dropout_keys;    /* (layers, 2) */
    int32_t *order;            /* (view->train_count): indices of an epoch, */
    struct nl_order ordering;  /* and how a backend makes them */
    int32_t *part[3];          /* indices of each part, by enum nl_part */
    double *sums;              /* (NL_SUMS_RING, 2) of the training pass */
    double *eval_sums;         /* (2) */
    struct nl_tape *tape;      /* the backend's recordings of the step */
};

/* Lays everything out and allocates. config, view: any replica's, since their shapes are equal. nl_plan_write comes next. */
int nl_plan_make(struct nl_plan *plan, const struct nl_backend *backend, const struct nl_model *model, const struct nl_config *config,
                 const struct nl_split *view, int eval_capacity, int replicas, struct nl_error *err);
void nl_plan_release(struct nl_plan *plan);

/* Bytes of the arena that nl_plan_make would allocate. Of view the counts are enough. */
size_t nl_plan_bytes(const struct nl_backend *backend, const struct nl_model *model, const struct nl_config *config,
                     const struct nl_split *view, int eval_capacity);

/* ---- images (images.c) ---- */

/* What a trial begins with: indices, labels, tables, seeds, initial parameters and statistics. */
void nl_plan_write(const struct nl_plan *plan, int replica, const struct nl_config *config, const struct nl_split *view);

/* The plan with places in that replica's image instead of the first, and nothing else in it: to save it, or load it. It owns nothing. */
struct nl_plan nl_plan_replica(const struct nl_plan *plan, int replica);

/* rows (plan->replicas, bytes): to or from a place in each image. */
void nl_plan_put(const struct nl_plan *plan, void *place, const void *rows, size_t bytes);
void nl_plan_get(const struct nl_plan *plan, void *rows, const void *place, size_t bytes);

/* Goes on without that replica: the last one moves to its place. */
void nl_plan_drop(struct nl_plan *plan, int replica);

/* ---- passes (step.c) ---- */

/* A step of training: forward, backward, update. Of pass train, whose gather.index and loss.sums say which batch and where its loss goes. */
void nl_plan_step(struct nl_plan *plan, const struct nl_run *run);

/* Batch in, loss out: gather, every operation, loss (added to pass->loss.sums). */
void nl_plan_forward(const struct nl_plan *plan, const struct nl_pass *pass, const struct nl_run *run);

/* Every operation of the training pass, last to first. */
void nl_plan_backward(const struct nl_plan *plan, const struct nl_run *run);

#endif
