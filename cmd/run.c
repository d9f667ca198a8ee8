#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/machine.h"
#include "base/memory.h"
#include "model/model.h"
#include "operand.h"
#include "train/checkpoint.h"
#include "train/schedule.h"

enum {
    OUT = 'o',
    JOBS = 'j',
    LOAD = 256,
    DEVICE,
    CHECKPOINT,
    CHECKPOINT_EVERY,
    SAVE_INIT,
    SAVE_FINAL,
    SAVE_EMA,
    SAVE_SWA,
    SAVE_ORDER,
    REPLACE
};

enum { CHECKPOINT_SECONDS = 600 };

static const struct option options[] = {
    {"out", required_argument, NULL, OUT},
    {"jobs", required_argument, NULL, JOBS},
    {"device", required_argument, NULL, DEVICE},
    {"load", required_argument, NULL, LOAD},
    {"checkpoint", required_argument, NULL, CHECKPOINT},
    {"checkpoint-every", required_argument, NULL, CHECKPOINT_EVERY},
    {"save-init", required_argument, NULL, SAVE_INIT},
    {"save-final", required_argument, NULL, SAVE_FINAL},
    {"save-ema", required_argument, NULL, SAVE_EMA},
    {"save-swa", required_argument, NULL, SAVE_SWA},
    {"save-order", required_argument, NULL, SAVE_ORDER},
    {"replace", no_argument, NULL, REPLACE},
    {0},
};

/* Real targets have no error. */
static void print_score(const char *part, const char *eval, struct nl_score score)
{
    char loss[32];
    printf("%-6s %-8s %10s", part, eval, loss_text(score.loss, loss));
    if (isnan(score.accuracy))
        printf(" %9s\n", "-");
    else
        printf(" %7.2f %%\n", 100 * (1 - score.accuracy));
}

static void print_scores(const struct nl_record *record)
{
    printf("%-6s %-8s %10s %9s\n", "split", "eval", "loss", "error");
    for (int part = 0; part < NL_PARTS; part++)
        for (int eval = 0; eval < NL_EVALS; eval++) {
            struct nl_score score = record->score[part][eval];
            if (!isnan(score.loss))
                print_score(nl_part_names[part], nl_eval_names[eval], score);
        }
}

static void print_result(const struct nl_record *record, const char *folder, const struct nl_trial *trial)
{
    bool observed = nl_config_observes(&trial->config);
    print_scores(record);
    printf("%s", nl_outcome_titles[nl_record_outcome(record)]);
    if (record->failed_step >= 0)
        printf(" at step %lld", (long long)record->failed_step);
    else
        printf(" after %s (%.4g %s)", NL_COUNT(record->steps, "step"), record->epochs,
               nl_agree(record->epochs, "epoch", "epochs"));
    printf(", %s", NL_COUNT(record->parameters, "parameter"));
    if (!isnan(record->seconds)) /* another sweep trained it */
        printf(", %.2f s", record->seconds);
    putchar('\n');
    if (nl_sees_ahead(&trial->config, &trial->dataset->shape))
        puts("in training, statistics of a batch let each position see later ones (norm.leaks)");
    if (record->left_out && !output.quiet)
        printf("%s of each epoch %s left out (train.drop_last)\n", NL_COUNT(record->left_out, "training sample"),
               nl_agree(record->left_out, "is", "are"));
    if (!output.quiet)
        tell(stdout, "curve and scores: %s/curves.csv, %s/trials.csv%s\n", folder, folder,
             observed ? "; tensors: metrics.csv" : "");
}

static bool keeps_state(const struct nl_runner_options *how)
{
    return how->checkpoint || how->checkpoint_seconds > 0 || how->checkpoint_epochs > 0;
}

/* Says that the run goes on from its checkpoint, if it is there; false: it cannot, or could not be kept (the message
 * was printed). */
