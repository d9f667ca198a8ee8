/* A configuration: typed, complete, each value with its origin; and an experiment, which is one with axes to vary.
 *
 * YAML is read with libyaml into positions; keys.def says what is legal. All problems are reported at once, each with
 * file:line:column, the line, a caret and the nearest key (config/diagnostics.h).
 */
#ifndef NL_CONFIG_CONFIG_H
#define NL_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/choices.h"
#include "base/lists.h"
#include "config/diagnostics.h"

struct nl_norm;       /* norm/norm.h */
struct nl_norm_setup;

enum { NL_AUTO = -1, NL_SEEDS_MAX = 10000 };

/* Values of the CHOICE keys, in the order of the name lists below. norm.kind is an index into nl_norms (norm/norm.h),
 * norm.weights into nl_weight_norms (norm/weights.h). */
enum nl_data_name {
    NL_DIGITS,
    NL_SYNTH,
    NL_MNIST,
    NL_FASHION_MNIST,
    NL_CIFAR10,
    NL_CIFAR100,
    NL_NPY,
    NL_CSV,
    NL_TEXT,
    NL_COPYING,
    NL_ADDING,
    NL_SORTING,
    NL_RECALL,
    NL_PARITY
};
enum nl_data_as { NL_AS_IMAGE, NL_AS_ROWS, NL_AS_PIXELS, NL_AS_PATCHES };
enum nl_unit { NL_UNIT_CHAR, NL_UNIT_BYTE };
enum nl_order_of_epoch {
    NL_SAMPLE_AUTO,
    NL_SAMPLE_SHUFFLE,
    NL_SAMPLE_REPLACE,
    NL_SAMPLE_STREAM,
    NL_SAMPLE_SORTED,
    NL_SAMPLE_BLOCKS
};
enum nl_eval_order { NL_EVAL_SHUFFLED, NL_EVAL_SORTED, NL_EVAL_MIXED };
enum nl_shift {
    NL_SHIFT_NONE,
    NL_SHIFT_BRIGHTNESS,
    NL_SHIFT_CONTRAST,
    NL_SHIFT_BLUR,
    NL_SHIFT_NOISE,
    NL_SHIFT_ROTATION,
    NL_SHIFT_TRANSLATION,
    NL_SHIFT_INVERSION
};
enum nl_shift_on { NL_SHIFT_TEST, NL_SHIFT_TRAIN, NL_SHIFT_BOTH };
enum nl_arch { NL_MLP, NL_CNN, NL_RESNET, NL_LAYERS, NL_TRANSFORMER, NL_RNN, NL_LSTM, NL_GRU };
enum nl_residual { NL_PLAIN_SUM, NL_SKIPINIT, NL_FIXUP, NL_NF };
enum nl_init { NL_HE, NL_XAVIER, NL_NORMAL, NL_GPT2, NL_TFIXUP };
enum nl_position_kind { NL_LEARNED_POSITIONS, NL_SINUSOIDAL, NL_ROTARY, NL_NO_POSITIONS };
enum nl_pool_tokens { NL_POOL_MEAN, NL_POOL_CLASS };
enum nl_leaks { NL_REFUSE_LEAKS, NL_ALLOW_LEAKS };
enum nl_gate_bias { NL_GATES_CONSTANT, NL_GATES_CHRONO };
enum nl_recurrent_init { NL_RECURRENT_ORTHOGONAL, NL_RECURRENT_IDENTITY, NL_RECURRENT_SAME };
enum nl_distribution { NL_DRAW_NORMAL, NL_DRAW_UNIFORM };
enum nl_placement {
    NL_PLACEMENT_AUTO,
    NL_BEFORE,
    NL_AFTER,
    NL_PREACT,
    NL_PRE,
    NL_POST,
    NL_PERI,
    NL_SANDWICH,
    NL_DEEPNORM
};
enum nl_eps_place { NL_EPS_INSIDE, NL_EPS_OUTSIDE };
enum nl_over { NL_OVER_AUTO, NL_OVER_SAMPLE, NL_OVER_POSITION };
enum nl_norm_statistics { NL_OF_BATCH, NL_OF_RUNNING };
enum nl_weights_init { NL_INIT_BY_WEIGHTS, NL_INIT_BY_DATA };
enum nl_running { NL_EMA, NL_CUMULATIVE, NL_LEARNED };
enum nl_momentum_schedule { NL_MOMENTUM_CONSTANT, NL_MOMENTUM_LINEAR, NL_MOMENTUM_COSINE };
enum nl_running_var { NL_UNBIASED, NL_BIASED };
enum nl_load { NL_LOAD_KEEP, NL_LOAD_CHANGED }; /* keep; or reset, replace */
/* What a network is scored with: the statistics that norm.eval may list, then the averages of weights (train.ema,
 * train.swa_start). */
