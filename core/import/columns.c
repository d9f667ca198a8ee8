/* Finds out what the columns of a table are, by what the user says and by their names. */
#include "import/columns.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"
#include "base/nearest.h"
#include "config/own_keys.h"
#include "config/value.h"
#include "import/names.h"

/* ---- names ---- */

/* Whether the names are the same but for case and for what stands between the words. */
static bool is_called(const char *name, const char *word)
{
    for (name = nl_bare_name(name); *name || *word;) {
        while (*name && strchr("_-/. ", *name))
            name++;
        if (tolower((unsigned char)*name) != *word)
            return false;
        name += *name != '\0';
        word += *word != '\0';
    }
    return true;
}

static const char *const names_of_roles[][24] = {
    [NL_COLUMN_METHOD] = {"method", "normalizer", "normalization", "norm", "normlayer", "normtype", "normkind",
                          "normalizationlayer", "algorithm", "algo", "approach", "variant", "group", NULL},
    [NL_COLUMN_SEED] = {"seed", "randomseed", "rngseed", "trainseed", "repeat", "repetition", "replicate", "fold",
                        NULL},
    [NL_COLUMN_RUN] = {"runid", "run", "runname", "name", "id", "experiment", "expid", "expname", "trial", "trialid",
                       "file", NULL},
    [NL_COLUMN_STEP] = {"step", "globalstep", "iteration", "iter", "update", NULL},
    [NL_COLUMN_EPOCH] = {"epoch", NULL},
    [NL_COLUMN_STATUS] = {"status", "state", NULL}};

/* ---- metrics ---- */

static void set_metric(struct nl_column_use *use, const char *part, enum nl_curve_reading reading)
{
    use->role = NL_COLUMN_METRIC;
    use->part = part;
    use->reading = reading;
    snprintf(use->metric, sizeof use->metric, "%s_%s", part, nl_reading_words[reading]);
}

/* A metric that the user names: one that results keep of a part. */
static int set_named_metric(struct nl_column_use *use, const char *metric, struct nl_error *err)
{
    static const char *const of[] = {"train", "val", "test"};
    for (int p = 0; p < 3; p++)
        for (int r = NL_READ_LOSS; r <= NL_READ_ECE; r++) {
            set_metric(use, of[p], (enum nl_curve_reading)r);
            if (strcmp(use->metric, metric) == 0 && r != NL_READ_BITS && nl_keeps_reading(use->reading, use->part))
                return NL_OK;
        }
    return nl_bad(
        err,
        "'import.metrics' does not know '%s': a metric is loss, accuracy, error or perplexity of a part, such "
        "as test_accuracy or val_loss, or test_top5_accuracy, test_top5_error or test_ece",
        metric);
}

/* ---- columns that the user names ---- */

static bool is_empty(const struct nl_foreign *foreign, int column)
{
    for (int row = 0; row < foreign->rows; row++)
        if (*nl_foreign_field(foreign, row, column))
            return false;
    return true;
}

static int named_column(const struct nl_foreign *foreign, const char *field, const char *name, int *column,
                        struct nl_error *err)
{
    *column = nl_foreign_column(foreign, name);
    if (*column >= 0)
        return is_empty(foreign, *column)
                   ? nl_bad(err, "'import.%s' names the column '%s', which is empty in all rows", field, name)
                   : NL_OK;
    const char **names = nl_alloc((size_t)foreign->columns + 1, sizeof(const char *));
    struct nl_text all = {0};
    for (int i = 0; i < foreign->columns; i++) {
        names[i] = foreign->name[i];
        nl_text_add(&all, "%s%s", i ? ", " : "", names[i]);
    }
    const char *near = nl_nearest(name, names);
    nl_bad(err, "'import.%s' names the column '%s', which no file has; %s%s%s", field, name,
           near ? "did you mean '" : "the columns are ", near ? near : all.at, near ? "'?" : "");
    nl_text_release(&all);
    free(names);
    return NL_BAD;
}

static int take_role(const struct nl_foreign *foreign, const char *field, const char *name, enum nl_column_role role,
                     struct nl_columns *out, struct nl_error *err)
{
    int column;
    if (!name)
        return NL_OK;
    if (named_column(foreign, field, name, &column, err))
        return NL_BAD;
    out->use[column].role = role;
    out->at[role] = column;
    return NL_OK;
}

