"""A cost's fused program and the data it runs over: features stored as they are, sums over runs of rows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ..data.columns import Category, Columns, Number
from ..expression.graph import Graph
from ..expression.op import Shape
from .core import core
from .example import Curve, Element
from .write_fused import ROWS, Fused, NotWritable, Store, columns_store, rows_store, write_fused

FEATURES, CATEGORIES = 200, 16  # typed columns in one program; it has some lines for each, and for each pair of categories
GROUPS, LEAST = 32, 8  # partial sums at the most, and blocks for each at the least


@dataclass(frozen=True)
class Features:
    """One input's features as arguments of a program, and how many numbers its weights have there."""

    store: Any  # name → Store
    arguments: tuple[Any, ...]
    places: Any  # where each coefficient stands among the weights; the others, of codes without one, are 0
    width: int
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

    def __add__(self, other: Sums) -> Sums:  # type: ignore[override]
        slopes = [a + b for a, b in zip(self.slopes, other.slopes)]
        return Sums(self.small + other.small, slopes, self.cross + other.cross, self.gram + other.gram)


class FusedProgram:
    """Sums of value and derivatives over runs of rows. Raises NotWritable where the loss, or its data, has no such program."""

    def __init__(self, graph: Graph, sizes: Mapping[str, Shape], data: Mapping[str, Any], second: bool = False) -> None:
        from . import kernels
        from .compiled import compiled, types_of

        self.sizes, self.second = sizes, second
        names = frozenset(data)
        found = core(graph, {n: sizes[n] if n in sizes else data[n].shape[1:] for n in graph.inputs}, names)
        typed = [n for n in found.graph.inputs if isinstance(data.get(n), Columns)]
        if typed:
            raise NotWritable(f"{typed[0]} enters the loss otherwise than in w @ {typed[0]}")
        self.features = {m.data: features(data[m.data]) for m in found.maps}
        if second and any(f.categories > CATEGORIES for f in self.features.values()):
            raise NotWritable(f"there are more than {CATEGORIES} categories, each of which meets each other one")
        stores = {n: f.store for n, f in self.features.items()}
        self.program: Fused = write_fused(found, names, stores, kernels, second)
        self.columns = [numeric(data[n]) for n in self.program.data]
        given = self.given({n: np.zeros(s) for n, s in sizes.items()})
        self.run = compiled(self.program.source, self.program.name, types_of(self.arguments(0, 0, given, self.zeros(given))))

    def given(self, parameters: Mapping[str, Any]) -> tuple[Any, list[Any]]:
        """The parameters as the program takes them: those outside maps raveled, and per map the weights (results, width)."""
        one = self.program
        return (np.concatenate([np.zeros(0), *(np.ravel(parameters[n]) for n, _ in one.small)]),
                [self.features[m.data].padded(np.atleast_2d(parameters[m.parameter])) for m in one.maps])

    def zeros(self, given: tuple[Any, list[Any]]) -> Sums:
        one, width = self.program, given[1][0].shape[1] if given[1] else 0
        return Sums(np.zeros(one.rows), [np.zeros_like(w) for w in given[1]], np.zeros((len(one.crosses), width)),
                    np.zeros((len(one.grams), width, width)))

    def arguments(self, lo: int, hi: int, given: tuple[Any, list[Any]], sums: Sums) -> list[Any]:
        one, maps = self.program, list[Any]()
        for m, w, g in zip(one.maps, given[1], sums.slopes):
            features = self.features[m.data]
            maps += [w, g, *features.arguments, *features.scratch()]
        block = [np.empty((max(count, 1), ROWS)) for count in (one.results, one.results, one.rows)]
        curves = np.empty((max(len(one.crosses) + len(one.grams), 1), ROWS))
        curved = [np.empty(ROWS), curves, sums.cross, sums.gram] if self.second else []
        return [lo, hi, given[0], *block, sums.small, *maps, *self.columns, *curved]

    def added(self, given: tuple[Any, list[Any]], rows: slice) -> Sums:
        """The sums over these rows."""
        sums = self.zeros(given)
        self.run(*self.arguments(rows.start, rows.stop, given, sums))
        return sums

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


