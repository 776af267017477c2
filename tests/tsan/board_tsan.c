// Master and worker as two threads on one board: a million dispatches with random take-backs, slots
// reused at once, and the ring read while it is written. Whatever the order was: each job ran or
// was taken back, none twice, and every range the ring gave out was right to the byte.
//
// The two sockets are queues with the order a socket gives and nothing more; all else that the
// sides know of each other comes through the board. What a job leaves behind is plain memory, read
// as soon as out_tail has passed its result: were that not ordered, it would be a data race.
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>

#include "board.h"
#include "unit/rng.h"

enum {
    N_JOBS = 1000000,
    N_SLOTS = 64,
    QUEUE_LEN = 1024,
    RESULT_MAX = 4096,
    HISTORY_LEN = 1024,
};

// ---- a socket: words in order; 0 = nothing there; n = passed through, each side's own count ----

static bool queue_put(_Atomic uint64_t *words, uint64_t *n, uint64_t v) {
    _Atomic uint64_t *at = &words[*n % QUEUE_LEN];
    if (atomic_load_explicit(at, memory_order_acquire))
        return false;
    atomic_store_explicit(at, v, memory_order_release);
    ++*n;
    return true;
}

static uint64_t queue_take(_Atomic uint64_t *words, uint64_t *n) {
    _Atomic uint64_t *at = &words[*n % QUEUE_LEN];
    uint64_t v = atomic_load_explicit(at, memory_order_acquire);
    if (!v)
        return 0;
    atomic_store_explicit(at, 0, memory_order_release);
    ++*n;
    return v;
}

static _Atomic uint64_t frames[QUEUE_LEN];  // to the worker: sequence << 8 | slot
static _Atomic uint64_t results[QUEUE_LEN]; // to the master: sequence
static struct jd_board *board;
static uint64_t args[N_SLOTS];           // plain: written before publish, read after the claim
static uint64_t answers[N_SLOTS];        // plain: written before out_tail, read after it
static unsigned char n_runs[N_JOBS + 1]; // plain: written by the worker, read when it has ended

// ---- results: length, sequence, then bytes that follow from them ----

// Most are small, one in 32 is large.
static unsigned result_bytes(uint64_t seq) {
    unsigned hash = (unsigned)(seq * 0x9e3779b97f4a7c15u >> 32);
    return 12 + (hash >> 5) % (hash % 32 ? 40 : RESULT_MAX - 12);
}

static unsigned make_result(uint64_t seq, unsigned char *out) {
    uint32_t n = result_bytes(seq);
    memcpy(out, &n, 4);
    memcpy(out + 4, &seq, 8);
    for (unsigned i = 12; i < n; i++)
        out[i] = (unsigned char)(seq + i);
    return n;
}

// ---- the worker ----

struct worker {
    uint64_t n_frames, n_results; // passed through the queues
    uint64_t tail;
    uint64_t unsent[N_SLOTS]; // results in the ring, not yet in the socket
    unsigned n_unsent;
    uint64_t n_ran, n_skipped;
};

static void worker_flush(struct worker *w) {
    for (unsigned i = 0; i < w->n_unsent; i++)
        while (!queue_put(results, &w->n_results, w->unsent[i]))
            sched_yield();
    w->n_unsent = 0;
}

static void worker_run(struct worker *w, unsigned slot, uint64_t seq) {
    unsigned char result[RESULT_MAX];
    jd_board_set_taken(board, seq);
    jd_board_clear_progress(board, slot);
    if (!jd_board_claim(board, slot, seq)) {
        w->n_skipped++;
        return;
    }
    JD_ASSERT(args[slot] == seq);
    n_runs[seq]++;
    w->n_ran++;
    jd_board_set_progress(board, slot, (double)seq,
                          jd_board_cancelled(board, slot, seq) ? "stop" : "go");
    answers[slot] = seq;
    unsigned n = make_result(seq, result);
    jd_board_ring_write(board, w->tail, result, n);
    w->tail += n;
    jd_board_set_out_tail(board, w->tail);
    w->unsent[w->n_unsent++] = seq;
    if (w->n_unsent == N_SLOTS)
        worker_flush(w);
}

static void *worker_main(void *arg) {
    struct worker *w = (struct worker *)arg;
    for (;;) {
        uint64_t frame = queue_take(frames, &w->n_frames);
        if (frame == UINT64_MAX)
            break;
        if (frame) {
            worker_run(w, (unsigned)(frame & 0xff), frame >> 8);
        } else {
            worker_flush(w);
            sched_yield();
        }
    }
    worker_flush(w);
    return NULL;
}

// ---- the master ----

struct master {
    struct rng rng;
    uint64_t n_frames, n_results;
    uint64_t in_slot[N_SLOTS];
    uint64_t published, received; // jobs; bytes of results
    uint64_t n_done, n_revoked;
    uint64_t history[HISTORY_LEN]; // where in the stream the last results began
    uint64_t sampled[N_SLOTS];     // results seen in the ring ahead of the socket
    unsigned n_sampled, n_confirmed;
    uint64_t n_reads, n_gone;
};

