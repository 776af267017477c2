#include "peers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proc.h"

#define PYTHON "/usr/bin/python3"

enum { LINE_BYTES = 128 };

int peers_python(char **args) {
    execl(PYTHON, PYTHON, "-B", BENCH_SOURCE_DIR "/peers.py", args[0], (char *)NULL);
    return 1;
}

static void note_missing(const struct bench *b, const struct peers *p) {
    if (!p->pid)
        report_note(b->report,
                    "left out: Python's pools; there is no " PYTHON " (Debian's python3)");
    else if (!peers_have(p, "loky_map"))
        report_note(b->report,
                    "left out: loky; " PYTHON " has no joblib (Debian's python3-joblib)");
}

// Its first line says what it can.
static int listen_to(struct peers *p, int fd) {
    p->talk = fdopen(fd, "r");
    if (!p->talk) {
        close(fd);
        return -1;
    }
    return fgets(p->names, sizeof p->names, p->talk) ? 0 : -1;
}

void peers_start(const struct bench *b, struct peers *ret) {
    const char *const args[] = {"python", b->quick ? "quick" : "full", NULL};
    int fds[2];
    *ret = (struct peers){0};
    if (b->hold_s)
        return;
    if (access(PYTHON, X_OK) == 0 && proc_socketpair(fds) == 0) {
        int r = proc_start(args, &fds[1], 1, &ret->pid);
        close(fds[1]);
        if (listen_to(ret, fds[0]) < 0 || r < 0)
            peers_stop(ret);
    }
    note_missing(b, ret);
}

bool peers_have(const struct peers *p, const char *name) {
    char word[LINE_BYTES];
    snprintf(word, sizeof word, "%s ", name);
    return p->pid && strstr(p->names, word);
}

int peers_ask(struct peers *p, const char *name, double *ret) {
    char line[LINE_BYTES], *end;
    if (dprintf(fileno(p->talk), "%s\n", name) < 0 || !fgets(line, sizeof line, p->talk))
        return bench_fail("Python gave no answer to %s", name);
    *ret = strtod(line, &end);
    return end != line ? 0 : bench_fail("Python's answer to %s is no number: %s", name, line);
}

// Its pools end with it, and what those leave behind some moments later; all of them come here.
static void reap_all(void) {
    siginfo_t info;
    while (waitid(P_ALL, 0, &info, WEXITED) == 0 || errno == EINTR)
        continue;
}

void peers_stop(struct peers *p) {
    if (p->talk)
        fclose(p->talk); // it ends at the end of its input
    if (p->pid > 0)
        reap_all();
    *p = (struct peers){0};
}
