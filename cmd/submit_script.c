/* The script that has Slurm do a sweep, of ordinary commands: a job array, in which a shard is a task, and a job after
 * it that puts the shards together. */
#include "submit.h"

#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/memory.h"

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

/* sbatch, up to the script that it reads. log: what the file with the output is called in the folder of logs, in
 * sbatch's own pattern. */
static void add_sbatch(struct nl_text *out, const struct request *request, const char *whole, const char *ending,
                       const char *log)
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

int turn_seconds(const struct request *request)
{
    enum { MINUTE = 60 };
    int seconds = request->minutes * MINUTE;
    return seconds - (seconds > 2 * MINUTE ? MINUTE : seconds / 2);
}

static void add_tasks(struct nl_text *out, const struct request *request, const struct left *left)
{
    int tasks = request->tasks;
    nl_text_add(
        out,
        "# %s to train: a shard is a task. One that is restarted continues from its finished trials and its checkpoints.\ntasks=",
        NL_COUNT(left->trials, "trial"));
    add_sbatch(out, request, left->whole, "", "%A_%a.log");
    nl_text_add(out,
                " <<'TASK'\n#!/bin/bash\n#SBATCH --time=%d --requeue --open-mode=append --array=", request->minutes);
    add_shards(out, left->shard, tasks);
    if (request->gpus)
        nl_text_add(out, "\n#SBATCH --gres=gpu:%d", request->gpus);
    nl_text_add(
        out, "\ntrap : TERM # preempted: normlab gets the signal, too, and ends at a checkpoint\ntimeout %d %s sweep",
        turn_seconds(request), program_name);
    add_experiment(out, request);
    if (request->gpus)
        nl_text_add(out, " --device cuda");
    if (request->out) {
        nl_text_add(out, " --out");
        add_word(out, request->out);
        nl_text_add(out, "-\"$SLURM_ARRAY_TASK_ID\"of%d", tasks);
    }
    nl_text_add(out, " --shard \"$SLURM_ARRAY_TASK_ID/%d\" --no-plot", tasks);
    if (left->forecast)
        add_words(out, (const char *const[]){"--forecast", left->forecast}, 2);
    add_words(out, (const char *const[]){"--checkpoint-every", request->checkpoint}, 2);
    nl_text_add(
        out,
        "\ncode=$?\n"
        "[ $code -ne 124 ] || scontrol requeue \"$SLURM_JOB_ID\" # the time limit is near: it goes on in another turn\n"
        "exit $code\n"
        "TASK\n"
        ")\n\n");
}

static void add_merge(struct nl_text *out, const struct request *request, const struct left *left, bool rounds)
{
    const char *const folder = left->round.folder;
    char *pattern = shards_pattern(left->whole, request->tasks, folder + strlen(left->whole)),
         *quoted = quote_words(1, &folder), *again = own_command(request);
    char *hint = nl_format("to train what is missing: %s", again);
    nl_text_add(out, "# The shards are put together.\nmerge=");
    add_sbatch(out, request, left->whole, "-merge", "%j.log");
    nl_text_add(out, "%s <<'MERGE'\n#!/bin/bash\n#SBATCH --time=%d --requeue --open-mode=append\nset -e\n",
                has_tasks(request, left) ? " --dependency=\"afterany:${tasks%%;*}\"" : "", request->minutes);
    nl_text_add(out, "%s merge %s --out %s &&\n    %s table %s --fail-if incomplete || {\n    echo", program_name,
                pattern, quoted, program_name, quoted);
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

char *submit_script(const struct request *request, const struct left *left, bool rounds)
{
    struct nl_text out = {0};
    const char *const name = left->whole;
    char *logs = nl_format("%s-slurm", name), *again = own_command(request), *above = nl_path_folder(name),
         *quoted = quote_words(1, &name);
    char *ls = nl_format("%s ls", program_name);
    nl_text_add(&out, "#!/bin/bash\n# %s\nset -e\nmkdir -p", again);
    add_word(&out, logs);
    nl_text_add(&out,
                "\nqueued=$(squeue --noheader --me --states=PENDING,RUNNING,SUSPENDED --name=%s)\n"
                "[ -z \"$queued\" ] || { printf 'it is in the queue already:\\n%%s\\n' \"$queued\" >&2; exit 1; }\n\n",
                quoted);
    bool tasks = has_tasks(request, left);
    if (tasks)
        add_tasks(&out, request, left);
    add_merge(&out, request, left, rounds);
    nl_text_add(&out, "echo \"submitted: %s$merge, which puts the shards together; to watch them:\"\n",
                tasks ? "$tasks, an array of tasks, and after it " : "");
    add_echo(&out, ls, above, "");
    add_echo(&out, "tail", logs, "/*");
    free(ls);
    free(quoted);
    free(above);
    free(again);
    free(logs);
    return out.at;
}
