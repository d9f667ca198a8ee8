/* normlab: a laboratory for normalization in neural networks. From here: commands[] -> cmd/run.c or cmd/sweep.c ->
 * nl_sweep (core/sweep) -> nl_trial_run (core/train) -> the backend's kernels (core/backend). */
#include "cmd.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/system.h"
#include "base/wrap.h"
#include "sweep/provenance.h"

const struct command_group command_groups[] = {
    {"before a run", {&command_init, &command_check, &command_show, &command_keys, &command_schema, &command_info}},
    {"train", {&command_run, &command_sweep, &command_signal, &command_submit}},
    {"answers",
     {&command_table, &command_plot, &command_power, &command_confirm, &command_diff, &command_claims, &command_report,
      &command_appendix}},
    {"a saved network", {&command_eval, &command_sample, &command_fold, &command_bench}},
    {"results folders", {&command_ls, &command_import, &command_merge, &command_verify, &command_clean}},
    {"data and parts", {&command_data, &command_norm, &command_norms}},
    {NULL, {NULL}},
};

enum { PAGE_WIDTH = 120 }; /* of help that goes to no terminal */

const char override_help[] =
    "Arguments of the form KEY=VALUE change the configuration: normlab run configs/mlp_digits.yaml train.lr=0.1 norm.kind=gn\n"
    "Shipped experiments are found by name: normlab sweep small_batch (normlab info says where they are)\n";
const char exit_codes[] =
    "exit codes: 0 done; 1 the machine or a run failed; 2 wrong input or an unwritable folder: nothing was started; "
    "3 --max-time is over; 130 interrupted (Ctrl-C, SIGTERM, or a closed terminal without nohup): finished trials are kept "
    "(diff: 0 nothing differs, 1 something differs; verify: 0 all is good, 1 something is damaged)\n";

const char *command_line, *program_name;

static void print_help(FILE *out)
{
    fputs("normlab: a laboratory for normalization in neural networks\n"
          "\n"
          "usage: normlab COMMAND [ARGUMENTS]\n",
          out);
    for (const struct command_group *group = command_groups; group->title; group++) {
        fprintf(out, "\n%s\n", group->title);
        for (const struct command *const *command = group->command; *command; command++)
            fprintf(out, "  %-8s %s\n", (*command)->name, (*command)->summary);
    }
    fputs("\n"
          "  help     print this text, or that of a command: normlab help COMMAND\n"
          "  version  print version and commit\n"
          "\n",
          out);
    int width = terminal_width(out);
    struct nl_text end = {0};
    nl_text_add_wrapped(&end, override_help, width ? width : PAGE_WIDTH, 0);
    nl_text_add(&end, "\n");
    nl_text_add_wrapped(&end, exit_codes, width ? width : PAGE_WIDTH, 0);
    fputs(end.at, out);
    nl_text_release(&end);
}

static const struct command *find_in(const struct command *const *list, const char *name)
{
    while (*list && strcmp((*list)->name, name) != 0)
        list++;
    return *list;
}

const struct command *find_command(const char *name)
{
    static const struct command *const apart[] = {&command_manual, &command_complete, NULL};
    const struct command *found = find_in(apart, name);
    for (const struct command_group *group = command_groups; group->title && !found; group++)
        found = find_in(group->command, name);
    return found;
}

/* What other programs call a command. */
static const char *command_called(const char *name)
{
    static const struct {
        const char *name, *command;
    } called[] = {{"train", "run"},    {"fit", "run"},          {"evaluate", "eval"},       {"test", "eval"},
                  {"score", "eval"},   {"predict", "eval"},     {"generate", "sample"},     {"compare", "diff"},
                  {"list", "ls"},      {"results", "ls"},       {"validate", "check"},      {"lint", "check"},
                  {"config", "show"},  {"fetch", "data fetch"}, {"download", "data fetch"}, {"export", "data export"},
                  {"resume", "sweep"}, {"tune", "sweep"},       {"grid", "sweep"}};
    for (size_t i = 0; i < sizeof called / sizeof *called; i++)
        if (strcmp(called[i].name, name) == 0)
            return called[i].command;
    return NULL;
}

