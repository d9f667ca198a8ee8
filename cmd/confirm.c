#include "stats/confirm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/machine.h"
#include "base/memory.h"
#include "cmd.h"
#include "config/import.h"
#include "config/value.h"

enum { SEEDS = 256, MAX_TIME, BY };
static const struct option options[] = {
    {"out", required_argument, NULL, 'o'},
    {"jobs", required_argument, NULL, 'j'},
    {"seeds", required_argument, NULL, SEEDS},
    {"max-time", required_argument, NULL, MAX_TIME},
    {"format", required_argument, NULL, 'f'},
    {"by", required_argument, NULL, BY},
    {0},
};

enum { TEXT, JSON };

struct request {
    const char *out, *by;
    int jobs, seeds; /* 0: as many seeds as before */
    double max_seconds;
    int format;
};

static bool read_request(const struct command *self, int argc, char **argv, struct request *out)
{
    static const char *const formats[] = {"text", "json", NULL};
    *out = (struct request){.jobs = nl_cores()};
    bool good = true;
    for (int option; good && (option = next_option(self, argc, argv, "o:j:f:", options)) != OPTION_END;)
        switch (option) {
        case 'o': out->out = optarg; break;
        case 'j': good = read_count("-j", optarg, 1, MOST_JOBS, &out->jobs); break;
        case SEEDS: good = read_count("--seeds", optarg, 1, NL_SEEDS_MAX, &out->seeds); break;
        case MAX_TIME: good = read_duration("--max-time", optarg, &out->max_seconds); break;
        case BY: out->by = optarg; break;
        case 'f': good = read_word("format", optarg, formats, &out->format); break;
        default: good = false;
        }
    return good;
}

/* RESULTS-confirm, or the folder that was given; new string. */
static char *confirming_folder(const char *given, const char *results)
{
    size_t length = strlen(results);
    while (length > 1 && results[length - 1] == '/')
        length--;
    return given ? nl_strdup(given) : nl_format("%.*s-confirm", (int)length, results);
}

/* The first seed of the folder's experiment, and that after its last; false: it holds no results. */
static bool read_seeds(const char *folder, int64_t *first, int64_t *after)
{
    struct nl_experiment experiment;
    struct nl_provenance made;
    struct nl_error err;
    if (!nl_store_exists(folder) || nl_store_read(folder, &experiment, &made, &err))
        return false;
    *first = experiment.config.train.seed;
    *after = *first + experiment.seeds;
    return true;
}

/* The first seed: that of a confirmation that goes on in `out`, or one above all that were looked at. false: `out` holds
 * runs by seeds that were (the message was printed). */
static bool choose_seed(const struct nl_experiment *before, const char *results, const char *out, int64_t *seed)
{
    int64_t after = before->config.train.seed + before->seeds, first, last;
    char *usual = confirming_folder(NULL, results);
    bool goes_on = read_seeds(out, &first, &last);
    *seed = goes_on ? first : read_seeds(usual, &first, &last) && last > after ? last : after;
    free(usual);
    if (*seed >= after)
        return true;
    bad_input(
        "give it another --out",
        "'%s' holds runs by seeds from %lld on, and those up to %lld were looked at: nothing is confirmed by them", out,
        (long long)*seed, (long long)after - 1);
    return false;
}

/* The experiment of the results by other seeds. false: the message was printed. */
static bool load_again(const struct arguments *arguments, int64_t seed, int seeds, struct nl_experiment *out)
{
    char *path = nl_path_join(arguments->file, "experiment.yaml"),
         *from = nl_format("train.seed=%lld", (long long)seed), *many = nl_format("sweep.seeds=%d", seeds);
    const char **override = nl_alloc((size_t)arguments->overrides + 2, sizeof *override);
    int count = 0;
    for (int i = 0; i < arguments->overrides; i++)
        override[count++] = arguments->override[i];
    override[count++] = from;
    override[count++] = many;
    bool good = load_experiment(path, override, count, out);
    free(override);
    free(path);
    free(from);
    free(many);
    return good;
}