/* Texts of numbers that are none: a run that diverged writes them. */
static bool is_no_number(const char *text)
{
    text += strspn(text, "+-.");
    return strcasecmp(text, "nan") == 0 || strcasecmp(text, "inf") == 0 || strcasecmp(text, "infinity") == 0;
}

/* also_none: texts of is_no_number may be among them. */
static bool all_numbers(const struct nl_foreign *foreign, int column, bool also_none)
{
    for (int row = 0; row < foreign->rows; row++) {
        const char *field = nl_foreign_field(foreign, row, column);
        double value;
        if (*field && !nl_number_read(field, &value) && !(also_none && is_no_number(field)))
            return false;
    }
    return true;
}

/* The key that imported results have for a column. */
static const struct nl_key *own_key(const struct nl_foreign *foreign, int column)
{
    char *name = nl_own_name(nl_bare_name(foreign->name[column]), all_numbers(foreign, column, false));
    const struct nl_key *key = nl_key_of(name);
    free(name);
    return key;
}

static int take_axes(const struct nl_foreign *foreign, const struct nl_import *import, struct nl_columns *out,
                     struct nl_error *err)
{
    for (int i = 0; i < import->axes.count; i++) {
        const struct nl_renaming *axis = &import->axes.at[i];
        int column;
        if (named_column(foreign, "axes", axis->column, &column, err))
            return NL_BAD;
        const struct nl_key *key = axis->name ? nl_key_of(axis->name) : own_key(foreign, column);
        if (!key || nl_section_is_aside(key->section) || strcmp(key->name, "train.seed") == 0)
            return nl_bad(err, "'import.axes' takes '%s' for '%s', which is no key that a sweep can vary; %s",
                          axis->column, axis->name,
                          "normlab keys lists them, and without a name it is an axis of its own");
        out->use[column].role = NL_COLUMN_AXIS;
        out->use[column].key = key;
    }
    return NL_OK;
}

static int take_metrics(const struct nl_foreign *foreign, const struct nl_import *import, struct nl_columns *out,
                        struct nl_error *err)
{
    for (int i = 0; i < import->metrics.count; i++) {
        const struct nl_renaming *metric = &import->metrics.at[i];
        int column;
        if (named_column(foreign, "metrics", metric->column, &column, err) ||
            set_named_metric(&out->use[column], metric->name ? metric->name : metric->column, err))
            return NL_BAD;
    }
    return NL_OK;
}

/* [columns]: those of which the user says that they are left out. */
static int ignored_columns(const struct nl_foreign *foreign, const struct nl_import *import, bool *out,
                           struct nl_error *err)
{
    for (int i = 0; i < import->ignore.count; i++) {
        int column;
        if (named_column(foreign, "ignore", import->ignore.at[i], &column, err))
            return NL_BAD;
        out[column] = true;
    }
    return NL_OK;
}

/* ---- columns that are known by their names ---- */

static void find_role(const struct nl_foreign *foreign, enum nl_column_role role, const bool *ignored,
                      struct nl_columns *out)
{
    for (int i = 0; names_of_roles[role][i] && out->at[role] < 0; i++)
        for (int column = 0; column < foreign->columns && out->at[role] < 0; column++)
            if (out->use[column].role == NL_COLUMN_LEFT_OUT && !ignored[column] && !is_empty(foreign, column) &&
                is_called(foreign->name[column], names_of_roles[role][i])) {
                out->use[column].role = role;
                out->at[role] = column;
            }
}

static int column_of_metric(const struct nl_foreign *foreign, const struct nl_columns *columns, const char *metric)
{
    for (int i = 0; i < foreign->columns; i++)
        if (columns->use[i].role == NL_COLUMN_METRIC && strcmp(columns->use[i].metric, metric) == 0)
            return i;
    return -1;
}

