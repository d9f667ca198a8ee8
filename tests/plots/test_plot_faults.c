/* Faults that pictures once had, each with what shows in the script when it returns. No gnuplot is needed. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "plot/page.h"
#include "plot/plot.h"
#include "suite.h"
#include "synthetic.h"

/* What was drawn of made results: a script, its caption, and the lengths of its page in points. */
struct picture {
    char *script, *caption;
    double width, height;
};

static struct picture draw(const struct synthetic *made, const char *const *overrides, const char *name)
{
    struct picture out = {0};
    struct nl_experiment experiment;
    struct nl_error err = {{0}};
    char *folder = synthetic_make(made), *script = nl_format("%s/plots/%s.gp", folder, name),
         *caption = nl_format("%s/plots/%s.txt", folder, name);
    synthetic_load(folder, overrides, &experiment);
    ck_assert_msg(nl_plot(folder, &experiment, NULL, &(struct nl_plot_options){0}, &err) == NL_OK, "%s", err.text);
    out.script = nl_file_read(script, NULL, &err);
    out.caption = nl_file_read(caption, NULL, &err);
    ck_assert_msg(out.script && out.caption, "%s", err.text);
    ck_assert_int_eq(sscanf(strstr(out.script, "pdfcairo noenhanced size"), "pdfcairo noenhanced size %lfcm,%lfcm",
                            &out.width, &out.height),
                     2);
    out.width *= 72 / 2.54;
    out.height *= 72 / 2.54;
    free(script);
    free(caption);
    synthetic_remove(folder);
    return out;
}

static void release(struct picture *picture)
{
    free(picture->script);
    free(picture->caption);
}

enum { MOST_PANELS = 16 };

/* The boxes of the axes, in parts of the page; how many. */
static int panels_of(const char *script, struct nl_box *out)
{
    int count = 0;
    for (const char *at = script; (at = strstr(at, "\n# panel ")); at++) {
        const char *end = strstr(at + 1, "\n# panel ");
        ck_assert_int_lt(count, MOST_PANELS);
        for (const char *line = at; (line = strstr(line, "\nset lmargin")) && (!end || line < end); line++)
            ck_assert_int_eq(sscanf(line,
                                    "\nset lmargin at screen %lf; set rmargin at screen %lf; set bmargin at screen "
                                    "%lf; set tmargin at screen %lf",
                                    &out[count].left, &out[count].right, &out[count].bottom, &out[count].top),
                             4);
        count++;
    }
    return count;
}

/* The next label that stands so: its text, place and size. NULL: there is none. */
static const char *next_label(const char *from, const char *how, char text[256], double *x, double *y, double *size)
{
    char stands[64];
    for (; (from = strstr(from, "set label \"")); from++)
        if (sscanf(from, "set label \"%255[^\"]\" at screen %lf, screen %lf %63[^,]noenhanced font", text, x, y,
                   stands) == 4 &&
            strncmp(stands, how, strlen(how)) == 0 &&
            sscanf(strstr(from, "sprintf('"), "sprintf(',%%.3g', %lf", size) == 1)
            return from + 1;
    return NULL;
}

static const char *block(const struct picture *picture, const char *name)
{
    char *begin = nl_format("\n%s << EOD\n", name);
    const char *at = strstr(picture->script, begin);
    ck_assert_msg(at != NULL, "no %s", name);
    at += strlen(begin);
    free(begin);
    return at;
}

/* Where all methods have one value, 0 in particular, none hides another. */
START_TEST(methods_stand_side_by_side)
{
    struct picture picture = draw(&(struct synthetic){.kind = "small_batch", .seeds = 2}, NULL, "small_batch");
    double x[5], value[5];
    for (int i = 0; i < 5; i++) {
        char *name = nl_format("$mean1_%d", i + 1);
        ck_assert_int_eq(sscanf(block(&picture, name), "%lf %lf", &x[i], &value[i]), 2);
        free(name);
    }
    for (int i = 1; i < 5; i++)
        ck_assert(fabs(x[i] - x[i - 1]) > 0.01 * x[0]);
    release(&picture);
}
END_TEST

