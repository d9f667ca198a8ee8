/* npy: the user's own token ids, int32, int64 or uint16, from 0.
 *
 *     (T)      one long sequence, cut in windows of data.context as a text is; the label at each position is the next
 *              id. Without test files the last tenth is the test part
 *     (N,S)    samples of S ids. Labels (N): a class each; or (N,S): a class at each position. Without test files the
 *              training files are one pool, of which the seed makes a fifth the test part
 *
 * The vocabulary is the largest id of both parts plus one.
 */
#include <stdlib.h>
#include <string.h>

#include "data/sources.h"

enum { TRAIN_X, TRAIN_Y, TEST_X, TEST_Y, MOST_TOKENS = 1 << 24, POOL_SHARE = 5, TENTHS = 9 };
static const char *const key_of[NL_DATA_FILES] = {"data.train_images", "data.train_labels", "data.test_images",
                                                  "data.test_labels"};

struct tokens {
    char *path[NL_DATA_FILES];
    struct nl_npy file[NL_DATA_FILES];
    const struct nl_config *config;
    bool tests; /* there is a test part */
    int at;     /* the file at fault */
};

static bool is_token_type(enum nl_dtype type)
{
    return type == NL_I32 || type == NL_I64 || type == NL_U16;
}

bool nl_tokens_are(const struct nl_config *config)
{
    char *path[NL_DATA_FILES];
    struct nl_npy head = {0};
    nl_places(config, path);
    bool are = nl_npy_read_head(path[TRAIN_X], &head, NULL) == NL_OK && is_token_type(head.type) && head.dims <= 2;
    nl_npy_release(&head);
    for (int i = 0; i < NL_DATA_FILES; i++)
        free(path[i]);
    return are;
}

static void release(struct tokens *tokens)
{
    for (int i = 0; i < NL_DATA_FILES; i++) {
        nl_npy_release(&tokens->file[i]);
        free(tokens->path[i]);
    }
}

static int largest(const struct nl_npy *array)
{
    int found = 0;
    for (size_t i = 0; i < array->count; i++)
        found = (int)nl_npy_get(array, i) > found ? (int)nl_npy_get(array, i) : found;
    return found;
}

/* Ids or labels, of so many dimensions at most. */
static int read_file(struct tokens *tokens, int which, int dims, struct nl_error *err)
{
    struct nl_npy *array = &tokens->file[which];
    const char *path = tokens->path[which];
    tokens->at = which;
    if (nl_place_check(tokens->config, which, path, err) || nl_npy_read(path, array, err))
        return NL_FAIL;
    if (array->count == 0)
        return nl_fail(err, "cannot use '%s': it is empty", path);
    if (!is_token_type(array->type) || array->dims < 1 || array->dims > dims || array->count > INT32_MAX)
        return nl_fail(err, "cannot use '%s': %s of %s, expected int32, int64 or uint16, %s", path,
                       nl_dtype_name(array->type), NL_COUNT(array->dims, "dimension"),
                       dims == 1          ? "(N)"
                       : which == TRAIN_X ? "(T) or (N,S)"
                                          : "(N) or (N,S)");
    for (size_t i = 0; i < array->count; i++)
        if (!(nl_npy_get(array, i) >= 0 && nl_npy_get(array, i) < MOST_TOKENS))
            return nl_fail(err, "cannot use '%s': number %.0f at %zu, expected 0 to %d%s", path, nl_npy_get(array, i),
                           i, MOST_TOKENS - 1, which % 2 ? "" : "; for features save x.astype('float32')");
    return NL_OK;
}

/* A part of samples has as many labels, and samples like the training part's. */
static int read_samples(struct tokens *tokens, int which, struct nl_error *err)
{
    const struct nl_npy *x = &tokens->file[which], *y = &tokens->file[which + 1], *like = tokens->file;
    if (!x->data && read_file(tokens, which, 2, err)) /* the training part's are read already */
        return NL_FAIL;
    if (x->dims != 2 || x->shape[1] != like->shape[1])
        return nl_fail(err, "cannot use '%s': its samples are not as long as those of '%s'", tokens->path[which],
                       tokens->path[TRAIN_X]);
    if (read_file(tokens, which + 1, 2, err))
        return NL_FAIL;
    if (y->shape[0] != x->shape[0] || (y->dims == 2 && y->shape[1] != x->shape[1]) || y->dims != like[TRAIN_Y].dims)
        return nl_fail(err, "cannot use '%s': its shape does not fit '%s', expected (N) or (N,S)",
                       tokens->path[which + 1], tokens->path[which]);
    return NL_OK;
}

static int read_all(const struct nl_config *config, struct tokens *out, struct nl_error *err)
{
    *out = (struct tokens){.config = config};
    nl_places(config, out->path);
    out->tests = config->data.test_images[0] || nl_place_exists(out->path[TEST_X]);
    if (read_file(out, TRAIN_X, 2, err))
        return NL_FAIL;
    if (out->file[TRAIN_X].dims == 1)
        return out->tests ? read_file(out, TEST_X, 1, err) : NL_OK;
    if (read_samples(out, TRAIN_X, err) || (out->tests && read_samples(out, TEST_X, err)))
        return NL_FAIL;
    out->at = TRAIN_X;
    return out->tests || out->file[TRAIN_X].shape[0] >= POOL_SHARE
               ? NL_OK
               : nl_fail(err, "cannot use '%s': too few samples to take a test part from; give test files",
                         out->path[TRAIN_X]);
}

