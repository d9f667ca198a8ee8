/* A normalizer whose sets are blocks (norm/norm.h), with the sum at the end of a residual block and the ReLU that
 * fusion may put into it. */
#include "operation/normalize.h"

#include "norm/momentum.h"
#include "operation/affine.h"
#include "operation/describe.h"
#include "operation/reference.h"

enum {
    X = NL_NORMALIZE_X,
    GAMMA = NL_NORMALIZE_GAMMA,
    BETA = NL_NORMALIZE_BETA,
    RESIDUAL = NL_NORMALIZE_RESIDUAL,
    LENGTHS = NL_NORMALIZE_LENGTHS
};
enum { MEAN, VAR, COEFFICIENTS };
enum { TRACKED = 6 }; /* states of a normalizer that tracks, before those that only some have */

static void add_state(struct nl_declaration *d, struct nl_tensor_spec spec, size_t count)
{
    spec.dims = count > 0;
    spec.shape[0] = count;
    nl_declare_state(d, spec);
}

static int declare(void *arguments, const struct nl_extent *in, struct nl_declaration *d, struct nl_error *err)
{
    struct nl_normalize *n = arguments;
    (void)err;
    size_t channels = (size_t)in[X].channels;
    n->setup.positions = nl_positions(in[X]);
    n->setup.channels = in[X].channels;
    n->has_lengths = in[LENGTHS].channels > 0;
    d->output[d->outputs++] = in[X];
    nl_declare_gamma(d, GAMMA, (size_t)n->affine_count, &in[X]);
    if (n->norm->shifts)
        nl_declare_beta(d, BETA, (size_t)n->affine_count, &in[X]);
    for (int i = 0; i < d->parameters; i++)
        d->parameter[i].freezes = n->freezes;
    if (!n->norm->tracks)
        return NL_OK;
    add_state(d, (struct nl_tensor_spec){.name = "running_mean", .role = NL_RUNNING, .saved = true}, channels);
    add_state(d, (struct nl_tensor_spec){.name = "running_var", .role = NL_RUNNING, .initial = 1, .saved = true},
              channels);
    add_state(d,
              (struct nl_tensor_spec){
                  .name = "num_batches_tracked", .role = NL_UPDATES, .type = NL_TENSOR_INT64, .saved = true},
              0);
    add_state(d, (struct nl_tensor_spec){.name = "precise_mean", .role = NL_PRECISE, .type = NL_TENSOR_DOUBLE},
              channels);
    add_state(d, (struct nl_tensor_spec){.name = "precise_var", .role = NL_PRECISE, .type = NL_TENSOR_DOUBLE},
              channels);
    add_state(d, (struct nl_tensor_spec){.name = "precise_count", .role = NL_PRECISE_COUNT, .type = NL_TENSOR_DOUBLE},
              0);
    if (n->learns_momentum)
        nl_declare_state(d, (struct nl_tensor_spec){.name = "learned_momentum",
                                                    .role = NL_RUNNING,
                                                    .saved = true,
                                                    .dims = 2,
                                                    .shape = {NL_MOMENTUM_ROWS, channels}});
    if (n->history > 0)
        nl_declare_state(d, (struct nl_tensor_spec){.name = "history",
                                                    .role = NL_RUNNING,
                                                    .saved = true,
                                                    .dims = 3,
                                                    .shape = {2, (size_t)n->history, channels}});
    return NL_OK;
}

static void prepare(void *arguments, int capacity, bool evaluates)
{
    struct nl_normalize *n = arguments;
    n->setup.samples = capacity;
    if (evaluates)
        n->setup.stat_batch = 0, n->workers = 1; /* evaluation groups samples by itself */
}

static void complete(void *arguments, const struct nl_operands *at)
{
    struct nl_normalize *n = arguments;
    if (!n->residual)
        n->residual = n->dresidual; /* backward asks only whether there is one */
    n->learned = n->learns_momentum ? at->state[TRACKED] : NULL;
    n->averaged = n->history > 0 ? at->state[TRACKED + n->learns_momentum] : NULL;
}

/* The mask of a ReLU after a sum is that of the output: the sum is not made again. */
static struct nl_reads reads(const void *arguments, unsigned filled)
{
    (void)arguments;
    return (struct nl_reads){.inputs = 1u << X | 1u << GAMMA | 1u << BETA | 1u << LENGTHS,
                             .outputs = (filled & 1u << RESIDUAL) != 0};
}

static struct nl_sharing sharing(const void *arguments, unsigned filled)
{
    (void)arguments;
    return (struct nl_sharing){.gradient = filled & 1u << RESIDUAL ? 1u << RESIDUAL : 1u << X};
}

