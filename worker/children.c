// The items go out in chunks, a few for each CPU, so that a slow one does not keep the rest
// waiting. LEND -> SUBMIT, SUBMIT, ... RESUME -> their outcomes, in any order -> the reply to
// RESUME, which is the last of it. All of this happens with the lock of post held, but for the
// waiting.
#include "children.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "map.h"
#include "mem.h"
#include "pack.h"

enum {
    POLL_MS = 10,   // at the latest then the job sees that it is to stop
    GRACE_MS = 250, // for children that are stopped: well within what this job itself is given
    CHUNKS_PER_CPU = 8,
    HEAD_BYTES = 5, // of an array of any length
    PENDING = 1,    // an answer that has not come
};

enum ask { ASK_LEND = 1, ASK_RESUME, ASK_SUBMIT, ASK_ABORT };

struct child {
    const unsigned char *items; // n of them, borrowed from the caller
    size_t n_bytes;
    uint32_t first, n; // which items they are
    bool ended;
    unsigned char *values; // n of them, owned
    size_t n_value_bytes;
};

struct children {
    struct waiter waiter;
    jobd_task_ctx *ctx;
    struct post *post;
    jobd_bytes task;
    struct child *list;
    uint32_t n;
    uint32_t stopped_from; // these and those after it were told to stop
    uint32_t failed;       // the first that failed; n = none has
    uint32_t failed_item;
    jobd_error why;
    int lent, resumed; // what was answered, or PENDING
};

// ---- what there is to do ----

static uint32_t items_per_child(uint32_t n) {
    cpu_set_t cpus;
    int n_cpus = sched_getaffinity(0, sizeof cpus, &cpus) == 0 ? CPU_COUNT(&cpus) : 1;
    uint32_t n_each = n / (CHUNKS_PER_CPU * (uint32_t)n_cpus);
    return JD_MIN(JD_MAX(n_each, 1u), (uint32_t)JD_CHUNK_MAX);
}

// Splits the items into c->list.
static int plan(struct children *c, const struct items *items) {
    size_t max_bytes = c->post->link->max_frame - JD_ENVELOPE_BYTES - HEAD_BYTES;
    uint32_t n_each = items_per_child(items->n);
    // Any two neighbours that were parted for their size are together over max_bytes.
    size_t n_max = JD_MIN(items->n / n_each + 2 * (items->array.len / max_bytes) + 2,
                          (size_t)JD_MIN(items->n, (uint32_t)JD_CHILDREN_MAX));
    if (!(c->list = jd_alloc(n_max * sizeof *c->list)))
        return JOBD_E_NOMEM;
    const unsigned char *end = (const unsigned char *)items->array.data + items->array.len;
    jobd_reader r = jobd_reader_of((jobd_bytes){items->first, (size_t)(end - items->first)});
    struct child *now = NULL;
    for (uint32_t i = 0; i < items->n; i++) {
        jobd_bytes item = {NULL, 0};
        jobd_read_raw(&r, &item);
        if (item.len > max_bytes)
            return JOBD_E_MSGSIZE;
        if (!now || now->n == n_each || now->n_bytes + item.len > max_bytes) {
            if (c->n == n_max)
                return JOBD_E_LIMIT;
            now = &c->list[c->n++];
            *now = (struct child){.items = item.data, .first = i};
        }
        now->n++;
        now->n_bytes += item.len;
    }
    c->stopped_from = c->failed = c->n;
    return 0;
}

// ---- what comes ----

static void child_failed(struct children *c, uint32_t k, uint32_t item, const jobd_error *why) {
    if (k >= c->failed)
        return;
    c->failed = k;
    c->failed_item = item;
    c->why = *why;
}

static void set_why(jobd_error *why, int code, jobd_bytes name, jobd_bytes text) {
    *why = (jobd_error){.code = code};
    if (name.len)
        memcpy(why->name, name.data, JD_MIN(name.len, sizeof why->name - 1));
    if (text.len)
        memcpy(why->message, text.data, JD_MIN(text.len, sizeof why->message - 1));
}

