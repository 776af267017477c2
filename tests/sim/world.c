// Effects and their answers, in the order that the daemon's pump has: what was taken back is answered
// first, then the rest, and boards are looked at last.
#include <string.h>

#include "sim.h"

void sim_hash(struct sim *sim, uint64_t value) {
    sim->trace = (sim->trace ^ value) * UINT64_C(0x100000001b3);
}

static void answer_later(struct sim *sim, struct sim_pending p) {
    SIM_CHECK(sim, sim->n_others < SIM_PENDING && sim->n_revoked < SIM_PENDING);
    if (p.kind == EVENT_REVOKED)
        sim->revoked[sim->n_revoked++] = p;
    else
        sim->others[sim->n_others++] = p;
}

static void adopt(struct sim *sim, const struct effect *fx) {
    struct sim_client *c = &sim->client[fx->peer];
    SIM_CHECK(sim, fx->adopt.n_fds > 0 && fx->adopt.n_fds <= c->n_fds);
    c->n_fds -= fx->adopt.n_fds;
    if (fx->adopt.worker != EFFECT_NO_WORKER)
        sim->adopted[fx->adopt.worker] = fx->adopt.n_fds;
}

static void spawn(struct sim *sim, const struct effect *fx) {
    sim_worker_on_spawn(sim, fx);
    bool alive = sim->worker[fx->worker].alive;
    answer_later(sim, (struct sim_pending){.kind = alive ? EVENT_SPAWNED : EVENT_SPAWN_FAILED,
                                           .who = fx->worker});
}

static void revoke(struct sim *sim, const struct effect *fx) {
    bool won = sim_thread_on_revoke(sim, fx->worker, fx->slot, fx->seq);
    answer_later(sim, (struct sim_pending){.kind = EVENT_REVOKED,
                                           .who = fx->worker,
                                           .slot = fx->slot,
                                           .won = won,
                                           .number = fx->seq});
}

static void print_effect(const struct sim *sim, const struct effect *fx) {
    static const char *const names[] = {
        [EFFECT_SEND] = "send",         [EFFECT_OPEN] = "open",       [EFFECT_CLOSE] = "close",
        [EFFECT_ADOPT_FDS] = "adopt",   [EFFECT_SPAWN] = "spawn",     [EFFECT_WORKER_SEND] = "tell",
        [EFFECT_DISPATCH] = "dispatch", [EFFECT_REVOKE] = "revoke",   [EFFECT_ASK_STOP] = "ask",
        [EFFECT_SAMPLE] = "sample",     [EFFECT_HANG_UP] = "hang up", [EFFECT_SIGNAL] = "signal",
        [EFFECT_RESERVE_IDS] = "ids",   [EFFECT_EXIT] = "exit"};
    bool message = fx->kind == EFFECT_SEND || fx->kind == EFFECT_WORKER_SEND;
    printf("%8llu   -> %s %u", (unsigned long long)sim->steps, names[fx->kind], fx->peer);
    if (message)
        printf(" %s%s", jd_op_name(fx->msg.op), fx->msg.shape == JD_REPLY ? "'s reply" : "");
    if (message && fx->msg.error)
        printf(": %s: %.*s", jobd_errname(fx->msg.error), (int)fx->msg.text.len,
               (const char *)fx->msg.text.data);
    else if (message && fx->msg.op == JD_OP_JOB_DONE)
        printf(" %llu: %s: %.*s", (unsigned long long)fx->msg.u.job_done.handle,
               jobd_job_state_name((int)fx->msg.u.job_done.state), (int)fx->msg.u.job_done.text.len,
               (const char *)fx->msg.u.job_done.text.data);
    else if (message && fx->msg.op == JD_OP_SUBMIT)
        printf(" job %llu", (unsigned long long)fx->msg.u.submit_ok.job);
    else if (message && fx->msg.op == JD_OP_HAPPENED)
        printf(" %s job %llu state %llu", (const char *)fx->msg.u.happened.what.data,
               (unsigned long long)fx->msg.u.happened.job,
               (unsigned long long)fx->msg.u.happened.state);
    else if (fx->kind == EFFECT_DISPATCH)
        printf(" slot %llu job %llu", (unsigned long long)fx->msg.u.run.slot,
               (unsigned long long)fx->msg.u.run.job);
    else if (fx->kind == EFFECT_REVOKE || fx->kind == EFFECT_ASK_STOP)
        printf(" slot %u", fx->slot);
    else if (fx->kind == EFFECT_SIGNAL)
        printf(" %d", fx->signal);
    printf("\n");
}

