/* The sweep engine: finished trials come back bit for bit, damaged ones never, and what is written does not depend on
 * workers. */
#include <check.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/csv.h"
#include "suite.h"
#include "sweep/merge.h"
#include "sweep/shards.h"
#include "sweep/verify.h"
#include "sweeps.h"

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
            char *expected = nl_format("warning: cannot use '%s': it is truncated or damaged (its checksum does not "
                                       "match); it is set aside as '%s.damaged', "
                                       "and the trial is run again\n6 of 8 trials are done already\n",
                                       damaged, damaged);
            ck_assert_str_eq(three.notes.at, expected);
            free(expected);
        } else {
            ck_assert_str_eq(three.notes.at, "8 of 8 trials are done already\n");
        }
        free(lost);
        free(damaged);
    }
    ck_assert_ptr_nonnull(
        strstr(trials, "trial,norm.kind,train.batch,train.seed,status,failed_step,steps,epochs,samples,parameters,"
                       "flops,classes,train_samples,val_samples,test_samples,val_overlap,test_overlap,train_loss,"));
    ck_assert_ptr_nonnull(strstr(trials, "test_error,train_loss_batch,"));
    free(trials);
    free(curves);
    tear_down(&one);
    tear_down(&three);
}
END_TEST

static void keep_progress(void *context, const struct nl_progress *progress)
{
    *(struct nl_progress *)context = *progress;
}

/* At the end the trials of before and those of this call are all that there are. */
START_TEST(progress_counts_what_was_there_before)
{
    struct setting s = set_up(small);
    for (int lost = 8; lost >= 1; lost -= 7) {
        struct nl_error err = {0};
        struct nl_sweep_result result;
        struct nl_progress last = {0};
        struct nl_sweep_options options = {
            .folder = s.out, .command = "test", .runner = {.workers = 2, .progress = keep_progress, .context = &last}};
        ck_assert_msg(nl_sweep(&s.experiment, &s.grid, &s.datasets, &options, &result, &err) == NL_OK, "%s", err.text);
        nl_sweep_result_release(&result);
        ck_assert_msg(last.total == 8 && last.finished == lost && last.present == 8 - lost && last.running == 0,
                      "%d there, %d finished, %d running of %d", last.present, last.finished, last.running, last.total);
        int outcomes = 0;
        for (int i = 0; i < NL_OUTCOMES; i++)
            outcomes += last.outcome[i];
        ck_assert_int_eq(outcomes, 8);
        char *path = trial_file(&s, 3);
        ck_assert_int_eq(unlink(path), 0);
        free(path);
    }
    tear_down(&s);
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
    ck_assert_msg(found.trials == 1 && found.tables == 4 && found.bad == 0 && !found.unsealed.length, "%s",
                  found.problems.at);
    nl_verified_release(&found);
    char *trial = nl_format("trials/%s.trial", s.grid.trial[0].id);
    const char *const names[] = {"experiment.yaml", "trials.csv", "curves.csv", "timing.csv",
                                 "summary.csv",     "SHA256SUMS", trial};
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
    ck_assert_msg(nl_file_write(half, "x", 1, &err) == NL_OK && nl_file_write(note, "x", 1, &err) == NL_OK, "%s",
                  err.text);
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
    char *expected = nl_format(
        "cannot work in '%s': another normlab is at work there (process %ld); wait for it or choose another --out",
        s.out, (long)getpid());
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
    ck_assert_str_eq(s.notes.at, "8 of 12 trials are done already\n");
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
    struct nl_record broken = {.present = true,
                               .failed = true,
                               .failed_step = -1,
                               .message = nl_strdup("out of memory"),
                               .curve = nl_strdup("")};
    ck_assert_msg(nl_store_open(&store, s.out, &showing, &hidden, &err) == NL_OK, "%s", err.text);
    ck_assert_msg(nl_store_save(&store, &s.grid.trial[2], &broken, false, &err) == NL_OK, "%s", err.text);
    struct nl_record *record = nl_alloc((size_t)s.grid.trials, sizeof *record);
    ck_assert_int_eq(nl_store_load(&store, &s.grid.trial[2], &record[2], &err), NL_OK);
    ck_assert_str_eq(record[2].message, "out of memory");
    char *trials = nl_trials_csv(&s.grid, record);
    ck_assert_ptr_nonnull(strstr(trials, "\n3,bn,8,1,error,,0,0,0,0,,10,"));
    free(trials);
    nl_record_release(&record[2]);
    free(record);
    nl_record_release(&broken);
    nl_store_close(&store);

    struct nl_sweep_result result = sweep(&s, 2);
    ck_assert_str_eq(s.notes.at, "1 trial could not be run last time and is tried again\n");
    ck_assert_int_eq(result.errors, 0);
    nl_sweep_result_release(&result);
    tear_down(&s);
}
END_TEST

/* A results folder with some of the grid's trials, as if they had been trained there: *record[grid->trials], those that
 * are not present are left out. */
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

