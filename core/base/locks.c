/* Judges a lock by the type of the file system and its mount options. */
#include "base/locks.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/files.h"
#include "base/memory.h"
#include "base/mounts.h"
#include "base/system.h"

/* From nfs(5), mount.lustre(8), mount.ocfs2(8), gfs2(5), mount.cifs(8) and mount.fuse3(8). */
static const struct {
    const char *type, *option; /* NULL: with any */
} local[] = {
    {"nfs", "local_lock=all"}, {"nfs", "local_lock=flock"}, /* of version 4 (nfs4) locks are never local */
    {"lustre", "localflock"},  {"ocfs2", "localflocks"},    {"gfs2", "localflocks"},
    {"cifs", "nobrl"},         {"smb3", "nobrl"},           {"fuse.sshfs", NULL},
};

static bool has_option(const char *options, const char *option)
{
    size_t length = strlen(option);
    for (const char *at = options; *at; at += strcspn(at, ",") + (at[strcspn(at, ",")] == ','))
        if (strcspn(at, ",") == length && strncmp(at, option, length) == 0)
            return true;
    return false;
}

static char *judge(const struct nl_mount *mount)
{
    for (size_t i = 0; i < sizeof local / sizeof *local; i++)
        if (strcmp(mount->type, local[i].type) == 0 &&
            (!local[i].option || has_option(mount->options, local[i].option)))
            return nl_format("%s%s%s", mount->type, local[i].option ? ", " : "",
                             local[i].option ? local[i].option : "");
    return NULL;
}

char *nl_lock_is_local(int file, const char *root)
{
    struct stat info;
    struct nl_mount mount;
    char *path = nl_format("%s/proc/self/mountinfo", root),
         *mounts = fstat(file, &info) == 0 ? nl_file_read(path, NULL, NULL) : NULL, *why = NULL, *at = NULL;
    char *device = mounts ? nl_device_text(info.st_dev) : NULL;
    for (char *line = mounts ? strtok_r(mounts, "\n", &at) : NULL; line && !why; line = strtok_r(NULL, "\n", &at))
        if (nl_mount_read(line, &mount) && strcmp(mount.device, device) == 0)
            why = judge(&mount);
    free(device);
    free(mounts);
    free(path);
    return why;
}
