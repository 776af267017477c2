// Coming and going in great numbers: afterwards the daemon is what it was before.
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "support/client.h"
#include "support/daemon.h"
#include "support/fdcount.h"
#include "support/raw_peer.h"

TestSuite(churn, .timeout = 120);

enum { MIB = 1 << 20 };

struct scene {
    struct test_daemon d;
    struct test_client honest;
    size_t fds;
    uint64_t rss;
};

static void remember(struct scene *s) {
    s->fds = fd_count(s->d.pid);
    s->rss = proc_rss_bytes(s->d.pid);
}

static void set_scene(struct scene *s, unsigned workers) {
    test_daemon_start(
        &s->d, &(struct test_daemon_options){.workers = workers,
                                             .plugin = "evil",
                                             .env = (const char *[]){test_asan_env(), NULL}});
    test_client_open(&s->honest, &s->d);
    test_daemon_wait_workers(s->honest.conn, workers);
    test_client_round_trip(&s->honest);
}

static void is_as_before(struct scene *s, uint64_t slack) {
    TEST_UNTIL(test_daemon_status(s->honest.conn, "clients") == 1);
    test_client_round_trip(&s->honest);
    TEST_UNTIL(fd_count(s->d.pid) <= s->fds);
    uint64_t rss = proc_rss_bytes(s->d.pid);
    cr_assert_lt(rss, s->rss + slack * (test_under_asan() ? 8 : 1),
                 "the daemon has grown from %llu to %llu bytes", (unsigned long long)s->rss,
                 (unsigned long long)rss);
}

static void end_scene(struct scene *s) {
    test_client_close(&s->honest);
    test_daemon_end(&s->d);
}

static void come_and_go(struct scene *s, unsigned n, bool say_hello) {
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
    struct scene s;
    unsigned n = test_storm(10000);
    set_scene(&s, 1);
    come_and_go(&s, n / 10 + 1, true); // what is kept for ever is there now
    TEST_UNTIL(test_daemon_status(s.honest.conn, "clients") == 1);
    remember(&s);
    come_and_go(&s, n, true);
    is_as_before(&s, MIB);
    come_and_go(&s, n, false);
    is_as_before(&s, MIB);
    end_scene(&s);
}

Test(churn, C12_clients_that_go_with_jobs_under_way_leave_nothing) {
    struct scene s;
    struct raw_peer p;
    unsigned n = test_storm(5000);
    set_scene(&s, 2);
    for (unsigned i = 0; i < n; i++) {
        if (i == n / 5)
            remember(&s);
        raw_open(&p, s.d.socket);
        cr_assert(raw_open_executor(&p));
        for (uint64_t handle = 0; handle < 5; handle++) {
            struct jd_msg submit =
                raw_submit(&p, handle, "demo.square", (jobd_bytes){"\x91\x07", 2});
            raw_pack(&p, &submit);
        }
        cr_assert(raw_flush(&p));
        raw_close(&p);
    }
    is_as_before(&s, MIB);
    cr_assert_eq(test_daemon_status(s.honest.conn, "jobs_queued"), 0);
    cr_assert_eq(test_daemon_status(s.honest.conn, "worker_deaths"), 0);
    end_scene(&s);
}

// C11: what an idle client costs.
Test(churn, C11_thousands_of_idle_clients_cost_little) {
    enum { CLIENT_BYTES = 1536, FDS_SPARED = 100 };
    struct scene s;
    struct rlimit files;
    unsigned n = test_storm(10000);
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    n = (unsigned)JD_MIN((rlim_t)n, files.rlim_cur - FDS_SPARED);
    struct raw_peer *peers = calloc(n, sizeof *peers);
    cr_assert(peers);
    set_scene(&s, 1);
    n = (unsigned)JD_MIN((rlim_t)n, 9990u);
    remember(&s);
    for (unsigned i = 0; i < n; i++) {
        raw_open(&peers[i], s.d.socket);
        jd_buf_free(&peers[i].in);
        jd_buf_free(&peers[i].out);
    }
    cr_assert_eq(test_daemon_status(s.honest.conn, "clients"), n + 1);
    for (int i = 0; i < 20; i++)
        test_client_round_trip(&s.honest);
    if (!test_under_asan()) {
        uint64_t each = (proc_rss_bytes(s.d.pid) - s.rss) / n;
        cr_assert_lt(each, CLIENT_BYTES, "an idle client costs %llu bytes",
                     (unsigned long long)each);
    }
    for (unsigned i = 0; i < n; i++)
        raw_close(&peers[i]);
    free(peers);
    TEST_UNTIL(test_daemon_status(s.honest.conn, "clients") == 1);
    end_scene(&s);
}

// M17: their ends come in one piece, as one signal or one turn of the loop.
Test(churn, M17_all_workers_die_at_once_and_again) {
    enum { ROUNDS = 3, WORKERS_MAX = 200 };
    struct scene s;
    unsigned n = JD_MAX(test_storm(WORKERS_MAX), 10u);
    uint64_t pids[WORKERS_MAX];
    jobd_future *jobs[WORKERS_MAX];
    char gate[96];
    set_scene(&s, n);
    remember(&s);
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
    cr_assert_eq(test_daemon_status(s.honest.conn, "worker_deaths"), ROUNDS * n);
    is_as_before(&s, 2 * MIB);
    end_scene(&s);
}
