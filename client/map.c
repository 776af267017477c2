// A map: items are taken from the program, packed into chunks, submitted, and their results given
// back one by one.
//
//   feed (items -> arguments) -> chunks, each a job -> done -> current (its results, one per call)
//
// Every chunk is in one list, in the order of the items, until its results are given back; the walk
// tells in which order they are done. The map works only inside jobd_map_next().
#include <string.h>

#include "completion.h"
#include "feed.h"
#include "job.h"
#include "loop.h"
#include "mem.h"
#include "options.h"
#include "pace.h"
#include "read.h"
#include "stream.h"
#include "submit.h"

struct chunk {
    struct jd_watch watch; // with the future of its job
    struct chunk *next;
    struct chunk *prev;
    uint64_t first; // its first item
    uint32_t n;
};

struct jobd_map_iter {
    jobd_executor *ex;       // holds a reference
    jobd_conn *conn;         // its
    struct jd_submit submit; // of every chunk
    char task[JD_NAME_MAX + 1];
    char label[JD_NAME_MAX + 1];
    int64_t timeout_ms;
    uint64_t deadline_ns;
    bool unordered;
    bool is_over;

    struct jd_feed feed;
    struct jd_pace pace;
    jobd_bytes args; // of a chunk that is made and could not be submitted yet
    uint32_t n_args; // its items; 0 = there is none

    struct jd_walk walk;
    struct chunk *first, *last;
    struct chunk *spare;
    uint32_t n_chunks;
    uint64_t n_given; // items

    struct chunk *current; // whose results are given back now; in no list
    jobd_reader results;
    uint32_t n_left; // of them
    uint64_t index;  // of the next

    jobd_error error; // what ended the map; code 0 = nothing did
    uint64_t error_index;
};

// ---- chunks ----

static struct chunk *new_chunk(jobd_map_iter *m) {
    struct chunk *c = m->spare;
    if (!c)
        return jd_alloc(sizeof *c);
    m->spare = c->next;
    return c;
}

static void spare_chunk(jobd_map_iter *m, struct chunk *c) {
    c->next = m->spare;
    m->spare = c;
}

static void link_chunk(jobd_map_iter *m, struct chunk *c) {
    c->next = NULL;
    c->prev = m->last;
    if (m->last)
        m->last->next = c;
    else
        m->first = c;
    m->last = c;
    m->n_chunks++;
}

static void unlink_chunk(jobd_map_iter *m, struct chunk *c) {
    if (c->prev)
        c->prev->next = c->next;
    else
        m->first = c->next;
    if (c->next)
        c->next->prev = c->prev;
    else
        m->last = c->prev;
    m->n_chunks--;
}

static void drop_current(jobd_map_iter *m) {
    if (!m->current)
        return;
    jobd_future_unref(m->current->watch.future);
    spare_chunk(m, m->current);
    m->current = NULL;
    m->n_left = 0;
}

// What waits is cancelled, what runs is not.
static void drop_chunks(jobd_map_iter *m) {
    bool may_ask = !m->conn->dead && !jd_conn_forked(m->conn);
    drop_current(m);
    for (struct chunk *c = m->first, *next; c; c = next) {
        next = c->next;
        jobd_future *f = c->watch.future;
        jd_walk_unwatch(&c->watch);
        if (may_ask && !jd_future_is_done(f) && jd_job_ask_cancel(f) < 0)
            may_ask = false; // out of memory: these run for nobody
        jobd_future_unref(f);
        spare_chunk(m, c);
    }
    jd_walk_init(&m->walk);
    m->first = m->last = NULL;
    m->n_chunks = 0;
}

// ---- out ----

static bool may_submit(const jobd_map_iter *m) {
    const jobd_conn *c = m->conn;
    struct jd_pace_out out = {
        .n_items = m->feed.n_taken - m->n_given,
        .n_chunks = m->n_chunks,
        .n_open = (uint32_t)m->walk.n_open,
    };
    if (jd_buf_used(&c->out) > c->max_pending_bytes || c->handles.n_used > JD_HANDLE_MAX)
        return false;
    return m->n_args > 0 || (!m->feed.is_over && jd_pace_room(&m->pace, &out));
}

