"""The fused program: one read of the data per gradient, written for Numba to compile.

A block of rows is small enough to stay in the cache. Over each block: the linear maps' results, the loss and its derivatives row
by row in one loop without branches, the transposes of the maps and, on request, the curvature of the maps' weights; so features
are read from memory once. Where features are few their maps and the transposes are lines of that loop, and a row is not left
before all is done with it. The program adds up; the mean is taken of its sums.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import NamedTuple

from ..expression.graph import CONST, INPUT, Node, Value
from ..expression.op import ATOM, Form, Shape
from ..expression.ops import OPS
from ..expression.writing import write
from .core import Core, Map
from .example import Curve, Example, example
from .program import Listing, Names, NotWritable
from .stores import Inline, Name, Store, indented, plus
from .unrolled import NotUnrolled

ROWS, LEAST = 512, 64  # of a block, at the most and at the least
PITCH = ROWS + 8  # of buffers of blocks: rows that begin a power of two apart would share few places in the cache
BLOCK = 1 << 16  # features in a block: half a megabyte, which stays in the cache between the two halves of a map
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


@dataclass(frozen=True)
class Fused:
    """A fused program and how it is called: source of a function of (lo, hi, numbers, maps, slopes, sums, *per map
    (weights, derivatives, *columns), *data) and, with second derivatives, (scratch, curves, crosses, gram)."""

    source: str
    name: str
    maps: tuple[Map, ...]
    small: tuple[tuple[str, Shape], ...]  # the parameters outside maps, raveled one after the other in `numbers`
    data: tuple[str, ...]  # the data outside maps, in the order of the arguments
    sums: tuple[int, ...]  # where the value, then each number of `small`, then each of `corners`, stands in `sums`
    count: int  # sums that differ
    buffers: int  # numbers of a row that `maps` and `slopes` hold
    corners: tuple[Curve, ...] = ()  # second derivatives by two small parameters
    crosses: tuple[Curve, ...] = ()  # by what a map gives and a small parameter
    grams: tuple[Curve, ...] = ()  # by what maps give, both


def write_fused(
    core: Core, data: frozenset[str], stores: Mapping[str, Callable[[Name], Store]], kernels: Mapping[str, str],
    second: bool = False,
) -> Fused:
    """The program of a core; `stores` says for the data in maps how they are stored, `kernels` which module has
    a function. Raises NotWritable."""
    results = {m.result for m in core.maps}
    small = tuple((n, core.sizes[n]) for n in core.graph.inputs if n not in data and n not in results)
    if second and len({m.data for m in core.maps}) > 1:
        raise NotWritable("second derivatives are written for linear maps of the same features")
    try:
        one = example(core, (*(m.result for m in core.maps), *(n for n, _ in small)), second)
    except NotUnrolled as why:
        raise NotWritable(str(why)) from None
    return Writer(core, data, one, small, kernels).fused(stores, second)


class Writer:
    def __init__(
        self, core: Core, data: frozenset[str], one: Example, small: tuple[tuple[str, Shape], ...], kernels: Mapping[str, str]
    ) -> None:
        self.core, self.one, self.small, self.kernels = core, one, small, kernels
        self.nodes, count = one.nodes, len(one.nodes)
        self.listing = Listing(one.nodes, [()] * count, [True] * count, one.value, {}, [], {}, (), (), core.graph.output)
        self.names: Names = self.listing.names
        self.range = self.names.function("builtins", "range")
        self.lo, self.hi, self.at, self.n, self.i, self.k = map(self.names.fresh, ("lo", "hi", "at", "n", "i", "k"))
        self.numbers, self.maps, self.slopes, self.sums = map(self.names.fresh, ("numbers", "maps", "slopes", "sums"))
        self.vectors: dict[str, str] = {}
        self.columns = {n: self.names.fresh(f"{n}_column") for n in core.graph.inputs if n in data}

    def function(self, name: str) -> str:
        return self.names.function(f"{__package__}.{self.kernels[name]}", name)

    def fused(self, stores: Mapping[str, Callable[[Name], Store]], second: bool) -> Fused:
        results = {m.result for m in self.core.maps}
        grams = tuple(c for c in self.one.curves if c.a.name in results and c.b.name in results)
        crosses = tuple(c for c in self.one.curves if c.a.name in results and c.b.name not in results)
        corners = tuple(c for c in self.one.curves if c.a.name not in results)
        arguments = [self.lo, self.hi, self.numbers, self.maps, self.slopes, self.sums]
        lines, told = self.linear(stores, arguments)
        arguments += self.columns.values()
        stored, more = list[str](), list[str]()
        if second:
            scratch, curves, cross, gram = map(self.names.fresh, ("scratch", "curves", "cross", "gram"))
            arguments += [scratch, curves, cross, gram]
            flat = self.flat(curves, lines)
            stored = [f"{flat}[{plus(PITCH * row, self.i)}] = {{{row}}}" for row in range(len(crosses) + len(grams))]
            more = self.curvature(told, len(crosses), len(grams), scratch, curves, cross, gram)
            lines.width = max([lines.width, *(m.width for m, store in zip(self.core.maps, told) if store.inline)])
        kept: list[int | None] = [self.one.value, *(k for n, _ in self.small for k in self.one.d[n]), *(c.node for c in corners)]
        distinct = list(dict.fromkeys(kept))
        sums = [self.names.fresh("sum_" + (self.nodes[k].name if k is not None and self.nodes[k].name else str(row)))
                for row, k in enumerate(distinct)]
        loads = self.loads(lines)
        body = self.body(list(zip(distinct, sums)), lines, [c.node for c in (*crosses, *grams)], stored)
        rows = ROWS
        while rows > LEAST and rows * lines.width > BLOCK:
            rows //= 2
        program = [
            f"{self.function('wide')}()  # the longest vectors there are",
            *self.constants(),
            *lines.whole,
            f"for {self.at} in {self.range}({self.lo}, {self.hi}, {rows}):",
            *indented([
                f"{self.n} = {rows} if {self.hi} - {self.at} > {rows} else {self.hi} - {self.at}",
                *lines.before,
                *zeros(sums),
                f"for {self.i} in {self.range}({self.n}):",
                *indented([*lines.loads, *loads, *body]),
                *(f"{self.sums}[{row}] += {name}" for row, name in enumerate(sums)),
                *lines.after,
                *more,
            ]),
        ]
        name = self.names.fresh(f"{self.core.graph.output}_of_rows")
        head = f"def {name}({', '.join(arguments)}):"
        source = "\n".join([*self.names.import_lines(), "", "", head, *indented(program), ""])
        where = tuple(distinct.index(k) for k in kept)
        return Fused(source, name, self.core.maps, self.small, tuple(self.columns), where, len(distinct), lines.rows,
                     corners, crosses, grams)

    def linear(self, stores: Mapping[str, Callable[[Name], Store]], arguments: list[str]) -> tuple[Lines, list[Store]]:
        """The lines of the linear maps; adds to the program's arguments."""
        lines, told = Lines(), dict[str, Store]()
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
                self.written_out(store.inline, maps, width, lines)
            else:
                self.by_block(store, maps, results, lines)
        return lines, list(told.values())

    def naming(self, data: str) -> Name:
        return lambda part: self.names.fresh(f"{data}_{part}" if part else data)

    def written_out(self, inline: Inline, maps: list[Weights], width: int, lines: Lines) -> None:
        """Maps of few features: a line for each result, and one for each of its weights' derivatives."""
        name = maps[0].map.data
        told = {"i": self.i, "width": width}
        each = "{j}" in inline.part
        parts = [self.names.fresh(f"{name}_{j}_block" if each else f"{name}_block") for j in range(width if each else width > 0)]
        x = [self.names.fresh(f"{name}_{j}") for j in range(width)]
        lines.before += [self.called(inline.part, part=part, j=str(j)) for j, part in enumerate(parts)]
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
                slope, added = self.one.d[m.result][row], self.function("added")
                lines.slopes += [(slope, f"{a} = {added}({a}, {{}} * {b})") for a, b in zip(gs, x)]
                add_each = self.function("add_each") if gs else ""
                lines.after += [f"{add_each}({g}, {row}, {j}, ({', '.join(gs[j : j + 8])},))" for j in range(0, width, 8)]

    def by_block(self, store: Store, maps: list[Weights], results: int, lines: Lines) -> None:
        """Maps by kernels that run over a block, before and after the loop over its rows."""
        width, turned = maps[0].map.width, ""
        lines.width += width if store.inline else 0
        lines.before += [self.called(line) for line in store.views]
        if store.turn and results >= SEVERAL:
            turned = self.names.fresh(f"{maps[0].map.data}_columns")
            lines.before += [f"{turned} = {self.maps}[{lines.rows}:{lines.rows + width}]", self.called(store.turn, block=turned)]
            lines.rows += width
            lines.width += (TURNED - 1) * width
        for one in maps:
            first, count = lines.rows, len(one.results)
            if turned:
                rows = f"[{first}:{first + count}]"
                lines.before.append(self.called(f"dot_block({turned}, {one.w}, {self.maps}{rows}, {{n}})"))
                lines.after.append(self.called(f"add_block({turned}, {self.slopes}{rows}, {one.g}, {{n}})"))
            else:
                lines.before += self.halves(store.forward, one, self.maps, first)
                lines.after += self.halves(store.backward, one, self.slopes, first)
            z, d = self.flat(self.maps, lines), self.flat(self.slopes, lines)
            for at, k in enumerate(one.results):
                place = plus(PITCH * (first + at), self.i)
                lines.loads.append(f"{self.listing.name(k)} = {z}[{place}]")
                lines.slopes.append((self.one.d[one.map.result][at], f"{d}[{place}] = {{}}"))
            lines.rows += count

    def flat(self, buffer: str, lines: Lines) -> str:
        """A buffer's rows as one vector. They begin a known distance apart: the compiler need not ask whether they overlap."""
        if buffer not in self.vectors:
            self.vectors[buffer], rows = self.names.fresh(f"all_{buffer}"), f"{self.names.function('builtins', 'len')}({buffer})"
            lines.whole.append(f"{self.vectors[buffer]} = {self.function('flat_rows')}({buffer}, 0, {rows})")
        return self.vectors[buffer]

    def halves(self, half: tuple[str, ...], one: Weights, buffer: str, first: int) -> list[str]:
        """The lines of a store for each result of a map, which stands in the buffer from row `first` on."""
        count = len(one.results)
        row = str(first) if count == 1 else (self.k if first == 0 else f"{first} + {self.k}")
        which = "0" if count == 1 else self.k
        lines = [self.called(line, w=f"{one.w}[{which}]", g=f"{one.g}[{which}]", z=f"{buffer}[{row}]") for line in half]
        return lines if count == 1 else [f"for {self.k} in {self.range}({count}):", *indented(lines)]

    def curvature(
        self, stores: list[Store], crosses: int, grams: int, scratch: str, curves: str, cross: str, gram: str
    ) -> list[str]:
        """The lines that add up Σ d·x for a map's result with a small parameter, and Σ d·x·xᵀ for two results."""
        if not stores:
            return []
        store, k = stores[0], self.k
        across = [self.called(line, g=f"{cross}[{k}]", z=f"{curves}[{k}]") for line in store.backward]
        row = k if not crosses else f"{crosses} + {k}"
        both = [self.called(line, d=f"{curves}[{row}]", h=f"{gram}[{k}]", t=scratch) for line in store.gram]
        lines = [f"for {k} in {self.range}({crosses}):", *indented(across)] if crosses else []
        if grams:
            lines += [self.called(line) for line in store.before]
            lines += [f"for {k} in {self.range}({grams}):", *indented(both)]
        return lines

    def called(self, line: str, **names: str) -> str:
        """A line of a store with what it calls imported: dot_rows(…)."""
        def imported(name: str) -> str:
            return self.function(name) if name in self.kernels else self.names.function("builtins", name)

        line = re.sub(r"\b(\w+)\(", lambda call: f"{imported(call[1])}(", line)
        return line.format(**names, at=self.at, n=self.n)

    def constants(self) -> list[str]:
        """The parameters outside maps: the same for all rows."""
        places = [k for name, _ in self.small for k in self.one.inputs[name]]
        return [f"{self.listing.name(k)} = {self.numbers}[{at}]" for at, k in enumerate(places)]

    def loads(self, lines: Lines) -> list[str]:
        """The lines that read of a row the data outside maps."""
        used = {k for node in self.nodes for k in node.operands} | {self.one.value}
        found = []
        for name, column in self.columns.items():
            vector = bool(self.core.sizes[name])
            block = column if vector else self.names.fresh(f"{name}_block")
            if not vector:
                lines.before.append(f"{block} = {column}[{self.at}:{self.at} + {self.n}]")
            for j, k in enumerate(self.one.inputs[name]):
                place = f"{self.at} + {self.i}, {j}" if vector else self.i
                if k in used:  # 1.0 · makes it a float, whatever it is stored as
                    found.append(f"{self.listing.name(k)} = 1.0 * {block}[{place}]")
        return found

    def body(self, kept: list[tuple[int | None, str]], maps: Lines, curved: list[int], stored: list[str]) -> list[str]:
        """The lines of one row: named nodes, the sums of what is kept, the maps' slopes, the second derivatives."""
        wanted = {k for k in (*(k for k, _ in kept), *(k for k, _ in maps.slopes), *curved) if k is not None}
        alone = self.listing.alone(self.repeated)
        stands = {i for i in range(len(self.nodes)) if alone(i)} | {k for k in wanted if self.nodes[k].op not in (INPUT, CONST)}
        needed = self.needed(wanted)
        for node in (k for k in sorted(stands) if k in needed):
            self.listing.name(node)
        written = write(self.nodes, lambda k: k in stands, self.listing.name, self.form, spell_float)
        lines = [f"{self.listing.name(k)} = {text}" for k, text in written.items() if k in needed]
        lines += [f"{name} = {self.function('added')}({name}, {self.answer(k)})" for k, name in kept]
        lines += [line.format(self.answer(k)) for k, line in maps.slopes]
        answers = [self.answer(k) for k in curved]
        return lines + [line.format(*answers) for line in stored]

    def answer(self, k: int | None) -> str:
        if k is None:
            return "0.0"
        return spell_float(self.nodes[k].value) if self.nodes[k].op == CONST else self.listing.name(k)

    def needed(self, wanted: set[int]) -> set[int]:
        found, stack = set(wanted), list(wanted)
        while stack:
            for k in self.nodes[stack.pop()].operands:
                if k not in found:
                    found.add(k)
                    stack.append(k)
        return found

    def repeated(self, i: int, node: Node) -> list[int]:
        template = self.form(i, node).template
        assert isinstance(template, str)
        return [k for position, k in enumerate(node.operands) if template.count(f"{{{position}}}") > 1]

    def form(self, i: int, node: Node) -> Form:
        """An operator, a kernel, or a function of `math` that Numba knows."""
        op, last = OPS[node.op], self.nodes[node.operands[-1]].value
        if last in op.by_last:
            return op.by_last[last]
        if op.name in self.kernels:
            return Form(f"{self.function(op.name)}({', '.join(['{}'] * op.arity)})", (0,) * op.arity, ATOM)
        if op.text and not op.floats:
            return Form(op.text, op.sides, op.binds)
        if op.loop:
            return Form(op.loop, (0,) * op.arity, ATOM)
        name, bracket, _ = op.floats.partition("(")
        if not bracket:
            raise NotWritable(f"{op.name} has no compiled form")
        function = self.names.function("builtins" if name == "abs" else "math", name)
        return Form(f"{function}({', '.join(['{}'] * op.arity)})", (0,) * op.arity, ATOM)


def spell_float(value: Value | None) -> str:
    """A constant that is a float for the compiler too."""
    assert isinstance(value, float)
    return repr(value) if isfinite(value) else ("1e999" if value > 0 else "-1e999")


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
