/* Sweeps made up from known truth: what test_simulation judges the answers by.
 *
 * A scenario says how many methods, points, and seeds there are, how a value comes about, and what the means are. A
 * sweep is a draw from it: the text of a trials.csv. The truth is exact: sums and integrals over the same generator,
 * not simulated.
 */
#ifndef TESTS_SIMULATED_H
#define TESTS_SIMULATED_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/random.h"
#include "norm/norm.h"

enum { FEATURES = 20 /* of LEARNED */ };
enum { METHODS = 8, POINTS = 13, SEEDS = 20, ITEMS = 389, POOL = 1797, CLASSES = 10 };
enum { TUNED_POINTS = 2, TUNED_RATES = 8 }; /* at most, where the rate is tuned */

enum values {
    NORMAL,   /* mean + common(seed) + own(seed, cell) */
    SKEWED,   /* the own part is exponential of a normal, centred: a tail to the right */
    ITEMWISE, /* errors counted over 389 items, new ones for each seed and the same for all its cells */
    POOLED,   /* the same, but the items are drawn from one pool of 1,797: seeds share a fifth of theirs */
    FIXED,    /* the same 389 items for all seeds */
    LEARNED, /* the pool split anew for each seed, and a classifier that is trained on the larger part: nearest means of
                features of its own, which all are alike, so that no method is better than another. Not worked out: the
                mean itself */
};

struct scenario {
    const char *name, *question; /* sweep.question */
    int kinds, widths;           /* methods: normalizers x widths of the network; bn is the first normalizer */
    int points, seeds;
    enum values values;
    bool loss;     /* in nats, not a share of errors */
    bool baseline; /* sweep.baseline: bn */
    bool tables;   /* the marks of tables too */
    const char *plot; /* further keys of plot: ", level: 0.9" */
    int first_stage;  /* sweep.until: so many seeds first, and then as many as half_width asks for, `seeds` at most; 0:
                         as many as `seeds` */
    double half_width; /* in points */
    int tune_seeds; /* sweep.tune: one of TUNED_RATES rates is chosen for each point by the validation loss of so many
                       seeds; 0: there is no rate to choose */
    bool extends;   /* two rates in the middle of them are tried at first, and sweep.tune extends them at most twice */
    double
        valley[METHODS]; /* of a method's error over the rates: points for the square of the steps from its best rate */
    double best[METHODS];   /* which this is, counted from 0 */
    bool peeks; /* a control, which must make false findings: bn's rate is chosen by the test errors of the final seeds,
                   the others have their best one */
    bool one_for_all;  /* what is judged is the round with the rate that serves all best, where there is one */
    double refine;     /* sweep.refine; 0: no more rates than the grid's */

    double base, common, own;      /* the mean where nothing changes it; standard deviations over seeds */
    double skew;                   /* of SKEWED: the normal's standard deviation */
    double item, other; /* of items: the spread of their difficulty, and of what a cell alone finds difficult; in
                           logits. item of LEARNED: how far the classes are apart */
    double pool;                   /* what the training part of a pool does to a cell, for all seeds; in logits */
    double change[METHODS][POINTS]; /* points (or nats): from the base; the first point is the smallest batch */
    double wider[METHODS][POINTS];  /* own is so many times as large; 0: 1 */
    double fails[METHODS][POINTS];  /* probability that a run diverges */
    enum { WHOLE, CELL, TRIAL, SHARD } missing; /* method 1 at point 0; one of its trials; its last seeds */
    bool imported; /* runs of another program, without seeds: no pairs */
    int fewer;     /* of those method 1 has so many fewer than the others */

    /* lr_tolerance: logarithms to base 10 */
    double first, step;           /* of the grid */
    double limit[METHODS];        /* mean largest usable rate */
    double early;                 /* probability that a run below it diverges */
    double late;                  /* probability that a run above it does; the others end, and are not usable */
    bool by_loss;

