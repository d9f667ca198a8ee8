/* What is kept of a finished trial, in memory and as a file.
 *
 * The file is text:  a head line with the format's version, the identity in comment lines, "key value" lines, the rows
 * of the curve, those of tensors that were observed, and in the last line the SHA-256 of all before it (base/seal.h).
 * Numbers are written so that they read back to the same bits.
 */
#ifndef NL_SWEEP_RECORD_H
#define NL_SWEEP_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "sweep/metrics.h"
#include "train/train.h"

struct nl_record {
    bool present;           /* false: this trial has not been run yet */
    bool failed;            /* it could not be run (status "error"): no result, and message says why */
    char *message;
    enum nl_status status;
    int64_t failed_step, steps, samples, left_out, parameters;
    double epochs;
    struct nl_score score[NL_PARTS][NL_EVALS];
    bool calibrated; /* whether that is known: a record of an earlier version does not say it */
    struct nl_calibration calibration;
    int rows;
    char *curve; /* rows of curves.csv from the column `step` on, each ended by a newline; never NULL if present */
    struct nl_metrics metrics; /* what log.tensors asked for when it was run, and what was measured before */
    double seconds;
    int64_t memory, started; /* bytes of the arena; Unix time */
    int worker;
    char *taken; /* another sweep trained it: the folder it was taken from, and the builds of the program that may have
                    trained it (sweep/reuse.h), on one line; its time is then unknown, NAN. NULL: it was trained here */
};

/* How a trial ended: as the training says (enum nl_status), or it could not be run. */
enum { NL_ERROR = NL_DEAD + 1, NL_OUTCOMES };
extern const char
    *const nl_outcome_names[]; /* as in trials.csv: "done", "diverged", "dead", "error"; NULL at the end */
extern const char *const nl_outcome_titles[]; /* as a reader is told: "at chance" for dead */

int nl_record_outcome(const struct nl_record *record); /* of a present one */
const char *nl_record_status(const struct nl_record *record); /* its name; "" while not present */

/* Takes over what the trainer found. */
void nl_record_from_result(struct nl_record *record, const struct nl_trial_result *result);

/* id and identity: the trial's (sweep/grid.h). New string. */
char *nl_record_text(const struct nl_record *record, const char *id, const char *identity);

/* Whether two records say the same of a trial, as far as both say it. Time, worker and memory are the machine's, not
 * the trial's. */
bool nl_records_agree(const struct nl_record *a, const struct nl_record *b);

/* Takes over what only `other` has measured, where both are of the same training; and the time of `other`, if it was
 * trained here and the record was taken. */
void nl_record_join(struct nl_record *record, const struct nl_record *other);

/* NL_FAIL: the text is not a whole, undamaged record of trial id. */
int nl_record_parse(struct nl_record *record, const char *text, size_t length, const char *id, struct nl_error *err);

void nl_record_release(struct nl_record *record);
void nl_records_release(struct nl_record *record, int count); /* and frees the array */

#endif
