/* Softmax cross-entropy. The exponentials are float; their sum and what follows is double, so that a confident right answer
 * keeps a loss and a gradient instead of rounding to zero. */
#include <math.h>

#include "backend/cpu/cpu.h"
#include "backend/cpu/elementary.h"

NL_CLONES
static void powers(size_t count, const float *restrict logits, float largest, float *restrict out)
{
    for (size_t k = 0; k < count; k++)
        out[k] = nl_exp(logits[k] - largest);
}

void nl_cpu_loss(const struct nl_run *run, const struct nl_loss *op)
{
    size_t classes = (size_t)op->classes;
    float *power = nl_cpu_scratch(classes * sizeof *power); /* (K) exp(logit - largest) */
    for (int r = 0; r < run->replicas; r++) {
        size_t at = (size_t)r * run->stride;
        const float *logits = NL_AT(op->logits, at); /* (N, K) */
        const int32_t *labels = NL_AT(op->labels, at);
        double *sums = NL_AT(op->sums, at);
        float *dlogits = NL_AT(op->dlogits, at);
        for (int n = 0; n < run->samples; n++, logits += classes) {
            size_t label = (size_t)labels[n], best = 0;
            for (size_t k = 1; k < classes; k++)
                if (logits[k] > logits[best] || isnan(logits[k]))
                    best = k;
            double sum = 0.0;
            powers(classes, logits, logits[best], power);
            for (size_t k = 0; k < classes; k++)
                sum += power[k];
            sums[0] += log(sum) + ((double)logits[best] - logits[label]);
            sums[1] += best == label && !isnan(logits[best]);
            if (!dlogits)
                continue;
            for (size_t k = 0; k < classes; k++)
                dlogits[k] = (float)((power[k] / sum - (k == label)) / run->samples);
            dlogits += classes;
        }
    }
}
