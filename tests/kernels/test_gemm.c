/* Our own matrix products: against sums in double, a row alone against the same row among others, and the step of the
 * weights inside the product against the step after it, and the same bits on every instruction set. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend/cpu/cpu.h"
#include "backend/cpu/isa.h"
#include "base/random.h"
#include "suite.h"

struct shape {
    size_t m, n, k;
};

/* Every width of a tile and what is left over, one term, blocks of rows and terms that are not full. */
static const struct shape shapes[] = {
    {1, 1, 1},     {1, 64, 64},    {2, 10, 64},  {3, 16, 5},   {5, 17, 33},   {7, 31, 3},    {8, 32, 2},
    {13, 48, 9},   {32, 64, 64},   {32, 10, 64}, {64, 64, 32}, {33, 65, 66},  {9, 100, 31},  {31, 130, 40},
    {1, 200, 300}, {2, 7, 600},    {1, 64, 10},  {2, 128, 64}, {3, 64, 262},  {4, 192, 257}, {200, 20, 70},
    {400, 9, 11},  {195, 67, 530}, {15, 64, 63}, {37, 10, 64}, {64, 10, 1},   {48, 1, 2},    {32, 15, 2},
    {20, 80, 1},   {9, 48, 2},     {64, 64, 1},  {2, 80, 64},  {790, 70, 260}};
enum { SHAPES = sizeof shapes / sizeof *shapes };

static float *drawn(const char *name, size_t count)
{
    float *values = calloc(count, sizeof *values);
    for (size_t i = 0; i < count; i++)
        values[i] = (float)nl_stream_normal(nl_stream(1, name), 0, i);
    return values;
}

static float *copy(const float *from, size_t count)
{
    return memcpy(malloc(count * sizeof *from), from, count * sizeof *from);
}

static const enum nl_cpu_transposed ways[] = {NL_PLAIN, NL_TRANSPOSED_A, NL_TRANSPOSED_B};

/* A chain of k products is off by at most k epsilon / 2 of the sum of magnitudes; twice that allows for the start and
 * the addition. */
static void compare_with_double(const struct nl_cpu_gemm *p, const float *before)
{
    for (size_t i = 0; i < p->m; i++)
        for (size_t j = 0; j < p->n; j++) {
            double sum = p->add ? before[i * p->n + j] : p->start ? p->start[j] : 0.0, size = fabs(sum);
            for (size_t k = 0; k < p->k; k++) {
                double a = p->transposed == NL_TRANSPOSED_A ? p->a[k * p->m + i] : p->a[i * p->k + k];
                double b = p->transposed == NL_TRANSPOSED_B ? p->b[j * p->k + k] : p->b[k * p->n + j];
                sum += a * b;
                size += fabs(a * b);
            }
            double off = fabs(p->c[i * p->n + j] - sum);
            ck_assert_msg(off <= FLT_EPSILON * (double)(p->k + 1) * size, "way %d, %zu x %zu x %zu, (%zu, %zu): %g off",
                          p->transposed, p->m, p->n, p->k, i, j, off);
        }
}

START_TEST(products_are_sums_in_double)
{
    struct shape s = shapes[_i];
    float *a = drawn("a", s.m * s.k), *b = drawn("b", s.k * s.n), *start = drawn("start", s.n),
          *before = drawn("c", s.m * s.n);
    for (size_t way = 0; way < 3; way++)
        for (int begin = 0; begin < 3; begin++) { /* from zero, from a bias, from what is there */
            struct nl_cpu_gemm p = {ways[way],
                                    s.m,
                                    s.n,
                                    s.k,
                                    .a = a,
                                    .b = b,
                                    .start = begin == 1 ? start : NULL,
                                    .c = copy(before, s.m * s.n),
                                    .add = begin == 2};
            nl_cpu_gemm(NL_GEMM_OWN, &p);
            compare_with_double(&p, before);
            nl_cpu_gemm(NL_GEMM_OPENBLAS,
                        &(struct nl_cpu_gemm){ways[way], s.m, s.n, s.k, .a = a, .b = b, .start = p.start,
                                              .c = memcpy(p.c, before, s.m * s.n * sizeof *before), .add = p.add});
            compare_with_double(&p, before);
            free(p.c);
        }
    free(a), free(b), free(start), free(before);
}
END_TEST

