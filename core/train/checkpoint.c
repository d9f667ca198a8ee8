/* Writes the state of a training into a file of weights, and takes it up again. */
#include "train/checkpoint.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/memory.h"
#include "config/value.h"
#include "train/train.h"

enum { COUNTS = 2, SUMS = 7, MOST_EXTRA = 7 + NL_AVERAGES, DIFFERENCES_SHOWN = 4 };
enum { STEP, EPOCH, SAMPLES, PART, EVAL, LR, LOSS, ACCURACY, COLUMNS }; /* of training.curve */
enum {
    TENSOR = STEP + 1,
    SEEN,
    METRIC_COLUMNS = SEEN + sizeof(struct nl_observed) / sizeof(double)
}; /* of training.metrics */

/* ---- writing ---- */

/* Takes data over. */
static void add(struct nl_tensor_file *file, const char *name, enum nl_dtype type, size_t rows, size_t columns,
                void *data)
{
    struct nl_tensor_file_entry entry = {.type = type, .dims = columns ? 2 : 1, .shape = {rows, columns}, .data = data};
    snprintf(entry.name, sizeof entry.name, "%s", name);
    file->entry[file->count++] = entry;
}

static double *curve_numbers(const struct nl_trial_result *result)
{
    double *numbers = nl_alloc((size_t)result->rows * COLUMNS, sizeof *numbers), *at = numbers;
    for (const struct nl_curve_row *row = result->row; row < result->row + result->rows; row++, at += COLUMNS) {
        const double columns[COLUMNS] = {(double)row->step, row->epoch, (double)row->samples, row->part, row->eval,
                                         row->lr,           row->loss,  row->accuracy};
        memcpy(at, columns, sizeof columns);
    }
    return numbers;
}

static double *metric_numbers(const struct nl_trial_result *result)
{
    double *numbers = nl_alloc((size_t)result->observations * METRIC_COLUMNS, sizeof *numbers), *at = numbers;
    for (const struct nl_observation *m = result->observation; m < result->observation + result->observations;
         m++, at += METRIC_COLUMNS) {
        at[STEP] = (double)m->step;
        at[TENSOR] = m->tensor;
        memcpy(at + SEEN, &m->seen, sizeof m->seen);
    }
    return numbers;
}

static void add_reals(struct nl_tensor_file *file, const struct nl_plan *plan, const char *name, const void *state,
                      size_t count)
{
    if (!state)
        return;
    void *data = nl_alloc(count, plan->backend->real);
    plan->backend->download(data, state, count * plan->backend->real);
    add(file, name, plan->backend->real == sizeof(double) ? NL_F64 : NL_F32, count, 0, data);
}

/* The next tensor, from that one on, that later steps of a training need and nobody else; NULL: there are no more. */
static const struct nl_tensor *history_from(const struct nl_graph *graph, const struct nl_tensor *tensor)
{
    while (tensor < graph->tensor + graph->tensors && tensor->spec.role != NL_HISTORY)
        tensor++;
    return tensor < graph->tensor + graph->tensors ? tensor : NULL;
}

enum { NAME_SIZE = sizeof ((struct nl_tensor_file_entry *)NULL)->name };

static const char *history_name(const struct nl_tensor *tensor, char name[NAME_SIZE])
{
    snprintf(name, NAME_SIZE, "training.%s", tensor->name);
    return name;
}

static const char *average_name(int average, char name[NAME_SIZE])
{
    snprintf(name, NAME_SIZE, "training.%s", nl_eval_names[NL_EVAL_EMA + average]);
    return name;
}

