/* Data sets by name: their facts, their checks, and the way to their loaders. */
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/hash.h"
#include "base/memory.h"
#include "data/sources.h"
#include "data/tasks.h"

static const char mnist_files[] =
    "train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte; each "
    "plain or .gz";

/* In the order of enum nl_data_name. */
static const struct nl_data_facts facts[] = {
    [NL_DIGITS] = {.shape = {.height = 8, .width = 8, .channels = 1, .classes = 10},
                   .train = NL_DIGITS_TRAIN,
                   .test = NL_DIGITS_TEST,
                   .pool = true,
                   .title = "handwritten digits, 8x8, 17 grey levels, in the program",
                   .source = "E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits (the test part), "
                             "UCI Machine Learning Repository, "
                             "1998, https://doi.org/10.24432/C50P49",
                   .licence = "CC BY 4.0, https://creativecommons.org/licenses/by/4.0/",
                   .files = ""},
    [NL_SYNTH] = {.shape = {.height = 16, .width = 16, .channels = 3, .classes = 10},
                  .train = NL_SYNTH_TRAIN,
                  .test = NL_SYNTH_TEST,
                  .title =
                      "generated colour textures: stripes, checks, rings and dots; size, number and difficulty as set",
                  .source = "normlab, core/data/synth.c",
                  .licence = "none needed: generated",
                  .files = ""},
    [NL_MNIST] = {.shape = {.height = 28, .width = 28, .channels = 1, .classes = 10},
                  .train = 60000,
                  .test = 10000,
                  .title = "MNIST: handwritten digits, 28x28, grey",
                  .source = "Y. LeCun, C. Cortes and C. J. C. Burges, The MNIST database of handwritten digits, 1998",
                  .licence = "not stated by the authors, often given as CC BY-SA 3.0",
                  .files = mnist_files},
    [NL_FASHION_MNIST] = {.shape = {.height = 28, .width = 28, .channels = 1, .classes = 10},
                          .train = 60000,
                          .test = 10000,
                          .title = "Fashion-MNIST: articles of clothing, 28x28, grey",
                          .source = "H. Xiao, K. Rasul and R. Vollgraf, Fashion-MNIST, arXiv:1708.07747, 2017, "
                                    "https://github.com/zalandoresearch/fashion-mnist",
                          .licence = "MIT",
                          .files = mnist_files},
    [NL_CIFAR10] = {.shape = {.height = 32, .width = 32, .channels = 3, .classes = 10},
                    .train = 50000,
                    .test = 10000,
                    .title = "CIFAR-10: natural images of 10 classes, 32x32, colour",
                    .source = "A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009, "
                              "https://www.cs.toronto.edu/~kriz/cifar.html (binary version)",
                    .licence = "not stated by the authors",
                    .files = "data_batch_1.bin to data_batch_5.bin (a subset: the first of them), test_batch.bin; "
                             "there or in cifar-10-batches-bin/"},
    [NL_CIFAR100] = {.shape = {.height = 32, .width = 32, .channels = 3, .classes = 100},
                     .train = 50000,
                     .test = 10000,
                     .title = "CIFAR-100: natural images of 100 classes (the fine labels), 32x32, colour",
                     .source = "A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009, "
                               "https://www.cs.toronto.edu/~kriz/cifar.html (binary version)",
                     .licence = "not stated by the authors",
                     .files = "train.bin, test.bin; there or in cifar-100-binary/"},
    [NL_NPY] = {.title = "your own images or token ids, and labels, .npy files",
                .source = "given by data.dir, data.train_images and so on",
                .licence = "yours",
                .files = "train_images.npy (N,H,W,C or N,H,W or N,D; token ids N,S or T; int32, int64 or uint16), "
                         "train_labels.npy (integers, or floats: real targets); test_images.npy and test_labels.npy, "
                         "without which a fifth of the training files is the test part; or x_train.npy, y_train.npy, "
                         "x_test.npy and y_test.npy; or a .npz archive of such arrays"},
    [NL_CSV] = {.title = "your own table of features and labels, a .csv file",
                .source = "given by data.file",
                .licence = "yours",
                .files = "a header, and a row for each sample: numbers, a label (data.label; an integer, a word, or a "
                         "real target), and, in a column split, train or test, without which a fifth of the rows is "
                         "the test part"},
    [NL_TEXT] = {.title = "the plays of Shakespeare in the program, or data.file: of each character the next one",
                 .source = "tinyshakespeare: A. Karpathy, char-rnn, 2015, https://github.com/karpathy/char-rnn, of "
                           "plays by W. Shakespeare",
                 .licence = "public domain",
                 .files = ""},
#define TASK(name, what, origin)                                                                                       \
    [name] = {.train = NL_TASK_TRAIN,                                                                                  \
              .test = NL_TASK_TEST,                                                                                    \
              .title = what,                                                                                           \
              .source = origin,                                                                                        \
              .licence = "none needed: generated",                                                                     \
              .files = ""}
    TASK(NL_COPYING, "ten symbols, to be copied after data.length steps",
         "S. Hochreiter and J. Schmidhuber 1997; M. Arjovsky, A. Shah and Y. Bengio 2016"),
    TASK(NL_ADDING, "data.length real numbers, two of them marked, whose sum is the target",
         "S. Hochreiter and J. Schmidhuber 1997; M. Arjovsky, A. Shah and Y. Bengio 2016"),
    TASK(NL_SORTING, "data.length symbols, to be put out in their order", "normlab, core/data/tasks.h"),
    TASK(NL_RECALL, "data.length pairs of key and value, then a key whose value is the class",
         "J. Ba et al., Using Fast Weights to Attend to the Recent Past, 2016"),
    TASK(NL_PARITY, "data.length bits: whether the number of ones is odd",
         "M. Minsky and S. Papert, Perceptrons, 1969"),
#undef TASK
};

