/* A trial's view of a data set: which samples are in which part, what the labels are, how pixels become numbers. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clones.h"
#include "base/memory.h"
#include "base/random.h"
#include "data/sources.h"
#include "operation/gather.h"

enum { LEVELS = 256 };

__extension__ typedef unsigned __int128 wide; /* of gcc and clang, not of ISO C */

/* Rows of stream "split": of data.split_seed 0 the training part (or the pool) and 1 the test part; of data.test_seed
 * the same, and then 2 of data.split_seed is what the test part leaves of a pool. */
enum { ROW_TRAIN, ROW_TEST, ROW_REST };

/* Cuts a text into the windows of each part, side by side. */
static void cut(struct nl_split *view)
{
    const struct nl_dataset *set = view->dataset;
    int first_of_test = set->train_count, tokens = set->count + set->window;
    view->train_count = (int)nl_windows(first_of_test, set->window);
    view->test_count = (int)nl_windows(tokens - first_of_test, set->window);
    view->train = nl_alloc((size_t)view->train_count, sizeof *view->train);
    view->test = nl_alloc((size_t)view->test_count, sizeof *view->test);
    for (int i = 0; i < view->train_count; i++)
        view->train[i] = i * set->window;
    for (int i = 0; i < view->test_count; i++)
        view->test[i] = first_of_test + i * set->window;
}

/* The given parts, shuffled: *train and *test are new. */
static void split(struct nl_split *view, const struct nl_config *config)
{
    const struct nl_dataset *set = view->dataset;
    uint64_t split_seed = nl_seed_of(config, config->data.split_seed);
    bool apart = config->data.test_seed != NL_AUTO;
    if (set->window) {
        cut(view);
        return;
    }
    struct nl_stream stream = nl_stream(split_seed, "split"),
                     of_test = apart ? nl_stream((uint64_t)config->data.test_seed, "split") : stream;
    if (set->train_count) {
        view->train_count = set->train_count;
        view->test_count = set->count - set->train_count;
        view->train = nl_alloc((size_t)view->train_count, sizeof *view->train);
        view->test = nl_alloc((size_t)view->test_count, sizeof *view->test);
        nl_stream_permutation(stream, ROW_TRAIN, view->train, view->train_count);
        nl_stream_permutation(of_test, ROW_TEST, view->test, view->test_count);
        for (int i = 0; i < view->test_count; i++)
            view->test[i] += view->train_count;
        return;
    }
    int32_t *pool = nl_alloc((size_t)set->count, sizeof *pool);
    nl_stream_permutation(of_test, ROW_TRAIN, pool, set->count);
    view->test_count = set->pool_test;
    view->train_count = set->count - set->pool_test;
    view->test = nl_alloc((size_t)view->test_count, sizeof *view->test);
    memcpy(view->test, pool + view->train_count, (size_t)view->test_count * sizeof *view->test);
    view->train = pool;
    if (apart) {
        int32_t *order = nl_alloc((size_t)view->train_count, sizeof *order);
        view->train = nl_alloc((size_t)view->train_count, sizeof *view->train);
        nl_stream_permutation(stream, ROW_REST, order, view->train_count);
        for (int i = 0; i < view->train_count; i++)
            view->train[i] = pool[order[i]];
        free(order);
        free(pool);
    }
}

/* Samples that class k of K may have of n (Cui et al., CVPR 2019: long-tailed), at least 1. */
static int most_of_class(int n, int classes, double ratio, int k)
{
    int most = (int)floor((double)n / classes / pow(ratio, (double)k / (classes - 1)));
    return most > 1 ? most : 1;
}

/* Training samples that data.imbalance leaves of n. */
static int imbalanced(const struct nl_config *config, int classes, int n)
{
    int sum = 0;
    if (!(config->data.imbalance > 1) || classes < 2)
        return n;
    for (int k = 0; k < classes; k++)
        sum += most_of_class(n, classes, config->data.imbalance, k);
    return sum < n ? sum : n;
}

