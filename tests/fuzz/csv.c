/* Tables of a results folder: trials.csv and, after a line "%%", curves.csv. All that is made of them is made: tables
 * in each form, the answer in words, the scripts of all pictures.
 */
#include <string.h>

#include "base/memory.h"
#include "fuzz.h"
#include "plot/plot.h"
#include "stats/table.h"
#include "stats/answer.h"

static const char experiment_text[] =
    "train: {epochs: 1}\n"
    "sweep: {grid: {norm.kind: [bn, none], train.batch: [8, 32], train.lr: [0.01, 0.1]}, seeds: 2,\n"
    "        baseline: {norm.kind: none}}\n"
    "plot: {kind: [small_batch, lr_tolerance, curves, heatmap, steps], target: 50}\n";

static struct nl_experiment *experiment_once(void)
{
    static struct nl_experiment experiment;
    struct nl_diagnostics diagnostics = {0};
    if (!experiment.path && nl_experiment_load(fuzz_file("fuzz.yaml", experiment_text, strlen(experiment_text)), NULL,
                                               0, &experiment, &diagnostics))
        NL_BUG("%s", nl_diagnostics_text(&diagnostics));
    return &experiment;
}

static void write_sheet(int status, struct nl_table *table)
{
    if (status)
        return;
    free(nl_table_text(table, 80));
    free(nl_table_markdown(table, "answer", "notes"));
    free(nl_table_latex(table, "answer", "notes", "t"));
    free(nl_table_csv(table));
    free(nl_table_json(table, NULL));
    nl_table_release(table);
}

static void use(const struct nl_results *results, const struct nl_experiment *experiment)
{
    struct nl_error err = {{0}};
    struct nl_table table;
    struct nl_overlap overlap;
    write_sheet(nl_table_summary(results, experiment, &table, &err), &table);
    write_sheet(nl_table_grid(results, experiment, NULL, &table, &err), &table);
    write_sheet(nl_table_trials(results, experiment, &table, &err), &table);
    write_sheet(nl_table_diff(results, experiment, results, experiment, &table, &overlap, &err), &table);
    for (int question = NL_ASK_SMALL_BATCH; question <= NL_ASK_COMPARE; question++) {
        struct nl_experiment asked = *experiment;
        struct nl_answer answer;
        struct nl_text json = {0};
        asked.question = (enum nl_question)question;
        nl_answer_make(results, &asked, &answer);
        free(nl_answer_text(&answer, true));
        nl_answer_json(&json, &answer, 0);
        nl_text_release(&json);
        nl_answer_release(&answer);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct nl_experiment *experiment = experiment_once();
    struct nl_error err = {{0}};
    struct nl_results results;
    const uint8_t *mark = size ? memmem(data, size, "\n%%\n", 4) : NULL;
    size_t first = mark ? (size_t)(mark - data) + 1 : size;
    fuzz_file("trials.csv", data, first);
    fuzz_file("curves.csv", mark ? (const char *)mark + 4 : "", mark ? size - first - 3 : 0);
    if (nl_results_load(FUZZ_FOLDER, experiment, NULL, &results, &err) == NL_OK) {
        use(&results, experiment);
        nl_results_release(&results);
        nl_plot(FUZZ_FOLDER, experiment, NULL, &(struct nl_plot_options){0}, &err);
    }
    return 0;
}
