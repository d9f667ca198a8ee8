/* From the covariance of a group of channels to the matrix W that whitens it, xhat = W (x - mean), and back. Of d
 * channels, with S = covariance + eps I:
 *
 *     NL_WHITEN_ZCA     W = S^(-1/2) = U D^(-1/2) U', where S = U D U' and the columns of U are eigenvectors
 *     NL_WHITEN_PCA     W = D^(-1/2) U', eigenvalues in descending order; of each eigenvector the component that is
 * largest in magnitude is positive NL_WHITEN_NEWTON  W = P_T / sqrt(tr S) with P_0 = I, P_(k+1) = (3 P_k - P_k^3 S_N) /
 * 2 and S_N = S / tr S, which tends to S^(-1/2) as T grows
 *
 * The last is computed as P_(k+1) = M_k P_k and Y_(k+1) = Y_k M_k, with Y_0 = S_N and M_k = (3 I - P_k Y_k) / 2. These
 * are the same numbers, for Y_k = S_N P_k, but rounding stays where it is; in P_k^3 S_N it grows with each iteration by
 * half the condition of S (Higham, Functions of Matrices, section 6.4).
 *
 * Backward, from dW to dS, of which only the symmetric part counts. With H = U' dW U, r the inverse roots of the
 * eigenvalues, and products element by element where an index says so:
 *
 *     NL_WHITEN_ZCA     dS = U X U', X_ij = -r_i^2 r_j^2 / (r_i + r_j) H_ij: the divided difference of s^(-1/2), in
 * which no difference of eigenvalues stands, so that equal ones are no trouble NL_WHITEN_PCA     dS = U X U', X_ij =
 * r_j (U' dW')_ij / (s_j - s_i), X_jj = -r_j^3 (U' dW')_jj / 2. Of two equal eigenvalues the eigenvectors have no
 *                       derivative: X_ij is 0 there, and as large as 1 / (s_j - s_i) where they are nearly equal
 *     NL_WHITEN_NEWTON  dP_T = dW / sqrt(tr S), dY_T = 0, then from k = T - 1 down to 0: dM = dP_(k+1) P_k + Y_k
 * dY_(k+1), dP_k = M_k dP_(k+1) - dM Y_k / 2, dY_k = dY_(k+1) M_k - P_k dM / 2; last dS = dY_0 / tr S - (tr(dY_0 S_N) /
 * tr S + tr(dW P_T) / (2 (tr S)^(3/2))) I
 *
 * Eigenvalues of the covariance that rounding may have made (below d 2^-52 of the largest) are 0. Where an eigenvalue +
 * eps is 0, r is 0: nothing comes of a direction in which the batch does not vary, forward or backward, as nl_rstd has
 * it. So it is with NL_WHITEN_NEWTON where tr S is 0.
 *
 * Eigenvalues come from cyclic Jacobi rotations. They are exact to rounding, and in complex numbers they leave the
 * imaginary part of the matrix in the basis of the real part's eigenvectors. What is off the diagonal there is a
 * perturbation of first order, which is all of it at 1e-100.
 *
 * This file is compiled for real numbers, for complex ones and for a GPU. There the threads of a block share each loop
 * NL_SHARE; all of them come to NL_MEET.
 */
#ifndef NL_NORM_WHITENING_H
#define NL_NORM_WHITENING_H

#include <stddef.h>

#include "norm/coefficients.h"

#ifdef __cplusplus
#define NL_SHARE(i, count) for (int i = (int)threadIdx.x; i < (count); i += (int)blockDim.x)
#define NL_MEET() __syncthreads()
#define NL_ON_DEVICE __device__
#else
#define NL_SHARE(i, count) for (int i = 0; i < (count); i++)
#define NL_MEET() ((void)0)
#define NL_ON_DEVICE
#endif

#ifdef NL_COMPLEX_NUMBERS
#define nl_imaginary(x) ((x)-creal(x))
#else
#define nl_imaginary(x) 0.0
#endif

