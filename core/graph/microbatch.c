/* How nodes are called: in groups for a few samples at a time, as many as the backend says its caches hold; or, in the
 * body of a loop, for all times at once. */
#include <stdlib.h>

#include "base/divisor.h"
#include "base/memory.h"
#include "graph/program.h"

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* Whether evaluation has fixed its statistics, so that every sample has its share at once. */
static bool is_fixed(const struct nl_graph_node *node, bool fixed)
{
    return fixed && node->operation->may_be_fixed && node->operation->may_be_fixed(node->arguments);
}

static bool takes_weight(const struct nl_graph *graph, const struct nl_graph_node *node)
{
    bool any = false;
    for (int i = 0; i < NL_MOST_SLOTS; i++)
        any |= node->in[i] != NL_NONE && graph->value[node->in[i]].kind != NL_ACTIVATIONS;
    return any;
}

static struct nl_micro micro_of(const struct nl_program *program, const struct nl_graph_node *node, bool fixed)
{
    if (node->loop != NL_NONE)
        return (struct nl_micro){0};
    if (is_fixed(node, fixed))
        return (struct nl_micro){.unit = 1};
    if (node->kernel->micro)
        return node->kernel->micro(node->arguments);
    bool sums = program->trains &&
                takes_weight(&program->graph, node); /* the gradient of a weight, and nobody says in what order */
    return (struct nl_micro){.unit = node->operation->span == NL_SPAN_SAMPLE && !sums};
}

/* Bytes of the largest activations of a sample that the node takes or makes, at all times of a loop. */
static size_t bytes_of(const struct nl_program *program, const struct nl_graph_node *node)
{
    const struct nl_graph *graph = &program->graph;
    size_t largest = 0, times = node->loop == NL_NONE ? 1 : (size_t)graph->loop[node->loop].times;
    for (int i = 0; i < NL_MOST_SLOTS; i++)
        if (node->in[i] != NL_NONE && graph->value[node->in[i]].kind == NL_ACTIVATIONS)
            largest = larger(largest, graph->value[node->in[i]].count);
    for (int i = 0; i < node->outputs; i++)
        largest = larger(largest, graph->value[node->out[i]].count);
    return largest * times * program->backend->real;
}

/* ---- tiles: loops, and what copies their sequences ---- */

/* Whether the value lies in memory as those of a loop do, though no node of its body need take it. */
static bool lies_in_loop(const struct nl_graph *graph, int value)
{
    bool any = value != NL_NONE && graph->value[value].loop != NL_NONE;
    for (int i = 0; i < graph->loops; i++)
        for (int s = 0; s < graph->loop[i].carried; s++)
            any |=
                value != NL_NONE && (value == graph->loop[i].state[s].first || value == graph->loop[i].state[s].last);
    return any;
}

/* Whether the node copies to a loop or from it. */
static bool copies(const struct nl_graph *graph, const struct nl_graph_node *node)
{
    return node->loop == NL_NONE && node->outputs > 0 &&
           (lies_in_loop(graph, node->in[0]) || lies_in_loop(graph, node->out[0]));
}

/* Whether it computes a weight, before all others. */
static bool is_of_weights(const struct nl_graph_node *node)
{
    return node->operation->span == NL_SPAN_PARAMETERS;
}

static bool is_apart(const struct nl_graph_node *node)
{
    return node->operation->is_apart && node->operation->is_apart(node->arguments);
}

/* Whether a part of the batch may be a batch to the node. */
static bool may_be_in_tile(const struct nl_program *program, const struct nl_graph_node *node, bool fixed)
{
    const struct nl_operation *operation = node->operation;
    if (node->loop == NL_NONE) {
        struct nl_micro micro = micro_of(program, node, fixed);
        return copies(&program->graph, node) || (micro.unit > 0 && micro.sums == 0 && !micro.reduces);
    }
    return operation->span == NL_SPAN_SAMPLE || is_apart(node) || is_fixed(node, fixed);
}

enum { CACHE = 2 }; /* measured: more than so many micro_bytes do not stay in the cache */
enum { UNIT = 16 }; /* measured: in a loop, fewer samples wait for the weights */

