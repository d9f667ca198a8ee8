/* Builds loops: what is taken at each time, what is carried from one to the next, what leaves. */
#include "graph/loop.h"

#include <stdio.h>

#include "base/memory.h"
#include "operation/hold.h"
#include "operation/transpose.h"

void nl_loop_begin(struct nl_graph *graph, int times, bool reverse)
{
    NL_ASSERT(graph->open == NL_NONE && times > 0);
    NL_GROW(graph->loop, graph->loops, graph->loops_capacity);
    graph->loop[graph->loops] = (struct nl_loop){.times = times, .reverse = reverse, .lengths = NL_NONE};
    graph->open = graph->loops++;
}

static struct nl_loop *the_open(struct nl_graph *graph)
{
    NL_ASSERT(graph->open != NL_NONE);
    return &graph->loop[graph->open];
}

/* The copy with which a value goes in or out: a node of neither body. */
static int copy(struct nl_graph *graph, int value, int times, bool leaves, const char *name, struct nl_error *err)
{
    struct nl_transpose transpose = {.times = times, .leaves = leaves};
    bool int32 = graph->value[value].type == NL_TENSOR_INT32;
    int open = graph->open;
    graph->open = NL_NONE;
    int out =
        nl_graph_add(graph,
                     &(struct nl_new_node){.operation = int32 ? &nl_transpose_int32_operation : &nl_transpose_operation,
                                           .arguments = &transpose,
                                           .name = name,
                                           .in = {value},
                                           .inputs = 1},
                     err);
    graph->open = open;
    return out;
}

/* Whether the body has begun: its nodes stand in a row, after what the loop takes and carries. */
static bool has_body(const struct nl_graph *graph)
{
    bool any = false;
    for (int i = 0; i < graph->nodes; i++)
        any |= graph->node[i].loop == graph->open;
    return any;
}

int nl_loop_take(struct nl_graph *graph, int sequence, const char *name, struct nl_error *err)
{
    struct nl_loop *loop = the_open(graph);
    int lengths = graph->value[sequence].lengths;
    NL_ASSERT(!has_body(graph));
    if (lengths != NL_NONE && loop->lengths != NL_NONE && lengths != loop->lengths)
        return nl_fail(err, "'%s': a loop takes sequences of the same lengths", name), NL_NONE;
    loop->lengths = lengths != NL_NONE ? lengths : loop->lengths;
    int taken = copy(graph, sequence, loop->times, false, name, err);
    if (taken != NL_NONE)
        graph->value[taken].loop = graph->open;
    return taken;
}

int nl_loop_carry(struct nl_graph *graph, int first, const char *name, struct nl_error *err)
{
    struct nl_loop *loop = the_open(graph);
    NL_ASSERT(!has_body(graph));
    if (loop->carried == NL_MOST_CARRIED)
        return nl_fail(err, "a loop carries at most %d states", NL_MOST_CARRIED), NL_NONE;
    int begins = copy(graph, first, 1, false, name, err);
    if (begins == NL_NONE)
        return NL_NONE;
    struct nl_value last = graph->value[begins], before = last;
    last.producer = before.producer = NL_NONE;
    before.loop = graph->open;
    struct nl_carried *state = &loop->state[loop->carried++];
    *state = (struct nl_carried){.first = begins,
                                 .before = nl_graph_add_value(graph, before),
                                 .after = NL_NONE,
                                 .last = nl_graph_add_value(graph, last)};
    return state->before;
}

static struct nl_carried *state_of(struct nl_graph *graph, int before)
{
    struct nl_loop *loop = &graph->loop[graph->value[before].loop];
    for (int s = 0; s < loop->carried; s++)
        if (loop->state[s].before == before)
            return &loop->state[s];
    NL_BUG("value %d is not a state", before);
}

/* `after` of the samples whose sequences have not ended. */
static int hold(struct nl_graph *graph, int before, int after, struct nl_error *err)
{
    char name[sizeof graph->node->name];
    int lengths = the_open(graph)->lengths;
    if (lengths == NL_NONE)
        return after;
    snprintf(name, sizeof name, "%.*s.held", (int)sizeof name - 6, graph->node[graph->value[after].producer].name);
    struct nl_new_node node = {.operation = &nl_hold_operation,
                               .name = name,
                               .in = {[NL_HOLD_X] = after, [NL_HOLD_BEFORE] = before, [NL_HOLD_LENGTHS] = lengths},
                               .inputs = NL_HOLD_SLOTS};
    return nl_graph_add(graph, &node, err);
}

int nl_loop_pass(struct nl_graph *graph, int before, int after, struct nl_error *err)
{
    struct nl_carried *state = state_of(graph, before);
    const struct nl_value *v = &graph->value[after];
    bool own = v->producer != NL_NONE && graph->node[v->producer].loop == graph->open;
    for (int s = 0; s < the_open(graph)->carried; s++)
        own &= the_open(graph)->state[s].after != after;
    if (!own || v->count != graph->value[before].count)
        return nl_fail(err, "a state becomes a value of its own, of its shape, that the body makes");
    state->after = hold(graph, before, after, err);
    return state->after == NL_NONE ? NL_FAIL : NL_OK;
}

int nl_loop_end(struct nl_graph *graph, struct nl_error *err)
{
    const struct nl_loop *loop = the_open(graph);
    for (int s = 0; s < loop->carried; s++)
        if (loop->state[s].after == NL_NONE)
            return nl_fail(err, "state %d of a loop is not passed on", s);
    graph->open = NL_NONE;
    return NL_OK;
}

int nl_loop_collect(struct nl_graph *graph, int value, const char *name, struct nl_error *err)
{
    const struct nl_loop *loop = &graph->loop[graph->value[value].loop];
    int out = copy(graph, value, loop->times, true, name, err);
    if (out != NL_NONE)
        graph->value[out].lengths = loop->lengths;
    return out;
}

int nl_loop_last(struct nl_graph *graph, int before, const char *name, struct nl_error *err)
{
    return copy(graph, state_of(graph, before)->last, 1, true, name, err);
}
