/* Normalizers that mix instance, layer and batch: switch, bin and bcn. */
#include "operation/reference.h" /* first: it says what numbers are */

#include <stdlib.h>

#include "base/memory.h"
#include "operation/affine.h"
#include "operation/describe.h"
#include "operation/mixture.h"

NL_DECLARE_REFERENCES(normalize);

enum { X = NL_NORMALIZE_X, GAMMA = NL_NORMALIZE_GAMMA, OWN = NL_MIXTURE_OWN };
enum {
    USED = NL_NORMALIZE_SAVED - 1,
    INSTANCE,
    SAVED
}; /* it keeps nothing of its batch normalization but the statistics */

static void declare_own(const struct nl_mixture *op, struct nl_declaration *d, const struct nl_extent *x)
{
    static const char *const switched[] = {"mean_weight", "var_weight"}, *const shares[] = {"in", "ln", "bn", NULL};
    size_t channels = (size_t)x->channels;
    switch (nl_mixture_kind_of(op)) {
    case NL_MIXTURE_SWITCH:
        for (int i = 0; i < 2; i++)
            d->parameter[d->parameters++] = (struct nl_tensor_spec){.name = switched[i],
                                                                    .role = NL_GAMMA,
                                                                    .slot = OWN + i,
                                                                    .dims = 1,
                                                                    .shape = {NL_SHARES},
                                                                    .initial = 1,
                                                                    .numbers = shares};
        return;
    case NL_MIXTURE_BIN:
        d->parameter[d->parameters++] = (struct nl_tensor_spec){
            .name = "rho", .role = NL_FRACTION, .slot = OWN, .dims = 1, .shape = {channels}, .initial = 1};
        return;
    case NL_MIXTURE_BCN:
        nl_declare_affine(
            d,
            (struct nl_tensor_spec){
                .name = "batch_weight", .role = NL_GAMMA, .slot = OWN, .initial = 1, .freezes = op->set.freezes},
            (size_t)op->batch.affine_count, x);
        nl_declare_affine(
            d,
            (struct nl_tensor_spec){.name = "batch_bias", .role = NL_BETA, .slot = OWN + 1, .freezes = op->set.freezes},
            (size_t)op->batch.affine_count, x);
        return;
    }
    NL_BUG("mixture %d", (int)nl_mixture_kind_of(op));
}

static int declare(void *arguments, const struct nl_extent *in, struct nl_declaration *d, struct nl_error *err)
{
    struct nl_mixture *op = arguments;
    op->groups = op->set.norm->uses & NL_USES_GROUPS ? op->set.groups : 1;
    op->batch = (struct nl_normalize){
        .norm = &nl_norm_bn,
        .unbiased = op->set.unbiased,
        .trains_running = op->set.trains_running,
        .learns_momentum = op->set.learns_momentum,
        .freezes = op->set.freezes,
        .affine_count = (int)nl_affine_count(op->set.affine, &in[X]),
        .eps = op->set.eps,
        .momentum = op->set.momentum,
    };
    if (nl_normalize_operation.declare(&op->batch, in, d, err))
        return NL_FAIL;
    declare_own(op, d, &in[X]);
    return NL_OK;
}

static void prepare(void *arguments, int capacity, bool evaluates)
{
    struct nl_mixture *op = arguments;
    nl_normalize_operation.prepare(&op->batch, capacity, evaluates);
}

static void complete(void *arguments, const struct nl_operands *at)
{
    struct nl_mixture *op = arguments;
    nl_bind(&nl_normalize_operation, &op->batch, at);
    op->batch.coefficients = NULL;
}

static struct nl_reads reads(const void *arguments, unsigned filled)
{
    (void)arguments;
    return (struct nl_reads){.inputs = filled & ~(1u << NL_NORMALIZE_BETA)};
}

static size_t saved_bytes(const void *arguments, int number, int samples, size_t statistic)
{
    const struct nl_mixture *op = arguments;
    size_t channels = (size_t)op->batch.setup.channels;
    if (number == INSTANCE)
        return 2 * (size_t)samples * channels * statistic;
    return (number < USED ? 1 : op->batch.trains_running ? 2 : 0) * channels * statistic;
}

static bool may_be_fixed(const void *arguments)
{
    (void)arguments;
    return true;
}

static double work(const void *arguments)
{
    const struct nl_mixture *op = arguments;
    return 4.0 * op->batch.setup.positions * op->batch.setup.channels;
}

