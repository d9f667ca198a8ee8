/* The architecture as a test: every stage includes only itself and the stages before it, CUDA stays in the backend, and
 * core never prints or exits by itself. */
#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "suite.h"

static const char *const stages[] = {"base",  "formula", "norm",   "operation", "optimizer", "backend",
                                     "graph", "config",  "data",   "model",     "train",     "stats",
                                     "sweep", "import",  "claims", "plot",      "report",    NULL};

static int stage_index(const char *name, size_t length)
{
    for (int i = 0; stages[i]; i++)
        if (strlen(stages[i]) == length && strncmp(stages[i], name, length) == 0)
            return i;
    return -1;
}

struct tally {
    int files, includes, violations;
};

/* A normalizer's source may name the operation that computes it; its headers stay what operations are made with. */
static int last_known(const char *path, int stage)
{
    bool names_operation = strcmp(stages[stage], "norm") == 0 && path[strlen(path) - 1] == 'c';
    return names_operation ? stage_index("operation", strlen("operation")) : stage;
}

/* A way that all values of a choice take which the switch does not name. Characters, numbers and what libraries count
 * have no compiler's warning to fall back on. */
static bool is_catch_all(const char *path, const char *line)
{
    static const char *const others[] = {"base/escape.c", "config/yaml.c"};
    bool other = strstr(line, "NL_BUG");
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        other |= strstr(path, others[i]) != NULL;
    return !other && strncmp(line + strspn(line, " "), "default:", strlen("default:")) == 0;
}

static void check_line(const char *path, int stage, const char *line, struct tally *tally)
{
    const char *quoted = strstr(line, "#include \"");
    if (quoted) {
        const char *target = quoted + strlen("#include \""), *slash = strchr(target, '/');
        int used = slash ? stage_index(target, (size_t)(slash - target)) : -1;
        tally->includes++;
        if (slash && (used < 0 || used > last_known(path, stage))) {
            tally->violations++;
            fprintf(stderr, "%s includes %.*s\n", path, (int)strcspn(target, "\""), target);
        }
    }
    if (strstr(line, "cuda") && strstr(line, "#include") && strcmp(stages[stage], "backend") != 0) {
        tally->violations++;
        fprintf(stderr, "%s knows CUDA: %s", path, line);
    }
    if (strstr(line, "nl_kernel nl_cpu_") == line + strlen("const struct ")) {
        tally->violations++;
        fprintf(stderr, "%s has a kernel that no table lists, for want of NL_CPU_KERNEL: %s", path, line);
    }
    if (is_catch_all(path, line)) {
        tally->violations++;
        fprintf(
            stderr,
            "%s has a `default:`, by which a new value of an enumeration takes the way of another: list the values\n",
            path);
    }
    if (strcmp(stages[stage], "base") != 0 && (strstr(line, " exit(") || strstr(line, " printf("))) {
        tally->violations++;
        fprintf(stderr, "%s prints or exits: %s", path, line);
    }
}

static void check_file(const char *path, int stage, struct tally *tally)
{
    FILE *file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    char line[4096];
    while (fgets(line, sizeof line, file))
        check_line(path, stage, line, tally);
    fclose(file);
    tally->files++;
}

static void check_folder(const char *folder, int stage, struct tally *tally)
{
    DIR *entries = opendir(folder);
    if (!entries)
        return; /* a stage that is not there yet */
    for (struct dirent *entry; (entry = readdir(entries));) {
        char path[4096];
        const char *ending = strrchr(entry->d_name, '.');
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (entry->d_name[0] == '.')
            continue;
        if (!ending)
            check_folder(path, stage, tally);
        else if (!strcmp(ending, ".c") || !strcmp(ending, ".h") || !strcmp(ending, ".cu") || !strcmp(ending, ".cuh"))
            check_file(path, stage, tally);
    }
    closedir(entries);
}

START_TEST(stages_know_only_earlier_ones)
{
    struct tally tally = {0};
    for (int i = 0; stages[i]; i++) {
        char folder[4096];
        snprintf(folder, sizeof folder, "%s/core/%s", NORMLAB_SOURCE_DIR, stages[i]);
        check_folder(folder, i, &tally);
    }
    ck_assert_int_gt(tally.files, 40);
    ck_assert_int_gt(tally.includes, 100);
    ck_assert_int_eq(tally.violations, 0);
}
END_TEST

START_TEST(the_check_sees_a_violation)
{
    struct tally tally = {0};
    check_line("core/base/x.c", 0, "#include \"train/train.h\"\n", &tally);
    check_line("core/backend/cpu/x.c", stage_index("backend", strlen("backend")), "#include \"config/config.h\"\n",
               &tally);
    check_line("core/sweep/x.c", 8, "#include <cuda_runtime.h>\n", &tally);
    check_line("core/sweep/x.c", 8, "    exit(1);\n", &tally);
    check_line("core/backend/cpu/x.c", 5, "const struct nl_kernel nl_cpu_x = {0};\n", &tally);
    check_line("core/train/x.c", 7, "    default:\n", &tally);
    ck_assert_int_eq(tally.violations, 6);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("layers");
    TCase *cases = tcase_create("layers");
    tcase_add_test(cases, stages_know_only_earlier_ones);
    tcase_add_test(cases, the_check_sees_a_violation);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
