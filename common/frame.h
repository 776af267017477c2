// Framing: u32 big-endian length, then that many bytes of payload. Pure; see PROTOCOL.md section 1.
#ifndef JD_FRAME_H
#define JD_FRAME_H

#include <jobd/types.h>

enum { JD_FRAME_HEAD_BYTES = 4 };

// Looks at the first frame in data[0..n).
// Returns the frame's size with its head (> 0), *ret_payload a view into data;
//         0 = more bytes are needed (*ret_need = how many the whole frame has; 4 = not known yet);
//         JOBD_E_MSGSIZE (longer than max_payload) | JOBD_E_PROTO (length 0).
int64_t jd_frame_next(const void *data, size_t n, size_t max_payload, jobd_bytes *ret_payload,
                      size_t *ret_need);

// Writes a head for that many bytes of payload.
void jd_frame_head(uint8_t *at, uint32_t payload_bytes);

#endif
