/* Reads trials.csv, finds the keys that vary, and sorts the trials into cells. */
#include "stats/results.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "config/import.h"
#include "config/value.h"
#include "model/model.h"
#include "norm/norm.h"

static int find_text(char *const *list, int count, const char *text)
{
    for (int i = 0; i < count; i++)
        if (strcmp(list[i], text) == 0)
            return i;
    return -1;
}

static int add_text(char ***list, int *count, const char *text)
{
    int at = find_text(*list, *count, text);
    if (at >= 0)
        return at;
    *list = nl_realloc(*list, (size_t)*count + 1, sizeof **list);
    (*list)[*count] = nl_strdup(text);
    return (*count)++;
}

static int add_factor(struct nl_results *results, const struct nl_key *key, int column)
{
    for (int i = 0; i < results->factors; i++)
        if (results->factor[i].key == key) {
            results->factor[i].column = column;
            return i;
        }
    results->factor = nl_realloc(results->factor, (size_t)results->factors + 1, sizeof *results->factor);
    results->factor[results->factors] = (struct nl_factor){.key = key, .column = column};
    return results->factors++;
}

/* The varied keys stand between `trial` and `status`, train.seed the last of them. */
static int find_factors(struct nl_results *results, int *seed, struct nl_error *err)
{
    const struct nl_csv *csv = &results->csv;
    int first, step;
    if (nl_csv_need(csv, "trial", &first, err) != NL_OK || nl_csv_need(csv, "status", &results->status, err) != NL_OK ||
        nl_csv_need(csv, "train.seed", seed, err) != NL_OK || nl_csv_need(csv, "failed_step", &step, err) != NL_OK)
        return NL_FAIL;
    for (int column = first + 1; column < results->status; column++) {
        if (column == *seed)
            continue;
        const struct nl_key *key = nl_key_of(csv->name[column]);
        if (!key)
            return nl_fail(err,
                           "%s:1: column '%s' is not a key of a configuration: the file was written by another version",
                           csv->path, csv->name[column]);
        add_factor(results, key, column);
    }
    return NL_OK;
}

static struct nl_cell *cell_of(struct nl_results *results, const int *level)
{
    size_t bytes = (size_t)results->factors * sizeof *level;
    for (int i = 0; i < results->cells; i++)
        if (memcmp(results->cell[i].level, level, bytes) == 0)
            return &results->cell[i];
    results->cell = nl_realloc(results->cell, (size_t)results->cells + 1, sizeof *results->cell);
    struct nl_cell *cell = &results->cell[results->cells++];
    *cell = (struct nl_cell){.level = nl_alloc((size_t)results->factors, sizeof *level),
                             .row = nl_alloc((size_t)results->seeds, sizeof *cell->row)};
    memcpy(cell->level, level, bytes);
    for (int i = 0; i < results->seeds; i++)
        cell->row[i] = -1;
    return cell;
}

static int level_of(struct nl_factor *factor, const char *text)
{
    return *text ? add_text(&factor->value, &factor->values, text) : NL_INAPPLICABLE;
}

static bool is_value(const struct nl_key *key, const char *text)
{
    struct nl_config config;
    nl_config_defaults(&config);
    return key->path || nl_key_set(key, &config, text, NULL) == NL_OK; /* a part of model.layers depends on the list */
}

static int place_row(struct nl_results *results, int row, int seed, int *level, struct nl_error *err)
{
    const struct nl_csv *csv = &results->csv;
    for (int i = 0; i < results->factors; i++) {
        struct nl_factor *factor = &results->factor[i];
        const char *text = factor->column < 0 ? "" : nl_csv_field(csv, row, factor->column);
        int known = factor->values;
        level[i] = level_of(factor, text);
        if (factor->values > known && !is_value(factor->key, text))
            return nl_fail(err, "%s:%d: '%s' cannot be '%s'", csv->path, csv->line[row], factor->key->name, text);
    }
    struct nl_cell *cell = cell_of(results, level);
    int at = find_text(results->seed, results->seeds, nl_csv_field(csv, row, seed));
    if (cell->row[at] >= 0)
        return nl_fail(err, "%s:%d: the same trial as in line %d", csv->path, csv->line[row], csv->line[cell->row[at]]);
    const char *status = nl_csv_field(csv, row, results->status);
    bool diverged = strcmp(status, "diverged") == 0, dead = strcmp(status, "dead") == 0;
    if (!diverged && !dead && strcmp(status, "done") != 0 && strcmp(status, "error") != 0)
        return nl_fail(err, "%s:%d: unknown status '%s'", csv->path, csv->line[row], status);
    cell->row[at] = row;
    cell->trials++;
    cell->diverged += diverged;
    cell->dead += dead;
    cell->failed += strcmp(status, "done") != 0;
    return NL_OK;
}

