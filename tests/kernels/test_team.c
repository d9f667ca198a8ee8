/* Threads that share a loop: each index once, whoever comes and goes; and a training's bits do not depend on them. */
#include <check.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/random.h"
#include "base/team.h"
#define PROBE_BYTES (1 << 25)
#include "harness.h"
#include "suite.h"
#include "train/train.h"

enum { MOST_THREADS = 5 };

/* ---- helpers ---- */

struct helpers {
    struct nl_team *team;
    int count;
    pthread_t thread[MOST_THREADS];
};

static _Atomic pid_t last_helper; /* the thread that began last */

static void *help(void *team)
{
    atomic_store(&last_helper, gettid());
    nl_backend_cpu.thread_begin(0, NULL);
    nl_team_help(team);
    return NULL;
}

/* The calling thread leads, with threads - 1 helpers on their way. */
static struct helpers lead(int threads)
{
    struct helpers helpers = {.team = nl_team_new(threads), .count = threads - 1};
    nl_team_begin(helpers.team);
    for (int i = 0; i < helpers.count; i++)
        ck_assert(pthread_create(&helpers.thread[i], NULL, help, helpers.team) == 0);
    return helpers;
}

static void dismiss(struct helpers *helpers)
{
    nl_team_end(helpers->team);
    for (int i = 0; i < helpers->count; i++)
        pthread_join(helpers->thread[i], NULL);
    nl_team_free(helpers->team);
}

struct meeting {
    int size;
    atomic_int threads; /* bit i: thread i is there */
};

/* Nobody leaves before `size` threads are in the loop. A loop that was not split says that nobody helps yet. */
static void meet(void *context, size_t first, size_t end, int thread)
{
    struct meeting *meeting = context;
    if (end - first > 1) {
        sched_yield();
        return;
    }
    atomic_fetch_or(&meeting->threads, 1 << thread);
    while (__builtin_popcount((unsigned)atomic_load(&meeting->threads)) < meeting->size)
        sched_yield(); /* check ends a test in which nobody ever comes */
}

/* Returns when all helpers have taken part in a loop: what follows is done by all of them, however fast the leader
 * is. */
static void gather(const struct helpers *helpers)
{
    struct meeting meeting = {.size = 1 + helpers->count};
    while (helpers->count && !atomic_load(&meeting.threads))
        nl_parallel_for(2 * MOST_THREADS, 1, meet, &meeting); /* fewer indices than chunks: each is one */
}

/* ---- loops ---- */

static void count_indices(void *context, size_t first, size_t end, int thread)
{
    int *count = context;
    if (thread < 0 || thread >= MOST_THREADS || first >= end)
        ck_abort_msg("thread %d has indices %zu to %zu", thread, first, end);
    for (size_t i = first; i < end; i++)
        count[i]++;
}

START_TEST(every_index_is_done_once)
{
    enum { MOST = 3000, ROUNDS = 20, LOOPS = 200 };
    static int count[MOST];
    struct nl_stream stream = nl_stream(1, "loops");
    for (int round = 0; round < ROUNDS; round++) {
        struct helpers helpers = lead(1 + round % MOST_THREADS);
        for (int loop = 0; loop < LOOPS; loop++) { /* helpers come meanwhile; from the middle on, all are there */
            if (loop == LOOPS / 2)
                gather(&helpers);
            size_t indices = (size_t)(MOST * nl_stream_uniform(stream, (uint64_t)round, (uint64_t)loop));
            memset(count, 0, sizeof count);
            nl_parallel_for(indices, 1 + (size_t)loop % 70, count_indices, count);
            for (size_t i = 0; i < MOST; i++)
                if (count[i] != (i < indices)) /* check writes a file at every assertion */
                    ck_abort_msg("index %zu of %zu was done %d times", i, indices, count[i]);
        }
        dismiss(&helpers);
    }
}
END_TEST

/* Whether a thread of this process waits for something. */
static bool asleep(pid_t thread)
{
    char path[64], state = 0;
    snprintf(path, sizeof path, "/proc/self/task/%d/stat", (int)thread);
    FILE *file = fopen(path, "r");
    ck_assert_msg(file != NULL, "%s", path);
    ck_assert(fscanf(file, "%*[^)]) %c", &state) == 1);
    fclose(file);
    return state == 'S';
}

START_TEST(helpers_take_part_also_after_a_rest)
{
    struct helpers helpers = lead(2);
    gather(&helpers);
    for (int turn = 0; turn < 3; turn++) {
        while (!asleep(atomic_load(&last_helper)))
            sched_yield();
        int threads = nl_team_threads();
        ck_assert_int_eq(threads, 2);
        gather(&helpers);
    }
    dismiss(&helpers);
    ck_assert_int_eq(nl_team_threads(), 1);
}
END_TEST

