// The board: every order in which master and worker can touch it, and its ring.
#include <criterion/criterion.h>
#include <math.h>
#include <signal.h>
#include <string.h>

#include "board.h"
#include "rng.h"

static struct jd_board board;

// ---- all interleavings --------------------------------------------------------------------------
//
// One master and one worker on a real board, each a sequence of steps; the test takes every order
// the steps can come in, by running the world again from the start for each path of choices. The
// master reuses a slot as soon as it has won the job back, so that stale frames do reach the
// worker.

enum { JOBS_MAX = 4, SLOTS_MAX = 2, PATH_MAX = 64, RESULT_BYTES = 16 };

struct search {
    unsigned path[PATH_MAX], n_choices[PATH_MAX];
    unsigned len, depth; // steps of the path; steps taken in this run
    unsigned long n_paths;
};

static unsigned choose(struct search *s, unsigned n) {
    cr_assert_lt(s->depth, (unsigned)PATH_MAX);
    if (s->depth == s->len)
        s->path[s->len++] = 0;
    s->n_choices[s->depth] = n;
    return s->path[s->depth++];
}

// Turns to the next path; false after the last.
static bool next_path(struct search *s) {
    s->n_paths++;
    while (s->len > 0 && ++s->path[s->len - 1] == s->n_choices[s->len - 1])
        s->len--;
    s->depth = 0;
    return s->len > 0;
}

enum at { AT_READ, AT_CLAIM, AT_RESULT, AT_TAIL }; // what the worker does next

struct job { // [0] unused: sequence numbers start at 1
    unsigned slot;
    bool tried, revoked, claimed, seen, lost;
    unsigned n_ran;
};

struct world {
    unsigned n_jobs, n_slots;
    bool may_die;
    struct job job[JOBS_MAX + 1];
    uint64_t in_slot[SLOTS_MAX];             // the master's view: the job there, 0 = free
    uint64_t published, sent, read, in_hand; // the socket holds the frames (read, sent]
    uint64_t received;                       // bytes of results the master has seen
    unsigned n_claims;
    enum at at;
    bool dead;
};

enum step { PUBLISH, SEND, TAKE_BACK, SEE, WORK, DIE };
struct choice {
    enum step step;
    uint64_t arg;
};

static unsigned choices(const struct world *w, struct choice *ret) {
    unsigned n = 0;
    for (unsigned slot = 0; slot < w->n_slots && w->published == w->sent; slot++)
        if (!w->in_slot[slot] && w->published < w->n_jobs) {
            ret[n++] = (struct choice){PUBLISH, slot};
            break; // free slots are alike
        }
    if (w->sent < w->published)
        ret[n++] = (struct choice){SEND, 0};
    for (unsigned slot = 0; slot < w->n_slots; slot++)
        if (w->in_slot[slot] && !w->job[w->in_slot[slot]].tried)
            ret[n++] = (struct choice){TAKE_BACK, w->in_slot[slot]};
    if (jd_board_out_tail(&board) > w->received)
        ret[n++] = (struct choice){SEE, 0};
    if (!w->dead && (w->at != AT_READ || w->read < w->sent)) {
        ret[n++] = (struct choice){WORK, 0};
        if (w->may_die)
            ret[n++] = (struct choice){DIE, 0};
    }
    return n;
}

static void publish(struct world *w, unsigned slot) {
    uint64_t seq = ++w->published;
    w->in_slot[slot] = seq;
    w->job[seq].slot = slot;
    jd_board_publish(&board, slot, seq);
}

static void take_back(struct world *w, uint64_t seq) {
    struct job *j = &w->job[seq];
    j->tried = true;
    j->revoked = jd_board_revoke(&board, j->slot, seq);
    cr_assert_neq(j->revoked, j->claimed, "taken back, or claimed: one of the two");
    if (j->revoked)
        w->in_slot[j->slot] = 0;
}

// The master reads what the ring holds and frees the slots of those results.
static void see(struct world *w, bool live) {
    uint64_t result[2], tail = jd_board_out_tail(&board);
    for (; w->received < tail; w->received += RESULT_BYTES) {
        cr_assert(jd_board_ring_read(&board, w->received, w->received + RESULT_BYTES, live,
                                     (unsigned char *)result));
        uint64_t seq = result[0];
        cr_assert(result[1] == ~seq && seq >= 1 && seq <= w->published);
        struct job *j = &w->job[seq];
        cr_assert(j->n_ran == 1 && !j->seen && !j->revoked);
        cr_assert_eq(w->in_slot[j->slot], seq);
        j->seen = true;
        w->in_slot[j->slot] = 0;
    }
}

