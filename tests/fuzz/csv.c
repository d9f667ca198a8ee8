/* Tables of a results folder: trials.csv and, after a line "%%", curves.csv. All that is made of them is made: tables in each form, the
 * answer in words, the scripts of all pictures.
 */
#include <string.h>

#include "base/memory.h"
#include "fuzz.h"
#include "plot/plot.h"
#include "stats/sheet.h"
#include "stats/answer.h"

static const char experiment_text[] = "train: {epochs: 1}\n"
                                      "sweep: {grid: {norm.kind: [bn, none], train.batch: [8, 32], train.lr: [0.01, 0.1]}, seeds: 2,\n"
                                      "        baseline: {norm.kind: none}}\n"
                                      "plot: {kind: [small_batch, lr_tolerance, curves, heatmap, steps], target: 50}\n";

static struct nl_experiment *experiment_once(void)
{
    static struct nl_experiment experiment;
    struct nl_diagnostics diagnostics = {0};
    if (!experiment.path && nl_experiment_load(fuzz_file("fuzz.yaml", experiment_text, strlen(experiment_text)), NULL, 0, &experiment, &diagnostics))
        NL_BUG("%s", nl_diagnostics_text(&diagnostics));
    return &experiment;
}

static void write_sheet(int status, struct nl_sheet *sheet)
{
    if (status)
        return;
    free(nl_sheet_text(sheet, 80));
    free(nl_sheet_markdown(sheet, "answer", "notes"));
    free(nl_sheet_latex(sheet, "answer", "notes", "t"));
    free(nl_sheet_csv(sheet));
    free(nl_sheet_json(sheet, NULL));
    nl_sheet_release(sheet);
}

static void use(const struct nl_results *results, const struct nl_experiment *experiment)
{
    struct nl_error err = {{0}};
    struct nl_sheet sheet;
    struct nl_overlap overlap;
    write_sheet(nl_sheet_summary(results, experiment, &sheet, &err), &sheet);
    write_sheet(nl_sheet_grid(results, experiment, NULL, &sheet, &err), &sheet);
    write_sheet(nl_sheet_trials(results, experiment, &sheet, &err), &sheet);
    write_sheet(nl_sheet_diff(results, experiment, results, experiment, &sheet, &overlap, &err), &sheet);
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
