/* iternorm: iterative normalization.
 *
 * Sets        one group of consecutive channels, over all samples and positions of the batch: G sets (norm.groups) of m
 *             = N S vectors of d = C/G numbers.
 * Forward     S = 1/m sum (x - mu) (x - mu)' + eps I, S_N = S / tr S, P_0 = I, P_k = (3 P_(k-1) - P_(k-1)^3 S_N) / 2, W
 *             = P_T / sqrt(tr S), xhat = W (x - mu), y_c = gamma_c xhat_c + beta_c. T: norm.iterations.
 * Backward    with dxhat = dy gamma and dW = sum dxhat (x - mu)': dP_T = dW / sqrt(tr S); from k = T down to 1, with P
 *             = P_(k-1): dS_N -= P^3 dP_k / 2, dP_(k-1) = (3 dP_k - dP_k S_N P^2 - P dP_k S_N P - P^2 dP_k S_N) / 2;
 *             dS = dS_N / tr S - (tr(dS_N S) / (tr S)^2 + tr(dW P_T) / (2 (tr S)^(3/2))) I, made symmetric;
 *             dx = W (dxhat - mean(dxhat)) + 2/m dS (x - mu). With fixed statistics (evaluation) dx = W dxhat.
 * State       gamma (1), beta (0); running mean (0) and running W (the identity), one matrix a group, updated in
 *             training by running = (1 - momentum) running + momentum batch.
 * Conventions the running estimate is of W, as in the authors' module. norm.eval: precise collects S over the training
 *             part, and makes W of it. The trace is taken of S with eps. P_k and its gradient are computed together
 *             with S_N P_k (norm/whitening.h): the same numbers, but in P^3 S_N rounding grows with each iteration by
 *             half the condition of S, and with T = 15 spoils a condition of 1000 even in float64. W tends to that of
 *             dbn (zca): a direction with the share s of the trace takes about ln(1/s) / (2 ln 1.5) iterations. With
 *             fewer, directions of small variance stay smaller than 1. Where tr S is 0, y is beta and dx is 0. A bias
 *             in the layer before is redundant.
 * Source      Huang, Zhou, Zhu, Liu and Shao, Iterative Normalization: Beyond Standardization towards Efficient
 *             Whitening, CVPR 2019, equations 5 to 8, algorithm 1; their module IterNorm.
 * Used        in place of bn in ResNets, with 5 iterations; whitening without eigenvectors is quick on a GPU.
 * Trap        a group wider than the batch has elements a channel: its covariance has no inverse, and more iterations
 *             amplify what rounding left there.
 */
#include "norm/norm.h"
#include "operation/whitening.h"

const struct nl_norm nl_norm_iternorm = {
    .name = "iternorm",
    .title = "iterative normalization",
    .label = "IterNorm",
    .operation = &nl_whitening_operation,
    .variant = NL_WHITEN_NEWTON,
    .mixes_samples = true,
    .shifts = true,
    .tracks = true,
    .cancels_bias = true,
    .uses = NL_USES_GROUPS | NL_USES_NEWTON,
};
