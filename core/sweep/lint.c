/* One table of traps: which key decides, what a trial must look like, what to do. Sources: Ioffe and Szegedy 2015
 * (bias, batches), Wu and He 2018 (small batches), Goyal et al. 2017 (learning rate, gamma), Wu and Johnson 2021
 * (precise statistics), Loshchilov and Hutter 2019 (AdamW), Li et al. 2019 (dropout). */
#include "sweep/lint.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "config/layers.h"
#include "config/network.h"
#include "config/sweep.h"
#include "model/model.h"
#include "operation/cross_iteration.h"
#include "operation/dropout.h"
#include "operation/formula.h"
#include "operation/frn.h"
#include "operation/mixture.h"
#include "operation/normalize.h"
#include "operation/normalizer.h"
#include "operation/parametrize.h"
#include "operation/scalars.h"
#include "operation/whitening.h"
#include "stats/claim.h"
#include "sweep/lint_context.h"
#include "train/train.h"
#include "train/weights.h"

static long long whole(int64_t value)
{
    return (long long)value;
}

static bool evaluates_running(const struct lint_context *s)
{
    const struct nl_int_list *evals = &s->config->norm.eval;
    for (int i = 0; i < evals->count; i++)
        if (evals->at[i] == NL_EVAL_RUNNING)
            return s->norm->tracks;
    return false;
}

/* The normalizer of the network; of several one that keeps statistics, if there is one. */
static const struct nl_norm *norm_of(const struct nl_config *config)
{
    const struct nl_norm *found = NULL;
    for (int i = 0; nl_norms[i]; i++)
        if (nl_config_has_norm(config, i) && (!found || nl_norm_of_kind(config, i)->tracks))
            found = nl_norm_of_kind(config, i);
    return found ? found : &nl_norm_none;
}

/* Along an axis, or chosen for each point. */
static bool varies(const struct lint_context *s, const char *name)
{
    for (int k = 0; k < s->grid->keys - 1; k++) /* the last is train.seed */
        if (!strcmp(s->grid->key[k]->name, name))
            return true;
    return nl_axis_with(s->experiment->rounds.tune, s->experiment->rounds.tunes, nl_key_named(name), NULL) != NULL;
}

/* The normalizer that a node is; NULL: it is none. */
static const struct nl_norm *norm_at(const struct nl_graph_node *node)
{
    const struct nl_normalize *n = nl_normalize_of(node->operation, node->arguments);
    for (int i = 0; !n && nl_norms[i]; i++)
        if (nl_norms[i]->operation == node->operation)
            return ((const struct nl_norm_settings *)node->arguments)->norm;
    return n ? n->norm : NULL;
}

/* The normalizer by sets that node i is, or has in it, if it keeps statistics; else NULL. */
static const struct nl_normalize *tracking_at(const struct lint_context *s, int i)
{
    const struct nl_graph_node *node = &s->graph.node[i];
    const struct nl_normalize *n = nl_normalize_of(node->operation, node->arguments);
    if (node->operation == &nl_mixture_operation)
        n = &((const struct nl_mixture *)node->arguments)->batch;
    return n && n->norm->tracks ? n : NULL;
}

/* ---- sets that are too small ---- */

/* The first normalizer of those meant whose sets are single elements; NULL: none. */
static const struct nl_graph_node *single_elements(const struct lint_context *s,
                                                   bool (*meant)(const struct nl_norm *norm))
{
    for (int i = 0; i < s->graph.nodes; i++) {
        const struct nl_graph_node *node = &s->graph.node[i];
        const struct nl_normalize *normalize = nl_normalize_of(node->operation, node->arguments);
        if (!normalize || !meant(normalize->norm))
            continue;
        struct nl_norm_setup setup = normalize->setup;
        setup.samples = (int)nl_micro_batch(s->config);
        struct nl_partition set = normalize->norm->partition(&setup);
        if (set.samples * set.positions * set.channels == 1)
            return node;
    }
    return NULL;
}

static bool of_batch(const struct nl_norm *norm)
{
    return norm->tracks;
}

static bool of_groups(const struct nl_norm *norm)
{
    return norm->uses & NL_USES_GROUPS;
}

static bool of_samples(const struct nl_norm *norm)
{
    return !of_batch(norm) && !of_groups(norm);
}

static bool say_single(const struct lint_context *s, struct nl_text *what, bool (*meant)(const struct nl_norm *norm),
                       const char *where)
{
    const struct nl_graph_node *node = single_elements(s, meant);
    const struct nl_norm *norm = node ? ((const struct nl_normalize *)node->arguments)->norm : NULL;
    if (node)
        nl_text_add(what, "%s has sets of one element in '%s'%s: %s", norm->name, node->name, where,
                    norm->centers
                        ? "each element minus its own mean is 0, so the layers after it learn nothing about the input"
                        : "only the sign of each element is left");
    return node != NULL;
}

