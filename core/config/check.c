/* What single keys cannot say: values that are legal alone and not together. Needs neither data nor model. */
#include "config/check.h"
#include "base/memory.h"
#include "config/layers.h"
#include "config/network.h"
#include "config/sweep.h"
#include "config/value.h"
#include "graph/observers.h"
#include "norm/norm.h"
#include "norm/weights.h"
#include "optimizer/optimizer.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

static void check_axis_end(const struct nl_experiment *experiment, const char *key, const char *text,
                           struct nl_diagnostics *diagnostics)
{
    double end;
    if (strcmp(text, "auto") != 0 && !(nl_number_read(text, &end) && isfinite(end) && !nl_number_vanishes(text)))
        nl_complain(diagnostics, experiment, key, "'%s' must be a number or 'auto', not '%.80s'", key, text);
}

static void check_axis(const struct nl_experiment *experiment, const char *low_key, const char *high_key,
                       const char *low_text, const char *high_text, struct nl_diagnostics *diagnostics)
{
    check_axis_end(experiment, low_key, low_text, diagnostics);
    check_axis_end(experiment, high_key, high_text, diagnostics);
    double low, high;
    if (nl_number_read(low_text, &low) && nl_number_read(high_text, &high) && !(low < high))
        nl_complain(diagnostics, experiment, high_key, "'%s' %s is not above '%s' %s", high_key, high_text, low_key,
                    low_text);
}

/* A logarithmic axis begins above 0, and bars begin at 0. */
static void check_log(const struct nl_experiment *experiment, const struct nl_config *config,
                      struct nl_diagnostics *diagnostics)
{
    const struct {
        const char *log, *end, *text;
        int is;
    } axes[] = {{"plot.xlog", "plot.xmin", config->plot.xmin, config->plot.xlog},
                {"plot.ylog", "plot.ymin", config->plot.ymin, config->plot.ylog}};
    double low;
    for (int i = 0; i < 2; i++)
        if (axes[i].is == NL_SWITCH_ON && nl_number_read(axes[i].text, &low) && !(low > 0))
            nl_complain(diagnostics, experiment, axes[i].end,
                        "'%s' %s is not above 0, where a logarithmic axis ('%s' on) begins", axes[i].end, axes[i].text,
                        axes[i].log);
    if (config->plot.ylog == NL_SWITCH_ON && config->plot.mark == NL_MARK_BARS)
        nl_complain(diagnostics, experiment, "plot.ylog",
                    "'plot.ylog' cannot be on with 'plot.mark' bars, which begin at 0");
}

/* A font's name gets into scripts and pictures, where other characters would end it. Letters that are not ASCII are
 * bytes from 128 on. */
static void check_font(const char *font, const struct nl_experiment *experiment, struct nl_diagnostics *diagnostics)
{
    for (const char *at = font; *at; at++)
        if ((unsigned char)*at < 128 && !isalnum((unsigned char)*at) && !strchr(" -._", *at)) {
            nl_complain(diagnostics, experiment, "plot.font",
                        "'plot.font' must be a font's name, of letters, digits, blanks, '-', '.' and '_', not '%s'",
                        font);
            return;
        }
}

/* What says the shape of the other networks, and the list that says this one's. A value whose line is not known came
 * with all others, from weights. */
static void check_layers(const struct nl_config *config, const struct nl_experiment *experiment,
                         struct nl_diagnostics *diagnostics)
{
    static const char *const shape[] = {"model.depth", "model.width", "model.pool"};
    bool listed = config->model.arch == NL_LAYERS;
    for (size_t i = 0; listed && i < sizeof shape / sizeof *shape; i++) {
        struct nl_origin at = nl_origin_of(experiment, shape[i]);
        if (at.kind == NL_FROM_COMMAND_LINE || (at.kind == NL_FROM_FILE && at.line > 0))
            nl_complain(diagnostics, experiment, shape[i],
                        "'%s' is not read with 'model.arch' layers: 'model.layers' says all of it", shape[i]);
    }
    if (listed && !config->model.layers->count)
        nl_complain(diagnostics, experiment, "model.arch",
                    "'model.arch' layers needs 'model.layers', the list of them");
    bool varies = nl_axis_with(experiment->axis, experiment->axes, nl_key_named("model.arch"), NULL);
    if (!listed && config->model.layers->count && !varies)
        nl_complain(diagnostics, experiment, "model.layers",
                    "'model.layers' is not read with 'model.arch' %s: write layers", nl_arch_names[config->model.arch]);
}

