/* What lies in the replicas' state: written at the start, put and read in all at once, moved. */
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/random.h"
#include "operation/embedding.h"
#include "train/plan.h"

void *nl_place_in(const struct nl_plan *plan, const void *place, int replica)
{
    return place ? (char *)(uintptr_t)place + (size_t)replica * plan->stride : NULL;
}

size_t nl_tensor_bytes(const struct nl_plan *plan, const struct nl_tensor *tensor)
{
    return tensor->count * nl_type_bytes(tensor->spec.type, plan->backend);
}

void *nl_tensor_in(const struct nl_plan *plan, int replica, const struct nl_tensor *tensor)
{
    bool learned = nl_is_parameter(tensor->spec.role);
    void *first =
        learned ? (char *)plan->parameters + tensor->offset * plan->backend->real : plan->state[tensor->offset];
    return nl_place_in(plan, first, replica);
}

/* How samples are seen: as a table of their bytes, or by mean and scale; and, where the backend is better off so, all
 * of them. */
static void write_samples(const struct nl_plan *plan, int replica, const struct nl_split *view)
{
    const struct nl_backend *backend = plan->backend;
    const struct nl_gather *gather = &plan->train.gather;
    size_t channels = (size_t)gather->channels, sample = (size_t)gather->height * (size_t)gather->width * channels;
    if (!gather->x)
        return;
    if (gather->table)
        backend->upload(nl_place_in(plan, gather->table, replica), view->table, channels * 256 * sizeof *view->table);
    else
        backend->upload(nl_place_in(plan, gather->mean, replica), view->mean, channels * sizeof *view->mean);
    double *scale = nl_place_in(plan, gather->scale, replica);
    for (size_t c = 0; scale && c < channels; c++)
        backend->upload(scale + c, &(double){1 / view->deviation[c]}, sizeof *scale);
    if (!gather->standardized)
        return;
    float *x = nl_alloc(sample, sizeof *x);
    for (int i = 0; i < nl_dataset_room(view->dataset); i++) {
        nl_split_sample(view, i, x);
        backend->upload(nl_place_in(plan, gather->standardized + (size_t)i * sample, replica), x, sample * sizeof *x);
    }
    free(x);
}

static void write_rows(const struct nl_plan *plan, int replica, const struct nl_split *view)
{
    const struct nl_gather *gather = &plan->train.gather;
    for (int i = 0; i < gather->rows; i++) {
        const struct nl_rows *row = &gather->row[i];
        struct nl_sample_rows from = nl_split_rows(view, plan->row_input[i]);
        if (!row->shared)
            plan->backend->upload(nl_place_in(plan, row->of, replica), from.at,
                                  nl_rows_bytes(&from, nl_dataset_room(view->dataset)));
    }
}

static void write_key(const struct nl_plan *plan, const struct nl_tensor *tensor, uint64_t seed, void *place)
{
    char name[72];
    const struct nl_graph_node *node = &plan->graph->node[tensor->node];
    snprintf(name, sizeof name, "%s.%s", node->operation->name, node->name); /* "dropout.drop1" */
    struct nl_stream stream = nl_stream(seed, name);
    plan->backend->upload(place, stream.key, sizeof stream.key);
}

/* What a state of reals begins as. */
static void write_initial(const struct nl_plan *plan, int replica, const struct nl_tensor *tensor)
{
    double *values = nl_alloc(tensor->count, sizeof *values);
    for (size_t i = 0; i < tensor->count; i++)
        values[i] = nl_initial_of(&tensor->spec, i);
    plan->backend->put_reals(nl_tensor_in(plan, replica, tensor), values, tensor->count);
    free(values);
}

/* What spectral normalization keeps of a weight is no statistic of activations, and begins as drawn. */
static bool is_of_weights(const struct nl_graph *graph, const struct nl_tensor *tensor)
{
    return graph->node[tensor->node].operation->span == NL_SPAN_PARAMETERS;
}

void nl_plan_reset_statistics(const struct nl_plan *plan)
{
    static const int64_t none = 0;
    for (const struct nl_tensor *tensor = plan->graph->tensor; tensor < plan->graph->tensor + plan->graph->tensors;
         tensor++)
        for (int r = 0; r < plan->replicas; r++) {
            if (tensor->spec.role == NL_RUNNING && !is_of_weights(plan->graph, tensor))
                write_initial(plan, r, tensor);
            for (size_t i = 0; i < tensor->count && tensor->spec.role == NL_UPDATES; i++)
                plan->backend->upload((int64_t *)nl_tensor_in(plan, r, tensor) + i, &none, sizeof none);
        }
}

static void write_network(const struct nl_plan *plan, int replica, const struct nl_config *config)
{
    const struct nl_graph *graph = plan->graph;
    double **values = nl_alloc((size_t)graph->tensors, sizeof *values);
    for (int i = 0; i < graph->tensors; i++)
        if (graph->tensor[i].spec.type == NL_TENSOR_REAL)
            values[i] = nl_alloc(graph->tensor[i].count, sizeof *values[i]);
    nl_model_init(graph, config, values);
    for (int i = 0; i < graph->tensors; i++) {
        const struct nl_tensor *tensor = &graph->tensor[i];
        void *place = nl_tensor_in(plan, replica, tensor);
        if (values[i])
            plan->backend->put_reals(place, values[i], tensor->count);
        if (tensor->spec.role == NL_STREAM_KEY)
            write_key(plan, tensor, nl_seed_of(config, config->train.dropout_seed), place);
        free(values[i]); /* other states begin as zeros, as memory does */
    }
    free(values);
}

