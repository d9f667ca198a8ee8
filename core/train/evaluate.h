/* Evaluation: a whole part of the data through the network, with running, batch or precise statistics. */
#ifndef NL_TRAIN_EVALUATE_H
#define NL_TRAIN_EVALUATE_H

#include "train/plan.h"
#include "train/train.h"

/* The statistics of that score: for averages of weights as train.average_statistics says. */
enum nl_statistics nl_statistics_of(const struct nl_config *config, enum nl_eval eval);

/* Samples that evaluation takes at a time. */
int nl_evaluation_group(const struct nl_config *config, enum nl_statistics statistics);

/* The batch that evaluation needs room for. Running and precise statistics do not care how samples are grouped; with a
 * batch's own the group is a micro-batch, or norm.stat_batch where that is smaller, and a last smaller rest joins the
 * group before it. */
int nl_evaluation_capacity(const struct nl_config *config, const struct nl_split *view);

/* What a network puts out for one sample. */
struct nl_sample_outputs {
    int replica, place;     /* whose it is, and where the sample stands among those that are evaluated */
    int positions, counted; /* of which the first so many count: the sample's length */
    int width;              /* K: classes, or the numbers of a real target */
    const double *outputs;  /* (positions, K) as the loss takes them: logits */
    const int32_t *labels;  /* (positions); NULL: the targets are real */
};

/* Who is told of them, sample after sample; of each replica in the order in which the samples are evaluated. */
struct nl_output_reader {
    void (*read)(void *context, const struct nl_sample_outputs *sample);
    void *context;
};

/* The shape of a sample's outputs, what the loss takes: positions as height and width, channels K. */
struct nl_extent nl_outputs_extent(const struct nl_graph *graph);

/* score[plan->replicas]: mean loss and accuracy of the first `count` samples of a part (all of it). NL_EVAL_ADAPT takes
 * the statistics of these samples first, in place of precise ones (AdaBN: Li et al. 2016). NL_STATS_PRECISE: after
 * nl_collect_precise. NL_EVAL_EMA, NL_EVAL_SWA: after nl_plan_exchange. config: any replica's. reader: NULL, or who is
 * told of the outputs. */
void nl_evaluate(const struct nl_plan *plan, const struct nl_config *config, enum nl_part part, int count,
                 enum nl_eval eval, const struct nl_output_reader *reader, struct nl_score *score);

/* Takes the statistics of the whole training part anew with frozen weights, in batches of norm.precise_batch: the mean
 * of the batches' moments merged as those of one population (PreciseBN: Wu and Johnson 2021). */
void nl_collect_precise(const struct nl_plan *plan, const struct nl_config *config, int train_count);

#endif
