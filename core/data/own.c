/* The user's own arrays and texts, once they are read: what nothing can be learned from is refused, and what has
 * another plausible meaning is told. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "data/sources.h"

enum { TRAIN, TEST, PARTS };

/* All samples of a pool count as the training part, since each seed takes another test part of it. */
static int samples_of(const struct nl_dataset *set, int part)
{
    int train = set->train_count ? set->train_count : set->count;
    return part == TRAIN ? train : set->count - train;
}

/* ---- labels ---- */

/* The labels, or, of one long sequence, the tokens, which are the labels of those before them: those of the training
 * part, and then those of the test part. NULL: targets are real. */
struct labels {
    const int32_t *at;
    int64_t count[PARTS];
};

static struct labels labels_of(const struct nl_dataset *set)
{
    const struct nl_sample_rows *row = nl_dataset_row(set, "labels");
    if (set->window)
        return (struct labels){set->numbers, {set->train_count, (int64_t)set->count + set->window - set->train_count}};
    int64_t width = row ? row->width : 1;
    return (struct labels){row ? row->at : set->labels,
                           {samples_of(set, TRAIN) * width, samples_of(set, TEST) * width}};
}

/* How many labels of a part are each class. */
struct classes {
    int classes;
    int64_t *count[PARTS];
};

static struct classes count_classes(const struct nl_dataset *set)
{
    struct labels labels = labels_of(set);
    struct classes out = {.classes = labels.at ? set->shape.classes : 0};
    for (int part = 0; part < PARTS; part++) {
        out.count[part] = nl_alloc((size_t)out.classes, sizeof *out.count[part]);
        for (int64_t i = 0; labels.at && i < labels.count[part]; i++)
            out.count[part][*labels.at++]++;
    }
    return out;
}

static void release_classes(struct classes *classes)
{
    for (int part = 0; part < PARTS; part++)
        free(classes->count[part]);
}

/* "4 to 8", "1, 3 and 3 more": classes c for which is(classes, c). *labels: their labels in both parts. Returns how
 * many. */
static int list_classes(const struct classes *classes, bool (*is)(const struct classes *classes, int c),
                        struct nl_text *out, int64_t *labels)
{
    enum { LISTED = 6 };
    int found = 0, runs = 0, more = 0;
    *labels = 0;
    for (int c = 0, first; c < classes->classes; c++) {
        if (!is(classes, c))
            continue;
        for (first = c; c < classes->classes && is(classes, c); c++)
            *labels += classes->count[TRAIN][c] + classes->count[TEST][c];
        found += c - first;
        if (runs++ >= LISTED)
            more += c - first;
        else
            nl_text_add(out,
                        c - first > 2   ? "%s%d to %d"
                        : c - first > 1 ? "%s%d, %d"
                                        : "%s%d",
                        runs > 1 ? ", " : "", first, c - 1);
    }
    if (more)
        nl_text_add(out, " and %d more", more);
    return found;
}

static bool is_of_training(const struct classes *classes, int c)
{
    return classes->count[TRAIN][c] > 0;
}

static bool is_of_test_alone(const struct classes *classes, int c)
{
    return classes->count[TRAIN][c] == 0 && classes->count[TEST][c] > 0;
}

static bool is_of_training_alone(const struct classes *classes, int c)
{
    return classes->count[TRAIN][c] > 0 && classes->count[TEST][c] == 0;
}

static bool is_of_neither(const struct classes *classes, int c)
{
    return classes->count[TRAIN][c] == 0 && classes->count[TEST][c] == 0;
}

/* One class, or a test part that has none of the training part's. */
static int judge_classes(const struct nl_dataset *set, struct nl_error *err)
{
    struct classes classes = count_classes(set);
    struct nl_text trained = {0}, tested = {0};
    int64_t count;
    int status = NL_OK, of_training = list_classes(&classes, is_of_training, &trained, &count);
    int of_test = list_classes(&classes, is_of_test_alone, &tested, &count);
    bool apart = count > 0 && count == labels_of(set).count[TEST];
    if (of_training == 1)
        status = nl_fail(err, "nothing can be learned: all %s of the training part are %s",
                         set->window ? "tokens" : "labels", trained.at);
    else if (of_test > 0 && apart)
        status = nl_fail(err, "the test part has none of the training part's classes: %s, and these are %s", tested.at,
                         trained.at);
    nl_text_release(&trained);
    nl_text_release(&tested);
    release_classes(&classes);
    return status;
}

static int judge_targets(const struct nl_dataset *set, struct nl_error *err)
{
    const float *target = nl_dataset_row(set, "targets")->at;
    for (int i = 1; i < samples_of(set, TRAIN); i++)
        if (target[i] != target[0])
            return NL_OK;
    return nl_fail(err, "nothing can be learned: all targets of the training part are %g", (double)target[0]);
}

