/* Whole trainings on the kernels for a GPU: curves beside those of `ref`, and replicas beside trials of their own, bit
 * for bit. Run by the host (tests/host_cuda) and by tests/gpu/run.sh on a device. */
#include <check.h>
#include <math.h>
#include <stdio.h>

#include "backend/cuda/cuda.h"
#include "operation/conv.h"
#include "operation/linear.h"
#include "suite.h"
#include "training.h"

#ifndef TRAINING_STEPS /* a GPU takes as many as its build says */
#define TRAINING_STEPS (is_long_form() ? 40 : 8)
#endif
enum { MOST_STEPS = 200 };

struct net {
    const char *name;
    enum nl_arch arch;
    int depth, width, norm, batch;
    enum nl_optimizer optimizer;
    double lr, dropout;
    enum nl_switch bias;
    bool clips;
    int stat_batch;
    const char *layers; /* NULL: no list */
    enum nl_residual residual;
    double agc;
    int size; /* height and width of the images; 0: 8 */
    int before; /* samples before each batch, whose numbers dropout skips */
    bool stateful;
};

static const struct net nets[] = {
    {"mlp, bn", NL_MLP, .depth = 3, .width = 32, .norm = NL_NORM_bn, .batch = 16, .optimizer = NL_SGD, .lr = 0.1,
     .bias = NL_SWITCH_ON},
    {"mlp, ghost bn, dropout", NL_MLP, .depth = 2, .width = 32, .norm = NL_NORM_bn, .batch = 16, .optimizer = NL_SGD,
     .lr = 0.1, .dropout = 0.2, .stat_batch = 8},
    {"mlp, ln, adam", NL_MLP, .depth = 2, .width = 17, .norm = NL_NORM_ln, .batch = 7, .optimizer = NL_ADAM,
     .lr = 0.003, .clips = true},
    {"mlp, none, adamw", NL_MLP, .depth = 2, .width = 64, .norm = NL_NORM_none, .batch = 2, .optimizer = NL_ADAMW,
     .lr = 0.003},
    {"cnn, gn", NL_CNN, .depth = 2, .width = 8, .norm = NL_NORM_gn, .batch = 4, .optimizer = NL_SGD, .lr = 0.05},
    {"cnn, rms", NL_CNN, .depth = 2, .width = 8, .norm = NL_NORM_rms, .batch = 3, .optimizer = NL_SGD, .lr = 0.05},
    {"resnet, bn", NL_RESNET, .depth = 8, .width = 4, .norm = NL_NORM_bn, .batch = 8, .optimizer = NL_SGD, .lr = 0.05},
    {"mlp, cbn", NL_MLP, .depth = 2, .width = 17, .norm = NL_NORM_cbn, .batch = 7, .optimizer = NL_SGD, .lr = 0.05},
    {"resnet, cbn", NL_RESNET, .depth = 8, .width = 4, .norm = NL_NORM_cbn, .batch = 8, .optimizer = NL_SGD,
     .lr = 0.02},
    {"resnet, ln", NL_RESNET, .depth = 8, .width = 4, .norm = NL_NORM_ln, .batch = 2, .optimizer = NL_SGD, .lr = 0.05},
    {"mlp, ln, lion", NL_MLP, .depth = 2, .width = 17, .norm = NL_NORM_ln, .batch = 7, .optimizer = NL_LION,
     .lr = 0.003, .clips = true},
    {"cnn, bn, lars", NL_CNN, .depth = 2, .width = 8, .norm = NL_NORM_bn, .batch = 8, .optimizer = NL_LARS, .lr = 5,
     .clips = true},
    {"resnet, skipinit, clipped by units", NL_RESNET, .depth = 8, .width = 4, .norm = NL_NORM_none, .batch = 8,
     .optimizer = NL_SGD, .lr = 0.05, .residual = NL_SKIPINIT, .agc = 0.02},
    {"resnet, fixup", NL_RESNET, .depth = 8, .width = 4, .norm = NL_NORM_none, .batch = 3, .optimizer = NL_SGD,
     .lr = 0.05, .residual = NL_FIXUP},
    {"resnet, nf, clipped in every way", NL_RESNET, .depth = 14, .width = 4, .norm = NL_NORM_none, .batch = 8,
     .optimizer = NL_LARS, .lr = 1, .clips = true, .residual = NL_NF, .agc = 0.1},
#ifndef ON_A_GPU /* there lists of layers cannot be read: gpu/without_yaml.c */
    {"layers with numbers of their own", NL_LAYERS, .norm = NL_NORM_bn, .batch = 8, .optimizer = NL_SGD, .lr = 0.05,
     .dropout = 0.5,
     .layers = "[{conv: 4}, {norm: {eps: 0.1, momentum: 0.5}}, activation, {conv: 4}, {norm: {kind: gn, eps: 0.3}}, "
               "activation, mean-pool, {dropout: 0.2}, {linear: classes}]"},
    {"layers of branches, even kernels and dilated ones", NL_LAYERS, .norm = NL_NORM_bn, .batch = 8,
     .optimizer = NL_SGD, .lr = 0.05,
     .layers = "[{conv: 4, kernel: 2, stride: 2, padding: 0}, {concat: [[], [{conv: 4, dilation: 2}, norm-activation], "
               "[{conv: 3, kernel: 4, padding: 3, dilation: 2}]]}, activation, mean-pool, {linear: classes}]"},
#endif
    {"transformer, ln, adamw", NL_TRANSFORMER, .depth = 1, .width = 8, .norm = NL_NORM_ln, .batch = 3,
     .optimizer = NL_ADAMW, .lr = 0.01, .dropout = 0.1, .size = 3, .before = 2},
    /* A norm of w x would multiply rounding where x is nearly 0: test_cuda_loop has those. */
    {"lstm", NL_LSTM, .depth = 1, .width = 8, .norm = NL_NORM_none, .batch = 3, .optimizer = NL_SGD, .lr = 0.1,
     .clips = true, .size = 3},
    {"lstm, stateful", NL_LSTM, .depth = 1, .width = 8, .norm = NL_NORM_none, .batch = 3, .optimizer = NL_SGD,
     .lr = 0.1, .size = 3, .stateful = true},
};
enum { NETS = sizeof nets / sizeof *nets, SEQUENCES = 3 };

