/* Matches patterns with the names of a graph's tensors. */
#include "graph/observers.h"

#include <fnmatch.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/nearest.h"
#include "operation/activate.h"
#include "operation/attention.h"
#include "operation/squash.h"

const char *const nl_observed_group_names[] = {
    "activations",   "gradients",       "updates",     "turns",     "normalizers",
    "distributions", "representations", "propagation", "shift",     "landscape",
    "slices",        "planes",          "ways",        "curvature", NULL};

const char *const nl_aspect_prefixes[NL_ASPECTS] = {
    "",           "grad:",    "update:", "turn:",       "shift:", "distribution:", "units:",
    "saturated:", "samples:", "tokens:", "covariance:", "drift:", "entropy:",      "logits:",
    "jacobian:",  "grad64:",  "along:",  "slice:",      "plane:", "between:",      "hessian:"};

static const char *const along_names[NL_ALONG_KINDS] = {"loss", "gradient", "smoothness"};
static const char *const curved_names[NL_CURVED_KINDS] = {"eigenvalues", "trace"};

bool nl_is_in_step(enum nl_aspect aspect)
{
    return aspect <= NL_UPDATE;
}

bool nl_is_aside(enum nl_aspect aspect)
{
    return aspect >= NL_SHIFT;
}

bool nl_sees_whole(enum nl_aspect aspect)
{
    return aspect >= NL_DISTRIBUTION && aspect <= NL_JACOBIAN;
}

bool nl_is_point(enum nl_aspect aspect)
{
    return aspect >= NL_SLICE && aspect <= NL_ON_WAY;
}

enum nl_aspect nl_observer_aspect(const char *name)
{
    enum nl_aspect aspect = NL_ASPECTS - 1;
    while (strncmp(name, nl_aspect_prefixes[aspect], strlen(nl_aspect_prefixes[aspect])) != 0) /* the first is "" */
        aspect--;
    return aspect;
}

enum nl_along nl_observer_along(const char *name)
{
    for (enum nl_along along = 0; along < NL_ALONG_KINDS; along++)
        if (strcmp(name + strlen(nl_aspect_prefixes[NL_ALONG]), along_names[along]) == 0)
            return along;
    return NL_ALONG_KINDS;
}

bool nl_is_observed(const struct nl_name_list *patterns, const char *name)
{
    for (int i = 0; i < patterns->count; i++)
        if (!strchr(patterns->at[i], ':') == !strchr(name, ':') &&
            fnmatch(patterns->at[i], name, 0) == 0) /* '*' is no prefix */
            return true;
    return false;
}

static int group_of_parameter(enum nl_role role, enum nl_aspect aspect)
{
    if (role == NL_WEIGHT && aspect == NL_GRADIENT)
        return NL_OBSERVED_GRADIENTS;
    if (role == NL_WEIGHT && aspect == NL_UPDATE)
        return NL_OBSERVED_UPDATES;
    if (role == NL_WEIGHT && aspect == NL_TURN)
        return NL_OBSERVED_TURNS;
    if (aspect == NL_SHIFT)
        return NL_OBSERVED_SHIFT;
    if (role == NL_WEIGHT && aspect == NL_GRADIENT_64)
        return NL_OBSERVED_PROPAGATION;
    bool normalizes = role == NL_GAMMA || role == NL_BETA || role == NL_FRACTION;
    return normalizes && aspect == NL_VALUE ? NL_OBSERVED_NORMALIZERS : NL_NONE;
}

/* A weight may be computed of a parameter (norm.weights). */
static bool has_weight(const struct nl_graph *graph, const struct nl_graph_node *node)
{
    bool found = false;
    for (int slot = 0; slot < NL_MOST_SLOTS; slot++) {
        const struct nl_value *in = node->in[slot] == NL_NONE ? NULL : &graph->value[node->in[slot]];
        found |= in && (in->kind == NL_COMPUTED ||
                        (in->kind == NL_PARAMETER && graph->tensor[in->tensor].spec.role == NL_WEIGHT));
    }
    return found;
}