    /* What no test can promise: own bounds, and why. 0: the nominal ones. */
    double wrong_bound, cover_bound;
    const char *why;
    double effort; /* share of the usual number of sweeps; 0: 1 */
};

static const char *const kind_names[] = {"bn", "ln", "gn", "rms", "in", "none"};

static inline int methods_of(const struct scenario *s)
{
    return s->kinds * s->widths;
}

static inline int width_of(const struct scenario *s, int method)
{
    return 16 << method / s->kinds;
}

static inline bool is_rates(const struct scenario *s)
{
    return strcmp(s->question, "lr_tolerance") == 0;
}

static inline double axis_of(const struct scenario *s, int point)
{
    return is_rates(s) ? pow(10.0, s->first + point * s->step) : (double)(2 << 2 * point);
}

static inline double tuned_rate(int rate)
{
    return pow(10.0, -3.0 + 0.5 * rate);
}

/* "BN", "LN, width 32": as the answer calls it. */
static inline void label_in(const struct scenario *s, int method, char out[32])
{
    snprintf(out, 32, s->widths > 1 ? "%s (width %d)" : "%s", nl_norm_find(kind_names[method % s->kinds])->label,
             width_of(s, method));
}

/* ---- random numbers: xoshiro256** (Blackman and Vigna 2021), which starts from a Philox stream of the scenario's name
 * ---- */

struct draw {
    uint64_t state[4];
    double spare;
    bool has_spare;
};

static inline struct draw draw_of(const char *name, uint64_t sweep)
{
    struct draw draw = {.has_spare = false};
    struct nl_stream stream = nl_stream(1, name);
    for (int i = 0; i < 4; i++)
        draw.state[i] = nl_stream_bits(stream, sweep, (uint64_t)i);
    return draw;
}

static inline uint64_t draw_bits(struct draw *draw)
{
    uint64_t *s = draw->state, product = s[1] * 5, result = (product << 7 | product >> 57) * 9, shifted = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = s[3] << 45 | s[3] >> 19;
    return result;
}

static inline double draw_uniform(struct draw *draw)
{
    return nl_uniform_of(draw_bits(draw));
}

static inline int draw_below(struct draw *draw, int below)
{
    return (int)((double)below * draw_uniform(draw));
}

/* Marsaglia's polar method. */
static inline double draw_normal(struct draw *draw)
{
    double x, y, square;
    if (draw->has_spare) {
        draw->has_spare = false;
        return draw->spare;
    }
    do {
        x = 2.0 * draw_uniform(draw) - 1.0;
        y = 2.0 * draw_uniform(draw) - 1.0;
        square = x * x + y * y;
    } while (square >= 1.0 || square == 0.0);
    double scale = sqrt(-2.0 * log(square) / square);
    draw->spare = y * scale;
    draw->has_spare = true;
    return x * scale;
}

/* ---- truth ---- */

static inline double sigmoid(double x)
{
    return 1.0 / (1.0 + exp(-x));
}

/* The mean of f(z) over a standard normal z, by the trapezoid rule: its error is far below any that a simulation could
 * see. */
#define OVER_NORMAL(sum, z, f)                                                    \
    do {                                                                          \
        double weights_ = 0.0;                                                    \
        (sum) = 0.0;                                                              \
        for (double z = -6.0; z < 6.1; z += 0.25) {                               \
            double weight_ = exp(-0.5 * z * z);                                   \
            weights_ += weight_;                                                  \
            (sum) += weight_ * (f);                                               \
        }                                                                         \
        (sum) /= weights_;                                                        \
    } while (0)

static inline double spread_at(const struct scenario *s, int method, int point)
{
    return s->own * (s->wider[method][point] > 0.0 ? s->wider[method][point] : 1.0);
}

static inline double mean_sigmoid(double centre, double spread)
{
    double mean;
    OVER_NORMAL(mean, z, sigmoid(centre + spread * z));
    return mean;
}

