/* What a report says of a results folder. */
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "config/diff.h"
#include "config/import.h"
#include "config/sweep.h"
#include "norm/norm.h"
#include "report/explore.h"
#include "report/section.h"
#include "sweep/rounds.h"
#include "sweep/store.h"
#include "sweep/tuning.h"

void nl_section_heading(const struct nl_report_section *s, const char *text)
{
    nl_document_add(s->document, NL_BLOCK_HEADING, 0, "%s", text);
}

static char *last_of(const char *folder)
{
    char *path = realpath(folder, NULL),
         *name = nl_strdup(path && strrchr(path, '/')[1] ? strrchr(path, '/') + 1 : folder);
    free(path);
    return name;
}

char *nl_report_title(const struct nl_report_source *source)
{
    const char *title = source->experiment->config.plot.title;
    return *title ? nl_strdup(title) : last_of(source->folder);
}

char *nl_report_name(const char *folder, int number)
{
    char *last = last_of(folder), *name = nl_format("%d-%s", number, last);
    free(last);
    for (char *at = name; *at; at++)
        if (!isascii((unsigned char)*at) || (!isalnum((unsigned char)*at) && *at != '_'))
            *at = '-';
    return name;
}

/* ---- question and answer ---- */

static void add_question(const struct nl_report_section *s)
{
    const struct nl_experiment *experiment = s->experiment;
    struct nl_measure measure;
    nl_measure(nl_metric_names[experiment->config.plot.metric], &measure);
    char *baseline = experiment->has_baseline ? nl_match_text(&experiment->baseline) : NULL;
    nl_section_heading(s, "Question");
    nl_document_add(s->document, NL_BLOCK_PARAGRAPH, 0, nl_question_sentences[nl_question_of(experiment)],
                    measure.name);
    if (baseline)
        nl_document_add(s->document, NL_BLOCK_PARAGRAPH, 0, "The others are compared with the baseline %s.", baseline);
    if (*experiment->config.plot.protocol)
        nl_document_add(s->document, NL_BLOCK_PARAGRAPH, 0, "Protocol, as the experiment states it: %s.",
                        experiment->config.plot.protocol);
    free(baseline);
}

void nl_section_answer(struct nl_document *document, const struct nl_answer *answer)
{
    nl_document_lines(document, answer->headline.at);
    nl_document_lines(document, answer->evidence.at);
}

void nl_section_notes(const struct nl_report_section *s)
{
    if (!s->answer->notes.length)
        return;
    nl_document_add(s->document, NL_BLOCK_HEADING, 1, "How it was judged");
    struct nl_text items = {0};
    nl_text_add(&items, "  ");
    for (const char *at = s->answer->notes.at; *at; at++)
        nl_text_add(&items, *at == '\n' && at[1] ? "\n  " : "%c", *at);
    nl_document_lines(s->document, items.at);
    nl_text_release(&items);
}

void nl_section_incomplete(struct nl_document *document, const struct nl_answer *answer)
{
    for (const char *line = answer->incomplete.at; line && *line; line += strspn(line, "\n")) {
        int length = (int)strcspn(line, "\n");
        nl_document_add(document, NL_BLOCK_WARNING, 0, "%.*s", length, line);
        line += length;
    }
}

/* ---- tables ---- */

static void add_sheet(struct nl_document *document, struct nl_table *table, int status, const struct nl_error *err)
{
    if (status == NL_OK)
        nl_document_sheet(document, table);
    else
        nl_document_add(document, NL_BLOCK_PARAGRAPH, 0, "There is no such table: %s.", err->text);
    nl_table_release(table);
}

void nl_section_grid(const struct nl_report_section *s)
{
    struct nl_table table = {0};
    struct nl_error err = {{0}};
    add_sheet(s->document, &table, nl_table_grid(s->results, s->experiment, NULL, &table, &err), &err);
}

void nl_section_tables(const struct nl_report_section *s)
{
    struct nl_table table = {0};
    struct nl_error err = {{0}};
    nl_section_heading(s, "Tables");
    nl_document_add(s->document, NL_BLOCK_HEADING, 1, "Side by side");
    nl_section_grid(s);
    nl_document_add(s->document, NL_BLOCK_HEADING, 1, "Every cell of the grid");
    add_sheet(s->document, &table, nl_table_summary(s->results, s->experiment, &table, &err), &err);
}

/* ---- protocol ---- */

