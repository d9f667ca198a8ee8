/* The graph and its passes, on networks of operations that normlab has not (networks.h): gradients against finite
 * differences, the float reference against the double one, replicas against single ones, micro-batches against whole
 * batches; and memory: what an instruction reads is what was written for it. */
#include <check.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/ref/complex.h"
#include "base/memory.h"
#include "networks.h"
#include "operation/add.h"
#include "operation/conv.h"
#include "operation/cross_entropy.h"
#include "operation/embedding.h"
#include "operation/linear.h"
#include "operation/standardize.h"
#include "operations.h"
#include "shown.h"
#include "suite.h"
#include "train/checkpoint.h"
#include "training.h"

static struct nl_error err;

START_TEST(gradients_are_those_of_differences)
{
    struct running run;
    running_start(&run, &nl_backend_ref, &networks[_i], MOST_REPLICAS);
    running_step(&run, true);
    const double h = 1e-5;
    for (int r = 0; r < MOST_REPLICAS; r++) {
        double *gradient = running_get(&run, run.places.gradients, r, run.graph.count),
               *w = running_get(&run, run.places.parameters, r, run.graph.count);
        for (size_t i = 0; i < run.graph.count; i++) {
            double value = w[i], up, down;
            w[i] = value + h;
            running_put(&run, run.places.parameters, r, w, run.graph.count);
            running_step(&run, false);
            up = running_loss(&run, r);
            w[i] = value - h;
            running_put(&run, run.places.parameters, r, w, run.graph.count);
            running_step(&run, false);
            down = running_loss(&run, r);
            w[i] = value;
            running_put(&run, run.places.parameters, r, w, run.graph.count);
            double found = gradient[i], wanted = (up - down) / (2 * h);
            ck_assert_msg(fabs(found - wanted) <= 1e-8 * (1 + fabs(wanted)),
                          "%s: parameter %zu of replica %d: %.12g, by differences %.12g", networks[_i].name, i, r,
                          found, wanted);
        }
        free(gradient);
        free(w);
    }
    running_stop(&run);
}
END_TEST

/* Whether places of all replicas hold what `wanted` says, to float32's rounding. */
START_TEST(cpu_is_ref_to_rounding)
{
    struct running run, ref;
    running_start(&run, &nl_backend_cpu, &networks[_i], MOST_REPLICAS);
    running_start(&ref, &nl_backend_ref, &networks[_i], MOST_REPLICAS);
    running_step(&run, true);
    running_step(&ref, true);
    for (int r = 0; r < MOST_REPLICAS; r++) {
        double *found = running_get(&run, run.places.gradients, r, run.graph.count),
               *wanted = running_get(&ref, ref.places.gradients, r, ref.graph.count);
        for (size_t i = 0; i < run.graph.count; i++)
            ck_assert_msg(fabs(found[i] - wanted[i]) <= 2e-4 * (1 + fabs(wanted[i])),
                          "%s: gradient %zu of replica %d: %.9g, ref %.9g", networks[_i].name, i, r, found[i],
                          wanted[i]);
        free(found);
        free(wanted);
    }
    running_stop(&run);
    running_stop(&ref);
}
END_TEST

/* Elements of a sample's largest activations. */
static size_t widest(const struct network *network)
{
    struct nl_graph graph;
    size_t most = 0;
    network->build(&graph);
    for (int i = 0; i < graph.values; i++)
        if (graph.value[i].kind == NL_ACTIVATIONS && graph.value[i].count > most)
            most = graph.value[i].count;
    nl_graph_release(&graph);
    ck_assert(!graph.node && graph.nodes == 0); /* as before it was built */
    return most;
}

START_TEST(micro_batches_have_the_bits_of_whole_ones)
{
    struct nl_backend parted = nl_backend_cpu, whole = nl_backend_cpu;
    parted.micro_bytes =
        widest(&networks[_i]) * sizeof(float) * (size_t)(networks[_i].part ? networks[_i].part : networks[_i].samples);
    whole.micro_bytes = 0;
    struct running a, b;
    running_start(&a, &parted, &networks[_i], MOST_REPLICAS);
    running_start(&b, &whole, &networks[_i], MOST_REPLICAS);
    running_step(&a, true);
    running_step(&b, true);
    int part = 0;
    for (int i = 0; i < a.program.chains; i++)
        part = a.program.chain[i].micro > 0 ? a.program.chain[i].micro : part;
    ck_assert_int_eq(part, networks[_i].part);
    for (int r = 0; r < MOST_REPLICAS; r++)
        ck_assert_msg(memcmp(a.places.gradients + (size_t)r * a.stride, b.places.gradients + (size_t)r * b.stride,
                             a.graph.count * sizeof(float)) == 0,
                      "%s: gradients of replica %d", networks[_i].name, r);
    running_stop(&a);
    running_stop(&b);
}
END_TEST

