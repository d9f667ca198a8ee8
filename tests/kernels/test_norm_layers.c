/* Layers that are operations of their own against judges that are not ours: what PyTorch computed in float64
 * (tests/golden/layer.py says what is stored), finite differences, and ref against the other backends. Each goes
 * through train/probe.h, as `normlab norm` does. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "golden.h"
#include "model/model.h"
#include "suite.h"
#include "train/probe.h"

/* The files, norm_WORD. ref: largest difference from PyTorch over the largest magnitude of a tensor; other: the same of
 * float32 from ref, in FLT_EPSILON. */
static const struct {
    const char *word;
    double ref, other;
} files[] = {
    {"point", 1e-10, 24}, /* exp to 2 ulp, a quotient, products; sums of some hundred terms of either sign */
    {"mix", 1e-10, 24},     {"average", 1e-10, 24}, /* sums of some hundred terms */
    {"sample", 1e-10, 24},  {"white", 1e-10, 24},   {"lengths", 1e-10, 24},
    {"formula", 1e-10, 64}, /* each operation rounds by itself */
    {"library", 1e-10, 1024}, /* the same, and sets of one or two elements, which are divided by the root of eps */
    {"root", 1e-10, 24},    {"steep", 1e-10, 1e6}, /* what rounding in a covariance does to its whitening grows with its
                                                     condition, which is that */
};
enum { FILES = sizeof files / sizeof *files };

static struct golden golden[FILES];

/* A case, and a layer set up for it. */
struct layer {
    const struct golden *golden;
    const struct golden_case *of;
    struct nl_config config;
    struct nl_probe probe;
};

static int cases_in_all(void)
{
    int count = 0;
    for (int f = 0; f < FILES; f++)
        count += golden[f].count;
    return count;
}

/* The file of case number i of all; the number within it. */
static int file_of(int *i)
{
    int f = 0;
    while (*i >= golden[f].count)
        *i -= golden[f++].count;
    return f;
}

static const struct nl_tensor_file_entry *find(const struct layer *layer, const char *tensor)
{
    char *name = nl_format("%s/%s", layer->of->name, tensor);
    const struct nl_tensor_file_entry *entry = nl_safetensors_find(&layer->golden->tensors, name);
    free(name);
    return entry;
}

/* New array; rounded: to float32. */
static double *stored(const struct layer *layer, const char *tensor, size_t count, bool rounded)
{
    const double *from = golden_stored(layer->golden, layer->of, tensor, count);
    double *out = nl_alloc(count, sizeof *out);
    for (size_t i = 0; i < count; i++)
        out[i] = rounded ? (float)from[i] : from[i];
    return out;
}

/* New array: the positions of each sample that count. */
static int32_t *lengths_of(const struct layer *layer)
{
    size_t samples = (size_t)layer->probe.samples;
    const double *from = golden_stored(layer->golden, layer->of, "lengths", samples);
    int32_t *out = nl_alloc(samples, sizeof *out);
    for (size_t n = 0; n < samples; n++)
        out[n] = (int32_t)from[n];
    return out;
}

/* suffix: of the states that it begins with, "" or "_after". */
static void set_up(struct layer *layer, int number, const struct nl_backend *backend, const char *suffix, bool rounded)
{
    struct nl_error err;
    int file = file_of(&number);
    *layer = (struct layer){.golden = &golden[file], .of = &golden[file].at[number]};
    layer->config = golden_config(layer->of, "device.kind=ref");
    const struct nl_tensor_file_entry *x = find(layer, "x");
    ck_assert_msg(x && x->dims == 4, "%s/x is not stored with four dimensions", layer->of->name);
    layer->probe = (struct nl_probe){.config = &layer->config, .backend = backend, .samples = (int)x->shape[0],
                                     .extent = {(int)x->shape[1], (int)x->shape[2], (int)x->shape[3]}};
    size_t elements = x->shape[0] * nl_elements(layer->probe.extent);
    layer->probe.x = stored(layer, "x", elements, rounded);
    layer->probe.dy = stored(layer, "dy", elements, rounded);
    if (find(layer, "lengths"))
        layer->probe.lengths = lengths_of(layer);
    ck_assert_msg(nl_probe_declare(&layer->probe, &err) == NL_OK, "%s: %s", layer->of->name, err.text);
    for (int i = 0; i < layer->probe.tensors; i++) {
        struct nl_probe_tensor *tensor = &layer->probe.tensor[i];
        char *name = nl_format("%s%s", tensor->name, tensor->learned ? "" : suffix);
        tensor->given = stored(layer, name, tensor->count, rounded);
        free(name);
    }
}

