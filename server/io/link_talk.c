#include <errno.h>
#include <sys/socket.h>

#include "io/board.h"
#include "io/link_inner.h"
#include "io/loop.h"
#include "io/usage.h"
#include "log.h"

enum {
    LINK_READS_MAX = 8,            // of one worker before a sample
    LINK_LAST_BYTES = 1024 * 1024, // read after the death: more than a socket holds
};

static void on_socket(uv_poll_t *handle, int status, int events);
static bool take_message(void *owner, const struct jd_msg *msg, int r);

void link_listen(struct link *l) {
    wire_init(&l->wire, l->loop->links.max_frame, take_message, l);
    link_watch(l);
}

// At its first message and when it is to end: of a process that has taken less than we had when it was
// started, nothing else is known.
static void look_at_peak(struct link *l) {
    uint64_t peak = usage_seen_peak_bytes(l->pid);
    l->seen_peak_bytes = JD_MAX(l->seen_peak_bytes, peak);
}

// ---- writing ----

void link_watch(struct link *l) {
    int events = (l->ended ? 0 : UV_READABLE) | (jd_buf_used(&l->out) > 0 ? UV_WRITABLE : 0);
    if (events == l->events)
        return;
    l->events = (uint8_t)events;
    int r = events ? uv_poll_start(&l->sock_poll, events, on_socket) : uv_poll_stop(&l->sock_poll);
    JD_ASSERT(r == 0);
}

static void flush(struct link *l) {
    list_take_out(&l->dirty_node);
    // Nobody reads what a dying worker is sent; its death settles it.
    if (l->ended || wire_flush(l->sock, &l->out) < 0)
        jd_buf_free(&l->out);
    if (l->hang_up && !l->hung_up && jd_buf_used(&l->out) == 0) {
        l->hung_up = true;
        shutdown(l->sock, SHUT_WR);
    }
    link_watch(l);
}

static void append(struct link *l, const struct jd_msg *msg) {
    struct links *ls = &l->loop->links;
    int r = jd_msg_pack(&l->out, JD_FRAME_MAX_BYTES, msg);
    if (r < 0) {
        // The core counts on this message: only an end of the worker settles what it was about.
        jd_log(JD_LOG_ERROR, "worker.unsendable", "worker=%u pid=%d error=%s", l->worker,
               (int)l->pid, jobd_errname(r));
        link_kill(l);
    }
    list_append(&ls->dirty, &l->dirty_node);
}

void links_send(struct links *ls, uint32_t worker, const struct jd_msg *msg) {
    if (ls->at[worker])
        append(ls->at[worker], msg);
}

void links_dispatch(struct links *ls, uint32_t worker, const struct jd_msg *run) {
    struct link *l = ls->at[worker];
    if (!l)
        return;
    jd_board_publish(l->board, (unsigned)run->u.run.slot, run->u.run.seq);
    append(l, run);
}

bool links_revoke(struct links *ls, uint32_t worker, uint8_t slot, uint64_t seq) {
    struct link *l = ls->at[worker];
    return l && jd_board_revoke(l->board, slot, seq);
}

void links_ask_stop(struct links *ls, uint32_t worker, uint8_t slot, uint64_t seq) {
    if (ls->at[worker])
        jd_board_ask_stop(ls->at[worker]->board, slot, seq);
}

void links_hold_output(struct links *ls, uint32_t worker, bool hold) {
    if (ls->at[worker])
        output_hold(&ls->at[worker]->output, hold);
}

void links_hang_up(struct links *ls, uint32_t worker) {
    struct link *l = ls->at[worker];
    if (!l)
        return;
    l->hang_up = true;
    look_at_peak(l);
    list_append(&ls->dirty, &l->dirty_node);
}

void links_flush(struct links *ls) {
    while (!list_empty(&ls->dirty))
        flush(JD_CONTAINER(ls->dirty.next, struct link, dirty_node));
}

// ---- reading ----

