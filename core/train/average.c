/* Averages of the weights, beside the training: what goes into them, and the network with them in place of its own. */
#include <stdlib.h>

#include "backend/replica.h"
#include "base/memory.h"
#include "train/plan.h"

/* Whether the state is averaged like the parameters, as the buffers of AveragedModel(use_buffers=True) are. */
static bool is_averaged(const struct nl_tensor *tensor)
{
    return !nl_is_parameter(tensor->spec.role) && tensor->spec.saved && tensor->spec.type == NL_TENSOR_REAL;
}

size_t nl_averaged_count(const struct nl_graph *graph)
{
    size_t count = graph->count;
    for (int i = 0; i < graph->tensors; i++)
        count += is_averaged(&graph->tensor[i]) ? graph->tensor[i].count : 0;
    return count;
}

/* One place of what is averaged, and where it lies in an average, in reals from its start. */
struct averaged {
    void *at;
    size_t offset, count;
    int tensor; /* the first that comes after it */
};

/* The parameters, then each such state; one begins with {0}. False: there are no more. */
static bool next_averaged(const struct nl_plan *plan, struct averaged *one)
{
    const struct nl_graph *graph = plan->graph;
    one->offset += one->count;
    if (!one->at) {
        one->at = plan->parameters;
        one->count = graph->count;
        return true;
    }
    while (one->tensor < graph->tensors && !is_averaged(&graph->tensor[one->tensor]))
        one->tensor++;
    if (one->tensor == graph->tensors)
        return false;
    one->at = nl_tensor_in(plan, 0, &graph->tensor[one->tensor]);
    one->count = graph->tensor[one->tensor++].count;
    return true;
}

static void *in_average(const struct nl_plan *plan, enum nl_eval average, const struct averaged *one)
{
    return (char *)plan->average[average - NL_EVAL_EMA] + one->offset * plan->backend->real;
}

void nl_plan_average(const struct nl_plan *plan, const struct nl_run *run, enum nl_eval average, double share)
{
    const struct nl_kernel *kernel = nl_kernel_of(plan->backend, &nl_weight_average_operation, NULL);
    for (struct averaged one = {0}; next_averaged(plan, &one);)
        for (int call = 0; call < nl_calls_of(plan->backend, run); call++) {
            const struct nl_weight_average op = {.count = one.count,
                                                 .value = nl_place_in(plan, one.at, call),
                                                 .average = nl_place_in(plan, in_average(plan, average, &one), call),
                                                 .share = share};
            kernel->forward(run, &op);
        }
}

void nl_plan_exchange(const struct nl_plan *plan, enum nl_eval average)
{
    const struct nl_backend *backend = plan->backend;
    for (struct averaged one = {0}; next_averaged(plan, &one);)
        for (int r = 0; r < plan->replicas; r++) {
            size_t bytes = one.count * backend->real;
            void *own = nl_place_in(plan, one.at, r), *other = nl_place_in(plan, in_average(plan, average, &one), r);
            char *kept = nl_alloc(2, bytes);
            backend->download(kept, own, bytes);
            backend->download(kept + bytes, other, bytes);
            backend->upload(own, kept + bytes, bytes);
            backend->upload(other, kept, bytes);
            free(kept);
        }
}
