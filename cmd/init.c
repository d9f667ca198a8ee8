/* Starter files: what `normlab init` writes is what a newcomer reads first, so each is short, commented and runs in
 * seconds. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/memory.h"
#include "cmd.h"
#include "config/translate.h"
#include "norm/norm.h"

enum { FORCE = 'f', FROM = 256 };

static const struct option options[] = {
    {"force", no_argument, NULL, FORCE}, {"from", required_argument, NULL, FROM}, {0}};

#define EDITOR                                                                                                \
    "# yaml-language-server: $schema=normlab.schema.json\n"                                                   \
    "# (`normlab schema > normlab.schema.json` beside this file: the editor then completes keys and checks values)\n" \
    "\n"

static const struct starter {
    const char *name, *verb, *text; /* verb: the command that runs it */
} starters[] = {
    {"single", "run",
     EDITOR
     "# One training: a fully connected network with batch normalization on the 8 x 8 digits that the program carries.\n"
     "# `normlab keys` documents every key; what is not written here has its default (`normlab show FILE` prints all).\n"
     "\n"
     "data:\n"
     "  name: digits          # synth, mnist, fashion_mnist, cifar10, cifar100\n"
     "\n"
     "model:\n"
     "  arch: mlp             # cnn, resnet\n"
     "  depth: 3              # hidden layers, each linear, normalizer, activation\n"
     "  width: 64\n"
     "  activation: relu\n"
     "\n"
     "norm:\n"
     "  kind: bn              # ln, gn, in, rms, none\n"
     "  momentum: 0.1         # bn: weight of the batch in the running statistics\n"
     "\n"
     "train:\n"
     "  batch: 32\n"
     "  lr: 0.05\n"
     "  momentum: 0.9\n"
     "  schedule: cosine\n"
     "  epochs: 10\n"
     "  seed: 1               # of weights, order and split: the same for every normalizer\n"},
    {"small-batch", "sweep",
     EDITOR
     "# Does batch normalization degrade at small batches, where group and layer normalization do not?\n"
     "#\n"
     "# The same network with each normalizer at each batch size, with the same seeds, so that differences are paired. The learning\n"
     "# rate scales with the batch: otherwise every method changes with it, normalizer or not.\n"
     "\n"
     "data: {name: digits}\n"
     "model: {arch: mlp, depth: 3, width: 64, activation: relu}\n"
     "\n"
     "norm:\n"
     "  eval: [running, precise, batch]  # bn is evaluated with running, precise and each batch's statistics\n"
     "\n"
     "train:\n"
     "  momentum: 0.9\n"
     "  schedule: cosine\n"
     "  epochs: 5\n"
     "  lr: 0.05              # at batch 32 ...\n"
     "  lr_base_batch: 32\n"
     "  lr_scale: linear      # ... and in proportion at others\n"
     "\n"
     "sweep:\n"
     "  grid:                 # every combination, times the seeds: 4 x 4 x 8 = 128 trainings\n"
     "    norm.kind: [bn, gn, ln, none]\n"
     "    train.batch: [32, 8, 4, 2]\n"
     "  seeds: 8              # pairs: fewer than 5 give no verdict\n"
     "  baseline: {norm.kind: none}\n"
     "  question: small_batch # what the answer is about\n"
     "\n"
     "# Decide before the first run: what is measured, and the smallest difference that counts.\n"
     "plot:\n"
     "  kind: [small_batch, curves]\n"
     "  metric: test_error\n"
     "  min_effect: 2         # points: less is no degradation, even if it is not chance\n"
     "  margin: 1.5           # points: within them a method counts as flat\n"},
    {"rate-tolerance", "sweep",
     EDITOR
     "# How much higher a learning rate does a network tolerate with a normalizer than without?\n"
     "#\n"
     "# Plain SGD without momentum, a deep network, rates over three decades. A rate is usable for a seed where the run does not fail and\n"
     "# its training accuracy is close to the method's best; the answer is the ratio to no normalizer, seed by seed.\n"
     "\n"
     "data: {name: digits}\n"
     "model: {arch: mlp, depth: 6, width: 64, activation: relu}\n"
     "\n"
     "train:\n"
     "  batch: 64\n"
     "  momentum: 0\n"
     "  schedule: cosine\n"
     "  epochs: 10\n"
     "\n"
     "sweep:\n"
     "  grid:                 # every combination, times the seeds: 4 x 7 x 8 = 224 trainings\n"
     "    norm.kind: [none, bn, ln, gn]\n"
     "    train.lr: 1e-2:10:log:7  # 7 rates from 0.01 to 10, evenly on the log scale: the finer, the narrower the intervals\n"
     "  seeds: 8\n"
     "  baseline: {norm.kind: none}\n"
     "  question: lr_tolerance\n"
     "\n"
     "plot:\n"
     "  kind: [lr_tolerance, curves]\n"
     "  metric: train_error\n"
     "  min_effect: 3         # a ratio of rates: less is no higher tolerance\n"},
};
enum { STARTERS = sizeof starters / sizeof *starters };

static const struct starter *find_starter(const char *word)
{
    for (int i = 0; i < STARTERS; i++)
        if (strcmp(starters[i].name, word) == 0)
            return &starters[i];
    return NULL;
}

static int unknown_starter(const char *word)
{
    const char *names[STARTERS + 1] = {NULL};
    for (int i = 0; i < STARTERS; i++)
        names[i] = starters[i].name;
    return unknown_word("kind of file", word, names);
}

