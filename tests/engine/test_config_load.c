/* Files, base files, sweeps and overrides: what they resolve to, and every kind of mistake with its exact place and
 * message. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/files.h"
#include "base/memory.h"
#include "config/config.h"
#include "config/published.h"
#include "suite.h"

static char folder[] = "/tmp/normlab_config_XXXXXX";
static const char *const written[] = {"a.yaml", "b.yaml", "c.yaml"};

static void enter_folder(void)
{
    strcpy(strrchr(folder, '_'), "_XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    ck_assert_int_eq(chdir(folder), 0);
}

static void leave_folder(void)
{
    for (size_t i = 0; i < sizeof written / sizeof *written; i++)
        unlink(written[i]);
    ck_assert_int_eq(chdir("/"), 0);
    rmdir(folder);
}

static void write_file(const char *name, const char *text)
{
    ck_assert_int_eq(nl_file_write(name, text, strlen(text), NULL), NL_OK);
}

/* a.yaml with `text` and overrides (split by blanks); the diagnostics as text. */
static char *load(const char *text, const char *overrides, struct nl_experiment *out)
{
    struct nl_diagnostics diagnostics = {0};
    const char *words[16];
    int count = 0;
    char *copy = nl_strdup(overrides), *rest = copy, *word;
    while ((word = strsep(&rest, " ")) && *word)
        words[count++] = word;
    write_file("a.yaml", *text ? text : "{}\n");
    int result = nl_experiment_load("a.yaml", words, count, out, &diagnostics);
    ck_assert_int_eq(result, diagnostics.count ? NL_FAIL : NL_OK);
    char *said = nl_diagnostics_text(&diagnostics);
    nl_diagnostics_release(&diagnostics);
    free(copy);
    return said;
}

static struct nl_experiment load_good(const char *text, const char *overrides)
{
    struct nl_experiment experiment;
    char *said = load(text, overrides, &experiment);
    ck_assert_str_eq(said, "");
    free(said);
    return experiment;
}

/* "norm.kind=bn gn; train.batch,train.lr=2,0.1 4,0.2; " */
static void expect_axes(const struct nl_experiment *experiment, const char *expected)
{
    struct nl_text text = {0};
    nl_text_add(&text, "%s", "");
    for (int i = 0; i < experiment->axes; i++) {
        const struct nl_axis *axis = &experiment->axis[i];
        for (int k = 0; k < axis->keys; k++)
            nl_text_add(&text, "%s%s", k ? "," : "", axis->key[k]->name);
        for (int p = 0; p < axis->points; p++)
            for (int k = 0; k < axis->keys; k++)
                nl_text_add(&text, "%s%s", k ? "," : p ? " " : "=", axis->text[p][k]);
        nl_text_add(&text, "; ");
    }
    ck_assert_str_eq(text.at, expected);
    nl_text_release(&text);
}

/* ---- mistakes ---- */

