#include "graph/scan.h"

#include "base/memory.h"
#include "operation/transpose.h"

void nl_scan_begin(struct nl_graph *graph, int times, bool reverse)
{
    NL_ASSERT(graph->open == NL_NONE && times > 0);
    NL_GROW(graph->scan, graph->scans, graph->scans_capacity);
    graph->scan[graph->scans] = (struct nl_scan){.times = times, .reverse = reverse};
    graph->open = graph->scans++;
}

static struct nl_scan *open_scan(struct nl_graph *graph)
{
    NL_ASSERT(graph->open != NL_NONE);
    return &graph->scan[graph->open];
}

/* The copy with which a value goes in or out: a node of neither body. */
static int copy(struct nl_graph *graph, int value, int times, bool leaves, const char *name, struct nl_error *err)
{
    struct nl_transpose transpose = {.times = times, .leaves = leaves};
    int open = graph->open;
    graph->open = NL_NONE;
    int out = nl_graph_add(graph, &(struct nl_new_node){.operation = &nl_transpose_operation, .arguments = &transpose, .name = name, .in = {value}, .inputs = 1}, err);
    graph->open = open;
    return out;
}

/* Whether the body has begun: its nodes stand in a row, behind what the loop takes and carries. */
static bool has_body(const struct nl_graph *graph)
{
    bool any = false;
    for (int i = 0; i < graph->nodes; i++)
        any |= graph->node[i].scan == graph->open;
    return any;
}

int nl_scan_take(struct nl_graph *graph, int sequence, const char *name, struct nl_error *err)
{
    NL_ASSERT(!has_body(graph));
    int taken = copy(graph, sequence, open_scan(graph)->times, false, name, err);
    if (taken != NL_NONE)
        graph->value[taken].scan = graph->open;
    return taken;
}

int nl_scan_carry(struct nl_graph *graph, int first, const char *name, struct nl_error *err)
{
    struct nl_scan *scan = open_scan(graph);
    NL_ASSERT(!has_body(graph));
    if (scan->carried == NL_MOST_CARRIED)
        return nl_fail(err, "a loop carries at most %d states", NL_MOST_CARRIED), NL_NONE;
    int begins = copy(graph, first, 1, false, name, err);
    if (begins == NL_NONE)
        return NL_NONE;
    struct nl_value last = graph->value[begins], before = last;
    last.producer = before.producer = NL_NONE;
    before.scan = graph->open;
    struct nl_carried *state = &scan->state[scan->carried++];
    *state = (struct nl_carried){.first = begins, .before = nl_graph_add_value(graph, before), .after = NL_NONE, .last = nl_graph_add_value(graph, last)};
    return state->before;
}

static struct nl_carried *state_of(struct nl_graph *graph, int before)
{
    struct nl_scan *scan = &graph->scan[graph->value[before].scan];
    for (int s = 0; s < scan->carried; s++)
        if (scan->state[s].before == before)
            return &scan->state[s];
    NL_BUG("value %d is not a state", before);
}

int nl_scan_pass(struct nl_graph *graph, int before, int after, struct nl_error *err)
{
    struct nl_carried *state = state_of(graph, before);
    const struct nl_value *v = &graph->value[after];
    bool own = v->producer != NL_NONE && graph->node[v->producer].scan == graph->open;
    for (int s = 0; s < open_scan(graph)->carried; s++)
        own &= open_scan(graph)->state[s].after != after;
    if (!own || v->count != graph->value[before].count)
        return nl_fail(err, "a state becomes a value of its own, of its shape, that the body makes");
    state->after = after;
    return NL_OK;
}

int nl_scan_end(struct nl_graph *graph, struct nl_error *err)
{
    const struct nl_scan *scan = open_scan(graph);
    for (int s = 0; s < scan->carried; s++)
        if (scan->state[s].after == NL_NONE)
            return nl_fail(err, "state %d of a loop is not passed on", s);
    graph->open = NL_NONE;
    return NL_OK;
}

int nl_scan_collect(struct nl_graph *graph, int value, const char *name, struct nl_error *err)
{
    return copy(graph, value, graph->scan[graph->value[value].scan].times, true, name, err);
}

int nl_scan_last(struct nl_graph *graph, int before, const char *name, struct nl_error *err)
{
    return copy(graph, state_of(graph, before)->last, 1, true, name, err);
}
