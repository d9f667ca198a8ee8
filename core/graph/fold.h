/* Folding. In evaluation a normalizer with running statistics is a map of each position's channels by constants,
 *
 *     y = M x + b     M = diag(gamma / sqrt(running_var + eps)), or, of whitening, diag(gamma) W;  b = beta - M mean
 *
 * which the linear layer or the convolution beside it can do as well (Jacob et al. 2018, section 3.2; PyTorch's
 * fuse_conv_bn_eval):
 *
 *     the layer before    M (w x + c) + b    has the weight M w and the bias M c + b
 *     the layer after     w (M x + b) + c    has the weight w M and the bias c + w b; where it pads x with zeros, these
 *                                            come after the shift by b, so that it cannot
 *
 * The layer before comes first. A mean over positions may lie between, since it lets such a map through. The weight of
 * a layer that is computed from another one (norm.weights) becomes a plain weight.
 *
 * A graph is folded for evaluation: dropout and noise are left out, too. Here is what that does to its shape;
 * train/fold.h has the numbers. Between nl_fold_begin and nl_fold_end numbers of nodes, values and tensors stay what
 * they are. */
#ifndef NL_GRAPH_FOLD_H
#define NL_GRAPH_FOLD_H

#include "graph/graph.h"

/* What a node is to folding. */
enum nl_fold_part {
    NL_FOLD_NOTHING,    /* neither a normalizer nor one of weights */
    NL_FOLD_WEIGHT,     /* it computes a weight */
    NL_FOLD_NORMALIZER, /* a normalizer, which goes away */
    NL_FOLD_BATCH_HALF, /* the batch normalization in front of groups (bcn), of which these stay */
    NL_FOLD_REFUSED,    /* a normalizer that stays */
};

/* Where a node goes. */
struct nl_fold {
    enum nl_fold_part part;
    int layer;           /* of a normalizer: the node that takes it in */
    bool before;         /* it stands before the normalizer, not after it */
    struct nl_error why; /* of NL_FOLD_REFUSED: "'add1' (add) stands before it, and 'act1' (activate) after it" */
};

/* The name of the normalizer, of activations or of weights, that a node is: "bn"; NULL: it is none. */
const char *nl_fold_kind(const struct nl_graph_node *node);

/* Leaves out what does nothing in evaluation. */
void nl_fold_begin(struct nl_graph *graph);

/* Where a node goes, as the network is now. */
struct nl_fold nl_fold_find(const struct nl_graph *graph, int node);

/* The weight that a node computes becomes a parameter of the layer that takes it. Returns its tensor. */
int nl_fold_weight(struct nl_graph *graph, int node);

/* The normalizer leaves the network, and the layer has a bias: fold, nl_fold_find's. */
void nl_fold_normalizer(struct nl_graph *graph, int node, const struct nl_fold *fold);

/* Closes up. kept: NULL, or [graph->tensors] of before, where the numbers that the tensors had so far go, in their new
 * order. */
void nl_fold_end(struct nl_graph *graph, int *kept);

/* Folds a network as a list says, in its order: "fc1.weight,norm1>conv1", nodes that compute weights, and normalizers
 * with the layer that takes them in. NL_FAIL: it is none of this network's. */
int nl_fold_again(struct nl_graph *graph, const char *list, struct nl_error *err);

#endif
