/* The gradient of a formula, in reverse mode: from y down, each node hands its adjoint, times its own derivative, to
 * its operands. What is made are nodes like any others, so equal ones are shared with the formula's. */
#include <math.h>
#include <stdlib.h>

#include "formula/nodes.h"

enum { NOWHERE = NL_FORMULA_NOWHERE };

struct reverse {
    struct nl_nodes *nodes;
    int *adjoint;  /* of each of the formula's nodes: what y's gradient comes to there; NOWHERE: 0 */
    bool *depends; /* whether it depends on x or on a parameter */
    bool *guarded; /* whether it stands in a branch of where(), so that a 0 which comes down to it stays 0 */
};

static int constant(struct reverse *r, double value)
{
    return nl_node_constant(r->nodes, value);
}

static int binary(struct reverse *r, enum nl_operator op, int a, int b)
{
    return nl_node_binary(r->nodes, op, a, b);
}

static int unary(struct reverse *r, enum nl_operator op, int a)
{
    return nl_node_unary(r->nodes, op, a);
}

/* An adjoint times a derivative. */
static int chain(struct reverse *r, int i, int adjoint, int derivative)
{
    return binary(r, r->guarded[i] ? NL_OP_MASK : NL_OP_MULTIPLY, adjoint, derivative);
}

/* The adjoint of something that varies along `from`, summed to something that varies along `to`. */
static int sum_to(struct reverse *r, int adjoint, unsigned from, unsigned to)
{
    return nl_node_sum_of_parts(r->nodes, adjoint, from & ~to);
}

/* Adds to the adjoint of node i's operand, which is given as it is for each element of node i. */
static void hand(struct reverse *r, int i, int number, int adjoint)
{
    int operand = r->nodes->at[i].operand[number];
    if (!r->depends[operand])
        return;
    adjoint = sum_to(r, adjoint, r->nodes->at[i].axes, r->nodes->at[operand].axes);
    int before = r->adjoint[operand];
    r->adjoint[operand] = before == NOWHERE ? adjoint : binary(r, NL_OP_ADD, before, adjoint);
}

/* min(a, b) and max(a, b) hand all to the one that they are, and half to each of two equal ones. */
static void choose(struct reverse *r, int i, int up, int a_is_it, int b_is_it)
{
    int half = binary(r, NL_OP_MULTIPLY, constant(r, 0.5), up), none = constant(r, 0);
    hand(r, i, 0, nl_node_where(r->nodes, a_is_it, up, nl_node_where(r->nodes, b_is_it, none, half)));
    hand(r, i, 1, nl_node_where(r->nodes, b_is_it, up, nl_node_where(r->nodes, a_is_it, none, half)));
}

/* a^b = y. The slope in b is there only where a formula learns the exponent. */
static void differentiate_power(struct reverse *r, int i, int up, int a, int b)
{
    if (r->depends[a]) {
        int less = binary(r, NL_OP_SUBTRACT, b, constant(r, 1));
        hand(r, i, 0, chain(r, i, up, binary(r, NL_OP_MULTIPLY, b, binary(r, NL_OP_POWER, a, less))));
    }
    if (r->depends[b]) {
        int positive = binary(r, NL_OP_LESS, constant(r, 0), a);
        int slope = binary(r, NL_OP_MULTIPLY, i, unary(r, NL_OP_LOG, a));
        hand(r, i, 1, nl_node_where(r->nodes, positive, chain(r, i, up, slope), constant(r, 0)));
    }
}

/* Each of the k largest elements of a set has 1 / k of what comes down to the set. */
static void differentiate_extreme(struct reverse *r, int i, int up, int a, unsigned over)
{
    int equals = binary(r, NL_OP_EQUAL, a, i), many = nl_node_reduce(r->nodes, NL_OP_SUM, equals, over);
    int share = binary(r, NL_OP_DIVIDE, up, many);
    int given = nl_node_where(r->nodes, equals, share, constant(r, 0)), before = r->adjoint[a];
    if (r->depends[a])
        r->adjoint[a] = before == NOWHERE ? given : binary(r, NL_OP_ADD, before, given);
}

