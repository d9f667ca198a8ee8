/* The gnuplot that draws: its failures are errors. Nothing of it outlives the command. It runs neither files beside the
 * scripts nor the user's settings. */
#include "drawing.h"
#include "suite.h"

/* What fc-match says of the font is what the user is told. */
START_TEST(a_font_that_is_not_there_is_said)
{
    char *folder = scratch_make(), *program = nl_path_join(folder, "fc-match");
    struct nl_error err;
    static const char script[] = "#!/bin/sh\nprintf Other\n";
    ck_assert(nl_file_write(program, script, strlen(script), &err) == NL_OK && chmod(program, 0755) == 0);
    put_gnuplot(folder, "#!/bin/sh\necho '</svg>'\n");
    char *results = synthetic_make(&(struct synthetic){.kind = "curves", .seeds = 2});
    static const char *const fonts[] = {"plot.font=Missing", "plot.font=other", "plot.font=Helvetica"};
    for (int i = 0; i < 3; i++) {
        struct nl_experiment experiment;
        struct nl_text report = {0};
        synthetic_load(results, (const char *const[]){fonts[i], NULL}, &experiment);
        ck_assert_msg(nl_plot(results, &experiment, NULL, &(struct nl_plot_options){.svg = true, .report = &report},
                              &err) == NL_OK,
                      "%s", err.text);
        ck_assert_msg((strstr(report.at, "plot.font: 'Missing' is not installed, and drawn as 'Other'\n") != NULL) ==
                          (i == 0),
                      "%s", report.at);
        nl_text_release(&report);
    }
    synthetic_remove(results);
    free(program);
    scratch_remove(folder);
}
END_TEST

