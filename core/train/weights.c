#include "train/weights.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "config/value.h"
#include "train/train.h"

/* ---- which tensors a network has ---- */

static struct nl_tensor_file_entry described(const char *layer, const char *tensor, enum nl_dtype type, int dims, const size_t *shape)
{
    struct nl_tensor_file_entry entry = {.type = type, .dims = dims};
    snprintf(entry.name, sizeof entry.name, "%s%s%s", layer, *layer ? "." : "", tensor);
    for (int d = 0; d < dims; d++)
        entry.shape[d] = shape[d];
    return entry;
}

static int most_tensors(const struct nl_model *model)
{
    return model->parameters + 3 * model->layers;
}

/* Names, types (`real` for what a backend computes with) and shapes, without data: the parameters, then three tensors a normalizer
 * that tracks, in the order of the layers. Returns their number. */
static int list_tensors(const struct nl_model *model, enum nl_dtype real, struct nl_tensor_file_entry *out)
{
    int count = 0;
    for (int i = 0; i < model->parameters; i++)
        out[count++] = described("", model->parameter[i].name, real, model->parameter[i].dims, model->parameter[i].shape);
    for (int i = 0; i < model->layers && model->norm->tracks; i++) {
        const struct nl_layer *layer = &model->layer[i];
        if (layer->kind != NL_NORM_LAYER)
            continue;
        size_t channels = (size_t)layer->in.channels;
        out[count++] = described(layer->name, "running_mean", real, 1, &channels);
        out[count++] = described(layer->name, "running_var", real, 1, &channels);
        out[count++] = described(layer->name, "num_batches_tracked", NL_I64, 0, NULL);
    }
    return count;
}

static size_t count_of(const struct nl_tensor_file_entry *entry)
{
    size_t count = 1;
    for (int d = 0; d < entry->dims; d++)
        count *= entry->shape[d];
    return count;
}

/* ---- numbers in and out ---- */

static void put_values(struct nl_tensor_file_entry *entry, const double *values)
{
    size_t count = count_of(entry);
    entry->data = nl_alloc(count, nl_dtype_size(entry->type));
    if (entry->type == NL_F64)
        memcpy(entry->data, values, count * sizeof *values);
    else
        for (size_t i = 0; i < count; i++)
            ((float *)entry->data)[i] = (float)values[i];
}

/* New array. */
static double *get_values(const struct nl_tensor_file_entry *entry)
{
    size_t count = count_of(entry);
    double *values = nl_alloc(count, sizeof *values);
    if (entry->type == NL_F64)
        memcpy(values, entry->data, count * sizeof *values);
    else
        for (size_t i = 0; i < count; i++)
            values[i] = (double)((const float *)entry->data)[i];
    return values;
}

static void get_parameters(const struct nl_plan *plan, struct nl_tensor_file_entry *entry)
{
    const struct nl_model *model = plan->model;
    double *stored = nl_alloc(model->count, sizeof *stored), *ordered = nl_alloc(model->count, sizeof *ordered);
    plan->backend->get_reals(stored, plan->parameters, model->count);
    for (int i = 0; i < model->parameters; i++) {
        const struct nl_parameter *p = &model->parameter[i];
        for (size_t e = 0; e < p->count; e++)
            ordered[e] = stored[p->offset + nl_parameter_place(p, e)];
        put_values(&entry[i], ordered);
    }
    free(stored);
    free(ordered);
}

/* What a normalizer that tracks keeps: places in the plan. {0}: before the first one. */
struct statistics {
    const char *layer;
    size_t channels;
    void *mean, *var;
    int64_t *updates;
    int next; /* layer */
};

