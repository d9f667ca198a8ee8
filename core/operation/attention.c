/* Multi-head attention. */
#include "operation/attention.h"

#include <stdlib.h>

#include "base/memory.h"
#include "operation/describe.h"
#include "operation/reference.h"

enum { Q = NL_ATTENTION_Q, K = NL_ATTENTION_K, V = NL_ATTENTION_V, LENGTHS = NL_ATTENTION_LENGTHS };

static int declare(void *arguments, const struct nl_extent *in, struct nl_declaration *d, struct nl_error *err)
{
    struct nl_attention *attention = arguments;
    bool one = in[K].channels == 0;
    struct nl_extent out = in[one ? Q : V];
    out.channels /= one ? 3 : 1;
    attention->positions = nl_positions(out), attention->channels = out.channels;
    int width = out.channels / attention->heads;
    if (nl_elements(in[Q]) != nl_elements(out) * (one ? 3 : 1) || (!one && nl_elements(in[K]) != nl_elements(out)))
        return nl_fail(err, "queries, keys and values have not as many numbers as one another");
    if (out.channels % attention->heads)
        return nl_fail(err, "%d channels are not split into %d heads", out.channels, attention->heads);
    if (attention->rotary && width % 2)
        return nl_fail(err, "rotary positions need an even number of channels in each head, not %d", width);
    d->output[d->outputs++] = out;
    if (attention->drops)
        nl_declare_state(d,
                         (struct nl_tensor_spec){
                             .name = "key", .role = NL_STREAM_KEY, .type = NL_TENSOR_UINT32, .dims = 1, .shape = {2}});
    return NL_OK;
}

static struct nl_reads reads(const void *arguments, unsigned filled)
{
    (void)arguments;
    return (struct nl_reads){.inputs = filled};
}

static size_t saved_bytes(const void *arguments, int number, int samples, size_t statistic)
{
    const struct nl_attention *attention = arguments;
    (void)number;
    return (size_t)samples * (size_t)attention->heads * (size_t)attention->positions * statistic;
}

static double work(const void *arguments)
{
    const struct nl_attention *attention = arguments;
    return (attention->causal ? 1.0 : 2.0) * attention->positions * attention->positions * attention->channels;
}

/* ---- the reference ---- */

/* A head of a sample: its q, k and v (S, D), q and k turned, and what belongs to one query. */
struct head {
    int positions, width, length;
    accumulator *of[3], *gradient[3];
    accumulator *p, *dp; /* (S) */
    double *kept;        /* (S) 1 / (1 - p), 0 where P is dropped; else 1 */
};

static struct head head_make(const struct nl_attention *op)
{
    struct head head = {.positions = op->positions, .width = op->channels / op->heads};
    size_t count = (size_t)head.positions * (size_t)head.width;
    for (int i = 0; i < 3; i++) {
        head.of[i] = nl_alloc(count, sizeof(accumulator));
        head.gradient[i] = nl_alloc(count, sizeof(accumulator));
    }
    head.p = nl_alloc((size_t)head.positions, sizeof(accumulator));
    head.dp = nl_alloc((size_t)head.positions, sizeof(accumulator));
    head.kept = nl_alloc((size_t)head.positions, sizeof(double));
    return head;
}

static void head_free(struct head *head)
{
    for (int i = 0; i < 3; i++) {
        free(head->of[i]);
        free(head->gradient[i]);
    }
    free(head->p);
    free(head->dp);
    free(head->kept);
}

/* Every pair of channels is turned by its angle, or back (sign -1). */
static void turn(const struct head *head, double sign, accumulator *x)
{
    for (int s = 0; s < head->positions; s++)
        for (int i = 0; i < head->width; i += 2) {
            double angle = sign * s * pow(10000.0, -(double)i / head->width);
            accumulator *pair = x + (size_t)s * head->width + i, a = pair[0], b = pair[1];
            pair[0] = a * cos(angle) - b * sin(angle);
            pair[1] = a * sin(angle) + b * cos(angle);
        }
}

