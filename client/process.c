// A process is a job of its own: what runs, how it ended and what it wrote are its future's. Here
// is what multiprocessing.Process adds to that: a life that begins once, and an exit code.
//
//   new --start--> started --the future is done--> ended --close--> closed
//    `------------------------close---------------------------------^
//
// A program is the task "exec", whose arguments are [argv, env, cwd].
#include <signal.h>
#include <string.h>

#include "call.h"
#include "conn.h"
#include "ears.h"
#include "future.h"
#include "loop.h"
#include "mem.h"
#include "options.h"
#include "pack.h"
#include "pipe.h"
#include "stream.h"
#include "submit.h"

enum { SIGNAL_MAX = 64 };

struct jobd_process {
    jobd_conn *conn;     // holds a reference
    jobd_future *future; // owned; NULL before start and after close
    bool closed;
    bool keep;
    char task[JD_NAME_MAX + 1];
    char label[JD_NAME_MAX + 1];
    struct jd_buf args; // until it has started
    int64_t time_limit_ms;
    uint32_t n_pipes;
    jobd_pipe *pipes[JD_PIPES_MAX]; // borrowed, until it has started
    jobd_output_fn on_output;
    void *on_output_arg;
};

// ---- what to run ----

static bool pipes_ok(const jobd_process_options *o) {
    if (o->n_pipes > JD_PIPES_MAX || (o->n_pipes > 0 && !o->pipes))
        return false;
    for (size_t i = 0; i < o->n_pipes; i++) {
        if (!o->pipes[i])
            return false;
        for (size_t k = 0; k < i; k++) {
            if (o->pipes[k] == o->pipes[i])
                return false;
        }
    }
    return true;
}

static bool env_ok(const char *const *env) {
    for (; env && *env; env++) {
        const char *sign = strchr(*env, '=');
        if (!sign || sign == *env)
            return false;
    }
    return true;
}

static bool options_ok(const jobd_process_options *o) {
    if (o->time_limit_ms < 0 || o->time_limit_ms > INT64_MAX / JD_MS_NS || !pipes_ok(o))
        return false;
    if (o->name && (o->name[0] == '\0' || strnlen(o->name, JD_NAME_MAX + 1) > JD_NAME_MAX))
        return false;
    if (o->argv)
        return !o->task && !o->args.data && o->argv[0] && o->argv[0][0] && env_ok(o->env);
    return o->task && jd_name_ok(jd_text(o->task), JD_NAME_MAX) && !o->env && !o->cwd &&
           (o->args.data || o->args.len == 0);
}

static int pack_texts(msgpack_packer *pk, const char *const *texts) {
    size_t n = 0;
    while (texts && texts[n])
        n++;
    int r = msgpack_pack_array(pk, n);
    for (size_t i = 0; r == 0 && i < n; i++)
        r = jd_pack_str(pk, jd_text(texts[i]));
    return r;
}

static int pack_program(struct jd_buf *b, const jobd_process_options *o) {
    msgpack_packer pk = jd_packer_of(b);
    int r = msgpack_pack_array(&pk, 3);
    r = r ? r : pack_texts(&pk, o->argv);
    r = r ? r : pack_texts(&pk, o->env);
    return r ? r : jd_pack_str(&pk, jd_text(o->cwd ? o->cwd : ""));
}

static int pack_args(struct jd_buf *b, const jobd_process_options *o) {
    static const char none[] = "\x90"; // []
    if (o->argv)
        return pack_program(b, o);
    if (o->args.len == 0)
        return jd_buf_append(b, none, 1);
    return jd_buf_append(b, o->args.data, o->args.len);
}

static void set_names(jobd_process *p, const jobd_process_options *o) {
    const char *name = o->name ? o->name : o->task;
    if (!name) { // a program, without the way to it
        const char *slash = strrchr(o->argv[0], '/');
        name = slash && slash[1] ? slash + 1 : o->argv[0];
    }
    jd_text_copy(p->task, sizeof p->task, jd_text(o->task ? o->task : "exec"));
    jd_text_copy(p->label, sizeof p->label, jd_text(name));
}

