#include <criterion/criterion.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "pack.h"
#include "rng.h"
#include "support/fake_daemon.h"

enum { ITEM_MAX = 100000 };

// A map over 0, 1, ... whose task doubles its argument, and the daemon that answers.
struct fixture {
    struct fake_daemon d;
    jobd_conn *conn;
    jobd_executor *ex;
    jobd_map_iter *map;
    jobd_map_options o;
    uint64_t n_items;   // there are
    uint64_t n_taken;   // by the map
    uint64_t n_given;   // back
    uint64_t most_out;  // of those taken and not given back
    uint64_t largest;   // chunk
    unsigned n_cancels; // that the daemon heard
    int end;            // what next returns at the end
    uint64_t fails_at;  // this item fails
    bool backwards;     // chunks that came together are done in turn from the last
};

static int next(void *arg, jobd_args *item) {
    struct fixture *x = arg;
    if (x->n_taken == x->n_items)
        return x->end;
    jobd_args_array(item, 1);
    jobd_args_u64(item, x->n_taken++);
    x->most_out = JD_MAX(x->most_out, x->n_taken - x->n_given);
    return 1;
}

static void begin_with(struct fixture *x, uint64_t n_items, jobd_item_fn fn) {
    x->n_items = n_items;
    x->o.struct_size = sizeof x->o;
    x->conn = fake_daemon_connect(&x->d, NULL);
    cr_assert_eq(jobd_executor_open(x->conn, NULL, &x->ex), 0);
    fake_daemon_pump(x->conn);
    fake_daemon_serve(&x->d);
    fake_daemon_pump(x->conn);
    cr_assert_eq(jobd_map(x->ex, "double", fn, x, &x->o, &x->map), 0);
    cr_assert_eq(x->n_taken, 0u, "the call itself takes none");
}

static void begin(struct fixture *x, uint64_t n_items) {
    begin_with(x, n_items, next);
}

static void end(struct fixture *x) {
    jobd_map_free(x->map);
    jobd_executor_free(x->ex);
    jobd_close(x->conn);
    fake_daemon_free(&x->d);
}

// ---- the daemon's part ----

struct submit {
    uint32_t request;
    uint64_t handle;
    uint64_t first;
    uint32_t n;
};

static struct submit read_submit(struct fixture *x, const struct jd_msg *msg) {
    struct submit s = {.request = msg->id, .handle = msg->u.submit.handle};
    jobd_reader r = jobd_reader_of(msg->u.submit.args);
    cr_assert_eq(jobd_read_array(&r, &s.n), 0);
    cr_assert_eq(s.n, msg->u.submit.chunk);
    for (uint32_t i = 0; i < s.n; i++) {
        uint32_t one;
        uint64_t item;
        jobd_read_array(&r, &one);
        jobd_read_u64(&r, &item);
        s.first = i == 0 ? item : s.first;
        cr_assert(r.err == 0 && one == 1 && item == s.first + i);
    }
    cr_assert_eq(r.pos, r.end);
    x->largest = JD_MAX(x->largest, s.n);
    return s;
}

// Accepts a chunk and ends it: with all its results, or those before the failing item.
static void answer(struct fixture *x, const struct submit *s) {
    struct jd_msg msg = {.shape = JD_EVENT, .op = JD_OP_JOB_DONE};
    struct jd_buf b;
    bool fails = x->fails_at >= s->first && x->fails_at < s->first + s->n;
    uint32_t n = fails ? (uint32_t)(x->fails_at - s->first) : s->n;
    jd_buf_init(&b, 1 << 24);
    msgpack_packer pk = jd_packer_of(&b);
    msgpack_pack_array(&pk, n);
    for (uint32_t i = 0; i < n; i++)
        msgpack_pack_uint64(&pk, 2 * (s->first + i));
    msg.u.job_done = (struct jd_job_done){.handle = s->handle,
                                          .state = fails ? JOBD_JOB_FAILED : JOBD_JOB_DONE,
                                          .pid = 71,
                                          .run_ns = s->n * 1000,
                                          .value = jd_buf_view(&b),
                                          .error = fails ? -JOBD_E_TASK : 0,
                                          .name = jd_text(fails ? "odd" : ""),
                                          .text = jd_text(fails ? "it cannot be doubled" : "")};
    fake_daemon_accept(&x->d, s->request, ++x->d.n_jobs);
    fake_daemon_send(&x->d, &msg);
    jd_buf_free(&b);
}

