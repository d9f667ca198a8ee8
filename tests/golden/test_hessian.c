/* Products of the Hessian with a vector: a complex step through forward and backward of whole networks against
 * PyTorch's autograd, to 3e-12. tests/golden/hessian.py made the numbers, for the networks of hessian.cases, from the
 * same weights and the same batch. */
#include <math.h>

#include "backend/ref/complex.h"
#include "golden.h"
#include "norm/norm.h"
#include "norm/weights.h"
#include "suite.h"
#include "train/plan.h"

static const double BOUND =
    3e-12; /* ten times what was measured: sums of a hundred products, divided by a norm twice */
static const double STEP = 1e-100;

static struct golden goldens;

enum {
#define NORM(kind) COUNTED_##kind,
#include "norm/norms.def"
    NORMS,
#define WEIGHT_NORM(kind) COUNTED_WEIGHTS_##kind,
#include "norm/weights.def"
    WEIGHTS_END,
    WEIGHT_NORMS = WEIGHTS_END - NORMS - 1
};

struct network {
    struct nl_config config;
    struct nl_dataset *dataset;
    struct nl_split view;
    struct nl_graph graph;
    struct nl_plan plan;
};

static void load(struct network *n, const struct nl_config *config)
{
    struct nl_error err;
    const char *key;
    n->config = *config;
    n->dataset = nl_dataset_open(&n->config, &err);
    ck_assert_msg(n->dataset && nl_split_make(n->dataset, &n->config, &n->view, &err) == NL_OK, "%s", err.text);
    ck_assert(nl_model_build(&n->config, n->dataset->shape, &n->graph, &key, &err) == NL_OK);
    ck_assert(nl_backend_complex.thread_begin(0, &err) == NL_OK);
    ck_assert_msg(nl_plan_make(&n->plan, &nl_backend_complex, &n->graph, &n->config, &n->view, 1, 1, &err) == NL_OK,
                  "%s", err.text);
    nl_plan_write(&n->plan, 0, &n->config, &n->view);
}

static void release(struct network *n)
{
    nl_plan_release(&n->plan);
    nl_graph_release(&n->graph);
    nl_split_release(&n->view);
    nl_dataset_free(n->dataset);
}

/* The parameters' imaginary parts: the step along the vector, which has sin(turn (e + 1)) for element e of each. */
static void move_parameters(struct network *n, double turn)
{
    double *imaginary = nl_alloc(n->graph.count, sizeof *imaginary);
    for (int i = 0; i < n->graph.tensors; i++) {
        const struct nl_tensor *tensor = &n->graph.tensor[i];
        for (size_t e = 0; nl_is_parameter(tensor->spec.role) && e < tensor->count; e++)
            imaginary[tensor->offset + nl_tensor_place(tensor, e)] = STEP * sin(turn * ((double)e + 1));
    }
    nl_complex_put_imaginary(n->plan.parameters, imaginary, n->graph.count);
    free(imaginary);
}

/* Forward and backward of the first batch. */
static void differentiate(struct network *n)
{
    struct nl_plan *plan = &n->plan;
    struct nl_hyper hyper = {.norm_eps = n->config.norm.eps, .norm_momentum = n->config.norm.momentum};
    int32_t *order = nl_alloc((size_t)n->view.train_count, sizeof *order);
    nl_epoch_order(&n->view, (uint64_t)n->config.train.seed, 0, order);
    plan->backend->upload(plan->order, order, (size_t)n->view.train_count * sizeof *order);
    plan->backend->upload(plan->hyper, &hyper, sizeof hyper);
    struct nl_run run = {.replicas = 1,
                         .stride = plan->stride,
                         .samples = (int)n->config.train.batch,
                         .statistics = NL_STATS_TRAIN,
                         .augment = true,
                         .sums = plan->sums};
    plan->train.gather.index = plan->order;
    nl_plan_forward(plan, &plan->train, &run);
    nl_plan_backward(plan, &run);
    free(order);
}

/* Norm, and sum with cos(e), of a parameter's part of H v. */
static void summarize(const struct nl_tensor *tensor, const double *product, double found[2])
{
    double squares = 0;
    found[1] = 0;
    for (size_t e = 0; e < tensor->count; e++) {
        double value = product[tensor->offset + nl_tensor_place(tensor, e)] / STEP;
        squares += value * value;
        found[1] += value * cos((double)e);
    }
    found[0] = sqrt(squares);
}