// Submits the chunk that is made. 0 | JOBD_E_*.
static int submit_chunk(jobd_map_iter *m) {
    struct jd_msg msg = {.op = JD_OP_SUBMIT, .u.submit = m->submit};
    msg.u.submit.args = m->args;
    msg.u.submit.chunk = m->n_args;
    if (m->ex->is_shut)
        return JOBD_E_STATE;
    struct chunk *c = new_chunk(m);
    if (!c)
        return JOBD_E_NOMEM;
    *c = (struct chunk){.first = m->feed.n_taken - m->n_args, .n = m->n_args};
    c->watch.walk = &m->walk;
    int r = jd_submit_start(m->conn, m->ex, &msg, &c->watch.future);
    if (r < 0) {
        spare_chunk(m, c);
        return r;
    }
    jd_walk_watch(&c->watch);
    link_chunk(m, c);
    m->n_args = 0;
    jd_stream_send_much(m->conn);
    return 0;
}

static void fill(jobd_map_iter *m) {
    while (may_submit(m)) {
        size_t max_bytes = jobd_conn_max_payload(m->conn);
        if (m->n_args == 0)
            m->n_args = jd_feed_take(&m->feed, m->pace.chunk, max_bytes, &m->args);
        int r = m->n_args > 0 ? submit_chunk(m) : 0;
        if (r < 0) {
            m->feed.n_taken -= m->n_args;
            m->n_args = 0;
            jd_feed_end(&m->feed, r);
        }
    }
}

// ---- back ----

static void learn(jobd_map_iter *m, const struct chunk *c) {
    const jobd_future *f = c->watch.future;
    struct jd_pace_done done = {
        .now_ns = jd_clock_ns(),
        .run_ns = f->run_ns,
        .n_items = f->error ? 0 : c->n,
        .bytes = f->value_bytes,
        .max_bytes = jobd_conn_max_payload(m->conn),
    };
    jd_pace_learn(&m->pace, &done);
}

// The chunk whose turn it is, if it is done. In the order of the items nothing but the pace needs to
// know which were done before.
static struct chunk *take_done(jobd_map_iter *m) {
    struct chunk *c = m->first;
    if (m->unordered) {
        if (!m->walk.ready)
            return NULL;
        c = JD_CONTAINER(jd_walk_pop(&m->walk), struct chunk, watch);
        learn(m, c);
    }
    while (m->walk.ready && !m->unordered)
        learn(m, JD_CONTAINER(jd_walk_pop(&m->walk), struct chunk, watch));
    if (!c || !jd_future_is_done(c->watch.future))
        return NULL;
    unlink_chunk(m, c);
    return c;
}

// Begins with the results of a chunk. One that failed has those before the failing item, or none.
static void open_chunk(jobd_map_iter *m, struct chunk *c) {
    uint32_t n = 0;
    m->current = c;
    m->index = c->first;
    m->results = jobd_reader_of(jd_future_value(c->watch.future));
    if (jobd_read_array(&m->results, &n) < 0 || n > c->n)
        n = 0;
    m->n_left = n;
}

// ---- the end ----

static int end_map(jobd_map_iter *m, uint64_t index, const jobd_error *why) {
    m->is_over = true;
    m->error = *why;
    m->error_index = index;
    drop_chunks(m);
    return why->code;
}

// No more items could be had or submitted, and all before them are given back.
static int end_of_feed(jobd_map_iter *m) {
    jobd_error why;
    m->is_over = true;
    if (m->feed.error == 0)
        return 0;
    jd_error_set(&why, m->feed.error, "item %llu was not submitted: %s",
                 (unsigned long long)m->feed.n_taken, jobd_strerror(m->feed.error));
    return end_map(m, m->feed.n_taken, &why);
}

// All results of the current chunk are given back. 0 | why its next item failed.
static int close_chunk(jobd_map_iter *m) {
    const struct chunk *c = m->current;
    const jobd_future *f = c->watch.future;
    jobd_error why;
    if (f->error) {
        jd_fault_show(f->fault, f->error, &why);
        return end_map(m, m->index, &why);
    }
    if (m->index != c->first + c->n || m->results.err) {
        jd_error_set(&why, JOBD_E_PROTO, "a chunk of %u items came back with %u results",
                     (unsigned)c->n, (unsigned)(m->index - c->first));
        return end_map(m, m->index, &why);
    }
    drop_current(m);
    return 0;
}

static bool can_go_on(const struct jd_wait *w) {
    const jobd_map_iter *m = w->subject;
    bool is_next_done = m->first && jd_future_is_done(m->first->watch.future);
    if (m->unordered)
        is_next_done = m->walk.ready != NULL;
    return is_next_done || may_submit(m);
}

