/* trials.csv, curves.csv, timing.csv and metrics.csv: finished trials as rows, in grid order. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/csv.h"
#include "base/memory.h"
#include "config/import.h"
#include "stats/steps.h"
#include "sweep/observed.h"
#include "sweep/store.h"

static void add_key_names(struct nl_text *out, const struct nl_grid *grid)
{
    nl_text_add(out, "trial");
    for (int k = 0; k < grid->keys; k++)
        nl_text_add(out, ",%s", grid->key[k]->name);
}

/* What sweep.chosen gives each point: columns that are no factors stand after `status` (stats/results.h). */
static void add_chosen_names(struct nl_text *out, const struct nl_grid *grid)
{
    for (int i = 0; i < grid->chosen; i++)
        nl_text_add(out, ",%s", grid->chosen_key[i]->name);
}

static void add_chosen_values(struct nl_text *out, const struct nl_grid *grid, int trial)
{
    for (int i = 0; i < grid->chosen; i++) {
        nl_text_add(out, ",");
        nl_csv_add(out, grid->trial[trial].chosen_text[i]);
    }
}

/* "17,bn,64,1": the fields that every row of a trial begins with. */
static void add_key_values(struct nl_text *out, const struct nl_grid *grid, int trial)
{
    nl_text_add(out, "%d", trial + 1);
    for (int k = 0; k < grid->keys; k++) {
        nl_text_add(out, ",");
        nl_csv_add(out, grid->trial[trial].text[k]);
    }
}

/* The statistics that a trial's unmarked scores were evaluated with: the first of norm.eval where it has a meaning. */
static enum nl_eval first_eval(const struct nl_config *config)
{
    return nl_key_applies(nl_key_named("norm.eval"), config) ? (enum nl_eval)config->norm.eval.at[0] : NL_EVAL_RUNNING;
}

static bool evaluated_beside(const struct nl_config *config, enum nl_eval eval)
{
    if (nl_config_averages(config, eval))
        return true;
    if (!nl_key_applies(nl_key_named("norm.eval"), config))
        return false;
    for (int i = 1; i < config->norm.eval.count; i++)
        if (config->norm.eval.at[i] == eval)
            return true;
    return false;
}

static void add_real(struct nl_text *out, double value)
{
    nl_text_add(out, ",");
    nl_csv_add_number(out, value);
}

/* What is not a number was not evaluated (no such part, a training that diverged): its field is empty, and status says
 * why. */
static void add_scores(struct nl_text *out, const struct nl_record *record, enum nl_eval eval, bool evaluated)
{
    for (int part = 0; part < NL_PARTS; part++) {
        struct nl_score score = record->score[part][eval];
        if (!evaluated || record->failed)
            score = (struct nl_score){NAN, NAN};
        add_real(out, score.loss);
        add_real(out, score.accuracy);
        add_real(out, 1 - score.accuracy);
    }
}

/* What the scores were counted over: statistics need it. Real targets have no classes. Empty where the data are files
 * that are not there any more. */
static void add_count(struct nl_text *out, int64_t count)
{
    nl_text_add(out, ",");
    if (count >= 0)
        nl_text_add(out, "%" PRId64, count);
}

/* What the user said of the data of imported trials. Their parts are taken to be the same for all runs. */
static void add_imported_parts(struct nl_text *out, const struct nl_import *import)
{
    const int counts[] = {import->classes, import->train_samples, import->val_samples, import->test_samples};
    for (int i = 0; i < 4; i++)
        add_count(out, counts[i] > 0 ? counts[i] : -1);
    nl_text_add(out, ",1,1");
}

static void add_parts(struct nl_text *out, const struct nl_config *config)
{
    struct nl_counts counts = nl_data_counts(config);
    struct nl_shape shape = nl_data_facts(config).shape;
    if (counts.train < 1) {
        nl_text_add(out, ",,,,,,");
        return;
    }
    nl_text_add(out, ",");
    if (shape.target != NL_TARGET_REAL)
        nl_text_add(out, "%d", shape.classes);
    nl_text_add(out, ",%d,%d,%d", counts.train, counts.val, counts.test);
    add_real(out, counts.val > 0 ? counts.val_overlap : NAN);
    add_real(out, counts.test > 0 ? counts.test_overlap : NAN);
}

