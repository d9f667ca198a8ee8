/* Errors of the library: a function that can fail returns 0 or NL_FAIL (a constructor: NULL) and leaves one message.
 *
 * Of what is read from a disk two failures are kept apart: NL_FAIL, it could not be read, and nobody knows what it
 * holds; NL_BAD, it was read, and is not what it should be. Only what is bad may be put out of the way.
 *
 * Core never prints and never exits; cmd/ decides. A message is lower case, without a full stop, says first what failed
 * and quotes its subject. Three kinds are kept apart, as in git: the user's mistake (NL_FAIL with a message and, where
 * there is a file, file:line:column), the machine's (the same, from errno) and ours (NL_BUG: abort with file and
 * line). */
#ifndef NL_BASE_ERROR_H
#define NL_BASE_ERROR_H

enum { NL_OK = 0, NL_FAIL = -1, NL_BAD = -2 };

struct nl_error {
    char text[1024]; /* always terminated; "" while nothing failed */
};

/* Sets the message; always returns NL_FAIL, so that callers write `return nl_fail(err, ...)`. err may be NULL. */
int nl_fail(struct nl_error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* As nl_fail, for what was read and is bad; always returns NL_BAD. */
int nl_bad(struct nl_error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* As nl_fail, and appends ": " and strerror(errno). */
int nl_fail_errno(struct nl_error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Puts "context: " before the message that err holds; returns NL_FAIL. */
int nl_fail_in(struct nl_error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A broken invariant: prints file:line and the message on stderr and aborts. */
void nl_bug_at(const char *file, int line, const char *format, ...) __attribute__((noreturn, format(printf, 3, 4)));
#define NL_BUG(...) nl_bug_at(__FILE__, __LINE__, __VA_ARGS__)

/* The result of a look-up that must find something, where none is a negative number: with none, a bug. The message says
 * what was looked for: int factor = NL_FOUND(nl_results_factor(results, name), "a factor '%s'", name); */
#define NL_FOUND(index, ...) nl_found_at(__FILE__, __LINE__, index, __VA_ARGS__)
int nl_found_at(const char *file, int line, int index, const char *format, ...) __attribute__((format(printf, 4, 5)));

#define NL_ASSERT(condition) ((condition) ? (void)0 : NL_BUG("assertion failed: %s", #condition))

#endif