/* ---- the reference ---- */

/* The layer of a call. */
struct layer {
    struct nl_mixture_layer own;
    struct nl_mixture_channel *channel; /* (C) */
    struct nl_moments *group;           /* (N, groups) */
    int samples, positions, channels, groups, width; /* width: channels of a group */
    const real *x, *dy, *gamma, *beta;
    const accumulator *mean, *var;      /* (N, C): of a channel of a sample */
};

static size_t place(const struct layer *l, int n, int s, int c)
{
    return ((size_t)n * (size_t)l->positions + (size_t)s) * (size_t)l->channels + (size_t)c;
}

static struct nl_moments instance_of(const struct layer *l, int n, int c)
{
    size_t i = (size_t)n * (size_t)l->channels + (size_t)c;
    return (struct nl_moments){l->mean[i], l->var[i]};
}

static struct nl_moments *group_of(const struct layer *l, int n, int c)
{
    return &l->group[n * l->groups + c / l->width];
}

static struct nl_mixture_map map_of(const struct layer *l, int n, int c)
{
    return nl_mixture_map_of(&l->own, &l->channel[c], *group_of(l, n, c), instance_of(l, n, c));
}

static void find_instances(const struct layer *l, accumulator *mean, accumulator *var)
{
    for (int i = 0; i < l->samples * l->channels; i++) {
        int n = i / l->channels, c = i % l->channels;
        accumulator sum = 0, squares = 0;
        for (int s = 0; s < l->positions; s++)
            sum += l->x[place(l, n, s, c)];
        mean[i] = sum / l->positions;
        for (int s = 0; s < l->positions; s++) {
            accumulator t = l->x[place(l, n, s, c)] - mean[i];
            squares += t * t;
        }
        var[i] = squares / l->positions;
    }
}

/* The batch's statistics that a call normalizes with. */
static struct nl_moments batch_of(const struct nl_run *run, const struct nl_mixture *op, int c)
{
    const struct nl_normalize *batch = &op->batch;
    const accumulator *mean = batch->mean, *var = batch->var, *used = op->used;
    const real *running_mean = batch->running_mean, *running_var = batch->running_var;
    const double *precise_mean = batch->precise_mean, *precise_var = batch->precise_var;
    if (run->statistics == NL_STATS_PRECISE)
        return (struct nl_moments){precise_mean[c], precise_var[c]};
    if (nl_normalize_is_fixed(batch, run))
        return (struct nl_moments){running_mean[c], running_var[c]};
    if (nl_normalize_is_constant(batch, run))
        return (struct nl_moments){used[c], used[batch->setup.channels + c]};
    return (struct nl_moments){mean[c], var[c]};
}

/* What a sample needs of its channels, all of them, and of those of its group. */
static void find_channels(const struct nl_run *run, const struct nl_mixture *op, struct layer *l)
{
    const real *first = op->own[0], *second = op->own[1];
    bool switches = l->own.kind == NL_MIXTURE_SWITCH;
    if (switches) {
        accumulator weight[2][NL_SHARES];
        for (int k = 0; k < NL_SHARES; k++)
            weight[0][k] = first[k], weight[1][k] = second[k];
        nl_mixture_softmax(weight[0], l->own.mean_share);
        nl_mixture_softmax(weight[1], l->own.var_share);
    }
    for (int c = 0; c < l->channels; c++) {
        struct nl_moments batch = batch_of(run, op, c);
        l->channel[c] =
            (struct nl_mixture_channel){batch,
                                        nl_mixture_rstd(batch.var, l->own.eps),
                                        {!switches && first ? first[c] : 1, !switches && second ? second[c] : 0}};
    }
    for (int n = 0; n < l->samples; n++) {
        for (int c = 0; c < l->channels; c++)
            group_of(l, n, c)->mean += nl_mixture_seen(&l->own, &l->channel[c], instance_of(l, n, c)).mean / l->width;
        for (int c = 0; c < l->channels; c++) {
            struct nl_moments seen = nl_mixture_seen(&l->own, &l->channel[c], instance_of(l, n, c)),
                              *group = group_of(l, n, c);
            group->var += (seen.var + (seen.mean - group->mean) * (seen.mean - group->mean)) / l->width;
        }
    }
}

