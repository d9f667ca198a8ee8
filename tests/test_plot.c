/* Pictures of made results: scripts are written, stand alone, run without a word from gnuplot, and no text of a user is executed. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "plot/page.h"
#include "plot/plot.h"
#include "plot/render.h"
#include "scratch.h"
#include "synthetic.h"
#include "suite.h"

static bool have_gnuplot(void)
{
    static int known = -1;
    if (known < 0)
        known = system("gnuplot --version >/dev/null 2>&1") == 0;
    return known;
}

static void draw(const char *folder, const char *const *overrides, const struct nl_plot_options *options, struct nl_text *report)
{
    struct nl_experiment experiment;
    struct nl_error err = {{0}};
    struct nl_plot_options how = *options;
    how.report = report;
    if (!have_gnuplot())
        how.svg = how.png = how.pdf = how.text = false;
    synthetic_load(folder, overrides, &experiment);
    ck_assert_msg(nl_plot(folder, &experiment, NULL, &how, &err) == NL_OK, "%s", err.text);
}

static char *read_plot(const char *folder, const char *name)
{
    struct nl_error err = {{0}};
    char *path = nl_format("%s/plots/%s", folder, name);
    char *text = nl_file_read(path, NULL, &err);
    ck_assert_msg(text != NULL, "%s", err.text);
    free(path);
    return text;
}

static int render(const char *folder, struct nl_error *err)
{
    return nl_render(folder, "x", "svg", 600, NULL, NULL, err);
}

/* Tests change them, and each shall find them as they were. */
static char *path_before, *home_before;

static void keep_environment(void)
{
    path_before = nl_strdup(getenv("PATH"));
    home_before = nl_strdup(getenv("HOME") ? getenv("HOME") : "/");
}

static void restore_environment(void)
{
    setenv("PATH", path_before, 1);
    setenv("HOME", home_before, 1);
    free(path_before);
    free(home_before);
}

/* A gnuplot of the test's own, the first of PATH. */
static void put_gnuplot(const char *folder, const char *script)
{
    struct nl_error err;
    char *program = nl_path_join(folder, "gnuplot"), *path = nl_format("%s:/usr/bin:/bin", folder);
    ck_assert(nl_file_write(program, script, strlen(script), &err) == NL_OK && chmod(program, 0755) == 0);
    setenv("PATH", path, 1);
    free(path);
    free(program);
}

static void expect_file(const char *folder, const char *name, const char *content)
{
    struct nl_error err = {{0}};
    char *path = nl_path_join(folder, name), *text = nl_file_read(path, NULL, &err);
    ck_assert_msg(text != NULL, "%s", err.text);
    ck_assert_str_eq(text, content);
    free(text);
    free(path);
}

/* Every kind on every kind of trouble: gnuplot has nothing to say about any. */
START_TEST(every_picture_is_drawn)
{
    static const struct synthetic cases[] = {
        {.seeds = 3}, {.seeds = 1}, {.seeds = 4, .ln_diverged = 2}, {.seeds = 2, .gap = true}, {.seeds = 2, .all_diverged = true},
    };
    static const char *const kinds[] = {"small_batch", "lr_tolerance", "curves", "heatmap"};
    struct synthetic made = cases[_i / 4];
    made.kind = kinds[_i % 4];
    char *folder = synthetic_make(&made);
    struct nl_text report = {0};
    draw(folder, NULL, &(struct nl_plot_options){.svg = true}, &report);
    char *wanted = nl_format("plots/%s.gp", made.kind);
    ck_assert_msg(strstr(report.at, wanted) && strstr(report.at, "plots/curves.gp"), "%s", report.at);
    free(wanted);
    char *script = nl_format("%s.gp", made.kind), *text = read_plot(folder, script);
    ck_assert(strstr(text, "nan") == NULL && strstr(text, "inf") == NULL);
    ck_assert(strstr(text, made.seeds > 1 ? " seeds" : "One seed: no interval") != NULL);
    free(text);
    free(script);
    nl_text_release(&report);
    synthetic_remove(folder);
}
END_TEST

