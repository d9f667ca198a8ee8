/* Distributions, tests and estimates against scipy, statsmodels and numpy: each line of tests/golden/stats.txt, which
 * tests/golden/stats.py made. Numbers agree to 1e-12 of themselves, p-values and quantiles to 1e-11 (tails of 1e-60
 * too). Chances are integrals on either side, and agree to 1e-7. A mean may cancel, and so may the ends of an interval:
 * their errors are measured against the largest value and against the width. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/files.h"
#include "base/sobol.h"
#include "base/sorted.h"
#include "stats/distribution.h"
#include "stats/estimate.h"
#include "stats/power.h"
#include "suite.h"

enum { MOST = 320 };

struct line {
    int number; /* of the file */
    int inputs, outputs;
    double in[MOST], out[MOST];
};

static const double close = 1e-12, p_close = 1e-11, integral_close = 1e-7;

/* NaN is as good as NaN only; an infinity as nothing. */
static bool agrees(double got, double wanted, double bound, double size)
{
    return isnan(wanted) ? isnan(got) : fabs(got - wanted) <= bound * fmax(fabs(wanted), size);
}

/* `size`: what the error is measured against where it is larger than the number itself. */
static void same_but(const struct line *line, const char *what, double got, double wanted, double bound, double size)
{
    ck_assert_msg(agrees(got, wanted, bound, size), "stats.txt:%d: %s is %.17g, and must be %.17g", line->number, what,
                  got, wanted);
}

static void same(const struct line *line, const char *what, double got, double wanted, double bound)
{
    same_but(line, what, got, wanted, bound, 0.0);
}

/* The line's form: so many inputs and outputs, neither more nor fewer. */
static void expect(const struct line *line, int inputs, int outputs)
{
    ck_assert_msg(line->inputs == inputs && line->outputs == outputs,
                  "stats.txt:%d: %d inputs and %d outputs, not %d and %d", line->number, line->inputs, line->outputs,
                  inputs, outputs);
}

/* The values that follow the count at in[at]. */
static const double *counted(const struct line *line, int at, int sets, int outputs, int *count)
{
    *count = (int)line->in[at];
    expect(line, at + 1 + sets * *count, outputs);
    return line->in + at + 1;
}

static double largest(const double *values, int count)
{
    double size = 0.0;
    for (int i = 0; i < count; i++)
        if (isfinite(values[i]))
            size = fmax(size, fabs(values[i]));
    return size;
}

static void judge_beta(const struct line *line)
{
    expect(line, 3, 1);
    same(line, "beta", nl_beta_cdf(line->in[0], line->in[1], line->in[2]), line->out[0], close);
}

static void judge_t_two_sided(const struct line *line)
{
    expect(line, 2, 1);
    same(line, "p", nl_t_two_sided(line->in[0], line->in[1]), line->out[0], p_close);
}

static void judge_t_quantile(const struct line *line)
{
    expect(line, 2, 1);
    same(line, "t", nl_t_quantile(line->in[0], line->in[1]), line->out[0], p_close);
}

static void judge_normal_quantile(const struct line *line)
{
    expect(line, 1, 1);
    same_but(line, "z", nl_normal_quantile(line->in[0]), line->out[0], close, 1.0);
}

static void judge_fisher(const struct line *line)
{
    expect(line, 4, 1);
    same(line, "p", nl_fisher_two_sided((int)line->in[0], (int)line->in[1], (int)line->in[2], (int)line->in[3]),
         line->out[0], p_close);
}

static void judge_exact_interval(const struct line *line)
{
    double lower, upper;
    expect(line, 3, 2);
    nl_exact_interval((int)line->in[0], (int)line->in[1], line->in[2], &lower, &upper);
    same(line, "lower", lower, line->out[0], p_close);
    same(line, "upper", upper, line->out[1], p_close);
}

static void judge_holm(const struct line *line)
{
    int count;
    double p[MOST];
    const double *raw = counted(line, 0, 1, (int)line->in[0], &count);
    memcpy(p, raw, (size_t)count * sizeof *p);
    nl_holm(p, count);
    for (int i = 0; i < count; i++)
        same(line, "an adjusted p", p[i], line->out[i], close);
}

static void judge_quantile(const struct line *line)
{
    int count;
    double sorted[MOST];
    const double *values = counted(line, 1, 1, 3, &count);
    int n = nl_finite_values(values, count, sorted);
    ck_assert_int_eq(n, (int)line->out[0]);
    for (int i = 0; i + 1 < n; i++)
        ck_assert(sorted[i] <= sorted[i + 1]);
    double size = largest(values, count);
    same_but(line, "median", nl_median_sorted(sorted, n), line->out[1], close, size);
    same_but(line, "quantile", nl_quantile_sorted(sorted, (size_t)n, line->in[0]), line->out[2], close, size);
}

