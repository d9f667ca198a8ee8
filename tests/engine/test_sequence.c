/* Networks of the operations of sequences as PyTorch computes them in float64: loss and gradients, on ref to 1e-10 and
 * on the others to float32's rounding. tests/golden/sequence.py made the numbers, for the networks of
 * sequence.cases. */
#include <math.h>

#include "building.h"
#include "golden.h"
#include "model/model.h"
#include "networks.h"
#include "operation/attention.h"
#include "operation/class_token.h"
#include "operation/embedding.h"
#include "operation/gate.h"
#include "operation/mean_pool.h"
#include "operation/positions.h"
#include "operation/split.h"
#include "operation/squared_error.h"
#include "operation/take.h"
#include "suite.h"

static struct golden sequences;

/* A network under construction. */
struct builder {
    struct nl_graph *graph;
    int at, kept, table; /* values */
    int vocabulary;
    bool squared;
};

static int number_in(const struct golden_case *golden, const char *key, int otherwise)
{
    size_t length = strlen(key);
    for (int i = 0; i < golden->words; i++)
        if (strncmp(golden->word[i], key, length) == 0 && golden->word[i][length] == '=')
            otherwise = atoi(golden->word[i] + length + 1);
    return otherwise;
}

static enum nl_activation activation_of(const char *name)
{
    static const char *const names[] = {
        [NL_RELU] = "relu", [NL_SIGMOID] = "sigmoid", [NL_TANH] = "tanh", [NL_GELU] = "gelu", [NL_SILU] = "silu"};
    for (int i = 0; i < (int)(sizeof names / sizeof *names); i++)
        if (strncmp(name, names[i], strlen(names[i])) == 0)
            return (enum nl_activation)i;
    ck_abort_msg("activation '%s'", name);
}

static enum nl_gelu gelu_of(const char *name)
{
    return strcmp(name, "gelu_tanh") == 0 ? NL_GELU_TANH : NL_GELU_ERF;
}

static int one(const struct builder *b, const struct nl_operation *operation, const void *arguments, const char *name)
{
    return add(b->graph, operation, arguments, name, 1, (int[]){b->at}, 0);
}

static int by_position(const struct builder *b, int out, const char *name)
{
    return one(b, &nl_linear_operation, &(struct nl_linear){.out = out, .by_position = true}, name);
}

static void add_attention(struct builder *b, const char *told, bool normalizes, const char *name)
{
    char in[32], q_name[32], k_name[32];
    struct nl_attention attention = {
        .heads = atoi(told), .causal = strchr(told, 'c') != NULL, .rotary = strchr(told, 'r') != NULL};
    if (!normalizes) {
        b->at = one(b, &nl_attention_operation, &attention, name);
        return;
    }
    snprintf(in, sizeof in, "%s.in", name);
    snprintf(q_name, sizeof q_name, "%s.q", name);
    snprintf(k_name, sizeof k_name, "%s.k", name);
    int lengths = b->graph->value[b->at].lengths;
    b->at = by_position(b, 3 * nl_extent_of(b->graph, b->at)->channels, in);
    int q = one(b, &nl_split_operation, &(struct nl_split_channels){.parts = 3, .heads = attention.heads}, "split");
    const int *out = b->graph->node[b->graph->nodes - 1].out;
    int k = out[1], v = out[2];
    struct nl_normalize rms = {.norm = &nl_norm_rms,
                               .setup = {.groups = 1, .over_position = true},
                               .affine_count = nl_extent_of(b->graph, q)->channels};
    q = add(b->graph, &nl_normalize_operation, &rms, q_name, 1, (int[]){q}, 0);
    k = add(b->graph, &nl_normalize_operation, &rms, k_name, 1, (int[]){k}, 0);
    b->at = add(b->graph, &nl_attention_operation, &attention, name, 4, (int[]){q, k, v, lengths}, 0);
}