#ifndef ON_A_GPU
/* It is refused before it is begun, by its name. */
START_TEST(what_has_no_kernel_is_named)
{
    static const struct {
        const char *words[3], *why;
    } of[] = {
        {{"model.arch=layers", "model.layers=[conv: depthwise, mean-pool, linear: classes]"},
         "cuda cannot compute 'depthwise_conv' (conv1)"},
        {{"model.arch=layers",
          "model.layers=[{conv: 2}, {residual: [norm], drop-path: 0.1}, mean-pool, linear: classes]"},
         "cuda cannot compute 'drop_path' (add1.drop_path)"},
        {{"model.arch=layers", "model.layers=[{conv: 2}, layer-scale, mean-pool, linear: classes]"},
         "cuda cannot compute 'layer_scale' (scale1)"},
        {{"model.arch=layers", "model.layers=[{conv: 2}, upsample, mean-pool, linear: classes]"},
         "cuda cannot compute 'upsample' (up1)"},
        {{"model.arch=layers", "model.layers=[{conv: 2}, squeeze-excitation: 2, mean-pool, linear: classes]"},
         "cuda cannot compute 'excite' (se1)"},
    };
    const struct nl_shape shape = {.height = 8, .width = 8, .channels = 3, .classes = 10};
    for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
        struct nl_config config;
        struct nl_graph graph;
        struct nl_error err = {{0}};
        const char *key = NULL;
        nl_config_defaults(&config);
        for (int w = 0; w < 3 && of[i].words[w]; w++) {
            char name[32];
            const char *equals = strchr(of[i].words[w], '=');
            snprintf(name, sizeof name, "%.*s", (int)(equals - of[i].words[w]), of[i].words[w]);
            ck_assert(nl_key_set(nl_key_named(name), &config, equals + 1, NULL) == NL_OK);
        }
        ck_assert_msg(nl_model_build(&config, shape, &graph, &key, &err) == NL_OK, "%s", err.text);
        ck_assert_int_eq(nl_graph_check(&graph, &nl_backend_ref, &err), NL_OK);
        ck_assert_int_eq(nl_graph_check(&graph, &nl_backend_cuda, &err), NL_FAIL);
        ck_assert_str_eq(err.text, of[i].why);
        nl_graph_release(&graph);
    }
}
END_TEST
#endif

