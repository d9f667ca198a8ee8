/* Calls the builder of an architecture, after it has checked that the data fit. */
#include "model/model.h"

#include <stdlib.h>

#include "base/memory.h"
#include "config/network.h"
#include "model/build.h"
#include "operation/squared_error.h"

/* Normalizers that norm.skip counts; 0: it is not read. A residual network of 6n + 2 layers has 6n + 1, wherever they
 * are placed. */
static int norms_of(const struct nl_config *config)
{
    switch ((enum nl_arch)config->model.arch) {
    case NL_MLP:
    case NL_CNN:
        return (int)config->model.depth;
    case NL_RESNET:
        return (int)config->model.depth - 1;
    case NL_TRANSFORMER:
        return nl_transformer_norms(config);
    case NL_RNN:
    case NL_GRU:
        return (int)config->model.depth * (config->model.bidirectional ? 4 : 2);
    case NL_LSTM:
        return (int)config->model.depth * (config->model.bidirectional ? 6 : 3);
    case NL_LAYERS:
        return 0;
    }
    NL_BUG("arch %d", config->model.arch);
}

static int check_skipped(const struct nl_config *config, int norms, struct nl_error *err)
{
    const struct nl_int_list *skip = &config->norm.skip;
    for (int i = 0; norms > 0 && i < skip->count; i++)
        if (skip->at[i] == 0 || llabs(skip->at[i]) > norms)
            return nl_fail(err, "there is no normalizer %lld: they are 1 to %d, or -1 to %d from the last",
                           (long long)skip->at[i], norms, -norms);
    return NL_OK;
}

/* Kernels count the numbers of a sample in int. */
static int check_sample(const struct nl_shape *shape, struct nl_error *err)
{
    size_t numbers = nl_elements((struct nl_extent){shape->height, shape->width, shape->channels});
    return numbers <= INT_MAX ? NL_OK : nl_fail(err, "a sample has more than %d numbers", INT_MAX);
}

/* Whether the architecture takes what the data are. */
static int check_arch(const struct nl_config *config, const struct nl_shape *shape, struct nl_error *err)
{
    const char *arch = nl_arch_names[config->model.arch], *data = nl_data_names[config->data.name];
    if (config->model.arch == NL_TRANSFORMER || nl_config_is_recurrent(config))
        return NL_OK;
    if (shape->vocabulary) {
        struct nl_text others = {0};
        for (int i = NL_LAYERS + 1; nl_arch_names[i]; i++) /* architectures of sequences come last */
            nl_text_add(&others, "%s%s", others.length ? ", " : "; these take token ids: ", nl_arch_names[i]);
        nl_fail(err, "'model.arch' %s takes real numbers, and '%s' has token ids%s%s", arch, data,
                others.length ? others.at : "",
                config->data.name == NL_NPY ? "; for features save x.astype('float32')" : "");
        nl_text_release(&others);
        return NL_FAIL;
    }
    if (shape->target == NL_TARGET_EACH)
        return nl_fail(err, "'model.arch' %s has one output a sample, and '%s' a label for each position", arch, data);
    return NL_OK;
}

/* What has added nothing yet. */
static struct nl_builder begun(const struct nl_config *config, struct nl_graph *graph, int x, struct nl_error *err)
{
    return (struct nl_builder){.graph = graph,
                               .config = config,
                               .norm = nl_norm_of(config),
                               .at = x,
                               .product = NL_NONE,
                               .last_gamma = NL_NONE,
                               .residual = NL_PLAIN_SUM,
                               .variance = 1,
                               .err = err};
}

/* Whether model.residual says what they are. */
static bool has_branches(const struct nl_config *config)
{
    return config->model.arch == NL_RESNET || config->model.arch == NL_TRANSFORMER;
}

static void build(struct nl_builder *b)
{
    switch ((enum nl_arch)b->config->model.arch) {
    case NL_MLP:
        nl_build_mlp(b);
        return;
    case NL_CNN:
        nl_build_cnn(b);
        return;
    case NL_RESNET:
        nl_build_resnet(b);
        return;
    case NL_TRANSFORMER:
        nl_build_transformer(b);
        return;
    case NL_RNN:
    case NL_LSTM:
    case NL_GRU:
        nl_build_recurrent(b);
        return;
    case NL_LAYERS:
        nl_build_layers(b);
        return;
    }
    NL_BUG("arch %d", b->config->model.arch);
}