/* From one to the next in the order of the layers; false: there is none. */
static bool next_statistics(const struct nl_plan *plan, struct statistics *s)
{
    const struct nl_model *model = plan->model;
    while (model->norm->tracks && s->next < model->layers) {
        const struct nl_layer *layer = &model->layer[s->next++];
        if (layer->kind != NL_NORM_LAYER)
            continue;
        size_t before = s->channels * plan->backend->real;
        s->mean = s->layer ? (char *)s->mean + before : plan->running_mean;
        s->var = s->layer ? (char *)s->var + before : plan->running_var;
        s->updates = s->layer ? s->updates + 1 : plan->updates;
        s->channels = (size_t)layer->in.channels;
        s->layer = layer->name;
        return true;
    }
    return false;
}

static void get_statistics(const struct nl_plan *plan, struct nl_tensor_file_entry *entry)
{
    const struct nl_backend *backend = plan->backend;
    for (struct statistics s = {0}; next_statistics(plan, &s);) {
        double *values = nl_alloc(s.channels, sizeof *values);
        backend->get_reals(values, s.mean, s.channels);
        put_values(entry++, values);
        backend->get_reals(values, s.var, s.channels);
        put_values(entry++, values);
        free(values);
        entry->data = nl_alloc(1, sizeof(int64_t));
        backend->download(entry++->data, s.updates, sizeof(int64_t));
    }
}

static const struct nl_tensor_file_entry *find(const struct nl_tensor_file *file, const char *layer, const char *tensor)
{
    struct nl_tensor_file_entry wanted = described(layer, tensor, NL_F64, 0, NULL);
    return nl_safetensors_find(file, wanted.name);
}

static void load_reals(const struct nl_plan *plan, const struct nl_tensor_file_entry *entry, void *place)
{
    double *values = get_values(entry);
    plan->backend->put_reals(place, values, count_of(entry));
    free(values);
}

void nl_weights_load(const struct nl_plan *plan, const struct nl_tensor_file *file)
{
    const struct nl_model *model = plan->model;
    double *stored = nl_alloc(model->count, sizeof *stored);
    for (int i = 0; i < model->parameters; i++) {
        const struct nl_parameter *p = &model->parameter[i];
        double *values = get_values(nl_safetensors_find(file, p->name));
        for (size_t e = 0; e < p->count; e++)
            stored[p->offset + nl_parameter_place(p, e)] = values[e];
        free(values);
    }
    plan->backend->put_reals(plan->parameters, stored, model->count);
    free(stored);
    for (struct statistics s = {0}; next_statistics(plan, &s);) {
        load_reals(plan, find(file, s.layer, "running_mean"), s.mean);
        load_reals(plan, find(file, s.layer, "running_var"), s.var);
        plan->backend->upload(s.updates, find(file, s.layer, "num_batches_tracked")->data, sizeof(int64_t));
    }
}

/* ---- whether a file fits ---- */

/* What does not fit, in words; only the first few, since one cause has many consequences. */
struct misfits {
    struct nl_text text;
    int count;
};
enum { MISFITS_SHOWN = 4 };

/* Frees text. */
static void add_misfit(struct misfits *misfits, char *text)
{
    if (misfits->count++ < MISFITS_SHOWN)
        nl_text_add(&misfits->text, "%s%s", misfits->count > 1 ? "; " : "", text);
    free(text);
}

static char *shape_text(const struct nl_tensor_file_entry *entry)
{
    struct nl_text out = {0};
    nl_text_add(&out, "(");
    for (int d = 0; d < entry->dims; d++)
        nl_text_add(&out, d ? ", %zu" : "%zu", entry->shape[d]);
    nl_text_add(&out, entry->type == NL_I64 ? ") of integers" : ")");
    return out.at;
}

static bool all_finite(const struct nl_tensor_file_entry *entry)
{
    size_t count = count_of(entry);
    for (size_t i = 0; i < count && entry->type != NL_I64; i++)
        if (!isfinite(entry->type == NL_F64 ? ((const double *)entry->data)[i] : (double)((const float *)entry->data)[i]))
            return false;
    return true;
}

