#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/backend.h"
#include "base/files.h"
#include "base/memory.h"
#include "base/npy.h"
#include "cmd.h"
#include "norm/norm.h"
#include "norm/weights.h"
#include "norms.h"
#include "train/probe.h"

enum { OUT = 'o', VALUES = 256, INPUT, SHAPE, GRAD, EVAL, DEVICE, TENSOR };
enum { MOST_NAMES = 64 };

static const struct option fixed_options[] = {
    {"values", required_argument, NULL, VALUES},
    {"input", required_argument, NULL, INPUT},
    {"shape", required_argument, NULL, SHAPE},
    {"grad", required_argument, NULL, GRAD},
    {"eval", no_argument, NULL, EVAL},
    {"device", required_argument, NULL, DEVICE},
    {"out", required_argument, NULL, OUT},
};
enum { FIXED = sizeof fixed_options / sizeof *fixed_options };

/* What the normalizers learn and keep, each an option of its name: --gamma, --running-mean. */
struct tensor_options {
    int count;
    char name[MOST_NAMES][32];   /* "running_mean" */
    char option[MOST_NAMES][32]; /* "running-mean" */
};

struct settings {
    const char *values, *input, *shape, *grad, *device, *out;
    const char *tensor[MOST_NAMES]; /* by number of the option; NULL: not given */
    bool eval;
};

/* The input's shape as it was given: (N, C) or (N, H, W, C); others are refused by set_shape. */
struct layout {
    int dims;
    size_t shape[NL_NPY_MAX_DIMS];
};

/* Numbers separated by commas. NULL: the text is none. */
static double *read_list(const char *text, size_t *count)
{
    double *values = nl_alloc(strlen(text) + 1, sizeof *values);
    *count = 0;
    for (;;) {
        char *end;
        values[(*count)++] = nl_double_read(text, &end);
        if (end == text || (*end && *end != ',')) {
            free(values);
            return NULL;
        }
        if (!*end)
            return values;
        text = end + 1;
    }
}

/* An array given as numbers or as an .npy file; NULL: the message was printed. One number stands for `expected` of them
 * (0: any count). */
static double *read_array(const char *option, const char *text, size_t expected, struct layout *layout)
{
    size_t count;
    double *values = read_list(text, &count);
    struct nl_error err = {0};
    if (!values) {
        struct nl_npy array;
        if (nl_npy_read(text, &array, &err)) {
            bad_input("expected numbers separated by commas, or an .npy file", "cannot read the value of '%s': %s",
                      option, err.text);
            return NULL;
        }
        if (layout) {
            layout->dims = array.dims;
            memcpy(layout->shape, array.shape, sizeof layout->shape);
        }
        count = array.count;
        values = nl_alloc(count, sizeof *values);
        for (size_t i = 0; i < count; i++)
            values[i] = nl_npy_get(&array, i);
        nl_npy_release(&array);
    } else if (count == 1 && expected > 1) {
        values = nl_realloc(values, expected, sizeof *values);
        for (count = 1; count < expected; count++)
            values[count] = values[0];
    }
    if (expected && count != expected) {
        bad_input(NULL, "'%s' has %s, expected %zu", option, NL_COUNT(count, "number"), expected);
        free(values);
        return NULL;
    }
    return values;
}

/* N, S and C of an array of this layout; false: the message was printed. */
static bool set_shape(struct nl_probe *probe, const struct layout *layout)
{
    const size_t *shape = layout->shape;
    bool flat = layout->dims == 2, image = layout->dims == 4;
    double count = 1;
    for (int i = 0; (flat || image) && i < layout->dims; i++)
        count *= (double)shape[i];
    if ((!flat && !image) || count < 1 || count > 2e9) {
        bad_input(NULL, "the input must have shape %s, with at least one element",
                  probe->of_weights ? "O,I or O,I,k,k" : "N,C or N,H,W,C");
        return false;
    }
    probe->samples = (int)shape[0];
    if (probe->of_weights) {
        probe->extent = (struct nl_extent){image ? (int)shape[2] : 1, image ? (int)shape[3] : 1, (int)shape[1]};
        return probe->extent.height == probe->extent.width ||
               !bad_input(NULL, "a kernel is as high as it is wide: O,I,k,k");
    }
    probe->extent =
        (struct nl_extent){image ? (int)shape[1] : 1, image ? (int)shape[2] : 1, (int)shape[layout->dims - 1]};
    return true;
}

