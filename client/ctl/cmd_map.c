// jobctl map: a task for every line of standard input. The library takes lines as results are given
// back, so that endless input is no trouble.
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "job_options.h"
#include "map_input.h"
#include "number.h"
#include "outcome.h"
#include "ticker.h"

enum {
    KEY_NULL = '0',
    KEY_KEEP_ORDER = 'k',
    KEY_QUIET = 'q',
    KEY_WINDOW = 'w',
    KEY_CHUNK = 'c',
    KEY_BACKEND = 'b',
    KEY_TIMEOUT = 't',
    CHUNK_MOST = 65536,
};

struct mapping {
    struct ctl *ctl;
    const char *task;
    const char *backend_pool; // NULL = --backend was not given
    struct job_options options;
    jobd_map_options map;
    int delimiter;
    bool to_terminal; // results and progress share a screen
    uint64_t n_done;
    struct map_input input;
    struct progress progress;
    struct ticker ticker;
};

static const struct argp_option options[] = {
    {"null", KEY_NULL, NULL, 0, "items end with a zero byte, not with a line", 0},
    {"keep-order", KEY_KEEP_ORDER, NULL, 0,
     "print results in the order of the items (default: as they are done)", 0},
    {"window", KEY_WINDOW, "N", 0,
     "read at most so many items ahead (default: enough to keep all workers busy)", 0},
    {"chunk", KEY_CHUNK, "N", 0,
     "items in one job (default: as many as take some 2 ms, by measured time)", 0},
    {"backend", KEY_BACKEND, "KIND", 0,
     "process: the pool \"default\"; thread: the pool \"threads\" (default: process)", 0},
    {"timeout", KEY_TIMEOUT, "DURATION", 0, "give up after that (default: never)", 0},
    {"quiet", KEY_QUIET, NULL, 0, "show no progress", 0},
    JOB_OPTIONS,
    {0},
};

static int parse_backend(struct mapping *m, const char *text) {
    if (strcmp(text, "process") == 0)
        m->backend_pool = "default";
    else if (strcmp(text, "thread") == 0)
        m->backend_pool = "threads";
    else
        return ctl_misuse(m->ctl, "there are: process thread", "there is no backend \"%.64s\"",
                          text);
    return 0;
}

static int parse_size(const struct mapping *m, const char *name, const char *text, uint64_t most,
                      size_t *ret) {
    uint64_t n;
    int r = number_parse_count(m->ctl, name, text, most, &n);
    if (!r && n == 0)
        r = ctl_misuse(m->ctl, "leave it out for the default", "%s cannot be 0", name);
    if (!r)
        *ret = n;
    return r;
}

static error_t on_option(int key, char *arg, struct argp_state *state) {
    struct mapping *m = state->input;
    switch (key) {
    case KEY_NULL:
        m->delimiter = '\0';
        return 0;
    case KEY_KEEP_ORDER:
        m->map.unordered = false;
        return 0;
    case KEY_QUIET:
        m->ctl->quiet = true;
        return 0;
    case KEY_WINDOW:
        return parse_size(m, "--window", arg, UINT32_MAX, &m->map.window);
    case KEY_CHUNK:
        return parse_size(m, "--chunk", arg, CHUNK_MOST, &m->map.chunk);
    case KEY_BACKEND:
        return parse_backend(m, arg);
    case KEY_TIMEOUT:
        return ctl_parse_duration(m->ctl, "--timeout", arg, false, &m->map.timeout_ms);
    default:
        return job_options_parse(m->ctl, &m->options, key, arg);
    }
}

static const struct ctl_syntax syntax = {
    .argp = {.options = options,
             .parser = on_option,
             .args_doc = "TASK",
             .doc =
                 "Run a task for every line of standard input and print each result as a line of "
                 "JSON. A line that is a JSON array holds the arguments of a call; any other "
                 "line is one text.\n\n"
                 "  seq -f '[\"cos\", 0, %g, 1000]' 9 | jobctl map integrate -k\n"
                 "  find . -name '*.png' -print0 | jobctl map -0 image.shrink\n"
                 "  jobctl map TASK --json <items | jq 'select(.value > 10) | .index'\n"
                 "\vThe first failure cancels what has not begun, and makes the exit code 1. "
                 "With --json each result is an object, which has the index of its item, from "
                 "0."},
    .n_least = 1,
    .n_most = 1,
};

// ---- Results ----