/* Names that say their part come first: what the others are of depends on them. */
static void find_metrics(const struct nl_foreign *foreign, const bool *ignored, struct nl_columns *out)
{
    for (int plain = 0; plain < 2; plain++)
        for (int column = 0; column < foreign->columns; column++) {
            const char *part;
            enum nl_curve_reading reading;
            char other[32];
            struct nl_column_use use = {0};
            if (out->use[column].role != NL_COLUMN_LEFT_OUT || ignored[column] ||
                !nl_metric_of_name(foreign->name[column], &part, &reading) || (part ? plain : !plain) ||
                (!part && !all_numbers(foreign, column, true))) /* "error" may be a message */
                continue;
            snprintf(other, sizeof other, "val_%s", nl_reading_words[reading]);
            bool beside_val = column_of_metric(foreign, out, other) >= 0;
            set_metric(&use, part ? part : beside_val ? "train" : "test", reading);
            if (column_of_metric(foreign, out, use.metric) >= 0)
                continue;
            out->use[column] = use;
            if (!part && !beside_val && !nl_is_read_from_curves(reading))
                nl_text_add(&out->notes, "'%s' is read as %s\n", foreign->name[column], use.metric);
            else if (!part)
                nl_text_add(&out->notes,
                            "'%s' is read as %s%s; import.metrics={%s: %s_%s} would read it as that of the %s part\n",
                            foreign->name[column], use.metric,
                            beside_val ? ", as Keras and Hugging Face call it beside one of the validation part" : "",
                            foreign->name[column], beside_val ? "test" : "train", nl_reading_words[reading],
                            beside_val ? "test" : "training");
        }
}

/* What is varied in most tables. */
static const char *const usual_axes[] = {
    "train.lr",       "train.batch",     "train.weight_decay", "train.momentum",     "train.beta1",
    "train.beta2",    "train.optimizer", "train.schedule",     "train.warmup_steps", "train.label_smoothing",
    "norm.placement", "norm.groups",     "norm.eps",           "norm.momentum",      "norm.stat_batch",
    "model.depth",    "model.width",     "model.dropout",      "model.activation",   NULL};
static const char *const label_names[] = {"model",       "arch",       "architecture", "network",   "backbone",
                                          "dataset",     "data",       "task",         "optimizer", "env",
                                          "environment", "activation", "schedule",     "placement", NULL};

static bool is_legal(const struct nl_foreign *foreign, int column, const struct nl_key *key)
{
    for (int row = 0; row < foreign->rows; row++) {
        char *value;
        struct nl_error ignored;
        if (nl_column_value(key, nl_foreign_field(foreign, row, column), &value, &ignored))
            return false;
        free(value);
    }
    return true;
}

static const struct nl_key *usual_axis(const struct nl_foreign *foreign, int column)
{
    const char *name = nl_bare_name(foreign->name[column]);
    for (int i = 0; usual_axes[i]; i++) {
        const struct nl_key *key = nl_key_find(usual_axes[i]);
        if (key && nl_key_is_called(key->name, name, false) && is_legal(foreign, column, key))
            return key;
    }
    for (int i = 0; label_names[i]; i++)
        if (is_called(name, label_names[i]))
            return own_key(foreign, column);
    return NULL;
}

static bool same_field(const struct nl_foreign *foreign, int a, int b, int column)
{
    return column < 0 || strcmp(nl_foreign_field(foreign, a, column), nl_foreign_field(foreign, b, column)) == 0;
}

/* Whether two rows are of one run as far as its method, seed, name and file say. */
static bool may_be_one_run(const struct nl_foreign *foreign, const struct nl_columns *columns, int a, int b)
{
    return foreign->row[a].file == foreign->row[b].file &&
           same_field(foreign, a, b, columns->at[NL_COLUMN_METHOD]) &&
           same_field(foreign, a, b, columns->at[NL_COLUMN_SEED]) &&
           same_field(foreign, a, b, columns->at[NL_COLUMN_RUN]);
}

/* Whether the column changes in the course of runs, as a rate with a schedule does: there are rows of what may be one
 * run in which it differs, and never two such rows of the same step. */
static bool is_scheduled(const struct nl_foreign *foreign, const struct nl_columns *columns, int column)
{
    int step = columns->at[columns->at[NL_COLUMN_STEP] >= 0 ? NL_COLUMN_STEP : NL_COLUMN_EPOCH];
    bool changes = false;
    for (int row = 1; row < foreign->rows && step >= 0; row++) {
        const char *here = nl_foreign_field(foreign, row, column);
        for (int other = row - 1; other >= 0 && may_be_one_run(foreign, columns, other, row); other--) {
            const char *there = nl_foreign_field(foreign, other, column);
            bool differs = strcmp(here, there) != 0;
            changes |= differs;
            if (differs && *here && *there && same_field(foreign, other, row, step))
                return false;
        }
    }
    return changes;
}

