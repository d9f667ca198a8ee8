/* Outcomes in words. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "claims/outcome.h"
#include "stats/answer.h"

static const char *const control_states[] = {[NL_SUPPORTED] = "holds, but must not",
                                             [NL_NOT_SUPPORTED] = "is false, as it should be",
                                             [NL_INCONCLUSIVE] = "is open, so it shows nothing"};

/* What is found of a part; of a broken sameness or identity that. */
static const char *state_of(const struct nl_judged *judged)
{
    if (judged->control)
        return control_states[judged->claim.verdict];
    if (judged->finding == NL_PART_OPPOSITE && judged->part->kind == NL_EQUIVALENCE)
        return "a difference is found";
    if (judged->finding == NL_PART_OPPOSITE && judged->part->kind == NL_IDENTITY)
        return "is broken";
    return nl_part_findings[judged->finding].state;
}

/* "+12.3 points (95 % CI 10.1 to 14.5)"; of a ratio, or an end that is open, "31.6x (95 % CI from 12 up)". */
static void say_effect(struct nl_text *out, const struct nl_claim *claim, double level)
{
    bool ratio = nl_is_ratio(claim->unit);
    double lower = claim->effect.lower * claim->scale, upper = claim->effect.upper * claim->scale;
    if (claim->effect.n > 1 && isfinite(lower) && isfinite(upper) && !(ratio && lower == 0.0)) {
        nl_say_effect(out, claim, level, !ratio);
        return;
    }
    nl_text_add(out,
                ratio          ? "%.3g%s"
                : *claim->unit ? "%+.3g %s"
                               : "%+.3g%s",
                claim->effect.mean * claim->scale, claim->unit);
    if (claim->effect.n < 2)
        nl_text_add(out, " (no interval)");
    else if (isfinite(lower) && !(ratio && lower == 0.0))
        nl_text_add(out, " or more (%g %% CI from %.3g up)", 100.0 * level, lower);
    else if (isfinite(upper))
        nl_text_add(out, " or less (%g %% CI up to %.3g)", 100.0 * level, upper);
    else
        nl_text_add(out, " (unbounded: the grid is too narrow)");
}

/* "at least 2 points", "the same within 1.5 points", "at most 0.333x": what was claimed. */
static void say_threshold(struct nl_text *out, const struct nl_published_part *part, const char *unit)
{
    bool ratio = nl_is_ratio(unit);
    double value = part->threshold;
    const char *blank = ratio || !*unit ? "" : " ";
    unit = nl_unit_of(value, unit);
    if (value == 0.0)
        nl_text_add(out, part->fewer ? "below 0" : "above 0");
    else if (part->kind == NL_EQUIVALENCE)
        nl_text_add(out, "the same within %g%s%s", value, blank, unit);
    else if (part->fewer)
        nl_text_add(out, ratio ? "at most %.3g%s%s" : "at most -%g%s%s", ratio ? 1.0 / value : value, blank, unit);
    else
        nl_text_add(out, "at least %g%s%s", value, blank, unit);
}

/* "dropout" of model.layers.a.dropout. */
static const char *last_word(const char *key)
{
    const char *dot = strrchr(key, '.');
    return dot ? dot + 1 : key;
}

void nl_say_hinge(struct nl_text *out, const struct nl_hinge *hinge)
{
    bool alike = hinge->key.count > 1;
    for (int k = 1; k < hinge->key.count; k++)
        alike &= strcmp(last_word(hinge->key.at[k]), last_word(hinge->key.at[0])) == 0;
    for (int k = 0; k < (alike ? 1 : hinge->key.count); k++)
        nl_text_add(out, "%s%s", k ? " and " : "", alike ? last_word(hinge->key.at[k]) : hinge->key.at[k]);
}

