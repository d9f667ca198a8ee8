/* A sweep on a cluster: shards as the tasks of a job array, and a job after them that puts them together. All that Slurm is given is a script of
 * ordinary commands, which --script-only prints. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/files.h"
#include "base/memory.h"
#include "cmd.h"
#include "sweep/comparable.h"
#include "sweep/rounds.h"
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

struct request {
    const char *out;              /* NULL: results/NAME */
    const char *time, *checkpoint; /* as typed */
    int tasks, gpus;
    int minutes;                  /* time, rounded up */
    bool script_only;
    struct arguments arguments;   /* as typed: of --gpus they say nothing */
    const char *const *sbatch;    /* what followed "--" */
    int sbatch_words;
};

/* What is left of the round that the sweep has come to. */
struct left {
    struct nl_round round;
    struct plan plan;
    char *whole;      /* the folder where the rounds of all shards come together */
    bool *shard;      /* [request->tasks + 1]: is to be run, from 1 */
    int trials;       /* that no folder has */
    int apart;        /* that a shard has, and the whole does not */
};

/* ---- what there is to do ---- */

/* Whether the folder of a shard shows this round. In one that shows the round before there may be nothing left to train, but merge wants all to show
 * the same. false: the message was printed. */
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

/* Which trials, of those that the round's folder lacks, the folders of its shards have: their records come into record. */
static bool look_into_shards(const struct request *request, struct left *left, const int *shard, const int *todo, int count, struct nl_record *record)
{
    const char *round = left->round.folder + strlen(left->whole);
    struct nl_store *store = nl_alloc((size_t)request->tasks + 1, sizeof *store);
    struct nl_error err;
    bool good = true, checked = false, same = true;
    for (int i = 1; i <= request->tasks; i++) {
        char *folder = nl_shard_folder(left->whole, i, request->tasks), *of_round = nl_format("%s%s", folder, round);
        bool exists = nl_store_exists(of_round);
        store[i] = nl_store_at(exists ? of_round : NULL);
        if (exists && !checked && good) /* the others were begun as this one was */
            good = checked = check_showing(&left->plan, of_round, false) == EXIT_DONE;
        if (exists && good)
            good = compare_shown(of_round, &left->round.experiment, &same);
        left->shard[i] = exists && !same;
        if (!exists)
            free(of_round);
        free(folder);
    }
    for (int i = 0; i < count && good; i++) {
        const struct nl_store *of = &store[shard[todo[i]]];
        struct nl_record *to = &record[todo[i]];
        if (!of->folder)
            continue;
        nl_record_release(to);
        if (nl_store_load(of, &left->plan.grid.trial[todo[i]], to, &err) == NL_FAIL) {
            fail("%s", err.text);
            good = false;
        }
        left->apart += to->present;
    }
    for (int i = 1; i <= request->tasks; i++)
        free(store[i].folder);
    free(store);
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
static bool count_left(const struct request *request, struct left *left, struct nl_record *record, const int *todo, int count)
{
    const struct nl_grid *grid = &left->plan.grid;
    const struct nl_choice all = {0};
    int *shard = nl_shards(grid, request->tasks);
    bool good = can_be_merged(left) && look_into_shards(request, left, shard, todo, count, record);
    int *missing = good ? nl_todo(grid, record, &all, &left->trials) : NULL;
    for (int i = 0; i < left->trials && good; i++)
        left->shard[shard[missing[i]]] = true;
    free(missing);
    free(shard);
    return good;
}

/* Goes to the next round, if there is one. */
static bool go_on(const struct nl_experiment *asked, struct left *left, const struct nl_record *record, bool *more)
{
    struct nl_round next;
    struct nl_error err;
    int status;
    *more = nl_has_rounds(asked) && nl_round_next(asked, left->whole, &left->round, &left->plan.grid, record, &next, &status, &err);
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

/* The first round whose trials are not all in its folder, and what is left of it; after the last one nothing is. false: the message was printed. */
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
        bool good = count ? count_left(request, left, record, todo, count) : go_on(asked, left, record, &more);
        nl_records_release(record, left->plan.grid.trials);
        free(todo);
        if (!good || count)
            return good;
    }
    return true;
}

/* ---- the script ---- */

static void add_words(struct nl_text *out, const char *const *word, int count)
{
    char *quoted = quote_words(count, word);
    nl_text_add(out, "%s%s", count ? " " : "", quoted ? quoted : "");
    free(quoted);
}

static void add_word(struct nl_text *out, const char *word)
{
    add_words(out, &word, 1);
}

/* The experiment as it was typed. */
static void add_experiment(struct nl_text *out, const struct request *request)
{
    add_word(out, request->arguments.file);
    add_words(out, request->arguments.override, request->arguments.overrides);
}

