/* From what is known of the parts to what is found of them, and to a verdict on the claim. */
#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "claims/outcome.h"
#include "stats/answer.h"

const char *const nl_outcome_verdict_names[] = {"reproduced",        "partly reproduced", "contradicted",
                                                "not found here",    "inconclusive",      "waiting",
                                                "not testable here", "incomplete",        NULL};

const struct nl_part_finding_row nl_part_findings[NL_PART_FINDINGS] = {
    [NL_PART_HOLDS] = {"holds", "holds", "holds", "holds", "hold"},
    [NL_PART_HOLDS_HERE] = {"holds on this test part",
                            "holds on this test part; another one could take it below the threshold",
                            "holds on this test part, but another one could take it below the threshold",
                            "holds on this test part alone", "hold on this test part alone"},
    [NL_PART_OPPOSITE] = {"opposite", "the opposite is found", "is contradicted: the opposite is found",
                          "is contradicted", "are contradicted"},
    [NL_PART_EQUIVALENT] = {"equivalent", "any effect is smaller than the smallest that counts",
                            "does not hold here: any effect is smaller than the smallest that counts",
                            "does not hold (the effect is smaller than counts)",
                            "do not hold (the effects are smaller than count)"},
    [NL_PART_NOT_FOUND] = {"not found", "not found under this protocol", "is not found under this protocol",
                           "is not found under this protocol", "are not found under this protocol"},
    [NL_PART_NO_ROOM] = {"no room", "no room for it at this end of the scale",
                         "has no room: the other side is too near the end of the scale for the smallest effect",
                         "has no room at this ceiling", "have no room at this ceiling"},
    [NL_PART_OPEN] = {"open", "open", "is open", "is open", "are open"},
};

bool nl_part_has_smallest(const struct nl_published_part *part)
{
    return part->kind != NL_EQUIVALENCE && part->kind != NL_IDENTITY;
}

/* ---- a part ---- */

/* A part that holds; anywhere: on another test part, too. */
static enum nl_part_finding holds(const struct nl_judged *judged, bool anywhere)
{
    return judged->moved > 0 && !anywhere ? NL_PART_HOLDS_HERE : NL_PART_HOLDS;
}

/* A sameness that is decided. */
static enum nl_part_finding find_sameness(const struct nl_judged *judged)
{
    double nearest = fmax(judged->lower, -judged->upper), furthest = fmax(fabs(judged->lower), fabs(judged->upper));
    if (judged->claim.verdict == NL_NOT_SUPPORTED)
        return nearest - judged->moved > judged->smallest ? NL_PART_OPPOSITE : NL_PART_NOT_FOUND;
    return holds(judged, furthest + judged->moved < judged->smallest);
}

/* A part whose effect has a side and a smallest size. */
static enum nl_part_finding find_effect(const struct nl_judged *judged)
{
    double sign = judged->part->fewer ? -1 : 1, near = sign > 0 ? judged->lower : -judged->upper,
           far = sign > 0 ? judged->upper : -judged->lower;
    enum nl_verdict verdict = judged->claim.verdict;
    if (verdict == NL_SUPPORTED)
        return holds(judged, near - judged->moved > judged->smallest);
    if (verdict == NL_NOT_SUPPORTED && far + judged->moved < -judged->smallest)
        return NL_PART_OPPOSITE;
    if (judged->room < judged->smallest)
        return NL_PART_NO_ROOM;
    if (verdict == NL_INCONCLUSIVE)
        return NL_PART_OPEN;
    return near > -judged->smallest && far < judged->smallest ? NL_PART_EQUIVALENT : NL_PART_NOT_FOUND;
}

enum nl_part_finding nl_part_find(const struct nl_judged *judged)
{
    enum nl_verdict verdict = judged->claim.verdict;
    if (nl_part_has_smallest(judged->part))
        return find_effect(judged);
    if (verdict == NL_INCONCLUSIVE)
        return NL_PART_OPEN;
    if (judged->part->kind == NL_EQUIVALENCE)
        return find_sameness(judged);
    return verdict == NL_SUPPORTED ? NL_PART_HOLDS : NL_PART_OPPOSITE;
}

/* ---- over the values of the hinge ---- */

/* How many values each part was judged at. */
static int values_of(const struct nl_outcome *outcome)
{
    return outcome->hinged ? outcome->published->hinge->hinge.values.count + 1 : 1;
}

/* The values in the order in which they are said: numbers rise, if the file lists them so. -1: that of the protocol. */
static int value_at(const struct nl_outcome *outcome, int place)
{
    const struct nl_hinge *hinge = &outcome->published->hinge->hinge;
    int before = 0;
    while (before < hinge->values.count &&
           nl_double_read(hinge->values.at[before], NULL) < nl_double_read(hinge->here, NULL))
        before++;
    return place == before ? -1 : place < before ? place : place - 1;
}