static int wait_for_one(jobd_map_iter *m) {
    struct jd_wait w = {.met = can_go_on, .subject = m, .walk = &m->walk};
    int r = jd_loop_wait(m->conn, &w, m->deadline_ns);
    if (r != JOBD_E_TIMEOUT)
        return r;
    jobd_error why;
    jd_error_set(&why, r, "the map was not over within %lld ms", (long long)m->timeout_ms);
    return end_map(m, m->n_given, &why);
}

// One step towards the next results. 0 | JOBD_E_*.
static int turn(jobd_map_iter *m) {
    fill(m);
    struct chunk *c = take_done(m);
    if (c) {
        open_chunk(m, c);
        return 0;
    }
    return m->n_chunks > 0 || m->n_args > 0 ? wait_for_one(m) : end_of_feed(m);
}

// Gets the next chunk with results. 1 | 0 the map is over | JOBD_E_*.
static int next_chunk(jobd_map_iter *m) {
    int r = jd_conn_check(m->conn);
    while (r == 0 && m->n_left == 0) {
        if (m->current)
            r = close_chunk(m);
        if (m->is_over)
            return r;
        r = turn(m);
    }
    return r < 0 ? r : 1;
}

int jobd_map_next(jobd_map_iter *map, jobd_bytes *ret_value, uint64_t *ret_index) {
    jobd_bytes value;
    do {
        if (map->n_left == 0) {
            int r = next_chunk(map);
            if (r <= 0)
                return r;
        }
        map->n_left--;
    } while (jd_read_raw(&map->results, &value) < 0);
    map->n_given++;
    if (ret_index)
        *ret_index = map->index;
    if (ret_value)
        *ret_value = value;
    map->index++;
    return 1;
}

int jobd_map_error(const jobd_map_iter *map, jobd_error *ret, uint64_t *ret_index) {
    if (map->error.code == 0)
        return 0;
    *ret = map->error;
    if (ret_index)
        *ret_index = map->error_index;
    return 1;
}

void jobd_map_free(jobd_map_iter *map) {
    if (!map)
        return;
    drop_chunks(map);
    for (struct chunk *c = map->spare, *next; c; c = next) {
        next = c->next;
        jd_free(c);
    }
    jd_feed_free(&map->feed);
    if (map->ex)
        jd_executor_unref(map->ex);
    jd_free(map);
}

// Keeps a text of the program's.
static jobd_bytes keep(char *at, jobd_bytes text) {
    if (text.len)
        memcpy(at, text.data, text.len);
    return (jobd_bytes){at, text.len};
}

static int set_up(jobd_map_iter *m, const jobd_map_options *o) {
    int r = jd_submit_fill(&m->submit, o->submit);
    if (r == 0 && (m->submit.key.len > 0 || m->submit.detached || o->chunk > JD_CHUNK_MAX))
        r = JOBD_E_INVAL;
    if (r < 0)
        return r;
    m->submit.label = keep(m->label, m->submit.label);
    m->unordered = o->unordered;
    m->timeout_ms = o->timeout_ms;
    m->deadline_ns = jd_clock_deadline_ns(o->timeout_ms ? o->timeout_ms : JOBD_FOREVER);
    jd_pace_init(&m->pace, o->chunk, o->window);
    return 0;
}

int jobd_map(jobd_executor *ex, const char *task, jobd_item_fn next, void *arg,
             const jobd_map_options *opts, jobd_map_iter **ret) {
    jobd_map_options o = {0};
    int r = ex ? jd_conn_check(ex->conn) : JOBD_E_INVAL;
    r = r ? r : jd_options_copy(&o, sizeof o, opts);
    if (r == 0 && (!task || !jd_name_ok(jd_text(task), JD_NAME_MAX) || !next || !ret))
        r = JOBD_E_INVAL;
    if (r < 0)
        return r;
    if (ex->conn->dead)
        return JOBD_E_CLOSED;
    if (ex->is_shut)
        return JOBD_E_STATE;
    jobd_map_iter *m = jd_zalloc(sizeof *m);
    if (!m)
        return JOBD_E_NOMEM;
    m->conn = ex->conn;
    jd_walk_init(&m->walk);
    r = jd_feed_init(&m->feed, next, arg);
    r = r ? r : set_up(m, &o);
    if (r < 0) {
        jobd_map_free(m);
        return r;
    }
    m->ex = jd_executor_ref(ex);
    m->submit.executor = ex->id;
    m->submit.task = keep(m->task, jd_text(task));
    *ret = m;
    return 0;
}
