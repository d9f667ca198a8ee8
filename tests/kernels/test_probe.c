/* What `normlab norm` runs (train/probe.h) takes every normalizer of both tables, in several shapes, with backward and
 * without, in training and in evaluation: on every backend, whose numbers are those of `ref` up to rounding. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/random.h"
#include "config/config.h"
#include "config/network.h"
#include "norm/norm.h"
#include "norm/weights.h"
#include "suite.h"
#include "train/probe.h"

/* N, H, W, C of activations; O, k, k, I of weights. */
static const struct {
    int samples, height, width, channels;
} shapes[] = {{1, 1, 1, 1}, {3, 1, 1, 1}, {1, 1, 1, 8}, {1, 3, 3, 1}, {4, 1, 1, 8}, {6, 3, 3, 12}, {16, 1, 1, 64}};
enum { SHAPES = sizeof shapes / sizeof *shapes };

static double *drawn(const char *name, size_t count)
{
    double *values = nl_alloc(count, sizeof *values);
    struct nl_stream stream = nl_stream(1, name);
    for (size_t i = 0; i < count; i++)
        values[i] = (float)(nl_stream_normal(stream, i, 0) + 0.5);
    return values;
}

static void agree(const char *what, const char *name, const double *found, const double *wanted, size_t count)
{
    double largest = 1;
    ck_assert_msg(!found == !wanted, "%s: one backend has %s and one has not", what, name);
    for (size_t i = 0; wanted && i < count; i++)
        largest = fmax(largest, fabs(wanted[i]));
    for (size_t i = 0; wanted && i < count; i++)
        ck_assert_msg(fabs(found[i] - wanted[i]) <= 1e-4 * largest, "%s: %s[%zu] is %g, and %g on ref", what, name, i,
                      found[i], wanted[i]);
}

/* Returns whether there is such a layer; else the refusal says why. */
static bool run(struct nl_probe *probe, const struct nl_backend *backend, const char *what)
{
    struct nl_error err = {""};
    probe->backend = backend;
    ck_assert_msg(backend->thread_begin(0, &err) == NL_OK, "%s", err.text);
    int status = nl_probe_run(probe, &err);
    ck_assert_msg(status == NL_OK || err.text[0], "%s: refused without a word", what);
    return status == NL_OK;
}

static void compare(const struct nl_probe *found, const struct nl_probe *wanted, const char *what)
{
    size_t elements = (size_t)wanted->samples * nl_elements(wanted->extent);
    agree(what, "y", found->y, wanted->y, elements);
    agree(what, "xhat", found->xhat, wanted->xhat, elements);
    agree(what, "dx", found->dx, wanted->dx, elements);
    agree(what, "mean", found->mean, wanted->mean, (size_t)wanted->sets);
    agree(what, "var", found->var, wanted->var, (size_t)wanted->sets);
    ck_assert_int_eq(found->tensors, wanted->tensors);
    for (int i = 0; i < wanted->tensors; i++)
        agree(what, wanted->tensor[i].name, found->tensor[i].found, wanted->tensor[i].found, wanted->tensor[i].count);
}

