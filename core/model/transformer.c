/* Transformer: tokens or vectors, positions, blocks of attention and a perceptron, and a head. With a label at each
 * position, and where model.causal says so, it is GPT-2 (Radford et al. 2019), and its modules have the names of
 * nanoGPT; with a label a sample it is an encoder, of patches of an image ViT (Dosovitskiy et al. 2021).
 *
 * A block has two branches, f1 attention and f2 the perceptron. norm.placement says where the normalizers n stand:
 *
 *     pre        x + f(n(x)), and n after the last block (Radford et al. 2019, Xiong et al. 2020)
 *     post       n(x + f(x)) (Vaswani et al. 2017)
 *     peri       x + n'(f(n(x))), and n after the embedding and the last block (Kim et al. 2025)
 *     sandwich   peri without the latter two (Ding et al. 2021)
 *     deepnorm   n(alpha x + f(x)), alpha = (2 L)^(1/4); the weights of f but those of queries and keys start
 *                (8 L)^(-1/4) times as large (Wang et al. 2022, for L blocks of a decoder or an encoder alone)
 *
 * model.gated: the perceptron's hidden units are act(a) b of two products a and b (Shazeer 2020). model.parallel: x +
 * f1(n(x)) + f2(n(x)), with one normalizer (Wang and Komatsuzaki 2021). norm.depth_scale: after each normalizer of
 * block l = 1, 2, ... stands the factor 1 / sqrt(l) (Sun et al. 2025). norm.qk: queries and keys are normalized, each
 * head by itself (Henry et al. 2020, Dehghani et al. 2023).
 *
 * model.init gpt2: standard deviation 0.02, of the last weights of branches 0.02 / sqrt(2 L) (Radford et al. 2019).
 * tfixup, for norm.kind none: xavier; the weights of f but those of queries and keys start 0.67 L^(-1/4) times as
 * large, tables of embeddings (9 L)^(-1/4) times (Huang et al. 2020). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "model/build.h"
#include "operation/add.h"
#include "operation/attention.h"
#include "operation/class_token.h"
#include "operation/embedding.h"
#include "operation/gate.h"
#include "operation/mean_pool.h"
#include "operation/positions.h"
#include "operation/scalars.h"
#include "operation/split.h"
#include "operation/take.h"

/* What the configuration says of a transformer on data of one shape. */
struct plan {
    struct nl_builder *b;
    const struct nl_config *config;
    bool norm_first, norm_out,
        norm_last; /* normalizers in front of a branch, at its end, and after the sum: norm.placement */
    enum nl_placement placement;
    int blocks, width;
    bool causal, bias;
    double inner; /* the weights of branches but those of queries and keys start so many times as large; */
    double last;  /* the last ones of each; */
    double table; /* tables of embeddings */
};

/* A node that takes one value or several. */
static void add(struct nl_builder *b, const struct nl_operation *operation, const void *arguments, const int *in,
                int inputs, const char *stem)
{
    struct nl_new_node node = {.operation = operation, .arguments = arguments, .inputs = inputs};
    for (int i = 0; i < inputs; i++)
        node.in[i] = in[i];
    nl_add_node(b, node, stem, 0);
}

static void add_factor(struct nl_builder *b, double factor, const char *stem)
{
    struct nl_scalars scalars = {.factor = factor};
    if (factor != 1)
        nl_add_without(b, &nl_scalars_operation, &scalars, 1u << NL_SCALARS_WEIGHT | 1u << NL_SCALARS_BIAS, stem, 0);
}

static void set_prefix(struct nl_builder *b, int block, const char *module)
{
    snprintf(b->prefix, sizeof b->prefix, "transformer.h.%d.%s", block, module);
}

/* ---- a block ---- */

