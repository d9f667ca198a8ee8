/* Every operation of every backend (backend_checks.h), and what some of them promise beside it. The loss and the
 * gathering of a batch have test_backend_ends.c, the optimizers test_backend_optimizers.c. */
#include <float.h>

#include "operation/accumulate.h"
#include "specs.h"
#include "suite.h"
#include "backend_checks.h"

START_TEST(activation_backward_works_in_place)
{
    for (int b = 0; nl_backends[b]; b++)
        for (int i = 0; i < SPECS; i++) {
            if (specs[i].kind != ACTIVATE)
                continue;
            struct probe p = probe_make(nl_backends[b], 1, specs[i]);
            probe_fill(&p, 0, 5);
            probe_backward(&p);
            size_t bytes = p.y_count * nl_backends[b]->real;
            void *apart = malloc(bytes);
            memcpy(apart, p.activate.dx, bytes);
            p.activate.dx = p.dy;
            probe_backward(&p);
            ck_assert_msg(memcmp(apart, p.dy, bytes) == 0, "%s on %s", specs[i].name, nl_backends[b]->name);
            free(apart);
            probe_free(&p);
        }
}
END_TEST

START_TEST(normalizer_backward_works_in_place)
{
    for (int b = 0; nl_backends[b]; b++)
        for (int i = 0; i < SPECS; i++) {
            if (specs[i].kind != NORMALIZE || specs[i].residual)
                continue;
            struct probe p = probe_make(nl_backends[b], 1, specs[i]);
            probe_fill(&p, 0, 5);
            probe_forward(&p);
            probe_backward(&p);
            size_t bytes = p.y_count * nl_backends[b]->real;
            struct nl_normalize in_place = p.normalize;
            in_place.dx = p.dy;
            ck_assert(memcmp(p.normalize.dx, p.dy, bytes) != 0);
            nl_kernel_of(nl_backends[b], &nl_normalize_operation, &in_place)->backward(&p.run, &in_place);
            ck_assert_msg(memcmp(p.normalize.dx, p.dy, bytes) == 0, "%s on %s", specs[i].name, nl_backends[b]->name);
            probe_free(&p);
        }
}
END_TEST

/* dx in the place of dy, with the same sums; y in that of x, where there is no weight. */
START_TEST(scalars_work_in_place)
{
    for (int b = 0; nl_backends[b]; b++)
        for (int i = 0; i < SPECS; i++) {
            if (specs[i].kind != SCALARS || specs[i].no_dx)
                continue;
            struct probe p = probe_make(nl_backends[b], 1, specs[i]);
            probe_fill(&p, 0, 5);
            probe_forward(&p);
            probe_backward(&p);
            size_t bytes = p.y_count * nl_backends[b]->real;
            double sum[2] = {0}, again[2] = {0};
            for (int k = 1; k < p.inputs; k++)
                sum[k - 1] = image_real(&p.image, 0, p.input[k].gradient, 0);
            struct nl_scalars in_place = p.scalars;
            in_place.dx = p.dy;
            nl_kernel_of(nl_backends[b], &nl_scalars_operation, &in_place)->backward(&p.run, &in_place);
            for (int k = 1; k < p.inputs; k++)
                again[k - 1] = image_real(&p.image, 0, p.input[k].gradient, 0);
            ck_assert_msg(memcmp(p.scalars.dx, p.dy, bytes) == 0 && memcmp(sum, again, sizeof sum) == 0, "%s on %s",
                          specs[i].name, nl_backends[b]->name);
            in_place.y = p.input[0].value;
            if (!specs[i].weight)
                nl_kernel_of(nl_backends[b], &nl_scalars_operation, &in_place)->forward(&p.run, &in_place);
            ck_assert_msg(specs[i].weight || memcmp(p.y, in_place.y, bytes) == 0, "%s on %s", specs[i].name,
                          nl_backends[b]->name);
            probe_free(&p);
        }
}
END_TEST

/* A NaN is the largest of a window wherever it stands, and gets the gradient; so does the first of two. */
START_TEST(a_nan_is_not_hidden_by_pooling)
{
    enum { CHANNELS = 19 }; /* more than a vector, and a rest */
    const struct spec spec = {"max-pool", MAX_POOL, .samples = 1, .height = 2, .width = 2, .channels = CHANNELS};
    for (int b = 0; nl_backends[b]; b++)
        for (int nans = 1; nans < 16; nans++) { /* bit by bit, the places that are NaN */
            struct probe p = probe_make(nl_backends[b], 1, spec);
            int first = 0;
            while (!(nans >> first & 1))
                first++;
            probe_fill(&p, 0, 5);
            for (size_t i = 0; i < 4 * CHANNELS; i++)
                if (nans >> i / CHANNELS & 1)
                    image_set_real(&p.image, 0, p.input[0].value, i, NAN);
            probe_forward(&p);
            probe_backward(&p);
            for (size_t c = 0; c < CHANNELS; c++)
                ck_assert_msg(isnan(image_real(&p.image, 0, p.y, c)), "%s, places %x: channel %zu is %g",
                              nl_backends[b]->name, (unsigned)nans, c, image_real(&p.image, 0, p.y, c));
            for (size_t i = 0; i < 4 * CHANNELS; i++) {
                double expected = i / CHANNELS == (size_t)first ? image_real(&p.image, 0, p.dy, i % CHANNELS) : 0;
                double found = image_real(&p.image, 0, p.input[0].gradient, i);
                ck_assert_msg(found == expected, "%s, places %x: dx[%zu] is %g, not %g", nl_backends[b]->name,
                              (unsigned)nans, i, found, expected);
            }
            probe_free(&p);
        }
}
END_TEST