static const char *name_of(const struct nl_outcome *outcome, int value)
{
    const struct nl_hinge *hinge = &outcome->published->hinge->hinge;
    return value < 0 ? hinge->here : hinge->values.at[value];
}

/* What is found of a part at a value; a formula has no cells that name one. */
static enum nl_part_finding finding_at(const struct nl_outcome *outcome, const struct nl_judged *part, int value)
{
    for (int i = 0; i < outcome->hinged; i++)
        if (outcome->hinge[i].part == part->part && outcome->hinge[i].at == name_of(outcome, value))
            return outcome->hinge[i].finding;
    return part->finding;
}

/* A part holds where it does at one value; any other finding must be the same at all values. */
static enum nl_part_finding find_over_hinge(const struct nl_outcome *outcome, const struct nl_judged *part)
{
    int count[NL_PART_FINDINGS] = {0}, values = values_of(outcome);
    for (int place = 0; place < values && values > 1; place++)
        count[finding_at(outcome, part, value_at(outcome, place))]++;
    return values == 1 || count[part->finding] == values ? part->finding
           : count[NL_PART_HOLDS]                        ? NL_PART_HOLDS
           : count[NL_PART_HOLDS_HERE]                   ? NL_PART_HOLDS_HERE
           : count[NL_PART_OPEN]                         ? NL_PART_OPEN
                                                         : NL_PART_NOT_FOUND;
}

/* Whether every part holds at the value. */
static bool all_hold_at(const struct nl_outcome *outcome, int value)
{
    bool all = true;
    for (int i = 0; i < outcome->parts; i++)
        all &= finding_at(outcome, &outcome->part[i], value) == NL_PART_HOLDS;
    return all;
}

/* "4, 8 and 16": those of the values, in the order in which they are said, that are marked. */
static void say_values(struct nl_text *out, const struct nl_outcome *outcome, const bool *marked)
{
    int count = 0, said = 0;
    for (int place = 0; place < values_of(outcome); place++)
        count += marked[place];
    for (int place = 0; place < values_of(outcome); place++)
        if (marked[place]) {
            nl_say_comma(out, said++, count);
            nl_text_add(out, "%s", name_of(outcome, value_at(outcome, place)));
        }
}

/* "part 1 holds at 4 and 8, and is open at 16, 32 and 64" */
static void say_over_hinge(struct nl_text *out, const struct nl_outcome *outcome, int part)
{
    bool *marked = nl_alloc((size_t)values_of(outcome), sizeof *marked);
    int left = values_of(outcome);
    if (outcome->parts > 1)
        nl_text_add(out, "part %d", part + 1);
    else
        nl_text_add(out, "it");
    for (enum nl_part_finding f = 0; f < NL_PART_FINDINGS; f++) {
        int count = 0;
        for (int place = 0; place < values_of(outcome); place++) {
            marked[place] = finding_at(outcome, &outcome->part[part], value_at(outcome, place)) == f;
            count += marked[place];
        }
        if (!count)
            continue;
        bool first = left == values_of(outcome);
        left -= count;
        nl_text_add(out, "%s %s at ", first ? "" : left ? "," : ", and", nl_part_findings[f].one);
        if (first && !left)
            nl_text_add(out, "every value, ");
        say_values(out, outcome, marked);
    }
    free(marked);
}

/* ---- the claim ---- */

/* "part 1", "parts 1 and 3": those of which it is found. */
static void say_which(struct nl_text *out, const struct nl_outcome *outcome, enum nl_part_finding finding)
{
    int count = 0, said = 0;
    for (int i = 0; i < outcome->parts; i++)
        count += outcome->part[i].over_hinge == finding;
    nl_text_add(out, "%s ", nl_agree(count, "part", "parts"));
    for (int i = 0; i < outcome->parts; i++)
        if (outcome->part[i].over_hinge == finding) {
            nl_say_comma(out, said++, count);
            nl_text_add(out, "%d", i + 1);
        }
}

/* "parts 1 and 3 hold; part 2 is open" */
static void say_parts(struct nl_text *out, const struct nl_outcome *outcome, const int count[NL_PART_FINDINGS])
{
    int said = 0;
    for (enum nl_part_finding f = 0; f < NL_PART_FINDINGS; f++) {
        if (!count[f])
            continue;
        nl_text_add(out, "%s", said++ ? "; " : "");
        say_which(out, outcome, f);
        nl_text_add(out, " %s", nl_agree(count[f], nl_part_findings[f].one, nl_part_findings[f].more));
    }
}

