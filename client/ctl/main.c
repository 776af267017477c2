// jobctl: jobd's command line. Every command is a file of its own, cmd_*.c, and uses nothing but
// the public library to talk to the daemon.
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "ctl.h"
#include "suggest.h"

static const struct command {
    const char *name;
    int (*run)(struct ctl *ctl, char **argv);
} commands[] = {
#define X(name, summary) {#name, cmd_##name},
    CTL_COMMAND_MAP(X)
#undef X
};

static const struct argp_option command_docs[] = {
#define X(name, summary) {#name, 0, NULL, OPTION_DOC | OPTION_NO_USAGE, summary, 0},
    CTL_COMMAND_MAP(X)
#undef X
        {0},
};

static const struct argp main_argp = {
    .options = command_docs,
    .args_doc = "[COMMAND [ARG...]]",
    .doc = "Ask the jobd daemon to do things.\n\n"
           "  jobctl                            how the daemon is, and what to do next\n"
           "  jobctl integrate cos 0 pi/2       an integral, in parts over the workers\n"
           "  jobctl submit sleep '[0.5]'       one task with its arguments as JSON\n"
           "  jobctl COMMAND --help             all about one command\n"
           "\vExit codes: 0 well, 1 a job failed, 2 wrong usage, 69 no daemon, 75 busy, try again, "
           "77 not allowed, 124 time limit, 125 jobd failed, 130 interrupted.",
};

static int show_next(struct ctl *ctl) {
    json_t *status;
    int r = ctl_connect(ctl);
    if (r == CTL_NO_DAEMON)
        puts("then: jobctl status | workers | tasks | integrate cos 0 pi/2 | ping | --help");
    if (!r)
        r = ctl_status(ctl, &status);
    if (r)
        return r;
    const char *state = json_string_value(json_object_get(status, "state"));
    printf("jobd (pid %lld) is %s: %lld workers, %lld jobs queued, %lld running\n",
           (long long)jobd_conn_daemon_pid(ctl->conn), state ? state : "there",
           (long long)json_integer_value(json_object_get(status, "workers")),
           (long long)json_integer_value(json_object_get(status, "jobs_queued")),
           (long long)json_integer_value(json_object_get(status, "jobs_running")));
    puts("next: jobctl status | workers | tasks | integrate cos 0 pi/2 | ping | --help");
    json_decref(status);
    return CTL_DONE;
}

static int unknown_command(const struct ctl *ctl, const char *name) {
    const char *names[JD_LEN(commands)];
    for (size_t i = 0; i < JD_LEN(commands); i++)
        names[i] = commands[i].name;
    const char *close = jd_suggest((jobd_bytes){name, strlen(name)}, names, JD_LEN(names));
    char hint[80] = "\"jobctl --help\" lists the commands";
    if (close)
        snprintf(hint, sizeof(hint), "did you mean \"jobctl %s\"?", close);
    ctl_misuse(ctl, hint, "there is no command \"%.64s\"", name);
    return CTL_USAGE;
}

static int run_command(struct ctl *ctl, char **argv) {
    for (size_t i = 0; i < JD_LEN(commands); i++)
        if (strcmp(argv[0], commands[i].name) == 0) {
            char title[32];
            snprintf(title, sizeof(title), "jobctl %s", argv[0]);
            argv[0] = title;
            return commands[i].run(ctl, argv);
        }
    return unknown_command(ctl, argv[0]);
}

static int run(struct ctl *ctl, char **argv) {
    struct args args;
    int r = ctl_parse_main(ctl, &main_argp, argv, &args);
    if (r)
        return ctl_exit_of(JD_MIN(r, 0));
    char status[] = "status";
    if (args.n_operands > 0)
        r = run_command(ctl, args.operands);
    else
        r = ctl->json ? run_command(ctl, (char *[]){status, NULL}) : show_next(ctl);
    args_free(&args);
    return r;
}

// Errors on the command line are JSON too if --json stands anywhere in it.
static bool wants_json(char **argv) {
    for (; *argv && strcmp(*argv, "--"); argv++)
        if (strcmp(*argv, "--json") == 0)
            return true;
    return false;
}

int main(int argc, char **argv) {
    char name[] = "jobctl";
    char *no_arguments[] = {name, NULL};
    // A closed standard descriptor must not become the socket; writing to these fails, as it
    // should.
    int fd;
    do
        fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    while (fd >= 0 && fd <= 2);
    close(fd);
    setenv("ARGP_HELP_FMT", "no-dup-args-note", 0); // options are written once with their value
    signal(SIGPIPE, SIG_IGN);                       // a write that fails says so
    if (argc > 0)
        argv[0] = name;
    struct ctl ctl = {.signal_fd = -1, .json = wants_json(argv)};
    int r = run(&ctl, argc > 0 ? argv : no_arguments);
    ctl_disconnect(&ctl);
    return ctl_finish_output(&ctl, r);
}