enum nl_eval {
    NL_EVAL_RUNNING,
    NL_EVAL_BATCH,
    NL_EVAL_PRECISE,
    NL_EVAL_ADAPT,
    NL_EVAL_EMA,
    NL_EVAL_SWA,
    NL_EVALS,
    NL_NORM_EVALS = NL_EVAL_EMA /* those that norm.eval may list */
};
enum { NL_AVERAGES = NL_EVALS - NL_NORM_EVALS }; /* of the weights */
enum nl_average_statistics { NL_STATISTICS_AVERAGED, NL_STATISTICS_PRECISE };
enum nl_lr_scale { NL_LR_FIXED, NL_LR_LINEAR, NL_LR_SQRT };
enum nl_decay_on { NL_DECAY_ALL, NL_DECAY_WEIGHTS, NL_DECAY_MATRICES };
enum nl_schedule { NL_CONSTANT, NL_STEP, NL_COSINE, NL_LINEAR, NL_INVERSE_SQRT };
enum nl_plot_kind {
    NL_PLOT_SMALL_BATCH,
    NL_PLOT_LR_TOLERANCE,
    NL_PLOT_CURVES,
    NL_PLOT_HEATMAP,
    NL_PLOT_FIGURE,
    NL_PLOT_STEPS,
    NL_PLOT_LAYERS,
    NL_PLOT_DEPTH,
    NL_PLOT_LANDSCAPE,
    NL_PLOT_PLANE,
    NL_PLOT_SPECTRUM,
    NL_PLOT_PROFILES,
    NL_PLOT_BEST_OF_K,
    NL_PLOT_SIGNAL,
    NL_PLOT_AUTO /* curves, and what belongs to the question */
};
enum nl_mark { NL_MARK_AUTO, NL_MARK_LINES, NL_MARK_DOTS, NL_MARK_BARS };
enum nl_caption { NL_CAPTION_FILE, NL_CAPTION_PICTURE, NL_CAPTION_BOTH, NL_CAPTION_NONE };
enum nl_legend { NL_LEGEND_ABOVE, NL_LEGEND_BELOW, NL_LEGEND_RIGHT, NL_LEGEND_NONE };
enum nl_metric {
    NL_TEST_ERROR,
    NL_TEST_ACCURACY,
    NL_TEST_LOSS,
    NL_VAL_ERROR,
    NL_VAL_ACCURACY,
    NL_VAL_LOSS,
    NL_TRAIN_ERROR,
    NL_TRAIN_ACCURACY,
    NL_TRAIN_LOSS,
    NL_TEST_ERROR_AREA,
    NL_TEST_LOSS_AREA,
    NL_VAL_ERROR_AREA,
    NL_VAL_LOSS_AREA,
    NL_ERROR_GAP,
    NL_LOSS_GAP,
    NL_TEST_ERROR_BEST,
    NL_TEST_LOSS_BEST,
    NL_TEST_TOP5_ERROR,
    NL_TEST_ECE,
    NL_TEST_PERPLEXITY,
    NL_VAL_PERPLEXITY,
    NL_TRAIN_PERPLEXITY,
    NL_TEST_BITS_PER_CHAR,
    NL_VAL_BITS_PER_CHAR,
    NL_TRAIN_BITS_PER_CHAR
};
enum nl_x { NL_X_STEP, NL_X_EPOCH, NL_X_SAMPLES, NL_X_SECONDS };
enum nl_interval { NL_INTERVAL_T, NL_INTERVAL_BOOTSTRAP, NL_INTERVAL_NONE };
enum nl_test { NL_TEST_T, NL_TEST_SIGN_FLIP };
/* What a sweep is asked; auto: the question of the name of a plot.kind, or else compare. */
enum nl_question {
    NL_ASK_AUTO,
#define QUESTION(name, word, what, help, sentence) NL_ASK_##name,
#include "config/questions.def"
#undef QUESTION
};

