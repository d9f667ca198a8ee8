#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/npy.h"
#include "base/sizes.h"
#include "cmd.h"
#include "config/network.h"
#include "config/value.h"
#include "model/model.h"
#include "norm/norm.h"
#include "saved.h"
#include "train/evaluate.h"
#include "train/scorer.h"
#include "train/weights.h"

enum {
    CONFIG = 'c',
    PART = 256,
    STATS,
    BATCH,
    ORDER,
    FORMAT,
    OTHER_DATA,
    OUTPUTS,
    MOST_BATCHES = 64,
    LARGEST_BATCH = 1000000
};

static const struct option options[] = {
    {"config", required_argument, NULL, CONFIG},
    {"part", required_argument, NULL, PART},
    {"stats", required_argument, NULL, STATS},
    {"batch", required_argument, NULL, BATCH},
    {"order", required_argument, NULL, ORDER},
    {"format", required_argument, NULL, FORMAT},
    {"other-data", no_argument, NULL, OTHER_DATA},
    {"outputs", required_argument, NULL, OUTPUTS},
    {0},
};

static const char *const format_names[] = {"text", "csv", "json", NULL};
enum format { TABLE, CSV, JSON };
static const unsigned ALL_STATS = ~0u;

struct request {
    const char *config, *outputs;
    unsigned parts, stats, orders; /* bits */
    int batches, batch[MOST_BATCHES];
    int format; /* enum format */
    bool other_data;
    bool folded; /* what is scored has the running statistics in its weights */
};

/* ---- what is asked for ---- */

static bool read_batches(const char *text, struct request *out)
{
    char *copy = nl_strdup(text);
    bool good = true;
    out->batches = 0;
    for (char *rest = copy, *word; good && (word = strsep(&rest, ","));) {
        good = out->batches < MOST_BATCHES;
        if (!good)
            bad_input(NULL, "'--batch' takes at most %d values", MOST_BATCHES);
        good = good && read_count("--batch", word, 1, LARGEST_BATCH, &out->batch[out->batches++]);
    }
    free(copy);
    return good;
}

static bool read_option(int option, struct request *out)
{
    switch (option) {
    case CONFIG: out->config = optarg; return true;
    case PART: return read_words("part", optarg, nl_part_names, &out->parts);
    case STATS: return read_words("statistics", optarg, nl_norm_eval_names, &out->stats);
    case BATCH: return read_batches(optarg, out);
    case ORDER: return read_words("order", optarg, nl_sample_order_names, &out->orders);
    case FORMAT: return read_word("format", optarg, format_names, &out->format);
    case OTHER_DATA: return out->other_data = true;
    case OUTPUTS: out->outputs = optarg; return true;
    default: return false;
    }
}

/* ---- rows ---- */

struct row {
    enum nl_part part;
    enum nl_eval eval;
    int batch, order; /* -1: they do not matter */
    int samples;
    struct nl_scored scored;
};

/* A field of a CSV is empty where there is no number. */
static void field_text(double value, char out[32])
{
    *out = '\0';
    if (isfinite(value))
        nl_double_text(value, out);
}

/* A share in percent, in a column of a table. */
static void print_share(double share)
{
    if (isnan(share))
        printf("  %9s", "-");
    else
        printf("  %7.2f %%", 100 * share);
}

/* JSON has no number that is none. */
static const char *json_number(const char *text)
{
    return *text ? text : "null";
}

