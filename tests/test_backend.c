/* Every operation of every backend: `ref` against finite differences, the others against `ref`, replicas against runs of
 * their own. The optimizers, the loss and the gathering of a batch have test_backend_ends.c. */
#include <float.h>

#include "operation/accumulate.h"
#include "specs.h"
#include "suite.h"

static const struct nl_backend *const ref = &nl_backend_ref;

enum { MOST = 1 << 15 }; /* numbers in the largest field of a specification */

/* ---- 1. gradients against central differences, in float64 ---- */

static double objective(const struct probe *p)
{
    double sum = 0.0;
    probe_forward(p);
    for (size_t i = 0; i < p->y_count; i++)
        sum += image_real(&p->image, 0, p->y, i) * image_real(&p->image, 0, p->dy, i);
    return sum;
}

/* Error of the difference at h = 1e-5: h^2 times a third derivative of order one, and 1e-16 / h of rounding. */
START_TEST(gradients_are_finite_differences)
{
    const double h = 1e-5, tolerance = 1e-7;
    struct spec spec = specs[_i];
    if (spec.fill != NORMAL) /* ties of a pool and lost digits belong to the other tests */
        return;
    struct probe p = probe_make(ref, 1, spec);
    probe_fill(&p, 0, 1);
    objective(&p);
    probe_backward(&p);
    for (int k = 0; k < p.inputs; k++) {
        struct input *input = &p.input[k];
        double largest = 1.0;
        size_t every = input->count / 60 + 1;
        for (size_t i = 0; input->gradient && i < input->count; i++)
            largest = fmax(largest, fabs(image_real(&p.image, 0, input->gradient, i)));
        for (size_t i = 0; input->gradient && i < input->count; i += every) {
            double value = image_real(&p.image, 0, input->value, i), gradient = image_real(&p.image, 0, input->gradient, i);
            image_set_real(&p.image, 0, input->value, i, value + h);
            double up = objective(&p);
            image_set_real(&p.image, 0, input->value, i, value - h);
            double down = objective(&p), difference = (up - down) / (2 * h);
            image_set_real(&p.image, 0, input->value, i, value);
            ck_assert_msg(fabs(difference - gradient) <= tolerance * largest, "%s: d%s[%zu] is %.12g, by differences %.12g", spec.name,
                          input->name, i, gradient, difference);
        }
    }
    probe_free(&p);
}
END_TEST

/* ---- 2. float32 against float64 on the same numbers ---- */

/* How far a float32 result may be from float64, as a multiple of FLT_EPSILON of the largest magnitude (at least 1). */
struct bound {
    double y, dx, parameters;
};

static struct bound bound_of(const struct spec *s)
{
    double positions = or_one(s->height) * or_one(s->width), taps = s->kernel * s->kernel;
    switch (s->kind) {
    case LINEAR: /* a dot product of k terms: k roundings of either sign */
        return (struct bound){4 * sqrt(s->channels), 4 * sqrt(s->out), 4 * sqrt(s->samples)};
    case CONV: /* the same; a weight sums over all positions of all samples */
        return (struct bound){4 * sqrt(taps * s->channels), 4 * sqrt(taps * s->out), 4 * sqrt(s->samples * positions)};
    case DEPTHWISE: /* the same of one channel */
        return (struct bound){4 * sqrt(taps), 4 * sqrt(taps), 4 * sqrt(s->samples * positions)};
    case NORMALIZE: /* y: six roundings of numbers up to |xhat gamma| + |beta|; dx: as many, of terms that cancel; sums of m terms */
        return (struct bound){6, 16, 4 * sqrt(s->samples * positions)};
    case ACTIVATE: /* exp to 2 ulp, its argument rounded, a quotient, a product or two */
        return (struct bound){6, 8, 0};
    case MAX_POOL: /* copies */
        return (struct bound){0, 0, 0};
    case MEAN_POOL: /* sums of 32 terms joined in double, a quotient */
        return (struct bound){8, 1, 0};
    case ADD: /* one rounding; copies */
        return (struct bound){1, 0, 0};
    case DROPOUT: /* a rounded factor, a product */
        return (struct bound){2, 2, 0};
    }
    return (struct bound){0, 0, 0};
}

