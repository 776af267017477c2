// Envelopes, limits of frames, and the bytes of the wire, written down.
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "msg_frame.h"

// ---- envelopes ----

#define PAYLOAD(bytes) ((jobd_bytes){bytes, sizeof(bytes) - 1})

Test(msg, unknown_ops_can_be_answered) {
    struct jd_msg m;
    cr_expect_eq(unpacked(PAYLOAD("\x94\x00\x07\x7f\x90"), 0, &m), JOBD_E_NOTSUP);
    cr_expect(m.shape == JD_REQUEST && m.id == 7 && m.op == 0x7f);
    cr_expect_eq(unpacked(PAYLOAD("\x93\x02\xcd\xff\xff\xc0"), 0, &m), JOBD_E_NOTSUP);
    cr_expect(m.shape == JD_EVENT && m.id == 0 && m.op == 0xffff);
    for (unsigned op = 0; op < 0x80; op++) { // each op in the shape that is not its own
        char request[] = {(char)0x94, JD_REQUEST, 5, (char)op, (char)0x90};
        char event[] = {(char)0x93, JD_EVENT, (char)op, (char)0x90};
        bool is_request = jd_op_known(op) && jd_op_shape(op) == JD_REQUEST;
        bool is_event = jd_op_known(op) && jd_op_shape(op) == JD_EVENT;
        int r = unpacked((jobd_bytes){request, sizeof request}, 0, &m);
        cr_expect(is_request ? r != JOBD_E_NOTSUP : r == JOBD_E_NOTSUP && m.id == 5 && m.op == op);
        r = unpacked((jobd_bytes){event, sizeof event}, 0, &m);
        cr_expect(is_event ? r != JOBD_E_NOTSUP : r == JOBD_E_NOTSUP && m.op == op);
    }
}

Test(msg, broken_envelopes_are_refused) {
    const jobd_bytes broken[] = {
        PAYLOAD("\xc0"),                                 // not an array
        PAYLOAD("\x90"),                                 // empty
        PAYLOAD("\x94\x03\x01\x02\x90"),                 // no such shape
        PAYLOAD("\x94\xff\x01\x02\x90"),                 // a negative one
        PAYLOAD("\x94\xa1x\x01\x02\x90"),                // a text
        PAYLOAD("\x93\x00\x01\x02"),                     // a request without params
        PAYLOAD("\x92\x02\x18"),                         // an event without
        PAYLOAD("\x93\x01\x01\xc0"),                     // a reply without a result
        PAYLOAD("\x94\x00\xcf\0\0\0\1\0\0\0\0\x02\x90"), // id over 32 bits
        PAYLOAD("\x94\x00\xff\x02\x90"),                 // a negative id
        PAYLOAD("\x94\x00\x01\xce\0\1\0\0\x90"),         // op over 16 bits
        PAYLOAD("\x94\x00\x01\xa1x\x90"),                // a text for an op
        PAYLOAD("\x94\x01\x01\x90\xc0"),                 // an error without a code
        PAYLOAD("\x94\x01\x01\x91\xff\xc0"),             // without a text
        PAYLOAD("\x94\x01\x01\x92\x00\xa0\xc0"),         // code 0 is no error
        PAYLOAD("\x94\x01\x01\x92\x05\xa0\xc0"),         // nor a positive one
        PAYLOAD("\x94\x01\x01\x92\xd3\xff\xff\xff\xff\x7f\xff\xff\xff\xa0\xc0"), // under 32 bits
        PAYLOAD("\x94\x01\x01\x92\xff\xc4\0\xc0"),                               // bytes for a text
        PAYLOAD("\x94\x01\x01\xff\xc0"),                                         // a bare code
    };
    for (size_t i = 0; i < JD_LEN(broken); i++) {
        struct jd_msg m;
        cr_assert_eq(jd_check(broken[i], NULL), 0, "%zu", i);
        cr_expect_eq(unpacked(broken[i], JD_OP_PING, &m), JOBD_E_PROTO, "%zu", i);
    }
}

