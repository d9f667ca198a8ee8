/* For tests: pictures of made results, and gnuplots of the test's own. */
#ifndef TESTS_DRAWING_H
#define TESTS_DRAWING_H

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "plot/page.h"
#include "plot/plot.h"
#include "plot/render.h"
#include "plot/ruler.h"
#include "plot/screen.h"
#include "scratch.h"
#include "synthetic.h"

static inline bool have_gnuplot(void)
{
    static int known = -1;
    if (known < 0)
        known = system("gnuplot --version >/dev/null 2>&1") == 0;
    return known;
}

static inline void draw(const char *folder, const char *const *overrides, const struct nl_plot_options *options,
                        struct nl_text *report)
{
    struct nl_experiment experiment;
    struct nl_error err = {{0}};
    struct nl_plot_options how = *options;
    how.report = report;
    if (!have_gnuplot())
        how.svg = how.png = how.pdf = false, how.screen = NULL;
    synthetic_load(folder, overrides, &experiment);
    ck_assert_msg(nl_plot(folder, &experiment, NULL, &how, &err) == NL_OK, "%s", err.text);
}

static inline char *read_plot(const char *folder, const char *name)
{
    struct nl_error err = {{0}};
    char *path = nl_format("%s/plots/%s", folder, name);
    char *text = nl_file_read(path, NULL, &err);
    ck_assert_msg(text != NULL, "%s", err.text);
    free(path);
    return text;
}

/* A file that is drawn of the results tests/golden/pictures/NAME, which stay as they are. */
static inline char *draw_golden(const char *name, const char *const *overrides, const char *file)
{
    char *results = nl_format("%s/tests/golden/pictures/%s", NORMLAB_SOURCE_DIR, name),
         *folder = nl_strdup("/tmp/normlab_made_XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    char *out = nl_path_join(folder, "plots");
    struct nl_text left_out = {0};
    draw(results, overrides, &(struct nl_plot_options){.out = out, .left_out = &left_out}, NULL);
    ck_assert_msg(left_out.length == 0, "%s", left_out.at);
    char *text = read_plot(folder, file);
    synthetic_remove(folder);
    free(out);
    free(results);
    return text;
}

static inline int render(const char *folder, struct nl_error *err)
{
    return nl_render(folder, "x", "svg", 600, NULL, NULL, NULL, err);
}

/* Tests change them, and each shall find them as they were. */
static char *path_before, *home_before;

static inline void keep_environment(void)
{
    path_before = nl_strdup(getenv("PATH"));
    home_before = nl_strdup(getenv("HOME") ? getenv("HOME") : "/");
}

static inline void restore_environment(void)
{
    setenv("PATH", path_before, 1);
    setenv("HOME", home_before, 1);
    free(path_before);
    free(home_before);
}

/* A gnuplot of the test's own, the first of PATH. */
static inline void put_gnuplot(const char *folder, const char *script)
{
    struct nl_error err;
    char *program = nl_path_join(folder, "gnuplot"), *path = nl_format("%s:/usr/bin:/bin", folder);
    ck_assert(nl_file_write(program, script, strlen(script), &err) == NL_OK && chmod(program, 0755) == 0);
    setenv("PATH", path, 1);
    free(path);
    free(program);
}

static inline void expect_file(const char *folder, const char *name, const char *content)
{
    struct nl_error err = {{0}};
    char *path = nl_path_join(folder, name), *text = nl_file_read(path, NULL, &err);
    ck_assert_msg(text != NULL, "%s", err.text);
    ck_assert_str_eq(text, content);
    free(text);
    free(path);
}

#endif
