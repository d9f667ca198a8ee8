/* Pictures of made results: scripts are written, stand alone, run without a word from gnuplot, and no text of a user is
 * executed. */
#include "base/utf8.h"
#include "drawing.h"
#include "suite.h"

enum { KINDS = NL_PLOT_LANDSCAPE + 1 };

/* Every kind on every kind of trouble: gnuplot has nothing to say about any. */
START_TEST(every_picture_is_drawn)
{
    static const struct synthetic cases[] = {
        {.seeds = 3},
        {.seeds = 1},
        {.seeds = 4, .ln_diverged = 2},
        {.seeds = 2, .gap = true},
        {.seeds = 2, .all_diverged = true},
    };
    struct synthetic made = cases[_i / KINDS];
    made.kind = nl_plot_names[_i % KINDS];
    char *folder = synthetic_make(&made);
    struct nl_text report = {0};
    draw(folder, NULL, &(struct nl_plot_options){.svg = true}, &report);
    char *wanted = nl_format("plots/%s.gp", made.kind);
    ck_assert_msg(strstr(report.at, wanted), "%s", report.at);
    ck_assert_msg(strcmp(made.kind, "curves") == 0 || !strstr(report.at, "plots/curves.gp"), "%s", report.at);
    free(wanted);
    char *script = nl_format("%s.gp", made.kind), *text = read_plot(folder, script);
    ck_assert(strstr(text, "nan") == NULL && strstr(text, "inf") == NULL);
    free(text);
    free(script);
    script = nl_format("%s.txt", made.kind);
    text = read_plot(folder, script);
    ck_assert_msg(strstr(text, made.seeds > 1 ? " seeds" : "One seed: no interval") != NULL, "%s", text);
    ck_assert_int_eq(strstr(text, "No run has a value.") != NULL,
                     made.all_diverged && (strcmp(made.kind, "curves") == 0 || strcmp(made.kind, "depth") == 0));
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
    draw(folder, NULL, &(struct nl_plot_options){.svg = true, .png = true, .pdf = true}, &report);
    char *png = read_plot(folder, "lr_tolerance.png"), *pdf = read_plot(folder, "lr_tolerance.pdf"),
         *svg = read_plot(folder, "lr_tolerance.svg");
    ck_assert(memcmp(png, "\x89PNG", 4) == 0);
    const unsigned char *size = (const unsigned char *)png + 16; /* 8.6 cm at 300 dots an inch */
    ck_assert_int_eq(size[2] * 256 + size[3], 1016);
    ck_assert(memcmp(pdf, "%PDF", 4) == 0);
    ck_assert(strstr(svg, "width=\"325\"") != NULL); /* 8.6 cm at 96 */
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
                                            "plot.protocol='x'`touch pwned`; !touch pwned\"; system('touch pwned')",
                                            NULL};
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
    static const char *const overrides[] = {"plot.order=none,ln,bn", "plot.ymin=0.5", "plot.ymax=40",
                                            "plot.kind=small_batch,curves", NULL};
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

/* Every number of a script: with NORMLAB_SCRIPTS_WRITE set the kept ones are written anew, for somebody to look at. */
START_TEST(scripts_are_the_kept_ones)
{
    static const struct {
        const char *kept, *kind;
        struct synthetic made; /* of no seeds: the results tests/golden/pictures/KIND */
        const char *overrides[6];
    } cases[] = {
        {"small_batch", "small_batch", {.kind = "small_batch", .seeds = 3, .ln_diverged = 1}, {NULL}},
        {"lr_tolerance",
         "lr_tolerance",
         {.kind = "lr_tolerance", .seeds = 3},
         {"plot.title=Rates, that are tolerated", "plot.xlabel=Lernrate η `x`", "plot.ylabel="}},
        {"curves", "curves", {.kind = "curves", .seeds = 3}, {"plot.xlog=true"}},
        {"heatmap", "heatmap", {.kind = "heatmap", .seeds = 2}, {NULL}},
        {"figure", "figure", {.kind = "figure", .seeds = 3}, {"plot.facet=train.batch", "plot.x=norm.kind"}},
        {"own_x", "curves", {.kind = "curves", .seeds = 2, .stretch = 16}, {"plot.x=step", "plot.width=6"}},
        {"scatter", "figure", {.kind = "heatmap", .seeds = 3}, {"plot.kind=figure", "plot.x=train_error"}},
        {"steps", "steps", {.kind = "steps", .seeds = 3}, {NULL}},
        {"bars", "figure", {.kind = "figure", .seeds = 2, .gap = true}, {"plot.mark=bars", "plot.width=17"}},
        {"layers", "layers", {.kind = "layers", .seeds = 2, .ln_diverged = 1}, {NULL}},
        {"depth", "depth", {.kind = "depth", .seeds = 5, .ln_diverged = 1}, {NULL}},
        {"landscape", "landscape", {.kind = "landscape", .seeds = 2}, {NULL}},
        {"spectrum",
         "spectrum",
         {.kind = "landscape", .seeds = 2},
         {"plot.kind=spectrum", "plot.facet=none", "data.train=64", "train.schedule=constant"}},
        {"plane", "plane", {.kind = "landscape", .seeds = 2}, {"plot.kind=plane", "plot.step=40"}},
        {"signal", "signal_jacobian", {.kind = "depth", .seeds = 5}, {"plot.kind=signal", "log.layers=propagation"}},
        {"profiles", "profiles", {.kind = "tasks"}, {"plot.kind=profiles"}},
        {"best_of_k", "best_of_k", {.kind = "rates"}, {"plot.kind=best_of_k"}},
    };
    char *file = nl_format("%s.gp", cases[_i].kind),
         *script = cases[_i].made.seeds ? script_of(&cases[_i].made, cases[_i].overrides, cases[_i].kind)
                                        : draw_golden(cases[_i].made.kind, cases[_i].overrides, file),
         *path = nl_format("%s/tests/plots/scripts/%s.gp", NORMLAB_SOURCE_DIR, cases[_i].kept);
    struct nl_error err;
    size_t length;
    if (getenv("NORMLAB_SCRIPTS_WRITE"))
        ck_assert_msg(nl_file_write(path, script, strlen(script), &err) == NL_OK, "%s", err.text);
    char *kept = nl_file_read(path, &length, &err);
    ck_assert_msg(kept != NULL, "%s", err.text);
    const char *line = script, *other = kept;
    for (int number = 1; *line || *other; number++) {
        size_t ends = strcspn(line, "\n"), other_ends = strcspn(other, "\n");
        ck_assert_msg(ends == other_ends && memcmp(line, other, ends) == 0, "line %d of %s is\n%.*s\nnot\n%.*s", number,
                      path, (int)ends, line, (int)other_ends, other);
        line += ends + (line[ends] != 0), other += other_ends + (other[other_ends] != 0);
    }
    free(kept);
    free(path);
    free(script);
    free(file);
}
END_TEST

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
    char *script =
        script_of(&(struct synthetic){.kind = "small_batch", .seeds = 4, .ln_diverged = 2}, NULL, "small_batch");
    ck_assert(strstr(script, "$failed1 << EOD\n 2 1 2 29362\nEOD\n") !=
              NULL); /* batch 2, the first row, 2 runs, LN's colour */
    free(script);
    script = script_of(&(struct synthetic){.kind = "lr_tolerance", .seeds = 2}, NULL, "lr_tolerance");
    ck_assert(strstr(script, "$failed1 << EOD\n 1 2 2 29362\n 1 1 2 0\nEOD\n") !=
              NULL); /* LN's row is above that of none */
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

