/* What a configuration says of its network: its normalizers, what they use and do; and what auto stands for. */
#include "config/network.h"

#include "config/config.h"
#include "config/layers.h"
#include "graph/observers.h"
#include "norm/norm.h"
#include "optimizer/optimizer.h"

/* What the layer's own settings say, or else the configuration. */
static int said_or(int own, int of_config)
{
    return own == NL_UNSAID ? of_config : own;
}

/* How many layers may have a normalizer: those of the list, or one that stands for all. */
static int layers_of(const struct nl_config *config)
{
    return config->model.arch == NL_LAYERS ? config->model.layers->count : 1;
}

enum { NO_KIND = -1 }; /* of a layer that has no normalizer of its own */

/* The kind of that layer's normalizer (norm.kind), or NO_KIND. */
static int norm_at(const struct nl_config *config, int i)
{
    if (config->model.arch != NL_LAYERS)
        return config->norm.kind;
    const struct nl_layer *layer = &config->model.layers->layer[i];
    return layer->kind == NL_LAYER_NORM ? said_or(layer->set.norm, config->norm.kind) : NO_KIND;
}

/* The kind of the normalizer of that layer's weight (norm.weights), or NO_KIND. */
static int weight_norm_at(const struct nl_config *config, int i)
{
    if (config->model.arch != NL_LAYERS)
        return config->norm.weights;
    const struct nl_layer *layer = &config->model.layers->layer[i];
    bool has_weight = layer->kind == NL_LAYER_CONV || layer->kind == NL_LAYER_LINEAR;
    return has_weight ? said_or(layer->set.weights, config->norm.weights) : NO_KIND;
}

bool nl_config_has_norm(const struct nl_config *config, int kind)
{
    bool found = false;
    for (int i = 0; i < layers_of(config); i++)
        found |= norm_at(config, i) == kind;
    return found;
}

bool nl_config_has_weight_norm(const struct nl_config *config, int kind)
{
    bool found = false;
    for (int i = 0; i < layers_of(config); i++)
        found |= weight_norm_at(config, i) == kind;
    return found;
}

bool nl_config_normalizes_weights(const struct nl_config *config)
{
    bool any = false; /* kind 0 is "none" */
    for (int i = 0; i < layers_of(config); i++)
        any |= weight_norm_at(config, i) > 0;
    return any;
}

/* Whether norm.statistics says what training normalizes with. */
static bool chooses(const struct nl_norm *norm)
{
    return norm->tracks && !(norm->uses & (NL_USES_HISTORY | NL_USES_WHITENING | NL_USES_NEWTON));
}

/* The mean of running statistics is a constant to the gradient. */
static bool cancels_bias(const struct nl_norm *norm, const struct nl_config *config)
{
    return norm->cancels_bias && !(chooses(norm) && config->norm.statistics == NL_OF_RUNNING);
}

struct nl_traits nl_traits_of(const struct nl_config *config)
{
    struct nl_traits out = {0};
    for (int i = 0; i < layers_of(config); i++) {
        int kind = norm_at(config, i);
        const struct nl_norm *norm = kind == NO_KIND ? NULL : nl_norm_of_kind(config, kind);
        if (!norm || nl_norm_is_none(norm))
            continue;
        out.any = true;
        out.uses |= norm->uses;
        out.tracks |= norm->tracks;
        out.tracks_variance |= norm->tracks && !(norm->uses & (NL_USES_WHITENING | NL_USES_NEWTON));
        out.chooses |= chooses(norm);
        out.cancels_bias |= cancels_bias(norm, config);
        out.would_cancel_bias |= norm->cancels_bias;
        out.has_sets |= norm->partition != NULL;
        out.has_root |= nl_norm_takes_root(norm);
        out.has_eps |= !(norm->uses & NL_LACKS_EPS);
        out.has_affine |= !(norm->uses & NL_LACKS_AFFINE);
    }
    return out;
}

unsigned nl_config_norm_uses(const struct nl_config *config)
{
    return nl_traits_of(config).uses;
}

bool nl_config_is_recurrent(const struct nl_config *config)
{
    return config->model.arch == NL_RNN || config->model.arch == NL_LSTM || config->model.arch == NL_GRU;
}