int nl_section_tuned(const struct nl_report_section *s, const struct nl_key *key)
{
    const struct nl_rounds *rounds = &s->experiment->rounds;
    const struct nl_axis *axis = nl_axis_with(rounds->tune, rounds->tunes, key, NULL);
    return axis ? (int)(axis - rounds->tune) : -1;
}

bool nl_section_applies(const struct nl_report_section *s, const struct nl_key *key)
{
    bool applies = false;
    for (int i = 0; i < s->source->grid->trials && !applies; i++)
        applies = nl_key_applies(key, &s->source->grid->trial[i].config);
    return applies;
}

char *nl_factor_values(const struct nl_factor *factor)
{
    struct nl_text out = {0};
    for (int i = 0; i < factor->values; i++)
        nl_text_add(&out, "%s%s", i ? ", " : "", factor->value[i]);
    return out.at;
}

/* "train.lr 0.1", or all values that it takes; nothing of a key that matters to no trial. */
static void say_key(struct nl_text *out, const struct nl_report_section *s, const char *name)
{
    const struct nl_key *key = nl_key_of(name);
    int factor = nl_results_factor(s->results, name);
    if (s->source->grid->trials > 0 && !nl_section_applies(s, key))
        return;
    char *value = nl_section_tuned(s, key) >= 0 ? nl_strdup("as chosen for each point")
                  : factor >= 0                 ? nl_factor_values(&s->results->factor[factor])
                                                : nl_key_text(key, &s->experiment->config);
    nl_text_add(out, "%s%s %s", out->length ? "; " : "", name, value);
    free(value);
}

static void add_trained(const struct nl_report_section *s)
{
    static const struct {
        const char *what, *key[8];
    } parts[] = {
        {"Data", {"data.name", "data.train", "data.val", "data.test", "data.test_seed", "data.split_seed"}},
        {"Network", {"model.arch", "model.layers", "model.depth", "model.width", "model.activation", "model.dropout"}},
        {"Normalizers", {"norm.kind", "norm.placement", "norm.groups", "norm.stat_batch", "norm.eval"}},
        {"Training",
         {"train.optimizer", "train.lr", "train.lr_scale", "train.momentum", "train.weight_decay", "train.batch",
          "train.epochs", "train.schedule"}},
        {"Computed by", {"device.kind", "device.precision"}},
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        struct nl_text text = {0};
        for (int k = 0; k < 8 && parts[i].key[k]; k++)
            say_key(&text, s, parts[i].key[k]);
        for (int f = 0; f < s->results->factors && !strcmp(parts[i].what, "Network"); f++)
            if (s->results->factor[f].key->path)
                say_key(&text, s, s->results->factor[f].key->name);
        if (text.length)
            nl_document_add(s->document, NL_BLOCK_ITEM, 0, "%s: %s.", parts[i].what, text.at);
        nl_text_release(&text);
    }
    int64_t first = s->experiment->config.train.seed;
    if (s->experiment->seeds == 1)
        nl_document_add(s->document, NL_BLOCK_ITEM, 0, "Seeds: one trial per cell, train.seed %lld.", (long long)first);
    else
        nl_document_add(s->document, NL_BLOCK_ITEM, 0,
                        "Seeds: %s per cell, train.seed %lld to %lld. The same seed gives every cell the same initial "
                        "weights and order of samples.",
                        NL_COUNT(s->experiment->seeds, "trial"), (long long)first,
                        (long long)(first + s->experiment->seeds - 1));
}

static void add_differences(const struct nl_report_section *s)
{
    static const char *const head[] = {"key", "here", "default", "what it is", NULL};
    struct nl_experiment defaults;
    struct nl_diagnostics diagnostics = {0};
    struct nl_differences differences = {0};
    if (nl_experiment_load(NULL, NULL, 0, &defaults, &diagnostics) == NL_OK) /* the defaults are no problem */
        nl_experiment_diff(&defaults, s->experiment, &differences);
    nl_document_table(s->document,
                      differences.count
                          ? "What differs from the defaults. experiment.yaml in the results folder has every value."
                          : "Nothing differs from the defaults.",
                      1, head);
    for (int i = 0; i < differences.count; i++) {
        const struct nl_difference *at = &differences.at[i];
        const struct nl_key *key = nl_key_of(at->name);
        const char *help = key ? key->help : NULL;
        for (const struct nl_field *field = nl_sweep_fields; field->name && !help; field++)
            if (strncmp(at->name, "sweep.", 6) == 0 && strcmp(at->name + 6, field->name) == 0)
                help = field->help;
        nl_document_row(s->document,
                        (const char *const[]){at->name, at->value[1], at->value[0] ? at->value[0] : "–", help});
    }
    nl_differences_release(&differences);
    nl_diagnostics_release(&diagnostics);
}