struct nl_whitening_form {
    enum nl_whitening_kind kind;
    int width;      /* d */
    int iterations; /* T of NL_WHITEN_NEWTON */
    double eps;
};

/* Matrices are (d, d), row by row. */
enum { NL_WHITENING_SCRATCH = 4 };  /* of work, in matrices */
enum { NL_MOST_SWEEPS = 40 };   /* over all pairs of rows and columns. Measured: 8 with 16 channels, 11 with 256 */

/* Numbers that forward leaves to backward: of an eigendecomposition U' and U' S U, whose diagonal are the eigenvalues
 * without eps; else P, Y and M of each iteration, P_T and tr S. */
static inline size_t nl_whitening_factors(enum nl_whitening_kind kind, int width, int iterations)
{
    size_t square = (size_t)width * (size_t)width;
    return kind == NL_WHITEN_NEWTON ? (3 * (size_t)iterations + 1) * square + 1 : 2 * square;
}

/* ---- matrices ---- */

/* out = a b, or a' b. */
static inline NL_ON_DEVICE void nl_multiply(int d, const nl_number *a, bool turned, const nl_number *b, nl_number *out)
{
    NL_SHARE(i, d)
    {
        nl_number *row = out + i * d;
        for (int j = 0; j < d; j++)
            row[j] = 0;
        for (int k = 0; k < d; k++) {
            nl_number factor = turned ? a[k * d + i] : a[i * d + k];
            for (int j = 0; j < d; j++)
                row[j] += factor * b[k * d + j];
        }
    }
    NL_MEET();
}

static inline NL_ON_DEVICE void nl_transpose(int d, const nl_number *a, nl_number *out)
{
    NL_SHARE(e, d * d) out[e] = a[e % d * d + e / d];
    NL_MEET();
}

static inline NL_ON_DEVICE void nl_make_symmetric(int d, nl_number *a)
{
    NL_SHARE(e, d * d)
    {
        int i = e / d, j = e % d;
        if (i < j)
            a[e] = a[j * d + i] = (a[e] + a[j * d + i]) / 2;
    }
    NL_MEET();
}

static inline NL_ON_DEVICE nl_number nl_trace(int d, const nl_number *a)
{
    nl_number trace = 0;
    for (int i = 0; i < d; i++)
        trace += a[i * (d + 1)];
    return trace;
}

static inline NL_ON_DEVICE nl_number nl_dot(int count, const nl_number *a, const nl_number *b)
{
    nl_number dot = 0;
    for (int e = 0; e < count; e++)
        dot += a[e] * b[e];
    return dot;
}

/* ---- eigenvalues ---- */

static inline NL_ON_DEVICE double nl_largest_eigenvalue(int d, const nl_number *rotated)
{
    double largest = 0;
    for (int i = 0; i < d; i++)
        largest = fmax(largest, nl_real_part(rotated[i * (d + 1)]));
    return largest;
}

/* Turns rows p and q of a by the angle of cosine c and sine s. */
static inline NL_ON_DEVICE void nl_rotate_rows(int d, nl_number *a, int p, int q, double c, double s)
{
    nl_number *at_p = a + p * d, *at_q = a + q * d;
    NL_SHARE(k, d)
    {
        nl_number x = at_p[k], y = at_q[k];
        at_p[k] = c * x - s * y;
        at_q[k] = s * x + c * y;
    }
}

/* A rotation of rows, and then of columns, p and q by the angle of cosine c and sine s. */
struct nl_rotation {
    int q;
    double c, s;
};

