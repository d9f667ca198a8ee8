/* Many methods: more than there are styles to tell them apart, in pictures, answers and tables; and the experiments
 * that compare all normalizers. */
#include "drawing.h"
#include "norm/norm.h"
#include "stats/answer.h"
#include "stats/results.h"
#include "stats/table.h"
#include "suite.h"

static const char *const methods[] = {"bn",     "ln",    "gn",   "in",    "rms", "brn",
                                      "meanbn", "varbn", "l1bn", "maxbn", "dyt", "none"};
enum { METHODS = sizeof methods / sizeof *methods, SEEDS = 5 };

/* Batches 64 and 2. Errors of 10 %, at 2 more by 2 points a method, in their order; one run of ln fails there. */
static char *make(const char *kind)
{
    char *folder = synthetic_make(&(struct synthetic){.kind = kind, .seeds = SEEDS}),
         *path = nl_path_join(folder, "trials.csv");
    struct nl_error err = {{0}};
    char *text = nl_file_read(path, NULL, &err), *curves_path = nl_path_join(folder, "curves.csv"),
         *curves_text = nl_file_read(curves_path, NULL, &err);
    ck_assert(text && curves_text);
    struct nl_text yaml = {0}, trials = {0}, curves = {0}, timing = {0}, metrics = {0};
    nl_text_add(&trials, "%.*s", (int)strcspn(text, "\n") + 1, text);
    nl_text_add(&curves, "%.*s", (int)strcspn(curves_text, "\n") + 1, curves_text);
    nl_text_add(&timing, "trial,seconds,samples_per_second,steps_per_second,arena_bytes,worker,started\n");
    nl_text_add(&yaml, "sweep:\n  grid:\n    norm.kind: [bn");
    for (int i = 1; i < METHODS; i++)
        nl_text_add(&yaml, ", %s", methods[i]);
    nl_text_add(&yaml,
                "]\n    train.batch: [64, 2]\n    train.lr: [0.1]\n  seeds: %d\n  baseline: {norm.kind: none}\n  "
                "question: small_batch\nplot: {kind: [%s], target: 50}\n",
                SEEDS, kind);
    int trial = 0;
    for (int method = 0; method < METHODS; method++)
        for (int small = 0; small < 2; small++)
            for (int seed = 1; seed <= SEEDS; seed++) {
                struct synthetic_row row = {.method = methods[method],
                                            .batch = small ? "2" : "64",
                                            .rate = "0.1",
                                            .status = "done",
                                            .error = 0.1 + 0.02 * small * method,
                                            .precise = 0.1,
                                            .own = 0.1};
                if (method == 1 && small && seed == 1)
                    row.status = "diverged";
                synthetic_add(&trials, &curves, &timing, &metrics, &trial, seed, &row, &(const struct synthetic){0});
            }
    synthetic_write(folder, "experiment.yaml", &yaml);
    synthetic_write(folder, "trials.csv", &trials);
    synthetic_write(folder, "curves.csv", &curves);
    synthetic_write(folder, "timing.csv", &timing);
    nl_text_release(&metrics); /* not drawn here */
    free(text);
    free(curves_text);
    free(curves_path);
    free(path);
    return folder;
}

static int count(const char *text, const char *what)
{
    int found = 0;
    for (; (text = strstr(text, what)); text += strlen(what))
        found++;
    return found;
}

/* Script and caption of a picture of them. */
static char *script_of(const char *name, const char *override, char **caption)
{
    const char *const overrides[] = {override, NULL};
    char *folder = make(name), *file = nl_format("%s.gp", name), *words = nl_format("%s.txt", name);
    struct nl_text report = {0};
    draw(folder, override ? overrides : NULL, &(struct nl_plot_options){.svg = true}, &report);
    char *script = read_plot(folder, file);
    *caption = read_plot(folder, words);
    nl_text_release(&report);
    free(words);
    free(file);
    synthetic_remove(folder);
    return script;
}

static const char grey[] = "linecolor rgb '#B4B4B4' dashtype 1 notitle",
                  black[] = "linewidth 1 linecolor rgb '#000000' dashtype 2 notitle";

/* The part of the script that draws a panel, from its title to the next. New string. */
static char *panel_of(const char *script, int panel)
{
    char *title = nl_format("# panel %d:", panel), *next = nl_format("# panel %d:", panel + 1);
    const char *begin = strstr(script, title), *end = begin ? strstr(begin, next) : NULL;
    ck_assert_msg(begin != NULL, "%s", title);
    char *part = end ? nl_format("%.*s", (int)(end - begin), begin) : nl_strdup(begin);
    free(title);
    free(next);
    return part;
}

