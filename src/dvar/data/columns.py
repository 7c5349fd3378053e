"""Typed columns as features: how they are encoded, and the three things a linear map asks of a block of rows.

A program meets features only as `block @ w` (rows · weights), `d @ block` (its transpose) and `block.gram(d)`
(Σ d_i x_i x_iᵀ). So a column stays what it is: a number in its own dtype, a mask, a category's code in the smallest
integer that fits. Only a block's numbers are ever standardised to float64, few enough to stay in the cache; a category
is never expanded: its weights are looked up by code and its sums are counted by code.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from itertools import combinations, pairwise, product
from math import frexp, fsum, isfinite, prod, sqrt
from typing import Any

import numpy as np

from dvar.data import table as tables
from dvar.errors import DvarError, UsageError

BLOCK = 16384  # rows worked on at once: a column of them as float64 is 128 kB
IDENTIFIER = 100  # levels, each in one row only, that are not worth keeping for the sake of the rows without one
JOINT = 1024  # joint codes at most of categories that are counted together


@dataclass(frozen=True)
class Number:
    """(x − mean)/scale of a column of numbers; 0, that is the mean, where it is missing."""

    column: str
    mean: float
    scale: float

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
KINDS: dict[str, type] = {"number": Number, "missing": Missing, "category": Category}


@dataclass(frozen=True)
class Encoding:
    """How a table's columns become n features: its parts in order, what is left out and why, from how many rows."""

    parts: tuple[Part, ...]
    dropped: dict[str, str]
    rows: int

    @classmethod
    def learn(cls, table: Any, features: Sequence[str], *, reference: bool, rows: np.ndarray | None = None) -> Encoding:
        """The encoding of these columns of a `pyarrow.Table`, learned from the rows numbered `rows` (default: all).

        `reference`: a category's first level has no coefficient. Raises UsageError for a name that is not there,
        DvarError where no column can be a feature.
        """
        parts: list[Part] = []
        dropped: dict[str, str] = {}
        indicators: dict[bytes, int] = {}  # which rows are missing → the index of the part that says so
        for name in dict.fromkeys(features):
            column = tables.column(table, name)
            how = tables.kind(column.type)
            learned: Part | str
            gaps = None
            if how == "number":
                x, gaps = tables.numbers(column, rows)
                learned = _learn_number(name, x, gaps)
            elif how == "category":
                learned = _learn_category(name, tables.levels(column, rows), reference)
            else:
                learned = OTHER[how].format(column.type)
            if isinstance(learned, str):
                dropped[name] = learned
            else:
                parts.append(learned)
            if gaps is None or gaps.all():
                continue
            same = indicators.setdefault(np.packbits(gaps).tobytes(), len(parts))
            if same == len(parts):
                parts.append(Missing(name))
            else:
                first = parts[same]
                dropped[f"{name} missing"] = f"the same rows as `{first.names[0]}`"
                parts[same] = Missing(first.column, (*first.also, name))  # type: ignore[union-attr]
        if not parts:
            why = "; ".join(f"`{name}`: {reason}" for name, reason in dropped.items()) or "none was given"
            raise DvarError(f"no column can be a feature ({why})", "features are numbers or categories that vary")
        return cls(tuple(parts), dropped, table.num_rows if rows is None else len(rows))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The n coefficients' names; one that has occurred before gets a number."""
        names: dict[str, None] = {}
        for name in (name for part in self.parts for name in part.names):
            unique, count = name, 1
            while unique in names:
                count += 1
                unique = f"{name} ({count})"
            names[unique] = None
        return tuple(names)

    @cached_property
    def slices(self) -> tuple[slice, ...]:
        """Where each part's coefficients are."""
        ends = np.cumsum([0] + [len(part.names) for part in self.parts]).tolist()
        return tuple(slice(a, b) for a, b in pairwise(ends))

    @cached_property
    def singles(self) -> tuple[int, ...]:
        """The parts, by index, that have one number a row: numbers and indicators."""
        return tuple(i for i, part in enumerate(self.parts) if not isinstance(part, Category))

    @cached_property
    def singles_at(self) -> np.ndarray:
        """Where the coefficients of these parts are."""
        return np.array([self.slices[i].start for i in self.singles], np.intp)

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """The categories, put together while their joint codes stay few: counted together, they are counted once."""
        groups: list[list[int]] = []
        sizes = [1 + s.stop - s.start for s in self.slices]
        for i in sorted(set(range(len(self.parts))).difference(self.singles)):
            fits = (group for group in groups if prod(sizes[j] for j in (*group, i)) <= JOINT)
            group = next(fits, None)
            if group is None:
                groups.append([i])
            else:
                group.append(i)
        return tuple(Group(tuple(g), tuple(sizes[i] for i in g), tuple(self.slices[i] for i in g)) for g in groups)

    def encode(self, table: Any, rows: np.ndarray | None = None) -> Columns:
        """The columns of a `pyarrow.Table` (of its rows numbered `rows`; default: all) as this encoding reads them.

        Raises DvarError naming every column that is lacking or of another kind.
        """
        self._check(table)
        read = {p.column: _numbers(table, p.column, rows) for p in (self.parts[i] for i in self.singles)}
        indicated = {c: p.column for p in self.parts if isinstance(p, Missing) for c in (p.column, *p.also)}
        data: list[np.ndarray] = []
        unseen: dict[str, int] = {}
        missing: dict[str, int] = {}
        for part in self.parts:
            if isinstance(part, Category):
                codes, unseen[part.column], missing[part.column] = _codes(table, part, rows)
                data.append(codes)
                continue
            x, gaps = read[part.column]
            if isinstance(part, Missing):
                data.append(np.zeros(len(x), bool) if gaps is None else gaps)
                continue
            data.append(x)
            if gaps is not None:
                known = read[indicated[part.column]][1] if part.column in indicated else None
                missing[part.column] = int(np.count_nonzero(gaps if known is None else gaps & ~known))
        gaps_of = tuple(read[p.column][1] if isinstance(p, Number) else None for p in self.parts)
        told = ({name: count for name, count in counts.items() if count} for counts in (unseen, missing))
        return Columns(self, tuple(data), gaps_of, *told)

    def _check(self, table: Any) -> None:
        """Raises DvarError unless the table has every column of the encoding, of the kind it was."""
        wrong = []
        for name, part in {p.column: p for p in self.parts}.items():
            wanted = "category" if isinstance(part, Category) else "number"
            if name not in table.column_names:
                wrong.append(f"`{name}` is lacking")
            elif tables.kind(table.schema.field(name).type) not in (wanted, "nothing"):
                wrong.append(f"`{name}` is of type {table.schema.field(name).type} where a {wanted} was learned from")
        if wrong:
            what = "the table is not as the encoding reads it: " + ", ".join(wrong)
            raise DvarError(what, "give it the columns that were learned from")

    def to_original(self) -> np.ndarray:
        """T (n+1, n+1) such that [intercept, coefficients] for columns in their own units = T @ [b, w].

        There a missing number counts as the mean it had in training.
        """
        T = np.eye(1 + len(self.names))
        for part, at in zip(self.parts, self.slices):
            if isinstance(part, Number):
                j = 1 + at.start
                T[0, j] = -part.mean / part.scale
                T[j, j] = 1 / part.scale
        return T

    def to_json(self) -> dict[str, Any]:
        """The encoding as a dict of plain values; `from_json` of it, also by way of JSON text, is the same encoding."""
        parts = []
        for part in self.parts:
            values = {f.name: getattr(part, f.name) for f in fields(part)}
            kind = next(kind for kind, cls in KINDS.items() if isinstance(part, cls))
            parts.append({"kind": kind} | {k: list(v) if isinstance(v, tuple) else v for k, v in values.items()})
        return {"rows": self.rows, "parts": parts, "dropped": dict(self.dropped)}

    @classmethod
    def from_json(cls, value: Any) -> Encoding:
        """The encoding that `to_json` gave. Raises DvarError for anything else."""
        _require(value, "encoding", {"rows", "parts", "dropped"})
        parts = []
        for i, item in enumerate(value["parts"]):
            where = f"encoding.parts[{i}]"
            kind = item.get("kind") if isinstance(item, dict) else None
            if not isinstance(kind, str) or kind not in KINDS:
                raise DvarError(f"{where}.kind is {kind!r}, not one of {', '.join(KINDS)}", DAMAGED)
            _require(item, where, {"kind"} | {f.name for f in fields(KINDS[kind])})
            values = {k: tuple(v) if isinstance(v, list) else v for k, v in item.items() if k != "kind"}
            parts.append(KINDS[kind](**values))
        return cls(tuple(parts), dict(value["dropped"]), value["rows"])


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
            total = (total[:, None] + weights).reshape(-1, *w.shape[1:])
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

    @property
    def shape(self) -> tuple[int, int]:
        return len(self), len(self.names)

    @property
    def names(self) -> tuple[str, ...]:
        return self.encoding.names

    def __len__(self) -> int:
        return len(self.data[0])

    def __getitem__(self, rows: slice) -> Columns:
        """A view of consecutive rows. Its `unseen` and `missing` are those of the whole."""
        if not isinstance(rows, slice) or rows.step not in (None, 1):
            raise UsageError(f"columns[{rows!r}] is not a run of rows", "write columns[lo:hi]")
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
        parts = self.encoding.parts
        numbers = np.empty((len(self), len(self.encoding.singles)), order="F")
        with np.errstate(all="ignore"):  # what lies under a gap is arbitrary
            for j, i in enumerate(self.encoding.singles):
                z, part, gaps = numbers[:, j], parts[i], self.gaps[i]
                z[:] = self.data[i]
                if isinstance(part, Number):
                    z -= part.mean
                    z /= part.scale
                if gaps is not None and gaps.any():
                    np.putmask(z, gaps, 0.0)
        return numbers

    @cached_property
    def joint(self) -> tuple[np.ndarray, ...]:
        """The joint codes of each group of categories: (m,) intp."""
        groups = self.encoding.groups
        return tuple(_joint([self.data[i] for i in g.parts], g.sizes).astype(np.intp, copy=False) for g in groups)

    def __matmul__(self, w: Any) -> np.ndarray:
        """w (n,) → (m,); w (n, h) → (m, h)."""
        w = np.asarray(w, np.float64)
        self._expect(w.ndim in (1, 2) and len(w) == len(self.names), "columns @ w", w)
        z = np.empty((len(self), *w.shape[1:]))
        tables_ = [group.spread(w) for group in self.encoding.groups]
        dense = w[self.encoding.singles_at]
        for rows, block in self.blocks():
            np.matmul(block.numbers, dense, out=z[rows])
            for table, joint in zip(tables_, block.joint):
                z[rows] += table.take(joint, axis=0)
        return z

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
        members = [list(zip(group.parts, group.sizes, group.slices)) for group in groups]
        for (i, size, here), (j, size_j, there) in (p for two in combinations(members, 2) for p in product(*two)):
            codes = _joint((self.data[i], self.data[j]), (size, size_j))
            sums = np.bincount(codes, d, size * size_j).reshape(size, size_j)
            _mirrored(G, here, there, sums[1:, 1:])
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


