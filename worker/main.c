// jobd-worker: one compute process of a pool. jobd starts it with
//   0 /dev/null   1, 2 a pipe that jobd reads   3 the socket to jobd   4 the board
//   5, 6, ... the pipes of a process
#include <argp.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "confine.h"
#include "crew.h"
#include "fault.h"
#include "hello.h"
#include "initializer.h"
#include "lifeline.h"
#include "link.h"
#include "log.h"
#include "mem.h"
#include "pipes.h"
#include "plugin.h"
#include "post.h"
#include "runner.h"
#include "tasks/tasks.h"
#include "tree.h"

enum { SOCKET_FD = 3, BOARD_FD = 4 };

struct options {
    pid_t parent;     // 0 = not given
    size_t max_frame; // 0 = not given
    unsigned threads; // 0 = not given: 1
    uint32_t n_pipes;
    bool process; // it runs one job, and its exit status says how that went
    const char *probe;
    const char **plugins; // as many places as there are arguments
    size_t n_plugins;
};

// no short letters
enum {
    OPT_PARENT = 256,
    OPT_MAX_FRAME,
    OPT_PLUGIN,
    OPT_PROBE,
    OPT_THREADS,
    OPT_PROCESS,
    OPT_PIPES
};

static const struct argp_option option_table[] = {
    {"parent", OPT_PARENT, "PID", 0, "process id of the jobd that starts this worker", 0},
    {"max-frame", OPT_MAX_FRAME, "BYTES", 0, "the largest frame, without its head", 0},
    {"threads", OPT_THREADS, "NUMBER", 0, "jobs it runs at once; 1 if not given", 0},
    {"process", OPT_PROCESS, 0, 0, "it will run one job: exit 1 if that fails", 0},
    {"pipes", OPT_PIPES, "NUMBER", 0, "descriptors from 5 on that are pipes of that job", 0},
    {"plugin", OPT_PLUGIN, "PATH", 0, "load the tasks of a plugin; may be given again", 0},
    {"probe", OPT_PROBE, "PATH", 0,
     "only try a plugin: load it after those of --plugin, run its init(), exit 0 or 1", 0},
    {0},
};

static unsigned long number(struct argp_state *state, const char *arg, unsigned long min,
                            unsigned long max) {
    char *end;
    unsigned long v = strtoul(arg, &end, 10);
    if (*arg < '0' || *arg > '9' || *end || v < min || v > max)
        argp_failure(state, 1, 0, "\"%s\" is not a number from %lu to %lu", arg, min, max);
    return v;
}

