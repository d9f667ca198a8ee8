/* The order of an epoch as a GPU makes it: that of the host (data/data.h), in replicas with their own seeds. Run by the
 * host (tests/host_cuda) and by tests/gpu/run.sh on a device. */
#define PROBE_BYTES (1 << 16)
#include "on_cuda.h"
#include "data/data.h"
#include "harness.h"
#include "suite.h"

static const int counts[] = {1, 2, 37, 255, 256, 257, 1408, 2049};

enum {
    DRAWN_SAMPLES = 5,
    DRAWN_WINDOWS = 100000
}; /* with replacement: of the training part, or of all windows of a text */

static void compare(int count, int draws)
{
    enum { REPLICAS = 3, EPOCHS = 3, MOST = 2049 };
    struct image image = image_make(nl_backends[0], REPLICAS, PROBE_BYTES);
    size_t bytes = (size_t)count * sizeof(int32_t);
    struct nl_order op = {.count = count,
                          .draws = (uint32_t)draws,
                          .seed = image_field(&image, sizeof *op.seed),
                          .order = image_field(&image, bytes)};
    struct nl_dataset windows = {.window = 8};
    int32_t *part = image_field(&image, bytes), samples[MOST], expected[MOST];
    op.samples = draws == DRAWN_WINDOWS ? NULL : part;
    for (int i = 0; i < count; i++)
        samples[i] = 7 * i + 3;
    for (int r = 0; r < REPLICAS; r++) {
        uint64_t seed = 5000000000u + (uint64_t)r;
        memcpy(image_place(&image, r, op.seed), &seed, sizeof seed);
        memcpy(image_place(&image, r, part), samples, bytes);
    }
    struct nl_split view = {.dataset = draws == DRAWN_WINDOWS ? &windows : &(struct nl_dataset){.window = 0},
                            .train = samples,
                            .train_count = count,
                            .draws = draws};
    for (int64_t epoch = 0; epoch < EPOCHS; epoch++) {
        struct nl_run run = {.replicas = REPLICAS, .stride = image.stride, .epoch = epoch};
        nl_backends[0]->order(&run, &op);
        for (int r = 0; r < REPLICAS; r++) {
            nl_epoch_order(&view, 5000000000u + (uint64_t)r, epoch, expected);
            ck_assert_msg(memcmp(image_place(&image, r, op.order), expected, bytes) == 0,
                          "%d samples, epoch %d, replica %d", count, (int)epoch, r);
        }
    }
    image_check_gaps(&image, "order");
    image_free(&image);
}

START_TEST(it_is_the_host_s)
{
    compare(counts[_i], 0);
    compare(counts[_i], counts[_i] < DRAWN_SAMPLES ? counts[_i] : DRAWN_SAMPLES);
    compare(counts[_i], DRAWN_WINDOWS);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("order");
    TCase *tests = tcase_create("order");
    tcase_add_loop_test(tests, it_is_the_host_s, 0, sizeof counts / sizeof *counts);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
