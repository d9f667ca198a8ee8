/* Where the user's own arrays lie: which files of a folder, or members of an archive, are images and labels of which
 * part. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/files.h"
#include "base/memory.h"
#include "base/npz.h"
#include "data/sources.h"

/* The names that the arrays have where no key gives them, in any case: ours and Keras's of images, and scikit-learn's
 * and Keras's of anything. */
enum { FAMILIES = 2 };
static const char *const families[FAMILIES][NL_DATA_FILES] = {
    {"train_images", "train_labels", "test_images", "test_labels"},
    {"x_train", "y_train", "x_test", "y_test"},
};
static const char *const what[NL_DATA_FILES] = {"training images", "training labels", "test images", "test labels"};

/* The names in a folder, or in an archive. */
struct listing {
    char **name;
    int count, capacity;
};

static bool ends_in(const char *name, const char *ending)
{
    size_t length = strlen(name), tail = strlen(ending);
    return length > tail && strcasecmp(name + length - tail, ending) == 0;
}

static bool is_archive(const char *path)
{
    return ends_in(path, ".npz") && nl_file_exists(path) && !nl_folder_exists(path);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void add_name(struct listing *listing, const char *name)
{
    NL_GROW(listing->name, listing->count, listing->capacity);
    listing->name[listing->count++] = nl_strdup(name);
}

/* What cannot be opened has no names: why, is said when an array of it is read. */
static struct listing list(const char *place)
{
    struct listing out = {0};
    if (is_archive(place)) {
        struct nl_npz archive;
        if (nl_npz_open(place, &archive, NULL) == NL_OK)
            for (int i = 0; i < archive.members; i++)
                add_name(&out, archive.member[i].name);
        nl_npz_close(&archive);
    } else {
        DIR *folder = opendir(*place ? place : ".");
        for (struct dirent *entry; folder && (entry = readdir(folder));)
            if (ends_in(entry->d_name, ".npy") || ends_in(entry->d_name, ".npz"))
                add_name(&out, entry->d_name);
        if (folder)
            closedir(folder);
    }
    if (out.count)
        qsort(out.name, (size_t)out.count, sizeof *out.name, compare_names);
    return out;
}

static void release(struct listing *listing)
{
    for (int i = 0; i < listing->count; i++)
        free(listing->name[i]);
    free(listing->name);
}

/* The file of that name in any case, as it is spelled; the spelling of families first. NULL: there is none. */
static const char *find(const struct listing *listing, const char *stem)
{
    char *name = nl_format("%s.npy", stem);
    const char *found = NULL;
    for (int i = 0; i < listing->count; i++)
        if (strcmp(listing->name[i], name) == 0 || (!found && strcasecmp(listing->name[i], name) == 0))
            found = listing->name[i];
    free(name);
    return found;
}

/* The one archive of a folder; NULL: it has none, or several. */
static const char *only_archive(const struct listing *listing)
{
    const char *found = NULL;
    int archives = 0;
    for (int i = 0; i < listing->count; i++)
        if (ends_in(listing->name[i], ".npz")) {
            found = listing->name[i];
            archives++;
        }
    return archives == 1 ? found : NULL;
}

struct found {
    char *place; /* a folder or an archive */
    struct listing listing;
    int family;
    bool named; /* family has names that are there */
};

static const char *given(const struct nl_config *config, int which)
{
    const char *const keys[NL_DATA_FILES] = {config->data.train_images, config->data.train_labels,
                                             config->data.test_images, config->data.test_labels};
    return keys[which];
}

/* The family of the first array that no key names. */
static void find_family(const struct nl_config *config, struct found *found)
{
    int first = 0;
    while (first < NL_DATA_FILES && given(config, first)[0])
        first++;
    found->family = 0;
    found->named = false;
    for (int f = FAMILIES - 1; f >= 0 && first < NL_DATA_FILES; f--)
        if (find(&found->listing, families[f][first])) {
            found->family = f;
            found->named = true;
        }
}

/* Whether a file that a key names is there without an archive, which its name may lead into. */
static bool is_there(const struct nl_config *config, const char *name)
{
    char *path = *config->data.dir ? nl_path_join(config->data.dir, name) : nl_strdup(name);
    const char *member;
    char *archive = nl_npz_split(path, &member);
    bool there = archive || nl_file_exists(path);
    free(archive);
    free(path);
    return there;
}

static struct found look(const struct nl_config *config)
{
    struct found out = {.place = nl_strdup(config->data.dir)};
    out.listing = list(out.place);
    find_family(config, &out);
    const char *first = given(config, 0), *archive = only_archive(&out.listing);
    if (!archive || is_archive(out.place) || (first[0] ? is_there(config, first) : out.named))
        return out;
    char *place = *out.place ? nl_path_join(out.place, archive) : nl_strdup(archive);
    release(&out.listing);
    free(out.place);
    out = (struct found){.place = place, .listing = list(place)};
    find_family(config, &out);
    return out;
}

static void release_found(struct found *found)
{
    release(&found->listing);
    free(found->place);
}

void nl_places(const struct nl_config *config, char *path[NL_DATA_FILES])
{
    struct found found = look(config);
    for (int i = 0; i < NL_DATA_FILES; i++) {
        const char *there = find(&found.listing, families[found.family][i]), *key = given(config, i),
                   *folder = key[0] && is_there(config, key) ? config->data.dir : found.place;
        char *standard = nl_format("%s.npy", families[found.family][i]);
        const char *name = key[0] ? key : there ? there : standard;
        path[i] = *folder ? nl_path_join(folder, name) : nl_strdup(name);
        free(standard);
    }
    release_found(&found);
}

void nl_data_files(const struct nl_config *config, char *path[NL_DATA_FILES])
{
    memset(path, 0, NL_DATA_FILES * sizeof *path);
    if (config->data.name == NL_CSV && config->data.file[0])
        path[0] = nl_strdup(config->data.file);
    if (config->data.name != NL_NPY)
        return;
    nl_places(config, path);
    for (int i = 0; i < NL_DATA_FILES; i++) {
        const char *name;
        char *archive = nl_npz_split(path[i], &name);
        if (archive) {
            free(path[i]);
            path[i] = archive;
        }
    }
}

bool nl_place_exists(const char *path)
{
    const char *name;
    char *place = nl_npz_split(path, &name);
    if (!place)
        return nl_file_exists(path);
    struct listing listing = list(place);
    bool exists = false;
    for (int i = 0; i < listing.count; i++)
        exists |= strcmp(listing.name[i], name) == 0;
    release(&listing);
    free(place);
    return exists;
}

/* What else is there, and the key that names it: "; there are 'a.npy', 'b.npy': data.train_images says which". */
static void add_others(const struct found *found, int which, struct nl_text *out)
{
    enum { SHOWN = 4 };
    const struct listing *listing = &found->listing;
    bool archives = listing->count > 0 && ends_in(listing->name[0], ".npz");
    for (int i = 0; i < listing->count && i < SHOWN; i++)
        nl_text_add(out, i ? ", '%s'" : nl_agree(listing->count, "; there is '%s'", "; there are '%s'"),
                    listing->name[i]);
    if (listing->count > SHOWN)
        nl_text_add(out, " and %d more", listing->count - SHOWN);
    if (listing->count && archives)
        nl_text_add(out, ": data.dir may be one of them");
    else if (listing->count)
        nl_text_add(out, ": data.%s_%s says which", which < 2 ? "train" : "test", which % 2 ? "labels" : "images");
}

static int miss(const struct found *found, int which, struct nl_error *err)
{
    const char *place = *found->place ? found->place : ".", *ours = families[0][which], *theirs = families[1][which];
    bool archive = is_archive(place);
    if (!archive && !nl_folder_exists(place))
        return nl_file_exists(place)
                   ? nl_fail(err, "cannot read '%s': it is neither a folder of .npy files nor a .npz archive%s", place,
                             ends_in(place, ".npy") ? "; data.dir is the folder in which an array lies" : "")
                   : nl_fail(err, "cannot find the %s: there is no folder '%s'", what[which], place);
    struct nl_text others = {0};
    nl_text_add(&others, "%s", "");
    add_others(found, which, &others);
    if (found->named)
        nl_fail(err, "cannot find the %s in '%s', expected %s.npy%s", what[which], place,
                families[found->family][which], others.at);
    else
        nl_fail(err, "cannot find the %s in '%s', expected %s.npy or %s.npy%s%s", what[which], place, ours, theirs,
                archive ? "" : ", or a .npz archive of them", others.at);
    nl_text_release(&others);
    return NL_FAIL;
}

int nl_place_check(const struct nl_config *config, int which, const char *path, struct nl_error *err)
{
    if (given(config, which)[0] || nl_place_exists(path))
        return NL_OK;
    struct found found = look(config);
    struct nl_npz archive = {0};
    int status = is_archive(found.place) ? nl_npz_open(found.place, &archive, err) : NL_OK;
    if (status == NL_OK)
        status = miss(&found, which, err);
    nl_npz_close(&archive);
    release_found(&found);
    return status;
}

bool nl_places_found(const struct nl_config *config)
{
    struct found found = look(config);
    bool unusual = found.named && (found.family > 0 || strcmp(found.place, config->data.dir) != 0);
    release_found(&found);
    return unusual;
}
