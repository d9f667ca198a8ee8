#include <stdio.h>
#include <string.h>

#include "cmd.h"

/* "0.05", "from 0 to 1", "bn, ln, gn": what a key may be. */
static void print_range(const struct nl_key *key)
{
    static const char *const types[] = {
        [NL_TYPE_INT] = "integer", [NL_TYPE_AUTO_INT] = "integer or auto", [NL_TYPE_REAL] = "number", [NL_TYPE_BOOL] = "true or false",
        [NL_TYPE_CHOICE] = "one of", [NL_TYPE_CHOICES] = "list of", [NL_TYPE_INTS] = "list of integers", [NL_TYPE_TEXT] = "text",
    };
    printf("  %s", types[key->type]);
    for (int i = 0; key->choices && key->choices[i]; i++)
        printf("%s %s", i ? "," : "", key->choices[i]);
    if (key->type == NL_TYPE_INT || key->type == NL_TYPE_AUTO_INT || key->type == NL_TYPE_REAL || key->type == NL_TYPE_INTS)
        printf(", %g to %g", key->low, key->high);
    printf("; default %s\n", *key->default_text ? key->default_text : "empty");
}

static int run(const struct command *self, int argc, char **argv)
{
    static const struct option options[] = {{0}};
    if (next_option(self, argc, argv, "", options) != OPTION_END)
        return EXIT_BAD_INPUT;
    const char *wanted = optind < argc ? argv[optind] : NULL;
    if (optind + 1 < argc)
        return bad_input("normlab keys takes one section or key", "a second word: '%s'", argv[optind + 1]);
    int printed = 0;
    for (int i = 0; i < nl_key_count; i++) {
        const struct nl_key *key = &nl_keys[i];
        if (wanted && strcmp(wanted, key->section) != 0 && strcmp(wanted, key->name) != 0)
            continue;
        printf("%s%s\n", printed++ ? "\n" : "", key->name);
        print_range(key);
        printf("  %s\n", key->help);
    }
    if (printed)
        return EXIT_DONE;
    const char *near = nl_key_nearest(wanted);
    return bad_input("sections: data, model, norm, train, device, plot", "no section or key '%s'%s%s%s", wanted,
                     near ? ": did you mean '" : "", near ? near : "", near ? "'?" : "");
}

const struct command command_keys = {
    .name = "keys",
    .summary = "what every key of a configuration means, may be, and is by default",
    .usage = "usage: normlab keys [SECTION | KEY]\n"
             "\n"
             "Documents the keys of a configuration: meaning, legal values, default. SECTION is data, model, norm, train, device or\n"
             "plot.\n"
             "\n"
             "examples:\n"
             "  normlab keys\n"
             "  normlab keys norm\n"
             "  normlab keys train.lr_scale\n",
    .run = run,
};
