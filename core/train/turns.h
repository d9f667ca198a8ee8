/* Which buffer holds a gradient of activations. Two in turn do for a chain, since the gradient of a layer's output is dead once that of
 * its input is there; a normalizer puts the one in the place of the other: what it writes is in the cache already. A third comes in
 * while a shortcut is open: backwards, from the sum to the first layer behind the shortcut's source. */
#ifndef NL_TRAIN_TURNS_H
#define NL_TRAIN_TURNS_H

#include "train/plan.h"

enum { NL_BUFFERS = 3, NL_NOWHERE = -1 };

struct nl_turn {
    int output;   /* the gradient of the layer's output */
    int shortcut; /* sum: of its shortcut. The same place as that of the other term where it is the same gradient */
    int joins;    /* the shortcut's gradient that is added to that of the layer's input */
};

/* For each layer of the plan's model; free() it. */
struct nl_turn *nl_take_turns(const struct nl_plan *plan, const struct nl_config *config);

/* The first buffer that is neither of the two. */
int nl_unused_buffer(int one, int other);

/* A sum whose other term comes from a normalizer is made by that: one pass over the activations instead of two. */
bool nl_is_residual(const struct nl_model *model, int i);

/* A ReLU between linear layers, which these do themselves where the backend can. */
bool nl_is_fused(const struct nl_plan *plan, const struct nl_config *config, int i);

#endif