/* What makes a set of a normalizer over the batch as small as it is: the first of these. */
enum divided { BY_NOTHING, BY_ACCUMULATION, BY_WORKERS, BY_GHOSTS };

static enum divided cause_of_single(const struct lint_context *s)
{
    const struct nl_config *config = s->config;
    int64_t batch = nl_micro_batch(config);
    if (config->train.batch == 1)
        return BY_NOTHING;
    if (batch == 1)
        return BY_ACCUMULATION;
    return config->train.workers > 1 && !config->norm.sync && batch / config->train.workers == 1 ? BY_WORKERS
                                                                                                 : BY_GHOSTS;
}

static bool single_of_batch(const struct lint_context *s, struct nl_text *what)
{
    return cause_of_single(s) == BY_NOTHING && say_single(s, what, of_batch, " (a batch is one sample)");
}

static bool single_of_micro_batch(const struct lint_context *s, struct nl_text *what)
{
    return cause_of_single(s) == BY_ACCUMULATION && say_single(s, what, of_batch, " (a micro-batch is one sample)");
}

static bool single_of_worker(const struct lint_context *s, struct nl_text *what)
{
    return cause_of_single(s) == BY_WORKERS && say_single(s, what, of_batch, " (a worker has one sample)");
}

static bool single_of_ghost(const struct lint_context *s, struct nl_text *what)
{
    if (cause_of_single(s) != BY_GHOSTS ||
        !say_single(s, what, of_batch, " (one sample shares statistics with no other)"))
        return false;
    if (s->config->norm.stat_batch != 1)
        nl_lint_place(s, (int)(single_elements(s, of_batch) - s->graph.node));
    return true;
}

/* Statistics of a micro-batch that has so few samples, where the batch has more: below 8 to 16 BN degrades (Wu and He
 * 2018). */
static bool few_in_micro_batch(const struct lint_context *s, struct nl_text *what)
{
    enum { FEW = 8 };
    int64_t batch = nl_micro_batch(s->config);
    if (!s->norm->tracks || s->config->train.accumulate == 1 || batch == 1 || batch >= FEW ||
        s->config->train.batch < FEW)
        return false;
    nl_text_add(what, "%s takes its statistics from micro-batches of %s, not from the batch of %lld", s->norm->name,
                NL_COUNT(whole(batch), "sample"), whole(s->config->train.batch));
    return true;
}

static bool single_of_group(const struct lint_context *s, struct nl_text *what)
{
    return say_single(s, what, of_groups, " (a channel is a group)");
}

static bool single_of_channel(const struct lint_context *s, struct nl_text *what)
{
    return say_single(s, what, of_samples,
                      s->config->model.arch == NL_MLP ? " (a fully connected layer has one position)"
                                                      : " (one position is left)");
}

static bool wide_group(const struct lint_context *s, struct nl_text *what)
{
    for (int i = 0; i < s->graph.nodes; i++) {
        const struct nl_graph_node *node = &s->graph.node[i];
        const struct nl_whitening *whitening = node->operation == &nl_whitening_operation ? node->arguments : NULL;
        int64_t elements = whitening ? nl_micro_batch(s->config) * whitening->positions : 0,
                width = whitening ? nl_whitening_width(whitening) : 0;
        if (!whitening || elements > width)
            continue;
        nl_text_add(what,
                    "%s whitens groups of %s in '%s' by %s a channel: their covariance is singular, and eps "
                    "decides in %s",
                    whitening->set.norm->name, NL_COUNT(whole(width), "channel"), node->name,
                    NL_COUNT(whole(elements), "element"), NL_COUNT(width - elements + 1, "direction"));
        nl_lint_place(s, i);
        return true;
    }
    return false;
}

static bool frn_of_one(const struct lint_context *s, struct nl_text *what)
{
    for (int i = 0; i < s->graph.nodes; i++) {
        const struct nl_frn *frn = s->graph.node[i].operation == &nl_frn_operation ? s->graph.node[i].arguments : NULL;
        if (!frn || frn->positions > 1 || frn->set.learn_eps != NL_SWITCH_OFF)
            continue;
        nl_text_add(what, "frn has sets of one element in '%s': only the sign of each element is left",
                    s->graph.node[i].name);
        nl_lint_place(s, i);
        return true;
    }
    return false;
}

static bool last_batch(const struct lint_context *s, struct nl_text *what)
{
    int64_t batch = nl_micro_batch(s->config), rest = s->counts.train % batch;
    if (!s->norm->tracks || s->config->train.drop_last || batch <= 2 || rest < 1 || rest > 2)
        return false;
    nl_text_add(
        what,
        "%s make batches of %lld and a last one of %lld; %s normalizes that one by itself, right before an evaluation",
        NL_COUNT(s->counts.train, "training sample"), whole(batch), whole(rest), s->norm->name);
    return true;
}