/* The Hessian times a vector, from a complex step, is the difference of gradients along the vector. */
START_TEST(complex_steps_give_hessian_vector_products)
{
    struct running run, ref;
    running_start(&run, &nl_backend_complex, &networks[_i], 1);
    running_start(&ref, &nl_backend_ref, &networks[_i], 1);
    size_t count = run.graph.count;
    const double tiny = 1e-100, h = 1e-5;
    double *direction = nl_alloc(count, sizeof *direction), *w = running_get(&ref, ref.places.parameters, 0, count),
           *moved = nl_alloc(count, sizeof *moved);
    for (size_t i = 0; i < count; i++)
        direction[i] = tiny * drawn("direction", 0, i);
    nl_complex_put_imaginary(run.places.parameters, direction, count);
    running_step(&run, true);
    double *product = nl_alloc(count, sizeof *product), *gradient[2];
    nl_complex_get_imaginary(product, run.places.gradients, count);
    for (int side = 0; side < 2; side++) {
        for (size_t i = 0; i < count; i++)
            moved[i] = w[i] + (side ? -h : h) * drawn("direction", 0, i);
        running_put(&ref, ref.places.parameters, 0, moved, count);
        running_step(&ref, true);
        gradient[side] = running_get(&ref, ref.places.gradients, 0, count);
    }
    for (size_t i = 0; i < count; i++) {
        double found = product[i] / tiny, wanted = (gradient[0][i] - gradient[1][i]) / (2 * h);
        ck_assert_msg(fabs(found - wanted) <= 1e-6 * (1 + fabs(wanted)), "%s: product %zu: %.12g, by differences %.12g",
                      networks[_i].name, i, found, wanted);
    }
    free(direction), free(w), free(moved), free(product), free(gradient[0]), free(gradient[1]);
    running_stop(&run);
    running_stop(&ref);
}
END_TEST

static int never_called(struct nl_error *unused)
{
    (void)unused;
    ck_abort();
}

START_TEST(what_a_device_lacks_is_refused_by_name)
{
    struct nl_backend device = nl_backend_cpu;
    device.name = "gpu";
    device.devices = never_called; /* that there is one says that memory is not the host's */
    struct nl_graph graph;
    struct nl_program program;
    networks[_i].build(&graph);
    const char *name = networks[_i].name;
    bool own = !strcmp(name, "residual mlp") || !strcmp(name, "scaled") || !strcmp(name, "normalizers") ||
               !strcmp(name, "normalizers of a sample") || !strcmp(name, "whitening") || !strcmp(name, "attention") ||
               !strcmp(name, "language") || !strcmp(name, "window of batches");
    int status = nl_program_make(
        &program, &(struct nl_program_setup){.backend = &device, .graph = &graph, .capacity = 2, .trains = true}, &err);
    ck_assert_int_eq(status, own ? NL_OK : NL_FAIL);
    const char *said = strcmp(name, "lstm") == 0 ? "gpu cannot compute 'transpose' (take)" : "gpu cannot compute '";
    ck_assert_msg(own || strstr(err.text, said) == err.text, "%s", err.text);
    nl_program_release(&program);
    nl_graph_release(&graph);
}
END_TEST

/* ---- types and lengths ---- */

static void build(struct nl_graph *graph, const char *name)
{
    for (int i = 0; i < NETWORKS; i++)
        if (strcmp(networks[i].name, name) == 0) {
            networks[i].build(graph);
            return;
        }
    ck_abort_msg("no network '%s'", name);
}

/* Adds the node, which cannot be. */
static void expect_refused(struct nl_graph *graph, const struct nl_operation *operation, const void *arguments,
                           int inputs, const int *in, const char *why)
{
    struct nl_new_node node = {.operation = operation, .arguments = arguments, .name = "it", .inputs = inputs};
    memcpy(node.in, in, (size_t)inputs * sizeof *in);
    ck_assert_int_eq(nl_graph_add(graph, &node, &err), NL_NONE);
    ck_assert_str_eq(err.text, why);
}

