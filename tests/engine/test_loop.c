/* Loops over time (graph/loop.h): an LSTM by one is what it is node by node, in all that it computes and keeps; what
 * runs at each time, and what once; and what a loop refuses. test_graph judges its gradients and its memory with those
 * of all networks. */
#include <check.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/random.h"
#include "graph/loop.h"
#include "networks.h"
#include "operation/activate.h"
#include "operation/dropout.h"
#include "operation/linear.h"
#include "operation/normalize.h"
#include "suite.h"
#include "train/evaluate.h"
#include "training.h"

static struct nl_error err;

/* ---- the loop and the network node by node ---- */

static const struct lstm variants[] = {
    {.norm = &nl_norm_ln},
    {.norm = &nl_norm_ln, .reverse = true},
    {.norm = &nl_norm_bn, .statistics = STEPS},
    {.norm = &nl_norm_bn, .statistics = STEPS, .reverse = true},
};
enum { VARIANTS = sizeof variants / sizeof *variants };
static struct lstm built; /* which one `build` builds */

static void build(struct nl_graph *graph)
{
    network_lstm(graph, &built);
}

static const struct network lstm_network = {"lstm", build, 6, 0, false};

static void start_variant(struct running *run, int variant, bool unrolled)
{
    built = variants[variant];
    built.unrolled = unrolled;
    running_start(run, &nl_backend_ref, &lstm_network, MOST_REPLICAS);
}

static void expect_near(const double *found, const double *wanted, size_t count, const char *what)
{
    for (size_t i = 0; i < count; i++)
        ck_assert_msg(fabs(found[i] - wanted[i]) <= 1e-15 * (1 + fabs(wanted[i])), "%s %zu: %.17g, node by node %.17g",
                      what, i, found[i], wanted[i]);
}

/* Losses and gradients of one step. Both are stopped. */
static void expect_same_step(struct running *loop, struct running *judge)
{
    ck_assert_uint_eq(loop->graph.count, judge->graph.count);
    running_step(loop, true);
    running_step(judge, true);
    for (int r = 0; r < MOST_REPLICAS; r++) {
        double losses[2] = {running_loss(loop, r), running_loss(judge, r)};
        double *found = running_get(loop, loop->places.gradients, r, loop->graph.count),
               *wanted = running_get(judge, judge->places.gradients, r, judge->graph.count);
        expect_near(&losses[0], &losses[1], 1, "loss");
        expect_near(found, wanted, loop->graph.count, "gradient");
        free(found);
        free(wanted);
    }
    running_stop(loop);
    running_stop(judge);
}

START_TEST(a_loop_is_the_network_node_by_node)
{
    struct running loop, judge;
    start_variant(&loop, _i, false);
    start_variant(&judge, _i, true);
    expect_same_step(&loop, &judge);
}
END_TEST

/* What stands after the end of a sample's sequence changes no bit of loss and gradients. */
START_TEST(padding_is_not_seen)
{
    const struct network *padded = networks;
    while (strcmp(padded->name, "padded") != 0)
        padded++;
    struct running run;
    running_start(&run, &nl_backend_ref, padded, 1);
    const int32_t *lengths = run.input[0];
    int32_t *x = run.input[1];
    running_step(&run, true);
    double loss = running_loss(&run, 0), *wanted = running_get(&run, run.places.gradients, 0, run.graph.count);
    int behind = 0;
    for (int n = 0; n < run.samples; n++)
        for (int s = lengths[n]; s < STEPS; s++, behind++)
            x[n * STEPS + s] = (x[n * STEPS + s] + 1) % 5;
    ck_assert(behind > 0 && behind < run.samples * STEPS);
    running_step(&run, true);
    double *found = running_get(&run, run.places.gradients, 0, run.graph.count);
    ck_assert(running_loss(&run, 0) == loss && memcmp(found, wanted, run.graph.count * sizeof *found) == 0);
    free(found);
    free(wanted);
    running_stop(&run);
}
END_TEST

static void ids_inside(struct nl_graph *graph)
{
    network_ids(graph, true);
}