/* The spread of logits over seeds, and over items and seeds, in a cell. */
static inline double seed_spread(const struct scenario *s, int method, int point)
{
    return hypot(s->pool, hypot(s->common, spread_at(s, method, point)));
}

static inline bool is_counted(const struct scenario *s)
{
    return s->values >= ITEMWISE && s->values <= FIXED;
}

struct truth {
    double centre[METHODS][POINTS];  /* of items: the logit that gives the mean */
    double mean[METHODS][POINTS];    /* with failed runs at chance; of a loss, which they have not, without them */
    double ended[METHODS][POINTS];   /* of runs that do not fail */
};

static inline double skewed(const struct scenario *s, double z)
{
    return (exp(s->skew * z) - exp(0.5 * s->skew * s->skew)) /
           sqrt((exp(s->skew * s->skew) - 1.0) * exp(s->skew * s->skew));
}

static inline void truth_of(const struct scenario *s, struct truth *out)
{
    double chance = 1.0 - 1.0 / CLASSES;
    for (int m = 0; m < methods_of(s); m++) {
        for (int p = 0; p < s->points; p++) {
            double mean = s->base + s->change[m][p] / (s->loss ? 1.0 : 100.0), low = -30.0, high = 30.0;
            double all = hypot(seed_spread(s, m, p), hypot(s->item, s->other));
            for (int i = 0; i < 100 && is_counted(s); i++) {
                double middle = out->centre[m][p] = 0.5 * (low + high);
                *(mean_sigmoid(middle, all) < mean ? &low : &high) = middle;
            }
            out->ended[m][p] = mean;
            out->mean[m][p] = s->loss ? mean : (1.0 - s->fails[m][p]) * mean + s->fails[m][p] * chance;
        }
    }
}

/* ---- a sweep ---- */

struct sweep {
    double value[METHODS][POINTS][SEEDS]; /* the score; of rates the training accuracy */
    double loss[METHODS][POINTS][SEEDS];  /* of rates: the validation loss */
    char status[METHODS][POINTS][SEEDS];  /* 'd'one, 'f': diverged, 'c': at chance, 0: missing */
    double limit[METHODS][SEEDS];         /* of rates: the largest usable one, as a logarithm to base 10 */
    uint64_t further; /* of rates: from where the runs at rates that are not of the grid are drawn */
    double tuning[METHODS][TUNED_POINTS][TUNED_RATES]
                 [SEEDS]; /* where the rate is tuned: the validation loss of the tuning seeds; */
    double tuned[METHODS][TUNED_POINTS][TUNED_RATES]
                [SEEDS]; /* the score of the final seeds, whichever rate is chosen */
};

/* The items' difficulty, [cell][item]: what all cells find difficult, and what one does; in a pool also what its
 * training part does. */
static inline void draw_items(const struct scenario *s, struct draw *draw, int count, float *difficulty)
{
    float common[POOL];
    for (int i = 0; i < count; i++)
        common[i] = (float)(s->item * draw_normal(draw));
    for (int cell = 0; cell < methods_of(s) * s->points; cell++) {
        double pool = s->pool > 0.0 ? s->pool * draw_normal(draw) : 0.0;
        for (int i = 0; i < count; i++)
            difficulty[cell * count + i] =
                common[i] + (float)(pool + (s->other > 0.0 ? s->other * draw_normal(draw) : 0.0));
    }
}

