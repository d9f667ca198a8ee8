/* Packs the rows that count into a batch without gaps, normalizes it by the usual kernels, and puts the rows back. */
#include "backend/cpu/normalize_lengths.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "operation/lengths.h"

bool nl_lengths_suit(const struct nl_normalize *op)
{
    struct nl_partition partition = op->norm->partition(&op->setup);
    bool packs = partition.samples > 1, elements = op->affine_count > op->setup.channels;
    return !nl_normalize_leaves_out(op) ||
           (partition.positions == op->setup.positions && !(packs && elements) && op->followed == 0);
}

/* Samples that share statistics, and their rows that count. */
struct group {
    const struct nl_normalize *op;
    const int32_t *lengths;
    int time, first, end;
    int rows;
    bool packs;
};

static int rows_of(const struct group *g, int n)
{
    return nl_length_from(g->lengths, n, g->time, g->op->setup.positions);
}

/* Moves g to the samples after it; {0} is before the first. false: there are none. */
static bool next_group(const struct nl_run *run, const struct nl_normalize *op, struct group *g)
{
    struct nl_norm_setup setup = op->setup;
    setup.samples = run->samples;
    int first = g->end, samples = op->norm->partition(&setup).samples;
    if (first == run->samples)
        return false;
    *g = (struct group){.op = op, .lengths = op->lengths, .time = run->time, .first = first, .packs = samples > 1};
    g->end = first + samples < run->samples ? first + samples : run->samples;
    for (int n = first; n < g->end; n++)
        g->rows += rows_of(g, n);
    return true;
}

/* The first element of sample n's row. */
static size_t place(const struct group *g, int n, int row)
{
    return ((size_t)n * (size_t)g->op->setup.positions + (size_t)row) * (size_t)g->op->setup.channels;
}

/* Between the samples and `packed`, where rows that count lie one after the other. */
static void copy_rows(const struct group *g, const void *samples, float *packed, bool out)
{
    for (int n = g->first; n < g->end; n++) {
        size_t count = (size_t)rows_of(g, n) * (size_t)g->op->setup.channels;
        float *at = (float *)(uintptr_t)samples + place(g, n, 0);
        memcpy(out ? at : packed, out ? packed : at, count * sizeof *at);
        packed += count;
    }
}

/* A place of the operation, where the group has it. */
struct at_rows {
    const void *of; /* the operation's */
    void *own;      /* the group's */
    float *packed;  /* NULL: it is not packed */
};

static struct at_rows take_rows(const struct group *g, const void *of, bool reads)
{
    struct at_rows rows = {.of = of};
    if (!of)
        return rows;
    if (!g->packs) {
        rows.own = (char *)(uintptr_t)of + place(g, g->first, 0) * sizeof(float);
        return rows;
    }
    rows.packed = nl_alloc((size_t)g->rows * (size_t)g->op->setup.channels + NL_PADDING, sizeof *rows.packed);
    rows.own = rows.packed;
    if (reads)
        copy_rows(g, of, rows.packed, false);
    return rows;
}

static void give_rows(const struct group *g, const struct at_rows *rows, bool wrote)
{
    if (rows->packed && wrote)
        copy_rows(g, rows->of, rows->packed, true);
    free(rows->packed);
}

/* The group as one sample, but for its rows. */
static struct nl_normalize as_sample(const struct nl_normalize *op, const struct group *g)
{
    struct nl_normalize one = *op;
    struct nl_partition partition = op->norm->partition(&op->setup);
    size_t set =
        (size_t)(g->first / (g->packs ? partition.samples : 1)) * (size_t)(op->setup.channels / partition.channels);
    one.has_lengths = false;
    one.workers = 1;
    one.setup.samples = 1;
    one.setup.stat_batch = 0;
    one.setup.positions = g->rows;
    one.mean = (double *)op->mean + set;
    one.var = (double *)op->var + set;
    one.coefficients = op->coefficients ? (double *)op->coefficients + 4 * set : NULL;
    return one;
}

