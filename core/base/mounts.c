/* Parses a line of /proc/self/mountinfo, whose fields escape blanks as octal numbers. */
#include "base/mounts.h"

#include <stddef.h>
#include <string.h>

/* In place: spaces and the like are written as \040. */
static char *unescape(char *text)
{
    char *to = text, *from = text;
    for (; *from; from++)
        if (from[0] == '\\' && strspn(from + 1, "01234567") >= 3) {
            *to++ = (char)((from[1] - '0') * 64 + (from[2] - '0') * 8 + (from[3] - '0'));
            from += 3;
        } else {
            *to++ = *from;
        }
    *to = '\0';
    return text;
}

/* Cuts the first words off a line; false: it has fewer. */
static bool take_words(char *line, char **word, int count)
{
    char *at = NULL;
    for (int i = 0; i < count; i++)
        if (!(word[i] = strtok_r(i == 0 ? line : NULL, " ", &at)))
            return false;
    return true;
}

bool nl_mount_read(char *line, struct nl_mount *mount)
{
    static const char mark[] = " - "; /* after fields whose number the kernel may raise */
    char *before[5], *after[3], *rest = strstr(line, mark);
    if (!rest)
        return false;
    *rest = '\0';
    if (!take_words(line, before, 5) || !take_words(rest + strlen(mark), after, 3))
        return false;
    *mount = (struct nl_mount){.device = before[2],
                               .root = unescape(before[3]),
                               .point = unescape(before[4]),
                               .type = after[0],
                               .options = after[2]};
    return true;
}
