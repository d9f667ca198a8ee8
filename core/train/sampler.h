/* A saved language model, laid out to go on with a text: it predicts the token after those it is given. No data set is
 * needed: the file says what its tokens are (train/weights.h). */
#ifndef NL_TRAIN_SAMPLER_H
#define NL_TRAIN_SAMPLER_H

#include "base/safetensors.h"
#include "config/config.h"
#include "data/alphabet.h"

/* How a token is drawn: with probabilities softmax(logits / temperature), of the `top` largest logits alone (0: of all;
 * among equals the first). The draw at number n goes by row n of the stream "sample" of the seed. Temperature 0: the
 * first largest logit. */
struct nl_token_draw {
    double temperature;
    int top;
    uint64_t seed;
};

struct nl_sampler;

/* What the tokens of a saved network are, to be released. NL_FAIL: it is no language model of a text, and err says what
 * it is. path: the file's name. */
int nl_sampler_alphabet(const struct nl_config *config, const struct nl_tensor_file *file, const char *path,
                        struct nl_alphabet *out, struct nl_error *err);

/* Weights are copied. NULL: they do not fit the network, or the network looks ahead or puts out what is not finite, or
 * there is no memory. */
struct nl_sampler *nl_sampler_open(const struct nl_config *config, int vocabulary, const struct nl_tensor_file *file,
                                   const char *path, struct nl_error *err);
void nl_sampler_free(struct nl_sampler *sampler);

/* logits (vocabulary) of the token after `count` tokens, at least one; of more than data.context the last ones count.
 * NL_FAIL: the device failed, or one is not finite. */
int nl_sampler_logits(const struct nl_sampler *sampler, const int32_t *tokens, int64_t count, double *logits,
                      struct nl_error *err);

/* The token with these logits at draw number `draw`: max of logit / temperature + Gumbel noise, which has the
 * probabilities of the softmax (Gumbel 1954), and the same bits on every processor. */
int32_t nl_sample(const struct nl_token_draw *how, const double *logits, int vocabulary, int64_t draw);

#endif
