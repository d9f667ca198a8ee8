/* Expands ranges and lists into the texts of an axis's values. */
#include "config/points.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "config/keep.h"
#include "config/layers.h"
#include "config/parts.h"
#include "config/value.h"

enum { MOST_POINTS = 10000 };

void nl_points_release(struct nl_points *points)
{
    for (int i = 0; i < points->count; i++)
        free(points->text[i]);
    free(points->text);
    free(points->at);
    *points = (struct nl_points){0};
}

static bool is_real(const struct nl_key *key)
{
    return key->type == NL_TYPE_REAL || key->type == NL_TYPE_AUTO_REAL;
}

static void add(struct nl_points *out, char *text, const struct nl_origin *at)
{
    int capacity = out->capacity;
    NL_GROW(out->at, out->count, capacity);
    NL_GROW(out->text, out->count, out->capacity);
    out->text[out->count] = text;
    out->at[out->count++] = *at;
}

/* Canonical text of a legal value, else a diagnostic. */
static char *canonical(const struct nl_key *key, const char *text, const struct nl_origin *at,
                       struct nl_diagnostics *diagnostics)
{
    struct nl_config scratch;
    struct nl_error err, hint;
    if (nl_value_read(key, &scratch, text, &err, &hint)) {
        nl_diagnose(diagnostics, at, hint.text, "%s", err.text);
        return NULL;
    }
    nl_note_called(key, text, at, diagnostics);
    return nl_value_text(key, &scratch);
}

/* The i-th of the points between the two ends of a range, rounded so that tables stay readable: an integer for integer
 * keys, 6 digits on a log scale, 12 on a linear one (which hides what the sum start + i step has too much). */
static char *inner_point(const struct nl_key *key, double value, int digits)
{
    if (!is_real(key))
        return nl_format("%" PRId64, (int64_t)llround(value));
    return nl_format("%.*g", digits, value);
}

/* Takes what over. */
static void add_doubt(struct nl_points *out, const struct nl_origin *at, char *what, const char *remedy)
{
    struct nl_doubt *doubt = nl_keep(nl_alloc(1, sizeof *doubt));
    *doubt = (struct nl_doubt){.at = *at, .what = nl_keep(what), .remedy = nl_keep_text(remedy)};
    out->doubt = doubt;
}

static int log_range(const struct nl_key *key, char *const part[4], struct nl_points *out, const struct nl_origin *at,
                     struct nl_error *err, struct nl_error *hint)
{
    double from, to;
    int64_t count;
    if (!nl_number_read(part[0], &from) || !nl_number_read(part[1], &to) || strcmp(part[2], "log") != 0 ||
        !nl_integer_read(part[3], &count)) {
        nl_fail(hint,
                "a range on the log scale is written from:to:log:count, as in 1e-3:1:log:7 (normlab keys ranges)");
        return nl_fail(err, "'%s' cannot read the range '%.80s:%.80s:%.80s:%.80s'", key->name, part[0], part[1],
                       part[2], part[3]);
    }
    if (!(from > 0 && to > 0 && from != to))
        return nl_fail(err, "'%s' needs two different ends above 0 for a range on the log scale", key->name);
    if (count < 2 || count > MOST_POINTS)
        return nl_fail(err, "'%s' has a range with a count of %.80s: it must be from 2 to %d", key->name, part[3],
                       MOST_POINTS);
    for (int i = 0; i < count; i++) {
        if (i == 0 || i == count - 1)
            add(out, nl_strdup(part[i ? 1 : 0]), at);
        else
            add(out, inner_point(key, exp(log(from) + (log(to) - log(from)) * i / (double)(count - 1)), 6), at);
    }
    return NL_OK;
}

/* How to write what from:to:step may be meant to be: its third number may be how many values are wanted. */
static void add_remedy(char *const part[3], double from, double to, double step, struct nl_error *hint)
{
    if (step >= 2 && step == floor(step) && step <= MOST_POINTS && from > 0 && to > 0 && from != to)
        nl_fail(hint, "%.80s values on the log scale are written %.80s:%.80s:log:%.80s", part[2], part[0], part[1],
                part[2]);
    else
        nl_fail(hint, "write from:to:step, with a step that leads from the first to the second");
}

