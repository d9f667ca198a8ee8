/* What is said of a sweep before it runs is what the trials then do: steps, rows, parameters, memory; and shards,
 * retries and schedules worked out by hand. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/memory.h"
#include "scratch.h"
#include "suite.h"
#include "sweep/forecast.h"
#include "sweep/shards.h"
#include "sweep/todo.h"

/* A grid from overrides alone, with its data. */
struct setting {
    struct nl_experiment experiment;
    struct nl_grid grid;
    struct nl_datasets datasets;
};

static struct setting set_up(const char *const *override, int count)
{
    struct setting s = {0};
    struct nl_diagnostics diagnostics = {0};
    struct nl_error err;
    if (nl_experiment_load(NULL, override, count, &s.experiment, &diagnostics) ||
        nl_grid_make(&s.experiment, &s.grid, &diagnostics))
        ck_abort_msg("%s", nl_diagnostics_text(&diagnostics));
    ck_assert_msg(nl_grid_identify(&s.grid, &s.datasets, &err) == NL_OK, "%s", err.text);
    return s;
}

static void tear_down(struct setting *s)
{
    nl_grid_release(&s->grid);
    nl_datasets_release(&s->datasets);
}

/* One trial each; what is not said is small. */
static const char *const cases[][6] = {
    {"norm.kind=bn"},
    {"norm.kind=ln", "train.steps=37", "train.log_every=5", "train.eval_every=7"},
    {"norm.kind=none", "train.drop_last=false", "train.batch=33", "train.epochs=60"},
    {"norm.kind=bn", "norm.eval=[precise, batch, running]", "data.val=50", "train.epochs=3"},
    {"norm.kind=gn", "model.arch=cnn", "model.depth=2", "train.epochs=1", "norm.groups=4"},
    {"norm.kind=bn", "train.steps=1", "train.optimizer=adam", "model.dropout=0.2", "train.batch=100"},
    {"norm.kind=bn", "model.arch=resnet", "model.depth=8", "train.steps=2", "norm.eval=batch", "norm.stat_batch=4"},
    {"norm.kind=rms", "device.kind=ref", "train.momentum=0.9", "data.name=synth", "data.size=8", "train.steps=9"},
};

START_TEST(test_outline)
{
    const char *override[12] = {"model.width=8", "model.depth=2", "data.train=300", "data.test=70", "train.epochs=2"};
    int count = 5;
    for (int i = 0; i < 6 && cases[_i][i]; i++)
        override[count++] = cases[_i][i];
    struct setting s = set_up(override, count);
    const struct nl_trial *trial = &s.grid.trial[0];
    struct nl_forecast forecast;
    struct nl_error err;
    struct nl_trial_result result;
    ck_assert_msg(nl_forecast_sizes(&s.grid, &forecast, &err) == NL_OK, "%s", err.text);
    ck_assert_msg(nl_trial_run(&trial->config, trial->dataset, NULL, &result, &err) == NL_OK, "%s", err.text);
    ck_assert_int_ne(result.status, NL_DIVERGED);
    const struct nl_expected *expected = &forecast.trial[0];
    ck_assert_int_eq(expected->step_counts.steps, result.steps);
    ck_assert_int_eq(expected->step_counts.rows, result.rows);
    ck_assert_int_eq(expected->parameters, result.parameters);
    ck_assert_uint_eq(expected->memory, result.memory);
    ck_assert(result.training > 0 && result.evaluation > 0 && result.training + result.evaluation <= result.seconds);
    nl_trial_result_release(&result);
    nl_forecast_release(&forecast);
    tear_down(&s);
}
END_TEST

/* train.eval_every: auto. Of a text 25 times, or as often as a tenth of the training pays for: a step's work is three
 * passes forward. */
START_TEST(texts_are_evaluated_on_the_way)
{
    static const struct {
        const char *test, *steps;
        int64_t every;
    } of[] = {{"data.test=16", "train.steps=1000", 40},
              {"data.test=480", "train.steps=1000", 100},
              {"data.test=1600", "train.steps=300", 334}};
    for (int i = 0; i < 3; i++) {
        const char *override[] = {"data.name=text",  "model.arch=transformer", "norm.kind=ln",
                                  "data.train=1000", "train.batch=16",         of[i].test,
                                  of[i].steps};
        struct setting s = set_up(override, 7);
        const struct nl_config *config = &s.grid.trial[0].config;
        ck_assert_int_eq(nl_trial_step_counts(config, nl_data_counts(config)).eval_every, of[i].every);
        tear_down(&s);
    }
}
END_TEST

