/* Observers change nothing: a training that is observed has the bits of one that is not, and what they see does not
 * depend on micro-batches or on replicas. A step that is not observed has no instruction of theirs. */
#include <math.h>
#include <stdio.h>

#include "config/diagnostics.h"
#include "operation/activate.h"
#include "operation/linear.h"
#include "suite.h"
#include "training.h"

enum { STEPS = 3, WORDS = 8, REPLICAS = 2, SIZE = 8 };

static const char *const nets[][WORDS] = {
    {"model.arch=mlp", "norm.kind=none"},
    {"model.arch=mlp", "norm.kind=none", "train.batch=1"},
    {"model.arch=mlp", "norm.kind=none", "train.batch=2", "train.momentum=0.9", "train.nesterov=true"},
    {"model.arch=mlp", "norm.kind=bn", "model.dropout=0.3", "train.batch=7", "train.weight_decay=0.01"},
    {"model.arch=mlp", "norm.kind=ln", "train.optimizer=adam"},
    {"model.arch=mlp", "norm.kind=gn", "norm.placement=after", "train.clip_norm=0.1"},
    {"model.arch=mlp", "norm.kind=rms", "model.activation=gelu"},
    {"model.arch=cnn", "norm.kind=none", "model.pool=[1, 2]"},
    {"model.arch=cnn", "norm.kind=bn", "train.batch=50"},
    {"model.arch=cnn", "norm.kind=ln", "model.dropout=0.2", "norm.affine=element"},
    {"model.arch=cnn", "norm.kind=in", "model.activation=tanh", "norm.placement=after"},
    {"model.arch=resnet", "norm.kind=none"},
    {"model.arch=resnet", "norm.kind=bn", "norm.stat_batch=4"},
    {"model.arch=resnet", "norm.kind=bn", "train.batch=67"},
    {"model.arch=resnet", "norm.kind=bn", "norm.placement=preact"},
    {"model.arch=resnet", "norm.kind=gn", "norm.placement=preact", "model.activation=sigmoid"},
    {"model.arch=resnet", "norm.kind=ln", "norm.over=position", "model.dropout=0.2"},
    {"model.arch=transformer", "norm.kind=ln", "model.dropout=0.2", "train.optimizer=adamw"},
    {"model.arch=transformer", "norm.kind=dyt", "norm.placement=peri", "norm.qk=true"},
    {"model.arch=lstm", "norm.kind=ln", "train.optimizer=adam"},
    {"model.arch=lstm", "norm.kind=none", "model.dropout=0.2"},
};
enum { NETS = sizeof nets / sizeof *nets };

/* tensors: "log.tensors=...". t stays where it is: its plan knows places in itself. */
static void make(struct training *t, const struct nl_backend *backend, const char *const *net, const char *tensors,
                 int replicas, int size)
{
    const char *words[WORDS + 5] = {"train.batch=32", "model.width=16", "model.depth=8", "norm.groups=4", tensors};
    int count = 5;
    for (int i = 0; i < WORDS && net[i]; i++)
        words[count++] = net[i];
    struct nl_experiment experiment;
    struct nl_diagnostics diagnostics = {0};
    ck_assert_msg(nl_experiment_load(NULL, words, count, &experiment, &diagnostics) == NL_OK, "%s",
                  nl_diagnostics_text(&diagnostics));
    *t = (struct training){.config = experiment.config};
    t->config.model.depth = t->config.model.arch == NL_RESNET ? 8 : 2;
    const char *trouble = training_make(
        t, backend, replicas, (struct nl_shape){.height = size, .width = size, .channels = 3, .classes = 10}, 128);
    ck_assert_msg(!trouble, "%s", trouble);
    training_rates(t);
}

/* Operations are called for 16 samples of 8 x 8 x 16 numbers at a time. */
static struct nl_backend parted_backend(void)
{
    struct nl_backend parted = nl_backend_cpu;
    parted.micro_bytes = 16 * SIZE * SIZE * 16 * sizeof(float);
    return parted;
}

static void check_same_parameters(const struct training *a, const struct training *b, int64_t step)
{
    size_t bytes = a->graph.count * a->plan.backend->real;
    for (int r = 0; r < a->replicas; r++)
        ck_assert_msg(
            memcmp(training_place(a, a->plan.parameters, r), training_place(b, b->plan.parameters, r), bytes) == 0,
            "parameters of replica %d differ after step %d", r, (int)step);
}

