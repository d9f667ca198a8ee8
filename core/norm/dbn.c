/* dbn: decorrelated batch normalization.
 *
 * Sets        one group of consecutive channels, over all samples and positions of the batch: G sets (norm.groups) of m
 *             = N S vectors of d = C/G numbers.
 * Forward     S = 1/m sum (x - mu) (x - mu)' + eps I = U D U', xhat = W (x - mu), y_c = gamma_c xhat_c + beta_c, with W
 *             = U D^(-1/2) U' (norm.whitening: zca) or W = D^(-1/2) U' (pca): the channels of a group come out without
 *             correlation and with variance 1 (but for eps).
 * Backward    with dxhat = dy gamma and dW = sum dxhat (x - mu)': dS = U X U', made symmetric. With r the diagonal of
 *             D^(-1/2): zca: X_ij = -r_i^2 r_j^2 / (r_i + r_j) (U' dW U)_ij;
 *             pca: X_ij = r_j (U' dW')_ij / (D_jj - D_ii), X_jj = -r_j^3 (U' dW')_jj / 2.
 *             dx = W' (dxhat - mean(dxhat)) + 2/m dS (x - mu). With fixed statistics (evaluation) dx = W' dxhat.
 * State       gamma (1), beta (0); running mean (0) and running W (the identity), one matrix a group, updated in
 *             training by running = (1 - momentum) running + momentum batch.
 * Conventions the running estimate is of W, as in the paper; some code keeps S. norm.eval: precise collects S over the
 *             training part, and makes W of it. X of zca is the paper's gradient with the differences of eigenvalues
 *             divided out: equal ones are no trouble. Of pca, X_ij is 0 where two eigenvalues are equal, and grows
 *             without bound as they come near each other. pca puts the largest eigenvalue first. Of each eigenvector
 *             the component that is largest in magnitude is positive. Eigenvalues of the covariance below d 2^-52 of
 *             the largest count as 0. Where an eigenvalue and eps are 0, y and dx have nothing of that direction. The
 *             covariance is biased, 1/m. G = C is bn. A bias in the layer before is redundant.
 * Source      Huang, Yang, Lang and Deng, Decorrelated Batch Normalization, CVPR 2018, equations 4 to 12.
 * Used        research; the authors whiten groups of 16 channels in VGG, and the first layer of a ResNet.
 * Trap        a group wider than the batch has elements a channel: its covariance has no inverse, and eps decides. pca
 *             trains badly: which axis is first changes from batch to batch, and the next layers see their inputs swap
 *             places. Small eigenvalues amplify rounding in float32. Wide groups are slow: the eigenvectors of a group
 *             took 0.03 ms with 16 channels, 1.6 ms with 64 and 12 ms with 128 (one core, AVX-512).
 */
#include "norm/norm.h"
#include "operation/whitening.h"

const struct nl_norm nl_norm_dbn = {
    .name = "dbn",
    .title = "decorrelated batch normalization",
    .label = "DBN",
    .operation = &nl_whitening_operation,
    .variant = NL_WHITEN_ZCA,
    .mixes_samples = true,
    .shifts = true,
    .tracks = true,
    .cancels_bias = true,
    .uses = NL_USES_GROUPS | NL_USES_WHITENING,
};
