#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/memory.h"
#include "cmd.h"
#include "fetch/fetch.h"
#include "operand.h"
#include "saved.h"

enum { OUT = 'o', DIR = 'd', MIRROR = 'm', MANIFEST = 1, TIMEOUT };

static const struct option options[] = {
    {"out", required_argument, NULL, OUT},
    {"dir", required_argument, NULL, DIR},
    {"mirror", required_argument, NULL, MIRROR},
    {"manifest", required_argument, NULL, MANIFEST},
    {"timeout", required_argument, NULL, TIMEOUT},
    {0},
};

static const double usual_patience = 30; /* seconds */

/* What the options say; NULL: not given. */
struct how {
    const char *out;
    const char *dir, *mirror, *manifest, *timeout;
};

static int list(void)
{
    printf("%-14s %-12s %7s %7s %7s  %s\n", "name", "shape", "classes", "train", "test", "");
    for (int name = 0; nl_data_names[name]; name++) {
        struct nl_config config;
        nl_config_defaults(&config);
        config.data.name = name;
        struct nl_data_facts facts = nl_data_facts(&config);
        if (nl_data_is_own(&config)) { /* only the files know */
            printf("%-14s %-12s %7s %7s %7s  %s\n", nl_data_names[name], "-", "-", "-", "-", facts.title);
            continue;
        }
        char *shape = facts.shape.width > 1
                          ? nl_format("%dx%dx%d", facts.shape.height, facts.shape.width, facts.shape.channels)
                          : nl_format("%dx%d", facts.shape.height, facts.shape.channels);
        printf("%-14s %-12s %7d %7d %7d  %s\n", nl_data_names[name], shape, facts.shape.classes, facts.train,
               facts.test, facts.title);
        free(shape);
    }
    return EXIT_DONE;
}

static void info_of_text(const struct nl_config *config, const struct nl_data_facts *facts)
{
    int context = (int)config->data.context;
    int64_t used =
        ((int64_t)facts->train + facts->test) * context + 2; /* after the last window of each part, its last label */
    printf("shape    windows of %s, %d different ones; the label at each is the next\n", NL_COUNT(context, "token"),
           facts->shape.vocabulary);
    printf("samples  %s side by side train, %d test; %lld of the %s are left over after them\n",
           NL_COUNT(facts->train, "window"), facts->test, (long long)(facts->tokens - used),
           NL_COUNT(facts->tokens, "token"));
}

static void print_shape(const struct nl_shape *shape)
{
    static const char *const targets[] = {[NL_TARGET_CLASS] = "a class",
                                          [NL_TARGET_EACH] = "a class at each position",
                                          [NL_TARGET_REAL] = "a real number"};
    if (shape->width > 1 || shape->height == 1)
        printf("shape    %d x %d pixels, %s, %s\n", shape->height, shape->width, NL_COUNT(shape->channels, "channel"),
               NL_COUNT(shape->classes, "class"));
    else if (shape->vocabulary)
        printf("shape    %s, %d different ones", NL_COUNT(shape->height, "token"), shape->vocabulary);
    else
        printf("shape    %s, %s", NL_COUNT(shape->height, "position"), NL_COUNT(shape->channels, "channel"));
    if (shape->width == 1 && shape->height > 1) {
        printf("; %s", targets[shape->target]);
        if (shape->target != NL_TARGET_REAL)
            printf(" of %d", shape->classes);
        puts(shape->lengths ? "; lengths differ" : "");
    }
}

static int info(const struct nl_config *config)
{
    struct nl_data_facts facts = nl_data_facts(config);
    printf("%s: %s\n", nl_data_names[config->data.name], facts.title);
    if (facts.tokens > 0) {
        info_of_text(config, &facts);
    } else {
        print_shape(&facts.shape);
        printf("samples  %d train, %d test\n", facts.train, facts.test);
    }
    printf("source   %s\nlicence  %s\n", facts.source, facts.licence);
    if (nl_data_is_own(config))
        printf("files    %s\n", facts.files);
    else if (*facts.files)
        printf("files    %s in data.dir, or in $NORMLAB_DATA/%s; normlab data fetch %s gets them\n", facts.files,
               nl_data_names[config->data.name], nl_data_names[config->data.name]);
    return EXIT_DONE;
}