int nl_checkpoint_save(const struct nl_plan *plan, int replica, const struct nl_source *source,
                       const struct nl_trial_progress *progress, const struct nl_trial_result *result, const char *path,
                       struct nl_error *err)
{
    char name[NAME_SIZE];
    struct nl_tensor_file file = nl_weights_file(plan, replica, source, MOST_EXTRA);
    const int64_t counts[COUNTS] = {result->steps, result->samples};
    const double sums[SUMS] = {progress->first_loss, progress->loss_sum, progress->correct,   progress->seen,
                               result->seconds,    result->training, result->evaluation};
    add(&file, "training.counts", NL_I64, COUNTS, 0, memcpy(nl_alloc(COUNTS, sizeof *counts), counts, sizeof counts));
    add(&file, "training.sums", NL_F64, SUMS, 0, memcpy(nl_alloc(SUMS, sizeof *sums), sums, sizeof sums));
    add(&file, "training.curve", NL_F64, (size_t)result->rows, COLUMNS, curve_numbers(result));
    if (result->tensors > 0)
        add(&file, "training.metrics", NL_F64, (size_t)result->observations, METRIC_COLUMNS, metric_numbers(result));
    if (progress->before)
        add(&file, "training.before", NL_F64, plan->graph->count, 0,
            memcpy(nl_alloc(plan->graph->count, sizeof(double)), progress->before,
                   plan->graph->count * sizeof(double)));
    add_reals(&file, plan, "training.first", nl_place_in(plan, plan->update.first, replica), plan->graph->count);
    add_reals(&file, plan, "training.second", nl_place_in(plan, plan->update.second, replica), plan->graph->count);
    for (int i = 0; i < NL_AVERAGES; i++)
        add_reals(&file, plan, average_name(i, name), nl_place_in(plan, plan->average[i], replica),
                  nl_averaged_count(plan->graph));
    for (const struct nl_tensor *t = plan->graph->tensor; (t = history_from(plan->graph, t)); t++)
        add_reals(&file, plan, history_name(t, name), nl_tensor_in(plan, replica, t), t->count);
    int status = nl_safetensors_write(path, file.entry, file.count, (const char *const *)file.metadata, err);
    nl_safetensors_release(&file);
    return status;
}

/* ---- reading ---- */

/* The tensor, if it has this type and shape (rows 0: any number of them). */
static const struct nl_tensor_file_entry *find(const struct nl_tensor_file *file, const char *name, enum nl_dtype type,
                                               size_t rows, size_t columns)
{
    const struct nl_tensor_file_entry *entry = nl_safetensors_find(file, name);
    bool good =
        entry && entry->type == type && entry->dims == (columns ? 2 : 1) && (!columns || entry->shape[1] == columns);
    return good && (!rows || entry->shape[0] == rows) ? entry : NULL;
}

struct differences {
    struct nl_text text;
    int count;
};

static void compare(struct differences *differences, const char *what, const char *there, const char *here)
{
    if (strcmp(there, here) == 0)
        return;
    if (differences->count++ < DIFFERENCES_SHOWN)
        nl_text_add(&differences->text, "%s%s is '%s' there and '%s' here", differences->count > 1 ? "; " : "", what,
                    there, here);
}

/* What was not observed so far cannot be made up for; what was, and is not asked for any more, does no harm. */
static void compare_observed(struct differences *differences, const struct nl_tensor_file *file,
                             const struct nl_config *config)
{
    for (int i = 0; i < nl_key_count && nl_config_observes(config); i++) {
        const struct nl_key *key = &nl_keys[i];
        if (strcmp(key->section, "log") != 0)
            continue;
        const char *there = nl_safetensors_metadata(file, key->name);
        char *here = nl_value_text(key, config);
        compare(differences, key->name, there ? there : key->default_text, here);
        free(here);
    }
}

/* Only keys that matter here are compared: what makes another one matter there is a difference itself. */
static int compare_source(const struct nl_tensor_file *file, const struct nl_source *source, const char *path,
                          struct nl_error *err)
{
    const struct nl_config settled = nl_config_settled(source->config);
    struct differences differences = {0};
    char numerics[16];
    snprintf(numerics, sizeof numerics, "%d", NL_NUMERICS_VERSION);
    const char *const read[][3] = {
        {"data_sha256", "the data's sha256", source->dataset->checksum},
        {"load_sha256", "the sha256 of model.load", source->load ? source->load->checksum : ""},
        {"numerics", "the version of normlab's numerics", numerics}};
    for (int i = 0; i < nl_key_count; i++) {
        const char *there = nl_safetensors_metadata(file, nl_keys[i].name);
        if (!nl_key_applies(&nl_keys[i], &settled))
            continue;
        char *here = nl_value_text(&nl_keys[i], &settled);
        compare(&differences, nl_keys[i].name, there ? there : "unknown", here);
        free(here);
    }
    compare_observed(&differences, file, source->config);
    for (size_t i = 0; i < sizeof read / sizeof *read; i++) {
        const char *there = nl_safetensors_metadata(file, read[i][0]);
        compare(&differences, read[i][1], there ? there : "unknown", read[i][2]);
    }
    if (differences.count > DIFFERENCES_SHOWN)
        nl_text_add(&differences.text, "; and %d more", differences.count - DIFFERENCES_SHOWN);
    int status = differences.count
                     ? nl_fail(err, "cannot resume from '%s': it is of another training: %s", path, differences.text.at)
                     : NL_OK;
    nl_text_release(&differences.text);
    return status;
}

