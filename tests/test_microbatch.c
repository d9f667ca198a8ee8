/* Micro-batches: a training, and an evaluation, whose operations are called for some samples at a time, and which makes activations again instead of
 * keeping them, has the bits of one whose operations are called for all. */
#include "config/diagnostics.h"
#include "suite.h"
#include "training.h"

enum { BATCH = 72, STEPS = 3, EVALUATED = 75, WORDS = 8 };

/* micro_bytes are of some samples of 16 x 16 x 16 numbers. */
static const struct net {
    const char *words[WORDS];
    int samples, micro, evaluated;
} nets[] = {
    {{"model.arch=resnet", "model.depth=8", "norm.kind=none", "train.lr=1e-4"}, 32, 32, 32},
    {{"model.arch=resnet", "model.depth=8", "norm.kind=none", "model.residual=skipinit"}, 32, 32, 32},
    {{"model.arch=resnet", "model.depth=8", "norm.kind=none", "model.residual=nf", "norm.placement=preact"}, 32, 32, 32},
    {{"model.arch=resnet", "model.depth=8", "norm.kind=gn"}, 20, 16, 20},
    {{"model.arch=resnet", "model.depth=8", "norm.kind=ln", "train.clip_norm=1"}, 64, 64, 64},
    {{"model.arch=resnet", "model.depth=8", "norm.kind=in", "device.conv=direct"}, 5, 4, 5},
    {{"model.arch=resnet", "model.depth=8", "norm.kind=rms", "model.width=5", "norm.over=position"}, 7, 22, 22},
    {{"model.arch=resnet", "model.depth=8", "norm.kind=ln", "norm.over=position", "model.width=16"}, 16, 16, 16},
    {{"model.arch=resnet", "model.depth=14", "norm.kind=bn"}, 16, 16, 16},
    {{"model.arch=resnet", "model.depth=14", "norm.kind=bn", "norm.placement=preact", "train.batch=67"}, 32, 32, 32},
    {{"model.arch=resnet", "model.depth=8", "norm.kind=bn", "norm.placement=preact", "model.activation=gelu"}, 20, 16, 20},
    {{"model.arch=resnet", "model.depth=8", "norm.kind=bn", "norm.placement=preact", "model.activation=relu", "norm.affine=none"}, 20, 16, 20},
    {{"model.arch=resnet", "model.depth=8", "norm.kind=bn", "model.activation=tanh", "train.batch=17"}, 16, 16, 16},
    {{"model.arch=resnet", "model.depth=8", "norm.kind=bn", "norm.stat_batch=5"}, 16, BATCH, 16},
    {{"model.arch=resnet", "model.depth=8", "norm.kind=bn", "norm.stat_batch=4", "train.clip_norm=1"}, 16, 16, 16},
    {{"model.arch=resnet", "model.depth=8", "norm.kind=bn", "norm.affine=element"}, 16, 16, 16},
    {{"model.arch=resnet", "model.depth=8", "norm.kind=bn", "norm.detach=scale"}, 16, 16, 16},
    {{"model.arch=resnet", "model.depth=8", "norm.kind=brn", "norm.stat_batch=8"}, 16, 16, 16},
    {{"model.arch=resnet", "model.depth=8", "norm.kind=l1bn"}, 16, 16, 16},
    {{"model.arch=cnn", "model.depth=2", "norm.kind=custom", "norm.sets=[samples, channels]"}, 16, 16, 16},
    {{"model.arch=cnn", "model.depth=2", "norm.kind=bn", "train.batch=50"}, 32, 32, 32},
    {{"model.arch=cnn", "model.depth=2", "norm.kind=bn", "model.activation=gelu", "norm.placement=after", "model.width=12"}, 32, 32, 42},
    {{"model.arch=cnn", "model.depth=2", "model.activation=gelu", "norm.kind=ln", "norm.affine=element"}, 32, 32, 32},
    {{"model.arch=cnn", "model.depth=6", "model.pool=[1, 2, 3, 4]", "norm.kind=bn", "train.batch=8"}, 16, 8, 16}, /* images of one pixel */
    {{"model.arch=cnn", "model.depth=2", "norm.kind=bn", "model.dropout=0.3", "model.pool=[1]"}, 16, 16, 16},
    {{"model.arch=cnn", "model.depth=2", "norm.kind=gn", "model.dropout=0.3", "model.activation=tanh", "train.batch=70"}, 20, 16, 20},
    {{"model.arch=resnet", "model.depth=8", "norm.kind=cbn"}, 16, 16, 16},
    {{"model.arch=cnn", "model.depth=2", "norm.kind=cbn", "norm.history=1", "model.pool=[1]"}, 16, 16, 16},
    {{"model.arch=cnn", "model.depth=2", "norm.kind=none", "model.width=12", "train.lr=1e-3"}, 8, 10, 10},
};
enum { NETS = sizeof nets / sizeof *nets };

static struct training make(const struct nl_backend *backend, const struct net *net)
{
    const char *words[WORDS + 2] = {"train.batch=72", "model.width=16"};
    int count = 2;
    for (int i = 0; i < WORDS && net->words[i]; i++)
        words[count++] = net->words[i];
    struct nl_experiment experiment;
    struct nl_diagnostics diagnostics = {0};
    ck_assert_msg(nl_experiment_load(NULL, words, count, &experiment, &diagnostics) == NL_OK, "%s", nl_diagnostics_text(&diagnostics));
    struct training t = {.config = experiment.config, .evaluated = EVALUATED};
    const char *trouble = training_make(&t, backend, 2, (struct nl_shape){.height = 16, .width = 16, .channels = 3, .classes = 10}, 200);
    ck_assert_msg(!trouble, "%s", trouble);
    training_rates(&t);
    return t;
}

static int samples_at_a_time(const struct nl_list *list)
{
    for (int i = 0; i < list->chains; i++)
        if (list->chain[i].micro > 0)
            return list->chain[i].micro;
    return list->capacity;
}

static struct nl_loss_sums evaluate(const struct training *t)
{
    struct nl_run run = {.replicas = t->replicas, .stride = t->plan.stride, .samples = EVALUATED, .statistics = NL_STATS_RUNNING,
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
    struct training a = make(&parted, net), b = make(&whole, net);
    ck_assert_int_eq(samples_at_a_time(&a.plan.train.list), net->micro);
    ck_assert_int_eq(samples_at_a_time(&a.plan.eval.list), net->evaluated);
    ck_assert_int_eq(samples_at_a_time(&b.plan.train.list), b.config.train.batch);
    ck_assert_int_eq(samples_at_a_time(&b.plan.eval.list), EVALUATED);
    for (int64_t step = 0; step < STEPS; step++) {
        training_step(&a, step, 0);
        training_step(&b, step, 0);
        size_t bytes = a.graph.count * sizeof(float);
        for (int r = 0; r < 2; r++)
            ck_assert_msg(memcmp(training_place(&a, a.plan.parameters, r), training_place(&b, b.plan.parameters, r), bytes) == 0,
                          "parameters of replica %d differ after step %d", r, (int)step);
    }
    struct nl_loss_sums of_parts = evaluate(&a), of_all = evaluate(&b);
    ck_assert_msg(of_all.loss > 0, "a loss of %g", of_all.loss);
    ck_assert_msg(memcmp(&of_parts, &of_all, sizeof of_all) == 0, "a loss of %.17g, of all at once %.17g", of_parts.loss, of_all.loss);
    training_free(&a);
    training_free(&b);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("microbatch");
    TCase *tc = tcase_create("trainings");
    tcase_add_loop_test(tc, some_at_a_time_are_as_all_at_once, 0, NETS);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
