/* Sweeps over parts of model.layers: the trial of a value is that of the list in which it is written; the command line
 * replaces an axis by whatever name; a list that many points have is read once. What is wrong is said in
 * tests/shell/cli/layers.txt. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "config/keep.h"
#include "config/layers.h"
#include "suite.h"
#include "sweep/grid.h"

#define LIST(width, kind)                                                                                              \
    "model.layers=[{conv: 4, name: stem}, norm, activation, {layers: [conv, norm-activation], name: stage, "           \
    "norm: " kind ", width: " width "}, {residual: [{norm: ln, name: inner}]}, mean-pool, {linear: classes}]"

static struct nl_grid unfold(const char *const *overrides)
{
    const char *words[16] = {"model.arch=layers", "data.name=synth", "norm.groups=2"};
    int count = 3;
    struct nl_experiment experiment;
    struct nl_diagnostics diagnostics = {0};
    struct nl_grid grid = {0};
    while (*overrides)
        words[count++] = *overrides++;
    if (nl_experiment_load(NULL, words, count, &experiment, &diagnostics) ||
        nl_grid_make(&experiment, &grid, &diagnostics))
        ck_abort_msg("%s", nl_diagnostics_text(&diagnostics));
    return grid;
}

static struct nl_grid unfold_words(const char *list, const char *first, const char *second)
{
    return unfold((const char *const[]){list, first, second, NULL});
}

START_TEST(a_value_of_a_part_is_the_list_with_it)
{
    static const char *const written[] = {LIST("4", "{kind: bn}"), LIST("8", "{kind: bn}"), LIST("4", "{kind: gn}"),
                                          LIST("8", "{kind: gn}")};
    struct nl_grid grid =
        unfold_words(LIST("2", "rms"), "model.layers.stage.norm.kind=bn,gn", "model.layers.4.width=4,8");
    ck_assert_int_eq(grid.trials, 4);
    ck_assert_str_eq(grid.key[0]->name, "model.layers.stage.norm.kind");
    ck_assert_str_eq(grid.key[1]->name, "model.layers.4.width");
    for (int i = 0; i < grid.trials; i++) {
        struct nl_grid one = unfold((const char *const[]){written[i], NULL});
        ck_assert_str_eq(grid.trial[i].identity, one.trial[0].identity);
        ck_assert_str_eq(grid.trial[i].text[0], i < 2 ? "bn" : "gn");
        ck_assert_str_eq(grid.trial[i].text[1], i % 2 ? "8" : "4");
        nl_grid_release(&one);
    }
    nl_grid_release(&grid);
}
END_TEST

START_TEST(a_part_inside_an_item_without_a_name_is_found)
{
    struct nl_grid grid = unfold_words(LIST("4", "bn"), "model.layers.inner.norm.kind=rms,ln",
                                       "model.layers.5.residual.1.norm.affine=none");
    ck_assert_int_eq(grid.trials, 2);
    ck_assert_ptr_nonnull(
        strstr(grid.trial[0].identity, "{residual: [{norm: {kind: rms, affine: none}, name: inner}]}"));
    nl_grid_release(&grid);
}
END_TEST

/* By another name, too: the axis keeps its own. */
START_TEST(the_command_line_replaces_an_axis)
{
    struct nl_grid grid = unfold((const char *const[]){LIST("4", "bn"), "model.layers.stage.norm.kind=bn,gn",
                                                       "model.layers.4.norm.kind=ln,rms,gn", NULL});
    ck_assert_int_eq(grid.trials, 3);
    ck_assert_int_eq(grid.keys, 2);
    ck_assert_str_eq(grid.key[0]->name, "model.layers.stage.norm.kind");
    nl_grid_release(&grid);
    grid = unfold((const char *const[]){LIST("4", "bn"), "model.layers.stage.norm.kind=bn,gn",
                                        "model.layers.4.norm.kind=rms", NULL});
    ck_assert_int_eq(grid.trials, 1);
    ck_assert_int_eq(grid.keys, 1);
    ck_assert_ptr_nonnull(strstr(grid.trial[0].identity, "norm: {kind: rms}"));
    nl_grid_release(&grid);
}
END_TEST

START_TEST(a_list_is_read_once)
{
    struct nl_grid few = unfold_words(LIST("4", "bn"), "model.layers.stage.norm.kind=bn,gn,ln", "train.lr=0.1,0.2");
    struct nl_kept before = nl_kept_now();
    struct nl_grid many = unfold_words(LIST("4", "bn"), "model.layers.stage.norm.kind=bn,gn,ln", "train.batch=1:400");
    struct nl_kept after = nl_kept_now();
    ck_assert_int_eq(many.trials, 1200);
    ck_assert_int_lt(after.blocks - before.blocks, 1200);
    for (int i = 0; i < many.trials; i++)
        ck_assert_ptr_eq(many.trial[i].config.model.layers, many.trial[i / 400 * 400].config.model.layers);
    nl_grid_release(&few);
    nl_grid_release(&many);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("parts");
    TCase *tests = tcase_create("parts");
    tcase_add_test(tests, a_value_of_a_part_is_the_list_with_it);
    tcase_add_test(tests, a_part_inside_an_item_without_a_name_is_found);
    tcase_add_test(tests, the_command_line_replaces_an_axis);
    tcase_add_test(tests, a_list_is_read_once);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
