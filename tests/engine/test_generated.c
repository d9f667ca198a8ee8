/* Random configurations (generated.h), each trained for a few steps in a process of its own. What must hold of every
 * one:
 *
 *   - it is read, checked and run, or refused with a message: no crash, no report of a sanitizer, no hang
 *   - what the check takes is run, from a file as from a command line
 *   - ref and cpu have the same losses, up to rounding, and both have finite parameters or neither
 *   - trials that train together give the bits of each alone; so does one that is stopped and goes on, and one that
 * starts from its own initial weights
 *   - the saved network scores what the training said in the end
 *   - what can be folded of it (train/fold.h) leaves its outputs as they are, but for the rounding of float64
 *
 *   test_generated               numbers 0 to 71; with NORMLAB_ALL to 431
 *   test_generated FIRST COUNT   those numbers; one finding is replayed by its number and 1
 *
 * A finding is printed with its number, and the fewest of its keys that still show it, as YAML.
 *
 * Up to rounding: a loss of cpu that is further from that of ref than BASE needs a cause (enum cause). First the
 * configuration is trained on ref again and again with other inputs and initial weights, which differ from the first
 * ones by what rounding to float32 changes: each weight by a random share of 2^-24, and some inputs by the next number
 * of float32. The error of cpu may be TIMES the largest change that this makes. So an ill-conditioned case (variances
 * of two samples that are nearly equal, say) may differ by much, and any other may not. Inputs and weights do not tell
 * what rounding makes of numbers in between that are 0 because others cancel: of a unit that is 0 in every sample
 * before a normalizer, say. On cpu the same changes of inputs and weights make other numbers of these. A formula that
 * is wrong on cpu is as wrong each time, and its error is no such change.
 */
#include <errno.h>
#include <float.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend/backend.h"
#include "base/files.h"
#include "base/npy.h"
#include "base/safetensors.h"
#include "generated.h"
#include "long_form.h"
#include "operation/whitening.h"
#include "scratch.h"
#include "train/fold.h"
#include "train/scorer.h"
#include "train/train.h"

enum {
    CASES = 72,
    ALL_CASES = 432,
    RUNS = 8,
    TIMES = 10,
    TIMES_OF_FORMULAS = 20,
    CPU_SECONDS = 1800,
    SMALL_SECONDS = 2
};
static const double BASE = 1e-5; /* of a loss, or of 1 */
static const double DIVERGED = 1e6;

/* What accounts for an error of cpu, the difference of its loss from that of ref. */
enum cause {
    ALIKE,        /* there is none over BASE */
    ROUNDING,     /* it is TIMES what rounding inputs and initial weights changes on ref, at most */
    CANCELLATION, /* or TIMES what that changes on cpu */
    FORMULAS, /* or TIMES_OF_FORMULAS the error of the reference's formulas in float32, which round what they store and
                 compute in float64 */
    SUMS,     /* or TIMES what initial weights change on ref that differ by rounding_of_sums, too */
    DIVISION, /* or the optimizer divides by the size of a gradient, and with sgd there is another cause: a gradient of
                 0 by its formula, as that of a bias before a normalizer, is nothing but rounding, of which Adam makes a
                 whole step */
    BEYOND,   /* or a number between is so large that its square is beyond float32 (is_beyond_float32) */
    NONE,
    CAUSES
};
static const char *const cause_names[] = {"alike",
                                          "rounding",
                                          "rounding of what cancels",
                                          "formulas in float32",
                                          "rounding of sums",
                                          "steps of gradients of 0",
                                          "numbers beyond float32"};

/* Keys of which each word is to be run. */
static const char *const covered[] = {"model.arch", "norm.kind", "norm.weights", "train.optimizer", "train.schedule"};
enum { COVERED = sizeof covered / sizeof *covered, MOST_WORDS = 64 };

/* What a case tells the process that started it. */
struct report {
    char yaml[8192];   /* the configuration that was checked last */
    char doing[128];   /* what was being done; "" at the end */
    char found[2048];  /* what is wrong; "" nothing, or it crashed */
    bool fits;         /* network and data fit together: it was run */
    enum cause cause;  /* of the error of cpu */
    double ratio[CAUSES]; /* of that error to the rounding of each cause */
};
static struct shared {
    struct report report;
    int runs[COVERED][MOST_WORDS]; /* of all cases so far, by word */
    int folded, refused;           /* normalizers of theirs that could be folded, and could not */
} *shared;
static struct report *report;

static void doing(const char *what)
{
    snprintf(report->doing, sizeof report->doing, "%s", what);
}

__attribute__((format(printf, 1, 2), noreturn)) static void find(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(report->found, sizeof report->found, format, args);
    va_end(args);
    _exit(1);
}

/* ---- training ---- */

static struct nl_trial_result trained(const struct nl_config *config, const struct nl_dataset *dataset,
                                      const struct nl_trial_options *how)
{
    struct nl_trial_result result;
    struct nl_error err = {{0}};
    if (nl_trial_run(config, dataset, how, &result, &err))
        find("what the check takes is not run: %s", err.text);
    return result;
}

