#include "job.h"

#include <stdio.h>

#include "call.h"
#include "callback.h"
#include "ears.h"
#include "executor.h"
#include "loop.h"

void jd_job_on_submitted(jobd_future *f, const struct jd_msg *reply) {
    // A submit to an executor that could not be opened: tell why that was.
    const struct jd_fault *refusal = f->ex ? jd_executors_refusal(f->conn, f->ex->id) : NULL;
    if (reply->error == JOBD_E_NOENT && refusal) {
        jd_future_fail(f, reply->error, jd_text(""), jd_text(jd_fault_message(refusal)));
        return;
    }
    if (reply->error) {
        jd_future_fail(f, reply->error, jd_text(""), reply->text);
        return;
    }
    f->accepted = true;
    f->job_id = reply->u.submit_ok.job;
    f->job_state = JOBD_JOB_QUEUED;
}

void jd_job_on_attached(jobd_future *f, const struct jd_msg *reply) {
    if (reply->error)
        jd_future_fail(f, reply->error, jd_text(""), reply->text);
    else
        f->accepted = true;
}

void jd_job_on_cancelled(jobd_future *f, const struct jd_msg *reply) {
    bool won = !reply->error && reply->u.cancel_ok.cancelled;
    f->cancel = won ? JD_CANCEL_WON : JD_CANCEL_REFUSED; // won: its job.done comes, or came
    jobd_future_unref(f);
}

// The future an event speaks of; NULL = there is none, and the connection is dead now.
static jobd_future *find(jobd_conn *c, uint64_t handle, const char *event) {
    struct jd_entry *entry = jd_table_find(&c->handles, handle);
    jobd_future *f = entry ? entry->ptr : NULL;
    if (f && f->accepted)
        return f;
    jd_conn_fail(c, JOBD_E_PROTO, "the daemon sent %s for handle %u, which is no accepted job",
                 event, (unsigned)handle);
    return NULL;
}

static bool is_terminal(uint64_t state) {
    return state >= JOBD_JOB_DONE && state <= JOBD_JOB_LOST;
}

static double clamp_progress(double progress) { // not a number: 0
    return progress > 0 ? JD_MIN(progress, 1.0) : 0;
}

void jd_job_on_state(jobd_conn *c, const struct jd_job_state *event) {
    char text[JD_TEXT_MAX + 1];
    jobd_future *f = find(c, event->handle, "job.state");
    if (!f)
        return;
    if (is_terminal(event->state)) {
        jd_conn_fail(c, JOBD_E_PROTO, "the daemon ended a job with job.state");
        return;
    }
    bool running = event->state == JOBD_JOB_RUNNING;
    bool is_new = running && (f->state != JOBD_RUNNING || f->worker_pid != event->pid);
    f->state = running ? JOBD_RUNNING : JOBD_PENDING;
    f->job_state = (uint8_t)event->state;
    f->worker_pid = (uint32_t)event->pid;
    f->attempt = (uint8_t)event->attempt;
    f->progress = clamp_progress(event->progress);
    if (is_new && event->text.len == 0)
        snprintf(text, sizeof text, "running in worker %u", (unsigned)event->pid);
    else
        jd_text_copy(text, sizeof text, event->text);
    jd_ears_note(f, text); // may end f
}

void jd_job_on_log(jobd_conn *c, const struct jd_job_log *event) {
    char line[JD_TEXT_MAX + 1];
    jobd_future *f = find(c, event->handle, "job.log");
    if (!f)
        return;
    jd_text_copy(line, sizeof line, event->text);
    jd_ears_log(f, (int)event->level, line);
}

void jd_job_on_output(jobd_conn *c, const struct jd_job_output *event) {
    jobd_future *f = find(c, event->handle, "job.output");
    if (f)
        jd_ears_output(f, event->data);
}

