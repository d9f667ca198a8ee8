/* From a made sweep to what the statistics read: its experiment, the trials that were planned, its results. */
#ifndef TESTS_SIMULATED_RESULTS_H
#define TESTS_SIMULATED_RESULTS_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "config/config.h"
#include "simulated.h"
#include "stats/results.h"
#include "suite.h"

#define BATCH .question = "small_batch"
#define PLAIN .values = NORMAL, .common = 0.03, .own = 0.01
#define NARROW .values = NORMAL, .common = 0.03, .own = 0.004
#define WIDE .values = NORMAL, .common = 0.03, .own = 0.04
#define ITEMS_OF .item = 2.0, .other = 1.0, .common = 0.10, .own = 0.10
#define COMPARE .question = "compare", .points = 1
#define RATES .question = "lr_tolerance", .baseline = true, .common = 0.1, .own = 0.15
#define RATES_CLOSELY .question = "lr_tolerance", .baseline = true, .common = 0.1, .own = 0.02
#define TUNED .base = 0.2, PLAIN, .tune_seeds = 3
#define TUNED_CLOSELY .base = 0.2, .values = NORMAL, .common = 0.03, .own = 0.006, .tune_seeds = 3
#define HALF .first = -3.0, .step = 0.5, .points = 7
#define QUARTER .first = -3.0, .step = 0.25, .points = 13

static int sweeps_of_a_scenario;
static char **name_parts; /* parts of names: only these scenarios; none: all */

static inline bool is_wanted(const char *name)
{
    bool wanted = !*name_parts;
    for (char **word = name_parts; *word; word++)
        wanted |= strstr(name, *word) != NULL;
    return wanted;
}

/* The test once for each scenario, below the head that was printed. */
static inline int run_scenarios(const char *name, const TTest *test, int scenarios, char **arguments)
{
    name_parts = arguments + (*arguments != NULL);
    fflush(stdout);
    Suite *suite = suite_create(name);
    TCase *tests = tcase_create(name);
    tcase_set_timeout(tests, 0);
    tcase_add_loop_test(tests, test, 0, scenarios);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}

/* claim: a section of the file, or "". */
static inline void load(const struct scenario *s, const char *claim, const char *folder, struct nl_experiment *out)
{
    struct nl_text yaml = {0};
    if (s->first_stage || s->tune_seeds || s->refine > 0.0) /* without the overlap that made values do not have */
        nl_text_add(&yaml, "data: {test_seed: 1, val: 200}\n");
    nl_text_add(&yaml, "sweep:\n  question: %s\n  grid:\n    norm.kind: [", s->question);
    for (int k = 0; k < s->kinds; k++)
        nl_text_add(&yaml, "%s%s", k ? ", " : "", kind_names[k]);
    nl_text_add(&yaml, "]\n    model.width: [");
    for (int w = 0; w < s->widths; w++)
        nl_text_add(&yaml, "%s%d", w ? ", " : "", width_of(s, w * s->kinds));
    nl_text_add(&yaml, "]\n");
    for (int p = 0; s->points > 1 && p < s->points; p++)
        nl_text_add(&yaml, "%s%.6g%s",
                    p             ? ", "
                    : is_rates(s) ? "    train.lr: ["
                                  : "    train.batch: [",
                    axis_of(s, p), p + 1 == s->points ? "]\n" : "");
    if (s->first_stage)
        nl_text_add(&yaml, "  until: {half_width: %g, max_seeds: %d}\n", s->half_width, s->seeds);
    if (s->tune_seeds) {
        nl_text_add(&yaml, "  tune: {seeds: %d%s, train.lr: [", s->tune_seeds, s->extends ? ", extend: 2" : "");
        for (int rate = s->extends ? 3 : 0; rate < (s->extends ? 5 : TUNED_RATES); rate++)
            nl_text_add(&yaml, "%.6g, ", tuned_rate(rate));
        nl_text_add(&yaml, "]}\n");
    }
    if (s->refine > 0.0)
        nl_text_add(&yaml, "  refine: %g\n", s->refine);
    nl_text_add(&yaml, "  seeds: %d\n%splot: {metric: %s%s}\n", s->first_stage ? s->first_stage : s->seeds,
                s->baseline ? "  baseline: {norm.kind: bn}\n" : "", s->loss ? "test_loss" : "test_error",
                s->plot ? s->plot : "");
    nl_text_add(&yaml, "%s%s", s->imported ? "import: {pairs: none}\n" : "", claim);
    char *path = nl_path_join(folder, "experiment.yaml");
    struct nl_error err;
    struct nl_diagnostics diagnostics = {0};
    ck_assert_int_eq(nl_file_write(path, yaml.at, yaml.length, &err), NL_OK);
    int status = nl_experiment_load(path, NULL, 0, out, &diagnostics);
    char *text = nl_diagnostics_text(&diagnostics);
    ck_assert_msg(status == NL_OK, "%s:\n%s%s", s->name, text, yaml.at);
    free(text);
    free(path);
    nl_text_release(&yaml);
}

struct plan {
    struct nl_planned planned;
    const struct nl_key *key[4];
    char ***text;
};

static inline void plan_of(const struct scenario *s, struct plan *out)
{
    int keys = 0, trial = 0;
    out->key[keys++] = nl_key_find("norm.kind");
    out->key[keys++] = nl_key_find("model.width");
    if (s->points > 1)
        out->key[keys++] = nl_key_find(is_rates(s) ? "train.lr" : "train.batch");
    out->key[keys++] = nl_key_find("train.seed");
    int trials = methods_of(s) * s->points * s->seeds;
    out->text = nl_alloc((size_t)trials, sizeof *out->text);
    for (int m = 0; m < methods_of(s); m++)
        for (int p = 0; p < s->points; p++)
            for (int seed = 0; seed < s->seeds; seed++, trial++) {
                char **text = out->text[trial] = nl_alloc((size_t)keys, sizeof *text);
                int k = 0;
                text[k++] = nl_strdup(kind_names[m % s->kinds]);
                text[k++] = nl_format("%d", width_of(s, m));
                if (s->points > 1)
                    text[k++] = nl_format("%.6g", axis_of(s, p));
                text[k] = nl_format("%d", seed + 1);
            }
    out->planned =
        (struct nl_planned){.keys = keys, .key = out->key, .trials = trials, .text = (char *const *const *)out->text};
}

static inline void plan_release(struct plan *plan)
{
    for (int trial = 0; trial < plan->planned.trials; trial++) {
        for (int k = 0; k < plan->planned.keys; k++)
            free(plan->text[trial][k]);
        free(plan->text[trial]);
    }
    free(plan->text);
}

/* The results go the way of real ones: through the text of a trials.csv. */
static inline void results_of(const struct scenario *s, const struct sweep *sweep,
                              const struct nl_experiment *experiment, const struct plan *plan, struct nl_results *out)
{
    struct nl_csv csv;
    struct nl_error err;
    char *text = sweep_text(s, sweep, plan->planned.text);
    ck_assert_msg(nl_csv_parse("trials.csv", text, &csv, &err) == NL_OK &&
                      nl_results_of(&csv, experiment, s->imported ? NULL : &plan->planned, out, &err) == NL_OK,
                  "%s: %s", s->name, err.text);
}

#endif
