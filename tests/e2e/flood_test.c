// Peers that send or ask for too much and read too little: the daemon's memory stays bounded, and
// nobody else waits for them.
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "support/client.h"
#include "support/daemon.h"
#include "support/raw_peer.h"

TestSuite(flood, .timeout = 120);

enum { BIG_BYTES = 1000000, ROUND_TRIPS = 20, MIB = 1 << 20 };

struct scene {
    struct test_daemon d;
    struct test_client honest;
    struct raw_peer p;
    uint64_t rss; // before anything happens
};

static void set_scene(struct scene *s, struct test_daemon_options options) {
    options.plugin = "evil";
    options.env = (const char *[]){test_asan_env(), NULL};
    test_daemon_start(&s->d, &options);
    test_client_open(&s->honest, &s->d);
    test_client_round_trip(&s->honest);
    test_daemon_wait_workers(s->honest.conn, s->d.options.workers);
    raw_open(&s->p, s->d.socket);
    cr_assert(raw_open_executor(&s->p));
    s->rss = proc_rss_bytes(s->d.pid);
}

static void end_scene(struct scene *s) {
    test_client_round_trip(&s->honest);
    cr_assert_eq(test_daemon_status(s->honest.conn, "worker_deaths"), 0);
    test_client_close(&s->honest);
    raw_close(&s->p);
    test_daemon_end(&s->d);
}

static void round_trips(struct scene *s) {
    for (int i = 0; i < ROUND_TRIPS; i++)
        test_client_round_trip(&s->honest);
}

// Sanitizers keep some of what was freed.
static void rss_is_below(struct scene *s, uint64_t grown) {
    uint64_t now = proc_rss_bytes(s->d.pid);
    cr_assert_lt(now, s->rss + grown * (test_under_asan() ? 3 : 1),
                 "the daemon has grown from %llu to %llu bytes", (unsigned long long)s->rss,
                 (unsigned long long)now);
}

// Packs n jobs with results of so many bytes.
static void pack_big(struct raw_peer *p, unsigned n, int64_t bytes) {
    jobd_bytes packed;
    jobd_args *a = jobd_args_new();
    jobd_args_array(a, 1);
    jobd_args_i64(a, bytes);
    cr_assert_eq(jobd_args_finish(a, &packed), 0);
    for (unsigned i = 0; i < n; i++) {
        struct jd_msg submit = raw_submit(p, i, "evil.big_result", packed);
        raw_pack(p, &submit);
    }
    jobd_args_free(a);
}

// None of its jobs is started any more, though some wait.
static bool is_paused(struct scene *s) {
    return test_daemon_status(s->honest.conn, "jobs_running") == 0 &&
           test_daemon_status(s->honest.conn, "jobs_queued") > 0;
}

Test(flood, C4_a_gigabyte_of_results_that_nobody_reads_is_not_held) {
    struct scene s;
    struct jd_msg msg;
    unsigned n = JD_MAX(test_storm(1000), 50u), n_done = 0;
    set_scene(&s, (struct test_daemon_options){.workers = 2});
    pack_big(&s.p, n, BIG_BYTES);
    cr_assert(raw_flush(&s.p));
    TEST_UNTIL(is_paused(&s));
    round_trips(&s); // its workers are free for others
    rss_is_below(&s, 16 * MIB);
    while (n_done < n) { // and nothing is lost when it reads after all
        cr_assert(raw_next(&s.p, &msg));
        if (msg.op != JD_OP_JOB_DONE || msg.shape != JD_EVENT)
            continue;
        cr_assert_eq(msg.u.job_done.state, JOBD_JOB_DONE);
        cr_assert_gt(msg.u.job_done.value.len, BIG_BYTES);
        n_done++;
        if (n_done % 50 == 0)
            rss_is_below(&s, 16 * MIB);
    }
    end_scene(&s);
}

Test(flood, C4_memory_comes_back_when_a_slow_reader_goes) {
    struct scene s;
    set_scene(&s, (struct test_daemon_options){.workers = 2});
    pack_big(&s.p, 100, BIG_BYTES);
    cr_assert(raw_flush(&s.p));
    TEST_UNTIL(is_paused(&s));
    raw_close(&s.p); // M16: much of it is still on its way
    TEST_UNTIL(test_daemon_status(s.honest.conn, "jobs_queued") == 0);
    TEST_UNTIL(test_daemon_status(s.honest.conn, "clients") == 1);
    round_trips(&s);
    rss_is_below(&s, 4 * MIB);
    end_scene(&s);
}

