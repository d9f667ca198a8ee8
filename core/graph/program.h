/* The program that a step runs, and the passes that make it of a graph, one after the other:
 *
 *     fuse.c            nodes that a kernel does in one go become one
 *     recompute.c       which activations are not kept for backward but made again there
 *     microbatch.c      which nodes are called for a few samples at a time, and which of a loop's for all times at once
 *     differentiate.c   the graph becomes instructions, forward and backward, in chains
 *     memory.c          every buffer gets its place, by the time in which it is needed
 *
 * An instruction is a kernel with its arguments. A chain is a sequence of instructions that is called for all samples
 * at once, or, micro-batch by micro-batch, for a few samples at a time: what one instruction leaves in a core's cache
 * the next finds there.
 *
 * An operation that reduces over the batch (batch normalization) is a barrier: it needs its whole input before it has
 * an output. There a chain ends with its first part, `reduce`, and the next one begins with its second, `apply`:
 *
 *     forward     apply of a normalizer; convolution; reduce of the next one
 *     backward    apply of a normalizer's backward; convolution; reduce of the next one's
 *
 * What is computed is the same to the last bit. A backend to which calls are dear is given such a chain whole, for all
 * samples (`run_calls`).
 *
 * The body of a loop (loop.h) is a chain, too, that is run once for each time, and in backward once more, in the other
 * order. A value of the body has a place for each time where another chain needs it: what backward reads is kept.
 * Gradients of a weight that the body's nodes take at each time are added up, or made after the loop in one call, from
 * x and dy of all times.
 *
 * A loop over a large batch leaves more than a cache holds before it comes to the next time. Where samples know nothing
 * of one another, its chains and those that copy its sequences are a tile: all of them are run for a few samples, then
 * for the next. The gradient of a weight is then the sum over such parts.
 *
 * A program may have observers: instructions that read tensors for a log, and change none. They keep what they read
 * from being fused away, or made again; so a step that is not logged has a program without them.
 */
#ifndef NL_GRAPH_PROGRAM_H
#define NL_GRAPH_PROGRAM_H

#include "graph/observers.h"
#include "operation/observe.h"

/* Memory of each replica for one value, its gradient, or what a kernel keeps. */
struct nl_buffer {
    size_t bytes;
    bool per_sample;     /* bytes are one sample's */
    int value;           /* an input, a parameter, or its gradient: what has a place; else NL_NONE */
    bool gradient;       /* the value's gradient, not the value */
    int first, last;     /* instructions that touch it */
    int first_chain, last_chain;
    bool summed;         /* a gradient to which others are added */
    bool whole;          /* all samples at once; else one micro-batch after another */
    int loop;            /* it is another at each time of that loop; NL_NONE: of none */
    int copies;          /* one for each time that it is needed for at once, each as dense as the run's samples allow */
    int ahead;           /* of a part of a state: copies of the leader that come before */
    int pitch;           /* copies of the leader: so many come before those of the next samples of a tile of chains */
    bool carried;        /* a state of a loop, or its gradient: its parts overlap */
    int leader;          /* the buffer in whose place it lies: itself, or one before it */
    size_t offset;       /* bytes from the beginning of a replica's state */
};

struct nl_instruction {
    nl_kernel_function *call;
    const struct nl_operation *operation;
    const struct nl_graph_node *node;        /* NULL: of none, it adds up gradients or packs weights */
    void *arguments;                         /* with addresses, for whole batches; the program's own */
    char *timed; /* the same at each time of its chain, one after the other; NULL: it has no times, or is called for
                    parts of a batch */
    int in[NL_MOST_SLOTS], d_in[NL_MOST_SLOTS];     /* buffers, or NL_NONE */
    int out[NL_MOST_OUTPUTS], d_out[NL_MOST_OUTPUTS];
    int saved[NL_MOST_SAVED], sums, packed;
    unsigned adds;                     /* bit i: the gradient of input i is added to what is in d_in[i] */
    int observer;                      /* of "observe": whose; else NL_NONE */
    bool only_gradient;                /* it makes no step of the weights, whoever else does */
    struct nl_operands at; /* addresses in the first replica's state, for whole batches and the first time */
    int saved_rows; /* what it saves of a sample, as of so many, lies after that of the ones before; 0: it does not */
};

/* `to` may lie where `from` does. */
struct nl_share {
    int from, to;      /* buffers */
    int first,
        until; /* instructions of the node that turns the one into the other: nothing after may touch the first */
    bool same;         /* both hold the same numbers */
};