static void claim(struct world *w) {
    struct job *j = &w->job[w->in_hand];
    if (!jd_board_claim(&board, j->slot, w->in_hand)) {
        cr_assert(j->revoked, "only a job taken back may be skipped");
        w->at = AT_READ;
        return;
    }
    cr_assert(!j->claimed && !j->revoked);
    cr_assert_eq(w->in_slot[j->slot], w->in_hand, "a stale frame claimed a reused slot");
    cr_assert_eq(jd_board_out_tail(&board), w->n_claims * RESULT_BYTES,
                 "every earlier result is in the ring");
    j->claimed = true;
    w->n_claims++;
    w->at = AT_RESULT;
}

static void work(struct world *w) {
    uint64_t tail = jd_board_out_tail(&board), result[2] = {w->in_hand, ~w->in_hand};
    switch (w->at) {
    case AT_READ:
        w->in_hand = ++w->read;
        jd_board_set_taken(&board, w->in_hand);
        w->at = AT_CLAIM;
        break;
    case AT_CLAIM:
        claim(w);
        break;
    case AT_RESULT:
        cr_assert_eq(++w->job[w->in_hand].n_ran, 1u);
        jd_board_ring_write(&board, tail, result, sizeof result);
        w->at = AT_TAIL;
        break;
    case AT_TAIL:
        jd_board_set_out_tail(&board, tail + RESULT_BYTES);
        w->at = AT_READ;
    }
}

static void take_step(struct world *w, struct choice c) {
    switch (c.step) {
    case PUBLISH:
        publish(w, (unsigned)c.arg);
        break;
    case SEND:
        w->sent = w->published;
        break;
    case TAKE_BACK:
        take_back(w, c.arg);
        break;
    case SEE:
        see(w, true);
        break;
    case WORK:
        work(w);
        break;
    case DIE:
        w->dead = true;
    }
}

// What the master does after a death: drain the ring, take back what was never claimed; the rest
// was running.
static void settle(struct world *w) {
    see(w, false);
    unsigned n_lost = 0;
    for (unsigned slot = 0; slot < w->n_slots; slot++) {
        uint64_t seq = w->in_slot[slot];
        if (!seq)
            continue;
        struct job *j = &w->job[seq];
        j->revoked = jd_board_revoke(&board, slot, seq);
        cr_assert_neq(j->revoked, j->claimed);
        j->lost = !j->revoked;
        cr_assert(!j->lost || (seq == w->in_hand && w->at != AT_READ));
        n_lost += j->lost;
    }
    cr_assert_leq(n_lost, 1u, "one thread runs one job");
}

static void run_world(struct search *s, struct world w) {
    struct choice c[8];
    for (unsigned i = 0; i < w.n_slots; i++)
        board.slot[i] = 0;
    jd_board_set_taken(&board, 0);
    jd_board_set_out_tail(&board, 0);
    for (unsigned n; (n = choices(&w, c)) > 0;)
        take_step(&w, c[choose(s, n)]);
    if (w.dead)
        settle(&w);
    else
        cr_assert(w.published == w.n_jobs && jd_board_taken(&board) == w.n_jobs);
    for (uint64_t seq = 1; seq <= w.published; seq++) {
        const struct job *j = &w.job[seq];
        cr_assert_eq(j->seen + j->revoked + j->lost, 1, "each job ends in one way");
        cr_assert_eq(j->claimed, j->seen || j->lost);
        cr_assert(j->n_ran == 1 || !j->seen);
        cr_assert(j->n_ran == 0 || !j->revoked);
    }
}

static void expect_every_order_holds(const char *what, struct world start, unsigned long at_least) {
    static struct search s;
    s = (struct search){.len = 0};
    do
        run_world(&s, start);
    while (next_path(&s));
    fprintf(stderr, "board: %s: %lu interleavings\n", what, s.n_paths);
    cr_expect_gt(s.n_paths, at_least);
}

Test(board, every_order_of_one_slot_reused) {
    const struct world w = {.n_jobs = 4, .n_slots = 1};
    expect_every_order_holds("4 jobs through 1 slot", w, 50000);
}