static bool same_bits(const void *a, const void *b, size_t bytes)
{
    return memcmp(a, b, bytes) == 0;
}

/* Everything but times. */
static void compare_results(const char *what, const struct nl_trial_result *a, const struct nl_trial_result *b)
{
    if (a->status != b->status || a->steps != b->steps || a->samples != b->samples || a->rows != b->rows ||
        a->observations != b->observations)
        find("%s: status %s, %lld steps, %d rows, not %s, %lld, %d", what, nl_status_names[b->status],
             (long long)b->steps, b->rows, nl_status_names[a->status], (long long)a->steps, a->rows);
    for (int i = 0; i < a->rows; i++) {
        const struct nl_curve_row *x = &a->row[i], *y = &b->row[i];
        if (x->step != y->step || x->part != y->part || x->eval != y->eval ||
            !same_bits(&x->lr, &y->lr, sizeof x->lr) || !same_bits(&x->loss, &y->loss, sizeof x->loss) ||
            !same_bits(&x->accuracy, &y->accuracy, sizeof x->accuracy))
            find("%s: row %d has step %lld, loss %.17g, not step %lld, loss %.17g", what, i, (long long)y->step,
                 y->loss, (long long)x->step, x->loss);
    }
    if (!same_bits(&a->calibration, &b->calibration, sizeof a->calibration))
        find("%s: another calibration", what);
    if (!same_bits(a->score, b->score, sizeof a->score))
        find("%s: other scores", what);
    for (int i = 0; i < a->observations; i++)
        if (!same_bits(&a->observation[i].seen, &b->observation[i].seen, sizeof(struct nl_observed)))
            find("%s: tensor '%s' is seen otherwise", what, a->tensor[a->observation[i].tensor]);
}

static struct nl_tensor_file read_tensors(const char *path)
{
    struct nl_tensor_file file;
    struct nl_error err = {{0}};
    if (nl_safetensors_read(path, &file, &err))
        find("what was saved is not read: %s", err.text);
    return file;
}

static size_t elements_of(const struct nl_tensor_file_entry *entry)
{
    size_t count = entry->type == NL_I64 ? 0 : 1;
    for (int d = 0; d < entry->dims; d++)
        count *= entry->shape[d];
    return count;
}

static void compare_files(const char *what, const char *one, const char *other)
{
    struct nl_tensor_file a = read_tensors(one), b = read_tensors(other);
    if (a.count != b.count)
        find("%s: %d tensors, not %d", what, b.count, a.count);
    for (int i = 0; i < a.count; i++)
        if (!same_bits(a.entry[i].data, b.entry[i].data,
                       elements_of(&a.entry[i]) * (a.entry[i].type == NL_F64 ? 8 : 4)))
            find("%s: '%s' ends with other numbers", what, a.entry[i].name);
    nl_safetensors_release(&a);
    nl_safetensors_release(&b);
}

/* The largest size of a number in the tensor; INFINITY where one is not finite. */
static double size_of(const struct nl_tensor_file_entry *entry)
{
    double largest = 0;
    for (size_t i = 0; i < elements_of(entry); i++) {
        double size =
            fabs(entry->type == NL_F64 ? ((const double *)entry->data)[i] : (double)((const float *)entry->data)[i]);
        largest = isnan(size) ? INFINITY : fmax(largest, size);
    }
    return largest;
}

/* ---- rounding ---- */

/* The data as the network sees them, some of them the next number of float32: up or down of one in eight each. Ids
 * stay. */
static struct nl_dataset *other_inputs(const struct nl_dataset *dataset, const struct nl_config *config,
                                       struct nl_stream stream)
{
    struct nl_split view;
    struct nl_error err = {{0}};
    struct nl_dataset *other = nl_alloc(1, sizeof *other);
    size_t sample = (size_t)dataset->shape.height * (size_t)dataset->shape.width * (size_t)dataset->shape.channels;
    *other = *dataset;
    if (!dataset->pixels && !dataset->values)
        return other;
    if (nl_split_make(dataset, config, &view, &err))
        find("%s", err.text);
    other->pixels = NULL;
    size_t room = (size_t)nl_dataset_room(dataset);
    other->values = nl_alloc(room * sample, sizeof *other->values);
    for (int i = 0; i < (int)room; i++)
        nl_split_sample(&view, i, other->values + (size_t)i * sample);
    for (size_t i = 0; i < room * sample; i++) {
        uint32_t way = nl_stream_below(stream, 1, i, 8);
        if (way < 2)
            other->values[i] = nextafterf(other->values[i], way ? INFINITY : -INFINITY);
    }
    nl_split_release(&view);
    return other;
}

/* Each by a random share of 2^-24, and of `more`. */
static void other_weights(struct nl_tensor_file *file, double more, struct nl_stream stream)
{
    for (int i = 0; i < file->count; i++)
        for (size_t e = 0; e < elements_of(&file->entry[i]); e++) {
            double *weight = (double *)file->entry[i].data + e,
                   share = 2 * nl_stream_uniform(stream, (uint64_t)i + 2, e) - 1;
            *weight += share * (fabs(*weight) / 16777216 + more);
        }
}

