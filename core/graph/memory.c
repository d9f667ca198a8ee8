/* Memory: which buffers lie in one place, and where, by the time in which each is needed. */
#include "base/memory.h"
#include "base/sizes.h"
#include "graph/program.h"

#include <stdlib.h>

enum { ALIGNMENT = 64, PAGE = 4096 }; /* ALIGNMENT: a cache line, and a vector of 512 bits */

static bool is_known(const struct nl_buffer *buffer)
{
    return buffer->value != NL_NONE;
}

static bool is_in_tile(const struct nl_program *program, int first_chain, int last_chain)
{
    int tile = program->chain[first_chain].tile;
    bool one = tile > 0;
    for (int i = first_chain; one && i <= last_chain; i++)
        one = program->chain[i].tile == tile;
    return one;
}

/* Whether all samples are in it at once: it goes from chain to chain, other than those of a tile, or its chain is
 * called for all. */
static bool is_whole(const struct nl_program *program, const struct nl_buffer *buffer)
{
    bool passes = buffer->first_chain == buffer->last_chain ||
                  (buffer->first != NL_NONE && is_in_tile(program, buffer->first_chain, buffer->last_chain));
    return is_known(buffer) || buffer->carried || !buffer->per_sample || !passes ||
           program->chain[buffer->first_chain].micro == 0;
}

/* How many copies a buffer has. A value of a loop's body that the body alone touches, each time anew, has one. */
static int copies_of(const struct nl_program *program, const struct nl_buffer *buffer)
{
    bool passes = buffer->first_chain == buffer->last_chain && program->chain[buffer->first_chain].times > 1;
    return passes ? 1 : program->graph.loop[buffer->loop].times;
}

static size_t size_of(const struct nl_program *program, const struct nl_buffer *buffer)
{
    size_t bytes = nl_size_times(buffer->bytes, (size_t)buffer->copies);
    if (!buffer->per_sample)
        return bytes;
    return nl_size_times(bytes,
                         (size_t)(buffer->whole ? program->capacity : program->chain[buffer->first_chain].micro));
}

/* Whether other samples, or another time, are still to come to the first instructions of the chain when its last ones
 * have been called, and need what is in the buffer; or all are called in one go. */
static bool outlasts(const struct nl_program *program, const struct nl_buffer *buffer, int chain)
{
    const struct nl_chain *c = &program->chain[chain];
    return c->joined || (c->micro > 0 && buffer->whole) ||
           (c->times > 1 && (buffer->first_chain != buffer->last_chain || buffer->copies > 1));
}

static struct nl_chain time_of(const struct nl_program *program, const struct nl_buffer *buffer)
{
    struct nl_chain time = {.first = buffer->first, .end = buffer->last + 1};
    int begin = buffer->first_chain, end = buffer->last_chain;
    while (buffer->whole && begin > 0 && is_in_tile(program, begin - 1, begin))
        begin--;
    while (buffer->whole && end + 1 < program->chains && is_in_tile(program, end, end + 1))
        end++;
    if (outlasts(program, buffer, buffer->first_chain))
        time.first = program->chain[begin].first;
    if (outlasts(program, buffer, buffer->last_chain))
        time.end = program->chain[end].end;
    return time;
}

static int smaller(int a, int b)
{
    return a < b ? a : b;
}

static int larger(int a, int b)
{
    return a > b ? a : b;
}

static struct nl_buffer *leader_of(const struct nl_program *program, int buffer)
{
    while (program->buffer[buffer].leader != buffer)
        buffer = program->buffer[buffer].leader;
    return &program->buffer[buffer];
}

/* A leader's time is that of all that lie where it does. */
static void lead(struct nl_buffer *leader, const struct nl_buffer *other)
{
    if (other->first == NL_NONE)
        return;
    bool alone = leader->first == NL_NONE;
    leader->first = alone ? other->first : smaller(leader->first, other->first);
    leader->last = alone ? other->last : larger(leader->last, other->last);
    leader->first_chain = alone ? other->first_chain : smaller(leader->first_chain, other->first_chain);
    leader->last_chain = alone ? other->last_chain : larger(leader->last_chain, other->last_chain);
}

