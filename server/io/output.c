#include "io/output.h"

#include <string.h>
#include <unistd.h>

#include "io/loop.h"
#include "log.h"

static void keep_tail(struct output *o, const char *p, size_t n) {
    if (n > OUTPUT_TAIL_BYTES) {
        p += n - OUTPUT_TAIL_BYTES;
        n = OUTPUT_TAIL_BYTES;
    }
    size_t stay = JD_MIN(o->n_tail, OUTPUT_TAIL_BYTES - n);
    memmove(o->tail, o->tail + o->n_tail - stay, stay);
    memcpy(o->tail + stay, p, n);
    o->n_tail = (uint32_t)(stay + n);
}

static void report_dropped(struct output *o) {
    if (o->n_dropped > 0)
        jd_log(JD_LOG_WARN, "worker.output.dropped", "worker=%u pid=%u lines=%u", o->worker, o->pid,
               o->n_dropped);
    o->n_dropped = 0;
}

static void end_line(struct output *o) {
    char quoted[OUTPUT_LINE_BYTES + OUTPUT_LINE_BYTES / 2];
    if (o->loop->now_ns - o->since_ns >= NS_PER_S) {
        report_dropped(o);
        o->since_ns = o->loop->now_ns;
        o->n_logged = 0;
    }
    if (o->n_logged < OUTPUT_LINES_PER_S) {
        jobd_bytes text = {o->line, o->n_line};
        jd_log(JD_LOG_INFO, "worker.output", "worker=%u pid=%u text=%s", o->worker, o->pid,
               jd_log_quote(quoted, sizeof quoted, text));
        o->n_logged++;
    } else {
        o->n_dropped++;
    }
    o->n_line = 0;
}

static void add_to_line(struct output *o, const char *p, size_t n) {
    n = JD_MIN(n, sizeof o->line - o->n_line);
    memcpy(o->line + o->n_line, p, n);
    o->n_line += (uint32_t)n;
}

static void log_lines(struct output *o, const char *p, size_t n) {
    for (const char *end = p + n; p < end;) {
        const char *eol = memchr(p, '\n', (size_t)(end - p));
        add_to_line(o, p, (size_t)((eol ? eol : end) - p));
        if (!eol)
            return;
        end_line(o);
        p = eol + 1;
    }
}

// Bytes read; 0 = nothing there, or nobody is left who could write.
static size_t read_some(struct output *o) {
    char data[OUTPUT_READ_BYTES];
    ssize_t n = read(o->fd, data, sizeof data);
    if (n == 0)
        uv_poll_stop(&o->poll);
    if (n <= 0)
        return 0;
    keep_tail(o, data, (size_t)n);
    if (o->tell)
        pump_feed(
            &o->loop->pump,
            &(struct event){.kind = EVENT_OUTPUT, .worker = o->worker, .text = {data, (size_t)n}});
    else
        log_lines(o, data, (size_t)n);
    return (size_t)n;
}

static void read_pipe(struct output *o, size_t most) {
    for (size_t total = 0, n; !o->held && total < most && (n = read_some(o)) > 0; total += n)
        continue;
}

static void on_ready(uv_poll_t *handle, int status, int events) {
    struct output *o = JD_CONTAINER(handle, struct output, poll);
    (void)status;
    (void)events;
    loop_now(o->loop);
    read_pipe(o, OUTPUT_TURN_BYTES);
}

void output_init(struct output *o, struct loop *loop, int fd, uint32_t worker, uint32_t pid) {
    o->loop = loop;
    o->fd = fd;
    o->worker = worker;
    o->pid = pid;
    o->since_ns = loop->now_ns;
}

void output_start(struct output *o) {
    uv_poll_start(&o->poll, UV_READABLE, on_ready);
}

void output_hold(struct output *o, bool hold) {
    if (o->held == hold || uv_is_closing((uv_handle_t *)&o->poll))
        return;
    o->held = hold;
    if (hold)
        uv_poll_stop(&o->poll);
    else
        output_start(o);
}

void output_catch_up(struct output *o) {
    if (o->tell)
        read_pipe(o, OUTPUT_TURN_BYTES);
}

void output_drain(struct output *o) {
    o->held = false;
    read_pipe(o, OUTPUT_LAST_BYTES);
    if (o->n_line > 0)
        end_line(o);
    report_dropped(o);
}

jobd_bytes output_last_words(const struct output *o) {
    size_t end = o->n_tail;
    while (end > 0 && o->tail[end - 1] == '\n')
        end--;
    size_t first = end > OUTPUT_WORDS_BYTES ? end - OUTPUT_WORDS_BYTES : 0, begin = first;
    while (begin > 0 && begin < end && o->tail[begin - 1] != '\n')
        begin++;
    if (begin == end) // one line longer than that
        begin = first;
    return (jobd_bytes){o->tail + begin, end - begin};
}