START_TEST(wrong_types_are_refused_by_name)
{
    struct nl_graph graph;
    const struct nl_extent one = {1, 1, 1}, four = {1, 4, 1};
    nl_graph_begin(&graph);
    int a = nl_graph_add_input(&graph, "a", NL_TENSOR_INT32, one, NL_NONE),
        b = nl_graph_add_input(&graph, "b", NL_TENSOR_INT32, one, NL_NONE),
        x = nl_graph_add_input(&graph, "x", NL_TENSOR_REAL, four, a),
        y = nl_graph_add_input(&graph, "y", NL_TENSOR_REAL, four, b);
    struct nl_conv conv = {.out = 3, .kernel = 1, .stride = 1};
    int hidden =
        nl_graph_add(&graph,
                     &(struct nl_new_node){
                         .operation = &nl_conv_operation, .arguments = &conv, .name = "fc", .in = {x}, .inputs = 1},
                     &err);
    expect_refused(&graph, &nl_linear_operation, &(struct nl_linear){.out = 2}, 1, (int[]){a},
                   "'it' (linear) takes real numbers, and those of 'a' are int32");
    expect_refused(&graph, &nl_embedding_operation, &(struct nl_embedding){.vocabulary = 2, .channels = 2}, 1,
                   (int[]){hidden}, "'it' (embedding) takes int32 numbers, and those of 'fc' are real");
    expect_refused(&graph, &nl_add_operation, &(struct nl_add){.stride = 1}, 2, (int[]){x, y},
                   "'it' (add) takes sequences of the lengths 'a' and 'b'");
    expect_refused(&graph, &nl_cross_entropy_operation, &(struct nl_cross_entropy){0}, 2, (int[]){x, a},
                   "it has labels for 1 of the logits' 4 positions");
    nl_graph_release(&graph);
}
END_TEST

/* A list of inputs that is shorter than it says. */
START_TEST(an_input_that_is_left_out_is_a_bug)
{
    struct nl_graph graph;
    nl_graph_begin(&graph);
    int x = nl_graph_add_input(&graph, "x", NL_TENSOR_REAL, (struct nl_extent){1, 4, 2}, NL_NONE);
    nl_graph_add(&graph,
                 &(struct nl_new_node){.operation = &nl_add_operation,
                                       .arguments = &(struct nl_add){.stride = 1},
                                       .name = "sum",
                                       .in = {x},
                                       .inputs = 2},
                 &err);
}
END_TEST

START_TEST(lengths_follow_positions)
{
    struct nl_graph graph;
    build(&graph, "language");
    int lengths = nl_graph_input(&graph, "lengths");
    ck_assert_int_ne(lengths, NL_NONE);
    for (int i = 0; i < graph.nodes; i++)
        ck_assert_msg(graph.node[i].outputs == 0 || graph.value[graph.node[i].out[0]].lengths == lengths, "%s",
                      graph.node[i].name);
    ck_assert_int_eq(graph.node[graph.nodes - 1].in[2], lengths);
    nl_graph_release(&graph);
    build(&graph, "attention"); /* a linear layer has one position */
    ck_assert_int_eq(graph.node[graph.nodes - 1].in[2], NL_NONE);
    nl_graph_release(&graph);
}
END_TEST

/* It makes the gradient with which backward begins, and evaluation asks for none. */
START_TEST(the_loss_ends_forward)
{
    for (int trains = 0; trains < 2; trains++) {
        struct nl_graph graph;
        struct nl_program program;
        build(&graph, "language");
        struct nl_program_setup setup = {.backend = &nl_backend_cpu, .graph = &graph, .capacity = 2, .trains = trains};
        ck_assert_msg(nl_program_make(&program, &setup, &err) == NL_OK, "%s", err.text);
        int last = program.chain[program.forward_chains - 1].end - 1;
        ck_assert_ptr_eq(program.instruction[last].operation, &nl_cross_entropy_operation);
        ck_assert_int_eq(program.instruction[last].d_in[0] != NL_NONE, trains);
        ck_assert_int_eq(last < program.instructions - 1, trains);
        if (trains)
            ck_assert_int_eq(program.instruction[last + 1].d_out[0], program.instruction[last].d_in[0]);
        nl_program_release(&program);
        nl_graph_release(&graph);
    }
}
END_TEST