/* verb: the command that runs it. */
static int write_text(const char *text, const char *verb, const char *path, bool force)
{
    if (strcmp(path, "-") == 0) {
        fputs(text, stdout);
        return EXIT_DONE;
    }
    if (!force && nl_file_exists(path))
        return bad_input("--force overwrites it; or name another file", "'%s' exists already", path);
    if (!can_be_written(path))
        return EXIT_BAD_INPUT;
    struct nl_error err;
    if (nl_output_write(path, text, strlen(text), &err))
        return fail("%s", err.text);
    char *quoted = quote_words(1, &path);
    if (!output.quiet)
        tell(stdout, "wrote %s\n  normlab check %s\n  normlab %s %s\n", path, quoted, verb, quoted);
    free(quoted);
    return EXIT_DONE;
}

/* Whether what was written can be run; what cannot is said on stderr. */
static bool can_be_run(const char *path)
{
    struct nl_experiment experiment;
    struct plan plan;
    bool good = load_experiment(path, NULL, 0, &experiment);
    if (good) {
        good = plan_of(&experiment, &plan);
        release_plan(&plan);
    }
    return good;
}

/* "theirs.yaml" becomes theirs_normlab.yaml, in the current folder; new string. */
static char *translated_path(const char *from)
{
    const char *slash = strrchr(from, '/'), *name = slash ? slash + 1 : from, *dot = strrchr(name, '.');
    return nl_format("%.*s_normlab.yaml", dot && dot > name ? (int)(dot - name) : (int)strlen(name), name);
}

/* norm.name is what others call the kind of a normalizer; here it names a formula. */
static bool names_a_layer(const struct nl_config *config)
{
    return *config->norm.name && config->norm.kind != NL_NORM_formula;
}

static int translate(const char *from, const char *given, bool force)
{
    struct nl_node *root = NULL;
    struct nl_diagnostics diagnostics = {0};
    nl_yaml_read(from, NULL, &root, &diagnostics);
    if (print_diagnostics(&diagnostics))
        return EXIT_BAD_INPUT;
    if (!root || root->kind != NL_MAPPING)
        return bad_input("--from takes a YAML or JSON file of names and values", "'%s' holds no hyperparameters", from);
    struct nl_experiment experiment;
    if (!nl_foreign_kind(root) && nl_experiment_load(from, NULL, 0, &experiment, &diagnostics) == NL_OK &&
        !names_a_layer(&experiment.config))
        return bad_input(NULL, "'%s' is a configuration of normlab already", from);
    nl_diagnostics_release(&diagnostics);
    char *text = nl_foreign_translated(root, from), *path = given ? nl_strdup(given) : translated_path(from);
    int code = write_text(text, strstr(text, "\nsweep:") ? "sweep" : "run", path, force);
    if (code == EXIT_DONE && strcmp(path, "-") != 0 && !can_be_run(path))
        code = EXIT_BAD_INPUT;
    free(text);
    free(path);
    return code;
}

static int run(const struct command *self, int argc, char **argv)
{
    bool force = false;
    const char *from = NULL;
    for (int option; (option = next_option(self, argc, argv, "f", options)) != OPTION_END;) {
        if (option != FORCE && option != FROM)
            return EXIT_BAD_INPUT;
        force |= option == FORCE;
        from = option == FROM ? optarg : from;
    }
    const struct starter *starter = &starters[0];
    if (optind < argc && !from) {
        starter = find_starter(argv[optind]);
        if (!starter)
            return unknown_starter(argv[optind]);
        optind++;
    }
    const char *given = optind < argc ? argv[optind++] : NULL;
    if (optind < argc)
        return bad_input(NULL, "init writes one file: '%s' is one too many", argv[optind]);
    if (from)
        return translate(from, given, force);
    char *path = given ? nl_strdup(given) : nl_format("%s.yaml", starter->name);
    int code = write_text(starter->text, starter->verb, path, force);
    free(path);
    return code;
}

const struct command command_init = {
    .name = "init",
    .summary = "write a commented configuration to start from",
    .usage =
        "usage: normlab init [single | small-batch | rate-tolerance] [FILE] [--force]\n"
        "       normlab init --from THEIRS [FILE] [--force]\n"
        "\n"
        "Writes a short, commented configuration that runs in seconds on the built-in digits: one training (single, the default), or a\n"
        "sweep that answers a question (small-batch, rate-tolerance). FILE is KIND.yaml by default; - writes to stdout.\n"
        "\n"
        "--from translates hyperparameters that were written for another program: a sweep of Weights & Biases, a configuration of Hydra or\n"
        "Lightning, or any YAML or JSON file with the names that PyTorch's users give them. Behind each value stands what it was; what\n"
        "normlab lacks is left out, in comments with the reason; defaults of PyTorch that differ are written out. FILE is THEIRS_normlab.yaml\n"
        "by default. experiments/TRANSLATE.md has examples.\n"
        "\n"
        "  -f, --force      overwrite an existing file\n"
        "      --from THEIRS   the file to translate\n"
        "\n"
        "examples:\n"
        "  normlab init\n"
        "  normlab init small-batch my.yaml && normlab sweep my.yaml\n"
        "  normlab init rate-tolerance - | less\n"
        "  normlab init --from sweep.yaml mine.yaml && normlab check mine.yaml\n",
    .run = run,
};
