/* The table of the reference backend, and its memory: the heap. */
#include <stdlib.h>
#include <string.h>

#include "backend/ref/ref.h"

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

static void put_reals(void *to, const double *from, size_t count)
{
    memcpy(to, from, count * sizeof *from);
}

static void get_reals(double *to, const void *from, size_t count)
{
    memcpy(to, from, count * sizeof *to);
}

static int thread_begin(int device, struct nl_error *err)
{
    (void)device, (void)err;
    return NL_OK;
}

static const struct nl_kernel kernels[] = {
    {"gather", .forward = nl_ref_gather},
    {"linear", .forward = nl_ref_linear_forward, .backward = nl_ref_linear_backward},
    {"conv", .forward = nl_ref_conv_forward, .backward = nl_ref_conv_backward},
    {"depthwise_conv", .forward = nl_ref_depthwise_conv_forward, .backward = nl_ref_depthwise_conv_backward},
    {"normalize", .forward = nl_ref_normalize_forward, .backward = nl_ref_normalize_backward},
    {"activate", .forward = nl_ref_activate_forward, .backward = nl_ref_activate_backward},
    {"max_pool", .forward = nl_ref_max_pool_forward, .backward = nl_ref_max_pool_backward},
    {"mean_pool", .forward = nl_ref_mean_pool_forward, .backward = nl_ref_mean_pool_backward},
    {"add", .forward = nl_ref_add_forward, .backward = nl_ref_add_backward},
    {"dropout", .forward = nl_ref_dropout_forward, .backward = nl_ref_dropout_backward},
    {"loss", .forward = nl_ref_loss},
    {0},
};

const struct nl_backend nl_backend_ref = {
    .name = "ref",
    .help = "float64, plain and slow: the specification",
    .real = sizeof(double),
    .statistic = sizeof(double),
    .alloc = alloc,
    .free = release,
    .upload = copy,
    .download = copy,
    .put_reals = put_reals,
    .get_reals = get_reals,
    .thread_begin = thread_begin,
    .update = nl_ref_update,
    .kernels = kernels,
};