static void check_parts(const struct nl_config *config, const struct nl_experiment *experiment,
                        struct nl_diagnostics *diagnostics)
{
    struct nl_norm_setup setup = {0};
    struct nl_error err;
    const struct nl_key *sets = nl_key_named("norm.sets");
    if (!nl_key_applies(sets, config))
        return;
    if (nl_norm_sets_read(&config->norm.sets, &setup, &err))
        nl_complain(diagnostics, experiment, "norm.sets", "%s", err.text);
    else if (!nl_norm_by_parts((enum nl_norm_center)config->norm.center, (enum nl_norm_scale)config->norm.scale,
                               &setup))
        nl_complain(diagnostics, experiment, "norm.center",
                    "'norm.center' kept goes with 'norm.scale' std or max, not %s", nl_scale_names[config->norm.scale]);
}

/* What a batch cannot have that is computed in parts. */
static void check_accumulate(const struct nl_config *config, const struct nl_experiment *experiment,
                             struct nl_diagnostics *diagnostics)
{
    static const char *const key = "train.accumulate";
    if (config->train.accumulate == 1)
        return;
    if (config->train.batch % config->train.accumulate != 0)
        nl_complain(diagnostics, experiment, key,
                    "'%s' %lld does not divide 'train.batch' %lld, the samples of all micro-batches together", key,
                    (long long)config->train.accumulate, (long long)config->train.batch);
    for (int i = 0; nl_norms[i]; i++)
        if (nl_config_has_norm(config, i) && (nl_norms[i]->uses & (NL_USES_WINDOW | NL_USES_HISTORY)))
            nl_complain(diagnostics, experiment, key,
                        "'%s' cannot be combined with %s, which has one batch in each step to remember", key,
                        nl_norms[i]->name);
    if (nl_key_applies(nl_key_named("train.workers"), config))
        nl_complain(diagnostics, experiment, key, "'%s' and 'train.workers' both divide a batch: leave one at 1", key);
    if (nl_config_observes(config))
        nl_complain(diagnostics, experiment, key,
                    "'%s' cannot be combined with '%s', which shows tensors of a whole batch", key,
                    config->log.tensors.count > 0 ? "log.tensors" : "log.layers");
}

/* What has no Hessian, for its gradient takes something that the parameters change for a constant. */
static void check_curvature(const struct nl_config *config, const struct nl_experiment *experiment,
                            struct nl_diagnostics *diagnostics)
{
    const char *key = nl_observed_groups(config) & 1u << NL_OBSERVED_CURVATURE ? "log.layers" : "log.tensors";
    struct nl_text constant = {0};
    if (!nl_config_observes_curvature(config))
        return;
    for (int i = 0; nl_norms[i] && !constant.at; i++)
        if (nl_config_has_norm(config, i) && !nl_norm_has_hessian(nl_norms[i]))
            nl_text_add(&constant, "norm.kind %s", nl_norms[i]->name);
    if (!constant.at && nl_key_applies(nl_key_named("norm.detach"), config) && config->norm.detach)
        nl_text_add(&constant, "norm.detach");
    if (!constant.at && nl_key_applies(nl_key_named("norm.statistics"), config) &&
        config->norm.statistics == NL_OF_RUNNING)
        nl_text_add(&constant, "norm.statistics running");
    for (int i = 1; nl_weight_norm_names[i] && !constant.at; i++)
        if (nl_config_has_weight_norm(config, i) && nl_weight_norms[i]->measure == NL_WEIGHT_SPECTRAL)
            nl_text_add(&constant, "norm.weights %s", nl_weight_norms[i]->name);
    if (constant.at)
        nl_complain(diagnostics, experiment, key,
                    "'%s' cannot show the Hessian with %s, whose gradient takes for constants what parameters change",
                    key, constant.at);
    nl_text_release(&constant);
}