OTHER = {
    "nothing": "all missing",
    "time": "a date or time ({}), neither number nor category",
    "other": "of type {}, neither number nor category",
}


def _learn_number(name: str, x: np.ndarray, gaps: np.ndarray | None) -> Number | str:
    """How to read a column of numbers, or why it is left out."""
    known = x if gaps is None else x[~gaps]
    if len(known) == 0:
        return "all missing"
    low, high = known.min(), known.max()
    if float(low) == float(high):
        same = str(low) if low == high else f"from {low} to {high}, one number in float64"
        return f"always {same}" + ("" if gaps is None else " where it is known")
    return Number(name, *_moments(known, max(abs(float(low)), abs(float(high)))))


def _moments(x: np.ndarray, largest: float) -> tuple[float, float]:
    """Mean and population standard deviation in two passes of float64 (the mean corrected by what it leaves over).

    Very large and very small numbers are scaled by a power of two, so that no sum or square over- or underflows.
    """
    exponent = frexp(largest)[1]
    unit = 1.0 if abs(exponent) < 400 else 2.0 ** min(max(exponent, -1000), 1000)

    def blocks() -> Iterator[np.ndarray]:
        return (x[lo : lo + BLOCK].astype(np.float64) / unit for lo in range(0, len(x), BLOCK))

    mean = fsum(float(b.sum()) for b in blocks()) / len(x)
    mean += fsum(float((b - mean).sum()) for b in blocks()) / len(x)
    deviation = sqrt(fsum(float(np.square(b - mean).sum()) for b in blocks()) / len(x))
    return mean * unit, max(deviation * unit, float(np.finfo(float).tiny))


