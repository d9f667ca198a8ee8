/* Attention: a warp a query, and in backward one a key. Lanes are keys (queries) while weights are found, and channels
 * while they are summed over, 32 of the others at a time. What is turned by its position is turned once, in scratch
 * memory.
 *
 * Weights are made from scores each time they are needed: none is in memory. */
#include "backend/cuda/cuda.h"
#include "operation/attention.h"

enum { WARP = 32, WARPS = 4 /* of a block */, MOST_WIDTH = 256 /* channels of a head */, EACH = MOST_WIDTH / WARP };

/* What the kernels of a call share. q and k: as they are multiplied, from one replica to the next `turned_stride`, else
 * as x. */
struct call {
    struct nl_attention op;
    const float *q, *k, *v;
    size_t stride, turned_stride, turned_line, line;
    int samples, width;
    float scale;
    float *mean;               /* (R, N, heads, S) in scratch memory: sum of P dP of each query */
    bool drops;
    uint64_t before;
    const struct nl_cuda_moment *now;
};

/* Head h of sample n, in this block's replica. */
struct head {
    const float *q, *k, *v;
    size_t number;             /* n heads + h */
    int length;
    double p;                  /* of dropout; 0: none */
    struct nl_stream stream;
};

static __device__ struct head head_of(const struct call &call, unsigned number)
{
    const struct nl_attention &op = call.op;
    unsigned n = number / op.heads, h = number % op.heads;
    size_t turned = (size_t)n * op.positions * call.turned_line + (size_t)h * call.width;
    struct head head = {};
    head.q = nl_at(call.q, call.turned_stride) + turned;
    head.k = nl_at(call.k, call.turned_stride) + turned;
    head.v = nl_at(call.v, call.stride) + (size_t)n * op.positions * call.line + (size_t)h * call.width;
    head.number = number;
    head.length = nl_length_of(nl_at(op.lengths, call.stride), (int)n, op.positions);
    if (call.drops) {
        const uint32_t *key = nl_at(op.key, call.stride);
        head.stream.key[0] = key[0], head.stream.key[1] = key[1];
        head.p = nl_override_or(op.p, nl_at(op.hyper, call.stride)->dropout);
    }
    return head;
}

/* By what the weight of key s is multiplied for query t. */
static __device__ float kept_of(const struct call &call, const struct head &head, int t, int s)
{
    if (!(head.p > 0))
        return 1.0f;
    uint64_t element =
        call.before + (head.number * (size_t)call.op.positions + (size_t)t) * (size_t)call.op.positions + (size_t)s;
    return nl_stream_uniform(head.stream, (uint64_t)call.now->step, element) >= head.p ? (float)(1.0 / (1.0 - head.p))
                                                                                       : 0.0f;
}

static __device__ float dot(int width, const float *a, const float *b)
{
    float sum = 0.0f;
    for (int c = 0; c < width; c++)
        sum += a[c] * b[c];
    return sum;
}

/* sum[.] += weight of each lane times that lane's row: rows first .. of x. */
static __device__ void add_rows(int width, int first, int end, float weight, const float *x, size_t line, float *sum)
{
    int lane = threadIdx.x % WARP;
    for (int j = 0; j < WARP && first + j < end; j++) {
        float w = __shfl_sync(0xffffffffu, weight, j);
        for (int i = 0; i < EACH && i * WARP + lane < width; i++)
            sum[i] += w * x[(size_t)(first + j) * line + i * WARP + lane];
    }
}

static __device__ void store_row(int width, const float *sum, float factor, float *to)
{
    int lane = threadIdx.x % WARP;
    for (int i = 0; i < EACH && i * WARP + lane < width; i++)
        to[i * WARP + lane] = factor * sum[i];
}

/* The warp's query or key, of all heads and samples; -1: none is left. */
static __device__ int row_of(const struct call &call, unsigned *number)
{
    size_t row = (size_t)blockIdx.x * WARPS + threadIdx.x / WARP;
    *number = (unsigned)(row / call.op.positions);
    return *number < (unsigned)(call.samples * call.op.heads) ? (int)(row % call.op.positions) : -1;
}

static __device__ double warp_largest(double value)
{
    for (int offset = WARP / 2; offset > 0; offset /= 2)
        value = fmax(value, __shfl_xor_sync(0xffffffffu, value, offset));
    return value;
}

