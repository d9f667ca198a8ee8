/* The same kernels from oneDNN (Debian's libdnnl), one thread; arguments, answers and numbers as kernel.c:
 *
 *     onednn bn   SAMPLES SIZE CHANNELS forward|backward blocked|nhwc     with its fused ReLU
 *     onednn conv SAMPLES SIZE CHANNELS forward|dx|dw    blocked|nhwc|winograd
 *
 * blocked: nChw16c, oneDNN's own layout; winograd: the same, by its Winograd F(4x4, 3x3), which computes fewer products
 * and rounds more; the others convolve directly. Weights are in whatever layout it prefers. Bringing tensors into a
 * layout is not timed.
 */
#include "answer.h"

#include <oneapi/dnnl/dnnl.h>
#include <string.h>

enum { KERNEL = 3, MOST = 12 };

static dnnl_engine_t engine;
static dnnl_stream_t stream;

static void must(dnnl_status_t status, const char *what)
{
    if (status != dnnl_success) {
        fprintf(stderr, "onednn: %s: status %d\n", what, (int)status);
        exit(1);
    }
}

struct call {
    dnnl_primitive_t primitive;
    int count;
    dnnl_exec_arg_t arg[MOST];
};

static void execute(void *context)
{
    struct call *call = context;
    must(dnnl_primitive_execute(call->primitive, stream, call->count, call->arg), "execute");
    must(dnnl_stream_wait(stream), "wait");
}

static dnnl_memory_desc_t describe(int dims, const dnnl_dim_t *dim, dnnl_format_tag_t tag)
{
    dnnl_memory_desc_t made;
    must(dnnl_memory_desc_init_by_tag(&made, dims, dim, dnnl_f32, tag), "describe");
    return made;
}

static dnnl_memory_t allocate(const dnnl_memory_desc_t *desc)
{
    dnnl_memory_t made;
    must(dnnl_memory_create(&made, desc, engine, DNNL_MEMORY_ALLOCATE), "allocate");
    return made;
}

static float *data(dnnl_memory_t memory)
{
    void *handle;
    must(dnnl_memory_get_data_handle(memory, &handle), "data");
    return handle;
}

static dnnl_memory_t as(dnnl_memory_t from, const dnnl_memory_desc_t *desc)
{
    const dnnl_memory_desc_t *given;
    must(dnnl_memory_get_memory_desc(from, &given), "describe");
    dnnl_memory_t to = allocate(desc);
    dnnl_primitive_desc_t pd;
    struct call call = {.count = 2, .arg = {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}}};
    must(dnnl_reorder_primitive_desc_create(&pd, given, engine, desc, engine, NULL), "reorder");
    must(dnnl_primitive_create(&call.primitive, pd), "reorder");
    execute(&call);
    return to;
}

/* An argument of the primitive in the layout it wants, from numbers in `plain`; factor 0: an output. Returns it. */
static dnnl_memory_t add(struct call *call, const_dnnl_primitive_desc_t pd, int name, const dnnl_memory_desc_t *plain,
                         size_t factor)
{
    const dnnl_memory_desc_t *wanted = dnnl_primitive_desc_query_md(pd, dnnl_query_exec_arg_md, name);
    dnnl_memory_t memory;
    if (factor) {
        dnnl_memory_t source = allocate(plain);
        float *x = data(source);
        for (size_t i = 0; i < dnnl_memory_desc_get_size(plain) / sizeof *x; i++)
            x[i] = number(i, factor);
        memory = as(source, wanted);
    } else {
        memory = allocate(wanted);
    }
    call->arg[call->count++] = (dnnl_exec_arg_t){name, memory};
    return memory;
}

static dnnl_memory_t add_filled(struct call *call, int name, int count, float value)
{
    dnnl_memory_desc_t wide = describe(1, (dnnl_dim_t[]){count}, dnnl_a);
    dnnl_memory_t memory = allocate(&wide);
    for (int i = 0; i < count; i++)
        data(memory)[i] = value;
    call->arg[call->count++] = (dnnl_exec_arg_t){name, memory};
    return memory;
}

static dnnl_primitive_desc_t plan(const void *op, dnnl_primitive_desc_t hint)
{
    dnnl_primitive_desc_t pd;
    must(dnnl_primitive_desc_create(&pd, op, NULL, engine, hint), "plan");
    return pd;
}

static void make(struct call *call, dnnl_primitive_desc_t pd)
{
    must(dnnl_primitive_create(&call->primitive, pd), "create");
    execute(call);
}