static bool last_ghost(const struct lint_context *s, struct nl_text *what)
{
    int batch = (int)nl_micro_batch(s->config);
    for (int i = 0; i < s->graph.nodes; i++) {
        const struct nl_normalize *n = tracking_at(s, i);
        int share = n ? n->setup.stat_batch : 0;
        if (share <= 2 || batch % share < 1 || batch % share > 2)
            continue;
        nl_text_add(what, "a batch of %d in parts of %d leaves a last part of %d, which %s normalizes by itself", batch,
                    share, batch % share, n->norm->name);
        if (share != s->config->norm.stat_batch)
            nl_lint_place(s, i);
        return true;
    }
    return false;
}

/* ---- statistics of evaluation ---- */

/* The node whose exponential average has the least constant momentum, or the largest; -1: there is none. */
static int find_momentum(const struct lint_context *s, bool largest, double *momentum)
{
    int found = -1;
    for (int i = 0; i < s->graph.nodes; i++) {
        const struct nl_normalize *n = tracking_at(s, i);
        bool constant = s->config->norm.running == NL_EMA && s->config->norm.momentum_schedule == NL_MOMENTUM_CONSTANT;
        double own = n ? nl_override_or(n->momentum, constant ? s->config->norm.momentum : -1.0) : -1.0;
        if (own < 0 || (found >= 0 && !(largest ? own > *momentum : own < *momentum)))
            continue;
        *momentum = own;
        found = i;
    }
    if (found >= 0 && tracking_at(s, found)->momentum.given)
        nl_lint_place(s, found);
    return found;
}

static bool lag(const struct lint_context *s, struct nl_text *what)
{
    double momentum = 0;
    if (!evaluates_running(s) || *s->config->model.load || s->config->norm.reset > 0 ||
        s->config->norm.running == NL_LEARNED || find_momentum(s, false, &momentum) < 0)
        return false;
    int64_t steps = (int64_t)ceil(s->config->norm.freeze * (double)s->step_counts.steps);
    if (s->step_counts.steps == 0)
        return false; /* nobody asks how well an untrained network does */
    double left = pow(1.0 - momentum, (double)steps);
    if (!(left > 0.01))
        return false;
    nl_text_add(
        what,
        "after %s, %.0f %% of the running statistics is still their initial value (mean 0, variance 1): (1 - %g)^%lld",
        NL_COUNT(whole(steps), "step"), 100 * left, momentum, whole(steps));
    return true;
}

static bool other_momentum(const struct lint_context *s, struct nl_text *what)
{
    double momentum = 0;
    if (!evaluates_running(s) || find_momentum(s, true, &momentum) < 0 || !(momentum >= 0.9))
        return false;
    nl_text_add(what, "with a momentum of %g the running statistics are nearly those of the last batch", momentum);
    return true;
}

static bool training_mode(const struct lint_context *s, struct nl_text *what)
{
    if (!s->norm->tracks || s->config->norm.eval.at[0] != NL_EVAL_BATCH)
        return false;
    nl_text_add(
        what,
        "the first evaluation of %s is in training mode: the result for a sample depends on the rest of its batch",
        s->norm->name);
    return true;
}

static bool running_in_training(const struct lint_context *s, struct nl_text *what)
{
    bool as_published = s->norm == &nl_norm_bcn;
    if (!s->norm->tracks || as_published ||
        (s->norm->uses & (NL_USES_HISTORY | NL_USES_WINDOW | NL_USES_WHITENING | NL_USES_NEWTON)) ||
        s->config->norm.statistics != NL_OF_RUNNING)
        return false;
    nl_text_add(what, "a step ignores that it moves the statistics, and may grow what they remove again (Ioffe and "
                      "Szegedy 2015, section 2)");
    return true;
}

static bool corrects_at_once(const struct lint_context *s, struct nl_text *what)
{
    if (s->norm != &nl_norm_brn || s->config->norm.warmup > 0)
        return false;
    nl_text_add(what, "brn corrects from the first step on towards running statistics that are still 0 and 1");
    return true;
}

static bool dropout_before(const struct lint_context *s, struct nl_text *what)
{
    bool dropped = false;
    for (int i = 0; i < s->graph.nodes && evaluates_running(s); i++) {
        const struct nl_graph_node *node = &s->graph.node[i];
        dropped |= node->operation == &nl_dropout_operation;
        if (!dropped || !tracking_at(s, i))
            continue;
        nl_text_add(
            what, "dropout before '%s': the running variance is measured with dropped units, but evaluation drops none",
            node->name);
        nl_lint_place(s, i);
        return true;
    }
    return false;
}

/* ---- parameters and their training ---- */

/* Whether it subtracts a constant that is added to a channel in front of it: the mean has it in it, unless it is one of
 * earlier batches. */
