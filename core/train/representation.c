/* Forward passes whose values are shown as soon as they are computed. The first is of the numbers as they are. In those
 * for the Jacobian J the input has i h v added, v random signs, so that every value has h J v in its imaginary part:
 * the expectation of |J v|^2 is the sum of the squared singular values of J (Hutchinson 1990).
 */
#include "train/representation.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "backend/ref/complex.h"
#include "base/memory.h"
#include "base/random.h"
#include "norm/whitening.h"
#include "train/aside.h"
#include "train/exact.h"

/* A derivative may be 1e150 times larger or smaller than the numbers that it is of, as it is after a thousand layers.
 */
static const double step_of_derivative = 1e-150;

static const double rounding = 1e-12; /* an eigenvalue smaller than so much of the largest is 0 */

struct walk {
    struct nl_viewer viewer;
    struct nl_exact exact;
    const struct nl_observers *wanted;
    struct nl_observed *seen;             /* (wanted) */
    int samples;                          /* of the batch */
    int probe;                            /* NL_NONE: the numbers as they are */
    double (*length)[NL_JACOBIAN_PROBES]; /* (wanted) |J v|^2 by the number of singular values */
    struct nl_stream stream;
    int moved;     /* the value that is the input of the Jacobian; NL_NONE: input 0, which is real */
    bool *looks[2]; /* (values) whether a pass of the numbers, and of the Jacobian, looks at it */
    double *entropy, *logit; /* of attention, since the value before */
    int queries, rooms;
    double **part; /* (values) of a batch that comes in parts: those that have come */
};

/* ---- numbers of a tensor: x (rows, width) ---- */

static double dot(const double *x, const double *y, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += x[i] * y[i];
    return sum;
}

/* The root mean square of each column. */
static struct nl_observed look_at_units(const double *x, size_t rows, size_t width)
{
    double *unit = nl_alloc(width, sizeof *unit);
    for (size_t r = 0; r < rows; r++)
        for (size_t i = 0; i < width; i++)
            unit[i] += x[r * width + i] * x[r * width + i];
    for (size_t i = 0; i < width; i++)
        unit[i] = sqrt(unit[i] / (double)rows);
    struct nl_observed seen = nl_look_at_whole(width, unit, NULL);
    free(unit);
    return seen;
}

/* Writes the mean cosine of each row that is not 0 with the others to out; returns how many there are. */
static size_t find_cosines(const double *x, size_t rows, size_t width, double *out)
{
    double *length = nl_alloc(rows, sizeof *length), *sum = nl_alloc(width, sizeof *sum);
    size_t kept = 0;
    for (size_t r = 0; r < rows; r++) {
        length[r] = sqrt(dot(x + r * width, x + r * width, width));
        for (size_t i = 0; length[r] > 0 && i < width; i++)
            sum[i] += x[r * width + i] / length[r];
        kept += length[r] > 0;
    }
    size_t at = 0;
    for (size_t r = 0; r < rows && kept > 1; r++)
        if (length[r] > 0)
            out[at++] = (dot(x + r * width, sum, width) / length[r] - 1) / (double)(kept - 1);
    free(length);
    free(sum);
    return at;
}

static struct nl_observed look_at_samples(const double *x, size_t samples, size_t width)
{
    double *cosine = nl_alloc(samples, sizeof *cosine);
    size_t count = find_cosines(x, samples, width, cosine);
    struct nl_observed seen = nl_look_at_whole(count, cosine, NULL);
    free(cosine);
    return seen;
}

/* One number a sample: the mean cosine between two of its tokens. */
static struct nl_observed look_at_tokens(const double *x, size_t samples, size_t tokens, size_t width)
{
    double *mean = nl_alloc(samples, sizeof *mean), *cosine = nl_alloc(tokens, sizeof *cosine);
    size_t kept = 0;
    for (size_t n = 0; n < samples; n++) {
        size_t count = find_cosines(x + n * tokens * width, tokens, width, cosine);
        double sum = 0;
        for (size_t i = 0; i < count; i++)
            sum += cosine[i];
        if (count > 0)
            mean[kept++] = sum / (double)count;
    }
    struct nl_observed seen = nl_look_at_whole(kept, mean, NULL);
    free(mean);
    free(cosine);
    return seen;
}

/* The eigenvalues of the covariance of the columns that can be other than 0: of C = X' X / (rows - 1), or of X X',
 * which has the same, where there are fewer rows. */
