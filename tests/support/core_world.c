#include "core_world.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include <jobd/task.h>

#include "core/state.h"
#include "frame.h"
#include "mem.h"
#include "pack.h"

const char *const world_task_names[WORLD_TASKS] = {"pure", "once", "ping"};

struct core_config world_config(void) {
    return (struct core_config){
        .n_workers = 2,
        .n_cpus = 2,
        .max_workers = 64,
        .max_kept = 100,
        .keep_ns = 60 * WORLD_S,
        .max_kept_bytes = 1 << 20,
        .max_clients = 16,
        .max_jobs = 100000,
        .max_queued_bytes = UINT64_C(64) << 20,
        .max_frame_bytes = JD_FRAME_DEFAULT_BYTES,
        .drain_ns = 5 * WORLD_S,
        .grace_ns = WORLD_S / 2,
        .stall_ns = 10 * WORLD_S,
        .start_ns = 10 * WORLD_S,
        .first_job_id = 1,
        .id_limit = CORE_ID_BLOCK,
        .seed = 1,
        .pid = 42,
    };
}

void world_init(struct core_world *w, const struct core_config *cfg) {
    *w = (struct core_world){
        .cfg = *cfg, .now_ns = WORLD_S, .next_request = 1, .next_pid = 1000, .audit_every = 1};
    w->core = core_new(cfg, w->now_ns);
    cr_assert_not_null(w->core);
}

void world_free(struct core_world *w) {
    world_forget(w);
    core_free(w->core);
    free(w->seen);
}

// ---- time and steps ----

// The message as its reader gets it.
static void through_the_wire(struct world_effect *seen) {
    struct jd_msg *msg = &seen->fx.msg;
    uint16_t op = msg->op;
    struct jd_buf b;
    jd_buf_init(&b, JD_FRAME_MAX_BYTES + 64);
    cr_assert_eq(jd_msg_pack(&b, JD_FRAME_MAX_BYTES, msg), 0, "%s does not pack", jd_op_name(op));
    jobd_bytes frame = jd_buf_view(&b);
    seen->frame = b.data;
    jobd_bytes payload = {(const uint8_t *)frame.data + 4, frame.len - 4};
    cr_assert_eq(jd_msg_unpack(payload, msg), 0, "%s does not unpack", jd_op_name(op));
    if (msg->shape != JD_REPLY)
        return;
    msg->op = op;
    cr_assert(msg->error || jd_msg_unpack_reply(msg) == 0, "reply to %s", jd_op_name(op));
}

static void remember(struct core_world *w, const struct effect *fx) {
    if (w->n_seen == w->cap) {
        w->cap = w->cap ? w->cap * 2 : 256;
        w->seen = realloc(w->seen, w->cap * sizeof *w->seen);
        cr_assert_not_null(w->seen);
    }
    struct world_effect *seen = w->seen[w->n_seen++] = malloc(sizeof *seen);
    cr_assert_not_null(seen);
    *seen = (struct world_effect){.fx = *fx};
    bool has_msg =
        fx->kind == EFFECT_SEND || fx->kind == EFFECT_WORKER_SEND || fx->kind == EFFECT_DISPATCH;
    if (has_msg)
        through_the_wire(seen);
    if (fx->kind != EFFECT_CLOSE)
        return;
    seen->frame = jd_alloc(fx->text.len);
    cr_assert_not_null(seen->frame);
    memcpy(seen->frame, fx->text.data, fx->text.len);
    seen->fx.text.data = seen->frame;
}

void world_feed(struct core_world *w, const struct event *e) {
    struct effects *fx = core_effects(w->core);
    jd_mem_fail_nth(w->fail_nth);
    core_step(w->core, w->now_ns, e);
    jd_mem_fail_nth(0);
    w->fail_nth = 0;
    if (++w->n_steps % w->audit_every == 0)
        core_audit(w->core);
    for (uint32_t i = 0; i < fx->n; i++)
        remember(w, &fx->list[i]);
    fx->n = 0;
}

void world_tick(struct core_world *w) {
    world_feed(w, &(struct event){.kind = EVENT_TICK});
}

