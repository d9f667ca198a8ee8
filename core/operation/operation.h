/* Operations: what a network is made of. Each stands in a file of its own (conv.c, add.c, ...). Its descriptor says
 * what it makes of its inputs, what it learns and keeps, and what its backward pass reads. Its kernels in the reference
 * (reference.h) are the specification of what it computes; faster ones belong to the backends.
 *
 * Inputs stand in numbered slots, activations and parameters alike: a convolution has x, its weight and its bias. A
 * parameter that nobody puts into its slot is made with the node.
 *
 * These files are compiled once for each element of the reference: what they define beside descriptor and kernels is
 * static, or inline in a header.
 */
#ifndef NL_OPERATION_OPERATION_H
#define NL_OPERATION_OPERATION_H

#include <string.h>

#include "base/error.h"
#include "base/random.h"
#include "base/sizes.h"
#include "operation/kernel.h"

enum {
    NL_MOST_SLOTS = 12,
    NL_MOST_OUTPUTS = 4,
    NL_MOST_STATES = 9,
    NL_MOST_SAVED = 4,
    NL_MOST_DIMS = 4,
    NL_MOST_ARGUMENTS = 512 /* bytes */
};

/* A sample's activations: S = height x width positions of so many channels. */
struct nl_extent {
    int height, width, channels;
};

static inline int nl_positions(struct nl_extent extent)
{
    return extent.height * extent.width;
}

/* Numbers of a sample; the largest size where they are more (base/sizes.h). */
static inline size_t nl_elements(struct nl_extent extent)
{
    return nl_size_times(nl_size_times((size_t)extent.height, (size_t)extent.width), (size_t)extent.channels);
}

/* REAL: the backend's element. Of values there are REAL and INT32. */
enum nl_tensor_type { NL_TENSOR_REAL, NL_TENSOR_DOUBLE, NL_TENSOR_INT32, NL_TENSOR_INT64, NL_TENSOR_UINT32 };

/* A tensor that an operation owns. */
struct nl_tensor_spec {
    const char *name;          /* within its node: "weight"; as PyTorch has it */
    enum nl_role role;
    enum nl_tensor_type type;
    int slot;                  /* of a parameter: the input it is */
    int dims;
    size_t shape[NL_MOST_DIMS]; /* as PyTorch has it */
    double initial;            /* value of every element; of a weight: drawn (model.init) */
    const char *const *numbers; /* of a parameter: names of its elements, for logs ("norm1.mean_weight.bn"), ended by
                                   NULL; NULL: they have none */
    bool identity;             /* of square matrices, the last two dimensions: it begins as identities instead */
    bool saved;                /* with the weights, in files */
    bool freezes;              /* of a parameter: it is updated only until statistics are frozen (NL_STATS_FROZEN) */
};

/* What element e begins as. */
static inline double nl_initial_of(const struct nl_tensor_spec *spec, size_t e)
{
    size_t width = spec->dims ? spec->shape[spec->dims - 1] : 1;
    return spec->identity ? e % (width * width) % (width + 1) == 0 : spec->initial;
}

/* What a node is, once its arguments and its inputs are known. */
struct nl_declaration {
    int outputs;
    struct nl_extent output[NL_MOST_OUTPUTS];
    int parameters;
    struct nl_tensor_spec parameter[NL_MOST_SLOTS];
    int states;
    struct nl_tensor_spec state[NL_MOST_STATES];
};

static inline void nl_declare_state(struct nl_declaration *declaration, struct nl_tensor_spec spec)
{
    NL_ASSERT(declaration->states < NL_MOST_STATES);
    declaration->state[declaration->states++] = spec;
}

/* What backward reads beside the gradients of the outputs. Bit i: input i, output i. */
struct nl_reads {
    unsigned inputs, outputs;
};