static void compare(const struct probe *p, const struct probe *r, const void *field, const void *ref_field, size_t count, double bound,
                    const char *name)
{
    static double left[MOST], right[MOST];
    ck_assert(count <= MOST);
    image_get(&p->image, 0, field, left, count);
    image_get(&r->image, 0, ref_field, right, count);
    double found = distance(left, right, count, 1.0) / FLT_EPSILON;
    ck_assert_msg(found <= bound, "%s on %s: %s is %.3g eps from ref, allowed %.3g", p->spec.name, p->image.backend->name, name, found, bound);
}

static void compare_doubles(const struct probe *p, const double *left, const double *right, size_t count, double tolerance, const char *name)
{
    double found = distance(left, right, count, DBL_MIN);
    ck_assert_msg(found <= tolerance, "%s on %s: %s is %.3g from ref, allowed %.3g", p->spec.name, p->image.backend->name, name, found, tolerance);
}

static void check_against_ref(const struct nl_backend *backend, struct spec spec)
{
    struct probe p = probe_make(backend, 1, spec), r = probe_make(ref, 1, spec);
    struct bound bound = bound_of(&spec);
    probe_fill(&p, 0, 2);
    probe_fill(&r, 0, 2);
    probe_forward(&p), probe_forward(&r);
    probe_backward(&p), probe_backward(&r);
    compare(&p, &r, p.y, r.y, p.y_count, bound.y, "y");
    for (int k = 0; k < p.inputs; k++)
        if (p.input[k].gradient)
            compare(&p, &r, p.input[k].gradient, r.input[k].gradient, p.input[k].count, k ? bound.parameters : bound.dx, p.input[k].name);
    if (spec.kind == NORMALIZE) {
        size_t sets = (size_t)nl_normalize_sets(&p.normalize, spec.samples), channels = (size_t)spec.channels;
        /* The mean is a double: its error is that of a sum of deviations. */
        compare_doubles(&p, p.normalize.mean, r.normalize.mean, sets, spec.fill == FAR ? 1e-10 : 1e-6, "mean");
        compare_doubles(&p, p.normalize.var, r.normalize.var, sets, 4 * FLT_EPSILON, "var");
        if (spec.norm->tracks) { /* stored in float32 */
            compare(&p, &r, p.normalize.running_mean, r.normalize.running_mean, channels, 1, "running_mean");
            compare(&p, &r, p.normalize.running_var, r.normalize.running_var, channels, 4, "running_var");
            ck_assert_int_eq(*p.normalize.updates, *r.normalize.updates);
        }
    }
    image_check_gaps(&p.image, spec.name);
    image_check_gaps(&r.image, spec.name);
    probe_free(&p);
    probe_free(&r);
}

static void put_floats(void *to, const double *from, size_t count)
{
    for (size_t i = 0; i < count; i++)
        ((float *)to)[i] = (float)from[i];
}

static void get_floats(double *to, const void *from, size_t count)
{
    for (size_t i = 0; i < count; i++)
        to[i] = ((const float *)from)[i];
}

/* The reference's kernels for float32, on `ref`'s memory. */
static struct nl_backend float_reference(struct nl_kernel kernels[16])
{
    struct nl_backend backend = *ref;
    backend.name = "the float reference";
    backend.element = NL_ELEMENT_FLOAT;
    backend.real = sizeof(float);
    backend.put_reals = put_floats;
    backend.get_reals = get_floats;
    backend.kernels = kernels;
    for (int k = 0; ref->kernels[k].operation; k++)
        kernels[k] = *nl_reference_kernel(NL_ELEMENT_FLOAT, ref->kernels[k].operation);
    return backend;
}

START_TEST(backends_agree)
{
    struct nl_kernel kernels[16] = {0};
    struct nl_backend reference = float_reference(kernels);
    check_against_ref(&reference, specs[_i]);
    for (int b = 0; nl_backends[b]; b++)
        if (nl_backends[b] != ref)
            check_against_ref(nl_backends[b], specs[_i]);
}
END_TEST

