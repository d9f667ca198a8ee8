/* Tables: the same numbers as the estimates, marked where that is known, escaped for where they go. */
#include <check.h>

#include "base/csv.h"
#include "stats/claim.h"
#include "stats/table.h"
#include "suite.h"
#include "synthetic.h"

struct made {
    char *folder;
    struct nl_experiment experiment;
    struct nl_results results;
};

static void make(struct made *out, const struct synthetic *how, const char *const *overrides)
{
    struct nl_error err = {{0}};
    out->folder = synthetic_make(how);
    synthetic_load(out->folder, overrides, &out->experiment);
    ck_assert_msg(nl_results_load(out->folder, &out->experiment, NULL, &out->results, &err) == NL_OK, "%s", err.text);
}

static void release(struct made *made)
{
    nl_results_release(&made->results);
    synthetic_remove(made->folder);
}

static void assert_holds(const char *text, const char *part)
{
    ck_assert_msg(strstr(text, part) != NULL, "'%s' is not in:\n%s", part, text);
}

static struct nl_table grid(const struct made *made, const char *across)
{
    struct nl_table table;
    struct nl_error err = {{0}};
    ck_assert_msg(nl_table_grid(&made->results, &made->experiment, across, &table, &err) == NL_OK, "%s", err.text);
    return table;
}

static int marked(const struct nl_table *table)
{
    int count = 0;
    for (int i = 0; i < table->rows * table->columns; i++)
        count += table->entry[i].marked;
    return count;
}

START_TEST(best_only_where_it_is_known)
{
    struct made made;
    make(&made, &(struct synthetic){.kind = "lr_tolerance", .seeds = 5},
         (const char *[]){"plot.metric=train_error", NULL});
    struct nl_table table = grid(&made, NULL);
    ck_assert_int_eq(table.rows, 3); /* rates; at the last one none diverged, ln is dead, bn is as ever */
    ck_assert_int_eq(table.keys, 2);
    ck_assert(nl_table_at(&table, 2, 2)->marked);
    ck_assert(!nl_table_at(&table, 2, 3)->marked && !nl_table_at(&table, 2, 4)->marked);
    const struct nl_estimate *diverged =
        &nl_table_at(&table, 2, 4)->estimate; /* all of them: at chance, and no interval */
    ck_assert(fabs(diverged->mean - 0.9) < 1e-3 && isnan(diverged->lower) && isnan(diverged->upper));
    nl_table_release(&table);
    release(&made);

    /* one seed knows no best */
    make(&made, &(struct synthetic){.kind = "small_batch", .seeds = 1}, NULL);
    table = grid(&made, NULL);
    ck_assert_int_eq(marked(&table), 0);
    assert_holds(table.caption, "one seed, so no interval");
    nl_table_release(&table);
    release(&made);

    /* between batches ln and none are equal but for the noise; bn at 64 beats bn at 2 by 20 points */
    make(&made, &(struct synthetic){.kind = "small_batch", .seeds = 8}, NULL);
    table = grid(&made, "train.batch");
    ck_assert(nl_table_at(&table, 0, 2)->marked && !nl_table_at(&table, 0, 3)->marked);
    nl_table_release(&table);
    release(&made);

    /* whose runs failed is not best, however good the others were */
    make(&made, &(struct synthetic){.kind = "small_batch", .seeds = 8, .ln_diverged = 3}, NULL);
    table = grid(&made, NULL);
    ck_assert(!nl_table_at(&table, 1, 3)->marked);
    const struct nl_entry *entry = nl_table_at(&table, 1, 3);
    ck_assert(entry->count == 3 && entry->of == 8 && entry->estimate.n == 8 && entry->finished.n == 5);
    ck_assert(fabs(entry->estimate.mean - (3 * 0.9 + 5 * entry->finished.mean) / 8) < 1e-12);
    char *text = nl_table_entry_text(&table, 1, 3), *csv = nl_table_csv(&table), *json = nl_table_json(&table, NULL);
    assert_holds(text, "] (3/8: 9 to 76 %; 2.");
    assert_holds(csv, ",ln,ln_lower,ln_upper,ln_p,ln_p_adjusted,ln_failed,ln_failed_of,ln_failed_lower,ln_failed_upper,"
                      "ln_finished,ln_finished_lower,ln_finished_upper,");
    assert_holds(csv, ",3,8,0.0852"); /* scipy.stats.binomtest(3, 8).proportion_ci(0.95, "exact") */
    assert_holds(json, "\"failed\": {\"count\": 3, \"of\": 8, \"lower\": 0.0852");
    assert_holds(json, "\"finished\": {\"n\": 5, \"mean\": 0.02");
    assert_holds(
        table.caption,
        "(k/n: a to b %; m): k of n runs failed, with the exact 95 % CI of that share; m is the mean of the others.");
    free(text);
    free(csv);
    free(json);
    nl_table_release(&table);
    release(&made);
}
END_TEST

