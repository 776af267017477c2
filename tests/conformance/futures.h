// Futures in every state, of a scene with one worker, or several.
#ifndef TESTS_CONFORMANCE_FUTURES_H
#define TESTS_CONFORMANCE_FUTURES_H

#include <criterion/criterion.h>

#include "support/scene.h"

static inline jobd_future *square(struct scene *s, int64_t x) {
    return test_client_submit(&s->c, "demo.square", "i", x);
}

static inline jobd_future *succeeded(struct scene *s) {
    jobd_future *f = square(s, 7);
    cr_assert_eq(jobd_future_result(f, TEST_PATIENCE_MS, NULL), 0);
    return f;
}

static inline jobd_future *failed(struct scene *s) {
    jobd_future *f = test_client_submit(&s->c, "evil.fail", "ss", "os_error", "it was to fail");
    cr_assert_eq(jobd_future_result(f, TEST_PATIENCE_MS, NULL), JOBD_E_TASK);
    return f;
}

// With one worker that is occupied, a job waits until it is cancelled.
static inline jobd_future *cancelled(struct scene *s) {
    jobd_future *f = square(s, 8);
    cr_assert_eq(jobd_future_cancel(f, TEST_PATIENCE_MS), 1);
    return f;
}

// Frees the futures, opens the gate, ends the scene.
static inline void end_with(struct scene *s, jobd_future **fs, size_t n) {
    scene_open_gate(s);
    for (size_t i = 0; i < n; i++)
        jobd_future_unref(fs[i]);
    scene_end(s);
}

#endif
