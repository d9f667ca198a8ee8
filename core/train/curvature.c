/* Lanczos' method (1950) with full reorthogonalization, and Hutchinson's probes, of Hessian-vector products by complex
 * steps: with the parameters moved by i h v, gradients have h H v in their imaginary part.
 */
#include "train/curvature.h"

#include <math.h>
#include <stdlib.h>

#include "backend/ref/complex.h"
#include "base/memory.h"
#include "base/random.h"
#include "norm/whitening.h"
#include "train/aside.h"
#include "train/exact.h"

enum { MOST_STEPS = 100, STEPS_BETWEEN_LOOKS = 10 }; /* of Lanczos */
static const double converged = 1e-11;               /* residual of an eigenvalue, by the largest absolute one */
static const double step_of_derivative = 1e-100;

/* The block of the parameters [offset, offset + count). */
struct hessian {
    struct nl_exact exact;
    size_t offset, count;
    struct nl_stream stream;
};

/* out = H v */
static void multiply(const struct hessian *h, const double *v, double *out)
{
    size_t all = h->exact.plan.graph->count;
    double *numbers = nl_alloc(all, sizeof *numbers);
    for (size_t i = 0; i < h->count; i++)
        numbers[h->offset + i] = step_of_derivative * v[i];
    nl_complex_put_imaginary(h->exact.plan.parameters, numbers, all);
    nl_plan_forward(&h->exact.plan, &h->exact.plan.train, &h->exact.run);
    nl_plan_backward(&h->exact.plan, &h->exact.run);
    nl_complex_get_imaginary(numbers, h->exact.plan.update.grad, all);
    for (size_t i = 0; i < h->count; i++)
        out[i] = numbers[h->offset + i] / step_of_derivative;
    free(numbers);
}

static double dot(const double *x, const double *y, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += x[i] * y[i];
    return sum;
}

/* Twice is enough (Parlett 1980). */
static void make_orthogonal(double *x, const double *basis, int vectors, size_t count)
{
    for (int pass = 0; pass < 2; pass++)
        for (int k = 0; k < vectors; k++) {
            double part = dot(x, basis + (size_t)k * count, count);
            for (size_t i = 0; i < count; i++)
                x[i] -= part * basis[(size_t)k * count + i];
        }
}

/* The eigenvalues of a symmetric tridiagonal matrix, the largest first, and the last components of their vectors. */
static void solve(const double *diagonal, const double *beside, int size, double *value, double *last)
{
    size_t elements = (size_t)size * (size_t)size;
    double *a = nl_alloc(3 * elements + 4 * (size_t)size, sizeof *a), *vectors = a + elements, bound = 0;
    for (int i = 0; i < size; i++)
        bound = fmax(bound, fabs(diagonal[i]) + (i > 0 ? beside[i - 1] : 0) + (i + 1 < size ? beside[i] : 0));
    for (int i = 0; i < size; i++) {
        a[i * size + i] = diagonal[i] + bound; /* positive, as nl_diagonalize wants it */
        if (i + 1 < size)
            a[i * size + i + 1] = a[(i + 1) * size + i] = beside[i];
    }
    nl_diagonalize(size, a, vectors, vectors + elements);
    for (int k = 0; k < size; k++) { /* in order */
        int at = k;
        for (; at > 0 && value[at - 1] < a[k * size + k] - bound; at--) {
            value[at] = value[at - 1];
            last[at] = last[at - 1];
        }
        value[at] = a[k * size + k] - bound;
        last[at] = vectors[k * size + size - 1];
    }
    free(a);
}

/* Whether so many of the largest eigenvalues are known: the residual of each is beta times the last component of its
 * vector. */
static bool are_known(const double *value, const double *last, int size, int wanted, double beta)
{
    double largest = fmax(fabs(value[0]), fabs(value[size - 1]));
    bool known = size >= wanted;
    for (int i = 0; i < wanted && i < size; i++)
        known &= fabs(beta * last[i]) <= converged * largest;
    return known;
}

static struct nl_observed find_eigenvalues(const struct hessian *h)
{
    int most = h->count < MOST_STEPS ? (int)h->count : MOST_STEPS, size = 0,
        wanted = h->count < NL_EIGENVALUES ? (int)h->count : NL_EIGENVALUES;
    double *basis = nl_alloc((size_t)(most + 1) * h->count, sizeof *basis),
           *diagonal = nl_alloc((size_t)most, sizeof(double)), *beside = nl_alloc((size_t)most, sizeof(double)),
           *value = nl_alloc((size_t)most, sizeof(double)), *last = nl_alloc((size_t)most, sizeof(double));
    nl_stream_normals(h->stream, (uint64_t)h->exact.run.step, h->offset, h->count, basis);
    double length = sqrt(dot(basis, basis, h->count));
    for (size_t i = 0; i < h->count; i++)
        basis[i] /= length;
    for (bool known = false; !known && size < most;) {
        double *v = basis + (size_t)size * h->count, *next = v + h->count;
        multiply(h, v, next);
        diagonal[size] = dot(v, next, h->count);
        make_orthogonal(next, basis, size + 1, h->count);
        beside[size] = sqrt(dot(next, next, h->count));
        size++;
        bool ends = size == most || !(beside[size - 1] > 0);
        if (ends || size % STEPS_BETWEEN_LOOKS == 0) {
            solve(diagonal, beside, size, value, last);
            known = ends || are_known(value, last, size, wanted, beside[size - 1]);
        }
        for (size_t i = 0; i < h->count && !known; i++)
            next[i] /= beside[size - 1];
    }
    struct nl_observed seen = nl_look_at_whole((size_t)(size < wanted ? size : wanted), value, NULL);
    free(basis);
    free(diagonal);
    free(beside);
    free(value);
    free(last);
    return seen;
}

static struct nl_observed probe_trace(const struct hessian *h)
{
    double *z = nl_alloc(h->count, sizeof *z), *product = nl_alloc(h->count, sizeof *product), probe[NL_TRACE_PROBES];
    for (int p = 0; p < NL_TRACE_PROBES; p++) {
        for (size_t i = 0; i < h->count; i++) {
            uint64_t bits = nl_stream_bits(h->stream, (uint64_t)h->exact.run.step,
                                           ((uint64_t)1 << 62) + (uint64_t)p * h->count + i);
            z[i] = bits & 1 ? 1 : -1;
        }
        multiply(h, z, product);
        probe[p] = dot(z, product, h->count);
    }
    free(z);
    free(product);
    return nl_look_at_whole(NL_TRACE_PROBES, probe, NULL);
}

void nl_look_at_curvature(const struct nl_training *training, const struct nl_run *step, int replica,
                          struct nl_observed *seen)
{
    const struct nl_graph *graph = &training->graph;
    struct hessian h;
    nl_exact_make(&h.exact, training, step, replica, false);
    h.stream = nl_stream((uint64_t)training->active[replica]->config->train.seed, "curvature");
    for (int i = 0; i < training->plan.observers.count; i++) {
        const struct nl_observer *observer = &training->plan.observers.at[i];
        if (observer->aspect != NL_CURVATURE)
            continue;
        bool whole = observer->value == NL_NONE;
        const struct nl_tensor *tensor = whole ? NULL : &graph->tensor[graph->value[observer->value].tensor];
        h.offset = whole ? 0 : tensor->offset;
        h.count = whole ? graph->count : tensor->count;
        seen[i] = whole && observer->part == NL_CURVED_TRACE ? probe_trace(&h) : find_eigenvalues(&h);
    }
    nl_exact_release(&h.exact);
}
