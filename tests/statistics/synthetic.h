/* Made results folders, whose right answers are known: for the tests of statistics and pictures. */
#ifndef TESTS_SYNTHETIC_H
#define TESTS_SYNTHETIC_H

#include <check.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/files.h"
#include "base/memory.h"
#include "config/config.h"

/* Methods bn, ln, none. small_batch and curves: batches 64, 2; the error is 3 % but for bn at 2: 23 % (precise 18 %,
 * batch 28 %). lr_tolerance: rates 0.01, 0.1, 1; at 1 none diverges and ln is dead. heatmap: rates x batches. */
struct synthetic {
    const char *kind;
    int seeds;
    int ln_diverged;     /* runs of ln at batch 2 that diverge */
    bool ghost;          /* norm.stat_batch instead of train.batch: applies to bn only */
    bool all_diverged;
    bool gap;            /* the cell of ln at the larger batch or rate is missing */
    bool zero_rate;      /* 0 instead of 0.01 */
    bool spread;         /* errors are 5 % with factors of 6 over seeds, but for bn at 2 */
    bool short_end;      /* training curves end with a window of 3 steps, in which all is wrong */
    int stretch;         /* batch 2 takes so many times the steps; 0: as many */
    bool once;           /* evaluated at the end alone */
    bool equal;          /* all runs that end have the same error with the same seed, */
    bool bn_worse;       /* but for those of bn at batch 2 */
};

static const char *const synthetic_methods[] = {"bn", "ln", "none"};

struct synthetic_row {
    const char *method, *batch, *rate, *status;
    double error, precise, own; /* shares; precise and own of bn only */
};

/* Rows of metrics.csv: of layer l = 1, 2 the norm of the gradient is 10^-l exp(0.1 (seed - 3)) and grows by step / 100,
 * but that of layer 1 without a normalizer is 0 in step 40; its share of zeros is l / 4. Along the gradient
 * the loss is 100 / step, from 0.8 to 1.5 times that; the largest eigenvalue of the Hessian is 50 / step, the smallest of
 * those that are known 10 / step. Squared singular values of the Jacobian are 2^l. At two points of a plane the loss is
 * 100 / step and 300 / step; at the second the runs of ln have none that is finite. */
static inline void synthetic_add_metrics(struct nl_text *metrics, const char *key, int seed,
                                         const struct synthetic_row *row)
{
    int last = strcmp(row->status, "diverged") == 0 ? 10 : 100;
    for (int step = 10; step <= last; step += 30)
        nl_text_add(metrics, "%s,%d,along:loss,mean,%.9g\n%s,%d,along:loss,least,%.9g\n%s,%d,along:loss,most,%.9g\n",
                    key, step, 100.0 / step, key, step, 80.0 / step, key, step, 150.0 / step);
    for (int step = 10; step <= last; step += 30)
        nl_text_add(metrics, "%s,%d,hessian:eigenvalues,least,%.9g\n%s,%d,hessian:eigenvalues,most,%.9g\n", key, step,
                    10.0 / step, key, step, 50.0 / step);
    for (int step = 10; step <= last; step += 30)
        nl_text_add(metrics, "%s,%d,plane:0.0/0.0,mean,%.9g\n%s,%d,plane:-1.0/+0.2,mean,%.9g\n", key, step,
                    100.0 / step, key, step, strcmp(row->method, "ln") == 0 ? INFINITY : 300.0 / step);
    for (int layer = 1; layer <= 2; layer++)
        for (int step = 10; step <= last; step += 30) {
            nl_text_add(metrics, "%s,%d,jacobian:fc%d,singular,%.9g\n", key, step, layer, ldexp(1, layer));
            double norm = pow(10, -layer) * exp(0.1 * (seed - 3)) * (1 + step / 100.0);
            if (strcmp(row->method, "none") == 0 && layer == 1 && step == 40)
                norm = 0;
            nl_text_add(metrics, "%s,%d,grad:fc%d.weight,norm,%.9g\n", key, step, layer, norm);
            nl_text_add(metrics, "%s,%d,grad:fc%d.weight,zeros,%.9g\n", key, step, layer, layer / 4.0);
        }
}

