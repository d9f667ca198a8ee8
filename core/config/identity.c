/* What auto stands for, and the texts that a trial's identity is the hash of, and that a cohort has in common. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "config/config.h"
#include "config/network.h"
#include "norm/norm.h"

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
    struct nl_traits norm = nl_traits_of(config);
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
