/* For tests: trials of equal shapes that differ in all they may, together and alone. */
#ifndef TESTS_COHORTS_H
#define TESTS_COHORTS_H

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "config/config.h"
#include "train/train.h"

enum { MEMBERS = 7, MOST_OVERRIDES = 32 };

/* What a REAL of 0 would keep apart. */
static const char *const common[] = {"train.warmup_epochs=0.01",    "train.label_noise=0.001",
                                     "train.weight_decay=0.00001",  "train.lr_min=0.0001",
                                     "train.label_smoothing=0.001", NULL};

/* The third diverges at once; the sixth while its rate rises, with bn in a later chunk of steps. */
static const char *const members[MEMBERS][8] = {
    {"train.seed=1"},
    {"train.seed=1", "train.lr=0.2", "train.weight_decay=0.001", "norm.eps=0.001", "train.trust=0.02",
     "train.beta2=0.9", "model.forget_bias=3"},
    {"train.seed=2", "train.lr=100000"},
    {"train.seed=3", "train.schedule=cosine", "train.lr_min=0.001", "norm.momentum=0.01", "model.dropout=0.4"},
    {"train.seed=4", "train.momentum=0.5", "train.label_noise=0.3", "data.split_seed=9", "train.schedule=step",
     "train.step_epochs=0.5"},
    {"train.seed=1", "model.init=normal", "model.init_std=0.3", "train.lr_scale=linear", "train.lr=300",
     "train.warmup_epochs=3"},
    {"train.seed=2", "train.lr=0.01", "model.init_scale=30", "data.standardize=false", "train.trust=0.1",
     "train.label_smoothing=0.4", "model.gate_bias=chrono"},
};

static inline void add(const char **all, int *count, const char *const *words)
{
    for (; *words; words++)
        all[(*count)++] = *words;
}

/* The configurations of base (ends with NULL) and each member; their shapes are equal. */
static inline void configure(const char *const *base, struct nl_config config[MEMBERS])
{
    for (int i = 0; i < MEMBERS; i++) {
        const char *all[MOST_OVERRIDES];
        int count = 0;
        struct nl_experiment experiment;
        struct nl_diagnostics diagnostics = {0};
        add(all, &count, base);
        add(all, &count, common);
        add(all, &count, members[i]);
        if (nl_experiment_load(NULL, all, count, &experiment, &diagnostics))
            ck_abort_msg("%s", nl_diagnostics_text(&diagnostics));
        config[i] = experiment.config;
        char *first = nl_config_shape_text(&config[0]), *own = nl_config_shape_text(&config[i]);
        ck_assert_msg(strcmp(first, own) == 0, "member %d is of another shape:\n%snot\n%s", i, own, first);
        free(first);
        free(own);
    }
}

static inline void check_same(const struct nl_trial_result *a, const struct nl_trial_result *b, int member)
{
    ck_assert_msg(a->status == b->status && a->failed_step == b->failed_step && a->steps == b->steps &&
                      a->samples == b->samples && a->epochs == b->epochs,
                  "member %d is %s after %lld steps, not %s after %lld", member, nl_status_names[b->status],
                  (long long)b->steps, nl_status_names[a->status], (long long)a->steps);
    ck_assert(a->left_out == b->left_out && a->parameters == b->parameters && a->memory == b->memory);
    ck_assert_msg(memcmp(a->score, b->score, sizeof a->score) == 0, "member %d has other scores", member);
    ck_assert_msg(memcmp(&a->calibration, &b->calibration, sizeof a->calibration) == 0,
                  "member %d has another calibration", member);
    ck_assert_int_eq(a->rows, b->rows);
    for (int i = 0; i < a->rows; i++) {
        const struct nl_curve_row *x = &a->row[i], *y = &b->row[i];
        ck_assert_msg(x->step == y->step && x->epoch == y->epoch && x->samples == y->samples && x->part == y->part &&
                          x->eval == y->eval && memcmp(&x->lr, &y->lr, sizeof x->lr) == 0 &&
                          memcmp(&x->loss, &y->loss, sizeof x->loss) == 0 &&
                          memcmp(&x->accuracy, &y->accuracy, sizeof x->accuracy) == 0,
                      "member %d, row %d: step %lld, loss %.17g, not step %lld, loss %.17g", member, i,
                      (long long)y->step, y->loss, (long long)x->step, x->loss);
    }
}

/* Who has ended; what is told of a trial is whole. */
struct ends {
    const struct nl_trial_result *result;
    int count, diverged_first;
    bool ended[MEMBERS];
};

static inline void note_end(void *context, int number)
{
    struct ends *ends = context;
    ck_assert(!ends->ended[number]);
    ends->ended[number] = true;
    ends->diverged_first += ends->result[number].status == NL_DIVERGED && ends->count == ends->diverged_first;
    ends->count++;
}

/* All members together give what each gives alone. */
static inline void check_cohort(const char *const *base)
{
    struct nl_config config[MEMBERS];
    const struct nl_config *configs[MEMBERS];
    struct nl_trial_options options[MEMBERS];
    struct nl_trial_result together[MEMBERS], alone;
    struct ends ends = {.result = together};
    struct nl_error err;
    configure(base, config);
    for (int i = 0; i < MEMBERS; i++) {
        configs[i] = &config[i];
        options[i] = (struct nl_trial_options){.ended = note_end, .context = &ends};
    }
    struct nl_dataset *dataset = nl_dataset_open(&config[0], &err);
    ck_assert_msg(dataset != NULL, "%s", err.text);
    ck_assert_msg(nl_cohort_run(configs, dataset, options, MEMBERS, together, &err) == NL_OK, "%s", err.text);
    ck_assert_int_eq(ends.count, MEMBERS);
    ck_assert_int_ge(ends.diverged_first, 1);
    ck_assert_int_lt(ends.diverged_first, MEMBERS - 2);
    for (int i = 0; i < MEMBERS; i++) {
        ck_assert_msg(nl_trial_run(&config[i], dataset, NULL, &alone, &err) == NL_OK, "%s", err.text);
        check_same(&alone, &together[i], i);
        nl_trial_result_release(&alone);
        nl_trial_result_release(&together[i]);
    }
    nl_dataset_free(dataset);
}

#endif
