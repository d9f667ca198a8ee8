/* Loops over time on the kernels for a GPU: recurrent networks, some with operations that normlab has not. Run by the
 * host (tests/host_cuda) and by tests/gpu/run.sh on a device. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "backend/replica.h"
#include "graph/loop.h"
#include "networks.h"
#include "on_cuda.h"
#include "operation/activate.h"
#include "operation/add.h"
#include "operation/dropout.h"
#include "operation/linear.h"
#include "operation/mean_pool.h"
#include "operation/normalize.h"
#include "operation/transpose.h"
#include "operation/zero.h"
#include "operations.h"
#include "shown.h"
#include "suite.h"
#include "train/evaluate.h"
#include "training.h"

static struct nl_error err;

/* ---- networks of operations that normlab has ---- */

static int add(struct nl_graph *graph, struct nl_new_node node)
{
    int out = nl_graph_add(graph, &node, &err);
    ck_assert_msg(out != NL_NONE, "%s", err.text);
    return out;
}

/* h = dropout(tanh(BN(u x + w h))), each time with its own statistics, over sequences of different lengths; the head
 * takes the last state and the mean. */
static void build_recurrent(struct nl_graph *graph, bool reverse)
{
    nl_graph_begin(graph);
    int lengths = nl_graph_add_input(graph, "lengths", NL_TENSOR_INT32, (struct nl_extent){1, 1, 1}, NL_NONE);
    int x = nl_graph_add_input(graph, "x", NL_TENSOR_REAL, (struct nl_extent){1, STEPS, 3}, lengths);
    int h0 = add(graph, (struct nl_new_node){.operation = &nl_zero_operation,
                                             .arguments = &(struct nl_zero){.channels = WIDTH},
                                             .name = "h0"});
    nl_loop_begin(graph, STEPS, reverse);
    x = nl_loop_take(graph, x, "take", &err);
    int before = nl_loop_carry(graph, h0, "h", &err);
    struct nl_linear map = {.out = WIDTH};
    int u = add(graph, (struct nl_new_node){
                           .operation = &nl_linear_operation, .arguments = &map, .name = "u", .in = {x}, .inputs = 1});
    int w =
        add(graph, (struct nl_new_node){
                       .operation = &nl_linear_operation, .arguments = &map, .name = "w", .in = {before}, .inputs = 1});
    int sum = add(graph, (struct nl_new_node){.operation = &nl_add_operation,
                                              .arguments = &(struct nl_add){.stride = 1},
                                              .name = "sum",
                                              .in = {u, w},
                                              .inputs = 2});
    struct nl_normalize bn = {.norm = &nl_norm_bn, .affine_count = WIDTH};
    int y = add(graph, (struct nl_new_node){.operation = &nl_normalize_operation,
                                            .arguments = &bn,
                                            .name = "norm",
                                            .in = {sum},
                                            .inputs = 1,
                                            .statistics = 3});
    y = add(graph, (struct nl_new_node){.operation = &nl_activate_operation,
                                        .arguments = &(struct nl_activate){.kind = NL_TANH},
                                        .name = "act",
                                        .in = {y},
                                        .inputs = 1});
    y = add(graph, (struct nl_new_node){.operation = &nl_dropout_operation,
                                        .arguments = &(struct nl_dropout){0},
                                        .name = "drop",
                                        .in = {y},
                                        .inputs = 1});
    ck_assert(nl_loop_pass(graph, before, y, &err) == NL_OK && nl_loop_end(graph, &err) == NL_OK);
    int all = nl_loop_collect(graph, y, "all", &err), last = nl_loop_last(graph, before, "last", &err);
    all = add(graph, (struct nl_new_node){.operation = &nl_mean_pool_operation,
                                          .arguments = &(struct nl_mean_pool){0},
                                          .name = "pool",
                                          .in = {all},
                                          .inputs = 1});
    y = add(graph, (struct nl_new_node){.operation = &nl_add_operation,
                                        .arguments = &(struct nl_add){.stride = 1},
                                        .name = "end",
                                        .in = {all, last},
                                        .inputs = 2});
    map.out = CLASSES;
    nl_graph_end(
        graph,
        add(graph, (struct nl_new_node){
                       .operation = &nl_linear_operation, .arguments = &map, .name = "head", .in = {y}, .inputs = 1}));
}

static void forwards(struct nl_graph *graph)
{
    build_recurrent(graph, false);
}

static void backwards(struct nl_graph *graph)
{
    build_recurrent(graph, true);
}

static const struct network recurrent[] = {{"recurrent", forwards, 6, 0, false},
                                           {"recurrent, in reverse", backwards, 6, 0, false}};
enum { RECURRENT = sizeof recurrent / sizeof *recurrent };

/* ---- and of the tests ---- */