static void ids_in_front(struct nl_graph *graph)
{
    network_ids(graph, false);
}

START_TEST(a_loop_takes_ids)
{
    const struct network inside = {"ids inside", ids_inside, 6, 0, false},
                         in_front = {"ids in front", ids_in_front, 6, 0, false};
    struct running loop, judge;
    running_start(&loop, &nl_backend_ref, &inside, MOST_REPLICAS);
    running_start(&judge, &nl_backend_ref, &in_front, MOST_REPLICAS);
    expect_same_step(&loop, &judge);
}
END_TEST

/* The state of that name of the node-by-node network's step `run`, or of the loop: they are made in the order in which
 * they run.
 */
static const struct nl_tensor *state_named(const struct nl_graph *graph, const char *name, int run)
{
    for (int i = 0; i < graph->tensors; i++)
        if (strcmp(graph->tensor[i].spec.name, name) == 0 && run-- == 0)
            return &graph->tensor[i];
    ck_abort_msg("no state %s", name);
}

/* A training's statistics of each time, and what evaluation makes of them. */
START_TEST(statistics_of_each_time_are_those_node_by_node)
{
    const struct nl_backend *backend = &nl_backend_ref;
    struct training loop, judge;
    built = variants[_i];
    network_train(&loop, &lstm_network, backend, NULL);
    built.unrolled = true;
    network_train(&judge, &lstm_network, backend, NULL);
    nl_collect_precise(&loop.plan, &loop.config, loop.view.train_count); /* which the next one forgets */
    for (int step = 0; step < 4; step++) {
        training_step(&loop, step, 0);
        training_step(&judge, step, 0);
    }
    expect_near(loop.plan.parameters, judge.plan.parameters, loop.graph.count, "parameter");
    const char *const names[] = {"running_mean", "running_var"};
    for (int which = 0; which < 2; which++)
        for (int run = 0; run < STEPS; run++) {
            const double *all = nl_tensor_in(&loop.plan, 0, state_named(&loop.graph, names[which], 0));
            expect_near(all + (size_t)run * 4 * WIDTH,
                        nl_tensor_in(&judge.plan, 0, state_named(&judge.graph, names[which], run)), 4 * WIDTH,
                        names[which]);
        }
    nl_collect_precise(&loop.plan, &loop.config, loop.view.train_count);
    nl_collect_precise(&judge.plan, &judge.config, judge.view.train_count);
    for (enum nl_eval eval = 0; eval < NL_NORM_EVALS; eval++) {
        struct nl_score scores[2], wanted[2];
        nl_evaluate(&loop.plan, &loop.config, NL_PART_TRAIN, loop.view.train_count, eval, NULL, scores);
        nl_evaluate(&judge.plan, &judge.config, NL_PART_TRAIN, judge.view.train_count, eval, NULL, wanted);
        expect_near(&scores[0].loss, &wanted[0].loss, 1, "loss of an evaluation");
    }
    training_free(&loop);
    training_free(&judge);
}
END_TEST

START_TEST(times_beyond_the_last_statistics_share_them)
{
    enum { SETS = 3 };
    built = (struct lstm){.norm = &nl_norm_bn, .statistics = SETS};
    struct running run;
    running_start(&run, &nl_backend_ref, &lstm_network, 1);
    running_step(&run, false);
    const struct nl_tensor *updates = state_named(&run.graph, "num_batches_tracked", 0),
                           *mean = state_named(&run.graph, "running_mean", 0);
    ck_assert(updates->spec.dims == 1 && updates->spec.shape[0] == SETS);
    ck_assert(mean->spec.dims == 2 && mean->spec.shape[0] == SETS && mean->spec.shape[1] == 4 * WIDTH);
    const int64_t *counts = run.places.state[updates->offset];
    ck_assert(counts[0] == 1 && counts[1] == 1 && counts[2] == STEPS - 2);
    running_stop(&run);
}
END_TEST

/* ---- batches ---- */

