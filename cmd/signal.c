#include "cmd.h"

static const char *const presets[] = {"train.steps=0", "log.layers=distributions,representations,propagation",
                                      "plot.kind=signal", "plot.step=auto", "sweep.question=signal"};
enum { PRESETS = sizeof presets / sizeof *presets, SEEDS = 5 };

static int run(const struct command *self, int argc, char **argv)
{
    return run_sweep(self, argc, argv,
                     &(struct sweep_presets){presets, PRESETS, .ending = "-signal", .seeds = SEEDS, .one_round = true});
}

const struct command command_signal = {
    .name = "signal",
    .summary = "how signals and gradients go through the layers of untrained networks",
    .usage =
        "usage: normlab signal FILE [KEY=VALUE[,VALUE...] ...] [--out DIR] [-j N] [options of sweep]\n"
        "\n"
        "Initializes every network of FILE's grid and measures, in double precision, on one training batch of each seed, layer by layer:\n"
        "the variance of the activations, the cosine between two samples, the norm of the gradient, and the mean squared singular value of\n"
        "the Jacobian from the input (of the whole batch, where statistics couple its samples; by ten random projections). Prints them with\n"
        "intervals over seeds (5, unless FILE or the command says), and by how much they change from layer to layer; draws four pictures\n"
        "over depth. Where all of them stay near one level, a network can be trained however deep it is.\n"
        "\n"
        "It is a sweep with train.steps=0, the groups of log.layers that it needs, and plot.kind=signal; all of these, and all options\n"
        "of normlab sweep, can be given: train.steps=100 looks after 100 steps. Rounds (sweep.tune, refine, until) are left out.\n"
        "\n"
        "  -o, --out DIR        results folder (default: results/NAME-signal)\n"
        "  -j, --jobs N         networks at a time (default: the number of cores)\n"
        "      --no-plot        draw no pictures\n"
        "\n"
        "examples:\n"
        "  normlab signal configs/mlp_digits.yaml model.depth=20 norm.kind=none,bn,ln\n"
        "  normlab signal configs/mlp_digits.yaml model.depth=50 norm.kind=none model.activation=tanh model.init_scale=0.9,1,1.1 --out results/scales\n"
        "  normlab signal experiments/gradients_depth.yaml sweep.seeds=8 --out results/deep\n",
    .run = run,
};
