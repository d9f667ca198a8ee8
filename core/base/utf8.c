/* Decodes, counts and escapes characters. */
#include "base/utf8.h"

int nl_characters(const char *text, size_t bytes)
{
    int count = 0;
    for (size_t i = 0; i < bytes; i++)
        count += (text[i] & 0xc0) != 0x80;
    return count;
}

size_t nl_character_bytes(const char *text)
{
    size_t bytes = 1;
    while ((text[bytes] & 0xc0) == 0x80)
        bytes++;
    return bytes;
}

size_t nl_character_read(const char *text, size_t bytes, uint32_t *code)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000}; /* of so many bytes: what is below is too long */
    static const unsigned char marks[] = {0, 0x00, 0xc0, 0xe0, 0xf0}, lead[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    unsigned char first = (unsigned char)*text;
    size_t width = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (width > bytes || (first & (unsigned char)~lead[width]) != marks[width])
        return 0;
    *code = first & lead[width];
    for (size_t i = 1; i < width; i++) {
        if ((text[i] & 0xc0) != 0x80)
            return 0;
        *code = *code << 6 | ((unsigned char)text[i] & 0x3f);
    }
    bool is = *code >= least[width] && *code <= 0x10ffff && !(*code >= 0xd800 && *code < 0xe000);
    return is ? width : 0;
}

bool nl_character_prints(const char *text, size_t bytes)
{
    uint32_t code;
    return nl_character_bytes(text) == bytes && nl_character_read(text, bytes, &code) == bytes && code >= 0x20 &&
           !(code >= 0x7f && code < 0xa0) && code != 0x2028 && code != 0x2029 && code != 0xfeff && code != 0xfffe &&
           code != 0xffff && !(code >= 0x202a && code <= 0x202e) && !(code >= 0x2066 && code <= 0x2069);
}

void nl_text_add_code(struct nl_text *out, uint32_t code)
{
    static const unsigned char marks[] = {0, 0x00, 0xc0, 0xe0, 0xf0};
    size_t width = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    char bytes[4];
    for (size_t i = width; i-- > 0; code >>= 6)
        bytes[i] = (char)(i ? 0x80 | (code & 0x3f) : marks[width] | code);
    nl_text_add_bytes(out, bytes, width);
}

void nl_text_add_character(struct nl_text *out, const char *character, size_t bytes)
{
    if (nl_character_prints(character, bytes))
        nl_text_add_bytes(out, character, bytes);
    else
        for (size_t i = 0; i < bytes; i++)
            nl_text_add(out, "\\x%02x", (unsigned char)character[i]);
}

void nl_text_add_shown(struct nl_text *out, const char *text)
{
    nl_text_add_bytes(out, "", 0);
    for (size_t bytes; *text; text += bytes) {
        bytes = nl_character_bytes(text);
        if (*text == '\n' || *text == '\t')
            nl_text_add_bytes(out, text, bytes = 1);
        else
            nl_text_add_character(out, text, bytes);
    }
}
