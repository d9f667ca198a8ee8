/* Convolutions as implicit GEMM: the patches are fetched from where they are, never written out. Rows m are pixels (of all samples) or,
 * for the gradient of the weights, places (p, q, c) of the kernel; the weights' layout (kernel, kernel, I, O) is a matrix already. */
#include "backend/cuda/division.cuh"
#include "backend/cuda/gemm.cuh"
#include "operation/conv.h"

/* What the operands need of an nl_conv: every fetch divides by most of it. */
struct shape {
    struct nl_divisor height, width, in, out_height, out_width, out, kernel, stride;
    int pad;
};

static struct shape shape_of(const struct nl_conv *op)
{
    return {nl_divisor_of(op->height), nl_divisor_of(op->width), nl_divisor_of(op->in), nl_divisor_of(op->out_height), nl_divisor_of(op->out_width),
            nl_divisor_of(op->out), nl_divisor_of(op->kernel), nl_divisor_of(op->stride), op->pad};
}

/* An element of an operand, counted from its first; NOWHERE: there is none. Of a pointer that may be NULL the compiler does not know that it is global. */
typedef int64_t element;
static const element NOWHERE = -1;

/* A pixel of the batch. */
struct pixel {
    element sample; /* the first of the sample that it lies in */
    int row, column;
};

/* sample: elements of one. */
static __device__ struct pixel pixel_at(unsigned index, unsigned pixels, const struct nl_divisor &height, const struct nl_divisor &width, size_t sample)
{
    if (index >= pixels)
        return {NOWHERE, 0, 0};
    struct nl_division column = nl_divide(index, width), row = nl_divide(column.quotient, height);
    return {(element)(row.quotient * sample), (int)row.rest, (int)column.rest};
}

/* Elements from .. from+3 of k, each where `place` says or 0 where it says NOWHERE; at once where the four are neighbours in memory. */
template <class Place> static __device__ inline void fetch(const float *operand, unsigned from, unsigned k, bool vector, float v[4], Place place)
{
#pragma unroll
    for (int i = 0; i < 4; i++)
        v[i] = 0.0f;
    if (vector) {
        element at = from < k ? place(from) : NOWHERE;
        if (at >= 0) {
            float4 four = *(const float4 *)(operand + at);
            v[0] = four.x, v[1] = four.y, v[2] = four.z, v[3] = four.w;
        }
        return;
    }
#pragma unroll
    for (int i = 0; i < 4; i++) {
        element at = from + i < k ? place(from + i) : NOWHERE;
        if (at >= 0)
            v[i] = operand[at];
    }
}

/* The top left corner of the patch of x that output pixel `index` sees: maybe outside the image. */
static __device__ struct pixel patch_at(const struct shape &s, unsigned index, unsigned pixels)
{
    struct pixel p = pixel_at(index, pixels, s.out_height, s.out_width, (size_t)s.height.by * s.width.by * s.in.by);
    p.row = p.row * (int)s.stride.by - s.pad;
    p.column = p.column * (int)s.stride.by - s.pad;
    return p;
}

/* Element (p, q, c) of the patch. */
static __device__ inline element place_in(const struct pixel &patch, const struct shape &s, unsigned of_patch)
{
    struct nl_division channel = nl_divide(of_patch, s.in), tap = nl_divide(channel.quotient, s.kernel);
    unsigned row = (unsigned)patch.row + tap.quotient, column = (unsigned)patch.column + tap.rest; /* -1 is huge */
    return row < s.height.by && column < s.width.by ? patch.sample + (row * s.width.by + column) * s.in.by + channel.rest : NOWHERE;
}

/* A(output pixel, (p, q, c)) = the patch of x that the pixel sees. */
struct patches {
    static constexpr bool along_k = true;
    const float *at;
    struct shape s;
    unsigned pixels, k;
    bool vector; /* I is a multiple of four, so that four neighbours belong to one place of the kernel */

    typedef struct pixel line_type;
    __device__ line_type line(int m) const { return patch_at(s, (unsigned)m, pixels); }
    __device__ void load(const line_type &p, int from, float v[4]) const
    {
        fetch(at, (unsigned)from, p.sample >= 0 ? k : 0, vector, v, [&](unsigned at_k) { return place_in(p, s, at_k); });
    }
};

/* A(input pixel, (p, q, o)) = dy of the output pixel that sees the input pixel through (p, q), if there is one. */
struct seen_by {
    static constexpr bool along_k = true;
    const float *at;
    struct shape s;
    unsigned pixels, k;
    bool vector; /* O is a multiple of four */