def _learn_category(name: str, column: tables.Levels, reference: bool) -> Category | str:
    """How to read a column of categories, or why it is left out."""
    counts = np.bincount(column.codes + 1, minlength=1 + len(column.texts))
    rows, missing = len(column.codes), int(counts[0])
    levels = [text for text, count in zip(column.texts, counts[1:]) if count]
    if not levels:
        return "all missing"
    if len(levels) == 1 and not missing:
        return f"always {levels[0]!r}"
    if len(levels) == rows or len(levels) == rows - missing > IDENTIFIER:
        return f"{len(levels)} levels in {rows} rows: it looks like an identifier"
    return Category(name, tuple(levels if column.ordered else sorted(levels)), missing > 0, reference)


def _numbers(table: Any, name: str, rows: np.ndarray | None) -> tuple[np.ndarray, np.ndarray | None]:
    """A column's values and where they are missing; one without a type (all null) is missing throughout."""
    column = table.column(name)
    if tables.kind(column.type) == "number":
        return tables.numbers(column, rows)
    m = len(column) if rows is None else len(rows)
    return np.zeros(m, np.int8), np.ones(m, bool)


def _codes(table: Any, part: Category, rows: np.ndarray | None) -> tuple[np.ndarray, int, int]:
    """A category's codes (see `Group`), how many rows are of an unseen level, how many are missing without a level."""
    column = table.column(part.column)
    if tables.kind(column.type) == "category":
        found, texts, _ = tables.levels(column, rows)
    else:
        found, texts = np.full(len(column) if rows is None else len(rows), -1, np.int32), ()
    last = len(part.names)
    gap = last if part.missing else 0
    code = {level: k for k, level in enumerate(part.levels, 0 if part.reference else 1)}
    recode = np.array([code.get(text, gap) for text in texts] + [gap], np.min_scalar_type(last))
    counts = np.bincount(found + 1, minlength=1 + len(texts))
    unseen = sum(int(count) for text, count in zip(texts, counts[1:]) if text not in code)
    return recode.take(found), unseen, 0 if part.missing else int(counts[0])  # −1 is the last entry: the gap


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(v, str) for v in value)


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and isfinite(value)


