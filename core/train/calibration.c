/* Ranks labels among logits, and compares confidences with accuracies. */
#include "train/calibration.h"

#include <math.h>

#include "base/clones.h"
#include "base/elementary.h"

/* How many logits count as larger than the label's. */
NL_CLONES
static int rank_of(const double *logits, int classes, int label)
{
    double own = logits[label];
    int rank = 0;
    for (int k = 0; k < label; k++)
        rank += logits[k] >= own;
    for (int k = label + 1; k < classes; k++)
        rank += logits[k] > own;
    return rank;
}

/* NaN where a logit is. */
static double largest_of(const double *logits, int classes)
{
    double largest = logits[0];
    for (int k = 1; k < classes; k++)
        if (logits[k] > largest || isnan(logits[k]))
            largest = logits[k];
    return largest;
}

/* The largest probability of softmax. */
NL_CLONES
static double confidence_of(const double *logits, int classes, double largest)
{
    enum { AT_ONCE = 64 };
    double sum = 0, power[AT_ONCE];
    for (int first = 0; first < classes; first += AT_ONCE) {
        int count = classes - first < AT_ONCE ? classes - first : AT_ONCE;
        for (int k = 0; k < count; k++)
            power[k] = nl_exp_below(logits[first + k] - largest);
        for (int k = 0; k < count; k++)
            sum += power[k];
    }
    return 1.0 / sum;
}

/* The bin whose lower edge is below the confidence, and whose upper edge is not. */
static int bin_of(double confidence)
{
    int bin = (int)(confidence * NL_CONFIDENCE_BINS);
    bin = bin < NL_CONFIDENCE_BINS ? bin : NL_CONFIDENCE_BINS - 1;
    while (bin > 0 && confidence <= (double)bin / NL_CONFIDENCE_BINS)
        bin--;
    while (bin < NL_CONFIDENCE_BINS - 1 && confidence > (bin + 1.0) / NL_CONFIDENCE_BINS)
        bin++;
    return bin;
}

void nl_calibration_add(struct nl_calibration_sums *sums, const double *logits, int classes, int label)
{
    double largest = largest_of(logits, classes), confidence = confidence_of(logits, classes, largest);
    int rank = isnan(largest) ? classes : rank_of(logits, classes, label);
    sums->classes = classes;
    sums->counted++;
    sums->misses += rank >= NL_TOP;
    if (isnan(confidence)) {
        sums->undefined = true;
        return;
    }
    struct nl_confidence_bin *bin = &sums->bin[bin_of(confidence)];
    bin->right += rank == 0;
    bin->confidence += confidence;
}

struct nl_calibration nl_calibration_of(const struct nl_calibration_sums *sums)
{
    double apart = 0;
    for (int i = 0; i < NL_CONFIDENCE_BINS; i++)
        apart += fabs(sums->bin[i].right - sums->bin[i].confidence);
    return (struct nl_calibration){.top5_error = sums->classes > NL_TOP ? sums->misses / sums->counted : NAN,
                                   .ece = sums->classes > 0 && !sums->undefined ? apart / sums->counted : NAN};
}

static void read_sample(void *context, const struct nl_sample_outputs *sample)
{
    struct nl_calibration_sums *sums = context;
    for (int position = 0; position < sample->counted && sample->labels; position++)
        nl_calibration_add(&sums[sample->replica], sample->outputs + (size_t)position * (size_t)sample->width,
                           sample->width, sample->labels[position]);
}

struct nl_output_reader nl_calibration_reader(struct nl_calibration_sums *sums)
{
    return (struct nl_output_reader){read_sample, sums};
}