bool nl_data_is_own(const struct nl_config *config)
{
    return config->data.name == NL_NPY || config->data.name == NL_CSV;
}

/* Images as they are, before data.as. */
static struct nl_data_facts facts_of(const struct nl_config *config)
{
    struct nl_data_facts it = facts[config->data.name];
    if (config->data.name == NL_SYNTH) {
        it.shape.height = it.shape.width = (int)config->data.size;
        it.shape.channels = (int)config->data.channels;
        it.train = config->data.train == NL_AUTO ? NL_SYNTH_TRAIN : (int)config->data.train;
        it.test = config->data.test == NL_AUTO ? NL_SYNTH_TEST : (int)config->data.test;
    }
    if (config->data.name == NL_NPY)
        nl_arrays_facts(config, &it, NULL, NULL);
    if (config->data.name == NL_CSV)
        nl_features_facts(config, &it, NULL, NULL);
    if (config->data.name == NL_TEXT)
        nl_text_facts(config, &it, NULL, NULL);
    if (nl_is_task(config)) {
        it.shape = nl_task_shape(config);
        it.train = config->data.train == NL_AUTO ? NL_TASK_TRAIN : (int)config->data.train;
        it.test = config->data.test == NL_AUTO ? NL_TASK_TEST : (int)config->data.test;
    }
    return it;
}

struct nl_data_facts nl_data_facts(const struct nl_config *config)
{
    struct nl_data_facts it = facts_of(config);
    if (nl_config_has_images(config) && it.train > 0 && nl_arranged(&it.shape, config, NULL))
        it.train = it.test = 0;
    return it;
}

