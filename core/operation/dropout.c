/* Dropout. Backward draws the mask of forward again, so nothing is kept. */
#include "operation/dropout.h"

#include "base/random.h"
#include "operation/describe.h"
#include "operation/reference.h"

static int declare(void *arguments, const struct nl_extent *in, struct nl_declaration *d, struct nl_error *err)
{
    struct nl_dropout *dropout = arguments;
    (void)err;
    dropout->count = nl_elements(in[0]);
    d->output[d->outputs++] = in[0];
    nl_declare_state(d, (struct nl_tensor_spec){
                            .name = "key", .role = NL_STREAM_KEY, .type = NL_TENSOR_UINT32, .dims = 1, .shape = {2}});
    return NL_OK;
}

static double work(const void *arguments)
{
    const struct nl_dropout *dropout = arguments;
    return 4.0 * (double)dropout->count;
}

/* ---- the reference ---- */

static void drop(const struct nl_run *run, const struct nl_dropout *op, const void *from, void *to)
{
    const real *x = from;
    const uint32_t *key = op->key;
    const struct nl_hyper *hyper = op->hyper;
    struct nl_stream stream = {{key[0], key[1]}};
    real *y = to;
    double p = nl_override_or(op->p, hyper->dropout);
    bool drops = nl_is_step(run->statistics) && p > 0;
    uint64_t before = nl_elements_before(run, op->count);
    for (size_t i = 0; i < (size_t)run->samples * op->count; i++) {
        bool kept = !drops || nl_stream_uniform(stream, (uint64_t)run->step, before + i) >= p;
        y[i] = !drops ? x[i] : kept ? x[i] / (1.0 - p) : 0;
    }
}

static void forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_dropout *op = arguments;
    drop(run, op, op->x, op->y);
}

static void backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_dropout *op = arguments;
    drop(run, op, op->dy, op->dx);
}

NL_KERNEL(dropout) = {.forward = forward, .backward = backward};

static void describe(const void *arguments, struct nl_text *json)
{
    const struct nl_dropout *op = arguments;
    nl_describe_override(json, "p", op->p);
}

NL_OPERATION(dropout) = {
    .name = "dropout",
    .arguments = sizeof(struct nl_dropout),
    .span = NL_SPAN_SAMPLE,
    .slots = 1,
    .declare = declare,
    .bound = {NL_BOUND(nl_dropout, key, state[0], 1), NL_BOUND(nl_dropout, hyper, hyper, 1),
              NL_BOUND(nl_dropout, x, in[0], 1), NL_BOUND(nl_dropout, y, out[0], 1),
              NL_BOUND(nl_dropout, dy, d_out[0], 1), NL_BOUND(nl_dropout, dx, d_in[0], 1)},
    .work = work,
    .describe = describe,
    .reference = NL_REFERENCES(dropout),
};
