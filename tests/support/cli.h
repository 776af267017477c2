// jobctl, run as people and scripts do.
#ifndef TESTS_CLI_H
#define TESTS_CLI_H

#include <jansson.h>

#include "support/scene.h"

enum {
    EXIT_JOB_FAILED = 1,
    EXIT_MISUSE = 2,
    EXIT_NOT_THERE = 3,
    EXIT_NO_DAEMON = 69,
    EXIT_TRY_AGAIN = 75,
    EXIT_NOT_ALLOWED = 77,
    EXIT_TIME_LIMIT = 124,
    EXIT_BROKEN = 125,
};

#define ARGS(...) ((const char *const[]){__VA_ARGS__, NULL})

// jobctl --socket SOCKET ARGS..., to its end.
struct proc_result cli_run(const char *socket, const char *const *args);
// Well: nothing on stderr, and all of this on stdout.
void cli_well(const struct scene *s, const char *const *args, const char *say);
// Not well: nothing on stdout, and both of these on stderr.
void cli_fails(const struct scene *s, int status, const char *const *args, const char *say,
               const char *say_too);
// Well, and what is on stdout, without the end of its last line. Owned: free().
char *cli_output(const struct scene *s, const char *const *args);

// Is the job in that state?
bool cli_job_is(const struct scene *s, const char *id, const char *state);

// ---- JSON; objects are owned: json_decref() ----

// One object with "v":1 and a line end, nothing else.
json_t *cli_parse(const char *text);
// Well, with one object on stdout.
json_t *cli_well_json(const struct scene *s, const char *const *args);
// Not well; the error's object.
json_t *cli_fails_json(const char *socket, int status, const char *const *args);
// A member that must be a text, borrowed.
const char *cli_text_of(const json_t *object, const char *name);

#endif
