#include <stdio.h>
#include <stdlib.h>

#include "cmd.h"

static int run(const struct command *self, int argc, char **argv)
{
    static const struct option options[] = {{0}};
    if (next_option(self, argc, argv, "", options) != OPTION_END)
        return EXIT_BAD_INPUT;
    if (optind < argc)
        return bad_input("normlab schema > normlab.schema.json", "schema takes no argument: '%s'", argv[optind]);
    char *text = nl_json_schema();
    fputs(text, stdout);
    free(text);
    return EXIT_DONE;
}

const struct command command_schema = {
    .name = "schema",
    .summary = "print the JSON Schema with which an editor completes and checks configurations",
    .usage = "usage: normlab schema\n"
             "\n"
             "Prints the JSON Schema (2020-12) of configurations and experiments: every key with its meaning, type, bounds, legal words\n"
             "and default. An editor that speaks to yaml-language-server (VS Code, Neovim, Emacs, ...) uses it in files that start with\n"
             "\n"
             "  # yaml-language-server: $schema=normlab.schema.json\n"
             "\n"
             "as those of `normlab init` do; the path is relative to the file. Only `normlab check` sees mistakes that take several keys.\n"
             "\n"
             "examples:\n"
             "  normlab schema > normlab.schema.json\n"
             "  normlab schema | jq '.[\"$defs\"][\"train.lr\"]'\n",
    .run = run,
};
