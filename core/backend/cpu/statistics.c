/* Updates running statistics, and merges the moments of batches into precise ones, channel by channel in double. */
#include "backend/cpu/statistics.h"

#include "backend/cpu/cpu.h"
#include "base/clones.h"
#include "norm/momentum.h"

void nl_cpu_fixed_statistics(const struct nl_normalize *op, enum nl_statistics which, size_t channels, double *mean,
                             double *var)
{
    bool precise = which == NL_STATS_PRECISE;
    const float *running_mean = op->running_mean, *running_var = op->running_var;
    const double *precise_mean = op->precise_mean, *precise_var = op->precise_var;
    for (size_t c = 0; c < channels; c++) {
        mean[c] = precise ? precise_mean[c] : running_mean[c];
        var[c] = precise ? precise_var[c] : running_var[c];
    }
}

NL_CLONES
static void move_average(size_t count, double momentum, double factor, const double *restrict batch,
                         float *restrict running)
{
    for (size_t c = 0; c < count; c++)
        running[c] = (float)((1 - momentum) * running[c] + momentum * (batch[c] * factor));
}

/* Moves a running statistic with a momentum of each channel's own, which learns from how far the batch is from what
 * was predicted. */
static void learn(const struct nl_normalize *op, double momentum, double correction,
                  const struct nl_batch_statistics *batch)
{
    const struct nl_hyper *hyper = op->hyper;
    float *running_mean = op->running_mean, *running_var = op->running_var, *learned = op->learned;
    for (size_t c = 0; c < batch->channels; c++) {
        struct nl_learned_momentum own;
        struct nl_prediction prediction = {running_mean[c], running_var[c], batch->mean[c], batch->var[c] * correction};
        for (size_t row = 0; row < NL_MOMENTUM_ROWS; row++)
            own.row[row] = learned[row * batch->channels + c];
        double share = nl_learn_momentum(&own, &prediction, momentum, hyper->norm_numbers[NL_MOMENTUM_RATE],
                                         nl_override_or(op->eps, hyper->norm_eps));
        for (size_t row = 0; row < NL_MOMENTUM_ROWS; row++)
            learned[row * batch->channels + c] = (float)own.row[row];
        running_mean[c] = (float)((1 - share) * running_mean[c] + share * prediction.batch_mean);
        running_var[c] = (float)((1 - share) * running_var[c] + share * prediction.batch_var);
    }
}

void nl_cpu_track(const struct nl_normalize *op, double momentum, const struct nl_batch_statistics *batch)
{
    float *running_mean = op->running_mean, *running_var = op->running_var;
    int64_t *updates = op->updates;
    double m = batch->elements,
           correction = op->unbiased && nl_norm_spread_is_variance(op->norm) && m > 1 ? m / (m - 1) : 1.0;
    ++*updates;
    if (op->learned) {
        learn(op, momentum, correction, batch);
        return;
    }
    double share = momentum < 0 ? 1.0 / (double)*updates : momentum;
    move_average(batch->channels, share, 1.0, batch->mean, running_mean);
    move_average(batch->channels, share, correction, batch->var, running_var);
}

NL_CLONES
void nl_cpu_merge_moments(size_t count, double elements, double *restrict mean, double *restrict var, double more,
                          const double *restrict more_mean, const double *restrict more_var)
{
    bool begins = elements == 0;
    double share = more / (elements + more);
    for (size_t i = 0; i < count; i++) {
        double delta = more_mean[i] - mean[i];
        mean[i] = begins ? more_mean[i] : mean[i] + delta * share;
        var[i] =
            begins ? more_var[i] : (1 - share) * var[i] + share * more_var[i] + delta * delta * share * (1 - share);
    }
}

void nl_cpu_collect(const struct nl_normalize *op, const struct nl_batch_statistics *batch)
{
    double *count = op->precise_count;
    nl_cpu_merge_moments(batch->channels, *count, op->precise_mean, op->precise_var, batch->elements, batch->mean,
                         batch->var);
    *count += batch->elements;
}