Test(msg, what_is_kept_or_skipped_is_checked_too) {
    const jobd_bytes broken[] = {
        PAYLOAD("\x94\x00\x01\x02\x91\xdd\x10\0\0\0"),     // a bomb among the params
        PAYLOAD("\x94\x00\x01\x02\xc1"),                   // the unused byte
        PAYLOAD("\x93\x02\x7f\xd4\x00\x00"),               // an unknown event's extension
        PAYLOAD("\x94\x00\x01\x7f\x92\xc0"),               // an unknown request, cut
        PAYLOAD("\x95\x00\x01\x02\x90\xc1"),               // a later field
        PAYLOAD("\x94\x00\x01\x13\x92\x01\xdf\x80\0\0\0"), // a later param
        PAYLOAD("\x94\x01\x01\xc0\x93\x01"),               // a result, cut
        PAYLOAD("\x94\x01\x01\x93\xff\xa0\xc1\xc0"),       // more than is known of an error
        PAYLOAD("\xdd\xff\xff\xff\xff\x00\x01\x02\x90"),   // an envelope that claims 4 G
    };
    for (size_t i = 0; i < JD_LEN(broken); i++) {
        struct jd_msg m;
        cr_expect_eq(unpacked(broken[i], JD_OP_PING, &m), JOBD_E_PROTO, "%zu", i);
    }
}

Test(msg, a_later_version_may_add_to_the_envelope) {
    struct jd_msg m;
    cr_expect_eq(unpacked(PAYLOAD("\x95\x00\x09\x02\x90\xa5later"), 0, &m), 0);
    cr_expect(m.op == JD_OP_PING && m.id == 9);
    cr_expect_eq(unpacked(PAYLOAD("\x94\x00\x09\x02\x93\x01\x02\x03"), 0, &m), 0,
                 "fields for none");
    cr_expect_eq(unpacked(PAYLOAD("\x94\x01\x09\x93\xf0\xa2no\xc0\xc0"), 0, &m), 0);
    cr_expect(m.error == -16 && m.id == 9 && m.text.len == 2);
}

Test(msg, an_error_travels_with_its_sentence) {
    static char long_text[3000];
    struct jd_buf b;
    jd_buf_init(&b, 1u << 20);
    struct jd_msg got, m = {.shape = JD_REPLY, .op = JD_OP_SUBMIT, .id = UINT32_MAX};
    m.error = JOBD_E_STOPPING;
    m.text = jd_text("the daemon is stopping");
    cr_expect_eq(unpacked(packed(&b, &m), m.op, &got), 0);
    cr_expect(got.error == JOBD_E_STOPPING && got.id == UINT32_MAX);
    cr_expect_eq(got.text.len, m.text.len);
    cr_expect_arr_eq(got.text.data, m.text.data, m.text.len);
    m.text = (jobd_bytes){long_text, sizeof long_text};
    m.error = INT32_MIN;
    cr_expect_eq(unpacked(packed(&b, &m), m.op, &got), 0);
    cr_expect_eq(got.text.len, (size_t)JD_TEXT_MAX, "cut, not refused");
    cr_expect_eq(got.error, INT32_MIN);
    jd_buf_free(&b);
}

// ---- limits of frames ----

Test(msg, a_frame_over_the_limit_leaves_nothing_behind) {
    static char args[5000];
    struct jd_buf b;
    jd_buf_init(&b, 1u << 20);
    struct jd_msg m = {.shape = JD_REQUEST, .op = JD_OP_SUBMIT, .id = 1};
    m.u.submit = (struct jd_submit){.task = jd_text("ping"), .args = {args, sizeof args}};
    cr_assert_eq(jd_msg_pack(&b, MAX_PAYLOAD, &m), 0);
    size_t payload = jd_buf_used(&b) - JD_FRAME_HEAD_BYTES, whole = jd_buf_used(&b);
    cr_expect_eq(jd_msg_pack(&b, payload - 1, &m), JOBD_E_MSGSIZE);
    cr_expect_eq(jd_buf_used(&b), whole);
    cr_expect_eq(jd_msg_pack(&b, payload, &m), 0);
    cr_expect_eq(jd_buf_used(&b), 2 * whole);
    jd_buf_free(&b);
    jd_buf_init(&b, whole - 1);
    cr_expect_eq(jd_msg_pack(&b, MAX_PAYLOAD, &m), JOBD_E_MSGSIZE, "the buffer's own limit");
    cr_expect_eq(jd_buf_used(&b), 0u);
    jd_buf_free(&b);
}

