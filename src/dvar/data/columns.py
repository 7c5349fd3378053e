"""Typed columns as features: the three things a linear map asks of a block of rows.

A program meets features only as `block @ w` (rows · weights), `d @ block` (its transpose) and `block.gram(d)`
(Σ d_i x_i x_iᵀ). So a column stays what it is: a number in its own dtype, a mask, a category's code in the smallest
integer that fits. Only a block's numbers are ever standardised to float64, few enough to stay in the cache; a category
is never expanded: its weights are looked up by code and its sums are counted by code.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations, product
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import DvarError, UsageError

if TYPE_CHECKING:
    from .encoding import Encoding

BLOCK = 16384  # rows worked on at once: a column of them as float64 is 128 kB


@dataclass(frozen=True)
class Number:
    """(x − shift)/scale of a column of numbers; as if it were its mean where it is missing. The shift is the mean or 0."""

    column: str
    mean: float
    scale: float
    shift: float

    @property
    def names(self) -> tuple[str, ...]:
        return (self.column,)


@dataclass(frozen=True)
class Missing:
    """1 where a column is missing, else 0. The columns in `also` were missing in just the same training rows."""

    column: str
    also: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return (f"{self.column} missing",)


@dataclass(frozen=True)
class Category:
    """A coefficient for every level, missing last if `missing`; none for the first level if that is the `reference`."""

    column: str
    levels: tuple[str, ...]
    missing: bool
    reference: bool

    @property
    def names(self) -> tuple[str, ...]:
        levels = self.levels[self.reference :] + ("(missing)",) * self.missing
        return tuple(f"{self.column}={level}" for level in levels)


Part = Number | Missing | Category


@dataclass(frozen=True)
class Group:
    """Categories counted together: their parts by index, how many codes each has, and where its coefficients are.

    A category's code 0 has no coefficient (the reference, or no level at all); 1, 2, … have its coefficients in order.
    """

    parts: tuple[int, ...]
    sizes: tuple[int, ...]
    slices: tuple[slice, ...]

    def spread(self, w: np.ndarray) -> np.ndarray:
        """w (n, …) → (joint codes, …): the sum of the coefficients that a joint code stands for."""
        total = np.zeros((1, *w.shape[1:]))
        for size, at in zip(self.sizes, self.slices):
            weights = np.zeros((size, *w.shape[1:]))
            weights[1:] = w[at]
            total = (total[:, None] + weights).reshape(len(total) * size, *w.shape[1:])
        return total

    def sums(self, joint: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Joint codes (m,) and weights (h, m) → the sums of the weights by code, an axis a category: (h, *sizes)."""
        sums = np.empty((len(weights), prod(self.sizes)))
        for total, row in zip(sums, weights):
            total[:] = np.bincount(joint, row, len(total))
        return sums.reshape(-1, *self.sizes)

    def margin(self, sums: np.ndarray, *which: int) -> np.ndarray:
        """`sums` (h, *sizes) → (h, codes) of one category, or (h, codes, codes) of two in order, without code 0."""
        others = tuple(1 + a for a in range(len(self.sizes)) if a not in which)
        margin: np.ndarray = sums.sum(axis=others)[(slice(None), *[slice(1, None)] * len(which))]
        return margin


