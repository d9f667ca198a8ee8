/* Estimates over seeds: means with their intervals, and the p-values that belong to them.
 *
 * A value that is not finite is missing: it is left out, and n counts what is left. So a paired difference is a plain
 * difference of two vectors with one entry a seed. Values so large that their sum or their squares leave the range of
 * numbers have no mean, or no spread.
 *
 * Every interval is mean +- t(n - 1) se, and every p-value is of mean / se (where the number of seeds was decided by a
 * first stage, with the spread and the degrees of freedom of that stage alone), with
 *
 *     se^2 = sd^2 (1/n + overlap / (1 - overlap))
 *
 * `overlap` is the share of one seed's evaluated samples that another seed's part is expected to hold too. Where the
 * seeds split one pool anew, n_test / (n_test + n_train): the correction of Nadeau and Bengio (Machine Learning 52,
 * 2003), n_test / n_train. It is 0 where the seeds are independent, or where all share one part and the sentence speaks
 * of that part alone.
 *
 * Means are arithmetic ones. `sd` is the spread over seeds, but of shares never less than what counting them over the
 * samples of the part would give alone: eight seeds without an error, or all with the same, are no certainty. The
 * interval of a share ends at 0 and at 1.
 */
#ifndef NL_STATS_ESTIMATE_H
#define NL_STATS_ESTIMATE_H

#include "config/config.h"

enum { NL_RESAMPLES = 10000, NL_BOOTSTRAP_SEEDS = 20 /* fewer: the percentile bootstrap covers less than it says */ };

/* What the values are, and how they were counted. */
enum nl_scale {
    NL_SCALE_REAL,       /* any number: a loss, a difference of differences, a logarithm */
    NL_SCALE_SHARE,      /* counted: from 0 to 1 */
    NL_SCALE_DIFFERENCE, /* of two shares counted over the same samples: from -1 to 1 */
};

struct nl_sampling {
    double overlap; /* in [0, 1) */
    double samples; /* m: that a share was counted over; 0: unknown */
    double floor;   /* the least standard deviation, of NL_SCALE_REAL */
    int first; /* the spread is that of so many first values, a stage that decided how many follow (Stein 1945); 0: of
                  all */
};

struct nl_estimate {
    int n;                 /* of a difference without pairs the runs of the side that has fewer */
    int first_n, second_n; /* runs of both sides of a difference without pairs; 0: of pairs, or of a mean */
    double mean;   /* NaN for n = 0 */
    double sd;     /* of the values over seeds; NaN below n = 2 */
    double median;
    double se;     /* of the mean; NaN below n = 2 */
    double overlap; /* that se was worked out with */
    double freedom; /* degrees of freedom of se: n - 1, or those of the first stage; of a difference without pairs those
                       of Welch (1947), which are not whole */
    double lower, upper; /* inside what is possible; NaN below n = 2: one seed has no interval */
};

/* The kind of interval that means have: plot.interval, or t where that is none, which is for pictures alone. */
enum nl_interval nl_interval_of(const struct nl_config *config);

/* kind: the t interval, or the percentile bootstrap of the mean (NL_RESAMPLES resamples of a fixed Philox stream: the
 * same values give the same interval everywhere; it knows nothing of overlap or floors, and where all values are equal
 * it is the t interval). */
struct nl_estimate nl_estimate(const double *values, int count, enum nl_scale scale, const struct nl_sampling *sampling,
                               enum nl_interval kind, double level);

/* The difference of the means of a[count] and b[count] where no value of one belongs to one of the other: Welch's t
 * (1947), with the degrees of freedom of Satterthwaite. `sd` is the spread that n pairs with this standard error would
 * have. scale: NL_SCALE_DIFFERENCE where both are shares, else NL_SCALE_REAL. */
struct nl_estimate nl_estimate_apart(const double *a, const double *b, int count, enum nl_scale scale,
                                     const struct nl_sampling *sampling, double level);

/* The interquartile mean of scores a[tasks][runs], pooled (Agarwal et al. 2021): the mean without the quarter of all,
 * rounded down, that is least, and without as many that are largest; or, where b is given, that of a less that of b,
 * whose values of the same task and run are pairs. Tasks are fixed, runs are drawn: the standard error is that of
 * trimmed means (Tukey and McLaughlin 1963), from the winsorized values' spread over the runs of each task, and its
 * degrees of freedom are Satterthwaite's over the tasks, as far as values are left in. floor[tasks]: the least standard
 * deviation of a value, or of a difference. overlap: as for all estimates. n counts the runs of a task; 0 where a value
 * is missing. */
struct nl_estimate nl_interquartile_mean(const double *a, const double *b, int tasks, int runs, const double *floor,
                                         double overlap, double level);

