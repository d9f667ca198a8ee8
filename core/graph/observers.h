/* Observers: which tensors of a training are looked at, and what of them. Patterns name them:
 *
 *     NAME          a node's output (layer1.0.norm1), a parameter (layer1.0.conv1.weight) or a running statistic
 *                   (layer1.0.norm1.running_var), named as in PyTorch; the statistic as it is after the step
 *     grad:NAME     its gradient, before any clipping
 *     update:NAME   of a parameter: what the optimizer's step adds to it
 *     turn:NAME     of a parameter: the change from the update of the step before to that of this one
 *     shift:NAME    of a weight but the first: the change of its gradient on the same batch when the parameters before
 *                   it have made their step (internal covariate shift: train/aside.c)
 *     distribution:NAME   of an activation or a parameter: its elements, of which there are quantiles then
 *     units:NAME    of an activation, as all below: the root mean square of each channel over samples and positions
 *     saturated:NAME   of a function that is flat at both ends (tanh, sigmoid, dyt, derf, hardtanh): of each channel
 *                   the share of its arguments where the function is flat (struct nl_bounded)
 *     samples:NAME  of each sample its mean cosine with the other samples
 *     tokens:NAME   where a sample has several positions: of each sample the mean cosine between two of them
 *     covariance:NAME   the eigenvalues of the covariance of the channels over samples and positions
 *     drift:NAME    of a normalizer with running statistics: of each channel how far the running mean is from that of
 *                   the batch, in standard deviations of the batch
 *     entropy:NAME, logits:NAME   of attention: of each query the entropy of its weights, and its largest score
 *     jacobian:NAME numbers whose mean is the mean squared singular value of the derivative of the batch's activations
 *                   by its inputs (by its embedded tokens, where it has tokens) (train/representation.h)
 *     grad64:NAME   of a weight: its gradient in double precision, on whatever device the training is
 *     along:loss, along:gradient, along:smoothness   the loss along the gradient (train/aside.c)
 *     slice:ALPHA   the loss at the parameters plus -1.0, -0.9, ..., +1.0 times a random direction whose filters are
 *                   as long as theirs (train/slice.h)
 *     plane:ALPHA/BETA   the loss at the parameters plus -1.0, -0.8, ..., +1.0 times that direction, plus as many times
 *                   a second one
 *     between:SHARE the loss at 0, 5, ..., 100 % of the way from the parameters to those of log.toward
 *     hessian:eigenvalues, hessian:trace             the largest eigenvalues of the Hessian of the loss, and numbers
 *                   whose mean is its trace (train/curvature.h)
 *     hessian:NAME  the largest eigenvalues of its block of one weight
 *
 * In NAME, * stands for any characters, dots too, and ? for one. A parameter that names its elements (struct
 * nl_tensor_spec) can be looked at element by element: norm1.mean_weight.bn.
 */
#ifndef NL_GRAPH_OBSERVERS_H
#define NL_GRAPH_OBSERVERS_H

#include "base/lists.h"
#include "graph/graph.h"

enum nl_aspect {
    NL_VALUE,
    NL_GRADIENT,
    NL_UPDATE,
    NL_TURN,
    NL_SHIFT,
    NL_DISTRIBUTION,
    NL_UNITS,
    NL_FLAT,
    NL_SAMPLES,
    NL_TOKENS,
    NL_COVARIANCE,
    NL_DRIFT,
    NL_ENTROPY,
    NL_LOGITS,
    NL_JACOBIAN,
    NL_GRADIENT_64,
    NL_ALONG,
    NL_SLICE,
    NL_PLANE,
    NL_ON_WAY,
    NL_CURVATURE,
    NL_ASPECTS
};
extern const char *const nl_aspect_prefixes[NL_ASPECTS]; /* "", "grad:", "update:", ... */

/* Whether an aspect is seen in the step itself; by passes of its own, beside it. NL_TURN is seen from outside. */
bool nl_is_in_step(enum nl_aspect aspect);
bool nl_is_aside(enum nl_aspect aspect);

/* Whether an aspect is of a tensor as the whole batch has it (train/representation.h). */
bool nl_sees_whole(enum nl_aspect aspect);

/* Whether it is the loss at other parameters, one number a name: a point of a slice, a plane or a way. */
bool nl_is_point(enum nl_aspect aspect);

/* What is seen along the gradient. */
enum nl_along {
    NL_ALONG_LOSS,       /* at steps along it */
    NL_ALONG_GRADIENT,   /* how far the gradient there is from that at the parameters, in L2 */
    NL_ALONG_SMOOTHNESS, /* that, divided by how far the parameters are */
    NL_ALONG_KINDS
};

enum { NL_OBSERVER_NAME = 96 };

/* Points of a slice, evenly from -1 to 1; of each side of a plane, likewise; of a way, evenly from 0 to 1. */
enum { NL_SLICE_POINTS = 21, NL_PLANE_SIDE = 11, NL_PLANE_POINTS = NL_PLANE_SIDE * NL_PLANE_SIDE, NL_WAY_POINTS = 21 };

