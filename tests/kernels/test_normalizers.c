/* Normalizers of the general form (norm/coefficients.h) that nobody wrote a kernel for: test_backend.c on them, and
 * what they have in common with batch normalization. */
#include <float.h>

#include "normalizers.h"

#define TESTS_SPECS_H /* these instead */
#include "harness.h"

#ifdef TESTS_ON_CUDA_H
__attribute__((constructor)) static void compute_on_cuda(void)
{
    nl_cuda_add_coefficients(&corrected_on_cuda);
}
#endif

/* Batch Renorm far from its running statistics: both corrections are at their bounds, where the gradient that takes
 * them for constants is that of differences. */
#define BRN NORMALIZE, .norm = &corrected, .statistics = NL_STATS_BATCH, .running_mean = -10, .running_var = 0.1
static const struct spec specs[] = {
    {"brn", BRN, .numbers = {2, 5}, .samples = 9, .height = 2, .width = 2, .channels = 5},
    {"brn, slices", BRN, .numbers = {1, 5}, .samples = 9, .capacity = 10, .channels = 17, .stat_batch = 4,
     .relu = true},
    {"brn with residual", BRN, .numbers = {2, 5}, .samples = 5, .height = 2, .width = 3, .channels = 4, .relu = true,
     .residual = true},
    {"brn far from zero", NORMALIZE, .norm = &corrected, .samples = 9, .channels = 4, .fill = FAR,
     .numbers = {1.5, 0.5}},
    {"brn, running statistics", NORMALIZE, .norm = &corrected, .samples = 9, .channels = 5,
     .statistics = NL_STATS_RUNNING, .numbers = {3, 5}},
    {"mad", NORMALIZE, .norm = &mad, .samples = 7, .channels = 24, .relu = true},
    {"mad on images", NORMALIZE, .norm = &mad, .samples = 3, .capacity = 4, .height = 5, .width = 4, .channels = 6,
     .residual = true},
    {"mad on images, each element", NORMALIZE, .norm = &mad, .samples = 3, .height = 3, .width = 2, .channels = 6,
     .relu = true, .affine = NL_AFFINE_ELEMENT},
    {"mad without affine", NORMALIZE, .norm = &mad, .samples = 3, .channels = 300, .affine = NL_AFFINE_NONE},
    {"mad of the batch", NORMALIZE, .norm = &mad_of_batch, .samples = 9, .height = 3, .width = 2, .channels = 5},
    {"mad of the batch, slices", NORMALIZE, .norm = &mad_of_batch, .samples = 9, .channels = 5, .stat_batch = 4,
     .relu = true},
    {"mad of the batch, precise statistics", NORMALIZE, .norm = &mad_of_batch, .samples = 9, .channels = 5,
     .statistics = NL_STATS_PRECISE},
    {"largest", NORMALIZE, .norm = &maxnorm, .samples = 5, .height = 3, .width = 2, .channels = 6},
    {"largest of the batch", NORMALIZE, .norm = &maxnorm_of_batch, .samples = 9, .channels = 5},
    {"cubes", NORMALIZE, .norm = &cubes, .samples = 5, .channels = 12},
    {"magnitudes", NORMALIZE, .norm = &magnitudes, .samples = 5, .channels = 12, .relu = true},
    {"centered", NORMALIZE, .norm = &centered, .samples = 9, .height = 2, .width = 2, .channels = 5, .relu = true},

    {"l1bn", NORMALIZE, .norm = &nl_norm_l1bn, .samples = 9, .capacity = 11, .height = 3, .width = 2, .channels = 17,
     .relu = true},
    {"l1bn with residual", NORMALIZE, .norm = &nl_norm_l1bn, .samples = 13, .height = 4, .width = 10, .channels = 7,
     .relu = true, .residual = true},
    {"l1bn far from zero", NORMALIZE, .norm = &nl_norm_l1bn, .samples = 33, .height = 3, .width = 3, .channels = 3,
     .fill = FAR},
    {"l1bn of a constant", NORMALIZE, .norm = &nl_norm_l1bn, .samples = 3, .channels = 3, .fill = CONSTANT},
    {"l1bn of one", NORMALIZE, .norm = &nl_norm_l1bn, .samples = 1, .channels = 20},
    {"l1bn of one in the last slice", NORMALIZE, .norm = &nl_norm_l1bn, .samples = 9, .channels = 5, .stat_batch = 4},
    {"l1bn, running statistics train", NORMALIZE, .norm = &nl_norm_l1bn, .samples = 9, .channels = 5, .stat_batch = 4,
     .trains_running = true},
    {"l1bn, both detached", NORMALIZE, .norm = &nl_norm_l1bn, .samples = 9, .channels = 5, .fill = FAR,
     .detached = NL_DETACH_CENTER | NL_DETACH_SPREAD},
    {"maxbn", NORMALIZE, .norm = &nl_norm_maxbn, .samples = 9, .capacity = 11, .height = 3, .width = 2, .channels = 17,
     .relu = true},
    {"maxbn with residual", NORMALIZE, .norm = &nl_norm_maxbn, .samples = 13, .height = 4, .width = 10, .channels = 7,
     .relu = true, .residual = true},
    {"maxbn far from zero", NORMALIZE, .norm = &nl_norm_maxbn, .samples = 33, .height = 3, .width = 3, .channels = 3,
     .fill = FAR},
    {"maxbn of a constant", NORMALIZE, .norm = &nl_norm_maxbn, .samples = 3, .channels = 3, .fill = CONSTANT},
    {"maxbn of three that ReLU left", NORMALIZE, .norm = &nl_norm_maxbn, .samples = 3, .channels = 65,
     .fill = RECTIFIED},
    {"maxbn of one", NORMALIZE, .norm = &nl_norm_maxbn, .samples = 1, .channels = 20},
    {"maxbn, detached center", NORMALIZE, .norm = &nl_norm_maxbn, .samples = 9, .channels = 65,
     .detached = NL_DETACH_CENTER},
    {"maxbn, detached spread", NORMALIZE, .norm = &nl_norm_maxbn, .samples = 9, .channels = 65,
     .detached = NL_DETACH_SPREAD, .fill = SORTED},
    {"maxbn, precise statistics", NORMALIZE, .norm = &nl_norm_maxbn, .samples = 9, .channels = 5,
     .statistics = NL_STATS_PRECISE, .relu = true},
    {"brn, one in the last slice", BRN, .numbers = {2, 5}, .samples = 33, .channels = 20, .stat_batch = 8},
    {"bn, slices, running statistics train", NORMALIZE, .norm = &nl_norm_bn, .samples = 9, .height = 2, .width = 2,
     .channels = 5, .stat_batch = 4, .trains_running = true},
    {"bn of a few, detached center", NORMALIZE, .norm = &nl_norm_bn, .samples = 9, .channels = 64,
     .detached = NL_DETACH_CENTER, .relu = true},
    {"bn of a few, detached spread", NORMALIZE, .norm = &nl_norm_bn, .samples = 9, .channels = 64,
     .detached = NL_DETACH_SPREAD, .fill = FAR},
    {"ln, detached spread", NORMALIZE, .norm = &nl_norm_ln, .samples = 40, .channels = 64, .detached = NL_DETACH_SPREAD,
     .relu = true},
    {"ln, detached center, each element", NORMALIZE, .norm = &nl_norm_ln, .samples = 3, .height = 3, .width = 3,
     .channels = 5, .detached = NL_DETACH_CENTER, .affine = NL_AFFINE_ELEMENT},
    {"gn, both detached", NORMALIZE, .norm = &nl_norm_gn, .samples = 5, .channels = 64, .groups = 8,
     .detached = NL_DETACH_CENTER | NL_DETACH_SPREAD, .relu = true},
    {"gn on images, detached spread", NORMALIZE, .norm = &nl_norm_gn, .samples = 3, .height = 4, .width = 5,
     .channels = 12, .groups = 4, .detached = NL_DETACH_SPREAD},
    {"in on images, detached center", NORMALIZE, .norm = &nl_norm_in, .samples = 3, .height = 4, .width = 5,
     .channels = 12, .detached = NL_DETACH_CENTER, .fill = FAR},
    {"rms over position, detached spread", NORMALIZE, .norm = &nl_norm_rms, .samples = 2, .height = 2, .width = 3,
     .channels = 17, .over_position = true, .detached = NL_DETACH_SPREAD},
    {"mad far from zero", NORMALIZE, .norm = &mad, .samples = 3, .height = 5, .width = 4, .channels = 34, .fill = FAR},
    {"magnitudes of one", NORMALIZE, .norm = &magnitudes, .samples = 3, .channels = 1},
#ifndef TESTS_ON_CUDA_H /* only the cpu has groups of rows */
    {"l1bn of sorted samples, groups of rows", NORMALIZE, .norm = &nl_norm_l1bn, .samples = 21, .height = 2, .width = 2,
     .channels = 256, .fill = SORTED},
    {"maxbn of sorted samples, groups of rows", NORMALIZE, .norm = &nl_norm_maxbn, .samples = 21, .height = 2,
     .width = 2, .channels = 256, .fill = SORTED},
#endif
};
enum { SPECS = sizeof specs / sizeof *specs };

