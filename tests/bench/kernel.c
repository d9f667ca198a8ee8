/* Times one kernel of the backend:
 *
 *     kernel KIND SAMPLES SIZE CHANNELS forward|backward     a normalizer with the ReLU after it, images SIZE x SIZE
 *     kernel conv SAMPLES SIZE CHANNELS forward|dx|dw        a 3x3 convolution, as many channels out as in; dx: what it
 * adds to dw
 *
 *     ... traffic                                            the bytes that the normalizer moves, see move; it answers
 * with the normalizer's numbers
 *     ... direct                                             a convolution under device.conv: direct
 *     ... cuda                                               the same on the first GPU
 *
 * It answers as answer.h tells; its numbers are the first of what the kernel makes.
 */
#include "answer.h"

#include <string.h>

#include "backend/backend.h"
#include "base/clones.h"
#include "base/memory.h"
#include "operation/conv.h"
#include "operation/normalize.h"

enum { GROUPS = 8, KERNEL = 3, QUEUED = 16 };

static const struct nl_backend *backend = &nl_backend_cpu;

static void *need(size_t bytes)
{
    void *memory = backend->alloc(bytes);
    if (!memory) {
        fprintf(stderr, "kernel: out of memory\n");
        exit(1);
    }
    return memory;
}

/* In the backend's memory. */
static float *placed(float *values, size_t count)
{
    float *x = need(count * sizeof *x);
    backend->upload(x, values, count * sizeof *x);
    free(values);
    return x;
}

static float *numbers(size_t count, size_t factor)
{
    float *x = nl_alloc(count, sizeof *x);
    for (size_t i = 0; i < count; i++)
        x[i] = number(i, factor);
    return placed(x, count);
}

static float *filled(size_t count, float value)
{
    float *x = nl_alloc(count, sizeof *x);
    for (size_t i = 0; i < count; i++)
        x[i] = value;
    return placed(x, count);
}

static void show_first(const float *made)
{
    float first[CHECKED];
    backend->download(first, made, sizeof first);
    show(first);
}

/* Seconds of a call. A device is handed several before it is waited for. */
struct queue {
    void (*call)(void *context);
    void *context;
};

static void call_several(void *context)
{
    struct queue *queue = context;
    struct nl_error err;
    for (int i = 0; i < QUEUED; i++)
        queue->call(queue->context);
    if (backend->status(&err) != NL_OK) {
        fprintf(stderr, "kernel: %s\n", err.text);
        exit(1);
    }
}

static double seconds_of(void (*call)(void *context), void *context, double seconds)
{
    if (!backend->status)
        return time_calls(call, context, seconds);
    return time_calls(call_several, &(struct queue){call, context}, seconds) / QUEUED;
}

struct convolution {
    const struct nl_kernel *kernel;
    const struct nl_run *run;
    struct nl_conv op;
};

struct normalization {
    const struct nl_kernel *kernel;
    const struct nl_run *run;
    struct nl_normalize op;
};

static void conv_forward(void *context)
{
    struct convolution *c = context;
    c->kernel->forward(c->run, &c->op);
}

static void conv_backward(void *context)
{
    struct convolution *c = context;
    c->kernel->backward(c->run, &c->op);
}

static void normalize_forward(void *context)
{
    struct normalization *n = context;
    n->kernel->forward(n->run, &n->op);
}

static void normalize_backward(void *context)
{
    struct normalization *n = context;
    n->kernel->backward(n->run, &n->op);
}

/* As integers: their sums have no order, so that the compiler vectorizes them. */
NL_CLONES
static uint32_t read_both(size_t count, const uint32_t *x, const uint32_t *dy)
{
    uint32_t all = 0;
    for (size_t i = 0; i < count; i++)
        all |= x[i] | dy[i];
    return all;
}

NL_CLONES
static void write_y(size_t count, const uint32_t *restrict x, uint32_t *restrict y)
{
    for (size_t i = 0; i < count; i++)
        y[i] = x[i] ^ 1; /* a mere copy would become a call of memcpy */
}

NL_CLONES
static void write_dx(size_t count, const uint32_t *restrict x, uint32_t *restrict dx)
{
    for (size_t i = 0; i < count; i++)
        dx[i] += x[i];
}

/* The bytes that a normalizer moves, without its arithmetic: of all images that share statistics, or of one, x, and of
 * the backward pass dy, once for the sums; then both again for y, or for dx in the place of dy, from what was read last
 * on. */
static void move(const struct normalization *n, bool forward)
{
    enum { STRETCH = 4096 };
    const struct nl_normalize *op = &n->op;
    size_t image = (size_t)(op->setup.positions * op->setup.channels), all = (size_t)op->setup.samples * image;
    size_t set = (size_t)op->norm->partition(&op->setup).samples * image;
    for (size_t first = 0; first < all; first += set) {
        const uint32_t *x = (const uint32_t *)op->x + first;
        uint32_t *y = (uint32_t *)op->y + first, *dx = (uint32_t *)op->dx + first;
        volatile uint32_t sink = read_both(set, x, forward ? x : dx);
        (void)sink;
        for (size_t left = set, some; left > 0; left -= some) {
            some = left < STRETCH ? left : STRETCH;
            size_t at = left - some;
            if (forward)
                write_y(some, x + at, y + at);
            else
                write_dx(some, x + at, dx + at);
        }
    }
}

static void move_forward(void *context)
{
    move(context, true);
}

static void move_backward(void *context)
{
    move(context, false);
}

