// Model workers: each with a board, an inbox and a ring of its own. Honest ones do what PROTOCOL.md
// says; the others die at any moment, go deaf, lie about their board or send what they must not.
#include <string.h>

#include <jobd/task.h>

#include "pack.h"
#include "sim.h"

const char *const sim_task_names[SIM_TASKS] = {"pure", "once"};

static void message(struct sim *sim, uint32_t i, struct jd_msg *msg) {
    struct event e = {.kind = EVENT_WORKER_MESSAGE, .worker = i, .msg = msg};
    sim_feed(sim, &e);
}

void sim_worker_on_spawn(struct sim *sim, uint32_t i) {
    struct sim_worker *w = &sim->worker[i];
    SIM_CHECK(sim, !w->alive && !w->tree_left);
    bool fails = sim->faults && sim_chance(&sim->rng, sim->spawn_fail_1000);
    struct sim_pending *p = &sim->pending[sim->n_pending++];
    *p = (struct sim_pending){fails ? EVENT_SPAWN_FAILED : EVENT_SPAWNED, i, 0, 0};
    if (fails)
        return;
    *w = (struct sim_worker){.alive = true, .pid = ++sim->next_pid};
    w->liar = sim->faults && sim_chance(&sim->rng, sim->lie_1000);
}

static void say_hello(struct sim *sim, uint32_t i) {
    struct jd_buf b;
    jd_buf_init(&b, 4096);
    msgpack_packer pk = jd_packer_of(&b);
    unsigned n = sim->worker[i].liar && sim_chance(&sim->rng, 100) ? 1 : SIM_TASKS;
    msgpack_pack_array(&pk, n);
    for (unsigned t = 0; t < n; t++) {
        msgpack_pack_array(&pk, 3);
        jd_pack_str(&pk, jd_text(sim_task_names[t]));
        msgpack_pack_uint32(&pk, t == SIM_TASK_PURE ? JOBD_TASK_IDEMPOTENT : 0);
        jd_pack_str(&pk, jd_text("a task"));
    }
    struct jd_msg msg = {.shape = JD_REQUEST, .op = JD_OP_HELLO};
    msg.u.hello = (struct jd_hello){.major = JD_PROTO_MAJOR,
                                    .role = JD_ROLE_WORKER,
                                    .name = jd_text("worker"),
                                    .tasks = jd_buf_view(&b)};
    // The first one that is believed settles what there is.
    if (n != SIM_TASKS && !sim->tasks_told)
        msg.u.hello.major = 7;
    sim->tasks_told = sim->tasks_told || n == SIM_TASKS;
    sim->worker[i].said_hello = true;
    message(sim, i, &msg);
    jd_buf_free(&b);
}

void sim_worker_on_dispatch(struct sim *sim, uint32_t i, const struct jd_run *run) {
    struct sim_worker *w = &sim->worker[i];
    uint64_t name;
    SIM_CHECK(sim, w->said_hello && run->args.len >= sizeof name && run->task < SIM_TASKS);
    memcpy(&name, run->args.data, sizeof name);
    w->word[run->slot] = jd_slot_word(run->seq, JD_SLOT_QUEUED);
    for (uint32_t k = 0; k < w->n_inbox; k++) // unread frames are bounded: one for each slot
        SIM_CHECK(sim, w->liar || w->inbox[k].slot != run->slot);
    w->inbox[w->n_inbox++] =
        (struct sim_run){run->seq, (uint32_t)name, (uint8_t)run->slot, (uint16_t)run->task};
    if (w->liar)
        sim->job[name].touched_by_liar = true;
}

void sim_worker_on_signal(struct sim *sim, uint32_t i, int signal) {
    struct sim_worker *w = &sim->worker[i];
    bool obeys = signal == 9 || sim_chance(&sim->rng, 500);
    w->doomed = w->doomed || obeys;
}

void sim_worker_on_revoke(struct sim *sim, uint32_t i, uint8_t slot, uint64_t seq) {
    struct sim_worker *w = &sim->worker[i];
    bool won = w->word[slot] == jd_slot_word(seq, JD_SLOT_QUEUED);
    if (w->liar && sim_chance(&sim->rng, 300)) // it wrote over the word just before
        won = false;
    if (won)
        w->word[slot] = jd_slot_word(seq, JD_SLOT_REVOKED);
    struct event e = {.kind = EVENT_REVOKED, .worker = i, .slot = slot, .won = won, .seq = seq};
    sim_feed(sim, &e);
}

static struct board_view *board_of(struct sim *sim, uint32_t i) {
    static struct board_view view;
    struct sim_worker *w = &sim->worker[i];
    view = (struct board_view){.taken = w->taken};
    for (unsigned s = 0; s < JD_WINDOW_MAX; s++) {
        bool started = jd_slot_state(w->word[s]) == JD_SLOT_STARTED;
        if (w->liar && sim_chance(&sim->rng, 10))
            started = !started;
        if (!started)
            continue;
        struct board_started *b = &view.started[view.n_started++];
        b->slot = (uint8_t)s;
        b->seq = jd_slot_seq(w->word[s]);
        b->progress = (double)sim_below(&sim->rng, 100) / 100;
    }
    if (w->liar && sim_chance(&sim->rng, 100))
        view.taken = sim_below(&sim->rng, UINT64_MAX);
    return &view;
}