/* ---- samples ---- */

/* Pixels, values or token ids, sample after sample, or of one sample. */
struct samples {
    const char *at;
    size_t bytes; /* of a sample; 0: windows of one sequence */
};

static struct samples all_samples(const struct nl_dataset *set)
{
    size_t numbers = (size_t)set->shape.height * (size_t)set->shape.width * (size_t)set->shape.channels;
    if (set->pixels)
        return (struct samples){(const char *)set->pixels, numbers};
    if (set->values)
        return (struct samples){(const char *)set->values, numbers * sizeof *set->values};
    const struct nl_sample_rows *row = nl_dataset_row(set, "x");
    return (struct samples){row->at, set->window ? 0 : (size_t)row->width * sizeof(int32_t)};
}

static int judge_samples(const struct nl_dataset *set, struct nl_error *err)
{
    struct samples samples = all_samples(set);
    int count = samples_of(set, TRAIN);
    for (int i = 1; samples.bytes && i < count; i++)
        if (memcmp(samples.at, samples.at + (size_t)i * samples.bytes, samples.bytes) != 0)
            return NL_OK;
    return samples.bytes && count > 1 ? nl_fail(err, "nothing can be learned: all %s of the training part are equal",
                                                NL_COUNT(count, "sample"))
                                      : NL_OK;
}

int nl_own_judge(const struct nl_dataset *set, struct nl_error *err)
{
    int status = set->shape.target == NL_TARGET_REAL ? judge_targets(set, err) : judge_classes(set, err);
    return status == NL_OK ? judge_samples(set, err) : status;
}

/* ---- doubts ---- */

struct telling {
    const struct nl_dataset *set;
    const struct nl_config *config;
    const struct nl_experiment *experiment;
    struct nl_diagnostics *warnings;
};

/* At the key of the images or labels, or where all files are named. Takes what over. */
static void tell(const struct telling *t, const char *key, const char *remedy, char *what)
{
    const char *const places[] = {t->config->data.name == NL_NPY ? key : "data.file", "data.dir", "data.name"};
    int place = 0;
    while (place < 2 && nl_origin_of(t->experiment, places[place]).kind == NL_FROM_DEFAULT)
        place++;
    struct nl_origin at = nl_origin_of(t->experiment, places[place]);
    nl_diagnose(t->warnings, &at, remedy, "warning: %s", what);
    free(what);
}

static int compare_floats(const void *a, const void *b)
{
    const float *left = a, *right = b;
    return (*left > *right) - (*left < *right);
}

/* Real targets that may be classes: whole numbers, few of them. */
static void tell_of_targets(const struct telling *t)
{
    enum { MOST_CLASSES = 1000 };
    int count = t->set->count, different = 1;
    float *sorted = nl_alloc((size_t)count, sizeof *sorted);
    memcpy(sorted, nl_dataset_row(t->set, "targets")->at, (size_t)count * sizeof *sorted);
    qsort(sorted, (size_t)count, sizeof *sorted, compare_floats);
    bool whole = true;
    for (int i = 0; i < count; i++) {
        whole &= sorted[i] == floorf(sorted[i]);
        different += i > 0 && sorted[i] != sorted[i - 1];
    }
    if (whole && different <= MOST_CLASSES && 2 * different <= count)
        tell(t, "data.train_labels", "for classes save y.astype('int64')",
             nl_format(
                 "labels that are floats are real targets, and these are all whole: %d different ones, from %g to %g",
                 different, (double)sorted[0], (double)sorted[count - 1]));
    free(sorted);
}