static void judge_counting_sd(const struct line *line)
{
    expect(line, 2, 1);
    same(line, "sd", nl_counting_sd(line->in[0], line->in[1]), line->out[0], close);
}

static void judge_test_part_sd(const struct line *line)
{
    expect(line, 3, 1);
    same_but(line, "sd", nl_test_part_sd(line->in[0], line->in[1], line->in[2]), line->out[0], close, 1e-3);
}

static void judge_ps(const struct line *line, const struct nl_estimate *got, double margin, const double *wanted)
{
    same(line, "p of a difference", nl_difference_p(got), wanted[0], p_close);
    same(line, "p of equivalence", nl_equivalence_p(got, margin), wanted[1], p_close);
}

static void judge_interval(const struct line *line, const struct nl_estimate *got, double size, const double *wanted)
{
    same(line, "se", got->se, wanted[0], close);
    if (wanted[2] - wanted[1] > size)
        size = wanted[2] - wanted[1];
    same_but(line, "lower", got->lower, wanted[1], close, size);
    same_but(line, "upper", got->upper, wanted[2], close, size);
}

static void judge_estimate(const struct line *line)
{
    enum nl_scale scale = (enum nl_scale)(int)line->in[0];
    struct nl_sampling sampling = {.overlap = line->in[2], .samples = line->in[3], .floor = line->in[4]};
    int count;
    const double *values = counted(line, 6, 1, scale == NL_SCALE_SHARE ? 7 : 9, &count), *wanted = line->out;
    struct nl_estimate got = nl_estimate(values, count, scale, &sampling, NL_INTERVAL_T, line->in[1]);
    double size = largest(values, count);
    ck_assert_int_eq(got.n, (int)wanted[0]);
    same_but(line, "mean", got.mean, wanted[1], close, size);
    same(line, "sd", got.sd, wanted[2], close);
    same_but(line, "median", got.median, wanted[3], close, size);
    judge_interval(line, &got, size, wanted + 4);
    if (scale != NL_SCALE_SHARE)
        judge_ps(line, &got, line->in[5], wanted + 7);
}

/* Of seeds that split one pool anew the variance takes n_test / n_train beside 1 / n. */
static void judge_resampled(const struct line *line)
{
    struct nl_sampling sampling = {.overlap = line->in[1] / (line->in[1] + line->in[0])};
    int count;
    const double *values = counted(line, 4, 1, 5, &count);
    struct nl_estimate got = nl_estimate(values, count, NL_SCALE_REAL, &sampling, NL_INTERVAL_T, line->in[2]);
    judge_interval(line, &got, largest(values, count), line->out);
    judge_ps(line, &got, line->in[3], line->out + 3);
}

static void judge_paired(const struct line *line)
{
    int count;
    const double *ones = counted(line, 1, 2, 3, &count), *others = ones + count;
    double difference[MOST];
    for (int i = 0; i < count; i++)
        difference[i] = ones[i] - others[i];
    struct nl_estimate got =
        nl_estimate(difference, count, NL_SCALE_REAL, &(struct nl_sampling){0}, NL_INTERVAL_T, 0.95);
    judge_ps(line, &got, line->in[0], line->out);
    same(line, "p of a threshold", nl_threshold_p(&got, line->in[0]), line->out[2], p_close);
}

static void judge_apart(const struct line *line)
{
    int count;
    const double *ones = counted(line, 4, 2, 11, &count), *others = ones + count, *wanted = line->out;
    struct nl_estimate got = nl_estimate_apart(ones, others, count, (enum nl_scale)line->in[0],
                                               &(struct nl_sampling){.samples = line->in[2]}, line->in[1]);
    ck_assert_int_eq(got.n, (int)wanted[0]);
    ck_assert_int_eq(got.first_n, (int)wanted[1]);
    ck_assert_int_eq(got.second_n, (int)wanted[2]);
    same(line, "mean", got.mean, wanted[3], close);
    same(line, "se", got.se, wanted[4], close);
    same(line, "freedom", got.freedom, wanted[5], close);
    same(line, "lower", got.lower, wanted[6], p_close);
    same(line, "upper", got.upper, wanted[7], p_close);
    same(line, "spread", got.sd, got.se * sqrt(got.n), close);
    judge_ps(line, &got, line->in[3], wanted + 8);
    same(line, "p of a threshold", nl_threshold_p(&got, line->in[3]), wanted[10], p_close);
}

