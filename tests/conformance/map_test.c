// CPython's tests of Executor.map and of multiprocessing.Pool's maps, asked of jobd_map(): each test
// has the name of the one whose question it puts. README.md says where every name is.
#include <criterion/criterion.h>
#include <string.h>

#include "support/scene.h"

TestSuite(map, .timeout = 120);
TestSuite(pool_map, .timeout = 120);

// Items 0 ... n - 1, each as [i].
struct items {
    int64_t n;
    int64_t taken;
    int64_t given;
    int64_t most_out;
    int64_t fails_at; // the iterable raises there
    int error;
};

static int next(void *arg, jobd_args *item) {
    struct items *items = arg;
    if (items->error && items->taken == items->fails_at)
        return items->error;
    if (items->taken == items->n)
        return 0;
    jobd_args_array(item, 1);
    jobd_args_i64(item, items->taken++);
    if (items->taken - items->given > items->most_out)
        items->most_out = items->taken - items->given;
    return 1;
}

static jobd_map_iter *start(struct scene *s, const char *task, struct items *items,
                            const jobd_map_options *o) {
    jobd_map_iter *map;
    cr_assert_eq(jobd_map(s->c.ex, task, next, items, o, &map), 0);
    return map;
}

static int next_i64(jobd_map_iter *map, struct items *items, int64_t *ret, uint64_t *ret_index) {
    jobd_bytes value;
    int r = jobd_map_next(map, &value, ret_index);
    if (r <= 0)
        return r;
    jobd_reader reader = jobd_reader_of(value);
    cr_assert_eq(jobd_read_i64(&reader, ret), 0);
    items->given++;
    return r;
}

static void expect_squares(struct scene *s, int64_t n, const jobd_map_options *o) {
    struct items items = {.n = n};
    jobd_map_iter *map = start(s, "demo.square", &items, o);
    int64_t value;
    uint64_t index;
    for (int64_t i = 0; i < n; i++) {
        cr_assert_eq(next_i64(map, &items, &value, &index), 1);
        cr_assert(index == (uint64_t)i && value == i * i, "item %lld", (long long)i);
    }
    cr_assert_eq(next_i64(map, &items, &value, &index), 0);
    if (o && o->window)
        cr_assert_leq(items.most_out, (int64_t)o->window);
    jobd_map_free(map);
}

Test(map, map) {
    struct scene s;
    scene_set(&s, 2, NULL);
    expect_squares(&s, 10, NULL);
    expect_squares(&s, 20000, NULL);
    scene_end(&s);
}

Test(map, map_chunksize) {
    static const size_t chunks[] = {1, 2, 6, 13, 1000};
    struct scene s;
    scene_set(&s, 2, NULL);
    for (size_t i = 0; i < sizeof chunks / sizeof *chunks; i++)
        expect_squares(&s, 40,
                       &(jobd_map_options){JOBD_OPTIONS(jobd_map_options), .chunk = chunks[i]});
    scene_end(&s);
}

// buffersize of 3.14: no more items are taken from the input than are given back and so many.
Test(map, map_buffersize) {
    static const size_t windows[] = {1, 2, 7, 100};
    struct scene s;
    scene_set(&s, 2, NULL);
    for (size_t i = 0; i < sizeof windows / sizeof *windows; i++)
        expect_squares(&s, 50,
                       &(jobd_map_options){JOBD_OPTIONS(jobd_map_options), .window = windows[i]});
    scene_end(&s);
}

// "sleep" is given 0, 0, ... and fails at a text: what is before comes first, then the exception.
static int next_with_a_bad_one(void *arg, jobd_args *item) {
    struct items *items = arg;
    if (items->taken == items->n)
        return 0;
    jobd_args_array(item, 1);
    if (items->taken++ == items->fails_at)
        jobd_args_str(item, "soon");
    else
        jobd_args_i64(item, 0);
    return 1;
}

