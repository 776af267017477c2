// Each thread takes a job from the queue, runs it, and puts its result out. Those that find none
// wait for the socket in one epoll, edge-triggered: what comes wakes one of them, as a rule the one
// that slept last, and it reads all there is. So a job costs one wake-up, as in a worker of one
// thread; a further thread is woken, through a bell in the same epoll, only when a further job is
// there for it.
//
// Jobs that wait for others lend their slot: as many jobs more may run, and need threads.
#include "crew.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

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
    int epoll; // of the socket and idle_bell
    int idle_bell;
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

// A thread for the next job; and one after the other they hear of the end.
static void on_room(void *arg) {
    struct crew *c = arg;
    if (!has_room(c) && !c->post->ended)
        return;
    if (c->post->n_idle > 0)
        eventfd_write(c->idle_bell, 1);
    else if (!c->post->ended && c->n_threads == c->n_running && c->n_threads < CREW_MAX)
        start_thread(c);
}

// Nothing can be run now: what is done goes out, then this thread waits for the socket.
static void rest(struct crew *c) {
    struct post *p = c->post;
    struct epoll_event event;
    int r = link_flush(p->link);
    if (r < 0) {
        post_end(p, r);
        return;
    }
    if (c->n_running == 0)
        tree_reap(); // what earlier jobs started and left behind
    p->n_idle++;
    pthread_mutex_unlock(&p->lock);
    epoll_wait(c->epoll, &event, 1, -1);
    pthread_mutex_lock(&p->lock);
    p->n_idle--;
    if (!p->ended)
        post_read(p);
}

// What was received before a clean end is still run. NULL = there is nothing left to do.
static struct work *next_job(struct crew *c) {
    struct post *p = c->post;
    while (!has_room(c) && !p->ended)
        rest(c);
    struct work *w = NULL;
    if (has_room(c) && (!p->ended || p->ended == JOBD_E_CLOSED)) {
        w = work_pop(&p->queue);
        c->n_running++;
    }
    on_room(c);
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

static int watch(int epoll, int fd) {
    struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | EPOLLET};
    return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

static int open_bells(struct crew *c) {
    struct post *p = c->post;
    c->epoll = epoll_create1(EPOLL_CLOEXEC);
    c->idle_bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    p->bell_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (p->bell_fd >= 0 && watch(c->epoll, p->link->fd) == 0 && watch(c->epoll, c->idle_bell) == 0)
        return 0;
    p->link->sys_errno = errno;
    return JOBD_E_SYS;
}

static void close_bells(struct crew *c) {
    const int fds[] = {c->epoll, c->idle_bell, c->post->bell_fd};
    for (size_t i = 0; i < JD_LEN(fds); i++)
        if (fds[i] >= 0)
            close(fds[i]);
    c->post->bell_fd = -1;
}

static void start_threads(struct crew *c) {
    for (unsigned n = c->n_at_once; n > 1; n--) // fewer will do
        start_thread(c);
}

int crew_run(struct post *p, unsigned n) {
    struct crew c = {.post = p, .n_at_once = n, .n_threads = 1, .threads = {pthread_self()}};
    int r = open_bells(&c);
    if (r == 0) {
        p->shared = true;
        p->on_room = on_room;
        p->on_room_arg = &c;
        pthread_mutex_lock(&p->lock);
        start_threads(&c);
        post_read(p); // what came before there was anybody to wake
        pthread_mutex_unlock(&p->lock);
        work(&c);
        for (unsigned i = 1; i < c.n_threads; i++) // no more are started after the end
            pthread_join(c.threads[i], NULL);
        r = p->ended;
    }
    p->on_room = NULL;
    close_bells(&c);
    return r;
}
