// The client of a relay floor, and the processes behind it.
#include <sys/socket.h>

#include "floor.h"

static const char *const role_names[][2] = {
    [RELAY_EPOLL] = {"epoll-relay", "epoll-worker"},
    [RELAY_UV] = {"uv-relay", "uv-worker"},
};

static int start_relay(struct relay *r, int fds[WORKERS_MAX + 1]) {
    const char *n_workers[] = {"0", "1", "2"};
    const char *const args[] = {role_names[r->kind][0], n_workers[r->n_workers], NULL};
    return proc_start(args, fds, r->n_workers + 1, &r->pids[0]);
}

// fds: the relay's ends, [0] the client's.
static int start_all(struct relay *r, int fds[WORKERS_MAX + 1]) {
    const char *const args[] = {role_names[r->kind][1], NULL};
    int pair[2];
    if (proc_socketpair(pair) < 0)
        return -1;
    r->client.fd = pair[0];
    fds[0] = pair[1];
    for (unsigned w = 0; w < r->n_workers; w++) {
        if (proc_socketpair(pair) < 0)
            return -1;
        fds[w + 1] = pair[1];
        int started = proc_start(args, &pair[0], 1, &r->pids[w + 1]);
        close(pair[0]);
        if (started < 0)
            return -1;
    }
    return start_relay(r, fds);
}

int relay_start(enum relay_kind kind, unsigned n_workers, struct relay *ret) {
    JD_ASSERT(n_workers <= WORKERS_MAX);
    int fds[WORKERS_MAX + 1] = {-1, -1, -1};
    *ret = (struct relay){.kind = kind, .n_workers = n_workers, .client.fd = -1};
    if (!msgpack_zone_init(&ret->zone, MSGPACK_ZONE_CHUNK_SIZE))
        return bench_fail("out of memory");
    int started = start_all(ret, fds);
    for (unsigned i = 0; i <= n_workers; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    if (started < 0)
        relay_stop(ret);
    return started;
}

void relay_stop(struct relay *r) {
    if (!r || r->client.fd < 0)
        return;
    for (unsigned i = 0; i <= r->n_workers; i++)
        proc_end(r->pids[i]);
    close(r->client.fd);
    r->client.fd = -1;
    msgpack_zone_destroy(&r->zone);
}

static inline void put(struct relay *r, uint32_t id) {
    if (r->kind == RELAY_EPOLL)
        floor_epoll_put(r, id);
    else
        floor_uv_put(r, id);
}

static inline uint32_t get(struct relay *r, const uint8_t *payload, uint32_t len) {
    return r->kind == RELAY_EPOLL ? floor_epoll_get(r, payload, len)
                                  : floor_uv_get(r, payload, len);
}

int relay_roundtrips(struct relay *r, unsigned n, double *ret_ns) {
    for (uint32_t id = 0; id < n; id++) {
        uint64_t start_ns = bench_now_ns();
        const uint8_t *payload = NULL;
        uint32_t len;
        put(r, id);
        if (!stream_flush(&r->client))
            return bench_fail("the floor's relay is gone");
        while (!(payload = stream_next(&r->client, &len)))
            if (!stream_fill(&r->client))
                return bench_fail("the floor's relay is gone");
        JD_ASSERT(get(r, payload, len) == id);
        ret_ns[id] = (double)(bench_now_ns() - start_ns);
    }
    return 0;
}

int relay_pipeline(struct relay *r, unsigned n) {
    uint64_t sum = 0; // of all ids: none may be lost or come twice
    for (uint32_t n_sent = 0, n_done = 0; n_done < n;) {
        while (n_sent < n && n_sent - n_done < OUTSTANDING)
            put(r, n_sent++);
        if (!stream_flush(&r->client) || !stream_fill(&r->client))
            return bench_fail("the floor's relay is gone");
        const uint8_t *payload;
        uint32_t len;
        for (; (payload = stream_next(&r->client, &len)); n_done++)
            sum += get(r, payload, len);
    }
    JD_ASSERT(sum == (uint64_t)n * (n - 1) / 2);
    return 0;
}
