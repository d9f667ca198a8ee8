/* What a results folder shows: no trained trial disappears from its tables unasked. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "suite.h"
#include "sweeps.h"

/* Names, sizes, times and bytes of all that is in the results folder; new string. */
static char *contents(const struct setting *s)
{
    char *command = nl_format(
        "cd '%s' && find . -printf '%%p %%s %%T@\n' | sort && find . -type f -exec sha256sum {} + | sort", s->out);
    FILE *pipe = popen(command, "r");
    ck_assert(pipe != NULL);
    struct nl_text out = {0};
    char part[4096];
    for (size_t bytes; (bytes = fread(part, 1, sizeof part, pipe)) > 0;)
        nl_text_add_bytes(&out, part, bytes);
    ck_assert_int_eq(pclose(pipe), 0);
    free(command);
    return out.at;
}

/* Replaces the folder's path by OUT. */
static char *without_path(const struct setting *s, const char *text)
{
    struct nl_text out = {0};
    size_t length = strlen(s->out);
    nl_text_add(&out, "%s", "");
    for (const char *found; (found = strstr(text, s->out)); text = found + length) {
        nl_text_add_bytes(&out, text, (size_t)(found - text));
        nl_text_add(&out, "OUT");
    }
    nl_text_add(&out, "%s", text);
    return out.at;
}

/* Asks for the folder on behalf of another experiment: a refusal says `says` (NULL: it is given) and `why`, and leaves
 * every byte as it was. */
static void ask(const struct setting *s, const char *yaml, int hidden, const char *says, const char *why)
{
    struct setting other = set_up(yaml);
    struct nl_showing showing = showing_of(&other);
    struct nl_store store;
    struct nl_hidden found;
    struct nl_error err = {0};
    char *before = contents(s);
    int status = nl_store_open(&store, s->out, &showing, &found, &err);
    char *text = without_path(s, err.text), *lines = without_path(s, found.why.at ? found.why.at : "");
    ck_assert_msg(strcmp(status == NL_OK ? "" : text, says ? says : "") == 0, "%s: %s", yaml, text);
    ck_assert_msg(strcmp(lines, why) == 0, "%s: %s", yaml, lines);
    ck_assert_msg(found.trials == hidden, "%s: %d hidden", yaml, found.trials);
    ck_assert_int_eq(found.may_replace, says != NULL);
    nl_hidden_release(&found);
    if (status == NL_OK) {
        nl_store_close(&store);
    } else {
        char *after = contents(s);
        ck_assert_str_eq(before, after);
        free(after);
        showing.replace = true;
        ck_assert_msg(nl_store_refuse(s->out, &showing, &found, &err) == NL_OK, "%s: %s", yaml, err.text);
        ck_assert_int_eq(found.trials, hidden);
        nl_hidden_release(&found);
    }
    free(before);
    free(text);
    free(lines);
    tear_down(&other);
}

/* More seeds, more values, other plots and whatever no trial depends on are welcome; a trained trial that would
 * disappear from view is not. */
