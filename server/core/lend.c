// Slots that are lent. A task that waits in a call does not compute, so its slot is lent to other jobs
// of the pool; it has one again before it goes on. In a pool of workers with one thread each, another
// worker is started for it and, when it wants to go on, the next one that has nothing to do is parked.
// Workers of several threads see to it themselves: they start another thread.
//
// While a task calls, it is a client like any other: its jobs are its own, and end with it.
#include "sched.h"
#include "state.h"

enum { CHILD_BITS = 15 };
_Static_assert(1 << CHILD_BITS == JD_CHILDREN_MAX, "a handle is slot << 15 | number");
#define UNPARK_NS UINT64_C(5000000000)

static struct effect *reply(struct core *core, uint32_t number, const struct jd_msg *request,
                            int error) {
    struct effect *fx = core_emit(core, EFFECT_WORKER_SEND);
    fx->worker = number;
    fx->lazy = false;
    fx->msg.shape = JD_REPLY;
    fx->msg.op = request->op;
    fx->msg.id = request->id;
    fx->msg.error = error;
    fx->msg.text = error ? jd_text(jobd_strerror(error)) : (jobd_bytes){0};
    return fx;
}

// Is it a job that this worker has claimed? It cannot speak of others.
static struct slot *claimed(struct core *core, uint32_t number, uint64_t index, uint64_t seq) {
    struct slot *slot = &core->workers[number].slot[index];
    bool out =
        slot->state == SLOT_SENT || slot->state == SLOT_CLAIMED || slot->state == SLOT_RUNNING;
    return out && slot->seq == seq ? slot : NULL;
}

// A parked worker comes back, or one more will be started.
static void replace_lender(struct core *core, struct pool *pool) {
    for (uint32_t i = pool->workers; i; i = core->workers[i - 1].pool_next) {
        if (core->workers[i - 1].parked) {
            worker_park(core, i - 1, false);
            return;
        }
    }
}

static int lend(struct core *core, uint32_t number, uint32_t index) {
    struct worker *w = &core->workers[number];
    struct pool *pool = w->pool;
    uint32_t most = pool->max_lent ? pool->max_lent : pool->n_workers * pool->n_threads;
    if (w->slot[index].has_more && w->more[index].lent)
        return JOBD_E_STATE;
    bool replaced = w->n_threads > 1 || pool->n_parked > 0 || worker_can_take(core);
    if (pool->n_lent >= most || pool->is_single || core->stopping || !replaced)
        return JOBD_E_AGAIN;
    uint32_t caller = client_make(core, "task");
    if (!caller)
        return JOBD_E_NOMEM;
    struct client *client = client_at(&core->clients, caller);
    client->worker = number + 1;
    client->slot = (uint8_t)index;
    client->pid = w->pid;
    client->max_value = core->cfg.max_frame_bytes - JD_ENVELOPE_BYTES;
    struct slot_more *more = slot_more(w, index);
    more->caller = caller;
    more->lent = true;
    if (w->slot[index].state == SLOT_SENT)
        w->slot[index].state = SLOT_CLAIMED; // it calls, so it runs
    w->n_lent++;
    pool->n_lent++;
    pool->unpark_ns = UINT64_MAX;
    if (w->n_threads == 1) {
        window_take_back_all(core, number);
        replace_lender(core, pool);
    }
    window_update_idle(core, number);
    pool_unbalance(core, pool);
    return 0;
}

static void on_lend(struct core *core, uint32_t number, const struct jd_msg *msg) {
    const struct jd_lend *body = &msg->u.lend;
    struct slot *slot = claimed(core, number, body->slot, body->seq);
    reply(core, number, msg, slot ? lend(core, number, (uint32_t)body->slot) : JOBD_E_STATE);
}

static void on_resume(struct core *core, uint32_t number, const struct jd_msg *msg) {
    const struct jd_lend *body = &msg->u.lend;
    struct worker *w = &core->workers[number];
    struct slot *slot = claimed(core, number, body->slot, body->seq);
    struct slot_more *more = slot && slot->has_more ? &w->more[body->slot] : NULL;
    if (!more || !more->lent || more->resuming) {
        reply(core, number, msg, JOBD_E_STATE);
        return;
    }
    more->resuming = true;
    more->resume_id = msg->id;
    w->pool->n_resuming++;
    core_pool_is_due(core, w->pool);
}

bool lend_knows(unsigned op) {
    return op == JD_OP_LEND || op == JD_OP_RESUME || op == JD_OP_SUBMIT || op == JD_OP_CANCEL ||
           op == JD_OP_ABORT;
}

