/* A step of every optimizer on every backend, against formulas written out here. */
#include "harness.h"
#include "suite.h"

struct recipe {
    const char *name;
    enum nl_optimizer optimizer;
    bool nesterov, momentum_buffer;
    struct nl_hyper hyper;
};

static const struct recipe recipes[] = {
    {"sgd", NL_SGD, .hyper = {.lr = 0.1}},
    {"sgd with decay", NL_SGD, .hyper = {.lr = 0.1, .weight_decay = 0.01}},
    {"sgd with momentum", NL_SGD, .momentum_buffer = true, .hyper = {.lr = 0.05, .momentum = 0.9, .weight_decay = 0.1}},
    {"nesterov", NL_SGD, .nesterov = true, .momentum_buffer = true,
     .hyper = {.lr = 0.05, .momentum = 0.9, .weight_decay = 0.1}},
    {"adam", NL_ADAM, .hyper = {.lr = 1e-2, .beta1 = 0.9, .beta2 = 0.999, .adam_eps = 1e-8, .weight_decay = 0.1}},
    {"adamw", NL_ADAMW, .hyper = {.lr = 1e-2, .beta1 = 0.8, .beta2 = 0.95, .adam_eps = 1e-3, .weight_decay = 0.1}},
    {"clip by norm", NL_SGD, .hyper = {.lr = 0.1, .clip_norm = 0.5}},
    {"clip by a norm that is not reached", NL_SGD, .hyper = {.lr = 0.1, .clip_norm = 1e6}},
    {"clip by value", NL_SGD, .hyper = {.lr = 0.1, .clip_value = 0.25}},
    {"both clips", NL_ADAM,
     .hyper = {.lr = 1e-2, .beta1 = 0.9, .beta2 = 0.999, .adam_eps = 1e-8, .clip_norm = 2, .clip_value = 0.2}},
    {"adaptive clipping", NL_SGD, .hyper = {.lr = 0.1, .agc = 0.4}},
    {"adaptive clipping with the others", NL_LARS,
     .hyper = {.lr = 0.5, .momentum = 0.9, .trust = 0.05, .agc = 1, .clip_norm = 2, .clip_value = 0.2}},
    {"lion", NL_LION, .hyper = {.lr = 1e-2, .beta1 = 0.9, .beta2 = 0.99}},
    {"lion with decay and clips", NL_LION,
     .hyper = {.lr = 1e-2, .beta1 = 0.8, .beta2 = 0.95, .weight_decay = 0.1, .clip_norm = 2, .clip_value = 0.2}},
    {"lars", NL_LARS, .hyper = {.lr = 0.5, .momentum = 0.9, .trust = 0.05}},
    {"rmsprop", NL_RMSPROP, .hyper = {.lr = 1e-2, .beta2 = 0.99, .adam_eps = 1e-8}},
    {"rmsprop with momentum, decay and clips", NL_RMSPROP,
     .hyper = {.lr = 1e-2,
               .momentum = 0.9,
               .beta2 = 0.9,
               .adam_eps = 1e-3,
               .weight_decay = 0.1,
               .clip_norm = 2,
               .clip_value = 0.2}},
    {"lars with decay and clips", NL_LARS,
     .hyper = {.lr = 0.5, .momentum = 0.5, .trust = 0.05, .weight_decay = 0.1, .clip_norm = 2, .clip_value = 0.2}},
};
enum { RECIPES = sizeof recipes / sizeof *recipes, WEIGHTS = 37, DECAYED = 20, STEPS = 5 };

static const struct nl_update_tensor parts[] = {{0, 11, NL_WEIGHT, 0, 0},
                                                {11, 9, NL_WEIGHT, 3, 0},
                                                {20, 9, NL_BIAS, 1, 0},
                                                {29, 3, NL_FRACTION, 1, 0},
                                                {32, 5, NL_BETA, 1, 0}};
enum { PARTS = sizeof parts / sizeof *parts };

