/* A learned vector in front of each sequence. */
#include "operation/class_token.h"

#include "operation/reference.h"

enum {
    X = NL_CLASS_TOKEN_X,
    WEIGHT = NL_CLASS_TOKEN_WEIGHT,
    LENGTHS = NL_CLASS_TOKEN_LENGTHS,
    Y = NL_CLASS_TOKEN_Y,
    Y_LENGTHS = NL_CLASS_TOKEN_Y_LENGTHS
};

static int declare(void *arguments, const struct nl_extent *in, struct nl_declaration *d, struct nl_error *err)
{
    struct nl_class_token *token = arguments;
    (void)err;
    token->positions = nl_positions(in[X]), token->channels = in[X].channels;
    d->output[d->outputs++] = (struct nl_extent){token->positions + 1, 1, token->channels};
    if (in[LENGTHS].channels > 0)
        d->output[d->outputs++] = (struct nl_extent){1, 1, 1};
    d->parameter[d->parameters++] = (struct nl_tensor_spec){
        .name = "weight", .role = NL_WEIGHT, .slot = WEIGHT, .dims = 2, .shape = {1, (size_t)token->channels}};
    return NL_OK;
}

static double work(const void *arguments)
{
    const struct nl_class_token *token = arguments;
    return 4.0 * (token->positions + 1) * token->channels;
}

/* ---- the reference ---- */

static void forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_class_token *op = arguments;
    int count = op->positions * op->channels;
    const real *x = op->x, *token = op->token;
    real *y = op->y;
    const int32_t *lengths = op->lengths;
    int32_t *y_lengths = op->y_lengths;
    for (int n = 0; n < run->samples; n++) {
        if (y_lengths)
            y_lengths[n] = lengths[n] + 1;
        for (int c = 0; c < op->channels; c++)
            *y++ = token[c];
        for (int i = 0; i < count; i++)
            *y++ = *x++;
    }
}

static void backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_class_token *op = arguments;
    size_t count = (size_t)op->positions * op->channels, sample = count + (size_t)op->channels;
    const real *dy = op->dy;
    real *dx = op->dx, *dtoken = op->dtoken;
    for (int c = 0; dtoken && c < op->channels; c++) {
        accumulator sum = 0;
        for (int n = 0; n < run->samples; n++)
            sum += dy[(size_t)n * sample + c];
        dtoken[c] = sum;
    }
    for (size_t i = 0; dx && i < (size_t)run->samples * count; i++)
        dx[i] = dy[i / count * sample + op->channels + i % count];
}

NL_KERNEL(class_token) = {.forward = forward, .backward = backward};

NL_OPERATION(class_token) = {
    .name = "class_token",
    .arguments = sizeof(struct nl_class_token),
    .span = NL_SPAN_SAMPLE,
    .slots = NL_CLASS_TOKEN_SLOTS,
    .skips = 1u << X,
    .takes_int32 = 1u << LENGTHS,
    .makes_int32 = 1u << Y_LENGTHS,
    .lengths = LENGTHS,
    .new_lengths = Y_LENGTHS,
    .declare = declare,
    .bound = {NL_BOUND(nl_class_token, x, in[X], 3), NL_BOUND(nl_class_token, y, out[Y], 2),
              NL_BOUND(nl_class_token, dy, d_out[Y], 1), NL_BOUND(nl_class_token, dx, d_in[X], 2)},
    .work = work,
    .reference = NL_REFERENCES(class_token),
};
