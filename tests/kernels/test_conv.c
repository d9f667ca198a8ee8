/* Convolutions on many shapes: the same bits on every instruction set, and within bounds of `ref`. */
#include <float.h>

#include "bits.h"
#include "suite.h"

static const struct spec shapes[] = {
    {"one channel", CONV, .samples = 2, .height = 8, .width = 8, .channels = 1, .out = 16, .kernel = 3, .pad = 1,
     .bias = true},
    {"three channels", CONV, .samples = 2, .height = 32, .width = 32, .channels = 3, .out = 16, .kernel = 3, .pad = 1},
    {"16 to 16, 32x32", CONV, .samples = 2, .height = 32, .width = 32, .channels = 16, .out = 16, .kernel = 3,
     .pad = 1},
    {"32 to 32, 16x16", CONV, .samples = 3, .height = 16, .width = 16, .channels = 32, .out = 32, .kernel = 3, .pad = 1,
     .bias = true},
    {"64 to 64, 8x8", CONV, .samples = 3, .capacity = 4, .height = 8, .width = 8, .channels = 64, .out = 64,
     .kernel = 3, .pad = 1},
    {"16 to 64, 5x7", CONV, .samples = 2, .height = 5, .width = 7, .channels = 16, .out = 64, .kernel = 3, .pad = 1,
     .bias = true},
    {"64 to 17, 7x5", CONV, .samples = 2, .height = 7, .width = 5, .channels = 64, .out = 17, .kernel = 3, .pad = 1},
    {"10 to 3, 1x9", CONV, .samples = 2, .height = 1, .width = 9, .channels = 10, .out = 3, .kernel = 3, .pad = 1,
     .bias = true},
    {"17 to 48, 9x1", CONV, .samples = 2, .height = 9, .width = 1, .channels = 17, .out = 48, .kernel = 3, .pad = 1},
    {"32 to 10, 1x1", CONV, .samples = 3, .height = 1, .width = 1, .channels = 32, .out = 10, .kernel = 3, .pad = 1},
    {"3 to 1, 2x2", CONV, .samples = 2, .height = 2, .width = 2, .channels = 3, .out = 1, .kernel = 3, .pad = 1},
    {"2 to 33, 3x13", CONV, .samples = 2, .height = 3, .width = 13, .channels = 2, .out = 33, .kernel = 3, .pad = 1,
     .bias = true},
    {"1 to 32, 28x28", CONV, .samples = 1, .height = 28, .width = 28, .channels = 1, .out = 32, .kernel = 3, .pad = 1},
    {"16 to 16, 28x28", CONV, .samples = 1, .height = 28, .width = 28, .channels = 16, .out = 16, .kernel = 3,
     .pad = 1},
    {"16 to 32, 15x15", CONV, .samples = 1, .height = 15, .width = 15, .channels = 16, .out = 32, .kernel = 3,
     .pad = 1},
    {"16 to 32, 32x32, stride 2", CONV, .samples = 2, .height = 32, .width = 32, .channels = 16, .out = 32, .kernel = 3,
     .pad = 1, .stride = 2},
    {"3 to 17, 7x5, stride 2", CONV, .samples = 2, .height = 7, .width = 5, .channels = 3, .out = 17, .kernel = 3,
     .pad = 1, .stride = 2, .bias = true},
    {"64 to 64, 4x9, stride 2", CONV, .samples = 2, .height = 4, .width = 9, .channels = 64, .out = 64, .kernel = 3,
     .pad = 1, .stride = 2},
    {"16 to 16, 1x1, stride 2", CONV, .samples = 2, .height = 1, .width = 1, .channels = 16, .out = 16, .kernel = 3,
     .pad = 1, .stride = 2},
    {"16 to 3, 2x1, stride 2", CONV, .samples = 2, .height = 2, .width = 1, .channels = 16, .out = 3, .kernel = 3,
     .pad = 1, .stride = 2},
    {"kernel 1, 32 to 64", CONV, .samples = 2, .height = 6, .width = 11, .channels = 32, .out = 64, .kernel = 1,
     .bias = true},
    {"kernel 1, 17 to 10, stride 2", CONV, .samples = 2, .height = 6, .width = 7, .channels = 17, .out = 10,
     .kernel = 1, .stride = 2},
    {"kernel 3 without pad", CONV, .samples = 2, .height = 6, .width = 9, .channels = 16, .out = 16, .kernel = 3,
     .bias = true},
    {"kernel 3 without pad, stride 2", CONV, .samples = 2, .height = 8, .width = 7, .channels = 3, .out = 16,
     .kernel = 3, .stride = 2},
    {"kernel 2", CONV, .samples = 2, .height = 5, .width = 8, .channels = 3, .out = 16, .kernel = 2},
    {"128 to 16, 7x4", CONV, .samples = 2, .height = 7, .width = 4, .channels = 128, .out = 16, .kernel = 3, .pad = 1,
     .bias = true},
    {"16 to 64, 6x11", CONV, .samples = 2, .height = 6, .width = 11, .channels = 16, .out = 64, .kernel = 3, .pad = 1,
     .bias = true},
    {"64 to 32, 7x7", CONV, .samples = 1, .height = 7, .width = 7, .channels = 64, .out = 32, .kernel = 3, .pad = 1,
     .bias = true},
    {"32 to 64, one pixel", CONV, .samples = 2, .height = 1, .width = 1, .channels = 32, .out = 64, .kernel = 3,
     .pad = 1},
    {"32 to 32, far from zero", CONV, .samples = 2, .height = 10, .width = 7, .channels = 32, .out = 32, .kernel = 3,
     .pad = 1, .fill = FAR},
    {"16 to 16, 32x32, direct", CONV, .samples = 2, .height = 32, .width = 32, .channels = 16, .out = 16, .kernel = 3,
     .pad = 1, .algorithm = NL_CONV_DIRECT},
    {"32 to 32, 16x16, direct", CONV, .samples = 3, .height = 16, .width = 16, .channels = 32, .out = 32, .kernel = 3,
     .pad = 1, .bias = true, .algorithm = NL_CONV_DIRECT},
    {"64 to 64, 8x8, direct", CONV, .samples = 3, .capacity = 4, .height = 8, .width = 8, .channels = 64, .out = 64,
     .kernel = 3, .pad = 1, .algorithm = NL_CONV_DIRECT},
    {"16 to 64, 5x7, direct", CONV, .samples = 2, .height = 5, .width = 7, .channels = 16, .out = 64, .kernel = 3,
     .pad = 1, .bias = true, .algorithm = NL_CONV_DIRECT},
    {"32 to 32, far from zero, direct", CONV, .samples = 2, .height = 9, .width = 7, .channels = 32, .out = 32,
     .kernel = 3, .pad = 1, .fill = FAR, .algorithm = NL_CONV_DIRECT},
    {"kernel 2, pad 1, stride 2", CONV, .samples = 2, .height = 5, .width = 8, .channels = 3, .out = 16, .kernel = 2,
     .pad = 1, .stride = 2},
};
enum {
    SHAPES = sizeof shapes / sizeof *shapes,
    RANDOM = 30,
    RANDOM_WINOGRAD = 20,
    ALL = SHAPES + RANDOM + RANDOM_WINOGRAD
};