static void compare(struct misfits *misfits, const struct nl_tensor_file_entry *wanted, const struct nl_tensor_file_entry *found)
{
    if (!found) {
        add_misfit(misfits, nl_format("'%s' is missing", wanted->name));
        return;
    }
    bool same = wanted->dims == found->dims && (wanted->type == NL_I64) == (found->type == NL_I64);
    for (int d = 0; same && d < wanted->dims; d++)
        same = wanted->shape[d] == found->shape[d];
    if (same && all_finite(found))
        return;
    if (same) {
        add_misfit(misfits, nl_format("'%s' holds numbers that are not finite", wanted->name));
        return;
    }
    char *there = shape_text(found), *here = shape_text(wanted);
    add_misfit(misfits, nl_format("'%s' is %s, expected %s", wanted->name, there, here));
    free(there);
    free(here);
}

static bool is_training_state(const char *name)
{
    return strncmp(name, "training.", strlen("training.")) == 0;
}

int nl_weights_check(const struct nl_model *model, const struct nl_tensor_file *file, const char *path, struct nl_error *err)
{
    struct nl_tensor_file wanted = {.entry = nl_alloc((size_t)most_tensors(model), sizeof *wanted.entry)};
    struct misfits misfits = {0};
    wanted.count = list_tensors(model, NL_F64, wanted.entry);
    for (int i = 0; i < wanted.count; i++)
        compare(&misfits, &wanted.entry[i], nl_safetensors_find(file, wanted.entry[i].name));
    for (int i = 0; i < file->count; i++)
        if (!is_training_state(file->entry[i].name) && !nl_safetensors_find(&wanted, file->entry[i].name))
            add_misfit(&misfits, nl_format("'%s' is not in the network", file->entry[i].name));
    if (misfits.count > MISFITS_SHOWN)
        nl_text_add(&misfits.text, "; and %d more", misfits.count - MISFITS_SHOWN);
    int status = misfits.count ? nl_fail(err, "'%s' does not fit the network: %s", path, misfits.text.at) : NL_OK;
    nl_text_release(&misfits.text);
    nl_safetensors_release(&wanted);
    return status;
}

/* ---- metadata ---- */

static char **metadata_of(const struct nl_lineage *lineage)
{
    int count = 0;
    char numerics[16];
    snprintf(numerics, sizeof numerics, "%d", NL_NUMERICS_VERSION);
    const char *const fixed[] = {"format", "pt", "producer", "normlab " NORMLAB_VERSION, "data_sha256", lineage->dataset->checksum,
                                 "load_sha256", lineage->load ? lineage->load->checksum : "", "numerics", numerics};
    char **pairs = nl_alloc(2 * (size_t)nl_key_count + sizeof fixed / sizeof *fixed + 1, sizeof *pairs);
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
        pairs[count++] = nl_strdup(fixed[i]);
    for (int i = 0; i < nl_key_count; i++) {
        if (strcmp(nl_keys[i].section, "plot") == 0)
            continue;
        pairs[count++] = nl_strdup(nl_keys[i].name);
        pairs[count++] = nl_value_text(&nl_keys[i], lineage->config);
    }
    return pairs;
}

struct nl_tensor_file nl_weights_file(const struct nl_plan *plan, const struct nl_lineage *lineage, int extra)
{
    struct nl_tensor_file file = {.metadata = metadata_of(lineage)};
    file.entry = nl_alloc((size_t)(most_tensors(plan->model) + extra), sizeof *file.entry);
    file.count = list_tensors(plan->model, plan->backend->real == sizeof(double) ? NL_F64 : NL_F32, file.entry);
    get_parameters(plan, file.entry);
    get_statistics(plan, file.entry + plan->model->parameters);
    return file;
}

int nl_weights_save(const struct nl_plan *plan, const struct nl_lineage *lineage, const char *path, struct nl_error *err)
{
    struct nl_tensor_file file = nl_weights_file(plan, lineage, 0);
    int status = nl_safetensors_write(path, file.entry, file.count, (const char *const *)file.metadata, err);
    nl_safetensors_release(&file);
    return status;
}