/* --values: the weights of one output; or N samples of one channel for what normalizes over samples, S positions of one
 * channel for in, else one sample of C channels. */
static void set_shape_of_list(struct nl_probe *probe, const struct nl_norm *norm, size_t count, struct layout *layout)
{
    *layout = (struct layout){.dims = 4, .shape = {1, 1, 1, 1}};
    if (probe->of_weights) {
        *layout = (struct layout){.dims = 2, .shape = {1, count}};
        set_shape(probe, layout);
        return;
    }
    int place = nl_norm_spans_batch(norm) ? 0 : norm == &nl_norm_in ? 1 : 3;
    layout->shape[place] = count;
    set_shape(probe, layout);
}

static bool read_input(struct nl_probe *probe, const struct settings *settings, struct layout *layout)
{
    const struct nl_norm *norm = nl_norm_of(probe->config);
    if (!!settings->values + !!settings->input + !!settings->shape != 1) {
        misused(&command_norm, "norm needs one of --values, --input, --shape");
        return false;
    }
    if (settings->shape) {
        size_t count;
        double *shape = read_list(settings->shape, &count);
        bool good = shape && count <= NL_NPY_MAX_DIMS;
        layout->dims = good ? (int)count : 0;
        for (size_t i = 0; good && i < count; i++) {
            good = shape[i] >= 1 && shape[i] <= 1e9 && shape[i] == floor(shape[i]);
            layout->shape[i] = good ? (size_t)shape[i] : 0;
        }
        free(shape);
        if (!good)
            layout->dims = 0;
        return set_shape(probe, layout);
    }
    if (settings->values) {
        size_t count;
        probe->x = read_list(settings->values, &count);
        if (!probe->x) {
            bad_input(NULL, "bad value '%s' of option '--values': expected numbers separated by commas",
                      settings->values);
            return false;
        }
        set_shape_of_list(probe, norm, count, layout);
        return true;
    }
    *layout = (struct layout){0};
    probe->x = read_array("--input", settings->input, 0, layout);
    return probe->x && set_shape(probe, layout);
}

static size_t elements_of(const struct nl_probe *probe)
{
    return (size_t)probe->samples * nl_elements(probe->extent);
}

static const char *name_of(const struct nl_probe *probe)
{
    return probe->of_weights ? nl_weight_norm_names[probe->config->norm.weights]
                             : nl_norm_names[probe->config->norm.kind];
}

static const char *title_of(const struct nl_probe *probe)
{
    return probe->of_weights ? nl_weight_norms[probe->config->norm.weights]->title
                             : nl_norms[probe->config->norm.kind]->title;
}

/* What is given of the layer's tensors. */
static bool read_tensors(struct nl_probe *probe, const struct settings *settings, const struct tensor_options *options)
{
    for (int i = 0; i < options->count; i++) {
        char option[40];
        snprintf(option, sizeof option, "--%s", options->option[i]);
        struct nl_probe_tensor *tensor = nl_probe_find(probe, options->name[i]);
        if (!settings->tensor[i])
            continue;
        if (!tensor) {
            bad_input(NULL, "'%s' does not apply: %s has none here", option, name_of(probe));
            return false;
        }
        tensor->given = read_array(option, settings->tensor[i], tensor->count, NULL);
        if (!tensor->given)
            return false;
    }
    return true;
}

static bool read_parameters(struct nl_probe *probe, const struct settings *settings,
                            const struct tensor_options *options)
{
    struct nl_error err = {0};
    if (settings->grad && !(probe->dy = read_array("--grad", settings->grad, elements_of(probe), NULL)))
        return false;
    if (nl_probe_declare(probe, &err)) {
        bad_input(NULL, "%s", err.text);
        return false;
    }
    return read_tensors(probe, settings, options);
}