/* The last node is the loss, which takes the logits. */
size_t nl_plan_units(const struct nl_plan *plan, const struct nl_tensor *tensor)
{
    const struct nl_graph *graph = plan->graph;
    if (nl_is_of_head(graph, graph->node[graph->nodes - 1].in[0], tensor->node))
        return 0;
    return tensor->spec.role == NL_WEIGHT ? tensor->spec.shape[0] : 1;
}

/* Outputs of a hidden layer's weight, which lie side by side. 0: the parameter is something else, such as the head's
 * weight, or an embedding, whose rows are looked up. */
static size_t columns_of(const struct nl_plan *plan, const struct nl_tensor *tensor)
{
    bool hidden = tensor->spec.role == NL_WEIGHT && tensor->spec.dims > 1 && nl_plan_units(plan, tensor) > 0;
    return hidden && plan->graph->node[tensor->node].operation != &nl_embedding_operation ? tensor->spec.shape[0] : 0;
}

static void write_parameter_list(const struct nl_plan *plan, int replica)
{
    const struct nl_graph *graph = plan->graph;
    struct nl_update_tensor *list = nl_alloc((size_t)plan->update.tensors, sizeof *list), *end = list;
    for (int freezes = 0; freezes < 2; freezes++) /* in the order of their offsets */
        for (const struct nl_tensor *tensor = graph->tensor; tensor < graph->tensor + graph->tensors; tensor++)
            if (nl_is_stepped(tensor) && tensor->spec.freezes == freezes)
                *end++ = (struct nl_update_tensor){tensor->offset, tensor->count, tensor->spec.role,
                                                   nl_plan_units(plan, tensor), columns_of(plan, tensor)};
    plan->backend->upload(nl_place_in(plan, plan->update.tensor, replica), list, (size_t)(end - list) * sizeof *list);
    free(list);
}

void nl_plan_write(const struct nl_plan *plan, int replica, const struct nl_config *config, const struct nl_split *view)
{
    const struct nl_backend *backend = plan->backend;
    const struct nl_gather *gather = &plan->train.gather;
    const uint64_t augment = nl_seed_of(config, config->data.augment_seed),
                   order = nl_seed_of(config, config->train.order_seed);
    backend->upload(nl_place_in(plan, gather->seed, replica), &augment, sizeof augment);
    backend->upload(nl_place_in(plan, plan->ordering.seed, replica), &order, sizeof order);
    write_samples(plan, replica, view);
    write_rows(plan, replica, view);
    const int32_t *const parts[3] = {view->train, view->val, view->test};
    const int counts[3] = {view->train_count, view->val_count, view->test_count};
    for (int i = 0; i < 3; i++)
        backend->upload(nl_place_in(plan, plan->part[i], replica), parts[i], (size_t)counts[i] * sizeof *parts[i]);
    write_network(plan, replica, config);
    write_parameter_list(plan, replica);
}

void nl_plan_put(const struct nl_plan *plan, void *place, const void *rows, size_t bytes)
{
    if (plan->backend->upload_rows && plan->replicas > 1) {
        plan->backend->upload_rows(place, plan->stride, rows, bytes, plan->replicas);
        return;
    }
    for (int r = 0; r < plan->replicas; r++)
        plan->backend->upload(nl_place_in(plan, place, r), (const char *)rows + (size_t)r * bytes, bytes);
}

void nl_plan_get(const struct nl_plan *plan, void *rows, const void *place, size_t bytes)
{
    if (plan->backend->download_rows && plan->replicas > 1) {
        plan->backend->download_rows(rows, place, plan->stride, bytes, plan->replicas);
        return;
    }
    for (int r = 0; r < plan->replicas; r++)
        plan->backend->download((char *)rows + (size_t)r * bytes, nl_place_in(plan, place, r), bytes);
}

void nl_plan_forget(struct nl_plan *plan)
{
    struct nl_tape **tapes = &plan->tape[0][0];
    for (size_t i = 0; i < sizeof plan->tape / sizeof *tapes; i++) {
        if (tapes[i])
            plan->backend->forget(tapes[i]);
        tapes[i] = NULL;
    }
}

void nl_plan_drop(struct nl_plan *plan, int replica)
{
    int last = --plan->replicas;
    if (replica < last) {
        char *state = nl_alloc(plan->state_bytes, 1);
        plan->backend->download(state, nl_place_in(plan, plan->arena, last), plan->state_bytes);
        plan->backend->upload(nl_place_in(plan, plan->arena, replica), state, plan->state_bytes);
        free(state);
    }
    nl_plan_forget(plan); /* it was recorded for one replica more */
}
