/* Loads a network, and scores samples of a part of the data. */
#include "train/scorer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "train/calibration.h"
#include "train/schedule.h"
#include "train/weights.h"

const char *const nl_sample_order_names[] = {"shuffled", "sorted", "given", NULL};

struct nl_scorer {
    struct nl_config
        config; /* as the plan is laid out: train.batch is the group of batch statistics, and nothing is trained */
    struct nl_split view;
    struct nl_graph graph;
    struct nl_plan plan;
    bool precise; /* statistics have been taken */
};

static int lay_out(struct nl_scorer *s, int largest_batch, struct nl_error *err)
{
    const struct nl_config *config = &s->config;
    const struct nl_backend *backend = nl_device_begin(
        (enum nl_device_kind)config->device.kind, (int)config->device.index, (enum nl_gemm)config->device.gemm, err);
    if (!backend)
        return NL_FAIL;
    const struct nl_counts counts = {
        .train = s->view.train_count, .val = s->view.val_count, .test = s->view.test_count};
    const int64_t steps = nl_trial_step_counts(config, counts)
                              .steps; /* of the training, before its configuration becomes that of a scorer */
    /* All statistics may be asked for, with groups up to the largest batch; the training pass needs no room. */
    s->config.norm.eval =
        (struct nl_int_list){.count = NL_EVALS, .at = {NL_EVAL_RUNNING, NL_EVAL_BATCH, NL_EVAL_PRECISE, NL_EVAL_ADAPT}};
    s->config.norm.stat_batch = NL_AUTO;
    s->config.train.workers = 1;
    s->config.train.accumulate = 1;
    s->config.train.batch = largest_batch;
    int capacity = nl_evaluation_capacity(&s->config, &s->view), largest_part = s->view.train_count;
    largest_part = s->view.test_count > largest_part ? s->view.test_count : largest_part;
    int asked = largest_batch < largest_part ? largest_batch : largest_part;
    capacity = asked > capacity ? asked : capacity;
    s->config.train.batch = 1;
    if (nl_plan_make(&s->plan, backend, &s->graph, &s->config, &s->view, capacity, 1, err))
        return NL_FAIL;
    nl_plan_write(&s->plan, 0, &s->config, &s->view);
    struct nl_hyper hyper = {.norm_eps = s->config.norm.eps};
    nl_norm_numbers_at(&(struct nl_schedule_of){.config = config, .steps = steps}, steps > 0 ? steps - 1 : 0,
                       hyper.norm_numbers); /* as in the last step */
    backend->upload(s->plan.hyper, &hyper, sizeof hyper);
    return NL_OK;
}

struct nl_scorer *nl_scorer_open(const struct nl_config *config, const struct nl_dataset *dataset,
                                 const struct nl_tensor_file *weights, const char *path, int largest_batch,
                                 struct nl_error *err)
{
    struct nl_scorer *s = nl_alloc(1, sizeof *s);
    s->config = *config;
    s->config.data.eval_order = NL_EVAL_SHUFFLED; /* each score asks for an order of its own */
    if (nl_split_make(dataset, &s->config, &s->view, err) ||
        nl_weights_network(config, dataset->shape, weights, path, &s->graph, err) || lay_out(s, largest_batch, err)) {
        nl_scorer_free(s);
        return NULL;
    }
    nl_weights_load(&s->plan, 0, weights, 0);
    return s;
}

void nl_scorer_free(struct nl_scorer *scorer)
{
    if (!scorer)
        return;
    nl_plan_release(&scorer->plan);
    nl_graph_release(&scorer->graph);
    nl_split_release(&scorer->view);
    free(scorer);
}

static const int32_t *samples_of(const struct nl_scorer *scorer, enum nl_part part)
{
    const int32_t *const parts[NL_PARTS] = {scorer->view.train, scorer->view.val, scorer->view.test};
    return parts[part];
}

int nl_scorer_samples(const struct nl_scorer *scorer, enum nl_part part)
{
    const int counts[NL_PARTS] = {scorer->view.train_count, scorer->view.val_count, scorer->view.test_count};
    return counts[part];
}

int nl_scorer_outputs_shape(const struct nl_scorer *scorer, enum nl_part part, size_t shape[3])
{
    const struct nl_extent extent = nl_outputs_extent(&scorer->graph);
    int dims = 0, positions = nl_positions(extent);
    shape[dims++] = (size_t)nl_scorer_samples(scorer, part);
    if (positions > 1 || scorer->view.dataset->shape.target == NL_TARGET_EACH)
        shape[dims++] = (size_t)positions;
    shape[dims++] = (size_t)extent.channels;
    return dims;
}