static bool computes(const struct nl_backend *backend, const struct recipe *recipe)
{
    return !backend->devices || nl_optimizers[recipe->optimizer]->on_cuda;
}

static struct nl_update update_of(const struct recipe *recipe, struct image *image, size_t decayed)
{
    const struct nl_optimizer_form *form = nl_optimizers[recipe->optimizer];
    int kept = form->kept_for_momentum && !recipe->momentum_buffer ? 0 : form->kept;
    struct nl_update_tensor *tensor = image_field(image, sizeof parts);
    for (int r = 0; r < image->replicas; r++)
        memcpy(image_place(image, r, tensor), parts, sizeof parts);
    return (struct nl_update){.optimizer = recipe->optimizer,
                              .nesterov = recipe->nesterov,
                              .decoupled = form->decoupled,
                              .count = WEIGHTS,
                              .decayed = decayed,
                              .clips = recipe->hyper.clip_norm > 0,
                              .units = recipe->hyper.agc > 0 ? 3 : 0,
                              .tensors = PARTS,
                              .has_fractions = true,
                              .tensor = tensor,
                              .hyper = image_field(image, sizeof(struct nl_hyper)),
                              .w = image_reals(image, WEIGHTS),
                              .grad = image_reals(image, WEIGHTS),
                              .first = kept > 0 ? image_reals(image, WEIGHTS) : NULL,
                              .second = kept > 1 ? image_reals(image, WEIGHTS) : NULL};
}

/* Brock et al. 2021, equation 3, of the unit that has weight i; w and g are as they were before. */
static double adaptively_clipped(const struct nl_hyper *h, const double *w, const double *g, size_t i)
{
    const struct nl_update_tensor *part = parts;
    while (i >= part->offset + part->count)
        part++;
    double of_w = 0, of_g = 0;
    for (size_t k = part->offset; k < part->offset + part->count; k++)
        if (part->units > 0 && (k - part->offset) % part->units == (i - part->offset) % part->units) {
            of_w += w[k] * w[k];
            of_g += g[k] * g[k];
        }
    double ratio = sqrt(of_g) / fmax(sqrt(of_w), 1e-3);
    return h->agc > 0 && ratio > h->agc ? g[i] * h->agc / ratio : g[i];
}

static bool is_fraction(size_t i)
{
    const struct nl_update_tensor *part = parts;
    while (i >= part->offset + part->count)
        part++;
    return part->role == NL_FRACTION;
}

/* LARS: of the tensor that has weight i. */
static double local_rate(const struct recipe *recipe, const struct nl_hyper *h, const double *w, const double *g,
                         size_t i)
{
    const struct nl_update_tensor *part = parts;
    while (i >= part->offset + part->count)
        part++;
    if (recipe->optimizer != NL_LARS || part->role != NL_WEIGHT)
        return 1;
    double of_w = 0, of_g = 0;
    for (size_t k = part->offset; k < part->offset + part->count; k++) {
        of_w += w[k] * w[k];
        of_g += g[k] * g[k];
    }
    return h->trust * sqrt(of_w) / (sqrt(of_g) + h->weight_decay * sqrt(of_w));
}

/* PyTorch's documented algorithms, and those of the papers, a weight at a time. `first` and `second` are the state, t
 * counts from 1. */