/* A trial that could not be run in one folder, and was in another, is the one that was, whichever comes first. */
START_TEST(test_a_result_replaces_an_error)
{
    struct setting s = set_up(small);
    struct nl_error err;
    struct nl_sweep_result result = sweep(&s, 1);
    char *trials = read_result(&s, "trials.csv"), *failed = nl_path_join(s.scratch, "failed");
    struct nl_record record[8] = {{0}};
    for (int i = 0; i < 3; i++)
        record[i] = (struct nl_record){.present = true,
                                       .failed = true,
                                       .failed_step = -1,
                                       .message = nl_strdup("out of memory"),
                                       .curve = nl_strdup("")};
    ck_assert_int_eq(s.grid.trials, 8);
    fill(&s, failed, record);
    for (int order = 0; order < 2; order++) {
        const char *const folders[] = {order ? failed : s.out, order ? s.out : failed};
        struct nl_merge merge;
        char *whole = nl_format("%s/whole%d", s.scratch, order), *path = nl_path_join(whole, "trials.csv");
        ck_assert_msg(nl_merge(folders, 2, whole, "test", &merge, &err) == NL_OK, "%s", err.text);
        ck_assert(merge.trials == 8 && merge.absent == 0);
        nl_merge_release(&merge);
        char *merged = nl_file_read(path, NULL, &err);
        ck_assert_str_eq(merged, trials);
        free(merged);
        free(path);
        free(whole);
    }
    for (int i = 0; i < 3; i++)
        nl_record_release(&record[i]);
    free(failed);
    free(trials);
    nl_sweep_result_release(&result);
    tear_down(&s);
}
END_TEST

/* In trials.csv, of every part and kind of statistics, an error is 1 less the accuracy. */
START_TEST(test_errors_are_what_accuracies_lack)
{
    struct setting s = set_up("data: {train: 256, test: 64, val: 50}\nmodel: {depth: 1, width: 8}\ntrain: {epochs: "
                              "1}\nnorm: {eval: [running, batch]}\n");
    struct nl_sweep_result result = sweep(&s, 1);
    char *path = nl_path_join(s.out, "trials.csv");
    static const int samples[] = {206, 50, 64};
    static const char *const parts[] = {"train", "val", "test"}, *const statistics[] = {"", "_batch"};
    struct nl_csv csv;
    struct nl_error err;
    ck_assert_msg(nl_csv_read(path, &csv, &err) == NL_OK, "%s", err.text);
    for (int part = 0; part < 3; part++)
        for (int i = 0; i < 2; i++) {
            double accuracy, error;
            char *of_accuracy = nl_format("%s_accuracy%s", parts[part], statistics[i]),
                 *of_error = nl_format("%s_error%s", parts[part], statistics[i]);
            ck_assert_int_eq(nl_csv_number(&csv, 0, nl_csv_column(&csv, of_accuracy), &accuracy, &err), NL_OK);
            ck_assert_int_eq(nl_csv_number(&csv, 0, nl_csv_column(&csv, of_error), &error, &err), NL_OK);
            double right = accuracy * samples[part];
            ck_assert_msg(error > 0 && error < 1 && fabs(accuracy + error - 1) <= 1e-15, "%s: %.17g and %.17g",
                          of_error, accuracy, error);
            ck_assert_msg(fabs(right - round(right)) <= 1e-9, "%s: %.17g of %d", of_accuracy, right, samples[part]);
            free(of_accuracy);
            free(of_error);
        }
    nl_csv_release(&csv);
    free(path);
    nl_sweep_result_release(&result);
    tear_down(&s);
}
END_TEST

#define SMALLER "data: {train: 256, test: 64}\nmodel: {depth: 1, width: 8}\ntrain: {epochs: 1}\n"

/* Shards that were trained on other devices are of one experiment where the grid asks for these: then the tables say
 * which trial ran where. A shard that was sent to another device than the rest is refused, and none of its trials
 * counts as one of the grid's. */
START_TEST(test_shards_of_two_devices)
{
    struct setting both =
        set_up_for(SMALLER "sweep: {grid: {device.kind: [cpu, cuda], norm.kind: [bn, none]}}\n", true);
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
    static const char *const begins[] = {"trial,device.kind,norm.kind,train.seed,status,", "1,cpu,bn,1,",
                                         "2,cpu,none,1,", "3,cuda,bn,1,", "4,cuda,none,1,"};
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
    record[1] =
        (struct nl_record){.present = true, .steps = 3, .samples = 96, .seconds = 12, .memory = 4096, .started = 1};
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
    tcase_add_test(tests, progress_counts_what_was_there_before);
    tcase_add_test(tests, test_every_changed_byte_is_found);
    tcase_add_test(tests, test_temporaries);
    tcase_add_test(tests, test_lock);
    tcase_add_test(tests, test_more_seeds);
    tcase_add_test(tests, test_stop);
    tcase_add_test(tests, test_error_is_retried);
    tcase_add_test(tests, test_a_result_replaces_an_error);
    tcase_add_test(tests, test_errors_are_what_accuracies_lack);
    tcase_add_test(tests, test_slow_steps_have_a_pace);
    tcase_add_test(tests, test_shards_of_two_devices);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
