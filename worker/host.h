// What tasks are given: the worker's side of jobd/task.h.
#ifndef WORKER_HOST_H
#define WORKER_HOST_H

#include <jobd/task.h>

extern const jobd_host host_table;

#endif
