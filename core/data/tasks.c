/* Draws the samples of copy, adding, parity, sort and the other tasks, one function each. */
#include "data/tasks.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "data/sources.h"

/* Data sets that are no tasks. */
#define OTHER_DATA                                                                                                     \
    case NL_DIGITS:                                                                                                    \
    case NL_SYNTH:                                                                                                     \
    case NL_MNIST:                                                                                                     \
    case NL_FASHION_MNIST:                                                                                             \
    case NL_CIFAR10:                                                                                                   \
    case NL_CIFAR100:                                                                                                  \
    case NL_NPY:                                                                                                       \
    case NL_CSV:                                                                                                       \
    case NL_TEXT

/* Positions of a sequence of that length. */
static int64_t positions_of(const struct nl_config *config, int64_t length)
{
    switch ((enum nl_data_name)config->data.name) {
    case NL_COPYING:
        return length + 2 * NL_COPIED;
    case NL_SORTING:
        return 2 * length;
    case NL_RECALL:
        return 2 * length + 2;
    case NL_ADDING:
    case NL_PARITY:
        return length;
    OTHER_DATA:
        break;
    }
    NL_BUG("data %d", config->data.name);
}

struct nl_shape nl_task_shape(const struct nl_config *config)
{
    int symbols = (int)config->data.symbols;
    struct nl_shape shape = {.height = (int)positions_of(config, config->data.length),
                             .width = 1,
                             .channels = 1,
                             .lengths = config->data.min_length != NL_AUTO};
    switch ((enum nl_data_name)config->data.name) {
    case NL_COPYING:
    case NL_SORTING:
        shape.vocabulary = symbols + 2;
        shape.classes = symbols + 1;
        shape.target = NL_TARGET_EACH;
        break;
    case NL_ADDING:
        shape.channels = 2;
        shape.classes = 1;
        shape.target = NL_TARGET_REAL;
        break;
    case NL_RECALL:
        shape.vocabulary = 2 * symbols + 1;
        shape.classes = symbols;
        break;
    case NL_PARITY:
        shape.vocabulary = shape.classes = 2;
        break;
    OTHER_DATA:
        NL_BUG("data %d", config->data.name);
    }
    return shape;
}

int nl_task_check(const struct nl_config *config, const char **key, struct nl_error *err)
{
    long long length = (long long)config->data.length, least = (long long)config->data.min_length;
    *key = "data.min_length";
    if (least > length)
        return nl_fail(err, "'data.min_length' %lld is above 'data.length' %lld", least, length);
    *key = "data.length";
    if (config->data.name == NL_ADDING && (length < 2 || least == 1))
        return nl_fail(err, "adding needs two numbers at least");
    if (config->data.name == NL_RECALL && length > config->data.symbols)
        return nl_fail(err, "%s %s as many keys, and 'data.symbols' is %lld", NL_COUNT(length, "pair"),
                       nl_agree((double)length, "needs", "need"), (long long)config->data.symbols);
    return NL_OK;
}

/* One sample, and where its numbers go. */
struct sample {
    struct nl_stream stream;
    uint64_t row;
    int length, longest, symbols;
    int32_t *x, *label;   /* a label for each position, or one */
    float *value, *target; /* adding */
};

static int draw(const struct sample *s, int position, int below)
{
    return (int)nl_stream_below(s->stream, s->row, (uint64_t)position, (uint32_t)below);
}

static void fill(int32_t *to, int count, int32_t token)
{
    for (int i = 0; i < count; i++)
        to[i] = token;
}

static void make_copy(const struct sample *s)
{
    int32_t blank = s->symbols;
    int positions = s->longest + 2 * NL_COPIED;
    fill(s->x, positions, blank);
    fill(s->label, positions, blank);
    for (int i = 0; i < NL_COPIED; i++)
        s->x[i] = s->label[s->length + NL_COPIED + i] = draw(s, 1 + i, s->symbols);
    s->x[s->length + NL_COPIED - 1] = blank + 1;
}

static void make_adding(const struct sample *s)
{
    int first = draw(s, s->longest + 1, s->length / 2),
        second = s->length / 2 + draw(s, s->longest + 2, s->length - s->length / 2);
    for (int i = 0; i < s->length; i++) {
        s->value[2 * i] = (float)nl_stream_uniform(s->stream, s->row, (uint64_t)(1 + i));
        s->value[2 * i + 1] = i == first || i == second;
    }
    *s->target = s->value[2 * first] + s->value[2 * second];
}

