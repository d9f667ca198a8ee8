/* What must hold of whitening whatever its numbers: outputs without correlation, IterNorm on its way to ZCA, and BN at
 * one channel a group. */
#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "config/config.h"
#include "suite.h"
#include "train/probe.h"

enum { SAMPLES = 60, SIDE = 2, CHANNELS = 8, ROWS = SAMPLES * SIDE * SIDE, COUNT = ROWS * CHANNELS };

static double x[COUNT], dy[COUNT];

static double normal(void)
{
    double sum = 0;
    for (int i = 0; i < 12; i++)
        sum += (double)rand() / RAND_MAX;
    return sum - 6;
}

/* x with channels that correlate: their covariance has about that condition. */
static void draw(double condition)
{
    srand(7);
    for (int row = 0; row < ROWS; row++) {
        double z[CHANNELS], sum = 0;
        for (int c = 0; c < CHANNELS; c++) {
            z[c] = normal() * pow(condition, -0.5 * c / (CHANNELS - 1));
            sum += z[c];
        }
        for (int c = 0; c < CHANNELS; c++) {
            x[row * CHANNELS + c] = z[c] - 2 * sum / CHANNELS + c; /* a Householder reflection */
            dy[row * CHANNELS + c] = normal();
        }
    }
}

static struct nl_config config_of(int kind, int groups)
{
    struct nl_config config;
    nl_config_defaults(&config);
    config.norm.kind = kind;
    config.norm.groups = groups;
    config.norm.eps = 0;
    return config;
}

static struct nl_probe run(const struct nl_config *config, const struct nl_backend *backend)
{
    struct nl_probe probe = {
        .config = config, .backend = backend, .samples = SAMPLES, .extent = {SIDE, SIDE, CHANNELS}, .x = x, .dy = dy};
    struct nl_error err;
    ck_assert_msg(nl_probe_run(&probe, &err) == NL_OK, "%s", err.text);
    return probe;
}

/* Largest difference over the largest magnitude; NaN stays NaN. */
static double distance(const double *a, const double *b)
{
    double largest = 0, scale = 0;
    for (int i = 0; i < COUNT; i++) {
        double apart = fabs(a[i] - b[i]);
        largest = apart <= largest ? largest : apart;
        scale = fmax(scale, fabs(b[i]));
    }
    return largest / scale;
}

/* ---- correlations ---- */

static double covariance(const double *y, int i, int j)
{
    double mean_i = 0, mean_j = 0, sum = 0;
    for (int row = 0; row < ROWS; row++) {
        mean_i += y[row * CHANNELS + i] / ROWS;
        mean_j += y[row * CHANNELS + j] / ROWS;
    }
    for (int row = 0; row < ROWS; row++)
        sum += (y[row * CHANNELS + i] - mean_i) * (y[row * CHANNELS + j] - mean_j) / ROWS;
    return sum;
}

START_TEST(channels_of_a_group_come_out_without_correlation)
{
    static const double condition = 1e4;
    draw(condition);
    for (int whitening = NL_WHITEN_ZCA; whitening <= NL_WHITEN_PCA; whitening++)
        for (int groups = 1; groups <= 4; groups *= 4) {
            struct nl_config config = config_of(NL_NORM_dbn, groups);
            config.norm.whitening = whitening;
            struct nl_probe probe = run(&config, &nl_backend_ref);
            for (int e = 0; e < CHANNELS * CHANNELS; e++) {
                int i = e / CHANNELS, j = e % CHANNELS, width = CHANNELS / groups;
                if (i / width == j / width)
                    ck_assert_msg(fabs(covariance(probe.y, i, j) - (i == j)) <= 1e-14 * condition,
                                  "channels %d and %d: %.17g", i, j, covariance(probe.y, i, j));
            }
            nl_probe_release(&probe);
        }
}
END_TEST

/* ---- directions that the data lack ---- */