/* The factor of a direction at one of so many points of a slice, or of a side of a plane; the share of the way at a
 * point of it. */
double nl_slice_factor(int point, int points);
double nl_way_share(int point);

/* What is seen of the Hessian as a whole; of the block of a weight it is eigenvalues. */
enum nl_curved { NL_CURVED_EIGENVALUES, NL_CURVED_TRACE, NL_CURVED_KINDS };

/* The groups of tensors that log.layers names (nl_observed_group_names). */
enum nl_observed_group {
    NL_OBSERVED_ACTIVATIONS,     /* the output of each layer that has a weight */
    NL_OBSERVED_GRADIENTS,       /* of each weight */
    NL_OBSERVED_UPDATES,         /* of each weight */
    NL_OBSERVED_TURNS,           /* of each weight */
    NL_OBSERVED_NORMALIZERS,     /* gamma and beta, the shares of those that mix others, and running statistics */
    NL_OBSERVED_DISTRIBUTIONS,   /* distribution:, units: of outputs of layers that have a weight; drift:, saturated: */
    NL_OBSERVED_REPRESENTATIONS, /* samples:, tokens: and covariance: of the same; entropy: and logits: of attention */
    NL_OBSERVED_PROPAGATION,     /* jacobian: of the same, grad64: of each weight */
    NL_OBSERVED_SHIFT,           /* of each weight but the first */
    NL_OBSERVED_LANDSCAPE,       /* all along the gradient */
    NL_OBSERVED_SLICES,          /* slice: */
    NL_OBSERVED_PLANES,          /* plane: */
    NL_OBSERVED_WAYS,            /* between: */
    NL_OBSERVED_CURVATURE,       /* all of the Hessian */
    NL_OBSERVED_GROUPS
};
extern const char *const nl_observed_group_names[];

struct nl_observer {
    int value;                   /* NL_NONE: it is a state, or of the network as a whole */
    int state;                   /* the running statistic, a tensor of the graph; NL_NONE: it is none */
    int part; /* of NL_ALONG enum nl_along, of NL_CURVATURE enum nl_curved, of points of the loss their number */
    int group;                   /* enum nl_observed_group, or NL_NONE */
    int element;                 /* of a parameter whose elements have names: one of them; NL_NONE: all */
    enum nl_aspect aspect;
    char name[NL_OBSERVER_NAME]; /* "grad:fc1.weight": a pattern of its own */
};

struct nl_observers {
    int count, capacity;
    struct nl_observer
        *at; /* each tensor once, in the order of the graph, aspect by aspect; then running statistics, and
                               what is along the gradient and of the Hessian */
};

/* What the patterns match, and what is of the groups, of which bit 1 << group is set; zeros for none. To be released.
 */
struct nl_observers nl_observers_find(const struct nl_graph *graph, const struct nl_name_list *patterns,
                                      unsigned groups);
void nl_observers_release(struct nl_observers *observers);

/* What a normalizer with a running mean and variance of each channel of its input tracks, found by its output: that
 * input, and the tensors. false: the value is the output of none. */
struct nl_tracked {
    int input, mean, var;
};
bool nl_find_tracked(const struct nl_graph *graph, int value, struct nl_tracked *out);

/* A function that is flat at both ends, found by its output: f(u) of u = alpha x + shift. It saturates (Glorot and
 * Bengio 2010) where it is flat: where its slope is at most 1 - tanh(2)^2 = 0.07 of its largest, a threshold of our
 * own, which is |u| >= 2 if it is tanh. false: the value is the output of none. */
struct nl_bounded {
    int input;        /* x */
    int alpha, shift; /* tensors of the graph; NL_NONE: 1, and 0 */
    double flat;      /* the least |u| at which it is flat */
};
bool nl_find_bounded(const struct nl_graph *graph, int value, struct nl_bounded *out);

/* Whether the value is the output of attention. */
bool nl_is_attention(const struct nl_graph *graph, int value);

/* Whether some observer is of that aspect; whether some is seen by passes of its own. */
bool nl_observes_any(const struct nl_observers *observers, enum nl_aspect aspect);
bool nl_observes_aside(const struct nl_observers *observers);

/* What an observer of this name sees. */
enum nl_aspect nl_observer_aspect(const char *name);

/* What an observer of NL_ALONG sees; NL_ALONG_KINDS: there is none of this name. */
enum nl_along nl_observer_along(const char *name);

/* Whether an observer's name is what one of the patterns names. */
bool nl_is_observed(const struct nl_name_list *patterns, const char *name);

/* Names that whoever wrote this pattern, which matches nothing, may have meant: "'fc1', 'fc2'". New string. */
char *nl_observers_near(const struct nl_graph *graph, const char *pattern);

#endif
