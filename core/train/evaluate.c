/* Feeds a part of the data through the network, and collects precise statistics first where they are asked for. */
#include "train/evaluate.h"

#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "config/network.h"
#include "model/model.h"

enum { EVALUATION_BATCH = 256 };

enum nl_eval nl_primary_eval(const struct nl_config *config)
{
    return nl_config_tracks(config) ? (enum nl_eval)config->norm.eval.at[0] : NL_EVAL_RUNNING;
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
    for (int i = 0; tracks && i < config->norm.eval.count; i++) {
        int64_t eval = config->norm.eval.at[i];
        if (eval == NL_EVAL_RUNNING)
            continue;
        int needed = 2 * nl_evaluation_group(config, eval == NL_EVAL_BATCH ? NL_STATS_BATCH : NL_STATS_COLLECT) - 1;
        capacity = needed > capacity ? needed : capacity;
    }
    return smaller(capacity, largest_part(view));
}

/* Feeds a part in groups; with a batch's own statistics a rest smaller than a group joins the last one. */
static void feed(const struct nl_plan *plan, const struct nl_config *config, enum nl_part part, int count,
                 enum nl_statistics statistics)
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
    feed(plan, config, part, count, NL_STATS_COLLECT);
}

void nl_collect_precise(const struct nl_plan *plan, const struct nl_config *config, int train_count)
{
    collect(plan, config, NL_PART_TRAIN, train_count);
}

void nl_evaluate(const struct nl_plan *plan, const struct nl_config *config, enum nl_part part, int count,
                 enum nl_eval eval, struct nl_score *score)
{
    static const enum nl_statistics statistics_of[NL_EVALS] = {[NL_EVAL_RUNNING] = NL_STATS_RUNNING,
                                                               [NL_EVAL_BATCH] = NL_STATS_BATCH,
                                                               [NL_EVAL_PRECISE] = NL_STATS_PRECISE,
                                                               [NL_EVAL_ADAPT] = NL_STATS_PRECISE};
    struct nl_loss_sums *sums = nl_alloc((size_t)plan->replicas, sizeof *sums);
    if (eval == NL_EVAL_ADAPT)
        collect(plan, config, part, count);
    nl_plan_put(plan, plan->eval_sums, sums, sizeof *sums);
    feed(plan, config, part, count, statistics_of[eval]);
    nl_plan_get(plan, sums, plan->eval_sums, sizeof *sums);
    bool answers = nl_graph_input(plan->graph, "targets") == NL_NONE;
    for (int r = 0; r < plan->replicas; r++)
        score[r] = (struct nl_score){sums[r].loss / sums[r].counted, answers ? sums[r].correct / sums[r].counted : NAN};
    free(sums);
}
