// Two bare warm processes that sum half the interval each, started by a write to their sockets: with
// libm's cos, or with SIMD (floor_simd.c). This file gets the flags of common/kernels, so that both
// sides are compiled alike.
#include <math.h>
#include <string.h>
#include <sys/socket.h>

#include "floor.h"
#include "kernels/split.h"

static double sum_cos(struct jd_part part) {
    double step = jd_part_step(part), acc = 0.0;
    int64_t n = (int64_t)part.n;
    for (int64_t i = 0; i < n; i++)
        acc += cos(part.a + (double)i * step) * step;
    return acc;
}

struct request {
    struct jd_part part;
    bool simd;
};

int floor_integrate_worker(char **args) {
    (void)args;
    struct request r;
    while (recv(ROLE_FD, &r, sizeof r, MSG_WAITALL) == (ssize_t)sizeof r) {
        double sum = r.simd ? floor_simd_sum_cos(r.part) : sum_cos(r.part);
        if (send(ROLE_FD, &sum, sizeof sum, MSG_NOSIGNAL) != (ssize_t)sizeof sum)
            break;
    }
    return 0;
}

int summers_start(struct summers *ret) {
    const char *const args[] = {"integrate-worker", NULL};
    *ret = (struct summers){.fds = {-1, -1}};
    for (unsigned w = 0; w < WORKERS_MAX; w++) {
        int pair[2];
        if (proc_socketpair(pair) < 0)
            return -1;
        ret->fds[w] = pair[0];
        int started = proc_start(args, &pair[1], 1, &ret->pids[w]);
        close(pair[1]);
        if (started < 0)
            return -1;
    }
    return 0;
}

void summers_stop(struct summers *s) {
    for (unsigned w = 0; w < WORKERS_MAX; w++) {
        proc_end(s->pids[w]);
        if (s->fds[w] >= 0)
            close(s->fds[w]);
    }
    *s = (struct summers){.fds = {-1, -1}};
}

int summers_run(struct summers *s, const struct sum_of_cos *what, double *ret_value) {
    double sums[WORKERS_MAX];
    for (unsigned w = 0; w < WORKERS_MAX; w++) {
        struct request r;
        memset(&r, 0, sizeof r); // its padding is sent, too
        r.part = jd_split_part(what->a, what->b, what->n, WORKERS_MAX, w);
        r.simd = what->simd;
        if (send(s->fds[w], &r, sizeof r, MSG_NOSIGNAL) != (ssize_t)sizeof r)
            return bench_fail("the floor's process is gone");
    }
    for (unsigned w = 0; w < WORKERS_MAX; w++)
        if (recv(s->fds[w], &sums[w], sizeof sums[w], MSG_WAITALL) != (ssize_t)sizeof sums[w])
            return bench_fail("the floor's process is gone");
    *ret_value = jd_split_reduce(sums, WORKERS_MAX);
    return 0;
}