static void check_same_bits(const struct nl_backend *backend, const char *const *net, const char *tensors, int size)
{
    struct training plain, observed;
    make(&plain, backend, net, "log.tensors=[]", REPLICAS, size);
    make(&observed, backend, net, tensors, REPLICAS, size);
    ck_assert_int_gt(observed.plan.observers.count, 0);
    for (int64_t step = 0; step < STEPS; step++) {
        training_step(&plain, step, 0);
        training_observe(&observed, step, 0);
        check_same_parameters(&plain, &observed, step);
    }
    const struct nl_loss_sums *loss = plain.plan.sums, *other = observed.plan.sums;
    ck_assert(loss->loss > 0 && memcmp(loss, other, sizeof *loss) == 0);
    training_free(&plain);
    training_free(&observed);
}

/* All at once forbids every fusion; one at a time leaves the others their own. */
START_TEST(observed_trainings_have_the_same_bits)
{
    static const char *const tensors[] = {
        "log.tensors=*,grad:*,update:*", "log.tensors=act1,*.act1,norm*,*.norm*,*.ln_1,rnn.cell*",
        "log.tensors=grad:act*,grad:*.act*,grad:rnn.norm*,grad:rnn.ih*",
        "log.tensors=conv*,*.conv*,fc*,*.add,grad:*.weight", "log.tensors=update:*.weight,head"};
    struct nl_backend parted = parted_backend();
    for (size_t i = 0; i < sizeof tensors / sizeof *tensors; i++)
        check_same_bits(&parted, nets[_i], tensors[i], SIZE);
}
END_TEST

START_TEST(on_the_reference_too)
{
    check_same_bits(&nl_backend_ref, nets[_i], "log.tensors=*,grad:*,update:*", 6);
}
END_TEST

static void check_same_sight(const struct training *a, int of, const struct training *b, int with)
{
    const struct nl_observed *x = training_place(a, a->plan.observed, of),
                             *y = training_place(b, b->plan.observed, with);
    for (int i = 0; i < a->plan.observers.count; i++) {
        const char *name = a->plan.observers.at[i].name;
        ck_assert_str_eq(name, b->plan.observers.at[i].name);
        if (a->plan.observers.at[i].state != NL_NONE)
            continue; /* is read when the step is done (test_golden_observe) */
        ck_assert_msg(x[i].elements > 0 && memcmp(&x[i], &y[i], sizeof x[i]) == 0, "%s: a sum of %.17g, not %.17g",
                      name, x[i].sum, y[i].sum);
    }
}

START_TEST(micro_batches_and_replicas_do_not_show)
{
    struct nl_backend parted = parted_backend(), whole = nl_backend_cpu;
    whole.micro_bytes = 0;
    const char *const tensors = "log.tensors=*,grad:*,update:*";
    struct training a, b;
    make(&a, &parted, nets[_i], tensors, REPLICAS, SIZE);
    make(&b, &whole, nets[_i], tensors, 1, SIZE);
    for (int64_t step = 0; step < STEPS; step++) {
        training_observe(&a, step, 0);
        training_observe(&b, step, 0);
        check_same_sight(&a, 0, &b, 0);
    }
    training_free(&a);
    training_free(&b);
}
END_TEST

/* Linear layers that step their weights in backward leave no gradient of them: it is made for the observer. */
START_TEST(gradients_of_weights_that_backward_steps)
{
    static const char *const net[][WORDS] = {{"model.arch=mlp", "norm.kind=none", "train.batch=1"},
                                             {"model.arch=mlp", "norm.kind=none", "train.batch=2"},
                                             {"model.arch=mlp", "norm.kind=ln", "train.batch=8"},
                                             {"model.arch=mlp", "norm.kind=bn", "train.batch=64"}};
    struct nl_backend apart = nl_backend_cpu;
    apart.steps_weights = false;
    struct training a, b;
    make(&a, &nl_backend_cpu, net[_i], "log.tensors=grad:*.weight", 1, SIZE);
    make(&b, &apart, net[_i], "log.tensors=grad:*.weight", 1, SIZE);
    ck_assert(a.plan.update.stepped > 0 && b.plan.update.stepped == 0);
    training_observe(&a, 0, 0);
    training_observe(&b, 0, 0);
    for (int i = 0; i < a.plan.observers.count; i++) {
        double got = sqrt(a.plan.observed[i].squares), want = sqrt(b.plan.observed[i].squares);
        ck_assert_msg(want > 0 && fabs(got - want) <= 1e-5 * want, "%s: a norm of %.9g, not %.9g",
                      a.plan.observers.at[i].name, got, want);
    }
    training_free(&a);
    training_free(&b);
}
END_TEST

