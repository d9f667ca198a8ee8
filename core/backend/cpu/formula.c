/* Formulas by blocks of rows, a row being the channels of one position: each node of a pass is a loop over a block,
 * which stays in the cache from node to node. What has fewer axes than x is computed in double as the reference does,
 * and spread over a block where a node takes it. Sums run row by row, so that no bit depends on the size of a block. */
#include <math.h>

#include "backend/cpu/cpu.h"
#include "backend/cpu/formula_loops.h"

typedef float real;
typedef double accumulator;
#define real_part(x) (x)
#define error_function(x) erf(x)
#define NL_FORMULA_VALUE small_value
#include "formula/elementwise.h"

/* The value of a small node, with the same bits on every processor: the C library's functions have not. Those in float
 * have. */
static double small_value(enum nl_operator op, double a, double b, double c)
{
    bool rounds = op == NL_OP_EXP || op == NL_OP_LOG || op == NL_OP_TANH || op == NL_OP_ERF || op == NL_OP_SIGMOID ||
                  op == NL_OP_POWER;
    if (!rounds)
        return nl_formula_value(op, a, b, c);
    const float x = (float)a, y = (float)b, *operand[3] = {&x, &y, NULL};
    float value;
    nl_cpu_formula_loop(op, &value, operand, 1);
    return (double)value;
}

#include "operation/formula_call.h"

enum { BLOCK = 512 /* floats, or one row where that is more */, NOWHERE = NL_FORMULA_NOWHERE };

/* The buffers of a pass, by node. */
struct pass {
    struct call *call;
    const struct nl_formula_stage *stage;
    size_t channels, rows; /* of a block at most */
    float **at;            /* what a node's operands are read from; NULL: it is none of this pass */
    bool *fixed;           /* the same in every block */
};

/* Rows of x, all of which lie in one sample or span whole ones. */
struct block {
    size_t first, rows;
};

static size_t rows_at_most(const struct call *call)
{
    size_t channels = (size_t)call->op->channels;
    return channels < BLOCK ? BLOCK / channels : 1;
}

/* Spreads one row of a node of fewer axes: its channels, its groups, or one number. Channels and groups lie side by
 * side in memory. */
static void spread_row(const struct call *call, int i, float *to, const struct place *place)
{
    const struct nl_formula_node *node = &call->formula->node[i];
    unsigned axes = node->axes & NL_AXES_CHANNEL;
    size_t channels = (size_t)call->op->channels, members = axes == NL_AXIS_GROUP ? call->extents.of[3] : channels;
    size_t index = index_of(&call->extents, node->axes, place);
    const float *tensor = tensor_of(call, node);
    const double *kept = node->op == NL_OP_STATE ? call->state[node->index] : call->small[i];
    if (axes == NL_AXES_CHANNEL) {
        for (size_t c = 0; c < channels; c++)
            to[c] = tensor ? tensor[index + c] : (float)kept[index + c];
        return;
    }
    for (size_t c = 0, g = 0; c < channels; c += members, g++) {
        float number = tensor ? tensor[index + g] : kept ? (float)kept[index + g] : (float)value_at(call, i, place);
        for (size_t m = 0; m < members; m++)
            to[c + m] = number;
    }
}

/* How many rows, from this one of a block on, share what varies along these axes. */
static size_t rows_alike(const struct call *call, unsigned axes, const struct block *block, size_t r)
{
    size_t positions = call->extents.of[1], left = block->rows - r;
    size_t in_sample = positions - (block->first + r) % positions;
    return axes & NL_AXIS_SPACE ? 1 : (axes & NL_AXIS_BATCH) && in_sample < left ? in_sample : left;
}

static struct place place_of(const struct call *call, size_t row)
{
    return (struct place){{row / call->extents.of[1], row % call->extents.of[1], 0, 0}};
}

static void spread(const struct pass *pass, int i, const struct block *block)
{
    const struct call *call = pass->call;
    unsigned axes = call->formula->node[i].axes;
    size_t channels = pass->channels, alike;
    for (size_t r = 0; r < block->rows; r += alike) {
        float *to = pass->at[i] + r * channels;
        struct place place = place_of(call, block->first + r);
        alike = rows_alike(call, axes, block, r);
        spread_row(call, i, to, &place);
        if (axes & NL_AXES_CHANNEL)
            for (size_t row = 1; row < alike; row++)
                memcpy(to + row * channels, to, channels * sizeof *to);
        else
            for (size_t e = channels; e < alike * channels; e++)
                to[e] = to[0];
    }
}

