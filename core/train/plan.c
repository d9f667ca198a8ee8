/* Lays out the state of a replica, makes the programs of training and evaluation, and binds them to the arena. */
#include "train/plan.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/sizes.h"

/* Layout runs twice over the same code: with no arena, to learn the size; then with the arena, to get the places. */
struct layout {
    char *base;
    size_t at;
    size_t real;
};

enum { ALIGNMENT = 64 }; /* a cache line, and a vector of 512 bits */

static void *take(struct layout *l, size_t bytes)
{
    size_t place = l->at;
    l->at = nl_size_plus(l->at, nl_size_up(bytes, ALIGNMENT));
    return l->base ? l->base + place : NULL;
}

static void *take_reals(struct layout *l, size_t count)
{
    return take(l, nl_size_times(count, l->real));
}

/* Arrays that an optimizer walks along side by side: a load from one waits for a store to another where their addresses
 * are equal modulo the ALIAS, or a little more. So they are put a quarter of it apart. */
enum { ALIAS = 4096, SIDE_BY_SIDE = 4 };

static void *take_beside(struct layout *l, size_t first, int number, size_t count)
{
    size_t wanted = first + (size_t)number * (ALIAS / SIDE_BY_SIDE);
    take(l, (wanted - l->at) % ALIAS);
    return take_reals(l, count);
}

/* ---- what outlives a step ---- */

/* Whether linear layers may step their weights themselves: they are all the weights there are, each takes one of its
 * own, and they need nothing but its gradient. */
static bool steps_in_backward(const struct nl_plan *plan, const struct nl_config *config)
{
    const struct nl_graph *graph = plan->graph;
    bool clips = config->train.agc > 0 || config->train.clip_norm > 0 || config->train.clip_value > 0;
    bool plain = plan->backend->steps_weights && config->train.optimizer == NL_SGD && !clips &&
                 config->train.accumulate == 1 && graph->constant == 0 && !nl_observes_aside(&plan->observers);
    for (int i = 0; plain && i < graph->tensors; i++)
        plain = graph->tensor[i].spec.role != NL_WEIGHT || graph->node[graph->tensor[i].node].operation->steps_weight;
    for (int i = 0; plain && i < graph->values; i++)
        plain = graph->value[i].kind != NL_PARAMETER || nl_consumers(graph, i) == 1;
    return plain;
}

/* The parameters that are stepped: the constants are the last. */
static size_t stepped_count(const struct nl_graph *graph)
{
    return graph->count - graph->constant;
}

/* How many of the parameters, the first ones, weight decay pulls at. */
static size_t decayed(const struct nl_graph *graph, const struct nl_config *config)
{
    bool weights = config->train.weight_decay_on == NL_DECAY_WEIGHTS ||
                   nl_optimizers[config->train.optimizer]->spares_all_but_weights;
    return weights                                              ? graph->weights
           : config->train.weight_decay_on == NL_DECAY_MATRICES ? graph->matrices
                                                                : stepped_count(graph);
}

static void *lay_out_parameters(struct nl_plan *plan, struct layout *l, const struct nl_config *config)
{
    const struct nl_graph *graph = plan->graph;
    const struct nl_optimizer_form *form = nl_optimizers[config->train.optimizer];
    int kept = form->kept_for_momentum && !(config->train.momentum > 0) ? 0 : form->kept;
    size_t first = l->at;
    plan->parameters = take_reals(l, graph->count);
    void *gradients = take_beside(l, first, 1, graph->count);
    if (plan->mean)
        plan->mean_gradient =
            (struct nl_mean_gradient){graph->count, gradients, take_reals(l, graph->count), take(l, sizeof(double))};
    plan->update = (struct nl_update){.optimizer = (enum nl_optimizer)config->train.optimizer,
                                      .decoupled = form->decoupled,
                                      .nesterov = config->train.nesterov,
                                      .count = stepped_count(graph),
                                      .decayed = decayed(graph, config),
                                      .stepped = plan->update.stepped,
                                      .clips = config->train.clip_norm > 0,
                                      .w = plan->parameters,
                                      .grad = plan->mean ? plan->mean_gradient.mean : gradients,
                                      .hyper = plan->hyper};
    if (kept > 0)
        plan->update.first = take_beside(l, first, 2, graph->count);
    if (kept > 1)
        plan->update.second = take_beside(l, first, 3, graph->count);
    return gradients;
}

static void list_parameter(struct nl_plan *plan, const struct nl_tensor *tensor, bool clips)
{
    size_t units = clips ? nl_plan_units(plan, tensor) : 0;
    plan->update.tensors++;
    plan->update.has_fractions |= tensor->spec.role == NL_FRACTION;
    plan->update.units = units > plan->update.units ? units : plan->update.units;
}

