/* Attention, a head of a sample at a time, TILE queries side by side: products of a tile with all keys that one of its
 * queries attends to, and of the weights with the values. Scores stand in columns, a query each (keys, TILE), so that a
 * softmax needs no sum across lanes.
 *
 * The sums of a softmax are float over NL_BLOCK_ROWS keys, then double. Backward makes the weights again from the
 * scores and the logarithm of their sum: no more than a tile of them is ever in memory. */
#include <math.h>
#include <string.h>

#include "backend/cpu/elementary.h"
#include "backend/cpu/gemm.h"
#include "base/random.h"
#include "operation/attention.h"

enum { Q, K, V, TILE = 32 };

/* Rows of a head, `line` numbers from one to the next, in the activations; or, of turned queries and keys, in scratch
 * memory. */
struct part {
    float *at;
    size_t line;
};

/* What a call works with, of one thread. */
struct work {
    const struct nl_run *run;
    const struct nl_attention *op;
    size_t positions, width, length;
    float scale;
    float *cosine, *sine;     /* (S, D / 2) rotary; else NULL */
    float *turned[2];         /* (S, D) q and k; rotary */
    float *across;            /* (D, TILE) of q times `scale`, then of dy; 0 after the last query */
    float *p, *dp;            /* (S, TILE) */
    float *kept;              /* (S, TILE) by what dropout multiplies a weight, or NULL */
    struct part of[3], gradient[3]; /* (length, D) of the head */
};

/* ---- softmax ---- */

/* Whether key s is hidden from query i of a tile: it comes after key `open` + i. */
NL_INLINE bool is_hidden(size_t s, size_t open, int32_t i)
{
    return (int32_t)(s - open) > i;
}

/* p(reach, TILE), scores, become their exponentials, down each column; inverse: 1 / their sum. */
NL_CLONES
static void soften(size_t reach, size_t open, float *restrict p, float *restrict inverse, double *restrict log_sum)
{
    float largest[TILE], part[TILE];
    double sum[TILE];
    NL_ROLLED
    for (int32_t i = 0; i < TILE; i++) {
        largest[i] = -INFINITY;
        sum[i] = 0;
    }
    for (size_t s = 0; s < reach; s++)
        NL_ROLLED
        for (int32_t i = 0; i < TILE; i++)
            largest[i] =
                p[s * TILE + (size_t)i] > largest[i] && !is_hidden(s, open, i) ? p[s * TILE + (size_t)i] : largest[i];
    for (size_t first = 0, end; first < reach; first = end) {
        end = reach - first < NL_BLOCK_ROWS ? reach : first + NL_BLOCK_ROWS;
        NL_ROLLED
        for (int32_t i = 0; i < TILE; i++)
            part[i] = 0;
        for (size_t s = first; s < end; s++)
            NL_ROLLED
            for (int32_t i = 0; i < TILE; i++) {
                float e = is_hidden(s, open, i) ? 0.0f : nl_exp_fused(p[s * TILE + (size_t)i] - largest[i]);
                p[s * TILE + (size_t)i] = e;
                part[i] += e;
            }
        NL_ROLLED
        for (int32_t i = 0; i < TILE; i++)
            sum[i] += (double)part[i];
    }
    NL_ROLLED
    for (int32_t i = 0; i < TILE; i++) {
        inverse[i] = (float)(1.0 / sum[i]);
        log_sum[i] = nl_log(sum[i]) + (double)largest[i];
    }
}

/* The weights again. log_sum is a float and what it leaves, so that no digit of the difference is lost. */
NL_CLONES
static void soften_again(size_t reach, size_t open, float *restrict p, const double *restrict log_sum)
{
    float high[TILE], low[TILE];
    NL_ROLLED
    for (int32_t i = 0; i < TILE; i++) {
        high[i] = (float)log_sum[i];
        low[i] = (float)(log_sum[i] - (double)high[i]);
    }
    for (size_t s = 0; s < reach; s++)
        NL_ROLLED
        for (int32_t i = 0; i < TILE; i++)
            p[s * TILE + (size_t)i] =
                is_hidden(s, open, i) ? 0.0f : nl_exp_fused((p[s * TILE + (size_t)i] - high[i]) - low[i]);
}