static void add_layer(struct builder *b, const char *word, int number)
{
    char name[16], kind[16];
    const char *colon = strchr(word, ':'), *told = colon ? colon + 1 : "";
    snprintf(name, sizeof name, "l%d", number);
    snprintf(kind, sizeof kind, "%.*s", (int)(colon ? colon - word : (long)strlen(word)), word);
    if (!strcmp(kind, "embed")) {
        b->at = one(b, &nl_embedding_operation,
                    &(struct nl_embedding){.vocabulary = b->vocabulary, .channels = atoi(told)}, name);
        b->table = taken(b->graph, b->at, NL_EMBEDDING_WEIGHT);
    } else if (!strcmp(kind, "linear")) {
        b->at = by_position(b, atoi(told), name);
    } else if (!strcmp(kind, "tied")) {
        b->at = add(b->graph, &nl_linear_operation, &(struct nl_linear){.out = b->vocabulary, .by_position = true},
                    name, 2, (int[]){b->at, b->table}, WITHOUT_BIAS);
    } else if (!strcmp(kind, "learned") || !strcmp(kind, "sin")) {
        b->at =
            one(b, &nl_positions_operation, &(struct nl_position_encoding){.sinusoidal = !strcmp(kind, "sin")}, name);
    } else if (!strcmp(kind, "cls")) {
        b->at = one(b, &nl_class_token_operation, NULL, name);
    } else if (!strcmp(kind, "attn") || !strcmp(kind, "qkv")) {
        add_attention(b, told, !strcmp(kind, "qkv"), name);
    } else if (!strcmp(kind, "gate")) {
        b->at = one(b, &nl_gate_operation, &(struct nl_gate){.kind = activation_of(told), .gelu = gelu_of(told)}, name);
    } else if (!strcmp(kind, "act")) {
        b->at = one(b, &nl_activate_operation,
                    &(struct nl_activate){.kind = activation_of(told), .gelu = gelu_of(told)}, name);
    } else if (!strcmp(kind, "keep")) {
        b->kept = b->at;
    } else if (!strcmp(kind, "add")) {
        b->at = sum(b->graph, b->at, b->kept, name);
    } else if (!strcmp(kind, "first") || !strcmp(kind, "last")) {
        b->at = one(b, &nl_take_operation, &(struct nl_take){.last = !strcmp(kind, "last")}, name);
    } else if (!strcmp(kind, "mean")) {
        b->at = one(b, &nl_mean_pool_operation, NULL, name);
    } else {
        ck_assert_str_eq(kind, "squared");
        b->squared = true;
    }
}

static void build(const struct golden_case *golden, struct nl_graph *graph)
{
    int positions = number_in(golden, "positions", 0), layer = 0, lengths = NL_NONE;
    struct builder b = {.graph = graph, .vocabulary = number_in(golden, "vocabulary", 0)};
    nl_graph_begin(graph);
    if (number_in(golden, "lengths", 0))
        lengths = nl_graph_add_input(graph, "lengths", NL_TENSOR_INT32, (struct nl_extent){1, 1, 1}, NL_NONE);
    struct nl_extent x = {positions, 1, b.vocabulary ? 1 : number_in(golden, "channels", 0)};
    b.at = nl_graph_add_input(graph, "x", b.vocabulary ? NL_TENSOR_INT32 : NL_TENSOR_REAL, x, lengths);
    for (int i = 0; i < golden->words; i++)
        if (!strchr(golden->word[i], '='))
            add_layer(&b, golden->word[i], layer++);
    if (b.squared)
        nl_graph_end_with(graph, &nl_squared_error_operation, NULL, b.at);
    else
        nl_graph_end(graph, b.at);
}

/* ---- the formulas of sequence.py ---- */

static void put_parameters(const struct running *run)
{
    double *values = nl_alloc(run->graph.count, sizeof *values);
    for (int i = 0; i < run->graph.tensors; i++) {
        const struct nl_tensor *tensor = &run->graph.tensor[i];
        for (size_t e = 0; e < tensor->count; e++)
            values[tensor->offset + nl_tensor_place(tensor, e)] =
                sin((double)e + 1 + 100 * i) / sqrt((double)tensor->spec.shape[tensor->spec.dims - 1]);
    }
    running_put(run, run->places.parameters, 0, values, run->graph.count);
    free(values);
}