struct nl_chain {
    int first, end; /* instructions [first, end) */
    int micro;      /* samples at a time; 0: all */
    int times; /* it is run so often, with the addresses of each time; 0: once, with addresses that are always the same
                */
    bool reverse;   /* the last time first */
    int together;   /* where it has times: so many are one, a call with as many times the samples; else 1 */
    int tile;       /* neighbours of one tile are all run for a few samples, then for the next; 0: it is of none */
    bool joined;    /* its calls go to the backend together, which may make several in one go */
};

struct nl_program {
    const struct nl_backend *backend;
    struct nl_graph graph;      /* what the passes made of it */
    int capacity;               /* samples at most */
    bool trains;                /* there is a backward pass */
    int instructions, chains, buffers, shares;
    struct nl_instruction *instruction;
    struct nl_call *call; /* of each instruction, once the program is bound */
    struct nl_share *share;
    struct nl_chain *chain;
    struct nl_buffer *buffer;
    int forward_chains;         /* the first so many chains; */
    int step_chains;            /* with backward so many; the others follow the optimizer's step */
    int instructions_capacity, chains_capacity, buffers_capacity, shares_capacity;
};

/* What a program is made for. */
struct nl_program_setup {
    const struct nl_backend *backend;
    const struct nl_graph *graph;
    int capacity;
    bool trains;
    bool fixed;    /* evaluation with statistics that are fixed: no operation needs more than a sample */
    bool initializes; /* the call before the first step, in which operations set parameters from the batch; there is no
                         backward pass */
    bool steps;    /* linear layers step their weights in backward: gradients of these need not be there afterwards */
    const struct nl_observers *observers; /* of a program that trains; NULL: none */
};

/* NL_FAIL: the backend lacks an operation, and err names it. */
int nl_program_make(struct nl_program *program, const struct nl_program_setup *setup, struct nl_error *err);
void nl_program_release(struct nl_program *program);

/* Places that the program does not choose, in the state of the first replica. */
struct nl_addresses {
    char *parameters, *gradients;
    void *const *state;         /* by number */
    void *const *input;         /* by number */
    struct nl_observed *observed; /* (observers) */
    const struct nl_hyper *hyper;
    const struct nl_update *update;
};

/* Gives each buffer its offset, from `at` bytes on. Returns where they end. */
size_t nl_program_lay_out(struct nl_program *program, size_t at);

/* Binds every instruction to its addresses; base: the first replica's state. */
void nl_program_bind(struct nl_program *program, char *base, const struct nl_addresses *addresses);

/* An instruction's addresses for the samples from run->first on, at run->time; samples: of the whole batch. */
struct nl_operands nl_operands_at(const struct nl_program *program, const struct nl_instruction *instruction,
                                  const struct nl_run *run, int samples);

/* Forward ends with the loss, which adds to run->sums and, in a program that trains, makes the gradient with which
 * backward begins. */
void nl_program_forward(const struct nl_program *program, const struct nl_run *run);
void nl_program_backward(const struct nl_program *program, const struct nl_run *run);
void nl_program_after_step(const struct nl_program *program,
                           const struct nl_run *run); /* what observes the optimizer's step */

/* The calls of forward and backward, one after the other, to call[program->instructions]. Returns how many; 0: they are
 * not each made once for all samples, or something follows the optimizer's step. */
int nl_program_calls(const struct nl_program *program, struct nl_call *call);

/* ---- the passes ---- */

/* For calls of so many samples at most: its arguments are complete then, and its kernel is known. */
void nl_prepare(struct nl_graph_node *node, const struct nl_program_setup *setup, int samples);

void nl_fuse(struct nl_graph *graph, const struct nl_backend *backend, bool trains);

/* How a node is called. */
struct nl_calls {
    int group;        /* nodes of one group are called for the same micro-batches; 0: for all samples */
    int micro;        /* samples at a time */
    bool tiled;       /* the chains of its group are a tile */
    bool reduces;     /* it is a barrier */
    bool together;    /* of a loop's body: all times at once */
    bool recomputed;  /* its output is not kept */
    bool joined;      /* its calls may be made in one go with those of its neighbours */
    size_t sums;      /* bytes that backward keeps from micro-batch to micro-batch */
};
/* fixed, steps: as the setup says. */
void nl_find_microbatches(const struct nl_program *program, bool fixed, bool steps, struct nl_calls *calls);
void nl_find_together(const struct nl_program *program, const struct nl_program_setup *setup, struct nl_calls *calls);
void nl_find_recomputed(const struct nl_program *program, struct nl_calls *calls);
void nl_differentiate(struct nl_program *program, const struct nl_calls *calls, const struct nl_program_setup *setup);
void nl_share_memory(struct nl_program *program);

#endif
