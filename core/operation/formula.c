/* A normalizer that is a formula, stage by stage as formula/schedule.c has ordered it. */
#include "operation/formula.h"

#include "operation/affine.h"
#include "operation/describe.h"
#include "operation/reference.h"

#include "operation/formula_call.h"

enum { X, PARAMETERS, SLOTS = PARAMETERS + NL_MOST_FORMULA_PARAMETERS };
enum { KEPT, SCRATCH, SAVED };

/* Elements of the small nodes of a program. */
static size_t elements_of(const struct nl_formula *formula, const struct nl_formula_program *program,
                          const struct extents *extents)
{
    size_t count = 0;
    for (int s = 0; s < program->stages; s++) {
        const struct nl_formula_stage *stage = &program->stage[s];
        for (int i = 0; i < stage->smalls; i++)
            count += elements(extents, formula->node[stage->small[i]].axes);
        for (int i = 0; i < stage->reductions; i++)
            count += elements(extents, formula->node[stage->reduction[i]].axes);
    }
    return count;
}

static size_t saved_bytes(const void *arguments, int number, int samples, size_t statistic)
{
    const struct nl_formula_call *op = arguments;
    const struct nl_formula *formula = nl_formula_of(op->set.norm);
    struct extents extents = extents_of(op, samples);
    size_t states = 0, places = 2 * (size_t)formula->count; /* struct call's small and full */
    const struct nl_formula_form *forms[] = {&formula->training, &formula->evaluation};
    size_t most = 0;
    for (int f = 0; f < 2; f++) {
        size_t count = elements_of(formula, number == SCRATCH ? &forms[f]->backward : &forms[f]->forward, &extents);
        most = count > most ? count : most;
    }
    for (int i = 0; i < formula->states; i++)
        states += elements(&extents, formula->state[i].axes);
    return ((number == SCRATCH ? places : states) + most) * statistic;
}

/* A tensor of a parameter or a state, shaped by its axes. */
static struct nl_tensor_spec spec_of(const char *name, unsigned axes, double initial, const struct nl_extent *x,
                                     int groups)
{
    struct nl_tensor_spec spec = {.name = name, .initial = initial, .dims = 1, .shape = {1}};
    if (axes == NL_AXES_CHANNEL)
        spec.shape[0] = (size_t)x->channels;
    if (axes == NL_AXIS_GROUP)
        spec.shape[0] = (size_t)groups;
    if (axes == NL_AXES_SAMPLE) {
        spec.dims = 3;
        spec.shape[0] = (size_t)x->height, spec.shape[1] = (size_t)x->width, spec.shape[2] = (size_t)x->channels;
    }
    return spec;
}

static bool is_gain(const char *name)
{
    return strcmp(name, "gamma") == 0 || strcmp(name, "weight") == 0;
}

static int declare(void *arguments, const struct nl_extent *in, struct nl_declaration *d, struct nl_error *err)
{
    struct nl_formula_call *op = arguments;
    const struct nl_formula *formula = nl_formula_of(op->set.norm);
    if (formula->groups && in[X].channels % formula->groups)
        return nl_fail(err, "the formula's group(%d) does not divide the %d channels of this layer", formula->groups,
                       in[X].channels);
    op->positions = nl_positions(in[X]), op->channels = in[X].channels;
    d->output[d->outputs++] = in[X];
    for (int i = 0; i < formula->parameters; i++) {
        const struct nl_formula_parameter *p = &formula->parameter[i];
        struct nl_tensor_spec spec = spec_of(p->name, p->axes, p->initial, &in[X], formula->groups);
        spec.role = is_gain(p->name) ? NL_GAMMA : NL_BETA;
        spec.slot = PARAMETERS + i;
        d->parameter[d->parameters++] = spec;
    }
    for (int i = 0; i < formula->states; i++) {
        const struct nl_formula_state *s = &formula->state[i];
        struct nl_tensor_spec spec = spec_of(s->name, s->axes, s->initial, &in[X], formula->groups);
        spec.role = NL_RUNNING;
        spec.saved = true;
        nl_declare_state(d, spec);
    }
    return NL_OK;
}