    typedef struct pixel line_type;
    __device__ line_type line(int m) const
    {
        return pixel_at((unsigned)m, pixels, s.height, s.width, (size_t)s.out_height.by * s.out_width.by * s.out.by);
    }
    __device__ element place(const line_type &p, unsigned from) const
    {
        struct nl_division channel = nl_divide(from, s.out), tap = nl_divide(channel.quotient, s.kernel);
        int row = p.row + s.pad - (int)tap.quotient, column = p.column + s.pad - (int)tap.rest;
        if (row < 0 || column < 0)
            return NOWHERE;
        struct nl_division i = nl_divide((unsigned)row, s.stride), j = nl_divide((unsigned)column, s.stride);
        bool seen = i.rest == 0 && j.rest == 0 && i.quotient < s.out_height.by && j.quotient < s.out_width.by;
        return seen ? p.sample + (i.quotient * s.out_width.by + j.quotient) * s.out.by + channel.rest : NOWHERE;
    }
    __device__ void load(const line_type &p, int from, float v[4]) const
    {
        fetch(at, (unsigned)from, p.sample >= 0 ? k : 0, vector, v, [&](unsigned at_k) { return place(p, at_k); });
    }
};

/* B((p, q, o), c) = w(p, q, c, o). */
struct turned_weights {
    static constexpr bool along_k = true;
    const float *at;
    struct shape s;
    unsigned k;
    bool vector; /* O is a multiple of four, and w lies at one */

    typedef int line_type;
    __device__ line_type line(int c) const { return c; }
    __device__ element place(int c, unsigned from) const
    {
        struct nl_division tap = nl_divide(from, s.out);
        return ((element)tap.quotient * s.in.by + c) * s.out.by + tap.rest;
    }
    __device__ void load(line_type c, int from, float v[4]) const
    {
        fetch(at, (unsigned)from, (unsigned)c < s.in.by ? k : 0, vector, v, [&](unsigned at_k) { return place(c, at_k); });
    }
};

/* A((p, q, c), output pixel) = the element of x that the weight meets there. */
struct turned_patches {
    static constexpr bool along_k = false;
    const float *at;
    struct shape s;
    unsigned pixels, weights; /* weights: kernel kernel I */
    bool vector;              /* I is a multiple of four, so that four neighbours belong to one place of the kernel */

    typedef unsigned line_type;
    __device__ line_type line(int first) const { return (unsigned)first; }
    __device__ void load(line_type first, int from, float v[4]) const
    {
        struct pixel p = patch_at(s, (unsigned)from, pixels);
        fetch(at, first, p.sample >= 0 ? weights : 0, vector, v, [&](unsigned weight) { return place_in(p, s, weight); });
    }
};

static void launch_conv_forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_conv *op = (const struct nl_conv *)arguments;
    int pixels = run->samples * op->out_height * op->out_width, k = op->kernel * op->kernel * op->in;
    struct patches x = {(const float *)op->x, shape_of(op), (unsigned)pixels, (unsigned)k, nl_fours(op->x, op->in)};
    nl_gemm_forward(run, op->precision, nl_forward_product(run, x, nl_across(op->w, op->out, k), op->y, op->b, pixels, op->out, k));
}

static void launch_conv_backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_conv *op = (const struct nl_conv *)arguments;
    int pixels = run->samples * op->out_height * op->out_width, weights = op->kernel * op->kernel * op->in;
    struct turned_patches x = {(const float *)op->x, shape_of(op), (unsigned)pixels, (unsigned)weights, nl_fours(op->x, op->in)};
    auto dw = nl_weights_product(x, nl_across(op->dy, op->out, pixels), op->dw, op->db, weights, op->out, pixels);
    if (!op->dx) {
        nl_gemm_weights(run, op->precision, dw);
        return;
    }
    int from = run->samples * op->height * op->width, k = op->kernel * op->kernel * op->out;
    struct seen_by dy = {(const float *)op->dy, shape_of(op), (unsigned)from, (unsigned)k, nl_fours(op->dy, op->out)};
    struct turned_weights w = {(const float *)op->w, shape_of(op), (unsigned)k, nl_fours(op->w, op->out)};
    auto dx = nl_forward_product(run, dy, w, op->dx, NULL, from, op->in, k);
    dx.out.adds = op->adds;
    nl_gemm_backward(run, op->precision, dw, dx);
}

NL_CUDA_KERNEL(conv, NULL, launch_conv_forward, launch_conv_backward);