START_TEST(every_format_is_drawn)
{
    if (!have_gnuplot()) {
        puts("skipped: gnuplot is not installed");
        return;
    }
    char *folder = synthetic_make(&(struct synthetic){.kind = "lr_tolerance", .seeds = 2});
    struct nl_text report = {0};
    draw(folder, NULL, &(struct nl_plot_options){.svg = true, .png = true, .pdf = true, .text = true}, &report);
    char *png = read_plot(folder, "lr_tolerance.png"), *pdf = read_plot(folder, "lr_tolerance.pdf"), *svg = read_plot(folder, "lr_tolerance.svg");
    ck_assert(memcmp(png, "\x89PNG", 4) == 0);
    const unsigned char *size = (const unsigned char *)png + 16; /* 8.6 cm at 300 dots an inch */
    ck_assert_int_eq(size[2] * 256 + size[3], 1016);
    ck_assert(memcmp(pdf, "%PDF", 4) == 0);
    ck_assert(strstr(svg, "width=\"325\"") != NULL); /* 8.6 cm at 96 */
    ck_assert(strstr(report.at, "learning rate") != NULL); /* the drawing in characters */
    char *by_hand = nl_format("cd %s/plots && rm *.svg && LC_ALL=C.UTF-8 gnuplot lr_tolerance.gp", folder);
    ck_assert_int_eq(system(by_hand), 0);
    free(by_hand);
    by_hand = read_plot(folder, "lr_tolerance.svg");
    ck_assert_str_eq(by_hand, svg);
    free(by_hand);
    free(png);
    free(pdf);
    free(svg);
    nl_text_release(&report);
    synthetic_remove(folder);
}
END_TEST

START_TEST(no_text_is_executed)
{
    static const char *const overrides[] = {"plot.title='a `touch pwned` 'b' \"c\" @d _e^{f} $g <i> \\n \\",
                                            "plot.protocol='x'`touch pwned`; !touch pwned\"; system('touch pwned')", NULL};
    char *folder = synthetic_make(&(struct synthetic){.kind = "small_batch", .seeds = 2});
    struct nl_text report = {0};
    draw(folder, overrides, &(struct nl_plot_options){.svg = true}, &report);
    char *path = nl_format("%s/plots/pwned", folder);
    ck_assert(!nl_file_exists(path) && !nl_file_exists("pwned"));
    free(path);
    if (have_gnuplot()) {
        char *svg = read_plot(folder, "small_batch.svg");
        ck_assert(strstr(svg, ">'a `touch pwned` 'b' &quot;c&quot; @d _e^{f} $g &lt;i&gt; \\n \\<") ||
                  strstr(svg, ">'a `touch pwned` 'b' \"c\" @d _e^{f} $g &lt;i> \\n \\<"));
        free(svg);
    }
    nl_text_release(&report);
    synthetic_remove(folder);

    struct nl_text script = {0};
    nl_page_quote(&script, "it's `x`\n\"q\"");
    ck_assert_str_eq(script.at, "\"it's \\140x\\140 \\042q\\042\"");
    nl_text_release(&script);
    nl_page_comment(&script, "a\\\n`b`");
    ck_assert_str_eq(script.at, "# a   b \n");
    nl_text_release(&script);
}
END_TEST

START_TEST(an_arm_keeps_its_colour)
{
    char *folder = synthetic_make(&(struct synthetic){.kind = "small_batch", .seeds = 2});
    static const char *const overrides[] = {"plot.order=none,ln,bn", "plot.ymin=0.5", "plot.ymax=40", NULL};
    struct nl_text report = {0};
    draw(folder, overrides, &(struct nl_plot_options){.svg = true}, &report);
    char *script = read_plot(folder, "small_batch.gp");
    ck_assert(strstr(script, "set style line 1 linecolor rgb '#000000'") != NULL); /* none, first by plot.order */
    ck_assert(strstr(script, "set style line 2 linecolor rgb '#0072b2'") != NULL);
    ck_assert(strstr(script, "set style line 3 linecolor rgb '#d55e00'") != NULL);
    ck_assert(strstr(script, "set yrange [0.5:40]") != NULL);
    ck_assert(strstr(script, "BN, precise") && strstr(script, "BN, batch"));
    free(script);
    script = read_plot(folder, "curves.gp");
    ck_assert(strstr(script, "linecolor rgb '#d55e00'") != NULL);
    free(script);
    nl_text_release(&report);
    synthetic_remove(folder);
}
END_TEST