static inline void draw_counts(const struct scenario *s, const struct truth *truth, struct draw *draw,
                               struct sweep *out, struct truth *conditional)
{
    static float difficulty[METHODS * 5 * POOL];
    int order[POOL], count = s->values == POOLED ? POOL : ITEMS, cells = methods_of(s) * s->points;
    for (int i = 0; i < count; i++)
        order[i] = i;
    for (int seed = 0; seed < s->seeds; seed++) {
        if (seed == 0 || s->values == ITEMWISE)
            draw_items(s, draw, count, difficulty);
        for (int i = 0; i < ITEMS && s->values == POOLED; i++) {
            int with = i + draw_below(draw, POOL - i), kept = order[i];
            order[i] = order[with];
            order[with] = kept;
        }
        double common = s->common * draw_normal(draw);
        for (int cell = 0; cell < cells; cell++) {
            int m = cell / s->points, p = cell % s->points, errors = 0;
            double centre = truth->centre[m][p] + common + spread_at(s, m, p) * draw_normal(draw);
            for (int i = 0; i < ITEMS; i++)
                errors += draw_uniform(draw) * (1.0 + exp(-centre - difficulty[cell * count + order[i]])) < 1.0;
            out->value[m][p][seed] = (double)errors / ITEMS;
        }
    }
    if (s->values != FIXED)
        return;
    /* What is said of a fixed part is about these very items. */
    for (int m = 0; m < methods_of(s); m++) {
        for (int p = 0; p < s->points; p++) {
            double sum = 0.0;
            for (int i = 0; i < ITEMS; i++) {
                double mean = 0.0, weights = 0.0;
                for (double z = -4.0; z < 4.1; z += 0.8) {
                    weights += exp(-0.5 * z * z);
                    mean +=
                        exp(-0.5 * z * z) * sigmoid(truth->centre[m][p] + difficulty[(m * s->points + p) * ITEMS + i] +
                                                    hypot(s->common, spread_at(s, m, p)) * z);
                }
                sum += mean / weights;
            }
            conditional->mean[m][p] = conditional->ended[m][p] = sum / ITEMS;
        }
    }
}

/* Items of two classes, whose features differ by `item` standard deviations in all; the means of each class are learned
 * from the items that are not in the test part, and `own` moves the border for each seed, as another start of a
 * training would. */
static inline void draw_learned(const struct scenario *s, struct draw *draw, struct sweep *out)
{
    static float x[METHODS][POOL][FEATURES];
    double all[METHODS][2][FEATURES] = {0}, apart = 0.5 * s->item / sqrt(FEATURES);
    int order[POOL], label[POOL], of_class[2] = {0};
    for (int i = 0; i < POOL; i++) {
        order[i] = i;
        of_class[label[i] = (int)(draw_bits(draw) >> 63)]++;
        for (int m = 0; m < methods_of(s); m++)
            for (int f = 0; f < FEATURES; f++) {
                x[m][i][f] = (float)(draw_normal(draw) + (label[i] ? apart : -apart));
                all[m][label[i]][f] += x[m][i][f];
            }
    }
    for (int seed = 0; seed < s->seeds; seed++) {
        int train[2] = {of_class[0], of_class[1]};
        for (int i = 0; i < ITEMS; i++) {
            int with = i + draw_below(draw, POOL - i), kept = order[i];
            order[i] = order[with];
            order[with] = kept;
            train[label[order[i]]]--;
        }
        for (int m = 0; m < methods_of(s); m++) {
            double mean[2][FEATURES], border = s->own * draw_normal(draw);
            memcpy(mean, all[m], sizeof mean);
            for (int i = 0; i < ITEMS; i++)
                for (int f = 0; f < FEATURES; f++)
                    mean[label[order[i]]][f] -= x[m][order[i]][f];
            for (int f = 0; f < FEATURES; f++) {
                mean[0][f] /= train[0];
                mean[1][f] /= train[1];
            }
            int errors = 0;
            for (int i = 0; i < ITEMS; i++) {
                double score = border;
                for (int f = 0; f < FEATURES; f++)
                    score += (mean[1][f] - mean[0][f]) * (x[m][order[i]][f] - 0.5 * (mean[0][f] + mean[1][f]));
                errors += (score > 0.0) != label[order[i]];
            }
            out->value[m][0][seed] = (double)errors / ITEMS;
        }
    }
}