/* Whether none of the user's own arrays is written over; false: the message was printed. */
static bool keeps_sources(const struct nl_config *config, const char *folder)
{
    enum { WRITTEN = 12, COUNT = NL_DATA_FILES + WRITTEN };
    static const char *const name[WRITTEN] = {"train_x.npy", "train_y.npy", "train_index.npy", "train_lengths.npy",
                                              "val_x.npy",   "val_y.npy",   "val_index.npy",   "val_lengths.npy",
                                              "test_x.npy",  "test_y.npy",  "test_index.npy",  "test_lengths.npy"};
    struct used_file place[COUNT];
    char *path[COUNT];
    nl_data_files(config, path);
    for (int i = 0; i < COUNT; i++) {
        bool written = i >= NL_DATA_FILES;
        if (written)
            path[i] = nl_path_join(folder, name[i - NL_DATA_FILES]);
        place[i] = (struct used_file){written ? "--out" : "data", path[i], written};
    }
    bool apart = are_apart(place, COUNT);
    for (int i = 0; i < COUNT; i++)
        free(path[i]);
    return apart;
}

/* Whether the values of the data section fit one another; false: the problems were printed. */
static bool check_data(struct nl_experiment *experiment)
{
    struct nl_diagnostics diagnostics = {0};
    nl_data_check(&experiment->config, experiment, &diagnostics);
    return !print_diagnostics(&diagnostics);
}

/* The data section that name and overrides give; false: the problems were printed. */
static bool load_data(const char *name, const struct arguments *arguments, struct nl_experiment *out)
{
    const char **override = nl_alloc((size_t)arguments->overrides + 1, sizeof *override);
    char *named = nl_format("data.name=%s", name);
    override[0] = named;
    for (int i = 0; i < arguments->overrides; i++)
        override[i + 1] = arguments->override[i];
    bool good = load_experiment(NULL, override, arguments->overrides + 1, out);
    free(override);
    free(named);
    if (!good)
        return false;
    if (out->is_sweep) {
        bad_input(NULL, "data takes one value for each key");
        return false;
    }
    return check_data(out);
}

/* ---- export ---- */

static bool is_data_set(const char *word)
{
    int name = 0;
    while (nl_data_names[name] && strcmp(nl_data_names[name], word) != 0)
        name++;
    return nl_data_names[name] != NULL;
}

static bool is_model(const char *word)
{
    const char *ending = strrchr(word, '.');
    return ending && strcmp(ending, ".safetensors") == 0;
}

static bool is_configuration(const char *word)
{
    char *path = find_configuration(word);
    bool found = is_yaml(word) || strchr(word, ':') || nl_file_exists(path);
    free(path);
    return found;
}

/* model: NULL, or the network at this path, which was trained on the data. */
static int export(const struct nl_config *config, const char *path, const struct nl_tensor_file *model,
                  const char *folder)
{
    struct nl_error err = {0};
    struct nl_split view;
    struct nl_dataset *dataset = nl_dataset_open(config, &err);
    if (!dataset || nl_split_make(dataset, config, &view, &err)) {
        nl_dataset_free(dataset);
        return bad_input(NULL, "%s", err.text);
    }
    int code = EXIT_BAD_INPUT;
    bool right = !model || is_trained_on(path, model, dataset, "data.dir and data.file say where its own are");
    if (right && keeps_sources(config, folder) && is_outside_trials("--out", folder) && make_writable(folder))
        code = nl_data_export(&view, folder, &err) ? fail("%s", err.text) : EXIT_DONE;
    if (code == EXIT_DONE && model)
        warn_of_another_split(model, config, "the arrays are not those of that run");
    if (code == EXIT_DONE && !output.quiet)
        tell(stdout, "%s: %d train, %d val, %s as .npy in %s\n", dataset->name, view.train_count, view.val_count,
             NL_COUNT(view.test_count, "test sample"), folder);
    nl_split_release(&view);
    nl_dataset_free(dataset);
    return code;
}

static int export_of_model(const struct arguments *arguments, const char *folder)
{
    struct nl_tensor_file file;
    struct nl_experiment experiment;
    int code = EXIT_BAD_INPUT;
    if (!read_saved(arguments->file, &file))
        return EXIT_BAD_INPUT;
    if (load_saved(NULL, arguments, &file, "data export writes the arrays of", &experiment) && check_data(&experiment))
        code = export(&experiment.config, arguments->file, &file, folder);
    nl_safetensors_release(&file);
    return code;
}

