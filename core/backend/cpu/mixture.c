/* Normalizers that mix instance, layer and batch. Samples go one by one, by the kernels of columns (block.h), and a
 * team shares them. What is done once a channel and sample is in double, by the functions of operation/mixture.h,
 * compiled for each variant. All samples of a batch come in one call (there is no `micro`): the last must have been
 * read before the first can be mapped.
 *
 * A channel of one position is its own mean: x - m and the terms of dx that P cancels are 0, and are left out instead
 * of being worked out in float. */
#include "operation/mixture.h"

#include <string.h>

#include "backend/cpu/block.h"
#include "backend/cpu/cpu.h"
#include "backend/cpu/statistics.h"
#include "base/team.h"

/* Samples whose shares of what all samples sum to are added up by themselves. */
enum { CHUNK = 16 };

/* What a chunk sums, (C) each: gradients of the batch's mean and variance, dgamma, dbeta, and what is the variant's
 * own. */
enum { OF_MEAN, OF_VAR, OF_GAMMA, OF_BETA, OF_OWN, QUANTITIES = OF_OWN + NL_MIXTURE_OWN_GRADIENTS };

/* One call. Rows of (N, C) follow one another. */
struct call {
    const struct nl_mixture *op;
    const struct nl_run *run;
    size_t samples, positions, channels, width;
    struct nl_mixture_layer layer;
    const float *x, *dy, *gamma, *beta; /* gamma and beta: ones and zeros where there are none */
    float *y, *dx;
    double *mean, *var;                                    /* (N, C) of a channel of a sample */
    double *batch_mean, *batch_var, *batch_rstd, *own[2];  /* (C) struct nl_mixture_channel */
    double *d_mean, *d_var, *scale; /* (N, C) backward: gradients of mean and var; what dy gamma is multiplied with */
    double *shares;                                        /* (chunks, QUANTITIES, C) */
    char *working;                                         /* of each thread, */
    size_t working_bytes;                                  /* so many bytes */
};

/* What a thread works with: arrays of (C) of the sample at hand. */
struct sample {
    const double *mean, *var;
    double *seen_mean, *seen_var, *group_mean, *group_var, *d_group_mean, *d_group_var;
    double *scale, *offset; /* xhat = (x - mean) scale + offset */
    struct nl_cpu_block block; /* its sum and product: of dy gamma and dy gamma (x - mean) */
};
enum { SAMPLE_DOUBLES = 10, SAMPLE_FLOATS = 5 };

static size_t wide_of(const struct call *call)
{
    return call->channels + NL_PADDING;
}

static size_t groups_of_rows(const struct call *call)
{
    size_t group = nl_column_group(call->channels);
    return (call->positions + group - 1) / group;
}

static double *take(char **from, size_t doubles)
{
    double *taken = (double *)*from;
    *from += doubles * sizeof *taken;
    return taken;
}

static struct sample sample_of_thread(const struct call *call, int thread)
{
    char *memory = call->working + (size_t)thread * call->working_bytes;
    size_t wide = wide_of(call);
    struct sample s;
    double **doubles[SAMPLE_DOUBLES] = {&s.seen_mean, &s.seen_var, &s.group_mean, &s.group_var, &s.d_group_mean,
                                        &s.d_group_var, &s.scale, &s.offset, &s.block.sum, &s.block.product};
    s.block = (struct nl_cpu_block){.rows = call->positions,
                                    .channels = call->channels,
                                    .width = 1,
                                    .sets = call->channels,
                                    .pitch = call->channels,
                                    .centers = true,
                                    .positions = call->positions};
    for (size_t i = 0; i < SAMPLE_DOUBLES; i++)
        *doubles[i] = take(&memory, wide);
    s.block.shares = take(&memory, NL_SHARE * groups_of_rows(call) * wide);
    float *floats = (float *)memory, **arrays[SAMPLE_FLOATS] = {&s.block.shift, &s.block.scale, &s.block.offset,
                                                                &s.block.dx_slope, &s.block.dx_bias};
    for (size_t i = 0; i < SAMPLE_FLOATS; i++)
        *arrays[i] = floats + i * wide;
    s.block.mean_low = s.block.above = s.block.below =
        s.block.shift; /* a column is loaded whole, and of these nothing is used */
    memset(s.group_mean, 0, 4 * wide * sizeof *s.group_mean); /* and d_group: bin has no groups */
    return s;
}