/* What a batch smaller than the capacity leaves depends on its own samples alone. */
START_TEST(a_smaller_batch_has_the_bits_of_a_program_of_its_size)
{
    const struct nl_backend *backend = _i % 2 ? &nl_backend_cpu : &nl_backend_ref;
    struct network network = networks[_i / 2], small = network;
    small.samples = network.samples - 2;
    struct running a, b;
    running_start(&a, backend, &network, 1);
    running_start(&b, backend, &small, 1);
    a.samples = b.samples;
    running_step(&a, true);
    running_step(&b, true);
    ck_assert_msg(memcmp(a.places.gradients, b.places.gradients, a.graph.count * backend->real) == 0, "%s",
                  network.name);
    running_stop(&a);
    running_stop(&b);
}
END_TEST

/* States lie closer together where there is no backward pass. */
START_TEST(evaluation_has_the_logits_of_training)
{
    struct network training = networks[_i], evaluation = training;
    evaluation.evaluates = true;
    struct running a, b;
    running_start(&a, &nl_backend_ref, &training, MOST_REPLICAS);
    running_start(&b, &nl_backend_ref, &evaluation, MOST_REPLICAS);
    running_call(&a, NL_STATS_BATCH, false);
    running_call(&b, NL_STATS_BATCH, false);
    for (int r = 0; r < MOST_REPLICAS; r++)
        ck_assert_msg(running_loss(&a, r) == running_loss(&b, r), "%s: replica %d", training.name, r);
    running_stop(&a);
    running_stop(&b);
}
END_TEST

/* The gradient of a weight is one product over all times, as is what does not depend on a state. The weights of the
 * others are packed before the loop. */
START_TEST(products_over_all_times_are_one)
{
    struct running run;
    running_start(&run, &nl_backend_cpu, &networks[_i], 1);
    int made = 0, at_each_time = 0, packs = 0;
    for (const struct nl_chain *chain = run.program.chain; chain < run.program.chain + run.program.chains; chain++)
        for (int i = chain->first; i < chain->end; i++) {
            const struct nl_instruction *instruction = &run.program.instruction[i];
            packs += !instruction->node && instruction->operation == &nl_linear_operation && chain->times <= 1;
            if (instruction->operation != &nl_linear_operation || !instruction->node ||
                instruction->node->loop == NL_NONE)
                continue;
            bool from_x = strcmp(instruction->node->name, "x") == 0, weight = instruction->d_in[1] != NL_NONE;
            ck_assert(chain->times == (from_x || weight ? 1 : STEPS) &&
                      chain->together == (from_x || weight ? STEPS : 1));
            made += weight;
            at_each_time += chain->times > 1 && instruction->packed != NL_NONE;
        }
    ck_assert_int_eq(made, 2);         /* of x and of h */
    ck_assert_int_eq(at_each_time, 2); /* h forward and back */
    ck_assert_int_eq(packs, 2);
    running_stop(&run);
}
END_TEST

/* ---- what is drawn ---- */

static void dropped(struct nl_graph *graph)
{
    nl_graph_begin(graph);
    int input = nl_graph_add_input(graph, "x", NL_TENSOR_REAL, (struct nl_extent){1, STEPS, CLASSES}, NL_NONE);
    nl_loop_begin(graph, STEPS, false);
    int x = nl_loop_take(graph, input, "take", &err);
    struct nl_new_node drop = {.operation = &nl_dropout_operation,
                               .arguments = &(struct nl_dropout){0},
                               .name = "drop",
                               .in = {x},
                               .inputs = 1};
    int y = nl_graph_add(graph, &drop, &err);
    ck_assert(nl_loop_end(graph, &err) == NL_OK);
    y = nl_loop_collect(graph, y, "collect", &err);
    struct nl_new_node head = {.operation = &nl_linear_operation,
                               .arguments = &(struct nl_linear){.out = CLASSES},
                               .name = "head",
                               .in = {y},
                               .inputs = 1};
    nl_graph_end(graph, nl_graph_add(graph, &head, &err));
}

/* What the loop puts out, after forward. */
static const void *collected_in(const struct running *run)
{
    for (int i = 0; i < run->program.instructions; i++)
        if (run->program.instruction[i].node && strcmp(run->program.instruction[i].node->name, "collect") == 0)
            return run->program.instruction[i].at.out[0];
    ck_abort_msg("nothing is collected");
}

