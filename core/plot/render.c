#include "plot/render.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NOT_FOUND = 127 };

/* In the child: only calls that are safe after fork in a program with threads. */
static _Noreturn void become_gnuplot(const char *folder, char *const *argv, char *const *environment, const int *out, const int *err)
{
    if (chdir(folder) != 0 || dup2(out[1], STDOUT_FILENO) < 0 || dup2(err[1], STDERR_FILENO) < 0)
        _exit(126);
    execvpe(argv[0], argv, environment);
    _exit(errno == ENOENT ? NOT_FOUND : 126);
}

/* Both pipes at once: gnuplot must not block on one while we wait for the other. */
static void drain(int out, int err, struct nl_text *printed, struct nl_text *complaint)
{
    struct pollfd open[2] = {{.fd = out, .events = POLLIN}, {.fd = err, .events = POLLIN}};
    struct nl_text *to[2] = {printed, complaint};
    int left = 2;
    while (left > 0) {
        int ready = poll(open, 2, -1);
        if (ready < 0 && errno != EINTR)
            break;
        for (int i = 0; i < 2 && ready > 0; i++) {
            char block[4096];
            if (open[i].fd < 0 || !(open[i].revents & (POLLIN | POLLHUP | POLLERR)))
                continue;
            ssize_t got = read(open[i].fd, block, sizeof block);
            if (got > 0) {
                nl_text_add_bytes(to[i], block, (size_t)got);
            } else if (got == 0 || errno != EINTR) {
                open[i].fd = -1;
                left--;
            }
        }
    }
}

/* The environment in the C locale with UTF-8: decimal points whatever the user's language, and no warning from gnuplot where
 * there is no locale at all. */
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

static int run(const char *folder, char *const *argv, struct nl_text *printed, struct nl_text *complaint, int *code, struct nl_error *err)
{
    int out[2], bad[2];
    if (pipe(out) != 0)
        return nl_fail_errno(err, "cannot run gnuplot");
    if (pipe(bad) != 0) {
        close(out[0]);
        close(out[1]);
        return nl_fail_errno(err, "cannot run gnuplot");
    }
    char **environment = c_environment();
    pid_t child = fork();
    if (child == 0)
        become_gnuplot(folder, argv, environment, out, bad);
    int status = child < 0 ? nl_fail_errno(err, "cannot run gnuplot") : NL_OK;
    close(out[1]);
    close(bad[1]);
    if (status == NL_OK) {
        int state = 0;
        drain(out[0], bad[0], printed, complaint);
        while (waitpid(child, &state, 0) < 0 && errno == EINTR)
            continue;
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

int nl_render(const char *folder, const char *name, const char *format, struct nl_text *drawn, struct nl_error *err)
{
    char *script = nl_format("%s.gp", name), *setting = nl_format("format='%s'", format);
    char *file = nl_format("%s/%s.%s", folder, name, format);
    char *argv[] = {"gnuplot", "--default-settings", "-e", setting, script, NULL}; /* no file of the user's in between */
    struct nl_text printed = {0}, complaint = {0};
    bool to_file = strcmp(format, "txt") != 0;
    int code = 0;
    if (to_file)
        unlink(file); /* an old picture must not pass for the new one */
    int status = run(folder, argv, &printed, &complaint, &code, err);
    drop_fontconfig(&complaint);
    struct stat info;
    if (status == NL_OK && code == NOT_FOUND)
        status = nl_fail(err, "cannot draw '%s': gnuplot is not installed; install the package 'gnuplot-nox' (or 'gnuplot'); the scripts are in '%s'",
                         file, folder);
    else if (status == NL_OK && (complaint.length > 0 || code != 0))
        status = nl_fail(err, "gnuplot failed on '%s/%s' (exit code %d): %s", folder, script, code,
                         complaint.length > 0 ? complaint.at : "it gave no reason");
    else if (status == NL_OK && to_file && (stat(file, &info) != 0 || info.st_size == 0))
        status = nl_fail(err, "gnuplot wrote no picture '%s' and gave no reason", file);
    else if (status == NL_OK && drawn && printed.length > 0)
        nl_text_add_bytes(drawn, printed.at, printed.length);
    nl_text_release(&printed);
    nl_text_release(&complaint);
    free(script);
    free(setting);
    free(file);
    return status;
}
