/* norm.kind: custom. Each simple normalizer is a line of it: the same numbers forward, backward, of states and in
 * evaluation, on every backend. Every backend has the numbers of ref with each center, scale and list of sets, in
 * shapes for which cpu has kernels of their own. */
#include <check.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/random.h"
#include "config/config.h"
#include "suite.h"
#include "train/probe.h"

enum {
    SAMPLES = 5,
    HEIGHT = 3,
    WIDTH = 2,
    CHANNELS = 8,
    ELEMENTS = SAMPLES * HEIGHT * WIDTH * CHANNELS,
    MOST = 17 * 32
};

static const struct shape {
    int samples;
    struct nl_extent extent;
} shapes[5] = {
    {SAMPLES, {HEIGHT, WIDTH, CHANNELS}}, {2, {1, 1, 16}}, {16, {1, 1, 32}}, {17, {1, 1, 32}}, {7, {1, 1, 17}}};
#ifdef TESTS_ON_CUDA_H /* the host takes its time for it */
#define SHAPES (is_long_form() ? 5 : 2)
#else
#define SHAPES 5
#endif

static const struct {
    const char *words[4], *custom[4];
    bool no_beta; /* the simple one has none */
} lines[] = {
    {{"norm.kind=bn"}, {"norm.sets=[samples,height,width]"}, false},
    {{"norm.kind=bn", "norm.detach=scale"}, {"norm.sets=[samples,height,width]", "norm.detach=scale"}, false},
    {{"norm.kind=bn", "norm.statistics=running"},
     {"norm.sets=[samples,height,width]", "norm.statistics=running"},
     false},
    {{"norm.kind=bn", "norm.affine=none"}, {"norm.sets=[samples,height,width]", "norm.affine=none"}, false},
    {{"norm.kind=ln"}, {"norm.sets=[height,width,channels]"}, false},
    {{"norm.kind=ln", "norm.affine=element"}, {"norm.sets=[height,width,channels]", "norm.affine=element"}, false},
    {{"norm.kind=ln", "norm.over=position"}, {"norm.sets=[channels]"}, false},
    {{"norm.kind=position"}, {"norm.sets=[channels]"}, false},
    {{"norm.kind=gn", "norm.groups=4"}, {"norm.sets=[height,width,channels/4]"}, false},
    {{"norm.kind=in"}, {"norm.sets=[height,width]"}, false},
    {{"norm.kind=rms"}, {"norm.sets=[height,width,channels]", "norm.center=none"}, true},
    {{"norm.kind=rms", "norm.over=position"}, {"norm.sets=[channels]", "norm.center=none"}, true},
    {{"norm.kind=meanbn"}, {"norm.sets=[samples,height,width]", "norm.scale=none"}, false},
    {{"norm.kind=varbn"}, {"norm.sets=[samples,height,width]", "norm.center=kept"}, false},
    {{"norm.kind=l1bn"}, {"norm.sets=[samples,height,width]", "norm.scale=l1"}, false},
    {{"norm.kind=maxbn"}, {"norm.sets=[samples,height,width]", "norm.scale=max"}, false},
};
enum { LINES = sizeof lines / sizeof *lines };

static void fill(double *out, const char *name, size_t count)
{
    struct nl_stream stream = nl_stream(1, name);
    for (size_t i = 0; i < count; i++)
        out[i] = (float)(nl_stream_normal(stream, i, 0) + 0.5);
}

static struct nl_config configured(const char *const *words, const char *first)
{
    const char *all[6];
    int count = 0;
    struct nl_experiment experiment;
    struct nl_diagnostics diagnostics = {0};
    if (first)
        all[count++] = first;
    for (int i = 0; i < 4 && words[i]; i++)
        all[count++] = words[i];
    ck_assert_msg(nl_experiment_load(NULL, all, count, &experiment, &diagnostics) == NL_OK, "%s",
                  nl_diagnostics_text(&diagnostics));
    nl_config_check(&experiment.config, &experiment, &diagnostics);
    ck_assert_int_eq(diagnostics.count, 0);
    return experiment.config;
}

/* x, gradients, parameters and states are the same for every normalizer of a shape; a beta of 0 for what has none
 * leaves two comparable. */
