#include <unistd.h>

#include "cmd.h"

volatile sig_atomic_t interrupted;

/* Only what is safe in a signal handler. */
static void on_signal(int number)
{
    static const char message[] = "\nstopping: what has finished is kept (once more to leave at once)\n";
    (void)number;
    if (interrupted)
        _exit(EXIT_INTERRUPTED);
    interrupted = 1;
    ssize_t put = write(STDERR_FILENO, message, sizeof message - 1);
    (void)put;
}

void catch_interrupts(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}
