/* Draws bits, uniform and normal numbers and permutations from a position in a named stream. */
#include "base/random.h"

#include <math.h>
#include <stdlib.h>

#include "base/clones.h"
#include "base/elementary.h"
#include "base/memory.h"

/* A loop of its own, because it vectorizes. */
NL_CLONES
void nl_stream_bits_from(struct nl_stream stream, uint64_t row, uint64_t first, int32_t count, uint64_t *restrict out)
{
    for (int32_t i = 0; i < count; i++)
        out[i] = nl_stream_bits(stream, row, first + (uint64_t)i);
}

/* As nl_stream_bits_from. */
NL_CLONES
void nl_stream_normals(struct nl_stream stream, uint64_t row, uint64_t first, size_t count, double *restrict out)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t block[4];
        nl_stream_block(stream, first + i, row, block);
        double radius = nl_uniform_of((uint64_t)block[1] << 32 | block[0]);
        double angle = nl_uniform_of((uint64_t)block[3] << 32 | block[2]);
        out[i] = sqrt(-2.0 * nl_log(radius)) * nl_cos_of_turns(angle);
    }
}

double nl_stream_normal(struct nl_stream stream, uint64_t row, uint64_t index)
{
    double value;
    nl_stream_normals(stream, row, index, 1, &value);
    return value;
}

/* order = the indices of `keys` by ascending key, equal ones by index. Linear: the keys are uniform, so that with as
 * many buckets as keys for their leading bits, what the insertion sort finds is a place or two from where it
 * belongs. */
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