static struct nl_observed look_at_covariance(const double *x, size_t rows, size_t width)
{
    if (rows > NL_COVARIANCE_ROWS && width > NL_COVARIANCE_ROWS)
        rows = NL_COVARIANCE_ROWS;
    bool by_rows = rows < width;
    size_t size = by_rows ? rows : width;
    double *centered = nl_alloc(rows * width, sizeof *centered), *mean = nl_alloc(width, sizeof *mean),
           *c = nl_alloc(size * size, sizeof *c), *vectors = nl_alloc(size * size, sizeof *vectors),
           *scratch = nl_alloc(4 * size, sizeof *scratch);
    for (size_t r = 0; r < rows; r++)
        for (size_t i = 0; i < width; i++)
            mean[i] += x[r * width + i] / (double)rows;
    for (size_t r = 0; r < rows; r++)
        for (size_t i = 0; i < width; i++)
            centered[r * width + i] = x[r * width + i] - mean[i];
    double by = rows > 1 ? 1 / (double)(rows - 1) : NAN;
    for (size_t i = 0; by_rows && i < size; i++)
        for (size_t k = 0; k <= i; k++)
            c[i * size + k] = c[k * size + i] = by * dot(centered + i * width, centered + k * width, width);
    for (size_t r = 0; !by_rows && r < rows; r++)
        for (size_t i = 0; i < size; i++)
            for (size_t k = 0; k < size; k++)
                c[i * size + k] += by * centered[r * width + i] * centered[r * width + k];
    nl_diagonalize((int)size, c, vectors, scratch);
    double largest = 0;
    for (size_t i = 0; i < size; i++)
        largest = fmax(largest, c[i * (size + 1)]);
    for (size_t i = 0; i < size; i++)
        scratch[i] = c[i * (size + 1)] < rounding * largest ? 0 : c[i * (size + 1)];
    struct nl_observed seen = nl_look_at_whole(size, scratch, NULL);
    free(centered);
    free(mean);
    free(c);
    free(vectors);
    free(scratch);
    return seen;
}

/* How far the running means are from those of the columns, in standard deviations of these. */
static struct nl_observed look_at_drift(const struct nl_plan *plan, const struct nl_tracked *tracked, const double *x,
                                        size_t rows, size_t width)
{
    double *running = nl_alloc(width, sizeof *running);
    plan->backend->get_reals(running, nl_tensor_in(plan, 0, &plan->graph->tensor[tracked->mean]), width);
    for (size_t i = 0; i < width; i++) {
        double sum = 0, squares = 0;
        for (size_t r = 0; r < rows; r++)
            sum += x[r * width + i];
        double mean = sum / (double)rows;
        for (size_t r = 0; r < rows; r++)
            squares += (x[r * width + i] - mean) * (x[r * width + i] - mean);
        running[i] = (running[i] - mean) / sqrt(squares / (double)rows);
    }
    struct nl_observed seen = nl_look_at_whole(width, running, NULL);
    free(running);
    return seen;
}

/* The share of the rows of each column whose argument is where the function is flat. */
static struct nl_observed look_at_saturated(const struct nl_plan *plan, const struct nl_bounded *bounded,
                                            const double *x, size_t rows, size_t width)
{
    double *share = nl_alloc(width, sizeof *share), alpha = 1, shift = 0;
    if (bounded->alpha != NL_NONE)
        plan->backend->get_reals(&alpha, nl_tensor_in(plan, 0, &plan->graph->tensor[bounded->alpha]), 1);
    if (bounded->shift != NL_NONE)
        plan->backend->get_reals(&shift, nl_tensor_in(plan, 0, &plan->graph->tensor[bounded->shift]), 1);
    for (size_t i = 0; i < rows * width; i++) {
        double u = alpha * x[i] + shift;
        share[i % width] += isnan(u) ? NAN : fabs(u) >= bounded->flat;
    }
    for (size_t i = 0; i < width; i++)
        share[i] /= (double)rows;
    struct nl_observed seen = nl_look_at_whole(width, share, NULL);
    free(share);
    return seen;
}

/* x: a value of the network, of all samples. */
static struct nl_observed look_at(const struct nl_value *value, enum nl_aspect aspect, const double *x, size_t samples)
{
    size_t tokens = (size_t)nl_positions(value->extent), width = (size_t)value->extent.channels;
    if (aspect == NL_UNITS)
        return look_at_units(x, samples * tokens, width);
    if (aspect == NL_SAMPLES)
        return look_at_samples(x, samples, value->count);
    if (aspect == NL_TOKENS)
        return look_at_tokens(x, samples, tokens, width);
    if (aspect == NL_COVARIANCE)
        return look_at_covariance(x, samples * tokens, width);
    return nl_look_at_whole(samples * value->count, x, NULL);
}

/* ---- the pass ---- */

static const struct nl_graph *graph_of(const struct walk *walk)
{
    return walk->exact.plan.graph;
}