static void judge_expected_first(const struct line *line)
{
    int count;
    const double *values = counted(line, 1, 1, 1, &count);
    same(line, "mean", nl_expected_first(values, count, (int)line->in[0]), line->out[0], close);
}

static void judge_sobol(const struct line *line)
{
    double got[NL_SOBOL_DIMENSIONS];
    int dimensions = (int)line->in[2];
    nl_sobol((int)line->in[0], (int)line->in[1], dimensions, got);
    for (int d = 0; d < dimensions; d++)
        same(line, "coordinate", got[d], line->out[d], close);
}

static void judge_first_between(const struct line *line)
{
    int k = (int)line->in[1], sets = (int)line->in[2], count = (int)line->in[3];
    double lower, upper;
    expect(line, 4 + sets * count, 2);
    nl_first_between(line->in + 4, sets, count, k, line->in[0], &lower, &upper);
    if (isinf(line->out[1])) /* some draws are of failed runs alone */
        ck_assert_msg(upper == line->out[1], "stats.txt:%d: upper is %.17g", line->number, upper);
    else
        same(line, "upper", upper, line->out[1], close);
    same(line, "lower", lower, line->out[0], close);
}

static void judge_stratified_share(const struct line *line)
{
    int tasks = (int)line->in[1], reached[MOST], runs[MOST];
    expect(line, 2 + 2 * tasks, 3);
    for (int i = 0; i < tasks; i++) {
        reached[i] = (int)line->in[2 + i];
        runs[i] = (int)line->in[2 + tasks + i];
    }
    struct nl_stratified_share got = nl_stratified_share(reached, runs, tasks, line->in[0]);
    same(line, "share", got.share, line->out[0], close);
    same(line, "lower", got.lower, line->out[1], close);
    same(line, "upper", got.upper, line->out[2], close);
}

static void judge_interquartile_estimate(const struct line *line, const struct nl_estimate *got, const double *wanted)
{
    ck_assert_int_eq(got->n, (int)wanted[0]);
    same(line, "mean", got->mean, wanted[1], close);
    same(line, "spread", got->sd, wanted[2], close);
    same(line, "freedom", got->freedom, wanted[3], close);
    same(line, "lower", got->lower, wanted[4], p_close);
    same(line, "upper", got->upper, wanted[5], p_close);
}

static void judge_interquartile(const struct line *line)
{
    double level = line->in[0], overlap = line->in[1];
    int tasks = (int)line->in[2], runs = (int)line->in[3];
    const double *floors = line->in + 4, *ones = floors + tasks, *others = ones + tasks * runs;
    struct nl_estimate got = nl_interquartile_mean(ones, others, tasks, runs, floors, overlap, level),
                       alone = nl_interquartile_mean(ones, NULL, tasks, runs, floors, overlap, level);
    judge_interquartile_estimate(line, &got, line->out);
    same(line, "p of a difference", nl_difference_p(&got), line->out[6], p_close);
    judge_interquartile_estimate(line, &alone, line->out + 7);
    double missing[MOST];
    memcpy(missing, ones, (size_t)(tasks * runs) * sizeof *missing);
    missing[1] = NAN;
    ck_assert_int_eq(nl_interquartile_mean(missing, others, tasks, runs, floors, overlap, level).n, 0);
}

static void judge_sign_flip(const struct line *line)
{
    int count;
    const double *values = counted(line, 0, 1, 1, &count);
    same(line, "p", nl_sign_flip_p(values, count), line->out[0], close);
}

/* An end lies between two quantiles of many more resamples; the same values in another order give its bits again. */
static void judge_bootstrap(const struct line *line)
{
    enum nl_scale scale = (enum nl_scale)(int)line->in[0];
    int count;
    const double *values = counted(line, 2, 1, 8, &count), *wanted = line->out;
    double turned[MOST];
    for (int i = 0; i < count; i++)
        turned[i] = values[count - 1 - i];
    turned[count] = NAN;
    struct nl_estimate got =
        nl_estimate(values, count, scale, &(struct nl_sampling){0}, NL_INTERVAL_BOOTSTRAP, line->in[1]);
    struct nl_estimate again = nl_estimate(turned, count + 1, scale, &(struct nl_sampling){.overlap = 0.5},
                                           NL_INTERVAL_BOOTSTRAP, line->in[1]);
    ck_assert_int_eq(got.n, (int)wanted[0]);
    double size = largest(values, count), rounding = 1e-14 * size;
    same_but(line, "mean", got.mean, wanted[1], close, size);
    same(line, "sd", got.sd, wanted[2], close);
    same_but(line, "median", got.median, wanted[3], close, size);
    ck_assert_msg(got.lower >= wanted[4] - rounding && got.lower <= wanted[5] + rounding,
                  "stats.txt:%d: lower is %.17g", line->number, got.lower);
    ck_assert_msg(got.upper >= wanted[6] - rounding && got.upper <= wanted[7] + rounding,
                  "stats.txt:%d: upper is %.17g", line->number, got.upper);
    ck_assert(again.lower == got.lower && again.upper == got.upper);
}