/* Whether cpu has no kernels of its own, but the reference's formulas in float32. */
static bool by_formulas;

const struct nl_backend *__real_nl_device_begin(enum nl_device_kind kind, int device, enum nl_gemm gemm,
                                                struct nl_error *err);
const struct nl_backend *__wrap_nl_device_begin(enum nl_device_kind kind, int device, enum nl_gemm gemm,
                                                struct nl_error *err);

const struct nl_backend *__wrap_nl_device_begin(enum nl_device_kind kind, int device, enum nl_gemm gemm,
                                                struct nl_error *err)
{
    static struct nl_backend formulas;
    const struct nl_backend *backend = __real_nl_device_begin(kind, device, gemm, err);
    if (!backend || kind != NL_CPU || !by_formulas)
        return backend;
    formulas = nl_backend_ref;
    formulas.element = backend->element;
    formulas.real = backend->real;
    formulas.put_reals = backend->put_reals;
    formulas.get_reals = backend->get_reals;
    formulas.update = backend->update;
    return &formulas;
}

/* With other inputs and weights; config is of ref, or of cpu. */
static struct nl_trial_result trained_otherwise(struct nl_config config, const struct nl_dataset *dataset,
                                                const char *initial, double more, int run)
{
    struct nl_stream stream = nl_stream((uint64_t)run, "rounding");
    struct nl_tensor_file file = read_tensors(initial);
    struct nl_dataset *other = other_inputs(dataset, &config, stream);
    other_weights(&file, more, stream);
    config.data.standardize = false;
    struct nl_trial_result result = trained(&config, other, &(struct nl_trial_options){.load = &file});
    nl_safetensors_release(&file);
    if (other->values != dataset->values)
        free(other->values);
    free(other);
    return result;
}

enum { MOST_ROWS = 64 };

/* Each row's largest difference from that of `first` in RUNS trainings otherwise; those whose loss is NaN are left
 * out. */
static void measure_rounding(const struct nl_config *config, const struct nl_dataset *dataset, const char *initial,
                             double more, const struct nl_trial_result *first, double change[MOST_ROWS])
{
    memset(change, 0, MOST_ROWS * sizeof *change);
    for (int run = 0; run < RUNS; run++) {
        struct nl_trial_result other = trained_otherwise(*config, dataset, initial, more, run);
        for (int i = 0; i < first->rows && i < other.rows && i < MOST_ROWS; i++)
            change[i] = fmax(change[i], fabs(other.row[i].loss - first->row[i].loss));
        nl_trial_result_release(&other);
    }
}

/* Of the loss of a batch, or of an evaluation: with all weights after one update at most, which did not make the
 * training diverge. */
static bool is_judged(const struct nl_curve_row *row)
{
    bool first = row->step == 1 && row->eval < 0;
    return first || (row->step <= (row->eval < 0 ? 2 : 1) && fabs(row->loss) < DIVERGED);
}

/* An error of cpu that is to be judged; 0: there is none, or the row is not judged, or its numbers are beyond
 * float32. */
static double error_of(const struct nl_curve_row *ref, const struct nl_curve_row *cpu)
{
    double error = fabs(cpu->loss - ref->loss);
    bool equal = error <= BASE * fmax(1, fabs(ref->loss)) || (isnan(ref->loss) && isnan(cpu->loss));
    return equal || fabs(ref->loss) > sqrt(FLT_MAX) || !is_judged(ref) ? 0 : isnan(error) ? INFINITY : error;
}

/* The row whose error is the largest in changes, and that ratio. */
static int worst_row(const struct nl_trial_result *ref, const struct nl_trial_result *cpu,
                     const double change[MOST_ROWS], double *ratio)
{
    int worst = 0;
    *ratio = 0;
    for (int i = 0; i < ref->rows && i < cpu->rows && i < MOST_ROWS; i++) {
        double error = error_of(&ref->row[i], &cpu->row[i]), own = error == 0 ? 0 : error / change[i];
        if (own > *ratio) {
            *ratio = own;
            worst = i;
        }
    }
    return worst;
}

/* The configuration, but every tensor and gradient of each step is observed. */
static struct nl_config observed(struct nl_config config)
{
    static char values[] = "*", gradients[] = "grad:*";
    config.log.tensors = (struct nl_name_list){2, {values, gradients}};
    config.log.every = 1;
    return config;
}

/* The largest sum of squares of a tensor or a gradient in the first two steps; NaN is none. The result is released. */
static double largest_squares(struct nl_trial_result result)
{
    double largest = 0;
    for (int i = 0; i < result.observations && result.observation[i].step <= 2; i++)
        largest = fmax(largest, result.observation[i].seen.squares);
    nl_trial_result_release(&result);
    return largest;
}

