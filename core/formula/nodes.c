/* Nodes of a formula: made once, and simplified as they are made. */
#include "formula/nodes.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef double accumulator;
#define real_part(x) (x)
#define error_function(x) erf(x)
#include "formula/elementwise.h"

enum { NOWHERE = NL_FORMULA_NOWHERE };

static const unsigned char operands_of[] = {
#define OPERATOR(name, operands, spelling) operands,
#include "formula/operators.def"
#undef OPERATOR
};

static bool equal(const struct nl_formula_node *a, const struct nl_formula_node *b)
{
    return a->op == b->op && memcmp(a->operand, b->operand, sizeof a->operand) == 0 && a->axes == b->axes &&
           a->over == b->over && memcmp(&a->value, &b->value, sizeof a->value) == 0 && a->index == b->index;
}

static int add(struct nl_nodes *nodes, const struct nl_formula_node *node)
{
    for (int i = nodes->count - 1; i >= 0; i--)
        if (equal(&nodes->at[i], node))
            return i;
    if (nodes->count == NL_MOST_FORMULA_NODES) {
        nodes->full = true;
        return 0;
    }
    NL_GROW(nodes->at, nodes->count, nodes->capacity);
    nodes->at[nodes->count] = *node;
    return nodes->count++;
}

static struct nl_formula_node blank(enum nl_operator op)
{
    return (struct nl_formula_node){.op = op, .operand = {NOWHERE, NOWHERE, NOWHERE}};
}

int nl_node_constant(struct nl_nodes *nodes, double value)
{
    struct nl_formula_node node = blank(NL_OP_CONSTANT);
    node.value = value;
    return add(nodes, &node);
}

int nl_node_leaf(struct nl_nodes *nodes, enum nl_operator op, int index, unsigned axes)
{
    struct nl_formula_node node = blank(op);
    node.index = index;
    node.axes = axes;
    return add(nodes, &node);
}

int nl_node_count(struct nl_nodes *nodes, unsigned axes)
{
    struct nl_formula_node node = blank(NL_OP_COUNT);
    node.over = axes;
    return axes ? add(nodes, &node) : nl_node_constant(nodes, 1);
}

static bool is_constant(const struct nl_nodes *nodes, int i)
{
    return nodes->at[i].op == NL_OP_CONSTANT;
}

static bool is(const struct nl_nodes *nodes, int i, double value)
{
    return is_constant(nodes, i) && !(fabs(nodes->at[i].value - value) > 0) && isfinite(nodes->at[i].value);
}

/* An elementwise node as it is; of constants, their value. */
static int elementwise(struct nl_nodes *nodes, enum nl_operator op, int a, int b, int c)
{
    struct nl_formula_node node = blank(op);
    const int operand[] = {a, b, c};
    double value[3] = {0};
    bool constant = true;
    for (int i = 0; i < operands_of[op]; i++) {
        const struct nl_formula_node *of = &nodes->at[operand[i]];
        node.operand[i] = operand[i];
        node.axes |= of->axes;
        constant = constant && of->op == NL_OP_CONSTANT;
        value[i] = of->value;
    }
    return constant ? nl_node_constant(nodes, nl_formula_value(op, value[0], value[1], value[2])) : add(nodes, &node);
}

int nl_node_unary(struct nl_nodes *nodes, enum nl_operator op, int a)
{
    bool undoes = op == NL_OP_NEGATE && nodes->at[a].op == NL_OP_NEGATE;
    return undoes ? nodes->at[a].operand[0] : elementwise(nodes, op, a, NOWHERE, NOWHERE);
}

/* a b. */
static int multiply(struct nl_nodes *nodes, int a, int b)
{
    if (is_constant(nodes, b) && !is_constant(nodes, a))
        return multiply(nodes, b, a); /* a constant comes first */
    if (is(nodes, a, 1))
        return b;
    if (is(nodes, a, 0))
        return a;
    if (is(nodes, a, -1))
        return nl_node_unary(nodes, NL_OP_NEGATE, b);
    return elementwise(nodes, NL_OP_MULTIPLY, a, b, NOWHERE);
}