static double stepped(const struct recipe *recipe, const struct nl_hyper *h, int t, double rate, double w, double g,
                      double decay, double *first, double *second)
{
    if (recipe->optimizer == NL_LION) {
        double u = h->beta1 * *first + (1 - h->beta1) * g;
        *first = h->beta2 * *first + (1 - h->beta2) * g;
        return w - h->lr * (copysign(1, u) + decay * w);
    }
    if (recipe->optimizer == NL_LARS) {
        *first = h->momentum * *first + h->lr * rate * (g + decay * w);
        return w - *first;
    }
    if (recipe->optimizer == NL_RMSPROP) {
        g += decay * w;
        *first = h->beta2 * *first + (1 - h->beta2) * g * g;
        *second = h->momentum * *second + g / (sqrt(*first) + h->adam_eps);
        return w - h->lr * *second;
    }
    if (recipe->optimizer == NL_ADAMW)
        w -= h->lr * decay * w;
    else
        g += decay * w;
    if (recipe->optimizer == NL_SGD) {
        if (!recipe->momentum_buffer)
            return w - h->lr * g;
        *first = t == 1 ? g : h->momentum * *first + g;
        return w - h->lr * (recipe->nesterov ? g + h->momentum * *first : *first);
    }
    *first = h->beta1 * *first + (1 - h->beta1) * g;
    *second = h->beta2 * *second + (1 - h->beta2) * g * g;
    double mean = *first / (1 - pow(h->beta1, t)), square = *second / (1 - pow(h->beta2, t));
    return w - h->lr * mean / (sqrt(square) + h->adam_eps);
}

START_TEST(optimizers_follow_their_formulas)
{
    const struct recipe *recipe = &recipes[_i];
    for (int b = 0; nl_backends[b]; b++) {
        enum { REPLICAS = 2 };
        if (!computes(nl_backends[b], recipe))
            continue;
        struct image image = image_make(nl_backends[b], REPLICAS, 1 << 14);
        struct nl_run run = run_of(&image, 1);
        struct nl_update op = update_of(recipe, &image, DECAYED);
        double w[REPLICAS][WEIGHTS], first[REPLICAS][WEIGHTS] = {{0}}, second[REPLICAS][WEIGHTS] = {{0}};
        for (int r = 0; r < image.replicas; r++) {
            struct nl_hyper *own = image_place(&image, r, op.hyper);
            *own = recipe->hyper;
            own->lr *= 1 + r; /* a replica has numbers of its own */
            own->agc *= 1 + r;
            for (size_t i = 0; i < WEIGHTS; i++)
                w[r][i] = drawn((uint64_t)r, "w", i);
            image_put(&image, r, op.w, w[r], WEIGHTS);
        }
        for (int t = 1; t <= STEPS; t++) {
            for (int r = 0; r < image.replicas; r++) {
                const struct nl_hyper *h = image_place(&image, r, op.hyper);
                double drawn_grad[WEIGHTS], grad[WEIGHTS], rate[WEIGHTS], squares = 0.0;
                for (size_t i = 0; i < WEIGHTS; i++)
                    drawn_grad[i] = drawn((uint64_t)(100 * t + r), "grad", i);
                image_put(&image, r, op.grad, drawn_grad, WEIGHTS);
                for (size_t i = 0; i < WEIGHTS; i++) {
                    grad[i] = adaptively_clipped(h, w[r], drawn_grad, i);
                    squares += grad[i] * grad[i];
                }
                double factor = h->clip_norm > 0 ? fmin(1, h->clip_norm / (sqrt(squares) + 1e-6)) : 1;
                for (size_t i = 0; i < WEIGHTS; i++) {
                    grad[i] *= factor;
                    if (h->clip_value > 0)
                        grad[i] = fmax(-h->clip_value, fmin(h->clip_value, grad[i]));
                }
                for (size_t i = 0; i < WEIGHTS; i++)
                    rate[i] = local_rate(recipe, h, w[r], grad, i);
                for (size_t i = 0; i < WEIGHTS; i++)
                    w[r][i] = stepped(recipe, h, t, rate[i], w[r][i], grad[i], i < DECAYED ? h->weight_decay : 0,
                                      &first[r][i], &second[r][i]);
                for (size_t i = 0; i < WEIGHTS; i++)
                    w[r][i] = is_fraction(i) ? fmin(fmax(w[r][i], 0), 1) : w[r][i];
            }
            run.step = t - 1;
            nl_backends[b]->update(&run, &op);
        }
        for (int r = 0; r < image.replicas; r++)
            for (size_t i = 0; i < WEIGHTS; i++) { /* about ten roundings a step, of weights up to 4 */
                double found = image_real(&image, r, op.w, i);
                ck_assert_msg(fabs(found - w[r][i]) <= STEPS * 8 * epsilon(nl_backends[b]),
                              "%s on %s: w[%zu] of replica %d is %.12g, not %.12g", recipe->name, nl_backends[b]->name,
                              i, r, found, w[r][i]);
            }
        image_check_gaps(&image, recipe->name);
        image_free(&image);
    }
}
END_TEST

