#include "base/locks.h"

#ifdef __linux__
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/files.h"
#include "base/memory.h"

/* From nfs(5), mount.lustre(8), mount.ocfs2(8), gfs2(5), mount.cifs(8) and mount.fuse3(8). */
static const struct {
    const char *type, *option; /* NULL: with any */
} local[] = {
    {"nfs", "local_lock=all"}, {"nfs", "local_lock=flock"}, {"nfs4", "local_lock=all"}, {"nfs4", "local_lock=flock"}, {"lustre", "localflock"},
    {"ocfs2", "localflocks"},  {"gfs2", "localflocks"},     {"cifs", "nobrl"},          {"smb3", "nobrl"},            {"fuse.sshfs", NULL},
};

static bool has_option(const char *options, const char *option)
{
    size_t length = strlen(option);
    for (const char *at = options; *at; at += strcspn(at, ",") + (at[strcspn(at, ",")] == ','))
        if (strcspn(at, ",") == length && strncmp(at, option, length) == 0)
            return true;
    return false;
}

/* line: of mountinfo, "36 35 98:0 /root /mnt rw,noatime master:1 - ext4 /dev/root rw,errors=continue". */
static char *judge(const char *line, dev_t device)
{
    unsigned major_number, minor_number;
    char *type = NULL, *options = NULL, *why = NULL;
    const char *rest = strstr(line, " - ");
    if (rest && sscanf(line, "%*s %*s %u:%u", &major_number, &minor_number) == 2 && major_number == major(device) && minor_number == minor(device) &&
        sscanf(rest, " - %ms %*s %ms", &type, &options) == 2)
        for (size_t i = 0; i < sizeof local / sizeof *local && !why; i++)
            if (strcmp(type, local[i].type) == 0 && (!local[i].option || has_option(options, local[i].option)))
                why = nl_format("%s%s%s", type, local[i].option ? ", " : "", local[i].option ? local[i].option : "");
    free(type);
    free(options);
    return why;
}

char *nl_lock_is_local(int file, const char *root)
{
    struct stat info;
    char *path = nl_format("%s/proc/self/mountinfo", root), *mounts = fstat(file, &info) == 0 ? nl_file_read(path, NULL, NULL) : NULL, *why = NULL, *at = NULL;
    for (char *line = mounts ? strtok_r(mounts, "\n", &at) : NULL; line && !why; line = strtok_r(NULL, "\n", &at))
        why = judge(line, info.st_dev);
    free(mounts);
    free(path);
    return why;
}
#else
#include <stddef.h>

char *nl_lock_is_local(int file, const char *root)
{
    (void)file, (void)root;
    return NULL; /* mounts are not told of in a file */
}
#endif
