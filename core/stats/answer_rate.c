/* Learning-rate tolerance: the largest usable rate of each arm (rates.h), its ratio to the baseline's with a bootstrap interval
 * over seeds, and failure rates at ten times the baseline's. The grid bounds what can be said: see the last line. */
#include "stats/answer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "norm/norm.h"
#include "stats/distribution.h"
#include "stats/rates.h"

struct question {
    struct nl_text *out;
    const struct nl_results *results;
    const struct nl_experiment *experiment;
    struct nl_comparison view;
    int *largest; /* [arms]: point, or -1 */
};

/* Only for resamples: no usable rate stands one step below the grid, so that it pulls the interval down, not out. */
static double rate_of(const struct nl_comparison *view, int point)
{
    if (point >= 0)
        return nl_comparison_x(view, point);
    return view->points > 1 ? nl_comparison_x(view, 0) * nl_comparison_x(view, 0) / nl_comparison_x(view, 1) : nl_comparison_x(view, 0);
}

static int by_value(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

/* Percentile interval of LRmax(arm) / LRmax(base): seeds are resampled, the same for both arms, since they are paired. */
static void ratio_interval(const struct question *q, int arm, int base, double *lower, double *upper)
{
    int seeds = q->results->seeds;
    struct nl_stream stream = nl_stream(0, "stats.bootstrap");
    double *ratio = nl_alloc(NL_RESAMPLES, sizeof *ratio);
    int *drawn = nl_alloc((size_t)seeds, sizeof *drawn);
    for (int resample = 0; resample < NL_RESAMPLES; resample++) {
        for (int i = 0; i < seeds; i++)
            drawn[i] = (int)nl_stream_below(stream, (uint64_t)resample, (uint64_t)i, (uint32_t)seeds);
        ratio[resample] = rate_of(&q->view, nl_largest_rate(&q->view, arm, drawn)) /
                          rate_of(&q->view, nl_largest_rate(&q->view, base, drawn));
    }
    qsort(ratio, NL_RESAMPLES, sizeof *ratio, by_value);
    double level = q->experiment->config.plot.level;
    /* Order statistics, not interpolated: a ratio between two of the grid's does not exist. */
    *lower = ratio[(int)floor(0.5 * (1.0 - level) * (NL_RESAMPLES - 1))];
    *upper = ratio[(int)ceil(0.5 * (1.0 + level) * (NL_RESAMPLES - 1))];
    free(drawn);
    free(ratio);
}

static int baseline_of(const struct question *q, int arm)
{
    if (q->experiment->has_baseline)
        return nl_comparison_baseline(&q->view, q->experiment, arm);
    for (int i = 0; i < q->view.arms; i++)
        if (!nl_norms[q->view.arm[i].norm]->partition && nl_arms_match(&q->view, arm, i))
            return i;
    return -1;
}

static bool at_top(const struct question *q, int arm)
{
    return q->largest[arm] == q->view.points - 1;
}

/* against: the baseline as the sentence calls it, "that of none". */
static void add_ratio(struct nl_text *out, const struct question *q, int arm, int base, const char *against)
{
    double ratio = nl_comparison_x(&q->view, q->largest[arm]) / nl_comparison_x(&q->view, q->largest[base]);
    const char *bound = at_top(q, arm) && !at_top(q, base) ? "at least " : at_top(q, base) && !at_top(q, arm) ? "at most " : "";
    if (at_top(q, arm) && at_top(q, base))
        nl_text_add(out, "not told from %s (both reach the top of the grid)", against);
    else if (*bound == '\0' && ratio == 1.0)
        nl_text_add(out, "%s too", against);
    else
        nl_text_add(out, "%s%.3g times %s", bound, ratio, against);
}

/* "that of none"; "that of its baseline" where not all have the same. New string. */
static char *baseline_phrase(const struct question *q)
{
    int only = -1;
    for (int arm = 0; arm < q->view.arms; arm++) {
        int base = baseline_of(q, arm);
        if (base >= 0 && only >= 0 && base != only)
            return nl_strdup("that of its baseline");
        only = base >= 0 ? base : only;
    }
    return only < 0 ? nl_strdup("") : nl_format("that of %s", q->view.arm[only].label);
}

/* What the headline says of an arm: against its baseline, or (against NULL) the rate itself. NULL: nothing. New string. */
static char *finding(const struct question *q, int arm, const char *against)
{
    bool compared = against != NULL;
    struct nl_text out = {0};
    int base = baseline_of(q, arm);
    bool has_base = base >= 0 && base != arm && q->largest[arm] >= 0 && q->largest[base] >= 0;
    if (compared && has_base)
        add_ratio(&out, q, arm, base, against);
    else if (!compared && q->largest[arm] < 0)
        nl_text_add(&out, "none of the grid");
    else if (!compared)
        nl_text_add(&out, "%s%g", at_top(q, arm) ? "at least " : "", nl_comparison_x(&q->view, q->largest[arm]));
    return out.at;
}

/* Arms of which the same is found are said together. */
static void add_headline(const struct question *q)
{
    int arms = q->view.arms, groups = 0, index = 0;
    char **found = nl_alloc((size_t)arms, sizeof *found), **name = nl_alloc((size_t)arms, sizeof *name), *against = baseline_phrase(q);
    int *group = nl_alloc((size_t)arms, sizeof *group); /* the first arm with the same finding */
    for (int pass = 0; pass < 2 && groups == 0; pass++) /* without a single comparison: the rates themselves */
        for (int arm = 0; arm < arms; arm++) {
            found[arm] = finding(q, arm, pass == 0 ? against : NULL);
            group[arm] = 0;
            while (group[arm] < arm && !(found[arm] && found[group[arm]] && strcmp(found[arm], found[group[arm]]) == 0))
                group[arm]++;
            groups += found[arm] && group[arm] == arm;
        }
    nl_text_add(q->out, "The largest usable learning rate is ");
    for (int first = 0; first < arms; first++) {
        int members = 0;
        for (int arm = first; found[first] && group[first] == first && arm < arms; arm++)
            if (found[arm] && group[arm] == first)
                name[members++] = q->view.arm[arm].label;
        if (members == 0)
            continue;
        nl_answer_comma(q->out, index++, groups);
        nl_text_add(q->out, "%s with ", found[first]);
        nl_answer_names(q->out, name, members);
    }
    nl_text_add(q->out, ".\n");
    for (int arm = 0; arm < arms; arm++)
        free(found[arm]);
    free(found);
    free(name);
    free(group);
    free(against);
}

static void add_arm(const struct question *q, int arm)
{
    const struct nl_config *config = &q->experiment->config;
    nl_text_add(q->out, "  %s: ", q->view.arm[arm].label);
    if (q->view.arm[arm].reference) {
        nl_text_add(q->out, "train.lr does not apply to it\n");
        return;
    }
    if (q->largest[arm] < 0) {
        nl_text_add(q->out, "no rate of the grid is usable\n");
        return;
    }
    nl_text_add(q->out, "%s%g", at_top(q, arm) ? "at least " : "", nl_comparison_x(&q->view, q->largest[arm]));
    int base = baseline_of(q, arm);
    if (base < 0 || base == arm || q->largest[base] < 0) {
        nl_text_add(q->out, base == arm ? " (the baseline)\n" : "\n");
        return;
    }
    nl_text_add(q->out, ", ");
    char *against = nl_format("that of %s", q->view.arm[base].label);
    add_ratio(q->out, q, arm, base, against);
    free(against);
    if (at_top(q, arm) && at_top(q, base)) {
        nl_text_add(q->out, "\n");
        return;
    }
    if (q->results->seeds < 2) {
        nl_text_add(q->out, " (one seed: no interval)\n");
        return;
    }
    double lower, upper, ratio = nl_comparison_x(&q->view, q->largest[arm]) / nl_comparison_x(&q->view, q->largest[base]);
    ratio_interval(q, arm, base, &lower, &upper);
    nl_text_add(q->out, " (%g %% bootstrap interval %.3g to %.3g over %d seeds)", 100.0 * config->plot.level, lower, upper,
                q->results->seeds);
    nl_text_add(q->out, lower > 1.0 && ratio >= config->plot.min_effect ? ": counts"
                        : upper < 1.0 && 1.0 / ratio >= config->plot.min_effect ? ": counts, downwards"
                                                                                : ": does not count");
    nl_text_add(q->out, "\n");
}

/* The rate of the grid nearest to ten times the baseline's largest; -1: the grid ends below. */
static int tenfold(const struct question *q, int base)
{
    double target = log(10.0 * nl_comparison_x(&q->view, q->largest[base])), nearest = INFINITY;
    int found = -1;
    for (int point = 0; point < q->view.points; point++) {
        double distance = fabs(log(nl_comparison_x(&q->view, point)) - target);
        if (distance < nearest) {
            nearest = distance;
            found = point;
        }
    }
    return nearest < 0.5 * log(10.0) ? found : -1;
}

static void add_share(const struct question *q, const struct nl_cell *cell, const char *label)
{
    double lower, upper;
    nl_wilson(cell->failed, cell->trials, q->experiment->config.plot.level, &lower, &upper);
    nl_text_add(q->out, "%d of %d with %s (%.0f to %.0f %%)", cell->failed, cell->trials, label, 100.0 * lower, 100.0 * upper);
}

static void add_failures(const struct question *q, int base)
{
    int point = q->largest[base] < 0 ? -1 : tenfold(q, base);
    const struct nl_cell *reference = point < 0 ? NULL : nl_comparison_cell(&q->view, base, point);
    if (!reference) {
        if (q->largest[base] >= 0)
            nl_text_add(q->out, "  The grid ends below 10 times the largest rate of %s: no failure rates there.\n",
                        q->view.arm[base].label);
        return;
    }
    nl_text_add(q->out, "  Failed runs at rate %g (about 10 times the largest of %s; Wilson intervals, Fisher's exact test): ",
                nl_comparison_x(&q->view, point), q->view.arm[base].label);
    add_share(q, reference, q->view.arm[base].label);
    for (int arm = 0; arm < q->view.arms; arm++) {
        const struct nl_cell *cell = nl_comparison_cell(&q->view, arm, point);
        if (arm == base || !cell || baseline_of(q, arm) != base)
            continue;
        nl_text_add(q->out, "; ");
        add_share(q, cell, q->view.arm[arm].label);
        nl_text_add(q->out, ", ");
        nl_answer_p(q->out, nl_fisher_two_sided(cell->failed, cell->trials, reference->failed, reference->trials));
    }
    nl_text_add(q->out, "\n");
}

static void add_method(const struct question *q)
{
    double widest = 1.0;
    for (int point = 1; point < q->view.points; point++)
        widest = fmax(widest, nl_comparison_x(&q->view, point) / nl_comparison_x(&q->view, point - 1));
    double lower, upper;
    nl_wilson(0, q->results->seeds, q->experiment->config.plot.level, &lower, &upper);
    nl_text_add(q->out, "Usable: median final training accuracy at least 0.95 of the arm's own best, no failed run (0 of %d still allows a"
                        " rate of %.0f %%, Wilson interval). The grid has %d rates from %g to %g, neighbours up to a factor of %.3g apart, and no rate is known more finely;"
                        " a ratio counts from %g.\n",
                q->results->seeds, 100.0 * upper, q->view.points, nl_comparison_x(&q->view, 0), nl_comparison_x(&q->view, q->view.points - 1), widest,
                q->experiment->config.plot.min_effect);
    if (q->results->seeds < 5)
        nl_text_add(q->out, "Few seeds (%d): a rate that fails now and then may have passed; 5 or more are advised.\n",
                    q->results->seeds);
}

void nl_answer_rate(struct nl_text *out, const struct nl_results *results, const struct nl_experiment *experiment)
{
    struct question q = {.out = out, .results = results, .experiment = experiment};
    const char *why = "there is no column train_accuracy";
    int factor = nl_rate_factor(results, &why);
    if (factor < 0 || nl_table_column(&results->table, "train_accuracy") < 0) {
        nl_text_add(out, "Learning-rate tolerance cannot be judged: %s.\n", why);
        return;
    }
    nl_comparison_make(results, experiment, factor, -1, &q.view);
    q.largest = nl_alloc((size_t)q.view.arms, sizeof *q.largest);
    for (int arm = 0; arm < q.view.arms; arm++)
        q.largest[arm] = nl_largest_rate(&q.view, arm, NULL);
    add_headline(&q);
    for (int arm = 0; arm < q.view.arms; arm++)
        add_arm(&q, arm);
    for (int arm = 0; arm < q.view.arms; arm++)
        if (baseline_of(&q, arm) == arm)
            add_failures(&q, arm);
    add_method(&q);
    free(q.largest);
    nl_comparison_release(&q.view);
}