void world_tick_to(struct core_world *w, uint64_t t_ns) {
    for (uint64_t due; (due = core_next_deadline(w->core)) <= t_ns;) {
        w->now_ns = JD_MAX(w->now_ns, due);
        world_tick(w);
    }
    w->now_ns = JD_MAX(w->now_ns, t_ns);
}

void world_after(struct core_world *w, uint64_t ns) {
    world_tick_to(w, w->now_ns + ns);
}

unsigned world_settle(struct core_world *w) {
    unsigned n = 0;
    for (; core_next_deadline(w->core) <= w->now_ns; n++)
        world_tick(w);
    return n;
}

// ---- effects ----

void world_forget(struct core_world *w) {
    for (uint32_t i = 0; i < w->n_seen; i++) {
        jd_free(w->seen[i]->frame);
        free(w->seen[i]);
    }
    w->n_seen = w->first = 0;
}

static const struct effect *taken(struct core_world *w, struct world_effect *seen) {
    seen->taken = true;
    while (w->first < w->n_seen && w->seen[w->first]->taken)
        w->first++;
    return &seen->fx;
}

const struct effect *world_take(struct core_world *w, enum effect_kind kind) {
    for (uint32_t i = w->first; i < w->n_seen; i++)
        if (!w->seen[i]->taken && w->seen[i]->fx.kind == kind)
            return taken(w, w->seen[i]);
    cr_assert_fail("no effect of kind %d", (int)kind);
    return NULL;
}

uint32_t world_count(const struct core_world *w, enum effect_kind kind) {
    uint32_t n = 0;
    for (uint32_t i = w->first; i < w->n_seen; i++)
        n += !w->seen[i]->taken && w->seen[i]->fx.kind == kind;
    return n;
}

const struct effect *world_take_reply(struct core_world *w, uint32_t peer, uint32_t id) {
    for (uint32_t i = w->first; i < w->n_seen; i++) {
        struct world_effect *s = w->seen[i];
        if (s->taken || s->fx.kind != EFFECT_SEND || s->fx.peer != peer)
            continue;
        if (s->fx.msg.shape != JD_REPLY || s->fx.msg.id != id)
            continue;
        return taken(w, s);
    }
    cr_assert_fail("no reply to request %u of peer %u", id, peer);
    return NULL;
}

const struct effect *world_find_event(struct core_world *w, uint32_t peer, enum jd_op op,
                                      uint64_t handle) {
    for (uint32_t i = w->first; i < w->n_seen; i++) {
        struct world_effect *s = w->seen[i];
        const struct jd_msg *msg = &s->fx.msg;
        if (s->taken || s->fx.kind != EFFECT_SEND || s->fx.peer != peer || msg->shape != JD_EVENT)
            continue;
        uint64_t of = op == JD_OP_JOB_DONE ? msg->u.job_done.handle : msg->u.job_state.handle;
        if (msg->op != op || of != handle)
            continue;
        return taken(w, s);
    }
    return NULL;
}

const struct jd_job_done *world_take_done(struct core_world *w, uint32_t peer, uint64_t handle,
                                          jobd_job_state state, int error) {
    const struct effect *fx = world_find_event(w, peer, JD_OP_JOB_DONE, handle);
    cr_assert_not_null(fx, "the job of handle %u has not ended", (unsigned)handle);
    const struct jd_job_done *done = &fx->msg.u.job_done;
    cr_assert_eq((int)done->state, (int)state, "%s, not %s: %.*s",
                 jobd_job_state_name((int)done->state), jobd_job_state_name((int)state),
                 (int)done->text.len, (const char *)done->text.data);
    cr_assert_eq(-(int)done->error, error, "%s, not %s", jobd_errname(-(int)done->error),
                 jobd_errname(error));
    return done;
}

const struct jd_job_state *world_take_state(struct core_world *w, uint32_t peer, uint64_t handle,
                                            jobd_job_state state) {
    const struct effect *fx = world_find_event(w, peer, JD_OP_JOB_STATE, handle);
    cr_assert_not_null(fx, "nothing was said about handle %u", (unsigned)handle);
    cr_assert_eq((int)fx->msg.u.job_state.state, (int)state);
    return &fx->msg.u.job_state;
}

