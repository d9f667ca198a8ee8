/* A zip is read from its end: the end record says where the directory lies, the directory where each member. Every
 * place and length is held against the file before it is used. */
#include "base/npz.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/files.h"
#include "base/memory.h"

enum {
    END_MAGIC = 0x06054b50,
    END_BYTES = 22,
    DIRECTORY_MAGIC = 0x02014b50,
    DIRECTORY_BYTES = 46,
    LOCAL_MAGIC = 0x04034b50,
    LOCAL_BYTES = 30,
    END64_MAGIC = 0x06064b50,
    END64_BYTES = 56,
    LOCATOR_MAGIC = 0x07064b50,
    LOCATOR_BYTES = 20,
    EXTRA64 = 1,     /* the extra field of an entry that has what its own fields are too short for */
    EXTRA_BYTES = 4, /* before what an extra field holds: its kind and length */
    MOST_COMMENT = UINT16_MAX,
    MOST_DIRECTORY = 1 << 20, /* bytes; a member takes some 60 */
    STORED = 0,
    DEFLATED = 8,
    ENCRYPTED = 1,     /* of the flags */
    MOST_RATIO = 1032, /* bytes that deflate makes of one, at most */
};

static uint32_t u16(const unsigned char *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8;
}

static uint32_t u32(const unsigned char *at)
{
    return u16(at) | u16(at + 2) << 16;
}

static uint64_t u64(const unsigned char *at)
{
    return u32(at) | (uint64_t)u32(at + 4) << 32;
}

static int read_at(const struct nl_npz *archive, uint64_t place, void *to, size_t bytes, struct nl_error *err)
{
    if (fseeko(archive->file, (off_t)place, SEEK_SET) == 0 && fread(to, 1, bytes, archive->file) == bytes)
        return NL_OK;
    return ferror(archive->file) ? nl_fail_errno(err, "cannot read '%s'", archive->path)
                                 : nl_fail(err, "cannot read '%s': the file ends inside it", archive->path);
}

/* The end record, with nothing but its comment after it; *place: where it begins. NULL: there is none. New array. */
static unsigned char *find_end(const struct nl_npz *archive, uint64_t length, uint64_t *place, struct nl_error *err)
{
    uint32_t tail = length < END_BYTES + MOST_COMMENT ? (uint32_t)length : END_BYTES + MOST_COMMENT;
    unsigned char *bytes = nl_alloc(tail + 1, 1);
    if (read_at(archive, length - tail, bytes, tail, err)) {
        free(bytes);
        return NULL;
    }
    for (uint32_t i = tail < END_BYTES ? 0 : tail - END_BYTES + 1; i-- > 0;)
        if (u32(bytes + i) == END_MAGIC && u16(bytes + i + 20) == tail - i - END_BYTES) {
            memmove(bytes, bytes + i, END_BYTES);
            *place = length - tail + i;
            return bytes;
        }
    nl_fail(err, "cannot read '%s': not a .npz archive, or the end of it is missing", archive->path);
    free(bytes);
    return NULL;
}

/* Takes what the fields of an entry are too short for, and say so by their largest value, from its extra fields. */
static bool read_extra(const unsigned char *extra, uint32_t bytes, struct nl_npz_member *member)
{
    uint64_t *const field[] = {&member->size, &member->packed, &member->header}; /* in their order there */
    while (bytes >= EXTRA_BYTES && u16(extra + 2) <= bytes - EXTRA_BYTES && u16(extra) != EXTRA64) {
        bytes -= EXTRA_BYTES + u16(extra + 2);
        extra += EXTRA_BYTES + u16(extra + 2);
    }
    bool is_there = bytes >= EXTRA_BYTES && u16(extra + 2) <= bytes - EXTRA_BYTES;
    uint32_t left = is_there ? u16(extra + 2) : 0;
    extra += is_there ? EXTRA_BYTES : 0;
    for (size_t i = 0; i < sizeof field / sizeof *field; i++) {
        if (*field[i] != UINT32_MAX)
            continue;
        if (left < sizeof *field[i])
            return false;
        *field[i] = u64(extra);
        extra += sizeof *field[i];
        left -= (uint32_t)sizeof *field[i];
    }
    return true;
}

static int read_members(struct nl_npz *archive, const unsigned char *directory, uint32_t bytes, uint64_t count,
                        struct nl_error *err)
{
    archive->member = nl_alloc(bytes / DIRECTORY_BYTES, sizeof *archive->member);
    for (uint32_t i = 0, at = 0; i < count; i++) {
        const unsigned char *entry = directory + at;
        if (bytes - at < DIRECTORY_BYTES || u32(entry) != DIRECTORY_MAGIC)
            return nl_fail(err, "cannot read '%s': its directory is damaged at entry %u of %" PRIu64, archive->path,
                           i + 1, count);
        uint32_t name = u16(entry + 28), extra = u16(entry + 30),
                 whole = DIRECTORY_BYTES + name + extra + u16(entry + 32);
        struct nl_npz_member member = {.flags = u16(entry + 8),
                                       .method = u16(entry + 10),
                                       .checksum = u32(entry + 16),
                                       .packed = u32(entry + 20),
                                       .size = u32(entry + 24),
                                       .header = u32(entry + 42)};
        if (whole > bytes - at || memchr(entry + DIRECTORY_BYTES, '\0', name) ||
            !read_extra(entry + DIRECTORY_BYTES + name, extra, &member))
            return nl_fail(err, "cannot read '%s': its directory is damaged at entry %u of %" PRIu64, archive->path,
                           i + 1, count);
        member.name = nl_format("%.*s", (int)name, (const char *)entry + DIRECTORY_BYTES);
        archive->member[archive->members++] = member;
        for (int k = 0; k + 1 < archive->members; k++)
            if (strcmp(archive->member[k].name, member.name) == 0)
                return nl_fail(err, "cannot read '%s': it has two members '%s'", archive->path, member.name);
        at += whole;
    }
    return NL_OK;
}

