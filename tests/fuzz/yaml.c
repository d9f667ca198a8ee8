/* Configurations and experiments: the file, then, after a line "%%", overrides of the command line, one a line. What is
 * accepted is written and must read back to the same text; a small grid is unfolded and checked.
 */
#include <string.h>

#include "base/memory.h"
#include "config/config.h"
#include "config/keep.h"
#include "fuzz.h"
#include "sweep/grid.h"

enum { OVERRIDES = 8, TRIALS = 16 };

/* Cuts text at "\n%%\n" and each line after it; returns how many overrides there are. */
static int cut(char *text, const char *overrides[OVERRIDES])
{
    int count = 0;
    char *at = strstr(text, "\n%%\n");
    if (!at)
        return 0;
    *at = '\0';
    for (at = strtok(at + 4, "\n"); at && count < OVERRIDES; at = strtok(NULL, "\n"))
        overrides[count++] = at;
    return count;
}

static void unfold(const struct nl_experiment *experiment)
{
    struct nl_diagnostics diagnostics = {0};
    struct nl_grid grid;
    double trials = experiment->seeds;
    for (int i = 0; i < experiment->axes; i++)
        trials *= experiment->axis[i].points;
    if (trials > TRIALS)
        return;
    if (nl_grid_make(experiment, &grid, &diagnostics) == NL_OK)
        free(nl_grid_notes(&grid));
    else
        free(nl_diagnostics_text(&diagnostics));
    nl_grid_release(&grid);
    nl_diagnostics_release(&diagnostics);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct nl_diagnostics diagnostics = {0};
    struct nl_experiment experiment, again;
    const char *overrides[OVERRIDES];
    struct nl_kept before = nl_kept_now();
    char *input = nl_alloc(size + 1, 1);
    if (size)
        memcpy(input, data, size);
    int count = cut(input, overrides);
    const char *path = fuzz_file("fuzz.yaml", data, count ? strlen(input) + 1 : size);
    if (nl_experiment_load(path, overrides, count, &experiment, &diagnostics) == NL_OK) {
        char *text = nl_experiment_text(&experiment, false);
        path = fuzz_file("fuzz.yaml", text, strlen(text));
        if (nl_experiment_load(path, NULL, 0, &again, &diagnostics))
            NL_BUG("%s\nthe resolved text is not legal:\n%s", nl_diagnostics_text(&diagnostics), text);
        char *second = nl_experiment_text(&again, false);
        if (strcmp(text, second) != 0)
            NL_BUG("the resolved text changes:\n%s\n----\n%s", text, second);
        free(text);
        free(second);
        free(nl_experiment_text(&again, true));
        unfold(&experiment);
    } else {
        free(nl_diagnostics_text(&diagnostics));
    }
    nl_diagnostics_release(&diagnostics);
    nl_keep_no_more(before);
    free(input);
    return 0;
}
