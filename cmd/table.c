#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/wrap.h"
#include "cmd.h"
#include "stats/answer.h"
#include "stats/table.h"

static const char *const formats[] = {"text", "md", "latex", "csv", "json", NULL}, *const kinds[] = {"grid", "summary",
                                                                                                     "trials", NULL};
enum format { FORMAT_TEXT, FORMAT_MARKDOWN, FORMAT_LATEX, FORMAT_CSV, FORMAT_JSON };
enum kind { KIND_GRID, KIND_SUMMARY, KIND_TRIALS };

/* What --fail-if may name, as bits. */
static const char *const failures[] = {"incomplete", "contradicted", "inconclusive", "failed", NULL};
enum failure { INCOMPLETE = 1, CONTRADICTED = 2, INCONCLUSIVE = 4, FAILED = 8 };

enum { FAIL_IF = 256 };
static const struct option options[] = {{"format", required_argument, NULL, 'f'},
                                        {"what", required_argument, NULL, 'w'},
                                        {"columns", required_argument, NULL, 'c'},
                                        {"fail-if", required_argument, NULL, FAIL_IF},
                                        {0}};

bool read_report_format(const char *text, struct report *out)
{
    return read_word("format", text, formats, &out->format);
}

bool read_fail_if(const char *text, struct report *out)
{
    return read_words("outcome to fail at:", text, failures, &out->fail_if);
}

bool report_is_text(const struct report *report)
{
    return report->format == FORMAT_TEXT;
}

static bool read_request(const struct command *self, int argc, char **argv, struct report *out)
{
    bool what_given = false;
    out->kind = KIND_SUMMARY;
    for (int option; (option = next_option(self, argc, argv, "f:w:c:", options)) != OPTION_END;)
        switch (option) {
        case 'f':
            if (!read_report_format(optarg, out))
                return false;
            break;
        case 'w':
            what_given = true;
            if (!read_word("table", optarg, kinds, &out->kind))
                return false;
            break;
        case 'c': out->across = optarg; break;
        case FAIL_IF:
            if (!read_fail_if(optarg, out))
                return false;
            break;
        default: return false;
        }
    if (out->across && !what_given)
        out->kind = KIND_GRID;
    if (!out->across || out->kind == KIND_GRID)
        return true;
    bad_input("--columns KEY makes a grid", "--columns does not apply to a table of '%s'", kinds[out->kind]);
    return false;
}

static int make_sheet(const struct report *report, const struct nl_results *results,
                      const struct nl_experiment *experiment, struct nl_table *out, struct nl_error *err)
{
    switch ((enum kind)report->kind) {
    case KIND_GRID: return nl_table_grid(results, experiment, report->across, out, err);
    case KIND_SUMMARY: return nl_table_summary(results, experiment, out, err);
    case KIND_TRIALS: return nl_table_trials(results, experiment, out, err);
    }
    return NL_FAIL;
}

/* table: NULL where the answer says all that there is. */
static void print_text(const struct nl_table *table, const char *answer, const char *notes)
{
    int width = terminal_width(stdout);
    if (answer) {
        print_answer(answer);
        if (table)
            putchar('\n');
    }
    if (table) {
        char *text = nl_table_text(table, width);
        fputs(text, stdout);
        free(text);
    }
    if (notes) {
        struct nl_text wrapped = {0};
        nl_text_add_wrapped(&wrapped, notes, width, 2);
        printf("\n%s", wrapped.at);
        nl_text_release(&wrapped);
    }
}

static void print_sheet(const struct report *report, const struct nl_table *table, const struct nl_answer *answer,
                        const char *name)
{
    char *words = answer ? nl_answer_text(answer, false) : NULL, *text = NULL;
    const char *notes = answer ? answer->notes.at : NULL;
    switch ((enum format)report->format) {
    case FORMAT_TEXT:
        print_text(answer && nl_question_asks(answer->question, NL_ASKS_NO_METRIC) ? NULL : table, words, notes);
        break;
    case FORMAT_MARKDOWN: text = nl_table_markdown(table, words, notes); break;
    case FORMAT_LATEX: text = nl_table_latex(table, words, notes, name); break;
    case FORMAT_CSV: text = nl_table_csv(table); break;
    case FORMAT_JSON: text = nl_table_json(table, answer); break;
    }
    if (text)
        tell(stdout, "%s", text);
    free(text);
    free(words);
}

