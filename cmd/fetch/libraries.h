/* libcurl and libarchive, loaded when there is something to fetch. Linked, they and the forty libraries that they bring
 * along would take more than half of the time that any other command needs to start. */
#ifndef NL_CMD_FETCH_LIBRARIES_H
#define NL_CMD_FETCH_LIBRARIES_H

#define CURL_DISABLE_TYPECHECK /* its macros call the function by its name */
#include <archive.h>
#include <archive_entry.h>
#include <curl/curl.h>

#include "base/error.h"

#define CURL_FUNCTIONS(F)                                                                                              \
    F(curl_easy_init)                                                                                                  \
    F(curl_easy_setopt) F(curl_easy_perform) F(curl_easy_getinfo) F(curl_easy_strerror) F(curl_easy_cleanup)

#define ARCHIVE_FUNCTIONS(F)                                                                                           \
    F(archive_read_new)                                                                                                \
    F(archive_read_support_filter_gzip) F(archive_read_support_format_tar) F(archive_read_open_filename)               \
        F(archive_read_next_header) F(archive_read_data) F(archive_read_free) F(archive_error_string)                  \
            F(archive_entry_pathname) F(archive_entry_filetype) F(archive_entry_hardlink)

/* Their functions, called as lib.curl_easy_init(). */
extern struct libraries {
#define MEMBER(name) __typeof__(name) *name;
    CURL_FUNCTIONS(MEMBER) ARCHIVE_FUNCTIONS(MEMBER)
#undef MEMBER
} lib;

/* To be called before the first of them. NL_FAIL: a library is not there. */
int load_libraries(struct nl_error *err);

#endif
