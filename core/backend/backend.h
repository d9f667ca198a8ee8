/* The backends: one table of kernels each, the same mathematics. `ref` is float64, plain C, slow and obviously right: the
 * specification; `cpu` is float32 and made to be fast; `cuda` is float32 on a GPU. Nothing above this header touches a number: a plan deals in
 * sizes and places, values go in and out through upload/download and put_reals/get_reals.
 *
 * Dimension letters: R replicas, N samples, S positions (S = H W), H W height and width, C channels, I O channels in and
 * out, K classes. Activations are [N][S][C], channels last. `real` is the backend's element: double or float.
 *
 * Replicas. A cohort of R trials with equal shapes advances together. Each has its state in memory (parameters, gradients, the optimizer's,
 * statistics, activations, indices), all laid out alike: that of replica r begins r * run->stride bytes after the first. Every pointer in
 * an operation's arguments points into the state of replica 0. Only a data set's pixels or values stand outside.
 *
 * Batches. Operations are laid out for a capacity; a call works on the first run->samples of it, so that a last partial
 * batch needs no second plan.
 *
 * Gradients are assigned, not added: those of a value that several operations take are added up by the graph
 * (graph/differentiate.c). A NULL dx says that nobody asks for it (the first layer), a NULL bias that there is none.
 */
#ifndef NL_BACKEND_BACKEND_H
#define NL_BACKEND_BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/everywhere.h"
#include "config/config.h"
#include "norm/norm.h"

/* Which statistics a normalizer that tracks uses. All others ignore it. */
enum nl_statistics {
    NL_STATS_TRAIN,   /* the batch's own; running statistics are updated */
    NL_STATS_BATCH,   /* the batch's own; nothing is updated */
    NL_STATS_RUNNING, /* the running ones */
    NL_STATS_PRECISE, /* the ones collected by norm_collect */
    NL_STATS_COLLECT, /* the batch's own, merged into the precise ones */
};

/* What a tensor of a network is for. The first four are parameters: learned, with a gradient. The others are states. */
enum nl_role { NL_WEIGHT, NL_BIAS, NL_GAMMA, NL_BETA, NL_RUNNING, NL_UPDATES, NL_PRECISE, NL_PRECISE_COUNT, NL_STREAM_KEY };

static inline bool nl_is_parameter(enum nl_role role)
{
    return role <= NL_BETA;
}

/* The type of a backend's reals. */
enum nl_element { NL_ELEMENT_DOUBLE, NL_ELEMENT_FLOAT, NL_ELEMENT_COMPLEX };

/* What all operations of one call share. */
struct nl_run {
    int replicas;                  /* R */
    size_t stride;                 /* bytes from one replica's state to the next */
    int samples;                   /* N of this call, at most each operation's capacity */
    int64_t step;                  /* weight updates done so far */
    int64_t epoch;                 /* of augmentation */
    enum nl_statistics statistics;
    bool augment;                  /* crop and flip as the gather operation says; off in evaluation */
    bool observes;                 /* a step of training whose tensors are observed */
    int first, batch;              /* a part of a batch (struct nl_micro): the samples before it, from whose sums its own go on, and those in
                                      all. 0, 0: not a part */
    int time;                      /* in the body of a loop (graph/scan.h): the position in the sequences; else 0 */
};

/* The number of the call's first element, of so many in a sample, in the row of a random stream: so that each sample and time has numbers of
 * its own, in whatever parts they are computed. */
static inline NL_EVERYWHERE uint64_t nl_elements_before(const struct nl_run *run, size_t count)
{
    return ((uint64_t)run->time << 40) + (uint64_t)run->first * count;
}

/* What an operation asks for to be called for a part of a batch at a time, with the same bits. Where samples know nothing of one another,
 * forward alone takes any number of them. */
struct nl_micro {
    int unit;     /* samples come in multiples of it until the last part; 0: all of them at once */
    size_t sums;  /* bytes of memory for backward to keep between the parts */
    bool reduces; /* over all samples of the batch: struct nl_kernel says how it is called */
};

/* Numbers that may differ from replica to replica, in the state of each; all double. The trainer writes them before a step. */
struct nl_hyper {
    double lr, momentum, weight_decay, beta1, beta2, adam_eps;
    double trust;                   /* LARS: eta */
    double clip_norm, clip_value;   /* 0: off */
    double dropout;                 /* probability p */
    double norm_eps, norm_momentum; /* norm_momentum < 0: cumulative average */
};

