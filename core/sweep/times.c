/* Keeps the seconds of finished trials by shape, and writes them as a file. */
#include "sweep/times.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/csv.h"
#include "base/files.h"
#include "base/memory.h"

struct nl_config nl_times_bare(const struct nl_config *config)
{
    struct nl_config bare = *config;
    bare.data.train = bare.data.test = bare.data.val = 0;
    bare.model.init_scale = 1;
    bare.train.steps = 1;
    bare.train.seed = 1;
    bare.train.lr = 0;
    bare.train.lr_scale = NL_LR_FIXED;
    bare.train.schedule = NL_CONSTANT;
    bare.train.warmup_epochs = 0;
    bare.train.warmup_steps = 0;
    bare.train.label_noise = 0;
    bare.train.log_every = bare.train.eval_every = (int64_t)1e9;
    return bare;
}

char *nl_times_shape(const struct nl_config *config)
{
    const struct nl_config bare = nl_times_bare(config);
    return nl_config_shape_text(&bare);
}

/* Trials of a shape mostly follow one another: the last one found is looked at first. */
static struct nl_time *find(const struct nl_times *times, const char *shape, int first)
{
    for (int i = 0; i < times->count; i++) {
        struct nl_time *time = &times->at[(first + i) % times->count];
        if (strcmp(time->shape, shape) == 0)
            return time;
    }
    return NULL;
}

void nl_times_add(struct nl_times *times, const struct nl_grid *grid, const struct nl_record *record)
{
    int last = 0;
    for (int i = 0; i < grid->trials; i++) {
        if (!record[i].present || record[i].failed || record[i].status == NL_DIVERGED || isnan(record[i].seconds))
            continue;
        char *shape = nl_times_shape(&grid->trial[i].config);
        struct nl_time *time = find(times, shape, last);
        if (!time) {
            NL_GROW(times->at, times->count, times->capacity);
            time = &times->at[times->count++];
            *time = (struct nl_time){.shape = nl_strdup(shape)};
        }
        time->seconds += record[i].seconds;
        time->cost += nl_cost_total(nl_trial_cost(&grid->trial[i].config));
        last = (int)(time - times->at);
        free(shape);
    }
}

double nl_times_rate(const struct nl_times *times, const char *shape)
{
    const struct nl_time *time = find(times, shape, 0);
    return time ? time->seconds / time->cost : 0;
}

void nl_times_release(struct nl_times *times)
{
    for (int i = 0; i < times->count; i++)
        free(times->at[i].shape);
    free(times->at);
    *times = (struct nl_times){0};
}

int nl_times_write(const char *path, const struct nl_grid *grid, const double *seconds, struct nl_error *err)
{
    struct nl_text out = {0};
    nl_text_add(&out, "id,seconds\n");
    for (int i = 0; i < grid->trials; i++) {
        nl_text_add(&out, "%s,", grid->trial[i].id);
        nl_csv_add_number(&out, seconds[i]);
        nl_text_add(&out, "\n");
    }
    int status = nl_file_write(path, out.at, out.length, err);
    nl_text_release(&out);
    return status;
}

/* Seconds of the trials that the file lists. */
static int read_rows(const struct nl_csv *csv, const struct nl_grid *grid, double *seconds, struct nl_error *err)
{
    int id, column;
    if (nl_csv_need(csv, "id", &id, err) || nl_csv_need(csv, "seconds", &column, err))
        return NL_BAD;
    for (int i = 0; i < csv->rows; i++) {
        double value;
        if (nl_csv_number(csv, i, column, &value, err))
            return NL_BAD;
        if (!(value >= 0 && isfinite(value)))
            return nl_bad(err, "%s:%d: 'seconds' must be a number from 0 on", csv->path, csv->line[i]);
        const struct nl_trial *trial = nl_grid_find(grid, nl_csv_field(csv, i, id));
        if (trial)
            seconds[trial - grid->trial] = value;
    }
    return NL_OK;
}

double *nl_times_read(const char *path, const struct nl_grid *grid, int *unlisted, struct nl_error *err)
{
    struct nl_csv csv;
    if (nl_csv_read(path, &csv, err))
        return NULL;
    double *out = nl_alloc((size_t)grid->trials, sizeof *out), seconds = 0, cost = 0;
    for (int i = 0; i < grid->trials; i++)
        out[i] = -1;
    int status = read_rows(&csv, grid, out, err);
    nl_csv_release(&csv);
    if (status) {
        free(out);
        return NULL;
    }
    *unlisted = 0;
    for (int i = 0; i < grid->trials; i++) {
        *unlisted += out[i] < 0;
        seconds += out[i] > 0 ? out[i] : 0;
        cost += out[i] > 0 ? nl_cost_total(nl_trial_cost(&grid->trial[i].config)) : 0;
    }
    for (int i = 0; i < grid->trials && *unlisted; i++)
        if (out[i] < 0)
            out[i] = nl_cost_total(nl_trial_cost(&grid->trial[i].config)) * (cost > 0 ? seconds / cost : 1);
    return out;
}
