/* Private to the traps: what they look at, and those of a file of their own. */
#ifndef NL_SWEEP_LINT_CONTEXT_H
#define NL_SWEEP_LINT_CONTEXT_H

#include "base/memory.h"
#include "config/layers.h"
#include "graph/graph.h"
#include "norm/weights.h"
#include "sweep/grid.h"
#include "train/train.h"

/* What a trap looks at: a trial, and the sweep around it. */
struct lint_context {
    const struct nl_experiment *experiment;
    const struct nl_grid *grid;
    const struct nl_config *config;
    const struct nl_norm *norm;
    const struct nl_dataset *dataset;     /* where it is open, or NULL; as the next, */
    const struct nl_tensor_file *weights; /* of model.load */
    struct nl_counts counts;
    struct nl_step_counts step_counts;
    struct nl_graph graph;
    struct nl_text *place; /* the key where a trap is shown, in the place of its own; a trap may fill it in */
};

/* A trap that lies in a layer of model.layers is shown there. */
static inline void nl_lint_place(const struct lint_context *s, int node)
{
    if (s->config->model.arch == NL_LAYERS)
        nl_text_add(s->place, NL_PART "%s", s->graph.node[node].name);
}

/* The normalizer of a node that computes a weight: the operations begin their arguments with it. */
static inline const struct nl_weight_norm *nl_weight_norm_of(const struct nl_graph_node *maker)
{
    return *(const struct nl_weight_norm *const *)maker->arguments;
}

/* lint_idle.c: of keys that are set and have no effect. Adds its warnings by itself. And whether files set every key of
 * `train`, as one that `normlab show` wrote does: then nothing tells which of them are meant. */
bool nl_lint_sets_all(const struct nl_experiment *experiment);
void nl_lint_idle_keys(const struct nl_experiment *experiment, const struct nl_grid *grid,
                       struct nl_diagnostics *warnings);

/* lint_idle.c: of values that may be meant otherwise (struct nl_doubt), likewise. */
void nl_lint_doubts(const struct nl_experiment *experiment, struct nl_diagnostics *warnings);

/* lint_residual.c: of residual networks without normalizers */
bool nl_lint_dead_gamma(const struct lint_context *s, struct nl_text *what);
bool nl_lint_free_nf(const struct lint_context *s, struct nl_text *what);
bool nl_lint_normalized_fixup(const struct lint_context *s, struct nl_text *what);

/* lint_sequence.c: of transformers */
bool nl_lint_cold_post(const struct lint_context *s, struct nl_text *what);
bool nl_lint_seen_label(const struct lint_context *s, struct nl_text *what);
bool nl_lint_gated_squash(const struct lint_context *s, struct nl_text *what);

/* lint_training.c: of optimizers, schedules and seeds */
bool nl_lint_seeds_alike(const struct lint_context *s, struct nl_text *what);
bool nl_lint_learns_nothing(const struct lint_context *s, struct nl_text *what);
bool nl_lint_partial_batch(const struct lint_context *s, struct nl_text *what);
bool nl_lint_adam_decay(const struct lint_context *s, struct nl_text *what);
bool nl_lint_adamw_is_adam(const struct lint_context *s, struct nl_text *what);
bool nl_lint_only_warmup(const struct lint_context *s, struct nl_text *what);
bool nl_lint_no_drop(const struct lint_context *s, struct nl_text *what);

/* lint_transfer.c: of loaded networks, constant parameters and averages of weights */
bool nl_lint_seen_tests(const struct lint_context *s, struct nl_text *what);
bool nl_lint_random_rest(const struct lint_context *s, struct nl_text *what);
bool nl_lint_only_is_all(const struct lint_context *s, struct nl_text *what);
bool nl_lint_replaces_nothing(const struct lint_context *s, struct nl_text *what);
bool nl_lint_frozen_initial(const struct lint_context *s, struct nl_text *what);
bool nl_lint_averaged_statistics(const struct lint_context *s, struct nl_text *what);
bool nl_lint_slow_ema(const struct lint_context *s, struct nl_text *what);

/* lint_weights.c: of normalizers of weights */
bool nl_lint_redundant_gain(const struct lint_context *s, struct nl_text *what);
bool nl_lint_undone_scale(const struct lint_context *s, struct nl_text *what);
bool nl_lint_long_weights(const struct lint_context *s, struct nl_text *what);
bool nl_lint_lost_scale(const struct lint_context *s, struct nl_text *what);
bool nl_lint_depthwise_matrix(const struct lint_context *s, struct nl_text *what);
bool nl_lint_start_is_loaded(const struct lint_context *s, struct nl_text *what);
bool nl_lint_start_of_one(const struct lint_context *s, struct nl_text *what);

#endif
