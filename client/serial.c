#include "serial.h"

#include <stdio.h>
#include <string.h>

#include "check.h"
#include "clock.h"
#include "fault.h"
#include "mem.h"
#include "msg.h"
#include "pack.h"

// Memory of the running task: freed when it returns.
struct block {
    struct block *next;
    _Alignas(max_align_t) unsigned char bytes[];
};

struct jobd_task_ctx {
    const struct jd_serial *serial;
    struct block *blocks;
    struct jd_buf value;
    int value_err; // why the last result was not taken
    uint64_t started_ns;
    char name[JD_ERROR_NAME_MAX + 1]; // as it failed
    char message[sizeof(((jobd_error *)0)->message)];
};

// ---- the host table ----

static int host_result(jobd_task_ctx *ctx, jobd_bytes value) {
    ctx->value.pos = ctx->value.len = 0;
    if (value.len == 0 || jd_check_one(value.data, value.len) != value.len)
        ctx->value_err = JOBD_E_INVAL;
    else
        ctx->value_err = jd_buf_append(&ctx->value, value.data, value.len);
    if (ctx->value_err == JOBD_E_MSGSIZE)
        ctx->value_err = JOBD_E_RESULT_TOO_BIG;
    return ctx->value_err;
}

static int host_fail(jobd_task_ctx *ctx, const char *name, const char *message) {
    snprintf(ctx->name, sizeof ctx->name, "%s", name ? name : "");
    snprintf(ctx->message, sizeof ctx->message, "%s", message ? message : "");
    return JOBD_E_TASK;
}

static bool host_cancelled(const jobd_task_ctx *ctx) {
    (void)ctx;
    return false;
}

static int64_t host_time_left_ms(const jobd_task_ctx *ctx) {
    (void)ctx;
    return JOBD_FOREVER;
}

static int host_progress(jobd_task_ctx *ctx, double fraction, const char *note) {
    (void)ctx, (void)fraction, (void)note;
    return 0;
}

static JD_PRINTF(3, 4) void host_log(jobd_task_ctx *ctx, int level, const char *fmt, ...) {
    (void)ctx, (void)level, (void)fmt; // libraries do not print, and there is no daemon here
}

static void *host_alloc(jobd_task_ctx *ctx, size_t n) {
    struct block *block = n > SIZE_MAX - sizeof *block ? NULL : jd_alloc(sizeof *block + n);
    if (!block)
        return NULL;
    block->next = ctx->blocks;
    ctx->blocks = block;
    return block->bytes;
}

static uint64_t host_job_id(const jobd_task_ctx *ctx) {
    (void)ctx;
    return 0;
}

static uint32_t host_attempt(const jobd_task_ctx *ctx) {
    (void)ctx;
    return 1;
}

static uint64_t host_now_ns(const jobd_task_ctx *ctx) {
    (void)ctx;
    return jd_clock_ns();
}

static uint64_t host_started_ns(const jobd_task_ctx *ctx) {
    return ctx->started_ns;
}

static uint32_t host_item(const jobd_task_ctx *ctx, uint32_t *ret_n) {
    (void)ctx;
    if (ret_n)
        *ret_n = 1;
    return 0;
}

// Each of the arguments in turn; the first failure ends it.
static int map_into(jobd_task_ctx *ctx, jobd_reader *r, const jobd_task_def *task,
                    struct jd_buf *b) {
    uint32_t n;
    jobd_bytes args;
    jobd_error why;
    if (jobd_read_array(r, &n) < 0)
        return JOBD_E_INVAL;
    msgpack_packer pk = jd_packer_of(b);
    int failed = msgpack_pack_array(&pk, n);
    for (uint32_t i = 0; i < n && !failed; i++) {
        if (jobd_read_type(r) != JOBD_T_ARRAY || jobd_read_raw(r, &args) < 0)
            return JOBD_E_INVAL;
        failed = jd_serial_run(ctx->serial, task, args, b, &why);
        if (failed)
            host_fail(ctx, why.name, why.message);
    }
    return failed;
}

static int call_map(jobd_task_ctx *ctx, jobd_bytes params, jobd_bytes *ret) {
    jobd_reader r = jobd_reader_of(params);
    uint32_t n;
    jobd_bytes name;
    if (jobd_read_array(&r, &n) < 0 || n != 2 || jobd_read_str(&r, &name) < 0)
        return JOBD_E_INVAL;
    const jobd_task_def *task = jd_serial_find(ctx->serial, name);
    if (!task) {
        host_fail(ctx, "", "a task called another that is not among the serial loop's tasks");
        return JOBD_E_NOTASK;
    }
    struct jd_buf b;
    jd_buf_init(&b, UINT32_MAX);
    int failed = map_into(ctx, &r, task, &b);
    jobd_bytes results = jd_buf_view(&b);
    void *kept = failed ? NULL : host_alloc(ctx, results.len);
    if (kept) {
        memcpy(kept, results.data, results.len);
        *ret = (jobd_bytes){kept, results.len};
    }
    jd_buf_free(&b);
    return failed ? failed : kept ? 0 : JOBD_E_NOMEM;
}

