"""A cost's fused program and the data it runs over: features stored as they are, sums over runs of rows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from ..data.columns import Category, Columns, Number
from ..data.native import Chunked, Converted, native_dtype, plain, whole
from ..data.sparse import Sparse
from ..expression.graph import Graph
from ..expression.op import Shape
from .arguments import types_of
from .core import core
from .example import Curve, Element
from .program import NotWritable
from .run import group_count
from .stores import PAIRED, Categories, Name, Store, columns_store, rows_store, sparse_store
from .write_fused import PITCH, ROWS, Fused, write_fused

FEATURES = 200  # typed columns in one program; it has some lines for each
FEW = 8  # numbers for which it has a line with each category
LEAST = 8  # blocks at the least for each of the partial sums
SPREAD = 4  # partial sums of runs from all over the data
PACKED = 256  # rows that are packed into panels at a time
COPIED = 16  # blocks at the most that are converted at a time


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
    categories: int = 0

    def scratch(self) -> tuple[Any, ...]:
        return (np.empty(self.block),) if self.block else ()

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
        return g[:, self.places]


class Sums(NamedTuple):
    """What a program adds up over rows."""

    small: Any  # the value, and derivatives by parameters outside maps
    slopes: list[Any]  # per map (results, width)
    cross: Any  # second derivatives by what maps give and by small parameters, times the features (…, width)
    gram: Any  # and by what maps give, both (…, width, width)

    @property
    def arrays(self) -> list[Any]:
        return [self.small, *self.slopes, self.cross, self.gram]

    def __iadd__(self, other: Sums) -> Sums:  # type: ignore[override,misc]
        for mine, more in zip(self.arrays, other.arrays):
            mine += more
        return self


class FusedProgram:
    """Sums of value and derivatives over runs of rows. Raises NotWritable where the loss, or its data, has no such program."""

    def __init__(self, graph: Graph, sizes: Mapping[str, Shape], data: Mapping[str, Any], second: bool = False) -> None:
        from .compiled import compiled, kernel_modules

        self.sizes, self.second = sizes, second
        names = frozenset(data)
        found = core(graph, {n: sizes[n] if n in sizes else data[n].shape[1:] for n in graph.inputs}, names)
        typed = [n for n in found.graph.inputs if isinstance(data.get(n), (Columns, Sparse))]
        if typed:
            raise NotWritable(f"{typed[0]} enters the loss otherwise than in w @ {typed[0]}")
        if any(by_columns(v) for v in data.values()):  # of these no rows can be cut
            data = {n: made_whole(v) for n, v in data.items()}
        self.features = {m.data: features(data[m.data]) for m in found.maps}
        stores = {n: f.store for n, f in self.features.items()}
        self.program: Fused = write_fused(found, names, stores, kernel_modules(), second)
        self.columns = [numeric(data[n]) for n in self.program.data]
        rows = [a for f in self.features.values() for a in f.arguments] + self.columns
        self.chunked = [a for a in rows if isinstance(a, Chunked)]
        self.converts = any(isinstance(a, Converted) for a in rows)
        given = self.given({n: np.zeros(s) for n, s in sizes.items()})
        sums = self.zeros(given)
        self.numbers = sum(a.size for a in sums.arrays)  # that it adds up
        self.run = compiled(self.program.source, self.program.name, types_of(self.arguments(slice(0, 2), given, sums)))

    def given(self, parameters: Mapping[str, Any]) -> tuple[Any, list[Any]]:
        """The parameters as the program takes them: those outside maps raveled, and per map the weights (results, width)."""
        one = self.program
        return (np.concatenate([np.zeros(0), *(np.ravel(parameters[n]) for n, _ in one.small)]),
                [self.features[m.data].padded(np.atleast_2d(parameters[m.parameter])) for m in one.maps])

    def zeros(self, given: tuple[Any, list[Any]]) -> Sums:
        one, width = self.program, given[1][0].shape[1] if given[1] else 0
        return Sums(np.zeros(one.count), [np.zeros_like(w) for w in given[1]], np.zeros((len(one.crosses), width)),
                    np.zeros((len(one.grams), width, width)))

    def arguments(self, rows: slice, given: tuple[Any, list[Any]], sums: Sums) -> list[Any]:
        """What the program is called with for these rows; arrays are cut only where one of them must be."""
        one, maps = self.program, list[Any]()
        cut = rows if self.chunked or self.converts else None
        for m, w, g in zip(one.maps, given[1], sums.slopes):
            features = self.features[m.data]
            maps += [w, g, *(taken(a, cut) for a in features.arguments), *features.scratch()]
        block = [np.empty((max(one.buffers, 1), PITCH)) for _ in range(2)]
        curves = np.empty((max(len(one.crosses) + len(one.grams), 1), PITCH))
        curved = [self.panels(), curves, sums.cross, sums.gram] if self.second else []
        lo, hi = (rows.start, rows.stop) if cut is None else (0, rows.stop - rows.start)
        return [lo, hi, given[0], *block, sums.small, *maps, *(taken(c, cut) for c in self.columns), *curved]

    def panels(self) -> Any:
        """Scratch for the kernels that add up Σ d·x·xᵀ: panels of eight features, and of as many times d, then a tile."""
        count = max((f.numbers for f in self.features.values()), default=0)
        return np.empty((2 * -(-count // 8) + 1, 8 * PACKED))

    def added(self, given: tuple[Any, list[Any]], *rows: slice) -> Sums:
        """The sums over these runs of rows."""
        sums = self.zeros(given)
        for run in rows:
            for part in self.parts(run):
                self.run(*self.arguments(part, given, sums))
        return sums

    def parts(self, rows: slice) -> Iterator[slice]:
        """Runs of whole blocks, each within one chunk of every column; a block that is in two chunks by itself, as it is copied.
        A program adds to its sums block by block, so where runs end changes no bit."""
        at = rows.start
        while at < rows.stop:
            end = min([rows.stop, *(c.end(at) for c in self.chunked)])
            if self.converts:
                end = min(end, at + COPIED * ROWS)
            if end < rows.stop:
                end = max(at + (end - at) // ROWS * ROWS, min(at + ROWS, rows.stop))
            yield slice(at, end)
            at = end

    def answer(self, sums: Sums) -> list[Any]:
        """The sums of the value, of each parameter's derivative and, where second derivatives are written, of the Hessian of all
        parameters raveled in order."""
        one, small = self.program, np.take(sums.small, self.program.sums)
        d: dict[str, Any] = {n: np.zeros(s) for n, s in self.sizes.items()}
        at = 1
        for name, shape in one.small:
            size = int(np.prod(shape))
            d[name] = d[name] + small[at : at + size].reshape(shape)
            at += size
        for m, g in zip(one.maps, sums.slopes):
            d[m.parameter] = d[m.parameter] + self.features[m.data].compact(g).reshape(self.sizes[m.parameter])
        curved = [self.hessian(small[at:], sums.cross, sums.gram)] if self.second else []
        return [float(small[0]), *d.values(), *curved]

    def hessian(self, corners: Any, cross: Any, gram: Any) -> Any:
        """The second derivatives by all parameters, (P, P), from the sums by what the maps give and by the small ones."""
        one, starts, at = self.program, {}, 0
        for name, size in self.sizes.items():
            starts[name] = at
            at += int(np.prod(size))
        total = np.zeros((at, at))
        features = self.features[one.maps[0].data] if one.maps else None
        by_result = {m.result: m.parameter for m in one.maps}

        def place(element: Element) -> slice:
            """Where a result's weights, or a small parameter, stand among all parameters."""
            name = by_result.get(element.name)
            if name is None:
                lo = starts[element.name] + element.at
                return slice(lo, lo + 1)
            assert features is not None
            count = len(features.places)
            return slice(starts[name] + element.at * count, starts[name] + (element.at + 1) * count)

        def put(curve: Curve, block: Any) -> None:
            a, b = place(curve.a), place(curve.b)
            total[a, b] += block
            if curve.a != curve.b:
                total[b, a] += np.transpose(block)

        for curve, value in zip(one.corners, corners):
            put(curve, value)
        for curve, row in zip(one.crosses, cross):
            assert features is not None
            put(curve, features.compact(row[None]).T)
        for curve, h in zip(one.grams, gram):
            assert features is not None
            put(curve, features.symmetric(h))
        return total


