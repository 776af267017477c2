// A worker's life: it says HELLO, runs its initializer, computes and goes. Honest ones do what
// PROTOCOL.md says; the others die at any moment, go deaf, lie about their board or send what they
// must not.
#include <string.h>

#include <jobd/task.h>

#include "pack.h"
#include "sim.h"

const char *const sim_task_names[SIM_TASKS] = {"pure", "once", "init"};

void sim_worker_message(struct sim *sim, uint32_t i, struct jd_msg *msg) {
    struct event e = {.kind = EVENT_WORKER_MESSAGE, .worker = i, .msg = msg};
    sim_feed(sim, &e);
}

void sim_worker_on_spawn(struct sim *sim, const struct effect *fx) {
    struct sim_worker *w = &sim->worker[fx->worker];
    SIM_CHECK(sim, !w->alive && !w->tree_left);
    uint32_t n_pipes = sim->adopted[fx->worker];
    sim->adopted[fx->worker] = 0;
    if (sim->faults && sim_chance(&sim->rng, sim->spawn_fail_1000))
        return;
    *w = (struct sim_worker){.alive = true,
                             .pid = ++sim->next_pid,
                             .n_threads = fx->spawn.threads,
                             .process = fx->spawn.process,
                             .output = fx->spawn.output,
                             .n_pipes = n_pipes,
                             .next_request = 1};
    w->liar = sim->faults && sim_chance(&sim->rng, sim->lie_1000);
    SIM_CHECK(sim, w->n_threads >= 1 && (n_pipes == 0 || w->process));
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
    sim_worker_message(sim, i, &msg);
    jd_buf_free(&b);
}

// The initializer is done, fails, or never comes back.
static void initialize(struct sim *sim, uint32_t i) {
    struct sim_worker *w = &sim->worker[i];
    struct jd_msg msg = {.shape = JD_EVENT, .op = JD_OP_TASK_LOG, .u.task_log.level = 1};
    if (sim_chance(&sim->rng, 300)) {
        msg.u.task_log.text = jd_text("it begins");
        sim_worker_message(sim, i, &msg);
        return;
    }
    bool fails = sim->faults && sim_chance(&sim->rng, sim->init_fail_1000);
    if (fails && sim_chance(&sim->rng, 200)) {
        w->deaf = true;
        return;
    }
    msg = (struct jd_msg){.shape = JD_REPLY, .op = JD_OP_INIT, .id = w->init_id};
    msg.error = fails ? JOBD_E_TASK : 0;
    msg.text = jd_text(fails ? "no" : "");
    w->init_id = 0;
    w->initialized = !fails;
    sim->totals.initialized += !fails;
    sim_worker_message(sim, i, &msg);
}

void sim_worker_on_signal(struct sim *sim, uint32_t i, int signal) {
    struct sim_worker *w = &sim->worker[i];
    if (w->alive && w->spawned && (signal == 9 || sim_chance(&sim->rng, 500)))
        w->doomed = true;
}

void sim_worker_on_send(struct sim *sim, uint32_t i, const struct jd_msg *msg) {
    struct sim_worker *w = &sim->worker[i];
    if (!w->alive)
        return;
    if (msg->shape == JD_REPLY && msg->op == JD_OP_HELLO)
        return;
    if (msg->shape != JD_REQUEST) {
        sim_call_on_message(sim, i, msg);
        return;
    }
    SIM_CHECK(sim, msg->op == JD_OP_INIT && msg->u.init.task == SIM_TASK_INIT && !w->initialized);
    w->init_id = msg->id;
}

// ---- its board ----

static const struct board_view *board_of(struct sim *sim, uint32_t i) {
    static struct board_view view;
    struct sim_worker *w = &sim->worker[i];
    view.taken = w->taken;
    view.n_started = 0;
    view.rss_bytes = w->sampled_rss ? sim_below(&sim->rng, 1020) : 0;
    for (unsigned s = 0; s < JD_WINDOW_MAX; s++) {
        bool started = jd_slot_state(w->word[s]) == JD_SLOT_STARTED;
        if (w->liar && sim_chance(&sim->rng, 10))
            started = !started;
        if (!started)
            continue;
        struct board_started *b = &view.started[view.n_started++];
        *b = (struct board_started){.slot = (uint8_t)s, .seq = jd_slot_seq(w->word[s])};
        b->progress = (double)sim_below(&sim->rng, 100) / 100;
        b->item = (uint32_t)sim_below(&sim->rng, 5);
    }
    if (w->liar && sim_chance(&sim->rng, 100))
        view.taken = sim_below(&sim->rng, UINT64_MAX);
    return &view;
}

void sim_worker_sample(struct sim *sim, uint32_t i) {
    sim->worker[i].sampled = false;
    if (!sim->worker[i].alive)
        return;
    sim_thread_deliver(sim, i, UINT32_MAX);
    struct event e = {.kind = EVENT_BOARD, .worker = i, .board = board_of(sim, i)};
    sim_feed(sim, &e);
}

// ---- its end ----

// What it had begun has died with it.
static void leave_jobs(struct sim *sim, uint32_t i, int status) {
    struct sim_worker *w = &sim->worker[i];
    for (uint32_t t = 0; t < w->n_claimed; t++) {
        struct sim_job *job = &sim->job[w->thread[t].run.job];
        job->deaths++;
        job->status = status & 0x7f ? -(status & 0x7f) : status >> 8;
        sim_call_drop(sim, &w->thread[t]);
    }
    for (unsigned s = 0; s < JD_WINDOW_MAX; s++)
        sim_job_settled(sim, i, (uint8_t)s, w->out[s].seq);
    w->n_claimed = 0;
}

