/* Batch normalization: sets of one channel, sums down the columns. A block takes some neighbouring channels and as many
 * rows as its registers hold. Where that can be a whole slice of the batch one launch does everything; else the rows
 * are cut into chunks, whose moments are joined (Chan, Golub and LeVeque 1979): by each block of a cluster, where one
 * holds the slice, which still has its rows then; else by the last block of a column, and a second launch applies
 * them. */
#include "backend/cuda/normalize_columns.cuh"

using namespace nl_columns;

/* ---- forward ---- */

/* MOST: of threads; the fewer there are, the more registers has each. */
template <unsigned MOST>
static __global__ void __launch_bounds__(MOST) forward_whole(struct nl_normalize op, struct nl_layout l, struct tile t,
                                                             enum nl_statistics statistics, unsigned *tickets)
{
    forward<MOST>(op, l, t, statistics, blockIdx.x);
    if (nl_last_block(&tickets[blockIdx.z], t.tiles) && threadIdx.x == 0)
        advance(op, l, statistics, t.slices, l.all_rows);
}

/* Two numbers of a chunk and column: the second is l.channels after the first. part[r][slice][chunk][2][C] */
static __device__ size_t place_of_part(const struct nl_layout &l, const struct tile &t, const struct coordinates &s,
                                       unsigned chunk)
{
    return (((size_t)blockIdx.z * t.slices + s.slice) * t.chunks + chunk) * 2 * l.channels + s.c;
}

static __device__ void leave_part(const struct nl_layout &l, const struct tile &t, const struct coordinates &s,
                                  double *part, double a, double b)
{
    if (s.ty != 0 || !s.real || s.first >= s.end)
        return;
    double *to = part + place_of_part(l, t, s, s.chunk);
    to[0] = a;
    to[l.channels] = b;
}

/* Mean and variance of the slice from those of its chunks, which the threads of a column share; or, alone, each takes
 * all. */
static __device__ void join_chunks(const struct nl_layout &l, const struct tile &t, const struct coordinates &s,
                                   const double *part, bool alone, double *mean, double *var)
{
    unsigned chunk_rows = t.deep * EACH, rows = min(l.rows, l.all_rows - s.slice * l.rows), first = alone ? 0 : s.ty,
             step = alone ? 1 : t.deep;
    double sum = 0.0, squares = 0.0, nothing = 0.0;
    for (unsigned chunk = first; s.real && chunk * chunk_rows < rows; chunk += step)
        sum += part[place_of_part(l, t, s, chunk)] * min(chunk_rows, rows - chunk * chunk_rows);
    if (!alone)
        column_sum<THREADS>(t, s, &sum, &nothing);
    *mean = sum / rows;
    for (unsigned chunk = first; s.real && chunk * chunk_rows < rows; chunk += step) {
        double delta = part[place_of_part(l, t, s, chunk)] - *mean;
        squares += part[place_of_part(l, t, s, chunk) + l.channels] +
                   delta * delta * min(chunk_rows, rows - chunk * chunk_rows);
    }
    if (!alone)
        column_sum<THREADS>(t, s, &squares, &nothing);
    *var = squares / rows;
}

/* The block's columns, whose chunks are all done: their moments make those of the slices. */
static __device__ void join_moments(const struct nl_normalize &op, const struct nl_layout &l, const struct tile &t,
                                    struct coordinates s, enum nl_statistics statistics, const double *part)
{
    for (s.slice = 0; s.slice < t.slices; s.slice++) {
        double mean, var;
        join_chunks(l, t, s, part, false, &mean, &var);
        if (s.ty == 0 && s.real)
            keep_moments(op, l, s, statistics, mean, var);
    }
}

/* part: mean of the chunk, and sum of squared deviations from it. */
static __global__ void __launch_bounds__(THREADS)
    forward_chunk(struct nl_normalize op, struct nl_layout l, struct tile t, enum nl_statistics statistics,
                  double *part, unsigned *tickets)
{
    struct coordinates s = coordinates_of(l, t, blockIdx.x / t.tiles, blockIdx.x % t.tiles);
    const float *x = (const float *)nl_at(op.x, l.stride);
    float value[EACH];
    double mean, var;
    read(t, s, x, value);
    moments<THREADS>(l, t, s, x, value, &mean, &var);
    leave_part(l, t, s, part, mean, var * (s.end - s.first));
    if (nl_last_block(&tickets[blockIdx.z * t.tiles + blockIdx.x % t.tiles], t.slices * t.chunks))
        join_moments(op, l, t, s, statistics, part);
}

