/* npy: the user's own arrays, as numpy.save writes them.
 *
 *     images   (N, H, W, C), (N, H, W) of one channel, or (N, D): D features, each a channel of one position,
 *              standardized by itself. uint8 and bool stay bytes; other numbers, finite, become float32: float64 is
 *              rounded to nearest, and integers lie between -2^24 and 2^24
 *     labels   (N) integers of any type, 0 to classes - 1; or float32 or float64, finite: real targets
 *
 * Arrays (N, S) or (T) of int32, int64 or uint16 in place of images are token ids (tokens.c).
 *
 * The keys name the files; where they do not, places.c finds them. Without test files the training files are one pool,
 * of which the seed makes a fifth the test part.
 */
#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/files.h"
#include "base/memory.h"
#include "base/npy.h"
#include "base/npz.h"
#include "base/system.h"
#include "data/sources.h"

enum { POOL_SHARE = 5, MOST_CLASSES = 100000, LARGEST_SIDE = 1 << 20 };

/* One part: its two files. */
struct part {
    const struct nl_config *config;
    int first; /* its images are number `first` of the places, its labels the next one */
    const char *image_key, *label_key;
    char *image_path, *label_path;
    struct nl_npy images, labels; /* images: the head only, until they are read */
    bool present;
};

struct arrays {
    struct part train, test;
    struct nl_shape shape;
    size_t pool_test; /* without test files: samples of the training files that become the test part */
    const char *key;  /* at fault */
};

static void name_files(struct arrays *arrays, const struct nl_config *config)
{
    const char *train_images = config->data.train_images, *test_images = config->data.test_images,
               *test_labels = config->data.test_labels;
    char *path[NL_DATA_FILES];
    nl_places(config, path);
    arrays->train = (struct part){.config = config,
                                  .image_key = train_images[0] ? "data.train_images" : "data.dir",
                                  .label_key = config->data.train_labels[0] ? "data.train_labels" : "data.dir",
                                  .image_path = path[0],
                                  .label_path = path[1],
                                  .present = true};
    arrays->test = (struct part){.config = config,
                                 .first = 2,
                                 .image_key = test_images[0] ? "data.test_images" : "data.dir",
                                 .label_key = test_labels[0] ? "data.test_labels" : "data.dir",
                                 .image_path = path[2],
                                 .label_path = path[3]};
    /* Not given and not there is no test part; half of one is a mistake, and said so when it is opened. */
    arrays->test.present = test_images[0] || test_labels[0] || nl_place_exists(arrays->test.image_path) ||
                           nl_place_exists(arrays->test.label_path);
}

static void release(struct arrays *arrays)
{
    struct part *const parts[] = {&arrays->train, &arrays->test};
    for (int i = 0; i < 2; i++) {
        nl_npy_release(&parts[i]->images);
        nl_npy_release(&parts[i]->labels);
        free(parts[i]->image_path);
        free(parts[i]->label_path);
    }
}

/* Whether images seem to be (N,C,H,W), as PyTorch has them: few rows of pixels with more channels than a picture has. A
 * single row may be a signal, unless what follows is square. */
static bool is_channels_first(const struct nl_npy *images)
{
    const size_t *shape = images->shape;
    if (images->dims != 4 || shape[3] <= 4)
        return false;
    return shape[1] == 3 || shape[1] == 4 || (shape[1] == 1 && shape[2] == shape[3]);
}

