/* Times a normalizer of any kind alone, by the kernels that training runs, on images SIZE x SIZE, channels last:
 *
 *     layer kinds                                            all kinds, one a line
 *     layer KIND SAMPLES SIZE CHANNELS forward|backward      as a layer begins: answers as answer.h tells, y or dx
 *
 * cbn is timed in a full window, whose other batches were 0, and without compensation: no layer stands in front, whose
 * work that is.
 */
#include "answer.h"

#include <string.h>

#include "backend/backend.h"
#include "model/model.h"
#include "train/schedule.h"

static const struct nl_backend *const backend = &nl_backend_cpu;

struct layer {
    struct nl_graph graph;
    struct nl_operands at;
    struct nl_run run;
    const struct nl_kernel *kernel;
};

static void die(const char *what)
{
    fprintf(stderr, "layer: %s\n", what);
    exit(1);
}

/* As a training has it, zeroed. */
static void *need(size_t bytes)
{
    void *memory = backend->alloc(bytes);
    if (!memory)
        die("out of memory");
    return memset(memory, 0, bytes);
}

static float *numbers(size_t count, size_t factor)
{
    float *x = need(count * sizeof *x);
    for (size_t i = 0; i < count; i++)
        x[i] = number(i, factor);
    return x;
}

/* A tensor with its first value everywhere. */
static void *placed(const struct nl_tensor *tensor)
{
    void *memory = need(tensor->count * nl_type_bytes(tensor->spec.type, backend));
    for (size_t i = 0; i < tensor->count && tensor->spec.type == NL_TENSOR_REAL; i++)
        ((float *)memory)[i] = (float)tensor->spec.initial;
    for (size_t i = 0; i < tensor->count && tensor->spec.type == NL_TENSOR_DOUBLE; i++)
        ((double *)memory)[i] = tensor->spec.initial;
    return memory;
}

/* As at the end of a training. */
static struct nl_hyper *hyper_of(const struct nl_config *config)
{
    struct nl_hyper *hyper = need(sizeof *hyper);
    hyper->norm_eps = config->norm.eps;
    hyper->norm_momentum = config->norm.momentum;
    nl_norm_numbers_at(&(struct nl_schedule_of){.config = config, .steps = 1}, 1, hyper->norm_numbers);
    return hyper;
}

static void lay_out(struct layer *layer, const struct nl_config *config, size_t count)
{
    const struct nl_graph *graph = &layer->graph;
    const struct nl_graph_node *node = &graph->node[0];
    struct nl_operands *at = &layer->at;
    at->in[0] = numbers(count, FACTOR_X);
    at->d_out[0] = numbers(count, FACTOR_DY);
    at->out[0] = need(count * sizeof(float));
    at->d_in[0] = need(count * sizeof(float));
    at->hyper = hyper_of(config);
    for (int slot = 1; slot < node->operation->slots; slot++)
        if (node->in[slot] != NL_NONE) {
            const struct nl_tensor *tensor = &graph->tensor[graph->value[node->in[slot]].tensor];
            at->in[slot] = placed(tensor);
            at->d_in[slot] = placed(tensor);
        }
    for (int i = 0; i < node->states; i++)
        at->state[i] = placed(&graph->tensor[node->state[i]]);
    if (node->operation->prepare)
        node->operation->prepare(node->arguments, layer->run.samples, false);
    for (int i = 0; i < node->operation->saved; i++) {
        size_t bytes = node->operation->saved_bytes(node->arguments, i, layer->run.samples, backend->statistic);
        at->saved[i] = bytes ? need(bytes) : NULL;
    }
    nl_bind(node->operation, node->arguments, at);
    layer->kernel = nl_kernel_of(backend, node->operation, node->arguments);
}

static void forward(void *context)
{
    struct layer *layer = context;
    layer->kernel->forward(&layer->run, layer->graph.node[0].arguments);
}

static void backward(void *context)
{
    struct layer *layer = context;
    layer->kernel->backward(&layer->run, layer->graph.node[0].arguments);
}

static void show_kinds(void)
{
    for (int i = 0; nl_norms[i]; i++)
        if (!nl_norm_is_none(nl_norms[i]))
            printf("%s\n", nl_norms[i]->name);
}

int main(int argc, char **argv)
{
    struct nl_error err;
    struct nl_config config;
    if (argc == 2 && strcmp(argv[1], "kinds") == 0) {
        show_kinds();
        return 0;
    }
    if (argc != 6)
        die("usage: layer kinds | layer KIND SAMPLES SIZE CHANNELS forward|backward");
    nl_config_defaults(&config);
    for (config.norm.kind = 0; nl_norm_names[config.norm.kind] && strcmp(nl_norm_names[config.norm.kind], argv[1]) != 0;
         config.norm.kind++)
        ;
    const int size = atoi(argv[3]), channels = atoi(argv[4]);
    struct layer layer = {.run = {.replicas = 1, .samples = atoi(argv[2]), .step = 1000, .statistics = NL_STATS_TRAIN}};
    config.norm.compensate = false;
    if (!nl_norm_names[config.norm.kind] || backend->thread_begin(0, &err) != NL_OK ||
        nl_model_norm(&config, (struct nl_extent){size, size, channels}, false, &layer.graph, &err) != NL_OK ||
        layer.graph.nodes != 1)
        die("there is no such layer");
    lay_out(&layer, &config, (size_t)layer.run.samples * (size_t)(size * size * channels));
    forward(&layer);
    backward(&layer);
    const bool is_forward = strcmp(argv[5], "forward") == 0;
    show(is_forward ? layer.at.out[0] : layer.at.d_in[0]);
    char line[64];
    while (fgets(line, sizeof line, stdin)) {
        printf("%.4f\n", 1e6 * time_calls(is_forward ? forward : backward, &layer, atof(line)));
        fflush(stdout);
    }
    return 0;
}