Test(board, every_order_of_two_slots) {
    const struct world w = {.n_jobs = 3, .n_slots = 2};
    expect_every_order_holds("3 jobs in 2 slots", w, 50000);
}

Test(board, every_order_with_a_death) {
    const struct world w = {.n_jobs = 3, .n_slots = 1, .may_die = true};
    expect_every_order_holds("3 jobs through 1 slot, the worker dies", w, 10000);
}

Test(board, every_order_of_two_slots_with_a_death) {
    const struct world w = {.n_jobs = 2, .n_slots = 2, .may_die = true};
    expect_every_order_holds("2 jobs in 2 slots, the worker dies", w, 5000);
}

// ---- slots --------------------------------------------------------------------------------------

Test(board, a_word_holds_sequence_and_state) {
    const uint64_t seqs[] = {1, 2, UINT32_MAX, ((uint64_t)1 << 62) - 1};
    for (size_t i = 0; i < JD_LEN(seqs); i++) {
        jd_board_publish(&board, JD_WINDOW_MAX - 1, seqs[i]);
        uint64_t word = jd_board_word(&board, JD_WINDOW_MAX - 1);
        cr_expect(jd_slot_seq(word) == seqs[i] && jd_slot_state(word) == JD_SLOT_QUEUED);
        cr_expect_not(jd_board_claim(&board, JD_WINDOW_MAX - 1, seqs[i] + 1));
        cr_expect_not(jd_board_revoke(&board, JD_WINDOW_MAX - 1, seqs[i] - 1));
        cr_expect(jd_board_claim(&board, JD_WINDOW_MAX - 1, seqs[i]));
        cr_expect_not(jd_board_claim(&board, JD_WINDOW_MAX - 1, seqs[i]), "only once");
        cr_expect_not(jd_board_revoke(&board, JD_WINDOW_MAX - 1, seqs[i]));
        word = jd_board_word(&board, JD_WINDOW_MAX - 1);
        cr_expect(jd_slot_seq(word) == seqs[i] && jd_slot_state(word) == JD_SLOT_STARTED);
    }
}

Test(board, a_new_board_holds_nothing) {
    jd_board_init(&board);
    cr_expect_eq(board.layout, (uint64_t)JD_BOARD_LAYOUT);
    for (unsigned slot = 0; slot < JD_BOARD_SLOTS; slot++) {
        cr_assert_eq(jd_slot_state(jd_board_word(&board, slot)), JD_SLOT_FREE);
        cr_assert_not(jd_board_claim(&board, slot, 1));
        cr_assert_not(jd_board_revoke(&board, slot, 1));
    }
}

Test(board, a_request_to_stop_is_for_one_job) {
    cr_expect_not(jd_board_cancelled(&board, 3, 7));
    jd_board_ask_stop(&board, 3, 7);
    cr_expect(jd_board_cancelled(&board, 3, 7));
    cr_expect_not(jd_board_cancelled(&board, 3, 8), "not for the next one there");
    cr_expect_not(jd_board_cancelled(&board, 4, 7));
}

// ---- progress -----------------------------------------------------------------------------------

static void expect_progress(unsigned slot, double fraction, const char *note) {
    double got = -1;
    char text[JD_NOTE_MAX + 1];
    memset(text, '#', sizeof text);
    jd_board_read_progress(&board, slot, &got, text);
    cr_expect_eq(memcmp(&got, &fraction, sizeof got), 0, "%g, not %g", got, fraction);
    cr_expect_str_eq(text, note);
}

Test(board, progress_is_the_newest_report) {
    char long_note[JD_NOTE_MAX + 20];
    memset(long_note, 'n', sizeof long_note - 1);
    long_note[sizeof long_note - 1] = '\0';
    expect_progress(9, 0, "");
    jd_board_set_progress(&board, 9, 0.5, "half way");
    expect_progress(9, 0.5, "half way");
    jd_board_set_progress(&board, 9, 0.75, NULL);
    expect_progress(9, 0.75, "half way");
    jd_board_set_progress(&board, 9, 1, "end");
    expect_progress(9, 1, "end");
    jd_board_set_progress(&board, 9, NAN, long_note);
    long_note[JD_NOTE_MAX] = '\0';
    expect_progress(9, NAN, long_note);
    jd_board_set_progress(&board, 9, 1, "");
    expect_progress(9, 1, "");
    expect_progress(8, 0, "");
    jd_board_set_progress(&board, 9, 1, "of the job before");
    jd_board_clear_progress(&board, 9);
    expect_progress(9, 0, "");
}

