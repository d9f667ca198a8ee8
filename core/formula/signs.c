/* What is known of the sign of a value from how it is made, so that a division by what may be 0, or a root of what may
 * be negative, is told before a training ends in NaN. */
#include <stdlib.h>

#include "formula/nodes.h"

enum { NOWHERE = NL_FORMULA_NOWHERE };

/* What is known: in this order the least of two is what both have. */
enum sign { ANY, NOT_NEGATIVE, POSITIVE };

static enum sign least(enum sign a, enum sign b)
{
    return a < b ? a : b;
}

static enum sign most(enum sign a, enum sign b)
{
    return a > b ? a : b;
}

/* Two that are not negative have such a product; it is positive where both are. */
static enum sign product(enum sign a, enum sign b)
{
    return a == ANY || b == ANY ? ANY : least(a, b);
}

static enum sign sign_of(const struct nl_formula_node *nodes, const enum sign *states, const enum sign *known, int i)
{
    const struct nl_formula_node *node = &nodes[i];
    int first = node->operand[0], second = node->operand[1];
    enum sign a = first == NOWHERE ? ANY : known[first], b = second == NOWHERE ? ANY : known[second];
    switch (node->op) {
    case NL_OP_CONSTANT: return node->value > 0 ? POSITIVE : node->value < 0 ? ANY : NOT_NEGATIVE;
    case NL_OP_NUMBER: return node->index == NL_FORMULA_EPS ? POSITIVE : NOT_NEGATIVE;
    case NL_OP_STATE: return states[node->index];
    case NL_OP_COUNT:
    case NL_OP_EXP:
    case NL_OP_SIGMOID: return POSITIVE;
    case NL_OP_ABS:
    case NL_OP_RELU:
    case NL_OP_LESS:
    case NL_OP_AT_MOST:
    case NL_OP_EQUAL:
    case NL_OP_UNEQUAL: return NOT_NEGATIVE;
    case NL_OP_ADD: return a == ANY || b == ANY ? ANY : most(a, b);
    case NL_OP_MULTIPLY:
    case NL_OP_MASK: return first == second ? most(NOT_NEGATIVE, a) : product(a, b);
    case NL_OP_DIVIDE: return product(a, b == NOT_NEGATIVE ? ANY : b);
    case NL_OP_POWER: return a;
    case NL_OP_MAX: return most(a, b);
    case NL_OP_MIN: return least(a, b);
    case NL_OP_WHERE: return least(b, known[node->operand[2]]);
    case NL_OP_SQRT:
    case NL_OP_ROOT:
    case NL_OP_STOP:
    case NL_OP_SIGN:
    case NL_OP_TANH:
    case NL_OP_ERF:
    case NL_OP_SUM:
    case NL_OP_LARGEST:
    case NL_OP_SMALLEST: return a;
    case NL_OP_RSQRT: return a == POSITIVE ? POSITIVE : ANY;
    case NL_OP_SUBTRACT:
    case NL_OP_NEGATE:
    case NL_OP_LOG:
    case NL_OP_X:
    case NL_OP_DY:
    case NL_OP_PARAMETER:
    case NL_OPERATORS: return ANY;
    }
    NL_BUG("operator %d has no sign", node->op);
}

/* The operand of a node that is not known to be what the node needs; NOWHERE: all are. */
static int doubtful(const struct nl_formula_node *node, const enum sign *known)
{
    int a = node->operand[0], b = node->operand[1];
    bool needs_positive = node->op == NL_OP_RSQRT || node->op == NL_OP_LOG;
    if (node->op == NL_OP_DIVIDE && known[b] != POSITIVE)
        return b;
    if (needs_positive && known[a] != POSITIVE)
        return a;
    return node->op == NL_OP_SQRT && known[a] == ANY ? a : NOWHERE;
}

/* What is known of all nodes. A state that begins at 0 or above, and whose next value is not negative where the states
 * are not, never is. */
static void look(const struct nl_formula *formula, enum sign *known)
{
    enum sign states[NL_MOST_FORMULA_STATES];
    bool changed = true;
    for (int s = 0; s < formula->states; s++)
        states[s] = formula->state[s].initial > 0 ? POSITIVE : formula->state[s].initial < 0 ? ANY : NOT_NEGATIVE;
    while (changed) {
        changed = false;
        for (int i = 0; i < formula->count; i++)
            known[i] = sign_of(formula->node, states, known, i);
        for (int s = 0; s < formula->states; s++)
            if (known[formula->next[s]] < states[s]) {
                states[s] = known[formula->next[s]];
                changed = true;
            }
    }
}

int nl_formula_doubt(const struct nl_formula *formula, int *node)
{
    size_t count = (size_t)formula->count;
    enum sign *known = nl_alloc(count, sizeof *known);
    bool *marked = nl_alloc(count, sizeof *marked);
    int found = NOWHERE;
    nl_formula_mark(formula->node, marked, formula->training.y);
    nl_formula_mark(formula->node, marked, formula->evaluation.y);
    look(formula, known);
    for (int i = 0; i < formula->count && found == NOWHERE; i++)
        if (marked[i] && (found = doubtful(&formula->node[i], known)) != NOWHERE)
            *node = i;
    free(known);
    free(marked);
    return found;
}
