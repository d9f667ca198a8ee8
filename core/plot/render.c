/* Runs gnuplot on a script, with a time limit, and checks what it wrote. */
#include "plot/render.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/files.h"
#include "base/system.h"

/* What gnuplot prints on one of its outputs, and how much of it is too much. */
struct stream {
    struct nl_text text;
    size_t most;
    int failure; /* errno of reading it; 0: none */
};

/* The absolute path of the first program of this name in PATH, NULL where there is none. A relative folder there would
 * be another one where gnuplot runs: what is in such a one goes to *passed, a new string, NULL: nothing. */
static char *find_program(const char *name, char **passed)
{
    *passed = NULL;
    const char *at = getenv("PATH");
    for (at = at ? at : "/usr/bin:/bin"; *at;) {
        int length = (int)strcspn(at, ":");
        char *path = length ? nl_format("%.*s/%s", length, at, name) : nl_format("./%s", name);
        struct stat info;
        bool there = stat(path, &info) == 0 && S_ISREG(info.st_mode) && access(path, X_OK) == 0;
        if (there && *at == '/') {
            free(*passed);
            *passed = NULL;
            return path;
        }
        if (there && !*passed)
            *passed = path;
        else
            free(path);
        at += length + (at[length] == ':');
    }
    return NULL;
}

extern char **environ; /* not every system's unistd.h says so */

/* In the child: only calls that are safe after fork in a program with threads. The group is the program's own, to be
 * killed with all that is in it. */
static _Noreturn void become_program(const char *folder, char *const *argv, char *const *environment, pid_t parent,
                                     int in, int out, int err)
{
    int nothing = in >= 0 ? in : open("/dev/null", O_RDONLY);
    bool good = setpgid(0, 0) == 0 && nl_end_with(parent) && chdir(folder) == 0;
    if (good && dup2(nothing, STDIN_FILENO) >= 0 && dup2(out, STDOUT_FILENO) >= 0 && dup2(err, STDERR_FILENO) >= 0)
        execve(argv[0], argv, environment);
    _exit(126);
}

/* Reads what is there; false at the end. */
static bool read_some(int from, struct stream *to)
{
    char block[NL_READ_BLOCK];
    ssize_t got = read(from, block, sizeof block);
    if (got > 0)
        nl_text_add_bytes(&to->text, block, (size_t)got);
    bool again = got < 0 && errno == EINTR;
    to->failure = got < 0 && !again ? errno : 0;
    return got > 0 || again;
}

/* Reads both pipes at once, as gnuplot must not block on one while we wait for the other, until gnuplot has ended.
 * NULL, or why it was killed before: a new string. */
static char *follow(pid_t child, const int *from, struct stream *to, double seconds, atomic_int *stop, int *state)
{
    struct pollfd open[2] = {{.fd = from[0], .events = POLLIN}, {.fd = from[1], .events = POLLIN}};
    char *why = NULL, size[32];
    for (double until = nl_seconds() + seconds; !why;) {
        bool reads = open[0].fd >= 0 || open[1].fd >= 0;
        if (!reads && waitpid(child, state, WNOHANG) == child)
            return NULL;
        int ready = poll(open, 2, reads ? 100 : 1); /* milliseconds, after which it looks at `stop` and the clock */
        for (int i = 0; i < 2; i++) {
            if (ready > 0 && open[i].revents && !read_some(open[i].fd, &to[i]))
                open[i].fd = -1;
            if (!why && to[i].failure)
                why = nl_format("what it printed cannot be read: %s", strerror(to[i].failure));
            if (!why && to[i].text.length > to[i].most)
                why = nl_format("it printed more than %s and was killed", nl_bytes_text((double)to[i].most, size));
        }
        if (!why && stop && *stop)
            why = nl_strdup("interrupted");
        if (!why && nl_seconds() > until)
            why = nl_format("it ran for more than %g s and was killed", seconds);
    }
    kill(-child, SIGKILL);
    while (waitpid(child, state, 0) < 0 && errno == EINTR)
        continue;
    return why;
}

