/* What the appendix of a paper says of a results folder: protocol, hyperparameters and how they were chosen, tables,
 * failures, spread over seeds, compute, and a checklist that is filled in as far as the results tell. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/memory.h"
#include "base/sorted.h"
#include "config/import.h"
#include "config/search.h"
#include "report/section.h"
#include "stats/best.h"
#include "sweep/rounds.h"
#include "sweep/store.h"
#include "sweep/tuning.h"

/* ---- hyperparameters ---- */

static void add_hyperparameter(const struct nl_report_section *s, const struct nl_key *key)
{
    const struct nl_rounds *rounds = &s->experiment->rounds;
    int tuned = nl_section_tuned(s, key), factor = nl_results_factor(s->results, key->name);
    char *by = nl_tuned_by(rounds);
    char *how = tuned >= 0
                    ? nl_format("chosen for each setting by %s over %s", by, NL_COUNT(rounds->tune_seeds, "seed"))
                    : nl_strdup(factor >= 0                                      ? "varied"
                                : nl_key_is_default(key, &s->experiment->config) ? "fixed, the program's default"
                                                                                 : "fixed");
    char *value = tuned >= 0    ? nl_search_space_yaml(rounds, tuned, NL_SHOWN)
                  : factor >= 0 ? nl_factor_values(&s->results->factor[factor])
                                : nl_key_text(key, &s->experiment->config);
    nl_document_row(s->document, (const char *const[]){key->name, value, how});
    free(by);
    free(value);
    free(how);
}

static void add_hyperparameters(const struct nl_report_section *s)
{
    static const char *const head[] = {"hyperparameter", "value", "how it was set", NULL};
    nl_section_heading(s, "Hyperparameters and search spaces");
    if (s->experiment->import) {
        nl_document_add(s->document, NL_BLOCK_WARNING, 0,
                        "To be filled in: another program trained the runs, and its files do not say what was fixed, "
                        "what was searched, and how.");
        return;
    }
    nl_document_table(s->document, "All keys that have an effect; each that is not listed has none here.", 1, head);
    for (int i = 0; i < nl_key_count; i++)
        if (strcmp(nl_keys[i].name, "train.seed") != 0 && nl_section_applies(s, &nl_keys[i]))
            add_hyperparameter(s, &nl_keys[i]);
    for (int f = 0; f < s->results->factors; f++) /* parts of model.layers */
        if (s->results->factor[f].key->path)
            add_hyperparameter(s, s->results->factor[f].key);
}

/* ---- tuning ---- */

static char *setting_name(const struct nl_report_section *s, const struct nl_results *results,
                          const struct nl_cell *cell)
{
    struct nl_text out = {0};
    for (int f = 0; f < results->factors; f++)
        if (nl_section_tuned(s, results->factor[f].key) < 0 && cell->level[f] != NL_INAPPLICABLE)
            nl_text_add(&out, "%s%s %s", out.length ? ", " : "", nl_key_field(results->factor[f].key),
                        results->factor[f].value[cell->level[f]]);
    return out.at ? out.at : nl_strdup("all");
}

/* "2.31 [2.20, 2.42]", in the unit of the measure; "" where there is none. */
static char *interval_text(const struct nl_estimate *estimate, double scale)
{
    if (estimate->n == 0)
        return nl_strdup("");
    if (isnan(estimate->lower))
        return nl_format("%.3g", estimate->mean * scale);
    return nl_format("%.3g [%.3g, %.3g]", estimate->mean * scale, estimate->lower * scale, estimate->upper * scale);
}

/* A row of the table: the expected best score of k values of a setting, worked out seed by seed. */
static void add_best_of(const struct nl_report_section *s, const struct nl_tuning_round *tuning,
                        const struct nl_results *results, int first, const int *budget, int budgets)
{
    struct nl_search search;
    nl_search_tuned(results, &s->experiment->rounds, first, &search);
    char *field[8] = {setting_name(s, results, &results->cell[first]), nl_format("%d", search.settings)};
    for (int b = 0; b < budgets; b++) {
        struct nl_estimate best = nl_search_best(&search, budget[b], tuning->experiment.config.plot.level);
        field[2 + b] = interval_text(&best, search.measure.scale);
    }
    nl_search_release(&search);
    nl_document_row(s->document, (const char *const *)field);
    for (int i = 0; i < 2 + budgets; i++)
        free(field[i]);
}