/* All loops of a network, with what lies between them, become a tile, if that can be and pays. */
static bool make_tile(const struct nl_program *program, bool fixed, int group, struct nl_calls *calls)
{
    const struct nl_graph *graph = &program->graph;
    int first = 0, end = 0;
    size_t largest = 1;
    for (int i = 0; i < graph->nodes; i++)
        if (graph->node[i].loop != NL_NONE || copies(graph, &graph->node[i])) {
            first = end == 0 ? i : first;
            end = i + 1;
        }
    bool may = end > 0;
    for (int i = first; i < end; i++) {
        if (is_of_weights(&graph->node[i]))
            continue;
        may &= may_be_in_tile(program, &graph->node[i], fixed);
        largest = larger(largest, bytes_of(program, &graph->node[i]));
    }
    size_t fit = CACHE * program->backend->micro_bytes / largest / UNIT * UNIT;
    if (!may || fit == 0 || fit >= (size_t)program->capacity)
        return false;
    for (int i = first; i < end; i++)
        if (!is_of_weights(&graph->node[i]))
            calls[i] = (struct nl_calls){.group = group, .micro = (int)fit, .tiled = true};
    return true;
}

/* ---- all nodes ---- */

/* How many slots a gradient of the value comes from. */
static int gradients_of(const struct nl_graph *graph, int value)
{
    int count = 0;
    for (const struct nl_graph_node *node = graph->node; node < graph->node + graph->nodes; node++)
        for (int i = 0; i < NL_MOST_SLOTS; i++)
            count += node->in[i] == value && !(node->operation->constants & 1u << i);
    return count;
}

/* Whether the gradient of a parameter comes from several nodes: it is added up when each has all of its own. */
static bool shares_parameters(const struct nl_graph *graph, const struct nl_graph_node *node)
{
    bool any = false;
    for (int i = 0; i < NL_MOST_SLOTS; i++)
        any |= node->in[i] != NL_NONE && graph->value[node->in[i]].kind != NL_ACTIVATIONS &&
               gradients_of(graph, node->in[i]) > 1;
    return any;
}

/* steps: a weight is stepped in backward, once, with the whole gradient. */
static bool may_be_in_group(const struct nl_program *program, const struct nl_graph_node *node, bool fixed, bool steps)
{
    bool whole =
        program->trains && (shares_parameters(&program->graph, node) || (steps && node->operation->steps_weight));
    return !whole && micro_of(program, node, fixed).unit > 0;
}

/* Nodes [first, end) become a group, if that pays. */
static bool make_group(const struct nl_program *program, bool fixed, int first, int end, int group,
                       struct nl_calls *calls)
{
    size_t largest = 1, unit = 1;
    bool rereads = false;
    for (int i = first; i < end; i++) {
        const struct nl_graph_node *node = &program->graph.node[i];
        struct nl_micro micro = micro_of(program, node, fixed);
        if (program->trains) /* sums over samples are those of gradients */
            unit *= (size_t)micro.unit / nl_greatest_divisor(unit, (size_t)micro.unit);
        largest = larger(largest, bytes_of(program, node));
        rereads |= micro.rereads;
    }
    size_t fit = (rereads ? CACHE : 1) * program->backend->micro_bytes / largest / unit * unit;
    if (end - first < 2 || fit == 0 || fit >= (size_t)program->capacity)
        return false;
    for (int i = first; i < end; i++) {
        struct nl_micro micro = micro_of(program, &program->graph.node[i], fixed);
        calls[i] = (struct nl_calls){
            .group = group, .micro = (int)fit, .reduces = micro.reduces, .sums = program->trains ? micro.sums : 0};
    }
    return true;
}

/* On a backend that makes several calls in one go: what joins with its neighbours, and, of what reduces, what takes the
 * output of such a node. */
static void find_joined(const struct nl_program *program, struct nl_calls *calls)
{
    const struct nl_graph *graph = &program->graph;
    for (int i = 0; i < graph->nodes; i++) {
        const struct nl_graph_node *node = &graph->node[i];
        struct nl_micro micro = micro_of(program, node, false);
        int producer = node->in[0] == NL_NONE ? NL_NONE : graph->value[node->in[0]].producer;
        bool follows = producer != NL_NONE && calls[producer].joined && !calls[producer].reduces;
        if (micro.joins && (!micro.reduces || (follows && !shares_parameters(graph, node))))
            calls[i] = (struct nl_calls){.group = 1, .joined = true, .reduces = micro.reduces, .sums = micro.sums};
    }
}