static void run(struct layer *layer)
{
    struct nl_error err;
    nl_probe_release(&layer->probe);
    ck_assert_msg(nl_probe_run(&layer->probe, &err) == NL_OK, "%s: %s", layer->of->name, err.text);
}

static void tear_down(struct layer *layer)
{
    nl_probe_release(&layer->probe);
    free((void *)layer->probe.x);
    free((void *)layer->probe.dy);
    free((void *)layer->probe.lengths);
    for (int i = 0; i < layer->probe.tensors; i++)
        free((void *)layer->probe.tensor[i].given);
}

static double largest_of(const double *values, size_t count)
{
    double largest = 0;
    for (size_t i = 0; i < count; i++)
        largest = !(fabs(values[i]) <= largest) ? fabs(values[i]) : largest;
    return largest;
}

/* Every difference is at most bound x scale; NaN fails. */
static void expect_close(const struct layer *layer, const char *what, const double *got, const double *want,
                         size_t count, double scale, double bound)
{
    for (size_t i = 0; i < count; i++)
        ck_assert_msg(fabs(got[i] - want[i]) <= bound * scale,
                      "%s/%s[%zu]: %.17g, not %.17g: %.3g of the largest, at most %.3g", layer->of->name, what, i,
                      got[i], want[i], fabs(got[i] - want[i]) / scale, bound);
}

static size_t elements_of(const struct layer *layer)
{
    return (size_t)layer->probe.samples * nl_elements(layer->probe.extent);
}

/* ---- against PyTorch ---- */

/* Where a gradient is 0 by its formula, what is found is the rounding of numbers of the size of dy. */
static double scale_of(const struct layer *layer, const double *want, size_t count)
{
    double largest = largest_of(want, count), dy = largest_of(layer->probe.dy, elements_of(layer));
    return largest > 1e-9 * dy ? largest : dy;
}

static void expect_stored(const struct layer *layer, const char *tensor, const double *got, size_t count)
{
    const double *want = golden_stored(layer->golden, layer->of, tensor, count);
    expect_close(layer, tensor, got, want, count, scale_of(layer, want, count), files[layer->golden - golden].ref);
}

START_TEST(ref_agrees_with_pytorch)
{
    struct layer layer;
    set_up(&layer, _i, &nl_backend_ref, "", false);
    run(&layer);
    expect_stored(&layer, "y", layer.probe.y, elements_of(&layer));
    expect_stored(&layer, "dx", layer.probe.dx, elements_of(&layer));
    for (int i = 0; i < layer.probe.tensors; i++) {
        struct nl_probe_tensor *tensor = &layer.probe.tensor[i];
        char *name = nl_format(tensor->learned ? "d%s" : "%s_after", tensor->name);
        expect_stored(&layer, name, tensor->found, tensor->count);
        free(name);
    }
    tear_down(&layer);
    set_up(&layer, _i, &nl_backend_ref, "_after", false);
    layer.probe.eval = true;
    run(&layer);
    bool same = !find(&layer, "y_eval");
    expect_stored(&layer, same ? "y" : "y_eval", layer.probe.y, elements_of(&layer));
    expect_stored(&layer, same ? "dx" : "dx_eval", layer.probe.dx, elements_of(&layer));
    tear_down(&layer);
}
END_TEST