Test(flood, C4_64_MiB_of_unread_output_end_the_connection) {
    enum { HUGE_BYTES = 16000000, WORKERS = 6 }; // one each is 91 MiB
    struct scene s;
    set_scene(&s, (struct test_daemon_options){.workers = WORKERS, .config = "max_frame = 16M"});
    pack_big(&s.p, WORKERS, HUGE_BYTES);
    cr_assert(raw_flush(&s.p));
    TEST_UNTIL(test_daemon_status(s.honest.conn, "clients") == 1);
    test_daemon_wait_log(&s.d, "event=client.overflow", 1);
    round_trips(&s);
    rss_is_below(&s, 16 * MIB);
    end_scene(&s);
}

Test(flood, I14_a_million_requests_without_reading_an_answer) {
    enum { PINGS_A_WRITE = 1000, FRAME_BYTES = 9 };
    static const uint8_t ping[FRAME_BYTES] = {0, 0, 0, 5, 0x94, 0, 7, JD_OP_PING, 0x90};
    static uint8_t pings[PINGS_A_WRITE * FRAME_BYTES];
    struct scene s;
    struct jd_msg msg;
    size_t sent = 0, total = (size_t)JD_MAX(test_storm(1000000), 200000u) * FRAME_BYTES;
    int stalls = 0;
    set_scene(&s, (struct test_daemon_options){.workers = 1});
    for (size_t i = 0; i < PINGS_A_WRITE; i++)
        memcpy(pings + i * FRAME_BYTES, ping, FRAME_BYTES);
    // It is read no more when nothing fits, again and again, while others are served.
    while (stalls < 3) {
        size_t at = sent % sizeof pings;
        ssize_t n = raw_try_send(&s.p, pings + at, JD_MIN(sizeof pings - at, total - sent));
        cr_assert(n >= 0 && sent < total, "the daemon reads on for ever");
        sent += (size_t)n;
        stalls = n > 0 ? 0 : stalls + 1;
        if (n == 0)
            round_trips(&s);
    }
    rss_is_below(&s, 4 * MIB);
    for (size_t n_pongs = 0; n_pongs < total / FRAME_BYTES; n_pongs++) {
        size_t at = sent % sizeof pings;
        if (sent < total)
            sent += (size_t)raw_try_send(&s.p, pings + at, JD_MIN(sizeof pings - at, total - sent));
        cr_assert(raw_next(&s.p, &msg));
        cr_assert(msg.shape == JD_REPLY && msg.id == 7 && !msg.error);
    }
    end_scene(&s);
}

Test(flood, I14_a_hundred_thousand_jobs_in_one_go_keep_nobody_waiting) {
    struct scene s;
    struct jd_msg msg;
    unsigned n = test_storm(100000), n_done = 0, n_accepted = 0;
    set_scene(&s, (struct test_daemon_options){.workers = 2});
    for (unsigned i = 0; i < n; i++) {
        struct jd_msg submit = raw_submit(&s.p, i, "demo.square", (jobd_bytes){"\x91\x07", 2});
        raw_pack(&s.p, &submit);
    }
    jobd_bytes out = jd_buf_view(&s.p.out);
    for (size_t sent = 0; n_done < n;) {
        ssize_t r = raw_try_send(&s.p, (const char *)out.data + sent, out.len - sent);
        cr_assert_geq(r, 0);
        sent += (size_t)r;
        if (n_done % 1000 == 0)
            test_client_round_trip(&s.honest);
        cr_assert(raw_next(&s.p, &msg));
        n_accepted += msg.shape == JD_REPLY && !msg.error;
        n_done += msg.shape == JD_EVENT && msg.op == JD_OP_JOB_DONE;
        cr_assert_leq(n_done, n_accepted, "an outcome came before the job was accepted");
    }
    cr_assert_eq(n_accepted, n);
    end_scene(&s);
}