void nl_say_hinged(struct nl_text *out, const struct nl_outcome *outcome)
{
    if (!outcome->hinge_seeds)
        return;
    const struct nl_objection *objection = outcome->published->hinge;
    const struct nl_word_list *values = &objection->hinge.values;
    nl_text_add(out, "It hinges on ");
    nl_say_hinge(out, &objection->hinge);
    nl_text_add(out, " (%s): the parts are judged also at ", objection->says);
    for (int v = 0; v < values->count; v++) {
        nl_say_comma(out, v, values->count);
        nl_text_add(out, "%s", values->at[v]);
    }
    nl_text_add(out, " in place of %s, by seeds %lld to %lld. The values: %s.", objection->hinge.here,
                (long long)outcome->hinge_seed, (long long)outcome->hinge_seed + outcome->hinge_seeds - 1,
                objection->hinge.source);
}

void nl_say_beside(struct nl_text *out, const struct nl_outcome *outcome, const struct nl_judged *judged)
{
    if (judged->at) {
        nl_text_add(out, "at ");
        nl_say_hinge(out, &outcome->published->hinge->hinge);
        nl_text_add(out, " %s", judged->at);
    } else if (judged->control)
        nl_text_add(out, "control, %s", judged->control);
    else
        nl_text_add(out, "with one %s for all (%s, chosen by %s) in place of the best of each",
                    judged->part->reading.along->name, judged->same, judged->part->reading.by);
}

static bool has_values(const struct nl_match *cell, const struct nl_key *key, const struct nl_word_list *values)
{
    for (int k = 0; k < cell->keys; k++) {
        bool same = cell->key[k] == key && cell->values[k].count == values->count;
        for (int i = 0; same && i < values->count; i++)
            same = strcmp(cell->values[k].at[i], values->at[i]) == 0;
        if (same)
            return true;
    }
    return false;
}

/* "of {train.warmup_steps: 100}": the settings that tell a side's cell from the other one. New string; NULL where none
 * do, or where they are longer than a reader takes in, as lists of layers are. */
static char *side_name(const struct nl_match *cell, const struct nl_match *other)
{
    enum { LONGEST = 60 };
    struct nl_match apart = {0};
    for (int k = 0; k < cell->keys; k++)
        if (!has_values(other, cell->key[k], &cell->values[k])) {
            apart.key[apart.keys] = cell->key[k];
            apart.values[apart.keys++] = cell->values[k];
        }
    char *text = apart.keys > 0 ? nl_match_text(&apart) : NULL;
    char *name = text && strlen(text) <= LONGEST ? nl_format("of {%s}", text) : NULL;
    free(text);
    return name;
}

/* p, pairs, and failed runs of each side, named by its cell where it is one. */
static void say_proof(struct nl_text *out, const struct nl_judged *judged)
{
    const struct nl_match *cell = judged->cell;
    bool cells = judged->part->sides == 2 && !judged->control;
    char *name[2] = {cells ? side_name(&cell[0], &cell[1]) : NULL, cells ? side_name(&cell[1], &cell[0]) : NULL};
    bool named = name[0] && name[1];
    nl_say_proof(out, &judged->claim,
                 (const char *const[]){named ? name[0] : "on one side", named ? name[1] : "on the other side"});
    free(name[0]);
    free(name[1]);
}

void nl_say_judged(struct nl_text *out, const struct nl_judged *judged, double level)
{
    const struct nl_claim *claim = &judged->claim;
    if (judged->part->kind == NL_IDENTITY) {
        nl_text_add(out, "largest deviation %.2g, tolerance %g", judged->deviation, judged->part->threshold);
        if (judged->part->identity != NL_NO_IDENTITY)
            nl_text_add(out, " (%s)", judged->part->device == NL_REF ? "double precision" : "float32");
        else
            nl_text_add(out, " (%s)", NL_COUNT(claim->effect.n, "pair"));
    } else if (claim->effect.n == 0) {
        nl_text_add(out, "no pair of runs has values");
    } else {
        say_effect(out, claim, level);
        nl_text_add(out, "; claimed: ");
        say_threshold(out, judged->part, claim->unit);
        if (claim->obstacle)
            nl_say_runs(out, &claim->effect);
        else
            say_proof(out, judged);
    }
    nl_text_add(out, ": %s", state_of(judged));
    if (judged->finding == NL_PART_NO_ROOM && !judged->control)
        nl_text_add(out, " (the other side leaves %.3g %s)", judged->room * claim->scale, claim->unit);
    if (claim->obstacle)
        nl_text_add(out, ", %s", claim->obstacle);
    if (judged->decides && !judged->control)
        nl_text_add(out, "; to decide it: %s", judged->decides);
    nl_text_add(out, ".\n");
}

