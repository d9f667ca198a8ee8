/* The backends whose kernels are the reference's, and their memory: the heap. */
#include <complex.h>
#include <stdlib.h>
#include <string.h>

#include "backend/ref/complex.h"
#include "backend/ref/update.h"

static void *alloc(size_t bytes)
{
    return calloc(1, bytes ? bytes : 1);
}

static void release(void *memory, size_t bytes)
{
    (void)bytes;
    free(memory);
}

static void copy(void *to, const void *from, size_t bytes)
{
    memcpy(to, from, bytes);
}

static void put_doubles(void *to, const double *from, size_t count)
{
    memcpy(to, from, count * sizeof *from);
}

static void get_doubles(double *to, const void *from, size_t count)
{
    memcpy(to, from, count * sizeof *to);
}

static void put_real_parts(void *to, const double *from, size_t count)
{
    for (size_t i = 0; i < count; i++)
        ((double _Complex *)to)[i] = from[i];
}

static void get_real_parts(double *to, const void *from, size_t count)
{
    for (size_t i = 0; i < count; i++)
        to[i] = creal(((const double _Complex *)from)[i]);
}

void nl_complex_put_imaginary(void *to, const double *from, size_t count)
{
    double _Complex *numbers = to;
    for (size_t i = 0; i < count; i++)
        numbers[i] = __builtin_complex(creal(numbers[i]), from[i]);
}

void nl_complex_get_imaginary(double *to, const void *from, size_t count)
{
    for (size_t i = 0; i < count; i++)
        to[i] = cimag(((const double _Complex *)from)[i]);
}

static int thread_begin(int device, struct nl_error *err)
{
    (void)device, (void)err;
    return NL_OK;
}

const struct nl_backend nl_backend_ref = {
    .name = "ref",
    .help = "float64, plain and slow: the specification",
    .element = NL_ELEMENT_DOUBLE,
    .real = sizeof(double),
    .statistic = sizeof(double),
    .alloc = alloc,
    .free = release,
    .upload = copy,
    .download = copy,
    .put_reals = put_doubles,
    .get_reals = get_doubles,
    .thread_begin = thread_begin,
    .update = nl_ref_double_update,
};

const struct nl_backend nl_backend_complex = {
    .name = "complex",
    .help = "float64, real and imaginary part: derivatives of what ref computes",
    .element = NL_ELEMENT_COMPLEX,
    .real = sizeof(double _Complex),
    .statistic = sizeof(double _Complex),
    .alloc = alloc,
    .free = release,
    .upload = copy,
    .download = copy,
    .put_reals = put_real_parts,
    .get_reals = get_real_parts,
    .thread_begin = thread_begin,
    .update = nl_ref_complex_update,
};
