/* GFLOP/s of the convolutions beside the peak of this core, counting only taps inside the image. Built with
 * -DNORMLAB_BENCH=ON.
 *
 *     bench_conv [SECONDS]     time for each number, 0.1 by default; NORMLAB_ISA=avx2|plain holds it at a lower level
 *
 * Each number is the median of runs that alternate between the three products; the peak is measured before and
 * after. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "backend/backend.h"
#include "backend/cpu/isa.h"
#include "operation/conv.h"

enum { RUNS = 7, BATCHES = 4, CHAINS = 16 };

/* Of this thread, so that what else runs on the machine takes its turns outside the numbers. */
static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static int ascending(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static double median(double *values)
{
    qsort(values, RUNS, sizeof *values, ascending);
    return values[RUNS / 2];
}

/* ---- the peak: independent fused multiply-adds in registers ---- */

#ifdef NL_X86
#include <immintrin.h>

__attribute__((target("avx2,fma"))) static double chains(long turns)
{
    __m256 sum[12], factor = _mm256_set1_ps(0.5f), one = _mm256_set1_ps(1.0f), all = one;
    for (int k = 0; k < 12; k++)
        sum[k] = _mm256_set1_ps((float)k);
    double start = now();
    for (long turn = 0; turn < turns; turn++) {
        _Pragma("GCC unroll 12")
        for (int k = 0; k < 12; k++)
            sum[k] = _mm256_fmadd_ps(sum[k], factor, one);
        __asm__ volatile("" : "+x"(factor));
    }
    double seconds = now() - start;
    for (int k = 0; k < 12; k++)
        all = _mm256_add_ps(all, sum[k]);
    __asm__ volatile("" : : "x"(all));
    return (double)turns * 12 * 8 * 2 / seconds;
}

__attribute__((target("avx512f,fma"))) static double chains_512(long turns)
{
    __m512 sum[CHAINS], factor = _mm512_set1_ps(0.5f), one = _mm512_set1_ps(1.0f), all = one;
    for (int k = 0; k < CHAINS; k++)
        sum[k] = _mm512_set1_ps((float)k);
    double start = now();
    for (long turn = 0; turn < turns; turn++) {
        _Pragma("GCC unroll 16")
        for (int k = 0; k < CHAINS; k++)
            sum[k] = _mm512_fmadd_ps(sum[k], factor, one);
        __asm__ volatile("" : "+v"(factor));
    }
    double seconds = now() - start;
    for (int k = 0; k < CHAINS; k++)
        all = _mm512_add_ps(all, sum[k]);
    __asm__ volatile("" : : "v"(all));
    return (double)turns * CHAINS * 16 * 2 / seconds;
}

static double peak(void)
{
    double found[RUNS];
    for (int k = 0; k < RUNS; k++)
        found[k] = nl_cpu_isa() == NL_ISA_AVX512 ? chains_512(2000000)
                   : nl_cpu_isa() == NL_ISA_AVX2 ? chains(4000000)
                                                 : 0.0;
    return median(found);
}
#else
static double peak(void) /* not known here: the table shows GFLOP/s only */
{
    return 0.0;
}
#endif

/* ---- the convolutions ---- */

struct shape {
    int in, out, size, kernel, stride;
};

static const struct shape shapes[] = {
    {16, 16, 32, 3, 1}, {32, 32, 16, 3, 1}, {64, 64, 8, 3, 1},  {3, 16, 32, 3, 1}, {16, 32, 32, 3, 2},
    {32, 64, 16, 3, 2}, {1, 16, 28, 3, 1},  {16, 16, 8, 3, 1},  {32, 32, 8, 3, 1}, {10, 10, 16, 3, 1},
    {17, 17, 16, 3, 1}, {48, 48, 8, 3, 1},  {16, 32, 32, 1, 2}, {64, 64, 8, 1, 1},
};
static const int batches[BATCHES] = {1, 8, 32, 128};

static double inside_taps(const struct nl_conv *op, int outputs, int size)
{
    double taps = 0;
    for (int i = 0; i < outputs; i++)
        for (int p = 0; p < op->kernel; p++) {
            int at = i * op->stride + p - op->pad;
            taps += at >= 0 && at < size;
        }
    return taps;
}

static double flops(const struct nl_conv *op, int samples)
{
    return 2.0 * samples * op->in * op->out * inside_taps(op, op->out_height, op->height) *
           inside_taps(op, op->out_width, op->width);
}

static float *numbers(size_t count)
{
    float *made = nl_backend_cpu.alloc(count * sizeof *made);
    if (!made)
        exit(1);
    for (size_t i = 0; i < count; i++)
        made[i] = (float)(i * 7919 % 2003) / 1001.5f - 1.0f;
    return made;
}

enum product { FORWARD, WEIGHTS, BOTH, PRODUCTS };

/* Seconds of one call, from as many as fill `seconds`: the clock costs too much to ask it after each. */
static double measure(enum product product, const struct nl_run *run, struct nl_conv op, double seconds)
{
    const struct nl_kernel *conv = nl_kernel_of(&nl_backend_cpu, &nl_conv_operation, &op);
    if (product == WEIGHTS)
        op.dx = NULL;
    for (long calls = 1;; calls *= 2) {
        double start = now();
        for (long k = 0; k < calls; k++)
            if (product == FORWARD)
                conv->forward(run, &op);
            else
                conv->backward(run, &op);
        double time = now() - start;
        if (time >= seconds)
            return time / (double)calls;
    }
}

static void bench(struct shape shape, int samples, double seconds)
{
    struct nl_run run = {.replicas = 1, .samples = samples};
    int pad = shape.kernel / 2, outputs = (shape.size + 2 * pad - shape.kernel) / shape.stride + 1;
    size_t x_count = (size_t)(samples * shape.size * shape.size * shape.in),
           y_count = (size_t)(samples * outputs * outputs * shape.out);
    size_t w_count = (size_t)(shape.kernel * shape.kernel * shape.in * shape.out);
    float *x = numbers(x_count), *y = numbers(y_count), *w = numbers(w_count), *dx = numbers(x_count),
          *dw = numbers(w_count);
    float *dy = numbers(y_count);
    struct nl_conv op = {.height = shape.size,
                         .width = shape.size,
                         .in = shape.in,
                         .out_height = outputs,
                         .out_width = outputs,
                         .out = shape.out,
                         .kernel = shape.kernel,
                         .stride = shape.stride,
                         .dilation = 1,
                         .pad = pad,
                         .x = x,
                         .w = w,
                         .y = y,
                         .dy = dy,
                         .dx = dx,
                         .dw = dw};
    double times[PRODUCTS][RUNS], work = flops(&op, samples) * 1e-9;
    for (int k = 0; k < RUNS; k++)
        for (int product = 0; product < PRODUCTS; product++)
            times[product][k] = measure((enum product)product, &run, op, seconds / RUNS);
    double forward = median(times[FORWARD]), weights = median(times[WEIGHTS]), both = median(times[BOTH]);
    printf("%d -> %d, %dx%d, kernel %d, stride %d | %d | %.0f | %.0f | %.0f\n", shape.in, shape.out, shape.size,
           shape.size, shape.kernel, shape.stride, samples, work / forward, work / (both - weights), work / weights);
    fflush(stdout);
    nl_backend_cpu.free(x, x_count * sizeof *x);
    nl_backend_cpu.free(dx, x_count * sizeof *dx);
    nl_backend_cpu.free(y, y_count * sizeof *y);
    nl_backend_cpu.free(dy, y_count * sizeof *dy);
    nl_backend_cpu.free(w, w_count * sizeof *w);
    nl_backend_cpu.free(dw, w_count * sizeof *dw);
}

int main(int argc, char **argv)
{
    double seconds = argc > 1 ? atof(argv[1]) : 0.1;
    nl_backend_cpu.thread_begin(0, NULL);
    printf("peak: %.0f GFLOP/s\n", peak() * 1e-9);
    printf("convolution | batch | forward | dX | dW, GFLOP/s\n");
    for (size_t k = 0; k < sizeof shapes / sizeof *shapes; k++)
        for (int b = 0; b < BATCHES; b++)
            bench(shapes[k], batches[b], seconds);
    printf("peak: %.0f GFLOP/s\n", peak() * 1e-9);
    return 0;
}
