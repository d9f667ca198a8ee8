/* The reference in complex numbers: the derivatives that its imaginary parts hold, against central differences of the
 * double reference, and against the second derivatives of whole networks. */
#define PROBE_BYTES (1 << 22) /* sixteen bytes a number */
#include "backend/ref/complex.h"
#include "config/diagnostics.h"
#include "operation/cross_entropy.h"
#include "specs.h"
#include "suite.h"
#include "training.h"

static const struct nl_backend *const ref = &nl_backend_ref, *const with_steps = &nl_backend_complex;

static const double step = 1e-100; /* of the imaginary parts */
static const double reach =
    1e-5; /* of the differences, whose error is its square times a third derivative, and 1e-16 / reach of rounding */
static const double tolerance = 1e-6;

enum { MOST = 1 << 15 }; /* numbers in the largest field of a specification */

static double direction(const char *name, size_t index)
{
    return drawn(77, name, index);
}

/* real <- real + by direction, or imaginary <- step direction. */
static void move(const struct image *image, void *field, size_t count, const char *name, double by)
{
    for (size_t i = 0; i < count; i++)
        image_set_real(image, 0, field, i, image_real(image, 0, field, i) + by * direction(name, i));
}

static void move_imaginary(void *field, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        double part = step * direction(name, i);
        nl_complex_put_imaginary((char *)field + i * with_steps->real, &part, 1);
    }
}

/* Imaginary parts over the step, and central differences, of one field. */
static void compare(const void *exact, const double *up, const double *down, size_t count, const char *what,
                    const char *name)
{
    static double found[MOST], expected[MOST];
    nl_complex_get_imaginary(found, exact, count);
    for (size_t i = 0; i < count; i++) {
        found[i] /= step;
        expected[i] = (up[i] - down[i]) / (2 * reach);
    }
    double off = distance(found, expected, count, 1.0);
    ck_assert_msg(off <= tolerance, "%s: the derivative of %s is %.3g from that by differences", what, name, off);
}

/* ---- operations ---- */

struct results {
    double y[MOST], gradient[4][MOST];
};

static void probe_results(const struct spec *spec, double by, struct results *out)
{
    struct probe p = probe_make(ref, 1, *spec);
    probe_fill(&p, 0, 1);
    for (int k = 0; k < p.inputs; k++)
        move(&p.image, p.input[k].value, p.input[k].count, p.input[k].name, by);
    move(&p.image, p.dy, p.y_count, "dy", by);
    probe_forward(&p);
    probe_backward(&p);
    image_get(&p.image, 0, p.y, out->y, p.y_count);
    for (int k = 0; k < p.inputs; k++)
        if (p.input[k].gradient)
            image_get(&p.image, 0, p.input[k].gradient, out->gradient[k], p.input[k].count);
    probe_free(&p);
}

/* Inputs, parameters and dy all move. The numbers drawn leave no element within `reach` of a kink. */
START_TEST(the_imaginary_part_is_the_derivative_of_forward_and_backward)
{
    static struct results up, down, here;
    const struct spec *spec = &specs[_i];
    if (spec->fill != NORMAL) /* ties of a pool and lost digits are no matter of derivatives */
        return;
    probe_results(spec, reach, &up);
    probe_results(spec, -reach, &down);
    probe_results(spec, 0, &here);
    struct probe p = probe_make(with_steps, 1, *spec);
    probe_fill(&p, 0, 1);
    for (int k = 0; k < p.inputs; k++)
        move_imaginary(p.input[k].value, p.input[k].count, p.input[k].name);
    move_imaginary(p.dy, p.y_count, "dy");
    probe_forward(&p);
    probe_backward(&p);
    double y[MOST];
    image_get(&p.image, 0, p.y, y, p.y_count);
    ck_assert_msg(distance(y, here.y, p.y_count, 1.0) <= 1e-13, "%s: the real part is not what it is without a step",
                  spec->name);
    compare(p.y, up.y, down.y, p.y_count, spec->name, "y");
    for (int k = 0; k < p.inputs; k++)
        if (p.input[k].gradient)
            compare(p.input[k].gradient, up.gradient[k], down.gradient[k], p.input[k].count, spec->name,
                    p.input[k].name);
    image_check_gaps(&p.image, spec->name);
    probe_free(&p);
}
END_TEST

