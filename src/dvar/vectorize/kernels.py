"""Elementary functions without branches, so that the compiler turns a loop over rows into vector instructions.

They are accurate to about 2 ulp over their whole range, inf and nan included. They must be compiled without reassociation: it
would undo their two-part constants. Sources: exp by Cody–Waite reduction and the polynomial in r that meets (exp(r) − 1 − r)/r²
at ten Chebyshev points, the exponent put in by its bits; log and log1p by the series of fdlibm (Sun Microsystems, 1993) in
s = f/(2 + f).
"""

from __future__ import annotations

from math import copysign, hypot
from typing import Any

import numpy as np
from numba import njit

from ..expression import gumbel, normal
from .intrinsics import EXACT, as_bits, as_float


def elementary(function: Any) -> Any:
    return njit(forceinline=True, fastmath=EXACT, error_model="numpy")(function)


INF, NAN = float("inf"), float("nan")
LN2_HIGH, LN2_LOW, LOG2_E = 0.693147180369123816490, 1.90821492927058770002e-10, 1.4426950408889634
ROUND = 6755399441055744.0  # 1.5·2⁵²: a float plus this has its whole number in the lowest bits
ONE = 1023.0  # the exponent of 1.0 as it is stored: the lowest bits of ROUND + ONE + n, moved to the exponent's place, are 2ⁿ
TINY = 5.421010862427522e-20  # 2⁻⁶⁴


# Polynomials by Estrin's scheme: a processor waits for each step of Horner's, and there are 11.


@elementary
def exp_less_1(r: float) -> Any:
    """exp(r) − 1 for |r| ≤ ln 2 / 2."""
    r2 = r * r
    r4 = r2 * r2
    low = (0.16666666666666669 * r + 0.5000000000000001) + (0.008333333333330062 * r + 0.04166666666662413) * r2
    mid = (0.00019841269863053618 * r + 0.0013888888917213717) + (2.7557268459997064e-06 * r + 2.4801521295954376e-05) * r2
    high = 2.510038549551032e-08 * r + 2.7620088445409746e-07
    return (low + (mid + high * r4) * r4) * r2 + r


@elementary
def exp(x: float) -> Any:
    c = -746.0 if x < -746.0 else (710.0 if x > 710.0 else x)
    large = x > 0.0  # 2ⁿ in two factors: the one that keeps within range what the other takes out of it
    one, rest = ROUND + ONE - 1.0 if large else ROUND + ONE + 64.0, 2.0 if large else TINY
    t = c * LOG2_E + one
    k = t - one
    f = as_float(as_bits(t) << 52)
    return (exp_less_1((c - k * LN2_HIGH) - k * LN2_LOW) * f + f) * rest


@elementary
def decay(x: float) -> Any:
    """exp(−|x|): exp without the half of it that grows."""
    size = abs(x)
    c = 746.0 if size > 746.0 else size
    t = (ROUND + ONE + 64.0) - c * LOG2_E
    k = t - (ROUND + ONE + 64.0)
    f = as_float(as_bits(t) << 52)
    return (exp_less_1((-c - k * LN2_HIGH) - k * LN2_LOW) * f + f) * TINY


@elementary
def expm1(x: float) -> Any:
    c = -40.0 if x < -40.0 else (710.0 if x > 710.0 else x)
    t = c * LOG2_E + (ROUND + ONE - 1.0)
    k = t - (ROUND + ONE - 1.0)
    f = as_float(as_bits(t) << 52)
    return (exp_less_1((c - k * LN2_HIGH) - k * LN2_LOW) * f + (f - 0.5)) * 2.0


@elementary
def series(f: float, half: float) -> Any:
    """f²/2 − f + log(1 + f), for half = f²/2."""
    s = f / (2.0 + f)
    z = s * s
    z2 = z * z
    low = (0.3999999999940941908 * z + 0.6666666666666735130) + (0.2222219843214978396 * z + 0.2857142874366239149) * z2
    high = (0.1531383769920937332 * z + 0.1818357216161805012) + 0.1479819860511658591 * z2
    q = low + high * (z2 * z2)
    return s * (half + z * q)


@elementary
def log_of_1_plus(f: float) -> Any:
    """log(1 + f) for f in [√½ − 1, √2 − 1]."""
    half = 0.5 * f * f
    return f - (half - series(f, half))


@elementary
def log(x: float) -> Any:
    tiny = x < 2.2250738585072014e-308
    scaled = x * 18014398509481984.0 if tiny else x  # 2⁵⁴
    bits = as_bits(scaled) + 0x0009_5F64_0000_0000  # moves √½ to the start of a binade
    k = (bits >> 52) - 1023
    f = as_float((bits & 0x000F_FFFF_FFFF_FFFF) + 0x3FE6_A09C_0000_0000) - 1.0
    e = float(k) - (54.0 if tiny else 0.0)
    half = 0.5 * f * f
    y = e * LN2_HIGH - ((half - (series(f, half) + e * LN2_LOW)) - f)
    y = -INF if x == 0.0 else y
    y = NAN if x < 0.0 else y
    return x if x == INF or x != x else y


@elementary
def log1p(x: float) -> Any:
    u = 1.0 + x
    y = log(u)
    lost = x - (u - 1.0)  # what the sum rounded away
    return y if u == INF or u <= 0.0 else y + lost / u


