/* A log of another program: what can be read as runs becomes a results folder, which all that reads results takes. */
#include <string.h>

#include "base/memory.h"
#include "config/keep.h"
#include "fuzz.h"
#include "import/import.h"
#include "stats/answer.h"
#include "sweep/store.h"

static const char how[] = "import: {files: log, classes: 10, test_samples: 100}\n";

static const struct nl_experiment *experiment_once(void)
{
    static struct nl_experiment experiment;
    struct nl_diagnostics diagnostics = {0};
    if (!experiment.path &&
        nl_experiment_load(fuzz_file("how.yaml", how, strlen(how)), NULL, 0, &experiment, &diagnostics))
        NL_BUG("%s", nl_diagnostics_text(&diagnostics));
    return &experiment;
}

/* The experiment as a file reads back to itself, and the trials as a table are read, with nobody's plan. */
static void read_back(const struct nl_imported *imported)
{
    struct nl_error err = {{0}};
    struct nl_diagnostics diagnostics = {0};
    struct nl_experiment again;
    struct nl_results results;
    struct nl_answer answer;
    char *text = nl_experiment_text(&imported->experiment, true),
         *trials = nl_trials_csv(&imported->grid, imported->record);
    if (nl_experiment_load(fuzz_file("again.yaml", text, strlen(text)), NULL, 0, &again, &diagnostics))
        NL_BUG("%s\n%s", text, nl_diagnostics_text(&diagnostics));
    fuzz_file("trials.csv", trials, strlen(trials));
    free(nl_curves_csv(&imported->grid, imported->record));
    free(text);
    free(trials);
    if (nl_results_load(FUZZ_FOLDER, &again, NULL, &results, &err))
        NL_BUG("what was imported cannot be read: %s", err.text);
    nl_answer_make(&results, &again, &answer);
    free(nl_answer_text(&answer, true));
    nl_answer_release(&answer);
    nl_results_release(&results);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct nl_experiment *experiment = experiment_once();
    struct nl_diagnostics diagnostics = {0};
    struct nl_error err = {{0}};
    struct nl_imported imported;
    struct nl_kept before = nl_kept_now();
    int present = 0;
    fuzz_file("log", data, size);
    int status = nl_import(experiment, &imported, &diagnostics, &err);
    for (int i = 0; i < imported.grid.trials; i++)
        present += imported.record[i].present;
    if (status == NL_OK && present)
        read_back(&imported);
    nl_imported_release(&imported);
    nl_diagnostics_release(&diagnostics);
    nl_keep_no_more(before);
    return 0;
}
