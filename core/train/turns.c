#include "train/turns.h"

#include "base/memory.h"

int nl_unused_buffer(unsigned used)
{
    int buffer = 0;
    while (used & nl_buffer(buffer))
        buffer++;
    return buffer;
}

int nl_local_layers(const struct nl_model *model, const struct nl_pass *pass)
{
    int layers = 0;
    while (pass->local > 0 && model->layer[layers].kind != NL_LINEAR_LAYER)
        layers++;
    return layers;
}

static bool is_identity(const struct nl_model *model, const struct nl_layer *sum)
{
    return sum->stride == 1 && model->layer[sum->shortcut].out.channels == sum->out.channels;
}

bool nl_is_residual(const struct nl_model *model, int i)
{
    const struct nl_layer *layer = &model->layer[i];
    return layer->kind == NL_ADD_LAYER && is_identity(model, layer) && model->layer[i - 1].kind == NL_NORM_LAYER && !model->layer[i - 1].relu;
}

bool nl_is_fused(const struct nl_plan *plan, const struct nl_config *config, int i)
{
    const struct nl_layer *layer = &plan->model->layer[i];
    return plan->backend->fuses_relu && layer->kind == NL_ACTIVATION_LAYER && config->model.activation == NL_RELU && layer[-1].kind == NL_LINEAR_LAYER &&
           layer[1].kind == NL_LINEAR_LAYER;
}

/* The last of the local layers; normalizers that reduce over the batch; and sums, since shortcuts reach over these. What a sum hands on stays where it is. */
static bool waits(const struct nl_model *model, const struct nl_pass *pass, int local, int i)
{
    if (!pass->reduces || i >= local - 1)
        return i == local - 1;
    const struct nl_layer *layer = &model->layer[i];
    return layer->kind == NL_NORM_LAYER || layer->kind == NL_ADD_LAYER || layer[1].kind == NL_ADD_LAYER;
}

static bool is_recomputed(const struct nl_plan *plan, const struct nl_turn *turn, int i)
{
    const struct nl_layer *layer = &plan->model->layer[i];
    return plan->backend->micro_bytes > 0 && layer->kind == NL_NORM_LAYER && layer[1].kind == NL_CONV_LAYER && turn[i + 1].joins == NL_NOWHERE;
}

struct nl_turn *nl_take_turns(const struct nl_plan *plan, const struct nl_config *config)
{
    const struct nl_model *model = plan->model;
    const struct nl_pass *pass = &plan->train;
    struct nl_turn *turn = nl_alloc((size_t)model->layers, sizeof *turn);
    int open = NL_NOWHERE, source = -1; /* the gradient of the open shortcut, and the layer whose output it belongs to */
    int at = 0, local = nl_local_layers(model, pass);
    unsigned read = 0; /* by operations that other samples are still to come to */
    for (int i = model->layers - 1; i >= 0; i--) {
        const struct nl_layer *layer = &model->layer[i];
        turn[i] = (struct nl_turn){.output = at, .waits = waits(model, pass, local, i), .shortcut = NL_NOWHERE,
                                   .recomputed = is_recomputed(plan, turn, i), .joins = NL_NOWHERE};
        if (pass->reduces && (layer->kind == NL_NORM_LAYER || i == local - 1))
            read = nl_buffer(at);
        if (layer->kind == NL_ADD_LAYER) { /* the other term's gradient replaces that of the sum */
            NL_ASSERT(open == NL_NOWHERE);
            open = turn[i].shortcut = is_identity(model, layer) ? at : nl_unused_buffer(read | nl_buffer(at));
            source = layer->shortcut;
            continue;
        }
        bool in_place = nl_is_fused(plan, config, i) || (layer->kind == NL_NORM_LAYER && at != open);
        if (!in_place)
            at = nl_unused_buffer(read | nl_buffer(at) | nl_buffer(open));
        if (open != NL_NOWHERE && source == i - 1) {
            turn[i].joins = open;
            read |= pass->reduces ? nl_buffer(open) : 0;
            open = NL_NOWHERE;
        }
    }
    return turn;
}
