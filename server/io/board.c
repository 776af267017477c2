#include "io/board.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

int board_create(struct jd_board **ret, int *ret_fd) {
    int fd = memfd_create("jobd-board", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return -errno;
    int err = posix_fallocate(fd, 0, sizeof(struct jd_board));
    if (err == 0 && fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
        err = errno;
    void *page = MAP_FAILED;
    if (err == 0) {
        page = mmap(NULL, sizeof(struct jd_board), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        err = page == MAP_FAILED ? errno : 0;
    }
    if (err) {
        close(fd);
        return -err;
    }
    jd_board_init(page);
    *ret = page;
    *ret_fd = fd;
    return 0;
}

void board_unmap(struct jd_board *board) {
    if (board)
        munmap(board, sizeof *board);
}

void board_copy(const struct jd_board *board, struct board_view *ret) {
    ret->taken = jd_board_taken(board);
    ret->rss_bytes = 0;
    ret->n_started = 0;
    for (unsigned i = 0; i < JD_BOARD_SLOTS; i++) {
        uint64_t word = jd_board_word(board, i);
        if (jd_slot_state(word) != JD_SLOT_STARTED)
            continue;
        struct board_started *s = &ret->started[ret->n_started++];
        s->slot = (uint8_t)i;
        s->seq = jd_slot_seq(word);
        uint64_t item = jd_board_read_item(board, i);
        s->item = (uint32_t)JD_MIN(item, (uint64_t)JD_CHUNK_MAX);
        jd_board_read_progress(board, i, &s->progress, s->note);
    }
}
