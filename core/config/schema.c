/* The schema as a table: keys.def turned into rows, the names of the choices, and finding a key by name or nearly
 * so. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/nearest.h"
#include "config/config.h"
#include "graph/observers.h"
#include "graph/quantities.h"
#include "norm/norm.h"
#include "norm/weights.h"
#include "operation/formula.h"

const char *const nl_data_names[] = {"digits", "synth", "mnist",  "fashion_mnist", "cifar10", "cifar100", "npy", "csv",
                                     "text",   "copy",  "adding", "sort",          "recall",  "parity",   NULL};
const char *const nl_data_as_names[] = {"image", "rows", "pixels", "patches", NULL};
const char *const nl_unit_names[] = {"char", "byte", NULL};
const char *const nl_sampling_names[] = {"auto", "shuffle", "replace", "stream", "sorted", "blocks", NULL};
const char *const nl_eval_order_names[] = {"shuffled", "sorted", "mixed", NULL};
const char *const nl_shift_names[] = {"none",     "brightness",  "contrast",  "blur", "noise",
                                      "rotation", "translation", "inversion", NULL};
const char *const nl_shift_on_names[] = {"test", "train", "both", NULL};
const char *const nl_arch_names[] = {"mlp", "cnn", "resnet", "layers", "transformer", "rnn", "lstm", "gru", NULL};
const char *const nl_residual_names[] = {"plain", "skipinit", "fixup", "nf", NULL};
const char *const nl_init_names[] = {"he", "xavier", "normal", "gpt2", "tfixup", NULL};
const char *const nl_gate_bias_names[] = {"constant", "chrono", NULL};
const char *const nl_recurrent_init_names[] = {"orthogonal", "identity", "same", NULL};
const char *const nl_distribution_names[] = {"normal", "uniform", NULL};
const char *const nl_placement_names[] = {"auto", "before", "after",    "preact",   "pre",
                                          "post", "peri",   "sandwich", "deepnorm", NULL};
const char *const nl_position_names[] = {"learned", "sinusoidal", "rotary", "none", NULL};
const char *const nl_pool_tokens_names[] = {"mean", "class", NULL};
const char *const nl_leaks_names[] = {"refuse", "allow", NULL};
const char *const nl_over_names[] = {"auto", "sample", "position", NULL};
const char *const nl_center_names[] = {"mean", "kept", "none", NULL};
const char *const nl_scale_names[] = {"std", "l1", "max", "none", NULL};
const char *const nl_norm_statistics_names[] = {"batch", "running", NULL};
const char *const nl_weights_init_names[] = {"weights", "data", NULL};
const char *const nl_whitening_names[] = {"zca", "pca", NULL}; /* enum nl_whitening_kind (norm/norm.h) */
const char *const nl_eps_place_names[] = {"inside", "outside", NULL};
const char *const nl_detach_names[] = {"none", "center", "scale", "both", NULL}; /* enum nl_detached (norm/norm.h) */
const char *const nl_running_names[] = {"ema", "cumulative", "learned", NULL};
const char *const nl_momentum_schedule_names[] = {"constant", "linear", "cosine", NULL};
const char *const nl_running_var_names[] = {"unbiased", "biased", NULL};
const char *const nl_eval_names[] = {"running", "batch", "precise", "adapt", "ema", "swa", NULL};
const char *const nl_norm_eval_names[] = {"running", "batch", "precise", "adapt", NULL};
const char *const nl_load_names[] = {"keep", "reset", NULL};
const char *const nl_load_part_names[] = {"keep", "replace", NULL};
const char *const nl_average_statistics_names[] = {"averaged", "precise", NULL};
const char *const nl_lr_scale_names[] = {"fixed", "linear", "sqrt", NULL};
const char *const nl_decay_names[] = {"all", "weights", "matrices", NULL};
const char *const nl_schedule_names[] = {"constant", "step", "cosine", "linear", "inverse_sqrt", NULL};
const char *const nl_plot_names[] = {"small_batch", "lr_tolerance", "curves",    "heatmap", "figure",   "steps",
                                     "layers",      "depth",        "landscape", "plane",   "spectrum", "profiles",
                                     "best_of_k",   "signal",       "auto",      NULL};