/* What an end record says; place: where the first of the end records begins. */
struct end {
    uint64_t count, bytes, from, place;
    bool is_part; /* of an archive on several disks */
};

/* Takes what the fields of the end record are too short for from that of zip64, which a locator before the end record
 * finds. */
static int read_end64(const struct nl_npz *archive, struct end *end, struct nl_error *err)
{
    unsigned char locator[LOCATOR_BYTES], record[END64_BYTES];
    bool fits = end->place >= LOCATOR_BYTES + END64_BYTES;
    if (fits && read_at(archive, end->place - LOCATOR_BYTES, locator, sizeof locator, err))
        return NL_FAIL;
    uint64_t place = fits ? u64(locator + 8) : 0;
    fits = fits && u32(locator) == LOCATOR_MAGIC && place <= end->place - LOCATOR_BYTES - END64_BYTES;
    if (fits && read_at(archive, place, record, sizeof record, err))
        return NL_FAIL;
    if (!fits || u32(record) != END64_MAGIC)
        return nl_fail(err, "cannot read '%s': the end record of zip64 that it should have is missing or damaged",
                       archive->path);
    *end =
        (struct end){.count = u64(record + 32),
                     .bytes = u64(record + 40),
                     .from = u64(record + 48),
                     .place = place,
                     .is_part = u32(record + 16) != 0 || u32(record + 20) != 0 || u64(record + 24) != u64(record + 32)};
    return NL_OK;
}

static int read_directory(struct nl_npz *archive, const unsigned char *record, uint64_t place, struct nl_error *err)
{
    struct end end = {.count = u16(record + 10),
                      .bytes = u32(record + 12),
                      .from = u32(record + 16),
                      .place = place,
                      .is_part = u16(record + 4) != 0 || u16(record + 6) != 0 || u16(record + 8) != u16(record + 10)};
    bool is_short = end.count == UINT16_MAX || end.bytes == UINT32_MAX || end.from == UINT32_MAX;
    if (is_short && read_end64(archive, &end, err))
        return NL_FAIL;
    if (end.is_part)
        return nl_fail(err, "cannot read '%s': it is one of several parts of an archive", archive->path);
    if (end.bytes > MOST_DIRECTORY || end.from > end.place || end.bytes > end.place - end.from)
        return nl_fail(err, "cannot read '%s': its directory of %" PRIu64 " bytes at %" PRIu64 " does not lie in it",
                       archive->path, end.bytes, end.from);
    archive->end = end.from;
    unsigned char *directory = nl_alloc((size_t)end.bytes + 1, 1);
    int status = read_at(archive, end.from, directory, (size_t)end.bytes, err);
    if (status == NL_OK)
        status = read_members(archive, directory, (uint32_t)end.bytes, end.count, err);
    free(directory);
    return status;
}

int nl_npz_open(const char *path, struct nl_npz *out, struct nl_error *err)
{
    *out = (struct nl_npz){.path = nl_strdup(path)};
    out->file = nl_file_open(path, err);
    if (!out->file)
        return NL_FAIL;
    off_t length = fseeko(out->file, 0, SEEK_END) == 0 ? ftello(out->file) : -1;
    if (length < 0)
        return nl_fail_errno(err, "cannot read '%s'", path);
    uint64_t place = 0;
    unsigned char *end = find_end(out, (uint64_t)length, &place, err);
    int status = end ? read_directory(out, end, place, err) : NL_FAIL;
    free(end);
    return status;
}

void nl_npz_close(struct nl_npz *archive)
{
    for (int i = 0; i < archive->members; i++)
        free(archive->member[i].name);
    free(archive->member);
    free(archive->path);
    if (archive->file)
        fclose(archive->file);
    *archive = (struct nl_npz){0};
}

/* Where the member's bytes begin. */
static int find_bytes(const struct nl_npz *archive, const struct nl_npz_member *member, uint64_t *place,
                      struct nl_error *err)
{
    unsigned char local[LOCAL_BYTES];
    bool fits = member->header <= archive->end && archive->end - member->header >= LOCAL_BYTES;
    if (fits && read_at(archive, member->header, local, sizeof local, err))
        return NL_FAIL;
    uint64_t names = fits ? u16(local + 26) + u16(local + 28) : 0,
             rest = fits ? archive->end - member->header - LOCAL_BYTES : 0;
    if (!fits || u32(local) != LOCAL_MAGIC || names > rest || member->packed > rest - names)
        return nl_fail(err, "cannot read '%s/%s': its bytes do not lie in the archive", archive->path, member->name);
    *place = member->header + LOCAL_BYTES + names;
    return NL_OK;
}