static bool subtracts_again(const struct nl_graph_node *node)
{
    const struct nl_norm *norm = norm_at(node);
    const struct nl_normalize *n = nl_normalize_of(node->operation, node->arguments);
    bool running = n ? n->trains_running : norm && ((const struct nl_norm_settings *)node->arguments)->trains_running;
    bool of_window = node->operation == &nl_cross_iteration_operation;
    return norm && norm->cancels_bias && !running && !of_window;
}

/* Whether a constant that is added to a channel of each value is gone after it, whichever way it takes: a normalizer
 * subtracts it again. Returns the first that does. */
static const struct nl_norm *find_cancelled(const struct nl_graph *graph, bool *cancelled)
{
    const struct nl_norm *first = NULL;
    for (int v = 0; v < graph->values; v++)
        cancelled[v] = true;
    for (const struct nl_graph_node *node = graph->node + graph->nodes - 1; node >= graph->node; node--) {
        bool cancels = subtracts_again(node);
        first = cancels ? norm_at(node) : first;
        for (int slot = 0; slot < NL_MOST_SLOTS; slot++)
            if (node->in[slot] != NL_NONE)
                cancelled[node->in[slot]] &= cancels || (node->operation->passes_constants && cancelled[node->out[0]]);
    }
    return first;
}

static bool redundant_bias(const struct lint_context *s, struct nl_text *what)
{
    const struct nl_graph *graph = &s->graph;
    size_t biases = 0;
    int first = -1;
    bool *cancelled = nl_alloc((size_t)graph->values, sizeof *cancelled);
    const struct nl_norm *norm = find_cancelled(graph, cancelled);
    for (int i = 0; i < graph->tensors; i++) {
        const struct nl_tensor *tensor = &graph->tensor[i];
        if (tensor->spec.role != NL_BIAS || !cancelled[graph->node[tensor->node].out[0]])
            continue;
        biases += tensor->count;
        first = first < 0 ? tensor->node : first;
    }
    free(cancelled);
    if (!norm || biases == 0)
        return false;
    nl_text_add(what, "%s cancels the biases of hidden layers: %s %s nothing", norm->name,
                NL_COUNT(biases, "parameter"), nl_agree((double)biases, "learns", "learn"));
    nl_lint_place(s, first);
    return true;
}

/* Whether trials differ in their normalizers. */
static bool normalizers_vary(const struct lint_context *s)
{
    bool found = varies(s, "norm.kind") || varies(s, "norm.weights") || varies(s, "model.layers");
    for (int k = 0; k < s->grid->keys; k++) {
        const char *path = s->grid->key[k]->path, *end = path ? strstr(path, ".norm.kind") : NULL;
        found |= end && !end[strlen(".norm.kind")];
    }
    return found;
}

static bool decays_gamma(const struct lint_context *s, struct nl_text *what)
{
    const struct nl_tensor *gamma = s->graph.tensor, *end = gamma + s->graph.tensors;
    while (gamma < end &&
           (gamma->spec.role != NL_GAMMA || s->graph.node[gamma->node].operation == &nl_scalars_operation))
        gamma++;
    if (!(s->config->train.weight_decay > 0) || s->config->train.weight_decay_on != NL_DECAY_ALL ||
        nl_optimizers[s->config->train.optimizer]->spares_all_but_weights || gamma == end ||
        !normalizers_vary(s)) /* one normalizer alone may follow a published recipe */
        return false;
    const struct nl_graph_node *owner = &s->graph.node[gamma->node];
    if (owner->operation == &nl_parametrize_operation)
        nl_text_add(what,
                    "weight decay also pulls the gain of %s to 0: normalizers then also differ in what is decayed",
                    nl_weight_norm_of(owner)->name);
    else
        nl_text_add(
            what,
            "weight decay also pulls the gamma and beta of %s to 0: normalizers then also differ in what is decayed",
            norm_at(owner) ? norm_at(owner)->name : s->norm->name);
    return true;
}

/* ---- of a sweep as a whole ---- */

static bool one_seed(const struct lint_context *s, struct nl_text *what)
{
    if (s->experiment->seeds > 1 || s->grid->trials < 2)
        return false;
    nl_text_add(what, "one seed: any difference between the %s may be chance", NL_COUNT(s->grid->trials, "trial"));
    return true;
}

static bool one_rate(const struct lint_context *s, struct nl_text *what)
{
    if (!varies(s, "train.batch") || varies(s, "train.lr") || varies(s, "train.lr_scale") ||
        s->config->train.lr_scale != NL_LR_FIXED || s->config->train.optimizer != NL_SGD)
        return false;
    int64_t low = s->config->train.batch, high = low;
    for (int i = 0; i < s->grid->trials; i++) {
        int64_t batch = s->grid->trial[i].config.train.batch;
        low = batch < low ? batch : low;
        high = batch > high ? batch : high;
    }
    if (low == high) /* an axis of one value, or one whose others are left out */
        return false;
    nl_text_add(what,
                "batches from %lld to %lld share one learning rate: the batch size then affects every method, even "
                "without a normalizer",
                whole(low), whole(high));
    return true;
}

