/* torch.optim.Muon (Jordan et al. 2024) for the weights of hidden layers, and AdamW for all else, with the same
 * learning rate: embeddings, the head, biases, gammas and betas. A convolution's weight is the matrix of its outputs by
 * all its inputs.
 *
 *     m = momentum m + (1 - momentum) g;  u = m, or with nesterov (1 - momentum) g + momentum m
 *     w = w (1 - lr wd) - lr sqrt(max(1, outputs / inputs)) orthogonal(u)
 *
 * orthogonal(u) is near to the orthogonal matrix that is nearest to u: X = u / ||u||, then five times X = a X + (b A +
 * c A A) X with A = X X', which take all singular values to about 1 (Newton and Schulz; a, b and c are those of the
 * authors). */
#include <stdlib.h>

#include "base/memory.h"
#include "optimizer/moments.h"

enum { ITERATIONS = 5 };
static const double of_x = 3.4445, of_gram = -4.7750, of_square = 2.0315, shortest = 1e-7;

/* to (columns, rows) becomes from (rows, columns) the other way round. */
static void transpose(size_t rows, size_t columns, const real *from, real *to)
{
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < columns; j++)
            to[j * rows + i] = from[i * columns + j];
}

/* x (rows, columns), of no more rows than columns, in place. room: of as many numbers, and of 2 rows x rows more. */
static void orthogonalize(const struct nl_tensor_step *step, size_t rows, size_t columns, real *x, real *room)
{
    size_t count = rows * columns;
    real *gram = room + count, *square = gram + rows * rows;
    accumulator length = nl_length(x, count);
    for (size_t i = 0; i < count; i++)
        x[i] /= real_part(length) > shortest ? length : shortest;
    for (int n = 0; n < ITERATIONS; n++) {
        step->multiply(rows, rows, columns, x, x, true, gram);
        step->multiply(rows, rows, rows, gram, gram, false, square);
        for (size_t i = 0; i < rows * rows; i++)
            gram[i] = of_gram * gram[i] + of_square * square[i];
        step->multiply(rows, columns, rows, gram, x, false, room);
        for (size_t i = 0; i < count; i++)
            x[i] = of_x * x[i] + room[i];
    }
}

NL_STEP(muon)
{
    const struct nl_hyper *hyper = step->hyper;
    if (step->columns == 0) {
        nl_step_by_moments(step, true);
        return;
    }
    size_t count = step->count, outputs = step->columns, inputs = count / outputs,
           rows = outputs < inputs ? outputs : inputs;
    const real *grad = step->grad;
    real *w = step->w, *mean = step->first, *turned = nl_alloc(3 * count + 2 * rows * rows, sizeof *turned),
         *u = turned + count, *room = u + count;
    for (size_t i = 0; i < count; i++) {
        mean[i] += (1.0 - hyper->momentum) * (grad[i] - mean[i]);
        u[i] = step->nesterov ? grad[i] + hyper->momentum * (mean[i] - grad[i]) : mean[i];
    }
    if (outputs < inputs) { /* they lie as inputs x outputs */
        transpose(inputs, outputs, u, turned);
        orthogonalize(step, outputs, inputs, turned, room);
        transpose(outputs, inputs, turned, u);
    } else {
        orthogonalize(step, inputs, outputs, u, room);
    }
    double ratio = (double)outputs / (double)inputs, lr = hyper->lr * sqrt(ratio > 1.0 ? ratio : 1.0);
    for (size_t i = 0; i < count; i++)
        w[i] = w[i] * (1.0 - hyper->lr * step->decay) - lr * u[i];
    free(turned);
}

NL_OPTIMIZER(muon) = {.keys = NL_BY_MOMENTUM | NL_BY_NESTEROV | NL_BY_BETA1 | NL_BY_BETA2 | NL_BY_EPS,
                      .kept = 2,
                      .decoupled = true,
                      .scale_power = 1,
                      .step = NL_STEPS(muon)};
