/* A results folder: finished trials as files of their own, and the tables made from them.
 *
 *     OUT/experiment.yaml        the resolved experiment and what it was made with; its first line promises a seal, its
 *                                last is it (base/seal.h)
 *     OUT/trials/ID.trial        a finished trial (sweep/record.h), written whole or not at all
 *     OUT/trials/ID.checkpoint   an unfinished one, if that was asked for
 *     OUT/trials/ID.*.damaged    one of these that was read and was bad
 *     OUT/trials.csv             )
 *     OUT/curves.csv             ) assembled from the finished trials in grid order: they are the same bytes whatever
 *     OUT/metrics.csv            ) the number of workers, the order of finishing and restarts (timing.csv, kept apart
 *     OUT/timing.csv             ) for that, is not); metrics.csv where tensors are observed
 *     OUT/summary.csv            made from trials.csv (stats/summary.h)
 *     OUT/SHA256SUMS             checksums of the tables (base/sums.h): written when all of them are, and gone before
 *                                one of them changes
 *     OUT/.lock                  held while a program works in the folder
 *
 * A trial is found by its identity, so more seeds or more values of an axis under the same --out run only what is
 * missing. The tables show the grid that experiment.yaml describes, the one asked for last. Nothing that was trained
 * disappears from view unasked: nl_store_open refuses a grid that lacks a trained trial of the one before (other
 * settings, fewer seeds or values, another version's numerics, other data), and another question (other axes). With
 * showing.replace the folder shows the new grid; the trials of the old one stay in trials/, and its command, again with
 * --replace, shows them again.
 */
#ifndef NL_SWEEP_STORE_H
#define NL_SWEEP_STORE_H

#include "base/memory.h"
#include "sweep/grid.h"
#include "sweep/provenance.h"
#include "sweep/record.h"

enum { NL_TABLES = 5 };
extern const char *const nl_table_files[NL_TABLES]; /* trials.csv, curves.csv, timing.csv, summary.csv, metrics.csv */
extern const char *const nl_store_files[]; /* all that a folder holds beside trials/ and plots/; NULL at the end */

struct nl_store {
    char *folder;
    int lock;  /* file descriptor */
    char *local_lock; /* why the lock may not keep another machine out (base/locks.h); NULL: it does */
    int swept; /* half-written files of a killed program that opening took away */
};

/* A folder that is only read, or that nobody else knows: without a lock, not to be closed. */
struct nl_store nl_store_at(const char *folder);

/* Whether the folder holds results, whole or not. */
bool nl_store_exists(const char *folder);

/* What experiment the folder's results are of, and what they were made with. NL_FAIL: it holds none, or they cannot be
 * read. */
int nl_store_read(const char *folder, struct nl_experiment *experiment, struct nl_provenance *made,
                  struct nl_error *err);

/* Whether its results can be pooled with those of the experiment (sweep/merge.h), as far as the two experiments
 * tell. */
bool nl_store_fits(const char *folder, const struct nl_experiment *experiment);

/* The grid of that experiment. NL_FAIL: it cannot be made any more, and there is nothing to release. */
int nl_store_grid(const char *folder, const struct nl_experiment *experiment, struct nl_grid *out,
                  struct nl_error *err);

/* For what a folder is asked. */
struct nl_showing {
    const struct nl_experiment *experiment;
    const struct nl_grid *grid;         /* of it, identified */
    const struct nl_datasets *datasets; /* of the grid */
    bool replace;                       /* what the folder shows may disappear from view */
};

/* What would disappear from view. */
struct nl_hidden {
    int trials;         /* of the grid that the folder shows: those with a result that the new grid does not have */
    struct nl_text why; /* what differs, a line each: "train.lr: 0.05 -> 0.12\n" */
    bool may_replace;   /* it was refused, and showing->replace would have it */
};
void nl_hidden_release(struct nl_hidden *hidden);

/* NL_FAIL: the folder may not show the new grid (see above); with showing->replace only where nobody can tell what it
 * holds. Either way *hidden is filled in, to be released. Writes nothing. */
int nl_store_refuse(const char *folder, const struct nl_showing *showing, struct nl_hidden *hidden,
                    struct nl_error *err);

/* Why trials of the folder are not those that would be run now: another version's numerics, other data. NULL: they are,
 * or there are no results yet. New string. */
char *nl_store_misfit(const struct nl_store *store, const struct nl_datasets *datasets);

/* Makes the folder if it is not there, and locks it. NL_FAIL: another program works there, nl_store_refuse refuses it
 * (asked before any file of the folder is touched, and once more when it is locked), or the disk does. *hidden as
 * there, to be released. */
int nl_store_open(struct nl_store *store, const char *folder, const struct nl_showing *showing,
                  struct nl_hidden *hidden, struct nl_error *err);
/* Before closing a store in which nothing was begun: takes away the empty folders that opening made. */
void nl_store_leave_nothing(const struct nl_store *store);
void nl_store_close(struct nl_store *store);

/* Whether a program works in the folder now. */
bool nl_store_in_use(const char *folder);

/* Locks a folder that is there, and changes nothing in it. */
int nl_store_lock(struct nl_store *store, const char *folder, struct nl_error *err);

