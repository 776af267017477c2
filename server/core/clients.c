#include "clients.h"

#include <string.h>

#include "follow.h"
#include "log.h"
#include "manage.h"
#include "mem.h"
#include "process.h"
#include "state.h"
#include "stats.h"
#include "watch.h"

void clients_init(struct clients *c) {
    *c = (struct clients){.next_session = 1};
    jd_slab_init(&c->slab, sizeof(struct client), UINT32_MAX / 2);
    jd_slab_init(&c->shares, sizeof(struct share), UINT32_MAX / 2);
    jd_slab_init(&c->lanes, sizeof(struct lane), UINT32_MAX / 2);
}

static void free_parts(struct client *client) {
    handles_free_all(&client->handles);
    jd_free(client->executors);
    jd_free(client->name);
}

void clients_free_all(struct clients *c) {
    const struct jd_slab *s = &c->slab; // the only one that knows those who wait for a running job
    uint32_t per_chunk = 1u << s->shift;
    for (uint32_t k = 0; k < s->n_chunks; k++) {
        for (uint32_t i = 0; s->dir[k] && i < per_chunk - s->dir[k]->n_fresh; i++) {
            struct client *client = client_at(c, k * per_chunk + i + 1);
            if (client->state != CLIENT_NONE)
                free_parts(client);
        }
    }
    jd_slab_free_all(&c->slab);
    jd_slab_free_all(&c->shares);
    jd_slab_free_all(&c->lanes);
    jd_free(c->by_peer);
}

static bool make_room_for_peer(struct clients *c, uint32_t peer) {
    if (peer < c->n_peers)
        return true;
    uint32_t n = c->n_peers ? c->n_peers : 16;
    while (n <= peer)
        n *= 2;
    uint32_t *by_peer = jd_realloc(c->by_peer, n * sizeof *by_peer);
    if (!by_peer)
        return false;
    memset(by_peer + c->n_peers, 0, (n - c->n_peers) * sizeof *by_peer);
    c->by_peer = by_peer;
    c->n_peers = n;
    return true;
}

// Bye, with a reason. What the client owns is dealt with when EVENT_CLOSED comes.
static void client_close(struct core *core, struct client *client, int error, jobd_bytes text) {
    struct effect *fx = core_emit(core, EFFECT_CLOSE);
    fx->peer = client->peer;
    fx->error = error;
    fx->text = text;
    client->state = CLIENT_CLOSING;
}

void clients_on_connected(struct core *core, const struct event *e) {
    struct clients *c = &core->clients;
    uint32_t index = make_room_for_peer(c, e->peer) ? jd_slab_take(&c->slab) : 0;
    if (!index) { // not even a record to say CLOSED to: by_peer stays 0, and its CLOSED is ignored
        struct effect *fx = core_emit(core, EFFECT_CLOSE);
        fx->peer = e->peer;
        fx->error = JOBD_E_NOMEM;
        fx->text = jd_text("the daemon is out of memory");
        return;
    }
    struct client *client = client_at(c, index);
    client->session = c->next_session++;
    client->peer = e->peer;
    client->uid = e->uid;
    client->pid = e->pid;
    client->state = CLIENT_NEW;
    c->by_peer[e->peer] = index;
    c->n++;
    c->close_walk = JD_MIN(c->close_walk, e->peer); // a latecomer, while everything is being closed
}

static void on_hello(struct core *core, struct client *client, const struct jd_msg *msg) {
    const struct jd_hello *hello = &msg->u.hello;
    if (hello->major != JD_PROTO_MAJOR) {
        client_emit_error(core, client, msg, JOBD_E_VERSION,
                          core_text(core, "this daemon speaks protocol %d.x, not %u.%u",
                                    JD_PROTO_MAJOR, (unsigned)hello->major,
                                    (unsigned)hello->minor));
        client_close(core, client, JOBD_E_VERSION, jd_text("no common protocol version"));
        return;
    }
    if (hello->role != JD_ROLE_CLIENT || !jd_name_ok(hello->name, JD_NAME_MAX)) {
        client_close(core, client, JOBD_E_PROTO,
                     jd_text("HELLO must have role 0 and a name of [A-Za-z0-9._:/-]"));
        return;
    }
    client->name = text_copy(hello->name);
    if (!client->name) {
        client_close(core, client, JOBD_E_NOMEM, jd_text("the daemon is out of memory"));
        return;
    }
    client->state = CLIENT_OPEN;
    uint64_t max_frame = JD_MIN(hello->max_frame, (uint64_t)core->cfg.max_frame_bytes);
    max_frame = JD_MAX(max_frame, (uint64_t)JD_FRAME_MIN_BYTES);

    client->max_value = (uint32_t)max_frame - JD_ENVELOPE_BYTES;

    struct effect *fx = core_emit(core, EFFECT_OPEN);
    fx->peer = client->peer;
    fx->max_frame = (uint32_t)max_frame;
    fx = client_emit_reply(core, client, msg);
    fx->msg.u.hello_ok = (struct jd_hello_ok){
        .major = JD_PROTO_MAJOR,
        .minor = JD_PROTO_MINOR, // the smaller of the two; there is only this one
        .session = client->session,
        .name = jd_text("jobd/" JOBD_VERSION),
        .pid = core->cfg.pid,
        .max_frame = max_frame,
    };
    jd_log(JD_LOG_DEBUG, "client.open", "session=%llu pid=%u uid=%u name=%s",
           (unsigned long long)client->session, client->pid, client->uid, client->name);
}

