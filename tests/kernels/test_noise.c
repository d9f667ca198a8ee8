/* norm.noise: its numbers on every backend are those of its definition, of which a formula is written here anew; their
 * moments are those of the distributions that they are drawn from; and nothing is drawn but in training. */
#include <check.h>
#include <float.h>
#include <math.h>

#include "harness.h"
#include "operation/noise.h"
#include "suite.h"

enum { SAMPLES = 5, PIXELS = 3, CHANNELS = 7, COUNT = PIXELS * CHANNELS, STEP = 11 };

struct noisy {
    struct image image;
    struct nl_noise op;
    struct nl_run run;
};

static struct noisy make(const struct nl_backend *backend, double k, enum nl_statistics statistics)
{
    struct noisy n = {.image = image_make(backend, 1, PROBE_BYTES)};
    uint32_t *key = image_field(&n.image, 2 * sizeof *key);
    struct nl_hyper *hyper = image_field(&n.image, sizeof *hyper);
    memcpy(image_place(&n.image, 0, key), nl_stream(3, "noise.norm_noise1").key, 2 * sizeof *key);
    *(struct nl_hyper *)image_place(&n.image, 0, hyper) = (struct nl_hyper){.norm_noise = k};
    size_t all = (size_t)SAMPLES * COUNT;
    n.op = (struct nl_noise){.count = COUNT,
                             .channels = CHANNELS,
                             .key = key,
                             .hyper = hyper,
                             .x = image_reals(&n.image, all),
                             .y = image_reals(&n.image, all),
                             .dy = image_reals(&n.image, all),
                             .dx = image_reals(&n.image, all)};
    n.run = (struct nl_run){.replicas = n.image.replicas,
                            .stride = n.image.stride,
                            .samples = SAMPLES,
                            .step = STEP,
                            .statistics = statistics};
    for (size_t i = 0; i < all; i++) {
        image_set_real(&n.image, 0, (void *)(uintptr_t)n.op.x, i, drawn(1, "x", i));
        image_set_real(&n.image, 0, (void *)(uintptr_t)n.op.dy, i, drawn(1, "dy", i));
    }
    const struct nl_kernel *kernel = nl_kernel_of(backend, &nl_noise_operation, &n.op);
    kernel->forward(&n.run, &n.op);
    kernel->backward(&n.run, &n.op);
    return n;
}

/* The two numbers of a block of the stream. */
static void block(uint64_t index, double u[2])
{
    uint32_t words[4];
    nl_stream_block(nl_stream(3, "noise.norm_noise1"), index, STEP, words);
    for (int i = 0; i < 2; i++)
        u[i] = (double)((((uint64_t)words[2 * i + 1] << 32 | words[2 * i]) >> 11) + 0.5) * 0x1p-53;
}

START_TEST(numbers_are_those_of_the_definition)
{
    for (int b = 0; nl_backends[b]; b++)
        for (double k = 0.5; k <= 1; k += 0.5) {
            struct noisy n = make(nl_backends[b], k, NL_STATS_TRAIN);
            for (uint64_t e = 0; e < SAMPLES * COUNT; e++) {
                double channel[2], shift[2], scale[2];
                block(((uint64_t)1 << 62) + e % CHANNELS, channel);
                block(2 * e, shift);
                block(2 * e + 1, scale);
                double mu = k * (channel[0] - 0.5), sigma = 1 + k / 4 * channel[1];
                double m = mu + k / 10 * (2 * shift[0] - 1);
                double s = sigma + k / 10 * sqrt(-2 * log(scale[0])) * cos(2 * acos(-1) * scale[1]);
                double x = image_real(&n.image, 0, n.op.x, e), y = image_real(&n.image, 0, n.op.y, e);
                double dy = image_real(&n.image, 0, n.op.dy, e), dx = image_real(&n.image, 0, n.op.dx, e);
                double bound = nl_backends[b]->real == sizeof(double) ? 1e-13 : 2 * FLT_EPSILON;
                ck_assert_msg(fabs(y - (s * x + m)) <= bound * (fabs(s * x) + fabs(m)), "%s: y[%d] is %.17g, not %.17g",
                              nl_backends[b]->name, (int)e, y, s * x + m);
                ck_assert_msg(fabs(dx - s * dy) <= bound * fabs(s * dy), "%s: dx[%d] is %.17g, not %.17g",
                              nl_backends[b]->name, (int)e, dx, s * dy);
            }
            image_check_gaps(&n.image, "noise");
            image_free(&n.image);
        }
}
END_TEST

