/* What a configuration asks of network, normalizer and training that this data cannot give. */
#include <stdlib.h>

#include "backend/backend.h"
#include "base/memory.h"
#include "data/data.h"
#include "model/model.h"
#include "operation/cross_iteration.h"
#include "train/train.h"

static bool evaluates_batches(const struct nl_config *config)
{
    bool found = false;
    for (int i = 0; i < config->norm.eval.count; i++)
        found |= config->norm.eval.at[i] == NL_EVAL_BATCH;
    return found;
}

/* How many samples share statistics: norm.stat_batch, or a layer's own. Evaluation in batches has one size of them for all normalizers. */
static void check_slices(const struct nl_graph *graph, const struct nl_config *config, const struct nl_experiment *experiment,
                         struct nl_diagnostics *diagnostics)
{
    long long batch = (long long)config->train.batch;
    int common = nl_norm_setup_of(config, 0, 1, 1).stat_batch;
    for (const struct nl_graph_node *node = graph->node; node < graph->node + graph->nodes; node++) {
        const struct nl_normalize *normalize = nl_normalize_of(node->operation, node->arguments);
        if (!normalize || !normalize->norm->tracks)
            continue;
        int slice = normalize->setup.stat_batch;
        char *layer = nl_format("model.layers.%s", node->name);
        if (slice > batch)
            nl_complain(diagnostics, experiment, slice == common ? "norm.stat_batch" : layer,
                        "%d samples cannot share statistics in a batch of %lld (train.batch)", slice, batch);
        else if (slice != common && evaluates_batches(config))
            nl_complain(diagnostics, experiment, layer,
                        "'norm.eval' batch needs one 'norm.stat_batch' for all normalizers, and '%s' has its own", node->name);
        free(layer);
    }
}

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
    check_slices(&graph, config, experiment, diagnostics);
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
}
