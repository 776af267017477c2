#include "post.h"

#include <sys/eventfd.h>

#include "clock.h"
#include "log.h"

void post_init(struct post *p, struct link *l, const struct registry *tasks) {
    *p = (struct post){.link = l, .tasks = tasks, .bell_fd = -1};
    pthread_mutex_init(&p->lock, NULL);
}

void post_free(struct post *p) {
    work_free(&p->queue);
    jd_buf_free(&p->held);
    pthread_mutex_destroy(&p->lock);
}

// ---- out ----

int post_send(struct post *p, const struct jd_msg *msg) {
    pthread_mutex_lock(&p->lock);
    int r = link_send(p->link, msg, clock_now_ns());
    pthread_mutex_unlock(&p->lock);
    return r;
}

int post_send_now(struct post *p, const struct jd_msg *msg) {
    pthread_mutex_lock(&p->lock);
    int r = link_send(p->link, msg, clock_now_ns());
    r = r < 0 ? r : link_flush(p->link);
    pthread_mutex_unlock(&p->lock);
    return r;
}

void post_clear_marks(struct post *p, unsigned slot) {
    if (!p->marked[slot]) // most jobs leave none: their part of the board stays cold
        return;
    jd_board_clear_progress(p->link->board, slot);
    p->marked[slot] = false;
}

// ---- in ----

static void log_bye(const struct jd_bye *bye) {
    char quoted[256];
    jd_log(JD_LOG_INFO, "master.bye", "code=%llu text=%s", (unsigned long long)bye->code,
           jd_log_quote(quoted, sizeof quoted, bye->text));
}

static int keep(struct post *p, const struct jd_run *run) {
    int r = work_push(&p->queue, run, p->link->board);
    if (r == 0)
        jd_board_set_taken(p->link->board, run->seq);
    return r;
}

// It sleeps, or it is the one that reads, and another thread was faster.
static void wake(struct post *p, struct waiter *w) {
    pthread_cond_signal(&w->arrived);
    if (p->reading && p->bell_fd >= 0)
        eventfd_write(p->bell_fd, 1);
}

// A reply or an outcome that nobody waits for (any more) is no mistake of the master's.
static void answer(struct post *p, const struct jd_msg *reply) {
    struct waiter *w = p->waiters[reply->id >> POST_SLOT_SHIFT];
    if (!w)
        return;
    w->on_reply(w, reply);
    wake(p, w);
}

static void child_done(struct post *p, const struct jd_job_done *done) {
    uint64_t slot = done->handle / JD_CHILDREN_MAX;
    struct waiter *w = slot < JD_BOARD_SLOTS ? p->waiters[slot] : NULL;
    if (!w)
        return;
    w->on_done(w, done);
    wake(p, w);
}

int post_route(struct post *p, const struct jd_msg *msg) {
    if (msg->shape == JD_REQUEST)
        return JOBD_E_PROTO;
    if (msg->shape == JD_REPLY) {
        answer(p, msg);
        return 0;
    }
    switch (msg->op) {
    case JD_OP_RUN:
        return keep(p, &msg->u.run);
    case JD_OP_JOB_DONE:
        child_done(p, &msg->u.job_done);
        return 0;
    case JD_OP_JOB_STATE: // of children, whose notes and logs are not this job's
    case JD_OP_JOB_LOG:
        return 0;
    case JD_OP_BYE:
        log_bye(&msg->u.bye);
        return 0;
    default:
        return JOBD_E_PROTO;
    }
}

// Hands out what was received whole.
static int hand_out(struct post *p) {
    struct jd_msg msg;
    int r = 0;
    while (r == 0 && (r = link_next(p->link, &msg)) > 0)
        r = post_route(p, &msg);
    link_release(p->link);
    return r;
}

void post_end(struct post *p, int why) {
    if (!p->ended)
        p->ended = why;
    if (p->on_room)
        p->on_room(p->on_room_arg);
    for (unsigned slot = 0; slot < JD_BOARD_SLOTS; slot++)
        if (p->waiters[slot])
            wake(p, p->waiters[slot]);
}

void post_read(struct post *p) {
    int r = p->link->handed_out ? link_hold(p->link, &p->held) : 0;
    r = r < 0 ? r : hand_out(p); // what came with earlier bytes
    while (r == 0 && (r = link_fill_now(p->link)) > 0)
        r = hand_out(p);
    if (r < 0)
        post_end(p, r);
}

// ---- waiting ----

void post_begin_wait(struct post *p, unsigned slot, struct waiter *w) {
    JD_ASSERT(!p->waiters[slot]);
    pthread_cond_init(&w->arrived, NULL);
    p->waiters[slot] = w;
    p->n_waiters++;
}

void post_end_wait(struct post *p, unsigned slot) {
    pthread_cond_destroy(&p->waiters[slot]->arrived);
    p->waiters[slot] = NULL;
    p->n_waiters--;
    post_hand_over(p);
}

void post_lend(struct post *p) {
    p->n_lent++;
    if (p->queue.first && p->on_room)
        p->on_room(p->on_room_arg);
}

static void wait_and_read(struct post *p, int timeout_ms) {
    eventfd_t rings;
    p->reading = true;
    pthread_mutex_unlock(&p->lock);
    int r = link_wait(p->link, p->bell_fd, timeout_ms);
    pthread_mutex_lock(&p->lock);
    p->reading = false;
    if (p->bell_fd >= 0)
        eventfd_read(p->bell_fd, &rings);
    if (r < 0)
        post_end(p, r);
    else if (r > 0)
        post_read(p);
}

void post_wait(struct post *p, struct waiter *w, int timeout_ms) {
    if (p->ended)
        return;
    if (p->n_idle == 0 && !p->reading) {
        wait_and_read(p, timeout_ms);
        if (p->queue.first && p->on_room)
            p->on_room(p->on_room_arg);
        return;
    }
    uint64_t until_ns = clock_now_ns() + (uint64_t)timeout_ms * CLOCK_NS_PER_MS;
    struct timespec until = {.tv_sec = (time_t)(until_ns / CLOCK_NS_PER_S),
                             .tv_nsec = (long)(until_ns % CLOCK_NS_PER_S)};
    pthread_cond_clockwait(&w->arrived, &p->lock, CLOCK_MONOTONIC, &until);
}

void post_hand_over(struct post *p) {
    if (p->n_idle > 0 || p->reading || p->ended)
        return;
    for (unsigned slot = 0; p->n_waiters > 0 && slot < JD_BOARD_SLOTS; slot++)
        if (p->waiters[slot]) {
            wake(p, p->waiters[slot]);
            return;
        }
}
