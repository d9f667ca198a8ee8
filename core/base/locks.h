/* Whether a lock of flock(2) keeps out programs on other machines, too: on some shared file systems it does not, and
 * nothing says so. */
#ifndef NL_BASE_LOCKS_H
#define NL_BASE_LOCKS_H

/* file: open. What makes its locks local, as "nfs, local_lock=all"; new string. NULL: nothing that /proc/self/mountinfo
 * shows: the disk is this machine's own, or its file system says that its locks hold everywhere. root: the folder that
 * holds proc, "" for the machine's own. */
char *nl_lock_is_local(int file, const char *root);

#endif
