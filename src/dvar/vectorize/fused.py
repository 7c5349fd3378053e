"""A cost's fused program over its data: sums over runs of rows."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate, chain
from math import prod
from typing import Any

import numpy as np

from ..data.columns import Columns
from ..data.native import Chunked, Converted
from ..data.sparse import Sparse
from ..expression.graph import Graph
from ..expression.op import Shape
from .arguments import address, addresses_within, types_of, words
from .compiled import Native, compiled, kernel_modules
from .core import core
from .example import Curve, Element
from .program import NotWritable
from .run import group_count
from .stored import by_columns, features, made_whole, numeric, taken
from .write_fused import Fused, write_fused
from .write_maps import PITCH, ROWS

LEAST = 8  # blocks at the least for each of the partial sums
SPREAD = 4  # partial sums of runs from all over the data
PACKED = 256  # rows that are packed into panels at a time
COPIED = 16  # blocks at the most that are converted at a time
ROWS_AT = slice(2, 4)  # among the words of a program


class FusedProgram:
    """Sums of value and derivatives over runs of rows. Raises NotWritable where the loss, or its data, has no such program."""

    def __init__(self, graph: Graph, sizes: Mapping[str, Shape], data: Mapping[str, Any], second: bool = False) -> None:
        if os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0"):
            raise NotWritable("NUMBA_DISABLE_JIT is set, so that Numba compiles nothing")
        self.sizes, self.second = sizes, second
        names = frozenset(data)
        found = core(graph, tuple(sizes[n] if n in sizes else data[n].shape[1:] for n in graph.inputs), names)
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
        self.shapes, self.room_shapes = self.shapes_of_sums(), self.shapes_of_room()
        self.numbers, self.room = (sum(map(prod, shapes)) for shapes in (self.shapes, self.room_shapes))
        weights = self.weights({n: np.zeros(s) for n, s in sizes.items()})
        kinds = types_of(self.arguments(slice(0, 2), weights, np.zeros(self.numbers), np.zeros(self.room)))
        self.run = compiled(self.program.source, self.program.name, kinds)

    def weights(self, parameters: Mapping[str, Any]) -> tuple[Any, list[Any]]:
        """The parameters as the program takes them: those outside maps raveled, and per map the weights (results, width)."""
        one = self.program
        return (np.concatenate([np.zeros(0), *(np.ravel(parameters[n]) for n, _ in one.small)]),
                [self.features[m.data].padded(np.ascontiguousarray(m.weights(parameters[m.parameter]))) for m in one.maps])

    def shapes_of_sums(self) -> list[Shape]:
        """Of what it adds up: the value and the derivatives outside maps; per map (results, width); then the second derivatives
        by what maps give and by small parameters, times the features, and those by what maps give, both."""
        one, features = self.program, [self.features[m.data] for m in self.program.maps]
        slopes = [(prod(m.shape), f.copies * f.width) for m, f in zip(one.maps, features)]
        width, sums = (features[0].width, slopes[0][1]) if features else (0, 0)
        return [(one.count,), *slopes, (len(one.crosses), sums), (len(one.grams), width, width)]

    def shapes_of_room(self) -> list[Shape]:
        """Of scratch: for a block of rows what maps give and its slopes, numbers made of typed columns, second derivatives; for
        the kernels that add up Σ d·x·xᵀ panels of eight features, and of as many times d, then a tile."""
        one = self.program
        found: list[Shape] = [(max(one.buffers, 1), PITCH)] * 2
        found += [self.features[m.data].block for m in one.maps if self.features[m.data].block]
        if self.second:
            count = max((f.numbers for f in self.features.values()), default=0)
            found += [(2 * -(-count // 8) + 1, 8 * PACKED), (max(len(one.crosses) + len(one.grams), 1), PITCH)]
        return found

    def arguments(self, rows: slice, weights: tuple[Any, list[Any]], sums: Any, room: Any) -> list[Any]:
        """What the program is called with for these rows, for stretches of numbers to add to and to work in; data are cut only
        where one of them must be."""
        one, maps = self.program, list[Any]()
        cut = rows if self.chunked or self.converts else None
        small, *slopes, cross, gram = parted(sums, self.shapes)
        given, found, *scratch = parted(room, self.room_shapes)
        for m, w, g in zip(one.maps, weights[1], slopes):
            features = self.features[m.data]
            maps += [w, g, *(taken(a, cut) for a in features.arguments)]
            if features.block:
                maps.append(scratch.pop(0))
        curved = [*scratch, cross, gram] if self.second else []
        lo, hi = (rows.start, rows.stop) if cut is None else (0, rows.stop - rows.start)
        return [lo, hi, weights[0], given, found, small, *maps, *(taken(c, cut) for c in self.columns), *curved]

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

    def answer(self, sums: Any) -> list[Any]:
        """The sums of the value, of each parameter's derivative and, where second derivatives are written, of the Hessian of all
        parameters raveled in order."""
        first, *slopes, cross, gram = parted(sums, self.shapes)
        one, small = self.program, np.take(first, self.program.sums)
        d: dict[str, Any] = {n: np.zeros(s) for n, s in self.sizes.items()}
        at = 1
        for name, shape in one.small:
            size = int(np.prod(shape))
            d[name] = d[name] + small[at : at + size].reshape(shape)
            at += size
        for m, g in zip(one.maps, slopes):
            d[m.parameter] = d[m.parameter] + m.of_weights(self.features[m.data].compact(g))
        curved = [self.hessian(small[at:], cross, gram)] if self.second else []
        return [float(small[0]), *d.values(), *curved]

    def hessian(self, corners: Any, cross: Any, gram: Any) -> Any:
        """The second derivatives by all parameters, (P, P), from the sums by what the maps give and by the small ones."""
        one, starts, at = self.program, {}, 0
        for name, size in self.sizes.items():
            starts[name] = at
            at += int(np.prod(size))
        total = np.zeros((at, at))
        features = self.features[one.maps[0].data] if one.maps else None
        by_result = {m.result: m for m in one.maps}

        def place(element: Element) -> slice:
            """Where a result's weights, or a small parameter, stand among all parameters."""
            if element.name in by_result:
                made = by_result[element.name]
                return made.place(starts[made.parameter], element.at)
            lo = starts[element.name] + element.at
            return slice(lo, lo + 1)

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


