/* How fast the kernels are, beside what the device can do at most, measured in the same run: a copy of memory and a
 * loop of FMAs.
 *
 *     bench              a table
 *     bench ceilings     the device and what it can do, as JSON
 */
#include "backend/cuda/cuda.h"
#include "operation/conv.h"
#include "operation/linear.h"
#include "operation/normalize.h"
#include "steps.h"

#include <algorithm>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vector>

extern const struct nl_kernel nl_cuda_normalize, nl_cuda_conv, nl_cuda_linear;

enum { REPEATS = 7 };

/* Median seconds of `work`, by events. */
template <class Work> static double seconds_of(Work work, int turns)
{
    cudaEvent_t begin, end;
    std::vector<float> found;
    cudaEventCreate(&begin);
    cudaEventCreate(&end);
    work();
    for (int i = 0; i < REPEATS; i++) {
        float milliseconds;
        cudaEventRecord(begin, cudaStreamPerThread);
        for (int turn = 0; turn < turns; turn++)
            work();
        cudaEventRecord(end, cudaStreamPerThread);
        cudaEventSynchronize(end);
        cudaEventElapsedTime(&milliseconds, begin, end);
        found.push_back(milliseconds / 1e3f / turns);
    }
    struct nl_error err;
    if (nl_cuda_status(&err) != NL_OK) {
        fprintf(stderr, "%s\n", err.text);
        exit(1);
    }
    std::sort(found.begin(), found.end());
    return found[REPEATS / 2];
}

static __global__ void fill(float *to, size_t count)
{
    size_t at = nl_element();
    if (at < count) {
        struct nl_stream stream = {{1, 2}};
        to[at] = (float)(nl_stream_uniform(stream, 0, at) * 2 - 1);
    }
}

static char *memory;
static size_t used, room;

/* Room of `count` random numbers in an image. */
static float *reals(size_t count)
{
    size_t bytes = (count * sizeof(float) + 255) / 256 * 256;
    if (used + bytes > room) {
        fprintf(stderr, "the benchmark needs more memory\n");
        exit(1);
    }
    used += bytes;
    return (float *)(memory + used - bytes);
}

static struct nl_run run_of(int replicas, int samples)
{
    struct nl_run run = {};
    run.replicas = replicas;
    run.samples = samples;
    run.stride = room / replicas / 256 * 256;
    run.statistics = NL_STATS_TRAIN;
    used = 0;
    return run;
}

static void check_fits(const struct nl_run &run)
{
    if (used > run.stride) {
        fprintf(stderr, "an image is too small for the benchmark\n");
        exit(1);
    }
}

/* ---- the ceilings ---- */

static __global__ void fma_loop(float *out, float a, float b)
{
    float x[16];
    for (int i = 0; i < 16; i++)
        x[i] = threadIdx.x + i;
    for (int turn = 0; turn < 4096; turn++)
#pragma unroll
        for (int i = 0; i < 16; i++)
            x[i] = x[i] * a + b;
    float sum = 0;
    for (int i = 0; i < 16; i++)
        sum += x[i];
    out[(size_t)blockIdx.x * blockDim.x + threadIdx.x] = sum;
}

static double copy_rate, fma_rate;

static void ceilings()
{
    size_t half = room / 4;
    copy_rate =
        2 * half /
        seconds_of([=] { cudaMemcpyAsync(memory, memory + half, half, cudaMemcpyDeviceToDevice, cudaStreamPerThread); },
                   1);
    int blocks = 4096, threads = 256;
    fma_rate =
        2.0 * 16 * 4096 * blocks * threads /
        seconds_of([=] { fma_loop<<<blocks, threads, 0, cudaStreamPerThread>>>((float *)memory, 0.999f, 0.001f); }, 1);
}

/* ---- operations ---- */

/* Of the copy rate: what has to be read and written once. Batch statistics take a second reading of a tensor that the
 * chip does not hold: at most 67 % forward and 60 % backward. */
static void normalizer(const char *name, const struct nl_norm *norm, int groups, int samples, int positions,
                       int channels, bool over_position)
{
    struct nl_run run = run_of(1, samples);
    size_t count = (size_t)samples * positions * channels;
    struct nl_normalize op = {};
    op.setup.samples = samples;
    op.setup.positions = positions;
    op.setup.channels = channels;
    op.setup.groups = groups;
    op.setup.over_position = over_position;
    op.norm = norm;
    op.relu = true;
    op.affine_count = channels;
    op.x = reals(count), op.y = reals(count), op.dy = reals(count), op.dx = reals(count);
    op.gamma = reals(channels), op.beta = norm->shifts ? reals(channels) : NULL;
    op.dgamma = reals(channels), op.dbeta = norm->shifts ? reals(channels) : NULL;
    size_t sets = nl_normalize_sets(&op, samples);
    op.mean = (double *)reals(2 * sets), op.var = (double *)reals(2 * sets);
    op.running_mean = reals(channels), op.running_var = reals(channels);
    op.updates = (int64_t *)reals(2);
    struct nl_hyper hyper = {};
    hyper.norm_eps = 1e-5, hyper.norm_momentum = 0.1;
    op.hyper = (const struct nl_hyper *)reals(sizeof hyper);
    check_fits(run);
    nl_cuda_upload((void *)op.hyper, &hyper, sizeof hyper);
    double forward = seconds_of([&] { nl_cuda_normalize.forward(&run, &op); }, 3),
           backward = seconds_of([&] { nl_cuda_normalize.backward(&run, &op); }, 3);
    double bytes = count * sizeof(float);
    printf("%-34s %8.1f us  %5.1f %% of copy   %8.1f us  %5.1f %%%s\n", name, forward * 1e6,
           100 * 2 * bytes / forward / copy_rate, backward * 1e6, 100 * 3 * bytes / backward / copy_rate,
           norm->tracks ? "   (at most 67 %, 60 %)" : "");
}

