// jobctl run: a process of its own in the foreground: what it writes is written here, signals that
// come here go there, and its exit code is ours.
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "arguments.h"
#include "base64.h"
#include "job_options.h"
#include "json.h"
#include "mem.h"
#include "outcome.h"

enum { KEY_TASK = 't', KEY_ENV = 'e', KEY_CHDIR = 'C', KEY_DETACH = 'd', KEY_QUIET = 'q' };

struct running {
    struct ctl *ctl;
    struct job_options common; // the label and the time limit
    jobd_process_options options;
    char **env; // owned, and each of them; NULL-terminated
    size_t n_env;
    char cwd[PATH_MAX];
    jobd_process *process;
    unsigned n_signals;
};

static const struct argp_option options[] = {
    {"task", KEY_TASK, "TASK", 0, "run this task instead of a command; its arguments are JSON", 0},
    JOB_OPTIONS_LABEL,
    JOB_OPTIONS_TIME_LIMIT,
    {"env", KEY_ENV, "NAME[=VALUE]", 0,
     "a variable beside the daemon's own; without a value the one of here; may be repeated", 0},
    {"chdir", KEY_CHDIR, "DIR", 0, "where the command runs (default: here)", 0},
    {"detach", KEY_DETACH, NULL, 0, "print the job's id and leave; the process goes on", 0},
    {"quiet", KEY_QUIET, NULL, 0, "nothing on standard error but errors", 0},
    {0},
};

// ---- The command line ----

// "NAME=VALUE", or "NAME" with the value of here; one that is not set here is not passed on.
static int add_env(struct running *run, const char *text) {
    const char *value = strchr(text, '=') ? NULL : getenv(text);
    if (!value && !strchr(text, '='))
        return 0;
    if (*text == '=')
        return ctl_misuse(run->ctl, NULL, "--env needs a name before the \"=\"");
    char **env = jd_realloc(run->env, (run->n_env + 2) * sizeof(*env));
    size_t n = strlen(text) + (value ? strlen(value) + 1 : 0) + 1;
    char *entry = jd_alloc(n);
    if (env)
        run->env = env;
    if (!env || !entry) {
        jd_free(entry);
        return ctl_fail_call(run->ctl, JOBD_E_NOMEM, "read the environment"), JOBD_E_NOMEM;
    }
    snprintf(entry, n, "%s%s%s", text, value ? "=" : "", value ? value : "");
    env[run->n_env++] = entry;
    env[run->n_env] = NULL;
    return 0;
}

static error_t on_option(int key, char *arg, struct argp_state *state) {
    struct running *run = state->input;
    switch (key) {
    case KEY_TASK:
        run->options.task = arg;
        return 0;
    case KEY_ENV:
        return add_env(run, arg);
    case KEY_CHDIR:
        run->options.cwd = arg;
        return 0;
    case KEY_DETACH:
        run->options.keep = true;
        return 0;
    case KEY_QUIET:
        run->ctl->quiet = true;
        return 0;
    default: // only those of the table get here
        return job_options_parse(run->ctl, &run->common, key, arg);
    }
}

static const struct ctl_syntax syntax = {
    .argp = {.options = options,
             .parser = on_option,
             .args_doc = "[--] COMMAND [ARG...] | --task TASK [JSON]",
             .doc = "Run a command, or a task, as a process of its own beside the pools, and do as "
                    "if it ran here: its output is ours, its exit code is ours, Ctrl-C and SIGTERM "
                    "go to it; a second one kills it. Its standard input is empty.\n\n"
                    "  jobctl run make -j4\n"
                    "  jobctl run --time-limit 10m --label tests -- ./check --all\n"
                    "  jobctl run --env PATH sh -c 'exit 3'; echo $?\n"
                    "  jobctl run --task integrate '[\"cos\", 0, 1.5, 1000]'\n"
                    "\vNo shell looks at the command. A signal n that ends it makes the exit code "
                    "128+n; 127 says that it cannot be run. With --json each piece of "
                    "output is an object on a line of its own, and so is the end."},
    .n_most = CTL_MANY,
    .stops_at_operand = true,
};

static int check(struct running *run, const struct args *args) {
    if (!run->options.task && args->n_operands == 0)
        return ctl_misuse(run->ctl, "usage: jobctl run [OPTION...] [--] COMMAND [ARG...]",
                          "a command is missing");
    if (run->options.task && args->n_operands > 1)
        return ctl_misuse(run->ctl, "all arguments of a task are one JSON array",
                          "unexpected argument \"%.64s\"", args->operands[1]);
    if (run->options.task && (run->options.cwd || run->env))
        return ctl_misuse(run->ctl, NULL, "--env and --chdir are for commands, not for tasks");
    return 0;
}

// ---- While it runs ----

static json_t *text_or_bytes(jobd_bytes data) {
    json_t *text = json_stringn(data.data, data.len);
    char *encoded = NULL;
    if (!text && (encoded = base64_encode(data)) != NULL)
        text = json_pack("{s:s}", "$bin", encoded);
    jd_free(encoded);
    return text;
}

static void on_output(jobd_future *f, jobd_bytes data, void *arg) {
    struct running *run = arg;
    (void)f;
    if (run->ctl->json)
        ctl_print_json(run->ctl, json_pack("{s:o}", "output", text_or_bytes(data)));
    else
        fwrite(data.data, 1, data.len, stdout);
}

static void on_signal(int signal, void *arg) {
    struct running *run = arg;
    if (run->n_signals++ > 0)
        jobd_process_kill(run->process);
    else
        jobd_process_signal(run->process, signal);
}

// ---- Its end ----