static void tell_of_classes(const struct telling *t)
{
    enum { FEW = 10 }; /* classes; labels of positions, as a text may end with the one line feed that it has */
    const struct nl_dataset *set = t->set;
    struct classes classes = count_classes(set);
    struct nl_text seen = {0}, unseen = {0}, untested = {0}, empty = {0};
    int64_t labels, tested = labels_of(set).count[TEST];
    bool of_samples = set->shape.target == NL_TARGET_CLASS;
    bool any_unseen = list_classes(&classes, is_of_test_alone, &unseen, &labels) > 0;
    if (any_unseen && of_samples)
        tell(t, "data.test_labels", "give both parts samples of all classes",
             nl_format("test samples of classes that the training part lacks: %lld of %lld (%s)", (long long)labels,
                       (long long)tested, unseen.at));
    else if (any_unseen && labels >= FEW && 100 * labels >= tested)
        tell(t, "data.test_labels", "let both parts be of one kind",
             nl_format("labels of the test part that do not occur in the training part: %lld of %lld",
                       (long long)labels, (long long)tested));
    if (of_samples && tested > 0 && list_classes(&classes, is_of_training_alone, &untested, &labels))
        tell(
            t, "data.test_labels", "give both parts samples of all classes",
            nl_format("no test sample is of %s, the classes of %s", untested.at, NL_COUNT(labels, "training sample")));
    bool may_miss = of_samples && t->config->data.classes == NL_AUTO;
    int missed = may_miss ? list_classes(&classes, is_of_neither, &empty, &labels) : 0;
    if (missed)
        tell(t, "data.train_labels",
             "save numpy.unique(y, return_inverse=True)[1] to number the classes; or say data.classes",
             nl_format("labels up to %d make %s, and %d of them %s no sample: %s", classes.classes - 1,
                       NL_COUNT(classes.classes, "class"), missed, nl_agree(missed, "has", "have"), empty.at));
    int trained = list_classes(&classes, is_of_training, &seen, &labels), samples = samples_of(set, TRAIN);
    if (of_samples && trained >= FEW && 2 * trained > samples)
        tell(t, "data.train_labels",
             t->config->data.name == NL_CSV ? "for real targets write one of them with a decimal point: 3.0"
                                            : "for real targets save y.astype('float32')",
             nl_format("labels that are integers are classes, and %s have %d of them",
                       NL_COUNT(samples, "training sample"), trained));
    nl_text_release(&seen);
    nl_text_release(&unseen);
    nl_text_release(&untested);
    nl_text_release(&empty);
    release_classes(&classes);
}

/* Mean, deviation, least and largest value of a channel in a part. */
struct spread {
    double mean, deviation, least, largest;
};

static double value_at(const struct nl_dataset *set, size_t i)
{
    return set->pixels ? set->pixels[i] : (double)set->values[i];
}

static void measure(const struct nl_dataset *set, int part, size_t channels, struct spread *out)
{
    size_t each = (size_t)set->shape.height * (size_t)set->shape.width * (size_t)set->shape.channels;
    size_t from = part == TRAIN ? 0 : (size_t)samples_of(set, TRAIN) * each,
           end = from + (size_t)samples_of(set, part) * each;
    double count = (double)(end - from) / (double)channels;
    for (size_t c = 0; c < channels; c++)
        out[c] = (struct spread){.least = INFINITY, .largest = -INFINITY};
    for (size_t i = from, c = 0; i < end; i++, c = c + 1 < channels ? c + 1 : 0) {
        double value = value_at(set, i);
        out[c].mean += value;
        out[c].least = value < out[c].least ? value : out[c].least;
        out[c].largest = value > out[c].largest ? value : out[c].largest;
    }
    for (size_t c = 0; c < channels; c++)
        out[c].mean /= count;
    for (size_t i = from, c = 0; i < end; i++, c = c + 1 < channels ? c + 1 : 0)
        out[c].deviation += (value_at(set, i) - out[c].mean) * (value_at(set, i) - out[c].mean);
    for (size_t c = 0; c < channels; c++)
        out[c].deviation = sqrt(out[c].deviation / count);
}

static bool differ_in_scale(const struct spread *train, const struct spread *test)
{
    const double far = 10;
    return test->deviation > far * train->deviation || train->deviation > far * test->deviation ||
           fabs(test->mean - train->mean) > far * fmax(train->deviation, test->deviation);
}

static struct spread widest(const struct spread *spread, size_t channels)
{
    struct spread out = spread[0];
    for (size_t c = 1; c < channels; c++) {
        out.least = fmin(out.least, spread[c].least);
        out.largest = fmax(out.largest, spread[c].largest);
    }
    return out;
}

static void tell_of_values(const struct telling *t)
{
    const struct nl_dataset *set = t->set;
    size_t channels = (size_t)(set->colours ? set->colours : set->shape.channels), constant = 0, last = 0, alike = 0;
    struct spread *train = nl_alloc(2 * channels, sizeof *train), *test = train + channels;
    const char *name = set->shape.height == 1 && set->shape.width == 1 ? "feature" : "channel";
    bool tested = samples_of(set, TEST) > 0;
    measure(set, TRAIN, channels, train);
    if (tested)
        measure(set, TEST, channels, test);
    for (size_t c = 0; c < channels; c++) {
        bool varies = train[c].largest > train[c].least;
        constant += !varies;
        last = varies ? last : c;
        alike += varies && !differ_in_scale(&train[c], &test[c]);
    }
    if (constant)
        tell(t, "data.train_images", "nothing can be learned from what is constant: leave it out",
             nl_format("constant over the training part: %zu of %zu %ss; %s %zu is always %g", constant, channels, name,
                       name, last + 1, train[last].mean));
    if (tested && constant < channels && alike == 0) {
        struct spread of_train = widest(train, channels), of_test = widest(test, channels);
        tell(t, "data.test_images", "scale both parts alike: images are standardized by the training part alone",
             nl_format("values of the test part lie from %g to %g, those of the training part from %g to %g",
                       of_test.least, of_test.largest, of_train.least, of_train.largest));
    }
    free(train);
}

