/* What becomes of running statistics, on each backend beside `ref`, and in micro-batches beside whole ones: frozen in
 * the middle of a training, learned momentum, workers with statistics of their own or merged ones, moving averages.
 * PyTorch judges `ref` (tests/golden/running.cases). */
#include <check.h>
#include <math.h>

#include "config/diagnostics.h"
#include "suite.h"
#include "training.h"

#ifndef nl_backends
#define nl_backends on_host
static const struct nl_backend *const on_host[] = {&nl_backend_cpu, &nl_backend_ref, NULL};
#endif

enum { STEPS = 5, FROZEN_FROM = 4, WORDS = 9, REPLICAS = 2, SIZE = 4, WIDTH = 8 };

/* Smooth, so that rounding opens no gate. */
#define SMALL "model.activation=tanh", "train.batch=8", "model.width=8"
static const char *const nets[][WORDS] = {
    {SMALL, "model.arch=mlp"},
    {SMALL, "model.arch=mlp", "norm.freeze=0.5", "norm.freeze_affine=true", "train.weight_decay=0.01"},
    {SMALL, "model.arch=cnn", "norm.freeze=0.5", "norm.freeze_affine=true", "train.optimizer=lars"},
    {SMALL, "model.arch=cnn", "norm.kind=brn"},
    {SMALL, "model.arch=mlp", "norm.running=learned", "norm.momentum_lr=0.2"},
    {SMALL, "model.arch=cnn", "norm.running=learned", "norm.momentum_lr=0.2", "norm.stat_batch=4"},
    {SMALL, "model.arch=mlp", "train.workers=2"},
    {SMALL, "model.arch=cnn", "train.workers=2", "norm.running=cumulative"},
    {SMALL, "model.arch=mlp", "train.workers=4", "norm.sync=true"},
    {SMALL, "model.arch=cnn", "train.workers=2", "norm.sync=true", "norm.kind=brn"},
    {SMALL, "model.arch=mlp", "norm.kind=mabn", "norm.history=2"},
    {SMALL, "model.arch=cnn", "norm.kind=mabn", "norm.history=1", "norm.r_max=1.1"},
    {SMALL, "model.arch=cnn", "norm.kind=switch", "norm.running=learned", "norm.freeze=0.5", "norm.freeze_affine=true"},
    {SMALL, "model.arch=cnn", "norm.kind=bin", "norm.running=learned", "norm.freeze=0.5", "norm.freeze_affine=true"},
    {SMALL, "model.arch=cnn", "norm.kind=bcn", "norm.groups=2", "norm.running=learned", "norm.freeze=0.5",
     "norm.freeze_affine=true"},
};
enum { NETS = sizeof nets / sizeof *nets };

/* t stays where it is: its plan knows places in itself. */
static void make(struct training *t, const struct nl_backend *backend, const char *const *net, const char *more)
{
    const char *words[WORDS + 2] = {more};
    int count = 1;
    for (int i = 0; i < WORDS && net[i]; i++)
        words[count++] = net[i];
    struct nl_experiment experiment;
    struct nl_diagnostics diagnostics = {0};
    ck_assert_msg(nl_experiment_load(NULL, words, count, &experiment, &diagnostics) == NL_OK, "%s",
                  nl_diagnostics_text(&diagnostics));
    *t = (struct training){.config = experiment.config, .frozen_from = FROZEN_FROM};
    const char *trouble = training_make(
        t, backend, REPLICAS, (struct nl_shape){.height = SIZE, .width = SIZE, .channels = 3, .classes = 10}, 128);
    ck_assert_msg(!trouble, "%s", trouble);
    training_rates(t);
}

/* Of a parameter or a state of reals. */
static double *numbers_of(const struct training *t, const struct nl_tensor *tensor, int replica)
{
    double *values = nl_alloc(tensor->count, sizeof *values);
    t->plan.backend->get_reals(values, nl_tensor_in(&t->plan, replica, tensor), tensor->count);
    return values;
}

/* Whether every tensor of the first is that of the second. Differences are of the largest number. */
static void expect_close(const struct training *one, const struct training *other, int replica, double bound)
{
    for (const struct nl_tensor *tensor = one->graph.tensor; tensor < one->graph.tensor + one->graph.tensors;
         tensor++) {
        if (!nl_is_parameter(tensor->spec.role) && tensor->spec.role != NL_RUNNING)
            continue;
        double *a = numbers_of(one, tensor, replica), *b = numbers_of(other, tensor, replica), scale = 1e-3;
        for (size_t i = 0; i < tensor->count; i++)
            scale = fmax(scale, fabs(b[i]));
        for (size_t i = 0; i < tensor->count; i++)
            ck_assert_msg(fabs(a[i] - b[i]) <= bound * scale, "%s[%zu]: %.9g, not %.9g", tensor->name, i, a[i], b[i]);
        free(a);
        free(b);
    }
}

