/* The header is one JSON object: {"name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, ...}, offsets
 * from the end of the header. The reader takes exactly that JSON and nothing wider, and insists, as the format does,
 * that the tensors fill the data without gap or overlap. */
#include "base/safetensors.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/foreign.h"
#include "base/half.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/scan.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "tensors are written as they lie in memory, and files are little endian");

enum { LENGTH = 8, MAX_DIMS = 4 }; /* bytes of the header's length; dimensions of an entry */

static const struct {
    enum nl_dtype type;
    const char *name;
} types[] = {{NL_F32, "F32"}, {NL_F64, "F64"}, {NL_I64, "I64"}};
enum { TYPES = sizeof types / sizeof types[0] };

static const char *type_name(enum nl_dtype type)
{
    for (int i = 0; i < TYPES; i++)
        if (types[i].type == type)
            return types[i].name;
    NL_BUG("safetensors files hold no type %d here", (int)type);
}

static size_t entry_bytes(const struct nl_tensor_file_entry *entry)
{
    size_t bytes = nl_dtype_size(entry->type);
    for (int i = 0; i < entry->dims; i++)
        bytes *= entry->shape[i];
    return bytes;
}

/* ---- writing ---- */

static void add_entry(struct nl_text *text, const struct nl_tensor_file_entry *entry, size_t offset)
{
    nl_json_add(text, entry->name);
    nl_text_add(text, ":{\"dtype\":\"%s\",\"shape\":[", type_name(entry->type));
    for (int i = 0; i < entry->dims; i++)
        nl_text_add(text, i ? ",%zu" : "%zu", entry->shape[i]);
    nl_text_add(text, "],\"data_offsets\":[%zu,%zu]}", offset, offset + entry_bytes(entry));
}

static const char seal[] = "normlab_sha256";
static const char no_sum[] = "0000000000000000000000000000000000000000000000000000000000000000";
_Static_assert(sizeof no_sum == NL_HASH_HEX, "it stands where the checksum will");

/* The file's checksum, which stands at `place` in it. */
static void sum_without(const char *bytes, size_t length, size_t place, char hex[NL_HASH_HEX])
{
    struct nl_hash *hash = nl_hash_start();
    nl_hash_add(hash, bytes, place);
    nl_hash_add(hash, no_sum, NL_HASH_HEX - 1);
    nl_hash_add(hash, bytes + place + NL_HASH_HEX - 1, length - place - (NL_HASH_HEX - 1));
    nl_hash_finish(hash, hex);
}

static void add_metadata(struct nl_text *text, const char *const *metadata)
{
    for (int i = 0; metadata && metadata[i]; i += 2) {
        if (strcmp(metadata[i], seal) == 0) /* of a file that was read, and is written anew */
            continue;
        nl_text_add(text, ",");
        nl_json_add(text, metadata[i]);
        nl_text_add(text, ":");
        nl_json_add(text, metadata[i + 1]);
    }
    nl_text_add(text, "}");
}

int nl_safetensors_write(const char *path, const struct nl_tensor_file_entry *entries, int count,
                         const char *const *metadata, struct nl_error *err)
{
    struct nl_text file = {0}, data = {0};
    nl_text_add_bytes(&file, "\0\0\0\0\0\0\0\0", LENGTH);
    nl_text_add(&file, "{\"__metadata__\":{\"%s\":\"", seal);
    size_t place = file.length;
    nl_text_add(&file, "%s\"", no_sum);
    add_metadata(&file, metadata);
    /* The 8-byte types go first, so that every tensor is aligned to its own type. */
    for (size_t size = 8; size >= 4; size /= 2)
        for (int i = 0; i < count; i++) {
            if (nl_dtype_size(entries[i].type) != size)
                continue;
            nl_text_add(&file, ",");
            add_entry(&file, &entries[i], data.length);
            nl_text_add_bytes(&data, entries[i].data, entry_bytes(&entries[i]));
        }
    nl_text_add(&file, "}");
    while (file.length % 8 != 0) /* the data starts at a multiple of 8 bytes; the format allows spaces here */
        nl_text_add(&file, " ");
    uint64_t header = file.length - LENGTH;
    memcpy(file.at, &header, LENGTH);
    if (data.length)
        nl_text_add_bytes(&file, data.at, data.length);
    char hex[NL_HASH_HEX];
    sum_without(file.at, file.length, place, hex);
    memcpy(file.at + place, hex, NL_HASH_HEX - 1);
    int status = nl_output_write(path, file.at, file.length, err);
    nl_text_release(&data);
    nl_text_release(&file);
    return status;
}