static void lay_out_states(struct nl_plan *plan, struct layout *l, const struct nl_config *config)
{
    const struct nl_graph *graph = plan->graph;
    for (int i = 0; i < graph->tensors; i++)
        if (!nl_is_parameter(graph->tensor[i].spec.role))
            plan->state[graph->tensor[i].offset] = take(l, nl_tensor_bytes(plan, &graph->tensor[i]));
        else if (nl_is_stepped(&graph->tensor[i]))
            list_parameter(plan, &graph->tensor[i], config->train.agc > 0);
    plan->update.tensor = take(l, (size_t)plan->update.tensors * sizeof *plan->update.tensor);
}

/* Without the last parameters, which are the last of the list, too. */
static struct nl_update frozen_update(const struct nl_plan *plan)
{
    const struct nl_graph *graph = plan->graph;
    struct nl_update update = plan->update;
    update.count -= graph->freezing;
    update.decayed = update.decayed < update.count ? update.decayed : update.count;
    for (int i = 0; i < graph->tensors; i++)
        update.tensors -= nl_is_stepped(&graph->tensor[i]) && graph->tensor[i].spec.freezes;
    return update;
}

/* Whether an input is the samples' pixels or values; all others are rows. */
static bool is_sample(const struct nl_graph *graph, int input)
{
    return strcmp(graph->input[input].name, "x") == 0 && graph->value[graph->input[input].value].type == NL_TENSOR_REAL;
}

/* How pixels or values are seen. */
static void lay_out_samples(const struct nl_plan *plan, struct layout *l, struct nl_gather *gather,
                            const struct nl_extent *x, const struct nl_split *view)
{
    const struct nl_dataset *dataset = view->dataset;
    size_t channels = (size_t)x->channels, samples = (size_t)nl_dataset_room(dataset) * nl_elements(*x) * sizeof(float);
    bool bytes = dataset->pixels != NULL;
    gather->height = x->height, gather->width = x->width, gather->channels = x->channels;
    gather->pixels = dataset->pixels, gather->values = dataset->values;
    gather->table = bytes ? take(l, channels * 256 * sizeof *gather->table) : NULL;
    gather->mean = bytes ? NULL : take(l, channels * sizeof *gather->mean);
    gather->scale = bytes ? NULL : take(l, channels * sizeof *gather->scale);
    gather->standardized = samples <= plan->backend->standardized ? take(l, samples) : NULL;
}

/* The view's labels are a replica's own. */
static struct nl_rows lay_out_rows(struct layout *l, const struct nl_split *view, const char *input)
{
    struct nl_sample_rows from = nl_split_rows(view, input);
    struct nl_rows rows = {.width = from.width,
                           .step = from.step,
                           .real = from.real,
                           .shared = from.at && from.at != view->labels,
                           .of = from.at};
    if (!rows.shared)
        rows.of = take(l, nl_rows_bytes(&from, nl_dataset_room(view->dataset)));
    return rows;
}

/* Which samples there are, and what fills the inputs: the same in both passes. */
static struct nl_gather lay_out_data(struct nl_plan *plan, struct layout *l, const struct nl_config *config,
                                     const struct nl_split *view)
{
    const struct nl_graph *graph = plan->graph;
    struct nl_gather gather = {.crop = (int)config->data.crop, .flip = config->data.flip};
    uint64_t *seed = take(l, 2 * sizeof *seed); /* of augmentation, and of the order */
    gather.seed = seed;
    for (int i = 0; i < graph->inputs; i++) {
        const struct nl_value *value = &graph->value[graph->input[i].value];
        if (is_sample(graph, i)) {
            lay_out_samples(plan, l, &gather, &value->extent, view);
            continue;
        }
        plan->row_input[gather.rows] = graph->input[i].name;
        gather.row[gather.rows++] = lay_out_rows(l, view, graph->input[i].name);
    }
    plan->order = take(l, (size_t)view->train_count * sizeof *plan->order);
    const int counts[3] = {view->train_count, view->val_count, view->test_count};
    for (int i = 0; i < 3; i++)
        plan->part[i] = take(l, (size_t)counts[i] * sizeof(int32_t));
    plan->ordering = (struct nl_order){
        .count = view->train_count, .seed = seed + 1, .draws = (uint32_t)view->draws, .order = plan->order};
    plan->ordering.samples = view->draws && view->dataset->window ? NULL : plan->part[0];
    return gather;
}

/* ---- passes ---- */

