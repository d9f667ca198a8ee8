/* The numbers in scripts of pictures against numpy and scipy: each line of tests/golden/pictures.txt, which
 * tests/golden/pictures.py made of the results in tests/golden/pictures. */
#include "drawing.h"
#include "suite.h"

enum { MOST_VALUES = 256 };

/* The numbers of a block, row after row; how many. */
static int block_of(const char *script, const char *name, double *out)
{
    char *begin = nl_format("$%s << EOD\n", name);
    const char *at = strstr(script, begin);
    int count = 0;
    ck_assert_msg(at != NULL, "there is no block %s", name);
    at += strlen(begin);
    for (char *end; strncmp(at, "EOD", 3) != 0; at = end + (*end == '\n')) {
        ck_assert_int_lt(count, MOST_VALUES);
        out[count++] = strtod(at, &end);
        ck_assert_ptr_ne(at, end);
    }
    free(begin);
    return count;
}

START_TEST(numbers_are_those_of_numpy)
{
    struct nl_error err;
    char *path = nl_format("%s/tests/golden/pictures.txt", NORMLAB_SOURCE_DIR), *text = nl_file_read(path, NULL, &err);
    ck_assert_msg(text != NULL, "%s", err.text);
    int lines = 0, compared = 0;
    for (char *rest = text, *line; (line = strsep(&rest, "\n")) && *line; lines++) {
        const char *folder = strsep(&line, " "), *metric = strsep(&line, " "), *kind = strsep(&line, " "),
                   *block = strsep(&line, " ");
        double got[MOST_VALUES];
        char *chosen[] = {nl_format("plot.metric=%s", metric), nl_format("plot.kind=%s", kind)},
             *file = nl_format("%s.gp", kind);
        char *script = draw_golden(folder, (const char *const[]){chosen[0], chosen[1], NULL}, file);
        int count = block_of(script, block, got), i = 0;
        for (char *end; line && *line; line = end, i++) {
            double wanted = strtod(line, &end);
            ck_assert_msg(i < count, "%s %s %s has %d numbers", folder, metric, block, count);
            ck_assert_msg(isnan(wanted) || fabs(got[i] - wanted) <= 1e-9 * fmax(1.0, fabs(wanted)),
                          "number %d of %s %s %s is %.17g, and must be %.17g", i + 1, folder, metric, block, got[i],
                          wanted);
            compared += !isnan(wanted);
        }
        ck_assert_int_eq(i, count);
        free(script);
        free(file);
        free(chosen[0]);
        free(chosen[1]);
    }
    ck_assert_int_eq(lines, 12);
    ck_assert_int_gt(compared, 300);
    free(text);
    free(path);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("golden_pictures");
    TCase *tests = tcase_create("pictures");
    tcase_add_test(tests, numbers_are_those_of_numpy);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
