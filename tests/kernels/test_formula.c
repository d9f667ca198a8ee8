/* Normalizers as formulas against the same ones built in: values, all gradients, states after a step, and evaluation. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "config/config.h"
#include "config/formula.h"
#include "golden.h"
#include "operation/formula.h"
#include "suite.h"
#include "train/probe.h"

#define GAMMA "gamma: {shape: channel, init: 1}"
#define AFFINE "{" GAMMA ", beta: {shape: channel, init: 0}}"
#define MOMENTS "n = count(batch space); m = mean(x, batch space); v = mean((x - m)^2, batch space); "
#define RUNNING(var)                                                                                                   \
    "{running_mean: {shape: channel, init: 0, next: '0.9 * running_mean + 0.1 * m'}, "                                 \
    "running_var: {shape: channel, init: 1, next: '0.9 * running_var + 0.1 * " var "'}}"
#define UNBIASED RUNNING("v * n / max(n - 1, 1)")

#define WEIGHTS(of, to)                                                                                                \
#to "0 = exp(" #of "_weight_0); " #to "1 = exp(" #of "_weight_1); " #to "2 = exp(" #of "_weight_2); " #to          \
        " = " #to "0 + " #to "1 + " #to "2; "
#define SHARES(m, v)                                                                                                   \
    WEIGHTS(mean, a)                                                                                                   \
    WEIGHTS(var, b) "mu = (a0 * mean(x, space) + a1 * mean(x, sample) + a2 * " m ") / a; "                             \
                    "s = (b0 * var(x, space) + b1 * var(x, sample) + b2 * " v                                          \
                    ") / b; y = gamma * (x - mu) / sqrt(s + eps) + beta"
#define SHARES_OF_RUNNING                                                                                              \
    "mr = (a0 * mean(x, space) + a1 * mean(x, sample) + a2 * running_mean) / a; "                                      \
    "sr = (b0 * var(x, space) + b1 * var(x, sample) + b2 * running_var) / b; y = gamma * (x - mr) / sqrt(sr + eps) + beta"

static const struct {
    const char *kind, *settings[3], *formula, *parameters, *states, *evaluation;
} twins[] = {
    {"bn",
     {NULL},
     MOMENTS "y = gamma * (x - m) / sqrt(v + eps) + beta",
     AFFINE,
     UNBIASED,
     "y = gamma * (x - running_mean) / sqrt(running_var + eps) + beta"},
    {"ln", {NULL}, "m = mean(x, sample); y = gamma * (x - m) * rsqrt(var(x, sample) + eps) + beta", AFFINE, "{}", ""},
    {"ln",
     {"norm.over=position"},
     "y = gamma * (x - mean(x, channel)) / sqrt(var(x, channel) + eps) + beta",
     AFFINE,
     "{}",
     ""},
    {"ln",
     {"norm.affine=element"},
     "y = gamma * (x - mean(x, sample)) / sqrt(var(x, sample) + eps) + beta",
     "{gamma: {shape: element, init: 1}, beta: {shape: element, init: 0}}",
     "{}",
     ""},
    {"gn",
     {"norm.groups=4"},
     "y = gamma * (x - mean(x, space group(4))) / sqrt(var(x, space group(4)) + eps) + beta",
     AFFINE,
     "{}",
     ""},
    {"in", {NULL}, "y = gamma * (x - mean(x, space)) / (var(x, space) + eps)^0.5 + beta", AFFINE, "{}", ""},
    {"rms", {NULL}, "y = gamma * x * (mean(x^2, sample) + eps)^-0.5", "{" GAMMA "}", "{}", ""},
    {"meanbn", {NULL}, MOMENTS "y = gamma * (x - m) + beta", AFFINE, UNBIASED, "y = gamma * (x - running_mean) + beta"},
    {"varbn",
     {NULL},
     MOMENTS "y = gamma * x / sqrt(v + eps) + beta",
     AFFINE,
     UNBIASED,
     "y = gamma * x / sqrt(running_var + eps) + beta"},
    {"l1bn",
     {NULL},
     "m = mean(x, batch space); s = mean(abs(x - m), batch space); y = gamma * (x - m) / (1.2533141373155003 * (s + eps)) + beta",
     AFFINE,
     RUNNING("s"),
     "y = gamma * (x - running_mean) / (1.2533141373155003 * (running_var + eps)) + beta"},
    {"maxbn",
     {NULL},
     "m = mean(x, batch space); s = max(abs(x - m), batch space); y = gamma * (x - m) / (s + eps) + beta",
     AFFINE,
     RUNNING("s"),
     "y = gamma * (x - running_mean) / (running_var + eps) + beta"},
    {"brn",
     {NULL},
     MOMENTS "s = sqrt(v + eps); old = sqrt(running_var + eps); r = stop(min(max(s / old, 1 / 3), 3)); "
             "d = stop(min(max((m - running_mean) / old, -5), 5)); y = gamma * ((x - m) / s * r + d) + beta",
     AFFINE,
     UNBIASED,
     "y = gamma * (x - running_mean) / sqrt(running_var + eps) + beta"},
    {"dyt",
     {NULL},
     "y = gamma * tanh(alpha * x) + beta",
     "{" GAMMA ", beta: {shape: channel, init: 0}, alpha: {shape: one, init: 0.5}}",
     "{}",
     ""},
    {"derf",
     {NULL},
     "y = gamma * erf(alpha * x + shift) + beta",
     "{" GAMMA ", beta: {shape: channel, init: 0}, alpha: {shape: one, init: 0.5}, shift: {shape: one, init: 0}}",
     "{}",
     ""},
    {"hardtanh",
     {NULL},
     "y = gamma * max(min(alpha * x, 1), -1) + beta",
     "{" GAMMA ", beta: {shape: channel, init: 0}, alpha: {shape: one, init: 0.5}}",
     "{}",
     ""},
    {"frn",
     {"norm.tlu=false", "norm.learn_eps=true"},
     "y = gamma * x / sqrt(mean(x^2, space) + eps + abs(learned_eps)) + beta",
     "{" GAMMA ", beta: {shape: channel, init: 0}, learned_eps: {shape: one, init: 1e-4}}",
     "{}",
     ""},
    {"position", {NULL}, "y = gamma * (x - mean(x, channel)) / sqrt(var(x, channel) + eps) + beta", AFFINE, "{}", ""},
    {"scalenorm", {NULL}, "y = g * x / max(norm(x, sample), eps)", "{g: {shape: one, init: 1}}", "{}", ""},
    {"bcn",
     {"norm.groups=4"},
     MOMENTS "z = batch_weight * (x - m) / sqrt(v + eps) + batch_bias; "
             "y = gamma * (z - mean(z, space group(4))) / sqrt(var(z, space group(4)) + eps) + beta",
     "{" GAMMA
     ", beta: {shape: channel, init: 0}, batch_weight: {shape: channel, init: 1}, batch_bias: {shape: channel, init: 0}}",
     UNBIASED,
     "w = batch_weight * (x - running_mean) / sqrt(running_var + eps) + batch_bias; "
     "y = gamma * (w - mean(w, space group(4))) / sqrt(var(w, space group(4)) + eps) + beta"},
    {"switch",
     {NULL},
     MOMENTS SHARES("m", "v"),
     "{" GAMMA
     ", beta: {shape: channel, init: 0}, mean_weight_0: {shape: one, init: 1}, mean_weight_1: {shape: one, init: 1}, "
     "mean_weight_2: {shape: one, init: 1}, var_weight_0: {shape: one, init: 1}, var_weight_1: {shape: one, init: 1}, "
     "var_weight_2: {shape: one, init: 1}}",
     UNBIASED,
     SHARES_OF_RUNNING},
};
enum { TWINS = sizeof twins / sizeof *twins, N = 6, H = 3, W = 2, C = 8, ELEMENTS = N * H * W * C };

/* Numbers without ties, the same in every run. */
static double number(int i)
{
    return 3 * sin(1.7 * i + 0.3 * i * i) + 0.4 * cos(31.0 * i);
}