/* Samples that the error of a method is counted on, over all seeds: what is drawn anew with each seed counts each time,
 * but never more than there is. 0: the metric is no share of samples, or the one seed is trap enough. */
static int64_t judged_samples(const struct lint_context *s)
{
    int metric = s->config->plot.metric, seeds = s->experiment->seeds;
    bool validation = metric == NL_VAL_ERROR || metric == NL_VAL_ACCURACY;
    if ((!validation && metric != NL_TEST_ERROR && metric != NL_TEST_ACCURACY) || seeds == 1 ||
        s->grid->trials <= seeds)
        return 0;
    int64_t samples = validation ? s->counts.val : s->counts.test;
    bool redrawn = validation ? s->config->data.split_seed == NL_AUTO
                              : s->counts.test_overlap < 1.0 && s->config->data.name == NL_DIGITS;
    int64_t all = s->counts.train + s->counts.val + (validation ? 0 : s->counts.test);
    if (!redrawn)
        return samples;
    return samples * seeds < all ? samples * seeds : all;
}

static bool small_test(const struct lint_context *s, struct nl_text *what)
{
    const double usual =
        0.1; /* an error that many networks here have; at 2 % the deviation is half as large, at 50 % 1.7 times */
    double asked = nl_rule_for(s->experiment, "points").smallest;
    int64_t samples = judged_samples(s);
    for (int i = 0; i < s->config->plot.kind.count; i++)
        if (s->config->plot.kind.at[i] == NL_PLOT_LR_TOLERANCE)
            return false; /* plot.min_effect is a ratio there */
    double deviation = samples ? 100 * sqrt(usual * (1 - usual) / (double)samples) : 0;
    if (!(asked > 0) || !(2 * deviation > asked) || s->step_counts.steps == 0)
        return false;
    nl_text_add(what,
                "errors are counted on %s: at an error of 10 %%, chance alone moves it by %.1f points (binomial "
                "standard error), and plot.min_effect "
                "is %g",
                NL_COUNT(whole(samples), "sample"), deviation, asked);
    return true;
}

/* Whether the number of updates or of samples depends on the key. */
static bool is_length(const struct nl_key *key)
{
    return strcmp(key->section, "data") == 0 || strcmp(key->name, "train.epochs") == 0 ||
           strcmp(key->name, "train.steps") == 0 || strcmp(key->name, "train.samples") == 0 ||
           strcmp(key->name, "train.flops") == 0;
}

/* The columns of the grid that say how long a trial trains, but for what is said along with train.batch (sweep.zip):
 * new array. */
static int *length_columns(const struct lint_context *s, int *count)
{
    const struct nl_experiment *e = s->experiment;
    const struct nl_axis *batch = nl_axis_with(e->axis, e->axes, nl_key_named("train.batch"), NULL);
    int *column = nl_alloc((size_t)s->grid->keys, sizeof *column);
    *count = 0;
    for (int k = 0; k < s->grid->keys; k++)
        if (is_length(s->grid->key[k]) && nl_axis_with(e->axis, e->axes, s->grid->key[k], NULL) != batch)
            column[(*count)++] = k;
    return column;
}

static bool same_text(const struct nl_grid *grid, const int *column, int columns, int a, int b)
{
    int same = 0;
    while (same < columns && strcmp(grid->trial[a].text[column[same]], grid->trial[b].text[column[same]]) == 0)
        same++;
    return same == columns;
}

/* The shortest and the longest training of the trials whose files ask for one and the same length. */
struct budget {
    int first;
    int64_t steps[2], samples[2]; /* the least and the most */
};

static void add_to_budget(struct budget *budget, const struct nl_config *config)
{
    int64_t steps = nl_trial_step_counts(config, nl_data_counts(config)).steps, samples = steps * config->train.batch;
    budget->steps[0] = steps < budget->steps[0] ? steps : budget->steps[0];
    budget->steps[1] = steps > budget->steps[1] ? steps : budget->steps[1];
    budget->samples[0] = samples < budget->samples[0] ? samples : budget->samples[0];
    budget->samples[1] = samples > budget->samples[1] ? samples : budget->samples[1];
}

static bool is_mixed(const struct budget *budget)
{
    return budget->steps[0] != budget->steps[1] && /* a last partial batch is left out or joins */
           (double)budget->samples[1] > 1.1 * (double)budget->samples[0];
}

/* Batch sizes that differ both in how often the weights are updated and in how many samples are seen, among trials that
 * are told to train as long: what they are compared in is neither. */
