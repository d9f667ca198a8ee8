/* The plan: a network laid out over one arena, once. A step is a loop over the instructions of a program
 * (graph/program.h): no search, no allocation, no lock.
 *
 *     state of a replica:  table, rows, indices | loss sums, rates | hyper | parameters | gradients | optimizer |
 * states | list of parameters | activations of the training pass | activations of the evaluation pass
 *
 * All that a step of training works on, but for the data, lies in one row, so that it can be moved as a whole. Both
 * passes share the parameters. The plan deals in sizes and places; only the backend knows what a number is.
 */
#ifndef NL_TRAIN_PLAN_H
#define NL_TRAIN_PLAN_H

#include "backend/backend.h"
#include "data/data.h"
#include "graph/program.h"
#include "model/model.h"
#include "operation/gather.h"
#include "operation/mean_gradient.h"
#include "operation/weight_average.h"

/* One way through the network, for so many samples at most. */
struct nl_pass {
    int capacity;
    struct nl_gather gather;   /* the batch, into the graph's inputs */
    struct nl_program program; /* of evaluation: where statistics are fixed, if any are tracked */
    struct nl_program batch_program;    /* of evaluation, if statistics are tracked: where they are the batch's own */
    struct nl_program observed_program; /* of training, if tensors are observed: at the steps that are logged */
    struct nl_program first_program; /* of training, if operations set parameters from a batch: before the first step */
};

enum { NL_SUMS_RING = 64 }; /* steps whose losses are kept on the device until they are read */

struct nl_plan {
    const struct nl_backend *backend;
    const struct nl_kernel *gather;
    const struct nl_graph *graph;
    const char *row_input[NL_MOST_INPUTS]; /* of each of the gather's rows: the input that they are for */
    int replicas;
    void *arena;
    size_t arena_bytes;
    size_t stride;             /* bytes of a replica's state, */
    size_t state_bytes;        /* of which the first so many outlive a step: all but activations */
    /* Pixels or values, and rows that all replicas read, on the backend's device; NULL where they need not be brought
     * there. */
    const void *shared[1 + NL_MOST_INPUTS];
    struct nl_pass train, eval;
    const struct nl_kernel *mean;  /* of gradients, where a batch has several micro-batches; else NULL */
    struct nl_mean_gradient mean_gradient;
    struct nl_update update, frozen_update; /* the second while statistics are frozen */
    struct nl_hyper *hyper;    /* places in the state of replica 0, as all below */
    struct nl_hyper *rates;    /* (NL_SUMS_RING) of steps that are made in one go; NULL: the backend makes none so */
    void *parameters;
    void **state;              /* of the graph's tensors that are no parameters, by number */
    void *average[NL_AVERAGES]; /* real (nl_averaged_count) each: of ema and swa (train/average.c); NULL: none */
    int32_t *order;            /* (view->train_count): indices of an epoch, */
    struct nl_order ordering;  /* and how a backend makes them */
    int32_t *part[3];          /* indices of each part, by enum nl_part */
    struct nl_loss_sums *sums; /* (NL_SUMS_RING) of the training pass */
    struct nl_loss_sums *eval_sums; /* (1) */
    struct nl_observers observers; /* of log.tensors */
    struct nl_observed *observed;  /* (observers) of the last step that was observed */
    char *step_end;            /* a step works on [hyper, step_end), */
    struct nl_executable *executable; /* and the backend can make many of them in one go; NULL: it cannot, */
    bool compiled;             /* if it was asked */
    struct nl_tape *tape[2][2]; /* the backend's recordings of the step; the second of one that is observed, and of one
                                   with frozen statistics */
};

/* Lays everything out and allocates. config, view: any replica's, since their shapes are equal. nl_plan_write comes
 * next. */
int nl_plan_make(struct nl_plan *plan, const struct nl_backend *backend, const struct nl_graph *graph,
                 const struct nl_config *config, const struct nl_split *view, int eval_capacity, int replicas,
                 struct nl_error *err);
void nl_plan_release(struct nl_plan *plan);

/* Bytes of the arena that nl_plan_make would allocate. Of view the counts are enough. NL_FAIL: the backend lacks an
 * operation. */
int nl_plan_bytes(const struct nl_backend *backend, const struct nl_graph *graph, const struct nl_config *config,
                  const struct nl_split *view, int eval_capacity, size_t *bytes, struct nl_error *err);

