/* Recurrent: [layer along the sequence, dropout] x depth, linear from the last state, or, where there is a label for
 * each position, from the state there. Token ids have an embedding as wide as the layers in front. A layer is
 * torch.nn.RNN, LSTM or GRU, and its weights have the names and shapes of theirs.
 *
 * Normalizers stand where Ba et al. 2016 (equations 20 to 22) and Cooijmans et al. 2017 have them: after W_ih x, after
 * W_hh h, and of an LSTM after the cell, in front of the tanh:
 *
 *     i, f, g, o = norm_ih(W_ih x) + norm_hh(W_hh h)     c' = f c + i g     h' = o tanh(norm_c(c'))
 *
 * Those two have another bias b beside the betas; here the betas are the bias, and b is there where a normalizer has no
 * beta. */
#include "model/build.h"

#include <stdio.h>

#include "graph/loop.h"
#include "operation/activate.h"
#include "operation/add.h"
#include "operation/bias.h"
#include "operation/carry.h"
#include "operation/concat.h"
#include "operation/embedding.h"
#include "operation/gru_cell.h"
#include "operation/linear.h"
#include "operation/lstm_cell.h"
#include "operation/zero.h"

/* One direction of a layer. */
struct direction {
    struct nl_builder *b;
    int layer; /* from 0 */
    bool reverse;
};

enum { NAME = 48 };

/* "rnn.WHAT_l0", "rnn.WHAT_l0_reverse" */
static void name_in(const struct direction *direction, const char *what, char name[NAME])
{
    snprintf(name, NAME, "rnn.%s_l%d%s", what, direction->layer, direction->reverse ? "_reverse" : "");
}

static int width_of(const struct nl_builder *b)
{
    return (int)b->config->model.width;
}

static int gates_of(const struct nl_builder *b)
{
    switch ((enum nl_arch)b->config->model.arch) {
    case NL_LSTM:
        return 4;
    case NL_GRU:
        return 3;
    case NL_RNN:
        return 1;
    case NL_MLP:
    case NL_CNN:
    case NL_RESNET:
    case NL_TRANSFORMER:
    case NL_LAYERS:
        break;
    }
    NL_BUG("arch %d has no gates", b->config->model.arch);
}

/* Times of the open loop. */
static int times_of(const struct nl_builder *b)
{
    return b->graph->loop[NL_FOUND(b->graph->open, "an open loop")].times;
}

/* A node that takes so many values. Returns its first output. */
static int add(const struct direction *direction, const struct nl_operation *operation, const void *arguments,
               const char *what, int inputs, const int *in)
{
    char name[NAME];
    struct nl_builder *b = direction->b;
    name_in(direction, what, name);
    struct nl_new_node node = {.operation = operation, .arguments = arguments, .name = name, .inputs = inputs};
    for (int i = 0; i < inputs; i++)
        node.in[i] = in[i];
    return nl_made(b, nl_graph_add(b->graph, &node, b->err));
}

static void add_norm(const struct direction *direction, const char *what)
{
    char name[NAME];
    struct nl_builder *b = direction->b;
    int64_t limit = b->config->norm.time_limit, times = times_of(b);
    name_in(direction, what, name);
    b->statistics = (int)(limit == NL_AUTO || limit > times ? times : limit);
    nl_add_norm(b, name, 0);
    b->statistics = 0;
}

/* The weight of the linear layer that was added last goes from state to state. */
static void mark_recurrent(struct nl_builder *b)
{
    struct nl_graph *graph = b->graph;
    int weight = graph->node[b->product].in[NL_PRODUCT_WEIGHT], maker = graph->value[weight].producer;
    for (int i = 0; i < graph->tensors; i++)
        if (graph->tensor[i].spec.role == NL_WEIGHT &&
            (maker == NL_NONE ? i == graph->value[weight].tensor : graph->tensor[i].node == maker))
            graph->tensor[i].squares = gates_of(b);
}