/* ---- programs ---- */

static int instructions_of(const struct nl_program *program, const struct nl_operation *operation)
{
    int count = 0;
    for (int i = 0; i < program->instructions; i++)
        count += program->instruction[i].operation == operation;
    return count;
}

START_TEST(steps_that_are_not_logged_cost_nothing)
{
    struct training plain, observed;
    make(&plain, &nl_backend_cpu, nets[_i], "log.tensors=[]", 1, SIZE);
    make(&observed, &nl_backend_cpu, nets[_i], "log.tensors=*", 1, SIZE);
    const struct nl_program *program = &observed.plan.train.program;
    ck_assert_int_eq(plain.plan.train.observed_program.instructions, 0);
    ck_assert_int_eq(program->instructions, plain.plan.train.program.instructions);
    ck_assert_int_eq(program->chains, plain.plan.train.program.chains);
    for (int i = 0; i < program->instructions; i++)
        ck_assert(program->instruction[i].call == plain.plan.train.program.instruction[i].call);
    ck_assert_int_eq(instructions_of(program, &nl_observe_operation), 0);
    int values = 0;
    for (int i = 0; i < observed.plan.observers.count; i++)
        values += observed.plan.observers.at[i].value != NL_NONE;
    ck_assert_int_eq(instructions_of(&observed.plan.train.observed_program, &nl_observe_operation), values);
    training_free(&plain);
    training_free(&observed);
}
END_TEST

/* ---- names ---- */

static int matches(const struct nl_graph *graph, const char *patterns)
{
    struct nl_config config;
    struct nl_error err;
    ck_assert_msg(nl_key_set(nl_key_named("log.tensors"), &config, patterns, &err) == NL_OK, "%s", err.text);
    struct nl_observers found = nl_observers_find(graph, &config.log.tensors, 0);
    int count = found.count;
    nl_observers_release(&found);
    return count;
}

/* The names of what a network observes for these groups, one after the other, each followed by a blank. */
static char *named_by(const char *const *net, const char *groups)
{
    struct training t;
    make(&t, &nl_backend_cpu, net, groups, 1, SIZE);
    struct nl_text out = {0};
    for (int i = 0; i < t.plan.observers.count; i++)
        nl_text_add(&out, "%s ", t.plan.observers.at[i].name);
    training_free(&t);
    return out.at;
}

