/* Numbers the characters or bytes of a text in the order of their code points. */
#include "data/alphabet.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/utf8.h"

enum { CODES = 0x110000, BYTES = 256 };

static int fail_at(const char *text, size_t length, size_t at, const char *why, struct nl_error *err)
{
    size_t line = 1, column = 1;
    struct nl_text character = {0};
    for (size_t i = 0; i < at; i++) {
        column = text[i] == '\n' ? 1 : column + ((text[i] & 0xc0) != 0x80);
        line += text[i] == '\n';
    }
    uint32_t code;
    size_t bytes = nl_character_read(text + at, length - at, &code);
    nl_text_add_character(&character, text + at, bytes ? bytes : 1);
    nl_fail(err, "line %zu, column %zu: '%s' %s", line, column, character.at, why);
    nl_text_release(&character);
    return NL_FAIL;
}

static int fail_utf8(const char *text, size_t length, size_t at, struct nl_error *err)
{
    return fail_at(text, length, at, "is not UTF-8", err);
}

int nl_alphabet_of(const char *text, size_t length, bool bytes, struct nl_alphabet *out, struct nl_error *err)
{
    *out = (struct nl_alphabet){.bytes = bytes, .count = bytes ? BYTES : 0};
    if (bytes)
        return NL_OK;
    bool *occurs = nl_alloc(CODES, sizeof *occurs);
    int status = NL_OK;
    uint32_t code;
    for (size_t at = 0, width; at < length && status == NL_OK; at += width) {
        width = nl_character_read(text + at, length - at, &code);
        if (width == 0)
            status = fail_utf8(text, length, at, err);
        else
            occurs[code] = true;
    }
    for (code = 0; code < CODES; code++)
        out->count += occurs[code];
    out->code = nl_alloc((size_t)out->count, sizeof *out->code);
    for (uint32_t *next = out->code, c = 0; c < CODES; c++)
        if (occurs[c])
            *next++ = c;
    free(occurs);
    if (status)
        nl_alphabet_release(out);
    return status;
}

void nl_alphabet_release(struct nl_alphabet *alphabet)
{
    free(alphabet->code);
    *alphabet = (struct nl_alphabet){0};
}

/* The token of each code point of the alphabet, and -1 of all others. */
static int32_t *tokens_of(const struct nl_alphabet *alphabet)
{
    int32_t *token = nl_alloc(CODES, sizeof *token);
    memset(token, 0xff, CODES * sizeof *token);
    for (int i = 0; i < alphabet->count; i++)
        token[alphabet->code[i]] = i;
    return token;
}

int32_t *nl_alphabet_encode(const struct nl_alphabet *alphabet, const char *text, size_t length, int64_t *count,
                            struct nl_error *err)
{
    int32_t *out = nl_alloc(length, sizeof *out), *token = alphabet->bytes ? NULL : tokens_of(alphabet);
    *count = 0;
    for (size_t at = 0, width = 1; at < length && out; at += width) {
        uint32_t code = (unsigned char)text[at];
        if (token)
            width = nl_character_read(text + at, length - at, &code);
        out[*count] = token && width > 0 ? token[code] : (int32_t)code;
        if (width == 0 || out[*count] < 0) {
            width == 0 ? fail_utf8(text, length, at, err)
                       : fail_at(text, length, at, "does not occur in the text", err);
            free(out);
            out = NULL;
        }
        ++*count;
    }
    free(token);
    return out;
}

void nl_alphabet_add(const struct nl_alphabet *alphabet, int32_t token, struct nl_text *out)
{
    uint32_t code = alphabet->bytes ? (uint32_t)token : alphabet->code[token];
    if (alphabet->bytes)
        nl_text_add_bytes(out, &(char){(char)code}, 1);
    else
        nl_text_add_code(out, code);
}
