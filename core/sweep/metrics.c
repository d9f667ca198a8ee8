/* Writes metrics.csv, a row for each step and tensor. */
#include "sweep/metrics.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/csv.h"
#include "config/value.h"
#include "graph/quantities.h"
#include "sweep/observed.h"

/* ---- made of a result ---- */

/* A field for each quantity; empty: this tensor has none. */
static void add_row(struct nl_text *out, enum nl_aspect aspect, const struct nl_observation *o)
{
    char number[32];
    nl_text_add(out, "%" PRId64, o->step);
    for (enum nl_quantity q = 0; q < NL_QUANTITIES; q++) {
        double value = nl_quantity_applies(q, aspect) ? nl_quantities[q].value(&o->seen) : NAN;
        nl_text_add(out, ",%s", isnan(value) ? "" : nl_double_text(value, number));
    }
    nl_text_add(out, "\n");
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct nl_measured *)a)->tensor, ((const struct nl_measured *)b)->tensor);
}

/* Takes name and text over. */
static void add(struct nl_metrics *metrics, char *tensor, int64_t rows, char *text)
{
    NL_GROW(metrics->at, metrics->count, metrics->room);
    metrics->at[metrics->count++] = (struct nl_measured){tensor, rows, text};
}

struct nl_metrics nl_metrics_of(const struct nl_trial_result *result)
{
    struct nl_metrics out = {0};
    for (int tensor = 0; tensor < result->tensors; tensor++) {
        struct nl_text text = {0};
        enum nl_aspect aspect = nl_observer_aspect(result->tensor[tensor]);
        int64_t rows = 0;
        nl_text_add(&text, "%s", "");
        for (int i = 0; i < result->observations; i++)
            if (result->observation[i].tensor == tensor) {
                add_row(&text, aspect, &result->observation[i]);
                rows++;
            }
        add(&out, nl_strdup(result->tensor[tensor]), rows, text.at);
    }
    if (out.count)
        qsort(out.at, (size_t)out.count, sizeof *out.at, by_name);
    return out;
}

void nl_metrics_release(struct nl_metrics *metrics)
{
    for (int i = 0; i < metrics->count; i++) {
        free(metrics->at[i].tensor);
        free(metrics->at[i].text);
    }
    free(metrics->at);
    *metrics = (struct nl_metrics){0};
}

/* ---- of two records of a trial ---- */

const struct nl_measured *nl_metrics_get(const struct nl_metrics *metrics, const char *tensor)
{
    const struct nl_measured wanted = {.tensor = (char *)(uintptr_t)tensor};
    return metrics->count ? bsearch(&wanted, metrics->at, (size_t)metrics->count, sizeof wanted, by_name) : NULL;
}

/* Whether the rows of the steps that both have say the same, as far as both have quantities. */
static bool rows_agree(const char *a, const char *b)
{
    while (*a && *b) {
        size_t of_a = strcspn(a, "\n"), of_b = strcspn(b, "\n"), both = of_a < of_b ? of_a : of_b;
        long long step_of_a = strtoll(a, NULL, 10), step_of_b = strtoll(b, NULL, 10);
        char next = of_a < of_b ? b[both] : a[both];
        if (step_of_a == step_of_b && (strncmp(a, b, both) != 0 || (next != '\n' && next != ',')))
            return false;
        a += step_of_a <= step_of_b ? of_a + 1 : 0;
        b += step_of_b <= step_of_a ? of_b + 1 : 0;
    }
    return true;
}

bool nl_metrics_agree(const struct nl_metrics *a, const struct nl_metrics *b)
{
    for (int i = 0; i < a->count; i++) {
        const struct nl_measured *other = nl_metrics_get(b, a->at[i].tensor);
        if (other && !rows_agree(other->text, a->at[i].text))
            return false;
    }
    return true;
}