/* ---- float32 ---- */

/* Below it float32 has no digits, and kernels may as well say 0. */
static const double SMALLEST = 1e-30;

static void compare(const struct layer *one, const struct layer *ref, const char *what, const double *got,
                    const double *want, size_t count, double scale)
{
    scale = fmax(fmax(scale, SMALLEST), largest_of(want, count));
    expect_close(one, what, got, want, count, scale, FLT_EPSILON * files[ref->golden - golden].other);
}

/* Formulas have no kernel on a GPU, which refuses them by name. */
static bool computes(const struct nl_backend *backend, int number)
{
    int file = file_of(&number);
    bool is_formula = golden_config(&golden[file].at[number], "device.kind=ref").norm.kind == NL_NORM_formula;
    return !is_formula || nl_is_on_host(backend);
}

static void check_backend(const struct nl_backend *backend, int number, bool eval)
{
    struct layer ref, one;
    if (!computes(backend, number))
        return;
    set_up(&ref, number, &nl_backend_ref, "", true);
    set_up(&one, number, backend, "", true);
    ref.probe.eval = one.probe.eval = eval;
    run(&ref);
    run(&one);
    size_t elements = elements_of(&ref);
    double dy = largest_of(ref.probe.dy, elements);
    compare(&one, &ref, "y", one.probe.y, ref.probe.y, elements, 0);
    compare(&one, &ref, "dx", one.probe.dx, ref.probe.dx, elements, scale_of(&ref, ref.probe.dx, elements));
    for (int i = 0; i < ref.probe.tensors; i++) /* sums of numbers of the size of dy, which may cancel */
        compare(&one, &ref, ref.probe.tensor[i].name, one.probe.tensor[i].found, ref.probe.tensor[i].found,
                ref.probe.tensor[i].count, ref.probe.tensor[i].learned ? dy : 0);
    tear_down(&ref);
    tear_down(&one);
}

START_TEST(others_agree_with_ref)
{
    for (int b = 0; nl_backends[b]; b++)
        for (int eval = 0; eval < 2; eval++)
            check_backend(nl_backends[b], _i, eval);
}
END_TEST

/* ---- finite differences ---- */

static double objective(struct layer *layer)
{
    double sum = 0;
    run(layer);
    for (size_t i = 0; i < elements_of(layer); i++)
        sum += layer->probe.y[i] * layer->probe.dy[i];
    return sum;
}

/* At every so manyth of the numbers. Where a function has a corner within the step the difference lies between the
 * slopes at both sides: a second, ten times smaller step tells. */
static void check_differences(struct layer *layer, const char *what, double *values, const double *gradient,
                              size_t count)
{
    double scale = fmax(largest_of(gradient, count), 1e-3 * largest_of(layer->probe.dy, elements_of(layer)));
    double size = fmax(largest_of(values, count), 1e-3);
    for (size_t i = 0; i < count; i += count / 12 + 1) {
        double at = values[i], error = INFINITY, difference = NAN;
        for (double h = 1e-5 * size; h > 5e-7 * size && !(error <= 2e-5 * scale); h /= 10) {
            values[i] = at + h;
            double up = objective(layer);
            values[i] = at - h;
            double down = objective(layer);
            difference = (up - down) / (2 * h);
            error = fabs(difference - gradient[i]);
        }
        values[i] = at;
        ck_assert_msg(error <= 2e-5 * scale, "%s: d%s[%zu] is %.12g, by differences %.12g", layer->of->name, what, i,
                      gradient[i], difference);
    }
}

/* Numbers far from zero lose the digits that a difference is made of, tied ones stand at a corner, and a ratio counts
 * as constant: those of the other cases do. */
