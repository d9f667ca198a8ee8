/* Small-batch degradation: the metric at the smallest batch minus at the largest, paired by seed, arm by arm.
 *
 * Decisions: `degrades` when the interval excludes 0 and the effect reaches plot.min_effect; `flat` when the 90 % interval lies
 * inside +-plot.margin (two one-sided tests); otherwise inconclusive. Failed runs have no value, so what is left is a
 * selection: an arm with failures at the smallest batch is never flat, one with failures at the largest never degrades.
 */
#include "stats/answer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "norm/norm.h"
#include "stats/distribution.h"
#include "stats/comparison.h"

enum outcome { DEGRADES, BREAKS, FLAT, IMPROVES, INCONCLUSIVE, UNJUDGED, OUTCOMES };

struct question {
    struct nl_text *out;
    const struct nl_results *results;
    const struct nl_experiment *experiment;
    struct nl_comparison view;
    int column;
    struct nl_measure measure;
    double **degradation; /* [arms][seeds]: positive is worse; NaN where a pair is not complete */
    struct nl_estimate *mean;
    enum outcome *outcome;
};

static struct nl_estimate estimate(const struct question *q, const double *values)
{
    return nl_estimate(values, q->results->seeds, q->experiment->config.plot.interval, q->experiment->config.plot.level);
}

static void degradation(const struct question *q, int arm, int column, double *out)
{
    int seeds = q->results->seeds;
    double *large = nl_alloc((size_t)seeds, sizeof *large);
    nl_cell_values(q->results, nl_comparison_cell(&q->view, arm, 0), column, out);
    nl_cell_values(q->results, nl_comparison_cell(&q->view, arm, q->view.points - 1), column, large);
    for (int i = 0; i < seeds; i++)
        out[i] = q->measure.worse * (out[i] - large[i]);
    free(large);
}

static enum outcome judge(const struct question *q, int arm)
{
    const struct nl_cell *small = nl_comparison_cell(&q->view, arm, 0), *large = nl_comparison_cell(&q->view, arm, q->view.points - 1);
    const struct nl_estimate *mean = &q->mean[arm];
    double scale = q->measure.scale;
    if (q->view.arm[arm].reference || !small || !large)
        return UNJUDGED;
    double p = nl_fisher_two_sided(small->failed, small->trials, large->failed, large->trials);
    if (small->failed * large->trials > large->failed * small->trials && p < 1.0 - q->experiment->config.plot.level)
        return BREAKS;
    if (mean->n < 2)
        return UNJUDGED;
    if (mean->lower > 0.0 && mean->mean * scale >= q->experiment->config.plot.min_effect)
        return large->failed == 0 ? DEGRADES : INCONCLUSIVE;
    if (mean->upper < 0.0 && -mean->mean * scale >= q->experiment->config.plot.min_effect)
        return small->failed == 0 ? IMPROVES : INCONCLUSIVE;
    if (small->failed == 0 && large->failed == 0 &&
        nl_equivalent(q->degradation[arm], q->results->seeds, q->experiment->config.plot.margin / scale))
        return FLAT;
    return INCONCLUSIVE;
}

/* "BN (+61.4 points) and LN"; "8 arms (+3.2 to +61.4 points)" where a list would hide the sentence: the lines below have them. */
static void add_arms(const struct question *q, enum outcome outcome)
{
    int count = 0, digits = q->measure.scale == 100.0 ? 1 : 3;
    bool sized = outcome == DEGRADES || outcome == IMPROVES;
    double least = INFINITY, most = -INFINITY;
    char **name = nl_alloc((size_t)q->view.arms, sizeof *name);
    for (int arm = 0; arm < q->view.arms; arm++) {
        if (q->outcome[arm] != outcome || q->view.arm[arm].reference)
            continue;
        double mean = q->mean[arm].mean * q->measure.scale;
        name[count++] = sized ? nl_format("%s (%+.*f %s)", q->view.arm[arm].label, digits, mean, q->measure.step)
                              : nl_strdup(q->view.arm[arm].label);
        least = fmin(least, mean);
        most = fmax(most, mean);
    }
    nl_answer_names(q->out, name, count);
    if (sized && count > NL_NAMED)
        nl_text_add(q->out, " (%+.*f to %+.*f %s)", digits, least, digits, most, q->measure.step);
    while (count > 0)
        free(name[--count]);
    free(name);
}

