/* Random numbers as functions, not as state: Philox4x32-10 (Salmon et al., SC 2011; Random123).
 *
 * A stream is named: its key is made of the trial's seed and a hash of the name, its counter is the caller's position.
 * So the same seed gives every normalizer the same initial weights ("init.fc1.weight"), the same batches ("order"), the
 * same augmentation ("augment"), whatever else draws numbers, on any backend, at any resume point.
 */
#ifndef NL_BASE_RANDOM_H
#define NL_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

#include "base/everywhere.h"

struct nl_stream {
    uint32_t key[2];
};

/* Philox4x32-10. Our own lines, so that the same ones run on a GPU; Random123's known answers judge them
 * (tests/base/test_random.c). */
static inline NL_EVERYWHERE void nl_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4])
{
    uint32_t a = counter[0], b = counter[1], c = counter[2], d = counter[3], k0 = key[0], k1 = key[1];
    for (int round = 0; round < 10; round++) {
        uint64_t left = (uint64_t)0xD2511F53u * a, right = (uint64_t)0xCD9E8D57u * c;
        a = (uint32_t)(right >> 32) ^ b ^ k0;
        b = (uint32_t)right;
        c = (uint32_t)(left >> 32) ^ d ^ k1;
        d = (uint32_t)left;
        k0 += 0x9E3779B9u; /* golden ratio */
        k1 += 0xBB67AE85u; /* sqrt(3) - 1 */
    }
    out[0] = a;
    out[1] = b;
    out[2] = c;
    out[3] = d;
}

/* The name is folded to 64 bits by FNV-1a; one Philox block over (seed, name) makes the key, so that near seeds and
 * near names give unrelated keys. */
static inline NL_EVERYWHERE struct nl_stream nl_stream(uint64_t seed, const char *name)
{
    uint64_t hash = 1469598103934665603u;
    for (const char *at = name; *at; at++)
        hash = (hash ^ (unsigned char)*at) * 1099511628211u;
    const uint32_t counter[4] = {(uint32_t)seed, (uint32_t)(seed >> 32), (uint32_t)hash, (uint32_t)(hash >> 32)};
    const uint32_t key[2] = {0x6e6f726du, 0x6c61622eu}; /* "norm", "lab." */
    uint32_t block[4];
    nl_philox(counter, key, block);
    struct nl_stream stream = {{block[0], block[1]}};
    return stream;
}

/* Four 32-bit words at counter (low, high). */
static inline NL_EVERYWHERE void nl_stream_block(struct nl_stream stream, uint64_t low, uint64_t high, uint32_t out[4])
{
    const uint32_t counter[4] = {(uint32_t)low, (uint32_t)(low >> 32), (uint32_t)high, (uint32_t)(high >> 32)};
    nl_philox(counter, stream.key, out);
}

/* 64 random bits at position index of row `row` (an epoch, say). */
static inline NL_EVERYWHERE uint64_t nl_stream_bits(struct nl_stream stream, uint64_t row, uint64_t index)
{
    uint32_t block[4];
    nl_stream_block(stream, index, row, block);
    return (uint64_t)block[1] << 32 | block[0];
}

/* The bits at positions first to first + count - 1. */
void nl_stream_bits_from(struct nl_stream stream, uint64_t row, uint64_t first, int32_t count, uint64_t *out);

/* Uniform in (0, 1), 53 bits, never 0 or 1. */
static inline NL_EVERYWHERE double nl_uniform_of(uint64_t bits)
{
    double value = ((double)(int64_t)(bits >> 11) + 0.5) / 9007199254740992.0;
    return value < 1.0 ? value : 1.0 - 1.0 / 9007199254740992.0; /* the last one would round up to 1 */
}

static inline NL_EVERYWHERE double nl_stream_uniform(struct nl_stream stream, uint64_t row, uint64_t index)
{
    return nl_uniform_of(nl_stream_bits(stream, row, index));
}

/* Standard normal (Box and Muller 1958: the cosine half of one pair a position). */
double nl_stream_normal(struct nl_stream stream, uint64_t row, uint64_t index);

/* Normal numbers at positions first to first + count - 1. */
void nl_stream_normals(struct nl_stream stream, uint64_t row, uint64_t first, size_t count, double *out);

/* An integer in 0 .. below-1: 64 bits times the range, high word. The bias is below 2^-32 for every range that fits 32
 * bits. */
static inline NL_EVERYWHERE uint32_t nl_stream_below(struct nl_stream stream, uint64_t row, uint64_t index,
                                                     uint32_t below)
{
    uint64_t bits = nl_stream_bits(stream, row, index), low = (bits & 0xffffffffu) * below;
    return (uint32_t)(((bits >> 32) * below + (low >> 32)) >> 32);
}

/* order[0..count-1]: a permutation of 0..count-1, a function of (stream, row): indices sorted by their 64 random
 * bits. */
void nl_stream_permutation(struct nl_stream stream, uint64_t row, int32_t *order, int32_t count);

#endif