static void add_tuning_curves(const struct nl_report_section *s, const struct nl_tuning_round *tuning,
                              const struct nl_results *results)
{
    enum { BUDGETS = 5 };
    int budget[BUDGETS], budgets = 0, values = nl_search_combinations(&s->experiment->rounds);
    for (int k = 1; k < values && budgets < BUDGETS - 1; k *= 2)
        budget[budgets++] = k;
    budget[budgets++] = values;
    char *title[BUDGETS];
    const char *head[3 + BUDGETS] = {"setting", ">values tried"};
    for (int b = 0; b < budgets; b++)
        head[2 + b] = title[b] = nl_format(">best of %d", budget[b]);
    struct nl_measure measure;
    nl_measure(nl_metric_names[s->experiment->rounds.tune_by], &measure);
    char *caption = nl_format(
        "What tuning costs: the expected %s%s%s of the best of k values, drawn at random without replacement (after "
        "Dodge et al. 2019; exact), its mean over %s with a %g %% CI over them; none where all k might have "
        "failed.",
        measure.name, *measure.unit ? " in " : "", measure.unit, NL_COUNT(results->seeds, "seed"),
        100.0 * tuning->experiment.config.plot.level);
    nl_document_table(s->document, caption, 1, head);
    for (int i = 0; i < results->cells; i++) {
        bool seen = false;
        for (int k = 0; k < i && !seen; k++)
            seen = nl_same_but_tuned(results, &s->experiment->rounds, &results->cell[k], &results->cell[i]);
        if (!seen)
            add_best_of(s, tuning, results, i, budget, budgets);
    }
    for (int b = 0; b < budgets; b++)
        free(title[b]);
    free(caption);
}

/* What was chosen by, over the first tuned key. */
static void add_tuning_figure(const struct nl_report_section *s, struct nl_tuning_round *tuning,
                              struct nl_report_figures *figures)
{
    struct nl_config *config = &tuning->experiment.config;
    const char *tuned = s->experiment->rounds.tune[0].key[0]->name;
    char *folder = nl_path_join(s->source->folder, "tuning"), *table = nl_path_join(folder, "trials.csv"),
         *name = nl_format("%s-tuning", figures->name);
    struct nl_planned planned = nl_grid_planned(&tuning->partial.grid);
    config->plot.kind = (struct nl_int_list){.count = 1, .at = {NL_PLOT_FIGURE}};
    config->plot.metric = s->experiment->rounds.tune_by;
    config->plot.x = (char *)(uintptr_t)tuned;
    const struct nl_report_source source = {.folder = folder,
                                            .tables = folder,
                                            .experiment = &tuning->experiment,
                                            .grid = &tuning->partial.grid,
                                            .planned = &planned};
    struct nl_report_figures own = *figures;
    own.name = name;
    if (tuning->partial.present == tuning->partial.grid.trials && !nl_file_is_missing(table))
        nl_report_add_figures(s->document, &source, &own);
    figures->failed = own.failed;
    nl_planned_release(&planned);
    free(name);
    free(table);
    free(folder);
}

static int add_tuning(const struct nl_report_section *s, struct nl_report_figures *figures, struct nl_error *err)
{
    struct nl_tuning_round tuning;
    struct nl_results results;
    int status = nl_section_rounds(s, err);
    if (status || !s->experiment->rounds.tunes || nl_tuning_open(s->source->folder, &tuning, err))
        return status;
    nl_document_add(s->document, NL_BLOCK_HEADING, 1, "What tuning costs");
    if (s->experiment->rounds.tune_to_target)
        nl_document_add(s->document, NL_BLOCK_PARAGRAPH, 0, "Not known: settings were chosen by steps to a target.");
    else if (nl_tuning_results(&tuning, &results, err) == NL_OK) {
        add_tuning_curves(s, &tuning, &results);
        nl_results_release(&results);
    }
    add_tuning_figure(s, &tuning, figures);
    nl_partial_release(&tuning.partial);
    return NL_OK;
}

/* ---- spread ---- */

static void add_spread(const struct nl_report_section *s)
{
    static const char *const head[] = {"setting", ">runs", ">standard deviation", ">interval", NULL};
    const char *name = nl_metric_names[s->experiment->config.plot.metric];
    const struct nl_metric_column metric = nl_metric_column(s->results, name);
    double level = s->experiment->config.plot.level;
    nl_section_heading(s, "Spread over seeds");
    char *caption =
        nl_format("Standard deviation of the %s over seeds, in %s, with Bonett's (2006) %g %% CI from %s on.",
                  metric.measure.name, metric.measure.step, 100.0 * level, NL_COUNT(NL_LEAST_SPREAD, "run"));
    nl_document_table(s->document, caption, 1, head);
    free(caption);
    struct nl_comparison view;
    double *values = nl_alloc((size_t)s->results->seeds, sizeof *values);
    nl_comparison_make(s->results, s->experiment, -1, -1, &view);
    for (int i = 0; i < view.methods; i++) {
        nl_cell_values(s->results, view.method[i].cell[0], &metric, values);
        struct nl_deviation spread = nl_deviation(values, s->results->seeds, level);
        double scale = metric.measure.scale;
        char *runs = nl_format("%d", spread.n), *sd = isnan(spread.sd) ? NULL : nl_format("%.3g", spread.sd * scale),
             *interval =
                 isnan(spread.lower) ? NULL : nl_format("%.3g to %.3g", spread.lower * scale, spread.upper * scale);
        nl_document_row(s->document, (const char *const[]){view.method[i].label, runs, sd, interval});
        free(runs);
        free(sd);
        free(interval);
    }
    free(values);
    nl_comparison_release(&view);
}