/* How many of the shapes there is such a layer of. */
static int probe_all(struct nl_config *config, bool of_weights, const char *kind)
{
    int taken = 0;
    for (int form = 0; form < 4 * SHAPES; form++) {
        int s = form / 4;
        bool eval = form & 1, backward = form & 2;
        struct nl_extent extent = {shapes[s].height, shapes[s].width, shapes[s].channels};
        size_t elements = (size_t)shapes[s].samples * nl_elements(extent);
        double *x = drawn("x", elements), *dy = drawn("dy", elements);
        config->norm.groups =
            shapes[s].channels % 2
                ? 1
                : shapes[s].channels / 2; /* more samples than channels in a set, which whitening needs */
        struct nl_probe wanted = {.config = config,
                                  .samples = shapes[s].samples,
                                  .extent = extent,
                                  .of_weights = of_weights,
                                  .eval = eval,
                                  .x = x,
                                  .dy = backward ? dy : NULL};
        bool there = run(&wanted, &nl_backend_ref, kind);
        taken += there;
        for (int b = 0; nl_backends[b]; b++) {
            struct nl_probe found = wanted;
            char what[96];
            if (strcmp(kind, "formula") == 0 && !nl_is_on_host(nl_backends[b]))
                continue; /* a GPU has no kernel for formulas */
            snprintf(what, sizeof what, "%s on %s, %d x %d x %d x %d%s", kind, nl_backends[b]->name, shapes[s].samples,
                     shapes[s].height, shapes[s].width, shapes[s].channels, eval ? ", evaluation" : "");
            found.y = found.xhat = found.dx = found.mean = found.var = NULL;
            for (int i = 0; i < found.tensors; i++)
                found.tensor[i].found = found.tensor[i].begun = NULL;
            ck_assert_msg(run(&found, nl_backends[b], what) == there, "%s: not as on ref", what);
            if (there)
                compare(&found, &wanted, what);
            nl_probe_release(&found);
        }
        nl_probe_release(&wanted);
        free(x);
        free(dy);
    }
    return taken;
}

START_TEST(every_normalizer_of_activations)
{
    struct nl_config config;
    nl_config_defaults(&config);
    config.norm.kind = _i;
    ck_assert_msg(probe_all(&config, false, nl_norms[_i]->name) == 4 * SHAPES, "%s refuses a shape",
                  nl_norms[_i]->name);
}
END_TEST

/* Whether model.bias auto leaves a bias out follows from what is said of the kind: so it must hold, and be said of each
 * kind of which it holds. */
START_TEST(what_cancels_a_bias_says_so)
{
    enum { SAMPLES = 8, CHANNELS = 4, ELEMENTS = SAMPLES * 6 * CHANNELS };
    struct nl_config config;
    nl_config_defaults(&config);
    config.norm.kind = _i;
    config.norm.groups = 2;
    config.norm.r_max = 1; /* of brn what remains without its correction, by statistics that follow the bias */
    config.norm.d_max = 0;
    double *x = drawn("x", ELEMENTS), *shifted = nl_alloc(ELEMENTS, sizeof *shifted);
    for (int i = 0; i < ELEMENTS; i++)
        shifted[i] = x[i] + 0.25 * (i % CHANNELS + 1);
    struct nl_probe plain = {.config = &config, .samples = SAMPLES, .extent = {2, 3, CHANNELS}, .x = x};
    struct nl_probe biased = plain;
    biased.x = shifted;
    ck_assert(run(&plain, &nl_backend_ref, nl_norms[_i]->name) && run(&biased, &nl_backend_ref, nl_norms[_i]->name));
    double most = 0;
    for (int i = 0; i < ELEMENTS; i++)
        most = fmax(most, fabs(biased.y[i] - plain.y[i]));
    ck_assert_msg((most < 1e-9) == nl_config_norm_cancels_bias(&config), "%s: a bias changes y by %g",
                  nl_norms[_i]->name, most);
    nl_probe_release(&plain);
    nl_probe_release(&biased);
    free(shifted);
    free(x);
}
END_TEST

START_TEST(every_normalizer_of_weights)
{
    struct nl_config config;
    nl_config_defaults(&config);
    config.norm.weights = _i;
    int needed = nl_weight_norms[_i]->centers ? 4 * (SHAPES - 2) : 4 * SHAPES; /* one weight has no deviation */
    ck_assert_int_eq(probe_all(&config, true, nl_weight_norm_names[_i]), needed);
}
END_TEST

int main(void)
{
    int kinds = 0, of_weights = 1;
    while (nl_norms[kinds])
        kinds++;
    while (nl_weight_norm_names[of_weights])
        of_weights++;
    Suite *suite = suite_create("probe");
    TCase *tests = tcase_create("every kind");
    tcase_add_loop_test(tests, every_normalizer_of_activations, 0, kinds);
    tcase_add_loop_test(tests, what_cancels_a_bias_says_so, 0, kinds);
    tcase_add_loop_test(tests, every_normalizer_of_weights, 1, of_weights);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
