/* Pictures of made results: scripts are written, stand alone, run without a word from gnuplot, and no text of a user is executed. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "plot/page.h"
#include "plot/plot.h"
#include "plot/render.h"
#include "plot/ruler.h"
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
    static const char *const kinds[] = {"small_batch", "lr_tolerance", "curves", "heatmap", "figure", "steps"};
    struct synthetic made = cases[_i / 6];
    made.kind = kinds[_i % 6];
    char *folder = synthetic_make(&made);
    struct nl_text report = {0};
    draw(folder, NULL, &(struct nl_plot_options){.svg = true}, &report);
    char *wanted = nl_format("plots/%s.gp", made.kind);
    ck_assert_msg(strstr(report.at, wanted) && strstr(report.at, "plots/curves.gp"), "%s", report.at);
    free(wanted);
    char *script = nl_format("%s.gp", made.kind), *text = read_plot(folder, script);
    ck_assert(strstr(text, "nan") == NULL && strstr(text, "inf") == NULL);
    free(text);
    free(script);
    script = nl_format("%s.txt", made.kind);
    text = read_plot(folder, script);
    ck_assert_msg(strstr(text, made.seeds > 1 ? " seeds" : "One seed: no interval") != NULL, "%s", text);
    ck_assert_int_eq(strstr(text, "No run has a value.") != NULL, made.all_diverged && strcmp(made.kind, "curves") == 0);
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
    ck_assert(strstr(report.at, "learning rate") && strstr(report.at, "test error (%)")); /* the drawing in characters */
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
    static const char *const overrides[] = {"plot.title='a `touch pwned` 'b' \"c\" @d _e^{f} $g <i> ]]> \\n \\",
                                            "plot.protocol='x'`touch pwned`; !touch pwned\"; system('touch pwned')", NULL};
    char *folder = synthetic_make(&(struct synthetic){.kind = "small_batch", .seeds = 2});
    struct nl_text report = {0};
    draw(folder, overrides, &(struct nl_plot_options){.svg = true}, &report);
    char *path = nl_format("%s/plots/pwned", folder);
    ck_assert(!nl_file_exists(path) && !nl_file_exists("pwned"));
    free(path);
    if (have_gnuplot()) {
        char *svg = read_plot(folder, "small_batch.svg");
        ck_assert(strstr(svg, ">'a `touch pwned` 'b' &quot;c&quot; @d _e^{f} $g &lt;i&gt; ]]&gt; \\n \\<") ||
                  strstr(svg, ">'a `touch pwned` 'b' \"c\" @d _e^{f} $g &lt;i> ]]&gt; \\n \\<"));
        free(svg);
    }
    nl_text_release(&report);
    synthetic_remove(folder);

    struct nl_text script = {0};
    nl_page_quote(&script, "it's `x`\n\"q\"");
    ck_assert_str_eq(script.at, "\"it's \\140x\\140 \\042q\\042\"");
    nl_text_release(&script);
    nl_page_comment(&script, "", "a\\\n`b`");
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

/* The script of a kind of picture of made results. */
static char *script_of(const struct synthetic *made, const char *const *overrides, const char *name)
{
    char *folder = synthetic_make(made), *file = nl_format("%s.gp", name);
    struct nl_text report = {0};
    draw(folder, overrides, &(struct nl_plot_options){.svg = true}, &report);
    char *script = read_plot(folder, file);
    nl_text_release(&report);
    free(file);
    synthetic_remove(folder);
    return script;
}

/* How often `what` stands in the text. */
static int count(const char *text, const char *what)
{
    int found = 0;
    for (; (text = strstr(text, what)); text += strlen(what))
        found++;
    return found;
}

/* Above the panel, in a row of its method: how many, where. */
START_TEST(failed_runs_are_counted_above)
{
    char *script = script_of(&(struct synthetic){.kind = "small_batch", .seeds = 4, .ln_diverged = 2}, NULL, "small_batch");
    ck_assert(strstr(script, "$failed1 << EOD\n 2 1 2 29362\nEOD\n") != NULL); /* batch 2, the first row, 2 runs, LN's colour */
    free(script);
    script = script_of(&(struct synthetic){.kind = "lr_tolerance", .seeds = 2}, NULL, "lr_tolerance");
    ck_assert(strstr(script, "$failed1 << EOD\n 1 2 2 29362\n 1 1 2 0\nEOD\n") != NULL); /* LN's row is above that of none */
    free(script);
}
END_TEST

