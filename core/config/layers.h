/* model.layers: a network as a readable list, for model.arch = layers.
 *
 *     - {conv: 16, kernel: 5, name: stem}       - conv: depthwise, as wide as its input
 *     - {conv: 16, kernel: 2, stride: 2, padding: 0}   - {conv: 16, dilation: 2}
 *     - norm                                    - norm: {kind: gn, groups: 4}
 *     - activation                              - norm-activation: both, in the order of norm.placement
 *     - {squeeze-excitation: 8, name: se}
 *     - mean-pool, dropout: 0.3                 - linear: 64, and linear: classes at the end
 *     - {residual: [conv, norm], shortcut: [{conv: , kernel: 1}], stride: 2}
 *     - {residual: [conv, layer-scale: 1e-6], drop-path: 0.1}
 *     - {concat: [[], [norm, activation, conv: 12]]}, its input beside what a branch makes of it
 *     - {layers: [conv, norm-activation], repeat: 3, name: stage2, width: 32, norm: {kind: gn}}
 *
 * What `layers`, `residual` and `concat` say of width, kernel, padding, dilation, bias, weights, norm, activation,
 * branch, drop-path and placement holds for all that is in them and does not say it itself; what nobody says is the
 * configuration's (norm.kind, norm.eps, model.activation, ...), the kernel 3, the padding that which keeps the size at
 * stride 1. Their stride is that of the first convolution in them that has none, of a residual's shortcut and of each
 * branch of a concat too, and the first time of a repeated list alone. A residual without a shortcut adds its input,
 * subsampled and with zeros for new channels. A bias is left out, unless said, where the next layer is a normalizer
 * that cancels it.
 *
 * The branches of a concat take the same input; an empty one is that input. Their outputs, of equal height and width,
 * stand side by side (torch.cat over channels).
 *
 * Layers are called by kind and number, conv1, norm1, act1, fc1, drop1, scale1, se1, pool1, up1, avgpool1, add1,
 * concat1 and head, or by their name. A `layers`, `residual` or `concat` with a name puts it before the names in it
 * ("stem.conv1"), with the turn if it is repeated ("stage2.0.conv1").
 *
 * The list is one value: a file's replaces its base's, and its canonical text is in the identity of the trial. A
 * command line may change a part of it, model.layers.stage2.norm.kind=gn, and a sweep may vary whole lists, or such a
 * part: the trial is the one whose list is written out so. Identities go by what is written, not by what it makes:
 * lists that make the same network in two ways (a `norm: none` in another place, groups of a bn) are two
 * trials. */
#ifndef NL_CONFIG_LAYERS_H
#define NL_CONFIG_LAYERS_H

#include "config/config.h"
#include "config/yaml.h"

/* What a layer is, and what an item of the list is, which may stand for several layers. The word of the same place in
 * nl_layer_words names an item. */
enum nl_layer_kind {
    NL_LAYER_CONV,
    NL_LAYER_LINEAR,
    NL_LAYER_NORM_ACTIVATION, /* a normalizer, and an activation */
#define LAYER(operation, ...) NL_LAYER_##operation,
#include "config/layers.def"
    NL_LAYER_DROPOUT,
    NL_LAYER_LAYER_SCALE,
    NL_LAYER_SQUEEZE_EXCITATION,
    NL_LAYER_RESIDUAL, /* what comes is a branch ... */
    NL_LAYER_CONCAT,   /* what comes is the first of several branches ... */
    NL_LAYER_LAYERS,
    NL_LAYER_NORM,
    NL_LAYER_ACTIVATION,
    NL_LAYER_ITEMS,                     /* so many kinds of items; these layers are no items: */
    NL_LAYER_SHORTCUT = NL_LAYER_ITEMS, /* ... it has ended, and what comes takes the residual's input as well ... */
    NL_LAYER_ADD,                       /* ... and the sum of both; without SHORTCUT, with the input itself */
    NL_LAYER_BRANCH,                    /* ... one has ended, and what comes takes the concat's input again ... */
    NL_LAYER_JOIN,                      /* ... and all of them side by side */
    NL_LAYER_KINDS,
};

enum { NL_UNSAID = -1, NL_DEPTHWISE = 0, NL_CLASSES = 0, NL_MOST_BRANCHES = 4 /* of a concat */ };

/* What a layer is told, and what `layers` and `residual` tell those in them: values of the keys of these names, or
 * NL_UNSAID. Of a stat_batch auto is 0. */