// Answers all that has come. False = the client said goodbye.
static bool serve(struct fixture *x) {
    struct submit came[64];
    struct jd_msg msg;
    size_t n = 0;
    while (fake_daemon_next(&x->d, &msg)) {
        if (msg.op == JD_OP_CANCEL) {
            x->n_cancels++;
            continue;
        }
        if (msg.op == JD_OP_BYE)
            return false;
        if (msg.op == JD_OP_EXECUTOR_CLOSE)
            continue;
        cr_assert_eq(msg.op, JD_OP_SUBMIT);
        cr_assert_lt(n, JD_LEN(came));
        came[n++] = read_submit(x, &msg);
    }
    for (size_t i = 0; i < n; i++)
        answer(x, &came[x->backwards ? n - 1 - i : i]);
    return true;
}

// For maps that have nothing out when they wait: a daemon that answers at any time.
static void *serve_always(void *arg) {
    struct fixture *x = arg;
    struct pollfd p = {.fd = x->d.fd, .events = POLLIN};
    while (serve(x))
        poll(&p, 1, -1);
    return NULL;
}

// The answer to the first chunk, before the map sends it: request 1, handle 0.
static void serve_first(struct fixture *x, uint32_t n) {
    answer(x, &(struct submit){.request = 1, .n = n});
}

// The next result, with all answered that the map has asked by then.
static int step(struct fixture *x, uint64_t *ret_index) {
    jobd_bytes value = {0};
    uint64_t got = 0;
    int r = jobd_map_next(x->map, &value, ret_index);
    if (r == 1) {
        jobd_reader reader = jobd_reader_of(value);
        cr_assert_eq(jobd_read_u64(&reader, &got), 0);
        cr_assert_eq(reader.pos, reader.end);
        cr_assert_eq(got, 2 * *ret_index);
        x->n_given++;
    }
    while (jobd_conn_flush(x->conn, 0) == JOBD_E_TIMEOUT)
        serve(x); // a socket may hold less than a chunk
    serve(x);
    return r;
}

// Takes the answer to the first chunk out of the submits that follow: it was given before.
static int first_step(struct fixture *x, uint32_t n, uint64_t *ret_index) {
    struct jd_msg msg;
    jobd_bytes value;
    serve_first(x, n);
    int r = jobd_map_next(x->map, &value, ret_index);
    x->n_given += r == 1;
    jobd_conn_flush(x->conn, 0);
    cr_assert(fake_daemon_next(&x->d, &msg) && msg.op == JD_OP_SUBMIT);
    cr_assert_eq(read_submit(x, &msg).n, n);
    serve(x);
    return r;
}

static void expect_all_in_order(struct fixture *x, uint32_t n_first) {
    uint64_t index;
    cr_assert_eq(first_step(x, n_first, &index), 1);
    cr_assert_eq(index, 0u);
    for (uint64_t i = 1; i < x->n_items; i++) {
        cr_assert_eq(step(x, &index), 1);
        cr_assert_eq(index, i);
    }
    cr_assert_eq(step(x, &index), 0);
    cr_assert_eq(step(x, &index), 0, "and again");
    cr_assert_eq(jobd_map_error(x->map, &(jobd_error){0}, NULL), 0);
}

// ---- tests ----

Test(client_map, results_come_in_the_order_of_the_items) {
    struct fixture x = {.fails_at = UINT64_MAX, .backwards = true};
    begin(&x, ITEM_MAX);
    expect_all_in_order(&x, 1);
    cr_assert_gt(x.largest, 1000u, "chunks grow with what was measured");
    end(&x);
}