/* Evaluation counts, and precise statistics are one more pass over the training part. */
START_TEST(test_cost)
{
    static const char *const evals[] = {"norm.eval=running", "norm.eval=[running, precise]"};
    double ending[2];
    for (int i = 0; i < 2; i++) {
        const char *override[] = {"data.train=512", "data.test=128", evals[i]};
        struct setting s = set_up(override, 3);
        struct nl_step_counts step_counts =
            nl_trial_step_counts(&s.grid.trial[0].config, nl_data_counts(&s.grid.trial[0].config));
        ck_assert_int_eq(step_counts.at_the_end.samples, i ? 2 * 640 + 512 : 640);
        ck_assert_int_eq(step_counts.at_the_end.batches, i ? 3 + 3 + 2 : 3);
        ending[i] = nl_trial_cost(&s.grid.trial[0].config).ending;
        tear_down(&s);
    }
    ck_assert(ending[0] > 0 && ending[1] > 2 * ending[0]);
}
END_TEST

/* Every trial is in a shard, and none outweighs another by more than its costliest trial. */
START_TEST(test_shards)
{
    static const char *const override[] = {"norm.kind=bn,ln", "train.batch=1,2,8,64", "train.epochs=1,5",
                                           "sweep.seeds=3"};
    struct setting s = set_up(override, 4);
    for (int shards = 1; shards <= 60; shards++) {
        int *shard = nl_shards(&s.grid, NULL, shards), *again = nl_shards(&s.grid, NULL, shards);
        double load[60] = {0}, costliest = 0, least = INFINITY, most = 0;
        for (int i = 0; i < s.grid.trials; i++) {
            struct nl_cost cost = nl_trial_cost(&s.grid.trial[i].config);
            ck_assert(shard[i] >= 1 && shard[i] <= shards && shard[i] == again[i]);
            load[shard[i] - 1] += cost.training + cost.ending;
            costliest = fmax(costliest, cost.training + cost.ending);
        }
        for (int i = 0; i < shards; i++) {
            least = fmin(least, load[i]);
            most = fmax(most, load[i]);
        }
        ck_assert_msg(most - least <= costliest * (1 + 1e-9), "%d shards: %g to %g", shards, least, most);
        free(shard);
        free(again);
    }
    tear_down(&s);
}
END_TEST

/* The longest first, each to the shard with the least so far: 5 | 4, 3 to the second, 3 to the first, 3 to the second;
 * the rest is not to be run. */
START_TEST(test_shards_by_seconds)
{
    static const char *const override[] = {"train.lr=0.1,0.2,0.3,0.4,0.5,0.6"};
    static const double seconds[] = {3, 5, 0, 3, 4, 3};
    static const int expected[] = {2, 1, 1, 1, 2, 2};
    struct setting s = set_up(override, 1);
    int *shard = nl_shards(&s.grid, seconds, 2), count;
    ck_assert_mem_eq(shard, expected, sizeof expected);
    free(shard);
    const struct nl_record record[6] = {{0}};
    int *todo = nl_todo(&s.grid, record, &(struct nl_choice){.shard = 1, .shards = 2, .seconds = seconds}, &count);
    ck_assert(count == 3 && todo[0] == 1 && todo[1] == 2 && todo[2] == 3);
    free(todo);
    tear_down(&s);
}
END_TEST

static void check_todo(const struct nl_grid *grid, const struct nl_record *record, struct nl_choice choice,
                       const char *expected)
{
    struct nl_text found = {0};
    int count, *todo = nl_todo(grid, record, &choice, &count);
    nl_text_add(&found, "%s", "");
    for (int i = 0; i < count; i++)
        nl_text_add(&found, "%d ", todo[i]);
    ck_assert_str_eq(found.at, expected);
    nl_text_release(&found);
    free(todo);
}

