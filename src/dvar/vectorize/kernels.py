"""What a fused program is made of: elementary functions without branches, so that the compiler turns a loop over rows into vector
instructions, and the two halves of a linear map, features · weights and its transpose, for each way a column is stored.

The elementary functions are accurate to about 2 ulp over their whole range, inf and nan included. They must be compiled without
reassociation (it would undo their two-part constants); the sums in linear maps with it. Sources: exp by Cody–Waite reduction
and a Taylor polynomial of degree 13, the exponent put in by its bits; log and log1p by the series of fdlibm (Sun Microsystems,
1993) in s = f/(2 + f).
"""

from __future__ import annotations

from collections.abc import Callable
from math import copysign, hypot
from typing import Any

import numpy as np
from numba import njit, types
from numba.core.imputils import impl_ret_borrowed
from numba.extending import intrinsic
from numba.np.arrayobj import populate_array

SUMS = {"contract", "reassoc", "nsz"}  # freedom to add up in any order; nan and inf keep their meaning
EXACT = {"contract"}


def reinterpreted(typing: Any) -> Any:
    """An @intrinsic; a caller does not see its first argument."""
    return intrinsic(typing)


@reinterpreted
def as_float(context: Any, bits: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], context.get_value_type(types.float64))

    return types.float64(types.int64), generate


@reinterpreted
def as_bits(context: Any, number: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], context.get_value_type(types.int64))

    return types.int64(types.float64), generate


@reinterpreted
def wide(context: Any) -> Any:
    """Lets the function that calls it use the longest vectors the processor has; by itself LLVM stops at 256 bits of 512."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        set.add(builder.function.attributes, '"prefer-vector-width"="512"')  # the set knows only attributes without a value
        return context.get_dummy_value()

    return types.void(), generate


@reinterpreted
def added(context: Any, total: Any, term: Any) -> Any:
    """total + term, where terms may be added up in any order."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.fadd(*arguments, flags=["contract", "reassoc", "nsz"])

    return types.float64(types.float64, types.float64), generate


@reinterpreted
def add_each(context: Any, g: Any, row: Any, at: Any, terms: Any) -> Any:
    """g[row, at + j] += terms[j] for g stored row by row: as statements of their own they took a tenth of a compilation."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        value, row, at, terms = arguments
        whole = context.make_array(g)(context, builder, value)
        first = builder.add(builder.mul(row, builder.extract_value(whole.shape, 1)), at)
        for j in range(len(signature.args[3])):
            place = builder.gep(whole.data, [builder.add(first, context.get_constant(types.int64, j))])
            builder.store(builder.fadd(builder.load(place), builder.extract_value(terms, j)), place)
        return context.get_dummy_value()

    return types.void(g, types.int64, types.int64, terms), generate


@reinterpreted
def flat_rows(context: Any, x: Any, at: Any, n: Any) -> Any:
    """Rows at … at + n − 1 of x (m, k), stored row by row, one behind the other."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        value, at, n = arguments
        return part_of(context, builder, signature, value, lambda m, k: (builder.mul(at, k), builder.mul(n, k)))

    return vector_of(x)(x, types.int64, types.int64), generate


