/* What must hold of the normalizers whatever computes them: their partitions, published numbers, identities between
 * them, and the laws of their running statistics. Every test runs on every backend. */
#include <float.h>

#include "harness.h"
#include "suite.h"

enum { MOST = 4096 };

/* Agreement to the rounding of the backend's type, of numbers of order one. */
static double tolerance(const struct nl_backend *backend)
{
    return backend->real == sizeof(float) ? 16 * FLT_EPSILON : 1e-12;
}

static void check_close(const struct probe *p, const char *what, double found, double expected, double allowed)
{
    ck_assert_msg(fabs(found - expected) <= allowed, "%s on %s: %s is %.12g, not %.12g", p->spec.name,
                  p->image.backend->name, what, found, expected);
}

/* ---- partitions ---- */

START_TEST(sets_are_those_of_the_table)
{
    static const struct {
        const struct nl_norm *norm;
        struct nl_norm_setup
            setup; /* samples, positions, channels, groups, stat_batch, over_position; what custom has */
        int sets, elements;
    } rows[] = {
        {&nl_norm_bn, {32, 28 * 28, 64, 1, 0, false, false, false, 0}, 64, 25088},
        {&nl_norm_bn, {8, 32 * 32, 64, 1, 0, false, false, false, 0}, 64, 8192},
        {&nl_norm_bn, {8, 32 * 32, 64, 1, 2, false, false, false, 0}, 256, 2048},
        {&nl_norm_bn, {7, 1, 3, 1, 2, false, false, false, 0}, 12, 2},
        {&nl_norm_bn, {7, 1, 3, 1, 7, false, false, false, 0}, 3, 7},
        {&nl_norm_bn, {7, 1, 3, 1, 100, false, false, false, 0}, 3, 7},
        {&nl_norm_ln, {8, 32 * 32, 64, 1, 0, false, false, false, 0}, 8, 65536},
        {&nl_norm_ln, {8, 32 * 32, 64, 1, 0, true, false, false, 0}, 8192, 64},
        {&nl_norm_rms, {8, 32 * 32, 64, 1, 0, false, false, false, 0}, 8, 65536},
        {&nl_norm_rms, {8, 32 * 32, 64, 1, 0, true, false, false, 0}, 8192, 64},
        {&nl_norm_in, {8, 32 * 32, 64, 1, 0, false, false, false, 0}, 512, 1024},
        {&nl_norm_gn, {8, 32 * 32, 64, 8, 0, false, false, false, 0}, 64, 8192},
        {&nl_norm_ln, {8, 32 * 32, 64, 1, 2, false, false, false, 0}, 8, 65536}, /* stat_batch is BN's alone */
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct nl_partition partition = rows[i].norm->partition(&rows[i].setup);
        struct nl_normalize op = {.norm = rows[i].norm, .setup = rows[i].setup};
        ck_assert_int_eq(nl_partition_sets(&partition, &rows[i].setup), rows[i].sets);
        ck_assert_int_eq(nl_normalize_sets(&op, rows[i].setup.samples), rows[i].sets);
        ck_assert_int_eq(partition.samples * partition.positions * partition.channels, rows[i].elements);
    }
}
END_TEST

START_TEST(table_names_each_normalizer_once)
{
    int count = 0;
    for (; nl_norms[count]; count++) {
        ck_assert_str_eq(nl_norms[count]->name, nl_norm_names[count]);
        ck_assert_ptr_eq(nl_norm_find(nl_norms[count]->name), nl_norms[count]);
        ck_assert(nl_norms[count]->title && nl_norms[count]->label);
    }
    ck_assert_int_ge(count, 6);
    ck_assert_ptr_null(nl_norm_names[count]);
    ck_assert_ptr_null(nl_norm_find("batch"));
}
END_TEST

/* ---- published numbers ---- */