/* The command that this is, but for --script-only; new string. */
static char *own_command(const struct request *request)
{
    struct nl_text out = {0};
    nl_text_add(&out, "%s submit", program_name);
    add_experiment(&out, request);
    nl_text_add(&out, " --tasks %d", request->tasks);
    add_words(&out, (const char *const[]){"--time", request->time, "--checkpoint-every", request->checkpoint}, 4);
    if (request->gpus)
        nl_text_add(&out, " --gpus %d", request->gpus);
    if (request->out)
        add_words(&out, (const char *const[]){"--out", request->out}, 2);
    if (request->sbatch_words)
        nl_text_add(&out, " --");
    add_words(&out, request->sbatch, request->sbatch_words);
    return out.at;
}

/* sbatch, up to the script that it reads. log: what the file with the output is called in the folder of logs, in sbatch's own pattern. */
static void add_sbatch(struct nl_text *out, const struct request *request, const char *whole, const char *ending, const char *log)
{
    struct nl_text log_file = {0};
    nl_text_add(&log_file, "--output=");
    for (const char *at = whole; *at; at++)
        nl_text_add(&log_file, "%s%c", *at == '%' ? "%" : "", *at);
    nl_text_add(&log_file, "-slurm/%s", log);
    char *name = nl_format("--job-name=%s%s", whole, ending);
    nl_text_add(out, "$(sbatch --parsable");
    add_word(out, name);
    add_word(out, log_file.at);
    add_words(out, request->sbatch, request->sbatch_words);
    free(name);
    nl_text_release(&log_file);
}

/* "1-4,7" */
static void add_shards(struct nl_text *out, const bool *shard, int shards)
{
    const char *comma = "";
    for (int first = 1, last; first <= shards; first = last + 1) {
        for (last = first; shard[first] && last < shards && shard[last + 1];)
            last++;
        if (!shard[first])
            continue;
        nl_text_add(out, "%s%d", comma, first);
        if (last > first)
            nl_text_add(out, "-%d", last);
        comma = ",";
    }
}

static bool has_tasks(const struct request *request, const struct left *left)
{
    for (int i = 1; i <= request->tasks; i++)
        if (left->shard[i])
            return true;
    return false;
}

static void add_tasks(struct nl_text *out, const struct request *request, const struct left *left)
{
    enum { MINUTE = 60 };
    int seconds = request->minutes * MINUTE, tasks = request->tasks;
    nl_text_add(out, "# %d trial%s to train: a shard is a task. One that is begun again goes on from its finished trials and its checkpoints.\ntasks=",
                left->trials, left->trials == 1 ? "" : "s");
    add_sbatch(out, request, left->whole, "", "%A_%a.log");
    nl_text_add(out, " <<'TASK'\n#!/bin/bash\n#SBATCH --time=%d --requeue --open-mode=append --array=", request->minutes);
    add_shards(out, left->shard, tasks);
    if (request->gpus)
        nl_text_add(out, "\n#SBATCH --gres=gpu:%d", request->gpus);
    nl_text_add(out, "\ntrap : TERM # preempted: normlab gets the signal, too, and ends at a checkpoint\ntimeout %d %s sweep",
                seconds - (seconds > 2 * MINUTE ? MINUTE : seconds / 2), program_name);
    add_experiment(out, request);
    if (request->gpus)
        nl_text_add(out, " --device cuda");
    if (request->out) {
        nl_text_add(out, " --out");
        add_word(out, request->out);
        nl_text_add(out, "-\"$SLURM_ARRAY_TASK_ID\"of%d", tasks);
    }
    nl_text_add(out, " --shard \"$SLURM_ARRAY_TASK_ID/%d\" --no-plot", tasks);
    add_words(out, (const char *const[]){"--checkpoint-every", request->checkpoint}, 2);
    nl_text_add(out, "\ncode=$?\n"
                     "[ $code -ne 124 ] || scontrol requeue \"$SLURM_JOB_ID\" # the time limit is near: it goes on in another turn\n"
                     "exit $code\n"
                     "TASK\n"
                     ")\n\n");
}

static void add_merge(struct nl_text *out, const struct request *request, const struct left *left, bool rounds)
{
    const char *const folder = left->round.folder;
    char *pattern = shards_pattern(left->whole, request->tasks, folder + strlen(left->whole)), *quoted = quote_words(1, &folder), *again = own_command(request);
    char *hint = nl_format("to train what is missing: %s", again);
    nl_text_add(out, "# The shards are put together.\nmerge=");
    add_sbatch(out, request, left->whole, "-merge", "%j.log");
    nl_text_add(out, "%s <<'MERGE'\n#!/bin/bash\n#SBATCH --time=%d --requeue --open-mode=append\nset -e\n", has_tasks(request, left) ? " --dependency=\"afterany:${tasks%%;*}\"" : "",
                request->minutes);
    nl_text_add(out, "%s merge %s --out %s\n%s table %s --fail-if incomplete || {\n    echo", program_name, pattern, quoted, program_name, quoted);
    add_word(out, hint);
    nl_text_add(out, "\n    exit 1\n}\n%s plot %s\n", program_name, quoted);
    if (rounds)
        nl_text_add(out, "%s # the next round, if these results ask for one\n", again);
    nl_text_add(out, "MERGE\n)\n\n");
    free(hint);
    free(again);
    free(quoted);
    free(pattern);
}