START_TEST(test_todo)
{
    static const char *const override[] = {"train.lr=0.1,0.2,0.3,0.4,0.5"};
    struct setting s = set_up(override, 1);
    struct nl_record record[5] = {
        {.present = true, .status = NL_DONE},
        {.present = true, .status = NL_DIVERGED},
        {.present = true, .status = NL_DEAD},
        {.present = true, .failed = true},
        {.present = false},
    };
    check_todo(&s.grid, record, (struct nl_choice){0}, "3 4 ");
    check_todo(&s.grid, record, (struct nl_choice){.retry = 1 << NL_DIVERGED}, "1 3 4 ");
    check_todo(&s.grid, record, (struct nl_choice){.retry = 1 << NL_DEAD | 1 << NL_DIVERGED}, "1 2 3 4 ");
    check_todo(&s.grid, record, (struct nl_choice){.retry = NL_ALL_OUTCOMES}, "0 1 2 3 4 ");
    check_todo(&s.grid, record, (struct nl_choice){.shard = 1, .shards = 2},
               "4 "); /* equal costs are dealt in turn: 0 2 4 */
    check_todo(&s.grid, record, (struct nl_choice){.shard = 2, .shards = 2}, "3 ");
    tear_down(&s);
}
END_TEST

/* Trials that are a cohort each. */
static struct nl_cohorts alone(const int *todo, int count)
{
    struct nl_cohorts out = {.count = count, .at = nl_alloc((size_t)count, sizeof *out.at)};
    for (int i = 0; i < count; i++)
        out.at[i] = (struct nl_cohort){.trial = &todo[i], .count = 1};
    return out;
}

/* The longest first, each to the worker that is free first: 5 | 4, 3 to the second, 3 to the first, 3 to the second: 8
 * | 10. */
START_TEST(test_demand)
{
    struct nl_expected trial[] = {
        {.seconds = 3, .memory = 10, .disk = 1},    {.seconds = 5, .memory = 40, .disk = 1},
        {.seconds = 3, .memory = 20, .disk = 1},    {.seconds = 4, .memory = 5, .disk = 1},
        {.seconds = 100, .memory = 900, .disk = 7}, {.seconds = 3, .memory = 30, .disk = 1},
    };
    struct nl_forecast forecast = {.trial = trial, .trials = 6};
    int todo[] = {0, 1, 2, 3, 5};
    struct nl_cohorts cohorts = alone(todo, 5);
    struct nl_demand demand = nl_forecast_demand(&forecast, &cohorts, 2);
    ck_assert(demand.seconds == 10 && demand.work == 18 && demand.memory == 70 && demand.disk == 5 &&
              demand.together == 2);
    demand = nl_forecast_demand(&forecast, &cohorts, 100);
    ck_assert(demand.seconds == 5 && demand.memory == 105 && demand.together == 5);
    for (int i = 0; i < 6; i++) /* a GPU is shared */
        trial[i].device = NL_CUDA;
    demand = nl_forecast_demand(&forecast, &cohorts, 2);
    ck_assert(demand.seconds == 18 && demand.work == 18 && demand.memory == 70);
    cohorts.count = 1; /* of the last three */
    cohorts.at[0] = (struct nl_cohort){.trial = todo + 2, .count = 3};
    demand = nl_forecast_demand(&forecast, &cohorts, 2);
    ck_assert(demand.seconds == 10 && demand.memory == 55 && demand.together == 3);
    cohorts.count = 0;
    demand = nl_forecast_demand(&forecast, &cohorts, 2);
    ck_assert(demand.seconds == 0 && demand.memory == 0);
    nl_cohorts_release(&cohorts);
}
END_TEST

START_TEST(test_room)
{
    struct nl_expected trial[] = {{.memory = 1, .disk = 1}, {.memory = 1, .disk = 1}};
    struct nl_forecast forecast = {.trial = trial, .trials = 2};
    int todo[] = {0, 1};
    struct nl_cohorts cohorts = alone(todo, 2);
    struct nl_error err = {0};
    ck_assert_int_eq(nl_forecast_check(&forecast, &cohorts, 2, "/not/there/yet", &err), NL_OK);
    trial[1].disk = 1e18;
    ck_assert_int_eq(nl_forecast_check(&forecast, &cohorts, 2, ".", &err), NL_FAIL);
    ck_assert_msg(strstr(err.text, "the results would take about 909495 TiB") && strstr(err.text, "'.' has room for"),
                  "%s", err.text);
    trial[1].disk = 1;
    trial[1].memory = (size_t)1e18;
    ck_assert_int_eq(nl_forecast_check(&forecast, &cohorts, 2, ".", &err), NL_FAIL);
    ck_assert_msg(strstr(err.text, "a trial needs 909495 TiB of memory") != NULL, "%s", err.text);
    cohorts.count = 1;
    ck_assert_int_eq(nl_forecast_check(&forecast, &cohorts, 2, ".", &err), NL_OK);
    nl_cohorts_release(&cohorts);
}
END_TEST