/* The exit code that --fail-if asks for; what it found is said. */
static int judge(const struct report *report, const struct nl_answer *answer)
{
    int contradicted = 0, inconclusive = answer->claims == 0;
    for (int i = 0; i < answer->claims; i++) {
        contradicted += answer->claim[i].verdict == NL_NOT_SUPPORTED;
        inconclusive += answer->claim[i].verdict == NL_INCONCLUSIVE;
    }
    if ((report->fail_if & INCOMPLETE) && answer->missing)
        return fail("--fail-if incomplete: trials missing: %d of %d", answer->missing, answer->planned);
    if ((report->fail_if & FAILED) && answer->failed)
        return fail("--fail-if failed: failed runs: %d of %d", answer->failed, answer->planned - answer->missing);
    if ((report->fail_if & CONTRADICTED) && contradicted)
        return fail("--fail-if contradicted: claims not supported: %d of %d", contradicted, answer->claims);
    if ((report->fail_if & INCONCLUSIVE) && inconclusive)
        return answer->claims
                   ? fail("--fail-if inconclusive: inconclusive claims: %d of %d", inconclusive, answer->claims)
                   : fail("--fail-if inconclusive: nothing is claimed");
    return EXIT_DONE;
}

int print_report(const struct report *report, const char *name, const char *tables,
                 const struct nl_experiment *experiment, const struct nl_planned *planned)
{
    struct nl_results results;
    struct nl_table table = {0};
    struct nl_error err = {0};
    if (nl_results_load(tables, experiment, planned, &results, &err))
        return fail("%s", err.text);
    int code = EXIT_BAD_INPUT;
    if (make_sheet(report, &results, experiment, &table, &err)) {
        bad_input(NULL, "%s", err.text);
    } else {
        struct nl_answer answer;
        char *path = realpath(name, NULL);
        nl_answer_make(&results, experiment, &answer);
        print_sheet(report, &table, report->kind == KIND_TRIALS ? NULL : &answer, path ? strrchr(path, '/') + 1 : name);
        if (report->warns && !output.quiet && results.seeds == 1 && results.cells > 1 && report->kind != KIND_TRIALS)
            fputs(
                "warning: one seed per cell: without intervals these numbers rank nothing; run again with sweep.seeds=5 or more\n",
                stderr);
        code = judge(report, &answer);
        nl_answer_release(&answer);
        free(path);
    }
    nl_table_release(&table);
    nl_results_release(&results);
    return code;
}

static int run(const struct command *self, int argc, char **argv)
{
    struct report report = {.warns = true};
    struct arguments arguments;
    struct results_folder from;
    if (!read_request(self, argc, argv, &report) || !sort_arguments(self, "folder", argc, argv, &arguments))
        return EXIT_BAD_INPUT;
    int code = EXIT_BAD_INPUT;
    if (open_results(self, &arguments, &from))
        code = print_report(&report, arguments.file, from.tables, &from.experiment, &from.planned);
    release_results(&from);
    free(arguments.override);
    return code;
}

const struct command command_table = {
    .name = "table",
    .summary = "print the answer and its table: as text, LaTeX, Markdown, CSV or JSON",
    .usage =
        "usage: normlab table RESULTS [--format F] [--what T] [--columns KEY] [--fail-if LIST] [plot.KEY=VALUE ...]\n"
        "\n"
        "Prints the answer to sweep.question in words, and the numbers that the plots draw: the mean of plot.metric with its interval\n"
        "over seeds, the difference to sweep.baseline (paired by seed), and the failed runs. A value is marked as best only where it is\n"
        "better than every other by the paired test, adjusted for all comparisons. Of a sweep that is still running it uses the trials\n"
        "so far.\n"
        "\n"
        "  -f, --format F      text (default), md (GitHub), latex (booktabs), csv (the table alone), json. In csv and json, shares are\n"
        "                      from 0 to 1, and claims in points\n"
        "  -w, --what T        summary (a row for each cell of the grid; default), grid (methods side by side), trials (every run)\n"
        "  -c, --columns KEY   with grid: the key whose values are the columns (default: norm.kind)\n"
        "      --fail-if LIST  exit with 1 if the answer is one of (several with commas): incomplete (trials are missing), failed (runs\n"
        "                      failed), contradicted (a claim is not supported), inconclusive (nothing is found)\n"
        "\n"
        "examples:\n"
        "  normlab table results/small_batch\n"
        "  normlab table results/small_batch --what grid --format latex plot.metric=test_loss > table.tex\n"
        "  normlab table results/lr_tolerance --columns train.lr sweep.baseline=norm.kind=ln\n"
        "  normlab table results/small_batch sweep.question=compare plot.metric=train_loss\n"
        "  normlab table results/small_batch --format json | jq '.answer.claims[] | [.method, .effect, .verdict]'\n",
    .run = run,
};