bool world_text_has(jobd_bytes text, const char *part) {
    return text.len > 0 && memmem(text.data, text.len, part, strlen(part)) != NULL;
}

// ---- clients ----

void world_connect(struct core_world *w, uint32_t peer) {
    world_feed(w,
               &(struct event){.kind = EVENT_CONNECTED, .peer = peer, .uid = 7, .pid = 100 + peer});
}

void world_close(struct core_world *w, uint32_t peer) {
    world_feed(w, &(struct event){.kind = EVENT_CLOSED, .peer = peer});
}

uint32_t world_request(struct core_world *w, uint32_t peer, struct jd_msg *msg) {
    msg->shape = JD_REQUEST;
    msg->id = w->next_request++;
    world_feed(w, &(struct event){.kind = EVENT_MESSAGE, .peer = peer, .msg = msg});
    return msg->id;
}

uint32_t world_hello(struct core_world *w, uint32_t peer, uint32_t max_frame) {
    struct jd_msg msg = {.op = JD_OP_HELLO};
    msg.u.hello = (struct jd_hello){.major = JD_PROTO_MAJOR,
                                    .role = JD_ROLE_CLIENT,
                                    .name = jd_text("test"),
                                    .max_frame = max_frame};
    return world_request(w, peer, &msg);
}

uint32_t world_open(struct core_world *w, uint32_t peer, uint32_t executor, const char *pool) {
    struct jd_msg msg = {.op = JD_OP_EXECUTOR_OPEN};
    msg.u.executor_open = (struct jd_executor_open){.executor = executor, .pool = jd_text(pool)};
    return world_request(w, peer, &msg);
}

void world_client(struct core_world *w, uint32_t peer) {
    world_connect(w, peer);
    uint32_t id = world_hello(w, peer, JD_FRAME_DEFAULT_BYTES);
    cr_assert_eq(world_take_reply(w, peer, id)->msg.error, 0);
    cr_assert_eq(world_take(w, EFFECT_OPEN)->peer, peer);
    id = world_open(w, peer, WORLD_EXECUTOR, "default");
    cr_assert_eq(world_take_reply(w, peer, id)->msg.error, 0);
}

struct jd_submit world_job(uint32_t handle, enum world_task task) {
    return (struct jd_submit){
        .handle = handle, .executor = WORLD_EXECUTOR, .task = jd_text(world_task_names[task])};
}

const struct jd_msg *world_submit_as(struct core_world *w, uint32_t peer,
                                     const struct jd_submit *submit) {
    struct jd_msg msg = {.op = JD_OP_SUBMIT};
    msg.u.submit = *submit;
    uint32_t id = world_request(w, peer, &msg);
    return &world_take_reply(w, peer, id)->msg;
}

uint64_t world_submit(struct core_world *w, uint32_t peer, uint32_t handle, enum world_task task) {
    struct jd_submit submit = world_job(handle, task);
    const struct jd_msg *reply = world_submit_as(w, peer, &submit);
    cr_assert_eq(reply->error, 0, "%s", jobd_errname(reply->error));
    return reply->u.submit_ok.job;
}

const struct jd_msg *world_ask(struct core_world *w, uint32_t peer, struct jd_msg *msg) {
    uint32_t id = world_request(w, peer, msg);
    return &world_take_reply(w, peer, id)->msg;
}

void world_ask_ok(struct core_world *w, uint32_t peer, struct jd_msg *msg) {
    const struct jd_msg *reply = world_ask(w, peer, msg);
    cr_assert_eq(reply->error, 0, "%s: %s: %.*s", jd_op_name(msg->op), jobd_errname(reply->error),
                 (int)reply->text.len, (const char *)reply->text.data);
}

void world_ask_refused(struct core_world *w, uint32_t peer, struct jd_msg *msg, int error,
                       const char *part) {
    const struct jd_msg *reply = world_ask(w, peer, msg);
    cr_assert_eq(reply->error, error, "%s, not %s", jobd_errname(reply->error),
                 jobd_errname(error));
    cr_assert(world_text_has(reply->text, part), "'%.*s' does not say '%s'", (int)reply->text.len,
              (const char *)reply->text.data, part);
}

