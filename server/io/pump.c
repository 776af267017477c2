#include "io/pump.h"

#include "io/loop.h"
#include "mem.h"

// Room for `max` in all.
static int answers_reserve(struct answers *a, uint32_t max) {
    if (max <= a->max)
        return 0;
    max = JD_MAX(max, 2 * a->max);
    struct event *list = jd_alloc(max * sizeof *list);
    if (!list)
        return JOBD_E_NOMEM;
    for (uint32_t i = 0; i < a->n; i++)
        list[i] = a->list[(a->first + i) % a->max];
    jd_free(a->list);
    *a = (struct answers){.list = list, .n = a->n, .max = max};
    return 0;
}

static void push(struct answers *a, const struct event *event) {
    JD_ASSERT(a->n < a->max);
    a->list[(a->first + a->n++) % a->max] = *event;
}

static struct event pop(struct answers *a) {
    struct event first = a->list[a->first];
    a->first = --a->n > 0 ? (a->first + 1) % a->max : 0;
    return first;
}

int pump_init(struct pump *p, struct loop *loop, struct core *core, const struct core_config *cfg) {
    *p = (struct pump){.loop = loop, .core = core};
    // Of each client: paused, resumed, closed; of each worker: spawned or not; and ids.
    return answers_reserve(&p->others, 3 * cfg->max_clients + cfg->max_workers + 1);
}

int pump_expect(struct pump *p, uint32_t n_revoked) {
    return answers_reserve(&p->revoked, n_revoked);
}

void pump_free(struct pump *p) {
    jd_free(p->revoked.list);
    jd_free(p->others.list);
}

static void take_back(struct pump *p, const struct effect *fx) {
    struct event answer = {.kind = EVENT_REVOKED,
                           .worker = fx->worker,
                           .slot = fx->slot,
                           .seq = fx->seq,
                           .won = links_revoke(&p->loop->links, fx->worker, fx->slot, fx->seq)};
    push(&p->revoked, &answer);
}

static void hand_over(struct loop *loop, const struct effect *fx) {
    struct fds fds = peers_take_fds(&loop->peers, fx->peer, fx->adopt.n_fds);
    if (fx->adopt.worker == EFFECT_NO_WORKER)
        fds_close(&fds);
    else
        links_adopt(&loop->links, fx->adopt.worker, &fds);
}

static void carry_out(struct pump *p, const struct effect *fx) {
    struct loop *loop = p->loop;
    switch (fx->kind) {
    case EFFECT_SEND:
        peers_send(&loop->peers, fx->peer, &fx->msg, fx->lazy);
        return;
    case EFFECT_OPEN:
        peers_opened(&loop->peers, fx->peer, fx->max_frame);
        return;
    case EFFECT_CLOSE:
        peers_bye(&loop->peers, fx->peer, fx->error, fx->text);
        return;
    case EFFECT_ADOPT_FDS:
        hand_over(loop, fx);
        return;
    case EFFECT_SPAWN:
        links_spawn(&loop->links, fx);
        return;
    case EFFECT_WORKER_SEND:
        links_send(&loop->links, fx->worker, &fx->msg);
        return;
    case EFFECT_DISPATCH:
        links_dispatch(&loop->links, fx->worker, &fx->msg);
        return;
    case EFFECT_REVOKE:
        take_back(p, fx);
        return;
    case EFFECT_ASK_STOP:
        links_ask_stop(&loop->links, fx->worker, fx->slot, fx->seq);
        return;
    case EFFECT_SAMPLE:
        links_sample_later(&loop->links, fx->worker, fx->rss);
        return;
    case EFFECT_HOLD_OUTPUT:
        links_hold_output(&loop->links, fx->worker, fx->hold);
        return;
    case EFFECT_HANG_UP:
        links_hang_up(&loop->links, fx->worker);
        return;
    case EFFECT_SIGNAL:
        links_signal(&loop->links, fx->worker, fx->signal);
        return;
    case EFFECT_RESERVE_IDS:
        loop_reserve_ids(loop, fx->limit);
        return;
    case EFFECT_EXIT:
        loop_leave(loop);
        return;
    }
    JD_UNREACHABLE();
}

static void step(struct pump *p, const struct event *event) {
    struct effects *fx = core_effects(p->core);
    core_step(p->core, p->loop->now_ns, event);
    for (uint32_t i = 0; i < fx->n; i++)
        carry_out(p, &fx->list[i]);
    fx->n = 0;
}

static void settle(struct pump *p) {
    while (p->revoked.n > 0 || p->others.n > 0) {
        struct event answer = pop(p->revoked.n > 0 ? &p->revoked : &p->others);
        step(p, &answer);
        if (answer.kind == EVENT_CLOSED)
            peers_release(&p->loop->peers, answer.peer);
    }
}

void pump_feed(struct pump *p, const struct event *event) {
    JD_ASSERT(!p->busy);
    p->busy = true;
    step(p, event);
    settle(p);
    p->busy = false;
}

void pump_post(struct pump *p, const struct event *event) {
    push(&p->others, event);
    if (p->busy)
        return;
    p->busy = true;
    settle(p);
    p->busy = false;
}
