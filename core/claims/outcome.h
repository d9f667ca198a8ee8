/* The outcome of a published claim: its parts judged, its controls judged by the same code, and a verdict.
 *
 *     reproduced         every part holds
 *     partly reproduced  some parts hold, and of no other the opposite is found
 *     contradicted       of a part the opposite is found, and so it is under every objection that the file lists, of
 *                        which there is one at least, but for identities
 *     not found here     no part holds and none is open; and so it is under every objection
 *     inconclusive       neither is sure; or a control held, which must not; or an objection changes the outcome
 *     waiting            it cannot be measured yet: the file says what for
 *     not testable here  something is missing on this machine: a data set
 *     incomplete         trials are missing: no verdict
 *
 * A part is a claim of the statistics (stats/claim.h), judged there, all parts as one family. What is tested is the
 * side of the threshold that the effect lies on. A difference holds where the whole interval lies beyond the smallest
 * effect, and is false where the whole interval stays below it; sameness holds by two one-sided tests, and is false
 * where the whole interval lies beyond the margin. So of a true effect just below the threshold at most one claim in
 * twenty (at 95 %) is called reproduced, of one just above it at most one contradicted.
 *
 * Where a part compares the best runs along a key, each side has a value of its own. What comes out with one value for
 * all sides is judged too, in a family of its own, and said beside the part. The verdict does not depend on it.
 *
 * What is found of a part (enum nl_part_finding) tells apart why it does not hold. Where all seeds share one test part,
 * what is found must survive another one as well: the interval of a difference is widened by what that could move.
 *
 * A claim that hinges on a value (published.h) is judged at each of them, all parts at all values as one family, the
 * others by seeds that the protocol does not use. A part holds where it holds at one value, and the outcome says at
 * which; the opposite is found where it is found at every one. The claim is reproduced where there is a value at which
 * all parts hold.
 *
 * Controls must not hold: of the first part with a smallest effect, the same cells with other seeds in place of what it
 * is compared with; of a sameness, one side trained with a handicap; of an identity, a disturbance.
 */
#ifndef NL_CLAIMS_OUTCOME_H
#define NL_CLAIMS_OUTCOME_H

#include "claims/reading.h"
#include "stats/claim.h"

enum nl_outcome_verdict {
    NL_REPRODUCED,
    NL_PARTLY_REPRODUCED,
    NL_CONTRADICTED,
    NL_NOT_FOUND_HERE,
    NL_UNDECIDED,
    NL_WAITING,
    NL_NOT_TESTABLE,
    NL_INCOMPLETE
};
extern const char *const nl_outcome_verdict_names[]; /* "reproduced", ..., in this order; ends with NULL */

/* What is found of a part. */
enum nl_part_finding {
    NL_PART_HOLDS,
    NL_PART_HOLDS_HERE, /* on this test part; another one could take it below the threshold */
    NL_PART_OPPOSITE,   /* the interval lies beyond the smallest effect on the other side; of a sameness or an identity,
                           it is broken */
    NL_PART_EQUIVALENT, /* it lies within the smallest effect to both sides */
    NL_PART_NOT_FOUND,  /* it lies below the smallest effect */
    NL_PART_NO_ROOM,    /* the smallest effect is larger than what the other side leaves to the end of the scale */
    NL_PART_OPEN,
    NL_PART_FINDINGS
};
struct nl_part_finding_row {
    const char *name;       /* "opposite": in JSON */
    const char *state;      /* "the opposite is found": behind the numbers of a part */
    const char *only;       /* "Its only part ..." */
    const char *one, *more; /* "part 2 ...", "parts 2 and 3 ..." */
};
extern const struct nl_part_finding_row nl_part_findings[NL_PART_FINDINGS];

/* A part, or a control of it, or the part at another value of the claim's hinge, or at one value of the key along which
 * it takes the best, as it came out. */
struct nl_judged {
    const struct nl_published_part *part;
    const struct nl_match *cell; /* [NL_SIDES]: the part's, or those that name another value of the hinge */
    struct nl_claim
        claim; /* effect, interval, p, pairs, failed runs, obstacle; verdict: NL_SUPPORTED: it holds, NL_NOT_SUPPORTED:
                  it is false. Of a ratio, effect is one. Of an identity it has the verdict and the obstacle alone */
    enum nl_part_finding finding;    /* of a part, and of what is judged beside it but for controls */
    enum nl_part_finding over_hinge; /* of a part: over all values of the hinge; where it has none, as finding */
    /* In the numbers that are judged (of ratios logarithms): the interval, how far another test part could move its
       ends, and the smallest effect; what is left to the end of the scale, NaN: it has none. */
    double lower, upper, moved, smallest, room;
    double deviation;       /* of an identity: the largest; else NaN */
    const char *control;    /* what makes it one that must not hold; NULL: it is a part */
    const char *at;         /* "4": the value of the claim's hinge; NULL: the one that the protocol has */
    char *same;             /* "0.1": the value that serves all sides best, which all have here; NULL: not so */
    char *decides;          /* where it is open: what would decide it; else NULL */
};