/* Several values, and not only one that some rows lack. */
static bool has_values(const struct nl_foreign *foreign, int column)
{
    const char *first = "";
    for (int row = 0; row < foreign->rows; row++) {
        const char *field = nl_foreign_field(foreign, row, column);
        if (*first && *field && strcmp(first, field) != 0)
            return true;
        first = *first ? first : field;
    }
    return false;
}

static void find_axes(const struct nl_foreign *foreign, const bool *ignored, struct nl_columns *out)
{
    for (int column = 0; column < foreign->columns; column++) {
        struct nl_column_use *use = &out->use[column];
        if (use->role == NL_COLUMN_LEFT_OUT && !ignored[column] && has_values(foreign, column) &&
            (use->key = usual_axis(foreign, column)) && !is_scheduled(foreign, out, column))
            use->role = NL_COLUMN_AXIS;
    }
}

/* ---- values ---- */

int nl_column_value(const struct nl_key *key, const char *field, char **out, struct nl_error *err)
{
    struct nl_config config;
    *out = NULL;
    if (!*field) {
        *out = nl_strdup("");
        return NL_OK;
    }
    nl_config_defaults(&config);
    const char *value = field;
    struct nl_called called = nl_value_called(key, field);
    double number;
    char text[32];
    if (called.value)
        value = called.value;
    else if ((key->type == NL_TYPE_INT || key->type == NL_TYPE_AUTO_INT) && nl_number_read(field, &number) &&
             number == floor(number) && fabs(number) < 1e15) { /* pandas writes 32.0 where some rows have none */
        snprintf(text, sizeof text, "%.0f", number);
        value = text;
    }
    if (nl_key_set(key, &config, value, err))
        return NL_BAD;
    *out = nl_key_value(key, &config);
    return NL_OK;
}

void nl_split_run_name(const char *name, char **method, char **number)
{
    static const char *const words[] = {"seed", "run", "rep", "s", ""};
    size_t length = strlen(name), digits = length;
    while (digits > 0 && isdigit((unsigned char)name[digits - 1]))
        digits--;
    *number = nl_strdup(name + digits);
    size_t end = length;
    for (int i = 0; digits < length && i < 5 && end == length; i++) {
        size_t at = digits, word = strlen(words[i]);
        while (at > 0 && strchr("_-=. ", name[at - 1]))
            at--;
        if (at < word || strncasecmp(name + at - word, words[i], word) != 0)
            continue;
        size_t before = at - word;
        bool apart = before > 0 && strchr("_-. /", name[before - 1]);
        while (before > 0 && strchr("_-. /", name[before - 1]))
            before--;
        if (before > 0 && (apart || (!word && at < digits)))
            end = before;
    }
    if (end == length)
        **number = '\0'; /* the digits are part of a word: "resnet50" */
    *method = nl_format("%.*s", (int)end, name);
}

double nl_column_number(const struct nl_foreign *foreign, const struct nl_columns *columns, int row, int column,
                        bool *bad)
{
    const struct nl_column_use *use = &columns->use[column];
    const char *field = nl_foreign_field(foreign, row, column);
    double value;
    *bad = false;
    if (!*field)
        return NAN;
    if (!nl_number_read(field, &value)) {
        *bad = true;
        return NAN;
    }
    value = use->percent ? value / 100.0 : value;
    switch (use->reading) {
    case NL_READ_LOSS:
    case NL_READ_ACCURACY:
    case NL_READ_TOP5_ERROR:
    case NL_READ_ECE: return value;
    case NL_READ_ERROR:
    case NL_READ_TOP5_ACCURACY: return 1.0 - value;
    case NL_READ_PERPLEXITY: return log(value);
    case NL_READ_BITS: return value * log(2.0);
    }
    NL_BUG("reading %d", use->reading);
}