static struct training make_with(const struct nl_backend *backend, const struct net *net, int replicas,
                                 const char *tensors)
{
    struct training t = {0};
    nl_config_defaults(&t.config);
    ck_assert(nl_key_set(nl_key_named("log.tensors"), &t.config, tensors, NULL) == NL_OK);
    t.config.model.arch = net->arch;
    t.config.model.depth = net->depth;
    t.config.model.width = net->width;
    t.config.model.dropout = net->dropout;
    t.config.model.bias = net->bias;
    t.config.model.stateful = net->stateful;
    if (net->layers)
        ck_assert(nl_key_set(nl_key_named("model.layers"), &t.config, net->layers, NULL) == NL_OK);
    t.config.norm.kind = net->norm;
    t.config.norm.groups = 4;
    t.config.norm.stat_batch = net->stat_batch ? net->stat_batch : NL_AUTO;
    t.config.train.batch = net->batch;
    t.config.train.optimizer = net->optimizer;
    t.config.train.lr = net->lr;
    t.config.train.weight_decay = 1e-3;
    t.config.model.residual = net->residual;
    if (net->residual == NL_NF)
        t.config.norm.placement = NL_PREACT;
    t.config.train.agc = net->agc;
    t.config.train.clip_norm = net->clips ? 1.0 : 0.0;
    t.config.data.crop = 1;
    t.config.data.flip = true;
    int size = net->size ? net->size : 8;
    const char *trouble = training_make(
        &t, backend, replicas, (struct nl_shape){.height = size, .width = size, .channels = 3, .classes = 10}, 128);
    ck_assert_msg(!trouble, "%s: %s", net->name, trouble);
    training_rates(&t);
    t.before = net->before;
    return t;
}

static struct training make(const struct nl_backend *backend, const struct net *net, int replicas)
{
    return make_with(backend, net, replicas, "[]");
}

static struct training make_observed(const struct nl_backend *backend, const struct net *net, int replicas)
{
    return make_with(backend, net, replicas, "*, grad:*, update:*");
}

/* A float32 training drifts from a float64 one: by rounding in each step, that the steps after it magnify. The bound
 * grows with the steps; what was measured is at most 6.4e-8 a step. */
START_TEST(curves_are_those_of_ref)
{
    const struct net *net = &nets[_i];
    const int steps = TRAINING_STEPS;
    double found[MOST_STEPS], expected[MOST_STEPS];
    struct training t = make(&nl_backend_cuda, net, 1), r = make(&nl_backend_ref, net, 1);
    training_run(&t, steps, 0, found);
    training_run(&r, steps, 0, expected);
    struct nl_error err = {{0}};
    ck_assert_msg(nl_backend_cuda.status(&err) == NL_OK, "%s: %s", net->name, err.text);
    double first = 0, last = 0;
    for (int step = 0; step < steps; step++) {
        double bound = HOST_OR_GPU(5e-7, step < 40 ? 2e-5 : 1e-4) * (1 + step) * fmax(1, fabs(expected[step]));
        ck_assert_msg(fabs(found[step] - expected[step]) <= bound, "%s: the loss of step %d is %.9g, ref's %.9g",
                      net->name, step, found[step], expected[step]);
        if (step < steps / 4)
            first += expected[step];
        if (step >= steps - steps / 4)
            last += expected[step];
    }
    ck_assert_msg(steps < 40 || last < first, "%s learns nothing: the mean loss goes from %g to %g", net->name,
                  first * 4 / steps, last * 4 / steps);
    training_free(&t);
    training_free(&r);
}
END_TEST

