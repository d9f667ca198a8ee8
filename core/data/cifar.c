/* cifar10 and cifar100: the binary version (A. Krizhevsky).
 *
 *     a record of cifar10:  label, then 32x32 pixels of red, of green, of blue
 *     of cifar100:          coarse label, fine label (the one that counts), pixels
 *
 * A file may hold fewer records than the standard one, and cifar10 may end with an earlier training batch: a
 * subset. */
#include <stdlib.h>
#include <sys/stat.h>

#include "base/files.h"
#include "base/memory.h"
#include "data/sources.h"

enum { POSITIONS = 32 * 32, CHANNELS = 3, COARSE_CLASSES = 20, MAX_FILES = 6 };

struct layout {
    const char *folder; /* what the archive unpacks to */
    const char *pickles, *first_pickle; /* the folder and the first file of the Python version */
    int files;
    const char *file[MAX_FILES]; /* the last one is the test part */
    int most;                    /* records in a training file */
    int labels;                  /* bytes before the pixels; the last one is the label */
    int classes;
};

static const struct layout cifar10 = {
    .folder = "cifar-10-batches-bin",
    .pickles = "cifar-10-batches-py",
    .first_pickle = "data_batch_1",
    .files = 6,
    .file = {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin",
             "test_batch.bin"},
    .most = 10000,
    .labels = 1,
    .classes = 10,
};

static const struct layout cifar100 = {
    .folder = "cifar-100-binary",
    .pickles = "cifar-100-python",
    .first_pickle = "train",
    .files = 2,
    .file = {"train.bin", "test.bin"},
    .most = 50000,
    .labels = 2,
    .classes = 100,
};

struct file {
    char *path;
    int records;
};

static int record_bytes(const struct layout *layout)
{
    return layout->labels + POSITIONS * CHANNELS;
}

/* The folder itself, or the archive's own folder in it, whichever holds the first file. New string. */
static char *find_folder(const struct layout *layout, const char *folder)
{
    char *below = nl_path_join(folder, layout->folder);
    char *first = nl_path_join(below, layout->file[0]);
    bool is_below = nl_file_exists(first);
    free(first);
    if (is_below)
        return below;
    free(below);
    return nl_strdup(folder);
}

/* Sets what size says: how many records. */
static int count_records(const struct layout *layout, struct file *file, struct nl_error *err)
{
    struct stat info;
    int each = record_bytes(layout);
    if (stat(file->path, &info) != 0)
        return nl_fail_errno(err, "cannot open '%s'", file->path);
    long long bytes = (long long)info.st_size, records = bytes / each;
    if (!S_ISREG(info.st_mode))
        return nl_fail(err, "cannot read '%s': it is %s", file->path,
                       S_ISDIR(info.st_mode) ? "a folder" : "not a regular file");
    if (bytes == 0)
        return nl_fail(err, "cannot read '%s': it holds no records", file->path);
    if (bytes % each != 0)
        return nl_fail(err, "cannot read '%s': %s, which is not a whole number of records of %s", file->path,
                       NL_COUNT(bytes, "byte"), NL_COUNT(each, "byte"));
    if (records > layout->most)
        return nl_fail(err, "cannot read '%s': %s, expected at most %d", file->path, NL_COUNT(records, "record"),
                       layout->most);
    file->records = (int)records;
    return NL_OK;
}

/* The Python version of the set, in the folder or below it: a new string. NULL: it is not there. */
static char *find_pickles(const struct layout *layout, const char *folder)
{
    char *below = nl_path_join(folder, layout->pickles), *inside = nl_path_join(folder, layout->first_pickle);
    bool is_below = nl_folder_exists(below), is_here = nl_file_exists(inside);
    free(inside);
    if (is_below)
        return below;
    free(below);
    return is_here ? nl_strdup(folder) : NULL;
}

static int miss(const struct layout *layout, const char *file, const char *folder, struct nl_error *err)
{
    char *pickles = find_pickles(layout, folder);
    if (pickles)
        nl_fail(
            err,
            "cannot find '%s' in '%s': '%s' has the Python version, whose pickles may run code and are not read; "
            "'normlab data fetch %s' gets the binary version, and 'python -m normlab convert %s FOLDER' writes it as "
            "arrays for data.name npy",
            file, folder, pickles, layout->classes == 10 ? "cifar10" : "cifar100", pickles);
    else
        nl_fail(err, "cannot find '%s' in '%s' (or its '%s')", file, folder, layout->folder);
    free(pickles);
    return NL_FAIL;
}

