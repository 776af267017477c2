// Each thread takes a job from the queue, runs it, and puts its result out; the thread that finds
// none reads the socket, and the others sleep. One that leaves for a job wakes the next, which takes
// another job or reads in its place: so whoever waits, somebody reads, and a thread is woken only
// when there is something for it to do.
//
// Jobs that wait for others lend their slot: as many jobs more may run, and need threads.
#include "crew.h"

#include <string.h>

#include "clock.h"
#include "ctx.h"
#include "job.h"
#include "log.h"
#include "mem.h"
#include "tree.h"

enum { CREW_MAX = JD_THREADS_MAX + JD_BOARD_SLOTS };

// Everything in it is behind the lock of post.
struct crew {
    struct post *post;
    unsigned n_at_once; // jobs that may run, not counting those that lend their slot
    unsigned n_running; // threads that have a job, those whose job lends its slot too
    unsigned n_threads;
    pthread_t threads[CREW_MAX]; // the first is the one that called crew_run()
};

static void *work(void *arg);

static void start_thread(struct crew *c) {
    int err = pthread_create(&c->threads[c->n_threads], NULL, work, c);
    if (err)
        jd_log(JD_LOG_ERROR, "worker.thread", "error=\"cannot start another thread: %s\"",
               strerror(err));
    else
        c->n_threads++;
}

static bool has_room(const struct crew *c) {
    return c->post->queue.first && c->n_running < c->n_at_once + c->post->n_lent;
}

// If a job may run, see to it that a thread comes for it. One that reads comes by itself.
static void on_room(void *arg) {
    struct crew *c = arg;
    if (!has_room(c) || c->post->ended)
        return;
    if (c->post->n_idle > 0)
        pthread_cond_signal(&c->post->idle);
    else if (c->n_threads == c->n_running && c->n_threads < CREW_MAX)
        start_thread(c);
}

// Nothing can be run now: what is done goes out, then this thread reads, or sleeps if one does.
static void rest(struct crew *c) {
    struct post *p = c->post;
    int r = link_flush(p->link);
    if (r < 0) {
        post_end(p, r);
        return;
    }
    if (p->reading) {
        p->n_idle++;
        pthread_cond_wait(&p->idle, &p->lock);
        p->n_idle--;
        return;
    }
    if (c->n_running == 0)
        tree_reap(); // what earlier jobs started and left behind
    post_read(p, -1);
}

// What was received before a clean end is still run. NULL = there is nothing left to do.
static struct work *next_job(struct crew *c) {
    struct post *p = c->post;
    while (!has_room(c) && !p->ended)
        rest(c);
    if (!has_room(c) || (p->ended && p->ended != JOBD_E_CLOSED))
        return NULL;
    struct work *w = work_pop(&p->queue);
    c->n_running++;
    if (has_room(c))
        on_room(c);
    else
        post_hand_over(p);
    return w;
}

// With the lock held, but while the job runs.
static void run_job(struct crew *c, jobd_task_ctx *ctx, const struct jd_run *run) {
    struct post *p = c->post;
    struct jd_msg msg;
    pthread_mutex_unlock(&p->lock);
    uint64_t start_ns = clock_now_ns(), now_ns = start_ns;
    bool ran = job_run(ctx, run, start_ns, &msg);
    if (ran) {
        now_ns = clock_now_ns();
        msg.u.result.run_ns = now_ns - start_ns;
    }
    pthread_mutex_lock(&p->lock);
    c->n_running--;
    if (!ran)
        return; // the master has taken it back
    int r = link_send(p->link, &msg, now_ns);
    ctx_end(ctx);
    r = r < 0 ? r : link_flush_old(p->link, now_ns);
    if (r < 0)
        post_end(p, r);
}

static void *work(void *arg) {
    struct crew *c = arg;
    jobd_task_ctx ctx;
    ctx_init(&ctx, c->post);
    pthread_mutex_lock(&c->post->lock);
    for (struct work *w; (w = next_job(c));) {
        run_job(c, &ctx, &w->run);
        jd_free(w);
    }
    link_flush(c->post->link); // a link that fails has ended
    pthread_mutex_unlock(&c->post->lock);
    ctx_free(&ctx);
    return NULL;
}

int crew_run(struct post *p, unsigned n) {
    struct crew c = {.post = p, .n_at_once = n, .n_threads = 1, .threads = {pthread_self()}};
    pthread_mutex_lock(&p->lock);
    p->shared = true;
    p->on_room = on_room;
    p->on_room_arg = &c;
    while (c.n_threads < n) {
        unsigned before = c.n_threads;
        start_thread(&c);
        if (c.n_threads == before)
            break; // fewer will do
    }
    pthread_mutex_unlock(&p->lock);
    work(&c);
    for (unsigned i = 1; i < c.n_threads; i++) // no more are started after the end
        pthread_join(c.threads[i], NULL);
    return p->ended;
}