static void call_again(void *context, size_t first, size_t end, int thread)
{
    (void)thread;
    nl_parallel_for(end - first, 1, count_indices, (int *)context + first);
}

START_TEST(a_loop_inside_a_loop_is_done_once_too)
{
    int count[500] = {0};
    struct helpers helpers = lead(3);
    gather(&helpers);
    nl_parallel_for(500, 1, call_again, count);
    dismiss(&helpers);
    for (int i = 0; i < 500; i++)
        ck_assert_int_eq(count[i], 1);
}
END_TEST

START_TEST(nobody_helps_where_nobody_leads)
{
    struct nl_team *team = nl_team_new(2);
    nl_team_help(team);
    nl_team_begin(team);
    nl_team_end(team);
    nl_team_help(team);
    nl_team_free(team);
}
END_TEST

/* ---- operations ---- */

static const struct spec operations[] = {
    {"16 to 16", CONV, .samples = 5, .height = 32, .width = 32, .channels = 16, .out = 16, .kernel = 3, .pad = 1,
     .bias = true},
    {"one sample", CONV, .samples = 1, .height = 32, .width = 32, .channels = 16, .out = 16, .kernel = 3, .pad = 1},
    {"64 to 64", CONV, .samples = 7, .height = 8, .width = 8, .channels = 64, .out = 64, .kernel = 3, .pad = 1},
    {"16 to 16, direct", CONV, .samples = 5, .height = 32, .width = 32, .channels = 16, .out = 16, .kernel = 3,
     .pad = 1, .bias = true, .algorithm = NL_CONV_DIRECT},
    {"one sample, direct", CONV, .samples = 1, .height = 32, .width = 32, .channels = 16, .out = 16, .kernel = 3,
     .pad = 1, .algorithm = NL_CONV_DIRECT},
    {"64 to 64, direct", CONV, .samples = 7, .height = 8, .width = 8, .channels = 64, .out = 64, .kernel = 3, .pad = 1,
     .algorithm = NL_CONV_DIRECT},
    {"16 to 32, stride 2", CONV, .samples = 3, .height = 31, .width = 32, .channels = 16, .out = 32, .kernel = 3,
     .pad = 1, .stride = 2},
    {"10 to 17", CONV, .samples = 9, .height = 19, .width = 21, .channels = 10, .out = 17, .kernel = 3, .pad = 1,
     .bias = true},
    {"17 to 10, stride 2", CONV, .samples = 9, .height = 33, .width = 21, .channels = 17, .out = 10, .kernel = 3,
     .pad = 1, .stride = 2},
    {"3 to 16", CONV, .samples = 8, .height = 32, .width = 32, .channels = 3, .out = 16, .kernel = 3, .pad = 1},
    {"kernel 1, stride 2", CONV, .samples = 8, .height = 32, .width = 32, .channels = 32, .out = 64, .kernel = 1,
     .stride = 2},
    {"kernel 5", CONV, .samples = 8, .height = 16, .width = 16, .channels = 16, .out = 32, .kernel = 5, .pad = 2,
     .bias = true},
};
enum { OPERATIONS = sizeof operations / sizeof *operations };

/* The image after a forward and a backward call: all that was written. */
static char *image_after(struct spec spec, int threads, size_t *bytes)
{
    struct helpers helpers = lead(threads);
    struct probe p = probe_make(&nl_backend_cpu, 1, spec);
    probe_fill(&p, 0, 7);
    for (int turn = 0; turn < 3; turn++) { /* helpers come meanwhile; then all are there */
        if (turn == 1)
            gather(&helpers);
        probe_forward(&p);
        probe_backward(&p);
    }
    char *found = malloc(p.image.used);
    ck_assert_ptr_nonnull(found);
    *bytes = p.image.used;
    nl_backend_cpu.download(found, p.image.memory, p.image.used);
    image_check_gaps(&p.image, spec.name);
    probe_free(&p);
    dismiss(&helpers);
    return found;
}

START_TEST(an_operation_has_the_same_bits_with_any_number_of_threads)
{
    struct spec spec = operations[_i];
    size_t bytes, again;
    char *alone = image_after(spec, 1, &bytes);
    for (int threads = 2; threads <= MOST_THREADS; threads++) {
        char *shared = image_after(spec, threads, &again);
        ck_assert(bytes == again);
        for (size_t i = 0; i < bytes; i++)
            if (shared[i] != alone[i])
                ck_abort_msg("%s, %d threads: byte %zu of %zu differs", spec.name, threads, i, bytes);
        free(shared);
    }
    free(alone);
}
END_TEST

/* ---- trainings ---- */

