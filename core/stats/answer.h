/* The answer of an experiment: what was measured, with intervals, and no more than that.
 *
 * One question a sweep (sweep.question, config/questions.def), one file a question: question_WORD.c. Each adds its
 * claims, which are judged together (stats/claim.h), and its sentences.
 */
#ifndef NL_STATS_ANSWER_H
#define NL_STATS_ANSWER_H

#include "base/memory.h"
#include "stats/claim.h"

struct nl_answer {
    enum nl_question question;
    double level;                 /* plot.level */
    int planned, missing, failed; /* trials */
    struct nl_claim *claim;
    int claims, capacity;
    int tests; /* of the family that p-values are adjusted over */
    /* Lines, each ended by a newline. */
    struct nl_text incomplete; /* what is missing; empty: nothing is */
    struct nl_text headline;   /* the sentence that stands alone */
    struct nl_text evidence;   /* indented */
    struct nl_text notes;      /* how it was judged */
};

/* The answer of results to sweep.question. */
void nl_answer_make(const struct nl_results *results, const struct nl_experiment *experiment, struct nl_answer *out);
void nl_answer_release(struct nl_answer *answer);

/* What is missing, the sentence that stands alone, its evidence; with `notes`, these too. New string. */
char *nl_answer_text(const struct nl_answer *answer, bool notes);
/* {"question": ..., "claims": [...], ...}; every line but the first after `indent` spaces. */
void nl_answer_json(struct nl_text *out, const struct nl_answer *answer, int indent);

/* ---- for the questions ---- */

#define QUESTION(name, word, what, help, sentence)                                                                     \
    void nl_ask_##word(struct nl_answer *answer, const struct nl_results *results,                                     \
                       const struct nl_experiment *experiment);
#include "config/questions.def"
#undef QUESTION

/* A further claim; valid until the next one. Takes no strings over. against may be NULL. */
struct nl_claim *nl_answer_claim(struct nl_answer *answer, const char *method, const char *against,
                                 const char *statement, enum nl_finding expected);

/* Calls pair for what is compared of so many cells, by their places: each cell with its counterpart in sweep.baseline,
 * or, where there is no baseline and there are at most `most` cells, each with all before it. */
void nl_answer_pairs(const struct nl_results *results, const struct nl_experiment *experiment,
                     const struct nl_cell *(*cell_at)(const void *context, int place), int count, int most,
                     void (*pair)(void *context, int place, int against), void *context);

/* Counts failed runs of both sides into the claim. */
void nl_claim_sides(struct nl_claim *claim, const struct nl_cell *first, const struct nl_cell *second);

/* Whether two means of the same kind are equal but for rounding: neither is the better one. */
bool nl_tied(double a, double b);
/* "+67.3 points (95 % CI 60.7 to 74.0)"; below two values "(one seed, no interval)". by: "67.3 points more" needs no
 * sign. */
void nl_say_effect(struct nl_text *out, const struct nl_claim *claim, double level, bool sign);
/* ", p = 0.012 (difference), p = 0.3 (at least 2 points), 8 pairs": the tests that were made, named; then failed runs
 * where there are any: "; failed runs: 3 of 8 at 2, 0 of 8 at 64". names: of the sides; NULL: "with BN", "with no
 * norm", as the claim calls them. */
int nl_claims_apart(const struct nl_answer *answer);                     /* how many compare runs that are no pairs */
void nl_say_runs(struct nl_text *out, const struct nl_estimate *effect); /* ", 5 pairs" */
void nl_say_proof(struct nl_text *out, const struct nl_claim *claim, const char *const names[2]);
/* The tests alone. */
void nl_say_tests(struct nl_text *out, const struct nl_claim *claim);
/* What of a difference that was found is open: ": there is a difference; whether it reaches 2 points is open"; nothing
 * where it reaches them. */
void nl_say_reach(struct nl_text *out, const struct nl_claim *claim);
/* What a claim finds: ": the same within 1.5 points", ": inconclusive, saturated", ": a difference, supported", or
 * nl_say_reach. */
void nl_say_found(struct nl_text *out, const struct nl_claim *claim);
/* Into the headline, of so many claims from the first on: "Of 7 paired comparisons with the baseline, 4 show a
 * difference of at least 2 points, 1 shows none within 1.5 points, 2 are inconclusive." */
void nl_say_comparisons(struct nl_answer *answer, int first, int count, const struct nl_experiment *experiment,
                        const struct nl_rule *rule, const char *unit);
/* "Failed runs: 3 of 40 (1 diverged, 2 at chance, 0 ended with an error)." */
void nl_say_failures(struct nl_text *out, const struct nl_failures *failures);
void nl_say_p(struct nl_text *out, double p); /* "p < 0.001", "p = 0.012" */
/* "12.3" of a share in percent, "0.0123" of a loss. */
void nl_say_number(struct nl_text *out, double scaled, bool percent, bool sign);
void nl_say_value(struct nl_text *out, double value, const struct nl_measure *measure); /* "2.31 %" */
/* "2.1 to 3.4" of the mean of a measure; nothing where there is no interval. */
void nl_say_interval_of(struct nl_text *out, const struct nl_estimate *mean, const struct nl_measure *measure);
/* What kind of interval nl_cell_mean gives to the mean of so many seeds: "t, corrected for overlapping splits". */
void nl_say_interval(struct nl_text *out, const struct nl_config *config, const struct nl_metric_column *metric,
                     int seeds);
/* The separator before item `index` of `count` of a list in words: "a", "a and b", "a, b and c". */
void nl_say_comma(struct nl_text *out, int index, int count);
/* Names as such a list, with semicolons where a name has a comma itself; more than NL_NAMED are counted: "9 methods",
 * by their noun. */
enum { NL_NAMED = 6 };
/* More methods than this are many: answers and tables have a line for each, in order of its change, and compare each
 * with its baseline alone. */
enum { NL_MANY = 8 };
/* The places 0 .. count - 1 in order of key, from large to small; those without a number last; equal ones as they
 * are. */
void nl_order_down(const double *key, int count, int *order);
void nl_say_names(struct nl_text *out, const char *const *name, int count, const char *noun);
/* "p is that of the paired t test, times the 5 comparisons (Bonferroni); it is significant below 0.05." */
void nl_say_family(struct nl_answer *answer, const char *test, const struct nl_rule *rule);
/* "3.2 to 61.4", or "3.2" where both ends read alike. They are taken over. */
void nl_say_range(struct nl_text *out, char *low, char *high);
/* The note on p-values and intervals; none where nothing was tested. */
void nl_say_rule(struct nl_answer *answer, const struct nl_rule *rule);
/* Notes on how the seeds share data, for an answer about `metric`: overlapping splits, or one part for all. */
void nl_say_parts(struct nl_answer *answer, const struct nl_metric_column *metric, double level);

#endif
