/* Micro-batches: a training, and an evaluation, whose operations are called for some samples at a time, and which makes
 * activations again instead of keeping them, has the bits of one whose operations are called for all. One whose loops
 * are run for some samples at a time adds up gradients of weights in another order: it has the same numbers but for
 * rounding, and its evaluation has the same bits. */
#include <math.h>

#include "config/diagnostics.h"
#include "suite.h"
#include "training.h"

enum { BATCH = 72, STEPS = 3, EVALUATED = 75, WORDS = 8 };

/* micro_bytes are of some samples of 16 x 16 x 16 numbers. */
static const struct net {
    const char *words[WORDS];
    int samples, micro, evaluated;
    int side; /* of images */
} nets[] = {
    {{"model.arch=resnet", "model.depth=8", "norm.kind=none", "train.lr=1e-4"}, 32, 32, 32, 16},
    {{"model.arch=resnet", "model.depth=8", "norm.kind=none", "model.residual=skipinit"}, 32, 32, 32, 16},
    {{"model.arch=resnet", "model.depth=8", "norm.kind=none", "model.residual=nf", "norm.placement=preact"},
     32,
     32,
     32,
     16},
    {{"model.arch=resnet", "model.depth=8", "norm.kind=gn"}, 20, 16, 20, 16},
    {{"model.arch=resnet", "model.depth=8", "norm.kind=ln", "train.clip_norm=1"}, 64, 64, 64, 16},
    {{"model.arch=resnet", "model.depth=8", "norm.kind=in", "device.conv=direct"}, 5, 4, 5, 16},
    {{"model.arch=resnet", "model.depth=8", "norm.kind=rms", "model.width=5", "norm.over=position"}, 7, 22, 22, 16},
    {{"model.arch=resnet", "model.depth=8", "norm.kind=ln", "norm.over=position", "model.width=16"}, 16, 16, 16, 16},
    {{"model.arch=resnet", "model.depth=14", "norm.kind=bn"}, 16, 16, 16, 16},
    {{"model.arch=resnet", "model.depth=14", "norm.kind=bn", "norm.placement=preact", "train.batch=67"},
     32,
     32,
     32,
     16},
    {{"model.arch=resnet", "model.depth=8", "norm.kind=bn", "norm.placement=preact", "model.activation=gelu"},
     20,
     16,
     20,
     16},
    {{"model.arch=resnet", "model.depth=8", "norm.kind=bn", "norm.placement=preact", "model.activation=relu",
      "norm.affine=none"},
     20,
     16,
     20,
     16},
    {{"model.arch=resnet", "model.depth=8", "norm.kind=bn", "model.activation=tanh", "train.batch=17"}, 16, 16, 16, 16},
    {{"model.arch=resnet", "model.depth=8", "norm.kind=bn", "norm.stat_batch=5"}, 16, BATCH, 16, 16},
    {{"model.arch=resnet", "model.depth=8", "norm.kind=bn", "norm.stat_batch=4", "train.clip_norm=1"}, 16, 16, 16, 16},
    {{"model.arch=resnet", "model.depth=8", "norm.kind=bn", "norm.affine=element"}, 16, 16, 16, 16},
    {{"model.arch=resnet", "model.depth=8", "norm.kind=bn", "norm.detach=scale"}, 16, 16, 16, 16},
    {{"model.arch=resnet", "model.depth=8", "norm.kind=brn", "norm.stat_batch=8"}, 16, 16, 16, 16},
    {{"model.arch=resnet", "model.depth=8", "norm.kind=l1bn"}, 16, 16, 16, 16},
    {{"model.arch=cnn", "model.depth=2", "norm.kind=custom", "norm.sets=[samples, channels]"}, 16, 16, 16, 16},
    {{"model.arch=cnn", "model.depth=2", "norm.kind=bn", "train.batch=50"}, 32, 32, 32, 16},
    {{"model.arch=cnn", "model.depth=2", "norm.kind=bn", "model.activation=gelu", "norm.placement=after",
      "model.width=12"},
     32,
     32,
     42,
     16},
    {{"model.arch=cnn", "model.depth=2", "model.activation=gelu", "norm.kind=ln", "norm.affine=element"},
     32,
     32,
     32,
     16},
    {{"model.arch=cnn", "model.depth=6", "model.pool=[1, 2, 3, 4]", "norm.kind=bn", "train.batch=8"},
     16,
     8,
     16,
     16}, /* images of one pixel */
    {{"model.arch=cnn", "model.depth=2", "norm.kind=bn", "model.dropout=0.3", "model.pool=[1]"}, 16, 16, 16, 16},
    {{"model.arch=cnn", "model.depth=2", "norm.kind=gn", "model.dropout=0.3", "model.activation=tanh",
      "train.batch=70"},
     20,
     16,
     20,
     16},
    {{"model.arch=resnet", "model.depth=8", "norm.kind=cbn"}, 16, 16, 16, 16},
    {{"model.arch=cnn", "model.depth=2", "norm.kind=cbn", "norm.history=1", "model.pool=[1]"}, 16, 16, 16, 16},
    {{"model.arch=cnn", "model.depth=2", "norm.kind=none", "model.width=12", "train.lr=1e-3"}, 8, 10, 10, 16},
    {{"model.arch=cnn", "model.depth=2", "norm.kind=dyt", "train.batch=70"}, 20, 16, 20, 16},
    {{"model.arch=resnet", "model.depth=8", "norm.kind=derf", "norm.affine=element"}, 40, 32, 40, 16},
    /* products for each position, in parts twice as large */
    {{"model.arch=transformer", "model.depth=1", "norm.kind=dyt"}, 32, 16, 16, 16},
    {{"model.arch=transformer", "model.depth=1", "norm.kind=ln", "model.activation=gelu", "train.optimizer=adam"},
     24,
     12,
     12,
     16},
    /* Its dw have 256 terms in 16 samples. */
    {{"model.arch=transformer", "model.depth=1", "norm.kind=rms", "model.bias=off", "model.dropout=0.3"}, 4, 32, 32, 4},
};
enum { NETS = sizeof nets / sizeof *nets };

