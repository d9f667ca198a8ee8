/* Causal language models as PyTorch computes them in float64: loss by counted positions, gradients, and products of the
 * Hessian with a vector by a complex step, to 1e-14. tests/golden/language.py made the numbers, for the models of
 * language.cases. */
#include <math.h>

#include "backend/ref/complex.h"
#include "golden.h"
#include "model/model.h"
#include "networks.h"
#include "suite.h"

static struct golden languages;

static int number_in(const struct golden_case *golden, const char *key)
{
    int number = -1;
    size_t length = strlen(key);
    for (int i = 0; i < golden->words; i++)
        if (strncmp(golden->word[i], key, length) == 0 && golden->word[i][length] == '=')
            number = atoi(golden->word[i] + length + 1);
    ck_assert_msg(number >= 0, "%s: no %s", golden->name, key);
    return number;
}

static struct language language_of(const struct golden_case *golden)
{
    return (struct language){.vocabulary = number_in(golden, "vocabulary"),
                             .width = number_in(golden, "width"),
                             .heads = number_in(golden, "heads"),
                             .hidden = number_in(golden, "hidden"),
                             .positions = number_in(golden, "positions"),
                             .samples = number_in(golden, "samples"),
                             .lengths = number_in(golden, "lengths")};
}

/* The formulas of language.py. step: how far the parameters go along the vector, in their imaginary part. */
static void put_formulas(const struct running *run, const struct language *l, double step)
{
    size_t count = run->graph.count;
    double *values = nl_alloc(count, sizeof *values), *vector = nl_alloc(count, sizeof *vector);
    for (int i = 0; i < run->graph.tensors; i++)
        for (size_t e = 0; e < run->graph.tensor[i].count; e++) {
            size_t at = run->graph.tensor[i].offset + nl_tensor_place(&run->graph.tensor[i], e);
            values[at] = sin((double)e + 1 + 100 * i) / 2;
            vector[at] = step * cos((double)e + 1 + 100 * i);
        }
    running_put(run, run->places.parameters, 0, values, count);
    if (step != 0)
        nl_complex_put_imaginary(run->places.parameters, vector, count);
    free(values);
    free(vector);
    for (int i = 0; i < run->graph.inputs; i++) {
        const char *name = run->graph.input[i].name;
        int32_t *to = run->input[i];
        for (int at = 0; at < l->samples * (strcmp(name, "lengths") == 0 ? 1 : l->positions); at++) {
            int32_t id = (5 * at + at / 3) % l->vocabulary, label = at % 3 == 0 ? id : (7 * at + 2) % l->vocabulary;
            to[at] = strcmp(name, "lengths") == 0 ? at * 5 % (l->positions + 1) : strcmp(name, "x") == 0 ? id : label;
        }
    }
}

static const double BOUND = 1e-14; /* ten times what was measured: sums of a hundred float64 numbers */

/* Of numbers of every parameter, in the graph's order, against "<what>.<parameter>". */
static void expect_stored(const struct running *run, const struct golden_case *golden, const char *what,
                          const double *found)
{
    double largest = 0;
    for (int second = 0; second < 2; second++)
        for (int i = 0; i < run->graph.tensors; i++) {
            const struct nl_tensor *tensor = &run->graph.tensor[i];
            char name[128];
            snprintf(name, sizeof name, "%s.%s", what, tensor->name);
            const double *wanted = golden_stored(&languages, golden, name, tensor->count);
            for (size_t e = 0; e < tensor->count; e++) {
                double value = found[tensor->offset + nl_tensor_place(tensor, e)];
                if (!second)
                    largest = fmax(largest, fabs(wanted[e]));
                else
                    ck_assert_msg(fabs(value - wanted[e]) <= BOUND * largest, "%s: %s: %.15g, not %.15g", golden->name,
                                  name, value, wanted[e]);
            }
        }
    ck_assert_double_gt(largest, 0);
}

START_TEST(language_models_are_those_of_pytorch)
{
    const struct golden_case *golden = &languages.at[_i];
    const struct language l = language_of(golden);
    const double tiny = 1e-100;
    for (int complex = 0; complex < 2; complex++) {
        struct running run = {0};
        network_language(&run.graph, &l);
        running_start_graph(&run, complex ? &nl_backend_complex : &nl_backend_ref, l.samples, 1);
        put_formulas(&run, &l, complex ? tiny : 0);
        running_step(&run, true);
        const double *sums = golden_stored(&languages, golden, "sums", 3);
        ck_assert_msg(fabs(run.sums->loss - sums[0]) <= BOUND * sums[0], "%s: a loss of %.15g, not %.15g", golden->name,
                      run.sums->loss, sums[0]);
        ck_assert(run.sums->correct == sums[1] && run.sums->counted == sums[2]);
        double *gradient = running_get(&run, run.places.gradients, 0, run.graph.count);
        expect_stored(&run, golden, "grad", gradient);
        if (complex) {
            nl_complex_get_imaginary(gradient, run.places.gradients, run.graph.count);
            for (size_t i = 0; i < run.graph.count; i++)
                gradient[i] /= tiny;
            expect_stored(&run, golden, "product", gradient);
        }
        free(gradient);
        running_stop(&run);
    }
}
END_TEST

int main(void)
{
    if (!golden_read(&languages, "language")) {
        golden_release(&languages);
        return 1;
    }
    Suite *suite = suite_create("language");
    TCase *tests = tcase_create("models");
    tcase_add_loop_test(tests, language_models_are_those_of_pytorch, 0, languages.count);
    suite_add_tcase(suite, tests);
    int status = run_suite(suite);
    golden_release(&languages);
    return status;
}
