/* Walks from the process's groups (versions 1 and 2) to the root, and keeps the least limit of each kind. */
#include "base/cgroup.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/memory.h"
#include "base/mounts.h"

/* A limit of memory that is none. Version 1 has no word for "no limit", and shows the largest multiple of a page
 * instead. */
static const double UNLIMITED = 0x1p62;

/* Where to look, and what was found. */
struct search {
    const char *root;
    char *memberships; /* /proc/self/cgroup */
    struct nl_group_limits found;
};

/* ---- values ---- */

/* Takes decimal digits off the front of text. */
static bool take_number(const char **text, double *value)
{
    size_t digits = strspn(*text, "0123456789"), spaces = strspn(*text + digits, " \n");
    if (digits == 0 || (spaces == 0 && (*text)[digits]))
        return false;
    *value = nl_double_read(*text, NULL);
    *text += digits + spaces;
    return true;
}

static char *read_in(const char *folder, const char *name)
{
    char *path = nl_path_join(folder, name), *text = nl_file_read(path, NULL, NULL);
    free(path);
    return text;
}

/* The number that a file is; false where it is none ("max", "-1"). */
static bool read_number(const char *folder, const char *name, double *value)
{
    char *text = read_in(folder, name);
    const char *at = text;
    bool is_number = text && take_number(&at, value);
    free(text);
    return is_number;
}

/* The line `name VALUE` of a file; 0 where there is none. */
static double read_line(const char *folder, const char *file, const char *name)
{
    char *text = read_in(folder, file);
    double value = 0.0;
    size_t length = strlen(name);
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, name, length) == 0 && line[length] == ' ' &&
            take_number(&(const char *){line + length + 1}, &value))
            break;
    }
    free(text);
    return value;
}

static void lower(const struct search *search, struct nl_group_limit *limit, double value, const char *folder,
                  const char *name)
{
    if (!(value < limit->value))
        return;
    free(limit->file);
    limit->value = value;
    limit->file = nl_path_join(folder + strlen(search->root), name);
}

/* ---- what one group says ---- */

static void read_quota(struct search *search, const char *folder, bool unified)
{
    const char *name = unified ? "cpu.max" : "cpu.cfs_quota_us";
    char *text = read_in(folder, name);
    const char *at = text;
    double quota, period;
    if (text && take_number(&at, &quota) && quota > 0 &&
        (unified ? take_number(&at, &period) : read_number(folder, "cpu.cfs_period_us", &period)) && period > 0)
        lower(search, &search->found.cores, quota / period, folder, name);
    free(text);
}

/* Pages of files that nobody looked at lately go first when memory is short: they are used, and as good as free. */
static double memory_in_use(const char *folder, bool unified)
{
    double used = 0.0;
    read_number(folder, unified ? "memory.current" : "memory.usage_in_bytes", &used);
    return fmax(0.0, used - read_line(folder, "memory.stat", unified ? "inactive_file" : "total_inactive_file"));
}

static void read_memory(struct search *search, const char *folder, bool unified)
{
    static const char *const limits[][2] = {{"memory.limit_in_bytes"}, {"memory.max", "memory.high"}};
    for (int i = 0; i < 2 && limits[unified][i]; i++) {
        double limit;
        if (!read_number(folder, limits[unified][i], &limit) || limit >= UNLIMITED)
            continue;
        lower(search, &search->found.memory, limit, folder, limits[unified][i]);
        search->found.memory_left = fmin(search->found.memory_left, fmax(0.0, limit - memory_in_use(folder, unified)));
    }
}

static const struct controller {
    const char *name;
    void (*read)(struct search *search, const char *folder, bool unified);
} controllers[] = {{"cpu", read_quota}, {"memory", read_memory}};

/* ---- where the groups are ---- */

/* Is name one of the words of a list with commas? */
static bool lists(const char *list, size_t length, const char *name)
{
    for (const char *end = list + length; list < end; list += strcspn(list, ",:") + 1)
        if (strcspn(list, ",:") == strlen(name) && strncmp(list, name, strlen(name)) == 0)
            return true;
    return false;
}

