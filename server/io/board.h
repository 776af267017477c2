// The master's end of a worker's board: the only room of the daemon that touches shared memory.
#ifndef IO_BOARD_H
#define IO_BOARD_H

#include "core/event.h"

// A board that nobody can shrink, grow or leave without memory behind its pages. *ret_fd is for the
// worker and owned by the caller; the mapping is freed with board_unmap().
// 0 | -errno.
int board_create(struct jd_board **ret, int *ret_fd);
void board_unmap(struct jd_board *board); // NULL is allowed
// Everything the core may know of it, each value looked at once. What the process holds is not on
// the board.
void board_copy(const struct jd_board *board, struct board_view *ret);

#endif