/* What x (ih) or h (hh) gives to the gates. */
static int add_gates(const struct direction *direction, bool of_state, int from)
{
    char name[NAME], suffix[NAME];
    struct nl_builder *b = direction->b;
    const char *side = of_state ? "hh" : "ih";
    int width = width_of(b), said = b->config->model.bias;
    bool normalized = nl_norm_is_next(b);
    name_in(direction, side, name);
    snprintf(suffix, NAME, "_%s", name + sizeof "rnn." - 1);
    b->at = from;
    b->module = "rnn", b->suffix = suffix;
    nl_add_linear(b, gates_of(b) * width, said == NL_SWITCH_AUTO ? !normalized : said == NL_SWITCH_ON, name, 0);
    b->module = NULL;
    if (of_state)
        mark_recurrent(b);
    add_norm(direction, of_state ? "norm_hh" : "norm_ih");
    if (of_state)
        return b->at;
    if (normalized && said == NL_SWITCH_AUTO && nl_graph_find_parameter(b->graph, b->at, "bias") == NL_NONE) {
        name_in(direction, "bias", name);
        b->module = "rnn";
        nl_add(b, &nl_bias_operation, NULL, name, 0);
        b->module = NULL;
    }
    int bias = nl_graph_find_parameter(b->graph, b->at, "bias");
    if (bias != NL_NONE && gates_of(b) > 1)
        b->graph->tensor[bias].gates = (struct nl_gates){(size_t)width, times_of(b)};
    return b->at;
}

static int state_after(const struct direction *direction, int number)
{
    const struct nl_graph *graph = direction->b->graph;
    return graph->node[graph->nodes - 1].out[number];
}

/* From what x and h give to the gates, and the states before, to those after. */
static void add_lstm_cell(const struct direction *direction, int x, int h, int state[2])
{
    struct nl_builder *b = direction->b;
    struct nl_lstm_cell cell = {.opens = b->norms + 1 <= b->all_norms && nl_norm_is_next(b)};
    add(direction, &nl_lstm_cell_operation, &cell, "cell", NL_LSTM_SLOTS, (int[]){x, h, state[1]});
    state[0] = state_after(direction, NL_LSTM_OUT);
    state[1] = b->at = state_after(direction, NL_LSTM_AFTER);
    add_norm(direction, "norm_c");
    if (cell.opens)
        state[0] =
            add(direction, &nl_lstm_output_operation, NULL, "out", NL_LSTM_OUTPUT_SLOTS, (int[]){state[0], b->at});
}

static void add_gru_cell(const struct direction *direction, int x, int h, int state[2])
{
    add(direction, &nl_gru_cell_operation, NULL, "cell", NL_GRU_SLOTS, (int[]){x, h, state[0]});
    state[0] = state_after(direction, NL_GRU_AFTER);
}

static void add_rnn_cell(const struct direction *direction, int x, int h, int state[2])
{
    char name[NAME];
    struct nl_builder *b = direction->b;
    b->at = add(direction, &nl_add_operation, &(struct nl_add){.stride = 1}, "sum", 2, (int[]){x, h});
    name_in(direction, "act", name);
    nl_add_activation(b, name, 0);
    state[0] = b->at;
}

/* A state before the first time: zeros, or what is left of the batch before. */
static int add_first(const struct direction *direction, int state)
{
    static const char *const names[] = {"h_first", "c_first"};
    const char *what = names[state];
    struct nl_builder *b = direction->b;
    if (!b->config->model.stateful)
        return add(direction, &nl_zero_operation, &(struct nl_zero){.channels = width_of(b)}, what, 0, NULL);
    return add(direction, &nl_carry_operation,
               &(struct nl_carry){.rows = (int)b->config->train.batch, .width = width_of(b)}, what, 0, NULL);
}

