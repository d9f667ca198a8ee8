/* A normalizer that is written as its paper writes it: statements over the named axes of its input, parsed, checked,
 * differentiated, and ordered into passes over memory. operation/formula.h computes it.
 *
 *     n = count(batch space)
 *     m = mean(x, batch space)
 *     v = mean((x - m)^2, batch space)
 *     y = gamma * (x - m) / sqrt(v + eps) + beta
 *
 * x[N][S][C] has the axes batch, space and channel; with group(k), channel is k groups of consecutive members. A value
 * varies along some of the axes and is the same along the others, so operands of different shapes go together by the
 * names of their axes. A reduction takes axes away.
 *
 * Everything is one list of nodes in which operands stand before what is made of them, and equal nodes are one. The
 * gradient is further nodes of this list: reverse mode, node by node from y down.
 *
 * Derivatives at kinks: abs, sign, relu and norm at 0 have 0; of min(a, b) and max(a, b) each has half where a = b; the
 * k elements that are the largest (smallest) of a reduction have 1 / k each; the branch of where() that is not taken
 * adds 0, never NaN. */
#ifndef NL_FORMULA_FORMULA_H
#define NL_FORMULA_FORMULA_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/memory.h"

/* Axes, as a set of bits. A sample is space and channel. */
enum {
    NL_AXIS_BATCH = 1,
    NL_AXIS_SPACE = 2,
    NL_AXIS_GROUP = 4,
    NL_AXIS_MEMBER = 8, /* of its group; without groups there is one group */
    NL_AXES_CHANNEL = NL_AXIS_GROUP | NL_AXIS_MEMBER,
    NL_AXES_SAMPLE = NL_AXIS_SPACE | NL_AXES_CHANNEL,
    NL_AXES_ALL = NL_AXIS_BATCH | NL_AXES_SAMPLE,
    NL_AXES = 4
};

enum nl_operator {
#define OPERATOR(name, operands, spelling) NL_OP_##name,
#include "formula/operators.def"
#undef OPERATOR
    NL_OPERATORS
};

/* Numbers of a step that a formula may read. */
enum nl_formula_number { NL_FORMULA_EPS, NL_FORMULA_STEP, NL_FORMULA_NUMBERS };

enum {
    NL_FORMULA_NOWHERE = -1, /* no node */
    NL_MOST_FORMULA_NODES = 4096,
    NL_MOST_FORMULA_PARAMETERS = 8,
    NL_MOST_FORMULA_STATES = 8,
    NL_MOST_FORMULA_SETTINGS = 16
};

struct nl_formula_node {
    enum nl_operator op;
    int operand[3];
    unsigned axes; /* along which it varies */
    unsigned over; /* SUM, LARGEST, SMALLEST: the axes that it takes away; COUNT: those whose elements it counts */
    double value;  /* CONSTANT */
    int index;     /* PARAMETER, STATE, NUMBER: which */
};

/* A stage of a program: nodes of fewer axes than x, then, where there are reductions or the output is written, a pass
 * over all elements of x. The pass computes its nodes for each element. */
struct nl_formula_stage {
    int smalls, fulls, reductions;
    int *small, *full, *reduction; /* node numbers, operands first */
    bool writes;                   /* the program's output */
};

struct nl_formula_program {
    int output; /* the node whose value is written for each element of x */
    int stages, passes;
    struct nl_formula_stage *stage;
};

/* What a formula is declared with, as the user wrote it. Strings are the caller's, and outlive the formula. */
struct nl_formula_parameter {
    const char *name;
    unsigned axes;
    double initial;
};

struct nl_formula_state {
    const char *name;
    unsigned axes;
    double initial;
    const char *next; /* an expression */
};

struct nl_formula_setting {
    const char *name;
    double value;
};

struct nl_formula_source {
    const char *formula;
    const char *evaluation; /* "y = ..."; NULL: as in training */
    int parameters, states, settings;
    struct nl_formula_parameter parameter[NL_MOST_FORMULA_PARAMETERS];
    struct nl_formula_state state[NL_MOST_FORMULA_STATES];
    struct nl_formula_setting setting[NL_MOST_FORMULA_SETTINGS];
};

/* What a formula is in a step, or in evaluation. */
struct nl_formula_form {
    int y, dx, gradient[NL_MOST_FORMULA_PARAMETERS]; /* nodes */
    struct nl_formula_program forward, backward;
};

struct nl_formula {
    int count;
    struct nl_formula_node *node;
    int groups; /* k of group(k); 0: it has none */
    int parameters, states;
    struct nl_formula_parameter parameter[NL_MOST_FORMULA_PARAMETERS];
    struct nl_formula_state state[NL_MOST_FORMULA_STATES];
    int next[NL_MOST_FORMULA_STATES];            /* nodes */
    struct nl_formula_form training, evaluation; /* equal where evaluation is as training */
};

/* Where a text is wrong. */
enum nl_formula_place { NL_IN_FORMULA, NL_IN_EVALUATION, NL_IN_PARAMETERS, NL_IN_STATES, NL_IN_SETTINGS };
struct nl_formula_error {
    enum nl_formula_place place;
    int item;                   /* of parameters, states and settings: which */
    int offset, length;         /* bytes of the text: of the formula, the evaluation, or the state's next */
    struct nl_error text, hint; /* hint: "" where there is none */
};

/* NULL: error says what is wrong, and where. To be released. */
struct nl_formula *nl_formula_make(const struct nl_formula_source *source, struct nl_formula_error *error);
void nl_formula_release(struct nl_formula *formula);

/* "batch", "space", "channel", "sample": its axes, or of a shape: "one", "channel", "group", "element". 0 and false:
 * it is none. */
bool nl_formula_shape(const char *word, unsigned *axes);

/* Whether y of a form reduces over one of the axes: what becomes of a sample then depends on others of its batch, or of
 * a position on others of its sample. */
bool nl_formula_reduces(const struct nl_formula *formula, const struct nl_formula_form *form, unsigned axes);

/* Whether a number added to a channel of x leaves y as it is: x stands in it only as x - mean(x, axes), over axes
 * without channel. False: it does not, or that is not seen. */
bool nl_formula_cancels_bias(const struct nl_formula *formula);

/* What it computes, one text for all spellings of the same formula (nl_formula_describe); new string. */
char *nl_formula_canonical(const struct nl_formula *formula);

/* Adds members to a JSON object: "program", a list of nodes, operands before what is made of them, each an operator's
 * name, the numbers of its operands, and a constant's value, a parameter's number, a state's name, or the axes that a
 * reduction takes away; which of them "y" and "evaluation" are, the nodes of the next states behind them; "groups"; of
 * each parameter, in "learned", the axes and the initial value, and of each state, in "kept", its next value, too. */
void nl_formula_describe(const struct nl_formula *formula, struct nl_text *json);

/* The first operand that divides, or whose root or logarithm is taken, and may be 0 or negative for all that is known
 * from how it is made; *node becomes the one that takes it. NL_FORMULA_NOWHERE: there is none. */
int nl_formula_doubt(const struct nl_formula *formula, int *node);

/* A node as an expression of what the formula is made of; new string. */
char *nl_formula_expression(const struct nl_formula *formula, int node);

/* The programs as statements that a person can read, and how often each goes over x; new string. */
char *nl_formula_listing(const struct nl_formula *formula);

/* Whether a node is kept in memory between stages: all that has fewer axes than x and is computed. */
bool nl_formula_is_small(const struct nl_formula_node *node);

#endif