/* What may be in one place. */
struct nl_sharing {
    unsigned output;    /* bit i: the first output may take the place of input i */
    unsigned gradient;  /* bit i: the gradient of input i may take the place of the first output's */
    unsigned read; /* bit i: the gradient of input i may take the place of the first output, which backward reads */
    unsigned same;      /* bit i: the gradient of input i is that of input 0, number for number */
};

struct nl_operation;
struct nl_text;    /* base/memory.h */

/* The node that makes a node's first input, without places, for kernels that call its kernels (operation/producer.h);
 * no operation: an input of the network. */
struct nl_producer {
    const struct nl_operation *operation;
    const struct nl_kernel *kernel; /* that the backend of both has for it */
    const void *arguments;
};

/* Places of what a kernel reads and writes, by slot. NULL: it is absent, or not wanted; of several outputs, the
 * gradient of one on which the loss does not depend. Those up to `hyper` lie in the first replica's state. */
struct nl_operands {
    void *in[NL_MOST_SLOTS], *d_in[NL_MOST_SLOTS];
    void *out[NL_MOST_OUTPUTS], *d_out[NL_MOST_OUTPUTS];
    void *state[NL_MOST_STATES], *saved[NL_MOST_SAVED];
    void *sums;                        /* struct nl_micro; of "observe": its result */
    void *packed; /* in a loop: weights as forward, or backward, takes them (struct nl_kernel); or NULL */
    const struct nl_hyper *hyper;
    const struct nl_update *update;    /* the optimizer's step that backward makes by itself, or NULL */
    unsigned adds; /* bit i: the gradient of input i is added to what is at its place (struct nl_operation) */
    struct nl_producer producer;
};

/* Operands that an operation's arguments hold: so many bytes of struct nl_operands, at the same distance from one
 * another. NL_BOUND(nl_add, a, in[A], 2): the members from `a` on are the inputs from A on, two of them. */
struct nl_bound {
    unsigned short to, from, bytes;
};
#define NL_BOUND(arguments, member, operand, count) \
    {offsetof(struct arguments, member), offsetof(struct nl_operands, operand), \
     (count) * sizeof(((struct nl_operands *)NULL)->operand)}
enum { NL_MOST_BOUND = 20 };

/* Where an operation stands in time, and what of a batch it must see at once. */
enum nl_span {
    NL_SPAN_SAMPLE,     /* a sample knows nothing of another */
    NL_SPAN_BATCH,      /* it needs all samples of a batch */
    NL_SPAN_PARAMETERS, /* it computes weights from parameters, once a step: no samples */
};

/* `arguments` is the operation's own struct (in its header): sizes and settings, which a builder and `declare` fill in,
 * and places, which nl_bind fills in. */
struct nl_operation {
    const char *name;
    size_t arguments; /* bytes */
    const struct nl_kernel *reference[NL_ELEMENTS]; /* what it is: its kernels in the reference, by enum nl_element */

    /* All that follows may be left out: 0, false, NULL and a table without rows say no. A node of a graph has
     * `declare`. */
    struct nl_bound bound[NL_MOST_BOUND]; /* what of the operands the arguments hold */
    enum nl_span span;
    int slots;
    int saved;          /* buffers that forward leaves to backward */
    unsigned reduced; /* bit i: of a barrier, the gradient of input i is there after the first part of backward; of the
                         others after the second */
    unsigned skips; /* bit i: backward leaves out the gradient of input i where its place is NULL; all others have one,
                       but for int32 */
    unsigned adds;      /* bit i: backward heeds that bit of operands' `adds`, on backends that say so */
    unsigned together;  /* bit i: the gradient of input i is a sum over samples, and backward leaves those of all these
                           bits out where their  places are NULL: of a loop's body, they are made after the loop, in one
                           call for all times */
    unsigned
        remakes; /* bit i: input i may be made again for backward, where its producer is quick, instead of being kept:
                    of operations that do so much with each number that reading it from memory would take longer */
    bool passes_constants; /* what is added to a channel of an input is added to that channel of the output, and nothing
                              else changes */
    bool steps_weight;  /* backward heeds operands' `update`, on backends that say so */
    unsigned constants; /* bit i: input i is a constant to the gradient: backward makes none */
    unsigned takes_int32, makes_int32; /* bit i: input i, output i is int32, and has no gradient; all others are real */
    int lengths; /* the slot of the lengths of input 0 (struct nl_value), or, in a loop, of its sequences: where it is
                    empty and there are some, it takes them; 0: none */
    int new_lengths;  /* the output that holds the lengths of output 0, where there is one; 0: output 0 has those of an
                         input (nl_graph_add) */
    bool initializes; /* forward sets the parameters in its slots from a batch, and puts out what input 0 becomes with
                         them. It stands in the program of the call before the first step alone (nl_program_setup): in
                         others input 0 takes the place of its output */
    bool is_loss; /* what a network ends with: it has no output, and forward makes the gradients of its inputs, where
                     they have places */