// Delivers the ring's results, all or some; false = the worker was caught out meanwhile.
static void deliver(struct sim *sim, uint32_t i, uint32_t n) {
    struct sim_worker *w = &sim->worker[i];
    n = JD_MIN(n, w->n_done);
    struct sim_run out[JD_LEN(w->done)];
    memcpy(out, w->done, n * sizeof *out);
    w->n_done -= n;
    memmove(w->done, w->done + n, w->n_done * sizeof *out);
    for (uint32_t k = 0; k < n; k++) {
        uint64_t name = out[k].job;
        struct jd_msg msg = {.shape = JD_EVENT, .op = JD_OP_RESULT};
        msg.u.result = (struct jd_result){.slot = out[k].slot,
                                          .seq = out[k].seq,
                                          .run_ns = sim_below(&sim->rng, 5000000),
                                          .value = {&name, sizeof name}};
        if (w->stop_asked && sim_chance(&sim->rng, 300))
            msg.u.result = (struct jd_result){.slot = out[k].slot, .seq = out[k].seq, .error = 61};
        message(sim, i, &msg);
    }
}

void sim_worker_on_sample(struct sim *sim, uint32_t i) {
    deliver(sim, i, UINT32_MAX);
    struct event e = {.kind = EVENT_BOARD, .worker = i, .board = board_of(sim, i)};
    sim_feed(sim, &e);
}

static void die(struct sim *sim, uint32_t i, int status) {
    struct sim_worker *w = &sim->worker[i];
    deliver(sim, i, UINT32_MAX);
    w->alive = false;
    w->tree_left = true;
    sim->n_deaths++;
    struct event e = {.kind = EVENT_WORKER_DIED,
                      .worker = i,
                      .status = status,
                      .board = board_of(sim, i),
                      .text = jd_text("last words")};
    sim_feed(sim, &e);
}

static void read_socket(struct sim_worker *w) {
    memcpy(w->batch + w->n_batch, w->inbox, w->n_inbox * sizeof *w->inbox);
    w->n_batch += w->n_inbox;
    if (w->n_inbox)
        w->taken = w->inbox[w->n_inbox - 1].seq;
    w->n_inbox = 0;
}

static void claim_next(struct sim *sim, struct sim_worker *w) {
    struct sim_run run = w->batch[0];
    w->n_batch--;
    memmove(w->batch, w->batch + 1, w->n_batch * sizeof run);
    if (w->word[run.slot] != jd_slot_word(run.seq, JD_SLOT_QUEUED))
        return;
    w->word[run.slot] = jd_slot_word(run.seq, JD_SLOT_STARTED);
    struct sim_job *job = &sim->job[run.job];
    SIM_CHECK(sim, w->liar || job->touched_by_liar || !job->cancel_confirmed);
    SIM_CHECK(sim, job->touched_by_liar || !job->finished);
    job->runs++;
    w->running = true;
    w->now = run;
    w->endless = sim->faults && job->limited && sim_chance(&sim->rng, 300);
}

static void misbehave(struct sim *sim, uint32_t i) {
    struct event broken = {.kind = EVENT_WORKER_BROKEN, .worker = i, .text = jd_text("noise")};
    struct jd_msg msg = {.shape = JD_EVENT, .op = JD_OP_RESULT};
    msg.u.result.slot = sim_below(&sim->rng, JD_WINDOW_MAX);
    msg.u.result.seq = sim_below(&sim->rng, 50);
    switch (sim_below(&sim->rng, 3)) {
    case 0:
        sim_feed(sim, &broken);
        return;
    case 1:
        msg.op = JD_OP_SUBMIT;
        msg.shape = JD_REQUEST;
        break;
    default:
        break; // a result out of the blue; it may even hit
    }
    message(sim, i, &msg);
}

static void compute(struct sim *sim, uint32_t i) {
    struct sim_worker *w = &sim->worker[i];
    if (w->running) {
        if (w->endless && !(w->stop_asked && sim_chance(&sim->rng, 5)))
            return; // its time limit must end it
        w->running = false;
        sim->job[w->now.job].finished = true;
        w->done[w->n_done++] = w->now;
    } else if (w->n_batch) {
        claim_next(sim, w);
    } else if (w->n_done) {
        deliver(sim, i, UINT32_MAX);
    } else if (w->n_inbox) {
        read_socket(w);
    } else if (w->leaving) {
        die(sim, i, 0);
    }
}

void sim_worker_act(struct sim *sim, uint32_t i) {
    struct sim_worker *w = &sim->worker[i];
    if (!w->alive) {
        if (!w->tree_left)
            return;
        w->tree_left = false;
        struct event e = {.kind = EVENT_TREE_GONE, .worker = i};
        sim_feed(sim, &e);
        return;
    }
    if (w->doomed || (sim->faults && sim_chance(&sim->rng, sim->die_1000))) {
        die(sim, i, w->doomed ? 9 : sim_chance(&sim->rng, 500) ? 11 : 3 << 8);
        return;
    }
    if (!w->said_hello) {
        say_hello(sim, i);
        return;
    }
    if (w->liar && sim_chance(&sim->rng, 100)) {
        misbehave(sim, i);
        return;
    }
    if (sim->faults && sim_chance(&sim->rng, sim->deaf_1000))
        w->deaf = true;
    if (!sim->faults && w->running)
        w->deaf = w->endless; // else it was only computing, for long
    if (w->deaf)
        return;
    for (uint64_t n = 1 + sim_below(&sim->rng, 12); n > 0 && w->alive && !w->doomed; n--)
        compute(sim, i);
    if (w->alive && sim_chance(&sim->rng, 200))
        deliver(sim, i, (uint32_t)sim_below(&sim->rng, 4));
}