static const struct {
    const char *text, *overrides, *said;
} mistakes[] = {
    {"train: {lr: fast}\n", "",
     "a.yaml:1:13: 'train.lr' must be a number, not 'fast'\n"
     "    1 | train: {lr: fast}\n"
     "      |             ^~~~\n"
     "  write it in decimal digits, from 0 to 1e+06\n"},
    {"norm: {kindd: bn}\n", "",
     "a.yaml:1:8: unknown key 'norm.kindd'\n"
     "    1 | norm: {kindd: bn}\n"
     "      |        ^~~~~\n"
     "  did you mean 'norm.kind'?\n"},
    {"nrom: {kind: bn}\n", "",
     "a.yaml:1:1: unknown key 'nrom'\n"
     "    1 | nrom: {kind: bn}\n"
     "      | ^~~~\n"
     "  did you mean 'norm'?\n"},
    {"train.lr: 1\ntrain: {lr: 2}\n", "",
     "a.yaml:2:9: duplicate key 'train.lr'\n"
     "    2 | train: {lr: 2}\n"
     "      |         ^~\n"
     "  it is first on line 1\n"},
    {"train: {lr: 1}\ntrain: {batch: 2}\n", "",
     "a.yaml:2:1: duplicate key 'train'\n"
     "    2 | train: {batch: 2}\n"
     "      | ^~~~~\n"
     "  it is first on line 1\n"},
    {"train:\n  epochs: .inf\n  batch: 0\n", "", /* all at once */
     "a.yaml:2:11: 'train.epochs' must be an integer, not '.inf'\n"
     "    2 |   epochs: .inf\n"
     "      |           ^~~~\n"
     "  write it in decimal digits, from 0 to 1000000\n"
     "a.yaml:3:10: 'train.batch' must be from 1 to 1000000, not 0\n"
     "    3 |   batch: 0\n"
     "      |          ^\n"},
    {"norm: bn\n", "",
     "a.yaml:1:7: norm must be a mapping of keys to values\n"
     "    1 | norm: bn\n"
     "      |       ^~\n"
     "  its keys stand in braces, or indented below it: norm: {kind: bn}\n"},
    {"train.lr: [1, 2]\n", "",
     "a.yaml:1:11: 'train.lr' takes one value, not a list\n"
     "    1 | train.lr: [1, 2]\n"
     "      |           ^~~~~~\n"
     "  to try several values, list them under sweep: grid:\n"},
    {"train.lr: {a: 2}\n", "",
     "a.yaml:1:11: 'train.lr' takes a value, not a section\n"
     "    1 | train.lr: {a: 2}\n"
     "      |           ^~~~~~\n"},
    {"train: {lr: }\n", "",
     "a.yaml:1:13: 'train.lr' has no value\n"
     "    1 | train: {lr: }\n"
     "      |             ^\n"
     "  leave the key out for its default, 0.05\n"},
    {"[a, b]: 1\n", "",
     "a.yaml:1:1: a key must be a plain word\n"
     "    1 | [a, b]: 1\n"
     "      | ^~~~~~\n"},
    {"norm.eval: [running, btach]\n", "",
     "a.yaml:1:22: 'norm.eval' cannot be 'btach'\n"
     "    1 | norm.eval: [running, btach]\n"
     "      |                      ^~~~~\n"
     "  did you mean 'batch'? it can be running, batch, precise, adapt\n"},
    {"norm.eval: []\n", "",
     "a.yaml:1:12: 'norm.eval' must have at least one value\n"
     "    1 | norm.eval: []\n"
     "      |            ^~\n"},
    {"plot.title: \"a\\0b\"\n", "",
     "a.yaml:1:13: a value cannot contain the character NUL\n"
     "    1 | plot.title: \"a\\0b\"\n"
     "      |             ^~~~~~\n"},
    {"plot: {title: \"\xc3\xa9\xc3\xa9\", widht: 9}\n", "", /* columns count characters */
     "a.yaml:1:21: unknown key 'plot.widht'\n"
     "    1 | plot: {title: \"\xc3\xa9\xc3\xa9\", widht: 9}\n"
     "      |                     ^~~~~\n"
     "  did you mean 'plot.width'?\n"},
    {"a: [1\n", "",
     "a.yaml:1:4: not valid YAML: did not find expected ',' or ']' while parsing a flow sequence\n"
     "    1 | a: [1\n"
     "      |    ^\n"
     "  a list is written [a, b]\n"},
    {"train:\n\tlr: 1\n", "",
     "a.yaml:2:1: not valid YAML: found character that cannot start any token while scanning for the next token\n"
     "    2 | \tlr: 1\n"
     "      | ^\n"
     "  indent with spaces: YAML allows no tabs\n"},
    {"train.lr: *x\n", "",
     "a.yaml:1:11: not valid YAML: found undefined alias\n"
     "    1 | train.lr: *x\n"
     "      |           ^\n"
     "  *name stands for what was marked &name before; a text that begins with * needs quotes\n"},
    {"plot.title: \x1b[31m\n", "", /* what a terminal would obey is not repeated */
     "a.yaml:1:13: not valid YAML: control characters are not allowed\n"
     "    1 | plot.title: ?[31m\n"
     "      |             ^\n"
     "  expected a text file\n"},
    {"train: {lr: 1}\n---\ntrain: {lr: 2}\n", "",
     "a.yaml:2:1: a second YAML document starts here\n"
     "    2 | ---\n"
     "      | ^\n"
     "  put it into a file of its own\n"},
    {"- 1\n", "",
     "a.yaml:1:1: a configuration must be a mapping of keys to values\n"
     "    1 | - 1\n"
     "      | ^~~\n"
     "  write 'key: value', with a space after the colon\n"},
    {"base: nope.yaml\n", "",
     "a.yaml:1:7: cannot open 'nope.yaml': No such file or directory\n"
     "    1 | base: nope.yaml\n"
     "      |       ^~~~~~~~~\n"
     "  a base is named as seen from the folder of the file that names it\n"},
    {"base: [b.yaml]\n", "",
     "a.yaml:1:7: 'base' must be the name of one file\n"
     "    1 | base: [b.yaml]\n"
     "      |       ^~~~~~~~\n"},
    {"base: a.yaml\n", "",
     "a.yaml:1:7: 'a.yaml' is a base of itself\n"
     "    1 | base: a.yaml\n"
     "      |       ^~~~~~\n"},
    {"sweep: {gird: {}}\n", "",
     "a.yaml:1:9: unknown key 'sweep.gird'\n"
     "    1 | sweep: {gird: {}}\n"
     "      |         ^~~~\n"
     "  did you mean 'sweep.grid'?\n"},
    {"sweep: {grid: {norm.knid: [bn]}}\n", "",
     "a.yaml:1:16: unknown key 'norm.knid'\n"
     "    1 | sweep: {grid: {norm.knid: [bn]}}\n"
     "      |                ^~~~~~~~~\n"
     "  did you mean 'norm.kind'?\n"},
    {"sweep: {grid: {norm.kind: []}}\n", "",
     "a.yaml:1:27: 'norm.kind' has an empty list of values\n"
     "    1 | sweep: {grid: {norm.kind: []}}\n"
     "      |                           ^~\n"},
    {"sweep: {grid: {train.lr: [0.1, 0.2, 1e-1]}}\n", "",
     "a.yaml:1:37: 'train.lr' has the value '0.1' twice\n"
     "    1 | sweep: {grid: {train.lr: [0.1, 0.2, 1e-1]}}\n"
     "      |                                     ^~~~\n"},
    {"sweep: {grid: {train.lr: 0.1,x}}\n", "",
     "a.yaml:1:30: unknown key 'x'\n" /* in braces a comma ends the value */
     "    1 | sweep: {grid: {train.lr: 0.1,x}}\n"
     "      |                              ^\n"
     "  did you mean 'plot.x'?\n"},
    {"sweep:\n  grid:\n    train.lr: 0.1,x\n", "",
     "a.yaml:3:19: 'train.lr' must be a number, not 'x'\n"
     "    3 |     train.lr: 0.1,x\n"
     "      |                   ^\n"
     "  write it in decimal digits, from 0 to 1e+06\n"},
    {"sweep: {grid: {plot.metric: [test_loss]}}\n", "",
     "a.yaml:1:16: 'plot.metric' cannot vary in a sweep: keys of 'plot' change no trial\n"
     "    1 | sweep: {grid: {plot.metric: [test_loss]}}\n"
     "      |                ^~~~~~~~~~~\n"},
    {"sweep: {grid: {train.lr: [1, 2]}, zip: {train.lr: [1], train.batch: [2]}}\n", "",
     "a.yaml:1:41: 'train.lr' is an axis already\n"
     "    1 | sweep: {grid: {train.lr: [1, 2]}, zip: {train.lr: [1], train.batch: [2]}}\n"
     "      |                                         ^~~~~~~~\n"
     "  a key can vary in one place: grid or one zip\n"},
    {"sweep: {zip: [{train.lr: [1, 2], train.batch: [2]}]}\n", "",
     "a.yaml:1:47: 'train.batch' has 1 value, but 'train.lr' has 2\n"
     "    1 | sweep: {zip: [{train.lr: [1, 2], train.batch: [2]}]}\n"
     "      |                                               ^~~\n"
     "  keys of a zip advance together: give all the same number of values\n"},
    {"sweep: {zip: {train.lr: [1, 1], train.batch: [2, 2]}}\n", "",
     "a.yaml:1:15: points 1 and 2 of the zip are the same\n"
     "    1 | sweep: {zip: {train.lr: [1, 1], train.batch: [2, 2]}}\n"
     "      |               ^~~~~~~~\n"},
    {"sweep: {zip: {}}\n", "",
     "a.yaml:1:14: a zip needs at least one key\n"
     "    1 | sweep: {zip: {}}\n"
     "      |              ^~\n"},
    {"sweep: {seeds: 0}\n", "",
     "a.yaml:1:16: 'sweep.seeds' must be an integer from 1 to 10000, not '0'\n"
     "    1 | sweep: {seeds: 0}\n"
     "      |                ^\n"},
    {"sweep: {seeds: [1, 2]}\n", "",
     "a.yaml:1:16: 'sweep.seeds' must be a number of seeds\n"
     "    1 | sweep: {seeds: [1, 2]}\n"
     "      |                ^~~~~~\n"
     "  train.seed is the first of them\n"},
    {"sweep: {seeds: 2}\ntrain.seed: 9000000000000000\n", "",
     "a.yaml:1:16: 'sweep.seeds' goes past the largest seed, 9000000000000000\n"
     "    1 | sweep: {seeds: 2}\n"
     "      |                ^\n"},
    {"sweep: {grid: {norm.kind: [bn, gn]}, baseline: {norm.kind: none}}\n", "",
     "a.yaml:1:48: baseline names 'norm.kind' = none, which does not occur in the sweep\n"
     "    1 | sweep: {grid: {norm.kind: [bn, gn]}, baseline: {norm.kind: none}}\n"
     "      |                                                ^~~~~~~~~~~~~~~~~\n"
     "  in the sweep it is bn, gn\n"},
    {"sweep: {grid: {norm.kind: [bn, gn]}, exclude: [{norm.kind: [gn, ln]}]}\n", "",
     "a.yaml:1:48: exclude names 'norm.kind' = ln, which does not occur in the sweep\n"
     "    1 | sweep: {grid: {norm.kind: [bn, gn]}, exclude: [{norm.kind: [gn, ln]}]}\n"
     "      |                                                ^~~~~~~~~~~~~~~~~~~~~\n"
     "  in the sweep it is bn, gn\n"},
    {"", "train.lr",
     "command line: 'train.lr' is not KEY=VALUE\n      | train.lr\n      | ^~~~~~~~\n  write it as train.lr=0.1\n"},
    {"", "trian.lr=1",
     "command line: unknown key 'trian.lr'\n      | trian.lr=1\n      | ^~~~~~~~\n  did you mean 'train.lr'?\n"},
    {"", "train.lr=",
     "command line: 'train.lr' must be a number, not ''\n      | train.lr=\n      |          ^\n"
     "  write it in decimal digits, from 0 to 1e+06\n"},
    {"", "norm.over=sample,positon",
     "command line: 'norm.over' cannot be 'positon'\n      | norm.over=sample,positon\n      |                  "
     "^~~~~~~\n"
     "  did you mean 'position'? it can be auto, sample, position\n"},
    {"", "train.seed=1:5",
     "command line: 'train.seed' cannot vary like other keys\n      | train.seed=1:5\n      | ^~~~~~~~~~\n"
     "  'sweep.seeds' of 5 takes train.seed and the four after it\n"},
    {"", "sweep.grid=1",
     "command line: 'sweep.grid' cannot be set on the command line\n      | sweep.grid=1\n      | ^~~~~~~~~~\n"
     "  give a key several values to make an axis of it: norm.kind=bn,gn\n"},
    {"", "sweep.baseline=norm.over=smple",
     "command line: 'norm.over' cannot be 'smple'\n      | sweep.baseline=norm.over=smple\n      |                "
     "^~~~~~~~~~~~~~~\n"
     "  did you mean 'sample'? it can be auto, sample, position\n"},
    {"", "train.lr=0:1:log:3",
     "command line: 'train.lr' needs two different ends above 0 for a range on the log scale\n"
     "      | train.lr=0:1:log:3\n      |          ^~~~~~~~~\n"},
    {"", "train.lr=1:2:lgo:3",
     "command line: 'train.lr' cannot read the range '1:2:lgo:3'\n"
     "      | train.lr=1:2:lgo:3\n      |          ^~~~~~~~~\n"
     "  a range on the log scale is written from:to:log:count, as in 1e-3:1:log:7 (normlab keys ranges)\n"},
    {"", "train.lr=0.1:0.5",
     "command line: 'train.lr' has a range of 0.1:0.5, which are not integers\n"
     "      | train.lr=0.1:0.5\n      |          ^~~~~~~\n  write from:to:step or from:to:log:count (normlab keys ranges)\n"},
    {"", "train.batch=8:1",
     "command line: 'train.batch' has a range that never gets from 8 to 1\n"
     "      | train.batch=8:1\n      |             ^~~\n"
     "  write from:to:step, with a step that leads from the first to the second\n"},
    {"", "train.batch=1:8:0",
     "command line: 'train.batch' has a range that never gets from 1 to 8\n"
     "      | train.batch=1:8:0\n      |             ^~~~~\n"
     "  write from:to:step, with a step that leads from the first to the second\n"},
    {"", "data.channels=666:668", /* of a range, the first wrong value alone */
     "command line: 'data.channels' must be from 1 to 16, not 666\n      | data.channels=666:668\n      |              "
     " ^~~~~~~\n"},
    {"", "train.lr=1e-3:1:7",
     "command line: 'train.lr' has a range of one value, 1e-3: the step 7 goes beyond 1\n      | train.lr=1e-3:1:7\n   "
     "   |          ^~~~~~~~\n"
     "  7 values on the log scale are written 1e-3:1:log:7\n"},
    {"", "train.lr=1:0.1:5",
     "command line: 'train.lr' has a range that never gets from 1 to 0.1\n      | train.lr=1:0.1:5\n      |          "
     "^~~~~~~\n"
     "  5 values on the log scale are written 1:0.1:log:5\n"},
    {"", "train.lr=0,1",
     "command line: 'train.lr' may be the number 0.1 or two values\n      | train.lr=0,1\n      |          ^~~\n"
     "  the number is written 0.1; values of 0 and an integer are written as a list, in a file\n"},
    {"", "train.momentum=0,9",
     "command line: 'train.momentum' may be the number 0.9 or two values\n      | train.momentum=0,9\n      |          "
     "      ^~~\n"
     "  the number is written 0.9; values of 0 and an integer are written as a list, in a file\n"},
    {"sweep: {grid: {norm.momentum: '0,01'}}\n", "",
     "a.yaml:1:31: 'norm.momentum' may be the number 0.01 or two values\n    1 | sweep: {grid: {norm.momentum: "
     "'0,01'}}\n"
     "      |                               ^~~~~~\n  the number is written 0.01; values of 0 and an integer are "
     "written as a list, in a file\n"},
    {"train: {batch: 010}\n", "",
     "a.yaml:1:16: 'train.batch' must be an integer, not '010'\n    1 | train: {batch: 010}\n      |                "
     "^~~\n"
     "  write it without the 0 in front: YAML 1.1 reads an octal number, YAML 1.2 a decimal one\n"},
    {"model: {arch: layers, layers: [{conv: 010}, {linear: classes}]}\nsweep: {seeds: 05, until: {half_width: 1, "
     "max_seeds: 064}}\n",
     "",
     "a.yaml:1:39: 'conv' must be a number from 1 to 8192, or depthwise, not '010'\n"
     "    1 | model: {arch: layers, layers: [{conv: 010}, {linear: classes}]}\n"
     "      |                                       ^~~\n"
     "  write it without the 0 in front: YAML 1.1 reads an octal number, YAML 1.2 a decimal one\n"
     "a.yaml:2:16: 'sweep.seeds' must be an integer from 1 to 10000, not '05'\n"
     "    2 | sweep: {seeds: 05, until: {half_width: 1, max_seeds: 064}}\n"
     "      |                ^~\n"
     "  write it without the 0 in front: YAML 1.1 reads an octal number, YAML 1.2 a decimal one\n"
     "a.yaml:2:54: 'max_seeds' must be an integer from 2 to 10000, not '064'\n"
     "    2 | sweep: {seeds: 05, until: {half_width: 1, max_seeds: 064}}\n"
     "      |                                                      ^~~\n"
     "  write it without the 0 in front: YAML 1.1 reads an octal number, YAML 1.2 a decimal one\n"},
    {"data: {dir: NULL, name: Null}\n", "",
     "a.yaml:1:13: 'data.dir' has no value\n    1 | data: {dir: NULL, name: Null}\n      |             ^~~~\n  write "
     "'' for an empty text\n"
     "a.yaml:1:25: 'data.name' has no value\n    1 | data: {dir: NULL, name: Null}\n      |                         "
     "^~~~\n"
     "  leave the key out for its default, digits\n"},
    {"", "train.batch=1:100000",
     "command line: 'train.batch' has a range of more than 10000 points\n"
     "      | train.batch=1:100000\n      |             ^~~~~~~~\n"},
    {"sweep: {zip: {train.lr: [1, 2], train.batch: [2, 4]}}\n", "train.lr=3",
     "command line: 'train.lr' is coupled with 'train.batch' in a zip\n"
     "      | train.lr=3\n      | ^~~~~~~~\n  change the zip in the file\n"},
};

