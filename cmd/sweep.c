#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/machine.h"
#include "base/memory.h"
#include "cmd.h"
#include "config/keep.h"
#include "plot/plot.h"
#include "sweep/rounds.h"
#include "sweep/shards.h"
#include "sweep/times.h"

enum {
    OUT = 'o',
    JOBS = 'j',
    DRY_RUN = 'n',
    NO_PLOT = 256,
    DEVICE,
    RETRY,
    FAIL_FAST,
    MAX_TIME,
    SHARD,
    FORECAST,
    CHECKPOINT_EVERY,
    COHORT,
    FAIL_IF,
    REPLACE,
    LIVE,
    NO_REUSE
};
enum { MOST_COHORT = 10000 };

static const struct option options[] = {
    {"out", required_argument, NULL, OUT},
    {"jobs", required_argument, NULL, JOBS},
    {"device", required_argument, NULL, DEVICE},
    {"dry-run", no_argument, NULL, DRY_RUN},
    {"no-plot", no_argument, NULL, NO_PLOT},
    {"retry", required_argument, NULL, RETRY},
    {"fail-fast", no_argument, NULL, FAIL_FAST},
    {"max-time", required_argument, NULL, MAX_TIME},
    {"checkpoint-every", required_argument, NULL, CHECKPOINT_EVERY},
    {"shard", required_argument, NULL, SHARD},
    {"forecast", required_argument, NULL, FORECAST},
    {"cohort", required_argument, NULL, COHORT},
    {"format", required_argument, NULL, 'f'},
    {"fail-if", required_argument, NULL, FAIL_IF},
    {"replace", no_argument, NULL, REPLACE},
    {"live", required_argument, NULL, LIVE},
    {"no-reuse", no_argument, NULL, NO_REUSE},
    {0},
};

struct settings {
    const char *out, *device, *forecast, *live;
    bool dry_run, no_plot, fail_fast, replace, no_reuse;
    int jobs, cohort;
    double max_seconds, checkpoint_seconds;
    int64_t checkpoint_epochs;
    struct nl_choice choice;
    struct report report;
};

/* out: where what was written is said; NULL: nowhere. */
static int draw(const char *folder, const struct nl_experiment *experiment, const struct nl_planned *planned, FILE *out)
{
    struct nl_text report = {0};
    struct nl_plot_options how = {
        .svg = true, .png = true, .pdf = true, .stop = &interrupted, .without = true, .report = &report};
    struct nl_error err = {0};
    int status = nl_plot(folder, experiment, planned, &how, &err);
    if (report.at && out)
        tell(out, "%s", report.at);
    nl_text_release(&report);
    if (status && interrupted)
        return stopped(EXIT_INTERRUPTED, "stopped; the tables are written; to draw the pictures:");
    return status ? fail("%s", err.text) : EXIT_DONE;
}

/* The answer first, then the table, then the files. */
static int conclude(const char *folder, const struct plan *plan, const struct settings *settings)
{
    struct nl_planned planned = nl_grid_planned(&plan->grid);
    FILE *out = output.quiet ? NULL
                : report_is_text(&settings->report)
                    ? stdout
                    : stderr; /* other formats are for programs, which read nothing else */
    int judged = print_report(&settings->report, folder, folder, &plan->experiment, &planned), drawn = EXIT_DONE;
    fflush(stdout);
    if (out)
        tell(out, "\ntables: %s/trials.csv, curves.csv, summary.csv, timing.csv%s\n", folder,
             nl_config_observes(&plan->experiment.config) ? ", metrics.csv" : "");
    if (!settings->no_plot)
        drawn = draw(folder, &plan->experiment, &planned, out);
    nl_planned_release(&planned);
    return drawn ? drawn : judged;
}

/* Draws the pictures of a round that only decides on the next. */
static int conclude_tuning(const char *folder, const struct plan *plan, const struct settings *settings)
{
    struct nl_planned planned = nl_grid_planned(&plan->grid);
    int drawn = settings->no_plot ? EXIT_DONE : draw(folder, &plan->experiment, &planned, output.quiet ? NULL : stderr);
    nl_planned_release(&planned);
    return drawn;
}

