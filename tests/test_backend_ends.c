/* The ends of a step on every backend, against formulas written out here: the gathering of a batch, the loss, the optimizer. */
#include <float.h>

#include "data/data.h"
#include "harness.h"
#include "operation/cross_entropy.h"
#include "operation/gather.h"
#include "suite.h"

/* Rounding of a short chain of operations in the backend's type. */
static double epsilon(const struct nl_backend *backend)
{
    return backend->real == sizeof(float) ? FLT_EPSILON : DBL_EPSILON;
}

static struct nl_run run_of(const struct image *image, int samples)
{
    return (struct nl_run){.replicas = image->replicas, .stride = image->stride, .samples = samples, .statistics = NL_STATS_TRAIN};
}

/* ---- loss ---- */

struct batch {
    struct image image;
    struct nl_run run;
    struct nl_cross_entropy op;
    void *logits;
    int32_t *labels;
};

static struct batch batch_make(const struct nl_backend *backend, int samples, int classes)
{
    struct batch b = {.image = image_make(backend, 1, 1 << 17)};
    size_t count = (size_t)samples * (size_t)classes;
    b.run = run_of(&b.image, samples);
    b.logits = image_reals(&b.image, count);
    b.labels = image_field(&b.image, (size_t)samples * sizeof *b.labels);
    b.op = (struct nl_cross_entropy){.positions = 1, .classes = classes, .logits = b.logits, .labels = b.labels};
    b.run.sums = image_field(&b.image, sizeof *b.run.sums);
    b.op.hyper = image_field(&b.image, sizeof *b.op.hyper);
    b.op.dlogits = image_reals(&b.image, count);
    for (size_t i = 0; i < count; i++)
        image_set_real(&b.image, 0, b.logits, i, 3 * drawn(1, "logits", i));
    for (int n = 0; n < samples; n++)
        b.labels[n] = (7 * n + 3) % classes;
    return b;
}

static double loss_of(const struct batch *b)
{
    *b->run.sums = (struct nl_loss_sums){0};
    nl_kernel_of(b->image.backend, &nl_cross_entropy_operation, &b->op)->forward(&b->run, &b->op);
    return b->run.sums->loss;
}

/* Labels are smoothed in steps of training alone. */
START_TEST(loss_is_cross_entropy)
{
    static const int shapes[][2] = {{1, 2}, {2, 3}, {3, 10}, {33, 10}, {5, 100}};
    static const double asked[] = {0, 0.25, 1, 0.25};
    static const enum nl_statistics statistics[] = {NL_STATS_TRAIN, NL_STATS_TRAIN, NL_STATS_FROZEN, NL_STATS_RUNNING};
    double s = nl_is_step(statistics[_i]) ? asked[_i] : 0;
    for (int b = 0; nl_backends[b]; b++)
        for (size_t k = 0; k < sizeof shapes / sizeof *shapes; k++) {
            int samples = shapes[k][0], classes = shapes[k][1];
            struct batch batch = batch_make(nl_backends[b], samples, classes);
            *(struct nl_hyper *)(uintptr_t)batch.op.hyper = (struct nl_hyper){.label_smoothing = asked[_i]};
            batch.run.statistics = statistics[_i];
            double expected = 0.0, right = 0.0, tolerance = 8 * epsilon(nl_backends[b]);
            double found = loss_of(&batch);
            for (int n = 0; n < samples; n++) {
                double sum = 0.0;
                size_t row = (size_t)n * (size_t)classes;
                int best = 0;
                for (int j = 0; j < classes; j++) {
                    sum += exp(image_real(&batch.image, 0, batch.logits, row + (size_t)j));
                    if (image_real(&batch.image, 0, batch.logits, row + (size_t)j) > image_real(&batch.image, 0, batch.logits, row + (size_t)best))
                        best = j;
                }
                right += best == batch.labels[n];
                for (int j = 0; j < classes; j++) {
                    double p = exp(image_real(&batch.image, 0, batch.logits, row + (size_t)j)) / sum;
                    double wanted = (1 - s) * (j == batch.labels[n]) + s / classes, gradient = (p - wanted) / samples;
                    expected -= wanted * log(p);
                    ck_assert(fabs(image_real(&batch.image, 0, batch.op.dlogits, row + (size_t)j) - gradient) <= tolerance / samples);
                }
            }
            ck_assert_msg(fabs(found - expected) <= tolerance * (samples + expected), "%s: %.12g, not %.12g", nl_backends[b]->name, found, expected);
            ck_assert(batch.run.sums->correct == right);
            /* Sums go on; no gradient is written where none is asked for. */
            batch.op.dlogits = NULL;
            nl_kernel_of(nl_backends[b], &nl_cross_entropy_operation, &batch.op)->forward(&batch.run, &batch.op);
            ck_assert(fabs(batch.run.sums->loss - 2 * found) <= 1e-12 * found);
            ck_assert(batch.run.sums->correct == 2 * right);
            image_check_gaps(&batch.image, "cross_entropy");
            image_free(&batch.image);
        }
}
END_TEST

