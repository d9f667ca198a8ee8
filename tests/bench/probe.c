/* What one core of this machine can do: its peak of fused multiply-adds, and the rate of a plain copy in each level of
 * the cache. Prints one line of JSON. Times are read against these, and a run during which they moved is thrown away.
 *
 *     cc -O3 -march=native -fno-tree-loop-distribute-patterns probe.c -o probe && taskset -c 1 ./probe
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#ifdef __AVX512F__
enum { LANES = 16, CHAINS = 16 };
#else
enum { LANES = 8, CHAINS = 12 };
#endif
typedef float lanes __attribute__((vector_size(LANES * sizeof(float))));

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Independent chains, enough to hide an FMA's latency. GFLOP/s. */
static double fma_peak(void)
{
    enum { ROUNDS = 500000 };
    /* Every loop over the chains is unrolled, so that none of them is indexed and all stay in registers. */
    lanes sum[CHAINS], scale, add;
    for (int i = 0; i < LANES; i++) {
        scale[i] = 0.999f;
        add[i] = 1e-3f;
    }
#pragma GCC unroll 16
    for (int c = 0; c < CHAINS; c++)
        sum[c] = add * (float)c;
    double start = now();
    for (int r = 0; r < ROUNDS; r++) {
#pragma GCC unroll 16
        for (int c = 0; c < CHAINS; c++) {
            sum[c] = sum[c] * scale + add;
            __asm__("" : "+v"(sum[c])); /* each round is made: no algebra over rounds */
        }
    }
    double seconds = now() - start;
    volatile float sink = 0;
#pragma GCC unroll 16
    for (int c = 0; c < CHAINS; c++)
        sink = sink + sum[c][0];
    return 2.0 * LANES * CHAINS * (double)ROUNDS / seconds * 1e-9;
}

/* Source and target together fill `bytes`. GB/s, read and written. */
static double copy_rate(size_t bytes)
{
    size_t half = bytes / 2 / sizeof(lanes);
    size_t rounds = ((size_t)1 << 28) / bytes + 1;
    lanes *from = aligned_alloc(4096, half * sizeof(lanes)), *to = aligned_alloc(4096, half * sizeof(lanes));
    memset(from, 1, half * sizeof(lanes));
    memset(to, 1, half * sizeof(lanes));
    double start = now();
    for (size_t r = 0; r < rounds; r++) {
        for (size_t i = 0; i + 4 <= half; i += 4) {
            lanes a = from[i], b = from[i + 1], c = from[i + 2], d = from[i + 3];
            to[i] = a;
            to[i + 1] = b;
            to[i + 2] = c;
            to[i + 3] = d;
        }
        __asm__ volatile("" ::: "memory");
    }
    double seconds = now() - start;
    free(from);
    free(to);
    return (double)bytes * (double)rounds / seconds * 1e-9;
}

static double best(double (*measure)(size_t), size_t bytes)
{
    double most = 0;
    for (int i = 0; i < 3; i++) {
        double found = measure(bytes);
        if (found > most)
            most = found;
    }
    return most;
}

static double peak(size_t unused)
{
    (void)unused;
    return fma_peak();
}

int main(void)
{
    printf("{\"fma_gflops\": %.1f, \"l1_gbs\": %.1f, \"l2_gbs\": %.1f, \"l3_gbs\": %.1f, \"dram_gbs\": %.1f}\n",
           best(peak, 0), best(copy_rate, (size_t)24 << 10), best(copy_rate, (size_t)512 << 10),
           best(copy_rate, (size_t)8 << 20), best(copy_rate, (size_t)128 << 20));
    return 0;
}
