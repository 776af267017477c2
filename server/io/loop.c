#include "io/loop.h"

#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "mem.h"

#define IDS_AGAIN_NS (1 * NS_PER_S) // after the state directory could not be written
#define LEAVE_NS (1 * NS_PER_S)     // for last words to clients

void loop_now(struct loop *loop) {
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    loop->now_ns = (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

// ---- what the core asks of the loop itself ----

void loop_reserve_ids(struct loop *loop, uint64_t limit) {
    char path[256];
    int r = state_reserve(loop->state, limit);
    bool failed_before = loop->ids_due_ns > 0;
    loop->ids_limit = limit;
    loop->ids_due_ns = r < 0 ? loop->now_ns + IDS_AGAIN_NS : 0;
    if (r == 0)
        pump_post(&loop->pump, &(struct event){.kind = EVENT_IDS, .limit = limit});
    else if (!failed_before)
        jd_log(JD_LOG_ERROR, "state.unwritable", "path=%s error=\"%s\"",
               jd_log_value(path, sizeof path, loop->state->path), strerror(-r));
}

void loop_leave(struct loop *loop) {
    loop->leaving = true;
    loop->leave_by_ns = loop->now_ns + LEAVE_NS;
    listener_close(&loop->listener);
}

// ---- the turn ----

static void close_everything(struct loop *loop) {
    loop->closed = true;
    listener_close(&loop->listener);
    peers_close_all(&loop->peers);
    links_close_all(&loop->links);
    uv_close((uv_handle_t *)&loop->orphans.timer, NULL);
    uv_close((uv_handle_t *)&loop->timer, NULL);
    close(loop->timer_fd);
    uv_close((uv_handle_t *)&loop->prepare, NULL);
    for (int i = 0; i < LOOP_SIGNALS; i++)
        uv_close((uv_handle_t *)&loop->signals[i], NULL);
}

static uint64_t next_deadline(const struct loop *loop) {
    const uint64_t at[] = {core_next_deadline(loop->core),
                           peers_deadline(&loop->peers),
                           links_deadline(&loop->links),
                           listener_deadline(&loop->listener),
                           loop->ids_due_ns ? loop->ids_due_ns : UINT64_MAX,
                           loop->leaving ? loop->leave_by_ns : UINT64_MAX};
    uint64_t first = UINT64_MAX;
    for (size_t i = 0; i < JD_LEN(at); i++)
        first = JD_MIN(first, at[i]);
    return first;
}

static void on_timer(uv_poll_t *timer, int status, int events) {
    struct loop *loop = timer->data;
    uint64_t expirations;
    (void)status;
    (void)events;
    if (read(loop->timer_fd, &expirations, sizeof expirations) < 0)
        return;
    loop_now(loop);
    loop->armed_ns = UINT64_MAX;
    peers_tick(&loop->peers);
    links_tick(&loop->links);
    listener_tick(&loop->listener);
    if (loop->ids_due_ns && loop->ids_due_ns <= loop->now_ns)
        loop_reserve_ids(loop, loop->ids_limit);
    if (core_next_deadline(loop->core) <= loop->now_ns)
        pump_feed(&loop->pump, &(struct event){.kind = EVENT_TICK});
}

// A timerfd that is set only for something earlier: it stays set across turns, while a timeout of
// epoll_wait would program the clock of the machine anew each time the loop sleeps. It may go off with
// nothing to do.
static void arm_timer(struct loop *loop) {
    uint64_t at = next_deadline(loop);
    if (at >= loop->armed_ns)
        return;
    at = JD_MAX(at, UINT64_C(1)); // 0 would mean: never
    const struct itimerspec when = {
        .it_value = {.tv_sec = (time_t)(at / NS_PER_S), .tv_nsec = (long)(at % NS_PER_S)}};
    loop->armed_ns = at;
    int r = timerfd_settime(loop->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
    JD_ASSERT(r == 0);
}

static void on_turn_end(uv_prepare_t *prepare) {
    struct loop *loop = prepare->data;
    loop_now(loop);
    links_sample(&loop->links);
    do { // a client that has drained may let queued jobs go
        links_flush(&loop->links);
        peers_flush(&loop->peers);
    } while (!list_empty(&loop->links.dirty));
    if (loop->leaving && (list_empty(&loop->peers.linger) || loop->leave_by_ns <= loop->now_ns))
        close_everything(loop);
    else
        arm_timer(loop);
}

static void on_signal(uv_signal_t *handle, int signum) {
    struct loop *loop = handle->data;
    bool again = loop->stopping;
    loop_now(loop);
    jd_log(JD_LOG_INFO, "signal", "name=%s", sigabbrev_np(signum));
    if (again && signum == SIGHUP)
        return;
    loop->stopping = true;
    pump_feed(&loop->pump, &(struct event){.kind = EVENT_STOP, .now = again});
}

// ---- life ----

static int start_handles(struct loop *loop) {
    static const int signums[LOOP_SIGNALS] = {SIGTERM, SIGINT, SIGHUP};
    int r = 0;
    uv_poll_start(&loop->timer, UV_READABLE, on_timer);
    uv_prepare_init(&loop->uv, &loop->prepare);
    loop->timer.data = loop->prepare.data = loop;
    uv_prepare_start(&loop->prepare, on_turn_end);
    for (int i = 0; i < LOOP_SIGNALS; i++) {
        int one = uv_signal_init(&loop->uv, &loop->signals[i]);
        loop->signals[i].data = loop;
        if (one == 0)
            one = uv_signal_start(&loop->signals[i], on_signal, signums[i]);
        r = r ? r : one;
    }
    return r;
}

static int start_rooms(struct loop *loop, const struct loop_setup *setup) {
    const struct core_config *cfg = setup->core;
    int r = orphans_init(&loop->orphans, loop, setup->spared, cfg->max_workers);
    loop->core = core_new(cfg, loop->now_ns);
    if (r < 0 || !loop->core || peers_init(&loop->peers, loop, cfg->max_clients) < 0 ||
        links_init(&loop->links, loop, cfg->max_workers, cfg->max_frame_bytes) < 0 ||
        pump_init(&loop->pump, loop, loop->core, cfg) < 0)
        return JOBD_E_NOMEM;
    loop->links.spawner = setup->spawner;
    return 0;
}

// The loop and its timer: what everything else hangs on. False = there is neither.
static bool start_uv(struct loop *loop) {
    if (uv_loop_init(&loop->uv) < 0)
        return false;
    loop->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (loop->timer_fd >= 0 && uv_poll_init(&loop->uv, &loop->timer, loop->timer_fd) == 0)
        return true;
    if (loop->timer_fd >= 0)
        close(loop->timer_fd);
    uv_loop_close(&loop->uv);
    return false;
}

struct loop *loop_new(const struct loop_setup *setup, struct fault *f) {
    struct loop *loop = jd_zalloc(sizeof *loop);
    if (!loop || !start_uv(loop)) {
        fault_set(f, FAULT_INTERNAL, "out of memory or descriptors at the start");
        jd_free(loop);
        return NULL;
    }
    loop_now(loop);
    loop->armed_ns = UINT64_MAX;
    loop->state = setup->state;
    loop->listener.fd = -1;
    list_init(&loop->peers.linger);
    int r = start_rooms(loop, setup);
    if (start_handles(loop) < 0 || r < 0)
        fault_set(f, FAULT_INTERNAL, "out of memory or descriptors at the start");
    else if (listener_open(&loop->listener, loop, setup->claim, f) == 0)
        return loop;
    loop_free(loop);
    return NULL;
}

void loop_run(struct loop *loop) {
    uv_run(&loop->uv, UV_RUN_DEFAULT);
}

void loop_free(struct loop *loop) {
    if (!loop)
        return;
    if (!loop->closed) {
        close_everything(loop);
        uv_run(&loop->uv, UV_RUN_DEFAULT);
    }
    int r = uv_loop_close(&loop->uv);
    JD_ASSERT(r == 0);
    pump_free(&loop->pump);
    peers_free(&loop->peers);
    links_free(&loop->links);
    orphans_free(&loop->orphans);
    core_free(loop->core);
    jd_free(loop);
}
