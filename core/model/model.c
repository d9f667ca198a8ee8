#include "model/model.h"

#include "model/build.h"

int nl_check_groups(int64_t groups, int64_t channels, const char *whose, struct nl_error *err)
{
    if (channels % groups == 0)
        return NL_OK;
    int64_t below = groups < channels ? groups : channels, above = groups;
    while (channels % below)
        below--;
    while (above < channels && channels % above)
        above++;
    const char *fits = above < channels ? "%lld groups do not divide the %lld channels%s; %lld or %lld do"
                                        : "%lld groups do not divide the %lld channels%s; %lld does";
    return nl_fail(err, fits, (long long)groups, (long long)channels, whose, (long long)below, (long long)above);
}

int nl_model_build(const struct nl_config *config, struct nl_shape shape, struct nl_graph *graph, const char **key, struct nl_error *err)
{
    nl_graph_begin(graph);
    *key = "norm.kind"; /* most of what cannot be is a normalizer of layers of that size */
    int x = nl_graph_add_input(graph, "x", NL_TENSOR_REAL, (struct nl_extent){shape.height, shape.width, shape.channels}, NL_NONE);
    graph->classes = shape.classes;
    struct nl_builder b = {.graph = graph, .config = config, .norm = nl_norm_of(config), .at = x, .err = err};
    if (config->model.arch != NL_LAYERS && (b.norm->uses & NL_USES_GROUPS) &&
        nl_check_groups(config->norm.groups, config->model.width, " of model.width", err)) {
        *key = "norm.groups";
        return NL_FAIL;
    }
    if (b.norm->uses & NL_USES_PARTS)
        *key = "norm.sets";
    int status = NL_OK;
    switch ((enum nl_arch)config->model.arch) {
    case NL_MLP:
        nl_build_mlp(&b);
        break;
    case NL_CNN:
        status = nl_build_cnn(&b, key, err);
        break;
    case NL_RESNET:
        nl_build_resnet(&b);
        break;
    case NL_LAYERS:
        nl_build_layers(&b, key);
        break;
    }
    if (status || b.failed)
        return NL_FAIL;
    nl_graph_end(graph, b.at);
    return NL_OK;
}

int nl_model_norm(const struct nl_config *config, struct nl_extent extent, struct nl_graph *graph, struct nl_error *err)
{
    nl_graph_begin(graph);
    int x = nl_graph_add_input(graph, "x", NL_TENSOR_REAL, extent, NL_NONE);
    struct nl_builder b = {.graph = graph, .config = config, .norm = nl_norm_of(config), .at = x, .err = err};
    nl_add_norm(&b, "norm", 0);
    return b.failed ? NL_FAIL : NL_OK;
}

struct nl_norm_setup nl_norm_setup_of(const struct nl_config *config, int samples, int positions, int channels)
{
    struct nl_norm_setup setup = {.samples = samples,
                                  .positions = positions,
                                  .channels = channels,
                                  .groups = (int)config->norm.groups,
                                  .stat_batch = config->norm.stat_batch == NL_AUTO ? 0 : (int)config->norm.stat_batch,
                                  .over_position = config->norm.over == NL_OVER_POSITION};
    struct nl_error checked; /* by nl_config_check */
    nl_norm_sets_read(&config->norm.sets, &setup, &checked);
    return setup;
}