#include "suite.h"
#include "backend_checks.h"

static double tolerance_of(const struct nl_backend *backend)
{
    return backend->real == sizeof(float) ? 64 * FLT_EPSILON : 1e-11;
}

static const struct spec of_batch = {"bn",        NORMALIZE,  .norm = &nl_norm_bn, .samples = 13,
                                     .height = 2, .width = 2, .channels = 5,       .relu = true};

/* Both pass forward and backward, from running statistics that are not those of the batch. */
struct pair {
    struct probe bn, other;
};

static struct pair pair_of(const struct nl_backend *backend, struct spec bn, struct spec spec)
{
    struct pair pair = {probe_make(backend, 1, bn), probe_make(backend, 1, spec)};
    struct probe *both[] = {&pair.bn, &pair.other};
    for (int i = 0; i < 2; i++) {
        probe_fill(both[i], 0, 5);
        for (size_t c = 0; c < 5; c++) {
            image_set_real(&both[i]->image, 0, both[i]->normalize.running_mean, c, 0.25 * (double)c - 0.5);
            image_set_real(&both[i]->image, 0, both[i]->normalize.running_var, c, 0.5 + (double)c);
        }
        probe_forward(both[i]);
        probe_backward(both[i]);
    }
    return pair;
}

static void check_equal(const struct pair *pair, const char *what, const void *a, const void *b, size_t count,
                        double allowed)
{
    for (size_t i = 0; i < count; i++) {
        double x = image_real(&pair->bn.image, 0, a, i), y = image_real(&pair->other.image, 0, b, i);
        ck_assert_msg(fabs(x - y) <= allowed * (1 + fabs(x)), "%s on %s: %s[%zu] is %.12g, not %.12g",
                      pair->other.spec.norm->name, pair->bn.image.backend->name, what, i, y, x);
    }
}

