#include "lifeline.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <unistd.h>

#include "fault.h"
#include "tree.h"

enum { LIFELINE_STACK_BYTES = 128 * 1024 }; // only the pages in use are ever there

static void end_all(void) {
    tree_kill();
    kill(getpid(), SIGKILL);
}

static void *wait_for_the_end(void *arg) {
    struct pollfd pfd = {.fd = (int)(intptr_t)arg, .events = 0};
    int r;
    do
        r = poll(&pfd, 1, -1);
    while (r == 0 || (r < 0 && errno == EINTR));
    end_all();
    return NULL;
}

void lifeline_follow(int fd) {
    struct pollfd pfd = {.fd = fd, .events = 0};
    if (poll(&pfd, 1, 0) == 1 && (pfd.revents & POLLHUP))
        end_all();
}

int lifeline_start(int fd, jobd_error *reterr) {
    pthread_attr_t attr;
    pthread_t thread;
    sigset_t all, before;
    // Signals are for the computing thread: a task may want to see them.
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, LIFELINE_STACK_BYTES);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    int err = pthread_create(&thread, &attr, wait_for_the_end, (void *)(intptr_t)fd);
    pthread_attr_destroy(&attr);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = err;
    return err ? fault_sys(reterr, "cannot start the lifeline thread") : 0;
}