/* The last channel is the sum of the others: a direction has no variance but that of rounding. */
START_TEST(what_has_no_variance_but_rounding_is_left_out)
{
    draw(10);
    for (int row = 0; row < ROWS; row++) {
        x[row * CHANNELS + CHANNELS - 1] = 0;
        for (int c = 0; c < CHANNELS - 1; c++)
            x[row * CHANNELS + CHANNELS - 1] += x[row * CHANNELS + c];
    }
    for (int whitening = NL_WHITEN_ZCA; whitening <= NL_WHITEN_PCA; whitening++) {
        struct nl_config config = config_of(NL_NORM_dbn, 1);
        config.norm.whitening = whitening;
        struct nl_probe probe = run(&config, &nl_backend_ref);
        double variance = 0;
        for (int c = 0; c < CHANNELS; c++)
            variance += covariance(probe.y, c, c);
        ck_assert_msg(fabs(variance - (CHANNELS - 1)) <= 1e-10, "%d: variances add up to %.17g", whitening, variance);
        for (int row = 0; row < ROWS; row++) {
            double sum = -probe.dx[row * CHANNELS + CHANNELS - 1];
            for (int c = 0; c < CHANNELS - 1; c++)
                sum += probe.dx[row * CHANNELS + c];
            ck_assert_msg(fabs(sum) <= 1e-10, "%d: dx has %.3g of it in row %d", whitening, sum, row);
        }
        nl_probe_release(&probe);
    }
}
END_TEST

/* ---- what becomes of one another ---- */

START_TEST(one_channel_a_group_is_bn)
{
    draw(10);
    struct nl_config bn = config_of(NL_NORM_bn, 1), dbn = config_of(NL_NORM_dbn, CHANNELS);
    struct nl_probe a = run(&dbn, &nl_backend_ref), b = run(&bn, &nl_backend_ref);
    ck_assert_double_le(distance(a.y, b.y), 1e-13);
    ck_assert_double_le(distance(a.dx, b.dx), 1e-12);
    nl_probe_release(&a);
    nl_probe_release(&b);
}
END_TEST

/* The distance from ZCA falls with the iterations, to what rounding leaves, and stays there. */
static void check_limit(const struct nl_backend *backend, double condition, double rounding)
{
    static const int iterations[] = {3, 6, 9, 12, 15, 25, 60};
    enum { TIMES = sizeof iterations / sizeof *iterations, LAST = 2 }; /* the last ones are there */
    draw(condition);
    struct nl_config zca = config_of(NL_NORM_dbn, 1);
    struct nl_probe b = run(&zca, &nl_backend_ref);
    double before = INFINITY;
    for (int i = 0; i < TIMES; i++) {
        struct nl_config newton = config_of(NL_NORM_iternorm, 1);
        newton.norm.iterations = iterations[i];
        struct nl_probe a = run(&newton, backend);
        double y = distance(a.y, b.y), dx = distance(a.dx, b.dx);
        ck_assert_msg(i >= TIMES - LAST ? y <= rounding && dx <= 10 * rounding : y < before || y <= rounding,
                      "%s, condition %g, %d iterations: y is %.3g and dx %.3g from that of ZCA, before %.3g",
                      backend->name, condition, iterations[i], y, dx, before);
        before = y;
        nl_probe_release(&a);
    }
    nl_probe_release(&b);
}

START_TEST(iterations_lead_to_zca)
{
    check_limit(&nl_backend_ref, 10, 1e-14 * 10);
    check_limit(&nl_backend_ref, 1e4, 1e-14 * 1e4);
    check_limit(&nl_backend_cpu, 10, 1e-6 * 10);
    check_limit(&nl_backend_cpu, 1e3, 1e-6 * 1e3);
}
END_TEST

/* ---- numbers that are none ---- */

START_TEST(nan_comes_through)
{
    static const int kinds[] = {NL_NORM_dbn, NL_NORM_iternorm};
    draw(10);
    x[5 * CHANNELS + 3] = NAN;
    for (int b = 0; nl_backends[b]; b++)
        for (int k = 0; k < 2; k++) {
            struct nl_config config = config_of(kinds[k], 2);
            struct nl_probe probe = run(&config, nl_backends[b]);
            ck_assert(isnan(probe.y[0]) && isnan(probe.dx[0])); /* of the same group */
            ck_assert(isfinite(probe.y[CHANNELS - 1]));         /* of the other */
            nl_probe_release(&probe);
        }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("whitening");
    TCase *cases = tcase_create("whitening");
    tcase_add_test(cases, channels_of_a_group_come_out_without_correlation);
    tcase_add_test(cases, what_has_no_variance_but_rounding_is_left_out);
    tcase_add_test(cases, one_channel_a_group_is_bn);
    tcase_add_test(cases, iterations_lead_to_zca);
    tcase_add_test(cases, nan_comes_through);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
