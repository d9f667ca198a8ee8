/* For tests: a sweep of a text, with a results folder of its own. */
#ifndef TESTS_SWEEPS_H
#define TESTS_SWEEPS_H

#include <check.h>
#include <stdlib.h>

#include "base/files.h"
#include "base/memory.h"
#include "experiments.h"
#include "scratch.h"
#include "sweep/sweep.h"

/* Eight trials, of a few steps each, and the parts of their text. */
#define HEAD "data: {train: 256, test: 64}\nmodel: {depth: 1, width: 8}\n"
#define NORM "norm: {groups: 4, eval: [running, batch]}\n"
#define TRAIN "train: {epochs: 2, lr: 0.1}\n"
#define DEVICE "device: {kind: ref}\n"
#define GRID "sweep: {grid: {norm.kind: [bn, gn], train.batch: [32, 8]}, seeds: 2}\n"
static const char small[] = HEAD NORM TRAIN DEVICE GRID;

/* What a sweep needs, from YAML. */
struct setting {
    char *scratch, *out;
    struct nl_experiment experiment;
    struct nl_grid grid;
    struct nl_datasets datasets;
    struct nl_text notes;
};

static inline struct setting set_up_for(const char *yaml, bool elsewhere)
{
    struct nl_error err;
    struct setting s = {.scratch = scratch_make()};
    s.out = nl_path_join(s.scratch, "out");
    s.experiment = load(s.scratch, yaml, NULL);
    s.experiment.elsewhere = elsewhere;
    s.grid = unfold(&s.experiment);
    ck_assert_msg(nl_grid_identify(&s.grid, &s.datasets, &err) == NL_OK, "%s", err.text);
    return s;
}

static inline struct setting set_up(const char *yaml)
{
    return set_up_for(yaml, false);
}

static inline void tear_down(struct setting *s)
{
    nl_datasets_release(&s->datasets);
    nl_grid_release(&s->grid);
    nl_text_release(&s->notes);
    free(s->out);
    scratch_remove(s->scratch);
}

static inline void keep_note(void *context, bool warning, const char *line)
{
    struct setting *s = context;
    nl_text_add(&s->notes, "%s%s\n", warning ? "warning: " : "", line);
}

static inline struct nl_sweep_result sweep(struct setting *s, int workers)
{
    struct nl_error err = {0};
    struct nl_sweep_result result;
    struct nl_sweep_options options = {
        .folder = s->out, .command = "test", .runner = {.workers = workers, .note = keep_note, .context = s}};
    nl_text_release(&s->notes);
    nl_text_add(&s->notes, "%s", "");
    ck_assert_msg(nl_sweep(&s->experiment, &s->grid, &s->datasets, &options, &result, &err) == NL_OK, "%s", err.text);
    return result;
}

static inline char *read_result(const struct setting *s, const char *name)
{
    struct nl_error err;
    char *path = nl_path_join(s->out, name), *text = nl_file_read(path, NULL, &err);
    ck_assert_msg(text != NULL, "%s", err.text);
    free(path);
    return text;
}

static inline struct nl_showing showing_of(const struct setting *s)
{
    return (struct nl_showing){.experiment = &s->experiment, .grid = &s->grid, .datasets = &s->datasets};
}

static inline char *trial_file(const struct setting *s, int trial)
{
    return nl_format("%s/trials/%s.trial", s->out, s->grid.trial[trial].id);
}

#endif
