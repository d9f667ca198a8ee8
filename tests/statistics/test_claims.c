/* Claims: what is read of runs, identities and their disturbances, verdicts from made results, and a claim from its
 * file to its outcome. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "claims/identity.h"
#include "claims/run.h"
#include "scratch.h"
#include "stats/distribution.h"
#include "stats/rates.h"
#include "suite.h"

/* ---- helpers ---- */

static void write_file(const char *folder, const char *name, const char *text)
{
    struct nl_error err;
    char *path = nl_path_join(folder, name);
    ck_assert_int_eq(nl_file_write(path, text, strlen(text), &err), NL_OK);
    free(path);
}

static void load_text(const char *text, struct nl_experiment *out)
{
    struct nl_diagnostics diagnostics = {0};
    char *folder = scratch_make(), *path = nl_path_join(folder, "claim.yaml");
    write_file(folder, "claim.yaml", text);
    int status = nl_experiment_load(path, NULL, 0, out, &diagnostics);
    char *problems = nl_diagnostics_text(&diagnostics);
    ck_assert_msg(status == NL_OK, "%s", problems);
    free(problems);
    free(path);
    scratch_remove(folder);
}

static void parse_results(const char *text, const struct nl_experiment *experiment, struct nl_results *out)
{
    struct nl_csv csv;
    struct nl_error err;
    ck_assert_msg(nl_csv_parse("trials.csv", nl_strdup(text), &csv, &err) == NL_OK, "%s", err.text);
    ck_assert_msg(nl_results_of(&csv, experiment, NULL, out, &err) == NL_OK, "%s", err.text);
}

#define HEAD "claim: {says: a, source: b, parts: [{says: c, "
#define TAIL "}]}\n"

static struct nl_curves parse_curves(const char *text)
{
    struct nl_curves out = {0};
    struct nl_csv csv;
    struct nl_error err;
    if (text) {
        ck_assert_int_eq(nl_csv_parse("curves.csv", nl_strdup(text), &csv, &err), NL_OK);
        ck_assert_int_eq(nl_curves_of(&csv, &out, &err), NL_OK);
    }
    return out;
}

/* The spans of the first part's first side, for each seed. */
static void read_tables(const char *claim, const char *trials, const char *curves, const char *metrics,
                        struct nl_range *out)
{
    struct nl_experiment experiment;
    struct nl_results results;
    struct nl_curves read = parse_curves(curves), measured = parse_curves(metrics);
    load_text(claim, &experiment);
    parse_results(trials, &experiment, &results);
    const struct nl_evidence evidence = {.experiment = &experiment,
                                         .results = &results,
                                         .curves = curves ? &read : NULL,
                                         .metrics = metrics ? &measured : NULL};
    const struct nl_cell *cell[64];
    int cells = 0;
    nl_side_spans(&experiment.published->part[0], 0, &evidence, out, cell, &cells);
    ck_assert_int_gt(cells, 0);
    nl_curves_release(&read);
    nl_curves_release(&measured);
    nl_results_release(&results);
}

static void read_spans(const char *claim, const char *trials, const char *curves, struct nl_range *out)
{
    read_tables(claim, trials, curves, NULL, out);
}

static void expect_span(struct nl_range found, double low, double high)
{
    ck_assert_msg((found.low == low || fabs(found.low - low) < 1e-9) &&
                      (found.high == high || fabs(found.high - high) < 1e-9),
                  "%g to %g, expected %g to %g", found.low, found.high, low, high);
}

/* ---- what is read ---- */

static const char rates[] = "sweep: {grid: {norm.kind: [bn, ln], train.lr: [0.01, 0.1, 1, 10]}}\ndata: {val: 128}\n";
static const char rate_trials[] = "trial,norm.kind,train.lr,train.seed,status,failed_step,classes,train_samples,val_"
                                  "samples,test_samples,val_overlap,test_overlap,train_accuracy,"
                                  "val_loss,test_accuracy\n"
                                  "1,bn,0.01,1,done,,10,1280,128,389,0,0,0.80,0.5,0.70\n"
                                  "2,bn,0.1,1,done,,10,1280,128,389,0,0,0.99,0.2,0.90\n"
                                  "3,bn,1,1,done,,10,1280,128,389,0,0,0.98,0.3,0.93\n"
                                  "4,bn,10,1,diverged,7,10,1280,128,389,0,0,,,\n";

/* The best is chosen by the validation part, though another run is better on the test part. */
START_TEST(the_best_run_is_chosen_by_the_validation_part)
{
    struct nl_range span[1];
    char *claim = nl_format("%s" HEAD "measure: {metric: test_accuracy, along: train.lr, take: best, by: val_loss}, "
                                      "of: {norm.kind: bn}, minus: {norm.kind: ln}, smallest: 1" TAIL,
                            rates);
    read_spans(claim, rate_trials, NULL, span);
    expect_span(span[0], 0.90, 0.90);
    free(claim);
}
END_TEST