/* Without weight decay there is no term of it: 0 times an infinite weight would be NaN, and stay so in the momentum. */
START_TEST(no_decay_leaves_an_infinite_weight_alone)
{
    const struct recipe *recipe = &recipes[_i];
    for (int b = 0; nl_backends[b]; b++) {
        if (!computes(nl_backends[b], recipe))
            continue;
        struct image image = image_make(nl_backends[b], 1, 1 << 14);
        struct nl_run run = run_of(&image, 1);
        struct nl_update op = update_of(recipe, &image, WEIGHTS);
        struct nl_hyper *hyper = image_place(&image, 0, op.hyper);
        struct nl_update_tensor *whole = image_place(&image, 0, op.tensor);
        double w[WEIGHTS], grad[WEIGHTS];
        *hyper = recipe->hyper;
        hyper->weight_decay = 0;
        *whole = (struct nl_update_tensor){0, WEIGHTS, NL_GAMMA, 1, 0}; /* the rate of a weight follows from its norm */
        op.tensors = 1;
        for (int i = 0; i < WEIGHTS; i++) {
            w[i] = i % 2 ? INFINITY : -INFINITY;
            grad[i] = drawn(1, "grad", (size_t)i);
        }
        image_put(&image, 0, op.w, w, WEIGHTS);
        for (run.step = 0; run.step < STEPS; run.step++) {
            image_put(&image, 0, op.grad, grad, WEIGHTS);
            nl_backends[b]->update(&run, &op);
        }
        for (size_t i = 0; i < WEIGHTS; i++) {
            ck_assert_msg(image_real(&image, 0, op.w, i) == w[i], "%s on %s: w[%zu] is %g, not %g", recipe->name,
                          nl_backends[b]->name, i, image_real(&image, 0, op.w, i), w[i]);
            ck_assert_msg(!op.first || isfinite(image_real(&image, 0, op.first, i)),
                          "%s on %s: the mean of gradients is %g", recipe->name, nl_backends[b]->name,
                          image_real(&image, 0, op.first, i));
        }
        image_free(&image);
    }
}
END_TEST

/* Norms that LARS cannot divide by leave the rate as it is. Those that a float cannot square are norms like others, and
 * NaN stays NaN. */
START_TEST(lars_takes_any_norm)
{
    static const struct {
        double w[2], grad[2], stepped[2]; /* by lr 1, trust 0.5 */
    } cases[] = {
        {{0, 0}, {3, -4}, {-3, 4}},
        {{3, 4}, {0, 0}, {3, 4}},
        {{3, 4}, {6, -8}, {1.5, 6}},
        {{3e25, 4e25}, {6e25, -8e25}, {1.5e25, 6e25}},
        {{3e-25, 4e-25}, {6e-25, -8e-25}, {1.5e-25, 6e-25}},
        {{3, 4}, {NAN, 0}, {NAN, NAN}},
    };
    for (int b = 0; nl_backends[b]; b++)
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            struct image image = image_make(nl_backends[b], 1, 1 << 14);
            struct nl_run run = run_of(&image, 1);
            struct nl_update op = update_of(&(struct recipe){.optimizer = NL_LARS}, &image, 0);
            *(struct nl_hyper *)image_place(&image, 0, op.hyper) = (struct nl_hyper){.lr = 1, .trust = 0.5};
            *(struct nl_update_tensor *)image_place(&image, 0, op.tensor) =
                (struct nl_update_tensor){0, 2, NL_WEIGHT, 1, 0};
            op.tensors = 1;
            image_put(&image, 0, op.w, cases[i].w, 2);
            image_put(&image, 0, op.grad, cases[i].grad, 2);
            nl_backends[b]->update(&run, &op);
            for (size_t k = 0; k < 2; k++) {
                double found = image_real(&image, 0, op.w, k), expected = cases[i].stepped[k];
                ck_assert_msg(isnan(expected) ? isnan(found) : fabs(found - expected) <= 1e-6 * fabs(expected),
                              "%s, case %zu: w[%zu] is %g, not %g", nl_backends[b]->name, i, k, found, expected);
            }
            image_free(&image);
        }
}
END_TEST