/* The score of a run whose mean is so many points (or nats) from the base; common: what its seed does to all runs. */
static inline double draw_value(const struct scenario *s, struct draw *draw, int method, int point, double change,
                                double common)
{
    double z = s->own > 0.0 ? draw_normal(draw) : 0.0;
    double value = s->base + change / (s->loss ? 1.0 : 100.0) + common +
                   spread_at(s, method, point) * (s->values == SKEWED ? skewed(s, z) : z);
    return s->loss ? value : fmin(1.0, fmax(0.0, value));
}

static inline void draw_values(const struct scenario *s, struct draw *draw, struct sweep *out)
{
    for (int seed = 0; seed < s->seeds; seed++) {
        double common = s->common > 0.0 ? s->common * draw_normal(draw) : 0.0;
        for (int m = 0; m < methods_of(s); m++)
            for (int p = 0; p < s->points; p++)
                out->value[m][p][seed] = draw_value(s, draw, m, p, s->change[m][p], common);
    }
}

/* How many points a method's error at a rate is from the base. */
static inline double change_at(const struct scenario *s, int method, int point, int rate)
{
    double steps = rate - s->best[method];
    return s->change[method][point] + s->valley[method] * steps * steps;
}

/* What the tuning seeds and the final seeds come to at every rate: the validation loss has the test error's curve, and
 * noise of its own. */
static inline void draw_tuned(const struct scenario *s, struct draw *draw, struct sweep *out)
{
    for (int seed = 0; seed < s->tune_seeds + s->seeds; seed++) {
        double common = s->common * draw_normal(draw);
        for (int m = 0; m < methods_of(s); m++)
            for (int p = 0; p < s->points; p++)
                for (int rate = 0; rate < TUNED_RATES; rate++) {
                    double value = draw_value(s, draw, m, p, change_at(s, m, p, rate), common);
                    *(seed < s->tune_seeds ? &out->tuning[m][p][rate][seed]
                                           : &out->tuned[m][p][rate][seed - s->tune_seeds]) = value;
                }
    }
}

struct run {
    char status; /* as in struct sweep */
    double value, loss;
};

/* A run at the rate of a seed whose largest usable one is `limit`, both as logarithms to base 10. late: how it ends
 * above the limit where it is not usable. */
static inline struct run draw_run(const struct scenario *s, struct draw *draw, double limit, double rate, char late)
{
    double noise = 0.01 * draw_uniform(draw);
    bool fails_early = draw_uniform(draw) < s->early, fails_late = draw_uniform(draw) < s->late;
    bool by_accuracy = rate <= limit, by_loss = rate <= limit - 0.1;
    struct run run = {.status = by_accuracy && fails_early ? 'f' : by_accuracy || !fails_late ? 'd' : late};
    run.value = run.status == 'c' ? 0.1 : by_accuracy ? 0.98 - noise : 0.5 + noise;
    run.loss = by_loss ? 0.1 + noise : 2.0;
    return run;
}

static inline void draw_rates(const struct scenario *s, struct draw *draw, struct sweep *out)
{
    for (int seed = 0; seed < s->seeds; seed++) {
        double common = s->common * draw_normal(draw);
        for (int m = 0; m < methods_of(s); m++) {
            out->limit[m][seed] = s->limit[m] + common + spread_at(s, m, 0) * draw_normal(draw);
            for (int p = 0; p < s->points; p++) {
                struct run run = draw_run(s, draw, out->limit[m][seed], s->first + p * s->step, p % 2 ? 'f' : 'c');
                out->status[m][p][seed] = run.status;
                out->value[m][p][seed] = run.value;
                out->loss[m][p][seed] = run.loss;
            }
        }
    }
    out->further = draw_bits(draw);
}