/* Where points were added to the grid, not all cells have the same numbers: they are put in order before cells are
 * named by them. */
static void order_levels(struct nl_results *results, const struct nl_planned *planned)
{
    for (int i = 0; i < results->factors; i++) {
        struct nl_factor *factor = &results->factor[i];
        if (!nl_key_is_number(factor->key))
            continue;
        for (int k = 0; k < planned->keys - 1; k++)
            for (int trial = 0; planned->key[k] == factor->key && trial < planned->trials; trial++)
                level_of(factor, planned->text[trial][k]);
        bool falls = factor->values > 1 && nl_factor_number(factor, 0) > nl_factor_number(factor, 1);
        for (int at = 1; at < factor->values; at++)
            for (int j = at; j > 0 && (nl_factor_number(factor, j - 1) > nl_factor_number(factor, j)) != falls; j--) {
                char *swapped = factor->value[j];
                factor->value[j] = factor->value[j - 1];
                factor->value[j - 1] = swapped;
            }
    }
}

/* Factors, seeds and cells as the experiment asks for them. */
static void place_planned(struct nl_results *results, const struct nl_planned *planned)
{
    int last = planned->keys - 1;
    for (int trial = 0; trial < planned->trials; trial++)
        add_text(&results->seed, &results->seeds, planned->text[trial][last]);
    int *level = nl_alloc((size_t)results->factors, sizeof *level);
    for (int trial = 0; trial < planned->trials; trial++) {
        for (int i = 0; i < results->factors; i++)
            level[i] = NL_INAPPLICABLE;
        for (int k = 0; k < last; k++)
            for (int i = 0; i < results->factors; i++)
                if (results->factor[i].key == planned->key[k])
                    level[i] = level_of(&results->factor[i], planned->text[trial][k]);
        cell_of(results, level)->planned++;
    }
    free(level);
}

/* So that later reads cannot fail. */
static int check_numbers(const struct nl_results *results, struct nl_error *err)
{
    static const char *const counts[] = {"classes",      "train_samples", "val_samples",
                                         "test_samples", "val_overlap",   "test_overlap"};
    const struct nl_csv *csv = &results->csv;
    int status = NL_OK;
    for (int column = 0; column < csv->columns; column++) {
        struct nl_measure measure;
        double value;
        bool number = nl_measure(csv->name[column], &measure);
        for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
            number |= strcmp(counts[i], csv->name[column]) == 0;
        for (int row = 0; number && status == NL_OK && row < csv->rows; row++)
            status = nl_csv_number(csv, row, column, &value, err);
    }
    return status;
}

static const char *why_untrained(const struct nl_results *results, const struct nl_experiment *experiment,
                                 const struct nl_cell *cell)
{
    const struct nl_config config = nl_cell_config(results, experiment, cell);
    if (config.train.steps == 0)
        return "train.steps is 0";
    if (config.train.epochs == 0 && strcmp(nl_length_key(&config), "train.epochs") == 0)
        return "train.epochs is 0";
    return config.train.lr == 0.0 ? "train.lr is 0" : NULL;
}

/* The index into nl_norms; -1: there is none of that name. */
static int norm_index(const char *name)
{
    int at = 0;
    while (nl_norm_names[at] && strcmp(nl_norm_names[at], name) != 0)
        at++;
    return nl_norm_names[at] ? at : -1;
}

