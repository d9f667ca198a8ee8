/* Whole trainings against PyTorch in float64: each line of the .cases of `files` in tests/golden is trained again on
 * `ref`, and must give the losses of the .safetensors at all 200 steps and the same final evaluation, to 1e-8 relative
 * (short form: many cases end after 25 steps); on `cpu` the first 50 losses (or 10) to what float32 leaves. The
 * .safetensors say which script made the numbers from the same weights and order.
 *
 * NORMLAB_GOLDEN_STEPS: no more than so many steps of each, and then no evaluation; for valgrind, to which one step is
 * like another. */
#include <math.h>
#include <stdatomic.h>
#include <unistd.h>

#include "golden.h"
#include "suite.h"
#include "train/train.h"

enum { STEPS = 200, SHORT_STEPS = 25, CPU_STEPS = 50, CPU_RESNET_STEPS = 10, LOADED_STEPS = 60, SETS = 2 };

static const double REF_BOUND = 1e-8;
/* float32 rounds by 6e-8, and 50 steps let that grow to 5e-6 in the worst of the cases; ten times that, for other
 * processors. */
static const double CPU_BOUND = 5e-5;

/* The files, and how many cases and other evaluations than by running statistics each has at least: a list that lost
 * its cases would pass. */
static const struct {
    const char *name;
    int cases, evaluations;
} files[] = {
    {"train", 50, 4},
    {"weights_train", 15, 0},
    {"residual", 20, 0},
    {"running", 25, 2},
    {"train_sample", 12, 0},
    {"train_mix", 8, 6},
    {"train_white", 6, 4},
    {"train_keys", 14, 2},
    {"train_transformer", 35, 0},
    {"train_recurrent", 25, 0},
    {"train_lengths", 17, 0},
    {"train_layers", 10, 0},
    {"train_optimizers", 10, 0},
    {"transfer", 25, 10},
};
enum { FILES = sizeof files / sizeof *files };
static struct golden goldens[FILES]; /* its cases are numbered one file after the other */

static const struct golden_case *case_at(int number)
{
    const struct golden *file = goldens;
    for (; number >= file->count; file++)
        number -= file->count;
    return &file->at[number];
}

static const double *stored(const struct golden_case *golden, const char *tensor, size_t count)
{
    const struct golden *file = goldens;
    while (golden < file->at || golden >= file->at + file->count)
        file++;
    return golden_stored(file, golden, tensor, count);
}

/* The step after which nothing more is looked at; a training that is stopped is not evaluated. */
struct last_step {
    int64_t step;
    atomic_int reached;
};

static void stop_there(void *context, int64_t step, int64_t steps, double loss)
{
    (void)loss;
    struct last_step *last = context;
    last->reached = step >= last->step && step < steps;
}

static struct nl_trial_result run(const struct golden_case *golden, const struct nl_config *config,
                                  const struct nl_dataset *dataset, const struct nl_trial_options *options)
{
    struct nl_error err = {""};
    struct nl_trial_result result;
    ck_assert_msg(nl_trial_run(config, dataset, options, &result, &err) == NL_OK, "%s: %s", golden->name, err.text);
    return result;
}

/* What a case begins with that loads a network, or whose statistics are frozen from the start: the network after
 * LOADED_STEPS steps on `ref`, all of it trained, and with bn where another normalizer replaces it. */
