#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "cmd.h"
#include "plot/plot.h"
#include "stats/verdict.h"

enum { OUT = 'o', JOBS = 'j', DRY_RUN = 'n', NO_PLOT = 256, MOST_JOBS = 1024 };

static const struct option options[] = {
    {"out", required_argument, NULL, OUT},
    {"jobs", required_argument, NULL, JOBS},
    {"dry-run", no_argument, NULL, DRY_RUN},
    {"no-plot", no_argument, NULL, NO_PLOT},
    {0},
};

struct settings {
    const char *out;
    bool dry_run, no_plot;
    int jobs;
};

/* Samples an epoch goes over, as nl_split_make takes them from the data. */
static int train_count(const struct nl_trial *trial)
{
    const struct nl_config *config = &trial->config;
    int64_t pool = trial->dataset->train_count ? trial->dataset->train_count : nl_data_facts(config).train;
    if (config->data.train != NL_AUTO && config->data.train < pool)
        pool = config->data.train;
    return (int)(pool - config->data.val);
}

static void print_trials(const struct nl_grid *grid)
{
    printf("%6s  %-16s", "trial", "id");
    for (int k = 0; k < grid->keys; k++)
        printf("  %-12s", grid->key[k]->name);
    printf("  %8s\n", "steps");
    for (int i = 0; i < grid->trials; i++) {
        const struct nl_trial *trial = &grid->trial[i];
        printf("%6d  %-16s", i + 1, trial->id);
        for (int k = 0; k < grid->keys; k++) {
            int width = (int)strlen(grid->key[k]->name) > 12 ? (int)strlen(grid->key[k]->name) : 12;
            printf("  %-*s", width, *trial->text[k] ? trial->text[k] : "-");
        }
        printf("  %8lld\n", (long long)nl_trial_steps(&trial->config, train_count(trial)));
    }
}

static int draw(const char *folder, const struct nl_experiment *experiment)
{
    struct nl_text report = {0};
    struct nl_plot_options how = {.svg = true, .png = true, .pdf = true, .report = &report};
    struct nl_error err = {0};
    int status = nl_plot(folder, experiment, &how, &err);
    if (report.at)
        fputs(report.at, stdout);
    nl_text_release(&report);
    return status ? fail("%s", err.text) : EXIT_DONE;
}

/* Table, files, pictures, and the answer in words as the last thing. */
static int conclude(const char *folder, const struct nl_experiment *experiment, bool plot)
{
    struct nl_error err = {0};
    int code = EXIT_DONE;
    if (print_summary(folder, experiment, &err))
        return fail("%s", err.text);
    printf("\ntables: %s/trials.csv, curves.csv, summary.csv, timing.csv\n", folder);
    if (plot)
        code = draw(folder, experiment);
    char *verdict = nl_verdict(folder, experiment, &err);
    if (!verdict)
        return fail("%s", err.text);
    printf("\n%s", verdict);
    free(verdict);
    return code;
}

static int run_plan(const struct plan *plan, const struct settings *settings, const char *folder)
{
    struct progress_line line;
    struct nl_sweep_result result;
    struct nl_error err = {0};
    struct nl_sweep_options how = {
        .folder = folder,
        .command = command_line,
        .runner = {.workers = settings->jobs, .stop = &interrupted, .progress = show_progress, .context = &line},
        .note = show_note,
    };
    begin_progress(&line);
    catch_interrupts();
    int status = nl_sweep(&plan->experiment, &plan->grid, &plan->datasets, &how, &result, &err);
    end_progress(&line);
    int code;
    if (status) {
        code = result.opened ? fail("%s", err.text) : bad_input(NULL, "%s", err.text);
    } else if (result.missing) {
        code = stopped("stopped: %d of %d trials are done; to go on:", result.trials - result.missing, result.trials);
    } else {
        code = conclude(folder, &plan->experiment, !settings->no_plot);
        if (print_errors(&plan->grid, &result))
            code = EXIT_FAILED;
    }
    nl_sweep_result_release(&result);
    return code;
}

static bool read_settings(const struct command *self, int argc, char **argv, struct settings *out)
{
    *out = (struct settings){.jobs = nl_cores()};
    for (int option; (option = next_option(self, argc, argv, "o:j:n", options)) != OPTION_END;)
        switch (option) {
        case OUT: out->out = optarg; break;
        case DRY_RUN: out->dry_run = true; break;
        case NO_PLOT: out->no_plot = true; break;
        case JOBS:
            if (!read_count("-j", optarg, 1, MOST_JOBS, &out->jobs))
                return false;
            break;
        default: return false;
        }
    return true;
}

static int run(const struct command *self, int argc, char **argv)
{
    struct settings settings;
    struct arguments arguments;
    struct plan plan;
    if (!read_settings(self, argc, argv, &settings) || !sort_arguments(self, "file", argc, argv, &arguments))
        return EXIT_BAD_INPUT;
    int code = EXIT_BAD_INPUT;
    if (make_plan(self, &arguments, &plan) && identify_plan(&plan)) {
        char *notes = nl_grid_notes(&plan.grid), *folder = results_folder(settings.out, &plan.experiment);
        if (!manner.quiet)
            fputs(notes, stderr);
        if (settings.dry_run) {
            print_trials(&plan.grid);
            code = EXIT_DONE;
        } else {
            code = run_plan(&plan, &settings, folder);
        }
        free(notes);
        free(folder);
    }
    release_plan(&plan);
    free(arguments.override);
    return code;
}

const struct command command_sweep = {
    .name = "sweep",
    .summary = "train every trial of a grid, draw the plots, say what came out",
    .usage = "usage: normlab sweep FILE [KEY=VALUE[,VALUE...] ...] [--out DIR] [-j N] [options]\n"
             "\n"
             "Trains every trial of FILE's grid, one a core, the longest first; writes tables and plots to DIR; and says what came out\n"
             "in words, with intervals. A key may be given several values, or a range, and becomes an axis. What is finished is kept:\n"
             "the same command again runs only what is missing, after Ctrl-C, a crash, or with more seeds. A training that\n"
             "diverges is a result.\n"
             "\n"
             "  -o, --out DIR    results folder (default: results/ and FILE's name)\n"
             "  -j, --jobs N     trials side by side (default: as many as there are cores)\n"
             "  -n, --dry-run    print the table of trials and run nothing\n"
             "      --no-plot    no pictures\n"
             "\n"
             "examples:\n"
             "  normlab sweep experiments/small_batch.yaml -j 2\n"
             "  normlab sweep experiments/small_batch.yaml norm.kind=bn,gn sweep.seeds=3 --out results/sb\n"
             "  normlab sweep configs/mlp_digits.yaml train.lr=1e-3:1:log:7 sweep.seeds=5 -n\n",
    .run = run,
};
