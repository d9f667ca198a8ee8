#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "cmd.h"
#include "config/value.h"

char *key_range(const struct nl_key *key)
{
    struct nl_text out = {0};
    static const char *const types[] = {
        [NL_TYPE_INT] = "integer",           [NL_TYPE_AUTO_INT] = "integer or auto",
        [NL_TYPE_REAL] = "number",           [NL_TYPE_AUTO_REAL] = "number or auto",
        [NL_TYPE_BOOL] = "true or false",    [NL_TYPE_CHOICE] = "one of",
        [NL_TYPE_CHOICES] = "list of",       [NL_TYPE_INTS] = "list of integers",
        [NL_TYPE_NAMES] = "list of names",   [NL_TYPE_TEXT] = "text",
        [NL_TYPE_LAYERS] = "list of layers",
    };
    nl_text_add(&out, "%s", types[key->type]);
    for (int i = 0; key->choices && key->choices[i]; i++)
        nl_text_add(&out, "%s %s", i ? "," : "", key->choices[i]);
    if (nl_key_is_number(key) || key->type == NL_TYPE_INTS)
        nl_text_add(&out, ", %g to %g", key->low, key->high);
    nl_text_add(&out, "; default %s", *key->default_text ? key->default_text : "empty");
    return out.at;
}

/* How a word may mean a key, the surest way first. */
enum way { BY_NAME, BY_SYNONYM, BY_BEGINNING, WAYS };
enum { LEAST_BEGINNING = 3 };

static bool means(const char *word, enum way way, const char *name)
{
    size_t section = (size_t)(strchr(name, '.') - name);
    if (way == BY_NAME)
        return !*word || strcmp(word, name) == 0 || strcmp(word, name + section + 1) == 0 ||
               (strlen(word) == section && strncmp(word, name, section) == 0);
    const struct nl_key *key = nl_key_find(name);
    return nl_key_is_called(name, word, way == BY_BEGINNING && strlen(word) >= LEAST_BEGINNING) ||
           (key && nl_value_called(key, word).value);
}

static void print_key(int *printed, const char *name, const char *range, const char *help)
{
    printf("%s%s\n  %s\n  %s\n", (*printed)++ ? "\n" : "", name, range, help);
}

/* What may stand under a section that has no keys of a configuration. */
static void print_fields(int *printed, const char *word, enum way way, const char *section,
                         const struct nl_field *field)
{
    for (; field->name; field++) {
        char *name = nl_format("%s.%s", section, field->name);
        if (means(word, way, name))
            print_key(printed, name, field->form, field->help);
        free(name);
    }
}

/* Prints the keys that the word means in this way, and returns their number. */
static int print_keys(const char *word, enum way way)
{
    int printed = 0;
    for (int i = 0; i < nl_key_count; i++) {
        char *range = key_range(&nl_keys[i]);
        if (means(word, way, nl_keys[i].name))
            print_key(&printed, nl_keys[i].name, range, nl_keys[i].help);
        free(range);
    }
    print_fields(&printed, word, way, "sweep", nl_sweep_fields);
    print_fields(&printed, word, way, "claim", nl_claim_fields);
    print_fields(&printed, word, way, "import", nl_import_fields);
    print_fields(&printed, word, way, "quantity", nl_quantity_fields);
    return printed;
}

static int unknown_key(const char *word)
{
    const char *near = nl_key_nearest(word), *absent = nl_key_absent(word);
    struct nl_text hint = {0};
    if (absent)
        nl_text_add(&hint, "normlab has no %s", absent);
    else if (near)
        nl_text_add(&hint, "did you mean '%s'?", near);
    else
        for (const struct nl_section *section = nl_sections; section->name; section++)
            nl_text_add(&hint, "%s%s%s", hint.at ? ", " : "sections: ", section->name,
                        section[1].name ? "" : ", sweep, claim, import, quantity");
    bad_input(hint.at, "no section or key '%s'", word);
    nl_text_release(&hint);
    return EXIT_BAD_INPUT;
}

static int run(const struct command *self, int argc, char **argv)
{
    static const struct option options[] = {{0}};
    if (next_option(self, argc, argv, "", options) != OPTION_END)
        return EXIT_BAD_INPUT;
    struct nl_text word = {0};
    nl_text_add(&word, "%s", "");
    for (int i = optind; i < argc; i++)
        nl_text_add(&word, "%s%s", i > optind ? " " : "", argv[i]);
    int printed = 0;
    for (enum way way = BY_NAME; way < WAYS && !printed; way++)
        printed = print_keys(word.at, way);
    int code = printed ? EXIT_DONE : unknown_key(word.at);
    nl_text_release(&word);
    return code;
}

const struct command command_keys = {
    .name = "keys",
    .summary = "explain the keys of a configuration: meaning, range, default",
    .usage =
        "usage: normlab keys [SECTION | KEY | WORD ...]\n"
        "\n"
        "Explains the keys of a configuration: type, range, default and meaning. A key is named SECTION.KEY. Section sweep says what\n"
        "an experiment varies, section claim what a paper says about it, section import how files of another program are read, and\n"
        "section quantity what is measured of the tensors of log.tensors. WORD is what PyTorch, TensorFlow or a paper calls the key, or a value that the key can have (npy).\n"
        "\n"
        "examples:\n"
        "  normlab keys norm\n"
        "  normlab keys train.lr_scale\n"
        "  normlab keys learning rate\n"
        "  normlab keys ghost\n"
        "  normlab keys quantity\n",
    .run = run,
};
