/* Puts what evaluation makes of normalizers into the weights beside them. */
#include "train/fold.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "operation/conv.h"
#include "operation/cross_iteration.h"
#include "operation/linear.h"
#include "operation/mixture.h"
#include "operation/whitening.h"
#include "train/schedule.h"
#include "train/scorer.h"

/* A network that is being folded. */
struct folding {
    struct nl_graph graph;
    double **value; /* of each tensor, as backends store it; of what no file has zeros */
    struct nl_hyper hyper;
    struct nl_text list; /* nl_fold_again reads it */
};

static double *value_in(const struct folding *f, int value)
{
    return value == NL_NONE ? NULL : f->value[f->graph.value[value].tensor];
}

/* ---- kernels of the reference, one by one ---- */

/* What an operation of the network makes in evaluation, (samples, count); a new array. in, state: what it takes. */
static double *compute(const struct folding *f, const struct nl_operation *operation, const void *arguments,
                       double *const in[NL_MOST_SLOTS], double *const state[NL_MOST_STATES], int samples, size_t count)
{
    const struct nl_run run = {.replicas = 1, .samples = samples, .statistics = NL_STATS_RUNNING};
    struct nl_operands at = {.hyper = &f->hyper};
    double *out = nl_alloc((size_t)samples * count, sizeof *out);
    void *own = nl_alloc(1, operation->arguments);
    memcpy(own, arguments, operation->arguments);
    if (operation->prepare)
        operation->prepare(own, samples, true);
    for (int i = 0; i < NL_MOST_SLOTS; i++)
        at.in[i] = in[i];
    for (int i = 0; i < NL_MOST_STATES; i++)
        at.state[i] = state[i];
    for (int i = 0; i < operation->saved; i++)
        at.saved[i] = nl_alloc(1, operation->saved_bytes(own, i, samples, sizeof(double)));
    at.out[0] = out;
    nl_bind(operation, own, &at);
    operation->reference[NL_ELEMENT_DOUBLE]->forward(&run, own);
    for (int i = 0; i < operation->saved; i++)
        free(at.saved[i]);
    free(own);
    return out;
}

static void find_states(const struct folding *f, const struct nl_graph_node *node, double *state[NL_MOST_STATES])
{
    for (int i = 0; i < node->states; i++)
        state[i] = f->value[node->state[i]];
}

/* y = m x + b of the channels of a position. */
struct map {
    int channels;
    bool mixes; /* m is a matrix (C, C), else its diagonal (C) */
    double *m, *b;
};

static void release_map(struct map *map)
{
    free(map->m);
    free(map->b);
}

/* The normalizer, or the first half of one, whose map is taken: of one position. */
static const struct nl_operation *mapped(const struct nl_graph_node *node, int channels, void *arguments, int *affine)
{
    const struct nl_extent in[NL_MOST_SLOTS] = {[NL_NORM_X] = {1, 1, channels}};
    const struct nl_operation *operation = &nl_normalize_operation;
    const void *from = nl_normalize_of(node->operation, node->arguments);
    struct nl_declaration declaration = {0};
    struct nl_error err;
    *affine = NL_NORM_GAMMA;
    if (node->operation == &nl_mixture_operation) {
        from = &((const struct nl_mixture *)node->arguments)->batch;
        *affine = NL_MIXTURE_OWN;
    } else if (!from) {
        operation = node->operation;
        from = node->arguments;
    }
    memcpy(arguments, from, operation->arguments);
    int status = operation->declare(arguments, in, &declaration, &err);
    NL_ASSERT(status == NL_OK);
    return operation;
}

