/* What single keys of a transformer cannot say, and where its keys' words do not belong. */
#include "config/check.h"
#include "config/network.h"

static bool is_of_transformer(enum nl_placement placement)
{
    return placement >= NL_PRE;
}

/* What belongs to transformers alone. */
static void check_other(const struct nl_config *config, const struct nl_experiment *experiment,
                        struct nl_diagnostics *diagnostics)
{
    const char *arch = nl_arch_names[config->model.arch];
    if (is_of_transformer(nl_placement_of(config)))
        nl_complain(diagnostics, experiment, "norm.placement",
                    "'norm.placement' %s is for 'model.arch' transformer; for %s it is %s",
                    nl_placement_names[config->norm.placement], arch,
                    config->model.arch == NL_RESNET  ? "before or preact"
                    : nl_config_is_recurrent(config) ? "auto"
                                                     : "before or after");
    if (config->model.init == NL_GPT2 || config->model.init == NL_TFIXUP)
        nl_complain(diagnostics, experiment, "model.init",
                    "'model.init' %s is for 'model.arch' transformer: write he, xavier or normal",
                    nl_init_names[config->model.init]);
}

void nl_check_transformer(const struct nl_config *config, const struct nl_experiment *experiment,
                          struct nl_diagnostics *diagnostics)
{
    enum nl_placement placement = nl_placement_of(config);
    if (config->model.arch != NL_TRANSFORMER) {
        check_other(config, experiment, diagnostics);
        return;
    }
    if (!is_of_transformer(placement))
        nl_complain(
            diagnostics, experiment, "norm.placement",
            "'norm.placement' cannot be '%s' with 'model.arch' transformer: pre, post, peri, sandwich or deepnorm",
            nl_placement_names[placement]);
    else if (config->model.parallel && placement != NL_PRE)
        nl_complain(
            diagnostics, experiment, "model.parallel",
            "'model.parallel' has one normalizer in front of both branches: it needs 'norm.placement' pre, not %s",
            nl_placement_names[placement]);
    else if (config->norm.depth_scale && placement != NL_PRE)
        nl_complain(diagnostics, experiment, "norm.depth_scale",
                    "'norm.depth_scale' scales what branches begin with: it needs 'norm.placement' pre, not %s",
                    nl_placement_names[placement]);
    if (config->model.residual > NL_SKIPINIT)
        nl_complain(diagnostics, experiment, "model.residual",
                    "'model.residual' %s is for 'model.arch' resnet; for a transformer it is plain or skipinit",
                    nl_residual_names[config->model.residual]);
    if (placement == NL_DEEPNORM && config->model.init == NL_TFIXUP)
        nl_complain(diagnostics, experiment, "model.init",
                    "'model.init' tfixup and 'norm.placement' deepnorm both say how large weights start");
}
