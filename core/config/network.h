/* What a configuration says of its network: its normalizers, what they use and do. */
#ifndef NL_CONFIG_NETWORK_H
#define NL_CONFIG_NETWORK_H

#include <stdbool.h>

struct nl_config; /* config/config.h */

/* What at least one normalizer of the network is or does. Where there is none, nothing is true. */
struct nl_traits {
    unsigned uses;                        /* enum nl_norm_uses, of all of them */
    bool any;                             /* there is one */
    bool tracks;                          /* it keeps running statistics, */
    bool tracks_variance;                 /* among them a variance for each channel, and no matrix */
    bool chooses;                         /* norm.statistics says what training normalizes with */
    bool cancels_bias, would_cancel_bias; /* of the layer before; but for norm.statistics */
    bool has_sets, has_root, has_eps, has_affine;
};
struct nl_traits nl_traits_of(const struct nl_config *config);

/* Whether the network has a normalizer of that kind (norm.kind): its only one, or one of the list's (model.layers). */
bool nl_config_has_norm(const struct nl_config *config, int kind);

/* Whether one of its weights has a normalizer of that kind (norm.weights); and whether one has any but "none". */
bool nl_config_has_weight_norm(const struct nl_config *config, int kind);
bool nl_config_normalizes_weights(const struct nl_config *config);

/* What any of its normalizers uses: enum nl_norm_uses. */
unsigned nl_config_norm_uses(const struct nl_config *config);

/* Whether one of them keeps running statistics, to evaluate with. */
bool nl_config_tracks(const struct nl_config *config);

/* Whether the network goes along sequences with a state: model.arch rnn, lstm or gru. */
bool nl_config_is_recurrent(const struct nl_config *config);

/* Whether the normalizer of norm.kind takes the place of the activation function right after it (frn with norm.tlu). It
 * cannot stand after that function then. */
bool nl_config_norm_activates(const struct nl_config *config);
#define NL_TLU_IS_BEFORE                                                                                               \
    "'norm.placement' cannot be 'after' with norm.kind frn: its TLU takes the place of the activation; or set "        \
    "norm.tlu to false"

/* Whether the normalizer of norm.kind subtracts again what a bias before it adds, in training. */
bool nl_config_norm_cancels_bias(const struct nl_config *config);

#endif