/* There is nothing to see in numbers that are no reals. */
START_TEST(int32_is_not_observed)
{
    struct nl_graph graph;
    struct nl_name_list patterns = {.count = 1, .at = {"*"}};
    build(&graph, "bigram");
    struct nl_observers found = nl_observers_find(&graph, &patterns, 0);
    ck_assert_int_gt(found.count, 0);
    for (int i = 0; i < found.count; i++)
        ck_assert_str_ne(found.at[i].name, "before");
    nl_observers_release(&found);
    nl_graph_release(&graph);
}
END_TEST

/* ---- trainings ---- */

static void take_steps(struct training *t, int first, int end)
{
    for (int step = first; step < end; step++)
        training_step(t, step, 0);
}

static bool is_finite(const struct training *t)
{
    double *values = nl_alloc(t->graph.count, sizeof *values);
    t->plan.backend->get_reals(values, t->plan.parameters, t->graph.count);
    bool finite = true;
    for (size_t i = 0; i < t->graph.count; i++)
        finite &= isfinite(values[i]) != 0;
    free(values);
    return finite;
}

/* Parameters and states. */
static void expect_same_state(const struct training *a, const struct training *b, const char *name)
{
    ck_assert_msg(is_finite(a), "%s", name);
    for (int i = 0; i < a->graph.tensors; i++)
        for (int r = 0; r < 2; r++) {
            const struct nl_tensor *tensor = &a->graph.tensor[i];
            ck_assert_msg(memcmp(nl_tensor_in(&a->plan, r, tensor), nl_tensor_in(&b->plan, r, tensor),
                                 nl_tensor_bytes(&a->plan, tensor)) == 0,
                          "%s: %s of replica %d", name, tensor->name, r);
        }
}

/* The call before the first step, on the batch that the first step will see. Its loss goes to `slot`. */
static void initialize(struct training *t, int slot)
{
    nl_epoch_order(&t->view, 1, 0, t->order);
    for (int r = 0; r < t->replicas; r++)
        t->plan.backend->upload(training_place(t, t->plan.order, r), t->order,
                                (size_t)t->view.train_count * sizeof *t->order);
    t->plan.train.gather.index = t->plan.order;
    struct nl_run run = {.replicas = t->replicas,
                         .stride = t->plan.stride,
                         .samples = (int)t->config.train.batch,
                         .statistics = NL_STATS_BATCH,
                         .augment = true,
                         .sums = t->plan.sums + slot};
    nl_plan_initialize(&t->plan, &run);
}

/* How far the replica's parameters are from `before`. */
static double largest_change(const struct training *t, int replica, const double *before)
{
    double *now = nl_alloc(t->graph.count, sizeof *now), largest = 0;
    t->plan.backend->get_reals(now, training_place(t, t->plan.parameters, replica), t->graph.count);
    for (size_t i = 0; i < t->graph.count; i++)
        largest = fmax(largest, fabs(now[i] - before[i]));
    free(now);
    return largest;
}

static double mean_loss(const struct training *t, int replica, int slot)
{
    const struct nl_loss_sums *sums = training_place(t, t->plan.sums + slot, replica);
    return sums->loss / sums->counted;
}

static int instructions_of(const struct nl_program *program, const struct nl_operation *operation)
{
    int found = 0;
    for (int i = 0; i < program->instructions; i++)
        found += program->instruction[i].operation == operation;
    return found;
}

/* Gains and biases of both layers come from the first batch: a second call finds nothing more to change, and the first
 * step has the loss that the call had. No other program has the operation. */
