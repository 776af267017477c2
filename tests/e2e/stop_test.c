#include <criterion/criterion.h>
#include <signal.h>

#include "support/client.h"
#include "support/daemon.h"

Test(stop, an_idle_daemon_stops_on_term, .timeout = 60) {
    struct test_daemon d;
    test_daemon_start(&d, NULL);
    test_daemon_stop(&d);
    test_daemon_end(&d);
}
Test(stop, fails, .timeout = 60) {
    struct test_daemon d;
    test_daemon_start(&d, NULL);
    cr_assert(0);
}
Test(stop, roundtrip, .timeout = 60) {
    struct test_daemon d;
    struct test_client c;
    test_daemon_start(&d, &(struct test_daemon_options){.workers = 2, .plugin = "evil"});
    test_client_open(&c, &d);
    test_client_round_trip(&c);
    test_daemon_wait_workers(c.conn, 2);
    test_client_close(&c);
    test_daemon_end(&d);
}
