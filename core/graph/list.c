#include "graph/list.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* ---- made ---- */

int nl_list_make(struct nl_list *list, const struct nl_list_setup *setup, struct nl_error *err)
{
    *list = (struct nl_list){.backend = setup->backend, .capacity = setup->capacity, .trains = setup->trains};
    list->graph = nl_graph_copy(setup->graph);
    if (nl_graph_check(&list->graph, list->backend, err))
        return NL_FAIL;
    for (int i = 0; setup->observers && i < setup->observers->count; i++)
        list->graph.value[setup->observers->at[i].value].observed = true;
    nl_fuse(&list->graph, list->backend);
    for (int i = 0; i < list->graph.nodes; i++)
        if (list->graph.node[i].operation->prepare)
            list->graph.node[i].operation->prepare(list->graph.node[i].arguments, setup->capacity, !setup->trains);
    struct nl_calls *calls = nl_alloc((size_t)list->graph.nodes, sizeof *calls);
    nl_find_microbatches(list, setup->fixed, calls);
    nl_find_recomputed(list, calls);
    nl_differentiate(list, calls, setup);
    nl_share_places(list);
    free(calls);
    return NL_OK;
}

void nl_list_release(struct nl_list *list)
{
    for (int i = 0; i < list->instructions; i++)
        free(list->instruction[i].arguments);
    free(list->instruction);
    free(list->share);
    free(list->chain);
    free(list->buffer);
    nl_graph_release(&list->graph);
    *list = (struct nl_list){0};
}

/* ---- bound to places ---- */

static void *place_of_input(const struct nl_graph *graph, const struct nl_places *places, int value)
{
    for (int i = 0; i < graph->inputs; i++)
        if (graph->input[i].value == value)
            return places->input[i];
    NL_BUG("value %d is no input", value);
}

static void *place_of(const struct nl_list *list, char *base, const struct nl_places *places, int buffer)
{
    if (buffer == NL_NONE)
        return NULL;
    const struct nl_buffer *b = &list->buffer[buffer];
    if (b->value == NL_NONE) {
        while (list->buffer[buffer].leader != buffer)
            buffer = list->buffer[buffer].leader;
        return base + list->buffer[buffer].offset;
    }
    const struct nl_graph *graph = &list->graph;
    if (graph->value[b->value].kind != NL_PARAMETER)
        return place_of_input(graph, places, b->value);
    size_t offset = graph->tensor[graph->value[b->value].tensor].offset * list->backend->real;
    return (b->gradient ? places->gradients : places->parameters) + offset;
}

static size_t step_of(const struct nl_list *list, int buffer)
{
    if (buffer == NL_NONE)
        return 0;
    const struct nl_buffer *b = &list->buffer[buffer];
    return b->per_sample && b->whole ? b->bytes : 0;
}

static void bind(const struct nl_list *list, struct nl_instruction *i, char *base, const struct nl_places *places)
{
    i->at = (struct nl_operands){.hyper = places->hyper, .update = i->only_gradient ? NULL : places->update};
    i->at.sums = i->observer == NL_NONE ? place_of(list, base, places, i->sums) : (void *)(places->observed + i->observer);
    for (int slot = 0; slot < NL_MOST_SLOTS; slot++) {
        i->at.in[slot] = place_of(list, base, places, i->in[slot]);
        i->at.d_in[slot] = place_of(list, base, places, i->d_in[slot]);
        i->step.in[slot] = step_of(list, i->in[slot]);
        i->step.d_in[slot] = step_of(list, i->d_in[slot]);
    }
    for (int o = 0; o < NL_MOST_OUTPUTS; o++) {
        i->at.out[o] = place_of(list, base, places, i->out[o]);
        i->at.d_out[o] = place_of(list, base, places, i->d_out[o]);
        i->step.out[o] = step_of(list, i->out[o]);
        i->step.d_out[o] = step_of(list, i->d_out[o]);
    }
    for (int s = 0; s < NL_MOST_SAVED; s++)
        i->at.saved[s] = place_of(list, base, places, i->saved[s]);
    for (int s = 0; i->node && s < i->node->states; s++)
        i->at.state[s] = places->state[list->graph.tensor[i->node->state[s]].offset];
    i->operation->bind(i->arguments, &i->at);
}

void nl_list_bind(struct nl_list *list, char *base, const struct nl_places *places)
{
    for (int i = 0; i < list->instructions; i++)
        bind(list, &list->instruction[i], base, places);
}

/* ---- run ---- */

static void *moved(void *place, size_t step, int first)
{
    return place ? (char *)place + step * (size_t)first : NULL;
}

/* The instruction on the run's samples from run->first on. */
static void call_for_part(const struct nl_list *list, const struct nl_instruction *i, const struct nl_run *run)
{
    union {
        char bytes[512];
        max_align_t aligned;
    } arguments;
    struct nl_operands at = i->at;
    int first = run->first;
    for (int slot = 0; slot < i->operation->slots; slot++) {
        at.in[slot] = moved(at.in[slot], i->step.in[slot], first);
        at.d_in[slot] = moved(at.d_in[slot], i->step.d_in[slot], first);
    }
    for (int o = 0; o < NL_MOST_OUTPUTS; o++) {
        at.out[o] = moved(at.out[o], i->step.out[o], first);
        at.d_out[o] = moved(at.d_out[o], i->step.d_out[o], first);
    }
    for (int s = 0; s < i->operation->saved && i->saved_by_sample && first > 0; s++)
        at.saved[s] = moved(at.saved[s], i->operation->saved_bytes(i->arguments, s, first, list->backend->statistic), 1);
    NL_ASSERT(i->operation->arguments <= sizeof arguments);
    memcpy(&arguments, i->arguments, i->operation->arguments);
    i->operation->bind(&arguments, &at);
    i->call(run, &arguments);
}

static void run_chain(const struct nl_list *list, const struct nl_chain *chain, const struct nl_run *run)
{
    if (chain->micro == 0) {
        for (int i = chain->first; i < chain->end; i++)
            list->instruction[i].call(run, list->instruction[i].arguments);
        return;
    }
    struct nl_run part = *run;
    part.batch = run->samples;
    for (part.first = 0; part.first < run->samples; part.first += chain->micro) {
        part.samples = run->samples - part.first < chain->micro ? run->samples - part.first : chain->micro;
        for (int i = chain->first; i < chain->end; i++)
            call_for_part(list, &list->instruction[i], &part);
    }
}

static void run_chains(const struct nl_list *list, int first, int end, const struct nl_run *run)
{
    for (int i = first; i < end; i++)
        run_chain(list, &list->chain[i], run);
}

void nl_list_forward(const struct nl_list *list, const struct nl_run *run)
{
    run_chains(list, 0, list->forward_chains, run);
}

void nl_list_backward(const struct nl_list *list, const struct nl_run *run)
{
    run_chains(list, list->forward_chains, list->step_chains, run);
}

void nl_list_after_step(const struct nl_list *list, const struct nl_run *run)
{
    run_chains(list, list->step_chains, list->chains, run);
}