/* What the files of another program do not say nobody knows here. */
static void add_imported(const struct nl_report_section *s)
{
    const struct nl_import *import = s->experiment->import;
    const char *protocol = s->experiment->config.plot.protocol;
    nl_document_add(s->document, NL_BLOCK_PARAGRAPH, 0,
                    "Another program trained these runs; what was varied is read from its files, and no more is known "
                    "of how they were trained%s%s.",
                    *protocol ? " than who imported them says: " : "", protocol);
    for (int i = 0; i < import->files.count && i < import->sha256.count; i++)
        nl_document_add(s->document, NL_BLOCK_ITEM, 0, "%s, SHA-256 %.16s... (whole in experiment.yaml)",
                        import->files.at[i], import->sha256.at[i]);
    for (int f = 0; f < s->results->factors; f++) {
        const struct nl_factor *factor = &s->results->factor[f];
        char *values = nl_factor_values(factor);
        nl_document_add(s->document, NL_BLOCK_ITEM, 0, "%s: %s.", factor->key->name, values);
        free(values);
    }
    nl_document_add(s->document, NL_BLOCK_ITEM, 0,
                    import->pairs == NL_PAIRS_NONE
                        ? "Runs are numbered; they have no seeds in common, and are compared without pairs."
                        : "Runs of the same seed are pairs, where both sides of a comparison have the same seeds.");
}

void nl_section_trained(const struct nl_report_section *s)
{
    if (s->experiment->import)
        add_imported(s);
    else
        add_trained(s);
}

static void add_protocol(const struct nl_report_section *s)
{
    nl_section_heading(s, "Protocol");
    nl_section_trained(s);
    if (!s->experiment->import)
        add_differences(s);
}

/* ---- rounds ---- */

/* What the tuning round chose, worked out from its results once more; they are there, for the grid could not have been
 * run without. */
static int add_tuning(const struct nl_report_section *s, struct nl_error *err)
{
    struct nl_round done = {.kind = NL_ROUND_TUNING, .number = 1}, next;
    struct nl_tuning_round tuning;
    const struct nl_partial *partial = &tuning.partial;
    if (nl_tuning_open(s->source->folder, &tuning, err))
        return NL_FAIL;
    int status = NL_OK;
    done.experiment = tuning.experiment;
    done.asked = s->experiment;
    if (partial->present == partial->grid.trials) {
        nl_round_next(s->source->folder, &done, &partial->grid, partial->record, &next, &status, err);
        if (status == NL_OK)
            nl_document_lines(s->document, next.decided.at);
        nl_round_release(&next);
    } else {
        status = nl_fail(err, "of its trials %d of %d are there", partial->present, partial->grid.trials);
    }
    nl_partial_release(&tuning.partial);
    return status;
}

/* What stands in experiment.yaml, where the results that decided on it are not there. */
static void add_choices(const struct nl_report_section *s)
{
    for (int i = 0; i < s->experiment->rounds.choices; i++) {
        char *text = nl_match_text(&s->experiment->rounds.chosen[i]);
        nl_document_add(s->document, NL_BLOCK_ITEM, 0, "%s", text);
        free(text);
    }
}

static void add_points(const struct nl_report_section *s)
{
    const struct nl_rounds *rounds = &s->experiment->rounds;
    if (!rounds->points)
        return;
    nl_document_add(s->document, NL_BLOCK_PARAGRAPH, 0,
                    rounds->refine > 0.0 ? "Added to the grid, to know the largest usable rates within a factor of %g:"
                                         : "Added to the grid:",
                    rounds->refine);
    for (int i = 0; i < rounds->points; i++) {
        char *text = nl_match_text(&rounds->point[i]);
        nl_document_add(s->document, NL_BLOCK_ITEM, 0, "%s", text);
        free(text);
    }
}

