/* Trials that other sweeps have trained already: in the folders beside a results folder, and in those of their rounds
 * (sweep/rounds.h). A trial is the same by its identity, which is the name of its file, so that a folder without any of
 * them costs a listing, and no file is read but those that are taken. */
#ifndef NL_SWEEP_REUSE_H
#define NL_SWEEP_REUSE_H

#include "sweep/store.h"
#include "sweep/todo.h"

/* What one folder gave. */
struct nl_source_folder {
    char *folder; /* as a user may name it, from the path of the results folder */
    int trials;
};

struct nl_reuse {
    int count, capacity;
    struct nl_source_folder *at; /* in the order of the folders' names */
    int trials;                  /* of all of them */
};

/* Whether trials of the experiment may be taken from elsewhere: a published claim is judged by trials of its own. */
bool nl_may_reuse(const struct nl_experiment *experiment, const struct nl_choice *choice);

/* Fills in the records of those trials of todo that are absent or could not be run, and that a folder beside `folder`
 * has with a result that satisfies the choice; they leave todo. Such a record says where it was taken from (`taken`),
 * and not how long it took. folder: OUT, whatever its rounds. to: the store that the files are copied to; NULL: none is
 * written. Passed over are hidden folders, links, folders that cannot be read, those of other users where everybody
 * may write, and those whose experiment.yaml does not say that they are of these numerics; so are damaged files, files
 * of an earlier version that lack scores of today, and trials that observe points (log.toward and log.statistics decide
 * what is seen there, and stand in no identity). No lock is waited for: files of trials appear whole. NL_FAIL: a copy
 * cannot be written. *out: to be released in both cases. earlier: gets nl_provenance_earlier of these folders, beside
 * what it has; NULL: nobody asks. */
int nl_reuse(const char *folder, const struct nl_grid *grid, const struct nl_choice *choice, struct nl_record *record,
             int *todo, int *count, const struct nl_store *to, struct nl_reuse *out, struct nl_text *earlier,
             struct nl_error *err);
void nl_reuse_release(struct nl_reuse *reuse);

/* Adds a line for each folder, with its builds, that trials were taken from: "results/a (0.9.0, c482f1f): 12 trials,
 * begun from 2026-11-27T10:00:00Z to 2026-11-27T10:05:00Z". */
void nl_taken_lines(const struct nl_record *record, int trials, struct nl_text *out);

#endif