struct nl_counts nl_data_counts(const struct nl_config *config)
{
    struct nl_data_facts facts = nl_data_facts(config);
    int64_t train = config->data.train, test = config->data.test;
    bool anew = config->data.split_seed == NL_AUTO && facts.tokens == 0;
    struct nl_counts counts = {
        .train = (int)((train != NL_AUTO && train < facts.train ? train : facts.train) - config->data.val),
        .val = (int)config->data.val,
        .test = (int)(test != NL_AUTO && test < facts.test ? test : facts.test),
        .val_overlap = 1.0,
        .test_overlap = 1.0,
    };
    counts.train = imbalanced(config, facts.shape.classes, counts.train);
    bool test_anew = anew && config->data.test_seed == NL_AUTO;
    double whole = facts.pool ? facts.train + facts.test : facts.train;
    if (anew && counts.val > 0)
        counts.val_overlap = counts.val / (test_anew ? whole : facts.train);
    if (test_anew && counts.test > 0)
        counts.test_overlap = counts.test / (facts.pool ? whole : facts.test);
    return counts;
}

/* Keeps what data.train, data.test and data.val ask for. */
static int reduce(struct nl_split *view, const struct nl_config *config, struct nl_error *err)
{
    const char *name = view->dataset->name;
    if (config->data.train > view->train_count)
        return nl_fail(err, "cannot split '%s': data.train is %lld, but it has %s here", name,
                       (long long)config->data.train, NL_COUNT(view->train_count, "training sample"));
    if (config->data.test > view->test_count)
        return nl_fail(err, "cannot split '%s': data.test is %lld, but it has %s here", name,
                       (long long)config->data.test, NL_COUNT(view->test_count, "test sample"));
    if (config->data.train != NL_AUTO)
        view->train_count = (int)config->data.train;
    if (config->data.test != NL_AUTO)
        view->test_count = (int)config->data.test;
    if (config->data.val >= view->train_count)
        return nl_fail(err, "cannot split '%s': data.val is %lld of %s and leaves none to train on", name,
                       (long long)config->data.val, NL_COUNT(view->train_count, "training sample"));
    view->val_count = (int)config->data.val;
    view->train_count -= view->val_count;
    view->val = nl_alloc((size_t)view->val_count, sizeof *view->val);
    memcpy(view->val, view->train + view->train_count, (size_t)view->val_count * sizeof *view->val);
    return NL_OK;
}

/* The label of a sample: one of those that are trained with, where it has one. */
static int label_of(const struct nl_split *view, int32_t sample)
{
    struct nl_sample_rows labels = nl_split_rows(view, "labels");
    NL_ASSERT(labels.at && labels.width == 1);
    return ((const int32_t *)labels.at)[(size_t)sample * (size_t)labels.step];
}

/* Sorts the samples by class, those of a class as they stand. Returns first[classes + 1]: where each class begins, and
 * the end; new. */
static int *sort_by_class(const struct nl_split *view, int32_t *sample, int count)
{
    int classes = view->dataset->shape.classes;
    int *first = nl_alloc((size_t)classes + 2, sizeof *first);
    int32_t *sorted = nl_alloc((size_t)count, sizeof *sorted);
    for (int i = 0; i < count; i++)
        first[label_of(view, sample[i]) + 2]++;
    for (int k = 2; k <= classes; k++)
        first[k] += first[k - 1];
    for (int i = 0; i < count; i++)
        sorted[first[label_of(view, sample[i]) + 1]++] = sample[i];
    memcpy(sample, sorted, (size_t)count * sizeof *sample);
    free(sorted);
    return first;
}

/* Takes the first samples of each class, as many as data.imbalance leaves it. What a class lacks is taken from the next
 * ones that have more, from the first class on again after the last. */
static void imbalance(struct nl_split *view, const struct nl_config *config)
{
    int classes = view->dataset->shape.classes, all = view->train_count, count = imbalanced(config, classes, all);
    if (count == all)
        return;
    int32_t *by_class = nl_alloc((size_t)all, sizeof *by_class);
    int *taken = nl_alloc((size_t)classes, sizeof *taken), missing = 0;
    bool *kept = nl_alloc((size_t)view->dataset->count, sizeof *kept);
    memcpy(by_class, view->train, (size_t)all * sizeof *by_class);
    int *first = sort_by_class(view, by_class, all);
    for (int i = 0; i < classes || missing > 0; i++) {
        int k = i % classes, room = first[k + 1] - first[k] - taken[k],
            wanted = missing + (i < classes ? most_of_class(all, classes, config->data.imbalance, k) : 0),
            more = wanted < room ? wanted : room;
        for (int n = 0; n < more; n++)
            kept[by_class[first[k] + taken[k]++]] = true;
        missing = wanted - more;
    }
    view->train_count = 0;
    for (int i = 0; i < all; i++)
        if (kept[view->train[i]])
            view->train[view->train_count++] = view->train[i];
    free(first);
    free(by_class);
    free(taken);
    free(kept);
}

