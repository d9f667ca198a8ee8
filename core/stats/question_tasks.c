/* sweep.question: tasks. Which method is best over several tasks?
 *
 * Tasks are the values of the one key of data, or label of imported results, that varies; or of the key that plot.facet
 * names. A run's score is how far it is on the way from chance to no error, so that tasks of different classes can be
 * put together: 1 less its error by that of guessing; a run that diverged has 0. Methods are judged by the
 * interquartile mean of the scores of all tasks and seeds (Agarwal et al. 2021), and compared as in
 * question_compare.c, paired by seed. Tasks are those that are there: the seeds are what is drawn. The shares of runs
 * above some scores are the performance profile in figures. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "stats/answer.h"
#include "stats/tasks.h"

enum { SHOWN = 12, MOST_OF_ALL_PAIRS = 40 };

static const double heights[] = {0.5, 0.75, 0.9, 0.95}; /* of the profile */
enum { HEIGHTS = sizeof heights / sizeof *heights };

struct place {
    const char *label;
    double *score; /* [tasks][seeds]; NaN: there is no such run */
    struct nl_estimate mean;
    int failed, runs;
    int order;
};

struct question {
    struct nl_answer *answer;
    const struct nl_results *results;
    const struct nl_experiment *experiment;
    struct nl_comparison view; /* along the tasks */
    struct nl_metric_column metric;
    struct nl_rule rule;
    double *guess;   /* [tasks]: the error of guessing; NaN: it is not known */
    double *samples; /* [tasks]: that errors were counted over; NaN: not known */
    struct place *place;
    int places;
    int *told; /* [places]: the claim that its line tells of; -1: none */
};

/* A number that the runs of a task have in common, from the first of them; NaN: none has it. */
static double of_task(const struct question *q, int task, const char *column)
{
    int at = nl_csv_column(&q->results->csv, column);
    double value = NAN;
    for (int m = 0; m < q->view.methods && isnan(value); m++) {
        const struct nl_cell *cell = nl_comparison_cell(&q->view, m, task);
        for (int seed = 0; cell && at >= 0 && seed < q->results->seeds && isnan(value); seed++)
            if (cell->row[seed] >= 0)
                nl_csv_number(&q->results->csv, cell->row[seed], at, &value, NULL);
    }
    return value;
}

/* ---- scores ---- */

static double score_of(const struct question *q, int task, const char *status, double value)
{
    if (strcmp(status, "diverged") == 0)
        return 0.0;
    return 1.0 - (q->metric.measure.error ? value : 1.0 - value) / q->guess[task];
}

static struct place place_of(const struct question *q, int method)
{
    int seeds = q->results->seeds, tasks = q->view.points;
    struct place out = {.label = q->view.method[method].label, .order = method};
    double *value = nl_alloc((size_t)seeds, sizeof *value), *floor = nl_alloc((size_t)tasks, sizeof *floor);
    out.score = nl_alloc((size_t)(tasks * seeds), sizeof *out.score);
    for (int task = 0; task < tasks; task++) {
        const struct nl_cell *cell = nl_comparison_cell(&q->view, method, task);
        double mean = 0.0;
        nl_cell_values(q->results, cell, &q->metric, value);
        for (int i = 0; i < seeds; i++) {
            const char *status = nl_cell_status(q->results, cell, i);
            double *score = &out.score[task * seeds + i];
            *score = !status || strcmp(status, "error") == 0 ? NAN : score_of(q, task, status, value[i]);
            mean += (1.0 - *score) * q->guess[task] / seeds;
        }
        floor[task] = q->samples[task] > 0 ? nl_counting_sd(mean, q->samples[task]) / q->guess[task] : 0.0;
        out.failed += cell ? cell->failed : 0;
        out.runs += cell ? cell->trials : 0;
    }
    out.mean = nl_interquartile_mean(out.score, NULL, tasks, seeds, floor, q->metric.sampling.overlap, q->rule.level);
    free(value);
    free(floor);
    return out;
}

static int by_mean(const void *left, const void *right)
{
    const struct place *a = left, *b = right;
    double first = isnan(a->mean.mean) ? -INFINITY : a->mean.mean,
           second = isnan(b->mean.mean) ? -INFINITY : b->mean.mean;
    return first != second ? (first < second) - (first > second) : a->order - b->order;
}

/* ---- comparisons ---- */

