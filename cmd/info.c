#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "sweep/provenance.h"

static int run(const struct command *self, int argc, char **argv)
{
    static const struct option options[] = {{0}};
    if (next_option(self, argc, argv, "", options) != OPTION_END)
        return EXIT_BAD_INPUT;
    if (optind < argc)
        return bad_input(NULL, "info takes no argument: '%s'", argv[optind]);
    char *text = nl_program_text();
    fputs(text, stdout);
    free(text);
    char *share = share_folder();
    if (share)
        printf("files: \"%s\"\n", share);
    else
        printf("files: \"cannot be found: %s\"\n", strerror(errno));
    free(share);
    return EXIT_DONE;
}

const struct command command_info = {
    .name = "info",
    .summary = "print version, compiler, processor, limits and devices",
    .usage =
        "usage: normlab info\n"
        "\n"
        "Prints as YAML what this program is and what it can run on: version, commit, compiler and BLAS; the processors and the memory\n"
        "that it may use, and the control group or the variable of Slurm that limits them, if any; and the devices of each kind (device.kind), numbered as\n"
        "device.index counts them. The last line is the folder of the installed experiments and configurations.\n"
        "\n"
        "examples:\n"
        "  normlab info\n"
        "  normlab info | grep -A3 ^cuda\n",
    .run = run,
};