// User data of max_frame - JD_ENVELOPE_BYTES fits a frame, however large the numbers beside it are.
Test(msg, the_envelope_has_room_for_everything_but_user_data) {
    static char data[JD_FRAME_MIN_BYTES - JD_ENVELOPE_BYTES], name[JD_NAME_MAX];
    const jobd_bytes user = {data, sizeof data};
    struct jd_msg m[4] = {{.shape = JD_REQUEST, .op = JD_OP_SUBMIT, .id = UINT32_MAX},
                          {.shape = JD_EVENT, .op = JD_OP_RUN},
                          {.shape = JD_EVENT, .op = JD_OP_RESULT},
                          {.shape = JD_EVENT, .op = JD_OP_JOB_DONE}};
    const jobd_bytes text = {name, sizeof name};
    m[0].u.submit = (struct jd_submit){.handle = JD_HANDLE_MAX,
                                       .executor = JD_EXECUTORS_MAX,
                                       .task = text,
                                       .args = user,
                                       .time_limit_ms = INT64_MAX / 1000000,
                                       .max_lost = 2,
                                       .chunk = JD_CHUNK_MAX,
                                       .priority = -127,
                                       .delay_ms = INT64_MAX / 1000000,
                                       .deadline_ms = INT64_MAX / 1000000,
                                       .max_retries = 255,
                                       .retry_delay_ms = INT64_MAX / 1000000,
                                       .key = text,
                                       .label = text,
                                       .detached = true};
    m[1].u.run = (struct jd_run){.slot = 255,
                                 .seq = UINT64_MAX,
                                 .job = UINT64_MAX,
                                 .attempt = 255,
                                 .task = JD_TASKS_MAX,
                                 .time_limit_ms = UINT64_MAX,
                                 .args = user,
                                 .chunk = JD_CHUNK_MAX};
    m[2].u.result =
        (struct jd_result){.slot = 255, .seq = UINT64_MAX, .run_ns = UINT64_MAX, .value = user};
    m[3].u.job_done = (struct jd_job_done){.handle = JD_HANDLE_MAX,
                                           .state = 255,
                                           .pid = UINT32_MAX,
                                           .run_ns = UINT64_MAX,
                                           .value = user};
    struct jd_buf b;
    jd_buf_init(&b, 1u << 20);
    for (size_t i = 0; i < JD_LEN(m); i++)
        cr_expect_eq(jd_msg_pack(&b, JD_FRAME_MIN_BYTES, &m[i]), 0, "%s", jd_op_name(m[i].op));
    jd_buf_free(&b);
}

// ---- the bytes of the wire, written down ----

static void expect_frame(const struct jd_msg *m, const char *hex) {
    struct jd_buf b;
    char got[512] = "";
    jd_buf_init(&b, 1000);
    cr_assert_eq(jd_msg_pack(&b, MAX_PAYLOAD, m), 0);
    jobd_bytes v = jd_buf_view(&b);
    for (size_t i = 0; i < v.len; i++)
        snprintf(got + 2 * i, 3, "%02x", ((const uint8_t *)v.data)[i]);
    cr_expect_str_eq(got, hex, "%s: %s", jd_op_name(m->op), got);
    jd_buf_free(&b);
}

Test(msg, bytes_from_client_to_master) {
    struct jd_msg m = {.shape = JD_REQUEST, .op = JD_OP_HELLO};
    m.u.hello =
        (struct jd_hello){.major = 1, .name = jd_text("ctl"), .pid = 300, .max_frame = 1u << 20};
    expect_frame(&m, "00000016"
                     "94000001"
                     "98010000"
                     "a363746c"
                     "cd012c"
                     "ce00100000"
                     "90"
                     "90");
    m = (struct jd_msg){.shape = JD_REQUEST, .op = JD_OP_PING, .id = 1};
    expect_frame(&m, "00000005"
                     "94000102"
                     "90");
    m = (struct jd_msg){.shape = JD_REQUEST, .op = JD_OP_SUBMIT, .id = 2};
    m.u.submit = (struct jd_submit){
        .handle = 1, .executor = 3, .task = jd_text("ping"), .args = {"\x90", 1}};
    expect_frame(&m, "0000000f"
                     "94000212"
                     "940103"
                     "a470696e67"
                     "c40190");
    m.u.submit.max_lost = 1;
    expect_frame(&m, "00000011"
                     "94000212"
                     "960103"
                     "a470696e67"
                     "c40190"
                     "0001");
    m = (struct jd_msg){.shape = JD_REQUEST, .op = JD_OP_CANCEL, .id = 0x10000};
    m.u.cancel.handle = 200;
    expect_frame(&m, "0000000b"
                     "9400ce00010000"
                     "13"
                     "91ccc8");
    m = (struct jd_msg){.shape = JD_REQUEST, .op = JD_OP_SHUTDOWN, .id = 5};
    m.u.shutdown.now = true;
    expect_frame(&m, "00000006"
                     "94000563"
                     "91c3");
}