/* Whether a number between is so large that its square is beyond float32: on ref; on ref once the initial weights
 * differ by 2^-24, also those that are 0; or on cpu, where it is nothing but rounding, and another when inputs and
 * weights are rounded otherwise. A unit that is 0 in every sample on ref is what rounding makes of it elsewhere, and
 * normalizers multiply that. */
static bool is_beyond_float32(const struct nl_config *ref, const struct nl_config *cpu,
                              const struct nl_dataset *dataset, const char *initial)
{
    const struct nl_config by_ref = observed(*ref), by_cpu = observed(*cpu);
    if (largest_squares(trained(&by_ref, dataset, NULL)) >= FLT_MAX ||
        largest_squares(trained_otherwise(by_ref, dataset, initial, FLT_EPSILON / 2, 1)) >= FLT_MAX)
        return true;
    double one = largest_squares(trained_otherwise(by_cpu, dataset, initial, 0, 0)),
           other = largest_squares(trained_otherwise(by_cpu, dataset, initial, 0, 1));
    return fmin(one, other) >= FLT_MAX && fmax(one, other) >= 2 * fmin(one, other);
}

/* After a first update with a finite loss a tensor is finite on ref and on cpu, or on neither; unless a number between
 * is beyond float32. */
static void compare_finiteness(const struct nl_config *ref, const struct nl_config *cpu,
                               const struct nl_dataset *dataset, const char *initial)
{
    struct nl_tensor_file a = read_tensors("ref_final.safetensors"), b = read_tensors("final.safetensors");
    for (int i = 0; i < a.count && i < b.count; i++) {
        bool finite = isfinite(size_of(&a.entry[i]));
        if (finite == isfinite(size_of(&b.entry[i])))
            continue;
        if (finite && is_beyond_float32(ref, cpu, dataset, initial))
            break;
        find("'%s' is finite on %s alone", a.entry[i].name, finite ? "ref" : "cpu");
    }
    nl_safetensors_release(&a);
    nl_safetensors_release(&b);
}

/* What rounding may add to a sum of numbers near 1 that cancel, of which 2^-24 is lost: a unit that is 0 in every
 * sample, say, is not before the next normalizer. Biases, which begin as 0, have it too. The matrix of a whitening
 * multiplies with up to 1 / sqrt(eps) what it is rounded by. */
static double rounding_of_sums(const struct nl_config *config)
{
    bool whitens = nl_norm_of(config)->operation == &nl_whitening_operation;
    return FLT_EPSILON / 2 / (whitens ? fmax(1e-4, fmin(1, sqrt(config->norm.eps))) : 1);
}

/* Finds the row whose error nothing accounts for; returns what does. */
static enum cause cause_of(const struct nl_config *ref, const struct nl_config *cpu, const struct nl_dataset *dataset,
                           const char *initial, const struct nl_trial_result *by_ref,
                           const struct nl_trial_result *by_cpu, int *row, double ratio[CAUSES])
{
    double change[MOST_ROWS] = {0};
    *row = worst_row(by_ref, by_cpu, change, &ratio[ALIKE]);
    if (ratio[ALIKE] == 0)
        return ALIKE;
    measure_rounding(ref, dataset, initial, 0, by_ref, change);
    *row = worst_row(by_ref, by_cpu, change, &ratio[ROUNDING]);
    if (ratio[ROUNDING] <= TIMES)
        return ROUNDING;
    measure_rounding(cpu, dataset, initial, 0, by_cpu, change);
    *row = worst_row(by_ref, by_cpu, change, &ratio[CANCELLATION]);
    if (ratio[CANCELLATION] <= TIMES)
        return CANCELLATION;
    by_formulas = true;
    measure_rounding(cpu, dataset, initial, 0, by_ref, change);
    by_formulas = false;
    *row = worst_row(by_ref, by_cpu, change, &ratio[FORMULAS]);
    if (ratio[FORMULAS] <= TIMES_OF_FORMULAS)
        return FORMULAS;
    measure_rounding(ref, dataset, initial, rounding_of_sums(ref), by_ref, change);
    *row = worst_row(by_ref, by_cpu, change, &ratio[SUMS]);
    if (ratio[SUMS] <= TIMES)
        return SUMS;
    return is_beyond_float32(ref, cpu, dataset, initial) ? BEYOND : NONE;
}

