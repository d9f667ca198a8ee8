/* A loop is cut into chunks, and each thread owns some neighbouring ones (the same part of the batch in every loop: it
 * lies in that core's cache). An owner takes its chunks from the front; who has none left takes the others' from the
 * back. So a helper that sleeps, or that the system has put aside, is not waited for: only for the chunk it has begun.
 *
 * A chunk is taken by exchanging one word. It holds the loop's number, so that a word read in one loop is worth nothing
 * in the next; and as the leader waits for all chunks of a loop, who has taken one may read what the loop is.
 */
#include "base/team.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "base/memory.h"

enum {
    CACHE_LINE = 64,
    CHUNKS = 8,          /* of each thread in a loop */
    SPINS = 2000,        /* some 50 us: a helper stays awake between the loops of a step */
    SPINS_OF_LEADER = 200 /* then it lets others run: a helper with a chunk may be among them */
};

/* The chunks [next, end) of loop `number`, as number << 32 | end << 16 | next. */
struct part {
    _Alignas(CACHE_LINE) _Atomic uint64_t chunks;
};

struct nl_team {
    int threads;

    /* the loop: written by the leader while no chunk is left */
    nl_parallel_body *body;
    void *context;
    size_t count, chunk;
    _Alignas(CACHE_LINE) atomic_size_t left; /* chunks that are not done */
    atomic_bool short_of_memory;             /* one of them was given up */

    _Alignas(CACHE_LINE) _Atomic uint32_t loop; /* its number; also counted up when the team ends */
    atomic_int helpers, sleeping;
    atomic_bool open;
    pthread_mutex_t lock;                    /* of coming, going and sleeping */
    pthread_cond_t woken, gone;

    struct part part[];
};

static _Thread_local struct nl_team *leads;