uint32_t world_cancel(struct core_world *w, uint32_t peer, uint32_t handle) {
    struct jd_msg msg = {.op = JD_OP_CANCEL};
    msg.u.cancel.handle = handle;
    return world_request(w, peer, &msg);
}

bool world_take_cancelled(struct core_world *w, uint32_t peer, uint32_t id) {
    const struct jd_msg *reply = &world_take_reply(w, peer, id)->msg;
    cr_assert_eq(reply->error, 0);
    return reply->u.cancel_ok.cancelled;
}

// ---- jobs by their ids ----

void world_attach(struct core_world *w, uint32_t peer, uint32_t handle, uint64_t job) {
    struct jd_msg msg = {.op = JD_OP_ATTACH};
    msg.u.attach = (struct jd_attach){.handle = handle, .job = job};
    world_ask_ok(w, peer, &msg);
}

jobd_bytes world_why(struct core_world *w, uint32_t peer, uint64_t job) {
    struct jd_msg msg = {.op = JD_OP_WHY};
    msg.u.why.job = job;
    const struct jd_msg *reply = world_ask(w, peer, &msg);
    cr_assert_eq(reply->error, 0, "%s", jobd_errname(reply->error));
    return reply->u.status.map;
}

uint64_t world_abort(struct core_world *w, uint32_t peer, const struct jd_abort *abort) {
    struct jd_msg msg = {.op = JD_OP_ABORT};
    msg.u.abort = *abort;
    const struct jd_msg *reply = world_ask(w, peer, &msg);
    cr_assert_eq(reply->error, 0, "%s", jobd_errname(reply->error));
    return reply->u.abort_ok.state;
}

// ---- pools ----

void world_pool(struct core_world *w, uint32_t peer, const struct jd_pool_create *pool) {
    struct jd_msg msg = {.op = JD_OP_POOL_CREATE};
    msg.u.pool_create = *pool;
    world_ask_ok(w, peer, &msg);
}

void world_pool_start(struct core_world *w, uint32_t peer, const struct jd_pool_create *pool,
                      uint32_t executor) {
    char name[JD_NAME_MAX + 1] = "";
    memcpy(name, pool->pool.data, pool->pool.len);
    world_pool(w, peer, pool);
    world_start(w);
    cr_assert_eq(world_take_reply(w, peer, world_open(w, peer, executor, name))->msg.error, 0);
}

struct pool *world_find_pool(const struct core_world *w, const char *name) {
    struct pool *pool = pool_find(w->core, jd_text(name));
    cr_assert_not_null(pool, "there is no pool '%s'", name);
    return pool;
}

uint64_t world_page(struct core_world *w, uint32_t peer, struct jd_msg *msg, jobd_bytes ret_rows[],
                    uint32_t *ret_n) {
    const struct jd_msg *reply = world_ask(w, peer, msg);
    cr_assert_eq(reply->error, 0, "%s", jobd_errname(reply->error));
    jobd_reader r = jobd_reader_of(reply->u.listing.rows);
    cr_assert_eq(jobd_read_array(&r, ret_n), 0);
    cr_assert_leq(*ret_n, (uint32_t)JD_LISTING_MAX);
    for (uint32_t i = 0; i < *ret_n; i++)
        cr_assert_eq(jobd_read_raw(&r, &ret_rows[i]), 0);
    cr_assert_eq(jobd_read_type(&r), JOBD_T_END);
    return reply->u.listing.cursor;
}

// ---- maps ----

static jobd_reader value_in(jobd_bytes map, const char *key) {
    jobd_reader r = jobd_reader_of(map);
    uint32_t n;
    cr_assert_eq(jobd_read_map(&r, &n), 0);
    for (uint32_t i = 0; i < n; i++) {
        jobd_bytes k;
        cr_assert_eq(jobd_read_str(&r, &k), 0);
        if (k.len == strlen(key) && memcmp(k.data, key, k.len) == 0)
            return r;
        cr_assert_eq(jobd_read_skip(&r), 0);
    }
    cr_assert_fail("no key '%s'", key);
    return r;
}