/* ---- compute ---- */

/* Times of the trials of a folder; count 0: none are known. */
struct spent {
    int count;
    double seconds, median, memory;
};

static struct spent spent_in(const char *folder)
{
    struct spent out = {0};
    struct nl_csv csv;
    struct nl_error ignored;
    char *path = nl_path_join(folder, "timing.csv");
    int status = nl_csv_read(path, &csv, &ignored), seconds, memory;
    free(path);
    if (status)
        return out;
    double *all = nl_alloc((size_t)csv.rows + 1, sizeof *all), bytes;
    if (nl_csv_need(&csv, "seconds", &seconds, &ignored) == NL_OK &&
        nl_csv_need(&csv, "arena_bytes", &memory, &ignored) == NL_OK)
        for (int row = 0; row < csv.rows; row++)
            if (nl_csv_number(&csv, row, seconds, &all[out.count], &ignored) == NL_OK &&
                nl_csv_number(&csv, row, memory, &bytes, &ignored) == NL_OK) {
                out.seconds += all[out.count++];
                out.memory = fmax(out.memory, bytes);
            }
    nl_sort(all, (size_t)out.count);
    out.median = nl_quantile_sorted(all, (size_t)out.count, 0.5);
    free(all);
    nl_csv_release(&csv);
    return out;
}

static void add_spent(const struct nl_report_section *s, const char *what, const char *folder)
{
    struct spent spent = spent_in(folder);
    char bytes[32];
    if (spent.count == 0)
        return;
    char *runs = nl_format("%d", spent.count),
         *sum = spent.seconds < 3600.0 ? nl_format("%.3g min", spent.seconds / 60.0)
                                       : nl_format("%.3g h", spent.seconds / 3600.0),
         *median = nl_format("%.3g s", spent.median);
    nl_document_row(s->document,
                    (const char *const[]){what, runs, sum, median, nl_bytes_text((int64_t)spent.memory, bytes)});
    free(runs);
    free(sum);
    free(median);
}

static void add_compute(const struct nl_report_section *s)
{
    static const char *const head[] = {"round", ">runs", ">time of all", ">median of a run", ">most memory of a run",
                                       NULL};
    static const char *const what[] = {"tuning", "same"};
    const struct nl_provenance *made = s->source->made;
    nl_section_heading(s, "Compute");
    if (s->experiment->import) {
        nl_document_add(s->document, NL_BLOCK_WARNING, 0,
                        "To be filled in: the files of the other program do not say on what machine, and for how long, "
                        "the runs were trained.");
        return;
    }
    nl_document_table(s->document,
                      "Times of training and evaluation, run by run; others may have run beside them. Without "
                      "experiments that preceded these.",
                      1, head);
    add_spent(s, "results", s->source->folder);
    for (int i = 0; i < 2; i++) {
        char *folder = nl_path_join(s->source->folder, what[i]);
        add_spent(s, i ? "the same values for all" : "tuning", folder);
        free(folder);
    }
    nl_document_add(
        s->document, NL_BLOCK_PARAGRAPH, 0, "Machine: %s; %s. Program: normlab %s (commit %s), built by %s.",
        nl_provenance_get(made, "processor"), nl_provenance_get(made, "machine"), nl_provenance_get(made, "version"),
        nl_provenance_get(made, "commit"), nl_provenance_get(made, "compiler"));
}

/* ---- checklist ---- */

static void add_item(const struct nl_report_section *s, const char *item, const char *known)
{
    nl_document_row(s->document, (const char *const[]){item, known ? known : "OPEN"});
}

/* The least and the largest number of a column of trials.csv, "75290" or "1000 to 2000"; NULL: it is not known. */
static char *range_of(const struct nl_report_section *s, const char *column)
{
    double least, most;
    nl_csv_range(&s->results->csv, column, &least, &most);
    return isnan(least) ? NULL : least == most ? nl_format("%.0f", least) : nl_format("%.0f to %.0f", least, most);
}