int nl_results_of(struct nl_csv *csv, const struct nl_experiment *experiment, const struct nl_planned *planned,
                  struct nl_results *out, struct nl_error *err)
{
    *out = (struct nl_results){.path = nl_strdup(csv->path),
                               .csv = *csv,
                               .import = experiment->import,
                               .base_norm = experiment->import ? norm_index("none") : experiment->config.norm.kind,
                               .formula = nl_norm_label(&experiment->config, nl_norm_formula.name),
                               .first_seeds = experiment->rounds.first_seeds};
    *csv = (struct nl_csv){0};
    int seed = -1;
    for (int k = 0; planned && k < planned->keys - 1; k++)
        add_factor(out, planned->key[k], -1);
    int status = find_factors(out, &seed, err);
    if (status == NL_OK && out->csv.rows == 0)
        status = nl_fail(err, "'%s' holds no trial: nothing to summarize", out->path);
    if (status == NL_OK && planned && experiment->rounds.points)
        order_levels(out, planned);
    if (status == NL_OK && planned)
        place_planned(out, planned);
    int asked = out->seeds;
    for (int row = 0; status == NL_OK && row < out->csv.rows; row++)
        add_text(&out->seed, &out->seeds, nl_csv_field(&out->csv, row, seed));
    for (int i = 0; out->seeds > asked && i < out->cells; i++) { /* seeds that nobody asked for */
        out->cell[i].row = nl_realloc(out->cell[i].row, (size_t)out->seeds, sizeof *out->cell[i].row);
        for (int extra = asked; extra < out->seeds; extra++)
            out->cell[i].row[extra] = -1;
    }
    int *level = nl_alloc((size_t)out->factors, sizeof *level);
    for (int row = 0; status == NL_OK && row < out->csv.rows; row++)
        status = place_row(out, row, seed, level, err);
    free(level);
    if (status == NL_OK)
        status = check_numbers(out, err);
    for (int i = 0; i < out->cells; i++) {
        struct nl_cell *cell = &out->cell[i];
        cell->planned = cell->planned > cell->trials ? cell->planned : cell->trials;
        if (status == NL_OK)
            cell->untrained = why_untrained(out, experiment, cell);
        out->planned += cell->planned;
        out->missing += cell->planned - cell->trials;
    }
    if (status != NL_OK)
        nl_results_release(out);
    return status;
}

int nl_results_load(const char *folder, const struct nl_experiment *experiment, const struct nl_planned *planned,
                    struct nl_results *out, struct nl_error *err)
{
    struct nl_csv csv;
    char *path = nl_path_join(folder, "trials.csv");
    int status = nl_csv_read(path, &csv, err);
    free(path);
    if (status == NL_OK)
        return nl_results_of(&csv, experiment, planned, out, err);
    *out = (struct nl_results){0};
    return NL_FAIL;
}

void nl_results_release(struct nl_results *results)
{
    for (int i = 0; i < results->factors; i++) {
        for (int j = 0; j < results->factor[i].values; j++)
            free(results->factor[i].value[j]);
        free(results->factor[i].value);
    }
    for (int i = 0; i < results->seeds; i++)
        free(results->seed[i]);
    for (int i = 0; i < results->cells; i++) {
        free(results->cell[i].level);
        free(results->cell[i].row);
    }
    free(results->factor);
    free(results->seed);
    free(results->cell);
    free(results->path);
    nl_csv_release(&results->csv);
    *results = (struct nl_results){0};
}

int nl_results_factor(const struct nl_results *results, const char *key)
{
    for (int i = 0; i < results->factors; i++)
        if (strcmp(results->factor[i].key->name, key) == 0)
            return i;
    return -1;
}

int nl_cell_norm(const struct nl_results *results, const struct nl_cell *cell)
{
    int factor = nl_results_factor(results, "norm.kind");
    if (factor < 0 || cell->level[factor] == NL_INAPPLICABLE)
        return results->base_norm;
    int kind = norm_index(results->factor[factor].value[cell->level[factor]]);
    return kind >= 0 ? kind : results->base_norm;
}

const char *nl_results_norm_label(const struct nl_results *results, int kind)
{
    return kind == NL_NORM_formula ? results->formula : nl_norms[kind]->label;
}

const char *nl_results_label(const struct nl_results *results)
{
    return results->import ? "all runs" : nl_results_norm_label(results, results->base_norm);
}

