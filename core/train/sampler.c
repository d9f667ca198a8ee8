/* Loads a language model, and predicts the next token from those that it was given. */
#include "train/sampler.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/elementary.h"
#include "base/memory.h"
#include "base/random.h"
#include "base/utf8.h"
#include "train/plan.h"
#include "train/schedule.h"
#include "train/weights.h"

enum { SAMPLES = 1 };

struct nl_sampler {
    struct nl_config config; /* as the plan is laid out */
    struct nl_dataset dataset; /* of one window of zeros: what a plan must be told of data */
    int32_t *numbers, none;
    struct nl_graph graph;
    struct nl_plan plan;
    int logits; /* the buffer of the evaluation program that the loss takes */
};

int nl_sampler_alphabet(const struct nl_config *config, const struct nl_tensor_file *file, const char *path,
                        struct nl_alphabet *out, struct nl_error *err)
{
    const char *codes = nl_safetensors_metadata(file, "alphabet");
    if (config->data.name == NL_NPY)
        return nl_fail(
            err, "'%s' learned your own files (data.name: npy), which do not say what text their ids stand for", path);
    if (config->data.name != NL_TEXT)
        return nl_fail(err, "'%s' is not a language model: it learned %s (data.name)", path,
                       nl_data_names[config->data.name]);
    if (config->data.unit == NL_UNIT_BYTE)
        return nl_alphabet_of("", 0, true, out, err);
    struct nl_text text = {0};
    char *end = NULL;
    for (const char *at = codes ? codes : ""; *at; at = end) {
        unsigned long code = strtoul(at, &end, 10);
        if (end == at || code > 0x10ffff) {
            nl_text_release(&text);
            return nl_fail(err, "'%s' is damaged: its 'alphabet' is not a list of characters", path);
        }
        nl_text_add_code(&text, (uint32_t)code);
    }
    int status = text.length ? nl_alphabet_of(text.at, text.length, false, out, err)
                             : nl_fail(err, "'%s' does not say which characters it knows ('alphabet')", path);
    nl_text_release(&text);
    return status;
}

/* A window of zeros, which is all three parts. */
static struct nl_split describe_data(struct nl_sampler *s, int vocabulary)
{
    int context = (int)s->config.data.context;
    s->numbers = nl_alloc((size_t)context, sizeof *s->numbers);
    s->dataset = (struct nl_dataset){.shape = {.height = context,
                                               .width = 1,
                                               .channels = 1,
                                               .classes = vocabulary,
                                               .vocabulary = vocabulary,
                                               .target = NL_TARGET_EACH},
                                     .name = "text",
                                     .count = SAMPLES,
                                     .rows = 2,
                                     .train_count = SAMPLES};
    s->dataset.row[0] = (struct nl_sample_rows){.input = "x", .width = context, .step = context, .at = s->numbers};
    s->dataset.row[1] = (struct nl_sample_rows){.input = "labels", .width = context, .step = context, .at = s->numbers};
    return (struct nl_split){.dataset = &s->dataset,
                             .train = &s->none,
                             .val = &s->none,
                             .test = &s->none,
                             .train_count = SAMPLES,
                             .test_count = SAMPLES};
}

static int lay_out(struct nl_sampler *s, const struct nl_split *view, const struct nl_tensor_file *file,
                   struct nl_error *err)
{
    const struct nl_config *config = &s->config;
    const struct nl_backend *backend = nl_device_begin(
        (enum nl_device_kind)config->device.kind, (int)config->device.index, (enum nl_gemm)config->device.gemm, err);
    if (!backend || nl_plan_make(&s->plan, backend, &s->graph, config, view, SAMPLES, 1, err))
        return NL_FAIL;
    nl_plan_write(&s->plan, 0, config, view);
    struct nl_hyper hyper = {.norm_eps = config->norm.eps};
    nl_norm_numbers_at(&(struct nl_schedule_of){.config = config, .steps = 1}, 1,
                       hyper.norm_numbers); /* as at the end of training */
    backend->upload(s->plan.hyper, &hyper, sizeof hyper);
    nl_weights_load(&s->plan, 0, file, 0);
    return NL_OK;
}