/* The order of epoch run->epoch in each replica: what nl_epoch_order (data/data.h) says of its seed and training part. */
struct nl_order {
    int count;
    const uint64_t *seed;   /* (1) in the state: the trial's */
    const int32_t *samples; /* (count) the training part */
    int32_t *order;         /* (count) */
};

/* A batch: x[n] = sample index[n] standardized, cropped and mirrored if run->augment; labels likewise. A data set of bytes has `pixels`,
 * which go through the table; one of float32 has `values`, v becoming nl_standardized(v, mean[c], scale[c]) (data/data.h): a
 * subtraction and a multiplication in double, rounded to float, the same bits everywhere. Exactly one of the two is not NULL. Where
 * `standardized` is not NULL, both may be left alone: it is what they become.
 * Crop: pixel (i, j) is taken from (i + dy, j + dx), 0 outside; flip first mirrors the image (crop of the mirrored one). */
struct nl_gather {
    int height, width, channels;
    const uint8_t *pixels; /* (count, H, W, C) shared by all replicas (share), or NULL */
    const float *values;   /* (count, H, W, C) likewise */
    const float *standardized; /* (count, H, W, C) in the state, or NULL */
    const int32_t *label_of; /* (count) in the state: label noise is a replica's own */
    const float *table;    /* (C, 256) in the state; with pixels */
    const double *mean, *scale; /* (C) in the state; with values */
    const int32_t *index;  /* (capacity) in the state */
    const int32_t *next;   /* (run->samples) likewise: of the batch after this one, or NULL. A hint: what it needs may be fetched early */
    int crop;              /* offsets are -crop..crop */
    bool flip;
    const uint64_t *seed;  /* (1) of the stream "augment" (data/data.h: nl_augment) */
    void *x;               /* real (capacity, H, W, C) */
    int32_t *labels;       /* (capacity) */
};

/* y = x w + b. w is stored (I, O): the transpose of PyTorch's (O, I).
 *
 * Where `relu` is set, y = relu(x w + b); `masks` says that x is such a y, and that dx is wanted in front of the ReLU: 0 where x is. For backends
 * that say so (fuses_relu). dy is what comes behind this layer's ReLU, the mask already in it.
 *
 * Where `update` is set, backward makes the optimizer's step on w as well, and dw need not hold a gradient afterwards: for backends that
 * say so (steps_weights), and SGD without clipping. It saves the gradient's way to memory and back. */
struct nl_linear {
    enum nl_gemm gemm;
    enum nl_precision precision;    /* of x, w and dy in products; those that the backend `multiplies` */
    int in, out;
    bool relu, masks;
    const void *x;       /* real (capacity, I) */
    const void *w, *b;   /* real (I, O), (O) or NULL */
    void *y;             /* real (capacity, O) */
    const void *dy;      /* as y */
    void *dx, *dw, *db;  /* as x, w, b; dx NULL, or dw and db NULL, where nobody asks for them */
    const struct nl_update *update; /* or NULL */
};

/* y[n, i, j, o] = b[o] + sum over (p, q, c) of x[n, i stride + p - pad, j stride + q - pad, c] w[p, q, c, o]; zeros outside.
 * w is stored (kernel, kernel, I, O): PyTorch's (O, I, kernel, kernel) permuted by (2, 3, 1, 0).
 *
 * "conv" has one group. "depthwise_conv" has as many groups as channels: output o sees input o alone, and w is (kernel, kernel, 1, O). */
struct nl_conv {
    int height, width, in;          /* of x */
    int out_height, out_width, out; /* of y */
    int kernel, stride, pad, groups;
    enum nl_precision precision;    /* as nl_linear's */
    enum nl_gemm gemm;              /* for shapes without a kernel of their own */
    enum nl_conv_algorithm algorithm; /* winograd: where a backend has it for the shape, else direct */
    const void *x;                  /* real (capacity, H, W, I) */
    const void *w, *b;              /* real (kernel, kernel, I, O), (O) or NULL */
    void *y;                        /* real (capacity, out_height, out_width, O) */
    const void *dy;
    void *dx, *dw, *db;
    void *sums;                     /* in the state, as its kernel's micro says; NULL: all samples come at once */
};

/* A normalizer, with the sum at the end of a residual block where `residual` is set, and a ReLU behind it where `relu` is:
 * y = relu(gamma xhat + beta + residual). Its backward recomputes xhat and the mask from x; with a residual it takes the mask
 * from y. mean and var are those of the sets in the last forward call, statistics of the backend: doubles, so that the
 * mean of numbers far from zero keeps its digits; var is biased, the mean of squares where !centers.
 *
 * Where it reduces over the batch, `reduce` makes mean and var of the samples up to its own, and tracks them with the last; `apply` makes y
 * of any normalizer, once mean and var are there. backward_reduce makes the batch's sums and dresidual, backward_apply dx, dgamma and dbeta. */