static double mean_of(const double *values, int count)
{
    double sum = 0.0;
    for (int i = 0; i < count; i++)
        sum += values[i];
    return sum / count;
}

static void add_claim(struct question *q, int place, int against)
{
    const struct place *of[] = {&q->place[place], &q->place[against]};
    int seeds = q->results->seeds, tasks = q->view.points;
    if (q->told[place] < 0)
        q->told[place] = q->answer->claims;
    struct nl_claim *claim = nl_answer_claim(q->answer, of[0]->label, of[1]->label, "differs from", NL_FOUND_NOTHING);
    double *floor = nl_alloc((size_t)tasks, sizeof *floor);
    for (int task = 0; task < tasks; task++) {
        double apart = mean_of(of[0]->score + task * seeds, seeds) - mean_of(of[1]->score + task * seeds, seeds);
        bool known = q->samples[task] > 0 && !isnan(apart);
        floor[task] = known ? nl_counting_sd(apart * q->guess[task], q->samples[task]) / q->guess[task] : 0.0;
    }
    claim->scale = 100.0;
    claim->unit = "points";
    claim->effect = nl_interquartile_mean(of[0]->score, of[1]->score, tasks, seeds, floor, q->metric.sampling.overlap,
                                          q->rule.level);
    free(floor);
    struct nl_rule rule = q->rule;
    rule.exact = false; /* a sign-flip test has no trimmed means */
    nl_claim_test(claim, &rule, NULL, 0, NAN);
    for (int i = 0; i < 3; i++)
        claim->test[i].name = i == NL_AGREES ? "two one-sided t" : "trimmed t";
    for (int side = 0; side < 2; side++) {
        claim->failed[side] = of[side]->failed;
        claim->runs[side] = of[side]->runs;
        for (int task = 0; task < tasks; task++) {
            const struct nl_cell *cell = nl_comparison_cell(&q->view, of[side]->order, task);
            if (!cell && !claim->obstacle)
                claim->obstacle = nl_format("%s has no run of %s", of[side]->label,
                                            q->results->factor[q->view.x_factor].value[q->view.x[task]]);
            nl_claim_need_cells(claim, &cell, 1);
        }
    }
    if (claim->failed[0] + claim->failed[1] > 0)
        claim->not_same = nl_format("%d of their runs failed", claim->failed[0] + claim->failed[1]);
    nl_claim_need_pairs(claim, &rule);
    claim->expected = claim->points; /* that they differ, either way, is the statement */
}

static void add_pair(void *context, int place, int against)
{
    add_claim(context, place, against);
}

static int method_at(const void *context, int place)
{
    return ((const struct question *)context)->place[place].order;
}

/* ---- words ---- */

static void say_profile(const struct question *q, const struct place *place)
{
    struct nl_text *out = &q->answer->evidence;
    int count = q->view.points * q->results->seeds;
    nl_text_add(out, "    Runs above ");
    for (int h = 0; h < HEIGHTS; h++) {
        nl_say_comma(out, h, HEIGHTS);
        nl_text_add(out, "%g", 100.0 * heights[h]);
    }
    nl_text_add(out, ": ");
    for (int h = 0; h < HEIGHTS; h++) {
        int above = 0;
        for (int i = 0; i < count; i++)
            above += place->score[i] > heights[h];
        nl_say_comma(out, h, HEIGHTS);
        nl_text_add(out, "%.0f %%", 100.0 * above / count);
    }
    nl_text_add(out, ".\n");
}

static void say_place(const struct question *q, int index)
{
    struct nl_text *out = &q->answer->evidence;
    const struct place *place = &q->place[index];
    nl_text_add(out, "  %s: ", place->label);
    if (place->mean.n == 0) {
        nl_text_add(out, "not every task has a run of every seed.\n");
        return;
    }
    nl_text_add(out, "%.1f", 100.0 * place->mean.mean);
    if (!isnan(place->mean.lower))
        nl_text_add(out, " (%.1f to %.1f)", 100.0 * place->mean.lower, 100.0 * place->mean.upper);
    nl_text_add(out, ", %s of %s", NL_COUNT(q->view.points, "task"), NL_COUNT(place->mean.n, "seed"));
    if (place->failed)
        nl_text_add(out, ", %d of %s failed", place->failed, NL_COUNT(place->runs, "run"));
    if (q->told[index] >= 0) {
        const struct nl_claim *claim = &q->answer->claim[q->told[index]];
        nl_text_add(out, "; against %s ", claim->against);
        nl_say_effect(out, claim, q->rule.level, true);
        nl_say_tests(out, claim);
        nl_say_found(out, claim);
    }
    nl_text_add(out, ".\n");
    say_profile(q, place);
}

