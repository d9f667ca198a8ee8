/* Normalizers on many shapes: the same bits on every instruction set. test_backend.c and test_norm.c hold them to
 * `ref`. */
#include "bits.h"
#include "specs.h"
#include "suite.h"

enum { RANDOM = 200 };

/* Specification `i`: those of normalizers in specs.h (a spec of another kind: NULL name), then random ones. */
static struct spec shape(int i)
{
    static const int channels[] = {1, 2, 3, 8, 10, 16, 17, 24, 32, 48, 64, 66, 96, 128, 200};
    static const struct nl_norm *const norms[] = {&nl_norm_bn,  &nl_norm_ln,   &nl_norm_gn,   &nl_norm_in,
                                                  &nl_norm_rms, &nl_norm_l1bn, &nl_norm_maxbn};
    if (i < SPECS)
        return specs[i];
    struct nl_stream stream = nl_stream(1, "normalizers");
    int draw[13];
    for (int k = 0; k < 13; k++)
        draw[k] = (int)(1000 * nl_stream_uniform(stream, (uint64_t)i, (uint64_t)k));
    int height = draw[0] % 2 ? 1 : 1 + draw[1] % 5, width = height == 1 ? 1 : 1 + draw[2] % 11;
    struct spec spec = {"random",
                        NORMALIZE,
                        .norm = norms[draw[3] % 7],
                        .samples = 1 + draw[4] % (height == 1 ? 70 : 3),
                        .height = height,
                        .width = width,
                        .channels = channels[draw[5] % 15],
                        .relu = draw[6] % 3,
                        .fill = draw[7] % 4 ? NORMAL : FAR,
                        .affine = draw[8] % 4 ? NL_AFFINE_CHANNEL : NL_AFFINE_NONE,
                        .residual = draw[10] % 3 == 0,
                        .detached = draw[12] % 3 ? 0 : (unsigned)draw[10] % 4};
    bool over = spec.norm == &nl_norm_ln || spec.norm == &nl_norm_rms;
    spec.over_position = over && draw[9] % 3 == 0;
    if (!spec.norm->tracks && draw[8] % 4 == 1)
        spec.affine = NL_AFFINE_ELEMENT;
    if (spec.norm->tracks && draw[9] % 3 == 0)
        spec.stat_batch = 1 + draw[11] % 5;
    for (int groups = 1 + draw[11] % spec.channels; spec.norm == &nl_norm_gn && !spec.groups; groups--)
        spec.groups = spec.channels % groups == 0 ? groups : 0;
    return spec;
}

START_TEST(bits_are_equal_over_instruction_sets)
{
    struct spec spec = shape(_i);
    if (spec.kind == NORMALIZE)
        check_bits(spec);
}
END_TEST

/* Sets of one row: a few rows go by kernels of their own, which do the same. */
START_TEST(a_row_does_not_depend_on_how_many_there_are)
{
    static const struct spec shapes[] = {
        {"ln", NORMALIZE, .norm = &nl_norm_ln, .channels = 64, .relu = true},
        {"ln, 32", NORMALIZE, .norm = &nl_norm_ln, .channels = 32, .fill = FAR},
        {"gn of 4", NORMALIZE, .norm = &nl_norm_gn, .channels = 64, .groups = 16},
        {"gn of 8", NORMALIZE, .norm = &nl_norm_gn, .channels = 64, .groups = 8, .relu = true},
        {"gn of 16", NORMALIZE, .norm = &nl_norm_gn, .channels = 32, .groups = 2},
        {"rms", NORMALIZE, .norm = &nl_norm_rms, .channels = 64, .relu = true},
    };
    enum { MANY = 33, MOST_CHANNELS = 64 };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        struct spec spec = shapes[i];
        double found[2][MANY * MOST_CHANNELS], gradient[2][MANY * MOST_CHANNELS];
        size_t count = (size_t)spec.channels * (size_t)(_i + 1);
        for (int few = 0; few < 2; few++) {
            spec.samples = few ? _i + 1 : MANY;
            spec.capacity = MANY;
            struct probe p = probe_make(&nl_backend_cpu, 1, spec);
            probe_fill(&p, 0, 7);
            probe_forward(&p);
            probe_backward(&p);
            image_get(&p.image, 0, p.y, found[few], count);
            image_get(&p.image, 0, p.input[0].gradient, gradient[few], count);
            probe_free(&p);
        }
        ck_assert_msg(memcmp(found[0], found[1], count * sizeof(double)) == 0, "y of %s, %d rows", spec.name, _i + 1);
        ck_assert_msg(memcmp(gradient[0], gradient[1], count * sizeof(double)) == 0, "dx of %s, %d rows", spec.name,
                      _i + 1);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("normalize");
    TCase *kernels = tcase_create("kernels");
    tcase_add_loop_test(kernels, bits_are_equal_over_instruction_sets, 0, SPECS + RANDOM);
    tcase_add_loop_test(kernels, a_row_does_not_depend_on_how_many_there_are, 0, 5);
    suite_add_tcase(suite, kernels);
    return run_suite(suite);
}
