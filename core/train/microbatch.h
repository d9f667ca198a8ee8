/* Micro-batches: operations are called one after the other for a few samples, then for the next few, so that what one leaves in a core's
 * cache the next finds there. Those at the head of a pass up to its first linear layer, or none. The gradients of activations between them,
 * and in evaluation the activations, are those of one micro-batch at a time.
 *
 * A normalizer with statistics over the batch needs its whole input: it is called twice, and a chain of calls for a micro-batch runs from the
 * second call of one to the first call of the next:
 *
 *     forward     y of a normalizer; convolution; moments of the next one
 *     backward    dx of a normalizer; convolution; the next one's sums over dy
 *
 * What is computed is the same to the last bit.
 */
#ifndef NL_TRAIN_MICROBATCH_H
#define NL_TRAIN_MICROBATCH_H

#include "train/plan.h"

/* Decides for a pass whose operations have their shapes: sets local, micro, if_fixed and reduces. `evaluates`: statistics that are tracked may
 * be fixed. */
void nl_find_microbatch(const struct nl_backend *backend, struct nl_pass *pass, bool evaluates);

/* Bytes that a local operation's backward keeps from micro-batch to micro-batch. */
size_t nl_microbatch_sums(const struct nl_op *op);

/* A local operation of the pass on the samples from `first` on. */
struct nl_op nl_microbatch_op(const struct nl_backend *backend, const struct nl_pass *pass, int op, int first);

#endif
