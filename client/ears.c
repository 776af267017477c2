#include "ears.h"

#include "callback.h"
#include "loop.h"
#include "mem.h"

enum { OUTPUT_KEPT_BYTES = 1024 * 1024 }; // while calls wait for other futures; the rest is lost

struct jd_ears {
    jobd_note_fn note_fn;
    jobd_log_fn log_fn;
    jobd_output_fn output_fn;
    void *note_arg;
    void *log_arg;
    void *output_arg;
    char *note;           // owned: the last note that could not be told yet
    struct jd_buf output; // what could not be told yet
};

static struct jd_ears *ears_of(jobd_future *f) {
    if (!f->ears) {
        f->ears = jd_zalloc(sizeof *f->ears);
        if (f->ears)
            jd_buf_init(&f->ears->output, OUTPUT_KEPT_BYTES);
    }
    return f->ears;
}

// Only the last note is kept: it is the one that is still true.
static char *swap_note(struct jd_ears *ears, char *note) {
    char *old = ears->note;
    ears->note = note;
    return old;
}

// Around each function of the program's: it may drop its references and close the connection.
static void begin(jobd_future *f) {
    jobd_future_ref(f);
    jd_conn_callback_begin(f->conn);
}

static void end(jobd_future *f) {
    jd_conn_callback_end(f->conn);
    jobd_future_unref(f);
}

static void tell_note(jobd_future *f, const char *text) {
    begin(f);
    f->ears->note_fn(f, text, f->ears->note_arg);
    end(f);
}

static void tell_output(jobd_future *f, jobd_bytes data) {
    begin(f);
    f->ears->output_fn(f, data, f->ears->output_arg);
    end(f);
}

void jd_ears_note(jobd_future *f, const char *text) {
    struct jd_ears *ears = f->ears;
    if (!ears || !ears->note_fn || f->conn->silent)
        return;
    bool may_run = jd_callbacks_may_run(f);
    jd_free(swap_note(ears, may_run ? NULL : jd_strdup(text)));
    if (may_run)
        tell_note(f, text);
    else if (ears->note) // without memory for it, this note is lost and the future is not
        jd_callbacks_queue(f);
}

void jd_ears_log(jobd_future *f, int level, const char *line) {
    struct jd_ears *ears = f->ears;
    if (!ears || !ears->log_fn || f->conn->silent || !jd_callbacks_may_run(f))
        return;
    begin(f);
    ears->log_fn(f, level, line, ears->log_arg);
    end(f);
}

// The bytes that are kept go first. They are taken out before: the function may look for more.
static void tell_kept_output(jobd_future *f) {
    struct jd_buf kept = f->ears->output;
    if (jd_buf_used(&kept) == 0)
        return;
    jd_buf_init(&f->ears->output, OUTPUT_KEPT_BYTES);
    if (f->ears->output_fn && !f->conn->silent)
        tell_output(f, jd_buf_view(&kept));
    jd_buf_free(&kept);
}

void jd_ears_output(jobd_future *f, jobd_bytes data) {
    struct jd_ears *ears = f->ears;
    if (!ears || !ears->output_fn || f->conn->silent || data.len == 0)
        return;
    if (jd_callbacks_may_run(f)) {
        jobd_future_ref(f);
        tell_kept_output(f);
        if (ears->output_fn)
            tell_output(f, data);
        jobd_future_unref(f);
    } else if (jd_buf_append(&ears->output, data.data, data.len) == 0) {
        jd_callbacks_queue(f);
    }
}

bool jd_ears_wait(const jobd_future *f) {
    return f->ears && (f->ears->note || jd_buf_used(&f->ears->output) > 0);
}

void jd_ears_catch_up(jobd_future *f) {
    if (!f->ears)
        return;
    tell_kept_output(f);
    char *note = swap_note(f->ears, NULL);
    if (note && f->ears->note_fn && !jd_future_is_done(f) && !f->conn->silent)
        tell_note(f, note);
    jd_free(note);
}

void jd_ears_free(jobd_future *f) {
    if (!f->ears)
        return;
    jd_free(f->ears->note);
    jd_buf_free(&f->ears->output);
    jd_free(f->ears);
    f->ears = NULL;
}

// May functions still be set? 1 | 0 there is nothing to do | JOBD_E_*.
static int prepare(jobd_future *f, bool any) {
    int r = jd_conn_check(f->conn);
    if (r < 0)
        return r;
    if (jd_future_is_done(f))
        return JOBD_E_STATE;
    if (!any && !f->ears)
        return 0;
    return ears_of(f) ? 1 : JOBD_E_NOMEM;
}

int jobd_future_on_note(jobd_future *f, jobd_note_fn fn, void *arg) {
    int r = prepare(f, fn);
    if (r <= 0)
        return r;
    f->ears->note_fn = fn;
    f->ears->note_arg = arg;
    if (!fn)
        jd_free(swap_note(f->ears, NULL));
    return 0;
}

int jobd_future_on_log(jobd_future *f, jobd_log_fn fn, void *arg) {
    int r = prepare(f, fn);
    if (r <= 0)
        return r;
    f->ears->log_fn = fn;
    f->ears->log_arg = arg;
    return 0;
}

int jd_future_on_output(jobd_future *f, jobd_output_fn fn, void *arg) {
    int r = prepare(f, fn);
    if (r <= 0)
        return r;
    f->ears->output_fn = fn;
    f->ears->output_arg = arg;
    return 0;
}

void jd_future_drop_output(jobd_future *f) {
    if (f->ears)
        f->ears->output_fn = NULL;
}