/* Trains what is missing in the folder. An exit code. */
static int train(const struct nl_experiment *experiment, const char *folder, const struct request *request,
                 struct plan *plan)
{
    struct progress_line line;
    struct nl_sweep_result result;
    struct nl_error err = {0};
    const struct nl_sweep_options how = {.folder = folder,
                                         .command = command_line,
                                         .runner = {.workers = request->jobs,
                                                    .stop = &interrupted,
                                                    .max_seconds = request->max_seconds,
                                                    .progress = show_progress,
                                                    .finished = show_finished,
                                                    .note = show_note,
                                                    .context = &line}};
    if (!plan_of(experiment, plan) || !identify_plan(plan))
        return EXIT_BAD_INPUT;
    begin_progress(&line);
    catch_interrupts();
    int status = nl_sweep(&plan->experiment, &plan->grid, &plan->datasets, &how, &result, &err), code = EXIT_DONE;
    end_progress(&line);
    if (status)
        code =
            result.started ? fail("%s", err.text) : refuse_folder(folder, &plan->experiment, &result.hidden, err.text);
    else if (result.left)
        code = stopped(result.stop == NL_STOP_TIME ? EXIT_TIME_IS_UP : EXIT_INTERRUPTED,
                       "done: %d of %s; to continue:", result.trials - result.absent, NL_COUNT(result.trials, "trial"));
    else if (print_errors(&plan->grid, &result))
        code = EXIT_FAILED;
    nl_sweep_result_release(&result);
    return code;
}

static void print_seeds(const char *name, const struct nl_experiment *before, const struct nl_experiment *now)
{
    const struct nl_experiment *both[] = {before, now};
    printf("%s, ", name);
    for (int i = 0; i < 2; i++)
        printf("%s seeds %lld to %lld", i ? "; before by" : "confirmed by", (long long)both[!i]->config.train.seed,
               (long long)both[!i]->config.train.seed + both[!i]->seeds - 1);
    printf(".\n");
}

static void print_confirmation(const struct nl_confirmation *confirmation, int format)
{
    char *text = format == JSON ? nl_confirmation_json(confirmation) : nl_confirmation_text(confirmation);
    printf("%s", text);
    free(text);
}

static void compare(const struct nl_answer *first, const struct nl_results *results,
                    const struct nl_experiment *experiment, int format)
{
    struct nl_answer again;
    struct nl_confirmation confirmation;
    nl_answer_make(results, experiment, &again);
    nl_confirm(first, &again, &confirmation);
    print_confirmation(&confirmation, format);
    nl_confirmation_release(&confirmation);
    nl_answer_release(&again);
}

/* Compares the answer by the new seeds with the first one. */
static int report(const char *name, const struct results_folder *from, const struct nl_answer *first,
                  const struct plan *plan, const char *folder, const struct request *request)
{
    struct nl_planned planned = nl_grid_planned(&plan->grid);
    struct nl_results results;
    int code = EXIT_BAD_INPUT;
    if (load_results(folder, &plan->experiment, &planned, &results)) {
        if (request->format == TEXT)
            print_seeds(name, &from->experiment, &plan->experiment);
        compare(first, &results, &plan->experiment, request->format);
        nl_results_release(&results);
        code = EXIT_DONE;
    }
    nl_planned_release(&planned);
    return code;
}

/* ---- imported results: by other runs of the same program ---- */

/* A seed that both folders have, or a file that both were read from; NULL: none. New string. */
static char *common_run(const struct nl_experiment *before, const struct nl_results *old,
                        const struct nl_experiment *now, const struct nl_results *new)
{
    bool seeds = before->import->pairs == NL_PAIRS_BY_SEED && now->import->pairs == NL_PAIRS_BY_SEED;
    for (int i = 0; i < old->seeds && seeds; i++)
        for (int k = 0; k < new->seeds; k++)
            if (strcmp(old->seed[i], new->seed[k]) == 0)
                return nl_format("seed %s", old->seed[i]);
    for (int i = 0; i < before->import->sha256.count; i++)
        for (int k = 0; k < now->import->sha256.count; k++)
            if (strcmp(before->import->sha256.at[i], now->import->sha256.at[k]) == 0)
                return nl_format("the file '%s'", now->import->files.at[k]);
    return NULL;
}

static int confirm_by(const struct results_folder *from, const struct nl_results *results,
                      const struct arguments *arguments, const struct nl_answer *first, const struct request *request)
{
    struct arguments of_other = *arguments;
    struct results_folder other;
    struct nl_results again;
    of_other.file = request->by;
    if (!request->by)
        return bad_input("import new runs into another folder, and name it with --by",
                         "'%s' was imported: what trained its runs cannot be started from here", arguments->file);
    int code = EXIT_BAD_INPUT;
    if (open_results(&command_confirm, &of_other, &other) && !other.experiment.import)
        bad_input(NULL, "'%s' was not imported: it holds runs of normlab", request->by);
    else if (other.tables && load_results(other.tables, &other.experiment, &other.planned, &again)) {
        char *common = common_run(&from->experiment, results, &other.experiment, &again);
        other.experiment.config.plot = from->experiment.config.plot; /* one question for both */
        other.experiment.question = from->experiment.question;
        other.experiment.has_baseline = from->experiment.has_baseline;
        other.experiment.baseline = from->experiment.baseline;
        if (common)
            bad_input("nothing is confirmed by what was looked at", "both '%s' and '%s' have %s", arguments->file,
                      request->by, common);
        else
            compare(first, &again, &other.experiment, request->format);
        code = common ? EXIT_BAD_INPUT : EXIT_DONE;
        free(common);
        nl_results_release(&again);
    }
    release_results(&other);
    return code;
}

