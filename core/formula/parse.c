/* Reads the text of a formula. Each expression becomes nodes as it is read; what is wrong ends the reading at once, and
 * its place is kept. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/nearest.h"
#include "formula/nodes.h"
#include "formula/tokens.h"

enum { NOWHERE = NL_FORMULA_NOWHERE, DEEPEST = 200, MOST_LOCALS = 512 };

/* What an expression comes to: the node, and the axes along which it varies as it is written. What it was simplified to
 * may lack some: x * 0. */
struct value {
    int node;
    unsigned axes;
};

/* A value that statements have named. */
struct local {
    char name[NL_LONGEST_FORMULA_NAME + 1];
    struct value value;
};

struct reader {
    const struct nl_formula_source *source;
    struct nl_formula *formula;
    struct nl_nodes nodes;
    struct local *local;
    int locals, depth;
    struct nl_scanner s;
};

#define FAIL(r, hint, ...) NL_SCAN_FAIL(&(r)->s, (hint), __VA_ARGS__)

/* ---- names ---- */

/* Functions that take axes, and those that take values alone. */
static const char *const reductions[] = {"mean", "sum", "var", "max", "min", "norm", "count", NULL};
static const char *const functions[] = {
#define OPERATOR(name, operands, spelling) spelling,
#include "formula/operators.def"
#undef OPERATOR
};
static const char *const axis_words[] = {"batch", "space", "channel", "group", "sample", NULL};
static const char *const numbers[] = {"eps", "step", NULL};

static int index_of(const char *word, const char *const *words)
{
    for (int i = 0; words[i]; i++)
        if (strcmp(word, words[i]) == 0)
            return i;
    return NOWHERE;
}

/* NL_OPERATORS: no function has this name. */
static enum nl_operator function_of(const char *word)
{
    for (int i = 0; i < NL_OPERATORS; i++)
        if (functions[i] && strcmp(functions[i], word) == 0)
            return (enum nl_operator)i;
    return NL_OPERATORS;
}

static bool is_reserved(const char *word)
{
    return index_of(word, reductions) != NOWHERE || index_of(word, axis_words) != NOWHERE ||
           index_of(word, numbers) != NOWHERE || function_of(word) != NL_OPERATORS || strcmp(word, "x") == 0 ||
           strcmp(word, "dy") == 0;
}

bool nl_formula_shape(const char *word, unsigned *axes)
{
    static const char *const words[] = {"one", "channel", "group", "element", "batch", "space", "sample", NULL};
    static const unsigned of[] = {
        0, NL_AXES_CHANNEL, NL_AXIS_GROUP, NL_AXES_SAMPLE, NL_AXIS_BATCH, NL_AXIS_SPACE, NL_AXES_SAMPLE};
    int i = index_of(word, words);
    *axes = i == NOWHERE ? 0 : of[i];
    return i != NOWHERE;
}

static int find_local(const struct reader *r, const char *name)
{
    for (int i = 0; i < r->locals; i++)
        if (strcmp(r->local[i].name, name) == 0)
            return i;
    return NOWHERE;
}

/* All that can be read at this place, for 'did you mean'. */
_Noreturn static void unknown(struct reader *r, const char *name)
{
    const char **words = nl_alloc((size_t)(r->locals + 64), sizeof *words);
    int count = 0;
    words[count++] = "x";
    for (int i = 0; i < r->locals; i++)
        words[count++] = r->local[i].name;
    for (int i = 0; i < r->source->parameters; i++)
        words[count++] = r->source->parameter[i].name;
    for (int i = 0; i < r->source->states; i++)
        words[count++] = r->source->state[i].name;
    for (int i = 0; i < r->source->settings; i++)
        words[count++] = r->source->setting[i].name;
    for (int i = 0; numbers[i]; i++)
        words[count++] = numbers[i];
    const char *near = nl_nearest(name, words);
    char *hint = near ? nl_format("did you mean '%s'?", near)
                      : nl_format("what is learned is declared in norm.parameters, what is kept in norm.states");
    free(words);
    struct nl_error text;
    nl_fail(&text, "%s", hint);
    free(hint);
    FAIL(r, text.text, "unknown name '%s'", name);
}

static struct value leaf(struct reader *r, enum nl_operator op, int index, unsigned axes)
{
    return (struct value){nl_node_leaf(&r->nodes, op, index, axes), axes};
}