/* ---- replicas' state (state.c) ---- */

/* What a trial begins with: indices, labels, tables, seeds, initial parameters and statistics. */
void nl_plan_write(const struct nl_plan *plan, int replica, const struct nl_config *config,
                   const struct nl_split *view);

/* Bytes of a tensor. */
size_t nl_tensor_bytes(const struct nl_plan *plan, const struct nl_tensor *tensor);

/* Where a tensor lies in that replica's state. */
void *nl_tensor_in(const struct nl_plan *plan, int replica, const struct nl_tensor *tensor);

/* Whether steps change it: it is a parameter, and no constant. */
static inline bool nl_is_stepped(const struct nl_tensor *tensor)
{
    return nl_is_parameter(tensor->spec.role) && !tensor->constant;
}

/* The units of a parameter for adaptive gradient clipping (struct nl_update_tensor). */
size_t nl_plan_units(const struct nl_plan *plan, const struct nl_tensor *tensor);

/* That place in the state of another replica; NULL stays NULL. */
void *nl_place_in(const struct nl_plan *plan, const void *place, int replica);

/* rows (plan->replicas, bytes): to or from a place in each state. */
void nl_plan_put(const struct nl_plan *plan, void *place, const void *rows, size_t bytes);
void nl_plan_get(const struct nl_plan *plan, void *rows, const void *place, size_t bytes);

/* Running statistics of all replicas start anew. */
void nl_plan_reset_statistics(const struct nl_plan *plan);

/* ---- averages of the weights (average.c) ---- */

/* How many reals an average has: of the parameters, and of the states of reals that are saved with them. */
size_t nl_averaged_count(const struct nl_graph *graph);

/* The weights as they are go into that average, NL_EVAL_EMA or NL_EVAL_SWA, of all replicas with that share. */
void nl_plan_average(const struct nl_plan *plan, const struct nl_run *run, enum nl_eval average, double share);

/* The network gets the average in place of its own weights and states, and the average theirs; a second call takes that
 * back, to the same bytes. */
void nl_plan_exchange(const struct nl_plan *plan, enum nl_eval average);

/* Recordings of the step are void. */
void nl_plan_forget(struct nl_plan *plan);

/* Goes on without that replica: the last one moves to its place. */
void nl_plan_drop(struct nl_plan *plan, int replica);

/* ---- passes (step.c) ---- */

/* A step of training: forward, backward, update. Of pass train, whose gather.index says which batch; its loss goes to
 * run->sums. Of a batch in several micro-batches (train.accumulate) there is a call for each, and the last (run->adds
 * is not set) updates. Where run->observes is set, plan->observed holds afterwards what observers saw; the step's bits
 * are the same. */
void nl_plan_step(struct nl_plan *plan, const struct nl_run *run);

/* Whether nl_plan_steps can make this training's steps. */
bool nl_plan_has_executable(struct nl_plan *plan);

/* So many steps in one go, at most a ring of them, with the bits of nl_plan_step for each: of whole batches that follow
 * one another from that of pass train's gather.index on, in training mode, none observed; their losses go to the ring
 * from run->sums on. rates: plan->rates, where each step has its own, or NULL. */
void nl_plan_steps(struct nl_plan *plan, const struct nl_run *run, const struct nl_hyper *rates, int steps);

/* The call before the first step: operations that say so set their parameters from the batch that pass train's
 * gather.index names. Nothing happens where there are none. What follows may be loaded over it. */
void nl_plan_initialize(const struct nl_plan *plan, const struct nl_run *run);

/* The batch, into the inputs of the graph. */
void nl_plan_gather(const struct nl_plan *plan, const struct nl_pass *pass, const struct nl_run *run);

/* Batch in, loss out: gather, then every instruction forward, of which the last adds the loss to run->sums. */
void nl_plan_forward(const struct nl_plan *plan, const struct nl_pass *pass, const struct nl_run *run);

/* The loss of such a pass: what nl_plan_forward ends with. What it takes is still in its places after that. */
const struct nl_instruction *nl_plan_loss(const struct nl_pass *pass, const struct nl_run *run);

/* The training pass, last to first. */
void nl_plan_backward(const struct nl_plan *plan, const struct nl_run *run);

#endif
