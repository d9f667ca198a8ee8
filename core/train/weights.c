#include "train/weights.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/safetensors.h"

/* values (in PyTorch's order) as an entry of the backend's precision. */
static struct nl_tensor_file_entry entry(const struct nl_backend *backend, const char *layer, const char *tensor, int dims,
                                         const size_t *shape, const double *values, size_t count)
{
    struct nl_tensor_file_entry e = {.type = backend->real == sizeof(double) ? NL_F64 : NL_F32, .dims = dims};
    snprintf(e.name, sizeof e.name, "%s%s%s", layer, *layer ? "." : "", tensor);
    for (int d = 0; d < dims; d++)
        e.shape[d] = shape[d];
    e.data = nl_alloc(count, backend->real);
    if (e.type == NL_F64)
        memcpy(e.data, values, count * sizeof(double));
    else
        for (size_t i = 0; i < count; i++)
            ((float *)e.data)[i] = (float)values[i];
    return e;
}

static int add_parameters(const struct nl_plan *plan, struct nl_tensor_file_entry *entries)
{
    const struct nl_model *model = plan->model;
    double *stored = nl_alloc(model->count, sizeof *stored), *ordered = nl_alloc(model->count, sizeof *ordered);
    plan->backend->get_reals(stored, plan->parameters, model->count);
    for (int i = 0; i < model->parameters; i++) {
        const struct nl_parameter *p = &model->parameter[i];
        for (size_t e = 0; e < p->count; e++)
            ordered[e] = stored[p->offset + nl_parameter_place(p, e)];
        entries[i] = entry(plan->backend, "", p->name, p->dims, p->shape, ordered, p->count);
    }
    free(stored);
    free(ordered);
    return model->parameters;
}

static int add_statistics(const struct nl_plan *plan, struct nl_tensor_file_entry *entries)
{
    const struct nl_backend *backend = plan->backend;
    int count = 0;
    for (int i = 0; i < plan->train.ops; i++) {
        const struct nl_op *op = &plan->train.op[i];
        if (op->kind != NL_NORM_LAYER || !op->normalize.norm->tracks)
            continue;
        const char *name = plan->model->layer[i].name;
        size_t channels = (size_t)op->normalize.setup.channels;
        double *values = nl_alloc(channels, sizeof *values);
        backend->get_reals(values, op->normalize.running_mean, channels);
        entries[count++] = entry(backend, name, "running_mean", 1, &channels, values, channels);
        backend->get_reals(values, op->normalize.running_var, channels);
        entries[count++] = entry(backend, name, "running_var", 1, &channels, values, channels);
        free(values);
        struct nl_tensor_file_entry tracked = {.type = NL_I64, .dims = 0, .data = nl_alloc(1, sizeof(int64_t))};
        snprintf(tracked.name, sizeof tracked.name, "%s.num_batches_tracked", name);
        backend->download(tracked.data, op->normalize.updates, sizeof(int64_t));
        entries[count++] = tracked;
    }
    return count;
}

int nl_weights_save(const struct nl_plan *plan, const char *path, struct nl_error *err)
{
    struct nl_tensor_file_entry *entries = nl_alloc((size_t)(plan->model->parameters + 3 * plan->normalizers), sizeof *entries);
    int count = add_parameters(plan, entries);
    count += add_statistics(plan, entries + count);
    const char *const metadata[] = {"format", "pt", "producer", "normlab " NORMLAB_VERSION, NULL};
    int status = nl_safetensors_write(path, entries, count, metadata, err);
    for (int i = 0; i < count; i++)
        free(entries[i].data);
    free(entries);
    return status;
}