START_TEST(a_row_does_not_depend_on_the_others)
{
    struct shape s = shapes[_i];
    float *a = drawn("a", s.m * s.k), *b = drawn("b", s.k * s.n), *all = malloc(s.m * s.n * sizeof *all),
          *one = malloc(s.n * sizeof *one);
    for (int turned = 0; turned < 2; turned++) {
        enum nl_cpu_transposed way = turned ? NL_TRANSPOSED_B : NL_PLAIN;
        nl_cpu_gemm(NL_GEMM_OWN, &(struct nl_cpu_gemm){way, s.m, s.n, s.k, .a = a, .b = b, .c = all});
        for (size_t row = 0; row < s.m; row++) {
            nl_cpu_gemm(NL_GEMM_OWN, &(struct nl_cpu_gemm){way, 1, s.n, s.k, .a = a + row * s.k, .b = b, .c = one});
            ck_assert_msg(memcmp(one, all + row * s.n, s.n * sizeof *one) == 0, "row %zu of %zu x %zu x %zu", row, s.m,
                          s.n, s.k);
        }
    }
    free(a), free(b), free(all), free(one);
}
END_TEST

START_TEST(a_packed_factor_changes_no_bit)
{
    struct shape s = shapes[_i];
    float *a = drawn("a", s.m * s.k), *b = drawn("b", s.k * s.n), *start = drawn("start", s.n),
          *packed = malloc(s.k * s.n * sizeof *packed);
    float *want = malloc(s.m * s.n * sizeof *want), *c = malloc(s.m * s.n * sizeof *c);
    for (int turned = 0; turned < 2; turned++) {
        enum nl_cpu_transposed way = turned ? NL_TRANSPOSED_B : NL_PLAIN;
        nl_cpu_gemm(NL_GEMM_OWN, &(struct nl_cpu_gemm){way, s.m, s.n, s.k, .a = a, .b = b, .start = start, .c = want});
        nl_cpu_gemm_pack(way, s.n, s.k, b, packed);
        nl_cpu_gemm(NL_GEMM_OWN,
                    &(struct nl_cpu_gemm){NL_PACKED, s.m, s.n, s.k, .a = a, .b = packed, .start = start, .c = c});
        ck_assert_msg(memcmp(c, want, s.m * s.n * sizeof *c) == 0, "%zu x %zu x %zu", s.m, s.n, s.k);
    }
    free(a), free(b), free(start), free(packed), free(want), free(c);
}
END_TEST

START_TEST(a_step_inside_the_product_is_the_step_after_it)
{
    struct shape s = shapes[_i];
    size_t weights = s.m * s.n;
    float *a = drawn("a", s.m * s.k), *b = drawn("b", s.k * s.n), *w = drawn("w", weights),
          *moving = drawn("moving", weights), *grad = malloc(weights * sizeof *grad);
    for (int kind = 0; kind < 6; kind++) { /* plain, momentum, Nesterov; with weight decay and without */
        float *w_after = copy(w, weights), *moving_after = copy(moving, weights), *w_inside = copy(w, weights),
              *moving_inside = copy(moving, weights);
        struct nl_cpu_sgd after = {.lr = 0.1f,
                                   .decay = kind < 3 ? 0.01f : 0.0f,
                                   .momentum = 0.9f,
                                   .nesterov = kind % 3 == 2,
                                   .w = w_after,
                                   .buffer = kind % 3 ? moving_after : NULL};
        struct nl_cpu_sgd inside = after;
        inside.w = w_inside;
        inside.buffer = kind % 3 ? moving_inside : NULL;
        if (after.decay == 0) /* no term of decay: not even 0 times infinity */
            w_after[0] = w_inside[0] = INFINITY;
        struct nl_cpu_gemm p = {NL_TRANSPOSED_A, s.m, s.n, s.k, .a = a, .b = b, .c = grad};
        nl_cpu_gemm(NL_GEMM_OWN, &p);
        nl_cpu_sgd_step(&after, weights, grad);
        p.sgd = &inside;
        nl_cpu_gemm(NL_GEMM_OWN, &p);
        ck_assert(memcmp(w_after, w_inside, weights * sizeof *w) == 0);
        ck_assert(memcmp(moving_after, moving_inside, weights * sizeof *w) == 0);
        ck_assert(memcmp(w, w_inside, weights * sizeof *w) != 0);
        ck_assert(after.decay != 0 || w_inside[0] == INFINITY);
        free(w_after), free(moving_after), free(w_inside), free(moving_inside);
    }
    free(a), free(b), free(w), free(moving), free(grad);
}
END_TEST

