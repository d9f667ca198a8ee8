/* Orders nodes into stages: what has fewer axes than x is computed once and kept, what has all of them is computed in
 * each pass that needs it, element by element, and never kept. A pass goes over x once; so there are as many as
 * reductions of such elements depend on one another, and one more for the output. */
#include <stdlib.h>

#include "formula/nodes.h"

enum { NOWHERE = NL_FORMULA_NOWHERE };

/* What is known of a program's nodes while it is made. */
struct order {
    const struct nl_formula *formula;
    bool *wanted, *kept; /* nodes that it needs; nodes that another program leaves behind */
    int *level;          /* the passes that must be over before it is known */
};

static bool is_full(const struct nl_formula_node *node)
{
    return !nl_node_is_leaf(node) && node->axes == NL_AXES_ALL;
}

/* Whether it takes a pass over all elements of x. */
static bool ends_pass(const struct nl_formula *formula, const struct nl_formula_node *node)
{
    return node->over && !nl_node_is_leaf(node) && formula->node[node->operand[0]].axes == NL_AXES_ALL;
}

static void want(struct order *o, int i)
{
    if (o->wanted[i] || o->kept[i])
        return;
    o->wanted[i] = true;
    for (int k = 0; k < 3; k++)
        if (o->formula->node[i].operand[k] != NOWHERE)
            want(o, o->formula->node[i].operand[k]);
}

/* Operands stand before what is made of them, so one walk does. Returns the highest level. */
static int find_levels(struct order *o)
{
    int highest = 0;
    for (int i = 0; i < o->formula->count; i++) {
        const struct nl_formula_node *node = &o->formula->node[i];
        o->level[i] = 0;
        for (int k = 0; o->wanted[i] && k < 3; k++)
            if (node->operand[k] != NOWHERE && o->level[node->operand[k]] > o->level[i])
                o->level[i] = o->level[node->operand[k]];
        o->level[i] += o->wanted[i] && ends_pass(o->formula, node);
        highest = o->level[i] > highest ? o->level[i] : highest;
    }
    return highest;
}

static void mark_full(const struct order *o, bool *marked, int i)
{
    const struct nl_formula_node *node = &o->formula->node[i];
    if (!is_full(node) || marked[i])
        return;
    marked[i] = true;
    for (int k = 0; k < 3; k++)
        if (node->operand[k] != NOWHERE)
            mark_full(o, marked, node->operand[k]);
}

static void push(int **list, int *count, int i)
{
    *list = nl_realloc(*list, (size_t)*count + 1, sizeof **list);
    (*list)[(*count)++] = i;
}

/* output: the node that is written for each element of x, as soon as it is known. */
static void fill_stage(const struct order *o, struct nl_formula_stage *stage, int level, int output)
{
    const struct nl_formula *formula = o->formula;
    bool *marked = nl_alloc((size_t)formula->count, sizeof *marked);
    for (int i = 0; i < formula->count; i++) {
        const struct nl_formula_node *node = &formula->node[i];
        if (!o->wanted[i])
            continue;
        if (ends_pass(formula, node) && o->level[i] == level + 1) {
            push(&stage->reduction, &stage->reductions, i);
            mark_full(o, marked, node->operand[0]);
        } else if (nl_formula_is_small(node) && !ends_pass(formula, node) && o->level[i] == level) {
            push(&stage->small, &stage->smalls, i);
        }
    }
    stage->writes = o->level[output] == level;
    if (stage->writes)
        mark_full(o, marked, output);
    for (int i = 0; i < formula->count; i++)
        if (marked[i])
            push(&stage->full, &stage->fulls, i);
    free(marked);
}

/* The program that computes what is wanted, and the output. */
static void make_program(struct order *o, struct nl_formula_program *program, int output)
{
    want(o, output);
    int highest = find_levels(o);
    program->stages = highest + 1;
    program->stage = nl_alloc((size_t)program->stages, sizeof *program->stage);
    program->output = output;
    for (int s = 0; s < program->stages; s++) {
        struct nl_formula_stage *stage = &program->stage[s];
        fill_stage(o, stage, s, output);
        program->passes += stage->writes || stage->reductions > 0;
    }
}

static struct order order_of(const struct nl_formula *formula)
{
    size_t count = (size_t)formula->count;
    return (struct order){.formula = formula,
                          .wanted = nl_alloc(count, sizeof(bool)),
                          .kept = nl_alloc(count, sizeof(bool)),
                          .level = nl_alloc(count, sizeof(int))};
}

static void release(struct order *o)
{
    free(o->wanted);
    free(o->kept);
    free(o->level);
}

/* states: whether the next states are wanted, too. */
static void schedule_form(const struct nl_formula *formula, struct nl_formula_form *form, bool states)
{
    struct order forward = order_of(formula), backward = order_of(formula);
    for (int s = 0; states && s < formula->states; s++)
        want(&forward, formula->next[s]);
    make_program(&forward, &form->forward, form->y);
    for (int i = 0; i < formula->count; i++)
        backward.kept[i] = forward.wanted[i] && nl_formula_is_small(&formula->node[i]);
    for (int p = 0; p < formula->parameters; p++)
        want(&backward, form->gradient[p]);
    make_program(&backward, &form->backward, form->dx);
    release(&forward);
    release(&backward);
}

void nl_formula_schedule(struct nl_formula *formula)
{
    schedule_form(formula, &formula->training, true);
    schedule_form(formula, &formula->evaluation, false);
}
