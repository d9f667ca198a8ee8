/* The backends: what computes operations, the same mathematics on each. `ref` is float64, plain C, slow and obviously
 * right: the specification of every operation (operation/reference.h); `cpu` is float32 and made to be fast; `cuda` is
 * float32 on a GPU. Nothing above this header touches a number: a plan deals in sizes and places, values go in and out
 * through upload/download and put_reals/get_reals.
 */
#ifndef NL_BACKEND_BACKEND_H
#define NL_BACKEND_BACKEND_H

#include "base/choices.h"
#include "base/error.h"
#include "operation/operation.h"
#include "optimizer/optimizer.h"

/* The order of epoch run->epoch in each replica: what nl_epoch_order (data/data.h) says of its seed and training
 * part. */
struct nl_order {
    int count;
    const uint64_t *seed;   /* (1) in the state: the trial's */
    const int32_t *samples; /* (count) the training part; NULL: what is drawn is the sample */
    uint32_t draws;         /* each of the order is drawn from so many; 0: it is a permutation */
    int32_t *order;         /* (count) */
};

/* A kernel of the backend's own, for one operation. */
struct nl_own_kernel {
    const struct nl_operation *operation;
    const struct nl_kernel *kernel;
};

struct nl_gather; /* operation/gather.h */

/* A kernel's call in a step: its arguments are bound to places in the first replica's state. */
struct nl_call {
    const struct nl_operation *operation;
    nl_kernel_function *function;
    const void *arguments;
    const struct nl_operands *at; /* those places */
    int until; /* what it makes, its first output or the gradient of its first input, is last taken by the call that
                  comes so many after it */
};

/* A step of training as a list, for a backend that makes many of them in one go: a batch is gathered, then come the
 * calls, then the optimizer. All places but the gather's sources lie in [begin, end) of the first replica's state, and
 * [begin, kept) outlives the step. Both ends are multiples of 64 bytes. */
struct nl_step {
    const struct nl_gather *gather;
    int calls;
    const struct nl_call *call;
    const struct nl_update *update;
    char *begin, *kept, *end;
};

struct nl_tape;    /* the backend's own, */
struct nl_executable; /* as this one */

struct nl_backend {
    const char *name;         /* device.kind */
    const char *help;
    enum nl_element element;
    size_t real;              /* bytes of an element, */
    size_t statistic;         /* and of a normalizer's mean or var: a double, where elements are real */
    bool steps_weights;       /* the backward of "linear" heeds `update` */
    bool adds_gradients;      /* the backward of "linear" and "conv" heeds `adds` */
    bool fuses_activations;   /* its forward heeds `relu` and `activates`, and its backward `masks` and `x_slope` */
    size_t standardized; /* bytes of standardized samples that gather is better off with than with pixels; 0: never */
    size_t micro_bytes;  /* of the largest activation, for as many samples as operations are best called for in turn; 0:
                            always for all */

    /* The machine's devices of this kind: how many, and what one is. 0: none, and err says why. NULL: the processor. */
    int (*devices)(struct nl_error *err);
    void (*describe)(int device, char *text, size_t size);
    /* Bytes of that device's memory that are free. NULL: its memory is the machine's. */
    double (*memory)(int device);
    /* Whether that device, which is there, can multiply elements of that precision; NL_FAIL: err says why not. NULL:
     * float32 alone. */
    int (*multiplies)(int device, enum nl_precision precision, struct nl_error *err);

    /* Once in every thread that runs steps, before anything else: on which device (from 0), denormals to zero, ... */
    int (*thread_begin)(int device, struct nl_error *err);
    /* Waits for the thread's work, and says what went wrong in it; until then failed work gives zeros. NULL: nothing
     * can. */
    int (*status)(struct nl_error *err);
    /* Whether what went wrong in this thread's work ended the device's work for the whole program: nothing runs there
     * again. NULL: nothing does. */
    bool (*is_lost)(void);

