// The structure check: one pass, no allocation, over bytes that nobody will decode: what is kept as
// a view, passed on or skipped. (What is decoded is checked as it is read.) It holds the sum of
// values still owed by all open containers against the bytes that are left, so that a chain of
// heads which each claim the rest is refused at once.
#ifndef JD_CHECK_H
#define JD_CHECK_H

#include <jobd/types.h>

enum { JD_CHECK_DEPTH_MAX = 16, JD_CHECK_NODES_MAX = 65536 };

// The size of the one well-formed value that data begins with; 0 = there is none.
size_t jd_check_one(const void *data, size_t n);

// 0 = exactly one well-formed value and nothing after it | JOBD_E_PROTO; then *ret_at (may be NULL)
// is the offset of the offending byte.
int jd_check(jobd_bytes payload, size_t *ret_at);

#endif
