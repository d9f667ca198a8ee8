/* Softmax cross-entropy, sixteen samples side by side. The exponentials are float; their sum and what follows is
 * double, so that a confident right answer keeps a loss and a gradient instead of rounding to zero. */
#include <string.h>

#include "backend/cpu/cpu.h"
#include "backend/cpu/elementary.h"
#include "operation/cross_entropy.h"

enum { FOUR = 4, EIGHT = 8, SIXTEEN = 16 }; /* samples side by side; a single one is alone */

/* What comes out for each sample. */
struct outcome {
    double loss[SIXTEEN];
    int32_t right[SIXTEEN];
};

/* logits(classes, lanes) become their gradient, times share. smoothing: train.label_smoothing. */
NL_INLINE void softmax_gradient(size_t lanes, size_t classes, float *restrict logits, const int32_t *restrict labels,
                                double share, double smoothing, struct outcome *restrict out)
{
    float largest[SIXTEEN], labelled[SIXTEEN];
    int32_t best[SIXTEEN];
    double sum[SIXTEEN], of_logits[SIXTEEN] = {0}, each = smoothing > 0 ? smoothing / (double)classes : 0;
    NL_ROLLED
    for (size_t i = 0; i < lanes; i++) {
        largest[i] = labelled[i] = logits[i];
        best[i] = 0;
        sum[i] = 0.0;
    }
    for (size_t k = 1; k < classes; k++)
        NL_ROLLED
        for (size_t i = 0; i < lanes; i++) {
            float logit = logits[k * lanes + i];
            bool better = !(logit <= largest[i]) && largest[i] == largest[i]; /* a NaN is, and stays */
            largest[i] = better ? logit : largest[i];
            best[i] = better ? (int32_t)k : best[i];
            labelled[i] = (int32_t)k == labels[i] ? logit : labelled[i];
        }
    for (size_t k = 0; smoothing > 0 && k < classes; k++)
        NL_ROLLED
        for (size_t i = 0; i < lanes; i++)
            of_logits[i] += (double)logits[k * lanes + i];
    for (size_t k = 0; k < classes; k++)
        NL_ROLLED
        for (size_t i = 0; i < lanes; i++)
            logits[k * lanes + i] = nl_exp(logits[k * lanes + i] - largest[i]);
    for (size_t k = 0; k < classes; k++)
        NL_ROLLED
        for (size_t i = 0; i < lanes; i++)
            sum[i] += (double)logits[k * lanes + i];
    NL_ROLLED
    for (size_t i = 0; i < lanes; i++) {
        out->loss[i] = nl_log(sum[i]) + ((double)largest[i] - (double)labelled[i]);
        out->right[i] = best[i] == labels[i] && largest[i] == largest[i];
        sum[i] = 1.0 / sum[i];
    }
    if (smoothing > 0)
        NL_ROLLED
        for (size_t i = 0; i < lanes; i++)
            out->loss[i] += smoothing * ((double)labelled[i] - of_logits[i] / (double)classes);
    for (size_t k = 0; k < classes; k++)
        NL_ROLLED
        for (size_t i = 0; i < lanes; i++) {
            double wanted = (int32_t)k == labels[i] ? 1.0 - smoothing + each : each;
            logits[k * lanes + i] = (float)(((double)logits[k * lanes + i] * sum[i] - wanted) * share);
        }
}

/* None is a constant, so that it costs nothing. */
NL_INLINE void with_smoothing(size_t lanes, size_t classes, float *logits, const int32_t *labels, double share,
                              double smoothing, struct outcome *out)
{
    if (smoothing > 0)
        softmax_gradient(lanes, classes, logits, labels, share, smoothing, out);
    else
        softmax_gradient(lanes, classes, logits, labels, share, 0, out);
}

NL_CLONES
static void one(size_t classes, float *logits, const int32_t *labels, double share, double smoothing,
                struct outcome *out)
{
    with_smoothing(1, classes, logits, labels, share, smoothing, out);
}

NL_CLONES
static void four(size_t classes, float *logits, const int32_t *labels, double share, double smoothing,
                 struct outcome *out)
{
    with_smoothing(FOUR, classes, logits, labels, share, smoothing, out);
}

NL_CLONES
static void eight(size_t classes, float *logits, const int32_t *labels, double share, double smoothing,
                  struct outcome *out)
{
    with_smoothing(EIGHT, classes, logits, labels, share, smoothing, out);
}

NL_CLONES
static void sixteen(size_t classes, float *logits, const int32_t *labels, double share, double smoothing,
                    struct outcome *out)
{
    with_smoothing(SIXTEEN, classes, logits, labels, share, smoothing, out);
}

/* Rows of classes that all count. block: (K, SIXTEEN) */
static void sum_rows(size_t rows, size_t classes, const float *logits, const int32_t *labels, double share,
                     double smoothing, float *dlogits, float *block, struct nl_loss_sums *sums)
{
    for (size_t n = 0, count; n < rows; n += count) {
        size_t rest = rows - n, lanes = rest == 1 ? 1 : rest <= FOUR ? FOUR : rest <= EIGHT ? EIGHT : SIXTEEN;
        count = rest < lanes ? rest : lanes;
        int32_t label[SIXTEEN] = {0};
        struct outcome outcome;
        memcpy(label, labels + n, count * sizeof *label);
        if (count < lanes)
            memset(block, 0, classes * lanes * sizeof *block);
        nl_cpu_transpose(count, classes, logits + n * classes, classes, block, lanes);
        (lanes == 1       ? one
         : lanes == FOUR  ? four
         : lanes == EIGHT ? eight
                          : sixteen)(classes, block, label, share, smoothing, &outcome);
        for (size_t i = 0; i < count; i++) {
            sums->loss += outcome.loss[i];
            sums->correct += outcome.right[i];
        }
        if (dlogits)
            nl_cpu_transpose(classes, count, block, lanes, dlogits + n * classes, classes);
    }
}

static void cross_entropy(const struct nl_run *run, const void *arguments)
{
    const struct nl_cross_entropy *op = arguments;
    size_t classes = (size_t)op->classes;
    float *block = nl_cpu_scratch(classes * SIXTEEN * sizeof *block);
    const float *logits = op->logits; /* (N, S, K) */
    const int32_t *labels = op->labels, *lengths = op->lengths;
    float *dlogits = op->dlogits;
    struct nl_loss_sums *sums = run->sums;
    double counted = nl_counted(lengths, run->samples, op->positions);
    sums->counted += counted;
    double share = 1.0 / counted, smoothing = nl_smoothing(op->hyper, run->statistics);
    /* Without lengths all positions of all samples are as those of one. */
    int samples = lengths ? run->samples : 1, positions = lengths ? op->positions : run->samples * op->positions;
    for (int n = 0; n < samples; n++) {
        size_t first = (size_t)n * (size_t)positions, length = (size_t)nl_length_of(lengths, n, positions);
        float *to = dlogits ? dlogits + first * classes : NULL;
        sum_rows(length, classes, logits + first * classes, labels + first, share, smoothing, to, block, sums);
        if (to)
            memset(to + length * classes, 0, ((size_t)positions - length) * classes * sizeof *to);
    }
}

NL_CPU_KERNEL(cross_entropy) = {.forward = cross_entropy};
