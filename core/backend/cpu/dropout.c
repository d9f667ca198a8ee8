/* Dropout. The mask is that of nl_stream_uniform, element for element; only drawn many at a time. */
#include "backend/cpu/cpu.h"
#include "backend/cpu/lanes.h"

enum { DRAWN = 64 };

/* The smallest 53-bit integer k whose uniform number, (k + 1/2) 2^-53 as nl_stream_uniform rounds it, is at least p: so that
 * masks are decided by integers. */
static uint64_t threshold_of(double p)
{
    uint64_t k = (uint64_t)(p * 0x1p53);
    while (k > 0 && ((double)(k - 1) + 0.5) * 0x1p-53 >= p)
        k--;
    while (((double)k + 0.5) * 0x1p-53 < p)
        k++;
    return k;
}

/* bits[i]: the 53 bits at position first + i of row `row` (Philox4x32-10, the first two words: base/random.c). */
NL_CLONES
static void draw(const uint32_t *key, uint64_t row, uint64_t first, uint64_t *restrict bits)
{
    uint32_t key0 = key[0], key1 = key[1];
    for (int i = 0; i < DRAWN; i++) {
        uint64_t index = first + (uint64_t)i;
        uint32_t a = (uint32_t)index, b = (uint32_t)(index >> 32), c = (uint32_t)row, d = (uint32_t)(row >> 32);
        uint32_t k0 = key0, k1 = key1;
        for (int round = 0; round < 10; round++) {
            uint64_t left = (uint64_t)0xD2511F53u * a, right = (uint64_t)0xCD9E8D57u * c;
            a = (uint32_t)(right >> 32) ^ b ^ k0;
            b = (uint32_t)right;
            c = (uint32_t)(left >> 32) ^ d ^ k1;
            d = (uint32_t)left;
            k0 += 0x9E3779B9u;
            k1 += 0xBB67AE85u;
        }
        bits[i] = ((uint64_t)b << 32 | a) >> 11;
    }
}

static void dropout(const struct nl_run *run, const struct nl_dropout *op, const void *from, void *to)
{
    size_t count = (size_t)run->samples * op->count;
    for (int r = 0; r < run->replicas; r++) {
        size_t at = (size_t)r * run->stride;
        const float *x = NL_AT(from, at);
        float *y = NL_AT(to, at);
        const uint32_t *key = NL_AT(op->key, at);
        const struct nl_hyper *hyper = NL_AT(op->hyper, at);
        if (run->statistics != NL_STATS_TRAIN || !(hyper->dropout > 0)) {
            memmove(y, x, count * sizeof *y);
            continue;
        }
        uint64_t threshold = threshold_of(hyper->dropout);
        float scale = (float)(1.0 / (1.0 - hyper->dropout));
        for (size_t first = 0; first < count; first += DRAWN) {
            uint64_t bits[DRAWN];
            size_t left = count - first < DRAWN ? count - first : DRAWN;
            draw(key, (uint64_t)run->step, first, bits);
            NL_PARALLEL
            for (size_t i = 0; i < left; i++)
                y[first + i] = bits[i] >= threshold ? x[first + i] * scale : 0.0f;
        }
    }
}

void nl_cpu_dropout_forward(const struct nl_run *run, const struct nl_dropout *op)
{
    dropout(run, op, op->x, op->y);
}

void nl_cpu_dropout_backward(const struct nl_run *run, const struct nl_dropout *op)
{
    dropout(run, op, op->dy, op->dx);
}