/* What of these is judged beside the part. */
static void say_beside(struct nl_text *out, const struct nl_outcome *outcome, const struct nl_judged *judged, int count,
                       const struct nl_judged *part, const char *indent)
{
    for (int i = 0; i < count; i++)
        if (judged[i].part == part->part) {
            nl_text_add(out, "%s", indent);
            nl_say_beside(out, outcome, &judged[i]);
            nl_text_add(out, ": ");
            nl_say_judged(out, &judged[i], outcome->level);
        }
}

static void say_parts(struct nl_text *out, const struct nl_outcome *outcome, const char *item, const char *indent)
{
    for (int i = 0; i < outcome->parts; i++) {
        const struct nl_judged *part = &outcome->part[i];
        nl_text_add(out, "%s%s (%s): ", item, part->part->says, nl_part_kind_names[part->part->kind]);
        nl_say_judged(out, part, outcome->level);
        say_beside(out, outcome, outcome->hinge, outcome->hinged, part, indent);
        say_beside(out, outcome, outcome->same, outcome->sames, part, indent);
        say_beside(out, outcome, outcome->control, outcome->controls, part, indent);
    }
    for (int i = 0; i < outcome->published->parts && outcome->parts == 0; i++) /* nothing was judged */
        nl_text_add(out, "%s%s (%s).\n", item, outcome->published->part[i].says,
                    nl_part_kind_names[outcome->published->part[i].kind]);
    for (int i = 0; i < outcome->tries; i++)
        nl_text_add(out, "%sObjection (%s): %s.\n", item, outcome->tried[i].says,
                    nl_outcome_verdict_names[outcome->tried[i].verdict]);
}

static void say_declaration(struct nl_text *out, const struct nl_outcome *outcome, const char *item)
{
    if (outcome->declared == NL_DECLARED_OTHERWISE)
        nl_text_add(out, "%sTHE CLAIM OR ITS PROTOCOL WAS CHANGED after its first trial was run.\n", item);
    else if (outcome->declared == NL_NOT_DECLARED)
        nl_text_add(out, "%sThe claim was not declared before its trials were run.\n", item);
}

static void say_background(struct nl_text *out, const struct nl_outcome *outcome, const char *item)
{
    const struct nl_published *published = outcome->published;
    const struct {
        const char *name, *text;
    } lines[] = {{"The paper", published->figures},
                 {outcome->quick ? "The whole protocol" : "Here", published->differs},
                 {"Objection of the paper", published->objection}};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        if (lines[i].text)
            nl_text_add(out, "%s%s: %s\n", item, lines[i].name, lines[i].text);
}

void nl_say_failed_runs(struct nl_text *out, const struct nl_outcome *outcome)
{
    bool at_start = outcome->parts > 0;
    for (int i = 0; i < outcome->parts; i++)
        at_start &= nl_reads_first_step(&outcome->part[i].part->reading);
    nl_say_failures(out, &outcome->failures);
    if (at_start && outcome->failures.dead)
        nl_text_add(out, " Only the first step is measured here, whether or not the run ends at chance.");
}

void nl_say_one_part(struct nl_text *out, const struct nl_outcome *outcome)
{
    if (outcome->hinged && !outcome->hinge_one_part)
        nl_text_add(out, "At the protocol's own value all seeds share one test part, and findings hold for that part; "
                         "at the other values each seed has its own.");
    else
        nl_text_add(out, "All seeds share one test part: findings hold for that part.");
}

static void say_runs(struct nl_text *out, const struct nl_outcome *outcome, const char *item)
{
    if (outcome->hinge_seeds) {
        nl_text_add(out, "%s", item);
        nl_say_hinged(out, outcome);
        nl_text_add(out, "\n");
    }
    if (outcome->failures.failed) {
        nl_text_add(out, "%s", item);
        nl_say_failed_runs(out, outcome);
        nl_text_add(out, "\n");
    }
    if (outcome->one_part) {
        nl_text_add(out, "%s", item);
        nl_say_one_part(out, outcome);
        nl_text_add(out, "\n");
    }
}