/* dp becomes the gradient of the products of queries and keys: scale p (dp - sum of p dp), down each column. */
NL_CLONES
static void soften_back(size_t reach, float scale, const float *restrict p, float *restrict dp)
{
    float mean[TILE] = {0}, part[TILE];
    for (size_t first = 0, end; first < reach; first = end) {
        end = reach - first < NL_BLOCK_ROWS ? reach : first + NL_BLOCK_ROWS;
        NL_ROLLED
        for (int32_t i = 0; i < TILE; i++)
            part[i] = 0;
        for (size_t s = first; s < end; s++)
            NL_ROLLED
            for (int32_t i = 0; i < TILE; i++)
                part[i] += p[s * TILE + (size_t)i] * dp[s * TILE + (size_t)i];
        NL_ROLLED
        for (int32_t i = 0; i < TILE; i++)
            mean[i] += part[i];
    }
    for (size_t s = 0; s < reach; s++)
        NL_ROLLED
        for (int32_t i = 0; i < TILE; i++)
            dp[s * TILE + (size_t)i] = scale * p[s * TILE + (size_t)i] * (dp[s * TILE + (size_t)i] - mean[i]);
}

NL_CLONES
static void scale(size_t count, float by, float *x)
{
    for (size_t i = 0; i < count; i++)
        x[i] *= by;
}

NL_CLONES
static void multiply(size_t count, const float *x, const float *by, float *y)
{
    NL_PARALLEL
    for (size_t i = 0; i < count; i++)
        y[i] = x[i] * by[i];
}

/* ---- in and out ---- */

/* Each pair of channels is turned by the angle of its position; sign -1: back. */
static void turn(const struct work *w, float sign, struct part from, struct part to)
{
    size_t half = w->width / 2;
    for (size_t row = 0; row < w->length; row++)
        for (size_t i = 0; i < half; i++) {
            const float *pair = from.at + row * from.line + 2 * i;
            float a = pair[0], b = pair[1], c = w->cosine[row * half + i], s = sign * w->sine[row * half + i];
            to.at[row * to.line + 2 * i] = a * c - b * s;
            to.at[row * to.line + 2 * i + 1] = a * s + b * c;
        }
}

static void find_angles(const struct work *w)
{
    for (size_t i = 0; w->cosine && i < w->width / 2; i++) {
        double rate = pow(10000.0, -2.0 * (double)i / (double)w->width);
        for (size_t s = 0; s < w->positions; s++) {
            w->cosine[s * (w->width / 2) + i] = (float)cos((double)s * rate);
            w->sine[s * (w->width / 2) + i] = (float)sin((double)s * rate);
        }
    }
}

/* Where head h of sample n begins in y, and in part i of x or dx. */
static size_t offset(const struct work *w, size_t n, size_t h, size_t line)
{
    return n * w->positions * line + h * w->width;
}

static struct part part_of(const struct work *w, const void *const *place, int part, size_t n, size_t h)
{
    const float *x = nl_attention_part(w->op, place, part, sizeof *x);
    size_t line = nl_attention_line(w->op);
    return (struct part){(float *)(uintptr_t)x + offset(w, n, h, line), line};
}

/* Queries, keys and values of a head; and, of backward, where their gradients go. */
static void open_head(struct work *w, size_t n, size_t h, bool back)
{
    for (int part = Q; part <= V; part++) {
        w->of[part] = part_of(w, w->op->x, part, n, h);
        if (back)
            w->gradient[part] = part_of(w, (const void *const *)w->op->dx, part, n, h);
        if (w->cosine && part != V) {
            struct part turned = {w->turned[part], w->width};
            turn(w, 1, w->of[part], turned);
            w->of[part] = turned;
        }
    }
}

/* Positions that do not count, from `first` on. */
static void clear_rows(const struct work *w, float *x, size_t first, size_t line)
{
    for (size_t s = first; s < w->positions; s++)
        memset(x + s * line, 0, w->width * sizeof *x);
}

/* ---- a tile ---- */

/* Queries [first, first + count) and the keys [0, reach) that one of them attends to; query i attends to those up to
 * `open` + i. */
struct tile {
    size_t first, count, reach, open;
};

static struct tile tile_at(const struct work *w, size_t first)
{
    size_t count = w->length - first < TILE ? w->length - first : TILE;
    bool causal = w->op->causal;
    return (struct tile){first, count, causal ? first + count : w->length, causal ? first : w->length};
}

/* The tile's rows, as columns. */
static void lay_across(const struct work *w, const struct tile *tile, const float *rows, size_t line)
{
    if (tile->count < TILE)
        memset(w->across, 0, TILE * w->width * sizeof *w->across);
    nl_cpu_transpose(tile->count, w->width, rows, line, w->across, TILE);
}

/* p (reach, TILE) = the head's rows times what lies across. */
static void times_across(const struct work *w, const struct tile *tile, struct part rows, float *p)
{
    nl_gemm_parts(&(struct nl_gemm_parts){.m = tile->reach,
                                          .n = TILE,
                                          .k = w->width,
                                          .a = rows.at,
                                          .a_row = rows.line,
                                          .a_step = 1,
                                          .b = w->across,
                                          .b_step = TILE,
                                          .c = p,
                                          .c_step = TILE});
}

