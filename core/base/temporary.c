/* Half-written files and folders of the running program, known by their names and their locks. */
#include "base/temporary.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/files.h"
#include "base/memory.h"

static const char ending[] = ".tmp", folder_prefix[] = "normlab-tables.";

bool nl_temporary_is_named(const char *name)
{
    size_t length = strlen(name), tail = sizeof ending - 1;
    if (length <= tail || strcmp(name + length - tail, ending) != 0)
        return false;
    size_t digits = length - tail;
    while (digits > 0 && name[digits - 1] >= '0' && name[digits - 1] <= '9')
        digits--;
    return digits < length - tail && digits > 1 && name[digits - 1] == '.';
}

bool nl_temporary_is_same(int file, const char *name)
{
    struct stat opened, named;
    return fstat(file, &opened) == 0 && lstat(name, &named) == 0 && opened.st_dev == named.st_dev &&
           opened.st_ino == named.st_ino;
}

/* Takes the lock of what is left under this name. The descriptor that has it; -1: it is held, or that cannot be told;
 * -2: nobody can hold it, since it is a link or cannot be opened because of what it is. */
static int take(const char *path)
{
    const int flags = O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
    int file = open(path, O_RDWR | flags); /* NFS locks only what may be written */
    if (file < 0)
        file = open(path, O_RDONLY | flags);
    if (file < 0)
        return errno == ELOOP || errno == ENXIO ? -2 : -1;
    if (flock(file, LOCK_EX | LOCK_NB) == 0 && nl_temporary_is_same(file, path))
        return file;
    close(file);
    return -1;
}

bool nl_temporary_is_left(const char *path)
{
    int file = take(path);
    if (file >= 0)
        close(file);
    return file != -1;
}

bool nl_temporary_remove(const char *path)
{
    int file = take(path);
    bool removed = file != -1 && unlink(path) == 0;
    if (file >= 0)
        close(file);
    return removed;
}

static int create(const char *name)
{
    enum { TRIES = 100 }; /* each time another program has put something there, or has taken it away */
    for (int i = 0; i < TRIES; i++) {
        int file = open(name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
        if (file < 0 && errno != EEXIST)
            return -1;
        if (file < 0 && !nl_temporary_remove(name)) {
            errno = EEXIST;
            return -1;
        }
        /* Who looks whether it was left has the lock for an instant. A file system without locks goes on without. */
        while (file >= 0 && flock(file, LOCK_EX) != 0 && errno == EINTR)
            continue;
        if (file >= 0 && nl_temporary_is_same(file, name))
            return file;
        if (file >= 0)
            close(file);
    }
    errno = EAGAIN;
    return -1;
}

int nl_temporary_create(const char *path, char **name)
{
    *name = nl_format("%s.0%s", path, ending);
    int file = create(*name);
    if (file < 0 && errno == EEXIST) {
        free(*name);
        *name = nl_format("%s.%ld%s", path, (long)getpid(), ending);
        file = create(*name);
    }
    if (file < 0) {
        int why = errno;
        free(*name);
        *name = NULL;
        errno = why;
    }
    return file;
}

void nl_file_remove(const char *path)
{
    char *half = nl_format("%s.0%s", path, ending);
    nl_temporary_remove(half);
    unlink(path);
    free(half);
}

static bool is_one_of(const char *name, const char *const *names, int count)
{
    for (int i = 0; i < count; i++)
        if (strncmp(name, names[i], strlen(names[i])) == 0 && (!name[strlen(names[i])] || nl_temporary_is_named(name)))
            return true;
    return false;
}

/* Removes a folder of this user that no program holds. */
static void remove_left_folder(const char *folder, const char *const *names, int count)
{
    struct stat info;
    int file = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    bool left = file >= 0 && fstat(file, &info) == 0 && info.st_uid == geteuid() && flock(file, LOCK_EX | LOCK_NB) == 0;
    DIR *entries = left ? fdopendir(file) : NULL;
    if (entries) {
        for (struct dirent *entry; (entry = readdir(entries));)
            if (is_one_of(entry->d_name, names, count))
                unlinkat(dirfd(entries), entry->d_name, 0);
        rmdir(folder);
        closedir(entries);
    } else if (file >= 0) {
        close(file);
    }
}

static void remove_left_folders(const char *place, const char *const *names, int count)
{
    DIR *entries = opendir(place);
    if (!entries)
        return;
    for (struct dirent *entry; (entry = readdir(entries));)
        if (strncmp(entry->d_name, folder_prefix, sizeof folder_prefix - 1) == 0) {
            char *folder = nl_path_join(place, entry->d_name);
            remove_left_folder(folder, names, count);
            free(folder);
        }
    closedir(entries);
}

char *nl_temporary_folder(const char *place, const char *const *names, int count)
{
    enum { TRIES = 100 };
    remove_left_folders(place, names, count);
    for (int i = 0; i < TRIES; i++) {
        char *beginning = nl_path_join(place, folder_prefix), *folder = nl_format("%sXXXXXX", beginning);
        free(beginning);
        if (!mkdtemp(folder)) {
            int why = errno;
            free(folder);
            errno = why;
            return NULL;
        }
        int file =
            open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* open to the end of the program: it has the lock */
        while (file >= 0 && flock(file, LOCK_SH) != 0 &&
               errno == EINTR) /* NFS gives no other lock on what is only read */
            continue;
        if (file < 0 || nl_temporary_is_same(file, folder)) /* not held, it may be removed under us, which is told of */
            return folder;
        close(file); /* another program removed it before it was held */
        free(folder);
    }
    errno = EAGAIN;
    return NULL;
}