/* The run at a rate that need not be of the grid: the same one in every round. */
static inline struct run run_at(const struct scenario *s, const struct sweep *sweep, int method, int seed, double rate)
{
    uint64_t bits;
    double logarithm = log10(rate);
    for (int p = 0; p < s->points; p++)
        if (fabs(logarithm - s->first - p * s->step) < 1e-4)
            return (struct run){sweep->status[method][p][seed], sweep->value[method][p][seed],
                                sweep->loss[method][p][seed]};
    memcpy(&bits, &rate, sizeof bits);
    struct draw draw = draw_of(s->name, sweep->further ^ bits ^ (uint64_t)(method * SEEDS + seed));
    return draw_run(s, &draw, sweep->limit[method][seed], logarithm, 'f');
}

/* conditional: the truth that this sweep's answer is held to. */
static inline void draw_sweep(const struct scenario *s, const struct truth *truth, struct draw *draw, struct sweep *out,
                              struct truth *conditional)
{
    *conditional = *truth;
    if (is_rates(s))
        draw_rates(s, draw, out);
    else if (is_counted(s))
        draw_counts(s, truth, draw, out, conditional);
    else if (s->values == LEARNED)
        draw_learned(s, draw, out);
    else if (s->tune_seeds)
        draw_tuned(s, draw, out);
    else
        draw_values(s, draw, out);
    for (int m = 0; m < methods_of(s); m++)
        for (int p = 0; p < s->points; p++)
            for (int seed = 0; seed < s->seeds; seed++) {
                if (!is_rates(s))
                    out->status[m][p][seed] = s->fails[m][p] > 0.0 && draw_uniform(draw) < s->fails[m][p] ? 'f' : 'd';
                if ((s->missing == CELL && m == 1 && p == 0) ||
                    (s->missing == TRIAL && m == 1 && p == 0 && seed == 2) ||
                    (s->missing == SHARD && seed >= s->seeds - 2) || (m == 1 && seed >= s->seeds - s->fewer))
                    out->status[m][p][seed] = 0;
            }
}

/* The sweep as the text of a trials.csv. */
static inline char *sweep_text(const struct scenario *s, const struct sweep *sweep, char *const *const *planned)
{
    struct nl_text out = {0};
    const char *axis = is_rates(s) ? ",train.lr" : s->points > 1 ? ",train.batch" : "";
    int keys = 3 + (*axis != '\0'), trial = 0;
    const char *overlap = s->values == POOLED || s->values == LEARNED ? "0.21647190873678353"
                          : s->values == FIXED                        ? "1"
                                                                      : "0";
    nl_text_add(&out,
                "trial,norm.kind,model.width%s,train.seed,status,failed_step,classes,train_samples,val_samples,test_"
                "samples,val_overlap,test_overlap,"
                "train_accuracy,val_loss,test_loss,test_error\n",
                axis);
    for (int m = 0; m < methods_of(s); m++)
        for (int p = 0; p < s->points; p++)
            for (int seed = 0; seed < s->seeds; seed++, trial++) {
                char status = sweep->status[m][p][seed];
                if (!status)
                    continue;
                nl_text_add(&out, "%d", trial + 1);
                for (int k = 0; k < keys; k++)
                    nl_text_add(&out, ",%s", planned[trial][k]);
                nl_text_add(&out, ",%s,%s,%d,%d,%d,%d,%s,%s,",
                            status == 'd'   ? "done"
                            : status == 'c' ? "dead"
                                            : "diverged",
                            status == 'f' ? "12" : "", CLASSES, POOL - ITEMS, s->by_loss ? 200 : 0, ITEMS,
                            s->by_loss ? "0" : "", overlap);
                double value = sweep->value[m][p][seed];
                if (status == 'f')
                    nl_text_add(&out, ",,,\n");
                else if (is_rates(s) && s->by_loss)
                    nl_text_add(&out, "%.9g,%.9g,,\n", value, sweep->loss[m][p][seed]);
                else
                    nl_text_add(&out, is_rates(s) ? "%.9g,,,\n" : s->loss ? ",,%.9g,\n" : ",,,%.9g\n", value);
            }
    return out.at;
}

#endif
