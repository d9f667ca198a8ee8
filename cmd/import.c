#include "import/import.h"

#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/json.h"
#include "base/memory.h"
#include "cmd.h"

enum { OUT = 'o' };

static const struct option options[] = {{"out", required_argument, NULL, OUT}, {0}};

/* What import is given: at most one YAML file, tables, and overrides. */
struct given {
    const char *out, *yaml;
    const char **table, **override;
    int tables, overrides;
};

static bool may_be_set(const char *override)
{
    static const char *const legal[] = {"import.", "plot.", "sweep.baseline=", "sweep.question="};
    for (size_t i = 0; i < sizeof legal / sizeof *legal; i++)
        if (strncmp(override, legal[i], strlen(legal[i])) == 0)
            return true;
    return false;
}

static bool sort_words(const struct command *self, int argc, char **argv, struct given *out)
{
    out->table = nl_alloc((size_t)argc + 1, sizeof *out->table);
    out->override = nl_alloc((size_t)argc + 2, sizeof *out->override);
    for (int i = optind; i < argc; i++) {
        bool yaml = is_yaml(argv[i]);
        if (is_override(argv[i]) && !may_be_set(argv[i])) {
            bad_input("what was trained is fixed: import.axes names what was varied",
                      "import takes keys of the sections import and plot, sweep.baseline and sweep.question only: '%s'",
                      argv[i]);
            return false;
        }
        if (is_override(argv[i])) {
            out->override[out->overrides++] = argv[i];
        } else if (yaml && out->yaml) {
            misused(self, "one YAML file says how tables are read: '%s', '%s'", out->yaml, argv[i]);
            return false;
        } else if (yaml) {
            out->yaml = argv[i];
        } else {
            out->table[out->tables++] = argv[i];
        }
    }
    if (!out->yaml && !out->tables) {
        misused(self, "import needs the files of another program's runs");
        return false;
    }
    return true;
}

/* The tables as one more override. */
static char *files_override(const struct given *given)
{
    struct nl_text out = {0};
    nl_text_add(&out, "import.files=[");
    for (int i = 0; i < given->tables; i++) {
        nl_text_add(&out, "%s", i ? ", " : "");
        nl_json_add(&out, given->table[i]);
    }
    nl_text_add(&out, "]");
    return out.at;
}

static const char *without_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* results/NAME of the YAML file or the first table, unless --out names another folder. */
static char *default_folder(const struct given *given)
{
    const char *file = without_folder(given->yaml ? given->yaml : given->table[0]), *dot = strchr(file, '.');
    return nl_format("results/%.*s", dot && dot > file ? (int)(dot - file) : (int)strlen(file), file);
}

/* Only what was imported is replaced: what was trained cannot be had again so easily. */
static bool may_be_written(const char *folder)
{
    struct nl_experiment there;
    struct nl_provenance made;
    struct nl_error err = {0};
    if (!is_outside_trials("--out", folder))
        return false;
    if (!nl_store_exists(folder))
        return can_be_made(folder);
    if (nl_store_read(folder, &there, &made, &err)) {
        bad_input(NULL, "%s", err.text);
        return false;
    }
    if (!there.import)
        bad_input("--out names another folder", "'%s' holds results that were trained here: they are not replaced",
                  folder);
    return there.import;
}

static void say(const struct nl_imported *imported, const char *folder)
{
    if (output.quiet)
        return;
    int present = 0;
    for (int i = 0; i < imported->grid.trials; i++)
        present += imported->record[i].present;
    tell(stderr, "%s:\n%s", NL_COUNT(present, "run"), imported->found.at);
    for (const char *line = imported->notes.at; line && *line; line += strcspn(line, "\n") + 1)
        tell(stderr, "note: %.*s\n", (int)strcspn(line, "\n"), line);
    char *quoted = quote_words(1, &folder);
    tell(stderr, "in '%s'; ask and draw them:\n  normlab table %s\n  normlab plot %s\n", folder, quoted, quoted);
    free(quoted);
}

static int import_into(const struct given *given, const char *folder)
{
    struct nl_experiment experiment;
    struct nl_imported imported;
    struct nl_diagnostics diagnostics = {0};
    struct nl_error err = {0};
    if (!may_be_written(folder) || !load_experiment(given->yaml, given->override, given->overrides, &experiment))
        return EXIT_BAD_INPUT;
    if (!experiment.import)
        return bad_input("import: {files: [runs.csv]} names them", "'%s' has no section 'import'", given->yaml);
    int code = EXIT_DONE, status = nl_import(&experiment, &imported, &diagnostics, &err);
    if (status == NL_BAD)
        code = bad_input(NULL, "%s", err.text);
    else if (status)
        code = print_diagnostics(&diagnostics) ? EXIT_BAD_INPUT : EXIT_FAILED;
    else if (nl_imported_write(&imported, folder, command_line, &err))
        code = fail("%s", err.text);
    else
        say(&imported, folder);
    nl_imported_release(&imported);
    nl_diagnostics_release(&diagnostics);
    return code;
}

static int run(const struct command *self, int argc, char **argv)
{
    struct given given = {0};
    for (int option; (option = next_option(self, argc, argv, "o:", options)) != OPTION_END;) {
        if (option != OUT)
            return EXIT_BAD_INPUT;
        given.out = optarg;
    }
    int code = EXIT_BAD_INPUT;
    if (sort_words(self, argc, argv, &given)) {
        char *files = files_override(&given), *folder = given.out ? nl_strdup(given.out) : default_folder(&given);
        if (given.tables)
            given.override[given.overrides++] = files;
        code = import_into(&given, folder);
        free(files);
        free(folder);
    }
    free(given.table);
    free(given.override);
    return code;
}

const struct command command_import = {
    .name = "import",
    .summary = "read runs of another program: tables, plots and answers as of own ones",
    .usage =
        "usage: normlab import FILE ... [HOW.yaml] [--out DIR] [KEY=VALUE ...]\n"
        "\n"
        "Reads runs that another program trained, and writes a results folder that table, plot, report, power, diff and confirm read as\n"
        "their own. FILE is CSV (a row for each run, or for each step or epoch of one), JSON lines, or JSON (Keras's History, the\n"
        "trainer_state.json of Hugging Face). Of several files each is a run, or has several; import.path says what their names mean.\n"
        "Columns are known by their names: the method (method, norm, ...), the seed, steps and epochs, metrics such as val_acc or\n"
        "test/loss, and hyperparameters (lr, batch_size, weight_decay, model, ...) that vary. What each was taken for is printed. What has\n"
        "another name is given one by a key, or in a YAML file with a section import (normlab keys import).\n"
        "\n"
        "A run's score is the last that it has; plot.metric=test_error_best asks for that of the least validation loss. Runs of the same\n"
        "seed are compared as pairs where both sides have the same seeds, others by Welch's t test. A value that is no number is a run\n"
        "that diverged. A state that says crashed or failed is an error, one that says dead a run at chance; a run that is\n"
        "not at its end is left out.\n"
        "\n"
        "  -o, --out DIR    folder of the results; default: results/NAME, with the name of HOW.yaml or of the first file\n"
        "\n"
        "examples:\n"
        "  normlab import runs.csv --out results/theirs\n"
        "  normlab import runs.csv import.seed=rng 'import.metrics={acc: test_accuracy}' import.classes=10 import.test_samples=10000\n"
        "  normlab import logs/*/*/metrics.csv 'import.path={norm}/seed_{seed}/metrics.csv' sweep.baseline=norm.kind=none\n",
    .run = run,
};