/* Each replica is bit for bit what it would be alone: the whole image, with all that lies in it. */
START_TEST(replicas_are_independent)
{
    for (int b = 0; nl_backends[b]; b++) {
        struct probe together = probe_make(nl_backends[b], 3, specs[_i]);
        for (int r = 0; r < 3; r++)
            probe_fill(&together, r, 10 + (uint64_t)r);
        probe_forward(&together);
        probe_backward(&together);
        for (int r = 0; r < 3; r++) {
            struct probe alone = probe_make(nl_backends[b], 1, specs[_i]);
            probe_fill(&alone, 0, 10 + (uint64_t)r);
            probe_forward(&alone);
            probe_backward(&alone);
            ck_assert_msg(memcmp(alone.image.memory, image_place(&together.image, r, together.image.memory), alone.image.stride) == 0,
                          "%s on %s: replica %d of 3 is not what it is alone", specs[_i].name, nl_backends[b]->name, r);
            probe_free(&alone);
        }
        probe_free(&together);
    }
}
END_TEST

/* What lies beyond the samples of the run stays as it was. */
START_TEST(capacity_beyond_the_samples_is_untouched)
{
    for (int b = 0; nl_backends[b] && specs[_i].capacity > specs[_i].samples; b++) {
        struct probe p = probe_make(nl_backends[b], 1, specs[_i]);
        probe_fill(&p, 0, 3);
        for (size_t i = 0; i < p.y_capacity; i++)
            image_set_real(&p.image, 0, p.y, i, 12345.0);
        for (size_t i = 0; i < p.input[0].capacity; i++)
            image_set_real(&p.image, 0, p.input[0].gradient, i, 12345.0);
        probe_forward(&p);
        probe_backward(&p);
        for (size_t i = 0; i < p.y_capacity; i++)
            ck_assert_msg((image_real(&p.image, 0, p.y, i) == 12345.0) == (i >= p.y_count), "%s on %s: y[%zu]", p.spec.name, nl_backends[b]->name, i);
        for (size_t i = 0; i < p.input[0].capacity; i++)
            ck_assert_msg((image_real(&p.image, 0, p.input[0].gradient, i) == 12345.0) == (i >= p.input[0].count), "%s on %s: dx[%zu]",
                          p.spec.name, nl_backends[b]->name, i);
        probe_free(&p);
    }
}
END_TEST

/* NaN goes in, NaN comes out: a diverged run is seen. */
START_TEST(nan_is_never_hidden)
{
    for (int b = 0; nl_backends[b]; b++) {
        struct probe p = probe_make(nl_backends[b], 1, specs[_i]);
        bool found = false;
        probe_fill(&p, 0, 4);
        for (size_t i = 0; i < p.input[0].count / (size_t)p.spec.samples; i++)
            image_set_real(&p.image, 0, p.input[0].value, i, NAN);
        probe_forward(&p);
        for (size_t i = 0; i < p.y_count; i++)
            found |= isnan(image_real(&p.image, 0, p.y, i));
        ck_assert_msg(found, "%s on %s hides a NaN", p.spec.name, nl_backends[b]->name);
        probe_free(&p);
    }
}
END_TEST

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
            nl_kernel_find(nl_backends[b], "normalize")->backward(&p.run, &in_place);
            ck_assert_msg(memcmp(p.normalize.dx, p.dy, bytes) == 0, "%s on %s", specs[i].name, nl_backends[b]->name);
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
            nl_kernel_find(nl_backends[b], "add")->backward(&p.run, &in_place);
            ck_assert_msg(memcmp(p.add.da, p.dy, bytes) == 0, "%s on %s", specs[i].name, nl_backends[b]->name);
            in_place.y = p.input[1].value;
            nl_kernel_find(nl_backends[b], "add")->forward(&p.run, &in_place);
            ck_assert_msg(memcmp(p.y, in_place.y, bytes) == 0, "%s on %s", specs[i].name, nl_backends[b]->name);
            probe_free(&p);
        }
}
END_TEST