static void print_row(enum format format, const struct row *row, bool first)
{
    const struct nl_score *score = &row->scored.score;
    const struct nl_calibration *calibration = &row->scored.calibration;
    char loss[32], accuracy[32], error[32], top5_error[32], ece[32], batch[16] = "";
    const char *part = nl_part_names[row->part], *eval = nl_eval_names[row->eval];
    const char *order = row->order < 0 ? "" : nl_sample_order_names[row->order];
    if (row->batch > 0)
        snprintf(batch, sizeof batch, "%d", row->batch);
    field_text(score->loss, loss);
    field_text(score->accuracy, accuracy);
    field_text(1 - score->accuracy, error);
    field_text(calibration->top5_error, top5_error);
    field_text(calibration->ece, ece);
    switch (format) {
    case TABLE:
        printf("%-5s  %-10s  %-8s  %7s  %10s", part, eval, *order ? order : "-", *batch ? batch : "-",
               loss_text(score->loss, loss));
        print_share(1 - score->accuracy);
        print_share(calibration->top5_error);
        print_share(calibration->ece);
        putchar('\n');
        break;
    case CSV:
        printf("%s,%s,%s,%s,%d,%s,%s,%s,%s,%s\n", part, eval, order, batch, row->samples, loss, accuracy, error,
               top5_error, ece);
        break;
    case JSON:
        printf("%s\n  {\"part\": \"%s\", \"statistics\": \"%s\", \"order\": %s%s%s, \"batch\": %s, \"samples\": %d, "
               "\"loss\": %s, \"accuracy\": %s, \"error\": %s, \"top5_error\": %s, \"ece\": %s}",
               first ? "" : ",", part, eval, *order ? "\"" : "", *order ? order : "null", *order ? "\"" : "",
               json_number(batch), row->samples, json_number(loss), json_number(accuracy), json_number(error),
               json_number(top5_error), json_number(ece));
        break;
    }
}

static void print_head(enum format format)
{
    if (format == TABLE)
        printf("%-5s  %-10s  %-8s  %7s  %10s  %9s  %9s  %9s\n", "part", "statistics", "order", "batch", "loss", "error",
               "top-5", "ECE");
    else
        printf("%s", format == CSV ? "part,statistics,order,batch,samples,loss,accuracy,error,top5_error,ece\n" : "[");
}

/* ---- scoring ---- */

/* Writes outputs in the type that the network computes with. */
static int write_outputs(const struct nl_scorer *scorer, const char *path, int dims, const size_t *shape, size_t count,
                         const double *outputs, struct nl_error *err)
{
    enum nl_dtype type = nl_scorer_outputs_type(scorer);
    if (type == NL_F64)
        return nl_npy_write(path, type, dims, shape, outputs, err);
    float *narrow = nl_alloc(count, sizeof *narrow);
    for (size_t i = 0; i < count; i++)
        narrow[i] = (float)outputs[i];
    int status = nl_npy_write(path, type, dims, shape, narrow, err);
    free(narrow);
    return status;
}

/* Scores the part in the row, and keeps the outputs where they are asked for. */
static int score_row(struct nl_scorer *scorer, const struct request *request, int batch, enum nl_sample_order order,
                     struct row *row)
{
    struct nl_error err;
    size_t shape[3], count = 1;
    int dims = nl_scorer_outputs_shape(scorer, row->part, shape);
    for (int i = 0; i < dims; i++)
        count = nl_size_times(count, shape[i]);
    double *outputs = request->outputs ? nl_alloc(count, sizeof *outputs) : NULL;
    int status = nl_scorer_score(scorer, row->part, row->eval, batch, order, outputs, &row->scored, &err);
    if (status == NL_OK && outputs)
        status = write_outputs(scorer, request->outputs, dims, shape, count, outputs, &err);
    free(outputs);
    return status == NL_OK ? EXIT_DONE : fail("%s", err.text);
}

static int score_part(struct nl_scorer *scorer, const struct request *request, bool tracks, enum nl_part part,
                      bool *first)
{
    for (int eval = 0; eval < NL_NORM_EVALS; eval++) {
        if (!(request->stats >> eval & 1) || (!tracks && eval != NL_EVAL_RUNNING))
            continue;
        bool batched = eval == NL_EVAL_BATCH;
        for (int order = 0; order < (batched ? NL_SAMPLE_ORDERS : 1); order++)
            for (int b = 0; b < (batched ? request->batches : 1); b++) {
                if (batched && !(request->orders >> order & 1))
                    continue;
                struct row row = {.part = part,
                                  .eval = eval,
                                  .batch = batched ? request->batch[b] : -1,
                                  .order = batched ? order : -1,
                                  .samples = nl_scorer_samples(scorer, part)};
                int code = score_row(scorer, request, request->batch[b], order, &row);
                if (code != EXIT_DONE)
                    return code;
                print_row(request->format, &row, *first);
                *first = false;
            }
    }
    return EXIT_DONE;
}

