/* Feeds a part of the data through the network, and collects precise statistics first where they are asked for. */
#include "train/evaluate.h"

#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "config/network.h"
#include "model/model.h"
#include "operation/lengths.h"

enum { EVALUATION_BATCH = 256 };

enum nl_eval nl_primary_eval(const struct nl_config *config)
{
    return nl_config_tracks(config) ? (enum nl_eval)config->norm.eval.at[0] : NL_EVAL_RUNNING;
}

enum nl_statistics nl_statistics_of(const struct nl_config *config, enum nl_eval eval)
{
    switch (eval) {
    case NL_EVAL_RUNNING: return NL_STATS_RUNNING;
    case NL_EVAL_BATCH: return NL_STATS_BATCH;
    case NL_EVAL_PRECISE:
    case NL_EVAL_ADAPT: return NL_STATS_PRECISE;
    case NL_EVAL_EMA:
    case NL_EVAL_SWA:
        return config->train.average_statistics == NL_STATISTICS_PRECISE && nl_config_tracks(config) ? NL_STATS_PRECISE
                                                                                                     : NL_STATS_RUNNING;
    case NL_EVALS: break;
    }
    NL_BUG("eval %d", eval);
}

int nl_evaluation_group(const struct nl_config *config, enum nl_statistics statistics)
{
    int64_t stat_batch = nl_stat_batch(config), batch = nl_micro_batch(config);
    switch (statistics) {
    case NL_STATS_BATCH:
        return (int)(stat_batch > 0 && stat_batch < batch ? stat_batch : batch);
    case NL_STATS_COLLECT:
        return (int)config->norm.precise_batch;
    case NL_STATS_TRAIN:
    case NL_STATS_FROZEN:
    case NL_STATS_RUNNING:
    case NL_STATS_PRECISE:
        return EVALUATION_BATCH;
    }
    NL_BUG("statistics %d", statistics);
}

static int largest_part(const struct nl_split *view)
{
    int largest = view->train_count > view->test_count ? view->train_count : view->test_count;
    return largest > view->val_count ? largest : view->val_count;
}

static int smaller(int a, int b)
{
    return a < b ? a : b;
}

int nl_evaluation_capacity(const struct nl_config *config, const struct nl_split *view)
{
    int capacity = EVALUATION_BATCH;
    bool tracks = nl_config_tracks(config);
    for (enum nl_eval eval = 0; tracks && eval < NL_EVALS; eval++) {
        enum nl_statistics statistics = nl_statistics_of(config, eval);
        bool asked = nl_config_averages(config, eval);
        for (int i = 0; i < config->norm.eval.count; i++)
            asked |= config->norm.eval.at[i] == (int64_t)eval;
        if (!asked || statistics == NL_STATS_RUNNING)
            continue;
        int needed =
            2 * nl_evaluation_group(config, statistics == NL_STATS_BATCH ? NL_STATS_BATCH : NL_STATS_COLLECT) - 1;
        capacity = needed > capacity ? needed : capacity;
    }
    return smaller(capacity, largest_part(view));
}

/* What all losses take, slot by slot: labels, or targets, for each of the outputs. */
enum { OUTPUTS, LABELS, LENGTHS };

struct nl_extent nl_outputs_extent(const struct nl_graph *graph)
{
    return graph->value[graph->node[graph->nodes - 1].in[OUTPUTS]].extent;
}

/* Numbers of samples [at, at + count) of the batch, `each` of a sample, from a place of the loss. */
static void fetch(const struct nl_plan *plan, int replica, const void *place, int at, int count, size_t each,
                  int32_t *out)
{
    const int32_t *from = nl_place_in(plan, place, replica);
    plan->backend->download(out, from + (size_t)at * each, (size_t)count * each * sizeof *out);
}

/* Shows the outputs of the batch that went forward last, whose first sample stands at place `first` of the part. They
 * are fetched for as many samples at a time as the host keeps in its cache. */