static struct value read_name(struct reader *r)
{
    const struct nl_formula_source *source = r->source;
    int i = find_local(r, r->s.word);
    if (i != NOWHERE)
        return r->local[i].value;
    if (strcmp(r->s.word, "x") == 0)
        return leaf(r, NL_OP_X, 0, NL_AXES_ALL);
    if ((i = index_of(r->s.word, numbers)) != NOWHERE)
        return leaf(r, NL_OP_NUMBER, i, 0);
    for (i = 0; i < source->parameters; i++)
        if (strcmp(source->parameter[i].name, r->s.word) == 0)
            return leaf(r, NL_OP_PARAMETER, i, source->parameter[i].axes);
    for (i = 0; i < source->states; i++)
        if (strcmp(source->state[i].name, r->s.word) == 0)
            return leaf(r, NL_OP_STATE, i, source->state[i].axes);
    for (i = 0; i < source->settings; i++)
        if (strcmp(source->setting[i].name, r->s.word) == 0)
            return (struct value){nl_node_constant(&r->nodes, source->setting[i].value), 0};
    unknown(r, r->s.word);
}

/* ---- expressions ---- */

static struct value read_expression(struct reader *r);

static struct value unary(struct reader *r, enum nl_operator op, struct value a)
{
    return (struct value){nl_node_unary(&r->nodes, op, a.node), a.axes};
}

static struct value binary(struct reader *r, enum nl_operator op, struct value a, struct value b)
{
    return (struct value){nl_node_binary(&r->nodes, op, a.node, b.node), a.axes | b.axes};
}

static void read_groups(struct reader *r)
{
    nl_scan(&r->s);
    nl_expect_sign(&r->s, "(", ", as in group(8)");
    nl_scan(&r->s);
    int k = r->s.token == NL_TOKEN_NUMBER && r->s.number >= 1 && r->s.number <= 8192 ? (int)r->s.number : 0;
    if (!k || !(r->s.number <= k))
        FAIL(r, NULL, "group(k) has a whole number of groups, from 1 to 8192");
    if (r->formula->groups && r->formula->groups != k)
        FAIL(r, NULL, "a formula has one number of groups, and group(%d) stands before", r->formula->groups);
    r->formula->groups = k;
    nl_scan(&r->s);
    nl_expect_sign(&r->s, ")", ", as in group(8)");
}

/* Axis words, up to the bracket. */
static unsigned read_axes(struct reader *r)
{
    unsigned axes = 0;
    do {
        unsigned more = 0;
        if (r->s.token != NL_TOKEN_WORD || index_of(r->s.word, axis_words) == NOWHERE)
            FAIL(r, "mean(x, batch space)", "here must be an axis: batch, space, channel, sample or group(k)");
        if (strcmp(r->s.word, "group") == 0) {
            more = NL_AXIS_MEMBER;
            read_groups(r);
        } else {
            nl_formula_shape(r->s.word, &more);
        }
        if (axes & more)
            FAIL(r, NULL, "this axis is there twice");
        axes |= more;
        nl_scan(&r->s);
    } while (!nl_at_sign(&r->s, ")"));
    return axes;
}

static bool at_axis(const struct reader *r)
{
    return r->s.token == NL_TOKEN_WORD && index_of(r->s.word, axis_words) != NOWHERE;
}

static const char *axes_text(unsigned axes)
{
    static const char *const names[] = {"",
                                        "batch",
                                        "space",
                                        "batch and space",
                                        "group",
                                        "batch and group",
                                        "space and group",
                                        "batch, space and group",
                                        "member of a group",
                                        "batch and member of a group",
                                        "space and member of a group",
                                        "batch, space and member of a group",
                                        "channel",
                                        "batch and channel",
                                        "space and channel",
                                        "batch, space and channel"};
    return names[axes];
}

static int reduce(struct reader *r, const char *name, int a, unsigned axes)
{
    struct nl_nodes *nodes = &r->nodes;
    if (strcmp(name, "sum") == 0)
        return nl_node_reduce(nodes, NL_OP_SUM, a, axes);
    if (strcmp(name, "max") == 0)
        return nl_node_reduce(nodes, NL_OP_LARGEST, a, axes);
    if (strcmp(name, "min") == 0)
        return nl_node_reduce(nodes, NL_OP_SMALLEST, a, axes);
    if (strcmp(name, "mean") == 0)
        return nl_node_mean(nodes, a, axes);
    bool is_norm = strcmp(name, "norm") == 0;
    int from = is_norm ? a : nl_node_binary(nodes, NL_OP_SUBTRACT, a, nl_node_mean(nodes, a, axes));
    int squares = nl_node_binary(nodes, NL_OP_MULTIPLY, from, from);
    return is_norm ? nl_node_unary(nodes, NL_OP_ROOT, nl_node_reduce(nodes, NL_OP_SUM, squares, axes))
                   : nl_node_mean(nodes, squares, axes);
}