/* A row of numbers under its name: five decimals, or an exponent where they would not do. */
static void print_row(const char *name, const double *values, size_t count)
{
    if (!values)
        return;
    double largest = 0;
    for (size_t i = 0; i < count; i++)
        if (isfinite(values[i]))
            largest = fmax(largest, fabs(values[i]));
    const char *format = largest == 0 || (largest >= 1e-2 && largest < 1e5) ? " %11.5f" : " %11.4e";
    printf("%-12s", name);
    for (size_t i = 0; i < count; i++)
        printf(format, printable(values[i]));
    putchar('\n');
}

static void print_head(const struct nl_probe *probe, int sets, int elements)
{
    const struct nl_norm *norm = nl_norms[probe->config->norm.kind];
    size_t numbers[2] = {0};
    for (int i = 0; i < probe->tensors; i++)
        numbers[probe->tensor[i].learned] += probe->tensor[i].count;
    printf("%s: %s", name_of(probe), title_of(probe));
    if (sets)
        printf(", %s of %s", NL_COUNT(sets, "set"), NL_COUNT(elements, "element"));
    if (probe->of_weights)
        printf(", %zu learned and %s beside the weight", numbers[true], NL_COUNT(numbers[false], "kept number"));
    else if (!nl_norm_is_none(norm))
        printf(", %zu learned and %s", numbers[true], NL_COUNT(numbers[false], "running number"));
    putchar('\n');
}

/* "dgamma", the gradient of a parameter; "running_mean", a state. */
static void name_found(const struct nl_probe_tensor *tensor, char *name, size_t size)
{
    snprintf(name, size, "%s%s", tensor->learned ? "d" : "", tensor->name);
}

static void print_found(const struct nl_probe *probe)
{
    size_t elements = elements_of(probe), sets = (size_t)probe->sets;
    print_row("mean", probe->mean, sets);
    print_row("var", probe->var, sets);
    print_row("x", probe->x, elements);
    print_row("xhat", probe->xhat, elements);
    print_row("y", probe->y, elements);
    print_row(probe->of_weights ? "dw" : "dx", probe->dx, elements);
    for (int i = 0; i < probe->tensors; i++) {
        char name[40];
        name_found(&probe->tensor[i], name, sizeof name);
        print_row(name, probe->tensor[i].found, probe->tensor[i].count);
    }
}

/* In the backend's own type: float64 from ref, float32 from cpu. */
static int write_array(const char *folder, const char *name, const struct nl_backend *backend, int dims,
                       const size_t *shape, const double *values, struct nl_error *err)
{
    if (!values)
        return NL_OK;
    size_t count = 1;
    for (int i = 0; i < dims; i++)
        count *= shape[i];
    char *path = nl_path_join(folder, name);
    int status;
    if (backend->real == sizeof(double)) {
        status = nl_npy_write(path, NL_F64, dims, shape, values, err);
    } else {
        float *narrow = nl_alloc(count, sizeof *narrow);
        for (size_t i = 0; i < count; i++)
            narrow[i] = (float)values[i];
        status = nl_npy_write(path, NL_F32, dims, shape, narrow, err);
        free(narrow);
    }
    free(path);
    return status;
}

/* A file that --out gets; values NULL: it does not. */
struct found_file {
    char name[48];
    int dims;
    const size_t *shape;
    const double *values;
};
enum { MOST_FOUND = 4 + NL_PROBE_TENSORS };

static int list_found(const struct nl_probe *probe, const struct layout *layout, const size_t *sets,
                      struct found_file *file)
{
    int count = 0;
    file[count++] = (struct found_file){"y.npy", layout->dims, layout->shape, probe->y};
    file[count] = (struct found_file){"", layout->dims, layout->shape, probe->dx};
    strcpy(file[count++].name, probe->of_weights ? "dw.npy" : "dx.npy");
    file[count++] = (struct found_file){"mean.npy", 1, sets, probe->mean};
    file[count++] = (struct found_file){"var.npy", 1, sets, probe->var};
    for (int i = 0; i < probe->tensors; i++, count++) {
        const struct nl_probe_tensor *tensor = &probe->tensor[i];
        file[count] = (struct found_file){"", tensor->dims, tensor->shape, tensor->found};
        name_found(tensor, file[count].name, sizeof file[count].name - strlen(".npy"));
        strcat(file[count].name, ".npy");
    }
    return count;
}

