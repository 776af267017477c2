// The tasks of the lecture, for a program that runs them itself.
#ifndef EXAMPLE_TASKS_H
#define EXAMPLE_TASKS_H

#include <jobd/task.h>

enum { LECTURE_TASKS = 5 };
extern const jobd_task_def lecture_tasks[LECTURE_TASKS];

#endif