/* After the ends of sequences gamma xhat + beta is 0. */
static void clear_y(const struct group *g)
{
    const float *residual = g->op->residual;
    float *y = g->op->y;
    for (int n = g->first; n < g->end; n++)
        for (size_t i = place(g, n, rows_of(g, n)); i < place(g, n + 1, 0); i++)
            y[i] = residual && !(g->op->relu && residual[i] < 0) ? residual[i] : 0.0f;
}

static void track_groups(const struct nl_run *run, const struct nl_normalize *op, enum nl_norm_phase phase,
                         nl_norm_pass *track)
{
    struct nl_run alone = *run;
    alone.samples = 1;
    for (struct group g = {0}; next_group(run, op, &g);) {
        struct nl_normalize one = as_sample(op, &g);
        if (g.rows > 0)
            track(&alone, &one, phase);
    }
}

void nl_lengths_forward(const struct nl_run *run, const struct nl_normalize *op, enum nl_norm_phase phase,
                        nl_norm_pass *normalize, nl_norm_pass *track)
{
    struct nl_run alone = *run;
    alone.samples = 1;
    for (struct group g = {0}; next_group(run, op, &g);) {
        struct nl_normalize one = as_sample(op, &g);
        clear_y(&g);
        if (g.rows == 0)
            continue;
        struct at_rows x = take_rows(&g, op->x, true), residual = take_rows(&g, op->residual, true),
                       y = take_rows(&g, op->y, false);
        one.x = x.own, one.residual = residual.own, one.y = y.own;
        normalize(&alone, &one, phase);
        give_rows(&g, &x, false);
        give_rows(&g, &residual, false);
        give_rows(&g, &y, true);
    }
    if (op->norm->tracks)
        track_groups(run, op, phase, track);
}

/* There dx is 0, too, and the residual's gradient what comes through the ReLU. */
static void clear_dx(const struct group *g)
{
    const float *dy = g->op->dy, *y = g->op->y;
    float *dx = g->op->dx, *dresidual = g->op->residual ? g->op->dresidual : NULL;
    for (int n = g->first; n < g->end; n++)
        for (size_t i = place(g, n, rows_of(g, n)); i < place(g, n + 1, 0); i++) {
            if (dresidual)
                dresidual[i] = g->op->relu && !(y[i] > 0) ? 0.0f : dy[i];
            if (dx)
                dx[i] = 0.0f;
        }
}

/* What they are where nothing counts. */
static void clear_gradients(const struct nl_normalize *op, double *gradients, size_t sums)
{
    memset(gradients, 0, sums * sizeof *gradients);
    for (int i = 0; i < op->affine_count; i++) {
        ((float *)op->dgamma)[i] = 0.0f;
        if (op->dbeta)
            ((float *)op->dbeta)[i] = 0.0f;
    }
}

void nl_lengths_backward(const struct nl_run *run, const struct nl_normalize *op, nl_norm_pass *backward)
{
    struct nl_run alone = *run;
    size_t sums = 2 * nl_norm_affine_padded(op);
    double *kept = op->sums, *gradients = kept ? kept : nl_alloc(sums, sizeof *gradients); /* of all groups */
    alone.samples = 1;
    alone.first = 1; /* what comes is added */
    if (run->first == 0)
        clear_gradients(op, gradients, sums);
    for (struct group g = {0}; next_group(run, op, &g);) {
        struct nl_normalize one = as_sample(op, &g);
        clear_dx(&g);
        if (g.rows == 0)
            continue;
        struct at_rows x = take_rows(&g, op->x, true), dy = take_rows(&g, op->dy, true),
                       dx = take_rows(&g, op->dx, false);
        struct at_rows y = take_rows(&g, op->residual ? op->y : NULL, true),
                       dresidual = take_rows(&g, op->residual ? op->dresidual : NULL, false);
        one.x = x.own, one.dy = dy.own, one.dx = dx.own, one.y = y.own, one.dresidual = dresidual.own;
        one.sums = gradients;
        backward(&alone, &one, NL_NORM_WHOLE);
        give_rows(&g, &x, false);
        give_rows(&g, &dy, false);
        give_rows(&g, &y, false);
        give_rows(&g, &dx, true);
        give_rows(&g, &dresidual, true);
    }
    if (!kept)
        free(gradients);
}
