/* Private to core/graph: how a graph becomes instructions (differentiate.c), and how its loops do
 * (differentiate_loop.c). */
#ifndef NL_GRAPH_DIFFERENTIATE_H
#define NL_GRAPH_DIFFERENTIATE_H

#include "graph/program.h"

struct emission {
    struct nl_program *program;
    const struct nl_calls *calls; /* of each node */
    const struct nl_program_setup *setup;
    int *buffer, *gradient; /* of each value, or NL_NONE */
    bool *wanted;           /* whether the value depends on a parameter */
    int *home; /* of each value: the buffer that its gradient is written to first, whatever is added; NL_NONE: any */
    int (*saved)[NL_MOST_SAVED], *sums; /* of each node */
    int *packed; /* of each node: its weights as the direction that is being emitted takes them, or NL_NONE */
    int group;                          /* of the open chain */
    int loop;                           /* the loop whose body is being emitted, or NL_NONE */
};

enum direction { FORWARD, BACKWARD };

#define NL_EVERYTHING (~0u)

/* ---- differentiate.c ---- */

int nl_buffer_for(struct nl_program *program, int value);

/* Adds a buffer that belongs to no value. */
int nl_add_buffer(struct nl_program *program, size_t bytes, bool per_sample);

/* For nodes that are called so; NULL: for all samples. */
void nl_open_chain(struct emission *e, const struct nl_calls *calls);

/* Without operands, with arguments of its own. */
struct nl_instruction nl_blank(const struct nl_operation *operation, const void *arguments, nl_kernel_function *call);

/* An instruction that belongs to no node: the forward call of an operation that the program needs beside those of the
 * graph. */
struct nl_instruction nl_nodeless(const struct nl_program *program, const struct nl_operation *operation,
                                  const void *arguments);

/* To the open chain. written: which of what it writes it really does: outputs forward, gradients of inputs backward. */
void nl_append(struct nl_program *program, struct nl_instruction instruction, enum direction direction,
               unsigned written);

/* a += b, gradients of the value. */
void nl_add_up(struct emission *e, int value, int a, int b);

/* Where the gradient of a value is written first. */
int nl_first_gradient(const struct emission *e, int value);

void nl_observe_outputs(struct emission *e, const struct nl_graph_node *node, enum nl_aspect aspect);
void nl_emit_forward(struct emission *e, int number);

/* Whether the loss depends on the node, and the node on a parameter. */
bool nl_is_reached(const struct emission *e, const struct nl_graph_node *node);

/* The gradients of those slots. */
void nl_append_backward(struct emission *e, int number, unsigned slots);

/* ---- differentiate_loop.c ---- */

/* Where states, and in backward their gradients, lie. */
void nl_lay_out_states(struct emission *e, enum direction direction);

/* The next instructions are those of a node of that loop, or of none: chains end and begin. */
void nl_go_to_loop(struct emission *e, int loop, enum direction direction);

/* The slots of a body's node whose gradients wait for the end of the loop. */
unsigned nl_waiting_slots(const struct emission *e, int number);

/* Chains outside of loops that take an end of a state find it as loops find their places. */
void nl_find_moving(struct nl_program *program);

#endif
