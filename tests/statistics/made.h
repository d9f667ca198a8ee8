/* Results of an experiment as it might have come out, and the answer to them. */
#ifndef TESTS_MADE_H
#define TESTS_MADE_H

#include <check.h>
#include <math.h>

#include "norm/norm.h"
#include "stats/answer.h"
#include "sweep/grid.h"
#include "synthetic.h"

/* Of the run of a normalizer with that seed, at x: the learning rate where the experiment varies it, else the batch
 * size. */
typedef double run_number(const char *kind, double x, int seed);

struct design {
    const char *yaml;    /* the experiment */
    run_number *error;   /* NAN: it diverged; below 0: there is no such trial */
    double overlap;      /* of test parts; 1: one for all seeds */
    int samples;
    run_number *reached; /* curves.csv: evaluated every 50 updates of 500, the test error is `error` from this update
                            on, and 0.9 before. NULL: no curves */
};

/* metrics.csv: a quantity of the tensors "grad:fcT.weight", T = 1, 2, 3, at the steps 50 and 100. */
struct observed_design {
    double (*value)(const char *kind, int tensor, int step, int seed); /* NAN: there is no such tensor */
    const char *quantity;
};

struct made {
    struct nl_experiment experiment;
    struct nl_grid grid;
    struct nl_planned planned;
    struct nl_results results;
    struct nl_answer answer;
    char *text;
};

static inline void made_add_curve(struct nl_text *csv, int trial, double error, double reached)
{
    for (int step = 50; step <= 500; step += 50) {
        double now = step >= reached && !isnan(error) ? error : 0.9;
        nl_text_add(csv, "%d,%d,test,running,%.17g,%.17g\n", trial, step, 3.0 * now, 1.0 - now);
    }
}

static inline void made_add_metrics(struct nl_text *csv, int trial, const struct observed_design *observed,
                                    const char *kind, int seed)
{
    for (int tensor = 1; tensor <= 3; tensor++)
        for (int step = 50; step <= 100; step += 50) {
            double value = observed->value(kind, tensor, step, seed);
            if (!isnan(value))
                nl_text_add(csv, "%d,%d,grad:fc%d.weight,%s,%.17g\n", trial, step, tensor, observed->quantity, value);
        }
}

/* The trials that the experiment asks for, with errors as the design says. */
static inline void made_add_rows(struct nl_text *csv, struct nl_text *curves, struct nl_text *metrics,
                                 const struct design *design, const struct observed_design *observed,
                                 const struct nl_grid *grid)
{
    nl_text_add(csv, "trial,");
    for (int k = 0; k < grid->keys; k++)
        nl_text_add(csv, "%s,", grid->key[k]->name);
    bool validated = strstr(design->yaml, "val:"); /* the validation loss is the test loss, or else empty */
    nl_text_add(csv, "status,failed_step,classes,train_samples,val_samples,test_samples,test_overlap,train_accuracy,"
                     "test_error,test_loss,test_accuracy,val_loss\n");
    nl_text_add(curves, "trial,step,split,eval,loss,accuracy\n");
    nl_text_add(metrics, "trial,step,tensor,quantity,value\n");
    for (int i = 0; i < grid->trials; i++) {
        const struct nl_config *config = &grid->trial[i].config;
        const char *kind = nl_norms[config->norm.kind]->name;
        double x = strstr(design->yaml, "train.lr:") ? config->train.lr : (double)config->train.batch;
        double error = design->error(kind, x, (int)config->train.seed);
        if (error < 0.0)
            continue;
        nl_text_add(csv, "%d,", i + 1);
        for (int k = 0; k < grid->keys; k++)
            nl_text_add(csv, "%s,", grid->trial[i].text[k]);
        error = round(error * design->samples) / design->samples;
        nl_text_add(csv, "%s,%s,10,1408,0,%d,%.17g,",
                    isnan(error)   ? "diverged"
                    : error > 0.85 ? "dead"
                                   : "done",
                    isnan(error) ? "7" : "", design->samples, design->overlap);
        if (isnan(error))
            nl_text_add(csv, ",,,");
        else
            nl_text_add(csv, "%.17g,%.17g,%.17g,%.17g", 1.0 - error, error, 3.0 * error, 1.0 - error);
        nl_text_add(csv, ",");
        if (validated && !isnan(error))
            nl_text_add(csv, "%.17g", 3.0 * error);
        nl_text_add(csv, "\n");
        if (observed)
            made_add_metrics(metrics, i + 1, observed, kind, (int)config->train.seed);
        if (design->reached)
            made_add_curve(curves, i + 1, error, design->reached(kind, x, (int)config->train.seed));
    }
}