START_TEST(mistakes_are_told_with_place_and_remedy)
{
    struct nl_experiment experiment;
    char *said = load(mistakes[_i].text, mistakes[_i].overrides, &experiment);
    ck_assert_str_eq(said, mistakes[_i].said);
    free(said);
}
END_TEST

START_TEST(a_cycle_of_bases_and_a_missing_file)
{
    struct nl_experiment experiment;
    struct nl_diagnostics diagnostics = {0};
    write_file("b.yaml", "base: c.yaml\n");
    write_file("c.yaml", "base: ./a.yaml\n");
    char *said = load("base: b.yaml\n", "", &experiment);
    ck_assert_str_eq(said,
                     "c.yaml:1:7: './a.yaml' is a base of itself\n    1 | base: ./a.yaml\n      |       ^~~~~~~~\n");
    free(said);
    ck_assert_int_eq(nl_experiment_load("none.yaml", NULL, 0, &experiment, &diagnostics), NL_FAIL);
    said = nl_diagnostics_text(&diagnostics);
    ck_assert_str_eq(said, "cannot open 'none.yaml': No such file or directory\n");
    free(said);
    nl_diagnostics_release(&diagnostics);
}
END_TEST

START_TEST(long_lines_are_cut_around_the_place)
{
    struct nl_experiment experiment;
    struct nl_text line = {0};
    nl_text_add(&line, "model.pool: [");
    for (int i = 0; i < 100; i++)
        nl_text_add(&line, "1, ");
    nl_text_add(&line, "x]\n");
    char *said = load(line.at, "", &experiment);
    char *shown = strchr(said, '\n') + 1, *marks = strchr(shown, '\n') + 1;
    ck_assert_ptr_nonnull(strstr(said, "a.yaml:1:314: "));
    ck_assert_int_lt(marks - shown, 140);
    ck_assert_int_eq(shown[strchr(marks, '^') - marks], 'x');
    free(said);
    nl_text_release(&line);
}
END_TEST

