/* Where the methods of a sweep stand, below the line of its progress. Who looks at a terminal sees a trial that ended
 * within a second; a large sweep, whose table takes a while to make, less often. */
#include "plot/standing.h"
#include "base/clock.h"
#include "base/memory.h"
#include "cmd.h"

enum {
    PAUSE = 1 /* second */,
    MOST_SHARE = 20 /* the table may take one part in so many of the time */,
    MOST_LINES = 16
};

void begin_standing(struct standing *standing, const char *folder, const struct plan *plan)
{
    *standing = (struct standing){.folder = folder, .plan = plan, .stale = true};
}

static bool is_shown(const struct progress_line *line)
{
    return line->terminal && !output.quiet;
}

void standing_finished(struct standing *standing, const struct progress_line *line, int trial,
                       const struct nl_record *record)
{
    struct nl_error err;
    if (!is_shown(line) || !know_ended(&standing->ended, standing->folder, &standing->plan->grid, &err))
        return; /* the sweep itself says what is wrong with its folder */
    add_ended(&standing->ended, trial, record);
    standing->stale = true;
}

void standing_progress(struct standing *standing, struct progress_line *line, const struct nl_progress *progress)
{
    struct nl_error err;
    int columns = terminal_width(stderr) - 1, rows = terminal_height(stderr) - 2;
    double began = nl_seconds();
    bool resized = columns != standing->columns;
    if (!is_shown(line) || (!resized && (!standing->stale || began < standing->due)) ||
        progress->present + progress->finished == 0 ||
        !know_ended(&standing->ended, standing->folder, &standing->plan->grid, &err))
        return;
    nl_text_release(&standing->lines);
    if (nl_standing_add(&standing->plan->grid, standing->ended.record, &standing->plan->experiment, columns,
                        rows < MOST_LINES ? rows : MOST_LINES, &standing->lines, &err) != NL_OK)
        nl_text_release(&standing->lines); /* what is wrong with the records is said at the end */
    line->below = standing->lines.at;
    standing->stale = false;
    standing->columns = columns;
    double now = nl_seconds(), pause = MOST_SHARE * (now - began);
    standing->due = now + (pause > PAUSE ? pause : PAUSE);
}

void end_standing(struct standing *standing)
{
    forget_ended(&standing->ended);
    nl_text_release(&standing->lines);
}
