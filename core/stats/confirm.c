/* Matches the claims of two answers, tests those that found something once more, and says what came of it. */
#include "stats/confirm.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "stats/distribution.h"
#include "stats/power.h"

const char *const nl_repeat_names[NL_REPEATS] = {"repeated", "not repeated", "the opposite is found", "no verdict"};

/* ---- the same claim ---- */

static bool same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool is_same(const struct nl_claim *a, const struct nl_claim *b)
{
    return same_text(a->method, b->method) && same_text(a->against, b->against) &&
           same_text(a->statement, b->statement) && same_text(a->of, b->of);
}

/* How many claims before this one read like it. */
static int rank_of(const struct nl_answer *answer, const struct nl_claim *claim)
{
    int rank = 0;
    for (const struct nl_claim *other = answer->claim; other < claim; other++)
        rank += is_same(other, claim);
    return rank;
}

static const struct nl_claim *counterpart(const struct nl_answer *first, const struct nl_claim *claim,
                                          const struct nl_answer *again)
{
    int rank = rank_of(first, claim);
    for (int i = 0; i < again->claims; i++)
        if (is_same(&again->claim[i], claim) && rank-- == 0)
            return &again->claim[i];
    return NULL;
}

/* ---- tests ---- */

static bool is_effect(enum nl_finding finding)
{
    return finding == NL_FOUND_MORE || finding == NL_FOUND_LESS;
}

/* What is asked of the finding once more. */
static enum nl_asked asked_of(const struct nl_claim *first)
{
    if (first->finding == NL_FOUND_SAME)
        return NL_AGREES;
    return first->reach == NL_REACH_YES && first->test[NL_REACHES].name ? NL_REACHES : NL_DIFFERS;
}

/* The p-value that the effect lies on this side, and beyond the smallest one where that is asked; 1 where the estimate
 * does not. */
static double p_on_side(const struct nl_claim *again, enum nl_asked asked, enum nl_finding side)
{
    bool there = again->points == side && (asked != NL_REACHES || again->beyond);
    return there ? again->test[asked].p : 1.0;
}

static double p_of(const struct nl_repeated *repeated)
{
    const struct nl_claim *again = repeated->again;
    if (!again || again->obstacle || !again->test[repeated->asked].name)
        return NAN;
    return repeated->asked == NL_AGREES ? again->test[NL_AGREES].p
                                        : p_on_side(again, repeated->asked, repeated->first->finding);
}

/* Whether what is found now contradicts the finding, at a share of the risk. */
static bool is_reversed(const struct nl_repeated *repeated, double risk)
{
    const struct nl_claim *again = repeated->again;
    enum nl_finding side = repeated->first->finding == NL_FOUND_MORE ? NL_FOUND_LESS : NL_FOUND_MORE;
    if (is_effect(repeated->first->finding))
        return again->test[NL_DIFFERS].name && p_on_side(again, NL_DIFFERS, side) < risk;
    return again->test[NL_REACHES].name && p_on_side(again, NL_REACHES, again->points) < risk;
}

/* The first effect as it would be found with as many pairs as there are now. */
static double power_of(const struct nl_repeated *repeated, double alpha)
{
    const struct nl_claim *first = repeated->first, *again = repeated->again;
    const struct nl_estimate *effect = &first->effect;
    bool ratio = nl_is_ratio(first->unit);
    if (!again || again->effect.n < 2 || !(effect->se > 0.0) || !is_effect(first->finding))
        return NAN;
    double mean = fabs(ratio ? log(effect->mean) : effect->mean), smallest = repeated->asked == NL_DIFFERS ? 0.0
                                                                             : ratio ? log(first->smallest)
                                                                                     : first->smallest / first->scale;
    return nl_finding_chance(mean, smallest, nl_standard_error_at(effect, again->effect.n), again->effect.n - 1, alpha);
}

