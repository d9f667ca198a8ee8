/* A call of a formula: where its nodes' values are, and what all backends on the host compute alike. Whoever includes
 * it has said what `real` and `accumulator` are (operation/reference.h). */
#ifndef NL_OPERATION_FORMULA_CALL_H
#define NL_OPERATION_FORMULA_CALL_H

#include <string.h>

#include "formula/elementwise.h"
#include "operation/formula.h"

/* What an operator computes of one element; a backend may have its own. */
#ifndef NL_FORMULA_VALUE
#define NL_FORMULA_VALUE nl_formula_value
#endif

/* How many elements each axis has. */
struct extents {
    size_t of[NL_AXES]; /* batch, space, group, member */
};

static inline struct extents extents_of(const struct nl_formula_call *op, int samples)
{
    int groups = nl_formula_of(op->set.norm)->groups, g = groups > 0 ? groups : 1;
    return (struct extents){{(size_t)samples, (size_t)op->positions, (size_t)g, (size_t)(op->channels / g)}};
}

/* Elements of what varies along these axes. */
static inline size_t elements(const struct extents *extents, unsigned axes)
{
    size_t count = 1;
    for (int a = 0; a < NL_AXES; a++)
        count *= axes >> a & 1 ? extents->of[a] : 1;
    return count;
}

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

static inline size_t index_of(const struct extents *extents, unsigned axes, const struct place *place)
{
    size_t index = 0;
    for (int a = 0; a < NL_AXES; a++)
        if (axes >> a & 1)
            index = index * extents->of[a] + place->at[a];
    return index;
}

/* Goes on to the next element of what varies along these axes, the last axis fastest. */
static inline void advance(const struct extents *extents, unsigned axes, struct place *place)
{
    for (int a = NL_AXES - 1; a >= 0; a--) {
        if (!(axes >> a & 1))
            continue;
        if (++place->at[a] < extents->of[a])
            return;
        place->at[a] = 0;
    }
}

static inline accumulator number_of(const struct call *call, int which)
{
    return which == NL_FORMULA_EPS ? nl_override_or(call->op->set.eps, call->op->hyper->norm_eps)
                                   : (double)call->run->step;
}

/* A leaf's tensor in memory; NULL: it has none. */
static inline const real *tensor_of(const struct call *call, const struct nl_formula_node *node)
{
    return node->op == NL_OP_X           ? call->op->x
           : node->op == NL_OP_DY        ? call->op->dy
           : node->op == NL_OP_PARAMETER ? call->op->parameter[node->index]
                                         : NULL;
}

/* The value of node i at a place. */
static inline accumulator value_at(const struct call *call, int i, const struct place *place)
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

static inline accumulator elementwise_at(const struct call *call, int i, const struct place *place)
{
    const struct nl_formula_node *node = &call->formula->node[i];
    accumulator operand[3] = {0};
    for (int k = 0; k < 3 && node->operand[k] != NL_FORMULA_NOWHERE; k++)
        operand[k] = value_at(call, node->operand[k], place);
    return NL_FORMULA_VALUE(node->op, operand[0], operand[1], operand[2]);
}

/* What a reduction begins with, and what an element makes of it. */
static inline double start_of(enum nl_operator op)
{
    return op == NL_OP_SUM ? 0 : op == NL_OP_LARGEST ? -INFINITY : INFINITY;
}

static inline accumulator combine(enum nl_operator op, accumulator element, accumulator so_far)
{
    return op == NL_OP_SUM       ? so_far + element
           : op == NL_OP_LARGEST ? nl_formula_larger(element, so_far)
                                 : nl_formula_smaller(element, so_far);
}

/* Adds an element to a reduction. */
static inline void reduce_at(const struct call *call, int i, const struct place *place)
{
    const struct nl_formula_node *node = &call->formula->node[i];
    accumulator *to = &call->small[i][index_of(&call->extents, node->axes, place)];
    accumulator element = value_at(call, node->operand[0], place);
    *to = combine(node->op, element, *to);
}

static inline void begin_reduction(const struct call *call, int i)
{
    const struct nl_formula_node *node = &call->formula->node[i];
    for (size_t e = 0; e < elements(&call->extents, node->axes); e++)
        call->small[i][e] = start_of(node->op);
}

/* A node of fewer axes than x, all of it: elementwise, or a reduction of another such node. */
static inline void compute_small(const struct call *call, int i)
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
static inline accumulator *lay_out_states(struct call *call)
{
    accumulator *at = call->op->kept;
    for (int i = 0; i < call->formula->states; i++) {
        call->state[i] = at;
        at += elements(&call->extents, call->formula->state[i].axes);
    }
    return at;
}

static inline void copy_states(const struct call *call)
{
    for (int i = 0; i < call->formula->states; i++) {
        const real *from = call->op->state[i];
        for (size_t e = 0; e < elements(&call->extents, call->formula->state[i].axes); e++)
            call->state[i][e] = from[e];
    }
}

/* Gives the small nodes of a program their places, from `at` on. */
static inline void lay_out(struct call *call, const struct nl_formula_program *program, accumulator *at)
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

/* The scratch holds a place and a number of each node, and then the small nodes of backward. */
static inline struct call begin(const struct nl_run *run, const struct nl_formula_call *op)
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
static inline void write(const struct call *call, int i, unsigned axes, real *to)
{
    struct place place = {{0}};
    for (size_t e = 0; e < elements(&call->extents, axes); e++) {
        to[e] = (real)value_at(call, i, &place);
        advance(&call->extents, axes, &place);
    }
}

/* What is read of states stands apart, so that all next ones are those of before the step. */
static inline void keep_states(const struct call *call)
{
    for (int i = 0; i < call->formula->states; i++)
        write(call, call->formula->next[i], call->formula->state[i].axes, call->op->state[i]);
}

/* What it is in this call. */
static inline const struct nl_formula_form *form_of(const struct call *call)
{
    return nl_are_fixed(call->run->statistics) ? &call->formula->evaluation : &call->formula->training;
}

/* Computes one stage. out: where the program's output goes; NULL: nobody asks for it. */
typedef void run_stage(struct call *call, const struct nl_formula_stage *stage, int output, real *out);

static inline void run_program(struct call *call, const struct nl_formula_program *program, run_stage *run, real *out)
{
    for (int s = 0; s < program->stages; s++)
        run(call, &program->stage[s], program->output, out);
}

static inline void formula_forward(const struct nl_run *run, const struct nl_formula_call *op, run_stage *stage)
{
    struct call call = begin(run, op);
    const struct nl_formula_program *program = &form_of(&call)->forward;
    lay_out(&call, program, lay_out_states(&call));
    copy_states(&call);
    run_program(&call, program, stage, op->y);
    if (run->statistics == NL_STATS_TRAIN)
        keep_states(&call);
}

static inline void formula_backward(const struct nl_run *run, const struct nl_formula_call *op, run_stage *stage)
{
    struct call call = begin(run, op);
    const struct nl_formula_form *form = form_of(&call);
    lay_out(&call, &form->forward, lay_out_states(&call));
    lay_out(&call, &form->backward, (accumulator *)op->scratch + 2 * (size_t)call.formula->count);
    run_program(&call, &form->backward, stage, op->dx);
    for (int i = 0; i < call.formula->parameters; i++)
        if (op->gradient[i])
            write(&call, form->gradient[i], call.formula->parameter[i].axes, op->gradient[i]);
}

#endif