static int power(struct nl_nodes *nodes, int a, int b)
{
    if (is(nodes, b, 1))
        return a;
    if (is(nodes, b, 0))
        return nl_node_constant(nodes, 1);
    if (is(nodes, b, 2))
        return nl_node_binary(nodes, NL_OP_MULTIPLY, a, a);
    if (is(nodes, b, -1))
        return nl_node_binary(nodes, NL_OP_DIVIDE, nl_node_constant(nodes, 1), a);
    if (is(nodes, b, 0.5))
        return nl_node_unary(nodes, NL_OP_SQRT, a);
    if (is(nodes, b, -0.5))
        return nl_node_unary(nodes, NL_OP_RSQRT, a);
    return elementwise(nodes, NL_OP_POWER, a, b, NOWHERE);
}

int nl_node_binary(struct nl_nodes *nodes, enum nl_operator op, int a, int b)
{
    if (is_constant(nodes, a) && is_constant(nodes, b))
        return elementwise(nodes, op, a, b, NOWHERE);
    if (op == NL_OP_MULTIPLY)
        return multiply(nodes, a, b);
    if (op == NL_OP_MASK && is_constant(nodes, a))
        return multiply(nodes, a, b);
    if (op == NL_OP_POWER)
        return power(nodes, a, b);
    if ((op == NL_OP_ADD || op == NL_OP_SUBTRACT) && is(nodes, b, 0))
        return a;
    if (op == NL_OP_ADD && is(nodes, a, 0))
        return b;
    if (op == NL_OP_ADD && a == b)
        return multiply(nodes, nl_node_constant(nodes, 2), a);
    if (op == NL_OP_ADD && nodes->at[b].op == NL_OP_NEGATE)
        return elementwise(nodes, NL_OP_SUBTRACT, a, nodes->at[b].operand[0], NOWHERE);
    if (op == NL_OP_SUBTRACT && is(nodes, a, 0))
        return nl_node_unary(nodes, NL_OP_NEGATE, b);
    if (op == NL_OP_DIVIDE && (is(nodes, b, 1) || is(nodes, a, 0)))
        return a;
    return elementwise(nodes, op, a, b, NOWHERE);
}

int nl_node_where(struct nl_nodes *nodes, int condition, int a, int b)
{
    if (is_constant(nodes, condition))
        return is(nodes, condition, 0) ? b : a;
    return a == b ? a : elementwise(nodes, NL_OP_WHERE, condition, a, b);
}

int nl_node_mean(struct nl_nodes *nodes, int a, unsigned axes)
{
    int sum = nl_node_reduce(nodes, NL_OP_SUM, a, axes);
    return nl_node_binary(nodes, NL_OP_DIVIDE, sum, nl_node_count(nodes, axes));
}

unsigned nl_node_centred_over(const struct nl_formula_node *nodes, int a)
{
    const struct nl_formula_node *node = &nodes[a];
    if (node->op != NL_OP_SUBTRACT)
        return 0;
    const struct nl_formula_node *mean = &nodes[node->operand[1]];
    if (mean->op != NL_OP_DIVIDE)
        return 0;
    const struct nl_formula_node *sum = &nodes[mean->operand[0]], *count = &nodes[mean->operand[1]];
    bool is_mean = sum->op == NL_OP_SUM && sum->operand[0] == node->operand[0] && count->op == NL_OP_COUNT &&
                   count->over == sum->over;
    return is_mean ? sum->over : 0;
}

/* Whether it is v - mean(v) over just these axes, whose sum is 0. */
static bool is_centred(const struct nl_nodes *nodes, int a, unsigned axes)
{
    return axes && nl_node_centred_over(nodes->at, a) == axes;
}

/* A product, taken apart: what varies along none of the axes, and the rest. NOWHERE: 1. */
struct factors {
    int outside, inside;
};

static void times(struct nl_nodes *nodes, int *product, enum nl_operator op, int factor)
{
    int before = *product == NOWHERE ? nl_node_constant(nodes, 1) : *product;
    *product = nl_node_binary(nodes, op, before, factor);
}

