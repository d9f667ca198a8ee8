/* Cuts the text of a formula into words, numbers and signs. */
#include "formula/tokens.h"

#include <ctype.h>
#include <stdarg.h>
#include <string.h>

enum { LONGEST_TEXT = 1 << 16 };

_Noreturn void nl_scan_fail(struct nl_scanner *s, int start, int length, const char *hint, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    struct nl_text text = {0};
    nl_text_vadd(&text, format, args);
    va_end(args);
    nl_fail(&s->error->text, "%s", text.at);
    nl_fail(&s->error->hint, "%s", hint ? hint : "");
    nl_text_release(&text);
    s->error->offset = start;
    s->error->length = length > 0 ? length : 1;
    longjmp(s->failure, 1);
}

bool nl_is_of_word(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

static void read_word(struct nl_scanner *s)
{
    int n = 0;
    while (nl_is_of_word(s->text[s->at + n]))
        n++;
    s->token = NL_TOKEN_WORD;
    s->length = n;
    if (n > NL_LONGEST_FORMULA_NAME)
        NL_SCAN_FAIL(s, NULL, "a name has at most %d characters", NL_LONGEST_FORMULA_NAME);
    memcpy(s->word, s->text + s->at, (size_t)n);
    s->word[n] = '\0';
    s->at += n;
}

static void read_number(struct nl_scanner *s)
{
    char *end;
    s->number = nl_double_read(s->text + s->at, &end);
    s->token = NL_TOKEN_NUMBER;
    s->length = (int)(end - (s->text + s->at));
    s->at += s->length;
    if (nl_is_of_word(s->text[s->at]))
        NL_SCAN_FAIL(s, "write the product with *, as in 2 * x", "there is no operator after this number");
    if (!(s->number <= 1e300))
        NL_SCAN_FAIL(s, NULL, "this number is too large");
}

static void read_sign(struct nl_scanner *s)
{
    static const char *const signs[] = {"<=", ">=", "==", "!=", "**", "+", "-", "*", "/",
                                        "^",  "<",  ">",  "(",  ")",  ",", "=", NULL};
    s->token = NL_TOKEN_SIGN;
    s->length = 1;
    for (int i = 0; signs[i]; i++)
        if (strncmp(s->text + s->at, signs[i], strlen(signs[i])) == 0) {
            strcpy(s->sign, signs[i]);
            s->length = (int)strlen(signs[i]);
            s->at += s->length;
            if (strcmp(signs[i], "**") == 0)
                strcpy(s->sign, "^");
            return;
        }
    unsigned char c = (unsigned char)s->text[s->at];
    if (c > ' ' && c < 127)
        NL_SCAN_FAIL(s, c == '[' ? "axes stand as words: mean(x, batch space)" : NULL, "'%c' has no meaning here", c);
    NL_SCAN_FAIL(s, NULL, "a formula is written in plain ASCII letters, digits and signs");
}

void nl_scan(struct nl_scanner *s)
{
    while (s->text[s->at] == ' ' || s->text[s->at] == '\t' || s->text[s->at] == '\r' ||
           (s->brackets > 0 && s->text[s->at] == '\n') || s->text[s->at] == '#')
        if (s->text[s->at] == '#')
            s->at += (int)strcspn(s->text + s->at, "\n");
        else
            s->at++;
    s->start = s->at;
    s->length = 1;
    char c = s->text[s->at];
    if (!c) {
        s->token = NL_TOKEN_END;
    } else if (c == '\n' || c == ';') {
        s->token = NL_TOKEN_NEWLINE;
        s->at++;
    } else if (isdigit((unsigned char)c) || (c == '.' && isdigit((unsigned char)s->text[s->at + 1]))) {
        read_number(s);
    } else if (isalpha((unsigned char)c) || c == '_') {
        read_word(s);
    } else {
        read_sign(s);
    }
}

bool nl_at_sign(const struct nl_scanner *s, const char *sign)
{
    return s->token == NL_TOKEN_SIGN && strcmp(s->sign, sign) == 0;
}

/* Goes past a sign after which an expression goes on, on the next line, too. */
void nl_pass_operator(struct nl_scanner *s)
{
    nl_scan(s);
    while (s->token == NL_TOKEN_NEWLINE && s->text[s->start] == '\n')
        nl_scan(s);
}

bool nl_take_sign(struct nl_scanner *s, const char *sign)
{
    bool there = nl_at_sign(s, sign);
    if (there)
        nl_pass_operator(s);
    return there;
}

void nl_expect_sign(struct nl_scanner *s, const char *sign, const char *where)
{
    if (!nl_at_sign(s, sign))
        NL_SCAN_FAIL(s, NULL, "here must be '%s'%s", sign, where);
}

void nl_scan_begin(struct nl_scanner *s, const char *text)
{
    s->text = text;
    s->at = s->brackets = 0;
    s->start = 0, s->length = 1;
    if (strlen(text) > LONGEST_TEXT)
        NL_SCAN_FAIL(s, NULL, "a formula has at most %d characters", LONGEST_TEXT);
    nl_scan(s);
}
