/* Convolutions as implicit GEMM: the patches are fetched from where they are, never written out. Rows m are pixels (of
 * all samples) or, for the gradient of the weights, places (p, q, c) of the kernel; the weights' layout (kernel,
 * kernel, I, O) is a matrix already.
 *
 * Activations are fetched through a source, which may compute what it gives of what is in memory: beside room() and
 * settle() of an operand it has four(at, c, v), of neighbours, and one(at, c), of the element `at`, which is of channel
 * c. conv.cu has them as they are; joined.cu has what normalizers make of them. */
#ifndef NL_BACKEND_CUDA_CONV_CUH
#define NL_BACKEND_CUDA_CONV_CUH

#include "backend/cuda/division.cuh"
#include "backend/cuda/gemm.cuh"
#include "operation/conv.h"

/* From memory. */
struct nl_from_memory : nl_as_it_is {
    __device__ void four(int64_t first, unsigned, float v[4]) const
    {
        float4 four = *(const float4 *)(at + first);
        v[0] = four.x, v[1] = four.y, v[2] = four.z, v[3] = four.w;
    }
    __device__ float one(int64_t element, unsigned) const { return at[element]; }
};

/* What the operands need of an nl_conv: every fetch divides by most of it. */
struct shape {
    struct nl_divisor height, width, in, out_height, out_width, out, kernel, stride;
    int pad, dilation;
};

static struct shape shape_of(const struct nl_conv *op)
{
    return {nl_divisor_of(op->height),     nl_divisor_of(op->width),     nl_divisor_of(op->in),
            nl_divisor_of(op->out_height), nl_divisor_of(op->out_width), nl_divisor_of(op->out),
            nl_divisor_of(op->kernel),     nl_divisor_of(op->stride),    op->pad,
            op->dilation};
}

/* An element of an operand, counted from its first; NOWHERE: there is none. Of a pointer that may be NULL the compiler
 * does not know that it is global. */
typedef int64_t element;
static const element NOWHERE = -1;

/* A place in an image, and its channel. */
struct spot {
    element at;
    unsigned channel;
};

/* A pixel of the batch. */
struct pixel {
    element sample; /* the first of the sample that it lies in */
    int row, column;
};

/* sample: elements of one. */
static __device__ struct pixel pixel_at(unsigned index, unsigned pixels, const struct nl_divisor &height,
                                        const struct nl_divisor &width, size_t sample)
{
    if (index >= pixels)
        return {NOWHERE, 0, 0};
    struct nl_division column = nl_divide(index, width), row = nl_divide(column.quotient, height);
    return {(element)(row.quotient * sample), (int)row.rest, (int)column.rest};
}

/* Elements from .. from+3 of k, each where `place` says or 0 where it says NOWHERE; at once where the four are
 * neighbours in memory. */
