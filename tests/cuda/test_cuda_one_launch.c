/* Steps of training that are made many in one launch, against the launches of each step, bit for bit, and against ref.
 * Run by the host (tests/host_cuda) and by tests/gpu/run.sh on a device. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "suite.h"
#include "training.h"

enum { STEPS = 12, REPLICAS = 3, SAMPLES = 512 };
#ifdef ON_A_GPU
enum { SMALL = 32 << 10 }; /* bytes that a step works on, and room on every device */
#else
enum { SMALL = 200 << 10 };
#endif

struct net {
    const char *words[8];
    int size, batch; /* height and width of the images */
    bool real;       /* targets, in place of labels */
};

/* All kinds of operations that a block does, in sizes that are multiples of four and in others. */
static const struct net nets[] = {
    {{"model.width=16", "norm.kind=bn", "train.momentum=0.9"}, .size = 4, .batch = 8},
    {{"model.width=64", "norm.kind=bn", "train.momentum=0.9", "train.nesterov=true", "train.weight_decay=0.01"},
     .size = 8,
     .batch = 32},
    {{"model.width=36", "norm.kind=bn", "norm.stat_batch=4", "norm.momentum_schedule=constant"},
     .size = 3,
     .batch = 10},
    {{"model.width=17", "norm.kind=ln", "train.optimizer=adam", "train.clip_norm=0.5"}, .size = 3, .batch = 7},
    {{"model.width=20", "norm.kind=bn", "train.only=[fc2, head]", "train.weight_decay=0.1", "train.clip_norm=0.1"},
     .size = 3,
     .batch = 7},
    {{"model.width=64", "norm.kind=ln", "norm.affine=none", "model.activation=gelu", "train.optimizer=adamw"},
     .size = 4,
     .batch = 8},
    {{"model.width=24", "norm.kind=gn", "norm.groups=4", "train.optimizer=lion", "model.activation=tanh"},
     .size = 4,
     .batch = 5},
    {{"model.width=32", "norm.kind=rms", "model.dropout=0.3", "train.clip_value=0.01", "model.activation=silu"},
     .size = 4,
     .batch = 6},
    {{"model.width=20", "norm.kind=none", "model.depth=3", "model.activation=sigmoid", "train.label_smoothing=0.1"},
     .size = 5,
     .batch = 2},
    {{"model.width=40", "norm.kind=none", "model.depth=1"}, .size = 4, .batch = 128},
    {{"model.width=16", "norm.kind=bn", "train.lr=0.01"}, .size = 4, .batch = 8, .real = true},
#ifndef ON_A_GPU /* there lists of layers cannot be read: gpu/without_yaml.c */
    {{"model.arch=layers", "train.momentum=0.9",
      "model.layers=[{linear: 24}, {residual: [norm, activation, {linear: 24}]}, {residual: [{linear: 24}, {norm: "
      "{kind: ln}}]}, {linear: classes}]"},
     .size = 4,
     .batch = 9},
#endif
};
enum { NETS = sizeof nets / sizeof *nets };

/* What has another way of its own in the launches, or none in a block, and what does not fit. */
static const struct net others[] = {
    {{"model.width=256", "norm.kind=bn"}, .size = 8, .batch = 8},
    {{"model.width=16", "norm.kind=bin"}, .size = 4, .batch = 8},
    {{"model.width=16", "norm.kind=brn"}, .size = 4, .batch = 8},
    {{"model.width=16", "train.optimizer=lars"}, .size = 4, .batch = 8},
    {{"model.width=16", "train.agc=0.1"}, .size = 4, .batch = 8},
    {{"model.width=16", "train.accumulate=2"}, .size = 4, .batch = 8},
    {{"model.width=16", "data.flip=true"}, .size = 4, .batch = 8},
    {{"model.width=16", "norm.kind=none"}, .size = 4, .batch = 200},
    {{"model.arch=cnn", "model.depth=1", "model.width=4"}, .size = 4, .batch = 4},
};
enum { OTHERS = sizeof others / sizeof *others };

