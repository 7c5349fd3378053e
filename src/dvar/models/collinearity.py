"""Columns that are sums of others: found in the Gram matrix of the features, checked on every row, told as an equation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..data.columns import Columns
from ..vectorize.cost import Cost
from ..vectorize.hessian import product
from .covariance import inverse

EXACT = 1e-9  # a relation holds where it is missed by no more, relative to the sizes of its terms
TERMS = 6  # that an equation is written out with


def relations(cost: Cost, name: str, intercept: bool) -> list[Any]:
    """Vectors v (1 + n,) with v₀ + Σ v_j x_j = 0 in every row that counts, x in the columns' own units; v₀ is 0 without an
    intercept.

    Each makes one column of those before it: its last entry that is not 0 is −1, and no two share it.
    """
    gram = gram_of(cost, name, intercept)
    found = inverse(gram)
    null = found.blind / np.maximum(found.units, 1e-300)[:, None]
    sizes = np.sqrt(np.diag(gram) / cost.m)
    reduced = independent(null)
    kept = []
    for row in reduced:
        vector = row * found.units
        last = np.flatnonzero(vector)[-1]
        vector = tidy(vector / -vector[last])
        if holds(cost, name, vector, sizes):
            kept.append(in_own_units(vector, cost.data[name]))
    return kept


def in_own_units(vector: Any, x: Any) -> Any:
    """The relation of the columns as they were given; typed ones are standardised where they are read, a missing number their
    mean."""
    if not isinstance(x, Columns):
        return vector
    shift, scale = x.encoding.units
    own = vector.copy()
    own[1:] /= scale
    moved = own[1:] * shift
    own[0] -= moved.sum()
    if abs(own[0]) <= EXACT * np.abs(moved).sum():
        own[0] = 0.0
    return tidy(own / -own[np.flatnonzero(own)[-1]])


def gram_of(cost: Cost, name: str, intercept: bool) -> Any:
    """Σ (1, x)(1, x)ᵀ over the rows that count, (1 + n, 1 + n); a 0 in place of the 1 without an intercept."""
    x = cost.data[name]
    gram = np.zeros((1 + x.shape[1],) * 2)
    for part, ones in counted(cost, name):
        gram[1:, 1:] += product(part, part, ones)
        if intercept:
            gram[0, 1:] += ones @ part
            gram[0, 0] += ones.sum()
    gram[1:, 0] = gram[0, 1:]
    if not intercept:
        gram[0, 0] = gram.max() or 1.0  # a column of its own, that no relation has
    return gram


def counted(cost: Cost, name: str) -> Iterator[tuple[Any, Any]]:
    """(features, 1 or 0 where a row weighs nothing) block by block."""
    for rows in (rows for group in cost.groups for rows in group):
        part = cost.data[name][rows]
        part = part.astype(np.float64, copy=False) if isinstance(part, np.ndarray) else part
        weight = np.asarray(cost.data[cost.weight][rows]) if cost.weight else np.ones(rows.stop - rows.start)
        yield part, (weight > 0).astype(np.float64)


def independent(null: Any) -> Any:
    """A basis (k, p) of the columns of `null` (p, k), each row with a last entry where all others are 0 (Gauss–Jordan, from the
    last column on)."""
    rows = null.T.copy()
    done = 0
    for column in range(rows.shape[1] - 1, -1, -1):
        if done == len(rows):
            break
        pivot = done + int(np.argmax(np.abs(rows[done:, column])))
        if abs(rows[pivot, column]) < 1e-7:
            rows[done:, column] = 0.0
            continue
        rows[[done, pivot]] = rows[[pivot, done]]
        rows[done] /= rows[done, column]
        others = np.arange(len(rows)) != done
        rows[others] -= np.outer(rows[others, column], rows[done])
        done += 1
    return np.where(np.abs(rows[:done]) < 1e-7, 0.0, rows[:done])[::-1]


def tidy(vector: Any) -> Any:
    """Entries that are simple fractions but for rounding, made so."""
    simple = np.round(vector * 60) / 60
    return np.where(np.abs(vector - simple) <= 1e-7 * np.abs(simple), simple, vector)


def holds(cost: Cost, name: str, vector: Any, sizes: Any) -> bool:
    """Whether the relation is exact in every row that counts; one of a single column says that it never varies at all."""
    if len(used := np.flatnonzero(vector[1:])) == 1:
        unit = np.zeros(len(vector) - 1)
        unit[used] = 1.0
        ends = [(at.min(), at.max()) for at in ((part @ unit)[ones > 0] for part, ones in counted(cost, name)) if at.size]
        return len({end for pair in ends for end in pair}) == 1
    limit = EXACT * float(np.abs(vector) @ np.maximum(sizes, 0.0)) * 100
    return all(np.abs((part @ vector[1:] + vector[0]) * ones).max() <= limit for part, ones in counted(cost, name))


def relation_told(vector: Any, columns: Sequence[str], given: str) -> str:
    """The relation as a sentence: which column is made of which."""
    last = int(np.flatnonzero(vector)[-1])
    name = columns[last - 1]
    rest = [int(k) for k in np.flatnonzero(vector) if k != last]
    if not rest:
        return f"{name} is 0 in every row, so its coefficient changes nothing: leave it out"
    if rest == [0]:
        return f"{name} is {vector[0]:g} in every row, which the intercept says already: leave it out"
    if len(rest) <= TERMS:
        made = f"{name} = {sum_told(vector, rest, columns)}"
    else:
        some = ", ".join(columns[k - 1] for k in rest if k)
        made = f"{name} is a sum of {len(rest)} others ({some[:200]}{'…' if len(some) > 200 else ''})"
    return (f"{made} in every row (collinear), so the rows do not tell their coefficients apart: of those that predict alike "
            f"{given}; leave {name} out, or add a penalty (l2)")


def sum_told(vector: Any, terms: Sequence[int], columns: Sequence[str]) -> str:
    """2·a − b + 1"""
    said = ""
    for k in [*(k for k in terms if k), *(k for k in terms if not k)]:
        value = vector[k]
        sign = ("−" if value < 0 else "") if not said else (" − " if value < 0 else " + ")
        size = "" if abs(value) == 1 and k else f"{abs(value):g}" + ("·" if k else "")
        said += sign + size + (columns[k - 1] if k else "")
    return said