/* The evaluations of a part along the curve, by the trapezoidal rule over its steps. */
struct area {
    double loss, error;           /* from the first to the last, */
    double first, last;           /* which lie at these steps; NaN: there is none */
    double last_loss, last_error;
};

static void add_evaluation(struct area *area, double step, double loss, double error)
{
    if (isnan(area->first)) {
        area->first = step;
    } else {
        area->loss += 0.5 * (step - area->last) * (area->last_loss + loss);
        area->error += 0.5 * (step - area->last) * (area->last_error + error);
    }
    area->last = step;
    area->last_loss = loss;
    area->last_error = error;
}

/* The evaluation with the least validation loss, the first of several: what stopping by validation would keep. */
struct best {
    double val_loss, step, epoch; /* NaN: there is none */
    double test_loss, test_error;
};

/* In the order of a curve: of a step the validation part comes before the test part. */
static void look_for_best(struct best *best, int part, double step, double epoch, double loss, double error)
{
    if (part == NL_PART_VAL && !(loss >= best->val_loss) && !isnan(loss))
        *best = (struct best){loss, step, epoch, NAN, NAN};
    if (part == NL_PART_TEST && step == best->step) {
        best->test_loss = loss;
        best->test_error = error;
    }
}

/* area[NL_PARTS], and the best, of the evaluations with these statistics. */
static void read_curve(const struct nl_record *record, enum nl_eval eval, struct area *area, struct best *best)
{
    char *copy = nl_strdup(record->curve), *rest = copy, *line;
    while ((line = strsep(&rest, "\n")) && *line) {
        enum { STEP, EPOCH, SPLIT = 3, EVAL, LOSS = 6, ACCURACY, FIELDS }; /* of curves.csv, from `step` on */
        const char *field[FIELDS] = {NULL};
        for (int i = 0; i < FIELDS; i++)
            field[i] = strsep(&line, ",");
        for (int part = 0; part < NL_PARTS && field[ACCURACY]; part++)
            if (strcmp(field[SPLIT], nl_part_names[part]) == 0 && strcmp(field[EVAL], nl_eval_names[eval]) == 0) {
                double step = nl_double_read(field[STEP], NULL), loss = nl_double_read(field[LOSS], NULL),
                       error = 1.0 - nl_double_read(field[ACCURACY], NULL);
                add_evaluation(&area[part], step, loss, error);
                look_for_best(best, part, step, nl_double_read(field[EPOCH], NULL), loss, error);
            }
    }
    free(copy);
}

/* Means along the curve, from the first evaluation to the last, the gap between parts at the end, and the best by
 * validation. */
static void add_derived(struct nl_text *out, const struct nl_record *record, enum nl_eval eval)
{
    struct area area[NL_PARTS];
    struct best best = {NAN, NAN, NAN, NAN, NAN};
    bool whole = !record->failed && record->status != NL_DIVERGED;
    for (int part = 0; part < NL_PARTS; part++)
        area[part] = (struct area){.first = NAN, .last = NAN, .last_loss = NAN, .last_error = NAN};
    if (whole)
        read_curve(record, eval, area, &best);
    for (int part = NL_PART_VAL; part <= NL_PART_TEST; part++) {
        double steps = area[part].last - area[part].first;
        add_real(out,
                 steps > 0 ? area[part].error / steps : area[part].last_error); /* one evaluation is its own mean */
        add_real(out, steps > 0 ? area[part].loss / steps : area[part].last_loss);
    }
    struct nl_score train = record->score[NL_PART_TRAIN][eval], test = record->score[NL_PART_TEST][eval];
    add_real(out, whole ? train.accuracy - test.accuracy : NAN);
    add_real(out, whole ? test.loss - train.loss : NAN);
    add_real(out, best.epoch);
    add_real(out, best.test_error);
    add_real(out, best.test_loss);
}

