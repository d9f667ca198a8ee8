/* What is worked out once a set, in the general form: its coefficients from its statistics, and what backward makes of
 * its sums. One thread a set, in double. A normalizer that has coefficients of its own gives them to a GPU by one line,
 * in a file that includes its own:
 *
 *     struct nl_cuda_coefficients brn_on_cuda = NL_CUDA_COEFFICIENTS(&nl_norm_brn, nl_brn_device);
 */
#ifndef NL_BACKEND_CUDA_NORMALIZE_COEFFICIENTS_CUH
#define NL_BACKEND_CUDA_NORMALIZE_COEFFICIENTS_CUH

#include "backend/cuda/normalize.cuh"

/* Sums over a set: of du, of du u, of h; and how many elements are the largest. */
struct nl_set_sums {
    double gradient, product, h, largest;
};

/* What dx is made of, beside coefficients: h is multiplied with `share`. */
struct nl_dx_terms {
    struct nl_set_means means;
    double mean_h, share;
};

/* One a set; replica r's are r * stride bytes after the first. */
template <typename T> struct nl_of_sets {
    T *at;
    size_t stride;

    __device__ T *place(unsigned set) const { return nl_at(at, stride) + set; }
};

/* What the launches of one call share. */
struct nl_general {
    struct nl_normalize op;
    struct nl_layout layout;
    enum nl_statistics statistics;
    bool constant; /* what normalizes does not depend on the batch */
    bool averages; /* over a history */
    bool kept;     /* the coefficients outlive the call */
    unsigned sets, replicas;
    struct nl_of_sets<struct nl_set_coefficients> coefficients;
    struct nl_of_sets<struct nl_set_sums> sums;
    struct nl_of_sets<struct nl_dx_terms> terms;
};

static __device__ inline struct nl_set_statistics nl_set_statistics_of(const struct nl_general &g, unsigned set)
{
    const struct nl_normalize &op = g.op;
    const struct nl_layout &l = g.layout;
    const struct nl_hyper *hyper = nl_at(op.hyper, l.stride);
    unsigned c = set % (l.channels / l.width) * l.width;
    struct nl_set_statistics s = {
        0.0, 0.0, 0.0, 1.0, nl_override_or(op.eps, hyper->norm_eps), op.eps_outside, hyper->norm_numbers};
    if (l.norm.tracks) {
        s.running_center = ((const float *)nl_at(op.running_mean, l.stride))[c];
        s.running_spread = ((const float *)nl_at(op.running_var, l.stride))[c];
    }
    if (l.fixed && g.statistics == NL_STATS_PRECISE) {
        s.center = nl_at(op.precise_mean, l.stride)[c];
        s.spread = nl_at(op.precise_var, l.stride)[c];
    } else if (g.constant) {
        s.center = s.running_center;
        s.spread = s.running_spread;
    } else {
        s.center = nl_at((double *)op.mean, l.stride)[set];
        s.spread = nl_at((double *)op.var, l.stride)[set];
    }
    return s;
}

/* A number of a channel, of the batch that came after so many others, averaged with those of the batches before (0:
 * var, 1: mean of products). */
static __device__ inline double nl_averaged(const struct nl_general &g, unsigned which, int64_t before, unsigned c,
                                            double number)
{
    unsigned history = (unsigned)g.op.history, channels = g.layout.channels;
    float *of = (float *)nl_at(g.op.averaged, g.layout.stride) + (size_t)which * history * channels + c;
    double sum = 0.0;
    of[before % history * channels] = (float)number;
    if (before < history)
        return number;
    for (unsigned i = 0; i < history; i++)
        sum += of[i * channels];
    return sum / history;
}

/* m of a set. */
static __device__ inline double nl_set_elements(const struct nl_general &g, unsigned set)
{
    const struct nl_layout &l = g.layout;
    return (double)nl_rows_that_count(g.op, l, set / (l.channels / l.width)) * l.width;
}

template <class OWN> __global__ void nl_find_coefficients(struct nl_general g)
{
    size_t set = nl_element();
    if (set >= g.sets)
        return;
    struct nl_set_statistics statistics = nl_set_statistics_of(g, (unsigned)set);
    *g.coefficients.place((unsigned)set) = OWN::coefficients(&g.layout.norm, &statistics);
}

template <class OWN> __global__ void nl_find_dx_terms(struct nl_general g)
{
    size_t set = nl_element();
    if (set >= g.sets)
        return;
    const struct nl_norm *norm = &g.layout.norm;
    struct nl_set_statistics statistics = nl_set_statistics_of(g, (unsigned)set);
    struct nl_set_sums sums = *g.sums.place((unsigned)set);
    double m = nl_set_elements(g, (unsigned)set);
    double all = m * nl_batches_of(g.op, g.layout.stride);
    struct nl_dx_terms terms = {{sums.gradient / all, sums.product / all}, 0.0, 1.0};
    if (g.averages && m > 0) /* forward has counted the batch */
        terms.means.product =
            nl_averaged(g, 1, *nl_at(g.op.updates, g.layout.stride) - 1, (unsigned)set, terms.means.product);
    if (norm->spread == NL_SPREAD_LARGEST && sums.largest > 0)
        terms.share = m / sums.largest;
    if (nl_centers_slope(norm, g.op.detached))
        terms.mean_h = terms.share * sums.h / m;
    if (g.constant)
        terms.means.gradient = terms.means.product = 0;
    else
        terms.means = OWN::means(&statistics, terms.means);
    terms.means = nl_attached(norm, g.op.detached, terms.means);
    *g.terms.place((unsigned)set) = terms;
}

template <class OWN> void nl_launch_coefficients(const struct nl_general *g)
{
    NL_LAUNCH(nl_find_coefficients<OWN>, dim3(nl_blocks(g->sets, NL_THREADS), 1, g->replicas), NL_THREADS, *g);
}

template <class OWN> void nl_launch_dx_terms(const struct nl_general *g)
{
    NL_LAUNCH(nl_find_dx_terms<OWN>, dim3(nl_blocks(g->sets, NL_THREADS), 1, g->replicas), NL_THREADS, *g);
}

/* The kernels of a normalizer. */
struct nl_cuda_coefficients {
    const struct nl_norm *norm;
    void (*find_coefficients)(const struct nl_general *general);
    void (*find_dx_terms)(const struct nl_general *general);
    struct nl_cuda_coefficients *next;
};
#define NL_CUDA_COEFFICIENTS(norm, own) {norm, nl_launch_coefficients<own>, nl_launch_dx_terms<own>, NULL}

/* From now on the backend computes that normalizer, too. Before any thread begins. */
extern "C" void nl_cuda_add_coefficients(struct nl_cuda_coefficients *own);

#endif
