/* Checks that results folders belong together, joins their trials, and writes the tables anew. */
#include "sweep/merge.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "sweep/comparable.h"
#include "sweep/reuse.h"

/* A results folder that is read from. */
struct source {
    const char *folder;
    struct nl_experiment experiment;
    struct nl_provenance made;
};

static bool names_data(const char *name)
{
    return strncmp(name, "data_", 5) == 0 || strncmp(name, "weights_", 8) == 0;
}

static void compare_made(const struct source *a, const struct source *b, struct nl_merge *merge)
{
    for (int i = 0; i < b->made.count; i++) {
        const char *name = b->made.name[i], *here = b->made.value[i], *there = nl_provenance_get(&a->made, name);
        bool decides = strcmp(name, "numerics") == 0 || names_data(name);
        bool tells =
            strcmp(name, "processor") == 0 || (strcmp(name, "blas_core") == 0 && *there); /* none: it was not used */
        if ((decides || tells) && strcmp(here, there) != 0)
            nl_text_add(decides ? &merge->differences : &merge->warnings, "%s: %s in '%s', %s in '%s'%s\n", name, there,
                        a->folder, here, b->folder, decides ? "" : ": results may differ in the last bits");
    }
}

/* What was declared for a part of the trials alone was not declared before the whole was run. */
static void compare_claims(const struct source *source, int sources, struct nl_merge *merge)
{
    const char *claim = nl_provenance_get(&source[0].made, "claim_sha256");
    snprintf(merge->begun.claim, sizeof merge->begun.claim, "%s", claim);
    for (int i = 1; i < sources; i++)
        if (strcmp(claim, nl_provenance_get(&source[i].made, "claim_sha256")) != 0) {
            nl_text_add(&merge->warnings,
                        "not the same claim was declared before '%s' and '%s' were run: the whole has none\n",
                        source[0].folder, source[i].folder);
            merge->begun.claim[0] = '\0';
        }
}

/* The seeds of all folders, from the first to the last. A number of seeds that one of them had decided by a first stage
 * is no fixed number in the whole. */
static int join_seeds(struct nl_experiment *whole, const struct source *source, struct nl_error *err)
{
    const struct nl_experiment *other = &source->experiment;
    int64_t first = whole->config.train.seed, end = first + whole->seeds;
    int64_t other_first = other->config.train.seed, other_end = other_first + other->seeds;
    if (other_first < first)
        first = other_first;
    if (other_end > end)
        end = other_end;
    if (end - first > NL_SEEDS_MAX)
        return nl_fail(err,
                       "the results cannot be pooled: with those of '%s' the seeds are %" PRId64 " to %" PRId64
                       ", and a sweep has at most %d",
                       source->folder, first, end - 1, NL_SEEDS_MAX);
    whole->config.train.seed = first;
    whole->seeds = (int)(end - first);
    whole->is_sweep |= whole->seeds > 1;
    if (!whole->rounds.first_seeds)
        whole->rounds.first_seeds = other->rounds.first_seeds;
    return NL_OK;
}

/* The spread is estimated from the first stage alone: the seeds that decided how many follow. In the whole they must be
 * the first ones, and the same for all folders; another folder's stage has decided on that folder's seeds by a spread
 * that the whole would not be judged by. */
static void compare_stages(const struct source *source, int sources, struct nl_merge *merge)
{
    const struct nl_experiment *whole = &merge->experiment;
    for (int i = 0; i < sources; i++) {
        const struct nl_experiment *of = &source[i].experiment;
        int first = of->rounds.first_seeds;
        if (first && (first != whole->rounds.first_seeds || of->config.train.seed != whole->config.train.seed))
            nl_text_add(&merge->differences,
                        "sweep.until: the first stage of '%s' is %s from %" PRId64
                        " on, that of the whole would be %d from %" PRId64 " on\n",
                        source[i].folder, NL_COUNT(first, "seed"), of->config.train.seed, whole->rounds.first_seeds,
                        whole->config.train.seed);
    }
}

