/* The two ends of a step: gathering a batch, and the loss. */
#include "backend/ref/ref.h"
#include "data/data.h"
#include "operation/gather.h"
#include "operation/loss.h"

void NL_REFERENCE(gather)(const struct nl_run *run, const void *arguments)
{
    const struct nl_gather *op = arguments;
    int height = op->height, width = op->width, channels = op->channels;
    for (int r = 0; r < run->replicas; r++) {
        const float *table = nl_in_replica(run, op->table, r);                                             /* (C, 256) */
        const double *mean = nl_in_replica(run, op->mean, r), *scale = nl_in_replica(run, op->scale, r); /* (C) */
        const int32_t *index = nl_in_replica(run, op->index, r), *label_of = nl_in_replica(run, op->label_of, r);
        const uint64_t *seed = nl_in_replica(run, op->seed, r);
        real *x = nl_in_replica(run, op->x, r); /* (N, H, W, C) */
        int32_t *labels = nl_in_replica(run, op->labels, r);
        for (int n = 0; n < run->samples; n++) {
            struct nl_augmentation moved = {0, 0, 0};
            if (run->augment && (op->crop > 0 || op->flip))
                moved = nl_augment(*seed, run->epoch, index[n], op->crop, op->flip);
            labels[n] = label_of[index[n]];
            for (int i = 0; i < height; i++)
                for (int j = 0; j < width; j++)
                    for (int c = 0; c < channels; c++) {
                        int row = i + moved.dy, column = j + moved.dx;
                        bool out = row < 0 || row >= height || column < 0 || column >= width;
                        if (moved.flip)
                            column = width - 1 - column;
                        size_t at = (((size_t)index[n] * height + row) * width + column) * channels + c;
                        if (out)
                            *x++ = 0;
                        else
                            *x++ = (real)(op->pixels ? table[c * 256 + op->pixels[at]] : nl_standardized(op->values[at], mean[c], scale[c]));
                    }
        }
    }
}

void NL_REFERENCE(loss)(const struct nl_run *run, const void *arguments)
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