static void lay_out_pass(struct nl_plan *plan, struct layout *l, struct nl_pass *pass, struct nl_addresses places)
{
    const struct nl_graph *graph = plan->graph;
    void *input[NL_MOST_INPUTS];
    places.input = input;
    for (int i = 0, row = 0; i < graph->inputs; i++) {
        const struct nl_value *value = &graph->value[graph->input[i].value];
        input[i] =
            take(l, nl_size_times((size_t)pass->capacity * nl_type_bytes(value->type, plan->backend), value->count));
        if (is_sample(graph, i))
            pass->gather.x = input[i];
        else
            pass->gather.row[row++].to = input[i];
    }
    struct nl_program *const programs[] = {&pass->program, &pass->batch_program, &pass->observed_program,
                                           &pass->first_program}; /* one at a time: they lie in the same place */
    size_t begin = l->at;
    for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
        size_t end = nl_program_lay_out(programs[i], begin);
        if (l->base && programs[i]->instructions > 0) /* a pass does not have each */
            nl_program_bind(programs[i], l->base, &places);
        l->at = end > l->at ? end : l->at;
    }
}

static void lay_out(struct nl_plan *plan, struct layout *l, const struct nl_config *config, const struct nl_split *view)
{
    struct nl_addresses places = {.state = plan->state};
    plan->train.gather = plan->eval.gather = lay_out_data(plan, l, config, view);
    plan->sums = take(l, NL_SUMS_RING * sizeof *plan->sums);
    plan->eval_sums = take(l, sizeof *plan->eval_sums);
    plan->rates = plan->backend->compile ? take(l, NL_SUMS_RING * sizeof *plan->rates) : NULL;
    plan->observed = places.observed = take(l, (size_t)plan->observers.count * sizeof *plan->observed);
    places.hyper = plan->hyper = take(l, sizeof *plan->hyper);
    places.gradients = lay_out_parameters(plan, l, config);
    places.parameters = plan->parameters;
    lay_out_states(plan, l, config);
    plan->frozen_update = frozen_update(plan);
    for (enum nl_eval eval = NL_EVAL_EMA; eval < NL_EVALS; eval++)
        plan->average[eval - NL_EVAL_EMA] =
            nl_config_averages(config, eval) ? take_reals(l, nl_averaged_count(plan->graph)) : NULL;
    plan->state_bytes = l->at;
    places.update = plan->update.stepped > 0 ? &plan->update : NULL;
    lay_out_pass(plan, l, &plan->train, places);
    plan->step_end = take(l, 0);
    places.update = NULL;
    lay_out_pass(plan, l, &plan->eval, places);
}

static int make_lists(struct nl_plan *plan, const struct nl_config *config, int eval_capacity, struct nl_error *err)
{
    int batch = (int)nl_micro_batch(config);
    struct nl_program_setup setup = {.backend = plan->backend,
                                     .graph = plan->graph,
                                     .capacity = batch,
                                     .trains = true,
                                     .steps = plan->update.stepped > 0};
    plan->train.capacity = batch;
    plan->eval.capacity = eval_capacity;
    if (nl_program_make(&plan->train.program, &setup, err))
        return NL_FAIL;
    setup.observers = &plan->observers;
    if (plan->observers.count > 0 && nl_program_make(&plan->train.observed_program, &setup, err))
        return NL_FAIL;
    setup = (struct nl_program_setup){
        .backend = plan->backend, .graph = plan->graph, .capacity = batch, .initializes = true};
    if (nl_graph_initializes(plan->graph) && nl_program_make(&plan->train.first_program, &setup, err))
        return NL_FAIL;
    setup = (struct nl_program_setup){.backend = plan->backend, .graph = plan->graph, .capacity = eval_capacity};
    setup.fixed = true;
    if (nl_program_make(&plan->eval.program, &setup, err))
        return NL_FAIL;
    setup.fixed = false;
    return nl_graph_tracks(plan->graph) ? nl_program_make(&plan->eval.batch_program, &setup, err) : NL_OK;
}

/* Whether the data have what the network takes. */
static int check_inputs(const struct nl_graph *graph, const struct nl_split *view, struct nl_error *err)
{
    for (int i = 0; i < graph->inputs; i++) {
        const struct nl_value *value = &graph->value[graph->input[i].value];
        const char *name = graph->input[i].name;
        bool real = value->type == NL_TENSOR_REAL;
        struct nl_sample_rows rows = nl_split_rows(view, name);
        bool has_x = view->dataset->pixels || view->dataset->values;
        size_t pixels = has_x ? nl_sample_values(view->dataset) : 0;
        if (value->count != (is_sample(graph, i) ? pixels : rows.real == real ? (size_t)rows.width : 0))
            return nl_fail(err, "%s has no '%s' (%s, %zu a sample), which the network takes", view->dataset->name, name,
                           real ? "real" : "int32", value->count);
    }
    return NL_OK;
}