static void expect_exception(struct scene *s, const jobd_map_options *o) {
    struct items items = {.n = 100, .fails_at = 5};
    jobd_map_iter *map;
    jobd_error error = {0};
    uint64_t index = 99, n = 0;
    int r;
    cr_assert_eq(jobd_map(s->c.ex, "sleep", next_with_a_bad_one, &items, o, &map), 0);
    while ((r = jobd_map_next(map, NULL, &index)) == 1)
        cr_assert_eq(index, n++);
    cr_assert_eq(r, JOBD_E_TASK);
    cr_assert_eq(n, 5u);
    cr_assert_eq(jobd_map_error(map, &error, &index), 1);
    cr_assert_eq(index, 5u);
    cr_assert_str_eq(error.name, "bad_args");
    cr_assert_eq(jobd_map_next(map, NULL, NULL), 0);
    jobd_map_free(map);
}

Test(map, map_exception) {
    struct scene s;
    scene_set(&s, 2, NULL);
    expect_exception(&s, NULL);
    expect_exception(&s, &(jobd_map_options){JOBD_OPTIONS(jobd_map_options), .chunk = 1});
    scene_end(&s);
}

// There a failing item lets the others of its chunk run; here those before it have their results.
Test(pool_map, map_no_failfast) {
    struct scene s;
    scene_set(&s, 2, NULL);
    expect_exception(&s, &(jobd_map_options){JOBD_OPTIONS(jobd_map_options), .chunk = 50});
    expect_exception(&s, &(jobd_map_options){JOBD_OPTIONS(jobd_map_options), .chunk = 4});
    scene_end(&s);
}

struct gate {
    const char *path;
    int n;
};

static int next_gate(void *arg, jobd_args *item) {
    struct gate *gate = arg;
    if (gate->n-- == 0)
        return 0;
    jobd_args_array(item, 1);
    jobd_args_str(item, gate->path);
    return 1;
}

Test(map, map_timeout) {
    struct scene s;
    jobd_map_iter *map;
    jobd_error error = {0};
    jobd_map_options o = {JOBD_OPTIONS(jobd_map_options), .timeout_ms = 50};
    scene_set(&s, 2, NULL);
    struct gate gate = {s.gate, 9};
    cr_assert_eq(jobd_map(s.c.ex, "demo.until", next_gate, &gate, &o, &map), 0);
    cr_assert_eq(jobd_map_next(map, NULL, NULL), JOBD_E_TIMEOUT);
    cr_assert_eq(jobd_map_error(map, &error, NULL), 1);
    cr_assert_eq(error.code, JOBD_E_TIMEOUT);
    cr_assert_eq(jobd_map_next(map, NULL, NULL), 0);
    jobd_map_free(map);
    scene_open_gate(&s);
    scene_wait_quiet(&s);
    test_client_round_trip(&s.c);
    scene_end(&s);
}

Test(pool_map, imap) {
    struct scene s;
    scene_set(&s, 4, NULL);
    expect_squares(&s, 1000, NULL);
    expect_squares(&s, 1000, &(jobd_map_options){JOBD_OPTIONS(jobd_map_options), .chunk = 100});
    scene_end(&s);
}

Test(pool_map, imap_unordered) {
    enum { N = 1000 };
    struct scene s;
    struct items items = {.n = N};
    bool seen[N] = {false};
    jobd_map_options o = {JOBD_OPTIONS(jobd_map_options), .unordered = true};
    scene_set(&s, 4, NULL);
    jobd_map_iter *map = start(&s, "demo.square", &items, &o);
    int64_t value;
    uint64_t index;
    while (next_i64(map, &items, &value, &index) == 1) {
        cr_assert(index < N && !seen[index] && value == (int64_t)(index * index));
        seen[index] = true;
    }
    cr_assert_eq(items.given, N);
    jobd_map_free(map);
    scene_end(&s);
}

// The input itself fails: all before it is given, then its own error.
static void input_fails(bool unordered, int64_t at) {
    struct scene s;
    struct items items = {.n = 20, .fails_at = at, .error = -999};
    jobd_map_options o = {JOBD_OPTIONS(jobd_map_options), .unordered = unordered};
    int64_t value;
    uint64_t index = 0;
    int r;
    scene_set(&s, 2, NULL);
    jobd_map_iter *map = start(&s, "demo.square", &items, &o);
    while ((r = next_i64(map, &items, &value, &index)) == 1)
        cr_assert_lt(index, (uint64_t)at);
    cr_assert_eq(r, -999);
    cr_assert_eq(items.given, at);
    jobd_map_free(map);
    scene_end(&s);
}

