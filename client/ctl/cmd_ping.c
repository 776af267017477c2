// jobctl ping: round trips to a worker, through the daemon and back, one at a time.
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ctl.h"
#include "mem.h"
#include "number.h"

enum {
    COUNT_MAX = 10000000,
    ECHO_BYTES = 32, // what the answer holds besides the payload: the heads, and two times
    KEY_COUNT = 'c',
    KEY_SIZE = 's',
};

struct pinging {
    struct ctl *ctl;
    uint64_t count;
    uint64_t size_bytes;
    unsigned char *payload;
    jobd_executor *executor;
    double *rtt_us; // of those that came back
    size_t n_done;
    int64_t worker_pid; // of the last
};

static const struct argp_option options[] = {
    {"count", KEY_COUNT, "N", 0, "round trips (default: 10)", 0},
    {"size", KEY_SIZE, "BYTES", 0, "payload there and back (default: 0)", 0},
    {0},
};

static error_t on_option(int key, char *arg, struct argp_state *state) {
    struct pinging *p = state->input;
    switch (key) {
    case KEY_COUNT:
        return number_parse_count(p->ctl, "N", arg, COUNT_MAX, &p->count);
    case KEY_SIZE:
        return number_parse_count(p->ctl, "BYTES", arg, UINT32_MAX, &p->size_bytes);
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct ctl_syntax syntax = {
    .argp = {.options = options,
             .parser = on_option,
             .doc = "Measure round trips through the daemon to a worker and back: submit, run, "
                    "result. Every payload is compared with its echo.\n\n"
                    "  jobctl ping\n"
                    "  jobctl ping -c 1000 -s 4096 --json\n"},
};

static int check_echo(const struct pinging *p, jobd_bytes value) {
    jobd_reader r = jobd_reader_of(value);
    uint32_t n;
    uint64_t received_ns, sent_ns;
    jobd_bytes echo;
    jobd_read_array(&r, &n);
    jobd_read_u64(&r, &received_ns);
    jobd_read_u64(&r, &sent_ns);
    jobd_read_bin(&r, &echo);
    if (r.err)
        return JOBD_E_PROTO;
    bool same = echo.len == p->size_bytes && memcmp(echo.data, p->payload, echo.len) == 0;
    return same ? 0 : JOBD_E_PROTO;
}

static void show(const struct pinging *p, double rtt_us) {
    if (!p->ctl->json)
        printf("%" PRIu64 " bytes from worker %" PRId64 ": seq=%zu time=%.1f us\n", p->size_bytes,
               p->worker_pid, p->n_done, rtt_us);
}

static int collect(struct pinging *p, jobd_future *f, uint64_t begin_ns) {
    double rtt_us = (double)(ctl_now_ns() - begin_ns) / 1e3;
    jobd_bytes value;
    if (jobd_future_result(f, 0, &value) < 0)
        return ctl_fail_job(p->ctl, f, "ping, job", NULL);
    if (check_echo(p, value))
        return ctl_fail_call(p->ctl, JOBD_E_PROTO, "trust the worker: its echo is another one");
    jobd_job_info info = {.struct_size = sizeof(info)};
    jobd_future_info(f, &info);
    p->worker_pid = info.worker_pid;
    p->rtt_us[p->n_done++] = rtt_us;
    show(p, rtt_us);
    return CTL_DONE;
}

static int ping_once(struct pinging *p, jobd_bytes args) {
    jobd_future *f;
    uint64_t begin_ns = ctl_now_ns();
    int r = jobd_submit(p->executor, "ping", args, NULL, &f);
    if (r)
        return ctl_fail_call(p->ctl, r, "submit a ping");
    if (ctl_await(p->ctl, f))
        r = ctl_fail_stopped(p->ctl, "not all round trips were made");
    else
        r = collect(p, f, begin_ns);
    jobd_future_unref(f);
    return r;
}

// ---- The sums ----

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static int print_summary(struct pinging *p) {
    size_t n = p->n_done;
    double sum_us = 0;
    for (size_t i = 0; i < n; i++)
        sum_us += p->rtt_us[i];
    qsort(p->rtt_us, n, sizeof(*p->rtt_us), compare);
    double least = p->rtt_us[0], most = p->rtt_us[n - 1], mean = sum_us / (double)n;
    double p99 = p->rtt_us[(99 * n + 99) / 100 - 1]; // the least that 99 % do not exceed
    if (p->ctl->json)
        return ctl_print_json(p->ctl, json_pack("{s:I, s:I, s:f, s:f, s:f, s:f, s:I}", "count",
                                                (json_int_t)n, "bytes", (json_int_t)p->size_bytes,
                                                "min_us", least, "avg_us", mean, "max_us", most,
                                                "p99_us", p99, "pid", (json_int_t)p->worker_pid));
    printf("%zu round trip%s: min/avg/max/p99 = %.1f/%.1f/%.1f/%.1f us\n", n, n == 1 ? "" : "s",
           least, mean, most, p99);
    return CTL_DONE;
}

static int ping_all(struct pinging *p) {
    jobd_args *a = jobd_args_new();
    jobd_bytes args = {.len = 0};
    int r = a ? 0 : JOBD_E_NOMEM;
    if (!r)
        r = jobd_args_array(a, 1);
    if (!r)
        r = jobd_args_bin(a, (jobd_bytes){p->payload, p->size_bytes});
    if (!r)
        r = jobd_args_finish(a, &args);
    if (!r)
        r = jobd_executor_open(p->ctl->conn, NULL, &p->executor);
    if (r)
        r = ctl_fail_call(p->ctl, r, "prepare the ping");
    while (!r && p->n_done < p->count)
        r = ping_once(p, args);
    jobd_executor_free(p->executor);
    jobd_args_free(a);
    return r;
}

static int prepare(struct pinging *p) {
    if (p->count == 0) {
        ctl_misuse(p->ctl, NULL, "at least one round trip is needed");
        return CTL_USAGE;
    }
    size_t most = jobd_conn_max_payload(p->ctl->conn) - ECHO_BYTES;
    if (p->size_bytes > most) {
        char hint[64];
        snprintf(hint, sizeof(hint), "the most that fits a message is %zu bytes", most);
        ctl_misuse(p->ctl, hint, "a payload of %" PRIu64 " bytes is too large", p->size_bytes);
        return CTL_USAGE;
    }
    p->payload = jd_alloc(p->size_bytes);
    p->rtt_us = jd_alloc(p->count * sizeof(*p->rtt_us));
    if (!p->payload || !p->rtt_us)
        return ctl_fail_call(p->ctl, JOBD_E_NOMEM, "prepare the ping");
    for (size_t i = 0; i < p->size_bytes; i++)
        p->payload[i] = (unsigned char)(i * 31 + (i >> 8));
    return CTL_DONE;
}

int cmd_ping(struct ctl *ctl, char **argv) {
    struct pinging p = {.ctl = ctl, .count = 10};
    struct args args;
    int r = ctl_parse(ctl, &syntax, argv, &p, &args);
    if (r)
        return ctl_exit_of(JD_MIN(r, 0));
    args_free(&args);
    r = ctl_connect(ctl);
    if (!r)
        r = prepare(&p);
    if (!r)
        r = ctl_watch_signals(ctl);
    if (!r)
        r = ping_all(&p);
    if (p.n_done > 0 && (r == CTL_DONE || !ctl->json)) {
        int printed = print_summary(&p);
        r = r ? r : printed;
    }
    jd_free(p.payload);
    jd_free(p.rtt_us);
    return r;
}