static void take_apart(struct nl_nodes *nodes, int a, unsigned axes, struct factors *out)
{
    struct nl_formula_node node = nodes->at[a]; /* a copy, since nodes move as they grow */
    if (!(node.axes & axes)) {
        times(nodes, &out->outside, NL_OP_MULTIPLY, a);
    } else if (nodes->budget-- <= 0) {
        times(nodes, &out->inside, NL_OP_MULTIPLY, a);
    } else if (node.op == NL_OP_MULTIPLY) {
        take_apart(nodes, node.operand[0], axes, out);
        take_apart(nodes, node.operand[1], axes, out);
    } else if (node.op == NL_OP_NEGATE) {
        times(nodes, &out->outside, NL_OP_MULTIPLY, nl_node_constant(nodes, -1));
        take_apart(nodes, node.operand[0], axes, out);
    } else if (node.op == NL_OP_DIVIDE) {
        take_apart(nodes, node.operand[0], axes, out);
        bool apart = !(nodes->at[node.operand[1]].axes & axes);
        times(nodes, apart ? &out->outside : &out->inside, NL_OP_DIVIDE, node.operand[1]);
    } else {
        times(nodes, &out->inside, NL_OP_MULTIPLY, a);
    }
}

static struct factors factors_of(struct nl_nodes *nodes, int a, unsigned axes)
{
    struct factors out = {NOWHERE, NOWHERE};
    take_apart(nodes, a, axes, &out);
    out.inside = out.inside == NOWHERE ? nl_node_constant(nodes, 1) : out.inside;
    out.outside = out.outside == NOWHERE ? nl_node_constant(nodes, 1) : out.outside;
    return out;
}

static int reduce(struct nl_nodes *nodes, enum nl_operator op, int a, unsigned axes)
{
    struct nl_formula_node node = blank(op);
    node.operand[0] = a;
    node.over = axes;
    node.axes = nodes->at[a].axes & ~axes;
    return add(nodes, &node);
}

enum { BUDGET = 256 };

static int reduce_within(struct nl_nodes *nodes, enum nl_operator op, int a, unsigned axes)
{
    unsigned has = nodes->at[a].axes & axes;
    if (is(nodes, a, 0))
        return a;
    if (op != NL_OP_SUM)
        return has ? reduce(nodes, op, a, has) : a;
    if (has != axes)
        return multiply(nodes, nl_node_count(nodes, axes & ~has), reduce_within(nodes, op, a, has));
    if (!axes)
        return a;
    struct factors factors = factors_of(nodes, a, axes);
    int sum = is_centred(nodes, factors.inside, axes) ? nl_node_constant(nodes, 0)
                                                      : reduce(nodes, NL_OP_SUM, factors.inside, axes);
    return multiply(nodes, factors.outside, sum);
}

int nl_node_reduce(struct nl_nodes *nodes, enum nl_operator op, int a, unsigned axes)
{
    nodes->budget = BUDGET;
    return reduce_within(nodes, op, a, axes);
}

static int sum_of_parts(struct nl_nodes *nodes, int a, unsigned axes)
{
    unsigned has = nodes->at[a].axes & axes;
    struct factors factors = factors_of(nodes, a, has);
    const struct nl_formula_node inside = nodes->at[factors.inside]; /* a copy, since nodes move as they grow */
    bool adds = (inside.op == NL_OP_ADD || inside.op == NL_OP_SUBTRACT) && nodes->budget > 0;
    int sum;
    if (is_centred(nodes, factors.inside, axes) || !adds)
        sum = reduce_within(nodes, NL_OP_SUM, factors.inside, has);
    else
        sum = nl_node_binary(nodes, inside.op, sum_of_parts(nodes, inside.operand[0], has),
                             sum_of_parts(nodes, inside.operand[1], has));
    return multiply(nodes, nl_node_count(nodes, axes & ~has), multiply(nodes, factors.outside, sum));
}

int nl_node_sum_of_parts(struct nl_nodes *nodes, int a, unsigned axes)
{
    nodes->budget = BUDGET;
    return sum_of_parts(nodes, a, axes);
}

bool nl_formula_is_small(const struct nl_formula_node *node)
{
    return !nl_node_is_leaf(node) && node->axes != NL_AXES_ALL;
}
