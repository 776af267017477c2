#include "support/siege.h"

#include <criterion/criterion.h>

#include "support/fdcount.h"

enum { ROUND_TRIPS = 20, ASAN_KEEPS_BYTES = 16 << 20 };

void siege_begin(struct siege *s, struct test_daemon_options options) {
    *s = (struct siege){.env = {test_asan_env(), NULL}};
    options.plugin = "evil";
    options.env = s->env;
    test_daemon_start(&s->d, &options);
    test_client_open(&s->honest, &s->d);
    test_daemon_wait_workers(s->honest.conn, s->d.options.workers);
    test_client_round_trip(&s->honest);
    siege_remember(s);
}

void siege_end(struct siege *s) {
    test_client_round_trip(&s->honest);
    cr_assert_eq(test_daemon_status(s->honest.conn, "worker_deaths"), s->n_kills);
    test_client_close(&s->honest);
    test_daemon_end(&s->d);
}

void siege_remember(struct siege *s) {
    s->fds = fd_count(s->d.pid);
    s->rss = proc_rss_bytes(s->d.pid);
}

void siege_not_grown(struct siege *s, uint64_t bytes) {
    uint64_t now = proc_rss_bytes(s->d.pid);
    cr_assert_lt(now, s->rss + bytes + (test_under_asan() ? ASAN_KEEPS_BYTES : 0),
                 "the daemon has grown from %llu to %llu bytes", (unsigned long long)s->rss,
                 (unsigned long long)now);
}

void siege_alone(struct siege *s) {
    TEST_UNTIL(test_daemon_status(s->honest.conn, "clients") == 1);
    TEST_UNTIL(fd_count(s->d.pid) <= s->fds);
}

void siege_round_trips(struct siege *s) {
    for (int i = 0; i < ROUND_TRIPS; i++)
        test_client_round_trip(&s->honest);
}

void siege_cut_off(struct siege *s, bool open, const void *payload, size_t n, int error) {
    struct raw_peer p;
    if (open)
        raw_open(&p, s->d.socket);
    else
        raw_connect(&p, s->d.socket);
    raw_send_payload(&p, payload, n);
    raw_expect_bye(&p, error);
    raw_close(&p);
}
