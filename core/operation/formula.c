/* A normalizer that is a formula, stage by stage as formula/schedule.c has ordered it. */
#include "operation/formula.h"

#include "operation/affine.h"
#include "operation/describe.h"
#include "operation/reference.h"

#include "formula/elementwise.h"

enum { X, PARAMETERS, SLOTS = PARAMETERS + NL_MOST_FORMULA_PARAMETERS };
enum { KEPT, SCRATCH, SAVED };

/* How many elements each axis has. */
struct extents {
    size_t of[NL_AXES]; /* batch, space, group, member */
};

static struct extents extents_of(const struct nl_formula_call *op, int samples)
{
    int groups = nl_formula_of(op->set.norm)->groups, g = groups > 0 ? groups : 1;
    return (struct extents){{(size_t)samples, (size_t)op->positions, (size_t)g, (size_t)(op->channels / g)}};
}

/* Elements of what varies along these axes. */
static size_t elements(const struct extents *extents, unsigned axes)
{
    size_t count = 1;
    for (int a = 0; a < NL_AXES; a++)
        count *= axes >> a & 1 ? extents->of[a] : 1;
    return count;
}

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
    return !formula->states && !nl_formula_reduces(formula, NL_AXIS_BATCH);
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

/* A call: where each node's values are. */
struct call {
    const struct nl_run *run;
    const struct nl_formula_call *op;
    const struct nl_formula *formula;
    struct extents extents;
    accumulator *state[NL_MOST_FORMULA_STATES]; /* as they were before the step */
    accumulator **small;                        /* of each small node, its values; NULL: it is none, or not known yet */
    accumulator *full; /* of each node of all axes, its value at the element that is computed */
};

/* An element's place along each axis. */
struct place {
    size_t at[NL_AXES];
};

static size_t index_of(const struct extents *extents, unsigned axes, const struct place *place)
{
    size_t index = 0;
    for (int a = 0; a < NL_AXES; a++)
        if (axes >> a & 1)
            index = index * extents->of[a] + place->at[a];
    return index;
}

/* Goes on to the next element of what varies along these axes, the last axis fastest. */
static void advance(const struct extents *extents, unsigned axes, struct place *place)
{
    for (int a = NL_AXES - 1; a >= 0; a--) {
        if (!(axes >> a & 1))
            continue;
        if (++place->at[a] < extents->of[a])
            return;
        place->at[a] = 0;
    }
}

static accumulator number_of(const struct call *call, int which)
{
    return which == NL_FORMULA_EPS ? nl_override_or(call->op->set.eps, call->op->hyper->norm_eps)
                                   : (double)call->run->step;
}

/* A leaf's tensor in memory; NULL: it has none. */
static const real *tensor_of(const struct call *call, const struct nl_formula_node *node)
{
    return node->op == NL_OP_X           ? call->op->x
           : node->op == NL_OP_DY        ? call->op->dy
           : node->op == NL_OP_PARAMETER ? call->op->parameter[node->index]
                                         : NULL;
}

/* The value of node i at a place. */
static accumulator value_at(const struct call *call, int i, const struct place *place)
{
    const struct nl_formula_node *node = &call->formula->node[i];
    const real *tensor = tensor_of(call, node);
    const accumulator *kept = node->op == NL_OP_STATE ? call->state[node->index] : call->small[i];
    if (tensor || kept) {
        size_t index = index_of(&call->extents, node->axes, place);
        return tensor ? tensor[index] : kept[index];
    }
    return node->op == NL_OP_CONSTANT ? node->value
           : node->op == NL_OP_NUMBER ? number_of(call, node->index)
           : node->op == NL_OP_COUNT  ? (double)elements(&call->extents, node->over)
                                      : call->full[i];
}

static accumulator elementwise_at(const struct call *call, int i, const struct place *place)
{
    const struct nl_formula_node *node = &call->formula->node[i];
    accumulator operand[3] = {0};
    for (int k = 0; k < 3 && node->operand[k] != NL_FORMULA_NOWHERE; k++)
        operand[k] = value_at(call, node->operand[k], place);
    return nl_formula_value(node->op, operand[0], operand[1], operand[2]);
}

/* Adds an element to a reduction. */
static void reduce_at(const struct call *call, int i, const struct place *place)
{
    const struct nl_formula_node *node = &call->formula->node[i];
    accumulator *to = &call->small[i][index_of(&call->extents, node->axes, place)];
    accumulator element = value_at(call, node->operand[0], place);
    *to = node->op == NL_OP_SUM       ? *to + element
          : node->op == NL_OP_LARGEST ? nl_formula_larger(element, *to)
                                      : nl_formula_smaller(element, *to);
}

static void begin_reduction(const struct call *call, int i)
{
    const struct nl_formula_node *node = &call->formula->node[i];
    double start = node->op == NL_OP_SUM ? 0 : node->op == NL_OP_LARGEST ? -INFINITY : INFINITY;
    for (size_t e = 0; e < elements(&call->extents, node->axes); e++)
        call->small[i][e] = start;
}

