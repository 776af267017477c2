// What a worker writes to its stdout and stderr: the last of it is kept for its obituary, and all of
// it is either told to the core or goes to the log line by line, at a bounded rate.
#ifndef IO_OUTPUT_H
#define IO_OUTPUT_H

#include <jobd/types.h>
#include <uv.h>

struct loop;

enum {
    OUTPUT_TAIL_BYTES = 4096,
    OUTPUT_READ_BYTES = 4096,
    OUTPUT_TURN_BYTES = 65536, // at a time, so that no worker keeps the others waiting
    OUTPUT_WORDS_BYTES = 240,
    OUTPUT_LINE_BYTES = 512,         // a longer line is cut
    OUTPUT_LINES_PER_S = 50,         // more are counted only
    OUTPUT_LAST_BYTES = 1024 * 1024, // read after the death: a grandchild may write for ever
};

struct output {
    uv_poll_t poll;
    struct loop *loop;
    int fd; // the reading end, without waiting
    uint32_t worker, pid;
    uint32_t n_tail, n_line;
    uint32_t n_logged; // in the second that began at since_ns
    uint32_t n_dropped;
    uint64_t since_ns;
    bool tell; // the core, by EVENT_OUTPUT
    bool held; // nothing is read: the writer must wait
    char tail[OUTPUT_TAIL_BYTES];
    char line[OUTPUT_LINE_BYTES];
};

// fd: the caller's, as is the handle: it is initialised before start and closed by the caller.
void output_init(struct output *o, struct loop *loop, int fd, uint32_t worker, uint32_t pid);
void output_start(struct output *o);
void output_hold(struct output *o, bool hold);
// Tells what was written up to now, if it is to be told.
void output_catch_up(struct output *o);
// Reads what is left; the writer is dead.
void output_drain(struct output *o);
// The last whole lines of what is kept, as many as fit OUTPUT_WORDS_BYTES, without the final line
// end. A view until more is read.
jobd_bytes output_last_words(const struct output *o);

#endif