static double largest_norm(const struct golden_case *golden)
{
    double largest = 0;
    for (int i = 0; i < goldens.tensors.count; i++)
        if (golden_tensor_of(&goldens.tensors.entry[i], golden))
            largest = fmax(largest, ((const double *)goldens.tensors.entry[i].data)[0]);
    return largest;
}

START_TEST(products_are_those_of_autograd)
{
    const struct golden_case *golden = &goldens.at[_i];
    struct network n;
    const struct nl_config config = golden_config(golden, "device.kind=ref");
    load(&n, &config);
    move_parameters(&n, 1);
    differentiate(&n);
    double *product = nl_alloc(n.graph.count, sizeof *product), scale = largest_norm(golden);
    nl_complex_get_imaginary(product, n.plan.update.grad, n.graph.count);
    ck_assert_double_gt(scale, 0);
    for (int i = 0; i < n.graph.tensors; i++) {
        const struct nl_tensor *tensor = &n.graph.tensor[i];
        if (!nl_is_parameter(tensor->spec.role))
            continue;
        double found[2];
        const double *wanted = golden_stored(&goldens, golden, tensor->name, 2);
        summarize(tensor, product, found);
        for (int k = 0; k < 2; k++)
            ck_assert_msg(fabs(found[k] - wanted[k]) <= BOUND * scale, "%s: %s: %.15g, not %.15g", golden->name,
                          tensor->name, found[k], wanted[k]);
    }
    free(product);
    release(&n);
}
END_TEST

/* H v, for such a vector. */
static double *product_with(struct network *n, double turn)
{
    double *product = nl_alloc(n->graph.count, sizeof *product);
    move_parameters(n, turn);
    differentiate(n);
    nl_complex_get_imaginary(product, n->plan.update.grad, n->graph.count);
    for (size_t i = 0; i < n->graph.count; i++)
        product[i] /= STEP;
    return product;
}

static double times_vector(const struct network *n, const double *product, double turn)
{
    double sum = 0;
    for (int i = 0; i < n->graph.tensors; i++) {
        const struct nl_tensor *tensor = &n->graph.tensor[i];
        for (size_t e = 0; nl_is_parameter(tensor->spec.role) && e < tensor->count; e++)
            sum += product[tensor->offset + nl_tensor_place(tensor, e)] * sin(turn * ((double)e + 1));
    }
    return sum;
}

/* u' H v = v' H u, of every normalizer, and of weights, but those whose gradient takes statistics for constants. One
 * that divides by the deviation of equal numbers loses digits. */
START_TEST(products_are_symmetric)
{
    struct nl_config config;
    struct network n;
    int kind = _i / 2;
    nl_config_defaults(&config);
    config.model.arch = _i % 2 ? NL_CNN : NL_MLP;
    config.model.width = 8;
    config.model.depth = 2;
    config.model.activation = NL_TANH;
    config.train.batch = 8;
    config.norm.kind = kind < NORMS ? kind : 0;
    config.norm.weights = kind < NORMS ? 0 : kind - NORMS + 1;
    bool held = !nl_norm_has_hessian(nl_norms[config.norm.kind]) ||
                (config.norm.weights && nl_weight_norms[config.norm.weights]->measure == NL_WEIGHT_SPECTRAL);
    if (held)
        return;
    load(&n, &config);
    double *of_u = product_with(&n, 1), *of_v = product_with(&n, 0.7);
    double uhv = times_vector(&n, of_v, 1), vhu = times_vector(&n, of_u, 0.7);
    ck_assert_msg(fabs(uhv - vhu) <= 1e-8 * fabs(uhv) && fabs(uhv) > 1e-6, "%s, %s: %.17g and %.17g",
                  nl_norms[config.norm.kind]->name, nl_weight_norm_names[config.norm.weights], uhv, vhu);
    free(of_u);
    free(of_v);
    release(&n);
}
END_TEST

int main(void)
{
    if (!golden_read(&goldens, "hessian")) {
        golden_release(&goldens);
        return 1;
    }
    Suite *suite = suite_create("hessian");
    TCase *tests = tcase_create("networks");
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, products_are_those_of_autograd, 0, goldens.count);
    tcase_add_loop_test(tests, products_are_symmetric, 0, 2 * (NORMS + WEIGHT_NORMS));
    suite_add_tcase(suite, tests);
    int status = run_suite(suite);
    golden_release(&goldens);
    return status;
}
