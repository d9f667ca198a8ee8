/* Linux's table of mounts, /proc/self/mountinfo (proc(5)). */
#ifndef NL_BASE_MOUNTS_H
#define NL_BASE_MOUNTS_H

#include <stdbool.h>

/* What a line says, as strings inside it. */
struct nl_mount {
    const char *device;  /* "98:0" */
    const char *root;    /* which folder of the file system is shown */
    const char *point;   /* and where */
    const char *type;    /* of the file system */
    const char *options; /* of the file system, with commas between them */
};

/* Takes the line "36 35 98:0 /root /mnt rw,noatime master:1 - ext4 /dev/root rw,errors=continue" apart, in place.
 * False: it is none. */
bool nl_mount_read(char *line, struct nl_mount *mount);

#endif