static void check_values(const struct nl_backend *backend, struct spec spec, const double *x, double gamma, double beta,
                         double mean, double var, const double *y, double allowed)
{
    struct probe p = probe_make(backend, 1, spec);
    size_t count = p.y_count;
    p.hyper->norm_eps = 0.0;
    image_put(&p.image, 0, p.input[0].value, x, count);
    for (size_t a = 0; a < p.input[1].count; a++) {
        image_set_real(&p.image, 0, p.input[1].value, a, gamma);
        if (p.inputs > 2)
            image_set_real(&p.image, 0, p.input[2].value, a, beta);
    }
    probe_forward(&p);
    check_close(&p, "mean", *(const double *)p.normalize.mean, mean, 1e-12);
    check_close(&p, "var", *(const double *)p.normalize.var, var, 1e-12);
    for (size_t i = 0; i < count; i++)
        check_close(&p, "y", image_real(&p.image, 0, p.y, i), y[i], allowed);
    probe_free(&p);
}

/* The same four numbers as a batch of one channel, as a sample of four channels, as a channel of four positions. */
static const struct spec ways[] = {
    {"bn", NORMALIZE, .norm = &nl_norm_bn, .samples = 4, .channels = 1},
    {"ln", NORMALIZE, .norm = &nl_norm_ln, .samples = 1, .channels = 4},
    {"gn", NORMALIZE, .norm = &nl_norm_gn, .samples = 1, .channels = 4, .groups = 1},
    {"in", NORMALIZE, .norm = &nl_norm_in, .samples = 1, .height = 2, .width = 2, .channels = 1},
};

START_TEST(worked_examples_come_out)
{
    const double five = 5e-5; /* as many digits as are printed */
    for (int b = 0; nl_backends[b]; b++) {
        for (size_t k = 0; k < sizeof ways / sizeof *ways; k++) {
            check_values(nl_backends[b], ways[k], (double[]){2, 4, 8, 10}, 1, 0, 6, 10,
                         (double[]){-1.2649, -0.6325, 0.6325, 1.2649}, five);
            check_values(nl_backends[b], ways[k], (double[]){2, 4, 8, 10}, 2, 1, 6, 10,
                         (double[]){-1.5298, -0.2649, 2.2649, 3.5298}, five);
            check_values(nl_backends[b], ways[k], (double[]){1, 3, 5, 7}, 1, 0, 4, 5,
                         (double[]){-1.3416, -0.4472, 0.4472, 1.3416}, five);
        }
        struct spec eight = {"bn", NORMALIZE, .norm = &nl_norm_bn, .samples = 8, .channels = 1};
        check_values(nl_backends[b], eight, (double[]){2, 4, 4, 4, 5, 5, 7, 9}, 1, 0, 5, 4,
                     (double[]){-1.5, -.5, -.5, -.5, 0, 0, 1, 2}, 1e-6);
        /* The mean of the squares of 1, 7, -1, 7 is 25. */
        struct spec rms = {"rms", NORMALIZE, .norm = &nl_norm_rms, .samples = 1, .channels = 4};
        check_values(nl_backends[b], rms, (double[]){1, 7, -1, 7}, 1, 0, 0, 25, (double[]){0.2, 1.4, -0.2, 1.4}, 1e-6);
        /* No spread and eps 0: beta, not 0/0. */
        check_values(nl_backends[b], eight, (double[]){3, 3, 3, 3, 3, 3, 3, 3}, 2, 7, 3, 0,
                     (double[]){7, 7, 7, 7, 7, 7, 7, 7}, 0);
    }
}
END_TEST

/* ---- identities ---- */