static void check_recurrent(const struct nl_config *config, const struct nl_experiment *experiment,
                            struct nl_diagnostics *diagnostics)
{
    const char *arch = nl_arch_names[config->model.arch];
    if (!nl_config_is_recurrent(config))
        return;
    if (nl_norm_of(config)->uses & NL_USES_WINDOW)
        nl_complain(diagnostics, experiment, "norm.kind",
                    "'norm.kind' %s keeps the batches of a layer, not those of each time of 'model.arch' %s",
                    nl_norm_of(config)->name, arch);
    if (nl_config_normalizes_weights(config) && config->norm.weights_init == NL_INIT_BY_DATA)
        nl_complain(diagnostics, experiment, "norm.weights_init",
                    "'norm.weights_init' data takes gains from the numbers of a layer, of which 'model.arch' %s has "
                    "others at each time",
                    arch);
}

static void check_stream(const struct nl_config *config, const struct nl_experiment *experiment,
                         struct nl_diagnostics *diagnostics)
{
    bool streams = nl_sampling_of(config) == NL_SAMPLE_STREAM,
         stateful = nl_config_is_recurrent(config) && config->model.stateful;
    if (streams && config->data.name != NL_TEXT && config->data.name != NL_NPY)
        nl_complain(diagnostics, experiment, "data.sampling",
                    "'data.sampling' stream goes through one long text: the samples of 'data.name' %s do not follow "
                    "one another",
                    nl_data_names[config->data.name]);
    if (streams && !config->train.drop_last)
        nl_complain(diagnostics, experiment, "train.drop_last",
                    "'data.sampling' stream needs whole batches: 'train.drop_last' true leaves the last one out");
    if (stateful && !streams)
        nl_complain(diagnostics, experiment, "model.stateful",
                    "'model.stateful' continues where the batch before ended: it needs 'data.sampling' stream");
    if (stateful && config->model.bidirectional)
        nl_complain(
            diagnostics, experiment, "model.stateful",
            "'model.stateful' cannot be combined with 'model.bidirectional', of which one direction begins at the end");
}

static void check_warmup(const struct nl_config *config, const struct nl_experiment *experiment,
                         struct nl_diagnostics *diagnostics)
{
    bool by_steps = config->train.warmup_steps > 0, by_epochs = config->train.warmup_epochs > 0;
    if (by_steps && by_epochs)
        nl_complain(
            diagnostics, experiment, "train.warmup_steps",
            "'train.warmup_steps' %lld and 'train.warmup_epochs' %g are two lengths of one warm-up: leave one at 0",
            (long long)config->train.warmup_steps, config->train.warmup_epochs);
    if (config->train.schedule == NL_INVERSE_SQRT && !by_steps && !by_epochs)
        nl_complain(diagnostics, experiment, "train.schedule",
                    "'train.schedule' inverse_sqrt falls from the end of a warm-up on: it needs 'train.warmup_steps' "
                    "or 'train.warmup_epochs'");
}

