/* Random numbers as functions, not as state: Philox4x32-10 (Salmon et al., SC 2011; Random123).
 *
 * A stream is named: its key is made of the trial's seed and a hash of the name, its counter is the caller's position. So
 * the same seed gives every normalizer the same initial weights ("init.fc1.weight"), the same batches ("order"), the same
 * augmentation ("augment"), whatever else draws numbers, on any backend, at any resume point.
 */
#ifndef NL_BASE_RANDOM_H
#define NL_BASE_RANDOM_H

#include <stdint.h>

struct nl_stream {
    uint32_t key[2];
};

struct nl_stream nl_stream(uint64_t seed, const char *name);

/* Four 32-bit words at counter (low, high). */
void nl_stream_block(struct nl_stream stream, uint64_t low, uint64_t high, uint32_t out[4]);

/* 64 random bits at position index of row `row` (an epoch, say). */
uint64_t nl_stream_bits(struct nl_stream stream, uint64_t row, uint64_t index);

/* The same at positions first to first + count - 1. */
void nl_stream_bits_from(struct nl_stream stream, uint64_t row, uint64_t first, int32_t count, uint64_t *out);

/* Uniform in (0, 1), 53 bits, never 0 or 1. */
double nl_stream_uniform(struct nl_stream stream, uint64_t row, uint64_t index);

/* Standard normal (Box and Muller 1958: the cosine half of one pair a position). */
double nl_stream_normal(struct nl_stream stream, uint64_t row, uint64_t index);

/* An unbiased integer in 0 .. below-1. */
uint32_t nl_stream_below(struct nl_stream stream, uint64_t row, uint64_t index, uint32_t below);

/* order[0..count-1]: a permutation of 0..count-1, a function of (stream, row): indices sorted by their 64 random bits. */
void nl_stream_permutation(struct nl_stream stream, uint64_t row, int32_t *order, int32_t count);

#endif
