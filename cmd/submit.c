/* A sweep on a cluster: shards as the tasks of a job array, and a job after them that puts them together. All that
 * Slurm is given is a script of ordinary commands, which --script-only prints. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "backend/backend.h"
#include "base/files.h"
#include "base/memory.h"
#include "submit.h"
#include "sweep/comparable.h"
#include "sweep/shards.h"

enum { OUT = 'o', TASKS = 256, TIME, GPUS, CHECKPOINT_EVERY, SCRIPT_ONLY };

static const struct option options[] = {
    {"out", required_argument, NULL, OUT},
    {"tasks", required_argument, NULL, TASKS},
    {"time", required_argument, NULL, TIME},
    {"gpus", required_argument, NULL, GPUS},
    {"checkpoint-every", required_argument, NULL, CHECKPOINT_EVERY},
    {"script-only", no_argument, NULL, SCRIPT_ONLY},
    {0},
};

/* ---- what there is to do ---- */

/* Whether the folder of a shard shows this round. In one that shows the round before there may be nothing left to
 * train, but merge wants all to show the same. false: the message was printed. */
static bool compare_shown(const char *folder, const struct nl_experiment *experiment, bool *same)
{
    struct nl_experiment shown;
    struct nl_provenance made;
    struct nl_error err;
    if (nl_store_read(folder, &shown, &made, &err)) {
        bad_input(NULL, "%s", err.text);
        return false;
    }
    char *there = nl_experiment_text(&shown, false), *here = nl_experiment_text(experiment, false);
    *same = strcmp(there, here) == 0;
    free(there);
    free(here);
    return true;
}

/* Which trials, of those that the round's folder lacks, the folders of its shards have: their records come into
 * record. */
static bool look_into_shards(const struct request *request, struct left *left, const int *todo, int count,
                             struct nl_record *record)
{
    const char *round = left->round.folder + strlen(left->whole);
    char **of_round = nl_alloc((size_t)request->tasks, sizeof *of_round);
    struct nl_error err;
    bool good = true, checked = false, same = true;
    for (int i = 1; i <= request->tasks && good; i++) {
        char *folder = nl_shard_folder(left->whole, i, request->tasks), *path = nl_format("%s%s", folder, round);
        bool exists = nl_store_exists(path);
        if (exists && !checked) /* the others were begun as this one was */
            good = checked = check_showing(&left->plan, path, false) == EXIT_DONE;
        if (exists && good)
            good = compare_shown(path, &left->round.experiment, &same);
        left->shard[i] = exists && !same;
        of_round[i - 1] = exists ? path : NULL;
        if (!exists)
            free(path);
        free(folder);
    }
    int *holder =
        good ? nl_shards_holders(&left->plan.grid, (const char *const *)of_round, request->tasks, NULL, &err) : NULL;
    if (good && !holder)
        good = fail("%s", err.text) == EXIT_DONE;
    for (int i = 0; i < count && good; i++) {
        struct nl_record *to = &record[todo[i]];
        if (holder[todo[i]] < 0)
            continue;
        const struct nl_store of = nl_store_at(of_round[holder[todo[i]]]);
        nl_record_release(to);
        if (nl_store_load(&of, &left->plan.grid.trial[todo[i]], to, &err) == NL_FAIL)
            good = fail("%s", err.text) == EXIT_DONE;
        left->apart += to->present;
    }
    for (int i = 0; i < request->tasks; i++)
        free(of_round[i]);
    free(of_round);
    free(holder);
    return good;
}

/* Whether the shards can be merged into the round's folder: nobody trains for hours to learn that they cannot. */
static bool can_be_merged(const struct left *left)
{
    const char *folder = left->round.folder;
    struct nl_experiment there;
    struct nl_provenance made;
    struct nl_error err;
    struct nl_text differences = {0};
    if (check_showing(&left->plan, folder, false) != EXIT_DONE)
        return false;
    if (!nl_store_exists(folder) || nl_store_read(folder, &there, &made, &err))
        return true; /* check_showing has read it */
    nl_compare_experiments(&there, folder, &left->plan.experiment, left->plan.experiment.path, &differences);
    if (differences.length) {
        bad_input(NULL, "the shards could not be merged into '%s'; another --out keeps both", folder);
        tell(stderr, "%s", differences.at);
    }
    bool same = differences.length == 0;
    nl_text_release(&differences);
    return same;
}

/* record: of the round's folder. */
static bool count_left(const struct request *request, struct left *left, struct nl_record *record, const int *todo,
                       int count)
{
    const struct nl_choice all = {0};
    if (!can_be_merged(left) || !look_into_shards(request, left, todo, count, record))
        return false;
    int *missing = nl_todo(&left->plan.grid, record, &all, &left->trials);
    nl_times_add(&left->finished, &left->plan.grid, record);
    bool good = submit_forecast(request, left, missing);
    free(missing);
    return good;
}

