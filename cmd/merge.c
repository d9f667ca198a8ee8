#include "sweep/merge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"

enum { OUT = 'o' };

static const struct option options[] = {{"out", required_argument, NULL, OUT}, {0}};

/* Lines, each after a mark. */
static void print_lines(const char *mark, const char *lines)
{
    while (lines && *lines) {
        size_t length = strcspn(lines, "\n");
        tell(stderr, "%s%.*s\n", mark, (int)length, lines);
        lines += length + (lines[length] == '\n');
    }
}

static int run(const struct command *self, int argc, char **argv)
{
    const char *out = NULL;
    for (int option; (option = next_option(self, argc, argv, "o:", options)) != OPTION_END;) {
        if (option != OUT)
            return EXIT_BAD_INPUT;
        out = optarg;
    }
    int folders = argc - optind;
    if (folders < 1)
        return misused(self, "merge needs results folders");
    if (!out)
        return bad_input(NULL, "merge needs --out DIR, where the whole goes");

    if (!is_outside_trials("--out", out))
        return EXIT_BAD_INPUT;
    struct nl_merge merge;
    struct nl_error err = {0};
    int status = nl_merge((const char *const *)argv + optind, folders, out, command_line, &merge, &err),
        code = EXIT_DONE;
    print_lines("warning: ", merge.warnings.at);
    if (status) {
        code = merge.refused ? bad_input(NULL, "%s", err.text) : fail("%s", err.text);
        print_lines("  ", merge.differences.at);
    } else if (merge.absent || !output.quiet) {
        tell(stdout, "%d of %s %s in '%s'%s\n", merge.trials - merge.absent, NL_COUNT(merge.trials, "trial"),
             nl_agree(merge.trials - merge.absent, "is", "are"), out, merge.absent ? "" : "; draw them:");
        char *quoted = quote_words(1, &out);
        if (!merge.absent)
            printf("  normlab plot %s\n", quoted);
        free(quoted);
    }
    nl_merge_release(&merge);
    return code;
}

const struct command command_merge = {
    .name = "merge",
    .summary = "merge results folders of one experiment: shards, more seeds",
    .usage =
        "usage: normlab merge RESULTS RESULTS ... --out DIR\n"
        "\n"
        "Writes the trials of all folders to DIR, with the same tables, byte for byte, that one sweep would have written. The folders must be\n"
        "comparable: the same axes and values, the same value of every other key that matters, the same first stage of sweep.until, the\n"
        "same data and numerics. Their seeds may differ. If they are not comparable, it says what differs and writes nothing (exit code 2).\n"
        "Trials that are in several folders must agree. If DIR holds results already, they are merged, too.\n"
        "\n"
        "  -o, --out DIR    folder of the merged results\n"
        "\n"
        "examples:\n"
        "  normlab merge results/small_batch-?of3 --out results/small_batch\n"
        "  normlab merge here/lr_tolerance there/lr_tolerance --out results/both\n",
    .run = run,
};