DAMAGED = "the model file was changed or is not one of dvar's; fit again"
FIELDS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "rows": ("a count", lambda v: isinstance(v, int) and not isinstance(v, bool) and v >= 0),
    "parts": ("a list of at least one part", lambda v: isinstance(v, list) and len(v) > 0),
    "dropped": ("names with reasons", lambda v: isinstance(v, dict) and _texts([*v.keys(), *v.values()])),
    "kind": ("a kind", lambda v: isinstance(v, str) and v in KINDS),
    "column": ("a name", lambda v: isinstance(v, str)),
    "also": ("a list of names", _texts),
    "mean": ("a finite number", _number),
    "scale": ("a positive number", lambda v: _number(v) and v > 0),
    "levels": ("a list of different texts", lambda v: _texts(v) and len(v) == len(set(v)) > 0),
    "missing": ("true or false", lambda v: isinstance(v, bool)),
    "reference": ("true or false", lambda v: isinstance(v, bool)),
}


def _require(value: Any, where: str, names: set[str]) -> None:
    """Raises DvarError unless `value` is a dict of exactly these names, each with a value as FIELDS has it."""
    if not isinstance(value, dict) or set(value) != names:
        found = ", ".join(map(str, value)) if isinstance(value, dict) else type(value).__name__
        raise DvarError(f"{where} has {found or 'nothing'}, not {', '.join(sorted(names))}", DAMAGED)
    for name in sorted(names):
        words, holds = FIELDS[name]
        if not holds(value[name]):
            raise DvarError(f"{where}.{name} is {value[name]!r}, not {words}", DAMAGED)
