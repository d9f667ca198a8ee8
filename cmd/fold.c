#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "cmd.h"
#include "config/network.h"
#include "saved.h"
#include "train/evaluate.h"
#include "train/fold.h"

enum { CONFIG = 'c', OUT = 256, FORMAT, OTHER_DATA };

static const struct option options[] = {
    {"config", required_argument, NULL, CONFIG},
    {"out", required_argument, NULL, OUT},
    {"format", required_argument, NULL, FORMAT},
    {"other-data", no_argument, NULL, OTHER_DATA},
    {0},
};

static const char *const format_names[] = {"text", "json", NULL};
enum format { TEXT, JSON };

struct request {
    const char *config, *out;
    int format; /* enum format */
    bool other_data;
};

static bool read_option(int option, struct request *out)
{
    switch (option) {
    case CONFIG: out->config = optarg; return true;
    case OUT: out->out = optarg; return true;
    case FORMAT: return read_word("format", optarg, format_names, &out->format);
    case OTHER_DATA: return out->other_data = true;
    default: return false;
    }
}

/* ---- what became of each normalizer ---- */

/* "stays: ..."; new string. */
static char *outcome_text(const struct nl_fold_item *item)
{
    switch (item->part) {
    case NL_FOLD_WEIGHT: return nl_format("is a plain weight");
    case NL_FOLD_NORMALIZER: return nl_format("is in '%s' %s it", item->layer, item->before ? "before" : "after");
    case NL_FOLD_BATCH_HALF:
        return nl_format("is gn, and its batch normalization is in '%s' %s it", item->layer,
                         item->before ? "before" : "after");
    case NL_FOLD_REFUSED: return nl_format("stays: %s", item->why.text);
    case NL_FOLD_NOTHING: break;
    }
    NL_BUG("'%s' is no normalizer", item->node);
}

static void print_items(FILE *out, const struct nl_folded *folded)
{
    int node = 0, kind = 0;
    for (int i = 0; i < folded->items; i++) {
        int length = (int)strlen(folded->item[i].node), word = (int)strlen(folded->item[i].kind);
        node = length > node ? length : node;
        kind = word > kind ? word : kind;
    }
    for (int i = 0; i < folded->items; i++) {
        char *text = outcome_text(&folded->item[i]);
        tell(out, "  %-*s  %-*s  %s\n", node, folded->item[i].node, kind, folded->item[i].kind, text);
        free(text);
    }
}

static int count_of(const struct nl_folded *folded, enum nl_fold_part part)
{
    int count = 0;
    for (int i = 0; i < folded->items; i++)
        count += folded->item[i].part == part;
    return count;
}

static void print_text(const struct nl_folded *folded, const struct nl_fold_difference *d, const char *path)
{
    int in = folded->items - folded->refused, halves = count_of(folded, NL_FOLD_BATCH_HALF);
    tell(stdout, "%s%d of %s %s folded in '%s'", folded->refused + halves > 0 ? "incomplete: " : "", in,
         NL_COUNT(folded->items, "normalizer"), nl_agree(in, "is", "are"), path);
    if (halves > 0)
        printf(", %d of them by the batch half alone", halves);
    printf(":\n");
    print_items(stdout, folded);
    printf("learned numbers: %zu before, %zu after\n", folded->before, folded->after);
    printf("outputs for %s of the %s part, with running statistics: largest difference %.2g, which is %.2g of the "
           "largest output (%.4g)\n",
           NL_COUNT(d->samples, "sample"), nl_part_names[d->part], printable(d->largest),
           printable(d->largest / d->output), printable(d->output));
}

static void print_json(const struct nl_folded *folded, const struct nl_fold_difference *d, const char *path)
{
    static const char *const outcomes[] = {[NL_FOLD_WEIGHT] = "weight",
                                           [NL_FOLD_NORMALIZER] = "folded",
                                           [NL_FOLD_BATCH_HALF] = "half",
                                           [NL_FOLD_REFUSED] = "stays"};
    struct nl_text out = {0};
    nl_text_add(&out, "{\"file\": ");
    nl_json_add(&out, path);
    nl_json_member_number(&out, "folded", folded->items - folded->refused);
    nl_json_member_number(&out, "halves", count_of(folded, NL_FOLD_BATCH_HALF));
    nl_json_member_number(&out, "stay", folded->refused);
    nl_text_add(&out, ",\n \"normalizers\": [");
    for (int i = 0; i < folded->items; i++) {
        const struct nl_fold_item *item = &folded->item[i];
        nl_text_add(&out, i ? ",\n  {\"node\": " : "\n  {\"node\": ");
        nl_json_add(&out, item->node);
        nl_json_member(&out, "kind", item->kind);
        nl_json_member(&out, "outcome", outcomes[item->part]);
        if (*item->layer) {
            nl_json_member(&out, "layer", item->layer);
            nl_json_member(&out, "side", item->before ? "before" : "after");
        }
        if (item->part == NL_FOLD_REFUSED)
            nl_json_member(&out, "why", item->why.text);
        nl_text_add(&out, "}");
    }
    nl_text_add(&out, "],\n \"learned_numbers\": {\"before\": %zu, \"after\": %zu},\n \"outputs\": {\"part\": \"%s\"",
                folded->before, folded->after, nl_part_names[d->part]);
    nl_json_member_number(&out, "samples", d->samples);
    nl_json_member_number(&out, "largest_difference", d->largest);
    nl_json_member_number(&out, "largest_output", d->output);
    nl_json_member_number(&out, "relative", d->largest / d->output);
    nl_text_add(&out, "}}\n");
    fputs(out.at, stdout);
    nl_text_release(&out);
}