/* That after which a_pq is 0 (Golub and Van Loan, Matrix Computations, algorithm 8.5.1). false: it is 0 to rounding. */
static inline NL_ON_DEVICE bool nl_find_rotation(int d, const nl_number *a, int p, int q, double negligible,
                                                 struct nl_rotation *rotation)
{
    double off = nl_real_part(a[p * d + q]), apart = nl_real_part(a[q * (d + 1)]) - nl_real_part(a[p * (d + 1)]);
    if (!(fabs(off) > negligible))
        return false;
    double tau = apart / (2 * off), t = (tau < 0 ? -1 : 1) / (fabs(tau) + sqrt(1 + tau * tau));
    rotation->q = q;
    rotation->c = 1 / sqrt(1 + t * t);
    rotation->s = t * rotation->c;
    return true;
}

#ifdef __cplusplus
/* Makes a_pq 0 for each q > p, one after the other. true: there was something to rotate. */
static inline NL_ON_DEVICE bool nl_clear_row(int d, nl_number *a, nl_number *vectors, int p, double negligible,
                                             nl_number *scratch)
{
    bool rotated = false;
    (void)scratch;
    for (int q = p + 1; q < d; q++) {
        struct nl_rotation rotation;
        bool rotates = nl_find_rotation(d, a, p, q, negligible, &rotation);
        NL_MEET();
        if (!rotates)
            continue;
        nl_rotate_rows(d, a, p, q, rotation.c, rotation.s);
        nl_rotate_rows(d, vectors, p, q, rotation.c, rotation.s);
        NL_MEET();
        NL_SHARE(k, d)
        {
            nl_number x = a[k * d + p], y = a[k * d + q];
            a[k * d + p] = rotation.c * x - rotation.s * y;
            a[k * d + q] = rotation.s * x + rotation.c * y;
        }
        NL_MEET();
        rotated = true;
    }
    return rotated;
}
#else
enum { NL_ROTATED_ROWS = 4 }; /* at a time */

/* The columns of so many rows, one rotation after the other. */
static inline void nl_rotate_columns(int d, nl_number *a, int rows, int p, const struct nl_rotation *rotation,
                                     int count)
{
    nl_number at_p[NL_ROTATED_ROWS];
    for (int r = 0; r < rows; r++)
        at_p[r] = a[r * d + p];
    for (int i = 0; i < count; i++)
        for (int r = 0; r < rows; r++) {
            nl_number x = at_p[r], *at_q = a + r * d + rotation[i].q, y = *at_q;
            at_p[r] = rotation[i].c * x - rotation[i].s * y;
            *at_q = rotation[i].s * x + rotation[i].c * y;
        }
    for (int r = 0; r < rows; r++)
        a[r * d + p] = at_p[r];
}

static inline void nl_rotate_block(int d, nl_number *a, int rows, int p, const struct nl_rotation *rotation, int count)
{
    if (rows == NL_ROTATED_ROWS) /* a constant, so that the rows' chains stand side by side */
        nl_rotate_columns(d, a, NL_ROTATED_ROWS, p, rotation, count);
    else
        nl_rotate_columns(d, a, rows, p, rotation, count);
}

static inline int nl_rows_of_block(int first, int end)
{
    return end - first < NL_ROTATED_ROWS ? end - first : NL_ROTATED_ROWS;
}

/* Clears a row by the same numbers in the same order. But the columns of row q wait until a_pq is looked at: then
 * they take all rotations before, and the later ones at the end, so that memory is read along rows. scratch: (4 d). */
