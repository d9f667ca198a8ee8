/* What the tokens of a text are: characters, by their code points, or bytes. */
#ifndef NL_DATA_ALPHABET_H
#define NL_DATA_ALPHABET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct nl_text; /* base/memory.h */

struct nl_alphabet {
    bool bytes;     /* token t is byte t; else code[t], of UTF-8 */
    int count;      /* the vocabulary; 0: the data are no text */
    uint32_t *code; /* (count) ascending; owned; NULL of bytes */
};

/* The characters that occur in a text, or all bytes. NL_FAIL: it is no UTF-8, and err says where. */
int nl_alphabet_of(const char *text, size_t length, bool bytes, struct nl_alphabet *out, struct nl_error *err);
void nl_alphabet_release(struct nl_alphabet *alphabet);

/* The tokens of a text, *count of them; free() it. NULL: a character of it is none of the alphabet, or it is no UTF-8;
 * err says which. */
int32_t *nl_alphabet_encode(const struct nl_alphabet *alphabet, const char *text, size_t length, int64_t *count,
                            struct nl_error *err);

/* Adds what a token is, as the text had it: bytes of UTF-8, or the byte. */
void nl_alphabet_add(const struct nl_alphabet *alphabet, int32_t token, struct nl_text *out);

#endif
