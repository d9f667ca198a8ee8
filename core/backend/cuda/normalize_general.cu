/* Normalizers of the general form (norm/coefficients.h): another spread than the standard deviation, coefficients of
 * their own, detached statistics. Statistics, coefficients and apply are a launch each; a block of threads takes a
 * set. */
#include "backend/cuda/normalize_coefficients.cuh"
#include "backend/cuda/normalize_set.cuh"
#include "norm/own.h"

NL_OWN_COEFFICIENTS(standard, nl_standard_coefficients, nl_standard_means);
static const struct nl_cuda_coefficients of_standard = NL_CUDA_COEFFICIENTS(NULL, nl_standard_device);

static struct nl_cuda_coefficients of_norms[] = {
    NL_CUDA_COEFFICIENTS(&nl_norm_brn, nl_brn_device),
    NL_CUDA_COEFFICIENTS(&nl_norm_varbn, nl_varbn_device),
    NL_CUDA_COEFFICIENTS(&nl_norm_l1bn, nl_l1bn_device),
    NL_CUDA_COEFFICIENTS(&nl_norm_mabn, nl_mabn_device),
};
static struct nl_cuda_coefficients *added;

extern "C" void nl_cuda_add_coefficients(struct nl_cuda_coefficients *own)
{
    own->next = added;
    added = own;
}

/* NULL: its coefficients were never compiled for a GPU. */
static const struct nl_cuda_coefficients *coefficients_of(const struct nl_norm *norm)
{
    if (!norm->coefficients)
        return &of_standard;
    for (const struct nl_cuda_coefficients &own : of_norms)
        if (own.norm->coefficients == norm->coefficients)
            return &own;
    const struct nl_cuda_coefficients *own = added;
    while (own && own->norm->coefficients != norm->coefficients)
        own = own->next;
    return own;
}

bool nl_cuda_normalize_suits(const void *arguments)
{
    return coefficients_of(((const struct nl_normalize *)arguments)->norm) != NULL;
}

/* The launches of a call. Coefficients of its own outlive it: what they were made of may have moved on when backward
 * comes. */
static struct nl_general general_of(const struct nl_run *run, const struct nl_normalize *op,
                                    const struct nl_layout *layout)
{
    struct nl_general g;
    g.op = *op;
    g.layout = *layout;
    g.statistics = run->statistics;
    g.constant = nl_normalize_is_constant(op, run);
    g.averages = nl_normalize_averages(op, run);
    g.sets = nl_layout_sets(layout);
    g.replicas = (unsigned)run->replicas;
    size_t all = (size_t)g.sets * g.replicas, each = sizeof *g.coefficients.at + sizeof *g.sums.at + sizeof *g.terms.at;
    g.terms.at = (struct nl_dx_terms *)nl_cuda_scratch(all * each);
    g.terms.stride = g.sets * sizeof *g.terms.at;
    g.sums.at = (struct nl_set_sums *)(g.terms.at + all);
    g.sums.stride = g.sets * sizeof *g.sums.at;
    g.kept = op->coefficients && !layout->fixed;
    g.coefficients.at =
        g.kept ? (struct nl_set_coefficients *)op->coefficients : (struct nl_set_coefficients *)(g.sums.at + all);
    g.coefficients.stride = g.kept ? layout->stride : g.sets * sizeof *g.coefficients.at;
    return g;
}

/* A block is a set. */
#define FOR_ELEMENTS(s) for (unsigned e = threadIdx.x; e < (s).count; e += blockDim.x)

static __device__ inline bool counts(const struct nl_general &g, const struct set &s, unsigned e)
{
    return nl_row_counts(g.op, g.layout, row_of(g.layout, s, e));
}
static const unsigned THREADS = NL_THREADS;

template <typename KERNEL> static void launch_sets(KERNEL kernel, const struct nl_general *g)
{
    NL_LAUNCH(kernel, dim3(g->sets, 1, g->replicas), THREADS, *g);
}

static __device__ double block_largest(double value)
{
    __shared__ double all[THREADS];
    __syncthreads(); /* the room may still be read from the last time */
    all[threadIdx.x] = value;
    for (unsigned half = THREADS / 2; half > 0; half /= 2) {
        __syncthreads();
        if (threadIdx.x < half)
            all[threadIdx.x] = nl_larger(all[threadIdx.x], all[threadIdx.x + half]);
    }
    __syncthreads();
    return all[0];
}

/* Finds the moments of elements [first, end) of a set; each thread of the block has them. Returns how many of them
 * count. */