static int32_t id_at(const struct golden_case *golden, const char *input, int at)
{
    int positions = number_in(golden, "positions", 0);
    if (strcmp(input, "lengths") == 0) /* positions - 3 at, and none of it below 0 */
        return (positions + 3 * at * positions) % (positions + 1);
    if (strcmp(input, "labels") == 0)
        return (7 * at + at / 3 + 2) % number_in(golden, "classes", 0);
    return (5 * at + at / 3) % number_in(golden, "vocabulary", 1);
}

static void put_inputs(const struct running *run, const struct golden_case *golden)
{
    for (int i = 0; i < run->graph.inputs; i++) {
        const char *name = run->graph.input[i].name;
        const struct nl_value *value = &run->graph.value[run->graph.input[i].value];
        size_t count = (size_t)run->samples * value->count;
        double *reals = nl_alloc(count, sizeof *reals);
        for (size_t at = 0; at < count; at++) {
            reals[at] = strcmp(name, "x") == 0 ? sin(1.3 * (double)at + 1) : cos((double)at + 2);
            if (value->type == NL_TENSOR_INT32)
                ((int32_t *)run->input[i])[at] = id_at(golden, name, (int)at);
        }
        if (value->type == NL_TENSOR_REAL)
            running_put(run, run->input[i], 0, reals, count);
        free(reals);
    }
}

/* ---- tests ---- */

static void expect_gradients(const struct running *run, const struct golden_case *golden, double bound)
{
    double *found = running_get(run, run->places.gradients, 0, run->graph.count), largest = 0;
    for (int second = 0; second < 2; second++)
        for (int i = 0; i < run->graph.tensors; i++) {
            const struct nl_tensor *tensor = &run->graph.tensor[i];
            char name[128];
            snprintf(name, sizeof name, "grad.%s", tensor->name);
            const double *wanted = golden_stored(&sequences, golden, name, tensor->count);
            for (size_t e = 0; e < tensor->count; e++) {
                double value = found[tensor->offset + nl_tensor_place(tensor, e)];
                if (!second)
                    largest = fmax(largest, fabs(wanted[e]));
                else
                    ck_assert_msg(fabs(value - wanted[e]) <= bound * largest, "%s on %s: %s: %.15g, not %.15g",
                                  golden->name, run->backend->name, name, value, wanted[e]);
            }
        }
    ck_assert_double_gt(largest, 0);
    free(found);
}

START_TEST(networks_are_those_of_pytorch)
{
    const struct golden_case *golden = &sequences.at[_i];
    for (int i = 0; nl_backends[i]; i++) {
        struct running run = {0};
        bool exact = nl_backends[i]->element == NL_ELEMENT_DOUBLE;
        build(golden, &run.graph);
        running_start_graph(&run, nl_backends[i], number_in(golden, "samples", 0), 1);
        put_parameters(&run);
        put_inputs(&run, golden);
        running_step(&run, true);
        const double *sums = golden_stored(&sequences, golden, "sums", 3);
        ck_assert_msg(fabs(run.sums->loss - sums[0]) <= (exact ? 1e-10 : 1e-5) * sums[0],
                      "%s on %s: a loss of %.15g, not %.15g", golden->name, run.backend->name, run.sums->loss, sums[0]);
        ck_assert(run.sums->correct == sums[1] && run.sums->counted == sums[2]);
        expect_gradients(&run, golden, exact ? 1e-10 : 1e-5);
        running_stop(&run);
    }
}
END_TEST

int main(void)
{
    if (!golden_read(&sequences, "sequence")) {
        golden_release(&sequences);
        return 1;
    }
    Suite *suite = suite_create("sequence");
    TCase *tests = tcase_create("networks");
    tcase_add_loop_test(tests, networks_are_those_of_pytorch, 0, sequences.count);
    suite_add_tcase(suite, tests);
    int status = run_suite(suite);
    golden_release(&sequences);
    return status;
}