/* Adds attention, with normalizers of the queries and keys of each head where they are asked for. */
static void add_attention(const struct plan *p)
{
    struct nl_builder *b = p->b;
    int heads = (int)p->config->model.heads, in[] = {b->at, NL_NONE, NL_NONE, b->graph->value[b->at].lengths};
    bool qk = p->config->norm.qk && !nl_norm_is_none(b->norm);
    struct nl_attention attention = {.heads = heads,
                                     .causal = p->causal,
                                     .rotary = p->config->model.positions == NL_ROTARY,
                                     .drops = p->config->model.dropout > 0};
    if (qk) {
        nl_add(b, &nl_split_operation, &(struct nl_split_channels){.parts = 3, .heads = heads}, "split", 0);
        for (int i = 0; i < 3; i++)
            in[i] = nl_node_at(b)->out[i];
        b->at = in[NL_ATTENTION_Q];
        nl_add_norm(b, "q_norm", 0);
        in[NL_ATTENTION_Q] = b->at, b->at = in[NL_ATTENTION_K];
        nl_add_norm(b, "k_norm", 0);
        in[NL_ATTENTION_K] = b->at;
    }
    add(b, &nl_attention_operation, &attention, in, NL_ATTENTION_SLOTS, "attention");
}

static void attend(const struct plan *p, int block)
{
    struct nl_builder *b = p->b;
    set_prefix(b, block, "attn.");
    nl_add_linear(b, 3 * p->width, p->bias, "c_attn", 0);
    nl_scale_parts(b, 3, 1, p->inner);
    add_attention(p);
    nl_add_linear(b, p->width, p->bias, "c_proj", 0);
    nl_scale_parts(b, 1, 1, p->last);
    nl_add_dropout(b, "resid_dropout", 0);
}

static void perceive(const struct plan *p, int block)
{
    struct nl_builder *b = p->b;
    int hidden = (int)lround(p->config->model.mlp_ratio * p->width);
    bool gated = p->config->model.gated;
    hidden = hidden < 1 ? 1 : hidden;
    set_prefix(b, block, "mlp.");
    nl_add_linear(b, gated ? 2 * hidden : hidden, p->bias, "c_fc", 0);
    nl_scale_parts(b, gated ? 2 : 1, p->inner, p->inner);
    if (gated)
        nl_add(b, &nl_gate_operation,
               &(struct nl_gate){.kind = p->config->model.activation, .gelu = p->config->model.gelu_approximate}, "act",
               0);
    else
        nl_add_activation(b, "act", 0);
    nl_add_linear(b, p->width, p->bias, "c_proj", 0);
    nl_scale_parts(b, 1, 1, p->last);
    nl_add_dropout(b, "dropout", 0);
}

static void add_first_norm(const struct plan *p, int block, int number)
{
    set_prefix(p->b, block, "");
    int before = p->b->at;
    nl_add_norm(p->b, "ln_", number);
    if (p->config->norm.depth_scale && p->b->at != before)
        add_factor(p->b, 1 / sqrt(block + 1), number == 1 ? "ln_1_scale" : "ln_2_scale");
}

/* What the branch becomes part of: x, or alpha x. */
static void add_branch(const struct plan *p, int block, int x, int number)
{
    struct nl_builder *b = p->b;
    set_prefix(b, block, "");
    if (p->norm_out) {
        nl_add_norm(b, number == 1 ? "ln_1_out" : "ln_2_out", 0);
        nl_set_last_gamma(b);
    }
    nl_end_branch(b, number == 1 ? "attn_scale" : "mlp_scale");
    int branch = b->at;
    b->at = x;
    if (p->placement == NL_DEEPNORM)
        add_factor(b, pow(2 * p->blocks, 0.25), number == 1 ? "alpha_1" : "alpha_2");
    add(b, &nl_add_operation, &(struct nl_add){.stride = 1}, (int[]){branch, b->at}, 2,
        number == 1 ? "add_1" : "add_2");
}

static void add_sublayer(const struct plan *p, int block, int number)
{
    int x = p->b->at;
    if (p->norm_first)
        add_first_norm(p, block, number);
    (number == 1 ? attend : perceive)(p, block);
    add_branch(p, block, x, number);
    if (p->norm_last)
        add_first_norm(p, block, number);
}

static void add_parallel_block(const struct plan *p, int block)
{
    struct nl_builder *b = p->b;
    int x = b->at;
    add_first_norm(p, block, 1);
    int normalized = b->at;
    attend(p, block);
    add_branch(p, block, x, 1);
    x = b->at;
    b->at = normalized;
    perceive(p, block);
    add_branch(p, block, x, 2);
}

/* ---- the ends ---- */

