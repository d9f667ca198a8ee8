/* Every normalizer, once: a walk over the sets of a partition. The formulas are those of norm/norm.h. */
#include "backend/ref/ref.h"

/* The elements of one set: samples [n0, n1) x positions [s0, s1) x channels [c0, c1). */
struct set {
    int n0, n1, s0, s1, c0, c1;
};

static struct set set_at(const struct nl_partition *p, const struct nl_norm_setup *setup, int samples, int index)
{
    int channel_blocks = setup->channels / p->channels, position_blocks = setup->positions / p->positions;
    int c = index % channel_blocks, s = index / channel_blocks % position_blocks, n = index / channel_blocks / position_blocks;
    int n0 = n * p->samples, n1 = n0 + p->samples;
    return (struct set){n0, n1 < samples ? n1 : samples, s * p->positions, (s + 1) * p->positions, c * p->channels, (c + 1) * p->channels};
}

static struct nl_partition partition_of(const struct nl_normalize *op, int samples)
{
    struct nl_norm_setup setup = op->setup;
    setup.samples = samples;
    return op->norm->partition(&setup);
}

static double set_size(const struct set *set)
{
    return (double)(set->n1 - set->n0) * (set->s1 - set->s0) * (set->c1 - set->c0);
}

/* The loop over a set's elements: n, s, c, and `at`, the element's place in x. */
#define FOR_SET(set, setup)                                                   \
    for (int n = (set).n0; n < (set).n1; n++)                                 \
        for (int s = (set).s0; s < (set).s1; s++)                             \
            for (int c = (set).c0; c < (set).c1; c++)                         \
                for (size_t at = ((size_t)n * (setup).positions + s) * (setup).channels + c, once = 1; once; once = 0)

static size_t affine_at(const struct nl_normalize *op, int s, int c)
{
    return op->affine_count > op->setup.channels ? (size_t)s * op->setup.channels + c : (size_t)c;
}

static bool uses_fixed(const struct nl_run *run, const struct nl_normalize *op)
{
    return op->norm->tracks && (run->statistics == NL_STATS_RUNNING || run->statistics == NL_STATS_PRECISE);
}

/* running = (1 - momentum) running + momentum batch; cumulative: momentum = 1 / updates, this one counted. */
static void track(const struct nl_normalize *op, const struct nl_hyper *hyper, double *running_mean, double *running_var,
                  int64_t *updates, const double *mean, const double *var, int sets, int samples)
{
    struct nl_partition p = partition_of(op, samples);
    int slices = sets / op->setup.channels;
    for (int slice = 0; slice < slices; slice++) {
        ++*updates;
        double momentum = hyper->norm_momentum < 0 ? 1.0 / (double)*updates : hyper->norm_momentum;
        for (int c = 0; c < op->setup.channels; c++) {
            int index = slice * op->setup.channels + c;
            struct set set = set_at(&p, &op->setup, samples, index);
            double m = set_size(&set);
            double batch_var = op->unbiased && m > 1 ? var[index] * m / (m - 1) : var[index];
            running_mean[c] = (1 - momentum) * running_mean[c] + momentum * mean[index];
            running_var[c] = (1 - momentum) * running_var[c] + momentum * batch_var;
        }
    }
}

/* Merges the sets' moments into the precise ones: Chan, Golub and LeVeque 1979. One count serves all channels. */
static void collect(const struct nl_normalize *op, double *precise_mean, double *precise_var, double *count, const double *mean,
                    const double *var, const struct nl_partition *p, int sets, int samples)
{
    int channels = op->setup.channels;
    for (int slice = 0; slice < sets / channels; slice++) {
        struct set set = set_at(p, &op->setup, samples, slice * channels);
        double m = set_size(&set), total = *count + m;
        for (int c = 0; c < channels; c++) {
            double delta = mean[slice * channels + c] - precise_mean[c];
            if (*count == 0) {
                precise_mean[c] = mean[slice * channels + c];
                precise_var[c] = var[slice * channels + c];
            } else {
                precise_var[c] = (*count * precise_var[c] + m * var[slice * channels + c]) / total + delta * delta * *count * m / (total * total);
                precise_mean[c] += delta * m / total;
            }
        }
        *count = total;
    }
}

/* Mean and 1 / sqrt(var + eps) that set `index` was normalized with. */
static void statistics_of(const struct nl_run *run, const struct nl_normalize *op, int r, int index, int channel, double *mean, double *rstd)
{
    const struct nl_hyper *hyper = nl_in_replica(run, op->hyper, r);
    double var;
    if (uses_fixed(run, op)) {
        bool precise = run->statistics == NL_STATS_PRECISE;
        *mean = ((const double *)nl_in_replica(run, precise ? op->precise_mean : op->running_mean, r))[channel];
        var = ((const double *)nl_in_replica(run, precise ? op->precise_var : op->running_var, r))[channel];
    } else {
        *mean = ((const double *)nl_in_replica(run, op->mean, r))[index];
        var = ((const double *)nl_in_replica(run, op->var, r))[index];
    }
    *rstd = nl_inverse_deviation(var, hyper->norm_eps);
}