static const char *const trainings[][8] = {
    {"model.arch=resnet", "model.depth=8", "model.width=16", "train.batch=6", "norm.kind=none", "train.lr=1e-4"},
    {"model.arch=resnet", "model.depth=8", "model.width=16", "train.batch=6", "norm.kind=bn"},
    {"model.arch=resnet", "model.depth=8", "model.width=16", "train.batch=6", "norm.kind=ln"},
    {"model.arch=resnet", "model.depth=8", "model.width=16", "train.batch=6", "norm.kind=gn"},
    {"model.arch=resnet", "model.depth=8", "model.width=16", "train.batch=6", "norm.kind=in"},
    {"model.arch=resnet", "model.depth=8", "model.width=16", "train.batch=6", "norm.kind=rms"},
    {"model.arch=resnet", "model.depth=8", "model.width=16", "train.batch=1", "norm.kind=gn"},
    {"model.arch=resnet", "model.depth=8", "model.width=16", "train.batch=24", "norm.kind=gn"},
    {"model.arch=cnn", "model.depth=3", "model.width=20", "train.batch=7", "norm.kind=bn"},
    {"model.arch=cnn", "model.depth=3", "model.width=32", "train.batch=16", "norm.kind=none"},
    {"model.arch=cnn", "model.depth=3", "model.width=24", "train.batch=8", "norm.kind=ln", "norm.affine=element"},
    {"model.arch=cnn", "model.depth=3", "model.width=32", "train.batch=8", "norm.kind=bn", "norm.stat_batch=4"},
    {"model.arch=mlp", "model.depth=2", "model.width=512", "train.batch=64", "norm.kind=bn"},
    {"model.arch=mlp", "model.depth=2", "model.width=300", "train.batch=61", "norm.kind=ln", "train.optimizer=adam"},
    {"model.arch=mlp", "model.depth=3", "model.width=200", "train.batch=8", "norm.kind=ln", "train.optimizer=muon"},
};
enum { TRAININGS = sizeof trainings / sizeof *trainings };

/* One helper comes when it comes; several are there when the training begins. */
static struct nl_trial_result train(const struct nl_config *config, const struct nl_dataset *dataset, int threads)
{
    struct nl_trial_result result;
    struct nl_error err;
    struct helpers helpers = lead(threads);
    if (threads > 2)
        gather(&helpers);
    ck_assert_msg(nl_trial_run(config, dataset, NULL, &result, &err) == NL_OK, "%s", err.text);
    dismiss(&helpers);
    return result;
}

START_TEST(a_training_has_the_same_bits_with_any_number_of_threads)
{
    const char *overrides[16] = {"data.name=synth", "data.size=32",      "data.train=64",      "data.test=32",
                                 "train.steps=4",   "train.log_every=1", "train.momentum=0.9", "train.lr=0.05"};
    int count = 8;
    for (int i = 0; i < 8 && trainings[_i][i]; i++)
        overrides[count++] = trainings[_i][i];
    struct nl_experiment experiment;
    struct nl_diagnostics diagnostics = {0};
    struct nl_error err;
    ck_assert_msg(nl_experiment_load(NULL, overrides, count, &experiment, &diagnostics) == NL_OK, "%s",
                  nl_diagnostics_text(&diagnostics));
    struct nl_dataset *dataset = nl_dataset_open(&experiment.config, &err);
    ck_assert_msg(dataset != NULL, "%s", err.text);
    struct nl_trial_result alone = train(&experiment.config, dataset, 1);
    ck_assert(alone.rows > 4);
    static const int teams[] = {2, 3, MOST_THREADS};
    for (int k = 0; k < 3; k++) {
        struct nl_trial_result shared = train(&experiment.config, dataset, teams[k]);
        ck_assert_int_eq(shared.rows, alone.rows);
        for (int i = 0; i < alone.rows; i++) {
            struct nl_curve_row a = alone.row[i], b = shared.row[i];
            ck_assert_msg(a.loss == b.loss && a.accuracy == b.accuracy,
                          "%d threads: row %d at step %lld has the loss %.17g, alone %.17g", teams[k], i,
                          (long long)a.step, b.loss, a.loss);
        }
        nl_trial_result_release(&shared);
    }
    nl_trial_result_release(&alone);
    nl_dataset_free(dataset);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("team");
    TCase *team = tcase_create("team");
    tcase_add_test(team, every_index_is_done_once);
    tcase_add_test(team, helpers_take_part_also_after_a_rest);
    tcase_add_test(team, a_loop_inside_a_loop_is_done_once_too);
    tcase_add_test(team, nobody_helps_where_nobody_leads);
    tcase_add_loop_test(team, an_operation_has_the_same_bits_with_any_number_of_threads, 0, OPERATIONS);
    suite_add_tcase(suite, team);
    TCase *whole = tcase_create("trainings");
    tcase_set_tags(whole, "threads_at_once");
    tcase_add_loop_test(whole, a_training_has_the_same_bits_with_any_number_of_threads, 0, TRAININGS);
    suite_add_tcase(suite, whole);
    return run_suite(suite);
}
