/* Reading the small headers of file formats: tokens off the front of a text that need not end in a zero byte. */
#ifndef NL_BASE_SCAN_H
#define NL_BASE_SCAN_H

#include <stdbool.h>
#include <stddef.h>

struct nl_scan {
    const char *at, *end; /* what is left */
};

/* Each skips white space, and takes nothing where it returns false. */
bool nl_scan_end(struct nl_scan *scan);                      /* nothing is left */
bool nl_scan_next(struct nl_scan *scan, char token);         /* looks only */
bool nl_scan_take(struct nl_scan *scan, const char *token);
bool nl_scan_size(struct nl_scan *scan, size_t *out);        /* decimal digits; false too where they overflow */

#endif
