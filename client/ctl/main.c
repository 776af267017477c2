// jobctl: jobd's command line. Every command is a file of its own, cmd_*.c, and uses nothing but
// the public library to talk to the daemon.
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "ctl.h"

static const struct ctl_command commands[] = {
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
    .doc =
        "Ask the jobd daemon to do things.\n\n"
        "  jobctl                            how the daemon is, and what to do next\n"
        "  jobctl integrate cos 0 pi/2       an integral, in parts over the workers\n"
        "  jobctl submit sleep '[0.5]'       one task with its arguments as JSON\n"
        "  seq 9 | jobctl map TASK           a task for every line\n"
        "  jobctl run make -j4               a command, as a process of the daemon's\n"
        "  jobctl COMMAND --help             all about one command\n"
        "\vJobs are named by their ids: 12, 3-9, 1,4,7, or - to read ids from standard input.\n\n"
        "Exit codes: 0 well, 1 a job failed, 2 wrong usage, 3 no such job or pool, 69 no daemon, "
        "75 busy, try again, 77 not allowed, 124 time limit, 125 jobd failed, 130 interrupted.",
};

static int show_next(struct ctl *ctl) {
    json_t *status;
    int r = ctl_connect(ctl);
    if (r == CTL_NO_DAEMON)
        puts("then: jobctl status | list | pool list | integrate cos 0 pi/2 | --help");
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
    puts("next: jobctl status | list | pool list | integrate cos 0 pi/2 | --help");
    json_decref(status);
    return CTL_DONE;
}

static int run(struct ctl *ctl, char **argv) {
    struct args args;
    int r = ctl_parse_main(ctl, &main_argp, argv, &args);
    if (r)
        return ctl_exit_of(JD_MIN(r, 0));
    char name[] = "jobctl status";
    if (args.n_operands > 0)
        r = ctl_run_command(ctl, "jobctl", commands, JD_LEN(commands), args.operands);
    else
        r = ctl->json ? cmd_status(ctl, (char *[]){name, NULL}) : show_next(ctl);
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
