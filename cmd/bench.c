#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "cmd.h"
#include "saved.h"
#include "train/latency.h"

enum { CONFIG = 'c', BATCH = 256, ROUNDS, FORMAT, OTHER_DATA };
enum { LARGEST_BATCH = 1000000, MOST_ROUNDS = 100000, MOST_MODELS = 16, USUAL_BATCH = 256, FEW_ROUNDS = 5 };

static const struct option options[] = {
    {"config", required_argument, NULL, CONFIG},   {"batch", required_argument, NULL, BATCH},
    {"rounds", required_argument, NULL, ROUNDS},   {"format", required_argument, NULL, FORMAT},
    {"other-data", no_argument, NULL, OTHER_DATA}, {0},
};

static const char *const format_names[] = {"text", "json", NULL};
enum format { TEXT, JSON };

struct request {
    const char *config;
    int batch; /* 0: the usual one */
    int rounds;
    int format; /* enum format */
    bool other_data;
};

static bool read_option(int option, struct request *out)
{
    switch (option) {
    case CONFIG: out->config = optarg; return true;
    case BATCH: return read_count("--batch", optarg, 1, LARGEST_BATCH, &out->batch);
    case ROUNDS: return read_count("--rounds", optarg, 1, MOST_ROUNDS, &out->rounds);
    case FORMAT: return read_word("format", optarg, format_names, &out->format);
    case OTHER_DATA: return out->other_data = true;
    default: return false;
    }
}

/* ---- the networks ---- */

struct model {
    const char *path;
    struct nl_dataset *dataset;
    struct nl_scorer *scorer;
    enum nl_device_kind device;
    struct nl_latency latency;
};

struct models {
    int count;
    struct model at[MOST_MODELS];
};

/* The part that samples are taken from: test, or, where a network has none, train. */
static enum nl_part part_of(const struct models *models)
{
    enum nl_part part = NL_PART_TEST;
    for (int i = 0; i < models->count; i++)
        if (nl_scorer_samples(models->at[i].scorer, NL_PART_TEST) == 0)
            part = NL_PART_TRAIN;
    return part;
}

static bool open_model(const struct request *request, const struct arguments *arguments, struct model *out)
{
    struct nl_tensor_file file;
    struct nl_experiment experiment;
    struct nl_error err;
    if (!read_saved(arguments->file, &file))
        return false;
    out->path = arguments->file;
    if (load_checked(request->config, arguments, &file, "bench times each", &experiment) &&
        (out->dataset = open_data_of(out->path, &file, &experiment.config, request->other_data))) {
        out->device = (enum nl_device_kind)experiment.config.device.kind;
        out->scorer = nl_scorer_open(&experiment.config, out->dataset, &file, out->path,
                                     request->batch ? request->batch : USUAL_BATCH, &err);
        if (!out->scorer)
            bad_input(NULL, "%s", err.text);
    }
    nl_safetensors_release(&file);
    return out->scorer != NULL;
}

static void release_models(struct models *models)
{
    for (int i = 0; i < models->count; i++) {
        nl_latency_release(&models->at[i].latency);
        nl_scorer_free(models->at[i].scorer);
        nl_dataset_free(models->at[i].dataset);
    }
}

/* Sorts the arguments: files and overrides, which are for all of them. */
static bool open_models(const struct request *request, int argc, char **argv, struct models *out)
{
    struct arguments arguments = {.override = nl_alloc((size_t)argc, sizeof *arguments.override)};
    bool good = true;
    for (int i = optind; i < argc; i++)
        if (is_override(argv[i]))
            arguments.override[arguments.overrides++] = argv[i];
    for (int i = optind; i < argc && good; i++) {
        if (is_override(argv[i]))
            continue;
        good = out->count < MOST_MODELS;
        if (!good)
            bad_input(NULL, "bench times at most %d models", MOST_MODELS);
        arguments.file = argv[i];
        good = good && open_model(request, &arguments, &out->at[out->count++]);
    }
    if (good && out->count == 0)
        bad_input("normlab run FILE --save-final MODEL.safetensors makes one", "bench needs a model file");
    free(arguments.override);
    return good && out->count > 0;
}

/* ---- what was found ---- */

/* "1.23 (1.20 to 1.31)", of seconds times `scale`, or of what is divided by them; new string. */
static char *quartiles_text(const struct nl_quartiles *q, double scale, bool rate)
{
    double median = rate ? scale / q->median : q->median * scale, low = rate ? scale / q->high : q->low * scale,
           high = rate ? scale / q->low : q->high * scale;
    return nl_format("%.4g (%.4g to %.4g)", median, low, high);
}