    /* memory; alloc is zeroed, NULL when there is none left */
    void *(*alloc)(size_t bytes);
    void (*free)(void *memory, size_t bytes);
    void (*upload)(void *to, const void *from, size_t bytes);
    void (*download)(void *to, const void *from, size_t bytes);
    void (*put_reals)(void *to, const double *from, size_t count);
    void (*get_reals)(double *to, const void *from, size_t count);
    /* `count` rows of so many bytes in one go: dense on the host's side, `stride` bytes from one to the next on the
     * other. NULL functions: one by one is as fast. */
    void (*upload_rows)(void *to, size_t stride, const void *from, size_t bytes, int count);
    void (*download_rows)(void *to, const void *from, size_t stride, size_t bytes, int count);

    /* The device's copy of memory that all replicas and threads read, made once however many ask for it; NULL when
     * there is no room. NULL functions: the memory itself does. */
    const void *(*share)(const void *memory, size_t bytes);
    void (*unshare)(const void *shared);

    /* Runs body(context), a step whose operations are the same each time but for run->step, epoch, begins, sums and the
     * batch's index: a backend to which launching is dear records it on *tape (NULL at first; one for each number of
     * samples and place in the batch) and replays it. NULL functions: there is nothing to save. */
    void (*replay)(struct nl_tape **tape, const struct nl_run *run, const int32_t *index,
                   void (*body)(const void *context), const void *context);
    void (*forget)(struct nl_tape *tape); /* NULL is legal */

    /* Steps of small networks, many in one go. compile: what is run then, for steps like `run`; NULL: these take one by
     * one. The bits are the same either way. execute: so many steps, run->step the first, of batches of
     * run->samples from `index` on, whose losses go to run->sums and on; rates: (steps) in the state, what hyper is in
     * each, or NULL: it stays as it is. NULL functions: all take one by one. */
    struct nl_executable *(*compile)(const struct nl_step *step, const struct nl_run *run);
    void (*execute)(const struct nl_executable *executable, const struct nl_run *run, const int32_t *index,
                    const struct nl_hyper *rates, int steps);
    void (*discard)(struct nl_executable *executable); /* NULL is legal */

    /* Makes calls that come one after the other, for all samples: one by one, or several in one go, where what one
     * makes for the next need not be written. NULL: they are made one by one. */
    void (*run_calls)(const struct nl_run *run, const struct nl_call *call, int calls);

    void (*order)(const struct nl_run *run, const struct nl_order *op); /* NULL: the host makes it */
    void (*update)(const struct nl_run *run, const struct nl_update *op); /* like a kernel */
    const struct nl_own_kernel *kernels; /* ends with one of no operation; NULL: it has none of its own */
};

extern const struct nl_backend nl_backend_ref, nl_backend_cpu, nl_backend_cuda;
extern const struct nl_backend *const nl_backends[]; /* those that run on every machine; ends with NULL */
const struct nl_backend *nl_backend_of(enum nl_device_kind kind); /* NULL: this program was built without it */
int nl_device_check(enum nl_device_kind kind, int device, struct nl_error *err); /* whether there is such a device */
double nl_device_memory(enum nl_device_kind kind, int device); /* bytes that trials may still take there */
int nl_precision_check(enum nl_device_kind kind, int device, enum nl_precision precision,
                       struct nl_error *err); /* whether it has that one */
int nl_gemm_check(enum nl_device_kind kind, enum nl_gemm gemm,
                  struct nl_error *err); /* whether it can compute products so; loads what does */
/* The backend, with this thread set to work on that device and to compute products so; NULL: it cannot. */
const struct nl_backend *nl_device_begin(enum nl_device_kind kind, int device, enum nl_gemm gemm, struct nl_error *err);
/* Waits for this thread's work there; NL_FAIL: something went wrong in it, and numbers read since are none. */
int nl_backend_status(const struct nl_backend *backend, struct nl_error *err);
/* After such a failure: whether all other work of this program on such a device will fail, too. */
bool nl_device_is_lost(enum nl_device_kind kind);

/* Whether its kernels compute one replica, not all (operation/kernel.h). */
static inline bool nl_is_on_host(const struct nl_backend *backend)
{
    return !backend->devices;
}

/* What computes an operation with these arguments on a backend: its own kernel, or, where it computes on the host, the
 * reference's. NULL: nothing does. */
const struct nl_kernel *nl_kernel_of(const struct nl_backend *backend, const struct nl_operation *operation,
                                     const void *arguments);

#endif