static __global__ void attention_forward(struct call call)
{
    const struct nl_attention &op = call.op;
    unsigned number;
    int t = row_of(call, &number), lane = threadIdx.x % WARP;
    if (t < 0)
        return;
    struct head head = head_of(call, number);
    int reach = nl_attention_reach(&op, t, head.length);
    const float *q = head.q + (size_t)t * call.turned_line;
    double largest = -INFINITY, sum = 0.0;
    float y[EACH] = {0.0f};
    for (int s = lane; s < reach; s += WARP)
        largest = fmax(largest, (double)(call.scale * dot(call.width, q, head.k + (size_t)s * call.turned_line)));
    largest = warp_largest(largest);
    for (int first = 0; first < reach; first += WARP) {
        int s = first + lane;
        float e = s < reach
                      ? expf(call.scale * dot(call.width, q, head.k + (size_t)s * call.turned_line) - (float)largest)
                      : 0.0f;
        sum += e;
        add_rows(call.width, first, reach, s < reach ? e * kept_of(call, head, t, s) : 0.0f, head.v, call.line, y);
    }
    sum = nl_warp_sum(sum);
    size_t n = number / op.heads, h = number % op.heads;
    store_row(call.width, y, reach > 0 ? (float)(1.0 / sum) : 0.0f,
              (float *)nl_at(op.y, call.stride) + (n * op.positions + t) * op.channels + h * call.width);
    if (lane == 0 && op.log_sum)
        ((double *)nl_at(op.log_sum, call.stride))[head.number * op.positions + t] = log(sum) + largest;
}

/* A weight and the gradient of its score but for `scale`: q and k of the score, dy and v of its gradient. */
struct weight {
    float p, dp;
};

static __device__ struct weight weight_of(const struct call &call, const struct head &head, const float *dy, int t,
                                          int s)
{
    double log_sum = ((const double *)nl_at(call.op.log_sum, call.stride))[head.number * call.op.positions + t];
    struct weight w;
    w.p = (float)exp((double)(call.scale * dot(call.width, head.q + (size_t)t * call.turned_line,
                                               head.k + (size_t)s * call.turned_line)) -
                     log_sum);
    w.dp = dot(call.width, dy + (size_t)t * call.op.channels, head.v + (size_t)s * call.line);
    return w;
}

static __device__ const float *dy_of(const struct call &call, unsigned number)
{
    size_t n = number / call.op.heads, h = number % call.op.heads;
    return (const float *)nl_at(call.op.dy, call.stride) + n * call.op.positions * call.op.channels + h * call.width;
}

/* Where the gradient of part i begins, of a head. */
static __device__ float *gradient_of(const struct call &call, unsigned number, int part)
{
    size_t n = number / call.op.heads, h = number % call.op.heads;
    float *dx = call.op.x[1] ? (float *)call.op.dx[part] : (float *)call.op.dx[0] + (size_t)part * call.op.channels;
    return nl_at(dx, call.stride) + n * call.op.positions * call.line + h * call.width;
}

static __global__ void attention_queries(struct call call)
{
    const struct nl_attention &op = call.op;
    unsigned number;
    int t = row_of(call, &number), lane = threadIdx.x % WARP;
    if (t < 0)
        return;
    struct head head = head_of(call, number);
    int reach = nl_attention_reach(&op, t, head.length);
    const float *dy = dy_of(call, number);
    float mean = 0.0f, dq[EACH] = {0.0f};
    for (int s = lane; s < reach; s += WARP) {
        struct weight w = weight_of(call, head, dy, t, s);
        mean += w.p * w.dp * kept_of(call, head, t, s);
    }
    mean = nl_warp_sum(mean);
    for (int first = 0; first < reach; first += WARP) {
        int s = first + lane;
        float dz = 0.0f;
        if (s < reach) {
            struct weight w = weight_of(call, head, dy, t, s);
            dz = w.p * (w.dp * kept_of(call, head, t, s) - mean);
        }
        add_rows(call.width, first, reach, dz, head.k, call.turned_line, dq);
    }
    store_row(call.width, dq, call.scale, gradient_of(call, number, NL_ATTENTION_Q) + (size_t)t * call.line);
    if (lane == 0)
        call.mean[((size_t)blockIdx.z * call.samples * op.heads + head.number) * op.positions + t] = mean;
}

static __global__ void attention_keys(struct call call)
{
    const struct nl_attention &op = call.op;
    unsigned number;
    int s = row_of(call, &number), lane = threadIdx.x % WARP;
    if (s < 0)
        return;
    struct head head = head_of(call, number);
    const float *dy = dy_of(call, number),
                *mean = call.mean + ((size_t)blockIdx.z * call.samples * op.heads + head.number) * op.positions;
    int begin = op.causal ? s / WARP * WARP : 0, end = s < head.length ? head.length : 0;
    float dk[EACH] = {0.0f}, dv[EACH] = {0.0f};
    for (int first = begin; first < end; first += WARP) {
        int t = first + lane;
        float dz = 0.0f, p = 0.0f;
        if (t < end && (!op.causal || t >= s)) {
            struct weight w = weight_of(call, head, dy, t, s);
            float kept = kept_of(call, head, t, s);
            p = w.p * kept;
            dz = w.p * (w.dp * kept - mean[t]);
        }
        add_rows(call.width, first, end, dz, head.q, call.turned_line, dk);
        add_rows(call.width, first, end, p, dy, op.channels, dv);
    }
    store_row(call.width, dk, call.scale, gradient_of(call, number, NL_ATTENTION_K) + (size_t)s * call.line);
    store_row(call.width, dv, 1.0f, gradient_of(call, number, NL_ATTENTION_V) + (size_t)s * call.line);
}