static void on_shutdown(struct core *core, struct client *client, const struct jd_msg *msg) {
    jd_log(JD_LOG_INFO, "shutdown.asked", "session=%llu pid=%u name=%s now=%d",
           (unsigned long long)client->session, client->pid, client->name, msg->u.shutdown.now);
    client_emit_reply(core, client, msg);
    core_stop(core, msg->u.shutdown.now);
}

// Requests about pools and lists; false = not one of them.
static bool on_other_request(struct core *core, uint32_t index, const struct jd_msg *msg) {
    struct client *client = client_at(&core->clients, index);
    switch ((enum jd_op)msg->op) {
    case JD_OP_STATUS:
        stats_on_status(core, client, msg);
        return true;
    case JD_OP_WORKERS:
        stats_on_workers(core, client, msg);
        return true;
    case JD_OP_TASKS:
        stats_on_tasks(core, client, msg);
        return true;
    case JD_OP_POOLS:
        stats_on_pools(core, client, msg);
        return true;
    case JD_OP_JOBS:
        listing_on_jobs(core, client, msg);
        return true;
    case JD_OP_WHY:
        why_on_why(core, client, msg);
        return true;
    case JD_OP_WATCH:
        watch_on_watch(core, client, msg);
        return true;
    case JD_OP_POOL_CREATE:
    case JD_OP_POOL_RESIZE:
    case JD_OP_POOL_PAUSE:
    case JD_OP_POOL_DRAIN:
    case JD_OP_POOL_DELETE:
        manage_on_request(core, index, msg);
        return true;
    case JD_OP_SHUTDOWN:
        on_shutdown(core, client, msg);
        return true;
    default:
        return false;
    }
}

static void on_request(struct core *core, uint32_t index, const struct event *e) {
    struct client *client = client_at(&core->clients, index);
    const struct jd_msg *msg = e->msg;
    switch ((enum jd_op)msg->op) {
    case JD_OP_PING:
        client_emit_reply(core, client, msg)->msg.u.pong.now_ns = core->now_ns;
        return;
    case JD_OP_EXECUTOR_OPEN:
        submit_on_executor_open(core, index, msg);
        return;
    case JD_OP_EXECUTOR_CLOSE:
        submit_on_executor_close(core, index, msg);
        return;
    case JD_OP_SUBMIT:
        submit_on_submit(core, index, msg);
        return;
    case JD_OP_CANCEL:
        control_on_cancel(core, index, msg);
        return;
    case JD_OP_ABORT:
        control_on_abort(core, index, msg);
        return;
    case JD_OP_SIGNAL:
        control_on_signal(core, index, msg);
        return;
    case JD_OP_ATTACH:
        control_on_attach(core, index, msg);
        return;
    case JD_OP_PROCESS:
        process_on_start(core, index, e);
        return;
    default:
        if (!on_other_request(core, index, msg))
            client_emit_error(core, client, msg, JOBD_E_NOTSUP,
                              core_text(core, "a client cannot send '%s'", jd_op_name(msg->op)));
    }
}

void clients_on_message(struct core *core, const struct event *e) {
    struct clients *c = &core->clients;
    uint32_t index = e->peer < c->n_peers ? c->by_peer[e->peer] : 0;
    if (!index || client_at(c, index)->state == CLIENT_CLOSING)
        return;
    struct client *client = client_at(c, index);
    const struct jd_msg *msg = e->msg;
    bool is_hello = msg->shape == JD_REQUEST && msg->op == JD_OP_HELLO;
    if ((client->state == CLIENT_NEW) != is_hello) {
        client_close(core, client, JOBD_E_PROTO,
                     is_hello ? jd_text("a second HELLO")
                              : jd_text("the first message must be HELLO"));
        return;
    }
    if (is_hello) {
        on_hello(core, client, msg);
        return;
    }
    if (msg->shape == JD_REQUEST) {
        on_request(core, index, e);
        return;
    }
    if (msg->shape == JD_REPLY) {
        client_close(core, client, JOBD_E_PROTO, jd_text("a reply to no request"));
        return;
    }
    // An event: clients have only `bye`, after which they close by themselves.
}

