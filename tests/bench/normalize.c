/* Times a normalizer with the ReLU behind it, by the backend's own kernel:
 *
 *     normalize KIND SAMPLES POSITIONS CHANNELS forward|backward
 *
 * It answers as step.c does; its "losses" are the first of the numbers that the kernel makes from the input that peers/norm_torch.py makes too.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "backend/backend.h"

enum { CHECKED = 20, GROUPS = 8 };

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void *need(size_t bytes)
{
    void *memory = nl_backend_cpu.alloc(bytes);
    if (!memory) {
        fprintf(stderr, "normalize: out of memory\n");
        exit(1);
    }
    return memory;
}

/* count floats: ((i * factor) mod 1009) / 504 - 1, or all `value` where factor is 0. */
static float *numbers(size_t count, size_t factor, float value)
{
    float *x = need(count * sizeof *x);
    for (size_t i = 0; i < count; i++)
        x[i] = factor ? (float)(i * factor % 1009) / 504.0f - 1.0f : value;
    return x;
}

int main(int argc, char **argv)
{
    const struct nl_norm *norm = argc == 6 ? nl_norm_find(argv[1]) : NULL;
    if (!norm || !norm->partition) {
        fprintf(stderr, "usage: normalize KIND SAMPLES POSITIONS CHANNELS forward|backward\n");
        return 2;
    }
    int samples = atoi(argv[2]), positions = atoi(argv[3]), channels = atoi(argv[4]);
    bool backward = !strcmp(argv[5], "backward");
    size_t count = (size_t)samples * (size_t)positions * (size_t)channels, wide = (size_t)channels;
    struct nl_hyper hyper = {.norm_eps = 1e-5, .norm_momentum = 0.1};
    int64_t updates = 0;
    double precise_count = 0;
    struct nl_normalize op = {
        .setup = {.samples = samples, .positions = positions, .channels = channels, .groups = GROUPS},
        .norm = norm,
        .relu = true,
        .unbiased = true,
        .affine_count = channels,
        .x = numbers(count, 7919, 0),
        .gamma = numbers(wide, 0, 1.5f),
        .beta = norm->shifts ? numbers(wide, 0, 0.25f) : NULL,
        .y = numbers(count, 0, 0),
        .running_mean = numbers(wide, 0, 0),
        .running_var = numbers(wide, 0, 1),
        .updates = &updates,
        .precise_mean = need(wide * sizeof(double)),
        .precise_var = need(wide * sizeof(double)),
        .precise_count = &precise_count,
        .hyper = &hyper,
        .dy = numbers(count, 104729, 0),
        .dx = numbers(count, 0, 0),
        .dgamma = numbers(wide, 0, 0),
        .dbeta = norm->shifts ? numbers(wide, 0, 0) : NULL,
    };
    size_t sets = (size_t)nl_normalize_sets(&op, samples);
    op.mean = need(sets * sizeof *op.mean);
    op.var = need(sets * sizeof *op.var);
    struct nl_run run = {.replicas = 1, .samples = samples, .statistics = NL_STATS_TRAIN};
    void (*kernel)(const struct nl_run *, const struct nl_normalize *) =
        backward ? nl_backend_cpu.normalize_backward : nl_backend_cpu.normalize_forward;

    nl_backend_cpu.thread_begin();
    nl_backend_cpu.normalize_forward(&run, &op);
    kernel(&run, &op);
    const float *made = backward ? op.dx : op.y;
    printf("{\"losses\": [");
    for (int i = 0; i < CHECKED; i++)
        printf("%s%.9g", i ? ", " : "", (double)made[i]);
    printf("]}\n");
    fflush(stdout);

    char line[64];
    while (fgets(line, sizeof line, stdin)) {
        double seconds = atof(line), start = now(), took;
        int64_t calls = 0;
        do {
            kernel(&run, &op);
            calls++;
            took = now() - start;
        } while (took < seconds);
        printf("%.3f\n", 1e6 * took / (double)calls);
        fflush(stdout);
    }
    return 0;
}
