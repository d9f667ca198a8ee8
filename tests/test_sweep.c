/* The sweep engine: finished trials come back bit for bit, damaged ones
 * never, and what is written does not depend on workers. */
#include <check.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/files.h"
#include "base/memory.h"
#include "experiments.h"
#include "scratch.h"
#include "sweep/merge.h"
#include "sweep/shards.h"
#include "sweep/sweep.h"
#include "sweep/verify.h"
#include "suite.h"

static const char small[] = "data: {train: 256, test: 64}\n"
                            "model: {depth: 1, width: 8}\n"
                            "norm: {groups: 4, eval: [running, batch]}\n"
                            "train: {epochs: 2, lr: 0.1}\n"
                            "device: {kind: ref}\n"
                            "sweep: {grid: {norm.kind: [bn, gn], train.batch: [32, 8]}, seeds: 2}\n";

/* What a sweep needs, from YAML. */
struct setting {
    char *scratch, *out;
    struct nl_experiment experiment;
    struct nl_grid grid;
    struct nl_datasets datasets;
    struct nl_text notes;
};

static struct setting set_up_for(const char *yaml, bool elsewhere)
{
    struct nl_error err;
    struct setting s = {.scratch = scratch_make()};
    s.out = nl_path_join(s.scratch, "out");
    s.experiment = load(s.scratch, yaml, NULL);
    s.experiment.elsewhere = elsewhere;
    s.grid = unfold(&s.experiment);
    ck_assert_msg(nl_grid_identify(&s.grid, &s.datasets, &err) == NL_OK, "%s", err.text);
    return s;
}

static struct setting set_up(const char *yaml)
{
    return set_up_for(yaml, false);
}

static void tear_down(struct setting *s)
{
    nl_datasets_release(&s->datasets);
    nl_grid_release(&s->grid);
    nl_text_release(&s->notes);
    free(s->out);
    scratch_remove(s->scratch);
}

static void keep_note(void *context, bool warning, const char *line)
{
    struct setting *s = context;
    nl_text_add(&s->notes, "%s%s\n", warning ? "warning: " : "", line);
}

static struct nl_sweep_result sweep(struct setting *s, int workers)
{
    struct nl_error err = {0};
    struct nl_sweep_result result;
    struct nl_sweep_options options = {
        .folder = s->out, .command = "test", .runner = {.workers = workers, .note = keep_note, .context = s}};
    nl_text_release(&s->notes);
    nl_text_add(&s->notes, "%s", "");
    ck_assert_msg(nl_sweep(&s->experiment, &s->grid, &s->datasets, &options, &result, &err) == NL_OK, "%s", err.text);
    return result;
}

static char *read_result(const struct setting *s, const char *name)
{
    struct nl_error err;
    char *path = nl_path_join(s->out, name), *text = nl_file_read(path, NULL, &err);
    ck_assert_msg(text != NULL, "%s", err.text);
    free(path);
    return text;
}

static struct nl_showing showing_of(const struct setting *s)
{
    return (struct nl_showing){.experiment = &s->experiment, .grid = &s->grid, .datasets = &s->datasets};
}

static char *trial_file(const struct setting *s, int trial)
{
    return nl_format("%s/trials/%s.trial", s->out, s->grid.trial[trial].id);
}

