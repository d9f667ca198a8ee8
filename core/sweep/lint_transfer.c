/* Traps of networks that begin as those of a file, of parameters that are left constant, and of averages of weights. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sweep/lint_context.h"
#include "train/evaluate.h"
#include "train/weights.h"

/* The first that is no auto, of the keys that may decide which samples are tested with; as the file has it, or NULL. */
static const char *test_seed_of(const struct nl_tensor_file *file)
{
    static const char *const keys[] = {"data.test_seed", "data.split_seed", "train.seed"};
    const char *seed = NULL;
    for (size_t i = 0; i < sizeof keys / sizeof *keys && (!seed || strcmp(seed, "auto") == 0); i++)
        seed = nl_safetensors_metadata(file, keys[i]);
    return seed;
}

bool nl_lint_seen_tests(const struct lint_context *s, struct nl_text *what)
{
    const char *data = s->weights ? nl_safetensors_metadata(s->weights, "data_sha256") : NULL,
               *there = s->weights ? test_seed_of(s->weights) : NULL;
    if (!data || !there || !s->dataset || strcmp(data, s->dataset->checksum) != 0 || s->counts.test == 0 ||
        !(s->counts.test_overlap < 1))
        return false;
    uint64_t here = nl_seed_of(s->config, s->config->data.test_seed != NL_AUTO ? s->config->data.test_seed
                                                                                : s->config->data.split_seed);
    if (strtoull(there, NULL, 10) == here)
        return false;
    nl_text_add(what, "the network of model.load was trained where the split's seed was %s: here, with %llu, it is "
                      "tested with samples that it has seen",
                there, (unsigned long long)here);
    return true;
}

bool nl_lint_random_rest(const struct lint_context *s, struct nl_text *what)
{
    if (s->graph.constant == 0 || *s->config->model.load)
        return false;
    nl_text_add(what, "train.only leaves %.0f %% of the parameters as they were drawn: no file is loaded",
                100.0 * (double)s->graph.constant / (double)s->graph.count);
    return true;
}

bool nl_lint_only_is_all(const struct lint_context *s, struct nl_text *what)
{
    if (s->graph.constant > 0 || s->config->train.only.count == 0)
        return false;
    nl_text_add(what, "train.only names every parameter of the network: nothing stays constant");
    return true;
}

/* Whether what is replaced differs from the file's. */
static bool fits_without(const struct lint_context *s, unsigned replaced)
{
    struct nl_error err;
    return nl_weights_check(&s->graph, s->weights, s->config->model.load, nl_weights_replaced(s->config) & ~replaced,
                            false, &err) == NL_OK;
}

bool nl_lint_replaces_nothing(const struct lint_context *s, struct nl_text *what)
{
    if (!s->weights || !(nl_weights_replaced(s->config) & NL_REPLACES_NORM) || !fits_without(s, NL_REPLACES_NORM))
        return false;
    nl_text_add(what, "model.load_norm: replace has nothing to replace: the file has all tensors of these normalizers");
    return true;
}

bool nl_lint_frozen_initial(const struct lint_context *s, struct nl_text *what)
{
    if (!s->weights || s->config->norm.freeze != 0 ||
        !nl_weights_lack(&s->graph, s->weights, nl_weights_replaced(s->config), NL_RUNNING))
        return false;
    nl_text_add(what, "norm.freeze: 0 holds statistics that the file does not have: they stay mean 0 and variance 1");
    return true;
}

bool nl_lint_averaged_statistics(const struct lint_context *s, struct nl_text *what)
{
    if (!nl_graph_tracks(&s->graph) || !nl_config_averages(s->config, NL_EVAL_SWA) ||
        nl_statistics_of(s->config, NL_EVAL_SWA) == NL_STATS_PRECISE)
        return false;
    nl_text_add(what, "the scores swa take the mean of the running statistics, which are not those of the mean of the "
                      "weights (Izmailov et al. 2018, section 3.2)");
    return true;
}

bool nl_lint_slow_ema(const struct lint_context *s, struct nl_text *what)
{
    int64_t steps = s->step_counts.steps;
    double left = steps > 0 ? pow(s->config->train.ema, (double)(steps - 1)) : 0;
    if (!nl_config_averages(s->config, NL_EVAL_EMA) || !(left > 0.01))
        return false;
    nl_text_add(what, "after %s, %.0f %% of the average is still the weights after the first: %g^%lld",
                NL_COUNT(steps, "step"), 100 * left, s->config->train.ema, (long long)(steps - 1));
    return true;
}