/* mean(a, axes), where the comma stands. */
static struct value read_reduction(struct reader *r, const char *name, struct value a, int start)
{
    unsigned axes = read_axes(r);
    if (axes & ~a.axes)
        nl_scan_fail(&r->s, start, r->s.start + 1 - start, NULL,
                     "%s takes away the axis %s, which this value does not have", name, axes_text(axes & ~a.axes));
    return (struct value){reduce(r, name, a.node, axes), a.axes & ~axes};
}

/* After the name of a function, at its bracket. */
static struct value read_call(struct reader *r, const char *called, int start)
{
    char name[NL_LONGEST_FORMULA_NAME + 1];
    strcpy(name, called);
    enum nl_operator op = function_of(name);
    bool reduces = index_of(name, reductions) != NOWHERE;
    struct value given[3], result;
    int count = 0;
    r->s.brackets++;
    nl_scan(&r->s);
    if (strcmp(name, "count") == 0) {
        result = (struct value){nl_node_count(&r->nodes, read_axes(r)), 0};
        goto close;
    }
    for (;;) {
        if (reduces && count == 1 && at_axis(r)) {
            result = read_reduction(r, name, given[0], start);
            goto close;
        }
        if (count == 3)
            FAIL(r, NULL, "%s takes fewer values", name);
        given[count++] = read_expression(r);
        if (!nl_at_sign(&r->s, ","))
            break;
        nl_scan(&r->s);
    }
    int wanted = op == NL_OPERATORS ? NOWHERE : op == NL_OP_WHERE ? 3 : op == NL_OP_MIN || op == NL_OP_MAX ? 2 : 1;
    if (wanted == NOWHERE)
        FAIL(r, "mean(x, batch space)", "%s needs the axes that it goes over", name);
    if (count != wanted)
        nl_scan_fail(&r->s, start, r->s.start + 1 - start,
                     reduces ? "of one value it goes over axes: max(x, space)" : NULL, "%s takes %s, not %d", name,
                     NL_COUNT(wanted, "value"), count);
    if (op == NL_OP_WHERE)
        result = (struct value){nl_node_where(&r->nodes, given[0].node, given[1].node, given[2].node),
                                given[0].axes | given[1].axes | given[2].axes};
    else
        result = count == 2 ? binary(r, op, given[0], given[1]) : unary(r, op, given[0]);
close:
    nl_expect_sign(&r->s, ")", ", which ends what the function takes");
    r->s.brackets--;
    nl_scan(&r->s);
    return result;
}

static struct value read_primary(struct reader *r)
{
    struct value result;
    if (r->s.token == NL_TOKEN_NUMBER) {
        result = (struct value){nl_node_constant(&r->nodes, r->s.number), 0};
        nl_scan(&r->s);
    } else if (r->s.token == NL_TOKEN_WORD) {
        int start = r->s.start;
        bool is_function = index_of(r->s.word, reductions) != NOWHERE || function_of(r->s.word) != NL_OPERATORS;
        const char *after = r->s.text + r->s.at + strspn(r->s.text + r->s.at, " \t");
        if (is_function && *after != '(')
            FAIL(r, NULL, "%s is a function, and here are no brackets with what it takes", r->s.word);
        if (index_of(r->s.word, axis_words) != NOWHERE)
            FAIL(r, NULL, "%s is an axis, and stands after the comma of a function such as mean(x, batch)", r->s.word);
        if (!is_function && *after == '(')
            FAIL(r,
                 index_of(r->s.word, numbers) == NOWHERE && find_local(r, r->s.word) == NOWHERE
                     ? NULL
                     : "write the product with *",
                 "there is no function '%s'", r->s.word);
        if (is_function) {
            char name[NL_LONGEST_FORMULA_NAME + 1];
            strcpy(name, r->s.word);
            nl_scan(&r->s);
            result = read_call(r, name, start);
        } else {
            result = read_name(r);
            nl_scan(&r->s);
        }
    } else if (nl_at_sign(&r->s, "(")) {
        r->s.brackets++;
        nl_scan(&r->s);
        result = read_expression(r);
        nl_expect_sign(&r->s, ")", ", for the bracket that was opened");
        r->s.brackets--;
        nl_scan(&r->s);
    } else {
        FAIL(r, NULL, r->s.token == NL_TOKEN_SIGN ? "here must be a value, not '%s'" : "here must be a value%s",
             r->s.token == NL_TOKEN_SIGN ? r->s.sign : "");
    }
    return result;
}

