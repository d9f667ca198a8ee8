"""What scipy, statsmodels and numpy say of the statistics: writes tests/golden/stats.txt, which tests/statistics/test_estimate.c reads.

    python tests/golden/stats.py

A line of stats.txt is a kind, its inputs, "=", and what must come out (COLUMNS); `count KIND N` says how many lines of a kind
there are. The script stops where two libraries disagree. What no library has (the rule for a spread of 0, NaN below two
values) is written as core/stats/estimate.h says it, and marked RULE here.
"""

import bisect
import itertools
import math
import pathlib
import platform
import sys

import numpy
import scipy
import statsmodels
from scipy import special, stats
from scipy.stats import qmc
from statsmodels.duration.survfunc import SurvfuncRight
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import TTestPower
from statsmodels.stats.proportion import proportion_confint
from statsmodels.stats.weightstats import CompareMeans, DescrStatsW, ttost_paired

NAN, INF = float("nan"), float("inf")
REAL, SHARE, DIFFERENCE = range(3)  # enum nl_scale
LEVELS = (0.9, 0.95, 0.99)
TRAIN, TEST = 1408, 389  # the split that the overlap below belongs to
OVERLAPS = (0.0, TEST / (TEST + TRAIN), 0.5)
SAMPLES = (0, 10, 389, 10000)
RESAMPLES = 10000  # of NL_INTERVAL_BOOTSTRAP
SIGN_FLIPS = 20

COLUMNS = {
    "beta": "x a b = P(X <= x)",
    "t_two_sided": "t freedom = p",
    "t_quantile": "probability freedom = t",
    "normal_quantile": "probability = z",
    "fisher": "a m b n = p",
    "exact_interval": "k n level = lower upper",
    "holm": "count p... = adjusted...",
    "quantile": "probability count values... = n median quantile",
    "counting_sd": "mean samples = sd",
    "test_part_sd": "a b samples = sd",
    "estimate": "scale level overlap samples floor margin count values... = n mean sd median se lower upper p_difference "
    "p_equivalence (a share has neither p)",
    "resampled": "n_train n_test level margin count values... = se lower upper p_difference p_equivalence",
    "paired": "margin count ones... others... = p_difference p_equivalence p_threshold",
    "apart": "scale level samples margin count ones... others... = n first second mean se freedom lower upper p_difference p_equivalence p_threshold",
    "sign_flip": "count values... = p",
    "staged": "scale level overlap samples first margin count values... = n freedom mean se lower upper p_difference p_equivalence",
    "finding_chance": "effect smallest se freedom alpha = chance",
    "seeds_for_chance": "sd n overlap effect smallest alpha chance most = seeds",
    "seeds_for_width": "sd n overlap half_width level most = seeds",
    "survival": "level count times... happened... = median rows (at share lower upper)...",
    "deviation": "level count values... = n sd lower upper",
    "interquartile": "level overlap tasks runs floors... ones... others... = n mean sd freedom lower upper p_difference, and of ones alone n mean sd freedom "
    "lower upper (others all nan: of ones alone, twice)",
    "expected_first": "k count values... = mean (of the first, in this order, over all sets of k)",
    "sobol": "index count dimensions = coordinates... (scipy's, without scrambling, in the middle of the cells of the first count)",
    "first_between": "level k sets count values... = lower upper (of the first, in this order, over all sets and all draws of k)",
    "stratified_share": "level tasks reached... runs... = share lower upper (no interval where tasks have different numbers of runs)",
    "bootstrap": "scale level count values... = n mean sd median lower_least lower_most upper_least upper_most",
}

rng = numpy.random.default_rng(20240607)
lines = {}


def agree(one, other, bound=1e-12, size=0.0):
    """Relative to the numbers, or to `size` where that is larger."""
    one, other = numpy.asarray(one, float), numpy.asarray(other, float)
    if not numpy.all(abs(one - other) <= bound * numpy.maximum(numpy.maximum(abs(one), abs(other)), size)):
        sys.exit(f"the libraries disagree: {one} and {other}")


def add(kind, inputs, outputs):
    written = [repr(v) if isinstance(v, int) else repr(float(v)) for v in inputs], [f"{float(v):.17g}" for v in outputs]
    lines.setdefault(kind, []).append(" ".join([kind, *written[0], "=", *written[1]]))


def finite(values):
    values = numpy.array(values, float)
    return values[numpy.isfinite(values)]


# Distributions.


