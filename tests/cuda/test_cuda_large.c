/* Trainings whose layers are so large that the kernels for a GPU take their other ways: large tiles of matrix products,
 * gradients of weights and batch statistics in chunks, with clusters and without, sets that do not fit a block's
 * registers, and tensor cores. Run by the host (tests/host_cuda) and by tests/gpu/run.sh on a device, there under
 * compute-sanitizer, too: so they are short. */
#include <check.h>
#include <math.h>

#include "backend/cuda/cuda.h"
#include "suite.h"
#include "training.h"

/* The first step runs as it is, the second as it was recorded. */
enum { SIZE = 22, BATCH = 14, REPLICAS = 3, STEPS = 2, ROWS = BATCH * SIZE * SIZE, WIDEST = 36, GHOST = 3 };
_Static_assert(ROWS / 128 * REPLICAS >= 132 && ROWS / 128 < 128,
               "of three replicas there are large tiles for every multiprocessor, of one there are not");
_Static_assert(ROWS > 1024 / 8 * 16 && ROWS <= 8 * 512 / 8 * 16,
               "a channel does not fit a block's registers, but a cluster's");
_Static_assert(SIZE * SIZE * WIDEST > 1024 * 4 * 4, "nor does a sample");

static const struct net {
    const char *name;
    int width, norm;
    unsigned cluster;   /* blocks at most */
    int stat_batch;     /* 0: the whole batch */
    bool only_float32;  /* its products are those of the one before */
} nets[] = {{"tiles of 16 columns, bn in clusters", 10, NL_NORM_bn, .cluster = 8},
            {"tiles of 16 columns, bn in larger blocks", 10, NL_NORM_bn, .cluster = 4, .only_float32 = true},
            {"tiles of 16 columns, ghost bn in the largest blocks", 10, NL_NORM_bn, .cluster = 1, .stat_batch = GHOST,
             .only_float32 = true},
            {"tiles of 16 columns, ghost bn in clusters of two", 10, NL_NORM_bn, .cluster = 8, .stat_batch = GHOST,
             .only_float32 = true},
            {"tiles of 32 columns, bn in chunks", 20, NL_NORM_bn, .cluster = 1},
            {"tiles of 64 columns, ln", WIDEST, NL_NORM_ln, .cluster = 8}};
_Static_assert(ROWS > 4 * 512 / 8 * 16 && ROWS <= 4 * 1024 / 8 * 16, "of four blocks a cluster needs the larger ones");
_Static_assert(GHOST *SIZE *SIZE > 512 / 8 * 16 && GHOST * SIZE * SIZE <= 1024 / 8 * 16,
               "a slice fits the registers of the largest block alone");

/* Of the loss of a step: what float32 loses in sums, and beside it what rounding to 10 and to 7 bits changes. */
static const double bounds[] = {[NL_FLOAT32] = HOST_OR_GPU(5e-7, 1e-4),
                                [NL_TF32] = HOST_OR_GPU(6e-4, 5e-3),
                                [NL_BF16] = HOST_OR_GPU(6e-3, 5e-2),
                                [NL_3XTF32] = HOST_OR_GPU(5e-7, 1e-4)};

static struct training make(const struct nl_backend *backend, const struct net *net, enum nl_precision precision,
                            int replicas)
{
    struct training t = {0};
    nl_config_defaults(&t.config);
    t.config.model.arch = NL_CNN;
    t.config.model.depth = 2;
    t.config.model.width = net->width;
    t.config.model.bias = NL_SWITCH_ON;
    t.config.norm.kind = net->norm;
    t.config.norm.stat_batch = net->stat_batch ? net->stat_batch : NL_AUTO;
    t.config.train.batch = BATCH;
    t.config.train.lr = 0.05;
    t.config.device.precision = precision;
    nl_cuda_limit_cluster(net->cluster);
    const char *trouble = training_make(
        &t, backend, replicas, (struct nl_shape){.height = SIZE, .width = SIZE, .channels = 3, .classes = 10}, 48);
    ck_assert_msg(!trouble, "%s: %s", net->name, trouble);
    training_rates(&t);
    return t;
}

/* The last replica's numbers, and its losses. */
static void train_alone(const struct training *together, const struct net *net, enum nl_precision precision,
                        char *parameters, size_t bytes, double *losses)
{
    struct training alone = make(&nl_backend_cuda, net, precision, 1);
    struct nl_hyper hyper;
    nl_backend_cuda.download(&hyper, training_place(together, together->plan.hyper, REPLICAS - 1), sizeof hyper);
    nl_backend_cuda.upload(alone.plan.hyper, &hyper, sizeof hyper);
    training_run(&alone, STEPS, 0, losses);
    nl_backend_cuda.download(parameters, alone.plan.parameters, bytes);
    training_free(&alone);
}

START_TEST(they_train_as_ref_does)
{
    const struct net *net = &nets[_i];
    double expected[STEPS], float32[STEPS];
    struct training r = make(&nl_backend_ref, net, NL_FLOAT32, 1);
    training_run(&r, STEPS, 0, expected);
    size_t bytes = r.graph.count * sizeof(float);
    char *one = nl_alloc(bytes, 1), *of_three = nl_alloc(bytes, 1);
    for (enum nl_precision precision = NL_FLOAT32; precision <= (net->only_float32 ? NL_FLOAT32 : NL_3XTF32);
         precision++) {
        double found[STEPS], of_alone[STEPS];
        struct training t = make(&nl_backend_cuda, net, precision, REPLICAS);
        struct nl_error err = {{0}};
        training_run(&t, STEPS, 0, found);
        ck_assert_msg(nl_backend_cuda.status(&err) == NL_OK, "%s: %s", net->name, err.text);
        for (int step = 0; step < STEPS; step++)
            ck_assert_msg(fabs(found[step] - expected[step]) <= bounds[precision] * (1 + step),
                          "%s in %s: the loss of step %d is %.9g, ref's %.9g", net->name, nl_precision_names[precision],
                          step, found[step], expected[step]);
        if (precision == NL_FLOAT32)
            memcpy(float32, found, sizeof found);
        ck_assert_msg(precision == NL_FLOAT32 || memcmp(float32, found, sizeof found) != 0,
                      "%s in %s: it is what float32 is", net->name, nl_precision_names[precision]);
        nl_backend_cuda.download(of_three, training_place(&t, t.plan.parameters, REPLICAS - 1), bytes);
        train_alone(&t, net, precision, one, bytes, of_alone);
        ck_assert_msg(memcmp(one, of_three, bytes) == 0,
                      "%s in %s: the last of three, in large tiles, is not what it is alone, in small ones", net->name,
                      nl_precision_names[precision]);
        training_free(&t);
    }
    free(one);
    free(of_three);
    training_free(&r);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("large layers on cuda");
    TCase *tests = tcase_create("large");
    tcase_add_loop_test(tests, they_train_as_ref_does, 0, is_long_form() ? sizeof nets / sizeof *nets : 1);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
