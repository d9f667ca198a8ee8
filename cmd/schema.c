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
    .summary = "print a JSON Schema, for editors that complete and check configurations",
    .usage =
        "usage: normlab schema\n"
        "\n"
        "Prints the JSON Schema (2020-12) of configurations and experiments: the meaning, type, range and default of every key. Editors\n"
        "with yaml-language-server (VS Code, Neovim, Emacs, ...) use it in files whose first line is\n"
        "\n"
        "  # yaml-language-server: $schema=normlab.schema.json\n"
        "\n"
        "`normlab init` writes that line; its path is relative to the file. A mistake that involves several keys is found only by\n"
        "`normlab check`.\n"
        "\n"
        "examples:\n"
        "  normlab schema > normlab.schema.json\n"
        "  normlab schema | jq '.[\"$defs\"][\"train.lr\"]'\n",
    .run = run,
};