START_TEST(dropout_draws_by_sample_and_time)
{
    enum { SAMPLES = 4 };
    struct running run;
    running_start(&run, _i ? &nl_backend_cpu : &nl_backend_ref,
                  &(struct network){"dropped", dropped, SAMPLES, 0, false}, 1);
    double ones[SAMPLES * STEPS * CLASSES];
    for (size_t i = 0; i < sizeof ones / sizeof *ones; i++)
        ones[i] = 1;
    running_put(&run, run.input[0], 0, ones, SAMPLES * STEPS * CLASSES);
    running_step(&run, false);
    double *found = running_get(&run, collected_in(&run), 0, SAMPLES * STEPS * CLASSES);
    for (int n = 0; n < SAMPLES; n++)
        for (int t = 0; t < STEPS; t++)
            for (int c = 0; c < CLASSES; c++) {
                uint64_t index = ((uint64_t)t << 40) + (uint64_t)(n * CLASSES + c);
                bool left = nl_stream_uniform((struct nl_stream){{0, 0}}, 3, index) >= 0.3;
                ck_assert_msg(fabs(found[(n * STEPS + t) * CLASSES + c] - (left ? 1 / 0.7 : 0)) <= 1e-6,
                              "sample %d, time %d, channel %d", n, t, c);
            }
    free(found);
    running_stop(&run);
}
END_TEST

/* ---- trainings ---- */

enum {
    TRAINED = 4,
    WHOLE = 3
}; /* of the first so many networks, linear layers have all weights, each one of its own */

/* Linear layers of a loop step their weights by themselves, where an optimizer allows it: after all times have taken
 * them. */
START_TEST(weights_that_step_on_the_way_back_are_those_that_step_after_it)
{
    struct training on_the_way, after;
    const char *batch = _i < WHOLE ? "train.batch=6" : "train.batch=2"; /* few rows have a kernel of their own */
    const struct network *network = &networks[_i % WHOLE];
    network_train(&on_the_way, network, &nl_backend_cpu, (const char *[]){batch, NULL});
    network_train(&after, network, &nl_backend_cpu, (const char *[]){batch, "train.clip_value=1e9", NULL});
    ck_assert(on_the_way.plan.update.stepped > 0 && after.plan.update.stepped == 0);
    for (int step = 0; step < TRAINED; step++) {
        training_step(&on_the_way, step, 0);
        training_step(&after, step, 0);
    }
    const float *found = on_the_way.plan.parameters, *wanted = after.plan.parameters;
    for (size_t i = 0; i < after.graph.count; i++)
        ck_assert_msg(fabsf(found[i] - wanted[i]) <= FLT_EPSILON * (1 + fabsf(wanted[i])), "%s: parameter %zu",
                      network->name, i);
    training_free(&on_the_way);
    training_free(&after);
}
END_TEST

static double seen_of(const struct training *t, const char *name)
{
    for (int i = 0; i < t->plan.observers.count; i++)
        if (strcmp(t->plan.observers.at[i].name, name) == 0) {
            ck_assert(t->plan.observed[i].squares > 0 && isfinite(t->plan.observed[i].squares));
            return t->plan.observed[i].elements;
        }
    ck_abort_msg("nobody observes %s", name);
}

/* All times are seen, and what is seen changes nothing. */
START_TEST(a_loop_that_is_observed_has_its_bits)
{
    struct training plain, observed;
    network_train(&plain, &networks[0], _i ? &nl_backend_cpu : &nl_backend_ref, NULL);
    network_train(&observed, &networks[0], _i ? &nl_backend_cpu : &nl_backend_ref,
                  (const char *[]){"log.tensors=[*, grad:*, update:*]", NULL});
    for (int step = 0; step < TRAINED; step++) {
        training_step(&plain, step, 0);
        training_observe(&observed, step, 0);
    }
    ck_assert(memcmp(plain.plan.parameters, observed.plan.parameters, plain.graph.count * plain.plan.backend->real) ==
              0);
    double batch = (double)plain.config.train.batch;
    ck_assert(seen_of(&observed, "gates") == batch * STEPS * 4 * WIDTH &&
              seen_of(&observed, "grad:gates") == batch * STEPS * 4 * WIDTH);
    ck_assert(seen_of(&observed, "grad:h.weight") == 4 * WIDTH * WIDTH &&
              seen_of(&observed, "last h") == batch * WIDTH);
    training_free(&plain);
    training_free(&observed);
}
END_TEST

