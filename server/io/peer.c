#include "io/peer.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "io/loop.h"
#include "io/wire.h"
#include "log.h"
#include "mem.h"

#define HELLO_NS (5 * NS_PER_S)  // from connecting to a whole HELLO
#define FRAME_NS (30 * NS_PER_S) // from a frame's first byte to its last
#define LINGER_NS (1 * NS_PER_S) // for what is left to write, from the last byte that went out
#define LAZY_NS (10 * NS_PER_MS) // the longest a lazy message waits for company

enum peer_state { PEER_HELLO, PEER_OPEN, PEER_LINGER, PEER_GONE };
enum { SPARE_MAX_BYTES = 256 * 1024 }; // larger output memory is given back to the system

struct peer {
    uv_poll_t poll;
    struct loop *loop;
    struct wire wire;
    struct jd_buf out;
    struct fds *fds;      // that came and wait to be taken; NULL = none
    struct list out_node; // in dirty or lazy
    struct list due_node; // in hello, frame or linger
    uint64_t due_ns;
    uint32_t index;
    int fd;
    uint8_t state;
    uint8_t events; // that the loop watches for
    bool paused;    // not read until its output has drained
};

static void on_ready(uv_poll_t *handle, int status, int events);
static bool take_message(void *owner, const struct jd_msg *msg, int r);

int peers_init(struct peers *ps, struct loop *loop, uint32_t max) {
    *ps = (struct peers){.loop = loop, .max = max};
    ps->at = jd_zalloc(max * sizeof(struct peer *));
    ps->free = jd_zalloc(max * sizeof *ps->free);
    list_init(&ps->hello);
    list_init(&ps->frame);
    list_init(&ps->linger);
    list_init(&ps->dirty);
    list_init(&ps->lazy);
    return ps->at && ps->free ? 0 : JOBD_E_NOMEM;
}

void peers_free(struct peers *ps) {
    for (uint32_t i = 0; i < ps->n_spares; i++)
        jd_buf_free(&ps->spares[i]);
    jd_free(ps->at);
    jd_free(ps->free);
}

// ---- deadlines ----

// Every list has one length of time, so appending keeps it in order.
static void set_due(struct peer *p, struct list *list, uint64_t in_ns) {
    p->due_ns = p->loop->now_ns + in_ns;
    list_append(list, &p->due_node);
}

static struct peer *first_due(const struct list *list) {
    return list_empty(list) ? NULL : JD_CONTAINER(list->next, struct peer, due_node);
}

// ---- output memory: an idle client owns none ----

static void lend_memory(struct peers *ps, struct peer *p) {
    if (p->out.data || ps->n_spares == 0)
        return;
    p->out = ps->spares[--ps->n_spares];
}

static void give_memory_back(struct peers *ps, struct peer *p) {
    if (!p->out.data)
        return;
    if (ps->n_spares == PEER_SPARES || p->out.cap > SPARE_MAX_BYTES) {
        jd_buf_free(&p->out);
        return;
    }
    ps->spares[ps->n_spares++] = p->out;
    jd_buf_init(&p->out, JD_OUT_HARD_BYTES);
}

// ---- the end of a connection ----

static void on_closed(uv_handle_t *handle) {
    struct peer *p = JD_CONTAINER(handle, struct peer, poll);
    fds_queue_drop(&p->fds);
    wire_free(&p->wire);
    jd_buf_free(&p->out);
    jd_free(p);
}

// The memory lives to the end of the turn: the caller may be in the middle of this peer's bytes.
static void destroy(struct peer *p) {
    struct peers *ps = &p->loop->peers;
    if (p->state == PEER_GONE)
        return;
    p->state = PEER_GONE;
    list_take_out(&p->out_node);
    list_take_out(&p->due_node);
    uv_close((uv_handle_t *)&p->poll, on_closed);
    close(p->fd);
    ps->n_open--;
    listener_room(&p->loop->listener);
}

// The core hears CLOSED, and none of its effects finds the peer from here on.
static void detach(struct peer *p) {
    struct peers *ps = &p->loop->peers;
    if (ps->at[p->index] != p)
        return;
    ps->at[p->index] = NULL;
    pump_post(&p->loop->pump, &(struct event){.kind = EVENT_CLOSED, .peer = p->index});
}