/* What a question is about, and what it needs. */
enum {
    NL_ASKS_MEANS = 1,     /* means over seeds, in which a run that diverged counts at chance */
    NL_ASKS_CLASSES = 2,   /* what guessing a class gives */
    NL_ASKS_TARGET = 4,    /* plot.target */
    NL_ASKS_OBSERVED = 8,  /* what log.layers and log.tensors observe */
    NL_ASKS_NO_METRIC = 16 /* no metric: the answer is all that there is to print */
};

extern const char *const nl_data_names[], *const nl_data_as_names[], *const nl_unit_names[],
    *const nl_sampling_names[], *const nl_arch_names[], *const nl_residual_names[], *const nl_init_names[],
    *const nl_recurrent_init_names[], *const nl_gate_bias_names[], *const nl_distribution_names[],
    *const nl_placement_names[], *const nl_position_names[], *const nl_pool_tokens_names[], *const nl_leaks_names[],
    *const nl_over_names[], *const nl_norm_statistics_names[], *const nl_center_names[], *const nl_scale_names[],
    *const nl_weights_init_names[], *const nl_detach_names[], *const nl_eps_place_names[], *const nl_running_names[],
    *const nl_momentum_schedule_names[], *const nl_running_var_names[], *const nl_whitening_names[],
    *const nl_eval_names[], *const nl_lr_scale_names[], *const nl_decay_names[], *const nl_schedule_names[],
    *const nl_plot_names[], *const nl_mark_names[], *const nl_caption_names[], *const nl_legend_names[],
    *const nl_metric_names[], *const nl_x_names[], *const nl_interval_names[], *const nl_test_names[],
    *const nl_question_names[];
extern const char *const nl_norm_eval_names[], *const nl_load_names[], *const nl_load_part_names[],
    *const nl_average_statistics_names[];
extern const char *const nl_eval_order_names[], *const nl_shift_names[], *const nl_shift_on_names[];

#define NL_FIELD_INT int64_t
#define NL_FIELD_AUTO_INT int64_t
#define NL_FIELD_REAL double
#define NL_FIELD_AUTO_REAL double
#define NL_FIELD_BOOL bool
#define NL_FIELD_CHOICE int
#define NL_FIELD_CHOICES struct nl_int_list
#define NL_FIELD_INTS struct nl_int_list
#define NL_FIELD_NAMES struct nl_name_list
#define NL_FIELD_TEXT char *
#define NL_FIELD_LAYERS const struct nl_layers *
#define NL_FIELD_CODE char *
#define NL_FIELD_PARTS char *

struct nl_layers; /* config/layers.h */

struct nl_own {
    const char *given; /* a line for each key that has a value; NULL: none has */
    char *text;        /* where a value of one such key alone is read to: of a label, */
    double number;     /* and of a number */
};

/* cfg.train.lr, cfg.norm.kind, ...: one field for each row of keys.def. TEXT and LAYERS fields are never NULL; what
 * they, and NAMES, point to lives as long as the process (configurations are few and small). A plain struct copy is a
 * copy. */
struct nl_config {
#define SECTION(name, help) struct {
#define KEY(section, field, type, ...) NL_FIELD_##type field;
#define END(name) } name;
#include "config/keys.def"
#undef SECTION
#undef KEY
#undef END
    struct nl_own own; /* values of keys that only imported results have (config/own_keys.h) */
};

enum nl_type {
    NL_TYPE_INT,
    NL_TYPE_AUTO_INT,
    NL_TYPE_REAL,
    NL_TYPE_AUTO_REAL,
    NL_TYPE_BOOL,
    NL_TYPE_CHOICE,
    NL_TYPE_CHOICES,
    NL_TYPE_INTS,
    NL_TYPE_NAMES,
    NL_TYPE_TEXT,
    NL_TYPE_LAYERS,
    NL_TYPE_CODE, /* statements of a formula, one a line or separated by ';' */
    NL_TYPE_PARTS /* a mapping of names that a formula declares */
};

/* Whether a key stands in the identity of a trial that reads it. */
enum nl_recorded {
    NL_KEY_RECORDED,
    NL_KEY_CHANGED, /* unless it has its default: so are keys that are younger than the identities */
    NL_KEY_ASIDE    /* never: it changes no trial, or names a file whose checksum stands there, or is a permission */
};