int jobd_process_new(jobd_conn *conn, const jobd_process_options *opts, jobd_process **ret) {
    jobd_process_options o = {0};
    int r = jd_conn_check(conn);
    r = r ? r : jd_options_copy(&o, sizeof o, opts);
    if (r < 0)
        return r;
    if (conn->dead)
        return JOBD_E_CLOSED;
    if (!ret || !options_ok(&o))
        return JOBD_E_INVAL;
    jobd_process *p = jd_alloc(sizeof *p);
    if (!p)
        return JOBD_E_NOMEM;
    *p = (jobd_process){
        .conn = conn,
        .keep = o.keep,
        .time_limit_ms = o.time_limit_ms,
        .n_pipes = (uint32_t)o.n_pipes,
        .on_output = o.on_output,
        .on_output_arg = o.on_output_arg,
    };
    set_names(p, &o);
    if (o.n_pipes > 0)
        memcpy(p->pipes, o.pipes, o.n_pipes * sizeof *o.pipes);
    jd_buf_init(&p->args, JD_FRAME_MAX_BYTES);
    jd_conn_ref(conn);
    r = pack_args(&p->args, &o);
    if (r < 0) {
        jobd_process_free(p);
        return r;
    }
    *ret = p;
    return 0;
}

// ---- its life ----

// May this call go on? 0 | JOBD_E_INVAL | JOBD_E_FORKED | JOBD_E_STATE.
static int check(const jobd_process *p, bool started) {
    int r = p ? jd_conn_check(p->conn) : JOBD_E_INVAL;
    if (r == 0 && (p->closed || (started && !p->future)))
        r = JOBD_E_STATE;
    return r;
}

// With its pipes, which it takes if that succeeds.
static int submit(jobd_process *p) {
    int fds[JD_PIPES_MAX] = {0};
    for (uint32_t i = 0; i < p->n_pipes; i++) {
        int r = jd_pipe_check(p->pipes[i]);
        if (r < 0)
            return r;
        fds[i] = jobd_pipe_fd(p->pipes[i]);
    }
    struct jd_process process = {
        .task = jd_text(p->task),
        .args = jd_buf_view(&p->args),
        .n_pipes = p->n_pipes,
        .time_limit_ms = (uint64_t)p->time_limit_ms,
        .label = jd_text(p->label),
        .detached = p->keep,
        .output = p->on_output,
    };
    int r = jd_submit_process(p->conn, &process, fds, &p->future);
    if (r < 0)
        return r;
    for (uint32_t i = 0; i < p->n_pipes; i++)
        jd_pipe_release(p->pipes[i]);
    return 0;
}

int jobd_process_start(jobd_process *p) {
    int r = check(p, false);
    if (r < 0)
        return r;
    if (p->future)
        return JOBD_E_STATE;
    if (p->conn->dead)
        return JOBD_E_CLOSED;
    r = submit(p);
    if (r < 0)
        return r;
    jd_buf_free(&p->args);
    if (p->on_output)
        r = jd_future_on_output(p->future, p->on_output, p->on_output_arg);
    if (r < 0) // it would write and nobody would hear it
        (void)jobd_future_abort(p->future, 0, true);
    // A program may go on with nothing but a pipe: it is not to wait for the next call here.
    jd_stream_send(p->conn);
    return r;
}

bool jobd_process_is_alive(const jobd_process *p) {
    return p && p->future && !jd_future_is_done(p->future);
}

jobd_future *jobd_process_sentinel(jobd_process *p) {
    return p ? p->future : NULL;
}

int jobd_process_close(jobd_process *p) {
    int r = check(p, false);
    if (r == 0 && jobd_process_is_alive(p))
        r = JOBD_E_STATE;
    if (r < 0)
        return r;
    jobd_future_unref(p->future);
    p->future = NULL;
    p->closed = true;
    return 0;
}

void jobd_process_free(jobd_process *p) {
    if (!p)
        return;
    if (p->on_output && p->future) // the future lives on with the process
        jd_future_drop_output(p->future);
    jobd_future_unref(p->future);
    jd_buf_free(&p->args);
    jd_conn_unref(p->conn);
    jd_free(p);
}