const char *const nl_mark_names[] = {"auto", "lines", "dots", "bars", NULL};
const char *const nl_caption_names[] = {"file", "picture", "both", "none", NULL};
const char *const nl_legend_names[] = {"above", "below", "right", "none", NULL};
const char *const nl_metric_names[] = {"test_error",
                                       "test_accuracy",
                                       "test_loss",
                                       "val_error",
                                       "val_accuracy",
                                       "val_loss",
                                       "train_error",
                                       "train_accuracy",
                                       "train_loss",
                                       "test_error_area",
                                       "test_loss_area",
                                       "val_error_area",
                                       "val_loss_area",
                                       "error_gap",
                                       "loss_gap",
                                       "test_error_best",
                                       "test_loss_best",
                                       "test_top5_error",
                                       "test_ece",
                                       "test_perplexity",
                                       "val_perplexity",
                                       "train_perplexity",
                                       "test_bits_per_char",
                                       "val_bits_per_char",
                                       "train_bits_per_char",
                                       NULL};
const char *const nl_x_names[] = {"step", "epoch", "samples", "seconds", NULL};
const char *const nl_interval_names[] = {"t", "bootstrap", "none", NULL};
const char *const nl_test_names[] = {"t", "sign_flip", NULL};

#define QUESTION(name, word, what, help, sentence) [NL_ASK_##name] = #word,
const char *const nl_question_names[] = {"auto",
#include "config/questions.def"
                                         NULL};
#undef QUESTION
#define QUESTION(name, word, what, help, sentence) [NL_ASK_##name] = sentence,
const char *const nl_question_sentences[] = {
#include "config/questions.def"
};
#undef QUESTION

const struct nl_section nl_sections[] = {
#define SECTION(name, help) {#name, help},
#define KEY(...)
#define END(name)
#include "config/keys.def"
#undef SECTION
#undef KEY
#undef END
    {NULL, NULL}};

const struct nl_key nl_keys[] = {
#define SECTION(name, help)
#define ROW(in, field, kind, default_value, least, most, names, in_identity, what, differs) \
    {.name = #in "." #field,                                                         \
     .length = sizeof #in "." #field - 1,                                            \
     .section = #in,                                                                 \
     .type = NL_TYPE_##kind,                                                         \
     .offset = offsetof(struct nl_config, in.field),                                 \
     .default_text = default_value,                                                  \
     .low = least,                                                                   \
     .high = most,                                                                   \
     .choices = names,                                                               \
     .recorded = NL_KEY_##in_identity,                                                     \
     .in_cohort = differs,                                                           \
     .help = what},
#define KEY(in, field, kind, default_value, least, most, names, recorded, condition, what) \
    ROW(in, field, kind, default_value, least, most, names, recorded, what, false)
#define COHORT_KEY(in, field, kind, default_value, least, most, names, recorded, condition, what) \
    ROW(in, field, kind, default_value, least, most, names, recorded, what, true)
#define END(name)
#include "config/keys.def"
#undef SECTION
#undef KEY
#undef ROW
#undef END
};

const struct nl_field nl_quantity_fields[] = {
#define OF_ALL "of every tensor; "
#define OF_CHANGES "of update:NAME and shift:NAME; "
#define OF_UPDATES "of update:NAME; "
#define OF_WHOLE "of distribution:NAME and all else that passes beside the step see; "
#define OF_COVARIANCES "of covariance:NAME; "
#define OF_JACOBIANS "of jacobian:NAME; "
#define QUANTITY(name, title, of, compared, formula, unit, help) {#name, OF_##of unit, help, NULL, 0, NULL, NULL},
#include "graph/quantities.def"
#undef QUANTITY
#undef OF_ALL
#undef OF_CHANGES
#undef OF_UPDATES
#undef OF_WHOLE
#undef OF_COVARIANCES
#undef OF_JACOBIANS
    {0}};

const int nl_key_count = sizeof nl_keys / sizeof *nl_keys;

const struct nl_key *nl_key_find(const char *name)
{
    size_t length = strlen(name);
    for (int i = 0; i < nl_key_count; i++)
        if (nl_keys[i].length == length && memcmp(nl_keys[i].name, name, length) == 0)
            return &nl_keys[i];
    return NULL;
}