/* ---- what files resolve to ---- */

static const char digits[] = "data:   {name: digits}\n"
                             "model:  {arch: mlp, depth: 4, width: 64, activation: relu}\n"
                             "norm:   {kind: bn, placement: before, momentum: 0.1}\n"
                             "train:  {batch: 32, lr: 0.05, momentum: 0.9,\n"
                             "         epochs: 15, schedule: cosine, seed: 1}\n"
                             "device: {kind: cpu}\n";
static const char small_batch[] = "base: b.yaml\n"
                                  "sweep:\n"
                                  "  grid:\n"
                                  "    norm.kind: [bn, gn, ln, none]\n"
                                  "    train.batch: [64, 32, 16, 8, 4, 2]\n"
                                  "  seeds: 8\n"
                                  "  baseline: {norm.kind: none}\n"
                                  "plot: {kind: small_batch, metric: test_error}\n";

static const struct nl_origin *origin_of(const struct nl_experiment *experiment, const char *name)
{
    return &experiment->origin[nl_key_index(nl_key_named(name))];
}

START_TEST(a_sweep_on_a_base)
{
    write_file("b.yaml", digits);
    struct nl_experiment experiment = load_good(small_batch, "train.lr=0.1");
    ck_assert_str_eq(experiment.path, "a.yaml");
    ck_assert_str_eq(experiment.name, "a");
    ck_assert(experiment.is_sweep);
    ck_assert_int_eq(experiment.seeds, 8);
    expect_axes(&experiment, "norm.kind=bn gn ln none; train.batch=64 32 16 8 4 2; ");
    ck_assert(experiment.has_baseline);
    ck_assert_int_eq(experiment.baseline.keys, 1);
    ck_assert_str_eq(experiment.baseline.values[0].at[0], "none");
    ck_assert(experiment.config.train.lr == 0.1);
    ck_assert_int_eq(experiment.config.train.epochs, 15);
    ck_assert_int_eq(experiment.config.plot.kind.count, 1);
    ck_assert_int_eq(experiment.config.plot.kind.at[0], NL_PLOT_SMALL_BATCH);
    ck_assert_int_eq(origin_of(&experiment, "train.lr")->kind, NL_FROM_COMMAND_LINE);
    ck_assert_int_eq(origin_of(&experiment, "train.nesterov")->kind, NL_FROM_DEFAULT);
    ck_assert_str_eq(origin_of(&experiment, "train.epochs")->file, "b.yaml");
    ck_assert_int_eq(origin_of(&experiment, "train.epochs")->line, 5);
    ck_assert_int_eq(origin_of(&experiment, "train.epochs")->column, 18);
    char *text = nl_experiment_text(&experiment, true);
    ck_assert_ptr_nonnull(strstr(text, "\n  epochs: 15                            # b.yaml:5\n"));
    ck_assert_ptr_nonnull(strstr(text, "\n  lr: 0.1                               # command line\n"));
    ck_assert_ptr_nonnull(strstr(text, "\n  nesterov: false                       # default\n"));
    ck_assert_ptr_nonnull(strstr(text, "\n  kind: bn                              # b.yaml:3; varies below\n"));
    free(text);
}
END_TEST