/* What a sweep works through: each round in turn (sweep/rounds.h). */
struct rounds {
    const struct nl_experiment *asked;
    const struct settings *settings;
    char *folder;     /* of the results */
    char *whole; /* where all shards are put together, whether it is there yet or not; NULL: this is no shard, or the
                  * name of its folder does not say */
    struct nl_round round;
    struct plan plan; /* of the round */
    double *seconds;  /* [trials of it], of the file of --forecast; NULL: none was given */
    struct nl_round next;
    struct live live;
    bool more, last_of_grid; /* a round follows; what follows, if anything, is not the same grid any more */
};

/* The folder of the whole sweep that corresponds to the round's; new string, NULL: this is no shard. */
static char *whole_of(const struct rounds *rounds)
{
    return rounds->whole ? nl_format("%s%s", rounds->whole, rounds->round.folder + strlen(rounds->folder)) : NULL;
}

/* What a shard leaves to others. */
static int end_shard(const struct nl_sweep_result *result, const struct rounds *rounds)
{
    const char *folder = rounds->round.folder;
    if (output.quiet)
        return EXIT_DONE;
    bool goes_on = nl_has_rounds(rounds->asked) &&
                   rounds->round.kind != NL_ROUND_SAME; /* where all trials of the round are in its own folder */
    char *whole = rounds->whole ? whole_of(rounds) : nl_strdup(goes_on ? folder : "DIR"),
         *quoted = quote_words(1, (const char *const[]){whole});
    char *own = quote_words(1, &folder);
    char *others = rounds->whole
                       ? shards_pattern(rounds->whole, rounds->settings->choice.shards, folder + strlen(rounds->folder))
                       : nl_format("%s FOLDER ...", own);
    tell(stdout, "%d of %s %s in '%s'; when the other shards are done, too:\n  normlab merge %s --out %s\n",
         result->trials - result->absent, NL_COUNT(result->trials, "trial"),
         nl_agree(result->trials - result->absent, "is", "are"), folder, others, quoted);
    free(whole);
    free(quoted);
    free(own);
    free(others);
    if (goes_on)
        printf("and then the same command once more, for the next round\n");
    return EXIT_DONE;
}

static int end_stopped(const struct plan *plan, const struct nl_sweep_result *result, int failure)
{
    int done = result->trials - result->absent;
    if (result->stop == NL_STOP_TIME)
        return stopped(EXIT_TIME_IS_UP, "the time is up; done: %d of %s; to continue:", done,
                       NL_COUNT(result->trials, "trial"));
    if (result->stop == NL_STOP_ASKED)
        return stopped(EXIT_INTERRUPTED, "stopped; done: %d of %s; to continue:", done,
                       NL_COUNT(result->trials, "trial"));
    char *label = nl_grid_label(&plan->grid, &plan->grid.trial[failure]);
    fail("stopped at a failure: trial %d (%s): %s", failure + 1, label,
         nl_outcome_titles[nl_record_outcome(&result->record[failure])]);
    free(label);
    return stopped(EXIT_FAILED, "done: %d of %s; to continue:", done, NL_COUNT(result->trials, "trial"));
}

/* What follows the round, whose trials are all there. */
static int look_ahead(struct rounds *rounds, const struct nl_record *record)
{
    struct nl_error err = {0};
    int status;
    nl_round_release(&rounds->next);
    rounds->last_of_grid = true;
    if (!nl_has_rounds(rounds->asked))
        return EXIT_DONE;
    rounds->more =
        nl_round_next(rounds->folder, &rounds->round, &rounds->plan.grid, record, &rounds->next, &status, &err);
    rounds->last_of_grid = !rounds->more || rounds->next.kind == NL_ROUND_SAME;
    return status ? fail("%s", err.text) : EXIT_DONE;
}

