/* What is not kept for the way back. A normalizer's output that only a convolution takes is made again there, from the input, which the normalizer's
 * own backward reads next: writing it to memory and reading it there would take longer. */
#include "graph/list.h"
#include "operation/conv.h"

static bool is_recomputed(const struct nl_list *list, int number)
{
    const struct nl_graph *graph = &list->graph;
    const struct nl_graph_node *node = &graph->node[number];
    const struct nl_kernel *kernel = nl_kernel_of(list->backend, node->operation, node->arguments);
    if (list->backend->micro_bytes == 0 || node->loop != NL_NONE || !kernel->apply || nl_consumers(graph, node->out[0]) != 1)
        return false;
    /* What apply takes is there on the way back if backward takes it, too. */
    unsigned filled = nl_filled_slots(node);
    struct nl_reads reads = node->operation->reads(node->arguments, filled);
    int next = nl_first_consumer(graph, node->out[0]);
    return next != NL_NONE && graph->node[next].operation == &nl_conv_operation && (filled & ~reads.inputs) == 0 && reads.outputs == 0;
}

void nl_find_recomputed(const struct nl_list *list, struct nl_calls *calls)
{
    for (int i = 0; i < list->graph.nodes; i++)
        calls[i].recomputed = list->trains && is_recomputed(list, i);
}