struct nl_normalize {
    struct nl_norm_setup setup;     /* samples: the capacity */
    const struct nl_norm *norm;     /* whose partition applies: call norm->partition with the samples of the run */
    bool relu;
    bool unbiased;                  /* what running_var stores */
    int affine_count;               /* C, S C (norm.affine = element), or 0: gamma and beta are NULL */
    const void *x;                  /* real (capacity, S, C) */
    const void *gamma, *beta;       /* real (affine_count); beta NULL where !norm->shifts */
    const void *residual;           /* as x: added before the ReLU; NULL: nothing is */
    void *y;
    void *mean, *var;               /* statistic (sets at capacity) */
    void *running_mean, *running_var; /* real (C) where norm->tracks */
    int64_t *updates;               /* (1) number of updates so far: num_batches_tracked */
    double *precise_mean, *precise_var; /* (C) */
    double *precise_count;          /* (1) elements a channel merged so far; 0 starts anew */
    const struct nl_hyper *hyper;   /* norm_eps, norm_momentum */
    const void *dy;
    void *dx, *dgamma, *dbeta;      /* dx may be dy unless there is a residual */
    void *dresidual;                /* where there is a residual; may be dy */
    void *sums;                     /* in the state, as its kernel's micro says; NULL: all samples come at once */
};

struct nl_activate {
    enum nl_activation kind;
    enum nl_gelu gelu;
    size_t count;        /* elements a sample */
    const void *x;
    void *y;             /* relu: may be x itself */
    const void *dy;
    void *dx;            /* never NULL; may be dy itself */
};

/* 2x2 max-pool, stride 2, odd last row and column left out (torch.nn.MaxPool2d(2)). Backward: to the first largest. */
struct nl_max_pool {
    int height, width, channels; /* of x */
    const void *x;       /* real (capacity, H, W, C) */
    void *y;             /* real (capacity, H/2, W/2, C) */
    const void *dy;
    void *dx;
};

/* y[n, c] = mean over positions. */
struct nl_mean_pool {
    int positions, channels;
    const void *x;       /* real (capacity, S, C) */
    void *y;             /* real (capacity, C) */
    const void *dy;
    void *dx;
};

/* The sum at the end of a residual block, with a ReLU behind it where `relu` is set:
 *
 *     y[n, i, j, c] = a[n, i, j, c] + b[n, i stride, j stride, c], without the second term where b has no channel c
 *
 * Backward takes the mask of the ReLU from y. da may be dy; y may be a or b, and db may be da, where the shortcut is the identity
 * (stride 1, as many channels). */
struct nl_add {
    int height, width, channels;                /* of a and y */
    int from_height, from_width, from_channels; /* of b; at most `channels` */
    int stride;
    bool relu;
    const void *a;       /* real (capacity, H, W, C) */
    const void *b;       /* real (capacity, from_height, from_width, from_channels) */
    void *y;             /* as a */
    const void *dy;
    void *da, *db;       /* as a, b */
};

/* y = x mask / (1 - p); mask of element e of sample n at step t: uniform(t, nl_elements_before + n * count + e) >= p of the stream, in training
 * only (run->statistics == NL_STATS_TRAIN); else y = x. Backward draws the same mask again. */
struct nl_dropout {
    size_t count;              /* elements a sample */
    const uint32_t *key;       /* (2) struct nl_stream of the layer, in the state */
    const struct nl_hyper *hyper;
    const void *x;
    void *y;
    const void *dy;
    void *dx;
};

/* y += x, over `count` reals of each replica, whatever the run's samples. */
struct nl_accumulate {
    size_t count;
    const void *x;
    void *y;
};

/* y = x, whatever the run's samples. */
struct nl_copy {
    size_t count;
    const void *x;
    void *y;
};

/* y = 0 */
struct nl_zero {
    int channels;        /* of a node's output */
    size_t count;        /* elements of a row */
    bool per_sample;     /* the rows are the run's samples; else there is one */
    void *y;             /* real (rows, count) */
};

/* Sequences from x[n][t] to y[t][n], or, where `leaves` is set, from x[t][n] to y[n][t]: `times` positions of so many channels. */
struct nl_transpose {
    int times, channels;
    bool leaves;
    const void *x;       /* real (samples, times, C), or (times, samples, C): of the run's samples, whatever the capacity */
    void *y;             /* real (times, samples, C), or (samples, times, C) */
    const void *dy;
    void *dx;
};