/* to (count, D) = p' rows: what the tile's queries take of the head's rows. */
static void gather(const struct work *w, const struct tile *tile, const float *p, struct part rows, float *to,
                   size_t line)
{
    nl_gemm_parts(&(struct nl_gemm_parts){.m = tile->count,
                                          .n = w->width,
                                          .k = tile->reach,
                                          .a = p,
                                          .a_row = 1,
                                          .a_step = TILE,
                                          .b = rows.at,
                                          .b_step = rows.line,
                                          .c = to,
                                          .c_step = line});
}

/* to (reach, D) = p rows, of the tile, which is what they give to the head's rows; keys that no earlier tile reached
 * begin there. */
static void scatter(const struct work *w, const struct tile *tile, const float *p, const float *rows, size_t line,
                    struct part to)
{
    size_t before = tile->first == 0 ? 0
                    : w->op->causal  ? tile->first
                                     : tile->reach,
           begins[] = {0, before, tile->reach};
    for (int fresh = 0; fresh < 2; fresh++)
        nl_gemm_parts(&(struct nl_gemm_parts){.m = begins[fresh + 1] - begins[fresh],
                                              .n = w->width,
                                              .k = tile->count,
                                              .a = p + begins[fresh] * TILE,
                                              .a_row = TILE,
                                              .a_step = 1,
                                              .b = rows,
                                              .b_step = line,
                                              .c = to.at + begins[fresh] * to.line,
                                              .c_step = to.line,
                                              .add = !fresh});
}

/* p = k q' */
static void find_scores(const struct work *w, const struct tile *tile)
{
    lay_across(w, tile, w->of[Q].at + tile->first * w->of[Q].line, w->of[Q].line);
    scale(TILE * w->width, w->scale, w->across);
    times_across(w, tile, w->of[K], w->p);
}

/* Draws what is dropped of the tile's weights. */
static bool drops(const struct work *w, const struct tile *tile, size_t n, size_t h)
{
    const struct nl_attention *op = w->op;
    const struct nl_hyper *hyper = op->hyper;
    const uint32_t *key = op->key;
    double p = op->drops && nl_is_step(w->run->statistics) ? nl_override_or(op->p, hyper->dropout) : 0;
    if (!(p > 0))
        return false;
    uint64_t threshold = nl_cpu_dropout_threshold(p), bits[TILE];
    uint64_t before = nl_elements_before(w->run, (size_t)op->heads * w->positions * w->positions) +
                      (n * (size_t)op->heads + h) * w->positions * w->positions;
    float scale = (float)(1.0 / (1.0 - p));
    memset(w->kept, 0, tile->reach * TILE * sizeof *w->kept);
    for (size_t t = 0; t < tile->count; t++)
        for (size_t s = 0; s < tile->reach; s += TILE) {
            size_t drawn = tile->reach - s < TILE ? tile->reach - s : TILE;
            nl_stream_bits_from((struct nl_stream){{key[0], key[1]}}, (uint64_t)w->run->step,
                                before + (tile->first + t) * w->positions + s, (int32_t)drawn, bits);
            for (size_t i = 0; i < drawn; i++)
                w->kept[(s + i) * TILE + t] = bits[i] >> 11 >= threshold ? scale : 0.0f;
        }
    return true;
}

static void tile_forward(const struct work *w, const struct tile *tile, size_t n, size_t h)
{
    size_t channels = (size_t)w->op->channels;
    float *y = (float *)w->op->y + offset(w, n, h, channels) + tile->first * channels, inverse[TILE];
    double *kept_sums = w->op->log_sum, log_sum[TILE];
    find_scores(w, tile);
    soften(tile->reach, tile->open, w->p, inverse, log_sum);
    if (drops(w, tile, n, h))
        multiply(tile->reach * TILE, w->p, w->kept, w->p);
    gather(w, tile, w->p, w->of[V], y, channels);
    for (size_t t = 0; t < tile->count; t++)
        scale(w->width, inverse[t], y + t * channels);
    if (kept_sums)
        memcpy(kept_sums + (n * (size_t)w->op->heads + h) * w->positions + tile->first, log_sum,
               tile->count * sizeof *log_sum);
}

