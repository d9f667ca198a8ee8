/* A convolution in one launch with what batch normalization does beside it. A launch for each costs more than a
 * microsecond, reads and writes the activations, and ends before the next begins. The calls of a list, as they come:
 *
 *     forward     [apply of a normalizer] convolution [reduce of the next one]
 *     backward    [apply of a normalizer's backward] [apply of the one before, whose y is made again] convolution
 * [reduce of that one's backward]
 *
 * What `apply` makes is computed on the way into the product, and never written, where nobody else takes it. What
 * `reduce` sums up is summed of each tile as soon as it is written. The bits are those of the calls one by one. */
#include "backend/cuda/conv.cuh"
#include "backend/cuda/normalize_joined.cuh"

using namespace nl_columns;

extern "C" {
extern const struct nl_kernel nl_cuda_conv, nl_cuda_normalize;
}

/* Calls that one launch makes. NULL: there is none. */
struct neighbours {
    const struct nl_call *dy, *x, *conv, *sums;
};

static bool is(const struct nl_call *call, const struct nl_call *end, nl_kernel_function *function)
{
    return call < end && call->function == function;
}

static const struct nl_normalize *normalizer_of(const struct nl_call *call)
{
    return call ? (const struct nl_normalize *)call->arguments : NULL;
}

/* Whether nobody needs what the call makes but another, later one. */
static bool is_for(const struct nl_call *call, const struct nl_call *taker)
{
    return call->until == taker - call;
}

/* Finds the calls that the first one begins, or, where it begins none, none. Returns the first call after them. */
static const struct nl_call *find_neighbours(const struct nl_call *call, const struct nl_call *end,
                                             struct neighbours *n)
{
    *n = {};
    if (is(call, end, nl_cuda_normalize.backward_apply))
        n->dy = call++;
    if (is(call, end, nl_cuda_normalize.apply))
        n->x = call++;
    bool back = is(call, end, nl_cuda_conv.backward);
    if (!back && !is(call, end, nl_cuda_conv.forward))
        return NULL;
    const struct nl_conv *conv = (const struct nl_conv *)call->arguments;
    const struct nl_normalize *dy = normalizer_of(n->dy), *x = normalizer_of(n->x);
    bool joins = (!dy || (back && dy->dx == conv->dy && is_for(n->dy, call))) &&
                 (!x || (x->y == conv->x && !x->residual && is_for(n->x, call)));
    if (!joins)
        return NULL;
    n->conv = call++;
    const struct nl_normalize *sums =
        normalizer_of(is(call, end, back ? nl_cuda_normalize.backward_reduce : nl_cuda_normalize.reduce) ? call : NULL);
    if (sums && (back ? sums->dy == conv->dx : sums->x == conv->y))
        n->sums = call++;
    return n->dy || n->x || n->sums ? call : NULL;
}

static struct normalized source_of_x(const struct nl_run *run, const struct nl_conv *op, const struct nl_call *x)
{
    if (!x)
        return {(const float *)op->x, false, {}, {}};
    return {(const float *)normalizer_of(x)->x, true, joined_of(run, normalizer_of(x)), {}};
}

static struct normalized_gradient source_of_dy(const struct nl_run *run, const struct nl_conv *op,
                                               const struct nl_call *dy)
{
    if (!dy)
        return {(const float *)op->dy, false, NULL, {}, {}};
    return gradient_by(run, normalizer_of(dy));
}

template <class Rows>
static struct sums_after<Rows> sums_by(const struct nl_run *run, const struct nl_call *sums, bool wanted) {
    if (!sums)
        return {};
    return sums_of<Rows>(run, normalizer_of(sums), wanted);
}

static void
make_together(const struct nl_run *run, const struct neighbours *n)
{
    const struct nl_conv *op = (const struct nl_conv *)n->conv->arguments;
    struct normalized x = source_of_x(run, op, n->x);
    if (n->conv->function == nl_cuda_conv.forward) {
        bool moves = n->sums && !nl_normalize_is_fixed(normalizer_of(n->sums), run);
        conv_forward(run, op, x, sums_by<moments_of_rows>(run, n->sums, moves));
    } else {
        conv_backward(run, op, x, source_of_dy(run, op, n->dy), sums_by<gradients_of_rows>(run, n->sums, true));
    }
}

extern "C" void nl_cuda_run_calls(const struct nl_run *run, const struct nl_call *call, int calls)
{
    for (const struct nl_call *end = call + calls, *next; call < end; call = next) {
        struct neighbours n;
        next = find_neighbours(call, end, &n);
        if (next) {
            make_together(run, &n);
        } else {
            call->function(run, call->arguments);
            next = call + 1;
        }
    }
}
