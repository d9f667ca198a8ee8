/* The ends of a step on every backend, against formulas written out here: the gathering of a batch and the loss. */
#include "data/data.h"
#include "harness.h"
#include "operation/carry.h"
#include "operation/cross_entropy.h"
#include "operation/gather.h"
#include "suite.h"

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
                    if (image_real(&batch.image, 0, batch.logits, row + (size_t)j) >
                        image_real(&batch.image, 0, batch.logits, row + (size_t)best))
                        best = j;
                }
                right += best == batch.labels[n];
                for (int j = 0; j < classes; j++) {
                    double p = exp(image_real(&batch.image, 0, batch.logits, row + (size_t)j)) / sum;
                    double wanted = (1 - s) * (j == batch.labels[n]) + s / classes, gradient = (p - wanted) / samples;
                    expected -= wanted * log(p);
                    ck_assert(fabs(image_real(&batch.image, 0, batch.op.dlogits, row + (size_t)j) - gradient) <=
                              tolerance / samples);
                }
            }
            ck_assert_msg(fabs(found - expected) <= tolerance * (samples + expected), "%s: %.12g, not %.12g",
                          nl_backends[b]->name, found, expected);
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

/* Positions after a sample's length have labels that nobody reads, and a gradient of 0; the others are as samples of
 * their own. */
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
                image_set_real(&one.image, 0, one.logits, k,
                               image_real(&whole.image, 0, whole.logits, (size_t)row * CLASSES + k));
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
        ck_assert_msg(fabs(found - expected) <= tolerance * COUNTED, "%s: %.12g, not %.12g", nl_backends[b]->name,
                      found, expected);
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

/* ---- states ---- */

/* Of as many numbers as fill no whole number of blocks; in the first step of an epoch y is 0, and nothing after it. */
START_TEST(a_state_goes_on)
{
    enum { SAMPLES = 3, WIDTH_OF_STATE = 37, COUNT = SAMPLES * WIDTH_OF_STATE };
    for (int b = 0; nl_backends[b]; b++) {
        struct image image = image_make(nl_backends[b], 2, 1 << 15);
        struct nl_run run = run_of(&image, SAMPLES);
        struct nl_carry keeps = {.rows = SAMPLES, .width = WIDTH_OF_STATE, .keeps = true};
        void *x = image_reals(&image, COUNT), *y = image_reals(&image, COUNT);
        keeps.state = image_reals(&image, COUNT), keeps.x = x;
        struct nl_carry puts = {.rows = SAMPLES, .width = WIDTH_OF_STATE, .state = keeps.state, .y = y};
        for (int r = 0; r < image.replicas; r++)
            for (size_t i = 0; i < COUNT; i++) {
                image_set_real(&image, r, x, i, drawn((uint64_t)r, "x", i));
                image_set_real(&image, r, y, i, 1);
            }
        const struct nl_kernel *kernel = nl_kernel_of(nl_backends[b], &nl_carry_operation, &keeps);
        kernel->forward(&run, &keeps);
        for (int begins = 0; begins < 2; begins++) {
            run.begins = begins;
            kernel->forward(&run, &puts);
            for (int r = 0; r < image.replicas; r++)
                for (size_t i = 0; i < COUNT; i++)
                    ck_assert(image_real(&image, r, y, i) == (begins ? 0 : drawn((uint64_t)r, "x", i)));
        }
        image_check_gaps(&image, "carry");
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
                mirrored[row][column][k] =
                    pixels[(row * WIDTH + (moved.flip ? WIDTH - 1 - column : column)) * CHANNELS + k];
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
            int32_t *label_of = image_field(&image, IMAGES * sizeof *label_of),
                    *tokens_of = image_field(&image, IMAGES * WIDTH * sizeof *tokens_of),
                    *index = image_field(&image, sizeof wanted);
            float *table = image_field(&image, CHANNELS * 256 * sizeof *table);
            double *mean = image_field(&image, CHANNELS * sizeof *mean),
                   *scale = image_field(&image, CHANNELS * sizeof *scale);
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
            op.row[1] =
                (struct nl_rows){WIDTH, WIDTH, false, false, tokens_of, image_field(&image, WIDTH * sizeof wanted)};
            const void *windows = nl_backends[b]->share ? nl_backends[b]->share(text, sizeof text) : text;
            op.row[2] = (struct nl_rows){WIDTH, 1, true, false, windows, image_field(&image, WIDTH * sizeof wanted)};
            const void *targets = nl_backends[b]->share ? nl_backends[b]->share(target, sizeof target) : target;
            op.row[3] = (struct nl_rows){1, 1, true, true, targets, image_reals(&image, 5)};
            run.augment = augment;
            run.epoch = 3;
            for (int r = 0; r < image.replicas; r++) {
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
            for (int r = 0; r < image.replicas; r++)
                for (int n = 0; n < 5; n++) {
                    struct nl_augmentation moved = {0, 0, 0};
                    if (augment)
                        moved = nl_augment((uint64_t)(40 + r), 3, wanted[n], CROP, true);
                    moves += moved.dx != 0 || moved.dy != 0;
                    flips += moved.flip;
                    ck_assert_int_eq(((int32_t *)image_place(&image, r, op.row[0].to))[n], 10 * r + wanted[n]);
                    for (int i = 0; i < WIDTH; i++)
                        ck_assert_int_eq(((int32_t *)image_place(&image, r, op.row[1].to))[n * WIDTH + i],
                                         1000 * r + wanted[n] * WIDTH + i);
                    ck_assert(image_real(&image, r, op.row[3].to, (size_t)n) == (double)target[wanted[n]]);
                    for (int i = 0; i < WIDTH; i++)
                        ck_assert_int_eq(((int32_t *)image_place(&image, r, op.row[2].to))[n * WIDTH + i],
                                         text[wanted[n] + i]);
                    for (int i = 0; i < HEIGHT; i++)
                        for (int j = 0; j < WIDTH; j++)
                            for (int c = 0; c < CHANNELS; c++) {
                                double expected =
                                    moved_pixel(pixels[wanted[n]], image_place(&image, r, table), moved, i, j, c);
                                ck_assert(image_real(&image, r, op.x,
                                                     (size_t)(n * PIXELS + (i * WIDTH + j) * CHANNELS + c)) ==
                                          expected);
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
    tcase_add_test(ends, a_state_goes_on);
    tcase_add_loop_test(ends, gather_takes_moves_and_standardizes, 0, 2);
    suite_add_tcase(suite, ends);
    return run_suite(suite);
}
