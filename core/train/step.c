/* A step over a plan: the program forwards and backwards, then the update. */
#include <stdlib.h>

#include "backend/replica.h"
#include "base/memory.h"
#include "train/plan.h"

/* Evaluation has two programs where statistics are tracked: fixed ones let every sample go by itself. */
static const struct nl_program *program_of(const struct nl_pass *pass, const struct nl_run *run)
{
    if (run->observes)
        return &pass->observed_program;
    bool fixed = nl_are_fixed(run->statistics);
    return fixed || pass->batch_program.instructions == 0 ? &pass->program : &pass->batch_program;
}

/* The run as that one of the calls sees it. */
static struct nl_run run_of_call(const struct nl_plan *plan, const struct nl_run *run, int call)
{
    return nl_calls_of(plan->backend, run) == 1 ? *run : nl_run_of(run, call);
}

void nl_plan_gather(const struct nl_plan *plan, const struct nl_pass *pass, const struct nl_run *run)
{
    for (int call = 0; call < nl_calls_of(plan->backend, run); call++) {
        const struct nl_run seen = run_of_call(plan, run, call);
        const struct nl_gather of = nl_gather_in_replica(&pass->gather, (size_t)call * run->stride);
        plan->gather->forward(&seen, &of);
    }
}

static void average(const struct nl_plan *plan, const struct nl_run *run)
{
    for (int call = 0; call < nl_calls_of(plan->backend, run); call++) {
        const struct nl_run seen = run_of_call(plan, run, call);
        const struct nl_mean_gradient of =
            nl_mean_gradient_in_replica(&plan->mean_gradient, (size_t)call * run->stride);
        plan->mean->forward(&seen, &of);
    }
}

static void update(const struct nl_plan *plan, const struct nl_run *run)
{
    bool frozen = run->statistics == NL_STATS_FROZEN;
    if (frozen && plan->frozen_update.count == 0)
        return; /* train.only names parameters alone that freeze */
    for (int call = 0; call < nl_calls_of(plan->backend, run); call++) {
        const struct nl_run seen = run_of_call(plan, run, call);
        const struct nl_update of =
            nl_update_in_replica(frozen ? &plan->frozen_update : &plan->update, (size_t)call * run->stride);
        plan->backend->update(&seen, &of);
    }
}

void nl_plan_forward(const struct nl_plan *plan, const struct nl_pass *pass, const struct nl_run *run)
{
    nl_plan_gather(plan, pass, run);
    nl_program_forward(program_of(pass, run), run);
}

const struct nl_instruction *nl_plan_loss(const struct nl_pass *pass, const struct nl_run *run)
{
    const struct nl_program *program = program_of(pass, run);
    const struct nl_instruction *loss = &program->instruction[program->chain[program->forward_chains - 1].end - 1];
    NL_ASSERT(loss->operation->is_loss);
    return loss;
}

void nl_plan_initialize(const struct nl_plan *plan, const struct nl_run *run)
{
    if (plan->train.first_program.instructions == 0)
        return;
    nl_plan_gather(plan, &plan->train, run);
    nl_program_forward(&plan->train.first_program, run);
}

void nl_plan_backward(const struct nl_plan *plan, const struct nl_run *run)
{
    nl_program_backward(program_of(&plan->train, run), run);
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
    if (step->plan->mean)
        average(step->plan, step->run);
    if (step->run->adds)
        return;
    update(step->plan, step->run);
    nl_program_after_step(program_of(&step->plan->train, step->run), step->run);
}

void nl_plan_step(struct nl_plan *plan, const struct nl_run *run)
{
    const struct step step = {plan, run};
    if (plan->backend->replay)
        plan->backend->replay(&plan->tape[run->observes][run->statistics == NL_STATS_FROZEN], run,
                              plan->train.gather.index, make_step, &step);
    else
        make_step(&step);
}

bool nl_plan_has_executable(struct nl_plan *plan)
{
    if (plan->compiled || !plan->rates || plan->mean)
        return plan->executable != NULL;
    const struct nl_run run = {.replicas = plan->replicas,
                               .stride = plan->stride,
                               .samples = plan->train.capacity,
                               .statistics = NL_STATS_TRAIN,
                               .augment = true};
    struct nl_call *call = nl_alloc((size_t)plan->train.program.instructions, sizeof *call);
    const struct nl_step step = {.gather = &plan->train.gather,
                                 .calls = nl_program_calls(&plan->train.program, call),
                                 .call = call,
                                 .update = &plan->update,
                                 .begin = (char *)plan->hyper,
                                 .kept = (char *)plan->arena + plan->state_bytes,
                                 .end = plan->step_end};
    plan->executable = step.calls > 0 ? plan->backend->compile(&step, &run) : NULL;
    plan->compiled = true;
    free(call);
    return plan->executable != NULL;
}

void nl_plan_steps(struct nl_plan *plan, const struct nl_run *run, const struct nl_hyper *rates, int steps)
{
    plan->backend->execute(plan->executable, run, plan->train.gather.index, rates, steps);
}
