/* Operations of every backend, on the table `specs`, which the test that includes this has defined: `ref` against
 * finite differences, the others against `ref`, replicas against runs of their own. */
#ifndef TESTS_BACKEND_CHECKS_H
#define TESTS_BACKEND_CHECKS_H

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
    if (spec.fill != NORMAL || spec.detached ||
        spec.trains_running) /* ties of a pool, lost digits, and statistics that differences go through belong
                                to the other tests */
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
            double value = image_real(&p.image, 0, input->value, i),
                   gradient = image_real(&p.image, 0, input->gradient, i);
            image_set_real(&p.image, 0, input->value, i, value + h);
            double up = objective(&p);
            image_set_real(&p.image, 0, input->value, i, value - h);
            double down = objective(&p), difference = (up - down) / (2 * h);
            image_set_real(&p.image, 0, input->value, i, value);
            ck_assert_msg(fabs(difference - gradient) <= tolerance * largest,
                          "%s: d%s[%zu] is %.12g, by differences %.12g", spec.name, input->name, i, gradient,
                          difference);
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
    case NORMALIZE: /* y: six roundings of numbers up to |xhat gamma| + |beta|; dx: as many, of terms that cancel; sums
                       of m terms */
        return (struct bound){6, 16, 4 * sqrt(s->samples * positions)};
    case ACTIVATE: /* exp to 2 ulp, its argument rounded, a quotient, a product or two */
        return (struct bound){6, 8, 0};
    case MAX_POOL: /* copies */
        return (struct bound){0, 0, 0};
    case MEAN_POOL: /* sums of 32 terms joined in double, a quotient */
        return (struct bound){8, 1, 0};
    case ADD: /* one rounding; copies */
        return (struct bound){1, 0, 0};
    case SCALARS: /* a rounded factor, a product, a sum; sums in double */
        return (struct bound){2, 2, 1};
    case DROPOUT: /* a rounded factor, a product */
        return (struct bound){2, 2, 0};
    }
    return (struct bound){0, 0, 0};
}

static void compare(const struct probe *p, const struct probe *r, const void *field, const void *ref_field,
                    size_t count, double bound, const char *name)
{
    static double left[MOST], right[MOST];
    ck_assert(count <= MOST);
    image_get(&p->image, 0, field, left, count);
    image_get(&r->image, 0, ref_field, right, count);
    double found = distance(left, right, count, 1.0) / FLT_EPSILON;
    ck_assert_msg(found <= bound, "%s on %s: %s is %.3g eps from ref, allowed %.3g", p->spec.name,
                  p->image.backend->name, name, found, bound);
}

static void compare_doubles(const struct probe *p, const double *left, const double *right, size_t count,
                            double tolerance, const char *name)
{
    double found = distance(left, right, count, DBL_MIN);
    ck_assert_msg(found <= tolerance, "%s on %s: %s is %.3g from ref, allowed %.3g", p->spec.name,
                  p->image.backend->name, name, found, tolerance);
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
            compare(&p, &r, p.input[k].gradient, r.input[k].gradient, p.input[k].count, k ? bound.parameters : bound.dx,
                    p.input[k].name);
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
static struct nl_backend float_reference(void)
{
    struct nl_backend backend = *ref;
    backend.name = "the float reference";
    backend.element = NL_ELEMENT_FLOAT;
    backend.real = sizeof(float);
    backend.put_reals = put_floats;
    backend.get_reals = get_floats;
    return backend;
}

START_TEST(backends_agree)
{
    struct nl_backend reference = float_reference();
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
        for (int r = 0; r < together.image.replicas; r++)
            probe_fill(&together, r, 10 + (uint64_t)r);
        probe_forward(&together);
        probe_backward(&together);
        for (int r = 0; r < together.image.replicas; r++) {
            struct probe alone = probe_make(nl_backends[b], 1, specs[_i]);
            probe_fill(&alone, 0, 10 + (uint64_t)r);
            probe_forward(&alone);
            probe_backward(&alone);
            ck_assert_msg(memcmp(alone.image.memory, image_place(&together.image, r, together.image.memory),
                                 alone.image.stride) == 0,
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
            ck_assert_msg((image_real(&p.image, 0, p.y, i) == 12345.0) == (i >= p.y_count), "%s on %s: y[%zu]",
                          p.spec.name, nl_backends[b]->name, i);
        for (size_t i = 0; i < p.input[0].capacity; i++)
            ck_assert_msg((image_real(&p.image, 0, p.input[0].gradient, i) == 12345.0) == (i >= p.input[0].count),
                          "%s on %s: dx[%zu]", p.spec.name, nl_backends[b]->name, i);
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

static void add_backend_checks(TCase *tests)
{
    tcase_add_loop_test(tests, gradients_are_finite_differences, 0, SPECS);
    tcase_add_loop_test(tests, backends_agree, 0, SPECS);
    tcase_add_loop_test(tests, replicas_are_independent, 0, SPECS);
    tcase_add_loop_test(tests, capacity_beyond_the_samples_is_untouched, 0, SPECS);
    tcase_add_loop_test(tests, nan_is_never_hidden, 0, SPECS);
}

#endif