@elementary
def sigmoid(z: float) -> Any:
    e = decay(z)
    s = 1.0 + e
    r = 1.0 / s  # the same division serves sigmoid(−z)
    q = e * r
    return r if z >= 0.0 else q + r * (e - q * s)  # and what was rounded away in e·r


@elementary
def softplus(z: float) -> Any:
    e = decay(z)  # in [0, 1]: log1p without its ends
    large = e > 0.41421356237309503
    y = log_of_1_plus(0.5 * (e - 1.0) if large else e) + (0.693147180559945309417 if large else 0.0)
    return (z if z > 0.0 else 0.0) + y


@elementary
def tanh(z: float) -> Any:
    e, small = decay(2.0 * z), expm1(-2.0 * abs(z))
    return copysign(-small / (2.0 + small) if abs(z) < 0.8 else 1.0 - 2.0 * e / (1.0 + e), z)


@elementary
def sech(z: float) -> Any:
    e = decay(z)
    return 2.0 * e / (1.0 + e * e)


@elementary
def logcosh(z: float) -> Any:
    size = abs(z)
    small = expm1(-size)  # cosh(z) = 1 + small²/(2 + 2·small)
    near = log1p(small * small / (2.0 + 2.0 * small))
    return near if size < 0.9 else size + (softplus(-2.0 * size) - 0.693147180559945309417)


tail_mean, near_middle = elementary(normal.tail_mean), elementary(normal.near_middle)
FAR, ROOT_2_PI, PEAK = normal.FAR, normal.ROOT_2_PI, normal.PEAK


@elementary
def log_ndtr(z: float) -> Any:
    x = abs(z)
    beyond, half = x + tail_mean(minimum(x, FAR)), -0.5 * x * x
    low, high = half - log(ROOT_2_PI * beyond), log1p(-PEAK * exp(half) / beyond)
    return low if z <= 0.0 else high


@elementary
def inverse_mills_0(z: float) -> Any:
    x = abs(z)
    beyond, density = x + tail_mean(minimum(x, FAR)), PEAK * exp(-0.5 * x * x)
    high = density / (near_middle(x) if x < 1.0 else 1.0 - density / beyond)
    return beyond if z <= 0.0 else high


@elementary
def inverse_mills_1(z: float) -> Any:
    x = minimum(abs(z), FAR)
    mean, ratio = tail_mean(x), inverse_mills_0(z)
    high = ratio * (x + ratio)
    return -((x + mean) * mean if z <= 0.0 else high)


even_terms, RATE, LOG, MOST = elementary(gumbel.even_terms), gumbel.RATE, gumbel.LOG, gumbel.MOST
SLOPE = tuple(2.0 * k * c for k, c in enumerate(RATE, 1))


@elementary
def log_gumbel(z: float) -> Any:
    u = exp(z)
    small, high = minimum(u, 1.0), log1p(-exp(-u))
    return z - (0.5 * small - even_terms(LOG, small)) if z <= 0.0 else high


@elementary
def gumbel_rate_0(z: float) -> Any:
    u = minimum(exp(z), MOST)
    small, large = minimum(u, 1.0), maximum(u, 1.0)
    half, high = exp(-0.5 * large), large / -expm1(-large)
    return 1.0 - (0.5 * small - even_terms(RATE, small)) if z <= 0.0 else half * high * half


@elementary
def gumbel_rate_1(z: float) -> Any:
    u = minimum(exp(z), MOST)
    small, large = minimum(u, 1.0), maximum(u, 1.0)
    half, high = exp(-0.5 * large), large / -expm1(-large)
    rate = half * high * half
    return even_terms(SLOPE, small) - 0.5 * small if z <= 0.0 else -(half * ((rate + (large - 1.0)) * high) * half)


@elementary
def direction(a: float, b: float) -> Any:
    h = hypot(a, b)
    return 0.0 if h == 0.0 else a / h


# the rest of the table that has no operator and no function in `math`, without branches


@elementary
def maximum(a: float, b: float) -> Any:
    return a if (a >= b) | (a != a) else b


@elementary
def minimum(a: float, b: float) -> Any:
    return a if (a <= b) | (a != a) else b


@elementary
def relu(a: float) -> Any:
    return a if (a > 0.0) | (a != a) else 0.0


@elementary
def clip(a: float, low: float, high: float) -> Any:
    return minimum(maximum(a, low), high)


@elementary
def sign(a: float) -> Any:
    return a if a != a else (1.0 if a > 0.0 else (-1.0 if a < 0.0 else 0.0))


@elementary
def xlogy(a: float, b: float) -> Any:
    return 0.0 if (a == 0.0) & (b == b) else a * log(b)


@elementary
def xlog1py(a: float, b: float) -> Any:
    return 0.0 if (a == 0.0) & (b == b) else a * log1p(b)


@elementary
def logaddexp(a: float, b: float) -> Any:
    top, e = maximum(a, b), 0.0 if a == b else -abs(a - b)  # inf − inf is no number, yet they are equal
    return top + softplus(e)


@elementary
def floor(a: float) -> Any:
    return np.floor(a)


@elementary
def ceil(a: float) -> Any:
    return np.ceil(a)


@elementary
def round(a: float) -> Any:
    return np.rint(a)
