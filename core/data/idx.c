/* mnist and fashion_mnist: IDX files (Y. LeCun), plain or .gz.
 *
 *     images: 0x00000803, count, rows, columns (32-bit big endian), then the pixels, rows first
 *     labels: 0x00000801, count, then the labels
 *
 * Fewer samples than the standard files hold are a subset and legal; more are not.
 */
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/memory.h"
#include "data/sources.h"

enum { SIZE = 28, PIXELS = SIZE * SIZE, CLASSES = 10 };
enum { IMAGES_MAGIC = 0x803, IMAGES_HEADER = 16, LABELS_MAGIC = 0x801, LABELS_HEADER = 8 };

/* One part: its two files whole, with their headers. */
struct part {
    const char *name; /* as in the names of its files */
    int most;         /* samples in the standard files */
    char *image_path, *label_path;
    unsigned char *images, *labels;
    int count;
};

static uint32_t big_endian(const unsigned char *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* The path of <part>-<kind>-ubyte in one of its spellings; NULL with an error. New string. */
static char *find_file(const char *folder, const char *part, const char *kind, struct nl_error *err)
{
    static const struct {
        const char *join, *ending;
    } spellings[] = {{"-", ""}, {"-", ".gz"}, {".", ""}, {".", ".gz"}};
    const char *dash = strchr(kind, '-'); /* "images-idx3" */
    for (size_t i = 0; i < sizeof spellings / sizeof spellings[0]; i++) {
        char *name = nl_format("%s-%.*s%s%s-ubyte%s", part, (int)(dash - kind), kind, spellings[i].join, dash + 1,
                               spellings[i].ending);
        char *path = nl_path_join(folder, name);
        free(name);
        if (nl_file_exists(path))
            return path;
        free(path);
    }
    nl_fail(err, "cannot find '%s-%s-ubyte' in '%s', neither plain nor as .gz", part, kind, folder);
    return NULL;
}

bool nl_idx_is_in(const char *folder)
{
    char *path = find_file(folder, "train", "images-idx3", NULL);
    free(path);
    return path;
}

/* The file whole, if it is an IDX file of this magic number with `header` bytes of header and `each` bytes a sample. */
static unsigned char *read_file(const char *path, uint32_t magic, size_t header, size_t each, int most, int *count,
                                struct nl_error *err)
{
    size_t length;
    unsigned char *bytes = (unsigned char *)nl_file_read_gz(path, header + each * (size_t)most, &length, err);
    if (!bytes)
        return NULL;
    bool good = false;
    if (length < header)
        nl_fail(err, "cannot read '%s': %s, expected a header of %zu", path, NL_COUNT(length, "byte"), header);
    else if (big_endian(bytes) != magic)
        nl_fail(err, "cannot read '%s': it starts with 0x%08x, expected 0x%08x (%s)", path, big_endian(bytes), magic,
                magic == IMAGES_MAGIC ? "images" : "labels");
    else if (magic == IMAGES_MAGIC && (big_endian(bytes + 8) != SIZE || big_endian(bytes + 12) != SIZE))
        nl_fail(err, "cannot read '%s': images of %ux%u, expected %dx%d", path, big_endian(bytes + 8),
                big_endian(bytes + 12), SIZE, SIZE);
    else if (big_endian(bytes + 4) == 0)
        nl_fail(err, "cannot read '%s': it holds no samples", path);
    else if ((uint64_t)big_endian(bytes + 4) * each != length - header)
        nl_fail(err, "cannot read '%s': %s of data, expected %llu for the %u samples its header promises", path,
                NL_COUNT(length - header, "byte"), (unsigned long long)big_endian(bytes + 4) * each,
                big_endian(bytes + 4));
    else
        good = true;
    if (!good) {
        free(bytes);
        return NULL;
    }
    *count = (int)big_endian(bytes + 4); /* at most `most`: the length was limited */
    return bytes;
}

static int read_part(struct part *part, const char *folder, struct nl_error *err)
{
    int labels = 0;
    part->image_path = find_file(folder, part->name, "images-idx3", err);
    if (!part->image_path)
        return NL_FAIL;
    part->label_path = find_file(folder, part->name, "labels-idx1", err);
    if (!part->label_path)
        return NL_FAIL;
    part->images = read_file(part->image_path, IMAGES_MAGIC, IMAGES_HEADER, PIXELS, part->most, &part->count, err);
    if (!part->images)
        return NL_FAIL;
    part->labels = read_file(part->label_path, LABELS_MAGIC, LABELS_HEADER, 1, part->most, &labels, err);
    if (!part->labels)
        return NL_FAIL;
    if (labels != part->count)
        return nl_fail(err, "cannot read '%s': %s, expected %d, as many as '%s' has images", part->label_path,
                       NL_COUNT(labels, "label"), part->count, part->image_path);
    for (int i = 0; i < part->count; i++)
        if (part->labels[LABELS_HEADER + i] >= CLASSES)
            return nl_fail(err, "cannot read '%s': label %d of sample %d, expected 0 to %d", part->label_path,
                           part->labels[LABELS_HEADER + i], i, CLASSES - 1);
    return NL_OK;
}

static void copy_part(const struct part *part, struct nl_dataset *set, int first)
{
    memcpy(set->pixels + (size_t)first * PIXELS, part->images + IMAGES_HEADER, (size_t)part->count * PIXELS);
    for (int i = 0; i < part->count; i++)
        set->labels[first + i] = part->labels[LABELS_HEADER + i];
}

static void release_part(struct part *part)
{
    free(part->image_path);
    free(part->label_path);
    free(part->images);
    free(part->labels);
}

struct nl_dataset *nl_idx_open(const char *name, const char *folder, struct nl_error *err)
{
    struct part train = {.name = "train", .most = 60000}, test = {.name = "t10k", .most = 10000};
    struct nl_dataset *set = NULL;
    if (read_part(&train, folder, err) == NL_OK && read_part(&test, folder, err) == NL_OK) {
        struct nl_shape shape = {.height = SIZE, .width = SIZE, .channels = 1, .classes = CLASSES};
        set = nl_dataset_new(name, NL_U8, shape, train.count + test.count, train.count, err);
    }
    if (set) {
        copy_part(&train, set, 0);
        copy_part(&test, set, train.count);
    }
    release_part(&train);
    release_part(&test);
    return set;
}