void sim_worker_die(struct sim *sim, uint32_t i, int status) {
    struct sim_worker *w = &sim->worker[i];
    sim_thread_deliver(sim, i, UINT32_MAX);
    leave_jobs(sim, i, status);
    w->alive = false;
    w->tree_left = true;
    sim->totals.deaths++;
    struct event e = {.kind = EVENT_WORKER_DIED,
                      .worker = i,
                      .status = status,
                      .board = board_of(sim, i),
                      .text = jd_text("last words")};
    e.usage = (struct worker_usage){.cpu_ns = sim_below(&sim->rng, 3),
                                    .max_rss_bytes = sim_below(&sim->rng, 3),
                                    .out_of_memory = sim_chance(&sim->rng, 50)};
    sim_feed(sim, &e);
}

// A job of a slot that is not lent, or not its own; or it is.
static void submit_lie(struct sim *sim, uint32_t i, uint16_t slot) {
    uint8_t args[SIM_ARGS_BYTES];
    struct jd_msg msg = {.shape = JD_REQUEST, .op = JD_OP_SUBMIT, .id = SIM_LIE};
    uint32_t job = sim_job_invent(sim, &msg.u.submit, args, &(struct sim_kind){.depth = 1});
    if (job == UINT32_MAX)
        return;
    msg.u.submit.handle = (uint64_t)slot << 15 | 9;
    msg.u.submit.key = (jobd_bytes){0}; // nobody would know of that future
    sim->job[job].key = 0;
    sim->job[job].touched_by_liar = true;
    sim->worker[i].lie = job;
    sim_worker_message(sim, i, &msg);
}

// The lie may hit a child that there is.
static void touch_child(struct sim *sim, uint32_t i, uint16_t slot) {
    const struct sim_thread *t = sim_thread_at(&sim->worker[i], slot);
    if (t && t->n_children > 0)
        sim->job[t->child[0].job].touched_by_liar = true;
}

static void misbehave(struct sim *sim, uint32_t i) {
    struct event broken = {.kind = EVENT_WORKER_BROKEN, .worker = i, .text = jd_text("noise")};
    uint16_t slot = (uint16_t)sim_below(&sim->rng, 8);
    uint64_t seq = sim_below(&sim->rng, 50);
    struct jd_msg msg = {.shape = JD_REQUEST, .id = SIM_LIE};
    switch (sim_below(&sim->rng, 6)) {
    case 0:
        sim_feed(sim, &broken);
        return;
    case 1:
        submit_lie(sim, i, slot);
        return;
    case 2:
        msg.op = sim_chance(&sim->rng, 500) ? JD_OP_LEND : JD_OP_RESUME;
        msg.u.lend = (struct jd_lend){slot, seq};
        break;
    case 3:
        msg.op = sim_chance(&sim->rng, 500) ? JD_OP_CANCEL : JD_OP_ABORT;
        msg.u.abort.handle = (uint64_t)slot << 15;
        touch_child(sim, i, slot);
        break;
    case 4:
        msg = (struct jd_msg){.shape = JD_EVENT, .op = JD_OP_TASK_PID};
        msg.u.pid = (struct jd_pid){slot, seq, 77};
        break;
    default: // a result out of the blue; it may even hit
        msg = (struct jd_msg){.shape = JD_EVENT, .op = JD_OP_RESULT};
        msg.u.result = (struct jd_result){.slot = slot, .seq = seq};
        sim_job_settled(sim, i, (uint8_t)slot, seq);
    }
    sim_worker_message(sim, i, &msg);
}

static void reap(struct sim *sim, uint32_t i) {
    struct event e = {.kind = EVENT_TREE_GONE, .worker = i};
    sim->worker[i].tree_left = false;
    sim_feed(sim, &e);
}

static void print(struct sim *sim, uint32_t i) {
    struct sim_worker *w = &sim->worker[i];
    if (w->n_claimed == 0)
        return;
    uint64_t name = w->thread[0].run.job;
    struct event e = {.kind = EVENT_OUTPUT, .worker = i, .text = {&name, sizeof name}};
    sim_feed(sim, &e);
}

static void work(struct sim *sim, uint32_t i) {
    struct sim_worker *w = &sim->worker[i];
    if (!sim->faults && w->n_claimed > 0)
        w->deaf = false; // it was only computing, for long
    if (w->deaf)
        return;
    for (uint64_t n = 1 + sim_below(&sim->rng, 12); n > 0 && w->alive && !w->doomed; n--)
        sim_thread_compute(sim, i);
    if (w->alive && w->output && sim_chance(&sim->rng, 300))
        print(sim, i);
    if (w->alive && sim_chance(&sim->rng, 200))
        sim_thread_deliver(sim, i, (uint32_t)sim_below(&sim->rng, 4));
}

void sim_worker_act(struct sim *sim, uint32_t i) {
    struct sim_worker *w = &sim->worker[i];
    if (!w->alive) {
        if (w->tree_left)
            reap(sim, i);
        return;
    }
    if (w->doomed || (sim->faults && sim_chance(&sim->rng, sim->die_1000))) {
        sim_worker_die(sim, i, w->doomed ? 9 : sim_chance(&sim->rng, 500) ? 11 : 3 << 8);
        return;
    }
    if (sim->faults && sim_chance(&sim->rng, sim->deaf_1000))
        w->deaf = true;
    if (!w->said_hello && !w->deaf)
        say_hello(sim, i);
    else if (w->init_id && !w->deaf)
        initialize(sim, i);
    else if (w->liar && sim_chance(&sim->rng, 100))
        misbehave(sim, i);
    else
        work(sim, i);
}