/* Where all runs of a method diverged its line goes up to chance, and the strip counts them. */
START_TEST(lines_go_on_where_all_runs_diverged)
{
    struct picture picture =
        draw(&(struct synthetic){.kind = "small_batch", .seeds = 5, .ln_diverged = 5}, NULL, "small_batch");
    double x, value;
    ck_assert_int_eq(sscanf(block(&picture, "$mean1_4"), "%lf %lf", &x, &value),
                     2); /* LN, after BN in its three ways */
    ck_assert(x < 4 && fabs(value - 90.0) < 1e-9);
    ck_assert(strstr(picture.script, "\n 2 1 5 29362\n") &&
              strstr(picture.caption, "A diverged run counts at chance."));
    release(&picture);
}
END_TEST

/* t intervals of three seeds that differ much do not stretch a logarithmic axis: they end in an arrow, and the caption
 * says so. */
START_TEST(long_intervals_end_in_arrows)
{
    for (int spread = 0; spread < 2; spread++) {
        struct picture picture =
            draw(&(struct synthetic){.kind = "small_batch", .seeds = 3, .spread = spread}, NULL, "small_batch");
        if (spread) { /* values go from 0.5 to 30 % */
            double low, high;
            ck_assert_int_eq(sscanf(strstr(picture.script, "\nset logscale y\nset yrange ["),
                                    "\nset logscale y\nset yrange [%lf:%lf]", &low, &high),
                             2);
            ck_assert_msg(low > 0.3 && high < 60, "%g to %g", low, high);
        }
        ck_assert_int_eq(strstr(picture.script, "$2 > floor ? $2 : NaN):(0):(floor - $2) with vectors filled") != NULL,
                         spread);
        ck_assert_int_eq(strstr(picture.script, "$2 < top ? $2 : NaN):(0):(top - $2) with vectors filled") != NULL,
                         spread);
        ck_assert_int_eq(strstr(picture.caption, "Arrows: intervals that reach beyond the y axis.") != NULL, spread);
        release(&picture);
    }
}
END_TEST

/* All panels of a page are of one size, whether they stand in the last row, have failed runs, or a longer title. */
START_TEST(panels_are_of_one_size)
{
    static const char *const curves[] = {"plot.labels=2=the smallest of the batches that this sweep knows",
                                         "plot.kind=curves", NULL};
    struct picture picture =
        draw(&(struct synthetic){.kind = "heatmap", .seeds = 2, .ln_diverged = 1}, curves, "curves");
    struct nl_box box[MOST_PANELS];
    int panels = panels_of(picture.script, box);
    ck_assert_int_eq(panels, 6);
    for (int i = 1; i < panels; i++)
        ck_assert(fabs(box[i].top - box[i].bottom - box[0].top + box[0].bottom) < 3e-4 &&
                  fabs(box[i].right - box[i].left - box[0].right + box[0].left) < 3e-4);
    release(&picture);
}
END_TEST

/* Less than a third of the places of a page is empty. */
START_TEST(pages_are_filled)
{
    struct nl_experiment experiment = {0};
    nl_config_defaults(&experiment.config);
    for (int size = 0; size < 3; size++)
        for (int panels = 1; panels <= MOST_PANELS; panels++) {
            struct nl_page page = {.name = "x", .about = "", .experiment = &experiment};
            experiment.config.plot.width = size == 0 ? NL_AUTO : size == 1 ? 8.4 : 25.4;
            experiment.config.plot.height = size < 2 ? NL_AUTO : 14.3;
            nl_page_open(&page, panels, 1.25);
            int places = page.columns * page.rows;
            ck_assert_msg(places >= panels && 3 * (places - panels) < places, "%d panels in %d x %d", panels,
                          page.columns, page.rows);
            nl_page_release(&page);
        }
}
END_TEST

/* Titles of panels are broken into lines as wide as the panel, above it and below the panel over it, and name no key of
 * the configuration. */