/* A node of fewer axes than x, all of it: elementwise, or a reduction of another such node. */
static void compute_small(const struct call *call, int i)
{
    const struct nl_formula_node *node = &call->formula->node[i];
    struct place place = {{0}};
    if (!node->over) {
        for (size_t e = 0; e < elements(&call->extents, node->axes); e++) {
            call->small[i][e] = elementwise_at(call, i, &place);
            advance(&call->extents, node->axes, &place);
        }
        return;
    }
    unsigned axes = call->formula->node[node->operand[0]].axes;
    begin_reduction(call, i);
    for (size_t e = 0; e < elements(&call->extents, axes); e++) {
        reduce_at(call, i, &place);
        advance(&call->extents, axes, &place);
    }
}

/* Gives the states as they were before the step their places in what forward keeps; returns the rest of it. */
static accumulator *lay_out_states(struct call *call)
{
    accumulator *at = call->op->kept;
    for (int i = 0; i < call->formula->states; i++) {
        call->state[i] = at;
        at += elements(&call->extents, call->formula->state[i].axes);
    }
    return at;
}

static void copy_states(const struct call *call)
{
    for (int i = 0; i < call->formula->states; i++) {
        const real *from = call->op->state[i];
        for (size_t e = 0; e < elements(&call->extents, call->formula->state[i].axes); e++)
            call->state[i][e] = from[e];
    }
}

/* Gives the small nodes of a program their places, from `at` on. */
static void lay_out(struct call *call, const struct nl_formula_program *program, accumulator *at)
{
    for (int s = 0; s < program->stages; s++) {
        const struct nl_formula_stage *stage = &program->stage[s];
        for (int i = 0; i < stage->smalls + stage->reductions; i++) {
            int node = i < stage->smalls ? stage->small[i] : stage->reduction[i - stage->smalls];
            call->small[node] = at;
            at += elements(&call->extents, call->formula->node[node].axes);
        }
    }
}

/* out: where the program's output goes; NULL: nobody asks for it. */
static void run_stage(struct call *call, const struct nl_formula_stage *stage, int output, real *out)
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

static void run_program(struct call *call, const struct nl_formula_program *program, real *out)
{
    for (int s = 0; s < program->stages; s++)
        run_stage(call, &program->stage[s], program->output, out);
}

/* The scratch holds a place and a number of each node, and then the small nodes of backward. */
static struct call begin(const struct nl_run *run, const struct nl_formula_call *op)
{
    const struct nl_formula *formula = nl_formula_of(op->set.norm);
    size_t count = (size_t)formula->count;
    _Static_assert(sizeof(accumulator *) <= sizeof(accumulator), "a place takes the room of a number");
    struct call call = {.run = run,
                        .op = op,
                        .formula = formula,
                        .extents = extents_of(op, run->samples),
                        .full = op->scratch,
                        .small = (accumulator **)(void *)((accumulator *)op->scratch + count)};
    memset(call.small, 0, count * sizeof *call.small);
    return call;
}

/* What node i comes to along these axes, of which it may lack some, into a tensor. */
static void write(const struct call *call, int i, unsigned axes, real *to)
{
    struct place place = {{0}};
    for (size_t e = 0; e < elements(&call->extents, axes); e++) {
        to[e] = (real)value_at(call, i, &place);
        advance(&call->extents, axes, &place);
    }
}

/* What is read of states stands apart, so that all next ones are those of before the step. */
static void keep_states(const struct call *call)
{
    for (int i = 0; i < call->formula->states; i++)
        write(call, call->formula->next[i], call->formula->state[i].axes, call->op->state[i]);
}

/* What it is in this call. */
static const struct nl_formula_form *form_of(const struct call *call)
{
    return nl_are_fixed(call->run->statistics) ? &call->formula->evaluation : &call->formula->training;
}

static void forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_formula_call *op = arguments;
    struct call call = begin(run, op);
    const struct nl_formula_program *program = &form_of(&call)->forward;
    lay_out(&call, program, lay_out_states(&call));
    copy_states(&call);
    run_program(&call, program, op->y);
    if (run->statistics == NL_STATS_TRAIN)
        keep_states(&call);
}

static void backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_formula_call *op = arguments;
    struct call call = begin(run, op);
    const struct nl_formula_form *form = form_of(&call);
    lay_out(&call, &form->forward, lay_out_states(&call));
    lay_out(&call, &form->backward, (accumulator *)op->scratch + 2 * (size_t)call.formula->count);
    run_program(&call, &form->backward, op->dx);
    for (int i = 0; i < call.formula->parameters; i++)
        if (op->gradient[i])
            write(&call, form->gradient[i], call.formula->parameter[i].axes, op->gradient[i]);
}

NL_KERNEL(formula) = {.forward = forward, .backward = backward};

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
    .reference = NL_REFERENCES(formula),
};