static bool all_there(const struct nl_record *record, int trials)
{
    for (int i = 0; i < trials; i++)
        if (!record[i].present || record[i].failed)
            return false;
    return true;
}

/* Asked before any trial is read: each shard of a later round would read all those of the rounds before. */
static bool has_all_files(const struct nl_store *store, const struct nl_grid *grid, int *code)
{
    struct nl_store_listing listing;
    struct nl_error err;
    if (nl_store_list(store, &listing, &err)) {
        *code = fail("%s", err.text);
        return false;
    }
    bool all = true;
    for (int i = 0; i < grid->trials && all; i++)
        all = nl_store_lists(&listing, &grid->trial[i]);
    nl_store_listing_release(&listing);
    return all;
}

/* Whether all trials of the round are there already, here or (then *in_whole) where the shards were put together; then
 * what follows is looked up. */
static bool is_there(struct rounds *rounds, bool *in_whole, int *code)
{
    const struct nl_grid *grid = &rounds->plan.grid;
    char *places[] = {nl_strdup(rounds->round.folder), whole_of(rounds)};
    struct nl_error err = {0};
    bool there = false;
    *in_whole = false;
    for (int i = 0; i < 2 && places[i] && !there && *code == EXIT_DONE; i++) {
        const struct nl_store store = nl_store_at(places[i]);
        int present;
        if (!has_all_files(&store, grid, code))
            continue;
        struct nl_record *record = nl_store_load_all(&store, grid, NULL, NULL, &present, &err);
        if (!record)
            *code = fail("%s", err.text);
        else if ((there = all_there(record, grid->trials)))
            *code = look_ahead(rounds, record);
        *in_whole = there && i == 1;
        nl_records_release(record, record ? grid->trials : 0);
    }
    free(places[0]);
    free(places[1]);
    return there;
}

static struct nl_choice choice_of(const struct rounds *rounds)
{
    struct nl_choice out = rounds->settings->choice;
    out.seconds = rounds->seconds;
    return out;
}

/* Who is told how a round goes. */
struct watch {
    struct progress_line line;
    struct standing standing;
    struct live *live;
};

static void watch_progress(void *context, const struct nl_progress *progress)
{
    struct watch *watch = context;
    standing_progress(&watch->standing, &watch->line, progress);
    show_progress(&watch->line, progress);
    live_progress(watch->live, &watch->line, progress);
}

static void watch_finished(void *context, const struct nl_grid *grid, int trial, const struct nl_record *record)
{
    struct watch *watch = context;
    show_finished(&watch->line, grid, trial, record);
    standing_finished(&watch->standing, &watch->line, trial, record);
    live_finished(watch->live, trial, record);
}

static void watch_note(void *context, bool warning, const char *text)
{
    struct watch *watch = context;
    show_note(&watch->line, warning, text);
}