uint64_t world_number_in(jobd_bytes map, const char *key) {
    jobd_reader r = value_in(map, key);
    uint64_t v = 0;
    cr_assert_eq(jobd_read_u64(&r, &v), 0, "'%s' is no number", key);
    return v;
}

int64_t world_signed_in(jobd_bytes map, const char *key) {
    jobd_reader r = value_in(map, key);
    int64_t v = 0;
    cr_assert_eq(jobd_read_i64(&r, &v), 0, "'%s' is no number", key);
    return v;
}

double world_float_in(jobd_bytes map, const char *key) {
    jobd_reader r = value_in(map, key);
    double v = -1;
    cr_assert_eq(jobd_read_f64(&r, &v), 0, "'%s' is no number", key);
    return v;
}

bool world_nil_in(jobd_bytes map, const char *key) {
    jobd_reader r = value_in(map, key);
    return jobd_read_nil(&r) == 0;
}

bool world_text_in(jobd_bytes map, const char *key, const char *part) {
    jobd_reader r = value_in(map, key);
    jobd_bytes v = {0};
    return jobd_read_str(&r, &v) == 0 && world_text_has(v, part);
}

// ---- workers ----

void world_spawned(struct core_world *w, uint32_t worker) {
    w->pid[worker] = ++w->next_pid;
    world_feed(w, &(struct event){.kind = EVENT_SPAWNED, .worker = worker, .pid = w->pid[worker]});
}

void world_worker_hello_as(struct core_world *w, uint32_t worker, jobd_bytes tasks) {
    struct jd_msg msg = {.shape = JD_REQUEST, .op = JD_OP_HELLO};
    msg.u.hello = (struct jd_hello){
        .major = JD_PROTO_MAJOR, .role = JD_ROLE_WORKER, .name = jd_text("worker"), .tasks = tasks};
    world_feed(w, &(struct event){.kind = EVENT_WORKER_MESSAGE, .worker = worker, .msg = &msg});
}

void world_worker_hello(struct core_world *w, uint32_t worker) {
    struct jd_buf b;
    jd_buf_init(&b, 4096);
    msgpack_packer pk = jd_packer_of(&b);
    msgpack_pack_array(&pk, WORLD_TASKS);
    for (unsigned i = 0; i < WORLD_TASKS; i++) {
        msgpack_pack_array(&pk, 3);
        jd_pack_str(&pk, jd_text(world_task_names[i]));
        msgpack_pack_uint32(&pk, i == WORLD_ONCE ? JOBD_TASK_CANCELLABLE : JOBD_TASK_IDEMPOTENT);
        jd_pack_str(&pk, jd_text("a task of the tests"));
    }
    world_worker_hello_as(w, worker, jd_buf_view(&b));
    jd_buf_free(&b);
}

void world_start(struct core_world *w) {
    world_settle(w);
    while (world_count(w, EFFECT_SPAWN) > 0) {
        uint32_t worker = world_take(w, EFFECT_SPAWN)->worker;
        world_spawned(w, worker);
        world_worker_hello(w, worker);
        world_take(w, EFFECT_WORKER_SEND);
    }
}

struct world_run world_take_run(struct core_world *w) {
    const struct effect *fx = world_take(w, EFFECT_DISPATCH);
    return (struct world_run){fx->worker, fx->msg.u.run};
}

void world_result_as(struct core_world *w, uint32_t worker, const struct jd_result *result) {
    struct jd_msg msg = {.shape = JD_EVENT, .op = JD_OP_RESULT};
    msg.u.result = *result;
    world_feed(w, &(struct event){.kind = EVENT_WORKER_MESSAGE, .worker = worker, .msg = &msg});
}

void world_result(struct core_world *w, const struct world_run *run, uint64_t run_ns) {
    struct jd_result result = {
        .slot = run->run.slot, .seq = run->run.seq, .run_ns = run_ns, .value = {"\xc0", 1}};
    world_result_as(w, run->worker, &result);
}

void world_fail(struct core_world *w, const struct world_run *run, const char *name,
                const char *text) {
    struct jd_result result = {.slot = run->run.slot,
                               .seq = run->run.seq,
                               .run_ns = 1,
                               .error = -JOBD_E_TASK,
                               .name = jd_text(name),
                               .text = jd_text(text)};
    world_result_as(w, run->worker, &result);
}