/* Takes what source has into record, or finds that it disagrees with what `from` says another folder had. */
static int take_records(const struct source *source, const struct nl_grid *grid, struct nl_record *record,
                        const char **from, struct nl_merge *merge, struct nl_error *err)
{
    const struct nl_store store = nl_store_at(source->folder);
    struct nl_store_listing listing;
    int status = nl_store_list(&store, &listing, err);
    for (int i = 0; i < grid->trials && status != NL_FAIL; i++) {
        struct nl_record found;
        status = nl_store_load_listed(&store, &listing, &grid->trial[i], &found, err);
        if (status == NL_BAD)
            nl_text_add(&merge->warnings, "%s\n", err->text);
        if (!found.present)
            continue;
        if (!record[i].present ||
            record[i].failed) { /* a trial that could not be run says nothing about one that could */
            nl_record_release(&record[i]);
            record[i] = found;
            from[i] = source->folder;
            continue;
        }
        bool agree = found.failed || nl_records_agree(&record[i], &found);
        if (agree && !found.failed)
            nl_record_join(&record[i], &found);
        nl_record_release(&found);
        if (!agree) {
            char *label = nl_grid_label(grid, &grid->trial[i]);
            status = nl_fail(
                err, "trial %d (%s) has one result in '%s' and another in '%s': one of them is not what it says it is",
                i + 1, label, from[i], source->folder);
            free(label);
        }
    }
    nl_store_listing_release(&listing);
    return status == NL_FAIL ? NL_FAIL : NL_OK;
}

static int write_all(const struct nl_store *store, const struct nl_grid *grid, const struct nl_datasets *datasets,
                     const char *command, const struct nl_record *record, struct nl_merge *merge, struct nl_error *err)
{
    nl_taken_lines(record, grid->trials, &merge->begun.taken);
    if (nl_store_freeze(store, &merge->experiment, datasets, command, &merge->begun, err))
        return NL_FAIL;
    for (int i = 0; i < grid->trials; i++) {
        merge->absent += !record[i].present;
        if (record[i].present && nl_store_save(store, &grid->trial[i], &record[i], false, err))
            return NL_FAIL;
    }
    if (nl_store_sync(store, err))
        return NL_FAIL;
    return nl_store_write_tables(store, &merge->experiment, grid, record, err);
}

/* Whether each trial that has a file in the folder is one of the grid's. */
static int has_only(const struct source *source, const struct nl_grid *grid, bool *only, struct nl_error *err)
{
    const struct nl_store store = nl_store_at(source->folder);
    struct nl_store_listing listing;
    if (nl_store_list(&store, &listing, err))
        return NL_FAIL;
    *only = true;
    for (int i = 0; i < listing.count && *only; i++)
        *only = nl_grid_find(grid, listing.id[i]) != NULL;
    nl_store_listing_release(&listing);
    return NL_OK;
}

/* Each trial that a folder shows has its place in the whole, so that none is lost in silence. What a folder with others
 * shows must be unfolded, which takes seconds for a large grid: of a thousand shards none has any. */
static int check_places(const struct source *source, const struct nl_showing *showing, struct nl_merge *merge,
                        struct nl_error *err)
{
    bool only;
    if (has_only(source, showing->grid, &only, err))
        return NL_FAIL;
    if (only)
        return NL_OK;
    struct nl_hidden lost;
    struct nl_showing only_look = *showing;
    only_look.replace = true;
    int status = nl_store_refuse(source->folder, &only_look, &lost, err);
    if (status == NL_OK && lost.trials) {
        status = nl_fail(err, "the results cannot be pooled: %s of '%s' would have no place in the whole",
                         NL_COUNT(lost.trials, "trained trial"), source->folder);
        nl_text_add(&merge->differences, "%s", lost.why.at ? lost.why.at : "");
    }
    nl_hidden_release(&lost);
    return status;
}