void nl_find_microbatches(const struct nl_program *program, bool fixed, bool steps, struct nl_calls *calls)
{
    const struct nl_graph *graph = &program->graph;
    int group = 1;
    if (program->trains && program->backend->run_calls)
        find_joined(program, calls);
    bool all_at_once = program->backend->micro_bytes == 0 || (!program->trains && !fixed);
    if (all_at_once)
        return;
    if (!steps)
        group += make_tile(program, fixed, group, calls);
    for (int first = 0, end; first < graph->nodes; first = end + 1) {
        end = first;
        while (end < graph->nodes && calls[end].group == 0 && may_be_in_group(program, &graph->node[end], fixed, steps))
            end++;
        group += make_group(program, fixed, first, end, group, calls);
    }
}

/* Whether a cache still holds what a node makes for all times when the loop takes it. A call for each time leaves it
 * there. */
static bool stays_in_cache(const struct nl_program *program, const struct nl_graph_node *node, int samples)
{
    enum { MOST_BYTES = 1 << 20 };
    size_t times = (size_t)program->graph.loop[node->loop].times;
    return (size_t)samples * times * program->graph.value[node->out[0]].count * program->backend->real <= MOST_BYTES;
}

/* Whether a normalizer is called for all times at once: not where what counts depends on the time (measured: 5 % of a
 * step at batch 1, and -3 % at 16). */
static bool normalizes_together(const struct nl_program *program, const struct nl_graph_node *node, int samples)
{
    int lengths = node->operation->lengths;
    return is_apart(node) && (lengths == 0 || node->in[lengths] == NL_NONE) && stays_in_cache(program, node, samples);
}

/* Bytes of the largest weight that the node takes. */
static size_t weight_bytes(const struct nl_program *program, const struct nl_graph_node *node)
{
    size_t largest = 0;
    for (int i = 0; i < NL_MOST_SLOTS; i++)
        if (node->in[i] != NL_NONE && program->graph.value[node->in[i]].kind != NL_ACTIVATIONS)
            largest = larger(largest, program->graph.value[node->in[i]].count);
    return largest * program->backend->real;
}

/* Whether a product is called for each time, though it could be for all: where what it makes does not stay in the
 * cache, the samples are enough for the weight, and the cache keeps the weight from time to time, beside that of the
 * states. Its gradient comes from all times at once (measured: 2 to 4 % of a step). */
static bool multiplies_apart(const struct nl_program *program, const struct nl_graph_node *node, int samples)
{
    bool keeps_weight = 2 * weight_bytes(program, node) <= program->backend->micro_bytes;
    return node->operation->together && keeps_weight && samples >= UNIT && !stays_in_cache(program, node, samples);
}

/* What does not depend on a state may be made for all times at once, as if they were so many samples. looped: [values]
 * those that are not. */
static bool is_together(const struct nl_program *program, const struct nl_graph_node *node, int samples,
                        const bool *looped)
{
    const struct nl_operation *operation = node->operation;
    bool may = normalizes_together(program, node, samples) ||
               (operation->span == NL_SPAN_SAMPLE && !operation->prepare && operation->saved == 0 &&
                node->states == 0 && !multiplies_apart(program, node, samples));
    for (int slot = 0; slot < NL_MOST_SLOTS; slot++)
        may &= node->in[slot] == NL_NONE || !looped[node->in[slot]];
    return may;
}

void nl_find_together(const struct nl_program *program, const struct nl_program_setup *setup, struct nl_calls *calls)
{
    const struct nl_graph *graph = &program->graph;
    bool *looped = nl_alloc((size_t)graph->values, sizeof *looped);
    for (int i = 0; i < graph->loops; i++)
        for (int s = 0; s < graph->loop[i].carried; s++)
            looped[graph->loop[i].state[s].before] = true;
    for (int i = 0; i < graph->nodes; i++) {
        struct nl_graph_node *node = &graph->node[i];
        if (node->loop == NL_NONE)
            continue;
        calls[i].together = is_together(program, node, calls[i].micro > 0 ? calls[i].micro : program->capacity, looped);
        if (calls[i].together)
            nl_prepare(node, setup, program->capacity * graph->loop[node->loop].times);
        for (int out = 0; out < node->outputs; out++)
            looped[node->out[out]] = !calls[i].together;
    }
    free(looped);
}
