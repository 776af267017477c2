// One message of the wire, decoded. Strings and bytes are views: into the frame after unpacking,
// into the caller's memory before packing.
#ifndef JD_MSG_H
#define JD_MSG_H

#include "buf.h"
#include "proto.h"

enum jd_shape { JD_REQUEST = 0, JD_REPLY = 1, JD_EVENT = 2 };

#define JD_C_U64 uint64_t
#define JD_C_I64 int64_t
#define JD_C_BOOL bool
#define JD_C_F64 double
#define JD_C_STR jobd_bytes
#define JD_C_BIN jobd_bytes
#define JD_C_RAW jobd_bytes

#define F(KIND, name, limit) JD_C_##KIND name;
#define X(NAME, name, need)                                                                        \
    struct jd_##name {                                                                             \
        JD_FIELDS_##NAME(F)                                                                        \
    };
JD_BODY_MAP(X)
#undef X
#undef F

struct jd_msg {
    uint8_t shape;   // enum jd_shape
    uint16_t op;     // enum jd_op; of a reply: the op it answers, which the receiver looks up by id
    uint32_t id;     // request and reply; each side numbers its own requests from 1, HELLO is 0
    int error;       // reply: JOBD_E_*, or 0
    jobd_bytes text; // reply with an error: one sentence
    jobd_bytes raw;  // reply, unpacked: the result, for jd_msg_unpack_reply()
    union {
#define X(NAME, name, need) struct jd_##name name;
        JD_BODY_MAP(X)
#undef X
    } u;
};

// ---- tables over the ops ----
bool jd_op_known(unsigned op);
const char *jd_op_name(unsigned op);    // "job.submit"; "?" if unknown
enum jd_shape jd_op_shape(unsigned op); // JD_REQUEST or JD_EVENT; op must be known
enum jd_body jd_op_body(unsigned op);
enum jd_body jd_op_reply(unsigned op);

// ---- bytes -> message: the payload is untrusted; every byte of it is checked on the way ----
// Requests and events come out whole; of a reply, `raw` waits for jd_msg_unpack_reply().
// 0 | JOBD_E_PROTO (malformed, or a field missing or of another type or range) | JOBD_E_NOTSUP
// (unknown op: shape, id and op are set, so that a request can be answered and an event ignored).
int jd_msg_unpack(jobd_bytes payload, struct jd_msg *ret);
// msg->op says which result to expect. 0 | JOBD_E_PROTO.
int jd_msg_unpack_reply(struct jd_msg *msg);

// ---- message -> one whole frame at the end of b ----
// 0 | JOBD_E_NOMEM | JOBD_E_MSGSIZE; on error b is as it was.
int jd_msg_pack(struct jd_buf *b, size_t max_payload, const struct jd_msg *msg);

// A view of a C string.
jobd_bytes jd_text(const char *s);
// Is this a name: 1..max bytes of [A-Za-z0-9._:/-]?
bool jd_name_ok(jobd_bytes name, size_t max);

#endif