static void check_same(const struct nl_backend *backend, struct spec left, struct spec right)
{
    static double a[MOST], b[MOST];
    struct probe p = probe_make(backend, 1, left), q = probe_make(backend, 1, right);
    probe_fill(&p, 0, 1);
    probe_fill(&q, 0, 1);
    probe_forward(&p), probe_forward(&q);
    probe_backward(&p), probe_backward(&q);
    image_get(&p.image, 0, p.y, a, p.y_count);
    image_get(&q.image, 0, q.y, b, q.y_count);
    ck_assert_msg(distance(a, b, p.y_count, 1) <= tolerance(backend), "%s is not %s on %s: y", left.name, right.name,
                  backend->name);
    ck_assert_int_eq(p.inputs, q.inputs);
    for (int k = 0; k < p.inputs; k++) {
        image_get(&p.image, 0, p.input[k].gradient, a, p.input[k].count);
        image_get(&q.image, 0, q.input[k].gradient, b, q.input[k].count);
        ck_assert_msg(distance(a, b, p.input[k].count, 1) <= tolerance(backend), "%s is not %s on %s: d%s", left.name,
                      right.name, backend->name, p.input[k].name);
    }
    probe_free(&p);
    probe_free(&q);
}

START_TEST(identities_hold)
{
    for (int b = 0; nl_backends[b]; b++)
        for (int relu = 0; relu < 2; relu++)
            for (int side = 1; side < 5; side += 3) { /* a fully connected layer, an image */
                struct spec bn = {"BN",           NORMALIZE,     .norm = &nl_norm_bn, .samples = 6,
                                  .height = side, .width = side, .channels = 12,      .relu = relu};
                struct spec ghost = bn, ln = bn, gn = bn, in = bn, over = bn;
                ghost.name = "ghost BN of the whole batch", ghost.stat_batch = 6;
                check_same(nl_backends[b], ghost, bn);
                ln.name = "LN", ln.norm = &nl_norm_ln;
                gn.name = "GN of one group", gn.norm = &nl_norm_gn, gn.groups = 1;
                check_same(nl_backends[b], gn, ln);
                gn.affine = ln.affine = NL_AFFINE_ELEMENT;
                check_same(nl_backends[b], gn, ln);
                gn.affine = NL_AFFINE_CHANNEL;
                in.name = "IN", in.norm = &nl_norm_in;
                gn.name = "GN of one channel a group", gn.groups = 12;
                check_same(nl_backends[b], gn, in);
                /* BN of one sample is IN of it; ghost BN of single samples is IN. */
                ghost.name = "ghost BN of single samples", ghost.stat_batch = 1;
                check_same(nl_backends[b], ghost, in);
                /* LN over a position sees each position as a sample. */
                over.name = "LN over position", over.norm = &nl_norm_ln, over.over_position = true;
                ln.name = "LN of positions as samples", ln.affine = NL_AFFINE_CHANNEL, ln.samples = 6 * side * side,
                ln.height = ln.width = 1;
                check_same(nl_backends[b], over, ln);
            }
}
END_TEST

/* A set of one element: xhat 0, y beta, dx 0. */
START_TEST(sets_of_one_give_beta)
{
    static const struct spec alone[] = {
        {"bn of one", NORMALIZE, .norm = &nl_norm_bn, .samples = 1, .channels = 5},
        {"ghost bn of one", NORMALIZE, .norm = &nl_norm_bn, .samples = 3, .channels = 5, .stat_batch = 1},
        {"in of one", NORMALIZE, .norm = &nl_norm_in, .samples = 3, .channels = 5},
    };
    for (int b = 0; nl_backends[b]; b++)
        for (size_t k = 0; k < sizeof alone / sizeof *alone; k++) {
            struct probe p = probe_make(nl_backends[b], 1, alone[k]);
            probe_fill(&p, 0, 1);
            probe_forward(&p);
            probe_backward(&p);
            for (size_t i = 0; i < p.y_count; i++) {
                check_close(&p, "y", image_real(&p.image, 0, p.y, i), image_real(&p.image, 0, p.input[2].value, i % 5),
                            0);
                check_close(&p, "dx", image_real(&p.image, 0, p.input[0].gradient, i), 0, 0);
            }
            for (size_t c = 0; c < 5; c++)
                check_close(&p, "dgamma", image_real(&p.image, 0, p.input[1].gradient, c), 0, 0);
            if (alone[k].norm->tracks) /* the biased variance, 0, goes into the running one: 0.9 an update */
                check_close(&p, "running_var", image_real(&p.image, 0, p.normalize.running_var, 0),
                            pow(0.9, (double)*p.normalize.updates), 1e-6);
            probe_free(&p);
        }
}
END_TEST