// Takes the results out of a chunk's value: as many as there are items, or an error.
static int take_values(struct child *child, jobd_bytes value) {
    jobd_reader r = jobd_reader_of(value);
    uint32_t n;
    if (jobd_read_array(&r, &n) < 0 || n != child->n)
        return JOBD_E_PROTO;
    const unsigned char *from = r.pos;
    for (uint32_t i = 0; i < n; i++)
        if (jobd_read_skip(&r) < 0)
            return JOBD_E_PROTO;
    if (r.pos != r.end)
        return JOBD_E_PROTO;
    child->n_value_bytes = (size_t)(r.end - from);
    child->values = jd_alloc(child->n_value_bytes);
    if (!child->values)
        return JOBD_E_NOMEM;
    memcpy(child->values, from, child->n_value_bytes);
    return 0;
}

static int code_of(const struct jd_job_done *done) {
    if (done->error)
        return -(int)done->error;
    return done->state == JOBD_JOB_CANCELLED ? JOBD_E_CANCELLED : JOBD_E_TASK;
}

static void on_done(struct waiter *w, const struct jd_job_done *done) {
    struct children *c = JD_CONTAINER(w, struct children, waiter);
    uint32_t k = (uint32_t)(done->handle % JD_CHILDREN_MAX), n_before = 0;
    if (k >= c->n || c->list[k].ended)
        return;
    struct child *child = &c->list[k];
    child->ended = true;
    jobd_error why;
    if (done->state == JOBD_JOB_DONE) {
        int r = take_values(child, done->value);
        if (r == 0)
            return;
        set_why(&why, r, jd_text(""), jd_text(r == JOBD_E_PROTO ? "its results are no array" : ""));
    } else {
        jobd_reader r = jobd_reader_of(done->value); // of the items before the one that failed
        if (jobd_read_array(&r, &n_before) < 0)
            n_before = 0;
        set_why(&why, code_of(done), done->name, done->text);
    }
    child_failed(c, k, child->first + n_before, &why);
}

static void on_reply(struct waiter *w, const struct jd_msg *reply) {
    struct children *c = JD_CONTAINER(w, struct children, waiter);
    uint32_t k = reply->id & ((1u << POST_KIND_SHIFT) - 1);
    jobd_error why;
    switch (post_kind(reply->id)) {
    case ASK_LEND:
        c->lent = reply->error;
        break;
    case ASK_RESUME:
        c->resumed = reply->error;
        break;
    case ASK_SUBMIT:
        if (reply->error == 0 || k >= c->n || c->list[k].ended)
            break;
        c->list[k].ended = true;
        set_why(&why, reply->error, jd_text(""), reply->text);
        child_failed(c, k, c->list[k].first, &why);
        break;
    default: // a child that was to stop had ended by itself
        break;
    }
}

// ---- what is asked ----

static int ask(struct children *c, enum ask kind, uint32_t k, struct jd_msg *msg) {
    msg->shape = JD_REQUEST;
    msg->id = post_id(c->ctx->slot, kind, k);
    return link_send(c->post->link, msg, clock_now_ns());
}

static uint64_t handle_of(const struct children *c, uint32_t k) {
    return (uint64_t)c->ctx->slot * JD_CHILDREN_MAX + k;
}

static int ask_slot(struct children *c, enum ask kind, uint16_t op) {
    struct jd_msg msg = {.op = op, .u.lend = {.slot = c->ctx->slot, .seq = c->ctx->seq}};
    int r = ask(c, kind, 0, &msg);
    return r < 0 ? r : link_flush(c->post->link);
}

static int submit(struct children *c, uint32_t k, struct jd_buf *args) {
    const struct child *child = &c->list[k];
    msgpack_packer pk = jd_packer_of(args);
    int r = msgpack_pack_array(&pk, child->n);
    r = r ? r : jd_buf_append(args, child->items, child->n_bytes);
    struct jd_msg msg = {.op = JD_OP_SUBMIT,
                         .u.submit = {.handle = handle_of(c, k),
                                      .task = c->task,
                                      .args = jd_buf_view(args),
                                      .chunk = child->n}};
    r = r ? r : ask(c, ASK_SUBMIT, k, &msg);
    jd_buf_consume(args, jd_buf_used(args));
    return r;
}