START_TEST(parameters_are_set_from_the_first_batch)
{
    const struct nl_backend *backend = _i ? &nl_backend_cpu : &nl_backend_ref;
    const double bound = _i ? 1e-5 : 1e-12;
    struct training t;
    const struct network *network = networks;
    while (strcmp(network->name, "initialized") != 0)
        network++;
    network_train(&t, network, backend, (const char *const[]){"model.dropout=0", "log.tensors=*", NULL});
    ck_assert_int_eq(instructions_of(&t.plan.train.first_program, &nl_standardize_operation), 2);
    const struct nl_program *const others[] = {&t.plan.train.program, &t.plan.train.observed_program,
                                               &t.plan.eval.program};
    for (int i = 0; i < 3; i++)
        ck_assert(others[i]->instructions > 0 && instructions_of(others[i], &nl_standardize_operation) == 0);
    double *drawn_ones = nl_alloc(2 * t.graph.count, sizeof *drawn_ones), *set = drawn_ones + t.graph.count;
    backend->get_reals(drawn_ones, t.plan.parameters, t.graph.count);
    initialize(&t, 0);
    for (int r = 0; r < t.replicas; r++)
        ck_assert(largest_change(&t, r, drawn_ones) > 0.1);
    backend->get_reals(set, t.plan.parameters, t.graph.count);
    initialize(&t, 1);
    for (int r = 0; r < t.replicas; r++)
        ck_assert_msg(largest_change(&t, r, set) <= bound, "%g", largest_change(&t, r, set));
    training_step(&t, 0, 2);
    for (int r = 0; r < t.replicas; r++)
        ck_assert(mean_loss(&t, r, 0) > 0 && fabs(mean_loss(&t, r, 2) - mean_loss(&t, r, 0)) <= bound);
    free(drawn_ones);
    training_free(&t);
}
END_TEST

/* Real ones, which the data of trainings have not. */
static bool has_targets(const struct network *network)
{
    struct nl_graph graph;
    network->build(&graph);
    bool has = nl_graph_input(&graph, "targets") != NL_NONE;
    nl_graph_release(&graph);
    return has;
}

/* Both replicas are kept in the middle, and go on in another plan to the bits of a training that was not stopped. */
START_TEST(a_training_goes_on_from_its_middle)
{
    const struct network *network = &networks[_i / 2];
    const struct nl_backend *backend = _i % 2 ? &nl_backend_cpu : &nl_backend_ref;
    enum { MIDDLE = 3, END = 6 };
    if (has_targets(network))
        return;
    struct training whole, first, second;
    network_train(&whole, network, backend, NULL);
    network_train(&first, network, backend, NULL);
    network_train(&second, network, backend, NULL);
    take_steps(&whole, 0, END);
    take_steps(&first, 0, MIDDLE);
    char path[] = "/tmp/normlab_graph_XXXXXX";
    int file = mkstemp(path);
    ck_assert(file >= 0 && close(file) == 0);
    for (int r = 0; r < 2; r++) {
        struct nl_source source = {.config = &first.config, .dataset = &first.dataset};
        struct nl_trial_result result = {.steps = MIDDLE, .samples = MIDDLE * 6}, again = {0};
        struct nl_trial_progress progress = {.first_loss = 1};
        ck_assert_msg(nl_checkpoint_save(&first.plan, r, &source, &progress, &result, path, &err) == NL_OK, "%s",
                      err.text);
        ck_assert_msg(nl_checkpoint_load(&second.plan, r, &source, path, &progress, &again, &err) == NL_OK, "%s",
                      err.text);
        nl_trial_result_release(&again);
    }
    unlink(path);
    memcpy(second.order, first.order,
           (size_t)first.view.train_count * sizeof *first.order); /* of the epoch they are in */
    for (int r = 0; r < 2; r++)
        backend->upload(training_place(&second, second.plan.order, r), second.order,
                        (size_t)second.view.train_count * sizeof *second.order);
    take_steps(&second, MIDDLE, END);
    expect_same_state(&whole, &second, network->name);
    training_free(&whole);
    training_free(&first);
    training_free(&second);
}
END_TEST

/* After each batch of an evaluation the logits, labels and lengths that the loss took are still where it took them,
 * whatever lies in one place, is fused, cut into micro-batches or run time after time. */