/* The real part decides, however large the imaginary part is, and a NaN in it stays one. */
START_TEST(comparisons_are_by_the_real_part)
{
    static const double x[4] = {-2, 1, 3, NAN}, imaginary[4] = {50, 4, -7, 1};
    const struct spec relu = {"relu", ACTIVATE, .samples = 1, .channels = 4, .activation = NL_RELU};
    const struct spec pool = {"max-pool", MAX_POOL, .samples = 1, .height = 2, .width = 2, .channels = 1};
    double found[4];
    struct probe p = probe_make(with_steps, 1, relu);
    image_put(&p.image, 0, p.input[0].value, x, 4);
    nl_complex_put_imaginary(p.input[0].value, imaginary, 4);
    probe_forward(&p);
    nl_complex_get_imaginary(found, p.y, 3);
    ck_assert(found[0] == 0 && found[1] == 4 && found[2] == -7);
    ck_assert(isnan(image_real(&p.image, 0, p.y, 3)));
    probe_free(&p);

    p = probe_make(with_steps, 1, pool);
    image_put(&p.image, 0, p.input[0].value, (double[]){-2, 1, 3, 2}, 4);
    nl_complex_put_imaginary(p.input[0].value, imaginary, 4);
    probe_forward(&p);
    nl_complex_get_imaginary(found, p.y, 1);
    ck_assert(image_real(&p.image, 0, p.y, 0) == 3 && found[0] == -7);
    image_put(&p.image, 0, p.input[0].value, x, 4);
    probe_forward(&p);
    ck_assert(isnan(image_real(&p.image, 0, p.y, 0)));
    probe_free(&p);
}
END_TEST

/* ---- the loss: of dlogits = (p - onehot) / N the derivative is (diag(p) - p p') v / N ---- */

START_TEST(the_loss_has_its_hessian)
{
    enum { SAMPLES = 3, CLASSES = 5, COUNT = SAMPLES * CLASSES };
    struct image image = image_make(with_steps, 1, 1 << 14);
    struct nl_run run = {
        .replicas = 1, .stride = image.stride, .samples = SAMPLES, .sums = image_field(&image, sizeof *run.sums)};
    void *logits = image_reals(&image, COUNT);
    struct nl_cross_entropy op = {.positions = 1,
                                  .classes = CLASSES,
                                  .logits = logits,
                                  .labels = image_field(&image, SAMPLES * sizeof(int32_t)),
                                  .dlogits = image_reals(&image, COUNT),
                                  .hyper = image_field(&image, sizeof *op.hyper)};
    double found[COUNT];
    for (size_t i = 0; i < COUNT; i++)
        image_set_real(&image, 0, logits, i, drawn(1, "logits", i));
    move_imaginary(logits, COUNT, "logits");
    nl_kernel_of(with_steps, &nl_cross_entropy_operation, &op)->forward(&run, &op);
    nl_complex_get_imaginary(found, op.dlogits, COUNT);
    double loss = 0;
    for (size_t n = 0; n < SAMPLES; n++) {
        double p[CLASSES], sum = 0, mean = 0;
        for (size_t k = 0; k < CLASSES; k++)
            sum += p[k] = exp(drawn(1, "logits", n * CLASSES + k));
        for (size_t k = 0; k < CLASSES; k++)
            mean += (p[k] /= sum) * direction("logits", n * CLASSES + k);
        loss -= log(p[0]);
        for (size_t k = 0; k < CLASSES; k++) {
            double expected = p[k] * (direction("logits", n * CLASSES + k) - mean) / SAMPLES;
            ck_assert(fabs(found[n * CLASSES + k] / step - expected) <= 1e-14);
        }
    }
    ck_assert(fabs(run.sums->loss - loss) <= 1e-14 * loss);
    image_free(&image);
}
END_TEST

/* ---- optimizers ---- */

static const struct optimizer {
    enum nl_optimizer kind;
    bool nesterov;
    double clip_norm, agc;
} optimizers[] = {{NL_SGD, false, 0, 0},    {NL_SGD, true, 0.5, 0},    {NL_SGD, false, 0, 0.3},
                  {NL_ADAM, false, 0, 0},   {NL_ADAMW, false, 0.5, 0}, {NL_LION, false, 0.5, 0},
                  {NL_LARS, false, 0.5, 0}, {NL_LARS, false, 0, 0.3},  {NL_RMSPROP, false, 0.5, 0}};

enum { WEIGHTS = 40, UPDATES = 3 };

