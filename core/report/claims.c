/* What a report says of published claims. */
#include <ctype.h>
#include <stdlib.h>

#include "report/report.h"

static const char *quick_of(const struct nl_outcome *outcome)
{
    return outcome->quick ? " (quick protocol)" : "";
}

void nl_report_add_unjudged(struct nl_document *document, const struct nl_outcome *outcome, int count)
{
    struct nl_text names = {0};
    int incomplete = 0;
    for (int i = 0; i < count; i++)
        if (outcome[i].verdict == NL_INCOMPLETE)
            nl_text_add(&names, incomplete++ ? ", %s" : "%s", outcome[i].name);
    if (incomplete)
        nl_document_add(document, NL_BLOCK_WARNING, 0,
                        "INCOMPLETE: trials are missing for %d of %s, which have no verdict: %s.", incomplete,
                        NL_COUNT(count, "claim"), names.at);
    nl_text_release(&names);
}

static void add_summary(struct nl_document *document, const struct nl_outcome *outcome, int count)
{
    static const char *const head[] = {"claim", "outcome", "what the paper says", "source", NULL};
    nl_document_table(document, "Published claims and their outcomes here.", 1, head);
    for (int i = 0; i < count; i++) {
        char *title = nl_outcome_title(&outcome[i]), *verdict = nl_format("%s%s", title, quick_of(&outcome[i]));
        nl_document_row(document, (const char *const[]){outcome[i].name, verdict, outcome[i].published->says,
                                                        outcome[i].published->source});
        free(title);
        free(verdict);
    }
}

static void add_part(struct nl_document *document, const struct nl_judged *part, double level)
{
    struct nl_text text = {0};
    nl_say_judged(&text, part, level);
    nl_document_add(document, NL_BLOCK_ITEM, 0, "%s (%s): %s", part->part->says, nl_part_kind_names[part->part->kind],
                    text.at);
    nl_text_release(&text);
}

/* What of these is judged beside the part. */
static void add_beside(struct nl_document *document, const struct nl_outcome *outcome, const struct nl_judged *judged,
                       int count, const struct nl_judged *part)
{
    for (int i = 0; i < count; i++) {
        struct nl_text text = {0};
        if (judged[i].part != part->part)
            continue;
        nl_say_beside(&text, outcome, &judged[i]);
        text.at[0] = (char)toupper((unsigned char)text.at[0]);
        nl_text_add(&text, ": ");
        nl_say_judged(&text, &judged[i], outcome->level);
        nl_document_add(document, NL_BLOCK_ITEM, 1, "%s", text.at);
        nl_text_release(&text);
    }
}

static void add_parts(struct nl_document *document, const struct nl_outcome *outcome)
{
    const struct nl_published *published = outcome->published;
    if (published->parts)
        nl_document_add(document, NL_BLOCK_PARAGRAPH, 0,
                        outcome->parts ? "Here, part by part:" : "Its parts, none of which was judged:");
    for (int i = 0; i < outcome->parts; i++) {
        add_part(document, &outcome->part[i], outcome->level);
        add_beside(document, outcome, outcome->hinge, outcome->hinged, &outcome->part[i]);
        add_beside(document, outcome, outcome->same, outcome->sames, &outcome->part[i]);
        add_beside(document, outcome, outcome->control, outcome->controls, &outcome->part[i]);
    }
    for (int i = 0; i < published->parts && !outcome->parts; i++)
        nl_document_add(document, NL_BLOCK_ITEM, 0, "%s (%s)", published->part[i].says,
                        nl_part_kind_names[published->part[i].kind]);
    for (int i = 0; i < outcome->tries; i++)
        nl_document_add(document, NL_BLOCK_ITEM, 0, "Under the objection (%s): %s.", outcome->tried[i].says,
                        nl_outcome_verdict_names[outcome->tried[i].verdict]);
}

static void add_if(struct nl_document *document, const char *what, const char *text)
{
    if (text)
        nl_document_add(document, NL_BLOCK_PARAGRAPH, 0, "%s: %s", what, text);
}

static void add_figures(struct nl_document *document, const struct nl_report_source *source, int number,
                        struct nl_report_figures *figures)
{
    char *name = nl_report_name(source->folder, number);
    figures->name = nl_format("claim-%s", name);
    nl_report_add_figures(document, source, figures);
    free(figures->name);
    free(name);
}

static void add_claim(struct nl_document *document, const struct nl_outcome *outcome)
{
    const struct nl_published *published = outcome->published;
    char *title = nl_outcome_title(outcome);
    nl_document_add(document, NL_BLOCK_HEADING, 0, "%s: %s%s", outcome->name, title, quick_of(outcome));
    free(title);
    if (outcome->declared == NL_DECLARED_OTHERWISE)
        nl_document_add(document, NL_BLOCK_WARNING, 0,
                        "The claim or its protocol was changed after its first trial was run.");
    else if (outcome->declared == NL_NOT_DECLARED)
        nl_document_add(document, NL_BLOCK_WARNING, 0, "The claim was not declared before its trials were run.");
    nl_document_lines(document, outcome->reason.at);
    nl_document_add(document, NL_BLOCK_PARAGRAPH, 0, "The paper says: %s (%s)", published->says, published->source);
    add_if(document, "Its figures", published->figures);
    add_parts(document, outcome);
    if (outcome->hinge_seeds) {
        struct nl_text hinged = {0};
        nl_say_hinged(&hinged, outcome);
        nl_document_add(document, NL_BLOCK_PARAGRAPH, 0, "%s", hinged.at);
        nl_text_release(&hinged);
    }
    if (outcome->failures.failed) {
        struct nl_text failures = {0};
        nl_say_failed_runs(&failures, outcome);
        nl_document_add(document, NL_BLOCK_PARAGRAPH, 0, "%s", failures.at);
        nl_text_release(&failures);
    }
    if (outcome->one_part) {
        struct nl_text shared = {0};
        nl_say_one_part(&shared, outcome);
        nl_document_add(document, NL_BLOCK_PARAGRAPH, 0, "%s", shared.at);
        nl_text_release(&shared);
    }
    add_if(document, "What differs from the paper's protocol", published->differs);
    add_if(document, "Objection of the paper", published->objection);
}

void nl_report_add_claims(struct nl_document *document, const struct nl_outcome *outcome, int count,
                          const struct nl_report_source *const *source, struct nl_report_figures *figures,
                          const char *command)
{
    add_summary(document, outcome, count);
    nl_document_add(document, NL_BLOCK_PARAGRAPH, 0, "To run what is missing and judge all anew:");
    nl_document_add(document, NL_BLOCK_CODE, 0, "%s", command);
    for (int i = 0; i < count && !(figures->stop && *figures->stop); i++) {
        add_claim(document, &outcome[i]);
        if (source[i])
            add_figures(document, source[i], i + 1, figures);
    }
}
