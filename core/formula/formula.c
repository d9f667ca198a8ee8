/* What is asked of a formula once it is made. */
#include "formula/nodes.h"

#include <stdlib.h>

enum { NOWHERE = NL_FORMULA_NOWHERE };

void nl_formula_mark(const struct nl_formula_node *nodes, bool *marked, int i)
{
    if (marked[i])
        return;
    marked[i] = true;
    for (int k = 0; k < 3; k++)
        if (nodes[i].operand[k] != NOWHERE)
            nl_formula_mark(nodes, marked, nodes[i].operand[k]);
}

bool nl_node_reduces(const struct nl_formula_node *nodes, int count, int output, unsigned axes)
{
    bool *marked = nl_alloc((size_t)count, sizeof *marked), found = false;
    nl_formula_mark(nodes, marked, output);
    for (int i = 0; i < count; i++)
        found |= marked[i] && (nodes[i].over & axes) && nodes[i].op != NL_OP_COUNT;
    free(marked);
    return found;
}

bool nl_formula_reduces(const struct nl_formula *formula, const struct nl_formula_form *form, unsigned axes)
{
    return nl_node_reduces(formula->node, formula->count, form->y, axes);
}

/* Whether x goes into node i by nothing but x - mean(x, axes), over axes without channel. */
static bool takes_centred(const struct nl_formula_node *nodes, bool *seen, int i)
{
    unsigned over = nl_node_centred_over(nodes, i);
    if (seen[i] || (over && !(over & NL_AXES_CHANNEL) && nodes[nodes[i].operand[0]].op == NL_OP_X))
        return true;
    seen[i] = true;
    bool centred = nodes[i].op != NL_OP_X;
    for (int k = 0; k < 3 && centred; k++)
        centred = nodes[i].operand[k] == NOWHERE || takes_centred(nodes, seen, nodes[i].operand[k]);
    return centred;
}

bool nl_formula_cancels_bias(const struct nl_formula *formula)
{
    bool *seen = nl_alloc((size_t)formula->count, sizeof *seen);
    bool centred = takes_centred(formula->node, seen, formula->training.y);
    free(seen);
    return centred;
}

static void release_program(struct nl_formula_program *program)
{
    for (int i = 0; i < program->stages; i++) {
        free(program->stage[i].small);
        free(program->stage[i].full);
        free(program->stage[i].reduction);
    }
    free(program->stage);
}

void nl_formula_release(struct nl_formula *formula)
{
    if (!formula)
        return;
    release_program(&formula->training.forward);
    release_program(&formula->training.backward);
    release_program(&formula->evaluation.forward);
    release_program(&formula->evaluation.backward);
    free(formula->node);
    free(formula);
}
