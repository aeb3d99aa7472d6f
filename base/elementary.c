#include "base/elementary.h"

#include <math.h>

/* ln 2 and pi/2 in two parts: small integers times the first part are exact. */
static const double ln2_high = 0x1.62e42fee00000p-1, ln2_low = 0x1.a39ef35793c76p-33;
static const double half_pi_high = 0x1.921fb54400000p+0, half_pi_low = 0x1.0b4611a626331p-34;

double elementary_exp(double x) {
    const double n = floor(x / (ln2_high + ln2_low) + 0.5);
    const double r = (x - n * ln2_high) - n * ln2_low; /* |r| <= ln(2) / 2 */
    double sum = 1;
    for (int i = 14; i > 0; i--) /* Taylor, in Horner's form */
        sum = 1 + sum * r / i;
    return ldexp(sum, (int)n);
}

double elementary_log(double x) {
    int exponent;
    double m = frexp(x, &exponent); /* x = m 2^exponent, brought to 1/sqrt(2) <= m < sqrt(2) */
    if (m < 0x1.6a09e667f3bcdp-1) {
        m *= 2;
        exponent--;
    }
    const double s = (m - 1) / (m + 1), square = s * s; /* log m = 2 artanh s */
    double sum = 0;
#pragma GCC unroll 11
    for (int i = 23; i > 1; i -= 2) /* unrolled, so that the compiler divides */
        sum = (sum + 1.0 / i) * square;
    return exponent * ln2_high + (2 * (s + s * sum) + exponent * ln2_low);
}

void elementary_sine_cosine(double x, double *sine, double *cosine) {
    const double n = floor(x / (half_pi_high + half_pi_low) + 0.5);
    const double r = (x - n * half_pi_high) - n * half_pi_low; /* |r| <= pi/4 */
    const double square = r * r;
    double s = 1, c = 1;
    for (int i = 9; i > 0; i--) {
        s = 1 - s * square / (2 * i * (2 * i + 1));
        c = 1 - c * square / ((2 * i - 1) * 2 * i);
    }
    s *= r;
    switch ((long)n & 3) {
    case 0:
        *sine = s, *cosine = c;
        break;
    case 1:
        *sine = c, *cosine = -s;
        break;
    case 2:
        *sine = -s, *cosine = -c;
        break;
    default:
        *sine = -c, *cosine = s;
    }
}
