"""Kernels over a block of rows of sparse features: row i has the numbers v[starts[i]:starts[i + 1]] in the columns that `places`
says, none twice.

Sums are in the order that is written: a compiler that is free to reorder them gathers from w by vectors, which takes twice as
long. Indices without a sign need no look at whether they count from the end.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit


def ordered(function: Any) -> Any:
    return njit(fastmath={"contract"}, nogil=True, error_model="numpy")(function)


@ordered
def dot_sparse(v: Any, places: Any, starts: Any, w: Any, z: Any, at: int, n: int) -> None:
    """Four sums side by side."""
    for i in range(n):
        lo, hi = np.uintp(starts[at + i]), np.uintp(starts[at + i + 1])
        rest = hi - (hi - lo) % np.uintp(4)
        a = b = c = e = 0.0
        for p in range(lo, rest, np.uintp(4)):
            q, r, s = p + np.uintp(1), p + np.uintp(2), p + np.uintp(3)
            a += v[p] * w[np.uintp(places[p])]
            b += v[q] * w[np.uintp(places[q])]
            c += v[r] * w[np.uintp(places[r])]
            e += v[s] * w[np.uintp(places[s])]
        for p in range(rest, hi):
            a += v[p] * w[np.uintp(places[p])]
        z[i] = (a + b) + (c + e)


@ordered
def add_sparse(v: Any, places: Any, starts: Any, d: Any, g: Any, at: int, n: int) -> None:
    for i in range(n):
        a = d[i]
        for p in range(np.uintp(starts[at + i]), np.uintp(starts[at + i + 1])):
            g[np.uintp(places[p])] += a * v[p]


@ordered
def gram_sparse(v: Any, places: Any, starts: Any, d: Any, h: Any, at: int, n: int) -> None:
    """Every pair of features is added up in one of its two places."""
    for i in range(n):
        first = starts[at + i]
        for p in range(first, starts[at + i + 1]):
            a = d[i] * v[p]
            for q in range(first, p + 1):
                h[places[p], places[q]] += a * v[q]
