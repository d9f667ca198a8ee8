/* Reads a value by the type and the bounds of its key, and writes it in its canonical form. */
#include "config/value.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"
#include "base/nearest.h"
#include "base/utf8.h"
#include "config/keep.h"
#include "config/layers.h"

enum { QUOTED = 80 }; /* of what the user wrote, at most so much is repeated in a message */

bool nl_key_is_list(const struct nl_key *key)
{
    return key->type == NL_TYPE_INTS || key->type == NL_TYPE_CHOICES || key->type == NL_TYPE_NAMES ||
           key->type == NL_TYPE_LAYERS;
}

bool nl_key_is_text(const struct nl_key *key)
{
    return key->type == NL_TYPE_TEXT || key->type == NL_TYPE_CODE || key->type == NL_TYPE_PARTS;
}

bool nl_key_is_number(const struct nl_key *key)
{
    return key->type == NL_TYPE_INT || key->type == NL_TYPE_AUTO_INT || key->type == NL_TYPE_REAL ||
           key->type == NL_TYPE_AUTO_REAL;
}

/* "010": digits alone, after a 0. YAML 1.1 reads an octal number, YAML 1.2 a decimal one. */
static bool may_be_octal(const char *text)
{
    text += *text == '-' || *text == '+';
    return *text == '0' && text[1] && !text[strspn(text, "0123456789")];
}

const char *nl_octal_hint(const char *text)
{
    return may_be_octal(text)
               ? "write it without the 0 in front: YAML 1.1 reads an octal number, YAML 1.2 a decimal one"
               : NULL;
}

/* The grammar of YAML 1.2's core schema for floats, without .inf, .nan and octal look-alikes; strtod alone would also
 * take 0x10, nan and blanks. */
bool nl_number_read(const char *text, double *out)
{
    const char *at = text;
    int digits = 0;
    if (may_be_octal(text))
        return false;
    at += *at == '-' || *at == '+';
    for (; isdigit((unsigned char)*at); at++)
        digits++;
    if (*at == '.')
        for (at++; isdigit((unsigned char)*at); at++)
            digits++;
    if (!digits)
        return false;
    if (*at == 'e' || *at == 'E') {
        at++;
        at += *at == '-' || *at == '+';
        if (!isdigit((unsigned char)*at))
            return false;
        while (isdigit((unsigned char)*at))
            at++;
    }
    *out = nl_double_read(text, NULL);
    return !*at;
}

char *nl_with_point(const char *text)
{
    const char *comma = text + strspn(text, "0123456789");
    bool is_pair = comma > text && *comma == ',' && comma[1] && !comma[1 + strspn(comma + 1, "0123456789")];
    return is_pair ? nl_format("%.*s.%s", (int)(comma - text), text, comma + 1) : NULL;
}

bool nl_number_vanishes(const char *text)
{
    double value;
    return nl_number_read(text, &value) && !(fabs(value) > 0) && strcspn(text, "123456789") < strcspn(text, "eE");
}

bool nl_integer_read(const char *text, int64_t *out)
{
    const char *at = text + (*text == '-' || *text == '+');
    if (!*at || at[strspn(at, "0123456789")] || may_be_octal(text))
        return false;
    *out = strtoll(text, NULL, 10);
    return true;
}

static void add_bound(struct nl_text *out, const struct nl_key *key, double bound)
{
    char number[32];
    if (key->type == NL_TYPE_REAL || key->type == NL_TYPE_AUTO_REAL)
        nl_text_add(out, "%s", nl_double_text(bound, number));
    else
        nl_text_add(out, "%.0f", bound);
}

static bool may_be_auto(const struct nl_key *key)
{
    return key->type == NL_TYPE_AUTO_INT || key->type == NL_TYPE_AUTO_REAL;
}

static int out_of_range(const struct nl_key *key, const char *text, struct nl_error *err)
{
    struct nl_text range = {0};
    add_bound(&range, key, key->low);
    nl_text_add(&range, " to ");
    add_bound(&range, key, key->high);
    nl_fail(err, "'%s' must be from %s%s, not %.*s", key->name, range.at, may_be_auto(key) ? ", or 'auto'" : "", QUOTED,
            text);
    nl_text_release(&range);
    return NL_FAIL;
}

