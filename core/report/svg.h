/* Pictures inside a page. */
#ifndef NL_REPORT_SVG_H
#define NL_REPORT_SVG_H

#include <stddef.h>

#include "base/error.h"

/* The picture as an element of a page: shapes and text alone (no script, no event, no style sheet, no link, nothing
 * from elsewhere: what else there is is left out), with `prefix` before every id, so that several fit into one page,
 * and `label` as what it says to who does not see it. New string; NULL: it is not SVG, or has a document type. */
char *nl_svg_element(const char *svg, size_t length, const char *prefix, const char *label, struct nl_error *err);

#endif