START_TEST(replicas_are_trials_of_their_own)
{
    enum { REPLICAS = 3, FEW = 4 };
    const struct net *net = &nets[_i];
    struct training together = make(&nl_backend_cuda, net, REPLICAS);
    double losses[FEW];
    training_run(&together, FEW, 0, losses);
    for (int r = 0; r < REPLICAS; r++) {
        struct training alone = make(&nl_backend_cuda, net, 1);
        struct nl_hyper hyper;
        nl_backend_cuda.download(&hyper, training_place(&together, together.plan.hyper, r), sizeof hyper);
        nl_backend_cuda.upload(alone.plan.hyper, &hyper, sizeof hyper);
        training_run(&alone, FEW, 0, losses);
        size_t bytes = alone.graph.count * sizeof(float);
        char *one = nl_alloc(bytes, 1), *of_three = nl_alloc(bytes, 1);
        nl_backend_cuda.download(one, alone.plan.parameters, bytes);
        nl_backend_cuda.download(of_three, training_place(&together, together.plan.parameters, r), bytes);
        ck_assert_msg(memcmp(one, of_three, bytes) == 0, "%s: replica %d of %d is not what it is alone", net->name, r,
                      REPLICAS);
        free(one);
        free(of_three);
        training_free(&alone);
    }
    training_free(&together);
}
END_TEST

static void call_one_by_one(const struct nl_run *run, const struct nl_call *call, int calls)
{
    for (int i = 0; i < calls; i++)
        call[i].function(run, call[i].arguments);
}

/* The parameters of the first replica after some steps. */
static char *parameters_after(const struct nl_backend *backend, const struct net *net, int replicas, size_t *bytes)
{
    enum { FEW = 2 };
    double losses[FEW];
    struct training t = make(backend, net, replicas);
    training_run(&t, FEW, 0, losses);
    *bytes = t.graph.count * sizeof(float);
    char *found = nl_alloc(*bytes, 1);
    backend->download(found, t.plan.parameters, *bytes);
    training_free(&t);
    return found;
}

/* A convolution with what batch normalization does beside it, and both of its gradients, in one launch: of a small
 * tile, and of a large one where there are replicas to fill a device. */
START_TEST(calls_in_one_go_have_the_bits_of_calls_one_by_one)
{
    static const int replicas[] = {1, 40};
    struct nl_backend apart = nl_backend_cuda;
    apart.run_calls = call_one_by_one;
    size_t bytes;
    for (int i = 0; i < 2; i++) {
        char *one = parameters_after(&nl_backend_cuda, &nets[6], replicas[i], &bytes);
        nl_cuda_let(NL_CUDA_PAIRS, false);
        char *other = parameters_after(&apart, &nets[6], 1, &bytes);
        nl_cuda_let(NL_CUDA_PAIRS, true);
        ck_assert_msg(memcmp(one, other, bytes) == 0,
                      "of %d replicas the first is another training where calls are made in one go", replicas[i]);
        free(one);
        free(other);
    }
}
END_TEST

/* What a normalizer takes to zero is rounding in both; of the rest at most 6.3e-6 was measured, of an update that is
 * added to a weight near 1. */
static const double SEEN_BOUND = HOST_OR_GPU(5e-5, 1e-4);

static double relative(double got, double want, double scale)
{
    return fabs(got - want) / fmax(scale, 0.01);
}

