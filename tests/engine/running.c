#include "networks.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/random.h"
#include "config/diagnostics.h"
#include "training.h"

static struct nl_error err;

/* ---- run ---- */

static size_t take(size_t *at, size_t bytes)
{
    size_t place = *at;
    *at += (bytes + 63) / 64 * 64;
    return place;
}

double drawn(const char *name, int replica, size_t at)
{
    return 2 * nl_stream_uniform(nl_stream(7, name), (uint64_t)replica, at) - 1;
}

void running_put(const struct running *run, const void *place, int replica, const double *values, size_t count)
{
    run->backend->put_reals((char *)(uintptr_t)place + (size_t)replica * run->stride, values, count);
}

static void put_drawn(const struct running *run, const void *place, int replica, const char *name, size_t count)
{
    double *values = nl_alloc(count, sizeof *values);
    for (size_t i = 0; i < count; i++)
        values[i] = drawn(name, replica, i);
    running_put(run, place, replica, values, count);
    free(values);
}

/* The logits' channels, of which labels and ids are one. */
int network_classes(const struct nl_graph *graph)
{
    const struct nl_graph_node *loss = &graph->node[graph->nodes - 1];
    return graph->value[loss->in[0]].extent.channels;
}

/* Number i of an int32 input. Of lengths some are 0, and some are all. */
static int32_t drawn_int32(const struct nl_graph *graph, const char *input, int replica, size_t i)
{
    int x = nl_graph_input(graph, "x");
    if (strcmp(input, "lengths") == 0)
        return (int32_t)((i * 3 + (size_t)replica) % (size_t)(nl_positions(graph->value[x].extent) + 1));
    return (int32_t)nl_stream_below(nl_stream(7, input), (uint64_t)replica, i, (uint32_t)network_classes(graph));
}

static void put_inputs(const struct running *run, int replica)
{
    for (int i = 0; i < run->graph.inputs; i++) {
        const char *name = run->graph.input[i].name;
        const struct nl_value *value = &run->graph.value[run->graph.input[i].value];
        size_t count = (size_t)run->samples * value->count;
        int32_t *to = (int32_t *)((char *)run->input[i] + (size_t)replica * run->stride);
        if (value->type == NL_TENSOR_REAL)
            put_drawn(run, run->input[i], replica, name, count);
        for (size_t e = 0; e < count && value->type == NL_TENSOR_INT32; e++)
            to[e] = drawn_int32(&run->graph, name, replica, e);
    }
}

/* Places for everything. Parameters and inputs are drawn, another set for each replica. run->graph is there. */
static void start_graph(struct running *run, const struct nl_backend *backend, int samples, int replicas, bool trains)
{
    run->backend = backend, run->replicas = replicas, run->samples = samples;
    struct nl_program_setup setup = {.backend = backend, .graph = &run->graph, .capacity = samples, .trains = trains};
    ck_assert_msg(nl_program_make(&run->program, &setup, &err) == NL_OK, "%s", err.text);
    size_t at = 0, real = backend->real, states[MOST_STATES] = {0}, input[NL_MOST_INPUTS];
    size_t hyper = take(&at, sizeof(struct nl_hyper)), parameters = take(&at, run->graph.count * real),
           gradients = take(&at, run->graph.count * real);
    size_t sums = take(&at, sizeof *run->sums);
    for (int i = 0; i < run->graph.inputs; i++) {
        const struct nl_value *value = &run->graph.value[run->graph.input[i].value];
        input[i] = take(&at, (size_t)samples * value->count * nl_type_bytes(value->type, backend));
    }
    for (int i = 0; i < run->graph.tensors; i++)
        if (!nl_is_parameter(run->graph.tensor[i].spec.role))
            states[run->graph.tensor[i].offset] = take(&at, run->graph.tensor[i].count * 16);
    run->stride = nl_program_lay_out(&run->program, (at + 4095) / 4096 * 4096);
    ck_assert(backend->thread_begin(0, &err) == NL_OK);
    run->memory = backend->alloc(run->stride * (size_t)replicas);
    memset(run->memory, 0x5a, run->stride * (size_t)replicas); /* nobody reads what nobody wrote */
    char *base = run->memory;
    for (int i = 0; i < MOST_STATES; i++)
        run->state[i] = base + states[i];
    for (int i = 0; i < run->graph.inputs; i++)
        run->input[i] = base + input[i];
    run->sums = (struct nl_loss_sums *)(base + sums);
    for (int i = 0; i < run->graph.tensors; i++)
        if (!nl_is_parameter(run->graph.tensor[i].spec.role))
            for (int r = 0; r < replicas; r++)
                memset(base + states[run->graph.tensor[i].offset] + (size_t)r * run->stride, 0,
                       run->graph.tensor[i].count * 16);
    run->places = (struct nl_addresses){.parameters = base + parameters,
                                        .gradients = base + gradients,
                                        .state = run->state,
                                        .input = run->input,
                                        .hyper = (struct nl_hyper *)(base + hyper)};
    nl_program_bind(&run->program, base, &run->places);
    for (int r = 0; r < replicas; r++) {
        struct nl_hyper values = {
            .dropout = 0.3, .norm_eps = 1e-3, .norm_momentum = 0.1, .norm_numbers = {[NL_R_MAX] = 1, [NL_WINDOW] = 3}};
        memcpy(base + hyper + (size_t)r * run->stride, &values, sizeof values);
        put_drawn(run, run->places.parameters, r, "parameters", run->graph.count);
        put_inputs(run, r);
    }
}

