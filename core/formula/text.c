/* Formulas as text: the one form that all spellings have in common, and programs as statements to read. */
#include <stdlib.h>
#include <string.h>

#include "formula/nodes.h"

enum { NOWHERE = NL_FORMULA_NOWHERE };

static const char *const names[] = {
#define OPERATOR(name, operands, spelling) #name,
#include "formula/operators.def"
#undef OPERATOR
};
static const char *const spellings[] = {
#define OPERATOR(name, operands, spelling) spelling,
#include "formula/operators.def"
#undef OPERATOR
};

/* ---- for programs ---- */

/* Numbers node i after what it is made of, and writes it as ["SUM", 3, 7]: operands, then what else there is of it. */
static int add_json(struct nl_text *out, const struct nl_formula *formula, int *number, int *count, int i)
{
    const struct nl_formula_node *node = &formula->node[i];
    char value[32];
    if (number[i] != NOWHERE)
        return number[i];
    for (int k = 0; k < 3; k++)
        if (node->operand[k] != NOWHERE)
            add_json(out, formula, number, count, node->operand[k]);
    nl_text_add(out, "%s[\"%s\"", *count ? ", " : "", names[node->op]);
    number[i] = (*count)++;
    for (int k = 0; k < 3; k++)
        if (node->operand[k] != NOWHERE)
            nl_text_add(out, ", %d", number[node->operand[k]]);
    if (node->op == NL_OP_CONSTANT)
        nl_text_add(out, ", %s", nl_double_text(node->value, value));
    if (node->op == NL_OP_PARAMETER || node->op == NL_OP_NUMBER)
        nl_text_add(out, ", %d", node->index);
    if (node->op == NL_OP_STATE)
        nl_text_add(out, ", \"%s\"", formula->state[node->index].name);
    if (node->over)
        nl_text_add(out, ", %u", node->over);
    nl_text_add(out, "]");
    return number[i];
}

/* "gamma": [12, 1], and of a state the node of its next value. */
static void add_declared(struct nl_text *json, const char *name, unsigned axes, double initial, int next)
{
    char value[32];
    nl_text_add(json, "\"%s\": [%u, %s", name, axes, nl_double_text(initial, value));
    if (next != NOWHERE)
        nl_text_add(json, ", %d", next);
    nl_text_add(json, "]");
}

void nl_formula_describe(const struct nl_formula *formula, struct nl_text *json)
{
    int *number = nl_alloc((size_t)formula->count, sizeof *number), next[NL_MOST_FORMULA_STATES], count = 0;
    for (int i = 0; i < formula->count; i++)
        number[i] = NOWHERE;
    nl_text_add(json, ", \"program\": [");
    int y = add_json(json, formula, number, &count, formula->training.y);
    int evaluation = add_json(json, formula, number, &count, formula->evaluation.y);
    for (int i = 0; i < formula->states; i++)
        next[i] = add_json(json, formula, number, &count, formula->next[i]);
    nl_text_add(json, "], \"y\": %d, \"evaluation\": %d, \"groups\": %d, \"learned\": {", y, evaluation,
                formula->groups > 0 ? formula->groups : 1);
    for (int i = 0; i < formula->parameters; i++) {
        const struct nl_formula_parameter *p = &formula->parameter[i];
        nl_text_add(json, "%s", i ? ", " : "");
        add_declared(json, p->name, p->axes, p->initial, NOWHERE);
    }
    nl_text_add(json, "}, \"kept\": {");
    for (int i = 0; i < formula->states; i++) {
        const struct nl_formula_state *s = &formula->state[i];
        nl_text_add(json, "%s", i ? ", " : "");
        add_declared(json, s->name, s->axes, s->initial, next[i]);
    }
    nl_text_add(json, "}");
    free(number);
}

char *nl_formula_canonical(const struct nl_formula *formula)
{
    struct nl_text out = {0};
    nl_formula_describe(formula, &out);
    return out.at;
}

/* ---- to be read ---- */

/* Values that get a name: reductions, what is read more than once, and what is asked for. */
struct listing {
    const struct nl_formula *formula;
    int *reads;  /* of each node, how often the programs read it */
    char **name; /* of those that have one */
};

