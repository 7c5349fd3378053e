"""Kernels that add up Σ d·x·xᵀ over a block of rows, for Newton's method, for each way in which features are stored.

Every pair of features is added up in one of its two places, h[a, b] or h[b, a]. Dense features and their products with d are
first packed eight columns to a panel, row by row, as matrix products are everywhere (Goto & van de Geijn, 2008): what a tile of h
needs of a row then lies side by side, and the tile stays in registers until all rows are added. t is scratch for that: the first
half of its rows are panels of features, the second of features times d; the last holds a tile.
"""

from __future__ import annotations

from typing import Any

from .block_kernels import summing
from .intrinsics import flat_column, flat_rows, tile, wide


@summing
def gram_rows(x: Any, d: Any, t: Any, h: Any, at: int, n: int) -> None:
    """Features stored row by row."""
    k, tall, half = x.shape[1], t.shape[1] // 8, len(t) // 2
    for lo in range(0, n, tall):
        rows = min(tall, n - lo)
        pack_rows(x, d[lo:], t[:half], t[half:], at + lo, rows)
        add_tiles(t, h, k, rows)


@summing
def gram_columns(x: Any, d: Any, t: Any, h: Any, at: int, n: int) -> None:
    """Features stored column by column."""
    k, tall, half = x.shape[1], t.shape[1] // 8, len(t) // 2
    for lo in range(0, n, tall):
        rows = min(tall, n - lo)
        pack_columns(x, d[lo:], t[:half], t[half:], at + lo, rows)
        add_tiles(t, h, k, rows)


@summing
def pack_rows(x: Any, d: Any, features: Any, weighted: Any, at: int, n: int) -> None:
    wide()
    k = x.shape[1]
    for panel in range(k // 8):
        one, other = features[panel], weighted[panel]
        for i in range(n):
            row, s = flat_rows(x, at + i, 1), d[i]
            for c in range(8):
                v = 1.0 * row[8 * panel + c]
                one[8 * i + c] = v
                other[8 * i + c] = s * v
    if k % 8:
        one, other, first = features[k // 8], weighted[k // 8], k - k % 8
        for i in range(n):
            row, s = flat_rows(x, at + i, 1), d[i]
            for c in range(8):
                v = 1.0 * row[first + c] if first + c < k else 0.0
                one[8 * i + c] = v
                other[8 * i + c] = s * v


@summing
def pack_columns(x: Any, d: Any, features: Any, weighted: Any, at: int, n: int) -> None:
    wide()
    k = x.shape[1]
    for j in range(k):
        one, other, column = features[j // 8], weighted[j // 8], flat_column(x, j, at, n)
        for i in range(n):
            one[8 * i + j % 8] = column[i]
            other[8 * i + j % 8] = d[i] * column[i]
    for j in range(k, -(-k // 8) * 8):
        for i in range(n):
            features[j // 8, 8 * i + j % 8] = weighted[j // 8, 8 * i + j % 8] = 0.0


@summing
def add_tiles(t: Any, h: Any, k: int, n: int) -> None:
    wide()
    half = len(t) // 2
    found = t[2 * half]
    for right in range(0, k, 8):
        for left in range(right, k, 4):
            tile(t, half + left // 8, left % 8, right // 8, n, found)
            for a in range(min(4, k - left)):
                for b in range(min(8, left + a - right + 1)):
                    h[left + a, right + b] += found[8 * a + b]


@summing
def gram_codes_numbers(v: Any, first: int, block: Any, d: Any, h: Any, at: int, n: int) -> None:
    """Codes with numbers, rows of `block`."""
    v = v[at : at + n]
    for i in range(n):
        k = first + v[i]
        for j in range(len(block)):
            h[k, j] += d[i] * block[j, i]
