// Model clients: they connect, submit, manage, pause, vanish and send what they must not.
#include "sim.h"

void sim_client_send(struct sim *sim, struct sim_client *c, struct jd_msg *msg,
                     struct sim_asked asked) {
    if (c->n_asked == SIM_ASKED)
        return;
    msg->shape = JD_REQUEST;
    msg->id = asked.id = c->next_request++;
    asked.op = msg->op;
    c->asked[c->n_asked++] = asked;
    struct event e = {.kind = EVENT_MESSAGE, .peer = c->peer, .msg = msg, .n_fds = c->n_fds};
    sim_feed(sim, &e);
    if (!c->connected || c->closing)
        return;
    for (uint32_t i = 0; i < c->n_asked; i++) // only a drain takes its time
        SIM_CHECK(sim, c->asked[i].op == JD_OP_POOL_DRAIN);
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
    sim_client_send(sim, c, &msg, (struct sim_asked){0});
    c->open = good && c->connected && !c->closing;
    for (unsigned n = 0; n < 3 && c->open && !c->closing; n++)
        sim_request_executor(sim, c);
}

void sim_client_vanish(struct sim *sim, struct sim_client *c) {
    for (uint32_t i = 0; i < SIM_HANDLES; i++) { // nobody will hear; they may run or not
        struct sim_future f = c->future[i];
        c->future[i].expect = EXPECT_NOTHING;
        if (f.expect != EXPECT_DONE)
            continue;
        if (f.owner)
            sim_job_moved(sim, f.job);
        sim_job_left(sim, f.job);
    }
    c->connected = c->open = c->watching = false;
    c->n_asked = c->n_fds = 0;
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
    sim_client_send(sim, c, &msg, (struct sim_asked){0}); // an error, or a bye
}

static void pause_it(struct sim *sim, struct sim_client *c) {
    c->paused = !c->paused;
    struct event e = {.kind = c->paused ? EVENT_PAUSED : EVENT_RESUMED, .peer = c->peer};
    sim_feed(sim, &e);
}

// Nothing may need a new request to come to its end.
static void do_something(struct sim *sim, struct sim_client *c) {
    uint64_t dice = sim_below(&sim->rng, 1000);
    if (sim_chance(&sim->rng, sim->manage_1000))
        sim_request_manage(sim, c);
    else if (sim_chance(&sim->rng, sim->process_1000))
        sim_future_process(sim, c);
    else if (dice < 500)
        sim_future_submit(sim, c);
    else if (dice < 570)
        sim_future_attach(sim, c);
    else if (dice < 700)
        sim_future_cancel(sim, c);
    else if (dice < 770)
        sim_future_abort(sim, c);
    else if (dice < 790)
        sim_future_signal(sim, c);
    else if (dice < 830)
        sim_request_executor(sim, c);
    else
        sim_request_ask(sim, c);
}

void sim_client_act(struct sim *sim, uint32_t i) {
    struct sim_client *c = &sim->client[i];
    if (!c->connected) {
        if (!sim->stopping && sim_chance(&sim->rng, 300))
            connect_it(sim, c, i);
    } else if (c->closing || (sim->faults && sim_chance(&sim->rng, sim->vanish_1000))) {
        sim_client_vanish(sim, c);
    } else if (!c->open) {
        say_hello(sim, c);
    } else if (sim->faults && sim_chance(&sim->rng, sim->garbage_1000)) {
        misbehave(sim, c);
    } else if (c->paused || sim_chance(&sim->rng, 20)) {
        pause_it(sim, c);
    } else if (sim->faults) {
        do_something(sim, c);
    } else if (sim_chance(&sim->rng, 100)) {
        sim_request_manage(sim, c);
    } else {
        sim_request_ask(sim, c);
    }
}

// ---- what it is told ----

static void on_reply(struct sim *sim, struct sim_client *c, const struct jd_msg *msg) {
    uint32_t i = 0;
    while (i < c->n_asked && c->asked[i].id != msg->id)
        i++;
    SIM_CHECK(sim, i < c->n_asked && c->asked[i].op == msg->op); // once, to what was asked
    struct sim_asked a = c->asked[i];
    c->asked[i] = c->asked[--c->n_asked];
    sim->totals.refused += msg->error != 0;
    switch (msg->op) {
    case JD_OP_SUBMIT:
    case JD_OP_PROCESS:
    case JD_OP_ATTACH:
    case JD_OP_CANCEL:
    case JD_OP_ABORT:
    case JD_OP_SIGNAL:
        sim_future_on_reply(sim, c, &a, msg);
        return;
    case JD_OP_RESULT:
        SIM_CHECK(sim, msg->error == JOBD_E_NOTSUP);
        return;
    default:
        sim_request_on_reply(sim, c, &a, msg);
    }
}

static void on_happened(struct sim *sim, struct sim_client *c, const struct jd_happened *h) {
    SIM_CHECK(sim, c->watching && !c->paused && h->now_ns >= c->watched_ns);
    c->watched_ns = h->now_ns;
    sim->totals.happened++;
    bool ended = h->state >= JOBD_JOB_DONE && h->state <= JOBD_JOB_LOST;
    struct sim_job *job = ended ? sim_job_of_id(sim, h->job) : NULL;
    if (!job)
        return;
    SIM_CHECK(sim, !(job->told_watchers & 1u << c->peer)); // once
    SIM_CHECK(sim, !job->ended || job->ended == h->state);
    job->told_watchers |= 1u << c->peer;
}

void sim_client_on_send(struct sim *sim, uint32_t peer, const struct jd_msg *msg) {
    struct sim_client *c = &sim->client[peer];
    SIM_CHECK(sim, c->connected);
    if (msg->shape == JD_REPLY)
        on_reply(sim, c, msg);
    else if (msg->op == JD_OP_HAPPENED)
        on_happened(sim, c, &msg->u.happened);
    else
        sim_future_on_event(sim, c, msg);
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
        if (c->future[h].expect != EXPECT_NOTHING)
            return false;
    return c->n_asked == 0 && !c->paused;
}