struct nl_key {
    const char *name;    /* "train.lr" */
    size_t length;       /* of the name: most are told apart by it */
    const char *section; /* "train" */
    enum nl_type type;
    size_t offset;       /* in struct nl_config */
    const char *default_text;
    double low, high;
    const char *const *choices; /* NULL-terminated, or NULL */
    enum nl_recorded recorded;
    bool in_cohort;      /* trials that advance together may differ in it */
    const char *path;    /* of a part of model.layers: "stage2.norm.kind"; NULL: no such part */
    bool own;            /* of imported results alone (config/own_keys.h) */
    const char *help;
};

extern const struct nl_section {
    const char *name, *help;
} nl_sections[];                      /* in the order of keys.def; ends with a NULL name */
extern const struct nl_key nl_keys[]; /* likewise */
extern const int nl_key_count;

struct nl_loader; /* config/entries.h, for these */
struct nl_node;   /* config/yaml.h */

/* What may stand under `sweep` and `claim`, and in mappings there: how it is read and what it is for. Tables of them
 * end with a NULL name. */
struct nl_field {
    const char *name, *form, *help; /* form: what is written there, for example */
    /* Reads the value into `to`, which lies `offset` into the struct that the table is of; a diagnostic says what is
     * wrong. */
    void (*read)(struct nl_loader *loader, const struct nl_field *field, const struct nl_node *value, void *to);
    size_t offset;
    const char *const *words;       /* legal ones, for a reader that takes a word */
    /* sweep.FIELD=TEXT on the command line; NULL: that cannot be. */
    void (*set)(struct nl_loader *loader, const char *text, const struct nl_origin *at);
};
extern const struct nl_field nl_sweep_fields[], nl_claim_fields[], nl_import_fields[];
extern const struct nl_field nl_quantity_fields[]; /* of graph/quantities.def, only to be explained; form: which
                                                      tensors have the quantity */

const struct nl_key *nl_key_find(const char *name);          /* of keys.def; NULL: unknown */
const struct nl_key *nl_key_named(const char *name);         /* of keys.def; it is there */

/* What a sweep may name: a key of keys.def; a part of model.layers, "model.layers.stage2.norm.kind"
 * (config/layers.h), which is a key with the type and bounds of that value, whether a list has such a part or not; or
 * one of imported results, "label.method" (config/own_keys.h). The latter two are made, one for each name, and live as
 * long as the process. NULL: unknown, or a part that is no single value. */
const struct nl_key *nl_key_of(const char *name);

/* The name without its section: "placement" of norm.placement, "stage2.norm.kind" of a part of model.layers. */
const char *nl_key_field(const struct nl_key *key);
/* nl_key_field in words: "stat batch", of a column of an imported table "rate chosen"; new string. */
char *nl_key_words(const struct nl_key *key);

const char *
nl_key_nearest(const char *name); /* by edit distance, or by what it is called elsewhere (synonyms.def); NULL: none */
int nl_key_index(const struct nl_key *key); /* of a key of keys.def; of a part that of model.layers; of one of imported
                                               results, which no table has a place for, 0 */

/* Whether the key `name` ("train.batch", "sweep.seeds") is called `word`: by its part after the dot, by a synonym, or
 * by a word that it may be set to ("npy" for data.name). Case, blanks, '_' and '-' do not matter. beginning: it
 * suffices that such a name begins with word. */
bool nl_key_is_called(const char *name, const char *word, bool beginning);

/* The synonym (synonyms.def) by which it is so called; NULL: there is none. */
const char *nl_key_synonym(const char *name, const char *word, bool beginning);

/* What to do instead of a word of other programs that normlab does not have, or has by something else than a key
 * (answers.def): a sentence. A section in front of the word does not matter. NULL: nothing is known of it. */
const char *nl_key_answer(const char *word);

/* Reads `text` as key's type into config; the list of a part becomes another one. On failure returns NL_FAIL and says
 * in err what is legal. */
int nl_key_set(const struct nl_key *key, struct nl_config *config, const char *text, struct nl_error *err);

/* The value as YAML that reads back to it ("0.05", "[1, 3]", "bn", "auto"; a TEXT in quotes where it needs them); new
 * string. */
char *nl_key_text(const struct nl_key *key, const struct nl_config *config);

/* As it stands in identities, tables and protocols, which last: truth values of keys that have 'auto', too, are on and
 * off there. */