template <class Source, class Place>
static __device__ inline void fetch(const Source &source, unsigned from, unsigned k, bool vector, float v[4],
                                    Place place)
{
#pragma unroll
    for (int i = 0; i < 4; i++)
        v[i] = 0.0f;
    if (vector) {
        struct spot s = from < k ? place(from) : spot{NOWHERE, 0};
        if (s.at >= 0)
            source.four(s.at, s.channel, v);
        return;
    }
#pragma unroll
    for (int i = 0; i < 4; i++) {
        struct spot s = from + i < k ? place(from + i) : spot{NOWHERE, 0};
        if (s.at >= 0)
            v[i] = source.one(s.at, s.channel);
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
static __device__ inline struct spot place_in(const struct pixel &patch, const struct shape &s, unsigned of_patch)
{
    struct nl_division channel = nl_divide(of_patch, s.in), tap = nl_divide(channel.quotient, s.kernel);
    unsigned row = (unsigned)patch.row + tap.quotient * (unsigned)s.dilation,
             column = (unsigned)patch.column + tap.rest * (unsigned)s.dilation; /* -1 is huge */
    return {row < s.height.by && column < s.width.by
                ? patch.sample + (row * s.width.by + column) * s.in.by + channel.rest
                : NOWHERE,
            channel.rest};
}

/* A(output pixel, (p, q, c)) = the patch of x that the pixel sees. */
template <class Source> struct patches : Source {
    static constexpr bool along_k = true;
    struct shape s;
    unsigned pixels, k;
    bool vector; /* I is a multiple of four, so that four neighbours belong to one place of the kernel */

    typedef struct pixel line_type;
    __device__ line_type line(int m) const { return patch_at(s, (unsigned)m, pixels); }
    __device__ void load(const line_type &p, int from, float v[4]) const
    {
        fetch(*this, (unsigned)from, p.sample >= 0 ? k : 0, vector, v,
              [&](unsigned at_k) { return place_in(p, s, at_k); });
    }
};

/* A(input pixel, (p, q, o)) = dy of the output pixel that sees the input pixel through (p, q), if there is one. */
template <class Source> struct seen_by : Source {
    static constexpr bool along_k = true;
    struct shape s;
    unsigned pixels, k;
    bool vector; /* O is a multiple of four */

    typedef struct pixel line_type;
    __device__ line_type line(int m) const
    {
        return pixel_at((unsigned)m, pixels, s.height, s.width, (size_t)s.out_height.by * s.out_width.by * s.out.by);
    }
    __device__ struct spot place(const line_type &p, unsigned from) const
    {
        struct nl_division channel = nl_divide(from, s.out), tap = nl_divide(channel.quotient, s.kernel);
        int row = p.row + s.pad - (int)tap.quotient * s.dilation,
            column = p.column + s.pad - (int)tap.rest * s.dilation;
        if (row < 0 || column < 0)
            return {NOWHERE, 0};
        struct nl_division i = nl_divide((unsigned)row, s.stride), j = nl_divide((unsigned)column, s.stride);
        bool seen = i.rest == 0 && j.rest == 0 && i.quotient < s.out_height.by && j.quotient < s.out_width.by;
        return {seen ? p.sample + (i.quotient * s.out_width.by + j.quotient) * s.out.by + channel.rest : NOWHERE,
                channel.rest};
    }
    __device__ void load(const line_type &p, int from, float v[4]) const
    {
        fetch(*this, (unsigned)from, p.sample >= 0 ? k : 0, vector, v, [&](unsigned at_k) { return place(p, at_k); });
    }
};

/* B((p, q, o), c) = w(p, q, c, o). */
struct turned_weights : nl_from_memory {
    static constexpr bool along_k = true;
    struct shape s;
    unsigned k;
    bool vector; /* O is a multiple of four, and w lies at one */

    typedef int line_type;
    __device__ line_type line(int c) const { return c; }
    __device__ struct spot place(int c, unsigned from) const
    {
        struct nl_division tap = nl_divide(from, s.out);
        return {((element)tap.quotient * s.in.by + c) * s.out.by + tap.rest, tap.rest};
    }
    __device__ void load(line_type c, int from, float v[4]) const
    {
        fetch(*this, (unsigned)from, (unsigned)c < s.in.by ? k : 0, vector, v,
              [&](unsigned at_k) { return place(c, at_k); });
    }
};

/* A((p, q, c), output pixel) = the element of x that the weight meets there. */
template <class Source> struct turned_patches : Source {
    static constexpr bool along_k = false;
    struct shape s;
    unsigned pixels, weights; /* weights: kernel kernel I */
    bool vector;              /* I is a multiple of four, so that four neighbours belong to one place of the kernel */

    typedef unsigned line_type;
    __device__ line_type line(int first) const { return (unsigned)first; }
    __device__ void load(line_type first, int from, float v[4]) const
    {
        struct pixel p = patch_at(s, (unsigned)from, pixels);
        fetch(*this, first, p.sample >= 0 ? weights : 0, vector, v,
              [&](unsigned weight) { return place_in(p, s, weight); });
    }
};

/* B(output pixel, o) = dy. */
template <class Source> struct gradients : Source {
    static constexpr bool along_k = false;
    unsigned out, pixels;
    bool vector; /* O is a multiple of four */

    typedef unsigned line_type;
    __device__ line_type line(int first) const { return (unsigned)first; }
    __device__ void load(line_type first, int from, float v[4]) const
    {
        element row = (element)from * out;
        fetch(*this, first, (unsigned)from < pixels ? out : 0, vector, v, [&](unsigned channel) {
            return spot{row + channel, channel};
        });
    }
};

/* ---- launches ---- */

/* y, of what the source says of x. */
template <class X, class After>
static void conv_forward(const struct nl_run *run, const struct nl_conv *op, const X &source, const After &after)
{
    int pixels = run->samples * op->out_height * op->out_width, k = op->kernel * op->kernel * op->in;
    struct patches<X> x = {source, shape_of(op), (unsigned)pixels, (unsigned)k, nl_fours(op->x, op->in)};
    nl_gemm_forward(run, op->precision,
                    nl_forward_product(run, x, nl_across(op->w, op->out, k), op->y, op->b, pixels, op->out, k, after));
}

/* dw, db and dx; after: of dx. */
template <class X, class DY, class After>
static void conv_backward(const struct nl_run *run, const struct nl_conv *op, const X &source_of_x,
                          const DY &source_of_dy, const After &after)
{
    int pixels = run->samples * op->out_height * op->out_width, weights = op->kernel * op->kernel * op->in;
    struct turned_patches<X> x = {
        source_of_x, shape_of(op), (unsigned)pixels, (unsigned)weights, nl_fours(op->x, op->in)
    };
    struct gradients<DY> rows = {source_of_dy, (unsigned)op->out, (unsigned)pixels, nl_fours(op->dy, op->out)};
    auto dw = nl_weights_product(x, rows, op->dw, op->db, weights, op->out, pixels);
    if (!op->dx) {
        nl_gemm_weights(run, op->precision, dw);
        return;
    }
    int from = run->samples * op->height * op->width, k = op->kernel * op->kernel * op->out;
    struct seen_by<DY> dy = {source_of_dy, shape_of(op), (unsigned)from, (unsigned)k, nl_fours(op->dy, op->out)};
    struct turned_weights w = {nl_from_memory{{(const float *)op->w}}, shape_of(op), (unsigned)k,
                               nl_fours(op->w, op->out)};
    auto dx = nl_forward_product(run, dy, w, op->dx, NULL, from, op->in, k, after);
    dx.out.adds = op->adds;
    nl_gemm_backward(run, op->precision, dw, dx);
}

#endif
