#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "cmd.h"
#include "stats/sheet.h"
#include "stats/verdict.h"

static const char *const formats[] = {"text", "md", "latex", "csv", "json", NULL}, *const kinds[] = {"summary", "grid", "trials", NULL};
enum format { FORMAT_TEXT, FORMAT_MARKDOWN, FORMAT_LATEX, FORMAT_CSV, FORMAT_JSON };
enum kind { KIND_SUMMARY, KIND_GRID, KIND_TRIALS };

static const struct option options[] = {
    {"format", required_argument, NULL, 'f'}, {"what", required_argument, NULL, 'w'}, {"columns", required_argument, NULL, 'c'}, {0}};

struct request {
    int format, kind;
    const char *across; /* NULL: the usual key */
};

static bool read_request(const struct command *self, int argc, char **argv, struct request *out)
{
    bool what_given = false;
    for (int option; (option = next_option(self, argc, argv, "f:w:c:", options)) != OPTION_END;)
        switch (option) {
        case 'f':
            if (!read_word("format", optarg, formats, &out->format))
                return false;
            break;
        case 'w':
            what_given = true;
            if (!read_word("table", optarg, kinds, &out->kind))
                return false;
            break;
        case 'c': out->across = optarg; break;
        default: return false;
        }
    if (out->across && !what_given)
        out->kind = KIND_GRID;
    if (!out->across || out->kind == KIND_GRID)
        return true;
    bad_input("--columns KEY makes a grid", "--columns means nothing to a table of '%s'", kinds[out->kind]);
    return false;
}

static int make_sheet(const struct request *request, const struct nl_results *results, const struct nl_experiment *experiment,
                      struct nl_sheet *out, struct nl_error *err)
{
    switch ((enum kind)request->kind) {
    case KIND_SUMMARY: return nl_sheet_summary(results, experiment, out, err);
    case KIND_GRID: return nl_sheet_grid(results, experiment, request->across, out, err);
    case KIND_TRIALS: return nl_sheet_trials(results, experiment, out, err);
    }
    return NL_FAIL;
}

static char *sheet_text(const struct request *request, const struct nl_sheet *sheet, const char *answer, const char *name)
{
    switch ((enum format)request->format) {
    case FORMAT_TEXT: return nl_sheet_text(sheet, answer, terminal_width(stdout));
    case FORMAT_MARKDOWN: return nl_sheet_markdown(sheet, answer);
    case FORMAT_LATEX: return nl_sheet_latex(sheet, answer, name);
    case FORMAT_CSV: return nl_sheet_csv(sheet);
    case FORMAT_JSON: return nl_sheet_json(sheet, answer);
    }
    return NULL;
}

/* The answer in words. The experiment is one that ran: its grid can be made again. */
static char *answer_of(const char *folder, const struct nl_experiment *experiment, struct nl_error *err)
{
    struct nl_grid grid;
    struct nl_diagnostics diagnostics = {0};
    nl_grid_make(experiment, &grid, &diagnostics);
    char *answer = nl_verdict(folder, experiment, grid.trials, err);
    nl_diagnostics_release(&diagnostics);
    nl_grid_release(&grid);
    return answer;
}

/* name: of the results folder. */
static int print_table(const char *name, const struct results_folder *from, const struct request *request)
{
    const char *folder = from->tables;
    const struct nl_experiment *experiment = &from->experiment;
    struct nl_results results;
    struct nl_sheet sheet = {0};
    struct nl_error err = {0};
    if (nl_results_load(folder, experiment, &results, &err))
        return fail("%s", err.text);
    int code = EXIT_BAD_INPUT;
    if (make_sheet(request, &results, experiment, &sheet, &err)) {
        bad_input(NULL, "%s", err.text);
    } else {
        char *answer = request->kind == KIND_TRIALS ? NULL : answer_of(folder, experiment, &err);
        char *path = realpath(name, NULL), *text = sheet_text(request, &sheet, answer, path ? basename(path) : name);
        fputs(text, stdout);
        free(text);
        free(path);
        free(answer);
        code = EXIT_DONE;
    }
    if (code == EXIT_DONE && results.seeds == 1 && results.cells > 1 && request->kind != KIND_TRIALS)
        fputs("warning: one seed a cell: no intervals, so these numbers rank nothing; run again with sweep.seeds=5 or more\n", stderr);
    nl_sheet_release(&sheet);
    nl_results_release(&results);
    return code;
}

int print_grid(const char *folder, const struct nl_experiment *experiment, struct nl_error *err)
{
    struct nl_results results;
    struct nl_sheet sheet = {0};
    if (nl_results_load(folder, experiment, &results, err))
        return NL_FAIL;
    int status = nl_sheet_grid(&results, experiment, NULL, &sheet, err);
    if (status == NL_OK) {
        char *text = nl_sheet_text(&sheet, NULL, terminal_width(stdout));
        fputs(text, stdout);
        free(text);
    }
    nl_sheet_release(&sheet);
    nl_results_release(&results);
    return status;
}

static int run(const struct command *self, int argc, char **argv)
{
    struct request request = {0};
    struct arguments arguments;
    struct results_folder from;
    if (!read_request(self, argc, argv, &request) || !sort_arguments(self, "folder", argc, argv, &arguments))
        return EXIT_BAD_INPUT;
    int code = open_results(self, &arguments, &from) ? print_table(arguments.file, &from, &request) : EXIT_BAD_INPUT;
    free(arguments.override);
    return code;
}

const struct command command_table = {
    .name = "table",
    .summary = "print the numbers behind the plots: to read, for a paper, for a program",
    .usage = "usage: normlab table RESULTS [--format F] [--what T] [--columns KEY] [plot.KEY=VALUE ...]\n"
             "\n"
             "Prints what the plots draw and what the answer judges, from the same numbers: plot.metric with its interval over seeds,\n"
             "the difference to sweep.baseline paired by seed, failed runs, and the answer in words. A value is marked as best only\n"
             "where the interval of its paired difference to every other excludes 0. Of a sweep that still runs: the trials so far.\n"
             "\n"
             "  -f, --format F     text (default), md (GitHub), latex (booktabs), csv, json; csv and json keep shares from 0 to 1\n"
             "  -w, --what T       summary (a row a cell of the grid; default), grid (side by side), trials (every run)\n"
             "  -c, --columns KEY  of a grid: the key whose values are the columns (default: norm.kind)\n"
             "\n"
             "examples:\n"
             "  normlab table results/small_batch\n"
             "  normlab table results/small_batch --what grid --format latex plot.metric=test_loss > table.tex\n"
             "  normlab table results/lr_tolerance --columns train.lr sweep.baseline=norm.kind=ln\n"
             "  normlab table results/small_batch --format json | jq '.rows[].test_error.mean'\n",
    .run = run,
};
