/* Makes a program by its passes, binds its instructions to their addresses, and runs its chains. */
#include "graph/program.h"

#include <stdlib.h>
#include <string.h>

#include "backend/replica.h"
#include "base/clock.h"
#include "base/memory.h"

/* ---- made ---- */

void nl_prepare(struct nl_graph_node *node, const struct nl_program_setup *setup, int samples)
{
    if (node->operation->prepare)
        node->operation->prepare(node->arguments, samples, !setup->trains && !setup->initializes);
    node->kernel = nl_kernel_of(setup->backend, node->operation, node->arguments);
    NL_ASSERT(node->kernel);
}

int nl_program_make(struct nl_program *program, const struct nl_program_setup *setup, struct nl_error *err)
{
    *program = (struct nl_program){.backend = setup->backend, .capacity = setup->capacity, .trains = setup->trains};
    program->graph = nl_graph_copy(setup->graph);
    if (!setup->initializes)
        nl_graph_drop_initializers(&program->graph);
    if (nl_graph_check(&program->graph, program->backend, err))
        return NL_FAIL;
    for (int i = 0; setup->observers && i < setup->observers->count; i++)
        if (setup->observers->at[i].value != NL_NONE && nl_is_in_step(setup->observers->at[i].aspect))
            program->graph.value[setup->observers->at[i].value].observed = true;
    nl_fuse(&program->graph, program->backend, program->trains);
    for (int i = 0; i < program->graph.nodes; i++)
        nl_prepare(&program->graph.node[i], setup, setup->capacity);
    struct nl_calls *calls = nl_alloc((size_t)program->graph.nodes, sizeof *calls);
    nl_find_microbatches(program, setup->fixed, setup->steps, calls);
    nl_find_together(program, setup, calls);
    nl_find_recomputed(program, calls);
    nl_differentiate(program, calls, setup);
    nl_share_memory(program);
    free(calls);
    return NL_OK;
}

void nl_program_release(struct nl_program *program)
{
    for (int i = 0; i < program->instructions; i++) {
        free(program->instruction[i].arguments);
        free(program->instruction[i].timed);
    }
    free(program->instruction);
    free(program->call);
    free(program->share);
    free(program->chain);
    free(program->buffer);
    nl_graph_release(&program->graph);
    *program = (struct nl_program){0};
}

/* ---- bound to addresses ---- */

static void *address_of_input(const struct nl_graph *graph, const struct nl_addresses *addresses, int value)
{
    for (int i = 0; i < graph->inputs; i++)
        if (graph->input[i].value == value)
            return addresses->input[i];
    NL_BUG("value %d is no input", value);
}

static void *address_of(const struct nl_program *program, char *base, const struct nl_addresses *addresses, int buffer)
{
    if (buffer == NL_NONE)
        return NULL;
    const struct nl_buffer *b = &program->buffer[buffer];
    if (b->value == NL_NONE) {
        while (program->buffer[buffer].leader != buffer)
            buffer = program->buffer[buffer].leader;
        return base + program->buffer[buffer].offset;
    }
    const struct nl_graph *graph = &program->graph;
    if (graph->value[b->value].kind != NL_PARAMETER)
        return address_of_input(graph, addresses, b->value);
    size_t offset = graph->tensor[graph->value[b->value].tensor].offset * program->backend->real;
    return (b->gradient ? addresses->gradients : addresses->parameters) + offset;
}

static struct nl_producer producer_of(const struct nl_program *program, const struct nl_graph_node *node)
{
    int number = node && node->in[0] != NL_NONE ? program->graph.value[node->in[0]].producer : NL_NONE;
    if (number == NL_NONE)
        return (struct nl_producer){0};
    const struct nl_graph_node *maker = &program->graph.node[number];
    return (struct nl_producer){maker->operation, maker->kernel, maker->arguments};
}

static void bind(const struct nl_program *program, struct nl_instruction *i, char *base,
                 const struct nl_addresses *addresses)
{
    i->at = (struct nl_operands){.hyper = addresses->hyper,
                                 .update = i->only_gradient ? NULL : addresses->update,
                                 .producer = producer_of(program, i->node),
                                 .adds = i->adds};
    i->at.sums = i->observer == NL_NONE ? address_of(program, base, addresses, i->sums)
                                        : (void *)(addresses->observed + i->observer);
    for (int slot = 0; slot < NL_MOST_SLOTS; slot++) {
        i->at.in[slot] = address_of(program, base, addresses, i->in[slot]);
        i->at.d_in[slot] = address_of(program, base, addresses, i->d_in[slot]);
    }
    for (int o = 0; o < NL_MOST_OUTPUTS; o++) {
        i->at.out[o] = address_of(program, base, addresses, i->out[o]);
        i->at.d_out[o] = address_of(program, base, addresses, i->d_out[o]);
    }
    for (int s = 0; s < NL_MOST_SAVED; s++)
        i->at.saved[s] = address_of(program, base, addresses, i->saved[s]);
    i->at.packed = address_of(program, base, addresses, i->packed);
    for (int s = 0; i->node && s < i->node->states; s++)
        i->at.state[s] = addresses->state[program->graph.tensor[i->node->state[s]].offset];
    nl_bind(i->operation, i->arguments, &i->at);
}