char *nl_key_recorded(const struct nl_key *key, const struct nl_config *config);

/* A key's value as text, without quotes; "" for a part of model.layers about which the list says nothing. New
 * string. */
char *nl_key_value(const struct nl_key *key, const struct nl_config *config);

/* Whether the value is the key's default. */
bool nl_key_is_default(const struct nl_key *key, const struct nl_config *config);

/* Whether the key can change what a trial computes, given the other values: norm.groups does not unless norm.kind is
 * gn, norm.* does not with none, train.nesterov not with adam, ... Keys of `log` and `plot` never do, nor do
 * device.index, data.dir and other names of files: what was read from there is in a trial's identity by its
 checksum. */
bool nl_key_applies(const struct nl_key *key, const struct nl_config *config);

/* Whether somebody reads the key: it applies, or it is one that never stands in an identity, and its condition
 holds. */
bool nl_key_is_read(const struct nl_key *key, const struct nl_config *config);

/* Whether it would apply with that value, were it legal. A key that does not apply, but would with another value, is at
 * its default (model.residual: plain). */
bool nl_key_would_apply(const struct nl_key *key, const struct nl_config *config, const char *text);

/* Whether there are keys of that section, and they ("log", "plot") say what is done with trials, and nothing of what
 * they are: none of them changes a trial, names one, or can be an axis. */
bool nl_section_is_aside(const char *section);

/* The normalizer of norm.kind; and that of another kind, an index into nl_norms. custom is as norm.sets, center and
 * scale say. */
const struct nl_norm *nl_norm_of(const struct nl_config *config);
const struct nl_norm *nl_norm_of_kind(const struct nl_config *config, int kind);

/* What legends and tables call a normalizer, by its name in norm.kind ("BN"); a formula by norm.name. */
const char *nl_norm_label(const struct nl_config *config, const char *kind);

/* norm.history, or what the normalizer's authors use where it is auto. */
int nl_norm_history(const struct nl_config *config, const struct nl_norm *norm);

/* norm.iterations, or as many as are usual where it is auto. */
int nl_norm_iterations(const struct nl_config *config, int usual);

/* What norm.sets says, into setup. NL_FAIL: err says what cannot be. */
int nl_norm_sets_read(const struct nl_name_list *sets, struct nl_norm_setup *setup, struct nl_error *err);

/* Samples of a micro-batch: train.batch by train.accumulate, which divides it. */
int64_t nl_micro_batch(const struct nl_config *config);

/* Whether tensors are observed: log.tensors or log.layers name some. The groups of log.layers, bit 1 << group each. */
bool nl_config_observes(const struct nl_config *config);
unsigned nl_observed_groups(const struct nl_config *config);
/* Whether something of the Hessian is among them. */
bool nl_config_observes_curvature(const struct nl_config *config);
/* Whether the loss at other parameters is: on the way to another network, or there, in a slice or in a plane. */
bool nl_config_observes_ways(const struct nl_config *config);
bool nl_config_observes_points(const struct nl_config *config);

/* Whether that average of the weights is taken: NL_EVAL_EMA, NL_EVAL_SWA; of no other score. */
bool nl_config_averages(const struct nl_config *config, enum nl_eval eval);

/* train.beta2, or what the optimizer's authors use where it is auto. */
double nl_beta2(const struct nl_config *config);

/* The key that says how long a training is: train.steps, train.samples, train.flops, or else train.epochs. */
const char *nl_length_key(const struct nl_config *config);

/* Whether the data are images, before data.as makes sequences of them. */
bool nl_config_has_images(const struct nl_config *config);

/* norm.placement and norm.over, or what is usual for the architecture where they are auto. */
enum nl_placement nl_placement_of(const struct nl_config *config);
enum nl_over nl_over_of(const struct nl_config *config);

/* Whether a normalizer stands after the last block of a transformer: norm.final. */
bool nl_has_final_norm(const struct nl_config *config);

/* data.sampling, or what is usual for the data where it is auto. */
enum nl_order_of_epoch nl_sampling_of(const struct nl_config *config);

/* The configuration with values where 'auto' stands for one that follows from another key: train.beta2,
 * data.sampling, norm.placement, norm.over; and model.bias, which is on before a normalizer that would cancel it but
 * for norm.statistics. model.causal is auto where it says what auto stands for. */
struct nl_config nl_config_settled(const struct nl_config *config);

