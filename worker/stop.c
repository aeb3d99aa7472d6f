#include "worker/stop.h"

#include <signal.h>
#include <stddef.h>

static volatile sig_atomic_t asked;

static void remember(int signal) {
    (void)signal;
    asked = 1;
}

static void handle(void (*handler)(int signal)) {
    const int signals[] = {SIGTERM, SIGUSR1, SIGINT};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        struct sigaction action = {.sa_handler = handler, .sa_flags = (int)SA_RESETHAND | SA_RESTART};
        sigaction(signals[i], &action, NULL);
    }
}

void stop_listen(void) {
    handle(remember);
}

void stop_listen_no_more(void) {
    handle(SIG_DFL);
}

bool stop_asked(void) {
    return asked != 0;
}