static void convolve(const struct nl_run *run, int size, int channels, const char *way,
                     enum nl_conv_algorithm algorithm)
{
    size_t count = (size_t)run->samples * (size_t)(size * size * channels),
           weights = (size_t)(KERNEL * KERNEL * channels * channels);
    struct convolution both = {
        .run = run,
        .op = {.height = size,
               .width = size,
               .in = channels,
               .out_height = size,
               .out_width = size,
               .out = channels,
               .kernel = KERNEL,
               .stride = 1,
               .dilation = 1,
               .pad = KERNEL / 2,
               .algorithm = algorithm,
               .x = numbers(count, FACTOR_X),
               .w = numbers(weights, FACTOR_W),
               .y = filled(count, 0),
               .dy = numbers(count, FACTOR_DY),
               .dx = filled(count, 0),
               .dw = filled(weights, 0)},
    };
    both.kernel = nl_kernel_of(backend, &nl_conv_operation, &both.op);
    struct convolution dw = both;
    dw.op.dx = NULL;
    conv_forward(&both);
    conv_backward(&both);
    show_first(!strcmp(way, "forward") ? both.op.y : !strcmp(way, "dx") ? both.op.dx : both.op.dw);
    char line[64];
    while (fgets(line, sizeof line, stdin)) {
        double seconds = atof(line), took;
        if (!strcmp(way, "forward"))
            took = seconds_of(conv_forward, &both, seconds);
        else if (!strcmp(way, "dw"))
            took = seconds_of(conv_backward, &dw, seconds);
        else
            took = seconds_of(conv_backward, &both, seconds / 2) - seconds_of(conv_backward, &dw, seconds / 2);
        printf("%.4f\n", 1e6 * took);
        fflush(stdout);
    }
}

static void normalize(const struct nl_run *run, const struct nl_norm *norm, int size, int channels, const char *way,
                      bool moves)
{
    int samples = run->samples;
    size_t count = (size_t)samples * (size_t)(size * size * channels), wide = (size_t)channels;
    struct nl_hyper hyper = {.norm_eps = 1e-5, .norm_momentum = 0.1};
    struct nl_hyper *placed_hyper = need(sizeof hyper);
    backend->upload(placed_hyper, &hyper, sizeof hyper);
    struct normalization n = {
        .run = run,
        .op =
            {
                .setup = {.samples = samples, .positions = size * size, .channels = channels, .groups = GROUPS},
                .norm = norm,
                .relu = true,
                .unbiased = true,
                .affine_count = channels,
                .x = numbers(count, FACTOR_X),
                .gamma = filled(wide, 1.5f),
                .beta = norm->shifts ? filled(wide, 0.25f) : NULL,
                .y = filled(count, 0),
                .running_mean = filled(wide, 0),
                .running_var = filled(wide, 1),
                .updates = need(sizeof(int64_t)),
                .precise_mean = need(wide * sizeof(double)),
                .precise_var = need(wide * sizeof(double)),
                .precise_count = need(sizeof(double)),
                .hyper = placed_hyper,
                .dgamma = filled(wide, 0),
                .dbeta = norm->shifts ? filled(wide, 0) : NULL,
            },
    };
    n.kernel = nl_kernel_of(backend, &nl_normalize_operation, &n.op);
    n.op.dy = n.op.dx =
        numbers(count, FACTOR_DY); /* as a training lays them out; what they grow to with every call takes no longer */
    size_t sets = (size_t)nl_normalize_sets(&n.op, samples);
    n.op.mean = need(sets * backend->statistic);
    n.op.var = need(sets * backend->statistic);
    bool forward = !strcmp(way, "forward");
    normalize_forward(&n);
    normalize_backward(&n);
    show_first(forward ? n.op.y : n.op.dx);
    void (*call)(void *) = moves     ? (forward ? move_forward : move_backward)
                           : forward ? normalize_forward
                                     : normalize_backward;
    char line[64];
    while (fgets(line, sizeof line, stdin)) {
        printf("%.4f\n", 1e6 * seconds_of(call, &n, atof(line)));
        fflush(stdout);
    }
}

int main(int argc, char **argv)
{
    struct nl_error err;
    enum nl_conv_algorithm algorithm = NL_CONV_WINOGRAD;
    if (argc == 7 && !strcmp(argv[6], "cuda")) {
        backend = nl_backend_of(NL_CUDA);
        argc--;
    } else if (argc == 7 && !strcmp(argv[1], "conv") && !strcmp(argv[6], "direct")) {
        algorithm = NL_CONV_DIRECT;
        argc--;
    }
    bool moves = argc == 7 && strcmp(argv[1], "conv") && !strcmp(argv[6], "traffic");
    argc -= moves;
    bool conv = argc == 6 && !strcmp(argv[1], "conv");
    const struct nl_norm *norm = argc == 6 && !conv ? nl_norm_find(argv[1]) : NULL;
    if (!conv && (!norm || !norm->partition)) {
        fprintf(stderr, "usage: kernel conv|KIND SAMPLES SIZE CHANNELS WAY [traffic|direct|cuda]\n");
        return 2;
    }
    struct nl_run run = {.replicas = 1, .samples = atoi(argv[2]), .statistics = NL_STATS_TRAIN};
    if (!backend || backend->thread_begin(0, &err) != NL_OK) {
        fprintf(stderr, "kernel: %s\n", backend ? err.text : "built without cuda");
        return 1;
    }
    if (conv)
        convolve(&run, atoi(argv[3]), atoi(argv[4]), argv[5], algorithm);
    else
        normalize(&run, norm, atoi(argv[3]), atoi(argv[4]), argv[5], moves);
    return 0;
}