@dataclass(frozen=True, eq=False, repr=False)
class Columns:
    """m rows × n features, as the encoding's parts: an array of m entries for each.

    A number's is its values in the column's dtype, and `gaps` says where they are missing (None: nowhere); an
    indicator's is a bool mask; a category's is codes (see `Group`). `unseen`: column → rows of a level that was not
    learned; it counts as missing if that is a level, else as the reference or no level. `missing`: column → rows that
    are missing where no coefficient says so; a number counts as its mean, a category as the reference or no level.
    """

    encoding: Encoding
    data: tuple[np.ndarray, ...]
    gaps: tuple[np.ndarray | None, ...]
    unseen: dict[str, int]
    missing: dict[str, int]

    __array_ufunc__ = None  # so that NumPy leaves `d @ columns` to __rmatmul__
    ndim = 2

    @property
    def shape(self) -> tuple[int, int]:
        return len(self), len(self.names)

    @property
    def names(self) -> tuple[str, ...]:
        return self.encoding.names

    def __len__(self) -> int:
        return len(self.data[0])

    def __getitem__(self, rows: Any) -> Columns:
        """A view of consecutive rows; of all of them, what has been worked out already is there. A copy of those that a mask
        (m,) keeps. `unseen` and `missing` are those of the whole."""
        masked = isinstance(rows, np.ndarray) and rows.dtype == bool
        if not masked and (not isinstance(rows, slice) or rows.step not in (None, 1)):
            raise UsageError(f"columns[{rows!r}] is not a run of rows", "write columns[lo:hi], or columns[mask]")
        if not masked and rows.indices(len(self)) == (0, len(self), 1):
            return self
        data = tuple(x[rows] for x in self.data)
        gaps = tuple(None if g is None else g[rows] for g in self.gaps)
        return replace(self, data=data, gaps=gaps)

    def blocks(self) -> Iterator[tuple[slice, Columns]]:
        """Runs of at most BLOCK rows; one that is short enough is itself the only block."""
        if len(self) <= BLOCK:
            yield slice(0, len(self)), self
            return
        for lo in range(0, len(self), BLOCK):
            rows = slice(lo, min(lo + BLOCK, len(self)))
            yield rows, self[rows]

    @cached_property
    def numbers(self) -> np.ndarray:
        """The numbers, standardised, and the indicators of these rows: (m, k) float64, each column contiguous."""
        numbers = np.empty((len(self), len(self.encoding.singles)), order="F")
        for j, i in enumerate(self.encoding.singles):
            self._standardised(i, numbers[:, j])
        return numbers

    def _standardised(self, i: int, z: np.ndarray) -> None:
        """Writes a part that has one number a row into z (m,)."""
        z[:] = self.data[i]
        part, gaps = self.encoding.parts[i], self.gaps[i]
        if isinstance(part, Number):
            with np.errstate(all="ignore"):  # what lies under a gap is arbitrary
                z -= part.shift
                z /= part.scale
            if gaps is not None and gaps.any():
                np.putmask(z, gaps, (part.mean - part.shift) / part.scale)

    def feature(self, j: int) -> np.ndarray:
        """What coefficient j is multiplied with in each row, (m,) float64."""
        i = next(i for i, at in enumerate(self.encoding.slices) if at.start <= j < at.stop)
        z = np.empty(len(self))
        if isinstance(self.encoding.parts[i], Category):
            z[:] = np.asarray(self.data[i]) == 1 + j - self.encoding.slices[i].start
            return z
        self._standardised(i, z)
        return z

    def as_given(self, j: int) -> np.ndarray:
        """The column of coefficient j in its own units, (m,) float64: a missing number is its mean, a level 1 or 0."""
        i = next(i for i, at in enumerate(self.encoding.slices) if at.start <= j < at.stop)
        part, gaps = self.encoding.parts[i], self.gaps[i]
        if not isinstance(part, Number):
            return self.feature(j)
        x = np.array(self.data[i], dtype=np.float64)
        if gaps is not None:
            x[gaps] = part.mean
        return x

    @cached_property
    def joint(self) -> tuple[np.ndarray, ...]:
        """The joint codes of each group of categories: (m,) intp."""
        groups = self.encoding.groups
        return tuple(_joint([self.data[i] for i in g.parts], g.sizes).astype(np.intp, copy=False) for g in groups)

    @cached_property
    def crossed(self) -> tuple[tuple[slice, slice, tuple[int, int], np.ndarray], ...]:
        """Two categories of different groups each: where their coefficients are, how many codes they have, their joint codes."""
        members = [list(zip(group.parts, group.sizes, group.slices)) for group in self.encoding.groups]
        pairs = (pair for two in combinations(members, 2) for pair in product(*two))
        return tuple((here, there, (size, other), _joint((self.data[i], self.data[j]), (size, other)))
                     for (i, size, here), (j, other, there) in pairs)

    def __matmul__(self, w: Any) -> np.ndarray:
        """w (n,) → (m,); w (n, h) → (m, h)."""
        w = np.asarray(w, np.float64)
        self._expect(w.ndim in (1, 2) and len(w) == len(self.names), "columns @ w", w)
        z = np.empty((len(self), *w.shape[1:]))
        tables_ = [group.spread(w) for group in self.encoding.groups]
        dense = w[self.encoding.singles_at]
        for rows, block in self.blocks():
            block.times(dense, z[rows])
            for table, joint in zip(tables_, block.joint):
                z[rows] += table.take(joint, axis=0)
        return z

    def times(self, dense: np.ndarray, z: np.ndarray) -> None:
        """Writes the numbers of these rows times their weights into z."""
        np.matmul(self.numbers, dense, out=z)

    def __rmatmul__(self, d: Any) -> np.ndarray:
        """d (m,) → (n,); d (h, m) → (h, n)."""
        d = np.asarray(d, np.float64)
        self._expect(d.ndim in (1, 2) and d.shape[-1] == len(self), "d @ columns", d)
        D = np.atleast_2d(d)
        dw = np.zeros((len(D), len(self.names)))
        for rows, block in self.blocks():
            dw[:, self.encoding.singles_at] += D[:, rows] @ block.numbers
            for group, joint in zip(self.encoding.groups, block.joint):
                sums = group.sums(joint, D[:, rows])
                for a, at in enumerate(group.slices):
                    dw[:, at] += group.margin(sums, a)
        return dw.reshape(*d.shape[:-1], -1)

    def gram(self, d: Any) -> np.ndarray:
        """Σ_i d_i x_i x_iᵀ over the rows, (n, n), for any real d (m,)."""
        d = np.asarray(d, np.float64)
        self._expect(d.shape == (len(self),), "columns.gram(d)", d)
        n = len(self.names)
        total = np.zeros((n, n))
        for rows, block in self.blocks():
            total += block._gram(d[rows])
        return total

    def _gram(self, d: np.ndarray) -> np.ndarray:
        """The gram of one block, filled in by pairs: numbers with numbers, categories with all, groups with groups."""
        at, groups, n = self.encoding.singles_at, self.encoding.groups, len(self.names)
        G = np.zeros((n, n))
        weighted = np.empty((1 + len(at), len(self)))  # d, then d times each number
        weighted[0] = d
        np.multiply(self.numbers.T, d, out=weighted[1:])
        square = weighted[1:] @ self.numbers
        G[np.ix_(at, at)] = (square + square.T) / 2
        for group, joint in zip(groups, self.joint):
            sums = group.sums(joint, weighted)
            for a, here in enumerate(group.slices):
                own = group.margin(sums, a)
                G[here, here] = np.diag(own[0])
                _mirrored(G, at, here, own[1:])
                for b, there in enumerate(group.slices[:a]):
                    _mirrored(G, there, here, group.margin(sums[:1], b, a)[0])
        for here, there, sizes, codes in self.crossed:
            _mirrored(G, here, there, np.bincount(codes, d, prod(sizes)).reshape(sizes)[1:, 1:])
        return G

    def dense(self) -> np.ndarray:
        """All rows as one float64 matrix (m, n). Raises DvarError where there are categories."""
        if self.encoding.groups:
            names = sorted(p.column for p in self.encoding.parts if isinstance(p, Category))
            raise DvarError(
                "x is all numeric here, but of categories there are " + ", ".join(f"`{n}`" for n in names),
                "leave them out, or meet x only in a linear map such as w @ x",
            )
        X = np.empty(self.shape)
        for rows, block in self.blocks():
            X[rows] = block.numbers
        return X

    def _expect(self, fits: bool, what: str, array: np.ndarray) -> None:
        if not fits:
            m, n = self.shape
            raise UsageError(
                f"{what}: the columns are {m} rows × {n} features, the array is of shape {array.shape}",
                "columns @ (n,) or (n, h); (m,) or (h, m) @ columns; columns.gram((m,))",
            )


def _joint(codes: Sequence[np.ndarray], sizes: Sequence[int]) -> np.ndarray:
    """Codes of several categories (m,) as one: the digits of a number, in the smallest integer that holds it."""
    joint = codes[0].astype(np.min_scalar_type(prod(sizes)))
    for code, size in zip(codes[1:], sizes[1:]):
        joint *= joint.dtype.type(size)
        joint += code
    return joint


def _mirrored(G: np.ndarray, rows: Any, columns: Any, sums: np.ndarray) -> None:
    """Writes sums (rows, columns) into the symmetric matrix G on both sides of its diagonal."""
    G[rows, columns] = sums
    G[columns, rows] = sums.T