static int linear_range(const struct nl_key *key, char *const part[3], int parts, struct nl_points *out,
                        const struct nl_origin *at, struct nl_error *err, struct nl_error *hint)
{
    double from, to, step = 1;
    if (!nl_number_read(part[0], &from) || !nl_number_read(part[1], &to) ||
        (parts == 3 && !nl_number_read(part[2], &step))) {
        nl_fail(hint, "a range is written from:to (integers), from:to:step or from:to:log:count, as in 1e-3:1:log:7 "
                      "(normlab keys ranges)");
        return nl_fail(err, "'%s' cannot read the range '%.80s:%.80s%s%.80s'", key->name, part[0], part[1],
                       parts == 3 ? ":" : "", parts == 3 ? part[2] : "");
    }
    bool whole = from == floor(from) && to == floor(to) && step == floor(step);
    if (!whole && (parts == 2 || !is_real(key))) {
        nl_fail(hint, "write from:to:step or from:to:log:count (normlab keys ranges)");
        return nl_fail(err, "'%s' has a range of %.80s:%.80s, which are not integers", key->name, part[0], part[1]);
    }
    double steps = (to - from) / step;
    if (!(steps >= 0 && fabs(step) > 0)) {
        add_remedy(part, from, to, step, hint);
        return nl_fail(err, "'%s' has a range that never gets from %.80s to %.80s", key->name, part[0], part[1]);
    }
    if (steps > 0 && steps < 1) {
        add_remedy(part, from, to, step, hint);
        return nl_fail(err, "'%s' has a range of one value, %.80s: the step %.80s goes beyond %.80s", key->name,
                       part[0], part[2], part[1]);
    }
    if (steps >= MOST_POINTS)
        return nl_fail(err, "'%s' has a range of more than %d points", key->name, MOST_POINTS);
    double slack = 1e-9 * (1 + steps); /* rounding of the division, not a further point */
    int last = (int)floor(steps + slack);
    bool arrives = fabs(steps - last) <= slack;
    for (int i = 0; i <= last; i++) {
        bool is_end = i == last && arrives;
        add(out, i == 0 || is_end ? nl_strdup(part[is_end ? 1 : 0]) : inner_point(key, from + i * step, 12), at);
    }
    if (!arrives) {
        struct nl_error remedy;
        add_remedy(part, from, to, step, &remedy);
        add_doubt(out, at,
                  nl_format("%s:%s:%s is read as %s from %s to %s in steps of %s, without %s", part[0], part[1],
                            part[2], NL_COUNT(out->count, "value"), part[0], out->text[last], part[2], part[1]),
                  remedy.text);
    }
    return NL_OK;
}

/* One item between commas: a value, or a range of them. */
static void expand(const struct nl_key *key, const char *item, const struct nl_origin *at, struct nl_points *out,
                   struct nl_diagnostics *diagnostics)
{
    struct nl_points range = {0};
    struct nl_error err, hint = {{0}};
    char *copy = nl_strdup(item), *rest = copy, *part[5];
    int parts = 0, result = NL_OK;
    while (nl_key_is_number(key) && rest && parts < 5)
        part[parts++] = strsep(&rest, ":");
    if (parts < 2) {
        add(&range, nl_strdup(item), at);
    } else if (parts == 5) {
        nl_fail(&hint, "a range is written from:to, from:to:step or from:to:log:count (normlab keys ranges)");
        result = nl_fail(&err, "'%s' cannot read the range '%.80s'", key->name, item);
    } else {
        result = parts == 4 ? log_range(key, part, &range, at, &err, &hint)
                            : linear_range(key, part, parts, &range, at, &err, &hint);
    }
    if (result)
        nl_diagnose(diagnostics, at, hint.text, "%s", err.text);
    if (out->count + range.count > MOST_POINTS)
        nl_diagnose(diagnostics, at, NULL, "'%s' has more than %d values", key->name, MOST_POINTS);
    char *text = NULL;
    for (int i = 0; i < range.count && out->count < MOST_POINTS && (i == 0 || text);
         i++) { /* of a range, the first wrong value says enough */
        text = canonical(key, range.text[i], at, diagnostics);
        if (text)
            add(out, text, at);
    }
    out->doubt = range.doubt ? range.doubt : out->doubt;
    nl_points_release(&range);
    free(copy);
}

/* "0,1", which may be one number with a decimal comma: 0 is hardly a value beside another integer, and any other pair
 * is taken as two values. False: it was refused. */