static inline bool nl_clear_row(int d, nl_number *a, nl_number *vectors, int p, double negligible, nl_number *scratch)
{
    struct nl_rotation *rotation = (struct nl_rotation *)scratch;
    int count = 0, seen = 0;
    for (int first = p + 1; first < d; first += NL_ROTATED_ROWS) {
        int rows = nl_rows_of_block(first, d);
        nl_rotate_block(d, a + first * d, rows, p, rotation, count);
        for (int q = first; q < first + rows; q++) {
            if (!nl_find_rotation(d, a, p, q, negligible, &rotation[count]))
                continue;
            nl_rotate_rows(d, a, p, q, rotation[count].c, rotation[count].s);
            nl_rotate_rows(d, vectors, p, q, rotation[count].c, rotation[count].s);
            nl_rotate_block(d, a + first * d, rows, p, rotation + count, 1);
            nl_rotate_columns(d, a + p * d, 1, p, rotation + count, 1);
            count++;
        }
    }
    for (int first = 0; count > 0 && first < p; first += NL_ROTATED_ROWS)
        nl_rotate_block(d, a + first * d, nl_rows_of_block(first, p), p, rotation, count);
    for (int first = p + 1; first < d; first += NL_ROTATED_ROWS) {
        int rows = nl_rows_of_block(first, d);
        while (seen < count && rotation[seen].q < first + rows)
            seen++;
        nl_rotate_block(d, a + first * d, rows, p, rotation + seen, count - seen);
    }
    return count > 0;
}
#endif

/* Makes a symmetric matrix diagonal by rotations: a becomes vectors a vectors', the rows of `vectors` are the
 * eigenvectors. scratch: (4 d). */
static inline NL_ON_DEVICE void nl_diagonalize(int d, nl_number *a, nl_number *vectors, nl_number *scratch)
{
    double negligible = ldexp(nl_real_part(nl_trace(d, a)), -56);
    bool turned = true;
    NL_SHARE(e, d * d) vectors[e] = e % (d + 1) == 0;
    NL_MEET();
    for (int sweep = 0; turned && sweep < NL_MOST_SWEEPS; sweep++) {
        turned = false;
        for (int p = 0; p < d - 1; p++)
            turned |= nl_clear_row(d, a, vectors, p, negligible, scratch);
    }
}

/* The eigenvalues, with eps, and their inverse roots: (d) each. */
static inline NL_ON_DEVICE void nl_find_roots(const struct nl_whitening_form *form, const nl_number *rotated,
                                              nl_number *values, nl_number *roots)
{
    double noise = form->width * ldexp(nl_largest_eigenvalue(form->width, rotated), -52);
    NL_SHARE(i, form->width)
    {
        nl_number value = rotated[i * (form->width + 1)];
        values[i] = (nl_real_part(value) < noise ? nl_imaginary(value) : value) + form->eps;
        roots[i] = 0;
        if (nl_real_part(values[i]) != 0)
            roots[i] = 1.0 / sqrt(values[i]);
    }
    NL_MEET();
}

/* (s^(-1/2) - t^(-1/2)) / (s - t), of the inverse roots a and b. */
static inline NL_ON_DEVICE nl_number nl_root_slope(nl_number a, nl_number b)
{
    if (nl_real_part(a) == 0 || nl_real_part(b) == 0)
        return 0;
    return -a * a * b * b / (a + b);
}

/* ---- ZCA and PCA ---- */

#ifdef NL_COMPLEX_NUMBERS
/* The second divided difference of s^(-1/2), of three inverse roots. */
static inline nl_number nl_root_curvature(nl_number a, nl_number b, nl_number c)
{
    nl_number product = a * b * c;
    if (nl_real_part(product) == 0)
        return 0;
    return (a * b + b * c + c * a) * product * product / ((a + b) * (b + c) * (c + a));
}

/* What the imaginary part off the diagonal adds to X_ij. */
static inline nl_number nl_perturbation(int d, const nl_number *roots, const nl_number *rotated, const nl_number *h,
                                        int i, int j)
{
    nl_number sum = 0;
    for (int k = 0; k < d; k++) {
        nl_number left = k == i ? 0 : nl_imaginary(rotated[i * d + k]) * h[k * d + j],
                  right = k == j ? 0 : h[i * d + k] * nl_imaginary(rotated[k * d + j]);
        sum += nl_root_curvature(roots[i], roots[k], roots[j]) * (left + right);
    }
    return sum;
}