// The worker's memory may hold anything: the master still gets a string.
Test(board, the_item_of_a_chunk_is_cleared_with_its_progress) {
    jd_board_set_item(&board, 7, 41);
    cr_expect_eq(jd_board_read_item(&board, 7), 41u);
    cr_expect_eq(jd_board_read_item(&board, 8), 0u);
    jd_board_clear_progress(&board, 7);
    cr_expect_eq(jd_board_read_item(&board, 7), 0u);
}

Test(board, a_note_is_terminated_whatever_the_page_holds) {
    for (unsigned i = 0; i < JD_BOARD_NOTE_WORDS; i++)
        board.progress[0].note[i] = 0x7878787878787878;
    double fraction;
    char text[JD_NOTE_MAX + 1];
    jd_board_read_progress(&board, 0, &fraction, text);
    cr_expect_eq(strlen(text), (size_t)JD_NOTE_MAX);
}

// ---- the ring -----------------------------------------------------------------------------------

static unsigned char byte_at(uint64_t offset) {
    return (unsigned char)(offset * 131 + (offset >> 16) * 7);
}

static void write_stream(uint64_t at, size_t n) {
    static unsigned char bytes[JD_BOARD_RING_BYTES];
    for (size_t i = 0; i < n; i++)
        bytes[i] = byte_at(at + i);
    jd_board_ring_write(&board, at, bytes, n);
}

static void expect_stream(uint64_t from, uint64_t to, bool live) {
    static unsigned char bytes[JD_BOARD_RING_BYTES + 1];
    bytes[to - from] = 0xa5;
    cr_assert(jd_board_ring_read(&board, from, to, live, bytes));
    for (uint64_t at = from; at < to; at++)
        cr_assert_eq(bytes[at - from], byte_at(at), "offset %" PRIu64, at);
    cr_assert_eq(bytes[to - from], 0xa5);
}

Test(board, the_ring_wraps) {
    struct rng g = rng_begin("board, ring");
    uint64_t tail = rng_u64(&g) >> 20;
    const uint64_t start = tail;
    for (int round = 0; round < 200; round++) {
        size_t n = rng_below(&g, JD_DIRECT_BYTES + 1);
        write_stream(tail, n);
        tail += n;
        jd_board_set_out_tail(&board, tail);
        uint64_t held = JD_MIN(tail - start, (uint64_t)JD_BOARD_RING_BYTES);
        uint64_t from = tail - rng_below(&g, held + 1);
        expect_stream(from, from + rng_below(&g, tail - from + 1), false);
    }
    expect_stream(tail - JD_BOARD_RING_BYTES, tail, false);
    expect_stream(tail, tail, true);
}

Test(board, what_a_live_worker_may_be_writing_over_is_not_there) {
    const uint64_t tail = 5 * JD_BOARD_RING_BYTES + 12345, safe = JD_DIRECT_BYTES + 64;
    const uint64_t first = tail + safe - JD_BOARD_RING_BYTES; // the oldest byte out of its reach
    unsigned char out[JD_BOARD_RING_BYTES];
    write_stream(tail - JD_BOARD_RING_BYTES, JD_BOARD_RING_BYTES);
    jd_board_set_out_tail(&board, tail);
    expect_stream(first, tail, true);
    cr_expect_not(jd_board_ring_read(&board, first - 1, tail, true, out));
    expect_stream(first - 1, tail, false);
    write_stream(tail, safe); // a frame under way: exactly the bytes that may be touched
    expect_stream(first, tail, true);
    cr_expect_not(jd_board_ring_read(&board, first - 1, first, true, out));
}

Test(board, a_range_the_ring_cannot_hold_is_not_there) {
    unsigned char out[1];
    cr_expect_not(jd_board_ring_read(&board, 10, 9, false, out));
    cr_expect_not(jd_board_ring_read(&board, 0, JD_BOARD_RING_BYTES + 1, false, out));
    cr_expect_not(jd_board_ring_read(&board, 0, UINT64_MAX, false, out), "as a worker may claim");
    cr_expect_not(jd_board_ring_read(&board, UINT64_MAX, 5, true, out));
}

Test(board, a_frame_longer_than_the_ring_is_a_bug, .signal = SIGABRT) {
    static char bytes[JD_BOARD_RING_BYTES + 1];
    jd_board_ring_write(&board, 0, bytes, sizeof bytes);
}