START_TEST(a_file_replaces_what_it_gives_itself)
{
    write_file("b.yaml", "train: {lr: 1, batch: 8}\n"
                         "sweep: {grid: {norm.kind: [bn, ln]}, zip: {train.batch: [2, 4], train.lr: [0.1, 0.2]},"
                         " exclude: {norm.kind: ln, train.batch: 2}, seeds: 3}\n");
    struct nl_experiment experiment =
        load_good("base: b.yaml\nsweep: {grid: {norm.kind: [ln, gn], model.depth: 1:3}}\ntrain.lr: 2\n", "");
    expect_axes(&experiment, "norm.kind=ln gn; model.depth=1 2 3; train.batch,train.lr=2,0.1 4,0.2; ");
    ck_assert_int_eq(experiment.seeds, 3);
    ck_assert_int_eq(experiment.excludes, 1);
    ck_assert(experiment.config.train.lr == 2 && experiment.config.train.batch == 8);
}
END_TEST

/* An empty file may be what is left of one, and a base that is empty gives another network without a word. */
START_TEST(a_file_without_keys_is_refused)
{
    static const char *const texts[] = {"",    "\n",     "\n# nothing\n", "---\n",   "--- # nothing\n...\n",
                                        "~\n", "null\n", "\xef\xbb\xbf",  "\r\n\r\n"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        for (int base = 0; base < 2; base++) {
            struct nl_experiment experiment;
            struct nl_diagnostics diagnostics = {0};
            write_file(base ? "b.yaml" : "a.yaml", texts[i]);
            if (base)
                write_file("a.yaml", "base: b.yaml\n");
            ck_assert_int_eq(nl_experiment_load("a.yaml", NULL, 0, &experiment, &diagnostics), NL_FAIL);
            char *said = nl_diagnostics_text(&diagnostics);
            ck_assert_str_eq(said, base ? "b.yaml: the file holds no keys\n  {} in it asks for the defaults; 'normlab "
                                          "init' writes a file to begin with\n"
                                        : "a.yaml: the file holds no keys\n  {} in it asks for the defaults; 'normlab "
                                          "init' writes a file to begin with\n");
            free(said);
            nl_diagnostics_release(&diagnostics);
        }
}
END_TEST

START_TEST(files_that_set_nothing_are_defaults)
{
    static const char *const texts[] = {"train:\nnorm: {}\n", "made: {by: [normlab], x: {y: 1}}\n", "{}\n",
                                        "\xef\xbb\xbftrain:\n"};
    struct nl_config defaults;
    nl_config_defaults(&defaults);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct nl_experiment experiment = load_good(texts[i], "");
        char *a = nl_config_identity_text(&experiment.config), *b = nl_config_identity_text(&defaults);
        ck_assert_str_eq(a, b);
        ck_assert(!experiment.is_sweep);
        ck_assert_int_eq(experiment.seeds, 1);
        free(a);
        free(b);
    }
}
END_TEST

START_TEST(aliases_and_quotes_are_plain_values)
{
    struct nl_experiment experiment = load_good(
        "train: &t {lr: '0.2', batch: \"4\"}\nmodel.pool: &p [2]\nsweep: {grid: {model.pool: [*p, [1, 3], []]}}\n", "");
    ck_assert(experiment.config.train.lr == 0.2 && experiment.config.train.batch == 4);
    expect_axes(&experiment, "model.pool=[2] [1, 3] []; ");
}
END_TEST