/* A bar is solid whatever the dash of its line, and has no ends that look like another sign. */
START_TEST(bars_are_solid)
{
    char *script = script_of(&(struct synthetic){.kind = "small_batch", .seeds = 5}, NULL, "small_batch");
    int bars = 0;
    for (char *at = script; (at = strstr(at, "with vectors nohead")); at++, bars++)
        ck_assert(strcspn(at, "\n") < strlen(at) && strncmp(strstr(at, "linestyle") + 11, " notitle", 8) == 0);
    ck_assert_int_eq(bars, 5); /* BN in three ways, LN, none */
    ck_assert(strstr(script, "with lines linestyle 2 dashtype 2") != NULL && strstr(script, "errorbars") == NULL);
    free(script);
}
END_TEST

START_TEST(few_seeds_are_drawn_singly)
{
    for (int seeds = 4; seeds <= 5; seeds++) {
        char *script = script_of(&(struct synthetic){.kind = "curves", .seeds = seeds}, NULL, "curves");
        ck_assert_int_eq(strstr(script, "filledcurves") != NULL, seeds == 5);
        ck_assert_int_eq(strstr(script, "$seeds1_1 << EOD") != NULL, seeds == 4);
        free(script);
    }
}
END_TEST

/* All runs are at 50 % error by step 20 but for two of LN at batch 2, which diverged: they are censored at the 7040 updates that they were given. */
START_TEST(runs_on_their_way_are_steps)
{
    static const char *const one[] = {"plot.facet=none", NULL};
    char *folder = synthetic_make(&(struct synthetic){.kind = "steps", .seeds = 5, .ln_diverged = 2});
    struct nl_text report = {0};
    draw(folder, NULL, &(struct nl_plot_options){.svg = true}, &report);
    char *script = read_plot(folder, "steps.gp"), *caption = read_plot(folder, "steps.txt");
    const char *line = strstr(script, "$line2_2 << EOD\n");
    double there[7], end[7];
    ck_assert(line && strstr(script, "\nset logscale x") && strstr(script, "$median2_2 << EOD\n 20 50\n") && strstr(script, "$line2_2 using 1:2 with steps"));
    ck_assert_int_eq(sscanf(line, "%*[^\n] %*[^\n] %lf %lf %lf %lf %lf %lf %lf %lf %lf %lf %lf %lf %lf %lf", &there[0], &there[1], &there[2], &there[3], &there[4], &there[5],
                            &there[6], &end[0], &end[1], &end[2], &end[3], &end[4], &end[5], &end[6]), 14);
    ck_assert(there[0] == 20 && there[4] == 5 && there[5] == 3 && there[6] == 0 && end[0] == 7040 && end[4] == 2 && end[5] == 0 && end[6] == 2);
    double z = 1.959963984540054, half = z * sqrt(3.0 / (5 * 2)) / -log(0.4); /* one term of Greenwood's sum */
    ck_assert_double_eq_tol(there[1], 40.0, 1e-9);
    ck_assert_double_eq_tol(there[2], 100.0 * pow(0.4, exp(half)), 1e-9);
    ck_assert_double_eq_tol(there[3], 100.0 * pow(0.4, exp(-half)), 1e-9);
    ck_assert_int_eq(count(script, "$band"), 2); /* a block, and where it is drawn: other curves are at 0 or 1 */
    ck_assert_msg(strstr(caption, "not yet at a test error of 50 % (product-limit") && strstr(caption, "(2 of 30; 2 diverged)"), "%s", caption);
    free(script);
    free(caption);
    draw(folder, one, &(struct nl_plot_options){.svg = true}, &report);
    script = read_plot(folder, "steps.gp");
    caption = read_plot(folder, "steps.txt");
    ck_assert(count(script, " with steps ") == 6 && !strstr(script, "$band") && strstr(caption, "too many for bands"));
    free(script);
    free(caption);
    nl_text_release(&report);
    synthetic_remove(folder);

    script = script_of(&(struct synthetic){.kind = "steps", .seeds = 4}, NULL, "steps"); /* all at 20 */
    ck_assert(strstr(script, "unset logscale x") && strstr(script, "set xrange [0:") && !strstr(script, "$band"));
    free(script);
}
END_TEST

