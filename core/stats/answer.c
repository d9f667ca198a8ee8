/* Finds the claims of a question, judges them together, and writes the answer in words. */
#include "stats/answer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "config/import.h"
#include "config/search.h"
#include "stats/distribution.h"

struct nl_claim *nl_answer_claim(struct nl_answer *answer, const char *method, const char *against,
                                 const char *statement, enum nl_finding expected)
{
    NL_GROW(answer->claim, answer->claims, answer->capacity);
    struct nl_claim *claim = &answer->claim[answer->claims++];
    *claim = (struct nl_claim){.method = nl_strdup(method),
                               .against = against ? nl_strdup(against) : NULL,
                               .statement = statement,
                               .expected = expected,
                               .scale = 1.0,
                               .unit = "",
                               .rate = NAN,
                               .seen_from = NAN};
    return claim;
}

void nl_claim_sides(struct nl_claim *claim, const struct nl_cell *first, const struct nl_cell *second)
{
    const struct nl_cell *side[] = {first, second};
    for (int i = 0; i < 2; i++) {
        claim->runs[i] = side[i] ? side[i]->trials : 0;
        claim->failed[i] = side[i] ? side[i]->failed : 0;
    }
}

/* Cells with missing trials, the first few by name. */
static void say_missing(struct nl_text *out, const struct nl_results *results)
{
    enum { SHOWN = 4 };
    int empty = 0, part = 0;
    for (int i = 0; i < results->cells; i++) {
        empty += results->cell[i].trials == 0;
        part += results->cell[i].trials > 0 && results->cell[i].trials < results->cell[i].planned;
    }
    nl_text_add(out, "INCOMPLETE: trials missing: %d of %d. Claims that need them are not judged.\n", results->missing,
                results->planned);
    for (int i = 0, shown = 0; i < results->cells && shown < SHOWN; i++) {
        const struct nl_cell *cell = &results->cell[i];
        if (cell->trials == cell->planned)
            continue;
        nl_text_add(out, shown ? "; " : "  missing: ");
        for (int f = 0, written = 0; f < results->factors; f++)
            if (cell->level[f] != NL_INAPPLICABLE)
                nl_text_add(out, "%s%s=%s", written++ ? " " : "", results->factor[f].key->name,
                            results->factor[f].value[cell->level[f]]);
        nl_text_add(out, " (%d of %d)", cell->planned - cell->trials, cell->planned);
        shown++;
    }
    int more = empty + part - SHOWN;
    nl_text_add(out, more > 0 ? "; %s\n" : "\n", NL_COUNT(more, "more point"));
    nl_text_add(out, "  Run the same sweep again to train them, or add other shards with normlab merge.\n");
}

static void say_failures(struct nl_answer *answer, const struct nl_results *results,
                         const struct nl_metric_column *metric)
{
    struct nl_failures failures = nl_results_failures(results);
    answer->failed = failures.failed;
    nl_say_failures(&answer->notes, &failures);
    bool counted = failures.diverged && nl_question_asks(answer->question, NL_ASKS_MEANS); /* else it is a failure */
    if (counted && metric->measure.share && !isnan(metric->chance))
        nl_text_add(&answer->notes, " A diverged run counts at chance, %.3g %%.", 100.0 * metric->chance);
    else if (counted && !metric->measure.share)
        nl_text_add(&answer->notes, " A diverged run has no loss and enters no mean.");
    nl_text_add(&answer->notes, "\n");
}

/* Failures that may be there though no run has shown one: 1 - 0.05^(1/n) of the runs at 95 %, exact (Clopper and
 * Pearson). */
static void say_unseen(struct nl_answer *answer, const struct nl_results *results)
{
    bool found = false;
    for (int i = 0; i < answer->claims; i++)
        found |= answer->claim[i].finding != NL_FOUND_NOTHING &&
                 answer->claim[i].failed[0] + answer->claim[i].failed[1] == 0;
    if (found && nl_question_asks(answer->question, NL_ASKS_MEANS))
        nl_text_add(&answer->notes,
                    "Where none of %s failed, up to %.0f %% may still fail (%g %% bound): findings are about runs that "
                    "do not fail.\n",
                    NL_COUNT(results->seeds, "run"), 100.0 * (1.0 - pow(1.0 - answer->level, 1.0 / results->seeds)),
                    100.0 * answer->level);
}