/* The ends of an error bar lie on either side of its mean. */
START_TEST(bars_reach_to_both_ends_of_an_interval)
{
    char *script = script_of(&(struct synthetic){.kind = "small_batch", .seeds = 5}, NULL, "small_batch");
    int rows = 0;
    for (const char *block = script; (block = strstr(block, "# x mean lower upper n: ")); block++) {
        const char *row = strstr(block, "<< EOD\n") + strlen("<< EOD\n");
        double x, mean, lower, upper;
        for (int n; sscanf(row, "%lf %lf %lf %lf %d\n", &x, &mean, &lower, &upper, &n) == 5;
             rows++, row = strchr(row, '\n') + 1)
            ck_assert_msg(n == 5 && 0 <= lower && lower < mean - 1e-3 && mean + 1e-3 < upper && upper <= 100,
                          "%g: %g to %g", mean, lower, upper);
    }
    ck_assert_int_eq(rows, 10); /* five lines of two batches */
    free(script);
}
END_TEST

START_TEST(few_seeds_are_drawn_singly)
{
    static const int counts[] = {1, 4, 5}; /* of one seed its line is the mean */
    for (int i = 0; i < 3; i++) {
        int seeds = counts[i];
        char *script = script_of(&(struct synthetic){.kind = "curves", .seeds = seeds}, NULL, "curves");
        ck_assert_int_eq(strstr(script, "filledcurves") != NULL, seeds == 5);
        ck_assert_int_eq(strstr(script, "$seeds1_1 << EOD") != NULL, seeds == 4);
        free(script);
    }
}
END_TEST

/* A line through one point is invisible, and a point at the end of an axis is outside when its last digit is rounded
 * away. */
START_TEST(one_evaluation_is_a_point)
{
    for (int seeds = 4; seeds <= 5; seeds++) {
        char *script = script_of(&(struct synthetic){.kind = "curves", .seeds = seeds, .once = true}, NULL, "curves");
        ck_assert(strstr(script, "$line1_1 using 1:2 with points") && !strstr(script, " with lines") &&
                  !strstr(script, "filledcurves"));
        ck_assert_int_eq(strstr(script, "with yerrorbars") != NULL, seeds == 5);
        ck_assert_int_eq(strstr(script, "$seeds1_1 using 1:2 with points") != NULL, seeds == 4);
        ck_assert_msg(strstr(script, "set xrange [0:5.1]") != NULL, "%s", script);
        free(script);
    }
}
END_TEST

/* What captions of profiles and of the best of k say of runs, bands and failures, and what has no curve. */
START_TEST(captions_of_tasks_and_searches_are_true)
{
    static const struct {
        const char *folder, *overrides[4], *kind, *there[3], *missing;
    } cases[] = {
        {"tasks",
         {"plot.kind=profiles"},
         "profiles",
         {"Runs of 6 seeds.", "3 of 36 runs failed", "bands: pointwise 95 % CI (percentile bootstrap"},
         "too few"},
        {"tasks",
         {"plot.kind=profiles", "plot.metric=test_accuracy"},
         "profiles",
         {"runs of 3 tasks (data.name: digits, mnist and synth) whose test accuracy is at least the value below"},
         "at most"},
        {"rates",
         {"plot.kind=best_of_k"},
         "best_of_k",
         {"There are 5 settings for each method, each trained with 6 seeds",
          "Bands: 95 % CI over the seeds (t, corrected for overlapping splits)", "6 of 59 runs failed"},
         "over all draws"},
        {"few",
         {"plot.kind=best_of_k", "plot.level=0.9"},
         "best_of_k",
         {"the middle 90 % of what the best of k may be, over all draws and the seeds", "3 of 30 runs failed"},
         "CI"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *file = nl_format("%s.txt", cases[i].kind),
             *caption = draw_golden(cases[i].folder, cases[i].overrides, file);
        for (int k = 0; k < 3 && cases[i].there[k]; k++)
            ck_assert_msg(strstr(caption, cases[i].there[k]) != NULL, "'%s' is not in %s", cases[i].there[k], caption);
        ck_assert_msg(strstr(caption, cases[i].missing) == NULL, "'%s' is in %s", cases[i].missing, caption);
        free(caption);
        free(file);
    }
    static const char *const named[] = {"plot.kind=profiles", "plot.facet=train.batch", NULL};
    char *folder = synthetic_make(&(struct synthetic){.kind = "small_batch", .seeds = 4, .gap = true});
    struct nl_text report = {0};
    draw(folder, named, &(struct nl_plot_options){.svg = false}, &report);
    char *caption = read_plot(folder, "profiles.txt"), *script = read_plot(folder, "profiles.gp");
    ck_assert_msg(strstr(caption, "2 tasks (train.batch: 64 and 2)") && strstr(caption, "too few for bands") &&
                      strstr(caption, "Not drawn, without a run of every task: LN."),
                  "%s", caption);
    ck_assert(strstr(script, "$line1_1 << EOD") && !strstr(script, "$line1_2 << EOD") && !strstr(script, "$band"));
    free(caption);
    free(script);
    nl_text_release(&report);
    synthetic_remove(folder);
}
END_TEST

/* A question draws its own picture; where there is nothing to draw, it says why. */
START_TEST(questions_draw_their_pictures)
{
    static const struct {
        const char *overrides[4], *there, *missing;
    } cases[] = {
        {{"sweep.question=tasks", "plot.kind=auto", "plot.facet=train.batch"}, "plots/profiles.gp", "best_of_k"},
        {{"sweep.question=tasks", "plot.kind=auto"}, "profiles is not drawn: no key of data varies", "profiles.gp"},
        {{"sweep.question=sensitivity", "plot.kind=auto"},
         "best_of_k is not drawn: no run has a validation loss",
         "profiles"},
        {{"sweep.question=sensitivity", "plot.kind=heatmap"}, "plots/heatmap.gp", "best_of_k"},
        {{"plot.kind=best_of_k"}, "best_of_k is not drawn", ".gp"},
        {{"sweep.question=compare", "plot.kind=auto"}, "plots/curves.gp", "is not drawn"},
        {{"sweep.question=compare", "plot.kind=auto,heatmap"}, "plots/heatmap.gp", "is not drawn"},
    };
    char *folder = synthetic_make(&(struct synthetic){.kind = "heatmap", .seeds = 2});
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct nl_text report = {0};
        draw(folder, cases[i].overrides, &(struct nl_plot_options){.svg = false}, &report);
        ck_assert_msg(strstr(report.at, cases[i].there) && !strstr(report.at, cases[i].missing), "case %zu: %s", i,
                      report.at);
        nl_text_release(&report);
    }
    synthetic_remove(folder);
}
END_TEST

