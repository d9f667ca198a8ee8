/* Formulas: the text, then, after a line "%%" each, norm.evaluation and the next of a state. What is accepted is printed, makes the
 * same formula again, and is computed forward and backward, in training and in evaluation. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "fuzz.h"
#include "operation/formula.h"

enum { SAMPLES = 2, POSITIONS = 3, CHANNELS = 4, COUNT = SAMPLES * POSITIONS * CHANNELS };

/* The part behind the next "\n%%\n", which is cut off; NULL: there is none. */
static char *next_part(char *text)
{
    char *at = text ? strstr(text, "\n%%\n") : NULL;
    if (at)
        *at = '\0';
    return at ? at + 4 : NULL;
}

static void compute(const struct nl_formula *formula)
{
    struct nl_formula_norm row = nl_formula_row(formula, "fuzzed");
    double x[COUNT], dy[COUNT], y[COUNT], dx[COUNT], given[NL_MOST_FORMULA_PARAMETERS + NL_MOST_FORMULA_STATES][COUNT],
        found[NL_MOST_FORMULA_PARAMETERS][COUNT];
    const struct nl_hyper hyper = {.norm_eps = 1e-5};
    const struct nl_operation *operation = &nl_formula_operation;
    struct nl_formula_call call = {.set = {.norm = &row.norm}, .hyper = &hyper, .x = x, .y = y, .dy = dy, .dx = dx};
    struct nl_declaration declaration = {0};
    struct nl_error err;
    const struct nl_extent extent[NL_MOST_SLOTS] = {{POSITIONS, 1, CHANNELS}};
    if (operation->declare(&call, extent, &declaration, &err))
        return;
    for (int i = 0; i < COUNT; i++) {
        x[i] = (i * 7 % 11) / 4.0 - 1;
        dy[i] = (i * 5 % 13) / 6.0 - 1;
        for (int k = 0; k < NL_MOST_FORMULA_PARAMETERS + NL_MOST_FORMULA_STATES; k++)
            given[k][i] = 0.5 + (i + k) % 3;
    }
    for (int i = 0; i < formula->parameters; i++)
        call.parameter[i] = given[i], call.gradient[i] = found[i];
    for (int i = 0; i < formula->states; i++)
        call.state[i] = given[NL_MOST_FORMULA_PARAMETERS + i];
    operation->prepare(&call, SAMPLES, false);
    call.kept = nl_alloc(operation->saved_bytes(&call, 0, SAMPLES, sizeof(double)) + 1, 1);
    call.scratch = nl_alloc(operation->saved_bytes(&call, 1, SAMPLES, sizeof(double)) + 1, 1);
    const struct nl_kernel *kernel = operation->reference[NL_ELEMENT_DOUBLE];
    for (int fixed = 0; fixed < 2; fixed++) {
        struct nl_run run = {
            .replicas = 1, .samples = SAMPLES, .statistics = fixed ? NL_STATS_RUNNING : NL_STATS_TRAIN};
        kernel->forward(&run, &call);
        kernel->backward(&run, &call);
    }
    free(call.kept);
    free(call.scratch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = nl_format("%.*s", (int)size, (const char *)data), *evaluation = next_part(text),
         *next = next_part(evaluation);
    struct nl_formula_source source = {
        .formula = text,
        .evaluation = evaluation,
        .parameters = 4,
        .states = 1,
        .settings = 1,
        .parameter = {{"gamma", NL_AXES_CHANNEL, 1}, {"b", 0, 1}, {"g", NL_AXIS_GROUP, 1}, {"e", NL_AXES_SAMPLE, 1}},
        .state = {{"rm", NL_AXES_CHANNEL, 0, next ? next : "rm"}},
        .setting = {{"p", 1.5}},
    };
    struct nl_formula_error error;
    struct nl_formula *formula = NULL;
    for (source.parameters = 4; !formula && source.parameters >= 0; source.parameters--)
        formula = nl_formula_make(&source, &error); /* those that it does not read are refused */
    source.parameters++;
    if (formula) {
        struct nl_formula *again = nl_formula_make(&source, &error);
        NL_ASSERT(again);
        char *one = nl_formula_canonical(formula), *other = nl_formula_canonical(again),
             *listing = nl_formula_listing(formula);
        NL_ASSERT(strcmp(one, other) == 0);
        compute(formula);
        free(one);
        free(other);
        free(listing);
        nl_formula_release(again);
    } else {
        NL_ASSERT(error.text.text[0] && error.length > 0);
    }
    nl_formula_release(formula);
    free(text);
    return 0;
}
