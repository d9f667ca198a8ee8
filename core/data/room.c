/* Room for the samples of a data set. */
#include <stdlib.h>
#include <string.h>

#include "base/machine.h"
#include "base/memory.h"
#include "data/sources.h"

struct nl_dataset *nl_dataset_new(const char *name, enum nl_dtype type, struct nl_shape shape, int64_t count,
                                  int64_t train_count, struct nl_error *err)
{
    double bytes = (double)count * shape.height * shape.width * shape.channels * (double)nl_dtype_size(type);
    double memory = nl_memory_total();
    if (count > INT32_MAX || bytes > memory) {
        nl_fail(err, "cannot hold '%s': %s are %.1f GiB of pixels, and there are %.1f GiB of memory here", name,
                NL_COUNT(count, "sample"), bytes / 0x1p30, memory / 0x1p30);
        return NULL;
    }
    struct nl_dataset *set = nl_alloc(1, sizeof *set);
    set->shape = shape;
    set->count = (int)count;
    set->train_count = (int)train_count;
    strncpy(set->name, name, sizeof set->name - 1);
    void *samples = malloc((size_t)bytes);
    if (type == NL_U8)
        set->pixels = samples;
    else
        set->values = samples;
    set->labels = malloc((size_t)count * sizeof *set->labels);
    if (!samples || !set->labels) {
        nl_fail_errno(err, "cannot hold '%s'", name);
        nl_dataset_free(set);
        return NULL;
    }
    if (shape.target == NL_TARGET_REAL) {
        set->numbers = set->labels;
        set->labels = NULL;
        set->row[set->rows++] =
            (struct nl_sample_rows){.input = "targets", .width = 1, .step = 1, .real = true, .at = set->numbers};
    }
    return set;
}

struct nl_dataset *nl_dataset_new_rows(const char *name, struct nl_shape shape, int64_t count, int64_t numbers,
                                       bool values, struct nl_error *err)
{
    int64_t elements = values ? count * shape.height * shape.width * shape.channels : 0;
    double bytes = (double)(numbers + elements) * sizeof(int32_t), memory = nl_memory_total();
    bool fits = count <= INT32_MAX && bytes <= memory;
    struct nl_dataset *set = nl_alloc(1, sizeof *set);
    set->shape = shape;
    set->count = (int)count;
    strncpy(set->name, name, sizeof set->name - 1);
    set->numbers = fits ? calloc((size_t)numbers, sizeof(int32_t)) : NULL;
    set->values = fits && values ? calloc((size_t)elements, sizeof *set->values) : NULL;
    if (set->numbers && (set->values || !values))
        return set;
    nl_fail(err, "cannot hold '%s': %s are %.1f GiB of numbers, and there are %.1f GiB of memory here", name,
            NL_COUNT(count, "sample"), bytes / 0x1p30, memory / 0x1p30);
    nl_dataset_free(set);
    return NULL;
}

void nl_dataset_free(struct nl_dataset *dataset)
{
    if (!dataset)
        return;
    free(dataset->pixels);
    free(dataset->values);
    free(dataset->labels);
    free(dataset->numbers);
    nl_alphabet_release(&dataset->alphabet);
    nl_text_release(&dataset->notes);
    free(dataset);
}
