/* A step over a plan: the flat list of operations forwards, backwards, then the update. */
#include "train/microbatch.h"

static void forward(const struct nl_run *run, const struct nl_op *op)
{
    op->kernel->forward(run, nl_op_arguments(op));
}

static void join(const struct nl_plan *plan, const struct nl_run *run, const struct nl_op *op)
{
    if (op->joins)
        plan->add->forward(run, &op->join);
}

static void backward(const struct nl_plan *plan, const struct nl_run *run, const struct nl_op *op)
{
    op->kernel->backward(run, nl_op_arguments(op));
    join(plan, run, op);
}

/* What operation i takes, where that was not kept: of the samples from `first` on. */
static void recompute(const struct nl_backend *backend, const struct nl_pass *pass, const struct nl_run *run, int i, int first)
{
    if (!pass->op[i].recomputes)
        return;
    struct nl_op before = nl_microbatch_op(backend, pass, i - 1, first);
    before.kernel->apply(run, &before.normalize);
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

static bool reduces(const struct nl_pass *pass, int i)
{
    return pass->reduces && pass->op[i].kind == NL_NORM_LAYER;
}

/* The first operation from `from` on that reduces over the batch, or where the local ones end. */
static int next_reduction(const struct nl_pass *pass, int from, int local)
{
    while (from < local && !reduces(pass, from))
        from++;
    return from;
}

/* The last one before `end`, or NONE. */
enum { NONE = -1 };

static int reduction_before(const struct nl_pass *pass, int end)
{
    while (--end >= 0 && !reduces(pass, end))
        ;
    return end;
}

/* From the second call of one operation that reduces to the first call of the next one, or from end to end: micro-batch by micro-batch. */
static void forward_chain(const struct nl_backend *backend, const struct nl_pass *pass, const struct nl_run *run, int from, int to, bool to_reduction)
{
    for (int first = 0; first < run->samples; first += pass->micro) {
        struct nl_run part = part_of(pass, run, first);
        struct nl_op op;
        if (from != NONE) {
            op = nl_microbatch_op(backend, pass, from, first);
            op.kernel->apply(&part, &op.normalize);
        }
        for (int i = from + 1; i < to; i++) {
            op = nl_microbatch_op(backend, pass, i, first);
            forward(&part, &op);
        }
        if (to_reduction) {
            op = nl_microbatch_op(backend, pass, to, first);
            op.kernel->reduce(&part, &op.normalize);
        }
    }
}

void nl_plan_forward(const struct nl_plan *plan, const struct nl_pass *pass, const struct nl_run *run)
{
    const struct nl_backend *backend = plan->backend;
    int local = local_ops(pass, run);
    plan->gather->forward(run, &pass->gather);
    for (int from = NONE, to; local > 0 && from < local; from = to) {
        to = next_reduction(pass, from + 1, local);
        forward_chain(backend, pass, run, from, to, to < local);
    }
    for (int i = local; i < pass->ops; i++)
        forward(run, &pass->op[i]);
    plan->loss->forward(run, &pass->loss);
}

/* The same way back. */
static void backward_chain(const struct nl_plan *plan, const struct nl_run *run, int from, bool from_reduction, int to)
{
    const struct nl_backend *backend = plan->backend;
    const struct nl_pass *pass = &plan->train;
    for (int first = 0; first < run->samples; first += pass->micro) {
        struct nl_run part = part_of(pass, run, first);
        struct nl_op op;
        if (from_reduction) {
            op = nl_microbatch_op(backend, pass, from, first);
            op.kernel->backward_apply(&part, &op.normalize);
            join(plan, &part, &op);
        }
        for (int i = from - 1; i > to; i--) {
            recompute(backend, pass, &part, i, first);
            op = nl_microbatch_op(backend, pass, i, first);
            backward(plan, &part, &op);
        }
        if (to != NONE) {
            op = nl_microbatch_op(backend, pass, to, first);
            op.kernel->backward_reduce(&part, &op.normalize);
        }
    }
}

void nl_plan_backward(const struct nl_plan *plan, const struct nl_run *run)
{
    const struct nl_backend *backend = plan->backend;
    const struct nl_pass *pass = &plan->train;
    for (int i = pass->ops - 1; i >= pass->local; i--) {
        recompute(backend, pass, run, i, 0);
        backward(plan, run, &pass->op[i]);
    }
    for (int from = pass->local, to; pass->local > 0 && from != NONE; from = to) {
        to = reduction_before(pass, from);
        backward_chain(plan, run, from, from < pass->local, to);
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
