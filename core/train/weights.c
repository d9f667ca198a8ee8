/* Converts between the layouts of the backends and of PyTorch, and reads and writes safetensors. */
#include "train/weights.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "config/layers.h"
#include "config/value.h"
#include "graph/fold.h"
#include "operation/cross_iteration.h"
#include "train/train.h"

/* ---- which tensors a network has ---- */

static bool is_saved(const struct nl_tensor *tensor)
{
    return nl_is_parameter(tensor->spec.role) || tensor->spec.saved;
}

const struct nl_tensor *nl_weights_next(const struct nl_graph *graph, const struct nl_tensor *before)
{
    bool learned = !before || nl_is_parameter(before->spec.role);
    int next = before ? (int)(before - graph->tensor) + 1 : 0;
    for (int others = !learned; others < 2; others++, next = 0)
        for (; next < graph->tensors; next++)
            if (is_saved(&graph->tensor[next]) && nl_is_parameter(graph->tensor[next].spec.role) != others)
                return &graph->tensor[next];
    return NULL;
}

/* Name, type (`real` for what a backend computes with) and shape, without data. */
static struct nl_tensor_file_entry described(const struct nl_tensor *tensor, enum nl_dtype real)
{
    struct nl_tensor_file_entry entry = {.type = tensor->spec.type == NL_TENSOR_INT64 ? NL_I64 : real,
                                         .dims = tensor->spec.dims};
    snprintf(entry.name, sizeof entry.name, "%s", tensor->name);
    for (int d = 0; d < entry.dims; d++)
        entry.shape[d] = tensor->spec.shape[d];
    return entry;
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

struct nl_tensor_file_entry nl_weights_entry(const struct nl_tensor *tensor, enum nl_dtype real, const double *stored)
{
    struct nl_tensor_file_entry entry = described(tensor, real);
    if (!stored)
        return entry;
    double *ordered = nl_alloc(tensor->count, sizeof *ordered);
    for (size_t e = 0; e < tensor->count; e++)
        ordered[e] = stored[nl_tensor_place(tensor, e)];
    put_values(&entry, ordered);
    free(ordered);
    return entry;
}

double *nl_weights_stored(const struct nl_tensor *tensor, const struct nl_tensor_file_entry *entry)
{
    double *values = get_values(entry), *stored = nl_alloc(tensor->count, sizeof *stored);
    for (size_t e = 0; e < tensor->count; e++)
        stored[nl_tensor_place(tensor, e)] = values[e];
    free(values);
    return stored;
}

static struct nl_tensor_file_entry get_tensor(const struct nl_plan *plan, int replica, const struct nl_tensor *tensor)
{
    enum nl_dtype real = plan->backend->real == sizeof(double) ? NL_F64 : NL_F32;
    const void *place = nl_tensor_in(plan, replica, tensor);
    if (tensor->spec.type == NL_TENSOR_INT64) {
        struct nl_tensor_file_entry entry = nl_weights_entry(tensor, real, NULL);
        entry.data = nl_alloc(tensor->count, sizeof(int64_t));
        plan->backend->download(entry.data, place, nl_tensor_bytes(plan, tensor));
        return entry;
    }
    double *stored = nl_alloc(tensor->count, sizeof *stored);
    plan->backend->get_reals(stored, place, tensor->count);
    struct nl_tensor_file_entry entry = nl_weights_entry(tensor, real, stored);
    free(stored);
    return entry;
}

/* entry NULL: a count of batches, 0. */
static void put_tensor(const struct nl_plan *plan, int replica, const struct nl_tensor *tensor,
                       const struct nl_tensor_file_entry *entry)
{
    void *place = nl_tensor_in(plan, replica, tensor);
    if (!entry) {
        int64_t *zeros = nl_alloc(tensor->count, sizeof *zeros);
        plan->backend->upload(place, zeros, nl_tensor_bytes(plan, tensor));
        free(zeros);
        return;
    }
    if (entry->type == NL_I64) {
        plan->backend->upload(place, entry->data, nl_tensor_bytes(plan, tensor));
        return;
    }
    double *stored = nl_weights_stored(tensor, entry);
    plan->backend->put_reals(place, stored, tensor->count);
    free(stored);
}

/* ---- files of other programs ---- */

static bool counts_batches(const char *name)
{
    static const char ending[] = "num_batches_tracked";
    size_t length = strlen(name);
    return length >= strlen(ending) && strcmp(name + length - strlen(ending), ending) == 0;
}

static bool all_begin(const struct nl_tensor_file *file, const char *prefix)
{
    for (int i = 0; i < file->count; i++)
        if (strncmp(file->entry[i].name, prefix, strlen(prefix)) != 0)
            return false;
    return file->count > 0;
}

void nl_weights_adopt(struct nl_tensor_file *file)
{
    static const char *const prefixes[] = {"module.", "_orig_mod."}; /* of DataParallel and DDP; of torch.compile */
    struct nl_text said = {0};
    bool averages = false, counts = false;
    for (size_t p = 0, length; p < sizeof prefixes / sizeof *prefixes && !file->sealed;) {
        if (!all_begin(file, prefixes[p])) {
            p++;
            continue;
        }
        length = strlen(prefixes[p]);
        nl_text_add(&said, "%s'%s' before every name is left out", said.length ? "; " : "", prefixes[p]);
        for (int i = 0; i < file->count; i++)
            memmove(file->entry[i].name, file->entry[i].name + length, strlen(file->entry[i].name + length) + 1);
        p = 0;
    }
    if (file->halves)
        nl_text_add(&said, "%s%s of F16 %s read as float32", said.length ? "; " : "", NL_COUNT(file->halves, "tensor"),
                    nl_agree(file->halves, "is", "are"));
    if (file->bfloats)
        nl_text_add(&said, "%s%s of BF16 %s read as float32", said.length ? "; " : "",
                    NL_COUNT(file->bfloats, "tensor"), nl_agree(file->bfloats, "is", "are"));
    for (int i = 0; i < file->count; i++) {
        averages |= strstr(file->entry[i].name, "running_") != NULL;
        counts |= counts_batches(file->entry[i].name);
    }
    if (averages && !counts && !file->sealed)
        nl_text_add(&said, "%sthere is no num_batches_tracked: batches are counted from 0", said.length ? "; " : "");
    file->notes = said.at;
}

/* ---- what is replaced ---- */

static bool is_training_state(const char *name)
{
    return strncmp(name, "training.", strlen("training.")) == 0;
}

unsigned nl_weights_replaced(const struct nl_config *config)
{
    return (config->model.load_norm == NL_LOAD_CHANGED ? NL_REPLACES_NORM : 0) |
           (config->model.load_head == NL_LOAD_CHANGED ? NL_REPLACES_HEAD : 0);
}

static bool is_of_norm(const struct nl_graph *graph, int node)
{
    const struct nl_operation *operation = graph->node[node].operation;
    bool found = nl_normalize_of(operation, graph->node[node].arguments) != NULL;
    for (int kind = 0; nl_norms[kind] && !found; kind++)
        found = nl_norms[kind]->operation == operation;
    return found;
}

static bool same_shape(const struct nl_tensor_file_entry *a, const struct nl_tensor_file_entry *b)
{
    bool same = a->dims == b->dims && (a->type == NL_I64) == (b->type == NL_I64);
    for (int d = 0; same && d < a->dims; d++)
        same = a->shape[d] == b->shape[d];
    return same;
}

/* The last node is the loss, which takes the logits. */
static bool is_of_head(const struct nl_graph *graph, const struct nl_tensor *tensor)
{
    return nl_is_of_head(graph, graph->node[graph->nodes - 1].in[0], tensor->node);
}

/* Whether a tensor of the network may be none of the file's: it then begins as without one. */
static bool may_differ(const struct nl_graph *graph, const struct nl_tensor *tensor, unsigned replaced)
{
    if (is_of_head(graph, tensor))
        return replaced & NL_REPLACES_HEAD;
    return (replaced & NL_REPLACES_NORM) && (is_of_norm(graph, tensor->node) || tensor->spec.role == NL_BIAS);
}

/* Where the tensor comes from, if it may differ; NULL: not from the file. */
static const struct nl_tensor_file_entry *fitting(const struct nl_graph *graph, const struct nl_tensor_file *file,
                                                  const struct nl_tensor *tensor)
{
    const struct nl_tensor_file_entry *found = nl_safetensors_find(file, tensor->name),
                                      wanted = described(tensor, NL_F64);
    return found && !is_of_head(graph, tensor) && same_shape(&wanted, found) ? found : NULL;
}

/* Length of "layer1.0.norm1" in "layer1.0.norm1.weight". */
static size_t module_length(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot ? (size_t)(dot - name) : 0;
}

static bool same_module(const char *a, const char *b)
{
    size_t length = module_length(a);
    return length == module_length(b) && strncmp(a, b, length) == 0;
}

/* Whether the module, which the network does not have, is called as a normalizer: norm1, layer1.0.norm2, ln_1. */
static bool is_called_norm(const char *name)
{
    char *module = nl_format("%.*s", (int)module_length(name), name);
    const char *dot = strrchr(module, '.'), *last = dot ? dot + 1 : module;
    bool found = strncmp(last, "norm", 4) == 0 || strncmp(last, "ln_", 3) == 0;
    free(module);
    return found;
}

/* Whether the network need not have that tensor of the file. */
static bool may_be_left(const struct nl_graph *graph, const char *name, unsigned replaced)
{
    bool there = false, bias = strlen(name) > 5 && strcmp(name + strlen(name) - 5, ".bias") == 0;
    for (int i = 0; i < graph->tensors; i++) {
        const struct nl_tensor *tensor = &graph->tensor[i];
        if (!is_saved(tensor) || !same_module(tensor->name, name))
            continue;
        there = true;
        if (is_of_head(graph, tensor))
            return replaced & NL_REPLACES_HEAD;
        if (is_of_norm(graph, tensor->node) || bias)
            return replaced & NL_REPLACES_NORM;
    }
    return !there && (replaced & NL_REPLACES_NORM) && is_called_norm(name);
}

bool nl_weights_lack(const struct nl_graph *graph, const struct nl_tensor_file *file, unsigned replaced,
                     enum nl_role role)
{
    bool lacks = false;
    for (const struct nl_tensor *tensor = NULL; (tensor = nl_weights_next(graph, tensor));)
        lacks |= tensor->spec.role == role && may_differ(graph, tensor, replaced) && !fitting(graph, file, tensor);
    return lacks;
}

char *nl_weights_explain(const struct nl_graph *graph, const struct nl_tensor_file *file, unsigned replaced)
{
    enum { GAMMAS, STATISTICS, BIASES, HEAD, KINDS };
    static const char *const titles[KINDS] = {"gamma and beta", "running statistics", "biases of layers",
                                              "the last layer"};
    int taken[KINDS] = {0}, begun[KINDS] = {0}, left = 0;
    struct nl_text out = {0};
    for (const struct nl_tensor *tensor = NULL; (tensor = nl_weights_next(graph, tensor));) {
        if (!may_differ(graph, tensor, replaced))
            continue;
        int kind = is_of_head(graph, tensor)            ? HEAD
                   : !is_of_norm(graph, tensor->node)   ? BIASES
                   : nl_is_parameter(tensor->spec.role) ? GAMMAS
                                                        : STATISTICS;
        (fitting(graph, file, tensor) ? taken : begun)[kind]++;
    }
    for (int i = 0; i < file->count; i++) {
        const struct nl_tensor *tensor = NULL;
        while ((tensor = nl_weights_next(graph, tensor)) && strcmp(tensor->name, file->entry[i].name) != 0)
            ;
        left += !tensor && !is_training_state(file->entry[i].name);
    }
    for (int kind = 0; kind < KINDS; kind++) {
        if (taken[kind] + begun[kind] == 0)
            continue;
        nl_text_add(&out, "%s%s: ", out.length ? "; " : "", titles[kind]);
        if (taken[kind])
            nl_text_add(&out, "%s taken from the file%s", NL_COUNT(taken[kind], "tensor"), begun[kind] ? ", " : "");
        if (begun[kind])
            nl_text_add(&out, "%s begun anew", NL_COUNT(begun[kind], "tensor"));
    }
    if (left)
        nl_text_add(&out,
                    "%s%s of the file %s left out, such as those of its normalizers that this network does not have",
                    out.length ? "; " : "", NL_COUNT(left, "tensor"), nl_agree(left, "is", "are"));
    return out.at;
}

void nl_weights_load(const struct nl_plan *plan, int replica, const struct nl_tensor_file *file, unsigned replaced)
{
    const struct nl_graph *graph = plan->graph;
    for (const struct nl_tensor *tensor = NULL; (tensor = nl_weights_next(graph, tensor));) {
        bool differs = may_differ(graph, tensor, replaced);
        const struct nl_tensor_file_entry *entry =
            differs ? fitting(graph, file, tensor) : nl_safetensors_find(file, tensor->name);
        if (entry || !differs)
            put_tensor(plan, replica, tensor, entry);
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
        if (!isfinite(entry->type == NL_F64 ? ((const double *)entry->data)[i]
                                            : (double)((const float *)entry->data)[i]))
            return false;
    return true;
}

static void compare(struct misfits *misfits, const struct nl_tensor_file_entry *wanted,
                    const struct nl_tensor_file_entry *found, bool finite)
{
    if (!found) {
        add_misfit(misfits, nl_format("'%s' is missing", wanted->name));
        return;
    }
    bool same = same_shape(wanted, found);
    if (same && (!finite || all_finite(found)))
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

int nl_weights_check(const struct nl_graph *graph, const struct nl_tensor_file *file, const char *path,
                     unsigned replaced, bool finite, struct nl_error *err)
{
    struct nl_tensor_file wanted = {.entry = nl_alloc((size_t)graph->tensors, sizeof *wanted.entry)};
    struct misfits misfits = {0};
    for (const struct nl_tensor *tensor = NULL; (tensor = nl_weights_next(graph, tensor)); wanted.count++) {
        struct nl_tensor_file_entry *one = &wanted.entry[wanted.count];
        *one = described(tensor, NL_F64);
        bool differs = may_differ(graph, tensor, replaced);
        const struct nl_tensor_file_entry *found =
            differs ? fitting(graph, file, tensor) : nl_safetensors_find(file, one->name);
        if (found || (!differs && (file->sealed || !counts_batches(one->name))))
            compare(&misfits, one, found, finite);
    }
    for (int i = 0; i < file->count; i++) {
        const char *name = file->entry[i].name;
        if (!is_training_state(name) && !nl_safetensors_find(&wanted, name) && !may_be_left(graph, name, replaced))
            add_misfit(&misfits, nl_format("'%s' is not in the network", name));
    }
    if (misfits.count > MISFITS_SHOWN)
        nl_text_add(&misfits.text, "; and %d more", misfits.count - MISFITS_SHOWN);
    int status = misfits.count ? nl_fail(err, "'%s' does not fit the network: %s", path, misfits.text.at) : NL_OK;
    nl_text_release(&misfits.text);
    nl_safetensors_release(&wanted);
    return status;
}

bool nl_weights_are_folded(const struct nl_tensor_file *file)
{
    return nl_safetensors_metadata(file, "folded") != NULL;
}

int nl_weights_network(const struct nl_config *config, struct nl_shape shape, const struct nl_tensor_file *file,
                       const char *path, struct nl_graph *graph, struct nl_error *err)
{
    const char *key = NULL, *folded = nl_safetensors_metadata(file, "folded");
    if (nl_model_build(config, shape, graph, &key, err))
        return NL_FAIL;
    if (folded && nl_fold_again(graph, folded, err))
        return nl_fail_in(err, "'%s' says that it is folded", path);
    return nl_weights_check(graph, file, path, 0, true, err);
}

/* ---- metadata ---- */

/* New string. */
static char *codes_of(const struct nl_alphabet *alphabet)
{
    struct nl_text out = {0};
    for (int i = 0; i < alphabet->count; i++)
        nl_text_add(&out, i ? " %u" : "%u", (unsigned)alphabet->code[i]);
    return out.at;
}

char **nl_weights_metadata(const struct nl_graph *graph, const struct nl_source *source)
{
    const struct nl_config settled = nl_config_settled(source->config);
    int count = 0;
    char numerics[16];
    snprintf(numerics, sizeof numerics, "%d", NL_NUMERICS_VERSION);
    const char *const fixed[] = {"format",      "pt",
                                 "producer",    "normlab " NORMLAB_VERSION,
                                 "data_sha256", source->dataset->checksum,
                                 "load_sha256", source->load ? source->load->checksum : "",
                                 "numerics",    numerics};
    char **pairs = nl_alloc(2 * (size_t)nl_key_count + sizeof fixed / sizeof *fixed + 7, sizeof *pairs);
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
        pairs[count++] = nl_strdup(fixed[i]);
    for (int i = 0; i < nl_key_count; i++) {
        bool observes = strcmp(nl_keys[i].section, "log") == 0 &&
                        nl_config_observes(source->config); /* a checkpoint goes on with them */
        bool unlisted = nl_keys[i].type == NL_TYPE_LAYERS && !source->config->model.layers->count;
        if ((nl_section_is_aside(nl_keys[i].section) && !observes) || unlisted)
            continue;
        pairs[count++] = nl_strdup(nl_keys[i].name);
        pairs[count++] = nl_value_text(&nl_keys[i], &settled);
    }
    pairs[count++] = nl_strdup("network");
    pairs[count++] = nl_graph_describe(graph);
    if (source->folded) {
        pairs[count++] = nl_strdup("folded");
        pairs[count++] = nl_strdup(source->folded);
    }
    if (source->dataset->alphabet.code) {
        pairs[count++] = nl_strdup("alphabet");
        pairs[count++] = codes_of(&source->dataset->alphabet);
    }
    return pairs;
}

struct nl_tensor_file nl_weights_file(const struct nl_plan *plan, int replica, const struct nl_source *source,
                                      int extra)
{
    struct nl_tensor_file file = {.metadata = nl_weights_metadata(plan->graph, source)};
    file.entry = nl_alloc((size_t)(plan->graph->tensors + extra), sizeof *file.entry);
    for (const struct nl_tensor *tensor = NULL; (tensor = nl_weights_next(plan->graph, tensor));)
        file.entry[file.count++] = get_tensor(plan, replica, tensor);
    return file;
}

int nl_weights_save(const struct nl_plan *plan, int replica, const struct nl_source *source, const char *path,
                    struct nl_error *err)
{
    struct nl_tensor_file file = nl_weights_file(plan, replica, source, 0);
    int status = nl_safetensors_write(path, file.entry, file.count, (const char *const *)file.metadata, err);
    nl_safetensors_release(&file);
    return status;
}