/* All runs are at 50 % error by step 20 but for two of LN at batch 2, which diverged: they are censored at the 7040
 * updates that they were given. */
START_TEST(runs_on_their_way_are_steps)
{
    static const char *const one[] = {"plot.facet=none", NULL};
    char *folder = synthetic_make(&(struct synthetic){.kind = "steps", .seeds = 5, .ln_diverged = 2});
    struct nl_text report = {0};
    draw(folder, NULL, &(struct nl_plot_options){.svg = true}, &report);
    char *script = read_plot(folder, "steps.gp"), *caption = read_plot(folder, "steps.txt");
    const char *line = strstr(script, "$line2_2 << EOD\n");
    double there[7], end[7];
    ck_assert(line && strstr(script, "\nset logscale x") && strstr(script, "$median2_2 << EOD\n 20 50\n") &&
              strstr(script, "$line2_2 using 1:2 with steps"));
    ck_assert_int_eq(sscanf(line, "%*[^\n] %*[^\n] %lf %lf %lf %lf %lf %lf %lf %lf %lf %lf %lf %lf %lf %lf", &there[0],
                            &there[1], &there[2], &there[3], &there[4], &there[5], &there[6], &end[0], &end[1], &end[2],
                            &end[3], &end[4], &end[5], &end[6]),
                     14);
    ck_assert(there[0] == 20 && there[4] == 5 && there[5] == 3 && there[6] == 0 && end[0] == 7040 && end[4] == 2 &&
              end[5] == 0 && end[6] == 2);
    double z = 1.959963984540054, half = z * sqrt(3.0 / (5 * 2)) / -log(0.4); /* one term of Greenwood's sum */
    ck_assert_double_eq_tol(there[1], 40.0, 1e-9);
    ck_assert_double_eq_tol(there[2], 100.0 * pow(0.4, exp(half)), 1e-9);
    ck_assert_double_eq_tol(there[3], 100.0 * pow(0.4, exp(-half)), 1e-9);
    ck_assert_int_eq(count(script, "$band"), 2); /* a block, and where it is drawn: other curves are at 0 or 1 */
    ck_assert_msg(strstr(caption, "not yet at a test error of 50 % (product-limit") &&
                      strstr(caption, "(2 of 30; 2 diverged)"),
                  "%s", caption);
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

/* The last window of a training curve, of 3 steps, goes into the one before, of 10: 1 - error of bn is near 0.95
 * there. */
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
    static const char *const accuracy[] = {"plot.metric=test_accuracy", NULL}, *const zero[] = {"plot.ymin=0", NULL},
                             *const on[] = {"plot.ylog=on", NULL},
                             *const off[] = {"plot.ylog=off", "plot.ymax=60", NULL};
    const struct {
        const char *const *overrides;
        const char *there;
    } cases[] = {{NULL, "\nset logscale y\n"},
                 {on, "\nset logscale y\n"},
                 {accuracy, "unset logscale y\n"},
                 {zero, "unset logscale y\nset yrange [0:"},
                 {off, ":60]\n"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *script = script_of(&made, cases[i].overrides, "small_batch");
        ck_assert_msg(strstr(script, cases[i].there) != NULL, "case %zu lacks '%s'", i, cases[i].there);
        free(script);
    }
}
END_TEST

/* plot.interval: none draws neither intervals nor bands, and says so; a shared key of tables keeps their t. */
START_TEST(intervals_can_be_left_out)
{
    static const struct {
        const char *made, *kind, *with;
    } cases[] = {{"heatmap", "figure", "with vectors"},  {"heatmap", "curves", "filledcurves"},
                 {"steps", "steps", "filledcurves"},     {"depth", "depth", "filledcurves"},
                 {"rates", "best_of_k", "filledcurves"}, {"tasks", "profiles", "filledcurves"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int none = 0; none < 2; none++) {
            char *kind = nl_format("plot.kind=%s", cases[i].kind), *gp = nl_format("%s.gp", cases[i].kind),
                 *txt = nl_format("%s.txt", cases[i].kind), *script, *caption;
            const char *const overrides[] = {kind, none ? "plot.interval=none" : NULL, NULL};
            if (i < 4) {
                char *folder = synthetic_make(&(struct synthetic){.kind = cases[i].made, .seeds = 6, .ln_diverged = 2});
                draw(folder, overrides, &(struct nl_plot_options){.svg = true}, NULL);
                script = read_plot(folder, gp);
                caption = read_plot(folder, txt);
                synthetic_remove(folder);
            } else {
                script = draw_golden(cases[i].made, overrides, gp);
                caption = draw_golden(cases[i].made, overrides, txt);
            }
            bool says = strstr(caption, "No intervals are drawn (plot.interval: none).") != NULL,
                 tells = strstr(caption, "% CI") != NULL;
            ck_assert_msg((strstr(script, cases[i].with) != NULL) == !none, "%s", cases[i].kind);
            ck_assert_msg(says == none && tells == !none, "%s: %s", cases[i].kind, caption);
            free(script);
            free(caption);
            free(kind);
            free(gp);
            free(txt);
        }
}
END_TEST

/* Panels whose trainings differ much in length have x axes of their own, each with labels; others share one. */
START_TEST(panels_have_their_own_x)
{
    static const struct {
        const char *with;
        int stretch, own;
    } cases[] = {{"plot.x=step", 16, 1}, {"plot.x=step", 4, 0}, {"plot.x=epoch", 16, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *const overrides[] = {cases[i].with, "plot.width=8", NULL};
        const struct synthetic made = {.kind = "curves", .seeds = 2, .stretch = cases[i].stretch};
        char *script = script_of(&made, overrides, "curves"), *folder = synthetic_make(&made);
        ck_assert_int_eq(count(script, "# panel "), 2);
        ck_assert_int_eq(strstr(script, "set xrange [0:100]") && strstr(script, "set xrange [0:1600]"), cases[i].own);
        draw(folder, overrides, &(struct nl_plot_options){.svg = true}, NULL);
        char *caption = read_plot(folder, "curves.txt");
        ck_assert_int_eq(strstr(caption, "Each panel has an x axis of its own.") != NULL, cases[i].own);
        free(caption);
        free(script);
        synthetic_remove(folder);
    }
}
END_TEST

/* A picture for a terminal: its parts at their places, with colours and without. */
START_TEST(screens_are_drawn)
{
    static const char svg[] =
        "<svg viewBox=\"0 0 106.6667 44\"><defs><path d='M0,0 L9,9'/></defs>\n"
        "<g fill=\"none\" stroke=\"rgb(213,  94,   0)\"><path d='M21.4,4.4 L79,4.4 '/></g>\n"
        "<use xlink:href='#gpPt4' transform='translate(10,4) scale(2.20)' color='rgb(  0, 114, 178)'/>\n"
        "<g stroke='none'><polygon fill = 'rgb(240, 240, 240)' points = '0,0 100,0 100,40 0,40 '/>"
        "<polygon fill = 'rgb( 38, 164, 132)' points = '0,17.6 10.6,17.6 10.6,26.4 0,26.4 '/>"
        "<pattern id='gpPat1'><path stroke='black' d='M0,0 L90,40'/></pattern>"
        "<polygon  fill = 'url(#gpPat1)' points = '21.3,17.6 32,17.6 32,26.4 21.3,26.4 '/></g>\n"
        "<g transform=\"translate(53.3,38)\" stroke=\"none\" fill=\"black\" font-size=\"8\" text-anchor=\"middle\">"
        "<text>a&lt;b</text></g>\n"
        "<g transform=\"translate(3,20) rotate(-90)\" fill=\"black\" font-size=\"8\" text-anchor=\"middle\">"
        "<text>up</text></g></svg>\n";
    struct nl_text plain = {0}, coloured = {0};
    nl_screen_draw(svg, 20, false, &plain);
    nl_screen_draw(svg, 20, true, &coloured);
    ck_assert_str_eq(plain.at, "up\n ■  ***********\n\n▒▒  //\n\n        a<b\n");
    ck_assert_str_eq(coloured.at, "up\n \033[38;5;25m■\033[0m  \033[38;5;166m⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤\033[0m\n\n"
                                  "\033[48;5;36;38;5;16m  \033[0m  //\n\n        a<b\n");
    nl_text_release(&plain);
    nl_text_release(&coloured);
    if (!have_gnuplot())
        return;
    char *folder = synthetic_make(&(struct synthetic){.kind = "lr_tolerance", .seeds = 3});
    static const int columns[] = {60, 80, 160};
    for (int i = 0; i < 3; i++) {
        struct nl_text screen = {0};
        draw(folder, NULL, &(struct nl_plot_options){.screen = &screen, .columns = columns[i]}, NULL);
        int widest = 0, rows = 0;
        for (const char *line = screen.at; *line; line += strcspn(line, "\n") + 1, rows++) {
            int width = nl_characters(line, strcspn(line, "\n"));
            widest = width > widest ? width : widest;
        }
        ck_assert_int_le(widest, columns[i]);
        ck_assert_int_ge(widest, columns[i] - 6);
        ck_assert_int_le(rows, 40);
        ck_assert_msg(strncmp(screen.at, "test error (%)\n", 15) == 0 && strstr(screen.at, " learning rate\n") &&
                          strstr(screen.at, "no norm\n") && strstr(screen.at, "##■##") && !strchr(screen.at, '\033'),
                      "%s", screen.at);
        nl_text_release(&screen);
    }
    synthetic_remove(folder);
}
END_TEST

/* A metric or a cost on the x axis: in these results the training error of each run is its test error, so that x is y;
 * all have 500 parameters, and took half a second. */
START_TEST(x_axes_are_measured)
{
    static const struct {
        const char *x;
        double value; /* NAN: as along y */
    } cases[] = {{"train_error", NAN}, {"parameters", 500}, {"seconds", 0.5}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *word = nl_format("plot.x=%s", cases[i].x);
        const char *const overrides[] = {"plot.kind=figure", word, NULL};
        char *script = script_of(&(struct synthetic){.kind = "heatmap", .seeds = 5}, overrides, "figure");
        int rows = 0;
        for (const char *at = script; (at = strstr(at, "$mean")) && strstr(at, "<< EOD\n"); at++) {
            const char *end = strstr(at, "EOD\n"), *stop = end ? strstr(end + 1, "\nEOD") : NULL;
            if (end != at + strcspn(at, "E")) /* a plot command, no block */
                break;
            for (const char *line = end; line && line < stop; line = strchr(line + 1, '\n')) {
                double x, y, lower, upper, n, left, right;
                char row[256] = "";
                sscanf(line + (line == end ? 4 : 1), "%255[^\n]", row);
                int found = sscanf(row, "%lf %lf %lf %lf %lf %lf %lf", &x, &y, &lower, &upper, &n, &left, &right);
                if (found < 5)
                    continue;
                rows++;
                ck_assert_double_eq_tol(x, isnan(cases[i].value) ? y : cases[i].value, 1e-4 * fabs(x));
                ck_assert_int_eq(found, isnan(cases[i].value) ? 7 : 5);
                if (found == 7 && lower < upper) /* splits overlap in the test part alone */
                    ck_assert(lower < left && left < x && x < right && right < upper);
            }
        }
        ck_assert_int_ge(rows, 15); /* of 18 cells, two of which only diverged */
        ck_assert_int_eq(strstr(script, "set logscale x") != NULL, 1);
        free(script);
        free(word);
    }
    char *folder = synthetic_make(&(struct synthetic){.kind = "heatmap", .seeds = 2});
    struct nl_text left_out = {0};
    static const char *const flops[] = {"plot.kind=figure", "plot.x=flops", NULL}, *const bars[] = {"plot.kind=figure",
                                                                                                    "plot.x=seconds",
                                                                                                    "plot.mark=bars",
                                                                                                    NULL};
    draw(folder, flops, &(struct nl_plot_options){.left_out = &left_out}, NULL);
    draw(folder, bars, &(struct nl_plot_options){.left_out = &left_out}, NULL);
    ck_assert_str_eq(left_out.at, "figure is not drawn: no run has 'flops', which plot.x names\n"
                                  "figure is not drawn: plot.mark: bars needs a key as plot.x, which is 'seconds'\n");
    nl_text_release(&left_out);
    synthetic_remove(folder);
}
END_TEST

/* Any key of the sweep is an axis, a colour or a panel; a method to which the panels' key does not apply stands in all
 * of them. */
START_TEST(keys_are_dealt_out)
{
    static const char *const facet[] = {"plot.kind=figure", "plot.x=norm.kind",          "plot.facet=norm.stat_batch",
                                        "plot.mark=bars",   "plot.labels=bn=Batch norm", NULL};
    char *script = script_of(&(struct synthetic){.kind = "small_batch", .seeds = 2, .ghost = true}, facet, "figure");
    ck_assert_int_eq(count(script, "# panel "), 2);
    ck_assert(strstr(script, "samples sharing statistics 64") &&
              strstr(script, "\"Batch norm\" 0, \"LN\" 1, \"no norm\" 2") && strstr(script, "with boxxyerror"));
    const char *second = strstr(script, "$mean2_1 << EOD\n");
    ck_assert(second && count(second, "\n ") >= 3 && strstr(second, "\n 1 ") && strstr(second, "\n 2 "));
    free(script);

    static const char *const colour[] = {"plot.kind=figure",         "plot.x=train.batch", "plot.colour=train.lr",
                                         "plot.colours=0.1=#123456", "plot.legend=right",  NULL};
    script = script_of(&(struct synthetic){.kind = "heatmap", .seeds = 2}, colour, "figure");
    ck_assert_int_eq(count(script, "# panel "), 3);
    ck_assert(strstr(script, "# panel 1: BN\n") && strstr(script, "\"learning rate 0.01\"") &&
              strstr(script, "'#123456'"));
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
    static const char *const overrides[] = {"plot.kind=small_batch,lr_tolerance,curves,heatmap,figure,steps",
                                            "plot.width=12", "plot.height=9", "plot.dpi=100", NULL},
                             *const names[] = {"small_batch.png", "lr_tolerance.png", "curves.png",
                                               "heatmap.png",     "figure.png",       "steps.png"};
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
    ck_assert_int_eq(sscanf(at,
                            "set lmargin at screen %lf; set rmargin at screen %lf; set bmargin at screen %lf; set "
                            "tmargin at screen %lf",
                            &left, &right, &bottom, &top),
                     4);
    ck_assert_msg((right - left) * (top - bottom) >= 0.6, "%g of the page", (right - left) * (top - bottom));
    free(script);
}
END_TEST

START_TEST(captions_stand_where_they_are_wanted)
{
    static const char *const values[] = {"plot.caption=file", "plot.caption=picture", "plot.caption=both",
                                         "plot.caption=none"};
    char *folder = synthetic_make(&(struct synthetic){.kind = "small_batch", .seeds = 2});
    char *text = nl_format("%s/plots/small_batch.txt", folder), *latex = nl_format("%s/plots/small_batch.tex", folder);
    for (int i = 0; i < 4; i++) {
        struct nl_text report = {0};
        unlink(text);
        unlink(latex);
        draw(folder, (const char *const[]){values[i], "plot.protocol=50 % of_all", NULL}, &(struct nl_plot_options){0},
             &report);
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
    ck_assert(strstr(plain, " Protocol: 50 % of_all.\n") &&
              strstr(escaped, "\\caption{Mean of 2 seeds with its 95 \\% CI") &&
              strstr(escaped, " Protocol: 50 \\% of\\_all.}\n"));
    free(plain);
    free(escaped);
    nl_text_release(&report);
    free(text);
    free(latex);
    synthetic_remove(folder);
}
END_TEST

/* Where a page has no room for the panels, some are drawn, evenly over the values, and that is said; where it has room
 * for none, it is an error. */
START_TEST(small_pages_hold_few_panels)
{
    char *folder = synthetic_make(&(struct synthetic){.kind = "heatmap", .seeds = 2});
    struct nl_text report = {0};
    draw(folder, (const char *const[]){"plot.kind=curves", "plot.width=6", "plot.height=4", NULL},
         &(struct nl_plot_options){0}, &report);
    char *caption = read_plot(folder, "curves.txt");
    ck_assert_msg(strstr(report.at, "curves: 2 of 6 panels drawn, evenly over the values; plot.facet") != NULL, "%s",
                  report.at);
    ck_assert_msg(strstr(caption, "Shown: 2 of 6 panels") != NULL, "%s", caption);
    free(caption);
    nl_text_release(&report);
    struct nl_experiment experiment;
    struct nl_error err = {{0}};
    synthetic_load(folder, (const char *const[]){"plot.width=4", "plot.height=3", "plot.font_size=30", NULL},
                   &experiment);
    ck_assert_int_eq(nl_plot(folder, &experiment, NULL, &(struct nl_plot_options){0}, &err), NL_FAIL);
    ck_assert_msg(strstr(err.text, "has no room for its panels on 4 x 3 cm, 0 x 0 cm each") != NULL, "%s", err.text);
    synthetic_remove(folder);
}
END_TEST

/* The last label of an x axis is centred at its tick: half of it needs room where the tick is the axis's end, and none
 * where the axis goes on. */
START_TEST(the_last_label_has_room)
{
    struct nl_tick ticks[] = {{0, "0"}, {2000, "2000"}, {2500, NULL}};
    struct nl_ruler ruler = {.low = 0, .high = 2000, .ticks = 2, .tick = ticks};
    double half = nl_text_width("2000", 10) / 2;
    ck_assert_double_eq_tol(nl_ruler_label_overhang(&ruler, 100, 10), half, 1e-9);
    ruler.high = 2500, ruler.ticks = 3;
    ck_assert_double_eq_tol(nl_ruler_label_overhang(&ruler, 100, 10), fmax(0, half - 20), 1e-9);
    ck_assert_double_eq_tol(nl_ruler_label_overhang(&ruler, 10, 10), half - 2, 1e-9);
    ruler.upright = true;
    ck_assert_double_eq_tol(nl_ruler_label_overhang(&ruler, 10, 10), 5 - 2, 1e-9);
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
            struct nl_value_span span = {0};
            nl_span_add(&span, ends[i][0]);
            nl_span_add(&span, ends[i][1]);
            experiment.config.plot.ylog = log ? NL_SWITCH_ON : NL_SWITCH_OFF;
            ck_assert_int_eq(
                nl_ruler_fit(&ruler, &span, &(struct nl_measure){.scale = 1.0}, false, &experiment.config, NULL),
                NL_OK);
            nl_ruler_ticks(&ruler, 100, 20);
            int labels = 0;
            for (int k = 0; k < ruler.ticks; k++)
                labels += ruler.tick[k].label != NULL;
            ck_assert_msg(labels >= 1 && labels <= 9 && ruler.ticks < 100, "case %zu: %d labels, %d ticks", i, labels,
                          ruler.ticks);
            ck_assert(nl_ruler_place(&ruler, fmax(ends[i][1], 1e-300)) <= 1.0);
            nl_ruler_release(&ruler);
        }
}
END_TEST

/* Ticks of a linear axis are apart by 1, 2 or 5 times a power of ten, and the axis has intervals that reach little
 * beyond its values. */
START_TEST(linear_axes_have_round_ticks)
{
    static const struct {
        double low, high, lowest, highest;
        const char *labels;
    } axes[] = {
        {30, 70, 30, 70, " 30 40 50 60 70"},
        {30, 70, 21, 70, " 20 30 40 50 60 70"},
        {0.012, 0.019, 0.012, 0.0205, " 0.012 0.014 0.016 0.018 0.02"},
        {2000, 9000, 2000, 9000, " 0 2000 4000 6000 8000"},
    };
    struct nl_experiment experiment = {0};
    nl_config_defaults(&experiment.config);
    experiment.config.plot.ylog = NL_SWITCH_OFF;
    for (size_t i = 0; i < sizeof axes / sizeof *axes; i++) {
        struct nl_ruler ruler = {0};
        struct nl_value_span span = {0};
        struct nl_text labels = {0};
        nl_span_add(&span, axes[i].low);
        nl_span_add(&span, axes[i].high);
        nl_span_add_interval(&span, axes[i].lowest, axes[i].highest);
        ck_assert_int_eq(
            nl_ruler_fit(&ruler, &span, &(struct nl_measure){.scale = 1.0}, false, &experiment.config, NULL), NL_OK);
        nl_ruler_ticks(&ruler, 120, 20);
        for (int k = 0; k < ruler.ticks; k++)
            nl_text_add(&labels, " %s", ruler.tick[k].label);
        ck_assert_str_eq(labels.at, axes[i].labels);
        ck_assert(ruler.low <= axes[i].lowest && ruler.high >= axes[i].highest);
        nl_text_release(&labels);
        nl_ruler_release(&ruler);
    }
}
END_TEST

/* Errors from 0.5 to 73 %: 1 and 10 alone would not say where 73 is. */
START_TEST(two_decades_have_ticks_between_the_powers_of_ten)
{
    struct nl_experiment experiment = {0};
    nl_config_defaults(&experiment.config);
    struct nl_ruler ruler = {0};
    struct nl_value_span span = {0};
    nl_span_add(&span, 0.5);
    nl_span_add(&span, 73.0);
    ck_assert_int_eq(
        nl_ruler_fit(&ruler, &span, &(struct nl_measure){.scale = 100.0, .worse = 1}, false, &experiment.config, NULL),
        NL_OK);
    static const double rooms[] = {100, 40};
    static const int most[] = {7, 2};
    for (int i = 0; i < 2; i++) {
        nl_ruler_ticks(&ruler, rooms[i], 10);
        int labels = 0;
        for (int k = 0; k < ruler.ticks; k++)
            labels += ruler.tick[k].label != NULL;
        ck_assert_int_eq(labels, most[i]);
    }
    nl_ruler_release(&ruler);
}
END_TEST

/* Ticks of logarithmic axes, and which of them are labelled: at both ends, too, where they are powers of ten. */
START_TEST(ticks_of_decades)
{
    static const struct {
        double low, high;
        const char *labels, *minor;
    } cases[] = {
        {1, 100, " 1 10 100", " 2 3 4 5 6 7 8 9 20 30 40 50 60 70 80 90"},
        {0.5, 50, " 0.5 1 2 5 10 20 50", " 0.6 0.7 0.8 0.9 3 4 6 7 8 9 30 40"},
        {0.001, 0.01, " 0.001 0.002 0.005 0.01", " 0.003 0.004 0.006 0.007 0.008 0.009"},
        {0.1, 100000, " 0.1 1 10 100 1000 10000 1e5", NULL},
        {2, 30, " 2 5 10 20", " 3 4 6 7 8 9 30"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct nl_ruler ruler = {.log = true, .low = cases[i].low, .high = cases[i].high};
        struct nl_text labels = {0}, minor = {0};
        nl_ruler_ticks(&ruler, 100, 10);
        for (int k = 0; k < ruler.ticks; k++)
            if (ruler.tick[k].label)
                nl_text_add(&labels, " %s", ruler.tick[k].label);
            else
                nl_text_add(&minor, " %.4g", ruler.tick[k].at);
        ck_assert_str_eq(labels.at, cases[i].labels);
        if (cases[i].minor)
            ck_assert_str_eq(minor.at, cases[i].minor);
        nl_text_release(&labels);
        nl_text_release(&minor);
        nl_ruler_release(&ruler);
    }
}
END_TEST

START_TEST(numbers_are_short_and_readable)
{
    static const struct {
        double value;
        int digits;
        const char *label;
    } cases[] = {{0.05, 4, "0.05"},     {1e-5, 4, "1e-5"}, {0.0316228, 4, "0.03162"}, {10240, 4, "10240"},
                 {-99999, 3, "-99999"}, {1e5, 4, "1e5"},   {123456, 4, "1.235e5"},    {0, 4, "0"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *label = nl_number_label(cases[i].value, cases[i].digits);
        ck_assert_str_eq(label, cases[i].label);
        free(label);
    }
}
END_TEST

/* A title that is too long for its panel goes on after a comma, where there is one. */
START_TEST(titles_break_at_commas)
{
    struct nl_experiment experiment = {0};
    nl_config_defaults(&experiment.config);
    struct nl_page page = {.name = "a", .about = "b", .experiment = &experiment};
    nl_page_open(&page, 4, 1.25);
    static const char *const titles[] = {"brought up to date, batch size 32", "learning rate 0.01778",
                                         "as they were, batch size 8"};
    static const char *const lines[][2] = {
        {"\"brought\u00a0up\u00a0to\u00a0date,\"", "\"batch\u00a0size\u00a032\""},
        {"\"learning\u00a0rate\u00a00.01778\"", ""},
        {"\"as\u00a0they\u00a0were, batch\u00a0size\u00a08\"", ""},
    };
    for (size_t i = 0; i < sizeof titles / sizeof *titles; i++) {
        nl_page_reserve_title(&page, titles[i]);
        nl_page_title(&page, 0, titles[i]);
        for (int line = 0; line < 2; line++)
            ck_assert_msg(strstr(page.script.at, lines[i][line]), "'%s' is not in\n%s", lines[i][line], page.script.at);
    }
    nl_page_release(&page);
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

/* A name that is wider than the page is cut, and has a number by which the caption tells the whole of it; the others
 * stay. */
START_TEST(long_names_are_cut_and_numbered)
{
    char name[89] = "", *folder = synthetic_make(&(struct synthetic){.kind = "lr_tolerance", .seeds = 2});
    for (int i = 0; i < 22; i++)
        memcpy(name + 4 * i, "\xc3\xa9mm", 4);
    char *label = nl_format("plot.labels=ln=%s", name), *whole = nl_format("(1) is %s.", name);
    struct nl_text report = {0};
    draw(folder, (const char *const[]){label, NULL}, &(struct nl_plot_options){.svg = true}, &report);
    char *script = read_plot(folder, "lr_tolerance.gp"), *caption = read_plot(folder, "lr_tolerance.txt"),
         *entry = strstr(script, "\"(1) \xc3\xa9mm");
    ck_assert(entry && strstr(entry, "...\" at screen") == strstr(entry, "...") && strstr(script, "\"BN\""));
    ck_assert_msg(strstr(caption, whole) && !strstr(caption, "(2) is"), "%s", caption);
    free(caption);
    free(script);
    free(whole);
    free(label);
    nl_text_release(&report);
    synthetic_remove(folder);
}
END_TEST

START_TEST(what_is_not_there_is_said)
{
    char *folder = synthetic_make(&(struct synthetic){.kind = "heatmap", .seeds = 2});
    struct nl_text report = {0};
    static const char *const validation[] = {"plot.metric=val_error", "plot.kind=heatmap,curves", NULL};
    draw(folder, validation, &(struct nl_plot_options){0}, &report);
    ck_assert_msg(strstr(report.at, "heatmap is not drawn: no run has 'val_error', which plot.metric names") != NULL,
                  "%s", report.at);
    ck_assert_msg(strstr(report.at, "curves is not drawn: curves.csv has no validation error") != NULL, "%s",
                  report.at);
    nl_text_release(&report);

    /* What was asked for stands apart, for who must fail without it. */
    struct nl_text left_out = {0};
    static const char *const running[] = {"plot.kind=figure,curves", "plot.y=train_loss_running", NULL};
    draw(folder, running, &(struct nl_plot_options){.left_out = &left_out}, &report);
    ck_assert_str_eq(left_out.at, "figure is not drawn: no run has 'train_loss_running', which plot.y names\n");
    ck_assert_msg(!strstr(report.at, "figure is not drawn"), "%s", report.at);
    nl_text_release(&left_out);
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
    ck_assert_msg(strstr(report.at, "lr_tolerance is not drawn: a learning rate of 0") != NULL, "%s", report.at);
    nl_text_release(&report);
    synthetic_remove(folder);
}
END_TEST

/* Geometric means and intervals of logarithms: those of exp(0.1 (seed - 3)) over five seeds are 1 and
 * exp(+-2.776445 * 0.1 sqrt(2.5 / 5)), and at step 10 the norm of layer 1 is 0.11. Of none at step 40 layer 1 is 0. */
START_TEST(quantities_over_the_layers)
{
    const struct synthetic made = {.kind = "depth", .seeds = 5};
    char *script = script_of(&made, (const char *const[]){"plot.step=10", "plot.facet=none", NULL}, "depth");
    double x, mean, lower, upper, n, half = exp(2.776445105 * 0.1 * sqrt(0.5));
    const char *line = strstr(script, "$line1_1 << EOD\n");
    ck_assert_ptr_nonnull(line);
    for (int layer = 1; layer <= 2; layer++) {
        line = strchr(line, '\n') + 1;
        ck_assert_int_eq(sscanf(line, "%lf %lf %lf %lf %lf", &x, &mean, &lower, &upper, &n), 5);
        double expected = 1.1 * pow(10, -layer);
        ck_assert_double_eq(x, layer - 1);
        ck_assert_double_eq_tol(mean, expected, 1e-8 * expected);
        ck_assert_double_eq_tol(upper, expected * half, 1e-8 * expected);
        ck_assert_double_eq_tol(lower, expected / half, 1e-8 * expected);
        ck_assert_double_eq(n, 5);
    }
    ck_assert(strstr(script, "At step 10.") == NULL); /* the caption is beside it */
    free(script);

    char *folder = synthetic_make(&made);
    struct nl_text report = {0};
    draw(folder, (const char *const[]){"plot.step=40", NULL}, &(struct nl_plot_options){0}, &report);
    char *caption = read_plot(folder, "depth.txt");
    ck_assert_msg(strstr(caption, "2 tensors, grad:*.weight, in the order of the network. At step 40. Not drawn: 10 "
                                  "values that are not finite, or 0.") != NULL,
                  "%s", caption); /* of two batches and five seeds */
    free(caption);
    nl_text_release(&report);
    static const char *const bad[][2] = {
        {"plot.step=41",
         "depth is not drawn: nothing was seen in step 41; metrics.csv has the steps 10, 40, 70, 100\n"},
        {"plot.quantity=std", "depth is not drawn: metrics.csv has no tensor with the quantity 'std'\n"},
        {"plot.tensors=[fc1.weight]",
         "depth is not drawn: metrics.csv has no tensor 'fc1.weight' with the quantity 'norm'\n"},
    };
    for (int i = 0; i < 3; i++) {
        draw(folder, (const char *const[]){bad[i][0], NULL}, &(struct nl_plot_options){0}, &report);
        ck_assert_msg(strstr(report.at, bad[i][1]) != NULL, "%s", report.at);
        nl_text_release(&report);
    }
    char *path = nl_path_join(folder, "metrics.csv");
    ck_assert_int_eq(remove(path), 0);
    free(path);
    draw(folder, NULL, &(struct nl_plot_options){0}, &report);
    ck_assert_msg(strstr(report.at, "depth is not drawn: there is no metrics.csv, which log.layers and log.tensors ask "
                                    "for\n") != NULL,
                  "%s", report.at);
    nl_text_release(&report);
    synthetic_remove(folder);
}
END_TEST

/* Over training: the ends of a ribbon, which need no seeds; and the mean of a quantity over its tensors, which no other
 * picture draws. */
START_TEST(quantities_over_training)
{
    char *script = script_of(&(struct synthetic){.kind = "landscape", .seeds = 2},
                             (const char *const[]){"plot.facet=none", NULL}, "landscape");
    ck_assert(strstr(script, "$line1_1 << EOD\n 10 10 8 15 2\n 40 2.5 2 3.75 2\n") != NULL);
    ck_assert(strstr(script, "filledcurves") != NULL && strstr(script, "loss along the gradient") != NULL);
    free(script);
    script = script_of(
        &(struct synthetic){.kind = "landscape", .seeds = 5},
        (const char *const[]){"plot.kind=curves", "plot.y=norm", "plot.tensors=grad:*", "plot.facet=none", NULL},
        "curves");
    const char *line = strstr(script, "$line1_1 << EOD\n");
    ck_assert_ptr_nonnull(line);
    double x, mean;
    ck_assert_int_eq(sscanf(strchr(line, '\n'), "%lf %lf", &x, &mean), 2);
    ck_assert_double_eq(x, 10);
    ck_assert_double_eq_tol(mean, 1.1 * sqrt(0.1 * 0.01), 1e-8);
    ck_assert(strstr(script, "norm of gradients") != NULL);
    free(script);

    char *folder = synthetic_make(&(struct synthetic){.kind = "landscape", .seeds = 2});
    struct nl_text report = {0};
    draw(folder, (const char *const[]){"plot.tensors=grad:*.weight", NULL}, &(struct nl_plot_options){0}, &report);
    ck_assert_msg(strstr(report.at, "landscape is not drawn: ") != NULL, "%s", report.at);
    nl_text_release(&report);
    draw(folder, (const char *const[]){"plot.kind=spectrum", "plot.tensors=along:loss", NULL},
         &(struct nl_plot_options){0}, &report);
    ck_assert_msg(strstr(report.at, "spectrum is not drawn: it shows the eigenvalues of the Hessian") != NULL, "%s",
                  report.at);
    nl_text_release(&report);
    synthetic_remove(folder);
}
END_TEST

/* A quantity as the y axis of a figure and as the colours of a heat map: its mean over the tensors in the last step, of
 * which the one over seeds is geometric. */
START_TEST(quantities_over_keys)
{
    double x, mean;
    char *script =
        script_of(&(struct synthetic){.kind = "landscape", .seeds = 5},
                  (const char *const[]){"plot.kind=figure", "plot.y=norm", "plot.tensors=grad:*", NULL}, "figure");
    const char *line = strstr(script, "$mean1_1 << EOD\n");
    ck_assert_ptr_nonnull(line);
    ck_assert_int_eq(sscanf(strchr(line, '\n'), "%lf %lf", &x, &mean), 2);
    ck_assert_double_eq_tol(mean, 2 * sqrt(0.1 * 0.01), 1e-8);
    ck_assert(strstr(script, "norm of gradients") != NULL);
    free(script);
    script =
        script_of(&(struct synthetic){.kind = "heatmap", .seeds = 5},
                  (const char *const[]){"plot.colour=zeros", "plot.tensors=grad:*", "plot.step=40", NULL}, "heatmap");
    ck_assert(strstr(script, "zeros of gradients (%)") != NULL && strstr(script, "light is high") != NULL);
    ck_assert(strstr(script, " \"38\"") != NULL); /* 37.5 %, of layers with a quarter and a half */
    free(script);
}
END_TEST

/* A run that diverged is drawn up to where it ended; what is 0 in all runs is grey. */
START_TEST(quantities_by_layer_and_step)
{
    char *script = script_of(&(struct synthetic){.kind = "layers", .seeds = 5}, (const char *const[]){NULL}, "layers");
    /* step 40 is drawn from 25 to 55, and 100 from 85 to 100; 1.4 times 0.1 in layer 1 */
    ck_assert(strstr(script, "\n 40 0 25 58 -0.5 0.6 0.14") != NULL);
    ck_assert(strstr(script, "\n 92.5 1 85 100 0.5 1.5 0.02") != NULL);
    ck_assert_int_eq(count(script, "$zero"), 4); /* a block and its use, in the two panels of none */
    free(script);
    script = script_of(&(struct synthetic){.kind = "layers", .seeds = 5, .all_diverged = true},
                       (const char *const[]){NULL}, "layers");
    ck_assert(strstr(script, "\n 40 0") == NULL && strstr(script, "$box1") != NULL);
    free(script);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("plot");
    TCase *tests = tcase_create("plot");
    tcase_add_checked_fixture(tests, keep_environment, restore_environment);
    tcase_add_loop_test(tests, every_picture_is_drawn, 0, 5 * KINDS);
    tcase_add_test(tests, every_format_is_drawn);
    tcase_add_test(tests, no_text_is_executed);
    tcase_add_test(tests, an_arm_keeps_its_colour);
    tcase_add_test(tests, captions_of_tasks_and_searches_are_true);
    tcase_add_test(tests, questions_draw_their_pictures);
    tcase_add_loop_test(tests, scripts_are_the_kept_ones, 0, 17);
    tcase_add_test(tests, failed_runs_are_counted_above);
    tcase_add_test(tests, bars_are_solid);
    tcase_add_test(tests, bars_reach_to_both_ends_of_an_interval);
    tcase_add_test(tests, few_seeds_are_drawn_singly);
    tcase_add_test(tests, one_evaluation_is_a_point);
    tcase_add_test(tests, runs_on_their_way_are_steps);
    tcase_add_test(tests, a_short_window_is_no_spike);
    tcase_add_test(tests, axes_are_as_they_must_be);
    tcase_add_test(tests, intervals_can_be_left_out);
    tcase_add_test(tests, screens_are_drawn);
    tcase_add_test(tests, panels_have_their_own_x);
    tcase_add_test(tests, x_axes_are_measured);
    tcase_add_test(tests, keys_are_dealt_out);
    tcase_add_test(tests, sizes_are_those_of_the_file);
    tcase_add_test(tests, axes_take_most_of_the_page);
    tcase_add_test(tests, captions_stand_where_they_are_wanted);
    tcase_add_test(tests, small_pages_hold_few_panels);
    tcase_add_test(tests, the_last_label_has_room);
    tcase_add_test(tests, rulers_have_few_ticks);
    tcase_add_test(tests, linear_axes_have_round_ticks);
    tcase_add_test(tests, two_decades_have_ticks_between_the_powers_of_ten);
    tcase_add_test(tests, numbers_are_short_and_readable);
    tcase_add_test(tests, ticks_of_decades);
    tcase_add_test(tests, titles_break_at_commas);
    tcase_add_test(tests, references_are_labelled);
    tcase_add_test(tests, long_names_are_cut_and_numbered);
    tcase_add_test(tests, what_is_not_there_is_said);
    tcase_add_test(tests, quantities_over_the_layers);
    tcase_add_test(tests, quantities_by_layer_and_step);
    tcase_add_test(tests, quantities_over_training);
    tcase_add_test(tests, quantities_over_keys);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