/* Sorts a part for evaluation (data.eval_order). Spread evenly, sample j of the n of a class comes at (j + 1/2) / n of
 * the part: at each place stands the class whose next sample comes first, or of equals the first class. */
static void order_part(const struct nl_split *view, enum nl_eval_order order, int32_t *sample, int count)
{
    if (order == NL_EVAL_SHUFFLED)
        return;
    int classes = view->dataset->shape.classes, *first = sort_by_class(view, sample, count);
    int32_t *sorted = nl_alloc((size_t)count, sizeof *sorted);
    int *taken = nl_alloc((size_t)classes, sizeof *taken);
    memcpy(sorted, sample, (size_t)count * sizeof *sorted);
    for (int i = 0; order == NL_EVAL_MIXED && i < count; i++) {
        int next = -1;
        int64_t passed = 0, of = 0; /* (2 taken + 1) / n of the class that is next, as a fraction */
        for (int k = 0; k < classes; k++) {
            int64_t n = first[k + 1] - first[k], mine = 2 * (int64_t)taken[k] + 1;
            if (taken[k] < n && (next < 0 || mine * of < passed * n)) {
                next = k;
                passed = mine;
                of = n;
            }
        }
        sample[i] = sorted[first[next] + taken[next]++];
    }
    free(first);
    free(sorted);
    free(taken);
}

/* The samples' shifted copies in their place. */
static void shift_part(const struct nl_split *view, int32_t *sample, int count)
{
    for (int i = 0; i < count; i++)
        sample[i] = nl_copy_of(view->dataset, sample[i]);
}

/* The share of the training samples, rounded, gets a class drawn from all (Zhang et al., ICLR 2017): a tenth of ten
 * classes keeps its label by chance. Rows of stream "label_noise": 0 says which samples, 1 which class. */
static void add_label_noise(struct nl_split *view, double share, uint64_t seed)
{
    struct nl_stream stream = nl_stream(seed, "label_noise");
    int noisy = (int)lrint(share * view->train_count);
    int32_t *order = nl_alloc((size_t)view->train_count, sizeof *order);
    nl_stream_permutation(stream, 0, order, view->train_count);
    for (int i = 0; i < noisy; i++) {
        int32_t sample = view->train[order[i]];
        view->labels[sample] =
            (int32_t)nl_stream_below(stream, 1, (uint64_t)sample, (uint32_t)view->dataset->shape.classes);
    }
    free(order);
}

/* Labels, and which of the parts' samples stay, in which order and form. */
static void choose_samples(struct nl_split *view, const struct nl_config *config)
{
    const struct nl_dataset *set = view->dataset;
    size_t room = (size_t)nl_dataset_room(set);
    view->labels = set->labels ? nl_alloc(room, sizeof *view->labels) : NULL;
    if (set->labels)
        memcpy(view->labels, set->labels, room * sizeof *view->labels);
    if (nl_key_applies(nl_key_named("data.imbalance"), config))
        imbalance(view, config);
    if (set->labels)
        add_label_noise(view, config->train.label_noise, nl_seed_of(config, config->train.label_seed));
    for (int i = 0; set->labels && i < set->copies; i++)
        view->labels[set->count + i] = view->labels[set->copied_from + i];
    if (nl_key_applies(nl_key_named("data.eval_order"), config)) {
        order_part(view, (enum nl_eval_order)config->data.eval_order, view->val, view->val_count);
        order_part(view, (enum nl_eval_order)config->data.eval_order, view->test, view->test_count);
    }
    if (set->copies && config->data.shift_on != NL_SHIFT_TRAIN)
        shift_part(view, view->test, view->test_count);
    if (!set->copies || config->data.shift_on == NL_SHIFT_TEST)
        return;
    view->shift_from = (int)config->data.shift_from;
    if (view->shift_from > 0)
        return;
    shift_part(view, view->train, view->train_count);
    shift_part(view, view->val, view->val_count);
}