static int add_same(const struct nl_report_section *s, struct nl_error *err)
{
    const struct nl_report_source *same = s->source->same;
    if (!s->experiment->rounds.has_same)
        return NL_OK;
    nl_document_add(s->document, NL_BLOCK_HEADING, 1, "With the same values for all");
    char *values = nl_match_text(&s->experiment->rounds.same);
    nl_document_add(s->document, NL_BLOCK_PARAGRAPH, 0, "The grid once more, every point with %s.", values);
    free(values);
    if (!same) {
        nl_document_add(s->document, NL_BLOCK_WARNING, 0,
                        "Incomplete: this round has not run yet. The sweep's command runs it.");
        return NL_OK;
    }
    struct nl_results results;
    struct nl_table table = {0};
    struct nl_answer answer;
    struct nl_error none = {{0}};
    if (nl_results_load(same->tables, same->experiment, same->planned, &results, err))
        return NL_FAIL;
    nl_answer_make(&results, same->experiment, &answer);
    nl_section_incomplete(s->document, &answer);
    nl_section_answer(s->document, &answer);
    add_sheet(s->document, &table, nl_table_summary(&results, same->experiment, &table, &none), &none);
    nl_answer_release(&answer);
    nl_results_release(&results);
    return NL_OK;
}

int nl_section_rounds(const struct nl_report_section *s, struct nl_error *err)
{
    const struct nl_rounds *rounds = &s->experiment->rounds;
    if (!rounds->choices && !rounds->points && !rounds->first_seeds && !rounds->has_same)
        return NL_OK;
    nl_section_heading(s, "What earlier rounds decided");
    if (rounds->choices) {
        struct nl_error why = {{0}};
        if (!rounds->tunes || add_tuning(s, &why)) {
            nl_document_add(s->document, NL_BLOCK_PARAGRAPH, 0, "Chosen, as experiment.yaml states it%s%s:",
                            *why.text ? "; the tuning round cannot be read: " : "", why.text);
            add_choices(s);
        }
    }
    add_points(s);
    if (rounds->first_seeds)
        nl_document_add(s->document, NL_BLOCK_PARAGRAPH, 0,
                        "A first stage of %s decided on %d, for intervals of at most %g to each side.",
                        NL_COUNT(rounds->first_seeds, "seed"), s->experiment->seeds, rounds->half_width);
    return add_same(s, err);
}

/* ---- failures ---- */

static char *cell_name(const struct nl_results *results, const struct nl_cell *cell)
{
    struct nl_text out = {0};
    for (int f = 0; f < results->factors; f++)
        if (cell->level[f] != NL_INAPPLICABLE)
            nl_text_add(&out, "%s%s=%s", out.length ? " " : "", results->factor[f].key->name,
                        results->factor[f].value[cell->level[f]]);
    return out.at ? out.at : nl_strdup("all");
}

/* "diverged: seeds 1 (step 12), 4 (step 40); at chance: seed 2" */
static void say_outcome(struct nl_text *out, const struct nl_results *results, const struct nl_cell *cell, int outcome)
{
    int step = nl_csv_column(&results->csv, "failed_step");
    int count = 0;
    struct nl_text seeds = {0};
    for (int seed = 0; seed < results->seeds; seed++) {
        const char *status = nl_cell_status(results, cell, seed);
        if (!status || strcmp(status, nl_outcome_names[outcome]) != 0)
            continue;
        nl_text_add(&seeds, "%s%s", count++ > 0 ? ", " : "", results->seed[seed]);
        const char *at = step < 0 ? "" : nl_csv_field(&results->csv, cell->row[seed], step);
        nl_text_add(&seeds, *at ? " (step %s)" : "%s", at);
    }
    if (count > 0)
        nl_text_add(out, "%s%s: %s %s", out->length ? "; " : "", nl_outcome_titles[outcome],
                    count == 1 ? "seed" : "seeds", seeds.at);
    nl_text_release(&seeds);
}

void nl_section_failures(const struct nl_report_section *s)
{
    static const char *const head[] = {"where", ">failed", "how, and which seeds", NULL};
    nl_section_heading(s, "Failures");
    if (!s->answer->failed) {
        nl_document_add(s->document, NL_BLOCK_PARAGRAPH, 0, "None of %s failed.",
                        NL_COUNT(s->answer->planned - s->answer->missing, "run"));
        return;
    }
    char *caption = nl_format("%d of %s failed: they diverged, ended at chance, or ended with an error.",
                              s->answer->failed, NL_COUNT(s->answer->planned - s->answer->missing, "run"));
    nl_document_table(s->document, caption, 1, head);
    free(caption);
    for (int i = 0; i < s->results->cells; i++) {
        const struct nl_cell *cell = &s->results->cell[i];
        struct nl_text how = {0};
        for (int outcome = 0; outcome < NL_OUTCOMES; outcome++)
            if (strcmp(nl_outcome_names[outcome], "done") != 0)
                say_outcome(&how, s->results, cell, outcome);
        char *name = cell_name(s->results, cell), *count = nl_format("%d/%d", cell->failed, cell->trials);
        if (cell->failed)
            nl_document_row(s->document, (const char *const[]){name, count, how.at});
        free(name);
        free(count);
        nl_text_release(&how);
    }
}