/* Loops over sequences of 16 pixels. Here micro_bytes are of some samples of 16 x 16 numbers. */
static const struct net loops[] = {
    {{"model.arch=lstm", "norm.kind=none", "model.bidirectional=true"}, 32, 16, 16, 4},
    {{"model.arch=lstm", "norm.kind=none", "model.depth=2", "model.dropout=0.3", "norm.weights=wn"}, 64, 32, 32, 4},
    {{"model.arch=gru", "norm.kind=dyt", "model.depth=2"}, 32, 16, 16, 4},
    {{"model.arch=lstm", "norm.kind=ln", "model.depth=2"}, 32, 16, 16, 4},
    {{"model.arch=rnn", "norm.kind=rms"}, 8, 16, 16, 4},
    {{"model.arch=lstm", "norm.kind=bn"}, 32, BATCH, 16, 4},
    /* What the products with the inputs make for all times is more than a MiB: they come at each time. */
    {{"model.arch=lstm", "norm.kind=none", "model.width=64"}, 1024, BATCH, EVALUATED, 4},
};
enum { LOOPS = sizeof loops / sizeof *loops };

static void make(struct training *t, const struct nl_backend *backend, const struct net *net)
{
    const char *words[WORDS + 3] = {"train.batch=72", "model.width=16",
                                    net->side < 16 ? "train.clip_norm=1" : "train.clip_norm=0"};
    int count = 3;
    for (int i = 0; i < WORDS && net->words[i]; i++)
        words[count++] = net->words[i];
    struct nl_experiment experiment;
    struct nl_diagnostics diagnostics = {0};
    ck_assert_msg(nl_experiment_load(NULL, words, count, &experiment, &diagnostics) == NL_OK, "%s",
                  nl_diagnostics_text(&diagnostics));
    *t = (struct training){.config = experiment.config, .evaluated = EVALUATED};
    const char *trouble = training_make(
        t, backend, 2, (struct nl_shape){.height = net->side, .width = net->side, .channels = 3, .classes = 10}, 200);
    ck_assert_msg(!trouble, "%s", trouble);
    training_rates(t);
}

/* tiled: of loops. */
static int samples_at_a_time(const struct nl_program *program, bool tiled)
{
    for (int i = 0; i < program->chains; i++)
        if (program->chain[i].micro > 0 && (program->chain[i].tile > 0) == tiled)
            return program->chain[i].micro;
    return program->capacity;
}