/* The process's group in the hierarchy that has the controller (version 1), or in the unified one; new string, NULL: in
 * none. */
static char *group_of(const struct search *search, const char *controller, bool unified)
{
    for (const char *line = search->memberships, *next; *line; line = next) {
        size_t length = strcspn(line, "\n");
        next = line + length + (line[length] == '\n');
        const char *list = memchr(line, ':', length),
                   *path = list ? memchr(list + 1, ':', (size_t)(line + length - list - 1)) : NULL;
        if (path && (unified ? strncmp(line, "0::", 3) == 0 : lists(list + 1, (size_t)(path - list - 1), controller)))
            return nl_format("%.*s", (int)(line + length - path - 1), path + 1);
    }
    return NULL;
}

static bool goes_up(const char *path)
{
    return strncmp(path, "/..", 3) == 0 && (!path[3] || path[3] == '/');
}

/* A group's path below the folder that a mount shows; "": that folder is the group, or an ancestor of it. NULL: the
 * mount shows other groups. Both paths begin at the root of the control group namespace; what lies above it has no
 * names in there, and begins with "/..". */
static const char *below(const char *group, const char *shown)
{
    for (; goes_up(group) && goes_up(shown); group += 3)
        shown += 3;
    if (goes_up(shown)) {
        while (goes_up(shown))
            shown += 3;
        return *shown ? NULL : "";
    }
    size_t length = strcmp(shown, "/") == 0 ? 0 : strlen(shown);
    if (strncmp(group, shown, length) != 0 || (group[length] && group[length] != '/'))
        return NULL;
    group += length;
    for (const char *part = group; *part; part += 1 + strcspn(part + 1, "/"))
        if (goes_up(part))
            return NULL;
    return strcmp(group, "/") == 0 ? "" : group;
}

/* The group and its ancestors up to where the mount begins. */
static void climb(struct search *search, const struct controller *controller, const char *mount, const char *group,
                  bool unified)
{
    char *folder = nl_format("%s%s%s", search->root, mount, group);
    size_t top = strlen(search->root) + strlen(mount);
    for (;;) {
        controller->read(search, folder, unified);
        if (strlen(folder) <= top)
            break;
        *strrchr(folder, '/') = '\0';
    }
    free(folder);
}

static void look_at_mount(struct search *search, const struct nl_mount *mount)
{
    bool unified = strcmp(mount->type, "cgroup2") == 0;
    if (strncmp(mount->type, "cgroup", 6) != 0)
        return;
    for (size_t i = 0; i < sizeof controllers / sizeof *controllers; i++) {
        const struct controller *controller = &controllers[i];
        char *group = unified || lists(mount->options, strlen(mount->options), controller->name)
                          ? group_of(search, controller->name, unified)
                          : NULL;
        const char *path = group ? below(group, mount->root) : NULL;
        if (path)
            climb(search, controller, mount->point, path, unified);
        free(group);
    }
}

struct nl_group_limits nl_group_limits_read(const char *root)
{
    char *folder = nl_format("%s/proc/self", root), *mounts = read_in(folder, "mountinfo");
    struct search search = {.root = root,
                            .memberships = read_in(folder, "cgroup"),
                            .found = {{INFINITY, NULL}, {INFINITY, NULL}, INFINITY}};
    struct nl_mount mount;
    char *at = NULL;
    for (char *line = search.memberships && mounts ? strtok_r(mounts, "\n", &at) : NULL; line;
         line = strtok_r(NULL, "\n", &at))
        if (nl_mount_read(line, &mount))
            look_at_mount(&search, &mount);
    free(mounts);
    free(search.memberships);
    free(folder);
    return search.found;
}

void nl_group_limits_release(struct nl_group_limits *limits)
{
    free(limits->cores.file);
    free(limits->memory.file);
}
