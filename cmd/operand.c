#include "operand.h"

#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/memory.h"
#include "config/keep.h"

/* Otherwise its tables are gone when the program ends. */
static bool at_end(const struct operand *operand)
{
    return operand->tables == operand->folder;
}

struct nl_origin operand_origin(const struct operand *operand)
{
    return (struct nl_origin){.kind = NL_FROM_FILE,
                              .file = nl_keep_text(at_end(operand) ? operand->results.path : operand->word),
                              .line = at_end(operand) ? operand->results.csv.line[operand->row] : 0,
                              .column = 1,
                              .width = 1,
                              .line_text = ""};
}

/* Row `number` of trials.csv in place of the sweep: its values, fixed, with that line as their origin. */
static bool become_trial(struct operand *operand, const char *number)
{
    struct nl_results *results = &operand->results;
    const struct nl_csv *csv = &results->csv;
    int column = nl_csv_column(csv, "trial"), row = 0;
    while (row < csv->rows && strcmp(nl_csv_field(csv, row, column), number) != 0)
        row++;
    if (row == csv->rows) {
        bad_input("trials are numbered in the first column of trials.csv", "'%s' has no trial %s%s",
                  at_end(operand) ? csv->path : operand->folder, number, at_end(operand) ? "" : " that has ended");
        return false;
    }
    struct nl_experiment *experiment = &operand->experiment;
    operand->row = row;
    for (int c = column + 1; c < results->status; c++) {
        const struct nl_key *key = nl_key_of(csv->name[c]);
        const char *text = nl_csv_field(csv, row, c);
        struct nl_error err;
        if (!key || !*text)
            continue;
        if (nl_key_set(key, &experiment->config, text, &err)) {
            bad_input(NULL, "%s:%d: %s", csv->path, csv->line[row], err.text);
            return false;
        }
        experiment->origin[nl_key_index(key)] = operand_origin(operand);
    }
    experiment->axes = experiment->excludes = 0;
    experiment->seeds = 1;
    experiment->has_baseline = experiment->is_sweep = false;
    char *real = realpath(operand->folder, NULL), *slash = real ? strrchr(real, '/') : NULL;
    experiment->name = nl_keep(nl_format("%s-%s", slash ? slash + 1 : operand->folder, number));
    free(real);
    return true;
}

bool open_operand(const char *word, struct operand *out)
{
    *out = (struct operand){.word = word, .row = -1};
    const char *colon = strrchr(word, ':'), *number = NULL;
    out->folder = nl_folder_exists(word) ? nl_strdup(word) : NULL;
    if (!out->folder && colon && colon[1] && !colon[1 + strspn(colon + 1, "0123456789")]) {
        out->folder = nl_format("%.*s", (int)(colon - word), word);
        number = colon + 1;
    }
    out->file = out->folder ? nl_path_join(out->folder, "experiment.yaml") : find_configuration(word);
    if (!nl_file_exists(out->file)) {
        bad_input("expected a configuration, the folder of results, or FOLDER:N for trial N of it", "cannot find '%s'",
                  out->file);
        return false;
    }
    if (!load_experiment(out->file, NULL, 0, &out->experiment))
        return false;
    if (out->folder && (!(out->tables = results_tables(out->folder)) ||
                        !load_results(out->tables, &out->experiment, NULL, &out->results)))
        return false;
    out->has_results = out->folder != NULL;
    return !number || become_trial(out, number);
}

void close_operand(struct operand *operand)
{
    free(operand->file);
    free(operand->folder);
    if (operand->has_results)
        nl_results_release(&operand->results);
}

/* Where a file has that name, it is meant. */
static bool is_trial(const char *word)
{
    char *path = find_configuration(word);
    bool trial = strrchr(word, ':') && !nl_file_exists(path);
    free(path);
    return trial;
}

bool load_file_or_trial(const struct arguments *arguments, struct nl_experiment *out)
{
    const char *word = arguments->file;
    if (!word || !is_trial(word))
        return load_experiment(word, arguments->override, arguments->overrides, out);
    if (arguments->overrides) {
        char *quoted = quote_words(1, &word),
             *hint = nl_format("normlab show %s > one.yaml makes a file of it, whose keys can be set", quoted);
        bad_input(hint, "trial '%s' is fixed: '%s' cannot change it", word, arguments->override[0]);
        free(hint);
        free(quoted);
        return false;
    }
    struct operand operand;
    bool good = open_operand(word, &operand);
    *out = operand.experiment;
    close_operand(&operand);
    return good;
}