const struct nl_key *nl_key_named(const char *name)
{
    const struct nl_key *key = nl_key_find(name);
    if (!key)
        NL_BUG("there is no key '%s'", name);
    return key;
}

int nl_key_index(const struct nl_key *key)
{
    return key->own ? 0 : (int)((key->path ? nl_key_named("model.layers") : key) - nl_keys);
}

const char *nl_key_field(const struct nl_key *key)
{
    return key->path ? key->path : strchr(key->name, '.') + 1;
}

char *nl_key_words(const struct nl_key *key)
{
    char *words = nl_strdup(nl_key_field(key));
    for (char *at = words; (at = strchr(at, '_'));)
        *at = ' ';
    return words;
}

static const char *field_of(const char *name)
{
    const char *dot = strchr(name, '.');
    return dot ? dot + 1 : name;
}

static const struct {
    const char *word, *key;
} synonyms[] = {
#define SYNONYM(word, key) {word, key},
#include "config/synonyms.def"
#define LAYER(operation, word, stem, divides, key, help) SYNONYM(word, key)
#include "config/layers.def"
#undef SYNONYM
};
enum { SYNONYMS = sizeof synonyms / sizeof *synonyms };

static const struct {
    const char *words, *text;
} answers[] = {
#define ANSWER(words, text) {words, text},
#include "config/answers.def"
#undef ANSWER
};

const char *nl_key_synonym(const char *name, const char *word, bool beginning)
{
    for (int i = 0; i < SYNONYMS; i++)
        if (strcmp(synonyms[i].key, name) == 0 && nl_alike(word, synonyms[i].word, beginning))
            return synonyms[i].word;
    return NULL;
}

bool nl_key_is_called(const char *name, const char *word, bool beginning)
{
    const struct nl_key *key = nl_key_find(name);
    bool called = nl_alike(word, field_of(name), beginning) || nl_key_synonym(name, word, beginning);
    for (int i = 0; key && key->choices && key->choices[i] && !called; i++)
        called = nl_alike(word, key->choices[i], false);
    return called;
}

const char *nl_key_answer(const char *word)
{
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++)
        if (nl_alike_any(field_of(word), answers[i].words))
            return answers[i].text;
    return NULL;
}

/* The key of that name elsewhere: the first in the section that name has, or else the first of all; NULL: none. */
static const char *key_called(const char *name, bool *in_section)
{
    const char *first = NULL;
    size_t section = (size_t)(field_of(name) - name);
    *in_section = false;
    for (int i = 0; i < SYNONYMS && !*in_section; i++) {
        if (!nl_alike(field_of(name), synonyms[i].word, false))
            continue;
        *in_section = section && strncmp(name, synonyms[i].key, section) == 0;
        first = *in_section || !first ? synonyms[i].key : first;
    }
    return first;
}

/* Ways to be near: a slip in the whole name, the beginning of a field in its section, or the right field in a wrong or
 * missing section (which counts as one slip). A synonym of a key of that section goes before them, one of another
 * section before what is more than a slip away. */
const char *nl_key_nearest(const char *name)
{
    const struct nl_key *itself = nl_key_find(field_of(name)); /* train: {train.lr: 1} */
    const char *best = NULL;
    int most = 1 + (int)strlen(field_of(name)) / 4;
    for (int i = 0; i < nl_key_count && !itself; i++) {
        const char *field = field_of(nl_keys[i].name);
        size_t section = (size_t)(field - nl_keys[i].name);
        int distance = nl_edit_distance(name, nl_keys[i].name, most);
        int within = strncmp(name, nl_keys[i].name, section) == 0 ? nl_slips(name + section, field, most) : NL_FAR;
        int elsewhere = 1 + nl_edit_distance(field_of(name), field, most - 1);
        distance = within < distance ? within : distance;
        distance = elsewhere < distance ? elsewhere : distance;
        if (distance <= most) {
            best = nl_keys[i].name;
            most = distance - 1;
        }
    }
    if (itself)
        return itself->name;
    bool in_section;
    const char *called = key_called(name, &in_section);
    int distance = best ? most + 1 : NL_FAR;
    return called && distance > 0 && (in_section || distance > 1) ? called : best;
}
