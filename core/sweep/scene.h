/* Private to the traps: what they look at, and those of a file of their own. */
#ifndef NL_SWEEP_SCENE_H
#define NL_SWEEP_SCENE_H

#include "base/memory.h"
#include "config/layers.h"
#include "graph/graph.h"
#include "norm/weights.h"
#include "sweep/grid.h"
#include "train/train.h"

/* What a trap looks at: a trial, and the sweep around it. */
struct scene {
    const struct nl_experiment *experiment;
    const struct nl_grid *grid;
    const struct nl_config *config;
    const struct nl_norm *norm;
    struct nl_counts counts;
    struct nl_step_counts step_counts;
    struct nl_graph graph;
    struct nl_text *place; /* the key where a trap is shown, in the place of its own; a trap may fill it in */
};

/* A trap that lies in a layer of model.layers is shown there. */
static inline void nl_trap_place(const struct scene *s, int node)
{
    if (s->config->model.arch == NL_LAYERS)
        nl_text_add(s->place, NL_PART "%s", s->graph.node[node].name);
}

/* Of a node that computes a weight: the operations begin their arguments with it. */
static inline const struct nl_weight_norm *nl_weight_norm_of(const struct nl_graph_node *maker)
{
    return *(const struct nl_weight_norm *const *)maker->arguments;
}

/* traps_residual.c: of residual networks without normalizers */
bool nl_trap_dead_gamma(const struct scene *s, struct nl_text *what);
bool nl_trap_free_nf(const struct scene *s, struct nl_text *what);
bool nl_trap_normalized_fixup(const struct scene *s, struct nl_text *what);

/* traps_sequence.c: of transformers */
bool nl_trap_cold_post(const struct scene *s, struct nl_text *what);
bool nl_trap_gated_squash(const struct scene *s, struct nl_text *what);

/* traps_training.c: of optimizers and schedules */
bool nl_trap_adam_decay(const struct scene *s, struct nl_text *what);
bool nl_trap_adamw_is_adam(const struct scene *s, struct nl_text *what);
bool nl_trap_only_warmup(const struct scene *s, struct nl_text *what);
bool nl_trap_no_drop(const struct scene *s, struct nl_text *what);

/* traps_weights.c: of normalizers of weights */
bool nl_trap_redundant_gain(const struct scene *s, struct nl_text *what);
bool nl_trap_long_weights(const struct scene *s, struct nl_text *what);
bool nl_trap_depthwise_matrix(const struct scene *s, struct nl_text *what);
bool nl_trap_start_is_loaded(const struct scene *s, struct nl_text *what);
bool nl_trap_start_of_one(const struct scene *s, struct nl_text *what);

#endif