static unsigned slot_of(const struct master *m, uint64_t seq) {
    for (unsigned slot = 0; slot < N_SLOTS; slot++)
        if (m->in_slot[slot] == seq)
            return slot;
    fprintf(stderr, "a result of job %" PRIu64 ", which is in no slot\n", seq);
    exit(1);
}

static bool master_publish(struct master *m) {
    unsigned slot = (unsigned)rng_below(&m->rng, N_SLOTS);
    if (m->in_slot[slot] || m->published == N_JOBS)
        return false;
    if (atomic_load_explicit(&frames[m->n_frames % QUEUE_LEN], memory_order_acquire))
        return false; // no room in the socket
    uint64_t seq = ++m->published;
    m->in_slot[slot] = seq;
    args[slot] = seq;
    jd_board_publish(board, slot, seq);
    JD_ASSERT(queue_put(frames, &m->n_frames, seq << 8 | slot));
    return true;
}

static void master_revoke(struct master *m) {
    unsigned slot = (unsigned)rng_below(&m->rng, N_SLOTS);
    uint64_t seq = m->in_slot[slot];
    if (!seq)
        return;
    if (rng_below(&m->rng, 2))
        jd_board_ask_stop(board, slot, seq);
    if (!jd_board_revoke(board, slot, seq))
        return;
    m->in_slot[slot] = 0; // and reused while its frame is still on the way
    m->n_revoked++;
}

static bool master_receive(struct master *m) {
    uint64_t seq = queue_take(results, &m->n_results);
    if (!seq)
        return false;
    m->in_slot[slot_of(m, seq)] = 0;
    m->history[m->n_done++ % HISTORY_LEN] = m->received;
    m->received += result_bytes(seq);
    if (m->n_confirmed < m->n_sampled) {
        JD_ASSERT(m->sampled[m->n_confirmed] == seq);
        m->n_confirmed++;
    }
    return true;
}

// Looks at the ring from `from`, which may be long overwritten. What lies behind `received` has not
// come through the socket yet.
static void master_sample(struct master *m, uint64_t from, bool live) {
    static unsigned char bytes[JD_BOARD_RING_BYTES], want[RESULT_MAX];
    uint64_t to = jd_board_out_tail(board);
    m->n_reads++;
    m->n_sampled = m->n_confirmed = 0;
    if (!jd_board_ring_read(board, from, to, live, bytes)) {
        m->n_gone++;
        return;
    }
    for (uint64_t at = from; at < to;) {
        uint64_t seq;
        memcpy(&seq, bytes + (at - from) + 4, sizeof seq);
        JD_ASSERT(seq >= 1 && seq <= m->published);
        unsigned n = make_result(seq, want);
        JD_ASSERT(n <= to - at && memcmp(bytes + (at - from), want, n) == 0);
        if (at >= m->received) {
            JD_ASSERT(answers[slot_of(m, seq)] == seq);
            m->sampled[m->n_sampled++] = seq;
        }
        at += n;
    }
}

static uint64_t some_way_back(struct master *m) {
    uint64_t back = rng_below(&m->rng, JD_MIN(m->n_done, (uint64_t)HISTORY_LEN) + 1);
    return back ? m->history[(m->n_done - back) % HISTORY_LEN] : m->received;
}

static void master_look(struct master *m) {
    double fraction;
    char note[JD_NOTE_MAX + 1];
    unsigned slot = (unsigned)rng_below(&m->rng, N_SLOTS);
    jd_board_read_progress(board, slot, &fraction, note);
    JD_ASSERT(fraction >= 0 && fraction <= (double)m->published);
    JD_ASSERT(jd_board_taken(board) <= m->published);
}

static void master_main(struct master *m) {
    while (m->n_done + m->n_revoked < N_JOBS) {
        bool moved = master_publish(m);
        if (rng_below(&m->rng, 8) == 0)
            master_revoke(m);
        if (rng_below(&m->rng, 512) == 0) {
            master_sample(m, some_way_back(m), true);
            master_look(m);
        }
        moved |= rng_below(&m->rng, 2) && master_receive(m);
        if (!moved)
            sched_yield();
    }
    while (!queue_put(frames, &m->n_frames, UINT64_MAX))
        sched_yield();
}

int main(void) {
    static struct master m;
    static struct worker w;
    pthread_t thread;
    board = mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    JD_ASSERT(board != MAP_FAILED);
    jd_board_init(board);
    m.rng = rng_begin("board_tsan");
    JD_ASSERT(pthread_create(&thread, NULL, worker_main, &w) == 0);
    master_main(&m);
    JD_ASSERT(pthread_join(thread, NULL) == 0);
    master_sample(&m, m.received, false);
    for (uint64_t seq = 1; seq <= N_JOBS; seq++)
        JD_ASSERT(n_runs[seq] <= 1);
    JD_ASSERT(w.n_ran == m.n_done && w.n_skipped == m.n_revoked);
    JD_ASSERT(m.n_done + m.n_revoked == m.published && m.published == N_JOBS);
    JD_ASSERT(m.received == w.tail && jd_board_taken(board) == N_JOBS);
    munmap(board, sizeof *board);
    printf("%" PRIu64 " ran, %" PRIu64 " taken back, %" PRIu64 " looks at the ring, %" PRIu64
           " too late\n",
           m.n_done, m.n_revoked, m.n_reads, m.n_gone);
    return 0;
}