/* The environment in the C locale with UTF-8: decimal points whatever the user's language, and no warning from gnuplot
 * where there is no locale at all. */
static char **c_environment(void)
{
    int count = 0, kept = 0;
    while (environ[count])
        count++;
    char **out = nl_alloc((size_t)count + 2, sizeof *out);
    for (int i = 0; i < count; i++)
        if (strncmp(environ[i], "LC_ALL=", 7) != 0)
            out[kept++] = environ[i];
    out[kept] = "LC_ALL=C.UTF-8";
    return out;
}

/* in: its standard input; -1: nothing. why: NULL, or why it was killed; a new string. */
static int run(const char *folder, char *const *argv, int in, double seconds, atomic_int *stop, struct stream *to,
               int *code, char **why, struct nl_error *err)
{
    int out[2], bad[2], state = 0;
    if (nl_pipe(out) != 0)
        return nl_fail_errno(err, "cannot run gnuplot");
    if (nl_pipe(bad) != 0) {
        nl_fail_errno(err, "cannot run gnuplot");
        close(out[0]);
        close(out[1]);
        return NL_FAIL;
    }
    char **environment = c_environment();
    pid_t parent = getpid(), child = fork();
    if (child == 0)
        become_program(folder, argv, environment, parent, in, out[1], bad[1]);
    int status = child < 0 ? nl_fail_errno(err, "cannot run gnuplot") : NL_OK;
    close(out[1]);
    close(bad[1]);
    if (status == NL_OK) {
        setpgid(child, child); /* whoever of the two is first */
        *why = follow(child, (const int[]){out[0], bad[0]}, to, seconds, stop, &state);
        *code = WIFEXITED(state) ? WEXITSTATUS(state) : 128 + WTERMSIG(state);
    }
    close(out[0]);
    close(bad[0]);
    free(environment);
    return status;
}

/* Fontconfig speaks on stderr, too: where it finds no place for its cache it says so, and draws all the same. */
static void drop_fontconfig(struct nl_text *complaint)
{
    struct nl_text kept = {0};
    for (const char *line = complaint->at, *end; line && *line; line = end) {
        end = line + strcspn(line, "\n");
        end += *end == '\n';
        if (strncmp(line, "Fontconfig ", strlen("Fontconfig ")) != 0)
            nl_text_add_bytes(&kept, line, (size_t)(end - line));
    }
    nl_text_release(complaint);
    *complaint = kept;
}

/* The last bytes of a picture of this format, but for white space: one that lacks them was cut. */
static bool is_whole(const char *format, const struct nl_text *picture)
{
    static const struct {
        const char *format, *end;
        size_t length;
    } known[] = {{"svg", "</svg>", 6}, {"png", "\0\0\0\0IEND\xae\x42\x60\x82", 12}, {"pdf", "%%EOF", 5}};
    size_t length = picture->length;
    while (length > 0 && strchr(" \r\n", picture->at[length - 1]))
        length--;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(known[i].format, format) == 0)
            return length >= known[i].length &&
                   memcmp(picture->at + length - known[i].length, known[i].end, known[i].length) == 0;
    return false;
}

/* gnuplot leaves "]]>" in texts as it is, which XML forbids: no browser would show the picture. */
static void mend_svg(struct nl_text *svg)
{
    struct nl_text mended = {0};
    for (const char *rest = svg->at, *at; rest; rest = at ? at + 3 : NULL) {
        at = strstr(rest, "]]>");
        nl_text_add_bytes(&mended, rest, at ? (size_t)(at - rest) : strlen(rest));
        nl_text_add(&mended, at ? "]]&gt;" : "");
    }
    nl_text_release(svg);
    *svg = mended;
}

bool nl_gnuplot_is_missing(void)
{
    char *passed, *program = find_program("gnuplot", &passed);
    bool missing = !program && !passed;
    free(program);
    free(passed);
    return missing;
}

