/* What a kernel is: a function that computes an operation on a backend, and what it is told.
 *
 * Dimension letters: R replicas, N samples, S positions (S = H W), H W height and width, C channels, I O channels in
 * and out, K classes. Activations are [N][S][C], channels last. `real` is the backend's element: double or float.
 *
 * Replicas. A cohort of R trials with equal shapes advances together. Each has its state in memory (parameters,
 * gradients, the optimizer's, statistics, activations, indices), all laid out alike: that of replica r begins r *
 * run->stride bytes after the first. Only a data set's pixels or values stand outside. A kernel of a GPU computes all
 * replicas: every pointer in its arguments points into the state of replica 0. A kernel of the host computes one, and
 * is called for one after the other.
 *
 * Batches. Operations are laid out for a capacity; a call works on the first run->samples of it, so that a last partial
 * batch needs no second plan.
 *
 * Gradients are assigned, not added: those of a value that several operations take are added up by the graph
 * (graph/differentiate.c). A NULL dx says that nobody asks for it (the first layer), a NULL bias that there is
 * none. */
#ifndef NL_OPERATION_KERNEL_H
#define NL_OPERATION_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/everywhere.h"
#include "norm/norm.h"

/* Which statistics a normalizer that tracks uses. All others ignore it. */
enum nl_statistics {
    NL_STATS_TRAIN,   /* the batch's own; running statistics are updated */
    NL_STATS_BATCH,   /* the batch's own; nothing is updated */
    NL_STATS_RUNNING, /* the running ones */
    NL_STATS_FROZEN,  /* the same, in a step of training (norm.freeze) */
    NL_STATS_PRECISE, /* the ones collected by norm_collect */
    NL_STATS_COLLECT, /* the batch's own, merged into the precise ones */
};

/* Whether they do not depend on the batch. */
static inline bool nl_are_fixed(enum nl_statistics statistics)
{
    return statistics == NL_STATS_RUNNING || statistics == NL_STATS_FROZEN || statistics == NL_STATS_PRECISE;
}

/* Whether it is a step of training, in which units are dropped. */
static inline NL_EVERYWHERE bool nl_is_step(enum nl_statistics statistics)
{
    return statistics == NL_STATS_TRAIN || statistics == NL_STATS_FROZEN;
}

/* What a tensor of a network is for. The first five are parameters: learned, with a gradient. The others are states. A
 * fraction is a gamma that the optimizer's step keeps between 0 and 1. */
enum nl_role {
    NL_WEIGHT,
    NL_BIAS,
    NL_GAMMA,
    NL_BETA,
    NL_FRACTION,
    NL_RUNNING,
    NL_UPDATES,
    NL_HISTORY,
    NL_PRECISE,
    NL_PRECISE_COUNT,
    NL_STREAM_KEY
};

static inline bool nl_is_parameter(enum nl_role role)
{
    return role <= NL_FRACTION;
}

/* The type of a backend's reals. */
enum nl_element { NL_ELEMENT_DOUBLE, NL_ELEMENT_FLOAT, NL_ELEMENT_COMPLEX, NL_ELEMENTS };

enum { NL_MOST_INPUTS = 4 }; /* of a network: x, labels, lengths, ... */

/* What the loss of a batch comes to. Calls add to it. */
struct nl_loss_sums {
    double loss;    /* sum of the losses */
    double correct; /* how many of them have the right answer */
    double counted; /* how many there are: samples, or the positions that their lengths count */
};

/* Is shown what observers read, on the host (the reference alone): `rows` rows of `count` reals at x, of samples
 * from run->first on where they are a batch's. seen: where the observer puts what it sees. */
struct nl_run;
struct nl_observed;
struct nl_viewer {
    void (*show)(struct nl_viewer *viewer, const struct nl_run *run, const struct nl_observed *seen, const void *x,
                 size_t rows, size_t count);
    /* Is called by attention for each query of each head and sample in turn: the entropy of its weights in nats, and
     * its largest score. */
    void (*attend)(struct nl_viewer *viewer, double entropy, double largest);
};

