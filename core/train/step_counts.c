/* A trial before it is run: steps, rows, work and memory, from the configuration alone. */
#include <math.h>

#include "config/network.h"
#include "train/evaluate.h"
#include "train/schedule.h"
#include "train/train.h"

enum { LOG_ROWS = 100, EVALUATIONS = 25 };  /* what `auto` aims at, a run */
static const double evaluation_share =
    0.1; /* of a training's work: at most so much are the evaluations of a text on the way, by `auto` */

static int64_t divide_up(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

static void add_passes(struct nl_passes *passes, int64_t samples, int64_t group, int64_t times)
{
    passes->samples += samples * times;
    passes->batches += divide_up(samples, group) * times;
}

static void add_evaluation(struct nl_passes *passes, const struct nl_config *config, struct nl_counts counts,
                           enum nl_eval eval, int64_t samples, int64_t times)
{
    if (nl_statistics_of(config, eval) == NL_STATS_PRECISE && eval != NL_EVAL_ADAPT)
        add_passes(passes, counts.train, nl_evaluation_group(config, NL_STATS_COLLECT), times);
    if (eval == NL_EVAL_ADAPT)
        add_passes(passes, samples, nl_evaluation_group(config, NL_STATS_COLLECT), times);
    add_passes(passes, samples, nl_evaluation_group(config, eval == NL_EVAL_BATCH ? NL_STATS_BATCH : NL_STATS_RUNNING),
               times);
}

/* train.eval_every: auto. A text, whose epochs may be longer than a training, is evaluated by steps. A pass forward is
 * a third of a step's work. */
static int64_t steps_between_evaluations(const struct nl_config *config, struct nl_counts counts, int64_t steps,
                                         int64_t steps_per_epoch)
{
    if (config->data.name != NL_TEXT)
        return steps_per_epoch * divide_up(divide_up(steps, steps_per_epoch), EVALUATIONS);
    double worth = (double)(counts.val + counts.test) / (3.0 * evaluation_share * (double)config->train.batch);
    int64_t cheap = (int64_t)ceil(worth), wanted = divide_up(steps, EVALUATIONS);
    return cheap > wanted ? cheap : wanted;
}

/* Multiply-adds of a forward pass of one sample, and how many nodes make it; 0 of a network that cannot be built. */
static double forward_work(const struct nl_config *config, int *nodes)
{
    struct nl_graph graph;
    struct nl_error err;
    const char *key = NULL;
    double work =
        nl_model_build(config, nl_data_facts(config).shape, &graph, &key, &err) == NL_OK ? nl_graph_work(&graph) : 0.0;
    *nodes = graph.nodes;
    nl_graph_release(&graph);
    return work;
}

double nl_flops_of_sample(const struct nl_config *config)
{
    int nodes;
    return 6.0 * forward_work(config, &nodes);
}

/* As many updates as stay within train.flops. */
static int64_t steps_within(const struct nl_config *config)
{
    double of_step = nl_flops_of_sample(config) * (double)config->train.batch;
    return of_step > 0.0 && config->train.flops > of_step ? (int64_t)(config->train.flops / of_step) : 1;
}

struct nl_step_counts nl_trial_step_counts(const struct nl_config *config, struct nl_counts counts)
{
    int64_t batch = config->train.batch;
    struct nl_step_counts out = {.steps_per_epoch =
                                     config->train.drop_last ? counts.train / batch : divide_up(counts.train, batch)};
    if (out.steps_per_epoch < 1)
        return out;
    out.steps = config->train.steps != NL_AUTO     ? config->train.steps
                : config->train.samples != NL_AUTO ? divide_up(config->train.samples, batch)
                : config->train.flops != NL_AUTO   ? steps_within(config)
                                                   : config->train.epochs * out.steps_per_epoch;
    int64_t some = out.steps > 0 ? out.steps : 1; /* of no steps, the first is looked at */
    out.log_every = config->train.log_every != NL_AUTO ? config->train.log_every : divide_up(some, LOG_ROWS);
    out.observe_every = config->log.every != NL_AUTO ? config->log.every : out.log_every;
    out.look_every = config->log.passes_every != NL_AUTO ? config->log.passes_every : out.observe_every;
    out.eval_every = config->train.eval_every != NL_AUTO
                         ? config->train.eval_every
                         : steps_between_evaluations(config, counts, some, out.steps_per_epoch);

    bool tracks = nl_config_tracks(config);
    int64_t evaluations = (some - 1) / out.eval_every, held_out = counts.val + counts.test;
    add_evaluation(&out.on_the_way, config, counts, nl_primary_eval(config), held_out, evaluations);
    int evals = tracks ? config->norm.eval.count : 1;
    for (int i = 0; i < evals; i++)
        add_evaluation(&out.at_the_end, config, counts,
                       tracks ? (enum nl_eval)config->norm.eval.at[i] : NL_EVAL_RUNNING, counts.train + held_out, 1);
    int held_out_parts = (counts.val > 0) + (counts.test > 0);
    out.rows = divide_up(out.steps, out.log_every) + evaluations * held_out_parts + evals * (1 + held_out_parts);
    const struct nl_schedule_of schedule = {
        .config = config, .steps = some, .steps_per_epoch = (double)out.steps_per_epoch};
    for (enum nl_eval eval = NL_EVAL_EMA; eval < NL_EVALS; eval++) {
        int64_t begins = nl_average_begins(&schedule, eval);
        if (begins > out.steps)
            continue;
        int64_t times = evaluations - (begins - 1) / out.eval_every;
        add_evaluation(&out.on_the_way, config, counts, eval, held_out, times);
        add_evaluation(&out.at_the_end, config, counts, eval, counts.train + held_out, 1);
        out.rows += times * held_out_parts + 1 + held_out_parts;
    }
    return out;
}

int64_t nl_observed_every(const struct nl_step_counts *counts, bool aside)
{
    return aside ? counts->look_every : counts->observe_every;
}

bool nl_is_observed_after(const struct nl_step_counts *counts, bool aside, int64_t steps)
{
    return steps % nl_observed_every(counts, aside) == 0 || steps == counts->steps || counts->steps == 0;
}

int64_t nl_observed_steps(const struct nl_step_counts *counts, bool aside)
{
    return counts->steps > 0 ? divide_up(counts->steps, nl_observed_every(counts, aside)) : 1;
}

struct nl_cost nl_trial_cost(const struct nl_config *config)
{
    struct nl_step_counts step_counts = nl_trial_step_counts(config, nl_data_counts(config));
    int nodes;
    double work = forward_work(config, &nodes);
    /* A layer's visit costs some microseconds whatever the batch: what small batches are made of. A step is three
     * passes: forward, and two products a layer backward. */
    double visits = 20e3 * nodes, micros = (double)config->train.accumulate, sample = 2.0 * work;
    return (struct nl_cost){
        .training = 3.0 * (double)step_counts.steps * (sample * (double)config->train.batch + visits * micros) +
                    sample * (double)step_counts.on_the_way.samples + visits * (double)step_counts.on_the_way.batches,
        .ending = sample * (double)step_counts.at_the_end.samples + visits * (double)step_counts.at_the_end.batches,
    };
}

double nl_cost_total(struct nl_cost cost)
{
    return cost.training + cost.ending;
}

int nl_trial_size(const struct nl_config *config, const struct nl_dataset *dataset, int64_t *parameters, size_t *bytes,
                  struct nl_error *err)
{
    struct nl_graph graph;
    const char *key = NULL;
    int status = nl_model_build(config, dataset->shape, &graph, &key, err);
    if (status == NL_OK) {
        struct nl_counts counts = nl_data_counts(config);
        struct nl_split view = {
            .dataset = dataset, .train_count = counts.train, .val_count = counts.val, .test_count = counts.test};
        const struct nl_backend *backend = nl_backend_of((enum nl_device_kind)config->device.kind);
        *parameters = (int64_t)graph.count;
        status = nl_plan_bytes(backend ? backend : &nl_backend_cpu, &graph, config, &view,
                               nl_evaluation_capacity(config, &view), bytes, err);
    }
    nl_graph_release(&graph);
    return status;
}
