/* Normalizers: which kernels a partition takes. */
#include "backend/cuda/normalize.cuh"

struct nl_layout nl_cuda_layout_of(const struct nl_run *run, const struct nl_normalize *op)
{
    struct nl_norm_setup setup = op->setup;
    setup.samples = run->samples;
    struct nl_partition p = op->norm->partition(&setup);
    struct nl_layout l;
    l.positions = (unsigned)setup.positions;
    l.all_rows = (unsigned)setup.samples * l.positions;
    l.rows = (unsigned)p.samples * (unsigned)p.positions;
    l.channels = (unsigned)setup.channels;
    l.width = (unsigned)p.channels;
    l.by_width = nl_divisor_of(p.channels);
    l.samples = (unsigned)p.samples;
    l.blocks = l.positions / (unsigned)p.positions;
    l.elements = op->affine_count > setup.channels;
    l.norm = *op->norm;
    l.relu = op->relu;
    l.fixed = nl_normalize_is_fixed(op, run);
    l.leaves_out = nl_normalize_leaves_out(op);
    l.time = run->time;
    l.stride = run->stride;
    return l;
}

bool nl_cuda_has_own_kernels(const struct nl_normalize *op)
{
    bool columns_are_centered = op->norm->centers || !op->norm->tracks;
    return nl_normalize_is_standard(op) && columns_are_centered && !op->detached && !nl_normalize_leaves_out(op);
}

static void launch_normalize_forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_normalize *op = (const struct nl_normalize *)arguments;
    struct nl_layout layout = nl_cuda_layout_of(run, op);
    if (!nl_cuda_has_own_kernels(op))
        nl_cuda_general_forward(run, op, &layout);
    else if (op->norm->tracks)
        nl_cuda_columns_forward(run, op, &layout);
    else if (nl_cuda_sets_are_narrow(&layout))
        nl_cuda_narrow_forward(run, op, &layout);
    else
        nl_cuda_sets_forward(run, op, &layout);
}

void nl_cuda_normalize_apply(const struct nl_run *run, const struct nl_normalize *op)
{
    struct nl_layout layout = nl_cuda_layout_of(run, op);
    (nl_cuda_has_own_kernels(op) ? nl_cuda_columns_apply : nl_cuda_general_apply)(run, op, &layout);
}

static void launch_normalize_backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_normalize *op = (const struct nl_normalize *)arguments;
    struct nl_layout layout = nl_cuda_layout_of(run, op);
    if (!nl_cuda_has_own_kernels(op))
        nl_cuda_general_backward(run, op, &layout);
    else if (op->norm->tracks)
        nl_cuda_columns_backward(run, op, &layout);
    else if (nl_cuda_sets_are_narrow(&layout))
        nl_cuda_narrow_backward(run, op, &layout);
    else
        nl_cuda_sets_backward(run, op, &layout);
}

static void launch_normalize_apply(const struct nl_run *run, const void *arguments)
{
    nl_cuda_normalize_apply(run, (const struct nl_normalize *)arguments);
}

NL_CUDA_KERNEL_IN_PARTS(normalize, nl_cuda_normalize_suits, launch_normalize_forward, launch_normalize_backward,
                        nl_cuda_normalize_joins, nl_cuda_normalize_reduce, launch_normalize_apply,
                        nl_cuda_normalize_backward_reduce, nl_cuda_normalize_backward_apply);