/* Imaginary parts of `count` numbers from number `first` of the input on: h v. */
static void move(const struct walk *walk, void *x, size_t first, size_t count)
{
    double *moved = nl_alloc(count, sizeof *moved);
    for (size_t i = 0; i < count; i++) {
        uint64_t bits = nl_stream_bits(
            walk->stream, (uint64_t)walk->exact.run.step * NL_JACOBIAN_PROBES + (uint64_t)walk->probe, first + i);
        moved[i] = bits & 1 ? step_of_derivative : -step_of_derivative;
    }
    nl_complex_put_imaginary(x, moved, count);
    free(moved);
}

/* The gradients of the weights, after a backward pass. */
static void look_at_gradients(struct walk *walk)
{
    const struct nl_plan *plan = &walk->exact.plan;
    double *gradient = nl_alloc(plan->graph->count, sizeof *gradient);
    plan->backend->get_reals(gradient, plan->update.grad, plan->graph->count);
    for (int i = 0; i < walk->wanted->count; i++) {
        const struct nl_observer *wanted = &walk->wanted->at[i];
        if (wanted->aspect != NL_GRADIENT_64)
            continue;
        const struct nl_tensor *tensor = &plan->graph->tensor[plan->graph->value[wanted->value].tensor];
        walk->seen[i] = nl_look_at_whole(tensor->count, gradient + tensor->offset, NULL);
    }
    free(gradient);
}

static size_t input_elements(const struct walk *walk)
{
    const struct nl_graph *graph = graph_of(walk);
    int value = walk->moved == NL_NONE ? graph->input[0].value : walk->moved;
    return (size_t)walk->samples * graph->value[value].count;
}

/* Whether an aspect is made of the numbers of a value. */
static bool is_of_values(enum nl_aspect aspect)
{
    return nl_sees_whole(aspect) && aspect != NL_ENTROPY && aspect != NL_LOGITS;
}

/* The value that an observer looks at: its own, or what comes into a normalizer or a function. */
static int watched(const struct walk *walk, const struct nl_observer *wanted)
{
    struct nl_tracked tracked;
    struct nl_bounded bounded;
    if (wanted->aspect == NL_DRIFT && nl_find_tracked(graph_of(walk), wanted->value, &tracked))
        return tracked.input;
    if (wanted->aspect == NL_FLAT && nl_find_bounded(graph_of(walk), wanted->value, &bounded))
        return bounded.input;
    return wanted->value;
}

/* The whole tensor is there. */
static void look(struct walk *walk, int value, const double *x)
{
    const struct nl_value *v = &graph_of(walk)->value[value];
    size_t samples = v->kind == NL_ACTIVATIONS ? (size_t)walk->samples : 1, outputs = samples * v->count,
           inputs = input_elements(walk);
    for (int i = 0; i < walk->wanted->count; i++) {
        const struct nl_observer *wanted = &walk->wanted->at[i];
        struct nl_tracked tracked;
        struct nl_bounded bounded;
        if (!is_of_values(wanted->aspect) || watched(walk, wanted) != value)
            continue;
        if ((wanted->aspect == NL_JACOBIAN) != (walk->probe != NL_NONE))
            continue;
        size_t width = (size_t)v->extent.channels;
        if (wanted->aspect == NL_DRIFT && nl_find_tracked(graph_of(walk), wanted->value, &tracked))
            walk->seen[i] = look_at_drift(&walk->exact.plan, &tracked, x, outputs / width, width);
        else if (wanted->aspect == NL_FLAT && nl_find_bounded(graph_of(walk), wanted->value, &bounded))
            walk->seen[i] = look_at_saturated(&walk->exact.plan, &bounded, x, outputs / width, width);
        else if (walk->probe == NL_NONE)
            walk->seen[i] = look_at(v, wanted->aspect, x, samples);
        else
            walk->length[i][walk->probe] = dot(x, x, outputs) / (double)(inputs < outputs ? inputs : outputs);
    }
}

static void attend(struct nl_viewer *viewer, double entropy, double largest)
{
    struct walk *walk = (struct walk *)viewer;
    if (walk->queries == walk->rooms) {
        walk->rooms = 2 * walk->rooms + 64;
        walk->entropy = nl_realloc(walk->entropy, (size_t)walk->rooms, sizeof *walk->entropy);
        walk->logit = nl_realloc(walk->logit, (size_t)walk->rooms, sizeof *walk->logit);
    }
    walk->entropy[walk->queries] = entropy;
    walk->logit[walk->queries++] = largest;
}