class Adding:
    """A program with its parameters: adds up over runs of rows. Where no row is cut or converted its arguments are put into words
    once; of a run only its rows and the places of its sums and its room are others."""

    def __init__(self, program: FusedProgram, parameters: Mapping[str, Any]) -> None:
        self.program, self.weights = program, program.weights(parameters)
        sums, room = np.empty(program.numbers), np.empty(program.room)
        self.arguments = program.arguments(slice(0, 2), self.weights, sums, room)  # the words tell where they lie
        run = program.run.ready_for(self.arguments)
        self.run = run if isinstance(run, Native) and not (program.chunked or program.converts) else None
        self.told = words(self.arguments)
        self.of_sums, self.of_room = (addresses_within(stretch, self.arguments) for stretch in (sums, room))
        self.told[self.of_sums] -= address(sums)
        self.told[self.of_room] -= address(room)

    def __call__(self, *runs: slice) -> Any:
        """The sums over these runs of rows, one behind the other."""
        sums, room = np.zeros(self.program.numbers), np.empty(self.program.room)
        if self.run is None:
            for part in chain.from_iterable(map(self.program.parts, runs)):
                self.program.run(*self.program.arguments(part, self.weights, sums, room))
            return sums
        told = self.told.copy()
        told[self.of_sums] += address(sums)
        told[self.of_room] += address(room)
        for run in runs:
            told[ROWS_AT] = run.start, run.stop
            self.run.on(told)
        return sums


def parted(stretch: Any, shapes: Sequence[Shape]) -> list[Any]:
    """Arrays of these shapes, one behind the other in a stretch of numbers."""
    ends = accumulate(map(prod, shapes))
    return [stretch[end - prod(shape) : end].reshape(shape) for end, shape in zip(ends, shapes)]


def groups(m: int, numbers: int = 1, pairs: bool = False) -> list[list[slice]]:
    """Runs of rows, whole blocks, as many as there are partial sums; they depend on the data and the number of sums alone."""
    blocks = -(-m // ROWS)
    each = max(-(-blocks // group_count(numbers, pairs)), LEAST) * ROWS
    return [[slice(lo, min(lo + each, m))] for lo in range(0, m, each)]


def spread(rows: Sequence[slice]) -> list[list[tuple[slice, ...]]]:
    """Runs of rows in place of all: few partial sums of them, as they depend on the runs alone."""
    count = min(SPREAD, len(rows)) if sum(r.stop - r.start for r in rows) > SPREAD * LEAST * ROWS else 1
    return [[tuple(rows[k::count])] for k in range(count)]
