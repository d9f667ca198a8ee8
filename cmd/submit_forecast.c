/* How long the tasks of a submitted sweep take. Trials are dealt out by it, and it is held against the tasks' time
 * limit before anything is submitted. */
#include "submit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "backend/backend.h"
#include "base/files.h"
#include "base/memory.h"
#include "sweep/forecast.h"
#include "sweep/shards.h"

/* Whether a step of each trial can be measured on this machine. */
static bool are_devices_here(const struct left *left, const int *todo)
{
    for (int i = 0; i < left->trials; i++) {
        const struct nl_config *config = &left->plan.grid.trial[todo[i]].config;
        if (nl_device_check((enum nl_device_kind)config->device.kind, (int)config->device.index, NULL) != NL_OK)
            return false;
    }
    return true;
}

/* Seconds of each trial of the grid, 0 where it is not in todo, by finished trials and a few steps of the other shapes:
 * new array. NULL with NL_OK: this machine cannot tell, and err says why. */
static int measure(const struct left *left, const int *todo, double **seconds, struct nl_error *err)
{
    const struct nl_grid *grid = &left->plan.grid;
    bool here = are_devices_here(left, todo);
    struct nl_forecast forecast;
    *seconds = NULL;
    if (!here && !left->finished.count) {
        nl_fail(err, "their device is not on this machine, and none has finished");
        return NL_OK;
    }
    if (nl_forecast_sizes(grid, &forecast, err))
        return NL_FAIL;
    struct nl_cohorts cohorts = nl_cohorts_make(grid, todo, left->trials, NULL, here ? 0 : 1, 1);
    int status = NL_OK;
    if (!here || nl_forecast_check(&forecast, &cohorts, 1, left->whole, err) == NL_OK) {
        status = nl_forecast_times(grid, &cohorts, &left->finished, here ? forecast_budget : 0, &forecast, err);
        *seconds = status ? NULL : nl_alloc((size_t)grid->trials, sizeof **seconds);
        for (int i = 0; i < grid->trials && *seconds; i++)
            (*seconds)[i] = forecast.trial[i].seconds;
    }
    nl_cohorts_release(&cohorts);
    nl_forecast_release(&forecast);
    return status;
}

/* Processors of a task, as far as the options of sbatch say. */
static int processors(const struct request *request)
{
    static const char *const names[] = {"--cpus-per-task=", "-c"};
    int out = 1;
    for (int i = 0; i < request->sbatch_words; i++) {
        const char *word = request->sbatch[i], *number = NULL;
        for (int k = 0; k < 2; k++)
            if (strncmp(word, names[k], strlen(names[k])) == 0)
                number = word + strlen(names[k]);
        if (i + 1 < request->sbatch_words && (strcmp(word, "-c") == 0 || strcmp(word, "--cpus-per-task") == 0))
            number = request->sbatch[i + 1];
        if (number && atoi(number) > 0)
            out = atoi(number);
    }
    return out;
}

/* Seconds of the task that takes longest, where the trials todo are dealt out to so many. */
static double longest_task(const struct left *left, const double *seconds, const int *todo, int tasks, int workers)
{
    const struct nl_grid *grid = &left->plan.grid;
    struct nl_forecast forecast = {.trials = grid->trials,
                                   .trial = nl_alloc((size_t)grid->trials, sizeof *forecast.trial)};
    int *shard = nl_shards(grid, seconds, tasks), *of_task = nl_alloc((size_t)left->trials, sizeof *of_task);
    int *first = nl_alloc((size_t)tasks + 2, sizeof *first);
    double longest = 0;
    for (int i = 0; i < left->trials; i++)
        first[shard[todo[i]] + 1]++;
    for (int t = 1; t <= tasks + 1; t++)
        first[t] += first[t - 1];
    int *next = nl_alloc((size_t)tasks + 2, sizeof *next);
    memcpy(next, first, ((size_t)tasks + 2) * sizeof *next);
    for (int i = 0; i < left->trials; i++) {
        struct nl_expected *expected = &forecast.trial[todo[i]];
        expected->seconds = seconds[todo[i]];
        expected->device = (enum nl_device_kind)grid->trial[todo[i]].config.device.kind;
        of_task[next[shard[todo[i]]]++] = todo[i];
    }
    for (int t = 1; t <= tasks; t++) {
        struct nl_cohorts cohorts = nl_cohorts_make(grid, of_task + first[t], first[t + 1] - first[t], NULL, 1, 1);
        longest = fmax(longest, nl_forecast_demand(&forecast, &cohorts, workers).seconds);
        nl_cohorts_release(&cohorts);
    }
    free(next);
    free(first);
    free(of_task);
    free(shard);
    nl_forecast_release(&forecast);
    return longest;
}

