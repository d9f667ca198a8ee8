/* What control groups (cgroups(7)) leave to this process: containers and batch systems limit it by them.
 *
 * A process is in one group of each hierarchy, and what holds for a group holds for all below it: the least over the
 * group and its ancestors counts, as far up as the hierarchy is mounted here. Both versions are read, and may stand
 * side by side. */
#ifndef NL_BASE_CGROUP_H
#define NL_BASE_CGROUP_H

struct nl_group_limit {
    double value; /* INFINITY: none */
    char *file;   /* that says so, as this process sees it; NULL: none */
};

struct nl_group_limits {
    struct nl_group_limit cores;  /* processor time, in processors: 1.5 is 150 ms every 100 ms */
    struct nl_group_limit memory; /* bytes */
    double memory_left; /* bytes that may still be taken: the least of limit - use; what the kernel drops when asked is
                           not in use */
};

/* root: the folder that holds proc and sys, "" for the machine's own. What is missing, or cannot be understood, limits
 * nothing.
 */
struct nl_group_limits nl_group_limits_read(const char *root);
void nl_group_limits_release(struct nl_group_limits *limits);

#endif
