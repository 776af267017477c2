// How a map learns the size of its chunks. Times are made up: no clock is read.
#include <criterion/criterion.h>

#include "guard.h"
#include "pace.h"
#include "proto.h"

enum { MAX_BYTES = 1000000, TARGET = 8 };

// n chunks of the size that is wanted, each done when the one before is.
static void run(struct jd_pace *p, unsigned n, uint64_t item_ns) {
    static const uint64_t start_ns = 1000;
    struct jd_pace_done done = {.now_ns = start_ns, .max_bytes = MAX_BYTES};
    for (unsigned i = 0; i < n; i++) {
        done.n_items = p->chunk;
        done.run_ns = done.n_items * item_ns;
        done.now_ns += done.run_ns;
        done.bytes = p->chunk;
        jd_pace_learn(p, &done);
    }
}

Test(client_pace, chunks_grow_by_steps_to_two_milliseconds) {
    struct jd_pace p;
    jd_pace_init(&p, 0, 0);
    cr_expect_eq(p.chunk, 1);
    for (uint32_t last = 1, i = 0; i < 5; i++, last = p.chunk) {
        run(&p, 1, 1000);
        cr_expect_eq(p.chunk, JD_MIN(4 * last, 2000u));
    }
    run(&p, 10, 1000);
    cr_expect_eq(p.chunk, 2000);
    run(&p, 50, 10);
    cr_expect_eq(p.chunk, JD_CHUNK_MAX, "and never over what a message may hold");
}

Test(client_pace, long_items_go_alone) {
    struct jd_pace p;
    jd_pace_init(&p, 0, 0);
    run(&p, 20, 5000000);
    cr_expect_eq(p.chunk, 1);
    run(&p, 10, 1000);
    cr_expect_gt(p.chunk, 1);
    run(&p, 10, 1000000);
    cr_expect_leq(p.chunk, 4, "items that become slow are noticed at once");
}

Test(client_pace, an_old_small_chunk_is_no_reason_to_shrink) {
    struct jd_pace p;
    jd_pace_init(&p, 0, 0);
    run(&p, 10, 1000);
    jd_pace_learn(&p, &(struct jd_pace_done){.run_ns = 1000, .n_items = 1, .max_bytes = MAX_BYTES});
    cr_expect_eq(p.chunk, 2000);
}

Test(client_pace, results_fit_into_a_message_with_room_to_grow) {
    struct jd_pace p;
    jd_pace_init(&p, 0, 0);
    struct jd_pace_done done = {.run_ns = 10, .n_items = 1, .bytes = 1000, .max_bytes = MAX_BYTES};
    for (unsigned i = 0; i < 20; i++) {
        jd_pace_learn(&p, &done);
        done.n_items = p.chunk;
        done.bytes = p.chunk * 1000;
        done.run_ns = p.chunk * 10;
    }
    cr_expect_geq(p.chunk, 200);
    cr_expect_leq(p.chunk, 250);
}

Test(client_pace, what_the_program_chose_stays) {
    struct jd_pace p;
    jd_pace_init(&p, 7, 0);
    run(&p, 10, 1);
    cr_expect_eq(p.chunk, 7);
    jd_pace_init(&p, 7, 3);
    cr_expect_eq(p.chunk, 3, "a chunk is never over the window");
    jd_pace_init(&p, 0, 80);
    run(&p, 10, 1);
    cr_expect_eq(p.chunk, 80 / TARGET, "several chunks fit into the window");
}

Test(client_pace, room) {
    struct jd_pace p;
    jd_pace_init(&p, 0, 0);
    cr_expect(jd_pace_room(&p, &(struct jd_pace_out){.n_open = TARGET - 1}));
    cr_expect_not(jd_pace_room(&p, &(struct jd_pace_out){.n_open = TARGET}));
    cr_expect(jd_pace_room(&p, &(struct jd_pace_out){.n_chunks = 2 * TARGET - 1}));
    cr_expect_not(jd_pace_room(&p, &(struct jd_pace_out){.n_chunks = 2 * TARGET}));
    jd_pace_init(&p, 3, 10);
    cr_expect(jd_pace_room(&p, &(struct jd_pace_out){.n_items = 7, .n_chunks = 1000}));
    cr_expect_not(jd_pace_room(&p, &(struct jd_pace_out){.n_items = 8}));
}

// 64 threads: as long as all chunks that are out run at the same time, more are sent.
Test(client_pace, more_chunks_for_more_workers) {
    struct jd_pace p;
    jd_pace_init(&p, 1, 0);
    uint64_t now_ns = 1000;
    for (unsigned round = 0; round < 1000; round++) {
        uint64_t n_running = JD_MIN(p.n_target, 64u);
        now_ns += 1000000 / n_running;
        jd_pace_learn(&p,
                      &(struct jd_pace_done){.now_ns = now_ns, .run_ns = 1000000, .n_items = 1});
    }
    cr_expect_geq(p.n_target, 100);
    cr_expect_leq(p.n_target, 140);
    jd_pace_init(&p, 1, 0);
    run(&p, 1000, 1000);
    cr_expect_eq(p.n_target, TARGET, "one worker needs no more");
}