/* Returns the table of an embedding of tokens, or NL_NONE. */
static int embed(const struct plan *p)
{
    struct nl_builder *b = p->b;
    if (!b->shape->vocabulary) {
        nl_add_linear(b, p->width, true, "embed", 0);
        return NL_NONE;
    }
    nl_add(b, &nl_embedding_operation, &(struct nl_embedding){.vocabulary = b->shape->vocabulary, .channels = p->width},
           "wte", 0);
    nl_scale_weight(b, p->table);
    return nl_node_at(b)->in[NL_EMBEDDING_WEIGHT];
}

static void add_positions(const struct plan *p)
{
    int kind = p->config->model.positions;
    struct nl_position_encoding positions = {.sinusoidal = kind == NL_SINUSOIDAL};
    if (kind != NL_LEARNED_POSITIONS && kind != NL_SINUSOIDAL)
        return;
    nl_add_without(p->b, &nl_positions_operation, &positions, positions.sinusoidal ? 1u << NL_POSITIONS_WEIGHT : 0,
                   "wpe", 0);
    if (!positions.sinusoidal)
        nl_scale_weight(p->b, p->table);
}

/* One vector of each sample: that of the class token, or the mean over the positions that count. */
static void pool(const struct plan *p)
{
    struct nl_builder *b = p->b;
    if (p->config->model.pool_tokens == NL_POOL_CLASS)
        nl_add(b, &nl_take_operation, &(struct nl_take){.last = false}, "take", 0);
    else
        nl_add(b, &nl_mean_pool_operation, NULL, "pool", 0);
}

/* ---- what cannot be ---- */

static void check_heads(const struct plan *p)
{
    struct nl_builder *b = p->b;
    int heads = (int)p->config->model.heads;
    if (p->width % heads)
        nl_build_refuse(b, "model.heads", "%d heads do not divide the %d channels of 'model.width'", heads, p->width);
    if (p->config->model.positions == NL_ROTARY && p->width / heads % 2)
        nl_build_refuse(b, "model.heads", "'model.positions' rotary turns pairs of channels, and a head has %d of them",
                        p->width / heads);
}

static void check_pool(const struct plan *p)
{
    struct nl_builder *b = p->b;
    if (p->config->model.pool_tokens == NL_POOL_CLASS && b->shape->target != NL_TARGET_EACH && p->causal)
        nl_build_refuse(b, "model.pool_tokens",
                        "'model.pool_tokens' class puts a token in front, which sees no later position where "
                        "'model.causal' is true: write mean");
}

/* Position t of a causal model must not depend on later ones: no set may span positions. In training, norm.leaks may
 * allow the sets of a batch to. */
static void check_leaks(const struct plan *p)
{
    struct nl_builder *b = p->b;
    const struct nl_int_list *evals = &p->config->norm.eval;
    const char *name = b->norm->name;
    bool batch = nl_norm_spans_batch(b->norm);
    const struct nl_norm_setup setup = nl_norm_setup_of(p->config, 1, 2, 1);
    if (!p->causal || nl_norm_is_none(b->norm))
        return;
    if (!batch && nl_norm_spans_positions(b->norm, &setup))
        nl_build_refuse(b, b->norm->uses & NL_USES_OVER ? "norm.over" : "norm.kind", "'%s' %s", name,
                        b->norm->uses & NL_USES_OVER ? "over a whole sample lets each position of a causal model see "
                                                       "later ones: 'norm.over' must be position"
                                                     : "normalizes over positions, so that each position of a causal "
                                                       "model sees later ones; ln, rms, dyt, position, and others "
                                                       "that normalize a position by itself do not");
    bool of_batch = !b->norm->tracks && !(b->norm->uses & NL_USES_FORMULA); /* in evaluation, too */
    if (batch && (of_batch || b->norm->mixes_positions))
        nl_build_refuse(b, "norm.kind",
                        "'%s' normalizes over positions in evaluation, too, so that each position of a causal model "
                        "sees later ones",
                        name);
    if (batch && p->config->norm.leaks == NL_REFUSE_LEAKS)
        nl_build_refuse(b, "norm.kind",
                        "'%s' normalizes over all positions of a batch, so that in training each position of a causal "
                        "model sees later ones: write ln or rms, "
                        "or set 'norm.leaks' to allow",
                        name);
    for (int i = 0; batch && i < evals->count; i++)
        if (evals->at[i] == NL_EVAL_BATCH || evals->at[i] == NL_EVAL_ADAPT)
            nl_build_refuse(b, "norm.eval",
                            "'norm.eval' %s takes statistics from the text that the model is to predict: in a causal "
                            "model write running or precise",
                            nl_eval_names[evals->at[i]]);
}