/* Positions after a sample's length have labels that nobody reads, and a gradient of 0; the others are as samples of their own. */
START_TEST(loss_counts_positions)
{
    enum { SAMPLES = 5, POSITIONS = 4, CLASSES = 3, ROWS = SAMPLES * POSITIONS, COUNTED = 10 };
    static const int32_t lengths[SAMPLES] = {4, 0, 9, -1, 2};
    for (int b = 0; nl_backends[b]; b++) {
        struct batch whole = batch_make(nl_backends[b], ROWS, CLASSES), one = batch_make(nl_backends[b], 1, CLASSES);
        double expected = 0.0, right = 0.0, tolerance = 8 * epsilon(nl_backends[b]), gradient[ROWS * CLASSES] = {0};
        for (int row = 0; row < ROWS; row++) {
            if (row % POSITIONS >= lengths[row / POSITIONS]) {
                whole.labels[row] = 1000000;
                continue;
            }
            for (size_t k = 0; k < CLASSES; k++)
                image_set_real(&one.image, 0, one.logits, k, image_real(&whole.image, 0, whole.logits, (size_t)row * CLASSES + k));
            one.labels[0] = whole.labels[row];
            expected += loss_of(&one);
            right += one.run.sums->correct;
            for (size_t k = 0; k < CLASSES; k++)
                gradient[(size_t)row * CLASSES + k] = image_real(&one.image, 0, one.op.dlogits, k) / COUNTED;
        }
        int32_t *of = image_field(&whole.image, sizeof lengths);
        memcpy(of, lengths, sizeof lengths);
        whole.op.positions = POSITIONS;
        whole.op.lengths = of;
        whole.run.samples = SAMPLES;
        double found = loss_of(&whole);
        ck_assert_msg(fabs(found - expected) <= tolerance * COUNTED, "%s: %.12g, not %.12g", nl_backends[b]->name, found, expected);
        ck_assert(whole.run.sums->correct == right && whole.run.sums->counted == COUNTED);
        for (size_t i = 0; i < ROWS * CLASSES; i++) {
            double value = image_real(&whole.image, 0, whole.op.dlogits, i);
            ck_assert(fabs(value - gradient[i]) <= tolerance && (gradient[i] != 0 || value == 0));
        }
        image_check_gaps(&whole.image, "cross_entropy");
        image_free(&whole.image);
        image_free(&one.image);
    }
}
END_TEST

START_TEST(loss_gradient_is_a_finite_difference)
{
    const double h = 1e-5;
    struct batch b = batch_make(&nl_backend_ref, 3, 10);
    for (size_t i = 0; i < 30; i++) {
        double value = image_real(&b.image, 0, b.logits, i);
        image_set_real(&b.image, 0, b.logits, i, value + h);
        double up = loss_of(&b);
        image_set_real(&b.image, 0, b.logits, i, value - h);
        double down = loss_of(&b);
        image_set_real(&b.image, 0, b.logits, i, value);
        loss_of(&b);
        ck_assert(fabs((up - down) / (2 * h) / 3 - image_real(&b.image, 0, b.op.dlogits, i)) <= 1e-9);
    }
    image_free(&b.image);
}
END_TEST