/* What a block's values of an operand are. */
static const float *operand_of(const struct pass *pass, int i, const struct block *block)
{
    const struct nl_formula_node *node = &pass->call->formula->node[i];
    if (node->op == NL_OP_X)
        return (const float *)pass->call->op->x + block->first * pass->channels;
    if (node->op == NL_OP_DY)
        return (const float *)pass->call->op->dy + block->first * pass->channels;
    return pass->at[i];
}

/* Whether it has to be spread: it is neither x nor dy, and has fewer axes. */
static bool is_spread(const struct nl_formula_node *node)
{
    return node->axes != NL_AXES_ALL;
}

/* Adds rows of one sample to what is one number a group: column by column, then the columns of a group. */
static void reduce_groups(const struct call *call, enum nl_operator op, double *to, const float *from, size_t rows)
{
    size_t groups = call->extents.of[2], members = call->extents.of[3];
    double column[BLOCK];
    for (size_t g = 0; rows == 1 && g < groups; g++)
        nl_cpu_formula_line(op, to + g, from + g * members, members);
    for (size_t g = 0; rows > 1 && g < groups; g++)
        for (size_t m = 0; m < members; m += BLOCK) {
            size_t count = members - m < BLOCK ? members - m : BLOCK;
            for (size_t c = 0; c < count; c++)
                column[c] = start_of(op);
            nl_cpu_formula_columns(op, column, from + g * members + m, rows, groups * members, count);
            for (size_t c = 0; c < count; c++)
                to[g] = combine(op, column[c], to[g]);
        }
}

static void reduce_block(const struct pass *pass, int i, const struct block *block)
{
    const struct call *call = pass->call;
    const struct nl_formula_node *node = &call->formula->node[i];
    const float *from = operand_of(pass, node->operand[0], block);
    unsigned channel = node->axes & NL_AXES_CHANNEL;
    size_t channels = pass->channels, alike;
    for (size_t r = 0; r < block->rows; r += alike) {
        struct place place = place_of(call, block->first + r);
        double *to = &call->small[i][index_of(&call->extents, node->axes, &place)];
        alike = rows_alike(call, node->axes, block, r);
        if (channel == NL_AXES_CHANNEL)
            nl_cpu_formula_columns(node->op, to, from + r * channels, alike, channels, channels);
        else if (channel == NL_AXIS_GROUP)
            reduce_groups(call, node->op, to, from + r * channels, alike);
        else
            nl_cpu_formula_line(node->op, to, from + r * channels, alike * channels);
    }
}

static void run_block(const struct pass *pass, const struct block *block, int output, float *out)
{
    const struct nl_formula_stage *stage = pass->stage;
    const struct nl_formula_node *nodes = pass->call->formula->node;
    size_t count = block->rows * pass->channels;
    for (int i = 0; i < pass->call->formula->count; i++)
        if (pass->at[i] && is_spread(&nodes[i]) && !pass->fixed[i])
            spread(pass, i, block);
    for (int f = 0; f < stage->fulls; f++) {
        const struct nl_formula_node *node = &nodes[stage->full[f]];
        const float *operand[3] = {NULL};
        for (int k = 0; k < 3 && node->operand[k] != NOWHERE; k++)
            operand[k] = operand_of(pass, node->operand[k], block);
        nl_cpu_formula_loop(node->op, pass->at[stage->full[f]], operand, count);
    }
    for (int i = 0; i < stage->reductions; i++)
        reduce_block(pass, stage->reduction[i], block);
    if (out)
        memcpy(out + block->first * pass->channels, operand_of(pass, output, block), count * sizeof *out);
}

/* Gives a node its buffer, once. */
static void place_node(struct pass *pass, int i, float **next)
{
    const struct nl_formula_node *node = &pass->call->formula->node[i];
    if (pass->at[i] || node->op == NL_OP_X || node->op == NL_OP_DY)
        return;
    pass->at[i] = *next;
    pass->fixed[i] = is_spread(node) && !(node->axes & (NL_AXIS_BATCH | NL_AXIS_SPACE));
    *next += pass->rows * pass->channels;
}

