/* Normalizers whose sets lie within a sample (LN, GN, IN, RMSNorm): a block of threads takes a set, and keeps it in
 * registers where it fits, so that memory is read once. The gradients of gamma and beta run across the sets: where a
 * set has several rows its block adds those up, and the last one of the same channels adds the sets; else they are sums
 * down the columns, in launches of their own. */
#include "backend/cuda/normalize_sets.cuh"
#include "base/divisor.h"

template <int VECTOR, bool WHOLE>
__global__ void __launch_bounds__(1024) sets_forward(struct nl_normalize op, struct nl_layout l)
{
    set_forward<VECTOR, WHOLE>(op, l, nl_block(), blockIdx.x);
}

/* SHARES: with the gradients of gamma and beta. THREADS: at most; the fewer there are, the more registers has each. */
template <int VECTOR, bool WHOLE, bool SHARES, unsigned THREADS>
__global__ void __launch_bounds__(THREADS)
    sets_backward(struct nl_normalize op, struct nl_layout l, struct shares shares)
{
    set_backward<VECTOR, WHOLE, SHARES, THREADS>(op, l, nl_block(), blockIdx.x, shares);
    unsigned c = set_of(l, blockIdx.x).c;
    if (SHARES &&
        nl_last_block(&shares.tickets[(size_t)blockIdx.z * (l.channels / l.width) + c / l.width], shares.blocks))
        join_shares<THREADS>(op, l, shares.part, shares.blocks, l.channels, c + threadIdx.x % l.width, l.width);
}

/* How a set of m elements is taken: four at a time where it lies so, by as many threads as keep it in registers. */
struct launch_kind {
    bool vector, whole;
    unsigned threads;
};

static struct launch_kind launch_kind_of(const struct nl_layout *l, const struct nl_normalize *op)
{
    const void *places[] = {op->x, op->residual, op->y, op->dy, op->dx, op->dresidual};
    unsigned m = l->rows * l->width;
    bool vector = l->width % 4 == 0;
    for (const void *place : places)
        vector = vector && (uintptr_t)place % 16 == 0;
    unsigned each = (vector ? 4 : 1) * ITEMS, threads = nl_blocks(nl_blocks(m, each), 32) * 32;
    return {vector, threads <= 1024, threads <= 1024 ? threads : 1024};
}

void nl_cuda_sets_forward(const struct nl_run *run, const struct nl_normalize *op, const struct nl_layout *layout)
{
    struct launch_kind kind = launch_kind_of(layout, op);
    dim3 grid(nl_layout_sets(layout), 1, (unsigned)run->replicas);
    if (kind.vector && kind.whole)
        NL_LAUNCH((sets_forward<4, true>), grid, kind.threads, *op, *layout);
    else if (kind.vector)
        NL_LAUNCH((sets_forward<4, false>), grid, kind.threads, *op, *layout);
    else if (kind.whole)
        NL_LAUNCH((sets_forward<1, true>), grid, kind.threads, *op, *layout);
    else
        NL_LAUNCH((sets_forward<1, false>), grid, kind.threads, *op, *layout);
}

/* ---- gradients of gamma and beta, where no launch of sets has them ---- */

/* statistic[r][set], worked out once instead of for each element. */
static __global__ void prepare(struct nl_normalize op, struct nl_layout l, unsigned sets,
                               struct nl_statistic *statistic)
{
    size_t at = nl_element();
    if (at < sets)
        statistic[(size_t)blockIdx.z * sets + at] = statistic_of(op, l, (unsigned)at);
}

/* part[r][chunk][2][columns]: of a chunk of each column. statistic[r][set], tickets[r][tile of columns] */
static __global__ void sets_gradients(struct nl_normalize op, struct nl_layout l, unsigned columns, unsigned rows,
                                      unsigned sets, const struct nl_statistic *statistic, double *part,
                                      unsigned *tickets)
{
    unsigned tiles = (columns + COLUMNS - 1) / COLUMNS, tile = blockIdx.x % tiles, chunk = blockIdx.x / tiles,
             chunks = gridDim.x / tiles;
    unsigned a = tile * COLUMNS + threadIdx.x % COLUMNS;
    double product, sum;
    sum_column(op, l, columns, rows, tile, chunk, statistic + (size_t)blockIdx.z * sets, &product, &sum);
    if (threadIdx.x < COLUMNS && a < columns) {
        double *to = part + ((size_t)blockIdx.z * chunks + chunk) * 2 * columns + a;
        to[0] = product;
        to[columns] = sum;
    }
    if (nl_last_block(&tickets[(size_t)blockIdx.z * tiles + tile], chunks))
        join_shares<COLUMNS * DEEP>(op, l, part, chunks, columns, a, COLUMNS);
}

