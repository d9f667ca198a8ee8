#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/memory.h"
#include "cmd.h"

enum { OUT = 'o' };

static const struct option options[] = {{"out", required_argument, NULL, OUT}, {0}};

static int list(void)
{
    printf("%-14s %-12s %7s %7s %7s  %s\n", "name", "shape", "classes", "train", "test", "");
    for (int name = 0; nl_data_names[name]; name++) {
        struct nl_config config;
        nl_config_defaults(&config);
        config.data.name = name;
        struct nl_data_facts facts = nl_data_facts(&config);
        if (name == NL_NPY) { /* only the files know */
            printf("%-14s %-12s %7s %7s %7s  %s\n", nl_data_names[name], "-", "-", "-", "-", facts.title);
            continue;
        }
        char *shape = nl_format("%dx%dx%d", facts.shape.height, facts.shape.width, facts.shape.channels);
        printf("%-14s %-12s %7d %7d %7d  %s\n", nl_data_names[name], shape, facts.shape.classes, facts.train, facts.test, facts.title);
        free(shape);
    }
    return EXIT_DONE;
}

static int info(const struct nl_config *config)
{
    struct nl_data_facts facts = nl_data_facts(config);
    printf("%s: %s\n", nl_data_names[config->data.name], facts.title);
    printf("shape    %d x %d pixels, %d channel%s, %d classes\n", facts.shape.height, facts.shape.width, facts.shape.channels,
           facts.shape.channels == 1 ? "" : "s", facts.shape.classes);
    printf("samples  %d train, %d test\n", facts.train, facts.test);
    printf("source   %s\nlicence  %s\n", facts.source, facts.licence);
    if (config->data.name == NL_NPY)
        printf("files    %s\n", facts.files);
    else if (*facts.files)
        printf("files    %s in data.dir, or in $NORMLAB_DATA/%s\n", facts.files, nl_data_names[config->data.name]);
    return EXIT_DONE;
}

static int export(const struct nl_config *config, const char *folder)
{
    struct nl_error err = {0};
    struct nl_split view;
    struct nl_dataset *dataset = nl_dataset_open(config, &err);
    if (!dataset || nl_split_make(dataset, config, &view, &err)) {
        nl_dataset_free(dataset);
        return bad_input(NULL, "%s", err.text);
    }
    int status = nl_make_folders(folder, &err);
    if (status == NL_OK)
        status = nl_data_export(&view, folder, &err);
    if (status == NL_OK)
        printf("%s: %d train, %d val, %d test samples as .npy in %s\n", dataset->name, view.train_count, view.val_count,
               view.test_count, folder);
    nl_split_release(&view);
    nl_dataset_free(dataset);
    return status == NL_OK ? EXIT_DONE : fail("%s", err.text);
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
    struct nl_diagnostics diagnostics = {0};
    if (out->is_sweep) {
        bad_input(NULL, "data takes one value for each key");
        return false;
    }
    nl_data_check(&out->config, out, &diagnostics);
    return !print_diagnostics(&diagnostics);
}

static bool is_name(const char *word)
{
    for (int name = 0; nl_data_names[name]; name++)
        if (strcmp(word, nl_data_names[name]) == 0)
            return true;
    return false;
}

static int run(const struct command *self, int argc, char **argv)
{
    static const char *const verbs[] = {"list", "info", "export", NULL};
    const char *out = NULL;
    for (int option; (option = next_option(self, argc, argv, "o:", options)) != OPTION_END;) {
        if (option != OUT)
            return EXIT_BAD_INPUT;
        out = optarg;
    }
    const char *verb = optind < argc ? argv[optind++] : NULL;
    if (!verb)
        return bad_input("normlab data --help shows how it is called", "data needs one of list, info, export");
    bool is_list = strcmp(verb, "list") == 0, is_export = strcmp(verb, "export") == 0;
    if (!is_list && !is_export && strcmp(verb, "info") != 0)
        return unknown_word("word behind data:", verb, verbs);
    if (is_list)
        return optind < argc ? bad_input(NULL, "data list takes nothing more: '%s'", argv[optind]) : list();

    struct arguments arguments;
    struct nl_experiment experiment;
    int code = EXIT_BAD_INPUT;
    if (!sort_arguments(self, "data set", argc, argv, &arguments))
        return EXIT_BAD_INPUT;
    if (!arguments.file)
        bad_input("normlab data list names them", "data %s needs the name of a data set", verb);
    else if (!is_name(arguments.file))
        unknown_word("data set", arguments.file, nl_data_names);
    else if (is_export && !out)
        bad_input(NULL, "data export needs --out DIR");
    else if (load_data(arguments.file, &arguments, &experiment))
        code = is_export ? export(&experiment.config, out) : info(&experiment.config);
    free(arguments.override);
    return code;
}

const struct command command_data = {
    .name = "data",
    .summary = "list the data sets, describe one, export one as .npy",
    .usage = "usage: normlab data list\n"
             "       normlab data info NAME [KEY=VALUE ...]\n"
             "       normlab data export NAME --out DIR [KEY=VALUE ...]\n"
             "\n"
             "list prints the data sets with their shapes and sizes; info says where one comes from, its licence and the files it needs.\n"
             "export writes the arrays as the trainer sees them: PART_x.npy (float32; samples, height, width, channels;\n"
             "standardized), PART_y.npy (labels) and PART_index.npy (places in the whole set) for train, val and test. The split\n"
             "is that of train.seed, the sizes those of data.train, data.val and data.test.\n"
             "\n"
             "  -o, --out DIR    folder for the arrays\n"
             "\n"
             "examples:\n"
             "  normlab data list\n"
             "  normlab data info mnist\n"
             "  normlab data export digits --out results/digits train.seed=3 data.val=200\n",
    .run = run,
};