/* ---- reading ---- */

/* After an item of a list or an object: a comma goes on, `close` ends it; anything else is an error, which *good
 * tells. */
static bool more(struct nl_scan *scan, const char *close, bool *good)
{
    if (!*good || nl_scan_take(scan, close))
        return false;
    *good = nl_scan_take(scan, ",");
    return *good;
}

/* A string, its quotes left out and its escapes left in; not copied. */
static bool take_string(struct nl_scan *scan, const char **string, size_t *length)
{
    if (!nl_scan_take(scan, "\""))
        return false;
    *string = scan->at;
    for (; scan->at < scan->end && *scan->at != '"'; scan->at++) {
        if ((unsigned char)*scan->at < ' ')
            return false;
        if (*scan->at == '\\' && ++scan->at == scan->end)
            return false;
    }
    *length = (size_t)(scan->at - *string);
    return nl_scan_take(scan, "\"");
}

/* A string without escapes that fits out. */
static bool take_word(struct nl_scan *scan, char *out, size_t room)
{
    const char *string;
    size_t length;
    if (!take_string(scan, &string, &length) || length >= room || memchr(string, '\\', length))
        return false;
    memcpy(out, string, length);
    out[length] = '\0';
    return true;
}

static bool take_sizes(struct nl_scan *scan, size_t *out, int room, int *count)
{
    *count = 0;
    bool good = nl_scan_take(scan, "[");
    if (good && nl_scan_take(scan, "]"))
        return true;
    if (good)
        do
            good = *count < room && nl_scan_size(scan, &out[(*count)++]);
        while (more(scan, "]", &good));
    return good;
}

/* A tensor of the file: where its bytes lie, and whether they are of a type that becomes float32. */
struct place {
    size_t begin, end;
    enum narrow { WIDE, HALF, BFLOAT } narrow;
};

static bool take_type(struct nl_scan *scan, enum nl_dtype *type, enum narrow *narrow)
{
    char word[8];
    if (!take_word(scan, word, sizeof word))
        return false;
    *narrow = strcmp(word, "F16") == 0 ? HALF : strcmp(word, "BF16") == 0 ? BFLOAT : WIDE;
    *type = NL_F32;
    if (*narrow != WIDE)
        return true;
    for (int i = 0; i < TYPES; i++)
        if (strcmp(word, types[i].name) == 0) {
            *type = types[i].type;
            return true;
        }
    return false;
}

/* {"dtype": ..., "shape": ..., "data_offsets": ...}: each once, in any order. */
static bool take_entry(struct nl_scan *scan, struct nl_tensor_file_entry *entry, struct place *place)
{
    bool has_type = false, has_shape = false, has_offsets = false, good = nl_scan_take(scan, "{");
    if (good)
        do {
            char key[16];
            size_t offsets[2];
            int count;
            good = take_word(scan, key, sizeof key) && nl_scan_take(scan, ":");
            if (good && strcmp(key, "dtype") == 0 && !has_type) {
                has_type = good = take_type(scan, &entry->type, &place->narrow);
            } else if (good && strcmp(key, "shape") == 0 && !has_shape) {
                has_shape = good = take_sizes(scan, entry->shape, MAX_DIMS, &entry->dims);
            } else if (good && strcmp(key, "data_offsets") == 0 && !has_offsets) {
                has_offsets = good = take_sizes(scan, offsets, 2, &count) && count == 2;
                place->begin = good ? offsets[0] : 0;
                place->end = good ? offsets[1] : 0;
            } else {
                good = false;
            }
        } while (more(scan, "}", &good));
    return good && has_type && has_shape && has_offsets;
}