/* As the plan lays out an identity shortcut: y is a forwards; dy, da and db are one place backwards. */
START_TEST(a_sum_works_in_place)
{
    for (int b = 0; nl_backends[b]; b++)
        for (int i = 0; i < SPECS; i++) {
            if (specs[i].kind != ADD || specs[i].channels != specs[i].out || specs[i].stride == 2)
                continue;
            struct probe p = probe_make(nl_backends[b], 1, specs[i]);
            probe_fill(&p, 0, 5);
            probe_forward(&p);
            probe_backward(&p);
            size_t bytes = p.y_count * nl_backends[b]->real;
            ck_assert(memcmp(p.add.da, p.add.db, bytes) == 0);
            struct nl_add in_place = p.add;
            in_place.da = in_place.db = p.dy;
            nl_kernel_of(nl_backends[b], &nl_add_operation, &in_place)->backward(&p.run, &in_place);
            ck_assert_msg(memcmp(p.add.da, p.dy, bytes) == 0, "%s on %s", specs[i].name, nl_backends[b]->name);
            in_place.y = p.input[1].value;
            nl_kernel_of(nl_backends[b], &nl_add_operation, &in_place)->forward(&p.run, &in_place);
            ck_assert_msg(memcmp(p.y, in_place.y, bytes) == 0, "%s on %s", specs[i].name, nl_backends[b]->name);
            probe_free(&p);
        }
}
END_TEST

/* Far into the tails, where exp leaves the range of float32. */
START_TEST(activations_hold_at_the_ends)
{
    static const double at[] = {-1e4,  -120, -88.5, -40, -12, -6,   -1e-3, -1e-30, 0,
                                1e-30, 1e-3, 6,     12,  40,  88.5, 120,   1e4};
    enum { POINTS = sizeof at / sizeof *at };
    for (int i = 0; i < SPECS; i++) {
        if (specs[i].kind != ACTIVATE)
            continue;
        struct spec spec = specs[i];
        double y[2][POINTS], dx[2][POINTS];
        spec.samples = spec.capacity = 1;
        spec.channels = POINTS;
        for (int b = 0; b < 2; b++) {
            struct probe p = probe_make(nl_backends[b], 1, spec);
            for (size_t k = 0; k < POINTS; k++) {
                image_set_real(&p.image, 0, p.input[0].value, k, (float)at[k]);
                image_set_real(&p.image, 0, p.dy, k, 1.0);
            }
            probe_forward(&p);
            probe_backward(&p);
            image_get(&p.image, 0, p.y, y[b], POINTS);
            image_get(&p.image, 0, p.input[0].gradient, dx[b], POINTS);
            probe_free(&p);
        }
        for (size_t k = 0; k < POINTS; k++) {
            ck_assert_msg(fabs(y[0][k] - y[1][k]) <= 8 * FLT_EPSILON * fmax(1, fabs(y[1][k])),
                          "%s(%g) is %.9g, not %.9g", spec.name, at[k], y[0][k], y[1][k]);
            ck_assert_msg(fabs(dx[0][k] - dx[1][k]) <= 8 * FLT_EPSILON * fmax(1, fabs(dx[1][k])),
                          "%s'(%g) is %.9g, not %.9g", spec.name, at[k], dx[0][k], dx[1][k]);
        }
    }
}
END_TEST

START_TEST(dropout_draws_the_named_stream)
{
    static const double rates[] = {1e-9, 0.1, 0.3, 0.5, 0.95};
    struct spec spec = {"dropout", DROPOUT, .samples = 7, .channels = 501};
    for (int b = 0; nl_backends[b]; b++)
        for (size_t k = 0; k < sizeof rates / sizeof *rates; k++) {
            struct probe p = probe_make(nl_backends[b], 1, spec);
            p.hyper->dropout = rates[k];
            probe_fill(&p, 0, 6);
            probe_forward(&p);
            for (size_t i = 0; i < p.y_count; i++) {
                bool kept = nl_stream_uniform(nl_stream(3, "dropout.1"), 7, i) >= rates[k];
                double x = image_real(&p.image, 0, p.dropout.x, i), y = image_real(&p.image, 0, p.y, i);
                ck_assert(fabs(y - (kept ? x / (1 - rates[k]) : 0)) <= 2 * FLT_EPSILON * fabs(y));
            }
            probe_free(&p);
        }
}
END_TEST