/* Where nothing pulls, Lion does not move; where a gradient is NaN, the weight is. */
START_TEST(the_sign_of_nothing_is_nothing)
{
    for (int b = 0; nl_backends[b]; b++) {
        struct image image = image_make(nl_backends[b], 1, 1 << 14);
        struct nl_run run = run_of(&image, 1);
        struct nl_update op = update_of(&(struct recipe){.optimizer = NL_LION}, &image, 0);
        *(struct nl_hyper *)image_place(&image, 0, op.hyper) = (struct nl_hyper){.lr = 1, .beta1 = 0.9, .beta2 = 0.99};
        image_put(&image, 0, op.grad, (double[]){0, -0.0, NAN, 1e-30, -1e-30}, 5);
        nl_backends[b]->update(&run, &op);
        ck_assert(image_real(&image, 0, op.w, 0) == 0 && image_real(&image, 0, op.w, 1) == 0 &&
                  isnan(image_real(&image, 0, op.w, 2)));
        ck_assert(image_real(&image, 0, op.w, 3) == -1 && image_real(&image, 0, op.w, 4) == 1);
        image_free(&image);
    }
}
END_TEST

/* SGD of one tensor. */
static struct nl_update whole(struct image *image, size_t count, const struct nl_hyper *hyper)
{
    struct nl_update_tensor *tensor = image_field(image, sizeof *tensor);
    *tensor = (struct nl_update_tensor){0, count, NL_BIAS, 0, 0};
    return (struct nl_update){.optimizer = NL_SGD, .count = count, .tensors = 1, .tensor = tensor, .hyper = hyper};
}

/* A gradient is held to its bounds; one that is NaN stays NaN, whichever clip it meets, and no clip makes a number of
 * it. */
START_TEST(a_clipped_nan_stays_nan)
{
    static const double grad[] = {NAN, 1, -1, 0.1, -0.1, INFINITY, -INFINITY, NAN, -NAN};
    enum { COUNT = sizeof grad / sizeof *grad };
    for (int b = 0; nl_backends[b]; b++) {
        struct image image = image_make(nl_backends[b], 1, 1 << 14);
        struct nl_run run = run_of(&image, 1);
        struct nl_hyper *hyper = image_field(&image, sizeof *hyper);
        struct nl_update op = whole(&image, COUNT, hyper);
        *hyper = (struct nl_hyper){.lr = 1, .clip_value = 0.25};
        op.w = image_reals(&image, COUNT);
        op.grad = image_reals(&image, COUNT);
        image_put(&image, 0, op.grad, grad, COUNT);
        nl_backends[b]->update(&run, &op);
        for (size_t i = 0; i < COUNT; i++) {
            double found = image_real(&image, 0, op.w, i), clipped = grad[i] > 0.25    ? 0.25
                                                                     : grad[i] < -0.25 ? -0.25
                                                                                       : grad[i];
            ck_assert_msg(isnan(clipped) ? isnan(found) : fabs(found + clipped) <= 1e-7, "%s: %g moves a weight to %g",
                          nl_backends[b]->name, grad[i], found);
        }
        image_free(&image);
    }
}
END_TEST