void nl_say_family(struct nl_answer *answer, const char *test, const struct nl_rule *rule)
{
    nl_text_add(&answer->notes, "p is that of the %s", test);
    if (answer->tests > 1)
        nl_text_add(&answer->notes, ", times the %d comparisons (Bonferroni)", answer->tests);
    nl_text_add(&answer->notes, "; it is significant below %.3g.", 1.0 - rule->level);
}

void nl_say_rule(struct nl_answer *answer, const struct nl_rule *rule)
{
    if (answer->tests == 0)
        return;
    int apart = nl_claims_apart(answer);
    const char *test = rule->exact ? "exact sign-flip test" : "paired t test";
    char *also = nl_format("%s, and that of Welch's t test where two methods have other seeds", test);
    nl_say_family(answer, apart == 0 ? test : apart == answer->claims ? "Welch t test" : also, rule);
    free(also);
    nl_text_add(&answer->notes, " Intervals are not adjusted.\n");
}

void nl_say_parts(struct nl_answer *answer, const struct nl_metric_column *metric, double level)
{
    const char *part = strcmp(metric->measure.part, "val") == 0 ? "validation" : metric->measure.part;
    double z = nl_normal_quantile(0.5 * (1.0 + level)), overlap = metric->sampling.overlap;
    if (metric->fixed)
        nl_text_add(&answer->notes,
                    "All seeds share one %s part: findings hold for that part, and intervals cover the seeds alone.\n",
                    part);
    else if (strcmp(metric->measure.part, "train") == 0)
        nl_text_add(&answer->notes, "Findings on the training part hold for these data, which the seeds share.\n");
    else if (overlap > 0.0)
        nl_text_add(&answer->notes,
                    "Each seed splits the data anew and shares %.0f %% of its %s part with another seed, so intervals "
                    "are those of the corrected resampled t"
                    " (Nadeau and Bengio 2003). No number of seeds makes them narrower than %.2f standard deviations "
                    "to each side."
                    " data.split_seed fixes the split.\n",
                    100.0 * overlap, part, z * sqrt(overlap / (1.0 - overlap)));
}

/* What the rounds of the sweep decided, and so is not the same for all. */
static void say_rounds(struct nl_answer *answer, const struct nl_rounds *rounds)
{
    struct nl_text *out = &answer->notes;
    if (rounds->choices) {
        nl_text_add(out, "Tuned:");
        for (int i = 0; i < rounds->tunes; i++)
            nl_text_add(out, "%s %s", i ? "," : "", rounds->tune[i].key[0]->name);
        char *by = nl_tuned_by(rounds);
        nl_text_add(out, ", for each point by %s over %s; nothing was chosen by the test part.\n", by,
                    NL_COUNT(rounds->tune_seeds, "other seed"));
        free(by);
    }
    if (rounds->refine > 0.0 && rounds->points)
        nl_text_add(out,
                    "The rates were refined around each method's largest usable one, to be known within a factor of %g "
                    "for each seed.\n",
                    rounds->refine);
    if (rounds->first_seeds)
        nl_text_add(out,
                    "The number of seeds was decided by the spread of the first %d (Stein 1945), which intervals and p "
                    "use, too.\n",
                    rounds->first_seeds);
}

void nl_answer_pairs(const struct nl_results *results, const struct nl_experiment *experiment,
                     const struct nl_cell *(*cell_at)(const void *context, int place), int count, int most,
                     void (*pair)(void *context, int place, int against), void *context)
{
    bool all_pairs = !experiment->has_baseline && count <= most;
    for (int i = 0; i < count; i++) {
        const struct nl_cell *base =
            experiment->has_baseline ? nl_cell_baseline(results, experiment, cell_at(context, i)) : NULL;
        int against = 0;
        while (base && against < count && cell_at(context, against) != base)
            against++;
        if (base && against < count && against != i)
            pair(context, i, against);
        for (int before = 0; all_pairs && before < i; before++)
            pair(context, i, before);
    }
}

