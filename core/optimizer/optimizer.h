/* The optimizers: how a step of training changes the parameters. One file each (base/optimizers.def): what it keeps of
 * a parameter, by which keys it goes, and its step of one tensor, in the two types of the reference
 * (operation/reference.h). A backend may have a faster loop of its own for one of them; where cpu has none, it takes
 * the step compiled for float.
 */
#ifndef NL_OPTIMIZER_OPTIMIZER_H
#define NL_OPTIMIZER_OPTIMIZER_H

#include "base/choices.h"
#include "operation/operation.h"

/* One of the tensors that the parameters are made of: [offset, offset + count). */
struct nl_update_tensor {
    size_t offset, count;
    enum nl_role role;
    size_t units;   /* of adaptive clipping: a weight's outputs, which lie side by side; 1: the tensor is one; 0: it is
                       not clipped */
    size_t columns; /* of a hidden layer's weight, a matrix of so many outputs side by side for each of its inputs; 0:
                       it is no such matrix */
};

/* The optimizer's step over all parameters: [0, decayed) with weight decay, [decayed, count) without, no tensor across;
 * [0, stepped) are left to the backward passes of their layers. Clipping comes first: adaptive gradient clipping, then
 * that of torch.nn.utils (norm over all gradients with 1e-6 added to it, then value).
 *
 * Adaptive gradient clipping (Brock et al. 2021, equation 3) makes the gradient G of a unit, whose weights are W, agc
 * max(||W||, 1e-3) / ||G|| times as large where it is longer than agc max(||W||, 1e-3). A unit is what makes one output
 * of a layer; a bias, gamma or beta is one as a whole, as in the authors' code. The head, from which the loss is
 * computed, is not clipped.
 *
 * After the step fractions are clipped to [0, 1]. */
struct nl_update {
    enum nl_optimizer optimizer;
    bool nesterov;
    bool decoupled;           /* as struct nl_optimizer_form has it: a GPU cannot ask that */
    size_t count, decayed, stepped;
    bool clips;               /* by the norm over all gradients: in all replicas, or in none */
    size_t units; /* adaptive gradient clipping: the most units of a tensor; 0: it is off, in all replicas */
    int tensors;
    const struct nl_update_tensor *tensor; /* (tensors) in the state, the same in each: all parameters */
    bool has_fractions;       /* one of them is an NL_FRACTION */
    void *w, *grad;           /* real (count) */
    void *first, *second;     /* real (count): what the optimizer keeps; NULL where it keeps none */
    const struct nl_hyper *hyper;
};

/* c (m, n) = a (m, k) b (k, n), dense, rows one after the other; transposed: b is given as (n, k). */
typedef void nl_matrix_product(size_t m, size_t n, size_t k, const void *a, const void *b, bool transposed, void *c);

/* One tensor of one replica, whose gradients are clipped. */
struct nl_tensor_step {
    enum nl_role role;
    size_t count, columns;    /* as in struct nl_update_tensor */
    void *w;                  /* real (count), as are the others */
    const void *grad;
    void *first, *second;     /* 0 before the first step; NULL where the optimizer keeps none */
    double decay;             /* weight decay: 0 where it does not pull at this tensor */
    bool nesterov;
    int64_t number;           /* of steps, with this one */
    const struct nl_hyper *hyper;
    nl_matrix_product *multiply; /* the backend's */
};
typedef void nl_optimizer_step(const struct nl_tensor_step *step);

/* The keys that an optimizer goes by, beside train.lr and train.weight_decay. */
enum {
    NL_BY_MOMENTUM = 1, /* train.momentum */
    NL_BY_NESTEROV = 2, /* train.nesterov, with a momentum */
    NL_BY_BETA1 = 4,
    NL_BY_BETA2 = 8,
    NL_BY_EPS = 16,     /* train.adam_eps */
    NL_BY_TRUST = 32    /* train.trust */
};

struct nl_optimizer_form {
    unsigned keys;            /* NL_BY_... */
    double beta2;             /* what train.beta2 auto stands for; 0: 0.999 */
    int kept;                 /* numbers kept of a parameter: first, and second */
    bool kept_for_momentum;   /* none without a momentum */
    bool decoupled;           /* weight decay multiplies w, and is no part of the gradient */
    bool spares_all_but_weights; /* biases, gammas and betas never decay */
    int scale_power; /* p: on a weight w whose length changes nothing a rate acts as lr / |w|^p does at length 1 (van
                        Laarhoven 2017, section 3) */
    bool on_cuda;             /* update.cuh computes it */
    nl_optimizer_step *step[NL_ELEMENTS];
};
extern const struct nl_optimizer_form *const nl_optimizers[]; /* by enum nl_optimizer */

/* The step of a tensor. bytes: of a number. */
static inline struct nl_tensor_step nl_tensor_step_of(const struct nl_update *op, size_t bytes,
                                                      const struct nl_update_tensor *tensor, int64_t step,
                                                      nl_matrix_product *multiply)
{
#define NL_IN_TENSOR(place) ((place) ? (char *)(place) + tensor->offset * bytes : NULL)
    return (struct nl_tensor_step){.role = tensor->role,
                                   .count = tensor->count,
                                   .columns = tensor->columns,
                                   .w = NL_IN_TENSOR(op->w),
                                   .grad = NL_IN_TENSOR(op->grad),
                                   .first = NL_IN_TENSOR(op->first),
                                   .second = NL_IN_TENSOR(op->second),
                                   .decay = tensor->offset < op->decayed ? op->hyper->weight_decay : 0.0,
                                   .nesterov = op->nesterov,
                                   .number = step + 1,
                                   .hyper = op->hyper,
                                   .multiply = multiply};
#undef NL_IN_TENSOR
}

/* Defines an optimizer: NL_OPTIMIZER(lion) = {.keys = ..., .step = NL_STEPS(lion)}; its step is NL_STEP(lion). */
#define NL_STEPS(name)                                 \
    {                                                  \
        [NL_ELEMENT_DOUBLE] = nl_step_double_##name,   \
        [NL_ELEMENT_FLOAT] = nl_step_float_##name,     \
        [NL_ELEMENT_COMPLEX] = nl_step_complex_##name, \
    }
#define OPTIMIZER(NAME, word, help) \
    extern const struct nl_optimizer_form nl_optimizer_##word; \
    nl_optimizer_step nl_step_double_##word, nl_step_float_##word, nl_step_complex_##word;
#include "base/optimizers.def"

#endif
