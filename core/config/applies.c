/* Which keys matter, and the texts that a trial's identity is the hash of, and that a cohort has in common. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "config/config.h"
#include "config/layers.h"
#include "norm/norm.h"
#include "norm/weights.h"

static bool evaluates(const struct nl_config *config, enum nl_eval wanted)
{
    for (int i = 0; i < config->norm.eval.count; i++)
        if (config->norm.eval.at[i] == wanted)
            return true;
    return false;
}

unsigned nl_config_norms(const struct nl_config *config)
{
    const struct nl_layers *layers = config->model.layers;
    unsigned used = config->model.arch == NL_LAYERS ? 0 : 1u << config->norm.kind;
    for (int i = 0; config->model.arch == NL_LAYERS && i < layers->count; i++)
        if (layers->layer[i].kind == NL_LAYER_NORM)
            used |= 1u << (layers->layer[i].set.norm == NL_UNSAID ? config->norm.kind : layers->layer[i].set.norm);
    return used;
}

unsigned nl_config_weight_norms(const struct nl_config *config)
{
    const struct nl_layers *layers = config->model.layers;
    unsigned used = config->model.arch == NL_LAYERS ? 0 : 1u << config->norm.weights;
    for (int i = 0; config->model.arch == NL_LAYERS && i < layers->count; i++)
        if (layers->layer[i].kind == NL_LAYER_CONV || layers->layer[i].kind == NL_LAYER_LINEAR)
            used |= 1u << (layers->layer[i].set.weights == NL_UNSAID ? config->norm.weights : layers->layer[i].set.weights);
    return used & ~1u;
}

/* Of these: whether one has a gain, and whether one is followed by power iteration. */
static bool has_gain(const struct nl_weight_norm *norm)
{
    return norm->gain != NL_GAIN_NONE;
}

static bool iterates(const struct nl_weight_norm *norm)
{
    return norm->measure == NL_WEIGHT_SPECTRAL;
}

static bool any_weights(const struct nl_config *config, bool (*are)(const struct nl_weight_norm *norm))
{
    unsigned used = nl_config_weight_norms(config);
    bool any = false;
    for (int i = 1; nl_weight_norm_names[i]; i++)
        any |= (used & 1u << i) && are(nl_weight_norms[i]);
    return any;
}

/* Of the normalizers of the network: what one of them uses, and does. */
struct traits {
    unsigned uses;
    bool tracks, any;
    bool tracks_variance; /* and no matrix */
    bool chooses; /* what training normalizes with: norm.statistics */
    bool cancels_bias, would_cancel_bias; /* of the layer before; but for norm.statistics */
    bool has_sets, has_root, has_eps, has_affine; /* one of them */
};

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

