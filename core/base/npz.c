/* A zip is read from its end: the end record says where the directory lies, the directory where each member. Every
 * place and length is held against the file before it is used. */
#include "base/npz.h"

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

static int read_at(const struct nl_npz *archive, uint32_t place, void *to, size_t bytes, struct nl_error *err)
{
    if (fseeko(archive->file, (off_t)place, SEEK_SET) == 0 && fread(to, 1, bytes, archive->file) == bytes)
        return NL_OK;
    return ferror(archive->file) ? nl_fail_errno(err, "cannot read '%s'", archive->path)
                                 : nl_fail(err, "cannot read '%s': the file ends inside it", archive->path);
}

/* The end record, with nothing but its comment after it; *place: where it begins. NULL: there is none. New array. */
static unsigned char *find_end(const struct nl_npz *archive, uint32_t length, uint32_t *place, struct nl_error *err)
{
    uint32_t tail = length < END_BYTES + MOST_COMMENT ? length : END_BYTES + MOST_COMMENT;
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

static int read_members(struct nl_npz *archive, const unsigned char *directory, uint32_t bytes, uint32_t count,
                        struct nl_error *err)
{
    archive->member = nl_alloc(count, sizeof *archive->member);
    for (uint32_t i = 0, at = 0; i < count; i++) {
        const unsigned char *entry = directory + at;
        if (bytes - at < DIRECTORY_BYTES || u32(entry) != DIRECTORY_MAGIC)
            return nl_fail(err, "cannot read '%s': its directory is damaged at entry %u of %u", archive->path, i + 1,
                           count);
        uint32_t name = u16(entry + 28), whole = DIRECTORY_BYTES + name + u16(entry + 30) + u16(entry + 32);
        if (whole > bytes - at || memchr(entry + DIRECTORY_BYTES, '\0', name))
            return nl_fail(err, "cannot read '%s': its directory is damaged at entry %u of %u", archive->path, i + 1,
                           count);
        struct nl_npz_member *member = &archive->member[archive->members++];
        *member = (struct nl_npz_member){.name = nl_format("%.*s", (int)name, (const char *)entry + DIRECTORY_BYTES),
                                         .flags = u16(entry + 8),
                                         .method = u16(entry + 10),
                                         .checksum = u32(entry + 16),
                                         .packed = u32(entry + 20),
                                         .size = u32(entry + 24),
                                         .header = u32(entry + 42)};
        for (int k = 0; k + 1 < archive->members; k++)
            if (strcmp(archive->member[k].name, member->name) == 0)
                return nl_fail(err, "cannot read '%s': it has two members '%s'", archive->path, member->name);
        at += whole;
    }
    return NL_OK;
}

static int read_directory(struct nl_npz *archive, const unsigned char *end, uint32_t place, struct nl_error *err)
{
    uint32_t count = u16(end + 10), bytes = u32(end + 12), from = u32(end + 16);
    if (count == UINT16_MAX || bytes == UINT32_MAX || from == UINT32_MAX)
        return nl_fail(err, "cannot read '%s': it is a zip64 archive; save the arrays by numpy.save, a file each",
                       archive->path);
    if (u16(end + 4) != 0 || u16(end + 6) != 0 || u16(end + 8) != count)
        return nl_fail(err, "cannot read '%s': it is one of several parts of an archive", archive->path);
    if (bytes > MOST_DIRECTORY || from > place || bytes > place - from)
        return nl_fail(err, "cannot read '%s': its directory of %u bytes at %u does not lie in it", archive->path,
                       bytes, from);
    archive->end = from;
    unsigned char *directory = nl_alloc((size_t)bytes + 1, 1);
    int status = read_at(archive, from, directory, bytes, err);
    if (status == NL_OK)
        status = read_members(archive, directory, bytes, count, err);
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
    if (length >= UINT32_MAX)
        return nl_fail(err, "cannot read '%s': an archive of 4 GiB or more; save the arrays by numpy.save, a file each",
                       path);
    uint32_t place = 0;
    unsigned char *end = find_end(out, (uint32_t)length, &place, err);
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
static int find_bytes(const struct nl_npz *archive, const struct nl_npz_member *member, uint32_t *place,
                      struct nl_error *err)
{
    unsigned char local[LOCAL_BYTES];
    bool fits = member->header <= archive->end && archive->end - member->header >= LOCAL_BYTES;
    if (fits && read_at(archive, member->header, local, sizeof local, err))
        return NL_FAIL;
    uint32_t names = fits ? u16(local + 26) + u16(local + 28) : 0,
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
                    : nl_fail(err, "cannot read '%s/%s': its %u bytes cannot be %u unpacked", archive->path,
                              member->name, member->packed, member->size);
}

/* Unpacks the first `wanted` bytes; the file stands where the packed ones begin. */
static int inflate_member(const struct nl_npz *archive, const struct nl_npz_member *member, char *to, uint32_t wanted,
                          struct nl_error *err)
{
    unsigned char block[NL_READ_BLOCK];
    uint32_t left = member->packed;
    z_stream stream = {.next_out = (unsigned char *)to, .avail_out = wanted};
    if (inflateInit2(&stream, -MAX_WBITS) != Z_OK)
        nl_out_of_memory(0);
    int status = Z_OK;
    while (status == Z_OK && (stream.avail_out > 0 || wanted == member->size)) {
        if (stream.avail_in == 0) {
            stream.avail_in = left < sizeof block ? left : (uInt)sizeof block;
            stream.next_in = block;
            left -= stream.avail_in;
            if (stream.avail_in == 0 || fread(block, 1, stream.avail_in, archive->file) != stream.avail_in)
                break;
        }
        status = inflate(&stream, Z_NO_FLUSH);
    }
    bool good = stream.avail_out == 0 && (wanted < member->size || status == Z_STREAM_END);
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
    uint32_t place = 0;
    if (!member) {
        nl_fail(err, "cannot find '%s' in '%s'", name, archive->path);
        return NULL;
    }
    if (check_member(archive, member, err) || find_bytes(archive, member, &place, err))
        return NULL;
    uint32_t wanted = most < member->size ? (uint32_t)most : member->size;
    char *bytes = malloc((size_t)wanted + 1);
    if (!bytes) {
        nl_fail_errno(err, "cannot hold the %u bytes of '%s/%s'", wanted, archive->path, name);
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
    *total = member->size;
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
