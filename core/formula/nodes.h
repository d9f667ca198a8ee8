/* Private to core/formula: nodes as they are made, simplified at once. Equal nodes are one. */
#ifndef NL_FORMULA_NODES_H
#define NL_FORMULA_NODES_H

#include "formula/formula.h"

/* Nodes under construction. full: there would be more than NL_MOST_FORMULA_NODES; what is made then is node 0. budget:
 * products and sums that the sum which is being made may still take apart. What they share would else be gone through
 * again and again. */
struct nl_nodes {
    struct nl_formula_node *at;
    int count, capacity;
    bool full;
    int budget;
};

int nl_node_constant(struct nl_nodes *nodes, double value);
int nl_node_leaf(struct nl_nodes *nodes, enum nl_operator op, int index, unsigned axes);
int nl_node_count(struct nl_nodes *nodes, unsigned axes);
int nl_node_unary(struct nl_nodes *nodes, enum nl_operator op, int a);
int nl_node_binary(struct nl_nodes *nodes, enum nl_operator op, int a, int b);
int nl_node_where(struct nl_nodes *nodes, int condition, int a, int b);

/* SUM, LARGEST or SMALLEST over axes; along one that a lacks it is the same number so many times. Factors of a sum that
 * vary along none of them are taken out, and sum(x - mean(x)) is 0. */
int nl_node_reduce(struct nl_nodes *nodes, enum nl_operator op, int a, unsigned axes);

/* The sum of a over axes, of terms one by one: so what several sums of a gradient have
 * in common is there once, and a term that waits for another pass holds up no other. */
int nl_node_sum_of_parts(struct nl_nodes *nodes, int a, unsigned axes);

/* The axes of the mean where the node is v - mean(v, axes); else 0. */
unsigned nl_node_centred_over(const struct nl_formula_node *nodes, int a);

int nl_node_mean(struct nl_nodes *nodes, int a, unsigned axes);

/* Appends what the gradient of form->y is made of: form->dx and form->gradient. */
void nl_formula_differentiate(const struct nl_formula *formula, struct nl_formula_form *form, struct nl_nodes *nodes);

/* Marks node i and all that it is made of. */
void nl_formula_mark(const struct nl_formula_node *nodes, bool *marked, int i);

static inline bool nl_node_is_leaf(const struct nl_formula_node *node)
{
    return node->operand[0] == NL_FORMULA_NOWHERE;
}

/* Whether what `output` is made of reduces over one of the axes; counts are no reductions. */
bool nl_node_reduces(const struct nl_formula_node *nodes, int count, int output, unsigned axes);

/* Fills in the programs of both forms. */
void nl_formula_schedule(struct nl_formula *formula);

#endif