/* Where the numbers of head h of sample n begin in part i of x or dx. */
static size_t offset(const struct nl_attention *op, int n, int h)
{
    return (size_t)n * op->positions * nl_attention_line(op) + (size_t)h * (op->channels / op->heads);
}

static void load(const struct nl_attention *op, int n, int h, struct head *head)
{
    head->length = nl_length_of(op->lengths, n, op->positions);
    for (int i = 0; i < 3; i++) {
        const real *x = (const real *)nl_attention_part(op, op->x, i, sizeof(real)) + offset(op, n, h);
        for (int s = 0; s < head->positions; s++)
            for (int c = 0; c < head->width; c++)
                head->of[i][s * head->width + c] = x[s * nl_attention_line(op) + c];
        if (op->rotary && i != V)
            turn(head, 1, head->of[i]);
    }
}

static void store(const struct nl_attention *op, int n, int h, const struct head *head)
{
    for (int i = 0; i < 3; i++) {
        real *dx = (real *)nl_attention_part(op, (const void *const *)op->dx, i, sizeof(real)) + offset(op, n, h);
        if (op->rotary && i != V)
            turn(head, -1, head->gradient[i]);
        for (int s = 0; s < head->positions; s++)
            for (int c = 0; c < head->width; c++)
                dx[s * nl_attention_line(op) + c] = head->gradient[i][s * head->width + c];
    }
}

/* By what query t's weights are multiplied. */
static void drop(const struct nl_run *run, const struct nl_attention *op, int n, int h, int t, struct head *head)
{
    const struct nl_hyper *hyper = op->hyper;
    const uint32_t *key = op->key;
    double p = op->drops && nl_is_step(run->statistics) ? nl_override_or(op->p, hyper->dropout) : 0;
    size_t positions = (size_t)op->positions;
    uint64_t before = nl_elements_before(run, (size_t)op->heads * positions * positions) +
                      (((size_t)n * op->heads + h) * positions + t) * positions;
    for (int s = 0; s < op->positions; s++) {
        head->kept[s] = 1;
        if (p > 0)
            head->kept[s] =
                nl_stream_uniform((struct nl_stream){{key[0], key[1]}}, (uint64_t)run->step, before + (uint64_t)s) >= p
                    ? 1 / (1 - p)
                    : 0;
    }
}

static accumulator dot(int width, const accumulator *a, const accumulator *b)
{
    accumulator sum = 0;
    for (int c = 0; c < width; c++)
        sum += a[c] * b[c];
    return sum;
}

/* P[t, s] for s below `reach`, into p; returns the largest score. */
static accumulator attend(const struct head *head, int t, int reach)
{
    accumulator largest = -INFINITY, sum = 0;
    for (int s = 0; s < reach; s++) {
        head->p[s] =
            dot(head->width, head->of[Q] + t * head->width, head->of[K] + s * head->width) / sqrt((double)head->width);
        largest = real_part(head->p[s]) > real_part(largest) ? head->p[s] : largest;
    }
    for (int s = 0; s < reach; s++)
        sum += exp(head->p[s] - largest);
    for (int s = 0; s < reach; s++)
        head->p[s] = exp(head->p[s] - largest) / sum;
    return largest;
}

static void show(struct nl_viewer *viewer, const struct head *head, int reach, accumulator largest)
{
    double entropy = 0;
    for (int s = 0; s < reach; s++) {
        double p = real_part(head->p[s]);
        entropy -= p > 0 ? p * log(p) : 0;
    }
    if (reach > 0)
        viewer->attend(viewer, entropy, real_part(largest));
}