static void add_data_items(const struct nl_report_section *s)
{
    char *train = range_of(s, "train_samples"), *val = range_of(s, "val_samples"), *test = range_of(s, "test_samples");
    char *samples =
        train && test ? nl_format("Samples: %s to train, %s to validate, %s to test.", train, val ? val : "none", test)
                      : NULL;
    add_item(s, "Size of the data and of each part", samples);
    const struct nl_config *config = &s->experiment->config;
    const char *parts = config->data.split_seed != NL_AUTO || config->data.test_seed != NL_AUTO
                            ? "One test part for all seeds."
                            : "As the data set has its parts, or, where it has none, split anew by each seed.";
    add_item(s, "How the parts were made", s->experiment->import ? NULL : parts);
    char *name = nl_format("%s, as normlab data info %s says.", nl_data_names[config->data.name],
                           nl_data_names[config->data.name]);
    add_item(s, "Where the data can be had, and under which licence",
             s->experiment->import || nl_data_is_own(config) ? NULL : name);
    free(name);
    free(samples);
    free(train);
    free(val);
    free(test);
}

static void add_choice_items(const struct nl_report_section *s)
{
    const struct nl_rounds *rounds = &s->experiment->rounds;
    bool import = s->experiment->import;
    add_item(s, "All hyperparameters, and the ranges that were searched", import ? NULL : "In the table above.");
    const char *extended = rounds->extended ? ", which were extended where a best value lay at their edge" : "";
    char *with = rounds->tune_trials ? nl_format("the same %s, points of the Sobol sequence in the ranges above%s",
                                                 NL_COUNT(nl_search_combinations(rounds), "trial"), extended)
                                     : nl_format("the same values%s", extended);
    char *by = nl_tuned_by(rounds),
         *how = rounds->tunes
                    ? nl_format("By %s, with seeds of their own, without the test part; all settings were tried "
                                "with %s.",
                                by, with)
                    : NULL;
    add_item(s, "How the final values were chosen, with which budget for each method", how);
    free(with);
    free(by);
    free(how);
}

static void add_result_items(const struct nl_report_section *s)
{
    struct nl_measure measure;
    nl_measure(nl_metric_names[s->experiment->config.plot.metric], &measure);
    char *metric = nl_format("The %s after the last step.", measure.name),
         *runs = nl_format("%s, of which %d failed; listed above.",
                           NL_COUNT(s->answer->planned - s->answer->missing, "run"), s->answer->failed),
         *spread = nl_format("Means with %g %% intervals over seeds, in tables and figures; standard deviations above.",
                             100.0 * s->experiment->config.plot.level);
    add_item(s, "The measure that is reported, and when it was taken", metric);
    add_item(s, "Number of runs, and failed runs", runs);
    add_item(s, "Central tendency and variation", spread);
    add_item(s, "The test behind each comparison, and its correction",
             s->answer->tests ? "Under 'How it was judged'." : NULL);
    add_item(s, "Question, smallest effect and tests were fixed before the runs", NULL);
    free(metric);
    free(runs);
    free(spread);
}

static void add_checklist(const struct nl_report_section *s)
{
    static const char *const head[] = {"item", "answer", NULL};
    bool import = s->experiment->import;
    nl_section_heading(s, "Reproducibility checklist");
    nl_document_table(
        s->document,
        "After the checklist of Pineau et al. (2021). What the results tell is filled in; what is OPEN the "
        "authors say.",
        1, head);
    char *parameters = range_of(s, "parameters"),
         *model = parameters ? nl_format("Under 'Protocol'; %s parameters.", parameters) : NULL;
    add_item(s, "A description of the model", import ? NULL : model);
    add_data_items(s);
    add_choice_items(s);
    add_result_items(s);
    add_item(s, "Run time, and the machine", import ? NULL : "Under 'Compute'.");
    add_item(s, "Energy, or emissions", NULL);
    add_item(s, "Code: version, and the command that repeats the runs", import ? NULL : s->source->again);
    add_item(s, "Code and results are published, under a licence", NULL);
    free(parameters);
    free(model);
}

static int write_appendix(const struct nl_report_section *s, struct nl_report_figures *figures, struct nl_error *err)
{
    nl_section_heading(s, "Protocol");
    nl_section_trained(s);
    add_hyperparameters(s);
    int status = add_tuning(s, figures, err);
    nl_section_heading(s, "Results");
    nl_section_answer(s->document, s->answer);
    nl_section_notes(s);
    nl_report_add_figures(s->document, s->source, figures);
    nl_section_tables(s);
    nl_section_failures(s);
    add_spread(s);
    add_compute(s);
    add_checklist(s);
    return status;
}

int nl_report_add_appendix(struct nl_document *document, const struct nl_report_source *source,
                           struct nl_report_figures *figures, struct nl_error *err)
{
    return nl_section_write(document, source, figures, write_appendix, err);
}
