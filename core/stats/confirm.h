/* Whether what an answer found is found again by seeds that nobody has looked at.
 *
 * Of each finding one thing is asked on the new seeds alone: an effect on the side where it was, and of the smallest
 * size that counts if it was found to reach that; sameness within the margin. The p-values of all findings are adjusted
 * by Holm's procedure, so that at most one confirmation in twenty (at plot.level 0.95) repeats a finding that is false,
 * however many findings there are and however they were chosen.
 *
 * What is not repeated is not refuted: the chance of finding the effect again, if it is as large as it was found to be,
 * stands beside it. As effects are found where chance has made them large, the true chance is smaller.
 */
#ifndef NL_STATS_CONFIRM_H
#define NL_STATS_CONFIRM_H

#include "stats/answer.h"

enum nl_repeat {
    NL_REPEATED,
    NL_NOT_REPEATED,
    NL_REVERSED,   /* an effect is found on the other side; of a sameness, one that reaches the smallest effect */
    NL_NO_VERDICT, /* an obstacle: missing or failed runs, saturation, too few pairs */
    NL_REPEATS
};
extern const char *const nl_repeat_names[NL_REPEATS]; /* "repeated", ... */

struct nl_repeated {
    const struct nl_claim *first, *again; /* again NULL: the new answer makes no such claim */
    enum nl_asked asked;                  /* which of the tests of `again` it rests on */
    double p, adjusted;                   /* NaN: not tested */
    double power;                         /* chance that an effect as large as the first is found; NaN: not known */
    enum nl_repeat repeat;
};

struct nl_confirmation {
    int findings; /* of the first answer, */
    int open;     /* whose other claims found nothing, and are not asked again */
    struct nl_repeated *finding;
    double level;
};

/* Both answers are to the same question about the same methods, by other seeds; they outlive the confirmation. */
void nl_confirm(const struct nl_answer *first, const struct nl_answer *again, struct nl_confirmation *out);
void nl_confirmation_release(struct nl_confirmation *confirmation);

/* The sentence that stands alone, a line for each finding, and what "not repeated" means; new string. */
char *nl_confirmation_text(const struct nl_confirmation *confirmation);

/* {"findings": [...], ...}, ended by a newline; new string. */
char *nl_confirmation_json(const struct nl_confirmation *confirmation);

#endif
