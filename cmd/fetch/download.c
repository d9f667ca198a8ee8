/* One URL into one file, with libcurl: proxies by the environment, redirects, ranges. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/files.h"
#include "base/memory.h"
#include "cmd.h"
#include "fetch/fetch.h"
#include "fetch/libraries.h"

enum {
    MOST_REDIRECTS = 5,
    HTTP_RANGE_NOT_SATISFIABLE = 416,
    HTTP_TIMEOUT = 408,
    HTTP_TOO_MANY = 429,
    HTTP_SERVER_ERRORS = 500
};
static const double redraw_seconds = 0.1;

struct transfer {
    const struct remote_file *file;
    int descriptor;
    int64_t first, have;        /* bytes in the file when the transfer began, and now */
    double began, heard, drawn; /* seconds: the transfer, the last byte, the last line on the terminal */
    double patience;
    bool terminal;
    bool silent;    /* nothing came for so long */
    bool overlong;  /* the server has more than the file's bytes */
    int disk_error; /* errno of a write that failed; 0: none did */
};

static size_t take(char *bytes, size_t size, size_t count, void *context)
{
    struct transfer *it = context;
    size_t length = size * count;
    it->heard = nl_seconds();
    it->overlong = (int64_t)length > it->file->bytes - it->have;
    if (it->overlong)
        return 0; /* ends the transfer, as does a failed write */
    for (size_t done = 0; done < length;) {
        ssize_t put = write(it->descriptor, bytes + done, length - done);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0) {
            it->disk_error = errno;
            return 0;
        }
        done += (size_t)put;
        it->have += put;
    }
    return length;
}

static void draw(struct transfer *it)
{
    double now = nl_seconds(), rate = (double)(it->have - it->first) / (now - it->began);
    if (!it->terminal || now - it->drawn < redraw_seconds || it->have == it->first)
        return;
    char have[32], whole[32], speed[32], left[32];
    fprintf(stderr, "\r%s  %3d %%  %s of %s  %s/s  %s left\033[K", it->file->name,
            (int)(100 * it->have / it->file->bytes), nl_bytes_text((double)it->have, have),
            nl_bytes_text((double)it->file->bytes, whole), nl_bytes_text(rate, speed),
            time_text((double)(it->file->bytes - it->have) / rate, left));
    it->drawn = now;
}

/* Called by curl at least once a second, also while nothing comes; not 0 ends the transfer. Not CURLOPT_LOW_SPEED_TIME:
 * it takes the mean over several seconds, and does not count connecting. */
static int look_up(void *context, curl_off_t total, curl_off_t got, curl_off_t upload_total, curl_off_t uploaded)
{
    (void)total, (void)got, (void)upload_total, (void)uploaded;
    struct transfer *it = context;
    draw(it);
    it->silent = nl_seconds() - it->heard > it->patience;
    return interrupted || it->silent;
}

static CURL *prepare(const char *url, struct transfer *it, char *message)
{
    CURL *curl = lib.curl_easy_init();
    NL_ASSERT(curl);
    lib.curl_easy_setopt(curl, CURLOPT_URL, url);
    lib.curl_easy_setopt(curl, CURLOPT_USERAGENT, "normlab/" NORMLAB_VERSION);
    lib.curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    lib.curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
    lib.curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
    lib.curl_easy_setopt(curl, CURLOPT_MAXREDIRS, (long)MOST_REDIRECTS);
#if LIBCURL_VERSION_NUM >= 0x075500
    lib.curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    lib.curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
#else
    lib.curl_easy_setopt(curl, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
    lib.curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
    lib.curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, message);
    lib.curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
    lib.curl_easy_setopt(curl, CURLOPT_WRITEDATA, it);
    lib.curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    lib.curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, look_up);
    lib.curl_easy_setopt(curl, CURLOPT_XFERINFODATA, it);
    return curl;
}