START_TEST(an_evaluation_shows_what_is_scored)
{
    enum { SHOWN = 84, REPLICAS = 2 }; /* which is no multiple of the samples at a time */
    const struct network *network = &networks[_i / 2];
    const struct nl_backend *backend = _i % 2 ? &nl_backend_cpu : &nl_backend_ref;
    if (has_targets(network))
        return;
    struct training t;
    network_train(&t, network, backend, NULL);
    take_steps(&t, 0, 3);
    nl_collect_precise(&t.plan, &t.config, SHOWN);
    for (enum nl_eval eval = 0; eval < NL_NORM_EVALS; eval++) {
        struct shown shown[REPLICAS] = {{0}};
        const struct nl_output_reader reader = shown_reader(shown);
        struct nl_score score[REPLICAS], without[REPLICAS];
        nl_evaluate(&t.plan, &t.config, NL_PART_TRAIN, SHOWN, eval, &reader, score);
        nl_evaluate(&t.plan, &t.config, NL_PART_TRAIN, SHOWN, eval, NULL, without);
        ck_assert(memcmp(score, without, sizeof score) == 0);
        for (int r = 0; r < REPLICAS; r++)
            ck_assert_msg(shown_is_scored(&shown[r], SHOWN, score[r], _i % 2 ? 1e-6 : 1e-13),
                          "%s, %s, replica %d: a loss of %.17g and %g right of %g are shown, %.17g and %g are scored",
                          network->name, nl_eval_names[eval], r, shown[r].loss / shown[r].counted, shown[r].right,
                          shown[r].counted, score[r].loss, score[r].accuracy);
    }
    training_free(&t);
}
END_TEST

START_TEST(data_must_have_what_the_network_takes)
{
    static const struct {
        const char *network;
        struct nl_shape shape;
        const char *why;
    } lacks[] = {{"language",
                  {.height = 1, .width = 8, .channels = 1, .classes = 7},
                  "drawn has no 'lengths' (int32, 1 a sample), which the network takes"},
                 {"residual mlp",
                  {.height = 1, .width = 2, .channels = 2, .classes = 4},
                  "drawn has no 'x' (real, 5 a sample), which the network takes"}};
    for (size_t i = 0; i < sizeof lacks / sizeof *lacks; i++) {
        struct training t = {0};
        nl_config_defaults(&t.config);
        build(&t.graph, lacks[i].network);
        ck_assert_str_eq(training_make(&t, &nl_backend_ref, 1, lacks[i].shape, DATA), lacks[i].why);
        training_free(&t);
    }
}
END_TEST

/* ---- memory ---- */

/* To the bytes of a state, each with the buffer that wrote it last, and in which of its places; SUMMED: and something
 * was added to it. */
enum { SUMMED = 1000000 };
struct owner {
    int buffer, place;
};

struct walk {
    const struct running *run;
    struct owner *owner;
    struct nl_run now;
    const struct nl_chain *chain;
    int instruction;
};

static struct owner owner_of(const struct walk *walk, int buffer)
{
    const struct nl_buffer *b = &walk->run->program.buffer[buffer];
    bool one = b->copies == 1 && b->ahead == 0; /* then it holds that of the last time */
    return (struct owner){b->carried ? b->leader : buffer,
                          one ? walk->now.time : b->ahead + (b->copies > 1 ? walk->now.time : 0)};
}

static void write_over(const struct walk *walk, int buffer, const char *place, int added)
{
    if (buffer == NL_NONE)
        return;
    const struct running *run = walk->run;
    const struct nl_buffer *b = &run->program.buffer[buffer];
    struct owner owner = owner_of(walk, buffer);
    size_t at = (size_t)(place - run->memory), size = b->bytes * (size_t)(b->per_sample ? run->samples : 1);
    int places = walk->chain->times > 1 ? 1 : b->copies; /* outside of a loop, all of them */
    for (int p = 0; p < places; p++)
        for (size_t i = 0; i < size; i++)
            walk->owner[at + (size_t)p * size + i] = (struct owner){owner.buffer + added, owner.place + p};
}

/* Two buffers with the same numbers are one to readers. */
static bool is_same(const struct nl_program *program, int a, int b)
{
    bool same = a == b;
    for (int i = 0; i < program->shares; i++)
        same |= program->share[i].same && ((program->share[i].from == a && program->share[i].to == b) ||
                                           (program->share[i].from == b && program->share[i].to == a));
    return same;
}

