/* Builds a graph of one normalizer, and calls its kernels on the numbers that were given. */
#include "train/probe.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "model/model.h"
#include "norm/weights.h"
#include "operation/cross_iteration.h"
#include "train/schedule.h"

static size_t elements_of(const struct nl_probe *probe)
{
    return (size_t)probe->samples * nl_elements(probe->extent);
}

static void partition_weights(const struct nl_probe *probe, int *sets, int *elements)
{
    bool whole = nl_weight_norms[probe->config->norm.weights]->measure == NL_WEIGHT_SPECTRAL;
    *sets = whole ? 1 : probe->samples;
    *elements = (int)(elements_of(probe) / (size_t)*sets);
}

int nl_probe_partition(const struct nl_probe *probe, int *sets, int *elements, struct nl_error *err)
{
    if (probe->of_weights) {
        partition_weights(probe, sets, elements);
        return NL_OK;
    }
    const struct nl_norm *norm = nl_norm_of(probe->config);
    struct nl_norm_setup setup =
        nl_norm_setup_of(probe->config, probe->samples, nl_positions(probe->extent), probe->extent.channels);
    *sets = *elements = 0;
    if (nl_norm_check_groups(norm, &setup, "", err))
        return NL_FAIL;
    if (!norm->partition)
        return NL_OK;
    struct nl_partition partition = norm->partition(&setup);
    *sets = nl_partition_sets(&partition, &setup);
    *elements = partition.samples * partition.positions * partition.channels;
    return NL_OK;
}

/* ---- the layer's tensors ---- */

/* Whether somebody may want to see the tensor, or to give it: not what evaluation alone makes. An original weight is
 * x. */
static bool is_shown(const struct nl_tensor *tensor)
{
    if (tensor->spec.role == NL_WEIGHT)
        return false;
    return nl_is_parameter(tensor->spec.role) || (tensor->spec.saved && tensor->spec.role != NL_UPDATES);
}