enum nl_dtype nl_scorer_outputs_type(const struct nl_scorer *scorer)
{
    return scorer->plan.backend->real == sizeof(double) ? NL_F64 : NL_F32;
}

struct place {
    int32_t sample, rank;
    int row; /* where the part lists it */
};

static int by_rank(const void *left, const void *right)
{
    const struct place *a = left, *b = right;
    return a->rank != b->rank ? (a->rank > b->rank) - (a->rank < b->rank)
                              : (a->sample > b->sample) - (a->sample < b->sample);
}

/* Returns the part's samples, in the order in which they form batches. New array. */
static struct place *arrange(const struct nl_scorer *scorer, enum nl_part part, enum nl_sample_order order)
{
    int count = nl_scorer_samples(scorer, part);
    const int32_t *sample = samples_of(scorer, part);
    struct place *places = nl_alloc((size_t)count, sizeof *places);
    int32_t *arranged = nl_alloc((size_t)count, sizeof *arranged);
    for (int i = 0; i < count; i++) {
        int32_t rank = order == NL_ORDER_SHUFFLED                        ? i
                       : order == NL_ORDER_SORTED && scorer->view.labels ? scorer->view.labels[sample[i]]
                                                                         : sample[i];
        places[i] = (struct place){sample[i], rank, i};
    }
    qsort(places, (size_t)count, sizeof *places, by_rank);
    for (int i = 0; i < count; i++)
        arranged[i] = places[i].sample;
    scorer->plan.backend->upload(scorer->plan.part[part], arranged, (size_t)count * sizeof *arranged);
    free(arranged);
    return places;
}

/* What is made of the outputs while they are evaluated. */
struct reading {
    struct nl_calibration_sums sums;
    const struct place *places;
    double *outputs; /* (samples, positions, K), or NULL */
};

static void read_sample(void *context, const struct nl_sample_outputs *sample)
{
    struct reading *reading = context;
    const struct nl_output_reader calibration = nl_calibration_reader(&reading->sums);
    calibration.read(calibration.context, sample);
    if (!reading->outputs)
        return;
    size_t width = (size_t)sample->width, each = (size_t)sample->positions * width,
           counted = (size_t)sample->counted * width;
    double *out = reading->outputs + (size_t)reading->places[sample->place].row * each;
    for (size_t i = 0; i < each; i++)
        out[i] = i < counted ? sample->outputs[i] : NAN;
}

int nl_scorer_score(struct nl_scorer *scorer, enum nl_part part, enum nl_eval eval, int batch,
                    enum nl_sample_order order, double *outputs, struct nl_scored *scored, struct nl_error *err)
{
    if (eval == NL_EVAL_PRECISE && !scorer->precise) {
        free(arrange(scorer, NL_PART_TRAIN, NL_ORDER_SHUFFLED));
        nl_collect_precise(&scorer->plan, &scorer->config, scorer->view.train_count);
        scorer->precise = true;
    }
    scorer->precise &= eval != NL_EVAL_ADAPT; /* whose statistics take their place */
    struct place *places = arrange(scorer, part, order);
    struct reading reading = {.places = places, .outputs = outputs};
    const struct nl_output_reader reader = {read_sample, &reading};
    scorer->config.train.batch = batch;
    nl_evaluate(&scorer->plan, &scorer->config, part, nl_scorer_samples(scorer, part), eval, &reader, &scored->score);
    scored->calibration = nl_calibration_of(&reading.sums);
    free(places);
    return nl_backend_status(scorer->plan.backend, err);
}

const struct nl_program *nl_scorer_program(const struct nl_scorer *scorer)
{
    return &scorer->plan.eval.program;
}

int nl_scorer_room(const struct nl_scorer *scorer)
{
    return scorer->plan.eval.capacity;
}

int nl_scorer_status(const struct nl_scorer *scorer, struct nl_error *err)
{
    return nl_backend_status(scorer->plan.backend, err);
}

double nl_scorer_time(const struct nl_scorer *scorer, enum nl_part part, int samples, int passes,
                      double *by_instruction)
{
    struct nl_error err; /* nl_scorer_status */
    const struct nl_plan *plan = &scorer->plan;
    struct nl_pass pass = plan->eval;
    const struct nl_run run = {.replicas = 1,
                               .stride = plan->stride,
                               .samples = samples,
                               .statistics = NL_STATS_RUNNING,
                               .sums = plan->eval_sums,
                               .seconds = by_instruction};
    pass.gather.index = plan->part[part];
    double begin = nl_seconds();
    for (int i = 0; i < passes; i++)
        nl_plan_forward(plan, &pass, &run);
    nl_backend_status(plan->backend, &err);
    return nl_seconds() - begin;
}