static void say_all(const struct question *q)
{
    struct nl_text *out = &q->answer->headline;
    const struct place *best = &q->place[0];
    if (best->mean.n == 0) {
        nl_text_add(out, "No method has a run of every task and seed: nothing is said over all tasks.\n");
        return;
    }
    nl_text_add(out, "Over %s %s has the highest interquartile mean score: %.1f of 100.\n",
                NL_COUNT(q->view.points, "task"), best->label, 100.0 * best->mean.mean);
    if (q->answer->claims)
        nl_say_comparisons(q->answer, 0, q->answer->claims, q->experiment, &q->rule, "points");
    for (int i = 0; i < q->places && i < SHOWN; i++)
        say_place(q, i);
    if (q->places > SHOWN)
        nl_text_add(&q->answer->evidence, "  %s not shown.\n", NL_COUNT(q->places - SHOWN, "more method"));
    nl_text_add(
        &q->answer->notes,
        "A run's score is how far it is from guessing (0) to no error (100). The interquartile mean leaves out the "
        "quarter of all runs that is worst and that which is best (Agarwal et al. 2021). Its interval is about "
        "other seeds on these tasks, not about other tasks.\n");
    if (q->answer->tests > 0) {
        nl_say_family(q->answer, "t test of trimmed means, paired by seed", &q->rule);
        nl_text_add(&q->answer->notes, " Intervals are not adjusted.\n");
    }
    nl_say_parts(q->answer, &q->metric, q->rule.level);
}

/* Why no score can be told; NULL: it can. */
static const char *why_no_score(const struct question *q)
{
    if (!q->metric.measure.share)
        return "a loss has no place between guessing and no error: plot.metric asks for an error or an accuracy";
    if (q->view.points < 2)
        return "there is one task";
    for (int task = 0; task < q->view.points; task++)
        if (!(q->guess[task] > 0.0))
            return "it is not known what guessing gives (import.classes)";
    return NULL;
}

static void judge(struct question *q)
{
    q->places = q->view.methods;
    q->place = nl_alloc((size_t)q->places, sizeof *q->place);
    q->told = nl_alloc((size_t)q->places, sizeof *q->told);
    for (int i = 0; i < q->places; i++) {
        q->place[i] = place_of(q, i);
        q->told[i] = -1;
    }
    qsort(q->place, (size_t)q->places, sizeof *q->place, by_mean);
    if (q->results->seeds > 1)
        nl_comparison_pairs(&q->view, method_at, q->places, MOST_OF_ALL_PAIRS, add_pair, q);
    q->answer->tests = nl_claims_judge(q->answer->claim, q->answer->claims, NL_BONFERRONI, q->rule.level);
    say_all(q);
    for (int i = 0; i < q->places; i++)
        free(q->place[i].score);
    free(q->place);
    free(q->told);
}

void nl_ask_tasks(struct nl_answer *answer, const struct nl_results *results, const struct nl_experiment *experiment)
{
    struct question q = {.answer = answer, .results = results, .experiment = experiment};
    const char *why = NULL;
    int factor = nl_task_factor(results, experiment, &why);
    if (factor < 0) {
        nl_text_add(&answer->headline, "It cannot be judged over tasks: %s.\n", why);
        return;
    }
    q.metric = nl_metric_column(results, nl_metric_names[experiment->config.plot.metric]);
    q.rule = nl_rule_for(experiment, "points");
    nl_comparison_make(results, experiment, factor, -1, &q.view);
    q.guess = nl_alloc((size_t)q.view.points, 2 * sizeof *q.guess);
    q.samples = q.guess + q.view.points;
    char *column = nl_format("%s_samples", q.metric.measure.part);
    for (int task = 0; task < q.view.points; task++) {
        q.guess[task] = 1.0 - 1.0 / of_task(&q, task, "classes");
        q.samples[task] = of_task(&q, task, column);
    }
    free(column);
    why = why_no_score(&q);
    if (why)
        nl_text_add(&answer->headline, "It cannot be judged over tasks: %s.\n", why);
    else
        judge(&q);
    free(q.guess);
    nl_comparison_release(&q.view);
}