static int compare_samples(const void *a, const void *b)
{
    const struct samples *left = a, *right = b;
    int order = memcmp(left->at, right->at, left->bytes);
    return order ? order : (left->at > right->at) - (left->at < right->at); /* the training part first */
}

/* Test samples that the training part has, too; of a pool, samples that come again. */
static void tell_of_twins(const struct telling *t)
{
    const struct nl_dataset *set = t->set;
    struct samples all = all_samples(set), *sorted = nl_alloc((size_t)set->count, sizeof *sorted);
    bool pool = samples_of(set, TEST) == 0;
    const char *of_test = all.at + (pool ? 0 : (size_t)samples_of(set, TRAIN) * all.bytes);
    int twins = 0, judged = pool ? set->count : samples_of(set, TEST);
    for (int i = 0; i < set->count; i++)
        sorted[i] = (struct samples){all.at + (size_t)i * all.bytes, all.bytes};
    qsort(sorted, (size_t)set->count, sizeof *sorted, compare_samples);
    for (int i = 1, first = 0; i < set->count; i++) {
        first = memcmp(sorted[first].at, sorted[i].at, all.bytes) == 0 ? first : i;
        twins += first < i && sorted[i].at >= of_test && (pool || sorted[first].at < of_test);
    }
    free(sorted);
    if (twins == 0 || 100 * (int64_t)twins < judged)
        return;
    if (pool)
        tell(t, "data.train_images", "leave out what comes again, or give test files",
             nl_format("samples that come again: %d of %d; a test part that is taken of them has samples of training",
                       twins, judged));
    else
        tell(t, "data.test_images", "leave them out of one part",
             nl_format("test samples that are in the training part, too: %d of %d; their error is not that of new ones",
                       twins, judged));
}

/* What an editor or another system put into a text, each a character that a network learns. */
static void tell_of_characters(const struct telling *t)
{
    static const struct {
        uint32_t code;
        const char *what, *remedy;
    } strange[] = {
        {'\r', "carriage returns, as at the ends of lines of Windows (CRLF)",
         "tr -d '\\r' takes them out; where they end lines alone, tr '\\r' '\\n' makes line feeds of them"},
        {0xfeff, "a byte-order mark, which is no part of a text", "sed '1s/^\\xef\\xbb\\xbf//' takes it out"},
        {0, "NUL characters, as of UTF-16 or of a file that is no text",
         "save the file as UTF-8; data.unit byte takes any file"},
        {0xfffd, "replacement characters, which stand for what could not be read in another encoding",
         "save the file as UTF-8 from its source"},
    };
    const struct nl_alphabet *alphabet = &t->set->alphabet;
    const int32_t *token = t->set->numbers;
    for (size_t s = 0; s < sizeof strange / sizeof *strange && !alphabet->bytes; s++)
        for (int32_t c = 0; c < alphabet->count; c++) {
            if (alphabet->code[c] != strange[s].code)
                continue;
            int64_t tokens = (int64_t)t->set->count + t->set->window, found = 0;
            for (int64_t i = 0; i < tokens; i++)
                found += token[i] == c;
            tell(t, "data.file", strange[s].remedy,
                 nl_format("the text has %s: %lld of its %s", strange[s].what, (long long)found,
                           NL_COUNT(tokens, "character")));
        }
}

void nl_own_doubts(const struct nl_dataset *set, const struct nl_config *config, const struct nl_experiment *experiment,
                   struct nl_diagnostics *warnings)
{
    const struct telling t = {set, config, experiment, warnings};
    const struct nl_origin from = nl_origin_of(experiment, "data.name");
    for (const char *line = set->notes.at; line && *line; line += strcspn(line, "\n") + 1)
        nl_note(warnings, &from, "%.*s", (int)strcspn(line, "\n"), line);
    bool is_text = config->data.name == NL_TEXT && config->data.file[0];
    if (is_text)
        tell_of_characters(&t);
    if (!is_text && !nl_data_is_own(config))
        return;
    if (set->shape.target == NL_TARGET_REAL)
        tell_of_targets(&t);
    else
        tell_of_classes(&t);
    if (set->pixels || set->values)
        tell_of_values(&t);
    if (!set->window)
        tell_of_twins(&t);
}
