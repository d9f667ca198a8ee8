#include "stats/verdict.h"

#include <stdlib.h>

#include "stats/answer.h"

static void add_failures(struct nl_text *out, const struct nl_results *results, int of_grid)
{
    int trials = 0, diverged = 0, dead = 0, failed = 0;
    for (int i = 0; i < results->cells; i++) {
        trials += results->cell[i].trials;
        diverged += results->cell[i].diverged;
        dead += results->cell[i].dead;
        failed += results->cell[i].failed;
    }
    nl_text_add(out, "Failures: ");
    if (failed == 0)
        nl_text_add(out, "none of %d trials.\n", trials);
    else
        nl_text_add(out, "%d of %d trials (%d diverged, %d dead, %d stopped by an error); diverged ones are in no mean, dead ones are.\n",
                    failed, trials, diverged, dead, failed - diverged - dead);
    int missing = of_grid - trials;
    if (missing > 0)
        nl_text_add(out, "Missing: %d of the grid's %d trials: the same sweep again runs them, or normlab merge takes them from other shards.\n",
                    missing, of_grid);
}

char *nl_verdict(const char *folder, const struct nl_experiment *experiment, int trials, struct nl_error *err)
{
    struct nl_results results;
    if (nl_results_load(folder, experiment, &results, err) != NL_OK)
        return NULL;
    struct nl_text out = {0};
    bool answered = false;
    const struct nl_int_list *kinds = &experiment->config.plot.kind;
    for (int i = 0; i < kinds->count; i++) {
        if (kinds->at[i] == NL_PLOT_SMALL_BATCH)
            nl_answer_batch(&out, &results, experiment);
        else if (kinds->at[i] == NL_PLOT_LR_TOLERANCE)
            nl_answer_rate(&out, &results, experiment);
        else
            continue;
        answered = true;
    }
    if (!answered)
        nl_answer_rank(&out, &results, experiment);
    add_failures(&out, &results, trials);
    if (*experiment->config.plot.protocol)
        nl_text_add(&out, "Protocol: %s\n", experiment->config.plot.protocol);
    nl_results_release(&results);
    return out.at;
}
