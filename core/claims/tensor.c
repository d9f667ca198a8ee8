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
    int names, quantities, values; /* columns */
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

/* Whether the row is of the first, or of the last, step of its tensor: those of a tensor are together, by step. */
static bool is_of_step(const struct wanted *wanted, enum nl_logged_step step, int row, int first, int end)
{
    const char *name = nl_csv_field(wanted->csv, row, wanted->names);
    int towards = step == NL_FIRST_STEP ? -1 : 1, at = row + towards;
    while (at >= first && at < end && strcmp(nl_csv_field(wanted->csv, at, wanted->names), name) == 0 &&
           !is_wanted(wanted, at))
        at += towards;
    bool same = at >= first && at < end && strcmp(nl_csv_field(wanted->csv, at, wanted->names), name) == 0;
    return step == NL_MEAN_OF_STEPS || !same;
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
                            .values = nl_csv_column(&metrics->csv, "value"),
                            .quantity = nl_quantity_names[reading->quantity],
                            .pattern = {.count = 1, .at = {(char *)(uintptr_t)reading->tensor}}};
    if (reading->tensors == NL_LAST_TENSOR)
        wanted.tensor = last_tensor(&wanted, first, rows);
    double sum = 0, value;
    for (int row = first; row < first + rows; row++) {
        if (!is_wanted(&wanted, row) || !is_of_step(&wanted, reading->step, row, first, first + rows))
            continue;
        if (nl_csv_number(wanted.csv, row, wanted.values, &value, NULL))
            value = NAN;
        sum += nl_quantities[reading->quantity].compared == NL_BY_RATIO ? log(value) : value;
        count++;
    }
    return count > 0 ? sum / count : NAN;
}