START_TEST(loss_is_safe_at_the_ends)
{
    for (int b = 0; nl_backends[b]; b++) {
        struct batch batch = batch_make(nl_backends[b], 1, 3);
        struct image *image = &batch.image;
        batch.labels[0] = 1;
        /* Logits that overflow exp, the right class far behind. */
        image_put(image, 0, batch.logits, (double[]){1000, -1000, 0}, 3);
        ck_assert(loss_of(&batch) == 2000);
        ck_assert(image_real(image, 0, batch.op.dlogits, 0) == 1 && image_real(image, 0, batch.op.dlogits, 1) == -1);
        /* Confident and right: loss and gradient are small, not zero. log1p(2 exp(-20)) = 4.12231e-9 */
        image_put(image, 0, batch.logits, (double[]){-10, 10, -10}, 3);
        ck_assert(fabs(loss_of(&batch) / log1p(2 * exp(-20)) - 1) <= 1e-6);
        ck_assert(fabs(image_real(image, 0, batch.op.dlogits, 1) / (-2 * exp(-20)) - 1) <= 1e-6);
        /* Of equal logits the first counts. */
        image_put(image, 0, batch.logits, (double[]){5, 5, 5}, 3);
        loss_of(&batch);
        ck_assert(batch.run.sums->correct == 0);
        batch.labels[0] = 0;
        loss_of(&batch);
        ck_assert(batch.run.sums->correct == 1);
        ck_assert(fabs(batch.run.sums->loss - log(3)) <= 4 * epsilon(nl_backends[b]));
        /* A NaN anywhere is a NaN loss, and never a right answer. */
        for (size_t k = 0; k < 3; k++)
            for (int label = 0; label < 3; label++) {
                image_put(image, 0, batch.logits, (double[]){1, 2, 3}, 3);
                image_set_real(image, 0, batch.logits, k, NAN);
                batch.labels[0] = label;
                ck_assert(isnan(loss_of(&batch)));
                ck_assert(batch.run.sums->correct == 0);
            }
        image_put(image, 0, batch.logits, (double[]){INFINITY, 2, 3}, 3);
        ck_assert(!isfinite(loss_of(&batch)));
        image_free(image);
    }
}
END_TEST

/* ---- optimizers ---- */

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
    {"nesterov", NL_SGD, .nesterov = true, .momentum_buffer = true, .hyper = {.lr = 0.05, .momentum = 0.9, .weight_decay = 0.1}},
    {"adam", NL_ADAM, .hyper = {.lr = 1e-2, .beta1 = 0.9, .beta2 = 0.999, .adam_eps = 1e-8, .weight_decay = 0.1}},
    {"adamw", NL_ADAMW, .hyper = {.lr = 1e-2, .beta1 = 0.8, .beta2 = 0.95, .adam_eps = 1e-3, .weight_decay = 0.1}},
    {"clip by norm", NL_SGD, .hyper = {.lr = 0.1, .clip_norm = 0.5}},
    {"clip by a norm that is not reached", NL_SGD, .hyper = {.lr = 0.1, .clip_norm = 1e6}},
    {"clip by value", NL_SGD, .hyper = {.lr = 0.1, .clip_value = 0.25}},
    {"both clips", NL_ADAM, .hyper = {.lr = 1e-2, .beta1 = 0.9, .beta2 = 0.999, .adam_eps = 1e-8, .clip_norm = 2, .clip_value = 0.2}},
    {"adaptive clipping", NL_SGD, .hyper = {.lr = 0.1, .agc = 0.4}},
    {"adaptive clipping with the others", NL_LARS, .hyper = {.lr = 0.5, .momentum = 0.9, .trust = 0.05, .agc = 1, .clip_norm = 2, .clip_value = 0.2}},
    {"lion", NL_LION, .hyper = {.lr = 1e-2, .beta1 = 0.9, .beta2 = 0.99}},
    {"lion with decay and clips", NL_LION, .hyper = {.lr = 1e-2, .beta1 = 0.8, .beta2 = 0.95, .weight_decay = 0.1, .clip_norm = 2, .clip_value = 0.2}},
    {"lars", NL_LARS, .hyper = {.lr = 0.5, .momentum = 0.9, .trust = 0.05}},
    {"lars with decay and clips", NL_LARS, .hyper = {.lr = 0.5, .momentum = 0.5, .trust = 0.05, .weight_decay = 0.1, .clip_norm = 2, .clip_value = 0.2}},
};
enum { RECIPES = sizeof recipes / sizeof *recipes, WEIGHTS = 37, DECAYED = 20, STEPS = 5 };

static const struct nl_update_tensor parts[] = {{0, 11, NL_WEIGHT, 0}, {11, 9, NL_WEIGHT, 3}, {20, 9, NL_BIAS, 1}, {29, 3, NL_FRACTION, 1}, {32, 5, NL_BETA, 1}};
enum { PARTS = sizeof parts / sizeof *parts };