void nl_metrics_join(struct nl_metrics *metrics, const struct nl_metrics *from)
{
    int count = metrics->count;
    for (int i = 0; i < from->count; i++) {
        struct nl_metrics before = {.count = count, .at = metrics->at}; /* those that are sorted */
        if (!nl_metrics_get(&before, from->at[i].tensor))
            add(metrics, nl_strdup(from->at[i].tensor), from->at[i].rows, nl_strdup(from->at[i].text));
    }
    if (metrics->count > count)
        qsort(metrics->at, (size_t)metrics->count, sizeof *metrics->at, by_name);
}

/* ---- metrics.csv ---- */

/* ",fc1.weight,norm,": what stands between step and value, of each quantity that the tensor has; of others it is empty.
 */
static void find_middles(const char *tensor, struct nl_text middle[NL_QUANTITIES])
{
    enum nl_aspect aspect = nl_observer_aspect(tensor);
    for (enum nl_quantity q = 0; q < NL_QUANTITIES; q++) {
        middle[q] = (struct nl_text){0};
        if (!nl_quantity_applies(q, aspect))
            continue;
        nl_text_add(&middle[q], ",");
        nl_csv_add(&middle[q], tensor);
        nl_text_add(&middle[q], ",%s,", nl_quantity_names[q]);
    }
}

static void add_quantities(const struct nl_measured *measured, const struct nl_text *start, struct nl_text *out)
{
    struct nl_text middle[NL_QUANTITIES];
    find_middles(measured->tensor, middle);
    for (const char *line = measured->text; *line; line += strspn(line, "\n")) {
        size_t step = strcspn(line, ",\n");
        const char *value = line + step;
        for (enum nl_quantity q = 0; q < NL_QUANTITIES && *value == ','; q++) {
            size_t length = strcspn(++value, ",\n");
            if (middle[q].length) {
                nl_text_add_bytes(out, start->at, start->length);
                nl_text_add_bytes(out, line, step);
                nl_text_add_bytes(out, middle[q].at, middle[q].length);
                nl_text_add_bytes(out, value, length);
                nl_text_add_bytes(out, "\n", 1);
            }
            value += length;
        }
        line = value + strcspn(value, "\n");
    }
    for (enum nl_quantity q = 0; q < NL_QUANTITIES; q++)
        nl_text_release(&middle[q]);
}

void nl_metrics_add_rows(const struct nl_metrics *metrics, const struct nl_observers *wanted,
                         const struct nl_text *start, struct nl_text *out)
{
    for (int i = 0; i < wanted->count; i++) {
        const struct nl_measured *measured = nl_metrics_get(metrics, wanted->at[i].name);
        if (measured)
            add_quantities(measured, start, out);
    }
}

/* ---- in a record's file ---- */

void nl_metrics_add_heads(const struct nl_metrics *metrics, struct nl_text *out)
{
    for (int i = 0; i < metrics->count; i++)
        nl_text_add(out, "tensor %s %" PRId64 "\n", metrics->at[i].tensor, metrics->at[i].rows);
}

void nl_metrics_add_texts(const struct nl_metrics *metrics, struct nl_text *out)
{
    for (int i = 0; i < metrics->count; i++)
        nl_text_add(out, "%s", metrics->at[i].text);
}

bool nl_metrics_take_head(struct nl_metrics *metrics, char *line)
{
    char *rows = strchr(line, ' ');
    int64_t count;
    if (!rows || rows == line || !nl_integer_read(rows + 1, &count) || count < 0)
        return false;
    *rows = '\0';
    if (metrics->count && strcmp(metrics->at[metrics->count - 1].tensor, line) >= 0)
        return false;
    add(metrics, nl_strdup(line), count, NULL);
    return true;
}

/* After so many lines, or NULL: there are fewer. */
static const char *after(const char *text, int64_t lines)
{
    for (; lines > 0 && text; lines--) {
        const char *end = strchr(text, '\n');
        text = end ? end + 1 : NULL;
    }
    return text;
}

bool nl_metrics_take_texts(struct nl_metrics *metrics, const char *text)
{
    for (int i = 0; i < metrics->count && text; i++) {
        const char *end = after(text, metrics->at[i].rows);
        if (end)
            metrics->at[i].text = nl_format("%.*s", (int)(end - text), text);
        text = end;
    }
    return text && !*text;
}
