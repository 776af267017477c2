#include "kernels/isa.h"

#include <stdio.h>
#include <string.h>

#include "guard.h"

static const char *const names[] = {
#define X(name, id) #name,
    JD_ISA_MAP(X)
#undef X
};

const char *jd_isa_name(enum jd_isa isa) {
    JD_ASSERT((size_t)isa < JD_LEN(names));
    return names[isa];
}

int jd_isa_find(jobd_bytes name, enum jd_isa *ret) {
    for (size_t i = 0; i < JD_LEN(names); i++)
        if (name.len == strlen(names[i]) && memcmp(name.data, names[i], name.len) == 0) {
            *ret = (enum jd_isa)i;
            return 0;
        }
    return JOBD_E_INVAL;
}

// __builtin_cpu_supports() looks at what the operating system saves of the registers, too.
bool jd_isa_available(enum jd_isa isa) {
#ifdef __x86_64__
    bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (isa == JD_ISA_AVX2)
        return avx2;
    if (isa == JD_ISA_AVX512)
        return avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq");
#endif
    return isa == JD_ISA_BASELINE;
}

const char *jd_isa_available_names(char out[JD_ISA_NAMES_MAX]) {
    size_t n = 0;
    for (int i = 0; i < JD_ISAS; i++)
        if (jd_isa_available((enum jd_isa)i))
            n += (size_t)snprintf(out + n, JD_ISA_NAMES_MAX - n, " %s", names[i]);
    return out;
}

enum jd_isa jd_isa_best(void) {
    enum jd_isa best = JD_ISA_BASELINE;
    for (int i = 0; i < JD_ISAS; i++)
        if (jd_isa_available((enum jd_isa)i))
            best = (enum jd_isa)i;
    return best;
}
