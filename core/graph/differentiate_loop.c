/* Loops over time become instructions: where their states lie, what begins and ends them, and what they leave to one
 * call for all times. */
#include "graph/differentiate.h"
#include "operation/zero.h"

unsigned nl_waiting_slots(const struct emission *e, int number)
{
    const struct nl_graph_node *node = &e->program->graph.node[number];
    return node->loop != NL_NONE && !e->calls[number].together ? node->operation->together : 0;
}

/* How the nodes of the loop's body are called: all for as many samples. */
static const struct nl_calls *calls_of_loop(const struct emission *e)
{
    const struct nl_graph *graph = &e->program->graph;
    int node = 0;
    while (graph->node[node].loop != e->loop)
        node++;
    return &e->calls[node];
}

/* Instructions of the loop's body for each time, or for all times together. */
static void open_loop(struct emission *e, const struct nl_loop *loop, bool together, enum direction direction)
{
    nl_open_chain(e, calls_of_loop(e));
    struct nl_chain *chain = &e->program->chain[e->program->chains - 1];
    chain->times = together ? 1 : loop->times;
    chain->together = together ? loop->times : 1;
    chain->reverse = loop->reverse != (direction == BACKWARD);
}

/* The parts of a state, or of its gradient, that the values of struct nl_carried are. */
enum part { FIRST, BEFORE, AFTER, LAST };

static int part_of_state(struct nl_program *program, int all, const struct nl_loop *loop, int value, enum part part)
{
    int buffer = nl_buffer_for(program, value);
    bool end = part == FIRST || part == LAST, later = part == AFTER || part == LAST;
    struct nl_buffer *b = &program->buffer[buffer];
    b->leader = all;
    b->carried = true;
    b->loop = NL_NONE; /* it has its places already */
    b->copies = end ? 1 : loop->times;
    b->ahead = later == loop->reverse ? 0 : end ? loop->times : 1;
    return buffer;
}

static int buffer_of_state(struct nl_program *program, const struct nl_loop *loop, const struct nl_carried *state)
{
    int all = nl_buffer_for(program, state->first);
    program->buffer[all].carried = true;
    program->buffer[all].copies = loop->times + 1;
    return all;
}

void nl_lay_out_states(struct emission *e, enum direction direction)
{
    struct nl_program *program = e->program;
    for (const struct nl_loop *loop = program->graph.loop; loop < program->graph.loop + program->graph.loops; loop++)
        for (const struct nl_carried *state = loop->state; state < loop->state + loop->carried; state++) {
            if (direction == BACKWARD && !e->wanted[state->before])
                continue;
            int all = buffer_of_state(program, loop, state), *at = direction == BACKWARD ? e->home : e->buffer;
            at[state->before] = part_of_state(program, all, loop, state->before, BEFORE);
            at[state->last] = part_of_state(program, all, loop, state->last, LAST);
            if (direction == BACKWARD)
                continue; /* of the others, gradients are there before anybody writes one */
            at[state->first] = part_of_state(program, all, loop, state->first, FIRST);
            at[state->after] = part_of_state(program, all, loop, state->after, AFTER);
        }
}

static void append_zero(struct emission *e, int value, int buffer)
{
    const struct nl_value *v = &e->program->graph.value[value];
    struct nl_zero zero = {.count = v->count, .per_sample = v->kind == NL_ACTIVATIONS};
    struct nl_instruction instruction = nl_nodeless(e->program, &nl_zero_operation, &zero);
    instruction.out[0] = buffer;
    nl_append(e->program, instruction, BACKWARD, NL_EVERYTHING);
    e->gradient[value] = buffer;
}

/* Weights that the body's nodes take packed. */
static void pack_weights(struct emission *e, enum direction direction)
{
    struct nl_program *program = e->program;
    for (int i = 0; i < program->graph.nodes; i++) {
        const struct nl_graph_node *node = &program->graph.node[i];
        const struct nl_kernel *kernel = node->kernel;
        e->packed[i] = NL_NONE;
        if (node->loop != e->loop || e->calls[i].together || !kernel->packed_bytes ||
            kernel->packed_bytes(node->arguments) == 0)
            continue;
        struct nl_instruction pack =
            nl_blank(node->operation, node->arguments, direction == FORWARD ? kernel->pack : kernel->backward_pack);
        for (int slot = 0; slot < NL_MOST_SLOTS; slot++)
            if (node->in[slot] != NL_NONE && program->graph.value[node->in[slot]].kind != NL_ACTIVATIONS)
                pack.in[slot] = e->buffer[node->in[slot]];
        pack.packed = e->packed[i] = nl_add_buffer(program, kernel->packed_bytes(node->arguments), false);
        nl_append(program, pack, direction, NL_EVERYTHING);
    }
}

/* What the body's nodes add to at each time begins with 0; and what they add to for each part of the batch, where there
 * are several. */
