/* Softmax cross-entropy. No node of a graph: what forward ends with, and backward begins with. */
#include "operation/loss.h"

#include "operation/reference.h"

static void forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_loss *op = arguments;
    int classes = op->classes;
    for (int r = 0; r < run->replicas; r++) {
        const real *logits = nl_in_replica(run, op->logits, r); /* (N, K) */
        const int32_t *labels = nl_in_replica(run, op->labels, r);
        double *sums = nl_in_replica(run, op->sums, r);
        real *dlogits = nl_in_replica(run, op->dlogits, r);
        for (int n = 0; n < run->samples; n++, logits += classes) {
            int best = 0;
            accumulator largest = logits[0], sum = 0;
            for (int k = 1; k < classes; k++)
                if (real_part(logits[k]) > real_part(largest) || isnan(real_part(logits[k])))
                    largest = logits[best = k];
            for (int k = 0; k < classes; k++)
                sum += exp(logits[k] - largest);
            sums[0] += real_part(log(sum) + largest - logits[labels[n]]);
            sums[1] += best == labels[n] && !isnan(real_part(largest));
            for (int k = 0; dlogits && k < classes; k++)
                dlogits[(size_t)n * classes + k] = (exp(logits[k] - largest) / sum - (k == labels[n])) / run->samples;
        }
    }
}

NL_KERNEL(loss) = {.forward = forward};

NL_OPERATION(loss) = {
    .name = "loss",
    .arguments = sizeof(struct nl_loss),
    .reference = NL_REFERENCES(loss),
};