static struct nl_config config_with(const char *const *words, int count)
{
    struct nl_experiment experiment;
    struct nl_diagnostics diagnostics = {0};
    ck_assert_msg(nl_experiment_load(NULL, words, count, &experiment, &diagnostics) == NL_OK, "%s",
                  nl_diagnostics_text(&diagnostics));
    nl_config_check(&experiment.config, &experiment, &diagnostics);
    ck_assert_msg(diagnostics.count == 0, "%s", nl_diagnostics_text(&diagnostics));
    return experiment.config;
}

/* A probe of one of the two, with numbers for x, dy, and all that it learns and keeps. */
struct side {
    struct nl_config config;
    struct nl_probe probe;
    double x[ELEMENTS], dy[ELEMENTS];
};

static void begin(struct side *side, const char *const *words, int count)
{
    struct nl_error err;
    side->config = config_with(words, count);
    for (int i = 0; i < ELEMENTS; i++) {
        side->x[i] = number(i);
        side->dy[i] = number(i + 1000);
    }
    side->probe =
        (struct nl_probe){.config = &side->config, .backend = &nl_backend_ref, .samples = N, .extent = {H, W, C}};
    side->probe.x = side->x;
    side->probe.dy = side->dy;
    ck_assert_msg(nl_probe_declare(&side->probe, &err) == NL_OK, "%s", err.text);
}