static int export_of_configuration(const struct arguments *arguments, const char *folder)
{
    struct nl_experiment experiment;
    if (!load_file_or_trial(arguments, &experiment))
        return EXIT_BAD_INPUT;
    if (experiment.is_sweep) {
        char *varies = what_varies(&experiment);
        bad_input("an axis is fixed by giving its key one value, KEY=VALUE; one trial of results is RESULTS:N",
                  "data export writes the arrays of one run, and '%s' is a sweep: %s", arguments->file, varies);
        free(varies);
        return EXIT_BAD_INPUT;
    }
    return check_data(&experiment) ? export(&experiment.config, NULL, NULL, folder) : EXIT_BAD_INPUT;
}

/* The data sets' files as published, or as the options say; false: the message was printed. */
static bool choose_remote(const char *name, const struct how *how, struct remote_set *out)
{
    const struct remote_set *set = find_remote_set(name);
    const char *mirror = how->mirror ? how->mirror : getenv("NORMLAB_MIRROR");
    struct nl_error err;
    if (!set) {
        bad_input("data fetch knows mnist, fashion_mnist, cifar10 and cifar100", "there is nothing to fetch for '%s'",
                  name);
        return false;
    }
    *out = *set;
    if ((mirror && *mirror && use_mirrors(mirror, out, &err)) ||
        (how->manifest && read_manifest(how->manifest, out, &err))) {
        bad_input(NULL, "%s", err.text);
        return false;
    }
    return true;
}

static int get(const char *name, const struct how *how)
{
    struct remote_set set;
    struct nl_error err = {0};
    double patience = usual_patience;
    if (!choose_remote(name, how, &set) || (how->timeout && !read_duration("--timeout", how->timeout, &patience)))
        return EXIT_BAD_INPUT;
    char *folder = how->dir ? nl_strdup(how->dir) : nl_data_folder(name, &err);
    if (!folder)
        return bad_input(NULL, "%s", err.text);
    catch_interrupts();
    int fetched, code = EXIT_DONE;
    bool got = fetch(&set, folder, patience, &fetched, &err) == NL_OK;
    if (got && output.quiet)
        ; /* nothing to say */
    else if (got)
        tell(stdout, "%s: %s, SHA-256 right, in %s\n", name, fetched ? "fetched" : "already there", folder);
    else if (interrupted)
        code = stopped(EXIT_INTERRUPTED, "stopped; to resume:");
    else
        code = fail("%s", err.text);
    free(folder);
    return code;
}

/* Options of another word after data; false: the message was printed. */
static bool fits(const struct command *self, const char *verb, const struct how *how)
{
    bool is_fetch = strcmp(verb, "fetch") == 0, is_export = strcmp(verb, "export") == 0;
    const char *wrong = !is_fetch && how->dir        ? "--dir"
                        : !is_fetch && how->mirror   ? "--mirror"
                        : !is_fetch && how->manifest ? "--manifest"
                        : !is_fetch && how->timeout  ? "--timeout"
                        : !is_export && how->out     ? "--out"
                                                     : NULL;
    if (wrong)
        misused(self, "data %s takes no option '%s'", verb, wrong);
    return !wrong;
}

static bool read_options(const struct command *self, int argc, char **argv, struct how *how)
{
    for (int option; (option = next_option(self, argc, argv, "o:d:m:", options)) != OPTION_END;)
        switch (option) {
        case OUT: how->out = optarg; break;
        case DIR: how->dir = optarg; break;
        case MIRROR: how->mirror = optarg; break;
        case MANIFEST: how->manifest = optarg; break;
        case TIMEOUT: how->timeout = optarg; break;
        default: return false;
        }
    return true;
}