static void add_calibration(struct nl_text *out, const struct nl_record *record)
{
    bool known = record->calibrated && !record->failed;
    add_real(out, known ? record->calibration.top5_error : NAN);
    add_real(out, known ? record->calibration.ece : NAN);
}

/* Whether losses are of tokens: there are labels at each position. */
static bool is_of_tokens(const struct nl_config *config)
{
    return nl_data_facts(config).shape.target == NL_TARGET_EACH;
}

static void add_token_scores(struct nl_text *out, const struct nl_config *config, const struct nl_record *record)
{
    bool whole = !record->failed && is_of_tokens(config);
    for (int part = 0; part < NL_PARTS; part++) {
        double loss = whole ? record->score[part][first_eval(config)].loss : NAN;
        add_real(out, exp(loss));
        add_real(out, loss / log(2.0));
    }
}

/* What one sample costs to train by, kept for the trials that follow and differ in the seed alone. */
struct sample_flops {
    const struct nl_trial *of; /* NULL: of none so far */
    double each;
};

static bool differ_in_seed_alone(const struct nl_grid *grid, const struct nl_trial *a, const struct nl_trial *b)
{
    bool same = true;
    for (int k = 0; k < grid->keys - 1 && same; k++) /* the last key is the seed */
        same = strcmp(a->text[k], b->text[k]) == 0;
    return same;
}

/* Floating-point operations of the training; NaN: another program trained it, or it could not be run. */
static double flops_of(struct sample_flops *kept, const struct nl_grid *grid, const struct nl_trial *trial,
                       const struct nl_record *record)
{
    if (record->samples < 0 || record->failed)
        return NAN;
    if (!kept->of || !differ_in_seed_alone(grid, kept->of, trial))
        *kept = (struct sample_flops){trial, nl_flops_of_sample(&trial->config)};
    return kept->each * (double)record->samples;
}

char *nl_trials_csv(const struct nl_grid *grid, const struct nl_record *record)
{
    bool beside[NL_EVALS] = {false};
    bool tokens = false;
    for (int i = 0; i < grid->trials; i++)
        tokens |= is_of_tokens(&grid->trial[i].config);
    for (int i = 0; i < grid->trials; i++)
        for (int eval = 0; eval < NL_EVALS; eval++)
            beside[eval] |= evaluated_beside(&grid->trial[i].config, (enum nl_eval)eval);

    struct nl_text out = {0};
    struct sample_flops flops = {0};
    add_key_names(&out, grid);
    nl_text_add(&out, ",status,failed_step");
    add_chosen_names(&out, grid);
    nl_text_add(&out, ",steps,epochs,samples,parameters,flops,classes,train_samples,val_samples,test_samples,"
                      "val_overlap,test_overlap");
    for (int eval = -1; eval < NL_EVALS; eval++)
        for (int part = 0; part < NL_PARTS; part++)
            if (eval < 0 || beside[eval]) {
                const char *name = nl_part_names[part], *mark = eval < 0 ? "" : "_",
                           *suffix = eval < 0 ? "" : nl_eval_names[eval];
                nl_text_add(&out, ",%s_loss%s%s,%s_accuracy%s%s,%s_error%s%s", name, mark, suffix, name, mark, suffix,
                            name, mark, suffix);
            }
    nl_text_add(&out, ",val_error_area,val_loss_area,test_error_area,test_loss_area,error_gap,loss_gap,best_epoch,"
                      "test_error_best,test_loss_best,test_top5_error,test_ece");
    for (int part = 0; part < NL_PARTS && tokens; part++)
        nl_text_add(&out, ",%s_perplexity,%s_bits_per_char", nl_part_names[part], nl_part_names[part]);
    nl_text_add(&out, "\n");

    for (int i = 0; i < grid->trials; i++) {
        const struct nl_record *row = &record[i];
        const struct nl_config *config = &grid->trial[i].config;
        if (!row->present)
            continue;
        add_key_values(&out, grid, i);
        nl_text_add(&out, ",%s,", nl_record_status(row));
        if (row->failed_step >= 0)
            nl_text_add(&out, "%" PRId64, row->failed_step);
        add_chosen_values(&out, grid, i);
        add_count(&out, row->steps);
        add_real(&out, row->epochs);
        add_count(&out, row->samples);
        add_count(&out, row->parameters);
        add_real(&out, flops_of(&flops, grid, &grid->trial[i], row));
        if (grid->import)
            add_imported_parts(&out, grid->import);
        else
            add_parts(&out, config);
        add_scores(&out, row, first_eval(config), true);
        for (int eval = 0; eval < NL_EVALS; eval++)
            if (beside[eval])
                add_scores(&out, row, (enum nl_eval)eval, evaluated_beside(config, (enum nl_eval)eval));
        add_derived(&out, row, first_eval(config));
        add_calibration(&out, row);
        if (tokens)
            add_token_scores(&out, config, row);
        nl_text_add(&out, "\n");
    }
    return out.at;
}

