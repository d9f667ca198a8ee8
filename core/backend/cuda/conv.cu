/* Convolutions as implicit GEMM: the patches are fetched from where they are, never written out. Rows m are pixels (of all samples) or,
 * for the gradient of the weights, places (p, q, c) of the kernel; the weights' layout (kernel, kernel, I, O) is a matrix already. */
#include "backend/cuda/gemm.cuh"
#include "operation/conv.h"

/* What the operands need of an nl_conv, as unsigned: their divisions are cheaper. */
struct shape {
    unsigned height, width, in, out_height, out_width, out, kernel;
    int stride, pad;
};

static struct shape shape_of(const struct nl_conv *op)
{
    return {(unsigned)op->height, (unsigned)op->width, (unsigned)op->in, (unsigned)op->out_height, (unsigned)op->out_width,
            (unsigned)op->out, (unsigned)op->kernel, op->stride, op->pad};
}

/* A pixel of the batch, and the sample that it lies in. */
struct pixel {
    const float *sample; /* NULL: beyond the batch */
    int row, column;
};

static __device__ struct pixel pixel_at(const float *at, unsigned index, unsigned pixels, unsigned height, unsigned width, size_t sample)
{
    struct pixel p = {NULL, 0, 0};
    if (index < pixels) {
        p.column = (int)(index % width);
        p.row = (int)(index / width % height);
        p.sample = at + index / width / height * sample;
    }
    return p;
}

/* Elements from .. from+3 of k, each where `place` says or 0 where it says NULL; at once where the four are neighbours in memory. */
template <class Place> static __device__ inline void fetch(unsigned from, unsigned k, bool vector, float v[4], Place place)
{
#pragma unroll
    for (int i = 0; i < 4; i++)
        v[i] = 0.0f;
    if (vector) {
        const float *at = from < k ? place(from) : NULL;
        if (at) {
            float4 four = *(const float4 *)at;
            v[0] = four.x, v[1] = four.y, v[2] = four.z, v[3] = four.w;
        }
        return;
    }
#pragma unroll
    for (int i = 0; i < 4; i++) {
        const float *at = from + i < k ? place(from + i) : NULL;
        if (at)
            v[i] = *at;
    }
}

/* The top left corner of the patch of x that output pixel `index` sees: maybe outside the image. */
static __device__ struct pixel patch_at(const float *x, const struct shape &s, unsigned index, unsigned pixels)
{
    struct pixel p = pixel_at(x, index, pixels, s.out_height, s.out_width, (size_t)s.height * s.width * s.in);
    p.row = p.row * s.stride - s.pad;
    p.column = p.column * s.stride - s.pad;
    return p;
}

/* Element (p, q, c) of the patch. */
static __device__ inline const float *place_in(const struct pixel &patch, const struct shape &s, unsigned element)
{
    unsigned c = element % s.in, tap = element / s.in;
    unsigned row = (unsigned)(patch.row + (int)(tap / s.kernel)), column = (unsigned)(patch.column + (int)(tap % s.kernel)); /* -1 is huge */
    return row < s.height && column < s.width ? patch.sample + (row * s.width + column) * s.in + c : NULL;
}

/* A(output pixel, (p, q, c)) = the patch of x that the pixel sees. */
struct patches {
    static constexpr bool along_k = true;
    const float *at;
    struct shape s;
    unsigned pixels, k;
    bool vector; /* I is a multiple of four, so that four neighbours belong to one place of the kernel */

    typedef struct pixel line_type;
    __device__ line_type line(int m) const { return patch_at(at, s, (unsigned)m, pixels); }
    __device__ void load(const line_type &p, int from, float v[4]) const
    {
        fetch((unsigned)from, p.sample ? k : 0, vector, v, [&](unsigned at_k) { return place_in(p, s, at_k); });
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
        return pixel_at(at, (unsigned)m, pixels, s.height, s.width, (size_t)s.out_height * s.out_width * s.out);
    }
    __device__ const float *place(const line_type &p, unsigned from) const
    {
        unsigned o = from % s.out, tap = from / s.out;
        int row = p.row + s.pad - (int)(tap / s.kernel), column = p.column + s.pad - (int)(tap % s.kernel);
        if (row < 0 || column < 0 || (s.stride > 1 && (row % s.stride != 0 || column % s.stride != 0)))
            return NULL;
        unsigned i = (unsigned)(row / s.stride), j = (unsigned)(column / s.stride);
        return i < s.out_height && j < s.out_width ? p.sample + (i * s.out_width + j) * s.out + o : NULL;
    }
    __device__ void load(const line_type &p, int from, float v[4]) const
    {
        fetch((unsigned)from, p.sample ? k : 0, vector, v, [&](unsigned at_k) { return place(p, at_k); });
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
    __device__ const float *place(int c, unsigned from) const
    {
        return at + ((size_t)(from / s.out) * s.in + (unsigned)c) * s.out + from % s.out;
    }
    __device__ void load(line_type c, int from, float v[4]) const
    {
        fetch((unsigned)from, (unsigned)c < s.in ? k : 0, vector, v, [&](unsigned at_k) { return place(c, at_k); });
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
        struct pixel p = patch_at(at, s, (unsigned)from, pixels);
        fetch(first, p.sample ? weights : 0, vector, v, [&](unsigned weight) { return place_in(p, s, weight); });
    }
};

static void launch_conv_forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_conv *op = (const struct nl_conv *)arguments;
    int pixels = run->samples * op->out_height * op->out_width, k = op->kernel * op->kernel * op->in;
    struct patches x = {(const float *)op->x, shape_of(op), (unsigned)pixels, (unsigned)k, nl_fours(op->x, op->in)};
    nl_gemm_forward(run, op->precision, x, nl_across(op->w, op->out, k), op->y, op->b, pixels, op->out, k);
}

static void launch_conv_backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_conv *op = (const struct nl_conv *)arguments;
    int pixels = run->samples * op->out_height * op->out_width, weights = op->kernel * op->kernel * op->in;
    struct turned_patches x = {(const float *)op->x, shape_of(op), (unsigned)pixels, (unsigned)weights, nl_fours(op->x, op->in)};
    nl_gemm_weights(run, op->precision, x, nl_across(op->dy, op->out, pixels), op->dw, op->db, weights, op->out, pixels);
    if (!op->dx)
        return;
    int from = run->samples * op->height * op->width, k = op->kernel * op->kernel * op->out;
    struct seen_by dy = {(const float *)op->dy, shape_of(op), (unsigned)from, (unsigned)k, nl_fours(op->dy, op->out)};
    struct turned_weights w = {(const float *)op->w, shape_of(op), (unsigned)k, nl_fours(op->w, op->out)};
    nl_gemm_forward(run, op->precision, dy, w, op->dx, NULL, from, op->in, k);
}

NL_CUDA_KERNEL(conv, NULL, launch_conv_forward, launch_conv_backward);
