// A daemon under siege: peers that do what no client would, and an honest client who must not notice.
#ifndef TESTS_SIEGE_H
#define TESTS_SIEGE_H

#include "support/client.h"
#include "support/daemon.h"
#include "support/raw_peer.h"

struct siege {
    struct test_daemon d;
    struct test_client honest;
    uint64_t rss, fds; // of the daemon, when siege_remember() looked last
    uint64_t n_kills;  // of workers that the test has killed
    const char *env[2];
};

// All workers are ready, and the honest client has been served. Of the options, plugin and env are
// set here.
void siege_begin(struct siege *s, struct test_daemon_options options);
// The honest client is served once more, no worker has died by itself, and the daemon ends in order.
void siege_end(struct siege *s);

void siege_remember(struct siege *s);
// The daemon's memory has not grown by so much since then. Sanitizers keep some of what was freed:
// under them there is more slack.
void siege_not_grown(struct siege *s, uint64_t bytes);
// Only the honest client is there, and the daemon holds no descriptor more than then.
void siege_alone(struct siege *s);
void siege_round_trips(struct siege *s); // some, of the honest client

// A new peer that is `open` or has said nothing sends one payload and is cut off with this error.
void siege_cut_off(struct siege *s, bool open, const void *payload, size_t n, int error);

#endif