Test(pool_map, imap_handle_iterable_exception) {
    input_fails(false, 0);
    input_fails(false, 10);
}

Test(pool_map, imap_unordered_handle_iterable_exception) {
    input_fails(true, 0);
    input_fails(true, 10);
}

Test(pool_map, map_handle_iterable_exception) {
    input_fails(false, 1);
}

Test(pool_map, empty_iterable) {
    struct scene s;
    scene_set(&s, 1, NULL);
    expect_squares(&s, 0, NULL);
    expect_squares(&s, 0, &(jobd_map_options){JOBD_OPTIONS(jobd_map_options), .unordered = true});
    scene_end(&s);
}

struct marks {
    const char *path;
    int64_t i, n;
};

static int next_mark(void *arg, jobd_args *item) {
    struct marks *marks = arg;
    if (marks->i == marks->n)
        return 0;
    jobd_args_array(item, 2);
    jobd_args_str(item, marks->path);
    jobd_args_i64(item, marks->i++);
    return 1;
}

// Several arguments for each call; each call is made once.
Test(pool_map, starmap) {
    enum { N = 200 };
    struct scene s;
    unsigned counts[N];
    jobd_map_iter *map;
    int64_t n = 0;
    scene_set(&s, 2, NULL);
    struct marks marks = {.path = s.marks, .n = N};
    cr_assert_eq(jobd_map(s.c.ex, "drill.mark", next_mark, &marks, NULL, &map), 0);
    jobd_bytes value;
    while (jobd_map_next(map, &value, NULL) == 1) {
        int64_t square = 0;
        jobd_reader r = jobd_reader_of(value);
        jobd_read_i64(&r, &square);
        cr_assert_eq(square, n * n);
        n++;
    }
    cr_assert_eq(n, N);
    jobd_map_free(map);
    scene_read_marks(&s, counts, N);
    for (int i = 0; i < N; i++)
        cr_assert_eq(counts[i], 1u);
    scene_end(&s);
}

static int next_bad_argument(void *arg, jobd_args *item) {
    (void)arg;
    jobd_args_array(item, 2); // one is missing
    return jobd_args_i64(item, 1) < 0 ? JOBD_E_NOMEM : 1;
}

Test(pool_map, map_unplicklable) {
    struct scene s;
    jobd_map_iter *map;
    scene_set(&s, 1, NULL);
    cr_assert_eq(jobd_map(s.c.ex, "demo.square", next_bad_argument, NULL, NULL, &map), 0);
    cr_assert_eq(jobd_map_next(map, NULL, NULL), JOBD_E_STATE);
    jobd_map_free(map);
    test_client_round_trip(&s.c);
    scene_end(&s);
}

Test(pool_map, release_task_refs) {
    struct scene s;
    scene_set(&s, 2, NULL);
    expect_squares(&s, 5000, NULL);
    cr_assert_eq(test_daemon_status(s.c.conn, "queued_bytes"), 0);
    cr_assert_eq(test_daemon_status(s.c.conn, "jobs_queued"), 0);
    scene_end(&s);
}

// A worker that dies takes its chunk with it, and the item it was at is named.
Test(pool_map, a_worker_that_dies_ends_the_map) {
    struct scene s;
    jobd_error error = {0};
    uint64_t index = 99;
    int r;
    scene_set(&s, 1, NULL);
    struct items items = {.n = 1};
    jobd_map_iter *map = start(&s, "evil.segv", &items, NULL);
    while ((r = jobd_map_next(map, NULL, &index)) == 1)
        ;
    cr_assert_eq(r, JOBD_E_WORKER_DIED);
    cr_assert_eq(jobd_map_error(map, &error, &index), 1);
    cr_assert_eq(index, 0u);
    cr_assert(strstr(error.message, "SIGSEGV"), "%s", error.message);
    jobd_map_free(map);
    test_client_round_trip(&s.c);
    scene_end(&s);
}