static bool check_checkpoint(const struct nl_trial *trial, const char *path)
{
    const struct nl_source source = {.config = &trial->config, .dataset = trial->dataset, .load = trial->weights};
    struct nl_error err = {0};
    int64_t steps;
    if (!path)
        return true;
    if (nl_file_is_missing(path))
        return can_be_written(path);
    int status = nl_checkpoint_check(&source, path, &steps, &err);
    if (status) {
        bad_input(status == NL_BAD ? "name another file, or remove this one to start anew" : NULL, "%s", err.text);
        return false;
    }
    if (!output.quiet)
        tell(stderr, "resuming from '%s' after %s\n", path, NL_COUNT(steps, "step"));
    return true;
}

/* Whether what is written is none of the files that are read, nor of the results; false: the message was printed. */
static bool check_places(const struct plan *plan, const struct nl_runner_options *how, const char *folder)
{
    enum { MOST = 32 };
    struct used_file place[MOST] = {
        {"--save-init", how->save_init, true},      {"--save-final", how->save_final, true},
        {"--save-ema", how->save_average[0], true}, {"--save-swa", how->save_average[1], true},
        {"--save-order", how->save_order, true},    {"--checkpoint", how->checkpoint, true}};
    const struct nl_config *config = &plan->grid.trial[0].config;
    char *made[MOST];
    int count = 6, strings = NL_DATA_FILES;
    nl_data_files(config, made);
    for (int i = 0; i < NL_DATA_FILES; i++)
        place[count++] = (struct used_file){"data", made[i], false};
    if (*config->model.load)
        place[count++] = (struct used_file){"model.load", config->model.load, false};
    if (*config->log.toward)
        place[count++] = (struct used_file){"log.toward", config->log.toward, false};
    for (int i = 0; i < plan->experiment.files && count < MOST; i++)
        place[count++] = (struct used_file){"the configuration", plan->experiment.file[i], false};
    for (int i = 0; nl_store_files[i] && count < MOST; i++)
        place[count++] =
            (struct used_file){"of the results", made[strings++] = nl_path_join(folder, nl_store_files[i]), false};
    bool apart = is_outside_trials("--out", folder) && are_apart(place, count);
    for (int i = 0; i < count && apart; i++)
        apart = !place[i].written || !place[i].path || is_free(config, &place[i]);
    for (int i = 0; i < strings; i++)
        free(made[i]);
    return apart;
}

/* Puts a folder that shows no other run in place of *folder; false: it cannot be written to (the message was printed). */
static bool choose_folder(const struct plan *plan, const struct nl_runner_options *how, char **folder)
{
    char *own = own_folder(plan);
    bool good = strcmp(own, *folder) == 0 || check_places(plan, how, own);
    free(*folder);
    *folder = own;
    return good;
}

/* Whether the averages that are to be saved are taken, and can be; false: the message was printed. */
static bool check_averages(const struct nl_config *config, const struct nl_runner_options *how)
{
    static const char *const keys[] = {"train.ema", "train.swa_start"}, *const options_of[] = {"--save-ema",
                                                                                               "--save-swa"};
    for (int i = 0; i < NL_AVERAGES; i++) {
        if (!how->save_average[i])
            continue;
        if (!nl_config_averages(config, NL_EVAL_EMA + i)) {
            bad_input(NULL, "'%s' has nothing to write: '%s' asks for no average of the weights", options_of[i],
                      keys[i]);
            return false;
        }
        if (!can_be_written(how->save_average[i]))
            return false;
    }
    return true;
}

/* A training that diverged may have ended before there was an average. */
static void tell_missing_averages(const struct nl_trial *trial, const struct nl_record *record,
                                  const struct nl_runner_options *how)
{
    struct nl_step_counts counts = nl_trial_step_counts(&trial->config, nl_data_counts(&trial->config));
    const struct nl_schedule_of schedule = {
        .config = &trial->config, .steps = counts.steps, .steps_per_epoch = (double)counts.steps_per_epoch};
    for (enum nl_eval eval = NL_EVAL_EMA; eval < NL_EVALS; eval++) {
        const char *path = how->save_average[eval - NL_EVAL_EMA];
        int64_t begins = nl_average_begins(&schedule, eval);
        if (path && record->steps < begins)
            tell(stderr, "'%s' was not written: the training ended after %s, and %s begins after update %lld\n", path,
                 NL_COUNT(record->steps, "step"), nl_eval_names[eval], (long long)begins);
    }
}

