// sin, cos, exp and log as polynomials, for instruction sets with fused multiply-add; each is valid
// in its domain only and simd_level.h sees to it. The coefficients are near-minimax fits, rounded to
// double; their error is a third of 2^-53 or less, the rest of a function's error is rounding.
#ifndef JD_KERNELS_SIMD_POLY_H
#define JD_KERNELS_SIMD_POLY_H

// Added to a number below 2^51 it leaves the nearest integer in the low bits of the sum.
#define POLY_SHIFT 0x1.8p52

// sin and cos: x = q * pi + r. For |x| <= 2^27 the first step is exact wherever it cancels, and what
// three parts of pi leave out is far below the smallest r that a double can come to.
#define POLY_sin_FROM -0x1p27
#define POLY_sin_TO 0x1p27
#define POLY_cos_FROM -0x1p27
#define POLY_cos_TO 0x1p27
// exp: the power of two stays a normal number.
#define POLY_exp_FROM -708.0
#define POLY_exp_TO 709.0
// log: positive normal numbers.
#define POLY_log_FROM 0x1p-1022
#define POLY_log_TO 0x1.fffffffffffffp1023

static inline vd poly_reduce_pi(vd q, vd x) {
    vd r = simd_fma(q, simd_all_of(-0x1.921fb54442d18p+1), x);
    r = simd_fma(q, simd_all_of(-0x1.1a62633145c07p-53), r);
    return simd_fma(q, simd_all_of(0x1.f1976b7ed8fbcp-109), r);
}

// |r| <= pi/2
static inline vd poly_sin_reduced(vd r) {
    vd t = r * r;
    vd p = simd_all_of(0x1.89a3f16388edcp-49);
    p = simd_fma(p, t, simd_all_of(-0x1.ae513415aadccp-41));
    p = simd_fma(p, t, simd_all_of(0x1.6124014cbe2fcp-33));
    p = simd_fma(p, t, simd_all_of(-0x1.ae6455a1a9e7ep-26));
    p = simd_fma(p, t, simd_all_of(0x1.71de3a54562a8p-19));
    p = simd_fma(p, t, simd_all_of(-0x1.a01a01a018aa6p-13));
    p = simd_fma(p, t, simd_all_of(0x1.1111111111107p-7));
    p = simd_fma(p, t, simd_all_of(-0x1.5555555555555p-3));
    return simd_fma(r * t, p, r);
}

static inline vd poly_sin(vd x) {
    vd k = simd_fma(x, simd_all_of(0x1.45f306dc9c883p-2), simd_all_of(POLY_SHIFT));
    vd r = poly_reduce_pi(k - POLY_SHIFT, x);
    return (vd)((vu)poly_sin_reduced(r) ^ ((vu)k << 63));
}

// cos((k - 1/2) * pi + r) = (-1)^k * sin(r)
static inline vd poly_cos(vd x) {
    vd k = simd_fma(x, simd_all_of(0x1.45f306dc9c883p-2), simd_all_of(0.5)) + POLY_SHIFT;
    vd r = poly_reduce_pi(k - POLY_SHIFT - 0.5, x);
    return (vd)((vu)poly_sin_reduced(r) ^ ((vu)k << 63));
}

// exp(k * ln2 + r) = 2^k * (1 + r + r^2 * p(r))
static inline vd poly_exp(vd x) {
    vd k = simd_fma(x, simd_all_of(0x1.71547652b82fep+0), simd_all_of(POLY_SHIFT));
    vd q = k - POLY_SHIFT;
    vd r = simd_fma(q, simd_all_of(-0x1.62e42fefa39efp-1), x);
    r = simd_fma(q, simd_all_of(-0x1.abc9e3b39803fp-56), r);
    vd p = simd_all_of(0x1.af38a9b0ec855p-26);
    p = simd_fma(p, r, simd_all_of(0x1.289185613a3d6p-22));
    p = simd_fma(p, r, simd_all_of(0x1.71de0dae63bb3p-19));
    p = simd_fma(p, r, simd_all_of(0x1.a019b90d2ae7ap-16));
    p = simd_fma(p, r, simd_all_of(0x1.a01a01a7c41d5p-13));
    p = simd_fma(p, r, simd_all_of(0x1.6c16c1788bd90p-10));
    p = simd_fma(p, r, simd_all_of(0x1.11111111109b3p-7));
    p = simd_fma(p, r, simd_all_of(0x1.5555555553d63p-5));
    p = simd_fma(p, r, simd_all_of(0x1.5555555555556p-3));
    p = simd_fma(p, r, simd_all_of(0x1.0000000000001p-1));
    p = 1.0 + simd_fma(r * r, p, r);
    return (vd)((vu)p + ((vu)k << 52));
}

// x = 2^k * (1 + f) with 1 + f between sqrt(1/2) and sqrt(2); with s = f / (2 + f),
// log(1 + f) = f - (f^2/2 - s * (f^2/2 + s^2 * p(s^2))), where f and f^2/2 carry most digits.
static inline vd poly_log(vd x) {
    const uint64_t sqrt_half = UINT64_C(0x3fe6a09e667f3bcd), one = UINT64_C(0x3ff0000000000000);
    vu up = (vu)x + (one - sqrt_half);
    vd f = (vd)((up & UINT64_C(0x000fffffffffffff)) + sqrt_half) - 1.0;
    // The biased exponent, as the low bits of 2^52 + itself.
    vd k = (vd)((up >> 52) | UINT64_C(0x4330000000000000)) - (0x1p52 + 1023.0);
    vd s = f / (2.0 + f), z = s * s, half = 0.5 * f * f;
    vd p = simd_all_of(0x1.2b5900de53b32p-3);
    p = simd_fma(p, z, simd_all_of(0x1.39fe51a7c18f9p-3));
    p = simd_fma(p, z, simd_all_of(0x1.7462b51cb66b1p-3));
    p = simd_fma(p, z, simd_all_of(0x1.c71c62e3f11e6p-3));
    p = simd_fma(p, z, simd_all_of(0x1.2492492df281ap-2));
    p = simd_fma(p, z, simd_all_of(0x1.99999999952d7p-2));
    p = simd_fma(p, z, simd_all_of(0x1.5555555555558p-1));
    // ln2 in two parts; the first is short, so that k times it is exact.
    vd low = simd_fma(k, simd_all_of(0x1.ef35793c76730p-45), s * simd_fma(z, p, half));
    return simd_fma(k, simd_all_of(0x1.62e42fefa3800p-1), f - (half - low));
}

#endif