static int ascending(const void *a, const void *b)
{
    int32_t left = *(const int32_t *)a, right = *(const int32_t *)b;
    return (left > right) - (left < right);
}

static void make_sort(const struct sample *s)
{
    int32_t blank = s->symbols, *sorted = s->label + s->length;
    fill(s->x, 2 * s->longest, blank);
    fill(s->label, 2 * s->longest, blank);
    for (int i = 0; i < s->length; i++)
        s->x[i] = sorted[i] = draw(s, 1 + i, s->symbols);
    qsort(sorted, (size_t)s->length, sizeof *sorted, ascending);
    s->x[s->length] = blank + 1;
}

static void make_recall(const struct sample *s)
{
    int32_t *key = nl_alloc((size_t)s->symbols, sizeof *key), mark = 2 * s->symbols;
    for (int i = 0; i < s->symbols; i++)
        key[i] = i;
    fill(s->x, 2 * s->longest + 2, mark);
    for (int i = 0; i < s->length; i++) {
        int place = i + draw(s, 1 + i, s->symbols - i);
        int32_t drawn = key[place];
        key[place] = key[i];
        s->x[2 * i] = key[i] = drawn;
        s->x[2 * i + 1] = s->symbols + draw(s, s->longest + 1 + i, s->symbols);
    }
    int asked = draw(s, 2 * s->longest + 1, s->length);
    s->x[2 * s->length + 1] = s->x[2 * asked];
    *s->label = s->x[2 * asked + 1] - s->symbols;
    free(key);
}

static void make_parity(const struct sample *s)
{
    *s->label = 0;
    for (int i = 0; i < s->length; i++)
        *s->label ^= s->x[i] = draw(s, 1 + i, 2);
}

static void make_sample(enum nl_data_name task, const struct sample *s)
{
    switch (task) {
    case NL_COPYING:
        make_copy(s);
        break;
    case NL_ADDING:
        make_adding(s);
        break;
    case NL_SORTING:
        make_sort(s);
        break;
    case NL_RECALL:
        make_recall(s);
        break;
    case NL_PARITY:
        make_parity(s);
        break;
    OTHER_DATA:
        NL_BUG("data %d", task);
    }
}

/* Rows in one block of numbers, of which *at is the next. */
static int32_t *add_row(struct nl_dataset *set, const char *input, int width, bool real, int32_t **at)
{
    int32_t *row = *at;
    set->row[set->rows++] =
        (struct nl_sample_rows){.input = input, .width = width, .step = width, .real = real, .at = row};
    *at += (size_t)set->count * (size_t)width;
    return row;
}

struct nl_dataset *nl_task_make(const struct nl_config *config, int train, int test, struct nl_error *err)
{
    enum nl_data_name task = (enum nl_data_name)config->data.name;
    struct nl_shape shape = nl_task_shape(config);
    const char *name = nl_data_names[task];
    int width = shape.target == NL_TARGET_EACH ? shape.height : 1, longest = (int)config->data.length;
    int least = shape.lengths ? (int)config->data.min_length : longest;
    int64_t count = (int64_t)train + test;
    struct nl_dataset *set =
        nl_dataset_new_rows(name, shape, count, count * (shape.height + width + 1), task == NL_ADDING, err);
    if (!set)
        return NULL;
    int32_t *at = set->numbers, *lengths = shape.lengths ? add_row(set, "lengths", 1, false, &at) : NULL;
    int32_t *x = task == NL_ADDING ? NULL : add_row(set, "x", shape.height, false, &at);
    int32_t *labels = add_row(set, task == NL_ADDING ? "targets" : "labels", width, task == NL_ADDING, &at);
    char *of_test = nl_format("%s_test", name);
    set->train_count = train;
    for (int i = 0; i < set->count; i++) {
        bool trains = i < train;
        struct sample s = {.stream = nl_stream(0, trains ? name : of_test),
                           .row = (uint64_t)(trains ? i : i - train),
                           .longest = longest,
                           .symbols = (int)config->data.symbols,
                           .label = labels + (size_t)i * (size_t)width,
                           .target = (float *)(void *)(labels + i)};
        s.length = least + draw(&s, 0, longest - least + 1);
        s.x = x ? x + (size_t)i * (size_t)shape.height : NULL;
        s.value = set->values ? set->values + (size_t)i * (size_t)shape.height * 2 : NULL;
        if (lengths)
            lengths[i] = (int32_t)positions_of(config, s.length);
        make_sample(task, &s);
    }
    free(of_test);
    return set;
}