static void forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_attention *op = arguments;
    struct head head = head_make(op);
    int heads = op->heads, positions = op->positions, width = head.width;
    for (int at = 0; at < run->samples * heads; at++) {
        int n = at / heads, h = at % heads;
        real *y = (real *)op->y + (size_t)n * positions * op->channels + (size_t)h * width;
        load(op, n, h, &head);
        for (int t = 0; t < positions; t++) {
            int reach = nl_attention_reach(op, t, head.length);
            accumulator largest = attend(&head, t, reach);
            if (run->viewer)
                show(run->viewer, &head, reach, largest);
            drop(run, op, n, h, t, &head);
            for (int c = 0; c < width; c++) {
                accumulator sum = 0;
                for (int s = 0; s < reach; s++)
                    sum += head.p[s] * head.kept[s] * head.of[V][s * width + c];
                y[(size_t)t * op->channels + c] = sum;
            }
        }
    }
    head_free(&head);
}

/* What query t adds to the gradients. */
static void attend_back(const struct head *head, const real *dy, int t, int reach)
{
    int width = head->width;
    accumulator mean = 0;
    for (int s = 0; s < reach; s++) {
        head->dp[s] = 0;
        for (int c = 0; c < width; c++) {
            head->dp[s] += head->kept[s] * dy[c] * head->of[V][s * width + c];
            head->gradient[V][s * width + c] += head->p[s] * head->kept[s] * dy[c];
        }
        mean += head->p[s] * head->dp[s];
    }
    for (int s = 0; s < reach; s++) {
        accumulator score = head->p[s] * (head->dp[s] - mean) / sqrt((double)width);
        for (int c = 0; c < width; c++) {
            head->gradient[Q][t * width + c] += score * head->of[K][s * width + c];
            head->gradient[K][s * width + c] += score * head->of[Q][t * width + c];
        }
    }
}

static void backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_attention *op = arguments;
    struct head head = head_make(op);
    int heads = op->heads, positions = op->positions, width = head.width;
    for (int at = 0; at < run->samples * heads; at++) {
        int n = at / heads, h = at % heads;
        const real *dy = (const real *)op->dy + (size_t)n * positions * op->channels + (size_t)h * width;
        load(op, n, h, &head);
        for (int i = 0; i < 3; i++)
            for (int e = 0; e < positions * width; e++)
                head.gradient[i][e] = 0;
        for (int t = 0; t < positions; t++) {
            int reach = nl_attention_reach(op, t, head.length);
            attend(&head, t, reach);
            drop(run, op, n, h, t, &head);
            attend_back(&head, dy + (size_t)t * op->channels, t, reach);
        }
        store(op, n, h, &head);
    }
    head_free(&head);
}

NL_KERNEL(attention) = {.forward = forward, .backward = backward};

static void describe(const void *arguments, struct nl_text *json)
{
    const struct nl_attention *op = arguments;
    nl_json_member_number(json, "heads", op->heads);
    nl_json_member_number(json, "causal", op->causal);
    nl_json_member_number(json, "rotary", op->rotary);
    nl_json_member_number(json, "drops", op->drops);
    nl_describe_override(json, "p", op->p);
}

NL_OPERATION(attention) = {
    .name = "attention",
    .arguments = sizeof(struct nl_attention),
    .span = NL_SPAN_SAMPLE,
    .slots = NL_ATTENTION_SLOTS,
    .saved = 1,
    .takes_int32 = 1u << LENGTHS,
    .lengths = LENGTHS,
    .declare = declare,
    .bound = {NL_BOUND(nl_attention, x, in[Q], 3), NL_BOUND(nl_attention, lengths, in[LENGTHS], 1),
              NL_BOUND(nl_attention, key, state[0], 1), NL_BOUND(nl_attention, hyper, hyper, 1),
              NL_BOUND(nl_attention, y, out[0], 1), NL_BOUND(nl_attention, log_sum, saved[0], 1),
              NL_BOUND(nl_attention, dy, d_out[0], 1), NL_BOUND(nl_attention, dx, d_in[Q], 3)},
    .reads = reads,
    .saved_bytes = saved_bytes,
    .work = work,
    .describe = describe,
    .reference = NL_REFERENCES(attention),
};