/* Runs what is missing of the round. *complete: nothing is any more, and what follows was looked up. */
static int run_round(struct rounds *rounds, bool *complete)
{
    const struct settings *settings = rounds->settings;
    const struct plan *plan = &rounds->plan;
    const char *folder = rounds->round.folder;
    char *whole = whole_of(rounds);
    struct watch watch = {.live = &rounds->live};
    struct nl_sweep_result result;
    struct nl_error err = {0};
    const char *grid_folder = rounds->whole && nl_store_exists(rounds->whole) ? rounds->whole : rounds->folder;
    struct nl_sweep_options how = {
        .folder = folder,
        .command = command_line,
        .choice = choice_of(rounds),
        .whole = whole,
        .borrow = rounds->round.kind == NL_ROUND_SAME ? grid_folder : NULL,
        .beside = settings->no_reuse ? NULL : rounds->folder,
        .replace = settings->replace,
        .runner = {.workers = settings->jobs,
                   .cohort = settings->cohort,
                   .stop = &interrupted,
                   .fail_fast = settings->fail_fast,
                   .max_seconds = settings->max_seconds,
                   .checkpoint_seconds = settings->checkpoint_seconds,
                   .checkpoint_epochs = settings->checkpoint_epochs,
                   .progress = watch_progress,
                   .finished = watch_finished,
                   .note = watch_note,
                   .context = &watch},
    };
    begin_progress(&watch.line);
    begin_standing(&watch.standing, folder, plan);
    live_begin_round(&rounds->live, &rounds->round, plan);
    catch_interrupts();
    int status = nl_sweep(&plan->experiment, &plan->grid, &plan->datasets, &how, &result, &err);
    end_progress(&watch.line);
    end_standing(&watch.standing);
    live_end_round(&rounds->live, &watch.line, &result, status ? err.text : NULL);
    int code = EXIT_DONE;
    *complete = false;
    if (status) {
        code =
            result.started ? fail("%s", err.text) : refuse_folder(folder, &plan->experiment, &result.hidden, err.text);
    } else {
        int errors = print_errors(&plan->grid, &result);
        if (result.left)
            code = end_stopped(plan, &result, watch.line.failure);
        else if (result.absent)
            code = end_shard(&result, rounds);
        else if (!errors || !nl_has_rounds(rounds->asked))
            code = look_ahead(rounds, result.record);
        *complete = !result.left && !result.absent && (!errors || !nl_has_rounds(rounds->asked));
        if (errors && nl_has_rounds(rounds->asked))
            code =
                fail("the next round begins once all trials of this one have run: the same command tries them again");
        else if (errors && code == EXIT_DONE)
            code = EXIT_FAILED;
    }
    nl_sweep_result_release(&result);
    free(whole);
    return code;
}

/* What the rounds before decided, and which round begins. */
static void announce(const struct rounds *rounds)
{
    if (output.quiet || !nl_has_rounds(rounds->asked))
        return;
    if (rounds->round.decided.at)
        fputs(rounds->round.decided.at, stderr);
    fprintf(stderr, "round %d, %s: %s in '%s'%s\n", rounds->round.number, nl_round_names[rounds->round.kind],
            NL_COUNT(rounds->plan.grid.trials, "trial"), rounds->round.folder,
            rounds->settings->dry_run && !rounds->more && rounds->round.kind != NL_ROUND_SAME
                ? "; its results decide what follows"
                : "");
}

/* Prepares the round: its grid, and how long its trials take. false: the message was printed. */
static bool begin_round(struct rounds *rounds)
{
    const char *forecast = rounds->settings->forecast;
    struct nl_error err;
    int unlisted;
    release_plan(&rounds->plan);
    free(rounds->seconds);
    rounds->seconds = NULL;
    if (!plan_of(&rounds->round.experiment, &rounds->plan) || !identify_plan(&rounds->plan))
        return false;
    rounds->seconds = forecast ? nl_times_read(forecast, &rounds->plan.grid, &unlisted, &err) : NULL;
    if (forecast && !rounds->seconds)
        bad_input(NULL, "%s", err.text);
    return !forecast || rounds->seconds;
}

static void go_on(struct rounds *rounds)
{
    live_pass(&rounds->live);
    nl_round_release(&rounds->round);
    rounds->round = rounds->next;
    rounds->next = (struct nl_round){0};
    rounds->more = false;
}

static int conclude_round(struct rounds *rounds, int code)
{
    int concluded = EXIT_DONE;
    if (rounds->round.kind == NL_ROUND_TUNING && rounds->next.kind != NL_ROUND_TUNING)
        concluded = conclude_tuning(rounds->round.folder, &rounds->plan, rounds->settings);
    else if (rounds->last_of_grid) {
        if (rounds->round.kind == NL_ROUND_SAME && report_is_text(&rounds->settings->report))
            printf("\nWith the same values for all:\n");
        concluded = conclude(rounds->round.folder, &rounds->plan, rounds->settings);
    }
    return code ? code : concluded;
}