static bool mixed_budgets(const struct lint_context *s, struct nl_text *what)
{
    const struct nl_grid *grid = s->grid;
    if (!varies(s, "train.batch"))
        return false;
    int columns, *column = length_columns(s, &columns), budgets = 0, mixed = 0;
    struct budget *budget = nl_alloc((size_t)grid->trials, sizeof *budget);
    for (int i = 0; i < grid->trials; i++) {
        int b = 0;
        while (b < budgets && !same_text(grid, column, columns, budget[b].first, i))
            b++;
        if (b == budgets)
            budget[budgets++] = (struct budget){.first = i, .steps = {INT64_MAX, 0}, .samples = {INT64_MAX, 0}};
        add_to_budget(&budget[b], &grid->trial[i].config);
    }
    while (mixed < budgets && !is_mixed(&budget[mixed]))
        mixed++;
    bool found = mixed < budgets;
    if (found)
        nl_text_add(what,
                    "trials differ in updates (%lld to %lld) and in samples seen (%lld to %lld): an effect of "
                    "train.batch may be an effect of either",
                    whole(budget[mixed].steps[0]), whole(budget[mixed].steps[1]), whole(budget[mixed].samples[0]),
                    whole(budget[mixed].samples[1]));
    free(column);
    free(budget);
    return found;
}

/* A formula that divides by what may be 0, or takes the root or logarithm of what may be negative. */
static bool doubtful_formula(const struct lint_context *s, struct nl_text *what)
{
    int node = NL_FORMULA_NOWHERE;
    if (s->config->norm.kind != NL_NORM_formula)
        return false;
    const struct nl_formula *formula = nl_formula_of(s->norm);
    int operand = nl_formula_doubt(formula, &node);
    if (operand == NL_FORMULA_NOWHERE)
        return false;
    enum nl_operator op = formula->node[node].op;
    char *part = nl_formula_expression(formula, operand);
    nl_text_add(what, "nothing says that %s is %s, %s", part, op == NL_OP_SQRT ? "not negative" : "positive",
                op == NL_OP_SQRT  ? "whose root norm.formula takes"
                : op == NL_OP_LOG ? "whose logarithm norm.formula takes"
                                  : "by which norm.formula divides");
    free(part);
    return true;
}

/* How late the key was set: the command line comes after all files, a file after its bases. -1: it was not. */
static int lateness(const struct nl_experiment *experiment, const char *key)
{
    struct nl_origin at = nl_origin_of(experiment, key);
    int file = 0;
    if (at.kind == NL_FROM_DEFAULT)
        return -1;
    while (at.kind == NL_FROM_FILE && file < experiment->files && strcmp(experiment->file[file], at.file) != 0)
        file++;
    return at.kind == NL_FROM_FILE ? experiment->files - file : experiment->files + 1;
}

/* Epochs that are set where another key says how long a training is. */
static bool both_lengths(const struct lint_context *s, struct nl_text *what)
{
    const char *key = nl_length_key(s->config);
    int epochs = lateness(s->experiment, "train.epochs"), other = lateness(s->experiment, key);
    if (strcmp(key, "train.epochs") == 0 || other < 0 || epochs < other || nl_lint_sets_all(s->experiment))
        return false;
    char *value = nl_key_text(nl_key_named(key), s->config);
    nl_text_add(what, "training ends after %s (%s), and train.epochs (%lld) is ignored", key, value,
                whole(s->config->train.epochs));
    free(value);
    return true;
}

struct lint {
    const char *key; /* where it is shown; NULL: at sweep.seeds */
    bool (*catches)(const struct lint_context *context, struct nl_text *what);
    const char *remedy;
};