static void move_sample(const struct call *call, struct sample *s, size_t n)
{
    size_t first = n * call->positions * call->channels;
    s->mean = call->mean + n * call->channels;
    s->var = call->var + n * call->channels;
    s->block.x = call->x + first;
    s->block.dy = call->dy ? call->dy + first : NULL;
    s->block.y = call->y + first;
    s->block.dx = call->dx ? call->dx + first : NULL;
}

/* ---- by variant ---- */

NL_INLINE struct nl_mixture_channel channel_of(const struct call *call, size_t c)
{
    return (struct nl_mixture_channel){
        {call->batch_mean[c], call->batch_var[c]}, call->batch_rstd[c], {call->own[0][c], call->own[1][c]}};
}

/* For a function's loop over channels: the layer with a variant that the compiler knows. */
#define LAYER_OF(call, variant)                            \
    struct nl_mixture_layer layer = (call)->layer;         \
    const size_t channels = (call)->channels;              \
    layer.kind = (variant)
#define GROUP_OF(s, c) ((struct nl_moments){(s)->group_mean[c], (s)->group_var[c]})
#define INSTANCE_OF(s, c) ((struct nl_moments){(s)->mean[c], (s)->var[c]})
#define SUMS_OF(s, c) ((struct nl_mixture_sums){(s)->block.sum[c], (s)->block.product[c]})

NL_INLINE void see(const struct call *call, struct sample *s, enum nl_mixture_kind kind)
{
    LAYER_OF(call, kind);
    NL_PARALLEL
    for (size_t c = 0; c < channels; c++) {
        struct nl_mixture_channel channel = channel_of(call, c);
        struct nl_moments seen = nl_mixture_seen(&layer, &channel, INSTANCE_OF(s, c));
        s->seen_mean[c] = seen.mean;
        s->seen_var[c] = seen.var;
    }
}

NL_INLINE void map(const struct call *call, struct sample *s, enum nl_mixture_kind kind)
{
    LAYER_OF(call, kind);
    NL_PARALLEL
    for (size_t c = 0; c < channels; c++) {
        struct nl_mixture_channel channel = channel_of(call, c);
        struct nl_mixture_map map = nl_mixture_map_of(&layer, &channel, GROUP_OF(s, c), INSTANCE_OF(s, c));
        s->scale[c] = map.scale;
        s->offset[c] = map.offset;
    }
}

/* What each channel adds to its group's gradients is left in d_group. */
NL_INLINE void give_groups(const struct call *call, struct sample *s, enum nl_mixture_kind kind)
{
    LAYER_OF(call, kind);
    NL_PARALLEL
    for (size_t c = 0; c < channels; c++) {
        struct nl_mixture_channel channel = channel_of(call, c);
        struct nl_moments d = nl_mixture_to_group(&layer, &channel, GROUP_OF(s, c), INSTANCE_OF(s, c), SUMS_OF(s, c));
        s->d_group_mean[c] = d.mean;
        s->d_group_var[c] = d.var;
    }
}

/* d_mean, d_var: rows of the sample; share: its chunk's. */
NL_INLINE void back(const struct call *call, struct sample *s, enum nl_mixture_kind kind, double *d_mean, double *d_var,
                    double *share)
{
    const size_t own = kind == NL_MIXTURE_SWITCH ? 2 * NL_SHARES : kind == NL_MIXTURE_BIN ? 1 : 2;
    LAYER_OF(call, kind);
    NL_PARALLEL
    for (size_t c = 0; c < channels; c++) {
        struct nl_mixture_channel channel = channel_of(call, c);
        struct nl_moments d_group = {s->d_group_mean[c], s->d_group_var[c]};
        struct nl_mixture_gradients d =
            nl_mixture_backward(&layer, &channel, GROUP_OF(s, c), d_group, INSTANCE_OF(s, c), SUMS_OF(s, c));
        d_mean[c] = d.instance.mean;
        d_var[c] = d.instance.var;
        share[OF_MEAN * channels + c] += d.batch.mean;
        share[OF_VAR * channels + c] += d.batch.var;
        NL_UNROLLED
        for (size_t i = 0; i < own; i++)
            share[(OF_OWN + i) * channels + c] += d.own[i];
    }
}

