/* Traps of transformers. Sources: Xiong et al. 2020 (Post-LN), arXiv 2604.23434 (point by point normalizers after
 * SwiGLU). */
#include "model/model.h"
#include "operation/squash.h"
#include "sweep/lint_context.h"

/* From as many blocks on. */
enum { DEEP_POST = 6 };

bool nl_lint_cold_post(const struct lint_context *s, struct nl_text *what)
{
    const struct nl_config *config = s->config;
    bool warms_up = config->train.warmup_steps > 0 || config->train.warmup_epochs > 0;
    if (config->model.arch != NL_TRANSFORMER || nl_placement_of(config) != NL_POST || nl_norm_is_none(s->norm) ||
        config->model.depth < DEEP_POST || warms_up)
        return false;
    nl_text_add(what,
                "%s with placement post and no warm-up: gradients are largest near the output at the start, and "
                "training may stay at chance",
                NL_COUNT(config->model.depth, "block"));
    return true;
}

bool nl_lint_gated_squash(const struct lint_context *s, struct nl_text *what)
{
    if (s->config->model.arch != NL_TRANSFORMER || !s->config->model.gated ||
        s->norm->operation != &nl_squash_operation)
        return false;
    nl_text_add(what, "%s with gated perceptrons is reported to collapse in longer training (arXiv 2604.23434)",
                s->norm->name);
    return true;
}

bool nl_lint_seen_label(const struct lint_context *s, struct nl_text *what)
{
    const struct nl_data_facts facts = nl_data_facts(s->config);
    if (s->config->model.arch != NL_TRANSFORMER || facts.tokens == 0 || nl_is_causal(s->config, &facts.shape))
        return false;
    nl_text_add(what, "each position sees the next token, which it is to predict");
    return true;
}