static inline void synthetic_add(struct nl_text *trials, struct nl_text *curves, struct nl_text *timing,
                                 struct nl_text *metrics, int *trial, int seed, const struct synthetic_row *row,
                                 const struct synthetic *made)
{
    /* A spread over seeds that is the same in every cell cancels in paired differences; a small one of its own
     * remains. */
    double own =
        made->equal ? 0.0 : 0.0004 * sin(7.0 * seed + strlen(row->method) + 2.0 * row->error + atoi(row->batch));
    double noise = 0.002 * sin(3.0 * seed) + own;
    bool diverged = strcmp(row->status, "diverged") == 0, bn = strcmp(row->method, "bn") == 0;
    char key[96];
    snprintf(key, sizeof key, "%d,%s,%s,%s,%d", ++*trial, row->method, row->batch, row->rate, seed);
    double error = row->error + noise;
    int stretch = made->stretch && strcmp(row->batch, "2") == 0 ? made->stretch : 1;
    synthetic_add_metrics(metrics, key, seed, row);
    nl_text_add(trials, "%s,%s,%s,100,5,1000,500,10,1408,0,389,,1,", key, row->status, diverged ? "12" : "");
    if (diverged)
        nl_text_add(trials, "nan,,,inf,,,");
    else
        nl_text_add(trials, "%.9g,%.9g,%.9g,%.9g,%.9g,%.9g,", 2 * error, 1 - error, error, 3 * error, 1 - error, error);
    if (bn && !diverged)
        nl_text_add(trials, "%.9g,%.9g\n", row->own + noise, row->precise + noise);
    else
        nl_text_add(trials, ",\n");
    for (int step = 10; step <= 100 && (!diverged || step <= 10); step += 10) {
        double now = error + (0.9 - error) * exp(-step / 20.0);
        nl_text_add(curves, "%s,%d,%g,%d,train,,0.1,%.9g,%.9g\n", key, step * stretch, step / 20.0, step * 10, 2 * now,
                    1 - now);
        if (!made->once || step == 100)
            nl_text_add(curves, "%s,%d,%g,%d,test,running,0.1,%.9g,%.9g\n", key, step * stretch, step / 20.0, step * 10,
                        3 * now, 1 - now);
    }
    if (made->short_end && !diverged)
        nl_text_add(curves, "%s,103,5.15,1030,train,,0.1,9,0\n", key);
    nl_text_add(timing, "%d,0.5,20000,%d,4096,0,1700000000\n", *trial, 200 + seed);
}

static inline void synthetic_write(const char *folder, const char *name, struct nl_text *text)
{
    struct nl_error err = {{0}};
    char *path = nl_path_join(folder, name);
    ck_assert_msg(nl_file_write(path, text->at, text->length, &err) == NL_OK, "%s", err.text);
    free(path);
    nl_text_release(text);
}