START_TEST(rates_widths_and_failures_are_read_along_a_key)
{
    static const struct {
        const char *measure;
        double low, high;
    } cases[] = {
        {"{along: train.lr, take: usable}", 0.0, 2.302585092994046}, /* 1, and below 10 */
        {"{along: train.lr, take: failed}", 0.25, 0.25},
        {"{metric: test_accuracy, along: train.lr, take: width}", 1.0, 3.0}, /* 0.1 to 1; neighbours at 0.01 and 10 */
        {"{metric: train_accuracy, along: train.lr, take: width}", 1.0, 3.0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct nl_range span[1];
        char *claim = nl_format("%s" HEAD "measure: %s, of: {norm.kind: bn}, minus: {norm.kind: ln}, smallest: 1" TAIL,
                                rates, cases[i].measure);
        read_spans(claim, rate_trials, NULL, span);
        expect_span(span[0], cases[i].low, cases[i].high);
        free(claim);
    }
}
END_TEST

/* The first seed trains up to 0.1 and has asked for 0.3162, the second one up to 3.162 but for 0.3162, where it
 * diverges. */
START_TEST(a_seed_of_a_refined_grid_is_judged_by_rates_of_its_own)
{
    static const char grid[] = "norm: {kind: bn}\nsweep: {seeds: 2, refine: 3.5, grid: {train.lr: [0.1, 1, 10]}, "
                               "points: [{train.lr: [0.3162, 3.162]}]}\n";
    static const char trials[] =
        "trial,train.lr,train.seed,status,failed_step,classes,train_samples,val_samples,test_samples,val_overlap,test_"
        "overlap,train_accuracy\n"
        "1,0.1,1,done,,10,1280,0,389,0,0,0.99\n2,0.1,2,done,,10,1280,0,389,0,0,0.99\n3,1,1,done,,10,1280,0,389,0,0,0."
        "2\n"
        "4,1,2,done,,10,1280,0,389,0,0,0.99\n5,10,1,done,,10,1280,0,389,0,0,0.2\n6,10,2,done,,10,1280,0,389,0,0,0.2\n"
        "7,0.3162,1,done,,10,1280,0,389,0,0,0.2\n8,0.3162,2,diverged,7,10,1280,0,389,0,0,\n9,3.162,1,done,,10,1280,0,"
        "389,0,0,0.2\n"
        "10,3.162,2,done,,10,1280,0,389,0,0,0.99\n";
    struct nl_experiment experiment;
    struct nl_results results;
    struct nl_comparison view;
    struct nl_rate_range range[2];
    load_text(grid, &experiment);
    parse_results(trials, &experiment, &results);
    nl_comparison_make(&results, &experiment, nl_results_factor(&results, "train.lr"), -1, &view);
    nl_usable_rates(&view, 0, NL_RATE_BY_ACCURACY, range);
    expect_span((struct nl_range){range[0].low, range[0].high}, log(0.1), log(0.3162));
    expect_span((struct nl_range){range[1].low, range[1].high}, log(3.162), log(10.0));
    nl_comparison_release(&view);
    nl_results_release(&results);
}
END_TEST

/* Steps to a target lie between two evaluations. A run that failed early, and one that never got there, are censored at
 * the steps they were given. */
START_TEST(steps_are_censored_at_the_cap)
{
    static const char claim[] =
        "train: {steps: 400}\nsweep: {seeds: 3, grid: {norm.kind: [bn, ln]}}\n" HEAD
        "measure: {metric: test_accuracy, target: 0.9}, of: {norm.kind: bn}, minus: {norm.kind: ln}, smallest: 2" TAIL;
    static const char trials[] = "trial,norm.kind,train.seed,status,failed_step,classes,train_samples,val_samples,test_"
                                 "samples,val_overlap,test_overlap,test_accuracy\n"
                                 "1,bn,1,done,,10,1280,0,389,0,0,0.95\n2,bn,2,diverged,15,10,1280,0,389,0,0,\n3,bn,3,"
                                 "done,,10,1280,0,389,0,0,0.85\n";
    static const char curves[] = "trial,norm.kind,train.seed,step,epoch,samples,split,eval,lr,loss,accuracy\n"
                                 "1,bn,1,10,1,1,train,,0.1,1,0.99\n1,bn,1,10,1,1,test,running,0.1,1,0.5\n1,bn,1,20,1,1,"
                                 "test,running,0.1,1,0.92\n1,bn,1,30,1,1,test,running,0.1,1,0.5\n"
                                 "2,bn,2,10,1,1,test,running,0.1,1,0.5\n3,bn,3,10,1,1,test,running,0.1,1,0.5\n3,bn,3,"
                                 "400,1,1,test,running,0.1,1,0.85\n";
    struct nl_range span[3];
    read_spans(claim, trials, curves, span);
    expect_span(span[0], log(10.0), log(20.0));
    expect_span(span[1], log(400.0), INFINITY);
    expect_span(span[2], log(400.0), INFINITY);
}
END_TEST

START_TEST(a_slope_is_over_doublings)
{
    static const char claim[] =
        "norm: {kind: bn}\nsweep: {grid: {train.batch: [2, 8, 32]}}\n" HEAD
        "measure: {metric: test_loss}, of: {norm.kind: bn}, slope: train.batch, smallest: 0.1" TAIL;
    static const char trials[] =
        "trial,train.batch,train.seed,status,failed_step,classes,train_samples,val_samples,test_samples,val_overlap,"
        "test_overlap,test_loss\n"
        "1,32,1,done,,10,1280,0,389,0,0,1.5\n2,8,1,done,,10,1280,0,389,0,0,1.0\n3,2,1,done,,10,1280,0,389,0,0,0.7\n";
    struct nl_range span[1];
    read_spans(claim, trials, NULL, span);
    expect_span(span[0], 0.2, 0.2);
}
END_TEST

/* Of the last layer, which is the tenth and not the second; of norms the logarithm; at the step that is asked for. */
START_TEST(tensors_are_read_by_pattern_quantity_and_step)
{
    static const char trials[] = "trial,model.depth,train.seed,status,failed_step,classes,train_samples,val_samples,"
                                 "test_samples,val_overlap,test_overlap,test_loss\n"
                                 "1,4,1,done,,10,1280,0,389,0,0,1.5\n2,8,1,diverged,7,10,1280,0,389,0,0,\n";
    static const char metrics[] = "trial,model.depth,train.seed,step,tensor,quantity,value\n"
                                  "1,4,1,1,grad:h.10.w,norm,4\n1,4,1,1,grad:h.10.w,mean,0.25\n1,4,1,9,grad:h.10.w,norm,"
                                  "2\n1,4,1,9,grad:h.10.w,mean,0.75\n"
                                  "1,4,1,1,grad:h.2.w,norm,16\n1,4,1,1,other,norm,32\n";
    static const struct {
        const char *measure, *cell;
        double value;
    } cases[] = {
        {"{tensor: 'grad:h.*', quantity: norm}", "{model.depth: 4}", 0.693147180559945},
        {"{tensor: 'grad:h.*', quantity: norm, step: first}", "{model.depth: 4}", 1.386294361119891},
        {"{tensor: 'grad:h.*', quantity: mean, step: last}", "{model.depth: 4}", 0.75},
        {"{tensor: 'grad:h.2*', quantity: norm}", "{model.depth: 4}", 2.772588722239781},
        {"{tensor: 'grad:h.*', quantity: norm, step: mean}", "{model.depth: 4}", 1.039720770839918},
        {"{tensor: 'grad:h.1*', quantity: norm, tensors: mean}", "{model.depth: 4}", 0.693147180559945},
        {"{tensor: 'grad:h.*', quantity: norm, tensors: mean, step: first}", "{model.depth: 4}", 2.079441541679836},
        {"{tensor: 'grad:h.*', quantity: norm, step: early}", "{model.depth: 4}", 1.386294361119891},
        {"{tensor: 'grad:h.*', quantity: norm, step: late}", "{model.depth: 4}", 0.693147180559945},
        {"{tensor: 'grad:h.*', quantity: norm, tensors: mean, step: mean}", "{model.depth: 4}", 1.617343421306461},
        {"{tensor: 'grad:h.*', quantity: mean, step: mean}", "{model.depth: 4}", 0.5},
        {"{tensor: 'grad:g.*', quantity: norm}", "{model.depth: 4}", NAN},
        {"{tensor: 'grad:h.*', quantity: std}", "{model.depth: 4}", NAN},
        {"{tensor: 'grad:h.*', quantity: norm}", "{model.depth: 8}", NAN},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct nl_range span[1];
        char *claim = nl_format("sweep: {grid: {model.depth: [4, 8]}}\n" HEAD
                                "measure: %s, of: %s, minus: {model.depth: 4}, smallest: 2" TAIL,
                                cases[i].measure, cases[i].cell);
        read_tables(claim, trials, NULL, metrics, span);
        if (isnan(cases[i].value))
            ck_assert(isnan(span[0].low) && isnan(span[0].high));
        else
            expect_span(span[0], cases[i].value, cases[i].value);
        free(claim);
    }
}
END_TEST

/* Runs that ended at chance are told of as bearing on nothing only where all parts are read of first steps. */
START_TEST(runs_at_chance_do_not_bear_on_first_steps)
{
    struct nl_published_part first = {.reading = {.tensor = "grad:h.*", .step = NL_FIRST_STEP}},
                             last = {.reading = {.tensor = "grad:h.*"}};
    struct nl_judged judged[2] = {{.part = &first}, {.part = &first}};
    struct nl_outcome outcome = {.parts = 2, .part = judged, .failures = {.failed = 3, .dead = 3, .runs = 4}};
    for (int i = 0; i < 3; i++) {
        struct nl_text text = {0};
        if (i == 1)
            outcome.failures.dead = 0, outcome.failures.diverged = 3;
        if (i == 2)
            outcome.failures.dead = 3, outcome.failures.diverged = 0, judged[1].part = &last;
        nl_say_failed_runs(&text, &outcome);
        ck_assert_ptr_nonnull(strstr(text.at, "Failed runs: 3 of 4"));
        ck_assert_int_eq(strstr(text.at, "Only the first step is measured here") != NULL, i == 0);
        nl_text_release(&text);
    }
}
END_TEST

/* ---- identities ---- */

START_TEST(identities_hold_and_disturbances_break_them)
{
    for (int identity = NL_GN_IS_LN; nl_identity_names[identity - 1]; identity++)
        for (int single = 0; single < 2; single++) {
            double deviation = NAN, perturbed = NAN, tolerance = single ? 1e-4 : 1e-12;
            struct nl_error err;
            enum nl_device_kind device = single ? NL_CPU : NL_REF;
            ck_assert_int_eq(nl_identity_deviation((enum nl_identity)identity, device, false, &deviation, &err), NL_OK);
            ck_assert_int_eq(nl_identity_deviation((enum nl_identity)identity, device, true, &perturbed, &err), NL_OK);
            ck_assert_msg(deviation <= tolerance, "%s: %g", nl_identity_names[identity - 1], deviation);
            ck_assert_msg(perturbed > 10.0 * tolerance, "%s, disturbed: %g", nl_identity_names[identity - 1],
                          perturbed);
        }
}
END_TEST

/* ---- verdicts ---- */

/* Test losses of ln, which are `base`, and of bn, larger by `effect` with a small spread, for eight seeds. */
static void make_pairs_from(double base, double effect, double spread, const struct nl_experiment *experiment,
                            struct nl_results *out)
{
    struct nl_text text = {0};
    nl_text_add(&text, "trial,norm.kind,train.seed,status,failed_step,classes,train_samples,val_samples,test_samples,"
                       "val_overlap,test_overlap,test_loss\n");
    for (int seed = 0; seed < 8; seed++) {
        nl_text_add(&text, "%d,bn,%d,done,,10,1280,0,389,0,0,%.9g\n", 2 * seed + 1, seed + 1,
                    base + effect + spread * (seed - 3.5));
        nl_text_add(&text, "%d,ln,%d,done,,10,1280,0,389,0,0,%.9g\n", 2 * seed + 2, seed + 1, base);
    }
    parse_results(text.at, experiment, out);
    nl_text_release(&text);
}

static void make_pairs(double effect, double spread, const struct nl_experiment *experiment, struct nl_results *out)
{
    make_pairs_from(1.0, effect, spread, experiment, out);
}

/* What the threshold makes of an effect; other: the effect in the control's runs, whose first side is taken off; of a
 * margin, what its handicap takes off ln. */
static enum nl_outcome_verdict verdict_by(bool exact, const char *threshold, double effect, double spread, double other)
{
    struct nl_experiment experiment;
    struct nl_results results[2];
    struct nl_outcome outcome = {0};
    struct nl_error err;
    char *claim = nl_format("sweep: {seeds: 8, grid: {norm.kind: [bn, ln]}}\n" HEAD
                            "measure: {metric: test_loss}, of: {norm.kind: bn}, minus: {norm.kind: ln}, %s" TAIL,
                            threshold);
    load_text(claim, &experiment);
    make_pairs(effect, spread, &experiment, &results[0]);
    make_pairs_from(strstr(threshold, "margin") ? 1.0 + other : 1.0, other, -spread, &experiment, &results[1]);
    const struct nl_evidence control = {.experiment = &experiment, .results = &results[1]};
    const struct nl_claim_evidence evidence = {.main = {.experiment = &experiment, .results = &results[0]},
                                               .control = &control};
    ck_assert_int_eq(nl_outcome_judge(experiment.published, &evidence, 0.95, exact, &outcome, &err), NL_OK);
    enum nl_outcome_verdict verdict = outcome.verdict;
    nl_outcome_release(&outcome);
    nl_results_release(&results[0]);
    nl_results_release(&results[1]);
    free(claim);
    return verdict;
}

static enum nl_outcome_verdict verdict_of(const char *threshold, double effect, double spread, double other)
{
    return verdict_by(false, threshold, effect, spread, other);
}

/* The largest deviation counts on either side of 0. */
START_TEST(an_identity_holds_on_both_sides)
{
    static const struct {
        double effect, spread, deviation; /* a spread of s: from -3.5 s to 3.5 s around the effect */
    } cases[] = {{0, 0, 0},      {0.05, 0, 0.05},     {-0.05, 0, 0.05},   {0.2, 0, 0.2},
                 {-0.2, 0, 0.2}, {-0.02, 0.04, 0.16}, {0.02, 0.04, 0.16}, {-0.02, -0.04, 0.16}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct nl_experiment experiment;
        struct nl_results results;
        struct nl_outcome outcome = {0};
        struct nl_error err;
        load_text("sweep: {seeds: 8, grid: {norm.kind: [bn, ln]}}\n"
                  "claim: {says: a, source: b, control: {norm.eps: 1}, parts: [{says: c, measure: {metric: test_loss}, "
                  "of: {norm.kind: bn}, minus: {norm.kind: ln}, "
                  "tolerance: 0.1" TAIL,
                  &experiment);
        make_pairs(cases[i].effect, cases[i].spread, &experiment, &results);
        const struct nl_claim_evidence evidence = {.main = {.experiment = &experiment, .results = &results}};
        ck_assert_int_eq(nl_outcome_judge(experiment.published, &evidence, 0.95, false, &outcome, &err), NL_OK);
        const struct nl_judged *part = &outcome.part[0];
        ck_assert_msg(fabs(part->deviation - cases[i].deviation) <= 1e-8, "case %zu: %g", i, part->deviation);
        ck_assert_msg(part->claim.verdict == (cases[i].deviation <= 0.1 ? NL_SUPPORTED : NL_NOT_SUPPORTED),
                      "case %zu: %d", i, part->claim.verdict);
        nl_outcome_release(&outcome);
        nl_results_release(&results);
    }
}
END_TEST

/* The outcome of a claim on a made trials.csv; to be released with the results. */
static void judge_made(const char *claim, const char *trials, struct nl_results *results, struct nl_outcome *out)
{
    struct nl_experiment experiment;
    struct nl_error err;
    load_text(claim, &experiment);
    parse_results(trials, &experiment, results);
    const struct nl_claim_evidence evidence = {.main = {.experiment = &experiment, .results = results}};
    ck_assert_msg(nl_outcome_judge(experiment.published, &evidence, 0.95, false, out, &err) == NL_OK, "%s", err.text);
}

/* Where both sides are at an end of the scale in most pairs, a difference could not be seen: at the ceiling as at the
 * floor. */
START_TEST(shares_at_an_end_give_no_verdict)
{
    static const double at[] = {0, 1, 0.5};
    static const char *const obstacle[] = {"saturated (8 of 8 pairs at 0 %)", "saturated (8 of 8 pairs at 100 %)",
                                           NULL};
    for (int i = 0; i < 3; i++) {
        struct nl_results results;
        struct nl_outcome outcome = {0};
        struct nl_text text = {0};
        nl_text_add(&text, "trial,norm.kind,train.seed,status,failed_step,classes,train_samples,val_samples,test_"
                           "samples,val_overlap,test_overlap,test_accuracy\n");
        for (int trial = 0; trial < 16; trial++)
            nl_text_add(&text, "%d,%s,%d,done,,10,1280,0,389,0,0,%g\n", trial + 1, trial % 2 ? "ln" : "bn",
                        trial / 2 + 1, at[i]);
        judge_made("sweep: {seeds: 8, grid: {norm.kind: [bn, ln]}}\n" HEAD
                   "measure: {metric: test_accuracy}, of: {norm.kind: bn}, minus: {norm.kind: ln}, margin: 1" TAIL,
                   text.at, &results, &outcome);
        const char *found = outcome.part[0].claim.obstacle;
        ck_assert_msg(obstacle[i] ? found && strcmp(found, obstacle[i]) == 0 : !found, "at %g: %s", at[i],
                      found ? found : "no obstacle");
        nl_outcome_release(&outcome);
        nl_results_release(&results);
        nl_text_release(&text);
    }
}
END_TEST

/* A difference of differences of shares, equal in all seeds, is as uncertain as counting over the test part leaves its
 * two differences, each with its own share. */
START_TEST(an_interaction_counts_each_of_its_differences)
{
    static const struct {
        const char *kind;
        int batch;
        double accuracy;
    } cells[] = {{"bn", 4, 0.6}, {"ln", 4, 0.9}, {"bn", 64, 0.95}, {"ln", 64, 0.9}};
    struct nl_results results;
    struct nl_outcome outcome = {0};
    struct nl_text text = {0};
    nl_text_add(&text, "trial,norm.kind,train.batch,train.seed,status,failed_step,classes,train_samples,val_samples,"
                       "test_samples,val_overlap,test_overlap,test_accuracy\n");
    for (int trial = 0; trial < 32; trial++)
        nl_text_add(&text, "%d,%s,%d,%d,done,,10,1280,0,389,0,0,%g\n", trial + 1, cells[trial % 4].kind,
                    cells[trial % 4].batch, trial / 4 + 1, cells[trial % 4].accuracy);
    judge_made(
        "sweep: {seeds: 8, grid: {norm.kind: [bn, ln], train.batch: [4, 64]}}\n" HEAD
        "measure: {metric: test_accuracy}, of: {norm.kind: bn, train.batch: 4}, minus: {norm.kind: ln, train.batch: "
        "4}, "
        "less: {of: {norm.kind: bn, train.batch: 64}, minus: {norm.kind: ln, train.batch: 64}}, smallest: 1" TAIL,
        text.at, &results, &outcome);
    const struct nl_estimate *effect = &outcome.part[0].claim.effect;
    double half = nl_t_quantile(0.975, 7) / sqrt(8) * hypot(nl_counting_sd(0.3, 389), nl_counting_sd(0.05, 389));
    ck_assert_msg(fabs(effect->mean + 0.35) < 1e-12 && fabs(effect->upper - effect->mean - half) < 1e-9,
                  "%g [%g, %g], expected half a width of %g", effect->mean, effect->lower, effect->upper, half);
    nl_outcome_release(&outcome);
    nl_results_release(&results);
    nl_text_release(&text);
}
END_TEST

/* Eight pairs, all on one side of the threshold, are enough; one on the other side is not. */
START_TEST(the_exact_test_judges_too)
{
    ck_assert_int_eq(verdict_by(true, "smallest: 0.1", 0.2, 0.01, 0.2), NL_REPRODUCED);
    ck_assert_int_eq(verdict_by(true, "smallest: 0.1", 0.11, 0.01, 0.11), NL_UNDECIDED);
    ck_assert_int_eq(verdict_by(true, "smallest: 0.1", 0.05, 0.01, 0.05), NL_NOT_FOUND_HERE);
    ck_assert_int_eq(verdict_by(true, "smallest: 0.1, expect: less", -0.2, 0.01, -0.2), NL_REPRODUCED);
    ck_assert_int_eq(verdict_by(true, "margin: 0.1", -0.2, 0.01, 0.5), NL_CONTRADICTED);
}
END_TEST

START_TEST(a_verdict_needs_the_whole_interval)
{
    ck_assert_int_eq(verdict_of("smallest: 0.1", 0.2, 0.01, 0.2), NL_REPRODUCED);
    ck_assert_int_eq(verdict_of("smallest: 0.1", 0.11, 0.01, 0.11), NL_UNDECIDED); /* beyond, but not all of it */
    ck_assert_int_eq(verdict_of("smallest: 0.1", 0.09, 0.01, 0.09), NL_UNDECIDED);
    ck_assert_int_eq(verdict_of("smallest: 0.1", 0.05, 0.01, 0.05), NL_NOT_FOUND_HERE);
    ck_assert_int_eq(verdict_of("smallest: 0.1", -0.2, 0.01, -0.2), NL_CONTRADICTED);
    ck_assert_int_eq(verdict_of("smallest: 0.1, expect: less", -0.2, 0.01, -0.2), NL_REPRODUCED);
    ck_assert_int_eq(verdict_of("margin: 0.1", 0.02, 0.01, 0.5), NL_REPRODUCED);
    ck_assert_int_eq(verdict_of("margin: 0.1", 0.099, 0.01, 0.5), NL_UNDECIDED);
    ck_assert_int_eq(verdict_of("margin: 0.1", -0.2, 0.01, 0.5), NL_CONTRADICTED);
}
END_TEST

/* Accuracies of ln around `base`, of bn around base + effect, of the last of eight seeds by `outlier` more; fixed: all
 * seeds share one test part. */
static enum nl_part_finding finding_by(bool exact, const char *threshold, double base, double effect, double outlier,
                                       bool fixed)
{
    struct nl_experiment experiment;
    struct nl_results results;
    struct nl_outcome outcome = {0};
    struct nl_error err;
    struct nl_text text = {0};
    char *claim = nl_format("%ssweep: {seeds: 8, grid: {norm.kind: [bn, ln]}}\n" HEAD
                            "measure: {metric: test_accuracy}, of: {norm.kind: bn}, minus: {norm.kind: ln}, %s" TAIL,
                            fixed ? "data: {split_seed: 1}\n" : "", threshold);
    load_text(claim, &experiment);
    nl_text_add(&text, "trial,norm.kind,train.seed,status,failed_step,classes,train_samples,val_samples,test_samples,"
                       "val_overlap,test_overlap,test_accuracy\n");
    for (int i = 0; i < 16; i++)
        nl_text_add(&text, "%d,%s,%d,done,,10,1280,0,20000,0,%d,%.9g\n", i + 1, i % 2 ? "bn" : "ln", i / 2 + 1, fixed,
                    base + (i % 2 ? effect + 0.0001 * (i / 2 - 3.5) + outlier * (i == 15) : 0));
    parse_results(text.at, &experiment, &results);
    const struct nl_evidence control = {0};
    const struct nl_claim_evidence evidence = {.main = {.experiment = &experiment, .results = &results},
                                               .control = &control};
    ck_assert_int_eq(nl_outcome_judge(experiment.published, &evidence, 0.95, exact, &outcome, &err), NL_OK);
    enum nl_part_finding finding = outcome.part[0].finding;
    nl_outcome_release(&outcome);
    nl_results_release(&results);
    nl_text_release(&text);
    free(claim);
    return finding;
}

static enum nl_part_finding finding_of(const char *threshold, double base, double effect, bool fixed)
{
    return finding_by(false, threshold, base, effect, 0, fixed);
}

/* Why a part does not hold: the opposite, nothing that counts, too little, or no room; and what a shared test part leaves
 * of it. */
START_TEST(findings_tell_apart_why)
{
    ck_assert_int_eq(finding_of("smallest: 2", 0.5, 0.05, false), NL_PART_HOLDS);
    ck_assert_int_eq(finding_of("smallest: 2", 0.5, -0.05, false), NL_PART_OPPOSITE);
    ck_assert_int_eq(finding_of("smallest: 2", 0.5, 0.0, false), NL_PART_EQUIVALENT);
    ck_assert_int_eq(finding_of("smallest: 2", 0.5, -0.01, false), NL_PART_EQUIVALENT);
    ck_assert_int_eq(finding_of("smallest: 2", 0.5, -0.02, false), NL_PART_NOT_FOUND);
    ck_assert_int_eq(finding_of("smallest: 2", 0.5, 0.02, false), NL_PART_OPEN);
    ck_assert_int_eq(finding_of("smallest: 2", 0.985, 0.01, false), NL_PART_NO_ROOM);
    ck_assert_int_eq(finding_of("smallest: 2", 0.985, -0.01, false), NL_PART_NO_ROOM);
    ck_assert_int_eq(finding_of("smallest: 2", 0.985, -0.1, false), NL_PART_OPPOSITE);
    ck_assert_int_eq(finding_of("smallest: 2, expect: less", 0.985, -0.1, false), NL_PART_HOLDS);
    ck_assert_int_eq(finding_of("smallest: 2, expect: less", 0.5, 0.1, false), NL_PART_OPPOSITE);
    ck_assert_int_eq(finding_of("smallest: 2, expect: less", 0.015, -0.01, false), NL_PART_NO_ROOM);
    ck_assert_int_eq(finding_of("margin: 2", 0.5, 0.001, false), NL_PART_HOLDS);
    ck_assert_int_eq(finding_of("margin: 2", 0.5, 0.1, false), NL_PART_OPPOSITE);
    /* 20,000 samples of one part move a difference near one half by about a point. */
    ck_assert_int_eq(finding_of("smallest: 2", 0.5, 0.021, false), NL_PART_HOLDS);
    ck_assert_int_eq(finding_of("smallest: 2", 0.5, 0.021, true), NL_PART_HOLDS_HERE);
    ck_assert_int_eq(finding_of("smallest: 2", 0.5, 0.05, true), NL_PART_HOLDS);
    ck_assert_int_eq(finding_of("smallest: 2", 0.5, -0.021, false), NL_PART_OPPOSITE);
    ck_assert_int_eq(finding_of("smallest: 2", 0.5, -0.021, true), NL_PART_NOT_FOUND);
    ck_assert_int_eq(finding_of("margin: 2", 0.5, 0.021, true), NL_PART_NOT_FOUND);
    ck_assert_int_eq(finding_of("margin: 2", 0.5, 0.018, false), NL_PART_HOLDS);
    ck_assert_int_eq(finding_of("margin: 2", 0.5, 0.018, true), NL_PART_HOLDS_HERE);
    /* All pairs lie beyond the threshold, and one far away; where no part is shared, another one takes nothing. */
    ck_assert_int_eq(finding_by(false, "smallest: 2", 0.5, 0.021, 0.3, false), NL_PART_OPEN);
    ck_assert_int_eq(finding_by(true, "smallest: 2", 0.5, 0.021, 0.3, false), NL_PART_HOLDS);
}
END_TEST

/* The outcome of parts (as in `claim`) over a hinge whose values are 32, as the protocol has it, 8 and 64; effects of bn
 * over ln at each. */
static struct nl_outcome outcome_over_hinge(const char *claim, const double effect[3])
{
    struct nl_experiment experiment;
    struct nl_results results[3];
    struct nl_outcome outcome = {0};
    struct nl_error err;
    const struct nl_evidence control[2] = {{0}};
    struct nl_evidence evidence[3];
    load_text(claim, &experiment);
    for (int v = 0; v < 3; v++) {
        make_pairs(effect[v], 0.01, &experiment, &results[v]);
        evidence[v] = (struct nl_evidence){.experiment = &experiment, .results = &results[v]};
    }
    const struct nl_claim_evidence all = {.main = evidence[0], .control = control, .hinge = evidence + 1};
    ck_assert_int_eq(nl_outcome_judge(experiment.published, &all, 0.95, false, &outcome, &err), NL_OK);
    for (int v = 0; v < 3; v++)
        nl_results_release(&results[v]);
    return outcome;
}

#define HINGED(parts)                                                                                                  \
    "train.batch: 32\nsweep: {seeds: 8, grid: {norm.kind: [bn, ln]}}\n"                                                \
    "claim: {says: a, source: b, measure: {metric: test_loss}, parts: [" parts "], objections: [{says: d, hinge: "     \
    "train.batch, here: 32, values: [8, 64], source: e}]}\n"
#define BN_ABOVE "{says: c, of: {norm.kind: bn}, minus: {norm.kind: ln}, smallest: 0.1}"
#define LN_ABOVE "{says: c, of: {norm.kind: ln}, minus: {norm.kind: bn}, smallest: 0.1}"

/* A part holds where it holds at one value, and its opposite is found where it is found at all. */
START_TEST(a_part_is_judged_at_every_value_of_the_hinge)
{
    static const struct {
        double effect[3];
        enum nl_part_finding finding;
        const char *title;
    } cases[] = {
        {{0.2, 0.2, 0.2}, NL_PART_HOLDS, "reproduced (at train.batch 8, 32 and 64)"},
        {{0.0, 0.2, 0.0}, NL_PART_HOLDS, "reproduced (at train.batch 8)"},
        {{0.2, 0.0, -0.2}, NL_PART_HOLDS, "reproduced (at train.batch 32)"},
        {{-0.2, -0.2, 0.2}, NL_PART_HOLDS, "reproduced (at train.batch 64)"},
        {{-0.2, -0.2, -0.2}, NL_PART_OPPOSITE, "contradicted"},
        {{-0.2, 0.0, -0.2}, NL_PART_NOT_FOUND, "not found here"},
        {{0.0, 0.0, 0.0}, NL_PART_EQUIVALENT, "not found here"},
        {{-0.2, 0.1, -0.2}, NL_PART_OPEN, "inconclusive"},
        {{0.1, 0.1, 0.1}, NL_PART_OPEN, "inconclusive"},
        {{NAN, 0.2, 0.2}, NL_PART_HOLDS, "reproduced (at train.batch 8 and 64)"},
        {{NAN, -0.2, -0.2}, NL_PART_OPEN, "inconclusive"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct nl_outcome outcome = outcome_over_hinge(HINGED(BN_ABOVE), cases[i].effect);
        char *title = nl_outcome_title(&outcome);
        ck_assert_int_eq(outcome.tests, isnan(cases[i].effect[0]) ? 2 : 3);
        ck_assert_msg(outcome.part[0].over_hinge == cases[i].finding && strcmp(title, cases[i].title) == 0,
                      "case %zu: %d, %s", i, outcome.part[0].over_hinge, title);
        free(title);
        nl_outcome_release(&outcome);
    }
}
END_TEST

/* What holds here at one value and there at another holds nowhere together. */
START_TEST(parts_must_hold_at_one_value)
{
    static const struct {
        double effect[3];
        const char *title, *reason;
    } cases[] = {
        {{0.2, -0.2, 0},
         "partly reproduced (each part at other values of train.batch)",
         "All of its 2 parts hold. Over train.batch, part 1 holds at 32, is contradicted at 8, and does not hold (the "
         "effect is smaller than counts) at 64; part 2 holds at 8, is contradicted at 32, and does not hold (the effect "
         "is smaller than counts) at 64. At no one value all of them hold."},
        {{0.2, 0.2, 0.2},
         "contradicted (part 2 of 2)",
         "Of its 2 parts, part 1 holds; part 2 is contradicted. Over train.batch, part 1 holds at every value, 8, 32 and "
         "64; part 2 is contradicted at every value, 8, 32 and 64."},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct nl_outcome outcome = outcome_over_hinge(HINGED(BN_ABOVE ", " LN_ABOVE), cases[i].effect);
        char *title = nl_outcome_title(&outcome);
        ck_assert_str_eq(title, cases[i].title);
        ck_assert_str_eq(outcome.reason.at, cases[i].reason);
        ck_assert_int_eq(outcome.tests, 6);
        free(title);
        nl_outcome_release(&outcome);
    }
}
END_TEST

START_TEST(a_control_that_holds_forbids_a_verdict)
{
    ck_assert_int_eq(verdict_of("smallest: 0.1", 0.4, 0.01, 0.4), NL_REPRODUCED);
    ck_assert_int_eq(verdict_of("smallest: 0.1", 0.4, 0.01, 0.0),
                     NL_UNDECIDED); /* bn differs from itself with other seeds */
    ck_assert_int_eq(verdict_of("margin: 0.1", 0.02, 0.01, 0.02), NL_UNDECIDED); /* the handicap changes too little */
}
END_TEST

/* Of eight seeds the best rate of bn by its validation loss is 0.01, that of ln 1; at 0.1 both are nearly as good, but
 * bn is the better one by 4 points there, and `best` points where each is at its best. At 10 one run of ln diverges,
 * and all others are best of all. */
static void make_rates(double best, const struct nl_experiment *experiment, struct nl_results *out)
{
    static const double rate[] = {0.01, 0.1, 1, 10}, loss[2][4] = {{0.20, 0.22, 0.50, 0.1}, {0.60, 0.23, 0.20, 0.1}};
    struct nl_text text = {0};
    nl_text_add(&text, "trial,norm.kind,train.lr,train.seed,status,failed_step,classes,train_samples,val_samples,test_"
                       "samples,val_overlap,test_overlap,val_loss,test_accuracy\n");
    for (int kind = 0, trial = 1; kind < 2; kind++)
        for (int r = 0; r < 4; r++)
            for (int seed = 0; seed < 8; seed++, trial++) {
                double value = 0.8 + 0.001 * ((seed * 5 + kind * 3) % 7) + (kind ? 0.0 : r == 1 ? 0.04 : best / 100.0);
                nl_text_add(&text, "%d,%s,%g,%d,", trial, kind ? "ln" : "bn", rate[r], seed + 1);
                if (kind == 1 && r == 3 && seed == 2)
                    nl_text_add(&text, "diverged,7,10,1280,128,389,0,0,,\n");
                else
                    nl_text_add(&text, "done,,10,1280,128,389,0,0,%g,%.9g\n", loss[kind][r], value);
            }
    parse_results(text.at, experiment, out);
    nl_text_release(&text);
}

/* What comes out with one rate for both is said beside it, whatever the verdict, which is that of the best rates. */
START_TEST(one_rate_for_all_is_judged_beside_the_best_of_each)
{
    static const struct {
        double best;
        enum nl_outcome_verdict verdict;
    } cases[] = {{10.0, NL_REPRODUCED}, {0.0, NL_NOT_FOUND_HERE}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct nl_experiment experiment;
        struct nl_results results;
        struct nl_outcome outcome = {.name = nl_strdup("claim")};
        struct nl_error err;
        char *claim = nl_format(
            "data: {val: 128}\nsweep: {seeds: 8, grid: {norm.kind: [bn, ln], train.lr: [0.01, 0.1, 1, 10]}}\n" HEAD
            "measure: {metric: test_accuracy, along: train.lr, take: best, by: val_loss}, of: {norm.kind: bn}, minus: "
            "{norm.kind: ln}, smallest: 2" TAIL);
        load_text(claim, &experiment);
        make_rates(cases[i].best, &experiment, &results);
        const struct nl_evidence control = {0};
        const struct nl_claim_evidence evidence = {.main = {.experiment = &experiment, .results = &results},
                                                   .control = &control};
        ck_assert_int_eq(nl_outcome_judge(experiment.published, &evidence, 0.95, false, &outcome, &err), NL_OK);
        nl_results_release(&results);
        ck_assert_int_eq(outcome.verdict, cases[i].verdict);
        ck_assert_int_eq(outcome.sames, 1);
        ck_assert_str_eq(outcome.same[0].same, "0.1");
        ck_assert_double_eq_tol(outcome.same[0].claim.effect.mean, 0.04, 1e-3);
        ck_assert_int_eq(outcome.same[0].claim.verdict, NL_SUPPORTED);
        ck_assert_int_eq(outcome.same[0].claim.runs[0], 8);
        char *text = nl_outcomes_text(&outcome, 1, NL_OUTCOME_TEXT),
             *json = nl_outcomes_text(&outcome, 1, NL_OUTCOME_JSON);
        ck_assert_msg(strstr(text, "\n      with one train.lr for all (0.1, chosen by val_loss) in place of the best "
                                   "of each: +3.96 points ("),
                      "%s", text);
        ck_assert_msg(strstr(json, "\"same\": \"0.1\""), "%s", json);
        free(text);
        free(json);
        free(claim);
        nl_outcome_release(&outcome);
    }
}
END_TEST

/* ---- from the file to the outcome ---- */

/* Two small trainings for each of five seeds. */
#define PROTOCOL                                                                                                       \
    "data: {name: synth, size: 4, train: 64, test: 64}\nmodel: {depth: 1, width: 8}\ntrain: {batch: 16, steps: "       \
    "4}\nsweep: {seeds: 5, grid: {norm.kind: [bn, ln]}}\n"
#define CLAIM(smallest)                                                                                                \
    PROTOCOL "claim: {says: a, source: b, measure: {metric: test_accuracy}, parts: [{says: c, of: {norm.kind: bn}, "   \
             "minus: {norm.kind: ln}, smallest: " smallest "}]}\n"

/* The claim of this text; to be released. */
static struct nl_outcome run_outcome(const char *folder, const char *text, bool train)
{
    struct nl_outcome outcome;
    struct nl_diagnostics diagnostics = {0};
    struct nl_error err = {{0}};
    char *path = nl_path_join(folder, "c.yaml"), *out = nl_path_join(folder, "out");
    write_file(folder, "c.yaml", text);
    const struct nl_claim_options options = {
        .folder = out, .train = train, .command = "test", .runner = {.workers = 1}};
    int status = nl_claim_run(path, &options, &outcome, &diagnostics, &err);
    char *problems = nl_diagnostics_text(&diagnostics);
    ck_assert_msg(status == NL_OK, "%s%s", problems, err.text);
    free(problems);
    free(out);
    free(path);
    return outcome;
}

static enum nl_outcome_verdict run_claim(const char *folder, const char *text, bool train, enum nl_declared *declared)
{
    struct nl_outcome outcome = run_outcome(folder, text, train);
    enum nl_outcome_verdict verdict = outcome.verdict;
    *declared = outcome.declared;
    nl_outcome_release(&outcome);
    return verdict;
}

/* What is said of it, where nothing is missing. */
static char *outcome_text(const char *folder, const char *text)
{
    struct nl_outcome outcome = run_outcome(folder, text, false);
    char *said = nl_outcomes_text(&outcome, 1, NL_OUTCOME_TEXT);
    nl_outcome_release(&outcome);
    return said;
}

START_TEST(a_claim_is_declared_by_its_first_run)
{
    enum nl_declared declared;
    char *folder = scratch_make();
    ck_assert_int_eq(run_claim(folder, CLAIM("30"), false, &declared), NL_INCOMPLETE);
    ck_assert_int_eq(declared, NL_NOTHING_RUN);
    ck_assert_int_ne(run_claim(folder, CLAIM("30"), true, &declared), NL_INCOMPLETE);
    ck_assert_int_eq(declared, NL_DECLARED);
    run_claim(folder, "# comments, layout and what is a default anyway do not matter\nnorm.eps: 1e-5\n" CLAIM("30"),
              true, &declared);
    ck_assert_int_eq(declared, NL_DECLARED);
    for (int again = 0; again < 2; again++) { /* however often it is run with the new threshold */
        run_claim(folder, CLAIM("1"), true, &declared);
        ck_assert_int_eq(declared, NL_DECLARED_OTHERWISE);
    }
    run_claim(folder, CLAIM("30"), false, &declared);
    ck_assert_int_eq(declared, NL_DECLARED);
    scratch_remove(folder);
}
END_TEST

START_TEST(missing_trials_and_other_protocols_give_no_verdict)
{
    enum nl_declared declared;
    char *folder = scratch_make(), *table = nl_path_join(folder, "out/c/trials.csv"),
         *sums = nl_path_join(folder, "out/c/SHA256SUMS");
    struct nl_error err;
    run_claim(folder, CLAIM("30"), true, &declared);
    ck_assert_int_eq(run_claim(folder, "model.activation: tanh\n" CLAIM("30"), false, &declared), NL_INCOMPLETE);
    char *text = nl_file_read(table, NULL, &err);
    ck_assert_msg(text != NULL, "%s", err.text);
    *(strrchr(text, '\n')) = '\0'; /* a row is lost */
    strrchr(text, '\n')[1] = '\0';
    ck_assert_int_eq(remove(sums), 0);
    write_file(folder, "out/c/trials.csv", text);
    ck_assert_int_eq(run_claim(folder, CLAIM("30"), false, &declared), NL_INCOMPLETE);
    ck_assert_int_ne(run_claim(folder, CLAIM("30"), true, &declared), NL_INCOMPLETE);
    free(text);
    free(table);
    free(sums);
    scratch_remove(folder);
}
END_TEST

/* Nothing is better by 90 points. Two seeds do not tell. */
START_TEST(what_an_objection_opens_is_open)
{
    static const struct {
        const char *set;
        enum nl_outcome_verdict verdict;
    } tried[] = {{"train.steps: 5", NL_NOT_FOUND_HERE}, {"sweep.seeds: 2", NL_UNDECIDED}};
    enum nl_declared declared;
    struct nl_error err;
    char *folder = scratch_make();
    for (int i = 0; i < 2; i++) {
        char *claim = nl_format("%.*s, objections: [{says: d, set: {%s}}]}\n", (int)strlen(CLAIM("90")) - 2,
                                CLAIM("90"), tried[i].set);
        char *mine = nl_path_join(folder, i ? "b" : "a");
        ck_assert_int_eq(nl_make_folders(mine, &err), NL_OK);
        ck_assert_int_eq(run_claim(mine, claim, true, &declared), tried[i].verdict);
        free(mine);
        free(claim);
    }
    scratch_remove(folder);
}
END_TEST

/* The cells and the axis have the other value, and the seeds are those after the protocol's and its control's. */
START_TEST(other_values_of_the_hinge_are_run_by_other_seeds)
{
    static const char claim[] =
        "data: {name: synth, size: 4, train: 64, test: 64}\nmodel: {depth: 1, width: 8}\ntrain: {steps: 4}\n"
        "sweep: {seeds: 5, grid: {train.batch: [8, 16]}}\nclaim: {says: a, source: b, measure: {metric: test_accuracy}, "
        "parts: [{says: c, of: {train.batch: 8}, minus: {train.batch: 16}, smallest: 30}], objections: [{says: d, "
        "hinge: train.batch, here: 8, values: [4, 32], source: e}]}\n";
    static const char *const others[] = {"4", "32"};
    enum nl_declared declared;
    struct nl_error err;
    char *folder = scratch_make();
    ck_assert_int_eq(run_claim(folder, claim, false, &declared), NL_INCOMPLETE);
    ck_assert_int_ne(run_claim(folder, claim, true, &declared), NL_INCOMPLETE);
    for (int v = 0; v < 2; v++) {
        char *name = nl_format("out/c.hinge_%d/trials.csv", v + 1), *path = nl_path_join(folder, name);
        struct nl_csv csv;
        ck_assert_msg(nl_csv_read(path, &csv, &err) == NL_OK, "%s", err.text);
        ck_assert_int_eq(csv.rows, 10);
        int batch = nl_csv_column(&csv, "train.batch"), seed = nl_csv_column(&csv, "train.seed");
        for (int row = 0; row < csv.rows; row++) {
            const char *size = nl_csv_field(&csv, row, batch);
            int number = atoi(nl_csv_field(&csv, row, seed));
            ck_assert_msg(strcmp(size, "16") == 0 || strcmp(size, others[v]) == 0, "a batch of %s", size);
            ck_assert_msg(number >= 11 && number <= 15, "seed %d", number);
        }
        nl_csv_release(&csv);
        char *said = outcome_text(folder, claim), *side = nl_format("of {train.batch: %s}", others[v]);
        ck_assert_msg(strstr(said, side), "no '%s' in\n%s", side, said);
        free(said);
        free(side);
        ck_assert_int_eq(remove(path), 0);
        free(path);
        free(name);
        ck_assert_int_eq(run_claim(folder, claim, false, &declared), NL_INCOMPLETE);
        ck_assert_int_ne(run_claim(folder, claim, true, &declared), NL_INCOMPLETE);
    }
    scratch_remove(folder);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("claims");
    TCase *cases = tcase_create("claims");
    tcase_add_test(cases, the_best_run_is_chosen_by_the_validation_part);
    tcase_add_test(cases, rates_widths_and_failures_are_read_along_a_key);
    tcase_add_test(cases, a_seed_of_a_refined_grid_is_judged_by_rates_of_its_own);
    tcase_add_test(cases, steps_are_censored_at_the_cap);
    tcase_add_test(cases, a_slope_is_over_doublings);
    tcase_add_test(cases, tensors_are_read_by_pattern_quantity_and_step);
    tcase_add_test(cases, runs_at_chance_do_not_bear_on_first_steps);
    tcase_add_test(cases, identities_hold_and_disturbances_break_them);
    tcase_add_test(cases, a_verdict_needs_the_whole_interval);
    tcase_add_test(cases, the_exact_test_judges_too);
    tcase_add_test(cases, an_identity_holds_on_both_sides);
    tcase_add_test(cases, shares_at_an_end_give_no_verdict);
    tcase_add_test(cases, an_interaction_counts_each_of_its_differences);
    tcase_add_test(cases, findings_tell_apart_why);
    tcase_add_test(cases, a_part_is_judged_at_every_value_of_the_hinge);
    tcase_add_test(cases, parts_must_hold_at_one_value);
    tcase_add_test(cases, other_values_of_the_hinge_are_run_by_other_seeds);
    tcase_add_test(cases, a_control_that_holds_forbids_a_verdict);
    tcase_add_test(cases, one_rate_for_all_is_judged_beside_the_best_of_each);
    tcase_add_test(cases, a_claim_is_declared_by_its_first_run);
    tcase_add_test(cases, missing_trials_and_other_protocols_give_no_verdict);
    tcase_add_test(cases, what_an_objection_opens_is_open);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