static inline void make_observed(struct made *out, const struct design *design, const struct observed_design *observed,
                                 const char *const *overrides)
{
    char path[] = "/tmp/normlab_answer_XXXXXX";
    struct nl_error err = {{0}};
    struct nl_diagnostics diagnostics = {0};
    struct nl_text csv = {0}, rows = {0}, inside = {0};
    ck_assert_ptr_nonnull(mkdtemp(path));
    char *yaml = nl_path_join(path, "e.yaml"), *trials = nl_path_join(path, "trials.csv"),
         *curves = nl_path_join(path, "curves.csv"), *metrics = nl_path_join(path, "metrics.csv");
    ck_assert_int_eq(nl_file_write(yaml, design->yaml, strlen(design->yaml), &err), NL_OK);
    int count = 0;
    while (overrides && overrides[count])
        count++;
    int status = nl_experiment_load(yaml, overrides, count, &out->experiment, &diagnostics);
    char *problems = nl_diagnostics_text(&diagnostics);
    ck_assert_msg(status == NL_OK, "%s", problems);
    free(problems);
    ck_assert_int_eq(nl_grid_make(&out->experiment, &out->grid, &diagnostics), NL_OK);
    made_add_rows(&csv, &rows, &inside, design, observed, &out->grid);
    ck_assert_int_eq(nl_file_write(trials, csv.at, csv.length, &err), NL_OK);
    if (design->reached)
        ck_assert_int_eq(nl_file_write(curves, rows.at, rows.length, &err), NL_OK);
    if (observed)
        ck_assert_int_eq(nl_file_write(metrics, inside.at, inside.length, &err), NL_OK);
    out->planned = nl_grid_planned(&out->grid);
    ck_assert_msg(nl_results_load(path, &out->experiment, &out->planned, &out->results, &err) == NL_OK, "%s", err.text);
    nl_answer_make(&out->results, &out->experiment, &out->answer);
    out->text = nl_answer_text(&out->answer, true);
    unlink(yaml);
    unlink(trials);
    unlink(curves);
    unlink(metrics);
    rmdir(path);
    free(yaml);
    free(trials);
    free(curves);
    free(metrics);
    nl_text_release(&csv);
    nl_text_release(&rows);
    nl_text_release(&inside);
}

static inline void make(struct made *out, const struct design *design, const char *const *overrides)
{
    make_observed(out, design, NULL, overrides);
}

static inline void release(struct made *made)
{
    free(made->text);
    nl_answer_release(&made->answer);
    nl_results_release(&made->results);
    nl_planned_release(&made->planned);
    nl_grid_release(&made->grid);
}

static inline void holds(const struct made *made, const char *part)
{
    ck_assert_msg(strstr(made->text, part) != NULL, "no '%s' in:\n%s", part, made->text);
}

static inline void lacks(const struct made *made, const char *part)
{
    ck_assert_msg(strstr(made->text, part) == NULL, "'%s' in:\n%s", part, made->text);
}

/* Noise of about 0.4 points, the same for no two runs. */
static inline double noise(const char *kind, double x, int seed)
{
    return 0.004 * sin(12.9898 * seed + 78.233 * log(x) + 3.7 * (double)strlen(kind) + (double)kind[0]);
}

#endif