static int read_image_head(struct part *part, struct nl_shape *shape, struct nl_error *err)
{
    struct nl_npy *images = &part->images;
    const char *path = part->image_path;
    if (nl_place_check(part->config, part->first, path, err) || nl_npy_read_head(path, images, err))
        return NL_FAIL;
    if (images->dims < 2 || images->dims > 4)
        return nl_fail(err, "cannot use '%s': an array of %s, expected (N,H,W,C), (N,H,W) or (N,D)", path,
                       NL_COUNT(images->dims, "dimension"));
    if (is_channels_first(images))
        return nl_fail(
            err,
            "cannot use '%s': images of shape (%zu,%zu,%zu,%zu), which look like (N,C,H,W), expected (N,H,W,C); "
            "save x.transpose(0, 2, 3, 1)",
            path, images->shape[0], images->shape[1], images->shape[2], images->shape[3]);
    size_t count = 1;
    for (int d = 0; d < images->dims; d++) {
        count *= d && images->shape[d] <= LARGEST_SIDE ? images->shape[d] : 1;
        if (images->shape[d] == 0)
            return nl_fail(err, "cannot use '%s': it is empty (its shape has a 0)", path);
        if (d && (images->shape[d] > LARGEST_SIDE || count > INT32_MAX))
            return nl_fail(err, "cannot use '%s': a sample of it has too many numbers", path);
    }
    bool flat = images->dims == 2;
    shape->height = flat ? 1 : (int)images->shape[1];
    shape->width = flat ? 1 : (int)images->shape[2];
    shape->channels = flat ? (int)images->shape[1] : images->dims == 4 ? (int)images->shape[3] : 1;
    return NL_OK;
}

static int check_layout(const struct part *part, struct nl_error *err)
{
    const struct nl_npy *labels = &part->labels;
    const size_t *shape = labels->shape;
    if (labels->dims == 2 && shape[1] == 1)
        return nl_fail(err, "cannot use '%s': labels of shape (%zu,1), expected (N); save y.ravel()", part->label_path,
                       shape[0]);
    if (labels->dims == 2)
        return nl_fail(err,
                       "cannot use '%s': labels of shape (%zu,%zu), which look one-hot, expected (N), the number of "
                       "each sample's class; "
                       "save y.argmax(axis=1)",
                       part->label_path, shape[0], shape[1]);
    if (labels->dims != 1)
        return nl_fail(err, "cannot use '%s': an array of %s, expected (N): the number of each sample's class",
                       part->label_path, NL_COUNT(labels->dims, "dimension"));
    return NL_OK;
}

static int read_labels(struct part *part, struct nl_error *err)
{
    struct nl_npy *labels = &part->labels;
    const char *path = part->label_path;
    if (nl_place_check(part->config, part->first + 1, path, err) || nl_npy_read(path, labels, err) ||
        check_layout(part, err))
        return NL_FAIL;
    if (labels->count != part->images.shape[0])
        return nl_fail(err, "cannot use '%s': %s, expected %zu, as many as '%s' has images", path,
                       NL_COUNT(labels->count, "label"), part->images.shape[0], part->image_path);
    return NL_OK;
}

static bool is_real(const struct nl_npy *labels)
{
    return labels->type == NL_F32 || labels->type == NL_F64;
}

static int check_targets(const struct part *part, struct nl_error *err)
{
    for (size_t i = 0; i < part->labels.count; i++)
        if (!isfinite((float)nl_npy_get(&part->labels, i)))
            return nl_fail(err, "cannot use '%s': %g at [%zu], expected finite numbers that float32 holds",
                           part->label_path, nl_npy_get(&part->labels, i), i);
    return NL_OK;
}

struct labels {
    double least, largest;
};

/* The range of the labels in both parts, or, without a test part, in the training part. */
static struct labels label_range(const struct arrays *arrays)
{
    struct labels range = {.least = INFINITY};
    const struct part *const parts[] = {&arrays->train, &arrays->test};
    for (int p = 0; p < 2; p++)
        for (size_t i = 0; parts[p]->present && i < parts[p]->labels.count; i++) {
            double label = nl_npy_get(&parts[p]->labels, i);
            range.least = fmin(range.least, label);
            range.largest = fmax(range.largest, label);
        }
    return range;
}

/* Labels from 1 are said to be so, unless data.classes says that class 0 is there, and no sample of it. */
static int check_labels(const struct part *part, const struct labels *range, int classes, bool given,
                        struct nl_error *err)
{
    if (range->least == 1 && (!given || range->largest == classes))
        return nl_fail(err, "cannot use '%s': labels from 1 to %.0f, expected 0 to %.0f; save y - 1", part->label_path,
                       range->largest, range->largest - 1);
    for (size_t i = 0; i < part->labels.count; i++) {
        double label = nl_npy_get(&part->labels, i);
        if (!(label >= 0 && label < classes))
            return nl_fail(err, "cannot use '%s': label %.0f of sample %zu, expected 0 to %d", part->label_path, label,
                           i, classes - 1);
    }
    return NL_OK;
}