/* Channels that are standardized together: a sequence made of images has several of each colour. */
static int colours_of(const struct nl_dataset *set)
{
    return set->colours ? set->colours : set->shape.channels;
}

static size_t pixels_of(const struct nl_dataset *set)
{
    return (size_t)set->shape.height * (size_t)set->shape.width * (size_t)(set->shape.channels / colours_of(set));
}

/* Place by place, since those lie side by side however many channels there are. */
NL_CLONES
static void add_image(const uint8_t *restrict pixel, size_t bytes, uint32_t *restrict sums, uint32_t *restrict squares)
{
    for (size_t p = 0; p < bytes; p++) {
        uint32_t value = pixel[p];
        sums[p] += value;
        squares[p] += value * value;
    }
}

/* Mean and deviation (1/n) of each channel over the training part. Sums of bytes are exact integers: no order of
 * samples, no rounding. */
static void measure_pixels(struct nl_split *view)
{
    const struct nl_dataset *set = view->dataset;
    enum { FIT = UINT32_MAX / (255 * 255) }; /* images whose squares a uint32_t holds */
    size_t channels = (size_t)colours_of(set), positions = pixels_of(set), bytes = positions * channels;
    uint32_t *sums = nl_alloc(2 * bytes, sizeof *sums), *squares = sums + bytes;
    uint64_t *of_channel = nl_alloc(2 * channels, sizeof *of_channel);
    bool *trains =
        nl_alloc((size_t)nl_dataset_room(set),
                 sizeof *trains); /* images as they lie in memory, so that they are there before they are asked for */
    for (int i = 0; i < view->train_count; i++)
        trains[view->train[i]] = true;
    for (int i = 0, room = nl_dataset_room(set); i < room;) {
        for (int end = room - i > FIT ? i + FIT : room; i < end; i++)
            if (trains[i])
                add_image(set->pixels + (size_t)i * bytes, bytes, sums, squares);
        for (size_t p = 0; p < bytes; p++) {
            of_channel[2 * (p % channels)] += sums[p];
            of_channel[2 * (p % channels) + 1] += squares[p];
        }
        memset(sums, 0, 2 * bytes * sizeof *sums);
    }
    uint64_t total = (uint64_t)view->train_count * positions;
    for (size_t c = 0; c < channels; c++) {
        uint64_t sum = of_channel[2 * c], square = of_channel[2 * c + 1];
        wide spread = (wide)total * square - (wide)sum * sum; /* total^2 variance: exact, nothing cancels */
        view->mean[c] = (double)sum / (double)total;
        view->deviation[c] = spread > 0 ? sqrt((double)spread) / (double)total : 1;
    }
    free(sums);
    free(of_channel);
    free(trains);
}

/* sums[c] = over the training part, of (value - center[c])^power; power 1 or 2. */
static void sum_values(const struct nl_split *view, const double *center, int power, double *sums)
{
    const struct nl_dataset *set = view->dataset;
    size_t channels = (size_t)colours_of(set), positions = pixels_of(set);
    for (int i = 0; i < view->train_count; i++) {
        const float *value = set->values + (size_t)view->train[i] * positions * channels;
        for (size_t p = 0; p < positions; p++, value += channels)
            for (size_t c = 0; c < channels; c++) {
                double off = (double)value[c] - center[c];
                sums[c] += power == 1 ? off : off * off;
            }
    }
}

/* Measures mean and deviation of values: the second pass is around the mean of the first. */
static void measure_values(struct nl_split *view)
{
    int colours = colours_of(view->dataset);
    double total = (double)view->train_count * (double)pixels_of(view->dataset);
    double *sums = nl_alloc(2 * (size_t)colours, sizeof *sums), *squares = sums + colours;
    sum_values(view, view->mean, 1, sums);
    for (int c = 0; c < colours; c++)
        view->mean[c] = sums[c] / total;
    sum_values(view, view->mean, 2, squares);
    for (int c = 0; c < colours; c++)
        view->deviation[c] = squares[c] > 0 ? sqrt(squares[c] / total) : 1;
    free(sums);
}