/* The same bytes with one worker and with three, after losing trials, after damage, and when all is there. */
START_TEST(test_same_bytes)
{
    struct setting one = set_up(small), three = set_up(small);
    struct nl_error err;
    struct nl_sweep_result result = sweep(&one, 1);
    ck_assert_int_eq(result.absent, 0);
    nl_sweep_result_release(&result);
    result = sweep(&three, 3);
    nl_sweep_result_release(&result);
    char *trials = read_result(&one, "trials.csv"), *curves = read_result(&one, "curves.csv");

    for (int round = 0; round < 3; round++) {
        char *other_trials = read_result(&three, "trials.csv"), *other_curves = read_result(&three, "curves.csv");
        ck_assert_str_eq(trials, other_trials);
        ck_assert_str_eq(curves, other_curves);
        free(other_trials);
        free(other_curves);
        char *lost = trial_file(&three, 1), *damaged = trial_file(&three, 6);
        if (round == 0) {
            ck_assert_int_eq(unlink(lost), 0);
            ck_assert_msg(nl_file_write(damaged, "normlab trial 1\nid", 18, &err) == NL_OK, "%s", err.text);
        }
        result = sweep(&three, 2);
        nl_sweep_result_release(&result);
        if (round == 0) {
            char *expected = nl_format("warning: cannot use '%s': it is truncated or damaged (its checksum does not fit); it is set aside as '%s.damaged', "
                                       "and the trial is run again\n6 of 8 trials are there already\n", damaged, damaged);
            ck_assert_str_eq(three.notes.at, expected);
            free(expected);
        } else {
            ck_assert_str_eq(three.notes.at, "8 of 8 trials are there already\n");
        }
        free(lost);
        free(damaged);
    }
    ck_assert_ptr_nonnull(strstr(trials, "trial,norm.kind,train.batch,train.seed,status,failed_step,steps,epochs,samples,parameters,classes,train_samples,val_samples,test_samples,val_overlap,test_overlap,train_loss,"));
    ck_assert_ptr_nonnull(strstr(trials, "test_error,train_loss_batch,"));
    free(trials);
    free(curves);
    tear_down(&one);
    tear_down(&three);
}
END_TEST

/* Whatever byte of whatever file changes: nl_store_verify says that it is damaged. */
START_TEST(test_every_changed_byte_is_found)
{
    struct setting s = set_up("data: {train: 256, test: 64}\nmodel: {depth: 1, width: 8}\ntrain: {epochs: 1}\n");
    struct nl_sweep_result result = sweep(&s, 1);
    struct nl_verified found;
    nl_sweep_result_release(&result);
    nl_store_verify(s.out, &found);
    ck_assert_msg(found.trials == 1 && found.tables == 4 && found.bad == 0 && !found.unsealed.length, "%s", found.problems.at);
    nl_verified_release(&found);
    char *trial = nl_format("trials/%s.trial", s.grid.trial[0].id);
    const char *const names[] = {"experiment.yaml", "trials.csv", "curves.csv", "timing.csv", "summary.csv", "SHA256SUMS", trial};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *text = read_result(&s, names[i]), *path = nl_path_join(s.out, names[i]);
        for (size_t at = 0; at < strlen(text); at++) {
            const char changed = (char)(text[at] ^ 1 << at % 7);
            int file = open(path, O_WRONLY);
            ck_assert(file >= 0 && pwrite(file, &changed, 1, (off_t)at) == 1);
            nl_store_verify(s.out, &found);
            ck_assert_msg(found.bad > 0, "'%s', byte %zu", names[i], at);
            nl_verified_release(&found);
            ck_assert(pwrite(file, &text[at], 1, (off_t)at) == 1);
            close(file);
        }
        free(text);
        free(path);
    }
    free(trial);
    tear_down(&s);
}
END_TEST

/* What a killed program leaves half-written goes away; what others put there stays. */
START_TEST(test_temporaries)
{
    struct setting s = set_up(small);
    struct nl_error err;
    struct nl_sweep_result result = sweep(&s, 2);
    nl_sweep_result_release(&result);
    char *half = nl_format("%s/trials/x.trial.123.tmp", s.out), *note = nl_path_join(s.out, "notes.txt");
    ck_assert_msg(nl_file_write(half, "x", 1, &err) == NL_OK && nl_file_write(note, "x", 1, &err) == NL_OK, "%s", err.text);
    result = sweep(&s, 2);
    nl_sweep_result_release(&result);
    ck_assert(!nl_file_exists(half));
    ck_assert(nl_file_exists(note));
    free(half);
    free(note);
    tear_down(&s);
}
END_TEST