/* A partition that no normalizer here has, each position for itself over all samples: the backends go by the partition
 * alone. */
static struct nl_partition each_position(const struct nl_norm_setup *setup)
{
    return (struct nl_partition){.samples = setup->samples, .positions = 1, .channels = setup->channels / 2};
}

START_TEST(any_partition_works)
{
    static const struct nl_norm norm = {
        .name = "x", .title = "x", .label = "x", .partition = each_position, .centers = true, .shifts = true};
    static double a[MOST], b[MOST];
    for (int k = 0; nl_backends[k]; k++)
        for (int element = 0; element < 2; element++) {
            struct spec spec = {
                "each position", NORMALIZE,    .norm = &norm,
                .samples = 5,    .height = 2,  .width = 3,
                .channels = 4,   .relu = true, .affine = element ? NL_AFFINE_ELEMENT : NL_AFFINE_CHANNEL};
            struct probe p = probe_make(nl_backends[k], 1, spec), r = probe_make(&nl_backend_ref, 1, spec);
            probe_fill(&p, 0, 1);
            probe_fill(&r, 0, 1);
            probe_forward(&p), probe_forward(&r);
            probe_backward(&p), probe_backward(&r);
            image_get(&p.image, 0, p.y, a, p.y_count);
            image_get(&r.image, 0, r.y, b, r.y_count);
            ck_assert(distance(a, b, p.y_count, 1) <= 16 * FLT_EPSILON);
            for (int i = 0; i < p.inputs; i++) {
                image_get(&p.image, 0, p.input[i].gradient, a, p.input[i].count);
                image_get(&r.image, 0, r.input[i].gradient, b, r.input[i].count);
                ck_assert(distance(a, b, p.input[i].count, 1) <= 16 * FLT_EPSILON);
            }
            probe_free(&p);
            probe_free(&r);
        }
}
END_TEST

/* ---- running statistics ---- */

enum { SAMPLES = 6, CHANNELS = 3 };

/* Mean and biased variance of channel c over samples [from, to) of x, in two passes. */
static void moments(const struct probe *p, size_t from, size_t to, size_t c, double *mean, double *var)
{
    double m = (double)(to - from);
    *mean = *var = 0.0;
    for (size_t n = from; n < to; n++)
        *mean += image_real(&p->image, 0, p->input[0].value, n * CHANNELS + c) / m;
    for (size_t n = from; n < to; n++)
        *var += pow(image_real(&p->image, 0, p->input[0].value, n * CHANNELS + c) - *mean, 2) / m;
}

static struct probe tracked(const struct nl_backend *backend, int stat_batch, double momentum, bool biased)
{
    struct spec spec = {"bn",
                        NORMALIZE,
                        .norm = &nl_norm_bn,
                        .samples = SAMPLES,
                        .channels = CHANNELS,
                        .stat_batch = stat_batch,
                        .momentum = momentum,
                        .biased = biased};
    struct probe p = probe_make(backend, 1, spec);
    probe_fill(&p, 0, 1);
    return p;
}

