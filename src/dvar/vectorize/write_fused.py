"""The fused program: one read of the data per gradient, written for Numba to compile.

A block of rows is small enough to stay in the cache. Over each block: the linear maps' results, the loss and its derivatives row
by row in one loop without branches, the transposes of the maps and, on request, the curvature of the maps' weights; so features
are read from memory once. The program adds up; the mean is taken of its sums.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isfinite
from types import ModuleType

from ..expression.graph import CONST, INPUT, Node, Value
from ..expression.op import ATOM, PRODUCT, Form, Shape
from ..expression.ops import OPS
from ..expression.writing import write
from .core import Core, Map
from .example import Curve, Example, example
from .program import Listing, Names
from .unrolled import NotUnrolled

ROWS = 512  # of a block: with them the two halves of a linear map of a thousand features share the second-level cache


class NotWritable(Exception):
    """Why a loss has no fused program, as a sentence."""


@dataclass(frozen=True)
class Store:
    """How the features of one map are stored: the arguments they are passed as, and lines: the two halves of the map, with its
    weights {w}, derivatives {g} and a block's row {z} of results or slopes; and the sum Σ d·x·xᵀ in {h} for a row {d} of
    second derivatives, with scratch {t}, after the lines in `before`."""

    arguments: tuple[str, ...]
    forward: tuple[str, ...]
    backward: tuple[str, ...]
    before: tuple[str, ...]
    gram: tuple[str, ...]


@dataclass(frozen=True)
class Fused:
    """A fused program and how it is called: source of a function of (lo, hi, numbers, maps, slopes, rows, sums, *per map
    (weights, derivatives, *columns), *data) and, with second derivatives, (scratch, curves, crosses, gram)."""

    source: str
    name: str
    maps: tuple[Map, ...]
    small: tuple[tuple[str, Shape], ...]  # the parameters outside maps, raveled one after the other in `numbers`
    data: tuple[str, ...]  # the data outside maps, in the order of the arguments
    sums: tuple[int, ...]  # where the value, then each number of `small`, then each of `corners`, stands in `sums`
    rows: int  # sums that differ
    results: int  # numbers that the maps give
    corners: tuple[Curve, ...] = ()  # second derivatives by two small parameters
    crosses: tuple[Curve, ...] = ()  # by what a map gives and a small parameter
    grams: tuple[Curve, ...] = ()  # by what maps give, both


def write_fused(
    core: Core, data: frozenset[str], stores: Mapping[str, Callable[[str], Store]], kernels: ModuleType, second: bool = False
) -> Fused:
    """The program of a core; `stores` says for the data in maps how they are stored. Raises NotWritable."""
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
        self, core: Core, data: frozenset[str], one: Example, small: tuple[tuple[str, Shape], ...], kernels: ModuleType
    ) -> None:
        self.core, self.one, self.small, self.kernels = core, one, small, kernels
        self.nodes, count = one.nodes, len(one.nodes)
        self.listing = Listing(one.nodes, [()] * count, [True] * count, one.value, {}, [], {}, (), (), core.graph.output)
        self.names: Names = self.listing.names
        self.range, self.min = (self.names.function("builtins", name) for name in ("range", "min"))
        self.lo, self.hi, self.at, self.n, self.i, self.k = map(self.names.fresh, ("lo", "hi", "at", "n", "i", "k"))
        self.numbers, self.maps, self.slopes, self.rows, self.sums = map(
            self.names.fresh, ("numbers", "maps", "slopes", "rows", "sums"))
        self.columns = {n: self.names.fresh(f"{n}_column") for n in core.graph.inputs if n in data}
        self.results = [(m.result, at) for m in core.maps for at in range(len(one.inputs[m.result]))]

    def function(self, name: str) -> str:
        return self.names.function(self.kernels.__name__, name)

    def fused(self, stores: Mapping[str, Callable[[str], Store]], second: bool) -> Fused:
        results = {m.result for m in self.core.maps}
        grams = tuple(c for c in self.one.curves if c.a.name in results and c.b.name in results)
        crosses = tuple(c for c in self.one.curves if c.a.name in results and c.b.name not in results)
        corners = tuple(c for c in self.one.curves if c.a.name not in results)
        arguments = [self.lo, self.hi, self.numbers, self.maps, self.slopes, self.rows, self.sums]
        forward, backward, told = self.halves(stores, arguments)
        arguments += self.columns.values()
        stored, more = list[str](), list[str]()
        if second:
            scratch, curves, cross, gram = map(self.names.fresh, ("scratch", "curves", "cross", "gram"))
            arguments += [scratch, curves, cross, gram]
            stored = [f"{curves}[{row}, {self.i}] = {{{row}}}" for row in range(len(crosses) + len(grams))]
            more = self.curvature(told, len(crosses), len(grams), scratch, curves, cross, gram)
        kept: list[int | None] = [self.one.value, *(k for n, _ in self.small for k in self.one.d[n]), *(c.node for c in corners)]
        distinct = list(dict.fromkeys(kept))
        body = self.body(distinct, [c.node for c in (*crosses, *grams)], stored)
        total = self.function("total")
        lines = [
            *self.constants(),
            f"for {self.at} in {self.range}({self.lo}, {self.hi}, {ROWS}):",
            *indented([
                f"{self.n} = {self.min}({ROWS}, {self.hi} - {self.at})",
                *forward,
                f"for {self.i} in {self.range}({self.n}):",
                *indented([*self.loads(), *body]),
                *(f"{self.sums}[{row}] += {total}({self.rows}[{row}], {self.n})" for row in range(len(distinct))),
                *backward,
                *more,
            ]),
        ]
        name = self.names.fresh(f"{self.core.graph.output}_of_rows")
        head = f"def {name}({', '.join(arguments)}):"
        source = "\n".join([*self.names.import_lines(), "", "", head, *indented(lines), ""])
        where = tuple(distinct.index(k) for k in kept)
        return Fused(source, name, self.core.maps, self.small, tuple(self.columns), where, len(distinct), len(self.results),
                     corners, crosses, grams)

    def halves(
        self, stores: Mapping[str, Callable[[str], Store]], arguments: list[str]
    ) -> tuple[list[str], list[str], list[Store]]:
        """The lines of the linear maps before and after the loop over rows; adds to the program's arguments."""
        forward: list[str] = []
        backward: list[str] = []
        told: list[Store] = []
        first = 0
        for m in self.core.maps:
            w, g = self.names.fresh(m.parameter), self.names.fresh("d" + m.parameter)
            store = stores[m.data](self.names.fresh(m.data))
            told.append(store)
            arguments += [w, g, *store.arguments]
            count = len(self.one.inputs[m.result])
            row = str(first) if count == 1 else (self.k if first == 0 else f"{first} + {self.k}")
            which = "0" if count == 1 else self.k
            for halves, buffer, block in ((store.forward, self.maps, forward), (store.backward, self.slopes, backward)):
                block += self.repeated_for(count, [
                    self.called(line, w=f"{w}[{which}]", g=f"{g}[{which}]", z=f"{buffer}[{row}]") for line in halves])
            first += count
        return forward, backward, told

    def repeated_for(self, count: int, lines: list[str]) -> list[str]:
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
        """A line of a store with its kernel imported: dot_rows(…)."""
        kernel, bracket, rest = line.partition("(")
        target, equals, kernel = kernel.rpartition("= ")
        return f"{target}{equals}{self.function(kernel)}{bracket}{rest}".format(**names, at=self.at, n=self.n)

    def constants(self) -> list[str]:
        """The parameters outside maps: the same for all rows."""
        places = [k for name, _ in self.small for k in self.one.inputs[name]]
        return [f"{self.listing.name(k)} = {self.numbers}[{at}]" for at, k in enumerate(places)]

    def loads(self) -> list[str]:
        """The lines that read a row: what the maps give, and the data that are numbers."""
        used = {k for node in self.nodes for k in node.operands} | {self.one.value}
        lines = [f"{self.listing.name(self.one.inputs[name][at])} = {self.maps}[{row}, {self.i}]"
                 for row, (name, at) in enumerate(self.results)]
        for name, column in self.columns.items():
            for j, k in enumerate(self.one.inputs[name]):
                element = f", {j}" if self.core.sizes[name] else ""
                if k in used:  # 1.0 · makes it a float, whatever it is stored as
                    lines.append(f"{self.listing.name(k)} = 1.0 * {column}[{self.at} + {self.i}{element}]")
        return lines

    def body(self, kept: list[int | None], curved: list[int], stored: list[str]) -> list[str]:
        """The lines of one row: named nodes, what is kept of them, the maps' slopes, the second derivatives."""
        mapped = [self.one.d[name][at] for name, at in self.results]
        wanted = {k for k in (*kept, *mapped, *curved) if k is not None}
        alone = self.listing.alone(self.repeated)
        stands = {i for i in range(len(self.nodes)) if alone(i)} | {k for k in wanted if self.nodes[k].op not in (INPUT, CONST)}
        needed = self.needed(wanted)
        for node in (k for k in sorted(stands) if k in needed):
            self.listing.name(node)
        written = write(self.nodes, lambda k: k in stands, self.listing.name, self.form, spell_float)
        lines = [f"{self.listing.name(k)} = {text}" for k, text in written.items() if k in needed]
        lines += [f"{self.rows}[{row}, {self.i}] = {self.answer(k)}" for row, k in enumerate(kept)]
        lines += [f"{self.slopes}[{row}, {self.i}] = {self.answer(k)}" for row, k in enumerate(mapped)]
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
        op = OPS[node.op]
        if node.op == "power":
            return self.power(node)
        if hasattr(self.kernels, op.name):
            return Form(f"{self.function(op.name)}({', '.join(['{}'] * op.arity)})", (0,) * op.arity, ATOM)
        if op.text:
            return Form(op.text, op.sides, op.binds)
        if op.loop:
            return Form(op.loop, (0,) * op.arity, ATOM)
        name, bracket, _ = op.floats.partition("(")
        if not bracket:
            raise NotWritable(f"{op.name} has no compiled form")
        function = self.names.function("builtins" if name == "abs" else "math", name)
        return Form(f"{function}({', '.join(['{}'] * op.arity)})", (0,) * op.arity, ATOM)

    def power(self, node: Node) -> Form:
        exponent = self.nodes[node.operands[1]].value
        if exponent == 2.0:
            return Form("{0} * {0}", (ATOM, 0), PRODUCT)
        if exponent == 3.0:
            return Form("{0} * {0} * {0}", (ATOM, 0), PRODUCT)
        return Form(f"{self.names.function('math', 'pow')}({{}}, {{}})", (0, 0), ATOM)


def spell_float(value: Value | None) -> str:
    """A constant that is a float for the compiler too."""
    assert isinstance(value, float)
    return repr(value) if isfinite(value) else ("1e999" if value > 0 else "-1e999")


def indented(lines: list[str]) -> list[str]:
    return [f"    {line}" for line in lines]


def rows_store(name: str) -> Store:
    """Features (m, n) stored row by row."""
    return dense_store(name, "rows")


def columns_store(name: str) -> Store:
    """Features (m, n) stored column by column."""
    return dense_store(name, "columns")


def dense_store(name: str, by: str) -> Store:
    forward, backward = f"dot_{by}({name}, {{w}}, {{z}}, {{at}}, {{n}})", f"add_{by}({name}, {{z}}, {{g}}, {{at}}, {{n}})"
    scratch = "" if by == "rows" else "{t}, "
    return Store((name,), (forward,), (backward,), (), (f"gram_{by}({name}, {{d}}, {scratch}{{h}}, {{at}}, {{n}})",))