START_TEST(backends_agree_with_ref)
{
    for (int b = 0; nl_backends[b]; b++) {
        struct training ref, one;
        double losses[STEPS], wanted[STEPS];
        make(&ref, &nl_backend_ref, nets[_i], "norm.warmup=0");
        make(&one, nl_backends[b], nets[_i], "norm.warmup=0");
        training_run(&ref, STEPS, 1, wanted);
        training_run(&one, STEPS, 1, losses);
        for (int step = 0; step < STEPS; step++)
            ck_assert_msg(fabs(losses[step] - wanted[step]) <= 1e-4 * wanted[step], "step %d: %.9g, not %.9g", step,
                          losses[step], wanted[step]);
        expect_close(&one, &ref, 1, 1e-3);
        training_free(&ref);
        training_free(&one);
    }
}
END_TEST

/* Statistics stay as they are, and gamma and beta where that is asked for; all else moves on. */
START_TEST(what_is_frozen_stays)
{
    for (int b = 0; nl_backends[b]; b++) {
        struct training t;
        make(&t, nl_backends[b], nets[_i], "norm.warmup=0");
        for (int step = 0; step < FROZEN_FROM; step++)
            training_step(&t, step, 0);
        double **before = nl_alloc((size_t)t.graph.tensors, sizeof *before);
        for (int i = 0; i < t.graph.tensors; i++)
            before[i] = t.graph.tensor[i].spec.type == NL_TENSOR_REAL ? numbers_of(&t, &t.graph.tensor[i], 0) : NULL;
        for (int step = FROZEN_FROM; step < STEPS; step++)
            training_step(&t, step, 0);
        for (int i = 0; i < t.graph.tensors; i++) {
            const struct nl_tensor *tensor = &t.graph.tensor[i];
            bool share = tensor->spec.numbers != NULL; /* of switch: it goes on */
            bool affine = (tensor->spec.role == NL_GAMMA && !share) || tensor->spec.role == NL_BETA;
            bool stays = tensor->spec.role == NL_RUNNING || (affine && t.config.norm.freeze_affine);
            if (!before[i])
                continue;
            double *after = numbers_of(&t, tensor, 0);
            bool same = memcmp(before[i], after, tensor->count * sizeof *after) == 0;
            ck_assert_msg(same == stays, "%s %s", tensor->name, same ? "stays" : "moves");
            free(after);
            free(before[i]);
        }
        free(before);
        training_free(&t);
    }
}
END_TEST

/* Units are dropped in a step with frozen statistics, too. The layer's statistics do not depend on that. */
START_TEST(frozen_steps_drop)
{
    static const char *const net[WORDS] = {"model.arch=mlp", "model.depth=1", "model.width=32", "train.lr=1e-9"};
    for (int b = 0; nl_backends[b]; b++) {
        struct training plain, dropping;
        double losses[2][STEPS];
        make(&plain, nl_backends[b], net, "model.dropout=1e-9");
        make(&dropping, nl_backends[b], net, "model.dropout=0.5");
        plain.frozen_from = dropping.frozen_from = 1;
        training_run(&plain, 3, 0, losses[0]);
        training_run(&dropping, 3, 0, losses[1]);
        for (int step = 0; step < 3; step++)
            ck_assert_msg(fabs(losses[1][step] - losses[0][step]) > 1e-3, "step %d: %.9g and %.9g", step,
                          losses[0][step], losses[1][step]);
        training_free(&plain);
        training_free(&dropping);
    }
}
END_TEST

/* Bit for bit. */
START_TEST(micro_batches_are_whole_ones)
{
    struct nl_backend parted = nl_backend_cpu, all = nl_backend_cpu;
    parted.micro_bytes = 2 * SIZE * SIZE * WIDTH * sizeof(float);
    all.micro_bytes = 0;
    struct training one, other;
    make(&one, &parted, nets[_i], "norm.warmup=0");
    make(&other, &all, nets[_i], "norm.warmup=0");
    for (int step = 0; step < STEPS; step++) {
        training_step(&one, step, 0);
        training_step(&other, step, 0);
    }
    for (int r = 0; r < REPLICAS; r++)
        expect_close(&one, &other, r, 0);
    training_free(&one);
    training_free(&other);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("running statistics");
    TCase *cases = tcase_create("backends");
    tcase_set_timeout(cases, 120);
    tcase_add_loop_test(cases, backends_agree_with_ref, 0, NETS);
    if (nl_backends[0] ==
        &nl_backend_cpu) { /* a GPU that the host plays is slow; where it agrees with ref, it does as ref does */
        tcase_add_loop_test(cases, what_is_frozen_stays, 0, NETS);
        tcase_add_loop_test(cases, micro_batches_are_whole_ones, 0, NETS);
    }
    tcase_add_test(cases, frozen_steps_drop);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