char *nl_curves_csv(const struct nl_grid *grid, const struct nl_record *record)
{
    struct nl_text out = {0};
    add_key_names(&out, grid);
    nl_text_add(&out, ",step,epoch,samples,split,eval,lr,loss,accuracy\n");
    for (int i = 0; i < grid->trials; i++) {
        if (!record[i].present)
            continue;
        struct nl_text start = {0};
        add_key_values(&start, grid, i);
        nl_text_add(&start, ",");
        for (const char *line = record[i].curve; *line;) {
            size_t length = strcspn(line, "\n") + 1;
            nl_text_add_bytes(&out, start.at, start.length);
            nl_text_add_bytes(&out, line, length);
            line += length;
        }
        nl_text_release(&start);
    }
    return out.at;
}

int nl_records_results(const struct nl_grid *grid, const struct nl_record *record,
                       const struct nl_experiment *experiment, struct nl_results *out, struct nl_error *err)
{
    struct nl_csv csv;
    struct nl_planned planned = nl_grid_planned(grid);
    int status = nl_csv_parse("trials.csv", nl_trials_csv(grid, record), &csv, err);
    if (status == NL_OK)
        status = nl_results_of(&csv, experiment, &planned, out, err);
    nl_planned_release(&planned);
    return status;
}

int nl_records_curves(const struct nl_grid *grid, const struct nl_record *record, struct nl_curves *out,
                      struct nl_error *err)
{
    struct nl_csv csv;
    int status = nl_csv_parse("curves.csv", nl_curves_csv(grid, record), &csv, err);
    return status == NL_OK ? nl_curves_of(&csv, out, err) : status;
}

char *nl_timing_csv(const struct nl_grid *grid, const struct nl_record *record)
{
    struct nl_text out = {0};
    nl_text_add(&out, "trial,seconds,samples_per_second,steps_per_second,arena_bytes,worker,started\n");
    for (int i = 0; i < grid->trials; i++) {
        const struct nl_record *row = &record[i];
        if (!row->present || isnan(row->seconds)) /* another program, or another sweep, trained it */
            continue;
        bool timed = row->seconds > 0;
        nl_text_add(&out, "%d,%.6f,%.6g,%.6g,%" PRId64 ",%d,%" PRId64 "\n", i + 1, row->seconds,
                    timed ? (double)row->samples / row->seconds : 0, timed ? (double)row->steps / row->seconds : 0,
                    row->memory, row->worker, row->started);
    }
    return out.at;
}

char *nl_metrics_csv(const struct nl_grid *grid, const struct nl_record *record)
{
    struct nl_text out = {0};
    if (grid->trials == 0 || !nl_config_observes(&grid->trial[0].config))
        return NULL;
    add_key_names(&out, grid);
    nl_text_add(&out, ",step,tensor,quantity,value\n");
    for (int i = 0; i < grid->trials; i++) {
        struct nl_text start = {0};
        add_key_values(&start, grid, i);
        nl_text_add(&start, ",");
        struct nl_observers wanted = nl_observers_of(&grid->trial[i].config);
        nl_metrics_add_rows(&record[i].metrics, &wanted, &start, &out);
        nl_observers_release(&wanted);
        nl_text_release(&start);
    }
    return out.at;
}