/* Where a thread of a block in a cluster works. */
static __device__ struct coordinates coordinates_in_cluster(const struct nl_layout &l, const struct tile &t,
                                                            unsigned slice)
{
    return coordinates_of(l, t, slice * t.chunks + blockIdx.x % t.chunks, blockIdx.x / t.chunks);
}

/* A slice fits the registers of a cluster's blocks. part as forward_chunk's. */
template <unsigned MOST>
static __global__ void __launch_bounds__(MOST)
    forward_cluster(struct nl_normalize op, struct nl_layout l, struct tile t, enum nl_statistics statistics,
                    double *part, unsigned *tickets)
{
    const float *x = (const float *)nl_at(op.x, l.stride);
    for (unsigned slice = 0; slice < t.slices; slice++) {
        struct coordinates s = coordinates_in_cluster(l, t, slice);
        float value[EACH];
        double mean, var;
        read(t, s, x, value);
        moments<MOST>(l, t, s, x, value, &mean, &var);
        leave_part(l, t, s, part, mean, var * (s.end - s.first));
        nl_cluster_sync();
        join_chunks(l, t, s, part, true, &mean, &var);
        apply(op, l, t, s, nl_statistic_of(mean, var, nl_override_or(op.eps, nl_at(op.hyper, l.stride)->norm_eps)),
              value);
        if (s.chunk == 0 && s.ty == 0 && s.real)
            keep_moments(op, l, s, statistics, mean, var);
    }
    if (nl_last_block(&tickets[blockIdx.z], gridDim.x) && threadIdx.x == 0)
        advance(op, l, statistics, t.slices, l.all_rows);
}

/* The statistic of the block's columns, worked out once each. */
static __device__ struct nl_statistic shared_statistic(const struct nl_normalize &op, const struct nl_layout &l,
                                                       const struct coordinates &s, enum nl_statistics statistics)
{
    __shared__ struct nl_statistic shared[COLUMNS];
    if (s.ty == 0 && s.real)
        shared[s.tx] = statistic_of(op, l, statistics, s.slice, s.c);
    __syncthreads();
    return shared[s.tx];
}

static __global__ void __launch_bounds__(MOST_THREADS)
    forward_apply(struct nl_normalize op, struct nl_layout l, struct tile t, enum nl_statistics statistics)
{
    struct coordinates s = coordinates_of(l, t, blockIdx.x / t.tiles, blockIdx.x % t.tiles);
    float value[EACH];
    read(t, s, (const float *)nl_at(op.x, l.stride), value);
    apply(op, l, t, s, shared_statistic(op, l, s, statistics), value);
    if (blockIdx.x == 0 && threadIdx.x == 0)
        advance(op, l, statistics, t.slices, l.all_rows);
}

/* A thread a channel: slice after slice, but for those without a row that counts. */
static __global__ void track(struct nl_normalize op, struct nl_layout l, enum nl_statistics statistics, unsigned slices,
                             unsigned *tickets)
{
    size_t c = nl_element();
    unsigned taken = 0, followed = op.followed > 0 && statistics == NL_STATS_TRAIN ? (unsigned)op.followed : slices;
    double before = 0.0;
    for (unsigned slice = 0; slice < followed; slice++) {
        unsigned rows = nl_rows_that_count(op, l, slice);
        if (rows == 0)
            continue;
        if (c < l.channels)
            follow(op, l, statistics, (unsigned)c, taken, before, rows,
                   nl_at((double *)op.mean, l.stride)[slice * l.channels + c],
                   nl_at((double *)op.var, l.stride)[slice * l.channels + c]);
        taken++;
        before += rows;
    }
    if (nl_last_block(&tickets[blockIdx.z], gridDim.x) && threadIdx.x == 0)
        advance(op, l, statistics, taken, before);
}

void nl_cuda_columns_track(const struct nl_run *run, const struct nl_normalize *op, const struct nl_layout *layout)
{
    struct nl_normalize tracked = *op;
    tracked.unbiased = op->unbiased && nl_norm_spread_is_variance(op->norm);
    unsigned *tickets =
        nl_cuda_tickets((size_t)run->replicas); /* before the launch, which asks whether there was memory for them */
    NL_LAUNCH(track, nl_grid_over(run, layout->channels), NL_THREADS, tracked, *layout, run->statistics,
              nl_blocks(layout->all_rows, layout->rows), tickets);
}

