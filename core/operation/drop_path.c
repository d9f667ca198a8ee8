/* Stochastic depth: a sample's branch of a residual is left out. Backward draws the masks of forward again, so nothing
 * is kept. */
#include "operation/drop_path.h"

#include "base/random.h"
#include "operation/describe.h"
#include "operation/reference.h"

static int declare(void *arguments, const struct nl_extent *in, struct nl_declaration *d, struct nl_error *err)
{
    struct nl_drop_path *drop = arguments;
    (void)err;
    drop->count = nl_elements(in[0]);
    d->output[d->outputs++] = in[0];
    nl_declare_state(d, (struct nl_tensor_spec){
                            .name = "key", .role = NL_STREAM_KEY, .type = NL_TENSOR_UINT32, .dims = 1, .shape = {2}});
    return NL_OK;
}

/* ---- the reference ---- */

static void drop(const struct nl_run *run, const struct nl_drop_path *op, const void *from, void *to)
{
    const real *x = from;
    const uint32_t *key = op->key;
    struct nl_stream stream = {{key[0], key[1]}};
    real *y = to;
    bool drops = nl_is_step(run->statistics) && op->p > 0;
    uint64_t before = nl_elements_before(run, 1);
    for (int n = 0; n < run->samples; n++) {
        bool kept = !drops || nl_stream_uniform(stream, (uint64_t)run->step, before + (uint64_t)n) >= op->p;
        for (size_t i = 0; i < op->count; i++, x++, y++)
            *y = !drops ? *x : kept ? *x / (1.0 - op->p) : 0;
    }
}

static void forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_drop_path *op = arguments;
    drop(run, op, op->x, op->y);
}

static void backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_drop_path *op = arguments;
    drop(run, op, op->dy, op->dx);
}

NL_KERNEL(drop_path) = {.forward = forward, .backward = backward};

static void describe(const void *arguments, struct nl_text *json)
{
    const struct nl_drop_path *op = arguments;
    nl_json_member_number(json, "p", op->p);
}

NL_OPERATION(drop_path) = {
    .name = "drop_path",
    .arguments = sizeof(struct nl_drop_path),
    .span = NL_SPAN_SAMPLE,
    .slots = 1,
    .declare = declare,
    .bound = {NL_BOUND(nl_drop_path, key, state[0], 1), NL_BOUND(nl_drop_path, x, in[0], 1),
              NL_BOUND(nl_drop_path, y, out[0], 1), NL_BOUND(nl_drop_path, dy, d_out[0], 1),
              NL_BOUND(nl_drop_path, dx, d_in[0], 1)},
    .describe = describe,
    .reference = NL_REFERENCES(drop_path),
};