static struct map map_of(const struct folding *f, const struct nl_graph_node *node)
{
    int channels = f->graph.value[node->in[NL_NORM_X]].extent.channels, affine;
    struct map map = {.channels = channels, .mixes = node->operation == &nl_whitening_operation};
    size_t c = (size_t)channels, rows = map.mixes ? c : 1;
    void *arguments = nl_alloc(1, NL_MOST_ARGUMENTS);
    const struct nl_operation *operation = mapped(node, channels, arguments, &affine);
    double *in[NL_MOST_SLOTS] = {NULL}, *state[NL_MOST_STATES] = {NULL};
    double *x = in[NL_NORM_X] = nl_alloc((1 + rows) * c, sizeof *x); /* zeros, then ones or unit vectors */
    for (size_t j = 0; j < c; j++)
        x[(map.mixes ? 1 + j : 1) * c + j] = 1;
    in[NL_NORM_GAMMA] = value_in(f, node->in[affine]);
    in[NL_NORM_BETA] = value_in(f, node->in[affine + 1]);
    find_states(f, node, state);
    double *y = compute(f, operation, arguments, in, state, (int)(1 + rows), c);
    map.m = nl_alloc(rows * c, sizeof *map.m);
    map.b = nl_alloc(c, sizeof *map.b);
    memcpy(map.b, y, c * sizeof *y);
    for (size_t j = 0; j < rows; j++)
        for (size_t k = 0; k < c; k++)
            map.m[map.mixes ? k * c + j : k] = y[(1 + j) * c + k] - map.b[k];
    free(x);
    free(y);
    free(arguments);
    return map;
}

/* The weight that a node computes becomes the layer's own. */
static void fold_weight(struct folding *f, int number)
{
    const struct nl_graph_node *node = &f->graph.node[number];
    double *in[NL_MOST_SLOTS] = {NULL}, *state[NL_MOST_STATES] = {NULL};
    for (int i = 0; i < NL_MOST_SLOTS; i++)
        in[i] = value_in(f, node->in[i]);
    find_states(f, node, state);
    double *w = compute(f, node->operation, node->arguments, in, state, 1, f->graph.value[node->out[0]].count);
    f->value[nl_fold_weight(&f->graph, number)] = w;
}

/* ---- a map goes into a layer ---- */

/* A layer's weight (rows, O), of which a row is about one channel of its input or, of a depthwise convolution, all of
 * them about their own; and its bias (O). */
struct layer {
    double *w, *b;
    size_t rows, outputs;
    bool depthwise;
};

/* into (C) += m of (C); `into` may not be `of`. */
static void add_mapped(const struct map *map, const double *of, double *into)
{
    size_t c = (size_t)map->channels;
    for (size_t k = 0; k < c; k++)
        if (map->mixes)
            for (size_t j = 0; j < c; j++)
                into[k] += map->m[k * c + j] * of[j];
        else
            into[k] += map->m[k] * of[k];
}

/* m (w x + b) + b' */
static void fold_before(const struct map *map, const struct layer *layer)
{
    size_t bytes = layer->outputs * sizeof *layer->b;
    double *row = nl_alloc(layer->outputs, sizeof *row);
    for (size_t r = 0; r <= layer->rows; r++) { /* the bias comes last */
        double *at = r < layer->rows ? layer->w + r * layer->outputs : layer->b;
        memcpy(row, at, bytes);
        if (r < layer->rows)
            memset(at, 0, bytes);
        else
            memcpy(at, map->b, bytes);
        add_mapped(map, row, at);
    }
    free(row);
}

/* w (m x + b') + b. Rows of the weight are C in turn, for each tap of a convolution or each position that a linear
 * layer takes. */
static void fold_after(const struct map *map, const struct layer *layer)
{
    size_t c = (size_t)map->channels, outputs = layer->outputs, all = layer->rows * outputs;
    double *old = nl_alloc(all, sizeof *old);
    memcpy(old, layer->w, all * sizeof *old);
    for (size_t r = 0; r < layer->rows; r++)
        for (size_t o = 0; o < outputs; o++) {
            size_t channel = layer->depthwise ? o : r % c, first = r - r % c;
            double sum = 0;
            for (size_t j = 0; map->mixes && j < c; j++)
                sum += old[(first + j) * outputs + o] * map->m[j * c + channel];
            layer->w[r * outputs + o] = map->mixes ? sum : old[r * outputs + o] * map->m[channel];
            layer->b[o] += old[r * outputs + o] * map->b[channel];
        }
    free(old);
}