/* "key: value" lines of all keys that apply, settled, in the order of keys.def: the text whose hash is the trial's
 * identity. */
char *nl_config_identity_text(const struct nl_config *config);

/* The identity text without what may differ in a cohort: configurations of equal texts, with the same data and
 * weights to start from, can advance together (nl_cohort_run). New string. */
char *nl_config_shape_text(const struct nl_config *config);

void nl_config_defaults(struct nl_config *config);

/* The JSON Schema (2020-12) of a configuration or experiment, for editors and validators; new string
 * (config/json_schema.c). */
char *nl_json_schema(void);

/* ---- experiments ---- */

/* Another plausible meaning of what was written: what was taken, and how to write the other. Lives as long as the
 * process. */
struct nl_doubt {
    struct nl_origin at;
    char *what, *remedy;
};

/* One axis of a sweep: points x keys. A grid axis has one key; a zip couples several. */
struct nl_axis {
    int keys;
    const struct nl_key *key[NL_LIST_MAX];
    const struct nl_doubt *doubt[NL_LIST_MAX]; /* of each key's values; NULL: none */
    int points;
    char ***text; /* text[point][key]: value as text for nl_key_set */
    struct nl_origin origin;
};

/* Points to leave out: every listed key has one of the listed values. */
struct nl_match {
    int keys;
    const struct nl_key *key[NL_LIST_MAX];
    struct nl_word_list { int count; char **at; } values[NL_LIST_MAX];
    struct nl_origin origin;
};

/* Numbers from one end to the other, drawn evenly, or evenly on the log scale. */
struct nl_search_interval {
    double from, to;
    bool log;
    const char *text; /* as it is written: "1e-3:1:log", "0:0.5:uniform" */
};

/* Where the trials of sweep.tune find the values of a key: among listed ones, or else in intervals, of which the first
 * was asked for and each other one extends it to a side. */
struct nl_space {
    int values;
    const char **value; /* [values] */
    int intervals;
    struct nl_search_interval *interval; /* [intervals] */
};

/* What of a sweep is decided by its own earlier results (sweep/rounds.h). What was decided stands beside the wish, so
 * that an experiment with it is a grid like any other. */
struct nl_rounds {
    int tunes;                    /* sweep.tune: keys whose values are chosen for every point of the grid; 0: none */
    struct nl_axis
        *tune;       /* [tunes], of one key each; with trials they have as many values each, and advance together */
    int tune_trials; /* so many points of the Sobol sequence (config/search.h); 0: every combination */
    struct nl_space *space;       /* [tunes], with trials: where they lie */
    int extend, extended;         /* values at an edge are extended so often, at most; how often they were */
    enum nl_metric tune_by;       /* by this metric of the validation part */
    bool tune_to_target;          /* by the updates until that metric is at plot.target */
    int tune_seeds;
    struct nl_origin tune_origin;
    int choices;                  /* sweep.chosen: each gives a point of the grid, and values of the tuned keys there */
    struct nl_match *chosen;
    bool has_same;                /* sweep.same: the values that serve all points best */
    struct nl_match same;

    double refine; /* sweep.refine: the largest usable rate is to be known within this factor; 0: as the grid has it */
    struct nl_origin refine_origin;
    int points; /* sweep.points: more points than the grid's; each replaces the axes of the keys that it names */
    struct nl_match *point;

    double half_width; /* sweep.until: of the intervals of the answer, in the unit of plot.min_effect; 0: sweep.seeds
                          decides */
    int max_seeds,
        first_seeds; /* first_seeds: the stage that the spread is estimated from; 0: no stage has been decided on */
    struct nl_origin until_origin;
};

struct nl_experiment {
    char *path;                   /* file it came from; "" for none */
    int files;
    const char **file;            /* all that were read for it: path and its bases */
    char *name;                   /* file name without folder and ending */
    struct nl_config config;      /* of everything that no axis sets */
    struct nl_origin *origin;     /* [nl_key_count]: where each value of config comes from */
    int axes;
    struct nl_axis *axis;         /* in order of writing, the first outermost; the seed axis is not among them */
    int excludes;
    struct nl_match *exclude;
    int seeds;                    /* trials a point: seeds train.seed .. train.seed + seeds - 1; at least 1 */
    struct nl_origin seeds_origin;
    enum nl_question question;
    struct nl_origin question_origin;
    bool has_baseline;
    struct nl_match baseline;     /* the method that others are compared with: e.g. norm.kind = none */
    struct nl_rounds rounds;
    bool elsewhere;               /* trained on another machine, or to be: its devices need not be here */
    bool is_sweep;                /* there is a `sweep` section, or an override with several values */
    const struct nl_published *published; /* the `claim` section (config/published.h); NULL: none */
    const struct nl_import *import; /* the `import` section (config/import.h): its trials were, or are to be, read from
                                       files of another program; NULL: they are trained */
};