    /* Completes the sizes from those of the inputs and says what the node is. NL_FAIL: it cannot be, and err says
     * why. */
    int (*declare)(void *arguments, const struct nl_extent *in, struct nl_declaration *declaration,
                   struct nl_error *err);
    /* NULL: nothing depends on the pass. For a pass of so many samples at most; evaluates: one that is not trained
     * with. */
    void (*prepare)(void *arguments, int capacity, bool evaluates);
    /* What `bound` cannot say of the arguments' places. NULL: it says all. */
    void (*complete)(void *arguments, const struct nl_operands *at);
    /* What parameters and states of reals begin with where it follows from others, or is drawn: parameters by slot, as
     * stored, after the weights are drawn; states by number. They hold what their specs, and factors, say. NULL: that
     * is all. */
    void (*begin)(const void *arguments, struct nl_stream stream, double *const *parameter, double *const *state);
    /* filled: the slots that are not absent, bit by bit. */
    struct nl_reads (*reads)(const void *arguments, unsigned filled);     /* NULL: nothing */
    struct nl_sharing (*sharing)(const void *arguments, unsigned filled); /* NULL: nothing shares a place */
    size_t (*saved_bytes)(const void *arguments, int number, int samples,
                          size_t statistic); /* 0: this one is not needed */
    bool (*is_apart)(const void *arguments); /* whether, with these arguments, a sample knows nothing of another after
                                                all; NULL: as `span` says */
    bool (*may_be_fixed)(const void *arguments); /* whether evaluation may fix its statistics; NULL: it has none */
    double (*work)(const void *arguments);       /* multiply-adds of a sample, forward; NULL: too few to count */
    /* Adds members to a JSON object (", \"stride\": 2"): what says, with shapes and parameters, what it computes. NULL:
     * these say it. */
    void (*describe)(const void *arguments, struct nl_text *json);
};

/* Puts the operands into their places in the arguments. */
static inline void nl_bind(const struct nl_operation *operation, void *arguments, const struct nl_operands *at)
{
    for (const struct nl_bound *bound = operation->bound; bound->bytes > 0; bound++)
        memcpy((char *)arguments + bound->to, (const char *)at + bound->from, bound->bytes);
    if (operation->complete)
        operation->complete(arguments, at);
}

/* Declares the kernels of the reference, which reference.h defines, and lists them for a descriptor. */
#define NL_DECLARE_REFERENCES(name)                                                                                    \
    extern const struct nl_kernel nl_ref_double_##name, nl_ref_float_##name, nl_ref_complex_##name
#define NL_REFERENCES(name)                            \
    {                                                  \
        [NL_ELEMENT_DOUBLE] = &nl_ref_double_##name,   \
        [NL_ELEMENT_FLOAT] = &nl_ref_float_##name,     \
        [NL_ELEMENT_COMPLEX] = &nl_ref_complex_##name, \
    }

#endif