void world_worker_event(struct core_world *w, uint32_t worker, struct jd_msg *msg) {
    msg->shape = JD_EVENT;
    world_feed(w, &(struct event){.kind = EVENT_WORKER_MESSAGE, .worker = worker, .msg = msg});
}

uint32_t world_worker_request(struct core_world *w, uint32_t worker, struct jd_msg *msg) {
    msg->shape = JD_REQUEST;
    msg->id = w->next_request++;
    world_feed(w, &(struct event){.kind = EVENT_WORKER_MESSAGE, .worker = worker, .msg = msg});
    return msg->id;
}

static const struct jd_msg *find_to_worker(struct core_world *w, uint32_t worker,
                                           enum jd_shape shape, uint64_t id) {
    for (uint32_t i = w->first; i < w->n_seen; i++) {
        struct world_effect *s = w->seen[i];
        const struct jd_msg *msg = &s->fx.msg;
        if (s->taken || s->fx.kind != EFFECT_WORKER_SEND || s->fx.worker != worker ||
            msg->shape != shape)
            continue;
        if (shape == JD_REPLY ? msg->id == id
                              : msg->op == JD_OP_JOB_DONE && msg->u.job_done.handle == id)
            return &taken(w, s)->msg;
    }
    return NULL;
}

const struct jd_msg *world_find_worker_reply(struct core_world *w, uint32_t worker, uint32_t id) {
    return find_to_worker(w, worker, JD_REPLY, id);
}

const struct jd_job_done *world_find_child_done(struct core_world *w, uint32_t worker,
                                                uint64_t handle) {
    const struct jd_msg *msg = find_to_worker(w, worker, JD_EVENT, handle);
    return msg ? &msg->u.job_done : NULL;
}

uint8_t world_revoked(struct core_world *w, bool won) {
    const struct effect *fx = world_take(w, EFFECT_REVOKE);
    uint8_t slot = fx->slot;
    world_feed(
        w,
        &(struct event){
            .kind = EVENT_REVOKED, .worker = fx->worker, .slot = slot, .seq = fx->seq, .won = won});
    return slot;
}

void world_revoked_all(struct core_world *w, bool won) {
    while (world_count(w, EFFECT_REVOKE) > 0)
        world_revoked(w, won);
}

struct board_started world_started(const struct world_run *run) {
    return (struct board_started){.seq = run->run.seq, .slot = (uint8_t)run->run.slot};
}

static struct board_view board_of(uint64_t taken, const struct world_run *started) {
    struct board_view board = {.taken = taken, .n_started = started != NULL};
    if (started)
        board.started[0] = world_started(started);
    return board;
}

void world_look(struct core_world *w, uint32_t worker, const struct board_view *board) {
    world_feed(w, &(struct event){.kind = EVENT_BOARD, .worker = worker, .board = board});
}

void world_board(struct core_world *w, uint32_t worker, uint64_t taken,
                 const struct world_run *started) {
    struct board_view board = board_of(taken, started);
    world_look(w, worker, &board);
}

void world_died(struct core_world *w, uint32_t worker, int status,
                const struct world_run *started) {
    struct board_view board = board_of(0, started);
    world_feed(w,
               &(struct event){
                   .kind = EVENT_WORKER_DIED, .worker = worker, .status = status, .board = &board});
}

void world_tree_gone(struct core_world *w, uint32_t worker) {
    world_feed(w, &(struct event){.kind = EVENT_TREE_GONE, .worker = worker});
}

void world_replace(struct core_world *w, uint32_t worker) {
    world_died(w, worker, 9, NULL);
    world_tree_gone(w, worker);
    world_start(w);
}

void world_teach(struct core_world *w, uint32_t peer, enum world_task task, uint64_t run_ns) {
    for (uint32_t i = 0; i < 8; i++) {
        world_submit(w, peer, JD_HANDLE_MAX, task);
        struct world_run run = world_take_run(w);
        world_after(w, run_ns); // the worker has had that time
        world_result(w, &run, run_ns);
        world_take_done(w, peer, JD_HANDLE_MAX, JOBD_JOB_DONE, 0);
    }
}
