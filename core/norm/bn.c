/* bn: batch normalization, and ghost BN.
 *
 * Sets        one channel over all samples and positions of the batch: C sets of N S elements. Ghost BN
 *             (norm.stat_batch = n): one channel over each slice of n consecutive samples: C N/n sets of n S elements;
 *             the last slice may be smaller.
 * Forward     y = gamma_c (x - mu) / sqrt(var + eps) + beta_c, with the biased variance (1/m).
 * Backward    dx = (dxhat - mean(dxhat) - xhat mean(dxhat xhat)) / sqrt(var + eps), with dxhat = dy gamma.
 *             With fixed statistics (evaluation) dx = dxhat / sqrt(running_var + eps).
 * State       gamma (1), beta (0); running mean (0) and running variance (1), updated in training by
 *             running = (1 - momentum) running + momentum batch, the variance stored unbiased, m/(m-1) of the biased
 *             one (norm.running_var: biased keeps it as it is); norm.running: cumulative replaces momentum by 1/updates
 *             so far. The slices of ghost BN update one after the other. norm.momentum_schedule lets momentum change
 *             over the training; norm.running: learned lets each channel adapt its own (norm/momentum.h). norm.reset
 *             starts them anew; from norm.freeze on they are constants that normalize.
 * Workers     train.workers = w gives each w-th of the batch sets of its own, as ghost BN; running statistics take in
 *             those of the first worker, as DistributedDataParallel keeps the buffers of rank 0. norm.sync: true merges
 *             the moments of the parts (SyncBatchNorm): sets are as without workers.
 * Conventions a set of one element is allowed: xhat = 0, y = beta, dx = 0, and the running variance takes in the biased
 *             0 (PyTorch refuses it). TensorFlow and the paper call 1 - momentum 'momentum' or 'decay'.
 *             A bias in the layer before is redundant: the mean takes it away again.
 *             Of sequences of different lengths all sums leave out what stands after the ends, where y and dx are 0.
 * Source      Ioffe and Szegedy, Batch Normalization, ICML 2015; ghost BN: Hoffer, Hubara and Soudry, Train longer,
 *             generalize better, NeurIPS 2017; names and defaults: torch.nn.BatchNorm2d.
 * Used        convolutional networks with batches of 16 and more a device: ResNet, Inception, EfficientNet, MobileNet,
 *             DenseNet.
 * Trap        small batches; a batch of one class; evaluation in training mode; weight decay acts on the effective
 *             learning rate, since the weights before it are free in scale.
 */
#include "norm/norm.h"

const struct nl_norm nl_norm_bn = {
    .name = "bn",
    .title = "batch normalization",
    .label = "BN",
    .partition = nl_sets_of_batch,
    .centers = true,
    .shifts = true,
    .tracks = true,
    .cancels_bias = true,
    .uses = NL_USES_STAT_BATCH,
};