/* The last window of a training curve, of 3 steps, goes into the one before, of 10: 1 - error of bn is near 0.95 there. */
START_TEST(a_short_window_is_no_spike)
{
    static const char *const overrides[] = {"plot.metric=train_accuracy", NULL};
    char *script = script_of(&(struct synthetic){.kind = "curves", .seeds = 1, .short_end = true}, overrides, "curves");
    double x = 0, value = 0;
    const char *block = strstr(script, "$line1_1 << EOD\n"), *end = strstr(block, "\nEOD");
    while (end[-1] != '\n')
        end--;
    ck_assert_int_eq(sscanf(end, "%lf %lf", &x, &value), 2);
    ck_assert_double_eq_tol(x, 5.15, 1e-9);
    ck_assert_double_eq_tol(value, 100.0 * (10 * 0.96 + 3 * 0.0) / 13, 1.0);
    free(script);
}
END_TEST

/* Accuracies are never on a logarithmic axis, and an axis that the user begins at 0 begins there. */
START_TEST(axes_are_as_they_must_be)
{
    const struct synthetic made = {.kind = "small_batch", .seeds = 5, .ln_diverged = 5};
    static const char *const accuracy[] = {"plot.metric=test_accuracy", NULL}, *const zero[] = {"plot.ymin=0", NULL}, *const on[] = {"plot.ylog=on", NULL},
                             *const off[] = {"plot.ylog=off", "plot.ymax=60", NULL};
    const struct {
        const char *const *overrides;
        const char *there;
    } cases[] = {{NULL, "\nset logscale y\n"}, {on, "\nset logscale y\n"}, {accuracy, "unset logscale y\n"}, {zero, "unset logscale y\nset yrange [0:"},
                 {off, ":60]\n"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *script = script_of(&made, cases[i].overrides, "small_batch");
        ck_assert_msg(strstr(script, cases[i].there) != NULL, "case %zu lacks '%s'", i, cases[i].there);
        free(script);
    }
}
END_TEST

/* Any key of the sweep is an axis, a colour or a panel; a method to which the panels' key does not apply stands in all of them. */
START_TEST(keys_are_dealt_out)
{
    static const char *const facet[] = {"plot.kind=figure", "plot.x=norm.kind", "plot.facet=norm.stat_batch", "plot.mark=bars", "plot.labels=bn=Batch norm", NULL};
    char *script = script_of(&(struct synthetic){.kind = "small_batch", .seeds = 2, .ghost = true}, facet, "figure");
    ck_assert_int_eq(count(script, "# panel "), 2);
    ck_assert(strstr(script, "samples sharing statistics 64") && strstr(script, "\"Batch norm\" 0, \"LN\" 1, \"no norm\" 2") && strstr(script, "with boxxyerror"));
    const char *second = strstr(script, "$mean2_1 << EOD\n");
    ck_assert(second && count(second, "\n ") >= 3 && strstr(second, "\n 1 ") && strstr(second, "\n 2 "));
    free(script);

    static const char *const colour[] = {"plot.kind=figure", "plot.x=train.batch", "plot.colour=train.lr", "plot.colours=0.1=#123456", "plot.legend=right", NULL};
    script = script_of(&(struct synthetic){.kind = "heatmap", .seeds = 2}, colour, "figure");
    ck_assert_int_eq(count(script, "# panel "), 3);
    ck_assert(strstr(script, "# panel 1: BN\n") && strstr(script, "\"learning rate 0.01\"") && strstr(script, "'#123456'"));
    free(script);

    static const char *const heat[] = {"plot.x=norm.kind", "plot.y=train.lr", NULL};
    script = script_of(&(struct synthetic){.kind = "heatmap", .seeds = 2}, heat, "heatmap");
    ck_assert(strstr(script, "# panel 1: batch size 64\n") && strstr(script, "\"BN\" 0, \"LN\" 1, \"no norm\" 2"));
    ck_assert(strstr(script, "$best1 << EOD\n") && strstr(script, "set logscale cb") && strstr(script, " 3.0 "));
    free(script);
}
END_TEST

/* plot.width and plot.height are those of the file, for every kind of picture. */
START_TEST(sizes_are_those_of_the_file)
{
    static const char *const overrides[] = {"plot.kind=small_batch,lr_tolerance,curves,heatmap,figure,steps", "plot.width=12", "plot.height=9", "plot.dpi=100", NULL},
                             *const names[] = {"small_batch.png", "lr_tolerance.png", "curves.png", "heatmap.png", "figure.png", "steps.png"};
    if (!have_gnuplot()) {
        puts("skipped: gnuplot is not installed");
        return;
    }
    char *folder = synthetic_make(&(struct synthetic){.kind = "heatmap", .seeds = 2, .ln_diverged = 1});
    struct nl_text report = {0};
    draw(folder, overrides, &(struct nl_plot_options){.png = true}, &report);
    for (int i = 0; i < 6; i++) {
        char *png = read_plot(folder, names[i]);
        const unsigned char *size = (const unsigned char *)png + 16;
        ck_assert_int_eq(size[2] * 256 + size[3], 472); /* 12 cm at 100 dots an inch */
        ck_assert_int_eq(size[6] * 256 + size[7], 354);
        free(png);
    }
    nl_text_release(&report);
    synthetic_remove(folder);
}
END_TEST

/* A page of 8.4 x 5 cm with two rows of legend: the axes take 60 % of it. */
START_TEST(axes_take_most_of_the_page)
{
    static const char *const overrides[] = {"plot.width=8.4", "plot.height=5", NULL};
    char *script = script_of(&(struct synthetic){.kind = "small_batch", .seeds = 5}, overrides, "small_batch");
    double left, right, bottom, top;
    const char *at = strstr(script, "set lmargin at screen");
    ck_assert_int_eq(sscanf(at, "set lmargin at screen %lf; set rmargin at screen %lf; set bmargin at screen %lf; set tmargin at screen %lf", &left, &right,
                            &bottom, &top), 4);
    ck_assert_msg((right - left) * (top - bottom) >= 0.6, "%g of the page", (right - left) * (top - bottom));
    free(script);
}
END_TEST

START_TEST(captions_stand_where_they_are_wanted)
{
    static const char *const values[] = {"plot.caption=file", "plot.caption=picture", "plot.caption=both", "plot.caption=none"};
    char *folder = synthetic_make(&(struct synthetic){.kind = "small_batch", .seeds = 2});
    char *text = nl_format("%s/plots/small_batch.txt", folder), *latex = nl_format("%s/plots/small_batch.tex", folder);
    for (int i = 0; i < 4; i++) {
        struct nl_text report = {0};
        unlink(text);
        unlink(latex);
        draw(folder, (const char *const[]){values[i], "plot.protocol=50 % of_all", NULL}, &(struct nl_plot_options){0}, &report);
        bool beside = i == 0 || i == 2, inside = i == 1 || i == 2;
        char *script = read_plot(folder, "small_batch.gp");
        ck_assert_int_eq(strstr(script, "50 % of_all.") != NULL, inside);
        ck_assert_int_eq(nl_file_exists(text), beside);
        ck_assert_int_eq(nl_file_exists(latex), beside);
        free(script);
        nl_text_release(&report);
    }
    struct nl_text report = {0};
    draw(folder, (const char *const[]){"plot.protocol=50 % of_all", NULL}, &(struct nl_plot_options){0}, &report);
    char *plain = read_plot(folder, "small_batch.txt"), *escaped = read_plot(folder, "small_batch.tex");
    ck_assert(strstr(plain, " Protocol: 50 % of_all.\n") && strstr(escaped, "\\caption{Mean of 2 seeds with its 95 \\% CI") && strstr(escaped, " Protocol: 50 \\% of\\_all.}\n"));
    free(plain);
    free(escaped);
    nl_text_release(&report);
    free(text);
    free(latex);
    synthetic_remove(folder);
}
END_TEST

/* Where a page has no room for the panels, some are drawn, evenly over the values, and that is said; where it has room for none, it is an error. */
START_TEST(small_pages_hold_few_panels)
{
    char *folder = synthetic_make(&(struct synthetic){.kind = "heatmap", .seeds = 2});
    struct nl_text report = {0};
    draw(folder, (const char *const[]){"plot.kind=curves", "plot.width=6", "plot.height=4", NULL}, &(struct nl_plot_options){0}, &report);
    char *caption = read_plot(folder, "curves.txt");
    ck_assert_msg(strstr(report.at, "curves: 2 of 6 panels are drawn, evenly over the values; plot.facet") != NULL, "%s", report.at);
    ck_assert_msg(strstr(caption, "2 of 6 panels are shown") != NULL, "%s", caption);
    free(caption);
    nl_text_release(&report);
    struct nl_experiment experiment;
    struct nl_error err = {{0}};
    synthetic_load(folder, (const char *const[]){"plot.width=4", "plot.height=3", "plot.font_size=30", NULL}, &experiment);
    ck_assert_int_eq(nl_plot(folder, &experiment, NULL, &(struct nl_plot_options){0}, &err), NL_FAIL);
    ck_assert_msg(strstr(err.text, "has no room for its panels on 4 x 3 cm") != NULL, "%s", err.text);
    synthetic_remove(folder);
}
END_TEST

/* Values that differ by rounding alone are one value; ticks come to an end. */
START_TEST(rulers_have_few_ticks)
{
    static const double ends[][2] = {{90.0, 90.0 + 1e-13}, {0, 0}, {1e-9, 1e9}, {3, 4}, {-5, 1e6}, {1e-300, 2e-300}};
    struct nl_experiment experiment = {0};
    nl_config_defaults(&experiment.config);
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        for (int log = 0; log < 2; log++) {
            struct nl_ruler ruler = {0};
            struct nl_span span = {0};
            nl_span_add(&span, ends[i][0]);
            nl_span_add(&span, ends[i][1]);
            experiment.config.plot.ylog = log ? NL_SWITCH_ON : NL_SWITCH_OFF;
            ck_assert_int_eq(nl_ruler_fit(&ruler, &span, &(struct nl_measure){.scale = 1.0}, false, &experiment.config, NULL), NL_OK);
            nl_ruler_ticks(&ruler, 100, 20);
            int labels = 0;
            for (int k = 0; k < ruler.ticks; k++)
                labels += ruler.tick[k].label != NULL;
            ck_assert_msg(labels >= 1 && labels <= 9 && ruler.ticks < 100, "case %zu: %d labels, %d ticks", i, labels, ruler.ticks);
            ck_assert(nl_ruler_place(&ruler, fmax(ends[i][1], 1e-300)) <= 1.0);
            nl_ruler_release(&ruler);
        }
}
END_TEST

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
        ck_assert_msg(nl_plot(results, &experiment, NULL, &(struct nl_plot_options){.svg = true, .report = &report}, &err) == NL_OK, "%s", err.text);
        ck_assert_msg((strstr(report.at, "plot.font: 'Missing' is not installed, and drawn as 'Other'\n") != NULL) == (i == 0), "%s", report.at);
        nl_text_release(&report);
    }
    synthetic_remove(results);
    free(program);
    scratch_remove(folder);
}
END_TEST