static struct value read_unary(struct reader *r);

/* a^b^c is a^(b^c), and -a^b is -(a^b). */
static struct value read_power(struct reader *r)
{
    struct value a = read_primary(r);
    return nl_take_sign(&r->s, "^") ? binary(r, NL_OP_POWER, a, read_unary(r)) : a;
}

static struct value read_unary(struct reader *r)
{
    if (++r->depth > DEEPEST)
        FAIL(r, NULL, "the expression is nested too deep");
    struct value result = nl_take_sign(&r->s, "-")   ? unary(r, NL_OP_NEGATE, read_unary(r))
                          : nl_take_sign(&r->s, "+") ? read_unary(r)
                                                     : read_power(r);
    r->depth--;
    return result;
}

static struct value read_product(struct reader *r)
{
    struct value a = read_unary(r);
    for (;;)
        if (nl_take_sign(&r->s, "*"))
            a = binary(r, NL_OP_MULTIPLY, a, read_unary(r));
        else if (nl_take_sign(&r->s, "/"))
            a = binary(r, NL_OP_DIVIDE, a, read_unary(r));
        else
            return a;
}

static struct value read_sum(struct reader *r)
{
    struct value a = read_product(r);
    for (;;)
        if (nl_take_sign(&r->s, "+"))
            a = binary(r, NL_OP_ADD, a, read_product(r));
        else if (nl_take_sign(&r->s, "-"))
            a = binary(r, NL_OP_SUBTRACT, a, read_product(r));
        else
            return a;
}

static struct value read_expression(struct reader *r)
{
    static const struct {
        const char *sign;
        enum nl_operator op;
        bool turned; /* a > b is b < a */
    } comparisons[] = {{"<", NL_OP_LESS, false},    {">", NL_OP_LESS, true},    {"<=", NL_OP_AT_MOST, false},
                       {">=", NL_OP_AT_MOST, true}, {"==", NL_OP_EQUAL, false}, {"!=", NL_OP_UNEQUAL, false}};
    struct value a = read_sum(r);
    for (size_t i = 0; i < sizeof comparisons / sizeof *comparisons; i++)
        if (nl_take_sign(&r->s, comparisons[i].sign)) {
            struct value b = read_sum(r);
            return comparisons[i].turned ? binary(r, comparisons[i].op, b, a) : binary(r, comparisons[i].op, a, b);
        }
    return a;
}

/* ---- statements ---- */

static void check_new_name(struct reader *r)
{
    const struct nl_formula_source *source = r->source;
    const char *as = is_reserved(r->s.word) ? "a word of the language" : NULL;
    for (int i = 0; i < source->parameters; i++)
        as = strcmp(source->parameter[i].name, r->s.word) == 0 ? "a parameter" : as;
    for (int i = 0; i < source->states; i++)
        as = strcmp(source->state[i].name, r->s.word) == 0 ? "a state" : as;
    for (int i = 0; i < source->settings; i++)
        as = strcmp(source->setting[i].name, r->s.word) == 0 ? "a setting" : as;
    if (as)
        FAIL(r, NULL, "'%s' is %s, and cannot be set", r->s.word, as);
    if (find_local(r, r->s.word) != NOWHERE)
        FAIL(r, "give the new value a name of its own", "'%s' is set twice", r->s.word);
}

static void end_statement(struct reader *r)
{
    if (r->s.token != NL_TOKEN_NEWLINE && r->s.token != NL_TOKEN_END)
        FAIL(r,
             r->s.token == NL_TOKEN_SIGN && *r->s.sign == '=' ? "equality is written =="
                                                              : "a statement ends with its line, or with ';'",
             "here must be an operator or the end of the statement");
}