static void share(const struct nl_program *program, const struct nl_share *share)
{
    struct nl_buffer *from = leader_of(program, share->from), *to = leader_of(program, share->to);
    bool fits = !from->carried && !to->carried && !is_known(from) && !is_known(to) && from != to &&
                from->whole == to->whole && size_of(program, from) == size_of(program, to);
    bool dead = from->last <= share->until && to->first >= share->first;
    bool same = share->same && !program->buffer[share->from].summed && !program->buffer[share->to].summed;
    if (!fits || !(dead || same))
        return;
    to->leader = (int)(from - program->buffer);
    lead(from, to);
}

/* ---- places ---- */

static size_t aligned(const struct nl_buffer *buffer, size_t at)
{
    /* Convolutions are some percent slower where the lines of an image straddle pages. */
    return nl_size_up(at, buffer->per_sample && buffer->bytes >= PAGE ? PAGE : ALIGNMENT);
}

static bool meets(struct nl_chain a, struct nl_chain b)
{
    return a.first < b.end && b.first < a.end;
}

/* The first gap, from `at` on, among the placed buffers that are needed at the same time; these are in the order of
 * their offsets. Returns its end. */
static size_t place(const struct nl_program *program, struct nl_buffer *buffer, struct nl_buffer **placed, int count,
                    size_t at)
{
    struct nl_chain time = time_of(program, buffer);
    size_t size = size_of(program, buffer);
    buffer->offset = aligned(buffer, at);
    for (int i = 0; i < count; i++) {
        size_t end = nl_size_plus(placed[i]->offset, size_of(program, placed[i]));
        if (!meets(time, time_of(program, placed[i])) || end <= buffer->offset)
            continue;
        if (nl_size_plus(buffer->offset, size) <= placed[i]->offset)
            break;
        buffer->offset = aligned(buffer, end);
    }
    return nl_size_plus(buffer->offset, size);
}

/* Adds a buffer, in the order of the offsets. */
static void insert(struct nl_buffer **placed, int count, struct nl_buffer *buffer)
{
    for (; count > 0 && placed[count - 1]->offset > buffer->offset; count--)
        placed[count] = placed[count - 1];
    placed[count] = buffer;
}

size_t nl_program_lay_out(struct nl_program *program, size_t at)
{
    int boundary = program->forward_chains < program->chains ? program->chain[program->forward_chains].first
                                                             : program->instructions;
    struct nl_buffer **placed = nl_alloc((size_t)program->buffers, sizeof(struct nl_buffer *));
    int count = 0;
    /* What waits for backward, in one sequence; then what comes and goes. */
    size_t kept = at;
    for (int pass = 0; pass < 2; pass++) {
        size_t begin = kept;
        for (int i = 0; i < program->buffers; i++) {
            struct nl_buffer *buffer = &program->buffer[i];
            if (is_known(buffer) || buffer->leader != i || buffer->first == NL_NONE)
                continue;
            struct nl_chain time = time_of(program, buffer);
            bool waits = time.first < boundary && time.end > boundary;
            if (waits != (pass == 0))
                continue;
            size_t end = place(program, buffer, placed, count, begin);
            insert(placed, count++, buffer);
            kept = end > kept ? end : kept;
        }
    }
    free(placed);
    return nl_size_up(kept, ALIGNMENT);
}

void nl_share_memory(struct nl_program *program)
{
    for (int i = 0; i < program->buffers; i++) {
        struct nl_buffer *buffer = &program->buffer[i];
        buffer->whole = is_whole(program, buffer);
        if (buffer->loop != NL_NONE)
            buffer->copies = copies_of(program, buffer);
        buffer->pitch = program->buffer[buffer->leader].copies;
        if (buffer->leader != i)
            lead(&program->buffer[buffer->leader], buffer);
    }
    for (int i = 0; i < program->shares; i++)
        share(program, &program->share[i]);
}