void nl_confirm(const struct nl_answer *first, const struct nl_answer *again, struct nl_confirmation *out)
{
    *out = (struct nl_confirmation){.level = first->level};
    out->finding = nl_alloc((size_t)first->claims + 1, sizeof *out->finding);
    double *p = nl_alloc((size_t)first->claims + 1, sizeof *p), risk = 1.0 - first->level;
    int tests = 0;
    for (int i = 0; i < first->claims; i++) {
        const struct nl_claim *claim = &first->claim[i];
        if (claim->finding == NL_FOUND_NOTHING) {
            out->open++;
            continue;
        }
        struct nl_repeated *repeated = &out->finding[out->findings++];
        *repeated = (struct nl_repeated){
            .first = claim, .again = counterpart(first, claim, again), .asked = asked_of(claim), .adjusted = NAN};
        repeated->p = p_of(repeated);
        if (!isnan(repeated->p))
            p[tests++] = repeated->p;
    }
    nl_holm(p, tests);
    for (int i = 0, k = 0; i < out->findings; i++) {
        struct nl_repeated *repeated = &out->finding[i];
        repeated->power = power_of(repeated, risk / (tests > 0 ? tests : 1));
        if (isnan(repeated->p)) {
            repeated->repeat = NL_NO_VERDICT;
            continue;
        }
        repeated->adjusted = p[k++];
        repeated->repeat = repeated->adjusted < risk             ? NL_REPEATED
                           : is_reversed(repeated, risk / tests) ? NL_REVERSED
                                                                 : NL_NOT_REPEATED;
    }
    free(p);
}

void nl_confirmation_release(struct nl_confirmation *confirmation)
{
    free(confirmation->finding);
    *confirmation = (struct nl_confirmation){0};
}

/* ---- words ---- */

/* "at least 2 points", "a difference", "the same within 1.5 points": what was found. */
static void say_finding(struct nl_text *out, const struct nl_repeated *repeated)
{
    const struct nl_claim *first = repeated->first;
    double limit = repeated->asked == NL_AGREES ? first->margin : first->smallest;
    const char *unit = nl_is_ratio(first->unit) ? "x" : nl_unit_of(limit, first->unit),
               *blank = nl_is_ratio(first->unit) || !*unit ? "" : " ";
    if (repeated->asked == NL_DIFFERS)
        nl_text_add(out, "a difference");
    else
        nl_text_add(out, "%s %g%s%s", repeated->asked == NL_AGREES ? "the same within" : "at least", limit, blank,
                    unit);
}

static bool ends_with(const char *text, const char *ending)
{
    size_t length = strlen(text), of_ending = strlen(ending);
    return length >= of_ending && strcmp(text + length - of_ending, ending) == 0;
}

/* What was asked: "BN worsens?", "LN differs from BN?", "LN against no norm, fails less often?". */
static void say_name(struct nl_text *out, const struct nl_claim *claim)
{
    const char *statement = claim->statement;
    if (!claim->against)
        nl_text_add(out, "%s %s?", claim->method, statement);
    else if (ends_with(statement, " than") || ends_with(statement, " from"))
        nl_text_add(out, "%s %s %s?", claim->method, statement, claim->against);
    else
        nl_text_add(out, "%s against %s, %s?", claim->method, claim->against, statement);
    if (claim->of)
        nl_text_add(out, " (%s)", claim->of);
}

static void say_repeated(struct nl_text *out, const struct nl_repeated *repeated, double level)
{
    const struct nl_claim *first = repeated->first, *again = repeated->again;
    nl_text_add(out, "  - ");
    say_name(out, first);
    nl_text_add(out, " ");
    nl_say_effect(out, first, level, true);
    nl_text_add(out, ", %s, found: ", NL_COUNT(first->effect.n, "pair"));
    say_finding(out, repeated);
    nl_text_add(out, "; now ");
    if (again && again->effect.n > 0) {
        nl_say_effect(out, again, level, true);
        if (!isnan(repeated->adjusted)) {
            nl_text_add(out, ", ");
            nl_say_p(out, repeated->adjusted);
        }
        nl_text_add(out, ", %s", NL_COUNT(again->effect.n, "pair"));
    } else {
        nl_text_add(out, "nothing to compare");
    }
    nl_text_add(out, ": %s", nl_repeat_names[repeated->repeat]);
    if (again && again->obstacle && repeated->repeat == NL_NO_VERDICT)
        nl_text_add(out, " (%s)", again->obstacle);
    if (!isnan(repeated->power))
        nl_text_add(out, "; the chance to repeat an effect of that size was %s%.2g",
                    repeated->power > 0.99 ? "over " : "", fmin(repeated->power, 0.99));
    nl_text_add(out, ".\n");
}