static int write_found(const struct nl_probe *probe, const struct layout *layout, const char *folder,
                       struct nl_error *err)
{
    struct found_file file[MOST_FOUND];
    size_t sets = (size_t)probe->sets;
    int count = list_found(probe, layout, &sets, file), status = NL_OK;
    const struct nl_backend *backend = nl_backend_of((enum nl_device_kind)probe->config->device.kind);
    for (int i = 0; i < count && status == NL_OK; i++)
        status = write_array(folder, file[i].name, backend, file[i].dims, file[i].shape, file[i].values, err);
    return status;
}

/* Whether no array that is read is written over; false: the message was printed. */
static bool keeps_input(const struct nl_probe *probe, const struct layout *layout, const struct settings *settings,
                        const struct tensor_options *options)
{
    struct used_file place[2 + MOST_NAMES + MOST_FOUND] = {{"--input", settings->input, false},
                                                           {"--grad", settings->grad, false}};
    struct found_file file[MOST_FOUND];
    char *path[MOST_FOUND], flag[MOST_NAMES][40];
    size_t sets = 0;
    int read = 2, written = list_found(probe, layout, &sets, file);
    for (int i = 0; i < options->count; i++, read++) {
        snprintf(flag[i], sizeof flag[i], "--%s", options->option[i]);
        place[read] = (struct used_file){flag[i], settings->tensor[i], false};
    }
    for (int i = 0; i < written; i++)
        place[read + i] = (struct used_file){"--out", path[i] = nl_path_join(settings->out, file[i].name), true};
    bool apart = are_apart(place, read + written);
    for (int i = 0; i < written; i++)
        free(path[i]);
    return apart;
}

/* Warns of sets that are too small, by what is left of the numbers in the output. */
static int warn_of_loss(const struct nl_probe *probe, int sets, int elements, bool ran, struct nl_error *err)
{
    static const char *const found[] = {[NL_LEFT_SIGNS] =
                                            ": other numbers of the same signs and order give the same output",
                                        [NL_LEFT_NOTHING] = ": any numbers give this output"};
    unsigned uses = probe->of_weights ? 0 : nl_norm_of(probe->config)->uses;
    bool small = sets && elements <= 2;
    enum nl_probe_left left = NL_LEFT_SOME;
    if (!warns() || uses & NL_USES_ALPHA) /* a function of each element has no sets */
        return NL_OK;
    if (ran && nl_probe_left(probe, &left, err))
        return NL_FAIL;
    if (left == NL_LEFT_SOME && (ran || !small || elements > 1))
        return NL_OK;
    const char *remedy = probe->of_weights ? "give the output more weights"
                         : uses & NL_USES_GROUPS
                             ? "choose fewer norm.groups: 1 is ln"
                             : "give more numbers: --input takes arrays of any samples, positions and channels";
    tell(stderr, "warning: %s%s%s\n  %s\n", name_of(probe),
         !small          ? ""
         : elements == 1 ? " has sets of one element"
                         : " has sets of two elements",
         ran ? found[left] : "", remedy);
    return NL_OK;
}

static int probe_numbers(struct nl_probe *probe, const struct settings *settings, const struct tensor_options *options)
{
    struct layout layout;
    struct nl_error err = {0};
    int sets, elements;
    if (!read_input(probe, settings, &layout))
        return EXIT_BAD_INPUT;
    if (settings->input && !settings->out)
        return bad_input(NULL, "norm --input needs --out DIR");
    if (nl_probe_partition(probe, &sets, &elements, &err))
        return bad_input(NULL, "%s", err.text);
    if (!read_parameters(probe, settings, options))
        return EXIT_BAD_INPUT;
    if (!settings->shape) {
        if ((settings->out && (!keeps_input(probe, &layout, settings, options) ||
                               !is_outside_trials("--out", settings->out) || !make_writable(settings->out))))
            return EXIT_BAD_INPUT;
        if (nl_probe_run(probe, &err))
            return fail("%s", err.text);
    }
    print_head(probe, sets, elements);
    if (settings->values)
        print_found(probe);
    if (warn_of_loss(probe, sets, elements, !settings->shape, &err))
        return fail("%s", err.text);
    if (settings->out && !settings->shape && write_found(probe, &layout, settings->out, &err))
        return fail("%s", err.text);
    return EXIT_DONE;
}