START_TEST(test_another_experiment)
{
    static const struct {
        const char *yaml;
        int hidden;
        const char *says, *why;
    } cases[] = {
        {HEAD NORM TRAIN DEVICE GRID, 0, NULL, ""},
        {HEAD NORM TRAIN DEVICE GRID "plot: {metric: test_loss, title: Another}\n", 0, NULL, ""},
        {HEAD NORM "train: {epochs: 2, lr: 0.1, beta1: 0.5}\n" DEVICE GRID, 0, NULL, ""},
        {HEAD NORM TRAIN DEVICE
         "sweep: {grid: {norm.kind: [bn, ln, gn], train.batch: [8, 4, 32]}, seeds: 3, baseline: {norm.kind: ln}}\n",
         0, NULL, ""},
        {HEAD NORM "train: {epochs: 2, lr: 0.2}\n" DEVICE GRID, 8,
         "8 trained trials would disappear from the tables of 'OUT'", "train.lr: 0.1 -> 0.2\n"},
        {HEAD "norm: {groups: 2, eval: [running, batch]}\n" TRAIN DEVICE GRID, 4,
         "4 trained trials would disappear from the tables of 'OUT'", "norm.groups: 4 -> 2\n"},
        {HEAD NORM TRAIN DEVICE "sweep: {grid: {norm.kind: [bn, gn], train.batch: [32, 8]}}\n", 4,
         "4 trained trials would disappear from the tables of 'OUT'", "sweep.seeds: 2 -> 1\n"},
        {HEAD NORM TRAIN DEVICE "sweep: {grid: {norm.kind: [bn, ln, gn], train.batch: [32]}, seeds: 3}\n", 4,
         "4 trained trials would disappear from the tables of 'OUT'",
         "norm.kind: bn, gn -> bn, ln, gn\ntrain.batch: 32, 8 -> 32\nsweep.seeds: 2 -> 3\n"},
        {HEAD NORM TRAIN DEVICE "sweep: {grid: {norm.kind: [bn, gn], train.batch: [32, 8]}, seeds: 2, exclude: "
                                "{norm.kind: gn, train.batch: 8}}\n",
         2, "2 trained trials would disappear from the tables of 'OUT'",
         "sweep.exclude: nothing -> {norm.kind: gn, train.batch: 8}\n"},
        {"data: {train: 250, test: 60}\nmodel: {depth: 2, width: 12}\nnorm: {groups: 4}\n" TRAIN GRID, 8,
         "8 trained trials would disappear from the tables of 'OUT'",
         "data.train: 256 -> 250\ndata.test: 64 -> 60\nmodel.depth: 1 -> 2\nmodel.width: 8 -> 12\nand 2 more\n"},
        {HEAD NORM TRAIN DEVICE "sweep: {grid: {norm.kind: [bn, gn], train.batch: 32:61:1}, seeds: 2}\n", 4,
         "4 trained trials would disappear from the tables of 'OUT'",
         "train.batch: ..., 8 -> ..., 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, ...\n"},
        {HEAD NORM TRAIN DEVICE "sweep: {grid: {norm.kind: [bn, gn], train.lr: [0.1, 0.2]}, seeds: 2}\n", 4,
         "'OUT' holds the results of another experiment (its axes: 'norm.kind', 'train.batch'; here: 'norm.kind', "
         "'train.lr')",
         "train.batch: 32, 8 -> 32\ntrain.lr: 0.1 -> 0.1, 0.2\n"},
        {HEAD NORM TRAIN DEVICE
         "sweep: {grid: {norm.kind: [bn, gn], train.batch: [32, 8], train.lr: [0.1, 0.2]}, seeds: 2}\n",
         0,
         "'OUT' holds the results of another experiment (its axes: 'norm.kind', 'train.batch'; here: 'norm.kind', "
         "'train.batch', 'train.lr')",
         ""},
    };
    struct setting s = set_up(small);
    struct nl_sweep_result result = sweep(&s, 2);
    nl_sweep_result_release(&result);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        ask(&s, cases[i].yaml, cases[i].hidden, cases[i].says, cases[i].why);
    tear_down(&s);
}
END_TEST

static void change(const struct setting *s, const char *script)
{
    char *command = nl_format("cd '%s' && %s", s->out, script);
    ck_assert_int_eq(system(command), 0);
    free(command);
}

/* What has no result, because it never ended, is damaged, or could not be run, is not lost; nor is what disappeared
 * before. */
START_TEST(test_nothing_trained_is_lost)
{
    static const char slower[] = HEAD NORM "train: {epochs: 2, lr: 0.2}\n" DEVICE GRID;
    struct setting s = set_up(small);
    struct nl_error err = {0};
    struct nl_record broken = {.present = true,
                               .failed = true,
                               .failed_step = -1,
                               .message = nl_strdup("out of memory"),
                               .curve = nl_strdup("")};
    struct nl_sweep_result result = sweep(&s, 2);
    nl_sweep_result_release(&result);
    const struct nl_store store = nl_store_at(s.out);
    char *first = trial_file(&s, 0), *second = trial_file(&s, 1);
    ck_assert_int_eq(unlink(first), 0);
    ask(&s, slower, 7, "7 trained trials would disappear from the tables of 'OUT'", "train.lr: 0.1 -> 0.2\n");
    ck_assert_msg(nl_file_write(second, "normlab trial 1\nid", 18, &err) == NL_OK, "%s", err.text);
    ask(&s, slower, 6, "6 trained trials would disappear from the tables of 'OUT'", "train.lr: 0.1 -> 0.2\n");
    for (int i = 0; i < 7; i++)
        ck_assert_msg(nl_store_save(&store, &s.grid.trial[i], &broken, false, &err) == NL_OK, "%s", err.text);
    ask(&s, slower, 1, "1 trained trial would disappear from the tables of 'OUT'", "train.lr: 0.1 -> 0.2\n");
    ck_assert_msg(nl_store_save(&store, &s.grid.trial[7], &broken, false, &err) == NL_OK, "%s", err.text);
    ask(&s, slower, 0, NULL, "");
    change(&s, "touch trials/0123456789abcdef.trial"); /* of an experiment that was replaced */
    ask(&s, slower, 0, NULL, "");
    nl_record_release(&broken);
    free(first);
    free(second);
    tear_down(&s);
}
END_TEST

/* Trials that this version cannot take for the new ones are results all the same: of other numerics, other data,
 * another version's names, or of nobody knows what. */
