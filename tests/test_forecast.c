/* What is said of a sweep before it runs is what the trials then do: steps, rows, parameters, memory; and shards, retries and schedules
 * worked out by hand. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
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
    if (nl_experiment_load(NULL, override, count, &s.experiment, &diagnostics) || nl_grid_make(&s.experiment, &s.grid, &diagnostics))
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

/* train.eval_every: auto. Of a text 25 times, or as often as a tenth of the training pays for: a step's work is three passes forward. */
START_TEST(texts_are_evaluated_on_the_way)
{
    static const struct {
        const char *test, *steps;
        int64_t every;
    } of[] = {{"data.test=16", "train.steps=1000", 40}, {"data.test=480", "train.steps=1000", 100}, {"data.test=1600", "train.steps=300", 334}};
    for (int i = 0; i < 3; i++) {
        const char *override[] = {"data.name=text", "model.arch=transformer", "norm.kind=ln", "data.train=1000", "train.batch=16", of[i].test, of[i].steps};
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
        struct nl_step_counts step_counts = nl_trial_step_counts(&s.grid.trial[0].config, nl_data_counts(&s.grid.trial[0].config));
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
    static const char *const override[] = {"norm.kind=bn,ln", "train.batch=1,2,8,64", "train.epochs=1,5", "sweep.seeds=3"};
    struct setting s = set_up(override, 4);
    for (int shards = 1; shards <= 60; shards++) {
        int *shard = nl_shards(&s.grid, shards), *again = nl_shards(&s.grid, shards);
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

static void check_todo(const struct nl_grid *grid, const struct nl_record *record, struct nl_choice choice, const char *expected)
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
        {.present = true, .status = NL_DONE}, {.present = true, .status = NL_DIVERGED}, {.present = true, .status = NL_DEAD},
        {.present = true, .failed = true},    {.present = false},
    };
    check_todo(&s.grid, record, (struct nl_choice){0}, "3 4 ");
    check_todo(&s.grid, record, (struct nl_choice){.retry = 1 << NL_DIVERGED}, "1 3 4 ");
    check_todo(&s.grid, record, (struct nl_choice){.retry = 1 << NL_DEAD | 1 << NL_DIVERGED}, "1 2 3 4 ");
    check_todo(&s.grid, record, (struct nl_choice){.retry = NL_ALL_OUTCOMES}, "0 1 2 3 4 ");
    check_todo(&s.grid, record, (struct nl_choice){.shard = 1, .shards = 2}, "4 "); /* equal costs are dealt in turn: 0 2 4 */
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

/* The longest first, each to the worker that is free first: 5 | 4, 3 to the second, 3 to the first, 3 to the second: 8 | 10. */
START_TEST(test_demand)
{
    struct nl_expected trial[] = {
        {.seconds = 3, .memory = 10, .disk = 1}, {.seconds = 5, .memory = 40, .disk = 1}, {.seconds = 3, .memory = 20, .disk = 1},
        {.seconds = 4, .memory = 5, .disk = 1},  {.seconds = 100, .memory = 900, .disk = 7}, {.seconds = 3, .memory = 30, .disk = 1},
    };
    struct nl_forecast forecast = {.trial = trial, .trials = 6};
    int todo[] = {0, 1, 2, 3, 5};
    struct nl_cohorts cohorts = alone(todo, 5);
    struct nl_demand demand = nl_forecast_demand(&forecast, &cohorts, 2);
    ck_assert(demand.seconds == 10 && demand.work == 18 && demand.memory == 70 && demand.disk == 5 && demand.together == 2);
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
    ck_assert_msg(strstr(err.text, "the results would take about 909495 TiB") && strstr(err.text, "'.' has room for"), "%s", err.text);
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
    static const char *const override[] = {"model.width=8", "data.train=300", "data.test=70", "train.epochs=1", "norm.kind=bn,none",
                                           "train.lr=0.1,1e6", "sweep.seeds=2"};
    struct setting s = set_up(override, 7);
    struct nl_forecast forecast;
    struct nl_error err;
    int todo[] = {0, 1, 2, 3, 4, 5, 6};
    struct nl_cohorts cohorts = nl_cohorts_make(&s.grid, todo, 7, NULL, 0, 2);
    ck_assert_int_eq(s.grid.trials, 8);
    for (double budget = 0.25;; budget *= 4) { /* a slow machine may need more to begin the second shape; of each it takes a quarter */
        ck_assert_msg(nl_forecast_sizes(&s.grid, &forecast, &err) == NL_OK, "%s", err.text);
        ck_assert_msg(nl_forecast_times(&s.grid, &cohorts, budget, &forecast, &err) == NL_OK, "%s", err.text);
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
    ck_assert_msg(nl_forecast_times(&s.grid, &cohorts, 0, &forecast, &err) == NL_OK, "%s", err.text);
    ck_assert_int_eq(forecast.measured, 1);
    for (int i = 0; i < 7; i++)
        ck_assert(forecast.trial[i].seconds > 0);
    nl_forecast_release(&forecast);
    nl_cohorts_release(&cohorts);
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
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