/* Operators between two values, and how tightly they hold. */
static const struct {
    enum nl_operator op;
    const char *sign;
    int tightness;
} signs[] = {{NL_OP_LESS, "<", 1},   {NL_OP_AT_MOST, "<=", 1}, {NL_OP_EQUAL, "==", 1},   {NL_OP_UNEQUAL, "!=", 1},
             {NL_OP_ADD, "+", 2},    {NL_OP_SUBTRACT, "-", 2}, {NL_OP_MULTIPLY, "*", 3}, {NL_OP_MASK, "*", 3},
             {NL_OP_DIVIDE, "/", 3}, {NL_OP_POWER, "^", 5}};

static void add_axes(struct nl_text *out, const struct nl_formula *formula, unsigned axes)
{
    static const struct {
        unsigned axes;
        const char *word;
    } words[] = {{NL_AXIS_BATCH, "batch"}, {NL_AXIS_SPACE, "space"}, {NL_AXES_CHANNEL, "channel"}};
    const char *before = "";
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if ((axes & words[i].axes) == words[i].axes) {
            nl_text_add(out, "%s%s", before, words[i].word);
            before = " ";
        }
    if ((axes & NL_AXES_CHANNEL) == NL_AXIS_MEMBER)
        nl_text_add(out, "%sgroup(%d)", before, formula->groups);
    if ((axes & NL_AXES_CHANNEL) == NL_AXIS_GROUP)
        nl_text_add(out, "%sgroups", before);
}

static void add_expression(struct nl_text *out, const struct listing *l, int i, int tightness);

static void add_leaf(struct nl_text *out, const struct listing *l, const struct nl_formula_node *node)
{
    static const char *const numbers[] = {[NL_FORMULA_EPS] = "eps", [NL_FORMULA_STEP] = "step"};
    char value[32];
    if (node->op == NL_OP_COUNT) {
        nl_text_add(out, "count(");
        add_axes(out, l->formula, node->over);
        nl_text_add(out, ")");
        return;
    }
    nl_text_add(out, "%s",
                node->op == NL_OP_CONSTANT    ? nl_double_text(node->value, value)
                : node->op == NL_OP_X         ? "x"
                : node->op == NL_OP_DY        ? "dy"
                : node->op == NL_OP_PARAMETER ? l->formula->parameter[node->index].name
                : node->op == NL_OP_STATE     ? l->formula->state[node->index].name
                                              : numbers[node->index]);
}

/* name(a, b, c), or of a reduction name(a, axes). */
static void add_function(struct nl_text *out, const struct listing *l, const char *name,
                         const struct nl_formula_node *node)
{
    nl_text_add(out, "%s(", name);
    for (int k = 0; k < 3 && node->operand[k] != NOWHERE; k++) {
        nl_text_add(out, "%s", k ? ", " : "");
        add_expression(out, l, node->operand[k], 0);
    }
    if (node->over) {
        nl_text_add(out, ", ");
        add_axes(out, l->formula, node->over);
    }
    nl_text_add(out, ")");
}

/* Whether it is a mean: a sum that has no name, by the count of its elements. */
static bool is_mean(const struct listing *l, const struct nl_formula_node *node)
{
    if (node->op != NL_OP_DIVIDE || l->name[node->operand[0]])
        return false;
    const struct nl_formula_node *sum = &l->formula->node[node->operand[0]],
                                 *count = &l->formula->node[node->operand[1]];
    return sum->op == NL_OP_SUM && count->op == NL_OP_COUNT && sum->over == count->over;
}

/* What makes node i, without its own name. tightness: of the operator around it; a looser one gets brackets. */
static void add_made(struct nl_text *out, const struct listing *l, int i, int tightness)
{
    const struct nl_formula_node *node = &l->formula->node[i];
    if (is_mean(l, node)) {
        add_function(out, l, "mean", &l->formula->node[node->operand[0]]);
        return;
    }
    for (size_t s = 0; s < sizeof signs / sizeof *signs; s++)
        if (signs[s].op == node->op) {
            int own = signs[s].tightness;
            nl_text_add(out, "%s", own < tightness ? "(" : "");
            add_expression(out, l, node->operand[0], own + (node->op == NL_OP_POWER));
            nl_text_add(out, " %s ", signs[s].sign);
            add_expression(out, l, node->operand[1], own + 1);
            nl_text_add(out, "%s", own < tightness ? ")" : "");
            return;
        }
    if (node->op == NL_OP_NEGATE) {
        nl_text_add(out, tightness > 2 ? "(-" : "-");
        add_expression(out, l, node->operand[0], 4);
        nl_text_add(out, "%s", tightness > 2 ? ")" : "");
    } else if (nl_node_is_leaf(node)) {
        add_leaf(out, l, node);
    } else {
        const char *name = node->op == NL_OP_SUM        ? "sum"
                           : node->op == NL_OP_LARGEST  ? "max"
                           : node->op == NL_OP_SMALLEST ? "min"
                           : node->op == NL_OP_ROOT     ? "sqrt"
                                                        : spellings[node->op];
        add_function(out, l, name, node);
    }
}