START_TEST(gnuplot_failures_are_errors)
{
    char *folder = nl_strdup("/tmp/normlab_made_XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    struct nl_error err = {{0}};
    char *path = nl_path_join(folder, "x.gp");
    const struct {
        const char *script, *error;
    } bad[] = {{"plot nosuch(x)\n", "undefined"}, {"exit status 3\n", "exit code 3"}, {"x = 1\n", "wrote no picture"}};
    for (size_t i = 0; have_gnuplot() && i < sizeof bad / sizeof *bad; i++) {
        ck_assert_int_eq(nl_file_write(path, bad[i].script, strlen(bad[i].script), &err), NL_OK);
        ck_assert_int_eq(render(folder, &err), NL_FAIL);
        ck_assert_msg(strstr(err.text, bad[i].error) != NULL, "'%s' does not say '%s'", err.text, bad[i].error);
    }
    setenv("PATH", "/nowhere", 1);
    ck_assert_int_eq(render(folder, &err), NL_FAIL);
    ck_assert_msg(strstr(err.text, "gnuplot is not installed; install the package 'gnuplot-nox'") != NULL, "%s",
                  err.text);
    unlink(path);
    free(path);
    ck_assert_int_eq(rmdir(folder), 0);
    free(folder);
}
END_TEST

/* Neither what a user's own settings do, nor what fontconfig says of a cache that it cannot write (a container without
 * a HOME), is a failure. */
START_TEST(a_users_home_draws_nothing)
{
    char *folder = scratch_make();
    struct nl_error err = {{0}};
    char *script = nl_path_join(folder, "x.gp"), *settings = nl_path_join(folder, ".gnuplot");
    static const char picture
        [] = "set terminal svg\nplot x\n",
 loud[] = "print 'hello'\n",
 fontless[] = "#!/bin/sh\necho 'Fontconfig error: No writable cache directories' >&2\necho '</svg>'\n",
 warned[] =
        "#!/bin/sh\necho 'Fontconfig error: No writable cache directories' >&2\necho warning: odd >&2\necho '</svg>'\n";
    ck_assert_int_eq(nl_file_write(script, picture, strlen(picture), &err), NL_OK);
    ck_assert_int_eq(nl_file_write(settings, loud, strlen(loud), &err), NL_OK);
    setenv("HOME", folder, 1);
    if (have_gnuplot())
        ck_assert_msg(render(folder, &err) == NL_OK, "%s", err.text);
    put_gnuplot(folder, fontless);
    ck_assert_msg(render(folder, &err) == NL_OK, "%s", err.text);
    put_gnuplot(folder, warned);
    ck_assert_int_eq(render(folder, &err), NL_FAIL);
    ck_assert_msg(strstr(err.text, "(exit code 0): warning: odd\n") != NULL, "%s", err.text);
    free(script);
    free(settings);
    scratch_remove(folder);
}
END_TEST

/* What gnuplot had not drawn to the end gets no name, and the picture of before keeps its own. */
START_TEST(half_a_picture_is_none)
{
    static const struct {
        const char *format, *half, *rest;
    } pictures[] = {{"svg", "<svg><g/>", "</svg>\\n"},
                    {"png", "\\211PNG", "\\0\\0\\0\\0IEND\\256B\\140\\202"},
                    {"pdf", "%%PDF-1.5", "%%%%EOF\\n"}};
    char *folder = scratch_make();
    for (int i = 0; i < 3; i++) {
        struct nl_error err = {{0}};
        char *name = nl_format("x.%s", pictures[i].format), *old = nl_path_join(folder, name);
        char *half = nl_format("#!/bin/sh\nprintf '%s'\n", pictures[i].half),
             *whole = nl_format("%sprintf '%s'\n", half, pictures[i].rest);
        ck_assert_int_eq(nl_file_write(old, "old", 3, &err), NL_OK);
        put_gnuplot(folder, half);
        ck_assert_int_eq(nl_render(folder, "x", pictures[i].format, 600, NULL, NULL, NULL, &err), NL_FAIL);
        char *message = nl_format("gnuplot wrote only a part of the picture '%s' and gave no reason", old);
        ck_assert_str_eq(err.text, message);
        expect_file(folder, name, "old");
        put_gnuplot(folder, whole);
        ck_assert_msg(nl_render(folder, "x", pictures[i].format, 600, NULL, NULL, NULL, &err) == NL_OK, "%s", err.text);
        free(message);
        free(whole);
        free(half);
        free(old);
        free(name);
    }
    scratch_remove(folder);
}
END_TEST

/* gnuplot runs where the scripts are: what is there by its name is not run, however PATH comes to say so. */
START_TEST(no_program_of_the_results_is_run)
{
    char *folder = scratch_make(), *plots = nl_path_join(folder, "plots");
    struct nl_error err = {{0}};
    ck_assert_int_eq(nl_make_folder(plots, &err), NL_OK);
    put_gnuplot(plots, "#!/bin/sh\ntouch pwned\n");
    put_gnuplot(folder, "#!/bin/sh\necho '</svg>'\n");
    static const char *const relative[] = {".:", ":", "plots:", "./:../plots::"};
    for (int i = 0; i < 4; i++) {
        char *path = nl_format("%s%s:/usr/bin:/bin", relative[i], folder), *pwned = nl_path_join(plots, "pwned");
        setenv("PATH", path, 1);
        ck_assert_msg(render(plots, &err) == NL_OK, "%s", err.text);
        ck_assert(!nl_file_exists(pwned));
        free(pwned);
        free(path);
    }
    setenv("PATH", ".:", 1);
    ck_assert_int_eq(render(plots, &err), NL_FAIL);
    ck_assert_msg(strstr(err.text, "gnuplot is not installed") != NULL, "%s", err.text);
    free(plots);
    scratch_remove(folder);
}
END_TEST

/* A gnuplot that would never end is killed with what it started, which holds the pipe `alive` open for as long as it
 * lives. */
START_TEST(an_endless_gnuplot_is_killed)
{
    static atomic_int stop = 1;
    static const struct {
        const char *script, *error;
        double seconds;
        atomic_int *stop;
    } endless[] = {
        {"sleep 100000 & wait\n", "it ran for more than 0.1 s and was killed", 0.1, NULL},
        {"exec >/dev/null 2>&1; sleep 100000 & wait\n", "it ran for more than 0.1 s and was killed", 0.1, NULL},
        {"sleep 100000 & yes >&2\n", "it printed more than 1.0 MiB and was killed", 1e6, NULL},
        {"sleep 100000 & yes\n", "it printed more than 64 MiB and was killed", 1e6, NULL},
        {"sleep 100000 & wait\n", "interrupted", 1e6, &stop}};
    char *folder = scratch_make();
    for (size_t i = 0; i < sizeof endless / sizeof *endless; i++) {
        struct nl_error err = {{0}};
        char *script = nl_format("#!/bin/sh\n%s", endless[i].script),
             *message = nl_format("gnuplot failed on '%s/x.gp': %s", folder, endless[i].error);
        int alive[2];
        char byte;
        put_gnuplot(folder, script);
        ck_assert_int_eq(pipe(alive), 0);
        ck_assert_int_eq(nl_render(folder, "x", "svg", endless[i].seconds, endless[i].stop, NULL, NULL, &err), NL_FAIL);
        ck_assert_str_eq(err.text, message);
        close(alive[1]);
        ck_assert_int_eq(read(alive[0], &byte, 1), 0);
        close(alive[0]);
        free(message);
        free(script);
    }
    scratch_remove(folder);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gnuplot");
    TCase *tests = tcase_create("gnuplot");
    tcase_add_checked_fixture(tests, keep_environment, restore_environment);
    tcase_add_test(tests, a_font_that_is_not_there_is_said);
    tcase_add_test(tests, gnuplot_failures_are_errors);
    tcase_add_test(tests, a_users_home_draws_nothing);
    tcase_add_test(tests, half_a_picture_is_none);
    tcase_add_test(tests, no_program_of_the_results_is_run);
    tcase_add_test(tests, an_endless_gnuplot_is_killed);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
