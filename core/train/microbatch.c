#include "train/microbatch.h"

#include "base/divisor.h"

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* Elements of a sample in what an operation takes, and in what it makes. */
struct elements {
    size_t in, out;
};

static struct elements elements_of(const struct nl_op *op)
{
    switch (op->kind) {
    case NL_CONV_LAYER: {
        const struct nl_conv *c = &op->conv;
        return (struct elements){(size_t)c->height * (size_t)c->width * (size_t)c->in,
                                 (size_t)c->out_height * (size_t)c->out_width * (size_t)c->out};
    }
    case NL_NORM_LAYER: {
        size_t count = (size_t)op->normalize.setup.positions * (size_t)op->normalize.setup.channels;
        return (struct elements){count, count};
    }
    case NL_ACTIVATION_LAYER:
        return (struct elements){op->activate.count, op->activate.count};
    case NL_MAX_POOL_LAYER: {
        const struct nl_max_pool *p = &op->max_pool;
        return (struct elements){(size_t)p->height * (size_t)p->width * (size_t)p->channels,
                                 (size_t)(p->height / 2) * (size_t)(p->width / 2) * (size_t)p->channels};
    }
    case NL_MEAN_POOL_LAYER:
        return (struct elements){(size_t)op->mean_pool.positions * (size_t)op->mean_pool.channels,
                                 (size_t)op->mean_pool.channels};
    case NL_ADD_LAYER: {
        const struct nl_add *a = &op->add;
        size_t count = (size_t)a->height * (size_t)a->width * (size_t)a->channels;
        return (struct elements){count, count};
    }
    case NL_DROPOUT_LAYER:
        return (struct elements){op->dropout.count, op->dropout.count};
    case NL_LINEAR_LAYER:
        break;
    }
    return (struct elements){0, 0};
}

static struct nl_micro micro_of(const struct nl_op *op)
{
    return op->kernel->micro ? op->kernel->micro(nl_op_arguments(op)) : (struct nl_micro){.unit = 1};
}

void nl_find_microbatch(const struct nl_backend *backend, struct nl_pass *pass, bool evaluates)
{
    size_t largest = 1;
    int unit = 1, i = 0;
    bool if_fixed = false, reduces = false;
    for (; backend->micro_bytes > 0 && i < pass->ops; i++) {
        const struct nl_op *op = &pass->op[i];
        bool may_be_fixed = evaluates && op->kind == NL_NORM_LAYER && op->normalize.norm->tracks;
        struct nl_micro micro = may_be_fixed ? (struct nl_micro){.unit = 1} : micro_of(op);
        int wanted = micro.unit;
        if (wanted == 0)
            break;
        if_fixed |= may_be_fixed;
        reduces |= micro.reduces;
        if (!evaluates) /* sums over samples are those of gradients */
            unit *= wanted / (int)nl_greatest_divisor((size_t)unit, (size_t)wanted);
        struct elements elements = elements_of(op);
        largest = larger(largest, larger(elements.in, elements.out) * backend->real);
    }
    size_t fit = backend->micro_bytes / largest / (size_t)unit * (size_t)unit;
    bool ends = i < pass->ops && pass->op[i].kind == NL_LINEAR_LAYER; /* else inside of a residual block, perhaps */
    bool pays = i > 1 && fit > 0 && fit < (size_t)pass->capacity;
    pass->micro = pass->capacity;
    if (!ends || !pays)
        return;
    pass->local = i;
    pass->micro = (int)fit;
    pass->if_fixed = if_fixed;
    pass->reduces = reduces;
}

size_t nl_microbatch_sums(const struct nl_op *op)
{
    return micro_of(op).sums;
}

/* The place of a sample so many bytes further. Buffers that take turns have no more than one micro-batch in them. */
static void *at(const struct nl_pass *pass, const void *place, size_t bytes)
{
    const char *from = place, *shared = pass->shared;
    bool takes_turns = from >= shared && from < shared + pass->shared_bytes;
    return (void *)(uintptr_t)(!from || takes_turns ? from : from + bytes);
}

#define MOVE(place, bytes) ((place) = at(pass, (place), (bytes)))
/* Every operation calls its ends so. */
#define MOVE_ENDS(op) (MOVE((op).x, in), MOVE((op).y, out), MOVE((op).dy, out), MOVE((op).dx, in))

struct nl_op nl_microbatch_op(const struct nl_backend *backend, const struct nl_pass *pass, int number, int first)
{
    struct nl_op op = pass->op[number];
    struct elements elements = elements_of(&op);
    size_t in = (size_t)first * elements.in * backend->real, out = (size_t)first * elements.out * backend->real;
    switch (op.kind) {
    case NL_CONV_LAYER:
        MOVE_ENDS(op.conv);
        break;
    case NL_NORM_LAYER: {
        struct nl_normalize *n = &op.normalize;
        int sets = first == 0 || pass->reduces || pass->if_fixed ? 0 : nl_normalize_sets(n, first);
        MOVE_ENDS(*n);
        MOVE(n->residual, in);
        MOVE(n->dresidual, in);
        n->mean = (char *)n->mean + (size_t)sets * backend->statistic;
        n->var = (char *)n->var + (size_t)sets * backend->statistic;
        break;
    }
    case NL_ACTIVATION_LAYER:
        MOVE_ENDS(op.activate);
        break;
    case NL_MAX_POOL_LAYER:
        MOVE_ENDS(op.max_pool);
        break;
    case NL_MEAN_POOL_LAYER:
        MOVE_ENDS(op.mean_pool);
        break;
    case NL_ADD_LAYER: {
        struct nl_add *a = &op.add;
        size_t from = (size_t)first * (size_t)a->from_height * (size_t)a->from_width * (size_t)a->from_channels * backend->real;
        MOVE(a->a, in);
        MOVE(a->b, from);
        MOVE(a->y, in);
        MOVE(a->dy, in);
        MOVE(a->da, in);
        MOVE(a->db, from);
        break;
    }
    case NL_DROPOUT_LAYER:
        MOVE_ENDS(op.dropout);
        break;
    case NL_LINEAR_LAYER:
        break;
    }
    if (op.joins) {
        MOVE(op.join.a, in);
        MOVE(op.join.b, in);
        MOVE(op.join.y, in);
    }
    return op;
}
