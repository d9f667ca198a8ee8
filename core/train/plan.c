#include "train/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "train/microbatch.h"
#include "train/operation.h"
#include "train/turns.h"

/* Layout runs three times over the same code: with no arena, to learn the shapes, and from them what goes by micro-batches; once more, to learn the
 * size; then with the arena, to get the places. */
struct layout {
    char *base;
    size_t at;
    size_t real;
};

enum { ALIGNMENT = 64 }; /* a cache line, and a 512-bit vector */

static void *take(struct layout *l, size_t bytes)
{
    size_t place = l->at;
    l->at += (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    return l->base ? l->base + place : NULL;
}

static void *take_reals(struct layout *l, size_t count)
{
    return take(l, count * l->real);
}

/* Activations. Those of a page or more a sample, images, begin on one: convolutions are some percent slower where the lines of an image
 * straddle pages, as the statistics of normalizers between them would have it. */
static void *take_samples(struct layout *l, int capacity, size_t count)
{
    enum { PAGE = 4096 };
    if (count * l->real >= PAGE)
        l->at = (l->at + PAGE - 1) / PAGE * PAGE;
    return take_reals(l, (size_t)capacity * count);
}

/* Arrays that an optimizer walks along side by side: a load from one waits for a store to another where their addresses are equal modulo the
 * ALIAS, or a little more. So they are put a quarter of it apart. */
enum { ALIAS = 4096, SIDE_BY_SIDE = 4 };

static void *take_beside(struct layout *l, size_t first, int number, size_t count)
{
    size_t wanted = first + (size_t)number * (ALIAS / SIDE_BY_SIDE);
    take(l, (wanted - l->at) % ALIAS);
    return take_reals(l, count);
}

static size_t extent_count(struct nl_extent e)
{
    return (size_t)e.height * e.width * e.channels;
}

/* State that both passes share, a slice a normalizer. */
struct norm_state {
    void *running_mean, *running_var;
    double *precise_mean, *precise_var, *precise_counts;
    int64_t *updates;
};

static void *real_at(const struct layout *l, void *base, size_t index)
{
    return base ? (char *)base + index * l->real : NULL;
}

static void *parameter_at(const struct layout *l, const struct nl_model *model, void *base, int index)
{
    return index >= 0 ? real_at(l, base, model->parameter[index].offset) : NULL;
}

struct context {
    struct layout layout;
    const struct nl_model *model;
    const struct nl_config *config;
    const struct nl_plan *plan;
    void *gradients;
    struct norm_state norms;
};

/* Where a normalizer, the plan's n-th, keeps its statistics. */
static void lay_statistics(struct context *ctx, struct nl_normalize *n, int number, int capacity, size_t channels_before)
{
    struct layout *l = &ctx->layout;
    size_t sets = (size_t)nl_normalize_sets(n, capacity);
    n->mean = take(l, sets * ctx->plan->backend->statistic);
    n->var = take(l, sets * ctx->plan->backend->statistic);
    if (n->norm->tracks && l->base) {
        n->running_mean = real_at(l, ctx->norms.running_mean, channels_before);
        n->running_var = real_at(l, ctx->norms.running_var, channels_before);
        n->precise_mean = ctx->norms.precise_mean + channels_before;
        n->precise_var = ctx->norms.precise_var + channels_before;
        n->precise_count = ctx->norms.precise_counts + number;
        n->updates = ctx->norms.updates + number;
    }
}

/* Where the samples come from and what is made of the logits. */
static void set_ends(const struct context *ctx, struct nl_pass *pass, const struct nl_split *view, void *logits, void *dlogits, double *sums)
{
    const struct nl_model *model = ctx->model;
    struct nl_gather *gather = &pass->gather;
    pass->loss = (struct nl_loss){.classes = model->classes, .logits = logits, .labels = gather->labels, .dlogits = dlogits, .sums = sums};
    gather->height = model->input.height;
    gather->width = model->input.width;
    gather->channels = model->input.channels;
    gather->pixels = view->dataset->pixels;
    gather->values = view->dataset->values;
    gather->crop = (int)ctx->config->data.crop;
    gather->flip = ctx->config->data.flip;
}

/* What backward keeps between micro-batches. */
static void keep_sums(struct context *ctx, struct nl_op *op)
{
    void *sums = take(&ctx->layout, nl_microbatch_sums(op));
    if (op->kind == NL_CONV_LAYER)
        op->conv.sums = sums;
    if (op->kind == NL_NORM_LAYER)
        op->normalize.sums = sums;
}

/* Places of gradients, or of the activations of evaluation: those that take turns, and those that are kept for all samples; and that of the
 * activations that are recomputed (turns.h). */
struct buffers {
    void *turns[NL_BUFFERS], *kept[NL_BUFFERS], *recomputed;
};

/* turn: NULL in evaluation, which takes two in turn, or three, and keeps what the last local operation makes. */
static struct buffers take_buffers(struct layout *l, const struct nl_model *model, struct nl_pass *pass, const struct nl_turn *turn)
{
    size_t at_a_time = 0, largest = 0, recomputed = 0;
    unsigned turns = 0, kept = 0;
    int local = nl_local_layers(model, pass);
    for (int i = 0; i < model->layers; i++) {
        size_t count = extent_count(model->layer[i].out), samples = (size_t)(i < local && !pass->if_fixed ? pass->micro : pass->capacity);
        largest = count > largest ? count : largest;
        at_a_time = count * samples > at_a_time ? count * samples : at_a_time;
        if (turn) {
            *(turn[i].waits ? &kept : &turns) |= nl_buffer(turn[i].output);
            *(pass->reduces ? &kept : &turns) |= nl_buffer(turn[i].shortcut);
            recomputed = turn[i].recomputed && count * samples > recomputed ? count * samples : recomputed;
        } else {
            turns |= nl_buffer(0) | nl_buffer(1) | (model->layer[i].kind == NL_ADD_LAYER ? nl_buffer(2) : 0);
            kept |= local > 0 ? nl_buffer(0) : 0;
        }
    }
    struct buffers buffers = {{NULL}, {NULL}, NULL};
    size_t begin = l->at;
    for (int i = 0; i < NL_BUFFERS; i++)
        if (turns & nl_buffer(i))
            buffers.turns[i] = take_samples(l, 1, at_a_time);
    if (recomputed > 0)
        buffers.recomputed = take_samples(l, 1, recomputed);
    pass->shared = l->base ? l->base + begin : NULL;
    pass->shared_bytes = l->at - begin;
    for (int i = 0; i < NL_BUFFERS; i++)
        if (kept & nl_buffer(i))
            buffers.kept[i] = take_samples(l, pass->capacity, largest);
    return buffers;
}

static void *gradient_of(const struct buffers *buffers, const struct nl_turn *turn)
{
    return (turn->waits ? buffers->kept : buffers->turns)[turn->output];
}

/* Lays out one pass. Training keeps outputs for the way back; evaluation needs none twice but a shortcut's source, so its outputs
 * take turns as the gradients do. */
static void lay_pass(struct context *ctx, struct nl_pass *pass, int capacity, bool train, const struct nl_split *view)
{
    struct layout *l = &ctx->layout;
    const struct nl_model *model = ctx->model;
    const struct nl_plan *plan = ctx->plan;

    pass->capacity = capacity;
    pass->ops = 0;
    void *x = take_samples(l, capacity, extent_count(model->input));
    pass->gather.x = x;
    pass->gather.labels = take(l, (size_t)capacity * sizeof(int32_t));
    struct nl_turn *turn = nl_take_turns(plan, ctx->config);
    struct buffers buffers = take_buffers(l, model, pass, train ? turn : NULL);
    void **of_shortcut = pass->reduces ? buffers.kept : buffers.turns;
    void **output = nl_alloc((size_t)model->layers, sizeof *output); /* of each layer, for shortcuts */
    int number = 0, at = NL_NOWHERE, kept = NL_NOWHERE;
    size_t channels_before = 0;
    for (int i = 0; i < model->layers; i++) {
        const struct nl_layer *layer = &model->layer[i];
        if (nl_is_residual(model, i)) {
            struct nl_normalize *norm = &pass->op[pass->ops - 1].normalize;
            norm->relu = layer->relu;
            norm->residual = output[layer->shortcut];
            norm->dresidual = train ? of_shortcut[turn[i].shortcut] : NULL;
            output[i] = norm->y;
            kept = NL_NOWHERE;
            continue;
        }
        if (nl_is_fused(plan, ctx->config, i)) {
            pass->op[pass->ops - 1].linear.relu = true;
            output[i] = x;
            continue;
        }
        bool last_local = pass->ops == pass->local - 1;
        struct nl_op *op = &pass->op[pass->ops++];
        if (turn[i].joins != NL_NOWHERE) /* a shortcut leaves from what this layer takes */
            kept = at;
        at = nl_unused_buffer(nl_buffer(at) | nl_buffer(kept));
        if (layer->kind == NL_ADD_LAYER)
            kept = NL_NOWHERE;
        /* The sign of ReLU's output is that of its input, which nobody else needs unless a shortcut leaves from there. */
        bool in_place = layer->kind == NL_ACTIVATION_LAYER && ctx->config->model.activation == NL_RELU && turn[i].joins == NL_NOWHERE;
        void *y = output[i] = !train ? (last_local ? buffers.kept[0] : buffers.turns[at]) :
                              in_place ? x : turn[i].recomputed ? buffers.recomputed : take_samples(l, capacity, extent_count(layer->out));
        void *dx = train && i > 0 ? gradient_of(&buffers, &turn[i - 1]) : NULL;
        const struct nl_places places = {.x = x,
                                         .y = y,
                                         .dy = train ? gradient_of(&buffers, &turn[i]) : NULL,
                                         .dx = dx,
                                         .w = parameter_at(l, model, plan->parameters, layer->weight),
                                         .b = parameter_at(l, model, plan->parameters, layer->bias_at),
                                         .dw = parameter_at(l, model, ctx->gradients, layer->weight),
                                         .db = parameter_at(l, model, ctx->gradients, layer->bias_at),
                                         .other = layer->kind == NL_ADD_LAYER ? output[layer->shortcut] : NULL,
                                         .dother = train && layer->kind == NL_ADD_LAYER ? of_shortcut[turn[i].shortcut] : NULL};
        *op = nl_operation(plan, ctx->config, pass, i, &places);
        if (layer->kind == NL_NORM_LAYER) {
            lay_statistics(ctx, &op->normalize, number++, capacity, channels_before);
            channels_before += (size_t)layer->in.channels;
        }
        op->recomputes = train && i > 0 && turn[i - 1].recomputed;
        if (train && pass->ops <= pass->local)
            keep_sums(ctx, op);
        op->joins = turn[i].joins != NL_NOWHERE;
        if (op->joins)
            op->join = (struct nl_add){.height = layer->in.height, .width = layer->in.width, .channels = layer->in.channels,
                                       .from_height = layer->in.height, .from_width = layer->in.width, .from_channels = layer->in.channels,
                                       .stride = 1, .a = dx, .b = train ? of_shortcut[turn[i].joins] : NULL, .y = dx};
        x = y;
    }
    set_ends(ctx, pass, view, x, train ? gradient_of(&buffers, &turn[model->layers - 1]) : NULL, train ? plan->sums : plan->eval_sums);
    free(turn);
    free(output);
}

/* Whether linear layers may step their weights themselves: they are all the weights there are, and need nothing but their gradient. */
static bool steps_in_backward(const struct nl_plan *plan, const struct nl_config *config)
{
    return plan->backend->steps_weights && config->model.arch == NL_MLP && config->train.optimizer == NL_SGD && !(config->train.clip_norm > 0) &&
           !(config->train.clip_value > 0);
}

static void lay_out(struct nl_plan *plan, struct layout *l, const struct nl_config *config, const struct nl_split *view, int eval_capacity)
{
    const struct nl_model *model = plan->model;
    struct context ctx = {.model = model, .config = config, .plan = plan};
    size_t norm_channels = 0;
    plan->normalizers = 0;
    for (int i = 0; i < model->layers; i++)
        if (model->layer[i].kind == NL_NORM_LAYER) {
            plan->normalizers++;
            norm_channels += (size_t)model->layer[i].in.channels;
        }
    bool sgd = config->train.optimizer == NL_SGD;

    plan->hyper = take(l, sizeof *plan->hyper);
    size_t first = l->at;
    plan->parameters = take_reals(l, model->count);
    ctx.gradients = take_beside(l, first, 1, model->count);
    plan->update = (struct nl_update){.optimizer = config->train.optimizer,
                                      .nesterov = config->train.nesterov,
                                      .count = model->count,
                                      .decayed = config->train.weight_decay_on == NL_DECAY_WEIGHTS ? model->weights : model->count,
                                      .w = plan->parameters,
                                      .grad = ctx.gradients,
                                      .hyper = plan->hyper};
    if (!sgd || config->train.momentum > 0)
        plan->update.first = take_beside(l, first, 2, model->count);
    if (!sgd)
        plan->update.second = take_beside(l, first, 3, model->count);
    if (steps_in_backward(plan, config))
        plan->update.stepped = model->weights;
    plan->running_mean = ctx.norms.running_mean = take_reals(l, norm_channels);
    plan->running_var = ctx.norms.running_var = take_reals(l, norm_channels);
    ctx.norms.precise_mean = take(l, norm_channels * sizeof(double));
    ctx.norms.precise_var = take(l, norm_channels * sizeof(double));
    plan->precise_counts = ctx.norms.precise_counts = take(l, (size_t)plan->normalizers * sizeof(double));
    plan->updates = ctx.norms.updates = take(l, (size_t)plan->normalizers * sizeof(int64_t));
    plan->dropout_keys = take(l, (size_t)model->layers * 2 * sizeof(uint32_t));
    uint64_t *seed = take(l, sizeof *seed);
    size_t channels = (size_t)model->input.channels;
    bool bytes = view->dataset->pixels != NULL;
    float *table = bytes ? take(l, channels * 256 * sizeof *table) : NULL;
    double *mean = bytes ? NULL : take(l, channels * sizeof *mean), *scale = bytes ? NULL : take(l, channels * sizeof *scale);
    size_t sample = extent_count(model->input), samples = (size_t)view->dataset->count * sample * sizeof(float);
    float *standardized = samples <= plan->backend->standardized ? take(l, samples) : NULL;
    int32_t *labels = take(l, (size_t)view->dataset->count * sizeof *labels);
    plan->order = take(l, (size_t)view->train_count * sizeof(int32_t));
    const int counts[3] = {view->train_count, view->val_count, view->test_count};
    for (int i = 0; i < 3; i++)
        plan->part[i] = take(l, (size_t)counts[i] * sizeof(int32_t));
    plan->ordering = (struct nl_order){.count = view->train_count, .seed = seed, .samples = plan->part[0], .order = plan->order};
    plan->sums = take(l, 2 * NL_SUMS_RING * sizeof(double));
    plan->eval_sums = take(l, 2 * sizeof(double));
    plan->state_bytes = l->at;

    ctx.layout = *l;
    lay_pass(&ctx, &plan->train, (int)config->train.batch, true, view);
    lay_pass(&ctx, &plan->eval, eval_capacity, false, view);
    *l = ctx.layout;

    struct nl_pass *passes[] = {&plan->train, &plan->eval};
    for (int i = 0; i < 2; i++) {
        passes[i]->gather.label_of = labels;
        passes[i]->gather.standardized = standardized;
        passes[i]->gather.table = table;
        passes[i]->gather.mean = mean;
        passes[i]->gather.scale = scale;
        passes[i]->gather.seed = seed;
    }
}

/* The first two runs over the layout: shapes and sizes, no places. */
static void measure(struct nl_plan *plan, const struct nl_backend *backend, const struct nl_model *model, const struct nl_config *config,
                    const struct nl_split *view, int eval_capacity, int replicas)
{
    *plan = (struct nl_plan){.backend = backend,
                             .gather = nl_kernel_find(backend, "gather"),
                             .add = nl_kernel_find(backend, "add"),
                             .loss = nl_kernel_find(backend, "loss"),
                             .model = model,
                             .replicas = replicas};
    plan->train.op = nl_alloc((size_t)model->layers, sizeof *plan->train.op);
    plan->eval.op = nl_alloc((size_t)model->layers, sizeof *plan->eval.op);
    struct layout shapes = {.real = backend->real}, sizes = shapes;
    lay_out(plan, &shapes, config, view, eval_capacity);
    nl_find_microbatch(backend, &plan->train, false);
    nl_find_microbatch(backend, &plan->eval, true);
    lay_out(plan, &sizes, config, view, eval_capacity);
    plan->stride = sizes.at;
    plan->arena_bytes = plan->stride * (size_t)plan->replicas;
}

size_t nl_plan_bytes(const struct nl_backend *backend, const struct nl_model *model, const struct nl_config *config,
                     const struct nl_split *view, int eval_capacity)
{
    struct nl_plan plan;
    measure(&plan, backend, model, config, view, eval_capacity, 1);
    size_t bytes = plan.arena_bytes;
    nl_plan_release(&plan);
    return bytes;
}

/* The data set to the backend's device. */
static int bring_samples(struct nl_plan *plan, const struct nl_dataset *dataset, struct nl_error *err)
{
    const struct nl_shape *shape = &dataset->shape;
    size_t count = (size_t)dataset->count * (size_t)shape->height * (size_t)shape->width * (size_t)shape->channels;
    size_t bytes = count * (dataset->pixels ? sizeof *dataset->pixels : sizeof *dataset->values);
    plan->samples = plan->backend->share(dataset->pixels ? (const void *)dataset->pixels : dataset->values, bytes);
    if (!plan->samples) {
        nl_plan_release(plan);
        return nl_fail(err, "not enough memory: the samples of %s need %.1f MiB", dataset->name, (double)bytes / 1048576);
    }
    struct nl_gather *gather[] = {&plan->train.gather, &plan->eval.gather};
    for (int i = 0; i < 2; i++)
        if (dataset->pixels)
            gather[i]->pixels = plan->samples;
        else
            gather[i]->values = plan->samples;
    return NL_OK;
}

int nl_plan_make(struct nl_plan *plan, const struct nl_backend *backend, const struct nl_model *model, const struct nl_config *config,
                 const struct nl_split *view, int eval_capacity, int replicas, struct nl_error *err)
{
    measure(plan, backend, model, config, view, eval_capacity, replicas);
    plan->arena = backend->alloc(plan->arena_bytes);
    if (!plan->arena) {
        size_t bytes = plan->arena_bytes;
        nl_plan_release(plan);
        return nl_fail(err, "not enough memory: the network at batch %lld needs %.1f MiB", (long long)config->train.batch, (double)bytes / 1048576);
    }
    struct layout place = {.base = plan->arena, .real = backend->real};
    lay_out(plan, &place, config, view, eval_capacity);
    return backend->share ? bring_samples(plan, view->dataset, err) : NL_OK;
}

void nl_plan_release(struct nl_plan *plan)
{
    if (plan->arena)
        plan->backend->free(plan->arena, plan->arena_bytes);
    if (plan->samples)
        plan->backend->unshare(plan->samples);
    if (plan->tape)
        plan->backend->forget(plan->tape);
    free(plan->train.op);
    free(plan->eval.op);
    *plan = (struct nl_plan){0};
}