static size_t saved_bytes(const void *arguments, int number, int samples, size_t statistic)
{
    const struct nl_normalize *n = arguments;
    size_t numbers = number < COEFFICIENTS ? 1 : nl_normalize_keeps_coefficients(n) ? 4 : 0;
    return numbers * (size_t)nl_normalize_sets(n, samples) * statistic;
}

static bool is_apart(const void *arguments)
{
    const struct nl_normalize *n = arguments;
    struct nl_norm_setup setup = n->setup;
    setup.samples = 2;
    return !n->norm->tracks && n->norm->partition(&setup).samples == 1;
}

static bool may_be_fixed(const void *arguments)
{
    const struct nl_normalize *n = arguments;
    return n->norm->tracks;
}

static double work(const void *arguments)
{
    const struct nl_normalize *n = arguments;
    return 4.0 * n->setup.positions * n->setup.channels;
}

/* Describes the sets and the general form of norm/coefficients.h: what evaluation subtracts of the center, and
 * multiplies with. `standard` says that training has nothing more to know but momentum. */
static void describe(const void *arguments, struct nl_text *json)
{
    static const char *const spreads[] = {
        [NL_SPREAD_POWER] = "power", [NL_SPREAD_LARGEST] = "largest", [NL_SPREAD_NONE] = "none"};
    const struct nl_normalize *n = arguments;
    const struct nl_norm *norm = n->norm;
    struct nl_norm_setup setup = n->setup;
    setup.samples = 2, setup.stat_batch = 0; /* as evaluation has it: more than a sample's own */
    struct nl_partition sets = norm->partition(&setup);
    struct nl_set_coefficients c = {1, 1, 1, 0};
    struct nl_set_statistics ones = {.center = 1,
                                     .spread = 1,
                                     .running_center = 1,
                                     .running_spread = 1,
                                     .numbers = (const double[NL_NORM_NUMBERS]){[NL_R_MAX] = 1}};
    if (NL_COEFFICIENTS_OF(norm))
        c = NL_COEFFICIENTS_OF(norm)->forward(norm, &ones);
    bool varies = n->setup.stat_batch || n->detached || n->learns_momentum || n->freezes || n->trains_running ||
                  n->workers > 1 || n->history;
    nl_json_member(json, "kind", norm->name);
    nl_json_member_number(json, "samples", sets.samples > 1);
    nl_json_member_number(json, "positions", sets.positions);
    nl_json_member_number(json, "channels", sets.channels);
    nl_json_member_number(json, "centers", norm->centers);
    nl_json_member(json, "spread", spreads[norm->spread]);
    nl_json_member_number(json, "power", nl_power(norm));
    nl_json_member_number(json, "shift", nl_real_part(c.shift));
    nl_json_member_number(json, "factor", nl_real_part(c.factor));
    nl_json_member_number(json, "eps_outside", n->eps_outside);
    nl_json_member_number(json, "unbiased", n->unbiased && nl_norm_spread_is_variance(norm));
    nl_json_member_number(json, "standard", !NL_COEFFICIENTS_OF(norm) && !varies);
    nl_describe_override(json, "eps", n->eps);
    nl_describe_override(json, "momentum", n->momentum);
}

NL_DECLARE_REFERENCES(normalize);

NL_OPERATION(normalize) = {
    .name = "normalize",
    .arguments = sizeof(struct nl_normalize),
    .span = NL_SPAN_BATCH,
    .slots = NL_NORMALIZE_SLOTS,
    .reduced = 1u << RESIDUAL,
    .skips = 1u << X,
    .takes_int32 = 1u << LENGTHS,
    .lengths = LENGTHS,
    .saved = NL_NORMALIZE_SAVED,
    .declare = declare,
    .prepare = prepare,
    .bound = {NL_BOUND(nl_normalize, lengths, in[LENGTHS], 1), NL_BOUND(nl_normalize, x, in[X], 4),
              NL_BOUND(nl_normalize, y, out[0], 1), NL_BOUND(nl_normalize, mean, saved[MEAN], 3),
              NL_BOUND(nl_normalize, running_mean, state[0], 2), NL_BOUND(nl_normalize, updates, state[2], 4),
              NL_BOUND(nl_normalize, hyper, hyper, 1), NL_BOUND(nl_normalize, dy, d_out[0], 1),
              NL_BOUND(nl_normalize, dx, d_in[X], 4), NL_BOUND(nl_normalize, sums, sums, 1)},
    .complete = complete,
    .reads = reads,
    .sharing = sharing,
    .saved_bytes = saved_bytes,
    .is_apart = is_apart,
    .may_be_fixed = may_be_fixed,
    .work = work,
    .describe = describe,
    .reference = NL_REFERENCES(normalize),
};