/* Finds the files there are: file[] in the layout's order, records 0 where a last batch is missing. */
static int find_files(const struct layout *layout, const char *folder, struct file *file, struct nl_error *err)
{
    int test = layout->files - 1, missing = -1;
    for (int i = 0; i < layout->files; i++) {
        file[i].path = nl_path_join(folder, layout->file[i]);
        bool exists = nl_file_exists(file[i].path);
        if (!exists && (i == 0 || i == test))
            return miss(layout, layout->file[i], folder, err);
        if (exists && i != test && missing >= 0)
            return nl_fail(err, "cannot find '%s' in '%s', where '%s' is", layout->file[missing], folder,
                           layout->file[i]);
        if (!exists)
            missing = i;
        else if (count_records(layout, &file[i], err))
            return NL_FAIL;
    }
    return NL_OK;
}

/* Records of one file to samples from `first` on: channels first becomes channels last. */
static int read_records(const struct layout *layout, const struct file *file, struct nl_dataset *set, int first,
                        struct nl_error *err)
{
    size_t length, each = (size_t)record_bytes(layout);
    char *bytes = nl_file_read(file->path, &length, err);
    if (!bytes)
        return NL_FAIL;
    int status = NL_OK;
    if (length != each * (size_t)file->records)
        status = nl_fail(err, "cannot read '%s': %s, expected %zu: it changed meanwhile", file->path,
                         NL_COUNT(length, "byte"), each * (size_t)file->records);
    for (int i = 0; i < file->records && status == NL_OK; i++) {
        const unsigned char *record = (const unsigned char *)bytes + (size_t)i * each;
        const unsigned char *plane = record + layout->labels; /* (channels, positions) */
        uint8_t *pixels = set->pixels + (size_t)(first + i) * POSITIONS * CHANNELS;
        int label = record[layout->labels - 1];
        if (label >= layout->classes)
            status = nl_fail(err, "cannot read '%s': label %d of record %d, expected 0 to %d", file->path, label, i,
                             layout->classes - 1);
        else if (layout->labels == 2 && record[0] >= COARSE_CLASSES)
            status = nl_fail(err, "cannot read '%s': coarse label %d of record %d, expected 0 to %d", file->path,
                             record[0], i, COARSE_CLASSES - 1);
        set->labels[first + i] = label;
        for (int p = 0; p < POSITIONS; p++)
            for (int c = 0; c < CHANNELS; c++)
                pixels[p * CHANNELS + c] = plane[c * POSITIONS + p];
    }
    free(bytes);
    return status;
}

static struct nl_dataset *read_files(const struct layout *layout, const char *name, const struct file *file,
                                     struct nl_error *err)
{
    int count = 0, test = layout->files - 1, first = 0;
    for (int i = 0; i < layout->files; i++)
        count += file[i].records;
    struct nl_shape shape = {.height = 32, .width = 32, .channels = CHANNELS, .classes = layout->classes};
    struct nl_dataset *set = nl_dataset_new(name, NL_U8, shape, count, count - file[test].records, err);
    for (int i = 0; set && i < layout->files; first += file[i++].records)
        if (file[i].records && read_records(layout, &file[i], set, first, err)) {
            nl_dataset_free(set);
            return NULL;
        }
    return set;
}

struct nl_dataset *nl_cifar_open(const char *name, const char *folder, int classes, struct nl_error *err)
{
    const struct layout *layout = classes == cifar10.classes ? &cifar10 : &cifar100;
    struct file file[MAX_FILES] = {{0}};
    struct nl_dataset *set = NULL;
    char *place = find_folder(layout, folder);
    if (find_files(layout, place, file, err) == NL_OK)
        set = read_files(layout, name, file, err);
    for (int i = 0; i < MAX_FILES; i++)
        free(file[i].path);
    free(place);
    return set;
}