void nl_cuda_columns_forward(const struct nl_run *run, const struct nl_normalize *op, const struct nl_layout *layout)
{
    struct tile t = tile_of(layout);
    unsigned replicas = (unsigned)run->replicas;
    dim3 all(t.tiles * t.slices * t.chunks, 1, replicas);
    unsigned *tickets = nl_cuda_tickets((size_t)replicas * t.tiles);
    if (!layout->fixed && t.chunks == 1) {
        if (t.threads <= FEW_THREADS)
            NL_LAUNCH(forward_whole<FEW_THREADS>, dim3(t.tiles, 1, replicas), t.threads, *op, *layout, t,
                      run->statistics, tickets);
        else
            NL_LAUNCH(forward_whole<MOST_THREADS>, dim3(t.tiles, 1, replicas), t.threads, *op, *layout, t,
                      run->statistics, tickets);
        return;
    }
    if (!layout->fixed) {
        double *part =
            (double *)nl_cuda_scratch((size_t)replicas * t.slices * t.chunks * 2 * layout->channels * sizeof *part);
        dim3 clusters(t.tiles * t.chunks, 1, replicas);
        if (t.clusters) {
            if (t.threads <= FEW_THREADS)
                NL_LAUNCH_CLUSTERS(t.chunks, forward_cluster<FEW_THREADS>, clusters, t.threads, *op, *layout, t,
                                   run->statistics, part, tickets);
            else
                NL_LAUNCH_CLUSTERS(t.chunks, forward_cluster<MOST_THREADS>, clusters, t.threads, *op, *layout, t,
                                   run->statistics, part, tickets);
            return;
        }
        NL_LAUNCH(forward_chunk, all, t.threads, *op, *layout, t, run->statistics, part, tickets);
    }
    NL_LAUNCH(forward_apply, all, t.threads, *op, *layout, t, run->statistics);
}

void nl_cuda_columns_apply(const struct nl_run *run, const struct nl_normalize *op, const struct nl_layout *layout)
{
    struct tile t = tile_of(layout);
    dim3 all(t.tiles * t.slices * t.chunks, 1, (unsigned)run->replicas);
    NL_LAUNCH(forward_apply, all, t.threads, *op, *layout, t, layout->fixed ? run->statistics : NL_STATS_BATCH);
}

/* ---- backward ---- */

template <unsigned MOST>
static __global__ void __launch_bounds__(MOST)
    backward_whole(struct nl_normalize op, struct nl_layout l, struct tile t, enum nl_statistics statistics)
{
    backward<MOST>(op, l, t, statistics, blockIdx.x);
}

/* A slice fits the registers of a cluster's blocks. part as backward_chunk's. */
template <unsigned MOST>
static __global__ void __launch_bounds__(MOST)
    backward_cluster(struct nl_normalize op, struct nl_layout l, struct tile t, enum nl_statistics statistics,
                     double *part)
{
    double products = 0.0, sums = 0.0;
    for (unsigned slice = 0; slice < t.slices; slice++) {
        struct coordinates s = coordinates_in_cluster(l, t, slice);
        unsigned rows = min(l.rows, l.all_rows - slice * l.rows);
        float xhat[EACH], grad[EACH];
        double product, sum;
        struct nl_statistic statistic = read_back_sums<MOST>(op, l, t, s, statistics, xhat, grad, &product, &sum);
        leave_part(l, t, s, part, product, sum);
        nl_cluster_sync();
        product = sum = 0.0;
        for (unsigned chunk = 0; s.real && chunk * t.deep * EACH < rows; chunk++) {
            product += part[place_of_part(l, t, s, chunk)];
            sum += part[place_of_part(l, t, s, chunk) + l.channels];
        }
        write_dx(op, l, t, s, statistic, means_of(op, l, rows, product, sum), xhat, grad);
        products += product;
        sums += sum;
        if (slice + 1 == t.slices && s.chunk == 0 && s.ty == 0 && s.real)
            write_gradients(op, l, s.c, products, sums);
    }
}

