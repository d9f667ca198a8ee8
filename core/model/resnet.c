/* Residual network in the form for CIFAR, 6n + 2 layers: a convolution, three stages of n blocks with width, 2 width
 * and 4 width channels, mean, linear. A block is two 3x3 convolutions and a shortcut around them. The first block of
 * stages 2 and 3 has stride 2; its shortcut takes every other pixel, and 0 for the new channels (option A: no
 * parameters).
 *
 *     norm.placement  before: conv norm relu conv norm + relu (He et al. 2015, section 4.2)
 *                     preact: norm relu conv norm relu conv +, and at the end of the last stage norm relu (He et al.
 *                             2016, "Identity mappings in deep residual networks")
 *
 * model.residual says what is done to the branches (residual.c). Dropout stands before the second convolution of a
 * block (Zagoruyko and Komodakis 2016).
 */
#include <math.h>
#include <stdio.h>

#include "model/build.h"

/* sum: with pre-activation its output joins the sum, or begins it. */
static void add_conv(struct nl_builder *b, int out, int stride, bool sum, int number)
{
    bool preact = b->config->norm.placement == NL_PREACT;
    nl_add_conv(b, (struct nl_conv){.out = out, .kernel = 3, .stride = stride}, nl_hidden_bias(b, sum && preact),
                "conv", number);
}

/* fixup: what the weights of its first convolution are multiplied by (residual.c). */
static void add_block(struct nl_builder *b, int channels, int stride, double fixup)
{
    bool preact = b->config->norm.placement == NL_PREACT;
    int shortcut = nl_begin_branch(b, stride > 1);
    if (preact)
        nl_add_norm_and_activation(b, 1);
    nl_add_fixup_bias(b, "bias_conv", 1);
    add_conv(b, channels, stride, false, 1);
    nl_add_fixup_weights(b, fixup);
    nl_add_norm_and_activation(b, preact ? 2 : 1);
    nl_add_dropout(b, "drop", 0);
    nl_add_fixup_bias(b, "bias_conv", 2);
    add_conv(b, channels, 1, true, 2);
    nl_add_fixup_weights(b, 0);
    if (!preact) {
        nl_add_norm(b, "norm", 2);
        nl_set_last_gamma(b);
    }
    nl_end_branch(b, "scale");
    nl_add_shortcut(b, shortcut, stride, "add");
    if (!preact)
        nl_add_activation(b, "act", 2);
}

void nl_build_resnet(struct nl_builder *b)
{
    bool preact = b->config->norm.placement == NL_PREACT;
    int blocks = (int)(b->config->model.depth - 2) / 6, width = (int)b->config->model.width;
    add_conv(b, width, 1, true, 1);
    if (!preact)
        nl_add_norm_and_activation(b, 1);
    for (int stage = 1; stage <= 3; stage++)
        for (int i = 0; i < blocks; i++) {
            snprintf(b->prefix, sizeof b->prefix, "layer%d.%d.", stage, i);
            add_block(b, width << (stage - 1), stage > 1 && i == 0 ? 2 : 1, pow(3 * blocks, -0.5));
        }
    b->prefix[0] = '\0';
    if (preact)
        nl_add_norm_and_activation(b, 0);
    nl_add_pooled_head(b);
}