static struct nl_tensor_file trained_before(const struct golden_case *golden, const struct nl_config *config,
                                            const struct nl_dataset *dataset)
{
    struct nl_config before = *config;
    struct nl_error err = {""};
    struct nl_tensor_file file;
    char path[] = "/tmp/normlab_loaded_XXXXXX";
    int descriptor = mkstemp(path);
    ck_assert(descriptor >= 0 && close(descriptor) == 0);
    struct nl_config usual;
    nl_config_defaults(&usual);
    before.norm.freeze = 1;
    before.model.load = usual.model.load;
    before.train.only = usual.train.only;
    before.train.ema = usual.train.ema;
    before.train.swa_start = usual.train.swa_start;
    if (before.model.load_norm == NL_LOAD_CHANGED) {
        before.norm.kind = usual.norm.kind; /* bn */
        before.norm.affine = usual.norm.affine;
    }
    before.model.load_norm = before.model.load_head = NL_LOAD_KEEP;
    before.train.steps = LOADED_STEPS;
    before.device.kind = NL_REF;
    struct nl_trial_result result = run(golden, &before, dataset, &(struct nl_trial_options){.save_final = path});
    nl_trial_result_release(&result);
    ck_assert_msg(nl_safetensors_read(path, &file, &err) == NL_OK, "%s", err.text);
    unlink(path);
    return file;
}

/* No further than a test looks. */
static struct nl_trial_result train(const struct golden_case *golden, const char *device, int steps)
{
    struct nl_config config = golden_config(golden, device);
    struct nl_error err = {""};
    struct nl_dataset *dataset = nl_dataset_open(&config, &err);
    ck_assert_msg(dataset != NULL, "%s", err.text);
    struct last_step last = {.step = steps};
    struct nl_trial_options options = {.stop = &last.reached, .progress = stop_there, .context = &last};
    struct nl_tensor_file loaded = {0};
    if (config.norm.freeze == 0 || *config.model.load) {
        loaded = trained_before(golden, &config, dataset);
        options.load = &loaded;
    }
    struct nl_trial_result result = run(golden, &config, dataset, &options);
    nl_safetensors_release(&loaded);
    nl_dataset_free(dataset);
    return result;
}

static void expect_close(const struct golden_case *golden, const char *what, double got, double want, double bound)
{
    ck_assert_msg(fabs(got - want) <= bound * fabs(want), "%s, %s: %.17g, not %.17g: %.2g relative, at most %.2g",
                  golden->name, what, got, want, fabs(got - want) / fabs(want), bound);
}

/* The losses of the first `steps` steps, each of which has a row of its own (train.log_every = 1). */
static void expect_losses(const struct golden_case *golden, const struct nl_trial_result *result, int steps,
                          double bound)
{
    const double *want = stored(golden, "losses", STEPS);
    int seen = 0;
    for (int i = 0; i < result->rows && seen < steps; i++) {
        const struct nl_curve_row *row = &result->row[i];
        if (row->part != NL_PART_TRAIN || row->eval >= 0)
            continue;
        char what[32];
        snprintf(what, sizeof what, "step %d", seen);
        ck_assert_int_eq(row->step, seen + 1);
        expect_close(golden, what, row->loss, want[seen], bound);
        seen++;
    }
    ck_assert(steps > 0 && seen == steps);
}

static void expect_score(const struct golden_case *golden, const char *part, struct nl_score score)
{
    const double *want = stored(golden, part, 2);
    expect_close(golden, part, score.loss, want[0], REF_BOUND);
    expect_close(golden, part, score.accuracy, want[1], REF_BOUND);
}

/* Whether the case sets the key ("norm.eval=") to something with this word in it. */
static bool sets(const struct golden_case *golden, const char *key, const char *word)
{
    for (int i = 0; i < golden->words; i++)
        if (strncmp(golden->word[i], key, strlen(key)) == 0 && strstr(golden->word[i] + strlen(key), word))
            return true;
    return false;
}

/* Other scores than those with running statistics, and how a case asks for them. */
static const struct {
    const char *key, *word, *stored;
    enum nl_eval eval;
} others[] = {
    {"norm.eval=", "batch", "test_batch", NL_EVAL_BATCH}, {"norm.eval=", "precise", "test_precise", NL_EVAL_PRECISE},
    {"norm.eval=", "adapt", "test_adapt", NL_EVAL_ADAPT}, {"train.ema=", "", "test_ema", NL_EVAL_EMA},
    {"train.swa_start=", "", "test_swa", NL_EVAL_SWA},
};
enum { OTHERS = sizeof others / sizeof *others };