static void compare_backends(const struct nl_config *ref, const struct nl_config *cpu, const struct nl_dataset *dataset,
                             const char *initial, const struct nl_trial_result *by_ref,
                             const struct nl_trial_result *by_cpu)
{
    int row;
    report->cause = cause_of(ref, cpu, dataset, initial, by_ref, by_cpu, &row, report->ratio);
    bool first = by_ref->row[row].step == 1 && by_ref->row[row].eval < 0;
    if (report->cause == NONE && ref->train.optimizer != NL_SGD && !first) {
        struct nl_config ref_sgd = *ref, cpu_sgd = *cpu;
        double ratio[CAUSES];
        int other_row;
        ref_sgd.train.optimizer = cpu_sgd.train.optimizer = NL_SGD;
        struct nl_trial_result ref_result = trained(&ref_sgd, dataset, NULL),
                               cpu_result = trained(&cpu_sgd, dataset, NULL);
        if (cause_of(&ref_sgd, &cpu_sgd, dataset, initial, &ref_result, &cpu_result, &other_row, ratio) != NONE)
            report->cause = DIVISION;
        nl_trial_result_release(&ref_result);
        nl_trial_result_release(&cpu_result);
    }
    if (report->cause == NONE)
        find("loss of %s after %lld steps, row %d: %.9g on ref, %.9g on cpu: %.3g changes of ref by rounding inputs "
             "and weights, %.3g of cpu, "
             "%.3g errors of the formulas in float32, %.3g changes by rounding of sums",
             nl_part_names[by_ref->row[row].part], (long long)by_ref->row[row].step, row, by_ref->row[row].loss,
             by_cpu->row[row].loss, report->ratio[ROUNDING], report->ratio[CANCELLATION], report->ratio[FORMULAS],
             report->ratio[SUMS]);
}

/* ---- a case ---- */

static void check_cohort(const struct nl_config *config, const struct nl_dataset *dataset,
                         const struct nl_trial_result *alone)
{
    struct nl_config second = *config;
    second.train.seed++;
    const struct nl_config *const configs[] = {config, &second};
    struct nl_trial_options options[2] = {{0}};
    struct nl_trial_result together[2];
    struct nl_error err = {{0}};
    if (nl_cohort_run(configs, dataset, options, 2, together, &err))
        find("two together are not run: %s", err.text);
    compare_results("together with another", alone, &together[0]);
    struct nl_trial_result second_alone = trained(&second, dataset, NULL);
    compare_results("second of two", &second_alone, &together[1]);
    nl_trial_result_release(&second_alone);
    nl_trial_result_release(&together[0]);
    nl_trial_result_release(&together[1]);
}

#define CHECKPOINT "checkpoint.safetensors"

static void stop_there(void *context, int64_t step, int64_t steps, double loss)
{
    (void)step, (void)steps, (void)loss;
    *(atomic_int *)context = 1;
}

static void check_resumed(const struct nl_config *config, const struct nl_dataset *dataset,
                          const struct nl_trial_result *whole, const char *final)
{
    atomic_int stop = 0;
    struct nl_trial_options how = {.checkpoint = CHECKPOINT, .stop = &stop, .progress = stop_there, .context = &stop};
    struct nl_trial_result result = trained(config, dataset, &how);
    if (result.status == NL_STOPPED) {
        nl_trial_result_release(&result);
        result = trained(config, dataset,
                         &(struct nl_trial_options){.checkpoint = how.checkpoint, .save_final = "resumed.safetensors"});
        compare_results("stopped and gone on", whole, &result);
        compare_files("stopped and gone on", final, "resumed.safetensors");
    }
    nl_trial_result_release(&result);
}

static void check_loaded(const struct nl_config *config, const struct nl_dataset *dataset,
                         const struct nl_trial_result *whole, const char *initial, const char *final)
{
    struct nl_tensor_file file = read_tensors(initial);
    struct nl_trial_result result =
        trained(config, dataset,
                &(struct nl_trial_options){
                    .load = &file, .save_init = "again.safetensors", .save_final = "loaded.safetensors"});
    compare_results("from its own initial weights", whole, &result);
    compare_files("saved, loaded and saved", initial, "again.safetensors");
    compare_files("from its own initial weights", final, "loaded.safetensors");
    nl_trial_result_release(&result);
    nl_safetensors_release(&file);
}

static bool all_finite(const struct nl_tensor_file *file)
{
    bool finite = true;
    for (int i = 0; i < file->count; i++)
        finite &= isfinite(size_of(&file->entry[i]));
    return finite;
}

/* The file alone gives the score of the end, with running statistics or those of the whole training part. */
static void check_scored(const struct nl_config *config, const struct nl_dataset *dataset,
                         const struct nl_trial_result *whole, const char *final)
{
    enum nl_eval eval = nl_primary_eval(config);
    struct nl_tensor_file file = read_tensors(final);
    struct nl_error err = {{0}};
    struct nl_scorer *scorer = NULL;
    if (all_finite(&file) && whole->status != NL_DIVERGED && (eval == NL_EVAL_RUNNING || eval == NL_EVAL_PRECISE)) {
        scorer = nl_scorer_open(config, dataset, &file, final, (int)nl_micro_batch(config), &err);
        if (!scorer)
            find("the saved network is not taken: %s", err.text);
    }
    for (enum nl_part part = 0; scorer && part < NL_PARTS; part++) {
        struct nl_scored scored = {.score = {NAN, NAN}};
        if (nl_scorer_samples(scorer, part) == 0)
            continue;
        if (nl_scorer_score(scorer, part, eval, (int)nl_micro_batch(config), NL_ORDER_SHUFFLED, NULL, &scored, &err))
            find("the saved network is not scored: %s", err.text);
        const struct nl_score *score = &scored.score;
        if (!same_bits(&score->loss, &whole->score[part][eval].loss, sizeof score->loss))
            find("the saved network has a loss of %.17g on %s, not %.17g", score->loss, nl_part_names[part],
                 whole->score[part][eval].loss);
        if (part == NL_PART_TEST && !same_bits(&scored.calibration, &whole->calibration, sizeof scored.calibration))
            find("the saved network has a calibration error of %.17g, not %.17g", scored.calibration.ece,
                 whole->calibration.ece);
    }
    nl_scorer_free(scorer);
    nl_safetensors_release(&file);
}