Test(client_map, unordered_results_come_as_they_are_done) {
    struct fixture x = {.fails_at = UINT64_MAX, .backwards = true};
    x.o = (jobd_map_options){.unordered = true, .chunk = 2, .window = 12};
    begin(&x, 100);
    bool seen[100] = {false};
    uint64_t index, n_turned = 0, last = 0;
    for (uint64_t i = 0; i < x.n_items; i++, last = index) {
        cr_assert_eq(i == 0 ? first_step(&x, 2, &index) : step(&x, &index), 1);
        cr_assert_lt(index, x.n_items);
        cr_assert_not(seen[index]);
        seen[index] = true;
        n_turned += index < last;
    }
    cr_assert_gt(n_turned, 2u);
    cr_assert_eq(step(&x, &index), 0);
    end(&x);
}

Test(client_map, no_more_than_the_window_is_out) {
    static const struct {
        size_t chunk, window, largest;
    } cases[] = {{0, 1, 1}, {0, 10, 1}, {3, 10, 3}, {20, 10, 10}, {4, 4, 4}};
    for (size_t i = 0; i < JD_LEN(cases); i++) {
        struct fixture x = {.fails_at = UINT64_MAX};
        pthread_t daemon;
        uint64_t index = 99;
        x.o = (jobd_map_options){.chunk = cases[i].chunk, .window = cases[i].window};
        begin(&x, 500);
        cr_assert_eq(pthread_create(&daemon, NULL, serve_always, &x), 0);
        while (jobd_map_next(x.map, NULL, &index) == 1)
            cr_assert_eq(index, x.n_given++);
        cr_assert_eq(x.n_given, 500u);
        cr_expect_leq(x.most_out, cases[i].window);
        jobd_map_free(x.map);
        jobd_executor_free(x.ex);
        jobd_close(x.conn);
        pthread_join(daemon, NULL);
        fake_daemon_free(&x.d);
        cr_expect_eq(x.largest, cases[i].largest);
    }
}

Test(client_map, nothing_to_do) {
    struct fixture x = {.fails_at = UINT64_MAX};
    begin(&x, 0);
    cr_assert_eq(jobd_map_next(x.map, NULL, NULL), 0);
    cr_assert_eq(jobd_map_next(x.map, NULL, NULL), 0);
    end(&x);
}

Test(client_map, results_before_a_failing_item_come_first) {
    for (unsigned unordered = 0; unordered <= 1; unordered++) {
        struct fixture x = {.fails_at = 6};
        jobd_error error = {0};
        uint64_t index = 0, failed = 0;
        x.o = (jobd_map_options){.chunk = 4, .unordered = unordered};
        begin(&x, 1000);
        cr_assert_eq(first_step(&x, 4, &index), 1);
        for (uint64_t i = 1; i < 6; i++) {
            cr_assert_eq(step(&x, &index), 1);
            cr_assert_eq(index, i);
        }
        cr_assert_eq(jobd_map_error(x.map, &error, &failed), 0);
        cr_assert_eq(step(&x, &index), JOBD_E_TASK);
        cr_assert_eq(jobd_map_error(x.map, &error, &failed), 1);
        cr_assert_eq(error.code, JOBD_E_TASK);
        cr_assert_str_eq(error.name, "odd");
        cr_assert_str_eq(error.message, "it cannot be doubled");
        cr_assert_eq(failed, 6u);
        cr_assert_eq(step(&x, &index), 0, "the map is over");
        end(&x);
    }
}

Test(client_map, the_rest_is_cancelled) {
    struct fixture x = {.fails_at = 0};
    x.o = (jobd_map_options){.chunk = 1};
    uint64_t index;
    begin(&x, 1000);
    serve_first(&x, 1);
    cr_assert_eq(jobd_map_next(x.map, &(jobd_bytes){0}, &index), JOBD_E_TASK);
    jobd_conn_flush(x.conn, 0);
    fake_daemon_expect(&x.d, JD_OP_SUBMIT);
    serve(&x);
    cr_assert_eq(x.n_cancels, x.n_taken - 1);
    end(&x);
}

