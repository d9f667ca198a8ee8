/* Convolution: by Winograd's algorithm where it is wanted and applies, else by direct kernels, else by unfolding and a matrix product. */
#include "backend/cpu/conv.h"

void nl_cpu_conv_forward(const struct nl_run *run, const struct nl_conv *op)
{
    for (int r = 0; r < run->replicas; r++) {
        size_t at = (size_t)r * run->stride;
        const float *x = NL_AT(op->x, at), *w = NL_AT(op->w, at), *b = NL_AT(op->b, at);
        float *y = NL_AT(op->y, at);
        if (nl_cpu_conv_is_winograd(op))
            nl_cpu_conv_forward_winograd(op, run->samples, x, w, b, y);
        else if (nl_cpu_conv_forward_is_direct(op))
            nl_cpu_conv_forward_direct(op, run->samples, x, w, b, y);
        else
            nl_cpu_conv_forward_unfold(op, run->samples, x, w, b, y);
    }
}

void nl_cpu_conv_backward(const struct nl_run *run, const struct nl_conv *op)
{
    size_t out = (size_t)op->out, rows = (size_t)run->samples * (size_t)op->out_height * (size_t)op->out_width;
    for (int r = 0; r < run->replicas; r++) {
        size_t at = (size_t)r * run->stride;
        const float *x = NL_AT(op->x, at), *w = NL_AT(op->w, at), *dy = NL_AT(op->dy, at);
        float *dx = NL_AT(op->dx, at), *dw = NL_AT(op->dw, at), *db = NL_AT(op->db, at);
        if (db)
            nl_cpu_column_sums(rows, out, dy, db);
        if (nl_cpu_conv_is_winograd(op))
            nl_cpu_conv_dw_winograd(op, run->samples, x, dy, dw);
        else if (nl_cpu_conv_dw_is_direct(op))
            nl_cpu_conv_dw_direct(op, run->samples, x, dy, dw);
        else
            nl_cpu_conv_dw_unfold(op, run->samples, x, dy, dw);
        if (dx && nl_cpu_conv_is_winograd(op))
            nl_cpu_conv_dx_winograd(op, run->samples, dy, w, dx);
        else if (dx && nl_cpu_conv_dx_is_direct(op))
            nl_cpu_conv_dx_direct(op, run->samples, dy, w, dx);
        else if (dx)
            nl_cpu_conv_dx_unfold(op, run->samples, dy, w, dx);
    }
}