static void check_folded(const struct nl_config *config, const struct nl_dataset *dataset, const char *final)
{
    static const double bound = 1e-7; /* of the largest output: small variances amplify rounding, time after time */
    struct nl_tensor_file file = read_tensors(final);
    struct nl_folded folded = {0};
    struct nl_fold_difference difference;
    struct nl_error err = {{0}};
    if (all_finite(&file)) {
        if (nl_fold_network(config, dataset, &file, final, &folded, &err))
            find("the saved network is not folded: %s", err.text);
        shared->folded += folded.items - folded.refused, shared->refused += folded.refused;
        if (folded.refused < folded.items) {
            if (nl_fold_compare(config, dataset, &file, final, &folded, &difference, &err))
                find("the folded network is not taken: %s", err.text);
            if (!(difference.largest <= bound * difference.output))
                find("the folded network puts out %.3g else, where the largest output is %.3g", difference.largest,
                     difference.output);
        }
    }
    nl_folded_release(&folded);
    nl_safetensors_release(&file);
}

/* The configuration as a file is the same as on the command line, and as it is shown. */
static void check_texts(const struct generated *g, const struct nl_experiment *experiment)
{
    struct nl_error err = {{0}};
    char *yaml = yaml_of(g), *identity = nl_config_identity_text(&experiment->config),
         *shown = nl_experiment_text(experiment, true);
    const char *const texts[] = {yaml, shown};
    for (int i = 0; i < 2; i++) {
        struct nl_experiment again;
        struct nl_diagnostics problems = {0};
        if (nl_file_put("case.yaml", texts[i], strlen(texts[i]), &err))
            find("%s", err.text);
        if (nl_experiment_load("case.yaml", NULL, 0, &again, &problems))
            find("%s is refused: %s", i ? "as it is shown, it" : "a file of it", nl_diagnostics_text(&problems));
        char *other = nl_config_identity_text(&again.config);
        if (strcmp(identity, other) != 0)
            find("%s is another trial:\n%snot\n%s", i ? "as it is shown, it" : "a file of it", other, identity);
        free(other);
    }
    free(yaml);
    free(identity);
    free(shown);
}

static void cover(const struct nl_config *config)
{
    for (int i = 0; i < COVERED; i++) {
        const struct nl_key *key = nl_key_find(covered[i]);
        shared->runs[i][*(const int *)((const char *)config + key->offset)]++;
    }
}

/* How many of these words were never run, each printed. */
static int print_missing(void)
{
    int missing = 0;
    for (int i = 0; i < COVERED; i++) {
        const char *const *words = nl_key_find(covered[i])->choices;
        int limit = limit_of(covered[i]);
        for (int word = 0; words[word]; word++)
            if (shared->runs[i][word] == 0 && (limit < 0 || strstr(limits[limit].values, words[word]))) {
                printf("%s: %s was never run\n", covered[i], words[word]);
                missing++;
            }
    }
    return missing;
}

static void judge(const struct generated *g)
{
    struct nl_experiment experiment;
    struct nl_grid grid;
    struct nl_diagnostics problems = {0};
    struct nl_datasets datasets = {0};
    struct nl_error err = {{0}};
    doing("it is checked");
    if (!is_accepted(g, &experiment, NULL))
        return;
    report->fits = true;
    cover(&experiment.config);
    doing("it is written and read");
    check_texts(g, &experiment);
    doing("its data are opened");
    if (nl_grid_make(&experiment, &grid, &problems) || nl_grid_identify(&grid, &datasets, &err))
        find("what the check takes has no data: %s", err.text);
    const struct nl_dataset *dataset = grid.trial[0].dataset;
    struct nl_config ref = grid.trial[0].config, cpu = ref;
    ref.device.kind = NL_REF;
    cpu.device.kind = NL_CPU;
    int64_t parameters;
    size_t bytes;
    if (nl_trial_size(&cpu, dataset, &parameters, &bytes, &err))
        find("what the check takes has no size: %s", err.text);
    doing("cpu trains");
    struct nl_trial_result by_cpu =
        trained(&cpu, dataset,
                &(struct nl_trial_options){.save_init = "initial.safetensors", .save_final = "final.safetensors"});
    if (by_cpu.parameters != parameters)
        find("%lld parameters are trained, and %lld were said", (long long)by_cpu.parameters, (long long)parameters);
    doing("ref trains");
    struct nl_trial_result by_ref = trained(
        &ref, dataset,
        &(struct nl_trial_options){.save_init = "ref_initial.safetensors", .save_final = "ref_final.safetensors"});
    doing("ref and cpu are compared");
    compare_backends(&ref, &cpu, dataset, "ref_initial.safetensors", &by_ref, &by_cpu);
    if (by_ref.steps == 1 && by_cpu.steps == 1 && isfinite(by_ref.row[0].loss) && report->cause != BEYOND)
        compare_finiteness(&ref, &cpu, dataset, "ref_initial.safetensors");
    doing("two train together");
    check_cohort(&cpu, dataset, &by_cpu);
    doing("it is stopped and goes on");
    check_resumed(&cpu, dataset, &by_cpu, "final.safetensors");
    doing("it starts from its initial weights");
    check_loaded(&cpu, dataset, &by_cpu, "initial.safetensors", "final.safetensors");
    doing("the saved network is scored");
    check_scored(&cpu, dataset, &by_cpu, "final.safetensors");
    doing("the saved network is folded");
    check_folded(&ref, dataset, "ref_final.safetensors");
    nl_trial_result_release(&by_cpu);
    nl_trial_result_release(&by_ref);
    nl_grid_release(&grid);
    nl_datasets_release(&datasets);
}

