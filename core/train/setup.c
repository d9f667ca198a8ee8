/* Training set up: which trials share their data, how many steps there are, the network, and the plan with a state for
 * each. */
#include "train/training.h"

#include <stdlib.h>

#include "base/memory.h"
#include "train/evaluate.h"

/* Configurations of a cohort. */
static bool same_data(const struct nl_config *a, const struct nl_config *b)
{
    return nl_seed_of(a, a->data.split_seed) == nl_seed_of(b, b->data.split_seed) &&
           nl_seed_of(a, a->train.order_seed) == nl_seed_of(b, b->train.order_seed) &&
           nl_seed_of(a, a->train.label_seed) == nl_seed_of(b, b->train.label_seed) &&
           a->data.test_seed == b->data.test_seed && a->data.standardize == b->data.standardize &&
           a->train.label_noise == b->train.label_noise;
}

/* The trial's data: its own, or those of one before it. */
static int set_up_data(struct nl_training *c, struct nl_replica *r, struct nl_error *err)
{
    for (int i = 0; i < r->number && !r->shares_data_with; i++)
        if (!c->replica[i].shares_data_with && same_data(r->config, c->replica[i].config))
            r->shares_data_with = &c->replica[i];
    if (r->shares_data_with) {
        r->view = r->shares_data_with->view;
        return NL_OK;
    }
    if (nl_split_make(r->source.dataset, r->config, &r->view, err))
        return NL_FAIL;
    r->order = nl_alloc((size_t)r->view.train_count, sizeof *r->order);
    return NL_OK;
}

static int set_up_steps(struct nl_training *c, struct nl_error *err)
{
    const struct nl_split *view = &c->replica[0].view;
    struct nl_counts counts = {.train = view->train_count, .val = view->val_count, .test = view->test_count};
    c->counts[NL_PART_TRAIN] = counts.train;
    c->counts[NL_PART_VAL] = counts.val;
    c->counts[NL_PART_TEST] = counts.test;
    c->step_counts = nl_trial_step_counts(c->config, counts);
    if (c->step_counts.steps_per_epoch < 1)
        return nl_fail(err, "a batch of %lld does not fit the %s", (long long)c->config->train.batch,
                       NL_COUNT(counts.train, "training sample"));
    return NL_OK;
}

static void set_up_trial(struct nl_training *c, struct nl_replica *r)
{
    nl_plan_write(&c->plan, r->number, r->config, &r->view);
    r->step_counts = c->step_counts;
    r->schedule =
        (struct nl_schedule_of){r->config, c->step_counts.steps > 0 ? c->step_counts.steps : 1 /* that is looked at */,
                                (double)c->step_counts.steps_per_epoch, nl_norm_changes(r->config)};
    if (r->options->save_order)
        r->saved_order =
            nl_alloc((size_t)c->step_counts.steps * (size_t)r->config->train.batch, sizeof *r->saved_order);
    r->result->left_out =
        r->config->train.drop_last ? r->view.train_count - c->step_counts.steps_per_epoch * r->config->train.batch : 0;
    r->result->parameters = (int64_t)c->graph.count;
    r->result->memory = c->plan.stride;
    r->result->tensors = c->plan.observers.count;
    r->result->tensor = nl_alloc((size_t)c->plan.observers.count, sizeof(char *));
    for (int i = 0; i < c->plan.observers.count; i++)
        r->result->tensor[i] = nl_strdup(c->plan.observers.at[i].name);
    if (c->observes[NL_TURN]) {
        r->now.before = nl_alloc(c->graph.count, sizeof *r->now.before);
        r->earlier = nl_alloc(c->graph.count, sizeof *r->earlier);
    }
    c->active[r->number] = r;
}

int nl_training_set_up(struct nl_training *c, const struct nl_dataset *dataset, struct nl_error *err)
{
    const char *key = NULL;
    for (int i = 0; i < c->trials; i++)
        if (set_up_data(c, &c->replica[i], err))
            return NL_FAIL;
    if (set_up_steps(c, err) || nl_model_build(c->config, dataset->shape, &c->graph, &key, err))
        return NL_FAIL;
    const struct nl_config *config = c->config;
    const struct nl_backend *backend = nl_device_begin(
        (enum nl_device_kind)config->device.kind, (int)config->device.index, (enum nl_gemm)config->device.gemm, err);
    const struct nl_split *view = &c->replica[0].view;
    if (!backend || nl_plan_make(&c->plan, backend, &c->graph, c->config, view, nl_evaluation_capacity(c->config, view),
                                 c->trials, err))
        return NL_FAIL;
    for (enum nl_aspect aspect = 0; aspect < NL_ASPECTS; aspect++)
        c->observes[aspect] = nl_observes_any(&c->plan.observers, aspect);
    for (int i = 0; i < c->trials; i++)
        set_up_trial(c, &c->replica[i]);
    return NL_OK;
}

void nl_training_release(struct nl_training *c)
{
    nl_plan_release(&c->plan);
    nl_graph_release(&c->graph);
    for (int i = 0; i < c->trials; i++) {
        struct nl_replica *r = &c->replica[i];
        if (!r->shares_data_with)
            nl_split_release(&r->view);
        free(r->order);
        free(r->saved_order);
        free(r->now.before);
        free(r->earlier);
    }
    free(c->replica);
    free(c->active);
    free(c->hyper);
    free(c->score);
    free(c->aside);
}
