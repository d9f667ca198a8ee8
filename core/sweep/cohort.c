/* Sorts trials by their shapes, and cuts each shape into cohorts that fit the device's memory. */
#include "sweep/cohort.h"

#include <stdlib.h>
#include <string.h>

#include "backend/backend.h"
#include "base/memory.h"

/* On a GPU a launch costs the same for one and for many; past this the device is full with any network. */
enum { MOST_ON_A_GPU = 1024 };

/* The share of a device's free memory that goes to the trials' images: the rest is for the data set and what a
 * kernel needs for itself. Where that is not enough the runner halves a cohort. */
static const double IMAGES = 0.8;

struct member {
    int trial;
    const void *dataset, *weights;
    int64_t steps;
    char *shape; /* "": it is alone */
};

/* Equal ones are together. */
static int compare_shapes(const struct member *a, const struct member *b)
{
    if (a->dataset != b->dataset)
        return (uintptr_t)a->dataset < (uintptr_t)b->dataset ? -1 : 1;
    if (a->weights != b->weights)
        return (uintptr_t)a->weights < (uintptr_t)b->weights ? -1 : 1;
    if (a->steps != b->steps)
        return a->steps < b->steps ? -1 : 1;
    return strcmp(a->shape, b->shape);
}

static int by_shape(const void *left, const void *right)
{
    const struct member *a = left, *b = right;
    int order = compare_shapes(a, b);
    return order ? order : a->trial - b->trial;
}

double nl_cohort_cost(const struct nl_cohort *cohort)
{
    return cohort->count * nl_cost_total(cohort->cost);
}

static int longest_first(const void *left, const void *right)
{
    const struct nl_cohort *a = left, *b = right;
    if (nl_cohort_cost(a) != nl_cohort_cost(b))
        return nl_cohort_cost(a) > nl_cohort_cost(b) ? -1 : 1;
    return a->trial[0] - b->trial[0];
}

/* Such a trial need not be compared with others. */
static bool is_alone(const struct nl_config *config, int most)
{
    return most ? most == 1 : config->device.kind != NL_CUDA;
}

static int most_of(const struct nl_trial *trial, int most, int workers)
{
    const struct nl_config *config = &trial->config;
    int64_t parameters;
    size_t bytes;
    struct nl_error err;
    if (most || is_alone(config, most))
        return most ? most : 1;
    if (nl_trial_size(config, trial->dataset, &parameters, &bytes, &err))
        return 1; /* it says what is wrong when it is run */
    double fit = IMAGES * nl_device_memory(NL_CUDA, (int)config->device.index) / workers / (double)bytes;
    return fit >= MOST_ON_A_GPU ? MOST_ON_A_GPU : fit >= 1 ? (int)fit : 1;
}

/* trial[count] of equal shapes, or alone, cut into cohorts of about the same size. */
static void cut(struct nl_cohorts *out, const struct nl_grid *grid, const int *trial, int count, int most)
{
    int parts = (count + most - 1) / most;
    for (int i = 0; i < parts; i++) {
        int from = (int)((int64_t)count * i / parts), to = (int)((int64_t)count * (i + 1) / parts);
        struct nl_cost cost = nl_trial_cost(&grid->trial[trial[from]].config);
        out->at[out->count++] = (struct nl_cohort){.trial = trial + from, .count = to - from, .cost = cost};
    }
}

struct nl_cohorts nl_cohorts_make(const struct nl_grid *grid, const int *todo, int count, const int64_t *steps,
                                  int most, int workers)
{
    struct nl_cohorts out = {.at = nl_alloc((size_t)count, sizeof *out.at),
                             .trial = nl_alloc((size_t)count, sizeof *out.trial)};
    struct member *member = nl_alloc((size_t)count, sizeof *member);
    for (int i = 0; i < count; i++) {
        const struct nl_trial *trial = &grid->trial[todo[i]];
        char *shape = is_alone(&trial->config, most) ? nl_strdup("") : nl_config_shape_text(&trial->config);
        member[i] = (struct member){todo[i], trial->dataset, trial->weights, steps ? steps[todo[i]] : 0, shape};
    }
    qsort(member, (size_t)count, sizeof *member, by_shape);
    for (int i = 0; i < count; i++)
        out.trial[i] = member[i].trial;
    for (int from = 0, to; from < count; from = to) {
        for (to = from + 1; to < count && compare_shapes(&member[from], &member[to]) == 0; to++)
            ;
        cut(&out, grid, out.trial + from, to - from, most_of(&grid->trial[out.trial[from]], most, workers));
    }
    for (int i = 0; i < count; i++)
        free(member[i].shape);
    free(member);
    qsort(out.at, (size_t)out.count, sizeof *out.at, longest_first);
    return out;
}

void nl_cohorts_release(struct nl_cohorts *cohorts)
{
    free(cohorts->at);
    free(cohorts->trial);
    *cohorts = (struct nl_cohorts){0};
}