static inline char *synthetic_make(const struct synthetic *made)
{
    char *folder = nl_strdup("/tmp/normlab_made_XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    bool rates = strcmp(made->kind, "lr_tolerance") == 0, both = strcmp(made->kind, "heatmap") == 0;
    const char *batch_key = made->ghost ? "norm.stat_batch" : "train.batch";
    const char *batches[] = {"64", "2"}, *lrs[] = {made->zero_rate ? "0" : "0.01", "0.1", "1"};
    struct nl_text yaml = {0}, trials = {0}, curves = {0}, timing = {0}, metrics = {0};
    nl_text_add(
        &yaml,
        "norm: {eval: [running, precise, batch]}\ntrain: {batch: 64}\nsweep:\n  grid:\n    norm.kind: [bn, ln, none]\n"
        "    %s: %s\n    train.lr: %s\n  seeds: %d\n  baseline: {norm.kind: none}\n"
        "plot: {kind: [%s], target: 50, protocol: made up}\n",
        batch_key, rates ? "[64]" : "[64, 2]",
        !rates && !both   ? "[0.1]"
        : made->zero_rate ? "[0, 0.1, 1]"
                          : "[0.01, 0.1, 1]",
        made->seeds, made->kind);
    nl_text_add(&trials,
                "trial,norm.kind,%s,train.lr,train.seed,status,failed_step,steps,epochs,samples,parameters,classes,"
                "train_samples,val_samples,test_samples,val_overlap,test_overlap,train_loss,train_accuracy,"
                "train_error,test_loss,test_accuracy,test_error,test_error_batch,test_error_precise\n",
                batch_key);
    nl_text_add(&curves, "trial,norm.kind,%s,train.lr,train.seed,step,epoch,samples,split,eval,lr,loss,accuracy\n",
                batch_key);
    nl_text_add(&metrics, "trial,norm.kind,%s,train.lr,train.seed,step,tensor,quantity,value\n", batch_key);
    nl_text_add(&timing, "trial,seconds,samples_per_second,steps_per_second,arena_bytes,worker,started\n");
    int trial = 0;
    for (int method = 0; method < 3; method++)
        for (int b = 0; b < (rates ? 1 : 2); b++)
            for (int lr = 0; lr < (rates || both ? 3 : 1); lr++)
                for (int seed = 1; seed <= made->seeds; seed++) {
                    bool bn = method == 0, ln = method == 1, small = b == 1, hot = (rates || both) && lr == 2;
                    struct synthetic_row row = {.method = synthetic_methods[method],
                                                .batch = batches[b],
                                                .rate = lrs[rates || both ? lr : 1],
                                                .status = "done",
                                                .error = 0.03,
                                                .precise = 0.03,
                                                .own = 0.03};
                    if (made->ghost && !bn && small)
                        continue;
                    if (made->gap && ln && (rates ? lr == 1 : b == 0))
                        continue;
                    if (made->ghost && !bn)
                        row.batch = "";
                    if (bn && small && (!made->equal || made->bn_worse))
                        row.error = 0.23, row.precise = 0.18, row.own = 0.28;
                    if (hot && ln)
                        row.status = "dead", row.error = 0.9;
                    if (made->spread && !(bn && small))
                        row.error = 0.05 * pow(6.0, (seed - 1) % 3 - 1);
                    if (made->all_diverged || (hot && method == 2) || (ln && small && seed <= made->ln_diverged))
                        row.status = "diverged";
                    synthetic_add(&trials, &curves, &timing, &metrics, &trial, seed, &row, made);
                }
    synthetic_write(folder, "experiment.yaml", &yaml);
    synthetic_write(folder, "trials.csv", &trials);
    synthetic_write(folder, "curves.csv", &curves);
    synthetic_write(folder, "timing.csv", &timing);
    synthetic_write(folder, "metrics.csv", &metrics);
    return folder;
}

/* overrides: NULL-terminated, or NULL. */
static inline void synthetic_load(const char *folder, const char *const *overrides, struct nl_experiment *out)
{
    char *path = nl_path_join(folder, "experiment.yaml");
    struct nl_diagnostics diagnostics = {0};
    int count = 0;
    while (overrides && overrides[count])
        count++;
    int status = nl_experiment_load(path, overrides, count, out, &diagnostics);
    char *text = nl_diagnostics_text(&diagnostics);
    ck_assert_msg(status == NL_OK, "%s", text);
    free(text);
    free(path);
}

/* Removes the folder; only names that results have. */
static inline void synthetic_remove(char *folder)
{
    static const char *const names[] = {"experiment.yaml", "trials.csv",  "curves.csv",
                                        "timing.csv",      "summary.csv", "metrics.csv"},
                             *const endings[] = {"gp", "svg", "png", "pdf", "txt", "tex"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *path = nl_path_join(folder, names[i]);
        unlink(path);
        free(path);
    }
    static const char *const parts[] = {"", "_variance", "_cosine", "_gradient", "_jacobian"}; /* of signal */
    for (int kind = 0; nl_plot_names[kind]; kind++)
        for (int i = 0; i < 6 * 5; i++) {
            char *path = nl_format("%s/plots/%s%s.%s", folder, nl_plot_names[kind], parts[i / 6], endings[i % 6]);
            unlink(path);
            free(path);
        }
    char *path = nl_path_join(folder, "plots");
    rmdir(path);
    free(path);
    ck_assert_int_eq(rmdir(folder), 0);
    free(folder);
}

#endif
