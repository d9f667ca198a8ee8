/* Two files, results or trials side by side: what was asked, and what came out. */
#include "config/diff.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/memory.h"
#include "cmd.h"
#include "operand.h"
#include "stats/table.h"

enum { EXIT_DIFFERENT = 1 };

/* "a.yaml:3:8", "default", "command line"; a frozen experiment says in a comment where its own values came from. */
static char *origin_text(const struct nl_origin *origin)
{
    if (origin->kind == NL_FROM_COMMAND_LINE)
        return nl_strdup("command line");
    if (origin->kind == NL_FROM_DEFAULT)
        return nl_strdup("default");
    if (origin->line == 0)
        return nl_strdup(origin->file);
    const char *comment = origin->line_text ? strstr(origin->line_text, "  # ") : NULL;
    if (!comment)
        return nl_format("%s:%d:%d", origin->file, origin->line, origin->column);
    return nl_format("%s:%d:%d (%.*s)", origin->file, origin->line, origin->column, (int)strcspn(comment + 4, ";\r\n"),
                     comment + 4);
}

enum { WIDEST = 44 }; /* origins after longer values do not line up */

static int width_of(const char *value)
{
    int width = value ? (int)strlen(value) : 0;
    return width > WIDEST ? 0 : width;
}

static void print_difference(const struct nl_difference *difference)
{
    static const char *const colours[] = {"\033[31m", "\033[32m"};
    int a = width_of(difference->value[0]), b = width_of(difference->value[1]), width = a > b ? a : b;
    printf("%s\n", difference->name);
    for (int i = 0; i < 2; i++) {
        const char *value = difference->value[i];
        printf("  %s%c %-*s%s", coloured(stdout) ? colours[i] : "", "-+"[i], value ? width : 0,
               value ? value : "(not there)", coloured(stdout) ? "\033[0m" : "");
        char *origin = value ? origin_text(&difference->origin[i]) : NULL;
        tell(stdout, origin ? "  %s\n" : "\n", origin);
        free(origin);
    }
}

/* Status and scores of two trials. */
static void add_scores(const struct operand operand[2], struct nl_differences *out)
{
    const struct nl_csv *a = &operand[0].results.csv, *b = &operand[1].results.csv;
    struct nl_origin at_a = operand_origin(&operand[0]), at_b = operand_origin(&operand[1]);
    for (int column = operand[0].results.status; column < a->columns; column++) {
        int other = nl_csv_column(b, a->name[column]);
        const char *left = nl_csv_field(a, operand[0].row, column),
                   *right = other < 0 ? "" : nl_csv_field(b, operand[1].row, other);
        if (other >= 0)
            nl_differences_add(out, a->name[column], *left ? nl_strdup(left) : NULL, &at_a,
                               *right ? nl_strdup(right) : NULL, &at_b);
    }
}

static void print_all(const struct operand operand[2], const struct nl_differences *differences,
                      const struct nl_table *table, const struct nl_overlap *overlap)
{
    tell(stdout, "--- %s\n+++ %s\n", operand[0].word, operand[1].word);
    for (int i = 0; i < differences->count; i++)
        print_difference(&differences->at[i]);
    if (overlap->trials[0] + overlap->trials[1] > 0)
        printf("trials\n  - %d\n  + %d\n  in both: %d; of these identical: %d\n", overlap->trials[0],
               overlap->trials[1], overlap->common, overlap->same);
    if (table->rows == 0)
        return;
    char *text = nl_table_text(table, terminal_width(stdout));
    printf("\n%s", text);
    free(text);
}

static int compare(const struct operand operand[2])
{
    struct nl_differences differences = {0};
    struct nl_diagnostics diagnostics = {0};
    struct nl_table table = {0};
    struct nl_overlap overlap = {0};
    struct nl_error err;
    int code = EXIT_DONE;
    nl_experiment_diff(&operand[0].experiment, &operand[1].experiment, &differences);
    if (operand[0].has_results && operand[1].has_results) {
        nl_made_diff(operand[0].file, operand[1].file, &differences, &diagnostics);
        code = print_diagnostics(&diagnostics) ? EXIT_BAD_INPUT : EXIT_DONE;
        if (operand[0].row >= 0 && operand[1].row >= 0)
            add_scores(operand, &differences);
        else if (operand[0].row < 0 && operand[1].row < 0 &&
                 nl_table_diff(&operand[0].results, &operand[0].experiment, &operand[1].results, &operand[1].experiment,
                               &table, &overlap, &err))
            code = bad_input(NULL, "%s", err.text);
    }
    bool all_there = overlap.trials[0] == overlap.common && overlap.trials[1] == overlap.common;
    if (code == EXIT_DONE && (differences.count > 0 || table.rows > 0 || !all_there)) {
        print_all(operand, &differences, &table, &overlap);
        code = EXIT_DIFFERENT;
    }
    nl_table_release(&table);
    nl_differences_release(&differences);
    return code;
}

static int run(const struct command *self, int argc, char **argv)
{
    static const struct option options[] = {{0}};
    if (next_option(self, argc, argv, "", options) != OPTION_END)
        return EXIT_BAD_INPUT;
    if (argc - optind != 2)
        return misused(self, "diff compares two things, not %d", argc - optind);
    struct operand operand[2] = {{0}};
    int code = EXIT_BAD_INPUT;
    if (open_operand(argv[optind], &operand[0]) && open_operand(argv[optind + 1], &operand[1]))
        code = compare(operand);
    close_operand(&operand[0]);
    close_operand(&operand[1]);
    return code;
}

const struct command command_diff = {
    .name = "diff",
    .summary = "print how two configurations, results or trials differ",
    .usage =
        "usage: normlab diff A B\n"
        "\n"
        "Prints every key whose value differs, and where each value was set. For two results folders it also prints what made them\n"
        "(version, commit, machine, data), and the cells whose plot.metric differs: over the seeds that both have, paired by seed. For two\n"
        "trials it prints the scores. A and B are each a configuration, a results folder, or FOLDER:N for trial N of a folder. Of a sweep\n"
        "that is still running it uses the trials so far.\n"
        "\n"
        "exit codes as those of diff: 0 nothing differs, 1 something does, 2 wrong input\n"
        "\n"
        "examples:\n"
        "  normlab diff configs/mlp_digits.yaml configs/cnn_digits.yaml\n"
        "  normlab diff experiments/small_batch.yaml results/small_batch\n"
        "  normlab diff results/monday results/tuesday\n"
        "  normlab diff results/small_batch:1 results/small_batch:192\n",
    .run = run,
};