Test(client_map, freeing_cancels_what_is_out) {
    struct fixture x = {.fails_at = UINT64_MAX};
    x.o = (jobd_map_options){.chunk = 1};
    uint64_t index;
    begin(&x, 1000);
    serve_first(&x, 1);
    cr_assert_eq(jobd_map_next(x.map, &(jobd_bytes){0}, &index), 1);
    jobd_map_free(x.map);
    x.map = NULL;
    jobd_conn_flush(x.conn, 0);
    fake_daemon_expect(&x.d, JD_OP_SUBMIT);
    serve(&x);
    cr_assert_eq(x.n_cancels, x.n_taken - 1);
    jobd_map_free(NULL);
    end(&x);
}

Test(client_map, the_program_may_stop_it) {
    struct fixture x = {.fails_at = UINT64_MAX, .end = -777};
    x.o = (jobd_map_options){.chunk = 2};
    jobd_error error = {0};
    uint64_t index = 0;
    begin(&x, 5);
    cr_assert_eq(first_step(&x, 2, &index), 1);
    for (uint64_t i = 1; i < 5; i++)
        cr_assert_eq(step(&x, &index), 1);
    cr_assert_eq(step(&x, &index), -777);
    cr_assert_eq(jobd_map_error(x.map, &error, &index), 1);
    cr_assert(error.code == -777 && index == 5);
    cr_assert_eq(step(&x, &index), 0);
    end(&x);
}

static int next_bad(void *arg, jobd_args *item) {
    struct fixture *x = arg;
    static char big[2 << 20];
    switch (x->n_items) {
    case 0: // nothing at all
        return 1;
    case 1: // no array
        jobd_args_i64(item, 1);
        return 1;
    case 2: // two arrays
        jobd_args_array(item, 0);
        jobd_args_array(item, 0);
        return 1;
    case 3: // half an array
        jobd_args_array(item, 2);
        jobd_args_i64(item, 1);
        return 1;
    default: // more than a message takes
        jobd_args_array(item, 1);
        jobd_args_bin(item, (jobd_bytes){big, sizeof big});
        return 1;
    }
}

Test(client_map, bad_items_end_it) {
    static const int codes[] = {JOBD_E_INVAL, JOBD_E_INVAL, JOBD_E_INVAL, JOBD_E_STATE,
                                JOBD_E_MSGSIZE};
    for (size_t i = 0; i < JD_LEN(codes); i++) {
        struct fixture x = {.fails_at = UINT64_MAX};
        jobd_error error = {0};
        uint64_t index = 99;
        begin_with(&x, i, next_bad);
        cr_expect_eq(jobd_map_next(x.map, NULL, NULL), codes[i], "case %zu", i);
        cr_expect_eq(jobd_map_error(x.map, &error, &index), 1);
        cr_expect(error.code == codes[i] && index == 0);
        end(&x);
    }
}

// 200 KiB each, and 1 MiB in a message: chunks are cut where the next item would not fit.
static int next_large(void *arg, jobd_args *item) {
    static char large[200 << 10];
    struct fixture *x = arg;
    if (x->n_taken == x->n_items)
        return 0;
    memset(large, (int)x->n_taken++, sizeof large);
    jobd_args_array(item, 1);
    jobd_args_bin(item, (jobd_bytes){large, sizeof large});
    return 1;
}

Test(client_map, chunks_end_where_a_message_does) {
    struct fixture x = {.fails_at = UINT64_MAX};
    x.o = (jobd_map_options){.chunk = 7, .timeout_ms = 1};
    uint32_t sizes[8];
    size_t n = 0;
    unsigned char item = 0;
    begin_with(&x, 12, next_large);
    cr_assert_eq(jobd_map_next(x.map, NULL, NULL), JOBD_E_TIMEOUT);
    for (struct jd_msg msg; item < 12; n++) {
        while (!fake_daemon_next(&x.d, &msg)) // a socket holds less than a chunk
            jobd_conn_flush(x.conn, 0);
        cr_assert(msg.op == JD_OP_SUBMIT && n < JD_LEN(sizes));
        jobd_reader r = jobd_reader_of(msg.u.submit.args);
        cr_assert_eq(jobd_read_array(&r, &sizes[n]), 0);
        cr_assert_eq(sizes[n], msg.u.submit.chunk);
        for (uint32_t i = 0; i < sizes[n]; i++) {
            uint32_t one;
            jobd_bytes bytes = {0};
            jobd_read_array(&r, &one);
            jobd_read_bin(&r, &bytes);
            cr_assert(r.err == 0 && bytes.len == 200 << 10);
            cr_assert_eq(*(const unsigned char *)bytes.data, item++);
        }
    }
    cr_assert(n == 3 && sizes[0] == 5 && sizes[1] == 5 && sizes[2] == 2, "%zu chunks", n);
    end(&x);
}

