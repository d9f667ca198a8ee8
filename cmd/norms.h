/* The head comments of core/norm/KIND.c, of normalizers and of those of weights, which the build puts into the program
 * (norms.cmake). */
#ifndef NL_CMD_NORMS_H
#define NL_CMD_NORMS_H

extern const struct norm_head {
    const char *kind; /* "bn" */
    const char *text; /* its lines, without the marks of a comment */
} norm_heads[];       /* in alphabetical order; ends with NULL */

/* The kinds that have one, in the order of `normlab norms`; ends with NULL. */
const char *const *norm_kinds(void);

/* Says that there is none of that name, and what it is called here where other programs have it; returns its exit
 * code. */
int unknown_normalizer(const char *word);

#endif