static struct nl_loss_sums evaluate(const struct training *t)
{
    struct nl_run run = {.replicas = t->replicas,
                         .stride = t->plan.stride,
                         .samples = EVALUATED,
                         .statistics = NL_STATS_RUNNING,
                         .sums = t->plan.eval_sums};
    struct nl_pass pass = t->plan.eval;
    pass.gather.index = t->plan.part[0];
    nl_plan_forward(&t->plan, &pass, &run);
    return *(struct nl_loss_sums *)training_place(t, t->plan.eval_sums, 1);
}

START_TEST(some_at_a_time_are_as_all_at_once)
{
    const struct net *net = &nets[_i];
    struct nl_backend parted = nl_backend_cpu, whole = nl_backend_cpu;
    parted.micro_bytes = (size_t)net->samples * 16 * 16 * 16 * sizeof(float);
    whole.micro_bytes = 0;
    struct training a, b;
    make(&a, &parted, net);
    make(&b, &whole, net);
    ck_assert_int_eq(samples_at_a_time(&a.plan.train.program, false), net->micro);
    ck_assert_int_eq(samples_at_a_time(&a.plan.eval.program, false), net->evaluated);
    ck_assert_int_eq(samples_at_a_time(&b.plan.train.program, false), b.config.train.batch);
    ck_assert_int_eq(samples_at_a_time(&b.plan.eval.program, false), EVALUATED);
    for (int64_t step = 0; step < STEPS; step++) {
        training_step(&a, step, 0);
        training_step(&b, step, 0);
        size_t bytes = a.graph.count * sizeof(float);
        for (int r = 0; r < 2; r++)
            ck_assert_msg(
                memcmp(training_place(&a, a.plan.parameters, r), training_place(&b, b.plan.parameters, r), bytes) == 0,
                "parameters of replica %d differ after step %d", r, (int)step);
    }
    struct nl_loss_sums of_parts = evaluate(&a), of_all = evaluate(&b);
    ck_assert_msg(of_all.loss > 0, "a loss of %g", of_all.loss);
    ck_assert_msg(memcmp(&of_parts, &of_all, sizeof of_all) == 0, "a loss of %.17g, of all at once %.17g",
                  of_parts.loss, of_all.loss);
    training_free(&a);
    training_free(&b);
}
END_TEST

static void check_near(const struct training *a, const struct training *b, double bound)
{
    size_t bytes = a->graph.count * sizeof(double);
    double *of_parts = nl_alloc(2, bytes), *of_all = nl_alloc(2, bytes);
    for (int r = 0; r < 2; r++) {
        a->plan.backend->get_reals(of_parts, training_place(a, a->plan.parameters, r), a->graph.count);
        b->plan.backend->get_reals(of_all, training_place(b, b->plan.parameters, r), a->graph.count);
        for (size_t i = 0; i < a->graph.count; i++)
            ck_assert_msg(fabs(of_parts[i] - of_all[i]) <= bound,
                          "replica %d: parameter %zu is %.17g, with all at once %.17g", r, i, of_parts[i], of_all[i]);
    }
    free(of_parts);
    free(of_all);
}

START_TEST(loops_for_some_at_a_time)
{
    const struct net *net = &loops[_i / 2];
    bool exact = _i % 2;
    struct nl_backend parted = exact ? nl_backend_ref : nl_backend_cpu, whole = parted;
    parted.micro_bytes = (size_t)net->samples * 16 * 16 * parted.real;
    whole.micro_bytes = 0;
    struct training a, b;
    make(&a, &parted, net);
    make(&b, &whole, net);
    ck_assert_int_eq(samples_at_a_time(&a.plan.train.program, true), net->micro);
    ck_assert_int_eq(samples_at_a_time(&a.plan.eval.program, true), net->evaluated);
    struct nl_loss_sums of_parts = evaluate(&a), of_all = evaluate(&b);
    ck_assert_msg(of_all.loss > 0 && memcmp(&of_parts, &of_all, sizeof of_all) == 0,
                  "a loss of %.17g, of all at once %.17g", of_parts.loss, of_all.loss);
    for (int64_t step = 0; step < STEPS; step++) {
        training_step(&a, step, 0);
        training_step(&b, step, 0);
    }
    check_near(&a, &b, exact ? 1e-13 : 1e-5);
    training_free(&a);
    training_free(&b);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("microbatch");
    TCase *tc = tcase_create("trainings");
    tcase_add_loop_test(tc, some_at_a_time_are_as_all_at_once, 0, NETS);
    tcase_add_loop_test(tc, loops_for_some_at_a_time, 0, 2 * LOOPS);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