static int print_scores(struct nl_scorer *scorer, const struct request *request, const struct nl_config *config)
{
    bool first = true;
    int code = EXIT_DONE;
    bool tracks = nl_config_tracks(config) && !request->folded;
    const char *what = config->model.arch == NL_LAYERS ? "the network" : nl_norms[config->norm.kind]->name;
    if (!tracks && !request->folded && !output.quiet)
        fprintf(stderr, "%s keeps no statistics: it evaluates as it trains, whatever the batch\n", what);
    print_head(request->format);
    for (enum nl_part part = 0; part < NL_PARTS && code == EXIT_DONE; part++)
        if (request->parts >> part & 1)
            code = score_part(scorer, request, tracks, part, &first);
    if (request->format == JSON)
        printf("\n]\n");
    return code;
}

static int score(const char *path, struct request *request, const struct nl_config *config,
                 const struct nl_tensor_file *file, const struct nl_dataset *dataset)
{
    struct nl_error err = {0};
    int largest = 1;
    if (!request->batches) { /* as it was trained */
        request->batch[request->batches++] = nl_evaluation_group(config, NL_STATS_BATCH);
    }
    for (int b = 0; b < request->batches; b++)
        largest = request->batch[b] > largest ? request->batch[b] : largest;
    struct nl_scorer *scorer = nl_scorer_open(config, dataset, file, path, largest, &err);
    if (!scorer)
        return bad_input(NULL, "%s", err.text);
    warn_of_another_split(file, config, "samples scored here may have been trained on");
    int code = EXIT_DONE;
    for (enum nl_part part = 0; part < NL_PARTS && code == EXIT_DONE; part++)
        if (request->parts >> part & 1 && nl_scorer_samples(scorer, part) == 0)
            code = bad_input(NULL, "there is no %s part (data.%s is 0)", nl_part_names[part], nl_part_names[part]);
    if (code == EXIT_DONE)
        code = print_scores(scorer, request, config);
    nl_scorer_free(scorer);
    return code;
}

/* Statistics of what is scored would show a causal network what it shall predict: they are left out, or refused where
 * they are asked for. */
static bool leave_out_leaks(struct request *request, const struct nl_config *config, const struct nl_dataset *dataset)
{
    unsigned leaks = 1u << NL_EVAL_BATCH | 1u << NL_EVAL_ADAPT;
    if (!nl_sees_ahead(config, &dataset->shape))
        return true;
    if (request->stats != ALL_STATS && (request->stats & leaks)) {
        bad_input("--stats running or precise takes none from it",
                  "'--stats' batch and adapt take statistics from the text that the network is to predict");
        return false;
    }
    request->stats &= ~leaks;
    return true;
}

/* The weights of a folded network hold the running statistics. */
static bool choose_folded(struct request *request)
{
    unsigned running = 1u << NL_EVAL_RUNNING;
    if (request->folded && request->stats != ALL_STATS && request->stats != running) {
        bad_input("--stats running, or the network before `normlab fold`",
                  "a folded network has the running statistics in its weights: '--stats' can ask for no others");
        return false;
    }
    if (request->folded)
        request->stats = running;
    return true;
}

/* ---- --outputs ---- */

static bool is_one(unsigned bits)
{
    return bits && !(bits & (bits - 1));
}

/* The outputs are those of one row: what else may vary is chosen, or must be said. */
static bool choose_outputs(struct request *request, const struct nl_config *config)
{
    if (!request->outputs)
        return true;
    if (!request->folded && (request->stats == ALL_STATS || !nl_config_tracks(config)))
        request->stats = 1u << nl_primary_eval(config);
    bool batched = request->stats >> NL_EVAL_BATCH & 1;
    const char *option = !is_one(request->parts)               ? "--part"
                         : !is_one(request->stats)             ? "--stats"
                         : batched && request->batches > 1     ? "--batch"
                         : batched && !is_one(request->orders) ? "--order"
                                                               : NULL;
    if (option)
        bad_input(NULL, "'--outputs' writes what the network puts out in one scoring: '%s' takes one value with it",
                  option);
    return !option;
}