static int run(const struct command *self, int argc, char **argv)
{
    static const char *const verbs[] = {"list", "info", "fetch", "export", NULL};
    struct how how = {0};
    if (!read_options(self, argc, argv, &how))
        return EXIT_BAD_INPUT;
    const char *verb = optind < argc ? argv[optind++] : NULL;
    if (!verb)
        return misused(self, "data needs one of list, info, fetch, export");
    bool is_list = strcmp(verb, "list") == 0, is_fetch = strcmp(verb, "fetch") == 0,
         is_export = strcmp(verb, "export") == 0;
    if (!is_list && !is_fetch && !is_export && strcmp(verb, "info") != 0)
        return unknown_word("word after data:", verb, verbs);
    if (!fits(self, verb, &how))
        return EXIT_BAD_INPUT;
    if (is_list)
        return optind < argc ? bad_input(NULL, "data list takes nothing more: '%s'", argv[optind]) : list();

    struct arguments arguments;
    struct nl_experiment experiment;
    int code = EXIT_BAD_INPUT, name;
    if (!sort_arguments(self, "data set", argc, argv, &arguments))
        return EXIT_BAD_INPUT;
    if (!arguments.file)
        bad_input("normlab data list names them", "data %s needs the name of a data set", verb);
    else if (is_export && !how.out)
        bad_input(NULL, "data export needs --out DIR");
    else if (is_export && is_model(arguments.file))
        code = export_of_model(&arguments, how.out);
    else if (is_export && !is_data_set(arguments.file) && is_configuration(arguments.file))
        code = export_of_configuration(&arguments, how.out);
    else if (!read_word("data set", arguments.file, nl_data_names, &name))
        ; /* said */
    else if (is_fetch && arguments.overrides)
        bad_input("--dir names the folder", "data fetch takes no KEY=VALUE: '%s'", arguments.override[0]);
    else if (is_fetch)
        code = get(arguments.file, &how);
    else if (load_data(arguments.file, &arguments, &experiment))
        code = is_export ? export(&experiment.config, NULL, NULL, how.out) : info(&experiment.config);
    free(arguments.override);
    return code;
}

const struct command command_data = {
    .name = "data",
    .summary = "list data sets; describe, download or export one",
    .usage =
        "usage: normlab data list\n"
        "       normlab data info NAME [KEY=VALUE ...]\n"
        "       normlab data fetch NAME [--dir DIR] [--mirror URL]\n"
        "       normlab data export NAME|FILE|RESULTS:N|MODEL.safetensors --out DIR [KEY=VALUE ...]\n"
        "\n"
        "list prints the data sets with their shapes and sizes. info says where a data set comes from, its licence, and the files it needs.\n"
        "\n"
        "fetch downloads mnist, fashion_mnist, cifar10 or cifar100 to where training looks for it: $NORMLAB_DATA/NAME, or else\n"
        "normlab/NAME in $XDG_DATA_HOME (~/.local/share). Every file is checked by its SHA-256. Files that are there and correct are not\n"
        "downloaded again. After Ctrl-C or a broken connection the same command resumes the download. Proxies are those of curl\n"
        "(https_proxy, no_proxy).\n"
        "\n"
        "  -d, --dir DIR        another folder, for data.dir\n"
        "  -m, --mirror URL     from URL/NAME/FILE instead of the known servers; several, separated by blanks, are tried in turn\n"
        "                       (default: NORMLAB_MIRROR)\n"
        "      --manifest FILE  list of files in place of the published one: lines \"SHA-256 BYTES FILE\"\n"
        "      --timeout TIME   give up on a server that sends nothing for this long (default: 30s)\n"
        "\n"
        "export writes the arrays as the trainer sees them, for each PART of train, val and test: PART_x.npy (float32, standardized;\n"
        "samples, height, width, channels; or token ids), PART_y.npy (labels), PART_lengths.npy (of sequences) and PART_index.npy (index\n"
        "of each sample in the whole set; of a text, the token that the window begins with). The split is that of train.seed. The\n"
        "sizes are data.train, data.val and data.test. NAME is a data set; of a configuration, of trial N of results and of a network\n"
        "that `normlab run --save-final` wrote, the arrays are those of that run: its part of the data, standardized as it was, with its\n"
        "labels. Before augmentation (data.pad, data.flip), which differs from step to step.\n"
        "\n"
        "  -o, --out DIR        folder for the arrays\n"
        "\n"
        "examples:\n"
        "  normlab data list\n"
        "  normlab data info mnist\n"
        "  normlab data fetch mnist && normlab run configs/mlp_mnist.yaml\n"
        "  normlab data export digits --out results/digits train.seed=3 data.val=200\n"
        "  normlab run configs/mlp_digits.yaml --save-final model.safetensors && normlab data export model.safetensors --out arrays\n",
    .run = run,
};