static struct training make(const struct nl_backend *backend, const struct net *net, int replicas)
{
    struct training t = {0};
    nl_config_defaults(&t.config);
    t.config.model.depth = 2;
    t.config.model.width = 16;
    t.config.train.lr = 0.05;
    for (int i = 0; i < 8 && net->words[i]; i++) {
        char name[64];
        const char *equals = strchr(net->words[i], '=');
        snprintf(name, sizeof name, "%.*s", (int)(equals - net->words[i]), net->words[i]);
        ck_assert_msg(nl_key_set(nl_key_named(name), &t.config, equals + 1, NULL) == NL_OK, "%s", net->words[i]);
    }
    t.config.train.batch = net->batch;
    struct nl_shape shape = {.height = net->size, .width = net->size, .channels = 1, .classes = 10};
    if (net->real) {
        float *targets = nl_alloc(SAMPLES * 10, sizeof *targets);
        for (int i = 0; i < SAMPLES * 10; i++)
            targets[i] = (float)nl_stream_uniform(nl_stream(2, "targets"), 0, (uint64_t)i);
        shape.target = NL_TARGET_REAL;
        t.row_count = 1;
        t.rows[0] = (struct nl_sample_rows){.input = "targets", .width = 10, .step = 10, .real = true, .at = targets};
    }
    const char *trouble = training_make(&t, backend, replicas, shape, SAMPLES);
    ck_assert_msg(!trouble, "%s: %s", net->words[1], trouble);
    training_rates(&t);
    return t;
}

/* Steps of an epoch. */
static int steps_of(const struct training *t)
{
    int whole = t->view.train_count / (int)t->config.train.batch;
    return whole < STEPS ? whole : STEPS;
}

/* Makes them: `each` in one go, 0: step by step. rates: [replicas][steps], or NULL. */
static void run_steps(struct training *t, int each, const struct nl_hyper *rates)
{
    struct nl_plan *plan = &t->plan;
    const struct nl_backend *backend = plan->backend;
    int steps = steps_of(t), batch = (int)t->config.train.batch;
    nl_epoch_order(&t->view, 1, 0, t->order);
    for (int r = 0; r < t->replicas; r++)
        backend->upload(training_place(t, plan->order, r), t->order, (size_t)t->view.train_count * sizeof *t->order);
    for (int step = 0, next; step < steps; step = next) {
        next = each == 0 ? step + 1 : step + each < steps ? step + each : steps;
        struct nl_run run = {.replicas = t->replicas,
                             .stride = plan->stride,
                             .samples = batch,
                             .step = step,
                             .statistics = NL_STATS_TRAIN,
                             .augment = true,
                             .sums = plan->sums + step};
        plan->train.gather.index = plan->order + step * batch;
        for (int r = 0; rates && r < t->replicas; r++)
            backend->upload(training_place(t, each > 0 ? plan->rates : plan->hyper, r), rates + r * steps + step,
                            (size_t)(next - step) * sizeof *rates);
        if (each > 0)
            nl_plan_steps(plan, &run, rates ? plan->rates : NULL, next - step);
        else
            nl_plan_step(plan, &run);
    }
    struct nl_error err;
    ck_assert_msg(!backend->status || backend->status(&err) == NL_OK, "%s", err.text);
}

/* What outlives a step: all that it works on, and the losses. */
static char *kept_of(const struct training *t, int replica, size_t *bytes)
{
    const struct nl_plan *plan = &t->plan;
    size_t sums = NL_SUMS_RING * sizeof *plan->sums,
           state = plan->state_bytes - (size_t)((char *)plan->hyper - (char *)plan->arena);
    char *all = nl_alloc(sums + state, 1);
    plan->backend->download(all, training_place(t, plan->sums, replica), sums);
    plan->backend->download(all + sums, training_place(t, plan->hyper, replica), state);
    *bytes = sums + state;
    return all;
}

static void check_same(const struct net *net, const struct training *a, int of_a, const struct training *b, int of_b)
{
    size_t bytes, other_bytes;
    char *one = kept_of(a, of_a, &bytes), *other = kept_of(b, of_b, &other_bytes);
    ck_assert(bytes == other_bytes);
    for (size_t i = 0; i < bytes; i++)
        ck_assert_msg(one[i] == other[i], "%s %s: byte %zu of %zu is another", net->words[0], net->words[1], i, bytes);
    free(one);
    free(other);
}

/* Whether the device has room for it; there are some with 64 KiB for a block. */
static bool goes(struct training *t, const struct net *net)
{
    bool goes = nl_plan_has_executable(&t->plan), is_small = t->plan.step_end - (char *)t->plan.hyper < SMALL;
    ck_assert_msg(goes || !is_small, "%s %s: it is launches", net->words[0], net->words[1]);
    return goes;
}