/* What is seen of a tensor, for a log. */
struct nl_observed {
    double elements, sum, squares;
    double deviations; /* sum of the squared deviations from the mean: of numbers far from zero, `squares` would have lost them */
    double zeros;
};

/* What is seen of two tensors together (Chan, Golub and LeVeque 1979). */
static inline NL_EVERYWHERE struct nl_observed nl_seen_together(struct nl_observed a, struct nl_observed b)
{
    if (!(a.elements > 0))
        return b;
    double elements = a.elements + b.elements, apart = b.sum / b.elements - a.sum / a.elements;
    a.deviations += b.deviations + apart * apart * (a.elements * b.elements / elements);
    a.elements = elements;
    a.sum += b.sum;
    a.squares += b.squares;
    a.zeros += b.zeros;
    return a;
}

/* Each row is looked at by itself, and joins those before it: a call for a part of a batch goes on from the parts before it with the same bits.
 * Where `before` is set, it is x - before that is observed. */
struct nl_observe {
    size_t count;        /* elements of a row */
    bool per_sample;     /* the rows are the run's samples; else there is one */
    const void *x;       /* real (rows, count) */
    const void *before;  /* as x, or NULL */
    struct nl_observed *seen; /* in the state */
};

/* Softmax cross-entropy. sums[0] += sum of losses over the samples, sums[1] += number of correct ones (the first largest logit counts);
 * dlogits = (softmax - onehot) / N unless NULL. A NaN loss stays NaN. */
struct nl_loss {
    int classes;
    const void *logits;       /* real (capacity, K) */
    const int32_t *labels;    /* (capacity) */
    double *sums;             /* (2) */
    void *dlogits;
};

/* One of the tensors that the parameters are made of: [offset, offset + count). */
struct nl_update_tensor {
    size_t offset, count;
    enum nl_role role;
};

/* The optimizer's step over all parameters: [0, decayed) with weight decay, [decayed, count) without, no tensor across; [0, stepped) are left
 * to the backward passes of their layers. Clipping comes first (torch.nn.utils: norm over all gradients with 1e-6 added to it, then value).
 *
 * SGD, Adam and AdamW are those of torch.optim. With g a gradient, wd the weight decay (0 outside of [0, decayed)) and m = first:
 *
 *     Lion (Chen et al. 2023)                  u = sign(beta1 m + (1 - beta1) g);  w = w - lr (u + wd w);  m = beta2 m + (1 - beta2) g
 *     LARS (You, Gitman and Ginsburg 2017)     m = momentum m + lr rate (g + wd w);  w = w - m
 *
 * where sign(0) is 0, and rate is trust ||w|| / (||g|| + wd ||w||) of each weight, by the norms of its whole tensor; it is 1 where one of the two
 * norms is 0, and of biases, gammas and betas. The squares are summed in double, in an order that hangs on the tensor's size alone. */
struct nl_update {
    enum nl_optimizer optimizer;
    bool nesterov;
    size_t count, decayed, stepped;
    int tensors;
    const struct nl_update_tensor *tensor; /* (tensors) in the state, the same in each: all parameters. LARS alone needs it */
    void *w, *grad;           /* real (count) */
    void *first, *second;     /* real (count): momentum buffer or mean; mean of squares; NULL where not needed */
    const struct nl_hyper *hyper;
};

/* Computes an operation. arguments: the operation's own struct (struct nl_conv, ...). */
typedef void nl_kernel_function(const struct nl_run *run, const void *arguments);

/* What a backend has for one operation: "gather", "linear", "conv", "depthwise_conv", "normalize", "activate", "max_pool", "mean_pool", "add",
 * "accumulate", "dropout", "copy", "zero", "transpose", "observe" or "loss". */
struct nl_kernel {
    const char *operation;
    nl_kernel_function *forward, *backward; /* backward NULL: of "gather", "accumulate", "copy", "zero", "observe" and "loss" */
    /* Where there are micro_bytes: */
    struct nl_micro (*micro)(const void *arguments);      /* NULL: samples know nothing of one another, and any number will do */
    nl_kernel_function *reduce, *apply;                   /* of an operation that reduces over the batch: forward is reduce for each part, then
                                                             apply for each part */
    nl_kernel_function *backward_reduce, *backward_apply; /* backward likewise */
};

struct nl_tape; /* the backend's own */

struct nl_backend {
    const char *name;         /* device.kind */
    const char *help;
    enum nl_element element;
    size_t real;              /* bytes of an element, */
    size_t statistic;         /* and of a normalizer's mean or var: a double, where elements are real */
    bool steps_weights;       /* the backward of "linear" heeds `update` */
    bool fuses_relu;          /* its forward heeds `relu`, and its backward `masks` */
    size_t standardized;      /* bytes of standardized samples that gather is better off with than with pixels; 0: never */
    size_t micro_bytes;       /* of the largest activation, for as many samples as operations are best called for in turn; 0: always for all */