/* " By the quick protocol: sweep.seeds=5, train.epochs=5." */
static void say_quick(struct nl_text *out, const struct nl_outcome *outcome)
{
    const struct nl_settings *quick = &outcome->published->quick;
    if (outcome->quick)
        nl_text_add(out, " By the quick protocol");
    for (int i = 0; outcome->quick && i < quick->count; i++)
        nl_text_add(out, "%s%s", i ? ", " : ": ", quick->at[i]);
    if (outcome->quick && outcome->published->hinge) {
        nl_text_add(out, ", and at no other value of ");
        nl_say_hinge(out, &outcome->published->hinge->hinge);
    }
    nl_text_add(out, outcome->quick ? "." : "");
}

/* ---- text and Markdown ---- */

static void add_text(struct nl_text *out, const struct nl_outcome *outcome)
{
    const struct nl_published *published = outcome->published;
    char *title = nl_outcome_title(outcome);
    nl_text_add(out, "%s: %s\n  %s (%s)\n", outcome->name, title, published->says, published->source);
    free(title);
    say_declaration(out, outcome, "  ");
    nl_text_add(out, "  %s", outcome->reason.at);
    say_quick(out, outcome);
    nl_text_add(out, "\n");
    say_parts(out, outcome, "  - ", "      ");
    say_runs(out, outcome, "  ");
    say_background(out, outcome, "  ");
}

/* A field of a table: without what would end it. */
static void add_field(struct nl_text *out, const char *text)
{
    for (; *text; text++)
        nl_text_add(out, *text == '|' ? "\\|" : "%c", *text);
}

static void add_markdown_table(struct nl_text *out, const struct nl_outcome *outcome, int count)
{
    nl_text_add(out, "# Outcomes of the claims\n\n| claim | outcome | what the paper says |\n|---|---|---|\n");
    for (int i = 0; i < count; i++) {
        char *title = nl_outcome_title(&outcome[i]);
        nl_text_add(out, "| %s | %s | ", outcome[i].name, title);
        free(title);
        add_field(out, outcome[i].published->says);
        nl_text_add(out, " |\n");
    }
}

static void add_markdown(struct nl_text *out, const struct nl_outcome *outcome)
{
    const struct nl_published *published = outcome->published;
    struct nl_text quick = {0};
    char *title = nl_outcome_title(outcome);
    say_quick(&quick, outcome);
    nl_text_add(out, "\n## %s: %s\n\n%s (%s)\n\n%s%s\n\n", outcome->name, title, published->says, published->source,
                outcome->reason.at, quick.at ? quick.at : "");
    free(title);
    nl_text_release(&quick);
    say_declaration(out, outcome, "- ");
    say_parts(out, outcome, "- ", "  - ");
    say_runs(out, outcome, "- ");
    say_background(out, outcome, "- ");
}

/* ---- JSON ---- */

static void add_judged(struct nl_text *out, const struct nl_judged *judged)
{
    static const char *const verdicts[] = {"holds", "false", "open"}; /* of controls */
    const struct nl_claim *claim = &judged->claim;
    nl_text_add(out, "{\"says\": ");
    nl_json_add(out, judged->part->says);
    nl_json_member(out, "kind", nl_part_kind_names[judged->part->kind]);
    nl_json_member(out, "control", judged->control);
    nl_json_member(out, "at", judged->at);
    nl_json_member(out, "same", judged->same);
    nl_json_member(out, "verdict", judged->control ? verdicts[claim->verdict] : nl_part_findings[judged->finding].name);
    nl_json_member(out, "obstacle", claim->obstacle);
    nl_json_member(out, "decides", judged->decides);
    nl_json_member_number(out, "threshold", judged->part->threshold);
    if (judged->part->kind == NL_IDENTITY) {
        nl_json_member_number(out, "deviation", judged->deviation);
    } else {
        nl_json_member(out, "unit", claim->unit);
        nl_json_member_number(out, "effect", claim->effect.mean * claim->scale);
        nl_json_member_number(out, "lower", claim->effect.lower * claim->scale);
        nl_json_member_number(out, "upper", claim->effect.upper * claim->scale);
        const struct nl_asked_test *test = nl_claim_decides(claim);
        nl_json_member(out, "test", test->name);
        nl_json_member_number(out, "p", test->p);
        nl_json_member_number(out, "p_adjusted", test->adjusted);
    }
    nl_text_add(out, ", \"pairs\": %d, \"failures\": [{\"failed\": %d, \"of\": %d}, {\"failed\": %d, \"of\": %d}]}",
                claim->effect.n, claim->failed[0], claim->runs[0], claim->failed[1], claim->runs[1]);
}