START_TEST(batch_renorm_without_corrections_is_batch_normalization)
{
    for (int b = 0; nl_backends[b]; b++) {
        struct spec spec = of_batch;
        spec.norm = &corrected, spec.numbers[0] = 1;
        struct pair pair = pair_of(nl_backends[b], of_batch, spec);
        double allowed = tolerance_of(nl_backends[b]);
        check_equal(&pair, "y", pair.bn.y, pair.other.y, pair.bn.y_count, allowed);
        for (int i = 0; i < pair.bn.inputs; i++)
            check_equal(&pair, pair.bn.input[i].name, pair.bn.input[i].gradient, pair.other.input[i].gradient,
                        pair.bn.input[i].count, allowed);
        check_equal(&pair, "running mean", pair.bn.normalize.running_mean, pair.other.normalize.running_mean, 5,
                    allowed);
        check_equal(&pair, "running var", pair.bn.normalize.running_var, pair.other.normalize.running_var, 5, allowed);
        probe_free(&pair.bn), probe_free(&pair.other);
    }
}
END_TEST

/* Corrections that nothing bounds: y is what evaluation would make with the running statistics, and dx that of batch
 * normalization times r. */
START_TEST(batch_renorm_is_as_evaluation)
{
    for (int b = 0; nl_backends[b]; b++) {
        struct spec bn = of_batch, spec;
        bn.relu = false, spec = bn;
        spec.norm = &corrected, spec.numbers[0] = spec.numbers[1] = 1e9;
        struct pair pair = pair_of(nl_backends[b], bn, spec);
        double allowed = tolerance_of(nl_backends[b]);
        for (size_t i = 0; i < pair.bn.y_count; i++) {
            size_t c = i % 5;
            double x = image_real(&pair.bn.image, 0, pair.bn.input[0].value, i),
                   gamma = image_real(&pair.bn.image, 0, pair.bn.input[1].value, c),
                   beta = image_real(&pair.bn.image, 0, pair.bn.input[2].value, c), running_var = 0.5 + (double)c;
            double wanted = gamma * (x - (0.25 * (double)c - 0.5)) / sqrt(running_var + 1e-5) + beta,
                   y = image_real(&pair.other.image, 0, pair.other.y, i);
            ck_assert_msg(fabs(y - wanted) <= allowed * (1 + fabs(wanted)), "y[%zu] is %.12g, not %.12g", i, y, wanted);
            double r = sqrt((((const double *)pair.other.normalize.var)[c] + 1e-5) / (running_var + 1e-5));
            double of_bn = image_real(&pair.bn.image, 0, pair.bn.input[0].gradient, i),
                   dx = image_real(&pair.other.image, 0, pair.other.input[0].gradient, i);
            ck_assert_msg(fabs(dx - r * of_bn) <= allowed * (1 + fabs(dx)), "dx[%zu] is %.12g, not %.12g times %.12g",
                          i, dx, r, of_bn);
        }
        probe_free(&pair.bn), probe_free(&pair.other);
    }
}
END_TEST