static void add_tensor_option(struct tensor_options *options, const char *name)
{
    for (int i = 0; i < options->count; i++)
        if (strcmp(options->name[i], name) == 0)
            return;
    NL_ASSERT(options->count < MOST_NAMES);
    int number = options->count++;
    snprintf(options->name[number], sizeof options->name[number], "%s", name);
    snprintf(options->option[number], sizeof options->option[number], "%s", name);
    for (char *at = options->option[number]; *at; at++)
        *at = *at == '_' ? '-' : *at;
}

static void add_tensor_options(struct tensor_options *options, const struct nl_config *config, bool of_weights)
{
    struct nl_probe probe = {.config = config, .samples = 2, .extent = {2, 2, 8}, .of_weights = of_weights};
    struct nl_error err;
    int status = nl_probe_declare(&probe, &err);
    NL_ASSERT(status == NL_OK);
    for (int i = 0; i < probe.tensors; i++)
        add_tensor_option(options, probe.tensor[i].name);
}

/* Finds the options of the tensors of all kinds, as layers of a few channels have them. */
static void find_tensor_options(struct tensor_options *options)
{
    struct nl_config config;
    nl_config_defaults(&config);
    for (config.norm.kind = 0; nl_norms[config.norm.kind]; config.norm.kind++)
        add_tensor_options(options, &config, false);
    config.norm.kind = 0;
    for (config.norm.weights = 1; nl_weight_norm_names[config.norm.weights]; config.norm.weights++)
        add_tensor_options(options, &config, true);
}

static bool read_settings(const struct command *self, int argc, char **argv, const struct tensor_options *tensors,
                          struct settings *out)
{
    struct option options[FIXED + MOST_NAMES + 1] = {{0}};
    memcpy(options, fixed_options, sizeof fixed_options);
    for (int i = 0; i < tensors->count; i++)
        options[FIXED + i] = (struct option){tensors->option[i], required_argument, NULL, TENSOR + i};
    *out = (struct settings){.device = "ref"};
    for (int option; (option = next_option(self, argc, argv, "o:", options)) != OPTION_END;)
        switch (option) {
        case VALUES: out->values = optarg; break;
        case INPUT: out->input = optarg; break;
        case SHAPE: out->shape = optarg; break;
        case GRAD: out->grad = optarg; break;
        case EVAL: out->eval = true; break;
        case DEVICE: out->device = optarg; break;
        case OUT: out->out = optarg; break;
        default:
            if (option < TENSOR)
                return false;
            out->tensor[option - TENSOR] = optarg;
        }
    return true;
}

static bool is_of_weights(const struct arguments *arguments)
{
    return !nl_norm_find(arguments->file);
}

static bool is_norm_kind(const char *word)
{
    const char *const *kind = norm_kinds();
    while (*kind && strcmp(*kind, word) != 0)
        kind++;
    return *kind != NULL;
}

/* The configuration that the words give: norm.kind and device.kind, and overrides of the norm section. */
static bool load_norm(const struct arguments *arguments, const char *device, struct nl_experiment *out)
{
    int index;
    if (!arguments->file) {
        misused(&command_norm, "norm needs the kind of a normalizer");
        return false;
    }
    if (!is_norm_kind(arguments->file)) {
        unknown_normalizer(arguments->file);
        return false;
    }
    if (!read_word("device", device, nl_device_names, &index))
        return false;
    const char **override = nl_alloc((size_t)arguments->overrides + 2, sizeof *override);
    char *kind = nl_format("norm.%s=%s", is_of_weights(arguments) ? "weights" : "kind", arguments->file),
         *place = nl_format("device.kind=%s", device);
    bool good = true;
    for (int i = 0; i < arguments->overrides && good; i++) {
        good = strncmp(arguments->override[i], "norm.", strlen("norm.")) == 0;
        if (!good)
            bad_input(NULL, "norm takes keys of the norm section only: '%s'", arguments->override[i]);
        override[i + 2] = arguments->override[i];
    }
    override[0] = kind;
    override[1] = place;
    good = good && load_experiment(NULL, override, arguments->overrides + 2, out);
    free(override);
    free(kind);
    free(place);
    if (!good)
        return false;
    struct nl_diagnostics diagnostics = {0};
    if (out->is_sweep) {
        bad_input(NULL, "norm takes one value for each key");
        return false;
    }
    nl_config_check(&out->config, out, &diagnostics);
    return !print_diagnostics(&diagnostics);
}

