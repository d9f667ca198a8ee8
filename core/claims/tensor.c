/* Finds the rows of a tensor at a step in metrics.csv. */
#include "claims/tensor.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "graph/observers.h"
#include "graph/quantities.h"

static int order_of(const char *a, const char *b)
{
    while (*a && *b) {
        size_t digits[2] = {strspn(a, "0123456789"), strspn(b, "0123456789")};
        if (digits[0] && digits[1]) {
            long long first = strtoll(a, NULL, 10), second = strtoll(b, NULL, 10);
            if (first != second)
                return first < second ? -1 : 1;
            a += digits[0];
            b += digits[1];
        } else if (*a != *b) {
            break;
        } else {
            a++;
            b++;
        }
    }
    return (unsigned char)*a - (unsigned char)*b;
}

struct wanted {
    const struct nl_csv *csv;
    int names, quantities, steps, values; /* columns */
    const char *quantity;
    struct nl_name_list pattern;
    const char *tensor; /* the only one; NULL: all that the pattern names */
};

static bool is_wanted(const struct wanted *wanted, int row)
{
    const char *name = nl_csv_field(wanted->csv, row, wanted->names);
    return strcmp(nl_csv_field(wanted->csv, row, wanted->quantities), wanted->quantity) == 0 &&
           nl_is_observed(&wanted->pattern, name) && (!wanted->tensor || strcmp(name, wanted->tensor) == 0);
}

static const char *last_tensor(const struct wanted *wanted, int first, int rows)
{
    const char *last = NULL;
    for (int row = first; row < first + rows; row++) {
        const char *name = nl_csv_field(wanted->csv, row, wanted->names);
        if (is_wanted(wanted, row) && (!last || order_of(name, last) > 0))
            last = name;
    }
    return last;
}

static double step_of(const struct wanted *wanted, int row)
{
    double step;
    return nl_csv_number(wanted->csv, row, wanted->steps, &step, NULL) ? NAN : step;
}

/* The first, or the last, step of the rows that are wanted. */
static double end_of_steps(const struct wanted *wanted, int first, int rows, double side)
{
    double end = -INFINITY;
    for (int row = first; row < first + rows; row++)
        if (is_wanted(wanted, row))
            end = fmax(end, side * step_of(wanted, row));
    return side * end;
}

static bool is_in(enum nl_logged_step which, double step, double first, double last)
{
    switch (which) {
    case NL_FIRST_STEP: return step == first;
    case NL_LAST_STEP: return step == last;
    case NL_EARLY_STEPS: return step <= 0.2 * last;
    case NL_LATE_STEPS: return step > 0.2 * last;
    case NL_MEAN_OF_STEPS: break;
    }
    return true;
}

double nl_read_tensor(const struct nl_reading *reading, const struct nl_curves *metrics,
                      const struct nl_results *results, const struct nl_cell *cell, int seed)
{
    int first, rows, count = 0;
    if (!metrics || !nl_curves_rows(metrics, results, cell, seed, &first, &rows))
        return NAN;
    struct wanted wanted = {.csv = &metrics->csv,
                            .names = nl_csv_column(&metrics->csv, "tensor"),
                            .quantities = nl_csv_column(&metrics->csv, "quantity"),
                            .steps = nl_csv_column(&metrics->csv, "step"),
                            .values = nl_csv_column(&metrics->csv, "value"),
                            .quantity = nl_quantity_names[reading->quantity],
                            .pattern = {.count = 1, .at = {(char *)(uintptr_t)reading->tensor}}};
    if (reading->tensors == NL_LAST_TENSOR)
        wanted.tensor = last_tensor(&wanted, first, rows);
    double start = end_of_steps(&wanted, first, rows, -1), end = end_of_steps(&wanted, first, rows, 1), sum = 0, value;
    for (int row = first; row < first + rows; row++) {
        if (!is_wanted(&wanted, row) || !is_in(reading->step, step_of(&wanted, row), start, end))
            continue;
        if (nl_csv_number(wanted.csv, row, wanted.values, &value, NULL))
            value = NAN;
        sum += nl_quantities[reading->quantity].compared == NL_BY_RATIO ? log(value) : value;
        count++;
    }
    return count > 0 ? sum / count : NAN;
}