static struct nl_update update_of(const struct recipe *recipe, struct image *image, size_t decayed)
{
    bool adam = recipe->optimizer == NL_ADAM || recipe->optimizer == NL_ADAMW, mean = recipe->optimizer != NL_SGD || recipe->momentum_buffer;
    struct nl_update_tensor *tensor = image_field(image, sizeof parts);
    for (int r = 0; r < image->replicas; r++)
        memcpy(image_place(image, r, tensor), parts, sizeof parts);
    return (struct nl_update){.optimizer = recipe->optimizer,
                              .nesterov = recipe->nesterov,
                              .count = WEIGHTS,
                              .decayed = decayed,
                              .units = recipe->hyper.agc > 0 ? 3 : 0,
                              .tensors = PARTS,
                              .has_fractions = true,
                              .tensor = tensor,
                              .hyper = image_field(image, sizeof(struct nl_hyper)),
                              .w = image_reals(image, WEIGHTS),
                              .grad = image_reals(image, WEIGHTS),
                              .first = mean ? image_reals(image, WEIGHTS) : NULL,
                              .second = adam ? image_reals(image, WEIGHTS) : NULL};
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
static double local_rate(const struct recipe *recipe, const struct nl_hyper *h, const double *w, const double *g, size_t i)
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

/* PyTorch's documented algorithms, and those of the papers, a weight at a time. `first` and `second` are the state, t counts from 1. */
static double stepped(const struct recipe *recipe, const struct nl_hyper *h, int t, double rate, double w, double g, double decay, double *first, double *second)
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
        struct image image = image_make(nl_backends[b], REPLICAS, 1 << 14);
        struct nl_run run = run_of(&image, 1);
        struct nl_update op = update_of(recipe, &image, DECAYED);
        double w[REPLICAS][WEIGHTS], first[REPLICAS][WEIGHTS] = {{0}}, second[REPLICAS][WEIGHTS] = {{0}};
        for (int r = 0; r < REPLICAS; r++) {
            struct nl_hyper *own = image_place(&image, r, op.hyper);
            *own = recipe->hyper;
            own->lr *= 1 + r; /* a replica has numbers of its own */
            own->agc *= 1 + r;
            for (size_t i = 0; i < WEIGHTS; i++)
                w[r][i] = drawn((uint64_t)r, "w", i);
            image_put(&image, r, op.w, w[r], WEIGHTS);
        }
        for (int t = 1; t <= STEPS; t++) {
            for (int r = 0; r < REPLICAS; r++) {
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
                    w[r][i] = stepped(recipe, h, t, rate[i], w[r][i], grad[i], i < DECAYED ? h->weight_decay : 0, &first[r][i], &second[r][i]);
                for (size_t i = 0; i < WEIGHTS; i++)
                    w[r][i] = is_fraction(i) ? fmin(fmax(w[r][i], 0), 1) : w[r][i];
            }
            run.step = t - 1;
            nl_backends[b]->update(&run, &op);
        }
        for (int r = 0; r < REPLICAS; r++)
            for (size_t i = 0; i < WEIGHTS; i++) { /* about ten roundings a step, of weights up to 4 */
                double found = image_real(&image, r, op.w, i);
                ck_assert_msg(fabs(found - w[r][i]) <= STEPS * 8 * epsilon(nl_backends[b]), "%s on %s: w[%zu] of replica %d is %.12g, not %.12g",
                              recipe->name, nl_backends[b]->name, i, r, found, w[r][i]);
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
        struct image image = image_make(nl_backends[b], 1, 1 << 14);
        struct nl_run run = run_of(&image, 1);
        struct nl_update op = update_of(recipe, &image, WEIGHTS);
        struct nl_hyper *hyper = image_place(&image, 0, op.hyper);
        struct nl_update_tensor *whole = image_place(&image, 0, op.tensor);
        double w[WEIGHTS], grad[WEIGHTS];
        *hyper = recipe->hyper;
        hyper->weight_decay = 0;
        *whole = (struct nl_update_tensor){0, WEIGHTS, NL_GAMMA, 1}; /* the rate of a weight follows from its norm */
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
            ck_assert_msg(image_real(&image, 0, op.w, i) == w[i], "%s on %s: w[%zu] is %g, not %g", recipe->name, nl_backends[b]->name, i,
                          image_real(&image, 0, op.w, i), w[i]);
            ck_assert_msg(!op.first || isfinite(image_real(&image, 0, op.first, i)), "%s on %s: the mean of gradients is %g", recipe->name,
                          nl_backends[b]->name, image_real(&image, 0, op.first, i));
        }
        image_free(&image);
    }
}
END_TEST