static int wrong_type(const struct nl_key *key, const char *wanted, const char *text, struct nl_error *err,
                      struct nl_error *hint)
{
    struct nl_text range = {0};
    char *pointed = nl_with_point(text);
    if (may_be_octal(text)) {
        nl_fail(hint, "%s", nl_octal_hint(text));
    } else if (pointed) {
        nl_fail(hint, "a decimal point is '.': %s", pointed);
    } else if (key == nl_key_named("train.seed") && strpbrk(text, ".-")) {
        nl_fail(hint, "sweep.seeds=5 trains with the seeds 1 to 5");
    } else if (strstr(text, "..")) {
        nl_fail(hint, "a range is written FROM:TO:STEP, or FROM:TO:log:COUNT");
    } else if (key->low < key->high) {
        add_bound(&range, key, key->low);
        nl_text_add(&range, " to ");
        add_bound(&range, key, key->high);
        nl_fail(hint, "write it in decimal digits, from %s", range.at);
        nl_text_release(&range);
    }
    free(pointed);
    return nl_fail(err, "'%s' must be %s, not '%.*s'", key->name, wanted, QUOTED, text);
}

static int read_integer(const struct nl_key *key, const char *text, int64_t *out, struct nl_error *err,
                        struct nl_error *hint)
{
    int64_t value;
    if (key->type == NL_TYPE_AUTO_INT && strcmp(text, "auto") == 0) {
        *out = NL_AUTO;
        return NL_OK;
    }
    if (!nl_integer_read(text, &value))
        return wrong_type(key, key->type == NL_TYPE_AUTO_INT ? "an integer or 'auto'" : "an integer", text, err, hint);
    if (!((double)value >= key->low && (double)value <= key->high))
        return out_of_range(key, text, err);
    *out = value;
    return NL_OK;
}

static int read_real(const struct nl_key *key, const char *text, double *out, struct nl_error *err,
                     struct nl_error *hint)
{
    double value;
    if (key->type == NL_TYPE_AUTO_REAL && strcmp(text, "auto") == 0) {
        *out = NL_AUTO;
        return NL_OK;
    }
    if (!nl_number_read(text, &value))
        return wrong_type(key, may_be_auto(key) ? "a number or 'auto'" : "a number", text, err, hint);
    if (nl_number_vanishes(text))
        return nl_fail(err, "'%s' is too small to be distinguished from 0: %.*s", key->name, QUOTED, text);
    if (!(value >= key->low && value <= key->high))
        return out_of_range(key, text, err);
    *out = value + 0.0; /* -0 becomes 0: one value, one text */
    return NL_OK;
}

int nl_truth_read(const char *text)
{
    static const char *const words[] = {"false", "true", "no", "yes", "off", "on", NULL};
    for (int i = 0; words[i]; i++)
        if (strcasecmp(text, words[i]) == 0)
            return i % 2;
    return -1;
}

static int read_bool(const struct nl_key *key, const char *text, bool *out, struct nl_error *err)
{
    int truth = nl_truth_read(text);
    if (truth < 0)
        return nl_fail(err, "'%s' must be true or false, not '%.*s'", key->name, QUOTED, text);
    *out = truth;
    return NL_OK;
}

bool nl_key_is_switch(const struct nl_key *key)
{
    return key->choices == nl_switch_names;
}

static const struct {
    const char *key, *word, *value, *note, *elsewhere;
} names_elsewhere[] = {
#define CALLED(key, word, value, note) {key, word, value, note, NULL},
#define ELSEWHERE(key, word, remedy) {key, word, NULL, NULL, remedy},
#include "config/values.def"
#undef CALLED
#undef ELSEWHERE
};

static bool is_a_name(const struct nl_key *key, const char *text)
{
    for (int i = 0; key->choices[i]; i++)
        if (strcmp(key->choices[i], text) == 0)
            return true;
    return false;
}