static void fold_normalizer(struct folding *f, int number, const struct nl_fold *fold)
{
    struct map map = map_of(f, &f->graph.node[number]);
    nl_fold_normalizer(&f->graph, number, fold);
    const struct nl_graph_node *node = &f->graph.node[fold->layer];
    int weight = f->graph.value[node->in[NL_PRODUCT_WEIGHT]].tensor,
        bias = f->graph.value[node->in[NL_PRODUCT_BIAS]].tensor;
    size_t outputs = f->graph.tensor[bias].count;
    if (!f->value[bias])
        f->value[bias] = nl_alloc(outputs, sizeof *f->value[bias]);
    struct layer layer = {.w = f->value[weight],
                          .b = f->value[bias],
                          .rows = f->graph.tensor[weight].count / outputs,
                          .outputs = outputs,
                          .depthwise = node->operation == &nl_depthwise_conv_operation};
    (fold->before ? fold_before : fold_after)(&map, &layer);
    release_map(&map);
}

/* ---- the network ---- */

static void fold_node(struct folding *f, int number, struct nl_folded *out)
{
    const struct nl_graph_node *node = &f->graph.node[number];
    struct nl_fold fold = nl_fold_find(&f->graph, number);
    struct nl_fold_item *item = &out->item[out->items];
    if (fold.part == NL_FOLD_NOTHING)
        return;
    *item =
        (struct nl_fold_item){.kind = nl_fold_kind(node), .part = fold.part, .before = fold.before, .why = fold.why};
    snprintf(item->node, sizeof item->node, "%s", node->name);
    out->items++;
    if (fold.part == NL_FOLD_REFUSED) {
        out->refused++;
        return;
    }
    const char *comma = f->list.length ? "," : "";
    if (fold.part == NL_FOLD_WEIGHT) {
        nl_text_add(&f->list, "%s%s", comma, item->node);
        fold_weight(f, number);
        return;
    }
    snprintf(item->layer, sizeof item->layer, "%s", f->graph.node[fold.layer].name);
    nl_text_add(&f->list, "%s%s>%s", comma, item->node, item->layer);
    fold_normalizer(f, number, &fold);
}

static void begin(struct folding *f, const struct nl_config *config, const struct nl_tensor_file *from)
{
    const struct nl_schedule_of at_end = {.config = config, .steps = 1};
    f->hyper = (struct nl_hyper){.norm_eps = config->norm.eps};
    nl_norm_numbers_at(&at_end, 1, f->hyper.norm_numbers);
    f->value = nl_alloc((size_t)(f->graph.tensors + 2 * f->graph.nodes), sizeof *f->value); /* with those to come */
    for (int i = 0; i < f->graph.tensors; i++) {
        const struct nl_tensor *tensor = &f->graph.tensor[i];
        const struct nl_tensor_file_entry *entry = nl_safetensors_find(from, tensor->name);
        f->value[i] = entry && entry->type != NL_I64 ? nl_weights_stored(tensor, entry)
                                                     : nl_alloc(tensor->count, sizeof *f->value[i]);
    }
    nl_fold_begin(&f->graph);
}

/* The type of the file's reals. */
static enum nl_dtype real_of(const struct nl_tensor_file *file)
{
    for (int i = 0; i < file->count; i++)
        if (file->entry[i].type == NL_F64)
            return NL_F64;
    return NL_F32;
}

/* kept: where each tensor's numbers are. */
static void write_file(const struct folding *f, const int *kept, const struct nl_tensor_file *from,
                       const struct nl_source *source, struct nl_tensor_file *out)
{
    out->metadata = nl_weights_metadata(&f->graph, source);
    out->entry = nl_alloc((size_t)f->graph.tensors, sizeof *out->entry);
    for (const struct nl_tensor *tensor = NULL; (tensor = nl_weights_next(&f->graph, tensor));) {
        struct nl_tensor_file_entry *entry = &out->entry[out->count++];
        const struct nl_tensor_file_entry *old = nl_safetensors_find(from, tensor->name);
        bool counts = tensor->spec.type == NL_TENSOR_INT64;
        *entry = nl_weights_entry(tensor, real_of(from), counts ? NULL : f->value[kept[tensor - f->graph.tensor]]);
        if (!counts)
            continue;
        entry->data = nl_alloc(tensor->count, sizeof(int64_t));
        if (old)
            memcpy(entry->data, old->data, tensor->count * sizeof(int64_t));
    }
}