/* Of few samples dx comes with the step, from the weights before it. */
START_TEST(what_goes_back_beside_a_step_is_a_sum_in_double)
{
    struct shape s = shapes[_i];
    size_t weights = s.m * s.n, count = s.m * s.k;
    float *a = drawn("a", count), *b = drawn("b", s.k * s.n), *w = drawn("w", weights), *alone = copy(w, weights),
          *beside = copy(w, weights);
    float *back = malloc(count * sizeof *back), *grad = malloc(weights * sizeof *grad);
    struct nl_cpu_sgd sgd = {.lr = 0.1f, .w = alone};
    struct nl_cpu_gemm p = {NL_TRANSPOSED_A, s.m, s.n, s.k, .a = a, .b = b, .c = grad, .sgd = &sgd};
    ck_assert(!nl_cpu_gemm_yields_dx(NL_GEMM_OPENBLAS, &p));
    ck_assert_int_eq(nl_cpu_gemm_yields_dx(NL_GEMM_OWN, &p), s.k <= 2 && s.n % 16 == 0);
    a[0] = NAN; /* a mask that is one does not let through */
    nl_cpu_gemm(NL_GEMM_OWN, &p);
    for (int masks = 0; masks < 2 && nl_cpu_gemm_yields_dx(NL_GEMM_OWN, &p); masks++) {
        sgd.w = memcpy(beside, w, weights * sizeof *w);
        p.dx = back;
        p.masks = masks;
        nl_cpu_gemm(NL_GEMM_OWN, &p);
        ck_assert(memcmp(alone, beside, weights * sizeof *w) == 0);
        for (size_t k = 0; k < s.k; k++)
            for (size_t i = 0; i < s.m; i++) {
                double sum = 0.0, size = 0.0;
                for (size_t j = 0; j < s.n; j++) {
                    sum += (double)b[k * s.n + j] * w[i * s.n + j];
                    size += fabs((double)b[k * s.n + j] * w[i * s.n + j]);
                }
                bool stays = !masks || a[k * s.m + i] > 0;
                ck_assert(fabs(back[k * s.m + i] - (stays ? sum : 0.0)) <=
                          (stays ? FLT_EPSILON * (double)s.n * size : 0.0));
            }
    }
    free(a), free(b), free(w), free(alone), free(beside), free(back), free(grad);
}
END_TEST

