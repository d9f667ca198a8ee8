/* Matrix products on the kernels for a GPU, in each device.precision: of elements rounded to tf32 or bf16 against
 * `ref`, which is given them rounded; in chunks; and added to what is there. Run by the host (tests/host_cuda) and by
 * tests/gpu/run.sh on a device. */
#define PROBE_BYTES (5 << 20)
#include <float.h>

#include "on_cuda.h"
#include "harness.h"
#include "suite.h"

static const struct nl_backend *const ref = &nl_backend_ref;

static const struct spec specs[] = {
    {"linear", LINEAR, .samples = 33, .channels = 37, .out = 10, .bias = true},
    {"linear, one sample", LINEAR, .samples = 1, .channels = 64, .out = 64},
    {"linear, k in chunks", LINEAR, .samples = 300, .channels = 20, .out = 48, .bias = true},
    {"conv 3x3", CONV, .samples = 3, .height = 5, .width = 6, .channels = 3, .out = 10, .kernel = 3, .pad = 1,
     .bias = true},
    {"conv 3x3, fours", CONV, .samples = 2, .height = 9, .width = 8, .channels = 16, .out = 36, .kernel = 3, .pad = 1},
    {"conv 3x3 stride 2", CONV, .samples = 2, .height = 7, .width = 5, .channels = 4, .out = 8, .kernel = 3, .pad = 1,
     .stride = 2},
    {"conv, k of y and dx in chunks", CONV, .samples = 1, .height = 4, .width = 5, .channels = 64, .out = 36,
     .kernel = 3, .pad = 1, .bias = true},
    {"conv, likewise, one element after the other", CONV, .samples = 1, .height = 4, .width = 5, .channels = 33,
     .out = 30, .kernel = 3, .pad = 1, .bias = true},
    {"conv 1x1 without dx", CONV, .samples = 3, .height = 3, .width = 4, .channels = 10, .out = 3, .kernel = 1,
     .bias = true, .no_dx = true},
    {"linear, other tiles for three replicas", LINEAR, .samples = 6500, .channels = 9, .out = 34, .bias = true},
    {"linear, narrow, likewise", LINEAR, .samples = 6500, .channels = 34, .out = 7, .bias = true},
};
enum { SPECS = sizeof specs / sizeof *specs, LARGE = 2 /* at the end */, MOST = 1 << 18 };

/* To `bits` after the point, as the format does it: ties away from zero in tf32, to even in bf16. */
static double rounded(enum nl_precision precision, double value)
{
    int exponent, bits = precision == NL_TF32 ? 11 : 8;
    double mantissa = ldexp(frexp(value, &exponent), bits);
    return precision == NL_FLOAT32 || precision == NL_3XTF32
               ? value
               : ldexp(precision == NL_TF32 ? round(mantissa) : nearbyint(mantissa), exponent - bits);
}

static struct probe make(const struct nl_backend *backend, int replicas, const struct spec *spec,
                         enum nl_precision precision)
{
    struct probe p = probe_make(backend, replicas, *spec);
    p.linear.precision = p.conv.precision = precision;
    return p;
}

static void run(const struct probe *p)
{
    probe_forward(p);
    probe_backward(p);
}

/* On numbers rounded beforehand the only difference is that sums are float32: as many roundings as there are terms, of
 * either sign. */
static void check(const struct probe *p, const struct probe *r, const void *field, const void *ref_field, size_t count,
                  double terms, const char *name)
{
    static double found[MOST], expected[MOST];
    double largest = 1.0;
    ck_assert(count <= MOST);
    image_get(&p->image, 0, field, found, count);
    image_get(&r->image, 0, ref_field, expected, count);
    for (size_t i = 0; i < count; i++)
        largest = fmax(largest, fabs(expected[i]));
    for (size_t i = 0; i < count; i++)
        ck_assert_msg(fabs(found[i] - expected[i]) <= 4 * sqrt(terms) * FLT_EPSILON * largest,
                      "%s: %s[%zu] is %.9g, not %.9g", p->spec.name, name, i, found[i], expected[i]);
}

