// What the configuration says is what there is.
#include <criterion/criterion.h>
#include <stdio.h>

#include "guard.h"
#include "support/client.h"
#include "support/daemon.h"
#include "support/listing.h"

TestSuite(config, .timeout = 120);

static void open_on(struct test_client *c, struct test_daemon *d, const char *pool) {
    jobd_executor_options opts = {.struct_size = sizeof opts, .pool = pool};
    c->conn = test_daemon_connect(d);
    cr_assert_eq(jobd_executor_open(c->conn, &opts, &c->ex), 0);
}

// Two jobs run at once where there is one process: it has two threads.
Test(config, a_pool_has_the_workers_and_threads_it_asks_for) {
    struct test_daemon d;
    struct test_client c;
    char gate[128];
    test_daemon_start(&d,
                      &(struct test_daemon_options){.workers = 1,
                                                    .plugin = "evil",
                                                    .config = "pool = one workers=1\n"
                                                              "pool = net workers=1 threads=2\n"});
    open_on(&c, &d, "net");
    tmpdir_join(&d.dir, "gate", gate, sizeof gate);
    jobd_future *a = test_client_submit(&c, "demo.until", "s", gate);
    jobd_future *b = test_client_submit(&c, "demo.until", "s", gate);
    test_client_wait_running(&c, a);
    test_client_wait_running(&c, b);
    FILE *f = fopen(gate, "w");
    cr_assert_not_null(f);
    fclose(f);
    test_client_take_done(a);
    test_client_take_done(b);
    test_client_close(&c);
    open_on(&c, &d, "one");
    test_client_round_trip(&c);
    struct worker_row rows[8];
    cr_assert_eq(listing_workers(c.conn, rows, JD_LEN(rows)), 3);
    test_client_close(&c);
    test_daemon_end(&d);
}

Test(config, no_process_beyond_max_workers_is_started) {
    static const char *const argv[] = {"/bin/true", NULL};
    struct test_daemon d;
    struct test_client c;
    jobd_process *p;
    jobd_process_options opts = {.struct_size = sizeof opts, .argv = argv};
    test_daemon_start(&d, &(struct test_daemon_options){
                              .workers = 2, .plugin = "evil", .config = "max_workers = 2\n"});
    test_client_open(&c, &d);
    cr_assert_eq(jobd_process_new(c.conn, &opts, &p), 0);
    cr_assert_eq(jobd_process_start(p), 0);
    cr_assert_eq(jobd_process_join(p, TEST_PATIENCE_MS), JOBD_E_LIMIT);
    jobd_process_free(p);
    test_client_round_trip(&c);
    test_client_close(&c);
    test_daemon_end(&d);
}

// What one gives back, the next one gets.
Test(config, the_last_number_is_used_again_and_again) {
    enum { ROUNDS = 20 };
    static const char *const argv[] = {"/bin/sh", "-c", "exit 5", NULL};
    struct test_daemon d;
    struct test_client c;
    jobd_process_options opts = {.struct_size = sizeof opts, .argv = argv};
    test_daemon_start(&d, &(struct test_daemon_options){
                              .workers = 1, .plugin = "evil", .config = "max_workers = 2\n"});
    test_client_open(&c, &d);
    for (int i = 0; i < ROUNDS; i++) {
        jobd_process *p;
        int code = 0, r;
        do { // the end of a process is told before its number is free again
            cr_assert_eq(jobd_process_new(c.conn, &opts, &p), 0);
            cr_assert_eq(jobd_process_start(p), 0);
            r = jobd_process_join(p, TEST_PATIENCE_MS);
            jobd_process_exitcode(p, &code);
            jobd_process_free(p);
        } while (r == JOBD_E_LIMIT);
        cr_assert_eq(r, 1, "%s", jobd_strerror(r));
        cr_assert_eq(code, 5);
    }
    test_client_close(&c);
    test_daemon_end(&d);
}