/* Weights after some updates by gradients that move; by: of the real parts. */
static void weights_after(const struct nl_backend *backend, const struct optimizer *optimizer, double by, double *w,
                          double *imaginary)
{
    struct image image = image_make(backend, 1, 1 << 14);
    struct nl_hyper *hyper = image_field(&image, sizeof *hyper);
    *hyper = (struct nl_hyper){.lr = 0.1,
                               .momentum = 0.9,
                               .weight_decay = 0.01,
                               .beta1 = 0.9,
                               .beta2 = 0.99,
                               .adam_eps = 1e-3,
                               .trust = 0.5,
                               .agc = optimizer->agc,
                               .clip_norm = optimizer->clip_norm};
    struct nl_update_tensor *tensor = image_field(&image, 2 * sizeof *tensor);
    tensor[0] = (struct nl_update_tensor){0, WEIGHTS / 2, NL_WEIGHT, 4, 0};
    tensor[1] = (struct nl_update_tensor){WEIGHTS / 2, WEIGHTS / 2, NL_BIAS, 1, 0};
    struct nl_update op = {.optimizer = optimizer->kind,
                           .nesterov = optimizer->nesterov,
                           .count = WEIGHTS,
                           .decayed = WEIGHTS / 2,
                           .units = optimizer->agc > 0 ? 4 : 0,
                           .tensors = 2,
                           .tensor = tensor,
                           .hyper = hyper};
    op.w = image_reals(&image, WEIGHTS);
    op.grad = image_reals(&image, WEIGHTS);
    op.first = image_reals(&image, WEIGHTS);
    op.second = image_reals(&image, WEIGHTS);
    for (size_t i = 0; i < WEIGHTS; i++)
        image_set_real(&image, 0, op.w, i, drawn(1, "w", i));
    for (int k = 0; k < UPDATES; k++) {
        struct nl_run run = {.replicas = 1, .stride = image.stride, .step = k};
        for (size_t i = 0; i < WEIGHTS; i++)
            image_set_real(&image, 0, op.grad, i, drawn((uint64_t)k, "grad", i));
        move(&image, op.grad, WEIGHTS, "grad", by);
        if (backend == with_steps)
            move_imaginary(op.grad, WEIGHTS, "grad");
        backend->update(&run, &op);
    }
    image_get(&image, 0, op.w, w, WEIGHTS);
    if (backend == with_steps)
        nl_complex_get_imaginary(imaginary, op.w, WEIGHTS);
    image_free(&image);
}

START_TEST(an_update_has_its_derivative)
{
    double up[WEIGHTS], down[WEIGHTS], here[WEIGHTS], w[WEIGHTS], found[WEIGHTS];
    weights_after(ref, &optimizers[_i], reach, up, NULL);
    weights_after(ref, &optimizers[_i], -reach, down, NULL);
    weights_after(ref, &optimizers[_i], 0, here, NULL);
    weights_after(with_steps, &optimizers[_i], 0, w, found);
    for (size_t i = 0; i < WEIGHTS; i++) {
        double expected = (up[i] - down[i]) / (2 * reach);
        ck_assert(fabs(w[i] - here[i]) <= 1e-14 * fmax(1, fabs(here[i])));
        ck_assert_msg(fabs(found[i] / step - expected) <= tolerance * fmax(1, fabs(expected)),
                      "weight %zu: %.12g, by differences %.12g", i, found[i] / step, expected);
    }
}
END_TEST

/* ---- networks: products with the Hessian ---- */

enum { WORDS = 6 };
static const char *const nets[][WORDS] = {
    {"model.arch=mlp", "model.depth=2", "model.width=6", "norm.kind=bn", "model.activation=gelu"},
    {"model.arch=mlp", "model.depth=2", "model.width=6", "norm.kind=ln", "model.dropout=0.2", "model.activation=tanh"},
    {"model.arch=cnn", "model.depth=2", "model.width=4", "norm.kind=gn", "norm.groups=2", "model.pool=[1]"},
    {"model.arch=resnet", "model.depth=8", "model.width=2", "norm.kind=bn"},
    {"model.arch=resnet", "model.depth=8", "model.width=2", "norm.kind=none", "model.residual=fixup",
     "model.activation=tanh"},
    {"model.arch=cnn", "model.depth=2", "model.width=4", "norm.kind=switch", "model.activation=tanh"},
    {"model.arch=cnn", "model.depth=2", "model.width=4", "norm.kind=bin", "model.activation=tanh"},
    {"model.arch=cnn", "model.depth=2", "model.width=4", "norm.kind=bcn", "norm.groups=2", "model.activation=tanh"},
};
enum { NETS = sizeof nets / sizeof *nets };

static struct training training_of(const struct nl_backend *backend, const char *const words[WORDS])
{
    const char *all[WORDS + 1] = {"train.batch=5"};
    int count = 1;
    for (int i = 0; i < WORDS && words[i]; i++)
        all[count++] = words[i];
    struct nl_experiment experiment;
    struct nl_diagnostics diagnostics = {0};
    ck_assert_msg(nl_experiment_load(NULL, all, count, &experiment, &diagnostics) == NL_OK, "%s",
                  nl_diagnostics_text(&diagnostics));
    struct training t = {.config = experiment.config};
    const char *trouble =
        training_make(&t, backend, 1, (struct nl_shape){.height = 8, .width = 8, .channels = 1, .classes = 3}, 40);
    ck_assert_msg(!trouble, "%s", trouble);
    training_rates(&t);
    nl_epoch_order(&t.view, 1, 0, t.order);
    backend->upload(t.plan.order, t.order, (size_t)t.view.train_count * sizeof *t.order);
    return t;
}