/* Rounds whose trials are all there are passed over, but for those that the results are read from. */
static int run_rounds(struct rounds *rounds)
{
    int code = EXIT_DONE;
    for (;; go_on(rounds)) {
        if (!begin_round(rounds))
            return EXIT_BAD_INPUT;
        bool in_whole, there = nl_has_rounds(rounds->asked) && is_there(rounds, &in_whole, &code);
        if (code != EXIT_DONE)
            return code;
        if (there && in_whole && rounds->more)
            continue;
        if (there && in_whole) {
            char *whole = whole_of(rounds);
            if (!output.quiet)
                tell(stderr, "'%s' is complete: no shard has anything left to train\n", whole);
            free(whole);
            return EXIT_DONE;
        }
        /* The tables of a tuning are its own: killed before they were written, its last round must not be passed over.
         * Of a shard's, merge wrote them. */
        bool written = rounds->round.kind != NL_ROUND_TUNING || rounds->next.kind == NL_ROUND_TUNING || rounds->whole ||
                       rounds->settings->dry_run;
        if (there && !rounds->last_of_grid && written)
            continue;
        announce(rounds);
        print_notes(&rounds->plan);
        if (rounds->settings->dry_run) {
            const struct nl_choice choice = choice_of(rounds);
            code = dry_run(&rounds->plan, rounds->round.folder, rounds->settings->no_reuse ? NULL : rounds->folder,
                           &choice, rounds->settings->replace, rounds->settings->jobs, rounds->settings->cohort);
            if (code != EXIT_DONE || !there || !rounds->more)
                return code;
            continue;
        }
        bool complete;
        code = run_round(rounds, &complete);
        if (!complete || code != EXIT_DONE || !rounds->more)
            live_end(&rounds->live); /* before the pictures, which take their time */
        if (complete)
            code = conclude_round(rounds, code);
        if (!complete || code != EXIT_DONE || !rounds->more) {
            if (complete && !rounds->more && rounds->next.decided.at && !output.quiet)
                fputs(rounds->next.decided.at, stderr);
            return code;
        }
    }
}

/* "failed", or names of outcomes: diverged,dead. */
static bool read_retry(const char *text, unsigned *outcomes)
{
    static const char *const names[] = {"done", "diverged", "dead", "error", "failed", "all", NULL};
    enum { FAILED = 1 << NL_OUTCOMES, ALL = 2 << NL_OUTCOMES };
    if (!read_words("outcome to retry:", text, names, outcomes))
        return false;
    if (*outcomes & FAILED)
        *outcomes |= NL_ALL_OUTCOMES & ~(1u << NL_DONE);
    if (*outcomes & ALL)
        *outcomes |= NL_ALL_OUTCOMES;
    *outcomes &= NL_ALL_OUTCOMES;
    return true;
}

/* "2/3" */
static bool read_shard(const char *text, struct nl_choice *choice)
{
    char *slash, *end;
    long shard = strtol(text, &slash, 10), shards = *slash == '/' ? strtol(slash + 1, &end, 10) : 0;
    if (slash == text || shards < 1 || *end || shards > NL_SHARDS_MAX || shard < 1 || shard > shards) {
        bad_input("the second of three shards is 2/3", "bad value '%s' of option '--shard': expected NUMBER/SHARDS",
                  text);
        return false;
    }
    choice->shard = (int)shard;
    choice->shards = (int)shards;
    return true;
}

static bool read_settings(const struct command *self, int argc, char **argv, struct settings *out)
{
    *out = (struct settings){.jobs = nl_cores()};
    bool good = true;
    for (int option; good && (option = next_option(self, argc, argv, "o:j:nf:", options)) != OPTION_END;)
        switch (option) {
        case OUT: out->out = optarg; break;
        case DEVICE: out->device = optarg; break;
        case DRY_RUN: out->dry_run = true; break;
        case NO_PLOT: out->no_plot = true; break;
        case FAIL_FAST: out->fail_fast = true; break;
        case REPLACE: out->replace = true; break;
        case LIVE: out->live = optarg; break;
        case NO_REUSE: out->no_reuse = true; break;
        case JOBS: good = read_count("-j", optarg, 1, MOST_JOBS, &out->jobs); break;
        case COHORT: good = read_count("--cohort", optarg, 1, MOST_COHORT, &out->cohort); break;
        case RETRY: good = read_retry(optarg, &out->choice.retry); break;
        case MAX_TIME: good = read_duration("--max-time", optarg, &out->max_seconds); break;
        case CHECKPOINT_EVERY:
            good = read_checkpoint_every(optarg, &out->checkpoint_seconds, &out->checkpoint_epochs);
            break;
        case SHARD: good = read_shard(optarg, &out->choice); break;
        case FORECAST: out->forecast = optarg; break;
        case 'f': good = read_report_format(optarg, &out->report); break;
        case FAIL_IF: good = read_fail_if(optarg, &out->report); break;
        default: good = false;
        }
    if (good && out->forecast && !out->choice.shards) {
        bad_input(NULL, "'--forecast' deals out shards: it goes with '--shard'");
        good = false;
    }
    return good;
}