/* A file without a name that has the text, to be read from its beginning; NULL: it cannot be made. */
static FILE *file_of(const struct nl_text *text)
{
    FILE *file = tmpfile();
    bool whole = file && fwrite(text->at, 1, text->length, file) == text->length && fflush(file) == 0;
    if (whole && lseek(fileno(file), 0, SEEK_SET) == 0)
        return file;
    if (file)
        fclose(file);
    return NULL;
}

int nl_render(const char *folder, const char *name, const char *format, double seconds, atomic_int *stop,
              const struct nl_text *own, struct nl_text *drawn, struct nl_error *err)
{
    char *passed, *program = find_program("gnuplot", &passed), *file = nl_format("%s/%s.%s", folder, name, format),
                  *why = NULL;
    char *script = nl_format("%s.gp", name), *setting = nl_format("format='%s'; picture=''", format);
    char *argv[] = {program, "--default-settings", "-e", setting, own ? "-" : script, NULL}; /* no file of the user's */
    struct stream to[2] = {{.most = 64 << 20}, {.most = 1 << 20}};
    struct nl_text *printed = &to[0].text, *complaint = &to[1].text;
    int code = 0, status;
    FILE *input = program && own ? file_of(own) : NULL;
    if (program && own && !input)
        status = nl_fail_errno(err, "cannot draw '%s': no temporary file", file);
    else if (program)
        status = run(folder, argv, input ? fileno(input) : -1, seconds, stop, to, &code, &why, err);
    else if (passed)
        status = nl_fail(err,
                         "cannot draw '%s': relative folders in PATH are not used, and gnuplot is only in one ('%s'); "
                         "the scripts are in '%s'",
                         file, passed, folder);
    else
        status = nl_fail(err,
                         "cannot draw '%s': gnuplot is not installed; install the package 'gnuplot-nox' (or "
                         "'gnuplot'); the scripts are in '%s': "
                         "gnuplot -e \"format='%s'\" %s draws one",
                         file, folder, format, script);
    drop_fontconfig(complaint);
    if (status == NL_OK && why)
        status = nl_fail(err, "gnuplot failed on '%s/%s': %s", folder, script, why);
    else if (status == NL_OK && (complaint->length > 0 || code != 0))
        status = nl_fail(err, "gnuplot failed on '%s/%s' (exit code %d): %s", folder, script, code,
                         complaint->length > 0 ? complaint->at : "it gave no reason");
    else if (status == NL_OK && strcmp(format, "svg") == 0)
        mend_svg(printed);
    if (status == NL_OK)
        status = !printed->length ? nl_fail(err, "gnuplot wrote no picture '%s' and gave no reason", file)
                 : is_whole(format, printed)
                     ? own ? NL_OK : nl_file_write(file, printed->at, printed->length, err)
                     : nl_fail(err, "gnuplot wrote only a part of the picture '%s' and gave no reason", file);
    if (status == NL_OK && own)
        nl_text_add_bytes(drawn, printed->at, printed->length);
    if (input)
        fclose(input);
    nl_text_release(printed);
    nl_text_release(complaint);
    free(program);
    free(passed);
    free(script);
    free(setting);
    free(file);
    free(why);
    return status;
}

char *nl_font_drawn(const char *font)
{
    char *passed, *program = find_program("fc-match", &passed), *why = NULL, *drawn = NULL;
    char *argv[] = {program, "--format=%{family[0]}", (char *)font, NULL};
    struct stream to[2] = {{.most = 1 << 20}, {.most = 1 << 20}};
    int code = 0;
    if (program && run("/", argv, -1, 60, NULL, to, &code, &why, NULL) == NL_OK && !why && code == 0 &&
        to[0].text.length > 0)
        drawn = nl_strdup(to[0].text.at);
    nl_text_release(&to[0].text);
    nl_text_release(&to[1].text);
    free(passed);
    free(program);
    free(why);
    return drawn;
}
