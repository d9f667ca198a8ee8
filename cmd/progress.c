#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "cmd.h"

enum { PLAIN_SECONDS = 10, NARROWEST = 20, USUAL_WIDTH = 80 };

void begin_progress(struct progress_line *line)
{
    *line = (struct progress_line){.terminal = isatty(STDERR_FILENO), .failure = -1};
}

static int failed_trials(const struct nl_progress *progress)
{
    int failed = 0;
    for (int outcome = 0; outcome < NL_OUTCOMES; outcome++)
        failed += outcome != NL_DONE ? progress->outcome[outcome] : 0;
    return failed;
}

char *progress_text(const struct nl_progress *progress)
{
    struct nl_text out = {0};
    int done = progress->present + progress->finished, failed = failed_trials(progress);
    char loss[32];
    if (progress->total == 1)
        nl_text_add(&out, "step %lld/%lld  loss %s", (long long)progress->step, (long long)progress->steps,
                    loss_text(progress->loss, loss));
    else
        nl_text_add(&out, "%d/%d done, %d running", done, progress->total, progress->running);
    if (failed && progress->total > 1)
        nl_text_add(&out, ", %d failed", failed);
    char time[32];
    nl_text_add(&out, "  %s", time_text(progress->seconds, time));
    if (progress->left >= 0 && progress->left < 1e8 && done < progress->total)
        nl_text_add(&out, ", about %s left", time_text(progress->left, time));
    return out.at;
}

/* To the beginning of the first line that is drawn. */
static void go_back(const struct progress_line *line)
{
    if (line->drawn > 1)
        fprintf(stderr, "\033[%dA", line->drawn - 1);
    fputs("\r", stderr);
}

static void clear_line(struct progress_line *line)
{
    if (line->drawn) {
        go_back(line);
        fputs("\033[J", stderr);
    }
    line->drawn = 0;
}

static void draw(struct progress_line *line, const char *text, bool failed)
{
    int width = terminal_width(stderr), room = (width >= NARROWEST ? width : USUAL_WIDTH) - 1;
    go_back(line);
    fprintf(stderr, "%s%.*s%s\033[K", failed ? "\033[33m" : "", room, text, failed ? "\033[0m" : "");
    line->drawn = 1;
    for (const char *at = line->below; at && *at; at += strcspn(at, "\n") + 1) {
        fprintf(stderr, "\n%.*s\033[K", (int)strcspn(at, "\n"), at);
        line->drawn++;
    }
    fputs("\033[J", stderr);
}

void show_progress(void *context, const struct nl_progress *progress)
{
    struct progress_line *line = context;
    bool last = progress->running == 0 && progress->present + progress->finished == progress->total;
    bool due = line->terminal || last || progress->seconds - line->last >= PLAIN_SECONDS;
    if (output.quiet || !due || (last && line->ended))
        return;
    line->ended = last;
    char *text = progress_text(progress);
    if (line->terminal) {
        draw(line, text, coloured(stderr) && failed_trials(progress) > 0);
    } else {
        fprintf(stderr, "%s\n", text);
        line->last = progress->seconds;
    }
    fflush(stderr);
    free(text);
}

void show_note(void *context, bool warning, const char *text)
{
    struct progress_line *line = context;
    clear_line(line);
    if (warning || !output.quiet)
        tell(stderr, "%s\n", text);
}

void show_finished(void *context, const struct nl_grid *grid, int trial, const struct nl_record *record)
{
    struct progress_line *line = context;
    if (nl_record_outcome(record) != NL_DONE && line->failure < 0)
        line->failure = trial;
    if (!output.verbose || output.quiet)
        return;
    clear_line(line);
    char *label = nl_grid_label(grid, &grid->trial[trial]);
    fprintf(stderr, "trial %d (%s): %s, %s in %.2f s\n", trial + 1, label, nl_outcome_titles[nl_record_outcome(record)],
            NL_COUNT(record->steps, "step"), record->seconds);
    free(label);
}

void end_progress(struct progress_line *line)
{
    clear_line(line);
}