int nl_model_build(const struct nl_config *config, struct nl_shape shape, struct nl_graph *graph, const char **key,
                   struct nl_error *err)
{
    nl_graph_begin(graph);
    *key = "norm.kind"; /* most of what cannot be is a normalizer of layers of that size */
    int lengths = shape.lengths
                      ? nl_graph_add_input(graph, "lengths", NL_TENSOR_INT32, (struct nl_extent){1, 1, 1}, NL_NONE)
                      : NL_NONE;
    int x = nl_graph_add_input(graph, "x", shape.vocabulary ? NL_TENSOR_INT32 : NL_TENSOR_REAL,
                               (struct nl_extent){shape.height, shape.width, shape.channels}, lengths);
    graph->classes = shape.classes;
    graph->matrices_first = config->train.weight_decay_on == NL_DECAY_MATRICES;
    if (check_sample(&shape, err)) {
        *key = "data.name";
        return NL_FAIL;
    }
    if (check_arch(config, &shape, err)) {
        *key = "model.arch";
        return NL_FAIL;
    }
    struct nl_builder b = begun(config, graph, x, err);
    b.shape = &shape;
    b.all_norms = norms_of(config);
    b.residual = has_branches(config) ? (enum nl_residual)config->model.residual : NL_PLAIN_SUM;
    struct nl_norm_setup setup = nl_norm_setup_of(config, 0, 1, (int)config->model.width);
    if (config->model.arch != NL_LAYERS && (b.norm->uses & NL_USES_GROUPS) &&
        nl_norm_check_groups(b.norm, &setup, " of model.width", err)) {
        *key = "norm.groups";
        return NL_FAIL;
    }
    if (check_skipped(config, b.all_norms, err)) {
        *key = "norm.skip";
        return NL_FAIL;
    }
    if (b.norm->uses & NL_USES_PARTS)
        *key = "norm.sets";
    if (nl_build(&b, build)) {
        *key = b.key ? b.key : *key;
        return NL_FAIL;
    }
    *key = "train.only";
    if (nl_graph_train_only(graph, b.at, &config->train.only, err))
        return NL_FAIL;
    if (shape.target == NL_TARGET_REAL)
        nl_graph_end_with(graph, &nl_squared_error_operation, NULL, b.at);
    else
        nl_graph_end(graph, b.at);
    return NL_OK;
}

bool nl_is_causal(const struct nl_config *config, const struct nl_shape *shape)
{
    return config->model.causal == NL_SWITCH_AUTO ? shape->target == NL_TARGET_EACH
                                                  : config->model.causal == NL_SWITCH_ON;
}

bool nl_sees_ahead(const struct nl_config *config, const struct nl_shape *shape)
{
    return config->model.arch == NL_TRANSFORMER && nl_norm_spans_batch(nl_norm_of(config)) &&
           nl_is_causal(config, shape);
}

int nl_stat_batch(const struct nl_config *config)
{
    int64_t own = config->norm.stat_batch == NL_AUTO ? 0 : config->norm.stat_batch,
            part = nl_micro_batch(config) / config->train.workers;
    bool parts = config->train.workers > 1 && !config->norm.sync;
    part = part > 0 ? part : 1; /* more workers than samples are refused later */
    return (int)(parts && (own == 0 || part < own) ? part : own);
}

static void add_norm(struct nl_builder *b)
{
    nl_add_norm(b, "norm", 0);
}

int nl_model_norm(const struct nl_config *config, struct nl_extent extent, bool lengths, struct nl_graph *graph,
                  struct nl_error *err)
{
    nl_graph_begin(graph);
    int of_x =
        lengths ? nl_graph_add_input(graph, "lengths", NL_TENSOR_INT32, (struct nl_extent){1, 1, 1}, NL_NONE) : NL_NONE;
    int x = nl_graph_add_input(graph, "x", NL_TENSOR_REAL, extent, of_x);
    struct nl_config alone = *config;
    alone.norm.compensate = false; /* there is no layer in front */
    struct nl_builder b = begun(&alone, graph, x, err);
    b.activates = true;
    return nl_build(&b, add_norm);
}

struct weight_alone {
    struct nl_builder b; /* first: a builder of one is the builder in it */
    int out, in, kernel;
};

static void add_weight(struct nl_builder *b)
{
    const struct weight_alone *alone = (const struct weight_alone *)(const void *)b;
    nl_add_weight(b, nl_weight_norms[b->config->norm.weights], alone->kernel, alone->in, alone->out, "layer", 0);
}

int nl_model_weight(const struct nl_config *config, int out, int in, int kernel, struct nl_graph *graph,
                    struct nl_error *err)
{
    nl_graph_begin(graph);
    struct weight_alone alone = {begun(config, graph, NL_NONE, err), out, in, kernel};
    return nl_build(&alone.b, add_weight);
}

struct nl_norm_setup nl_norm_setup_of(const struct nl_config *config, int samples, int positions, int channels)
{
    struct nl_norm_setup setup = {.samples = samples,
                                  .positions = positions,
                                  .channels = channels,
                                  .groups = (int)config->norm.groups,
                                  .stat_batch = nl_stat_batch(config),
                                  .over_position = nl_over_of(config) == NL_OVER_POSITION};
    struct nl_error checked; /* by nl_config_check */
    nl_norm_sets_read(&config->norm.sets, &setup, &checked);
    return setup;
}