static int run_plan(const struct plan *plan, struct nl_sweep_options *how)
{
    struct progress_line line;
    struct nl_sweep_result result;
    struct nl_error err = {0};
    begin_progress(&line);
    how->runner.context = &line;
    catch_interrupts();
    int status = nl_sweep(&plan->experiment, &plan->grid, &plan->datasets, how, &result, &err);
    end_progress(&line);
    int code = EXIT_DONE;
    if (status)
        code = result.started ? fail("%s", err.text)
                              : refuse_folder(how->folder, &plan->experiment, &result.hidden, err.text);
    else if (print_errors(&plan->grid, &result))
        code = EXIT_FAILED;
    else if (result.left)
        code = stopped(EXIT_INTERRUPTED,
                       keeps_state(&how->runner)
                           ? "stopped; to continue:"
                           : "stopped: an unfinished run is kept only with --checkpoint; to start it again:");
    else {
        print_result(&result.record[0], how->folder, &plan->grid.trial[0]);
        tell_missing_averages(&plan->grid.trial[0], &result.record[0], &how->runner);
    }
    nl_sweep_result_release(&result);
    return code;
}

static void refuse_sweep(const struct plan *plan, const char *file)
{
    char *varies = what_varies(&plan->experiment);
    bad_input("normlab sweep runs them all; an axis is fixed by giving its key one value, KEY=VALUE",
              "'%s' is a sweep of %s: %s", file, NL_COUNT(plan->grid.trials, "trial"), varies);
    free(varies);
}

static int run(const struct command *self, int argc, char **argv)
{
    struct nl_sweep_options how = {
        .command = command_line,
        .runner = {.workers = nl_cores(), .stop = &interrupted, .progress = show_progress, .note = show_note},
    };
    const char *out = NULL, *device = NULL;
    char *load = NULL;
    for (int option; (option = next_option(self, argc, argv, "o:j:", options)) != OPTION_END;)
        switch (option) {
        case OUT: out = optarg; break;
        case JOBS:
            if (!read_count("-j", optarg, 1, MOST_JOBS, &how.runner.workers))
                return EXIT_BAD_INPUT;
            break;
        case DEVICE: device = optarg; break;
        case LOAD: load = nl_format("model.load=%s", optarg); break;
        case CHECKPOINT: how.runner.checkpoint = optarg; break;
        case CHECKPOINT_EVERY:
            if (!read_checkpoint_every(optarg, &how.runner.checkpoint_seconds, &how.runner.checkpoint_epochs))
                return EXIT_BAD_INPUT;
            break;
        case SAVE_INIT: how.runner.save_init = optarg; break;
        case SAVE_FINAL: how.runner.save_final = optarg; break;
        case SAVE_EMA: how.runner.save_average[0] = optarg; break;
        case SAVE_SWA: how.runner.save_average[1] = optarg; break;
        case SAVE_ORDER: how.runner.save_order = optarg; break;
        case REPLACE: how.replace = true; break;
        default: return EXIT_BAD_INPUT;
        }
    if (how.runner.save_init || how.runner.save_final || how.runner.save_order || how.runner.save_average[0] ||
        how.runner.save_average[1])
        how.choice.retry = NL_ALL_OUTCOMES;
    if (how.runner.checkpoint && !how.runner.checkpoint_seconds && !how.runner.checkpoint_epochs)
        how.runner.checkpoint_seconds = CHECKPOINT_SECONDS;

    struct arguments arguments;
    struct nl_experiment experiment;
    struct plan plan = {0};
    if (!sort_arguments(self, "file", argc, argv, &arguments))
        return EXIT_BAD_INPUT;
    add_device(&arguments, device);
    if (load)
        arguments.override[arguments.overrides++] = load; /* where the option stood in argv is room for it */
    int code = EXIT_BAD_INPUT;
    if (!arguments.file) {
        misused(self, "run needs a file");
    } else if (load_file_or_trial(&arguments, &experiment) && plan_of(&experiment, &plan)) {
        char *folder = results_folder(out, &plan.experiment);
        if (plan.grid.trials != 1)
            refuse_sweep(&plan, arguments.file);
        else if (check_places(&plan, &how.runner, folder) && can_be_written(how.runner.save_init) &&
                 can_be_written(how.runner.save_final) && can_be_written(how.runner.save_order) &&
                 check_averages(&plan.grid.trial[0].config, &how.runner) && identify_plan(&plan) &&
                 (out || how.replace || choose_folder(&plan, &how.runner, &folder)) &&
                 check_checkpoint(&plan.grid.trial[0], how.runner.checkpoint)) {
            print_notes(&plan);
            how.folder = folder;
            code = run_plan(&plan, &how);
        }
        free(folder);
    }
    release_plan(&plan);
    free(arguments.override);
    free(load);
    return code;
}