/* Asked of every trial. */
static const struct lint of_trials[] = {
    {"train.batch", single_of_batch, "raise train.batch, or normalize within a sample: ln, gn"},
    {"train.accumulate", single_of_micro_batch, "lower train.accumulate, or normalize within a sample: ln, gn"},
    {"train.accumulate", few_in_micro_batch, "lower train.accumulate, or normalize within a sample: ln, gn"},
    {"train.workers", single_of_worker, "norm.sync: true, fewer train.workers, or normalize within a sample: ln, gn"},
    {"norm.stat_batch", single_of_ghost, "raise norm.stat_batch, or normalize within a sample: ln, gn"},
    {"norm.groups", single_of_group, "use fewer norm.groups (1 is ln)"},
    {"norm.groups", wide_group, "use more norm.groups, or raise train.batch"},
    {"norm.kind", single_of_channel, "choose ln, or gn with fewer groups than channels"},
    {"norm.formula", doubtful_formula, "add eps, or take max(..., eps)"},
    {"norm.learn_eps", frn_of_one, "norm.learn_eps: auto learns how large eps is"},
    {"train.drop_last", last_batch, "train.drop_last: true leaves it out; another train.batch may also help"},
    {"norm.stat_batch", last_ghost, "let norm.stat_batch divide train.batch"},
    {"norm.momentum", lag,
     "train longer, raise norm.momentum, or set norm.running: cumulative or norm.eval: [precise]"},
    {"norm.momentum", other_momentum, "momentum is PyTorch's here: what Keras, TensorFlow and Flax call 0.99 is 0.01"},
    {"norm.eval", training_mode, "name running or precise first in norm.eval"},
    {"norm.statistics", running_in_training,
     "norm.statistics: batch; norm.kind: brn trains with statistics near the running ones"},
    {"norm.warmup", corrects_at_once, "norm.warmup: 0.3 lets the running statistics settle first"},
    {"model.dropout", dropout_before, "leave out one of them, or choose ln or gn, which store nothing"},
    {"model.bias", redundant_bias,
     "model.bias: auto leaves them out, and false in a transformer; in model.layers bias: false does"},
    {"norm.gamma_init", nl_lint_dead_gamma,
     "in a residual branch let norm.last_gamma be 0 where no activation follows; else start above 0"},
    {"model.residual", nl_lint_free_nf, "norm.weights: sws; or model.init_scale: 0.7071, which begins so"},
    {"model.residual", nl_lint_normalized_fixup, "norm.kind: none, or model.residual: skipinit, which goes with any"},
    {"norm.weights", nl_lint_redundant_gain,
     "norm.weights: ws has no gain; or divide by nothing: norm.kind: meanbn, none"},
    {"norm.weights", nl_lint_undone_scale, "norm.weights: none; or divide by nothing: norm.kind: meanbn, none"},
    {"norm.weights", nl_lint_long_weights, "norm.weights: sws has weights of length 1; or norm.kind: gn"},
    {"norm.weights", nl_lint_lost_scale,
     "norm.weights: wn, cwn or sws have a gain, which takes the factor where norm.weights_init is weights"},
    {"norm.weights", nl_lint_depthwise_matrix, "weights: wn gives each channel of that layer a length of its own"},
    {"norm.weights_init", nl_lint_start_is_loaded, "leave out norm.weights_init"},
    {"norm.weights_init", nl_lint_start_of_one, "train.batch: 2 or more; or norm.weights_init: weights"},
    {"train.weight_decay", decays_gamma, "train.weight_decay_on: weights spares gamma, beta and biases"},
    {"train.lr", nl_lint_learns_nothing, "choose a rate or scale above 0, a share below 1"},
    {"train.batch", nl_lint_partial_batch, "lower train.batch"},
    {"train.optimizer", nl_lint_adam_decay, "train.optimizer: adamw decays all weights by the same factor"},
    {"train.optimizer", nl_lint_adamw_is_adam,
     "train.weight_decay: 0.01 is the default of torch.optim.AdamW; or call it adam"},
    {"train.warmup_epochs", nl_lint_only_warmup, "train longer, or shorten the warm-up"},
    {"norm.placement", nl_lint_cold_post, "train.warmup_steps: 100, say; or norm.placement: pre"},
    {"model.causal", nl_lint_seen_label, "model.causal: auto"},
    {"model.gated", nl_lint_gated_squash, "model.gated: false; or norm.kind: rms"},
    {"train.step_epochs", nl_lint_no_drop, "lower train.step_epochs, or train longer"},
    {"model.load", nl_lint_seen_tests, "data.split_seed: that seed splits alike, in all trials"},
    {"train.only", nl_lint_random_rest, "model.load: FILE.safetensors gives the rest weights that were trained"},
    {"train.only", nl_lint_only_is_all, "leave out train.only"},
    {"model.load_norm", nl_lint_replaces_nothing, "leave out model.load_norm"},
    {"norm.freeze", nl_lint_frozen_initial, "norm.freeze: 0.1 lets them settle first"},
    {"train.swa_start", nl_lint_averaged_statistics, "train.average_statistics: precise recomputes them"},
    {"train.ema", nl_lint_slow_ema, "lower train.ema, or train longer"},
    {"train.init_seed", nl_lint_seeds_alike, "leave one of them auto, or set sweep.seeds: 1"},
};

/* Asked once, of the first trial. */
static const struct lint of_sweep[] = {
    {"train.epochs", both_lengths, "leave out one of them"},
    {NULL, one_seed, "sweep.seeds: 5 or more gives intervals"},
    {"train.batch", one_rate, "train.lr_scale: linear (or sqrt), or train.lr as an axis of its own"},
    {"train.batch", mixed_budgets,
     "train.steps: equal updates; train.samples, train.flops or train.epochs: equal samples"},
    {"plot.min_effect", small_test, "more samples in that part, more seeds, or a larger plot.min_effect"},
};
enum { OF_TRIALS = sizeof of_trials / sizeof *of_trials, OF_SWEEP = sizeof of_sweep / sizeof *of_sweep };

struct caught {
    struct nl_text what, place; /* said of the first trial */
    int first, trials;
};

static void look(struct lint_context *context, int trial, const struct lint *traps, int count, struct caught *caught)
{
    for (int t = 0; t < count; t++) {
        struct nl_text what = {0}, place = {0};
        context->place = &place;
        if (traps[t].catches(context, &what) && caught[t].trials++ == 0) {
            caught[t].what = what;
            caught[t].place = place;
            caught[t].first = trial;
        } else {
            nl_text_release(&what);
            nl_text_release(&place);
        }
    }
}