/* "name = ", of which `name` becomes a copy. */
static void read_target(struct reader *r, char name[NL_LONGEST_FORMULA_NAME + 1])
{
    if (r->s.token == NL_TOKEN_END)
        FAIL(r, "the last statement is y = ...", "the formula does not say what y is");
    if (r->s.token != NL_TOKEN_WORD)
        FAIL(r, NULL, "a statement begins with the name that it sets, as in m = mean(x, batch space)");
    if (strcmp(r->s.word, "y") != 0)
        check_new_name(r);
    strcpy(name, r->s.word);
    nl_scan(&r->s);
    nl_expect_sign(&r->s, "=", ", between a name and its value");
    nl_pass_operator(&r->s);
}

static void skip_lines(struct reader *r)
{
    while (r->s.token == NL_TOKEN_NEWLINE)
        nl_scan(&r->s);
}

/* Statements, of which the last is that of y; returns y. */
static int read_statements(struct reader *r)
{
    char name[NL_LONGEST_FORMULA_NAME + 1] = "";
    for (;;) {
        skip_lines(r);
        read_target(r, name);
        struct value value = read_expression(r);
        end_statement(r);
        if (strcmp(name, "y") == 0) {
            skip_lines(r);
            if (r->s.token != NL_TOKEN_END)
                FAIL(r, NULL, "y = ... is the last statement, and here is another one");
            return value.node;
        }
        if (r->locals == MOST_LOCALS)
            FAIL(r, NULL, "a formula has at most %d statements", MOST_LOCALS);
        strcpy(r->local[r->locals].name, name);
        r->local[r->locals++].value = value;
    }
}

/* ---- the whole ---- */

static void check_declared(struct reader *r, enum nl_formula_place place, int item, const char *name,
                           const char *const *before)
{
    r->s.error->place = place;
    r->s.error->item = item;
    r->s.start = 0, r->s.length = 1;
    for (int i = 0; name[i]; i++)
        if (!nl_is_of_word(name[i]) || isdigit((unsigned char)*name) || i == NL_LONGEST_FORMULA_NAME)
            FAIL(r, NULL, "'%.60s' is no name: letters, digits and '_', at most %d, and no digit in front", name,
                 NL_LONGEST_FORMULA_NAME);
    if (!*name || is_reserved(name) || strcmp(name, "y") == 0)
        FAIL(r, NULL, "'%s' is a word of the language, and cannot be declared", name);
    if (index_of(name, before) != NOWHERE)
        FAIL(r, NULL, "'%s' is declared twice", name);
}

static void check_declarations(struct reader *r)
{
    const struct nl_formula_source *source = r->source;
    const char *names[NL_MOST_FORMULA_PARAMETERS + NL_MOST_FORMULA_STATES + NL_MOST_FORMULA_SETTINGS + 1] = {NULL};
    int count = 0;
    for (int i = 0; i < source->parameters; i++) {
        check_declared(r, NL_IN_PARAMETERS, i, source->parameter[i].name, names);
        names[count++] = source->parameter[i].name;
    }
    for (int i = 0; i < source->states; i++) {
        check_declared(r, NL_IN_STATES, i, source->state[i].name, names);
        names[count++] = source->state[i].name;
    }
    for (int i = 0; i < source->settings; i++) {
        check_declared(r, NL_IN_SETTINGS, i, source->setting[i].name, names);
        names[count++] = source->setting[i].name;
    }
}

static bool reads(const struct reader *r, int output, enum nl_operator op, int index)
{
    bool *marked = nl_alloc((size_t)r->nodes.count, sizeof *marked), found = false;
    nl_formula_mark(r->nodes.at, marked, output);
    for (int i = 0; i < r->nodes.count; i++)
        found |= marked[i] && r->nodes.at[i].op == op && r->nodes.at[i].index == index;
    free(marked);
    return found;
}

static void fail_in(struct reader *r, enum nl_formula_place place, int item)
{
    r->s.error->place = place;
    r->s.error->item = item;
    r->s.start = 0, r->s.length = 1;
}