void clients_on_paused(struct core *core, const struct event *e) {
    struct clients *c = &core->clients;
    uint32_t index = e->peer < c->n_peers ? c->by_peer[e->peer] : 0;
    if (!index)
        return;
    struct client *client = client_at(c, index);
    client->paused = e->kind == EVENT_PAUSED;
    shares_update(core, client);
    process_on_paused(core, index);
}

void clients_on_closed(struct core *core, const struct event *e) {
    struct clients *c = &core->clients;
    uint32_t index = e->peer < c->n_peers ? c->by_peer[e->peer] : 0;
    if (!index)
        return;
    struct client *client = client_at(c, index);
    jd_log(JD_LOG_DEBUG, "client.closed", "session=%llu pid=%u jobs=%u",
           (unsigned long long)client->session, client->pid, client->handles.used);
    c->by_peer[e->peer] = 0;
    c->n--;
    watch_end(core, client);
    client_leave(core, index);
}

void client_leave(struct core *core, uint32_t index) {
    struct clients *c = &core->clients;
    struct client *client = client_at(c, index);
    client->state = CLIENT_GONE;
    client->walk = 0;
    client->next_gone = c->gone;
    c->gone = index;
}

uint32_t client_make(struct core *core, const char *name) {
    struct clients *c = &core->clients;
    uint32_t index = jd_slab_take(&c->slab);
    char *copy = index ? jd_strdup(name) : NULL;
    if (!copy) {
        if (index)
            jd_slab_give(&c->slab, index);
        return 0;
    }
    struct client *client = client_at(c, index);
    client->state = CLIENT_OPEN;
    client->session = c->next_session++;
    client->name = copy;
    return index;
}

// What becomes of one job of a client that is gone: waiting ones are cancelled, running ones stopped;
// those that somebody else wants go on. Returns how many jobs that touched: stopping one takes back
// its whole window.
static unsigned abandon(struct core *core, uint32_t client, uint32_t handle, uint32_t job_index) {
    struct job *job = job_at(&core->jobs, job_index);
    if (follow_leave(core, job_index, client, handle))
        return 1;
    job->flags |= JOB_OWNER_GONE;
    if (job_waits(job)) {
        job_withdraw(core, job_index, "its connection ended");
        return 1;
    }
    const struct worker *w = &core->workers[job->worker];
    unsigned touched = w->slot[job->slot].state == SLOT_SENT ? 1 : JD_MAX(w->n_out, 1u);
    job_stop(core, job_index,
             &(struct stop){.why = STOP_OWNER_GONE, .grace_ns = core->cfg.grace_ns});
    return touched;
}

void clients_sweep(struct core *core) {
    struct clients *c = &core->clients;
    unsigned left = STEP_OBJECTS_MAX;
    while (c->gone) {
        uint32_t index = c->gone, handle, job;
        struct client *client = client_at(c, index);
        while ((job = handles_next(&client->handles, client->walk, &handle)) != 0) {
            if (left == 0) {
                core->more = true;
                return;
            }
            client->walk = handle + 1;
            unsigned touched = abandon(core, index, handle, job);
            left -= JD_MIN(left, touched);
        }
        c->gone = client->next_gone;
        client->walk = UINT32_MAX; // done: the record waits for jobs that still run
        client_settle(core, index);
    }
}

void client_settle(struct core *core, uint32_t index) {
    struct clients *c = &core->clients;
    struct client *client = client_at(c, index);
    if (client->state != CLIENT_GONE || client->walk != UINT32_MAX || client->handles.used > 0)
        return;
    shares_free(core, client);
    free_parts(client);
    client->state = CLIENT_NONE;
    jd_slab_give(&c->slab, index);
}

bool clients_close_all(struct core *core) {
    struct clients *c = &core->clients;
    unsigned left = STEP_OBJECTS_MAX;
    for (; c->close_walk < c->n_peers && left > 0; c->close_walk++) {
        uint32_t index = c->by_peer[c->close_walk];
        struct client *client = index ? client_at(c, index) : NULL;
        if (!client || client->state == CLIENT_CLOSING)
            continue;
        client_close(core, client, JOBD_E_CLOSED, jd_text("the daemon has stopped"));
        left--;
    }
    if (left == 0)
        core->more = true;
    return c->n == 0;
}