struct nl_config nl_cell_config(const struct nl_results *results, const struct nl_experiment *experiment,
                                const struct nl_cell *cell)
{
    struct nl_config config = experiment->config;
    for (int i = 0; i < results->factors; i++)
        if (cell->level[i] != NL_INAPPLICABLE)
            nl_key_set(results->factor[i].key, &config, results->factor[i].value[cell->level[i]], NULL);
    return config;
}

bool nl_cell_leaks(const struct nl_results *results, const struct nl_experiment *experiment, const struct nl_cell *cell)
{
    const struct nl_config config = nl_cell_config(results, experiment, cell);
    if (config.norm.leaks != NL_ALLOW_LEAKS)
        return false;
    const struct nl_shape shape = nl_data_facts(&config).shape;
    return nl_sees_ahead(&config, &shape);
}

const char *nl_results_leaks(const struct nl_results *results, const struct nl_experiment *experiment)
{
    int leaking = 0;
    for (int i = 0; i < results->cells; i++)
        leaking += nl_cell_leaks(results, experiment, &results->cell[i]);
    if (leaking == 0)
        return NULL;
    return leaking < results->cells
               ? "[sees ahead]: in training, statistics of a batch let each position see later ones (norm.leaks)."
               : "In training, statistics of a batch let each position see later ones (norm.leaks).";
}

double nl_factor_number(const struct nl_factor *factor, int level)
{
    return level == NL_INAPPLICABLE ? NAN : nl_double_read(factor->value[level], NULL);
}

bool nl_factor_distinguishes(const struct nl_results *results, int factor)
{
    return results->factor[factor].values > 1 || nl_factor_is_optional(results, factor);
}

bool nl_factor_is_optional(const struct nl_results *results, int factor)
{
    for (int a = 0; a < results->cells; a++)
        for (int b = 0; b < a; b++)
            if ((results->cell[a].level[factor] == NL_INAPPLICABLE) !=
                    (results->cell[b].level[factor] == NL_INAPPLICABLE) &&
                nl_cell_norm(results, &results->cell[a]) == nl_cell_norm(results, &results->cell[b]))
                return true;
    return false;
}

struct nl_failures nl_results_failures(const struct nl_results *results)
{
    struct nl_failures out = {0};
    for (int i = 0; i < results->cells; i++) {
        out.runs += results->cell[i].trials;
        out.failed += results->cell[i].failed;
        out.diverged += results->cell[i].diverged;
        out.dead += results->cell[i].dead;
    }
    return out;
}

const char *nl_cell_status(const struct nl_results *results, const struct nl_cell *cell, int seed)
{
    return !cell || cell->row[seed] < 0 ? NULL : nl_csv_field(&results->csv, cell->row[seed], results->status);
}

struct nl_runs nl_results_runs(const struct nl_results *results)
{
    struct nl_runs out = {.least = results->seeds};
    for (int i = 0; i < results->cells; i++) {
        int trials = results->cell[i].trials;
        out.most = trials > out.most ? trials : out.most;
        out.least = trials < out.least ? trials : out.least;
        out.diverged += results->cell[i].diverged;
    }
    return out;
}

/* Whether cell `other` is the baseline's counterpart of `cell`: the baseline's keys have its values, where one that
 * does not apply counts as its default (norm.weights: none); the others are equal or do not apply to the baseline. */
static bool is_counterpart(const struct nl_results *results, const struct nl_match *baseline,
                           const struct nl_cell *cell, const struct nl_cell *other)
{
    for (int i = 0; i < results->factors; i++) {
        const struct nl_factor *factor = &results->factor[i];
        int named = -1;
        for (int k = 0; k < baseline->keys; k++)
            if (baseline->key[k] == factor->key)
                named = k;
        if (named >= 0) {
            const struct nl_word_list *legal = &baseline->values[named];
            const char *value =
                other->level[i] == NL_INAPPLICABLE ? factor->key->default_text : factor->value[other->level[i]];
            if (find_text(legal->at, legal->count, value) < 0)
                return false;
        } else if (other->level[i] != cell->level[i] && other->level[i] != NL_INAPPLICABLE) {
            return false;
        }
    }
    return true;
}