/* The built-in layer's tensor of this name, and which of its elements: mean_weight_1 is the second of mean_weight. */
static const struct nl_probe_tensor *twin_of(struct nl_probe *probe, const char *name, size_t *element)
{
    char *whole = nl_strdup(name);
    size_t length = strlen(whole);
    *element = 0;
    if (length > 2 && whole[length - 2] == '_' && strchr("012", whole[length - 1])) {
        *element = (size_t)(whole[length - 1] - '0');
        whole[length - 2] = '\0';
    }
    const struct nl_probe_tensor *found = nl_probe_find(probe, whole);
    ck_assert_msg(found != NULL, "the built-in layer has no '%s'", whole);
    free(whole);
    return found;
}

/* Gives the tensors of both the same numbers, some way from where they begin; variances stay positive. */
static void give(struct side *built, struct side *formula)
{
    for (int t = 0; t < built->probe.tensors; t++) {
        struct nl_probe_tensor *to = &built->probe.tensor[t];
        double *given = nl_alloc(to->count, sizeof *given);
        for (size_t i = 0; i < to->count; i++)
            given[i] = 0.9 + 0.2 * number((int)i + 7 * t);
        to->given = given;
    }
    for (int t = 0; t < formula->probe.tensors; t++) {
        struct nl_probe_tensor *to = &formula->probe.tensor[t];
        size_t element;
        const struct nl_probe_tensor *from = twin_of(&built->probe, to->name, &element);
        to->given = from->given + element;
    }
}

static void end(struct side *side, bool owns)
{
    nl_probe_release(&side->probe);
    for (int t = 0; owns && t < side->probe.tensors; t++)
        free((void *)side->probe.tensor[t].given);
}

static void expect_equal(const char *kind, const char *what, const double *got, const double *want, size_t count,
                         double scale)
{
    for (size_t i = 0; i < count; i++)
        ck_assert_msg(fabs(got[i] - want[i]) <= 1e-10 * scale, "%s: %s[%zu] of the formula is %.17g, built in %.17g",
                      kind, what, i, got[i], want[i]);
}

static void compare(const char *kind, struct side *built, struct side *formula)
{
    struct nl_error err;
    ck_assert_msg(nl_probe_run(&built->probe, &err) == NL_OK, "%s", err.text);
    ck_assert_msg(nl_probe_run(&formula->probe, &err) == NL_OK, "%s", err.text);
    expect_equal(kind, "y", formula->probe.y, built->probe.y, ELEMENTS, 10);
    expect_equal(kind, "dx", formula->probe.dx, built->probe.dx, ELEMENTS, 10);
    for (int t = 0; t < formula->probe.tensors; t++) {
        struct nl_probe_tensor *of = &formula->probe.tensor[t];
        size_t element;
        const struct nl_probe_tensor *twin = twin_of(&built->probe, of->name, &element);
        ck_assert_int_eq(of->learned, twin->learned);
        expect_equal(kind, of->name, of->found, twin->found + element, of->count, 1000);
    }
}

static const char *word(char **made, const char *key, const char *value)
{
    return *made = nl_format("%s=%s", key, value);
}

START_TEST(formulas_equal_what_is_built_in)
{
    const char *kind = twins[_i].kind;
    for (int eval = 0; eval < 2; eval++) {
        struct side *built = nl_alloc(1, sizeof *built), *formula = nl_alloc(1, sizeof *formula);
        char *made[5];
        const char *words[5] = {word(&made[0], "norm.kind", kind), "norm.warmup=0"};
        int count = 1 + (strcmp(kind, "brn") == 0);
        for (int i = 0; twins[_i].settings[i]; i++)
            words[count++] = twins[_i].settings[i];
        const char *formula_words[] = {"norm.kind=formula", word(&made[1], "norm.formula", twins[_i].formula),
                                       word(&made[2], "norm.parameters", twins[_i].parameters),
                                       word(&made[3], "norm.states", twins[_i].states),
                                       word(&made[4], "norm.evaluation", twins[_i].evaluation)};
        begin(built, words, count);
        begin(formula, formula_words, 5);
        give(built, formula);
        built->probe.eval = formula->probe.eval = eval;
        compare(kind, built, formula);
        end(formula, false);
        end(built, true);
        for (int i = 0; i < 5; i++)
            free(made[i]);
        free(built);
        free(formula);
    }
}
END_TEST