START_TEST(a_relu_inside_the_product_is_the_relu_after_it)
{
    struct shape s = shapes[_i];
    size_t count = s.m * s.n;
    float *a = drawn("a", s.m * s.k), *b = drawn("b", s.k * s.n), *start = drawn("start", s.n),
          *mask = drawn("mask", count);
    float *after = malloc(count * sizeof *after), *inside = malloc(count * sizeof *inside);
    if (s.m > 8) /* a row of them */
        a[s.k - 1] = NAN; /* stays NaN after a ReLU; a mask that is one does not let through */
    mask[0] = NAN;
    for (int way = 0; way < 2; way++)
        for (enum nl_gemm gemm = NL_GEMM_OWN; gemm <= NL_GEMM_OPENBLAS; gemm++) {
            struct nl_cpu_gemm p = {way ? NL_TRANSPOSED_B : NL_PLAIN, s.m,       s.n, s.k, .a = a, .b = b,
                                    .start = way ? NULL : start,      .c = after};
            nl_cpu_gemm(gemm, &p);
            size_t kept = 0;
            for (size_t i = 0; i < count; i++) {
                bool keeps = way ? mask[i] > 0 : !(after[i] < 0);
                after[i] = keeps ? after[i] : 0.0f;
                kept += keeps;
            }
            ck_assert(count < 64 || (kept > count / 4 && kept < count - count / 4));
            p.c = inside;
            p.relu = !way;
            p.mask = way ? mask : NULL;
            nl_cpu_gemm(gemm, &p);
            ck_assert(memcmp(after, inside, count * sizeof *after) == 0);
        }
    free(a), free(b), free(start), free(mask), free(after), free(inside);
}
END_TEST

/* Each element and the other one beside it. */
static void double_and_count(size_t count, float *c, float *other)
{
    for (size_t i = 0; i < count; i++) {
        c[i] *= 2;
        other[i] += 1;
    }
}

START_TEST(each_element_is_finished_once_when_it_is_complete)
{
    struct shape s = shapes[_i];
    size_t count = s.m * s.n;
    float *a = drawn("a", s.m * s.k), *b = drawn("b", s.k * s.n), *c = malloc(count * sizeof *c),
          *finished = malloc(count * sizeof *finished);
    for (int way = 0; way < 2; way++)
        for (enum nl_gemm gemm = NL_GEMM_OWN; gemm <= NL_GEMM_OPENBLAS; gemm++) {
            float *times = calloc(count, sizeof *times);
            struct nl_cpu_gemm p = {way ? NL_TRANSPOSED_B : NL_PLAIN, s.m, s.n, s.k, .a = a, .b = b, .c = c};
            nl_cpu_gemm(gemm, &p);
            p.c = finished;
            p.finish = double_and_count;
            p.other = times;
            nl_cpu_gemm(gemm, &p);
            for (size_t i = 0; i < count; i++)
                ck_assert(times[i] == 1 && finished[i] == 2 * c[i]);
            free(times);
        }
    free(a), free(b), free(c), free(finished);
}
END_TEST

START_TEST(column_sums_are_exact_to_a_rounding)
{
    struct shape s = shapes[_i];
    float *x = drawn("x", s.m * s.n), *sums = malloc(s.n * sizeof *sums);
    nl_cpu_column_sums(s.m, s.n, x, NULL, sums);
    for (size_t c = 0; c < s.n; c++) {
        double sum = 0.0, size = 0.0;
        for (size_t row = 0; row < s.m; row++) {
            sum += x[row * s.n + c];
            size += fabs(x[row * s.n + c]);
        }
        ck_assert(fabs(sums[c] - sum) <= FLT_EPSILON * NL_BLOCK_ROWS / 2 * size);
    }
    free(x), free(sums);
}
END_TEST

START_TEST(transposed_twice_is_the_same)
{
    struct shape s = shapes[_i];
    float *x = drawn("x", s.m * s.n), *once = malloc(s.m * s.n * sizeof *once),
          *twice = malloc(s.m * s.n * sizeof *twice);
    nl_cpu_transpose(s.m, s.n, x, s.n, once, s.m);
    for (size_t i = 0; i < s.m; i++)
        for (size_t j = 0; j < s.n; j++)
            ck_assert(once[j * s.m + i] == x[i * s.n + j]);
    nl_cpu_transpose(s.n, s.m, once, s.m, twice, s.n);
    ck_assert(memcmp(x, twice, s.m * s.n * sizeof *x) == 0);
    free(x), free(once), free(twice);
}
END_TEST