static void tile_backward(const struct work *w, const struct tile *tile, size_t n, size_t h)
{
    size_t channels = (size_t)w->op->channels, reach = tile->reach;
    const float *dy = (const float *)w->op->dy + offset(w, n, h, channels) + tile->first * channels;
    const double *kept_sums =
        (const double *)w->op->log_sum + (n * (size_t)w->op->heads + h) * w->positions + tile->first;
    struct part q = w->of[Q], dq = w->gradient[Q];
    double log_sum[TILE] = {0};
    memcpy(log_sum, kept_sums, tile->count * sizeof *log_sum);
    find_scores(w, tile);
    soften_again(reach, tile->open, w->p, log_sum);
    lay_across(w, tile, dy, channels);
    times_across(w, tile, w->of[V], w->dp);
    bool dropped = drops(w, tile, n, h);
    if (dropped) {
        multiply(reach * TILE, w->dp, w->kept, w->dp);
        multiply(reach * TILE, w->p, w->kept, w->kept);
    }
    scatter(w, tile, dropped ? w->kept : w->p, dy, channels, w->gradient[V]);
    soften_back(reach, w->scale, w->p, w->dp);
    scatter(w, tile, w->dp, q.at + tile->first * q.line, q.line, w->gradient[K]);
    gather(w, tile, w->dp, w->of[K], dq.at + tile->first * dq.line, dq.line);
}

/* ---- heads ---- */

static void head_forward(struct work *w, size_t n, size_t h)
{
    size_t channels = (size_t)w->op->channels;
    open_head(w, n, h, false);
    for (size_t first = 0; first < w->length; first += TILE) {
        struct tile tile = tile_at(w, first);
        tile_forward(w, &tile, n, h);
    }
    clear_rows(w, (float *)w->op->y + offset(w, n, h, channels), w->length, channels);
}

static void head_backward(struct work *w, size_t n, size_t h)
{
    open_head(w, n, h, true);
    for (size_t first = 0; first < w->length; first += TILE) {
        struct tile tile = tile_at(w, first);
        tile_backward(w, &tile, n, h);
    }
    for (int part = Q; part <= V; part++) {
        if (w->cosine && part != V)
            turn(w, -1, w->gradient[part], w->gradient[part]);
        clear_rows(w, w->gradient[part].at, w->length, w->gradient[part].line);
    }
}

/* Room for `count` floats; NULL where `room` is, whose size is being asked for. */
static float *take(float **room, size_t *used, size_t count)
{
    float *place = *room ? *room + *used : NULL;
    *used += (count + NL_LANES - 1) / NL_LANES * NL_LANES;
    return place;
}

/* Floats of all of w's arrays, which begin at `room`, if that is not NULL. */
static size_t lay_out(struct work *w, float *room)
{
    const struct nl_attention *op = w->op;
    size_t used = 0, all = w->positions * w->width;
    for (int part = Q; part <= K; part++)
        w->turned[part] = op->rotary ? take(&room, &used, all) : NULL;
    w->across = take(&room, &used, TILE * w->width);
    w->p = take(&room, &used, w->positions * TILE);
    w->dp = take(&room, &used, w->positions * TILE);
    w->kept = op->drops ? take(&room, &used, w->positions * TILE) : NULL;
    w->cosine = op->rotary ? take(&room, &used, all / 2) : NULL;
    w->sine = op->rotary ? take(&room, &used, all / 2) : NULL;
    return used;
}

/* All heads of the run's samples, from `first` on. */
static void each_head(const struct nl_run *run, const struct nl_attention *op, size_t first,
                      void (*body)(struct work *w, size_t n, size_t h))
{
    struct work w = {
        .run = run, .op = op, .positions = (size_t)op->positions, .width = (size_t)op->channels / (size_t)op->heads};
    w.scale = (float)(1.0 / sqrt((double)w.width));
    lay_out(&w, nl_cpu_scratch(lay_out(&w, NULL) * sizeof(float)));
    find_angles(&w);
    for (size_t n = first; n < first + (size_t)run->samples; n++) {
        w.length = (size_t)nl_length_of(op->lengths, (int)n, op->positions);
        for (size_t h = 0; h < (size_t)op->heads; h++)
            body(&w, n, h);
    }
}

static void forward_samples(const struct nl_run *run, const void *op, size_t first)
{
    each_head(run, op, first, head_forward);
}

static void backward_samples(const struct nl_run *run, const void *op, size_t first)
{
    each_head(run, op, first, head_backward);
}

/* How many bytes take as long to go through as a sample's products. */
static size_t effort(const struct nl_attention *op)
{
    return 2 * (size_t)op->positions * (size_t)op->positions * (size_t)op->channels;
}

static void attention_forward(const struct nl_run *run, const void *arguments)
{
    nl_cpu_share_samples(run, arguments, effort(arguments), forward_samples);
}

static void attention_backward(const struct nl_run *run, const void *arguments)
{
    nl_cpu_share_samples(run, arguments, effort(arguments), backward_samples);
}

NL_CPU_KERNEL(attention) = {.forward = attention_forward, .backward = attention_backward};
