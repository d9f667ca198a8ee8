#ifndef NL_OPERATION_NOISE_H
#define NL_OPERATION_NOISE_H

#include "base/random.h"
#include "operation/operation.h"

/* y = s x + m in training only (nl_is_step), else y = x: the noise of Santurkar, Tsipras, Ilyas and Madry (2018),
 * section 2.2, which shifts and scales what a normalizer has made, in another way at each step. With k = norm.noise:
 *
 *     mu ~ U(-k/2, k/2)              s ~ N(sigma, (k/10)^2)
 *     sigma ~ U(1, 1 + k/4)          m ~ U(mu - k/10, mu + k/10)
 *
 * mu and sigma are drawn of each step and channel, s and m of each step, sample and element (nl_noise_at). Backward
 * draws them again. */
struct nl_noise {
    size_t count;                 /* elements a sample */
    int channels;                 /* which lie next to one another */
    const uint32_t *key;          /* (2) struct nl_stream of the layer, in the state */
    const struct nl_hyper *hyper; /* norm_noise */
    const void *x;
    void *y;
    const void *dy;
    void *dx;
};

extern const struct nl_operation nl_noise_operation;

/* Two numbers in (0, 1). */
static inline NL_EVERYWHERE void nl_uniform_pair(struct nl_stream stream, uint64_t row, uint64_t index, double out[2])
{
    uint32_t block[4];
    nl_stream_block(stream, index, row, block);
    out[0] = nl_uniform_of((uint64_t)block[1] << 32 | block[0]);
    out[1] = nl_uniform_of((uint64_t)block[3] << 32 | block[2]);
}

#define NL_NOISE_OF_CHANNELS ((uint64_t)1 << 62) /* positions from here on are those of channels */

/* m, and what s is but for k / 10 times a standard normal number, of the element at this position of the batch:
 * position 2 element of the stream has m, the normal number is nl_stream_normal at position 2 element + 1. */
static inline NL_EVERYWHERE void nl_noise_at(struct nl_stream stream, int64_t step, uint64_t element, uint64_t channel,
                                             double k, double *sigma, double *m)
{
    double of_channel[2], of_element[2];
    nl_uniform_pair(stream, (uint64_t)step, NL_NOISE_OF_CHANNELS + channel, of_channel);
    nl_uniform_pair(stream, (uint64_t)step, 2 * element, of_element);
    *sigma = 1 + 0.25 * k * of_channel[1];
    *m = k * (of_channel[0] - 0.5) + 0.2 * k * (of_element[0] - 0.5);
}

#endif
