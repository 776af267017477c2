// jobctl: what its commands share.
#ifndef CTL_CTL_H
#define CTL_CTL_H

#include <jansson.h>
#include <stdio.h>

#include <jobd/jobd.h>

#include "args.h"
#include "guard.h"

enum ctl_exit {
    CTL_DONE = 0,
    CTL_JOB_FAILED = 1,
    CTL_USAGE = 2,
    CTL_NOT_THERE = 3, // no such job, or pool
    CTL_NO_DAEMON = 69,
    CTL_TRY_AGAIN = 75,
    CTL_NOT_ALLOWED = 77,
    CTL_TIME_LIMIT = 124,
    CTL_BROKEN = 125,    // jobd itself failed, or jobctl could not write
    CTL_SIGNALLED = 128, // + the signal: 130 after Ctrl-C
};

struct progress;

struct ctl {
    const char *socket; // --socket; NULL = the default
    char path[108];     // what it came to, for messages
    bool json;          // --json; until the command line is parsed, it stands anywhere in it
    bool json_given;    // it stands where options stand
    bool help;
    bool version;
    bool quiet; // --quiet, where a command has it: no words on stderr but errors
    jobd_conn *conn;
    int signal_fd; // -1 = signals end the process, as usual
    int signal;    // the signal that asked to stop; 0 = none
    // Gets every signal instead, and nothing stops by it; NULL = see ctl_watch_signals().
    void (*on_signal)(int signal, void *arg);
    void *on_signal_arg;
    uint64_t deadline_ns;      // ctl_turn() stops then; 0 = never
    bool late;                 // it has
    int output_errno;          // why standard output cannot be written; 0 = it can
    struct progress *progress; // drawn while ctl_turn() waits; NULL = none
};

// ---- Commands. Each returns an exit code. ----

#define CTL_COMMAND_MAP(X)                                                                         \
    X(integrate, "integrate a function in parts over the workers")                                 \
    X(bench, "time the daemon: an integral on every backend")                                      \
    X(submit, "run one task and print its result, or leave it to the daemon")                      \
    X(map, "run a task for every line of standard input")                                          \
    X(run, "run a command, or a task, as a process of its own")                                    \
    X(wait, "wait for jobs")                                                                       \
    X(result, "print the result of a job")                                                         \
    X(cancel, "cancel jobs that have not begun")                                                   \
    X(kill, "stop jobs, also those that run")                                                      \
    X(list, "list the jobs")                                                                       \
    X(why, "show why a job waits or failed, and where its time went")                              \
    X(watch, "show what happens in the daemon, as it happens")                                     \
    X(pool, "list, create and change pools of workers")                                            \
    X(ping, "measure round trips to a worker")                                                     \
    X(status, "show the state of the daemon")                                                      \
    X(workers, "list the workers")                                                                 \
    X(tasks, "list the tasks that can be submitted")                                               \
    X(shutdown, "stop the daemon")

#define X(name, summary) int cmd_##name(struct ctl *ctl, char **argv);
CTL_COMMAND_MAP(X)
#undef X

// A row of a table of commands: a name, and what it does.
struct ctl_command {
    const char *name;
    int (*run)(struct ctl *ctl, char **argv);
};
// Run the one that argv[0] names, with argv[0] = "GROUP NAME"; group is "jobctl", or "jobctl pool".
int ctl_run_command(struct ctl *ctl, const char *group, const struct ctl_command *commands,
                    size_t n, char **argv);

// ---- options.c: the command line ----

// A command's own syntax; --socket, --json, --help and --version come on top.
struct ctl_syntax {
    struct argp argp;                      // options, parser, args_doc, doc
    int n_least, n_most;                   // operands
    bool (*is_operand)(const char *token); // see args.h
    bool stops_at_operand;                 // what follows the first operand is none of our options
};
enum { CTL_MANY = 0x7fffffff }; // n_most: any number

// Parse argv, which ends in NULL; `input` is for the parser. With 0, *ret is owned: args_free().
// 0 | 1 (help or version was asked for and printed) | JOBD_E_* (what is wrong was printed: exit
// with ctl_exit_of() of it).
int ctl_parse(struct ctl *ctl, const struct ctl_syntax *syntax, char **argv, void *input,
              struct args *ret);
// The same for what stands before the command; the operands are the command and all that follows.
int ctl_parse_main(struct ctl *ctl, const struct argp *main_argp, char **argv, struct args *ret);

// The value of an option that is a duration; zero = "0" is one, too.
// 0 | JOBD_E_INVAL after showing what is wrong.
int ctl_parse_duration(const struct ctl *ctl, const char *option, const char *text, bool zero,
                       int64_t *ret_ms);

// ---- fail.c: what went wrong. Every function returns an exit code. ----

int ctl_exit_of(int err);
int ctl_exit_of_status(int status); // of a process: its exit code, or -signal
// Print an error: as lines for people, or as one JSON object; hint = what to do next, NULL = what
// helps in most cases, "" = nothing.
int ctl_fail(const struct ctl *ctl, const jobd_error *why, const char *hint);
// A call failed with nothing but a code; what = what could not be done.
int ctl_fail_call(const struct ctl *ctl, int err, const char *what);
// A job did not end well; the exit code is that of a process, if it was one.
int ctl_fail_job(const struct ctl *ctl, jobd_future *f, const char *what, const char *hint);
// The command line makes no sense. Returns JOBD_E_INVAL, for parsers.
int ctl_misuse(const struct ctl *ctl, const char *hint, const char *fmt, ...) JD_PRINTF(3, 4);
// ctl_turn() said stop: by a signal, by the deadline, or because nobody reads the output.
int ctl_fail_stopped(const struct ctl *ctl, const char *what);
// Was all output written? Call it last. Returns r, or CTL_BROKEN if something could not be written.
int ctl_finish_output(struct ctl *ctl, int r);

// ---- session.c: talking to the daemon ----

enum { CTL_ANSWER_MS = 10000 }; // how long the daemon may take to answer for itself

// 0 with ctl->conn open, or an exit code after printing why. ctl_disconnect() may follow any number
// of times.
int ctl_connect(struct ctl *ctl);
void ctl_disconnect(struct ctl *ctl);
// From here on SIGINT and SIGTERM stop ctl_turn(); a second one ends the process.
int ctl_watch_signals(struct ctl *ctl);
// From now on ctl_turn() stops after so long; 0 or less = never.
void ctl_set_deadline(struct ctl *ctl, int64_t timeout_ms);
// Wait for something and process it. 0 go on | 1 stop | JOBD_E_* the connection is dead.
int ctl_turn(struct ctl *ctl);
// Until f is done. 0 | 1 stop.
int ctl_await(struct ctl *ctl, jobd_future *f);
// Until the daemon has given the job its id, or f is done. 0 | 1 stop.
int ctl_await_id(struct ctl *ctl, jobd_future *f, uint64_t *ret_id);
// The daemon's state as a JSON object, new. 0 | an exit code after printing why.
int ctl_status(struct ctl *ctl, json_t **ret);
// A future's on_note and on_log, arg = the ctl: runs that are repeated, lines of the task; on stderr.
void ctl_on_note(jobd_future *f, const char *text, void *arg);
void ctl_on_log(jobd_future *f, int level, const char *line, void *arg);
uint64_t ctl_now_ns(void);

// ---- Results ----

// Print one JSON object on one line, with "v":1 put before what it has. v taken, NULL = out of
// memory. 0 | an exit code after printing why.
int ctl_print_json(struct ctl *ctl, json_t *v);

#endif