static int read_part(struct arrays *arrays, struct part *part, struct nl_shape *shape, struct nl_error *err)
{
    arrays->key = part->image_key;
    if (read_image_head(part, shape, err))
        return NL_FAIL;
    arrays->key = part->label_key;
    return read_labels(part, err);
}

/* Classes of both parts, or real targets of both. */
static int check_answers(struct arrays *arrays, const struct nl_config *config, struct nl_error *err)
{
    struct part *train = &arrays->train, *test = &arrays->test;
    bool given = config->data.classes != NL_AUTO, real = is_real(&train->labels);
    const char *type = nl_dtype_name(train->labels.type);
    arrays->key = test->label_key;
    if (test->present && is_real(&test->labels) != real)
        return nl_fail(err,
                       "cannot use '%s': labels of %s, but '%s' has %s: both are integers, the numbers of classes, or "
                       "both floats, real targets",
                       test->label_path, nl_dtype_name(test->labels.type), train->label_path, type);
    if (real) {
        arrays->key = "data.classes";
        if (given)
            return nl_fail(
                err, "'%s' has labels of %s, which are real targets and no classes; for classes save y.astype('int64')",
                train->label_path, type);
        arrays->shape.classes = 1;
        arrays->shape.target = NL_TARGET_REAL;
        arrays->key = train->label_key;
        if (check_targets(train, err))
            return NL_FAIL;
        arrays->key = test->label_key;
        return test->present ? check_targets(test, err) : NL_OK;
    }
    struct labels range = label_range(arrays);
    double classes = given ? (double)config->data.classes : 1 + range.largest;
    arrays->key = train->label_key;
    if (classes < 2 || classes > MOST_CLASSES)
        return nl_fail(err, "cannot use '%s': its largest label is %.0f, expected 1 to %d", train->label_path,
                       classes - 1, MOST_CLASSES - 1);
    arrays->shape.classes = (int)classes;
    if (check_labels(train, &range, arrays->shape.classes, given, err))
        return NL_FAIL;
    arrays->key = test->label_key;
    return test->present ? check_labels(test, &range, arrays->shape.classes, given, err) : NL_OK;
}

/* Everything but the images themselves. */
static int read_heads(struct arrays *arrays, const struct nl_config *config, struct nl_error *err)
{
    struct part *train = &arrays->train, *test = &arrays->test;
    struct nl_shape other;
    name_files(arrays, config);
    if (read_part(arrays, train, &arrays->shape, err))
        return NL_FAIL;
    if (test->present) {
        if (read_part(arrays, test, &other, err))
            return NL_FAIL;
        arrays->key = test->image_key;
        if ((test->images.type == NL_U8) != (train->images.type == NL_U8) || test->images.dims != train->images.dims ||
            other.height != arrays->shape.height || other.width != arrays->shape.width ||
            other.channels != arrays->shape.channels)
            return nl_fail(err, "cannot use '%s': images of %dx%dx%d, %s, but '%s' has %dx%dx%d, %s", test->image_path,
                           other.height, other.width, other.channels, nl_dtype_name(test->images.type),
                           train->image_path, arrays->shape.height, arrays->shape.width, arrays->shape.channels,
                           nl_dtype_name(train->images.type));
    }
    if (train->images.shape[0] + (test->present ? test->images.shape[0] : 0) > INT32_MAX)
        return nl_fail(err, "cannot use '%s': more than %d samples", train->image_path, INT32_MAX);
    if (check_answers(arrays, config, err))
        return NL_FAIL;
    if (test->present)
        return NL_OK;
    arrays->pool_test = train->images.shape[0] / POOL_SHARE;
    arrays->key = train->image_key;
    if (arrays->pool_test == 0)
        return nl_fail(err, "cannot use '%s': %s are too few to take a test part from; give test files",
                       train->image_path, NL_COUNT(train->images.shape[0], "sample"));
    return NL_OK;
}

