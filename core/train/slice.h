/* Directions of slices and planes of the loss (Li et al. 2018, section 4). */
#ifndef NL_TRAIN_SLICE_H
#define NL_TRAIN_SLICE_H

#include "base/random.h"
#include "train/plan.h"

/* A direction in the space of the parameters w (count), to out: of each weight, normal numbers of (stream, row), each
 * filter scaled to the length that it has in w (filter normalization). A filter is what makes one output of a layer; of
 * an embedding it is a row. Biases, gammas and betas are 0, as in the authors' code. */
void nl_slice_direction(const struct nl_graph *graph, const double *w, struct nl_stream stream, uint64_t row,
                        double *out);

#endif