/* Goes to the next round, if there is one. */
static bool go_on(const struct nl_experiment *asked, struct left *left, const struct nl_record *record, bool *more)
{
    struct nl_round next;
    struct nl_error err;
    int status;
    *more = nl_has_rounds(asked) &&
            nl_round_next(left->whole, &left->round, &left->plan.grid, record, &next, &status, &err);
    if (nl_has_rounds(asked) && status) {
        fail("%s", err.text);
        return false;
    }
    if (*more) {
        nl_round_release(&left->round);
        left->round = next;
    } else if (nl_has_rounds(asked)) {
        nl_round_release(&next);
    }
    return true;
}

/* The first round whose trials are not all in its folder, and what is left of it; after the last one nothing is. false:
 * the message was printed. */
static bool find_left(const struct request *request, const struct nl_experiment *asked, struct left *left)
{
    nl_round_first(asked, left->whole, &left->round);
    for (bool more = true; more;) {
        struct nl_error err;
        const struct nl_choice all = {0};
        int present, count;
        release_plan(&left->plan);
        if (!plan_of(&left->round.experiment, &left->plan) || !identify_plan(&left->plan))
            return false;
        const struct nl_store store = nl_store_at(left->round.folder);
        struct nl_record *record = nl_store_load_all(&store, &left->plan.grid, NULL, NULL, &present, &err);
        if (!record) {
            fail("%s", err.text);
            return false;
        }
        int *todo = nl_todo(&left->plan.grid, record, &all, &count);
        if (!count)
            nl_times_add(&left->finished, &left->plan.grid, record);
        bool good = count ? count_left(request, left, record, todo, count) : go_on(asked, left, record, &more);
        nl_records_release(record, left->plan.grid.trials);
        free(todo);
        if (!good || count)
            return good;
    }
    return true;
}

static int run_script(const char *script)
{
    FILE *bash = popen("bash", "w");
    if (!bash)
        return fail("cannot run bash");
    fputs(script, bash);
    int status = pclose(bash);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? EXIT_DONE : fail("not everything was submitted");
}

/* ---- the command ---- */

static int submit(const struct request *request, const struct nl_experiment *experiment)
{
    struct left left = {.whole = results_folder(request->out, experiment),
                        .shard = nl_alloc((size_t)request->tasks + 1, sizeof *left.shard)};
    int code = EXIT_BAD_INPUT;
    if (!request->script_only && system("command -v sbatch >/dev/null 2>&1") != 0)
        bad_input("--script-only prints what would be submitted", "there is no Slurm here: no 'sbatch' in the PATH");
    else if (is_outside_trials("--out", left.whole) && find_left(request, experiment, &left)) {
        code = EXIT_DONE;
        if (left.trials || left.apart) {
            print_notes(&left.plan);
            if (request->gpus && !nl_backend_of(NL_CUDA))
                tell(stderr, "warning: this normlab was built without CUDA: its tasks cannot train on a GPU\n");
            char *script = submit_script(request, &left, nl_has_rounds(experiment));
            if (request->script_only)
                fputs(script, stdout);
            else
                code = run_script(script);
            free(script);
        } else if (!output.quiet) {
            const char *const folder = left.whole;
            char *quoted = quote_words(1, &folder);
            tell(stderr, "all trials are in '%s': there is nothing to submit\n  %s table %s\n", left.whole,
                 program_name, quoted);
            free(quoted);
        }
    }
    nl_round_release(&left.round);
    release_plan(&left.plan);
    nl_times_release(&left.finished);
    free(left.forecast);
    free(left.shard);
    free(left.whole);
    return code;
}

static bool read_time(const char *text, int *minutes)
{
    enum { MOST_MINUTES = 525600 };
    double seconds;
    if (!read_duration("--time", text, &seconds))
        return false;
    if (seconds > 60.0 * MOST_MINUTES) {
        bad_input(NULL, "bad value '%s' of option '--time': more than a year", text);
        return false;
    }
    *minutes = (int)(seconds / 60) + ((double)(int)(seconds / 60) * 60 < seconds);
    return true;
}

/* What the scripts say themselves, sbatch is not told otherwise: a limit that the tasks do not know of ends them
 * without a checkpoint. */
static bool may_be_given(const char *const *word, int words)
{
    static const struct {
        const char *option, *letter, *instead;
    } own[] = {{"--time", "-t", "--time goes before --"},
               {"--array", "-a", "--tasks says how many there are"},
               {"--job-name", "-J", "jobs are found by the name of their folder"},
               {"--output", "-o", "what jobs print is in DIR-slurm"}};
    for (int i = 0; i < words; i++)
        for (size_t k = 0; k < sizeof own / sizeof *own; k++) {
            size_t length = strlen(own[k].option);
            bool same = strncmp(word[i], own[k].option, length) == 0 && (word[i][length] == '=' || !word[i][length]);
            if (same || strncmp(word[i], own[k].letter, 2) == 0) {
                bad_input(own[k].instead, "'%s' is not for sbatch: submit gives it itself", word[i]);
                return false;
            }
        }
    return true;
}

