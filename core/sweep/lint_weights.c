/* Traps of normalizers of weights. */
#include "operation/conv.h"
#include "operation/linear.h"
#include "operation/normalize.h"
#include "operation/parametrize.h"
#include "operation/standardize.h"
#include "sweep/lint_context.h"

/* The only node that takes what node i puts out, but for one that the first step alone has; NULL: there are several. */
static const struct nl_graph_node *node_behind(const struct lint_context *s, int i)
{
    int next = nl_first_consumer(&s->graph, s->graph.node[i].out[0]);
    if (next == NL_NONE || nl_consumers(&s->graph, s->graph.node[i].out[0]) > 1)
        return NULL;
    return s->graph.node[next].operation->initializes ? node_behind(s, next) : &s->graph.node[next];
}

/* The node that computes the weight of node i; NULL: it has its own, or none. */
static const struct nl_graph_node *builder_of(const struct lint_context *s, int i)
{
    const struct nl_graph_node *node = &s->graph.node[i];
    int weight = node->in[NL_PRODUCT_WEIGHT], producer = weight == NL_NONE ? NL_NONE : s->graph.value[weight].producer;
    return producer != NL_NONE && s->graph.value[weight].kind == NL_COMPUTED ? &s->graph.node[producer] : NULL;
}

/* The normalizer behind node i, where it divides each channel by its own spread and the weight of node i is computed:
 * what the computation does to the scale of an output's weights is undone. NULL: there is none. */
static const struct nl_norm *undoes_scale(const struct lint_context *s, int i, const struct nl_weight_norm **of_weights)
{
    const struct nl_graph_node *maker = builder_of(s, i), *next = s->graph.node[i].outputs ? node_behind(s, i) : NULL;
    const struct nl_normalize *n = next && next->operation == &nl_normalize_operation ? next->arguments : NULL;
    if (!maker || !n || !n->norm->cancels_bias || n->norm->spread == NL_SPREAD_NONE ||
        nl_normalize_keeps_coefficients(n))
        return NULL;
    *of_weights = nl_weight_norm_of(maker);
    return n->norm;
}

bool nl_lint_redundant_gain(const struct lint_context *s, struct nl_text *what)
{
    const struct nl_weight_norm *kind = NULL, *of_weights;
    const struct nl_norm *norm = NULL, *behind;
    int gains = 0;
    for (int i = 0; i + 1 < s->graph.nodes; i++) {
        behind = undoes_scale(s, i, &of_weights);
        if (!behind || of_weights->gain == NL_GAIN_NONE)
            continue;
        if (gains == 0)
            nl_lint_place(s, i);
        kind = of_weights, norm = behind;
        gains += s->graph.value[s->graph.node[i].out[0]].extent.channels;
    }
    if (gains == 0)
        return false;
    nl_text_add(what, "%s divides each channel by its spread, which the gain of %s is part of: %s %s nothing",
                norm->name, kind->name, NL_COUNT(gains, "parameter"), nl_agree(gains, "learns", "learn"));
    return true;
}

/* A normalizer of weights without a gain that does not centre them either changes nothing but the size of steps. */
bool nl_lint_undone_scale(const struct lint_context *s, struct nl_text *what)
{
    const struct nl_weight_norm *of_weights;
    for (int i = 0; i + 1 < s->graph.nodes; i++) {
        const struct nl_norm *norm = undoes_scale(s, i, &of_weights);
        if (!norm || of_weights->gain != NL_GAIN_NONE || of_weights->centers)
            continue;
        nl_text_add(what,
                    "%s divides each channel by its spread, which undoes the scale that %s gives the weights: the "
                    "output is the same without %s",
                    norm->name, of_weights->name, of_weights->name);
        nl_lint_place(s, i);
        return true;
    }
    return false;
}

bool nl_lint_long_weights(const struct lint_context *s, struct nl_text *what)
{
    if (!nl_norm_is_none(s->norm))
        return false;
    for (int i = 0; i < s->graph.nodes; i++) {
        const struct nl_graph_node *maker = builder_of(s, i);
        if (!maker || nl_weight_norm_of(maker)->measure != NL_WEIGHT_DEVIATION)
            continue;
        nl_text_add(what, "the weights of an output have the length sqrt(m - 1) with ws, of m inputs: without a "
                          "normalizer activations grow from layer to layer");
        nl_lint_place(s, i);
        return true;
    }
    return false;
}

/* A weight that is to begin smaller than it was drawn, as model.init, norm.placement or model.residual has it. */
bool nl_lint_lost_scale(const struct lint_context *s, struct nl_text *what)
{
    for (int i = 0; i < s->graph.nodes; i++) {
        const struct nl_graph_node *maker = builder_of(s, i);
        bool by_data = s->config->norm.weights_init == NL_INIT_BY_DATA;
        int gain = maker ? maker->in[NL_GAIN] : NL_NONE, scaled = gain != NL_NONE ? gain
                                                                  : maker         ? maker->in[NL_ORIGINAL]
                                                                                  : NL_NONE;
        const struct nl_tensor *tensor = scaled == NL_NONE ? NULL : &s->graph.tensor[s->graph.value[scaled].tensor];
        if (!tensor || (tensor->factor == 1 && tensor->last == 1) || tensor->last == 0 || (gain != NL_NONE && !by_data))
            continue;
        if (gain == NL_NONE)
            nl_text_add(what,
                        "%s divides a weight by its size and has no gain, so that the initial factor %.3g does not "
                        "reach the weight of '%s'",
                        nl_weight_norm_of(maker)->name, tensor->last, s->graph.node[i].name);
        else
            nl_text_add(
                what,
                "the first batch sets the gain of '%s', so that the initial factor %.3g does not reach its weight",
                s->graph.node[i].name, tensor->last);
        nl_lint_place(s, i);
        return true;
    }
    return false;
}

bool nl_lint_depthwise_matrix(const struct lint_context *s, struct nl_text *what)
{
    for (int i = 0; i < s->graph.nodes; i++) {
        const struct nl_graph_node *maker = builder_of(s, i);
        if (!maker || maker->operation != &nl_spectral_norm_operation ||
            s->graph.node[i].operation != &nl_depthwise_conv_operation)
            continue;
        nl_text_add(what,
                    "the outputs of the depthwise '%s' see one channel each: the singular values of its weight as one "
                    "matrix say nothing about it",
                    s->graph.node[i].name);
        nl_lint_place(s, i);
        return true;
    }
    return false;
}

static bool begins_by_data(const struct lint_context *s)
{
    bool any = false;
    for (int i = 0; i < s->graph.nodes; i++)
        any |= s->graph.node[i].operation == &nl_standardize_operation;
    return any;
}

bool nl_lint_start_is_loaded(const struct lint_context *s, struct nl_text *what)
{
    if (!begins_by_data(s) || !*s->config->model.load)
        return false;
    nl_text_add(what, "gain and bias begin as model.load has them: nothing is left of what the first batch sets");
    return true;
}

bool nl_lint_start_of_one(const struct lint_context *s, struct nl_text *what)
{
    for (int i = 0; i < s->graph.nodes; i++) {
        const struct nl_graph_node *node = &s->graph.node[i];
        if (node->operation != &nl_standardize_operation || nl_micro_batch(s->config) > 1 ||
            nl_positions(s->graph.value[node->in[0]].extent) > 1)
            continue;
        nl_text_add(
            what,
            "a first batch of one sample has no variance: it sets biases to what makes each output 0, and no gain");
        return true;
    }
    return false;
}
