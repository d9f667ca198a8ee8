/* What is said of each method while a sweep runs: numbers of its trials, as many lines and characters as there is room
 * for. */
#include <math.h>
#include <string.h>

#include "base/utf8.h"
#include "plot/standing.h"
#include "suite.h"
#include "sweeps.h"

#define METHODS "sweep: {grid: {norm.kind: [bn, gn, none], train.lr: [0.1, 1e6]}, seeds: 2}\n"

static char *lines(const struct setting *s, const struct nl_record *record, int columns, int most)
{
    struct nl_error err;
    struct nl_text out = {0};
    nl_text_add(&out, "%s", "");
    ck_assert_msg(nl_standing_add(&s->grid, record, &s->experiment, columns, most, &out, &err) == NL_OK, "%s",
                  err.text);
    return out.at;
}

static int count(const char *text, const char *part)
{
    int found = 0;
    for (; (text = strstr(text, part)); text += strlen(part))
        found++;
    return found;
}

/* Each line has at most so many characters; returns how many lines there are. */
static int check_widths(const char *text, int columns)
{
    int found = 0;
    for (; *text; text += strcspn(text, "\n") + 1) {
        ck_assert_msg(nl_characters(text, strcspn(text, "\n")) <= columns, "more than %d: %s", columns, text);
        found++;
    }
    return found;
}

/* The best of what has ended, and what has failed, by the records themselves. */
START_TEST(methods_have_their_best_run)
{
    struct setting s = set_up(HEAD NORM TRAIN DEVICE METHODS);
    struct nl_sweep_result result = sweep(&s, 2);
    for (int left_out = 0; left_out < 2; left_out++) {
        result.record[0].present = left_out == 0; /* bn, 0.1, the first seed */
        char *text = lines(&s, result.record, 100, 16);
        int rows = check_widths(text, 100);
        ck_assert_msg(rows == 4 && strncmp(text, "best test error so far, and its run over training\n", 50) == 0, "%s",
                      text);
        static const char *const label[] = {"  BN ", "  GN ", "  no norm "};
        for (int method = 0; method < 3; method++) {
            double best = INFINITY;
            int ended = 0, failed = 0;
            for (int i = 4 * method; i < 4 * method + 4; i++) {
                const struct nl_record *record = &result.record[i];
                if (!record->present)
                    continue;
                double error = 1 - record->score[NL_PART_TEST][NL_EVAL_RUNNING].accuracy;
                bool ended_well = record->status == NL_DONE || record->status == NL_DEAD; /* dead: at chance */
                best = ended_well && error < best ? error : best;
                ended++;
                failed += record->status != NL_DONE;
            }
            ck_assert(isfinite(best));
            char *values = nl_format("%.2f %%", 100 * best), *runs = nl_format("%d of 4, %d failed", ended, failed);
            const char *line = strstr(text, label[method]);
            ck_assert_msg(line != NULL, "no %s in %s", label[method], text);
            char *own = nl_format("%.*s", (int)strcspn(line, "\n"), line);
            ck_assert_msg(strstr(own, values) && (failed == 0 || strstr(own, runs)), "%s without %s or %s", own, values,
                          runs);
            free(own);
            free(runs);
            free(values);
        }
        free(text);
    }
    result.record[0].present = true;
    nl_sweep_result_release(&result);
    tear_down(&s);
}
END_TEST

/* One scale for all: the lowest and the highest value of the best runs have the lowest and the highest bar. */
START_TEST(sparklines_share_a_scale)
{
    struct setting s =
        set_up(HEAD NORM "train: {epochs: 8, lr: 0.1}\n" DEVICE "sweep: {grid: {norm.kind: [bn, gn, none]}}\n");
    struct nl_sweep_result result = sweep(&s, 2);
    char *text = lines(&s, result.record, 100, 16);
    ck_assert_msg(count(text, "▁") > 0 && count(text, "█") > 0, "%s", text);
    free(text);
    nl_sweep_result_release(&result);
    tear_down(&s);
}
END_TEST

START_TEST(what_has_no_room_is_left_out)
{
    struct setting s = set_up(HEAD NORM TRAIN DEVICE METHODS);
    struct nl_sweep_result result = sweep(&s, 2);
    for (int columns = 1; columns < 120; columns++)
        for (int most = 0; most < 7; most++) {
            char *text = lines(&s, result.record, columns, most);
            int found = check_widths(text, columns);
            ck_assert_msg(found <= most && (found == 0 || found >= 3), "%d lines of %d: %s", found, most, text);
            ck_assert_msg(found == 0 || most > 3 || strstr(text, "\n  and 2 methods\n"), "%s", text);
            ck_assert(columns < 60 || most < 3 || found >= 3);
            free(text);
        }
    nl_sweep_result_release(&result);
    tear_down(&s);
}
END_TEST

/* The least of the errors that lines have. */
static double least_error(const char *text)
{
    double least = INFINITY;
    for (const char *at = strchr(text, '%'); at; at = strchr(at + 1, '%')) {
        const char *from = at - 2;
        while (from > text && from[-1] != ' ')
            from--;
        double error = strtod(from, NULL);
        least = error < least ? error : least;
    }
    return least;
}

/* Of more methods than lines the best ones are shown. */
START_TEST(the_best_are_shown)
{
    struct setting s = set_up(HEAD NORM TRAIN DEVICE METHODS);
    struct nl_sweep_result result = sweep(&s, 2);
    char *all = lines(&s, result.record, 100, 16), *one = lines(&s, result.record, 100, 3);
    ck_assert_int_eq(count(all, " % "), 3);
    ck_assert_int_eq(count(one, " % "), 1);
    ck_assert_double_eq(least_error(one), least_error(all));
    free(one);
    free(all);
    nl_sweep_result_release(&result);
    tear_down(&s);
}
END_TEST

START_TEST(one_method_stands_nowhere)
{
    struct setting s = set_up(HEAD NORM TRAIN DEVICE "sweep: {grid: {norm.kind: [bn]}, seeds: 2}\n"),
                   rates = set_up(HEAD NORM TRAIN DEVICE "sweep: {grid: {train.lr: [0.1, 0.2]}}\n");
    struct nl_sweep_result result = sweep(&s, 1);
    char *text = lines(&s, result.record, 100, 16);
    ck_assert_str_eq(text, "");
    free(text);
    nl_sweep_result_release(&result);
    tear_down(&s);
    result = sweep(&rates, 1); /* the values of the only axis */
    text = lines(&rates, result.record, 100, 16);
    ck_assert_msg(strstr(text, "0.1") && strstr(text, "0.2"), "%s", text);
    free(text);
    nl_sweep_result_release(&result);
    tear_down(&rates);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("standing");
    TCase *tests = tcase_create("standing");
    tcase_add_test(tests, methods_have_their_best_run);
    tcase_add_test(tests, sparklines_share_a_scale);
    tcase_add_test(tests, what_has_no_room_is_left_out);
    tcase_add_test(tests, the_best_are_shown);
    tcase_add_test(tests, one_method_stands_nowhere);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