/* all: it is said of all trials. */
static void report_trap(const struct nl_experiment *experiment, const struct nl_grid *grid, const struct lint *trap,
                        const struct caught *caught, bool all, struct nl_diagnostics *warnings)
{
    const char *key = caught->place.at ? caught->place.at : trap->key;
    struct nl_origin at = key ? nl_origin_of(experiment, key) : experiment->seeds_origin;
    if (all) {
        nl_diagnose(warnings, &at, trap->remedy, "warning: %s", caught->what.at);
        return;
    }
    char *label = nl_grid_label(grid, &grid->trial[caught->first]);
    nl_diagnose(warnings, &at, trap->remedy, "warning: %s; so in %d of %s, first in %s", caught->what.at,
                caught->trials, NL_COUNT(grid->trials, "trial"), label);
    free(label);
}

static void report(const struct nl_experiment *experiment, const struct nl_grid *grid, const struct lint *traps,
                   int count, struct caught *caught, int trials, struct nl_diagnostics *warnings)
{
    for (int t = 0; t < count; t++) {
        if (caught[t].trials)
            report_trap(experiment, grid, &traps[t], &caught[t], caught[t].trials == trials, warnings);
        nl_text_release(&caught[t].what);
        nl_text_release(&caught[t].place);
    }
}

/* How files of other programs were read, and what of a file is replaced; the same note is kept once. */
static void note_weights(const struct nl_experiment *experiment, const struct nl_grid *grid,
                         struct nl_diagnostics *warnings)
{
    const struct nl_origin from = nl_origin_of(experiment, "model.load");
    for (int i = 0; i < grid->trials; i++)
        if (grid->trial[i].weights && grid->trial[i].weights->notes)
            nl_note(warnings, &from, "'%s': %s", grid->trial[i].config.model.load, grid->trial[i].weights->notes);
}

static void note_replaced(const struct nl_experiment *experiment, const struct lint_context *context,
                          struct nl_diagnostics *warnings)
{
    const struct nl_origin from = nl_origin_of(experiment, "model.load");
    unsigned replaced = nl_weights_replaced(context->config);
    char *text = context->weights && replaced ? nl_weights_explain(&context->graph, context->weights, replaced) : NULL;
    if (text)
        nl_note(warnings, &from, "'%s' with norm.kind %s: %s", context->config->model.load,
                nl_norm_names[context->config->norm.kind], text);
    free(text);
}

/* What is said about data that are open: each set once. */
static void doubt_data(const struct nl_experiment *experiment, const struct nl_grid *grid,
                       struct nl_diagnostics *warnings)
{
    const struct nl_dataset **seen = nl_alloc((size_t)grid->trials, sizeof *seen);
    int sets = 0;
    for (int i = 0, s; i < grid->trials; i++) {
        for (s = 0; s < sets && seen[s] != grid->trial[i].dataset; s++)
            ;
        if (s < sets || !grid->trial[i].dataset)
            continue;
        seen[sets++] = grid->trial[i].dataset;
        nl_own_doubts(grid->trial[i].dataset, &grid->trial[i].config, experiment, warnings);
    }
    free(seen);
}

void nl_lint_grid(const struct nl_experiment *experiment, const struct nl_grid *grid, struct nl_diagnostics *warnings)
{
    struct caught by_trials[OF_TRIALS] = {0}, by_sweep[OF_SWEEP] = {0};
    for (int i = 0; i < grid->trials; i++) {
        const struct nl_config *config = &grid->trial[i].config;
        struct lint_context context = {.experiment = experiment,
                                       .grid = grid,
                                       .config = config,
                                       .norm = norm_of(config),
                                       .dataset = grid->trial[i].dataset,
            .weights = grid->trial[i].weights};
        struct nl_error err;
        const char *key;
        context.counts = nl_data_counts(config);
        context.step_counts = nl_trial_step_counts(config, context.counts);
        if (nl_model_build(config, nl_data_facts(config).shape, &context.graph, &key, &err) == NL_OK) {
            look(&context, i, of_trials, OF_TRIALS, by_trials);
            look(&context, i, of_sweep, i == 0 ? OF_SWEEP : 0, by_sweep);
            note_replaced(experiment, &context, warnings);
        }
        nl_graph_release(&context.graph);
    }
    report(experiment, grid, of_trials, OF_TRIALS, by_trials, grid->trials, warnings);
    report(experiment, grid, of_sweep, OF_SWEEP, by_sweep, 1, warnings);
    doubt_data(experiment, grid, warnings);
    note_weights(experiment, grid, warnings);
    nl_lint_doubts(experiment, warnings);
    nl_lint_idle_keys(experiment, grid, warnings);
}
