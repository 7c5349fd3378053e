"""The lines of a fused program that its linear maps take: over a block of rows by the kernels of how features are stored, or,
where features are few, a line of the loop over rows for each.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from .core import Core, Map
from .example import Example
from .program import Listing, Names
from .stores import Inline, Name, Store, indented, plus

ROWS = 512  # of a block, at the most
PITCH = ROWS + 8  # of buffers of blocks: rows that begin a power of two apart would share few places in the cache
TURNED = 16  # times as much room is left for features that are turned: they stay in the first cache
FEW, TERMS = 7, 64  # features that are lines of the loop over rows, and their products with weights, at the most
SEVERAL = 4  # results from which on features are turned into columns first


@dataclass
class Lines:
    """Of the linear maps, by their place in the program."""

    whole: list[str] = field(default_factory=list)  # before the loop over blocks
    before: list[str] = field(default_factory=list)  # in it, before the loop over rows
    loads: list[str] = field(default_factory=list)  # in that
    slopes: list[tuple[int | None, str]] = field(default_factory=list)  # a derivative and what is done with it
    after: list[str] = field(default_factory=list)
    rows: int = 0  # of the buffers for results and slopes
    width: int = 0  # of a row that stays in the cache between the two halves


class Weights(NamedTuple):
    """A map, its weights and their derivatives among the program's arguments, and the nodes of its results."""

    map: Map
    w: str
    g: str
    results: list[int]


class Loop:
    """What the loops over blocks and rows call things, and what their lines call."""

    def __init__(self, names: Names, kernels: Mapping[str, str]) -> None:
        self.names, self.kernels = names, kernels
        self.range = names.function("builtins", "range")
        self.lo, self.hi, self.at, self.n, self.i, self.k = map(names.fresh, ("lo", "hi", "at", "n", "i", "k"))

    def function(self, name: str) -> str:
        return self.names.function(f"{__package__}.{self.kernels[name]}", name)

    def called(self, line: str, **names: str) -> str:
        """A line of a store with what it calls imported: dot_rows(…)."""
        def imported(name: str) -> str:
            return self.function(name) if name in self.kernels else self.names.function("builtins", name)

        line = re.sub(r"\b(\w+)\(", lambda call: f"{imported(call[1])}(", line)
        return line.format(**names, at=self.at, n=self.n)