static int run(const struct command *self, int argc, char **argv)
{
    struct settings settings;
    struct tensor_options options = {0};
    struct arguments arguments;
    struct nl_experiment experiment;
    find_tensor_options(&options);
    if (!read_settings(self, argc, argv, &options, &settings) ||
        !sort_arguments(self, "normalizer", argc, argv, &arguments))
        return EXIT_BAD_INPUT;
    int code = EXIT_BAD_INPUT;
    if (load_norm(&arguments, settings.device, &experiment)) {
        struct nl_probe probe = {
            .config = &experiment.config, .eval = settings.eval, .of_weights = is_of_weights(&arguments)};
        code = probe_numbers(&probe, &settings, &options);
        free((void *)probe.x);
        free((void *)probe.dy);
        for (int i = 0; i < probe.tensors; i++)
            free((void *)probe.tensor[i].given);
        nl_probe_release(&probe);
    }
    free(arguments.override);
    return code;
}

const struct command command_norm = {
    .name = "norm",
    .summary = "apply one normalizer to given numbers: statistics, output, gradients",
    .usage =
        "usage: normlab norm KIND --values A,B,... [options] [norm.KEY=VALUE ...]\n"
        "       normlab norm KIND --input x.npy --out DIR [options] [norm.KEY=VALUE ...]\n"
        "       normlab norm KIND --shape N,H,W,C [norm.KEY=VALUE ...]\n"
        "\n"
        "Runs the normalizer KIND (`normlab norms` lists them) with the kernels that training uses, in training mode.\n"
        "\n"
        "--values are N samples of one channel for what normalizes over samples (bn), S positions of one channel for in, and one sample of C\n"
        "channels for the others. The statistics, xhat and y are printed. --input has shape N,C or N,H,W,C (float32 or float64). DIR gets, as\n"
        ".npy, float64 from ref and float32 from cpu: y dx, dNAME of each parameter NAME (dgamma dbeta), each state after the update\n"
        "(running_mean running_var), and, of what normalizes over sets, mean and var: an entry for each set, in order of samples, positions,\n"
        "channels. var is biased (for rms it is the mean of squares). With --eval, a normalizer with running statistics uses them as mean and\n"
        "var. --shape says how a tensor is split into sets, without any numbers. A warning tells of sets so small that other numbers give the same\n"
        "output.\n"
        "\n"
        "Of a normalizer of weights (wn ws sws cwn sn) x is the original weight of a layer, O,I or O,I,k,k, y the weight that the layer uses, and dw\n"
        "the gradient of the original; --values are the weights of one output.\n"
        "\n"
        "      --values A      x: numbers separated by commas\n"
        "      --input FILE    x: an .npy file\n"
        "      --shape DIMS    of x: N,C or N,H,W,C\n"
        "      --grad A        gradient of y: adds dx, and dNAME of each parameter\n"
        "      --NAME A        a parameter or a state, by name: --gamma --beta --running-mean --running-var --alpha ...\n"
        "                      A: numbers separated by commas (a single one for all), or an .npy file\n"
        "      --eval          evaluation: running statistics, where the normalizer has them\n"
        "      --device KIND   ref (float64; default), cpu (float32)\n"
        "  -o, --out DIR       folder for the arrays\n"
        "\n"
        "examples:\n"
        "  normlab norm ln --values 2,4,8,10 --gamma 2 --beta 1 norm.eps=0\n"
        "  normlab norm bn --shape 32,28,28,64\n"
        "  normlab norm gn --input x.npy --grad dy.npy --device cpu --out results/gn norm.groups=4\n",
    .run = run,
};
