/* Copies parameters, statistics, streams, the order of the samples and rates of a replica to a plan of the complex
 * backend. */
#include "train/exact.h"

#include <stdlib.h>

#include "backend/ref/complex.h"
#include "base/memory.h"

static void copy_tensor(const struct nl_plan *from, int replica, const struct nl_plan *to,
                        const struct nl_tensor *tensor)
{
    const void *place = nl_tensor_in(from, replica, tensor);
    void *target = nl_tensor_in(to, 0, tensor);
    if (tensor->spec.type == NL_TENSOR_REAL) {
        double *values = nl_alloc(tensor->count, sizeof *values);
        from->backend->get_reals(values, place, tensor->count);
        to->backend->put_reals(target, values, tensor->count);
        free(values);
        return;
    }
    size_t bytes = nl_tensor_bytes(from, tensor);
    char *values = nl_alloc(bytes, 1);
    from->backend->download(values, place, bytes);
    to->backend->upload(target, values, bytes);
    free(values);
}

void nl_exact_make(struct nl_exact *exact, const struct nl_training *training, const struct nl_run *step, int replica,
                   bool all)
{
    static char everything[] = "*";
    const struct nl_plan *from = &training->plan;
    const struct nl_replica *r = training->active[replica];
    struct nl_plan *to = &exact->plan;
    struct nl_error err;
    exact->config = *r->config;
    exact->config.log.layers.count = 0;
    exact->config.log.tensors.count = all;
    exact->config.log.tensors.at[0] = everything;
    if (nl_backend_complex.thread_begin(0, &err) != NL_OK ||
        nl_plan_make(to, &nl_backend_complex, &training->graph, &exact->config, &r->view, 1, 1, &err) != NL_OK)
        nl_out_of_memory(to->arena_bytes);
    nl_plan_write(to, 0, &exact->config, &r->view);
    for (int i = 0; i < training->graph.tensors; i++)
        copy_tensor(from, replica, to, &training->graph.tensor[i]);
    size_t bytes = (size_t)training->counts[NL_PART_TRAIN] * sizeof(int32_t);
    int32_t *order = nl_alloc(bytes, 1);
    from->backend->download(order, nl_place_in(from, from->order, replica), bytes);
    to->backend->upload(to->order, order, bytes);
    free(order);
    to->backend->upload(to->hyper, &training->hyper[replica], sizeof *training->hyper);
    to->train.gather.index = to->order + (from->train.gather.index - from->order);
    to->train.gather.next = NULL;
    exact->run = *step;
    exact->run.replicas = 1;
    exact->run.stride = to->stride;
    exact->run.observes = all;
    exact->run.sums = to->sums;
}

void nl_exact_release(struct nl_exact *exact)
{
    nl_plan_release(&exact->plan);
}
