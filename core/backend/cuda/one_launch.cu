/* Many steps of training in one launch, for networks that are small enough: a block of threads takes what a replica's
 * step works on into shared memory, goes through the list of calls, step after step, and puts back what outlives them.
 * A launch for each call costs more than a microsecond, and fetches from memory what the one before it has put there.
 *
 * The bits are those of the launches: operations are the same device functions, with as many threads to a sum, on
 * places that now lie in shared memory; a product sums over k in the same order. Where a call has another way there,
 * the list takes its launches (`encode`). */
#include "backend/cuda/one_launch.cuh"

#include <stdlib.h>
#include <string.h>

extern "C" {
extern const struct nl_kernel nl_cuda_activate, nl_cuda_add, nl_cuda_cross_entropy, nl_cuda_dropout, nl_cuda_linear,
    nl_cuda_normalize, nl_cuda_squared_error;
}

struct nl_executable {
    struct encoded_step step;
    struct word *word; /* on the device */
    size_t room;       /* bytes of shared memory */
};

/* A step that is being encoded. */
struct encoder {
    struct nl_executable *executable;
    const struct nl_step *of;
    struct nl_run run;
    struct word *word;   /* on the host */
    size_t scratch;      /* bytes of the call that needs most */
};

/* Appends a call: `bytes` of arguments, of which the first are the operation's own. Its places are the words that move
 * with the state. false: there is no room, or some lie elsewhere. */
static bool append(struct encoder *e, const struct nl_call *call, enum kind kind, const void *arguments, size_t bytes)
{
    const ptrdiff_t AWAY = (ptrdiff_t)1 << 40;
    struct encoded_step *step = &e->executable->step;
    size_t words = (bytes + 15) / 16 * 2, own = call->operation->arguments;
    struct nl_operands at = *call->at;
    void **place = (void **)&at;
    if (step->calls == MOST_CALLS)
        return false;
    for (size_t i = 0; i < offsetof(struct nl_operands, update) / sizeof *place; i++) {
        char *from = (char *)place[i];
        if (from && (from < e->of->begin || from >= e->of->end))
            return false;
        place[i] = from ? from + AWAY : NULL;
    }
    uint64_t *here = (uint64_t *)calloc(2 * words, sizeof *here), *away = here + words;
    NL_ASSERT(here);
    memcpy(here, arguments, bytes);
    memcpy(away, arguments, bytes);
    nl_bind(call->operation, away, &at);
    e->word = (struct word *)realloc(e->word, (step->words + words) * sizeof *e->word);
    NL_ASSERT(e->word && own <= bytes);
    for (size_t i = 0; i < words; i++) {
        bool is_place = here[i] != away[i];
        NL_ASSERT(!is_place || away[i] - here[i] == (uint64_t)AWAY);
        e->word[step->words + i] = {is_place ? here[i] - (uint64_t)(uintptr_t)e->of->begin : here[i], is_place};
    }
    free(here);
    step->call[step->calls++] = {kind, step->words};
    step->words += (unsigned)words;
    return true;
}

static void need(struct encoder *e, size_t scratch)
{
    e->scratch = max(e->scratch, scratch);
}

/* Sums of products must be of one piece in the launches, too. */
static bool append_linear(struct encoder *e, const struct nl_call *call, bool back)
{
    enum { MOST = 128 };
    const struct nl_linear *op = (const struct nl_linear *)call->arguments;
    if (op->precision != NL_FLOAT32 || op->in > MOST || op->out > MOST || nl_linear_rows(&e->run, op) > MOST)
        return false;
    if (back && op->dx)
        need(e, (size_t)op->out * turned_line(*op) * sizeof(float));
    return append(e, call, back ? LINEAR_BACK : LINEAR, op, sizeof *op);
}

static bool append_normalize(struct encoder *e, const struct nl_call *call, bool back)
{
    const struct nl_normalize *op = (const struct nl_normalize *)call->arguments;
    struct nl_layout layout = nl_cuda_layout_of(&e->run, op);
    if (!nl_cuda_has_own_kernels(op))
        return false;
    if (op->norm->tracks) {
        struct by_columns by = {*op, layout, nl_columns::tile_of(&layout)};
        bool fits = by.tile.chunks == 1 && by.tile.threads == NL_THREADS;
        return fits && append(e, call, back ? COLUMNS_BACK : COLUMNS_FORWARD, &by, sizeof by);
    }
    int each = nl_cuda_sets_of_warps(op, &layout);
    struct by_sets by = {*op, layout, nl_layout_sets(&layout), each == 4};
    if (back)
        need(e, by.sets * sizeof(struct nl_statistic));
    return each > 0 && append(e, call, back ? SETS_BACK : SETS_FORWARD, &by, sizeof by);
}

