/* A state that goes on from one step of training to the next. */
#include "operation/carry.h"

#include "operation/reference.h"

static int declare(void *arguments, const struct nl_extent *in, struct nl_declaration *d, struct nl_error *err)
{
    const struct nl_carry *carry = arguments;
    (void)in, (void)err;
    nl_declare_state(
        d, (struct nl_tensor_spec){
               .name = "state", .role = NL_HISTORY, .dims = 2, .shape = {(size_t)carry->rows, (size_t)carry->width}});
    if (!carry->keeps)
        d->output[d->outputs++] = (struct nl_extent){1, 1, carry->width};
    return NL_OK;
}

/* ---- the reference ---- */

static void forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_carry *op = arguments;
    size_t width = (size_t)op->width, count = (size_t)run->samples * width;
    bool steps = nl_is_step(run->statistics);
    const real *x = op->x;
    real *y = op->y;
    real *state = (real *)op->state;
    if (steps)
        state += (size_t)(run->before + run->first) * width;
    for (size_t i = 0; op->keeps && steps && i < count; i++)
        state[i] = x[i];
    for (size_t i = 0; !op->keeps && i < count; i++)
        y[i] = steps && !run->begins ? state[i] : 0;
}

NL_KERNEL(carry) = {.forward = forward};

NL_OPERATION(carry) = {
    .name = "carry",
    .arguments = sizeof(struct nl_carry),
    .span = NL_SPAN_SAMPLE,
    .slots = 1,
    .constants = 1,
    .declare = declare,
    .bound = {NL_BOUND(nl_carry, state, state[0], 1), NL_BOUND(nl_carry, x, in[0], 1),
              NL_BOUND(nl_carry, y, out[0], 1)},
    .reference = NL_REFERENCES(carry),
};