static bool is_whole(double value, double low, double high)
{
    return value >= low && value <= high && value == floor(value);
}

/* Counts that this training comes to, parts and statistics that there are: what is read as numbers is used to count and
 * to index. Whoever made the file may have given it a checksum that fits. */
static bool is_sound(const struct nl_config *config, const struct nl_tensor_file_entry *counts,
                     const struct nl_tensor_file_entry *curve, const struct nl_tensor_file_entry *metrics)
{
    const int64_t *count = counts->data;
    const double *row = curve->data;
    bool sound =
        count[0] >= 0 && count[0] <= nl_trial_step_counts(config, nl_data_counts(config)).steps && count[1] >= count[0];
    for (size_t i = 0; i < curve->shape[0]; i++, row += COLUMNS)
        sound &= is_whole(row[STEP], 0, (double)count[0]) && is_whole(row[SAMPLES], 0, (double)count[1]) &&
                 is_whole(row[PART], 0, NL_PARTS - 1) && is_whole(row[EVAL], -1, NL_EVALS - 1);
    row = metrics ? metrics->data : NULL;
    for (size_t i = 0; metrics && i < metrics->shape[0]; i++, row += METRIC_COLUMNS)
        sound &= is_whole(row[STEP], 0, (double)count[0]) && is_whole(row[TENSOR], 0, INT_MAX);
    return sound;
}

static int read_checkpoint(const struct nl_source *source, const char *path, struct nl_tensor_file *file,
                           struct nl_error *err)
{
    size_t length;
    char *bytes = nl_file_read_plain(path, &length, err);
    int status = bytes ? nl_safetensors_parse(path, bytes, length, file, err) : NL_FAIL;
    free(bytes);
    if (status)
        return status;
    const struct nl_tensor_file_entry *counts = find(file, "training.counts", NL_I64, COUNTS, 0),
                                      *curve = find(file, "training.curve", NL_F64, 0, COLUMNS);
    const struct nl_tensor_file_entry *metrics = find(file, "training.metrics", NL_F64, 0, METRIC_COLUMNS);
    if (!file->sealed)
        status = nl_fail(
            err,
            "cannot resume from '%s': it has no checksum (another program or an earlier version of normlab wrote it)",
            path);
    else if (!counts || !curve || !find(file, "training.sums", NL_F64, SUMS, 0) ||
             (nl_config_observes(source->config) && !metrics))
        status = nl_fail(err, "cannot resume from '%s': it is not a checkpoint", path);
    else if (compare_source(file, source, path, err))
        status = NL_FAIL;
    else if (!is_sound(source->config, counts, curve, metrics))
        status = nl_fail(err, "cannot resume from '%s': it is damaged", path);
    if (status)
        nl_safetensors_release(file);
    return status ? NL_BAD : NL_OK;
}

int nl_checkpoint_check(const struct nl_source *source, const char *path, int64_t *steps, struct nl_error *err)
{
    struct nl_tensor_file file;
    int status = read_checkpoint(source, path, &file, err);
    if (status)
        return status;
    *steps = *(const int64_t *)nl_safetensors_find(&file, "training.counts")->data;
    nl_safetensors_release(&file);
    return NL_OK;
}

static void get_curve(const struct nl_tensor_file_entry *curve, struct nl_trial_result *result)
{
    const double *at = curve->data;
    for (size_t i = 0; i < curve->shape[0]; i++, at += COLUMNS) {
        NL_GROW(result->row, result->rows, result->capacity);
        result->row[result->rows++] = (struct nl_curve_row){.step = (int64_t)at[STEP],
                                                            .epoch = at[1],
                                                            .samples = (int64_t)at[SAMPLES],
                                                            .part = (enum nl_part)at[PART],
                                                            .eval = (int)at[EVAL],
                                                            .lr = at[LR],
                                                            .loss = at[LOSS],
                                                            .accuracy = at[ACCURACY]};
    }
}

