/* A saved network, laid out to be scored: any part, any statistics, any batch, samples in any order. */
#ifndef NL_TRAIN_SCORER_H
#define NL_TRAIN_SCORER_H

#include "base/safetensors.h"
#include "graph/program.h"
#include "train/train.h"

/* In which order samples form batches. It matters to a batch's own statistics only.
 * shuffled: as training evaluates them; sorted: by class, so that most batches hold one (given, where samples have no
 * class); given: as in the data set. */
enum nl_sample_order { NL_ORDER_SHUFFLED, NL_ORDER_SORTED, NL_ORDER_GIVEN, NL_SAMPLE_ORDERS };
extern const char *const nl_sample_order_names[];

struct nl_scorer;

/* weights: a file's (train/weights.h), path its name for messages; they are copied. largest_batch: that will be asked
 * for. NL_FAIL, NULL: the weights do not fit the network, or memory. nl_data_check and nl_trial_check found the
 * configuration good. */
struct nl_scorer *nl_scorer_open(const struct nl_config *config, const struct nl_dataset *dataset,
                                 const struct nl_tensor_file *weights, const char *path, int largest_batch,
                                 struct nl_error *err);
void nl_scorer_free(struct nl_scorer *scorer);

int nl_scorer_samples(const struct nl_scorer *scorer, enum nl_part part); /* 0: there is no such part */

/* The shape of a part's outputs: (samples, K), or (samples, positions, K) where there is a target at each position.
 * Returns how many dimensions it has. */
int nl_scorer_outputs_shape(const struct nl_scorer *scorer, enum nl_part part, size_t shape[3]);

/* The type that the network computes with: NL_F64 of the backend ref, NL_F32 of all others. */
enum nl_dtype nl_scorer_outputs_type(const struct nl_scorer *scorer);

/* What is found of a part. */
struct nl_scored {
    struct nl_score score; /* means over the part */
    struct nl_calibration calibration;
};

/* Scores the whole part. batch: samples that share statistics with NL_EVAL_BATCH; a last smaller rest joins the group
 * before it. outputs: NULL, or room for what the network puts out, in the shape above. Its rows are the samples as the
 * part lists them (struct nl_split), whatever `order` says; after the end of a sequence they are NaN. NL_FAIL: the
 * device failed. */
int nl_scorer_score(struct nl_scorer *scorer, enum nl_part part, enum nl_eval eval, int batch,
                    enum nl_sample_order order, double *outputs, struct nl_scored *scored, struct nl_error *err);

/* ---- for times ---- */

/* The program of a pass with running statistics, and the samples that it has room for. */
const struct nl_program *nl_scorer_program(const struct nl_scorer *scorer);
int nl_scorer_room(const struct nl_scorer *scorer);

/* Seconds of so many passes over the first samples of a part, one after the other. by_instruction: NULL, or of each
 * instruction of the program, to which the time of its calls is added. */
double nl_scorer_time(const struct nl_scorer *scorer, enum nl_part part, int samples, int passes,
                      double *by_instruction);

/* NL_FAIL: the device failed since it was asked last, and times are none. */
int nl_scorer_status(const struct nl_scorer *scorer, struct nl_error *err);

#endif