    /* The machine's devices of this kind: how many, and what one is. 0: none, and err says why. NULL: the processor. */
    int (*devices)(struct nl_error *err);
    void (*describe)(int device, char *text, size_t size);
    /* Bytes of that device's memory that are free. NULL: its memory is the machine's. */
    double (*memory)(int device);
    /* Whether that device, which is there, can multiply elements of that precision; NL_FAIL: err says why not. NULL: float32 alone. */
    int (*multiplies)(int device, enum nl_precision precision, struct nl_error *err);

    /* Once in every thread that runs steps, before anything else: on which device (from 0), denormals to zero, ... */
    int (*thread_begin)(int device, struct nl_error *err);
    /* Waits for the thread's work, and says what went wrong in it; until then failed work gives zeros. NULL: nothing can. */
    int (*status)(struct nl_error *err);

    /* memory; alloc is zeroed, NULL when there is none left */
    void *(*alloc)(size_t bytes);
    void (*free)(void *memory, size_t bytes);
    void (*upload)(void *to, const void *from, size_t bytes);
    void (*download)(void *to, const void *from, size_t bytes);
    void (*put_reals)(void *to, const double *from, size_t count);
    void (*get_reals)(double *to, const void *from, size_t count);
    /* `count` rows of so many bytes in one go: dense on the host's side, `stride` bytes from one to the next on the other. NULL functions:
     * one by one is as fast. */
    void (*upload_rows)(void *to, size_t stride, const void *from, size_t bytes, int count);
    void (*download_rows)(void *to, const void *from, size_t stride, size_t bytes, int count);

    /* The device's copy of memory that all replicas and threads read, made once however many ask for it; NULL when there is no
     * room. NULL functions: the memory itself does. */
    const void *(*share)(const void *memory, size_t bytes);
    void (*unshare)(const void *shared);

    /* Runs body(context), a step whose operations are the same each time but for run->step, run->epoch, the batch's index and the place of
     * the loss: a backend to which launching is dear records it on *tape (NULL at first; one for each number of samples) and replays it.
     * NULL functions: there is nothing to save. */
    void (*replay)(struct nl_tape **tape, const struct nl_run *run, const int32_t *index, double *sums, void (*body)(const void *context),
                   const void *context);
    void (*forget)(struct nl_tape *tape); /* NULL is legal */

    void (*order)(const struct nl_run *run, const struct nl_order *op); /* NULL: the host makes it */
    void (*update)(const struct nl_run *run, const struct nl_update *op);
    const struct nl_kernel *kernels; /* ends with one without a name */
};

extern const struct nl_backend nl_backend_ref, nl_backend_cpu, nl_backend_cuda;
extern const struct nl_backend *const nl_backends[]; /* those that run on every machine; ends with NULL */
const struct nl_backend *nl_backend_of(enum nl_device_kind kind); /* NULL: this program was built without it */
int nl_device_check(enum nl_device_kind kind, int device, struct nl_error *err); /* whether there is such a device */
double nl_device_memory(enum nl_device_kind kind, int device);                   /* bytes that trials may still take there */
int nl_precision_check(enum nl_device_kind kind, int device, enum nl_precision precision, struct nl_error *err); /* whether it has that one */
int nl_gemm_check(enum nl_device_kind kind, enum nl_gemm gemm, struct nl_error *err); /* whether it can compute products so; loads what does */
/* The backend, with this thread set to work on that device and to compute products so; NULL: it cannot. */
const struct nl_backend *nl_device_begin(enum nl_device_kind kind, int device, enum nl_gemm gemm, struct nl_error *err);
/* Waits for this thread's work there; NL_FAIL: something went wrong in it, and numbers read since are none. */
int nl_backend_status(const struct nl_backend *backend, struct nl_error *err);

/* What the backend has for that operation; NULL: nothing. */
const struct nl_kernel *nl_kernel_find(const struct nl_backend *backend, const char *operation);

/* The reference's kernel for that element, which computes in the host's memory: for what a backend has no kernel of its own. NULL: there is
 * no such operation. */
const struct nl_kernel *nl_reference_kernel(enum nl_element element, const char *operation);

/* Number of sets that a call with `samples` samples makes, and the buffer size that mean and var need at capacity. */
int nl_normalize_sets(const struct nl_normalize *op, int samples);

#endif
