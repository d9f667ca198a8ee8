/* The texts that a trial's identity is the hash of, and that a cohort has in common. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "config/config.h"
#include "config/formula.h"
#include "config/network.h"
#include "norm/norm.h"

/* The other way round than the rest: auto is the word for on where it stands for it, and for off. What auto stands for
 * with the user's own files only they say.
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
    if (config->model.bias == NL_SWITCH_AUTO && config->model.residual != NL_FIXUP &&
        settled.norm.placement != NL_AFTER && norm.would_cancel_bias && !norm.cancels_bias)
        settled.model.bias = NL_SWITCH_ON;
    return settled;
}

char *nl_config_identity_text(const struct nl_config *config)
{
    struct nl_config settled = nl_config_settled(config);
    struct nl_text out = {0};
    if (nl_config_has_norm(config, NL_NORM_formula))
        nl_settle_formula(&settled);
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
        bool zero =
            key->type == NL_TYPE_REAL && *(const double *)(const void *)((const char *)config + key->offset) == 0;
        if (key->in_cohort ? !zero : !nl_key_applies(key, config) && strcmp(key->name, "device.index") != 0)
            continue;
        char *text = nl_key_recorded(key, config);
        nl_text_add(&out, "%s: %s\n", key->name, text);
        free(text);
    }
    return out.at;
}
