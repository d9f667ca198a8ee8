/* Limits of control groups, on made trees of /proc and /sys: each version, both at once, containers, and what cannot be
 * understood. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cgroup.h"
#include "base/files.h"
#include "scratch.h"
#include "suite.h"

enum { FILES = 12 };

struct machine {
    const char *name;
    const char *mountinfo, *cgroup; /* of /proc/self; NULL: missing */
    struct {
        const char *path, *text;
    } file[FILES];
    double cores, memory, left; /* what is expected */
    const char *cores_from, *memory_from;
};

#define V1_CPU "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:9 - cgroup cgroup rw,cpu,cpuacct\n"
#define V1_MEMORY "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"
#define V2 "25 23 0:22 / /sys/fs/cgroup rw,nosuid shared:4 master:2 - cgroup2 cgroup2 rw,nsdelegate\n"
#define DISK "22 1 8:1 / / rw,relatime - ext4 /dev/root rw\n"
#define CPU "/sys/fs/cgroup/cpu,cpuacct"
#define MEMORY "/sys/fs/cgroup/memory"
#define G "/sys/fs/cgroup"
#define NONE .cores = INFINITY, .memory = INFINITY, .left = INFINITY

static const struct machine machines[] = {
    {"no proc at all", NULL, NULL, {{NULL, NULL}}, NONE},
    {"no control groups", DISK, "", {{NULL, NULL}}, NONE},
    {"memberships without mounts", DISK, "0::/a\n", {{G "/a/cpu.max", "100000 100000\n"}}, NONE},
    {"mounts without memberships", DISK V2, NULL, {{G "/cpu.max", "100000 100000\n"}}, NONE},
    {"version 2 without limits",
     DISK V2,
     "0::/user.slice\n",
     {{G "/user.slice/cpu.max", "max 100000\n"},
      {G "/user.slice/memory.max", "max\n"},
      {G "/user.slice/memory.high", "max\n"}},
     NONE},
    {"version 2: the group",
     DISK V2,
     "0::/job\n",
     {{G "/job/cpu.max", "150000 100000\n"},
      {G "/job/memory.max", "1000\n"},
      {G "/job/memory.current", "700\n"},
      {G "/job/memory.stat", "anon 300\ninactive_file 250\nactive_file 9\n"}},
     1.5,
     1000,
     550,
     G "/job/cpu.max",
     G "/job/memory.max"},
    {"version 2: an ancestor has less, and less left than the one with the least",
     DISK V2,
     "0::/slurm/job/step\n",
     {{G "/slurm/job/step/cpu.max", "400000 100000\n"},
      {G "/slurm/job/cpu.max", "100000 50000\n"},
      {G "/slurm/cpu.max", "max 100000\n"},
      {G "/slurm/job/step/memory.max", "1000\n"},
      {G "/slurm/job/step/memory.current", "100\n"},
      {G "/slurm/memory.max", "4000\n"},
      {G "/slurm/memory.current", "3500\n"},
      {G "/slurm/memory.stat", "file 1\n"},
      {G "/other/memory.max", "1\n"},
      {G "/other/cpu.max", "1000 100000\n"}},
     2,
     1000,
     500,
     G "/slurm/job/cpu.max",
     G "/slurm/job/step/memory.max"},
    {"version 2: memory.high is less than memory.max",
     DISK V2,
     "0::/a\n",
     {{G "/a/memory.max", "2000\n"}, {G "/a/memory.high", "1500\n"}, {G "/a/memory.current", "1600\n"}},
     INFINITY,
     1500,
     0,
     NULL,
     G "/a/memory.high"},
    {"version 2: a container with a namespace of its own",
     DISK V2,
     "0::/\n",
     {{G "/cpu.max", "50000 100000\n"}, {G "/memory.max", "3000\n"}},
     0.5,
     3000,
     3000,
     G "/cpu.max",
     G "/memory.max"},
    {"version 2: the host's groups shown in a container, above its namespace",
     DISK "25 23 0:22 /../.. /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
     "0::/\n",
     {{G "/cpu.max", "300000 100000\n"}},
     3,
     INFINITY,
     INFINITY,
     G "/cpu.max",
     NULL},
    {"version 2: a group beside the namespace, seen from above",
     DISK "25 23 0:22 /.. /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
     "0::/../beside\n",
     {{G "/beside/cpu.max", "300000 100000\n"}},
     3,
     INFINITY,
     INFINITY,
     G "/beside/cpu.max",
     NULL},
    {"version 2: a group outside of what is shown",
     DISK V2,
     "0::/../beside\n",
     {{G "/cpu.max", "100000 100000\n"}, {"/sys/fs/beside/cpu.max", "100000 100000\n"}},
     NONE},
    {"version 2: another group's subtree is mounted",
     DISK "25 23 0:22 /job /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
     "0::/jobs/a\n",
     {{G "/cpu.max", "100000 100000\n"}, {G "/a/cpu.max", "100000 100000\n"}, {G "/s/a/cpu.max", "100000 100000\n"}},
     NONE},
    {"version 2: the place has a space",
     DISK "25 23 0:22 / /sys/fs/a\\040b rw - cgroup2 cgroup2 rw\n",
     "0::/c d\n",
     {{"/sys/fs/a b/c d/cpu.max", "100000 100000\n"}},
     1,
     INFINITY,
     INFINITY,
     "/sys/fs/a b/c d/cpu.max",
     NULL},
    {"version 1 without limits",
     DISK V1_CPU V1_MEMORY,
     "5:memory:/\n4:cpu,cpuacct:/\n",
     {{CPU "/cpu.cfs_quota_us", "-1\n"},
      {CPU "/cpu.cfs_period_us", "100000\n"},
      {MEMORY "/memory.limit_in_bytes", "9223372036854771712\n"}},
     NONE},
    {"version 1: the group and an ancestor",
     DISK V1_CPU V1_MEMORY,
     "7:cpuset:/x\n5:memory:/slurm/uid_0/job_1\n4:cpu,cpuacct:/slurm/uid_0/job_1\n1:name=systemd:/y\n",
     {{CPU "/slurm/uid_0/job_1/cpu.cfs_quota_us", "-1\n"},
      {CPU "/slurm/uid_0/job_1/cpu.cfs_period_us", "100000\n"},
      {CPU "/slurm/uid_0/cpu.cfs_quota_us", "250000\n"},
      {CPU "/slurm/uid_0/cpu.cfs_period_us", "100000\n"},
      {MEMORY "/slurm/uid_0/job_1/memory.limit_in_bytes", "5000\n"},
      {MEMORY "/slurm/uid_0/job_1/memory.usage_in_bytes", "4000\n"},
      {MEMORY "/slurm/uid_0/job_1/memory.stat", "inactive_file 1\ntotal_inactive_file 1500\n"},
      {MEMORY "/slurm/memory.limit_in_bytes", "6000\n"}},
     2.5,
     5000,
     2500,
     CPU "/slurm/uid_0/cpu.cfs_quota_us",
     MEMORY "/slurm/uid_0/job_1/memory.limit_in_bytes"},
    {"version 1: a container that sees its group alone",
     DISK "32 31 0:29 /docker/1f /sys/fs/cgroup/cpu ro - cgroup cpu rw,cpu,cpuacct\n35 31 0:32 /docker/1f "
          "/sys/fs/cgroup/memory ro master:3 - cgroup memory rw,memory\n",
     "4:cpu,cpuacct:/docker/1f\n3:memory:/docker/1f/sub\n",
     {{G "/cpu/cpu.cfs_quota_us", "100000\n"},
      {G "/cpu/cpu.cfs_period_us", "100000\n"},
      {MEMORY "/memory.limit_in_bytes", "700\n"},
      {MEMORY "/sub/memory.limit_in_bytes", "800\n"}},
     1,
     700,
     700,
     G "/cpu/cpu.cfs_quota_us",
     MEMORY "/memory.limit_in_bytes"},
    {"version 1: the group's folder is not there, what is above it counts",
     DISK V1_MEMORY,
     "3:memory:/gone/too\n",
     {{MEMORY "/memory.limit_in_bytes", "900\n"}},
     INFINITY,
     900,
     900,
     NULL,
     MEMORY "/memory.limit_in_bytes"},
    {"hybrid: processors by version 2, memory by version 1",
     DISK V1_MEMORY "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
     "4:memory:/m\n0::/u\n",
     {{MEMORY "/m/memory.limit_in_bytes", "800\n"},
      {G "/unified/u/cpu.max", "700000 100000\n"},
      {G "/unified/m/cpu.max", "1000 100000\n"}},
     7,
     800,
     800,
     G "/unified/u/cpu.max",
     MEMORY "/m/memory.limit_in_bytes"},
    {"garbage in the files",
     DISK V2,
     "0::/a\n",
     {{G "/a/cpu.max", "banana\n"},
      {G "/cpu.max", "100000\n"},
      {G "/a/memory.max", "0x10\n"},
      {G "/a/memory.high", "12k\n"},
      {G "/memory.max", ""},
      {G "/memory.high", "-5\n"}},
     NONE},
    {"quotas that no kernel writes",
     DISK V2,
     "0::/a/b/c\n",
     {{G "/a/b/c/cpu.max", "0 100000\n"},
      {G "/a/b/cpu.max", "100000 0\n"},
      {G "/a/cpu.max", "nan 100000\n"},
      {G "/cpu.max", "-100000 100000\n"}},
     NONE},
    {"numbers beyond 64 bits",
     DISK V2,
     "0::/a\n",
     {{G "/a/memory.max", "99999999999999999999999999\n"},
      {G "/memory.max", "5000\n"},
      {G "/memory.current", "99999999999999999999999999\n"},
      {G "/cpu.max", "99999999999999999999999999 100000\n"}},
     99999999999999999999999999e-5,
     5000,
     0,
     G "/cpu.max",
     G "/memory.max"},
    {"garbage in proc",
     "\n - \n1 2\n25 23 0:22 / /sys/fs/cgroup rw - cgroup2\n25 23 0:22 / - cgroup2 c rw\n25 23 0:22 x y rw - cgroup2 c "
     "rw\n",
     "0\n::\n0::\n0::a\n:cpu\n4:cpu,cpuacct\n",
     {{G "/cpu.max", "100000 100000\n"}},
     NONE},
};
enum { MACHINES = sizeof machines / sizeof *machines };

