/* Which buffer holds a gradient of activations. Two in turn do for a chain, since the gradient of a layer's output is dead once that of
 * its input is there; a normalizer puts the one in the place of the other: what it writes is in the cache already. A third comes in
 * while a shortcut is open: backwards, from the sum to the first layer behind the shortcut's source.
 *
 * With micro-batches (microbatch.h) these buffers hold one at a time. A gradient that is there for all samples before any of them goes on has a
 * buffer of another kind, and what is written while it is read another one than that.
 *
 * A normalizer's output that only a convolution takes is not kept: that of the next one takes its place, and on the way back, where the convolution
 * wants it for its weights' gradient, it is made again from the input, which the normalizer's own backward reads next. Writing it to memory and
 * reading it there would take longer.
 */
#ifndef NL_TRAIN_TURNS_H
#define NL_TRAIN_TURNS_H

#include "train/plan.h"

enum { NL_BUFFERS = 5, NL_NOWHERE = -1 };

struct nl_turn {
    int output;      /* the gradient of the layer's output, */
    bool waits;      /* kept for all samples */
    int shortcut;    /* sum: of its shortcut. The same place as that of the other term where it is the same gradient */
    int joins;       /* the shortcut's gradient that is added to that of the layer's input */
    bool recomputed; /* the layer's output is not kept */
};

/* For each layer of the plan's model, in the training pass; free() it. */
struct nl_turn *nl_take_turns(const struct nl_plan *plan, const struct nl_config *config);

/* Layers that go by micro-batches. */
int nl_local_layers(const struct nl_model *model, const struct nl_pass *pass);

/* A set of buffers, and the first one outside of it. */
static inline unsigned nl_buffer(int number)
{
    return 1u << (number - NL_NOWHERE);
}
int nl_unused_buffer(unsigned used);

/* A sum whose other term comes from a normalizer is made by that: one pass over the activations instead of two. */
bool nl_is_residual(const struct nl_model *model, int i);

/* A ReLU between linear layers, which these do themselves where the backend can. */
bool nl_is_fused(const struct nl_plan *plan, const struct nl_config *config, int i);

#endif