static void add_list(struct nl_text *out, const char *name, const struct nl_judged *judged, int count)
{
    nl_text_add(out, ",\n    \"%s\": [", name);
    for (int i = 0; i < count; i++) {
        nl_text_add(out, i ? ",\n      " : "\n      ");
        add_judged(out, &judged[i]);
    }
    nl_text_add(out, count ? "\n    ]" : "]");
}

static void add_json(struct nl_text *out, const struct nl_outcome *outcome)
{
    static const char *const declared[] = {"before", "changed after", "not", NULL};
    const struct nl_published *published = outcome->published;
    nl_text_add(out, "  {\n    \"claim\": ");
    nl_json_add(out, outcome->name);
    nl_json_member(out, "verdict", nl_outcome_verdict_names[outcome->verdict]);
    nl_text_add(out, ", \"quick\": %s", outcome->quick ? "true" : "false");
    nl_json_member(out, "declared", declared[outcome->declared]);
    nl_json_member_number(out, "level", outcome->level);
    nl_text_add(out,
                ", \"tests\": %d, \"adjustment\": \"holm\", \"trials\": {\"planned\": %d, \"missing\": %d, \"failed\": "
                "%d},\n    \"reason\": ",
                outcome->tests, outcome->planned, outcome->missing, outcome->failures.failed);
    nl_json_add(out, outcome->reason.at);
    nl_json_member(out, "says", published->says);
    nl_json_member(out, "source", published->source);
    nl_json_member(out, "figures", published->figures);
    nl_json_member(out, "differs", published->differs);
    nl_json_member(out, "objection", published->objection);
    add_list(out, "parts", outcome->part, outcome->parts);
    add_list(out, "hinge", outcome->hinge, outcome->hinged);
    add_list(out, "same", outcome->same, outcome->sames);
    add_list(out, "controls", outcome->control, outcome->controls);
    nl_text_add(out, ",\n    \"objections\": [");
    for (int i = 0; i < outcome->tries; i++) {
        nl_text_add(out, i ? ", {\"says\": " : "{\"says\": ");
        nl_json_add(out, outcome->tried[i].says);
        nl_json_member(out, "verdict", nl_outcome_verdict_names[outcome->tried[i].verdict]);
        nl_text_add(out, "}");
    }
    nl_text_add(out, "]\n  }");
}

char *nl_outcomes_text(const struct nl_outcome *outcome, int count, enum nl_outcome_format format)
{
    struct nl_text out = {0};
    if (format == NL_OUTCOME_JSON)
        nl_text_add(&out, "[\n");
    if (format == NL_OUTCOME_MARKDOWN)
        add_markdown_table(&out, outcome, count);
    for (int i = 0; i < count; i++)
        switch (format) {
        case NL_OUTCOME_TEXT:
            nl_text_add(&out, "%s", i ? "\n" : "");
            add_text(&out, &outcome[i]);
            break;
        case NL_OUTCOME_MARKDOWN:
            add_markdown(&out, &outcome[i]);
            break;
        case NL_OUTCOME_JSON:
            nl_text_add(&out, "%s", i ? ",\n" : "");
            add_json(&out, &outcome[i]);
            break;
        }
    nl_text_add(&out, "%s", format == NL_OUTCOME_JSON ? "\n]\n" : "");
    return out.at;
}