/* Real targets have neither accuracy nor error, and only labels at each position have a perplexity. */
static void check_metric(const struct nl_config *config, const struct nl_shape *shape,
                         const struct nl_experiment *experiment, struct nl_diagnostics *diagnostics)
{
    enum nl_metric metric = (enum nl_metric)config->plot.metric;
    const char *name = nl_metric_names[metric], *data = nl_data_names[config->data.name];
    bool counts = strstr(name, "error") || strstr(name, "accuracy") || metric == NL_TEST_ECE,
         of_tokens = metric >= NL_TEST_PERPLEXITY;
    if (counts && shape->target == NL_TARGET_REAL && experiment->is_sweep)
        nl_complain(
            diagnostics, experiment, "plot.metric",
            "'plot.metric' %s counts right answers, and '%s' has real targets: test_loss is their mean squared error",
            name, data);
    if (shape->target == NL_TARGET_REAL && experiment->is_sweep &&
        nl_question_asks(nl_question_of(experiment), NL_ASKS_CLASSES))
        nl_complain(diagnostics, experiment, "data.name",
                    "'sweep.question' %s judges runs by what guessing a class gives, and '%s' has real targets",
                    nl_question_names[nl_question_of(experiment)], data);
    bool of_test = strncmp(name, "test", 4) == 0 || strstr(name, "gap"), of_val = strncmp(name, "val", 3) == 0;
    if (experiment->is_sweep && of_test && config->data.test == 0)
        nl_complain(diagnostics, experiment, "data.test",
                    "'data.test' is 0, and 'plot.metric' %s is measured on the test part: give it samples, or choose a "
                    "metric of another part",
                    name);
    if (experiment->is_sweep && of_val && config->data.val == 0)
        nl_complain(diagnostics, experiment, "plot.metric",
                    "'plot.metric' %s is measured on the validation part: give it samples by 'data.val'", name);
    if (metric == NL_TEST_TOP5_ERROR && shape->target != NL_TARGET_REAL && shape->classes <= 5)
        nl_complain(diagnostics, experiment, "plot.metric",
                    "'plot.metric' %s is of data with more than five classes, and '%s' has %d", name, data,
                    shape->classes);
    if (of_tokens && shape->target != NL_TARGET_EACH)
        nl_complain(diagnostics, experiment, "plot.metric",
                    "'plot.metric' %s is of data with a label at each position, which '%s' has not", name, data);
}

/* Augmentation is for images. */
static void check_augmentation(const struct nl_config *config, struct nl_shape shape,
                               const struct nl_experiment *experiment, struct nl_diagnostics *diagnostics)
{
    const char *name = nl_data_names[config->data.name];
    bool images = nl_config_has_images(config);
    int side = shape.width < shape.height ? shape.width : shape.height;
    if (!images || config->data.as != NL_AS_IMAGE) {
        if (config->data.crop > 0 || config->data.flip)
            nl_complain(diagnostics, experiment, config->data.crop > 0 ? "data.crop" : "data.flip",
                        "'%s' is for images, and these data are sequences",
                        config->data.crop > 0 ? "data.crop" : "data.flip");
    } else if (config->data.crop >= side) {
        nl_complain(diagnostics, experiment, "data.crop",
                    "'data.crop' is %lld and can move a %dx%d image out of sight; at most %d fits",
                    (long long)config->data.crop, shape.width, shape.height, side - 1);
    }
    if (config->data.flip && (config->data.name == NL_DIGITS || config->data.name == NL_MNIST))
        nl_complain(diagnostics, experiment, "data.flip",
                    "'data.flip' does not fit '%s': a mirrored digit is not a digit", name);
}

/* What goes by the classes of samples is for data that have one label each. */
static void check_classes(const struct nl_config *config, const struct nl_data_facts *it,
                          const struct nl_experiment *experiment, struct nl_diagnostics *diagnostics)
{
    enum nl_order_of_epoch sampling = nl_sampling_of(config);
    const struct {
        bool asked;
        const char *key;
    } by_class[] = {{sampling == NL_SAMPLE_SORTED || sampling == NL_SAMPLE_BLOCKS, "data.sampling"},
                    {config->data.imbalance > 1, "data.imbalance"},
                    {nl_key_applies(nl_key_named("data.eval_order"), config), "data.eval_order"}};
    for (size_t i = 0; i < sizeof by_class / sizeof *by_class; i++)
        if (by_class[i].asked && it->shape.target != NL_TARGET_CLASS) {
            char *value = nl_key_text(nl_key_named(by_class[i].key), config);
            nl_complain(diagnostics, experiment, by_class[i].key,
                        "'%s' %s is for data with one class a sample, which '%s' has not", by_class[i].key, value,
                        nl_data_names[config->data.name]);
            free(value);
        }
}