const struct command command_run = {
    .name = "run",
    .summary = "train one network",
    .usage =
        "usage: normlab run FILE [KEY=VALUE ...] [--out DIR] [options]\n"
        "       normlab run RESULTS:N [--out DIR] [options]\n"
        "\n"
        "Trains the network that FILE and the arguments describe, and prints its final scores. DIR gets experiment.yaml, trials.csv,\n"
        "curves.csv, summary.csv and timing.csv, and metrics.csv where log.tensors or log.layers ask for it. A run that DIR already\n"
        "holds is not trained again. Without --out, a run with other settings gets a folder of its own, results/NAME-2 and so on, and says\n"
        "so; a DIR that is given and holds a different run is refused, unless --replace is given. RESULTS:N is trial N of a results folder, as\n"
        "numbered in trials.csv; it is trained again, into a folder of its own.\n"
        "\n"
        "  -o, --out DIR          results folder (default: results/NAME for NAME.yaml, results/RESULTS-N for RESULTS:N)\n"
        "  -j, --jobs N           cores to train on (default: all; small networks use one); results do not depend on it\n"
        "      --device KIND      cpu, ref, cuda (cuda:1 is the second GPU): as device.kind and device.index; see normlab info\n"
        "      --replace          let the tables of DIR show this run. Earlier trials stay in DIR/trials; their own command with --replace\n"
        "                         shows them again\n"
        "      --load FILE        start from the weights and running statistics in FILE (.safetensors); same as model.load=FILE\n"
        "      --checkpoint FILE  keep the state of the training in it, so that the same command goes on from there after Ctrl-C or a\n"
        "                         crash, to the same bits; it is removed at the end, and 'normlab eval FILE' scores it\n"
        "      --checkpoint-every T   how often: a time (90s, 30m), or epochs (5epochs) (default: 10m); without --checkpoint, in DIR/trials\n"
        "      --save-init FILE   write the initial weights and statistics (.safetensors)\n"
        "      --save-final FILE  write the trained weights and statistics\n"
        "      --save-ema FILE    write the last exponential average of the weights (train.ema), with averaged statistics\n"
        "      --save-swa FILE    write the last mean of the weights (train.swa_start), with averaged statistics\n"
        "      --save-order FILE  write the sample indices of every step (.npy, int32; -1 fills short batches)\n"
        "\n"
        "examples:\n"
        "  normlab run configs/mlp_digits.yaml\n"
        "  normlab run configs/mlp_digits.yaml train.lr=0.1 norm.kind=gn --out results/one\n"
        "  normlab run results/small_batch:17 --save-final model.safetensors\n"
        "  normlab run configs/mlp_digits.yaml --load model.safetensors train.lr=0.001 --out results/tuned\n"
        "  normlab run configs/mlp_digits.yaml device.kind=ref --save-init a.safetensors --save-order order.npy --out results/ref\n",
    .run = run,
};