/* false: it is of a kind that a block does not do. */
static bool encode(struct encoder *e, const struct nl_call *call)
{
    static const struct {
        const struct nl_kernel *kernel;
        enum kind forward, back;
    } kinds[] = {
        {&nl_cuda_activate, ACTIVATE, ACTIVATE_BACK},
        {&nl_cuda_add, ADD, ADD_BACK},
        {&nl_cuda_cross_entropy, CROSS_ENTROPY, CROSS_ENTROPY},
        {&nl_cuda_dropout, DROPOUT, DROPOUT_BACK},
        {&nl_cuda_squared_error, SQUARED_ERROR, SQUARED_ERROR},
    };
    bool back = call->function == nl_cuda_linear.backward || call->function == nl_cuda_normalize.backward;
    if (back || call->function == nl_cuda_linear.forward || call->function == nl_cuda_normalize.forward)
        return (call->operation == &nl_linear_operation ? append_linear : append_normalize)(e, call, back);
    for (const auto &of : kinds)
        if (call->function == of.kernel->forward || call->function == of.kernel->backward)
            return append(e, call, call->function == of.kernel->forward ? of.forward : of.back, call->arguments,
                          call->operation->arguments);
    return false;
}

static bool encode_step(struct encoder *e, const struct nl_step *from)
{
    const struct nl_gather *gather = from->gather;
    const struct nl_update *update = from->update;
    bool done = gather->crop == 0 && !gather->flip && update->optimizer != NL_LARS && update->units == 0 &&
                !update->has_fractions;
    for (int i = 0; done && i < from->calls; i++)
        done = encode(e, &from->call[i]);
    return done;
}

/* Bytes of shared memory that a block may ask for, as it then may. */
static size_t most_room()
{
    struct cudaFuncAttributes kernel;
    int device = 0, most = 0;
    bool good = NL_GOOD(cudaGetDevice(&device)) &&
                NL_GOOD(cudaDeviceGetAttribute(&most, cudaDevAttrMaxSharedMemoryPerBlockOptin, device)) &&
                NL_GOOD(cudaFuncGetAttributes(&kernel, run_steps));
    most -= good ? (int)kernel.sharedSizeBytes : most;
    return good && NL_GOOD(cudaFuncSetAttribute(run_steps, cudaFuncAttributeMaxDynamicSharedMemorySize, most))
               ? (size_t)most
               : 0;
}

/* NORMLAB_CUDA_STEPS=launches: a step is always launches, to compare the two. */
static bool is_wanted()
{
    const char *wanted = getenv("NORMLAB_CUDA_STEPS");
    return !wanted || strcmp(wanted, "launches") != 0;
}

extern "C" struct nl_executable *nl_cuda_compile(const struct nl_step *from, const struct nl_run *run)
{
    struct nl_executable *executable = (struct nl_executable *)calloc(1, sizeof *executable);
    struct encoder e = {executable, from, *run, NULL, 0};
    size_t most = most_room();
    NL_ASSERT(executable);
    struct encoded_step *step = &executable->step;
    step->stride = run->stride;
    step->begin = from->begin;
    step->kept = (unsigned)(from->kept - from->begin);
    step->size = (unsigned)(from->end - from->begin);
    step->gather = *from->gather;
    step->update = *from->update;
    step->samples = run->samples;
    step->statistics = run->statistics;
    e.run.stride = 0; /* of places in the room */
    bool done = is_wanted() && (size_t)(from->end - from->begin) <= most && encode_step(&e, from);
    size_t bytes = step->words * sizeof *e.word;
    executable->room = step->size + step->words * sizeof(uint64_t) + e.scratch;
    done = done && executable->room <= most && (executable->word = (struct word *)nl_cuda_alloc(bytes));
    if (done) {
        nl_cuda_upload(executable->word, e.word, bytes);
        step->word = executable->word;
    } else {
        nl_cuda_discard(executable);
    }
    free(e.word);
    return done ? executable : NULL;
}

extern "C" void nl_cuda_execute(const struct nl_executable *executable, const struct nl_run *run, const int32_t *index,
                                    const struct nl_hyper *rates, int steps)
{
    NL_LAUNCH_WITH(run_steps, dim3(1, 1, (unsigned)run->replicas), NL_THREADS, executable->room, executable->step,
                   run->step, index, run->sums, rates, steps);
}

extern "C" void nl_cuda_discard(struct nl_executable *executable)
{
    if (executable && executable->word)
        nl_cuda_free(executable->word, 0);
    free(executable);
}