static bool settle_comma(const struct nl_key *key, const char *text, const struct nl_origin *at, struct nl_points *out,
                         struct nl_diagnostics *diagnostics)
{
    char *pointed = is_real(key) ? nl_with_point(text) : NULL;
    bool is_zero = pointed && text[0] == '0';
    if (is_zero) {
        struct nl_error hint;
        nl_fail(&hint, "the number is written %.80s; values of 0 and an integer are written as a list, in a file",
                pointed);
        nl_diagnose(diagnostics, at, hint.text, "'%s' may be the number %.80s or two values", key->name, pointed);
    } else if (pointed) {
        char *remedy = nl_format("the number is written %s", pointed);
        int first = (int)strcspn(text, ",");
        add_doubt(out, at, nl_format("%s is read as two values, %.*s and %s", text, first, text, text + first + 1),
                  remedy);
        free(remedy);
    }
    free(pointed);
    return !is_zero;
}

/* Equal texts in the order of the points. */
static int by_text(const void *a, const void *b)
{
    char *const *const *left = a, *const *const *right = b;
    int order = strcmp(**left, **right);
    return order ? order : (*left > *right) - (*left < *right);
}

void nl_points_refuse_twins(const struct nl_key *key, const struct nl_points *points,
                            struct nl_diagnostics *diagnostics)
{
    char ***sorted = nl_alloc((size_t)points->count, sizeof *sorted);
    bool *is_second = nl_alloc((size_t)points->count, sizeof *is_second);
    for (int i = 0; i < points->count; i++)
        sorted[i] = &points->text[i];
    qsort(sorted, (size_t)points->count, sizeof *sorted, by_text);
    for (int i = 1; i < points->count; i++)
        is_second[sorted[i] - points->text] = strcmp(*sorted[i], *sorted[i - 1]) == 0;
    for (int i = 0; i < points->count; i++)
        if (is_second[i])
            nl_diagnose(diagnostics, &points->at[i], NULL, "'%s' has the value '%.80s' twice", key->name,
                        points->text[i]);
    free(sorted);
    free(is_second);
}

void nl_points_from_text(const struct nl_key *key, const char *text, const struct nl_origin *at, struct nl_points *out,
                         struct nl_diagnostics *diagnostics)
{
    if (nl_key_is_list(key) || nl_key_is_text(key)) { /* a comma is part of the value */
        char *value = canonical(key, text, at, diagnostics);
        if (value)
            add(out, value, at);
        return;
    }
    if (!settle_comma(key, text, at, out, diagnostics))
        return;
    char *copy = nl_strdup(text), *rest = copy, *item;
    bool exact = at->width == (int)strlen(text); /* text stands in the source as it is: items can be pointed at */
    while ((item = strsep(&rest, ","))) {
        struct nl_origin item_at = *at;
        if (exact) {
            item_at.column += (int)(item - copy);
            item_at.width = *item ? (int)strlen(item) : 1;
        }
        expand(key, nl_trimmed(item), &item_at, out, diagnostics);
    }
    free(copy);
}

/* Whether the tag of a scalar, if it has one, is of the key's type; a diagnostic where it is not. 'auto', and a word
 * for several values, are texts. */
static bool tag_fits(const struct nl_key *key, const struct nl_node *node, struct nl_diagnostics *diagnostics)
{
    double number;
    bool is_int = node->tag && !strcmp(node->tag, "int"),
         is_number = is_int || (node->tag && !strcmp(node->tag, "float"));
    bool is_text = node->tag && !strcmp(node->tag, "str"), is_truth = node->tag && !strcmp(node->tag, "bool");
    bool fits = !node->tag;
    if (nl_key_is_number(key) || key->type == NL_TYPE_INTS)
        fits |= (is_real(key) ? is_number : is_int) || (is_text && !nl_number_read(node->text, &number));
    else
        fits |= key->type == NL_TYPE_BOOL ? is_truth : is_text;
    if (!fits)
        nl_diagnose(diagnostics, &node->at, "values are written without tags", "'%s' cannot have the tag '!!%s'",
                    key->name, node->tag);
    return fits;
}

/* The text that nl_value_read takes for a YAML value: a scalar's own, a list's items with commas between; NULL and
 * diagnostics where the node is something else or one of the items is not legal. New string. */