void nl_data_check(const struct nl_config *config, const struct nl_experiment *experiment,
                   struct nl_diagnostics *diagnostics)
{
    struct nl_data_facts it = facts_of(config);
    const char *name = nl_data_names[config->data.name], *key = NULL;
    struct nl_error err;
    if ((config->data.name == NL_NPY && nl_arrays_facts(config, &it, &key, &err)) ||
        (config->data.name == NL_CSV && nl_features_facts(config, &it, &key, &err)) ||
        (config->data.name == NL_TEXT && nl_text_facts(config, &it, &key, &err))) {
        nl_complain(diagnostics, experiment, key, "%s", err.text);
        return;
    }
    if ((nl_config_has_images(config) && nl_arranged(&it.shape, config, &err)) ||
        (nl_is_task(config) && nl_task_check(config, &key, &err))) {
        nl_complain(diagnostics, experiment, key ? key : "data.patch", "%s", err.text);
        return;
    }
    int64_t train = config->data.train == NL_AUTO ? it.train : config->data.train;
    if (train > it.train)
        nl_complain(diagnostics, experiment, "data.train", "'data.train' is %lld, but '%s' has %s", (long long)train,
                    name, NL_COUNT(it.train, "training sample"));
    else if (config->data.val >= train)
        nl_complain(diagnostics, experiment, "data.val", "'data.val' takes %lld of the %s and leaves none to train on",
                    (long long)config->data.val, NL_COUNT(train, "training sample"));
    if (config->data.test > it.test)
        nl_complain(diagnostics, experiment, "data.test", "'data.test' is %lld, but '%s' has %s",
                    (long long)config->data.test, name, NL_COUNT(it.test, "test sample"));
    if (config->data.name == NL_NPY && nl_sampling_of(config) == NL_SAMPLE_STREAM && it.tokens == 0)
        nl_complain(diagnostics, experiment, "data.sampling",
                    "'data.sampling' stream goes through one long sequence of token ids, (T): the samples of these "
                    "arrays do not follow one another");
    check_classes(config, &it, experiment, diagnostics);
    nl_shift_check(config, facts_of(config).shape, experiment, diagnostics);
    if (config->train.label_noise > 0 && it.shape.target != NL_TARGET_CLASS)
        nl_complain(diagnostics, experiment, "train.label_noise",
                    "'train.label_noise' is for data with one label a sample, which '%s' has not", name);
    if (config->train.label_smoothing > 0 && it.shape.target == NL_TARGET_REAL)
        nl_complain(diagnostics, experiment, "train.label_smoothing",
                    "'train.label_smoothing' is for labels, and '%s' has real targets", name);
    check_metric(config, &it.shape, experiment, diagnostics);
    check_augmentation(config, it.shape, experiment, diagnostics);
}

/* Integers go in as 32-bit little endian, whatever the machine. */
static void add_int(struct nl_hash *hash, int32_t value)
{
    uint32_t bits = (uint32_t)value;
    unsigned char bytes[4] = {(unsigned char)bits, (unsigned char)(bits >> 8), (unsigned char)(bits >> 16),
                              (unsigned char)(bits >> 24)};
    nl_hash_add(hash, bytes, sizeof bytes);
}

const struct nl_sample_rows *nl_dataset_row(const struct nl_dataset *dataset, const char *input)
{
    for (int i = 0; i < dataset->rows; i++)
        if (strcmp(dataset->row[i].input, input) == 0)
            return &dataset->row[i];
    return NULL;
}