/* What is found of the parts, and at which values of the hinge. */
static void say_findings(struct nl_outcome *out, const int count[NL_PART_FINDINGS])
{
    enum nl_part_finding first = out->part[0].over_hinge;
    if (out->parts == 1) {
        nl_text_add(&out->reason, "Its only part %s.", nl_part_findings[first].only);
    } else if (count[first] == out->parts) {
        nl_text_add(&out->reason, "All of its %d parts %s.", out->parts, nl_part_findings[first].more);
    } else {
        nl_text_add(&out->reason, "Of its %d parts, ", out->parts);
        say_parts(&out->reason, out, count);
        nl_text_add(&out->reason, ".");
    }
    if (!out->hinged)
        return;
    nl_text_add(&out->reason, " Over ");
    nl_say_hinge(&out->reason, &out->published->hinge->hinge);
    for (int i = 0; i < out->parts; i++) {
        nl_text_add(&out->reason, i ? "; " : ", ");
        say_over_hinge(&out->reason, out, i);
    }
    nl_text_add(&out->reason, ".");
}

static void say_controls(struct nl_outcome *out, int unsure)
{
    if (unsure && out->controls == 1)
        nl_text_add(&out->reason, " Its control is open and shows nothing.");
    else if (unsure)
        nl_text_add(&out->reason, " %d of %s %s open and %s nothing.", unsure, NL_COUNT(out->controls, "control"),
                    nl_agree(unsure, "is", "are"), nl_agree(unsure, "shows", "show"));
}

void nl_outcome_conclude(struct nl_outcome *out)
{
    int count[NL_PART_FINDINGS] = {0}, failing = 0, unsure = 0;
    bool together = all_hold_at(out, -1);
    for (int i = 0; i < out->parts; i++)
        count[out->part[i].over_hinge = find_over_hinge(out, &out->part[i])]++;
    for (int value = 0; value < values_of(out) - 1; value++)
        together |= all_hold_at(out, value);
    for (int i = 0; i < out->controls; i++) {
        failing += out->control[i].claim.verdict == NL_SUPPORTED;
        unsure += out->control[i].claim.verdict == NL_INCONCLUSIVE;
    }
    out->verdict = failing                                            ? NL_UNDECIDED
                   : together                                         ? NL_REPRODUCED
                   : count[NL_PART_OPPOSITE]                          ? NL_CONTRADICTED
                   : count[NL_PART_HOLDS]                             ? NL_PARTLY_REPRODUCED
                   : count[NL_PART_OPEN] || count[NL_PART_HOLDS_HERE] ? NL_UNDECIDED
                                                                      : NL_NOT_FOUND_HERE;
    if (failing)
        nl_text_add(&out->reason, "%d of %s %s the claimed effect, so the findings prove nothing. ", failing,
                    NL_COUNT(out->controls, "control"), nl_agree(failing, "shows", "show"));
    say_findings(out, count);
    if (count[NL_PART_HOLDS] == out->parts && !together)
        nl_text_add(&out->reason, " At no one value all of them hold.");
    say_controls(out, unsure);
}

/* " (at norm.stat_batch 4 and 8)": where all parts hold. */
static void say_where_all_hold(struct nl_text *out, const struct nl_outcome *outcome)
{
    bool *marked = nl_alloc((size_t)values_of(outcome), sizeof *marked);
    for (int place = 0; place < values_of(outcome); place++)
        marked[place] = all_hold_at(outcome, value_at(outcome, place));
    nl_text_add(out, " (at ");
    nl_say_hinge(out, &outcome->published->hinge->hinge);
    nl_text_add(out, " ");
    say_values(out, outcome, marked);
    nl_text_add(out, ")");
    free(marked);
}

char *nl_outcome_title(const struct nl_outcome *outcome)
{
    const char *verdict = nl_outcome_verdict_names[outcome->verdict];
    bool contradicted = outcome->verdict == NL_CONTRADICTED;
    struct nl_text title = {0};
    nl_text_add(&title, "%s", verdict);
    if (outcome->verdict == NL_REPRODUCED && outcome->hinged)
        say_where_all_hold(&title, outcome);
    if (outcome->parts > 1 && (contradicted || outcome->verdict == NL_PARTLY_REPRODUCED)) {
        int holding = 0;
        for (int i = 0; i < outcome->parts; i++)
            holding += outcome->part[i].over_hinge == NL_PART_HOLDS;
        nl_text_add(&title, " (");
        if (holding == outcome->parts) {
            nl_text_add(&title, "each part at other values of ");
            nl_say_hinge(&title, &outcome->published->hinge->hinge);
        } else {
            say_which(&title, outcome, contradicted ? NL_PART_OPPOSITE : NL_PART_HOLDS);
            nl_text_add(&title, " of %d", outcome->parts);
        }
        nl_text_add(&title, ")");
    }
    return title.at;
}
