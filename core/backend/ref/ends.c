/* The two ends of a step: gathering a batch, and the loss. */
#include "backend/ref/ref.h"
#include "data/data.h"
#include "operation/gather.h"
#include "operation/cross_entropy.h"

static void gather_rows(const struct nl_run *run, const struct nl_rows *rows, const int32_t *index, int r)
{
    const int32_t *of = nl_in_replica(run, rows->of, r);
    int32_t *to = nl_in_replica(run, rows->to, r);
    for (int n = 0; n < run->samples; n++)
        for (int i = 0; i < rows->width; i++)
            *to++ = of[(size_t)index[n] * rows->width + i];
}

void NL_REFERENCE(gather)(const struct nl_run *run, const void *arguments)
{
    const struct nl_gather *op = arguments;
    int height = op->height, width = op->width, channels = op->channels;
    for (int r = 0; r < run->replicas; r++) {
        const float *table = nl_in_replica(run, op->table, r);                                             /* (C, 256) */
        const double *mean = nl_in_replica(run, op->mean, r), *scale = nl_in_replica(run, op->scale, r); /* (C) */
        const int32_t *index = nl_in_replica(run, op->index, r);
        const uint64_t *seed = nl_in_replica(run, op->seed, r);
        real *x = nl_in_replica(run, op->x, r); /* (N, H, W, C) */
        for (int i = 0; i < op->rows; i++)
            gather_rows(run, &op->row[i], index, r);
        for (int n = 0; x && n < run->samples; n++) {
            struct nl_augmentation moved = {0, 0, 0};
            if (run->augment && (op->crop > 0 || op->flip))
                moved = nl_augment(*seed, run->epoch, index[n], op->crop, op->flip);
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

void NL_REFERENCE(cross_entropy)(const struct nl_run *run, const void *arguments)
{
    const struct nl_cross_entropy *op = arguments;
    int classes = op->classes;
    for (int r = 0; r < run->replicas; r++) {
        const real *logits = nl_in_replica(run, op->logits, r); /* (N, S, K) */
        const int32_t *labels = nl_in_replica(run, op->labels, r), *lengths = nl_in_replica(run, op->lengths, r);
        struct nl_loss_sums *sums = nl_in_replica(run, run->sums, r);
        real *dlogits = nl_in_replica(run, op->dlogits, r);
        double counted = nl_counted(lengths, run->samples, op->positions);
        sums->counted += counted;
        for (int row = 0; row < run->samples * op->positions; row++, logits += classes) {
            bool counts = row % op->positions < nl_length_of(lengths, row / op->positions, op->positions);
            int best = 0;
            accumulator largest = logits[0], sum = 0;
            for (int k = 1; k < classes; k++)
                if (real_part(logits[k]) > real_part(largest) || isnan(real_part(logits[k])))
                    largest = logits[best = k];
            for (int k = 0; k < classes; k++)
                sum += exp(logits[k] - largest);
            if (counts) {
                sums->loss += real_part(log(sum) + largest - logits[labels[row]]);
                sums->correct += best == labels[row] && !isnan(real_part(largest));
            }
            for (int k = 0; dlogits && k < classes; k++)
                dlogits[(size_t)row * classes + k] = counts ? (exp(logits[k] - largest) / sum - (k == labels[row])) / counted : 0;
        }
    }
}