START_TEST(groups_of_tensors)
{
    static const char *const mlp[WORDS] = {"model.arch=mlp", "norm.kind=bn"},
                             *const ws[WORDS] = {"model.arch=cnn", "norm.kind=switch", "norm.weights=ws"};
    static const struct {
        const char *const *net;
        const char *groups, *names;
    } cases[] = {
        {mlp, "log.layers=activations", "fc1 fc2 head "},
        {mlp, "log.layers=[gradients]", "grad:fc1.weight grad:fc2.weight grad:head.weight "},
        {mlp, "log.layers=updates", "update:fc1.weight update:fc2.weight update:head.weight "},
        {mlp, "log.layers=normalizers",
         "norm1.weight norm1.bias norm2.weight norm2.bias norm1.running_mean norm1.running_var norm2.running_mean "
         "norm2.running_var "},
        {mlp, "log.layers=updates,activations", "fc1 fc2 head update:fc1.weight update:fc2.weight update:head.weight "},
        {ws, "log.layers=activations", "conv1 conv2 head "},
        {mlp, "log.layers=distributions",
         "distribution:fc1 distribution:fc2 distribution:head units:fc1 units:fc2 units:head drift:norm1 drift:norm2 "},
        {mlp, "log.layers=representations",
         "samples:fc1 samples:fc2 samples:head covariance:fc1 covariance:fc2 covariance:head "},
        {mlp, "log.layers=propagation",
         "jacobian:fc1 jacobian:fc2 jacobian:head grad64:fc1.weight grad64:fc2.weight grad64:head.weight "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *names = named_by(cases[i].net, cases[i].groups);
        ck_assert_str_eq(names, cases[i].names);
        free(names);
    }
    char *shares = named_by(ws, "log.layers=normalizers");
    ck_assert_msg(strstr(shares, "norm1.mean_weight ") && strstr(shares, "norm1.var_weight "), "%s", shares);
    free(shares);
}
END_TEST

START_TEST(patterns)
{
    static const char *const net[WORDS] = {"model.arch=resnet", "norm.kind=bn"};
    struct training t;
    make(&t, &nl_backend_cpu, net, "log.tensors=[]", 1, SIZE);
    ck_assert_int_eq(matches(&t.graph, "[]"), 0);
    ck_assert_int_eq(matches(&t.graph, "norm1"), 1);
    ck_assert_int_eq(matches(&t.graph, "layer?.0.norm1"), 3);
    ck_assert_int_eq(matches(&t.graph, "*norm1"), 4);
    ck_assert_int_eq(matches(&t.graph, "grad:*.norm1"), 3);
    ck_assert_int_eq(matches(&t.graph, "conv1,conv1*"), 2); /* and its weight */
    ck_assert_int_eq(matches(&t.graph, "update:*.conv1.weight, update:*.conv1.weight*"), 3);
    ck_assert_int_eq(matches(&t.graph, "update:norm1"), 0);
    ck_assert_int_eq(matches(&t.graph, "grad:norm"), 0);
    int all = t.graph.nodes - 1 /* the loss has no output */, running = 0;
    for (int i = 0; i < t.graph.tensors; i++) {
        all += nl_is_parameter(t.graph.tensor[i].spec.role);
        running += t.graph.tensor[i].spec.role == NL_RUNNING;
    }
    ck_assert_int_eq(matches(&t.graph, "*"), all + running);
    ck_assert_int_eq(matches(&t.graph, "*.running_var"), running / 2);
    ck_assert_int_eq(matches(&t.graph, "grad:*"), all);
    char *near = nl_observers_near(&t.graph, "update:layer1.0.conv1.wieght"),
         *inside = nl_observers_near(&t.graph, "*.norm7"), *within = nl_observers_near(&t.graph, "grad:pool");
    ck_assert_str_eq(near, "'update:layer1.0.conv1.weight'");
    ck_assert_ptr_nonnull(strstr(inside, "norm"));
    ck_assert_ptr_nonnull(strstr(within, "avgpool"));
    free(near);
    free(inside);
    free(within);
    training_free(&t);
}
END_TEST

/* What the loss does not depend on has no gradient, nor has what depends on no parameter. */
START_TEST(only_gradients_that_there_are)
{
    struct nl_graph graph;
    struct nl_error err;
    nl_graph_begin(&graph);
    int x = nl_graph_add_input(&graph, "x", NL_TENSOR_REAL, (struct nl_extent){2, 2, 1}, NL_NONE);
    struct nl_activate relu = {.kind = NL_RELU};
    struct nl_linear linear = {.out = 3};
    int first = nl_graph_add(
        &graph,
        &(struct nl_new_node){
            .operation = &nl_activate_operation, .arguments = &relu, .name = "before", .in = {x}, .inputs = 1},
        &err);
    int logits = nl_graph_add(
        &graph,
        &(struct nl_new_node){
            .operation = &nl_linear_operation, .arguments = &linear, .name = "head", .in = {first}, .inputs = 1},
        &err);
    nl_graph_add(
        &graph,
        &(struct nl_new_node){
            .operation = &nl_linear_operation, .arguments = &linear, .name = "aside", .in = {first}, .inputs = 1},
        &err);
    nl_graph_end(&graph, logits);
    ck_assert_int_eq(matches(&graph, "before,head,aside"), 3);
    ck_assert_int_eq(matches(&graph, "grad:before"), 0);
    ck_assert_int_eq(matches(&graph, "grad:aside*"), 0);
    ck_assert_int_eq(matches(&graph, "grad:head*"), 3);
    nl_graph_release(&graph);
}
END_TEST

static double parameter_at(const struct training *t, const char *tensor, size_t element)
{
    const struct nl_backend *backend = t->plan.backend;
    for (int i = 0; i < t->graph.tensors; i++)
        if (strcmp(t->graph.tensor[i].name, tensor) == 0) {
            double value;
            size_t at = (t->graph.tensor[i].offset + element) * backend->real;
            backend->get_reals(&value, (const char *)training_place(t, t->plan.parameters, 0) + at, 1);
            return value;
        }
    return NAN;
}

/* What switch has learned of instance, layer and batch: each number by itself. */
START_TEST(elements_that_have_names)
{
    static const char *const net[WORDS] = {"model.arch=cnn", "norm.kind=switch"}, *const names[] = {"in", "ln", "bn"};
    const struct nl_backend *const backends[] = {&nl_backend_ref, &nl_backend_cpu};
    struct training t;
    make(&t, backends[_i], net, "log.tensors=norm2.mean_weight.*", 1, SIZE);
    ck_assert_int_eq(t.plan.observers.count, 3);
    training_observe(&t, 0, 0);
    double before[3];
    for (size_t k = 0; k < 3; k++)
        before[k] = parameter_at(&t, "norm2.mean_weight", k);
    ck_assert(before[0] != before[1] && before[1] != before[2]);
    training_observe(&t, 1, 0);
    const struct nl_observed *seen = training_place(&t, t.plan.observed, 0);
    for (size_t k = 0; k < 3; k++) {
        char name[32];
        snprintf(name, sizeof name, "norm2.mean_weight.%s", names[k]);
        ck_assert_str_eq(t.plan.observers.at[k].name, name);
        ck_assert_double_eq(seen[k].elements, 1);
        ck_assert_double_eq(seen[k].sum, before[k]);
    }
    ck_assert_int_eq(matches(&t.graph, "norm2.mean_weight,norm2.mean_weight.bn,norm2.var_weight.ln"), 3);
    ck_assert_int_eq(matches(&t.graph, "update:norm2.mean_weight.bn"), 0);
    training_free(&t);
}
END_TEST

/* ---- sums ---- */

/* Far from zero a sum of squares has no digits left for the deviation. */
START_TEST(deviations_keep_their_digits)
{
    enum { ROWS = 3, COUNT = 100 };
    float x[ROWS * COUNT], *third = x + 2 * COUNT;
    for (int i = 0; i < ROWS * COUNT; i++)
        x[i] = 1e6f + (float)(i % 2);
    third[7] = 0;
    struct nl_observed seen;
    struct nl_observe observe = {.count = COUNT, .per_sample = true, .x = x, .seen = &seen};
    struct nl_run run = {.replicas = 1, .samples = 2};
    nl_kernel_of(&nl_backend_cpu, &nl_observe_operation, &observe)->forward(&run, &observe);
    ck_assert_double_eq(seen.elements, 200);
    ck_assert_double_eq(seen.deviations, 200 * 0.25);
    ck_assert_double_eq(seen.zeros, 0);
    run = (struct nl_run){.replicas = 1, .samples = 1, .first = 2, .batch = 3};
    observe.x = third;
    nl_kernel_of(&nl_backend_cpu, &nl_observe_operation, &observe)->forward(&run, &observe);
    ck_assert_double_eq(seen.elements, 300);
    ck_assert_double_eq(seen.zeros, 1);
    observe.x = observe.before = third;
    observe.per_sample = false;
    run.first = 0;
    nl_kernel_of(&nl_backend_cpu, &nl_observe_operation, &observe)->forward(&run, &observe);
    ck_assert_double_eq(seen.elements, 100);
    ck_assert_double_eq(seen.zeros, 100);
}
END_TEST

/* What is seen of a row, by its definition. before: NULL, or what is subtracted. */
static struct nl_observed defined(size_t count, const double *x, const double *before)
{
    struct nl_observed seen = nl_unseen();
    seen.elements = (double)count;
    for (size_t i = 0; i < count; i++) {
        double value = before ? x[i] - before[i] : x[i];
        seen.sum += value;
        seen.squares += value * value;
        seen.zeros += value == 0;
        seen.least = fmin(seen.least, value);
        seen.most = fmax(seen.most, value);
        seen.weight += before ? before[i] * before[i] : 0;
        seen.along += before ? before[i] * value : 0;
    }
    for (size_t i = 0; i < count; i++) {
        double value = before ? x[i] - before[i] : x[i], deviation = value - seen.sum / (double)count;
        seen.deviations += pow(deviation, 2);
        seen.cubes += pow(deviation, 3);
        seen.fourths += pow(deviation, 4);
        seen.across += before ? pow(value - seen.along / seen.weight * before[i], 2) : 0;
    }
    return seen;
}

static void check_seen(const struct nl_observed *found, const struct nl_observed *want, const char *what)
{
    const double *got = (const double *)found, *expected = (const double *)want;
    for (size_t i = 0; i < sizeof *found / sizeof(double); i++)
        ck_assert_msg(isnan(expected[i]) ? isnan(got[i])
                                         : fabs(got[i] - expected[i]) <= 1e-13 * (fabs(expected[i]) + want->elements),
                      "%s: number %zu is %.17g, not %.17g", what, i, got[i], expected[i]);
}

/* Rows of different means and spreads, in one and in two calls, and parts of a change: what joins them knows no more
 * than their sums. */
START_TEST(parts_see_what_the_whole_does)
{
    enum { ROWS = 5, COUNT = 61, ALL = ROWS * COUNT };
    static double x[ALL], before[ALL];
    static float of_cpu[ALL], before_of_cpu[ALL];
    for (int i = 0; i < ALL; i++) {
        double u = sin(12.9898 * i) + sin(78.233 * i);
        of_cpu[i] = i % 11 == 0 ? 0 : (float)(u * (1 + i / COUNT) + i / COUNT);
        before_of_cpu[i] = (float)(0.5 + i % 7);
        x[i] = of_cpu[i];
        before[i] = before_of_cpu[i];
    }
    struct nl_observed whole = defined(ALL, x, NULL), seen;
    for (int split = 0; split < ROWS; split++)
        for (int b = 0; b < 2; b++) {
            const struct nl_backend *backend = b ? &nl_backend_cpu : &nl_backend_ref;
            for (int part = 0; part < 2; part++) {
                int first = part ? split : 0;
                struct nl_observe observe = {.count = COUNT, .per_sample = true, .seen = &seen};
                observe.x = b ? (const void *)(of_cpu + first * COUNT) : (const void *)(x + first * COUNT);
                const struct nl_run run = {
                    .replicas = 1, .samples = part ? ROWS - split : split, .first = first, .batch = ROWS};
                nl_kernel_of(backend, &nl_observe_operation, &observe)->forward(&run, &observe);
            }
            check_seen(&seen, &whole, backend->name);
            const struct nl_run run = {.replicas = 1, .samples = 1, .batch = 1};
            struct nl_observe change = {.count = ALL, .seen = &seen};
            change.x = b ? (const void *)of_cpu : (const void *)x;
            change.before = b ? (const void *)before_of_cpu : (const void *)before;
            nl_kernel_of(backend, &nl_observe_operation, &change)->forward(&run, &change);
            struct nl_observed of_change = defined(ALL, x, before);
            check_seen(&seen, &of_change, "a change");
        }
    for (size_t first = 1; first < ALL; first += 37) {
        struct nl_observed a = defined(first, x, before), rest = defined(ALL - first, x + first, before + first),
                           both = nl_seen_together(a, rest), of_change = defined(ALL, x, before);
        check_seen(&both, &of_change, "two parts of a change");
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("observe");
    TCase *tc = tcase_create("observers");
    tcase_add_loop_test(tc, observed_trainings_have_the_same_bits, 0, NETS);
    tcase_add_loop_test(tc, on_the_reference_too, 0, NETS);
    tcase_add_loop_test(tc, micro_batches_and_replicas_do_not_show, 0, NETS);
    tcase_add_loop_test(tc, gradients_of_weights_that_backward_steps, 0, 4);
    tcase_add_loop_test(tc, steps_that_are_not_logged_cost_nothing, 0, NETS);
    tcase_add_test(tc, patterns);
    tcase_add_test(tc, groups_of_tensors);
    tcase_add_test(tc, only_gradients_that_there_are);
    tcase_add_loop_test(tc, elements_that_have_names, 0, 2);
    tcase_add_test(tc, deviations_keep_their_digits);
    tcase_add_test(tc, parts_see_what_the_whole_does);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
