/* Chooses the parameters that are trained (train.only), by the names that patterns match. */
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/nearest.h"
#include "graph/graph.h"

bool nl_is_of_head(const struct nl_graph *graph, int logits, int node)
{
    int head = graph->value[logits].producer;
    bool found = node == head;
    for (int i = 0; head != NL_NONE && i < NL_MOST_SLOTS; i++) {
        const struct nl_value *value =
            graph->node[head].in[i] != NL_NONE ? &graph->value[graph->node[head].in[i]] : NULL;
        found |= value && value->kind == NL_COMPUTED && value->producer == node;
    }
    return found;
}

/* Whether the pattern matches the name, or what stands before one of its dots. */
static bool matches(const char *pattern, const char *name)
{
    char *part = nl_strdup(name), *dot;
    bool found = fnmatch(pattern, part, 0) == 0;
    while (!found && (dot = strrchr(part, '.'))) {
        *dot = '\0';
        found = fnmatch(pattern, part, 0) == 0;
    }
    free(part);
    return found;
}

bool nl_names_parameter(const struct nl_graph *graph, int logits, const char *pattern, int tensor)
{
    const struct nl_tensor *t = &graph->tensor[tensor];
    bool of_head = strcmp(pattern, "head") == 0 && nl_is_of_head(graph, logits, t->node);
    return nl_is_parameter(t->spec.role) && (of_head || matches(pattern, t->name));
}

/* Near ones are the role, nodes that own parameters, and parameters. */
static int refuse(const struct nl_graph *graph, const char *pattern, struct nl_error *err)
{
    const char **names = nl_alloc(2 * (size_t)graph->tensors + 1, sizeof *names);
    int count = 0, last = NL_NONE;
    names[count++] = "head";
    for (int i = 0; i < graph->tensors; i++) {
        const struct nl_tensor *tensor = &graph->tensor[i];
        const char *node = graph->node[tensor->node].name;
        if (!nl_is_parameter(tensor->spec.role))
            continue;
        if (tensor->node != last && strcmp(node, "head") != 0)
            names[count++] = node;
        names[count++] = tensor->name;
        last = tensor->node;
    }
    char *near = nl_near_names(pattern, names, count);
    nl_fail(err, "'train.only' has '%s', and no parameter of the network has such a name: did you mean %s?", pattern,
            near);
    free(near);
    free(names);
    return NL_FAIL;
}

int nl_graph_train_only(struct nl_graph *graph, int logits, const struct nl_name_list *patterns, struct nl_error *err)
{
    for (int i = 0; i < graph->tensors; i++)
        graph->tensor[i].constant = patterns->count > 0 && nl_is_parameter(graph->tensor[i].spec.role);
    for (int p = 0; p < patterns->count; p++) {
        bool found = false;
        for (int i = 0; i < graph->tensors; i++)
            if (nl_names_parameter(graph, logits, patterns->at[p], i)) {
                graph->tensor[i].constant = false;
                found = true;
            }
        if (!found)
            return refuse(graph, patterns->at[p], err);
    }
    return NL_OK;
}
