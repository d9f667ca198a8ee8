/* What a cluster says of itself: the limits that Slurm puts into the environment, locks of shared file systems, names
 * of shards. */
#include <check.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/batch.h"
#include "base/files.h"
#include "base/locks.h"
#include "base/machine.h"
#include "scratch.h"
#include "suite.h"
#include "sweep/shards.h"

enum { VARIABLES = 5 };
static const char *const variables[VARIABLES] = {"SLURM_JOB_ID", "SLURM_CPUS_ON_NODE", "SLURM_CPUS_PER_TASK",
                                                 "SLURM_MEM_PER_NODE", "SLURM_MEM_PER_CPU"};
#define MIB 1048576.0

static const struct job {
    const char *value[VARIABLES]; /* NULL: not set */
    double cores, memory;
    const char *cores_from, *memory_from;
} jobs[] = {
    {{NULL}, INFINITY, INFINITY, NULL, NULL},
    {{NULL, "4", "2", "100", "50"}, INFINITY, INFINITY, NULL, NULL}, /* of no job: left over in a shell */
    {{"7", "4", NULL, "2000", NULL}, 4, 2000 * MIB, "SLURM_CPUS_ON_NODE", "SLURM_MEM_PER_NODE"},
    {{"7", "4", "2", NULL, "500"}, 2, 2000 * MIB, "SLURM_CPUS_PER_TASK", "SLURM_MEM_PER_CPU"},
    {{"7", NULL, "3", NULL, "500"}, 3, INFINITY, "SLURM_CPUS_PER_TASK", NULL},
    {{"7", "8", "8", "0", NULL}, 8, INFINITY, "SLURM_CPUS_ON_NODE", NULL}, /* --mem=0: all of the node */
    {{"7", "", "2x", "-5", "1e3"}, INFINITY, INFINITY, NULL, NULL},
};
enum { JOBS = sizeof jobs / sizeof *jobs };

static void put_variables(const struct job *job)
{
    for (int i = 0; i < VARIABLES; i++)
        if (job->value[i])
            setenv(variables[i], job->value[i], 1);
        else
            unsetenv(variables[i]);
}

static bool same_name(const char *found, const char *expected)
{
    return found && expected ? strcmp(found, expected) == 0 : found == expected;
}

START_TEST(slurm_says_what_a_task_has)
{
    const struct job *job = &jobs[_i];
    put_variables(&jobs[0]);
    int cores = nl_cores();
    double memory = nl_memory_total();
    put_variables(job);
    struct nl_batch_limits found = nl_batch_limits_read();
    ck_assert_msg(found.cores.value == job->cores, "%d: %g processors", _i, found.cores.value);
    ck_assert_msg(found.memory.value == job->memory, "%d: %g bytes", _i, found.memory.value);
    ck_assert_msg(same_name(found.cores.from, job->cores_from), "%d: processors by %s", _i, found.cores.from);
    ck_assert_msg(same_name(found.memory.from, job->memory_from), "%d: memory by %s", _i, found.memory.from);
    ck_assert_int_eq(nl_cores(), job->cores < cores ? (int)job->cores : cores);
    ck_assert(nl_memory_total() == fmin(memory, job->memory));
    double available = nl_memory_available();
    ck_assert(available >= 0 && available < job->memory); /* this process has taken some of it */
}
END_TEST

static const struct mount {
    const char *type, *options, *local; /* NULL: it is not */
} mounts[] = {
    {"ext4", "rw,errors=continue", NULL},
    {"nfs", "rw,vers=3,proto=tcp,local_lock=none,addr=10.0.0.1", NULL},
    {"nfs", "rw,vers=3,nolock,proto=tcp,local_lock=all,addr=10.0.0.1", "nfs, local_lock=all"},
    {"nfs4", "rw,vers=4.2,local_lock=none", NULL},
    {"nfs", "rw,local_lock=posix", NULL},
    {"lustre", "rw,flock,lazystatfs", NULL},
    {"lustre", "rw,localflock", "lustre, localflock"},
    {"cifs", "rw,vers=3.1.1,nobrl", "cifs, nobrl"},
    {"fuse.sshfs", "rw,user_id=0", "fuse.sshfs"},
    {"ext4", "rw,local_lock=all", NULL},
};
enum { MOUNTS = sizeof mounts / sizeof *mounts };

START_TEST(a_lock_of_one_machine)
{
    const struct mount *mount = &mounts[_i];
    struct stat info;
    struct nl_error err;
    char *root = scratch_make(), *path = nl_format("%s/file", root), *proc = nl_format("%s/proc/self", root),
         *table = nl_path_join(proc, "mountinfo");
    int file = open(path, O_RDWR | O_CREAT, 0600);
    ck_assert(file >= 0 && fstat(file, &info) == 0);
    ck_assert(nl_lock_is_local(file, root) == NULL); /* there is no table */
    char *text = nl_format(
        "22 1 %u:%u / / rw - nfs server:/ rw,local_lock=all\n36 35 %u:%u /a /b rw,noatime master:1 - %s server:/a %s\n",
        major(info.st_dev) + 1, minor(info.st_dev), major(info.st_dev), minor(info.st_dev), mount->type,
        mount->options);
    ck_assert(nl_make_folders(proc, &err) == NL_OK && nl_file_put(table, text, strlen(text), &err) == NL_OK);
    char *found = nl_lock_is_local(file, root);
    ck_assert_msg(same_name(found, mount->local), "%s %s: %s", mount->type, mount->options, found);
    close(file);
    free(found), free(text), free(table), free(proc), free(path);
    scratch_remove(root);
}
END_TEST

static const struct folder {
    const char *name;
    int whole, shard, shards; /* whole 0: of no shard */
} folders[] = {
    {"results/a-2of3", 9, 2, 3},
    {"a-1of2-1of10000", 6, 1, 10000},
    {"a-4of3", 0, 0, 0},
    {"a-0of3", 0, 0, 0},
    {"a-1of10001", 0, 0, 0},
    {"a-02of3", 0, 0, 0},
    {"a-2of3/tuning", 0, 0, 0},
    {"a-2of3x", 0, 0, 0},
    {"a-2of", 0, 0, 0},
    {"a", 0, 0, 0},
    {"-1of2", 0, 0, 0},
    {"results/-1of2", 0, 0, 0},
};
enum { FOLDERS = sizeof folders / sizeof *folders };

START_TEST(names_of_shards)
{
    const struct folder *folder = &folders[_i];
    int whole = 0, shard, shards;
    bool is_shard = nl_shard_parse(folder->name, &whole, &shard, &shards);
    ck_assert_msg(is_shard == (folder->whole > 0), "%s", folder->name);
    if (!is_shard)
        return;
    ck_assert_msg(whole == folder->whole && shard == folder->shard && shards == folder->shards, "%s: %d, %d of %d",
                  folder->name, whole, shard, shards);
    char *name = nl_format("%.*s", whole, folder->name), *again = nl_shard_folder(name, shard, shards);
    ck_assert_str_eq(again, folder->name);
    free(name), free(again);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("batch");
    TCase *cases = tcase_create("batch");
    tcase_add_loop_test(cases, slurm_says_what_a_task_has, 0, JOBS);
    tcase_add_loop_test(cases, a_lock_of_one_machine, 0, MOUNTS);
    tcase_add_loop_test(cases, names_of_shards, 0, FOLDERS);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