static struct call convolution(dnnl_dim_t samples, dnnl_dim_t size, int channels, const char *way,
                               dnnl_alg_kind_t algorithm, dnnl_format_tag_t tag)
{
    const dnnl_dim_t image[] = {samples, channels, size, size}, kernel[] = {channels, channels, KERNEL, KERNEL};
    const dnnl_dim_t stride[] = {1, 1}, pad[] = {KERNEL / 2, KERNEL / 2};
    dnnl_memory_desc_t x = describe(4, image, tag), w = describe(4, kernel, dnnl_format_tag_any);
    dnnl_memory_desc_t plain_x = describe(4, image, dnnl_nhwc), plain_w = describe(4, kernel, dnnl_hwio);
    dnnl_convolution_desc_t forward, backward;
    must(dnnl_convolution_forward_desc_init(&forward, dnnl_forward_training, algorithm, &x, &w, NULL, &x, stride, pad,
                                            pad),
         "conv");
    dnnl_primitive_desc_t hint = plan(&forward, NULL), pd = hint;
    struct call call = {0};
    dnnl_memory_t made;
    const dnnl_memory_desc_t *plain_made = &plain_x;
    if (!strcmp(way, "forward")) {
        add(&call, pd, DNNL_ARG_SRC, &plain_x, FACTOR_X);
        add(&call, pd, DNNL_ARG_WEIGHTS, &plain_w, FACTOR_W);
        made = add(&call, pd, DNNL_ARG_DST, NULL, 0);
    } else if (!strcmp(way, "dx")) {
        must(dnnl_convolution_backward_data_desc_init(&backward, algorithm, &x, &w, &x, stride, pad, pad), "conv dx");
        pd = plan(&backward, hint);
        add(&call, pd, DNNL_ARG_DIFF_DST, &plain_x, FACTOR_DY);
        add(&call, pd, DNNL_ARG_WEIGHTS, &plain_w, FACTOR_W);
        made = add(&call, pd, DNNL_ARG_DIFF_SRC, NULL, 0);
    } else {
        must(dnnl_convolution_backward_weights_desc_init(&backward, algorithm, &x, &w, NULL, &x, stride, pad, pad),
             "conv dw");
        pd = plan(&backward, hint);
        add(&call, pd, DNNL_ARG_SRC, &plain_x, FACTOR_X);
        add(&call, pd, DNNL_ARG_DIFF_DST, &plain_x, FACTOR_DY);
        made = add(&call, pd, DNNL_ARG_DIFF_WEIGHTS, NULL, 0);
        plain_made = &plain_w;
    }
    make(&call, pd);
    show(data(as(made, plain_made)));
    return call;
}

static struct call batch_norm(dnnl_dim_t samples, dnnl_dim_t size, int channels, const char *way, dnnl_format_tag_t tag)
{
    const dnnl_dim_t image[] = {samples, channels, size, size};
    const unsigned flags = dnnl_use_scale | dnnl_use_shift | dnnl_fuse_norm_relu;
    dnnl_memory_desc_t x = describe(4, image, tag), plain = describe(4, image, dnnl_nhwc);
    dnnl_batch_normalization_desc_t forward, backward;
    must(dnnl_batch_normalization_forward_desc_init(&forward, dnnl_forward_training, &x, 1e-5f, flags), "batch norm");
    dnnl_primitive_desc_t hint = plan(&forward, NULL);
    struct call first = {0};
    dnnl_memory_t source = add(&first, hint, DNNL_ARG_SRC, &plain, FACTOR_X),
                  made = add(&first, hint, DNNL_ARG_DST, NULL, 0);
    dnnl_memory_t workspace = add(&first, hint, DNNL_ARG_WORKSPACE, NULL, 0),
                  gamma = add_filled(&first, DNNL_ARG_SCALE, channels, 1.5f);
    dnnl_memory_t mean = add_filled(&first, DNNL_ARG_MEAN, channels, 0),
                  var = add_filled(&first, DNNL_ARG_VARIANCE, channels, 0);
    dnnl_memory_t beta = add_filled(&first, DNNL_ARG_SHIFT, channels, 0.25f);
    make(&first, hint);
    if (!strcmp(way, "forward")) {
        show(data(as(made, &plain)));
        return first;
    }
    must(dnnl_batch_normalization_backward_desc_init(&backward, dnnl_backward, &x, &x, 1e-5f, flags), "batch norm");
    dnnl_primitive_desc_t pd = plan(&backward, hint);
    struct call call = {.count = 6,
                        .arg = {{DNNL_ARG_SRC, source},
                                {DNNL_ARG_WORKSPACE, workspace},
                                {DNNL_ARG_SCALE, gamma},
                                {DNNL_ARG_MEAN, mean},
                                {DNNL_ARG_VARIANCE, var},
                                {DNNL_ARG_SHIFT, beta}}};
    add(&call, pd, DNNL_ARG_DIFF_DST, &plain, FACTOR_DY);
    made = add(&call, pd, DNNL_ARG_DIFF_SRC, NULL, 0);
    add_filled(&call, DNNL_ARG_DIFF_SCALE, channels, 0);
    add_filled(&call, DNNL_ARG_DIFF_SHIFT, channels, 0);
    make(&call, pd);
    show(data(as(made, &plain)));
    return call;
}

int main(int argc, char **argv)
{
    if (argc != 7 || (strcmp(argv[1], "conv") && strcmp(argv[1], "bn"))) {
        fprintf(stderr, "usage: onednn conv|bn SAMPLES SIZE CHANNELS WAY blocked|nhwc|winograd\n");
        return 2;
    }
    must(dnnl_engine_create(&engine, dnnl_cpu, 0), "engine");
    must(dnnl_stream_create(&stream, engine, dnnl_stream_default_flags), "stream");
    int samples = atoi(argv[2]), size = atoi(argv[3]), channels = atoi(argv[4]);
    dnnl_format_tag_t tag = strcmp(argv[6], "nhwc") ? dnnl_nChw16c : dnnl_nhwc;
    dnnl_alg_kind_t algorithm = strcmp(argv[6], "winograd") ? dnnl_convolution_direct : dnnl_convolution_winograd;
    struct call call = strcmp(argv[1], "conv") ? batch_norm(samples, size, channels, argv[5], tag)
                                               : convolution(samples, size, channels, argv[5], algorithm, tag);
    char line[64];
    while (fgets(line, sizeof line, stdin)) {
        printf("%.4f\n", 1e6 * time_calls(execute, &call, atof(line)));
        fflush(stdout);
    }
    return 0;
}
