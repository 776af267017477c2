# cython: language_level=3, cdivision=True
# The integrand is C's and no Python object is touched, so the loop can give the GIL away.
from libc.math cimport cos


def integrate(double a, double b, long n_iter):
    cdef double step = (b - a) / n_iter, acc = 0.0
    cdef long i
    with nogil:
        for i in range(n_iter):
            acc += cos(a + i * step) * step
    return acc
