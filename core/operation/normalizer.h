/* Normalizers that are operations of their own (struct nl_norm): what they are told. */
#ifndef NL_OPERATION_NORMALIZER_H
#define NL_OPERATION_NORMALIZER_H

#include "base/choices.h"
#include "norm/norm.h"
#include "operation/operation.h"

/* The slots that all of them have, as "normalize" has: of x, gamma and beta. */
enum { NL_NORM_X, NL_NORM_GAMMA, NL_NORM_BETA };

/* The first member of the arguments of each such operation: the norm section of the configuration, as far as it is
 * about one layer. */
struct nl_norm_settings {
    const struct nl_norm *norm;
    enum nl_affine affine;
    double alpha;               /* norm.alpha */
    bool over_position;         /* norm.over */
    bool tlu;                   /* norm.tlu, and an activation stands right after */
    enum nl_switch learn_eps;   /* norm.learn_eps */
    double share;               /* norm.share */
    struct {
        int size;
        double alpha, beta, k;
    } lrn;                      /* norm.lrn_size, ... */
    int groups;                 /* norm.groups */
    bool unbiased;              /* norm.running_var */
    bool trains_running;        /* norm.statistics */
    bool learns_momentum;       /* norm.running */
    bool freezes;               /* norm.freeze_affine */
    enum nl_whitening_kind whitening; /* norm.whitening */
    int iterations;             /* norm.iterations */
    struct nl_override eps, momentum; /* the layer's own (struct nl_normalize) */
};

#endif
