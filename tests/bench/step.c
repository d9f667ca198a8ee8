/* Times a step of a training, by the library's own call and nothing around it: no evaluation, no file, no start-up.
 *
 *     step [--replicas R] FILE [KEY=VALUE ...]      FILE is a configuration as for `normlab run`
 *
 * With replicas, R trainings advance as a cohort, each with a seed of its own, the first with that of FILE; a time is
 * then a replica's.
 *
 * It answers as every competitor of bench.py does: first a line of JSON with the losses of the first steps, then, for
 * each line with a number of seconds read from standard input, the microseconds that a step took over about so
 * long. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/memory.h"
#include "config/diagnostics.h"
#include "train/train.h"

enum { CHECKED = 20 };

static int replicas = 1;

struct stopwatch {
    double started; /* at the first row of the curve: what comes before is warming up */
    int64_t first_step, last_step;
    double stopped;
};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void note_time(void *context, int64_t step, int64_t steps, double loss)
{
    struct stopwatch *watch = context;
    (void)steps;
    (void)loss;
    watch->stopped = now();
    watch->last_step = step;
    if (watch->started == 0) {
        watch->started = watch->stopped;
        watch->first_step = step;
    }
}

static void die(const char *what)
{
    fprintf(stderr, "step: %s\n", what);
    exit(1);
}

/* All replicas from start to end; result: the first one's. */
static void train(const struct nl_config *config, const struct nl_dataset *dataset,
                  const struct nl_trial_options *options, struct nl_trial_result *result)
{
    size_t count = (size_t)replicas;
    struct nl_config *own = nl_alloc(count, sizeof *own);
    const struct nl_config **configs = nl_alloc(count, sizeof *configs);
    struct nl_trial_options *each = nl_alloc(count, sizeof *each);
    struct nl_trial_result *results = nl_alloc(count, sizeof *results);
    struct nl_error err;
    for (int i = 0; i < replicas; i++) {
        own[i] = *config;
        own[i].train.seed += i;
        configs[i] = &own[i];
    }
    for (int i = 0; options && i < replicas; i++)
        each[i] = *options;
    if (nl_cohort_run(configs, dataset, each, replicas, results, &err) != NL_OK)
        die(err.text);
    *result = results[0];
    for (int i = 1; i < replicas; i++)
        nl_trial_result_release(&results[i]);
    free(own);
    free(configs);
    free(each);
    free(results);
}

static void print_losses(struct nl_config config, const struct nl_dataset *dataset)
{
    struct nl_trial_result result;
    config.train.steps = CHECKED;
    config.train.log_every = 1;
    train(&config, dataset, NULL, &result);
    printf("{\"losses\": [");
    const char *comma = "";
    for (int i = 0; i < result.rows; i++)
        if (result.row[i].eval < 0) {
            printf("%s%.9g", comma, result.row[i].loss);
            comma = ", ";
        }
    printf("]}\n");
    fflush(stdout);
    nl_trial_result_release(&result);
}

/* Microseconds of a step over about `steps` of them, after a tenth as many (one at least). */
static double time_steps(struct nl_config config, const struct nl_dataset *dataset, int64_t steps)
{
    struct stopwatch watch = {0};
    struct nl_trial_options options = {.progress = note_time, .context = &watch};
    struct nl_trial_result result;
    config.train.log_every = steps / 10 + 1;
    config.train.steps = steps + 2 * config.train.log_every - steps % config.train.log_every;
    train(&config, dataset, &options, &result);
    if (result.status == NL_DIVERGED)
        die("the training diverged: a smaller train.lr is needed");
    nl_trial_result_release(&result);
    return 1e6 * (watch.stopped - watch.started) / (double)(watch.last_step - watch.first_step) / replicas;
}

/* A time that is worth believing for choosing the number of steps: at least 10 ms of them. */
static double guess_step(const struct nl_config *config, const struct nl_dataset *dataset)
{
    for (int64_t steps = 1;; steps *= 8) {
        double guess = time_steps(*config, dataset, steps);
        if (guess * replicas * (double)steps > 1e4)
            return guess;
    }
}

int main(int argc, char **argv)
{
    if (argc > 2 && !strcmp(argv[1], "--replicas")) {
        replicas = atoi(argv[2]);
        argc -= 2;
        argv += 2;
    }
    if (argc < 2 || replicas < 1)
        die("usage: step [--replicas R] FILE [KEY=VALUE ...]");
    struct nl_experiment experiment;
    struct nl_diagnostics diagnostics = {0};
    struct nl_error err;
    if (nl_experiment_load(argv[1], (const char *const *)argv + 2, argc - 2, &experiment, &diagnostics) != NL_OK)
        die(nl_diagnostics_text(&diagnostics));
    struct nl_dataset *dataset = nl_dataset_open(&experiment.config, &err);
    if (!dataset)
        die(err.text);
    print_losses(experiment.config, dataset);
    double guess = guess_step(&experiment.config, dataset);
    char line[64];
    while (fgets(line, sizeof line, stdin)) {
        double steps = 1e6 * atof(line) / (guess * replicas);
        guess = time_steps(experiment.config, dataset, steps < 1 ? 1 : (int64_t)steps);
        printf("%.3f\n", guess);
        fflush(stdout);
    }
    nl_dataset_free(dataset);
    return 0;
}