#define VARIANT(name, kind)                                                                                            \
    NL_CLONES static void name##_see(const struct call *call, struct sample *s)                                        \
    {                                                                                                                  \
        see(call, s, kind);                                                                                            \
    }                                                                                                                  \
    NL_CLONES static void name##_map(const struct call *call, struct sample *s)                                        \
    {                                                                                                                  \
        map(call, s, kind);                                                                                            \
    }                                                                                                                  \
    NL_CLONES static void name##_give_groups(const struct call *call, struct sample *s)                                \
    {                                                                                                                  \
        give_groups(call, s, kind);                                                                                    \
    }                                                                                                                  \
    NL_CLONES static void name##_back(const struct call *call, struct sample *s, double *d_mean, double *d_var,        \
                                      double *share)                                                                   \
    {                                                                                                                  \
        back(call, s, kind, d_mean, d_var, share);                                                                     \
    }
VARIANT(switch, NL_MIXTURE_SWITCH)
VARIANT(bin, NL_MIXTURE_BIN)
VARIANT(bcn, NL_MIXTURE_BCN)

static const struct {
    bool has_groups;
    void (*see)(const struct call *call, struct sample *s);
    void (*map)(const struct call *call, struct sample *s);
    void (*give_groups)(const struct call *call, struct sample *s);
    void (*back)(const struct call *call, struct sample *s, double *d_mean, double *d_var, double *share);
} variants[] = {
    [NL_MIXTURE_SWITCH] = {true, switch_see, switch_map, switch_give_groups, switch_back},
    [NL_MIXTURE_BIN] = {false, bin_see, bin_map, bin_give_groups, bin_back},
    [NL_MIXTURE_BCN] = {true, bcn_see, bcn_map, bcn_give_groups, bcn_back},
};

/* ---- groups ---- */

/* In eight lanes. */
NL_CLONES
static double mean_of(size_t count, const double *restrict x)
{
    enum { LANES = 8 };
    double lane[LANES] = {0}, sum = 0;
    size_t i = 0;
    for (; i + LANES <= count; i += LANES)
        for (size_t k = 0; k < LANES; k++)
            lane[k] += x[i + k];
    for (; i < count; i++)
        lane[0] += x[i];
    for (size_t k = 0; k < LANES; k++)
        sum += lane[k];
    return sum / (double)count;
}

NL_CLONES
static void add_distances(size_t count, const double *restrict x, double center, double *restrict to)
{
    for (size_t i = 0; i < count; i++)
        to[i] += (x[i] - center) * (x[i] - center);
}

static void fill(size_t count, double value, double *x)
{
    for (size_t i = 0; i < count; i++)
        x[i] = value;
}

/* The moments of the sample's groups, in each of their channels, and what the channels are mapped with. */
static void prepare_sample(const struct call *call, struct sample *s)
{
    bool has_groups = variants[call->layer.kind].has_groups;
    if (has_groups)
        variants[call->layer.kind].see(call, s);
    for (size_t c = 0; has_groups && c < call->channels; c += call->width) {
        double mean = mean_of(call->width, s->seen_mean + c);
        add_distances(call->width, s->seen_mean + c, mean, s->seen_var + c);
        fill(call->width, mean, s->group_mean + c);
        fill(call->width, mean_of(call->width, s->seen_var + c), s->group_var + c);
    }
    variants[call->layer.kind].map(call, s);
}

/* ---- a call ---- */

static void begin_layer(struct call *call, const float *first, const float *second)
{
    bool switches = call->layer.kind == NL_MIXTURE_SWITCH;
    double weight[2][NL_SHARES];
    for (size_t k = 0; switches && k < NL_SHARES; k++)
        weight[0][k] = first[k], weight[1][k] = second[k];
    if (switches) {
        nl_mixture_softmax(weight[0], call->layer.mean_share);
        nl_mixture_softmax(weight[1], call->layer.var_share);
    }
    for (size_t c = 0; c < call->channels; c++) {
        call->own[0][c] = !switches && first ? first[c] : 1;
        call->own[1][c] = !switches && second ? second[c] : 0;
    }
}