/* dx = gamma rstd (dy - mean(dy) - xhat mean(dy xhat)) without what is detached. */
START_TEST(detached_statistics_are_constants)
{
    for (int b = 0; nl_backends[b]; b++)
        for (unsigned what = 1; what <= (NL_DETACH_CENTER | NL_DETACH_SPREAD); what++) {
            struct spec bn = of_batch, spec;
            bn.relu = false, spec = bn, spec.detached = what;
            struct pair pair = pair_of(nl_backends[b], bn, spec);
            const struct probe *p = &pair.bn;
            for (size_t c = 0; c < 5; c++) {
                double mu = ((const double *)p->normalize.mean)[c],
                       rstd = 1 / sqrt(((const double *)p->normalize.var)[c] + 1e-5);
                double sum = 0, product = 0, m = (double)p->y_count / 5,
                       gamma = image_real(&p->image, 0, p->input[1].value, c);
                for (size_t i = c; i < p->y_count; i += 5) {
                    double dy = image_real(&p->image, 0, p->dy, i);
                    sum += dy, product += dy * (image_real(&p->image, 0, p->input[0].value, i) - mu) * rstd;
                }
                for (size_t i = c; i < p->y_count; i += 5) {
                    double xhat = (image_real(&p->image, 0, p->input[0].value, i) - mu) * rstd,
                           wanted = image_real(&p->image, 0, p->dy, i);
                    if (!(what & NL_DETACH_CENTER))
                        wanted -= sum / m;
                    if (!(what & NL_DETACH_SPREAD))
                        wanted -= xhat * product / m;
                    wanted *= gamma * rstd;
                    double dx = image_real(&pair.other.image, 0, pair.other.input[0].gradient, i);
                    ck_assert_msg(fabs(dx - wanted) <= tolerance_of(p->image.backend) * (1 + fabs(wanted)),
                                  "%u on %s: dx[%zu] is %.12g, not %.12g", what, p->image.backend->name, i, dx, wanted);
                }
            }
            check_equal(&pair, "y", pair.bn.y, pair.other.y, pair.bn.y_count, tolerance_of(nl_backends[b]));
            probe_free(&pair.bn), probe_free(&pair.other);
        }
}
END_TEST

