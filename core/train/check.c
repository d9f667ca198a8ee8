/* What a configuration asks of network, normalizer and training that this data cannot give. */
#include "backend/backend.h"
#include "data/data.h"
#include "model/model.h"
#include "train/train.h"

static int64_t training_samples(const struct nl_config *config)
{
    int64_t given = nl_data_facts(config).train;
    int64_t asked = config->data.train != NL_AUTO && config->data.train < given ? config->data.train : given;
    return asked - config->data.val;
}

double nl_trial_cost(const struct nl_config *config)
{
    struct nl_model model;
    struct nl_error err;
    const char *key = NULL;
    double work = nl_model_build(config, nl_data_facts(config).shape, &model, &key, &err) == NL_OK ? nl_model_work(&model) : 0.0;
    /* A layer's visit costs some microseconds whatever the batch: what small batches are made of. */
    double visits = 60e3 * model.layers;
    nl_model_release(&model);
    int64_t steps = nl_trial_steps(config, (int)training_samples(config));
    return (double)steps * (6.0 * work * (double)config->train.batch + visits);
}

void nl_trial_check(const struct nl_config *config, const struct nl_experiment *experiment, struct nl_diagnostics *diagnostics)
{
    struct nl_model model;
    struct nl_error err;
    const char *key = NULL;
    if (nl_model_build(config, nl_data_facts(config).shape, &model, &key, &err) != NL_OK)
        nl_complain(diagnostics, experiment, key, "%s", err.text);
    nl_model_release(&model);
    int64_t samples = training_samples(config);
    if (samples > 0 && config->train.drop_last && config->train.batch > samples)
        nl_complain(diagnostics, experiment, "train.batch", "a batch of %lld does not fit the %lld training samples: lower it, or set train.drop_last to false",
                    (long long)config->train.batch, (long long)samples);
    if (nl_norms[config->norm.kind]->tracks && config->norm.stat_batch != NL_AUTO && config->norm.stat_batch > config->train.batch)
        nl_complain(diagnostics, experiment, "norm.stat_batch", "%lld samples cannot share statistics in a batch of %lld (train.batch)",
                    (long long)config->norm.stat_batch, (long long)config->train.batch);
}
