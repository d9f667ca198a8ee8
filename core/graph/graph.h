/* A network as a graph: values, the nodes that compute them, and the tensors that the nodes own. Shapes and names; no
 * numbers yet. It begins with named inputs (x, labels, lengths) and ends with its loss.
 *
 * Nodes stand in an order in which each comes after those whose values it takes. Names are PyTorch-like and do not
 * depend on the normalizer: fc1, norm1, act1, drop1, ..., head; layer1.0.conv1, layer1.0.norm1, ..., layer1.0.add.
 * Random streams are named after them, so that putting a normalizer in moves no other node's numbers.
 */
#ifndef NL_GRAPH_GRAPH_H
#define NL_GRAPH_GRAPH_H

#include "backend/backend.h"
#include "base/lists.h"

enum { NL_NONE = -1 }; /* no value, no node, no tensor */

enum nl_value_kind {
    NL_ACTIVATIONS,  /* of each sample */
    NL_PARAMETER,    /* a tensor that is learned */
    NL_COMPUTED,     /* a weight that a node computes from parameters, once a step */
};

struct nl_value {
    enum nl_value_kind kind;
    enum nl_tensor_type type; /* of an element: real or int32 */
    struct nl_extent extent; /* of a sample's activations */
    int lengths; /* of sequences: the value, int32, one a sample, that says how many of its positions count; NL_NONE:
                    all */
    size_t count;            /* elements: a sample's, or all of a weight's */
    int producer;            /* node, or NL_NONE: an input, a parameter */
    int tensor;              /* of a parameter */
    int loop;                /* the loop at each of whose times it is another; NL_NONE: none */
    bool observed;           /* it, or its gradient, is read for a log: it must be there, whatever fusion would save */
};

struct nl_graph_node {
    const struct nl_operation *operation;
    const struct nl_kernel *kernel; /* in a program: what computes it on the program's backend */
    char name[64];
    void *arguments;              /* the operation's, without places; the graph's own */
    int in[NL_MOST_SLOTS];        /* values, or NL_NONE */
    int outputs, out[NL_MOST_OUTPUTS];
    int states, state[NL_MOST_STATES]; /* tensors */
    int loop;                     /* the loop whose body it belongs to, or NL_NONE */
};

/* A carried state of a loop: what it is before the first time, before and after each, and after the last. */
struct nl_carried {
    int first, before, after, last; /* values; `after` is what a node of the body puts out */
};

enum { NL_MOST_CARRIED = 4 };

/* A loop over the positions of sequences: its body, the nodes whose `loop` it is, runs so many times. loop.h makes
 * one. */
struct nl_loop {
    int times;
    bool reverse;            /* from the last position to the first */
    int lengths;             /* of the sequences that it takes (struct nl_value), or NL_NONE */
    int carried;
    struct nl_carried state[NL_MOST_CARRIED];
};

/* What every replica has of its own and keeps from step to step. `shape` is PyTorch's: (O, I) or (O, I, 3, 3), (C) or
 * (H, W, C) with norm.affine = element; how the backends store a weight is in the operation's header. */
struct nl_tensor {
    struct nl_tensor_spec spec;  /* shape, role, first value */
    char name[80];               /* "fc1.weight"; of a node that computes a weight, "fc1.weight",
                                    "fc1.parametrizations.weight.original" */
    int node;                    /* that owns it */
    bool constant;               /* of a parameter: no step changes it (train.only) */
    int times; /* of a state: it has so many, one for each of the first times of a loop, the last for all that follow */
    int parts; /* of a weight, and of its gains: it is so many matrices of equal sizes, one below the other (queries,
                  keys, values), each drawn by itself */
    double factor; /* of a parameter: its initial values are those of its specification, or those drawn, times this, */
    double last;                 /* and in the last of its parts, which may be the only one, times this */
    int squares; /* of a weight by which a state goes from one time to the next: it is so many square matrices, one
                    below the other, which are drawn as model.recurrent_init says; 0: as others */
    struct nl_gates {
        size_t width;            /* 0: it is none */
        int positions;           /* of the sequences */
    } gates; /* of a bias of gates, a part of that width for each: it begins as model.gate_bias says */
    size_t count;                /* elements of all of them */
    size_t offset; /* of a parameter: reals from the first parameter, in the order of nl_graph_end. Of a state: its
                      number among states */
};

/* What the network is given of each sample. */
struct nl_graph_input {
    char name[16];
    int value;
};

struct nl_graph {
    int inputs;
    struct nl_graph_input input[NL_MOST_INPUTS];
    int values, nodes, tensors,
        loops; /* number 0 of the values is none, so that a list of inputs that leaves one out is found */
    struct nl_value *value;
    struct nl_graph_node *node;
    struct nl_tensor *tensor;
    struct nl_loop *loop;
    int values_capacity, nodes_capacity, tensors_capacity, loops_capacity;
    int open;                 /* the loop whose body is being built, or NL_NONE */
    int classes;
    bool matrices_first;      /* parameters of two or more dimensions that are no weights come right after those */
    size_t weights, count;    /* reals in weights, [0, weights), and in all parameters, */
    size_t matrices;          /* where the matrices come first: reals in all of two or more dimensions, [0, matrices) */
    size_t freezing, constant; /* of all parameters the last so many are constants, and so many before them freeze */
};

/* An empty graph. */
void nl_graph_begin(struct nl_graph *graph);
void nl_graph_release(struct nl_graph *graph);

/* Adds an input, real or int32. lengths: another input, or NL_NONE (struct nl_value). Returns its value. */
int nl_graph_add_input(struct nl_graph *graph, const char *name, enum nl_tensor_type type, struct nl_extent extent,
                       int lengths);