START_TEST(in_one_go_as_step_by_step)
{
    const struct net *net = &nets[_i];
    struct training apart = make(&nl_backend_cuda, net, REPLICAS), together = make(&nl_backend_cuda, net, REPLICAS);
    if (goes(&together, net)) {
        run_steps(&apart, 0, NULL);
        run_steps(&together, 5, NULL);
        for (int r = 0; r < REPLICAS; r++)
            check_same(net, &apart, r, &together, r);
    }
    training_free(&apart);
    training_free(&together);
}
END_TEST

START_TEST(replicas_are_trials_of_their_own)
{
    const struct net *net = &nets[_i];
    struct training together = make(&nl_backend_cuda, net, REPLICAS), alone = make(&nl_backend_cuda, net, 1);
    struct nl_hyper hyper;
    if (goes(&together, net) && goes(&alone, net)) {
        nl_backend_cuda.download(&hyper, training_place(&together, together.plan.hyper, REPLICAS - 1), sizeof hyper);
        nl_backend_cuda.upload(alone.plan.hyper, &hyper, sizeof hyper);
        run_steps(&together, 4, NULL);
        run_steps(&alone, NL_SUMS_RING, NULL);
        check_same(net, &together, REPLICAS - 1, &alone, 0);
    }
    training_free(&together);
    training_free(&alone);
}
END_TEST

START_TEST(losses_are_those_of_ref)
{
    const struct net *net = &nets[_i];
    struct training found = make(&nl_backend_cuda, net, 1), expected = make(&nl_backend_ref, net, 1);
    struct nl_loss_sums sums[STEPS], right[STEPS];
    int steps = goes(&found, net) ? steps_of(&found) : 0;
    if (steps > 0)
        run_steps(&found, STEPS, NULL);
    run_steps(&expected, 0, NULL);
    nl_backend_cuda.download(sums, found.plan.sums, sizeof sums);
    nl_backend_ref.download(right, expected.plan.sums, sizeof right);
    for (int step = 0; step < steps; step++) {
        double bound = HOST_OR_GPU(5e-7, 2e-5) * (1 + step) * fmax(1, right[step].loss); /* measured: 7.5e-8 */
        ck_assert_msg(fabs(sums[step].loss - right[step].loss) <= bound && sums[step].counted == right[step].counted,
                      "%s %s: the loss of step %d is %.9g, ref's %.9g", net->words[0], net->words[1], step,
                      sums[step].loss, right[step].loss);
    }
    training_free(&found);
    training_free(&expected);
}
END_TEST

/* Rates that change from step to step. */
START_TEST(each_step_has_its_rates)
{
    const struct net *net = &nets[0];
    struct training apart = make(&nl_backend_cuda, net, REPLICAS), together = make(&nl_backend_cuda, net, REPLICAS);
    struct nl_hyper rates[REPLICAS][STEPS], first;
    nl_backend_cuda.download(&first, apart.plan.hyper, sizeof first);
    for (int r = 0; r < REPLICAS; r++)
        for (int step = 0; step < STEPS; step++) {
            rates[r][step] = first;
            rates[r][step].lr *= 1 + r - step / (double)STEPS;
            rates[r][step].norm_momentum = 1 / (2.0 + step);
        }
    ck_assert(nl_plan_has_executable(&together.plan) && steps_of(&together) == STEPS);
    run_steps(&apart, 0, rates[0]);
    run_steps(&together, STEPS, rates[0]);
    for (int r = 0; r < REPLICAS; r++)
        check_same(net, &apart, r, &together, r);
    training_free(&apart);
    training_free(&together);
}
END_TEST

START_TEST(others_are_launches)
{
    struct training t = make(&nl_backend_cuda, &others[_i], 1);
    ck_assert_msg(!nl_plan_has_executable(&t.plan), "%s %s", others[_i].words[0], others[_i].words[1]);
    training_free(&t);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("steps in one launch");
    TCase *tests = tcase_create("steps");
    tcase_add_loop_test(tests, in_one_go_as_step_by_step, 0, NETS);
    tcase_add_loop_test(tests, replicas_are_trials_of_their_own, 0, NETS);
    tcase_add_loop_test(tests, losses_are_those_of_ref, 0, NETS);
    tcase_add_test(tests, each_step_has_its_rates);
    tcase_add_loop_test(tests, others_are_launches, 0, OTHERS);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
