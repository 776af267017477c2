// A link from the inside: link.c is its life, link_talk.c what goes over it.
#ifndef IO_LINK_INNER_H
#define IO_LINK_INNER_H

#include <uv.h>

#include "io/link.h"
#include "io/output.h"
#include "io/wire.h"

struct link {
    uv_poll_t sock_poll, pid_poll;
    struct output output;
    struct loop *loop;
    struct jd_board *board;
    struct wire wire;
    struct jd_buf out;
    struct list dirty_node, sample_node, ending_node;
    struct list pid_node;
    uint64_t due_ns;
    uint64_t received, parsed;
    uint64_t start_peak_bytes; // a greatest memory up to this may be ours and not the process's
    uint64_t seen_peak_bytes;  // the most it was seen to hold
    uint32_t worker;
    pid_t pid;
    int sock, pidfd;
    int n_handles; // open at the loop
    uint8_t events;
    bool sample_rss;
    bool broken;  // what it sends cannot be understood any more
    bool ended;   // its output has
    bool hang_up; // asked for, and done once everything was sent
    bool hung_up;
    bool killed; // by us, while it lived
};

// link_talk.c
void link_listen(struct link *l); // from now on it is read
void link_watch(struct link *l);  // for what there is to read or to write now
void link_drain(struct link *l);  // it is dead: takes all it has sent and written

// link.c
void link_end_of_output(struct link *l);
void link_kill(struct link *l);

#endif