static void run(struct nl_probe *probe, const struct nl_config *config, const struct nl_backend *backend,
                const struct shape *shape, bool eval)
{
    static double x[MOST], dy[MOST], given[3][HEIGHT * WIDTH * CHANNELS];
    size_t elements = (size_t)shape->samples * nl_elements(shape->extent);
    struct nl_error err;
    fill(x, "custom.x", elements);
    fill(dy, "custom.dy", elements);
    for (int i = 0; i < 3; i++)
        fill(given[i], "custom.given", HEIGHT * WIDTH * CHANNELS);
    for (size_t i = 0; i < HEIGHT * WIDTH * CHANNELS; i++)
        given[2][i] = 0.5 + given[2][i] * given[2][i];
    *probe = (struct nl_probe){.config = config,
                               .backend = backend,
                               .samples = shape->samples,
                               .extent = shape->extent,
                               .eval = eval,
                               .x = x,
                               .dy = dy};
    ck_assert(nl_probe_declare(probe, &err) == NL_OK);
    static const char *const names[] = {"gamma", "running_mean", "running_var"};
    for (int i = 0; i < 3; i++) {
        struct nl_probe_tensor *tensor = nl_probe_find(probe, names[i]);
        if (tensor)
            tensor->given = given[i];
    }
    ck_assert_msg(nl_probe_run(probe, &err) == NL_OK, "%s", err.text);
}

/* scale: of the numbers that are summed; theirs, if they are larger. */
static void expect_same(const char *layer, const char *what, const double *got, const double *want, size_t count,
                        double scale, double bound)
{
    for (size_t i = 0; i < count; i++)
        scale = fmax(scale, fabs(want[i]));
    for (size_t i = 0; i < count; i++)
        ck_assert_msg(fabs(got[i] - want[i]) <= bound * scale, "%s: %s[%zu] is %.9g, not %.9g", layer, what, i, got[i],
                      want[i]);
}

static void expect_same_tensors(const char *layer, struct nl_probe *got, const struct nl_probe *want, double scale,
                                double bound)
{
    for (int i = 0; i < want->tensors; i++) {
        const struct nl_probe_tensor *same = nl_probe_find(got, want->tensor[i].name);
        ck_assert(same && same->count == want->tensor[i].count);
        expect_same(layer, same->name, same->found, want->tensor[i].found, same->count, scale, bound);
    }
}

static void check_line(int line, const struct nl_backend *backend, bool eval)
{
    const struct nl_config simple = configured(lines[line].words, NULL),
                           custom = configured(lines[line].custom, "norm.kind=custom");
    struct nl_probe one, other;
    double bound = backend->element == NL_ELEMENT_DOUBLE ? 0 : 16 * FLT_EPSILON; /* kernels of another order of sums */
    run(&one, &simple, backend, &shapes[0], eval);
    run(&other, &custom, backend, &shapes[0], eval);
    expect_same(lines[line].words[0], "y", other.y, one.y, ELEMENTS, 0, bound);
    expect_same(lines[line].words[0], "dx", other.dx, one.dx, ELEMENTS, 0, bound);
    ck_assert_int_eq(one.tensors + lines[line].no_beta, other.tensors);
    expect_same_tensors(lines[line].words[0], &other, &one, 0, bound);
    nl_probe_release(&one);
    nl_probe_release(&other);
}

START_TEST(simple_normalizers_are_lines_of_it)
{
    for (int b = 0; nl_backends[b]; b++)
        for (int eval = 0; eval < 2; eval++)
            check_line(_i, nl_backends[b], eval);
}
END_TEST

static const char *const sets[] = {
    "norm.sets=[samples,height,width]", "norm.sets=[samples]",  "norm.sets=[samples,channels]",
    "norm.sets=[height,width]",         "norm.sets=[channels]", "norm.sets=[samples,height,width,channels]"};
enum { SETS = sizeof sets / sizeof *sets };