/* ---- processes ---- */

static void note(const struct generated *g)
{
    char *yaml = yaml_of(g);
    snprintf(report->yaml, sizeof report->yaml, "%s", yaml);
    free(yaml);
}

/* In a process of its own: number `seed`, as it is drawn and with its extreme kin; or a configuration with fewer keys,
 * which ends early where sizes are not tiny any more. True: nothing was found. */
static bool judged(const struct generated *given, uint64_t seed)
{
    const rlim_t seconds = given ? SMALL_SECONDS : CPU_SECONDS;
    memset(report, 0, sizeof *report);
    remove(CHECKPOINT);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        struct generated drawn = {0};
        const struct rlimit cpu = {seconds, seconds + 1}, core = {0, 0};
        setrlimit(RLIMIT_CPU, &cpu);
        setrlimit(RLIMIT_CORE, &core);
        alarm((unsigned)(5 * seconds));
        if (!given) {
            doing("it is drawn");
            before_check = note;
            generate(seed, &drawn);
        }
        judge(given ? given : &drawn);
        if (!given) {
            struct nl_experiment experiment;
            doing("it is checked with sizes at their bounds");
            make_extreme(seed, &drawn);
            is_accepted(&drawn, &experiment, NULL);
        }
        drop_from(&drawn, 0);
        doing("");
        exit(0);
    }
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    if (given && WIFSIGNALED(status) && (WTERMSIG(status) == SIGXCPU || WTERMSIG(status) == SIGALRM))
        return true;
    if (WIFSIGNALED(status))
        snprintf(report->found, sizeof report->found, "killed by signal %d while %s", WTERMSIG(status), report->doing);
    else if (WEXITSTATUS(status) != 0 && !report->found[0])
        snprintf(report->found, sizeof report->found, "exit code %d while %s", WEXITSTATUS(status),
                 report->doing[0] ? report->doing : "it ended");
    return !report->found[0];
}

/* Back from its YAML, a line a key. */
static struct generated read_drawn(const char *yaml)
{
    struct generated g = {0};
    while (*yaml) {
        size_t name = strcspn(yaml, ":"), line = strcspn(yaml, "\n");
        char *key = nl_format("%.*s", (int)name, yaml);
        set(&g, key, nl_format("%.*s", (int)(line - name - 2), yaml + name + 2));
        free(key);
        yaml += line + 1;
    }
    return g;
}

/* Without these a case takes long. */
static bool is_size(const struct nl_key *key)
{
    static const char *const sizes[] = {"data.train",  "data.test",   "model.depth",
                                        "model.width", "train.batch", "train.steps"};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        if (strcmp(sizes[i], key->name) == 0)
            return true;
    return false;
}

/* Prints a finding, after each key but sizes was left out without which it is still one. */
static void tell(uint64_t seed, bool alone)
{
    struct report first = *report;
    struct generated g = read_drawn(first.yaml);
    printf("number %llu: %s\n", (unsigned long long)seed, first.found);
    printf("%s", alone ? first.yaml : "");
    bool smaller = !judged(&g, 0);
    for (int before = g.count + 1; smaller && g.count < before;) {
        before = g.count;
        for (int i = g.count - 1; i >= 0; i--) {
            struct generated fewer = g;
            if (is_size(g.at[i].key))
                continue;
            fewer.at[i] = fewer.at[--fewer.count];
            if (!judged(&fewer, 0) && strcmp(report->doing, first.doing) == 0) {
                free(g.at[i].text);
                g = fewer;
                first = *report;
            }
        }
    }
    char *yaml = yaml_of(&g);
    drop_from(&g, 0);
    printf("%s: %s\n%s\n", smaller ? "its fewest keys" : "found only when it is drawn", first.found, yaml);
    free(yaml);
}

/* ---- the user's files ---- */

static void put_array(const char *folder, const char *name, enum nl_dtype type, int dims, const size_t *shape,
                      const void *data)
{
    char *path = nl_path_join(folder, name);
    struct nl_error err = {{0}};
    if (nl_make_folders(folder, &err) || nl_npy_write(path, type, dims, shape, data, &err))
        NL_BUG("%s", err.text);
    free(path);
}

