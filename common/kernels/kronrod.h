// One panel of adaptive integration: 15 points, and an estimate of the error from 7 of them.
//
// Source: Gauss-Kronrod pair (7, 15) and the estimate of its error as in QUADPACK's QK15 (Piessens,
// de Doncker-Kapenga, Ueberhuber, Kahaner 1983), which is in the public domain. The value is exact
// for polynomials up to degree 23; the estimate is cautious for smooth functions, and never below
// what rounding may do.
#ifndef JD_KERNELS_KRONROD_H
#define JD_KERNELS_KRONROD_H

#include "kernels/rules.h"

enum { JD_KRONROD_POINTS = 15 };

struct jd_panel {
    double value;
    double error;    // an estimate of |value - integral|; infinite where a sum overflows
    double rounding; // the least that error can be: 50 units of 2^-52 of the integral of |f|
};

struct jd_point {
    double x, y;
};

// The integral over [in->a, in->b]; its steps, rule and edges are not looked at. No end is a point.
// False: the function is not finite in *ret_bad, and *ret is not written.
bool jd_kronrod(const struct jd_integral *in, struct jd_panel *ret, struct jd_point *ret_bad);

#endif