def distributions():
    for x, a, b in [(0.2, 0.5, 3.5), (0.9, 7, 0.5), (0.5, 2, 2), (1e-6, 0.5, 0.5), (0.999, 50, 3), (0, 2, 3), (1, 2, 3), (1e-12, 0.5, 9.5),
                    (0.5, 0.5, 0.5), (0.3, 1, 1), (0.05, 10, 0.5), (0.02, 10, 0.5)]:
        add("beta", [x, a, b], [stats.beta.cdf(x, a, b)])
    for _ in range(40):
        x, a, b = round(rng.uniform(0, 1), 4), round(rng.uniform(0.5, 12) * 2) / 2, round(rng.uniform(0.5, 12) * 2) / 2
        add("beta", [x, a, b], [stats.beta.cdf(x, a, b)])
    for freedom in range(1, 20):
        for t in (0, 0.01, 0.7, 1, 2.5, 4, 12, 40, 300, 1e5, -2.5):
            add("t_two_sided", [t, freedom], [2 * stats.t.sf(abs(t), freedom)])
        for p in (0.95, 0.975, 0.995, 0.025, 0.6, 0.99995, 1e-6, 1e-12):
            add("t_quantile", [p, freedom], [stats.t.ppf(p, freedom)])
        add("t_quantile", [0.5, freedom], [0])
    for freedom in (30, 99, 1000):
        for t in (0.01, 1, 1.7, 1.8, 2, 3, 4, 5, 7, 9.9, 20):
            add("t_two_sided", [t, freedom], [2 * stats.t.sf(t, freedom)])
        for p in (0.95, 0.975, 0.995, 0.025):
            add("t_quantile", [p, freedom], [stats.t.ppf(p, freedom)])
    for p in (0.5, 0.6, 0.9, 0.95, 0.975, 0.995, 0.9995, 0.99995, 0.9999999, 1 - 1e-14, 0.025, 0.005, 1e-3, 1e-6, 1e-12, 1e-100):
        add("normal_quantile", [p], [stats.norm.ppf(p)])