/* Far into the tails, where exp leaves the range of float32. */
START_TEST(activations_hold_at_the_ends)
{
    static const double at[] = {-1e4, -120, -88.5, -40, -12, -6, -1e-3, -1e-30, 0, 1e-30, 1e-3, 6, 12, 40, 88.5, 120, 1e4};
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
            ck_assert_msg(fabs(y[0][k] - y[1][k]) <= 8 * FLT_EPSILON * fmax(1, fabs(y[1][k])), "%s(%g) is %.9g, not %.9g", spec.name, at[k], y[0][k], y[1][k]);
            ck_assert_msg(fabs(dx[0][k] - dx[1][k]) <= 8 * FLT_EPSILON * fmax(1, fabs(dx[1][k])), "%s'(%g) is %.9g, not %.9g", spec.name, at[k], dx[0][k], dx[1][k]);
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
            nl_kernel_find(nl_backends[b], "dropout")->forward(&run, &part);
            nl_kernel_find(nl_backends[b], "dropout")->backward(&run, &part);
        }
        size_t bytes = whole.y_count * nl_backends[b]->real;
        ck_assert_msg(memcmp(whole.y, parts.y, bytes) == 0, "y on %s", nl_backends[b]->name);
        ck_assert_msg(memcmp(whole.dropout.dx, parts.dropout.dx, bytes) == 0, "dx on %s", nl_backends[b]->name);
        probe_free(&whole);
        probe_free(&parts);
    }
}
END_TEST

/* Of every backend, or of the reference for its element where it has no kernel of its own: all numbers, whatever the run's samples. */
START_TEST(accumulate_adds_all_numbers_of_each_replica)
{
    enum { COUNT = 301, REPLICAS = 3 };
    for (int b = 0; nl_backends[b]; b++) {
        const struct nl_backend *backend = nl_backends[b];
        const struct nl_kernel *own = nl_kernel_find(backend, "accumulate");
        const struct nl_kernel *kernel = own ? own : nl_reference_kernel(backend->element, "accumulate");
        struct image image = image_make(backend, REPLICAS, PROBE_BYTES);
        struct nl_accumulate op = {.count = COUNT, .x = image_reals(&image, COUNT), .y = image_reals(&image, COUNT)};
        struct nl_run run = {.replicas = REPLICAS, .stride = image.stride, .samples = 1};
        for (int r = 0; r < REPLICAS; r++)
            for (size_t i = 0; i < COUNT; i++) {
                image_set_real(&image, r, (void *)(uintptr_t)op.x, i, drawn((uint64_t)r, "x", i));
                image_set_real(&image, r, op.y, i, drawn((uint64_t)r, "y", i));
            }
        kernel->forward(&run, &op);
        for (int r = 0; r < REPLICAS; r++)
            for (size_t i = 0; i < COUNT; i++) {
                double expected = drawn((uint64_t)r, "x", i) + drawn((uint64_t)r, "y", i), found = image_real(&image, r, op.y, i);
                ck_assert_msg(fabs(found - expected) <= FLT_EPSILON * fabs(expected), "%s: y[%zu] of replica %d is %.9g, not %.9g", backend->name,
                              i, r, found, expected);
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
    tcase_add_loop_test(operations, gradients_are_finite_differences, 0, SPECS);
    tcase_add_loop_test(operations, backends_agree, 0, SPECS);
    tcase_add_loop_test(operations, replicas_are_independent, 0, SPECS);
    tcase_add_loop_test(operations, capacity_beyond_the_samples_is_untouched, 0, SPECS);
    tcase_add_loop_test(operations, nan_is_never_hidden, 0, SPECS);
    tcase_add_test(operations, activation_backward_works_in_place);
    tcase_add_test(operations, normalizer_backward_works_in_place);
    tcase_add_test(operations, a_sum_works_in_place);
    tcase_add_test(operations, activations_hold_at_the_ends);
    tcase_add_test(operations, dropout_draws_the_named_stream);
    tcase_add_test(operations, dropout_of_a_part_draws_what_the_batch_draws);
    tcase_add_test(operations, accumulate_adds_all_numbers_of_each_replica);
    suite_add_tcase(suite, operations);
    return run_suite(suite);
}