static bool read_request(const struct command *self, int argc, char **argv, struct request *out)
{
    double seconds;
    int64_t epochs;
    bool good = true;
    *out = (struct request){.tasks = 16, .time = "1h", .minutes = 60, .checkpoint = "5m"};
    for (int i = 1; i < argc && !out->sbatch; i++)
        if (strcmp(argv[i], "--") == 0) {
            out->sbatch = (const char *const *)argv + i + 1;
            out->sbatch_words = argc - i - 1;
        }
    argc -= out->sbatch ? out->sbatch_words + 1 : 0;
    for (int option; good && (option = next_option(self, argc, argv, "o:", options)) != OPTION_END;)
        switch (option) {
        case OUT:
            out->out = optarg;
            for (size_t length = strlen(optarg); length > 1 && optarg[length - 1] == '/'; length--)
                optarg[length - 1] = '\0'; /* shards have their number there */
            break;
        case TASKS: good = read_count("--tasks", optarg, 1, NL_SHARDS_MAX, &out->tasks); break;
        case TIME: good = read_time(out->time = optarg, &out->minutes); break;
        case GPUS: good = read_count("--gpus", optarg, 0, 1, &out->gpus); break;
        case CHECKPOINT_EVERY: good = read_checkpoint_every(out->checkpoint = optarg, &seconds, &epochs); break;
        case SCRIPT_ONLY: out->script_only = true; break;
        default: good = false;
        }
    return good && may_be_given(out->sbatch, out->sbatch_words) &&
           sort_arguments(self, "file", argc, argv, &out->arguments);
}

static int run(const struct command *self, int argc, char **argv)
{
    struct request request;
    struct nl_experiment experiment;
    if (!read_request(self, argc, argv, &request))
        return EXIT_BAD_INPUT;
    int code = EXIT_BAD_INPUT;
    struct arguments trained = request.arguments;
    trained.override = nl_alloc((size_t)trained.overrides + 2, sizeof *trained.override);
    memcpy(trained.override, request.arguments.override, (size_t)trained.overrides * sizeof *trained.override);
    add_device(&trained, request.gpus ? "cuda" : NULL);
    if (!trained.file) {
        code = misused(self, "%s needs a file", self->name);
    } else if (load_experiment(trained.file, trained.override, trained.overrides, &experiment)) {
        experiment.elsewhere = true;
        code = submit(&request, &experiment);
    }
    free(trained.override);
    free(request.arguments.override);
    return code;
}

const struct command command_submit = {
    .name = "submit",
    .summary = "train a grid on a cluster with Slurm",
    .usage =
        "usage: normlab submit FILE [KEY=VALUE[,VALUE...] ...] [--tasks N] [--time TIME] [options] [-- SBATCH-OPTION ...]\n"
        "\n"
        "Submits the sweep of FILE to Slurm: a job array in which every task trains a shard (normlab sweep --shard), and a job after it that\n"
        "merges the shards into DIR, prints the answer and draws the plots. Run it in a folder that all nodes see, on the machine where\n"
        "sbatch is. The longest trials begin first. normlab ls counts the trials that are done. Of a sweep in rounds, the merging job\n"
        "submits the next round.\n"
        "How long trials take is measured here on a few steps, or known from trials that have finished (DIR-slurm/forecast.csv). By it they are\n"
        "dealt out to the tasks, and a warning says where --time is too short for a task.\n"
        "A task that is preempted or comes to its time limit saves its trials at a checkpoint, and goes on when it is queued again. After a\n"
        "failure the same command submits what is missing. The tables are the bytes of a sweep on one machine.\n"
        "\n"
        "  -o, --out DIR        results folder (default: results/NAME for NAME.yaml); the shards are in DIR-1ofN and so on, what the jobs\n"
        "                       print is in DIR-slurm\n"
        "      --tasks N        shards (default: 16). The same command with another N does not find the earlier shards\n"
        "      --time TIME      time limit of a job (default: 1h): 30m, 2h. A task that needs more is queued again a minute before\n"
        "      --gpus N         0 or 1: train on a GPU; each task gets one (default: 0)\n"
        "      --checkpoint-every T   save the state of unfinished trials at this interval (30m, 5epochs; default: 5m)\n"
        "      --script-only    submit nothing; write the forecast and print the script, a bash script of commands that can be typed\n"
        "\n"
        "What follows -- is given to sbatch as it is, for all jobs: the account, the partition, processors and memory of a task.\n"
        "\n"
        "examples:\n"
        "  normlab submit small_batch --tasks 8 --time 30m -- --partition=short --cpus-per-task=4 --mem=8G\n"
        "  normlab submit small_batch_cifar10 --tasks 20 --time 4h --gpus 1 -- --account=lab\n"
        "  normlab submit small_batch --script-only | less\n",
    .run = run,
};