struct nl_called nl_value_called(const struct nl_key *key, const char *text)
{
    if (!key->choices || nl_key_is_switch(key) || is_a_name(key, text) || !*text)
        return (struct nl_called){0};
    for (int i = 0; key->choices[i]; i++)
        if (nl_alike(text, key->choices[i], false))
            return (struct nl_called){key->choices[i], "", NULL};
    for (size_t i = 0; i < sizeof names_elsewhere / sizeof *names_elsewhere; i++)
        if (nl_key_named(names_elsewhere[i].key)->choices == key->choices &&
            nl_alike(text, names_elsewhere[i].word, false))
            return (struct nl_called){names_elsewhere[i].value, names_elsewhere[i].note, names_elsewhere[i].elsewhere};
    return (struct nl_called){0};
}

void nl_note_called(const struct nl_key *key, const char *text, const struct nl_origin *at,
                    struct nl_diagnostics *diagnostics)
{
    struct nl_called called = nl_value_called(key, text);
    if (called.value)
        nl_note(diagnostics, at, "'%s' is read as %s: %s%s%s", text, key->name, called.value, *called.note ? ", " : "",
                called.note);
}

static int read_choice(const struct nl_key *key, const char *text, int *out, struct nl_error *err,
                       struct nl_error *hint)
{
    struct nl_text legal = {0};
    int truth = nl_key_is_switch(key) ? nl_truth_read(text) : -1;
    struct nl_called called = nl_value_called(key, text);
    const char *value = called.value ? called.value : truth < 0 ? text : truth ? "true" : "false";
    for (int i = 0; key->choices[i]; i++) {
        if (strcmp(key->choices[i], value) == 0) {
            *out = i;
            nl_text_release(&legal);
            return NL_OK;
        }
        nl_text_add(&legal, "%s%s", i ? ", " : "", key->choices[i]);
    }
    const char *near = nl_nearest(text, key->choices);
    if (called.elsewhere)
        nl_fail(hint, "it is %s", called.elsewhere);
    else if (near)
        nl_fail(hint, "did you mean '%s'? it can be %s", near, legal.at);
    else
        nl_fail(hint, "it can be %s", legal.at);
    nl_text_release(&legal);
    return nl_fail(err, "'%s' cannot be '%.*s'", key->name, QUOTED, text);
}

char *nl_trimmed(char *text)
{
    text += strspn(text, " ");
    for (char *end = text + strlen(text); end > text && end[-1] == ' ';)
        *--end = '\0';
    return text;
}

/* Takes the next item off a list, which is cut in place; NULL: there is none. A word may have quotes, as YAML wants
 * them around a star. */
static char *next_item(char **rest)
{
    char *item = *rest ? nl_trimmed(strsep(rest, ",")) : NULL;
    size_t length = item ? strlen(item) : 0;
    if (length >= 2 && (*item == '\'' || *item == '"') && item[length - 1] == *item) {
        item[length - 1] = '\0';
        item++;
    }
    return item;
}

/* Where the items of a list begin; NULL: it has none. */
static char *first_item(char *list)
{
    return list[strspn(list, " ")] ? list : NULL;
}

/* What stands between the brackets of "[1, 3]", as YAML writes it; or "1,3", which a shell leaves alone. New string. */
static char *items_of(const char *text)
{
    size_t length = strlen(text);
    bool brackets = length >= 2 && text[0] == '[' && text[length - 1] == ']';
    return brackets ? nl_format("%.*s", (int)length - 2, text + 1) : nl_strdup(text);
}

static int refuse_item(const struct nl_key *key, const char *item, bool twice, int count, struct nl_error *err)
{
    if (twice)
        return nl_fail(err, "'%s' has '%s' twice", key->name, item);
    return count == NL_LIST_MAX ? nl_fail(err, "'%s' has more than %d values", key->name, NL_LIST_MAX) : NL_OK;
}

