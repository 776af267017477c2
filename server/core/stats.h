// What the daemon tells of itself: maps whose keys only ever grow in number.
#ifndef CORE_STATS_H
#define CORE_STATS_H

#include "msg.h"

struct core;
struct client;

void stats_on_status(struct core *core, struct client *client, const struct jd_msg *msg);
void stats_on_workers(struct core *core, struct client *client, const struct jd_msg *msg);
void stats_on_tasks(struct core *core, struct client *client, const struct jd_msg *msg);
void stats_on_pools(struct core *core, struct client *client, const struct jd_msg *msg);
void listing_on_jobs(struct core *core, struct client *client, const struct jd_msg *msg);
void why_on_why(struct core *core, struct client *client, const struct jd_msg *msg);

#endif