/* A line that says a command: its words, then one that is quoted, then an ending that is not. */
static void add_echo(struct nl_text *out, const char *words, const char *word, const char *ending)
{
    char *quoted = quote_words(1, &word), *line = nl_format("  %s %s%s", words, quoted, ending);
    nl_text_add(out, "echo");
    add_word(out, line);
    nl_text_add(out, "\n");
    free(line);
    free(quoted);
}

/* New string. */
static char *script_of(const struct request *request, const struct left *left, bool rounds)
{
    struct nl_text out = {0};
    const char *const name = left->whole;
    char *logs = nl_format("%s-slurm", name), *again = own_command(request), *above = nl_path_folder(name), *quoted = quote_words(1, &name);
    char *ls = nl_format("%s ls", program_name);
    nl_text_add(&out, "#!/bin/bash\n# %s\nset -e\nmkdir -p", again);
    add_word(&out, logs);
    nl_text_add(&out, "\nqueued=$(squeue --noheader --me --states=PENDING,RUNNING,SUSPENDED --name=%s)\n"
                      "[ -z \"$queued\" ] || { printf 'it is in the queue already:\\n%%s\\n' \"$queued\" >&2; exit 1; }\n\n", quoted);
    bool tasks = has_tasks(request, left);
    if (tasks)
        add_tasks(&out, request, left);
    add_merge(&out, request, left, rounds);
    nl_text_add(&out, "echo \"submitted: %s$merge, which puts the shards together; to look at:\"\n", tasks ? "$tasks, an array of tasks, and after it " : "");
    add_echo(&out, ls, above, "");
    add_echo(&out, "tail", logs, "/*");
    free(ls);
    free(quoted);
    free(above);
    free(again);
    free(logs);
    return out.at;
}

static int run_script(const char *script)
{
    if (system("command -v sbatch >/dev/null 2>&1") != 0)
        return bad_input("--script-only prints what would be submitted", "there is no Slurm here: no 'sbatch' in the PATH");
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
    struct left left = {.whole = results_folder(request->out, experiment), .shard = nl_alloc((size_t)request->tasks + 1, sizeof *left.shard)};
    int code = EXIT_BAD_INPUT;
    if (is_outside_trials("--out", left.whole) && find_left(request, experiment, &left)) {
        code = EXIT_DONE;
        if (left.trials || left.apart) {
            print_notes(&left.plan);
            char *script = script_of(request, &left, nl_has_rounds(experiment));
            if (request->script_only)
                fputs(script, stdout);
            else
                code = run_script(script);
            free(script);
        } else if (!output.quiet) {
            const char *const folder = left.whole;
            char *quoted = quote_words(1, &folder);
            tell(stderr, "all trials are in '%s': there is nothing to submit\n  %s table %s\n", left.whole, program_name, quoted);
            free(quoted);
        }
    }
    nl_round_release(&left.round);
    release_plan(&left.plan);
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
    return good && sort_arguments(self, "file", argc, argv, &out->arguments);
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
    .usage = "usage: normlab submit FILE [KEY=VALUE[,VALUE...] ...] [--tasks N] [--time TIME] [options] [-- SBATCH-OPTION ...]\n"
             "\n"
             "Submits the sweep of FILE to Slurm: a job array in which every task trains a shard (normlab sweep --shard), and a job after it that\n"
             "merges the shards into DIR, prints the answer and draws the plots. Run it in a folder that all nodes see, on the machine where\n"
             "sbatch is. The costliest trials begin first. normlab ls counts the trials that are done. Of a sweep in rounds, the merging job\n"
             "submits the next round.\n"
             "A task that is preempted or comes to its time limit saves its trials at a checkpoint, and goes on when it is queued again. After a\n"
             "failure the same command submits what is missing. The tables are the bytes of a sweep on one machine.\n"
             "\n"
             "  -o, --out DIR        results folder (default: results/NAME for NAME.yaml); the shards are in DIR-1ofN and so on, what the jobs\n"
             "                       print is in DIR-slurm\n"
             "      --tasks N        shards (default: 16). The same command with another N does not find the shards of before\n"
             "      --time TIME      time limit of a job (default: 1h): 30m, 2h. A task that needs more is queued again a minute before\n"
             "      --gpus N         0 or 1: train on a GPU; each task gets one (default: 0)\n"
             "      --checkpoint-every T   save the state of unfinished trials at this interval (30m, 5epochs; default: 5m)\n"
             "      --script-only    submit nothing; print the script, a bash script of commands that can be typed\n"
             "\n"
             "What follows -- is given to sbatch as it is, for all jobs: the account, the partition, processors and memory of a task.\n"
             "\n"
             "examples:\n"
             "  normlab submit small_batch --tasks 8 --time 30m -- --partition=short --cpus-per-task=4 --mem=8G\n"
             "  normlab submit small_batch_cifar10 --tasks 20 --time 4h --gpus 1 -- --account=lab\n"
             "  normlab submit small_batch --script-only | less\n",
    .run = run,
};