/* Turns each pair of channels of x(rows, C) by the angle of its position, into `to`; way -1: back. A thread a pair. */
static __global__ void turn(const float *x, size_t x_stride, size_t x_line, float *to, size_t to_stride, size_t to_line,
                            int rows, int positions, int channels, int width, double way)
{
    size_t at = nl_element(), half = (size_t)channels / 2;
    if (at >= (size_t)rows * half)
        return;
    size_t row = at / half, c = 2 * (at % half);
    double angle = way * (double)(row % positions) * pow(10000.0, -(double)(c % width) / width);
    float cosine = (float)cos(angle), sine = (float)sin(angle);
    const float *from = nl_at(x, x_stride) + row * x_line + c;
    float *pair = nl_at(to, to_stride) + row * to_line + c, a = from[0], b = from[1];
    pair[0] = a * cosine - b * sine;
    pair[1] = a * sine + b * cosine;
}

static void launch_turn(const struct nl_run *run, const struct call *call, const float *x, size_t x_stride,
                        size_t x_line, float *to, size_t to_stride, size_t to_line, double way)
{
    int rows = call->samples * call->op.positions;
    NL_LAUNCH(turn, nl_grid_over(run, (size_t)rows * call->op.channels / 2), NL_THREADS, x, x_stride, x_line, to,
              to_stride, to_line, rows, call->op.positions, call->op.channels, call->width, way);
}

/* What the kernels share; q and k turned, if they are, in scratch memory. */
static struct call call_of(const struct nl_run *run, const struct nl_attention *op)
{
    struct call call = {};
    const float *part[3];
    size_t count = (size_t)run->samples * op->positions * op->channels,
           means = (size_t)run->samples * op->heads * op->positions;
    for (int i = 0; i < 3; i++)
        part[i] = (const float *)nl_attention_part(op, op->x, i, sizeof(float));
    call.op = *op;
    call.samples = run->samples;
    call.width = op->channels / op->heads;
    call.scale = 1.0f / sqrtf((float)call.width);
    call.stride = call.turned_stride = run->stride;
    call.line = call.turned_line = nl_attention_line(op);
    call.q = part[0], call.k = part[1], call.v = part[2];
    call.drops = op->drops && nl_is_step(run->statistics);
    call.before = nl_elements_before(run, (size_t)op->heads * op->positions * op->positions);
    call.now = nl_cuda_now(run, NULL);
    float *scratch =
        (float *)nl_cuda_scratch((size_t)run->replicas * (means + (op->rotary ? 2 * count : 0)) * sizeof(float));
    if (!scratch)
        return call;
    call.mean = scratch;
    if (op->rotary) {
        float *turned = scratch + (size_t)run->replicas * means;
        call.turned_line = 2 * (size_t)op->channels;
        call.turned_stride = 2 * count * sizeof(float);
        call.q = turned, call.k = turned + op->channels;
        for (int i = 0; i < 2; i++)
            launch_turn(run, &call, part[i], run->stride, call.line, turned + (size_t)i * op->channels,
                        call.turned_stride, call.turned_line, 1);
    }
    return call;
}

static dim3 grid_of(const struct nl_run *run, const struct nl_attention *op)
{
    return dim3(nl_blocks((size_t)run->samples * op->heads * op->positions, WARPS), 1, (unsigned)run->replicas);
}

static void launch_attention_forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_attention *op = (const struct nl_attention *)arguments;
    struct call call = call_of(run, op);
    NL_LAUNCH(attention_forward, grid_of(run, op), WARPS * WARP, call);
}

static void launch_attention_backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_attention *op = (const struct nl_attention *)arguments;
    struct call call = call_of(run, op);
    NL_LAUNCH(attention_queries, grid_of(run, op), WARPS * WARP, call);
    NL_LAUNCH(attention_keys, grid_of(run, op), WARPS * WARP, call);
    for (int i = 0; i < 2 && op->rotary; i++) {
        float *dx = op->x[1] ? (float *)op->dx[i] : (float *)op->dx[0] + (size_t)i * op->channels;
        launch_turn(run, &call, dx, run->stride, call.line, dx, run->stride, call.line, -1);
    }
}

static bool suits(const void *arguments)
{
    const struct nl_attention *op = (const struct nl_attention *)arguments;
    return op->channels / op->heads <= MOST_WIDTH;
}

NL_CUDA_KERNEL(attention, suits, launch_attention_forward, launch_attention_backward);