/* The input of that name, or NL_NONE. */
int nl_graph_input(const struct nl_graph *graph, const char *name);

/* What derivatives by the input are by: NL_NONE where input 0 is real, else the first real value that is computed. */
int nl_graph_first_real(const struct nl_graph *graph);

/* A node to be added. */
struct nl_new_node {
    const struct nl_operation *operation;
    const void *arguments;    /* copied; settings, and the sizes that the inputs do not say. NULL: there are none */
    const char *name;
    int in[NL_MOST_SLOTS];    /* values; slots after `inputs` are empty */
    int inputs;
    unsigned without;         /* bit i: slot i stays empty although a parameter could be made for it */
    int statistics; /* in a loop: so many sets of statistics, one for each of the first times; the last is that of all
                       times that follow, too (Cooijmans et al. 2017). 0: one for all times */
    int states_of;  /* one more than the number of the node whose states it has in place of its own; 0: its own */
    const char *module, *suffix; /* its tensors are MODULE.NAMESUFFIX ("rnn", "_ih_l0": "rnn.weight_ih_l0", as
                                    torch.nn.LSTM has them); NULL: NODE.NAME */
};

/* Adds it with the parameters that its empty slots need. An output has the lengths of the input that has as many
 * positions, or those that the operation makes (new_lengths). Returns the first output, or NL_NONE: the node cannot be,
 * and err says why. */
int nl_graph_add(struct nl_graph *graph, const struct nl_new_node *node, struct nl_error *err);

/* Adds a value that no node makes. */
int nl_graph_add_value(struct nl_graph *graph, struct nl_value value);

/* Whether the node makes `logits`, or computes a weight of the one that does: it is of the head. */
bool nl_is_of_head(const struct nl_graph *graph, int logits, int node);

/* Whether the name of a parameter is one that train.only's pattern names: the pattern matches it as a whole, or the
 * module that it is in ("layer1" of layer1.0.conv1.weight); "head" also stands for what is of the head. */
bool nl_names_parameter(const struct nl_graph *graph, int logits, const char *pattern, int tensor);

/* Makes constants of all parameters but those that a pattern names; no pattern: of none. Before nl_graph_end. NL_FAIL:
 * a pattern names none, and err says which do nearly. */
int nl_graph_train_only(struct nl_graph *graph, int logits, const struct nl_name_list *patterns, struct nl_error *err);

/* Adds the loss of `value`, which is real, and of what it should be: the input "labels", int32, one for each of its
 * positions, or, of a loss of reals, the input "targets", of its extent. That input is added where it is missing. Every
 * tensor gets its place, weights before all others; no node comes after. */
void nl_graph_end_with(struct nl_graph *graph, const struct nl_operation *loss, const void *arguments, int value);

/* Gives every tensor its place anew, after tensors came or went. */
void nl_graph_place_tensors(struct nl_graph *graph);

/* Makes the parameter that an empty slot of a node can have, under that name. Returns the tensor, which has no place
 * yet (nl_graph_place_tensors). */
int nl_graph_add_parameter(struct nl_graph *graph, int node, int slot, const char *name);

/* Nodes, and the states of loops, take `by` in place of `value`. */
void nl_graph_replace_value(struct nl_graph *graph, int value, int by);

/* Ends the graph with cross-entropy (nl_graph_end_with). */
void nl_graph_end(struct nl_graph *graph, int logits);

/* A copy of its own, to be changed and released. */
struct nl_graph nl_graph_copy(const struct nl_graph *graph);

static inline const struct nl_extent *nl_extent_of(const struct nl_graph *graph, int value)
{
    return &graph->value[value].extent;
}

/* The slots of a node that are not empty, bit by bit. */
unsigned nl_filled_slots(const struct nl_graph_node *node);

/* How many slots take that value; an observer is a consumer, too, and so is the next time of a loop. */
int nl_consumers(const struct nl_graph *graph, int value);

/* Whether the value depends on a parameter, so that training makes its gradient. learned: [graph->values] */
void nl_graph_find_learned(const struct nl_graph *graph, bool *learned);

/* Whether the loss depends on the value. used: [graph->values] */
void nl_graph_find_used(const struct nl_graph *graph, bool *used);

/* The tensor of that name, within its node, of the node that makes `value`; NL_NONE: it owns none. */
int nl_graph_find_parameter(const struct nl_graph *graph, int value, const char *name);

/* The first node that takes it, or NL_NONE. */
int nl_first_consumer(const struct nl_graph *graph, int value);

/* Nodes that have become part of another, whose operation is NULL, are left out. */
void nl_graph_close_up(struct nl_graph *graph);

/* Whether a node sets parameters from the batch before the first step; and the graph without such nodes, whose input 0
 * takes the place of their output. */
bool nl_graph_initializes(const struct nl_graph *graph);
void nl_graph_drop_initializers(struct nl_graph *graph);

/* Whether the backend can compute every node; NL_FAIL: err names an operation that it lacks. */
int nl_graph_check(const struct nl_graph *graph, const struct nl_backend *backend, struct nl_error *err);

/* Whether a node tracks statistics, which evaluation may fix. */
bool nl_graph_tracks(const struct nl_graph *graph);

/* Bytes of an element there. */
size_t nl_type_bytes(enum nl_tensor_type type, const struct nl_backend *backend);

/* The network in JSON (graph/describe.c says what is where), without its loss: with its tensors, all that is needed to
 * compute it elsewhere. New string. */
char *nl_graph_describe(const struct nl_graph *graph);

/* Multiply-adds of a forward pass of one sample: an estimate of cost. */
double nl_graph_work(const struct nl_graph *graph);

#endif