START_TEST(ranges)
{
    static const struct {
        const char *override, *axes;
    } rows[] = {
        {"train.lr=1e-3:1:log:7", "train.lr=0.001 0.00316228 0.01 0.0316228 0.1 0.316228 1; "},
        {"train.lr=0.1234567:1:log:2", "train.lr=0.1234567 1; "},
        {"train.lr=1:1e-2:log:3", "train.lr=1 0.1 0.01; "},
        {"train.batch=1:256:log:9", "train.batch=1 2 4 8 16 32 64 128 256; "},
        {"train.batch=1:8", "train.batch=1 2 3 4 5 6 7 8; "},
        {"train.batch=1:9:2", "train.batch=1 3 5 7 9; "},
        {"train.batch=1:8:2", "train.batch=1 3 5 7; "},
        {"train.batch=8:2:-3", "train.batch=8 5 2; "},
        {"train.batch=4,1:2,64", "train.batch=4 1 2 64; "},
        {"model.dropout=0:0.9:0.3", "model.dropout=0 0.3 0.6 0.9; "},
        {"model.dropout=0:0.9:0.25", "model.dropout=0 0.25 0.5 0.75; "},
        {"train.lr=0:1:0.1", "train.lr=0 0.1 0.2 0.3 0.4 0.5 0.6 0.7 0.8 0.9 1; "},
        {"norm.stat_batch=auto,2:3", "norm.stat_batch=auto 2 3; "},
        {"norm.last_gamma=0.1:10:log:5",
         "norm.last_gamma=0.1 0.316228 1 3.16228 10; "}, /* 'auto' is legal, too, and makes no integers of these */
        {"norm.last_gamma=0:1:0.25", "norm.last_gamma=0 0.25 0.5 0.75 1; "},
        {"norm.kind=bn,gn", "norm.kind=bn gn; "},
        {"train.nesterov=off,on", "train.nesterov=false true; "},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct nl_experiment experiment = load_good("", rows[i].override);
        expect_axes(&experiment, rows[i].axes);
        ck_assert(experiment.is_sweep);
        ck_assert_int_eq(experiment.axis[0].origin.kind, NL_FROM_COMMAND_LINE);
        const char *equals = strchr(rows[i].override, '=');
        char *file = nl_format("sweep:\n  grid:\n    %.*s: %s\n", (int)(equals - rows[i].override), rows[i].override,
                               equals + 1);
        experiment = load_good(file, "");
        expect_axes(&experiment, rows[i].axes);
        free(file);
    }
}
END_TEST

/* Values with another plausible meaning: which was taken stands with the axis, from the command line, a grid, a zip and
 * a tuning round; and goes with it. */
START_TEST(values_that_may_be_meant_otherwise)
{
    static const struct {
        const char *key, *values, *what, *remedy; /* what NULL: there is one meaning */
    } rows[] = {
        {"train.batch", "2:64:7", "2:64:7 is read as 9 values from 2 to 58 in steps of 7, without 64",
         "7 values on the log scale are written 2:64:log:7"},
        {"train.lr", "0:1:0.3", "0:1:0.3 is read as 4 values from 0 to 0.9 in steps of 0.3, without 1",
         "write from:to:step, with a step that leads from the first to the second"},
        {"train.batch", "4,8:65:7", "8:65:7 is read as 9 values from 8 to 64 in steps of 7, without 65",
         "7 values on the log scale are written 8:65:log:7"},
        {"train.batch", "8:64:7", NULL, NULL}, /* it arrives */
        {"train.batch", "9:2:-3", "9:2:-3 is read as 3 values from 9 to 3 in steps of -3, without 2",
         "write from:to:step, with a step that leads from the first to the second"},
        {"train.lr", "1,5", "1,5 is read as two values, 1 and 5", "the number is written 1.5"},
        {"norm.last_gamma", "1,50", "1,50 is read as two values, 1 and 50", "the number is written 1.50"},
        {"train.batch", "64,128", NULL, NULL},
        {"train.lr", "0.1,5", NULL, NULL},
        {"train.lr", "1,2,5", NULL, NULL},
        {"train.lr", "1e-3:1:log:7", NULL, NULL},
        {"train.lr", "0.1:0.5:0.1", NULL, NULL},
        {"train.batch", "1:9:2", NULL, NULL},
    };
    static const struct {
        const char *before, *after;
    } forms[] = {
        {"sweep: {grid: {", "}}\n"}, {"sweep: {zip: {", "}}\n"}, {"sweep: {tune: {", "}}\ndata: {val: 100}\n"}};
    enum { FORMS = sizeof forms / sizeof *forms };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *override = nl_format("%s=%s", rows[i].key, rows[i].values);
        for (int form = 0; form <= FORMS; form++) {
            bool in_file = form < FORMS;
            char *file =
                in_file ? nl_format("%s%s: '%s'%s", forms[form].before, rows[i].key, rows[i].values, forms[form].after)
                        : nl_strdup("{}\n");
            struct nl_experiment experiment = load_good(file, in_file ? "" : override);
            const struct nl_axis *axis = experiment.axes ? experiment.axis : experiment.rounds.tune;
            const struct nl_doubt *doubt = axis->doubt[0];
            ck_assert_msg(!doubt == !rows[i].what, "%s%s", file, override);
            if (doubt) {
                ck_assert_str_eq(doubt->what, rows[i].what);
                ck_assert_str_eq(doubt->remedy, rows[i].remedy);
                ck_assert_int_eq(doubt->at.line, 1);
            }
            free(file);
        }
        free(override);
    }
    struct nl_experiment experiment = load_good("sweep: {grid: {train.batch: '2:64:7'}}\n", "train.batch=2,4");
    ck_assert_ptr_null(experiment.axis[0].doubt[0]);
}
END_TEST

START_TEST(overrides_make_replace_and_remove_axes)
{
    write_file("b.yaml", digits);
    struct nl_experiment experiment = load_good(small_batch, "norm.kind=bn,gn train.lr=1e-2:1:log:3 sweep.seeds=2");
    expect_axes(&experiment, "norm.kind=bn gn; train.batch=64 32 16 8 4 2; train.lr=0.01 0.1 1; ");
    ck_assert_int_eq(experiment.seeds, 2);
    ck_assert(!experiment.has_baseline); /* norm.kind=none is not in the sweep any more, by the user's own word */

    experiment = load_good(small_batch, "norm.kind=none train.batch=4");
    expect_axes(&experiment, "");
    ck_assert(experiment.has_baseline);
    ck_assert_int_eq(experiment.config.train.batch, 4);

    experiment = load_good(small_batch, "norm.kind=bn,gn sweep.baseline=norm.kind=gn");
    ck_assert(experiment.has_baseline);
    ck_assert_str_eq(experiment.baseline.values[0].at[0], "gn");

    experiment = load_good(small_batch, "sweep.baseline=");
    ck_assert(!experiment.has_baseline);

    experiment = load_good("", "model.pool=1,3 norm.eval=running,batch plot.title=a,b train.lr=1 train.lr=2");
    expect_axes(&experiment, "");
    ck_assert(!experiment.is_sweep);
    ck_assert_int_eq(experiment.config.model.pool.count, 2);
    ck_assert_int_eq(experiment.config.norm.eval.count, 2);
    ck_assert_str_eq(experiment.config.plot.title, "a,b");
    ck_assert(experiment.config.train.lr == 2);

    experiment =
        load_good("sweep: {grid: {norm.kind: [bn, gn], train.batch: [1, 2]}, exclude: [{norm.kind: bn, train.batch: 1},"
                  " {norm.kind: [bn, gn], train.batch: 2}]}\n",
                  "norm.kind=gn,ln");
    ck_assert_int_eq(experiment.excludes, 1); /* the first could match nothing, the second lost bn */
    ck_assert_int_eq(experiment.exclude[0].values[0].count, 1);
    ck_assert_str_eq(experiment.exclude[0].values[0].at[0], "gn");
}
END_TEST