static void show(const struct nl_plan *plan, const struct nl_run *run, int first, const struct nl_output_reader *reader)
{
    enum { FETCHED = 8192 };
    const struct nl_instruction *loss = nl_plan_loss(&plan->eval, run);
    const struct nl_extent extent = nl_outputs_extent(plan->graph);
    struct nl_sample_outputs sample = {.positions = nl_positions(extent), .width = extent.channels};
    size_t positions = (size_t)sample.positions, each = nl_elements(extent);
    int most = each < FETCHED ? smaller((int)(FETCHED / each), run->samples) : 1;
    bool has_labels = loss->operation->takes_int32 >> LABELS & 1, has_lengths = loss->at.in[LENGTHS] != NULL;
    double *outputs = nl_alloc((size_t)most * each, sizeof *outputs);
    int32_t *labels = nl_alloc((size_t)most * positions, sizeof *labels),
            *lengths = nl_alloc((size_t)most, sizeof *lengths);
    for (sample.replica = 0; sample.replica < plan->replicas; sample.replica++)
        for (int at = 0, count; at < run->samples; at += count) {
            count = smaller(most, run->samples - at);
            const char *from = nl_place_in(plan, loss->at.in[OUTPUTS], sample.replica);
            plan->backend->get_reals(outputs, from + (size_t)at * each * plan->backend->real, (size_t)count * each);
            if (has_labels)
                fetch(plan, sample.replica, loss->at.in[LABELS], at, count, positions, labels);
            if (has_lengths)
                fetch(plan, sample.replica, loss->at.in[LENGTHS], at, count, 1, lengths);
            for (int i = 0; i < count; i++) {
                sample.place = first + at + i;
                sample.outputs = outputs + (size_t)i * each;
                sample.labels = has_labels ? labels + (size_t)i * positions : NULL;
                sample.counted = nl_length_of(has_lengths ? lengths : NULL, i, sample.positions);
                reader->read(reader->context, &sample);
            }
        }
    free(outputs);
    free(labels);
    free(lengths);
}

/* Feeds a part in groups; with a batch's own statistics a rest smaller than a group joins the last one. */
static void feed(const struct nl_plan *plan, const struct nl_config *config, enum nl_part part, int count,
                 enum nl_statistics statistics, const struct nl_output_reader *reader)
{
    struct nl_pass pass = plan->eval;
    int group = smaller(nl_evaluation_group(config, statistics), pass.capacity);
    bool joins = statistics == NL_STATS_BATCH || statistics == NL_STATS_COLLECT;
    for (int at = 0; at < count;) {
        int samples = smaller(group, count - at);
        if (joins && count - at - samples < group)
            samples = smaller(count - at, pass.capacity);
        struct nl_run run = {.replicas = plan->replicas,
                             .stride = plan->stride,
                             .samples = samples,
                             .statistics = statistics,
                             .sums = plan->eval_sums};
        pass.gather.index = plan->part[part] + at;
        nl_plan_forward(plan, &pass, &run);
        if (reader)
            show(plan, &run, at, reader);
        at += samples;
    }
}

/* The batches merged so far, of every normalizer. */
static void forget_precise(const struct nl_plan *plan)
{
    for (int i = 0; i < plan->graph->tensors; i++) {
        const struct nl_tensor *tensor = &plan->graph->tensor[i];
        if (tensor->spec.role != NL_PRECISE_COUNT)
            continue;
        double *none = nl_alloc((size_t)plan->replicas * tensor->count, sizeof *none);
        nl_plan_put(plan, nl_tensor_in(plan, 0, tensor), none, nl_tensor_bytes(plan, tensor));
        free(none);
    }
}

/* The statistics of a part, anew. */
static void collect(const struct nl_plan *plan, const struct nl_config *config, enum nl_part part, int count)
{
    forget_precise(plan);
    feed(plan, config, part, count, NL_STATS_COLLECT, NULL);
}

void nl_collect_precise(const struct nl_plan *plan, const struct nl_config *config, int train_count)
{
    collect(plan, config, NL_PART_TRAIN, train_count);
}

void nl_evaluate(const struct nl_plan *plan, const struct nl_config *config, enum nl_part part, int count,
                 enum nl_eval eval, const struct nl_output_reader *reader, struct nl_score *score)
{
    struct nl_loss_sums *sums = nl_alloc((size_t)plan->replicas, sizeof *sums);
    if (eval == NL_EVAL_ADAPT)
        collect(plan, config, part, count);
    nl_plan_put(plan, plan->eval_sums, sums, sizeof *sums);
    feed(plan, config, part, count, nl_statistics_of(config, eval), reader);
    nl_plan_get(plan, sums, plan->eval_sums, sizeof *sums);
    bool answers = nl_graph_input(plan->graph, "targets") == NL_NONE;
    for (int r = 0; r < plan->replicas; r++)
        score[r] = (struct nl_score){sums[r].loss / sums[r].counted, answers ? sums[r].correct / sums[r].counted : NAN};
    free(sums);
}