static void drop(struct peer *p) {
    destroy(p);
    detach(p);
}

static void watch(struct peer *p) {
    bool reads = p->state <= PEER_OPEN && !p->paused;
    int events = (reads ? UV_READABLE : 0) | (jd_buf_used(&p->out) > 0 ? UV_WRITABLE : 0);
    if (events == p->events)
        return;
    p->events = (uint8_t)events;
    int r = uv_poll_start(&p->poll, events, on_ready);
    JD_ASSERT(r == 0);
}

static void expect_frame_end(struct peer *p) {
    if (p->state != PEER_OPEN)
        return;
    if (p->paused || jd_buf_used(&p->wire.partial) == 0)
        list_take_out(&p->due_node);
    else
        set_due(p, &p->loop->peers.frame, FRAME_NS);
}

// ---- writing ----

// Called when there may be room. The peer may be gone afterwards.
static void flush(struct peer *p) {
    size_t before = jd_buf_used(&p->out);
    if (p->state == PEER_GONE)
        return;
    list_take_out(&p->out_node);
    if (wire_flush(p->fd, &p->out) < 0) {
        drop(p);
        return;
    }
    size_t left = jd_buf_used(&p->out);
    if (left == 0)
        give_memory_back(&p->loop->peers, p);
    if (p->state == PEER_LINGER) {
        if (left == 0)
            destroy(p);
        else if (left < before || list_empty(&p->due_node))
            set_due(p, &p->loop->peers.linger, LINGER_NS);
    }
    if (p->state == PEER_GONE)
        return;
    if (p->paused && left < JD_OUT_HIGH_BYTES / 2) {
        p->paused = false;
        expect_frame_end(p);
        if (p->state != PEER_LINGER)
            pump_post(&p->loop->pump, &(struct event){.kind = EVENT_RESUMED, .peer = p->index});
    }
    watch(p);
}

static void linger(struct peer *p) {
    p->state = PEER_LINGER;
    list_take_out(&p->due_node);
    flush(p);
}

static void pause_reading(struct peer *p) {
    flush(p);
    if (p->state == PEER_GONE || jd_buf_used(&p->out) <= JD_OUT_HIGH_BYTES)
        return;
    p->paused = true;
    expect_frame_end(p);
    watch(p);
    pump_post(&p->loop->pump, &(struct event){.kind = EVENT_PAUSED, .peer = p->index});
}

// r: what appending to the output has returned.
static void appended(struct peer *p, int r, bool lazy) {
    struct peers *ps = &p->loop->peers;
    if (r < 0) {
        jd_log(JD_LOG_WARN, "client.overflow", "peer=%u unread=%zu error=%s", p->index,
               jd_buf_used(&p->out), jobd_errname(r));
        drop(p);
        return;
    }
    if (!lazy) {
        list_append(&ps->dirty, &p->out_node);
    } else if (list_empty(&p->out_node)) {
        if (list_empty(&ps->lazy))
            ps->lazy_due_ns = p->loop->now_ns + LAZY_NS;
        list_append(&ps->lazy, &p->out_node);
    }
    if (!p->paused && jd_buf_used(&p->out) > JD_OUT_HIGH_BYTES)
        pause_reading(p);
}

void peers_send(struct peers *ps, uint32_t index, const struct jd_msg *msg, bool lazy) {
    struct peer *p = ps->at[index];
    if (!p)
        return;
    lend_memory(ps, p);
    appended(p, jd_msg_pack(&p->out, JD_FRAME_MAX_BYTES, msg), lazy);
}

void peers_opened(struct peers *ps, uint32_t index, uint32_t max_frame) {
    struct peer *p = ps->at[index];
    if (!p)
        return;
    p->state = PEER_OPEN;
    p->wire.max_payload = max_frame;
    list_take_out(&p->due_node);
}

static int pack_bye(struct jd_buf *out, int error, jobd_bytes text) {
    text.len = JD_MIN(text.len, (size_t)JD_TEXT_MAX);
    struct jd_msg bye = {.shape = JD_EVENT, .op = JD_OP_BYE};
    bye.u.bye = (struct jd_bye){.code = (uint64_t)-error, .text = text};
    return jd_msg_pack(out, JD_FRAME_MAX_BYTES, &bye);
}