START_TEST(test_lock)
{
    struct setting s = set_up(small);
    struct nl_error err = {0};
    struct nl_store first, second;
    struct nl_hidden hidden;
    const struct nl_showing showing = showing_of(&s);
    ck_assert_msg(nl_store_open(&first, s.out, &showing, &hidden, &err) == NL_OK, "%s", err.text);
    ck_assert_int_eq(nl_store_open(&second, s.out, &showing, &hidden, &err), NL_FAIL);
    char *expected = nl_format("cannot work in '%s': another normlab does (process %ld); wait for it or choose another --out", s.out,
                               (long)getpid());
    ck_assert_str_eq(err.text, expected);
    free(expected);
    ck_assert(nl_store_in_use(s.out));
    nl_store_close(&first);
    ck_assert(!nl_store_in_use(s.out));
    ck_assert_msg(nl_store_open(&second, s.out, &showing, &hidden, &err) == NL_OK, "%s", err.text);
    nl_store_close(&second);
    tear_down(&s);
}
END_TEST

/* Names, sizes, times and bytes of all that is in the results folder; new string. */
static char *contents(const struct setting *s)
{
    char *command = nl_format("cd '%s' && find . -printf '%%p %%s %%T@\n' | sort && find . -type f -exec sha256sum {} + | sort", s->out);
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

/* Asks for the folder on behalf of another experiment: a refusal says `says` (NULL: it is given) and `why`, and leaves every byte as it was. */
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

#define HEAD "data: {train: 256, test: 64}\nmodel: {depth: 1, width: 8}\n"
#define NORM "norm: {groups: 4, eval: [running, batch]}\n"
#define TRAIN "train: {epochs: 2, lr: 0.1}\n"
#define DEVICE "device: {kind: ref}\n"
#define GRID "sweep: {grid: {norm.kind: [bn, gn], train.batch: [32, 8]}, seeds: 2}\n"

/* More seeds, more values, other plots and whatever no trial depends on are welcome; a trained trial that would disappear from view is not. */
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
        {HEAD NORM TRAIN DEVICE "sweep: {grid: {norm.kind: [bn, ln, gn], train.batch: [8, 4, 32]}, seeds: 3, baseline: {norm.kind: ln}}\n", 0, NULL, ""},
        {HEAD NORM "train: {epochs: 2, lr: 0.2}\n" DEVICE GRID, 8, "8 trained trials would disappear from the tables of 'OUT'",
         "train.lr: 0.1 -> 0.2\n"},
        {HEAD "norm: {groups: 2, eval: [running, batch]}\n" TRAIN DEVICE GRID, 4, "4 trained trials would disappear from the tables of 'OUT'",
         "norm.groups: 4 -> 2\n"},
        {HEAD NORM TRAIN DEVICE "sweep: {grid: {norm.kind: [bn, gn], train.batch: [32, 8]}}\n", 4,
         "4 trained trials would disappear from the tables of 'OUT'", "sweep.seeds: 2 -> 1\n"},
        {HEAD NORM TRAIN DEVICE "sweep: {grid: {norm.kind: [bn, ln, gn], train.batch: [32]}, seeds: 3}\n", 4,
         "4 trained trials would disappear from the tables of 'OUT'",
         "norm.kind: bn, gn -> bn, ln, gn\ntrain.batch: 32, 8 -> 32\nsweep.seeds: 2 -> 3\n"},
        {HEAD NORM TRAIN DEVICE "sweep: {grid: {norm.kind: [bn, gn], train.batch: [32, 8]}, seeds: 2, exclude: {norm.kind: gn, train.batch: 8}}\n", 2,
         "2 trained trials would disappear from the tables of 'OUT'", "sweep.exclude: nothing -> {norm.kind: gn, train.batch: 8}\n"},
        {"data: {train: 250, test: 60}\nmodel: {depth: 2, width: 12}\nnorm: {groups: 4}\n" TRAIN GRID, 8,
         "8 trained trials would disappear from the tables of 'OUT'",
         "data.train: 256 -> 250\ndata.test: 64 -> 60\nmodel.depth: 1 -> 2\nmodel.width: 8 -> 12\nand 2 more\n"},
        {HEAD NORM TRAIN DEVICE "sweep: {grid: {norm.kind: [bn, gn], train.batch: 32:61:1}, seeds: 2}\n", 4,
         "4 trained trials would disappear from the tables of 'OUT'",
         "train.batch: ..., 8 -> ..., 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, ...\n"},
        {HEAD NORM TRAIN DEVICE "sweep: {grid: {norm.kind: [bn, gn], train.lr: [0.1, 0.2]}, seeds: 2}\n", 4,
         "'OUT' holds the results of another experiment (its axes: 'norm.kind', 'train.batch'; here: 'norm.kind', 'train.lr')",
         "train.batch: 32, 8 -> 32\ntrain.lr: 0.1 -> 0.1, 0.2\n"},
        {HEAD NORM TRAIN DEVICE "sweep: {grid: {norm.kind: [bn, gn], train.batch: [32, 8], train.lr: [0.1, 0.2]}, seeds: 2}\n", 0,
         "'OUT' holds the results of another experiment (its axes: 'norm.kind', 'train.batch'; here: 'norm.kind', 'train.batch', 'train.lr')", ""},
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

/* What has no result, because it never ended, is damaged, or could not be run, is not lost; nor is what disappeared before. */
START_TEST(test_nothing_trained_is_lost)
{
    static const char slower[] = HEAD NORM "train: {epochs: 2, lr: 0.2}\n" DEVICE GRID;
    struct setting s = set_up(small);
    struct nl_error err = {0};
    struct nl_record broken = {.present = true, .failed = true, .failed_step = -1, .message = nl_strdup("out of memory"), .curve = nl_strdup("")};
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

/* Trials that this version cannot take for the new ones are results all the same: of other numerics, other data, another version's names, or of
 * nobody knows what. */
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
        {"sed -i '/^# s[eh]a/d; s/^  commit: .*/  commit: \"another\"/' experiment.yaml; rm $(ls -d trials/* | head -n 3)", 0, ""},
        {"sed -i '/^# s[eh]a/d; s/^  index: 0/  index: 3/' experiment.yaml", 0, ""}, /* a GPU that this machine does not have */
        {"sed -i '/^# s[eh]a/d; s/^  version: .*/  version: \"0.1\"/; s/^  commit: .*/  commit: \"abc\"/' experiment.yaml; cd trials; for f in *; do mv $f 000$f; mv 000$f "
         "$(echo 000$f | cut -c1-16).trial; done",
         8, "'OUT' was made by another version of normlab (0.1, abc; here " NORMLAB_VERSION ", %s), which may have named its trials otherwise\n"},
        {"sed -i '/^# s[eh]a/d; s/^  version: .*/  version: \"0.1\"/; s/^  commit: .*/  commit: \"abc\"/' experiment.yaml; cd trials; set -- *; mv $1 00000000000000aa.trial; "
         "mv $2 00000000000000bb.trial; rm $3; touch 00000000000000cc.trial 00000000000000dd.trial 00000000000000ee.checkpoint",
         3, "'OUT' was made by another version of normlab (0.1, abc; here " NORMLAB_VERSION ", %s), which may have named its trials otherwise\n"},
        {"sed -i '/^# s[eh]a/d; /^made:/,$d' experiment.yaml", 0, ""},
        {"sed -i '/^# s[eh]a/d; /^made:/,$d' experiment.yaml; touch trials/00000000000000aa.trial", 1,
         "experiment.yaml does not say from what data its trials were made\n"},
        {"sed -i '/^# s[eh]a/d; s/^  groups: 4/  groups: 3/' experiment.yaml; touch trials/00000000000000aa.trial", 1,
         "norm.groups: 3 -> 4\n'OUT/experiment.yaml' is no legal experiment any more: 3 groups do not divide the 8 channels of model.width; 2 or 4 do\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        change(&s, "rm -r trials && cp -r ../all trials && cp ../kept experiment.yaml");
        change(&s, cases[i].change);
        int hidden = cases[i].hidden;
        char *says = nl_format("%d trained trial%s would disappear from the tables of 'OUT'", hidden, hidden == 1 ? "" : "s");
        char *why = strstr(cases[i].why, "%s") ? nl_format("%.*s%s%s", (int)(strstr(cases[i].why, "%s") - cases[i].why), cases[i].why, nl_commit(),
                                                           strstr(cases[i].why, "%s") + 2)
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
        struct nl_sweep_options options = {
            .folder = s.out, .command = "test", .replace = true, .runner = {.workers = 2, .note = keep_note, .context = now}};
        nl_text_release(&now->notes);
        nl_text_add(&now->notes, "%s", "");
        ck_assert_msg(nl_sweep(&now->experiment, &now->grid, &now->datasets, &options, &result, &err) == NL_OK, "%s", err.text);
        ck_assert_int_eq(result.hidden.trials, 8);
        nl_sweep_result_release(&result);
        char *notes = without_path(&s, now->notes.at), *trials = read_result(&s, "trials.csv");
        ck_assert_str_eq(notes, back ? "8 of 8 trials are there already\n8 trained trials disappear from the tables of 'OUT'; they stay in 'OUT/trials'\n"
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

/* More seeds run only what is new, and the rows stand in grid order. */
START_TEST(test_more_seeds)
{
    struct setting s = set_up(small);
    struct nl_sweep_result result = sweep(&s, 2);
    nl_sweep_result_release(&result);
    s.experiment.seeds = 3;
    nl_grid_release(&s.grid);
    s.grid = unfold(&s.experiment);
    struct nl_error err;
    ck_assert_msg(nl_grid_identify(&s.grid, &s.datasets, &err) == NL_OK, "%s", err.text);
    result = sweep(&s, 2);
    ck_assert_str_eq(s.notes.at, "8 of 12 trials are there already\n");
    nl_sweep_result_release(&result);
    char *trials = read_result(&s, "trials.csv"), *row = trials;
    for (int i = 0; i < 12; i++) {
        row = strchr(row, '\n') + 1;
        char *expected = nl_format("%d,%s,%s,%d,", i + 1, i < 6 ? "bn" : "gn", i / 3 % 2 ? "8" : "32", i % 3 + 1);
        ck_assert_msg(strncmp(row, expected, strlen(expected)) == 0, "expected %s at: %.40s", expected, row);
        free(expected);
    }
    free(trials);
    tear_down(&s);
}
END_TEST

/* A stop before the start: nothing is run, the tables are there and empty, and nothing counts as finished. */
START_TEST(test_stop)
{
    struct setting s = set_up(small);
    atomic_int stop = 1;
    struct nl_error err = {0};
    struct nl_sweep_result result;
    struct nl_sweep_options options = {.folder = s.out, .command = "test", .runner = {.workers = 2, .stop = &stop}};
    ck_assert_msg(nl_sweep(&s.experiment, &s.grid, &s.datasets, &options, &result, &err) == NL_OK, "%s", err.text);
    ck_assert_int_eq(result.absent, 8);
    ck_assert_int_eq(result.left, 8);
    ck_assert_int_eq(result.stop, NL_STOP_ASKED);
    nl_sweep_result_release(&result);
    char *trials = read_result(&s, "trials.csv");
    ck_assert_ptr_null(strchr(strchr(trials, '\n') + 1, '\n'));
    free(trials);
    tear_down(&s);
}
END_TEST

/* A trial that could not be run is a row with status error, and is tried again. */
START_TEST(test_error_is_retried)
{
    struct setting s = set_up(small);
    struct nl_error err = {0};
    struct nl_store store;
    struct nl_hidden hidden;
    const struct nl_showing showing = showing_of(&s);
    struct nl_record broken = {.present = true, .failed = true, .failed_step = -1, .message = nl_strdup("out of memory"), .curve = nl_strdup("")};
    ck_assert_msg(nl_store_open(&store, s.out, &showing, &hidden, &err) == NL_OK, "%s", err.text);
    ck_assert_msg(nl_store_save(&store, &s.grid.trial[2], &broken, false, &err) == NL_OK, "%s", err.text);
    struct nl_record *record = nl_alloc((size_t)s.grid.trials, sizeof *record);
    ck_assert_int_eq(nl_store_load(&store, &s.grid.trial[2], &record[2], &err), NL_OK);
    ck_assert_str_eq(record[2].message, "out of memory");
    char *trials = nl_trials_csv(&s.grid, record);
    ck_assert_ptr_nonnull(strstr(trials, "\n3,bn,8,1,error,,0,0,0,0,10,"));
    free(trials);
    nl_record_release(&record[2]);
    free(record);
    nl_record_release(&broken);
    nl_store_close(&store);

    struct nl_sweep_result result = sweep(&s, 2);
    ck_assert_str_eq(s.notes.at, "1 trial could not be run last time: tried again\n");
    ck_assert_int_eq(result.errors, 0);
    nl_sweep_result_release(&result);
    tear_down(&s);
}
END_TEST

/* A results folder with some of the grid's trials, as if they had been trained there: *record[grid->trials], those that are not present are left out. */
static void fill(const struct setting *s, const char *folder, const struct nl_record *record)
{
    struct nl_error err;
    struct nl_store store;
    struct nl_hidden hidden;
    struct nl_begun begun;
    const struct nl_showing showing = showing_of(s);
    ck_assert_msg(nl_store_open(&store, folder, &showing, &hidden, &err) == NL_OK, "%s", err.text);
    nl_store_begun(folder, &s->experiment, &begun);
    ck_assert_msg(nl_store_freeze(&store, &s->experiment, &s->datasets, "test", &begun, &err) == NL_OK, "%s", err.text);
    for (int i = 0; i < s->grid.trials; i++)
        if (record[i].present)
            ck_assert_msg(nl_store_save(&store, &s->grid.trial[i], &record[i], false, &err) == NL_OK, "%s", err.text);
    ck_assert_msg(nl_store_write_tables(&store, &s->experiment, &s->grid, record, &err) == NL_OK, "%s", err.text);
    nl_hidden_release(&hidden);
    nl_text_release(&begun.earlier);
    nl_store_close(&store);
}

#define SMALLER "data: {train: 256, test: 64}\nmodel: {depth: 1, width: 8}\ntrain: {epochs: 1}\n"

/* Shards that were trained on other devices are of one experiment where the grid asks for these: then the tables say which trial ran where. A shard
 * that was sent to another device than the rest is refused, and none of its trials counts as one of the grid's. */
START_TEST(test_shards_of_two_devices)
{
    struct setting both = set_up_for(SMALLER "sweep: {grid: {device.kind: [cpu, cuda], norm.kind: [bn, none]}}\n", true);
    struct setting cpu = set_up(SMALLER "sweep: {grid: {norm.kind: [bn, none]}}\n");
    struct setting cuda = set_up_for(SMALLER "device: {kind: cuda}\nsweep: {grid: {norm.kind: [bn, none]}}\n", true);
    struct nl_error err;
    struct nl_merge merge;
    struct nl_sweep_result result = sweep(&cpu, 1);
    for (int i = 0; i < 2; i++) { /* a trial is the same, whatever grid asks for it */
        ck_assert_str_eq(both.grid.trial[i].id, cpu.grid.trial[i].id);
        ck_assert_str_eq(both.grid.trial[2 + i].id, cuda.grid.trial[i].id);
        ck_assert_str_ne(cpu.grid.trial[i].id, cuda.grid.trial[i].id);
    }

    char *shard[2], *whole = nl_path_join(both.scratch, "whole");
    for (int i = 0; i < 2; i++) {
        struct nl_record part[4] = {{0}};
        memcpy(&part[2 * i], result.record, 2 * sizeof *part);
        shard[i] = nl_format("%s-%dof2", whole, i + 1);
        fill(&both, shard[i], part);
    }
    ck_assert_msg(nl_merge((const char *const *)shard, 2, whole, "test", &merge, &err) == NL_OK, "%s", err.text);
    ck_assert(merge.trials == 4 && merge.absent == 0);
    nl_merge_release(&merge);
    char *path = nl_path_join(whole, "trials.csv"), *trials = nl_file_read(path, NULL, &err), *row = trials;
    static const char *const begins[] = {"trial,device.kind,norm.kind,train.seed,status,", "1,cpu,bn,1,", "2,cpu,none,1,", "3,cuda,bn,1,", "4,cuda,none,1,"};
    for (int i = 0; i < 5; i++, row = strchr(row, '\n') + 1)
        ck_assert_msg(strncmp(row, begins[i], strlen(begins[i])) == 0, "expected %s at: %.60s", begins[i], row);
    free(trials);
    free(path);

    fill(&cuda, cuda.out, result.record);
    const char *const apart[] = {cpu.out, cuda.out};
    int strangers[2], *holder = nl_shards_holders(&cpu.grid, apart, 2, strangers, &err);
    ck_assert(holder && holder[0] == 0 && holder[1] == 0 && strangers[0] == 0 && strangers[1] == 2);
    free(holder);
    free(whole);
    whole = nl_path_join(both.scratch, "none");
    ck_assert_int_eq(nl_merge(apart, 2, whole, "test", &merge, &err), NL_FAIL);
    char *expected = nl_format("device.kind: cpu in '%s', cuda in '%s'\n", cpu.out, cuda.out);
    ck_assert_str_eq(merge.differences.at, expected);
    ck_assert(merge.refused && !nl_folder_exists(whole));
    free(expected);
    nl_merge_release(&merge);
    free(whole);
    free(shard[0]);
    free(shard[1]);
    nl_sweep_result_release(&result);
    tear_down(&both);
    tear_down(&cpu);
    tear_down(&cuda);
}
END_TEST

/* A step may take seconds: its pace is the x axis of curves over time. */
START_TEST(test_slow_steps_have_a_pace)
{
    struct setting s = set_up(small);
    struct nl_record *record = nl_alloc((size_t)s.grid.trials, sizeof *record);
    record[1] = (struct nl_record){.present = true, .steps = 3, .samples = 96, .seconds = 12, .memory = 4096, .started = 1};
    char *timing = nl_timing_csv(&s.grid, record);
    ck_assert_ptr_nonnull(strstr(timing, "\n2,12.000000,8,0.25,4096,0,1\n"));
    free(timing);
    free(record);
    tear_down(&s);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sweep");
    TCase *tests = tcase_create("sweep");
    tcase_add_test(tests, test_same_bytes);
    tcase_add_test(tests, test_every_changed_byte_is_found);
    tcase_add_test(tests, test_temporaries);
    tcase_add_test(tests, test_lock);
    tcase_add_test(tests, test_another_experiment);
    tcase_add_test(tests, test_nothing_trained_is_lost);
    tcase_add_test(tests, test_of_another_version);
    tcase_add_test(tests, test_replace);
    tcase_add_test(tests, test_more_seeds);
    tcase_add_test(tests, test_stop);
    tcase_add_test(tests, test_error_is_retried);
    tcase_add_test(tests, test_slow_steps_have_a_pace);
    tcase_add_test(tests, test_shards_of_two_devices);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