/* In axes, zips, exclusions and cells; a key that no axis has is set. The file of the base is a file like any other. */
START_TEST(a_value_is_replaced_wherever_the_key_stands)
{
    static const char text[] =
        "base: b.yaml\ntrain.lr: 0.5\n"
        "sweep: {zip: {norm.eps: [1e-3, 0.5, 0.25], norm.momentum: [0.5, 0.1, 0.2]}, exclude: [{train.batch: 8, "
        "norm.eps: [0.5, 0.25]}]}\n"
        "claim: {says: a, source: b, measure: {metric: test_loss}, parts: [{says: c, of: {train.batch: 8, norm.eps: 0.5}, "
        "minus: {train.batch: 4, norm.eps: 1e-3}, smallest: 0.5}]}\n";
    static const char *const eps[] = {"norm.eps"}, *const rate[] = {"train.lr", "model.width"};
    struct nl_experiment out;
    struct nl_diagnostics diagnostics = {0};
    write_file("a.yaml", text);
    write_file("b.yaml", "sweep: {grid: {train.batch: [4, 8]}}\n");
    const struct nl_replacement of_axis = {1, eps, "0.5", "0.125"}, of_none = {2, rate, "0.5", "16"},
                                otherwise = {1, eps, "0.50", "0.125"};
    ck_assert_int_eq(nl_experiment_load_replacing("a.yaml", &of_axis, NULL, 0, &out, &diagnostics), NL_OK);
    expect_axes(&out, "train.batch=4 8; norm.eps,norm.momentum=0.001,0.5 0.125,0.1 0.25,0.2; ");
    ck_assert_str_eq(out.exclude[0].values[1].at[0], "0.125");
    ck_assert_str_eq(out.published->part[0].cell[0].values[1].at[0], "0.125");
    ck_assert_str_eq(out.published->part[0].cell[1].values[1].at[0], "0.001");
    ck_assert_double_eq(out.published->part[0].threshold, 0.5);
    ck_assert_double_eq(out.config.train.lr, 0.5);
    ck_assert_int_eq(nl_experiment_load_replacing("a.yaml", &of_none, NULL, 0, &out, &diagnostics), NL_OK);
    expect_axes(&out, "train.batch=4 8; norm.eps,norm.momentum=0.001,0.5 0.5,0.1 0.25,0.2; ");
    ck_assert(out.config.train.lr == 16 && out.config.model.width == 16);
    ck_assert_int_eq(nl_experiment_load_replacing("a.yaml", &otherwise, NULL, 0, &out, &diagnostics), NL_FAIL);
    char *said = nl_diagnostics_text(&diagnostics);
    ck_assert_msg(strstr(said, "the value '0.50' of 'norm.eps' cannot be replaced"), "%s", said);
    free(said);
    nl_diagnostics_release(&diagnostics);
}
END_TEST

#define OBJECTION(text)                                                                                                \
    "norm.kind: bn\nsweep: {grid: {train.batch: [4, 8]}}\nclaim: {says: a, source: b, measure: {metric: test_loss}, "  \
    "parts: [{says: c, of: {train.batch: 8}, minus: {train.batch: 4}, smallest: 1}], objections: [" text "]}\n"

static const struct {
    const char *key, *word, *value, *remedy;
} called[] = {
#define CALLED(key, word, value, note) {key, word, value, NULL},
#define ELSEWHERE(key, word, remedy) {key, word, NULL, remedy},
#include "config/values.def"
#undef CALLED
#undef ELSEWHERE
};

/* Each name that other libraries have: the same configuration as by our own, or the way to ask for it. */
START_TEST(values_have_names_elsewhere)
{
    for (size_t i = 0; i < sizeof called / sizeof *called; i++) {
        struct nl_experiment by_theirs, by_ours;
        char *theirs = nl_format("%s=%s", called[i].key, called[i].word), *said = load("", theirs, &by_theirs);
        if (called[i].value) {
            char *ours = nl_format("%s=%s", called[i].key, called[i].value), *none = load("", ours, &by_ours);
            char *a = nl_config_identity_text(&by_theirs.config), *b = nl_config_identity_text(&by_ours.config);
            ck_assert_msg(!*said && !*none && strcmp(a, b) == 0, "%s: %s%s", theirs, said, none);
            free(a);
            free(b);
            free(ours);
            free(none);
        } else {
            ck_assert_msg(strstr(said, called[i].remedy), "%s: %s", theirs, said);
        }
        free(theirs);
        free(said);
    }
}
END_TEST

/* In files and axes as on the command line, in any letters, and said once. */
START_TEST(names_elsewhere_are_noted_once)
{
    static const char text[] = "norm: {kind: Layer_Norm}\ntrain: {optimizer: AdamW}\n"
                               "sweep: {grid: {model.activation: [ReLU, Swish]}, baseline: {model.activation: relu}}\n";
    struct nl_experiment out;
    struct nl_diagnostics diagnostics = {0};
    static const char *const overrides[] = {"norm.kind=layer-norm,BatchNorm2d", "train.schedule=cosine"};
    write_file("a.yaml", text);
    ck_assert_int_eq(nl_experiment_load("a.yaml", overrides, 2, &out, &diagnostics), NL_OK);
    expect_axes(&out, "model.activation=relu silu; norm.kind=ln bn; ");
    char *notes = nl_notes_text(&diagnostics);
    ck_assert_msg(strstr(notes, "a.yaml:1:14: note: 'Layer_Norm' is read as norm.kind: ln, over the whole sample"),
                  "%s", notes);
    ck_assert_msg(strstr(notes, "a.yaml:2:20: note: 'AdamW' is read as train.optimizer: adamw\n"), "%s", notes);
    ck_assert_msg(strstr(notes, "note: 'ReLU' is read as model.activation: relu\n"), "%s", notes);
    ck_assert_msg(strstr(notes, "command line: note: 'BatchNorm2d' is read as norm.kind: bn\n"), "%s", notes);
    ck_assert_ptr_null(strstr(notes, "cosine"));
    free(notes);
    nl_diagnostics_release(&diagnostics);
}
END_TEST

