// jobctl list: the jobs the daemon knows, page by page: a table for people, a line of JSON for each
// job for scripts.
#include <inttypes.h>
#include <string.h>

#include "job_options.h"
#include "json.h"
#include "listing.h"
#include "number.h"
#include "suggest.h"

enum { KEY_STATE = 's', KEY_TASK = 't', KEY_LIMIT = 'n', TABLE_ROWS = 1000 };

struct query {
    struct ctl *ctl;
    jobd_job_filter filter;
    uint64_t limit; // rows at most; UINT64_MAX = all
    bool limit_given;
    uint64_t n_shown;
    json_t *rows; // of the table
};

static const struct argp_option options[] = {
    {"state", KEY_STATE, "STATE,...", 0,
     "only jobs in one of these states: queued, delayed, sent, running, done, failed, cancelled, "
     "killed, timed-out, lost",
     0},
    {"pool", JOB_KEY_POOL, "POOL", 0, "only jobs of this pool", 0},
    {"task", KEY_TASK, "TASK", 0, "only jobs of this task", 0},
    {"label", JOB_KEY_LABEL, "TEXT", 0, "only jobs with this label", 0},
    {"limit", KEY_LIMIT, "N", 0,
     "show so many, 0 shows all (default: 1000 in a table, all with --json)", 0},
    {0},
};

// ---- The command line ----

// "timed-out" is the state "timed out". 0 = there is none.
static int find_state(jobd_bytes text) {
    for (int state = JOBD_JOB_QUEUED; state <= JOBD_JOB_LOST; state++) {
        const char *name = jobd_job_state_name(state), *word = text.data;
        size_t i = 0;
        while (i < text.len && (name[i] == word[i] || (name[i] == ' ' && strchr("-_", word[i]))))
            i++;
        if (i == text.len && !name[i])
            return state;
    }
    return 0;
}

static int unknown_state(const struct query *q, jobd_bytes text) {
    const char *names[JOBD_JOB_LOST];
    for (int state = JOBD_JOB_QUEUED; state <= JOBD_JOB_LOST; state++)
        names[state - 1] = jobd_job_state_name(state);
    const char *close = jd_suggest(text, names, JD_LEN(names));
    char hint[64] = "\"jobctl list --help\" names the states";
    if (close)
        snprintf(hint, sizeof(hint), "did you mean \"%s\"?", close);
    return ctl_misuse(q->ctl, hint, "there is no state \"%.*s\"", (int)JD_MIN(text.len, 64),
                      (const char *)text.data);
}

static int parse_states(struct query *q, const char *text) {
    for (const char *at = text;;) {
        jobd_bytes word = {at, strcspn(at, ",")};
        int state = find_state(word);
        if (!state)
            return unknown_state(q, word);
        q->filter.states |= 1u << state;
        at += word.len;
        if (!*at++)
            return 0;
    }
}

static int parse_limit(struct query *q, const char *text) {
    int r = number_parse_count(q->ctl, "--limit", text, UINT64_C(1) << 53, &q->limit);
    if (!r && q->limit == 0)
        q->limit = UINT64_MAX;
    q->limit_given = true;
    return r;
}

static error_t on_option(int key, char *arg, struct argp_state *state) {
    struct query *q = state->input;
    switch (key) {
    case KEY_STATE:
        return parse_states(q, arg);
    case KEY_LIMIT:
        return parse_limit(q, arg);
    case JOB_KEY_POOL:
        return job_options_text(q->ctl, "--pool", arg, &q->filter.pool);
    case KEY_TASK:
        return job_options_text(q->ctl, "--task", arg, &q->filter.task);
    case JOB_KEY_LABEL:
        return job_options_text(q->ctl, "--label", arg, &q->filter.label);
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct ctl_syntax syntax = {
    .argp = {.options = options,
             .parser = on_option,
             .doc = "List the jobs: those that wait or run, and those that have ended and are not "
                    "yet forgotten.\n\n"
                    "  jobctl list\n"
                    "  jobctl list --state failed,lost,timed-out\n"
                    "  jobctl list --label nightly --json | jq .job | jobctl wait -\n"
                    "\vWith --json each job is one object on a line of its own."},
};

// ---- The jobs ----

static int show_lines(struct query *q, json_t *page) {
    int r = 0;
    for (size_t i = 0; i < json_array_size(page) && !r && q->n_shown < q->limit; i++) {
        r = ctl_print_json(q->ctl, json_incref(json_array_get(page, i)));
        q->n_shown++;
    }
    return r;
}

static int keep_rows(struct query *q, json_t *page) {
    for (size_t i = 0; i < json_array_size(page) && q->n_shown < q->limit; i++) {
        json_t *row = json_array_get(page, i), *error = json_object_get(row, "error");
        if (json_is_integer(error)) {
            int code = (int)json_integer_value(error);
            json_object_set_new(row, "error", code ? json_string(jobd_errname(code)) : json_null());
        }
        if (json_array_append(q->rows, row))
            return ctl_fail_call(q->ctl, JOBD_E_NOMEM, "keep the jobs");
        q->n_shown++;
    }
    return CTL_DONE;
}

static int show_page(struct query *q, jobd_bytes bytes) {
    json_t *page = json_array();
    int r = page ? listing_append(page, bytes) : JOBD_E_NOMEM;
    if (r)
        r = ctl_fail_call(q->ctl, r, "read the list of jobs");
    else
        r = q->ctl->json ? show_lines(q, page) : keep_rows(q, page);
    json_decref(page);
    return r;
}

static int print_table(const struct query *q, bool more) {
    static const char *const first[] = {
        "job",     "state",    "task",        "pool",     "label", "owner", "priority", "pid",
        "attempt", "progress", "submitted_s", "waited_s", "run_s", "error", "text",     NULL};
    static const char *const spare[] = {"label",    "priority", "pid",  "attempt",
                                        "progress", "error",    "text", NULL};
    int r = listing_print_table(q->ctl, &(struct listing){"jobs", NULL, first, spare}, q->rows);
    if (!r && more) {
        fflush(stdout);
        fprintf(stderr, "there are more than these %" PRIu64 "; --limit 0 shows all\n", q->n_shown);
    }
    return r;
}

static int list(struct query *q) {
    uint64_t cursor = 0;
    int r;
    do {
        jobd_bytes rows;
        r = jobd_daemon_jobs(q->ctl->conn, &q->filter, CTL_ANSWER_MS, &cursor, &rows);
        r = r ? ctl_fail_call(q->ctl, r, "list the jobs") : show_page(q, rows);
    } while (!r && cursor != 0 && q->n_shown < q->limit);
    if (r || q->ctl->json)
        return r;
    return print_table(q, cursor != 0 && !q->limit_given);
}

int cmd_list(struct ctl *ctl, char **argv) {
    struct query q = {.ctl = ctl, .filter = {JOBD_OPTIONS(jobd_job_filter)}};
    struct args args;
    int r = ctl_parse(ctl, &syntax, argv, &q, &args);
    if (r)
        return ctl_exit_of(JD_MIN(r, 0));
    if (!q.limit_given)
        q.limit = ctl->json ? UINT64_MAX : TABLE_ROWS;
    r = ctl_connect(ctl);
    q.rows = json_array();
    if (!r)
        r = q.rows ? list(&q) : ctl_fail_call(ctl, JOBD_E_NOMEM, "list the jobs");
    json_decref(q.rows);
    args_free(&args);
    return r;
}