/* Seeds and rates are one shape; every trial gets a time, those of one shape the same. */
START_TEST(test_times)
{
    static const char *const override[] = {"model.width=8",     "data.train=300",   "data.test=70", "train.epochs=1",
                                           "norm.kind=bn,none", "train.lr=0.1,1e6", "sweep.seeds=2"};
    struct setting s = set_up(override, 7);
    struct nl_forecast forecast;
    struct nl_error err;
    int todo[] = {0, 1, 2, 3, 4, 5, 6};
    struct nl_cohorts cohorts = nl_cohorts_make(&s.grid, todo, 7, NULL, 0, 2);
    ck_assert_int_eq(s.grid.trials, 8);
    for (double budget = 0.25;;
         budget *= 4) { /* a slow machine may need more to begin the second shape; of each it takes a quarter */
        ck_assert_msg(nl_forecast_sizes(&s.grid, &forecast, &err) == NL_OK, "%s", err.text);
        ck_assert_msg(nl_forecast_times(&s.grid, &cohorts, NULL, budget, &forecast, &err) == NL_OK, "%s", err.text);
        if (forecast.measured == 2 || budget > 60)
            break;
        nl_forecast_release(&forecast);
    }
    ck_assert_int_eq(forecast.shapes, 2);
    ck_assert_int_eq(forecast.measured, 2);
    for (int i = 0; i < 7; i++)
        ck_assert(forecast.trial[i].seconds > 0 && forecast.trial[i].seconds == forecast.trial[i < 4 ? 0 : 4].seconds);
    ck_assert(forecast.trial[7].seconds == 0);
    nl_forecast_release(&forecast);

    ck_assert_msg(nl_forecast_sizes(&s.grid, &forecast, &err) == NL_OK, "%s", err.text);
    ck_assert_msg(nl_forecast_times(&s.grid, &cohorts, NULL, 0, &forecast, &err) == NL_OK, "%s", err.text);
    ck_assert_int_eq(forecast.measured, 1);
    for (int i = 0; i < 7; i++)
        ck_assert(forecast.trial[i].seconds > 0);
    nl_forecast_release(&forecast);
    nl_cohorts_release(&cohorts);
    tear_down(&s);
}
END_TEST

/* Trials of a shape take what those of it that finished took, by their cost, and are not measured; what did not train
 * to its end tells nothing. How much there is to train on, rates and seeds are no shape: the trials of a round that
 * tunes tell of the grid's. */
START_TEST(test_finished_trials_tell)
{
    static const char *const of_tuning[] = {"model.width=8",     "data.train=300",        "data.val=50",
                                            "data.test=0",       "plot.metric=val_error", "train.epochs=1",
                                            "norm.kind=bn,none", "train.lr=0.1,1e6"};
    static const char *const of_grid[] = {"model.width=8",  "data.train=200",       "data.val=50", "data.test=70",
                                          "train.epochs=3", "norm.kind=bn,none,ln", "train.seed=7"};
    struct setting tuning = set_up(of_tuning, 8), s = set_up(of_grid, 7);
    ck_assert(tuning.grid.trials == 4 && s.grid.trials == 3);
    const struct nl_record record[4] = {
        {.present = true, .status = NL_DONE, .seconds = 2},
        {.present = true, .status = NL_DIVERGED, .seconds = 1000},
        {.present = true, .status = NL_DEAD, .seconds = 3},
        {.present = true, .failed = true, .seconds = 1000},
    };
    struct nl_times finished = {0};
    nl_times_add(&finished, &tuning.grid, record);
    ck_assert_int_eq(finished.count, 2);
    struct nl_forecast forecast;
    struct nl_error err;
    int todo[] = {0, 1, 2};
    struct nl_cohorts cohorts = nl_cohorts_make(&s.grid, todo, 3, NULL, 0, 2);
    ck_assert_msg(nl_forecast_sizes(&s.grid, &forecast, &err) == NL_OK, "%s", err.text);
    ck_assert_msg(nl_forecast_times(&s.grid, &cohorts, &finished, 0, &forecast, &err) == NL_OK, "%s", err.text);
    ck_assert(forecast.shapes == 3 && forecast.finished == 2 && forecast.measured == 0);
    double cost[3], sum = 0, seconds = 0;
    for (int i = 0; i < 3; i++)
        cost[i] = nl_cost_total(nl_trial_cost(&s.grid.trial[i].config));
    for (int i = 0; i < 2; i++) {
        double expected = (i ? 3 : 2) * cost[i] / nl_cost_total(nl_trial_cost(&tuning.grid.trial[2 * i].config));
        ck_assert_double_eq_tol(forecast.trial[i].seconds, expected, 1e-9 * expected);
        sum += cost[i];
        seconds += expected;
    }
    double expected = seconds / sum * cost[2];
    ck_assert_double_eq_tol(forecast.trial[2].seconds, expected, 1e-9 * expected);
    nl_cohorts_release(&cohorts);
    nl_forecast_release(&forecast);
    nl_times_release(&finished);
    tear_down(&tuning);
    tear_down(&s);
}
END_TEST

