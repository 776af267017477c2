// jobd: the master. Reads what it is told, claims its socket and its state, tries the plugins, and
// serves until it is asked to stop.
#include <argp.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

#include "config.h"
#include "cpus.h"
#include "io/loop.h"
#include "io/probe.h"
#include "log.h"
#include "logsink.h"

enum { LOG_PATH_BYTES = 256 };

enum {
    FLAG_SOCKET = 's',
    FLAG_STATE = 'S',
    FLAG_WORKERS = 'w',
    FLAG_LOG_LEVEL = 'l',
    FLAG_CONFIG = 'c',
    FLAG_CHECK = 'C'
};

enum {
    BIG_BLOCK_BYTES = 128 * 1024
}; // from here on memory goes back to the system when it is freed

static struct logsink sink;

struct arguments {
    const char *config;
    const char *socket, *state, *workers, *log_level;
    bool check;
};

static const struct argp_option option_table[] = {
    {"config", FLAG_CONFIG, "FILE", 0, "read this configuration (there is none by default)", 0},
    {"socket", FLAG_SOCKET, "PATH", 0,
     "listen here; default: $JOBD_SOCKET, else $XDG_RUNTIME_DIR/jobd/sock, else /run/jobd/sock", 0},
    {"state", FLAG_STATE, "DIR", 0,
     "keep what must outlive a restart here; default: the directory of the socket if that was "
     "given, "
     "else $XDG_STATE_HOME/jobd or ~/.local/state/jobd, for root /var/lib/jobd",
     0},
    {"workers", FLAG_WORKERS, "N", 0, "worker processes; default: 0 = the CPUs it may use", 0},
    {"log-level", FLAG_LOG_LEVEL, "LEVEL", 0, "error, warn, info (default) or debug", 0},
    {"check-config", FLAG_CHECK, NULL, 0, "print the configuration in effect and exit", 0},
    {0},
};

static error_t on_option(int key, char *arg, struct argp_state *state) {
    struct arguments *a = state->input;
    switch (key) {
    case FLAG_CONFIG:
        a->config = arg;
        return 0;
    case FLAG_SOCKET:
        if (!*arg)
            argp_error(state, "--socket needs a path, not an empty one");
        a->socket = arg;
        return 0;
    case FLAG_STATE:
        a->state = arg;
        return 0;
    case FLAG_WORKERS:
        a->workers = arg;
        return 0;
    case FLAG_LOG_LEVEL:
        a->log_level = arg;
        return 0;
    case FLAG_CHECK:
        a->check = true;
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "there is nothing to be done with '%s'", arg);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp argp = {
    option_table,
    on_option,
    NULL,
    "The master of a pool of worker processes that all programs of this machine share."
    "\vExamples:\n"
    "  jobd                                  serve on the default socket\n"
    "  jobd --socket ~/.jobd/sock -w 4       four workers, state beside the socket\n"
    "  jobd --config jobd.conf --check-config\n"
    "\n"
    "TERM, INT and HUP end it: queued and running jobs may finish within drain_s; a second TERM or "
    "INT ends it at once.\n"
    "Exit status: 0 a clean end, 2 usage, 70 internal error, 73 socket or state cannot be made, "
    "75 already running, 78 configuration.",
    NULL,
    NULL,
    NULL};

static void log_to_sink(enum jd_log_level level, const char *line, size_t len) {
    logsink_write(&sink, level, line, len);
}

// ---- what the process needs before anything else ----

// Descriptors 0 to 2 exist, so that no socket of ours can ever be one of them.
static void hold_standard_fds(void) {
    int fd;
    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd > STDERR_FILENO)
        close(fd);
}

static void set_up_process(void) {
    struct rlimit fds;
    sigset_t none;
    hold_standard_fds();
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGCHLD, SIG_DFL); // if ignored, nobody could be waited for
    if (getrlimit(RLIMIT_NOFILE, &fds) == 0) {
        fds.rlim_cur = fds.rlim_max;
        setrlimit(RLIMIT_NOFILE, &fds);
    }
    mallopt(M_MMAP_THRESHOLD, BIG_BLOCK_BYTES);
}

// ---- the configuration ----

static int apply(struct config *c, const struct arguments *a, struct fault *f) {
    const struct {
        const char *flag, *key, *value;
    } given[] = {{"--socket", "socket", a->socket},
                 {"--state", "state", a->state},
                 {"--workers", "workers", a->workers},
                 {"--log-level", "log_level", a->log_level}};
    if (a->config && config_load(c, a->config, f) < 0)
        return -1;
    for (size_t i = 0; i < JD_LEN(given); i++)
        if (given[i].value && config_set(c, given[i].flag, given[i].key, given[i].value, f) < 0)
            return -1;
    return config_resolve(c, f);
}

static struct core_pool core_pool_of(const struct config_pool *pool) {
    static const uint8_t no_arguments[] = {0x90}; // an empty array
    return (struct core_pool){
        .name = pool->name,
        .n_workers = (uint32_t)pool->workers,
        .n_threads = (uint32_t)pool->threads,
        .initializer = pool->initializer,
        .init_args = {no_arguments, sizeof no_arguments},
        .recycle_jobs = pool->recycle_jobs,
        .recycle_rss_bytes = pool->recycle_rss,
        .max_lent = (uint32_t)pool->max_lent,
    };
}