def tests_of_counts():
    tables = [(5, 5, 0, 5), (3, 8, 1, 8), (0, 5, 0, 5), (2, 7, 6, 9), (8, 8, 3, 8), (0, 1, 1, 1), (5, 5, 5, 5), (0, 20, 20, 20),
              (1, 20, 20, 20), (10, 20, 10, 20), (0, 3, 2, 20), (100, 200, 60, 150)]
    for _ in range(60):
        m, n = (int(v) for v in rng.integers(1, 21, 2))
        tables.append((int(rng.integers(0, m + 1)), m, int(rng.integers(0, n + 1)), n))
    for a, m, b, n in tables:
        add("fisher", [a, m, b, n], [stats.fisher_exact([[a, m - a], [b, n - b]]).pvalue])
    for n in (1, 2, 3, 5, 8, 20, 500):
        for k in sorted({0, 1, n // 3, n // 2, n - 1, n}):
            for level in LEVELS:
                low, high = proportion_confint(k, n, 1 - level, "beta")
                other = stats.binomtest(k, n).proportion_ci(level, "exact")
                agree([low, high], [other.low, other.high], 1e-11, 1.0)
                add("exact_interval", [k, n, level], [low, high])


def holm():
    families = [[0.04], [0.04, 0.01, 0.03], [0.5, 0.5, 0.5], [0.01, 0.01, 0.02, 0.02], [0, 1, 0.5], [0, 0, 0], [1, 1], [1e-300, 1e-12, 0.9],
                [0.02, 0.013, 0.0125, 0.0499, 0.05]]
    families += [list(numpy.round(rng.uniform(0, 1, size) ** 3, 5)) for size in range(2, 13) for _ in range(3)]
    for p in families:
        add("holm", [len(p), *p], multipletests(p, method="holm")[1])


def quantiles():
    sets = [[3], [1, 2], [2, 2, 2], [5, 1, 4, 1], [-1e-300, 1e300], [NAN, 4, INF, 1, -INF, 2.5]]
    sets += [list(numpy.round(rng.normal(size=n), 4)) for n in (3, 4, 7, 8, 20)]
    for values in sets:
        kept = finite(values)
        for p in (0, 0.025, 0.05, 0.25, 0.5, 0.9, 0.975, 1):
            add("quantile", [p, len(values), *values], [len(kept), numpy.median(kept), numpy.quantile(kept, p)])
    add("quantile", [0.5, 0], [0, NAN, NAN])
    add("quantile", [0.5, 2, NAN, INF], [0, NAN, NAN])


# What counting gives.


def counting_sd(mean, samples):
    """The share that Jeffreys' prior expects after |mean| m of m, counted over m samples."""
    k = abs(mean) * samples
    q = stats.beta.mean(k + 0.5, samples - k + 0.5)
    return stats.binom.std(1, q) / numpy.sqrt(samples)


def counting():
    for samples in (1, 2, 10, 389, 10000):
        for mean in (0, 1, -1, 0.5, 0.02, -0.02, 0.973, 1 / 389, 1e-9):
            add("counting_sd", [mean, samples], [counting_sd(mean, samples)])
    pairs = [(0, 0), (1, 1), (0, 1), (1, 0), (0.5, 0.5), (0.25, 0.75), (0.02, 0.05), (0.9, 0.95), (0.3, 0.8), (1, 0.5)]
    pairs += [tuple(float(v) for v in numpy.round(rng.uniform(0, 1, 2), 3)) for _ in range(20)]
    for a, b in pairs:
        both = max(0.0, a + b - 1.0)  # misjudged by both, as few as possible
        one = stats.rv_discrete(values=([-1, 0, 1], [a - both, 1 - a - b + 2 * both, b - both]))
        for samples in (10, 389):
            add("test_part_sd", [a, b, samples], [one.std() / numpy.sqrt(samples)])


# Estimates.


def spread(values):
    """RULE: of equal values 0, whatever rounding leaves."""
    return 0.0 if numpy.all(values == values[0]) else numpy.std(values, ddof=1)


def average(values):
    return values[0] if numpy.all(values == values[0]) else numpy.mean(values)


def interval(level, n, mean, se):
    return stats.t.interval(level, n - 1, mean, se) if se > 0 else (mean, mean)  # RULE


def difference_p(n, mean, se, threshold=0.0):
    if se == 0:
        return 1.0 if mean == threshold else 0.0  # RULE
    return 2 * stats.t.sf(abs(mean - threshold) / se, n - 1)


def equivalence_p(n, mean, se, margin):
    if se == 0:
        return 0.0 if abs(mean) < margin else 1.0 if abs(mean) > margin else 0.5  # RULE
    return max(stats.t.sf((mean + margin) / se, n - 1), stats.t.cdf((mean - margin) / se, n - 1))


def estimate(values, scale=REAL, level=0.95, overlap=0.0, samples=0, floor=0.0, margin=0.01, per_sample=None):
    """per_sample: what the variance takes beside 1/n, where it does not come from the overlap."""
    kept = finite(values)
    n, extra = len(kept), overlap / (1 - overlap) if per_sample is None else per_sample
    if n == 0:
        return [0] + [NAN] * 8  # RULE
    mean, sd, counted = average(kept), spread(kept) if n > 1 else NAN, scale != REAL and samples > 0
    least = floor if scale == REAL else counting_sd(mean, samples) if counted else 0.0
    if n < 2:
        return [n, mean, NAN, numpy.median(kept)] + [NAN] * 5  # RULE
    se = max(sd, least) * numpy.sqrt(1 / n + extra)
    low, high = interval(level, n, mean, se)
    if scale != REAL:
        low, high = max(low, 0.0 if scale == SHARE else -1.0), min(high, 1.0)
    p = [difference_p(n, mean, se), equivalence_p(n, mean, se, margin)]
    if scale == REAL and extra == 0 and least == 0 and se > 0:
        judge_plain(kept, level, margin, low, high, p)
    return [n, mean, sd, numpy.median(kept), se, low, high, *p]


def judge_plain(values, level, margin, low, high, p):
    """The plain case, once more, by the functions that are made for it."""
    test = stats.ttest_1samp(values, 0)
    agree([test.pvalue, DescrStatsW(values).ttost_mean(-margin, margin)[0]], p, 1e-11)
    agree(test.confidence_interval(level), [low, high], 1e-12, max(abs(values)))


def add_estimate(values, scale=REAL, level=0.95, overlap=0.0, samples=0, floor=0.0, margin=0.01):
    row = estimate(values, scale, level, overlap, samples, floor, margin)
    add("estimate", [scale, level, overlap, samples, floor, margin, len(values), *values], row[:-2] if scale == SHARE else row)


def shares(n, samples, centre):
    """Counted over m samples where m is known."""
    q = special.expit(special.logit(centre) + 0.3 * rng.normal(size=n))
    return list(rng.binomial(samples, q) / samples) if samples else list(numpy.round(q, 5))


def degenerate():
    """Each with what it is called."""
    return {
        "nothing": [],
        "nothing that is finite": [NAN, INF, -INF],
        "one": [0.25],
        "one and missing": [NAN, 0.25, NAN],
        "zeros": [0.0] * 5,
        "ones": [1.0] * 5,
        "two equal": [0.5, 0.5],
        "equal, of no exact mean": [0.1] * 3,
        "equal and missing": [0.7, NAN, 0.7, 0.7, INF, 0.7, 0.7, 0.7],
        "nearly zeros": [0.0] * 7 + [1 / 389],
        "zeros and ones": [0.0, 1.0, 0.0, 1.0, 1.0],
        "zero and one": [0.0, 1.0],
        "ties": [0.1, 0.1, 0.2, 0.2, 0.2, 0.3, 0.1],
        "an outlier": [0.011, 0.012, 0.013, 0.012, 0.011, 0.98, 0.012],
        "missing": [0.02, NAN, 0.03, 0.025, INF, 0.035, -INF],
    }


def estimates():
    for values in degenerate().values():
        for overlap, samples in [(0.0, 0), (OVERLAPS[1], 0), (0.0, 10), (OVERLAPS[1], 389), (0.5, 10000)]:
            add_estimate(values, SHARE, 0.95, overlap, samples)
            add_estimate(values, DIFFERENCE, 0.95, overlap, samples, margin=0.1)
        for overlap, floor in [(0.0, 0.0), (OVERLAPS[1], 0.0), (0.5, 0.01)]:
            add_estimate(values, REAL, 0.95, overlap, 389, floor, margin=0.5)
    for values in ([-0.02] * 4, [0.02, -0.02], [-1.0] * 3, [-1.0, 1.0], [0.3, -0.1, -0.3, 0.1], [0.003, 0.004, -0.002, 0.001, 0.0]):
        for samples in SAMPLES:
            add_estimate(values, DIFFERENCE, 0.9, OVERLAPS[1], samples)
    for n in range(2, 21):
        for i, samples in enumerate(SAMPLES):
            level, overlap = LEVELS[(n + i) % 3], OVERLAPS[(n + i // 2) % 3]
            centre = (0.02, 0.12, 0.5, 0.97)[(n // 2 + i) % 4]
            add_estimate(shares(n, samples, centre), SHARE, level, overlap, samples)
            one, other = shares(n, samples, centre), shares(n, samples, centre)
            add_estimate([a - b for a, b in zip(one, other)], DIFFERENCE, level, overlap, samples, margin=(0.01, 0.1)[n % 2])
        for i in range(3):
            centre, margin = (0.3, 1.1, -2)[i], (0.5, 2.5, 3)[i]
            add_estimate(list(numpy.round(rng.normal(centre, 1, n), 6)), REAL, LEVELS[(n + i) % 3], OVERLAPS[i], 0, (0, 0.9, 1.1)[(n + i) % 3], margin)
    plain = rng.normal(1, 1, 8)
    for size in (1e-150, 1e-9, 1e9, 1e150):  # beyond these the square of a deviation is no longer a number
        add_estimate(list(plain * size), REAL, margin=2.0 * size)
    for offset in (1e3, 1e6, 1e8, -1e8):
        add_estimate(list(offset + numpy.round(plain, 3)), REAL, margin=2 * abs(offset))
    add_estimate([1e12, 1.0, 2.0, -1e12, 3.0], REAL, margin=1e12)
    add_estimate(list(1 + 1e-9 * plain), REAL, margin=2)  # far tails
    add_estimate(list(100 + plain), REAL, margin=200)


def resampled():
    """Nadeau and Bengio (2003): se^2 = sd^2 (1/n + n_test/n_train), of seeds that split one pool anew."""
    agree([OVERLAPS[1]], [0.2164718976071230], 1e-15)
    for train, test in [(TRAIN, TEST), (900, 100), (1, 1), (60000, 10000)]:
        overlap = test / (test + train)
        agree([overlap / (1 - overlap)], [test / train], 1e-14)
        for n in (2, 5, 10, 20):
            values, level = list(numpy.round(rng.normal(0.5, 1, n), 6)), LEVELS[n % 3]
            row = estimate(values, level=level, per_sample=test / train, margin=1.5)
            add("resampled", [train, test, level, 1.5, n, *values], row[4:])


def paired():
    for n in range(2, 21):
        one = numpy.round(rng.normal(2, 1, n), 5)
        other = numpy.round(one - rng.normal(0.2, 0.4, n), 5)
        margin = 0.4
        if n % 5 == 0:
            one[n // 2] = NAN
        both = numpy.isfinite(one) & numpy.isfinite(other)
        p = stats.ttest_rel(one, other, nan_policy="omit").pvalue
        beyond = stats.ttest_1samp((one - other)[both], margin).pvalue
        tost = ttost_paired(one[both], other[both], -margin, margin)[0]
        add("paired", [margin, n, *one, *other], [p, tost, beyond])


def apart():
    """Welch's t, of scipy and of statsmodels; the two sides have other numbers of values. A share's standard error is at least what counting gives."""
    draws = numpy.random.default_rng(20261128)
    for n in range(2, 16):
        other_n, margin, level = 2 + (3 * n) % 11, 0.4, LEVELS[n % 3]
        count = max(n, other_n)
        one, other = draws.normal(2, 1, n).round(5), draws.normal(1.8, 0.2 * n, other_n).round(5)
        judged = stats.ttest_ind(one, other, equal_var=False)
        low, high = judged.confidence_interval(level)
        means = CompareMeans(DescrStatsW(one), DescrStatsW(other))
        agree(judged.pvalue, means.ttest_ind(usevar="unequal")[1])
        mean = one.mean() - other.mean()
        se = means.std_meandiff_separatevar
        padded = [numpy.pad(side, (0, count - len(side)), constant_values=NAN) for side in (one, other)]
        tost = means.ttost_ind(-margin, margin, usevar="unequal")[0]
        beyond = means.ttest_ind(usevar="unequal", value=margin)[1]
        add("apart", [REAL, level, 0, margin, count, *padded[0], *padded[1]],
            [min(n, other_n), n, other_n, mean, se, judged.df, low, high, judged.pvalue, tost, beyond])
    for samples in (100, 10000):  # all runs of a side are right as often: RULE: each side has half of the variance of counting
        one, other = numpy.full(5, 0.9), numpy.full(7, 0.84)
        mean, each = 0.06, counting_sd(one[0] - other[0], samples) ** 2 / 2
        variances = numpy.array([each / 5, each / 7])
        se, freedom = numpy.sqrt(variances.sum()), variances.sum() ** 2 / (variances**2 / (4, 6)).sum()
        half = stats.t.isf(0.025, freedom) * se
        p = [2 * stats.t.sf(mean / se, freedom), stats.t.sf((0.1 - mean) / se, freedom), 2 * stats.t.sf(abs(mean - 0.1) / se, freedom)]
        add("apart", [DIFFERENCE, 0.95, samples, 0.1, 7, *numpy.pad(one, (0, 2), constant_values=NAN), *other],
            [5, 5, 7, one[0] - other[0], se, freedom, mean - half, mean + half, *p])


def sign_flip():
    def judged(values, scaled=None):
        """scaled: the same values times a number, so that sums which tie do so exactly."""
        kept = finite(values if scaled is None else scaled)
        if 2 <= len(kept) <= SIGN_FLIPS:
            p = stats.permutation_test((kept,), lambda x, axis: numpy.mean(x, axis=axis), permutation_type="samples", vectorized=True,
                                       n_resamples=numpy.inf, batch=1 << 14).pvalue
        else:
            p = 1.0 if len(kept) == 1 else NAN  # RULE: both patterns of one value are as far; none, or too many, have no p
        add("sign_flip", [len(values), *values], [p])

    judged([])
    judged([NAN])
    judged([3.0])
    judged([0.0])
    judged(list(range(1, SIGN_FLIPS + 2)))
    judged([NAN, *range(1, SIGN_FLIPS + 1)])
    judged([0.0] * 6)
    judged([1.0] * 6)
    judged([1, -1, 1, -1])
    judged([2, NAN, 3, 5, INF, 4])
    judged([1, 2, 3, 1000, 2])
    for tenths in ([1, 2, -3], [1, 1, 1, 2, 2], [3, -1, -1, -1, 7], [1, 2, 3, 4, 5, 6, -7], [7, 7, 7, 7], [1, 2, 3, -4, 5, 6, 7, 8, 9]):
        judged([v / 10 for v in tenths], tenths)  # 0.1 + 0.2 is not 0.3
    for n in range(2, SIGN_FLIPS + 1):
        judged(list(numpy.round(rng.normal(0.5, 1, n) * 1024) / 1024))
        if n < 15:
            counts = rng.integers(-4, 12, n)
            judged(list(counts / 389), counts)


def bootstrap():
    """A resampled mean has noise: each end must lie between the quantiles that five standard deviations of its rank lead to."""
    resamples = 200000
    cases = [(REAL, [1.0, 2.0]), (REAL, [0.1, 0.1, 0.1]), (REAL, [0.1, 0.5, 0.6]), (REAL, [2.31, 1.99, 2.70, 2.05, 3.10, 1.54, 2.44, 2.20]),
             (SHARE, [0.0, 0.0, 0.1, 0.0, 0.02]), (SHARE, [0.98, 1.0, 0.97, 1.0]), (DIFFERENCE, [-0.02, 0.03, NAN, 0.01, 0.0, INF, 0.05]),
             (REAL, [0.011, 0.012, 0.013, 0.012, 0.011, 0.98, 0.012])]
    cases += [(REAL, list(numpy.round(rng.normal(1, 1, n), 4))) for n in (5, 12, 20)]
    for scale, values in cases:
        for level in LEVELS:
            kept = finite(values)
            drawn = stats.bootstrap((kept,), numpy.mean, n_resamples=resamples, confidence_level=level, method="percentile", rng=1,
                                    batch=1 << 14)
            ends = []
            for p in (0.5 * (1 - level), 0.5 * (1 + level)):
                noise = 5 * numpy.sqrt(p * (1 - p) * (1 / RESAMPLES + 1 / resamples))
                ends += list(numpy.quantile(drawn.bootstrap_distribution, [max(0, p - noise), min(1, p + noise)]))
            agree(numpy.clip(drawn.confidence_interval, ends[0::2], ends[1::2]), drawn.confidence_interval)
            add("bootstrap", [scale, level, len(values), *values], [len(kept), average(kept), spread(kept), numpy.median(kept), *ends])


# Seeds whose number a first stage decides, and how many an answer needs.


def staged():
    """Stein (1945): the mean of all, with the spread and the degrees of freedom of the first stage alone."""
    for scale in (REAL, SHARE, DIFFERENCE):
        for first, n in [(2, 3), (2, 20), (5, 5), (5, 17), (8, 9), (8, 30), (20, 24)]:
            level, overlap, samples = LEVELS[n % 3], OVERLAPS[first % 3], 0 if scale == REAL else 389
            one, other = shares(n, 389, 0.2), shares(n, 389, 0.25)
            values = {REAL: list(numpy.round(rng.normal(0.4, 1, n), 6)), SHARE: one, DIFFERENCE: [a - b for a, b in zip(one, other)]}[scale]
            if n == 17:
                values[1] = NAN  # of the first stage
            if n == 30:
                values[first] = NAN  # of what follows
            if n == 24:
                values[:first] = [values[0]] * first  # its spread is 0, and counting alone says more
            margin, stage, kept = 0.5 if scale == REAL else 0.03, finite(values[:first]), finite(values)
            freedom = len(stage) - 1
            mean = average(kept)
            least = counting_sd(mean, samples) if samples else 0.0
            se = max(spread(stage), least) * numpy.sqrt(1 / len(kept) + overlap / (1 - overlap))
            low, high = interval(level, freedom + 1, mean, se)
            if scale == SHARE:
                low, high = max(low, 0.0), min(high, 1.0)
            p = [difference_p(freedom + 1, mean, se), equivalence_p(freedom + 1, mean, se, margin)]
            add("staged", [scale, level, overlap, samples, first, margin, n, *values], [len(kept), freedom, mean, se, low, high, *([] if scale == SHARE else p)])


def finding_chance(effect, smallest, se, freedom, alpha):
    """The test against the smallest effect is significant, on its side."""
    return stats.nct.sf(stats.t.isf(alpha / 2, freedom), freedom, (effect - smallest) / se)


def chances():
    for freedom in (1, 2, 4, 7, 19, 63, 999):
        for alpha in (0.1, 0.05, 0.05 / 30, 1e-4):
            for effect, smallest, se in [(1, 0, 0.5), (0, 0, 1), (-1, 0, 0.5), (5, 0, 0.2), (2, 2, 1), (2, 1.5, 0.5), (0, 2, 1), (3, 2, 0.3), (0.02, 0.02, 0.004)]:
                add("finding_chance", [effect, smallest, se, freedom, alpha], [finding_chance(effect, smallest, se, freedom, alpha)])
    add("finding_chance", [1, 0.5, 0, 4, 0.05], [1])  # RULE: no doubt
    add("finding_chance", [0.5, 0.5, 0, 4, 0.05], [0])
    add("finding_chance", [0, 0, 0, 4, 0.05], [0])


def seeds():
    for i, (effect, sd, alpha, chance) in enumerate([(1, 1, 0.05, 0.8), (0.5, 1, 0.05, 0.9), (2, 1, 0.01, 0.8), (1, 1, 0.05 / 6, 0.95), (0.3, 1, 0.1, 0.5), (5, 1, 0.05, 0.8)]):
        for overlap, smallest in [(0.0, 0), (OVERLAPS[1], 0), (0.0, 0.5 * effect), (OVERLAPS[1], 0.9 * effect), (0.0, effect)]:
            most = (200, 1000)[i % 2]
            suffices = lambda n: finding_chance(effect, smallest, sd * numpy.sqrt(1 / n + overlap / (1 - overlap)), n - 1, alpha) >= chance
            needed = 2 + bisect.bisect_left(range(2, most + 1), True, key=suffices)  # more seeds, more chance
            needed = needed if needed <= most else -1
            if overlap == 0 and smallest < effect:
                n = TTestPower().solve_power(effect_size=(effect - smallest) / sd, alpha=alpha / 2, power=chance, alternative="larger")
                agree([needed], [max(2, numpy.ceil(n))])
            add("seeds_for_chance", [sd, 5 + i, overlap, effect, smallest, alpha, chance, most], [needed])
    for n, sd, half in [(5, 1, 1), (5, 1, 0.5), (8, 0.03, 0.01), (8, 0.03, 0.02), (8, 0.03, 1), (2, 1, 1), (20, 1, 0.3), (8, 1, 0.7)]:
        for level in LEVELS:
            for overlap in OVERLAPS[:2]:
                extra, most = overlap / (1 - overlap), 10000
                width = lambda seeds: stats.t.isf(0.5 * (1 - level), n - 1) * sd * numpy.sqrt(1 / seeds + extra)
                needed = next((seeds for seeds in range(n, most + 1) if width(seeds) <= half), most)
                if stats.t.isf(0.5 * (1 - level), n - 1) * sd * numpy.sqrt(extra) >= half:
                    needed = -1
                add("seeds_for_width", [sd, n, overlap, half, level, most], [needed])
    add("seeds_for_width", [1.0, 5, 0.0, 0.1, 0.95, 64], [64])
    add("seeds_for_width", [0.0, 5, 0.0, 0.1, 0.95, 64], [5])


def survival():
    """The product-limit estimate, Greenwood's interval on the log-log scale, and the median as the survival package of R has it."""
    cases = [([10], [1]), ([10], [0]), ([10, 10, 20, 20], [1, 1, 1, 1]), ([10, 20, 30, 40], [1, 1, 0, 0]), ([40, 40, 40], [0, 0, 0]), ([10, 10, 20, 30], [1, 0, 1, 0])]
    for n in (5, 8, 13, 27):
        for times in (3, 9):
            cases.append((rng.integers(1, times + 1, n) * 10, rng.integers(0, 4, n) > 0))
    for time, happened in cases:
        time, happened = numpy.array(time), numpy.array(happened, bool)
        for level in LEVELS:
            curve = stats.ecdf(stats.CensoredData.right_censored(time, ~happened)).sf
            other = SurvfuncRight(time, happened)
            agree(other.surv_prob, curve.evaluate(other.surv_times))
            with numpy.errstate(all="ignore"):
                ends = curve.confidence_interval(level, method="log-log")
            low, high = (numpy.where((curve.probabilities > 0) & (curve.probabilities < 1), end.probabilities, NAN) for end in (ends.low, ends.high))  # RULE: none at 0 and 1
            below = curve.quantiles[curve.probabilities < 0.5 - 1e-12]
            half = curve.quantiles[abs(curve.probabilities - 0.5) < 1e-12]
            median = INF if not len(below) else (half[0] + below[0]) / 2 if len(half) else below[0]
            rows = numpy.stack([curve.quantiles, curve.probabilities, low, high], 1)
            add("survival", [level, len(time), *time, *happened.astype(int)], [median, len(rows), *rows.ravel()])


def deviations():
    """Bonett (2006), Approximate confidence interval for standard deviation of nonnormal distributions, equations 1 to 3."""
    draws = numpy.random.default_rng(20261127)
    cases = [[1.0], [1.0, 2.0], [1.0, 2.0, 4.0, 8.0], [3.0] * 6, [0.1, NAN, 0.3, 0.2, INF, 0.5, 0.45], [0.0] * 7 + [1.0]]
    for n in (5, 6, 8, 10, 20, 33):
        cases += [draws.normal(0.03, 0.01, n).round(6).tolist(), draws.standard_t(3, n).round(4).tolist(), draws.exponential(2, n).round(4).tolist()]
    for values in cases:
        for level in LEVELS:
            kept, z = finite(values), stats.norm.isf(0.5 * (1 - level))
            n, sd = len(kept), spread(kept) if len(kept) > 1 else NAN
            low = high = NAN
            if n >= 5 and sd > 0:
                c, middle = n / (n - z), stats.trim_mean(kept, 0.5 / numpy.sqrt(n - 4)) if n > 5 else numpy.median(kept)
                kurtosis = n * ((kept - middle) ** 4).sum() / ((kept - kept.mean()) ** 2).sum() ** 2
                se = c * numpy.sqrt((kurtosis - (n - 3) / n) / (n - 1))
                low, high = (numpy.sqrt(numpy.exp(numpy.log(c * sd**2) + sign * z * se)) for sign in (-1, 1))
            add("deviation", [level, len(values), *values], [n, sd, low, high])


def expected_first():
    draws = numpy.random.default_rng(20261130)
    for count in (1, 2, 3, 5, 7, 10):
        values = draws.normal(0, 1, count).round(4)
        for k in sorted({1, 2, (count + 1) // 2, count - 1, count} & set(range(1, count + 1))):
            add("expected_first", [k, count, *values], [numpy.mean([values[min(chosen)] for chosen in itertools.combinations(range(count), k)])])


def sobol():
    for count in (2, 5, 8, 30, 64, 1000):
        for dimensions in (1, 3, 12):
            points = qmc.Sobol(dimensions, scramble=False, bits=32).random(count) + 0.5 / 2 ** math.ceil(math.log2(count))
            for index in sorted({0, 1, count // 2, count - 2, count - 1}):
                add("sobol", [index, count, dimensions], points[index])


def first_between():
    """By listing every draw; a probability that is just that of a tail belongs to the tail."""
    draws = numpy.random.default_rng(20261201)
    for sets, count in ((1, 1), (1, 2), (1, 7), (1, 10), (2, 4), (3, 7), (5, 3)):
        values = draws.normal(0, 1, (sets, count)).round(4)
        values[0, -1] = INF if count > 4 else values[0, -1]
        for k in sorted({1, 2, (count + 1) // 2, count} & set(range(1, count + 1))):
            firsts = numpy.sort([row[min(chosen)] for row in values for chosen in itertools.combinations(range(count), k)])
            for level in (0.5, 0.9, 0.95):
                tail = (1 - level) / 2 + 1e-12
                cut = sum(numpy.mean(firsts <= value) <= tail for value in firsts), sum(numpy.mean(firsts >= value) <= tail for value in firsts)
                add("first_between", [level, k, sets, count, *values.ravel()], [firsts[cut[0]], firsts[len(firsts) - 1 - cut[1]]])


def stratified_share():
    """The bootstrap's distribution is that of a sum of binomials; a judge resamples, too."""
    draws = numpy.random.default_rng(20261202)
    cases = [([3, 5], [5, 5]), ([0, 5], [5, 5]), ([0, 0], [3, 3]), ([4, 4, 4], [4, 4, 4]), ([1], [1]), ([2, 3], [4, 5]), ([1, 1, 2, 0], [3, 2, 3, 3])]
    cases += [(list(draws.integers(0, runs + 1, tasks)), [runs] * tasks) for tasks, runs in ((2, 5), (3, 5), (5, 8), (8, 5), (12, 3), (4, 20), (10, 10))]
    for reached, runs in cases:
        share = numpy.mean(numpy.array(reached) / numpy.array(runs))
        for level in LEVELS:
            low = high = NAN
            if len(set(runs)) == 1:
                total, mass = sum(runs), numpy.ones(1)
                for n, of in zip(reached, runs):
                    mass = numpy.convolve(mass, stats.binom.pmf(range(of + 1), of, n / of))
                tail = (1 - level) / 2 + 1e-12
                low, high = (numpy.cumsum(mass) <= tail).sum() / total, (total - (numpy.cumsum(mass[::-1]) <= tail).sum()) / total
                again = numpy.mean([draws.binomial(of, n / of, 4 * RESAMPLES) / of for n, of in zip(reached, runs)], 0)
                for end, p in ((low, (1 - level) / 2), (high, (1 + level) / 2)):  # within one run, where the tail falls on a step
                    if not abs(numpy.quantile(again, p) - end) < 1.01 / total:
                        sys.exit(f"resampling disagrees: {reached} of {runs} at {p}: {numpy.quantile(again, p)} and {end}")
            add("stratified_share", [level, len(runs), *map(int, reached), *runs], [share, low, high])


def winsorized(scores):
    """What each score adds to the interquartile mean, and that mean, as scipy has it."""
    pooled = numpy.sort(scores.ravel())
    cut = len(pooled) // 4
    mean = stats.trim_mean(pooled, 0.25)
    limited = stats.mstats.winsorize(scores.ravel(), (cut / len(pooled), cut / len(pooled))).data.reshape(scores.shape)
    return limited / (len(pooled) - 2 * cut), mean


def interquartile_of(shares, mean, floors, overlap, level):
    tasks, runs = shares.shape
    kept = tasks * runs - 2 * (tasks * runs // 4)
    variances = runs * numpy.maximum(shares.var(1, ddof=1), (numpy.array(floors) / kept) ** 2)
    sd = numpy.sqrt(runs * variances.sum())
    freedom = variances.sum() ** 2 / (variances**2 / (runs - 1)).sum() if variances.sum() > 0 else tasks * (runs - 1)  # RULE: where nothing varies
    freedom = max(1.0, freedom * (kept - tasks) / (tasks * runs - tasks))  # as of h in place of n values, one less for each task
    se = sd * numpy.sqrt(1 / runs + overlap / (1 - overlap))
    half = stats.t.isf(0.5 * (1 - level), freedom) * se
    p = 2 * stats.t.sf(abs(mean) / se, freedom) if se > 0 else 1.0
    return [runs, mean, sd, freedom, mean - half, mean + half], p, se


def interquartile():
    """Of many runs the standard error is that of a stratified bootstrap (Agarwal et al. 2021), paired by run."""
    draws = numpy.random.default_rng(20261129)
    for tasks, runs, overlap in ((2, 5, 0.0), (3, 5, 0.0), (5, 8, 0.0), (4, 3, 0.2), (7, 20, 0.0), (3, 2, 0.0)):
        for floor in (0.0, 0.03):
            level = LEVELS[(tasks + runs) % 3]
            common = draws.normal(0, 0.02, (tasks, runs))
            one = (draws.uniform(0.2, 0.9, (tasks, 1)) + common + draws.normal(0.02, 0.02, (tasks, runs))).round(5)
            other = (draws.uniform(0.2, 0.9, (tasks, 1)) + common + draws.normal(0, 0.02, (tasks, runs))).round(5)
            (ones, mean), (others, subtracted) = winsorized(one), winsorized(other)
            row, p, _ = interquartile_of(ones - others, mean - subtracted, [floor] * tasks, overlap, level)
            alone, _, _ = interquartile_of(ones, mean, [floor] * tasks, overlap, level)
            add("interquartile", [level, overlap, tasks, runs, *[floor] * tasks, *one.ravel(), *other.ravel()], [*row, p, *alone])
    one, other = draws.normal([[0.3], [0.5], [0.6], [0.8]], 0.1, (4, 200)), draws.normal([[0.35], [0.45], [0.6], [0.7]], 0.15, (4, 200))
    (ones, mean), (others, subtracted) = winsorized(one), winsorized(other)
    _, _, se = interquartile_of(ones - others, mean - subtracted, [0.0] * 4, 0.0, 0.95)
    again = []
    for _ in range(4000):
        chosen = draws.integers(0, 200, (4, 200))
        again.append(stats.trim_mean(numpy.take_along_axis(one, chosen, 1).ravel(), 0.25) - stats.trim_mean(numpy.take_along_axis(other, chosen, 1).ravel(), 0.25))
    agree(se, numpy.std(again), 0.05)


for make in (distributions, tests_of_counts, holm, quantiles, counting, estimates, resampled, paired, apart, expected_first, first_between, stratified_share, interquartile, sign_flip, bootstrap, staged, chances, seeds, survival, deviations, sobol):
    make()
with open(pathlib.Path(__file__).with_name("stats.txt"), "w") as file:
    file.write(f"# Python {platform.python_version()}, scipy {scipy.__version__}, statsmodels {statsmodels.__version__}, numpy {numpy.__version__}\n")
    for kind, rows in lines.items():
        file.write("\n".join([f"# {kind} {COLUMNS[kind]}", f"count {kind} {len(rows)}", *rows]) + "\n")
print(", ".join(f"{kind} {len(rows)}" for kind, rows in lines.items()))