/* `back`: with room for what backward keeps. */
static struct call begin(const struct nl_run *run, const struct nl_mixture *op, bool back)
{
    const struct nl_normalize *batch = &op->batch;
    size_t samples = (size_t)run->samples, channels = (size_t)batch->setup.channels, cells = samples * channels;
    const struct nl_hyper *hyper = batch->hyper;
    struct call call = {
        .op = op, .run = run, .samples = samples, .positions = (size_t)batch->setup.positions, .channels = channels};
    call.width = channels / (size_t)op->groups;
    call.layer.kind = nl_mixture_kind_of(op);
    call.layer.eps = nl_override_or(batch->eps, hyper->norm_eps);
    call.x = batch->x, call.dy = batch->dy, call.y = batch->y, call.dx = batch->dx;
    call.mean = op->instance, call.var = call.mean + cells;
    size_t wide = wide_of(&call), chunks = (samples + CHUNK - 1) / CHUNK;
    call.working_bytes = (SAMPLE_DOUBLES + NL_SHARE * groups_of_rows(&call)) * wide * sizeof(double) +
                         SAMPLE_FLOATS * wide * sizeof(float);
    call.working_bytes = (call.working_bytes + 63) / 64 * 64;
    size_t working = (size_t)nl_team_threads() * call.working_bytes,
           kept = back ? 3 * cells + chunks * QUANTITIES * channels : 0;
    char *memory = nl_cpu_scratch(working + (5 * wide + kept) * sizeof(double) + 2 * wide * sizeof(float));
    call.working = memory;
    memory += working;
    double **of_channels[] = {&call.batch_mean, &call.batch_var, &call.batch_rstd, &call.own[0], &call.own[1]};
    for (size_t i = 0; i < sizeof of_channels / sizeof *of_channels; i++)
        *of_channels[i] = take(&memory, wide);
    if (back) {
        call.d_mean = take(&memory, cells), call.d_var = take(&memory, cells), call.scale = take(&memory, cells);
        call.shares = take(&memory, chunks * QUANTITIES * channels);
    }
    float *ones = (float *)memory, *zeros = ones + wide;
    for (size_t c = 0; c < wide; c++)
        ones[c] = 1.0f, zeros[c] = 0.0f;
    call.gamma = batch->gamma ? batch->gamma : ones;
    call.beta = batch->beta ? batch->beta : zeros;
    begin_layer(&call, op->own[0], op->own[1]);
    return call;
}

static void share_samples(struct call *call, size_t each, nl_parallel_body *body)
{
    size_t bytes = call->positions * call->channels * sizeof(float) + 8 * call->channels * sizeof(double);
    nl_parallel_for((call->samples + each - 1) / each, nl_cpu_grain_of_bytes((double)(each * bytes)), body, call);
}

/* ---- the batch's statistics ---- */

NL_CLONES
static void take_batch_moments(size_t samples, size_t channels, const double *restrict means,
                               const double *restrict vars, double *restrict mean, double *restrict var)
{
    double share = 1.0 / (double)samples;
    memset(mean, 0, channels * sizeof *mean);
    memset(var, 0, channels * sizeof *var);
    for (size_t n = 0; n < samples; n++)
        for (size_t c = 0; c < channels; c++)
            mean[c] += (means[n * channels + c] - means[c]) * share;
    for (size_t c = 0; c < channels; c++)
        mean[c] += means[c];
    for (size_t n = 0; n < samples; n++)
        for (size_t c = 0; c < channels; c++) {
            double apart = means[n * channels + c] - mean[c];
            var[c] += (vars[n * channels + c] + apart * apart) * share;
        }
}

/* Updates running and precise statistics by the batch at hand. */
static void follow_batch(const struct call *call)
{
    const struct nl_normalize *batch = &call->op->batch;
    const struct nl_hyper *hyper = batch->hyper;
    double *mean = batch->mean, *var = batch->var, *used = call->op->used;
    take_batch_moments(call->samples, call->channels, call->mean, call->var, mean, var);
    const struct nl_batch_statistics statistics = {call->channels, (double)(call->samples * call->positions), mean,
                                                   var};
    if (call->run->statistics == NL_STATS_TRAIN)
        nl_cpu_track(batch, nl_override_or(batch->momentum, hyper->norm_momentum), &statistics);
    if (call->run->statistics == NL_STATS_COLLECT)
        nl_cpu_collect(batch, &statistics);
    if (nl_mixture_keeps_used(call->op, call->run))
        nl_cpu_fixed_statistics(batch, NL_STATS_RUNNING, call->channels, used, used + call->channels);
}

/* Finds the batch's statistics that the call normalizes with. */
static void find_batch(struct call *call)
{
    const struct nl_normalize *batch = &call->op->batch;
    bool used = nl_mixture_keeps_used(call->op, call->run);
    const double *mean = used ? call->op->used : batch->mean, *var = used ? mean + call->channels : batch->var;
    if (nl_normalize_is_fixed(batch, call->run)) {
        nl_cpu_fixed_statistics(batch, call->run->statistics, call->channels, call->batch_mean, call->batch_var);
    } else {
        memcpy(call->batch_mean, mean, call->channels * sizeof *mean);
        memcpy(call->batch_var, var, call->channels * sizeof *var);
    }
    for (size_t c = 0; c < call->channels; c++)
        call->batch_rstd[c] = nl_rstd(call->batch_var[c], call->layer.eps);
}