/* The block's columns, whose chunks are all done: the gradients of gamma and beta; mean[r][slice][C] for dx. */
static __device__ void join_gradients(const struct nl_normalize &op, const struct nl_layout &l, const struct tile &t,
                                      struct coordinates s, const double *part, struct means *mean)
{
    double products = 0.0, sums = 0.0;
    for (s.slice = 0; s.slice < t.slices; s.slice++) {
        unsigned rows = min(l.rows, l.all_rows - s.slice * l.rows);
        double product = 0.0, sum = 0.0;
        for (unsigned chunk = s.ty; s.real && chunk * t.deep * EACH < rows; chunk += t.deep) {
            product += part[place_of_part(l, t, s, chunk)];
            sum += part[place_of_part(l, t, s, chunk) + l.channels];
        }
        column_sum<THREADS>(t, s, &product, &sum);
        products += product;
        sums += sum;
        if (s.ty == 0 && s.real)
            mean[((size_t)blockIdx.z * t.slices + s.slice) * l.channels + s.c] = means_of(op, l, rows, product, sum);
    }
    if (s.ty == 0 && s.real)
        write_gradients(op, l, s.c, products, sums);
}

/* part: sums of the products and of the gradients. */
static __global__ void __launch_bounds__(THREADS)
    backward_chunk(struct nl_normalize op, struct nl_layout l, struct tile t, enum nl_statistics statistics,
                   double *part, struct means *mean, unsigned *tickets)
{
    struct coordinates s = coordinates_of(l, t, blockIdx.x / t.tiles, blockIdx.x % t.tiles);
    float xhat[EACH], grad[EACH];
    double product, sum;
    read_back(op, l, t, s, shared_statistic(op, l, s, statistics), xhat, grad, &product, &sum);
    column_sum<THREADS>(t, s, &product, &sum);
    leave_part(l, t, s, part, product, sum);
    if (nl_last_block(&tickets[blockIdx.z * t.tiles + blockIdx.x % t.tiles], t.slices * t.chunks))
        join_gradients(op, l, t, s, part, mean);
}

static __global__ void __launch_bounds__(THREADS) backward_dx(struct nl_normalize op, struct nl_layout l, struct tile t,
                                                              enum nl_statistics statistics, const struct means *mean)
{
    struct coordinates s = coordinates_of(l, t, blockIdx.x / t.tiles, blockIdx.x % t.tiles);
    float xhat[EACH], grad[EACH];
    double product, sum;
    struct nl_statistic statistic = shared_statistic(op, l, s, statistics);
    read_back(op, l, t, s, statistic, xhat, grad, &product, &sum);
    struct means own = {0.0f, 0.0f};
    if (s.real)
        own = mean[((size_t)blockIdx.z * t.slices + s.slice) * l.channels + s.c];
    write_dx(op, l, t, s, statistic, own, xhat, grad);
}

void nl_cuda_columns_backward(const struct nl_run *run, const struct nl_normalize *op, const struct nl_layout *layout)
{
    struct tile t = tile_of(layout);
    unsigned replicas = (unsigned)run->replicas;
    if (t.chunks == 1) {
        if (t.threads <= FEW_THREADS)
            NL_LAUNCH(backward_whole<FEW_THREADS>, dim3(t.tiles, 1, replicas), t.threads, *op, *layout, t,
                      run->statistics);
        else
            NL_LAUNCH(backward_whole<MOST_THREADS>, dim3(t.tiles, 1, replicas), t.threads, *op, *layout, t,
                      run->statistics);
        return;
    }
    dim3 all(t.tiles * t.slices * t.chunks, 1, replicas), clusters(t.tiles * t.chunks, 1, replicas);
    size_t sets = (size_t)replicas * t.slices * layout->channels, parts = sets * t.chunks * 2;
    double *part = (double *)nl_cuda_scratch(parts * sizeof *part + sets * sizeof(struct means));
    if (t.clusters) {
        if (t.threads <= FEW_THREADS)
            NL_LAUNCH_CLUSTERS(t.chunks, backward_cluster<FEW_THREADS>, clusters, t.threads, *op, *layout, t,
                               run->statistics, part);
        else
            NL_LAUNCH_CLUSTERS(t.chunks, backward_cluster<MOST_THREADS>, clusters, t.threads, *op, *layout, t,
                               run->statistics, part);
        return;
    }
    struct means *mean = (struct means *)(part + parts);
    unsigned *tickets = nl_cuda_tickets((size_t)replicas * t.tiles);
    NL_LAUNCH(backward_chunk, all, THREADS, *op, *layout, t, run->statistics, part, mean, tickets);
    if (op->dx || op->residual)
        NL_LAUNCH(backward_dx, all, THREADS, *op, *layout, t, run->statistics, mean);
}