static void pause_spinning(void)
{
#if defined(__x86_64__)
    _mm_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

struct nl_team *nl_team_new(int threads)
{
    size_t bytes = sizeof(struct nl_team) + (size_t)threads * sizeof(struct part);
    struct nl_team *team = nl_alloc_aligned(CACHE_LINE, bytes);
    *team = (struct nl_team){.threads = threads};
    for (int i = 0; i < threads; i++)
        atomic_init(&team->part[i].chunks, 0);
    pthread_mutex_init(&team->lock, NULL);
    pthread_cond_init(&team->woken, NULL);
    pthread_cond_init(&team->gone, NULL);
    return team;
}

void nl_team_free(struct nl_team *team)
{
    if (!team)
        return;
    pthread_cond_destroy(&team->gone);
    pthread_cond_destroy(&team->woken);
    pthread_mutex_destroy(&team->lock);
    free(team);
}

/* ---- chunks ---- */

static bool take(struct part *part, bool owner, size_t *chunk)
{
    uint64_t chunks = atomic_load_explicit(&part->chunks, memory_order_relaxed);
    for (;;) {
        uint64_t next = chunks & 0xffff, end = chunks >> 16 & 0xffff;
        if (next >= end)
            return false;
        *chunk = owner ? next : end - 1;
        if (atomic_compare_exchange_weak_explicit(&part->chunks, &chunks, owner ? chunks + 1 : chunks - 0x10000,
                                                  memory_order_acquire, memory_order_relaxed))
            return true;
    }
}

struct range {
    const struct nl_team *team;
    size_t first, end;
    int thread;
};

static int run_range(void *context, struct nl_error *err)
{
    const struct range *range = context;
    (void)err;
    range->team->body(range->team->context, range->first, range->end, range->thread);
    return NL_OK;
}

/* A chunk for which there is no memory is given up, whoever has it: the leader ends with that when the others are
 * done. */
static void work(struct nl_team *team, int thread)
{
    size_t chunk;
    for (int turn = 0; turn < team->threads; turn++) {
        int of = thread + turn < team->threads ? thread + turn : thread + turn - team->threads;
        while (take(&team->part[of], turn == 0, &chunk)) {
            size_t first = chunk * team->chunk, end = first + team->chunk;
            struct range range = {team, first, end < team->count ? end : team->count, thread};
            if (nl_memory_rescue(run_range, &range, NULL))
                atomic_store(&team->short_of_memory, true);
            atomic_fetch_sub_explicit(&team->left, 1, memory_order_release);
        }
    }
}

int nl_team_threads(void)
{
    return leads ? leads->threads : 1;
}

static void wake(struct nl_team *team)
{
    atomic_fetch_add(&team->loop, 1);
    if (atomic_load(&team->sleeping) > 0) {
        pthread_mutex_lock(&team->lock);
        pthread_cond_broadcast(&team->woken);
        pthread_mutex_unlock(&team->lock);
    }
}

void nl_parallel_for(size_t count, size_t grain, nl_parallel_body *body, void *context)
{
    struct nl_team *team = leads;
    size_t threads = team ? 1 + (size_t)atomic_load_explicit(&team->helpers, memory_order_relaxed) : 1;
    if (threads == 1 || count < 2 * grain || count < 2) {
        if (count)
            body(context, 0, count, 0);
        return;
    }
    size_t chunk = (count + threads * CHUNKS - 1) / (threads * CHUNKS);
    team->chunk = chunk < grain ? grain : chunk;
    team->count = count;
    team->body = body;
    team->context = context;
    size_t chunks = (count + team->chunk - 1) / team->chunk;
    uint64_t number = (uint64_t)atomic_load_explicit(&team->loop, memory_order_relaxed) + 1;
    atomic_store_explicit(&team->left, chunks, memory_order_relaxed);
    for (size_t i = 0; i < threads; i++)
        atomic_store_explicit(&team->part[i].chunks,
                              number << 32 | (i + 1) * chunks / threads << 16 | i * chunks / threads,
                              memory_order_release);
    wake(team);
    leads = NULL; /* a loop of the body is the body's own */
    work(team, 0);
    leads = team;
    for (int spins = 0; atomic_load_explicit(&team->left, memory_order_acquire) > 0; spins++)
        if (spins < SPINS_OF_LEADER)
            pause_spinning();
        else
            sched_yield();
    if (atomic_exchange(&team->short_of_memory, false))
        nl_out_of_memory(0);
}

/* ---- coming and going ---- */

void nl_team_begin(struct nl_team *team)
{
    pthread_mutex_lock(&team->lock);
    atomic_store(&team->open, true);
    pthread_mutex_unlock(&team->lock);
    leads = team;
}

void nl_team_end(struct nl_team *team)
{
    leads = NULL;
    pthread_mutex_lock(&team->lock);
    atomic_store(&team->open, false);
    atomic_fetch_add(&team->loop, 1);
    pthread_cond_broadcast(&team->woken);
    while (atomic_load(&team->helpers) > 0)
        pthread_cond_wait(&team->gone, &team->lock);
    pthread_mutex_unlock(&team->lock);
}

static void wait_for_next(struct nl_team *team, uint32_t seen)
{
    for (int spins = 0; spins < SPINS; spins++) {
        if (atomic_load_explicit(&team->loop, memory_order_acquire) != seen)
            return;
        pause_spinning();
    }
    pthread_mutex_lock(&team->lock);
    atomic_fetch_add(&team->sleeping,
                     1); /* before the loop's number is read again: either we see it, or the leader sees us */
    while (atomic_load(&team->loop) == seen)
        pthread_cond_wait(&team->woken, &team->lock);
    atomic_fetch_sub(&team->sleeping, 1);
    pthread_mutex_unlock(&team->lock);
}

void nl_team_help(struct nl_team *team)
{
    pthread_mutex_lock(&team->lock);
    bool joins = atomic_load(&team->open) && atomic_load(&team->helpers) < team->threads - 1;
    int thread = joins ? atomic_fetch_add(&team->helpers, 1) + 1 : 0;
    pthread_mutex_unlock(&team->lock);
    while (joins && atomic_load(&team->open)) {
        uint32_t seen = atomic_load_explicit(&team->loop, memory_order_acquire);
        work(team, thread);
        if (atomic_load(&team->open))
            wait_for_next(team, seen);
    }
    if (!joins)
        return;
    pthread_mutex_lock(&team->lock);
    atomic_fetch_sub(&team->helpers, 1);
    pthread_cond_signal(&team->gone);
    pthread_mutex_unlock(&team->lock);
}