Test(client_map, the_time_is_for_the_whole_map) {
    struct fixture x = {.fails_at = UINT64_MAX};
    x.o = (jobd_map_options){.chunk = 1, .timeout_ms = 1};
    jobd_error error = {0};
    begin(&x, 100);
    cr_assert_eq(jobd_map_next(x.map, NULL, NULL), JOBD_E_TIMEOUT);
    cr_assert_eq(jobd_map_error(x.map, &error, NULL), 1);
    cr_assert_eq(error.code, JOBD_E_TIMEOUT);
    cr_assert_eq(jobd_map_next(x.map, NULL, NULL), 0);
    end(&x);
}

Test(client_map, a_broken_connection_ends_it) {
    struct fixture x = {.fails_at = UINT64_MAX};
    jobd_error error = {0};
    begin(&x, 100);
    fake_daemon_hang_up(&x.d);
    cr_assert_eq(jobd_map_next(x.map, NULL, NULL), JOBD_E_CLOSED);
    cr_assert_eq(jobd_map_error(x.map, &error, NULL), 1);
    cr_assert_eq(error.code, JOBD_E_CLOSED);
    cr_assert_eq(jobd_map_next(x.map, NULL, NULL), 0);
    cr_assert_eq(jobd_map(x.ex, "double", next, &x, NULL, &(jobd_map_iter *){0}), JOBD_E_CLOSED);
    end(&x);
}

// The daemon looks into no results: what a worker makes of them is checked here.
Test(client_map, results_that_are_none_are_refused) {
    static const struct {
        const char *value;
        unsigned n_good;
    } cases[] = {{"", 0},         {"\xc0", 0},        {"\x91\x00", 1}, {"\x93\x00\x02\x04", 0},
                 {"\x92\x00", 0}, {"\x92\x00\xc1", 1}};
    for (size_t i = 0; i < JD_LEN(cases); i++) {
        struct fixture x = {.fails_at = UINT64_MAX};
        x.o = (jobd_map_options){.chunk = 2};
        unsigned n_good = 0;
        int r;
        begin(&x, 2);
        size_t len = i == 2 || i == 4 ? 2 : i == 5 ? 3 : i == 3 ? 4 : strlen(cases[i].value);
        struct jd_msg msg = {.shape = JD_EVENT, .op = JD_OP_JOB_DONE};
        msg.u.job_done =
            (struct jd_job_done){.state = JOBD_JOB_DONE, .pid = 71, .value = {cases[i].value, len}};
        fake_daemon_accept(&x.d, 1, 1);
        fake_daemon_send(&x.d, &msg);
        while ((r = jobd_map_next(x.map, NULL, NULL)) == 1)
            n_good++;
        cr_expect_eq(r, JOBD_E_PROTO, "case %zu: %d", i, r);
        cr_expect_eq(n_good, cases[i].n_good, "case %zu", i);
        end(&x);
    }
}

static void look_in_callback(jobd_future *f, void *arg) {
    struct fixture *x = arg;
    (void)f;
    cr_assert_eq(jobd_map_next(x->map, NULL, NULL), JOBD_E_DEADLK);
    cr_assert_eq(jobd_map_next(x->map, NULL, NULL), JOBD_E_DEADLK);
    x->end = 1;
}

Test(client_map, a_callback_does_not_wait) {
    struct fixture x = {.fails_at = UINT64_MAX};
    jobd_future *f;
    begin(&x, 3);
    cr_assert_eq(jobd_submit(x.ex, "task", (jobd_bytes){0}, NULL, &f), 0);
    cr_assert_eq(jobd_future_add_done_callback(f, look_in_callback, &x), 0);
    fake_daemon_accept(&x.d, 1, 1);
    fake_daemon_done(&x.d, 0, "");
    fake_daemon_pump(x.conn);
    cr_assert_eq(x.end, 1);
    jobd_future_unref(f);
    end(&x);
}