/* The three products of a linear layer, one after the other, and what goes back beside a step. */
static void all_products(struct shape s, float *to)
{
    float *x = drawn("x", s.m * s.k), *w = drawn("w", s.k * s.n), *b = drawn("b", s.n), *dy = drawn("dy", s.m * s.n);
    nl_cpu_gemm(NL_GEMM_OWN, &(struct nl_cpu_gemm){NL_PLAIN, s.m, s.n, s.k, .a = x, .b = w, .start = b, .c = to});
    nl_cpu_gemm(NL_GEMM_OWN,
                &(struct nl_cpu_gemm){NL_TRANSPOSED_B, s.m, s.k, s.n, .a = dy, .b = w, .c = to + s.m * s.n});
    struct nl_cpu_gemm gradient = {NL_TRANSPOSED_A, s.k, s.n, s.m, .a = x, .b = dy, .c = to + s.m * (s.n + s.k)};
    nl_cpu_gemm(NL_GEMM_OWN, &gradient);
    gradient.sgd = &(struct nl_cpu_sgd){.lr = 0.1f, .w = w};
    gradient.c = copy(gradient.c, s.k * s.n);
    gradient.dx = nl_cpu_gemm_yields_dx(NL_GEMM_OWN, &gradient) ? to + s.m * (s.n + s.k) + s.k * s.n : NULL;
    nl_cpu_gemm(NL_GEMM_OWN, &gradient);
    free(gradient.c);
    free(x), free(w), free(b), free(dy);
}

/* The instruction set is chosen once in a process, so each has one of its own, which leaves its results in shared
 * memory. */
START_TEST(bits_are_equal_over_instruction_sets)
{
    static const char *const names[] = {"plain", "avx2", ""};
    struct shape s = shapes[_i];
    size_t bytes = (s.m * s.n + 2 * s.m * s.k + s.k * s.n) * sizeof(float);
    float *found[3];
    for (int k = 0; k < 3; k++) {
        found[k] = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        ck_assert(found[k] != MAP_FAILED);
        pid_t child = fork();
        ck_assert(child >= 0);
        if (child == 0) {
            setenv("NORMLAB_ISA", names[k], 1);
            all_products(s, found[k]);
            _exit(nl_cpu_isa() > (enum nl_isa)k);
        }
        int status;
        ck_assert(waitpid(child, &status, 0) == child);
        ck_assert_int_eq(status, 0);
        ck_assert(memcmp(found[k], found[0], bytes) == 0);
    }
    for (int k = 0; k < 3; k++)
        munmap(found[k], bytes);
}
END_TEST

int main(void)
{
    nl_cpu_thread_begin(0, NULL);
    Suite *suite = suite_create("gemm");
    TCase *cases = tcase_create("gemm");
    tcase_add_loop_test(cases, products_are_sums_in_double, 0, SHAPES);
    tcase_add_loop_test(cases, a_row_does_not_depend_on_the_others, 0, SHAPES);
    tcase_add_loop_test(cases, a_packed_factor_changes_no_bit, 0, SHAPES);
    tcase_add_loop_test(cases, a_relu_inside_the_product_is_the_relu_after_it, 0, SHAPES);
    tcase_add_loop_test(cases, a_step_inside_the_product_is_the_step_after_it, 0, SHAPES);
    tcase_add_loop_test(cases, what_goes_back_beside_a_step_is_a_sum_in_double, 0, SHAPES);
    tcase_add_loop_test(cases, each_element_is_finished_once_when_it_is_complete, 0, SHAPES);
    tcase_add_loop_test(cases, column_sums_are_exact_to_a_rounding, 0, SHAPES);
    tcase_add_loop_test(cases, transposed_twice_is_the_same, 0, SHAPES);
    tcase_add_loop_test(cases, bits_are_equal_over_instruction_sets, 0, SHAPES);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