static void clear_sums(struct emission *e)
{
    const struct nl_graph *graph = &e->program->graph;
    bool in_parts = calls_of_loop(e)->tiled;
    for (int i = 0; i < graph->nodes; i++) {
        const struct nl_graph_node *node = &graph->node[i];
        for (int slot = 0; slot < NL_MOST_SLOTS && node->loop == e->loop; slot++) {
            int value = node->in[slot];
            bool weight = value != NL_NONE && graph->value[value].kind != NL_ACTIVATIONS,
                 waits = e->calls[i].together || nl_waiting_slots(e, i) & 1u << slot;
            if (weight && (in_parts || !waits) && e->wanted[value] && e->gradient[value] == NL_NONE)
                append_zero(e, value, nl_first_gradient(e, value));
        }
    }
}

/* The gradient of a state after a time: that before the next time, and what else takes it. */
static void begin_backward_loop(struct emission *e, const struct nl_loop *loop)
{
    struct nl_program *program = e->program;
    nl_open_chain(e, NULL);
    pack_weights(e, BACKWARD);
    clear_sums(e);
    if (calls_of_loop(e)->tiled)
        nl_open_chain(e, calls_of_loop(e));
    for (const struct nl_carried *state = loop->state; state < loop->state + loop->carried; state++)
        if (e->wanted[state->before] && e->gradient[state->last] == NL_NONE)
            append_zero(e, state->last, e->home[state->last]);
    open_loop(e, loop, false, BACKWARD);
    for (const struct nl_carried *state = loop->state; state < loop->state + loop->carried; state++) {
        if (!e->wanted[state->before])
            continue;
        int *gradient = &e->gradient[state->after];
        int next = part_of_state(program, program->buffer[e->home[state->before]].leader, loop, state->after, AFTER);
        if (*gradient != NL_NONE)
            nl_add_up(e, state->after, *gradient, next);
        else
            *gradient = next;
    }
}

/* What observers see of a loop, and what waits for its end. */
static void end_backward_loop(struct emission *e, const struct nl_loop *loop)
{
    struct nl_program *program = e->program;
    const struct nl_graph *graph = &program->graph;
    for (const struct nl_carried *state = loop->state; state < loop->state + loop->carried; state++) {
        if (!e->wanted[state->before])
            continue;
        if (e->gradient[state->before] == NL_NONE)
            append_zero(e, state->before, e->home[state->before]);
        if (e->wanted[state->first])
            e->gradient[state->first] =
                part_of_state(program, program->buffer[e->home[state->before]].leader, loop, state->first, FIRST);
    }
    open_loop(e, loop, true, BACKWARD);
    for (int i = graph->nodes - 1; i >= 0; i--) {
        if (graph->node[i].loop != e->loop || !nl_is_reached(e, &graph->node[i]))
            continue;
        nl_observe_outputs(e, &graph->node[i], NL_GRADIENT);
        nl_append_backward(e, i, e->calls[i].together ? NL_EVERYTHING : nl_waiting_slots(e, i));
    }
}

static void begin_forward_loop(struct emission *e, const struct nl_loop *loop)
{
    const struct nl_graph *graph = &e->program->graph;
    nl_open_chain(e, NULL);
    pack_weights(e, FORWARD);
    open_loop(e, loop, true, FORWARD);
    for (int i = 0; i < graph->nodes; i++)
        if (graph->node[i].loop == e->loop && e->calls[i].together)
            nl_emit_forward(e, i);
    open_loop(e, loop, false, FORWARD);
}

static void end_forward_loop(struct emission *e, const struct nl_loop *loop)
{
    const struct nl_graph *graph = &e->program->graph;
    open_loop(e, loop, true, FORWARD);
    for (int i = 0; i < graph->nodes; i++)
        if (graph->node[i].loop == e->loop)
            nl_observe_outputs(e, &graph->node[i], NL_VALUE);
}

void nl_go_to_loop(struct emission *e, int loop, enum direction direction)
{
    const struct nl_loop *loops = e->program->graph.loop;
    if (loop == e->loop)
        return;
    if (e->loop != NL_NONE)
        (direction == FORWARD ? end_forward_loop : end_backward_loop)(e, &loops[e->loop]);
    e->loop = loop;
    e->group = NL_NONE;
    if (loop != NL_NONE)
        (direction == FORWARD ? begin_forward_loop : begin_backward_loop)(e, &loops[loop]);
}

/* Whether an instruction has a place that depends on the number of samples. */
static bool moves(const struct nl_program *program, const struct nl_instruction *i)
{
    bool any = false;
    for (int slot = 0; slot < NL_MOST_SLOTS; slot++)
        any |= (i->in[slot] != NL_NONE && program->buffer[i->in[slot]].ahead > 0) ||
               (i->d_in[slot] != NL_NONE && program->buffer[i->d_in[slot]].ahead > 0);
    for (int o = 0; o < NL_MOST_OUTPUTS; o++)
        any |= (i->out[o] != NL_NONE && program->buffer[i->out[o]].ahead > 0) ||
               (i->d_out[o] != NL_NONE && program->buffer[i->d_out[o]].ahead > 0);
    return any;
}

void nl_find_moving(struct nl_program *program)
{
    for (struct nl_chain *chain = program->chain; chain < program->chain + program->chains; chain++)
        for (int i = chain->first; i < chain->end && chain->times == 0; i++)
            chain->times = moves(program, &program->instruction[i]);
}