START_TEST(objections_and_hinges_are_whole)
{
    static const struct {
        const char *text, *said;
    } cases[] = {
        {"{says: d, set: {train.lr: 1}}, {says: e, hinge: train.batch, here: 8, values: [16], source: f}", NULL},
        {"{says: d, hinge: norm.eps, here: 1e-5, values: 1e-3, source: f, set: {train.epochs: 2}}", NULL},
        {"{says: d, hinge: norm.eps, here: 1e-4, values: 1e-3, source: f}",
         "a hinge names 'norm.eps' = 0.0001, which does not occur in the sweep"},
        {"{says: d, hinge: train.batch, here: 16, values: [32], source: f}",
         "a hinge names 'train.batch' = 16, which does not occur in the sweep"},
        {"{says: d}", "an objection has 'says', and 'set' or 'hinge'"},
        {"{hinge: train.lr, here: 0.1, values: [1], source: f}", "an objection has 'says', and 'set' or 'hinge'"},
        {"{says: d, set: {train.lr: 1}, here: 2}", "'here', 'values' and 'source' go with a 'hinge'"},
        {"{says: d, hinge: train.lr, values: [1], source: f}", "a hinge has 'here'"},
        {"{says: d, hinge: train.lr, here: 1, source: f}", "a hinge has 'here'"},
        {"{says: d, hinge: train.lr, here: 1, values: [2]}", "a hinge has 'here'"},
        {"{says: d, hinge: train.lr, here: 1, values: [2, 1], source: f}", "others than 'here', each once"},
        {"{says: d, hinge: train.lr, here: 1, values: [2, 2], source: f}", "others than 'here', each once"},
        {"{says: d, hinge: train.lr, here: 1, values: [fast], source: f}", "'train.lr' must be a number, not 'fast'"},
        {"{says: d, hinge: train.rl, here: 1, values: [2], source: f}", "unknown key 'train.rl'"},
        {"{says: d, hinge: train.seed, here: 1, values: [2], source: f}", "'train.seed' cannot vary"},
        {"{says: d, hinge: train.lr, here: 0.1, values: [1], source: f}, {says: e, hinge: norm.eps, here: 1e-5, "
         "values: [1], source: f}",
         "a claim has one hinge"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct nl_experiment experiment;
        char *text = nl_format(OBJECTION("%s"), cases[i].text), *said = load(text, "", &experiment);
        ck_assert_msg(cases[i].said ? strstr(said, cases[i].said) != NULL : !*said, "%s: %s", cases[i].text, said);
        free(text);
        free(said);
    }
}
END_TEST

START_TEST(text_reads_back)
{
    static const char *const texts[] = {
        "",
        "sweep:\n",
        "plot: {title: 'a \"b\": #c', protocol: \" x \\\\ \"}\ndata.dir: /srv/a b\nmodel.pool: []\nnorm.eval: "
        "[precise, running]\n",
        ("sweep: {grid: {norm.kind: [bn, gn, none], train.lr: 1e-3:1:log:7}, zip: [{train.batch: [1, 2], model.width: "
         "[8, 16]}],"
         " exclude: [{norm.kind: [bn, gn], train.batch: 1}, {train.lr: 1}], seeds: 4, baseline: {norm.kind: none, "
         "train.batch: 2}}\n"),
        "sweep: {zip: {train.batch: [1, 2], data.dir: [a, 'b, c']}, grid: {norm.eval: [running, [running, batch]]}}\n",
        "plot: {title: 'null', protocol: 'true'}\ndata.dir: '2024'\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        for (int origins = 0; origins < 2; origins++) {
            struct nl_experiment experiment = load_good(texts[i], "model.init_scale=0.1,10");
            char *once = nl_experiment_text(&experiment, origins), *plain = nl_experiment_text(&experiment, false);
            struct nl_experiment again = load_good(once, "");
            char *twice = nl_experiment_text(&again, false);
            ck_assert_str_eq(twice, plain);
            ck_assert_int_eq(again.is_sweep, experiment.is_sweep);
            ck_assert_int_eq(again.axes, experiment.axes);
            ck_assert_int_eq(again.excludes, experiment.excludes);
            ck_assert_int_eq(again.has_baseline, experiment.has_baseline);
            char *a = nl_config_identity_text(&experiment.config), *b = nl_config_identity_text(&again.config);
            ck_assert_str_eq(a, b);
            ck_assert_str_eq(again.config.plot.title, experiment.config.plot.title);
            ck_assert_str_eq(again.config.data.dir, experiment.config.data.dir);
            free(a);
            free(b);
            free(once);
            free(twice);
            free(plain);
        }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("config_load");
    TCase *tests = tcase_create("files");
    tcase_add_checked_fixture(tests, enter_folder, leave_folder);
    tcase_add_loop_test(tests, mistakes_are_told_with_place_and_remedy, 0, (int)(sizeof mistakes / sizeof *mistakes));
    tcase_add_test(tests, a_cycle_of_bases_and_a_missing_file);
    tcase_add_test(tests, long_lines_are_cut_around_the_place);
    tcase_add_test(tests, a_sweep_on_a_base);
    tcase_add_test(tests, a_file_replaces_what_it_gives_itself);
    tcase_add_test(tests, a_file_without_keys_is_refused);
    tcase_add_test(tests, files_that_set_nothing_are_defaults);
    tcase_add_test(tests, aliases_and_quotes_are_plain_values);
    tcase_add_test(tests, ranges);
    tcase_add_test(tests, values_that_may_be_meant_otherwise);
    tcase_add_test(tests, overrides_make_replace_and_remove_axes);
    tcase_add_test(tests, a_value_is_replaced_wherever_the_key_stands);
    tcase_add_test(tests, values_have_names_elsewhere);
    tcase_add_test(tests, names_elsewhere_are_noted_once);
    tcase_add_test(tests, objections_and_hinges_are_whole);
    tcase_add_test(tests, text_reads_back);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