static int unknown_command(const char *name)
{
    const char *called = command_called(name);
    const char *names[sizeof command_groups / sizeof *command_groups * MOST_COMMANDS + 3] = {0};
    int count = 0;
    for (const struct command_group *group = command_groups; group->title; group++)
        for (const struct command *const *command = group->command; *command; command++)
            names[count++] = (*command)->name;
    names[count++] = "help";
    names[count++] = "version";
    if (*name == '-')
        return bad_input("options come after the command: normlab run FILE --out DIR",
                         "there is no option '%s' before a command", name);
    if (!called)
        return unknown_word("command", name, names);
    char *hint = nl_format("did you mean 'normlab %s'?", called);
    bad_input(hint, "unknown command '%s'", name);
    free(hint);
    return EXIT_BAD_INPUT;
}

static int help(int argc, char **argv)
{
    if (argc < 2) {
        print_help(stdout);
        return EXIT_DONE;
    }
    const struct command *command = find_command(argv[1]);
    if (!command)
        return unknown_command(argv[1]);
    print_usage(command);
    return EXIT_DONE;
}

static int dispatch(int argc, char **argv)
{
    if (argc < 2) {
        print_help(stderr);
        return EXIT_BAD_INPUT;
    }
    const char *name = argv[1];
    if (strcmp(name, "help") == 0 || strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        return help(argc - 1, argv + 1);
    if (strcmp(name, "version") == 0 || strcmp(name, "--version") == 0) {
        printf("normlab " NORMLAB_VERSION " (commit %s)\n", nl_commit());
        return EXIT_DONE;
    }
    const struct command *command = find_command(name);
    return command ? command->run(command, argc - 1, argv + 1) : unknown_command(name);
}

/* A descriptor that is closed would be given to the next file that is opened, and what is printed would be written
 * there. What takes its place can be neither read nor written, so that nobody takes it for one. */
static void hold_standard_streams(void)
{
    for (int stream = STDIN_FILENO; stream <= STDERR_FILENO; stream++)
        if (fcntl(stream, F_GETFD) < 0 && open("/dev/null", stream == STDIN_FILENO ? O_WRONLY : O_RDONLY) != stream)
            _exit(EXIT_FAILED);
}

/* What the deepest calls need, and threads, whose stacks are as large (tests/store/test_writers.sh). A smaller one
 * would end in a crash. */
static bool has_stack(void)
{
    enum { LEAST = 64 * 1024 };
    struct rlimit stack;
    bool enough = getrlimit(RLIMIT_STACK, &stack) != 0 || stack.rlim_cur == RLIM_INFINITY || stack.rlim_cur >= LEAST;
    if (!enough)
        bad_input("ulimit -s shows the limit", "the stack is limited to %llu KiB, and normlab needs %d KiB",
                  (unsigned long long)stack.rlim_cur / 1024, LEAST / 1024);
    return enough;
}

int main(int argc, char **argv)
{
    hold_standard_streams();
    nl_keep_freed_memory();   /* trials take and free the same megabytes one after another: they need not be cleared and
                                 mapped by the kernel each time */
    signal(SIGXFSZ, SIG_IGN); /* a file beyond the limit (ulimit -f) is an error of write, which is told of */
    signal(SIGPIPE,
           SIG_DFL); /* a reader that has enough (`| head`) ends us quietly, also where a parent ignores the signal */
    char *words = quote_words(argc, (const char *const *)argv);
    char *word = quote_words(argc > 0, (const char *const *)argv);
    command_line = words;
    program_name = word;
    int code = has_stack() ? dispatch(argc, argv) : EXIT_BAD_INPUT;
    /* results that could not be printed are a failure, not a success */
    errno = 0;
    if (fflush(stdout) != 0 || ferror(stdout))
        code = errno ? fail("cannot write to the standard output: %s", strerror(errno))
                     : fail("cannot write to the standard output");
    free(words);
    free(word);
    return code;
}