/* y = f(a): f'(a), where it can be said by one node. */
static int slope_of(struct reverse *r, enum nl_operator op, int y, int a)
{
    int one = constant(r, 1), none = constant(r, 0);
    switch (op) {
    case NL_OP_SQRT: return binary(r, NL_OP_DIVIDE, constant(r, 0.5), y);
    case NL_OP_ROOT:
        return nl_node_where(r->nodes, binary(r, NL_OP_EQUAL, y, none), none,
                             binary(r, NL_OP_DIVIDE, constant(r, 0.5), y));
    case NL_OP_RSQRT:
        return binary(r, NL_OP_MULTIPLY, constant(r, -0.5),
                      binary(r, NL_OP_MULTIPLY, y, binary(r, NL_OP_MULTIPLY, y, y)));
    case NL_OP_EXP: return y;
    case NL_OP_LOG: return binary(r, NL_OP_DIVIDE, one, a);
    case NL_OP_TANH: return binary(r, NL_OP_SUBTRACT, one, binary(r, NL_OP_MULTIPLY, y, y));
    case NL_OP_ERF:
        return binary(r, NL_OP_MULTIPLY, constant(r, M_2_SQRTPI),
                      unary(r, NL_OP_EXP, unary(r, NL_OP_NEGATE, binary(r, NL_OP_MULTIPLY, a, a))));
    case NL_OP_SIGMOID: return binary(r, NL_OP_MULTIPLY, y, binary(r, NL_OP_SUBTRACT, one, y));
    case NL_OP_ABS: return unary(r, NL_OP_SIGN, a);
    default: NL_BUG("operator %d has no slope", op);
    }
}

static void differentiate_node(struct reverse *r, int i)
{
    const struct nl_formula_node node = r->nodes->at[i]; /* a copy, since nodes move as they grow */
    int up = r->adjoint[i], a = node.operand[0], b = node.operand[1], none = constant(r, 0);
    switch (node.op) {
    case NL_OP_ADD:
        hand(r, i, 0, up);
        hand(r, i, 1, up);
        break;
    case NL_OP_SUBTRACT:
        hand(r, i, 0, up);
        hand(r, i, 1, unary(r, NL_OP_NEGATE, up));
        break;
    case NL_OP_MULTIPLY:
        if (a == b) {
            hand(r, i, 0, binary(r, NL_OP_MULTIPLY, constant(r, 2), chain(r, i, up, a)));
            break;
        }
        hand(r, i, 0, chain(r, i, up, b));
        hand(r, i, 1, chain(r, i, up, a));
        break;
    case NL_OP_DIVIDE: {
        int part = r->guarded[i] ? chain(r, i, up, binary(r, NL_OP_DIVIDE, constant(r, 1), b))
                                 : binary(r, NL_OP_DIVIDE, up, b);
        hand(r, i, 0, part);
        hand(r, i, 1, unary(r, NL_OP_NEGATE, chain(r, i, part, i)));
        break;
    }
    case NL_OP_POWER: differentiate_power(r, i, up, a, b); break;
    case NL_OP_WHERE:
        hand(r, i, 1, nl_node_where(r->nodes, a, up, none));
        hand(r, i, 2, nl_node_where(r->nodes, a, none, up));
        break;
    case NL_OP_MIN: choose(r, i, up, binary(r, NL_OP_LESS, a, b), binary(r, NL_OP_LESS, b, a)); break;
    case NL_OP_MAX: choose(r, i, up, binary(r, NL_OP_LESS, b, a), binary(r, NL_OP_LESS, a, b)); break;
    case NL_OP_NEGATE: hand(r, i, 0, unary(r, NL_OP_NEGATE, up)); break;
    case NL_OP_RELU: hand(r, i, 0, nl_node_where(r->nodes, binary(r, NL_OP_LESS, none, a), up, none)); break;
    case NL_OP_SQRT:
    case NL_OP_ROOT:
    case NL_OP_RSQRT:
    case NL_OP_EXP:
    case NL_OP_LOG:
    case NL_OP_TANH:
    case NL_OP_ERF:
    case NL_OP_SIGMOID:
    case NL_OP_ABS: hand(r, i, 0, chain(r, i, up, slope_of(r, node.op, i, a))); break;
    case NL_OP_SUM: {
        int before = r->adjoint[a]; /* the same for each element */
        r->adjoint[a] = before == NOWHERE ? up : binary(r, NL_OP_ADD, before, up);
        break;
    }
    case NL_OP_LARGEST:
    case NL_OP_SMALLEST: differentiate_extreme(r, i, up, a, node.over); break;
    case NL_OP_LESS:
    case NL_OP_AT_MOST:
    case NL_OP_EQUAL:
    case NL_OP_UNEQUAL:
    case NL_OP_SIGN:
    case NL_OP_STOP:
    case NL_OP_CONSTANT:
    case NL_OP_X:
    case NL_OP_DY:
    case NL_OP_PARAMETER:
    case NL_OP_STATE:
    case NL_OP_NUMBER:
    case NL_OP_COUNT:
    case NL_OP_MASK:
    case NL_OPERATORS: break;
    }
}

