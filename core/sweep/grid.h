/* The grid: an experiment unfolded into trials, in grid order.
 *
 * Points are counted with the first axis outermost and the seeds innermost. Points that `exclude` matches are left out.
 * sweep.points follow, each entry the grid with other values on the axes that it names.
 * Points that differ only in keys that do not apply to them (norm.stat_batch with ln, say) are the same run: the first
 * stands for all and is run once. Nothing of this happens in silence: nl_grid_notes says what was left out and what
 * fell together.
 */
#ifndef NL_SWEEP_GRID_H
#define NL_SWEEP_GRID_H

#include "config/config.h"
#include "data/data.h"
#include "stats/results.h"
#include "sweep/datasets.h"
#include "sweep/provenance.h"

enum { NL_TRIAL_ID = 17 }; /* 16 hexadecimal digits and the zero byte */

struct nl_trial {
    struct nl_config config;
    char **text;             /* [grid->keys] value of each varied key; "" where it does not apply */
    char **chosen_text;      /* [grid->chosen] likewise */
    char *identity;          /* nl_config_identity_text */
    const struct nl_dataset *dataset;
    const struct nl_tensor_file *weights; /* to start from; NULL: drawn */
    const struct nl_tensor_file *toward;  /* of log.toward; NULL: none */
    char id[NL_TRIAL_ID]; /* once nl_grid_identify was called: SHA-256 over identity, the checksums of data and weights,
                             and NL_NUMERICS_VERSION, cut to 16 digits */
    int points;              /* grid points that are this run; at least 1 */
};

struct nl_grid {
    int keys;                /* varied keys: those of the axes in order, and train.seed last */
    const struct nl_key **key;
    int chosen; /* keys whose values sweep.chosen gives: what varies with the point, and is no question of its own */
    const struct nl_key **chosen_key;
    int trials;
    struct nl_trial *trial;
    const struct nl_trial **by_id; /* [trials] sorted, once all of them have an id; NULL before */
    int points;              /* of the full grid, with seeds */
    const struct nl_import
        *import;             /* its trials are another program's (import/import.h); NULL: they are trained here */
    int excluded;            /* points that sweep.exclude left out; */
    int *excluded_by;        /* [rules of the experiment] by each: the first that matches counts */
};

enum { NL_GRID_LIMIT = 100000 }; /* points: beyond it is a slip, not a sweep */

/* Unfolds and checks every trial (nl_config_check, nl_data_check, nl_trial_check), and that some trial has each of
 * log.tensors. NL_FAIL: diagnostics has the problems, and the grid must be released all the same. */
int nl_grid_make(const struct nl_experiment *experiment, struct nl_grid *out, struct nl_diagnostics *diagnostics);

/* Opens the data of a trial (each distinct set once, kept in datasets) and the weights that it starts from. Where it
 * fails, *key is that at fault. */
int nl_trial_open(struct nl_trial *trial, struct nl_datasets *datasets, const char **key, struct nl_error *err);

/* Opens what all trials read, and names them. */
int nl_grid_identify(struct nl_grid *grid, struct nl_datasets *datasets, struct nl_error *err);

/* Names every trial as in a folder of this experiment that was made so: opens no data. NL_FAIL: `made` does not say
 * from what data. */
int nl_grid_recognize(struct nl_grid *grid, const struct nl_provenance *made, struct nl_error *err);

/* The trial of this id; NULL: the grid has none, or its trials have no ids. */
const struct nl_trial *nl_grid_find(const struct nl_grid *grid, const char *id);

/* Lines on excluded and coinciding points, each ended by a newline; "" if there is nothing to say. New string. */
char *nl_grid_notes(const struct nl_grid *grid);

/* The trial's place in words, "norm.kind=bn train.batch=64 train.seed=1"; new string. */
char *nl_grid_label(const struct nl_grid *grid, const struct nl_trial *trial);

/* The keys an experiment varies, "'norm.kind', 'train.batch'", or "none": what makes it the same question. Seeds are no
 * question. New string. */
char *nl_grid_axes(const struct nl_experiment *experiment);

/* The grid as statistics look at it; valid as long as the grid. Free with nl_planned_release. */
struct nl_planned nl_grid_planned(const struct nl_grid *grid);
void nl_planned_release(struct nl_planned *planned);

void nl_grid_release(struct nl_grid *grid);

#endif