static bool take_message(void *owner, const struct jd_msg *msg, int r) {
    struct link *l = owner;
    if (l->wire.n_frames == 1)
        look_at_peak(l);
    if (r == JOBD_E_NOTSUP)
        jd_log(JD_LOG_DEBUG, "worker.message.ignored", "worker=%u op=%u", l->worker, msg->op);
    else
        pump_feed(&l->loop->pump,
                  &(struct event){.kind = EVENT_WORKER_MESSAGE, .worker = l->worker, .msg = msg});
    return true;
}

static void parse(struct link *l, const uint8_t *data, size_t n) {
    char why[WIRE_WHY_MAX];
    l->parsed += n;
    output_catch_up(&l->output); // what it printed before goes first
    if (l->broken || wire_feed(&l->wire, data, n, why) == 0)
        return;
    l->broken = true;
    pump_feed(
        &l->loop->pump,
        &(struct event){.kind = EVENT_WORKER_BROKEN, .worker = l->worker, .text = jd_text(why)});
}

// Bytes read; 0 = nothing there, or nothing ever again.
static size_t read_some(struct link *l) {
    struct loop *loop = l->loop;
    ssize_t n = recv(l->sock, loop->read_buf, sizeof loop->read_buf, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (n <= 0) {
        if (!l->ended)
            link_end_of_output(l);
        return 0;
    }
    size_t skip = (size_t)JD_MIN(l->parsed - l->received, (uint64_t)n);
    l->received += (uint64_t)n;
    if (skip < (size_t)n)
        parse(l, loop->read_buf + skip, (size_t)n - skip);
    return (size_t)n;
}

static void on_socket(uv_poll_t *handle, int status, int events) {
    struct link *l = handle->data;
    loop_now(l->loop);
    if (status < 0) {
        l->events = 0; // an error stops the watching
        while (read_some(l) > 0)
            continue;
        if (!l->ended)
            link_end_of_output(l);
        return;
    }
    if (events & UV_READABLE)
        read_some(l);
    if (events & UV_WRITABLE)
        flush(l);
}

// ---- looking at the board ----

// The stream up to tail, which was looked at before the socket was read empty: frames that do not
// go through the ring are counted in it only once the socket has them, so the rest is in the ring.
// False: it cannot be had this time.
static bool take_from_ring(struct link *l, uint64_t tail, bool live) {
    uint8_t *copy = l->loop->read_buf;
    if (tail <= l->parsed)
        return true;
    if (!jd_board_ring_read(l->board, l->parsed, tail, live, copy))
        return false;
    parse(l, copy, (size_t)(tail - l->parsed));
    return true;
}

static void sample(struct link *l) {
    struct links *ls = &l->loop->links;
    uint64_t tail = jd_board_out_tail(l->board);
    int reads = 0;
    list_take_out(&l->sample_node);
    while (reads < LINK_READS_MAX && read_some(l) > 0)
        reads++;
    if (reads < LINK_READS_MAX)
        take_from_ring(l, tail, true);
    board_copy(l->board, &ls->view);
    if (l->sample_rss)
        ls->view.rss_bytes = usage_rss_bytes(l->pid);
    l->seen_peak_bytes = JD_MAX(l->seen_peak_bytes, ls->view.rss_bytes);
    l->sample_rss = false;
    pump_feed(&l->loop->pump,
              &(struct event){.kind = EVENT_BOARD, .worker = l->worker, .board = &ls->view});
}

void links_sample_later(struct links *ls, uint32_t worker, bool rss) {
    struct link *l = ls->at[worker];
    if (!l)
        return;
    l->sample_rss |= rss;
    list_append(&ls->samples, &l->sample_node);
}

void links_sample(struct links *ls) {
    while (!list_empty(&ls->samples))
        sample(JD_CONTAINER(ls->samples.next, struct link, sample_node));
}

void link_drain(struct link *l) {
    size_t n, total = 0;
    while (total < LINK_LAST_BYTES && (n = read_some(l)) > 0)
        total += n;
    if (!take_from_ring(l, jd_board_out_tail(l->board), false))
        jd_log(JD_LOG_WARN, "worker.ring.lost", "worker=%u pid=%d", l->worker, (int)l->pid);
    output_drain(&l->output);
}