def groups(m: int) -> list[list[slice]]:
    """Runs of rows, whole blocks, as many as there are partial sums; they depend on the data alone."""
    blocks = -(-m // ROWS)
    each = max(-(-blocks // GROUPS), LEAST) * ROWS
    return [[slice(lo, min(lo + each, m))] for lo in range(0, m, each)]


def numeric(value: Any) -> Any:
    """Data that are numbers, as a program reads them."""
    array = np.asarray(value)
    if not array.dtype.isnative or array.dtype.itemsize > 8 or array.dtype == np.float16:
        raise NotWritable(f"numbers of type {array.dtype} have no compiled form")
    return array


def features(value: Any) -> Features:
    """How features are stored, told to the writer and passed to its program."""
    if isinstance(value, Columns):
        return typed_features(value)
    x = numeric(value)
    if not (x.flags.c_contiguous or x.flags.f_contiguous):
        raise NotWritable("the features are neither stored row by row nor column by column")
    store = rows_store if x.flags.c_contiguous else columns_store
    return Features(store, (x,), np.arange(x.shape[1]), x.shape[1])


def typed_features(columns: Columns) -> Features:
    """Typed columns: a line of the program for each, and for second derivatives a line for each pair with a category."""
    parts = columns.encoding.parts
    if len(parts) > FEATURES:
        raise NotWritable(f"there are {len(parts)} columns; a fused program reads up to {FEATURES} typed ones")
    scales = np.zeros((len(parts), 3))  # by part: shift, scale, what stands for a missing number
    arguments: dict[str, Any] = {"scales": scales}
    lines = Lines(["zero({z}, {n})"], [], [], [])
    places, numbers, categories, at = list[int](), list[int](), list[tuple[str, int]](), 0
    for i, (part, data, gaps) in enumerate(zip(parts, columns.data, columns.gaps)):
        column = arguments[f"column{i}"] = numeric(data)
        assert column is not None
        if isinstance(part, Category):
            count = len(part.names) + 1  # code 0 has no coefficient
            lines.forward.append(f"dot_codes([column{i}], {{w}}[{at}:{at + count}], {{z}}, {{at}}, {{n}})")
            lines.backward.append(f"add_codes([column{i}], {{z}}, {{g}}[{at}:{at + count}], {{at}}, {{n}})")
            categories.append((f"[column{i}]", at))
            places += range(at + 1, at + count)
            at += count
            continue
        if isinstance(part, Number):
            scales[i] = part.shift, part.scale, (part.mean - part.shift) / part.scale
        kind, given = "mask", f"[column{i}]"
        if isinstance(part, Number):
            kind, given = "number", f"[column{i}], [scales][{i}, 0], [scales][{i}, 1]"
            if gaps is not None:
                arguments[f"gaps{i}"] = gaps
                kind, given = "number_or", f"[column{i}], [gaps{i}], [scales][{i}, 0], [scales][{i}, 1], [scales][{i}, 2]"
        lines.forward.append(f"dot_{kind}({given}, {{w}}[{at}], {{z}}, {{at}}, {{n}})")
        lines.backward.append(f"{{g}}[{at}] += add_{kind}({given}, {{z}}, {{at}}, {{n}})")
        lines.before.append(f"{kind}_of({given}, [block][{len(numbers)}], {{at}}, {{n}})")
        numbers.append(at)
        places.append(at)
        at += 1
    arguments["numbers"] = np.array(numbers, dtype=np.int64)
    lines.gram.append("gram_numbers([block], [numbers], {d}, {t}, {h}, {n})")
    for k, (column, first) in enumerate(categories):
        lines.gram.append(f"gram_codes({column}, {first}, {{d}}, {{h}}, {{at}}, {{n}})")
        lines.gram.append(f"gram_codes_numbers({column}, {first}, [block], [numbers], {{d}}, {{h}}, {{at}}, {{n}})")
        lines.gram.extend(f"gram_codes_codes({column}, {first}, {other}, {second}, {{d}}, {{h}}, {{at}}, {{n}})"
                          for other, second in categories[:k])

    def store(name: str) -> Store:
        called = {n: f"{name}_{n}" for n in (*arguments, "block")}

        def told(line: str) -> str:
            return re.sub(r"\[([a-z]+\d*)\]", lambda match: called[match[1]], line)

        return Store(tuple(called.values()), *(tuple(map(told, half)) for half in lines))

    return Features(store, tuple(arguments.values()), np.array(places, dtype=np.intp), at, (max(len(numbers), 1), ROWS),
                    len(categories))


class Lines(NamedTuple):
    forward: list[str]
    backward: list[str]
    before: list[str]
    gram: list[str]
