#include "kernels/kronrod.h"

#include <float.h>
#include <math.h>

#include "guard.h"

enum { PAIRS = 7 };

// Distances from the centre, in halves of the panel, from the outermost in; every other one, from the
// second on, is a point of the Gauss rule, and so is the centre.
static const double nodes[PAIRS] = {
    0.991455371120812639206854697526329, 0.949107912342758524526189684047851,
    0.864864423359769072789712788640926, 0.741531185599394439863864773280788,
    0.586087235467691130294144838258730, 0.405845151377397166906606412076961,
    0.207784955007898467600689403773245,
};
static const double kronrod_weights[PAIRS + 1] = {
    0.022935322010529224963732008058970, 0.063092092629978553290700663189204,
    0.104790010322250183839876322541518, 0.140653259715525918745189590510238,
    0.169004726639267902826583426598550, 0.190350578064785409913256402421014,
    0.204432940075298892414161999234649, 0.209482141084727828012999174891714,
};
static const double gauss_weights[PAIRS / 2 + 1] = {
    0.129484966168869693270611432679082,
    0.279705391489276667901467771423780,
    0.381830050505118944950369775488975,
    0.417959183673469387755102040816327,
};

// The points of a pair stand at k and k + PAIRS, the centre comes last.
static void choose_points(const struct jd_integral *in, double *x) {
    double half = 0.5 * (in->b - in->a), centre = in->a + half;
    for (size_t k = 0; k < PAIRS; k++) {
        x[k] = centre - half * nodes[k];
        x[k + PAIRS] = centre + half * nodes[k];
    }
    x[2 * PAIRS] = centre;
}

// QUADPACK's rule: the difference of the two values, sharpened where it is small beside what the
// function does within the panel.
static double estimate(double difference, double spread, double rounding) {
    double error = fabs(difference);
    if (spread > 0 && error > 0) {
        double part = 200 * error / spread;
        error = part < 1 ? spread * part * sqrt(part) : spread;
    }
    return JD_MAX(error, rounding);
}

bool jd_kronrod(const struct jd_integral *in, struct jd_panel *ret, struct jd_point *ret_bad) {
    double x[JD_KRONROD_POINTS], y[JD_KRONROD_POINTS];
    choose_points(in, x);
    jd_integral_values(in, x, y, JD_KRONROD_POINTS);
    for (size_t k = 0; k < JD_KRONROD_POINTS; k++)
        if (!isfinite(y[k])) {
            *ret_bad = (struct jd_point){x[k], y[k]};
            return false;
        }
    const double centre = y[2 * PAIRS], half = 0.5 * (in->b - in->a);
    double kronrod = kronrod_weights[PAIRS] * centre, magnitude = fabs(kronrod);
    double gauss = gauss_weights[PAIRS / 2] * centre;
    for (size_t k = 0; k < PAIRS; k++) {
        double pair = y[k] + y[k + PAIRS];
        kronrod += kronrod_weights[k] * pair;
        magnitude += kronrod_weights[k] * (fabs(y[k]) + fabs(y[k + PAIRS]));
        if (k % 2 == 1)
            gauss += gauss_weights[k / 2] * pair;
    }
    double mean = 0.5 * kronrod, spread = kronrod_weights[PAIRS] * fabs(centre - mean);
    for (size_t k = 0; k < PAIRS; k++)
        spread += kronrod_weights[k] * (fabs(y[k] - mean) + fabs(y[k + PAIRS] - mean));
    double rounding = 50 * DBL_EPSILON * magnitude * fabs(half), value = kronrod * half;
    *ret = (struct jd_panel){.value = value, .error = INFINITY};
    if (isfinite(value) && isfinite(rounding) && isfinite(spread)) {
        ret->error = estimate((kronrod - gauss) * half, spread * fabs(half), rounding);
        ret->rounding = rounding;
    }
    return true;
}
