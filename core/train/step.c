/* A step over a plan: the flat list of operations forwards, backwards, then the update. */
#include "train/microbatch.h"

static void forward(const struct nl_backend *backend, const struct nl_run *run, const struct nl_op *op)
{
    switch (op->kind) {
    case NL_LINEAR_LAYER:
        backend->linear_forward(run, &op->linear);
        break;
    case NL_CONV_LAYER:
        backend->conv_forward(run, &op->conv);
        break;
    case NL_NORM_LAYER:
        backend->normalize_forward(run, &op->normalize);
        break;
    case NL_ACTIVATION_LAYER:
        backend->activate_forward(run, &op->activate);
        break;
    case NL_DROPOUT_LAYER:
        backend->dropout_forward(run, &op->dropout);
        break;
    case NL_MAX_POOL_LAYER:
        backend->max_pool_forward(run, &op->max_pool);
        break;
    case NL_MEAN_POOL_LAYER:
        backend->mean_pool_forward(run, &op->mean_pool);
        break;
    case NL_ADD_LAYER:
        backend->add_forward(run, &op->add);
        break;
    }
}

static void backward(const struct nl_backend *backend, const struct nl_run *run, const struct nl_op *op)
{
    switch (op->kind) {
    case NL_LINEAR_LAYER:
        backend->linear_backward(run, &op->linear);
        break;
    case NL_CONV_LAYER:
        backend->conv_backward(run, &op->conv);
        break;
    case NL_NORM_LAYER:
        backend->normalize_backward(run, &op->normalize);
        break;
    case NL_ACTIVATION_LAYER:
        backend->activate_backward(run, &op->activate);
        break;
    case NL_DROPOUT_LAYER:
        backend->dropout_backward(run, &op->dropout);
        break;
    case NL_MAX_POOL_LAYER:
        backend->max_pool_backward(run, &op->max_pool);
        break;
    case NL_MEAN_POOL_LAYER:
        backend->mean_pool_backward(run, &op->mean_pool);
        break;
    case NL_ADD_LAYER:
        backend->add_backward(run, &op->add);
        break;
    }
    if (op->joins)
        backend->add_forward(run, &op->join);
}

/* The run's samples from `first` on. */
static struct nl_run part_of(const struct nl_pass *pass, const struct nl_run *run, int first)
{
    struct nl_run part = *run;
    part.samples = run->samples - first < pass->micro ? run->samples - first : pass->micro;
    part.accumulates = first > 0;
    return part;
}

/* Of a normalizer's own or fixed statistics every sample has its share at once; the batch's are there when all of it is. */
static int local_ops(const struct nl_pass *pass, const struct nl_run *run)
{
    bool fixed = run->statistics == NL_STATS_RUNNING || run->statistics == NL_STATS_PRECISE;
    return fixed || !pass->if_fixed ? pass->local : 0;
}

void nl_plan_forward(const struct nl_plan *plan, const struct nl_pass *pass, const struct nl_run *run)
{
    const struct nl_backend *backend = plan->backend;
    int local = local_ops(pass, run);
    backend->gather(run, &pass->gather);
    for (int first = 0; local > 0 && first < run->samples; first += pass->micro) {
        struct nl_run part = part_of(pass, run, first);
        for (int i = 0; i < local; i++) {
            struct nl_op op = nl_microbatch_op(backend, pass, i, first);
            forward(backend, &part, &op);
        }
    }
    for (int i = local; i < pass->ops; i++)
        forward(backend, run, &pass->op[i]);
    backend->loss(run, &pass->loss);
}

void nl_plan_backward(const struct nl_plan *plan, const struct nl_run *run)
{
    const struct nl_backend *backend = plan->backend;
    const struct nl_pass *pass = &plan->train;
    for (int i = pass->ops - 1; i >= pass->local; i--)
        backward(backend, run, &pass->op[i]);
    for (int first = 0; pass->local > 0 && first < run->samples; first += pass->micro) {
        struct nl_run part = part_of(pass, run, first);
        for (int i = pass->local - 1; i >= 0; i--) {
            struct nl_op op = nl_microbatch_op(backend, pass, i, first);
            backward(backend, &part, &op);
        }
    }
}

struct step {
    const struct nl_plan *plan;
    const struct nl_run *run;
};

static void make_step(const void *context)
{
    const struct step *step = context;
    nl_plan_forward(step->plan, &step->plan->train, step->run);
    nl_plan_backward(step->plan, step->run);
    step->plan->backend->update(step->run, &step->plan->update);
}

void nl_plan_step(struct nl_plan *plan, const struct nl_run *run)
{
    const struct step step = {plan, run};
    if (plan->backend->replay)
        plan->backend->replay(&plan->tape, run, plan->train.gather.index, plan->train.loss.sums, make_step, &step);
    else
        make_step(&step);
}
