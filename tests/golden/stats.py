"""Numbers that tests/test_stats.c holds the project's statistics against. Run with scipy (made with the version it prints);
paste what it prints into the test."""
import numpy as np
import scipy
from scipy import stats

print("scipy", scipy.__version__)
for x, a, b in [(0.2, 0.5, 3.5), (0.9, 7.0, 0.5), (0.5, 2.0, 2.0), (1e-6, 0.5, 0.5), (0.999, 50.0, 3.0)]:
    print(f"beta {x} {a} {b} {stats.beta.cdf(x, a, b):.15g}")
for p, df in [(0.975, 1), (0.975, 7), (0.95, 4), (0.995, 30), (0.6, 2), (0.025, 7), (0.9995, 3)]:
    print(f"t {p} {df} {stats.t.ppf(p, df):.15g}")
for t, df in [(0.01, 5), (2.5, 7), (40.0, 4), (1.0, 1)]:
    print(f"tail {t} {df} {2 * stats.t.sf(t, df):.15g}")
for p in [0.975, 0.95, 0.5, 1e-6]:
    print(f"normal {p} {stats.norm.ppf(p):.15g}")
for a, m, b, n in [(5, 5, 0, 5), (3, 8, 1, 8), (0, 5, 0, 5), (2, 7, 6, 9), (8, 8, 3, 8)]:
    print(f"fisher {a} {m} {b} {n} {stats.fisher_exact([[a, m - a], [b, n - b]])[1]:.15g}")
values = np.array([2.31, 1.99, 2.70, 2.05, 3.10, 1.54, 2.44, 2.20])
other = np.array([2.01, 1.70, 2.75, 1.60, 2.90, 1.49, 2.05, 2.02])
low, high = stats.t.interval(0.95, len(values) - 1, values.mean(), stats.sem(values))
print(f"mean {values.mean():.15g} sd {values.std(ddof=1):.15g} {low:.15g} {high:.15g} median {np.median(values):.15g}")
print(f"paired p {stats.ttest_rel(values, other).pvalue:.15g}")
low, high = stats.t.interval(0.90, len(values) - 1, (values - other).mean(), stats.sem(values - other))
print(f"tost interval {low:.15g} {high:.15g}")
boot = stats.bootstrap((values,), np.mean, n_resamples=200000, confidence_level=0.95, method="percentile", rng=1)
print(f"bootstrap {boot.confidence_interval.low:.6g} {boot.confidence_interval.high:.6g}")
for k, n in [(0, 5), (5, 5), (3, 8)]:
    interval = stats.binomtest(k, n).proportion_ci(0.95, method="wilson")
    print(f"wilson {k} {n} {interval.low:.15g} {interval.high:.15g}")