/* The variance of real targets. */
static double variance_of(const struct nl_split *view)
{
    const float *target = nl_split_rows(view, "targets").at;
    double mean = 0, square = 0, count = view->train_count;
    for (int i = 0; i < view->train_count; i++)
        mean += (double)target[view->train[i]] / count;
    for (int i = 0; i < view->train_count; i++)
        square += ((double)target[view->train[i]] - mean) * ((double)target[view->train[i]] - mean) / count;
    return square;
}

/* The share of the most frequent label, of positions and windows too. */
static struct nl_chance chance_of(const struct nl_split *view)
{
    const struct nl_dataset *set = view->dataset;
    struct nl_chance chance = {1.0 / set->shape.classes, log((double)set->shape.classes)};
    if (set->shape.target == NL_TARGET_REAL)
        return (struct nl_chance){NAN, variance_of(view)};
    if (set->shape.target != NL_TARGET_EACH)
        return chance;
    struct nl_sample_rows labels = nl_split_rows(view, "labels"), lengths = nl_split_rows(view, "lengths");
    int64_t *count = nl_alloc((size_t)set->shape.classes, sizeof *count), counted = 0, most = 0;
    for (int i = 0; i < view->train_count; i++) {
        size_t sample = (size_t)view->train[i];
        const int32_t *label = (const int32_t *)labels.at + sample * (size_t)labels.step;
        int positions = lengths.at ? ((const int32_t *)lengths.at)[sample * (size_t)lengths.step] : labels.width;
        for (int s = 0; s < positions; s++)
            count[label[s]]++;
        counted += positions;
    }
    for (int k = 0; k < set->shape.classes; k++)
        most = count[k] > most ? count[k] : most;
    chance.accuracy = (double)most / (double)counted;
    free(count);
    return chance;
}

int nl_split_make(const struct nl_dataset *dataset, const struct nl_config *config, struct nl_split *view,
                  struct nl_error *err)
{
    *view = (struct nl_split){.dataset = dataset};
    int channels = dataset->shape.channels;
    split(view, config);
    if (reduce(view, config, err)) {
        nl_split_release(view);
        return NL_FAIL;
    }
    view->sampling = nl_sampling_of(config);
    view->block = (int)config->data.block;
    if (view->sampling == NL_SAMPLE_STREAM) {
        view->columns = (int)config->train.batch;
        if (!dataset->window) {
            nl_split_release(view);
            return nl_fail(err, "'%s' has no windows that follow one another, as 'data.sampling' stream reads them",
                           dataset->name);
        }
    }
    choose_samples(view, config);
    if (view->sampling == NL_SAMPLE_REPLACE)
        view->draws = dataset->window ? (view->train_count - 1) * dataset->window + 1 : view->train_count;
    view->chance = chance_of(view);
    view->mean = nl_alloc((size_t)channels, sizeof *view->mean);
    view->deviation = nl_alloc((size_t)channels, sizeof *view->deviation);
    for (int c = 0; c < channels; c++)
        view->deviation[c] = 1;
    if (nl_config_has_images(config) && config->data.standardize && (dataset->pixels || dataset->values))
        (dataset->pixels ? measure_pixels : measure_values)(view);
    for (int c = colours_of(dataset); c < channels; c++) {
        view->mean[c] = view->mean[c - colours_of(dataset)];
        view->deviation[c] = view->deviation[c - colours_of(dataset)];
    }
    if (!dataset->pixels)
        return NL_OK;
    view->table = nl_alloc((size_t)channels * LEVELS, sizeof *view->table);
    for (int c = 0; c < channels; c++)
        for (int u = 0; u < LEVELS; u++)
            view->table[c * LEVELS + u] = (float)((u - view->mean[c]) / view->deviation[c]);
    return NL_OK;
}

void nl_split_release(struct nl_split *view)
{
    free(view->train);
    free(view->val);
    free(view->test);
    free(view->labels);
    free(view->mean);
    free(view->deviation);
    free(view->table);
    *view = (struct nl_split){0};
}

