/* Grids unfold in order and lose nothing in silence; their trials are named by all that decides on them. */
#include "experiments.h"
#include "scratch.h"
#include "suite.h"
#include "sweep/grid.h"

/* The problems of a grid, which must have some. */
static char *problems_of(const char *yaml)
{
    char *folder = scratch_make();
    struct nl_experiment experiment = load(folder, yaml, NULL);
    struct nl_grid grid;
    struct nl_diagnostics diagnostics = {0};
    ck_assert_int_eq(nl_grid_make(&experiment, &grid, &diagnostics), NL_FAIL);
    char *text = nl_diagnostics_text(&diagnostics);
    nl_diagnostics_release(&diagnostics);
    nl_grid_release(&grid);
    scratch_remove(folder);
    return text;
}

/* "bn/64/1 bn/64/2 ..." */
static char *listing(const struct nl_grid *grid)
{
    struct nl_text out = {0};
    for (int i = 0; i < grid->trials; i++) {
        for (int k = 0; k < grid->keys; k++)
            nl_text_add(&out, "%s%s", k ? "/" : i ? " " : "", grid->trial[i].text[k]);
        if (grid->trial[i].points > 1)
            nl_text_add(&out, "x%d", grid->trial[i].points);
    }
    return out.at;
}

static const struct {
    const char *name, *yaml, *trials, *notes;
} grids[] = {
    {"no sweep: one trial", "train: {seed: 7}\n", "7", ""},
    {"the first axis outermost, seeds innermost",
     "sweep: {grid: {norm.kind: [bn, ln], train.batch: [8, 4]}, seeds: 2}\n",
     "bn/8/1 bn/8/2 bn/4/1 bn/4/2 ln/8/1 ln/8/2 ln/4/1 ln/4/2", ""},
    {"seeds count from train.seed", "train: {seed: 5}\nsweep: {grid: {norm.kind: [bn, ln]}, seeds: 2}\n",
     "bn/5 bn/6 ln/5 ln/6", ""},
    {"coupled keys", "sweep: {grid: {norm.kind: [bn, ln]}, zip: [{train.batch: [8, 4], train.lr: [0.2, 0.1]}]}\n",
     "bn/8/0.2/1 bn/4/0.1/1 ln/8/0.2/1 ln/4/0.1/1", ""},
    {"exclude",
     "sweep: {grid: {norm.kind: [bn, ln], train.batch: [8, 4, 2]}, exclude: [{norm.kind: bn, train.batch: [2, 4]}]}\n",
     "bn/8/1 ln/8/1 ln/4/1 ln/2/1", "2 of 6 grid points are left out by sweep.exclude\n"},
    {"exclude compares values, not texts", "sweep: {grid: {train.lr: [1e-3, 0.1]}, exclude: [{train.lr: 0.001}]}\n",
     "0.1/1", "1 of 2 grid points is left out by sweep.exclude\n"},
    {"what does not apply is run once", "sweep: {grid: {norm.kind: [bn, ln], norm.stat_batch: [16, 8, 4]}, seeds: 2}\n",
     "bn/16/1 bn/16/2 bn/8/1 bn/8/2 bn/4/1 bn/4/2 ln//1x3 ln//2x3",
     "4 grid points are the same run as another (norm.stat_batch does not apply to ln): run once\n"},
    {"several keys, several methods",
     "sweep: {grid: {norm.kind: [gn, ln, none], norm.groups: [8, 4], norm.momentum: [0.1, 0.2]}}\n",
     "gn/8//1x2 gn/4//1x2 ln///1x4 none///1x4",
     "8 grid points are the same run as another (norm.groups does not apply to ln, none; norm.momentum does not apply "
     "to ln, gn, none): run once\n"},
};

START_TEST(test_grid)
{
    char *folder = scratch_make();
    struct nl_experiment experiment = load(folder, grids[_i].yaml, NULL);
    struct nl_grid grid = unfold(&experiment);
    char *trials = listing(&grid), *notes = nl_grid_notes(&grid);
    ck_assert_msg(strcmp(trials, grids[_i].trials) == 0, "%s: '%s'", grids[_i].name, trials);
    ck_assert_msg(strcmp(notes, grids[_i].notes) == 0, "%s: '%s'", grids[_i].name, notes);
    free(trials);
    free(notes);
    nl_grid_release(&grid);
    scratch_remove(folder);
}
END_TEST