static char *node_text(const struct nl_key *key, const struct nl_node *node, struct nl_diagnostics *diagnostics)
{
    int before = diagnostics->count;
    if (node->kind == NL_MAPPING) {
        nl_diagnose(diagnostics, &node->at, NULL, "'%s' takes a value, not a section", key->name);
        return NULL;
    }
    if (node->kind == NL_SCALAR) {
        if (!node->blank)
            return tag_fits(key, node, diagnostics) ? nl_strdup(node->text) : NULL;
        struct nl_error hint;
        nl_fail(&hint,
                key->path             ? "give a value, or leave the key out"
                : nl_key_is_text(key) ? "write '' for an empty text"
                                      : "leave the key out for its default, %s",
                key->default_text);
        nl_diagnose(diagnostics, &node->at, hint.text, "'%s' has no value", key->name);
        return NULL;
    }
    if (!nl_key_is_list(key)) {
        nl_diagnose(diagnostics, &node->at,
                    "to try several values, list them under sweep: grid:", "'%s' takes one value, not a list",
                    key->name);
        return NULL;
    }
    struct nl_text text = {0};
    nl_text_add(&text, "[");
    for (int i = 0; i < node->count; i++) {
        const struct nl_node *item = node->item[i];
        if (item->kind != NL_SCALAR || item->blank) {
            nl_diagnose(diagnostics, &item->at, NULL, "'%s' must be a list of plain values", key->name);
            continue;
        }
        if (tag_fits(key, item, diagnostics))
            free(canonical(key, item->text, &item->at, diagnostics));
        nl_text_add(&text, "%s%s", i ? ", " : "", item->text);
    }
    nl_text_add(&text, "]");
    if (diagnostics->count > before)
        nl_text_release(&text);
    return text.at;
}

/* The canonical text of a mapping, or of a text that is one ("{gamma: {shape: channel, init: 1}}"). */
static char *parts_text(const struct nl_key *key, const struct nl_node *node, struct nl_diagnostics *diagnostics)
{
    const struct nl_node *map =
        node->kind == NL_SCALAR && !node->blank ? nl_yaml_parse(node->text, &node->at, diagnostics) : node;
    return map ? nl_parts_read(key, map, diagnostics) : NULL;
}

int nl_key_set_node(const struct nl_key *key, const struct nl_node *node, struct nl_config *config,
                    struct nl_diagnostics *diagnostics)
{
    struct nl_error err, hint;
    if (key->type == NL_TYPE_LAYERS && node->kind == NL_SEQUENCE) {
        const struct nl_layers *layers = nl_layers_read(node, diagnostics);
        if (layers)
            *(const struct nl_layers **)(void *)((char *)config + key->offset) = layers;
        return layers ? NL_OK : NL_FAIL;
    }
    char *text = key->type == NL_TYPE_PARTS ? parts_text(key, node, diagnostics) : node_text(key, node, diagnostics);
    if (!text)
        return NL_FAIL;
    int result = nl_value_read(key, config, text, &err, &hint);
    if (result)
        nl_diagnose(diagnostics, &node->at, hint.text, "%s", err.text);
    else
        nl_note_called(key, text, &node->at, diagnostics);
    free(text);
    return result;
}

char *nl_point_from_node(const struct nl_key *key, const struct nl_node *node, struct nl_diagnostics *diagnostics)
{
    struct nl_config scratch;
    return nl_key_set_node(key, node, &scratch, diagnostics) ? NULL : nl_value_text(key, &scratch);
}

void nl_points_from_node(const struct nl_key *key, const struct nl_node *node, struct nl_points *out,
                         struct nl_diagnostics *diagnostics)
{
    if (node->kind == NL_SCALAR && !node->blank) {
        if (tag_fits(key, node, diagnostics))
            nl_points_from_text(key, node->text, &node->at, out, diagnostics);
        return;
    }
    if (node->kind != NL_SEQUENCE) {
        nl_diagnose(diagnostics, &node->at,
                    nl_key_is_number(key) ? "write [a, b, c], from:to:step or from:to:log:count" : "write [a, b, c]",
                    "'%s' needs a list of values%s", key->name, nl_key_is_number(key) ? " or a range" : "");
        return;
    }
    if (node->count == 0)
        nl_diagnose(diagnostics, &node->at, NULL, "'%s' has an empty list of values", key->name);
    if (node->count > MOST_POINTS) {
        nl_diagnose(diagnostics, &node->at, NULL, "'%s' has more than %d values", key->name, MOST_POINTS);
        return;
    }
    for (int i = 0; i < node->count; i++) {
        char *text = nl_point_from_node(key, node->item[i], diagnostics);
        if (text)
            add(out, text, &node->item[i]->at);
    }
}