/* What depends on x and parameters, and what stands in branches. */
static void look(struct reverse *r, int y)
{
    for (int i = 0; i <= y; i++) {
        const struct nl_formula_node *node = &r->nodes->at[i];
        bool cut =
            node->op == NL_OP_STOP || node->op == NL_OP_SIGN || (node->op >= NL_OP_LESS && node->op <= NL_OP_UNEQUAL);
        r->depends[i] = node->op == NL_OP_X || node->op == NL_OP_PARAMETER;
        for (int o = 0; o < 3 && !cut; o++)
            if (node->operand[o] != NOWHERE && !(node->op == NL_OP_WHERE && o == 0))
                r->depends[i] = r->depends[i] || r->depends[node->operand[o]];
    }
    for (int i = y; i >= 0; i--) {
        const struct nl_formula_node *node = &r->nodes->at[i];
        for (int o = 0; o < 3; o++)
            if (node->operand[o] != NOWHERE)
                r->guarded[node->operand[o]] |= r->guarded[i] || (node->op == NL_OP_WHERE && o > 0);
    }
}

/* The adjoint of a leaf, as a node; 0 where y does not depend on it. */
static int adjoint_of(const struct reverse *r, int leaf, int none)
{
    return leaf == NOWHERE || r->adjoint[leaf] == NOWHERE ? none : r->adjoint[leaf];
}

void nl_formula_differentiate(const struct nl_formula *formula, struct nl_formula_form *form, struct nl_nodes *nodes)
{
    int count = nodes->count, y = form->y, none, x = NOWHERE, leaf[NL_MOST_FORMULA_PARAMETERS];
    struct reverse r = {.nodes = nodes,
                        .adjoint = nl_alloc((size_t)count, sizeof *r.adjoint),
                        .depends = nl_alloc((size_t)count, sizeof *r.depends),
                        .guarded = nl_alloc((size_t)count, sizeof *r.guarded)};
    for (int i = 0; i < count; i++)
        r.adjoint[i] = NOWHERE;
    for (int i = 0; i < NL_MOST_FORMULA_PARAMETERS; i++)
        leaf[i] = NOWHERE;
    look(&r, y);
    r.adjoint[y] = sum_to(&r, nl_node_leaf(nodes, NL_OP_DY, 0, NL_AXES_ALL), NL_AXES_ALL, nodes->at[y].axes);
    for (int i = y; i >= 0; i--) {
        enum nl_operator op = nodes->at[i].op;
        x = op == NL_OP_X ? i : x;
        if (op == NL_OP_PARAMETER)
            leaf[nodes->at[i].index] = i;
        if (r.adjoint[i] != NOWHERE && r.depends[i])
            differentiate_node(&r, i);
    }
    none = nl_node_constant(nodes, 0);
    form->dx = adjoint_of(&r, x, none);
    for (int i = 0; i < formula->parameters; i++)
        form->gradient[i] = adjoint_of(&r, leaf[i], none);
    free(r.adjoint);
    free(r.depends);
    free(r.guarded);
}