/* What was written is read, to the bit. A trial that is not listed takes what its cost is worth by the others that are
 * to be run. */
START_TEST(test_times_file)
{
    static const char *const override[] = {"norm.kind=bn,none", "train.batch=16,8"}, *const more[] = {
                                                                                         "norm.kind=bn,none",
                                                                                         "train.batch=16,8,4"};
    static const double seconds[] = {1.0 / 3, 0, 1e-3, 1234567.875};
    static const char *const wrong[] = {"id,seconds\n%s,-1\n", "id,seconds\n%s,soon\n", "id,second\n%s,1\n",
                                        "id,seconds\n%s,inf\n", "id,seconds\n%s,1"};
    struct setting s = set_up(override, 2), larger = set_up(more, 2);
    struct nl_error err;
    char *scratch = scratch_make(), *path = nl_path_join(scratch, "forecast.csv");
    int unlisted;
    ck_assert_msg(nl_times_write(path, &s.grid, seconds, &err) == NL_OK, "%s", err.text);
    double *found = nl_times_read(path, &s.grid, &unlisted, &err);
    ck_assert_msg(found != NULL, "%s", err.text);
    ck_assert_int_eq(unlisted, 0);
    ck_assert_mem_eq(found, seconds, sizeof seconds);
    free(found);

    found = nl_times_read(path, &larger.grid, &unlisted, &err);
    ck_assert_msg(found != NULL, "%s", err.text);
    ck_assert_int_eq(unlisted, 2);
    double cost[6];
    for (int i = 0; i < 6; i++)
        cost[i] = nl_cost_total(nl_trial_cost(&larger.grid.trial[i].config));
    double rate = (seconds[0] + seconds[2] + seconds[3]) / (cost[0] + cost[3] + cost[4]);
    ck_assert(found[0] == seconds[0] && found[1] == seconds[1] && found[3] == seconds[2] && found[4] == seconds[3]);
    ck_assert_double_eq_tol(found[2], rate * cost[2], 1e-9 * found[2]);
    ck_assert_double_eq_tol(found[5], rate * cost[5], 1e-9 * found[5]);
    free(found);

    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char *text = nl_format(wrong[i], s.grid.trial[0].id);
        ck_assert_int_eq(nl_file_write(path, text, strlen(text), &err), NL_OK);
        ck_assert_msg(!nl_times_read(path, &s.grid, &unlisted, &err), "%s", text);
        free(text);
    }
    ck_assert_int_eq(nl_file_write(path, "id,seconds\n", strlen("id,seconds\n"), &err), NL_OK);
    found = nl_times_read(path, &s.grid, &unlisted, &err); /* nothing is listed: the cost itself */
    ck_assert_msg(found && unlisted == 4 && found[1] == nl_cost_total(nl_trial_cost(&s.grid.trial[1].config)), "%d",
                  unlisted);
    free(found);
    free(path);
    scratch_remove(scratch);
    tear_down(&larger);
    tear_down(&s);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("forecast");
    TCase *tests = tcase_create("forecast");
    tcase_add_loop_test(tests, test_outline, 0, sizeof cases / sizeof *cases);
    tcase_add_test(tests, test_cost);
    tcase_add_test(tests, texts_are_evaluated_on_the_way);
    tcase_add_test(tests, test_shards);
    tcase_add_test(tests, test_todo);
    tcase_add_test(tests, test_demand);
    tcase_add_test(tests, test_room);
    tcase_add_test(tests, test_times);
    tcase_add_test(tests, test_shards_by_seconds);
    tcase_add_test(tests, test_finished_trials_tell);
    tcase_add_test(tests, test_times_file);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