@reinterpreted
def flat_column(context: Any, x: Any, j: Any, at: Any, n: Any) -> Any:
    """Rows at … at + n − 1 of column j of x (m, k), stored column by column."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        value, j, at, n = arguments
        return part_of(context, builder, signature, value, lambda m, k: (builder.add(builder.mul(j, m), at), n))

    return vector_of(x)(x, types.int64, types.int64, types.int64), generate


def vector_of(x: Any) -> Any:
    """The type of numbers of x one behind the other."""
    return types.Array(x.dtype, 1, "C", readonly=not x.mutable, aligned=x.aligned)


def part_of(context: Any, builder: Any, signature: Any, value: Any, where: Callable[[Any, Any], tuple[Any, Any]]) -> Any:
    """A vector that lies in an array x (m, k); `where` tells its first place and its length from m and k."""
    x, vector = signature.args[0], signature.return_type
    whole, found = context.make_array(x)(context, builder, value), context.make_array(vector)(context, builder)
    first, count = where(*(builder.extract_value(whole.shape, axis) for axis in range(2)))
    size, data = whole.itemsize, builder.gep(whole.data, [first])
    populate_array(found, data, [count], [size], size, whole.meminfo, whole.parent)  # type: ignore[no-untyped-call]
    return impl_ret_borrowed(context, builder, vector, found._getvalue())  # type: ignore[no-untyped-call]


def elementary(function: Any) -> Any:
    return njit(forceinline=True, fastmath=EXACT, error_model="numpy")(function)


INF, NAN = float("inf"), float("nan")
LN2_HIGH, LN2_LOW, LOG2_E = 0.693147180369123816490, 1.90821492927058770002e-10, 1.4426950408889634
ROUND = 6755399441055744.0  # 1.5·2⁵²: a float plus this has its whole number in the lowest bits
ROUND_BITS = 4843621399236968448  # the bits of ROUND


# Polynomials by Estrin's scheme: a processor waits for each step of Horner's, and there are 13.


@elementary
def exp_less_1(r: float) -> Any:
    """exp(r) − 1 for |r| ≤ ln 2 / 2."""
    r2 = r * r
    r4 = r2 * r2
    low = (0.16666666666666666 * r + 0.5) + (0.008333333333333333 * r + 0.041666666666666664) * r2
    mid = (0.0001984126984126984 * r + 0.001388888888888889) + (2.7557319223985893e-06 * r + 2.48015873015873e-05) * r2
    high = (2.505210838544172e-08 * r + 2.755731922398589e-07) + (1.6059043836821613e-10 * r + 2.08767569878681e-09) * r2
    return (low + (mid + high * r4) * r4) * r2 + r


@elementary
def exp(x: float) -> Any:
    c = -746.0 if x < -746.0 else (710.0 if x > 710.0 else x)
    t = c * LOG2_E + ROUND
    k = t - ROUND
    p = exp_less_1((c - k * LN2_HIGH) - k * LN2_LOW) + 1.0
    n = as_bits(t) - ROUND_BITS
    half = n >> 1  # 2ⁿ in two factors: the first keeps within range what the second takes out of it
    return p * as_float((half + 1023) << 52) * as_float((n - half + 1023) << 52)


@elementary
def expm1(x: float) -> Any:
    c = -40.0 if x < -40.0 else (710.0 if x > 710.0 else x)
    t = c * LOG2_E + ROUND
    k = t - ROUND
    p = exp_less_1((c - k * LN2_HIGH) - k * LN2_LOW)
    n = as_bits(t) - ROUND_BITS
    half = n >> 1
    a, b = as_float((half + 1023) << 52), as_float((n - half + 1023) << 52)
    return p * a * b + (a * b - 1.0)


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
    e = exp(-abs(z))
    s = 1.0 + e
    r = 1.0 / s  # the same division serves sigmoid(−z)
    q = e * r
    return r if z >= 0.0 else q + r * (e - q * s)  # and what was rounded away in e·r


@elementary
def softplus(z: float) -> Any:
    e = exp(-abs(z))  # in [0, 1]: log1p without its ends
    large = e > 0.41421356237309503
    y = log_of_1_plus(0.5 * (e - 1.0) if large else e) + (0.693147180559945309417 if large else 0.0)
    return (z if z > 0.0 else 0.0) + y


@elementary
def tanh(z: float) -> Any:
    e, small = exp(-2.0 * abs(z)), expm1(-2.0 * abs(z))
    return copysign(-small / (2.0 + small) if abs(z) < 0.8 else 1.0 - 2.0 * e / (1.0 + e), z)


@elementary
def sech(z: float) -> Any:
    e = exp(-abs(z))
    return 2.0 * e / (1.0 + e * e)


@elementary
def logcosh(z: float) -> Any:
    size = abs(z)
    small = expm1(-size)  # cosh(z) = 1 + small²/(2 + 2·small)
    near = log1p(small * small / (2.0 + 2.0 * small))
    return near if size < 0.9 else size + (softplus(-2.0 * size) - 0.693147180559945309417)


@elementary
def direction(a: float, b: float) -> Any:
    h = hypot(a, b)
    return 0.0 if h == 0.0 else a / h


# linear maps over a block: n rows from row `at` of the data; z and d hold the block alone


def summing(function: Any) -> Any:
    return njit(fastmath=SUMS, nogil=True, error_model="numpy")(function)


# Four rows at a time, a quarter of the block apart: each weight is loaded once for the four, and memory is read as four long
# streams, which processors foresee; of rows that follow each other they see one stream that jumps about.


@summing
def dot_rows(x: Any, w: Any, z: Any, at: int, n: int) -> None:
    """z = x @ w for x (m, k) stored row by row."""
    wide()
    k, q = x.shape[1], n // 4
    for i in range(q):
        x0, x1, x2, x3 = (flat_rows(x, at + i, 1), flat_rows(x, at + i + q, 1), flat_rows(x, at + i + 2 * q, 1),
                          flat_rows(x, at + i + 3 * q, 1))
        a = b = c = e = 0.0
        for j in range(k):
            a += w[j] * x0[j]
            b += w[j] * x1[j]
            c += w[j] * x2[j]
            e += w[j] * x3[j]
        z[i], z[i + q], z[i + 2 * q], z[i + 3 * q] = a, b, c, e
    for i in range(4 * q, n):
        s, x0 = 0.0, flat_rows(x, at + i, 1)
        for j in range(k):
            s += w[j] * x0[j]
        z[i] = s


@summing
def add_rows(x: Any, d: Any, g: Any, at: int, n: int) -> None:
    """g += d @ x: each g[j] is loaded and stored once for four rows."""
    wide()
    k, q = x.shape[1], n // 4
    for i in range(q):
        a, b, c, e = d[i], d[i + q], d[i + 2 * q], d[i + 3 * q]
        x0, x1, x2, x3 = (flat_rows(x, at + i, 1), flat_rows(x, at + i + q, 1), flat_rows(x, at + i + 2 * q, 1),
                          flat_rows(x, at + i + 3 * q, 1))
        for j in range(k):
            g[j] += a * x0[j] + b * x1[j] + c * x2[j] + e * x3[j]
    for i in range(4 * q, n):
        a, x0 = d[i], flat_rows(x, at + i, 1)
        for j in range(k):
            g[j] += a * x0[j]


@summing
def dot_columns(x: Any, w: Any, z: Any, at: int, n: int) -> None:
    """z = x @ w for x (m, k) stored column by column, four columns at a time."""
    wide()
    k = x.shape[1]
    whole = k - k % 4
    for i in range(n):
        z[i] = 0.0
    for j in range(0, whole, 4):
        x0, x1, x2, x3 = (flat_column(x, j, at, n), flat_column(x, j + 1, at, n), flat_column(x, j + 2, at, n),
                          flat_column(x, j + 3, at, n))
        a, b, c, e = w[j], w[j + 1], w[j + 2], w[j + 3]
        for i in range(n):
            z[i] += a * x0[i] + b * x1[i] + c * x2[i] + e * x3[i]
    for j in range(whole, k):
        a, x0 = w[j], flat_column(x, j, at, n)
        for i in range(n):
            z[i] += a * x0[i]


@summing
def add_columns(x: Any, d: Any, g: Any, at: int, n: int) -> None:
    wide()
    k = x.shape[1]
    whole = k - k % 4
    for j in range(0, whole, 4):
        x0, x1, x2, x3 = (flat_column(x, j, at, n), flat_column(x, j + 1, at, n), flat_column(x, j + 2, at, n),
                          flat_column(x, j + 3, at, n))
        a = b = c = e = 0.0
        for i in range(n):
            a += d[i] * x0[i]
            b += d[i] * x1[i]
            c += d[i] * x2[i]
            e += d[i] * x3[i]
        g[j], g[j + 1], g[j + 2], g[j + 3] = g[j] + a, g[j + 1] + b, g[j + 2] + c, g[j + 3] + e
    for j in range(whole, k):
        s, x0 = 0.0, flat_column(x, j, at, n)
        for i in range(n):
            s += d[i] * x0[i]
        g[j] += s


# several results at a time: a block of features is turned into columns, which are used by two results and four at a time


@summing
def turn_rows(x: Any, block: Any, at: int, n: int) -> None:
    """block = xᵀ for x (m, k) stored row by row."""
    wide()
    k, v = x.shape[1], flat_rows(x, at, n)
    for j in range(k):
        column = block[j]
        for i in range(n):
            column[i] = v[i * k + j]


@summing
def turn_columns(x: Any, block: Any, at: int, n: int) -> None:
    wide()
    for j in range(x.shape[1]):
        column, v = block[j], flat_column(x, j, at, n)
        for i in range(n):
            column[i] = v[i]


@summing
def dot_block(block: Any, w: Any, z: Any, n: int) -> None:
    """z = w @ block for weights (r, k)."""
    wide()
    r, k = w.shape
    whole = k - k % 4
    for row in range(0, r - 1, 2):
        y0, y1, w0, w1 = z[row], z[row + 1], w[row], w[row + 1]
        for i in range(n):
            y0[i] = y1[i] = 0.0
        for j in range(0, whole, 4):
            x0, x1, x2, x3 = block[j], block[j + 1], block[j + 2], block[j + 3]
            a0, a1, a2, a3 = w0[j], w0[j + 1], w0[j + 2], w0[j + 3]
            b0, b1, b2, b3 = w1[j], w1[j + 1], w1[j + 2], w1[j + 3]
            for i in range(n):
                y0[i] += a0 * x0[i] + a1 * x1[i] + a2 * x2[i] + a3 * x3[i]
                y1[i] += b0 * x0[i] + b1 * x1[i] + b2 * x2[i] + b3 * x3[i]
        for j in range(whole, k):
            x0, a0, b0 = block[j], w0[j], w1[j]
            for i in range(n):
                y0[i] += a0 * x0[i]
                y1[i] += b0 * x0[i]
    if r % 2:
        dot_columns(block.T, w[r - 1], z[r - 1], 0, n)


@summing
def add_block(block: Any, d: Any, g: Any, n: int) -> None:
    """g += d @ blockᵀ for slopes (r, n)."""
    wide()
    r, k = g.shape
    whole = k - k % 4
    for row in range(0, r - 1, 2):
        d0, d1, g0, g1 = d[row], d[row + 1], g[row], g[row + 1]
        for j in range(0, whole, 4):
            x0, x1, x2, x3 = block[j], block[j + 1], block[j + 2], block[j + 3]
            a0 = a1 = a2 = a3 = b0 = b1 = b2 = b3 = 0.0
            for i in range(n):
                a0 += d0[i] * x0[i]
                a1 += d0[i] * x1[i]
                a2 += d0[i] * x2[i]
                a3 += d0[i] * x3[i]
                b0 += d1[i] * x0[i]
                b1 += d1[i] * x1[i]
                b2 += d1[i] * x2[i]
                b3 += d1[i] * x3[i]
            g0[j], g0[j + 1], g0[j + 2], g0[j + 3] = g0[j] + a0, g0[j + 1] + a1, g0[j + 2] + a2, g0[j + 3] + a3
            g1[j], g1[j + 1], g1[j + 2], g1[j + 3] = g1[j] + b0, g1[j + 1] + b1, g1[j + 2] + b2, g1[j + 3] + b3
        for j in range(whole, k):
            x0, a0, b0 = block[j], 0.0, 0.0
            for i in range(n):
                a0 += d0[i] * x0[i]
                b0 += d1[i] * x0[i]
            g0[j] += a0
            g1[j] += b0
    if r % 2:
        add_columns(block.T, d[r - 1], g[r - 1], 0, n)


# typed columns, one at a time: a number is (v − shift)/scale, or `fill` where it is missing


@summing
def zero(z: Any, n: int) -> None:
    wide()
    for i in range(n):
        z[i] = 0.0


@summing
def dot_number(v: Any, shift: float, scale: float, w: float, z: Any, at: int, n: int) -> None:
    wide()
    v = v[at : at + n]
    w = w / scale
    for i in range(n):
        z[i] += (v[i] - shift) * w


@summing
def add_number(v: Any, shift: float, scale: float, d: Any, at: int, n: int) -> Any:
    wide()
    v = v[at : at + n]
    s = 0.0
    for i in range(n):
        s += d[i] * (v[i] - shift)
    return s / scale


@summing
def dot_number_or(v: Any, missing: Any, shift: float, scale: float, fill: float, w: float, z: Any, at: int, n: int) -> None:
    wide()
    v, missing = v[at : at + n], missing[at : at + n]
    for i in range(n):
        z[i] += w * (fill if missing[i] else (v[i] - shift) / scale)


@summing
def add_number_or(v: Any, missing: Any, shift: float, scale: float, fill: float, d: Any, at: int, n: int) -> Any:
    wide()
    v, missing = v[at : at + n], missing[at : at + n]
    s = 0.0
    for i in range(n):
        s += d[i] * (fill if missing[i] else (v[i] - shift) / scale)
    return s


@summing
def dot_mask(v: Any, w: float, z: Any, at: int, n: int) -> None:
    wide()
    v = v[at : at + n]
    for i in range(n):
        z[i] += w if v[i] else 0.0


@summing
def add_mask(v: Any, d: Any, at: int, n: int) -> Any:
    wide()
    v = v[at : at + n]
    s = 0.0
    for i in range(n):
        s += d[i] if v[i] else 0.0
    return s


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


# Σ d·x·xᵀ over a block, for Newton's method. Every pair of features is added up in one of its two places, h[a, b] or h[b, a].


@summing
def gram_rows(x: Any, d: Any, h: Any, at: int, n: int) -> None:
    """Features stored row by row, eight rows at a time."""
    wide()
    whole = n - n % 8
    for i in range(0, whole, 8):
        x0, x1, x2, x3 = x[at + i], x[at + i + 1], x[at + i + 2], x[at + i + 3]
        x4, x5, x6, x7 = x[at + i + 4], x[at + i + 5], x[at + i + 6], x[at + i + 7]
        for j in range(x.shape[1]):
            a, b, c, e = d[i] * x0[j], d[i + 1] * x1[j], d[i + 2] * x2[j], d[i + 3] * x3[j]
            p, q, r, s = d[i + 4] * x4[j], d[i + 5] * x5[j], d[i + 6] * x6[j], d[i + 7] * x7[j]
            for k in range(j + 1):
                first = (a * x0[k] + b * x1[k]) + (c * x2[k] + e * x3[k])
                h[j, k] += first + ((p * x4[k] + q * x5[k]) + (r * x6[k] + s * x7[k]))
    for i in range(whole, n):
        for j in range(x.shape[1]):
            a = d[i] * x[at + i, j]
            for k in range(j + 1):
                h[j, k] += a * x[at + i, k]


@summing
def gram_columns(x: Any, d: Any, t: Any, h: Any, at: int, n: int) -> None:
    """Features stored column by column; t is scratch for one of them times d."""
    wide()
    for j in range(x.shape[1]):
        for i in range(n):
            t[i] = d[i] * x[at + i, j]
        for k in range(j + 1):
            s = 0.0
            for i in range(n):
                s += t[i] * x[at + i, k]
            h[j, k] += s


@summing
def number_of(v: Any, shift: float, scale: float, out: Any, at: int, n: int) -> None:
    wide()
    v = v[at : at + n]
    for i in range(n):
        out[i] = (v[i] - shift) / scale


@summing
def number_or_of(v: Any, missing: Any, shift: float, scale: float, fill: float, out: Any, at: int, n: int) -> None:
    wide()
    v, missing = v[at : at + n], missing[at : at + n]
    for i in range(n):
        out[i] = fill if missing[i] else (v[i] - shift) / scale


@summing
def mask_of(v: Any, out: Any, at: int, n: int) -> None:
    wide()
    v = v[at : at + n]
    for i in range(n):
        out[i] = 1.0 if v[i] else 0.0


@summing
def gram_numbers(block: Any, places: Any, d: Any, t: Any, h: Any, n: int) -> None:
    """Numbers with numbers: rows of `block`, whose weights stand at `places`."""
    wide()
    for j in range(len(places)):
        for i in range(n):
            t[i] = d[i] * block[j, i]
        for k in range(j + 1):
            s = 0.0
            for i in range(n):
                s += t[i] * block[k, i]
            h[places[j], places[k]] += s


@summing
def gram_codes_numbers(v: Any, first: int, block: Any, places: Any, d: Any, h: Any, at: int, n: int) -> None:
    v = v[at : at + n]
    for i in range(n):
        k = first + v[i]
        for j in range(len(places)):
            h[k, places[j]] += d[i] * block[j, i]


# sparse features: row i has the numbers v[starts[i]:starts[i + 1]] in the columns that `places` says, none twice


@summing
def dot_sparse(v: Any, places: Any, starts: Any, w: Any, z: Any, at: int, n: int) -> None:
    for i in range(n):
        s = 0.0
        for p in range(starts[at + i], starts[at + i + 1]):
            s += v[p] * w[places[p]]
        z[i] = s


@summing
def add_sparse(v: Any, places: Any, starts: Any, d: Any, g: Any, at: int, n: int) -> None:
    for i in range(n):
        a = d[i]
        for p in range(starts[at + i], starts[at + i + 1]):
            g[places[p]] += a * v[p]


@summing
def gram_sparse(v: Any, places: Any, starts: Any, d: Any, h: Any, at: int, n: int) -> None:
    """Every pair of features is added up in one of its two places."""
    for i in range(n):
        first = starts[at + i]
        for p in range(first, starts[at + i + 1]):
            a = d[i] * v[p]
            for q in range(first, p + 1):
                h[places[p], places[q]] += a * v[q]
