#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>

#include "rng.h"
#include "slab.h"

static uint32_t n_chunks_held(const struct jd_slab *s) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < s->n_chunks; i++)
        n += s->dir[i] != NULL;
    return n;
}

Test(slab, objects_are_zeroed_aligned_and_named_from_one) {
    struct jd_slab s;
    jd_slab_init(&s, 13, 1000);
    cr_expect_eq(s.obj_bytes, 16u, "rounded up to 8");
    for (int round = 0; round < 2; round++) {
        uint32_t index[100];
        for (int i = 0; i < 100; i++) {
            static const char zero[16];
            index[i] = jd_slab_take(&s);
            void *at = jd_slab_at(&s, index[i]);
            cr_assert_neq(index[i], 0u);
            cr_assert_eq((uintptr_t)at % 8, 0u);
            cr_assert_arr_eq(at, zero, 16);
            memset(at, 0xff, 16);
        }
        for (int i = 0; i < 100; i++)
            jd_slab_give(&s, index[i]);
    }
    jd_slab_free_all(&s);
}

Test(slab, the_maximum_holds) {
    struct jd_slab s;
    jd_slab_init(&s, 64, 5000); // more than one chunk
    for (uint32_t i = 0; i < 5000; i++)
        cr_assert_neq(jd_slab_take(&s), 0u);
    cr_expect_eq(jd_slab_take(&s), 0u);
    jd_slab_give(&s, 77);
    cr_expect_eq(jd_slab_take(&s), 77u);
    cr_expect_eq(jd_slab_take(&s), 0u);
    jd_slab_free_all(&s);
    cr_expect_eq(s.used, 0u);
    cr_expect_neq(jd_slab_take(&s), 0u, "usable again");
    jd_slab_free_all(&s);
}

Test(slab, an_object_may_be_larger_than_a_chunk) {
    struct jd_slab s;
    jd_slab_init(&s, 300000, 3);
    uint32_t a = jd_slab_take(&s), b = jd_slab_take(&s);
    memset(jd_slab_at(&s, a), 1, 300000);
    memset(jd_slab_at(&s, b), 2, 300000);
    cr_expect_eq(*(char *)jd_slab_at(&s, a), 1);
    jd_slab_give(&s, a);
    jd_slab_give(&s, b);
    jd_slab_free_all(&s);
}

Test(slab, memory_returns_and_holes_are_filled_again) {
    enum { N = 48 * 2048 }; // whole chunks
    struct jd_slab s;
    jd_slab_init(&s, 64, N);
    cr_assert_eq(N % (1u << s.shift), 0u);
    for (uint32_t i = 1; i <= N; i++)
        cr_assert_eq(jd_slab_take(&s), i);
    uint32_t full = n_chunks_held(&s), per_chunk = 1u << s.shift;
    for (uint32_t i = 1; i <= N / 2; i++)
        jd_slab_give(&s, i);
    cr_expect_leq(n_chunks_held(&s), full - N / 2 / per_chunk + 1);
    for (uint32_t i = 1; i <= N / 2; i++)
        cr_assert_neq(jd_slab_take(&s), 0u);
    cr_expect_eq(n_chunks_held(&s), full, "the directory does not creep");
    cr_expect_eq(s.n_chunks, full);
    for (uint32_t i = 1; i <= N; i++)
        jd_slab_give(&s, i);
    cr_expect_eq(s.used, 0u);
    cr_expect_eq(n_chunks_held(&s), 1u, "one is kept to spare");
    jd_slab_free_all(&s);
}

// At the edge of a chunk, one object back and forth costs no chunk each time.
Test(slab, the_edge_of_a_chunk_does_not_allocate) {
    struct jd_slab s;
    jd_slab_init(&s, 64, 100000);
    for (uint32_t i = 0; i < 1u << s.shift; i++)
        cr_assert_neq(jd_slab_take(&s), 0u);
    uint32_t index = jd_slab_take(&s);
    const struct jd_slab_chunk *second = s.dir[1];
    for (int i = 0; i < 100; i++) {
        jd_slab_give(&s, index);
        index = jd_slab_take(&s);
        cr_assert_eq(s.dir[1], second);
    }
    jd_slab_free_all(&s);
}

Test(slab, giving_object_zero_is_a_bug, .signal = SIGABRT) {
    struct jd_slab s;
    jd_slab_init(&s, 64, 10);
    cr_assert_neq(jd_slab_take(&s), 0u);
    jd_slab_give(&s, 0);
}

// ---- against a model: what is out, and the mark each object was given ----

enum { MODEL_MAX = 3000 };
struct model {
    struct jd_slab s;
    uint32_t out[MODEL_MAX];
    uint64_t mark[MODEL_MAX];
    uint32_t n;
};

static void model_take(struct model *m, struct rng *g) {
    uint32_t index = jd_slab_take(&m->s);
    cr_assert_eq(index == 0, m->n == MODEL_MAX);
    if (!index)
        return;
    uint64_t *object = jd_slab_at(&m->s, index), mark = rng_u64(g);
    for (size_t i = 0; i < m->s.obj_bytes / 8; i++) {
        cr_assert_eq(object[i], 0u, "handed out twice, or not cleared");
        object[i] = mark;
    }
    m->out[m->n] = index;
    m->mark[m->n++] = mark;
}

static void model_give(struct model *m, struct rng *g) {
    uint32_t i = (uint32_t)rng_below(g, m->n);
    const uint64_t *object = jd_slab_at(&m->s, m->out[i]);
    for (size_t k = 0; k < m->s.obj_bytes / 8; k++)
        cr_assert_eq(object[k], m->mark[i], "somebody wrote over an object");
    jd_slab_give(&m->s, m->out[i]);
    m->out[i] = m->out[--m->n];
    m->mark[i] = m->mark[m->n];
}

Test(slab, behaves_as_its_model) {
    static struct model m;
    struct rng g = rng_begin("slab");
    jd_slab_init(&m.s, 8 + rng_below(&g, 2000), MODEL_MAX);
    for (int step = 0; step < 100000; step++) {
        bool filling = (step / 5000) % 2 == 0; // waves, so that it fills up and runs empty
        if (m.n == 0 || rng_below(&g, 4) < (filling ? 3 : 1))
            model_take(&m, &g);
        else
            model_give(&m, &g);
        cr_assert_eq(m.s.used, m.n);
    }
    while (m.n)
        model_give(&m, &g);
    cr_expect_eq(n_chunks_held(&m.s), 1u);
    jd_slab_free_all(&m.s);
}
