/* Calibration and top-5 errors: what the outputs of a classifier say beside loss and accuracy (struct nl_calibration in
 * train.h). All of it is summed on the host in double, with the same bits on every processor. */
#ifndef NL_TRAIN_CALIBRATION_H
#define NL_TRAIN_CALIBRATION_H

#include "train/evaluate.h"

enum { NL_CONFIDENCE_BINS = 15, NL_TOP = 5 };

/* Sums over positions. It begins as zeros. */
struct nl_calibration_sums {
    int classes;    /* 0: there was no label */
    double counted; /* positions, */
    double misses;  /* of which so many have a label that is not among the five largest logits */
    bool undefined; /* a confidence is NaN */
    struct nl_confidence_bin {
        double right, confidence; /* positions whose answer is right, and the sum of the confidences */
    } bin[NL_CONFIDENCE_BINS];
};

/* Adds one position. logits (classes). */
void nl_calibration_add(struct nl_calibration_sums *sums, const double *logits, int classes, int label);

struct nl_calibration nl_calibration_of(const struct nl_calibration_sums *sums);

/* Adds all positions that count to sums[replica] of each. */
struct nl_output_reader nl_calibration_reader(struct nl_calibration_sums *sums);

#endif