/* The logits at a position of the window that s->numbers holds. */
static int predict(const struct nl_sampler *s, int64_t position, double *logits, struct nl_error *err)
{
    const struct nl_plan *plan = &s->plan;
    const struct nl_program *program = &plan->eval.program;
    size_t context = (size_t)s->dataset.shape.height, vocabulary = (size_t)s->dataset.shape.vocabulary;
    for (int i = 0; i < plan->eval.gather.rows; i++)
        if (strcmp(plan->row_input[i], "x") == 0)
            plan->backend->upload(plan->eval.gather.row[i].to, s->numbers, context * sizeof *s->numbers);
    struct nl_run run = {.replicas = 1,
                         .stride = plan->stride,
                         .samples = SAMPLES,
                         .statistics = NL_STATS_RUNNING,
                         .sums = plan->eval_sums};
    nl_program_forward(program, &run);
    const char *all =
        program->instruction[program->instructions - 1].at.in[0]; /* the loss comes last, and takes the logits first */
    plan->backend->get_reals(logits, all + (size_t)position * vocabulary * plan->backend->real, vocabulary);
    if (nl_backend_status(plan->backend, err))
        return NL_FAIL;
    for (size_t k = 0; k < vocabulary; k++)
        if (!isfinite(logits[k]))
            return nl_fail(
                err, "the network's logits are not finite: its training diverged, or its weights are too large for %s",
                plan->backend->name);
    return NL_OK;
}

/* After the tokens stand zeros, at which no earlier position looks. */
int nl_sampler_logits(const struct nl_sampler *s, const int32_t *tokens, int64_t count, double *logits,
                      struct nl_error *err)
{
    int64_t context = s->dataset.shape.height, first = count > context ? count - context : 0, length = count - first;
    memset(s->numbers, 0, (size_t)context * sizeof *s->numbers);
    memcpy(s->numbers, tokens + first, (size_t)length * sizeof *s->numbers);
    return predict(s, length - 1, logits, err);
}

/* Whether the prediction at the first position depends on later tokens. */
static int check_ahead(const struct nl_sampler *s, const char *path, struct nl_error *err)
{
    int vocabulary = s->dataset.shape.vocabulary;
    double *logits = nl_alloc(2 * (size_t)vocabulary, sizeof *logits);
    int status = predict(s, 0, logits, err);
    for (int i = 1; i < s->dataset.shape.height; i++)
        s->numbers[i] = vocabulary - 1;
    if (status == NL_OK)
        status = predict(s, 0, logits + vocabulary, err);
    if (status == NL_OK && memcmp(logits, logits + vocabulary, (size_t)vocabulary * sizeof *logits) != 0)
        status = nl_fail(err, "'%s' cannot continue a text: each of its positions sees later ones", path);
    free(logits);
    return status;
}

struct nl_sampler *nl_sampler_open(const struct nl_config *config, int vocabulary, const struct nl_tensor_file *file,
                                   const char *path, struct nl_error *err)
{
    struct nl_sampler *s = nl_alloc(1, sizeof *s);
    s->config = *config;
    s->config.train.batch = s->config.train.accumulate = s->config.train.workers = SAMPLES; /* nothing is trained */
    s->config.norm.stat_batch = NL_AUTO;
    s->config.log.tensors.count = s->config.log.layers.count = 0;
    struct nl_split view = describe_data(s, vocabulary);
    if (nl_weights_network(&s->config, s->dataset.shape, file, path, &s->graph, err) || lay_out(s, &view, file, err) ||
        check_ahead(s, path, err)) {
        nl_sampler_free(s);
        return NULL;
    }
    return s;
}

void nl_sampler_free(struct nl_sampler *sampler)
{
    if (!sampler)
        return;
    nl_plan_release(&sampler->plan);
    nl_graph_release(&sampler->graph);
    free(sampler->numbers);
    free(sampler);
}

/* How many logits come before that of token k in the order of size, the first of equals first. */
static int rank_of(const double *logits, int vocabulary, int k)
{
    int rank = 0;
    for (int i = 0; i < vocabulary; i++)
        rank += logits[i] > logits[k] || (logits[i] == logits[k] && i < k);
    return rank;
}

int32_t nl_sample(const struct nl_token_draw *how, const double *logits, int vocabulary, int64_t draw)
{
    struct nl_stream stream = nl_stream(how->seed, "sample");
    int best = -1;
    double largest = 0;
    for (int k = 0; k < vocabulary; k++) {
        if (how->top > 0 && how->top < vocabulary && rank_of(logits, vocabulary, k) >= how->top)
            continue;
        double uniform =
            ((double)(nl_stream_bits(stream, (uint64_t)draw, (uint64_t)k) >> 12) + 0.5) * 0x1p-52; /* in (0, 1) */
        double value = how->temperature > 0 ? logits[k] / how->temperature - nl_log(-nl_log(uniform)) : logits[k];
        if (best < 0 || value > largest) {
            best = k;
            largest = value;
        }
    }
    return best;
}