static void read_from(const struct walk *walk, int buffer, const char *place)
{
    const struct running *run = walk->run;
    if (buffer == NL_NONE || run->program.buffer[buffer].value != NL_NONE)
        return;
    const struct nl_buffer *b = &run->program.buffer[buffer];
    struct owner wanted = owner_of(walk, buffer), found = walk->owner[place - run->memory];
    bool inside = b->loop != NL_NONE || b->carried;
    ck_assert_msg(found.buffer == wanted.buffer + SUMMED || is_same(&run->program, found.buffer, wanted.buffer),
                  "instruction %d (%s) reads buffer %d, but finds %d", walk->instruction,
                  run->program.instruction[walk->instruction].operation->name, wanted.buffer, found.buffer);
    ck_assert_msg(!inside || found.place == wanted.place,
                  "instruction %d (%s) reads place %d of buffer %d, but finds %d", walk->instruction,
                  run->program.instruction[walk->instruction].operation->name, wanted.place, wanted.buffer,
                  found.place);
}

static void walk_over(struct walk *walk, int number)
{
    const struct nl_program *program = &walk->run->program;
    const struct nl_instruction *i = &program->instruction[walk->instruction = number];
    struct nl_operands at = nl_operands_at(program, i, &walk->now, walk->run->samples);
    bool back = number >= program->chain[program->forward_chains].first && i->node && i->d_out[0] != NL_NONE;
    for (int s = 0; s < NL_MOST_SLOTS; s++)
        read_from(walk, i->in[s], at.in[s]);
    for (int o = 0; o < NL_MOST_OUTPUTS && back; o++) {
        read_from(walk, i->d_out[o], at.d_out[o]);
        read_from(walk, i->out[o], at.out[o]);
    }
    for (int s = 0; s < NL_MOST_SAVED && back; s++)
        read_from(walk, i->saved[s], at.saved[s]);
    for (int s = 0; s < NL_MOST_SAVED && !back; s++)
        write_over(walk, i->saved[s], at.saved[s], 0);
    for (int o = 0; o < NL_MOST_OUTPUTS && !back; o++)
        write_over(walk, i->out[o], at.out[o], i->node ? 0 : SUMMED);
    for (int s = 0; s < NL_MOST_SLOTS; s++)
        write_over(walk, i->d_in[s], at.d_in[s], 0);
}

/* Whole batches: the program is walked once, loops for each time, and every byte knows who wrote it. */
START_TEST(what_is_read_is_what_was_written)
{
    struct nl_backend whole = nl_backend_ref;
    struct running run;
    running_start(&run, &whole, &networks[_i], 1);
    struct walk walk = {.run = &run, .owner = nl_alloc(run.stride, sizeof *walk.owner)};
    for (size_t i = 0; i < run.stride; i++)
        walk.owner[i] = (struct owner){NL_NONE, 0};
    for (walk.chain = run.program.chain; walk.chain < run.program.chain + run.program.chains; walk.chain++)
        for (int number = 0; number < (walk.chain->times > 0 ? walk.chain->times : 1); number++) {
            walk.now.time = walk.chain->reverse ? walk.chain->times - 1 - number : number;
            for (int n = walk.chain->first; n < walk.chain->end; n++)
                walk_over(&walk, n);
        }
    free(walk.owner);
    running_stop(&run);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("graph");
    TCase *cases = tcase_create("networks");
    tcase_set_timeout(cases, 120);
    tcase_add_loop_test(cases, gradients_are_those_of_differences, 0, SMALL);
    tcase_add_loop_test(cases, cpu_is_ref_to_rounding, 0, NETWORKS);
    tcase_add_loop_test(cases, micro_batches_have_the_bits_of_whole_ones, 0, NETWORKS);
    tcase_add_loop_test(cases, complex_steps_give_hessian_vector_products, 0, SMALL);
    tcase_add_test(cases, wrong_types_are_refused_by_name);
    tcase_add_test_raise_signal(cases, an_input_that_is_left_out_is_a_bug, SIGABRT);
    tcase_add_test(cases, lengths_follow_positions);
    tcase_add_test(cases, the_loss_ends_forward);
    tcase_add_test(cases, int32_is_not_observed);
    tcase_add_test(cases, data_must_have_what_the_network_takes);
    tcase_add_loop_test(cases, what_a_device_lacks_is_refused_by_name, 0, NETWORKS);
    tcase_add_loop_test(cases, parameters_are_set_from_the_first_batch, 0, 2);
    tcase_add_loop_test(cases, a_training_goes_on_from_its_middle, 0, 2 * NETWORKS);
    tcase_add_loop_test(cases, an_evaluation_shows_what_is_scored, 0, 2 * NETWORKS);
    tcase_add_loop_test(cases, what_is_read_is_what_was_written, 0, NETWORKS);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
