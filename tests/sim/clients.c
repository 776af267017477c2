// Model clients: they submit, cancel, pause, vanish and send what they must not, and keep the
// books.
#include <stdlib.h>
#include <string.h>

#include "sim.h"

static void send_msg(struct sim *sim, struct sim_client *c, struct jd_msg *msg) {
    msg->shape = JD_REQUEST;
    msg->id = c->next_request++;
    struct event e = {.kind = EVENT_MESSAGE, .peer = c->peer, .msg = msg};
    sim_feed(sim, &e);
}

static void connect_it(struct sim *sim, struct sim_client *c, uint32_t i) {
    *c = (struct sim_client){.connected = true, .peer = i, .next_request = 1};
    struct event e = {.kind = EVENT_CONNECTED, .peer = i, .uid = 0, .pid = 100 + i};
    sim_feed(sim, &e);
}

static void say_hello(struct sim *sim, struct sim_client *c) {
    struct jd_msg msg = {.op = JD_OP_HELLO};
    msg.u.hello = (struct jd_hello){.major = JD_PROTO_MAJOR, .name = jd_text("sim")};
    msg.u.hello.max_frame = JD_FRAME_MIN_BYTES;
    if (sim->faults && sim_chance(&sim->rng, 20))
        msg.u.hello.major = 9;
    bool good = msg.u.hello.major == JD_PROTO_MAJOR;
    c->next_request = 0;
    c->n_unanswered++;
    send_msg(sim, c, &msg);
    if (!good || !c->connected)
        return;
    c->open = true;
    struct jd_msg open = {.op = JD_OP_EXECUTOR_OPEN};
    open.u.executor_open = (struct jd_executor_open){.executor = 3, .pool = jd_text("default")};
    c->n_unanswered++;
    send_msg(sim, c, &open);
}

static void submit(struct sim *sim, struct sim_client *c) {
    uint32_t handle = (uint32_t)sim_below(&sim->rng, SIM_HANDLES);
    struct sim_handle *h = &c->handle[handle];
    if (sim->n_jobs == SIM_JOBS || h->expect == EXPECT_REPLY)
        return;
    uint32_t job = sim->n_jobs++;
    uint8_t args[8 + 64] = {0};
    uint64_t name = job;
    memcpy(args, &name, sizeof name);
    bool pure = sim_chance(&sim->rng, 600), unknown = sim_chance(&sim->rng, 20);
    struct jd_msg msg = {.op = JD_OP_SUBMIT};
    struct jd_submit *s = &msg.u.submit;
    *s = (struct jd_submit){.handle = handle, .executor = 3};
    s->task = jd_text(unknown ? "pur" : sim_task_names[pure ? SIM_TASK_PURE : SIM_TASK_ONCE]);
    s->args = (jobd_bytes){args, 8 + sim_below(&sim->rng, 65)};
    s->max_lost = sim_below(&sim->rng, 3);
    if (sim_chance(&sim->rng, 100))
        s->time_limit_ms = 1 + sim_below(&sim->rng, 200);
    sim->job[job] = (struct sim_job){.runs_allowed = 1 + (pure ? 2 : (uint32_t)s->max_lost),
                                     .limited = s->time_limit_ms > 0};
    if (h->expect != EXPECT_NOTHING) { // the handle is in use: refused, and the old job lives on
        c->n_unanswered++;
        uint64_t refused = sim->n_refused;
        send_msg(sim, c, &msg);
        SIM_CHECK(sim, !c->connected || c->closing || sim->n_refused == refused + 1);
        return;
    }
    *h = (struct sim_handle){.expect = EXPECT_REPLY,
                             .job = job,
                             .request = c->next_request,
                             .may_be_refused = unknown || sim->stopping};
    send_msg(sim, c, &msg);
}

static void cancel(struct sim *sim, struct sim_client *c) {
    uint32_t handle = (uint32_t)sim_below(&sim->rng, SIM_HANDLES);
    struct sim_handle *h = &c->handle[handle];
    if (h->cancel_request)
        return;
    struct jd_msg msg = {.op = JD_OP_CANCEL};
    msg.u.cancel.handle = handle;
    h->cancel_request = c->next_request;
    send_msg(sim, c, &msg);
    SIM_CHECK(sim, !c->connected || c->closing || h->cancel_request == 0); // answered in this turn
}

static void ask_something(struct sim *sim, struct sim_client *c) {
    static const uint16_t ops[] = {JD_OP_PING, JD_OP_STATUS, JD_OP_WORKERS, JD_OP_TASKS};
    struct jd_msg msg = {.op = ops[sim_below(&sim->rng, JD_LEN(ops))]};
    uint32_t unanswered = c->n_unanswered++;
    send_msg(sim, c, &msg);
    SIM_CHECK(sim, !c->connected || c->closing || c->n_unanswered == unanswered);
}

static void vanish(struct sim *sim, struct sim_client *c) {
    for (uint32_t i = 0; i < SIM_HANDLES; i++) // nobody will hear; they may run or not
        c->handle[i].expect = EXPECT_NOTHING;
    c->connected = c->open = false;
    struct event e = {.kind = EVENT_CLOSED, .peer = c->peer};
    sim_feed(sim, &e);
}

static void misbehave(struct sim *sim, struct sim_client *c) {
    struct jd_msg msg = {.op = sim_chance(&sim->rng, 500) ? JD_OP_RESULT : JD_OP_HELLO};
    msg.u.hello.name = jd_text("again");
    if (sim_chance(&sim->rng, 300)) {
        msg.shape = JD_REPLY;
        struct event e = {.kind = EVENT_MESSAGE, .peer = c->peer, .msg = &msg};
        sim_feed(sim, &e);
        return;
    }
    c->n_unanswered += msg.op == JD_OP_RESULT; // refused by an error; HELLO again by a bye
    send_msg(sim, c, &msg);
}