static void add_rows(struct nl_hash *hash, const struct nl_dataset *set)
{
    const struct nl_shape *shape = &set->shape;
    int32_t head[] = {shape->vocabulary, (int32_t)shape->target, shape->lengths, set->window, set->rows};
    for (size_t i = 0; i < sizeof head / sizeof head[0]; i++)
        add_int(hash, head[i]);
    for (int i = 0; i < set->rows; i++) {
        const struct nl_sample_rows *row = &set->row[i];
        nl_hash_add(hash, row->input, strlen(row->input));
        nl_hash_add(hash, row->at, nl_rows_bytes(row, set->count));
    }
}

/* Height, width, channels, classes, samples, samples of the training part; the pixels or values; the labels; the
 * rows. Shifted copies are left out: keys say what they are. */
static void set_checksum(struct nl_dataset *set)
{
    struct nl_hash *hash = nl_hash_start();
    int32_t head[] = {set->shape.height,  set->shape.width, set->shape.channels,
                      set->shape.classes, set->count,       set->train_count};
    for (size_t i = 0; i < sizeof head / sizeof head[0]; i++)
        add_int(hash, head[i]);
    size_t elements =
        (size_t)set->count * (size_t)set->shape.height * (size_t)set->shape.width * (size_t)set->shape.channels;
    if (set->pixels)
        nl_hash_add(hash, set->pixels, elements);
    else if (set->values)
        nl_hash_add(hash, set->values, elements * sizeof *set->values);
    for (int i = 0; set->labels && i < set->count; i++)
        add_int(hash, set->labels[i]);
    if (set->rows)
        add_rows(hash, set);
    nl_hash_finish(hash, set->checksum);
}

