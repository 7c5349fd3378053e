"""A cost's fused program and the data it runs over: features stored as they are, sums over runs of rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..data.columns import Category, Columns, Missing, Number
from ..expression.graph import Graph
from ..expression.op import Shape
from .core import core
from .write_fused import ROWS, Fused, NotWritable, Store, columns_store, rows_store, write_fused

FEATURES = 200  # typed columns in one program; it has some lines for each
GROUPS = 32  # partial sums kept at once


@dataclass(frozen=True)
class Features:
    """One input's features as arguments of a program, and how many numbers its weights have there."""

    store: Any  # name → Store
    arguments: tuple[Any, ...]
    places: Any  # where each coefficient stands among the weights; the others, of codes without one, are 0
    width: int

    def padded(self, w: Any) -> Any:
        """Coefficients (h, n) → weights (h, width)."""
        weights = np.zeros((len(w), self.width))
        weights[:, self.places] = w
        return weights

    def compact(self, g: Any) -> Any:
        return g[:, self.places]


class FusedProgram:
    """Sums of value and derivatives over runs of rows. Raises NotWritable where the loss, or its data, has no such program."""

    def __init__(self, graph: Graph, sizes: Mapping[str, Shape], data: Mapping[str, Any]) -> None:
        from . import kernels
        from .compiled import compiled, types_of

        self.sizes = sizes
        names = frozenset(data)
        shapes = {n: sizes[n] if n in sizes else data[n].shape[1:] for n in graph.inputs}
        found = core(graph, shapes, names)
        whole = {n for n in found.graph.inputs if n in names}
        typed = [n for n in whole if isinstance(data[n], Columns)]
        if typed:
            raise NotWritable(f"{typed[0]} enters the loss otherwise than in w @ {typed[0]}")
        self.features = {m.data: features(data[m.data]) for m in found.maps}
        self.program: Fused = write_fused(found, names, {n: f.store for n, f in self.features.items()}, kernels)
        self.columns = [numeric(data[n]) for n in self.program.data]
        arguments = self.arguments(0, 0, *self.buffers({n: np.zeros(s) for n, s in sizes.items()}))
        self.run = compiled(self.program.source, self.program.name, types_of(arguments))

    def arguments(self, lo: int, hi: int, numbers: Any, scratch: Any, weights: Any, slopes: Any, sums: Any) -> list[Any]:
        given = [lo, hi, numbers, *scratch, sums]
        for m, w, g in zip(self.program.maps, weights, slopes):
            given += [w, g, *self.features[m.data].arguments]
        return [*given, *self.columns]

    def buffers(self, parameters: Mapping[str, Any]) -> tuple[Any, ...]:
        """The parameters as the program takes them, scratch for one block, and zeros for the sums."""
        one = self.program
        numbers = np.concatenate([np.zeros(0), *(np.ravel(parameters[n]) for n, _ in one.small)])
        weights = [self.features[m.data].padded(np.atleast_2d(parameters[m.parameter])) for m in one.maps]
        scratch = np.empty((max(one.results, 1), ROWS)), np.empty((max(one.results, 1), ROWS)), np.empty((one.rows, ROWS))
        return numbers, scratch, weights, [np.zeros_like(w) for w in weights], np.zeros(one.rows)

    def added(self, parameters: Mapping[str, Any], rows: slice) -> tuple[Any, ...]:
        """The value's and each parameter's derivative's sum over these rows."""
        buffers = self.buffers(parameters)
        self.run(*self.arguments(rows.start, rows.stop, *buffers))
        *_, slopes, sums = buffers
        one = self.program
        small = np.take(sums, one.sums[1:])
        d: dict[str, Any] = {n: np.zeros(s) for n, s in self.sizes.items()}
        at = 0
        for name, shape in one.small:
            size = int(np.prod(shape))
            d[name] = d[name] + small[at : at + size].reshape(shape)
            at += size
        for m, g in zip(one.maps, slopes):
            d[m.parameter] = d[m.parameter] + self.features[m.data].compact(g).reshape(self.sizes[m.parameter])
        return (float(sums[one.sums[0]]), *d.values())


def groups(m: int) -> list[list[slice]]:
    """Runs of rows, whole blocks, as many as there are partial sums; they depend on the data alone."""
    blocks = -(-m // ROWS)
    each = -(-blocks // GROUPS) * ROWS
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
    parts = columns.encoding.parts
    if len(parts) > FEATURES:
        raise NotWritable(f"there are {len(parts)} columns; a fused program reads up to {FEATURES} typed ones")
    scales = np.zeros((len(parts), 3))  # by part: shift, scale, what stands for a missing number
    for i, p in enumerate(parts):
        if isinstance(p, Number):
            scales[i] = p.shift, p.scale, (p.mean - p.shift) / p.scale
    arguments: list[Any] = [scales]
    names: list[str] = ["_scales"]
    forward, backward = ["zero({z}, {n})"], list[str]()
    places, at = list[int](), 0
    for i, (part, data, gaps) in enumerate(zip(parts, columns.data, columns.gaps)):
        column, gap, scale = f"[column{i}]", f"[gaps{i}]", f"[_scales][{i}, 0], [_scales][{i}, 1]"
        arguments.append(numeric(data))
        names.append(f"column{i}")
        if isinstance(part, Category):
            count = len(part.names) + 1
            forward.append(f"dot_codes({column}, {{w}}[{at}:{at + count}], {{z}}, {{at}}, {{n}})")
            backward.append(f"add_codes({column}, {{z}}, {{g}}[{at}:{at + count}], {{at}}, {{n}})")
            places += range(at + 1, at + count)
            at += count
            continue
        if isinstance(part, Missing):
            forward.append(f"dot_mask({column}, {{w}}[{at}], {{z}}, {{at}}, {{n}})")
            backward.append(f"{{g}}[{at}] += add_mask({column}, {{z}}, {{at}}, {{n}})")
        elif gaps is None:
            forward.append(f"dot_number({column}, {scale}, {{w}}[{at}], {{z}}, {{at}}, {{n}})")
            backward.append(f"{{g}}[{at}] += add_number({column}, {scale}, {{z}}, {{at}}, {{n}})")
        else:
            arguments.append(gaps)
            names.append(f"gaps{i}")
            scale += f", [_scales][{i}, 2]"
            forward.append(f"dot_number_or({column}, {gap}, {scale}, {{w}}[{at}], {{z}}, {{at}}, {{n}})")
            backward.append(f"{{g}}[{at}] += add_number_or({column}, {gap}, {scale}, {{z}}, {{at}}, {{n}})")
        places.append(at)
        at += 1

    def store(name: str) -> Store:
        called = {n: f"{name}_{n.strip('_')}" for n in names}

        def told(line: str) -> str:
            for short, long in called.items():
                line = line.replace(f"[{short}]", long)
            return line

        return Store(tuple(called.values()), tuple(map(told, forward)), tuple(map(told, backward)))

    return Features(store, tuple(arguments), np.array(places), at)