static void check(const struct plan *p)
{
    struct nl_builder *b = p->b;
    const struct nl_shape *shape = b->shape;
    bool tokens = shape->vocabulary > 0;
    check_heads(p);
    if (p->config->model.tied && !(tokens && shape->target == NL_TARGET_EACH && shape->vocabulary == shape->classes))
        nl_build_refuse(b, "model.tied", "'model.tied' needs the same tokens as inputs and as labels");
    check_pool(p);
    check_leaks(p);
    const struct nl_norm_setup head = nl_norm_setup_of(p->config, 0, 1, p->width / (int)p->config->model.heads);
    if (p->config->norm.qk && (b->norm->uses & NL_USES_GROUPS) &&
        nl_norm_check_groups(b->norm, &head, " of a head (norm.qk)", b->err))
        nl_build_fail(b, "norm.groups");
}

static void place_norms(struct plan *p)
{
    switch (p->placement) {
    case NL_PERI:
    case NL_SANDWICH:
        p->norm_out = true;
        p->norm_first = true;
        return;
    case NL_PRE:
        p->norm_first = true;
        return;
    case NL_POST:
    case NL_DEEPNORM:
        p->norm_last = true;
        return;
    case NL_PLACEMENT_AUTO:
    case NL_BEFORE:
    case NL_AFTER:
    case NL_PREACT:
        break;
    }
    NL_BUG("placement %d in a transformer", p->placement);
}

/* How large weights start (the head of this file). */
static void plan_starts(struct plan *p)
{
    double blocks = p->blocks;
    p->inner = p->last = p->table = 1;
    if (p->config->model.init == NL_GPT2)
        p->last = 1 / sqrt(2 * blocks);
    if (p->config->model.init == NL_TFIXUP) {
        p->inner = p->last = 0.67 * pow(blocks, -0.25);
        p->table = pow(9 * blocks, -0.25);
    }
    if (p->placement == NL_DEEPNORM) {
        p->inner *= pow(8 * blocks, -0.25);
        p->last *= pow(8 * blocks, -0.25);
    }
}

int nl_transformer_norms(const struct nl_config *config)
{
    enum nl_placement placement = nl_placement_of(config);
    int a_block = config->model.parallel ? 1 : placement == NL_PERI || placement == NL_SANDWICH ? 4 : 2;
    return (int)config->model.depth * (a_block + (config->norm.qk ? 2 : 0)) + (placement == NL_PERI) +
           nl_has_final_norm(config);
}

void nl_build_transformer(struct nl_builder *b)
{
    const struct nl_config *config = b->config;
    const struct nl_shape *shape = b->shape;
    struct plan p = {.b = b,
                     .config = config,
                     .placement = nl_placement_of(config),
                     .blocks = (int)config->model.depth,
                     .width = (int)config->model.width,
                     .causal = nl_is_causal(config, shape),
                     .bias = config->model.bias != NL_SWITCH_OFF};
    place_norms(&p);
    plan_starts(&p);
    check(&p);
    b->by_position = true;
    b->unbiased = !p.bias;
    snprintf(b->prefix, sizeof b->prefix, "transformer.");
    int table = embed(&p);
    if (shape->target != NL_TARGET_EACH && config->model.pool_tokens == NL_POOL_CLASS)
        nl_add(b, &nl_class_token_operation, NULL, "class_token", 0);
    add_positions(&p);
    if (p.placement == NL_PERI)
        nl_add_norm(b, "ln_emb", 0);
    nl_add_dropout(b, "drop", 0);
    for (int i = 0; i < p.blocks && config->model.parallel; i++)
        add_parallel_block(&p, i);
    for (int i = 0; i < p.blocks && !config->model.parallel; i++) {
        add_sublayer(&p, i, 1);
        add_sublayer(&p, i, 2);
    }
    snprintf(b->prefix, sizeof b->prefix, "transformer.");
    if (nl_has_final_norm(config))
        nl_add_norm(b, "ln_f", 0);
    if (shape->target != NL_TARGET_EACH)
        pool(&p);
    b->prefix[0] = '\0';
    if (shape->target == NL_TARGET_EACH)
        nl_add_token_head(b, config->model.tied ? table : NL_NONE, "lm_head");
    else
        nl_add_head(b, "head");
}