void nl_answer_make(const struct nl_results *results, const struct nl_experiment *experiment, struct nl_answer *out)
{
    static void (*const ask[])(struct nl_answer *, const struct nl_results *, const struct nl_experiment *) = {
#define QUESTION(name, word, what, help, sentence) [NL_ASK_##name] = nl_ask_##word,
#include "config/questions.def"
#undef QUESTION
    };
    *out = (struct nl_answer){.question = nl_question_of(experiment),
                              .level = experiment->config.plot.level,
                              .planned = results->planned,
                              .missing = results->missing};
    if (results->missing > 0)
        say_missing(&out->incomplete, results);
    ask[out->question](out, results, experiment);
    struct nl_metric_column metric = nl_metric_column(results, nl_metric_names[experiment->config.plot.metric]);
    say_failures(out, results, &metric);
    say_unseen(out, results);
    if (results->import)
        nl_text_add(&out->notes,
                    "Another program trained the runs: those failed of which its files say so; which others ended "
                    "at chance is not known.\n");
    if (results->import && results->import->pairs == NL_PAIRS_NONE && out->question != NL_ASK_COMPARE)
        nl_text_add(&out->notes, "The runs have no seeds: where the answer speaks of pairs, they are those of the same "
                                 "place in their cells, which costs power and no validity.\n");
    if (experiment->config.plot.interval == NL_INTERVAL_BOOTSTRAP && results->seeds < NL_BOOTSTRAP_SEEDS)
        nl_text_add(&out->notes,
                    "The bootstrap intervals of tables and pictures undercover below %d seeds; no claim uses them.\n",
                    NL_BOOTSTRAP_SEEDS);
    say_rounds(out, &experiment->rounds);
    if (*experiment->config.plot.protocol)
        nl_text_add(&out->notes, "Protocol: %s\n", experiment->config.plot.protocol);
}

void nl_answer_release(struct nl_answer *answer)
{
    for (int i = 0; i < answer->claims; i++)
        nl_claim_release(&answer->claim[i]);
    free(answer->claim);
    nl_text_release(&answer->incomplete);
    nl_text_release(&answer->headline);
    nl_text_release(&answer->evidence);
    nl_text_release(&answer->notes);
    *answer = (struct nl_answer){0};
}

char *nl_answer_text(const struct nl_answer *answer, bool notes)
{
    struct nl_text out = {0};
    const struct nl_text *parts[] = {&answer->incomplete, &answer->headline, &answer->evidence, &answer->notes};
    for (int i = 0; i < 3 + notes; i++)
        if (parts[i]->length > 0)
            nl_text_add_bytes(&out, parts[i]->at, parts[i]->length);
    return out.at;
}

/* ---- JSON ---- */

/* limit: what the test is about, NaN: it is about 0. */
static void add_test(struct nl_text *out, const char *name, const struct nl_asked_test *test, const char *about,
                     double limit)
{
    nl_text_add(out, "\"%s\": ", name);
    if (!test->name) {
        nl_text_add(out, "null");
        return;
    }
    nl_text_add(out, "{\"test\": \"%s\"", test->name);
    if (about)
        nl_json_member_number(out, about, limit);
    nl_json_member_number(out, "p", test->p);
    nl_json_member_number(out, "p_adjusted", test->adjusted);
    nl_text_add(out, "}");
}

static void add_tests(struct nl_text *out, const struct nl_claim *claim)
{
    nl_text_add(out, ", \"tests\": {");
    add_test(out, "difference", &claim->test[NL_DIFFERS], NULL, 0.0);
    nl_text_add(out, ", ");
    add_test(out, "reaches", &claim->test[NL_REACHES], "smallest", claim->smallest);
    nl_text_add(out, ", ");
    add_test(out, "same", &claim->test[NL_AGREES], "margin", claim->margin);
    nl_text_add(out, "}");
}

