/* What a configuration asks of network, normalizer and training that this data cannot give. */
#include "backend/backend.h"
#include "data/data.h"
#include "model/model.h"
#include "train/train.h"

void nl_trial_check(const struct nl_config *config, const struct nl_experiment *experiment, struct nl_diagnostics *diagnostics)
{
    struct nl_graph graph;
    struct nl_error err;
    const char *key = NULL;
    struct nl_data_facts facts = nl_data_facts(config);
    if (facts.train == 0)
        return; /* files that are not right: nl_data_check said so */
    if (nl_model_build(config, facts.shape, &graph, &key, &err) != NL_OK)
        nl_complain(diagnostics, experiment, key, "%s", err.text);
    enum nl_device_kind kind = (enum nl_device_kind)config->device.kind;
    const struct nl_backend *backend = nl_backend_of(kind);
    if (backend && nl_graph_check(&graph, backend, &err) != NL_OK)
        nl_complain(diagnostics, experiment, "device.kind", "%s", err.text);
    nl_graph_release(&graph);
    if (nl_device_check(kind, (int)config->device.index, &err) != NL_OK)
        nl_complain(diagnostics, experiment, "device.kind", "%s", err.text);
    else if (nl_precision_check(kind, (int)config->device.index, (enum nl_precision)config->device.precision, &err) != NL_OK)
        nl_complain(diagnostics, experiment, "device.precision", "%s", err.text);
    if (nl_gemm_check(kind, (enum nl_gemm)config->device.gemm, &err) != NL_OK)
        nl_complain(diagnostics, experiment, "device.gemm", "%s", err.text);
    int64_t samples = nl_data_counts(config).train;
    if (samples > 0 && config->train.drop_last && config->train.batch > samples)
        nl_complain(diagnostics, experiment, "train.batch",
                    "a batch of %lld does not fit the %lld training sample%s: lower it, or set train.drop_last to false",
                    (long long)config->train.batch, (long long)samples, samples == 1 ? "" : "s");
    if (nl_config_tracks(config) && config->norm.stat_batch != NL_AUTO && config->norm.stat_batch > config->train.batch)
        nl_complain(diagnostics, experiment, "norm.stat_batch", "%lld samples cannot share statistics in a batch of %lld (train.batch)",
                    (long long)config->norm.stat_batch, (long long)config->train.batch);
}