/* D^(-1/2) U' with what the imaginary part off the diagonal adds to D^(-1/2). */
static inline void nl_perturb_scaled(int d, const nl_number *roots, const nl_number *rotated, const nl_number *vectors,
                                     nl_number *scaled)
{
    for (int i = 0; i < d; i++)
        for (int j = 0; j < d; j++) {
            nl_number entry = i == j ? 0 : nl_root_slope(roots[i], roots[j]) * nl_imaginary(rotated[i * d + j]);
            for (int k = 0; k < d; k++)
                scaled[i * d + k] += entry * vectors[j * d + k];
        }
}

/* The eigenvectors of all of the matrix, from those of its real part. */
static inline void nl_perturb_vectors(int d, const nl_number *rotated, nl_number *vectors, nl_number *scratch)
{
    for (int e = 0; e < d * d; e++)
        scratch[e] = vectors[e];
    for (int j = 0; j < d; j++)
        for (int i = 0; i < d; i++) {
            nl_number apart = rotated[j * (d + 1)] - rotated[i * (d + 1)];
            for (int k = 0; k < d && nl_real_part(apart) != 0; k++)
                vectors[j * d + k] += nl_imaginary(rotated[i * d + j]) / apart * scratch[i * d + k];
        }
}
#endif

static inline NL_ON_DEVICE void nl_swap(nl_number *a, nl_number *b)
{
    nl_number kept = *a;
    *a = *b;
    *b = kept;
}

/* The largest eigenvalue first; eigenvectors with a sign of their own. */
static inline NL_ON_DEVICE void nl_order_axes(int d, nl_number *rotated, nl_number *vectors)
{
    NL_SHARE(one, 1)
    for (int i = 0; i < d; i++) {
        int largest = i;
        for (int j = i + 1; j < d; j++)
            if (nl_real_part(rotated[j * (d + 1)]) > nl_real_part(rotated[largest * (d + 1)]))
                largest = j;
        nl_swap(&rotated[i * (d + 1)], &rotated[largest * (d + 1)]);
        for (int k = 0; k < d; k++)
            nl_swap(&vectors[i * d + k], &vectors[largest * d + k]);
    }
    NL_MEET();
    NL_SHARE(i, d)
    {
        int largest = 0;
        for (int k = 1; k < d; k++)
            if (fabs(nl_real_part(vectors[i * d + k])) > fabs(nl_real_part(vectors[i * d + largest])))
                largest = k;
        double sign = nl_real_part(vectors[i * d + largest]) < 0 ? -1 : 1;
        for (int k = 0; k < d; k++)
            vectors[i * d + k] *= sign;
    }
    NL_MEET();
}

static inline NL_ON_DEVICE void nl_whiten_by_axes(const struct nl_whitening_form *form, const nl_number *cov,
                                                  nl_number *factors, nl_number *w, nl_number *scratch)
{
    int d = form->width, square = d * d;
    nl_number *vectors = factors, *rotated = factors + square, *scaled = form->kind == NL_WHITEN_PCA ? w : scratch,
              *values = scratch + square, *roots = scratch + 2 * square;
    NL_SHARE(e, square) rotated[e] = cov[e];
    NL_MEET();
    nl_diagonalize(d, rotated, vectors, scratch);
    if (form->kind == NL_WHITEN_PCA) {
#ifdef NL_COMPLEX_NUMBERS
        nl_perturb_vectors(d, rotated, vectors, scratch);
#endif
        nl_order_axes(d, rotated, vectors);
    }
    nl_find_roots(form, rotated, values, roots);
    NL_SHARE(e, square) scaled[e] = roots[e / d] * vectors[e];
    NL_MEET();
    if (form->kind == NL_WHITEN_PCA)
        return;
#ifdef NL_COMPLEX_NUMBERS
    nl_perturb_scaled(d, roots, rotated, vectors, scaled);
#endif
    nl_multiply(d, vectors, true, scaled, w);
}