/* Shapes and sizes, no places. To be released either way. */
static int measure(struct nl_plan *plan, const struct nl_backend *backend, const struct nl_graph *graph,
                   const struct nl_config *config, const struct nl_split *view, int eval_capacity, int replicas,
                   struct nl_error *err)
{
    *plan = (struct nl_plan){.backend = backend, .graph = graph, .replicas = replicas,
                             .gather = nl_kernel_of(backend, &nl_gather_operation, &plan->train.gather)};
    plan->state = nl_alloc((size_t)graph->tensors, sizeof *plan->state);
    plan->mean =
        config->train.accumulate > 1 ? nl_kernel_of(backend, &nl_mean_gradient_operation, &plan->mean_gradient) : NULL;
    plan->observers = nl_observers_find(graph, &config->log.tensors, nl_observed_groups(config));
    plan->update.stepped = steps_in_backward(plan, config) ? graph->weights : 0;
    if (check_inputs(graph, view, err) || make_lists(plan, config, eval_capacity, err))
        return NL_FAIL;
    struct layout sizes = {.real = backend->real};
    lay_out(plan, &sizes, config, view);
    plan->stride = sizes.at;
    plan->arena_bytes = nl_size_times(plan->stride, (size_t)plan->replicas);
    return NL_OK;
}

int nl_plan_bytes(const struct nl_backend *backend, const struct nl_graph *graph, const struct nl_config *config,
                  const struct nl_split *view, int eval_capacity, size_t *bytes, struct nl_error *err)
{
    struct nl_plan plan;
    int status = measure(&plan, backend, graph, config, view, eval_capacity, 1, err);
    *bytes = plan.arena_bytes;
    nl_plan_release(&plan);
    return status;
}

static const void *share(struct nl_plan *plan, int number, const void *memory, size_t bytes)
{
    return plan->shared[number] = plan->backend->share(memory, bytes);
}

/* The data set to the backend's device. */
static int bring_samples(struct nl_plan *plan, const struct nl_dataset *dataset, struct nl_error *err)
{
    struct nl_gather *gather = &plan->train.gather;
    size_t count = (size_t)nl_dataset_room(dataset) * nl_sample_values(dataset), bytes = count;
    bool there = true;
    if (dataset->pixels)
        there = (gather->pixels = share(plan, 0, dataset->pixels, bytes)) != NULL;
    else if (dataset->values)
        there = (gather->values = share(plan, 0, dataset->values, bytes *= sizeof *dataset->values)) != NULL;
    for (int i = 0; i < gather->rows && there; i++) {
        struct nl_rows *rows = &gather->row[i];
        const struct nl_sample_rows size = {.width = rows->width, .step = rows->step};
        if (rows->shared)
            there = (rows->of = share(plan, 1 + i, rows->of, bytes = nl_rows_bytes(&size, nl_dataset_room(dataset)))) !=
                    NULL;
        plan->eval.gather.row[i].of = rows->of;
    }
    plan->eval.gather.pixels = gather->pixels, plan->eval.gather.values = gather->values;
    return there ? NL_OK
                 : nl_fail(err, "not enough memory: the samples of %s need %.1f MiB", dataset->name,
                           (double)bytes / 1048576);
}

static int allocate(struct nl_plan *plan, const struct nl_config *config, const struct nl_split *view,
                    struct nl_error *err)
{
    plan->arena = plan->backend->alloc(plan->arena_bytes);
    if (!plan->arena)
        return nl_fail(err, "not enough memory: the network at batch %lld needs %.1f MiB",
                       (long long)config->train.batch, (double)plan->arena_bytes / 1048576);
    struct layout places = {.base = plan->arena, .real = plan->backend->real};
    lay_out(plan, &places, config, view);
    return plan->backend->share ? bring_samples(plan, view->dataset, err) : NL_OK;
}

int nl_plan_make(struct nl_plan *plan, const struct nl_backend *backend, const struct nl_graph *graph,
                 const struct nl_config *config, const struct nl_split *view, int eval_capacity, int replicas,
                 struct nl_error *err)
{
    int status = measure(plan, backend, graph, config, view, eval_capacity, replicas, err);
    if (status == NL_OK)
        status = allocate(plan, config, view, err);
    if (status)
        nl_plan_release(plan);
    return status;
}

void nl_plan_release(struct nl_plan *plan)
{
    if (plan->arena)
        plan->backend->free(plan->arena, plan->arena_bytes);
    for (size_t i = 0; i < sizeof plan->shared / sizeof *plan->shared; i++)
        if (plan->shared[i])
            plan->backend->unshare(plan->shared[i]);
    nl_plan_forget(plan);
    if (plan->executable)
        plan->backend->discard(plan->executable);
    nl_program_release(&plan->train.program);
    nl_program_release(&plan->train.observed_program);
    nl_program_release(&plan->train.first_program);
    nl_program_release(&plan->eval.program);
    nl_program_release(&plan->eval.batch_program);
    nl_observers_release(&plan->observers);
    free(plan->state);
    *plan = (struct nl_plan){0};
}