/* Norms that LARS cannot divide by leave the rate as it is. Those that a float cannot square are norms like others, and NaN stays NaN. */
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
            *(struct nl_update_tensor *)image_place(&image, 0, op.tensor) = (struct nl_update_tensor){0, 2, NL_WEIGHT, 1};
            op.tensors = 1;
            image_put(&image, 0, op.w, cases[i].w, 2);
            image_put(&image, 0, op.grad, cases[i].grad, 2);
            nl_backends[b]->update(&run, &op);
            for (size_t k = 0; k < 2; k++) {
                double found = image_real(&image, 0, op.w, k), expected = cases[i].stepped[k];
                ck_assert_msg(isnan(expected) ? isnan(found) : fabs(found - expected) <= 1e-6 * fabs(expected), "%s, case %zu: w[%zu] is %g, not %g",
                              nl_backends[b]->name, i, k, found, expected);
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
        ck_assert(image_real(&image, 0, op.w, 0) == 0 && image_real(&image, 0, op.w, 1) == 0 && isnan(image_real(&image, 0, op.w, 2)));
        ck_assert(image_real(&image, 0, op.w, 3) == -1 && image_real(&image, 0, op.w, 4) == 1);
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
        struct nl_update op = {.optimizer = NL_SGD, .count = 2, .hyper = hyper};
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

/* ---- batches ---- */

enum { IMAGES = 6, HEIGHT = 4, WIDTH = 5, CHANNELS = 2, PIXELS = HEIGHT * WIDTH * CHANNELS, CROP = 2 };

/* Pixel (i, j) of the mirrored image, moved by the crop: 0 outside. */
static double moved_pixel(const uint8_t *pixels, const float *table, struct nl_augmentation moved, int i, int j, int c)
{
    uint8_t mirrored[HEIGHT][WIDTH][CHANNELS];
    for (int row = 0; row < HEIGHT; row++)
        for (int column = 0; column < WIDTH; column++)
            for (int k = 0; k < CHANNELS; k++)
                mirrored[row][column][k] = pixels[(row * WIDTH + (moved.flip ? WIDTH - 1 - column : column)) * CHANNELS + k];
    i += moved.dy;
    j += moved.dx;
    return i < 0 || i >= HEIGHT || j < 0 || j >= WIDTH ? 0.0 : (double)table[c * 256 + mirrored[i][j][c]];
}

/* _i: bytes through the table, or float32 with the mean and scale that give the table's numbers. */
START_TEST(gather_takes_moves_and_standardizes)
{
    static const int32_t wanted[] = {5, 0, 3, 3, 1};
    uint8_t pixels[IMAGES][PIXELS];
    float values[IMAGES][PIXELS];
    int moves = 0, flips = 0;
    for (int n = 0; n < IMAGES; n++)
        for (int i = 0; i < PIXELS; i++)
            values[n][i] = pixels[n][i] = (uint8_t)(nl_stream_bits(nl_stream(1, "pixels"), (uint64_t)n, (uint64_t)i));
    float target[IMAGES];
    for (int n = 0; n < IMAGES; n++)
        target[n] = 0.1f * (float)n;
    int32_t text[IMAGES + WIDTH]; /* a window begins at each of the first IMAGES numbers */
    for (int i = 0; i < IMAGES + WIDTH; i++)
        text[i] = 7 * i % 65;
    for (int b = 0; nl_backends[b]; b++)
        for (int augment = 0; augment < 2; augment++) {
            struct image image = image_make(nl_backends[b], 2, 1 << 15);
            struct nl_run run = run_of(&image, 5);
            int32_t *label_of = image_field(&image, IMAGES * sizeof *label_of), *tokens_of = image_field(&image, IMAGES * WIDTH * sizeof *tokens_of),
                    *index = image_field(&image, sizeof wanted);
            float *table = image_field(&image, CHANNELS * 256 * sizeof *table);
            double *mean = image_field(&image, CHANNELS * sizeof *mean), *scale = image_field(&image, CHANNELS * sizeof *scale);
            uint64_t *seed = image_field(&image, sizeof *seed);
            struct nl_gather op = {.height = HEIGHT, .width = WIDTH, .channels = CHANNELS, .index = index, .crop = CROP,
                                   .flip = true, .seed = seed};
            const void *samples = _i == 0 ? (const void *)pixels : values;
            if (nl_backends[b]->share)
                samples = nl_backends[b]->share(samples, _i == 0 ? sizeof pixels : sizeof values);
            if (_i == 0) {
                op.pixels = samples;
                op.table = table;
            } else {
                op.values = samples;
                op.mean = mean;
                op.scale = scale;
            }
            op.x = image_reals(&image, 5 * PIXELS);
            op.rows = 4;
            op.row[0] = (struct nl_rows){1, 1, false, false, label_of, image_field(&image, sizeof wanted)};
            op.row[1] = (struct nl_rows){WIDTH, WIDTH, false, false, tokens_of, image_field(&image, WIDTH * sizeof wanted)};
            const void *windows = nl_backends[b]->share ? nl_backends[b]->share(text, sizeof text) : text;
            op.row[2] = (struct nl_rows){WIDTH, 1, true, false, windows, image_field(&image, WIDTH * sizeof wanted)};
            const void *targets = nl_backends[b]->share ? nl_backends[b]->share(target, sizeof target) : target;
            op.row[3] = (struct nl_rows){1, 1, true, true, targets, image_reals(&image, 5)};
            run.augment = augment;
            run.epoch = 3;
            for (int r = 0; r < 2; r++) {
                memcpy(image_place(&image, r, index), wanted, sizeof wanted);
                *(uint64_t *)image_place(&image, r, seed) = (uint64_t)(40 + r);
                for (int n = 0; n < IMAGES; n++)
                    ((int32_t *)image_place(&image, r, label_of))[n] = 10 * r + n;
                for (int i = 0; i < IMAGES * WIDTH; i++)
                    ((int32_t *)image_place(&image, r, tokens_of))[i] = 1000 * r + i;
                for (int k = 0; k < CHANNELS * 256; k++)
                    ((float *)image_place(&image, r, table))[k] = 0.25f * (float)(k + r) - 30.0f;
                for (int c = 0; c < CHANNELS; c++) {
                    ((double *)image_place(&image, r, mean))[c] = 120 - r - 256 * c;
                    ((double *)image_place(&image, r, scale))[c] = 0.25;
                }
            }
            nl_kernel_of(nl_backends[b], &nl_gather_operation, &op)->forward(&run, &op);
            for (int r = 0; r < 2; r++)
                for (int n = 0; n < 5; n++) {
                    struct nl_augmentation moved = {0, 0, 0};
                    if (augment)
                        moved = nl_augment((uint64_t)(40 + r), 3, wanted[n], CROP, true);
                    moves += moved.dx != 0 || moved.dy != 0;
                    flips += moved.flip;
                    ck_assert_int_eq(((int32_t *)image_place(&image, r, op.row[0].to))[n], 10 * r + wanted[n]);
                    for (int i = 0; i < WIDTH; i++)
                        ck_assert_int_eq(((int32_t *)image_place(&image, r, op.row[1].to))[n * WIDTH + i], 1000 * r + wanted[n] * WIDTH + i);
                    ck_assert(image_real(&image, r, op.row[3].to, (size_t)n) == (double)target[wanted[n]]);
                    for (int i = 0; i < WIDTH; i++)
                        ck_assert_int_eq(((int32_t *)image_place(&image, r, op.row[2].to))[n * WIDTH + i], text[wanted[n] + i]);
                    for (int i = 0; i < HEIGHT; i++)
                        for (int j = 0; j < WIDTH; j++)
                            for (int c = 0; c < CHANNELS; c++) {
                                double expected = moved_pixel(pixels[wanted[n]], image_place(&image, r, table), moved, i, j, c);
                                ck_assert(image_real(&image, r, op.x, (size_t)(n * PIXELS + (i * WIDTH + j) * CHANNELS + c)) == expected);
                            }
                }
            if (nl_backends[b]->unshare)
                nl_backends[b]->unshare(samples);
            image_check_gaps(&image, "gather");
            image_free(&image);
        }
    ck_assert(moves > 0 && flips > 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ends of a step");
    TCase *ends = tcase_create("ends");
    tcase_add_loop_test(ends, loss_is_cross_entropy, 0, 4);
    tcase_add_test(ends, loss_counts_positions);
    tcase_add_test(ends, loss_gradient_is_a_finite_difference);
    tcase_add_test(ends, loss_is_safe_at_the_ends);
    tcase_add_loop_test(ends, optimizers_follow_their_formulas, 0, RECIPES);
    tcase_add_loop_test(ends, no_decay_leaves_an_infinite_weight_alone, 0, RECIPES);
    tcase_add_test(ends, lars_takes_any_norm);
    tcase_add_test(ends, the_sign_of_nothing_is_nothing);
    tcase_add_test(ends, clipping_holds_for_huge_gradients);
    tcase_add_loop_test(ends, gather_takes_moves_and_standardizes, 0, 2);
    suite_add_tcase(suite, ends);
    return run_suite(suite);
}