void peers_bye(struct peers *ps, uint32_t index, int error, jobd_bytes text) {
    struct peer *p = ps->at[index];
    char quoted[256];
    if (!p)
        return;
    // Saying good-bye to everybody at the end is no news.
    jd_log(error == JOBD_E_CLOSED ? JD_LOG_DEBUG : JD_LOG_INFO, "client.bye",
           "peer=%u error=%s reason=%s", index, jobd_errname(error),
           jd_log_quote(quoted, sizeof quoted, text));
    lend_memory(ps, p);
    // Where the reason finds no room, the end of the connection says enough.
    if (pack_bye(&p->out, error, text) < 0)
        drop(p);
    else
        linger(p);
    detach(p);
}

void peer_turn_away(int fd, int error, const char *text) {
    struct jd_buf out;
    jd_buf_init(&out, JD_HELLO_MAX_BYTES);
    if (pack_bye(&out, error, jd_text(text)) == 0)
        wire_flush(fd, &out);
    jd_buf_free(&out);
    close(fd);
}

void peers_flush(struct peers *ps) {
    while (!list_empty(&ps->dirty))
        flush(JD_CONTAINER(ps->dirty.next, struct peer, out_node));
}

// ---- reading ----

static bool take_message(void *owner, const struct jd_msg *msg, int r) {
    struct peer *p = owner;
    if (r == JOBD_E_NOTSUP && msg->shape == JD_REQUEST) {
        lend_memory(&p->loop->peers, p);
        appended(p, wire_refuse_op(&p->out, p->wire.max_payload, msg), false);
    } else if (r == JOBD_E_NOTSUP) {
        jd_log(JD_LOG_DEBUG, "client.event.ignored", "peer=%u op=%u", p->index, msg->op);
    } else {
        pump_feed(&p->loop->pump, &(struct event){.kind = EVENT_MESSAGE,
                                                  .peer = p->index,
                                                  .msg = msg,
                                                  .n_fds = p->fds ? p->fds->n : 0});
    }
    return p->state <= PEER_OPEN;
}

// False: they cannot be kept, and the peer is gone.
static bool take_fds(struct peer *p, struct fds *got, bool lost) {
    bool room = !lost && fds_below(got, p->loop->listener.fd_limit);
    int r = room ? fds_queue_add(&p->fds, got) : JOBD_E_AGAIN;
    if (r == 0)
        return true;
    if (lost && got->n == FDS_MAX)
        r = JOBD_E_LIMIT;
    fds_close(got);
    peers_bye(&p->loop->peers, p->index, r,
              jd_text(r == JOBD_E_LIMIT
                          ? "more than 8 descriptors have come and wait for a process to take them"
                          : "the daemon has no room for more descriptors; try again later"));
    return false;
}

struct fds peers_take_fds(struct peers *ps, uint32_t index, uint32_t n) {
    struct peer *p = ps->at[index];
    return p ? fds_queue_take(&p->fds, n) : (struct fds){.n = 0};
}

static void end_of_input(struct peer *p) {
    struct pollfd fd = {.fd = p->fd, .events = 0};
    if (poll(&fd, 1, 0) == 1 && (fd.revents & (POLLHUP | POLLERR)))
        destroy(p);
    else
        linger(p);
    detach(p);
}

// One read, so that no client keeps the others waiting. False: nothing more to be had.
static bool read_some(struct peer *p) {
    struct loop *loop = p->loop;
    char why[WIRE_WHY_MAX];
    struct fds got;
    bool lost;
    uint64_t n_frames = p->wire.n_frames;
    ssize_t n = fds_receive(p->fd, loop->read_buf, sizeof loop->read_buf, &got, &lost);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (n < 0) {
        drop(p);
        return false;
    }
    if (n == 0) {
        end_of_input(p);
        return false;
    }
    if ((got.n > 0 || lost) && !take_fds(p, &got, lost))
        return false;
    int r = wire_feed(&p->wire, loop->read_buf, (size_t)n, why);
    if (p->state > PEER_OPEN)
        return false;
    if (r < 0) {
        peers_bye(&loop->peers, p->index, r, jd_text(why));
        return false;
    }
    bool partial = jd_buf_used(&p->wire.partial) > 0;
    if (!partial || list_empty(&p->due_node) || p->wire.n_frames != n_frames)
        expect_frame_end(p);
    return true;
}