static void print_event(const struct sim *sim, const struct event *e) {
    static const char *const names[] = {[EVENT_CONNECTED] = "connected",
                                        [EVENT_MESSAGE] = "client",
                                        [EVENT_PAUSED] = "paused",
                                        [EVENT_RESUMED] = "resumed",
                                        [EVENT_CLOSED] = "closed",
                                        [EVENT_SPAWNED] = "spawned",
                                        [EVENT_SPAWN_FAILED] = "no spawn",
                                        [EVENT_WORKER_MESSAGE] = "worker",
                                        [EVENT_WORKER_BROKEN] = "broken",
                                        [EVENT_BOARD] = "board",
                                        [EVENT_REVOKED] = "revoked",
                                        [EVENT_OUTPUT] = "output",
                                        [EVENT_WORKER_DIED] = "died",
                                        [EVENT_TREE_GONE] = "tree gone",
                                        [EVENT_IDS] = "ids",
                                        [EVENT_STOP] = "stop",
                                        [EVENT_TICK] = "tick"};
    bool message = e->kind == EVENT_MESSAGE || e->kind == EVENT_WORKER_MESSAGE;
    printf("%8llu %s %u at %.3f ms", (unsigned long long)sim->steps, names[e->kind], e->peer,
           (double)sim->now_ns * 1e-6);
    if (message)
        printf(" %s", jd_op_name(e->msg->op));
    if (message && e->msg->op == JD_OP_RESULT)
        printf(" slot %llu: %.*s", (unsigned long long)e->msg->u.result.slot,
               (int)e->msg->u.result.text.len, (const char *)e->msg->u.result.text.data);
    if (e->kind == EVENT_REVOKED)
        printf(" slot %u %s", e->slot, e->won ? "won" : "lost");
    printf("\n");
}

static void carry_out(struct sim *sim, const struct effect *fx) {
    sim_hash(sim, (uint64_t)fx->kind << 32 | fx->peer);
    if (sim->verbose)
        print_effect(sim, fx);
    switch (fx->kind) {
    case EFFECT_SEND:
        sim_client_on_send(sim, fx->peer, &fx->msg);
        return;
    case EFFECT_CLOSE:
        sim_client_on_close(sim, fx->peer);
        return;
    case EFFECT_ADOPT_FDS:
        adopt(sim, fx);
        return;
    case EFFECT_SPAWN:
        spawn(sim, fx);
        return;
    case EFFECT_WORKER_SEND:
        sim_worker_on_send(sim, fx->worker, &fx->msg);
        return;
    case EFFECT_DISPATCH:
        sim_job_dispatched(sim, fx->worker, &fx->msg.u.run);
        sim_thread_on_dispatch(sim, fx->worker, &fx->msg.u.run);
        return;
    case EFFECT_REVOKE:
        revoke(sim, fx);
        return;
    case EFFECT_SAMPLE:
        sim->worker[fx->worker].sampled = true;
        sim->worker[fx->worker].sampled_rss = fx->rss;
        return;
    case EFFECT_RESERVE_IDS:
        answer_later(sim, (struct sim_pending){.kind = EVENT_IDS, .number = fx->limit});
        return;
    case EFFECT_ASK_STOP:
        sim_thread_on_ask_stop(sim, fx->worker, fx->slot, fx->seq);
        return;
    case EFFECT_HANG_UP:
        sim->worker[fx->worker].leaving = true;
        return;
    case EFFECT_SIGNAL:
        sim_worker_on_signal(sim, fx->worker, fx->signal);
        return;
    case EFFECT_EXIT:
        sim->exited = true;
        return;
    case EFFECT_HOLD_OUTPUT:
    case EFFECT_OPEN:
        return;
    }
    JD_UNREACHABLE();
}

static void step(struct sim *sim, const struct event *e) {
    SIM_CHECK(sim, !sim->exited);
    sim->steps++;
    if (sim->verbose)
        print_event(sim, e);
    for (unsigned p = 0; p < JD_POOLS_MAX; p++)
        sim->dispatched[p] = -1;
    core_step(sim->core, sim->now_ns, e);
    core_audit(sim->core);
    struct effects *fx = core_effects(sim->core);
    for (uint32_t i = 0; i < fx->n; i++)
        carry_out(sim, &fx->list[i]);
    fx->n = 0;
    sim_check_step(sim);
}

static struct sim_pending take(struct sim_pending *list, uint32_t *n) {
    struct sim_pending p = list[0];
    --*n;
    memmove(list, list + 1, *n * sizeof p);
    return p;
}

static void answer(struct sim *sim, const struct sim_pending *p) {
    struct event e = {.kind = p->kind, .worker = p->who};
    switch (p->kind) {
    case EVENT_REVOKED:
        e.slot = p->slot;
        e.won = p->won;
        e.seq = p->number;
        if (p->won)
            sim_job_settled(sim, p->who, p->slot, p->number);
        break;
    case EVENT_IDS:
        e.limit = p->number;
        break;
    case EVENT_SPAWNED:
        sim->worker[p->who].spawned = true;
        e.pid = sim->worker[p->who].pid;
        break;
    default:
        e.error = 11;
    }
    step(sim, &e);
}

void sim_feed(struct sim *sim, const struct event *e) {
    step(sim, e);
    while (sim->n_revoked + sim->n_others > 0) {
        struct sim_pending p = sim->n_revoked ? take(sim->revoked, &sim->n_revoked)
                                              : take(sim->others, &sim->n_others);
        answer(sim, &p);
    }
}
