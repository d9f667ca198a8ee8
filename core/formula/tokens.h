/* Private to core/formula: a text as tokens. What is wrong ends the reading at once, by a jump to `failure`, and its
 * place is kept. */
#ifndef NL_FORMULA_TOKENS_H
#define NL_FORMULA_TOKENS_H

#include <setjmp.h>

#include "formula/formula.h"

enum { NL_LONGEST_FORMULA_NAME = 40 };

enum nl_token { NL_TOKEN_END, NL_TOKEN_NEWLINE, NL_TOKEN_NUMBER, NL_TOKEN_WORD, NL_TOKEN_SIGN };

struct nl_scanner {
    struct nl_formula_error *error;
    jmp_buf failure;
    const char *text;
    int at;       /* the byte after the token */
    int brackets; /* that are open: inside of these a new line ends nothing */
    enum nl_token token;
    int start, length; /* of the token, in bytes */
    char word[NL_LONGEST_FORMULA_NAME + 1], sign[3];
    double number;
};

_Noreturn void nl_scan_fail(struct nl_scanner *s, int start, int length, const char *hint, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
#define NL_SCAN_FAIL(s, hint, ...) nl_scan_fail((s), (s)->start, (s)->length, (hint), __VA_ARGS__)

void nl_scan_begin(struct nl_scanner *s, const char *text); /* at its first token */
void nl_scan(struct nl_scanner *s);                         /* to the next one; after the last NL_TOKEN_END */
bool nl_is_of_word(char c);

bool nl_at_sign(const struct nl_scanner *s, const char *sign);
void nl_pass_operator(
    struct nl_scanner *s); /* goes past a sign after which an expression goes on, on the next line, too */
bool nl_take_sign(struct nl_scanner *s, const char *sign); /* goes past this sign, if it is there */
void nl_expect_sign(struct nl_scanner *s, const char *sign, const char *where);

#endif