START_TEST(titles_stand_apart)
{
    static const char *const overrides[] = {
        "plot.labels=0.01=the smallest learning rate that was tried here, 2=two samples alone in every batch",
        "plot.width=8.4", "plot.height=16", "plot.kind=curves", NULL};
    struct picture picture = draw(&(struct synthetic){.kind = "heatmap", .seeds = 2}, overrides, "curves");
    struct nl_box box[MOST_PANELS];
    int panels = panels_of(picture.script, box), titles = 0;
    char text[256];
    double x, y, size;
    ck_assert_int_ge(panels, 4);
    for (const char *at = strstr(picture.script, "\n# panel 1"); (at = next_label(at, "center ", text, &x, &y, &size));
         titles++) {
        double half = 0.57 * size * strlen(text) / picture.width / 2, rise = size / picture.height / 2;
        bool above = false;
        for (int i = 0; i < panels; i++) {
            bool over = x > box[i].left && x < box[i].right;
            above = above || (over && x - half > box[i].left - 0.01 && x + half < box[i].right + 0.01);
            ck_assert_msg(!over || y - rise > box[i].top || y + rise < box[i].bottom, "'%s' stands in panel %d", text,
                          i + 1);
        }
        ck_assert_msg(above && !strstr(text, "train.") && !strstr(text, "norm."), "'%s' is wider than its panel", text);
    }
    ck_assert_int_gt(titles, panels); /* some are of several lines */
    release(&picture);
}
END_TEST

/* Labels along the page end before its edges, however low it is. */
START_TEST(upright_labels_are_whole)
{
    enum { KINDS = NL_PLOT_PLANE + 1 };
    static const char *const heights[] = {"plot.height=auto", "plot.height=3.5"}, *const metrics[] = {
                                                                                      "plot.metric=train_loss",
                                                                                      "plot.metric=train_accuracy"};
    for (int i = 0; i < 4 * KINDS; i++) {
        const char *kind = nl_plot_names[i % KINDS], *made = i % KINDS < 2 ? kind : "heatmap";
        char *wanted = nl_format("plot.kind=%s", kind);
        struct picture picture = draw(&(struct synthetic){.kind = made, .seeds = 2},
                                      (const char *const[]){wanted, metrics[i / KINDS % 2], heights[i / (2 * KINDS)],
                                                            "plot.legend=none", "plot.facet=none", NULL},
                                      kind);
        free(wanted);
        char text[256];
        double x, y, size;
        int labels = 0;
        for (const char *at = picture.script; (at = next_label(at, "center rotate by 90", text, &x, &y, &size));
             labels++) {
            double half = nl_text_width(text, size) / 2;
            ck_assert_msg(y * picture.height - half > -1.0 && y * picture.height + half < picture.height + 1.0,
                          "%s: '%s' is cut", kind, text);
        }
        ck_assert_int_ge(labels, 1);
        release(&picture);
    }
}
END_TEST

/* Where the height is free the page is as high as a long label needs. */
START_TEST(pages_grow_with_their_labels)
{
    static const char *const overrides[] = {"plot.y=test_error_precise", "plot.width=17", NULL};
    struct picture picture = draw(&(struct synthetic){.kind = "heatmap", .seeds = 2}, overrides, "heatmap");
    char text[256];
    double x, y, size;
    const char *at = strstr(picture.script, "# the scale of colours");
    ck_assert(next_label(at, "center rotate by 90", text, &x, &y, &size));
    ck_assert_str_eq(text, "test error, precise statistics (%)");
    ck_assert_double_eq(size, 8.0);
    release(&picture);
}
END_TEST

/* Light is good, evenly in lightness, and the scale is logarithmic: cells of good errors are no single black. */
START_TEST(heat_maps_tell_good_cells_apart)
{
    struct picture picture = draw(&(struct synthetic){.kind = "heatmap", .seeds = 2}, NULL, "heatmap");
    ck_assert(strstr(picture.script, "set palette defined (0 '#fde725', 1 '#addc30'") &&
              strstr(picture.script, "8 '#440154')") && strstr(picture.script, "set logscale cb"));
    ck_assert(strstr(picture.script, " 3.0 ") && strstr(picture.script, "\n$best1 << EOD\n") &&
              strstr(picture.caption, "Frame: the best mean of a panel, or all that tie"));
    release(&picture);
    static const char *const accuracy[] = {"plot.metric=test_accuracy", NULL};
    picture = draw(&(struct synthetic){.kind = "heatmap", .seeds = 2}, accuracy, "heatmap");
    ck_assert(strstr(picture.script, "set palette defined (0 '#440154'") &&
              strstr(picture.script, "unset logscale cb"));
    release(&picture);
}
END_TEST

