/* What is not kept for backward. The output of a quick node (a normalizer's `apply`) that a single node takes is made
 * again there, if that node allows it, from the input, which the quick node's own backward reads next: writing it to
 * memory and reading it there would take longer. */
#include "graph/program.h"

/* Whether the only node that takes the value lets it be made again. */
static bool may_be_remade(const struct nl_graph *graph, int value)
{
    int consumer = nl_consumers(graph, value) == 1 ? nl_first_consumer(graph, value) : NL_NONE;
    if (consumer == NL_NONE)
        return false;
    const struct nl_graph_node *node = &graph->node[consumer];
    for (int i = 0; i < NL_MOST_SLOTS; i++)
        if (node->in[i] == value)
            return node->operation->remakes & 1u << i;
    return false;
}

/* joined: it is computed again on the way into the node that takes it. */
static bool is_recomputed(const struct nl_program *program, int number, bool joined)
{
    const struct nl_graph_node *node = &program->graph.node[number];
    if ((program->backend->micro_bytes == 0 && !joined) || node->loop != NL_NONE || !node->kernel->apply ||
        !may_be_remade(&program->graph, node->out[0]))
        return false;
    /* What apply takes is there in backward if backward takes it, too. */
    unsigned filled = nl_filled_slots(node);
    struct nl_reads reads = node->operation->reads(node->arguments, filled);
    return (filled & ~reads.inputs) == 0 && reads.outputs == 0;
}

void nl_find_recomputed(const struct nl_program *program, struct nl_calls *calls)
{
    for (int i = 0; i < program->graph.nodes; i++)
        calls[i].recomputed = program->trains && is_recomputed(program, i, calls[i].joined);
}