/* The standard deviation of values, and its interval by Bonett (2006, equations 1 to 3), which allows for other tails
 * than the normal ones. NaN: sd below n = 2, the interval below NL_LEAST_SPREAD or where all values are equal. Values
 * that are not finite are left out. Of 5 to 40 values an interval of 95 % held the true one, simulated, in 94 to 99 %
 * of cases for normal values, 90 to 98 % for t of 5 degrees of freedom, 88 to 97 % for exponential ones. */
enum { NL_LEAST_SPREAD = 5 };
struct nl_deviation {
    int n;
    double sd, lower, upper;
};
struct nl_deviation nl_deviation(const double *values, int count, double level);

/* The standard deviation that counting alone gives a share, or a difference of shares, of mean `mean` over m samples:
 * sqrt(q (1 - q) / m) with q = (|mean| m + 1/2) / (m + 1). Of a difference it is a lower bound: at least |mean| of the
 * samples are judged differently. */
double nl_counting_sd(double mean, double samples);

/* The largest standard deviation that another test part of m samples would give a difference b - a of two shares: where
 * as few samples as possible are misjudged by both. */
double nl_test_part_sd(double a, double b, double samples);

/* P values of an estimate that has a t interval, of NL_SCALE_REAL or NL_SCALE_DIFFERENCE; NaN below n = 2. Where se is
 * 0 there is no doubt: 0 or 1, and 1/2 for a mean that is just the margin. Of a mean of 0, two-sided (of paired
 * differences: the paired t test). */
double nl_difference_p(const struct nl_estimate *difference);
/* The p-value against a mean of `threshold`, two-sided. */
double nl_threshold_p(const struct nl_estimate *difference, double threshold);
/* The p-value against a mean outside +-margin: the larger of the two one-sided tests (TOST, Schuirmann 1987). */
double nl_equivalence_p(const struct nl_estimate *difference, double margin);

/* The exact two-sided sign-flip test of symmetry about 0: the share of the 2^n sign patterns whose mean is at least as
 * far from 0. NaN below n = 1 and above NL_SIGN_FLIPS. */
enum { NL_SIGN_FLIPS = 20 };
double nl_sign_flip_p(const double *values, int count);

/* The product-limit estimate (Kaplan and Meier 1958): the share for which a thing has not yet happened by `at`, a time
 * at which it happened to some, or from which on nothing is known of some. */
struct nl_survival {
    double at;
    int at_risk, happened, censored; /* just before; of these, at that time: who is censored there is at risk there */
    double share, lower, upper; /* Greenwood's interval of log(-log(share)); NaN where the share is 0 or 1 */
};

/* time[count]: when it happened, or until when it had not; NaN: missing. out[count] is filled in order of time; how
 * many there are. */
int nl_survival(const double *time, const bool *happened, int count, double level, struct nl_survival *out);
/* When the share falls below 1/2; where it is 1/2 for a while, the middle of that. INFINITY: it never does; NaN of
 * nothing. */
double nl_survival_median(const struct nl_survival *curve, int rows);

/* The expected value of the first, in this order, of k that are drawn at random without replacement from values[count],
 * 1 <= k <= count: where the best come first, that of the best of k. The i-th is the first of them with probability
 * C(count - i, k - 1) / C(count, k). */
double nl_expected_first(const double *values, int count, int k);
/* Where the best of k lies: over values[sets][count], each set in the order of nl_expected_first, a set is drawn and
 * then k of its values. The first of these lies below *lower, and above *upper, with probability (1 - level) / 2 at
 * most. Exact; INFINITY counts as the largest value, and NaN is not allowed. */
void nl_first_between(const double *values, int sets, int count, int k, double level, double *lower, double *upper);

/* The share of runs that reach something, of tasks that count alike: reached[task] of runs[task], which are 1 or more
 * (the run-score distribution of Agarwal et al. 2021, section 4.3). lower, upper: the ends of the percentile bootstrap
 * that draws the runs of each task anew, with replacement. The number that reach it is then binomial in each task, and
 * the distribution of the sum is known, so nothing is resampled: these are the ends for infinitely many resamples. NaN
 * where tasks have different numbers of runs. The interval is empty where each task has all of its runs on one side.
 * Where half of the runs of one task reach it, an interval of 95 % held the true share, simulated, in 83 to 94 % of
 * cases with 3 to 20 runs of a task; where nearly all or nearly none of that task's runs do, in 40 to 88 % with 3 to 5
 * runs, and in 92 to 94 % with 8 to 20. */
struct nl_stratified_share {
    double share, lower, upper;
};
struct nl_stratified_share nl_stratified_share(const int *reached, const int *runs, int tasks, double level);

/* What an estimate of logarithms is of the values themselves. */
struct nl_estimate nl_from_logarithms(struct nl_estimate estimate);

int nl_finite_values(const double *values, int count, double *out); /* those that are finite, sorted; how many */
double nl_median_sorted(const double *sorted, int count);           /* NaN for none */

#endif