static void on_ready(uv_poll_t *handle, int status, int events) {
    struct peer *p = JD_CONTAINER(handle, struct peer, poll);
    loop_now(p->loop);
    if (status < 0) {
        // The client closed without reading everything. What it had sent before still counts.
        while (p->state <= PEER_OPEN && read_some(p))
            continue;
        drop(p);
        return;
    }
    if (events & UV_WRITABLE)
        flush(p);
    if ((events & UV_READABLE) && p->state <= PEER_OPEN && !p->paused)
        read_some(p);
}

// ---- life ----

int peers_accept(struct peers *ps, int fd, uid_t uid, pid_t pid) {
    JD_ASSERT(ps->n_open < ps->max);
    struct peer *p = jd_zalloc(sizeof *p);
    if (!p || uv_poll_init(&ps->loop->uv, &p->poll, fd) < 0) {
        jd_free(p);
        close(fd);
        return JOBD_E_NOMEM;
    }
    p->loop = ps->loop;
    p->fd = fd;
    p->index = ps->n_free > 0 ? ps->free[--ps->n_free] : ps->n_fresh++;
    wire_init(&p->wire, JD_HELLO_MAX_BYTES, take_message, p);
    jd_buf_init(&p->out, JD_OUT_HARD_BYTES);
    list_init(&p->out_node);
    list_init(&p->due_node);
    ps->at[p->index] = p;
    ps->n_open++;
    set_due(p, &ps->hello, HELLO_NS);
    watch(p);
    pump_feed(&ps->loop->pump, &(struct event){.kind = EVENT_CONNECTED,
                                               .peer = p->index,
                                               .uid = (uint32_t)uid,
                                               .pid = (uint32_t)pid});
    return 0;
}

void peers_release(struct peers *ps, uint32_t index) {
    ps->free[ps->n_free++] = index;
}

// Bytes that came in time but were not read in time (the whole process was stopped) are no reason.
static bool has_come(struct peer *p) {
    struct pollfd fd = {.fd = p->fd, .events = POLLIN};
    return poll(&fd, 1, 0) == 1 && (fd.revents & POLLIN);
}

static void expire(struct peers *ps, struct list *list, uint64_t again_ns, const char *text) {
    struct peer *p;
    while ((p = first_due(list)) && p->due_ns <= ps->loop->now_ns) {
        if (has_come(p))
            set_due(p, list, again_ns);
        else
            peers_bye(ps, p->index, JOBD_E_TIMEOUT, jd_text(text));
    }
}

void peers_tick(struct peers *ps) {
    struct peer *p;
    if (ps->lazy_due_ns <= ps->loop->now_ns)
        while (!list_empty(&ps->lazy))
            list_append(&ps->dirty, ps->lazy.next);
    expire(ps, &ps->hello, HELLO_NS, "no HELLO within 5 s of connecting");
    expire(ps, &ps->frame, FRAME_NS, "a frame was not complete within 30 s of its first byte");
    while ((p = first_due(&ps->linger)) && p->due_ns <= ps->loop->now_ns)
        destroy(p);
}

uint64_t peers_deadline(const struct peers *ps) {
    const struct peer *first[] = {first_due(&ps->hello), first_due(&ps->frame),
                                  first_due(&ps->linger)};
    uint64_t at = list_empty(&ps->lazy) ? UINT64_MAX : ps->lazy_due_ns;
    for (size_t i = 0; i < JD_LEN(first); i++)
        if (first[i])
            at = JD_MIN(at, first[i]->due_ns);
    return at;
}

void peers_close_all(struct peers *ps) {
    struct peer *p;
    for (uint32_t i = 0; i < ps->n_fresh; i++) {
        if (ps->at[i])
            destroy(ps->at[i]);
        ps->at[i] = NULL;
    }
    while ((p = first_due(&ps->linger)))
        destroy(p);
}