/* Papers call it gamma, PyTorch weight; and g, what PyTorch's parametrizations number. */
static const char *shown_name(const struct nl_tensor_spec *spec)
{
    static const char *const names[][2] = {{"original0", "g"}, {"0.gain", "gain"}, {"0._u", "u"}, {"0._v", "v"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(spec->name, names[i][0]) == 0)
            return names[i][1];
    if (spec->role == NL_GAMMA && strcmp(spec->name, "weight") == 0)
        return "gamma";
    return spec->role == NL_BETA && strcmp(spec->name, "bias") == 0 ? "beta" : spec->name;
}

static void declare(struct nl_probe *probe, const struct nl_graph *graph)
{
    probe->tensors = 0;
    for (int i = 0; i < graph->tensors; i++) {
        const struct nl_tensor *tensor = &graph->tensor[i];
        if (!is_shown(tensor))
            continue;
        struct nl_probe_tensor *shown = &probe->tensor[probe->tensors++];
        *shown = (struct nl_probe_tensor){
            .learned = nl_is_parameter(tensor->spec.role), .dims = tensor->spec.dims, .count = tensor->count};
        memcpy(shown->shape, tensor->spec.shape, sizeof shown->shape);
        snprintf(shown->name, sizeof shown->name, "%s", shown_name(&tensor->spec));
    }
}

static int make_graph(const struct nl_probe *probe, struct nl_graph *graph, struct nl_error *err)
{
    const struct nl_extent *x = &probe->extent;
    return probe->of_weights ? nl_model_weight(probe->config, probe->samples, x->channels, x->height, graph, err)
                             : nl_model_norm(probe->config, probe->extent, probe->lengths, graph, err);
}

int nl_probe_declare(struct nl_probe *probe, struct nl_error *err)
{
    struct nl_graph graph;
    int status = make_graph(probe, &graph, err);
    if (status == NL_OK)
        declare(probe, &graph);
    nl_graph_release(&graph);
    return status;
}

struct nl_probe_tensor *nl_probe_find(struct nl_probe *probe, const char *name)
{
    for (int i = 0; i < probe->tensors; i++)
        if (strcmp(probe->tensor[i].name, name) == 0)
            return &probe->tensor[i];
    return NULL;
}

struct nl_probe_tensor *nl_probe_named(struct nl_probe *probe, const char *name)
{
    struct nl_probe_tensor *tensor = nl_probe_find(probe, name);
    if (!tensor)
        NL_BUG("the layer has no '%s'", name);
    return tensor;
}

/* ---- memory ---- */

/* The backend's memory, released all at once. */
struct workspace {
    const struct nl_backend *backend;
    int count;
    struct {
        void *memory;
        size_t bytes;
    } block[8 + 2 * NL_MOST_SLOTS + NL_MOST_STATES + NL_MOST_SAVED];
    bool failed; /* memory ran out */
};

static void *take(struct workspace *w, size_t bytes)
{
    size_t taken = bytes ? bytes : 1;
    void *memory = w->backend->alloc(taken);
    NL_ASSERT(w->count < (int)(sizeof w->block / sizeof *w->block));
    if (memory) {
        w->block[w->count].memory = memory;
        w->block[w->count++].bytes = taken;
    }
    w->failed |= !memory;
    return memory;
}

static void clear(struct workspace *w)
{
    for (int i = 0; i < w->count; i++)
        w->backend->free(w->block[i].memory, w->block[i].bytes);
}

static double *filled(size_t count, double value)
{
    double *values = nl_alloc(count, sizeof *values);
    for (size_t i = 0; i < count; i++)
        values[i] = value;
    return values;
}

/* `count` reals of the backend. values NULL: zeros. */
static void *put(struct workspace *w, const double *values, size_t count)
{
    void *memory = take(w, count * w->backend->real);
    if (memory && values)
        w->backend->put_reals(memory, values, count);
    return memory;
}

static void *put_lengths(struct workspace *w, const struct nl_probe *probe)
{
    size_t bytes = (size_t)probe->samples * sizeof *probe->lengths;
    void *memory = take(w, bytes);
    if (memory)
        w->backend->upload(memory, probe->lengths, bytes);
    return memory;
}

static double *get(const struct workspace *w, const void *memory, size_t count)
{
    if (!memory)
        return NULL;
    double *values = nl_alloc(count, sizeof *values);
    w->backend->get_reals(values, memory, count);
    return values;
}

static double *get_doubles(const struct workspace *w, const double *memory, size_t count)
{
    double *values = nl_alloc(count, sizeof *values);
    w->backend->download(values, memory, count * sizeof *values);
    return values;
}

/* A tensor as PyTorch orders it to its place, and back. given NULL: as a layer begins. */
static void *put_tensor(struct workspace *w, const struct nl_tensor *tensor, const double *given)
{
    enum nl_tensor_type type = tensor->spec.type;
    if (type != NL_TENSOR_REAL && type != NL_TENSOR_DOUBLE)
        return take(w, tensor->count * nl_type_bytes(type, w->backend));
    double *values = nl_alloc(tensor->count, sizeof *values);
    for (size_t e = 0; e < tensor->count; e++)
        values[nl_tensor_place(tensor, e)] = given ? given[e] : nl_initial_of(&tensor->spec, e);
    void *place = take(w, tensor->count * nl_type_bytes(type, w->backend));
    if (place && type == NL_TENSOR_REAL)
        w->backend->put_reals(place, values, tensor->count);
    else if (place)
        w->backend->upload(place, values, tensor->count * sizeof *values);
    free(values);
    return place;
}

static double *get_tensor(const struct workspace *w, const struct nl_tensor *tensor, const void *place)
{
    if (!place)
        return NULL;
    double *stored =
        tensor->spec.type == NL_TENSOR_DOUBLE ? get_doubles(w, place, tensor->count) : get(w, place, tensor->count);
    double *values = nl_alloc(tensor->count, sizeof *values);
    for (size_t e = 0; e < tensor->count; e++)
        values[e] = stored[nl_tensor_place(tensor, e)];
    free(stored);
    return values;
}

static void *put_hyper(struct workspace *w, const struct nl_config *config)
{
    struct nl_hyper hyper = {
        .norm_eps = config->norm.eps,
        .norm_momentum = config->norm.running == NL_CUMULATIVE ? -1 : config->norm.momentum,
    };
    nl_norm_numbers_at(&(struct nl_schedule_of){.config = config, .steps = 1}, 1,
                       hyper.norm_numbers); /* as at the end of training */
    void *memory = take(w, sizeof hyper);
    if (memory)
        w->backend->upload(memory, &hyper, sizeof hyper);
    return memory;
}

/* ---- the layer ---- */

/* Where its tensors lie: parameters by slot, with their gradients, and states. */
struct layer {
    const struct nl_graph *graph;
    const struct nl_graph_node *node;
    struct nl_operands at;
};

static struct nl_probe_tensor *shown_of(struct nl_probe *probe, const struct nl_tensor *tensor)
{
    return is_shown(tensor) ? nl_probe_find(probe, shown_name(&tensor->spec)) : NULL;
}

static const double *given_of(struct nl_probe *probe, const struct nl_tensor *tensor)
{
    const struct nl_probe_tensor *shown = shown_of(probe, tensor);
    return !shown ? NULL : shown->given ? shown->given : shown->begun;
}

static const struct nl_tensor *parameter_in(const struct layer *layer, int slot)
{
    int value = layer->node->in[slot];
    bool is = value != NL_NONE && layer->graph->value[value].kind == NL_PARAMETER;
    return is ? &layer->graph->tensor[layer->graph->value[value].tensor] : NULL;
}

/* What tensors begin with where it follows from x, an original weight: all of them are vectors. */
static void begin_tensors(struct nl_probe *probe, const struct layer *layer)
{
    const struct nl_operation *operation = layer->node->operation;
    double *parameter[NL_MOST_SLOTS] = {NULL}, *state[NL_MOST_STATES] = {NULL};
    const struct nl_tensor *original = parameter_in(layer, 0);
    if (!operation->begin)
        return;
    parameter[0] = nl_alloc(original->count, sizeof **parameter);
    for (size_t e = 0; e < original->count; e++)
        parameter[0][nl_tensor_place(original, e)] = probe->x[e];
    for (int i = 0; i < layer->graph->tensors; i++) {
        const struct nl_tensor *tensor = &layer->graph->tensor[i];
        struct nl_probe_tensor *shown = shown_of(probe, tensor);
        if (!shown)
            continue;
        shown->begun = filled(tensor->count, tensor->spec.initial);
        for (int slot = 0; slot < operation->slots; slot++)
            parameter[slot] = parameter_in(layer, slot) == tensor ? shown->begun : parameter[slot];
        for (int s = 0; s < layer->node->states; s++)
            state[s] = layer->node->state[s] == i ? shown->begun : state[s];
    }
    operation->begin(layer->node->arguments, nl_stream((uint64_t)probe->config->train.seed, operation->name), parameter,
                     state);
    free(parameter[0]);
}

/* x or dy to its place: activations, or a weight. */
static void *put_input(struct nl_probe *probe, struct workspace *w, const struct layer *layer, const double *values)
{
    const struct nl_tensor *original = parameter_in(layer, 0);
    return original && values ? put_tensor(w, original, values) : put(w, values, elements_of(probe));
}

static double *get_output(const struct nl_probe *probe, const struct workspace *w, const struct layer *layer,
                          const void *place)
{
    const struct nl_tensor *original = parameter_in(layer, 0);
    return original ? get_tensor(w, original, place) : get(w, place, elements_of(probe));
}

static void lay_out(struct nl_probe *probe, struct workspace *w, struct layer *layer)
{
    const struct nl_operation *operation = layer->node->operation;
    struct nl_operands *at = &layer->at;
    at->hyper = put_hyper(w, probe->config);
    at->in[0] = put_input(probe, w, layer, probe->x);
    at->out[0] = put_input(probe, w, layer, NULL);
    at->d_in[0] = probe->dy ? put_input(probe, w, layer, NULL) : NULL;
    at->d_out[0] = probe->dy ? put_input(probe, w, layer, probe->dy) : NULL;
    begin_tensors(probe, layer);
    if (probe->lengths && operation->lengths)
        at->in[operation->lengths] = put_lengths(w, probe);
    for (int slot = 1; slot < operation->slots; slot++) {
        const struct nl_tensor *tensor = parameter_in(layer, slot);
        if (tensor)
            at->in[slot] = put_tensor(w, tensor, given_of(probe, tensor));
        at->d_in[slot] = tensor && probe->dy ? put(w, NULL, tensor->count) : NULL;
    }
    for (int i = 0; i < layer->node->states; i++) {
        const struct nl_tensor *tensor = &layer->graph->tensor[layer->node->state[i]];
        at->state[i] = put_tensor(w, tensor, given_of(probe, tensor));
    }
    if (operation->prepare)
        operation->prepare(layer->node->arguments, probe->samples, false);
    for (int i = 0; i < operation->saved; i++) {
        size_t bytes = operation->saved_bytes(layer->node->arguments, i, probe->samples, w->backend->statistic);
        at->saved[i] = bytes ? take(w, bytes) : NULL;
    }
    nl_bind(operation, layer->node->arguments, at);
}

static void find_tensors(struct nl_probe *probe, const struct workspace *w, const struct layer *layer)
{
    for (int slot = 1; slot < layer->node->operation->slots; slot++) {
        const struct nl_tensor *tensor = parameter_in(layer, slot);
        if (tensor)
            nl_probe_named(probe, shown_name(&tensor->spec))->found = get_tensor(w, tensor, layer->at.d_in[slot]);
    }
    for (int i = 0; i < layer->node->states; i++) {
        const struct nl_tensor *tensor = &layer->graph->tensor[layer->node->state[i]];
        if (is_shown(tensor))
            nl_probe_named(probe, shown_name(&tensor->spec))->found = get_tensor(w, tensor, layer->at.state[i]);
    }
}

/* What "normalize", or a node that begins with one, knows beside: the statistics of its sets, and xhat, which is y
 * without gamma and beta. */
static void find_statistics(struct nl_probe *probe, const struct workspace *w, const struct nl_kernel *kernel,
                            struct nl_run run, struct nl_normalize *op)
{
    bool fixed = nl_normalize_is_fixed(op, &run);
    size_t channels = (size_t)probe->extent.channels;
    probe->sets = fixed ? probe->extent.channels : nl_normalize_sets(op, probe->samples);
    probe->mean = fixed ? get(w, op->running_mean, channels) : get_doubles(w, op->mean, (size_t)probe->sets);
    probe->var = fixed ? get(w, op->running_var, channels) : get_doubles(w, op->var, (size_t)probe->sets);
    op->gamma = op->beta = NULL;
    op->affine_count = 0;
    run.statistics = fixed ? NL_STATS_RUNNING : NL_STATS_BATCH;
    kernel->forward(&run, op);
    probe->xhat = get(w, op->y, elements_of(probe));
}

static void normalize(struct nl_probe *probe, const struct workspace *w, const struct layer *layer)
{
    const struct nl_operation *operation = layer->node->operation;
    void *arguments = layer->node->arguments;
    const struct nl_kernel *kernel = nl_kernel_of(w->backend, operation, arguments);
    bool fixed = probe->eval && operation->may_be_fixed && operation->may_be_fixed(arguments);
    struct nl_run run = {
        .replicas = 1,
        .samples = probe->samples,
        .statistics = fixed ? NL_STATS_RUNNING : probe->eval ? NL_STATS_BATCH : NL_STATS_TRAIN,
    };
    kernel->forward(&run, arguments);
    probe->y = get_output(probe, w, layer, layer->at.out[0]);
    if (probe->dy) {
        kernel->backward(&run, arguments);
        probe->dx = get_output(probe, w, layer, layer->at.d_in[0]);
    }
    find_tensors(probe, w, layer);
    if (nl_normalize_of(operation, arguments))
        find_statistics(probe, w, kernel, run, arguments);
}

/* "none": y = x and dx = dy, as the backend can hold them. */
static void pass_through(struct nl_probe *probe, struct workspace *w)
{
    size_t elements = elements_of(probe);
    probe->y = get(w, put(w, probe->x, elements), elements);
    if (probe->dy)
        probe->dx = get(w, put(w, probe->dy, elements), elements);
}

static int run_on(struct nl_probe *probe, const struct nl_backend *backend, const struct nl_graph *graph,
                  struct nl_error *err)
{
    struct workspace w = {.backend = backend};
    if (graph->nodes > 0 && nl_graph_check(graph, backend, err))
        return NL_FAIL;
    if (graph->nodes == 0) {
        pass_through(probe, &w);
    } else {
        struct layer layer = {.graph = graph, .node = &graph->node[0]};
        lay_out(probe, &w, &layer);
        if (!w.failed)
            normalize(probe, &w, &layer);
    }
    clear(&w);
    if (w.failed)
        return nl_fail(err, "out of memory for %s on '%s'", NL_COUNT(elements_of(probe), "number"), backend->name);
    return nl_backend_status(backend, err);
}

int nl_probe_run(struct nl_probe *probe, struct nl_error *err)
{
    const struct nl_config *config = probe->config;
    struct nl_graph graph;
    int sets, elements, status = NL_FAIL;
    if (nl_probe_partition(probe, &sets, &elements, err) || (probe->tensors == 0 && nl_probe_declare(probe, err)))
        return NL_FAIL;
    const struct nl_backend *backend = probe->backend;
    if (!backend)
        backend = nl_device_begin((enum nl_device_kind)config->device.kind, (int)config->device.index,
                                  (enum nl_gemm)config->device.gemm, err);
    if (!backend)
        return NL_FAIL;
    if (make_graph(probe, &graph, err) == NL_OK)
        status = run_on(probe, backend, &graph, err);
    nl_graph_release(&graph);
    return status;
}

void nl_probe_release(struct nl_probe *probe)
{
    double **found[] = {&probe->y, &probe->xhat, &probe->dx, &probe->mean, &probe->var};
    for (size_t i = 0; i < sizeof found / sizeof *found; i++) {
        free(*found[i]);
        *found[i] = NULL;
    }
    for (int i = 0; i < probe->tensors; i++) {
        free(probe->tensor[i].found);
        free(probe->tensor[i].begun);
        probe->tensor[i].found = probe->tensor[i].begun = NULL;
    }
}

/* Whether the layer gives the same y, as far as eps lets it, for x with each number changed by up to a hundredth, or
 * turned around. */
static int gives_same(const struct nl_probe *probe, bool turned, bool *same, struct nl_error *err)
{
    const double golden = 0.6180339887498949; /* shares of a hundredth that are all different */
    size_t elements = elements_of(probe);
    double *x = nl_alloc(elements, sizeof *x), largest = 0, apart = 0;
    struct nl_probe other = *probe;
    for (size_t i = 0; i < elements; i++)
        x[i] = (turned ? -probe->x[i] : probe->x[i]) * (1 + 0.01 * fmod(golden * (double)(i + 1), 1.0));
    other.x = x;
    other.dy = NULL;
    other.y = other.xhat = other.dx = other.mean = other.var = NULL;
    for (int i = 0; i < other.tensors; i++)
        other.tensor[i].begun = other.tensor[i].found = NULL;
    int status = nl_probe_run(&other, err);
    for (size_t i = 0; i < elements && status == NL_OK; i++) {
        largest = fmax(largest, fabs(probe->y[i]));
        apart = fmax(apart, fabs(other.y[i] - probe->y[i]));
    }
    *same = apart <= 1e-4 * largest;
    nl_probe_release(&other);
    free(x);
    return status;
}

int nl_probe_left(const struct nl_probe *probe, enum nl_probe_left *left, struct nl_error *err)
{
    bool same = true, any = false;
    for (size_t i = 0; i < elements_of(probe); i++)
        any |= probe->x[i] < 0 || probe->x[i] > 0;
    *left = NL_LEFT_SOME;
    if (!any)
        return NL_OK;
    if (gives_same(probe, false, &same, err))
        return NL_FAIL;
    if (!same)
        return NL_OK;
    *left = NL_LEFT_SIGNS;
    if (gives_same(probe, true, &same, err))
        return NL_FAIL;
    if (same)
        *left = NL_LEFT_NOTHING;
    return NL_OK;
}