static void check_parts(const char *layer, const struct nl_config *config, const struct shape *shape, bool eval)
{
    size_t elements = (size_t)shape->samples * nl_elements(shape->extent);
    struct nl_probe ref, one;
    run(&ref, config, &nl_backend_ref, shape, eval);
    for (int b = 0; nl_backends[b]; b++) {
        run(&one, config, nl_backends[b], shape, eval);
        expect_same(layer, "y", one.y, ref.y, elements, 0, 64 * FLT_EPSILON);
        expect_same(layer, "dx", one.dx, ref.dx, elements, 1, 64 * FLT_EPSILON);
        expect_same_tensors(layer, &one, &ref, 1, 64 * FLT_EPSILON);
        nl_probe_release(&one);
    }
    nl_probe_release(&ref);
}

START_TEST(every_backend_has_the_numbers_of_ref)
{
    static const char *const centers[] = {"mean", "kept", "none"}, *const scales[] = {"std", "l1", "max", "none"};
    for (int s = 0; s < 4; s++)
        for (int i = 0; i < SETS; i++) {
            char *center = nl_format("norm.center=%s", centers[_i]), *scale = nl_format("norm.scale=%s", scales[s]);
            const char *const words[] = {center, scale, sets[i], "norm.kind=custom"};
            struct nl_experiment experiment;
            struct nl_diagnostics diagnostics = {0};
            ck_assert(nl_experiment_load(NULL, words, 4, &experiment, &diagnostics) == NL_OK);
            nl_config_check(&experiment.config, &experiment, &diagnostics);
            bool has = _i != 1 || s == 0 || s == 2; /* the mean is kept with std and max */
            ck_assert_int_eq(diagnostics.count, !has);
            for (int shape = 0; has && shape < SHAPES; shape++)
                for (int eval = 0; eval < 2; eval++) {
                    char *layer =
                        nl_format("%s %s %s, shape %d%s", center, scale, sets[i], shape, eval ? " in evaluation" : "");
                    check_parts(layer, &experiment.config, &shapes[shape], eval);
                    free(layer);
                }
            nl_diagnostics_release(&diagnostics);
            free(center);
            free(scale);
        }
}
END_TEST

/* What no simple one is: all that the batch has, by channel halves; its mean is 0 and its variance 1, by the probe's
 * own word and by y's. */
START_TEST(sets_may_be_new)
{
    static const char *const words[] = {"norm.sets=[samples,channels/2]", "norm.affine=none", "norm.eps=0", NULL};
    static double x[ELEMENTS];
    const struct nl_config config = configured(words, "norm.kind=custom");
    fill(x, "custom.x", ELEMENTS);
    for (int b = 0; nl_backends[b]; b++) {
        struct nl_error err;
        struct nl_probe probe = {.config = &config,
                                 .backend = nl_backends[b],
                                 .samples = SAMPLES,
                                 .extent = {HEIGHT, WIDTH, CHANNELS},
                                 .x = x};
        ck_assert(nl_probe_run(&probe, &err) == NL_OK);
        ck_assert_int_eq(probe.sets, HEIGHT * WIDTH * 2);
        ck_assert_int_eq(probe.tensors, 0);
        for (int position = 0; position < HEIGHT * WIDTH; position++)
            for (int half = 0; half < 2; half++) {
                double sum = 0, squares = 0;
                for (int n = 0; n < SAMPLES; n++)
                    for (int c = half * CHANNELS / 2; c < (half + 1) * CHANNELS / 2; c++) {
                        double y = probe.y[(n * HEIGHT * WIDTH + position) * CHANNELS + c];
                        sum += y, squares += y * y;
                    }
                ck_assert_msg(fabs(sum) <= 1e-5 && fabs(squares / (SAMPLES * CHANNELS / 2) - 1) <= 1e-6,
                              "%s: a set's sum is %g, its mean square %g", nl_backends[b]->name, sum,
                              squares / (SAMPLES * CHANNELS / 2));
            }
        nl_probe_release(&probe);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("custom");
    TCase *cases = tcase_create("sets, center and scale");
    tcase_add_loop_test(cases, simple_normalizers_are_lines_of_it, 0, LINES);
    tcase_add_loop_test(cases, every_backend_has_the_numbers_of_ref, 0, 3);
    tcase_add_test(cases, sets_may_be_new);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