static void add_fields(struct page *page, char *const *field)
{
    char **row = nl_alloc((size_t)page->columns + 1, sizeof *row);
    for (int c = 0; c < page->columns; c++)
        row[c] = field[c];
    add_row(page, row);
}

static void print_models(const struct models *models, int samples)
{
    static const bool left[] = {true, true, false, true, false};
    struct page page = {.columns = 5, .left = left};
    const struct nl_latency *first = &models->at[0].latency;
    add_fields(&page, (char *[]){nl_strdup("model"), nl_strdup("ms of one sample"), nl_strdup("speed"),
                                 nl_format("samples/s at batch %d", samples), nl_strdup("speed")});
    for (int i = 0; i < models->count; i++) {
        const struct nl_latency *l = &models->at[i].latency;
        add_fields(&page, (char *[]){nl_strdup(models->at[i].path), quartiles_text(&l->single, 1e3, false),
                                     nl_format("%.2f", first->single.median / l->single.median),
                                     quartiles_text(&l->batch, samples, true),
                                     nl_format("%.2f", first->batch.median / l->batch.median)});
    }
    print_page(&page, 0);
    release_page(&page);
}

static const struct nl_operation_time *time_of(const struct nl_latency *latency, const char *operation)
{
    for (int i = 0; i < latency->operations; i++)
        if (strcmp(latency->operation[i].operation, operation) == 0)
            return &latency->operation[i];
    return NULL;
}

/* A row of the table of operations: how many nodes of one there are, and the time of all of them. */
static void add_operation(struct page *page, const struct models *models, const char *operation)
{
    char **row = nl_alloc((size_t)page->columns + 1, sizeof *row);
    row[0] = nl_strdup(operation);
    for (int i = 0; i < models->count; i++) {
        const struct nl_operation_time *time = time_of(&models->at[i].latency, operation);
        row[1 + i] = time ? nl_format("%.4g (%d)", 1e3 * time->seconds.median, time->instructions) : nl_strdup("-");
    }
    add_row(page, row);
}

static void print_operations(const struct models *models, int samples)
{
    static const bool left[1 + MOST_MODELS] = {true};
    struct page page = {.columns = 1 + models->count, .left = left};
    char **head = nl_alloc((size_t)page.columns + 1, sizeof *head);
    head[0] = nl_strdup("operation");
    for (int i = 0; i < models->count; i++)
        head[1 + i] = nl_strdup(models->at[i].path);
    add_row(&page, head);
    for (int i = 0; i < models->count; i++)
        for (int k = 0; k < models->at[i].latency.operations; k++) {
            const char *operation = models->at[i].latency.operation[k].operation;
            bool known = false;
            for (int before = 0; before < i; before++)
                known |= time_of(&models->at[before].latency, operation) != NULL;
            if (!known)
                add_operation(&page, models, operation);
        }
    printf("\nms of a pass at batch %d by operation (in parentheses: how many)\n", samples);
    print_page(&page, 0);
    release_page(&page);
}

static void print_text(const struct models *models, const struct request *request, enum nl_part part, int samples)
{
    if (request->rounds < FEW_ROUNDS)
        printf("few rounds: quartiles of fewer than %d say little\n", FEW_ROUNDS);
    printf("medians of %s (quartiles), on %s, samples of the %s part; speed is that of the first model = 1\n",
           NL_COUNT(request->rounds, "round"), nl_backend_of(models->at[0].device)->name, nl_part_names[part]);
    for (int i = 1; i < models->count; i++)
        if (models->at[i].device != models->at[0].device)
            tell(stdout, "'%s' ran on %s\n", models->at[i].path, nl_backend_of(models->at[i].device)->name);
    print_models(models, samples);
    print_operations(models, samples);
}

static void add_quartiles(struct nl_text *out, const char *name, const struct nl_quartiles *q)
{
    nl_text_add(out, ", \"%s\": [", name);
    const double values[] = {q->low, q->median, q->high};
    for (int i = 0; i < 3; i++) {
        nl_text_add(out, i ? ", " : "");
        nl_json_add_number(out, values[i]);
    }
    nl_text_add(out, "]");
}

