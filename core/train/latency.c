/* Times networks in turn, and takes medians. */
#include "train/latency.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/sorted.h"

/* A turn: so many blocks of passes, of which the median counts, so that a pause of the machine within one does not. */
struct turn {
    int samples, passes, blocks;
};

/* What is timed of one network, round after round. */
struct timed {
    struct nl_scorer *scorer;
    const struct nl_program *program;
    struct turn single, batch;
    double *of_single, *of_batch; /* (rounds) seconds of a pass */
    double *by_instruction;       /* (rounds, instructions) */
};

enum { MOST_BLOCKS = 25, MOST_PASSES = 1000 };

/* How often `seconds` go into `whole`, from 1 to `most`. */
static int times_in(double seconds, double whole, int most)
{
    return seconds * most < whole ? most : seconds < whole ? (int)(whole / seconds) : 1;
}

/* A block is long beside the ticks of the clock, and a turn is short. */
static struct turn turn_of(struct nl_scorer *scorer, enum nl_part part, int samples)
{
    const double block = 5e-5, whole = 0.01;
    struct turn turn = {.samples = samples};
    double least = INFINITY;
    for (int i = 0; i < 4; i++) /* of which the first finds memory and caches as none that follows */
        least = fmin(least, nl_scorer_time(scorer, part, samples, 1, NULL));
    turn.passes = times_in(least, block, MOST_PASSES);
    turn.blocks = times_in(least * turn.passes, whole, MOST_BLOCKS);
    return turn;
}

/* Seconds of a pass. */
static double take(struct nl_scorer *scorer, enum nl_part part, const struct turn *turn)
{
    double seconds[MOST_BLOCKS];
    for (int i = 0; i < turn->blocks; i++)
        seconds[i] = nl_scorer_time(scorer, part, turn->samples, turn->passes, NULL) / turn->passes;
    nl_sort(seconds, (size_t)turn->blocks);
    return nl_quantile_sorted(seconds, (size_t)turn->blocks, 0.5);
}

static void take_turn(struct timed *t, enum nl_part part, int round)
{
    size_t instructions = (size_t)t->program->instructions;
    t->of_single[round] = take(t->scorer, part, &t->single);
    t->of_batch[round] = take(t->scorer, part, &t->batch);
    nl_scorer_time(t->scorer, part, t->batch.samples, 1, t->by_instruction + (size_t)round * instructions);
}

/* Sorts them. */
static struct nl_quartiles quartiles_of(double *values, int count)
{
    nl_sort(values, (size_t)count);
    return (struct nl_quartiles){nl_quantile_sorted(values, (size_t)count, 0.25),
                                 nl_quantile_sorted(values, (size_t)count, 0.5),
                                 nl_quantile_sorted(values, (size_t)count, 0.75)};
}

static int longest_first(const void *left, const void *right)
{
    const struct nl_operation_time *a = left, *b = right;
    double apart = b->seconds.median - a->seconds.median;
    return apart > 0 ? 1 : apart < 0 ? -1 : strcmp(a->operation, b->operation);
}

/* The sums over the calls of each operation that a pass makes. */
static void add_up(const struct timed *t, int rounds, struct nl_latency *out)
{
    const struct nl_program *program = t->program;
    double *seconds = nl_alloc((size_t)rounds, sizeof *seconds);
    int forward = program->chain[program->forward_chains - 1].end;
    out->operation = nl_alloc((size_t)forward, sizeof *out->operation);
    for (int i = 0; i < forward; i++) {
        const char *name = program->instruction[i].operation->name;
        struct nl_operation_time *at = &out->operation[out->operations];
        bool counted = false;
        for (int k = 0; k < out->operations; k++)
            counted |= strcmp(out->operation[k].operation, name) == 0;
        if (counted)
            continue;
        memset(seconds, 0, (size_t)rounds * sizeof *seconds);
        at->operation = name;
        for (int k = i; k < forward; k++) {
            if (strcmp(program->instruction[k].operation->name, name) != 0)
                continue;
            at->instructions++;
            for (int round = 0; round < rounds; round++)
                seconds[round] += t->by_instruction[(size_t)round * (size_t)program->instructions + (size_t)k];
        }
        at->seconds = quartiles_of(seconds, rounds);
        out->operations++;
    }
    qsort(out->operation, (size_t)out->operations, sizeof *out->operation, longest_first);
    free(seconds);
}

int nl_latency_measure(struct nl_scorer *const scorer[], int count, enum nl_part part, int samples, int rounds,
                       struct nl_latency out[], struct nl_error *err)
{
    struct timed *timed = nl_alloc((size_t)count, sizeof *timed);
    int status = NL_OK;
    for (int i = 0; i < count; i++) {
        const struct nl_program *program = nl_scorer_program(scorer[i]);
        NL_ASSERT(samples <= nl_scorer_room(scorer[i]));
        timed[i] =
            (struct timed){.scorer = scorer[i],
                           .program = program,
                           .single = turn_of(scorer[i], part, 1),
                           .batch = turn_of(scorer[i], part, samples),
                           .of_single = nl_alloc((size_t)rounds, sizeof(double)),
                           .of_batch = nl_alloc((size_t)rounds, sizeof(double)),
                           .by_instruction = nl_alloc((size_t)rounds * (size_t)program->instructions, sizeof(double))};
    }
    for (int round = 0; round < rounds; round++)
        for (int turn = 0; turn < count; turn++)
            take_turn(&timed[(round + turn) % count], part, round);
    for (int i = 0; i < count; i++) {
        out[i] = (struct nl_latency){.single = quartiles_of(timed[i].of_single, rounds),
                                     .batch = quartiles_of(timed[i].of_batch, rounds)};
        add_up(&timed[i], rounds, &out[i]);
        status = status == NL_OK ? nl_scorer_status(scorer[i], err) : status;
        free(timed[i].of_single);
        free(timed[i].of_batch);
        free(timed[i].by_instruction);
    }
    free(timed);
    return status;
}

void nl_latency_release(struct nl_latency *latency)
{
    free(latency->operation);
    latency->operation = NULL;
}
