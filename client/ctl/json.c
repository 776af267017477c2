#include "json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base64.h"
#include "mem.h"
#include "print.h"

static int read_value(jobd_reader *r, unsigned depth, json_t **ret);

static int done(json_t *v, json_t **ret) {
    if (!v)
        return JOBD_E_NOMEM;
    *ret = v;
    return 0;
}

static json_t *bin_to_json(jobd_bytes bytes) {
    char *text = base64_encode(bytes);
    json_t *v = text ? json_pack("{s:s}", "$bin", text) : NULL;
    jd_free(text);
    return v;
}

static json_t *u64_to_json(uint64_t u) {
    char text[24];
    snprintf(text, sizeof(text), "%llu", (unsigned long long)u);
    return json_pack("{s:s}", "$u64", text);
}

static json_t *str_to_json(jobd_bytes s) {
    json_t *v = json_stringn(s.len ? s.data : "", s.len); // NULL if it is not UTF-8
    return v ? v : bin_to_json(s);
}

static int read_int(jobd_reader *r, json_t **ret) {
    jobd_reader probe = *r;
    int64_t i;
    if (jobd_read_i64(&probe, &i) == 0) {
        *r = probe;
        return done(json_integer(i), ret);
    }
    uint64_t u;
    int e = jobd_read_u64(r, &u);
    return e ? e : done(u64_to_json(u), ret);
}

static int read_array(jobd_reader *r, unsigned depth, json_t **ret) {
    uint32_t n;
    int e = jobd_read_array(r, &n);
    if (e)
        return e;
    json_t *array = json_array();
    for (uint32_t i = 0; i < n && !e; i++) {
        json_t *item;
        e = read_value(r, depth, &item);
        if (!e && json_array_append_new(array, item))
            e = JOBD_E_NOMEM;
    }
    if (!e)
        return done(array, ret);
    json_decref(array);
    return e;
}

// The text of a key: a string as it is, anything else as JSON. Owned: free().
static char *key_text(const json_t *key) {
    return json_is_string(key) ? strdup(json_string_value(key))
                               : json_dumps(key, JSON_COMPACT | JSON_ENCODE_ANY);
}

static int read_pair(jobd_reader *r, unsigned depth, json_t *map) {
    json_t *key, *value;
    int e = read_value(r, depth, &key);
    if (e)
        return e;
    char *text = key_text(key);
    json_decref(key);
    e = text ? read_value(r, depth, &value) : JOBD_E_NOMEM;
    if (!e && json_object_set_new(map, text, value))
        e = JOBD_E_NOMEM;
    free(text); // jansson's, or strdup's
    return e;
}

static int read_map(jobd_reader *r, unsigned depth, json_t **ret) {
    uint32_t n;
    int e = jobd_read_map(r, &n);
    if (e)
        return e;
    json_t *map = json_object();
    for (uint32_t i = 0; i < n && !e; i++)
        e = read_pair(r, depth, map);
    if (!e)
        return done(map, ret);
    json_decref(map);
    return e;
}

static int read_scalar(jobd_reader *r, jobd_type type, json_t **ret) {
    bool b;
    double x;
    jobd_bytes s;
    int e;
    switch (type) {
    case JOBD_T_NIL:
        e = jobd_read_nil(r);
        return e ? e : done(json_null(), ret);
    case JOBD_T_BOOL:
        e = jobd_read_bool(r, &b);
        return e ? e : done(json_boolean(b), ret);
    case JOBD_T_INT:
        return read_int(r, ret);
    case JOBD_T_FLOAT:
        e = jobd_read_f64(r, &x);
        return e ? e : done(isfinite(x) ? json_real(x) : json_null(), ret);
    case JOBD_T_STR:
        e = jobd_read_str(r, &s);
        return e ? e : done(str_to_json(s), ret);
    case JOBD_T_BIN:
        e = jobd_read_bin(r, &s);
        return e ? e : done(bin_to_json(s), ret);
    default:
        return JOBD_E_PROTO;
    }
}

