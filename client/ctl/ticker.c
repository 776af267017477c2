#include "ticker.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

void ticker_lock(struct ticker *t) {
    JD_ASSERT(pthread_mutex_lock(&t->lock) == 0);
}

void ticker_unlock(struct ticker *t) {
    JD_ASSERT(pthread_mutex_unlock(&t->lock) == 0);
}

// The connection ends with the process, and the daemon ends what belongs to it.
static _Noreturn void leave(const struct ticker *t, int signal) {
    t->ctl->signal = signal;
    _exit(ctl_finish_output(t->ctl, ctl_fail_stopped(t->ctl, t->what)));
}

static void tick(const struct ticker *t) {
    errno = 0;
    if (fflush(stdout)) {
        t->ctl->output_errno = errno ? errno : EIO;
        _exit(ctl_finish_output(t->ctl, CTL_BROKEN));
    }
    progress_tick(t->ctl->progress);
}

static void *run(void *arg) {
    struct ticker *t = arg;
    struct pollfd fds[2] = {{.fd = t->end_fd, .events = POLLIN},
                            {.fd = t->ctl->signal_fd, .events = POLLIN}};
    struct signalfd_siginfo info;
    while (!(fds[0].revents & POLLIN)) {
        poll(fds, 2, PROGRESS_TICK_MS);
        ticker_lock(t);
        if (read(t->ctl->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
            leave(t, (int)info.ssi_signo);
        tick(t);
        ticker_unlock(t);
    }
    return NULL;
}

int ticker_begin(struct ticker *t, struct ctl *ctl, const char *what) {
    *t = (struct ticker){.ctl = ctl, .what = what, .end_fd = eventfd(0, EFD_CLOEXEC)};
    if (t->end_fd < 0)
        return ctl_fail_call(ctl, JOBD_E_SYS, "prepare to wait");
    int r = ctl_watch_signals(ctl);
    pthread_mutex_init(&t->lock, NULL);
    if (!r && pthread_create(&t->thread, NULL, run, t) != 0)
        r = ctl_fail_call(ctl, JOBD_E_SYS, "start a thread");
    if (r)
        close(t->end_fd);
    return r;
}

void ticker_end(struct ticker *t) {
    ssize_t n = write(t->end_fd, &(uint64_t){1}, sizeof(uint64_t));
    JD_ASSERT(n == (ssize_t)sizeof(uint64_t));
    pthread_join(t->thread, NULL);
    pthread_mutex_destroy(&t->lock);
    close(t->end_fd);
}