static void launch_gradients(const struct nl_run *run, const struct nl_normalize *op, const struct nl_layout *layout)
{
    unsigned columns = (unsigned)op->affine_count, sets = nl_layout_sets(layout), replicas = (unsigned)run->replicas;
    unsigned rows = layout->elements ? (unsigned)run->samples : layout->all_rows, chunks = nl_blocks(rows, CHUNK),
             tiles = nl_blocks(columns, COLUMNS);
    size_t parts = (size_t)replicas * chunks * 2 * columns;
    double *part =
        (double *)nl_cuda_scratch(parts * sizeof *part + (size_t)replicas * sets * sizeof(struct nl_statistic));
    struct nl_statistic *statistic = (struct nl_statistic *)(part + parts);
    unsigned *tickets =
        nl_cuda_tickets((size_t)replicas * tiles); /* before the launch, which asks whether there was memory for them */
    NL_LAUNCH(prepare, nl_grid_over(run, sets), NL_THREADS, *op, *layout, sets, statistic);
    NL_LAUNCH(sets_gradients, dim3(tiles * chunks, 1, replicas), COLUMNS * DEEP, *op, *layout, columns, rows, sets,
              statistic, part, tickets);
}

/* ---- backward ---- */

/* Threads of blocks that can share the gradients of gamma and beta; 0: there are none, or sets have so few rows that
 * there would be a share an element. */
static unsigned sharing_threads(const struct nl_normalize *op, const struct nl_layout *l,
                                const struct launch_kind *kind, unsigned period)
{
    enum { FEWEST_ROWS = 16 };
    unsigned unit = 32 / (unsigned)nl_greatest_divisor(32, period) * period,
             threads = nl_blocks(kind->threads, unit) * unit;
    bool shares = op->affine_count > 0 && !l->elements && l->rows >= FEWEST_ROWS && kind->whole && threads <= 1024;
    return shares ? threads : 0;
}

template <bool SHARES>
static void launch_whole(const struct nl_normalize *op, const struct nl_layout *layout, dim3 grid, unsigned threads,
                         bool vector, const struct shares &shares)
{
    if (vector && threads <= 512)
        NL_LAUNCH((sets_backward<4, true, SHARES, 512>), grid, threads, *op, *layout, shares);
    else if (vector)
        NL_LAUNCH((sets_backward<4, true, SHARES, 1024>), grid, threads, *op, *layout, shares);
    else
        NL_LAUNCH((sets_backward<1, true, SHARES, 1024>), grid, threads, *op, *layout, shares);
}

int nl_cuda_sets_of_warps(const struct nl_normalize *op, const struct nl_layout *layout)
{
    struct launch_kind kind = launch_kind_of(layout, op);
    unsigned each = kind.vector ? 4 : 1,
             rows = layout->elements ? layout->all_rows / layout->positions : layout->all_rows;
    bool fits =
        kind.whole && kind.threads == 32 && rows <= CHUNK && !sharing_threads(op, layout, &kind, layout->width / each);
    fits = fits && !nl_cuda_sets_are_narrow(layout); /* whose sums have another order in the launches */
    return fits ? (int)each : 0;
}

void nl_cuda_sets_backward(const struct nl_run *run, const struct nl_normalize *op, const struct nl_layout *layout)
{
    struct launch_kind kind = launch_kind_of(layout, op);
    unsigned sets = nl_layout_sets(layout), replicas = (unsigned)run->replicas,
             groups = layout->channels / layout->width;
    struct shares shares = {kind.vector ? layout->width / 4 : layout->width, sets / groups, NULL, NULL};
    unsigned sharing = sharing_threads(op, layout, &kind, shares.period);
    dim3 grid(sets, 1, replicas);
    if (sharing) {
        shares.part =
            (double *)nl_cuda_scratch((size_t)replicas * shares.blocks * 2 * layout->channels * sizeof *shares.part);
        shares.tickets = nl_cuda_tickets((size_t)replicas * groups);
        launch_whole<true>(op, layout, grid, sharing, kind.vector, shares);
        return;
    }
    if (op->affine_count > 0)
        launch_gradients(run, op, layout);
    if (!op->dx && !op->residual)
        return;
    if (kind.whole)
        launch_whole<false>(op, layout, grid, kind.threads, kind.vector, shares);
    else if (kind.vector)
        NL_LAUNCH((sets_backward<4, false, false, 1024>), grid, kind.threads, *op, *layout, shares);
    else
        NL_LAUNCH((sets_backward<1, false, false, 1024>), grid, kind.threads, *op, *layout, shares);
}