static bool has_differences(const char *name)
{
    const char *kind = strrchr(name, '.');
    return !kind ||
           (strcmp(kind, ".far") && strcmp(kind, ".large") && strcmp(kind, ".equal") && strcmp(kind, ".ties") &&
            strcmp(kind, ".small") && strcmp(kind, ".ratio") && strcmp(kind, ".singular"));
}

START_TEST(gradients_are_finite_differences)
{
    struct layer layer;
    set_up(&layer, _i, &nl_backend_ref, "", false);
    bool moves =
        layer.config.norm.statistics ==
        NL_OF_RUNNING; /* running statistics are constants to the gradient, but the step takes the batch in first */
    if (has_differences(layer.of->name) && !moves) {
        struct nl_probe found;
        run(&layer);
        found = layer.probe; /* keeps what was found, while the layer is run again */
        layer.probe.y = layer.probe.dx = layer.probe.xhat = layer.probe.mean = layer.probe.var = NULL;
        for (int i = 0; i < layer.probe.tensors; i++)
            layer.probe.tensor[i].found = NULL;
        check_differences(&layer, "x", (double *)layer.probe.x, found.dx, elements_of(&layer));
        for (int i = 0; i < found.tensors; i++)
            if (found.tensor[i].learned)
                check_differences(&layer, found.tensor[i].name, (double *)layer.probe.tensor[i].given,
                                  found.tensor[i].found, found.tensor[i].count);
        nl_probe_release(&found);
    }
    tear_down(&layer);
}
END_TEST

/* norm.gamma_init: a gamma, and the gain that a kind has in its place. */
START_TEST(gains_begin_as_said)
{
    static const struct {
        enum nl_norm_kind kind;
        const char *name;
    } gains[] = {{NL_NORM_bn, "norm.weight"}, {NL_NORM_prms, "norm.weight"}, {NL_NORM_scalenorm, "norm.g"}};
    for (size_t i = 0; i < sizeof gains / sizeof *gains; i++) {
        struct nl_config config;
        struct nl_graph graph;
        struct nl_error err;
        double factor = 0;
        nl_config_defaults(&config);
        config.norm.kind = gains[i].kind;
        config.norm.gamma_init = 0.5;
        ck_assert_int_eq(nl_model_norm(&config, (struct nl_extent){2, 2, 16}, false, &graph, &err), NL_OK);
        for (int t = 0; t < graph.tensors; t++)
            factor = strcmp(graph.tensor[t].name, gains[i].name) == 0 ? graph.tensor[t].factor : factor;
        ck_assert_msg(factor == 0.5, "%s begins %g times as large", gains[i].name, factor);
        nl_graph_release(&graph);
    }
}
END_TEST

/* A file that lost its cases would pass the loops above. */
START_TEST(every_kind_has_cases)
{
    for (int kind = 0; nl_norms[kind]; kind++) {
        int cases = 0;
        for (int f = 0; f < FILES; f++)
            for (int i = 0; i < golden[f].count; i++)
                cases += golden_config(&golden[f].at[i], "device.kind=ref").norm.kind == kind;
        ck_assert_msg(!(nl_norms[kind]->operation || (nl_norms[kind]->uses & NL_USES_HISTORY)) || cases >= 6,
                      "'%s' has %d cases", nl_norms[kind]->name, cases);
    }
}
END_TEST

int main(void)
{
    for (int f = 0; f < FILES; f++) {
        char *name = nl_format("norm_%s", files[f].word);
        if (!golden_read(&golden[f], name))
            return 1;
    }
    Suite *suite = suite_create("layers");
    TCase *cases = tcase_create("normalizers that are operations of their own");
    tcase_set_timeout(cases, 120);
    tcase_add_test(cases, every_kind_has_cases);
    tcase_add_test(cases, gains_begin_as_said);
    tcase_add_loop_test(cases, ref_agrees_with_pytorch, 0, cases_in_all());
    tcase_add_loop_test(cases, others_agree_with_ref, 0, cases_in_all());
    tcase_add_loop_test(cases, gradients_are_finite_differences, 0, cases_in_all());
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