/* The question that the experiment is asked: never NL_ASK_AUTO. */
enum nl_question nl_question_of(const struct nl_experiment *experiment);

/* Whether it is one that NL_ASKS_... is said of; and the sentence that asks it, with the metric's name for a %s. */
bool nl_question_asks(enum nl_question question, unsigned what);
extern const char *const nl_question_sentences[];

/* What an experiment points to lives as long as the process. Of the sweep section a file inherits from its base what it
 * does not give itself: grid, zip, exclude, seeds, question, baseline and those of the rounds are each replaced as a
 * whole, and so is the claim. Where an override changes the values of a key, entries of exclude, a baseline and cells
 * of a claim that name other values of it are void. train.seed and the keys of log and plot are never axes.
 *
 * Reads a file, with its base files, and the overrides of the command line ("train.lr=0.1"; several values,
 * "norm.kind=bn,gn", "train.lr=1e-3:1:log:7" (7 values from 1e-3 to 1, evenly on the log scale), "train.batch=1:8" or
 * "1:9:2" (step), make or replace an axis, one value takes the axis away; "sweep.seeds=5",
 * "sweep.baseline=norm.kind=none"; of two for the same key the last holds). path NULL: defaults and overrides only.
 * Every problem goes to diagnostics; returns NL_FAIL if there was one. A section `made` (provenance, in results) is
 * allowed and skipped. */
int nl_experiment_load(const char *path, const char *const *overrides, int count, struct nl_experiment *out,
                       struct nl_diagnostics *diagnostics);

/* Another value of some keys, for one reading of a file: wherever an axis, an exclusion or a cell gives one of the keys
 * the value `from`, spelled like this, `to` is read. A key that no axis has is set to `to`. */
struct nl_replacement {
    int keys;
    const char *const *key;
    const char *from, *to; /* from NULL: no axis has the keys */
};

/* nl_experiment_load with values replaced; replacement NULL: none. A replacement that finds an axis of the key but not
 * its value is a problem like any other. */
int nl_experiment_load_replacing(const char *path, const struct nl_replacement *replacement,
                                 const char *const *overrides, int count, struct nl_experiment *out,
                                 struct nl_diagnostics *diagnostics);

/* A source's own seed (train.init_seed, data.split_seed, ...), or where that is auto train.seed. */
static inline uint64_t nl_seed_of(const struct nl_config *config, int64_t own)
{
    return (uint64_t)(own == NL_AUTO ? config->train.seed : own);
}

/* The resolved experiment as YAML that nl_experiment_load reads back to the same; with_origins puts "# default", "#
 * configs/a.yaml:3" or "# command line" after each value. New string. */
char *nl_experiment_text(const struct nl_experiment *experiment, bool with_origins);

/* The experiment as YAML without keys that have their defaults, so that a key that is added in a later version
 * changes nothing. New string. */
char *nl_experiment_protocol(const struct nl_experiment *experiment);

/* "norm.kind: bn, train.batch: [1, 2]"; new string. */
char *nl_match_text(const struct nl_match *match);

/* Complains about values that are legal alone and not together (affine element with bn, nesterov without momentum,
 * ...), as far as neither data nor model is needed to know. config is a trial's, or experiment's own. */
void nl_config_check(const struct nl_config *config, const struct nl_experiment *experiment,
                     struct nl_diagnostics *diagnostics);

/* Where key's value, or axis, was written; a default's place is the file alone. */
struct nl_origin nl_origin_of(const struct nl_experiment *experiment, const char *key);

/* A problem with key's value that only a later stage can see (groups and channels, say): reported where the value was
 * set. The key of a layer (config/layers.h) stands for where it was written. */
void nl_complain(struct nl_diagnostics *diagnostics, const struct nl_experiment *experiment, const char *key,
                 const char *format, ...) __attribute__((format(printf, 4, 5)));

#endif
