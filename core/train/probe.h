/* One normalizer on given numbers: what `normlab norm` shows. It runs the very kernels that training runs. Of a
 * normalizer of weights x is the original weight of a layer, (O, I) or (O, I, k, k), and y the one that the layer uses:
 * O stands for N, k for height and width. */
#ifndef NL_TRAIN_PROBE_H
#define NL_TRAIN_PROBE_H

#include <stdbool.h>

#include "backend/backend.h"

/* A parameter or a state of the layer. */
struct nl_probe_tensor {
    char name[32];       /* "gamma", "beta", "alpha"; "running_mean" */
    bool learned;        /* a parameter; else a state */
    int dims;
    size_t shape[NL_MOST_DIMS], count;
    const double *given; /* (count), to be set between nl_probe_declare and nl_probe_run; NULL: as a layer begins */
    double *begun;       /* (count), owned: as a layer begins, where that follows from x; or NULL */
    double *found; /* (count), owned: of a parameter its gradient, NULL without dy; of a state what it is afterwards */
};

enum { NL_PROBE_TENSORS = NL_MOST_SLOTS + NL_MOST_STATES };

/* Dimension letters: N samples, S positions, C channels. */
struct nl_probe {
    const struct nl_config *config;   /* the norm section, and the device unless there is a backend */
    const struct nl_backend *backend; /* NULL: the device's */
    int samples;
    struct nl_extent extent;          /* of a sample */
    bool of_weights;                  /* norm.weights is meant, not norm.kind */
    bool eval;                        /* running statistics, where the normalizer has them; they are not updated */

    const double *x, *dy;             /* (N, S, C); dy NULL: there is no backward */
    const int32_t *lengths;           /* (N) positions that count; NULL: all */
    int tensors;                      /* found by nl_probe_declare */
    struct nl_probe_tensor tensor[NL_PROBE_TENSORS];

    /* Found by nl_probe_run; owned; NULL where the normalizer has none, or where it was not asked for. */
    double *y, *xhat, *dx;            /* (N, S, C) */
    double *mean, *var; /* (sets): those it was normalized with; var biased, without centering the mean of squares */
    int sets;
};

/* Sets, elements of a full one; sets = 0: they are no blocks, or it has none. NL_FAIL: it cannot be made for these
 * shapes (groups). */
int nl_probe_partition(const struct nl_probe *probe, int *sets, int *elements, struct nl_error *err);

/* Finds the layer's tensors. NL_FAIL: it cannot be made for these shapes. */
int nl_probe_declare(struct nl_probe *probe, struct nl_error *err);

/* The tensor of that name. nl_probe_find: NULL if the layer has none; nl_probe_named: it has. */
struct nl_probe_tensor *nl_probe_find(struct nl_probe *probe, const char *name);
struct nl_probe_tensor *nl_probe_named(struct nl_probe *probe, const char *name);

/* Declares the tensors unless they are. NL_FAIL: as nl_probe_declare, or the device cannot be used, or failed: what was
 * found is void. */
int nl_probe_run(struct nl_probe *probe, struct nl_error *err);

/* How much of x is in y, of a probe that has run: found by running it again with other numbers. */
enum nl_probe_left {
    NL_LEFT_SOME,
    NL_LEFT_SIGNS, /* other numbers of the same signs and order give the same y: sets of one that divide, sets of two */
    NL_LEFT_NOTHING /* any numbers do: sets of one that subtract */
};
int nl_probe_left(const struct nl_probe *probe, enum nl_probe_left *left, struct nl_error *err);
void nl_probe_release(struct nl_probe *probe); /* what was found; after a failure as well. What was given stays */

#endif
