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
        [NL_TYPE_INT] = "integer", [NL_TYPE_AUTO_INT] = "integer or auto", [NL_TYPE_REAL] = "number", [NL_TYPE_AUTO_REAL] = "number or auto", [NL_TYPE_BOOL] = "true or false",
        [NL_TYPE_CHOICE] = "one of", [NL_TYPE_CHOICES] = "list of", [NL_TYPE_INTS] = "list of integers", [NL_TYPE_TEXT] = "text",
    };
    nl_text_add(&out, "%s", types[key->type]);
    for (int i = 0; key->choices && key->choices[i]; i++)
        nl_text_add(&out, "%s %s", i ? "," : "", key->choices[i]);
    if (nl_key_is_number(key) || key->type == NL_TYPE_INTS)
        nl_text_add(&out, ", %g to %g", key->low, key->high);
    nl_text_add(&out, "; default %s", *key->default_text ? key->default_text : "empty");
    return out.at;
}

/* What may stand under a section that has no keys; returns how many were printed. before: others were. */
static int print_fields(const char *wanted, const char *section, const struct nl_field *field, int before)
{
    int printed = 0;
    for (; field->name; field++) {
        char *name = nl_format("%s.%s", section, field->name);
        if (!wanted || strcmp(wanted, section) == 0 || strcmp(wanted, name) == 0)
            printf("%s%s\n  %s\n  %s\n", before + printed++ ? "\n" : "", name, field->form, field->help);
        free(name);
    }
    return printed;
}

static int run(const struct command *self, int argc, char **argv)
{
    static const struct option options[] = {{0}};
    if (next_option(self, argc, argv, "", options) != OPTION_END)
        return EXIT_BAD_INPUT;
    const char *wanted = optind < argc ? argv[optind] : NULL;
    if (optind + 1 < argc)
        return bad_input(NULL, "keys takes one section or key: '%s' is one too many", argv[optind + 1]);
    int printed = 0;
    for (int i = 0; i < nl_key_count; i++) {
        const struct nl_key *key = &nl_keys[i];
        if (wanted && strcmp(wanted, key->section) != 0 && strcmp(wanted, key->name) != 0)
            continue;
        char *range = key_range(key);
        printf("%s%s\n  %s\n  %s\n", printed++ ? "\n" : "", key->name, range, key->help);
        free(range);
    }
    printed += print_fields(wanted, "sweep", nl_sweep_fields, printed);
    printed += print_fields(wanted, "claim", nl_claim_fields, printed);
    if (printed)
        return EXIT_DONE;
    const char *near = nl_key_nearest(wanted);
    struct nl_text hint = {0};
    for (const struct nl_section *section = nl_sections; section->name; section++)
        nl_text_add(&hint, "%s%s", hint.at ? ", " : "sections: ", section->name);
    nl_text_add(&hint, ", sweep, claim");
    bad_input(hint.at, "no section or key '%s'%s%s%s", wanted, near ? ": did you mean '" : "", near ? near : "", near ? "'?" : "");
    nl_text_release(&hint);
    return EXIT_BAD_INPUT;
}

const struct command command_keys = {
    .name = "keys",
    .summary = "what every key of a configuration means, may be, and is by default",
    .usage = "usage: normlab keys [SECTION | KEY]\n"
             "\n"
             "Documents the keys of a configuration: meaning, legal values, default. SECTION is the part of their names before the dot;\n"
             "sweep is what an experiment varies, claim what a paper says of it.\n"
             "\n"
             "examples:\n"
             "  normlab keys\n"
             "  normlab keys norm\n"
             "  normlab keys sweep\n"
             "  normlab keys train.lr_scale\n",
    .run = run,
};