/* What PyTorch judges of the library (test_norm_layers) is what its files say. */
START_TEST(files_are_as_they_were_judged)
{
    static struct golden golden;
    int files = 0;
    ck_assert(golden_read(&golden, "norm_library"));
    for (int i = 0; i < golden.count; i++) {
        struct nl_config judged = golden_config(&golden.at[i], "device.kind=ref");
        char *name = nl_format("%.*s", (int)(strstr(golden.at[i].name, "_at_") - golden.at[i].name), golden.at[i].name),
             *path = nl_format("%s/../configs/formulas/%s%s.yaml", NORMLAB_TESTS_DIR, name, nl_norm_find(name) ? "_formula" : "");
        struct nl_experiment experiment;
        struct nl_diagnostics diagnostics = {0};
        ck_assert_msg(nl_experiment_load(path, NULL, 0, &experiment, &diagnostics) == NL_OK, "%s", path);
        nl_config_check(&experiment.config, &experiment, &diagnostics);
        ck_assert_msg(diagnostics.count == 0, "%s", nl_diagnostics_text(&diagnostics));
        nl_settle_formula(&experiment.config);
        nl_settle_formula(&judged);
        ck_assert_msg(strcmp(judged.norm.formula, experiment.config.norm.formula) == 0,
                      "%s is not what PyTorch judged: run tests/golden/norm_library.py", path);
        files++;
        free(name);
        free(path);
    }
    ck_assert_int_ge(files, 40);
    golden_release(&golden);
}
END_TEST

/* Spaces, comments, line ends and the names of values do not train a network again; numbers and declarations do. */
START_TEST(identity_is_that_of_what_is_computed)
{
    static const char *const parameters = "norm.parameters={gamma: {shape: channel, init: 1}}";
    const char *one[] = {"norm.kind=formula", "norm.formula=m = mean(x, sample); y = gamma * (x - m)", parameters},
               *other[] = {"norm.kind=formula",
                           "norm.formula=# centred\n\n  centre = mean( x ,sample )  # of a sample\ny=gamma*(x-centre)\n", parameters},
               *another[] = {"norm.kind=formula", "norm.formula=m = mean(x, sample); y = gamma * (x - 2 * m)", parameters},
               *begun[] = {"norm.kind=formula", one[1], "norm.parameters={gamma: {shape: channel, init: 2}}"};
    struct nl_config configs[] = {config_with(one, 3), config_with(other, 3), config_with(another, 3),
                                  config_with(begun, 3)};
    char *text[4];
    for (int i = 0; i < 4; i++)
        text[i] = nl_config_identity_text(&configs[i]);
    ck_assert_str_eq(text[0], text[1]);
    ck_assert_str_ne(text[0], text[2]);
    ck_assert_str_ne(text[0], text[3]);
    for (int i = 0; i < 4; i++)
        free(text[i]);
}
END_TEST

/* What is refused, by what it says. */
START_TEST(formulas_are_refused_with_the_reason)
{
    static const struct {
        const char *formula, *state, *says;
    } wrong[] = {
        {"y = gamma * x + mean(x, batch) + beta", "0", "reduces over batch"},
        {"y = gamma * x + beta", "x", "varies along the axis batch and space"},
        {"y = gamma * x", "0", "does not depend on the parameter 'beta'"},
        {"y = gamma + beta", "0", "does not depend on x"},
        {"m = mean(mean(x, space), space); y = gamma * x + beta + m", "0", "takes away the axis space"},
        {"y = x; z = y", "0", "is the last statement"},
        {"y = gamma * x + mean(x, group(2)) + mean(x, group(4)) + beta", "0", "one number of groups"},
        {"y = gamma * x + beta + median(x, space)", "0", "no function 'median'"},
        {"x = 1; y = gamma * x + beta", "0", "a word of the language"},
        {"y = gamma * x + beta + where(x > 0, x)", "0", "where takes 3 values, not 2"},
        {"y = gamma * x (2) + beta", "0", "there is no function 'x'"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct nl_formula_source source = {.formula = wrong[i].formula,
                                           .parameters = 2,
                                           .parameter = {{"gamma", NL_AXES_CHANNEL, 1}, {"beta", NL_AXES_CHANNEL, 0}},
                                           .states = 1,
                                           .state = {{"s", NL_AXES_CHANNEL, 0, wrong[i].state}}};
        struct nl_formula_error error;
        struct nl_formula *made = nl_formula_make(&source, &error);
        ck_assert_msg(!made && strstr(error.text.text, wrong[i].says), "%s: '%s'", wrong[i].formula,
                      made ? "it was made" : error.text.text);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("formula");
    TCase *cases = tcase_create("twins");
    tcase_set_timeout(cases, 120);
    tcase_add_loop_test(cases, formulas_equal_what_is_built_in, 0, TWINS);
    tcase_add_test(cases, files_are_as_they_were_judged);
    tcase_add_test(cases, formulas_are_refused_with_the_reason);
    tcase_add_test(cases, identity_is_that_of_what_is_computed);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