static int pool(const struct source *source, int sources, const char *out, const char *command,
                const struct nl_grid *grid, const struct nl_datasets *datasets, struct nl_merge *merge,
                struct nl_error *err)
{
    struct nl_store store;
    struct nl_record *record = nl_alloc((size_t)grid->trials, sizeof *record);
    const char **from = nl_alloc((size_t)grid->trials, sizeof *from);
    const struct nl_showing showing = {.experiment = &merge->experiment, .grid = grid, .datasets = datasets};
    struct nl_hidden hidden = {0};
    int status = nl_provenance_check(&source[0].made, datasets, source[0].folder, err);
    for (int i = 0; i < sources && status == NL_OK; i++)
        status = check_places(&source[i], &showing, merge, err);
    for (int i = 0; i < sources && status == NL_OK; i++)
        status = take_records(&source[i], grid, record, from, merge, err);
    if (status == NL_OK)
        status = nl_store_open(&store, out, &showing, &hidden, err);
    nl_hidden_release(&hidden);
    merge->refused = status != NL_OK;
    if (status == NL_OK) {
        status = write_all(&store, grid, datasets, command, record, merge, err);
        nl_store_close(&store);
    }
    nl_records_release(record, grid->trials);
    free(from);
    return status;
}

static int read_and_compare(struct source *source, int sources, struct nl_merge *merge, struct nl_error *err)
{
    for (int i = 0; i < sources; i++)
        if (nl_store_read(source[i].folder, &source[i].experiment, &source[i].made, err))
            return NL_FAIL;
    for (int i = 0; i < sources; i++)
        if (source[i].experiment.import)
            return nl_fail(err, "'%s' was imported: normlab import reads the files of several folders into one",
                           source[i].folder);
    for (int i = 0; i < sources; i++)
        nl_provenance_earlier(&source[i].made, &merge->begun.earlier);
    merge->experiment = source[0].experiment;
    for (int i = 1; i < sources; i++) {
        nl_compare_experiments(&source[0].experiment, source[0].folder, &source[i].experiment, source[i].folder,
                               &merge->differences);
        compare_made(&source[0], &source[i], merge);
        if (join_seeds(&merge->experiment, &source[i], err))
            return NL_FAIL;
    }
    compare_claims(source, sources, merge);
    compare_stages(source, sources, merge);
    return merge->differences.length ? nl_fail(err, "the results cannot be pooled: they are not of the same experiment")
                                     : NL_OK;
}

int nl_merge(const char *const *folder, int folders, const char *out, const char *command, struct nl_merge *merge,
             struct nl_error *err)
{
    *merge = (struct nl_merge){.refused = true};
    struct source *source = nl_alloc((size_t)folders + 1, sizeof *source);
    int sources = 0;
    for (; sources < folders; sources++)
        source[sources].folder = folder[sources];
    if (nl_store_exists(out))
        source[sources++].folder = out;

    struct nl_grid grid = {0};
    struct nl_datasets datasets = {0};
    int status = read_and_compare(source, sources, merge, err);
    if (status == NL_OK) {
        struct nl_diagnostics diagnostics = {0};
        if (nl_grid_make(&merge->experiment, &grid, &diagnostics))
            status = nl_fail(err, "the grid of all folders together cannot be: %s", diagnostics.at[0].message);
        nl_diagnostics_release(&diagnostics);
        merge->trials = grid.trials;
    }
    if (status == NL_OK)
        status = nl_grid_identify(&grid, &datasets, err);
    if (status == NL_OK)
        status = pool(source, sources, out, command, &grid, &datasets, merge, err);
    nl_grid_release(&grid);
    nl_datasets_release(&datasets);
    free(source);
    return status;
}

void nl_merge_release(struct nl_merge *merge)
{
    nl_text_release(&merge->differences);
    nl_text_release(&merge->warnings);
    nl_text_release(&merge->begun.earlier);
    nl_text_release(&merge->begun.taken);
}
