// The instruction sets that the fast kernel is compiled for, from the least to the most.
#ifndef JD_KERNELS_ISA_H
#define JD_KERNELS_ISA_H

#include <jobd/types.h>

// baseline is what every CPU of the architecture has: on x86-64 SSE2, two lanes. avx2 means AVX2 and
// FMA, four lanes; avx512 adds its F and DQ parts, eight.
#define JD_ISA_MAP(X)                                                                              \
    X(baseline, JD_ISA_BASELINE)                                                                   \
    X(avx2, JD_ISA_AVX2)                                                                           \
    X(avx512, JD_ISA_AVX512)

#define JD_NAME_OF(name, id) " " #name
#define JD_ISA_NAMES JD_ISA_MAP(JD_NAME_OF) // all of them, each after a blank

enum { JD_ISA_NAMES_MAX = sizeof(JD_ISA_NAMES) };

enum jd_isa {
#define X(name, id) id,
    JD_ISA_MAP(X)
#undef X
        JD_ISAS
};

const char *jd_isa_name(enum jd_isa isa);
// 0 | JOBD_E_INVAL (no such name). Whether this CPU has it is another question.
int jd_isa_find(jobd_bytes name, enum jd_isa *ret);
// May this CPU, under this kernel, run it?
bool jd_isa_available(enum jd_isa isa);
// The names of those that are, each after a blank. Returns out.
const char *jd_isa_available_names(char out[JD_ISA_NAMES_MAX]);
// The most that is available.
enum jd_isa jd_isa_best(void);

#endif