static __device__ double find_moments(const struct nl_general &g, const struct set &s, const float *x, unsigned first,
                                      unsigned end, double *center, double *spread)
{
    const struct nl_layout &l = g.layout;
    double sum = 0.0, distances = 0.0, largest = 0.0, nothing = 0.0, m = 0.0;
    for (unsigned e = first + threadIdx.x; e < end; e += blockDim.x) {
        if (!counts(g, s, e))
            continue;
        sum += x[place(l, s, e)];
        m++;
    }
    nl_block_sum(&sum, &m);
    *center = l.norm.centers ? sum / m : 0.0;
    for (unsigned e = first + threadIdx.x; e < end; e += blockDim.x) {
        if (!counts(g, s, e))
            continue;
        double distance = nl_spread_of(&l.norm, x[place(l, s, e)] - *center);
        distances += distance;
        largest = nl_larger(largest, distance);
    }
    nl_block_sum(&distances, &nothing);
    largest = block_largest(largest);
    *spread = l.norm.spread == NL_SPREAD_LARGEST ? largest : distances / m;
    return m;
}

/* Finds the statistics of a set: those of the workers' parts are merged (Chan, Golub and LeVeque 1979). */
static __global__ void __launch_bounds__(NL_THREADS) find_statistics(struct nl_general g)
{
    const struct nl_layout &l = g.layout;
    struct set s = set_of(l, blockIdx.x);
    const float *x = (const float *)nl_at(g.op.x, l.stride);
    unsigned workers = g.op.workers > 1 ? (unsigned)g.op.workers : 1, each = s.count / workers;
    double center = 0.0, spread = 0.0, all = 0.0;
    for (unsigned worker = 0; worker < workers; worker++) {
        unsigned first = worker * each, end = worker + 1 < workers ? first + each : s.count;
        double mean, var, m = find_moments(g, s, x, first, end, &mean, &var);
        if (m == 0)
            continue;
        all += m;
        double share = m / all, delta = mean - center;
        spread = all == m ? var : (1 - share) * spread + share * var + delta * delta * share * (1 - share);
        center = all == m ? mean : center + delta * share;
    }
    if (threadIdx.x > 0 || all == 0)
        return;
    nl_at((double *)g.op.mean, l.stride)[blockIdx.x] = center;
    nl_at((double *)g.op.var, l.stride)[blockIdx.x] =
        g.averages ? nl_averaged(g, 0, *nl_at(g.op.updates, l.stride), s.c, spread) : spread;
}

static __device__ inline double u_of(const struct nl_set_coefficients &c, float x)
{
    return (x - c.shift) * c.scale;
}

static __device__ inline double affine_of(const struct nl_general &g, const void *numbers, unsigned a, double absent)
{
    return numbers ? ((const float *)nl_at(numbers, g.layout.stride))[a] : absent;
}

/* gamma xhat + beta */
static __device__ inline double value_of(const struct nl_general &g, const struct nl_set_coefficients &c, double u,
                                         unsigned a)
{
    return affine_of(g, g.op.gamma, a, 1.0) * (u * c.factor + c.offset) + affine_of(g, g.op.beta, a, 0.0);
}

static __global__ void __launch_bounds__(NL_THREADS) apply(struct nl_general g)
{
    const struct nl_layout &l = g.layout;
    struct set s = set_of(l, blockIdx.x);
    struct nl_set_coefficients c = *g.coefficients.place(blockIdx.x);
    const float *x = (const float *)nl_at(g.op.x, l.stride), *residual = (const float *)nl_at(g.op.residual, l.stride);
    float *y = (float *)nl_at(g.op.y, l.stride);
    FOR_ELEMENTS(s)
    {
        size_t at = place(l, s, e);
        double value =
            (counts(g, s, e) ? value_of(g, c, u_of(c, x[at]), affine(l, s, e)) : 0.0) + (residual ? residual[at] : 0.0);
        y[at] = l.relu && value < 0 ? 0.0f : (float)value; /* NaN stays NaN */
    }
}

/* The gradient in front of the ReLU, of the element at that place; value: gamma xhat + beta. */
static __device__ inline double gradient_past(const struct nl_general &g, size_t at, double value)
{
    const struct nl_layout &l = g.layout;
    double after = g.op.residual ? ((const float *)nl_at(g.op.y, l.stride))[at] : value;
    return l.relu && !(after > 0) ? 0.0 : ((const float *)nl_at(g.op.dy, l.stride))[at];
}

/* The gradient of an element that counts, whose gamma and beta are number a. */
static __device__ inline double gradient_of(const struct nl_general &g, const struct nl_set_coefficients &c, size_t at,
                                            double u, unsigned a)
{
    return gradient_past(g, at, value_of(g, c, u, a));
}

/* An element in backward. */
struct element {
    double u, gradient, du, h;
};

static __device__ struct element element_of(const struct nl_general &g, const struct set &s,
                                            const struct nl_set_coefficients &c,
                                            const struct nl_set_statistics &statistics, unsigned e)
{
    const struct nl_layout &l = g.layout;
    size_t at = place(l, s, e);
    unsigned a = affine(l, s, e);
    float x = ((const float *)nl_at(g.op.x, l.stride))[at];
    struct element element;
    if (!counts(g, s, e)) {
        element.u = element.du = element.h = 0.0;
        element.gradient = gradient_past(g, at, 0.0);
        return element;
    }
    element.u = u_of(c, x);
    element.gradient = gradient_of(g, c, at, element.u, a);
    element.du = element.gradient * affine_of(g, g.op.gamma, a, 1.0) * c.factor;
    element.h = nl_spread_slope(&l.norm, x - statistics.center, c.scale, statistics.spread);
    return element;
}