static int group_of(const struct nl_graph *graph, int value, enum nl_aspect aspect)
{
    const struct nl_value *v = &graph->value[value];
    if (v->kind == NL_PARAMETER)
        return group_of_parameter(graph->tensor[v->tensor].spec.role, aspect);
    bool attends = aspect == NL_ENTROPY || aspect == NL_LOGITS, special = aspect == NL_DRIFT || aspect == NL_FLAT;
    if (v->kind != NL_ACTIVATIONS || (!special && !attends && !has_weight(graph, &graph->node[v->producer])))
        return NL_NONE;
    if (aspect == NL_DISTRIBUTION || aspect == NL_UNITS || special)
        return NL_OBSERVED_DISTRIBUTIONS;
    if (aspect == NL_SAMPLES || aspect == NL_TOKENS || aspect == NL_COVARIANCE || attends)
        return NL_OBSERVED_REPRESENTATIONS;
    return aspect == NL_VALUE ? NL_OBSERVED_ACTIVATIONS : aspect == NL_JACOBIAN ? NL_OBSERVED_PROPAGATION : NL_NONE;
}

static void add(struct nl_observers *out, struct nl_observer observer, const char *name)
{
    snprintf(observer.name, sizeof observer.name, "%s%s", nl_aspect_prefixes[observer.aspect], name);
    NL_GROW(out->at, out->count, out->capacity);
    out->at[out->count++] = observer;
}

static void add_elements(struct nl_observers *out, const struct nl_graph *graph, int value)
{
    const struct nl_tensor *tensor = &graph->tensor[graph->value[value].tensor];
    for (int e = 0; tensor->spec.numbers && tensor->spec.numbers[e]; e++) {
        char *name = nl_format("%s.%s", tensor->name, tensor->spec.numbers[e]);
        add(out, (struct nl_observer){.value = value, .state = NL_NONE, .group = NL_NONE, .element = e}, name);
        free(name);
    }
}

/* What is of the network as a whole. */
static void add_part(struct nl_observers *out, enum nl_aspect aspect, enum nl_observed_group group, int part,
                     const char *name)
{
    add(out,
        (struct nl_observer){
            .value = NL_NONE, .state = NL_NONE, .part = part, .group = group, .element = NL_NONE, .aspect = aspect},
        name);
}

enum { FACTOR_SIZE = 8 };

/* "-0.8", "0.0", "+0.3": a point of so many from -1 to 1. */
static void print_factor(int point, int points, char out[FACTOR_SIZE])
{
    double factor = nl_slice_factor(point, points);
    snprintf(out, FACTOR_SIZE, factor == 0 ? "%.1f" : "%+.1f", factor);
}

static void add_parts(struct nl_observers *out)
{
    char name[2 * FACTOR_SIZE], x[FACTOR_SIZE], y[FACTOR_SIZE];
    for (int i = 0; i < NL_ALONG_KINDS; i++)
        add_part(out, NL_ALONG, NL_OBSERVED_LANDSCAPE, i, along_names[i]);
    for (int i = 0; i < NL_SLICE_POINTS; i++) {
        print_factor(i, NL_SLICE_POINTS, x);
        add_part(out, NL_SLICE, NL_OBSERVED_SLICES, i, x);
    }
    for (int i = 0; i < NL_PLANE_POINTS; i++) {
        print_factor(i / NL_PLANE_SIDE, NL_PLANE_SIDE, x);
        print_factor(i % NL_PLANE_SIDE, NL_PLANE_SIDE, y);
        snprintf(name, sizeof name, "%s/%s", x, y);
        add_part(out, NL_PLANE, NL_OBSERVED_PLANES, i, name);
    }
    for (int i = 0; i < NL_WAY_POINTS; i++) {
        snprintf(name, sizeof name, "%.2f", nl_way_share(i));
        add_part(out, NL_ON_WAY, NL_OBSERVED_WAYS, i, name);
    }
    for (int i = 0; i < NL_CURVED_KINDS; i++)
        add_part(out, NL_CURVATURE, NL_OBSERVED_CURVATURE, i, curved_names[i]);
}

double nl_slice_factor(int point, int points)
{
    return 2.0 * point / (points - 1) - 1;
}

double nl_way_share(int point)
{
    return (double)point / (NL_WAY_POINTS - 1);
}

bool nl_is_attention(const struct nl_graph *graph, int value)
{
    int producer = graph->value[value].producer;
    return producer != NL_NONE && graph->node[producer].operation == &nl_attention_operation;
}

