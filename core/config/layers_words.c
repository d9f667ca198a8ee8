/* The words of model.layers, in the order in which they are written canonically; the first name what an item is. */
#include <stddef.h>
#include <string.h>

#include "config/layers.h"

#define IN(item) (1u << NL_LAYER_##item)
#define SETTING(field) offsetof(struct nl_layer_settings, field)
enum { AROUND = IN(RESIDUAL) | IN(CONCAT) | IN(LAYERS) };

const struct nl_layer_word nl_layer_words[] = {
    [NL_LAYER_CONV] = {"conv", IN(CONV), NL_WORD_NUMBER, NULL, "depthwise", true, 1, 8192, SETTING(width),
                       "convolution with so many channels, or a kernel for each channel of its input; blank: width"},
    [NL_LAYER_LINEAR] = {"linear", IN(LINEAR), NL_WORD_NUMBER, NULL, "classes", true, 1, 8192, SETTING(width),
                         "linear layer with so many units, or one for each class; blank: width"},
    [NL_LAYER_NORM_ACTIVATION] = {"norm-activation", IN(NORM_ACTIVATION), NL_WORD_NOTHING,
                                  .help = "normalizer and activation, in the order of placement"},
#define LAYER(operation, word, stem, divides, key, text)                                                               \
    [NL_LAYER_##operation] = {word, IN(operation), NL_WORD_NOTHING, .help = text},
#include "config/layers.def"
    [NL_LAYER_DROPOUT] = {"dropout", IN(DROPOUT), NL_WORD_VALUE, "model.dropout", NULL, true, 0, 0, SETTING(dropout),
                          "with this probability, or blank with model.dropout; none where it is 0"},
    [NL_LAYER_LAYER_SCALE] = {"layer-scale", IN(LAYER_SCALE), NL_WORD_VALUE, "norm.gamma_init", NULL, true, 0, 0,
                              SETTING(scale),
                              "a learned factor for each channel (Touvron et al. 2021), which begins so; blank: 1e-6"},
    [NL_LAYER_SQUEEZE_EXCITATION] = {"squeeze-excitation", IN(SQUEEZE_EXCITATION), NL_WORD_NUMBER, NULL, NULL, false, 1,
                                     8192, SETTING(width),
                                     "a factor for each channel of each sample, from the means of the channels by two "
                                     "linear layers, so many units between (Hu et al. 2018)"},
    [NL_LAYER_RESIDUAL] = {"residual", IN(RESIDUAL), NL_WORD_LIST,
                           .help = "layers whose output is added to their input"},
    [NL_LAYER_CONCAT] = {"concat", IN(CONCAT), NL_WORD_BRANCHES,
                         .help = "2 to 4 lists of layers that take the same input, whose outputs stand side by side; "
                                 "[] is the input itself"},
    [NL_LAYER_LAYERS] = {"layers", IN(LAYERS), NL_WORD_LIST, .help = "layers that have something in common"},
    [NL_LAYER_NORM] = {"norm", IN(NORM) | IN(NORM_ACTIVATION) | AROUND, NL_WORD_SECTION,
                       .help = "the normalizer: its kind, or a mapping"},
    [NL_LAYER_ACTIVATION] = {"activation", IN(ACTIVATION) | IN(NORM_ACTIVATION) | AROUND, NL_WORD_VALUE,
                             "model.activation", NULL, true, 0, 0, SETTING(activation), "the nonlinearity"},
    {"shortcut", IN(RESIDUAL), NL_WORD_LIST, .help = "layers that the input goes through before it is added"},
    {"name", (1u << NL_LAYER_ITEMS) - 1, NL_WORD_NAME, .help = "a letter, then letters, digits, '_' and '-'"},
    {"repeat", IN(LAYERS), NL_WORD_NUMBER, NULL, NULL, false, 1, 1000, NL_NO_SETTING, "times, one after the other"},
    {"width", AROUND, NL_WORD_NUMBER, NULL, NULL, false, 1, 8192, SETTING(width),
     "channels or units of the layers in it that give none"},
    {"kernel", IN(CONV) | AROUND, NL_WORD_NUMBER, NULL, NULL, false, 1, 31, SETTING(kernel),
     "height and width of a convolution's kernel; an even one needs padding"},
    {"stride", IN(CONV) | AROUND, NL_WORD_NUMBER, NULL, NULL, false, 1, 16, NL_NO_SETTING,
     "of the convolution; around it: of the first one in it"},
    {"padding", IN(CONV) | AROUND, NL_WORD_NUMBER, NULL, NULL, false, 0, 31, SETTING(padding),
     "zeros at each side of a convolution's input; else dilation times half the kernel, rounded down before"},
    {"dilation", IN(CONV) | AROUND, NL_WORD_NUMBER, NULL, NULL, false, 1, 31, SETTING(dilation),
     "from one position of a convolution's kernel to the next; else 1"},
    {"bias", IN(CONV) | IN(LINEAR) | AROUND, NL_WORD_VALUE, "model.bias", NULL, false, 0, 0, SETTING(bias),
     "as model.bias"},
    {"weights", IN(CONV) | IN(LINEAR) | AROUND, NL_WORD_VALUE, "norm.weights", NULL, false, 0, 0, SETTING(weights),
     "as norm.weights; where it is said, the last layer has it, too"},
    {"branch", AROUND, NL_WORD_VALUE, "model.residual", NULL, false, 0, 0, SETTING(branch),
     "plain or skipinit, as model.residual"},
    {"drop-path", AROUND, NL_WORD_VALUE, "model.dropout", NULL, false, 0, 0, SETTING(drop_path),
     "stochastic depth: a sample leaves out a residual's branch with this probability, in training"},
    {"placement", IN(NORM_ACTIVATION) | AROUND, NL_WORD_VALUE, "norm.placement", NULL, false, 0, 0, SETTING(placement),
     "before or after"},
    {0}};

#define NORM_WORD(name)                                                                                                \
    {                                                                                                                  \
#name, IN(NORM), NL_WORD_VALUE, "norm." #name, NULL, false, 0, 0, SETTING(name), "as norm." #name              \
    }

const struct nl_layer_word nl_layer_norm_words[] = {
    {"kind", IN(NORM), NL_WORD_VALUE, "norm.kind", NULL, false, 0, 0, SETTING(norm), "as norm.kind"},
    NORM_WORD(groups),
    NORM_WORD(over),
    NORM_WORD(affine),
    NORM_WORD(eps),
    {"momentum", IN(NORM), NL_WORD_VALUE, "norm.momentum", NULL, false, 0, 0, SETTING(momentum),
     "as norm.momentum, whatever norm.running says"},
    NORM_WORD(stat_batch),
    NORM_WORD(gamma_init),
    {0}};

const struct nl_layer_word *nl_layer_word_find(const struct nl_layer_word *words, const char *name)
{
    for (; words->name; words++)
        if (strcmp(words->name, name) == 0)
            return words;
    return NULL;
}
