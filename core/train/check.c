/* What a configuration asks of network, normalizer and training that this data cannot give. */
#include <stdlib.h>

#include "backend/backend.h"
#include "base/memory.h"
#include "data/data.h"
#include "model/model.h"
#include "operation/cross_iteration.h"
#include "train/schedule.h"
#include "train/train.h"

static bool evaluates_batches(const struct nl_config *config)
{
    bool found = false;
    for (int i = 0; i < config->norm.eval.count; i++)
        found |= config->norm.eval.at[i] == NL_EVAL_BATCH;
    return found;
}

/* How many samples share statistics: norm.stat_batch, or a layer's own. Evaluation in batches has one size of them for
 * all normalizers. */
static void check_slices(const struct nl_graph *graph, const struct nl_config *config,
                         const struct nl_experiment *experiment, struct nl_diagnostics *diagnostics)
{
    long long batch = (long long)nl_micro_batch(config);
    int common = nl_stat_batch(config);
    for (const struct nl_graph_node *node = graph->node; node < graph->node + graph->nodes; node++) {
        const struct nl_normalize *normalize = nl_normalize_of(node->operation, node->arguments);
        if (!normalize || !normalize->norm->tracks)
            continue;
        int slice = normalize->setup.stat_batch;
        char *layer = nl_format("model.layers.%s", node->name);
        if (slice > batch)
            nl_complain(diagnostics, experiment, slice == common ? "norm.stat_batch" : layer,
                        "%s cannot share statistics in a batch of %lld (%s)", NL_COUNT(slice, "sample"), batch,
                        config->train.accumulate > 1 ? "train.batch by train.accumulate" : "train.batch");
        else if (slice != common && evaluates_batches(config))
            nl_complain(diagnostics, experiment, layer,
                        "'norm.eval' batch needs one 'norm.stat_batch' for all normalizers, and '%s' has its own",
                        node->name);
        free(layer);
    }
}

/* Each worker has an equal part of every batch, and whole slices of it. */
static void check_workers(const struct nl_graph *graph, const struct nl_config *config, int64_t samples,
                          const struct nl_experiment *experiment, struct nl_diagnostics *diagnostics)
{
    long long batch = (long long)config->train.batch, workers = (long long)config->train.workers,
              part = batch / workers;
    if (!nl_key_applies(nl_key_named("train.workers"), config))
        return;
    if (batch % workers != 0) {
        nl_complain(diagnostics, experiment, "train.workers", "%s do not divide a batch of %lld (train.batch)",
                    NL_COUNT(workers, "worker"), batch);
        return;
    }
    if (!config->train.drop_last && samples % batch != 0)
        nl_complain(diagnostics, experiment, "train.workers",
                    "%s need whole batches: 'train.drop_last' true leaves the last one out",
                    NL_COUNT(workers, "worker"));
    for (const struct nl_graph_node *node = graph->node; node < graph->node + graph->nodes; node++) {
        const struct nl_normalize *normalize = node->operation == &nl_normalize_operation ? node->arguments : NULL;
        int slice = normalize && (normalize->norm->uses & NL_USES_STAT_BATCH) ? normalize->setup.stat_batch : 0;
        if (slice > 0 && config->norm.sync)
            nl_complain(diagnostics, experiment, "norm.sync",
                        "'norm.sync' has statistics of the whole batch, and 'norm.stat_batch' those of %s",
                        NL_COUNT(slice, "sample"));
        else if (slice > 0 && part % slice != 0)
            nl_complain(diagnostics, experiment, "norm.stat_batch",
                        "%s do not divide a worker's %lld ('train.batch' by 'train.workers')",
                        NL_COUNT(slice, "sample"), part);
        if (slice > 0 && (config->norm.sync || part % slice != 0))
            return;
    }
}

/* An average of the weights has some to average. */
static void check_averages(const struct nl_config *config, const struct nl_experiment *experiment,
                           struct nl_diagnostics *diagnostics)
{
    const struct nl_step_counts counts = nl_trial_step_counts(config, nl_data_counts(config));
    const struct nl_schedule_of schedule = {
        .config = config, .steps = counts.steps, .steps_per_epoch = (double)counts.steps_per_epoch};
    int64_t begins = nl_average_begins(&schedule, NL_EVAL_SWA);
    if (nl_config_averages(config, NL_EVAL_SWA) && counts.steps > 0 && begins > counts.steps)
        nl_complain(
            diagnostics, experiment, "train.swa_start",
            "'train.swa_start' %g averages nothing: its first weights would be those after update %lld, and the "
            "training has %lld (train.swa_every)",
            config->train.swa_start, (long long)begins, (long long)counts.steps);
}

static void check_device(const struct nl_config *config, const struct nl_experiment *experiment,
                         struct nl_diagnostics *diagnostics)
{
    struct nl_error err;
    enum nl_device_kind kind = (enum nl_device_kind)config->device.kind;
    if (nl_device_check(kind, (int)config->device.index, &err) != NL_OK)
        nl_complain(diagnostics, experiment, "device.kind", "%s", err.text);
    else if (nl_precision_check(kind, (int)config->device.index, (enum nl_precision)config->device.precision, &err) !=
             NL_OK)
        nl_complain(diagnostics, experiment, "device.precision", "%s", err.text);
    if (nl_gemm_check(kind, (enum nl_gemm)config->device.gemm, &err) != NL_OK)
        nl_complain(diagnostics, experiment, "device.gemm", "%s", err.text);
}

void nl_trial_check(const struct nl_config *config, const struct nl_experiment *experiment,
                    struct nl_diagnostics *diagnostics)
{
    struct nl_graph graph;
    struct nl_error err;
    const char *key = NULL;
    struct nl_data_facts facts = nl_data_facts(config);
    if (facts.train == 0)
        return; /* files that are not right: nl_data_check said so */
    if (nl_model_build(config, facts.shape, &graph, &key, &err) != NL_OK)
        nl_complain(diagnostics, experiment, key, "%s", err.text);
    const struct nl_backend *backend = nl_backend_of((enum nl_device_kind)config->device.kind);
    if (backend && backend->devices && !nl_optimizers[config->train.optimizer]->on_cuda)
        nl_complain(diagnostics, experiment, "train.optimizer", "%s cannot compute 'train.optimizer' %s", backend->name,
                    nl_optimizer_names[config->train.optimizer]);
    if (backend && nl_graph_check(&graph, backend, &err) != NL_OK)
        nl_complain(diagnostics, experiment, "device.kind", "%s", err.text);
    check_slices(&graph, config, experiment, diagnostics);
    check_workers(&graph, config, nl_data_counts(config).train, experiment, diagnostics);
    nl_graph_release(&graph);
    if (!experiment->elsewhere)
        check_device(config, experiment, diagnostics);
    check_averages(config, experiment, diagnostics);
    int64_t samples = nl_data_counts(config).train;
    if (samples > 0 && config->train.drop_last && config->train.batch > samples)
        nl_complain(diagnostics, experiment, "train.batch",
                    "a batch of %lld does not fit the %s: lower it, or set train.drop_last to false",
                    (long long)config->train.batch, NL_COUNT(samples, "training sample"));
}
