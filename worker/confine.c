#include "confine.h"

#include <fcntl.h>
#include <float.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fault.h"

// exec keeps only what was ignored, and the mask.
static void reset_signals(void) {
    struct sigaction now;
    sigset_t none;
    for (int sig = 1; sig < NSIG; sig++)
        if (sigaction(sig, NULL, &now) == 0 && now.sa_handler == SIG_IGN)
            signal(sig, SIG_DFL);
    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

// Best effort: where /proc is read-only the worker is no worse than any other process.
static void prefer_for_oom_kill(void) {
    static const char score[] = "500";
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    ssize_t n = write(fd, score, sizeof score - 1);
    (void)n;
    close(fd);
}

int confine_apply(jobd_error *reterr) {
    const struct rlimit no_core = {0, 0};
    reset_signals();
    if (setpgid(0, 0) < 0 && getpgrp() != getpid()) // a session leader has its group already
        return fault_sys(reterr, "cannot get a process group of its own");
    if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
        return fault_sys(reterr, "cannot become the reaper of its descendants");
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return fault_sys(reterr, "cannot give up gaining privileges");
    if (setrlimit(RLIMIT_CORE, &no_core) < 0)
        return fault_sys(reterr, "cannot switch core files off");
    prctl(PR_SET_NAME, "jobd-worker", 0, 0, 0);
    umask(077);
    prefer_for_oom_kill();
    return 0;
}

bool confine_parent_is(pid_t master) {
    return getppid() == master;
}

bool confine_denormals_kept(void) {
    volatile double least_normal = DBL_MIN, half;
    half = least_normal / 2;
    return half > 0;
}