/* A code point as UTF-8. */
static void add_code_point(struct nl_text *out, unsigned code)
{
    char bytes[4];
    size_t count = 0;
    if (code < 0x80) {
        bytes[count++] = (char)code;
    } else {
        int tails = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
        static const unsigned heads[] = {0, 0xc0, 0xe0, 0xf0};
        bytes[count++] = (char)(heads[tails] | code >> (6 * tails));
        while (tails--)
            bytes[count++] = (char)(0x80 | (code >> (6 * tails) & 0x3f));
    }
    nl_text_add_bytes(out, bytes, count);
}

/* Four hexadecimal digits of \uXXXX. */
static bool take_unit(const char **at, const char *end, unsigned *unit)
{
    *unit = 0;
    for (int i = 0; i < 4; i++) {
        const char *digit = *at < end && **at ? strchr("0123456789abcdef0123456789ABCDEF", **at) : NULL;
        if (!digit)
            return false;
        *unit = *unit << 4 | (unsigned)(digit - "0123456789abcdef0123456789ABCDEF") % 16;
        (*at)++;
    }
    return true;
}

/* What stands after a backslash. */
static bool unescape(const char **at, const char *end, struct nl_text *out)
{
    static const char names[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    const char *name = *at < end && **at ? strchr(names, **at) : NULL;
    if (name) {
        nl_text_add_bytes(out, &meanings[name - names], 1);
        (*at)++;
        return true;
    }
    unsigned unit, low;
    if (*at == end || *(*at)++ != 'u' || !take_unit(at, end, &unit) || unit == 0)
        return false;
    if (unit >= 0xd800 && unit < 0xe000) { /* a pair of surrogates */
        if (unit >= 0xdc00 || end - *at < 2 || (*at)[0] != '\\' || (*at)[1] != 'u')
            return false;
        *at += 2;
        if (!take_unit(at, end, &low) || low < 0xdc00 || low >= 0xe000)
            return false;
        unit = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
    }
    add_code_point(out, unit);
    return true;
}

/* A string with its escapes undone; NULL: it is none. New string. */
static char *take_text(struct nl_scan *scan)
{
    const char *at;
    size_t length;
    if (!take_string(scan, &at, &length))
        return NULL;
    struct nl_text out = {0};
    nl_text_add_bytes(&out, "", 0);
    bool good = true;
    for (const char *end = at + length; good && at < end;) {
        if (*at != '\\')
            nl_text_add_bytes(&out, at++, 1);
        else
            good = unescape((at++, &at), end, &out);
    }
    if (!good)
        nl_text_release(&out);
    return out.at;
}

/* {"key": "value", ...} */
static bool take_metadata(struct nl_scan *scan, char ***metadata)
{
    int count = 0;
    bool good = nl_scan_take(scan, "{") && !*metadata;
    *metadata = good ? nl_alloc(1, sizeof **metadata) : *metadata;
    if (good && nl_scan_take(scan, "}"))
        return true;
    if (good)
        do {
            char *key = take_text(scan);
            char *value = key && nl_scan_take(scan, ":") ? take_text(scan) : NULL;
            good = value != NULL;
            if (!good) {
                free(key);
                break;
            }
            *metadata = nl_realloc(*metadata, (size_t)count + 3, sizeof **metadata);
            (*metadata)[count++] = key;
            (*metadata)[count++] = value;
            (*metadata)[count] = NULL;
        } while (more(scan, "}", &good));
    return good;
}

struct reading {
    const char *path;
    struct nl_tensor_file_entry *entries;
    struct place *places;
    char **metadata;
    int count, capacity, place_capacity;
};

static int read_tensor(struct reading *file, struct nl_scan *scan, struct nl_error *err)
{
    struct nl_tensor_file_entry entry = {0};
    struct place place = {0};
    size_t expected;
    if (!take_word(scan, entry.name, sizeof entry.name))
        return nl_fail(err, "cannot read '%s': tensor %d has no name, or one longer than %zu bytes or with escapes",
                       file->path, file->count + 1, sizeof entry.name - 1);
    if (!nl_scan_take(scan, ":"))
        return nl_fail(err, "cannot read '%s': its header is not JSON after \"%s\"", file->path, entry.name);
    if (strcmp(entry.name, "__metadata__") == 0) {
        if (!take_metadata(scan, &file->metadata))
            return nl_fail(err, "cannot read '%s': its __metadata__ is not an object of strings", file->path);
        return NL_OK;
    }
    for (int i = 0; i < file->count; i++)
        if (strcmp(file->entries[i].name, entry.name) == 0)
            return nl_fail(err, "cannot read '%s': it has two tensors '%s'", file->path, entry.name);
    if (!take_entry(scan, &entry, &place))
        return nl_fail(err,
                       "cannot read '%s': tensor '%s' needs dtype (F16, BF16, F32, F64 or I64), shape (at most %d "
                       "dimensions) and data_offsets",
                       file->path, entry.name, MAX_DIMS);
    expected = place.narrow == WIDE ? nl_dtype_size(entry.type) : sizeof(uint16_t);
    for (int i = 0; i < entry.dims; i++)
        if (__builtin_mul_overflow(expected, entry.shape[i], &expected))
            return nl_fail(err, "cannot read '%s': tensor '%s' has more bytes than a file can hold", file->path,
                           entry.name);
    if (place.end < place.begin || place.end - place.begin != expected)
        return nl_fail(err, "cannot read '%s': tensor '%s' has data_offsets [%zu,%zu], expected %zu bytes", file->path,
                       entry.name, place.begin, place.end, expected);
    int places = file->count;
    NL_GROW(file->places, places, file->place_capacity);
    NL_GROW(file->entries, file->count, file->capacity);
    file->places[file->count] = place;
    file->entries[file->count++] = entry;
    return NL_OK;
}

static int read_header(struct reading *file, struct nl_scan scan, struct nl_error *err)
{
    bool good = nl_scan_take(&scan, "{");
    if (good && !nl_scan_take(&scan, "}"))
        do
            if (read_tensor(file, &scan, err))
                return NL_FAIL;
        while (more(&scan, "}", &good));
    if (!good || !nl_scan_end(&scan))
        return nl_fail(err, "cannot read '%s': its header is not one JSON object", file->path);
    return NL_OK;
}

static int by_begin(const void *left, const void *right)
{
    const struct place *a = left, *b = right;
    if (a->begin != b->begin)
        return a->begin < b->begin ? -1 : 1;
    return (a->end > b->end) - (a->end < b->end);
}

/* The tensors fill the `length` bytes of data: no gap, no overlap, nothing left over. */
static int check_places(const struct reading *file, size_t length, struct nl_error *err)
{
    struct place *sorted = nl_alloc((size_t)file->count, sizeof *sorted);
    if (file->count)
        memcpy(sorted, file->places, (size_t)file->count * sizeof *sorted);
    qsort(sorted, (size_t)file->count, sizeof *sorted, by_begin);
    size_t at = 0;
    int status = NL_OK;
    for (int i = 0; i < file->count && status == NL_OK; i++) {
        if (sorted[i].begin != at)
            status = nl_fail(err, "cannot read '%s': its tensors overlap or leave a gap at byte %zu of the data",
                             file->path, at);
        at = sorted[i].end;
    }
    if (status == NL_OK && at != length)
        status = nl_fail(err, "cannot read '%s': %zu bytes of data, expected %zu", file->path, length, at);
    free(sorted);
    return status;
}

/* New array. */
static void *take_data(const char *from, const struct place *place)
{
    size_t bytes = place->end - place->begin;
    if (place->narrow == WIDE)
        return memcpy(nl_alloc(bytes, 1), from, bytes);
    float *values = nl_alloc(bytes / sizeof(uint16_t), sizeof *values);
    for (size_t i = 0; i < bytes / sizeof(uint16_t); i++) {
        uint16_t bits;
        memcpy(&bits, from + i * sizeof bits, sizeof bits);
        values[i] = place->narrow == HALF ? nl_from_half(bits) : nl_from_bfloat(bits);
    }
    return values;
}

/* A file that is shorter than its header would be. */
static int refuse(const struct reading *file, const char *bytes, size_t length, struct nl_error *err)
{
    const char *foreign = nl_foreign(bytes, length, NULL);
    if (length == 0)
        return nl_fail(err, "cannot read '%s': the file is empty", file->path);
    if (length > LENGTH && bytes[LENGTH] == '{')
        return nl_fail(err, "cannot read '%s': the file ends inside its header", file->path);
    if (!foreign)
        return nl_fail(err, "cannot read '%s': not a safetensors file", file->path);
    return nl_fail(err, "cannot read '%s': it is %s, expected weights as safetensors.torch.save_file writes them",
                   file->path, foreign);
}

static int read_tensors(struct reading *file, const char *bytes, size_t length, struct nl_error *err)
{
    uint64_t header = 0;
    if (length >= LENGTH)
        memcpy(&header, bytes, LENGTH);
    if (length < LENGTH || header > length - LENGTH)
        return refuse(file, bytes, length, err);
    const char *data = bytes + LENGTH + header;
    if (read_header(file, (struct nl_scan){bytes + LENGTH, data}, err) ||
        check_places(file, length - LENGTH - header, err))
        return NL_FAIL;
    for (int i = 0; i < file->count; i++)
        file->entries[i].data = take_data(data + file->places[i].begin, &file->places[i]);
    return NL_OK;
}

/* Whether the file's own checksum, if it has one, fits. */
static int check_seal(const struct reading *file, const char *bytes, size_t length, bool *sealed, struct nl_error *err)
{
    const struct nl_tensor_file read = {.metadata = file->metadata};
    const char *sum = nl_safetensors_metadata(&read, seal);
    *sealed = sum != NULL;
    if (!sum)
        return NL_OK;
    const char *found = strlen(sum) == NL_HASH_HEX - 1 ? memmem(bytes, length, sum, NL_HASH_HEX - 1) : NULL;
    char hex[NL_HASH_HEX] = "";
    if (found)
        sum_without(bytes, length, (size_t)(found - bytes), hex);
    return found && strcmp(hex, sum) == 0
               ? NL_OK
               : nl_fail(err, "cannot read '%s': it is damaged (its checksum does not match)", file->path);
}

int nl_safetensors_read(const char *path, struct nl_tensor_file *out, struct nl_error *err)
{
    size_t length;
    char *bytes = nl_file_read(path, &length, err);
    int status = bytes ? nl_safetensors_parse(path, bytes, length, out, err) : NL_FAIL;
    free(bytes);
    return status;
}

int nl_safetensors_parse(const char *path, const char *bytes, size_t length, struct nl_tensor_file *out,
                         struct nl_error *err)
{
    *out = (struct nl_tensor_file){0};
    struct reading file = {.path = path};
    bool sealed = false;
    int status =
        read_tensors(&file, bytes, length, err) || check_seal(&file, bytes, length, &sealed, err) ? NL_BAD : NL_OK;
    char checksum[NL_HASH_HEX];
    nl_hash_bytes(bytes, length, checksum);
    *out = (struct nl_tensor_file){
        .count = file.count, .entry = file.entries, .metadata = file.metadata, .sealed = sealed};
    for (int i = 0; i < file.count; i++) {
        out->halves += file.places[i].narrow == HALF;
        out->bfloats += file.places[i].narrow == BFLOAT;
    }
    free(file.places);
    memcpy(out->checksum, checksum, sizeof checksum);
    if (status)
        nl_safetensors_release(out);
    return status;
}

void nl_safetensors_release(struct nl_tensor_file *file)
{
    for (int i = 0; i < file->count; i++)
        free(file->entry[i].data);
    free(file->entry);
    for (char **text = file->metadata; text && *text; text++)
        free(*text);
    free(file->metadata);
    free(file->notes);
    *file = (struct nl_tensor_file){0};
}

const struct nl_tensor_file_entry *nl_safetensors_find(const struct nl_tensor_file *file, const char *name)
{
    for (int i = 0; i < file->count; i++)
        if (strcmp(file->entry[i].name, name) == 0)
            return &file->entry[i];
    return NULL;
}

const char *nl_safetensors_metadata(const struct nl_tensor_file *file, const char *key)
{
    for (char **pair = file->metadata; pair && pair[0]; pair += 2)
        if (strcmp(pair[0], key) == 0)
            return pair[1];
    return NULL;
}
