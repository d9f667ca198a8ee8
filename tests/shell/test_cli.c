/* The program as a user sees it: commands with what they print, word for word, and their exit codes, in
 * tests/shell/cli/ *.txt.
 *
 *     == title of a case, which runs in a new, empty folder
 *     --- a.yaml
 *     norm: {kindd: bn}
 *     $ normlab check a.yaml
 *     > a line of stdout
 *     ! a line of stderr
 *     = 2                      (exit code; left out if 0)
 *
 * Files come before the commands; a case may have several of both. What is not the same twice is cut off with sed in
 * the command. In the files wrong_*.txt, a command that fails must leave every file as it was. NORMLAB_CLI_UPDATE=1
 * writes what the program says now into the files: look at the difference before committing it. An argument chooses
 * files: test_cli 'wrong_*'.
 */
#include <check.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/files.h"
#include "base/memory.h"
#include "scratch.h"
#include "suite.h"

static glob_t files;

/* Each line of a file after a mark. */
static void add_marked(struct nl_text *out, const char *path, char mark)
{
    struct nl_error err;
    char *text = nl_file_read(path, NULL, &err);
    ck_assert_msg(text != NULL, "%s", err.text);
    for (const char *line = text; *line;) {
        size_t length = strcspn(line, "\n");
        nl_text_add(out, "%c%s%.*s\n", mark, length ? " " : "", (int)length, line);
        line += length + (line[length] == '\n');
    }
    free(text);
}

/* Names, sizes and times of all that is in folder, beside our own; new string. */
static char *contents(const char *folder)
{
    char *command = nl_format("find '%s' -mindepth 1 ! -name '.std*' -printf '%%P %%s %%T@\\n' | sort", folder);
    FILE *pipe = popen(command, "r");
    ck_assert(pipe != NULL);
    struct nl_text out = {0};
    char part[4096];
    nl_text_add(&out, "%s", "");
    for (size_t bytes; (bytes = fread(part, 1, sizeof part, pipe)) > 0;)
        nl_text_add_bytes(&out, part, bytes);
    ck_assert_int_eq(pclose(pipe), 0);
    free(command);
    return out.at;
}

/* Runs `command` in folder and adds it and what came of it. */
static void add_run(struct nl_text *out, const char *folder, const char *command, bool harmless)
{
    char *before = harmless ? contents(folder) : NULL;
    char *program_folder = nl_path_folder(NORMLAB_PROGRAM);
    char *script = nl_format("cd '%s' && export PATH='%s':\"$PATH\" LC_ALL=C SOURCE='%s' && unset NORMLAB_DATA "
                             "XDG_DATA_HOME NORMLAB_MIRROR && export HOME=/nonexistent && { %s\n} "
                             ">.stdout 2>.stderr </dev/null",
                             folder, program_folder, NORMLAB_SOURCE_DIR, command);
    int status = system(script);
    ck_assert(WIFEXITED(status));
    char *output = nl_path_join(folder, ".stdout"), *errors = nl_path_join(folder, ".stderr");
    nl_text_add(out, "$ %s\n", command);
    add_marked(out, output, '>');
    add_marked(out, errors, '!');
    if (WEXITSTATUS(status))
        nl_text_add(out, "= %d\n", WEXITSTATUS(status));
    if (harmless && WEXITSTATUS(status)) {
        char *after = contents(folder);
        ck_assert_msg(strcmp(before, after) == 0, "%s\nfailed and changed files, before:\n%safter:\n%s", command,
                      before, after);
        free(after);
    }
    free(before);
    free(output);
    free(errors);
    free(script);
    free(program_folder);
}

/* Plays a case (its lines from "==" on) and adds it as it came out. harmless: what fails must leave files alone. */
static void play(struct nl_text *out, char *text, bool harmless)
{
    char *folder = scratch_make();
    FILE *file = NULL;
    for (char *line; (line = strsep(&text, "\n")) && (text || *line);) {
        if (file && strncmp(line, "--- ", 4) != 0 && strncmp(line, "$ ", 2) != 0) {
            fprintf(file, "%s\n", line);
            nl_text_add(out, "%s\n", line);
            continue;
        }
        if (file)
            fclose(file);
        file = NULL;
        if (strncmp(line, "--- ", 4) == 0) {
            char *path = nl_path_join(folder, line + 4);
            file = fopen(path, "w");
            ck_assert_msg(file != NULL, "%s", path);
            free(path);
            nl_text_add(out, "%s\n", line);
        } else if (strncmp(line, "$ ", 2) == 0) {
            add_run(out, folder, line + 2, harmless);
        } else if (*line != '>' && *line != '!' && *line != '=') {
            nl_text_add(out, "%s\n", line); /* a comment or an empty line between cases */
        } else if (strncmp(line, "==", 2) == 0) {
            nl_text_add(out, "%s\n", line);
        }
    }
    ck_assert_msg(file == NULL, "a case ends with a file, and no command");
    scratch_remove(folder);
}

START_TEST(test_cases)
{
    struct nl_error err;
    const char *path = files.gl_pathv[_i];
    char *text = nl_file_read(path, NULL, &err);
    ck_assert_msg(text != NULL, "%s", err.text);
    if (strstr(path, "/warnings"))
        unsetenv("NORMLAB_NO_WARNINGS");
    else
        setenv("NORMLAB_NO_WARNINGS", "1", 1); /* the runs of other cases are small, and not meant to show anything */
    struct nl_text whole = {0}, wrong = {0};
    int cases = 0;
    for (char *at = text; *at;) {
        char *next = strstr(at + 1, "\n== ");
        size_t length = next ? (size_t)(next + 1 - at) : strlen(at);
        char *expected = nl_format("%.*s", (int)length, at), *copy = nl_strdup(expected);
        struct nl_text actual = {0};
        play(&actual, copy, strstr(path, "/wrong_") != NULL);
        cases += strncmp(expected, "== ", 3) == 0;
        nl_text_add(&whole, "%s", actual.at);
        if (strcmp(actual.at, expected) != 0)
            nl_text_add(&wrong, "expected:\n%sfound:\n%s", expected, actual.at);
        nl_text_release(&actual);
        free(expected);
        free(copy);
        at += length;
    }
    ck_assert_msg(cases > 0, "%s: no cases", path);
    if (getenv("NORMLAB_CLI_UPDATE"))
        ck_assert_msg(nl_file_write(path, whole.at, whole.length, &err) == NL_OK, "%s", err.text);
    else
        ck_assert_msg(!wrong.at, "%s:\n%.6000s", path, wrong.at);
    nl_text_release(&whole);
    nl_text_release(&wrong);
    free(text);
}
END_TEST

int main(int argc, char **argv)
{
    char *pattern = nl_format("%s/shell/cli/%s.txt", NORMLAB_TESTS_DIR, argc > 1 ? argv[1] : "*");
    if (glob(pattern, 0, NULL, &files) != 0) {
        fprintf(stderr, "there is no %s\n", pattern);
        return 1;
    }
    Suite *suite = suite_create("cli");
    TCase *tests = tcase_create("cli");
    tcase_add_loop_test(tests, test_cases, 0, (int)files.gl_pathc);
    suite_add_tcase(suite, tests);
    int failed = run_suite(suite);
    globfree(&files);
    free(pattern);
    return failed;
}