/* What all operations of one call share. */
struct nl_run {
    int replicas;                  /* R; 1 in a call on the host */
    size_t stride;                 /* bytes from one replica's state to the next */
    int samples;                   /* N of this call, at most each operation's capacity */
    int64_t step;                  /* weight updates done so far */
    int64_t epoch;                 /* of augmentation */
    enum nl_statistics statistics;
    bool augment;                  /* crop and flip as the gather operation says; off in evaluation */
    bool observes;                 /* a step of training whose tensors are observed */
    struct nl_loss_sums *sums;     /* in the state: the loss adds to it */
    int first, batch; /* a part of a batch (struct nl_micro): the samples before it, from whose sums its own go on, and
                         those in all. 0, 0: not a part */
    int before; /* of a batch that is computed in micro-batches (train.accumulate): samples in those before this one, */
    bool adds;                     /* and whether more come after it, so that no step is made yet */
    bool begins;                   /* it is of the first step of an epoch */
    struct nl_viewer *viewer;      /* or NULL */
    double *seconds;               /* of each instruction, to which the time of its calls is added; NULL: no times */
    int time;                      /* in the body of a loop (graph/loop.h): the position in the sequences; else 0 */
};

/* The number of the call's first element, of so many in a sample, in a row of a random stream: each sample and time has
 * numbers of its own, in whatever parts they are computed. */
static inline NL_EVERYWHERE uint64_t nl_elements_before(const struct nl_run *run, size_t count)
{
    return ((uint64_t)run->time << 40) + (uint64_t)(run->before + run->first) * count;
}

/* What an operation asks for to be called for a part of a batch at a time, with the same bits. Where samples know
 * nothing of one another, forward alone takes any number of them. */
struct nl_micro {
    int unit;     /* samples come in multiples of it until the last part; 0: all of them at once */
    size_t sums;  /* bytes of memory for backward to keep between the parts */
    bool reduces; /* over all samples of the batch: struct nl_kernel says how it is called */
    bool rereads; /* each part reads a matrix of weights again, which small parts do not pay for */
    bool joins;   /* on a backend that makes several calls in one go (run_calls): with those of its neighbours, for all
                     samples; one that reduces comes in its two parts */
};

/* Numbers that may differ from replica to replica, in the state of each; all double: the keys that are HYPER_KEY, as
 * HYPER(section, field) each, by their fields; both an optimizer and a normalizer have a momentum, so what is a
 * normalizer's is norm_eps, norm_momentum. The trainer writes them before a step: what of a key is 0 may be off, and a
 * norm_momentum below 0 is the cumulative average. */
#define NL_HYPER_model(field) field
#define NL_HYPER_train(field) field
#define NL_HYPER_norm(field) norm_##field
struct nl_hyper {
#define HYPER(section, field) double NL_HYPER_##section(field);
#include "operation/hyper.def"
#undef HYPER
    double norm_numbers[NL_NORM_NUMBERS]; /* what else a normalizer goes by (norm/coefficients.h) */
};

/* What a node has in place of such a number, the same in all replicas: a value of the network, not of the trial. */
struct nl_override {
    bool given; /* else the replica's counts */
    double value;
};

static inline NL_EVERYWHERE double nl_override_or(struct nl_override own, double of_replica)
{
    return own.given ? own.value : of_replica;
}

/* Computes an operation. arguments: the operation's own struct (struct nl_conv, ...). */
typedef void nl_kernel_function(const struct nl_run *run, const void *arguments);

/* What a backend has for one operation. */
struct nl_kernel {
    bool (*suits)(const void *arguments);   /* whether it computes an operation with these arguments; NULL: with all */
    nl_kernel_function *forward, *backward; /* backward NULL: no gradient goes through it */
    /* Where there are micro_bytes, or calls that are made in one go: */
    struct nl_micro (*micro)(const void *arguments); /* NULL: where samples know nothing of one another, and no gradient
                                                        of a weight sums over them, any number will do */
    nl_kernel_function *reduce, *apply; /* of an operation that reduces over the batch: forward is reduce for each part,
                                           then apply for each part */
    nl_kernel_function *backward_reduce, *backward_apply; /* backward likewise */
    /* In a loop, whose times all take the same weights: these are packed once, in front of it, for forward and for
     * backward, into so many bytes in each replica's state (operands' `packed`). NULL, or 0 bytes: they are taken as
     * they are. */
    size_t (*packed_bytes)(const void *arguments);
    nl_kernel_function *pack, *backward_pack;
};

#endif
