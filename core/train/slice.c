/* Draws a direction, and gives its filters the lengths of those of the parameters. */
#include "train/slice.h"

#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "operation/embedding.h"

/* The outputs of a layer lie side by side; the rows of a table one after the other. */
static size_t filter_of(const struct nl_graph *graph, const struct nl_tensor *tensor, size_t element)
{
    size_t filters = tensor->spec.shape[0];
    bool table = graph->node[tensor->node].operation == &nl_embedding_operation;
    return table ? element / (tensor->count / filters) : element % filters;
}

static void normalize_filters(const struct nl_graph *graph, const struct nl_tensor *tensor, const double *w, double *d)
{
    size_t filters = tensor->spec.shape[0];
    double *squares = nl_alloc(2 * filters, sizeof *squares), *wanted = squares + filters;
    for (size_t i = 0; i < tensor->count; i++) {
        size_t filter = filter_of(graph, tensor, i);
        squares[filter] += d[i] * d[i];
        wanted[filter] += w[i] * w[i];
    }
    for (size_t i = 0; i < tensor->count; i++) {
        size_t filter = filter_of(graph, tensor, i);
        d[i] *= sqrt(wanted[filter] / squares[filter]);
    }
    free(squares);
}

void nl_slice_direction(const struct nl_graph *graph, const double *w, struct nl_stream stream, uint64_t row,
                        double *out)
{
    for (size_t i = 0; i < graph->count; i++)
        out[i] = 0;
    for (int i = 0; i < graph->tensors; i++) {
        const struct nl_tensor *tensor = &graph->tensor[i];
        if (tensor->spec.role != NL_WEIGHT)
            continue;
        nl_stream_normals(stream, row, tensor->offset, tensor->count, out + tensor->offset);
        normalize_filters(graph, tensor, w + tensor->offset, out + tensor->offset);
    }
}