void nl_add_file_version(struct nl_text *out, const char *path)
{
    struct stat info = {0};
    const char *member;
    char *archive = nl_npz_split(path, &member);
    stat(archive ? archive : path, &info);
    free(archive);
    struct timespec modified = nl_time_modified(&info);
    nl_text_add(out, "%s %ju %ju %jd %jd.%09ld\n", path, (uintmax_t)info.st_dev, (uintmax_t)info.st_ino,
                (intmax_t)info.st_size, (intmax_t)modified.tv_sec, modified.tv_nsec);
}

/* Each trial of a grid asks for the facts several times, and to know them all labels are read: those of the last files
 * are remembered. */
static struct {
    pthread_mutex_t lock;
    char *files; /* their versions, and the keys that say how they are read */
    struct nl_data_facts facts;
} last = {.lock = PTHREAD_MUTEX_INITIALIZER};

static char *versions(const struct nl_config *config)
{
    struct arrays arrays = {0};
    struct nl_text out = {0};
    name_files(&arrays, config);
    nl_add_file_version(&out, arrays.train.image_path);
    nl_add_file_version(&out, arrays.train.label_path);
    nl_add_file_version(&out, arrays.test.image_path);
    nl_add_file_version(&out, arrays.test.label_path);
    nl_text_add(&out, "%" PRId64 " %" PRId64 " %d", config->data.classes, config->data.context, config->data.as);
    release(&arrays);
    return out.at;
}

bool nl_facts_recall(const char *files, struct nl_data_facts *out)
{
    pthread_mutex_lock(&last.lock);
    bool known = last.files && strcmp(last.files, files) == 0;
    if (known) {
        out->shape = last.facts.shape;
        out->train = last.facts.train;
        out->test = last.facts.test;
        out->pool = last.facts.pool;
        out->tokens = last.facts.tokens;
    }
    pthread_mutex_unlock(&last.lock);
    return known;
}

void nl_facts_remember(char *files, const struct nl_data_facts *facts)
{
    pthread_mutex_lock(&last.lock);
    free(last.files);
    last.files = files;
    last.facts = *facts;
    pthread_mutex_unlock(&last.lock);
}

int nl_arrays_facts(const struct nl_config *config, struct nl_data_facts *out, const char **key, struct nl_error *err)
{
    struct arrays arrays = {0};
    char *files = versions(config);
    if (nl_facts_recall(files, out)) {
        free(files);
        return NL_OK;
    }
    if (nl_tokens_are(config)) {
        int read = nl_tokens_facts(config, out, key, err);
        if (read == NL_OK)
            nl_facts_remember(files, out);
        else
            free(files);
        return read;
    }
    int status = read_heads(&arrays, config, err);
    if (status == NL_OK) {
        out->shape = arrays.shape;
        out->train = (int)(arrays.train.images.shape[0] - arrays.pool_test);
        out->test = (int)(arrays.test.present ? arrays.test.images.shape[0] : arrays.pool_test);
        out->pool = !arrays.test.present;
        nl_facts_remember(files, out);
    } else {
        free(files);
        if (key)
            *key = arrays.key;
    }
    release(&arrays);
    return status;
}

/* "[3, 0, 1]" of element `at`; new string. */
static char *index_text(const struct nl_npy *array, size_t at)
{
    struct nl_text out = {0};
    size_t rest = array->count;
    for (int d = 0; d < array->dims; d++) {
        rest /= array->shape[d];
        nl_text_add(&out, d ? ", %zu" : "[%zu", at / rest);
        at %= rest;
    }
    nl_text_add(&out, "]");
    return out.at;
}

/* A number that float32 cannot stand for; NULL: it can. */
static const char *unfit(double value, enum nl_dtype type)
{
    const double most = 1 << 24; /* up to it float32 has all integers */
    bool whole = type != NL_F32 && type != NL_F64;
    if (whole)
        return fabs(value) <= most ? NULL : "integers up to 2^24, which float32 has; save x.astype('float32') to round";
    return isfinite(value) && isfinite((float)value) ? NULL
           : isfinite(value)                         ? "finite numbers that float32 holds"
                                                     : "finite numbers";
}