/* Whether passes beside the step see all of it at once: of activations the first output of a node outside of loops. */
static bool is_seen_whole(const struct nl_graph *graph, int value)
{
    const struct nl_value *v = &graph->value[value];
    return v->kind == NL_ACTIVATIONS && v->producer != NL_NONE && graph->node[v->producer].out[0] == value &&
           v->loop == NL_NONE;
}

bool nl_find_tracked(const struct nl_graph *graph, int value, struct nl_tracked *out)
{
    const struct nl_value *v = &graph->value[value];
    const struct nl_graph_node *node = v->producer == NL_NONE ? NULL : &graph->node[v->producer];
    *out = (struct nl_tracked){NL_NONE, NL_NONE, NL_NONE};
    for (int i = 0; node && i < node->states; i++) {
        const struct nl_tensor_spec *spec = &graph->tensor[node->state[i]].spec;
        if (strcmp(spec->name, "running_mean") == 0)
            out->mean = node->state[i];
        if (strcmp(spec->name, "running_var") == 0)
            out->var = node->state[i];
    }
    if (out->mean == NL_NONE || out->var == NL_NONE)
        return false;
    out->input = node->in[0];
    return is_seen_whole(graph, out->input) &&
           graph->tensor[out->mean].count == (size_t)graph->value[out->input].extent.channels;
}

/* The least |u| at which the slope is at most 1 - tanh(2)^2 of its largest, at 0. */
static double flat_from(enum nl_squash_function function)
{
    switch (function) {
    case NL_SQUASH_TANH: return 2;
    case NL_SQUASH_ERF: return sqrt(-log1p(-tanh(2) * tanh(2))); /* exp(-u^2) */
    case NL_SQUASH_HARDTANH: return 1;
    }
    NL_BUG("function %d", function);
}

bool nl_find_bounded(const struct nl_graph *graph, int value, struct nl_bounded *out)
{
    int producer = graph->value[value].producer;
    const struct nl_graph_node *node = producer == NL_NONE ? NULL : &graph->node[producer];
    *out = (struct nl_bounded){NL_NONE, NL_NONE, NL_NONE, 0};
    if (node && node->operation == &nl_squash_operation) {
        out->alpha = nl_graph_find_parameter(graph, value, "alpha");
        out->shift = nl_graph_find_parameter(graph, value, "shift");
        out->flat = flat_from(nl_squash_function_of(node->arguments));
    } else if (node && node->operation == &nl_activate_operation) {
        enum nl_activation kind = ((const struct nl_activate *)node->arguments)->kind;
        out->flat = kind == NL_TANH ? 2 : kind == NL_SIGMOID ? 4 : 0; /* sigmoid(u) = (1 + tanh(u / 2)) / 2 */
    }
    if (out->flat == 0)
        return false;
    out->input = node->in[0];
    return is_seen_whole(graph, out->input);
}

static bool is_weight(const struct nl_graph *graph, int value)
{
    const struct nl_value *v = &graph->value[value];
    return v->kind == NL_PARAMETER && graph->tensor[v->tensor].spec.role == NL_WEIGHT;
}

static int find_first_weight(const struct nl_graph *graph)
{
    int first = 0;
    while (first < graph->values && !is_weight(graph, first))
        first++;
    return first;
}

/* Whether an aspect of a whole batch is there to see. The passes of a loop see its values time by time. */
static bool has_whole(const struct nl_graph *graph, int value, enum nl_aspect aspect, int input)
{
    const struct nl_value *v = &graph->value[value];
    if (v->loop != NL_NONE)
        return false;
    if (v->kind != NL_ACTIVATIONS)
        return aspect == NL_DISTRIBUTION;
    struct nl_tracked tracked;
    struct nl_bounded bounded;
    if (aspect == NL_ENTROPY || aspect == NL_LOGITS)
        return nl_is_attention(graph, value);
    if ((aspect == NL_DRIFT && !nl_find_tracked(graph, value, &tracked)) ||
        (aspect == NL_FLAT && !nl_find_bounded(graph, value, &bounded)))
        return false;
    bool moved = input == NL_NONE || (graph->value[input].loop == NL_NONE && value > input);
    return (aspect != NL_JACOBIAN || moved) && (aspect != NL_TOKENS || nl_positions(v->extent) > 1);
}

