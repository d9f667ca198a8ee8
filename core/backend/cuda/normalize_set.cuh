/* Where the elements of a set lie. */
#ifndef NL_BACKEND_CUDA_NORMALIZE_SET_CUH
#define NL_BACKEND_CUDA_NORMALIZE_SET_CUH

#include "backend/cuda/normalize.cuh"

/* A set, as its block sees it: element e of `count`. */
struct set {
    unsigned row, c;  /* of its first element */
    unsigned pitch;   /* rows from one of its rows to the next */
    unsigned count;
};

static __device__ struct set set_of(const struct nl_layout &l, unsigned index)
{
    unsigned groups = l.channels / l.width, block = index / groups, each = l.samples * l.positions;
    unsigned first = block / l.blocks * each, rows = min(each, l.all_rows - first) / l.blocks;
    struct set s;
    s.row = first + block % l.blocks;
    s.c = index % groups * l.width;
    s.pitch = l.blocks;
    s.count = rows * l.width;
    return s;
}

/* The set that element (row, c) lies in. */
static __device__ inline unsigned index_of(const struct nl_layout &l, unsigned row, unsigned c)
{
    unsigned block = row / (l.samples * l.positions) * l.blocks + row % l.blocks;
    return block * (l.channels / l.width) + c / l.width;
}

/* The row that element e lies in. */
static __device__ inline unsigned row_of(const struct nl_layout &l, const struct set &s, unsigned e)
{
    return s.row + nl_divide(e, l.by_width).quotient * s.pitch;
}

/* Element e's place in x. A set of whole rows in a row is one run. */
static __device__ inline size_t place(const struct nl_layout &l, const struct set &s, unsigned e)
{
    size_t first = (size_t)s.row * l.channels + s.c;
    if (l.width == l.channels && s.pitch == 1)
        return first + e;
    struct nl_division row = nl_divide(e, l.by_width);
    return first + (size_t)(row.quotient * s.pitch) * l.channels + row.rest;
}

/* Index of element e's gamma. */
static __device__ inline unsigned affine(const struct nl_layout &l, const struct set &s, unsigned e)
{
    struct nl_division row = nl_divide(e, l.by_width);
    unsigned c = s.c + row.rest;
    return l.elements ? (s.row + row.quotient * s.pitch) % l.positions * l.channels + c : c;
}

#endif