static void convolution(int replicas, int samples, int size, int channels, enum nl_precision precision)
{
    struct nl_run run = run_of(replicas, samples);
    size_t count = (size_t)samples * size * size * channels, weights = (size_t)9 * channels * channels;
    struct nl_conv op = {};
    op.height = op.width = op.out_height = op.out_width = size;
    op.in = op.out = channels;
    op.kernel = 3, op.stride = 1, op.dilation = 1, op.pad = 1;
    op.precision = precision;
    op.x = reals(count), op.y = reals(count), op.dy = reals(count), op.dx = reals(count), op.w = reals(weights),
    op.dw = reals(weights);
    check_fits(run);
    double forward = seconds_of([&] { nl_cuda_conv.forward(&run, &op); }, 10),
           backward = seconds_of([&] { nl_cuda_conv.backward(&run, &op); }, 10);
    double work = 2.0 * count * 9 * channels * replicas;
    printf("conv %2dx%-2d %3d ch, R %3d batch %3d    %8.1f us  %5.1f %% of FMA    %8.1f us  %5.1f %%   %s\n", size,
           size, channels, replicas, samples, forward * 1e6, 100 * work / forward / fma_rate, backward * 1e6,
           100 * 2 * work / backward / fma_rate, nl_precision_names[precision]);
}

static void product(int replicas, int samples, int in, int out, enum nl_precision precision)
{
    struct nl_run run = run_of(replicas, samples);
    struct nl_linear op = {};
    op.positions = 1, op.in = in, op.out = out;
    op.precision = precision;
    op.x = reals((size_t)samples * in), op.dx = reals((size_t)samples * in);
    op.y = reals((size_t)samples * out), op.dy = reals((size_t)samples * out);
    op.w = reals((size_t)in * out), op.dw = reals((size_t)in * out), op.b = reals(out), op.db = reals(out);
    check_fits(run);
    double forward = seconds_of([&] { nl_cuda_linear.forward(&run, &op); }, 10),
           backward = seconds_of([&] { nl_cuda_linear.backward(&run, &op); }, 10);
    double work = 2.0 * samples * in * out * replicas;
    printf("linear %4d -> %-4d, R %4d batch %4d %8.1f us  %5.1f %% of FMA    %8.1f us  %5.1f %%   %s\n", in, out,
           replicas, samples, forward * 1e6, 100 * work / forward / fma_rate, backward * 1e6,
           100 * 2 * work / backward / fma_rate, nl_precision_names[precision]);
}

