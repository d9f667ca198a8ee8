/* The normalizers that have coefficients of their own, for those who compile them for other numbers: the reference for
 * complex ones, cuda for a GPU. */
#ifndef NL_NORM_OWN_H
#define NL_NORM_OWN_H

#include "norm/brn.c"
#include "norm/l1bn.c"
#include "norm/mabn.c"
#include "norm/varbn.c"

#endif