/* Above the highest end of an interval are the counts of failed runs, in no bar's way. */
START_TEST(intervals_end_below_the_counts)
{
    char *folder = synthetic_make(&(struct synthetic){.kind = "small_batch", .seeds = 2, .ln_diverged = 1});
    struct nl_text report = {0};
    draw(folder, (const char *const[]){"plot.level=0.998", NULL}, &(struct nl_plot_options){.svg = true}, &report);
    char *script = read_plot(folder, "small_batch.gp");
    ck_assert(strstr(script, "$failed") != NULL);
    double highest = 0, mean = 0, top = 0;
    for (const char *block = script; (block = strstr(block, "$mean")) && strncmp(block + strcspn(block, " "), " << EOD", 7) == 0; block++)
        for (const char *row = strchr(block, '\n') + 1; *row == ' '; row = strchr(row, '\n') + 1) {
            double value, upper;
            ck_assert_int_eq(sscanf(row, "%*f %lf %*f %lf", &value, &upper), 2);
            mean = fmax(mean, value);
            highest = fmax(highest, upper);
        }
    ck_assert_int_eq(sscanf(strstr(script, "set yrange ["), "set yrange [%*[^:]:%lf]", &top), 1);
    ck_assert_msg(mean > 20 && highest > 1.1 * mean && top > 1.05 * highest, "mean %g, interval to %g, axis to %g", mean, highest, top);
    free(script);
    nl_text_release(&report);
    synthetic_remove(folder);
}
END_TEST

START_TEST(references_are_labelled)
{
    char *folder = synthetic_make(&(struct synthetic){.kind = "small_batch", .seeds = 2, .ghost = true});
    struct nl_text report = {0};
    draw(folder, NULL, &(struct nl_plot_options){.svg = true}, &report);
    char *script = read_plot(folder, "small_batch.gp");
    ck_assert(strstr(script, "\"LN (reference)\"") && strstr(script, "norm.stat_batch does not apply"));
    free(script);
    nl_text_release(&report);
    synthetic_remove(folder);
}
END_TEST

START_TEST(what_is_not_there_is_said)
{
    char *folder = synthetic_make(&(struct synthetic){.kind = "heatmap", .seeds = 2});
    struct nl_text report = {0};
    static const char *const validation[] = {"plot.metric=val_error", NULL};
    draw(folder, validation, &(struct nl_plot_options){0}, &report);
    ck_assert_msg(strstr(report.at, "heatmap is not drawn: plot.metric was not evaluated") != NULL, "%s", report.at);
    ck_assert_msg(strstr(report.at, "curves is not drawn: curves.csv has no validation error") != NULL, "%s", report.at);
    nl_text_release(&report);

    struct nl_experiment experiment;
    struct nl_error err = {{0}};
    static const char *const crooked[] = {"plot.ymin=low", NULL};
    synthetic_load(folder, crooked, &experiment);
    ck_assert_int_eq(nl_plot(folder, &experiment, NULL, &(struct nl_plot_options){0}, &err), NL_FAIL);
    ck_assert_str_eq(err.text, "plot.ymin is 'low': a number is expected, or auto");
    static const char *const seconds[] = {"plot.x=seconds", NULL};
    draw(folder, seconds, &(struct nl_plot_options){.svg = true}, &report);
    nl_text_release(&report);
    synthetic_remove(folder);

    folder = synthetic_make(&(struct synthetic){.kind = "lr_tolerance", .seeds = 2, .zero_rate = true});
    draw(folder, NULL, &(struct nl_plot_options){.svg = true}, &report);
    ck_assert_msg(strstr(report.at, "lr_tolerance is not drawn: one of the rates is 0") != NULL, "%s", report.at);
    nl_text_release(&report);
    synthetic_remove(folder);
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
    ck_assert_msg(strstr(err.text, "gnuplot is not installed; install the package 'gnuplot-nox'") != NULL, "%s", err.text);
    unlink(path);
    free(path);
    ck_assert_int_eq(rmdir(folder), 0);
    free(folder);
}
END_TEST

