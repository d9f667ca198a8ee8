/* Takes tokens and sizes off the front of a header. */
#include "base/scan.h"

#include <string.h>

static void skip_spaces(struct nl_scan *scan)
{
    while (scan->at < scan->end && (*scan->at == ' ' || *scan->at == '\t' || *scan->at == '\r' || *scan->at == '\n'))
        scan->at++;
}

bool nl_scan_end(struct nl_scan *scan)
{
    skip_spaces(scan);
    return scan->at == scan->end;
}

bool nl_scan_next(struct nl_scan *scan, char token)
{
    return !nl_scan_end(scan) && *scan->at == token;
}

bool nl_scan_take(struct nl_scan *scan, const char *token)
{
    skip_spaces(scan);
    size_t length = strlen(token);
    if ((size_t)(scan->end - scan->at) < length || memcmp(scan->at, token, length) != 0)
        return false;
    scan->at += length;
    return true;
}

bool nl_scan_size(struct nl_scan *scan, size_t *out)
{
    skip_spaces(scan);
    size_t value = 0;
    const char *at = scan->at;
    for (; at < scan->end && *at >= '0' && *at <= '9'; at++)
        if (__builtin_mul_overflow(value, (size_t)10, &value) ||
            __builtin_add_overflow(value, (size_t)(*at - '0'), &value))
            return false;
    if (at == scan->at)
        return false;
    scan->at = at;
    *out = value;
    return true;
}
