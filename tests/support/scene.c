#include "support/scene.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

void scene_set(struct scene *s, unsigned workers, const char *config) {
    int n = snprintf(s->plugins, sizeof s->plugins,
                     "plugins = %s/plugin_evil.so\nplugins = %s/plugin_drill.so\n"
                     "plugins = %s/plugin_nest.so\n%s",
                     JOBD_PLUGIN_DIR, JOBD_PLUGIN_DIR, JOBD_PLUGIN_DIR, config ? config : "");
    cr_assert_lt((size_t)n, sizeof s->plugins);
    test_daemon_start(&s->d,
                      &(struct test_daemon_options){.workers = workers, .config = s->plugins});
    test_client_open(&s->c, &s->d);
    test_daemon_wait_workers(s->c.conn, workers);
    tmpdir_join(&s->d.dir, "gate", s->gate, sizeof s->gate);
    tmpdir_join(&s->d.dir, "marks", s->marks, sizeof s->marks);
}

void scene_use_pool(struct scene *s, const char *pool) {
    const jobd_executor_options o = {JOBD_OPTIONS(jobd_executor_options), .pool = pool};
    jobd_executor_free(s->c.ex);
    cr_assert_eq(jobd_executor_open(s->c.conn, &o, &s->c.ex), 0);
}

void scene_end(struct scene *s) {
    test_client_close(&s->c);
    test_daemon_end(&s->d);
}

jobd_future *scene_occupy(struct scene *s) {
    jobd_future *f = test_client_submit(&s->c, "demo.until", "s", s->gate);
    test_client_wait_running(&s->c, f);
    return f;
}

void scene_open_gate(struct scene *s) {
    tmpdir_write(s->gate, "", 0600);
}

void scene_read_marks(const struct scene *s, unsigned *counts, size_t size) {
    FILE *f = fopen(s->marks, "re");
    unsigned long n, attempt;
    memset(counts, 0, size * sizeof *counts);
    while (f && fscanf(f, "%lu %lu", &n, &attempt) == 2) {
        cr_assert_lt(n, size);
        counts[n]++;
    }
    if (f)
        fclose(f);
}

void scene_wait_quiet(struct scene *s) {
    jobd_conn *conn = s->c.conn;
    TEST_UNTIL(test_daemon_status(conn, "jobs_queued") + test_daemon_status(conn, "jobs_running") ==
               0);
    test_daemon_wait_workers(conn, s->d.options.workers);
}