static void submit_all(struct children *c) {
    struct jd_buf args;
    jd_buf_init(&args, c->post->link->max_frame);
    for (uint32_t k = 0; k < c->n && c->failed == c->n; k++) {
        int r = submit(c, k, &args);
        if (r == 0)
            continue;
        const jobd_error why = {.code = r};
        child_failed(c, k, c->list[k].first, &why);
        for (; k < c->n; k++)
            c->list[k].ended = true; // they never began
    }
    jd_buf_free(&args);
}

static void stop_from(struct children *c, uint32_t from) {
    if (from >= c->stopped_from)
        return;
    for (uint32_t k = from; k < c->stopped_from; k++) {
        struct jd_msg msg = {.op = JD_OP_ABORT,
                             .u.abort = {.handle = handle_of(c, k), .grace_ms = GRACE_MS}};
        if (!c->list[k].ended)
            ask(c, ASK_ABORT, k, &msg); // a link that fails ends the wait
    }
    c->stopped_from = from;
    link_flush(c->post->link);
}

// ---- waiting ----

static int lend(struct children *c) {
    struct post *p = c->post;
    int r = ask_slot(c, ASK_LEND, JD_OP_LEND);
    while (r == 0 && c->lent == PENDING && !p->ended)
        post_wait(p, &c->waiter, POLL_MS);
    if (r == 0)
        r = c->lent == PENDING ? JOBD_E_CLOSED : c->lent;
    return r;
}

static int should_stop(const struct children *c, uint64_t stop_ns) {
    if (ctx_cancelled(c->ctx))
        return JOBD_E_CANCELLED;
    return stop_ns && clock_now_ns() >= stop_ns ? JOBD_E_TIMEOUT : 0;
}

// Until all have ended and this job has a slot again.
static int collect(struct children *c, uint64_t stop_ns) {
    struct post *p = c->post;
    int stop = 0, r = ask_slot(c, ASK_RESUME, JD_OP_RESUME);
    while (r == 0 && c->resumed == PENDING && !p->ended) {
        post_wait(p, &c->waiter, POLL_MS);
        if (!stop)
            stop = should_stop(c, stop_ns);
        stop_from(c, stop ? 0 : c->failed + 1);
    }
    if (r < 0)
        return r;
    if (c->resumed == PENDING)
        return JOBD_E_CLOSED;
    return c->resumed ? c->resumed : stop;
}

static int run(struct children *c, uint64_t stop_ns) {
    struct post *p = c->post;
    pthread_mutex_lock(&p->lock);
    post_begin_wait(p, c->ctx->slot, &c->waiter);
    int r = lend(c);
    if (r == 0) {
        post_lend(p);
        submit_all(c);
        r = collect(c, stop_ns);
        p->n_lent--;
    }
    post_end_wait(p, c->ctx->slot);
    pthread_mutex_unlock(&p->lock);
    return r;
}

// ---- the result ----

static int join_values(struct children *c, uint32_t n_items, jobd_bytes *ret) {
    size_t n_bytes = HEAD_BYTES;
    for (uint32_t k = 0; k < c->n; k++)
        n_bytes += c->list[k].n_value_bytes;
    uint8_t *bytes = arena_alloc(&c->ctx->arena, n_bytes);
    if (!bytes)
        return JOBD_E_NOMEM;
    struct jd_out out = {bytes};
    jd_put_array(&out, n_items);
    for (uint32_t k = 0; k < c->n; k++)
        jd_put_bytes(&out, (jobd_bytes){c->list[k].values, c->list[k].n_value_bytes});
    *ret = (jobd_bytes){bytes, (size_t)(out.at - bytes)};
    return 0;
}

int children_run(jobd_task_ctx *ctx, jobd_bytes task, const struct items *items, uint64_t stop_ns,
                 jobd_bytes *ret) {
    struct children c = {.waiter = {.on_reply = on_reply, .on_done = on_done},
                         .ctx = ctx,
                         .post = ctx->post,
                         .task = task,
                         .lent = PENDING,
                         .resumed = PENDING};
    int r = plan(&c, items);
    r = r < 0 ? r : run(&c, stop_ns);
    if (r == 0 && c.failed < c.n)
        r = map_fail(ctx, c.why.code, c.failed_item, &c.why);
    if (r == 0)
        r = join_values(&c, items->n, ret);
    for (uint32_t k = 0; k < c.n; k++)
        jd_free(c.list[k].values);
    jd_free(c.list);
    return r;
}
