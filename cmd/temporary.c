/* Tables for as long as the program runs: written for its readers, who take files, and gone when it ends, be it by a
 * signal. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/files.h"
#include "base/memory.h"
#include "base/temporary.h"
#include "cmd.h"
#include "config/keep.h"

enum { MOST_FOLDERS = 64 /* a report has many results */ };

/* The tables of a folder, then itself. A signal's handler reads them: a path is there before it is counted. */
static const char *path[MOST_FOLDERS * (NL_TABLES + 1)];
static volatile sig_atomic_t paths;

/* Only what is safe in a signal handler. */
static void remove_all(void)
{
    for (int i = 0; i < paths; i++)
        if (unlink(path[i]))
            rmdir(path[i]);
}

static void on_signal(int number)
{
    remove_all();
    signal(number, SIG_DFL);
    raise(number);
}

/* What ends the program is held back while half-written files have names of their own. */
static void hold_signals(sigset_t *before)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE};
    enum { SIGNALS = sizeof signals / sizeof *signals };
    struct sigaction action = {.sa_handler = on_signal}, found;
    sigemptyset(&action.sa_mask);
    for (int i = 0; i < SIGNALS; i++)
        sigaddset(&action.sa_mask, signals[i]);
    sigprocmask(SIG_BLOCK, &action.sa_mask, before);
    for (int i = 0; i < SIGNALS; i++)
        if (sigaction(signals[i], NULL, &found) == 0 && found.sa_handler != SIG_IGN) /* nohup */
            sigaction(signals[i], &action, NULL);
}

static char *make_folder(void)
{
    const char *given = getenv("TMPDIR"), *place = given && *given ? given : "/tmp";
    if (paths == MOST_FOLDERS * (NL_TABLES + 1)) {
        bad_input("name fewer of them", "more than %d results are unfinished", MOST_FOLDERS);
        return NULL;
    }
    char *folder = nl_temporary_folder(place, nl_table_files, NL_TABLES);
    if (!folder) {
        bad_input("set TMPDIR to a folder for temporary files", "cannot make a folder in '%s': %s", place,
                  strerror(errno));
        return NULL;
    }
    nl_keep(folder);
    if (paths == 0)
        atexit(remove_all);
    for (int i = 0; i < NL_TABLES; i++)
        path[paths + i] = nl_keep(nl_path_join(folder, nl_table_files[i]));
    path[paths + NL_TABLES] = folder;
    paths += NL_TABLES + 1;
    return folder;
}

const char *write_temporary_tables(const struct nl_partial *partial)
{
    sigset_t before;
    struct nl_error err;
    hold_signals(&before);
    char *folder = make_folder();
    const struct nl_store store = nl_store_at(folder);
    if (folder && nl_store_assemble(&store, &partial->grid, partial->record, &err)) {
        bad_input(NULL, "%s", err.text);
        folder = NULL;
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
    return folder;
}