/* What a folder keeps of those who began it. A folder that does not exist yet is begun with the experiment's claim. */
struct nl_begun {
    char claim[NL_HASH_HEX]; /* the checksum of the claim (config/published.h) that was declared then; "": none was */
    struct nl_text earlier;  /* nl_provenance_earlier; to be released */
    struct nl_text taken;    /* nl_taken_lines, which the caller adds and releases */
};
void nl_store_begun(const char *folder, const struct nl_experiment *experiment, struct nl_begun *begun);

/* Writes experiment.yaml, before anything else changes, and takes away the tables, which may not show what follows, so
 * that a killed program leaves nothing that could be taken for its results. command: the words of the command line, for
 * the record. begun: what nl_store_begun says. */
int nl_store_freeze(const struct nl_store *store, const struct nl_experiment *experiment,
                    const struct nl_datasets *datasets, const char *command, const struct nl_begun *begun,
                    struct nl_error *err);

/* record->present says whether the trial is there. NL_FAIL: its file cannot be read; NL_BAD: it is damaged. */
int nl_store_load(const struct nl_store *store, const struct nl_trial *trial, struct nl_record *record,
                  struct nl_error *err);

/* The trials that have a file in the folder, found by one listing: asked for one by one, each of 100,000 trials costs a
 * file server an answer, also those that other shards have. */
struct nl_store_listing {
    int count, capacity;
    char (*id)[NL_TRIAL_ID]; /* sorted */
};
int nl_store_list(const struct nl_store *store, struct nl_store_listing *out,
                  struct nl_error *err); /* NL_FAIL: it cannot be read */
void nl_store_listing_release(struct nl_store_listing *listing);
bool nl_store_lists(const struct nl_store_listing *listing, const struct nl_trial *trial);
/* As nl_store_load, without looking for what is not listed. */
int nl_store_load_listed(const struct nl_store *store, const struct nl_store_listing *listing,
                         const struct nl_trial *trial, struct nl_record *record, struct nl_error *err);

/* That of every trial: new array [grid->trials] for nl_records_release. *present: how many are there. warn: NULL, or is
 * told of each damaged file, as one whose trial is run again; where the store is locked, it is set aside. NULL: a file
 * cannot be read. */
struct nl_record *nl_store_load_all(const struct nl_store *store, const struct nl_grid *grid,
                                    void (*warn)(const void *context, const char *text), const void *context,
                                    int *present, struct nl_error *err);
char *nl_store_trial_path(const struct nl_store *store, const struct nl_trial *trial); /* of its file; new string */
/* Where the state of the trial is kept while it is unfinished (train/checkpoint.h); new string. */
char *nl_store_checkpoint_path(const struct nl_store *store, const struct nl_trial *trial);

/* durable: it is on the disk when this returns; else it is once nl_store_sync was called, and until then a power cut
 * may take it, but nothing that was there before. */
int nl_store_save(const struct nl_store *store, const struct nl_trial *trial, const struct nl_record *record,
                  bool durable, struct nl_error *err);

/* Waits until all saved trials are on the disk: many together take hardly longer than one. */
int nl_store_sync(const struct nl_store *store, struct nl_error *err);

/* Whether it is a name that a store gives in trials/: "0123456789abcdef.trial" with ending ".trial". */
bool nl_store_is_trial_file(const char *name, const char *ending);

/* Files that a sweep of this grid has no use for. Only names that a store gives are looked at. */
struct nl_leftover {
    char *path;
    const char *why; /* "half-written", "damaged", "set aside as damaged", "not in the grid", "its trial is finished" (a
                        checkpoint) */
    int64_t bytes;
};
struct nl_leftovers {
    int count, capacity;
    struct nl_leftover *at;
};
/* NL_FAIL: a folder, or a trial, cannot be read. To be released in both cases. */
int nl_store_leftovers(const struct nl_store *store, const struct nl_grid *grid, struct nl_leftovers *out,
                       struct nl_error *err);
void nl_leftovers_release(struct nl_leftovers *leftovers);

/* Writes trials.csv, curves.csv, timing.csv and, where tensors are observed, metrics.csv; record[i] belongs to
 * grid->trial[i]. Absent trials have no row. */
int nl_store_assemble(const struct nl_store *store, const struct nl_grid *grid, const struct nl_record *record,
                      struct nl_error *err);

/* Writes the tables of nl_store_assemble, then summary.csv if any trial is there, and last the checksums of all of
 * them. */
int nl_store_write_tables(const struct nl_store *store, const struct nl_experiment *experiment,
                          const struct nl_grid *grid, const struct nl_record *record, struct nl_error *err);

/* Texts of these tables; new strings (sweep/tables.c). NULL: there is nothing to observe. */
char *nl_trials_csv(const struct nl_grid *grid, const struct nl_record *record);
char *nl_curves_csv(const struct nl_grid *grid, const struct nl_record *record);

/* What reading these tables gives: to be released. NL_FAIL, NL_BAD: the records cannot be judged. */
struct nl_results;
struct nl_curves;
int nl_records_results(const struct nl_grid *grid, const struct nl_record *record,
                       const struct nl_experiment *experiment, struct nl_results *out, struct nl_error *err);
int nl_records_curves(const struct nl_grid *grid, const struct nl_record *record, struct nl_curves *out,
                      struct nl_error *err);
char *nl_timing_csv(const struct nl_grid *grid, const struct nl_record *record);
char *nl_metrics_csv(const struct nl_grid *grid, const struct nl_record *record);

#endif