static int read_list(const struct nl_key *key, const char *text, struct nl_int_list *out, struct nl_error *err,
                     struct nl_error *hint)
{
    struct nl_int_list list = {0};
    char *copy = items_of(text), *rest = first_item(copy), *item;
    int result = NL_OK;
    while (!result && (item = next_item(&rest))) {
        int64_t value = 0;
        int choice = 0;
        bool twice = false;
        if (key->type == NL_TYPE_INTS) {
            result = read_integer(key, item, &value, err, hint);
        } else {
            result = read_choice(key, item, &choice, err, hint);
            value = choice;
        }
        for (int i = 0; i < list.count; i++)
            twice |= list.at[i] == value;
        result = result ? result : refuse_item(key, item, twice, list.count, err);
        if (!result)
            list.at[list.count++] = value;
    }
    free(copy);
    if (!result && key->type == NL_TYPE_CHOICES && !list.count && strcmp(key->default_text, "[]") != 0)
        result = nl_fail(err, "'%s' must have at least one value", key->name);
    if (!result)
        *out = list;
    return result;
}

const char nl_name_characters[] = "a-zA-Z0-9_./:*?-";

static int read_names(const struct nl_key *key, const char *text, struct nl_name_list *out, struct nl_error *err,
                      struct nl_error *hint)
{
    struct nl_name_list list = {0};
    char *copy = items_of(text), *rest = first_item(copy), *item;
    int result = NL_OK;
    while (!result && (item = next_item(&rest))) {
        bool twice = false, good = *item;
        for (const char *at = item; *at; at++)
            good &= isalnum((unsigned char)*at) || strchr("_./:*?-", *at);
        for (int i = 0; i < list.count; i++)
            twice |= strcmp(list.at[i], item) == 0;
        if (!good) {
            nl_fail(hint, "letters, digits, '_', '-', '.', '/' and ':' stand for themselves, '*' for any characters "
                          "and '?' for one");
            result = nl_fail(err, "'%s' cannot have the name '%.*s'", key->name, QUOTED, item);
        } else if (!(result = refuse_item(key, item, twice, list.count, err))) {
            list.at[list.count++] = nl_keep_text(item);
        }
    }
    free(copy);
    if (!result)
        *out = list;
    return result;
}

static int read_text(const struct nl_key *key, const char *text, char **out, struct nl_error *err)
{
    size_t bytes;
    for (const char *at = text; *at; at += bytes)
        if (!nl_character_prints(at, bytes = nl_character_bytes(at)))
            return nl_fail(err, "'%s' must be one line of text in UTF-8, without control characters", key->name);
    *out = strcmp(text, key->default_text) == 0 ? (char *)(uintptr_t)key->default_text : nl_keep_text(text);
    return NL_OK;
}

/* Text of several lines. */
static int read_code(const struct nl_key *key, const char *text, char **out, struct nl_error *err)
{
    size_t bytes;
    for (const char *at = text; *at; at += bytes)
        if (bytes = nl_character_bytes(at), !strchr("\n\t\r", *at) && !nl_character_prints(at, bytes))
            return nl_fail(err, "'%s' must be text in UTF-8, without control characters but for ends of lines",
                           key->name);
    *out = strcmp(text, key->default_text) == 0 ? (char *)(uintptr_t)key->default_text : nl_keep_text(text);
    return NL_OK;
}

int nl_plain_value_read(const struct nl_key *key, struct nl_config *config, const char *text, struct nl_error *err,
                        struct nl_error *hint)
{
    void *field = (char *)config + key->offset;
    if (hint)
        hint->text[0] = '\0';
    switch (key->type) {
    case NL_TYPE_INT:
    case NL_TYPE_AUTO_INT:
        return read_integer(key, text, field, err, hint);
    case NL_TYPE_REAL:
    case NL_TYPE_AUTO_REAL:
        return read_real(key, text, field, err, hint);
    case NL_TYPE_BOOL:
        return read_bool(key, text, field, err);
    case NL_TYPE_CHOICE:
        return read_choice(key, text, field, err, hint);
    case NL_TYPE_CHOICES:
    case NL_TYPE_INTS:
        return read_list(key, text, field, err, hint);
    case NL_TYPE_NAMES:
        return read_names(key, text, field, err, hint);
    case NL_TYPE_TEXT:
        return read_text(key, text, field, err);
    case NL_TYPE_CODE: return read_code(key, text, field, err);
    case NL_TYPE_PARTS: break; /* a mapping, which is not plain */
    case NL_TYPE_LAYERS:
        break; /* a list of them, which is not plain */
    }
    NL_BUG("key '%s' has no plain type", key->name);
}