// ---- its end ----

// 1 it has ended, *ret says how | 0 not yet | why no end of it is known: it could not be started, or
// the connection is gone.
static int outcome(const jobd_future *f, int *ret) {
    if (!jd_future_is_done(f))
        return 0;
    switch (f->job_state) {
    case JOBD_JOB_DONE:
        *ret = f->status;
        return 1;
    case JOBD_JOB_FAILED:
        if (f->worker_pid == 0 || f->error == JOBD_E_SYS) // no task fails so
            return f->error;
        *ret = f->status ? f->status : 1;
        return 1;
    case JOBD_JOB_CANCELLED:
    case JOBD_JOB_KILLED:
    case JOBD_JOB_TIMED_OUT:
    case JOBD_JOB_LOST:
        *ret = f->status ? f->status : -SIGKILL;
        return 1;
    default:
        return f->error;
    }
}

int jobd_process_join(jobd_process *p, int64_t timeout_ms) {
    int status, r = check(p, true);
    if (r < 0)
        return r;
    jobd_future *f = jobd_future_ref(p->future); // a callback may free the process
    r = jobd_wait(&f, 1, JOBD_ALL_COMPLETED, timeout_ms, NULL);
    if (r > 0)
        r = outcome(f, &status);
    jobd_future_unref(f);
    return r;
}

int jobd_process_exitcode(const jobd_process *p, int *ret) {
    int status, r = check(p, false);
    if (r < 0 || !ret)
        return r < 0 ? r : JOBD_E_INVAL;
    r = p->future ? outcome(p->future, &status) : 0;
    if (r > 0)
        *ret = status;
    return r;
}

static bool runs_or_done(const struct jd_wait *w) {
    return w->n_left == 0 || ((const jobd_future *)w->subject)->worker_pid != 0;
}

// Waits until it runs. 0 = it does, or it is done.
static int wait_runs(jobd_future *f, int64_t timeout_ms) {
    struct jd_wait w = {.met = runs_or_done, .subject = f, .n_left = 1};
    if (f->worker_pid != 0 || jd_future_is_done(f))
        return 0;
    if (f->conn->n_callbacks > 0)
        return timeout_ms == 0 ? JOBD_E_TIMEOUT : JOBD_E_DEADLK;
    f->waited = true;
    int r = jd_loop_wait(f->conn, &w, jd_clock_deadline_ns(timeout_ms));
    f->waited = false;
    return r;
}

int jobd_process_pid(jobd_process *p, int64_t timeout_ms, int64_t *ret) {
    int r = check(p, true);
    if (r < 0 || !ret)
        return r < 0 ? r : JOBD_E_INVAL;
    jobd_future *f = jobd_future_ref(p->future);
    r = wait_runs(f, timeout_ms);
    if (r == 0 && f->worker_pid == 0)
        r = JOBD_E_STATE;
    if (r == 0)
        *ret = f->worker_pid;
    jobd_future_unref(f);
    return r;
}

// ---- signals ----

// The wish leaves at once, if the socket takes it: who asks for this seldom waits for anything else.
int jobd_process_signal(jobd_process *p, int signal) {
    int r = check(p, true);
    if (r < 0 || signal < 1 || signal > SIGNAL_MAX)
        return r < 0 ? r : JOBD_E_INVAL;
    if (jd_future_is_done(p->future))
        return 0;
    struct jd_msg msg = {.op = JD_OP_SIGNAL};
    msg.u.signal = (struct jd_signal){.handle = p->future->handle, .signal = (uint64_t)signal};
    r = jd_calls_request(p->conn, &msg, NULL);
    if (r == 0)
        jd_stream_send(p->conn);
    return r;
}

int jobd_process_terminate(jobd_process *p) {
    return jobd_process_signal(p, SIGTERM);
}

int jobd_process_kill(jobd_process *p) {
    int r = check(p, true);
    r = r ? r : jobd_future_abort(p->future, 0, true);
    if (r == 0)
        jd_stream_send(p->conn);
    return r;
}
