/* Residual network in the form for CIFAR, 6n + 2 layers: a convolution, three stages of n blocks with width, 2 width and 4 width
 * channels, mean, linear. A block is two 3x3 convolutions and a shortcut around them. The first block of stages 2 and 3 has stride 2;
 * its shortcut takes every other pixel, and 0 for the new channels (option A: no parameters).
 *
 *     norm.placement  before: conv norm relu conv norm + relu                   He et al. 2015, section 4.2
 *                     preact: norm relu conv norm relu conv +, and at the       He et al. 2016, "Identity mappings in deep
 *                             end of the last stage norm relu                   residual networks"
 *
 * Dropout stands before the second convolution of a block (Zagoruyko and Komodakis 2016).
 */
#include <stdio.h>

#include "model/build.h"

static void add_conv(struct nl_builder *b, int out, int stride, int number)
{
    nl_add_conv(b, (struct nl_conv){.out = out, .kernel = 3, .stride = stride}, nl_hidden_bias(b), "conv", number);
}

static void add_block(struct nl_builder *b, int channels, int stride)
{
    bool preact = b->config->norm.placement == NL_PREACT;
    int source = b->at;
    if (preact)
        nl_add_norm_and_activation(b, 1);
    add_conv(b, channels, stride, 1);
    nl_add_norm_and_activation(b, preact ? 2 : 1);
    nl_add_dropout(b, "drop", 0);
    add_conv(b, channels, 1, 2);
    if (!preact)
        nl_add_norm(b, "norm", 2);
    nl_add_shortcut(b, source, stride, "add");
    if (!preact)
        nl_add_activation(b, "act", 2);
}

void nl_build_resnet(struct nl_builder *b)
{
    bool preact = b->config->norm.placement == NL_PREACT;
    int blocks = (int)(b->config->model.depth - 2) / 6, width = (int)b->config->model.width;
    add_conv(b, width, 1, 1);
    if (!preact)
        nl_add_norm_and_activation(b, 1);
    for (int stage = 1; stage <= 3; stage++)
        for (int i = 0; i < blocks; i++) {
            snprintf(b->prefix, sizeof b->prefix, "layer%d.%d.", stage, i);
            add_block(b, width << (stage - 1), stage > 1 && i == 0 ? 2 : 1);
        }
    b->prefix[0] = '\0';
    if (preact)
        nl_add_norm_and_activation(b, 0);
    nl_add_pooled_head(b);
}