/* Goes on after it->first bytes; from the start where the server cannot do that. */
static CURLcode perform(CURL *curl, struct transfer *it, long *status)
{
    lib.curl_easy_setopt(curl, CURLOPT_RESUME_FROM_LARGE, (curl_off_t)it->first);
    it->began = it->heard = nl_seconds();
    CURLcode code = lib.curl_easy_perform(curl);
    *status = 0;
    lib.curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, status);
    bool no_range =
        code == CURLE_RANGE_ERROR || (code == CURLE_HTTP_RETURNED_ERROR && *status == HTTP_RANGE_NOT_SATISFIABLE);
    if (!no_range || it->first == 0)
        return code;
    if (ftruncate(it->descriptor, 0) != 0) {
        it->disk_error = errno;
        return CURLE_WRITE_ERROR;
    }
    it->first = it->have = 0;
    return perform(curl, it, status);
}

static enum download_end judge(CURL *curl, const struct transfer *it, CURLcode code, long status, const char *message,
                               struct nl_error *why)
{
    curl_off_t announced = -1;
    lib.curl_easy_getinfo(curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &announced);
    if (it->disk_error) {
        errno = it->disk_error;
        nl_fail_errno(why, "cannot write '%s.part'", it->file->name);
        return DOWNLOAD_STOPPED;
    }
    if (interrupted) {
        nl_fail(why, "interrupted");
        return DOWNLOAD_STOPPED;
    }
    if (it->overlong) {
        nl_fail(why, "it has another file there: longer than %lld bytes", (long long)it->file->bytes);
        return DOWNLOAD_REFUSED;
    }
    if (it->silent) {
        nl_fail(why, "no data for %g s", it->patience);
        return DOWNLOAD_BROKEN;
    }
    switch (code) {
    case CURLE_OK:
        if (it->have == it->file->bytes)
            return DOWNLOAD_WHOLE;
        nl_fail(why, "it sent %lld of %s", (long long)it->have, NL_COUNT(it->file->bytes, "byte"));
        return announced < 0 ? DOWNLOAD_BROKEN
                             : DOWNLOAD_REFUSED; /* all that it announced, and too little: another file */
    case CURLE_HTTP_RETURNED_ERROR:
        nl_fail(why, "HTTP status %ld", status);
        return status >= HTTP_SERVER_ERRORS || status == HTTP_TIMEOUT || status == HTTP_TOO_MANY ? DOWNLOAD_BROKEN
                                                                                                 : DOWNLOAD_REFUSED;
    case CURLE_TOO_MANY_REDIRECTS:
        nl_fail(why, "more than %d redirects", MOST_REDIRECTS);
        return DOWNLOAD_REFUSED;
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
        nl_fail(why, "the connection was lost");
        return DOWNLOAD_BROKEN;
    default:
        nl_fail(why, "%s", message[0] ? message : lib.curl_easy_strerror(code));
        return code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL ||
                       code == CURLE_PEER_FAILED_VERIFICATION
                   ? DOWNLOAD_REFUSED
                   : DOWNLOAD_BROKEN;
    }
}

enum download_end download(const char *url, const char *part, const struct remote_file *file, double patience,
                           struct nl_error *why)
{
    struct transfer it = {.file = file, .patience = patience, .terminal = isatty(STDERR_FILENO) && !output.quiet};
    it.descriptor = nl_file_open_plain(part, O_WRONLY | O_CREAT | O_APPEND, why);
    off_t there = it.descriptor < 0 ? -1 : lseek(it.descriptor, 0, SEEK_END);
    if (there > file->bytes)
        there = ftruncate(it.descriptor, 0); /* nothing that goes on */
    enum download_end end = DOWNLOAD_WHOLE;
    it.first = it.have = there;
    if (there < 0) {
        if (it.descriptor >= 0)
            nl_fail_errno(why, "cannot write '%s'", part);
        end = DOWNLOAD_STOPPED;
    } else if (there < file->bytes) {
        char message[CURL_ERROR_SIZE] = "";
        CURL *curl = prepare(url, &it, message);
        long status;
        CURLcode code = perform(curl, &it, &status);
        end = judge(curl, &it, code, status, message, why);
        lib.curl_easy_cleanup(curl);
        if (it.drawn > 0)
            fputs("\r\033[K", stderr);
    }
    if (it.descriptor >= 0)
        close(it.descriptor);
    return end;
}
