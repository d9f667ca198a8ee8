/* Writes and checks the checksum in the last line of a text. */
#include "base/seal.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/hash.h"

static char *seal_of(const char *text, size_t length, const char *mark)
{
    char hex[NL_HASH_HEX];
    nl_hash_bytes(text, length, hex);
    return nl_format("%ssha256 %s\n", mark, hex);
}

static const char promise[] = "sealed by normlab: the last line is the checksum of all before it\n";

void nl_seal_promise(struct nl_text *text, const char *mark)
{
    nl_text_add(text, "%s%s", mark, promise);
}

/* length: of a text that may not go on with a zero byte. */
static bool is_promised(const char *text, size_t length, const char *mark)
{
    size_t marks = strlen(mark), rest = sizeof promise - 1;
    return length >= marks + rest && memcmp(text, mark, marks) == 0 && memcmp(text + marks, promise, rest) == 0;
}

void nl_seal_add(struct nl_text *text, const char *mark)
{
    char *seal = seal_of(text->at, text->length, mark);
    nl_text_add(text, "%s", seal);
    free(seal);
}

int nl_seal_check(const char *text, size_t length, const char *mark, size_t *sealed)
{
    size_t line = length; /* where the last one begins */
    while (line > 0 && (line == length || text[line - 1] != '\n'))
        line--;
    char *seal = seal_of(text, line, mark);
    size_t head = strlen(mark) + strlen("sha256 "), whole = strlen(seal);
    bool is_seal = length - line >= head && memcmp(text + line, seal, head) == 0;
    bool fits = length - line == whole && memcmp(text + line, seal, whole) == 0;
    *sealed = is_seal ? line : length;
    free(seal);
    return fits || (!is_seal && !is_promised(text, length, mark)) ? NL_OK : NL_BAD;
}
