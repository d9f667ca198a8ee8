#include <signal.h>
#include <unistd.h>

#include "base/clock.h"
#include "cmd.h"

atomic_int interrupted;

/* timeout(1) and batch systems signal the process and its group: what follows that soon is the same request. */
static const double same_request = 0.5; /* seconds */

/* Only what is safe in a signal handler, which may run in two threads at once: one of them is the first. */
static void on_signal(int number)
{
    static const char message[] = "\nstopping: finished trials are kept (once more to leave at once)\n";
    static _Atomic double first; /* 0: the first is just there */
    bool again = atomic_exchange(&interrupted, 1);
    if (again && (number == SIGHUP || first == 0.0 || nl_seconds() - first < same_request))
        return; /* a terminal that closes hurries nobody: shell and kernel say so one after the other */
    if (again)
        _exit(EXIT_INTERRUPTED);
    first = nl_seconds();
    ssize_t put = write(STDERR_FILENO, message, sizeof message - 1);
    (void)put;
}

void catch_interrupts(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    sigemptyset(&action.sa_mask);
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    enum { SIGNALS = sizeof signals / sizeof *signals };
    for (int i = 0; i < SIGNALS; i++)
        sigaddset(&action.sa_mask, signals[i]); /* each waits for the others */
    for (int i = 0; i < SIGNALS; i++) {
        struct sigaction before;
        bool ignored =
            signals[i] == SIGHUP && sigaction(SIGHUP, NULL, &before) == 0 && before.sa_handler == SIG_IGN; /* nohup */
        if (!ignored)
            sigaction(signals[i], &action, NULL);
    }
}