/* Frames tie as means do: all of the same mean are framed, and none where no cell has another one. */
START_TEST(frames_of_heat_maps_tie)
{
    struct picture picture = draw(&(struct synthetic){.kind = "heatmap", .seeds = 2, .equal = true}, NULL, "heatmap");
    ck_assert(strstr(picture.script, "\n$cell1 << EOD\n") && !strstr(picture.script, "$best") &&
              !strstr(picture.caption, "Frame"));
    release(&picture);
    static const char *const by_batch[] = {"plot.x=norm.kind", "plot.metric=test_error", NULL};
    picture =
        draw(&(struct synthetic){.kind = "heatmap", .seeds = 2, .equal = true, .bn_worse = true}, by_batch, "heatmap");
    ck_assert_ptr_nonnull(strstr(picture.script, "\n$best1 << EOD\n1 0\n2 0\n0 1\n1 1\n2 1\nEOD\n"));
    release(&picture);
}
END_TEST

START_TEST(targets_that_order_nothing_are_said)
{
    static const char *const below[] = {"plot.kind=steps", "plot.metric=test_accuracy", "plot.target=5", NULL},
                             *const above[] = {"plot.kind=steps", "plot.metric=test_accuracy", "plot.target=50", NULL};
    struct picture picture = draw(&(struct synthetic){.kind = "small_batch", .seeds = 5}, below, "steps");
    ck_assert(strstr(picture.caption, "The target is no better than chance"));
    release(&picture);
    picture = draw(&(struct synthetic){.kind = "small_batch", .seeds = 5, .once = true}, above, "steps");
    ck_assert(strstr(picture.caption, "Every run reached the target by its first evaluation"));
    release(&picture);
    picture = draw(&(struct synthetic){.kind = "small_batch", .seeds = 5}, above, "steps");
    ck_assert(!strstr(picture.caption, "do not compare speeds"));
    release(&picture);
}
END_TEST

/* A cross of a run that diverged on its way stands in the strip, in the row of its method: never at a height of the y
 * axis. */
START_TEST(crosses_stand_in_the_strip)
{
    struct picture picture = draw(&(struct synthetic){.kind = "curves", .seeds = 5, .ln_diverged = 2}, NULL, "curves");
    const char *crosses = strstr(picture.script, "$failed2 << EOD\n 0.5 1 × 29362\n 0.5 1 × 29362\nEOD\n"),
               *range = strstr(picture.script, "set yrange [0.5:1.5]\nplot NaN");
    ck_assert(crosses && range && strstr(crosses, "$failed2 using 1:2:3:4 with labels"));
    ck_assert_ptr_null(strstr(strstr(crosses, "\nEOD\n"), "×"));
    release(&picture);
}
END_TEST

/* A legend never stands over the axes, at any place and size that is drawn. */
START_TEST(legends_stand_beside_the_axes)
{
    static const char *const places[] = {"plot.legend=above", "plot.legend=below", "plot.legend=right"},
                             *const sizes[][3] = {{"plot.width=8.4", "plot.height=auto", "plot.font_size=8"},
                                                  {"plot.width=7", "plot.height=6", "plot.font_size=8"},
                                                  {"plot.width=25.4", "plot.height=14.3", "plot.font_size=20"}};
    for (int i = 0; i < 9; i++) {
        const char *const *size_keys = sizes[i / 3];
        struct picture picture =
            draw(&(struct synthetic){.kind = "small_batch", .seeds = 2},
                 (const char *const[]){places[i % 3], size_keys[0], size_keys[1], size_keys[2], NULL}, "small_batch");
        struct nl_box box[MOST_PANELS];
        ck_assert_int_eq(panels_of(picture.script, box), 1);
        char text[256];
        double x, y, size;
        const char *at = strstr(picture.script, "# legend\n"), *end = strstr(picture.script, "# axis labels\n");
        int entries = 0;
        for (; (at = next_label(at, "left ", text, &x, &y, &size)) && at < end; entries++) {
            double half = size / picture.height / 2, sample = 2.9 * size / picture.width;
            bool over_x = x - sample < box[0].right && x + nl_text_width(text, size) / picture.width > box[0].left;
            ck_assert_msg(!over_x || y - half > box[0].top || y + half < box[0].bottom,
                          "'%s' stands over the axes with %s", text, places[i % 3]);
        }
        ck_assert_int_eq(entries, 5);
        release(&picture);
    }
}
END_TEST

