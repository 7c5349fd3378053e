"""The data of a fused program as its arguments: features stored as they are, and what its lines are told of them."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from ..data.columns import Category, Columns, Number
from ..data.native import Chunked, Converted, native_dtype, plain, whole
from ..data.sparse import Sparse
from ..expression.op import Shape
from .program import NotWritable
from .stores import PAIRED, Categories, Name, Store, columns_store, rows_store, sparse_store
from .write_maps import PITCH

FEATURES = 200  # typed columns in one program; it has some lines for each
FOUR, NEAR = 4, 1024  # sums of each coefficient where there are so few coefficients that all stay in the first cache
FEW = 8  # numbers for which it has a line with each category


class Fixed(NamedTuple):
    """An argument of a program that is the same for all rows; others are cut where a program runs over some of the rows."""

    array: Any


class Starts(NamedTuple):
    """An argument in which row i has two entries, i and i + 1."""

    array: Any


@dataclass(frozen=True)
class Features:
    """One input's features as arguments of a program, and how many numbers its weights have there."""

    store: Any  # name → Store
    arguments: tuple[Any, ...]
    places: Any  # where each coefficient stands among the weights; the others, of codes without one, are 0
    width: int
    numbers: int = 0  # that are dense, or columns of numbers
    block: Shape = ()  # of scratch for the numbers of one block
    copies: int = 1  # of the sums of all coefficients: (h, copies · width)

    def symmetric(self, h: Any) -> Any:
        """Sums (width, width) in which every pair stands in one of its two places → (n, n)."""
        h = h[np.ix_(self.places, self.places)]
        return h + h.T - np.diag(np.diag(h))

    def padded(self, w: Any) -> Any:
        """Coefficients (h, n) → weights (h, width)."""
        weights = np.zeros((len(w), self.width))
        weights[:, self.places] = w
        return weights

    def compact(self, g: Any) -> Any:
        """Sums (h, copies · width) → (h, n)."""
        return np.sum(g.reshape(len(g), self.copies, self.width), axis=1)[:, self.places]


def by_columns(value: Any) -> bool:
    """Whether features lie in memory column by column only."""
    return plain(value) and value.ndim == 2 and not value.flags.c_contiguous


def made_whole(value: Any) -> Any:
    """Data without chunks and conversions."""
    if isinstance(value, Columns):
        return replace(value, data=tuple(map(whole, value.data)))
    return value if isinstance(value, Sparse) else whole(value)


def numeric(value: Any) -> Any:
    """Data that are numbers, as a program reads them: all read-only, so that programs differ by what matters alone."""
    if isinstance(value, Chunked) and value.dtype == native_dtype(value.dtype):
        return value
    if not plain(value):
        return Converted(value)
    array = np.asarray(value).view()
    array.flags.writeable = False
    return array


def taken(argument: Any, rows: slice | None) -> Any:
    """An argument for these rows, or all of it."""
    if isinstance(argument, Fixed):
        return argument.array
    if isinstance(argument, Starts):
        return argument.array if rows is None else argument.array[rows.start : rows.stop + 1]
    if rows is None:
        return argument
    cut = np.ascontiguousarray(argument[rows])
    cut.flags.writeable = False
    return cut


def features(value: Any) -> Features:
    """How features are stored, told to the writer and passed to its program."""
    if isinstance(value, Columns):
        return typed_features(value)
    if isinstance(value, Sparse):
        return sparse_features(value)
    x = numeric(value)
    store = columns_store if by_columns(x) else rows_store
    return Features(store, (x,), np.arange(x.shape[1]), x.shape[1], x.shape[1])


def sparse_features(x: Sparse) -> Features:
    """Places are never negative: without a sign they need no look at it."""
    arguments = Fixed(x.data), Fixed(x.indices.view(f"u{x.indices.itemsize}")), Starts(x.starts)
    return Features(sparse_store, arguments, np.arange(x.width), x.width)


def typed_features(columns: Columns) -> Features:
    """Typed columns: a line of the program for each, and for second derivatives a line for each pair of categories."""
    parts = columns.encoding.parts
    if len(parts) > FEATURES:
        raise NotWritable(f"there are {len(parts)} columns; a fused program reads up to {FEATURES} typed ones")
    scales = np.zeros((len(parts), 3))  # by part: shift, scale, what stands for a missing number
    arguments: dict[str, Any] = {"scales": Fixed(scales)}
    lines = Lines([], [], [], [])
    places, categories, number = list[int](), list[tuple[str, int]](), 0
    at = numbers = sum(not isinstance(part, Category) for part in parts)  # among the weights numbers come first
    for i, (part, data, gaps) in enumerate(zip(parts, columns.data, columns.gaps)):
        arguments[f"column{i}"] = numeric(data)
        if isinstance(part, Category):
            count = len(part.names) + 1  # code 0 has no coefficient
            categories.append((f"column{i}", at))
            places += range(at + 1, at + count)
            at += count
            continue
        if isinstance(part, Number):
            scales[i] = part.shift, part.scale, (part.mean - part.shift) / part.scale
        kind, given = "mask", f"[column{i}]"
        if isinstance(part, Number):
            kind, given = "number", f"[column{i}], [scales][{i}, 0], [scales][{i}, 1]"
            if gaps is not None:
                arguments[f"gaps{i}"] = numeric(gaps)
                kind, given = "number_or", f"[column{i}], [gaps{i}], [scales][{i}, 0], [scales][{i}, 1], [scales][{i}, 2]"
        lines.forward.append(f"dot_{kind}({given}, {{w}}[{number}], {{z}}, {{at}}, {{n}})")
        lines.backward.append(f"{{g}}[{number}] += add_{kind}({given}, {{z}}, {{at}}, {{n}})")
        lines.before.append(f"{kind}_of({given}, [block][{number}], {{at}}, {{n}})")
        places.append(number)
        number += 1
    if numbers:
        lines.gram.append("gram_columns([block].T, {d}, {t}, {h}, 0, {n})")
    copies = FOUR if categories and at <= NEAR else 1
    many = numbers > FEW and len(categories) <= PAIRED
    if many:
        lines.gram.extend(f"gram_codes_numbers([{column}], {first}, [block], {{d}}, {{h}}, {{at}}, {{n}})"
                          for column, first in categories)

    def store(name: Name) -> Store:
        called = {n: name(n) for n in (*arguments, "block")}
        made = Categories(name, [(called[column], first) for column, first in categories], at if copies > 1 else 0)

        def told(line: str) -> str:
            return re.sub(r"\[([a-z]+\d*)\]", lambda match: called[match[1]], line)

        forward, backward, before, gram = (list(map(told, half)) for half in lines)
        forward = [*(made.forward() if categories else ["zero({z}, {n})"]), *forward]
        gram += made.gram(name, called["block"], 0 if many else numbers)
        return Store(tuple(called.values()), tuple(forward), (*made.backward(), *backward), tuple(before), tuple(gram),
                     tuple(made.views()))

    return Features(store, tuple(arguments.values()), np.array(places, dtype=np.intp), at, numbers, (max(numbers, 1), PITCH),
                    copies)


class Lines(NamedTuple):
    forward: list[str]
    backward: list[str]
    before: list[str]
    gram: list[str]