/* ---- what a loop refuses ---- */

static void expect_refused(bool refused, const char *said)
{
    ck_assert_msg(refused && strstr(err.text, said), "%s", err.text);
}

static int through(struct nl_graph *graph, int x)
{
    struct nl_new_node node = {.operation = &nl_activate_operation,
                               .arguments = &(struct nl_activate){0},
                               .name = "act",
                               .in = {x},
                               .inputs = 1};
    return nl_graph_add(graph, &node, &err);
}

START_TEST(what_cannot_be_a_loop_is_refused)
{
    struct nl_graph graph;
    nl_graph_begin(&graph);
    int input = nl_graph_add_input(&graph, "x", NL_TENSOR_REAL, (struct nl_extent){1, STEPS, CLASSES}, NL_NONE);
    int before = through(&graph, input);
    nl_loop_begin(&graph, STEPS + 1, false);
    expect_refused(nl_loop_take(&graph, input, "take", &err) == NL_NONE,
                   "a sequence of 5 positions is none of 6 times");
    graph.open = NL_NONE;
    nl_loop_begin(&graph, STEPS, false);
    int x = nl_loop_take(&graph, input, "take", &err), h = nl_loop_carry(&graph, input, "h", &err);
    expect_refused(through(&graph, input) == NL_NONE, "'act' takes activations of outside of the loop");
    expect_refused(nl_loop_pass(&graph, h, x, &err) != NL_OK, "a state becomes a value of its own");
    expect_refused(nl_loop_pass(&graph, h, before, &err) != NL_OK, "a state becomes a value of its own");
    expect_refused(nl_loop_pass(&graph, h, through(&graph, x), &err) != NL_OK,
                   "a state becomes a value of its own, of its shape");
    expect_refused(nl_loop_end(&graph, &err) != NL_OK, "state 0 of a loop is not passed on");
    int after = through(&graph, h);
    ck_assert(nl_loop_pass(&graph, h, after, &err) == NL_OK && nl_loop_end(&graph, &err) == NL_OK);
    expect_refused(through(&graph, after) == NL_NONE, "'act' takes activations of the body of the loop");
    nl_graph_release(&graph);
}
END_TEST

int main(void)
{
    enum { LOOPS = 5 }; /* the first networks */
    Suite *suite = suite_create("loop");
    TCase *cases = tcase_create("loops");
    tcase_add_loop_test(cases, a_loop_is_the_network_node_by_node, 0, VARIANTS);
    tcase_add_test(cases, a_loop_takes_ids);
    tcase_add_test(cases, padding_is_not_seen);
    tcase_add_loop_test(cases, statistics_of_each_time_are_those_node_by_node, 2, VARIANTS);
    tcase_add_test(cases, times_beyond_the_last_statistics_share_them);
    tcase_add_loop_test(cases, a_smaller_batch_has_the_bits_of_a_program_of_its_size, 0, 2 * LOOPS);
    tcase_add_loop_test(cases, evaluation_has_the_logits_of_training, 0, LOOPS);
    tcase_add_loop_test(cases, products_over_all_times_are_one, 0, 3);
    tcase_add_loop_test(cases, dropout_draws_by_sample_and_time, 0, 2);
    tcase_add_loop_test(cases, weights_that_step_on_the_way_back_are_those_that_step_after_it, 0, 2 * WHOLE);
    tcase_add_loop_test(cases, a_loop_that_is_observed_has_its_bits, 0, 2);
    tcase_add_test(cases, what_cannot_be_a_loop_is_refused);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