/* A mean of all values with the spread of the first of them. */
static void judge_staged(const struct line *line)
{
    enum nl_scale scale = (enum nl_scale)(int)line->in[0];
    struct nl_sampling sampling = {.overlap = line->in[2], .samples = line->in[3], .first = (int)line->in[4]};
    int count;
    const double *values = counted(line, 6, 1, scale == NL_SCALE_SHARE ? 6 : 8, &count), *wanted = line->out;
    struct nl_estimate got = nl_estimate(values, count, scale, &sampling, NL_INTERVAL_T, line->in[1]);
    ck_assert_int_eq(got.n, (int)wanted[0]);
    ck_assert_int_eq(got.freedom, (int)wanted[1]);
    same_but(line, "mean", got.mean, wanted[2], close, largest(values, count));
    judge_interval(line, &got, largest(values, count), wanted + 3);
    if (scale != NL_SCALE_SHARE)
        judge_ps(line, &got, line->in[5], wanted + 6);
}

static void judge_finding_chance(const struct line *line)
{
    expect(line, 5, 1);
    same_but(line, "chance", nl_finding_chance(line->in[0], line->in[1], line->in[2], (int)line->in[3], line->in[4]),
             line->out[0], integral_close, 1.0);
}

/* What nl_estimate gives for n values whose standard deviation is sd. */
static struct nl_estimate estimate_with(double sd, double n, double overlap)
{
    return (struct nl_estimate){
        .n = (int)n, .freedom = (int)n - 1, .overlap = overlap, .se = sd * sqrt(1.0 / n + overlap / (1.0 - overlap))};
}

static void judge_seeds_for_chance(const struct line *line)
{
    const double *in = line->in;
    expect(line, 8, 1);
    struct nl_estimate now = estimate_with(in[0], in[1], in[2]);
    double judged = line->out[0] >= 0.0 && line->out[0] < NL_LEAST_PAIRS
                        ? NL_LEAST_PAIRS
                        : line->out[0]; /* fewer pairs find nothing here */
    same(line, "seeds", nl_seeds_for_chance(&now, in[3], in[4], in[5], in[6], (int)in[7]), judged, 0.0);
}

static void judge_seeds_for_width(const struct line *line)
{
    const double *in = line->in;
    expect(line, 6, 1);
    struct nl_estimate first = estimate_with(in[0], in[1], in[2]);
    same(line, "seeds", nl_seeds_for_width(&first, in[3], in[4], (int)in[5]), line->out[0], 0.0);
}

static void judge_survival(const struct line *line)
{
    enum { MOST_RUNS = 32 };
    struct nl_survival curve[MOST_RUNS];
    bool happened[MOST_RUNS];
    int count;
    const double *time = counted(line, 1, 2, line->outputs, &count);
    for (int i = 0; i < count; i++)
        happened[i] = time[count + i] == 1.0;
    int rows = nl_survival(time, happened, count, line->in[0], curve);
    double median = nl_survival_median(curve, rows);
    ck_assert_int_eq(rows, (int)line->out[1]);
    ck_assert_msg(median == line->out[0], "stats.txt:%d: the median is %g, and must be %g", line->number, median,
                  line->out[0]);
    for (int i = 0; i < rows; i++) {
        const double *wanted = line->out + 2 + 4 * i;
        ck_assert(curve[i].at == wanted[0]);
        same(line, "share", curve[i].share, wanted[1], close);
        same(line, "lower", curve[i].lower, wanted[2], p_close);
        same(line, "upper", curve[i].upper, wanted[3], p_close);
    }
}

static void judge_deviation(const struct line *line)
{
    int count;
    const double *values = counted(line, 1, 1, 4, &count);
    struct nl_deviation got = nl_deviation(values, count, line->in[0]);
    ck_assert_int_eq(got.n, (int)line->out[0]);
    same(line, "sd", got.sd, line->out[1], close);
    same(line, "lower", got.lower, line->out[2], p_close);
    same(line, "upper", got.upper, line->out[3], p_close);
}