/* Of the methods at a rate: the largest p-value of the cell's differences to the others against the smallest effect. */
static double largest_p(const struct made *made, const struct nl_cell *best, const struct nl_metric_column *metric,
                        int *others)
{
    const struct nl_results *results = &made->results;
    double largest = 0.0;
    int rate = nl_results_factor(results, "train.lr");
    *others = 0;
    for (int i = 0; i < results->cells; i++) {
        const struct nl_cell *other = &results->cell[i];
        if (other == best || other->level[rate] != best->level[rate])
            continue;
        struct nl_estimate lead = nl_cell_difference(results, &made->experiment, best, other, metric);
        largest = fmax(largest, nl_threshold_p(&lead, -nl_rule_for(&made->experiment, "points").smallest / 100));
        ++*others;
    }
    return largest;
}

/* Whoever is the best has to be better than each of the others. */
START_TEST(the_best_has_the_largest_p_of_its_differences)
{
    struct made made;
    make(&made, &(struct synthetic){.kind = "lr_tolerance", .seeds = 5},
         (const char *[]){"plot.metric=train_error", NULL});
    struct nl_table table = grid(&made, NULL);
    const struct nl_metric_column metric =
        nl_metric_column(&made.results, nl_metric_names[made.experiment.config.plot.metric]);
    const struct nl_entry *best = nl_table_at(&table, 2, 2); /* bn at the last rate */
    int others = 0;
    ck_assert(best->tested);
    for (int i = 0; i < made.results.cells; i++) {
        const struct nl_cell *cell = &made.results.cell[i];
        bool is_best = cell->level[nl_results_factor(&made.results, "train.lr")] == 2 &&
                       cell->level[nl_results_factor(&made.results, "norm.kind")] == 0;
        double p = is_best ? largest_p(&made, cell, &metric, &others) : best->p;
        ck_assert_msg(fabs(best->p - p) <= 1e-12, "%.17g, not %.17g", best->p, p);
    }
    ck_assert_int_eq(others, 2);
    nl_table_release(&table);
    release(&made);
}
END_TEST

START_TEST(keys_that_do_not_apply_have_a_row_of_their_own)
{
    struct made made;
    make(&made, &(struct synthetic){.kind = "small_batch", .seeds = 2, .ghost = true}, NULL);
    struct nl_table table = grid(&made, NULL);
    ck_assert_int_eq(table.rows, 3);
    ck_assert_int_eq(nl_table_at(&table, 2, 0)->kind, NL_ENTRY_EMPTY);
    ck_assert_int_eq(nl_table_at(&table, 2, 2)->kind, NL_ENTRY_EMPTY);
    ck_assert_int_eq(nl_table_at(&table, 2, 3)->kind, NL_ENTRY_ESTIMATE);
    nl_table_release(&table);
    release(&made);
}
END_TEST

/* What a mark means stands below each table that has one, and below no other. */
START_TEST(marks_are_explained_where_there_are_any)
{
    int with = 0, without = 0;
    for (int seeds = 1; seeds <= 5; seeds += 4) {
        struct made made;
        make(&made, &(struct synthetic){.kind = "lr_tolerance", .seeds = seeds},
             (const char *[]){"plot.metric=train_error", NULL});
        for (int form = 0; form < 3; form++) {
            struct nl_table table;
            struct nl_error err = {{0}};
            if (form == 0)
                ck_assert_msg(nl_table_summary(&made.results, &made.experiment, &table, &err) == NL_OK, "%s", err.text);
            else
                table = grid(&made, form == 1 ? NULL : "train.lr");
            bool said =
                strstr(table.caption, form == 1 ? " Marked: better than every other of its row, by "
                                                : " Marked: better than every other normalizer at this point, by ");
            ck_assert_msg(said == (marked(&table) > 0), "form %d, %d seeds: %d marked, but: %s", form, seeds,
                          marked(&table), table.caption);
            with += said;
            without += !said;
            nl_table_release(&table);
        }
        release(&made);
    }
    ck_assert_msg(with == 2 && without == 4, "%d with, %d without", with, without);
}
END_TEST

START_TEST(a_narrow_terminal_gets_blocks)
{
    struct made made;
    make(&made, &(struct synthetic){.kind = "small_batch", .seeds = 4}, NULL);
    struct nl_table table;
    struct nl_error err = {{0}};
    ck_assert_int_eq(nl_table_summary(&made.results, &made.experiment, &table, &err), NL_OK);
    char *text = nl_table_text(&table, 60);
    int headers = 0;
    for (char *rest = text, *line; (line = strsep(&rest, "\n"));) {
        ck_assert_msg(strlen(line) <= 60, "%s", line);
        headers += strncmp(line, "normalizer ", 11) == 0;
    }
    ck_assert_int_eq(headers, 4); /* each block begins with the keys */
    free(text);
    nl_table_release(&table);
    release(&made);
}
END_TEST