/* Whether the claim was written down before its first trial was run. */
enum nl_declared {
    NL_DECLARED,
    NL_DECLARED_OTHERWISE, /* it was changed after that */
    NL_NOT_DECLARED,
    NL_NOTHING_RUN /* it needs no trials, or there are none */
};

/* An objection that was tried. */
struct nl_tried {
    const char *says;
    enum nl_outcome_verdict verdict;
};

struct nl_outcome {
    char *name; /* of the file, without its ending */
    const struct nl_published *published;
    bool quick; /* by the quick protocol */
    enum nl_outcome_verdict verdict;
    struct nl_text reason; /* sentences: why it is no other verdict, and what would decide it */
    double level;
    int tests;                    /* of the family of parts */
    int planned, missing;         /* trials of the claim's own sweep */
    struct nl_failures failures;  /* among them */
    int parts, hinged, controls, sames, tries;
    struct nl_judged *part, *control, *same;
    int64_t hinge_seed;      /* the first one that the other values of the hinge are run with */
    int hinge_seeds;         /* and how many */
    struct nl_judged *hinge; /* [hinged]: of each part that needs runs, at each other value of the hinge */
    struct nl_tried *tried;
    enum nl_declared declared;
    bool one_part; /* the seeds share the part that is evaluated: what is said holds on it */
    bool hinge_one_part; /* those of the other values of the hinge do, too */
};

/* What a claim is judged from. */
struct nl_claim_evidence {
    struct nl_evidence main;             /* results NULL: no part needs runs */
    const struct nl_evidence *control;   /* [parts]: the runs of each part's control; results NULL: it needs none */
    const struct nl_evidence *hinge; /* one for each other value of the hinge; NULL: it has none, or it is not asked */
};

/* Whether that part's control needs runs: of the first part with a smallest effect, of equivalences between two arms,
 * and of identities of two runs. */
bool nl_part_needs_control(const struct nl_published *published, int part);

/* Whether the part's control is a trained one with a handicap; of an equivalence of slopes a constant is added. */
bool nl_part_has_handicap(const struct nl_published_part *part);

/* Fills in parts, controls, sames, hinge, tests and verdict with its reason, as if nothing was missing and nobody
 * objected. NL_FAIL: a device cannot be used. */
int nl_outcome_judge(const struct nl_published *published, const struct nl_claim_evidence *evidence, double level,
                     bool exact, struct nl_outcome *out, struct nl_error *err);
void nl_outcome_release(struct nl_outcome *outcome);

/* ---- the verdict (verdict.c) ---- */

/* Whether the part has a side and a smallest effect: it is no sameness and no identity. */
bool nl_part_has_smallest(const struct nl_published_part *part);

/* What is found of a part whose claim is judged. */
enum nl_part_finding nl_part_find(const struct nl_judged *judged);

/* The verdict, and its reason, from findings and controls. */
void nl_outcome_conclude(struct nl_outcome *out);

/* "reproduced", where the parts differ with which of them, and with the values of the hinge that it is so at: "partly
 * reproduced (parts 1 and 3 of 4)", "reproduced (at norm.stat_batch 4 and 8)"; new string. */
char *nl_outcome_title(const struct nl_outcome *outcome);

/* ---- words (text.c) ---- */

/* What makes of a part what is judged beside it: "at norm.stat_batch 4", "control, against itself with other seeds",
 * "with one train.lr for all (0.1, chosen by val_loss) in place of the best of each". */
void nl_say_beside(struct nl_text *out, const struct nl_outcome *outcome, const struct nl_judged *judged);

/* "norm.stat_batch": the name of the claim's hinge; of several keys all, or the last word that they share. */
void nl_say_hinge(struct nl_text *out, const struct nl_hinge *hinge);

/* What the claim hinges on, at which values it was judged besides, and by which seeds; nothing where it was not. */
void nl_say_hinged(struct nl_text *out, const struct nl_outcome *outcome);

/* What it means that the seeds share a test part: a sentence. */
void nl_say_one_part(struct nl_text *out, const struct nl_outcome *outcome);

/* "Failed runs: 48 of 48 (...)." and whether what is read of them depends on that. */
void nl_say_failed_runs(struct nl_text *out, const struct nl_outcome *outcome);

/* The numbers of a part or of what is judged beside it, and whether it holds: one line, ended by a newline. */
void nl_say_judged(struct nl_text *out, const struct nl_judged *judged, double level);

enum nl_outcome_format { NL_OUTCOME_TEXT, NL_OUTCOME_MARKDOWN, NL_OUTCOME_JSON };

/* All outcomes, in any of the formats; new string. */
char *nl_outcomes_text(const struct nl_outcome *outcome, int count, enum nl_outcome_format format);

#endif
