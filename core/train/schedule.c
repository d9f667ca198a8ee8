/* Computes learning rates and a normalizer's numbers as functions of the step. */
#include "train/schedule.h"

#include <math.h>

#include "config/network.h"

double nl_lr_base(const struct nl_config *config)
{
    double ratio = (double)config->train.batch / (double)config->train.lr_base_batch;
    switch ((enum nl_lr_scale)config->train.lr_scale) {
    case NL_LR_FIXED:
        return config->train.lr;
    case NL_LR_LINEAR:
        return config->train.lr * ratio;
    case NL_LR_SQRT:
        return config->train.lr * sqrt(ratio);
    }
    NL_BUG("lr_scale %d", config->train.lr_scale);
}

int64_t nl_warmup_steps(const struct nl_schedule_of *schedule)
{
    const struct nl_config *config = schedule->config;
    return config->train.warmup_steps > 0 ? config->train.warmup_steps
                                          : llround(config->train.warmup_epochs * schedule->steps_per_epoch);
}

double nl_lr_at(const struct nl_schedule_of *schedule, int64_t t)
{
    const struct nl_config *config = schedule->config;
    double base = nl_lr_base(config), low = config->train.lr_min;
    /* Most trainings have no more, and this is asked before every step. */
    if (config->train.schedule == NL_CONSTANT && config->train.warmup_epochs == 0 && config->train.warmup_steps == 0)
        return base;
    int64_t warmup = nl_warmup_steps(schedule);
    if (t < warmup)
        return base * (double)(t + 1) / (double)warmup;
    int64_t rest = schedule->steps > warmup ? schedule->steps - warmup : 1;
    double done = (double)(t - warmup) / (double)rest;
    switch ((enum nl_schedule)config->train.schedule) {
    case NL_CONSTANT:
        return base;
    case NL_STEP:
        return base *
               pow(config->train.gamma, floor((double)t / (config->train.step_epochs * schedule->steps_per_epoch)));
    case NL_COSINE:
        return low + (base - low) * 0.5 * (1.0 + cos(3.14159265358979323846 * done));
    case NL_LINEAR:
        return base + (low - base) * done;
    case NL_INVERSE_SQRT:
        return base * sqrt((double)(warmup > 0 ? warmup : 1) / (double)(t + 1));
    }
    NL_BUG("schedule %d", config->train.schedule);
}

bool nl_norm_changes(const struct nl_config *config)
{
    return (nl_config_norm_uses(config) & (NL_USES_RATIO | NL_USES_SHIFT | NL_USES_WINDOW)) ||
           config->norm.momentum_schedule != NL_MOMENTUM_CONSTANT;
}

void nl_norm_numbers_at(const struct nl_schedule_of *schedule, int64_t t, double numbers[NL_NORM_NUMBERS])
{
    const struct nl_config *config = schedule->config;
    double until = config->norm.warmup * (double)schedule->steps, grown = (double)t < until ? (double)t / until : 1;
    numbers[NL_R_MAX] = 1 + (config->norm.r_max - 1) * grown;
    numbers[NL_D_MAX] = config->norm.d_max * grown;
    numbers[NL_WINDOW] = (double)t < until ? 1 : 1 + (double)nl_norm_history(config, &nl_norm_cbn);
    numbers[NL_MOMENTUM_RATE] = config->norm.momentum_lr;
}

double nl_norm_momentum_at(const struct nl_schedule_of *schedule, int64_t t)
{
    const struct nl_config *config = schedule->config;
    double first = config->norm.momentum, last = config->norm.momentum_end, done = (double)t / (double)schedule->steps;
    if (config->norm.running == NL_CUMULATIVE)
        return -1;
    if (config->norm.running == NL_LEARNED)
        return first;
    switch ((enum nl_momentum_schedule)config->norm.momentum_schedule) {
    case NL_MOMENTUM_CONSTANT:
        return first;
    case NL_MOMENTUM_LINEAR:
        return first + (last - first) * done;
    case NL_MOMENTUM_COSINE:
        return last + (first - last) * 0.5 * (1.0 + cos(3.14159265358979323846 * done));
    }
    NL_BUG("momentum_schedule %d", config->norm.momentum_schedule);
}

static int64_t swa_every(const struct nl_schedule_of *schedule)
{
    int64_t every = schedule->config->train.swa_every;
    if (every == NL_AUTO)
        every = llround(schedule->steps_per_epoch);
    return every > 0 ? every : 1;
}

int64_t nl_average_begins(const struct nl_schedule_of *schedule, enum nl_eval average)
{
    if (!nl_config_averages(schedule->config, average))
        return INT64_MAX;
    if (average == NL_EVAL_EMA)
        return 1;
    /* a product like 0.1 * 30 is a little more than the whole number that is meant */
    int64_t every = swa_every(schedule),
            from = (int64_t)ceil(schedule->config->train.swa_start * (double)schedule->steps - 1e-6);
    return from > every ? (from + every - 1) / every * every : every;
}

double nl_average_share(const struct nl_schedule_of *schedule, enum nl_eval average, int64_t t)
{
    int64_t begins = nl_average_begins(schedule, average);
    if (t < begins)
        return 0;
    if (average == NL_EVAL_EMA)
        return t == begins ? 1 : 1 - schedule->config->train.ema;
    int64_t every = swa_every(schedule);
    return t % every == 0 ? 1.0 / (double)((t - begins) / every + 1) : 0;
}

bool nl_is_frozen_at(const struct nl_schedule_of *schedule, int64_t t)
{
    return (double)t >= schedule->config->norm.freeze * (double)schedule->steps;
}

bool nl_resets_at(const struct nl_schedule_of *schedule, int64_t t)
{
    int64_t every = llround(schedule->config->norm.reset * schedule->steps_per_epoch);
    return schedule->config->norm.reset > 0 && t > 0 && t % (every > 0 ? every : 1) == 0 &&
           !nl_is_frozen_at(schedule, t);
}