// pools: CONFIG_POOLS_MAX of them, filled in here.
static struct core_config core_config_of(const struct config *c, const struct state *state,
                                         struct core_pool *pools) {
    for (size_t i = 0; i < c->pool.n; i++)
        pools[i] = core_pool_of(&c->pool.at[i]);
    struct core_config core = {
        .n_workers = (uint32_t)c->workers,
        .n_cpus = cpus_usable(),
        .pools = pools,
        .n_pools = (uint32_t)c->pool.n,
        .max_workers = (uint32_t)c->max_workers,
        .max_kept = (uint32_t)c->keep_jobs,
        .keep_ns = c->keep_s * NS_PER_S,
        .max_kept_bytes = c->keep_bytes,
        .max_clients = (uint32_t)c->max_clients,
        .max_jobs = (uint32_t)c->max_jobs,
        .max_queued_bytes = c->max_queued_bytes,
        .max_frame_bytes = (uint32_t)c->max_frame,
        .drain_ns = c->drain_s * NS_PER_S,
        .grace_ns = c->grace_ms * NS_PER_MS,
        .stall_ns = c->stall_s * NS_PER_S,
        .start_ns = c->start_s * NS_PER_S,
        .first_job_id = state->next_job,
        .id_limit = state->next_job + STATE_BLOCK,
        .pid = (uint32_t)getpid(),
    };
    if (getrandom(&core.seed, sizeof core.seed, GRND_NONBLOCK) < 0)
        core.seed = core.pid;
    return core;
}

// ---- the daemon's life, from the inside out ----

static int run_loop(const struct config *c, const struct loop_setup *setup, struct fault *f) {
    struct loop *loop = loop_new(setup, f);
    if (!loop)
        return -1;
    char socket[LOG_PATH_BYTES], state[LOG_PATH_BYTES];
    jd_log(JD_LOG_INFO, "start", "version=%s pid=%d socket=%s state=%s workers=%u", JOBD_VERSION,
           (int)getpid(), jd_log_value(socket, sizeof socket, c->socket),
           jd_log_value(state, sizeof state, c->state), (unsigned)c->workers);
    loop_run(loop);
    int r = state_settle(setup->state, core_next_id(loop->core));
    if (r < 0)
        jd_log(JD_LOG_ERROR, "state.unwritable",
               "path=%s error=\"%s\" next_start=\"skips job ids\"",
               jd_log_value(state, sizeof state, c->state), strerror(-r));
    loop_free(loop);
    jd_log(JD_LOG_INFO, "stop", "pid=%d", (int)getpid());
    return 0;
}

static int serve_with(struct config *c, struct spawner *spawner, const struct claim *claim,
                      struct state *state, struct fault *f) {
    struct pid_list spared = {0};
    int r = 0;
    if (orphans_prepare(&spared) < 0)
        r = fault_set(f, FAULT_INTERNAL, "cannot become the reaper of orphaned processes");
    if (r == 0) {
        if (probe_plugins(spawner, &spared, c->plugins.at, &c->plugins.n) < 0 ||
            spawner_arguments(spawner, (uint32_t)c->max_frame, c->plugins.at, c->plugins.n) < 0)
            r = fault_set(f, FAULT_INTERNAL, "out of memory");
    }
    if (r == 0) {
        struct core_pool pools[CONFIG_POOLS_MAX];
        struct core_config core = core_config_of(c, state, pools);
        struct loop_setup setup = {&core, spawner, claim, &spared, state};
        r = run_loop(c, &setup, f);
    }
    pid_list_free(&spared);
    return r;
}

static int serve(struct config *c, struct fault *f) {
    struct claim claim;
    struct state state;
    struct spawner spawner;
    int r = spawner_init(&spawner, c->worker_path, c->socket, f);
    if (r == 0 && (r = claim_take(&claim, c->socket, f)) == 0) {
        if ((r = state_open(&state, c->state, f)) == 0) {
            r = serve_with(c, &spawner, &claim, &state, f);
            state_close(&state);
        }
        claim_drop(&claim);
    }
    spawner_free(&spawner);
    return r;
}

int main(int argc, char **argv) {
    struct arguments arguments = {0};
    struct config config;
    struct fault fault;
    argp_program_version = "jobd " JOBD_VERSION;
    argp_err_exit_status = FAULT_USAGE;
    argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    set_up_process();
    int r = config_init(&config) < 0 ? fault_set(&fault, FAULT_INTERNAL, "out of memory")
                                     : apply(&config, &arguments, &fault);
    if (r == 0 && arguments.check) {
        config_print(&config, stdout);
        r = fflush(stdout) == 0 ? 0 : fault_sys(&fault, FAULT_INTERNAL, "cannot print");
    } else if (r == 0) {
        logsink_setup(&sink);
        jd_log_setup((enum jd_log_level)config.log_level, log_to_sink);
        r = serve(&config, &fault);
    }
    config_free(&config);
    if (r == 0)
        return EXIT_SUCCESS;
    fprintf(stderr, "jobd: %s\n", fault.text);
    return fault.code;
}
