// Peers that send or ask for too much and read too little: the daemon's memory stays bounded, and
// nobody else waits for them.
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "support/siege.h"

TestSuite(flood, .timeout = 120);

enum { BIG_BYTES = 1000000, MIB = 1 << 20 };

// One peer with an executor, beside the honest client.
static void begin(struct siege *s, struct raw_peer *p, struct test_daemon_options options) {
    siege_begin(s, options);
    raw_open(p, s->d.socket);
    cr_assert(raw_open_executor(p));
    siege_remember(s);
}

static void end(struct siege *s, struct raw_peer *p) {
    raw_close(p);
    siege_end(s);
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
static bool is_paused(struct siege *s) {
    return test_daemon_status(s->honest.conn, "jobs_running") == 0 &&
           test_daemon_status(s->honest.conn, "jobs_queued") > 0;
}

Test(flood, C4_a_gigabyte_of_results_that_nobody_reads_is_not_held) {
    struct siege s;
    struct raw_peer p;
    struct jd_msg msg;
    unsigned n = JD_MAX(test_storm(1000), 50u), n_done = 0;
    begin(&s, &p, (struct test_daemon_options){.workers = 2});
    pack_big(&p, n, BIG_BYTES);
    cr_assert(raw_flush(&p));
    TEST_UNTIL(is_paused(&s));
    siege_round_trips(&s); // its workers are free for others
    siege_not_grown(&s, 12 * MIB);
    while (n_done < n) { // and nothing is lost when it reads after all
        cr_assert(raw_next(&p, &msg));
        if (msg.op != JD_OP_JOB_DONE || msg.shape != JD_EVENT)
            continue;
        cr_assert_eq(msg.u.job_done.state, JOBD_JOB_DONE);
        cr_assert_gt(msg.u.job_done.value.len, BIG_BYTES);
        n_done++;
        if (n_done % 50 == 0)
            siege_not_grown(&s, 12 * MIB);
    }
    end(&s, &p);
}

Test(flood, C4_memory_comes_back_when_a_slow_reader_goes) {
    struct siege s;
    struct raw_peer p;
    begin(&s, &p, (struct test_daemon_options){.workers = 2});
    pack_big(&p, 100, BIG_BYTES);
    cr_assert(raw_flush(&p));
    TEST_UNTIL(is_paused(&s));
    raw_close(&p); // M16: much of it is still on its way
    TEST_UNTIL(test_daemon_status(s.honest.conn, "jobs_queued") == 0);
    siege_alone(&s);
    siege_round_trips(&s);
    siege_not_grown(&s, 4 * MIB);
    end(&s, &p);
}

Test(flood, C4_64_MiB_of_unread_output_end_the_connection) {
    enum { HUGE_BYTES = 16000000, WORKERS = 6 }; // one each is 91 MiB
    struct siege s;
    struct raw_peer p;
    begin(&s, &p, (struct test_daemon_options){.workers = WORKERS, .config = "max_frame = 16M"});
    pack_big(&p, WORKERS, HUGE_BYTES);
    cr_assert(raw_flush(&p));
    TEST_UNTIL(test_daemon_status(s.honest.conn, "clients") == 1);
    test_daemon_wait_log(&s.d, "event=client.overflow", 1);
    TEST_UNTIL(test_daemon_status(s.honest.conn, "jobs") == 0); // a late result is 15 MiB, too
    siege_round_trips(&s);
    siege_not_grown(&s, 12 * MIB);
    end(&s, &p);
}

Test(flood, I14_a_million_requests_without_reading_an_answer) {
    enum { PINGS_A_WRITE = 1000, FRAME_BYTES = 9 };
    static const uint8_t ping[FRAME_BYTES] = {0, 0, 0, 5, 0x94, 0, 7, JD_OP_PING, 0x90};
    static uint8_t pings[PINGS_A_WRITE * FRAME_BYTES];
    struct siege s;
    struct raw_peer p;
    struct jd_msg msg;
    size_t sent = 0, total = (size_t)JD_MAX(test_storm(1000000), 200000u) * FRAME_BYTES;
    int stalls = 0;
    begin(&s, &p, (struct test_daemon_options){.workers = 1});
    for (size_t i = 0; i < PINGS_A_WRITE; i++)
        memcpy(pings + i * FRAME_BYTES, ping, FRAME_BYTES);
    // It is read no more when nothing fits, again and again, while others are served.
    while (stalls < 3) {
        size_t at = sent % sizeof pings;
        ssize_t n = raw_try_send(&p, pings + at, JD_MIN(sizeof pings - at, total - sent));
        cr_assert(n >= 0 && sent < total, "the daemon reads on for ever");
        sent += (size_t)n;
        stalls = n > 0 ? 0 : stalls + 1;
        if (n == 0)
            siege_round_trips(&s);
    }
    siege_not_grown(&s, 4 * MIB);
    for (size_t n_pongs = 0; n_pongs < total / FRAME_BYTES; n_pongs++) {
        size_t at = sent % sizeof pings;
        if (sent < total)
            sent += (size_t)raw_try_send(&p, pings + at, JD_MIN(sizeof pings - at, total - sent));
        cr_assert(raw_next(&p, &msg));
        cr_assert(msg.shape == JD_REPLY && msg.id == 7 && !msg.error);
    }
    end(&s, &p);
}

Test(flood, I14_a_hundred_thousand_jobs_in_one_go_keep_nobody_waiting) {
    struct siege s;
    struct raw_peer p;
    struct jd_msg msg;
    unsigned n = test_storm(100000), n_done = 0, n_accepted = 0;
    begin(&s, &p, (struct test_daemon_options){.workers = 2});
    for (unsigned i = 0; i < n; i++) {
        struct jd_msg submit = raw_submit(&p, i, "demo.square", (jobd_bytes){"\x91\x07", 2});
        raw_pack(&p, &submit);
    }
    jobd_bytes out = jd_buf_view(&p.out);
    for (size_t sent = 0; n_done < n;) {
        ssize_t r = raw_try_send(&p, (const char *)out.data + sent, out.len - sent);
        cr_assert_geq(r, 0);
        sent += (size_t)r;
        if (n_done % 1000 == 0)
            test_client_round_trip(&s.honest);
        cr_assert(raw_next(&p, &msg));
        n_accepted += msg.shape == JD_REPLY && !msg.error;
        n_done += msg.shape == JD_EVENT && msg.op == JD_OP_JOB_DONE;
        cr_assert_leq(n_done, n_accepted, "an outcome came before the job was accepted");
    }
    cr_assert_eq(n_accepted, n);
    end(&s, &p);
}
