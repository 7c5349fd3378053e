"""Where the columns of features lie and how far they spread, by their mean and standard deviation."""

from __future__ import annotations

from typing import Any

import numpy as np

SAMPLE, NUMBERS = 16384, 2**22  # rows, evenly spread, and numbers in them that tell a column's centre and spread: enough for that


def centre_spread(x: Any, weight: Any = None) -> tuple[Any, Any]:
    """Mean and standard deviation (n,) of the columns of x (m, n), dense or sparse, weighted as the examples are, from at most
    about SAMPLE rows, of sparse ones all, for a column may have few numbers; of a column that never varies, its value and 0."""
    rows = np.arange(x.shape[0]) if weight is None else np.flatnonzero(weight)
    most = len(rows) if hasattr(x, "toarray") else min(SAMPLE, NUMBERS // max(x.shape[1], 1))
    picked = rows[:: -(-len(rows) // max(most, 1))]
    some = x if len(picked) == x.shape[0] else x[picked]
    share = np.ones(len(picked)) if weight is None else np.asarray(weight, dtype=np.float64)[picked]
    share /= share.sum()
    with np.errstate(over="ignore", invalid="ignore"):
        centre = np.asarray(share @ some, dtype=np.float64)
        if hasattr(some, "toarray"):
            square = share @ some.multiply(some) - centre**2
        else:
            square = share @ np.square(some - centre)
        spread = np.sqrt(np.maximum(square, 0.0))
    usable = np.isfinite(centre) & np.isfinite(spread)
    centre, spread = np.where(usable, centre, 0.0), np.where(usable, spread, 1.0)
    doubted = np.flatnonzero(spread <= 1e-7 * np.abs(centre))  # by rounding, or in these rows only, or always
    if len(doubted) and hasattr(x, "toarray"):
        low, high, mean, deviation = sparse_columns(x, rows, doubted)
        centre[doubted] = np.where(low == high, low, mean)
        spread[doubted] = np.where(low == high, 0.0, np.where(deviation > 0, deviation, np.abs(mean)))
        return centre, spread
    for j in doubted:
        column = x[rows, j]
        low, high = float(np.min(column)), float(np.max(column))
        centre[j] = low if low == high else np.mean(column, dtype=np.float64)
        spread[j] = 0.0 if low == high else np.std(column, dtype=np.float64) or abs(centre[j])
    return centre, spread


def sparse_columns(x: Any, rows: Any, columns: Any) -> tuple[Any, Any, Any, Any]:
    """The lowest and highest number, the mean and the standard deviation (k,) of some columns of a sparse x, over some rows."""
    from scipy.sparse import csc_array

    some = csc_array(x[:, columns], dtype=np.float64)
    some = some if len(rows) == x.shape[0] else some[rows]
    mean = np.asarray(some.sum(axis=0)).ravel() / len(rows)
    apart = some.copy()
    apart.data = (apart.data - np.repeat(mean, np.diff(apart.indptr))) ** 2
    unstored = len(rows) - np.diff(some.indptr)
    deviation = np.sqrt((np.asarray(apart.sum(axis=0)).ravel() + unstored * mean**2) / len(rows))
    return some.min(axis=0).toarray().ravel(), some.max(axis=0).toarray().ravel(), mean, deviation


def widened(spread: Any, l2: Any) -> Any:
    """Spreads (n,) by which features suit a solver where l2 bends the cost too: a rare feature hardly varies, and is held by
    that alone. What never varies stays 0."""
    held = np.sqrt(l2) if isinstance(l2, (int, float, np.number)) and l2 > 0 else 0.0
    return np.where(spread > 0, np.hypot(spread, held), 0.0)