static void read_next_states(struct reader *r)
{
    struct nl_formula *formula = r->formula;
    for (int i = 0; i < formula->states; i++) {
        fail_in(r, NL_IN_STATES, i);
        nl_scan_begin(&r->s, formula->state[i].next);
        struct value next = read_expression(r);
        formula->next[i] = next.node;
        if (r->s.token != NL_TOKEN_END)
            FAIL(r, NULL, "here must be an operator or the end of the expression");
        unsigned more = next.axes & ~formula->state[i].axes;
        if (more)
            nl_scan_fail(&r->s, 0, (int)strlen(formula->state[i].next), NULL,
                         "this varies along the axis %s, and the state '%s' does not", axes_text(more),
                         formula->state[i].name);
    }
}

/* What can be said only when all has been read. */
static void check_whole(struct reader *r)
{
    const struct nl_formula *formula = r->formula;
    const struct nl_formula_node *nodes = r->nodes.at;
    fail_in(r, NL_IN_FORMULA, 0);
    if (r->nodes.full)
        FAIL(r, NULL, "the formula and its derivative take more than %d operations", NL_MOST_FORMULA_NODES);
    if (!reads(r, formula->training.y, NL_OP_X, 0))
        FAIL(r, NULL, "y does not depend on x");
    if (!r->source->evaluation && nl_node_reduces(nodes, r->nodes.count, formula->training.y, NL_AXIS_BATCH))
        FAIL(r, "evaluation: y = ..., by states; or reduce over space and channel alone",
             "the formula reduces over batch, and does not say by norm.evaluation what y is where there is no batch");
    fail_in(r, NL_IN_EVALUATION, 0);
    if (nl_node_reduces(nodes, r->nodes.count, formula->evaluation.y, NL_AXIS_BATCH))
        FAIL(r, "it goes by states, which norm.states keeps", "norm.evaluation reduces over batch");
    for (int i = 0; i < formula->parameters; i++) {
        fail_in(r, NL_IN_PARAMETERS, i);
        if (!reads(r, formula->training.y, NL_OP_PARAMETER, i))
            FAIL(r, NULL, "y does not depend on the parameter '%s'", formula->parameter[i].name);
        if (formula->parameter[i].axes == NL_AXIS_GROUP && !formula->groups)
            FAIL(r, NULL, "'%s' has a number a group, and the formula has no group(k)", formula->parameter[i].name);
    }
    for (int i = 0; i < formula->states; i++) {
        fail_in(r, NL_IN_STATES, i);
        if (formula->state[i].axes == NL_AXIS_GROUP && !formula->groups)
            FAIL(r, NULL, "'%s' has a number a group, and the formula has no group(k)", formula->state[i].name);
    }
}

static void read_all(struct reader *r)
{
    struct nl_formula *formula = r->formula;
    const struct nl_formula_source *source = r->source;
    formula->parameters = source->parameters;
    formula->states = source->states;
    memcpy(formula->parameter, source->parameter, sizeof formula->parameter);
    memcpy(formula->state, source->state, sizeof formula->state);
    check_declarations(r);
    fail_in(r, NL_IN_FORMULA, 0);
    nl_scan_begin(&r->s, source->formula);
    formula->evaluation.y = formula->training.y = read_statements(r);
    if (source->evaluation) {
        fail_in(r, NL_IN_EVALUATION, 0);
        nl_scan_begin(&r->s, source->evaluation);
        formula->evaluation.y = read_statements(r);
    }
    read_next_states(r);
    check_whole(r);
    nl_formula_differentiate(formula, &formula->training, &r->nodes);
    nl_formula_differentiate(formula, &formula->evaluation, &r->nodes);
    fail_in(r, NL_IN_FORMULA, 0);
    if (r->nodes.full)
        FAIL(r, NULL, "the formula and its derivative take more than %d operations", NL_MOST_FORMULA_NODES);
}

struct nl_formula *nl_formula_make(const struct nl_formula_source *source, struct nl_formula_error *error)
{
    struct reader *r = nl_alloc(1, sizeof *r);
    *error = (struct nl_formula_error){.place = NL_IN_FORMULA};
    r->source = source;
    r->s.error = error;
    r->formula = nl_alloc(1, sizeof *r->formula);
    r->local = nl_alloc(MOST_LOCALS, sizeof *r->local);
    bool made = setjmp(r->s.failure) == 0;
    if (made)
        read_all(r);
    struct nl_formula *formula = r->formula;
    formula->node = r->nodes.at;
    formula->count = r->nodes.count;
    if (made)
        nl_formula_schedule(formula);
    free(r->local);
    free(r);
    if (made)
        return formula;
    nl_formula_release(formula);
    return NULL;
}