void lend_on_request(struct core *core, uint32_t number, const struct jd_msg *msg) {
    struct worker *w = &core->workers[number];
    if (msg->op == JD_OP_LEND) {
        on_lend(core, number, msg);
        return;
    }
    if (msg->op == JD_OP_RESUME) {
        on_resume(core, number, msg);
        return;
    }
    struct jd_msg own = *msg;
    uint64_t handle = msg->op == JD_OP_SUBMIT   ? msg->u.submit.handle
                      : msg->op == JD_OP_CANCEL ? msg->u.cancel.handle
                                                : msg->u.abort.handle;
    uint64_t index = handle >> CHILD_BITS;
    bool calls = index < JD_WINDOW_MAX && w->slot[index].has_more && w->more[index].lent;
    if (!calls) {
        reply(core, number, msg, JOBD_E_STATE);
        return;
    }
    uint32_t caller = w->more[index].caller;
    handle &= JD_CHILDREN_MAX - 1;
    if (msg->op == JD_OP_SUBMIT) {
        own.u.submit.handle = handle;
        own.u.submit.detached = false;
        submit_on_submit(core, caller, &own);
    } else if (msg->op == JD_OP_CANCEL) {
        own.u.cancel = (struct jd_cancel){.handle = handle};
        control_on_cancel(core, caller, &own);
    } else {
        own.u.abort.handle = handle;
        own.u.abort.job = 0;
        control_on_abort(core, caller, &own);
    }
}

static void unpark_later(struct core *core, struct pool *pool) {
    pool->unpark_ns = core->now_ns + UNPARK_NS;
    core_wake_at(core, pool->unpark_ns);
}

// The job has its slot back, or is gone; its own jobs go with it.
static void stop_lending(struct core *core, uint32_t number, unsigned index) {
    struct worker *w = &core->workers[number];
    struct slot_more *more = &w->more[index];
    w->n_lent--;
    w->pool->n_lent--;
    w->pool->n_resuming -= more->resuming;
    client_leave(core, more->caller);
    more->lent = more->resuming = false;
    more->caller = 0;
    if (w->pool->n_parked > 0)
        unpark_later(core, w->pool);
    window_update_idle(core, number);
    pool_unbalance(core, w->pool);
}

void lend_end(struct core *core, uint32_t number, unsigned index) {
    if (core->workers[number].more[index].lent)
        stop_lending(core, number, index);
}

// One worker that computes has to make way, if there is not a place anyway. False = all are busy.
static bool park_one(struct core *core, struct pool *pool) {
    uint32_t serving = 0;
    for (uint32_t i = pool->workers; i; i = core->workers[i - 1].pool_next) {
        const struct worker *w = &core->workers[i - 1];
        serving += w->state == WORKER_READY && !w->retiring && !w->parked && w->n_lent == 0;
    }
    if (serving < pool->n_workers)
        return true; // there is a place anyway
    if (!pool->idle)
        return false;
    worker_park(core, pool->idle - 1, true);
    return true; // stop_lending() sees to its end
}

// Its own jobs come first.
static bool would_go_on(const struct core *core, const struct worker *w, unsigned index) {
    const struct slot_more *more = &w->more[index];
    return w->slot[index].has_more && more->resuming &&
           client_at(&core->clients, more->caller)->handles.used == 0;
}

// A worker that retires is not in the way of those that serve: it needs a slot, no place of theirs.
static bool may_go_on(struct core *core, struct pool *pool, const struct worker *w) {
    if (!pool_has_slot(pool))
        return false;
    if (w->n_threads > 1)
        return w->n_out - w->n_lent < w->n_threads;
    return w->retiring || park_one(core, pool);
}

bool lend_run(struct core *core, struct pool *pool) {
    bool waits = false;
    for (uint32_t i = pool->workers; i && pool->n_resuming > 0;
         i = core->workers[i - 1].pool_next) {
        struct worker *w = &core->workers[i - 1];
        for (uint16_t s = w->out_head; s != SLOT_NONE && w->n_lent > 0; s = w->slot[s].next) {
            if (!would_go_on(core, w, s))
                continue;
            if (!may_go_on(core, pool, w)) {
                waits = true;
                continue;
            }
            struct jd_msg request = {.op = JD_OP_RESUME, .id = w->more[s].resume_id};
            reply(core, i - 1, &request, 0);
            stop_lending(core, i - 1, s);
        }
    }
    return waits;
}
