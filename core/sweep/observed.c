/* Builds a trial's network to see which tensors log.tensors and log.layers name, and reports patterns that name none.
 */
#include "sweep/observed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "graph/observers.h"
#include "graph/quantities.h"
#include "model/model.h"

/* False: there is no such network, as others say. To be released either way. */
static bool build(const struct nl_config *config, struct nl_graph *graph)
{
    struct nl_data_facts facts = nl_data_facts(config);
    struct nl_error err;
    const char *key = NULL;
    *graph = (struct nl_graph){0};
    return facts.train > 0 && nl_model_build(config, facts.shape, graph, &key, &err) == NL_OK;
}

struct nl_observers nl_observers_of(const struct nl_config *config)
{
    struct nl_graph graph;
    struct nl_observers out = {0};
    if (build(config, &graph))
        out = nl_observers_find(&graph, &config->log.tensors, nl_observed_groups(config));
    nl_graph_release(&graph);
    return out;
}

/* Leaves the patterns that name nothing in the network. */
static void leave_unmatched(const struct nl_graph *graph, struct nl_name_list *patterns)
{
    int left = 0;
    for (int i = 0; i < patterns->count; i++) {
        struct nl_observers found = nl_observers_find(graph, &(struct nl_name_list){1, {patterns->at[i]}}, 0);
        if (found.count == 0)
            patterns->at[left++] = patterns->at[i];
        nl_observers_release(&found);
    }
    patterns->count = left;
}

void nl_check_observed(const struct nl_grid *grid, const struct nl_experiment *experiment,
                       struct nl_diagnostics *diagnostics)
{
    struct nl_name_list left = experiment->config.log.tensors;
    struct nl_graph graph;
    struct nl_origin at = nl_origin_of(experiment, "log.tensors");
    for (int i = 0; i < grid->trials && left.count; i++) {
        if (!build(&grid->trial[i].config, &graph))
            left.count = 0;
        leave_unmatched(&graph, &left);
        nl_graph_release(&graph);
    }
    if (!left.count)
        return;
    build(&grid->trial[0].config, &graph);
    for (int i = 0; i < left.count; i++) {
        char *near = nl_observers_near(&graph, left.at[i]),
             *hint = nl_format("did you mean %s? grad:NAME is a gradient, update:NAME what a step adds", near);
        nl_diagnose(diagnostics, &at, hint, "'log.tensors' has '%s', and no tensor has such a name", left.at[i]);
        free(hint);
        free(near);
    }
    nl_graph_release(&graph);
}

void nl_count_observed(const struct nl_grid *grid, int *least, int *most)
{
    *least = *most = 0;
    if (grid->trials == 0 || !nl_config_observes(&grid->trial[0].config))
        return;
    for (int i = 0; i < grid->trials; i++) {
        struct nl_observers found = nl_observers_of(&grid->trial[i].config);
        *least = i == 0 || found.count < *least ? found.count : *least;
        *most = found.count > *most ? found.count : *most;
        nl_observers_release(&found);
    }
}

/* Whether the rows are those of all steps that are to be looked at, up to the last that the trial made, with all
 * quantities. In the step in which it diverged it may have seen something or not. */
static bool is_whole(const struct nl_measured *measured, const struct nl_step_counts *counts,
                     const struct nl_record *record, bool aside)
{
    const char *end = measured ? strchr(measured->text, '\n') : NULL;
    int64_t every = nl_observed_every(counts, aside), least = nl_observed_steps(counts, aside), most = least;
    if (record->status == NL_DIVERGED) {
        least = (record->steps - 1) / every;
        most = record->steps == counts->steps ? most : record->steps / every;
    }
    if (!end)
        return measured && least == 0;
    int fields = 0;
    for (const char *at = measured->text; at < end; at++)
        fields += *at == ',';
    int64_t first = every < counts->steps ? every : counts->steps;
    return measured->rows >= least && measured->rows <= most && fields == NL_QUANTITIES &&
           strtoll(measured->text, NULL, 10) == first;
}

bool nl_lacks_observed(const struct nl_trial *trial, const struct nl_record *record)
{
    bool lacks = false;
    if (!record->present || record->failed || !nl_config_observes(&trial->config))
        return false;
    struct nl_observers wanted = nl_observers_of(&trial->config);
    const struct nl_step_counts counts = nl_trial_step_counts(&trial->config, nl_data_counts(&trial->config));
    for (int i = 0; i < wanted.count; i++)
        lacks |= !is_whole(nl_metrics_get(&record->metrics, wanted.at[i].name), &counts, record,
                           nl_is_aside(wanted.at[i].aspect));
    nl_observers_release(&wanted);
    return lacks;
}
