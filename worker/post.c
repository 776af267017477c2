#include "post.h"

#include "clock.h"
#include "log.h"

void post_init(struct post *p, struct link *l, const struct registry *tasks) {
    *p = (struct post){.link = l, .tasks = tasks};
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->idle, NULL);
}

void post_free(struct post *p) {
    work_free(&p->queue);
    jd_buf_free(&p->held);
    pthread_cond_destroy(&p->idle);
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

static void wake(struct waiter *w) {
    pthread_cond_signal(&w->arrived);
}

// A reply or an outcome that nobody waits for (any more) is no mistake of the master's.
static void answer(struct post *p, const struct jd_msg *reply) {
    struct waiter *w = p->waiters[reply->id >> POST_SLOT_SHIFT];
    if (!w)
        return;
    w->on_reply(w, reply);
    wake(w);
}

static void child_done(struct post *p, const struct jd_job_done *done) {
    uint64_t slot = done->handle / JD_CHILDREN_MAX;
    struct waiter *w = slot < JD_BOARD_SLOTS ? p->waiters[slot] : NULL;
    if (!w)
        return;
    w->on_done(w, done);
    wake(w);
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

// Hands out what was received whole: 1 = there was something | 0 | an error.
static int hand_out(struct post *p) {
    struct jd_msg msg;
    int r, any = 0;
    for (; (r = link_next(p->link, &msg)) > 0; any = 1)
        if ((r = post_route(p, &msg)) < 0)
            return r;
    link_release(p->link);
    return r < 0 ? r : any;
}

void post_end(struct post *p, int why) {
    if (!p->ended)
        p->ended = why;
    pthread_cond_broadcast(&p->idle);
    for (unsigned slot = 0; slot < JD_BOARD_SLOTS; slot++)
        if (p->waiters[slot])
            wake(p->waiters[slot]);
}

// More bytes, if any come in time. 0 | an error.
static int wait_and_fill(struct post *p, int timeout_ms) {
    p->reading = true;
    pthread_mutex_unlock(&p->lock);
    int r = link_wait(p->link, timeout_ms);
    pthread_mutex_lock(&p->lock);
    p->reading = false;
    return r > 0 ? link_fill(p->link) : r;
}

void post_read(struct post *p, int timeout_ms) {
    JD_ASSERT(!p->reading);
    int r = p->link->handed_out ? link_hold(p->link, &p->held) : 0;
    r = r < 0 ? r : hand_out(p); // what came with earlier bytes
    if (r == 0 && (r = wait_and_fill(p, timeout_ms)) == 0)
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

void post_wait(struct post *p, struct waiter *w, int timeout_ms) {
    if (p->ended)
        return;
    if (!p->reading) {
        post_read(p, timeout_ms);
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
    if (p->reading || p->ended)
        return;
    if (p->n_idle > 0) {
        pthread_cond_signal(&p->idle);
        return;
    }
    for (unsigned slot = 0; p->n_waiters > 0 && slot < JD_BOARD_SLOTS; slot++)
        if (p->waiters[slot]) {
            wake(p->waiters[slot]);
            return;
        }
}