/* `finds`: the moments of the instances are not there yet. */
static struct layer begin(const struct nl_run *run, const struct nl_mixture *op, bool finds)
{
    const struct nl_hyper *hyper = op->batch.hyper;
    accumulator *instance = op->instance;
    struct layer l = {
        .own = {.kind = nl_mixture_kind_of(op), .eps = nl_override_or(op->batch.eps, hyper->norm_eps)},
        .samples = run->samples,
        .positions = op->batch.setup.positions,
        .channels = op->batch.setup.channels,
        .groups = op->groups,
        .width = op->batch.setup.channels / op->groups,
        .x = op->batch.x,
        .dy = op->batch.dy,
        .gamma = op->batch.gamma,
        .beta = op->batch.beta,
        .mean = instance,
        .var = instance + (size_t)run->samples * (size_t)op->batch.setup.channels,
    };
    l.channel = nl_alloc((size_t)l.channels, sizeof *l.channel);
    l.group = nl_alloc((size_t)l.samples * (size_t)l.groups, sizeof *l.group);
    if (finds)
        find_instances(&l, instance, instance + (size_t)run->samples * (size_t)l.channels);
    find_channels(run, op, &l);
    return l;
}

static void end(struct layer *l)
{
    free(l->channel);
    free(l->group);
}

static void apply(const struct layer *l, real *y)
{
    for (int n = 0; n < l->samples; n++)
        for (int c = 0; c < l->channels; c++) {
            struct nl_mixture_map map = map_of(l, n, c);
            for (int s = 0; s < l->positions; s++) {
                accumulator xhat = (l->x[place(l, n, s, c)] - instance_of(l, n, c).mean) * map.scale + map.offset;
                xhat = l->gamma ? l->gamma[c] * xhat : xhat;
                y[place(l, n, s, c)] = l->beta ? xhat + l->beta[c] : xhat;
            }
        }
}

static void forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_mixture *op = arguments;
    NL_REFERENCE(normalize).forward(
        run, &op->batch); /* for the batch's statistics, which it follows, too; y is written over */
    accumulator *used = op->used;
    const real *running_mean = op->batch.running_mean, *running_var = op->batch.running_var;
    size_t channels = (size_t)op->batch.setup.channels;
    for (size_t c = 0; nl_mixture_keeps_used(op, run) && c < channels; c++)
        used[c] = running_mean[c], used[channels + c] = running_var[c];
    struct layer l = begin(run, op, true);
    apply(&l, op->batch.y);
    end(&l);
}

/* ---- backward ---- */

/* The sums of dxhat and of dxhat xhat over the positions of a sample's channel. */
static struct nl_mixture_sums sums_of(const struct layer *l, int n, int c)
{
    struct nl_mixture_sums sums = {0, 0};
    for (int s = 0; s < l->positions; s++) {
        accumulator dxhat = l->gamma ? l->gamma[c] * l->dy[place(l, n, s, c)] : l->dy[place(l, n, s, c)];
        sums.gradient += dxhat;
        sums.product += dxhat * (l->x[place(l, n, s, c)] - instance_of(l, n, c).mean);
    }
    return sums;
}

/* gradients: (N, C) */
static void find_gradients(const struct layer *l, struct nl_mixture_gradients *gradients)
{
    struct nl_moments *d_group = nl_alloc((size_t)l->channels, sizeof *d_group);
    for (int n = 0; n < l->samples; n++) {
        for (int g = 0; g < l->groups; g++)
            d_group[g] = (struct nl_moments){0, 0};
        for (int c = 0; c < l->channels; c++) {
            struct nl_moments d = nl_mixture_to_group(&l->own, &l->channel[c], *group_of(l, n, c), instance_of(l, n, c),
                                                      sums_of(l, n, c));
            d_group[c / l->width].mean += d.mean / l->width;
            d_group[c / l->width].var += d.var / l->width;
        }
        for (int c = 0; c < l->channels; c++)
            gradients[n * l->channels + c] =
                nl_mixture_backward(&l->own, &l->channel[c], *group_of(l, n, c), d_group[c / l->width],
                                    instance_of(l, n, c), sums_of(l, n, c));
    }
    free(d_group);
}

static void backward_affine(const struct layer *l, int c, real *dgamma, real *dbeta)
{
    accumulator product = 0, sum = 0;
    for (int n = 0; n < l->samples; n++) {
        struct nl_mixture_map map = map_of(l, n, c);
        for (int s = 0; s < l->positions; s++) {
            accumulator dy = l->dy[place(l, n, s, c)];
            product += dy * ((l->x[place(l, n, s, c)] - instance_of(l, n, c).mean) * map.scale + map.offset);
            sum += dy;
        }
    }
    dgamma[c] = (real)product;
    if (dbeta)
        dbeta[c] = (real)sum;
}