static int host_call(jobd_task_ctx *ctx, const char *what, jobd_bytes params, int64_t timeout_ms,
                     jobd_bytes *ret) {
    (void)timeout_ms; // nothing here can be waited for, or stopped half-way
    if (!what || strcmp(what, "map") != 0)
        return JOBD_E_NOTSUP;
    return call_map(ctx, params, ret);
}

static uint32_t host_n_pipes(const jobd_task_ctx *ctx) {
    (void)ctx;
    return 0;
}

static int host_pipe_send(jobd_task_ctx *ctx, uint32_t pipe, jobd_bytes message,
                          int64_t timeout_ms) {
    (void)ctx, (void)pipe, (void)message, (void)timeout_ms;
    return JOBD_E_NOENT;
}

static int host_pipe_recv(jobd_task_ctx *ctx, uint32_t pipe, int64_t timeout_ms, jobd_bytes *ret) {
    (void)ctx, (void)pipe, (void)timeout_ms, (void)ret;
    return JOBD_E_NOENT;
}

static int host_pipe_poll(jobd_task_ctx *ctx, uint32_t pipe, int64_t timeout_ms) {
    (void)ctx, (void)pipe, (void)timeout_ms;
    return JOBD_E_NOENT;
}

static int host_pipe_close(jobd_task_ctx *ctx, uint32_t pipe) {
    (void)ctx, (void)pipe;
    return JOBD_E_NOENT;
}

static const jobd_integrand_def *host_integrand(const jobd_task_ctx *ctx, jobd_bytes name) {
    (void)ctx, (void)name;
    return NULL;
}

static const jobd_host serial_host = {
    .struct_size = sizeof(jobd_host),
    .abi_major = JOBD_TASK_ABI_MAJOR,
    .abi_minor = JOBD_TASK_ABI_MINOR,
    .result = host_result,
    .fail = host_fail,
    .cancelled = host_cancelled,
    .time_left_ms = host_time_left_ms,
    .progress = host_progress,
    .log = host_log,
    .alloc = host_alloc,
    .job_id = host_job_id,
    .attempt = host_attempt,
    .now_ns = host_now_ns,
    .started_ns = host_started_ns,
    .item = host_item,
    .call = host_call,
    .n_pipes = host_n_pipes,
    .pipe_send = host_pipe_send,
    .pipe_recv = host_pipe_recv,
    .pipe_poll = host_pipe_poll,
    .pipe_close = host_pipe_close,
    .integrand = host_integrand,
};

// ---- a run ----

const jobd_task_def *jd_serial_find(const struct jd_serial *s, jobd_bytes name) {
    for (size_t i = 0; i < s->n_tasks; i++) {
        jobd_bytes known = jd_text(s->tasks[i].name);
        if (known.len == name.len && memcmp(known.data, name.data, name.len) == 0)
            return &s->tasks[i];
    }
    return NULL;
}

static int set_error(jobd_error *reterr, int code, const char *name, const char *message) {
    jd_error_set(reterr, code, "%s", message);
    if (reterr)
        snprintf(reterr->name, sizeof reterr->name, "%s", name);
    return code;
}

// How a run ended, in the words of a worker. 0 | JOBD_E_*.
static int outcome(const jobd_task_ctx *ctx, int returned, jobd_error *reterr) {
    if (ctx->value_err && (returned == 0 || returned == ctx->value_err)) {
        if (ctx->value_err == JOBD_E_INVAL)
            return set_error(reterr, JOBD_E_TASK, "bad_result",
                             "the task's result is not exactly one msgpack value");
        return set_error(reterr, ctx->value_err, "", jobd_strerror(ctx->value_err));
    }
    if (returned == 0)
        return 0;
    if (ctx->name[0] || ctx->message[0])
        return set_error(reterr, JOBD_E_TASK, ctx->name, ctx->message);
    return jd_error_set(reterr, JOBD_E_TASK, "the task returned %d", returned);
}

int jd_serial_run(const struct jd_serial *s, const jobd_task_def *task, jobd_bytes args,
                  struct jd_buf *b, jobd_error *reterr) {
    static const uint8_t nil[] = {0xc0};
    struct jobd_task_ctx ctx = {.serial = s, .started_ns = jd_clock_ns()};
    jd_buf_init(&ctx.value, JD_FRAME_MAX_BYTES - JD_ENVELOPE_BYTES);
    int returned = task->fn(&serial_host, &ctx, args);
    int r = outcome(&ctx, returned, reterr);
    if (r == 0) {
        jobd_bytes value = jd_buf_view(&ctx.value);
        r = value.len ? jd_buf_append(b, value.data, value.len) : jd_buf_append(b, nil, 1);
        if (r < 0)
            set_error(reterr, r, "", jobd_strerror(r));
    }
    while (ctx.blocks) {
        struct block *next = ctx.blocks->next;
        jd_free(ctx.blocks);
        ctx.blocks = next;
    }
    jd_buf_free(&ctx.value);
    return r;
}
