"""The fused program: one read of the data per gradient, written for Numba to compile.

A block of rows is small enough to stay in the cache. Over each block: the linear maps' results, the loss and its derivatives row
by row in one loop without branches, the transposes of the maps and, on request, the curvature of the maps' weights; so features
are read from memory once. Where features are few their maps and the transposes are lines of that loop, and a row is not left
before all is done with it. The program adds up; the mean is taken of its sums.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isfinite

from ..expression.graph import CONST, INPUT, Node, Value
from ..expression.op import ATOM, Form, Shape
from ..expression.ops import OPS
from ..expression.writing import write
from .core import Core, Map
from .example import Curve, Example, example
from .program import Listing, Names, NotWritable
from .stores import Name, Store, indented, plus
from .unrolled import NotUnrolled
from .write_maps import PITCH, ROWS, Loop, MapWriter, zeros

LEAST = 64  # rows of a block, at the least
BLOCK = 1 << 16  # features in a block: half a megabyte, which stays in the cache between the two halves of a map


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
    core: Core, data: frozenset[str], stores: Mapping[str, Callable[[Name], Store]], kernels: Mapping[str, str], second: bool,
) -> Fused:
    """The program of a core; `stores` says for the data in maps how they are stored, `kernels` which module has
    a function. Raises NotWritable."""
    results = {m.result for m in core.maps}
    small = tuple((n, core.sizes[n]) for n in core.graph.inputs if n not in data and n not in results)
    if second and len({m.data for m in core.maps}) > 1:
        raise NotWritable("second derivatives are written for linear maps of the same features")
    if second and any(len(shape) > 1 for _, shape in small):
        raise NotWritable("second derivatives are written for numbers and vectors outside linear maps")
    try:
        one = example(core, (*(m.result for m in core.maps), *(n for n, _ in small)), second)
    except NotUnrolled as why:
        raise NotWritable(str(why)) from None
    return Writer(core, data, one, small, kernels).fused(stores, second)


class Writer:
    def __init__(
        self, core: Core, data: frozenset[str], one: Example, small: tuple[tuple[str, Shape], ...], kernels: Mapping[str, str]
    ) -> None:
        self.core, self.one, self.small = core, one, small
        self.nodes, count = one.nodes, len(one.nodes)
        self.listing = Listing(one.nodes, [()] * count, [True] * count, one.value, {}, [], {}, (), (), core.graph.output)
        self.names: Names = self.listing.names
        self.loop = Loop(self.names, kernels)
        self.numbers, maps, slopes, self.sums = map(self.names.fresh, ("numbers", "maps", "slopes", "sums"))
        self.maps = MapWriter(core, one, self.listing, self.loop, maps, slopes)
        self.columns = {n: self.names.fresh(f"{n}_column") for n in core.graph.inputs if n in data}

    def fused(self, stores: Mapping[str, Callable[[Name], Store]], second: bool) -> Fused:
        results = {m.result for m in self.core.maps}
        grams = tuple(c for c in self.one.curves if c.a.name in results and c.b.name in results)
        crosses = tuple(c for c in self.one.curves if c.a.name in results and c.b.name not in results)
        corners = tuple(c for c in self.one.curves if c.a.name not in results)
        loop, maps, lines = self.loop, self.maps, self.maps.lines
        arguments = [loop.lo, loop.hi, self.numbers, maps.maps, maps.slopes, self.sums]
        told = maps.write(stores, arguments)
        arguments += self.columns.values()
        stored, more = list[str](), list[str]()
        if second:
            scratch, curves, cross, gram = map(self.names.fresh, ("scratch", "curves", "cross", "gram"))
            arguments += [scratch, curves, cross, gram]
            flat = maps.flat(curves)
            stored = [f"{flat}[{plus(PITCH * row, loop.i)}] = {{{row}}}" for row in range(len(crosses) + len(grams))]
            more = maps.curvature(told, len(crosses), len(grams), scratch, curves, cross, gram)
        kept: list[int | None] = [self.one.value, *(k for n, _ in self.small for k in self.one.d[n]), *(c.node for c in corners)]
        distinct = list(dict.fromkeys(kept))
        sums = [self.names.fresh("sum_" + (self.nodes[k].name if k is not None and self.nodes[k].name else str(row)))
                for row, k in enumerate(distinct)]
        loads = self.loads()
        body = self.body(list(zip(distinct, sums)), [c.node for c in (*crosses, *grams)], stored)
        rows = ROWS
        while rows > LEAST and rows * lines.width > BLOCK:
            rows //= 2
        program = [
            f"{loop.function('wide')}()  # the longest vectors there are",
            *self.constants(),
            *lines.whole,
            f"for {loop.at} in {loop.range}({loop.lo}, {loop.hi}, {rows}):",
            *indented([
                f"{loop.n} = {rows} if {loop.hi} - {loop.at} > {rows} else {loop.hi} - {loop.at}",
                *lines.before,
                *zeros(sums),
                f"for {loop.i} in {loop.range}({loop.n}):",
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

    def constants(self) -> list[str]:
        """The parameters outside maps: the same for all rows."""
        places = [k for name, _ in self.small for k in self.one.inputs[name]]
        return [f"{self.listing.name(k)} = {self.numbers}[{at}]" for at, k in enumerate(places)]

    def loads(self) -> list[str]:
        """The lines that read of a row the data outside maps."""
        used = {k for node in self.nodes for k in node.operands} | {self.one.value}
        found = []
        for name, column in self.columns.items():
            vector = bool(self.core.sizes[name])
            block = column if vector else self.names.fresh(f"{name}_block")
            if not vector:
                self.maps.lines.before.append(f"{block} = {column}[{self.loop.at}:{self.loop.at} + {self.loop.n}]")
            for j, k in enumerate(self.one.inputs[name]):
                place = f"{self.loop.at} + {self.loop.i}, {j}" if vector else self.loop.i
                if k in used:  # 1.0 · makes it a float, whatever it is stored as
                    found.append(f"{self.listing.name(k)} = 1.0 * {block}[{place}]")
        return found

    def body(self, kept: list[tuple[int | None, str]], curved: list[int], stored: list[str]) -> list[str]:
        """The lines of one row: named nodes, the sums of what is kept, the maps' slopes, the second derivatives."""
        wanted = {k for k in (*(k for k, _ in kept), *(k for k, _ in self.maps.lines.slopes), *curved) if k is not None}
        alone = self.listing.alone(self.repeated)
        stands = {i for i in range(len(self.nodes)) if alone(i)} | {k for k in wanted if self.nodes[k].op not in (INPUT, CONST)}
        needed = self.needed(wanted)
        for node in (k for k in sorted(stands) if k in needed):
            self.listing.name(node)
        written = write(self.nodes, lambda k: k in stands, self.listing.name, self.form, spell_float)
        lines = [f"{self.listing.name(k)} = {text}" for k, text in written.items() if k in needed]
        lines += [f"{name} = {self.loop.function('added')}({name}, {self.answer(k)})" for k, name in kept]
        lines += [line.format(self.answer(k)) for k, line in self.maps.lines.slopes]
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
        """An operator, a kernel, be it one for this number as the first operand, or a function of `math` that Numba knows."""
        op, first, last = OPS[node.op], self.nodes[node.operands[0]].value, self.nodes[node.operands[-1]].value
        if last in op.by_last:
            return op.by_last[last]
        if op.name in self.loop.kernels:
            return Form(f"{self.loop.function(op.name)}({', '.join(['{}'] * op.arity)})", (0,) * op.arity, ATOM)
        if isinstance(first, float) and (kernel := f"{op.name}_{first:g}") in self.loop.kernels:
            return Form(f"{self.loop.function(kernel)}({{1}})", (0,) * op.arity, ATOM)
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