START_TEST(each_has_a_panel)
{
    static const char *const kinds[] = {"small_batch", "steps"};
    const char *kind = kinds[_i];
    char *caption, *script = script_of(kind, _i ? "plot.facet=each" : NULL, &caption);
    int arms = _i ? 2 * METHODS : METHODS; /* without a batch axis, batch sizes are methods, too */
    ck_assert_int_eq(count(script, "# panel "), arms);
    ck_assert_int_eq(count(script, grey) + count(script, black), arms * (arms - 1));
    ck_assert_int_eq(count(script, black), _i ? arms - 2 : arms - 1); /* the baseline has none itself */
    char *first = panel_of(script, 1), *last = panel_of(script, arms);
    ck_assert_int_eq(count(first, "linestyle 1 dashtype"), 1);
    ck_assert_int_eq(count(first, black), 1);
    ck_assert_int_eq(count(last, black), 0);
    ck_assert(strstr(caption, "Each panel: its own method in colour, all others in grey.") != NULL);
    ck_assert_msg(strstr(caption, _i ? "Black, dashed: its baseline." : "Black, dashed: no norm, the baseline.") !=
                      NULL,
                  "%s", caption);
    ck_assert(strstr(caption, "Drawn alike") == NULL);
    free(first);
    free(last);
    free(script);
    free(caption);
}
END_TEST

/* Numbers stand in the script once; what failed in the method's own panel alone. */
START_TEST(panels_share_their_numbers)
{
    char *caption, *script = script_of("small_batch", NULL, &caption);
    for (int i = 1; i <= METHODS; i++) {
        char *block = nl_format("$mean1_%d << EOD", i);
        ck_assert_int_eq(count(script, block), 1);
        free(block);
    }
    ck_assert_ptr_null(strstr(script, "$mean2_"));
    ck_assert_ptr_nonnull(strstr(script, "$failed2 << EOD\n 2 1 1 "));
    ck_assert_int_eq(count(script, "$failed"), 2);
    ck_assert_ptr_nonnull(strstr(caption, "of the panel's method"));
    free(script);
    free(caption);
}
END_TEST

/* One panel for all: which share a style is said. */
START_TEST(who_is_alike_is_said)
{
    char *caption, *script = script_of("small_batch", "plot.facet=none", &caption);
    ck_assert_int_eq(count(script, "# panel "), 1);
    ck_assert_int_eq(count(script, grey), 0);
    const char *alike = strstr(caption, "Drawn alike: ");
    ck_assert_msg(alike != NULL, "%s", caption);
    free(script);
    free(caption);
    script = script_of("small_batch", "plot.facet=norm.kind", &caption);
    ck_assert_int_eq(count(script, "# panel "), METHODS);
    ck_assert_int_eq(count(script, grey), 0);
    free(script);
    free(caption);
}
END_TEST

/* Where panels stand for batch sizes, these become the colours. */
START_TEST(normalizers_take_the_panels)
{
    char *caption, *script = script_of("curves", NULL, &caption);
    ck_assert_int_eq(count(script, "# panel "), METHODS);
    ck_assert_int_eq(count(script, "set style line"), 2);
    ck_assert(strstr(script, "batch size 64") && strstr(script, "batch size 2"));
    free(script);
    free(caption);
    script = script_of("curves", "plot.facet=each", &caption);
    ck_assert_int_eq(count(script, "# panel "), 2 * METHODS);
    ck_assert_int_eq(count(script, black), 2 * METHODS - 2);
    free(script);
    free(caption);
}
END_TEST

/* Few methods, asked for; the picture of all in one panel is that without the key. */
START_TEST(few_have_panels_where_it_is_asked)
{
    static const char *const each[] = {"plot.facet=each", "norm.eval=running", NULL};
    char *folder = synthetic_make(&(struct synthetic){.kind = "small_batch", .seeds = 3});
    struct nl_text report = {0};
    draw(folder, each, &(struct nl_plot_options){.svg = true}, &report);
    char *script = read_plot(folder, "small_batch.gp");
    ck_assert_int_eq(count(script, "# panel "), 3);
    ck_assert_int_eq(count(script, black), 2);
    ck_assert_int_eq(count(script, grey), 4);
    free(script);
    draw(folder, NULL, &(struct nl_plot_options){.svg = true}, &report);
    script = read_plot(folder, "small_batch.gp");
    ck_assert_int_eq(count(script, "# panel "), 1);
    ck_assert_int_eq(count(script, grey), 0);
    free(script);
    nl_text_release(&report);
    synthetic_remove(folder);
}
END_TEST