/* What is seen of a step is what ref sees, and seeing it changes nothing. A recorded step is seen, too: the third. */
START_TEST(observers_see_what_ref_sees)
{
    enum { FEW = 3 };
    static const int few[] = {0, 4, 6}; /* one of each architecture */
    const struct net *net = &nets[few[_i]];
    struct training t = make_observed(&nl_backend_cuda, net, 2), r = make_observed(&nl_backend_ref, net, 1),
                    plain = make(&nl_backend_cuda, net, 2);
    int count = t.plan.observers.count;
    struct nl_observed *seen = nl_alloc((size_t)count, sizeof *seen);
    for (int64_t step = 0; step < FEW; step++) {
        training_observe(&t, step, 0);
        training_observe(&r, step, 0);
        training_step(&plain, step, 0);
        nl_backend_cuda.download(seen, t.plan.observed, (size_t)count * sizeof *seen);
        for (int i = 0; i < count && step == 0; i++) {
            const struct nl_observed *want = &r.plan.observed[i];
            double norm = sqrt(want->squares);
            ck_assert_msg(seen[i].elements == want->elements &&
                              relative(sqrt(seen[i].squares), norm, norm) <= SEEN_BOUND &&
                              relative(sqrt(seen[i].deviations), sqrt(want->deviations), norm) <= SEEN_BOUND &&
                              relative(seen[i].sum, want->sum, norm * sqrt(want->elements)) <= SEEN_BOUND,
                          "%s: %s has a norm of %.9g, not %.9g", net->name, t.plan.observers.at[i].name,
                          sqrt(seen[i].squares), norm);
        }
    }
    ck_assert(seen[0].squares > 0);
    size_t bytes = t.graph.count * sizeof(float);
    char *one = nl_alloc(bytes, 1), *other = nl_alloc(bytes, 1);
    nl_backend_cuda.download(one, training_place(&t, t.plan.parameters, 1), bytes);
    nl_backend_cuda.download(other, training_place(&plain, plain.plan.parameters, 1), bytes);
    ck_assert_msg(memcmp(one, other, bytes) == 0, "%s: what is observed is another training", net->name);
    free(one);
    free(other);
    free(seen);
    training_free(&t);
    training_free(&r);
    training_free(&plain);
}
END_TEST

#ifndef ON_A_GPU
extern _Thread_local int host_cuda_left;

/* A step whose scratch does not fit: the trial fails, and the next one of the same thread is what it always is. */
START_TEST(memory_that_runs_out_ends_one_training)
{
    const struct net *net = &nets[6];
    double first[3], again[3];
    struct training t = make(&nl_backend_cuda, net, 1);
    training_run(&t, 3, 0, first);
    training_free(&t);

    struct training large = make(&nl_backend_cuda, net, 8); /* needs more scratch than there was so far */
    host_cuda_left = 0;
    training_run(&large, 3, 0, again);
    host_cuda_left = -1;
    struct nl_error err = {{0}};
    ck_assert_int_eq(nl_backend_cuda.status(&err), NL_FAIL);
    ck_assert_msg(strstr(err.text, "out of memory"), "%s", err.text);
    training_free(&large);

    t = make(&nl_backend_cuda, net, 1);
    training_run(&t, 3, 0, again);
    ck_assert_int_eq(nl_backend_cuda.status(&err), NL_OK);
    ck_assert(memcmp(first, again, sizeof first) == 0);
    training_free(&t);
}
END_TEST
#endif

int main(void)
{
    Suite *suite = suite_create("training on cuda");
    TCase *tests = tcase_create("training");
#ifndef ON_A_GPU
    tcase_add_test(tests, what_has_no_kernel_is_named);
#endif
    tcase_add_loop_test(tests, curves_are_those_of_ref, 0, NETS);
    tcase_add_loop_test(tests, replicas_are_trials_of_their_own, 0,
                        NETS - SEQUENCES); /* of these test_cuda_loop has them */
    tcase_add_loop_test(tests, observers_see_what_ref_sees, 0, 3);
    tcase_add_test(tests, calls_in_one_go_have_the_bits_of_calls_one_by_one);
#ifndef ON_A_GPU
    tcase_add_test(tests, memory_that_runs_out_ends_one_training);
#endif
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