struct nl_layer_settings {
    int width; /* also NL_DEPTHWISE of a convolution, NL_CLASSES of a linear layer, units of a squeeze-excitation */
    int kernel, padding, dilation;
    int bias, weights, norm, groups, over, affine, activation, placement, stat_batch, branch;
    double eps, momentum, dropout, gamma_init, drop_path;
    double scale; /* that layer-scale begins with */
};

/* One layer, all repetitions written out. */
struct nl_layer {
    enum nl_layer_kind kind;
    char key[64];         /* "model.layers." and its name: for nl_complain */
    struct nl_layer_settings set;
    int stride;           /* of a convolution; of a sum: that of the input it adds */
    bool pair;            /* a normalizer, with the activation after it: placement says which comes first */
    struct nl_origin at;
};

struct nl_layers {
    const char *text;     /* canonical, YAML on one line */
    int count;
    const struct nl_layer *layer;
    const struct nl_node *root; /* as it was written */
};

extern const struct nl_layers nl_no_layers; /* "[]", the default */

/* "layer1.0.conv1" */
const char *nl_layer_name(const struct nl_layer *layer);

/* The list that a YAML node is; it lives as long as the process. NULL: it is none, and diagnostics say why and
 * where. */
const struct nl_layers *nl_layers_read(const struct nl_node *root, struct nl_diagnostics *diagnostics);

/* Reads the list from a text. NULL: err and hint (or NULL) say why it is none. */
const struct nl_layers *nl_layers_parse(const char *text, struct nl_error *err, struct nl_error *hint);

/* ---- a part of the list (layers_part.c): a path, "stage2.norm.kind" or "3.kernel": items by name or by number from 1,
 * then a word of the item ---- */

#define NL_PART "model.layers." /* what the name of a part's key begins with (nl_key_of) */
bool nl_is_part(const char *name);

/* The key of that name, as nl_key_of; NULL, and a diagnostic, for another. */
const struct nl_key *nl_wanted_key(struct nl_loader *loader, const char *name, const struct nl_origin *at);

/* What is written there, and where (at may be NULL); NULL: nothing, or no single value. */
const char *nl_layers_value(const struct nl_layers *layers, const char *path, struct nl_origin *at);

/* Whether two paths name the same value, or one what the other is in ("2.norm" and "stage2.norm.kind"). */
bool nl_layers_same_part(const struct nl_layers *layers, const char *path, const char *other);

/* The list with another value there; NULL: it cannot be, and diagnostics say why. */
const struct nl_layers *nl_layers_change(const struct nl_layers *layers, const char *path,
                                         const struct nl_origin *path_at, const char *value, const struct nl_origin *at,
                                         struct nl_diagnostics *diagnostics);
const struct nl_layers *nl_layers_with(const struct nl_layers *layers, const char *path, const char *value,
                                       struct nl_error *err);

/* The layer with that key; NULL: none. */
const struct nl_layer *nl_layers_find(const struct nl_layers *layers, const char *key);

/* What the configuration is for this layer: the layer's own settings put in, but for eps and momentum, which nodes
 * override (nl_override). */
void nl_layer_configure(const struct nl_layer *layer, struct nl_config *config);

/* ---- what may be written (layers_words.c) ---- */

enum nl_word_form {
    NL_WORD_NOTHING,
    NL_WORD_LIST,
    NL_WORD_BRANCHES, /* a list of lists */
    NL_WORD_NAME,
    NL_WORD_SECTION,
    NL_WORD_NUMBER,
    NL_WORD_VALUE
};

struct nl_layer_word {
    const char *name;
    unsigned items;          /* that may have it: bits, by enum nl_layer_kind */
    enum nl_word_form form;
    const char *key;         /* NL_WORD_VALUE: reads as this key does */
    const char *special;     /* a word that may stand for the number; NULL: none */
    bool blank;              /* the value may be missing */
    int low, high;           /* NL_WORD_NUMBER */
    size_t offset;           /* in struct nl_layer_settings, of NL_WORD_NUMBER and NL_WORD_VALUE; or NL_NO_SETTING */
    const char *help;
};
enum { NL_NO_SETTING = 1000 };
extern const struct nl_layer_word nl_layer_words[],
    nl_layer_norm_words[]; /* of an item; of `norm` in it. End with a NULL name */

const struct nl_layer_word *nl_layer_word_find(const struct nl_layer_word *words,
                                               const char *name); /* NULL: no such word */

#endif