int main(int argc, char **argv)
{
    struct nl_error err;
    char text[256];
    setvbuf(stdout, NULL, _IOLBF, 0); /* a call that is cut short still tells something */
    if (nl_cuda_thread_begin(0, &err) != NL_OK) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    nl_cuda_describe(0, text, sizeof text);
    room = (size_t)4 << 30;
    memory = (char *)nl_cuda_alloc(room);
    if (!memory) {
        fprintf(stderr, "the benchmark needs 4 GiB of the device's memory\n");
        return 1;
    }
    fill<<<(unsigned)(room / sizeof(float) / NL_THREADS), NL_THREADS, 0, cudaStreamPerThread>>>((float *)memory,
                                                                                                room / sizeof(float));
    ceilings();
    if (argc > 1 && strcmp(argv[1], "ceilings") == 0) {
        printf("{\"device\": \"%s\", \"copy_gbs\": %.1f, \"fma_gflops\": %.1f}\n", text, copy_rate / 1e9,
               fma_rate / 1e9);
        return 0;
    }
    printf("%s\ndevice copy %.0f GB/s, float32 FMA %.1f TFLOP/s\n", text, copy_rate / 1e9, fma_rate / 1e12);
    printf("%-34s %23s %23s\n", "", "forward", "backward");
    normalizer("bn 512x32x32x64", &nl_norm_bn, 1, 512, 1024, 64, false);
    normalizer("bn 1024x32x32x16", &nl_norm_bn, 1, 1024, 1024, 16, false);
    normalizer("ln over sample 512x32x32x64", &nl_norm_ln, 1, 512, 1024, 64, false);
    normalizer("ln over position 65536x1024", &nl_norm_ln, 1, 65536, 1, 1024, true);
    normalizer("gn(8) 512x32x32x64", &nl_norm_gn, 8, 512, 1024, 64, false);
    normalizer("rms over position 65536x1024", &nl_norm_rms, 1, 65536, 1, 1024, true);
    for (unsigned cluster = 1; cluster <= 8; cluster *= 8) { /* with and without clusters: what fits them */
        nl_cuda_limit_cluster(cluster);
        printf("clusters of up to %u blocks\n", cluster);
        normalizer("bn 2x32x32x16", &nl_norm_bn, 1, 2, 1024, 16, false);
        normalizer("bn 8x32x32x16", &nl_norm_bn, 1, 8, 1024, 16, false);
        normalizer("bn 128x8x8x64", &nl_norm_bn, 1, 128, 64, 64, false);
    }
    for (int sectors = 0; sectors < 2; sectors++) {
        nl_cuda_let(NL_CUDA_SECTORS, sectors);
        printf("sets of a few channels %s\n", sectors ? "by whole sectors" : "each by itself");
        normalizer("gn(8) 8x32x32x16", &nl_norm_gn, 8, 8, 1024, 16, false);
        normalizer("gn(8) 512x32x32x16", &nl_norm_gn, 8, 512, 1024, 16, false);
        normalizer("gn(8) 512x16x16x32", &nl_norm_gn, 8, 512, 256, 32, false);
        normalizer("in 512x32x32x16", &nl_norm_in, 1, 512, 1024, 16, false);
    }
    for (int precision = NL_FLOAT32; precision <= NL_3XTF32;
         precision += NL_3XTF32) { /* the two that are float32, or nearly */
        for (int replicas = 1; replicas <= 32; replicas *= 32) {
            convolution(replicas, 8, 32, 16, (enum nl_precision)precision);
            convolution(replicas, 8, 16, 32, (enum nl_precision)precision);
            convolution(replicas, 8, 8, 64, (enum nl_precision)precision);
        }
        convolution(1, 128, 32, 16, (enum nl_precision)precision);
        convolution(1, 128, 8, 64, (enum nl_precision)precision);
        product(1000, 32, 64, 64, (enum nl_precision)precision);
        product(1, 32, 64, 64, (enum nl_precision)precision);
        product(1, 1024, 1024, 1024, (enum nl_precision)precision);
    }
    nl_cuda_free(memory, room);

    static const char *const names[] = {"bn", "ln", "gn", "none"};
    static const int norms[] = {NL_NORM_bn, NL_NORM_ln, NL_NORM_gn, NL_NORM_none};
    static const int numbers[] = {1, 132, 1000};
    for (int i = 0; i < 12; i++) {
        int replicas = numbers[i / 4], norm = norms[i % 4];
        double one = seconds_of_step(STEPS_MLP, norm, 32, replicas, 400, true),
               many = seconds_of_step(STEPS_MLP, norm, 32, replicas, 400, false);
        printf("mlp 64-64-64-10 %-4s batch 32, R %4d: %8.3f us a replica-step in one launch, %8.3f us in many\n",
               names[i % 4], replicas, 1e6 * one / replicas, 1e6 * many / replicas);
    }
    for (int i = 0; i < 4; i++)
        printf("resnet-20 %-4s batch 8, R 1:  %7.3f ms a step\n", names[i],
               1e3 * seconds_of_step(STEPS_RESNET20, norms[i], 8, 1, 200, false));
    nl_cuda_limit_cluster(1);
    printf("resnet-20 bn   batch 8, R 1:  %7.3f ms a step, without clusters\n",
           1e3 * seconds_of_step(STEPS_RESNET20, NL_NORM_bn, 8, 1, 200, false));
    nl_cuda_limit_cluster(8);
    static const struct {
        const char *name;
        bool joins, pairs; /* normalizers are joined with the convolutions beside them; both gradients of a layer are
                              one launch */
    } ways[] = {{"each call by itself", false, false},
                {"gradients in pairs", false, true},
                {"normalizers joined", true, false},
                {"both", true, true}};
    for (int batch = 8; batch <= 128; batch *= 4)
        for (const auto &way : ways) {
            nl_cuda_let(NL_CUDA_JOINS, way.joins);
            nl_cuda_let(NL_CUDA_PAIRS, way.pairs);
            double seconds = seconds_of_step(STEPS_RESNET20, NL_NORM_bn, batch, 1, 100, false);
            printf("resnet-20 bn   batch %3d, R 1: %7.3f ms a step, %s\n", batch, 1e3 * seconds, way.name);
        }
    for (int chunks = 1; chunks <= 8; chunks *= 8) {
        nl_cuda_limit_chunks(chunks);
        double seconds = seconds_of_step(STEPS_RESNET20, NL_NORM_bn, 8, 1, 200, false);
        printf("resnet-20 bn   batch 8, R 1:  %7.3f ms a step, y and dx in up to %d chunks over k\n", 1e3 * seconds,
               chunks);
    }
    for (int i = 0; i < 4; i++) {
        double seconds = seconds_of_step(STEPS_RESNET20, norms[i], 8, 32, 50, false);
        printf("resnet-20 %-4s batch 8, R 32: %7.3f ms a step of all, %7.1f us an image\n", names[i], 1e3 * seconds,
               1e6 * seconds / 256);
    }
    return 0;
}