static struct traits traits_of(const struct nl_config *config)
{
    struct traits out = {0};
    unsigned used = nl_config_norms(config);
    for (int i = 0; nl_norms[i]; i++) {
        const struct nl_norm *norm = nl_norm_of_kind(config, i);
        if (!(used & 1u << i) || nl_norm_is_none(norm))
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
    return traits_of(config).uses;
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
    return traits_of(config).tracks;
}

/* Whether an architecture with activation functions everywhere has one left: a residual block that begins with its convolution ends with one after the
 * sum, which no normalizer takes the place of. */
static bool has_activation(const struct nl_config *config)
{
    if (config->model.arch == NL_TRANSFORMER)
        return true;
    if (nl_config_is_recurrent(config))
        return config->model.arch == NL_RNN;
    return !nl_config_norm_activates(config) || (config->model.arch == NL_RESNET && nl_placement_of(config) == NL_BEFORE);
}

/* Whether the network has that activation function. */
static bool activates(const struct nl_config *config, enum nl_activation wanted)
{
    const struct nl_layers *layers = config->model.layers;
    bool found = config->model.arch != NL_LAYERS && has_activation(config) && config->model.activation == (int)wanted;
    for (int i = 0; config->model.arch == NL_LAYERS && i < layers->count; i++) {
        int own = layers->layer[i].set.activation;
        found |= layers->layer[i].kind == NL_LAYER_ACTIVATION && (own == NL_UNSAID ? config->model.activation : own) == (int)wanted;
    }
    return found;
}

/* Whether something is added to what goes around it. */
static bool has_residuals(const struct nl_config *config)
{
    const struct nl_layers *layers = config->model.layers;
    bool found = config->model.arch == NL_RESNET || config->model.arch == NL_TRANSFORMER;
    for (int i = 0; config->model.arch == NL_LAYERS && i < layers->count; i++)
        found |= layers->layer[i].kind == NL_LAYER_RESIDUAL;
    return found;
}

/* Whether a pair of a normalizer and an activation in the list leaves their order to norm.placement. */
static bool leaves_order(const struct nl_layers *layers)
{
    bool found = false;
    for (int i = 0; i < layers->count; i++)
        found |= layers->layer[i].pair && layers->layer[i].set.placement == NL_UNSAID;
    return found;
}

static bool data_key_applies(const char *field, const struct nl_config *config)
{
    bool text = config->data.name == NL_TEXT, images = nl_config_has_images(config);
    if (!strcmp(field, "dir") || !strcmp(field, "file") || strstr(field, "_images") || strstr(field, "_labels"))
        return false; /* a path; what was found there is in the identity by its checksum */
    if (!strcmp(field, "sampling"))
        return nl_sampling_of(config) != NL_SAMPLE_SHUFFLE;
    if (!strcmp(field, "unit"))
        return text;
    if (!strcmp(field, "context")) /* of npy off its default, as norm.statistics */
        return text || (config->data.name == NL_NPY && config->data.context != 64);
    if (!strcmp(field, "length"))
        return !text && !images;
    if (!strcmp(field, "min_length"))
        return !text && !images && config->data.min_length != NL_AUTO;
    if (!strcmp(field, "symbols"))
        return config->data.name == NL_COPYING || config->data.name == NL_SORTING || config->data.name == NL_RECALL;
    if (!strcmp(field, "as")) /* off its default, as norm.statistics */
        return images && config->data.as != NL_AS_IMAGE;
    if (!strcmp(field, "patch"))
        return images && config->data.as == NL_AS_PATCHES;
    if (!strcmp(field, "permute"))
        return images && config->data.as == NL_AS_PIXELS && config->data.permute;
    if (!strcmp(field, "standardize"))
        return images; /* tokens are no numbers, and those of adding are the task's */
    if (!strcmp(field, "crop") || !strcmp(field, "flip"))
        return images && config->data.as == NL_AS_IMAGE;
    if (text && strstr(field, "_seed"))
        return false; /* it is cut where it is long enough */
    if (!strcmp(field, "test_seed"))
        return config->data.test_seed != NL_AUTO;
    if (!strcmp(field, "classes"))
        return config->data.name == NL_NPY;
    if (!strcmp(field, "size") || !strcmp(field, "channels") || !strcmp(field, "difficulty"))
        return config->data.name == NL_SYNTH;
    return true;
}

static bool model_key_applies(const char *field, const struct nl_config *config)
{
    bool listed = config->model.arch == NL_LAYERS;
    if (!strcmp(field, "load"))
        return false; /* as data.dir */
    if (!strcmp(field, "layers"))
        return listed;
    if (!strcmp(field, "depth") || !strcmp(field, "width"))
        return !listed;
    if (!strcmp(field, "activation"))
        return listed || has_activation(config);
    if (!strcmp(field, "gelu_approximate"))
        return activates(config, NL_GELU);
    if (!strcmp(field, "residual")) /* off its default alone, as model.residual */
        return has_residuals(config) && config->model.residual != NL_PLAIN_SUM;
    if (!strcmp(field, "residual_alpha"))
        return config->model.arch == NL_RESNET && config->model.residual == NL_NF;
    if (!strcmp(field, "pool"))
        return config->model.arch == NL_CNN;
    if (!strcmp(field, "heads") || !strcmp(field, "mlp_ratio") || !strcmp(field, "gated") || !strcmp(field, "causal") || !strcmp(field, "positions") ||
        !strcmp(field, "tied") || !strcmp(field, "parallel") || !strcmp(field, "pool_tokens"))
        return config->model.arch == NL_TRANSFORMER;
    if (!strcmp(field, "init_std"))
        return config->model.init == NL_NORMAL;
    if (!strcmp(field, "bidirectional") || !strcmp(field, "recurrent_init"))
        return nl_config_is_recurrent(config);
    if (!strcmp(field, "stateful")) /* off its default alone, as norm.statistics */
        return nl_config_is_recurrent(config) && config->model.stateful;
    if (!strcmp(field, "gate_bias")) /* off its default alone, as norm.statistics */
        return (config->model.arch == NL_LSTM || config->model.arch == NL_GRU) && config->model.gate_bias != NL_GATES_CONSTANT;
    if (!strcmp(field, "forget_bias"))
        return config->model.arch == NL_LSTM && config->model.gate_bias == NL_GATES_CONSTANT;
    if (!strcmp(field, "dropout"))
        return !nl_config_is_recurrent(config) || config->model.depth > 1;
    return true;
}

/* Whether branches may end with a normalizer. */
static bool ends_with_norm(const struct nl_config *config)
{
    enum nl_placement placement = nl_placement_of(config);
    return config->model.arch == NL_TRANSFORMER ? placement == NL_PERI || placement == NL_SANDWICH : placement != NL_PREACT;
}

/* Keys that apply wherever a normalizer uses something. */
static const struct {
    const char *field;
    unsigned uses;
} keys_of_some[] = {
    {"groups", NL_USES_GROUPS}, {"stat_batch", NL_USES_STAT_BATCH}, {"r_max", NL_USES_RATIO}, {"d_max", NL_USES_SHIFT},
    {"warmup", NL_USES_RATIO | NL_USES_WINDOW}, {"history", NL_USES_HISTORY | NL_USES_WINDOW}, {"compensate", NL_USES_WINDOW},
    {"sets", NL_USES_PARTS}, {"center", NL_USES_PARTS}, {"scale", NL_USES_PARTS}, {"alpha", NL_USES_ALPHA}, {"tlu", NL_USES_TLU},
    {"learn_eps", NL_USES_TLU}, {"share", NL_USES_SHARE}, {"whitening", NL_USES_WHITENING}, {"lrn_size", NL_USES_LRN}, {"lrn_alpha", NL_USES_LRN},
    {"lrn_beta", NL_USES_LRN}, {"lrn_k", NL_USES_LRN},
};

static bool norm_key_applies(const char *field, const struct nl_config *config)
{
    struct traits norm = traits_of(config);
    bool has_gamma = norm.has_affine || (norm.uses & NL_HAS_GAIN);
    if (!strcmp(field, "kind"))
        return true;
    for (size_t i = 0; i < sizeof keys_of_some / sizeof *keys_of_some; i++)
        if (!strcmp(field, keys_of_some[i].field))
            return norm.uses & keys_of_some[i].uses;
    if (!strcmp(field, "weights")) /* off its default alone, as all that are younger than the identities */
        return config->norm.weights != 0;
    if (!strcmp(field, "weights_head"))
        return config->norm.weights != 0 && config->norm.weights_head;
    if (!strcmp(field, "iterations"))
        return (norm.uses & NL_USES_NEWTON) || any_weights(config, iterates);
    if (!strcmp(field, "weights_init"))
        return any_weights(config, has_gain) && config->norm.weights_init != NL_INIT_BY_WEIGHTS;
    if (!strcmp(field, "over")) /* a fully connected layer has one position, and so has a recurrent one at each time: both readings are the same sets */
        return (norm.uses & NL_USES_OVER) && config->model.arch != NL_MLP && !nl_config_is_recurrent(config);
    if (!strcmp(field, "sync"))
        return (norm.uses & NL_USES_STAT_BATCH) && config->train.workers > 1 && config->norm.sync;
    if (!strcmp(field, "statistics")) /* off its default alone, as model.residual */
        return norm.chooses && config->norm.statistics != NL_OF_BATCH;
    if (!strcmp(field, "detach"))
        return norm.has_sets && config->norm.detach != 0;
    if (!strcmp(field, "eps_place"))
        return norm.has_root && config->norm.eps_place != NL_EPS_INSIDE;
    if (!strcmp(field, "gamma_init"))
        return has_gamma && config->norm.gamma_init != 1;
    if (!strcmp(field, "last_gamma"))
        return has_gamma && config->norm.last_gamma != NL_AUTO && ends_with_norm(config) && has_residuals(config);
    if (!strcmp(field, "qk") || !strcmp(field, "final") || !strcmp(field, "depth_scale"))
        return norm.any && config->model.arch == NL_TRANSFORMER;
    if (!strcmp(field, "leaks"))
        return false; /* a permission */
    if (!strcmp(field, "skip"))
        return norm.any && config->norm.skip.count > 0 && config->model.arch != NL_LAYERS;
    if (!strcmp(field, "eps"))
        return norm.has_eps;
    if (!strcmp(field, "affine"))
        return norm.has_affine;
    if (!strcmp(field, "running") || !strcmp(field, "eval"))
        return norm.tracks;
    if (!strcmp(field, "running_var"))
        return norm.tracks_variance;
    if (!strcmp(field, "momentum"))
        return norm.tracks && config->norm.running != NL_CUMULATIVE;
    if (!strcmp(field, "momentum_schedule") || !strcmp(field, "momentum_end")) /* off their defaults, as norm.statistics; so are those that follow */
        return norm.tracks && config->norm.running == NL_EMA && config->norm.momentum_schedule != NL_MOMENTUM_CONSTANT;
    if (!strcmp(field, "momentum_lr"))
        return norm.tracks && config->norm.running == NL_LEARNED;
    if (!strcmp(field, "reset"))
        return norm.tracks && config->norm.reset > 0;
    if (!strcmp(field, "freeze"))
        return norm.tracks && config->norm.freeze < 1;
    if (!strcmp(field, "freeze_affine"))
        return norm.tracks && config->norm.freeze < 1 && config->norm.freeze_affine;
    if (!strcmp(field, "precise_batch"))
        return norm.tracks && (evaluates(config, NL_EVAL_PRECISE) || evaluates(config, NL_EVAL_ADAPT));
    if (!strcmp(field, "time_limit"))
        return norm.tracks && nl_config_is_recurrent(config);
    if (!strcmp(field, "placement") && nl_config_is_recurrent(config))
        return false;
    if (!strcmp(field, "placement")) /* pre-activation is another network, normalizer or none */
        return config->model.arch == NL_LAYERS ? leaves_order(config->model.layers) : norm.any || config->model.arch == NL_RESNET;
    NL_BUG("key norm.%s", field);
}

static bool train_key_applies(const char *field, const struct nl_config *config)
{
    enum nl_optimizer optimizer = (enum nl_optimizer)config->train.optimizer;
    bool adam = optimizer == NL_ADAM || optimizer == NL_ADAMW;
    if (!strcmp(field, "epochs"))
        return config->train.steps == NL_AUTO && config->train.samples == NL_AUTO;
    if (!strcmp(field, "samples"))
        return config->train.steps == NL_AUTO && config->train.samples != NL_AUTO;
    if (!strcmp(field, "workers"))
        return config->train.workers > 1 && (nl_config_norm_uses(config) & NL_USES_STAT_BATCH);
    if (!strcmp(field, "accumulate"))
        return config->train.accumulate > 1;
    if (!strcmp(field, "lr_base_batch"))
        return config->train.lr_scale != NL_LR_FIXED;
    if (!strcmp(field, "momentum"))
        return optimizer == NL_SGD || optimizer == NL_LARS;
    if (!strcmp(field, "nesterov"))
        return optimizer == NL_SGD && config->train.momentum > 0;
    if (!strcmp(field, "beta1") || !strcmp(field, "beta2"))
        return adam || optimizer == NL_LION;
    if (!strcmp(field, "adam_eps"))
        return adam;
    if (!strcmp(field, "agc"))
        return config->train.agc > 0;
    if (!strcmp(field, "trust"))
        return optimizer == NL_LARS;
    if (!strcmp(field, "weight_decay_on"))
        return config->train.weight_decay > 0 && optimizer != NL_LARS;
    if (!strcmp(field, "step_epochs") || !strcmp(field, "gamma"))
        return config->train.schedule == NL_STEP;
    if (!strcmp(field, "warmup_steps"))
        return config->train.warmup_steps > 0;
    if (!strcmp(field, "label_smoothing"))
        return config->train.label_smoothing > 0;
    if (!strcmp(field, "lr_min"))
        return config->train.schedule == NL_COSINE || config->train.schedule == NL_LINEAR;
    return true;
}

bool nl_section_is_aside(const char *section)
{
    return !strcmp(section, "log") || !strcmp(section, "plot");
}

bool nl_key_applies(const struct nl_key *key, const struct nl_config *config)
{
    const char *field = nl_key_field(key);
    if (key->path)
        return config->model.arch == NL_LAYERS;
    if (!strcmp(key->section, "data"))
        return data_key_applies(field, config);
    if (!strcmp(key->section, "model"))
        return model_key_applies(field, config);
    if (!strcmp(key->section, "norm"))
        return norm_key_applies(field, config);
    if (!strcmp(key->section, "train"))
        return train_key_applies(field, config);
    if (!strcmp(key->name, "device.precision"))
        return config->device.kind == NL_CUDA;
    if (!strcmp(key->name, "device.gemm"))
        return config->device.kind == NL_CPU;
    if (!strcmp(key->name, "device.conv"))
        return config->device.kind == NL_CPU && config->model.arch != NL_MLP && config->model.arch != NL_TRANSFORMER && !nl_config_is_recurrent(config);
    return !nl_section_is_aside(key->section) && strcmp(key->name, "device.index") != 0;
}

bool nl_key_is_read(const struct nl_key *key, const struct nl_config *config)
{
    int data = config->data.name;
    const char *field = nl_key_field(key);
    bool of_data = !strcmp(key->section, "data");
    if (of_data && !strcmp(field, "file"))
        return data == NL_TEXT;
    if (of_data && !strcmp(field, "dir"))
        return nl_config_has_images(config) && data != NL_DIGITS && data != NL_SYNTH;
    if (of_data && (strstr(field, "_images") || strstr(field, "_labels")))
        return data == NL_NPY;
    if (!strcmp(key->name, "model.load"))
        return true;
    if (!strcmp(key->name, "norm.leaks"))
        return config->model.arch == NL_TRANSFORMER && nl_norm_spans_batch(nl_norm_of(config));
    return nl_key_applies(key, config);
}

bool nl_key_would_apply(const struct nl_key *key, const struct nl_config *config, const char *text)
{
    struct nl_config with = *config;
    struct nl_error ignored;
    return nl_key_set(key, &with, text, &ignored) == NL_OK && nl_key_applies(key, &with);
}

int64_t nl_micro_batch(const struct nl_config *config)
{
    int64_t samples = config->train.batch / config->train.accumulate;
    return samples > 0 ? samples : 1; /* more micro-batches than samples are refused (config/check.c) */
}

double nl_beta2(const struct nl_config *config)
{
    double usual = config->train.optimizer == NL_LION ? 0.99 : 0.999;
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
    return config->data.name <= NL_NPY;
}

enum nl_order_of_epoch nl_sampling_of(const struct nl_config *config)
{
    enum nl_order_of_epoch usual = config->data.name == NL_TEXT ? NL_SAMPLE_REPLACE : NL_SAMPLE_SHUFFLE;
    return config->data.sampling == NL_SAMPLE_AUTO ? usual : (enum nl_order_of_epoch)config->data.sampling;
}

/* The other way round than the rest: auto is the word for on where it stands for it, and for off. What auto stands for with the user's own files only they say.
 */
static int causal_word(const struct nl_config *config)
{
    bool each = config->data.name == NL_TEXT || config->data.name == NL_COPYING || config->data.name == NL_SORTING;
    int usual = each ? NL_SWITCH_ON : NL_SWITCH_OFF;
    return config->data.name != NL_NPY && config->model.causal == usual ? NL_SWITCH_AUTO : (int)config->model.causal;
}

struct nl_config nl_config_settled(const struct nl_config *config)
{
    struct nl_config settled = *config;
    struct traits norm = traits_of(config);
    settled.train.beta2 = nl_beta2(config);
    settled.norm.placement = nl_placement_of(config);
    settled.norm.over = nl_over_of(config);
    settled.norm.final = nl_has_final_norm(config) ? NL_SWITCH_ON : NL_SWITCH_OFF;
    settled.model.causal = causal_word(config);
    settled.data.sampling = (int)nl_sampling_of(config);
    if (config->model.bias == NL_SWITCH_AUTO && config->model.residual != NL_FIXUP && settled.norm.placement != NL_AFTER && norm.would_cancel_bias &&
        !norm.cancels_bias)
        settled.model.bias = NL_SWITCH_ON;
    return settled;
}

char *nl_config_identity_text(const struct nl_config *config)
{
    const struct nl_config settled = nl_config_settled(config);
    struct nl_text out = {0};
    for (int i = 0; i < nl_key_count; i++) {
        if (!nl_key_applies(&nl_keys[i], &settled))
            continue;
        char *text = nl_key_recorded(&nl_keys[i], &settled);
        nl_text_add(&out, "%s: %s\n", nl_keys[i].name, text);
        free(text);
    }
    return out.at;
}

char *nl_config_shape_text(const struct nl_config *config)
{
    struct nl_text out = {0};
    for (const struct nl_key *key = nl_keys; key < nl_keys + nl_key_count; key++) {
        bool zero = key->type == NL_TYPE_REAL && *(const double *)(const void *)((const char *)config + key->offset) == 0;
        if (key->in_cohort ? !zero : !nl_key_applies(key, config) && strcmp(key->name, "device.index") != 0)
            continue;
        char *text = nl_key_recorded(key, config);
        nl_text_add(&out, "%s: %s\n", key->name, text);
        free(text);
    }
    return out.at;
}
