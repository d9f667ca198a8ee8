/* Writes SHA256SUMS, and checks the files that it lists. */
#include "base/sums.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/hash.h"
#include "base/memory.h"

const char nl_sums_file[] = "SHA256SUMS";

/* "HEX  trials.csv\n"; new string. */
static char *line_of(const char *name, const void *bytes, size_t length)
{
    char hex[NL_HASH_HEX];
    nl_hash_bytes(bytes, length, hex);
    return nl_format("%s  %s\n", hex, name);
}

static int add_file(struct nl_text *out, const char *path, const char *name, struct nl_error *err)
{
    size_t length;
    char *bytes = nl_file_read_plain(path, &length, err);
    if (!bytes)
        return NL_FAIL;
    char *line = line_of(name, bytes, length);
    nl_text_add(out, "%s", line);
    free(line);
    free(bytes);
    return NL_OK;
}

int nl_sums_write(const char *folder, const char *const *name, int count, struct nl_error *err)
{
    struct nl_text sums = {0};
    int status = NL_OK;
    for (int i = 0; i < count && status == NL_OK; i++) {
        char *path = nl_path_join(folder, name[i]);
        if (!nl_file_is_missing(path))
            status = add_file(&sums, path, name[i], err);
        free(path);
    }
    char *path = nl_path_join(folder, nl_sums_file);
    if (status == NL_OK)
        status = nl_file_write(path, sums.at, sums.length, err);
    free(path);
    nl_text_release(&sums);
    return status;
}

static bool has_line(const char *text, const char *line)
{
    size_t length = strlen(line);
    while (*text && strncmp(text, line, length) != 0) {
        text += strcspn(text, "\n");
        text += *text == '\n';
    }
    return *text != '\0';
}

int nl_sums_check(const char *path, const void *bytes, size_t length, struct nl_error *err)
{
    char *folder = nl_path_folder(path), *sums = nl_path_join(folder, nl_sums_file);
    int status = NL_OK;
    if (!nl_file_is_missing(sums)) {
        const char *slash = strrchr(path, '/');
        char *text = nl_file_read_plain(sums, NULL, err), *line = line_of(slash ? slash + 1 : path, bytes, length);
        if (!text)
            status = NL_FAIL;
        else if (!has_line(text, line)) {
            nl_fail(err, "'%s' does not match its checksum in '%s' (to use it as it is, remove that file)", path, sums);
            status = NL_BAD;
        }
        free(line);
        free(text);
    }
    free(sums);
    free(folder);
    return status;
}