/* The sentence that stands alone. */
static void add_headline(const struct question *q)
{
    static const char *const verbs[OUTCOMES] = {"worsens with", "is lost to failed runs with", "stays flat with", "improves with",
                                                "is inconclusive with", "cannot be judged for"};
    const struct nl_comparison *view = &q->view;
    bool shared = strcmp(q->results->factor[view->x_factor].key->name, "norm.stat_batch") == 0;
    nl_text_add(q->out, "As the %s from %g to %g, the %s ",
                shared ? "number of samples that share statistics falls" : "batch size falls", nl_comparison_x(view, view->points - 1),
                nl_comparison_x(view, 0), q->measure.name);
    int kinds = 0, used = 0;
    int counts[OUTCOMES] = {0};
    for (int arm = 0; arm < view->arms; arm++)
        if (!view->arm[arm].reference)
            counts[q->outcome[arm]]++;
    for (int i = 0; i < OUTCOMES; i++)
        kinds += counts[i] > 0;
    for (int i = 0; i < OUTCOMES; i++) {
        if (counts[i] == 0)
            continue;
        nl_answer_comma(q->out, used++, kinds);
        nl_text_add(q->out, "%s ", verbs[i]);
        add_arms(q, (enum outcome)i);
    }
    if (kinds == 0)
        nl_text_add(q->out, "cannot be judged: no arm depends on it");
    nl_text_add(q->out, ".\n");
}

static void add_arm(const struct question *q, int arm)
{
    static const char *const words[OUTCOMES] = {"degrades", "breaks", "flat", "improves", "inconclusive", "not judged"};
    const struct nl_arm *at = &q->view.arm[arm];
    const struct nl_cell *small = nl_comparison_cell(&q->view, arm, 0), *large = nl_comparison_cell(&q->view, arm, q->view.points - 1);
    nl_text_add(q->out, "  %s: ", at->label);
    if (at->reference) {
        nl_text_add(q->out, "a reference: %s does not apply to it, so it says nothing about flatness\n",
                    q->results->factor[q->view.x_factor].key->name);
        return;
    }
    if (!small || !large) {
        nl_text_add(q->out, "not judged: no trial at the %s batch\n", small ? "largest" : "smallest");
        return;
    }
    nl_text_add(q->out, "%s: ", words[q->outcome[arm]]);
    if (q->mean[arm].n > 0) {
        nl_answer_difference(q->out, &q->mean[arm], &q->measure);
        nl_text_add(q->out, ", n = %d", q->mean[arm].n);
    } else {
        nl_text_add(q->out, "no seed has a value at both ends");
    }
    if (small->failed || large->failed)
        nl_text_add(q->out, "; failed runs: %d of %d at the smallest batch, %d of %d at the largest", small->failed, small->trials,
                    large->failed, large->trials);
    nl_text_add(q->out, "\n");
}