static bool asks_for(const struct golden_case *golden, int other)
{
    return sets(golden, others[other].key, others[other].word);
}

/* A ReLU whose input lies within rounding of 0 opens in one precision and not in the other, and the trainings part. A
 * residual network has so many that one is met within 50 steps; smooth activations know no such thing. */
static int cpu_steps(const struct golden_case *golden)
{
    bool smooth = sets(golden, "model.activation=", "");
    return sets(golden, "model.arch=", "resnet") && !smooth ? CPU_RESNET_STEPS : CPU_STEPS;
}

static int at_most(int steps)
{
    const char *most = getenv("NORMLAB_GOLDEN_STEPS");
    return most && atoi(most) < steps ? atoi(most) : steps;
}

/* Of all cases the first SHORT_STEPS; to the end go those with other evaluations and the first of each file, and in the
 * long form all. */
static int ref_steps(int number)
{
    const struct golden_case *golden = case_at(number);
    bool whole = is_long_form();
    for (int other = 0; other < OTHERS; other++)
        whole |= asks_for(golden, other);
    for (int f = 0; f < FILES; f++)
        whole |= golden == goldens[f].at;
    return at_most(whole ? STEPS : SHORT_STEPS);
}

START_TEST(ref_repeats_pytorch)
{
    const struct golden_case *golden = case_at(_i);
    int steps = ref_steps(_i);
    struct nl_trial_result result = train(golden, "device.kind=ref", steps);
    expect_losses(golden, &result, steps, REF_BOUND);
    if (steps == STEPS) {
        expect_score(golden, "train", result.score[NL_PART_TRAIN][NL_EVAL_RUNNING]);
        expect_score(golden, "test", result.score[NL_PART_TEST][NL_EVAL_RUNNING]);
        for (int other = 0; other < OTHERS; other++)
            if (asks_for(golden, other))
                expect_score(golden, others[other].stored, result.score[NL_PART_TEST][others[other].eval]);
    }
    nl_trial_result_release(&result);
}
END_TEST

START_TEST(cpu_follows_pytorch)
{
    const struct golden_case *golden = case_at(_i);
    int steps = at_most(cpu_steps(golden));
    struct nl_trial_result result = train(golden, "device.kind=cpu", steps);
    expect_losses(golden, &result, steps, CPU_BOUND);
    nl_trial_result_release(&result);
}
END_TEST

START_TEST(nothing_is_missing)
{
    for (int f = 0; f < FILES; f++) {
        int asked = 0;
        for (int g = 0; g < goldens[f].count; g++)
            for (int other = 0; other < OTHERS; other++)
                asked += asks_for(&goldens[f].at[g], other);
        ck_assert_int_ge(goldens[f].count, files[f].cases);
        ck_assert_int_ge(asked, files[f].evaluations);
        ck_assert_int_eq(goldens[f].tensors.count, 3 * goldens[f].count + asked);
    }
}
END_TEST

int main(void)
{
    int cases_in_all = 0;
    bool good = true;
    for (int f = 0; f < FILES; f++) {
        good &= golden_read(&goldens[f], files[f].name);
        cases_in_all += goldens[f].count;
    }
    int failed = 1;
    if (good) {
        Suite *suite = suite_create("golden trainings");
        TCase *cases = tcase_create("trainings");
        tcase_add_test(cases, nothing_is_missing);
        tcase_add_loop_test(cases, ref_repeats_pytorch, 0, cases_in_all);
        tcase_add_loop_test(cases, cpu_follows_pytorch, 0, cases_in_all);
        suite_add_tcase(suite, cases);
        failed = run_suite(suite);
    }
    for (int f = 0; f < FILES; f++)
        golden_release(&goldens[f]);
    return failed;
}
