/* Vectors in plain C, of four floats: see vector_avx512.h. A processor without fused multiply-add takes the C
 * library's, slowly: the bits come first here. */
#ifndef NL_BACKEND_CPU_VECTOR_H
#define NL_BACKEND_CPU_VECTOR_H

#include <math.h>
#include <string.h>

#define TARGET
#define NL_PLAIN_VECTORS
typedef float vec __attribute__((vector_size(16)));
typedef int places __attribute__((vector_size(16)));
enum { LANES = 4 };

static inline vec load(const float *from)
{
    vec value;
    memcpy(&value, from, sizeof value);
    return value;
}

static inline void store(float *to, vec value)
{
    memcpy(to, &value, sizeof value);
}

static inline vec load_part(const float *from, size_t count)
{
    vec value = {0};
    for (size_t i = 0; i < count && i < LANES; i++)
        value[i] = from[i];
    return value;
}

static inline void store_part(float *to, vec value, size_t count)
{
    for (size_t i = 0; i < count && i < LANES; i++)
        to[i] = value[i];
}

static inline vec pick(vec value, places at)
{
    return (vec){value[at[0]], value[at[1]], value[at[2]], value[at[3]]};
}

static inline vec broadcast(float value)
{
    return (vec){value, value, value, value};
}

static inline vec fused(vec a, vec b, vec c)
{
    return (vec){fmaf(a[0], b[0], c[0]), fmaf(a[1], b[1], c[1]), fmaf(a[2], b[2], c[2]), fmaf(a[3], b[3], c[3])};
}

static inline vec larger(vec a, vec b)
{
    for (size_t i = 0; i < LANES; i++)
        b[i] = a[i] > b[i] ? a[i] : b[i];
    return b;
}

static inline vec where_larger(vec a, vec b, vec value)
{
    for (size_t i = 0; i < LANES; i++)
        value[i] = a[i] > b[i] ? value[i] : 0.0f;
    return value;
}

static inline void store_quarter(float *to, const vec sixteen[4])
{
    store(to, (sixteen[0] + sixteen[2]) + (sixteen[1] + sixteen[3]));
}

static inline void transpose_four(const float *from, size_t line, vec column[4])
{
    for (size_t i = 0; i < 4; i++)
        column[i] = (vec){from[i], from[line + i], from[2 * line + i], from[3 * line + i]};
}

static inline vec first_lanes(vec a, size_t count)
{
    for (size_t i = count; i < LANES; i++)
        a[i] = 0.0f;
    return a;
}

static inline vec add_halves(vec a, vec b, size_t half)
{
    vec even = half == 1 ? (vec){a[0], a[2], b[0], b[2]} : (vec){a[0], a[1], b[0], b[1]};
    return even + (half == 1 ? (vec){a[1], a[3], b[1], b[3]} : (vec){a[2], a[3], b[2], b[3]});
}

static inline vec spread(const float *from, size_t span, int part)
{
    vec value;
    for (size_t i = 0; i < LANES; i++)
        value[i] = from[((size_t)part * LANES + i) / span];
    return value;
}

static inline void put_doubles(double *to, vec value)
{
    for (size_t i = 0; i < LANES; i++)
        to[i] = (double)value[i];
}

static inline void accumulate_doubles(double *to, vec value)
{
    for (size_t i = 0; i < LANES; i++)
        to[i] += (double)value[i];
}

#endif