static void *moved(const struct nl_program *program, int buffer, void *place, const struct nl_run *run, int samples)
{
    if (buffer == NL_NONE)
        return NULL;
    const struct nl_buffer *b = &program->buffer[buffer];
    int times = b->ahead + (b->copies > 1 ? run->time : 0);
    size_t before = b->per_sample && b->whole ? (size_t)run->first * (size_t)b->pitch : 0;
    return (char *)place + b->bytes * (before + (size_t)times * (size_t)(b->per_sample ? samples : 1));
}

/* Where one of the node's states lies at that time: they are counted as the loop runs. */
static void *state_at(const struct nl_program *program, const struct nl_graph_node *node, int state, void *place,
                      int time)
{
    const struct nl_tensor *tensor = &program->graph.tensor[node->state[state]];
    if (tensor->times == 1)
        return place;
    const struct nl_loop *loop = &program->graph.loop[node->loop];
    int run = loop->reverse ? loop->times - 1 - time : time, number = run < tensor->times ? run : tensor->times - 1;
    return (char *)place +
           tensor->count * nl_type_bytes(tensor->spec.type, program->backend) / (size_t)tensor->times * (size_t)number;
}

struct nl_operands nl_operands_at(const struct nl_program *program, const struct nl_instruction *i,
                                  const struct nl_run *run, int samples)
{
    struct nl_operands at = i->at;
    for (int slot = 0; slot < i->operation->slots; slot++) {
        at.in[slot] = moved(program, i->in[slot], at.in[slot], run, samples);
        at.d_in[slot] = moved(program, i->d_in[slot], at.d_in[slot], run, samples);
    }
    for (int o = 0; o < NL_MOST_OUTPUTS; o++) {
        at.out[o] = moved(program, i->out[o], at.out[o], run, samples);
        at.d_out[o] = moved(program, i->d_out[o], at.d_out[o], run, samples);
    }
    for (int s = 0; s < NL_MOST_SAVED; s++) {
        if (i->saved[s] == NL_NONE)
            continue;
        int rows = run->first * i->saved_rows;
        size_t before = rows > 0 ? i->operation->saved_bytes(i->arguments, s, rows, program->backend->statistic) : 0;
        at.saved[s] = (char *)moved(program, i->saved[s], at.saved[s], run, samples) + before;
    }
    for (int s = 0; i->node && s < i->node->states; s++)
        at.state[s] = state_at(program, i->node, s, at.state[s], run->time);
    return at;
}

/* Finding addresses takes as long as a small kernel: a loop over whole batches finds them beforehand. */
static void bind_times(const struct nl_program *program, const struct nl_chain *chain)
{
    for (struct nl_instruction *i = program->instruction + chain->first; i < program->instruction + chain->end; i++) {
        size_t bytes = i->operation->arguments;
        i->timed = nl_realloc(i->timed, (size_t)chain->times, bytes);
        for (int time = 0; time < chain->times; time++) {
            struct nl_operands at = nl_operands_at(program, i, &(struct nl_run){.time = time}, program->capacity);
            memcpy(i->timed + (size_t)time * bytes, i->arguments, bytes);
            nl_bind(i->operation, i->timed + (size_t)time * bytes, &at);
        }
    }
}

static struct nl_call call_of(const struct nl_program *program, int number)
{
    const struct nl_instruction *i = &program->instruction[number];
    int makes = i->d_in[0] != NL_NONE ? i->d_in[0] : i->out[0];
    return (struct nl_call){i->operation, i->call, i->arguments, &i->at,
                            makes == NL_NONE ? 0 : program->buffer[makes].last - number};
}

void nl_program_bind(struct nl_program *program, char *base, const struct nl_addresses *addresses)
{
    program->call = nl_realloc(program->call, (size_t)program->instructions, sizeof *program->call);
    for (int i = 0; i < program->instructions; i++) {
        bind(program, &program->instruction[i], base, addresses);
        program->call[i] = call_of(program, i);
    }
    for (const struct nl_chain *chain = program->chain; chain < program->chain + program->chains; chain++)
        if (chain->times > 0 && chain->micro == 0)
            bind_times(program, chain);
}

/* ---- run ---- */

union arguments {
    char bytes[NL_MOST_ARGUMENTS];
    max_align_t aligned;
};

static void bind_copy(const struct nl_instruction *i, const struct nl_operands *at, union arguments *arguments)
{
    NL_ASSERT(i->operation->arguments <= sizeof *arguments);
    memcpy(arguments, i->arguments, i->operation->arguments);
    nl_bind(i->operation, arguments, at);
}

/* Calls the kernel, and takes the time where the run asks for it. */
static void call(const struct nl_program *program, const struct nl_instruction *i, const struct nl_run *run,
                 const void *arguments)
{
    struct nl_error err; /* whoever runs the program asks for the status afterwards */
    double begin = run->seconds ? nl_seconds() : 0;
    i->call(run, arguments);
    if (!run->seconds)
        return;
    nl_backend_status(program->backend, &err);
    run->seconds[i - program->instruction] += nl_seconds() - begin;
}