/* The fewest tasks, about, that need no second turn; 0: a trial alone needs one. */
static int enough_tasks(const struct request *request, const struct left *left, const double *seconds, const int *todo,
                        int workers)
{
    double all = 0, longest = 0, turn = turn_seconds(request);
    for (int i = 0; i < left->trials; i++) {
        all += seconds[todo[i]];
        longest = fmax(longest, seconds[todo[i]]);
    }
    if (longest > turn)
        return 0;
    for (int64_t tasks = request->tasks + 1; tasks <= NL_SHARDS_MAX; tasks += tasks / 8 + 1)
        if ((double)tasks * workers * turn >= all && longest_task(left, seconds, todo, (int)tasks, workers) <= turn)
            return (int)tasks;
    return 0;
}

/* A value of --time that leaves a task so long: in full minutes, of more than an hour in tens of them. New string. */
static char *enough_time(double seconds)
{
    enum { MINUTE = 60, HOUR = 60 };
    int64_t minutes = (int64_t)ceil((seconds + MINUTE) / MINUTE);
    minutes = minutes > HOUR ? (minutes + 9) / 10 * 10 : minutes;
    if (minutes < HOUR)
        return nl_format("%lldm", (long long)minutes);
    return minutes % HOUR ? nl_format("%lldh%lldm", (long long)(minutes / HOUR), (long long)(minutes % HOUR))
                          : nl_format("%lldh", (long long)(minutes / HOUR));
}

/* Says how long a task takes, and what comes of it where its time limit is shorter. */
static void tell_times(const struct request *request, const struct left *left, const double *seconds, const int *todo)
{
    int workers = processors(request);
    double longest = longest_task(left, seconds, todo, request->tasks, workers), turn = turn_seconds(request);
    char limit[32];
    if (output.quiet)
        return;
    char *time = seconds_text(longest);
    tell(stderr, "by '%s' a task takes up to about %s, with %s\n", left->forecast, time,
         NL_COUNT(workers, "processor"));
    free(time);
    if (longest <= turn)
        return;
    double turns = ceil(longest / turn);
    int tasks = enough_tasks(request, left, seconds, todo, workers);
    char *longer = enough_time(longest), *more = tasks ? nl_format("--tasks %d or ", tasks) : nl_strdup("");
    tell(
        stderr,
        "warning: --time %s leaves it %s, so that it will be queued again %.0f time%s; %s--time %s is enough for one turn\n",
        request->time, time_text(turn, limit), turns - 1, turns > 2 ? "s" : "", more, longer);
    free(longer);
    free(more);
}

/* As measure. The file of before is kept as long as it has every trial: tasks that are begun again find theirs in their
 * folders. */
static int read_or_measure(const struct left *left, const char *path, const int *todo, double **seconds,
                           struct nl_error *err)
{
    const struct nl_grid *grid = &left->plan.grid;
    int unlisted;
    *seconds = nl_file_is_missing(path) ? NULL : nl_times_read(path, grid, &unlisted, err);
    if (*seconds && unlisted == 0)
        return NL_OK;
    free(*seconds);
    char *folder = nl_path_folder(path);
    int status = measure(left, todo, seconds, err);
    if (*seconds && (nl_make_folders(folder, err) || nl_times_write(path, grid, *seconds, err))) {
        free(*seconds);
        *seconds = NULL;
        status = NL_FAIL;
    }
    free(folder);
    return status;
}

bool submit_forecast(const struct request *request, struct left *left, const int *todo)
{
    struct nl_error err = {0};
    char *path = nl_format("%s-slurm/forecast.csv", left->whole);
    double *seconds = NULL;
    if (left->trials && read_or_measure(left, path, todo, &seconds, &err)) {
        free(path);
        fail("cannot estimate how long trials take: %s", err.text);
        return false;
    }
    int *shard = nl_shards(&left->plan.grid, seconds, request->tasks);
    for (int i = 0; i < left->trials; i++)
        left->shard[shard[todo[i]]] = true;
    if (seconds) {
        left->forecast = path;
        tell_times(request, left, seconds, todo);
    } else {
        free(path);
        if (left->trials && !output.quiet)
            tell(stderr, "it is unknown how long trials take (%s): they are distributed by their cost\n", err.text);
    }
    free(shard);
    free(seconds);
    return true;
}