/* 60 samples each; among the images a pixel that is always the same, and a channel far from 0. */
static void make_files(void)
{
    enum { SAMPLES = 60, BYTES = 36, REALS = 40, ROWS = 7, IDS = 5, LONG = 400 };
    struct draws draws = {nl_stream(1, "files"), 0};
    uint8_t bytes[SAMPLES * BYTES];
    float reals[SAMPLES * REALS], targets[SAMPLES];
    int64_t classes[SAMPLES], each[SAMPLES * IDS];
    int32_t ids[SAMPLES * IDS];
    uint16_t sequence[LONG];
    for (int i = 0; i < SAMPLES * BYTES; i++)
        bytes[i] = i % BYTES ? (uint8_t)draw(&draws, 256) : 7;
    for (int i = 0; i < SAMPLES * REALS; i++)
        reals[i] = (float)(nl_stream_normal(draws.stream, 1, (uint64_t)i) + (i % 2 ? 100 : 0));
    for (int i = 0; i < SAMPLES * IDS; i++) {
        ids[i] = draw(&draws, 9);
        each[i] = draw(&draws, 4);
    }
    for (int i = 0; i < SAMPLES; i++) {
        classes[i] = i % 4;
        targets[i] = (float)nl_stream_normal(draws.stream, 2, (uint64_t)i);
    }
    for (int i = 0; i < LONG; i++)
        sequence[i] = (uint16_t)draw(&draws, 11);
    static const char images[] = "train_images.npy", labels[] = "train_labels.npy";
    const size_t of_bytes[] = {SAMPLES, 6, 6, 1}, of_reals[] = {SAMPLES, 5, 4, 2}, of_rows[] = {SAMPLES, ROWS},
                 of_ids[] = {SAMPLES, IDS}, of_long[] = {LONG};
    put_array("bytes", images, NL_U8, 4, of_bytes, bytes);
    put_array("reals", images, NL_F32, 4, of_reals, reals);
    put_array("rows", images, NL_F32, 2, of_rows, reals);
    put_array("targets", images, NL_F32, 2, of_rows, reals);
    put_array("tokens", images, NL_I32, 2, of_ids, ids);
    put_array("each", images, NL_I32, 2, of_ids, ids);
    put_array("sequence", images, NL_U16, 1, of_long, sequence);
    put_array("bytes", labels, NL_I64, 1, of_bytes, classes);
    put_array("reals", labels, NL_I64, 1, of_bytes, classes);
    put_array("rows", labels, NL_I64, 1, of_bytes, classes);
    put_array("targets", labels, NL_F32, 1, of_bytes, targets);
    put_array("tokens", labels, NL_I64, 1, of_bytes, classes);
    put_array("each", labels, NL_I64, 2, of_ids, each);
    struct nl_text text = {0};
    struct nl_error err = {{0}};
    for (int i = 0; i < 100; i++)
        nl_text_add(&text, "line %d of \xc3\xa4 text\n", i);
    if (nl_file_put(GENERATED_TEXT, text.at, text.length, &err))
        NL_BUG("%s", err.text);
    nl_text_release(&text);
}

int main(int argc, char **argv)
{
    uint64_t first = argc > 1 ? strtoull(argv[1], NULL, 10) : 0, count = argc > 2         ? strtoull(argv[2], NULL, 10)
                                                                         : argc > 1       ? 1
                                                                         : is_long_form() ? ALL_CASES
                                                                                          : CASES;
    int run = 0, findings = 0, causes[CAUSES] = {0};
    double worst[CAUSES] = {0};
    const char *root = getenv("TMPDIR");
    char *folder = nl_format("%s/normlab-test-XXXXXX", root && root[0] ? root : "/tmp");
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    report = &shared->report;
    if (shared == MAP_FAILED || !mkdtemp(folder) || chdir(folder))
        NL_BUG("no room for cases: %s", strerror(errno));
    make_files();
    for (uint64_t seed = first; seed < first + count; seed++) {
        if (judged(NULL, seed)) {
            run += report->fits;
            causes[report->cause] += report->fits;
            worst[report->cause] = fmax(worst[report->cause], report->ratio[report->cause]);
        } else {
            tell(seed, count == 1);
            findings++;
        }
    }
    findings += count == ALL_CASES ? print_missing() : 0;
    for (int cause = 0; cause < NONE; cause++)
        printf("errors of cpu: %-24s %5d times, %.2g at most\n", cause_names[cause], causes[cause], worst[cause]);
    printf("normalizers: %d folded, %d not\n", shared->folded, shared->refused);
    findings += count >= CASES && (shared->folded == 0 || shared->refused == 0);
    printf("%llu configurations: %d run, %d refused, %d findings\n", (unsigned long long)count, run,
           (int)count - run - findings, findings);
    if (chdir("/") == 0)
        scratch_remove(folder);
    return findings > 0;
}