/* Does the arm with batch statistics lose more than the others? Paired differences of degradations; Holm over the others. */
static void add_interactions(const struct question *q, int arm)
{
    int seeds = q->results->seeds, count = 0;
    int *other = nl_alloc((size_t)q->view.arms, sizeof *other);
    double *p = nl_alloc((size_t)q->view.arms, sizeof *p), *values = nl_alloc((size_t)seeds, sizeof *values);
    for (int pass = 0; pass < 2; pass++) { /* all p-values are adjusted before the first is said */
        if (pass == 1)
            nl_holm(p, count);
        int used = 0;
        for (int i = 0; i < q->view.arms; i++) {
            if (nl_norms[q->view.arm[i].norm]->tracks || q->view.arm[i].reference || !nl_arms_match(&q->view, arm, i))
                continue;
            for (int seed = 0; seed < seeds; seed++)
                values[seed] = q->degradation[arm][seed] - q->degradation[i][seed];
            struct nl_estimate mean = estimate(q, values);
            if (mean.n < 2)
                continue;
            if (pass == 0) {
                other[count] = i;
                p[count++] = nl_mean_p(values, seeds);
                continue;
            }
            nl_text_add(q->out, "  %s loses %s than %s: ", q->view.arm[arm].label, mean.mean >= 0 ? "more" : "less",
                        q->view.arm[i].label);
            nl_answer_difference(q->out, &mean, &q->measure);
            nl_text_add(q->out, ", ");
            nl_answer_p(q->out, p[used]);
            nl_text_add(q->out, " (paired t%s)", count > 1 ? ", Holm over arms" : "");
            bool counts = (mean.lower > 0.0 || mean.upper < 0.0) && p[used] < 1.0 - q->experiment->config.plot.level &&
                          fabs(mean.mean) * q->measure.scale >= q->experiment->config.plot.min_effect;
            nl_text_add(q->out, counts ? "\n" : ": does not count\n");
            used++;
        }
    }
    free(values);
    free(p);
    free(other);
}

static const char *const eval_phrases[NL_EVALS] = {"running statistics", "each evaluated batch's own statistics",
                                                   "precise statistics (taken anew with frozen weights)"};

/* How much of the degradation goes away when the same weights are evaluated in another way. */
static void add_part(const struct question *q, const double *from, const double *to, const char *meaning, const char *what)
{
    if (!from || !to)
        return;
    int seeds = q->results->seeds;
    double *values = nl_alloc((size_t)seeds, sizeof *values);
    for (int seed = 0; seed < seeds; seed++)
        values[seed] = from[seed] - to[seed];
    struct nl_estimate mean = estimate(q, values);
    free(values);
    if (mean.n == 0)
        return;
    nl_text_add(q->out, "    %s: ", mean.lower > 0.0 ? meaning : what);
    nl_answer_difference(q->out, &mean, &q->measure);
    nl_text_add(q->out, mean.lower > 0.0 ? " of it\n" : mean.upper < 0.0 ? ": explains none of it\n" : ": not told apart\n");
}

/* What no way of evaluating takes away: the training's, or a mismatch that none of them mends; the data cannot tell. */
static void add_remainder(const struct question *q, double *const *by_eval)
{
    int best = -1, ways = 0;
    struct nl_estimate least = {0};
    for (int i = 0; i < NL_EVALS; i++) {
        if (!by_eval[i])
            continue;
        struct nl_estimate mean = estimate(q, by_eval[i]);
        if (mean.n == 0)
            continue;
        ways++;
        if (best < 0 || mean.mean < least.mean) {
            best = i;
            least = mean;
        }
    }
    if (ways < 2)
        return;
    nl_text_add(q->out, "    left by the best of these evaluations (%s), so not mended by other statistics: ", nl_eval_names[best]);
    nl_answer_difference(q->out, &least, &q->measure);
    nl_text_add(q->out, "\n");
}