static void fold_all(struct folding *f, const struct nl_source *source, struct nl_folded *out)
{
    int nodes = f->graph.nodes;
    for (int weights = 1; weights >= 0; weights--) /* first, so that layers have weights of their own */
        for (int i = 0; i < nodes; i++)
            if (f->graph.node[i].operation &&
                (f->graph.node[i].operation->span == NL_SPAN_PARAMETERS) == (weights == 1))
                fold_node(f, i, out);
    int tensors = f->graph.tensors, *kept = nl_alloc((size_t)tensors, sizeof *kept);
    nl_fold_end(&f->graph, kept);
    out->after = f->graph.count;
    struct nl_source folded = *source;
    folded.folded = f->list.at;
    if (out->refused < out->items)
        write_file(f, kept, source->load, &folded, &out->file);
    free(kept);
    for (int i = 0; i < tensors; i++)
        free(f->value[i]);
    free(f->value);
    nl_text_release(&f->list);
}

int nl_fold_network(const struct nl_config *config, const struct nl_dataset *dataset, const struct nl_tensor_file *from,
                    const char *path, struct nl_folded *out, struct nl_error *err)
{
    struct folding f = {0};
    struct nl_config quiet = *config;
    const struct nl_source source = {.config = &quiet, .dataset = dataset, .load = from};
    quiet.log.tensors.count = quiet.log.layers.count = 0; /* of a training, whose tensors may be gone */
    *out = (struct nl_folded){0};
    int status = nl_weights_are_folded(from) ? nl_fail(err, "'%s' is folded already", path)
                                             : nl_weights_network(config, dataset->shape, from, path, &f.graph, err);
    if (status == NL_OK) {
        out->item = nl_alloc((size_t)f.graph.nodes, sizeof *out->item);
        out->before = f.graph.count;
        begin(&f, &quiet, from);
        fold_all(&f, &source, out);
    }
    nl_graph_release(&f.graph);
    return status;
}

void nl_folded_release(struct nl_folded *folded)
{
    nl_safetensors_release(&folded->file);
    free(folded->item);
}

/* ---- before and after ---- */

/* What the network puts out for each sample of the part; a new array of *count numbers. NULL: err says why. */
static double *outputs_of(const struct nl_config *config, const struct nl_dataset *dataset,
                          const struct nl_tensor_file *file, const char *path, struct nl_fold_difference *about,
                          size_t *count, struct nl_error *err)
{
    struct nl_scorer *scorer = nl_scorer_open(config, dataset, file, path, 1, err);
    static const enum nl_part order[] = {NL_PART_TEST, NL_PART_VAL, NL_PART_TRAIN};
    struct nl_scored scored;
    size_t shape[3];
    if (!scorer)
        return NULL;
    about->samples = 0;
    for (size_t i = 0; i < sizeof order / sizeof *order && about->samples == 0; i++) {
        about->part = order[i];
        about->samples = nl_scorer_samples(scorer, about->part);
    }
    *count = 1;
    for (int i = 0, dims = nl_scorer_outputs_shape(scorer, about->part, shape); i < dims; i++)
        *count *= shape[i];
    double *outputs = nl_alloc(*count, sizeof *outputs);
    if (nl_scorer_score(scorer, about->part, NL_EVAL_RUNNING, 1, NL_ORDER_GIVEN, outputs, &scored, err)) {
        free(outputs);
        outputs = NULL;
    }
    nl_scorer_free(scorer);
    return outputs;
}

/* NaN stays. */
static double larger(double a, double b)
{
    return a >= b || isnan(a) ? a : b;
}

int nl_fold_compare(const struct nl_config *config, const struct nl_dataset *dataset, const struct nl_tensor_file *from,
                    const char *path, const struct nl_folded *folded, struct nl_fold_difference *out,
                    struct nl_error *err)
{
    size_t count = 0;
    double *before = outputs_of(config, dataset, from, path, out, &count, err);
    double *after = before ? outputs_of(config, dataset, &folded->file, path, out, &count, err) : NULL;
    out->largest = out->output = 0;
    for (size_t i = 0; after && i < count; i++) {
        if (isnan(before[i]) && isnan(after[i]))
            continue; /* after the end of a sequence */
        out->largest = larger(out->largest, fabs(after[i] - before[i]));
        out->output = larger(out->output, fabs(before[i]));
    }
    free(before);
    free(after);
    return after ? NL_OK : NL_FAIL;
}