START_TEST(nothing_is_drawn_but_in_training)
{
    static const enum nl_statistics all[] = {NL_STATS_RUNNING, NL_STATS_BATCH, NL_STATS_COLLECT, NL_STATS_TRAIN};
    for (int b = 0; nl_backends[b]; b++)
        for (int i = 0; i < 4; i++) {
            struct noisy n = make(nl_backends[b], all[i] == NL_STATS_TRAIN ? 0 : 1, all[i]);
            for (size_t e = 0; e < SAMPLES * COUNT; e++) {
                ck_assert_double_eq(image_real(&n.image, 0, n.op.y, e), image_real(&n.image, 0, n.op.x, e));
                ck_assert_double_eq(image_real(&n.image, 0, n.op.dx, e), image_real(&n.image, 0, n.op.dy, e));
            }
            image_free(&n.image);
        }
}
END_TEST

/* A sum over draws, and what it is held against: mean and variance within five standard errors. */
struct moments {
    double n, sum, squares;
};

static void add(struct moments *moments, double value)
{
    moments->n++;
    moments->sum += value;
    moments->squares += value * value;
}

/* fourth: E (v - mean)^4 / variance^2 of the distribution. */
static void expect(const char *name, const struct moments *found, double mean, double variance, double fourth)
{
    double average = found->sum / found->n, spread = found->squares / found->n - average * average;
    ck_assert_msg(fabs(average - mean) <= 5 * sqrt(variance / found->n), "%s: mean %g", name, average);
    ck_assert_msg(fabs(spread - variance) <= 5 * variance * sqrt((fourth - 1) / found->n), "%s: variance %g", name,
                  spread);
}

/* Uniform numbers of width w have the variance w^2 / 12 and the kurtosis 9/5. */
START_TEST(moments_are_those_of_the_distributions)
{
    enum { STEPS = 400, UNITS = 20, ELEMENTS = 10 };
    struct nl_stream stream = nl_stream(5, "noise");
    struct moments mu = {0}, sigma = {0}, shift = {0}, scale = {0};
    for (int64_t step = 0; step < STEPS; step++)
        for (uint64_t unit = 0; unit < UNITS; unit++) {
            double of_channel[2];
            nl_uniform_pair(stream, (uint64_t)step, NL_NOISE_OF_CHANNELS + unit, of_channel);
            add(&mu, of_channel[0] - 0.5);
            add(&sigma, 1 + 0.25 * of_channel[1]);
            for (uint64_t n = 0; n < ELEMENTS; n++) {
                double s, m;
                uint64_t element = n * UNITS + unit;
                nl_noise_at(stream, step, element, unit, 1, &s, &m);
                ck_assert_double_eq(s, 1 + 0.25 * of_channel[1]); /* in all samples of the step */
                add(&shift, m - (of_channel[0] - 0.5));
                add(&scale, 0.1 * nl_stream_normal(stream, (uint64_t)step, 2 * element + 1));
            }
        }
    expect("mu", &mu, 0, 1.0 / 12, 1.8);
    expect("sigma", &sigma, 1.125, 0.25 * 0.25 / 12, 1.8);
    expect("m - mu", &shift, 0, 0.2 * 0.2 / 12, 1.8);
    expect("s - sigma", &scale, 0, 0.01, 3);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("noise");
    TCase *tests = tcase_create("noise");
    tcase_add_test(tests, numbers_are_those_of_the_definition);
    tcase_add_test(tests, nothing_is_drawn_but_in_training);
    tcase_add_test(tests, moments_are_those_of_the_distributions);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