/* Buffers for all that the pass computes or takes, and what is the same in every block, spread. */
static void begin_pass(struct pass *pass, struct call *call, const struct nl_formula_stage *stage, int output)
{
    const struct nl_formula *formula = call->formula;
    size_t channels = (size_t)call->op->channels, rows = rows_at_most(call), nodes = (size_t)formula->count;
    size_t most = nodes < 4 * (size_t)stage->fulls + (size_t)stage->reductions + 1
                      ? nodes
                      : 4 * (size_t)stage->fulls + (size_t)stage->reductions + 1;
    char *memory =
        nl_cpu_outer_scratch(nodes * (sizeof(float *) + sizeof(bool)) + 64 + most * rows * channels * sizeof(float));
    *pass = (struct pass){.call = call, .stage = stage, .channels = channels, .rows = rows};
    pass->at = (float **)(void *)memory;
    pass->fixed = (bool *)(void *)(memory + nodes * sizeof(float *));
    memset(memory, 0, nodes * (sizeof(float *) + sizeof(bool)));
    size_t used = nodes * (sizeof(float *) + sizeof(bool));
    float *next = (float *)(void *)(memory + (used + 63) / 64 * 64);
    for (int f = 0; f < stage->fulls; f++) {
        for (int k = 0; k < 3; k++)
            if (formula->node[stage->full[f]].operand[k] != NOWHERE)
                place_node(pass, formula->node[stage->full[f]].operand[k], &next);
        place_node(pass, stage->full[f], &next);
    }
    for (int i = 0; i < stage->reductions; i++)
        place_node(pass, formula->node[stage->reduction[i]].operand[0], &next);
    if (stage->writes)
        place_node(pass, output, &next);
    const struct block first = {0, rows};
    for (int i = 0; i < formula->count; i++)
        if (pass->at[i] && pass->fixed[i])
            spread(pass, i, &first);
}

/* Operands one by one, which are as long as the node or one number. */
static bool is_even(const struct call *call, const struct nl_formula_node *node)
{
    bool even = !node->over;
    for (int k = 0; k < 3 && even && node->operand[k] != NOWHERE; k++) {
        const struct nl_formula_node *of = &call->formula->node[node->operand[k]];
        even = of->axes == 0 || (of->axes == node->axes && call->small[node->operand[k]]);
    }
    return even;
}

static void compute_even(const struct call *call, int i)
{
    const struct nl_formula_node *node = &call->formula->node[i];
    size_t count = elements(&call->extents, node->axes), step[3] = {0};
    double number[3] = {0}, *to = call->small[i];
    const double *from[3] = {&number[0], &number[1], &number[2]};
    struct place place = {{0}};
    for (int k = 0; k < 3 && node->operand[k] != NOWHERE; k++) {
        int operand = node->operand[k];
        step[k] = call->formula->node[operand].axes ? 1 : 0;
        number[k] = step[k] ? 0 : value_at(call, operand, &place);
        from[k] = step[k] ? call->small[operand] : from[k];
    }
    for (size_t e = 0; e < count; e++)
        to[e] = small_value(node->op, from[0][e * step[0]], from[1][e * step[1]], from[2][e * step[2]]);
}

/* How many rows a block has that begins at this one: those of whole samples, or a part of one, so that no sum over a
 * sample changes its order with the sample's place in the batch. */
static size_t rows_of_block(const struct call *call, size_t most, size_t row)
{
    size_t positions = call->extents.of[1], left = call->extents.of[0] * positions - row;
    size_t rows = most >= positions ? most / positions * positions : positions - row % positions;
    rows = rows < most ? rows : most;
    return rows < left ? rows : left;
}

static void stage_by_blocks(struct call *call, const struct nl_formula_stage *stage, int output, float *out)
{
    struct pass pass;
    size_t rows = elements(&call->extents, NL_AXIS_BATCH | NL_AXIS_SPACE), step;
    for (int i = 0; i < stage->smalls; i++)
        if (is_even(call, &call->formula->node[stage->small[i]]))
            compute_even(call, stage->small[i]);
        else
            compute_small(call, stage->small[i]);
    for (int i = 0; i < stage->reductions; i++)
        begin_reduction(call, stage->reduction[i]);
    if (!stage->reductions && !(stage->writes && out))
        return;
    begin_pass(&pass, call, stage, output);
    for (size_t row = 0; row < rows; row += step) {
        step = rows_of_block(call, pass.rows, row);
        run_block(&pass, &(struct block){row, step}, output, stage->writes ? out : NULL);
    }
}

static void forward(const struct nl_run *run, const void *arguments)
{
    formula_forward(run, arguments, stage_by_blocks);
}

static void backward(const struct nl_run *run, const void *arguments)
{
    formula_backward(run, arguments, stage_by_blocks);
}

NL_CPU_KERNEL(formula) = {.forward = forward, .backward = backward};