/* Neither what a user's own settings do, nor what fontconfig says of a cache that it cannot write (a container without a HOME), is a failure. */
START_TEST(a_users_home_draws_nothing)
{
    char *folder = scratch_make();
    struct nl_error err = {{0}};
    char *script = nl_path_join(folder, "x.gp"), *settings = nl_path_join(folder, ".gnuplot");
    static const char picture[] = "set terminal svg\nplot x\n", loud[] = "print 'hello'\n",
                      fontless[] = "#!/bin/sh\necho 'Fontconfig error: No writable cache directories' >&2\necho '</svg>'\n",
                      warned[] = "#!/bin/sh\necho 'Fontconfig error: No writable cache directories' >&2\necho warning: odd >&2\necho '</svg>'\n";
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
    } pictures[] = {{"svg", "<svg><g/>", "</svg>\\n"}, {"png", "\\211PNG", "\\0\\0\\0\\0IEND\\256B\\140\\202"}, {"pdf", "%%PDF-1.5", "%%%%EOF\\n"}};
    char *folder = scratch_make();
    for (int i = 0; i < 3; i++) {
        struct nl_error err = {{0}};
        char *name = nl_format("x.%s", pictures[i].format), *old = nl_path_join(folder, name);
        char *half = nl_format("#!/bin/sh\nprintf '%s'\n", pictures[i].half), *whole = nl_format("%sprintf '%s'\n", half, pictures[i].rest);
        ck_assert_int_eq(nl_file_write(old, "old", 3, &err), NL_OK);
        put_gnuplot(folder, half);
        ck_assert_int_eq(nl_render(folder, "x", pictures[i].format, 600, NULL, NULL, &err), NL_FAIL);
        char *message = nl_format("gnuplot wrote only a part of the picture '%s' and gave no reason", old);
        ck_assert_str_eq(err.text, message);
        expect_file(folder, name, "old");
        put_gnuplot(folder, whole);
        ck_assert_msg(nl_render(folder, "x", pictures[i].format, 600, NULL, NULL, &err) == NL_OK, "%s", err.text);
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

/* A gnuplot that would never end is killed with what it started, which holds the pipe `alive` open for as long as it lives. */
START_TEST(an_endless_gnuplot_is_killed)
{
    static atomic_int stop = 1;
    static const struct {
        const char *script, *error;
        double seconds;
        atomic_int *stop;
    } endless[] = {{"sleep 100000 & wait\n", "it was not done after 0.1 s, and was killed", 0.1, NULL},
                   {"exec >/dev/null 2>&1; sleep 100000 & wait\n", "it was not done after 0.1 s, and was killed", 0.1, NULL},
                   {"sleep 100000 & yes >&2\n", "it printed more than 1.0 MiB, and was killed", 1e6, NULL},
                   {"sleep 100000 & yes\n", "it printed more than 64 MiB, and was killed", 1e6, NULL},
                   {"sleep 100000 & wait\n", "interrupted", 1e6, &stop}};
    char *folder = scratch_make();
    for (size_t i = 0; i < sizeof endless / sizeof *endless; i++) {
        struct nl_error err = {{0}};
        char *script = nl_format("#!/bin/sh\n%s", endless[i].script), *message = nl_format("gnuplot failed on '%s/x.gp': %s", folder, endless[i].error);
        int alive[2];
        char byte;
        put_gnuplot(folder, script);
        ck_assert_int_eq(pipe(alive), 0);
        ck_assert_int_eq(nl_render(folder, "x", "svg", endless[i].seconds, endless[i].stop, NULL, &err), NL_FAIL);
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
    Suite *suite = suite_create("plot");
    TCase *tests = tcase_create("plot");
    tcase_add_checked_fixture(tests, keep_environment, restore_environment);
    tcase_add_loop_test(tests, every_picture_is_drawn, 0, 20);
    tcase_add_test(tests, every_format_is_drawn);
    tcase_add_test(tests, no_text_is_executed);
    tcase_add_test(tests, an_arm_keeps_its_colour);
    tcase_add_test(tests, intervals_end_below_the_counts);
    tcase_add_test(tests, references_are_labelled);
    tcase_add_test(tests, what_is_not_there_is_said);
    tcase_add_test(tests, gnuplot_failures_are_errors);
    tcase_add_test(tests, a_users_home_draws_nothing);
    tcase_add_test(tests, half_a_picture_is_none);
    tcase_add_test(tests, no_program_of_the_results_is_run);
    tcase_add_test(tests, an_endless_gnuplot_is_killed);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