/* ---- forward ---- */

static void find_moments(void *context, size_t first, size_t end, int thread)
{
    const struct call *call = context;
    struct sample s = sample_of_thread(call, thread);
    for (size_t n = first; n < end; n++) {
        double *mean = call->mean + n * call->channels, *var = call->var + n * call->channels;
        move_sample(call, &s, n);
        if (call->positions > 1) {
            nl_cpu_block_moments(&s.block, 0, mean, var);
            continue;
        }
        for (size_t c = 0; c < call->channels; c++)
            mean[c] = s.block.x[c], var[c] = 0;
    }
}

NL_CLONES
static void prepare_y(const struct call *call, struct sample *s)
{
    const float *restrict gamma = call->gamma, *restrict beta = call->beta;
    float *restrict shift = s->block.shift, *restrict scale = s->block.scale, *restrict offset = s->block.offset;
    for (size_t c = 0; c < call->channels; c++) {
        shift[c] = (float)s->mean[c];
        scale[c] = (float)(gamma[c] * s->scale[c]);
        offset[c] = (float)(beta[c] + gamma[c] * (s->offset[c] + (shift[c] - s->mean[c]) * s->scale[c]));
    }
}

static void apply(void *context, size_t first, size_t end, int thread)
{
    const struct call *call = context;
    struct sample s = sample_of_thread(call, thread);
    for (; first < end; first++) {
        move_sample(call, &s, first);
        prepare_sample(call, &s);
        prepare_y(call, &s);
        if (call->positions > 1)
            nl_block_kernels()->column_apply(&s.block, 0, call->positions);
        else
            memcpy(s.block.y, s.block.offset, call->channels * sizeof *s.block.y);
    }
}

static void mixture_forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_mixture *op = arguments;
    struct call call = begin(run, op, false);
    share_samples(&call, 1, find_moments);
    if (!nl_normalize_is_fixed(&op->batch, run))
        follow_batch(&call);
    find_batch(&call);
    share_samples(&call, 1, apply);
}

/* ---- backward ---- */

/* The sums of dy and dy (x - mean), to which the chunk's dgamma and dbeta add; then those of dy gamma. */
NL_CLONES
static void take_sums(const struct call *call, struct sample *s, double *share)
{
    const size_t channels = call->channels;
    double *restrict sum = s->block.sum, *restrict product = s->block.product,
                     *restrict dgamma = share + OF_GAMMA * channels, *restrict dbeta = share + OF_BETA * channels;
    const float *restrict gamma = call->gamma, *restrict shift = s->block.shift;
    for (size_t c = 0; c < channels; c++) {
        product[c] -= (s->mean[c] - shift[c]) * sum[c];
        dgamma[c] += product[c] * s->scale[c] + sum[c] * s->offset[c];
        dbeta[c] += sum[c];
        sum[c] *= gamma[c];
        product[c] *= gamma[c];
    }
}

static void find_sums(const struct call *call, struct sample *s, double *share)
{
    for (size_t c = 0; c < call->channels; c++)
        s->block.shift[c] = (float)s->mean[c];
    if (call->positions > 1) {
        nl_cpu_block_sums(&s->block, nl_block_kernels()->column_gradients, false);
    } else {
        for (size_t c = 0; c < call->channels; c++)
            s->block.sum[c] = s->block.dy[c], s->block.product[c] = 0;
    }
    take_sums(call, s, share);
}

static void average(const struct call *call, double *x)
{
    for (size_t c = 0; c < call->channels; c += call->width)
        fill(call->width, mean_of(call->width, x + c), x + c);
}

