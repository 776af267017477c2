// Coming and going in great numbers: afterwards the daemon is what it was before.
#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "support/siege.h"

TestSuite(churn, .timeout = 120);

enum { MIB = 1 << 20 };

static void come_and_go(struct siege *s, unsigned n, bool say_hello) {
    struct raw_peer p;
    for (unsigned i = 0; i < n; i++) {
        if (say_hello)
            raw_open(&p, s->d.socket);
        else
            raw_connect(&p, s->d.socket);
        raw_close(&p);
    }
}

Test(churn, C12_ten_thousand_connections_leave_nothing) {
    struct siege s;
    unsigned n = test_storm(10000);
    siege_begin(&s, (struct test_daemon_options){.workers = 1});
    come_and_go(&s, n / 10 + 1, true); // what is kept for ever is there now
    TEST_UNTIL(test_daemon_status(s.honest.conn, "clients") == 1);
    siege_remember(&s);
    come_and_go(&s, n, true);
    siege_alone(&s);
    siege_not_grown(&s, MIB);
    come_and_go(&s, n, false);
    siege_alone(&s);
    siege_not_grown(&s, MIB);
    siege_end(&s);
}

Test(churn, C12_clients_that_go_with_jobs_under_way_leave_nothing) {
    struct siege s;
    struct raw_peer p;
    unsigned n = test_storm(5000);
    siege_begin(&s, (struct test_daemon_options){.workers = 2});
    for (unsigned i = 0; i < n; i++) {
        if (i == n / 5)
            siege_remember(&s);
        raw_open(&p, s.d.socket);
        raw_pack_executor(&p);
        for (uint64_t handle = 0; handle < 5; handle++) {
            struct jd_msg submit =
                raw_submit(&p, handle, "demo.square", (jobd_bytes){"\x91\x07", 2});
            raw_pack(&p, &submit);
        }
        cr_assert(raw_flush(&p));
        raw_close(&p);
    }
    siege_alone(&s);
    siege_not_grown(&s, MIB);
    cr_assert_eq(test_daemon_status(s.honest.conn, "jobs_queued"), 0);
    siege_end(&s);
}

// As many descriptors as we may have; returns how many.
static unsigned raise_files(void) {
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    return (unsigned)JD_MIN(files.rlim_cur, (rlim_t)INT32_MAX);
}

Test(churn, C11_thousands_of_idle_clients_cost_little) {
    enum { CLIENT_BYTES = 1024, MOST = 9990, FDS_SPARED = 100 }; // a daemon takes 10,000
    struct siege s;
    unsigned n = JD_MIN(JD_MIN(test_storm(10000), MOST), raise_files() - FDS_SPARED);
    struct raw_peer *peers = calloc(n, sizeof *peers);
    cr_assert(peers);
    siege_begin(&s, (struct test_daemon_options){.workers = 1});
    for (unsigned i = 0; i < n; i++) {
        raw_open(&peers[i], s.d.socket);
        jd_buf_free(&peers[i].in);
    }
    cr_assert_eq(test_daemon_status(s.honest.conn, "clients"), n + 1);
    siege_round_trips(&s);
    if (!test_under_asan())
        siege_not_grown(&s, (uint64_t)n * CLIENT_BYTES);
    for (unsigned i = 0; i < n; i++)
        raw_close(&peers[i]);
    free(peers);
    siege_alone(&s);
    siege_end(&s);
}

// M17: their ends come in one piece, as one signal or one turn of the loop.
Test(churn, M17_all_workers_die_at_once_and_again) {
    enum { ROUNDS = 3, WORKERS_MAX = 200 };
    struct siege s;
    unsigned n = JD_MAX(test_storm(WORKERS_MAX), 10u);
    uint64_t pids[WORKERS_MAX];
    jobd_future *jobs[WORKERS_MAX];
    char gate[96];
    siege_begin(&s, (struct test_daemon_options){.workers = n});
    tmpdir_join(&s.d.dir, "gate", gate, sizeof gate);
    for (int round = 0; round < ROUNDS; round++) {
        test_daemon_wait_workers(s.honest.conn, n);
        for (unsigned i = 0; i < n; i++)
            jobs[i] = test_client_submit(&s.honest, "demo.until", "s", gate);
        for (unsigned i = 0; i < n; i++)
            test_client_wait_running(&s.honest, jobs[i]);
        cr_assert_eq(test_daemon_workers(s.honest.conn, "pid", pids, n), n);
        kill(s.d.pid, SIGSTOP);
        for (unsigned i = 0; i < n; i++)
            kill((pid_t)pids[i], SIGKILL);
        kill(s.d.pid, SIGCONT);
        for (unsigned i = 0; i < n; i++)
            test_client_take_error(jobs[i], JOBD_E_WORKER_DIED);
    }
    test_daemon_wait_workers(s.honest.conn, n);
    s.n_kills = ROUNDS * n;
    siege_alone(&s);
    siege_not_grown(&s, 2 * MIB);
    siege_end(&s);
}