/* The state after the last time is kept by what `first` puts out. */
static void add_keep(const struct direction *direction, int state, int first, int before)
{
    static const char *const lasts[] = {"h_last", "c_last"}, *const kept[] = {"h_kept", "c_kept"};
    char name[NAME];
    struct nl_builder *b = direction->b;
    struct nl_graph *graph = b->graph;
    name_in(direction, lasts[state], name);
    int last = nl_made(b, nl_loop_last(graph, before, name, b->err)), owner = graph->value[first].producer;
    struct nl_carry carry = *(const struct nl_carry *)graph->node[owner].arguments;
    carry.keeps = true;
    name_in(direction, kept[state], name);
    struct nl_new_node node = {.operation = &nl_carry_operation,
                               .arguments = &carry,
                               .name = name,
                               .in = {last},
                               .inputs = 1,
                               .states_of = owner + 1};
    nl_made(b, nl_graph_add(graph, &node, b->err));
}

/* One direction of a layer: the sequence of its states, or the state at its end. */
static int add_direction(const struct direction *direction, int sequence, bool ends)
{
    char name[NAME];
    struct nl_builder *b = direction->b;
    int states = b->config->model.arch == NL_LSTM ? 2 : 1, first[2], before[2], after[2];
    static const char *const names[] = {"h", "c"};
    for (int i = 0; i < states; i++)
        first[i] = add_first(direction, i);
    nl_loop_begin(b->graph, nl_positions(b->graph->value[sequence].extent), direction->reverse);
    name_in(direction, "x", name);
    int x = nl_made(b, nl_loop_take(b->graph, sequence, name, b->err));
    for (int i = 0; i < states; i++) {
        name_in(direction, names[i], name);
        before[i] = after[i] = nl_made(b, nl_loop_carry(b->graph, first[i], name, b->err));
    }
    int of_x = add_gates(direction, false, x), of_h = add_gates(direction, true, before[0]);
    (states == 2                       ? add_lstm_cell
     : b->config->model.arch == NL_GRU ? add_gru_cell
                                       : add_rnn_cell)(direction, of_x, of_h, after);
    for (int i = 0; i < states; i++)
        nl_made(b, nl_loop_pass(b->graph, before[i], after[i], b->err));
    nl_made(b, nl_loop_end(b->graph, b->err));
    for (int i = 0; i < states && b->config->model.stateful; i++)
        add_keep(direction, i, first[i], before[i]);
    name_in(direction, ends ? "last" : "y", name);
    return nl_made(b, ends ? nl_loop_last(b->graph, before[0], name, b->err)
                           : nl_loop_collect(b->graph, after[0], name, b->err));
}

static int add_layer(struct nl_builder *b, int layer, int sequence, bool ends)
{
    struct direction forward = {b, layer, false}, backward = {b, layer, true};
    int y = add_direction(&forward, sequence, ends);
    if (!b->config->model.bidirectional)
        return y;
    return add(&forward, &nl_concat_operation, NULL, "both", 2, (int[]){y, add_direction(&backward, sequence, ends)});
}

void nl_build_recurrent(struct nl_builder *b)
{
    const struct nl_shape *shape = b->shape;
    int depth = (int)b->config->model.depth;
    bool each = shape->target == NL_TARGET_EACH;
    if (each && b->config->model.bidirectional)
        nl_build_refuse(b, "model.bidirectional",
                        "'model.bidirectional' shows each position what comes after it; data with a label at each "
                        "position need it off");
    if (shape->vocabulary)
        nl_add(b, &nl_embedding_operation,
               &(struct nl_embedding){.vocabulary = shape->vocabulary, .channels = width_of(b)}, "embedding", 0);
    for (int layer = 0; layer < depth; layer++) {
        bool top = layer + 1 == depth;
        b->at = add_layer(b, layer, b->at, top && !each);
        if (!top)
            nl_add_dropout(b, "rnn.drop", layer + 1);
    }
    b->by_position = each;
    nl_add_head(b, "head");
}