static int check_numbers(const struct nl_foreign *foreign, int column, double *largest, struct nl_error *err)
{
    *largest = -INFINITY;
    for (int row = 0; row < foreign->rows; row++) {
        const char *field = nl_foreign_field(foreign, row, column);
        double value;
        if (!*field || is_no_number(field))
            continue;
        if (!nl_number_read(field, &value))
            return nl_bad(err, "%s:%d: '%s' is '%.80s', which is no number", foreign->path[foreign->row[row].file],
                          foreign->row[row].line, foreign->name[column], field);
        *largest = fmax(*largest, value);
    }
    return NL_OK;
}

/* Shares: from 0 to 1, or in percent. */
static int find_units(const struct nl_foreign *foreign, const struct nl_import *import, struct nl_columns *out,
                      struct nl_error *err)
{
    for (int i = 0; i < import->percent.count; i++) {
        int column;
        if (named_column(foreign, "percent", import->percent.at[i], &column, err))
            return NL_BAD;
        out->use[column].percent = true;
    }
    for (int column = 0; column < foreign->columns; column++) {
        struct nl_column_use *use = &out->use[column];
        double largest;
        if (use->role != NL_COLUMN_METRIC)
            continue;
        if (check_numbers(foreign, column, &largest, err))
            return NL_BAD;
        if (!nl_reads_share(use->reading))
            continue;
        if (largest > 100.0)
            return nl_bad(err, "'%s' is read as %s, but its largest value is %g: neither a share nor in percent",
                          foreign->name[column], use->metric, largest);
        use->percent |= largest > 1.0;
    }
    return NL_OK;
}

/* ---- all of it ---- */

static int find_columns(const struct nl_foreign *foreign, const struct nl_import *import, bool *ignored,
                        struct nl_columns *out, struct nl_error *err)
{
    const struct {
        const char *field, *name;
        enum nl_column_role role;
    } said[] = {{"method", import->method, NL_COLUMN_METHOD},
                {"seed", import->seed, NL_COLUMN_SEED},
                {"step", import->step, NL_COLUMN_STEP},
                {"status", import->status, NL_COLUMN_STATUS}};
    if (ignored_columns(foreign, import, ignored, err))
        return NL_BAD;
    for (int i = 0; i < 4; i++)
        if (take_role(foreign, said[i].field, said[i].name, said[i].role, out, err))
            return NL_BAD;
    if (take_axes(foreign, import, out, err) || take_metrics(foreign, import, out, err))
        return NL_BAD;
    find_metrics(foreign, ignored, out);
    for (int role = NL_COLUMN_METHOD; role < NL_COLUMN_AXIS; role++)
        find_role(foreign, (enum nl_column_role)role, ignored, out);
    find_axes(foreign, ignored, out);
    return find_units(foreign, import, out, err);
}

/* Normalizers by their names are known as what they are; other methods have a label. */
static void find_method(const struct nl_foreign *foreign, struct nl_columns *out)
{
    int column = out->at[NL_COLUMN_METHOD];
    const struct nl_key *kind = nl_key_named("norm.kind");
    if (column < 0 && out->at[NL_COLUMN_RUN] >= 0) {
        out->method_of_run = true;
        return;
    }
    if (column >= 0)
        out->use[column].key = is_legal(foreign, column, kind) ? kind : nl_key_of(NL_LABEL "method");
}

int nl_columns_find(const struct nl_foreign *foreign, const struct nl_import *import, struct nl_columns *out,
                    struct nl_error *err)
{
    *out = (struct nl_columns){.use = nl_alloc((size_t)foreign->columns + 1, sizeof *out->use)};
    for (int role = 0; role < NL_COLUMN_METRIC; role++)
        out->at[role] = -1;
    bool *ignored = nl_alloc((size_t)foreign->columns + 1, sizeof *ignored);
    int status = find_columns(foreign, import, ignored, out, err);
    free(ignored);
    bool any = false;
    for (int i = 0; i < foreign->columns; i++)
        any |= out->use[i].role == NL_COLUMN_METRIC && nl_keeps_reading(out->use[i].reading, out->use[i].part);
    if (status == NL_OK && !any)
        status = nl_bad(err, "no column is known as a metric: import.metrics={COLUMN: test_accuracy} names one");
    if (status == NL_OK)
        find_method(foreign, out);
    else
        nl_columns_release(out);
    return status;
}

void nl_columns_release(struct nl_columns *columns)
{
    free(columns->use);
    nl_text_release(&columns->notes);
    *columns = (struct nl_columns){0};
}
