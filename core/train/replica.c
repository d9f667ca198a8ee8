/* Follows one trial: its rates, the rows of its curve, whether it has diverged. */
#include "train/replica.h"

#include <math.h>

#include "base/memory.h"

struct nl_hyper nl_replica_hyper(const struct nl_replica *replica, int64_t step)
{
    const struct nl_config *config = replica->config;
    struct nl_hyper hyper = {
#define HYPER(section, field) .NL_HYPER_##section(field) = config->section.field,
#include "operation/hyper.def"
#undef HYPER
    };
    hyper.lr = nl_lr_at(&replica->schedule, step);
    hyper.beta2 = nl_beta2(config);
    hyper.norm_momentum = nl_norm_momentum_at(&replica->schedule, step);
    nl_norm_numbers_at(&replica->schedule, step, hyper.norm_numbers);
    return hyper;
}

int nl_replica_batch(const struct nl_replica *replica, int64_t step)
{
    int64_t batch = replica->config->train.batch, steps = replica->step_counts.steps_per_epoch,
            samples = replica->view.train_count;
    if (steps * batch <= samples || step % steps < steps - 1)
        return (int)batch;
    return (int)(samples - (steps - 1) * batch);
}

void nl_replica_add_row(struct nl_replica *replica, int64_t step, enum nl_part part, int eval, struct nl_score score)
{
    struct nl_trial_result *result = replica->result;
    NL_GROW(result->row, result->rows, result->capacity);
    result->row[result->rows++] = (struct nl_curve_row){
        .step = step,
        .epoch = (double)step / (double)replica->step_counts.steps_per_epoch,
        .samples = result->samples,
        .part = part,
        .eval = eval,
        .lr = nl_lr_at(&replica->schedule, step > 0 ? step - 1 : 0),
        .loss = score.loss,
        .accuracy = score.accuracy,
    };
}

void nl_replica_log(struct nl_replica *replica, int64_t step)
{
    struct nl_trial_progress *now = &replica->now;
    bool answers = replica->view.dataset->shape.target != NL_TARGET_REAL;
    struct nl_score score = {now->loss_sum / now->seen, answers ? now->correct / now->seen : NAN};
    nl_replica_add_row(replica, step, NL_PART_TRAIN, -1, score);
    now->loss_sum = now->correct = now->seen = 0;
    const struct nl_trial_options *options = replica->options;
    if (options->progress)
        options->progress(options->context, step, replica->step_counts.steps, score.loss);
}

void nl_replica_take(struct nl_replica *replica, int64_t step, int64_t end, const struct nl_loss_sums *sums)
{
    struct nl_trial_progress *now = &replica->now;
    struct nl_trial_result *result = replica->result;
    for (int64_t s = step; s < end; s++) {
        const struct nl_loss_sums *sum = &sums[s - step];
        double loss = sum->loss / sum->counted;
        if (s == 0)
            now->first_loss = loss;
        result->samples += nl_replica_batch(replica, s);
        result->steps = s + 1;
        bool failed =
            !(loss <= 1000.0 * fmax(now->first_loss, replica->view.chance.loss)); /* NaN is no smaller than anything */
        if (failed) /* its row is that batch alone, so that the curve shows what happened */
            now->loss_sum = now->correct = now->seen = 0;
        now->loss_sum += sum->loss;
        now->correct += sum->correct;
        now->seen += sum->counted;
        if (failed) {
            result->status = NL_DIVERGED;
            result->failed_step = s + 1;
            nl_replica_log(replica, s + 1);
            return;
        }
    }
}

void nl_replica_observe(struct nl_replica *replica, int64_t steps, int tensor, const struct nl_observed *seen)
{
    struct nl_trial_result *result = replica->result;
    if (result->steps != steps)
        return;
    NL_GROW(result->observation, result->observations, result->observations_capacity);
    result->observation[result->observations++] = (struct nl_observation){steps, tensor, *seen};
}

void nl_replica_remember(struct nl_replica *replica, int64_t epoch)
{
    if (!replica->saved_order)
        return;
    int64_t batch = replica->config->train.batch, steps = replica->step_counts.steps_per_epoch;
    const int32_t *index = replica->shares_data_with ? replica->shares_data_with->order : replica->order;
    for (int64_t step = epoch * steps; step < (epoch + 1) * steps && step < replica->step_counts.steps;
         step++, index += batch) {
        int samples = nl_replica_batch(replica, step);
        for (int64_t n = 0; n < batch; n++)
            replica->saved_order[step * batch + n] = n < samples ? index[n] : -1;
    }
}