/* A kernel of the reference computes one replica, where those of a GPU compute all. */
static void in_each_replica(const struct nl_operation *operation, nl_kernel_function *function,
                            const struct nl_run *run, const void *arguments)
{
    for (int r = 0; r < run->replicas; r++) {
        const struct nl_run one = nl_run_of(run, r);
        void *moved[NL_MOST_ARGUMENTS / sizeof(void *)];
        memcpy(moved, arguments, operation->arguments);
        for (const struct nl_bound *bound = operation->bound; bound->bytes > 0; bound++)
            for (size_t i = bound->to; i < bound->to + bound->bytes; i += sizeof(void *))
                moved[i / sizeof(void *)] = nl_in_replica(moved[i / sizeof(void *)], (size_t)r * run->stride);
        function(&one, moved);
    }
}

#define KERNELS(name)                                                                                                  \
    static void name##_forward(const struct nl_run *run, const void *arguments)                                        \
    {                                                                                                                  \
        in_each_replica(&name##_operation, name##_operation.reference[NL_ELEMENT_FLOAT]->forward, run, arguments);     \
    }                                                                                                                  \
    static void name##_backward(const struct nl_run *run, const void *arguments)                                       \
    {                                                                                                                  \
        in_each_replica(&name##_operation, name##_operation.reference[NL_ELEMENT_FLOAT]->backward, run, arguments);    \
    }                                                                                                                  \
    static const struct nl_kernel name##_kernel = {.forward = name##_forward, .backward = name##_backward}
KERNELS(slice);
KERNELS(before);
KERNELS(cell);
KERNELS(tied);

static const struct nl_own_kernel of_the_tests[] = {{&slice_operation, &slice_kernel},
                                                    {&before_operation, &before_kernel},
                                                    {&cell_operation, &cell_kernel},
                                                    {&tied_operation, &tied_kernel}};
enum { OF_THE_TESTS = sizeof of_the_tests / sizeof *of_the_tests, MOST = 64 };

static struct nl_own_kernel kernels[MOST];
static struct nl_backend with_tests; /* the kernels for the GPU, and of the tests' operations those of the reference,
                                        which a replay would leave out */

static void make_backend(void)
{
    int count = 0;
    for (; count < OF_THE_TESTS; count++)
        kernels[count] = of_the_tests[count];
    for (const struct nl_own_kernel *own = nl_backends[0]->kernels; own->operation; own++) {
        ck_assert(count + 1 < MOST);
        kernels[count++] = *own;
    }
    with_tests = *nl_backends[0];
    with_tests.kernels = kernels;
    with_tests.replay = NULL;
}

/* Number i of all networks with loops, and of sequences. */
static const struct network *network_with_loops(int i, const struct nl_backend **backend)
{
    static const char *const names[] = {"lstm",     "lstm with bn", "reverse lstm", "bidirectional", "one time",
                                        "padded",   "cells",        "plain lstm",   "row by row",    "attention",
                                        "language", "bigram",       "encoder"};
    *backend = i < RECURRENT ? nl_backends[0] : &with_tests;
    if (i < RECURRENT)
        return &recurrent[i];
    const struct network *network = networks;
    while (strcmp(network->name, names[i - RECURRENT]) != 0)
        network++;
    return network;
}
enum { WITH_LOOPS = RECURRENT + 13 };

/* Measured were at most 2e-7 of a loss, 1.3e-6 of a gradient, and 9e-8 of the losses of a training and its
 * evaluations. */
START_TEST(networks_are_those_of_ref)
{
    const struct nl_backend *backend;
    const struct network *network = network_with_loops(_i, &backend);
    struct running run, ref;
    running_start(&run, backend, network, MOST_REPLICAS);
    running_start(&ref, &nl_backend_ref, network, MOST_REPLICAS);
    running_step(&run, true);
    running_step(&ref, true);
    ck_assert_msg(backend->status(&err) == NL_OK, "%s", err.text);
    for (int r = 0; r < MOST_REPLICAS; r++) {
        double *found = running_get(&run, run.places.gradients, r, run.graph.count),
               *wanted = running_get(&ref, ref.places.gradients, r, ref.graph.count);
        ck_assert(fabs(running_loss(&run, r) - running_loss(&ref, r)) <= HOST_OR_GPU(2e-6, 1e-4));
        for (size_t i = 0; i < run.graph.count; i++)
            ck_assert_msg(fabs(found[i] - wanted[i]) <= HOST_OR_GPU(1e-5, 2e-4) * (1 + fabs(wanted[i])),
                          "%s: gradient %zu of replica %d: %.9g, ref %.9g", network->name, i, r, found[i], wanted[i]);
        free(found);
        free(wanted);
    }
    running_stop(&run);
    running_stop(&ref);
}
END_TEST

/* A replica's bits do not depend on those beside it. */
START_TEST(replicas_are_networks_of_their_own)
{
    const struct nl_backend *backend;
    const struct network *network = network_with_loops(_i, &backend);
    struct running together, alone;
    running_start(&together, backend, network, MOST_REPLICAS);
    running_start(&alone, backend, network, 1);
    running_step(&together, true);
    running_step(&alone, true);
    ck_assert_int_eq(memcmp(together.places.gradients, alone.places.gradients, alone.graph.count * sizeof(float)), 0);
    running_stop(&together);
    running_stop(&alone);
}
END_TEST

/* Statistics of each time, dropout and lengths over several steps, and what evaluation makes of them. */
START_TEST(trainings_are_those_of_ref)
{
    enum { TRAINED = 5, EVALUATED = 84 };
    struct training t, judge;
    double found[TRAINED], wanted[TRAINED];
    const struct nl_backend *backend;
    const struct network *network = network_with_loops(_i, &backend);
    network_train(&t, network, backend, NULL);
    network_train(&judge, network, &nl_backend_ref, NULL);
    training_run(&t, TRAINED, 1, found);
    training_run(&judge, TRAINED, 1, wanted);
    for (int step = 0; step < TRAINED; step++)
        ck_assert_msg(fabs(found[step] - wanted[step]) <= HOST_OR_GPU(1e-6, 1e-4) * (1 + fabs(wanted[step])),
                      "%s: the loss of step %d is %.9g, ref's %.9g", network->name, step, found[step], wanted[step]);
    nl_collect_precise(&t.plan, &t.config, EVALUATED);
    nl_collect_precise(&judge.plan, &judge.config, EVALUATED);
    for (enum nl_eval eval = 0; eval < NL_NORM_EVALS; eval++) {
        struct nl_score score[2], ref[2];
        struct shown shown[2] = {{0}};
        const struct nl_output_reader reader = shown_reader(shown);
        nl_evaluate(&t.plan, &t.config, NL_PART_TRAIN, EVALUATED, eval, &reader, score);
        nl_evaluate(&judge.plan, &judge.config, NL_PART_TRAIN, EVALUATED, eval, NULL, ref);
        ck_assert_msg(fabs(score[1].loss - ref[1].loss) <= HOST_OR_GPU(1e-6, 1e-4) * (1 + ref[1].loss),
                      "%s: evaluation %d says %.9g, ref's %.9g", network->name, eval, score[1].loss, ref[1].loss);
        for (int r = 0; r < 2; r++)
            ck_assert_msg(shown_is_scored(&shown[r], EVALUATED, score[r], HOST_OR_GPU(1e-6, 1e-5)),
                          "%s: evaluation %d of replica %d shows a loss of %.9g, and scores %.9g", network->name, eval,
                          r, shown[r].loss / shown[r].counted, score[r].loss);
    }
    training_free(&t);
    training_free(&judge);
}
END_TEST

/* From samples to times and back, of two replicas. */
START_TEST(ids_are_turned)
{
    enum { SAMPLES = 3, TIMES = 4, CHANNELS = 2, COUNT = SAMPLES * TIMES * CHANNELS };
    const struct nl_backend *backend = nl_backends[0];
    int32_t(*at)[3][COUNT] = backend->alloc(2 * sizeof *at);
    for (int i = 0; i < 2 * COUNT; i++)
        at[i / COUNT][0][i % COUNT] = 1000 + i;
    struct nl_transpose enters = {.times = TIMES, .channels = CHANNELS, .x = at[0][0], .y = at[0][1]},
                        leaves = {.times = TIMES, .channels = CHANNELS, .leaves = true, .x = at[0][1], .y = at[0][2]};
    struct nl_run run = {.replicas = 2, .stride = sizeof at[0], .samples = SAMPLES};
    const struct nl_kernel *kernel = nl_kernel_of(backend, &nl_transpose_int32_operation, &enters);
    kernel->forward(&run, &enters);
    kernel->forward(&run, &leaves);
    for (int r = 0; r < 2; r++) {
        for (int n = 0; n < SAMPLES; n++)
            for (int t = 0; t < TIMES; t++)
                for (int c = 0; c < CHANNELS; c++)
                    ck_assert_int_eq(at[r][1][(t * SAMPLES + n) * CHANNELS + c],
                                     at[r][0][(n * TIMES + t) * CHANNELS + c]);
        ck_assert_int_eq(memcmp(at[r][2], at[r][0], sizeof at[r][0]), 0);
    }
    backend->free(at, 2 * sizeof *at);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cuda loop");
    TCase *cases = tcase_create("loops on cuda");
    tcase_add_checked_fixture(cases, make_backend, NULL);
    tcase_add_loop_test(cases, networks_are_those_of_ref, 0, WITH_LOOPS);
    tcase_add_loop_test(cases, replicas_are_networks_of_their_own, 0, WITH_LOOPS - 1);
    tcase_add_loop_test(cases, trainings_are_those_of_ref, 0, WITH_LOOPS - 1);
    tcase_add_test(cases, ids_are_turned);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