/* After k batches of the same numbers, of the first values 0 and 1 the share (1 - momentum)^k is left. */
START_TEST(running_statistics_forget_by_momentum)
{
    enum { TIMES = 7 };
    for (int b = 0; nl_backends[b]; b++)
        for (int biased = 0; biased < 2; biased++) {
            struct probe p = tracked(nl_backends[b], 0, 0.2, biased);
            for (int k = 0; k < TIMES; k++)
                probe_forward(&p);
            ck_assert_int_eq(*p.normalize.updates, TIMES);
            for (size_t c = 0; c < CHANNELS; c++) {
                double mean, var, left = pow(0.8, TIMES);
                moments(&p, 0, SAMPLES, c, &mean, &var);
                if (!biased)
                    var *= SAMPLES / (SAMPLES - 1.0);
                check_close(&p, "running_mean", image_real(&p.image, 0, p.normalize.running_mean, c), (1 - left) * mean,
                            tolerance(nl_backends[b]));
                check_close(&p, "running_var", image_real(&p.image, 0, p.normalize.running_var, c),
                            left + (1 - left) * var, tolerance(nl_backends[b]));
            }
            probe_free(&p);
        }
}
END_TEST

/* Cumulative: after k different batches, the plain average of theirs. */
START_TEST(cumulative_statistics_are_the_average)
{
    enum { TIMES = 5 };
    for (int b = 0; nl_backends[b]; b++) {
        struct probe p = tracked(nl_backends[b], 0, -1, false);
        double mean_sum[CHANNELS] = {0}, var_sum[CHANNELS] = {0};
        for (int k = 0; k < TIMES; k++) {
            probe_fill(&p, 0, 20 + (uint64_t)k);
            probe_forward(&p);
            for (size_t c = 0; c < CHANNELS; c++) {
                double mean, var;
                moments(&p, 0, SAMPLES, c, &mean, &var);
                mean_sum[c] += mean;
                var_sum[c] += var * SAMPLES / (SAMPLES - 1.0);
            }
        }
        for (size_t c = 0; c < CHANNELS; c++) {
            check_close(&p, "running_mean", image_real(&p.image, 0, p.normalize.running_mean, c), mean_sum[c] / TIMES,
                        tolerance(nl_backends[b]));
            check_close(&p, "running_var", image_real(&p.image, 0, p.normalize.running_var, c), var_sum[c] / TIMES,
                        tolerance(nl_backends[b]));
        }
        probe_free(&p);
    }
}
END_TEST

/* The slices of ghost BN, here 4 and 2 samples, are updates one after the other, each with its own m / (m - 1). */
START_TEST(ghost_slices_update_in_turn)
{
    for (int b = 0; nl_backends[b]; b++) {
        struct probe p = tracked(nl_backends[b], 4, 0.3, false);
        probe_forward(&p);
        ck_assert_int_eq(*p.normalize.updates, 2);
        for (size_t c = 0; c < CHANNELS; c++) {
            double mean, var, running_mean = 0, running_var = 1;
            moments(&p, 0, 4, c, &mean, &var);
            running_mean = 0.7 * running_mean + 0.3 * mean;
            running_var = 0.7 * running_var + 0.3 * var * 4 / 3;
            moments(&p, 4, 6, c, &mean, &var);
            running_mean = 0.7 * running_mean + 0.3 * mean;
            running_var = 0.7 * running_var + 0.3 * var * 2;
            check_close(&p, "running_mean", image_real(&p.image, 0, p.normalize.running_mean, c), running_mean,
                        tolerance(nl_backends[b]));
            check_close(&p, "running_var", image_real(&p.image, 0, p.normalize.running_var, c), running_var,
                        tolerance(nl_backends[b]));
        }
        probe_free(&p);
    }
}
END_TEST