void sim_client_act(struct sim *sim, uint32_t i) {
    struct sim_client *c = &sim->client[i];
    if (!c->connected) {
        if (!sim->stopping && sim_chance(&sim->rng, 300))
            connect_it(sim, c, i);
        return;
    }
    if (c->closing || (sim->faults && sim_chance(&sim->rng, sim->vanish_1000))) {
        vanish(sim, c);
        return;
    }
    if (!c->open) {
        say_hello(sim, c);
        return;
    }
    if (sim->faults && sim_chance(&sim->rng, sim->garbage_1000)) {
        misbehave(sim, c);
        return;
    }
    if (c->paused || sim_chance(&sim->rng, 20)) {
        c->paused = !c->paused;
        struct event e = {.kind = c->paused ? EVENT_PAUSED : EVENT_RESUMED, .peer = c->peer};
        sim_feed(sim, &e);
        return;
    }
    uint64_t dice = sim_below(&sim->rng, 1000);
    if (dice < 700 && sim->faults)
        submit(sim, c);
    else if (dice < 850 && sim->faults) // nothing may need a cancel to come to its end
        cancel(sim, c);
    else
        ask_something(sim, c);
}

static void on_submit_reply(struct sim *sim, struct sim_handle *h, const struct jd_msg *msg) {
    if (!msg->error) {
        SIM_CHECK(sim, msg->u.submit_ok.job != 0);
        h->expect = EXPECT_DONE;
        return;
    }
    SIM_CHECK(sim, h->may_be_refused);
    SIM_CHECK(sim, msg->error == JOBD_E_NOTASK || msg->error == JOBD_E_STOPPING);
    sim->n_refused++;
    h->expect = EXPECT_NOTHING;
}

static void on_reply(struct sim *sim, struct sim_client *c, const struct jd_msg *msg) {
    for (uint32_t i = 0; i < SIM_HANDLES; i++) {
        struct sim_handle *h = &c->handle[i];
        if (h->expect == EXPECT_REPLY && h->request == msg->id) {
            on_submit_reply(sim, h, msg);
            return;
        }
        if (h->cancel_request && h->cancel_request == msg->id) {
            h->cancel_request = 0;
            if (msg->u.cancel_ok.cancelled) {
                SIM_CHECK(sim, h->expect == EXPECT_DONE);
                sim->job[h->job].cancel_confirmed = true;
            }
            return;
        }
    }
    SIM_CHECK(sim, c->n_unanswered > 0);
    c->n_unanswered--;
    if (msg->op == JD_OP_SUBMIT)
        SIM_CHECK(sim, msg->error < 0), sim->n_refused++;
}

static void on_done(struct sim *sim, struct sim_client *c, const struct jd_job_done *d) {
    SIM_CHECK(sim, d->handle < SIM_HANDLES);
    struct sim_handle *h = &c->handle[d->handle];
    struct sim_job *job = &sim->job[h->job];
    SIM_CHECK(sim, h->expect == EXPECT_DONE); // after its reply, and only once
    SIM_CHECK(sim, (d->state == JOBD_JOB_DONE) == (d->error == 0));
    SIM_CHECK(sim, !job->cancel_confirmed || d->state == JOBD_JOB_CANCELLED);
    SIM_CHECK(sim, job->touched_by_liar || job->runs <= job->runs_allowed);
    if (d->state == JOBD_JOB_DONE && !job->touched_by_liar) {
        uint64_t name = h->job;
        SIM_CHECK(sim, job->finished && d->value.len == sizeof name);
        SIM_CHECK(sim, memcmp(d->value.data, &name, sizeof name) == 0); // its own result
    }
    if (d->state == JOBD_JOB_CANCELLED)
        SIM_CHECK(sim, job->touched_by_liar || job->runs == 0 || !job->finished);
    if (d->state == JOBD_JOB_LOST)
        SIM_CHECK(sim, job->touched_by_liar || job->runs == job->runs_allowed || job->runs > 0);
    sim->n_done += d->state == JOBD_JOB_DONE;
    sim->n_failed += d->state == JOBD_JOB_FAILED;
    sim->n_cancelled += d->state == JOBD_JOB_CANCELLED;
    sim->n_killed += d->state == JOBD_JOB_KILLED;
    sim->n_lost += d->state == JOBD_JOB_LOST;
    sim->n_timed_out += d->state == JOBD_JOB_TIMED_OUT;
    h->expect = EXPECT_NOTHING;
}

void sim_client_on_send(struct sim *sim, uint32_t peer, const struct jd_msg *msg) {
    struct sim_client *c = &sim->client[peer];
    SIM_CHECK(sim, c->connected);
    if (msg->shape == JD_REPLY) {
        on_reply(sim, c, msg);
    } else if (msg->op == JD_OP_JOB_DONE) {
        on_done(sim, c, &msg->u.job_done);
    } else {
        SIM_CHECK(sim, msg->op == JD_OP_JOB_STATE);
        SIM_CHECK(sim, c->handle[msg->u.job_state.handle].expect == EXPECT_DONE);
    }
}

void sim_client_on_close(struct sim *sim, uint32_t peer) {
    SIM_CHECK(sim, sim->client[peer].connected);
    sim->client[peer].closing = true;
}

bool sim_client_settled(const struct sim *sim, uint32_t i) {
    const struct sim_client *c = &sim->client[i];
    if (!c->connected)
        return true;
    for (uint32_t h = 0; h < SIM_HANDLES; h++)
        if (c->handle[h].expect != EXPECT_NOTHING || c->handle[h].cancel_request)
            return false;
    return c->n_unanswered == 0;
}