static int check_member(const struct nl_npz *archive, const struct nl_npz_member *member, struct nl_error *err)
{
    if (member->flags & ENCRYPTED)
        return nl_fail(err, "cannot read '%s/%s': it is encrypted", archive->path, member->name);
    if (member->method != STORED && member->method != DEFLATED)
        return nl_fail(err,
                       "cannot read '%s/%s': it is compressed by method %u, expected stored or deflated, as by "
                       "numpy.savez_compressed",
                       archive->path, member->name, member->method);
    bool possible =
        member->method == STORED ? member->size == member->packed : member->size / MOST_RATIO <= member->packed;
    return possible ? NL_OK
                    : nl_fail(err, "cannot read '%s/%s': its %" PRIu64 " bytes cannot be %" PRIu64 " unpacked",
                              archive->path, member->name, member->packed, member->size);
}

/* Unpacks the first `wanted` bytes; the file stands where the packed ones begin. */
static int inflate_member(const struct nl_npz *archive, const struct nl_npz_member *member, char *to, size_t wanted,
                          struct nl_error *err)
{
    enum { MOST_OUT = 1 << 30 }; /* bytes in one go, whose number zlib keeps in 32 bits */
    unsigned char block[NL_READ_BLOCK];
    uint64_t left = member->packed;
    size_t missing = wanted; /* bytes that zlib was not given room for yet */
    z_stream stream = {.next_out = (unsigned char *)to};
    if (inflateInit2(&stream, -MAX_WBITS) != Z_OK)
        nl_out_of_memory(0);
    int status = Z_OK;
    while (status == Z_OK && (missing > 0 || stream.avail_out > 0 || wanted == member->size)) {
        if (stream.avail_out == 0) {
            stream.avail_out = missing < MOST_OUT ? (uInt)missing : MOST_OUT;
            missing -= stream.avail_out;
        }
        if (stream.avail_in == 0) {
            stream.avail_in = left < sizeof block ? (uInt)left : (uInt)sizeof block;
            stream.next_in = block;
            left -= stream.avail_in;
            if (stream.avail_in == 0 || fread(block, 1, stream.avail_in, archive->file) != stream.avail_in)
                break;
        }
        status = inflate(&stream, Z_NO_FLUSH);
    }
    bool good = missing == 0 && stream.avail_out == 0 && (wanted < member->size || status == Z_STREAM_END);
    inflateEnd(&stream);
    if (status == Z_MEM_ERROR)
        nl_out_of_memory(0);
    return good ? NL_OK
                : nl_fail(err, "cannot unpack '%s/%s': it is damaged, or not as long as the archive says",
                          archive->path, member->name);
}

static const struct nl_npz_member *find_member(const struct nl_npz *archive, const char *name)
{
    for (int i = 0; i < archive->members; i++)
        if (strcmp(archive->member[i].name, name) == 0)
            return &archive->member[i];
    return NULL;
}

char *nl_npz_read(const struct nl_npz *archive, const char *name, size_t most, size_t *total, struct nl_error *err)
{
    const struct nl_npz_member *member = find_member(archive, name);
    uint64_t place = 0;
    if (!member) {
        nl_fail(err, "cannot find '%s' in '%s'", name, archive->path);
        return NULL;
    }
    if (check_member(archive, member, err) || find_bytes(archive, member, &place, err))
        return NULL;
    size_t wanted = most < member->size ? most : (size_t)member->size;
    char *bytes = wanted < SIZE_MAX ? malloc(wanted + 1) : NULL;
    if (!bytes) {
        nl_fail_errno(err, "cannot hold the %zu bytes of '%s/%s'", wanted, archive->path, name);
        return NULL;
    }
    int status = read_at(archive, place, bytes, member->method == STORED ? wanted : 0, err);
    if (status == NL_OK && member->method == DEFLATED)
        status = inflate_member(archive, member, bytes, wanted, err);
    if (status == NL_OK && wanted == member->size &&
        crc32_z(0, (const unsigned char *)bytes, wanted) != member->checksum)
        status = nl_fail(err, "cannot read '%s/%s': it is damaged (its checksum does not match)", archive->path, name);
    if (status) {
        free(bytes);
        return NULL;
    }
    *total = (size_t)member->size;
    return bytes;
}

char *nl_npz_split(const char *path, const char **name)
{
    static const char ending[] = ".npz/";
    for (const char *at = path; (at = strstr(at, ending)); at++) {
        char *archive = nl_format("%.*s", (int)(at - path + (long)strlen(".npz")), path);
        if (nl_file_exists(archive) && !nl_folder_exists(archive)) {
            *name = at + strlen(ending);
            return archive;
        }
        free(archive);
    }
    return NULL;
}