/* ---- folding ---- */

static int refuse(const struct nl_folded *folded, const char *path)
{
    if (folded->items == 0)
        return bad_input(NULL, "there is nothing to fold: '%s' has no normalizer", path);
    int code = bad_input(NULL, "nothing of '%s' can be folded, and nothing was written:", path);
    print_items(stderr, folded);
    return code;
}

static int write_and_tell(const struct request *request, const char *path, const struct nl_config *config,
                          const struct nl_tensor_file *file, const struct nl_dataset *dataset,
                          const struct nl_folded *folded)
{
    struct nl_error err;
    struct nl_fold_difference difference;
    if (nl_fold_compare(config, dataset, file, path, folded, &difference, &err) ||
        nl_safetensors_write(request->out, folded->file.entry, folded->file.count,
                             (const char *const *)folded->file.metadata, &err))
        return fail("%s", err.text);
    (request->format == JSON ? print_json : print_text)(folded, &difference, request->out);
    return EXIT_DONE;
}

/* What is folded are the running statistics: the network must be one that is evaluated with them. */
static bool evaluates_with_running(const struct nl_config *config)
{
    enum nl_eval eval = nl_primary_eval(config);
    if (eval == NL_EVAL_RUNNING)
        return true;
    bad_input("norm.eval=running folds the running statistics that the file has",
              "the network is evaluated with %s statistics (norm.eval), which are no constants of its file",
              nl_eval_names[eval]);
    return false;
}

static int fold(const struct arguments *arguments, const struct request *request)
{
    struct nl_tensor_file file;
    struct nl_experiment experiment;
    struct nl_error err;
    const struct nl_config *config = &experiment.config;
    const char *path = arguments->file;
    if (!read_saved(path, &file))
        return EXIT_BAD_INPUT;
    int code = EXIT_BAD_INPUT;
    if (load_checked(request->config, arguments, &file, "fold takes", &experiment) && evaluates_with_running(config) &&
        is_free_of_saved("--out", request->out, path, request->config, config)) {
        struct nl_dataset *dataset = open_data_of(path, &file, config, request->other_data);
        struct nl_folded folded = {0};
        if (dataset && nl_fold_network(config, dataset, &file, path, &folded, &err))
            bad_input(NULL, "%s", err.text);
        else if (dataset && folded.refused == folded.items)
            refuse(&folded, path);
        else if (dataset)
            code = write_and_tell(request, path, config, &file, dataset, &folded);
        nl_folded_release(&folded);
        nl_dataset_free(dataset);
    }
    nl_safetensors_release(&file);
    return code;
}

static int run(const struct command *self, int argc, char **argv)
{
    struct request request = {0};
    for (int option; (option = next_option(self, argc, argv, "c:", options)) != OPTION_END;)
        if (!read_option(option, &request))
            return EXIT_BAD_INPUT;
    struct arguments arguments;
    if (!sort_arguments(self, "model", argc, argv, &arguments))
        return EXIT_BAD_INPUT;
    int code = EXIT_BAD_INPUT;
    if (!arguments.file)
        bad_input("normlab run FILE --save-final MODEL.safetensors makes one", "fold needs a model file");
    else if (!request.out)
        bad_input("--out FILE says where to", "fold writes a network");
    else
        code = fold(&arguments, &request);
    free(arguments.override);
    return code;
}

const struct command command_fold = {
    .name = "fold",
    .summary = "fold normalizers of a saved network into its layers",
    .usage =
        "usage: normlab fold MODEL.safetensors --out FILE [KEY=VALUE ...] [options]\n"
        "\n"
        "In evaluation a normalizer with running statistics is a map of channels by constants, which the linear layer or the convolution\n"
        "before or after it can do as well (Jacob et al. 2018). Writes the network without such normalizers: batch normalization and its kin\n"
        "(brn, meanbn, varbn, l1bn, maxbn, cbn, mabn), the matrix of whitening (dbn, iternorm), and the batch half of bcn, of which gn stays.\n"
        "A weight that norm.weights computes becomes a plain weight. Dropout and noise, which evaluation leaves out, are gone.\n"
        "\n"
        "Prints where each normalizer went, or why it stays, and how far the outputs of both networks lie apart, over the test part of the\n"
        "data (without one: val or train). What can stand in the way: an activation, a sum or another node between, a layer that several\n"
        "nodes take or that shares its weight, zeros that a convolution pads after the shift, statistics of each sample or of the test batch.\n"
        "\n"
        "`normlab eval`, `bench` and `sample`, and normlab.model in Python, take the file as any other; eval scores it with running\n"
        "statistics alone. It is not trained further (model.load).\n"
        "\n"
        "exit codes: 0 something was folded; 2 nothing can be (stderr says why of each), or the input is wrong\n"
        "\n"
        "      --out FILE       the folded network (.safetensors)\n"
        "      --format F       text, json (default: text)\n"
        "  -c, --config FILE    the configuration, where the model file has none\n"
        "      --other-data     allow data that the network was not trained on\n"
        "\n"
        "examples:\n"
        "  normlab run configs/mlp_digits.yaml --save-final model.safetensors\n"
        "  normlab fold model.safetensors --out folded.safetensors\n"
        "  normlab bench model.safetensors folded.safetensors\n",
    .run = run,
};