char *nl_confirmation_text(const struct nl_confirmation *confirmation)
{
    struct nl_text out = {0};
    int count[NL_REPEATS] = {0}, findings = confirmation->findings, said = 0;
    for (int i = 0; i < findings; i++)
        count[confirmation->finding[i].repeat]++;
    if (!findings) {
        nl_text_add(&out, "The answer found nothing, so there is nothing to repeat.\n");
        return out.at;
    }
    nl_text_add(&out, "Of %s, ", NL_COUNT(findings, "finding"));
    for (enum nl_repeat r = 0; r < NL_REPEATS; r++)
        if (count[r])
            nl_text_add(&out,
                        r == NL_REPEATED       ? "%s%d %s repeated"
                        : r == NL_NOT_REPEATED ? "%s%d %s not repeated"
                        : r == NL_REVERSED     ? "%s%d %s reversed"
                                               : "%s%d %s without a verdict",
                        said++ ? ", " : "", count[r], nl_agree(count[r], "is", "are"));
    nl_text_add(&out, ".\n");
    for (int i = 0; i < findings; i++)
        say_repeated(&out, &confirmation->finding[i], confirmation->level);
    nl_text_add(&out, "  p is adjusted for %s (Holm); a finding is repeated below %.3g, on the new seeds alone.\n",
                NL_COUNT(findings - count[NL_NO_VERDICT], "finding"), 1.0 - confirmation->level);
    if (count[NL_NOT_REPEATED])
        nl_text_add(&out, "  Not repeated is not refuted: the new seeds alone do not show it. What was found is more "
                          "likely smaller than it looked than larger.\n");
    if (confirmation->open)
        nl_text_add(&out, "  %s found nothing before, and %s not asked again.\n",
                    NL_COUNT(confirmation->open, "other claim"), nl_agree(confirmation->open, "is", "are"));
    return out.at;
}

char *nl_confirmation_json(const struct nl_confirmation *confirmation)
{
    static const char *const asked[] = {"difference", "at least the smallest effect", "equivalence"};
    struct nl_text out = {0};
    nl_text_add(&out, "{\"level\": %g, \"adjustment\": \"holm\", \"open_before\": %d, \"findings\": [",
                confirmation->level, confirmation->open);
    for (int i = 0; i < confirmation->findings; i++) {
        const struct nl_repeated *repeated = &confirmation->finding[i];
        const struct nl_claim *both[] = {repeated->first, repeated->again};
        nl_text_add(&out, i ? ",\n  {\"method\": " : "\n  {\"method\": ");
        nl_json_add(&out, repeated->first->method);
        nl_json_member(&out, "against", repeated->first->against);
        nl_json_member(&out, "of", repeated->first->of);
        nl_json_member(&out, "statement", repeated->first->statement);
        nl_json_member(&out, "unit", repeated->first->unit);
        nl_json_member(&out, "asked", asked[repeated->asked]);
        for (int k = 0; k < 2; k++) {
            double scale = both[k] ? both[k]->scale : NAN;
            nl_text_add(&out, ", \"%s\": {\"pairs\": %d", k ? "again" : "first", both[k] ? both[k]->effect.n : 0);
            nl_json_member_number(&out, "effect", both[k] ? both[k]->effect.mean * scale : NAN);
            nl_json_member_number(&out, "lower", both[k] ? both[k]->effect.lower * scale : NAN);
            nl_json_member_number(&out, "upper", both[k] ? both[k]->effect.upper * scale : NAN);
            nl_text_add(&out, "}");
        }
        nl_json_member_number(&out, "p", repeated->p);
        nl_json_member_number(&out, "p_adjusted", repeated->adjusted);
        nl_json_member_number(&out, "power", repeated->power);
        nl_json_member(&out, "verdict", nl_repeat_names[repeated->repeat]);
        nl_json_member(&out, "obstacle", repeated->again ? repeated->again->obstacle : NULL);
        nl_text_add(&out, "}");
    }
    nl_text_add(&out, "\n]}\n");
    return out.at;
}