START_TEST(test_of_another_version)
{
    struct setting s = set_up(small);
    struct nl_sweep_result result = sweep(&s, 2);
    nl_sweep_result_release(&result);
    change(&s, "cp experiment.yaml ../kept && cp -r trials ../all");
    static const struct {
        const char *change;
        int hidden;
        const char *why; /* with %s: this version and commit */
    } cases[] = {
        {"sed -i '/^# s[eh]a/d; s/^  commit: .*/  commit: \"another\"/' experiment.yaml", 0, ""},
        {"sed -i '/^# s[eh]a/d; s/^  commit: .*/  commit: \"another\"/' experiment.yaml; rm $(ls -d trials/* | head -n "
         "3)",
         0, ""},
        {"sed -i '/^# s[eh]a/d; s/^  index: 0/  index: 3/' experiment.yaml", 0,
         ""}, /* a GPU that this machine does not have */
        {"sed -i '/^# s[eh]a/d; s/^  version: .*/  version: \"0.1\"/; s/^  commit: .*/  commit: \"abc\"/' "
         "experiment.yaml; cd trials; for f in *; do mv $f 000$f; mv 000$f "
         "$(echo 000$f | cut -c1-16).trial; done",
         8,
         "'OUT' was made by another version of normlab (0.1, abc; here " NORMLAB_VERSION
         ", %s), which may have named its trials otherwise\n"},
        {"sed -i '/^# s[eh]a/d; s/^  version: .*/  version: \"0.1\"/; s/^  commit: .*/  commit: \"abc\"/' "
         "experiment.yaml; cd trials; set -- *; mv $1 00000000000000aa.trial; "
         "mv $2 00000000000000bb.trial; rm $3; touch 00000000000000cc.trial 00000000000000dd.trial "
         "00000000000000ee.checkpoint",
         3,
         "'OUT' was made by another version of normlab (0.1, abc; here " NORMLAB_VERSION
         ", %s), which may have named its trials otherwise\n"},
        {"sed -i '/^# s[eh]a/d; /^made:/,$d' experiment.yaml", 0, ""},
        {"sed -i '/^# s[eh]a/d; /^made:/,$d' experiment.yaml; touch trials/00000000000000aa.trial", 1,
         "experiment.yaml does not say from what data its trials were made\n"},
        {"sed -i '/^# s[eh]a/d; s/^  groups: 4/  groups: 3/' experiment.yaml; touch trials/00000000000000aa.trial", 1,
         "norm.groups: 3 -> 4\n'OUT/experiment.yaml' is no longer a legal experiment: 3 groups do not divide the 8 "
         "channels of model.width; 2 or 4 do\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        change(&s, "rm -r trials && cp -r ../all trials && cp ../kept experiment.yaml");
        change(&s, cases[i].change);
        int hidden = cases[i].hidden;
        char *says =
            nl_format("%d trained trial%s would disappear from the tables of 'OUT'", hidden, hidden == 1 ? "" : "s");
        char *why = strstr(cases[i].why, "%s") ? nl_format("%.*s%s%s", (int)(strstr(cases[i].why, "%s") - cases[i].why),
                                                           cases[i].why, nl_commit(), strstr(cases[i].why, "%s") + 2)
                                               : nl_strdup(cases[i].why);
        ask(&s, small, hidden, hidden ? says : NULL, why);
        free(says);
        free(why);
    }
    tear_down(&s);
}
END_TEST

/* The folder shows the new experiment when that is asked for; what it showed stays, and comes back the same way. */
START_TEST(test_replace)
{
    struct setting s = set_up(small), other = set_up(HEAD NORM "train: {epochs: 2, lr: 0.2}\n" DEVICE GRID);
    struct nl_error err = {0};
    struct nl_sweep_result result = sweep(&s, 2);
    nl_sweep_result_release(&result);
    char *before = read_result(&s, "trials.csv");
    for (int back = 0; back < 2; back++) {
        struct setting *now = back ? &s : &other;
        struct nl_sweep_options options = {.folder = s.out,
                                           .command = "test",
                                           .replace = true,
                                           .runner = {.workers = 2, .note = keep_note, .context = now}};
        nl_text_release(&now->notes);
        nl_text_add(&now->notes, "%s", "");
        ck_assert_msg(nl_sweep(&now->experiment, &now->grid, &now->datasets, &options, &result, &err) == NL_OK, "%s",
                      err.text);
        ck_assert_int_eq(result.hidden.trials, 8);
        nl_sweep_result_release(&result);
        char *notes = without_path(&s, now->notes.at), *trials = read_result(&s, "trials.csv");
        ck_assert_str_eq(notes,
                         back ? "8 of 8 trials are done already\n8 trained trials disappear from the tables of 'OUT'; "
                                "they stay in 'OUT/trials'\n"
                              : "8 trained trials disappear from the tables of 'OUT'; they stay in 'OUT/trials'\n");
        ck_assert((strcmp(before, trials) == 0) == back);
        free(notes);
        free(trials);
    }
    free(before);
    tear_down(&s);
    tear_down(&other);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("refuse");
    TCase *tests = tcase_create("refuse");
    tcase_add_test(tests, test_another_experiment);
    tcase_add_test(tests, test_nothing_trained_is_lost);
    tcase_add_test(tests, test_of_another_version);
    tcase_add_test(tests, test_replace);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