static void prepare(void *arguments, int capacity, bool evaluates)
{
    (void)evaluates;
    ((struct nl_formula_call *)arguments)->capacity = capacity;
}

static bool is_apart(const void *arguments)
{
    const struct nl_formula_call *op = arguments;
    const struct nl_formula *formula = nl_formula_of(op->set.norm);
    return !formula->states && !nl_formula_reduces(formula, &formula->training, NL_AXIS_BATCH);
}

static bool may_be_fixed(const void *arguments)
{
    const struct nl_formula_call *op = arguments;
    const struct nl_formula *formula = nl_formula_of(op->set.norm);
    return formula->evaluation.y != formula->training.y;
}

static double work(const void *arguments)
{
    const struct nl_formula_call *op = arguments;
    const struct nl_formula *formula = nl_formula_of(op->set.norm);
    int operations = 0;
    const struct nl_formula_program *forward = &formula->training.forward;
    for (int s = 0; s < forward->stages; s++)
        operations += forward->stage[s].fulls + forward->stage[s].reductions;
    return (double)operations * op->positions * op->channels;
}

/* ---- the reference ---- */

static void stage_by_element(struct call *call, const struct nl_formula_stage *stage, int output, real *out)
{
    struct place place = {{0}};
    for (int i = 0; i < stage->smalls; i++)
        compute_small(call, stage->small[i]);
    for (int i = 0; i < stage->reductions; i++)
        begin_reduction(call, stage->reduction[i]);
    bool writes = stage->writes && out;
    for (size_t e = 0; (writes || stage->reductions) && e < elements(&call->extents, NL_AXES_ALL); e++) {
        for (int i = 0; i < stage->fulls; i++)
            call->full[stage->full[i]] = elementwise_at(call, stage->full[i], &place);
        for (int i = 0; i < stage->reductions; i++)
            reduce_at(call, stage->reduction[i], &place);
        if (writes)
            out[e] = (real)value_at(call, output, &place);
        advance(&call->extents, NL_AXES_ALL, &place);
    }
}

static void forward(const struct nl_run *run, const void *arguments)
{
    formula_forward(run, arguments, stage_by_element);
}

static void backward(const struct nl_run *run, const void *arguments)
{
    formula_backward(run, arguments, stage_by_element);
}

NL_KERNEL(formula) = {.forward = forward, .backward = backward};

static void describe(const void *arguments, struct nl_text *json)
{
    const struct nl_formula_call *op = arguments;
    nl_formula_describe(nl_formula_of(op->set.norm), json);
    nl_describe_override(json, "eps", op->set.eps);
}

NL_OPERATION(formula) = {
    .name = "formula",
    .arguments = sizeof(struct nl_formula_call),
    .span = NL_SPAN_BATCH,
    .slots = SLOTS,
    .saved = SAVED,
    .skips = 1u << X,
    .declare = declare,
    .prepare = prepare,
    .bound = {NL_BOUND(nl_formula_call, hyper, hyper, 1),
              NL_BOUND(nl_formula_call, x, in[X], 1 + NL_MOST_FORMULA_PARAMETERS),
              NL_BOUND(nl_formula_call, y, out[0], 1), NL_BOUND(nl_formula_call, dy, d_out[0], 1),
              NL_BOUND(nl_formula_call, dx, d_in[X], 1 + NL_MOST_FORMULA_PARAMETERS),
              NL_BOUND(nl_formula_call, state, state[0], NL_MOST_FORMULA_STATES),
              NL_BOUND(nl_formula_call, kept, saved[KEPT], SAVED)},
    .reads = nl_reads_inputs,
    .saved_bytes = saved_bytes,
    .is_apart = is_apart,
    .may_be_fixed = may_be_fixed,
    .work = work,
    .describe = describe,
    .reference = NL_REFERENCES(formula),
};
