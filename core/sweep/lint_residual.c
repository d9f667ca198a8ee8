/* Traps of residual networks without normalizers, and of where gamma begins. Sources: Goyal et al. 2017 (gamma), Zhang
 * et al. 2019 (Fixup), Brock et al. 2021 (NF-ResNets). */
#include <math.h>
#include <string.h>

#include "config/config.h"
#include "operation/activate.h"
#include "sweep/lint_context.h"

/* A gamma of 0 whose normalizer feeds a ReLU alone: beta begins at 0, too, and so does the ReLU's input, where its
 * derivative is 0. */
bool nl_lint_dead_gamma(const struct lint_context *s, struct nl_text *what)
{
    const struct nl_graph *graph = &s->graph;
    for (int i = 0; i < graph->tensors; i++) {
        const struct nl_graph_node *node = &graph->node[graph->tensor[i].node];
        if (graph->tensor[i].factor != 0 || graph->tensor[i].spec.role != NL_GAMMA ||
            nl_consumers(graph, node->out[0]) != 1)
            continue;
        int consumer = nl_first_consumer(graph, node->out[0]); /* none: a state of a loop takes it */
        const struct nl_graph_node *next = consumer == NL_NONE ? NULL : &graph->node[consumer];
        if (!next || next->operation != &nl_activate_operation ||
            ((const struct nl_activate *)next->arguments)->kind != NL_RELU)
            continue;
        nl_text_add(what, "'%s' starts at 0 in front of a ReLU, which then lets no gradient through: it stays 0",
                    graph->tensor[i].name);
        nl_lint_place(s, graph->tensor[i].node);
        return true;
    }
    return false;
}

bool nl_lint_free_nf(const struct lint_context *s, struct nl_text *what)
{
    bool nf = s->config->model.arch == NL_RESNET && s->config->model.residual == NL_NF;
    bool halved = s->config->model.init == NL_HE && fabs(s->config->model.init_scale - sqrt(0.5)) < 0.01;
    if (!nf || halved || strcmp(nl_weight_norm_names[s->config->norm.weights], "sws") == 0)
        return false;
    nl_text_add(what, "nf expects convolutions that keep the variance of their inputs, as scaled weight "
                      "standardization does; He's initialization alone doubles it");
    return true;
}

bool nl_lint_normalized_fixup(const struct lint_context *s, struct nl_text *what)
{
    if (s->config->model.arch != NL_RESNET || s->config->model.residual != NL_FIXUP || nl_norm_is_none(s->norm))
        return false;
    nl_text_add(what,
                "fixup is made for networks without normalizers, and norm.kind is %s: it undoes the small scale of a "
                "branch's first weights",
                s->norm->name);
    return true;
}