/* The sums over all samples of a number of channel c's gradients. */
static accumulator sum_own(const struct layer *l, const struct nl_mixture_gradients *gradients, int c, int number)
{
    accumulator sum = 0;
    for (int n = 0; n < l->samples; n++)
        sum += gradients[n * l->channels + c].own[number];
    return sum;
}

/* switch: the derivative of softmax. The others: one number a channel. */
static void backward_own(const struct layer *l, const struct nl_mixture_gradients *gradients, int i, real *down)
{
    bool switches = l->own.kind == NL_MIXTURE_SWITCH;
    for (int c = 0; down && !switches && c < l->channels; c++)
        down[c] = (real)sum_own(l, gradients, c, i);
    for (int k = 0; switches && k < NL_SHARES; k++) {
        accumulator sum = 0;
        for (int c = 0; c < l->channels; c++)
            sum += sum_own(l, gradients, c, i * NL_SHARES + k);
        down[k] = (real)((i ? l->own.var_share : l->own.mean_share)[k] * sum);
    }
}

/* constant: the batch's statistics are not made of x. */
static void write_dx(const struct layer *l, const struct nl_mixture_gradients *gradients, bool constant, int c,
                     real *dx)
{
    struct nl_moments batch = {0, 0};
    for (int n = 0; !constant && n < l->samples; n++) {
        batch.mean += gradients[n * l->channels + c].batch.mean / l->samples;
        batch.var += gradients[n * l->channels + c].batch.var / l->samples;
    }
    for (int n = 0; n < l->samples; n++) {
        struct nl_moments instance = instance_of(l, n, c), own = gradients[n * l->channels + c].instance;
        accumulator scale = map_of(l, n, c).scale * (l->gamma ? l->gamma[c] : 1);
        accumulator d_mean = own.mean + batch.mean + 2 * batch.var * (instance.mean - l->channel[c].batch.mean),
                    d_var = own.var + batch.var;
        for (int s = 0; s < l->positions; s++) {
            size_t at = place(l, n, s, c);
            dx[at] = (real)(l->dy[at] * scale + (d_mean + 2 * d_var * (l->x[at] - instance.mean)) / l->positions);
        }
    }
}

static void backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_mixture *op = arguments;
    struct nl_mixture_gradients *gradients =
        nl_alloc((size_t)run->samples * (size_t)op->batch.setup.channels, sizeof *gradients);
    struct layer l = begin(run, op, false);
    real *dx = op->batch.dx;
    find_gradients(&l, gradients);
    for (int c = 0; op->batch.affine_count > 0 && c < l.channels; c++)
        backward_affine(&l, c, op->batch.dgamma, op->batch.dbeta);
    for (int i = 0; i < 2; i++)
        backward_own(&l, gradients, i, op->down[i]);
    for (int c = 0; dx && c < l.channels; c++)
        write_dx(&l, gradients, nl_normalize_is_constant(&op->batch, run), c, dx);
    end(&l);
    free(gradients);
}

NL_KERNEL(mixture) = {.forward = forward, .backward = backward};

static void describe(const void *arguments, struct nl_text *json)
{
    const struct nl_mixture *op = arguments;
    nl_json_member(json, "kind", op->set.norm->name);
    nl_json_member_number(json, "groups", op->groups);
    nl_describe_override(json, "eps", op->set.eps);
}

NL_OPERATION(mixture) = {
    .name = "mixture",
    .arguments = sizeof(struct nl_mixture),
    .span = NL_SPAN_BATCH,
    .slots = NL_MIXTURE_SLOTS,
    .skips = 1u << X,
    .saved = SAVED,
    .declare = declare,
    .prepare = prepare,
    .bound = {NL_BOUND(nl_mixture, own, in[OWN], 2), NL_BOUND(nl_mixture, down, d_in[OWN], 2),
              NL_BOUND(nl_mixture, used, saved[USED], 1), NL_BOUND(nl_mixture, instance, saved[INSTANCE], 1)},
    .complete = complete,
    .reads = reads,
    .sharing = nl_shares_gradient,
    .saved_bytes = saved_bytes,
    .may_be_fixed = may_be_fixed,
    .work = work,
    .describe = describe,
    .reference = NL_REFERENCES(mixture),
};