/* Whether there is one sweep to repeat; false: the message was printed. */
static bool is_one_sweep(const struct nl_experiment *experiment, const char *folder)
{
    if (!(experiment->rounds.refine > 0.0))
        return true;
    bad_input("give the rates that it came to as a grid, sweep them, and confirm that",
              "'%s' has rates of its own for each seed (sweep.refine): there is no one sweep to repeat", folder);
    return false;
}

/* Trains and compares, where there is something to repeat. */
static int confirm(const struct results_folder *from, const struct arguments *arguments, const struct nl_answer *first,
                   const struct request *request)
{
    struct nl_experiment experiment;
    struct plan plan = {0};
    bool any = false;
    for (int i = 0; i < first->claims; i++)
        any |= first->claim[i].finding != NL_FOUND_NOTHING;
    if (!any) {
        print_confirmation(&(struct nl_confirmation){.level = first->level}, request->format);
        return EXIT_DONE;
    }
    if (first->missing && !output.quiet)
        tell(stderr, "%s", first->incomplete.at);
    char *folder = confirming_folder(request->out, arguments->file);
    int seeds = request->seeds ? request->seeds : from->experiment.seeds, code = EXIT_BAD_INPUT;
    int64_t seed;
    if (is_outside_trials("--out", folder) && choose_seed(&from->experiment, arguments->file, folder, &seed) &&
        load_again(arguments, seed, seeds, &experiment)) {
        code = train(&experiment, folder, request, &plan);
        if (code == EXIT_DONE)
            code = report(arguments->file, from, first, &plan, folder, request);
        release_plan(&plan);
    }
    free(folder);
    return code;
}

static int run(const struct command *self, int argc, char **argv)
{
    struct request request;
    struct arguments arguments;
    struct results_folder from;
    struct nl_results results;
    struct nl_answer first;
    if (!read_request(self, argc, argv, &request) || !sort_arguments(self, "folder", argc, argv, &arguments))
        return EXIT_BAD_INPUT;
    int code = EXIT_BAD_INPUT;
    if (open_results(self, &arguments, &from) && is_one_sweep(&from.experiment, arguments.file) &&
        load_results(from.tables, &from.experiment, &from.planned, &results)) {
        nl_answer_make(&results, &from.experiment, &first);
        code = from.experiment.import ? confirm_by(&from, &results, &arguments, &first, &request)
               : request.by ? bad_input(NULL, "--by is for imported results: '%s' can be run again", arguments.file)
                            : confirm(&from, &arguments, &first, &request);
        nl_answer_release(&first);
        nl_results_release(&results);
    }
    release_results(&from);
    free(arguments.override);
    return code;
}

const struct command command_confirm = {
    .name = "confirm",
    .summary = "run a sweep again by new seeds, and say which findings are repeated",
    .usage =
        "usage: normlab confirm RESULTS [--seeds N] [--out DIR] [-j N] [plot.KEY=VALUE ...]\n"
        "\n"
        "Runs the sweep of RESULTS once more by seeds that nobody has looked at, those above all in RESULTS and in RESULTS-confirm, and asks\n"
        "of each finding of its answer whether it is there again: by the new seeds alone, all findings as one family (Holm). Prints both\n"
        "effects with their intervals, and the chance of finding the effect again if it is as large as it was. What was chosen by\n"
        "sweep.tune stays chosen. Findings that are not repeated are not refuted. Finished trials are kept: the same command continues.\n"
        "\n"
        "      --seeds N        seeds (default: as many as before)\n"
        "  -o, --out DIR        results folder (default: RESULTS-confirm)\n"
        "  -j, --jobs N         trials at a time (default: the number of cores)\n"
        "      --by DIR         of imported results: other runs of theirs, imported into DIR, in place of new seeds\n"
        "      --max-time TIME  start no trial after this time (90s, 30m, 1h30m); exit code 3 if trials are left\n"
        "  -f, --format F       text (default), json\n"
        "\n"
        "examples:\n"
        "  normlab confirm results/small_batch\n"
        "  normlab confirm results/small_batch --seeds 20 --out results/again\n",
    .run = run,
};