START_TEST(references_are_labelled)
{
    char *folder = synthetic_make(&(struct synthetic){.kind = "small_batch", .seeds = 2, .ghost = true});
    struct nl_text report = {0};
    draw(folder, NULL, &(struct nl_plot_options){.svg = true}, &report);
    char *script = read_plot(folder, "small_batch.gp"), *caption = read_plot(folder, "small_batch.txt");
    ck_assert(strstr(script, "\"LN (reference)\"") && strstr(caption, "norm.stat_batch does not apply"));
    free(caption);
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
    tcase_add_loop_test(tests, every_picture_is_drawn, 0, 30);
    tcase_add_test(tests, every_format_is_drawn);
    tcase_add_test(tests, no_text_is_executed);
    tcase_add_test(tests, an_arm_keeps_its_colour);
    tcase_add_test(tests, failed_runs_are_counted_above);
    tcase_add_test(tests, bars_are_solid);
    tcase_add_test(tests, few_seeds_are_drawn_singly);
    tcase_add_test(tests, runs_on_their_way_are_steps);
    tcase_add_test(tests, a_short_window_is_no_spike);
    tcase_add_test(tests, axes_are_as_they_must_be);
    tcase_add_test(tests, keys_are_dealt_out);
    tcase_add_test(tests, sizes_are_those_of_the_file);
    tcase_add_test(tests, axes_take_most_of_the_page);
    tcase_add_test(tests, captions_stand_where_they_are_wanted);
    tcase_add_test(tests, small_pages_hold_few_panels);
    tcase_add_test(tests, rulers_have_few_ticks);
    tcase_add_test(tests, a_font_that_is_not_there_is_said);
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