static error_t on_option(int key, char *arg, struct argp_state *state) {
    struct options *o = state->input;
    switch (key) {
    case OPT_PARENT:
        o->parent = (pid_t)number(state, arg, 1, INT32_MAX);
        return 0;
    case OPT_MAX_FRAME:
        o->max_frame = number(state, arg, JD_FRAME_MIN_BYTES, JD_FRAME_MAX_BYTES);
        return 0;
    case OPT_THREADS:
        o->threads = (unsigned)number(state, arg, 1, JD_THREADS_MAX);
        return 0;
    case OPT_PROCESS:
        o->process = true;
        return 0;
    case OPT_PIPES:
        o->n_pipes = (uint32_t)number(state, arg, 0, JD_PIPES_MAX);
        return 0;
    case OPT_PLUGIN:
        o->plugins[o->n_plugins++] = arg;
        return 0;
    case OPT_PROBE:
        o->probe = arg;
        return 0;
    case ARGP_KEY_END:
        if (!o->probe && (!o->parent || !o->max_frame))
            argp_failure(state, 1, 0,
                         "--parent and --max-frame are missing: jobd starts workers, people start "
                         "jobd");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

// One write for a line: lines of tasks and their programs may come in between, never inside.
static void log_to_stderr(enum jd_log_level level, const char *line, size_t len) {
    dprintf(STDERR_FILENO, "level=%s %.*s\n", jd_log_level_name(level), (int)len, line);
}

static int load_tasks(struct registry *tasks, const char **plugins, size_t n_plugins,
                      jobd_error *reterr) {
    int r = registry_add(tasks, &tasks_builtin, reterr);
    for (size_t i = 0; r == 0 && i < n_plugins; i++)
        r = plugin_load(tasks, plugins[i], reterr);
    return r;
}

static int run_jobs(const struct options *o, struct link *l, const struct registry *tasks,
                    struct pipes *pipes) {
    struct post post;
    post_init(&post, l, tasks);
    post.pipes = o->n_pipes ? pipes : NULL;
    int r = initializer_serve(&post);
    if (r == 0)
        r = o->threads > 1 ? crew_run(&post, o->threads) : runner_run(&post);
    if (r == JOBD_E_CLOSED)
        r = o->process && post.failed;
    post_free(&post);
    return r;
}

// The worker's life. 0 = it ended because jobd wanted it to | 1 = and its job has failed.
static int serve(const struct options *o, struct link *l, struct registry *tasks,
                 jobd_error *reterr) {
    struct pipes pipes;
    int r;
    if (!confine_parent_is(o->parent))
        return fault_set(reterr, JOBD_E_STATE,
                         "process %d, which should have started it, is not its parent (any more)",
                         (int)o->parent);
    if ((r = link_open(l, SOCKET_FD, BOARD_FD, o->max_frame, reterr)) < 0 ||
        (r = pipes_open(&pipes, o->n_pipes, reterr)) < 0 ||
        (r = lifeline_start(SOCKET_FD, reterr)) < 0 ||
        (r = load_tasks(tasks, o->plugins, o->n_plugins, reterr)) < 0 ||
        (r = hello_exchange(l, tasks, reterr)) < 0)
        return r == JOBD_E_CLOSED ? 0 : r;
    r = run_jobs(o, l, tasks, &pipes);
    pipes_close(&pipes);
    return r < 0 ? link_explain(l, r, reterr) : r;
}

// One plugin, loaded beside the others only to see whether it can be. It may hang: then it ends with
// the master too.
static int probe(const struct options *o, struct registry *tasks, jobd_error *reterr) {
    bool has_master = fcntl(SOCKET_FD, F_GETFD) >= 0;
    int r = has_master ? lifeline_start(SOCKET_FD, reterr) : 0;
    r = r < 0 ? r : load_tasks(tasks, o->plugins, o->n_plugins, reterr);
    return r < 0 ? r : plugin_load(tasks, o->probe, reterr);
}

static int run(const struct options *o, jobd_error *reterr) {
    struct link l = {.fd = -1};
    struct registry tasks = {0};
    int r = confine_apply(reterr);
    if (r == 0)
        r = o->probe ? probe(o, &tasks, reterr) : serve(o, &l, &tasks, reterr);
    lifeline_follow(SOCKET_FD);
    if (r >= 0)
        registry_fini(&tasks);
    // Before the socket closes, with this process: who sees its end may count on all being gone.
    tree_kill();
    registry_free(&tasks);
    link_close(&l);
    return r;
}

int main(int argc, char **argv) {
    static const struct argp argp = {
        .options = option_table,
        .parser = on_option,
        .doc = "A worker process of jobd. jobd starts it, with a socket and a board; it is of no "
               "use when started by hand.",
    };
    argp_program_version = "jobd-worker " JOBD_VERSION;
    argp_err_exit_status = 1;
    jd_log_setup(JD_LOG_DEBUG, log_to_stderr);
    struct options o = {.plugins = jd_alloc((size_t)argc * sizeof(char *))};
    jobd_error why = {.message = "out of memory"};
    int r = JOBD_E_NOMEM;
    if (o.plugins) {
        argp_parse(&argp, argc, argv, 0, NULL, &o);
        r = run(&o, &why);
    }
    jd_free(o.plugins);
    if (r < 0)
        dprintf(STDERR_FILENO, "jobd-worker: %s\n", why.message);
    return r != 0;
}