static void check_against_ref(const struct spec *spec, enum nl_precision precision)
{
    struct probe p = make(nl_backends[0], 1, spec, precision), r = make(ref, 1, spec, NL_FLOAT32);
    probe_fill(&p, 0, 2);
    probe_fill(&r, 0, 2);
    for (int k = 0; k < 2; k++) /* not the bias: it is added */
        for (size_t i = 0; i < r.input[k].capacity; i++)
            image_set_real(&r.image, 0, r.input[k].value, i,
                           rounded(precision, image_real(&r.image, 0, r.input[k].value, i)));
    for (size_t i = 0; i < r.y_capacity; i++)
        image_set_real(&r.image, 0, r.dy, i, rounded(precision, image_real(&r.image, 0, r.dy, i)));
    run(&p);
    run(&r);
    double taps = spec->kernel ? spec->kernel * spec->kernel : 1;
    check(&p, &r, p.y, r.y, p.y_count, taps * spec->channels, "y");
    if (p.input[0].gradient)
        check(&p, &r, p.input[0].gradient, r.input[0].gradient, p.input[0].count, taps * spec->out, "dx");
    check(&p, &r, p.input[1].gradient, r.input[1].gradient, p.input[1].count, (double)p.y_count / spec->out, "dw");
    probe_free(&p);
    probe_free(&r);
}

START_TEST(products_are_of_rounded_elements)
{
    for (enum nl_precision precision = NL_FLOAT32; precision <= NL_3XTF32; precision++)
        check_against_ref(&specs[_i], precision);
}
END_TEST

/* The gradient of a bias is a sum, not a product: it has the bits that it has in float32. */
START_TEST(sums_are_not_rounded)
{
    struct probe plain = make(nl_backends[0], 1, &specs[_i], NL_FLOAT32);
    probe_fill(&plain, 0, 3);
    run(&plain);
    for (enum nl_precision precision = NL_TF32; specs[_i].bias && precision <= NL_3XTF32; precision++) {
        struct probe p = make(nl_backends[0], 1, &specs[_i], precision);
        probe_fill(&p, 0, 3);
        run(&p);
        ck_assert_msg(memcmp(p.input[2].gradient, plain.input[2].gradient, p.input[2].count * sizeof(float)) == 0,
                      "%s in %s: db", p.spec.name, nl_precision_names[precision]);
        ck_assert_msg(memcmp(p.y, plain.y, p.y_count * sizeof(float)) != 0, "%s in %s: y is what float32 is",
                      p.spec.name, nl_precision_names[precision]);
        probe_free(&p);
    }
    probe_free(&plain);
}
END_TEST

/* What is there and dx, whichever way the sum over k is cut. */
START_TEST(a_gradient_is_added)
{
    static double before[MOST], plain[MOST], found[MOST];
    for (enum nl_precision precision = NL_FLOAT32; precision <= NL_3XTF32 && !specs[_i].no_dx; precision++) {
        struct probe p = make(nl_backends[0], 1, &specs[_i], precision);
        size_t count = p.input[0].count;
        ck_assert(count <= MOST);
        probe_fill(&p, 0, 5);
        for (size_t i = 0; i < count; i++)
            before[i] = (float)(1 + i % 7) / 4;
        run(&p);
        image_get(&p.image, 0, p.input[0].gradient, plain, count);
        image_put(&p.image, 0, p.input[0].gradient, before, count);
        p.linear.adds = p.conv.adds = true;
        run(&p);
        image_get(&p.image, 0, p.input[0].gradient, found, count);
        for (size_t i = 0; i < count; i++)
            ck_assert_msg(fabs(found[i] - before[i] - plain[i]) <= 64 * FLT_EPSILON * (1 + fabs(plain[i])),
                          "%s in %s: dx[%zu] is %.9g, not %.9g and %.9g", p.spec.name, nl_precision_names[precision], i,
                          found[i], before[i], plain[i]);
        image_check_gaps(&p.image, p.spec.name);
        probe_free(&p);
    }
}
END_TEST

/* Three replicas, whose tiles may be larger, and each alone: the same image, bit for bit. */
START_TEST(replicas_are_independent)
{
    for (enum nl_precision precision = NL_FLOAT32; precision <= NL_3XTF32; precision++) {
        struct probe together = make(nl_backends[0], 3, &specs[_i], precision);
        for (int r = 0; r < 3; r++)
            probe_fill(&together, r, 10 + (uint64_t)r);
        run(&together);
        for (int r = 0; r < 3; r++) {
            struct probe alone = make(nl_backends[0], 1, &specs[_i], precision);
            probe_fill(&alone, 0, 10 + (uint64_t)r);
            run(&alone);
            ck_assert_msg(memcmp(alone.image.memory, image_place(&together.image, r, together.image.memory),
                                 alone.image.stride) == 0,
                          "%s in %s: replica %d of 3 is not what it is alone", specs[_i].name,
                          nl_precision_names[precision], r);
            probe_free(&alone);
        }
        image_check_gaps(&together.image, specs[_i].name);
        probe_free(&together);
    }
}
END_TEST