static void moments(const struct nl_normalize *op, const double *x, const struct set *set, double *mean, double *var)
{
    double m = set_size(set), sum = 0.0, squares = 0.0;
    if (op->norm->centers)
        FOR_SET(*set, op->setup) sum += x[at];
    *mean = sum / m;
    FOR_SET(*set, op->setup) squares += (x[at] - *mean) * (x[at] - *mean);
    *var = squares / m;
}

void nl_ref_normalize_forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_normalize *op = arguments;
    struct nl_partition p = partition_of(op, run->samples);
    int sets = nl_normalize_sets(op, run->samples);
    for (int r = 0; r < run->replicas; r++) {
        const double *x = nl_in_replica(run, op->x, r); /* (N, S, C) */
        const double *gamma = nl_in_replica(run, op->gamma, r), *beta = nl_in_replica(run, op->beta, r);
        const double *residual = nl_in_replica(run, op->residual, r);
        double *y = nl_in_replica(run, op->y, r), *mean = nl_in_replica(run, op->mean, r), *var = nl_in_replica(run, op->var, r);
        for (int index = 0; index < sets; index++) {
            struct set set = set_at(&p, &op->setup, run->samples, index);
            double mu, rstd;
            if (!uses_fixed(run, op))
                moments(op, x, &set, &mean[index], &var[index]);
            statistics_of(run, op, r, index, set.c0, &mu, &rstd);
            FOR_SET(set, op->setup)
            {
                double value = (x[at] - mu) * rstd;
                if (gamma)
                    value *= gamma[affine_at(op, s, c)];
                if (beta)
                    value += beta[affine_at(op, s, c)];
                if (residual)
                    value += residual[at];
                y[at] = op->relu && value < 0 ? 0.0 : value;
            }
        }
        if (op->norm->tracks && run->statistics == NL_STATS_TRAIN)
            track(op, nl_in_replica(run, op->hyper, r), nl_in_replica(run, op->running_mean, r),
                  nl_in_replica(run, op->running_var, r), nl_in_replica(run, op->updates, r), mean, var, sets, run->samples);
        if (op->norm->tracks && run->statistics == NL_STATS_COLLECT)
            collect(op, nl_in_replica(run, op->precise_mean, r), nl_in_replica(run, op->precise_var, r),
                    nl_in_replica(run, op->precise_count, r), mean, var, &p, sets, run->samples);
    }
}

void nl_ref_normalize_backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_normalize *op = arguments;
    struct nl_partition p = partition_of(op, run->samples);
    int sets = nl_normalize_sets(op, run->samples);
    for (int r = 0; r < run->replicas; r++) {
        const double *x = nl_in_replica(run, op->x, r), *dy = nl_in_replica(run, op->dy, r);
        const double *gamma = nl_in_replica(run, op->gamma, r), *beta = nl_in_replica(run, op->beta, r);
        const double *y = nl_in_replica(run, op->y, r);
        double *dx = nl_in_replica(run, op->dx, r), *dresidual = op->residual ? nl_in_replica(run, op->dresidual, r) : NULL;
        double *dgamma = nl_in_replica(run, op->dgamma, r), *dbeta = nl_in_replica(run, op->dbeta, r);
        for (int a = 0; a < op->affine_count; a++) {
            dgamma[a] = 0.0;
            if (dbeta)
                dbeta[a] = 0.0;
        }
        for (int index = 0; index < sets; index++) {
            struct set set = set_at(&p, &op->setup, run->samples, index);
            double mu, rstd, sum = 0.0, sum_xhat = 0.0;
            statistics_of(run, op, r, index, set.c0, &mu, &rstd);
            /* First walk: the gradient past the ReLU, the parameters' gradients, the two means. dx keeps dxhat. */
            FOR_SET(set, op->setup)
            {
                size_t a = affine_at(op, s, c);
                double xhat = (x[at] - mu) * rstd, grad = dy[at];
                double value = dresidual ? y[at] : (gamma ? gamma[a] * xhat : xhat) + (beta ? beta[a] : 0.0);
                if (op->relu && !(value > 0))
                    grad = 0.0;
                if (dresidual)
                    dresidual[at] = grad;
                if (dgamma)
                    dgamma[a] += grad * xhat;
                if (dbeta)
                    dbeta[a] += grad;
                double dxhat = gamma ? grad * gamma[a] : grad;
                sum += dxhat;
                sum_xhat += dxhat * xhat;
                if (dx)
                    dx[at] = dxhat;
            }
            if (!dx)
                continue;
            bool fixed = uses_fixed(run, op);
            double m = set_size(&set);
            double mean_dxhat = fixed || !op->norm->centers ? 0.0 : sum / m;
            double mean_dxhat_xhat = fixed ? 0.0 : sum_xhat / m;
            FOR_SET(set, op->setup)
            dx[at] = rstd * (dx[at] - mean_dxhat - (x[at] - mu) * rstd * mean_dxhat_xhat);
        }
    }
}
