/* Weights and statistics in a file: safetensors, under PyTorch-like names and in PyTorch's shapes, so that
 * model.load_state_dict(safetensors.torch.load_file(path)) works on a module with the same names.
 *
 *     fc1.weight (O, I)  fc1.bias (O)            conv1.weight (O, I, 3, 3)  conv1.bias (O)
 *     norm1.weight, norm1.bias (C), or (H, W, C) with norm.affine = element
 *     norm1.running_mean, norm1.running_var (C)  norm1.num_batches_tracked ()  int64
 *     head.weight (K, I)  head.bias (K)
 *
 * A fully connected layer on an image takes it flattened in height, width, channel order. float64 from ref, float32 from cpu.
 */
#ifndef NL_TRAIN_WEIGHTS_H
#define NL_TRAIN_WEIGHTS_H

#include "train/plan.h"

int nl_weights_save(const struct nl_plan *plan, const char *path, struct nl_error *err);

#endif