static int evaluate(const struct arguments *arguments, struct request *request)
{
    struct nl_tensor_file file;
    struct nl_experiment experiment;
    if (!read_saved(arguments->file, &file))
        return EXIT_BAD_INPUT;
    int code = EXIT_BAD_INPUT;
    request->folded = nl_weights_are_folded(&file);
    if (load_checked(request->config, arguments, &file, "eval scores", &experiment) && choose_folded(request) &&
        choose_outputs(request, &experiment.config) &&
        is_free_of_saved("--outputs", request->outputs, arguments->file, request->config, &experiment.config)) {
        struct nl_dataset *dataset = open_data_of(arguments->file, &file, &experiment.config, request->other_data);
        if (dataset && leave_out_leaks(request, &experiment.config, dataset))
            code = score(arguments->file, request, &experiment.config, &file, dataset);
        nl_dataset_free(dataset);
    }
    nl_safetensors_release(&file);
    return code;
}

static int run(const struct command *self, int argc, char **argv)
{
    struct request request = {.parts = 1u << NL_PART_TEST, .stats = ALL_STATS, .orders = 1u << NL_ORDER_SHUFFLED};
    for (int option; (option = next_option(self, argc, argv, "c:", options)) != OPTION_END;)
        if (!read_option(option, &request))
            return EXIT_BAD_INPUT;
    struct arguments arguments;
    if (!sort_arguments(self, "model", argc, argv, &arguments))
        return EXIT_BAD_INPUT;
    int code = arguments.file
                   ? evaluate(&arguments, &request)
                   : bad_input("normlab run FILE --save-final MODEL.safetensors makes one", "eval needs a model file");
    free(arguments.override);
    return code;
}

const struct command command_eval = {
    .name = "eval",
    .summary = "score a saved network with the statistics of your choice",
    .usage =
        "usage: normlab eval MODEL.safetensors [KEY=VALUE ...] [options]\n"
        "\n"
        "Scores a network that `normlab run --save-final` wrote, or that PyTorch wrote under the same names (core/train/weights.h). The\n"
        "configuration and the split come from the file. A normalizer with running statistics is scored four times: with the running\n"
        "statistics, with precise ones (recomputed over the training part), with adapted ones (recomputed over the part that is scored,\n"
        "without its labels), and with those of each batch. The batch size and the order of samples matter only for the last.\n"
        "\n"
        "The errors are in percent: top-5, where the label is not among the five largest logits (of data with more than five classes),\n"
        "and ECE, the expected calibration error: |accuracy - confidence| of 15 bins of confidence, in the mean over the samples\n"
        "(Guo et al. 2017).\n"
        "\n"
        "--outputs writes the logits of one part, as (samples, classes), or (samples, positions, classes) where each position has a label,\n"
        "with NaN after the end of a sequence. A row is the sample that `normlab data export` writes into the same row, whatever --order.\n"
        "The statistics are then the first of norm.eval, unless --stats names others.\n"
        "\n"
        "A network that `normlab fold` wrote has running statistics in its weights: it is scored with these alone.\n"
        "\n"
        "      --part P         test, val, train, or several with commas (default: test)\n"
        "      --stats S        running, batch, precise, adapt, or several (default: all)\n"
        "      --batch N        batch size for --stats batch, or several (default: as trained)\n"
        "      --order O        shuffled, sorted (by class), given, or several: order of the samples (default: shuffled)\n"
        "      --format F       text, csv, json (default: text)\n"
        "  -c, --config FILE    the configuration, where the model file has none\n"
        "      --other-data     allow data that the network was not trained on\n"
        "      --outputs FILE   write what the network puts out, before softmax (.npy, float32; of device.kind ref float64)\n"
        "\n"
        "examples:\n"
        "  normlab run configs/mlp_digits.yaml --save-final model.safetensors\n"
        "  normlab eval model.safetensors --part train,test\n"
        "  normlab eval model.safetensors --stats batch --batch 1,2,8,64 --order shuffled,sorted\n"
        "  normlab eval model.safetensors --part train --outputs logits.npy\n",
    .run = run,
};