/* Shape `i`: those of the table, then random ones, then some that Winograd's algorithm takes. */
static struct spec shape(int i)
{
    static const int channels[] = {1, 2, 3, 4, 10, 16, 17, 31, 32, 48, 63, 64};
    if (i < SHAPES)
        return shapes[i];
    struct nl_stream stream = nl_stream(1, "shapes");
    int draw[8];
    for (int k = 0; k < 8; k++)
        draw[k] = (int)(1000 * nl_stream_uniform(stream, (uint64_t)i, (uint64_t)k));
    struct spec spec = {"random",
                        CONV,
                        .samples = 1 + draw[0] % 3,
                        .height = 1 + draw[1] % 18,
                        .width = 1 + draw[2] % 35,
                        .channels = channels[draw[3] % 12],
                        .out = channels[draw[4] % 12],
                        .kernel = draw[5] % 3 ? 3 : 1,
                        .stride = 1 + draw[6] % 2,
                        .bias = draw[7] % 2};
    if (i >= SHAPES + RANDOM) {
        spec.channels = 16 << draw[3] % 3;
        spec.out = 16 << draw[4] % 3;
        spec.kernel = 3;
        spec.stride = 1;
        spec.width = 1 + draw[2] % 17;
    }
    spec.pad = spec.kernel / 2;
    return spec;
}

START_TEST(bits_are_equal_over_instruction_sets)
{
    check_bits(shape(_i));
}
END_TEST

static void compare(struct spec spec, const char *name, const double *cpu, const double *ref, size_t count,
                    double bound)
{
    double found = distance(cpu, ref, count, 1.0) / FLT_EPSILON;
    ck_assert_msg(found <= bound, "%s, %dx%d, %d to %d, kernel %d, stride %d: %s is %.3g eps from ref, allowed %.3g",
                  spec.name, spec.height, spec.width, spec.channels, spec.out, spec.kernel, or_one(spec.stride), name,
                  found, bound);
}

/* A dot product of k terms: k roundings of either sign. Winograd's sums have a ninth of the terms, and its transforms
 * round more. */
START_TEST(all_agree_with_ref)
{
    static double cpu[MOST], ref[MOST];
    struct spec s = shape(_i);
    struct probe p = probe_make(&nl_backend_ref, 1, s);
    size_t y = p.y_count, dx = p.input[0].count, count = results(&nl_backend_ref, s, ref);
    probe_free(&p);
    ck_assert(results(&nl_backend_cpu, s, cpu) == count);
    double taps = s.kernel * s.kernel;
    compare(s, "y", cpu, ref, y, 4 * sqrt(taps * s.channels));
    compare(s, "dx", cpu + y, ref + y, dx, 4 * sqrt(taps * s.out));
    compare(s, "dw or db", cpu + y + dx, ref + y + dx, count - y - dx, 4 * sqrt(s.samples * s.height * s.width));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("conv");
    TCase *conv = tcase_create("conv");
    tcase_add_loop_test(conv, bits_are_equal_over_instruction_sets, 0, ALL);
    tcase_add_loop_test(conv, all_agree_with_ref, 0, ALL);
    suite_add_tcase(suite, conv);
    return run_suite(suite);
}