/* The folder of the results, and that of all shards: results/NAME-2of3 and results/NAME, or --out DIR-2of3 and DIR. New
 * strings. */
static void name_folders(struct rounds *rounds)
{
    const struct settings *settings = rounds->settings;
    const struct nl_choice *choice = &settings->choice;
    rounds->folder = results_folder(settings->out, rounds->asked);
    if (!choice->shards)
        return;
    char *given = rounds->folder;
    int whole, shard, shards;
    if (!settings->out) {
        rounds->whole = given;
        rounds->folder = nl_shard_folder(given, choice->shard, choice->shards);
    } else if (nl_shard_parse(given, &whole, &shard, &shards) && shard == choice->shard && shards == choice->shards) {
        rounds->whole = nl_format("%.*s", whole, given);
    }
}

/* The presets come before what the user says. */
static void put_presets(const struct sweep_presets *presets, struct arguments *arguments)
{
    const char **all = nl_alloc((size_t)(presets->count + arguments->overrides), sizeof *all);
    for (int i = 0; i < presets->count; i++)
        all[i] = presets->override[i];
    for (int i = 0; i < arguments->overrides; i++)
        all[presets->count + i] = arguments->override[i];
    free(arguments->override);
    arguments->override = all;
    arguments->overrides += presets->count;
}

static void preset(const struct sweep_presets *presets, struct nl_experiment *experiment)
{
    if (presets->seeds && experiment->seeds_origin.kind == NL_FROM_DEFAULT)
        experiment->seeds = presets->seeds;
    if (presets->one_round)
        experiment->rounds = (struct nl_rounds){0};
    if (presets->ending)
        experiment->name = nl_keep(nl_format("%s%s", experiment->name, presets->ending));
}

int run_sweep(const struct command *self, int argc, char **argv, const struct sweep_presets *presets)
{
    struct settings settings;
    struct arguments arguments;
    struct nl_experiment experiment;
    if (!read_settings(self, argc, argv, &settings) || !sort_arguments(self, "file", argc, argv, &arguments))
        return EXIT_BAD_INPUT;
    add_device(&arguments, settings.device);
    put_presets(presets, &arguments);
    int code = EXIT_BAD_INPUT;
    if (!arguments.file) {
        code = misused(self, "%s needs a file", self->name);
    } else if (load_experiment(arguments.file, arguments.override, arguments.overrides, &experiment)) {
        struct rounds rounds = {.asked = &experiment, .settings = &settings};
        preset(presets, &experiment);
        name_folders(&rounds);
        nl_round_first(&experiment, rounds.folder, &rounds.round);
        rounds.live =
            (struct live){.path = settings.live, .folder = rounds.folder, .rounds = nl_has_rounds(&experiment)};
        if (is_outside_trials("--out", rounds.folder) && (!settings.live || live_path_is_good(settings.live)))
            code = run_rounds(&rounds);
        live_end(&rounds.live);
        nl_round_release(&rounds.round);
        nl_round_release(&rounds.next);
        release_plan(&rounds.plan);
        free(rounds.seconds);
        free(rounds.folder);
        free(rounds.whole);
    }
    free(arguments.override);
    return code;
}

