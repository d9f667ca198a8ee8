/* Characters of UTF-8. */
#ifndef NL_BASE_UTF8_H
#define NL_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/memory.h"

/* Characters in the first `bytes` bytes: those that begin one. */
int nl_characters(const char *text, size_t bytes);

/* Bytes of the character that text, which is not empty, begins with; what is no UTF-8 is taken as libyaml takes it, so
 * that its columns and ours agree. */
size_t nl_character_bytes(const char *text);

/* The code point that text, of so many bytes, begins with, and the bytes that it takes; 0: it is no UTF-8. */
size_t nl_character_read(const char *text, size_t bytes, uint32_t *code);

/* Adds that character. */
void nl_text_add_code(struct nl_text *out, uint32_t code);

/* Whether the character of so many bytes is UTF-8, and one that a line of YAML, a CSV file or a terminal can be given
 * as it is: no control character (also of the second kind, U+0080 to U+009F), no break of the line or the paragraph, no
 * byte-order mark, nothing that turns the direction of writing around. A tab is none either. */
bool nl_character_prints(const char *text, size_t bytes);

/* The character of so many bytes, as it is where it prints, else its bytes as \xNN. */
void nl_text_add_character(struct nl_text *out, const char *character, size_t bytes);

/* Text for a terminal, whoever wrote it: so each character, but for line feeds and tabs. */
void nl_text_add_shown(struct nl_text *out, const char *text);

#endif
