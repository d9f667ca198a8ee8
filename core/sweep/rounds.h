/* The rounds of a sweep: what of it is decided by its own earlier results.
 *
 *   sweep.tune    In OUT/tuning every point of the grid is trained with every value of the tuned keys, or with so many
 *                 trials of them, by seeds of its own, on data from which the test part was set apart (data.test_seed)
 *                 and is not read (data.test 0). Where the best value of a point lies at an edge, more values are tried
 *                 beyond it, at all points alike, at most `extend` times.
 *                 Then OUT holds the grid with the best values of each point (sweep.chosen), and OUT/same the grid with
 *                 those that serve all points best (sweep.same).
 *   sweep.refine  More rates around each method's largest usable one (sweep.points), until it is known within the
 *                 factor asked for, seed by seed.
 *   sweep.until   Two stages (Stein, Annals of Mathematical Statistics 16, 1945): from the spread of the first, the
 *                 number of seeds that the intervals of the answer need.
 *
 * Each round is a grid like any other, a function of the complete results of the rounds before, and written to its
 * folder's experiment.yaml: a dry run, shards, a restart and equal bytes hold within each.
 */
#ifndef NL_SWEEP_ROUNDS_H
#define NL_SWEEP_ROUNDS_H

#include "sweep/grid.h"
#include "sweep/record.h"

enum nl_round_kind { NL_ROUND_TUNING, NL_ROUND_GRID, NL_ROUND_SAME };
enum { NL_ROUND_KINDS = 3 };
extern const char *const nl_round_names[NL_ROUND_KINDS]; /* "tuning", "the grid", "the same values for all" */

struct nl_round {
    enum nl_round_kind kind;
    int number;                      /* from 1 */
    struct nl_experiment experiment; /* a grid: nothing of it is left to decide before it is run */
    const struct nl_experiment *asked; /* what was asked for, with sweep.tune as far as it is extended */
    char *folder;                    /* of its results; owned */
    struct nl_text
        decided; /* what the rounds before decided, and what is doubtful in it: lines, each ended by a newline */
};

/* Whether the experiment has more than one round. */
bool nl_has_rounds(const struct nl_experiment *experiment);

/* How many trials the rounds of each kind train, as far as that is known before the first. */
struct nl_round_trials {
    int count[NL_ROUND_KINDS];
    bool at_most[NL_ROUND_KINDS]; /* so many at most: earlier results decide */
    bool refines;                 /* and those at rates that sweep.refine adds */
    bool extends;                 /* and those with values beyond the edges of what sweep.tune chooses from */
};

/* grid: of the experiment. NL_FAIL: what is wrong with a trial of the tuning goes to diagnostics. */
int nl_round_count(const struct nl_experiment *experiment, const struct nl_grid *grid, struct nl_round_trials *out,
                   struct nl_diagnostics *diagnostics);

/* The first round of an experiment, which must outlive the rounds, and whose results go to `folder`. An experiment that
 * says what was chosen is not tuned again. */
void nl_round_first(const struct nl_experiment *experiment, const char *folder, struct nl_round *out);

/* What follows a round all of whose trials are there, record[i] belonging to grid->trial[i]. `folder` as
 * in nl_round_first. Returns false where nothing follows, and then *next holds only what was decided. NL_FAIL of
 * *status: the results cannot be judged. */
bool nl_round_next(const char *folder, const struct nl_round *done, const struct nl_grid *grid,
                   const struct nl_record *record, struct nl_round *next, int *status, struct nl_error *err);

/* The folders that the rounds of a sweep to `folder` write, the first being `folder` itself: new string; NULL: the i-th
 * holds no results. */
enum { NL_ROUND_FOLDERS = 3 };
extern const char *const nl_round_folders[NL_ROUND_FOLDERS]; /* their names in `folder`; "" is itself */
char *nl_round_folder(const char *folder, int i);

void nl_round_release(struct nl_round *round);

#endif
