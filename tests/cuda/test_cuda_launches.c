/* How many launches a step of training is: what a small step costs on a GPU is their number, more than a microsecond
 * each. */
#include <check.h>

#include "../host_cuda/count.h"
#include "suite.h"
#include "training.h"

static void make_step(const void *context)
{
    const struct training *t = context;
    const struct nl_plan *plan = &t->plan;
    struct nl_run run = {.replicas = 1,
                         .stride = plan->stride,
                         .samples = (int)t->config.train.batch,
                         .statistics = NL_STATS_TRAIN,
                         .augment = true,
                         .sums = plan->sums};
    nl_plan_forward(plan, &plan->train, &run);
    nl_plan_backward(plan, &run);
    plan->backend->update(&run, &plan->update);
}

static struct training make(enum nl_arch arch, int depth, int width, int norm, int batch)
{
    struct training t = {0};
    nl_config_defaults(&t.config);
    t.config.model.arch = arch;
    t.config.model.depth = depth;
    t.config.model.width = width;
    t.config.norm.kind = norm;
    t.config.train.batch = batch;
    t.config.train.momentum = 0.9;
    const char *trouble =
        training_make(&t, &nl_backend_cuda, 1,
                      arch == NL_MLP ? (struct nl_shape){.height = 8, .width = 8, .channels = 1, .classes = 10}
                                     : (struct nl_shape){.height = 32, .width = 32, .channels = 3, .classes = 10},
                      64);
    ck_assert_msg(!trouble, "%s", trouble);
    return t;
}

static int launches(enum nl_arch arch, int depth, int width, int norm, int batch)
{
    struct training t = make(arch, depth, width, norm, batch);
    int count = host_cuda_count(make_step, &t);
    training_free(&t);
    return count;
}

static const struct {
    const char *name;
    enum nl_arch arch;
    int depth, width, norm, batch, most;
} steps[] = {
    {"ResNet-20, bn, batch 8", NL_RESNET, 20, 16, NL_NORM_bn, 8, 62},
    {"ResNet-20, bn, batch 128", NL_RESNET, 20, 16, NL_NORM_bn, 128, 69},
    {"ResNet-20, gn, batch 8", NL_RESNET, 20, 16, NL_NORM_gn, 8, 87},
    {"ResNet-20, gn, batch 128", NL_RESNET, 20, 16, NL_NORM_gn, 128, 94},
    {"mlp, bn, batch 32", NL_MLP, 2, 64, NL_NORM_bn, 32, 13},
    {"mlp, ln, batch 32", NL_MLP, 2, 64, NL_NORM_ln, 32, 17},
};

static void make_steps(const void *context)
{
    const struct training *t = context;
    struct nl_plan plan = t->plan;
    struct nl_run run = {.replicas = 1,
                         .stride = plan.stride,
                         .samples = (int)t->config.train.batch,
                         .statistics = NL_STATS_TRAIN,
                         .augment = true,
                         .sums = plan.sums};
    plan.train.gather.index = plan.order;
    nl_plan_steps(&plan, &run, NULL, NL_SUMS_RING);
}

START_TEST(many_steps_of_a_small_network_are_one_launch)
{
    static const int norms[] = {NL_NORM_none, NL_NORM_bn, NL_NORM_ln, NL_NORM_gn};
    for (size_t i = 0; i < sizeof norms / sizeof *norms; i++) {
        struct training t = make(NL_MLP, 2, 64, norms[i], 32);
        ck_assert(nl_plan_has_executable(&t.plan));
        ck_assert_int_eq(host_cuda_count(make_steps, &t), 1);
        training_free(&t);
    }
}
END_TEST

START_TEST(a_step_is_few_launches)
{
    int found = launches(steps[_i].arch, steps[_i].depth, steps[_i].width, steps[_i].norm, steps[_i].batch);
    ck_assert_msg(found > 0 && found <= steps[_i].most, "a step of %s is %d launches, more than %d", steps[_i].name,
                  found, steps[_i].most);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("launches");
    TCase *tests = tcase_create("launches");
    tcase_add_loop_test(tests, a_step_is_few_launches, 0, sizeof steps / sizeof *steps);
    tcase_add_test(tests, many_steps_of_a_small_network_are_one_launch);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