const struct nl_cell *nl_cell_baseline(const struct nl_results *results, const struct nl_experiment *experiment,
                                       const struct nl_cell *cell)
{
    const struct nl_cell *found = NULL;
    for (int i = 0; experiment->has_baseline && i < results->cells; i++) {
        if (!is_counterpart(results, &experiment->baseline, cell, &results->cell[i]))
            continue;
        if (found)
            return NULL;
        found = &results->cell[i];
    }
    return found;
}

/* What the outputs at the end of a training say beside loss and accuracy. */
static bool measure_of_outputs(const char *column, struct nl_measure *out)
{
    bool top5 = strcmp(column, "test_top5_error") == 0;
    if (!top5 && strcmp(column, "test_ece") != 0)
        return false;
    *out = (struct nl_measure){.unit = "%",
                               .step = "points",
                               .scale = 100.0,
                               .worse = 1,
                               .part = "test",
                               .share = top5,
                               .error = top5,
                               .reading = top5 ? NL_READ_TOP5_ERROR : NL_READ_ECE,
                               .statistics = ""};
    snprintf(out->name, sizeof out->name, "%s", top5 ? "test top-5 error" : "test calibration error");
    return true;
}

/* What is worked out from a run's curve or from two parts; of shares that were counted only one that a single
 * evaluation has. */
static bool derived_measure(const char *column, struct nl_measure *out)
{
    static const struct {
        const char *column, *name, *part;
        bool error;
    } known[] = {{"test_error_area", "test error along the curve", "test", true},
                 {"test_loss_area", "test loss along the curve", "test", false},
                 {"val_error_area", "validation error along the curve", "val", true},
                 {"val_loss_area", "validation loss along the curve", "val", false},
                 {"error_gap", "gap of test and training error", "test", true},
                 {"loss_gap", "gap of test and training loss", "test", false},
                 {"test_error_best", "test error at the best validation loss", "test", true},
                 {"test_loss_best", "test loss at the best validation loss", "test", false}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(known[i].column, column) == 0) {
            bool counted = strcmp(column, "test_error_best") == 0;
            bool along = strstr(column, "_area") != NULL; /* the mean of the curve, which shows where it comes from */
            *out = (struct nl_measure){.unit = known[i].error ? "%" : "", .step = known[i].error ? "points" : "nats",
                                       .scale = known[i].error ? 100.0 : 1.0, .worse = 1, .part = known[i].part,
                                       .share = counted, .error = counted, .of_run = !along,
                                       .reading = known[i].error ? NL_READ_ERROR : NL_READ_LOSS, .statistics = ""};
            snprintf(out->name, sizeof out->name, "%s", known[i].name);
            return true;
        }
    return false;
}

static const struct {
    const char *name, *title;
    struct nl_measure is;
} kinds[] = {
    {"loss", "loss", {.unit = "", .step = "nats", .scale = 1.0, .worse = 1, .reading = NL_READ_LOSS}},
    {"accuracy",
     "accuracy",
     {.unit = "%", .step = "points", .scale = 100.0, .worse = -1, .share = true, .reading = NL_READ_ACCURACY}},
    {"error",
     "error",
     {.unit = "%",
      .step = "points",
      .scale = 100.0,
      .worse = 1,
      .share = true,
      .error = true,
      .reading = NL_READ_ERROR}},
    {"perplexity",
     "perplexity",
     {.unit = "", .step = "of perplexity", .scale = 1.0, .worse = 1, .reading = NL_READ_PERPLEXITY}},
    {"bits_per_char",
     "bits per character",
     {.unit = "", .step = "bits", .scale = 1.0, .worse = 1, .reading = NL_READ_BITS}},
};

