/* Normalizers whose sets are 1, 2 or 4 channels of a sample wide (IN, GN of small groups). A block that took such a set
 * would fetch sectors of 32 bytes, which are eight channels, for a half to an eighth of what is in them. Here a block
 * takes the sets of whole sectors: sums run down its columns, as in normalize_columns.cu, and those of the channels of
 * a set are joined. A column's sums of backward are what its sample adds to the gradients of gamma and beta. */
#include "backend/cuda/normalize_columns.cuh"
#include "backend/cuda/normalize_sets.cuh"

bool nl_cuda_sets_are_narrow(const struct nl_layout *l)
{
    using namespace nl_columns;
    enum { FEWEST_ROWS = 16 };
    bool sectors = l->width < FEWEST_COLUMNS && FEWEST_COLUMNS % l->width == 0 && l->channels % FEWEST_COLUMNS == 0;
    struct tile t = tile_of(l);
    bool within_sample = l->blocks == 1 && l->samples == 1;
    bool fits = l->rows >= FEWEST_ROWS && t.chunks == 1 && t.threads <= FEW_THREADS;
    return nl_cuda_lets(NL_CUDA_SECTORS) && sectors && within_sample && fits && l->norm.centers && !l->elements;
}

namespace nl_columns {

/* A block is t.columns channels of a sample. */
static __device__ struct coordinates coordinates_of_block(const struct nl_layout &l, const struct tile &t)
{
    return coordinates_of(l, t, blockIdx.x / t.tiles, blockIdx.x % t.tiles);
}

static __device__ unsigned set_at(const struct nl_layout &l, const struct coordinates &s)
{
    return s.slice * (l.channels / l.width) + s.c / l.width;
}

static __global__ void __launch_bounds__(FEW_THREADS)
    narrow_forward(struct nl_normalize op, struct nl_layout l, struct tile t)
{
    const float *x = (const float *)nl_at(op.x, l.stride);
    struct coordinates s = coordinates_of_block(l, t);
    float value[EACH];
    double mean, var;
    read(t, s, x, value);
    moments<FEW_THREADS>(l, t, s, x, value, &mean, &var, l.width);
    apply(op, l, t, s, nl_statistic_of(mean, var, nl_override_or(op.eps, nl_at(op.hyper, l.stride)->norm_eps)), value);
    if (s.ty > 0 || !s.real || s.c % l.width > 0)
        return;
    nl_at((double *)op.mean, l.stride)[set_at(l, s)] = mean;
    nl_at((double *)op.var, l.stride)[set_at(l, s)] = var;
}

/* part, tickets: as of `struct shares`, of columns; NULL: there are no gamma and beta. */
static __global__ void __launch_bounds__(FEW_THREADS)
    narrow_backward(struct nl_normalize op, struct nl_layout l, struct tile t, double *part, unsigned *tickets)
{
    struct coordinates s = coordinates_of_block(l, t);
    struct nl_statistic statistic = {0.0f, 0.0f, 0.0f};
    float xhat[EACH], grad[EACH], gamma = affine_of(op, l, s).gamma;
    double product, sum;
    if (s.real)
        statistic = ::statistic_of(op, l, set_at(l, s));
    read_back(op, l, t, s, statistic, xhat, grad, &product, &sum);
    column_sum<FEW_THREADS>(t, s, &product, &sum);
    if (part && s.ty == 0 && s.real) {
        double *to = part + ((size_t)blockIdx.z * t.slices + s.slice) * 2 * l.channels + s.c;
        to[0] = product;
        to[l.channels] = sum;
    }
    product *= gamma;
    sum *= gamma;
    sum_of_columns(s, l.width, &product, &sum);
    const float mean = (float)(sum / (l.rows * l.width)), mean_xhat = (float)(product / (l.rows * l.width));
    float *dx = (float *)nl_at(op.dx, l.stride),
          *dresidual = op.residual ? (float *)nl_at(op.dresidual, l.stride) : NULL;
    FOR_ROWS(s, t)
    {
        if (dresidual) /* it takes the gradient as it is */
            dresidual[place(s, i)] = grad[i];
        if (dx)
            dx[place(s, i)] = statistic.rstd * ((gamma * grad[i] - mean) - xhat[i] * mean_xhat);
    }
    if (part && nl_last_block(&tickets[(size_t)blockIdx.z * t.tiles + blockIdx.x % t.tiles], t.slices))
        join_shares<FEW_THREADS>(op, l, part, t.slices, l.channels, s.c, t.columns);
}

} /* namespace nl_columns */

using namespace nl_columns;

void nl_cuda_narrow_forward(const struct nl_run *run, const struct nl_normalize *op, const struct nl_layout *layout)
{
    struct tile t = tile_of(layout);
    NL_LAUNCH(narrow_forward, dim3(t.tiles * t.slices, 1, (unsigned)run->replicas), t.threads, *op, *layout, t);
}

void nl_cuda_narrow_backward(const struct nl_run *run, const struct nl_normalize *op, const struct nl_layout *layout)
{
    struct tile t = tile_of(layout);
    unsigned replicas = (unsigned)run->replicas;
    double *part = NULL;
    unsigned *tickets = NULL;
    if (op->affine_count > 0) {
        part = (double *)nl_cuda_scratch((size_t)replicas * t.slices * 2 * layout->channels * sizeof *part);
        tickets = nl_cuda_tickets((size_t)replicas * t.tiles);
    } else if (!op->dx && !op->residual) {
        return;
    }
    NL_LAUNCH(narrow_backward, dim3(t.tiles * t.slices, 1, replicas), t.threads, *op, *layout, t, part, tickets);
}
