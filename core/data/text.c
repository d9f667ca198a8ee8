/* text: one long text, of which a network learns to predict each next token. tinyshakespeare, or the user's own file,
 * plain or gzip.
 *
 * Sample i is the window of data.context tokens from token i on: x is its tokens, and the label at each position the
 * token after it. The first nine tenths of the tokens, rounded down, are the training part, the rest is the test part.
 * Counts of samples (data.train, val, test) are of windows side by side: so many fit before the part's last token,
 * which is only a label. What is left behind them is not read.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "data/packed.h"
#include "data/sources.h"

enum { TENTHS = 9, LEAST_TOKENS = 20 };

static char *read_text(const struct nl_config *config, size_t *length, struct nl_error *err)
{
    if (config->data.file[0])
        return nl_file_read_gz(config->data.file, INT32_MAX, length, err);
    *length = NL_SHAKESPEARE_BYTES;
    return nl_shakespeare();
}

static const char *name_of(const struct nl_config *config)
{
    return config->data.file[0] ? config->data.file : "the text in the program";
}

struct corpus {
    struct nl_alphabet alphabet;
    int32_t *token;
    int64_t tokens;
};

static void release(struct corpus *corpus)
{
    nl_alphabet_release(&corpus->alphabet);
    free(corpus->token);
}

static int read_corpus(const struct nl_config *config, struct corpus *out, struct nl_error *err)
{
    size_t length;
    struct nl_error why;
    char *text = read_text(config, &length, err);
    if (!text)
        return NL_FAIL;
    if (nl_alphabet_of(text, length, config->data.unit == NL_UNIT_BYTE, &out->alphabet, &why) == NL_OK)
        out->token = nl_alphabet_encode(&out->alphabet, text, length, &out->tokens, &why);
    free(text);
    if (!out->token)
        return nl_fail(err, "cannot use '%s': %s; data.unit byte takes any file", name_of(config), why.text);
    return out->tokens >= LEAST_TOKENS && out->alphabet.count > 1
               ? NL_OK
               : nl_fail(err, "cannot use '%s': %s, of which %d are different, are no text to learn from",
                         name_of(config), NL_COUNT(out->tokens, "character"), out->alphabet.count);
}

/* Each trial of a grid asks for the facts several times: those of the last text are remembered. */
static struct {
    pthread_mutex_t lock;
    char *version; /* of the file, and data.unit */
    int64_t tokens;
    int vocabulary;
} last = {.lock = PTHREAD_MUTEX_INITIALIZER};

static char *version_of(const struct nl_config *config)
{
    struct nl_text out = {0};
    nl_text_add(&out, "%d", config->data.unit);
    if (config->data.file[0])
        nl_add_file_version(&out, config->data.file);
    return out.at;
}

static bool recall(const char *version, int64_t *tokens, int *vocabulary)
{
    pthread_mutex_lock(&last.lock);
    bool known = last.version && strcmp(last.version, version) == 0;
    if (known) {
        *tokens = last.tokens;
        *vocabulary = last.vocabulary;
    }
    pthread_mutex_unlock(&last.lock);
    return known;
}

/* Takes version over. */
static void remember(char *version, int64_t tokens, int vocabulary)
{
    pthread_mutex_lock(&last.lock);
    free(last.version);
    last.version = version;
    last.tokens = tokens;
    last.vocabulary = vocabulary;
    pthread_mutex_unlock(&last.lock);
}

static int measure(const struct nl_config *config, int64_t *tokens, int *vocabulary, struct nl_error *err)
{
    struct corpus corpus = {0};
    char *version = version_of(config);
    if (recall(version, tokens, vocabulary)) {
        free(version);
        return NL_OK;
    }
    int status = read_corpus(config, &corpus, err);
    *tokens = corpus.tokens;
    *vocabulary = corpus.alphabet.count;
    release(&corpus);
    if (status == NL_OK)
        remember(version, *tokens, *vocabulary);
    else
        free(version);
    return status;
}

static int64_t training_tokens(int64_t tokens)
{
    return tokens * TENTHS / 10;
}

static struct nl_shape shape_of(const struct nl_config *config, int vocabulary)
{
    return (struct nl_shape){.height = (int)config->data.context,
                             .width = 1,
                             .channels = 1,
                             .classes = vocabulary,
                             .vocabulary = vocabulary,
                             .target = NL_TARGET_EACH};
}

int nl_text_facts(const struct nl_config *config, struct nl_data_facts *out, const char **key, struct nl_error *err)
{
    const char *ignored;
    int64_t tokens, context = config->data.context;
    int vocabulary;
    key = key ? key : &ignored;
    *key = "data.file";
    if (config->data.file[0])
        out->title = "your own text: of each character the next one", out->source = config->data.file,
        out->licence = "yours";
    if (measure(config, &tokens, &vocabulary, err))
        return NL_FAIL;
    int64_t train = training_tokens(tokens), test = tokens - train;
    *key = "data.context";
    if (test <= context)
        return nl_fail(err, "windows of %lld do not fit the last tenth of '%s', which has %s: at most %lld do",
                       (long long)context, name_of(config), NL_COUNT(test, "token"), (long long)test - 1);
    out->shape = shape_of(config, vocabulary);
    out->train = (int)nl_windows(train, (int)context);
    out->test = (int)nl_windows(test, (int)context);
    out->tokens = tokens;
    return NL_OK;
}

struct nl_dataset *nl_text_open(const struct nl_config *config, struct nl_error *err)
{
    struct corpus corpus = {0};
    int context = (int)config->data.context;
    struct nl_dataset *set = NULL;
    if (read_corpus(config, &corpus, err) == NL_OK && corpus.tokens <= context)
        nl_fail(err, "cannot use '%s': it has %s, and a window %d", name_of(config), NL_COUNT(corpus.tokens, "token"),
                context);
    else if (corpus.token)
        set = nl_dataset_new_rows("text", shape_of(config, corpus.alphabet.count), corpus.tokens - context,
                                  corpus.tokens, false, err);
    if (set) {
        int32_t *token = memcpy(set->numbers, corpus.token, (size_t)corpus.tokens * sizeof *token);
        set->window = context;
        set->train_count = (int)training_tokens(corpus.tokens);
        set->row[set->rows++] = (struct nl_sample_rows){.input = "x", .width = context, .step = 1, .at = token};
        set->row[set->rows++] =
            (struct nl_sample_rows){.input = "labels", .width = context, .step = 1, .at = token + 1};
        set->alphabet = corpus.alphabet;
        corpus.alphabet = (struct nl_alphabet){0};
    }
    release(&corpus);
    return set;
}