START_TEST(what_a_table_cannot_show_is_refused)
{
    struct made made;
    struct nl_table table;
    struct nl_error err = {{0}};
    make(&made, &(struct synthetic){.kind = "small_batch", .seeds = 2}, (const char *[]){"plot.metric=val_loss", NULL});
    ck_assert_int_eq(nl_table_summary(&made.results, &made.experiment, &table, &err), NL_FAIL);
    assert_holds(err.text, "has no value of 'val_loss'");
    ck_assert_int_eq(nl_table_grid(&made.results, &made.experiment, "model.depth", &table, &err), NL_FAIL);
    assert_holds(err.text, "columns can be norm.kind, train.batch, train.lr");
    release(&made);

    /* that all diverged is a result */
    make(&made, &(struct synthetic){.kind = "small_batch", .seeds = 2, .all_diverged = true}, NULL);
    table = grid(&made, NULL);
    ck_assert(isnan(nl_table_at(&table, 0, 2)->estimate.lower));
    ck_assert(nl_table_at(&table, 0, 2)->count == 2 && nl_table_at(&table, 0, 2)->finished.n == 0);
    char *text = nl_table_entry_text(&table, 0, 2);
    assert_holds(text, " (2/2: 16 to 100 %)");
    free(text);
    nl_table_release(&table);
    release(&made);
}
END_TEST

/* Each number of an estimate stands under its own name. */
START_TEST(numbers_have_their_names)
{
    struct nl_column column = {.kind = NL_ENTRY_ESTIMATE, .title = "test error", .name = "test_error", .scale = 100};
    struct nl_entry entry = {
        .kind = NL_ENTRY_ESTIMATE,
        .text = "",
        .raw = "",
        .estimate = {.n = 7, .mean = 0.5, .lower = 0.25, .upper = 0.75, .sd = 0.125, .se = 0.0625, .median = 0.375}};
    struct nl_table table = {.caption = "", .columns = 1, .rows = 1, .column = &column, .entry = &entry};
    char *json = nl_table_json(&table, NULL);
    assert_holds(json, "\"n\": 7, \"mean\": 0.5, \"lower\": 0.25, \"upper\": 0.75, \"sd\": 0.125, \"median\": 0.375");
    free(json);
}
END_TEST

START_TEST(texts_are_escaped)
{
    struct nl_column column = {.kind = NL_ENTRY_WORD, .title = "a_b & 100 %", .name = "a,\"b\"", .scale = 1};
    struct nl_entry entry = {.kind = NL_ENTRY_WORD, .text = "x|y*<_\\^~#{$}", .raw = "x,\"y\"\n"};
    struct nl_table table = {
        .caption = "+- 5 %", .keys = 1, .columns = 1, .rows = 1, .column = &column, .entry = &entry};
    char *latex = nl_table_latex(&table, "50 %\n", "a note\n", "a b_c");
    assert_holds(latex, "\\caption{$\\pm$ 5 \\%}");
    assert_holds(latex, "\\label{tab:a-b_c}");
    assert_holds(latex, "a\\_b \\& 100 \\% \\\\");
    assert_holds(latex, "x$|$y*$<$\\_\\textbackslash{}\\textasciicircum{}\\textasciitilde{}\\#\\{\\$\\} \\\\");
    assert_holds(latex, "\n% 50 %\n% a note\n");
    char *markdown = nl_table_markdown(&table, NULL, NULL);
    assert_holds(markdown, "± 5 %\n\n| a\\_b & 100 % |\n| --- |\n| x\\|y\\*\\<\\_\\\\^\\~#{\\$} |\n");
    char *csv = nl_table_csv(&table);
    ck_assert_str_eq(csv, "\"a,\"\"b\"\"\"\n\"x,\"\"y\"\"\n\"\n");
    char *json = nl_table_json(&table, NULL);
    assert_holds(json, "{\"a,\\\"b\\\"\": \"x,\\\"y\\\"\\u000a\"}");
    assert_holds(json, "\"answer\": null");
    free(latex);
    free(markdown);
    free(csv);
    free(json);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sheet");
    TCase *tests = tcase_create("sheet");
    tcase_add_test(tests, best_only_where_it_is_known);
    tcase_add_test(tests, the_best_has_the_largest_p_of_its_differences);
    tcase_add_test(tests, keys_that_do_not_apply_have_a_row_of_their_own);
    tcase_add_test(tests, marks_are_explained_where_there_are_any);
    tcase_add_test(tests, a_narrow_terminal_gets_blocks);
    tcase_add_test(tests, what_a_table_cannot_show_is_refused);
    tcase_add_test(tests, texts_are_escaped);
    tcase_add_test(tests, numbers_have_their_names);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