/* A line for each in order of the change; comparisons with the baseline alone; methods are the rows of the table. */
START_TEST(answers_stay_readable)
{
    char *folder = make("small_batch");
    struct nl_experiment experiment;
    struct nl_results results;
    struct nl_answer answer;
    struct nl_table table;
    struct nl_error err = {{0}};
    synthetic_load(folder, NULL, &experiment);
    ck_assert_msg(nl_results_load(folder, &experiment, NULL, &results, &err) == NL_OK, "%s", err.text);
    nl_answer_make(&results, &experiment, &answer);
    int with_batch = 0, pairs = 0;
    for (int i = 0; i < METHODS; i++)
        with_batch += nl_norm_spans_batch(nl_norm_find(methods[i]));
    for (int i = 0; i < answer.claims; i++)
        if (answer.claim[i].against) {
            ck_assert_str_eq(answer.claim[i].against, "no norm");
            pairs++;
        }
    ck_assert_int_eq(pairs, with_batch);
    ck_assert_int_eq(answer.claims, METHODS + with_batch);
    const char *none = strstr(answer.evidence.at, "  no norm: "), *dyt = strstr(answer.evidence.at, "  DyT: "),
               *bn = strstr(answer.evidence.at, "  BN: ");
    ck_assert_msg(none && dyt && bn && dyt < bn, "%s", answer.evidence.at);
    ck_assert(none < dyt); /* 22 points, 20, ..., 0 */
    ck_assert(strstr(answer.notes.at, "compared with their baselines only") != NULL);
    ck_assert(nl_table_grid(&results, &experiment, NULL, &table, &err) == NL_OK);
    ck_assert_int_eq(table.rows, METHODS);
    ck_assert_int_eq(table.columns, 4); /* two keys, two batch sizes */
    nl_table_release(&table);
    ck_assert(nl_table_grid(&results, &experiment, "norm.kind", &table, &err) == NL_OK);
    ck_assert_int_eq(table.rows, 2);
    ck_assert_int_eq(table.columns, METHODS + 2);
    char *text = nl_table_text(&table, 0), *line = strchr(text, '\n');
    for (line++; *line; line += strcspn(line, "\n") + 1)
        ck_assert_int_le((int)strcspn(line, "\n"), NL_PAPER);
    free(text);
    nl_table_release(&table);
    nl_answer_release(&answer);
    nl_results_release(&results);
    synthetic_remove(folder);
}
END_TEST

START_TEST(order_is_kept_where_nothing_differs)
{
    const double key[] = {1.0, NAN, 3.0, 1.0, NAN, 2.0};
    static const int wanted[] = {2, 5, 0, 3, 1, 4};
    int order[6];
    nl_order_down(key, 6, order);
    ck_assert_int_eq(memcmp(order, wanted, sizeof wanted), 0);
}
END_TEST

/* What is forgotten in one of them is forgotten in all that is said of "every normalizer". */
START_TEST(experiments_list_every_normalizer)
{
    static const char *const files[] = {"all_norms_small_batch", "all_norms_lr"};
    char *path = nl_format("%s/../experiments/%s.yaml", NORMLAB_TESTS_DIR, files[_i]);
    struct nl_experiment experiment;
    struct nl_diagnostics diagnostics = {0};
    ck_assert_msg(nl_experiment_load(path, NULL, 0, &experiment, &diagnostics) == NL_OK, "%s",
                  nl_diagnostics_text(&diagnostics));
    const struct nl_axis *axis = &experiment.axis[0];
    ck_assert_str_eq(axis->key[0]->name, "norm.kind");
    int wanted = 0;
    for (int kind = 0; nl_norm_names[kind]; kind++) {
        bool listed = false;
        for (int point = 0; point < axis->points; point++)
            listed |= strcmp(axis->text[point][0], nl_norm_names[kind]) == 0;
        bool put_together = kind == NL_NORM_custom || kind == NL_NORM_formula; /* what the user says that it is */
        ck_assert_msg(listed != put_together, "%s: %s", path, nl_norm_names[kind]);
        wanted += !put_together;
    }
    ck_assert_int_eq(axis->points, wanted);
    free(path);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("many");
    TCase *tests = tcase_create("many");
    tcase_add_loop_test(tests, each_has_a_panel, 0, 2);
    tcase_add_test(tests, panels_share_their_numbers);
    tcase_add_test(tests, who_is_alike_is_said);
    tcase_add_test(tests, normalizers_take_the_panels);
    tcase_add_test(tests, few_have_panels_where_it_is_asked);
    tcase_add_test(tests, answers_stay_readable);
    tcase_add_test(tests, order_is_kept_where_nothing_differs);
    tcase_add_loop_test(tests, experiments_list_every_normalizer, 0, 2);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