static void print_json(const struct models *models, const struct request *request, enum nl_part part, int samples)
{
    struct nl_text out = {0};
    nl_text_add(&out, "{\"rounds\": %d, \"part\": \"%s\", \"batch\": %d, \"models\": [", request->rounds,
                nl_part_names[part], samples);
    for (int i = 0; i < models->count; i++) {
        const struct nl_latency *l = &models->at[i].latency;
        nl_text_add(&out, i ? ",\n {\"file\": " : "\n {\"file\": ");
        nl_json_add(&out, models->at[i].path);
        nl_json_member(&out, "device", nl_backend_of(models->at[i].device)->name);
        add_quartiles(&out, "single_seconds", &l->single);
        add_quartiles(&out, "batch_seconds", &l->batch);
        nl_json_member_number(&out, "samples_per_second", samples / l->batch.median);
        nl_text_add(&out, ",\n  \"operations\": [");
        for (int k = 0; k < l->operations; k++) {
            nl_text_add(&out, k ? ",\n   {\"operation\": " : "\n   {\"operation\": ");
            nl_json_add(&out, l->operation[k].operation);
            nl_json_member_number(&out, "instructions", l->operation[k].instructions);
            add_quartiles(&out, "seconds", &l->operation[k].seconds);
            nl_text_add(&out, "}");
        }
        nl_text_add(&out, "]}");
    }
    nl_text_add(&out, "]}\n");
    fputs(out.at, stdout);
    nl_text_release(&out);
}

/* ---- timing ---- */

/* The batch that all networks are timed with; 0: there are not as many samples (the message was printed). */
static int batch_of(const struct models *models, const struct request *request, enum nl_part part)
{
    int samples = request->batch ? request->batch : USUAL_BATCH;
    for (int i = 0; i < models->count; i++) {
        int there = nl_scorer_samples(models->at[i].scorer, part);
        if (request->batch > there) {
            bad_input(NULL, "'--batch' %d is more than the %s of the %s part of '%s'", request->batch,
                      NL_COUNT(there, "sample"), nl_part_names[part], models->at[i].path);
            return 0;
        }
        samples = samples < there ? samples : there;
    }
    return samples;
}

static int measure(struct models *models, const struct request *request)
{
    struct nl_error err;
    struct nl_scorer *scorer[MOST_MODELS];
    struct nl_latency latency[MOST_MODELS];
    enum nl_part part = part_of(models);
    int samples = batch_of(models, request, part);
    if (samples == 0)
        return EXIT_BAD_INPUT;
    for (int i = 0; i < models->count; i++)
        scorer[i] = models->at[i].scorer;
    int status = nl_latency_measure(scorer, models->count, part, samples, request->rounds, latency, &err);
    for (int i = 0; i < models->count; i++)
        models->at[i].latency = latency[i];
    if (status != NL_OK)
        return fail("%s", err.text);
    (request->format == JSON ? print_json : print_text)(models, request, part, samples);
    return EXIT_DONE;
}

static int run(const struct command *self, int argc, char **argv)
{
    struct request request = {.rounds = 30};
    for (int option; (option = next_option(self, argc, argv, "c:", options)) != OPTION_END;)
        if (!read_option(option, &request))
            return EXIT_BAD_INPUT;
    struct models models = {0};
    int code = open_models(&request, argc, argv, &models) ? measure(&models, &request) : EXIT_BAD_INPUT;
    release_models(&models);
    return code;
}

const struct command command_bench = {
    .name = "bench",
    .summary = "time the evaluation of saved networks side by side",
    .usage =
        "usage: normlab bench MODEL.safetensors [MODEL.safetensors ...] [KEY=VALUE ...] [options]\n"
        "\n"
        "Times networks in turn, round after round, so that what slows the machine down slows all of them: a pass of one sample (latency at\n"
        "batch 1), a pass of a batch (throughput), and each operation of the latter. A turn repeats a pass for about ten milliseconds, and its\n"
        "median counts, so that a pause of the machine does not. Prints the medians over the rounds with quartiles, and\n"
        "the speed of each network with the first one's as 1. For a network before and after `normlab fold`, or one with each normalizer.\n"
        "\n"
        "A pass copies samples of the test part (without one: train) into the network, evaluates it with running statistics where it has\n"
        "some, and ends with the loss, on one thread of a processor or on a GPU (device.kind). Operations are timed one by one, so that their\n"
        "sum may be more than the pass, and a normalizer that is fused with an activation or a sum has the time of both.\n"
        "\n"
        "      --batch N        samples of a batch (default: 256, or all there are)\n"
        "      --rounds N       rounds (default: 30)\n"
        "      --format F       text, json (default: text)\n"
        "  -c, --config FILE    the configuration, where the model files have none\n"
        "      --other-data     allow data that the networks were not trained on\n"
        "\n"
        "examples:\n"
        "  normlab run configs/mlp_digits.yaml --save-final model.safetensors\n"
        "  normlab fold model.safetensors --out folded.safetensors\n"
        "  normlab bench model.safetensors folded.safetensors --batch 64 --rounds 10\n",
    .run = run,
};
