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

static void join(const struct nl_backend *backend, const struct nl_run *run, const struct nl_op *op)
{
    if (op->joins)
        backend->add_forward(run, &op->join);
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
    join(backend, run, op);
}

/* What operation i takes, where that was not kept: of the samples from `first` on. */
static void recompute(const struct nl_backend *backend, const struct nl_pass *pass, const struct nl_run *run, int i, int first)
{
    if (!pass->op[i].recomputes)
        return;
    struct nl_op before = nl_microbatch_op(backend, pass, i - 1, first);
    backend->normalize_apply(run, &before.normalize);
}

/* The run's samples from `first` on. */
static struct nl_run part_of(const struct nl_pass *pass, const struct nl_run *run, int first)
{
    struct nl_run part = *run;
    part.samples = run->samples - first < pass->micro ? run->samples - first : pass->micro;
    part.first = first;
    part.batch = run->samples;
    return part;
}

/* Of a normalizer's own or fixed statistics every sample has its share at once; the batch's are there when all of it is. */
static int local_ops(const struct nl_pass *pass, const struct nl_run *run)
{
    bool fixed = run->statistics == NL_STATS_RUNNING || run->statistics == NL_STATS_PRECISE;
    return fixed || !pass->if_fixed ? pass->local : 0;
}

static bool is_seam(const struct nl_pass *pass, int i)
{
    return pass->halves && pass->op[i].kind == NL_NORM_LAYER;
}

/* The first operation from `from` on that goes by halves, or where the local ones end. */
static int next_seam(const struct nl_pass *pass, int from, int local)
{
    while (from < local && !is_seam(pass, from))
        from++;
    return from;
}

/* The last one before `end`, or NONE. */
enum { NONE = -1 };

static int seam_before(const struct nl_pass *pass, int end)
{
    while (--end >= 0 && !is_seam(pass, end))
        ;
    return end;
}

/* From the second half of one operation to the first half of the next one that has halves, or from end to end: micro-batch by micro-batch. */
static void forward_chain(const struct nl_backend *backend, const struct nl_pass *pass, const struct nl_run *run, int from, int to, bool to_seam)
{
    for (int first = 0; first < run->samples; first += pass->micro) {
        struct nl_run part = part_of(pass, run, first);
        struct nl_op op;
        if (from != NONE) {
            op = nl_microbatch_op(backend, pass, from, first);
            backend->normalize_apply(&part, &op.normalize);
        }
        for (int i = from + 1; i < to; i++) {
            op = nl_microbatch_op(backend, pass, i, first);
            forward(backend, &part, &op);
        }
        if (to_seam) {
            op = nl_microbatch_op(backend, pass, to, first);
            backend->normalize_moments(&part, &op.normalize);
        }
    }
}

void nl_plan_forward(const struct nl_plan *plan, const struct nl_pass *pass, const struct nl_run *run)
{
    const struct nl_backend *backend = plan->backend;
    int local = local_ops(pass, run);
    backend->gather(run, &pass->gather);
    for (int from = NONE, to; local > 0 && from < local; from = to) {
        to = next_seam(pass, from + 1, local);
        forward_chain(backend, pass, run, from, to, to < local);
    }
    for (int i = local; i < pass->ops; i++)
        forward(backend, run, &pass->op[i]);
    backend->loss(run, &pass->loss);
}

/* The same way back. */
static void backward_chain(const struct nl_backend *backend, const struct nl_pass *pass, const struct nl_run *run, int from, bool from_seam, int to)
{
    for (int first = 0; first < run->samples; first += pass->micro) {
        struct nl_run part = part_of(pass, run, first);
        struct nl_op op;
        if (from_seam) {
            op = nl_microbatch_op(backend, pass, from, first);
            backend->normalize_dx(&part, &op.normalize);
            join(backend, &part, &op);
        }
        for (int i = from - 1; i > to; i--) {
            recompute(backend, pass, &part, i, first);
            op = nl_microbatch_op(backend, pass, i, first);
            backward(backend, &part, &op);
        }
        if (to != NONE) {
            op = nl_microbatch_op(backend, pass, to, first);
            backend->normalize_sums(&part, &op.normalize);
        }
    }
}

void nl_plan_backward(const struct nl_plan *plan, const struct nl_run *run)
{
    const struct nl_backend *backend = plan->backend;
    const struct nl_pass *pass = &plan->train;
    for (int i = pass->ops - 1; i >= pass->local; i--) {
        recompute(backend, pass, run, i, 0);
        backward(backend, run, &pass->op[i]);
    }
    for (int from = pass->local, to; pass->local > 0 && from != NONE; from = to) {
        to = seam_before(pass, from);
        backward_chain(backend, pass, run, from, from < pass->local, to);
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