void nl_config_check(const struct nl_config *config, const struct nl_experiment *experiment,
                     struct nl_diagnostics *diagnostics)
{
    const struct nl_norm *norm = nl_norm_of(config);
    if (config->model.arch == NL_RESNET && (config->model.depth < 8 || config->model.depth % 6 != 2))
        nl_complain(diagnostics, experiment, "model.depth",
                    "'model.depth' %lld is not 6n + 2: a resnet has 8, 14, 20, 26, ... layers",
                    (long long)config->model.depth);
    if (config->model.arch == NL_RESNET && config->norm.placement == NL_AFTER)
        nl_complain(diagnostics, experiment, "norm.placement",
                    "'norm.placement' cannot be 'after' with 'model.arch' resnet: before or preact");
    if (config->model.arch == NL_RESNET && config->model.residual == NL_NF && config->norm.placement != NL_PREACT)
        nl_complain(diagnostics, experiment, "model.residual",
                    "'model.residual' nf needs 'norm.placement' preact: its branches begin with the activation");
    if (config->model.arch == NL_RESNET && config->model.residual == NL_FIXUP && nl_weight_norms[config->norm.weights])
        nl_complain(diagnostics, experiment, "model.residual",
                    "'model.residual' fixup says how large weights begin, and 'norm.weights' %s says so, too",
                    nl_weight_norm_names[config->norm.weights]);
    if (config->model.arch == NL_LAYERS && config->model.residual > NL_SKIPINIT)
        nl_complain(diagnostics, experiment, "model.residual",
                    "'model.residual' %s is for 'model.arch' resnet; in 'model.layers' a branch is plain or skipinit",
                    nl_residual_names[config->model.residual]);
    if (config->model.arch != NL_RESNET && config->model.arch != NL_TRANSFORMER && config->norm.placement == NL_PREACT)
        nl_complain(diagnostics, experiment, "norm.placement",
                    "'norm.placement' cannot be 'preact' without 'model.arch' resnet: before or after");
    if (config->model.arch != NL_LAYERS && config->norm.placement == NL_AFTER && nl_config_norm_activates(config))
        nl_complain(diagnostics, experiment, "norm.placement", "%s", NL_TLU_IS_BEFORE);
    if (config->norm.affine == NL_AFFINE_ELEMENT && nl_norm_affine_is_of_channel(norm))
        nl_complain(diagnostics, experiment, "norm.affine",
                    "'norm.affine' cannot be 'element' with 'norm.kind' %s: its gamma and beta are one a channel",
                    norm->name);
    if (config->train.nesterov && (nl_optimizers[config->train.optimizer]->keys & NL_BY_NESTEROV) &&
        !(config->train.momentum > 0))
        nl_complain(diagnostics, experiment, "train.nesterov", "'train.nesterov' needs a 'train.momentum' above 0");
    if ((config->train.schedule == NL_COSINE || config->train.schedule == NL_LINEAR) &&
        config->train.lr_min > config->train.lr)
        nl_complain(diagnostics, experiment, "train.lr_min", "'train.lr_min' %g is above 'train.lr' %g",
                    config->train.lr_min, config->train.lr);
    check_warmup(config, experiment, diagnostics);
    check_accumulate(config, experiment, diagnostics);
    check_curvature(config, experiment, diagnostics);
    if (nl_config_observes_ways(config) && !*config->log.toward)
        nl_complain(
            diagnostics, experiment, "log.toward",
            "'log.toward' names no file: between: and the group 'ways' of 'log.layers' show the loss on the way "
            "to its network");

    if (config->norm.freeze == 0 && nl_config_tracks(config) && !*config->model.load)
        nl_complain(diagnostics, experiment, "norm.freeze",
                    "'norm.freeze' 0 takes its statistics from 'model.load', which names no file");
    if (config->norm.freeze == 0 && nl_config_tracks(config) && *config->model.load &&
        config->model.load_statistics == NL_LOAD_CHANGED)
        nl_complain(
            diagnostics, experiment, "model.load_statistics",
            "'norm.freeze' 0 holds the statistics of 'model.load', and 'model.load_statistics' reset throws them "
            "away: mean 0 and variance 1 would be left");
    check_parts(config, experiment, diagnostics);
    nl_check_formula(config, experiment, diagnostics);
    nl_check_transformer(config, experiment, diagnostics);
    check_recurrent(config, experiment, diagnostics);
    check_stream(config, experiment, diagnostics);
    check_layers(config, experiment, diagnostics);
    check_axis(experiment, "plot.xmin", "plot.xmax", config->plot.xmin, config->plot.xmax, diagnostics);
    check_axis(experiment, "plot.ymin", "plot.ymax", config->plot.ymin, config->plot.ymax, diagnostics);
    check_log(experiment, config, diagnostics);
    check_font(config->plot.font, experiment, diagnostics);
}
