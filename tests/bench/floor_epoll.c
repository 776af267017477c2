// client <-> relay <-> workers, on epoll. A frame is carried on without a look into it.
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "floor.h"

struct hub {
    struct balance balance;
    struct stream peers[WORKERS_MAX + 1]; // 0 is the client
};

static bool carry(struct hub *h, unsigned from) {
    struct stream *s = &h->peers[from];
    const uint8_t *payload;
    uint32_t len;
    if (!stream_fill(s))
        return false;
    while ((payload = stream_next(s, &len))) {
        unsigned to = 0;
        if (from == 0) {
            to = balance_take(&h->balance) + 1;
        } else {
            h->balance.under_way[from - 1]--;
        }
        stream_put(&h->peers[to], payload, len);
    }
    return true;
}

int floor_epoll_relay(char **args) {
    static struct hub h;
    h.balance.n_workers = (unsigned)atoi(args[0]);
    int ep = epoll_create1(EPOLL_CLOEXEC);
    for (unsigned i = 0; i <= h.balance.n_workers; i++) {
        h.peers[i].fd = ROLE_FD + (int)i;
        struct epoll_event ev = {.events = EPOLLIN, .data.u32 = i};
        if (epoll_ctl(ep, EPOLL_CTL_ADD, h.peers[i].fd, &ev) < 0)
            return bench_fail("epoll_ctl: %s", strerror(errno)), 1;
    }
    for (;;) {
        struct epoll_event evs[WORKERS_MAX + 1];
        int n = epoll_wait(ep, evs, WORKERS_MAX + 1, -1);
        for (int i = 0; i < n; i++)
            if (!carry(&h, evs[i].data.u32))
                return 0;
        for (unsigned i = 0; i <= h.balance.n_workers; i++)
            if (h.peers[i].out_len && !stream_flush(&h.peers[i]))
                return 0;
    }
}

int floor_epoll_worker(char **args) {
    (void)args;
    static struct stream s = {.fd = ROLE_FD};
    while (stream_fill(&s)) {
        const uint8_t *payload;
        uint32_t len;
        while ((payload = stream_next(&s, &len)))
            stream_put(&s, payload, len);
        if (!stream_flush(&s))
            break;
    }
    return 0;
}

void floor_epoll_put(struct relay *r, uint32_t id) {
    uint8_t payload[PAYLOAD_BYTES] = {0};
    memcpy(payload, &id, sizeof id);
    stream_put(&r->client, payload, sizeof payload);
}

uint32_t floor_epoll_get(struct relay *r, const uint8_t *payload, uint32_t len) {
    (void)r;
    JD_ASSERT(len == PAYLOAD_BYTES);
    uint32_t id;
    memcpy(&id, payload, sizeof id);
    return id;
}
