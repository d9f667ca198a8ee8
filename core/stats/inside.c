/* Reads metrics.csv into an array of one quantity. */
#include "stats/inside.h"

#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "graph/observers.h"

#define PATTERN(text)                                                                                                  \
    {                                                                                                                  \
        .count = 1, .at = {(char *)(uintptr_t)(text) }                                                                 \
    }
const struct nl_signal nl_signals[NL_SIGNALS] = {
    {"variance", "Variance of the activations", NL_QUANTITY_variance, PATTERN("distribution:*")},
    {"cosine", "Cosine between samples", NL_QUANTITY_mean, PATTERN("samples:*")},
    {"gradient", "Norm of the gradients", NL_QUANTITY_norm, PATTERN("grad64:*")},
    {"jacobian", "Mean squared singular value of the Jacobian from the input", NL_QUANTITY_singular,
     PATTERN("jacobian:*")},
};

struct loader {
    const struct nl_results *results;
    const struct nl_name_list *patterns;
    struct nl_curves metrics;
    int names, quantities, steps, values; /* columns */
    int aspect;                           /* of the tensors that are taken; NL_NONE: the patterns say it */
    struct nl_inside *out;
};

static bool is_wanted(const struct loader *loader, int row)
{
    const struct nl_csv *csv = &loader->metrics.csv;
    const char *name = nl_csv_field(csv, row, loader->names);
    if (strcmp(nl_csv_field(csv, row, loader->quantities), nl_quantity_names[loader->out->quantity]) != 0)
        return false;
    return loader->aspect == NL_NONE ? nl_is_observed(loader->patterns, name)
                                     : (int)nl_observer_aspect(name) == loader->aspect;
}

/* Where the name stands from `from` on, before that, or -1. */
static int find_tensor(const struct nl_inside *inside, const char *name, int from)
{
    for (int i = 0; i < inside->tensors; i++) {
        int at = (from + i) % inside->tensors;
        if (strcmp(inside->tensor[at], name) == 0)
            return at;
    }
    return -1;
}

static void insert_tensor(struct nl_inside *inside, const char *name, int at)
{
    inside->tensor = nl_realloc(inside->tensor, (size_t)inside->tensors + 1, sizeof *inside->tensor);
    memmove(&inside->tensor[at + 1], &inside->tensor[at], (size_t)(inside->tensors - at) * sizeof *inside->tensor);
    inside->tensor[at] = nl_strdup(name);
    inside->tensors++;
}