static int read_value(jobd_reader *r, unsigned depth, json_t **ret) {
    jobd_type type = jobd_read_type(r);
    if (type != JOBD_T_ARRAY && type != JOBD_T_MAP)
        return read_scalar(r, type, ret);
    if (depth == CTL_JSON_DEPTH_MAX)
        return JOBD_E_PROTO;
    return type == JOBD_T_ARRAY ? read_array(r, depth + 1, ret) : read_map(r, depth + 1, ret);
}

int ctl_json_of(jobd_bytes bytes, json_t **ret) {
    if (bytes.len == 0)
        return done(json_null(), ret);
    jobd_reader r = jobd_reader_of(bytes);
    json_t *v;
    int e = read_value(&r, 0, &v);
    if (e)
        return e;
    if (r.pos != r.end) {
        json_decref(v);
        return JOBD_E_PROTO;
    }
    *ret = v;
    return 0;
}

// ---- JSON to msgpack ----

static int build_bin(const json_t *text, jobd_args *a) {
    unsigned char *bytes;
    size_t n;
    jobd_bytes view = {json_string_value(text), json_string_length(text)};
    int e = base64_decode(view, &bytes, &n);
    if (e)
        return e;
    e = jobd_args_bin(a, (jobd_bytes){bytes, n});
    jd_free(bytes);
    return e;
}

static int build_u64(const json_t *text, jobd_args *a) {
    const char *digits = json_string_value(text);
    size_t n = json_string_length(text);
    uint64_t u = 0;
    if (n == 0)
        return JOBD_E_INVAL;
    for (size_t i = 0; i < n; i++) {
        unsigned d = (unsigned)(unsigned char)digits[i] - '0';
        if (d > 9 || u > (UINT64_MAX - d) / 10)
            return JOBD_E_INVAL;
        u = u * 10 + d;
    }
    return jobd_args_u64(a, u);
}

static int build_object(const json_t *object, jobd_args *a) {
    if (json_object_size(object) == 1) {
        const json_t *bin = json_object_get(object, "$bin");
        const json_t *u64 = json_object_get(object, "$u64");
        if (json_is_string(bin))
            return build_bin(bin, a);
        if (json_is_string(u64))
            return build_u64(u64, a);
    }
    int e = jobd_args_map(a, (uint32_t)json_object_size(object));
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, key, value) { // reads only
        if (!e)
            e = jobd_args_str(a, key);
        if (!e)
            e = ctl_json_build(value, a);
    }
    return e;
}

// msgpack's str is written with its length, jobd_args_str() stops at a NUL: such text is refused.
static int build_string(const json_t *s, jobd_args *a) {
    const char *text = json_string_value(s);
    return strlen(text) == json_string_length(s) ? jobd_args_str(a, text) : JOBD_E_INVAL;
}

int ctl_json_build(const json_t *v, jobd_args *a) {
    switch (json_typeof(v)) {
    case JSON_OBJECT:
        return build_object(v, a);
    case JSON_ARRAY: {
        int e = jobd_args_array(a, (uint32_t)json_array_size(v));
        for (size_t i = 0; i < json_array_size(v) && !e; i++)
            e = ctl_json_build(json_array_get(v, i), a);
        return e;
    }
    case JSON_STRING:
        return build_string(v, a);
    case JSON_INTEGER:
        return jobd_args_i64(a, json_integer_value(v));
    case JSON_REAL:
        return jobd_args_f64(a, json_real_value(v));
    case JSON_TRUE:
    case JSON_FALSE:
        return jobd_args_bool(a, json_is_true(v));
    case JSON_NULL:
        return jobd_args_nil(a);
    }
    JD_UNREACHABLE();
}

int ctl_json_set_double(json_t *object, double x) {
    if (isfinite(x))
        return json_object_set_new(object, "value", json_real(x)) ? JOBD_E_NOMEM : 0;
    char text[CTL_DOUBLE_MAX];
    ctl_double_text(x, text);
    if (json_object_set_new(object, "value", json_null()) ||
        json_object_set_new(object, "value_text", json_string(text)))
        return JOBD_E_NOMEM;
    return 0;
}

void ctl_json_write(FILE *out, const json_t *v) {
    // 17 digits: reading a double back gives the same one, whatever it is.
    json_dumpf(v, out, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(17));
}
