/* Starter files: what `normlab init` writes is what a newcomer reads first, so each is short, commented and runs in
 * seconds. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/memory.h"
#include "cmd.h"

enum { FORCE = 'f' };

static const struct option options[] = {{"force", no_argument, NULL, FORCE}, {0}};

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
     "  kind: [small_batch]\n"
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

static int write_starter(const struct starter *starter, const char *path, bool force)
{
    if (strcmp(path, "-") == 0) {
        fputs(starter->text, stdout);
        return EXIT_DONE;
    }
    if (!force && nl_file_exists(path))
        return bad_input("--force overwrites it; or name another file after the kind", "'%s' exists already", path);
    if (!can_be_written(path))
        return EXIT_BAD_INPUT;
    struct nl_error err;
    if (nl_output_write(path, starter->text, strlen(starter->text), &err))
        return fail("%s", err.text);
    char *quoted = quote_words(1, &path);
    if (!output.quiet)
        tell(stdout, "wrote %s\n  normlab check %s\n  normlab %s %s\n", path, quoted, starter->verb, quoted);
    free(quoted);
    return EXIT_DONE;
}

static int run(const struct command *self, int argc, char **argv)
{
    bool force = false;
    for (int option; (option = next_option(self, argc, argv, "f", options)) != OPTION_END;) {
        if (option != FORCE)
            return EXIT_BAD_INPUT;
        force = true;
    }
    const struct starter *starter = &starters[0];
    if (optind < argc) {
        starter = find_starter(argv[optind]);
        if (!starter)
            return unknown_starter(argv[optind]);
        optind++;
    }
    const char *given = optind < argc ? argv[optind++] : NULL;
    if (optind < argc)
        return bad_input(NULL, "init writes one file: '%s' is one too many", argv[optind]);
    char *path = given ? nl_strdup(given) : nl_format("%s.yaml", starter->name);
    int code = write_starter(starter, path, force);
    free(path);
    return code;
}

const struct command command_init = {
    .name = "init",
    .summary = "write a commented configuration to start from",
    .usage =
        "usage: normlab init [single | small-batch | rate-tolerance] [FILE] [--force]\n"
        "\n"
        "Writes a short, commented configuration that runs in seconds on the built-in digits: one training (single, the default), or a\n"
        "sweep that answers a question (small-batch, rate-tolerance). FILE is KIND.yaml by default; - writes to stdout.\n"
        "\n"
        "  -f, --force      overwrite an existing file\n"
        "\n"
        "examples:\n"
        "  normlab init\n"
        "  normlab init small-batch my.yaml && normlab sweep my.yaml\n"
        "  normlab init rate-tolerance - | less\n",
    .run = run,
};
