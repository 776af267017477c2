// What jobd-bench contributes to ./dev bench --lecture.
#ifndef BENCH_LECTURE_VARIANTS_H
#define BENCH_LECTURE_VARIANTS_H

#include "bench.h"

// Plays the rounds that stdin asks for, until its end. 0 | -1 (said why).
int lecture_serve(const struct bench *b);

#endif
