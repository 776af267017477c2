// The structure check: one pass over a payload, no allocation, before anything decodes it. It holds
// the sum of values still owed by all open containers against the bytes that are left, so that a
// chain of heads which each claim the rest is refused at once.
#ifndef JD_CHECK_H
#define JD_CHECK_H

#include <jobd/types.h>

enum { JD_CHECK_DEPTH_MAX = 16, JD_CHECK_NODES_MAX = 65536 };

// 0 = exactly one well-formed value and nothing after it | JOBD_E_PROTO; then *ret_at (may be NULL)
// is the offset of the offending byte.
int jd_check(jobd_bytes payload, size_t *ret_at);

#endif