/* The numbers of images that are not bytes, as float32. */
static int copy_values(const struct part *part, float *to, struct nl_text *notes, struct nl_error *err)
{
    const struct nl_npy *images = &part->images;
    size_t rounded = 0;
    for (size_t i = 0; i < images->count; i++) {
        double value = nl_npy_get(images, i);
        const char *expected = unfit(value, images->type);
        if (expected) {
            char *index = index_text(images, i);
            char text[32];
            nl_fail(err, "cannot use '%s': %s at %s, expected %s", part->image_path,
                    isnan(value)   ? "nan"
                    : isinf(value) ? "an infinity"
                                   : nl_double_text(value, text),
                    index, expected);
            free(index);
            return NL_FAIL;
        }
        to[i] = (float)value;
        rounded += (double)to[i] != value;
    }
    if (rounded)
        nl_text_add(notes, "'%s' is float64, and networks take float32: %zu of its %s %s rounded to the nearest\n",
                    part->image_path, rounded, NL_COUNT(images->count, "number"),
                    nl_agree((double)rounded, "is", "are"));
    return NL_OK;
}

static int copy_part(struct part *part, struct nl_dataset *set, size_t first, struct nl_error *err)
{
    struct nl_npy head = part->images;
    size_t rows = head.shape[0];
    if (nl_npy_read(part->image_path, &part->images, err))
        return NL_FAIL;
    if (part->images.type != head.type || part->images.dims != head.dims || part->images.shape[0] != rows ||
        part->images.count != head.count)
        return nl_fail(err, "cannot use '%s': it changed while it was read", part->image_path);
    size_t each = part->images.count / rows;
    if (set->pixels)
        memcpy(set->pixels + first * each, part->images.data, part->images.count);
    else if (copy_values(part, set->values + first * each, &set->notes, err))
        return NL_FAIL;
    float *target = set->numbers;
    for (size_t i = 0; i < rows && target; i++)
        target[first + i] = (float)nl_npy_get(&part->labels, i);
    for (size_t i = 0; i < rows && !target; i++)
        set->labels[first + i] = (int32_t)nl_npy_get(&part->labels, i);
    nl_npy_release(&part->images);
    return NL_OK;
}

/* What was found under other names than ours, and what it was taken for. */
static void add_places(const struct arrays *arrays, struct nl_text *notes)
{
    const struct part *parts[] = {&arrays->train, &arrays->test};
    for (int p = 0; p < 2 && parts[p]->present; p++) {
        const struct nl_npy *images = &parts[p]->images;
        nl_text_add(notes, "'%s' is read as the %s images: %s of %dx%dx%d, %s; '%s' as their labels\n",
                    parts[p]->image_path, p ? "test" : "training", NL_COUNT(images->shape[0], "sample"),
                    arrays->shape.height, arrays->shape.width, arrays->shape.channels, nl_dtype_name(images->type),
                    parts[p]->label_path);
    }
}

struct nl_dataset *nl_arrays_open(const struct nl_config *config, struct nl_error *err)
{
    struct arrays arrays = {0};
    struct nl_dataset *set = NULL;
    if (nl_tokens_are(config))
        return nl_tokens_open(config, err);
    if (read_heads(&arrays, config, err) == NL_OK) {
        size_t train = arrays.train.images.shape[0], test = arrays.test.present ? arrays.test.images.shape[0] : 0;
        set = nl_dataset_new("npy", arrays.train.images.type == NL_U8 ? NL_U8 : NL_F32, arrays.shape,
                             (int64_t)(train + test), test ? (int64_t)train : 0, err);
        if (set && nl_places_found(config))
            add_places(&arrays, &set->notes);
        if (set)
            set->pool_test = (int)arrays.pool_test;
        if (set && (copy_part(&arrays.train, set, 0, err) || (test && copy_part(&arrays.test, set, train, err)))) {
            nl_dataset_free(set);
            set = NULL;
        }
    }
    release(&arrays);
    return set;
}