class MapWriter:
    """Writes the lines of a core's maps; `maps` and `slopes` are the buffers for a block's results and slopes."""

    def __init__(self, core: Core, one: Example, listing: Listing, loop: Loop, maps: str, slopes: str) -> None:
        self.core, self.one, self.listing, self.loop, self.names = core, one, listing, loop, listing.names
        self.maps, self.slopes, self.lines, self.vectors = maps, slopes, Lines(), dict[str, str]()

    def write(self, stores: Mapping[str, Callable[[Name], Store]], arguments: list[str]) -> list[Store]:
        """The lines of both halves; adds to the program's arguments."""
        told = dict[str, Store]()
        weights: dict[str, list[Weights]] = {}
        for m in self.core.maps:
            w, g = self.names.fresh(m.parameter), self.names.fresh("d" + m.parameter)
            store = stores[m.data](self.naming(m.data))
            told.setdefault(m.data, store)
            arguments += [w, g, *store.arguments]
            weights.setdefault(m.data, []).append(Weights(m, w, g, self.one.inputs[m.result]))
        for data, maps in weights.items():
            store, width, results = told[data], maps[0].map.width, sum(len(one.results) for one in maps)
            if store.inline and width <= FEW and width * results <= TERMS:
                self.written_out(store.inline, maps, width)
            else:
                self.by_block(store, maps, results)
        return list(told.values())

    def naming(self, data: str) -> Name:
        return lambda part: self.names.fresh(f"{data}_{part}" if part else data)

    def written_out(self, inline: Inline, maps: list[Weights], width: int) -> None:
        """Maps of few features: a line for each result, and one for each of its weights' derivatives."""
        name, lines = maps[0].map.data, self.lines
        told = {"i": self.loop.i, "width": width}
        each = "{j}" in inline.part
        parts = [self.names.fresh(f"{name}_{j}_block" if each else f"{name}_block") for j in range(width if each else width > 0)]
        x = [self.names.fresh(f"{name}_{j}") for j in range(width)]
        lines.before += [self.loop.called(inline.part, part=part, j=str(j)) for j, part in enumerate(parts)]
        elements = (inline.element.format(**told, part=parts[j if each else 0], j=j) for j in range(width))
        lines.loads += assigned(x, (f"1.0 * {element}" for element in elements), 4)
        for m, w, g, results in maps:
            for row, k in enumerate(results):
                of = f"{row}_" if len(results) > 1 else ""
                ws = [self.names.fresh(f"{m.parameter}_{of}{j}") for j in range(width)]
                gs = [self.names.fresh(f"d{m.parameter}_{of}{j}") for j in range(width)]
                lines.whole += assigned(ws, (f"{w}[{row}, {j}]" for j in range(width)))
                lines.before += zeros(gs)
                terms = [f"{a} * {b}" for a, b in zip(ws, x)] or ["0.0"]
                lines.loads += wrapped(f"{self.listing.name(k)} = ", terms)
                slope, added = self.one.d[m.result][row], self.loop.function("added")
                lines.slopes += [(slope, f"{a} = {added}({a}, {{}} * {b})") for a, b in zip(gs, x)]
                add_each = self.loop.function("add_each") if gs else ""
                lines.after += [f"{add_each}({g}, {row}, {j}, ({', '.join(gs[j : j + 8])},))" for j in range(0, width, 8)]

    def by_block(self, store: Store, maps: list[Weights], results: int) -> None:
        """Maps by kernels that run over a block, before and after the loop over its rows."""
        width, turned, lines = maps[0].map.width, "", self.lines
        lines.width += width if store.inline else 0
        lines.before += [self.loop.called(line) for line in store.views]
        if store.turn and results >= SEVERAL:
            turned = self.names.fresh(f"{maps[0].map.data}_columns")
            lines.before.append(f"{turned} = {self.maps}[{lines.rows}:{lines.rows + width}]")
            lines.before.append(self.loop.called(store.turn, block=turned))
            lines.rows += width
            lines.width += (TURNED - 1) * width
        for one in maps:
            first, count = lines.rows, len(one.results)
            if turned:
                rows = f"[{first}:{first + count}]"
                lines.before.append(self.loop.called(f"dot_block({turned}, {one.w}, {self.maps}{rows}, {{n}})"))
                lines.after.append(self.loop.called(f"add_block({turned}, {self.slopes}{rows}, {one.g}, {{n}})"))
            else:
                lines.before += self.halves(store.forward, one, self.maps, first)
                lines.after += self.halves(store.backward, one, self.slopes, first)
            z, d = self.flat(self.maps), self.flat(self.slopes)
            for at, k in enumerate(one.results):
                place = plus(PITCH * (first + at), self.loop.i)
                lines.loads.append(f"{self.listing.name(k)} = {z}[{place}]")
                lines.slopes.append((self.one.d[one.map.result][at], f"{d}[{place}] = {{}}"))
            lines.rows += count

    def flat(self, buffer: str) -> str:
        """A buffer's rows as one vector. They begin a known distance apart: the compiler need not ask whether they overlap."""
        if buffer not in self.vectors:
            self.vectors[buffer], rows = self.names.fresh(f"all_{buffer}"), f"{self.names.function('builtins', 'len')}({buffer})"
            self.lines.whole.append(f"{self.vectors[buffer]} = {self.loop.function('flat_rows')}({buffer}, 0, {rows})")
        return self.vectors[buffer]

    def halves(self, half: tuple[str, ...], one: Weights, buffer: str, first: int) -> list[str]:
        """The lines of a store for each result of a map, which stands in the buffer from row `first` on."""
        count = len(one.results)
        row = str(first) if count == 1 else (self.loop.k if first == 0 else f"{first} + {self.loop.k}")
        which = "0" if count == 1 else self.loop.k
        lines = [self.loop.called(line, w=f"{one.w}[{which}]", g=f"{one.g}[{which}]", z=f"{buffer}[{row}]") for line in half]
        return lines if count == 1 else [f"for {self.loop.k} in {self.loop.range}({count}):", *indented(lines)]

    def curvature(
        self, stores: list[Store], crosses: int, grams: int, scratch: str, curves: str, cross: str, gram: str
    ) -> list[str]:
        """The lines that add up Σ d·x for a map's result with a small parameter, and Σ d·x·xᵀ for two results."""
        self.lines.width = max([self.lines.width, *(m.width for m, store in zip(self.core.maps, stores) if store.inline)])
        if not stores:
            return []
        store, k = stores[0], self.loop.k
        across = [self.loop.called(line, g=f"{cross}[{k}]", z=f"{curves}[{k}]") for line in store.backward]
        row = k if not crosses else f"{crosses} + {k}"
        both = [self.loop.called(line, d=f"{curves}[{row}]", h=f"{gram}[{k}]", t=scratch) for line in store.gram]
        lines = [f"for {k} in {self.loop.range}({crosses}):", *indented(across)] if crosses else []
        if grams:
            lines += [self.loop.called(line) for line in store.before]
            lines += [f"for {k} in {self.loop.range}({grams}):", *indented(both)]
        return lines


def assigned(names: list[str], values: Iterable[str], each: int = 8) -> list[str]:
    """a, b, c = 1, 2, 3: so many on a line."""
    told = list(values)
    return [f"{', '.join(names[k : k + each])} = {', '.join(told[k : k + each])}" for k in range(0, len(names), each)]


def wrapped(start: str, terms: list[str]) -> list[str]:
    """A sum, eight terms on a line."""
    first, *more = (" + ".join(terms[k : k + 8]) for k in range(0, len(terms), 8))
    if not more:
        return [start + first]
    return [f"{start}({first}", *(f"    + {line}" for line in more[:-1]), f"    + {more[-1]})"]


def zeros(names: list[str]) -> list[str]:
    return [f"{' = '.join(names[k : k + 8])} = 0.0" for k in range(0, len(names), 8)]
