/* Folds a saved network (graph/fold.h): the map that evaluation makes of a normalizer goes into the weights beside it.
 * The map is what the normalizer's reference kernel makes of zeros, and of ones or unit vectors; all is computed in
 * double precision. */
#ifndef NL_TRAIN_FOLD_H
#define NL_TRAIN_FOLD_H

#include "graph/fold.h"
#include "train/train.h"
#include "train/weights.h"

/* A normalizer, of activations or of weights. */
struct nl_fold_item {
    char node[64], layer[64]; /* layer: "", or that it went into */
    const char *kind;         /* "bn" */
    enum nl_fold_part part;
    bool before;         /* the layer stands before it */
    struct nl_error why; /* of NL_FOLD_REFUSED */
};

struct nl_folded {
    struct nl_tensor_file file; /* the network as it is now, with metadata, of the types of the file before */
    int items, refused;
    struct nl_fold_item *item;
    size_t before, after; /* learned numbers */
};

/* from: a file that was read from `path`, the network of that configuration. To be released either way. NL_FAIL: the
 * file does not fit the network, or is folded. Nothing is folded where out->refused is out->items. */
int nl_fold_network(const struct nl_config *config, const struct nl_dataset *dataset, const struct nl_tensor_file *from,
                    const char *path, struct nl_folded *out, struct nl_error *err);
void nl_folded_release(struct nl_folded *folded);

/* How far what two networks put out lies apart, over all samples of a part, with running statistics. */
struct nl_fold_difference {
    enum nl_part part; /* test; where there is none, val; else train */
    int samples;
    double largest; /* difference, */
    double output;  /* and absolute number that the first network puts out */
};

/* Compares the network in `from` with what was made of it. NL_FAIL: memory or the device. */
int nl_fold_compare(const struct nl_config *config, const struct nl_dataset *dataset, const struct nl_tensor_file *from,
                    const char *path, const struct nl_folded *folded, struct nl_fold_difference *out,
                    struct nl_error *err);

#endif