/* All that there is to see. A gradient is there where the value depends on a parameter, and the loss on the value. */
static struct nl_observers everything(const struct nl_graph *graph)
{
    struct nl_observers out = {0};
    bool *learned = nl_alloc((size_t)graph->values, sizeof *learned);
    bool *used = nl_alloc((size_t)graph->values, sizeof *used);
    nl_graph_find_learned(graph, learned);
    nl_graph_find_used(graph, used);
    int first_weight = find_first_weight(graph), input = nl_graph_first_real(graph);
    for (enum nl_aspect aspect = 0; aspect <= NL_GRADIENT_64; aspect++)
        for (int i = 0; i < graph->values; i++) {
            const struct nl_value *value = &graph->value[i];
            bool parameter = value->kind == NL_PARAMETER,
                 first = value->producer != NL_NONE && graph->node[value->producer].out[0] == i;
            if (value->producer != NL_NONE && graph->node[value->producer].operation->initializes)
                continue; /* no step has it */
            if ((!parameter && !first) || value->type != NL_TENSOR_REAL ||
                (aspect == NL_GRADIENT && !(learned[i] && used[i])) ||
                ((aspect == NL_UPDATE || aspect == NL_TURN) && !parameter) ||
                (aspect == NL_SHIFT && (!used[i] || i <= first_weight || !is_weight(graph, i))) ||
                (aspect == NL_GRADIENT_64 && !(used[i] && is_weight(graph, i))) ||
                (nl_sees_whole(aspect) && !has_whole(graph, i, aspect, input)))
                continue;
            add(&out,
                (struct nl_observer){.value = i,
                                     .state = NL_NONE,
                                     .group = group_of(graph, i, aspect),
                                     .element = NL_NONE,
                                     .aspect = aspect},
                parameter ? graph->tensor[value->tensor].name : graph->node[value->producer].name);
            if (parameter && aspect == NL_VALUE)
                add_elements(&out, graph, i);
        }
    for (int i = 0; i < graph->values; i++)
        if (used[i] && is_weight(graph, i))
            add(&out,
                (struct nl_observer){
                    .value = i, .state = NL_NONE, .group = NL_NONE, .element = NL_NONE, .aspect = NL_CURVATURE},
                graph->tensor[graph->value[i].tensor].name);
    free(learned);
    free(used);
    for (int i = 0; i < graph->tensors; i++)
        if (graph->tensor[i].spec.role == NL_RUNNING)
            add(&out,
                (struct nl_observer){
                    .value = NL_NONE, .state = i, .group = NL_OBSERVED_NORMALIZERS, .element = NL_NONE},
                graph->tensor[i].name);
    add_parts(&out);
    return out;
}

struct nl_observers nl_observers_find(const struct nl_graph *graph, const struct nl_name_list *patterns,
                                      unsigned groups)
{
    struct nl_observers all = {0};
    if (patterns->count == 0 && !groups)
        return all;
    all = everything(graph);
    int kept = 0;
    for (int i = 0; i < all.count; i++)
        if ((all.at[i].group != NL_NONE && groups & 1u << all.at[i].group) || nl_is_observed(patterns, all.at[i].name))
            all.at[kept++] = all.at[i];
    all.count = kept;
    return all;
}

bool nl_observes_any(const struct nl_observers *observers, enum nl_aspect aspect)
{
    bool any = false;
    for (int i = 0; i < observers->count; i++)
        any |= observers->at[i].aspect == aspect;
    return any;
}

bool nl_observes_aside(const struct nl_observers *observers)
{
    bool any = false;
    for (enum nl_aspect aspect = 0; aspect < NL_ASPECTS; aspect++)
        any |= nl_is_aside(aspect) && nl_observes_any(observers, aspect);
    return any;
}

void nl_observers_release(struct nl_observers *observers)
{
    free(observers->at);
    *observers = (struct nl_observers){0};
}

char *nl_observers_near(const struct nl_graph *graph, const char *pattern)
{
    struct nl_observers all = everything(graph);
    const char **names = nl_alloc((size_t)all.count, sizeof *names);
    for (int i = 0; i < all.count; i++)
        names[i] = all.at[i].name;
    char *near = nl_near_names(pattern, names, all.count);
    free(names);
    nl_observers_release(&all);
    return near;
}