/* Of many replicas a block takes all chunks of k in turn, of one each chunk has a block: y of the last is what it is
 * alone, bit for bit. */
START_TEST(chunks_in_turn_are_chunks_at_once)
{
    enum { REPLICAS = 5 };
    struct spec spec = {"conv, chunks in turn", CONV,     .samples = 4, .height = 32, .width = 32,
                        .channels = 32,         .out = 8, .kernel = 3,  .pad = 1,     .bias = true};
    for (enum nl_precision precision = NL_FLOAT32; precision <= NL_TF32; precision++) {
        struct probe together = make(nl_backends[0], REPLICAS, &spec, precision),
                     alone = make(nl_backends[0], 1, &spec, precision);
        for (int r = 0; r < REPLICAS; r++)
            probe_fill(&together, r, 20 + (uint64_t)r);
        probe_fill(&alone, 0, 20 + REPLICAS - 1);
        probe_forward(&together);
        probe_forward(&alone);
        ck_assert_msg(
            memcmp(alone.y, image_place(&together.image, REPLICAS - 1, together.y), alone.y_count * sizeof(float)) == 0,
            "in %s", nl_precision_names[precision]);
        probe_free(&together);
        probe_free(&alone);
    }
}
END_TEST

/* x times 1 is x rounded: halfway between neighbours, odd and even, on both sides of zero; NaN and infinity pass. */
START_TEST(rounding)
{
    static const double tf32[][2] = {
        {1 + 0x1p-11, 1 + 0x1p-10}, {1 + 3 * 0x1p-11, 1 + 0x1p-9}, {-1 - 0x1p-11, -1 - 0x1p-10}, {1 + 0x1.ffcp-12, 1},
        {2 - 0x1p-11, 2},           {0x1.8p100, 0x1.8p100},        {INFINITY, INFINITY},         {NAN, NAN}};
    static const double bf16[][2] = {
        {1 + 0x1p-8, 1}, {1 + 3 * 0x1p-8, 1 + 0x1p-6}, {-1 - 0x1p-8, -1},      {1 + 0x1.01p-8, 1 + 0x1p-7},
        {2 - 0x1p-8, 2}, {-0x1.8p-100, -0x1.8p-100},   {-INFINITY, -INFINITY}, {NAN, NAN}};
    enum { VALUES = 8 };
    struct spec spec = {"rounding", LINEAR, .samples = VALUES, .channels = 1, .out = 1};
    for (enum nl_precision precision = NL_TF32; precision <= NL_BF16; precision++) {
        const double(*values)[2] = precision == NL_TF32 ? tf32 : bf16;
        struct probe p = make(nl_backends[0], 1, &spec, precision);
        for (size_t i = 0; i < VALUES; i++)
            image_set_real(&p.image, 0, p.input[0].value, i, values[i][0]);
        image_set_real(&p.image, 0, p.input[1].value, 0, 1.0);
        probe_forward(&p);
        for (size_t i = 0; i < VALUES; i++) {
            double found = image_real(&p.image, 0, p.y, i), expected = values[i][1];
            ck_assert_msg(found == expected || (isnan(found) && isnan(expected)), "%a in %s is %a, not %a",
                          values[i][0], nl_precision_names[precision], found, expected);
        }
        probe_free(&p);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("precision");
    TCase *tests = tcase_create("precision");
    const int count = is_long_form() ? SPECS : SPECS - LARGE;
    tcase_add_loop_test(tests, products_are_of_rounded_elements, 0, count);
    tcase_add_loop_test(tests, sums_are_not_rounded, 0, count);
    tcase_add_loop_test(tests, a_gradient_is_added, 0, count);
    tcase_add_loop_test(tests, replicas_are_independent, 0, SPECS);
    tcase_add_test(tests, chunks_in_turn_are_chunks_at_once);
    tcase_add_test(tests, rounding);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