bool nl_measure(const char *column, struct nl_measure *out)
{
    static const char *const parts[] = {"train", "val", "test"}, *const titles[] = {"training", "validation", "test"};
    for (int part = 0; part < 3; part++)
        for (size_t kind = 0; kind < sizeof kinds / sizeof *kinds; kind++)
            for (int eval = -1; eval < NL_EVALS; eval++) {
                const char *statistics = eval < 0 ? "" : nl_eval_names[eval];
                char name[64];
                snprintf(name, sizeof name, "%s_%s%s%s", parts[part], kinds[kind].name, *statistics ? "_" : "",
                         statistics);
                if (strcmp(name, column) != 0)
                    continue;
                *out = kinds[kind].is;
                out->part = parts[part];
                out->statistics = statistics;
                snprintf(out->name, sizeof out->name, "%s %s", titles[part], kinds[kind].title);
                return true;
            }
    return derived_measure(column, out) || measure_of_outputs(column, out);
}

const char *nl_measure_column(const struct nl_measure *measure)
{
    if (measure->of_run || !nl_is_read_from_curves(measure->reading))
        return NULL;
    return measure->reading == NL_READ_ACCURACY || measure->reading == NL_READ_ERROR ? "accuracy" : "loss";
}

/* The share that is right by guessing one of the classes, or five of them. */
static double guessed(const struct nl_measure *measure, double one)
{
    bool five = measure->reading == NL_READ_TOP5_ACCURACY || measure->reading == NL_READ_TOP5_ERROR;
    return five ? fmin(5.0 * one, 1.0) : one;
}

double nl_measure_read(const struct nl_measure *measure, double value)
{
    switch (measure->reading) {
    case NL_READ_LOSS:
    case NL_READ_ACCURACY:
        return value;
    case NL_READ_ERROR:
        return 1.0 - value;
    case NL_READ_PERPLEXITY:
        return exp(value);
    case NL_READ_BITS:
        return value / log(2.0);
    case NL_READ_TOP5_ACCURACY:
    case NL_READ_TOP5_ERROR:
    case NL_READ_ECE: break;
    }
    NL_BUG("reading %d", measure->reading);
}

struct nl_metric_column nl_metric_column(const struct nl_results *results, const char *column)
{
    struct nl_metric_column out = {.column = nl_csv_column(&results->csv, column), .chance = NAN};
    nl_measure(column, &out.measure);
    char name[64];
    double samples, overlap, classes, ignored;
    snprintf(name, sizeof name, "%s_samples", out.measure.part);
    nl_csv_range(&results->csv, name, &samples, &ignored);
    snprintf(name, sizeof name, "%s_overlap", out.measure.part);
    nl_csv_range(&results->csv, name, &ignored, &overlap);
    nl_csv_range(&results->csv, "classes", &classes, &ignored);
    if (isnan(classes) && samples > 0 && out.measure.reading == NL_READ_LOSS &&
        !results->import) /* real targets have no classes; imported ones may only not say how many */
        out.measure.step = NL_SQUARED_STEP;
    out.fixed = overlap >= 1.0;
    if (out.measure.share && samples > 0)
        out.sampling.samples = samples;
    if (overlap > 0 && overlap < 1.0)
        out.sampling.overlap = overlap;
    out.sampling.first = results->first_seeds;
    if (out.measure.share && classes > 0 && samples != 0) /* 0: there is no such part */
        out.chance = out.measure.error ? 1.0 - guessed(&out.measure, 1.0 / classes) : 1.0 / classes;
    return out;
}

static bool is_evaluated(const struct nl_results *results, int column)
{
    for (int row = 0; row < results->csv.rows; row++)
        if (*nl_csv_field(&results->csv, row, column))
            return true;
    return false;
}

struct nl_metric_column *nl_metric_columns(const struct nl_results *results, int *count)
{
    struct nl_metric_column *out = nl_alloc((size_t)results->csv.columns + 1, sizeof *out);
    struct nl_measure measure;
    *count = 0;
    for (int column = 0; column < results->csv.columns; column++)
        if (nl_measure(results->csv.name[column], &measure) && is_evaluated(results, column))
            out[(*count)++] = nl_metric_column(results, results->csv.name[column]);
    return out;
}

double nl_metric_chance(const struct nl_results *results, const struct nl_measure *measure)
{
    double right = nl_metric_column(results, "train_accuracy").chance;
    switch (measure->reading) {
    case NL_READ_ACCURACY: return right;
    case NL_READ_ERROR: return 1.0 - right;
    case NL_READ_LOSS: return -log(right);
    case NL_READ_PERPLEXITY: return 1.0 / right;
    case NL_READ_BITS: return -log2(right);
    case NL_READ_TOP5_ACCURACY: return guessed(measure, right);
    case NL_READ_TOP5_ERROR: return 1.0 - guessed(measure, right);
    case NL_READ_ECE: return NAN;
    }
    NL_BUG("reading %d", measure->reading);
}

