/* A page about a sweep that is at work: where it stands, and what has ended. */
#include <stdlib.h>
#include <time.h>

#include "plot/sketch.h"
#include "report/section.h"
#include "sweep/store.h"

const char nl_live_mark[] = "Written by normlab sweep as its live page; the next one of this name replaces it.";

static void add_curves(const struct nl_report_section *s, struct nl_curves *curves)
{
    struct nl_text said = {0};
    struct nl_sketch sketch;
    struct nl_error err = {{0}};
    const struct nl_picture picture = {.results = s->results,
                                       .experiment = s->experiment,
                                       .folder = s->source->folder,
                                       .home = s->source->folder,
                                       .note = &said,
                                       .left_out = &said};
    nl_section_heading(s, "Curves");
    int status = nl_sketch_curves(&picture, curves, &sketch, &err);
    if (status != NL_OK) {
        nl_document_add(s->document, NL_BLOCK_WARNING, 0, "The curves cannot be drawn: %s", err.text);
    } else if (sketch.drawing) {
        nl_document_figure(s->document, sketch.caption.at, sketch.alt.at, "", sketch.drawing);
        sketch.drawing = NULL;
    } else {
        nl_document_add(s->document, NL_BLOCK_PARAGRAPH, 0, "%s", sketch.caption.at);
    }
    nl_sketch_release(&sketch);
    nl_text_release(&said);
}

/* answer NULL: nothing is judged. */
static void add_results(struct nl_document *document, const struct nl_live *live, const struct nl_results *results,
                        struct nl_curves *curves, const struct nl_answer *answer)
{
    const struct nl_answer counts = {
        .planned = results->planned, .missing = results->missing, .failed = nl_results_failures(results).failed};
    const struct nl_report_section s = {.document = document,
                                        .source = &live->source,
                                        .experiment = live->source.experiment,
                                        .results = results,
                                        .answer = answer ? answer : &counts};
    if (answer) {
        nl_section_incomplete(document, answer);
        nl_section_heading(&s, live->before ? "Answer with the same values for all" : "Answer");
        nl_section_answer(document, answer);
        nl_section_notes(&s);
    }
    add_curves(&s, curves);
    nl_section_heading(&s, "Table");
    nl_section_grid(&s);
    nl_section_failures(&s);
}

/* Makes results and curves of the trials that have ended, as the tables of the folder would have them. */
static int load_ended(const struct nl_live *live, struct nl_results *results, struct nl_curves *curves,
                      struct nl_error *err)
{
    const struct nl_report_source *source = &live->source;
    if (nl_records_results(source->grid, live->record, source->experiment, results, err))
        return NL_FAIL;
    int status = nl_records_curves(source->grid, live->record, curves, err);
    if (status != NL_OK)
        nl_results_release(results);
    return status;
}

static int load_tables(const struct nl_live *live, struct nl_results *results, struct nl_curves *curves,
                       struct nl_error *err)
{
    const struct nl_report_source *source = &live->source;
    if (nl_results_load(source->tables, source->experiment, source->planned, results, err))
        return NL_FAIL;
    int status = nl_curves_load(results, "curves.csv", curves, err);
    if (status != NL_OK)
        nl_results_release(results);
    return status;
}

static int add_ended(struct nl_document *document, const struct nl_live *live, struct nl_error *err)
{
    struct nl_results results;
    struct nl_curves curves = {0};
    struct nl_answer answer;
    if ((live->source.tables ? load_tables : load_ended)(live, &results, &curves, err) != NL_OK)
        return NL_FAIL;
    bool judges = live->source.tables && live->judges;
    if (judges)
        nl_answer_make(&results, live->source.experiment, &answer);
    add_results(document, live, &results, &curves, judges ? &answer : NULL);
    if (judges)
        nl_answer_release(&answer);
    nl_results_release(&results);
    return NL_OK;
}

static bool any_ended(const struct nl_live *live)
{
    bool any = live->source.tables != NULL;
    for (int i = 0; live->record && i < live->source.grid->trials; i++)
        any |= live->record[i].present;
    return any;
}

char *nl_live_answer(const struct nl_report_source *source)
{
    struct nl_results results;
    struct nl_answer answer;
    struct nl_error err;
    if (nl_results_load(source->tables, source->experiment, source->planned, &results, &err) != NL_OK)
        return NULL;
    nl_answer_make(&results, source->experiment, &answer);
    char *text = nl_answer_text(&answer, false);
    nl_answer_release(&answer);
    nl_results_release(&results);
    return text;
}

char *nl_live_html(const struct nl_live *live)
{
    struct nl_document document;
    struct nl_error err = {{0}};
    char written[64];
    time_t now = time(NULL);
    struct tm local;
    strftime(written, sizeof written, "%Y-%m-%d %H:%M:%S %z", localtime_r(&now, &local));
    nl_document_begin(&document, live->title, false);
    document.mark = nl_live_mark;
    document.reload = live->reload;
    nl_document_add(&document, NL_BLOCK_WARNING, 0, "%s.", live->state);
    if (live->round)
        nl_document_add(&document, NL_BLOCK_ITEM, 0, "Round %s.", live->round);
    if (*live->varies)
        nl_document_add(&document, NL_BLOCK_ITEM, 0, "What varies: %s.", live->varies);
    nl_document_add(&document, NL_BLOCK_ITEM, 0, "Results folder: %s", live->source.folder);
    if (live->reload > 0)
        nl_document_add(&document, NL_BLOCK_ITEM, 0,
                        "Written at %s; this page loads itself anew every %s. Where this time does not change any "
                        "more, the sweep does not run any more.",
                        written, NL_COUNT(live->reload, "second"));
    else
        nl_document_add(&document, NL_BLOCK_ITEM, 0, "Written at %s.", written);
    if (live->before) {
        nl_document_add(&document, NL_BLOCK_HEADING, 0, "Answer with the values of each point");
        nl_document_lines(&document, live->before);
    }
    if (!any_ended(live))
        nl_document_add(&document, NL_BLOCK_PARAGRAPH, 0, "No trial has ended yet.");
    else if (add_ended(&document, live, &err) != NL_OK)
        nl_document_add(&document, NL_BLOCK_WARNING, 0, "The results cannot be shown: %s", err.text);
    char *html = nl_document_html(&document);
    nl_document_release(&document);
    return html;
}