/* X_ij of PCA, from H = U' dW'. */
static inline NL_ON_DEVICE nl_number nl_axis_back(const nl_number *values, const nl_number *roots, nl_number h, int i,
                                                  int j)
{
    nl_number apart = values[j] - values[i];
    if (i == j)
        return -roots[j] * roots[j] * roots[j] * h / 2;
    return nl_real_part(apart) == 0 ? 0 : roots[j] * h / apart;
}

static inline NL_ON_DEVICE void nl_whiten_by_axes_back(const struct nl_whitening_form *form, const nl_number *factors,
                                                       nl_number *dw, nl_number *dcov, nl_number *scratch)
{
    int d = form->width, square = d * d;
    bool zca = form->kind == NL_WHITEN_ZCA;
    const nl_number *vectors = factors, *rotated = factors + square;
    nl_number *turned = scratch, *product = scratch + square, *h = scratch + 2 * square, *values = scratch + 3 * square,
              *roots = dcov; /* (d) each */
    if (zca) {
        nl_make_symmetric(d, dw);
        nl_transpose(d, vectors, turned);
        nl_multiply(d, dw, false, turned, product);
    } else {
        nl_transpose(d, dw, product);
    }
    nl_multiply(d, vectors, false, product, h);
    nl_find_roots(form, rotated, values, roots);
    NL_SHARE(e, square)
    {
        int i = e / d, j = e % d;
        turned[e] = zca ? nl_root_slope(roots[i], roots[j]) * h[e] : nl_axis_back(values, roots, h[e], i, j);
#ifdef NL_COMPLEX_NUMBERS
        if (zca)
            turned[e] += nl_perturbation(d, roots, rotated, h, i, j);
#endif
    }
    NL_MEET();
    nl_multiply(d, turned, false, vectors, product);
    nl_multiply(d, vectors, true, product, dcov);
    nl_make_symmetric(d, dcov);
}

/* ---- Newton's iterations ---- */

/* What iteration k leaves: P, Y = S_N P and M. */
struct nl_newton {
    nl_number *p, *y, *m;
};

static inline NL_ON_DEVICE struct nl_newton nl_newton_at(int square, nl_number *factors, int k)
{
    nl_number *p = factors + 3 * k * square;
    struct nl_newton at = {p, p + square, p + 2 * square};
    return at;
}

static inline NL_ON_DEVICE void nl_whiten_by_newton(const struct nl_whitening_form *form, const nl_number *cov,
                                                    nl_number *factors, nl_number *w)
{
    int d = form->width, square = d * d, last = form->iterations;
    nl_number trace = nl_trace(d, cov) + d * form->eps, root = 0;
    struct nl_newton at = nl_newton_at(square, factors, 0);
    NL_SHARE(e, square)
    {
        double one = e % (d + 1) == 0;
        at.p[e] = one;
        at.y[e] = (cov[e] + one * form->eps) / (nl_real_part(trace) == 0 ? 1 : trace);
    }
    NL_MEET();
    for (int k = 0; k < last; k++) {
        struct nl_newton next = nl_newton_at(square, factors, k + 1);
        at = nl_newton_at(square, factors, k);
        nl_multiply(d, at.p, false, at.y, at.m);
        NL_SHARE(e, square) at.m[e] = (e % (d + 1) == 0 ? 1.5 : 0) - 0.5 * at.m[e];
        NL_MEET();
        nl_multiply(d, at.m, false, at.p, next.p);
        if (k + 1 < last)
            nl_multiply(d, at.y, false, at.m, next.y);
    }
    at = nl_newton_at(square, factors, last);
    if (nl_real_part(trace) != 0)
        root = 1.0 / sqrt(trace);
    NL_SHARE(one, 1) at.y[0] = trace;
    NL_SHARE(e, square) w[e] = at.p[e] * root;
    NL_MEET();
}