/* On the host a kernel computes one replica. */
static void call_for_replicas(const struct nl_program *program, const struct nl_instruction *i,
                              const struct nl_run *run, const struct nl_operands *at)
{
    for (int r = 0; r < run->replicas; r++) {
        size_t bytes = (size_t)r * run->stride;
        const struct nl_run one = nl_run_of(run, r);
        struct nl_operands own = nl_operands_in_replica(at, bytes);
        struct nl_update update;
        union arguments arguments;
        if (at->update) {
            update = nl_update_in_replica(at->update, bytes);
            own.update = &update;
        }
        bind_copy(i, &own, &arguments);
        call(program, i, &one, &arguments);
    }
}

/* arguments: bound to `at`. */
static void call_kernel(const struct nl_program *program, const struct nl_instruction *i, const struct nl_run *run,
                        const void *arguments, const struct nl_operands *at)
{
    if (nl_calls_of(program->backend, run) == 1)
        call(program, i, run, arguments);
    else
        call_for_replicas(program, i, run, at);
}

/* seen: the run as the kernel sees it. */
static void call_for_part(const struct nl_program *program, const struct nl_instruction *i, const struct nl_run *run,
                          int samples, const struct nl_run *seen)
{
    struct nl_operands at = nl_operands_at(program, i, run, samples);
    union arguments arguments;
    bind_copy(i, &at, &arguments);
    call_kernel(program, i, seen, &arguments, &at);
}

/* To the kernels a part is a batch, after so many samples. */
static void run_loop(const struct nl_program *program, const struct nl_chain *chain, const struct nl_run *run)
{
    struct nl_run now = *run, seen;
    now.samples *= chain->together;
    seen = now;
    seen.before += run->first;
    seen.first = seen.batch = 0;
    for (int number = 0; number < chain->times; number++) {
        now.time = seen.time = chain->reverse ? chain->times - 1 - number : number;
        for (const struct nl_instruction *i = program->instruction + chain->first;
             i < program->instruction + chain->end; i++)
            if (i->timed && run->samples == program->capacity && nl_calls_of(program->backend, run) == 1)
                call(program, i, &seen, i->timed + (size_t)now.time * i->operation->arguments);
            else
                call_for_part(program, i, &now, run->samples, &seen);
    }
}

static void run_part(const struct nl_program *program, const struct nl_chain *chain, const struct nl_run *part)
{
    if (chain->times > 0)
        run_loop(program, chain, part);
    else
        for (int i = chain->first; i < chain->end; i++)
            call_for_part(program, &program->instruction[i], part, part->samples, part);
}

/* Chains [first, end): one, or neighbours of a tile. */
static void run_parts(const struct nl_program *program, int first, int end, const struct nl_run *run)
{
    struct nl_run part = *run;
    int micro = program->chain[first].micro;
    part.batch = run->samples;
    for (part.first = 0; part.first < run->samples; part.first += micro) {
        part.samples = run->samples - part.first < micro ? run->samples - part.first : micro;
        for (int i = first; i < end; i++)
            run_part(program, &program->chain[i], &part);
    }
}

static void run_whole(const struct nl_program *program, const struct nl_chain *chain, const struct nl_run *run)
{
    if (chain->times > 0)
        run_loop(program, chain, run);
    else if (chain->joined && !run->seconds)
        program->backend->run_calls(run, program->call + chain->first, chain->end - chain->first);
    else
        for (const struct nl_instruction *i = program->instruction + chain->first;
             i < program->instruction + chain->end; i++)
            call_kernel(program, i, run, i->arguments, &i->at);
}

static void run_chains(const struct nl_program *program, int first, int end, const struct nl_run *run)
{
    for (int next; first < end; first = next) {
        const struct nl_chain *chain = &program->chain[first];
        for (next = first + 1; next < end && chain->tile > 0 && program->chain[next].tile == chain->tile;)
            next++;
        if (chain->micro > 0)
            run_parts(program, first, next, run);
        else
            run_whole(program, chain, run);
    }
}

void nl_program_forward(const struct nl_program *program, const struct nl_run *run)
{
    run_chains(program, 0, program->forward_chains, run);
}

void nl_program_backward(const struct nl_program *program, const struct nl_run *run)
{
    run_chains(program, program->forward_chains, program->step_chains, run);
}

void nl_program_after_step(const struct nl_program *program, const struct nl_run *run)
{
    run_chains(program, program->step_chains, program->chains, run);
}

int nl_program_calls(const struct nl_program *program, struct nl_call *call)
{
    bool plain = program->step_chains == program->chains;
    for (int i = 0; i < program->chains; i++)
        plain = plain && program->chain[i].micro == 0 && program->chain[i].times == 0;
    if (plain)
        memcpy(call, program->call, (size_t)program->instructions * sizeof *call);
    return plain ? program->instructions : 0;
}
