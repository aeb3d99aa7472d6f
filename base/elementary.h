/* exp, log, sine and cosine of doubles, made from additions, multiplications and divisions only: IEEE 754 rounds those
 * exactly, so the results are the same bits with every mathematics library and on every processor. Good to about one
 * unit in the last place; not written for speed. */
#ifndef SWEEP_BASE_ELEMENTARY_H
#define SWEEP_BASE_ELEMENTARY_H

/* e^x for |x| <= 700. */
double elementary_exp(double x);

/* Natural logarithm of a normal x > 0. */
double elementary_log(double x);

/* Sine and cosine of |x| <= 1e6. */
void elementary_sine_cosine(double x, double *sine, double *cosine);

#endif
