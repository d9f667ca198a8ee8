/* Traps of optimizers and schedules. */
#include <string.h>

#include "sweep/lint_context.h"

bool nl_lint_adam_decay(const struct lint_context *s, struct nl_text *what)
{
    if (s->config->train.optimizer != NL_ADAM || !(s->config->train.weight_decay > 0))
        return false;
    nl_text_add(what, "adam adds weight decay to the gradient and divides the sum by the gradient's size: where "
                      "gradients are large, little decay is left");
    return true;
}

bool nl_lint_adamw_is_adam(const struct lint_context *s, struct nl_text *what)
{
    if (s->config->train.optimizer != NL_ADAMW || s->config->train.weight_decay > 0)
        return false;
    nl_text_add(what, "adamw without weight decay is adam: train.weight_decay is 0");
    return true;
}

bool nl_lint_learns_nothing(const struct lint_context *s, struct nl_text *what)
{
    const struct nl_config *config = s->config;
    const struct {
        const char *key, *why;
        bool is;
    } cases[] = {
        {"train.lr", "with a learning rate of 0 the weights stay as they begin", !(config->train.lr > 0)},
        {"train.label_noise", "with all labels replaced by random ones nothing is left to learn",
         config->train.label_noise >= 1},
        {"train.label_smoothing", "with labels spread evenly over all classes nothing is left to learn",
         config->train.label_smoothing >= 1},
        {"model.init_scale", "with initial weights of 0 all units of a layer stay alike",
         !(config->model.init_scale > 0)},
        {"model.init_std", "with initial weights of 0 all units of a layer stay alike",
         config->model.init == NL_NORMAL && !(config->model.init_std > 0)},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases && !what->at; i++)
        if (cases[i].is && (strncmp(cases[i].key, "model.", 6) != 0 || !*config->model.load)) {
            nl_text_add(s->place, "%s", cases[i].key);
            nl_text_add(what, "%s", cases[i].why);
        }
    return what->at != NULL;
}

bool nl_lint_partial_batch(const struct lint_context *s, struct nl_text *what)
{
    if (s->config->train.drop_last || s->config->train.batch <= s->counts.train)
        return false;
    nl_text_add(what, "a batch of %lld does not fit the %s: each update takes these", (long long)s->config->train.batch,
                NL_COUNT(s->counts.train, "training sample"));
    return true;
}

static double epochs_of(const struct lint_context *s)
{
    return (double)s->step_counts.steps / (double)s->step_counts.steps_per_epoch;
}

bool nl_lint_only_warmup(const struct lint_context *s, struct nl_text *what)
{
    static const char *const never = "the learning rate never reaches its peak";
    long long by_steps = (long long)s->config->train.warmup_steps, steps = (long long)s->step_counts.steps;
    double by_epochs = s->config->train.warmup_epochs;
    if (steps > 0 && by_steps >= steps) {
        nl_text_add(s->place, "train.warmup_steps");
        nl_text_add(what, "the warm-up takes %s and the training %lld: %s", NL_COUNT(by_steps, "step"), steps, never);
    } else if (by_epochs > 0 && by_epochs >= epochs_of(s)) {
        nl_text_add(what, "the warm-up takes %g %s and the training %.4g: %s", by_epochs,
                    nl_agree(by_epochs, "epoch", "epochs"), epochs_of(s), never);
    }
    return what->at != NULL;
}

bool nl_lint_no_drop(const struct lint_context *s, struct nl_text *what)
{
    if (s->config->train.schedule != NL_STEP || s->config->train.step_epochs < epochs_of(s))
        return false;
    nl_text_add(what, "the learning rate drops every %g %s, and the training has %.4g: it never drops",
                s->config->train.step_epochs, nl_agree(s->config->train.step_epochs, "epoch", "epochs"), epochs_of(s));
    return true;
}

/* Whether an operation of the network draws numbers in each step. */
static bool draws_in_steps(const struct lint_context *s)
{
    for (int i = 0; i < s->graph.tensors; i++)
        if (s->graph.tensor[i].spec.role == NL_STREAM_KEY)
            return true;
    return false;
}

/* Whether seeds of their own fix all that is drawn, so that the trials of a cell are one trial, repeated. */
bool nl_lint_seeds_alike(const struct lint_context *s, struct nl_text *what)
{
    const struct nl_config *config = s->config;
    bool splits = nl_key_applies(nl_key_named("data.split_seed"), config), draws = draws_in_steps(s),
         alike = config->train.init_seed != NL_AUTO && config->train.order_seed != NL_AUTO &&
                 (!splits || config->data.split_seed != NL_AUTO) && (!draws || config->train.dropout_seed != NL_AUTO) &&
                 (!(config->train.label_noise > 0) || config->train.label_seed != NL_AUTO) &&
                 (!(config->data.crop > 0 || config->data.flip) || config->data.augment_seed != NL_AUTO);
    if (!alike || s->experiment->seeds < 2)
        return false;
    nl_text_add(what, "every source of randomness has a seed of its own: %s give the same trial",
                NL_COUNT(s->experiment->seeds, "seed"));
    return true;
}
