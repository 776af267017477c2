#include "base64.h"

#include <string.h>

#include "mem.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

char *base64_encode(jobd_bytes bytes) {
    const unsigned char *in = bytes.data;
    size_t n_groups = bytes.len / 3 + (bytes.len % 3 != 0);
    if (n_groups > (SIZE_MAX - 1) / 4)
        return NULL;
    char *text = jd_alloc(n_groups * 4 + 1);
    if (!text)
        return NULL;
    for (size_t g = 0; g < n_groups; g++) {
        size_t n = JD_MIN(bytes.len - 3 * g, 3);
        uint32_t bits = 0;
        for (size_t i = 0; i < 3; i++)
            bits = bits << 8 | (i < n ? in[3 * g + i] : 0u);
        for (size_t i = 0; i < 4; i++)
            text[4 * g + i] = i <= n ? alphabet[bits >> (18 - 6 * i) & 63] : '=';
    }
    text[4 * n_groups] = '\0';
    return text;
}

static int digit(char c) {
    const char *at = c ? strchr(alphabet, c) : NULL;
    return at ? (int)(at - alphabet) : -1;
}

// Four letters to at most three bytes. The number of bytes | JOBD_E_INVAL.
static int decode_group(const char *in, bool last, unsigned char out[3]) {
    int n = 4;
    while (last && n > 2 && in[n - 1] == '=')
        n--;
    uint32_t bits = 0;
    for (int i = 0; i < 4; i++) {
        int d = i < n ? digit(in[i]) : 0;
        if (d < 0)
            return JOBD_E_INVAL;
        bits = bits << 6 | (uint32_t)d;
    }
    for (int i = 0; i < 3; i++)
        out[i] = (unsigned char)(bits >> (16 - 8 * i) & 255);
    for (int i = n - 1; i < 3; i++) // a byte that was not written leaves no bits behind
        if (out[i] != 0)
            return JOBD_E_INVAL;
    return n - 1;
}

int base64_decode(jobd_bytes text, unsigned char **ret, size_t *ret_n) {
    const char *in = text.data;
    if (text.len % 4 != 0)
        return JOBD_E_INVAL;
    unsigned char *bytes = jd_alloc(text.len / 4 * 3);
    if (!bytes)
        return JOBD_E_NOMEM;
    size_t n = 0;
    for (size_t at = 0; at < text.len; at += 4) {
        int r = decode_group(in + at, at + 4 == text.len, bytes + n);
        if (r < 0) {
            jd_free(bytes);
            return r;
        }
        n += (size_t)r;
    }
    *ret = bytes;
    *ret_n = n;
    return 0;
}