static int explain(const struct running *run, jobd_future *f, int code) {
    jobd_error why = {.code = JOBD_E_CANCELLED};
    jobd_future_exception(f, 0, &why);
    switch (why.code) {
    case JOBD_E_EXITED: // it has said itself why, or nothing
        return ctl_exit_of_status(code);
    case JOBD_E_DEADLINE:
        return ctl_fail_job(run->ctl, f, "process", "allow more with: --time-limit DURATION");
    case JOBD_E_TASK:
        return ctl_fail_job(run->ctl, f, "process", run->options.task ? NULL : "");
    case JOBD_E_WORKER_DIED:
        return ctl_fail_job(run->ctl, f, "process", "");
    default:
        return ctl_fail_job(run->ctl, f, "process", NULL);
    }
}

// Nothing if it never came to be: the error has said so.
static int print_end_json(const struct running *run, jobd_future *f, int code, jobd_bytes value) {
    jobd_job_info info = {.struct_size = sizeof(info)};
    jobd_future_info(f, &info);
    if (info.job_id == 0)
        return CTL_DONE;
    json_t *end = json_pack("{s:s, s:I, s:I, s:i, s:f}", "state", jobd_job_state_name(info.state),
                            "job", (json_int_t)info.job_id, "pid", (json_int_t)info.worker_pid,
                            "exit", ctl_exit_of_status(code), "seconds", (double)info.run_ns / 1e9);
    if (end && value.len > 0)
        outcome_set_value(end, value);
    return ctl_print_json(run->ctl, end);
}

// A task may have a result besides what it has written.
static int print_value(const struct running *run, jobd_bytes value) {
    jobd_reader r = jobd_reader_of(value);
    if (value.len == 0 || jobd_read_type(&r) == JOBD_T_NIL)
        return CTL_DONE;
    int e = outcome_print_value(value);
    return e ? ctl_fail_call(run->ctl, e, "read the result") : CTL_DONE;
}

static int finish(const struct running *run, jobd_future *f) {
    jobd_bytes value = {.len = 0};
    int code = 0, r = CTL_DONE;
    jobd_process_exitcode(run->process, &code);
    bool failed = jobd_future_result(f, 0, &value) < 0;
    if (failed)
        r = explain(run, f, code);
    if (run->ctl->json) {
        int printed = print_end_json(run, f, code, value);
        return r ? r : printed;
    }
    return failed ? r : print_value(run, value);
}

static int print_id(const struct running *run, jobd_future *f) {
    uint64_t id;
    if (ctl_await_id(run->ctl, f, &id))
        return ctl_fail_stopped(run->ctl, "the process may have been started; see jobctl list");
    if (id == 0)
        return ctl_fail_job(run->ctl, f, "process", NULL);
    if (run->ctl->json)
        return ctl_print_json(run->ctl, json_pack("{s:I}", "job", (json_int_t)id));
    printf("%" PRIu64 "\n", id);
    if (!run->ctl->quiet)
        fprintf(stderr, "wait for its end with: jobctl wait %" PRIu64 "\n", id);
    return CTL_DONE;
}

static int run_process(struct running *run) {
    struct ctl *ctl = run->ctl;
    int r = jobd_process_new(ctl->conn, &run->options, &run->process);
    if (!r)
        r = jobd_process_start(run->process);
    if (r == JOBD_E_INVAL)
        return ctl_exit_of(
            ctl_misuse(ctl, NULL, "the name of the task or the label cannot be such a one"));
    if (r)
        return ctl_fail_call(ctl, r, "start the process");
    jobd_future *f = jobd_process_sentinel(run->process);
    if (run->options.keep)
        return print_id(run, f);
    ctl->on_signal = on_signal;
    ctl->on_signal_arg = run;
    jobd_future_on_note(f, ctl_on_note, ctl); // fails if it is done already
    if (ctl_await(ctl, f))
        return ctl_fail_stopped(ctl, "the process is killed");
    return finish(run, f);
}

static int prepare(struct running *run, const struct args *args, struct arguments *arguments) {
    int r = ctl_exit_of(check(run, args));
    if (!r && run->options.task)
        r = arguments_read(run->ctl, args->operands[0], arguments);
    else if (!r) {
        run->options.argv = (const char *const *)args->operands;
        run->options.env = (const char *const *)run->env;
        if (!run->options.cwd)
            run->options.cwd = getcwd(run->cwd, sizeof(run->cwd)); // NULL: the daemon's
    }
    run->options.args = arguments->bytes;
    run->options.name = run->common.submit.label;
    run->options.time_limit_ms = run->common.submit.time_limit_ms;
    run->options.on_output = run->options.keep ? NULL : on_output;
    run->options.on_output_arg = run;
    return r;
}

int cmd_run(struct ctl *ctl, char **argv) {
    struct running run = {.ctl = ctl, .options = {JOBD_OPTIONS(jobd_process_options)}};
    struct arguments arguments = {.builder = NULL};
    struct args args = {.n_options = 0};
    int r = ctl_parse(ctl, &syntax, argv, &run, &args);
    bool parsed = r == 0;
    r = parsed ? prepare(&run, &args, &arguments) : ctl_exit_of(JD_MIN(r, 0));
    if (parsed && !r)
        r = ctl_connect(ctl);
    if (parsed && !r)
        r = ctl_watch_signals(ctl);
    if (parsed && !r)
        r = run_process(&run);
    jobd_process_free(run.process);
    for (size_t i = 0; i < run.n_env; i++)
        jd_free(run.env[i]);
    jd_free(run.env);
    arguments_free(&arguments);
    args_free(&args);
    return r;
}