static void add_expression(struct nl_text *out, const struct listing *l, int i, int tightness)
{
    if (l->name[i])
        nl_text_add(out, "%s", l->name[i]);
    else
        add_made(out, l, i, tightness);
}

/* The nodes of a program in order: of each stage the small ones, those of its pass, and its reductions. */
static int node_of(const struct nl_formula_stage *stage, int n)
{
    return n < stage->smalls                                      ? stage->small[n]
           : n < stage->smalls + stage->fulls                     ? stage->full[n - stage->smalls]
           : n < stage->smalls + stage->fulls + stage->reductions ? stage->reduction[n - stage->smalls - stage->fulls]
                                                                  : NOWHERE;
}

static void count_reads(struct listing *l, const struct nl_formula_program *program)
{
    for (int s = 0; s < program->stages; s++)
        for (int n = 0, i; (i = node_of(&program->stage[s], n)) != NOWHERE; n++)
            for (int k = 0; k < 3; k++)
                if (l->formula->node[i].operand[k] != NOWHERE)
                    l->reads[l->formula->node[i].operand[k]]++;
}

static void add_statement(struct nl_text *out, struct listing *l, const char *name, int i)
{
    nl_text_add(out, "    %s = ", name);
    add_made(out, l, i, 0);
    nl_text_add(out, "\n");
}

/* A value keeps its name in the programs after it, backward among them. */
static void list_program(struct nl_text *out, struct listing *l, const struct nl_formula_program *program,
                         const char *output, int *named)
{
    for (int s = 0; s < program->stages; s++) {
        const struct nl_formula_stage *stage = &program->stage[s];
        for (int n = 0, i; (i = node_of(stage, n)) != NOWHERE; n++) {
            bool reduction = l->formula->node[i].over != 0;
            if (l->name[i] || (!reduction && l->reads[i] < 2))
                continue;
            char *name = nl_format("t%d", ++*named);
            add_statement(out, l, name, i);
            l->name[i] = name;
        }
        if (stage->writes)
            add_statement(out, l, output, program->output);
    }
}

char *nl_formula_expression(const struct nl_formula *formula, int node)
{
    struct nl_text out = {0};
    size_t count = (size_t)formula->count;
    struct listing l = {formula, NULL, nl_alloc(count, sizeof *l.name)};
    add_made(&out, &l, node, 0);
    free(l.name);
    return out.at;
}

char *nl_formula_listing(const struct nl_formula *formula)
{
    struct nl_text out = {0};
    size_t count = (size_t)formula->count;
    struct listing l = {formula, nl_alloc(count, sizeof *l.reads), nl_alloc(count, sizeof *l.name)};
    int named = 0;
    const struct nl_formula_form *training = &formula->training, *evaluation = &formula->evaluation;
    count_reads(&l, &training->forward);
    count_reads(&l, &training->backward);
    nl_text_add(&out, "forward, %s over x:\n", NL_COUNT(training->forward.passes, "pass"));
    list_program(&out, &l, &training->forward, "y", &named);
    for (int i = 0; i < formula->states; i++) {
        nl_text_add(&out, "    next %s = ", formula->state[i].name);
        add_expression(&out, &l, formula->next[i], 0);
        nl_text_add(&out, "\n");
    }
    nl_text_add(&out, "backward, %s over x and dy:\n", NL_COUNT(training->backward.passes, "pass"));
    list_program(&out, &l, &training->backward, "dx", &named);
    for (int i = 0; i < formula->parameters; i++) {
        nl_text_add(&out, "    d%s = ", formula->parameter[i].name);
        add_expression(&out, &l, training->gradient[i], 0);
        nl_text_add(&out, "\n");
    }
    if (evaluation->y != training->y) {
        nl_text_add(&out, "evaluation, %s over x:\n", NL_COUNT(evaluation->forward.passes, "pass"));
        list_program(&out, &l, &evaluation->forward, "y", &named);
    }
    for (size_t i = 0; i < count; i++)
        free(l.name[i]);
    free(l.name);
    free(l.reads);
    return out.at;
}