static void put(const char *root, const char *path, const char *text)
{
    struct nl_error err;
    char *file = nl_format("%s%s", root, path), *folder = nl_path_folder(file);
    ck_assert_msg(nl_make_folders(folder, &err) == NL_OK, "%s", err.text);
    ck_assert_msg(nl_file_put(file, text, strlen(text), &err) == NL_OK, "%s", err.text);
    free(folder), free(file);
}

static bool same_name(const char *found, const char *expected)
{
    return found && expected ? strcmp(found, expected) == 0 : found == expected;
}

START_TEST(the_least_of_a_group_and_its_ancestors)
{
    const struct machine *machine = &machines[_i];
    char *root = scratch_make();
    if (machine->mountinfo)
        put(root, "/proc/self/mountinfo", machine->mountinfo);
    if (machine->cgroup)
        put(root, "/proc/self/cgroup", machine->cgroup);
    for (int i = 0; i < FILES && machine->file[i].path; i++)
        put(root, machine->file[i].path, machine->file[i].text);
    struct nl_group_limits found = nl_group_limits_read(root);
    ck_assert_msg(found.cores.value == machine->cores, "%s: %g processors", machine->name, found.cores.value);
    ck_assert_msg(found.memory.value == machine->memory, "%s: %g bytes", machine->name, found.memory.value);
    ck_assert_msg(found.memory_left == machine->left, "%s: %g bytes are left", machine->name, found.memory_left);
    ck_assert_msg(same_name(found.cores.file, machine->cores_from), "%s: processors by %s", machine->name,
                  found.cores.file);
    ck_assert_msg(same_name(found.memory.file, machine->memory_from), "%s: memory by %s", machine->name,
                  found.memory.file);
    nl_group_limits_release(&found);
    scratch_remove(root);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cgroup");
    TCase *cases = tcase_create("cgroup");
    tcase_add_loop_test(cases, the_least_of_a_group_and_its_ancestors, 0, MACHINES);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