/* Takes the metrics of tensors that are still observed: all, or none is. */
static void get_metrics(const struct nl_tensor_file_entry *metrics, struct nl_trial_result *result)
{
    const double *at = metrics ? metrics->data : NULL;
    for (size_t i = 0; metrics && i < metrics->shape[0]; i++, at += METRIC_COLUMNS) {
        if (at[TENSOR] >= result->tensors)
            continue;
        NL_GROW(result->observation, result->observations, result->observations_capacity);
        struct nl_observation *o = &result->observation[result->observations++];
        *o = (struct nl_observation){.step = (int64_t)at[STEP], .tensor = (int)at[TENSOR]};
        memcpy(&o->seen, at + SEEN, sizeof o->seen);
    }
}

static int get_before(const struct nl_tensor_file *file, double *before, size_t count, const char *path,
                      struct nl_error *err)
{
    const struct nl_tensor_file_entry *entry = find(file, "training.before", NL_F64, count, 0);
    if (!before)
        return NL_OK;
    if (!entry)
        return nl_fail(err, "cannot resume from '%s': its 'training.before' does not fit", path);
    memcpy(before, entry->data, count * sizeof *before);
    return NL_OK;
}

static int get_reals(const struct nl_plan *plan, const struct nl_tensor_file *file, const char *name, void *state,
                     size_t count, const char *path, struct nl_error *err)
{
    size_t real = plan->backend->real;
    const struct nl_tensor_file_entry *entry = find(file, name, real == sizeof(double) ? NL_F64 : NL_F32, count, 0);
    if (!state)
        return NL_OK;
    if (!entry)
        return nl_fail(err, "cannot resume from '%s': its '%s' does not fit", path, name);
    plan->backend->upload(state, entry->data, count * real);
    return NL_OK;
}

int nl_checkpoint_load(const struct nl_plan *plan, int replica, const struct nl_source *source, const char *path,
                       struct nl_trial_progress *progress, struct nl_trial_result *result, struct nl_error *err)
{
    char name[NAME_SIZE];
    struct nl_tensor_file file;
    if (read_checkpoint(source, path, &file, err))
        return NL_FAIL;
    int status =
        nl_weights_check(plan->graph, &file, path, 0, false, err); /* a training may be on its way to diverge */
    if (status == NL_OK)
        status = get_before(&file, progress->before, plan->graph->count, path, err);
    if (status == NL_OK)
        status = get_reals(plan, &file, "training.first", nl_place_in(plan, plan->update.first, replica),
                           plan->graph->count, path, err);
    if (status == NL_OK)
        status = get_reals(plan, &file, "training.second", nl_place_in(plan, plan->update.second, replica),
                           plan->graph->count, path, err);
    for (int i = 0; i < NL_AVERAGES && status == NL_OK; i++)
        status = get_reals(plan, &file, average_name(i, name), nl_place_in(plan, plan->average[i], replica),
                           nl_averaged_count(plan->graph), path, err);
    for (const struct nl_tensor *t = plan->graph->tensor; status == NL_OK && (t = history_from(plan->graph, t)); t++)
        status = get_reals(plan, &file, history_name(t, name), nl_tensor_in(plan, replica, t), t->count, path, err);
    if (status == NL_OK) {
        const int64_t *counts = nl_safetensors_find(&file, "training.counts")->data;
        const double *sums = nl_safetensors_find(&file, "training.sums")->data;
        nl_weights_load(plan, replica, &file, 0);
        result->steps = counts[0];
        result->samples = counts[1];
        *progress = (struct nl_trial_progress){.first_loss = sums[0],
                                               .loss_sum = sums[1],
                                               .correct = sums[2],
                                               .seen = sums[3],
                                               .before = progress->before};
        result->seconds = sums[4];
        result->training = sums[5];
        result->evaluation = sums[6];
        get_curve(nl_safetensors_find(&file, "training.curve"), result);
        get_metrics(find(&file, "training.metrics", NL_F64, 0, METRIC_COLUMNS), result);
    }
    nl_safetensors_release(&file);
    return status;
}
