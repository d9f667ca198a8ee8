#include "base/random.h"

#include <Random123/philox.h>
#include <math.h>
#include <stdlib.h>

#include "base/clones.h"
#include "base/memory.h"

struct nl_stream nl_stream(uint64_t seed, const char *name)
{
    /* The name is folded to 64 bits by FNV-1a; one Philox block over (seed, name) makes the key, so that near seeds and
     * near names give unrelated keys. */
    uint64_t hash = 1469598103934665603u;
    for (const char *at = name; *at; at++)
        hash = (hash ^ (unsigned char)*at) * 1099511628211u;
    philox4x32_ctr_t counter = {{(uint32_t)seed, (uint32_t)(seed >> 32), (uint32_t)hash, (uint32_t)(hash >> 32)}};
    philox4x32_key_t key = {{0x6e6f726du, 0x6c61622eu}}; /* "norm", "lab." */
    philox4x32_ctr_t block = philox4x32(counter, key);
    return (struct nl_stream){{block.v[0], block.v[1]}};
}

void nl_stream_block(struct nl_stream stream, uint64_t low, uint64_t high, uint32_t out[4])
{
    philox4x32_ctr_t counter = {{(uint32_t)low, (uint32_t)(low >> 32), (uint32_t)high, (uint32_t)(high >> 32)}};
    philox4x32_key_t key = {{stream.key[0], stream.key[1]}};
    philox4x32_ctr_t block = philox4x32(counter, key);
    for (int i = 0; i < 4; i++)
        out[i] = block.v[i];
}

uint64_t nl_stream_bits(struct nl_stream stream, uint64_t row, uint64_t index)
{
    uint32_t block[4];
    nl_stream_block(stream, index, row, block);
    return (uint64_t)block[1] << 32 | block[0];
}

/* Philox4x32-10 again, in a form that vectorizes; the first two words of a block. */
NL_CLONES
void nl_stream_bits_from(struct nl_stream stream, uint64_t row, uint64_t first, int32_t count, uint64_t *restrict out)
{
    for (int32_t i = 0; i < count; i++) {
        uint64_t index = first + (uint64_t)i;
        uint32_t a = (uint32_t)index, b = (uint32_t)(index >> 32), c = (uint32_t)row, d = (uint32_t)(row >> 32);
        uint32_t key0 = stream.key[0], key1 = stream.key[1];
        for (int round = 0; round < 10; round++) {
            uint64_t left = (uint64_t)0xD2511F53u * a, right = (uint64_t)0xCD9E8D57u * c;
            a = (uint32_t)(right >> 32) ^ b ^ key0;
            b = (uint32_t)right;
            c = (uint32_t)(left >> 32) ^ d ^ key1;
            d = (uint32_t)left;
            key0 += 0x9E3779B9u;
            key1 += 0xBB67AE85u;
        }
        out[i] = (uint64_t)b << 32 | a;
    }
}

static double unit(uint64_t bits)
{
    double value = ((double)(bits >> 11) + 0.5) * 0x1p-53;
    return value < 1.0 ? value : 0x1.fffffffffffffp-1; /* the last one would round up to 1 */
}

double nl_stream_uniform(struct nl_stream stream, uint64_t row, uint64_t index)
{
    return unit(nl_stream_bits(stream, row, index));
}

double nl_stream_normal(struct nl_stream stream, uint64_t row, uint64_t index)
{
    uint32_t block[4];
    nl_stream_block(stream, index, row, block);
    double radius = unit((uint64_t)block[1] << 32 | block[0]);
    double angle = unit((uint64_t)block[3] << 32 | block[2]);
    return sqrt(-2.0 * log(radius)) * cos(6.283185307179586476925286766559 * angle);
}

uint32_t nl_stream_below(struct nl_stream stream, uint64_t row, uint64_t index, uint32_t below)
{
    /* 64 bits times the range, high word: the bias is below 2^-32 for every range that fits 32 bits. */
    return (uint32_t)(((unsigned __int128)nl_stream_bits(stream, row, index) * below) >> 64);
}

/* order = the indices of `keys` by ascending key, equal ones by index. Linear: the keys are uniform, so that with as many buckets as
 * keys for their leading bits, what the insertion sort finds is a place or two from where it belongs. */
static void sort_by_key(const uint64_t *keys, int32_t *order, int32_t count)
{
    int bits = 1;
    while (bits < 31 && ((int32_t)1 << bits) < count)
        bits++;
    int32_t *first = nl_alloc(((size_t)1 << bits) + 1, sizeof *first); /* place of the next key of each bucket */
    for (int32_t i = 0; i < count; i++)
        first[(keys[i] >> (64 - bits)) + 1]++;
    for (int32_t b = 1; b < (int32_t)1 << bits; b++)
        first[b] += first[b - 1];
    for (int32_t i = 0; i < count; i++)
        order[first[keys[i] >> (64 - bits)]++] = i;
    for (int32_t i = 1; i < count; i++) {
        int32_t index = order[i], at = i;
        for (; at > 0 && keys[order[at - 1]] > keys[index]; at--)
            order[at] = order[at - 1];
        order[at] = index;
    }
    free(first);
}

void nl_stream_permutation(struct nl_stream stream, uint64_t row, int32_t *order, int32_t count)
{
    uint64_t *keys = nl_alloc((size_t)count, sizeof *keys);
    nl_stream_bits_from(stream, row, 0, count, keys);
    sort_by_key(keys, order, count);
    free(keys);
}