def groups(m: int, numbers: int = 1, pairs: bool = False) -> list[list[slice]]:
    """Runs of rows, whole blocks, as many as there are partial sums; they depend on the data and the number of sums alone."""
    blocks = -(-m // ROWS)
    each = max(-(-blocks // group_count(numbers, pairs)), LEAST) * ROWS
    return [[slice(lo, min(lo + each, m))] for lo in range(0, m, each)]


def spread(rows: Sequence[slice]) -> list[list[tuple[slice, ...]]]:
    """Runs of rows in place of all: few partial sums of them, as they depend on the runs alone."""
    count = min(SPREAD, len(rows)) if sum(r.stop - r.start for r in rows) > SPREAD * LEAST * ROWS else 1
    return [[tuple(rows[k::count])] for k in range(count)]


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
    many = numbers > FEW and len(categories) <= PAIRED
    if many:
        lines.gram.extend(f"gram_codes_numbers([{column}], {first}, [block], {{d}}, {{h}}, {{at}}, {{n}})"
                          for column, first in categories)

    def store(name: Name) -> Store:
        called = {n: name(n) for n in (*arguments, "block")}
        made = Categories(name, [(called[column], first) for column, first in categories])

        def told(line: str) -> str:
            return re.sub(r"\[([a-z]+\d*)\]", lambda match: called[match[1]], line)

        forward, backward, before, gram = (list(map(told, half)) for half in lines)
        forward = [*(made.forward() if categories else ["zero({z}, {n})"]), *forward]
        gram += made.gram(name, called["block"], 0 if many else numbers)
        return Store(tuple(called.values()), tuple(forward), (*made.backward(), *backward), tuple(before), tuple(gram),
                     tuple(made.views()))

    return Features(store, tuple(arguments.values()), np.array(places, dtype=np.intp), at, numbers, (max(numbers, 1), PITCH),
                    len(categories))


class Lines(NamedTuple):
    forward: list[str]
    backward: list[str]
    before: list[str]
    gram: list[str]