/* Only training updates; evaluation normalizes with what was kept. */
START_TEST(evaluation_updates_nothing)
{
    static const enum nl_statistics modes[] = {NL_STATS_BATCH, NL_STATS_RUNNING, NL_STATS_PRECISE, NL_STATS_COLLECT};
    for (int b = 0; nl_backends[b]; b++) {
        struct probe p = tracked(nl_backends[b], 0, 0.1, false);
        double before[2 * CHANNELS], after[2 * CHANNELS];
        for (int k = 0; k < 3; k++)
            probe_forward(&p);
        image_get(&p.image, 0, p.normalize.running_mean, before, CHANNELS);
        image_get(&p.image, 0, p.normalize.running_var, before + CHANNELS, CHANNELS);
        for (size_t k = 0; k < sizeof modes / sizeof *modes; k++) {
            p.run.statistics = modes[k];
            probe_forward(&p);
            image_get(&p.image, 0, p.normalize.running_mean, after, CHANNELS);
            image_get(&p.image, 0, p.normalize.running_var, after + CHANNELS, CHANNELS);
            ck_assert(memcmp(before, after, sizeof before) == 0);
            ck_assert_int_eq(*p.normalize.updates, 3);
        }
        p.run.statistics = NL_STATS_RUNNING;
        probe_forward(&p);
        for (size_t i = 0; i < p.y_count; i++) {
            size_t c = i % CHANNELS;
            double xhat =
                (image_real(&p.image, 0, p.input[0].value, i) - before[c]) / sqrt(before[CHANNELS + c] + 1e-5);
            double y =
                image_real(&p.image, 0, p.input[1].value, c) * xhat + image_real(&p.image, 0, p.input[2].value, c);
            check_close(&p, "y", image_real(&p.image, 0, p.y, i), y, tolerance(nl_backends[b]));
        }
        probe_free(&p);
    }
}
END_TEST

/* Collected over batches of 6, 6 and 5 samples, at once or in slices: mean and biased variance of all 17. */
START_TEST(precise_statistics_are_the_populations)
{
    static const int sizes[] = {6, 6, 5}, slices[] = {0, 4, 1};
    for (int b = 0; nl_backends[b]; b++)
        for (int k = 0; k < 3; k++) {
            struct probe p = tracked(nl_backends[b], slices[k], 0.1, false);
            double x[CHANNELS][17];
            int count = 0;
            p.run.statistics = NL_STATS_COLLECT;
            probe_forward(&p);
            *p.normalize.precise_count = 0; /* starts anew: nothing is left of the first pass */
            for (int i = 0; i < 3; i++) {
                probe_fill(&p, 0, 30 + (uint64_t)i);
                p.run.samples = sizes[i];
                probe_forward(&p);
                for (int n = 0; n < sizes[i]; n++, count++)
                    for (size_t c = 0; c < CHANNELS; c++)
                        x[c][count] = image_real(&p.image, 0, p.input[0].value, (size_t)n * CHANNELS + c);
            }
            check_close(&p, "precise_count", *p.normalize.precise_count, 17, 0);
            for (size_t c = 0; c < CHANNELS; c++) {
                double mean = 0, var = 0;
                for (int i = 0; i < 17; i++)
                    mean += x[c][i] / 17;
                for (int i = 0; i < 17; i++)
                    var += (x[c][i] - mean) * (x[c][i] - mean) / 17;
                check_close(&p, "precise_mean", p.normalize.precise_mean[c], mean, tolerance(nl_backends[b]));
                check_close(&p, "precise_var", p.normalize.precise_var[c], var, tolerance(nl_backends[b]));
            }
            probe_free(&p);
        }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("norm");
    TCase *norms = tcase_create("norms");
    tcase_add_test(norms, sets_are_those_of_the_table);
    tcase_add_test(norms, table_names_each_normalizer_once);
    tcase_add_test(norms, worked_examples_come_out);
    tcase_add_test(norms, identities_hold);
    tcase_add_test(norms, sets_of_one_give_beta);
    tcase_add_test(norms, any_partition_works);
    tcase_add_test(norms, running_statistics_forget_by_momentum);
    tcase_add_test(norms, cumulative_statistics_are_the_average);
    tcase_add_test(norms, ghost_slices_update_in_turn);
    tcase_add_test(norms, evaluation_updates_nothing);
    tcase_add_test(norms, precise_statistics_are_the_populations);
    suite_add_tcase(suite, norms);
    return run_suite(suite);
}