void running_start_graph(struct running *run, const struct nl_backend *backend, int samples, int replicas)
{
    start_graph(run, backend, samples, replicas, true);
}

void running_start(struct running *run, const struct nl_backend *backend, const struct network *network, int replicas)
{
    *run = (struct running){0};
    network->build(&run->graph);
    start_graph(run, backend, network->samples, replicas, !network->evaluates);
}

void running_stop(struct running *run)
{
    run->backend->free(run->memory, run->stride * (size_t)run->replicas);
    nl_program_release(&run->program);
    nl_graph_release(&run->graph);
}

void running_call(const struct running *run, enum nl_statistics statistics, bool back)
{
    struct nl_run call = {.replicas = run->replicas,
                          .stride = run->stride,
                          .samples = run->samples,
                          .step = 3,
                          .statistics = statistics,
                          .sums = run->sums};
    for (int r = 0; r < run->replicas; r++)
        *(struct nl_loss_sums *)((char *)run->sums + (size_t)r * run->stride) = (struct nl_loss_sums){0};
    nl_program_forward(&run->program, &call);
    if (back)
        nl_program_backward(&run->program, &call);
}

void running_step(const struct running *run, bool back)
{
    running_call(run, NL_STATS_TRAIN, back);
}

double *running_get(const struct running *run, const void *place, int replica, size_t count)
{
    double *values = nl_alloc(count, sizeof *values);
    run->backend->get_reals(values, (char *)(uintptr_t)place + (size_t)replica * run->stride, count);
    return values;
}

double running_loss(const struct running *run, int replica)
{
    const struct nl_loss_sums *sums =
        (const struct nl_loss_sums *)((const char *)run->sums + (size_t)replica * run->stride);
    return sums->loss / sums->counted;
}

/* ---- train ---- */

/* What the network takes as int32: ids, lengths, labels. */
static void draw_rows(struct training *t)
{
    for (int i = 0; i < t->graph.inputs; i++) {
        const struct nl_value *value = &t->graph.value[t->graph.input[i].value];
        if (value->type != NL_TENSOR_INT32)
            continue;
        size_t count = DATA * value->count;
        struct nl_sample_rows rows = {.input = t->graph.input[i].name,
                                      .width = (int)value->count,
                                      .step = (int)value->count,
                                      .at = nl_alloc(count, sizeof(int32_t))};
        for (size_t e = 0; e < count; e++)
            ((int32_t *)rows.at)[e] = drawn_int32(&t->graph, rows.input, 0, e);
        t->rows[t->row_count++] = rows;
    }
}

void network_train(struct training *t, const struct network *network, const struct nl_backend *backend,
                   const char *const *more)
{
    const char *words[8] = {"data.name=digits",   "train.batch=6",     "train.lr=0.02",
                            "train.momentum=0.9", "model.dropout=0.3", "train.steps=100"};
    int count = 6;
    while (more && *more)
        words[count++] = *more++;
    struct nl_experiment experiment;
    struct nl_diagnostics diagnostics = {0};
    ck_assert_msg(nl_experiment_load(NULL, words, count, &experiment, &diagnostics) == NL_OK, "%s",
                  nl_diagnostics_text(&diagnostics));
    *t = (struct training){.config = experiment.config, .evaluated = 32};
    network->build(&t->graph);
    const struct nl_extent *input = nl_extent_of(&t->graph, nl_graph_input(&t->graph, "x"));
    int classes = t->graph.classes = network_classes(&t->graph);
    draw_rows(t);
    const char *trouble = training_make(
        t, backend, 2,
        (struct nl_shape){
            .height = input->height, .width = input->width, .channels = input->channels, .classes = classes},
        DATA);
    ck_assert_msg(!trouble, "%s", trouble);
    training_rates(t);
}