static const struct {
    const char *yaml, *says;
} bad_grids[] = {
    {"sweep: {grid: {norm.kind: [bn, gn], norm.groups: [8, 7]}}\n", "7"},
    {"sweep: {grid: {data.dir: [a, b]}}\n", "data.dir cannot be an axis"},
    {"sweep: {grid: {train.lr: 1:400, train.batch: 1:400}}\n", "the grid has 160000 points, more than 100000"},
    {"sweep: {grid: {norm.kind: [bn, ln]}, exclude: [{norm.kind: [bn, ln]}]}\n", "'sweep.exclude' leaves no trial"},
    {"sweep: {grid: {norm.kind: [ln, bn], norm.affine: [channel, element]}}\n", "norm.affine"},
};

START_TEST(test_bad_grid)
{
    char *text = problems_of(bad_grids[_i].yaml);
    ck_assert_msg(strstr(text, bad_grids[_i].says) != NULL, "expected '%s' in: %s", bad_grids[_i].says, text);
    ck_assert_ptr_nonnull(strstr(text, "e.yaml:"));
    free(text);
}
END_TEST

/* A problem of many trials is said once. */
START_TEST(test_said_once)
{
    char *text = problems_of("norm: {kind: gn, groups: 7}\nsweep: {grid: {train.lr: [0.1, 0.2, 0.3]}, seeds: 4}\n");
    const char *first = strstr(text, "e.yaml:");
    ck_assert_ptr_nonnull(first);
    ck_assert_msg(strstr(first + 1, "e.yaml:") == NULL, "%s", text);
    free(text);
}
END_TEST

/* ids of all trials, joined. */
static char *identities(const char *yaml)
{
    char *folder = scratch_make();
    struct nl_error err;
    struct nl_experiment experiment = load(folder, yaml, NULL);
    struct nl_grid grid = unfold(&experiment);
    struct nl_datasets datasets = {0};
    ck_assert_msg(nl_grid_identify(&grid, &datasets, &err) == NL_OK, "%s", err.text);
    struct nl_text out = {0};
    for (int i = 0; i < grid.trials; i++) {
        ck_assert_uint_eq(strspn(grid.trial[i].id, "0123456789abcdef"), 16);
        nl_text_add(&out, "%s ", grid.trial[i].id);
    }
    nl_datasets_release(&datasets);
    nl_grid_release(&grid);
    scratch_remove(folder);
    return out.at;
}

START_TEST(test_identity)
{
    static const struct {
        const char *yaml;
        bool same;
    } cases[] = {
        {"train: {lr: 5e-2}\n", true},                          /* a default, written otherwise */
        {"plot: {metric: train_loss}\n", true},                 /* plots never count */
        {"train: {beta1: 0.5}\n", true},                        /* does not apply to sgd */
        {"data: {dir: elsewhere}\n", true},                     /* nor do paths */
        {"train: {lr: 0.051}\n", false},
        {"train: {seed: 2}\n", false},
        {"norm: {kind: ln}\n", false},
        {"device: {kind: ref}\n", false},
        {"data: {name: synth}\n", false},
        {"train: {log_every: 7}\n", false},                     /* curves would differ */
    };
    char *plain = identities("norm: {kind: bn}\n");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *other = identities(cases[i].yaml);
        ck_assert_msg((strcmp(plain, other) == 0) == cases[i].same, "%s", cases[i].yaml);
        free(other);
    }
    free(plain);
}
END_TEST

/* Data sets are opened once for all trials that see the same one. */
START_TEST(test_datasets)
{
    char *folder = scratch_make();
    struct nl_error err;
    struct nl_experiment experiment =
        load(folder,
             "sweep: {grid: {data.name: [digits, synth], data.val: [0, 100], data.difficulty: [0.2, 0.5]}, seeds: 2}\n",
             NULL);
    struct nl_grid grid = unfold(&experiment);
    struct nl_datasets datasets = {0};
    ck_assert_msg(nl_grid_identify(&grid, &datasets, &err) == NL_OK, "%s", err.text);
    ck_assert_int_eq(grid.trials, 4 + 8);
    ck_assert_int_eq(datasets.count, 3);
    nl_datasets_release(&datasets);
    nl_grid_release(&grid);
    scratch_remove(folder);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("grid");
    TCase *tests = tcase_create("grid");
    tcase_add_loop_test(tests, test_grid, 0, sizeof grids / sizeof *grids);
    tcase_add_loop_test(tests, test_bad_grid, 0, sizeof bad_grids / sizeof *bad_grids);
    tcase_add_test(tests, test_said_once);
    tcase_add_test(tests, test_identity);
    tcase_add_test(tests, test_datasets);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
