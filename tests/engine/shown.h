/* The loss and the accuracy of what an evaluation shows its reader (train/evaluate.h), worked out anew from logits,
 * labels and lengths: softmax cross-entropy over the positions that count. */
#ifndef TESTS_SHOWN_H
#define TESTS_SHOWN_H

#include <math.h>

#include "train/evaluate.h"

/* Of one replica. It begins as zeros. */
struct shown {
    double loss, right, counted; /* sums */
    int samples;                 /* that came in their order; -1: one did not */
};

static inline void shown_add(void *context, const struct nl_sample_outputs *sample)
{
    struct shown *shown = (struct shown *)context + sample->replica;
    shown->samples = sample->place == shown->samples ? shown->samples + 1 : -1;
    for (int position = 0; position < sample->counted && sample->labels; position++) {
        const double *logits = sample->outputs + (size_t)position * (size_t)sample->width;
        int best = 0, label = sample->labels[position];
        double sum = 0;
        for (int k = 1; k < sample->width; k++)
            best = logits[k] > logits[best] ? k : best;
        for (int k = 0; k < sample->width; k++)
            sum += exp(logits[k] - logits[best]);
        shown->loss += log(sum) + logits[best] - logits[label];
        shown->right += best == label;
        shown->counted++;
    }
}

/* Who is told; shown: one for each replica. */
static inline struct nl_output_reader shown_reader(struct shown *shown)
{
    return (struct nl_output_reader){shown_add, shown};
}

/* Whether it is what was scored, of so many samples. bound: of the loss, relative. */
static inline bool shown_is_scored(const struct shown *shown, int samples, struct nl_score score, double bound)
{
    return shown->samples == samples && shown->counted > 0 &&
           fabs(shown->loss / shown->counted - score.loss) <= bound * (1 + score.loss) &&
           shown->right / shown->counted == score.accuracy;
}

#endif
