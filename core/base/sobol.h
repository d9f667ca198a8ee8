/* The Sobol sequence: points that fill a box more evenly than random ones do (Sobol, USSR Computational Mathematics and
 * Mathematical Physics 7, 1967), with the direction numbers of Joe and Kuo (SIAM Journal on Scientific Computing 30,
 * 2008, new-joe-kuo-6) in the order of Antonov and Saleev (Gray code). */
#ifndef NL_BASE_SOBOL_H
#define NL_BASE_SOBOL_H

enum { NL_SOBOL_DIMENSIONS = 12 };

/* The coordinates of point `index` of the first `count`, each within (0, 1). These points are multiples of
 * 1 / 2^ceil(log2 count); each is moved to the middle of its cell, so that none is a corner of the box.
 * 0 <= index < count; 1 <= dimensions <= NL_SOBOL_DIMENSIONS; out[dimensions]. */
void nl_sobol(int index, int count, int dimensions, double *out);

#endif