static int run(const struct command *self, int argc, char **argv)
{
    return run_sweep(self, argc, argv, &(struct sweep_presets){0});
}

const struct command command_sweep = {
    .name = "sweep",
    .summary = "train every trial of a grid, draw the plots, answer the question",
    .usage =
        "usage: normlab sweep FILE [KEY=VALUE[,VALUE...] ...] [--out DIR] [-j N] [options]\n"
        "\n"
        "Trains every trial of FILE's grid, one on each core, the longest first. Writes tables and plots to DIR, and answers the question\n"
        "of the sweep in words, with confidence intervals. A key with several values, or with a range, becomes an axis of the grid.\n"
        "Finished trials are kept: after Ctrl-C, a crash, or with more seeds, the same command trains only what is missing. A training\n"
        "that diverges is a result. Trials that a sweep in a folder beside DIR has trained already, with the same settings, data and\n"
        "numerics, are taken from there (see --no-reuse), but for how long they took. A sweep is refused where the tables of DIR would lose\n"
        "trained trials (see --replace). A terminal shows the best run of each method so far, and its curve.\n"
        "\n"
        "  -o, --out DIR        results folder (default: results/NAME for NAME.yaml, results/NAME-2of3 for its shard 2/3)\n"
        "  -j, --jobs N         trials at a time (default: the number of cores); the last ones share the cores\n"
        "      --device KIND    cpu, ref, cuda (cuda:1 is the second GPU): as device.kind and device.index; see normlab info\n"
        "      --cohort N       trials of equal shapes that advance together, step by step (default: 1; on a GPU as many as it holds);\n"
        "                       results do not depend on it\n"
        "  -n, --dry-run        train nothing; list the trials with parameters, memory, time (from a few steps of each\n"
        "                       shape) and disk, and what is done already; long tables are cut (--verbose: all of it, with ids)\n"
        "      --retry WHAT     failed, diverged, dead, done, all (or several with commas): train again the trials that ended so. dead: at\n"
        "                       chance; failed: diverged or dead. What could not be run (status error) is always tried again\n"
        "      --fail-fast      stop at the first trial that diverges, ends at chance or cannot be run (exit code 1)\n"
        "      --max-time TIME  start no trial after this time (90s, 30m, 1h30m); those that run are finished (exit code 3 if\n"
        "                       trials are left; the same command goes on)\n"
        "      --shard I/N      run only part I of N parts of about equal cost; normlab merge puts the parts together\n"
        "      --forecast FILE  equal in time, as FILE says how long each trial takes: the forecast.csv that normlab submit makes\n"
        "      --checkpoint-every T   save the state of unfinished trials at this interval (30m, 5epochs) and at Ctrl-C: they\n"
        "                       resume from it, bit for bit\n"
        "      --replace        let the tables of DIR show this experiment. Earlier trials stay in DIR/trials; their own command\n"
        "                       with --replace shows them again\n"
        "      --live FILE      write a page (NAME.html) for a browser every few seconds: progress, curves, table and failures so far;\n"
        "                       at the end, the answer. It loads itself anew while the sweep runs\n"
        "      --no-reuse       train anew what a folder beside DIR has; shards, and files with a claim, never take trials from others\n"
        "      --no-plot        draw no pictures\n"
        "  -f, --format F       text (default), md, latex, csv (the table alone), json: answer and table as normlab table prints them\n"
        "      --fail-if LIST   exit with 1 if the answer is one of (several with commas): incomplete (trials are missing), failed (runs\n"
        "                       failed), contradicted (a claim is not supported), inconclusive (nothing is found)\n"
        "\n"
        "examples:\n"
        "  normlab sweep experiments/small_batch.yaml norm.kind=bn,gn sweep.seeds=3 --out results/sb\n"
        "  normlab sweep configs/mlp_digits.yaml train.lr=1e-3:1:log:7 sweep.seeds=5 -n\n"
        "  normlab sweep experiments/small_batch.yaml --shard 2/3\n",
    .run = run,
};