/* On a slide lines and points grow with the font, once: points of an SVG do so by themselves. */
START_TEST(slides_have_lines_of_their_size)
{
    static const char *const sizes[] = {"plot.font_size=8", "plot.font_size=16"}, *const formats[] = {
                                                                                      "terminal svg",
                                                                                      "terminal pngcairo",
                                                                                      "terminal pdfcairo"};
    struct picture picture[2];
    for (int i = 0; i < 2; i++)
        picture[i] = draw(&(struct synthetic){.kind = "small_batch", .seeds = 2},
                          (const char *const[]){sizes[i], "plot.width=17", "plot.height=12", NULL}, "small_batch");
    for (int k = 0; k < 3; k++) {
        double line[2], point[2];
        for (int i = 0; i < 2; i++) {
            const char *at = strstr(picture[i].script, formats[k]);
            ck_assert_int_eq(sscanf(strstr(at, "linewidth"), "linewidth %lf", &line[i]), 1);
            ck_assert(k == 0 || sscanf(strstr(at, "pointscale"), "pointscale %lf", &point[i]) == 1);
        }
        ck_assert_double_eq_tol(line[1] / line[0], 2.0, 0.01);
        if (k > 0)
            ck_assert_double_eq_tol(point[1] / point[0], 2.0, 0.01);
    }
    for (int i = 0; i < 2; i++) {
        ck_assert(strstr(picture[i].script, "pointtype 7 pointsize 0.55\n")); /* for every format */
        release(&picture[i]);
    }
}
END_TEST

/* Of more panels than fit, those that are drawn go from the first value of a key to the last. */
START_TEST(panels_are_left_out_evenly)
{
    struct picture picture =
        draw(&(struct synthetic){.kind = "heatmap", .seeds = 2},
             (const char *const[]){"plot.kind=curves", "plot.width=6", "plot.height=4", NULL}, "curves");
    struct nl_box box[MOST_PANELS];
    ck_assert_int_eq(panels_of(picture.script, box), 2);
    ck_assert(strstr(picture.script, "learning rate 0.01\n") && strstr(picture.script, "learning rate 1\n"));
    release(&picture);
}
END_TEST

/* Words on an axis all stand there where they fit side by side, though the longest might not fit everywhere. */
START_TEST(words_are_not_left_out)
{
    static const char *const overrides[] = {"plot.x=norm.kind", "plot.mark=bars", "plot.facet=train.batch",
                                            "plot.width=7", NULL};
    struct picture picture = draw(&(struct synthetic){.kind = "figure", .seeds = 2}, overrides, "figure");
    ck_assert(strstr(picture.script, "norotate (\"BN\" 0, \"LN\" 1, \"no norm\" 2"));
    release(&picture);
}
END_TEST

/* A large page has no more labels on an axis than a reader needs. */
START_TEST(large_pages_have_few_labels)
{
    static const char *const overrides[] = {"plot.width=25", "plot.height=25", "plot.ylog=off", NULL};
    struct picture picture = draw(&(struct synthetic){.kind = "small_batch", .seeds = 2}, overrides, "small_batch");
    const char *ticks = strstr(picture.script, "set ytics "), *end = strstr(ticks, ") font");
    int labels = 0;
    for (; (ticks = strchr(ticks, '"')) && ticks < end; ticks++)
        labels++;
    ck_assert_msg(labels / 2 >= 3 && labels / 2 <= 11, "%d labels", labels / 2);
    release(&picture);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("plot_faults");
    TCase *tests = tcase_create("plot_faults");
    tcase_add_test(tests, methods_stand_side_by_side);
    tcase_add_test(tests, lines_go_on_where_all_runs_diverged);
    tcase_add_test(tests, long_intervals_end_in_arrows);
    tcase_add_test(tests, panels_are_of_one_size);
    tcase_add_test(tests, pages_are_filled);
    tcase_add_test(tests, titles_stand_apart);
    tcase_add_test(tests, upright_labels_are_whole);
    tcase_add_test(tests, pages_grow_with_their_labels);
    tcase_add_test(tests, heat_maps_tell_good_cells_apart);
    tcase_add_test(tests, frames_of_heat_maps_tie);
    tcase_add_test(tests, targets_that_order_nothing_are_said);
    tcase_add_test(tests, crosses_stand_in_the_strip);
    tcase_add_test(tests, legends_stand_beside_the_axes);
    tcase_add_test(tests, slides_have_lines_of_their_size);
    tcase_add_test(tests, panels_are_left_out_evenly);
    tcase_add_test(tests, words_are_not_left_out);
    tcase_add_test(tests, large_pages_have_few_labels);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