/* Numbers of a file and of the same file of the test part, of samples or of a long sequence. */
static int64_t both(const struct tokens *tokens, int which)
{
    return (int64_t)(tokens->file[which].count + tokens->file[which + 2].count);
}

static int larger(int a, int b)
{
    return a > b ? a : b;
}

static struct nl_shape shape_of(const struct nl_config *config, const struct tokens *tokens)
{
    const struct nl_npy *x = &tokens->file[TRAIN_X];
    bool windows = x->dims == 1;
    int vocabulary = 1 + larger(largest(x), largest(&tokens->file[TEST_X]));
    int labels = windows ? vocabulary : 1 + larger(largest(&tokens->file[TRAIN_Y]), largest(&tokens->file[TEST_Y]));
    return (struct nl_shape){.height = windows ? (int)config->data.context : (int)x->shape[1],
                             .width = 1,
                             .channels = 1,
                             .classes = windows || config->data.classes == NL_AUTO ? labels : (int)config->data.classes,
                             .vocabulary = vocabulary,
                             .target = windows || tokens->file[TRAIN_Y].dims == 2 ? NL_TARGET_EACH : NL_TARGET_CLASS};
}

static int64_t training_tokens(const struct tokens *tokens)
{
    int64_t given = (int64_t)tokens->file[TRAIN_X].count;
    return tokens->tests ? given : given * TENTHS / 10;
}

static int measure(const struct nl_config *config, const struct tokens *tokens, struct nl_data_facts *out,
                   const char **key, struct nl_error *err)
{
    int64_t samples = (int64_t)tokens->file[TRAIN_X].shape[0];
    out->shape = shape_of(config, tokens);
    if (config->data.as != NL_AS_IMAGE) {
        *key = "data.as";
        return nl_fail(err, "'data.as' is for images, and '%s' holds token ids", tokens->path[TRAIN_X]);
    }
    if (out->shape.classes < 2 || largest(&tokens->file[TRAIN_Y]) >= out->shape.classes ||
        largest(&tokens->file[TEST_Y]) >= out->shape.classes) {
        *key = "data.classes";
        return nl_fail(err, "the labels of '%s' are none of %s", tokens->path[TRAIN_Y],
                       NL_COUNT(out->shape.classes, "class"));
    }
    if (tokens->file[TRAIN_X].dims == 2) {
        out->test = (int)(tokens->tests ? (int64_t)tokens->file[TEST_X].shape[0] : samples / POOL_SHARE);
        out->train = (int)(tokens->tests ? samples : samples - out->test);
        out->pool = !tokens->tests;
        return NL_OK;
    }
    int context = (int)config->data.context;
    int64_t train = training_tokens(tokens), test = both(tokens, TRAIN_X) - train;
    out->train = (int)nl_windows(train, context);
    out->test = (int)nl_windows(test, context);
    out->tokens = train + test;
    *key = "data.context";
    return out->train > 0 && out->test > 0
               ? NL_OK
               : nl_fail(err, "windows of %d do not fit '%s': it has %lld ids to train on and %lld for the test part",
                         context, tokens->path[TRAIN_X], (long long)train, (long long)test);
}

int nl_tokens_facts(const struct nl_config *config, struct nl_data_facts *out, const char **key, struct nl_error *err)
{
    struct tokens tokens;
    const char *at = NULL;
    int status = read_all(config, &tokens, err);
    at = key_of[tokens.at];
    if (status == NL_OK)
        status = measure(config, &tokens, out, &at, err);
    if (key)
        *key = at;
    release(&tokens);
    return status;
}

/* A file's numbers, and after them those of the test part's. */
static void copy(const struct tokens *tokens, int which, int32_t *to)
{
    for (int part = which; part < NL_DATA_FILES; part += 2)
        for (size_t i = 0; i < tokens->file[part].count; i++)
            *to++ = (int32_t)nl_npy_get(&tokens->file[part], i);
}

struct nl_dataset *nl_tokens_open(const struct nl_config *config, struct nl_error *err)
{
    struct tokens tokens;
    struct nl_data_facts facts = {0};
    struct nl_dataset *set = NULL;
    const char *key;
    if (read_all(config, &tokens, err) == NL_OK && measure(config, &tokens, &facts, &key, err) == NL_OK) {
        bool windows = facts.tokens > 0;
        int width = facts.shape.height, labels = facts.shape.target == NL_TARGET_EACH ? width : 1;
        int64_t ids = both(&tokens, TRAIN_X), count = windows ? ids - width : ids / width;
        set = nl_dataset_new_rows("npy", facts.shape, count, ids + both(&tokens, TRAIN_Y), false, err);
        if (set) {
            int32_t *x = set->numbers, *y = windows ? x + 1 : x + ids;
            copy(&tokens, TRAIN_X, x);
            if (!windows)
                copy(&tokens, TRAIN_Y, y);
            set->window = windows ? width : 0;
            set->train_count = windows ? (int)training_tokens(&tokens) : tokens.tests ? facts.train : 0;
            set->pool_test = facts.pool ? facts.test : 0;
            set->row[set->rows++] =
                (struct nl_sample_rows){.input = "x", .width = width, .step = windows ? 1 : width, .at = x};
            set->row[set->rows++] =
                (struct nl_sample_rows){.input = "labels", .width = labels, .step = windows ? 1 : labels, .at = y};
        }
    }
    release(&tokens);
    return set;
}