Test(client_map, bad_options_are_refused) {
    struct fixture x = {.fails_at = UINT64_MAX};
    const jobd_submit_options key = {JOBD_OPTIONS(jobd_submit_options), .key = "k"};
    const jobd_submit_options detached = {JOBD_OPTIONS(jobd_submit_options), .detached = true};
    const jobd_submit_options late = {JOBD_OPTIONS(jobd_submit_options), .delay_ms = -1};
    const jobd_map_options bad[] = {
        {JOBD_OPTIONS(jobd_map_options), .chunk = JD_CHUNK_MAX + 1},
        {JOBD_OPTIONS(jobd_map_options), .submit = &key},
        {JOBD_OPTIONS(jobd_map_options), .submit = &detached},
        {JOBD_OPTIONS(jobd_map_options), .submit = &late},
        {.struct_size = 0, .chunk = 1},
    };
    jobd_map_iter *map;
    begin(&x, 1);
    for (size_t i = 0; i < JD_LEN(bad); i++)
        cr_expect_eq(jobd_map(x.ex, "double", next, &x, &bad[i], &map), JOBD_E_INVAL, "%zu", i);
    cr_expect_eq(jobd_map(NULL, "double", next, &x, NULL, &map), JOBD_E_INVAL);
    cr_expect_eq(jobd_map(x.ex, "no name", next, &x, NULL, &map), JOBD_E_INVAL);
    cr_expect_eq(jobd_map(x.ex, "double", NULL, &x, NULL, &map), JOBD_E_INVAL);
    cr_expect_eq(jobd_executor_shutdown(x.ex, 0, 0), 1);
    cr_expect_eq(jobd_map(x.ex, "double", next, &x, NULL, &map), JOBD_E_STATE);
    cr_expect_eq(jobd_map_next(x.map, NULL, NULL), JOBD_E_STATE);
    end(&x);
}

Test(client_map, options_of_the_submits_go_with_every_chunk) {
    char label[] = "nightly";
    jobd_submit_options submit = {JOBD_OPTIONS(jobd_submit_options), .label = label,
                                  .priority = -3};
    struct fixture x = {.fails_at = UINT64_MAX};
    x.o = (jobd_map_options){.chunk = 1, .submit = &submit, .timeout_ms = 1};
    begin(&x, 3);
    memset(label, 'x', sizeof label - 1); // the map has its own
    cr_assert_eq(jobd_map_next(x.map, NULL, NULL), JOBD_E_TIMEOUT);
    for (int i = 0; i < 3; i++) {
        struct jd_msg msg = fake_daemon_expect(&x.d, JD_OP_SUBMIT);
        cr_assert_eq(msg.u.submit.priority, -3);
        cr_assert_eq(msg.u.submit.label.len, 7u);
        cr_assert_arr_eq(msg.u.submit.label.data, "nightly", 7);
    }
    end(&x);
}

// Whichever allocation fails: the map ends with JOBD_E_NOMEM, or gives all results.
Test(client_map, out_of_memory) {
    bool failed = true;
    for (unsigned long n = 1; failed; n++) {
        struct fixture x = {.fails_at = UINT64_MAX};
        jobd_map_iter *map = NULL;
        failed = false;
        x.o = (jobd_map_options){.chunk = 60};
        begin(&x, 100);
        serve_first(&x, 60);
        jd_mem_fail_nth(n);
        int r = jobd_map(x.ex, "double", next, &x, &x.o, &map);
        uint64_t got = 0;
        while (r == 0 && got < 60 && (r = jobd_map_next(map, NULL, NULL)) == 1) {
            got++;
            r = 0;
        }
        jd_mem_fail_nth(0);
        failed = got < 60;
        cr_assert(!failed || r == JOBD_E_NOMEM || r == JOBD_E_CLOSED || r == JOBD_E_PROTO, "%d", r);
        jobd_map_free(map);
        end(&x);
        cr_assert_lt(n, 200ul);
    }
}
