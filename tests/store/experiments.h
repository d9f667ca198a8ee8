/* For tests: experiments and grids of a text. */
#ifndef TESTS_EXPERIMENTS_H
#define TESTS_EXPERIMENTS_H

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/memory.h"
#include "sweep/grid.h"

/* A file in the scratch folder with this text, loaded. Problems come back in *problems, or else are a failure. */
static inline struct nl_experiment load(const char *folder, const char *yaml, char **problems)
{
    struct nl_error err;
    struct nl_experiment experiment;
    struct nl_diagnostics diagnostics = {0};
    char *path = nl_path_join(folder, "e.yaml");
    ck_assert_msg(nl_file_write(path, yaml, strlen(yaml), &err) == NL_OK, "%s", err.text);
    nl_experiment_load(path, NULL, 0, &experiment, &diagnostics);
    char *text = nl_diagnostics_text(&diagnostics);
    ck_assert_msg(problems || diagnostics.count == 0, "%s", text);
    if (problems)
        *problems = text;
    else
        free(text);
    nl_diagnostics_release(&diagnostics);
    free(path);
    return experiment;
}

static inline struct nl_grid unfold(const struct nl_experiment *experiment)
{
    struct nl_grid grid;
    struct nl_diagnostics diagnostics = {0};
    if (nl_grid_make(experiment, &grid, &diagnostics))
        ck_abort_msg("%s", nl_diagnostics_text(&diagnostics));
    return grid;
}

#endif