static __global__ void __launch_bounds__(NL_THREADS) sum_sets(struct nl_general g)
{
    struct set s = set_of(g.layout, blockIdx.x);
    struct nl_set_coefficients c = *g.coefficients.place(blockIdx.x);
    struct nl_set_statistics statistics = nl_set_statistics_of(g, blockIdx.x);
    struct nl_set_sums sums = {0.0, 0.0, 0.0, 0.0};
    FOR_ELEMENTS(s)
    {
        struct element element = element_of(g, s, c, statistics, e);
        sums.gradient += element.du;
        sums.product += element.du * element.u;
        sums.h += element.h;
        sums.largest += element.h != 0;
    }
    nl_block_sum(&sums.gradient, &sums.product);
    nl_block_sum(&sums.h, &sums.largest);
    if (threadIdx.x == 0)
        *g.sums.place(blockIdx.x) = sums;
}

/* dresidual may be dy: each thread reads its own elements before it writes them. */
static __global__ void __launch_bounds__(NL_THREADS) write_dx(struct nl_general g)
{
    const struct nl_layout &l = g.layout;
    struct set s = set_of(l, blockIdx.x);
    struct nl_set_coefficients c = *g.coefficients.place(blockIdx.x);
    struct nl_set_statistics statistics = nl_set_statistics_of(g, blockIdx.x);
    struct nl_dx_terms terms = *g.terms.place(blockIdx.x);
    float *dx = (float *)nl_at(g.op.dx, l.stride),
          *dresidual = g.op.residual ? (float *)nl_at(g.op.dresidual, l.stride) : NULL;
    FOR_ELEMENTS(s)
    {
        struct element element = element_of(g, s, c, statistics, e);
        double slope = (element.h * terms.share - terms.mean_h) * terms.means.product;
        if (dx)
            dx[place(l, s, e)] =
                counts(g, s, e) ? (float)(c.scale * (element.du - terms.means.gradient - slope)) : 0.0f;
        if (dresidual)
            dresidual[place(l, s, e)] = (float)element.gradient;
    }
}

/* A block is a column of gamma and beta: the elements of all samples that share them. */
static __global__ void __launch_bounds__(NL_THREADS) write_affine(struct nl_general g)
{
    const struct nl_layout &l = g.layout;
    unsigned a = blockIdx.x, c = a % l.channels, step = l.elements ? l.positions : 1;
    double product = 0.0, sum = 0.0;
    for (unsigned row = (l.elements ? a / l.channels : 0) + threadIdx.x * step; row < l.all_rows;
         row += blockDim.x * step) {
        if (!nl_row_counts(g.op, l, row))
            continue;
        struct nl_set_coefficients own = *g.coefficients.place(index_of(l, row, c));
        size_t at = (size_t)row * l.channels + c;
        double u = u_of(own, ((const float *)nl_at(g.op.x, l.stride))[at]), gradient = gradient_of(g, own, at, u, a);
        product += gradient * (u * own.factor + own.offset);
        sum += gradient;
    }
    nl_block_sum(&product, &sum);
    if (threadIdx.x > 0)
        return;
    ((float *)nl_at(g.op.dgamma, l.stride))[a] = (float)product;
    if (g.op.dbeta)
        ((float *)nl_at(g.op.dbeta, l.stride))[a] = (float)sum;
}

void nl_cuda_general_forward(const struct nl_run *run, const struct nl_normalize *op, const struct nl_layout *layout)
{
    struct nl_general g = general_of(run, op, layout);
    if (!layout->fixed)
        launch_sets(find_statistics, &g);
    coefficients_of(op->norm)->find_coefficients(&g);
    launch_sets(apply, &g);
    if (op->norm->tracks && (run->statistics == NL_STATS_TRAIN || run->statistics == NL_STATS_COLLECT))
        nl_cuda_columns_track(run, op, layout);
}

void nl_cuda_general_apply(const struct nl_run *run, const struct nl_normalize *op, const struct nl_layout *layout)
{
    struct nl_general g = general_of(run, op, layout);
    if (!g.kept)
        coefficients_of(op->norm)->find_coefficients(&g);
    launch_sets(apply, &g);
}

void nl_cuda_general_backward(const struct nl_run *run, const struct nl_normalize *op, const struct nl_layout *layout)
{
    struct nl_general g = general_of(run, op, layout);
    const struct nl_cuda_coefficients *coefficients = coefficients_of(op->norm);
    if (!g.kept)
        coefficients->find_coefficients(&g);
    if (op->affine_count > 0)
        NL_LAUNCH(write_affine, dim3((unsigned)op->affine_count, 1, g.replicas), THREADS, g);
    if (!op->dx && !op->residual)
        return;
    launch_sets(sum_sets, &g);
    coefficients->find_dx_terms(&g);
    launch_sets(write_dx, &g);
}
