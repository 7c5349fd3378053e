"""Kernels over a block of rows: the two halves of a linear map, features · weights and its transpose, for each way in which
features are stored.

A block is n rows from row `at` of the data; z and d hold the block alone. Sums may be added up in any order; nothing that is
written to overlaps what else a kernel is given.
"""

from __future__ import annotations

from typing import Any

from numba import njit

from .intrinsics import SUMS, fetch, flat_column, flat_rows, wide

NARROW = 512  # bytes of a row; wider rows took no less time, or more


def summing(function: Any) -> Any:
    return njit(fastmath=SUMS, nogil=True, error_model="numpy")(function)


# Four rows at a time, a quarter of the block apart: each weight is loaded once for the four, and memory is read as four long
# streams, which processors foresee; of rows that follow each other they see one stream that jumps about. Where rows are narrow,
# most of the time goes by without a read from memory: half of the next block is asked for by either half of the map.


@summing
def dot_rows(x: Any, w: Any, z: Any, at: int, n: int) -> None:
    """z = x @ w for x (m, k) stored row by row."""
    wide()
    k, q = x.shape[1], n // 4
    near = 2 if k * x.itemsize <= NARROW else 0
    for i in range(q):
        x0 = flat_rows(x, at + i, 1)
        x1 = flat_rows(x, at + i + q, 1)
        x2 = flat_rows(x, at + i + 2 * q, 1)
        x3 = flat_rows(x, at + i + 3 * q, 1)
        a = b = c = e = 0.0
        for j in range(k):
            a += w[j] * x0[j]
            b += w[j] * x1[j]
            c += w[j] * x2[j]
            e += w[j] * x3[j]
        z[i] = a
        z[i + q] = b
        z[i + 2 * q] = c
        z[i + 3 * q] = e
        fetch(x, at + n + near * i, near)
    for i in range(4 * q, n):
        s = 0.0
        x0 = flat_rows(x, at + i, 1)
        for j in range(k):
            s += w[j] * x0[j]
        z[i] = s


@summing
def add_rows(x: Any, d: Any, g: Any, at: int, n: int) -> None:
    """g += d @ x: each g[j] is loaded and stored once for four rows."""
    wide()
    k, q = x.shape[1], n // 4
    near = 2 if k * x.itemsize <= NARROW else 0
    for i in range(q):
        a = d[i]
        b = d[i + q]
        c = d[i + 2 * q]
        e = d[i + 3 * q]
        x0 = flat_rows(x, at + i, 1)
        x1 = flat_rows(x, at + i + q, 1)
        x2 = flat_rows(x, at + i + 2 * q, 1)
        x3 = flat_rows(x, at + i + 3 * q, 1)
        for j in range(k):
            g[j] += a * x0[j] + b * x1[j] + c * x2[j] + e * x3[j]
        fetch(x, at + n + near * (q + i), near)
    for i in range(4 * q, n):
        a = d[i]
        x0 = flat_rows(x, at + i, 1)
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


# typed numbers as columns of a block, for second derivatives


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