static int print_json(const struct mapping *m, jobd_bytes value, uint64_t index) {
    json_t *o = json_pack("{s:I}", "index", (json_int_t)index);
    int r = o ? outcome_set_value(o, value) : JOBD_E_NOMEM;
    if (!r)
        return ctl_print_json(m->ctl, o);
    json_decref(o);
    return ctl_fail_call(m->ctl, r, "read a result");
}

static int print_result(struct mapping *m, jobd_bytes value, uint64_t index) {
    ticker_lock(&m->ticker);
    m->n_done++;
    m->progress.n_done = (double)m->n_done;
    m->progress.n_total = map_input_total(&m->input, &m->progress.about);
    if (m->to_terminal)
        progress_clear(&m->progress);
    int r;
    if (m->ctl->json)
        r = print_json(m, value, index);
    else {
        r = outcome_print_value(value);
        r = r ? ctl_fail_call(m->ctl, r, "read a result") : CTL_DONE;
    }
    if (ferror(stdout) && !r)
        r = CTL_BROKEN; // ctl_finish_output() says why
    ticker_unlock(&m->ticker);
    return r;
}

static int explain(const struct mapping *m, const jobd_map_iter *map, int err) {
    jobd_error why = {.code = err};
    uint64_t index;
    int r = map_input_explain(&m->input);
    if (r)
        return r;
    if (err == JOBD_E_TIMEOUT) {
        char what[80];
        snprintf(what, sizeof(what), "%" PRIu64 " items were done, the others are cancelled",
                 m->n_done);
        m->ctl->late = true;
        return ctl_fail_stopped(m->ctl, what);
    }
    if (jobd_map_error(map, &why, &index) != 1)
        return ctl_fail_call(m->ctl, err, "map");
    char message[sizeof(why.message)];
    snprintf(message, sizeof(message), "item %" PRIu64 " failed: %.200s", index + 1, why.message);
    memcpy(why.message, message, sizeof(message));
    return ctl_fail(m->ctl, &why, NULL);
}

static int collect(struct mapping *m, jobd_map_iter *map) {
    jobd_bytes value;
    uint64_t index;
    int r, n;
    do {
        n = jobd_map_next(map, &value, &index);
        r = n > 0 ? print_result(m, value, index) : CTL_DONE;
    } while (n > 0 && !r);
    ticker_end(&m->ticker); // the terminal is ours again
    progress_end(m->ctl);
    return n < 0 ? explain(m, map, n) : r;
}

static int run(struct mapping *m) {
    jobd_executor *ex;
    jobd_map_iter *map;
    const char *pool = m->backend_pool ? m->backend_pool : m->options.pool;
    int r = job_options_open(m->ctl, pool, &ex);
    if (r)
        return r;
    r = jobd_map(ex, m->task, map_input_next, &m->input, &m->map, &map);
    if (r)
        r = job_options_explain(m->ctl, r, m->task);
    else {
        progress_begin(&m->progress, m->ctl, "map", 0);
        r = ticker_begin(&m->ticker, m->ctl, "what has not begun is cancelled");
        if (!r)
            r = collect(m, map);
        progress_end(m->ctl);
        jobd_map_free(map);
    }
    jobd_executor_free(ex);
    return r;
}

static int check(const struct mapping *m) {
    if (m->backend_pool && m->options.pool)
        return ctl_misuse(m->ctl, "leave one of them out", "--backend and --pool both name a pool");
    if (isatty(STDIN_FILENO))
        return ctl_misuse(m->ctl, "for example: seq 9 | jobctl map echo",
                          "map reads its items from standard input, which is this terminal");
    return 0;
}

int cmd_map(struct ctl *ctl, char **argv) {
    struct mapping m = {
        .ctl = ctl,
        .options.submit = {JOBD_OPTIONS(jobd_submit_options)},
        .map = {JOBD_OPTIONS(jobd_map_options), .unordered = true},
        .delimiter = '\n',
        .to_terminal = isatty(STDOUT_FILENO) != 0,
    };
    struct args args;
    int r = ctl_parse(ctl, &syntax, argv, &m, &args);
    if (r)
        return ctl_exit_of(JD_MIN(r, 0));
    m.task = args.operands[0];
    m.map.submit = &m.options.submit;
    map_input_begin(&m.input, ctl, stdin, m.delimiter);
    r = ctl_exit_of(check(&m));
    if (!r)
        r = ctl_connect(ctl);
    if (!r)
        r = run(&m);
    map_input_end(&m.input);
    args_free(&args);
    return r;
}