/* The norm of weights by which adaptive clipping goes is at least 1e-3, so that weights of zero can be left (Brock et
 * al. 2021). */
START_TEST(adaptive_clipping_takes_small_weights_for_larger_ones)
{
    static const struct {
        double w, stepped; /* by a gradient of -1, agc 0.5 and lr 1 */
    } cases[] = {{0, 5e-4}, {1e-5, 1e-5 + 5e-4}, {9e-4, 9e-4 + 5e-4}, {2e-3, 3e-3}, {4, 5}};
    enum { COUNT = sizeof cases / sizeof *cases };
    for (int b = 0; nl_backends[b]; b++) {
        struct image image = image_make(nl_backends[b], 1, 1 << 14);
        struct nl_run run = run_of(&image, 1);
        struct nl_update op = update_of(&(struct recipe){.optimizer = NL_SGD, .hyper.agc = 0.5}, &image, 0);
        *(struct nl_hyper *)image_place(&image, 0, op.hyper) = (struct nl_hyper){.lr = 1, .agc = 0.5};
        *(struct nl_update_tensor *)image_place(&image, 0, op.tensor) =
            (struct nl_update_tensor){0, COUNT, NL_WEIGHT, COUNT, 0};
        op.tensors = 1, op.count = COUNT, op.units = COUNT;
        for (size_t i = 0; i < COUNT; i++) {
            image_set_real(&image, 0, op.w, i, cases[i].w);
            image_set_real(&image, 0, op.grad, i, -1);
        }
        nl_backends[b]->update(&run, &op);
        for (size_t i = 0; i < COUNT; i++) {
            double found = image_real(&image, 0, op.w, i);
            ck_assert_msg(fabs(found - cases[i].stepped) <= 2 * epsilon(nl_backends[b]) * cases[i].stepped,
                          "%s: %g goes to %.12g, not %.12g", nl_backends[b]->name, cases[i].w, found, cases[i].stepped);
        }
        image_free(&image);
    }
}
END_TEST

/* The norm of a diverging gradient overflows float32 when squared; clipping must still tame it. */
START_TEST(clipping_holds_for_huge_gradients)
{
    for (int b = 0; nl_backends[b]; b++) {
        struct image image = image_make(nl_backends[b], 1, 1 << 14);
        struct nl_run run = run_of(&image, 1);
        struct nl_hyper *hyper = image_field(&image, sizeof *hyper);
        struct nl_update op = whole(&image, 2, hyper);
        op.clips = true;
        *hyper = (struct nl_hyper){.lr = 1, .clip_norm = 5};
        op.w = image_reals(&image, 2);
        op.grad = image_reals(&image, 2);
        image_put(&image, 0, op.grad, (double[]){3e30, -4e30}, 2);
        nl_backends[b]->update(&run, &op);
        ck_assert(fabs(image_real(&image, 0, op.w, 0) + 3) <= 1e-6 && fabs(image_real(&image, 0, op.w, 1) - 4) <= 1e-6);
        image_put(&image, 0, op.grad, (double[]){NAN, 1}, 2);
        nl_backends[b]->update(&run, &op);
        ck_assert(isnan(image_real(&image, 0, op.w, 0)));
        image_free(&image);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("optimizers");
    TCase *steps = tcase_create("steps");
    tcase_add_loop_test(steps, optimizers_follow_their_formulas, 0, RECIPES);
    tcase_add_loop_test(steps, no_decay_leaves_an_infinite_weight_alone, 0, RECIPES);
    tcase_add_test(steps, lars_takes_any_norm);
    tcase_add_test(steps, the_sign_of_nothing_is_nothing);
    tcase_add_test(steps, clipping_holds_for_huge_gradients);
    tcase_add_test(steps, a_clipped_nan_stays_nan);
    tcase_add_test(steps, adaptive_clipping_takes_small_weights_for_larger_ones);
    suite_add_tcase(suite, steps);
    return run_suite(suite);
}