static void add_claim(struct nl_text *out, const struct nl_claim *claim, double level)
{
    static const char *const findings[] = {"nothing", "more", "less", "same"}, *const reaches[] = {"open", "yes", "no"};
    const struct nl_asked_test *decides = nl_claim_decides(claim);
    nl_text_add(out, "{\"method\": ");
    nl_json_add(out, claim->method);
    nl_json_member(out, "against", claim->against);
    nl_json_member(out, "statement", claim->statement);
    if (claim->of)
        nl_json_member(out, "of", claim->of);
    nl_json_member(out, "verdict", nl_verdict_names[claim->verdict]);
    nl_json_member(out, "finding", findings[claim->finding]);
    bool effect = claim->finding == NL_FOUND_MORE || claim->finding == NL_FOUND_LESS;
    nl_json_member(out, "reaches", effect && claim->test[NL_REACHES].name ? reaches[claim->reach] : NULL);
    nl_json_member(out, "obstacle", claim->obstacle);
    double shown = claim->misleads ? NAN : claim->scale;
    nl_json_member_number(out, "effect", claim->effect.mean * shown);
    nl_json_member(out, "unit", claim->unit);
    nl_json_member_number(out, "lower", claim->effect.lower * shown);
    nl_json_member_number(out, "upper", claim->effect.upper * shown);
    nl_json_member_number(out, "level", level);
    nl_json_member(out, "test", decides->name);
    nl_json_member_number(out, "p", decides->p);
    nl_json_member_number(out, "p_adjusted", decides->adjusted);
    add_tests(out, claim);
    bool paired = claim->effect.first_n == 0 && (!decides->name || strcmp(decides->name, "Fisher") != 0);
    nl_text_add(out, paired ? ", \"n\": %d, \"pairs\": %d" : ", \"n\": %d, \"pairs\": null", claim->effect.n,
                claim->effect.n);
    nl_text_add(out, ", \"failures\": [{\"failed\": %d, \"of\": %d}, {\"failed\": %d, \"of\": %d}]", claim->failed[0],
                claim->runs[0], claim->failed[1], claim->runs[1]);
    if (claim->other_part > 0.0)
        nl_json_member_number(out, "other_part", claim->other_part * claim->scale);
    if (!isnan(claim->rate))
        nl_json_member_number(out, "rate", claim->rate);
    if (!isnan(claim->seen_from))
        nl_json_member_number(out, "seen_from", claim->seen_from);
    for (int i = 0; i < claim->doses; i++) {
        nl_text_add(out, i ? ", {\"x\": " : ", \"points\": [{\"x\": ");
        nl_json_add_number(out, claim->dose[i].x);
        nl_json_member_number(out, "effect", claim->dose[i].effect.mean * claim->scale);
        nl_json_member_number(out, "lower", claim->dose[i].effect.lower * claim->scale);
        nl_json_member_number(out, "upper", claim->dose[i].effect.upper * claim->scale);
        nl_json_member_number(out, "p_reaches", nl_threshold_p(&claim->dose[i].effect, claim->smallest / claim->scale));
        nl_text_add(out, ", \"pairs\": %d}%s", claim->dose[i].effect.n, i + 1 == claim->doses ? "]" : "");
    }
    nl_text_add(out, "}");
}

static void add_lines(struct nl_text *out, const char *name, const struct nl_text *lines, int indent)
{
    nl_text_add(out, ",\n%*s\"%s\": [", indent + 2, "", name);
    for (const char *line = lines->at; line && *line;) {
        int length = (int)strcspn(line, "\n");
        char *copy = nl_format("%.*s", length, line);
        nl_text_add(out, "%s\n%*s", line == lines->at ? "" : ",", indent + 4, "");
        nl_json_add(out, copy);
        free(copy);
        line += length + (line[length] == '\n');
    }
    if (lines->length > 0)
        nl_text_add(out, "\n%*s", indent + 2, "");
    nl_text_add(out, "]");
}

void nl_answer_json(struct nl_text *out, const struct nl_answer *answer, int indent)
{
    nl_text_add(out, "{\n%*s\"question\": \"%s\",\n", indent + 2, "", nl_question_names[answer->question]);
    nl_text_add(out, "%*s\"trials\": {\"planned\": %d, \"missing\": %d, \"failed\": %d},\n", indent + 2, "",
                answer->planned, answer->missing, answer->failed);
    nl_text_add(out, "%*s\"tests\": %d,\n%*s\"adjustment\": \"bonferroni\",\n%*s\"claims\": [", indent + 2, "",
                answer->tests, indent + 2, "", indent + 2, "");
    for (int i = 0; i < answer->claims; i++) {
        nl_text_add(out, "%s\n%*s", i ? "," : "", indent + 4, "");
        add_claim(out, &answer->claim[i], answer->level);
    }
    nl_text_add(out, answer->claims ? "\n%*s]" : "%*s]", answer->claims ? indent + 2 : 0, "");
    add_lines(out, "incomplete", &answer->incomplete, indent);
    add_lines(out, "headline", &answer->headline, indent);
    add_lines(out, "evidence", &answer->evidence, indent);
    add_lines(out, "notes", &answer->notes, indent);
    nl_text_add(out, "\n%*s}", indent, "");
}