// Do the state and the error of a job.done go together?
static bool is_outcome(const struct jd_job_done *event) {
    if (event->state < JOBD_JOB_DONE || event->error > INT32_MAX)
        return false;
    return event->state == JOBD_JOB_CANCELLED ||
           (event->state == JOBD_JOB_DONE) == (event->error == 0);
}

void jd_job_on_done(jobd_conn *c, const struct jd_job_done *event) {
    jobd_future *f = find(c, event->handle, "job.done");
    if (!f)
        return;
    if (!is_outcome(event)) {
        jd_conn_fail(c, JOBD_E_PROTO, "the daemon sent a job.done whose state and error disagree");
        return;
    }
    f->job_state = (uint8_t)event->state;
    f->run_ns = event->run_ns;
    f->status = (int16_t)event->status;
    if (event->pid != 0) {
        f->worker_pid = (uint32_t)event->pid;
        f->attempt = JD_MAX(f->attempt, 1);
    }
    f->attempt = (uint8_t)JD_MAX(f->attempt, event->attempt);
    bool kept = jd_future_keep(f, event->value); // of a chunk that failed: the results before
    if (event->state == JOBD_JOB_CANCELLED)
        jd_future_cancel(f);
    else if (event->error)
        jd_future_fail(f, -(int)event->error, event->name, event->text);
    else if (!kept)
        jd_future_fail(f, JOBD_E_NOMEM, jd_text(""), jd_text("no memory to keep the result"));
    else
        jd_future_succeed(f);
}

int jd_job_ask_cancel(jobd_future *f) {
    struct jd_msg msg = {.op = JD_OP_CANCEL, .u.cancel.handle = f->handle};
    if (f->cancel == JD_CANCEL_ASKED || f->cancel == JD_CANCEL_WON)
        return 0;
    int r = jd_calls_request(f->conn, &msg, f);
    if (r < 0)
        return r;
    jobd_future_ref(f);
    f->cancel = JD_CANCEL_ASKED;
    return 0;
}

int jd_job_ask_abort(jobd_future *f, int64_t grace_ms, bool force) {
    struct jd_msg msg = {.op = JD_OP_ABORT};
    msg.u.abort =
        (struct jd_abort){.handle = f->handle, .grace_ms = (uint64_t)grace_ms, .force = force};
    return jd_calls_request(f->conn, &msg, NULL);
}

static bool is_decided(const struct jd_wait *w) {
    return w->n_left == 0 || ((const jobd_future *)w->subject)->cancel == JD_CANCEL_REFUSED;
}

// Asks, and waits for the outcome. 0 = the future is done, or the daemon said no.
static int wait_cancel(jobd_future *f, int64_t timeout_ms) {
    struct jd_wait w = {.met = is_decided, .subject = f, .n_left = 1};
    if (timeout_ms != 0 && f->conn->n_callbacks > 0)
        return JOBD_E_DEADLK;
    int r = jd_job_ask_cancel(f);
    if (r < 0 || timeout_ms == 0)
        return r;
    f->waited = true;
    r = jd_loop_wait(f->conn, &w, jd_clock_deadline_ns(timeout_ms));
    f->waited = false;
    return r;
}

int jobd_future_cancel(jobd_future *f, int64_t timeout_ms) {
    int r = jd_conn_check(f->conn);
    if (r < 0)
        return r;
    jobd_future_ref(f); // a callback may drop the program's
    jd_callbacks_catch_up(f);
    if (!jd_future_is_done(f))
        r = wait_cancel(f, timeout_ms);
    if (r == 0)
        r = f->state == JOBD_CANCELLED;
    jobd_future_unref(f);
    return r;
}

int jobd_future_abort(jobd_future *f, int64_t grace_ms, bool force) {
    int r = jd_conn_check(f->conn);
    if (r == 0 && (grace_ms < 0 || grace_ms > INT64_MAX / JD_MS_NS))
        r = JOBD_E_INVAL;
    if (r < 0 || jd_future_is_done(f))
        return r;
    return jd_job_ask_abort(f, grace_ms, force);
}
