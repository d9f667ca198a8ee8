/* The few distributions that intervals and tests need, in double precision (about 1e-12 relative). */
#ifndef NL_STATS_DISTRIBUTION_H
#define NL_STATS_DISTRIBUTION_H

double nl_beta_cdf(double x, double a, double b);          /* regularized incomplete beta I_x(a, b), 0 <= x <= 1 */
double nl_t_two_sided(double t, double freedom);           /* P(|T| >= |t|), Student */
double nl_t_quantile(double probability, double freedom);  /* t with P(T <= t) = probability, 0 < probability < 1 */
double nl_normal_quantile(double probability);

/* The exact interval of a share, k of n counted (Clopper and Pearson 1934): from 0 at k = 0, to 1 at k = n. NaN for n =
 * 0. */
void nl_exact_interval(int k, int n, double level, double *lower, double *upper);

/* Two-sided Fisher exact test of failures a of m against b of n: the probability, given the margins, of all tables that
 * are at most as likely as this one. */
double nl_fisher_two_sided(int a, int m, int b, int n);

/* Holm's step-down adjustment of `count` p-values, in place: family-wise error without assuming independence. */
void nl_holm(double *p, int count);

#endif