void nl_cell_values(const struct nl_results *results, const struct nl_cell *cell, const struct nl_metric_column *metric,
                    double *out)
{
    for (int i = 0; i < results->seeds; i++) {
        const char *status = nl_cell_status(results, cell, i);
        out[i] = NAN;
        if (!status || metric->column < 0)
            continue;
        if (metric->values)
            out[i] = metric->values[(cell - results->cell) * results->seeds + i];
        else if (strcmp(status, "done") == 0 || strcmp(status, "dead") == 0)
            nl_csv_number(&results->csv, cell->row[i], metric->column, &out[i], NULL);
        else if (strcmp(status, "diverged") == 0)
            out[i] = metric->chance;
    }
}

static struct nl_estimate mean_of(const struct nl_results *results, const struct nl_experiment *experiment,
                                  const struct nl_cell *cell, const struct nl_metric_column *metric, bool finished)
{
    double *values = nl_alloc((size_t)results->seeds, sizeof *values);
    nl_cell_values(results, cell, metric, values);
    for (int seed = 0; finished && seed < results->seeds; seed++)
        if (!isnan(values[seed]) && strcmp(nl_cell_status(results, cell, seed), "done") != 0)
            values[seed] = NAN;
    for (int seed = 0; metric->measure.by_ratio && seed < results->seeds; seed++)
        values[seed] = log(values[seed]);
    struct nl_estimate out =
        nl_estimate(values, results->seeds, metric->measure.share ? NL_SCALE_SHARE : NL_SCALE_REAL, &metric->sampling,
                    nl_interval_of(&experiment->config), experiment->config.plot.level);
    free(values);
    return metric->measure.by_ratio ? nl_from_logarithms(out) : out;
}

struct nl_estimate nl_cell_finished(const struct nl_results *results, const struct nl_experiment *experiment,
                                    const struct nl_cell *cell, const struct nl_metric_column *metric)
{
    return mean_of(results, experiment, cell, metric, true);
}

struct nl_estimate nl_cell_mean(const struct nl_results *results, const struct nl_experiment *experiment,
                                const struct nl_cell *cell, const struct nl_metric_column *metric)
{
    struct nl_estimate out = mean_of(results, experiment, cell, metric, false);
    if (cell && cell->trials > 0 && cell->diverged == cell->trials) /* nothing was measured */
        out.sd = out.se = out.lower = out.upper = NAN;
    return out;
}

bool nl_cells_pair(const struct nl_results *results, const struct nl_cell *a, const struct nl_cell *b)
{
    bool same = !results->import || results->import->pairs == NL_PAIRS_BY_SEED;
    for (int i = 0; results->import && a && b && i < results->seeds; i++)
        same &= (a->row[i] >= 0) == (b->row[i] >= 0);
    return same;
}

struct nl_estimate nl_cell_difference(const struct nl_results *results, const struct nl_experiment *experiment,
                                      const struct nl_cell *cell, const struct nl_cell *minus,
                                      const struct nl_metric_column *metric)
{
    double *values = nl_alloc((size_t)results->seeds, 2 * sizeof *values), *other = values + results->seeds;
    nl_cell_values(results, cell, metric, values);
    nl_cell_values(results, minus, metric, other);
    enum nl_scale scale = metric->measure.share ? NL_SCALE_DIFFERENCE : NL_SCALE_REAL;
    double level = experiment->config.plot.level;
    struct nl_estimate out;
    if (nl_cells_pair(results, cell, minus)) {
        for (int i = 0; i < results->seeds; i++)
            values[i] -= other[i];
        out = nl_estimate(values, results->seeds, scale, &metric->sampling, NL_INTERVAL_T, level);
    } else {
        out = nl_estimate_apart(values, other, results->seeds, scale, &metric->sampling, level);
    }
    free(values);
    return out;
}