/* The place of the step, or where it belongs. */
static int place_of_step(const struct nl_inside *inside, int step)
{
    int low = 0, high = inside->steps;
    while (low < high) {
        int middle = (low + high) / 2;
        if (inside->step[middle] < step)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void add_step(struct nl_inside *inside, int step)
{
    int at = place_of_step(inside, step);
    if (at < inside->steps && inside->step[at] == step)
        return;
    inside->step = nl_realloc(inside->step, (size_t)inside->steps + 1, sizeof *inside->step);
    memmove(&inside->step[at + 1], &inside->step[at], (size_t)(inside->steps - at) * sizeof *inside->step);
    inside->step[at] = step;
    inside->steps++;
}

/* Tensors and steps of a run: a tensor that no run before it had comes behind the one before it. */
static int see_run(struct loader *loader, int first, int rows, struct nl_error *err)
{
    const struct nl_csv *csv = &loader->metrics.csv;
    for (int row = first, at = 0; row < first + rows; row++) {
        int step;
        if (!is_wanted(loader, row))
            continue;
        if (nl_csv_whole(csv, row, loader->steps, 0, &step, err) != NL_OK)
            return NL_BAD;
        add_step(loader->out, step);
        const char *name = nl_csv_field(csv, row, loader->names);
        int found = find_tensor(loader->out, name, at > 0 ? at - 1 : 0);
        if (found < 0)
            insert_tensor(loader->out, name, found = at);
        at = found + 1;
    }
    return NL_OK;
}

static double *value_at(const struct nl_inside *inside, size_t cell, int seed, int tensor, int step)
{
    return &inside->value[((cell * (size_t)inside->seeds + (size_t)seed) * (size_t)inside->tensors + (size_t)tensor) *
                              (size_t)inside->steps +
                          (size_t)step];
}

static int take_run(struct loader *loader, size_t cell, int seed, int first, int rows, struct nl_error *err)
{
    const struct nl_csv *csv = &loader->metrics.csv;
    for (int row = first, tensor = 0; row < first + rows; row++) {
        int step;
        if (!is_wanted(loader, row))
            continue;
        nl_csv_whole(csv, row, loader->steps, 0, &step, NULL);
        tensor = find_tensor(loader->out, nl_csv_field(csv, row, loader->names), tensor);
        double *value = value_at(loader->out, cell, seed, tensor, place_of_step(loader->out, step));
        if (nl_csv_number(csv, row, loader->values, value, err) != NL_OK)
            return NL_BAD;
    }
    return NL_OK;
}

/* Takes the values of each run, or else its tensors and steps. */
static int each_run(struct loader *loader, bool values, struct nl_error *err)
{
    const struct nl_results *results = loader->results;
    int status = NL_OK, first, rows;
    for (int cell = 0; cell < results->cells; cell++)
        for (int seed = 0; status == NL_OK && seed < results->seeds; seed++)
            if (nl_curves_rows(&loader->metrics, results, &results->cell[cell], seed, &first, &rows))
                status =
                    values ? take_run(loader, (size_t)cell, seed, first, rows, err) : see_run(loader, first, rows, err);
    return status;
}

static int load(struct loader *loader, struct nl_error *err)
{
    static const enum nl_aspect kinds[] = {NL_GRADIENT, NL_UPDATE, NL_VALUE};
    struct nl_inside *out = loader->out;
    const struct nl_csv *csv = &loader->metrics.csv;
    if (nl_csv_need(csv, "tensor", &loader->names, err) != NL_OK ||
        nl_csv_need(csv, "quantity", &loader->quantities, err) != NL_OK ||
        nl_csv_need(csv, "step", &loader->steps, err) != NL_OK ||
        nl_csv_need(csv, "value", &loader->values, err) != NL_OK)
        return NL_BAD;
    int status = NL_OK;
    for (int kind = 0; status == NL_OK && out->tensors == 0 && kind < 3; kind++) {
        loader->aspect = loader->patterns->count ? NL_NONE : (int)kinds[kind];
        status = each_run(loader, false, err);
    }
    if (status != NL_OK)
        return status;
    size_t values = (size_t)loader->results->cells * (size_t)out->seeds * (size_t)out->tensors * (size_t)out->steps;
    out->value = nl_alloc(values + 1, sizeof *out->value);
    for (size_t i = 0; i < values; i++)
        out->value[i] = NAN;
    return each_run(loader, true, err);
}

static bool is_there(const struct nl_results *results)
{
    char *folder = nl_path_folder(results->path), *path = nl_path_join(folder, "metrics.csv");
    bool there = nl_file_exists(path);
    free(folder);
    free(path);
    return there;
}

int nl_inside_load(const struct nl_results *results, const struct nl_name_list *patterns, enum nl_quantity quantity,
                   struct nl_inside *out, struct nl_error *err)
{
    *out = (struct nl_inside){.quantity = quantity, .patterns = patterns, .seeds = results->seeds};
    struct loader loader = {.results = results, .patterns = patterns, .out = out};
    if (!is_there(results))
        return NL_OK;
    int status = nl_curves_load(results, "metrics.csv", &loader.metrics, err);
    if (status != NL_OK)
        return status;
    status = load(&loader, err);
    if (status != NL_OK)
        nl_inside_release(out);
    nl_curves_release(&loader.metrics);
    return status;
}

void nl_inside_release(struct nl_inside *inside)
{
    for (int i = 0; i < inside->tensors; i++)
        free(inside->tensor[i]);
    free(inside->tensor);
    free(inside->step);
    free(inside->value);
    *inside = (struct nl_inside){0};
}

double nl_inside_value(const struct nl_inside *inside, const struct nl_results *results, const struct nl_cell *cell,
                       int seed, int tensor, int step)
{
    return *value_at(inside, (size_t)(cell - results->cell), seed, tensor, step);
}

bool nl_inside_is_initial(const struct nl_inside *inside)
{
    return inside->steps > 0 && inside->step[inside->steps - 1] == 0;
}

int nl_inside_step(const struct nl_inside *inside, int64_t step)
{
    int at = step > INT_MAX ? inside->steps : place_of_step(inside, (int)step);
    return at < inside->steps && inside->step[at] == step ? at : -1;
}

/* The steps that there are: "1, 11, 21, 31, ..., 500"; new string. */
static char *steps_of(const struct nl_inside *inside)
{
    enum { SHOWN = 4 };
    struct nl_text out = {0};
    for (int i = 0; i < inside->steps && i < SHOWN; i++)
        nl_text_add(&out, "%s%d", i ? ", " : "", inside->step[i]);
    if (inside->steps > SHOWN)
        nl_text_add(&out, ", ..., %d", inside->step[inside->steps - 1]);
    return out.at;
}

char *nl_inside_nothing(const struct nl_inside *inside, const struct nl_results *results, int64_t step)
{
    const struct nl_name_list *patterns = inside->patterns;
    const char *quantity = nl_quantity_names[inside->quantity];
    if (!is_there(results))
        return nl_strdup("there is no metrics.csv, which log.layers and log.tensors ask for");
    if (inside->tensors == 0 && patterns->count == 0)
        return nl_format("metrics.csv has no tensor with the quantity '%s'", quantity);
    if (inside->tensors == 0)
        return nl_format("metrics.csv has no tensor '%s'%s with the quantity '%s'", patterns->at[0],
                         patterns->count > 1 ? ", ..." : "", quantity);
    if (step == NL_AUTO || nl_inside_step(inside, step) >= 0)
        return NULL;
    char *steps = steps_of(inside),
         *why = nl_format("nothing was seen in step %" PRId64 "; metrics.csv has the steps %s", step, steps);
    free(steps);
    return why;
}

/* The last step in which a run of the cell has seen a tensor, as an index; -1: none. */
static int last_step(const struct nl_inside *inside, const struct nl_results *results, const struct nl_cell *cell)
{
    for (int step = inside->steps - 1; step >= 0; step--)
        for (int seed = 0; seed < inside->seeds; seed++)
            for (int tensor = 0; tensor < inside->tensors; tensor++)
                if (!isnan(nl_inside_value(inside, results, cell, seed, tensor, step)))
                    return step;
    return -1;
}

int nl_inside_step_of(const struct nl_inside *inside, const struct nl_results *results,
                      const struct nl_experiment *experiment, const struct nl_cell *cell, int seed)
{
    const char *status = nl_cell_status(results, cell, seed);
    if (!status)
        return -1;
    if (experiment->config.plot.step != NL_AUTO)
        return nl_inside_step(inside, experiment->config.plot.step);
    bool ended = strcmp(status, "done") == 0 || strcmp(status, "dead") == 0;
    return ended ? last_step(inside, results, cell) : -1;
}

struct nl_estimate nl_inside_mean(enum nl_quantity quantity, const double *values, int count,
                                  const struct nl_results *results, const struct nl_experiment *experiment)
{
    const struct nl_config *config = &experiment->config;
    const struct nl_sampling sampling = {.first = results->first_seeds};
    enum nl_comparison_kind compared = nl_quantities[quantity].compared;
    if (compared != NL_BY_RATIO)
        return nl_estimate(values, count, compared == NL_BY_SHARE ? NL_SCALE_SHARE : NL_SCALE_REAL, &sampling,
                           nl_interval_of(config), config->plot.level);
    double *logarithms = nl_alloc((size_t)count, sizeof *logarithms);
    for (int i = 0; i < count; i++)
        logarithms[i] = log(values[i]);
    struct nl_estimate out =
        nl_estimate(logarithms, count, NL_SCALE_REAL, &sampling, nl_interval_of(config), config->plot.level);
    free(logarithms);
    return nl_from_logarithms(out);
}

bool nl_inside_is_comparable(enum nl_quantity quantity, double value)
{
    return isfinite(value) && (value > 0 || nl_quantities[quantity].compared != NL_BY_RATIO);
}

double nl_inside_over_tensors(const struct nl_inside *inside, const struct nl_results *results,
                              const struct nl_cell *cell, int seed, int step, int *left_out)
{
    bool by_ratio = nl_quantities[inside->quantity].compared == NL_BY_RATIO;
    double sum = 0;
    int count = 0;
    for (int i = 0; i < inside->tensors; i++) {
        double value = nl_inside_value(inside, results, cell, seed, i, step);
        if (isnan(value))
            continue;
        *left_out += !nl_inside_is_comparable(inside->quantity, value);
        sum += by_ratio ? log(value) : value;
        count++;
    }
    double mean = sum / count;
    return by_ratio ? exp(mean) : mean;
}

double *nl_inside_column(const struct nl_inside *inside, const struct nl_results *results,
                         const struct nl_experiment *experiment, struct nl_metric_column *out)
{
    double *values = nl_alloc((size_t)(results->cells * results->seeds), sizeof *values);
    int ignored = 0;
    for (int i = 0; i < results->cells; i++)
        for (int seed = 0; seed < results->seeds; seed++) {
            int step = nl_inside_step_of(inside, results, experiment, &results->cell[i], seed);
            values[i * results->seeds + seed] =
                step < 0 ? NAN : nl_inside_over_tensors(inside, results, &results->cell[i], seed, step, &ignored);
        }
    *out = (struct nl_metric_column){.values = values,
                                     .measure = nl_inside_measure(inside->quantity),
                                     .sampling = {.first = results->first_seeds},
                                     .chance = NAN};
    return values;
}

struct nl_measure nl_inside_measure(enum nl_quantity quantity)
{
    enum nl_comparison_kind compared = nl_quantities[quantity].compared;
    bool share = compared == NL_BY_SHARE;
    struct nl_measure out = {.unit = share ? "%" : "",
                             .step = share                     ? "points"
                                     : compared == NL_BY_RATIO ? "x"
                                                               : "",
                             .scale = share ? 100.0 : 1.0,
                             .share = share,
                             .by_ratio = compared == NL_BY_RATIO,
                             .part = "train",
                             .statistics = ""};
    snprintf(out.name, sizeof out.name, "%s", nl_quantities[quantity].title);
    return out;
}

/* ".weight" of "grad:fc1.weight". */
static const char *ending_of(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot ? dot : "";
}

struct nl_common_name nl_inside_common(const struct nl_inside *inside)
{
    struct nl_common_name out = {nl_observer_aspect(inside->tensor[0]), ending_of(inside->tensor[0])};
    for (int i = 1; i < inside->tensors; i++) {
        out.aspect = out.aspect == nl_observer_aspect(inside->tensor[i]) ? out.aspect : NL_VALUE;
        out.ending = strcmp(out.ending, ending_of(inside->tensor[i])) == 0 ? out.ending : "";
    }
    return out;
}

char *nl_inside_label(const struct nl_inside *inside, int tensor)
{
    struct nl_common_name common = nl_inside_common(inside);
    const char *name = inside->tensor[tensor] + strlen(nl_aspect_prefixes[common.aspect]);
    return nl_format("%.*s", (int)(strlen(name) - strlen(common.ending)), name);
}

const char *nl_inside_places(const struct nl_inside *inside)
{
    enum nl_aspect aspect = nl_inside_common(inside).aspect;
    return aspect == NL_SLICE    ? "steps along the direction (lengths of the filters)"
           : aspect == NL_PLANE  ? "points of the plane"
           : aspect == NL_ON_WAY ? "share of the way to the other network"
                                 : "layer, from the input to the loss";
}

bool nl_inside_is_points(const struct nl_inside *inside)
{
    return nl_is_point(nl_inside_common(inside).aspect);
}

static const char *of_hessian(const char *name)
{
    return strcmp(name, "hessian:eigenvalues") == 0 ? "eigenvalues of the Hessian"
           : strcmp(name, "hessian:trace") == 0     ? "probes of the trace of the Hessian"
                                                    : "eigenvalues of a block of the Hessian";
}

const char *nl_inside_subject(const struct nl_inside *inside)
{
    static const char *const along[NL_ALONG_KINDS + 1] = {"loss along the gradient", "change of the gradient along it",
                                                          "effective beta-smoothness", ""};
    struct nl_common_name common = nl_inside_common(inside);
    switch (common.aspect) {
    case NL_GRADIENT:
    case NL_GRADIENT_64: return "gradients";
    case NL_UPDATE: return "updates";
    case NL_TURN: return "changes from update to update";
    case NL_SHIFT: return "shifts of gradients";
    case NL_DISTRIBUTION: return *common.ending ? common.ending + 1 : "activations";
    case NL_UNITS: return "units";
    case NL_FLAT: return "saturated shares of units";
    case NL_SAMPLES: return "cosines between samples";
    case NL_TOKENS: return "cosines between tokens";
    case NL_COVARIANCE: return "eigenvalues of the covariance";
    case NL_DRIFT: return "running means less those of the batch (standard deviations)";
    case NL_ENTROPY: return "entropies of attention";
    case NL_LOGITS: return "largest scores of attention";
    case NL_JACOBIAN: return "the Jacobian";
    case NL_ALONG: return inside->tensors == 1 ? along[nl_observer_along(inside->tensor[0])] : "";
    case NL_SLICE: return "loss along a random direction";
    case NL_PLANE: return "loss in a random plane";
    case NL_ON_WAY: return "loss on the way to another network";
    case NL_CURVATURE:
        return inside->tensors == 1 ? of_hessian(inside->tensor[0]) : "eigenvalues of blocks of the Hessian";
    case NL_VALUE:
    case NL_ASPECTS: break;
    }
    return *common.ending ? common.ending + 1 : "";
}

char *nl_inside_title(const struct nl_inside *inside)
{
    const struct nl_quantity_row *quantity = &nl_quantities[inside->quantity];
    const char *subject = nl_inside_subject(inside);
    if (nl_inside_is_points(inside))
        return nl_strdup(subject);
    return nl_format("%s%s%s%s", quantity->title, *subject ? " of " : "", subject,
                     quantity->compared == NL_BY_SHARE ? " (%)" : "");
}

char *nl_inside_pattern(const struct nl_inside *inside)
{
    struct nl_common_name common = nl_inside_common(inside);
    if (inside->tensors == 1)
        return nl_strdup(inside->tensor[0]);
    if (inside->patterns->count == 0)
        return nl_format("%s*%s", nl_aspect_prefixes[common.aspect], common.ending);
    struct nl_text out = {0};
    for (int i = 0; i < inside->patterns->count; i++)
        nl_text_add(&out, "%s%s", i ? ", " : "", inside->patterns->at[i]);
    return out.at;
}