Test(msg, bytes_from_master_to_client) {
    struct jd_msg m = {.shape = JD_REPLY, .op = JD_OP_SUBMIT, .id = 2};
    m.u.submit_ok.job = 0x123456789;
    expect_frame(&m, "0000000e"
                     "940102c0"
                     "91cf0000000123456789");
    m.error = JOBD_E_STOPPING;
    m.text = jd_text("stop");
    expect_frame(&m, "0000000b"
                     "940102"
                     "92e8a473746f70"
                     "c0");
    m = (struct jd_msg){.shape = JD_REPLY, .op = JD_OP_EXECUTOR_OPEN, .id = 3};
    expect_frame(&m, "00000005"
                     "940103c0"
                     "c0");
    m = (struct jd_msg){.shape = JD_EVENT, .op = JD_OP_JOB_STATE};
    m.u.job_state =
        (struct jd_job_state){.handle = 1, .state = JOBD_JOB_RUNNING, .pid = 7, .attempt = 1};
    expect_frame(&m, "00000012"
                     "930218"
                     "9601040701"
                     "cb0000000000000000"
                     "a0");
    m = (struct jd_msg){.shape = JD_EVENT, .op = JD_OP_JOB_DONE};
    m.u.job_done = (struct jd_job_done){
        .handle = 1, .state = JOBD_JOB_DONE, .pid = 0x1234, .run_ns = 900, .value = {"\x2a", 1}};
    expect_frame(&m, "0000000f"
                     "930219"
                     "950105"
                     "cd1234"
                     "cd0384"
                     "c4012a");
    m = (struct jd_msg){.shape = JD_EVENT, .op = JD_OP_BYE};
    m.u.bye = (struct jd_bye){.code = -JOBD_E_PROTO, .text = jd_text("depth")};
    expect_frame(&m, "0000000b"
                     "930203"
                     "922b"
                     "a56465707468");
}

Test(msg, bytes_between_master_and_worker) {
    struct jd_msg m = {.shape = JD_EVENT, .op = JD_OP_RUN};
    m.u.run =
        (struct jd_run){.slot = 255, .seq = 1u << 16, .job = 9, .attempt = 1, .args = {"\x90", 1}};
    expect_frame(&m, "00000012"
                     "930220"
                     "97ccff"
                     "ce00010000"
                     "09010000"
                     "c40190");
    m = (struct jd_msg){.shape = JD_EVENT, .op = JD_OP_RESULT};
    m.u.result = (struct jd_result){.slot = 1, .seq = 2, .run_ns = 3, .value = {"\x2a", 1}};
    expect_frame(&m, "0000000a"
                     "930221"
                     "94010203"
                     "c4012a");
    m.u.result = (struct jd_result){
        .slot = 1, .seq = 2, .error = -JOBD_E_TASK, .name = jd_text("bad"), .text = jd_text("no")};
    expect_frame(&m, "00000011"
                     "930221"
                     "97010200"
                     "c400"
                     "3e"
                     "a3626164"
                     "a26e6f");
}

// ---- names ----

Test(msg, names_are_made_of_few_characters) {
    static const char good[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:/-";
    char long_name[JD_NAME_MAX + 1];
    for (int c = 0; c < 256; c++) {
        char name[] = {'a', (char)c};
        bool want = c != 0 && strchr(good, c);
        cr_expect_eq(jd_name_ok((jobd_bytes){name, 2}, JD_NAME_MAX), want, "%02x", c);
    }
    memset(long_name, 'x', sizeof long_name);
    cr_expect_not(jd_name_ok((jobd_bytes){long_name, 0}, JD_NAME_MAX));
    cr_expect(jd_name_ok((jobd_bytes){long_name, JD_NAME_MAX}, JD_NAME_MAX));
    cr_expect_not(jd_name_ok((jobd_bytes){long_name, JD_NAME_MAX + 1}, JD_NAME_MAX));
}