struct nl_sample_rows nl_split_rows(const struct nl_split *view, const char *input)
{
    const struct nl_sample_rows *row = nl_dataset_row(view->dataset, input);
    if (row)
        return *row;
    bool labels = strcmp(input, "labels") == 0;
    return (struct nl_sample_rows){.input = input, .width = labels, .step = labels, .at = labels ? view->labels : NULL};
}

void nl_split_sample(const struct nl_split *view, int index, float *x)
{
    const struct nl_dataset *set = view->dataset;
    size_t channels = (size_t)set->shape.channels,
           values = (size_t)set->shape.height * (size_t)set->shape.width * channels;
    const uint8_t *pixels = set->pixels ? set->pixels + (size_t)index * values : NULL;
    for (size_t c = 0; c < channels; c++)
        for (size_t v = c; v < values; v += channels)
            x[v] = pixels ? view->table[c * LEVELS + pixels[v]]
                          : nl_standardized(set->values[(size_t)index * values + v], view->mean[c],
                                            1 / view->deviation[c]);
}

bool nl_epoch_is_plain(const struct nl_split *view, int64_t epoch)
{
    bool plain = view->sampling == NL_SAMPLE_SHUFFLE || view->sampling == NL_SAMPLE_REPLACE;
    return plain && (view->shift_from == 0 || epoch < view->shift_from);
}

/* order = each column's samples in turn; what is left over comes last. */
static void read_columns(const struct nl_split *view, int32_t *order)
{
    int length = view->train_count / view->columns;
    for (int i = 0; i < view->train_count; i++)
        order[i] = view->train[i < length * view->columns ? i % view->columns * length + i / view->columns : i];
}

/* Cuts the samples of each class into blocks, and puts these into the order of row `epoch` of the stream. */
static void shuffle_blocks(const struct nl_split *view, struct nl_stream stream, int64_t epoch, const int *first,
                           int32_t *order)
{
    int classes = view->dataset->shape.classes, count = view->train_count, blocks = 0, at = 0;
    struct block {
        int begin, end;
    } *block = nl_alloc((size_t)count, sizeof *block);
    int32_t *sorted = nl_alloc((size_t)count, sizeof *sorted), *place = nl_alloc((size_t)count, sizeof *place);
    memcpy(sorted, order, (size_t)count * sizeof *sorted);
    for (int k = 0; k < classes; k++)
        for (int begin = first[k], end; begin < first[k + 1]; begin = end) {
            end = first[k + 1] - begin > view->block ? begin + view->block : first[k + 1];
            block[blocks++] = (struct block){begin, end};
        }
    nl_stream_permutation(stream, (uint64_t)epoch, place, blocks);
    for (int b = 0; b < blocks; b++)
        for (int i = block[place[b]].begin; i < block[place[b]].end; i++)
            order[at++] = sorted[i];
    free(block);
    free(sorted);
    free(place);
}

void nl_epoch_order(const struct nl_split *view, uint64_t seed, int64_t epoch, int32_t *order)
{
    struct nl_stream stream = nl_stream(seed, "order");
    if (view->columns) {
        read_columns(view, order);
        return;
    }
    if (!view->draws)
        nl_stream_permutation(stream, (uint64_t)epoch, order, view->train_count);
    for (int i = 0; view->draws && i < view->train_count; i++)
        order[i] = (int32_t)nl_stream_below(stream, (uint64_t)epoch, (uint64_t)i, (uint32_t)view->draws);
    bool anywhere = view->draws && view->dataset->window; /* the draw is where the window begins */
    for (int i = 0; !anywhere && i < view->train_count; i++)
        order[i] = view->train[order[i]];
    if (view->sampling == NL_SAMPLE_SORTED || view->sampling == NL_SAMPLE_BLOCKS) {
        int *first = sort_by_class(view, order, view->train_count);
        if (view->sampling == NL_SAMPLE_BLOCKS)
            shuffle_blocks(view, nl_stream(seed, "blocks"), epoch, first, order);
        free(first);
    }
    if (view->shift_from > 0 && epoch >= view->shift_from)
        shift_part(view, order, view->train_count);
}