bool nl_config_norm_activates(const struct nl_config *config)
{
    return (nl_norms[config->norm.kind]->uses & NL_USES_TLU) && config->norm.tlu;
}

bool nl_config_norm_cancels_bias(const struct nl_config *config)
{
    return cancels_bias(nl_norm_of(config), config);
}

bool nl_config_tracks(const struct nl_config *config)
{
    return nl_traits_of(config).tracks;
}

/* ---- what auto stands for ---- */

int64_t nl_micro_batch(const struct nl_config *config)
{
    int64_t samples = config->train.batch / config->train.accumulate;
    return samples > 0 ? samples : 1; /* more micro-batches than samples are refused (config/check.c) */
}

bool nl_config_observes(const struct nl_config *config)
{
    return config->log.tensors.count > 0 || config->log.layers.count > 0;
}

unsigned nl_observed_groups(const struct nl_config *config)
{
    unsigned out = 0;
    for (int i = 0; i < config->log.layers.count; i++)
        out |= 1u << config->log.layers.at[i];
    return out;
}

static bool observes(const struct nl_config *config, enum nl_observed_group group, enum nl_aspect aspect)
{
    bool named = nl_observed_groups(config) & 1u << group;
    for (int i = 0; i < config->log.tensors.count; i++)
        named |= nl_observer_aspect(config->log.tensors.at[i]) == aspect;
    return named;
}

bool nl_config_observes_curvature(const struct nl_config *config)
{
    return observes(config, NL_OBSERVED_CURVATURE, NL_CURVATURE);
}

bool nl_config_observes_ways(const struct nl_config *config)
{
    return observes(config, NL_OBSERVED_WAYS, NL_ON_WAY);
}

bool nl_config_observes_points(const struct nl_config *config)
{
    return observes(config, NL_OBSERVED_SLICES, NL_SLICE) || observes(config, NL_OBSERVED_PLANES, NL_PLANE) ||
           nl_config_observes_ways(config);
}

const char *nl_length_key(const struct nl_config *config)
{
    return config->train.steps != NL_AUTO     ? "train.steps"
           : config->train.samples != NL_AUTO ? "train.samples"
           : config->train.flops != NL_AUTO   ? "train.flops"
                                              : "train.epochs";
}

bool nl_config_averages(const struct nl_config *config, enum nl_eval eval)
{
    return (eval == NL_EVAL_EMA && config->train.ema > 0) || (eval == NL_EVAL_SWA && config->train.swa_start < 1);
}

double nl_beta2(const struct nl_config *config)
{
    double own = nl_optimizers[config->train.optimizer]->beta2, usual = own > 0 ? own : 0.999;
    return config->train.beta2 == NL_AUTO ? usual : config->train.beta2;
}

enum nl_placement nl_placement_of(const struct nl_config *config)
{
    enum nl_placement usual = config->model.arch == NL_TRANSFORMER ? NL_PRE : NL_BEFORE;
    return config->norm.placement == NL_PLACEMENT_AUTO ? usual : (enum nl_placement)config->norm.placement;
}

enum nl_over nl_over_of(const struct nl_config *config)
{
    enum nl_over usual = config->model.arch == NL_TRANSFORMER ? NL_OVER_POSITION : NL_OVER_SAMPLE;
    return config->norm.over == NL_OVER_AUTO ? usual : (enum nl_over)config->norm.over;
}

bool nl_has_final_norm(const struct nl_config *config)
{
    enum nl_placement placement = nl_placement_of(config);
    bool usual = placement == NL_PRE || placement == NL_PERI;
    return config->norm.final == NL_SWITCH_AUTO ? usual : config->norm.final == NL_SWITCH_ON;
}

bool nl_config_has_images(const struct nl_config *config)
{
    return config->data.name <= NL_CSV;
}

enum nl_order_of_epoch nl_sampling_of(const struct nl_config *config)
{
    enum nl_order_of_epoch usual = config->data.name == NL_TEXT ? NL_SAMPLE_REPLACE : NL_SAMPLE_SHUFFLE;
    return config->data.sampling == NL_SAMPLE_AUTO ? usual : (enum nl_order_of_epoch)config->data.sampling;
}