/* What its queries attended to, of all samples: its output comes right after them. */
static void look_at_attention(struct walk *walk, int value)
{
    for (int i = 0; walk->probe == NL_NONE && i < walk->wanted->count; i++) {
        enum nl_aspect aspect = walk->wanted->at[i].aspect;
        if (walk->wanted->at[i].value == value && (aspect == NL_ENTROPY || aspect == NL_LOGITS))
            walk->seen[i] =
                nl_look_at_whole((size_t)walk->queries, aspect == NL_ENTROPY ? walk->entropy : walk->logit, NULL);
    }
    walk->queries = 0;
}

static void show(struct nl_viewer *viewer, const struct nl_run *run, const struct nl_observed *seen, const void *x,
                 size_t rows, size_t count)
{
    struct walk *walk = (struct walk *)viewer;
    const struct nl_observer *observer = &walk->exact.plan.observers.at[seen - walk->exact.plan.observed];
    int value = observer->value;
    bool parameter = graph_of(walk)->value[value].kind == NL_PARAMETER;
    size_t first = parameter ? 0 : (size_t)run->first * count;
    if (observer->element != NL_NONE)
        return;
    if (walk->probe != NL_NONE && value == walk->moved)
        move(walk, (void *)(uintptr_t)x, first, rows * count);
    if (nl_is_attention(graph_of(walk), value) && run->first + (int)rows == walk->samples)
        look_at_attention(walk, value);
    if (!walk->looks[walk->probe != NL_NONE][value])
        return;
    if (!walk->part[value])
        walk->part[value] = nl_alloc((parameter ? 1 : (size_t)walk->samples) * count, sizeof(double));
    if (walk->probe == NL_NONE)
        walk->exact.plan.backend->get_reals(walk->part[value] + first, x, rows * count);
    else
        nl_complex_get_imaginary(walk->part[value] + first, x, rows * count);
    for (size_t i = first; walk->probe != NL_NONE && i < first + rows * count; i++)
        walk->part[value][i] /= step_of_derivative;
    if (!parameter && run->first + (int)rows < walk->samples)
        return;
    look(walk, value, walk->part[value]);
    free(walk->part[value]);
    walk->part[value] = NULL;
}

static void go(void *context)
{
    struct walk *walk = context;
    struct nl_plan *plan = &walk->exact.plan;
    nl_plan_gather(plan, &plan->train, &walk->exact.run);
    if (walk->probe != NL_NONE && walk->moved == NL_NONE)
        move(walk, plan->train.gather.x, 0, input_elements(walk));
    nl_program_forward(&plan->train.observed_program, &walk->exact.run);
    if (walk->probe == NL_NONE && nl_observes_any(walk->wanted, NL_GRADIENT_64)) {
        nl_plan_backward(plan, &walk->exact.run);
        look_at_gradients(walk);
    }
}

void nl_look_at_representations(const struct nl_training *training, const struct nl_run *step, int replica,
                                struct nl_observed *seen)
{
    struct walk walk = {
        .viewer = {show, attend}, .wanted = &training->plan.observers, .seen = seen, .samples = step->samples};
    nl_exact_make(&walk.exact, training, step, replica, true);
    walk.exact.run.viewer = &walk.viewer;
    walk.moved = nl_graph_first_real(&training->graph);
    walk.stream = nl_stream((uint64_t)training->active[replica]->config->train.seed, "jacobian");
    walk.length = nl_alloc((size_t)walk.wanted->count, sizeof *walk.length);
    walk.part = nl_alloc((size_t)training->graph.values, sizeof *walk.part);
    for (int pass = 0; pass < 2; pass++)
        walk.looks[pass] = nl_alloc((size_t)training->graph.values, sizeof **walk.looks);
    for (int i = 0; i < walk.wanted->count; i++)
        if (is_of_values(walk.wanted->at[i].aspect))
            walk.looks[walk.wanted->at[i].aspect == NL_JACOBIAN][watched(&walk, &walk.wanted->at[i])] = true;
    bool derives = nl_observes_any(walk.wanted, NL_JACOBIAN);
    for (walk.probe = NL_NONE; walk.probe < (derives ? NL_JACOBIAN_PROBES : 0); walk.probe++)
        nl_aside(&walk.exact.plan, go, &walk);
    for (int i = 0; i < walk.wanted->count; i++)
        if (walk.wanted->at[i].aspect == NL_JACOBIAN)
            seen[i] = nl_look_at_whole(NL_JACOBIAN_PROBES, walk.length[i], NULL);
    free(walk.length);
    free(walk.part);
    free(walk.entropy);
    free(walk.logit);
    free(walk.looks[0]);
    free(walk.looks[1]);
    nl_exact_release(&walk.exact);
}