static char *names_text(const struct nl_name_list *list)
{
    struct nl_text out = {0};
    nl_text_add(&out, "[");
    for (int i = 0; i < list->count; i++)
        nl_text_add(&out, "%s%s", i ? ", " : "", list->at[i]);
    nl_text_add(&out, "]");
    return out.at;
}

static const char *const recorded_switch[] = {
    [NL_SWITCH_AUTO] = "auto", [NL_SWITCH_ON] = "on", [NL_SWITCH_OFF] = "off"};

/* A text of statements as one line: without comments, and with "; " for the ends of lines; new string. */
static char *code_joined(const char *text)
{
    struct nl_text out = {0};
    nl_text_add(&out, "%s", "");
    while (*text) {
        size_t line = strcspn(text, "\n;"), length = strcspn(text, "#\n;"), blanks = strspn(text, " \t\r");
        bool comment = length < line || text[length] == '#';
        line = comment ? strcspn(text, "\n") : line;
        while (length > blanks && strchr(" \t\r", text[length - 1]))
            length--;
        if (length > blanks)
            nl_text_add(&out, "%s%.*s", out.length ? "; " : "", (int)(length - blanks), text + blanks);
        text += line + (text[line] != '\0');
    }
    return out.at;
}

char *nl_value_text(const struct nl_key *key, const struct nl_config *config)
{
    const void *field = (const char *)config + key->offset;
    char number[32];
    switch (key->type) {
    case NL_TYPE_AUTO_INT:
        if (*(const int64_t *)field == NL_AUTO)
            return nl_strdup("auto");
        return nl_format("%" PRId64, *(const int64_t *)field);
    case NL_TYPE_INT:
        return nl_format("%" PRId64, *(const int64_t *)field);
    case NL_TYPE_AUTO_REAL:
        if (*(const double *)field == NL_AUTO)
            return nl_strdup("auto");
        return nl_strdup(nl_double_text(*(const double *)field, number));
    case NL_TYPE_REAL:
        return nl_strdup(nl_double_text(*(const double *)field, number));
    case NL_TYPE_BOOL:
        return nl_strdup(*(const bool *)field ? "true" : "false");
    case NL_TYPE_CHOICE:
        return nl_strdup(nl_key_is_switch(key) ? recorded_switch[*(const int *)field]
                                               : key->choices[*(const int *)field]);
    case NL_TYPE_CHOICES:
    case NL_TYPE_INTS: {
        const struct nl_int_list *list = field;
        struct nl_text out = {0};
        nl_text_add(&out, "[");
        for (int i = 0; i < list->count; i++) {
            nl_text_add(&out, "%s", i ? ", " : "");
            if (key->choices)
                nl_text_add(&out, "%s", key->choices[list->at[i]]);
            else
                nl_text_add(&out, "%" PRId64, list->at[i]);
        }
        nl_text_add(&out, "]");
        return out.at;
    }
    case NL_TYPE_NAMES:
        return names_text(field);
    case NL_TYPE_TEXT:
    case NL_TYPE_PARTS: return nl_strdup(*(char *const *)field);
    case NL_TYPE_CODE: return code_joined(*(char *const *)field);
    case NL_TYPE_LAYERS:
        return nl_strdup((*(const struct nl_layers *const *)field)->text);
    }
    NL_BUG("key '%s' has no type", key->name);
}

/* Whether YAML reads the text back as a text, without quotes. */
static bool is_plain(const char *text)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-";
    return isalnum((unsigned char)text[0]) && !text[strspn(text, plain)] && strcasecmp(text, "null") != 0 &&
           nl_truth_read(text) < 0;
}

