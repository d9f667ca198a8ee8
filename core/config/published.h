/* A published claim: the `claim` section of an experiment, which makes a claim file of it
 * (experiments/claims/README.md).
 *
 * What a paper says, where, with which figures; and its parts, each a number with a threshold that was written down
 * before anything was run. A part compares cells of the sweep seed by seed. Its kind follows from what it has:
 *
 *     difference    of - minus, at least `smallest`
 *     equivalence   of - minus, within `margin`
 *     interaction   (of - minus) - (less.of - less.minus)
 *     ordering      a chain of differences (each becomes a part)
 *     trend         the slope of `of` over log2 of the key `slope`
 *     identity      the largest deviation is at most `tolerance`: of two runs with the same seed, or of a formula
 *                   (nl_identity_names)
 */
#ifndef NL_CONFIG_PUBLISHED_H
#define NL_CONFIG_PUBLISHED_H

#include "base/hash.h"
#include "config/config.h"
#include "graph/quantities.h"

/* In this order core/claims/identity.c computes them. */
enum nl_identity {
    NL_NO_IDENTITY,
    NL_GN_IS_LN,
    NL_GN_IS_IN,
    NL_RMS_IS_LN,
    NL_BN_OF_ONE,
    NL_BN_SCALE,
    NL_BN_SHIFT,
    NL_BN_RUNNING,
    NL_BN_BATCHMATES,
    NL_FRN_BATCHMATES,
    NL_SYNC_IS_BN,
    NL_BRN_IS_BN,
    NL_DBN_WHITE,
    NL_WN_ORTHOGONAL,
    NL_SN_LARGEST,
    NL_BN_UNDO,
    NL_LN_BATCHMATES,
    NL_BN_FOLD,
};
extern const char *const nl_identity_names[]; /* from NL_GN_IS_LN on; ends with NULL */

/* What is read of the runs of one seed along a key, if there is one. */
enum nl_take {
    NL_TAKE_BEST,   /* the metric of the run that is best by another metric, of the validation part */
    NL_TAKE_USABLE, /* the largest usable learning rate (stats/rates.h); a ratio */
    NL_TAKE_WIDTH,  /* decades of the key around the best run within which the metric is within 5 points of it */
    NL_TAKE_FAILED, /* the share of runs that failed */
};
extern const char *const nl_take_names[];

/* Means are over all steps, over the first fifth of the training, or over what comes after that. */
enum nl_logged_step { NL_LAST_STEP, NL_FIRST_STEP, NL_MEAN_OF_STEPS, NL_EARLY_STEPS, NL_LATE_STEPS };
enum nl_read_tensors { NL_LAST_TENSOR, NL_MEAN_OF_TENSORS };

struct nl_reading {
    const char *metric[2];    /* columns of trials.csv: of the first and the second of two cells */
    double target;            /* not NaN: steps until the curve of the metric reaches it; a ratio */
    const char *tensor;       /* not NULL: in place of a metric, a quantity of tensors that this pattern of log.tensors
                                 names; means of those that are compared by their ratio are geometric ones */
    enum nl_read_tensors tensors; /* of those that it names */
    enum nl_quantity quantity;
    enum nl_logged_step step; /* of those that are logged */
    const struct nl_key *along; /* NULL: of one run */
    enum nl_take take;
    const char *by; /* of NL_TAKE_BEST, and of NL_TAKE_USABLE where it is not by training accuracy; else NULL */
};

/* That a run ended at chance says nothing of what is read of its first step. */
static inline bool nl_reads_first_step(const struct nl_reading *reading)
{
    return reading->tensor && reading->step == NL_FIRST_STEP;
}

enum nl_part_kind { NL_DIFFERENCE, NL_EQUIVALENCE, NL_INTERACTION, NL_ORDERING, NL_TREND, NL_IDENTITY };
extern const char *const nl_part_kind_names[];

enum { NL_SIDES = 4 };
extern const double nl_side_signs[NL_SIDES]; /* of - minus - less.of + less.minus */

struct nl_published_part {
    struct nl_origin origin;
    enum nl_part_kind kind;
    const char *says;
    int sides;                      /* 1 of a trend, 2, or 4; 0 of a formula */
    struct nl_match cell[NL_SIDES];
    struct nl_reading reading;
    const struct nl_key *slope;     /* of a trend */
    bool fewer;                     /* the effect is at most -smallest, or at most 1 / smallest where it is a ratio */
    double threshold; /* smallest effect or margin: points, nats, a ratio, decades, or no unit (of a mean). Tolerance:
                         in the metric's own unit */
    enum nl_identity identity;      /* of a formula, */
    enum nl_device_kind device;     /* and what computes it */
};

/* Overrides as on the command line. */
struct nl_settings {
    int count;
    const char **at; /* "train.epochs=5" */
};

/* What a claim hinges on: keys (that change together), each value of which may give another outcome. It is judged at
 * `here`, by the seeds of its protocol, and at each of the others, by seeds of their own. */
struct nl_hinge {
    struct nl_word_list key;    /* count 0: no hinge */
    const char *here;           /* as the protocol's file has it */
    struct nl_match place;      /* the same as a cell */
    struct nl_word_list values; /* others, in place of it */
    const char *source;         /* where the values are from */
};

/* Tried before a claim is called contradicted: other settings; or, always, other values of its hinge. */
struct nl_objection {
    const char *says;
    struct nl_settings set;
    struct nl_hinge hinge;
};

struct nl_published {
    struct nl_origin origin;
    const char *says, *source;
    const char *figures, *differs, *objection; /* NULL: not written */
    const char *waiting_for;                   /* not NULL: what must be there before it can be measured; no parts */
    int parts;
    struct nl_published_part *part;
    struct nl_settings control; /* of an identity of runs: with these the second one must deviate */
    struct nl_settings handicap; /* of an equivalence: with these its second arm must not be the same; none: it has a
                                    tenth of the training */
    int objections;
    struct nl_objection *tried; /* [objections] */
    struct nl_objection *hinge; /* the one with a hinge; NULL: none */
    bool has_quick;
    const char *quick_cost;
    struct nl_settings quick;
    const char *canonical; /* the section without comments and layout */
};

/* What is declared by the claim and the protocol under it, as a checksum: the section, and the experiment with its
 * overrides. */
void nl_published_hash(const struct nl_experiment *experiment, char hex[NL_HASH_HEX]);

#endif