static const struct kind {
    const char *name;
    void (*judge)(const struct line *line);
} kinds[] = {
    {"beta", judge_beta},
    {"t_two_sided", judge_t_two_sided},
    {"t_quantile", judge_t_quantile},
    {"normal_quantile", judge_normal_quantile},
    {"fisher", judge_fisher},
    {"exact_interval", judge_exact_interval},
    {"holm", judge_holm},
    {"quantile", judge_quantile},
    {"counting_sd", judge_counting_sd},
    {"test_part_sd", judge_test_part_sd},
    {"estimate", judge_estimate},
    {"resampled", judge_resampled},
    {"paired", judge_paired},
    {"apart", judge_apart},
    {"expected_first", judge_expected_first},
    {"first_between", judge_first_between},
    {"stratified_share", judge_stratified_share},
    {"interquartile", judge_interquartile},
    {"sign_flip", judge_sign_flip},
    {"bootstrap", judge_bootstrap},
    {"staged", judge_staged},
    {"finding_chance", judge_finding_chance},
    {"seeds_for_chance", judge_seeds_for_chance},
    {"seeds_for_width", judge_seeds_for_width},
    {"survival", judge_survival},
    {"deviation", judge_deviation},
    {"sobol", judge_sobol},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

static int kind_of(const char *name, int number)
{
    for (int kind = 0; name && kind < KINDS; kind++)
        if (strcmp(kinds[kind].name, name) == 0)
            return kind;
    ck_abort_msg("stats.txt:%d: of no kind that is known", number);
    return -1;
}

/* The numbers after the kind; those after "=" are to come out. */
static void read_numbers(char **rest, struct line *line)
{
    bool out = false;
    for (char *word, *end; (word = strtok_r(NULL, " ", rest));) {
        if (strcmp(word, "=") == 0) {
            out = true;
            continue;
        }
        int *count = out ? &line->outputs : &line->inputs;
        ck_assert_int_lt(*count, MOST - 1); /* a judge may add one */
        (out ? line->out : line->in)[(*count)++] = strtod(word, &end);
        ck_assert_msg(end > word && *end == '\0', "stats.txt:%d: '%s' is no number", line->number, word);
    }
    ck_assert_msg(out, "stats.txt:%d: nothing is to come out", line->number);
}

/* One kind's lines, as many as the file says, of the file as it was read. */
START_TEST(is_judged)
{
    struct nl_error err;
    size_t length;
    char *text = nl_file_read(NORMLAB_TESTS_DIR "/golden/stats.txt", &length, &err);
    ck_assert_msg(text != NULL, "%s", err.text);
    int promised = 0, judged = 0, number = 0;
    for (char *at = text, *row; (row = strsep(&at, "\n"));) {
        char *rest, *name;
        number++;
        if (*row == '#' || *row == '\0')
            continue;
        name = strtok_r(row, " ", &rest);
        if (strcmp(name, "count") == 0) {
            if (kind_of(strtok_r(NULL, " ", &rest), number) == _i)
                promised += atoi(rest);
        } else if (kind_of(name, number) == _i) {
            struct line line = {.number = number};
            read_numbers(&rest, &line);
            kinds[_i].judge(&line);
            judged++;
        }
    }
    ck_assert_msg(promised > 0, "stats.txt has no %s", kinds[_i].name);
    ck_assert_int_eq(judged, promised);
    free(text);
}
END_TEST

START_TEST(the_comparison_sees_a_difference)
{
    ck_assert(agrees(1.0 + 0.5e-12, 1.0, close, 0.0));
    ck_assert(!agrees(1.0 + 2e-12, 1.0, close, 0.0));
    ck_assert(!agrees(1e-60, 1.1e-60, close, 0.0));
    ck_assert(!agrees(1e-300, 0.0, close, 0.0));
    ck_assert(agrees(1e-13, 0.0, close, 1.0));
    ck_assert(agrees(NAN, NAN, close, 0.0));
    ck_assert(!agrees(NAN, 1.0, close, 1.0));
    ck_assert(!agrees(1.0, NAN, close, 1.0));
    ck_assert(!agrees(INFINITY, 1.0, close, 1.0));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("estimate");
    TCase *tests = tcase_create("estimate");
    tcase_add_loop_test(tests, is_judged, 0, KINDS);
    tcase_add_test(tests, the_comparison_sees_a_difference);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
