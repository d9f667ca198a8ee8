/* Breaks prose into lines of a width, with an indentation. */
#include "base/wrap.h"

#include <string.h>

#include "base/utf8.h"

void nl_text_add_wrapped(struct nl_text *out, const char *text, int width, int deeper)
{
    while (*text) {
        int length = (int)strcspn(text, "\n"), indent = (int)strspn(text, " "), at = indent;
        nl_text_add(out, "%*s", indent, "");
        for (const char *word = text + indent, *end = text + length; word < end;) {
            int size = (int)strcspn(word, " \n");
            while (strncmp(word + size, " %", 2) == 0)
                size += 1 + (int)strcspn(word + size + 1, " \n");
            int characters = nl_characters(word, (size_t)size);
            if (width > 0 && at > indent && at + 1 + characters > width) {
                nl_text_add(out, "\n%*s", indent + deeper, "");
                at = indent + deeper;
            } else if (word > text + indent) {
                nl_text_add(out, " ");
                at++;
            }
            nl_text_add_bytes(out, word, (size_t)size);
            at += characters;
            word += size + (word + size < end);
        }
        nl_text_add(out, "\n");
        text += length + (text[length] == '\n');
    }
}