/* Training with running statistics: y and dx are those of evaluation with them, and they move on as batch
 * normalization's do. */
START_TEST(running_statistics_may_train)
{
    for (int b = 0; nl_backends[b]; b++) {
        struct spec evaluated = of_batch, spec = of_batch;
        evaluated.statistics = NL_STATS_RUNNING, spec.trains_running = true;
        struct pair pair = pair_of(nl_backends[b], evaluated, spec), bn = pair_of(nl_backends[b], of_batch, spec);
        double allowed = tolerance_of(nl_backends[b]);
        check_equal(&pair, "y", pair.bn.y, pair.other.y, pair.bn.y_count, allowed);
        for (int i = 0; i < pair.bn.inputs; i++)
            check_equal(&pair, pair.bn.input[i].name, pair.bn.input[i].gradient, pair.other.input[i].gradient,
                        pair.bn.input[i].count, allowed);
        check_equal(&bn, "running mean", bn.bn.normalize.running_mean, bn.other.normalize.running_mean, 5, allowed);
        check_equal(&bn, "running var", bn.bn.normalize.running_var, bn.other.normalize.running_var, 5, allowed);
        probe_free(&pair.bn), probe_free(&pair.other), probe_free(&bn.bn), probe_free(&bn.other);
    }
}
END_TEST

/* Evaluation by micro-batches has no place for coefficients: what lies there belongs to others. */
START_TEST(fixed_statistics_keep_no_coefficients)
{
    for (int b = 0; nl_backends[b]; b++) {
        struct spec spec = of_batch;
        spec.norm = &corrected, spec.numbers[0] = 3, spec.numbers[1] = 5, spec.statistics = NL_STATS_RUNNING;
        struct probe p = probe_make(nl_backends[b], 1, spec);
        size_t bytes = 4 * (size_t)nl_normalize_sets(&p.normalize, spec.samples) * nl_backends[b]->statistic;
        probe_fill(&p, 0, 5);
        memset(p.normalize.coefficients, FILLER, bytes);
        probe_forward(&p);
        probe_backward(&p);
        for (size_t i = 0; i < bytes; i++)
            ck_assert_msg(((char *)p.normalize.coefficients)[i] == FILLER, "%s: byte %zu", nl_backends[b]->name, i);
        probe_free(&p);
    }
}
END_TEST

/* Elements that are the largest together share what goes through the spread: torch.amax gives each 1 / k of it. */
START_TEST(the_largest_share_their_gradient)
{
    for (int b = 0; nl_backends[b]; b++) {
        struct spec spec = {"ties", NORMALIZE, .norm = &maxnorm, .samples = 1, .channels = 5, .affine = NL_AFFINE_NONE};
        struct probe p = probe_make(nl_backends[b], 1, spec);
        image_put(&p.image, 0, p.input[0].value, (double[]){-1, 1, 0.5, -0.5, 0}, 5);
        image_put(&p.image, 0, p.dy, (double[]){1, 2, 0, 0, 0}, 5);
        p.hyper->norm_eps = 0;
        probe_forward(&p);
        probe_backward(&p);
        /* center 0, M = 1, so y = x. dL/dM = -sum dy x = -1; the slopes sign / 2 of the two largest are -1/2 and 1/2,
         * whose mean is 0. */
        const double dx[] = {1 - 0.6 + 0.5, 2 - 0.6 - 0.5, -0.6, -0.6, -0.6};
        for (size_t i = 0; i < 5; i++)
            ck_assert(fabs(image_real(&p.image, 0, p.input[0].gradient, i) - dx[i]) <= 1e-6);
        probe_free(&p);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("normalizers");
    TCase *tests = tcase_create("general form");
    add_backend_checks(tests);
    tcase_add_test(tests, batch_renorm_without_corrections_is_batch_normalization);
    tcase_add_test(tests, batch_renorm_is_as_evaluation);
    tcase_add_test(tests, detached_statistics_are_constants);
    tcase_add_test(tests, running_statistics_may_train);
    tcase_add_test(tests, fixed_statistics_keep_no_coefficients);
    tcase_add_test(tests, the_largest_share_their_gradient);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
