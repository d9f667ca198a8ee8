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

double nl_read_tensor(const struct nl_reading *reading, const struct nl_curves *metrics,
                      const struct nl_results *results, const struct nl_cell *cell, int seed)
{
    int first, rows;
    if (!metrics || !nl_curves_rows(metrics, results, cell, seed, &first, &rows))
        return NAN;
    const struct nl_csv *csv = &metrics->csv;
    int names = nl_csv_column(csv, "tensor"), quantities = nl_csv_column(csv, "quantity"),
        values = nl_csv_column(csv, "value");
    const struct nl_name_list pattern = {.count = 1, .at = {(char *)(uintptr_t)reading->tensor}};
    const char *last = NULL;
    double value = NAN;
    for (int row = first; row < first + rows; row++) { /* of a tensor, by step */
        const char *name = nl_csv_field(csv, row, names);
        if (strcmp(nl_csv_field(csv, row, quantities), nl_quantity_names[reading->quantity]) != 0 ||
            !nl_is_observed(&pattern, name))
            continue;
        int order = last ? order_of(name, last) : 1;
        if (order > 0 || (order == 0 && reading->step == NL_LAST_STEP)) {
            last = name;
            if (nl_csv_number(csv, row, values, &value, NULL))
                value = NAN;
        }
    }
    return nl_quantities[reading->quantity].compared == NL_BY_RATIO ? log(value) : value;
}