/* Evaluating the same weights in other ways tells a bad estimate of the statistics from a bad training. */
static void add_evaluations(const struct question *q, int arm)
{
    const struct nl_int_list *evals = &q->experiment->config.norm.eval;
    int seeds = q->results->seeds;
    double *by_eval[NL_EVALS] = {0};
    for (int i = 0; i < evals->count; i++) {
        int eval = (int)evals->at[i];
        char column[96];
        snprintf(column, sizeof column, "%s%s%s", q->results->table.name[q->column], i ? "_" : "", i ? nl_eval_names[eval] : "");
        int at = nl_table_column(&q->results->table, column);
        if (at < 0)
            continue;
        by_eval[eval] = nl_alloc((size_t)seeds, sizeof(double));
        degradation(q, arm, at, by_eval[eval]);
        if (i == 0)
            continue;
        struct nl_estimate mean = estimate(q, by_eval[eval]);
        if (mean.n == 0)
            continue;
        nl_text_add(q->out, "  %s evaluated with %s: ", q->view.arm[arm].label, eval_phrases[eval]);
        nl_answer_difference(q->out, &mean, &q->measure);
        nl_text_add(q->out, ", n = %d\n", mean.n);
    }
    add_part(q, by_eval[NL_EVAL_RUNNING], by_eval[NL_EVAL_PRECISE], "the running averages are a worse estimate than precise statistics",
             "running minus precise statistics");
    add_part(q, by_eval[NL_EVAL_PRECISE], by_eval[NL_EVAL_BATCH], "normalizing otherwise in evaluation than in training costs",
             "precise statistics minus those of batches as small as in training");
    add_remainder(q, by_eval);
    for (int i = 0; i < NL_EVALS; i++)
        free(by_eval[i]);
}

static void add_method(const struct question *q)
{
    const struct nl_config *config = &q->experiment->config;
    nl_text_add(q->out, "Differences are smallest batch minus largest, paired by seed, positive is worse; in brackets the ");
    nl_answer_interval(q->out, q->experiment);
    nl_text_add(q->out, ". It degrades where the interval excludes 0 and the mean reaches %g %s; it is flat where the 90 %% t interval is inside"
                        " +-%g %s.\n",
                config->plot.min_effect, q->measure.step, config->plot.margin, q->measure.step);
    if (q->results->seeds < 5)
        nl_text_add(q->out, "Few seeds (%d): intervals this wide decide little; 5 or more are advised.\n", q->results->seeds);
}

void nl_answer_batch(struct nl_text *out, const struct nl_results *results, const struct nl_experiment *experiment)
{
    struct question q = {.out = out, .results = results, .experiment = experiment};
    const char *metric = nl_metric_names[experiment->config.plot.metric];
    q.column = nl_table_column(&results->table, metric);
    nl_measure(metric, &q.measure);
    int factor = nl_batch_factor(results);
    if (factor < 0 || q.column < 0) {
        nl_text_add(out, "Small-batch degradation cannot be judged: %s.\n",
                    factor < 0 ? "neither train.batch nor norm.stat_batch has several values in the trials that are there" : "plot.metric was not evaluated");
        return;
    }
    nl_comparison_make(results, experiment, factor, -1, &q.view);
    q.degradation = nl_alloc((size_t)q.view.arms, sizeof *q.degradation);
    q.mean = nl_alloc((size_t)q.view.arms, sizeof *q.mean);
    q.outcome = nl_alloc((size_t)q.view.arms, sizeof *q.outcome);
    for (int arm = 0; arm < q.view.arms; arm++) {
        q.degradation[arm] = nl_alloc((size_t)results->seeds, sizeof(double));
        degradation(&q, arm, q.column, q.degradation[arm]);
        q.mean[arm] = estimate(&q, q.degradation[arm]);
        q.outcome[arm] = judge(&q, arm);
    }
    add_headline(&q);
    for (int arm = 0; arm < q.view.arms; arm++)
        add_arm(&q, arm);
    for (int arm = 0; arm < q.view.arms; arm++)
        if (nl_norms[q.view.arm[arm].norm]->tracks && !q.view.arm[arm].reference) {
            add_interactions(&q, arm);
            add_evaluations(&q, arm);
        }
    add_method(&q);
    for (int arm = 0; arm < q.view.arms; arm++)
        free(q.degradation[arm]);
    free(q.degradation);
    free(q.mean);
    free(q.outcome);
    nl_comparison_release(&q.view);
}