/* "[\"*.weight\", fc1]": a star, or a colon, means something else to YAML. */
static char *names_yaml(const char *text)
{
    struct nl_text out = {0};
    char *copy = items_of(text), *rest = first_item(copy), *item;
    nl_text_add(&out, "[");
    while ((item = next_item(&rest)))
        nl_text_add(&out, is_plain(item) ? "%s%s" : "%s\"%s\"", out.length > 1 ? ", " : "", item);
    nl_text_add(&out, "]");
    free(copy);
    return out.at;
}

/* The canonical text of model.layers with truth values as all readers of YAML take them. */
static char *layers_yaml(const char *text)
{
    static const char word[] = "bias: ";
    struct nl_text out = {0};
    for (const char *at; (at = strstr(text, word)); text = at) {
        at += sizeof word - 1;
        nl_text_add_bytes(&out, text, (size_t)(at - text));
        size_t length = strcspn(at, ",}");
        char *value = nl_format("%.*s", (int)length, at);
        int truth = nl_truth_read(value);
        nl_text_add(&out, "%s", truth < 0 ? value : truth ? "true" : "false");
        free(value);
        at += length;
    }
    nl_text_add(&out, "%s", text);
    return out.at;
}

/* "1e-05" as "1.0e-05": YAML 1.1 takes a number with an exponent and without a point for a text. */
static char *with_points(const char *text)
{
    struct nl_text out = {0};
    nl_text_add(&out, "%s", "");
    while (*text) {
        size_t word = strcspn(text, " ,:[]{}"), whole = text[0] == '-' || text[0] == '+';
        whole += strspn(text + whole, "0123456789");
        size_t exponent = whole && text[whole] == 'e' && (text[whole + 1] == '-' || text[whole + 1] == '+')
                              ? strspn(text + whole + 2, "0123456789")
                              : 0;
        bool lacks = exponent && whole + 2 + exponent == word;
        size_t bytes = word ? word : 1;
        nl_text_add(&out, "%.*s%s%.*s", (int)(lacks ? whole : bytes), text, lacks ? ".0" : "",
                    (int)(lacks ? bytes - whole : 0), text + whole);
        text += bytes;
    }
    return out.at;
}

/* The value of a key whose values are no texts. */
static char *plain_yaml(const struct nl_key *key, const char *text, enum nl_spelling spelling)
{
    int truth = nl_key_is_switch(key) ? nl_truth_read(text) : -1;
    if (spelling != NL_SHOWN)
        return nl_strdup(text);
    if (truth >= 0)
        return nl_strdup(truth ? "true" : "false");
    if (key->type != NL_TYPE_LAYERS)
        return with_points(text);
    char *layers = layers_yaml(text), *out = with_points(layers);
    free(layers);
    return out;
}

char *nl_value_yaml(const struct nl_key *key, const char *text, enum nl_spelling spelling)
{
    if (key->type == NL_TYPE_NAMES)
        return names_yaml(text);
    if (key->type != NL_TYPE_TEXT && key->type != NL_TYPE_CODE)
        return plain_yaml(key, text, spelling);
    if (is_plain(text))
        return nl_strdup(text);
    struct nl_text out = {0};
    nl_text_add(&out, "\"");
    for (; *text; text++)
        nl_text_add(&out, *text == '"' || *text == '\\' ? "\\%c" : "%c", *text);
    nl_text_add(&out, "\"");
    return out.at;
}

bool nl_pair_at(const char *text, int index, char name[64], char value[96])
{
    for (; index > 0 && *text; index--) {
        text += strcspn(text, ",");
        text += *text == ',';
    }
    if (!*text)
        return false;
    char *pair = nl_format("%.*s", (int)strcspn(text, ","), text), *equals = strchr(pair, '=');
    if (equals)
        *equals = '\0';
    snprintf(name, 64, "%s", nl_trimmed(pair));
    snprintf(value, 96, "%s", equals ? nl_trimmed(equals + 1) : "");
    free(pair);
    return true;
}

bool nl_colour_read(const char *text, unsigned *out)
{
    if (*text != '#' || strlen(text) != 7 || strspn(text + 1, "0123456789abcdefABCDEF") != 6)
        return false;
    *out = (unsigned)strtoul(text + 1, NULL, 16);
    return true;
}