/* The gradient of the parameters on the first batch. */
static const void *gradient_of(struct training *t)
{
    struct nl_run run = {.replicas = 1,
                         .stride = t->plan.stride,
                         .samples = (int)t->config.train.batch,
                         .statistics = NL_STATS_TRAIN,
                         .sums = t->plan.sums};
    t->plan.train.gather.index = t->plan.order;
    nl_plan_forward(&t->plan, &t->plan.train, &run);
    nl_plan_backward(&t->plan, &run);
    return t->plan.update.grad;
}

/* The gradient with the parameters moved along direction `name`. */
static double *gradient_at(const char *const words[WORDS], const char *name, double by)
{
    struct training t = training_of(ref, words);
    size_t count = t.plan.update.count;
    double *gradient = nl_alloc(count, sizeof *gradient), *w = t.plan.parameters;
    for (size_t i = 0; i < count; i++)
        w[i] += by * direction(name, i);
    memcpy(gradient, gradient_of(&t), count * sizeof *gradient);
    training_free(&t);
    return gradient;
}

static double *hessian_product(const char *const words[WORDS], const char *name, size_t *count)
{
    struct training t = training_of(with_steps, words);
    *count = t.plan.update.count;
    double *product = nl_alloc(*count, sizeof *product);
    move_imaginary(t.plan.parameters, *count, name);
    nl_complex_get_imaginary(product, gradient_of(&t), *count);
    for (size_t i = 0; i < *count; i++)
        product[i] /= step;
    training_free(&t);
    return product;
}

/* H v by differences of gradients, and u' H v = v' H u to the rounding of doubles. */
START_TEST(a_step_in_the_parameters_yields_products_with_the_hessian)
{
    const char *const *words = nets[_i];
    size_t count;
    double *hv = hessian_product(words, "v", &count), *hu = hessian_product(words, "u", &count);
    double *up = gradient_at(words, "v", reach), *down = gradient_at(words, "v", -reach);
    double uhv = 0, vhu = 0, size = 0;
    for (size_t i = 0; i < count; i++) {
        uhv += direction("u", i) * hv[i];
        vhu += direction("v", i) * hu[i];
        size += fabs(direction("u", i) * hv[i]);
        up[i] = (up[i] - down[i]) / (2 * reach);
    }
    double off = distance(hv, up, count, 1e-3);
    ck_assert_msg(off <= tolerance, "H v is %.3g from that by differences", off);
    ck_assert_msg(fabs(uhv - vhu) <= 1e-12 * size, "u' H v is %.17g, v' H u %.17g", uhv, vhu);
    free(hv), free(hu), free(up), free(down);
}
END_TEST

START_TEST(real_and_imaginary_parts_are_written_apart)
{
    static const double reals[] = {1, 2, 3}, imaginary[] = {-4, -5, -6};
    double numbers[6], found[3];
    with_steps->put_reals(numbers, reals, 3);
    nl_complex_put_imaginary(numbers, imaginary, 3);
    with_steps->get_reals(found, numbers, 3);
    ck_assert(memcmp(found, reals, sizeof found) == 0);
    nl_complex_get_imaginary(found, numbers, 3);
    ck_assert(memcmp(found, imaginary, sizeof found) == 0);
    with_steps->put_reals(numbers, reals, 3);
    nl_complex_get_imaginary(found, numbers, 3);
    ck_assert(found[0] == 0 && found[1] == 0 && found[2] == 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("complex");
    TCase *operations = tcase_create("operations"), *networks = tcase_create("networks");
    tcase_add_test(operations, real_and_imaginary_parts_are_written_apart);
    tcase_add_loop_test(operations, the_imaginary_part_is_the_derivative_of_forward_and_backward, 0, SPECS);
    tcase_add_test(operations, comparisons_are_by_the_real_part);
    tcase_add_test(operations, the_loss_has_its_hessian);
    tcase_add_loop_test(operations, an_update_has_its_derivative, 0, sizeof optimizers / sizeof *optimizers);
    suite_add_tcase(suite, operations);
    tcase_add_loop_test(networks, a_step_in_the_parameters_yields_products_with_the_hessian, 0, NETS);
    suite_add_tcase(suite, networks);
    return run_suite(suite);
}