static void find_gradients(void *context, size_t first, size_t end, int thread)
{
    const struct call *call = context;
    struct sample s = sample_of_thread(call, thread);
    size_t channels = call->channels;
    for (size_t chunk = first; chunk < end; chunk++) {
        double *share = call->shares + chunk * QUANTITIES * channels;
        memset(share, 0, QUANTITIES * channels * sizeof *share);
        for (size_t n = chunk * CHUNK; n < (chunk + 1) * CHUNK && n < call->samples; n++) {
            move_sample(call, &s, n);
            prepare_sample(call, &s);
            find_sums(call, &s, share);
            if (variants[call->layer.kind].has_groups) {
                variants[call->layer.kind].give_groups(call, &s);
                average(call, s.d_group_mean);
                average(call, s.d_group_var);
            }
            variants[call->layer.kind].back(call, &s, call->d_mean + n * channels, call->d_var + n * channels, share);
            if (call->positions == 1) /* dx is all there: the mean's gradient with dxhat scale */
                for (size_t c = 0; c < channels; c++)
                    call->d_mean[n * channels + c] += s.block.sum[c] * s.scale[c];
            memcpy(call->scale + n * channels, s.scale, channels * sizeof *s.scale);
        }
    }
}

/* The first chunk's shares become those of all. */
NL_CLONES
static void join_chunks(const struct call *call)
{
    size_t count = QUANTITIES * call->channels;
    double *restrict all = call->shares;
    for (size_t chunk = 1; chunk * CHUNK < call->samples; chunk++) {
        const double *restrict share = call->shares + chunk * count;
        for (size_t i = 0; i < count; i++)
            all[i] += share[i];
    }
}

static void write_gradients(const struct call *call)
{
    const struct nl_mixture *op = call->op;
    size_t channels = call->channels;
    float *dgamma = op->batch.dgamma, *dbeta = op->batch.dbeta;
    bool switches = call->layer.kind == NL_MIXTURE_SWITCH;
    for (size_t c = 0; dgamma && c < channels; c++) {
        dgamma[c] = (float)call->shares[OF_GAMMA * channels + c];
        if (dbeta)
            dbeta[c] = (float)call->shares[OF_BETA * channels + c];
    }
    for (size_t i = 0; i < 2; i++) {
        float *down = op->down[i];
        const double *share = i ? call->layer.var_share : call->layer.mean_share;
        for (size_t c = 0; down && !switches && c < channels; c++)
            down[c] = (float)call->shares[(OF_OWN + i) * channels + c];
        for (size_t k = 0; switches && k < NL_SHARES; k++)
            down[k] = (float)(share[k] * mean_of(channels, call->shares + (OF_OWN + i * NL_SHARES + k) * channels) *
                              (double)channels);
    }
}

/* dx = dy dx_scale + ((x - shift) dx_slope + dx_bias) */
NL_CLONES
static void prepare_dx(const struct call *call, struct sample *s, size_t n, bool constant)
{
    const size_t channels = call->channels, row = n * channels;
    const double share = constant ? 0.0 : 1.0 / (double)call->samples, each = 1.0 / (double)call->positions;
    const double *restrict of_mean = call->shares + OF_MEAN * channels, *restrict of_var =
                                                                            call->shares + OF_VAR * channels;
    float *restrict shift = s->block.shift, *restrict scale = s->block.scale, *restrict slope = s->block.dx_slope,
                    *restrict bias = s->block.dx_bias;
    for (size_t c = 0; c < channels; c++) {
        double d_mean =
            call->d_mean[row + c] + share * (of_mean[c] + 2 * of_var[c] * (s->mean[c] - call->batch_mean[c]));
        double d_var = 2 * each * (call->d_var[row + c] + share * of_var[c]);
        shift[c] = (float)s->mean[c];
        scale[c] = (float)(call->gamma[c] * call->scale[row + c]);
        slope[c] = (float)d_var;
        bias[c] = (float)(each * d_mean + d_var * (shift[c] - s->mean[c]));
    }
}

static void write_dx(void *context, size_t first, size_t end, int thread)
{
    const struct call *call = context;
    struct sample s = sample_of_thread(call, thread);
    for (; first < end; first++) {
        move_sample(call, &s, first);
        prepare_dx(call, &s, first, nl_normalize_is_constant(&call->op->batch, call->run));
        if (call->positions > 1)
            nl_block_kernels()->column_dx(&s.block, 0, call->positions);
        else
            memcpy(s.block.dx, s.block.dx_bias, call->channels * sizeof *s.block.dx);
    }
}

static void mixture_backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_mixture *op = arguments;
    struct call call = begin(run, op, true);
    find_batch(&call);
    share_samples(&call, CHUNK, find_gradients);
    join_chunks(&call);
    write_gradients(&call);
    if (call.dx)
        share_samples(&call, 1, write_dx);
}

NL_CPU_KERNEL(mixture) = {.forward = mixture_forward, .backward = mixture_backward};
