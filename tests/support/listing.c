#include "support/listing.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "support/proc.h"

// A cursor at the value of this name; of nothing if the map has no such name.
static jobd_reader value_of(jobd_bytes map, const char *name) {
    jobd_reader r = jobd_reader_of(map);
    uint32_t n;
    cr_assert_eq(jobd_read_map(&r, &n), 0);
    for (uint32_t i = 0; i < n; i++) {
        jobd_bytes key;
        cr_assert_eq(jobd_read_str(&r, &key), 0);
        if (key.len == strlen(name) && memcmp(key.data, name, key.len) == 0)
            return r;
        cr_assert_eq(jobd_read_skip(&r), 0);
    }
    return jobd_reader_of((jobd_bytes){0});
}

static uint64_t number(jobd_bytes map, const char *name) {
    jobd_reader r = value_of(map, name);
    uint64_t v;
    cr_assert_eq(jobd_read_u64(&r, &v), 0, "there is no number '%s'", name);
    return v;
}

// Nil is "".
static void text(jobd_bytes map, const char *name, char *out, size_t size) {
    jobd_reader r = value_of(map, name);
    jobd_bytes s = {0};
    if (jobd_read_type(&r) != JOBD_T_NIL)
        cr_assert_eq(jobd_read_str(&r, &s), 0, "there is no text '%s'", name);
    snprintf(out, size, "%.*s", (int)s.len, s.len ? (const char *)s.data : "");
}

static void read_worker(jobd_bytes map, struct worker_row *row) {
    *row = (struct worker_row){.number = number(map, "worker"),
                               .pid = number(map, "pid"),
                               .job = number(map, "job"),
                               .slots_used = number(map, "slots_used"),
                               .jobs_done = number(map, "jobs_done"),
                               .deaths = number(map, "deaths")};
    text(map, "state", row->state, sizeof row->state);
    text(map, "task", row->task, sizeof row->task);
}

size_t listing_workers(jobd_conn *conn, struct worker_row *ret, size_t max) {
    uint64_t cursor = 0;
    size_t n_all = 0;
    do {
        jobd_bytes rows, row;
        uint32_t n;
        cr_assert_eq(jobd_daemon_workers(conn, TEST_PATIENCE_MS, &cursor, &rows), 0);
        jobd_reader r = jobd_reader_of(rows);
        cr_assert_eq(jobd_read_array(&r, &n), 0);
        for (uint32_t i = 0; i < n && n_all < max; i++) {
            cr_assert_eq(jobd_read_raw(&r, &row), 0);
            read_worker(row, &ret[n_all++]);
        }
    } while (cursor != 0 && n_all < max);
    return n_all;
}

bool listing_flag(jobd_conn *conn, const char *name) {
    jobd_bytes map;
    bool v;
    cr_assert_eq(jobd_daemon_status(conn, TEST_PATIENCE_MS, &map), 0);
    jobd_reader r = value_of(map, name);
    cr_assert_eq(jobd_read_bool(&r, &v), 0, "there is no '%s'", name);
    return v;
}

bool listing_has_task(jobd_conn *conn, const char *name) {
    uint64_t cursor = 0;
    bool found = false;
    do {
        jobd_bytes rows, row;
        uint32_t n;
        char task[80];
        cr_assert_eq(jobd_daemon_tasks(conn, TEST_PATIENCE_MS, &cursor, &rows), 0);
        jobd_reader r = jobd_reader_of(rows);
        cr_assert_eq(jobd_read_array(&r, &n), 0);
        for (uint32_t i = 0; i < n; i++) {
            cr_assert_eq(jobd_read_raw(&r, &row), 0);
            text(row, "task", task, sizeof task);
            found |= strcmp(task, name) == 0;
        }
    } while (cursor != 0);
    return found;
}

// The row of the pool; a view until the next listing.
static jobd_bytes pool_row(jobd_conn *conn, const char *pool) {
    uint64_t cursor = 0;
    do {
        jobd_bytes rows, row;
        uint32_t n;
        char name[80];
        cr_assert_eq(jobd_daemon_pools(conn, TEST_PATIENCE_MS, &cursor, &rows), 0);
        jobd_reader r = jobd_reader_of(rows);
        cr_assert_eq(jobd_read_array(&r, &n), 0);
        for (uint32_t i = 0; i < n; i++) {
            cr_assert_eq(jobd_read_raw(&r, &row), 0);
            text(row, "pool", name, sizeof name);
            if (strcmp(name, pool) == 0)
                return row;
        }
    } while (cursor != 0);
    cr_assert(false, "there is no pool '%s'", pool);
    return (jobd_bytes){0};
}

uint64_t listing_pool(jobd_conn *conn, const char *pool, const char *name) {
    return number(pool_row(conn, pool), name);
}

void listing_pool_text(jobd_conn *conn, const char *pool, const char *name, char *ret,
                       size_t size) {
    text(pool_row(conn, pool), name, ret, size);
}

void listing_why(jobd_conn *conn, uint64_t job, const char *name, char *ret, size_t size) {
    jobd_bytes map;
    cr_assert_eq(jobd_job_why(conn, job, TEST_PATIENCE_MS, &map), 0);
    text(map, name, ret, size);
}
