/* The normalizers: one formula, many partitions.
 *
 * The activations of a layer are x[N][S][C]: N samples, S positions (H x W of an image, 1 in a fully connected layer),
 * C channels, channels last. A normalizer splits them into disjoint sets of m elements and does the same to each:
 *
 *     mu = 1/m sum x     var = 1/m sum (x - mu)^2     xhat = (x - mu) / sqrt(var + eps)     y = gamma xhat + beta
 *
 * backward, with dxhat = dy gamma and means over the set:
 *
 *     dx = (dxhat - mean(dxhat) - xhat mean(dxhat xhat)) / sqrt(var + eps)
 *     dgamma = sum dy xhat     dbeta = sum dy
 *
 * Where var + eps is 0 (norm.eps = 0 and a set without spread, or of one element) xhat and dx are 0.
 *
 * Some differ in one place: what they subtract, by which measure of spread they divide, how they correct the result.
 * The general form is that of norm/coefficients.h, of which the above is a case.
 *
 * Most sets are blocks: `samples` consecutive samples x `positions` positions x `channels` consecutive channels. So a
 * normalizer is a row of the table below: its block, its center and spread, its coefficients where they are its own,
 * and what state it has. The file of each (bn.c, ln.c, ...) states sets, formulas, conventions and source; the walk
 * over the sets is the backends'. What fits no block, or does more than that, is computed by an operation of its
 * own. */
#ifndef NL_NORM_NORM_H
#define NL_NORM_NORM_H

#include <math.h>
#include <stdbool.h>

#include "base/everywhere.h"

/* Block sizes. The last block of samples may be smaller (ghost BN); positions is S or 1; channels divides C.
 * Sets are numbered sample block, then position block, then channel block (the last fastest). */
struct nl_partition {
    int samples, positions, channels;
};

/* What a partition may depend on. */
struct nl_norm_setup {
    int samples;    /* N: samples in the batch */
    int positions;  /* S */
    int channels;   /* C */
    int groups;     /* norm.groups (GN) */
    int stat_batch; /* norm.stat_batch: samples that share statistics (BN); 0: the whole batch */
    bool over_position; /* norm.over = position (LN, RMSNorm) */
    bool over_samples, over_positions; /* norm.sets (custom), */
    int channel_groups;                /* and how many groups of channels there are; 0: each channel is apart */
};

/* Keys of the norm section that matter to some only; eps and affine matter to most. */
enum nl_norm_uses {
    NL_USES_GROUPS = 1,
    NL_USES_STAT_BATCH = 2,
    NL_USES_OVER = 4,
    NL_USES_RATIO = 8,
    NL_USES_ALPHA = 16,
    NL_LACKS_EPS = 32,
    NL_LACKS_AFFINE = 64,
    NL_USES_PARTS = 128,
    NL_USES_SHIFT = 256,
    NL_USES_HISTORY = 512,
    NL_USES_WINDOW = 1024,
    NL_USES_TLU = 2048,
    NL_USES_SHARE = 4096,
    NL_USES_LRN = 8192,
    NL_AFFINE_OF_CHANNEL = 16384,
    NL_USES_WHITENING = 1 << 15,
    NL_USES_NEWTON = 1 << 16,
    NL_HAS_GAIN = 1 << 17, /* in place of gamma and beta */
    NL_USES_FORMULA = 1 << 18
};

struct nl_operation; /* operation/operation.h */
struct nl_error;

/* What a set is divided by: a measure of how far its elements lie from the center. t = x - center. */
enum nl_spread {
    NL_SPREAD_POWER, /* (mean |t|^p + eps)^(1/p): at p = 2 the standard deviation, at 1 the mean absolute deviation */
    NL_SPREAD_LARGEST, /* max |t| + eps */
    NL_SPREAD_NONE,    /* 1 */
};

/* Numbers that a normalizer may go by beside eps and momentum, of each replica and step: the bounds of norm.r_max and
 * norm.d_max as they are then, and the batches in the window of norm.history at most, this one included;
 * norm.momentum_lr. */
enum nl_norm_number { NL_R_MAX, NL_D_MAX, NL_WINDOW, NL_MOMENTUM_RATE, NL_NORM_NUMBERS };

struct nl_norm {
    const char *name;  /* norm.kind: "bn" */
    const char *title; /* "batch normalization" */
    const char *label; /* "BN": legends and tables */
    struct nl_partition (*partition)(
        const struct nl_norm_setup *setup); /* its sets; NULL: they are no blocks, or it has none */
    const struct nl_operation *operation; /* that computes it (operation/normalizer.h); NULL: "normalize", by the sets;
                                             in a window of batches "cross_iteration" (NL_USES_WINDOW) */
    int variant;         /* of that operation, if it computes several */
    bool mixes_samples;  /* of that operation: what becomes of a sample depends on the others of its batch */
    bool mixes_positions; /* of that operation: what becomes of a position depends on the others of its sample, in
                             evaluation, too */
    bool centers;        /* the center is the mean; else 0, and var is the mean of squares (RMSNorm) */
    enum nl_spread spread;
    double power;        /* p of NL_SPREAD_POWER; 0: 2 */
    const struct nl_real_coefficients *coefficients; /* its own (norm/coefficients.h); NULL: the standard ones */
    const struct nl_complex_coefficients *complex_coefficients; /* the same, in complex numbers */
    bool shifts;         /* has beta beside gamma */
    bool tracks;         /* keeps running statistics and evaluates with them */
    bool cancels_bias;   /* a bias before it is redundant: it subtracts a mean over the bias's own channel */
    unsigned uses;       /* which settings of the norm section matter to it: enum nl_norm_uses */
};