/* ---- where it comes from ---- */

static void add_provenance(const struct nl_report_section *s)
{
    static const char *const head[] = {"what", "value", NULL};
    const struct nl_provenance *made = s->source->made;
    nl_section_heading(s, "Provenance");
    if (!made->count) {
        nl_document_add(s->document, NL_BLOCK_WARNING, 0,
                        "experiment.yaml does not say what the results were made with.");
        return;
    }
    nl_document_table(s->document, "What the results were made with.", 1, head);
    nl_document_row(s->document, (const char *const[]){"results folder", s->source->folder});
    for (int i = 0; i < made->count; i++)
        nl_document_row(s->document, (const char *const[]){made->name[i], made->value[i]});
}

static void add_again(const struct nl_report_section *s)
{
    const char *command = nl_provenance_get(s->source->made, "command");
    nl_section_heading(s, "How to repeat it");
    if (*command) {
        nl_document_add(s->document, NL_BLOCK_PARAGRAPH, 0, "The command that made the results:");
        nl_document_add(s->document, NL_BLOCK_CODE, 0, "%s", command);
    }
    if (s->experiment->import)
        return;
    nl_document_add(s->document, NL_BLOCK_PARAGRAPH, 0,
                    "The same trials from what the folder records, into a folder of their own%s:",
                    s->experiment->rounds.choices ? ", with the values that were chosen" : "");
    nl_document_add(s->document, NL_BLOCK_CODE, 0, "%s", s->source->again);
}

int nl_section_write(struct nl_document *document, const struct nl_report_source *source,
                     struct nl_report_figures *figures,
                     int (*write)(const struct nl_report_section *s, struct nl_report_figures *figures,
                                  struct nl_error *err),
                     struct nl_error *err)
{
    struct nl_results results;
    struct nl_answer answer;
    if (nl_results_load(source->tables, source->experiment, source->planned, &results, err))
        return NL_FAIL;
    nl_answer_make(&results, source->experiment, &answer);
    const struct nl_report_section s = {.document = document,
                                        .source = source,
                                        .experiment = source->experiment,
                                        .results = &results,
                                        .answer = &answer};
    nl_section_incomplete(document, &answer);
    int status = write(&s, figures, err);
    nl_answer_release(&answer);
    nl_results_release(&results);
    return status;
}

static int write_results(const struct nl_report_section *s, struct nl_report_figures *figures, struct nl_error *err)
{
    add_question(s);
    nl_section_heading(s, "Answer");
    nl_section_answer(s->document, s->answer);
    nl_section_notes(s);
    nl_section_heading(s, "Figures");
    nl_report_add_figures(s->document, s->source, figures);
    nl_explore(s);
    nl_section_tables(s);
    int status = nl_section_rounds(s, err);
    add_protocol(s);
    nl_section_failures(s);
    add_provenance(s);
    add_again(s);
    return status;
}

int nl_report_add_results(struct nl_document *document, const struct nl_report_source *source,
                          struct nl_report_figures *figures, struct nl_error *err)
{
    return nl_section_write(document, source, figures, write_results, err);
}

int nl_report_add_missing(struct nl_document *document, const struct nl_report_source *const *source, int count,
                          struct nl_error *err)
{
    struct nl_text names = {0};
    int incomplete = 0;
    for (int i = 0; i < count; i++) {
        struct nl_results results;
        if (nl_results_load(source[i]->tables, source[i]->experiment, source[i]->planned, &results, err)) {
            nl_text_release(&names);
            return NL_FAIL;
        }
        char *title = nl_report_title(source[i]);
        if (results.missing)
            nl_text_add(&names, "%s%s (%d of %d)", incomplete++ ? ", " : "", title, results.missing, results.planned);
        free(title);
        nl_results_release(&results);
    }
    if (incomplete)
        nl_document_add(document, NL_BLOCK_WARNING, 0, "INCOMPLETE: %d of %s, with trials missing: %s.", incomplete,
                        NL_COUNT(count, "result"), names.at);
    nl_text_release(&names);
    return NL_OK;
}