/* Forwards and backwards: the parts of a batch, one after the other, have the bits of the batch. */
START_TEST(dropout_of_a_part_draws_what_the_batch_draws)
{
    enum { SAMPLES = 7, CHANNELS = 501, FIRST = 3 };
    struct spec spec = {"dropout", DROPOUT, .samples = SAMPLES, .channels = CHANNELS};
    for (int b = 0; nl_backends[b]; b++) {
        struct probe whole = probe_make(nl_backends[b], 1, spec), parts = probe_make(nl_backends[b], 1, spec);
        probe_fill(&whole, 0, 6);
        probe_fill(&parts, 0, 6);
        probe_forward(&whole);
        probe_backward(&whole);
        for (int first = 0; first < SAMPLES; first += FIRST) {
            size_t at = (size_t)first * CHANNELS * nl_backends[b]->real;
            struct nl_run run = parts.run;
            struct nl_dropout part = parts.dropout;
            run.first = first;
            run.batch = SAMPLES;
            run.samples = SAMPLES - first < FIRST ? SAMPLES - first : FIRST;
            part.x = (const char *)part.x + at;
            part.y = (char *)part.y + at;
            part.dy = (const char *)part.dy + at;
            part.dx = (char *)part.dx + at;
            nl_kernel_of(nl_backends[b], &nl_dropout_operation, &part)->forward(&run, &part);
            nl_kernel_of(nl_backends[b], &nl_dropout_operation, &part)->backward(&run, &part);
        }
        size_t bytes = whole.y_count * nl_backends[b]->real;
        ck_assert_msg(memcmp(whole.y, parts.y, bytes) == 0, "y on %s", nl_backends[b]->name);
        ck_assert_msg(memcmp(whole.dropout.dx, parts.dropout.dx, bytes) == 0, "dx on %s", nl_backends[b]->name);
        probe_free(&whole);
        probe_free(&parts);
    }
}
END_TEST

/* Of every backend, or of the reference for its element where it has no kernel of its own: all numbers, whatever the
 * run's samples. */
START_TEST(accumulate_adds_all_numbers_of_each_replica)
{
    enum { COUNT = 301, REPLICAS = 3 };
    for (int b = 0; nl_backends[b]; b++) {
        const struct nl_backend *backend = nl_backends[b];
        struct image image = image_make(backend, REPLICAS, PROBE_BYTES);
        struct nl_accumulate op = {.count = COUNT, .x = image_reals(&image, COUNT), .y = image_reals(&image, COUNT)};
        struct nl_run run = {.replicas = image.replicas, .stride = image.stride, .samples = 1};
        for (int r = 0; r < image.replicas; r++)
            for (size_t i = 0; i < COUNT; i++) {
                image_set_real(&image, r, (void *)(uintptr_t)op.x, i, drawn((uint64_t)r, "x", i));
                image_set_real(&image, r, op.y, i, drawn((uint64_t)r, "y", i));
            }
        nl_kernel_of(backend, &nl_accumulate_operation, &op)->forward(&run, &op);
        for (int r = 0; r < image.replicas; r++)
            for (size_t i = 0; i < COUNT; i++) {
                double expected = drawn((uint64_t)r, "x", i) + drawn((uint64_t)r, "y", i),
                       found = image_real(&image, r, op.y, i);
                ck_assert_msg(fabs(found - expected) <= FLT_EPSILON * fabs(expected),
                              "%s: y[%zu] of replica %d is %.9g, not %.9g", backend->name, i, r, found, expected);
            }
        image_check_gaps(&image, "accumulate");
        image_free(&image);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("backend");
    TCase *operations = tcase_create("operations");
    add_backend_checks(operations);
    tcase_add_test(operations, activation_backward_works_in_place);
    tcase_add_test(operations, normalizer_backward_works_in_place);
    tcase_add_test(operations, scalars_work_in_place);
    tcase_add_test(operations, a_sum_works_in_place);
    tcase_add_test(operations, a_nan_is_not_hidden_by_pooling);
    tcase_add_test(operations, activations_hold_at_the_ends);
    tcase_add_test(operations, dropout_draws_the_named_stream);
    tcase_add_test(operations, dropout_of_a_part_draws_what_the_batch_draws);
    tcase_add_test(operations, accumulate_adds_all_numbers_of_each_replica);
    suite_add_tcase(suite, operations);
    return run_suite(suite);
}