/* Adding a normalizer: its file, its row in norms.def, golden vectors, a configuration that uses it. */
#define NORM(kind) extern const struct nl_norm nl_norm_##kind;
#include "norm/norms.def"

/* Indices into nl_norms: NL_NORM_bn, ... */
enum nl_norm_kind {
#define NORM(kind) NL_NORM_##kind,
#include "norm/norms.def"
};

extern const struct nl_norm *const nl_norms[]; /* ends with NULL; norm.kind is an index into it */
extern const char *const nl_norm_names[];      /* the same order; ends with NULL */

const struct nl_norm *nl_norm_find(const char *name); /* NULL: no such normalizer */

/* "none", the absence of a normalizer. */
static inline bool nl_norm_is_none(const struct nl_norm *norm)
{
    return !norm->partition && !norm->operation;
}

/* Whether gamma and beta are one a channel whatever norm.affine would have: where a set is one channel, elements of it
 * share no scale across samples. */
static inline bool nl_norm_affine_is_of_channel(const struct nl_norm *norm)
{
    return norm->cancels_bias || (norm->uses & NL_AFFINE_OF_CHANNEL);
}

/* Whether its gradient takes nothing for a constant that parameters change, so that the loss has a Hessian. */
static inline bool nl_norm_has_hessian(const struct nl_norm *norm)
{
    return !(norm->uses & (NL_USES_RATIO | NL_USES_WINDOW | NL_USES_HISTORY));
}

/* Whether what becomes of a sample depends on the others of its batch. */
bool nl_norm_spans_batch(const struct nl_norm *norm);

/* Whether what becomes of a position depends on the others of its sample. */
bool nl_norm_spans_positions(const struct nl_norm *norm, const struct nl_norm_setup *setup);

/* 1 / sqrt(var + eps), or 0 where there is nothing to divide by. */
static inline NL_EVERYWHERE double nl_rstd(double var, double eps)
{
    return var + eps == 0 ? 0.0 : 1.0 / sqrt(var + eps);
}

/* Which statistics a gradient does not go through, bit by bit: they are constants to it (torch.Tensor.detach). */
enum nl_detached { NL_DETACH_CENTER = 1, NL_DETACH_SPREAD = 2 };

/* How the matrix that whitens is found (norm/whitening.h): by eigenvectors, back in the channels' own axes or left in
 * the principal ones, as norm.whitening says; or by Newton's iterations. */
enum nl_whitening_kind { NL_WHITEN_ZCA, NL_WHITEN_PCA, NL_WHITEN_NEWTON };

static inline NL_EVERYWHERE double nl_power(const struct nl_norm *norm)
{
    return norm->power == 0 ? 2 : norm->power;
}

/* Whether it is divided by a root, so that eps may stand inside or outside. */
static inline NL_EVERYWHERE bool nl_norm_takes_root(const struct nl_norm *norm)
{
    return norm->partition && norm->spread == NL_SPREAD_POWER && nl_power(norm) == 2 &&
           !(norm->uses & (NL_USES_WINDOW | NL_USES_HISTORY));
}

/* Whether its spread is a variance, which m / (m - 1) makes unbiased. */
static inline NL_EVERYWHERE bool nl_norm_spread_is_variance(const struct nl_norm *norm)
{
    return norm->centers && norm->spread != NL_SPREAD_LARGEST && nl_power(norm) == 2;
}

/* Sets of normalizers: a channel of a slice of norm.stat_batch samples, or of the batch; a sample, or with norm.over =
 * position one of its positions. */
struct nl_partition nl_sets_of_batch(const struct nl_norm_setup *setup);
struct nl_partition nl_sets_of_sample(const struct nl_norm_setup *setup);

/* Values of norm.center and norm.scale (custom.c says what they are). */
enum nl_norm_center { NL_CENTER_MEAN, NL_CENTER_KEPT, NL_CENTER_NONE, NL_CENTERS };
enum nl_norm_scale { NL_BY_STD, NL_BY_L1, NL_BY_MAX, NL_BY_NOTHING, NL_SCALINGS };

/* The normalizer of these parts, with setup's sets. NULL: kept goes with std and max alone. */
const struct nl_norm *nl_norm_by_parts(enum nl_norm_center center, enum nl_norm_scale scale,
                                       const struct nl_norm_setup *setup);

/* NL_FAIL: setup's channels, which are `whose` (" of model.width"), cannot be split into its groups, and err says what
 * could be. */
int nl_norm_check_groups(const struct nl_norm *norm, const struct nl_norm_setup *setup, const char *whose,
                         struct nl_error *err);

/* Number of sets, and elements of the full ones, for a batch of setup->samples. */
int nl_partition_sets(const struct nl_partition *partition, const struct nl_norm_setup *setup);

#endif
