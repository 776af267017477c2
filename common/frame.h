// Framing: u32 big-endian length, then that many bytes of payload. Pure; see PROTOCOL.md section 1.
#ifndef JD_FRAME_H
#define JD_FRAME_H

#include "buf.h"

enum { JD_FRAME_HEAD_BYTES = 4 };

// Looks at the first frame in data[0..n).
// Returns the frame's size with its head (> 0), *ret_payload a view into data;
//         0 = more bytes are needed (*ret_need = how many the whole frame has; 4 = not known yet);
//         JOBD_E_MSGSIZE (longer than max_payload) | JOBD_E_PROTO (length 0).
int64_t jd_frame_next(const void *data, size_t n, size_t max_payload, jobd_bytes *ret_payload,
                      size_t *ret_need);

// Writes a head for that many bytes of payload.
void jd_frame_head(uint8_t *at, uint32_t payload_bytes);

// Opens a frame at the end of b: returns where its head is (an offset from b->pos, which stays true
// when b moves), or JOBD_E_NOMEM | JOBD_E_MSGSIZE. Write the payload, then finish.
int64_t jd_frame_begin(struct jd_buf *b);
// Patches the length. On error (payload over max_payload, or `err` != 0) the frame is taken out of
// b again. An empty payload is a bug. Returns 0 | err | JOBD_E_MSGSIZE.
int jd_frame_finish(struct jd_buf *b, int64_t begin, size_t max_payload, int err);

#endif