static const char *variable(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

char *nl_data_folder(const char *name, struct nl_error *err)
{
    const char *root = variable("NORMLAB_DATA"), *shared = variable("XDG_DATA_HOME"), *home = variable("HOME");
    if (root)
        return nl_path_join(root, name);
    if (shared)
        return nl_format("%s/normlab/%s", shared, name);
    if (home)
        return nl_format("%s/.local/share/normlab/%s", home, name);
    nl_fail(err, "cannot tell where '%s' is: set NORMLAB_DATA to the folder that holds '%s/'", name, name);
    return NULL;
}

/* Where torchvision puts the files of a set, below the root that it is given. */
static const struct {
    enum nl_data_name set;
    const char *below[2];
} torchvision[] = {
    {NL_MNIST, {"MNIST/raw", "raw"}},
    {NL_FASHION_MNIST, {"FashionMNIST/raw", "raw"}},
    {NL_CIFAR10, {"cifar-10-batches-bin", "cifar-10-batches-py"}},
    {NL_CIFAR100, {"cifar-100-binary", "cifar-100-python"}},
};

/* The folder of torchvision below root; or, of CIFAR, root itself, for its own folder is found by nl_cifar_open. NULL:
 * there is none. New string. */
static char *below_root(int set, const char *root)
{
    for (size_t i = 0; i < sizeof torchvision / sizeof *torchvision; i++)
        for (int k = 0; k < 2 && (int)torchvision[i].set == set; k++) {
            char *folder = nl_path_join(root, torchvision[i].below[k]);
            bool idx = set == NL_MNIST || set == NL_FASHION_MNIST, there = nl_folder_exists(folder);
            if (there && idx && nl_idx_is_in(folder))
                return folder;
            free(folder);
            if (there && !idx)
                return nl_strdup(root);
        }
    return NULL;
}

/* data.dir, or else nl_data_folder; or what torchvision put below it, or below $NORMLAB_DATA. NULL with an error that
 * says how the files get there. New string. */
static char *find_folder(const struct nl_config *config, const char *name, struct nl_error *err)
{
    bool given = config->data.dir[0] != '\0';
    char *folder = given ? nl_strdup(config->data.dir) : nl_data_folder(name, err);
    if (!folder)
        return NULL;
    char *above = nl_path_folder(folder), *below = NULL;
    if (!nl_idx_is_in(folder))
        below = below_root(config->data.name, folder);
    if (!below && !given && !nl_folder_exists(folder))
        below = below_root(config->data.name, above);
    free(above);
    if (below) {
        free(folder);
        return below;
    }
    if (nl_folder_exists(folder))
        return folder;
    nl_fail(err, "cannot find '%s': there is no folder '%s' (%s); 'normlab data fetch %s%s%s' downloads it; files: %s",
            name, folder, given ? "data.dir" : "data.dir or NORMLAB_DATA set another", name, given ? " --dir " : "",
            given ? folder : "", facts[config->data.name].files);
    free(folder);
    return NULL;
}

bool nl_data_is_absent(const struct nl_config *config)
{
    bool standard = !nl_data_is_own(config) && *facts[config->data.name].files;
    char *folder =
        standard && !config->data.dir[0] ? find_folder(config, nl_data_names[config->data.name], NULL) : NULL;
    bool absent = standard && !config->data.dir[0] && !folder;
    free(folder);
    return absent;
}

bool nl_data_owns(const struct nl_config *config, const char *path)
{
    const char *files = facts[config->data.name].files, *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    bool standard = !nl_data_is_own(config) && *files, mnist = standard && strstr(files, "-ubyte");
    size_t length = strlen(name);
    if (!standard || !(mnist ? strstr(name, "-ubyte") != NULL : length > 4 && !strcmp(name + length - 4, ".bin")))
        return false;
    char *data = find_folder(config, nl_data_names[config->data.name], NULL), *folder = nl_path_folder(path),
         *above = nl_path_join(folder, "..");
    bool owns = data && (nl_path_same(folder, data) || nl_path_same(above, data)); /* above: cifar-10-batches-bin/ */
    free(data);
    free(folder);
    free(above);
    return owns;
}

static struct nl_dataset *open_folder(const struct nl_config *config, const char *name, struct nl_error *err)
{
    char *folder = find_folder(config, name, err);
    if (!folder)
        return NULL;
    struct nl_dataset *set = config->data.name == NL_MNIST || config->data.name == NL_FASHION_MNIST
                                 ? nl_idx_open(name, folder, err)
                                 : nl_cifar_open(name, folder, facts[config->data.name].shape.classes, err);
    free(folder);
    return set;
}

struct nl_dataset *nl_dataset_open(const struct nl_config *config, struct nl_error *err)
{
    struct nl_data_facts it = facts_of(config);
    struct nl_dataset *set;
    if (config->data.name == NL_DIGITS)
        set = nl_digits_make(err);
    else if (config->data.name == NL_SYNTH)
        set = nl_synth_make(it.shape, config->data.difficulty, it.train, it.test, err);
    else if (config->data.name == NL_NPY)
        set = nl_arrays_open(config, err);
    else if (config->data.name == NL_CSV)
        set = nl_features_open(config, err);
    else if (config->data.name == NL_TEXT)
        set = nl_text_open(config, err);
    else if (nl_is_task(config))
        set = nl_task_make(config, it.train, it.test, err);
    else
        set = open_folder(config, nl_data_names[config->data.name], err);
    bool is_text = config->data.name == NL_TEXT && config->data.file[0];
    if (set && (nl_data_is_own(config) || is_text) && nl_own_judge(set, err)) {
        nl_dataset_free(set);
        return NULL;
    }
    bool images = set && (set->pixels || set->values) && nl_config_has_images(config);
    if (images && nl_shift_make(&set, config, err)) {
        nl_dataset_free(set);
        return NULL;
    }
    if (images)
        nl_arrange(set, config);
    if (set)
        set_checksum(set);
    return set;
}
