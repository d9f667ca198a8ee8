/* The page of `normlab sweep --live`: written anew every few seconds while a sweep runs, and once at its end. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/files.h"
#include "base/memory.h"
#include "cmd.h"
#include "report/report.h"

enum { RELOAD = 5 /* seconds */, MOST_SHARE = 20 /* a page may take one part in so many of the time */ };

bool live_path_is_good(const char *path)
{
    const char *ending = strrchr(path, '.');
    if (!ending || strcmp(ending, ".html") != 0) {
        bad_input("normlab sweep FILE --live page.html", "--live writes a page, whose name ends with .html: '%s'",
                  path);
        return false;
    }
    if (!can_be_written(path) || !is_outside_trials("--live", path))
        return false;
    if (nl_file_exists(path) && !nl_live_is_own(path)) {
        bad_input("--live replaces nothing but its own pages", "'%s' is there already and is no such page", path);
        return false;
    }
    return true;
}

static bool remember(struct live *live, struct nl_error *err)
{
    return know_ended(&live->ended, live->round->folder, &live->plan->grid, err);
}

/* ---- writing ---- */

static void complain(struct live *live, struct progress_line *line, const char *why)
{
    char *text = nl_format("warning: --live: %s; the sweep goes on", why);
    if (!live->complained)
        show_note(line, true, text);
    live->complained = true;
    free(text);
}

static struct nl_report_source source_of(const struct live *live, const struct nl_planned *planned, const char *tables)
{
    return (struct nl_report_source){.folder = live->round->folder,
                                     .tables = tables,
                                     .experiment = &live->plan->experiment,
                                     .grid = &live->plan->grid,
                                     .planned = planned};
}

/* tables NULL: from the records. line: of the progress that is shown meanwhile. */
static void write_page(struct live *live, struct progress_line *line, const char *tables, const char *state, bool last)
{
    struct nl_error err = {{0}};
    if (!tables && !remember(live, &err)) {
        complain(live, line, err.text);
        return;
    }
    double began = nl_seconds();
    struct nl_planned planned = nl_grid_planned(&live->plan->grid);
    char *varies = what_varies(&live->plan->experiment),
         *round = live->rounds ? nl_format("%d, %s", live->round->number, nl_round_names[live->round->kind]) : NULL;
    const struct nl_report_source whole = {.folder = live->folder, .experiment = &live->plan->experiment};
    char *title = nl_report_title(&whole);
    const struct nl_live page = {.source = source_of(live, &planned, tables),
                                 .title = title,
                                 .judges = live->round->kind != NL_ROUND_TUNING,
                                 .record = tables ? NULL : live->ended.record,
                                 .varies = varies,
                                 .round = round,
                                 .before = live->round->kind == NL_ROUND_SAME ? live->before : NULL,
                                 .state = state,
                                 .reload = last ? 0 : RELOAD};
    char *html = nl_live_html(&page);
    /* The last page is on the disk when the program ends; others are there again in a moment. */
    if ((last ? nl_file_write : nl_file_put)(live->path, html, strlen(html), &err) != NL_OK)
        complain(live, line, err.text);
    free(html);
    free(title);
    free(round);
    free(varies);
    nl_planned_release(&planned);
    double now = nl_seconds(), pause = MOST_SHARE * (now - began);
    live->due = now + (pause > RELOAD ? pause : RELOAD);
}

/* ---- what a sweep tells it ---- */

void live_begin_round(struct live *live, const struct nl_round *round, const struct plan *plan)
{
    live->round = round;
    live->plan = plan;
    live->due = 0.0;
}

void live_finished(struct live *live, int trial, const struct nl_record *record)
{
    struct nl_error err;
    if (!live->path || !remember(live, &err))
        return; /* the page says it when it is written */
    add_ended(&live->ended, trial, record);
}

void live_progress(struct live *live, struct progress_line *line, const struct nl_progress *progress)
{
    if (!live->path || nl_seconds() < live->due)
        return;
    char *where = progress_text(progress), *state = nl_format("Training: %s", where);
    write_page(live, line, NULL, state, false);
    free(state);
    free(where);
}

void live_end_round(struct live *live, struct progress_line *line, const struct nl_sweep_result *result,
                    const char *failure)
{
    int done = result->trials - result->absent;
    const char *of = NL_COUNT(result->trials, "trial");
    free(live->state);
    if (!live->path || !result->started)
        live->state = NULL;
    else if (failure)
        live->state = nl_format("Stopped by an error: %s", failure);
    else if (result->left)
        live->state = nl_format("Stopped%s: %d of %s %s done; the same command goes on",
                                result->stop == NL_STOP_TIME      ? ", for the time is up"
                                : result->stop == NL_STOP_FAILURE ? " at a failure"
                                                                  : "",
                                done, of, nl_agree(done, "is", "are"));
    else if (result->absent)
        live->state = nl_format("Done: this part of the sweep, %d of %s", done, of);
    else if (result->errors)
        live->state =
            nl_format("Done, but %s could not be run; the same command tries again", NL_COUNT(result->errors, "trial"));
    else
        live->state = nl_format("Done: %s", of);
    if (live->state && failure) /* the tables may be those of before, and the records are released next */
        write_page(live, line, NULL, live->state, true);
    forget_ended(&live->ended);
    live->ran = live->state && !failure;
}

void live_pass(struct live *live)
{
    struct progress_line line;
    begin_progress(&line);
    if (!live->path || !live->ran)
        return;
    if (live->round->kind == NL_ROUND_GRID) {
        struct nl_planned planned = nl_grid_planned(&live->plan->grid);
        const struct nl_report_source source = source_of(live, &planned, live->round->folder);
        free(live->before);
        live->before = nl_live_answer(&source);
        nl_planned_release(&planned);
    }
    char *state = nl_format("Round %d is done; the next one begins", live->round->number);
    write_page(live, &line, live->round->folder, state, false);
    free(state);
    live->ran = false;
}

void live_end(struct live *live)
{
    struct progress_line line;
    begin_progress(&line);
    if (live->path && live->ran)
        write_page(live, &line, live->round->folder, live->state, true);
    free(live->state);
    free(live->before);
    *live = (struct live){0};
}
