#include "base/wrap.h"

#include <string.h>

void nl_text_add_wrapped(struct nl_text *out, const char *text, int width)
{
    while (*text) {
        int length = (int)strcspn(text, "\n"), indent = (int)strspn(text, " "), at = indent;
        nl_text_add(out, "%*s", indent, "");
        for (const char *word = text + indent, *end = text + length; word < end;) {
            int size = (int)strcspn(word, " \n"), characters = 0;
            for (int i = 0; i < size; i++)
                characters += (word[i] & 0xc0) != 0x80; /* of UTF-8, the bytes that begin one */
            if (width > 0 && at > indent && at + 1 + characters > width) {
                nl_text_add(out, "\n%*s", indent + 2, "");
                at = indent + 2;
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