static inline NL_ON_DEVICE void nl_whiten_by_newton_back(const struct nl_whitening_form *form, nl_number *factors,
                                                         nl_number *dw, nl_number *dcov, nl_number *scratch)
{
    int d = form->width, square = d * d, last = form->iterations;
    struct nl_newton at = nl_newton_at(square, factors, last);
    nl_number trace = at.y[0], root = 0, *dp = dw, *dy = dcov, *dm = scratch, *one = scratch + square,
              *other = scratch + 2 * square;
    if (nl_real_part(trace) != 0)
        root = 1.0 / sqrt(trace);
    nl_number inverse = root * root, shift = nl_dot(square, dw, at.p) * inverse * root / 2;
    NL_MEET();
    NL_SHARE(e, square)
    {
        dp[e] *= root;
        dy[e] = 0;
    }
    NL_MEET();
    for (int k = last - 1; k >= 0; k--) {
        at = nl_newton_at(square, factors, k);
        nl_multiply(d, dp, false, at.p, dm);
        nl_multiply(d, at.y, false, dy, one);
        NL_SHARE(e, square) dm[e] += one[e];
        NL_MEET();
        nl_multiply(d, at.m, false, dp, one);
        nl_multiply(d, dm, false, at.y, other);
        NL_SHARE(e, square) dp[e] = one[e] - 0.5 * other[e];
        NL_MEET();
        nl_multiply(d, dy, false, at.m, one);
        nl_multiply(d, at.p, false, dm, other);
        NL_SHARE(e, square) dy[e] = one[e] - 0.5 * other[e];
        NL_MEET();
    }
    shift += nl_dot(square, dcov, at.y) * inverse;
    NL_MEET();
    NL_SHARE(e, square) dcov[e] = dcov[e] * inverse - (e % (d + 1) == 0 ? shift : 0);
    NL_MEET();
    nl_make_symmetric(d, dcov);
}

/* ---- both ---- */

/* cov: of the group, without eps. w: the matrix. factors: for backward. scratch: (NL_WHITENING_SCRATCH d d). */
static inline NL_ON_DEVICE void nl_whiten(const struct nl_whitening_form *form, const nl_number *cov,
                                          nl_number *factors, nl_number *w, nl_number *scratch)
{
    if (form->kind == NL_WHITEN_NEWTON)
        nl_whiten_by_newton(form, cov, factors, w);
    else
        nl_whiten_by_axes(form, cov, factors, w, scratch);
}

/* dcov from dw, which is overwritten. */
static inline NL_ON_DEVICE void nl_whiten_back(const struct nl_whitening_form *form, nl_number *factors, nl_number *dw,
                                               nl_number *dcov, nl_number *scratch)
{
    if (form->kind == NL_WHITEN_NEWTON)
        nl_whiten_by_newton_back(form, factors, dw, dcov, scratch);
    else
        nl_whiten_by_axes_back(form, factors, dw, dcov, scratch);
}

/* Merges a batch's moments, of `rows` elements, into the precise ones, of `count`: Chan, Golub and LeVeque 1979. Real
 * parts alone. */
static inline NL_ON_DEVICE void nl_whitening_collect(int d, double rows, double count, const nl_number *mean,
                                                     const nl_number *cov, double *precise_mean, double *precise_cov)
{
    double share = rows / (count + rows); /* of this batch; 1: the first, whatever was there before */
    NL_SHARE(e, d * d)
    {
        int i = e / d, j = e % d;
        double between = (nl_real_part(mean[i]) - precise_mean[i]) * (nl_real_part(mean[j]) - precise_mean[j]);
        precise_cov[e] =
            count == 0 ? nl_real_part(cov[e])
                       : (1 - share) * precise_cov[e] + share * nl_real_part(cov[e]) + share * (1 - share) * between;
    }
    NL_MEET();
    NL_SHARE(i, d)
    precise_mean[i] =
        count == 0 ? nl_real_part(mean[i]) : precise_mean[i] + share * (nl_real_part(mean[i]) - precise_mean[i]);
    NL_MEET();
}

#endif
