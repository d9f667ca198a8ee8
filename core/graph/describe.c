/* A graph in JSON, for programs that compute a saved network by themselves. Values are numbers; a slot without one is
 * null.
 *
 *     {"inputs": [{"name": "x", "value": 1, "shape": [8, 8, 1]}],
 *      "output": 9,
 *      "parameters": {"conv1.weight": 2},
 *      "loops": [{"times": 8, "reverse": 0, "lengths": null, "takes": [4],
 *                 "states": [[first, before, after, last]]}],
 *      "nodes": [{"name": "conv1", "operation": "conv", "in": [1, 2, null], "out": [3], "shapes": [[8, 8, 16]],
 *                 "states": {"running_mean": "norm1.running_mean"}, "loop": null, ...}]}
 *
 * shape is height, width and channels of a sample, which come after the batch; output is what the loss takes;
 * parameters are the tensors that are values; "..." is what the operation says of itself. The nodes stand in the order
 * in which they are computed; a loop runs once all of its body is there. `takes` are the sequences of which the body
 * sees one position at a time; a state is a value before the first time, those before and after each time, and that
 * after the last (struct nl_carried). */
#include "base/json.h"
#include "graph/graph.h"

static void add_value(struct nl_text *out, int value)
{
    nl_text_add(out, value == NL_NONE ? "null" : "%d", value);
}

static void add_values(struct nl_text *out, const char *name, const int *value, int count)
{
    nl_text_add(out, ", \"%s\": [", name);
    for (int i = 0; i < count; i++) {
        nl_text_add(out, i ? ", " : "");
        add_value(out, value[i]);
    }
    nl_text_add(out, "]");
}

static void add_shape(struct nl_text *out, struct nl_extent extent)
{
    nl_text_add(out, "[%d, %d, %d]", extent.height, extent.width, extent.channels);
}

/* Whether the network itself takes it, and not its loss alone. */
static bool is_taken(const struct nl_graph *graph, int value)
{
    bool taken = false;
    for (int i = 0; i < graph->nodes; i++)
        for (int slot = 0; slot < NL_MOST_SLOTS; slot++)
            taken |= graph->node[i].in[slot] == value && !graph->node[i].operation->is_loss;
    return taken;
}

static void add_inputs(struct nl_text *out, const struct nl_graph *graph)
{
    bool first = true;
    for (int i = 0; i < graph->inputs; i++) {
        if (!is_taken(graph, graph->input[i].value))
            continue;
        nl_text_add(out,
                    first ? "{\"name\": \"%s\", \"value\": %d, \"shape\": "
                          : ", {\"name\": \"%s\", \"value\": %d, \"shape\": ",
                    graph->input[i].name, graph->input[i].value);
        add_shape(out, graph->value[graph->input[i].value].extent);
        nl_text_add(out, "}");
        first = false;
    }
}

static void add_parameters(struct nl_text *out, const struct nl_graph *graph)
{
    bool first = true;
    for (int i = 0; i < graph->values; i++) {
        if (graph->value[i].kind != NL_PARAMETER)
            continue;
        nl_text_add(out, first ? "" : ", ");
        nl_json_add(out, graph->tensor[graph->value[i].tensor].name);
        nl_text_add(out, ": %d", i);
        first = false;
    }
}

static void add_loop(struct nl_text *out, const struct nl_graph *graph, int number)
{
    const struct nl_loop *loop = &graph->loop[number];
    nl_text_add(out, "{\"times\": %d, \"reverse\": %d, \"lengths\": ", loop->times, loop->reverse);
    add_value(out, loop->lengths);
    nl_text_add(out, ", \"takes\": [");
    bool first = true;
    for (int i = 0; i < graph->values; i++) {
        int producer = graph->value[i].producer;
        if (graph->value[i].loop != number || producer == NL_NONE || graph->node[producer].loop == number)
            continue;
        nl_text_add(out, first ? "%d" : ", %d", i);
        first = false;
    }
    nl_text_add(out, "], \"states\": [");
    for (int i = 0; i < loop->carried; i++) {
        const struct nl_carried *state = &loop->state[i];
        nl_text_add(out, "%s[%d, %d, %d, %d]", i ? ", " : "", state->first, state->before, state->after, state->last);
    }
    nl_text_add(out, "]}");
}

static void add_node(struct nl_text *out, const struct nl_graph *graph, const struct nl_graph_node *node)
{
    int slots = NL_MOST_SLOTS;
    while (slots > 0 && node->in[slots - 1] == NL_NONE)
        slots--;
    nl_text_add(out, "{\"name\": ");
    nl_json_add(out, node->name);
    nl_json_member(out, "operation", node->operation->name);
    add_values(out, "in", node->in, slots);
    add_values(out, "out", node->out, node->outputs);
    nl_text_add(out, ", \"shapes\": [");
    for (int i = 0; i < node->outputs; i++) {
        nl_text_add(out, i ? ", " : "");
        add_shape(out, graph->value[node->out[i]].extent);
    }
    nl_text_add(out, "], \"states\": {");
    bool first = true;
    for (int i = 0; i < node->states; i++) {
        const struct nl_tensor *tensor = &graph->tensor[node->state[i]];
        if (!tensor->spec.saved)
            continue;
        nl_text_add(out, first ? "" : ", ");
        nl_json_add(out, tensor->spec.name);
        nl_text_add(out, ": ");
        nl_json_add(out, tensor->name);
        first = false;
    }
    nl_text_add(out, "}, \"loop\": ");
    add_value(out, node->loop);
    if (node->operation->describe)
        node->operation->describe(node->arguments, out);
    nl_text_add(out, "}");
}

char *nl_graph_describe(const struct nl_graph *graph)
{
    struct nl_text out = {0};
    const struct nl_graph_node *loss = &graph->node[graph->nodes - 1];
    NL_ASSERT(loss->operation->is_loss);
    nl_text_add(&out, "{\"inputs\": [");
    add_inputs(&out, graph);
    nl_text_add(&out, "], \"output\": %d, \"parameters\": {", loss->in[0]);
    add_parameters(&out, graph);
    nl_text_add(&out, "}, \"loops\": [");
    for (int i = 0; i < graph->loops; i++) {
        nl_text_add(&out, i ? ", " : "");
        add_loop(&out, graph, i);
    }
    nl_text_add(&out, "], \"nodes\": [");
    for (int i = 0; i < graph->nodes - 1; i++) {
        nl_text_add(&out, i ? ",\n" : "\n");
        add_node(&out, graph, &graph->node[i]);
    }
    nl_text_add(&out, "]}");
    return out.at;
}
