"""The fused program: one read of the data per gradient, written for Numba to compile.

A block of rows is small enough to stay in the cache. Over each block: the linear maps' results, the loss and its derivatives row
by row in one loop without branches, the transposes of the maps; so features are read from memory once. The program adds up;
the mean is taken of its sums.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isfinite
from types import ModuleType

from ..derive.derivation import Derivation, derive, run_names
from ..expression.graph import CONST, INPUT, Node, Value
from ..expression.op import ATOM, Form, Shape
from ..expression.ops import OPS
from ..expression.writing import write
from .core import Core, Map
from .program import Listing, Names
from .unrolled import Numbers, TooMany, unrolled

ROWS = 512  # of a block: with them the two halves of a linear map of a thousand features share the second-level cache


class NotWritable(Exception):
    """Why a loss has no fused program, as a sentence."""


@dataclass(frozen=True)
class Fused:
    """A fused program and how it is called: source of a function of
    (lo, hi, numbers, maps, slopes, rows, sums, *per map (weights, derivatives, *columns), *data)."""

    source: str
    name: str
    maps: tuple[Map, ...]
    small: tuple[tuple[str, Shape], ...]  # the parameters outside maps, raveled one after the other in `numbers`
    data: tuple[str, ...]  # the data outside maps, in the order of the arguments
    sums: tuple[int, ...]  # where the value, then each number of `small`, stands in `sums`
    rows: int  # sums that differ
    results: int  # numbers that the maps give


@dataclass(frozen=True)
class Store:
    """How the features of one map are stored: the arguments they are passed as and the two halves of the map, as lines with the
    map's weights {w}, derivatives {g}, and a block's row {z} of results or slopes."""

    arguments: tuple[str, ...]
    forward: tuple[str, ...]
    backward: tuple[str, ...]


def write_fused(core: Core, data: frozenset[str], stores: Mapping[str, Callable[[str], Store]], kernels: ModuleType) -> Fused:
    """The program of a core; `stores` says for the data in maps how they are stored. Raises NotWritable."""
    derivation = derive(core.graph, tuple(core.sizes[n] for n in core.graph.inputs))
    index = {n.name: i for i, n in enumerate(core.graph.nodes) if n.op == INPUT}
    small = tuple((n, core.sizes[n]) for n in core.graph.inputs if n not in data and n not in {m.result for m in core.maps})
    wanted = [*(m.result for m in core.maps), *(n for n, _ in small)]
    roots = [derivation.value[-1], *(derivation.d[index[n]] for n in wanted if index[n] in derivation.d)]
    try:
        numbers, place = unrolled(derivation.run, roots)
    except TooMany:
        raise NotWritable("its vectors are too long to be written out number by number") from None
    return Writer(core, data, derivation, numbers, place, kernels).fused(small, stores)


class Writer:
    def __init__(
        self,
        core: Core,
        data: frozenset[str],
        derivation: Derivation,
        numbers: Numbers,
        place: dict[int, list[int]],
        kernels: ModuleType,
    ) -> None:
        self.core, self.data, self.derivation, self.place, self.kernels = core, data, derivation, place, kernels
        self.nodes = self.named(numbers.tape.nodes)
        self.index = {n.name: i for i, n in enumerate(derivation.run.nodes) if n.op == INPUT}
        value, count = place[derivation.value[-1]][0], len(self.nodes)
        self.listing = Listing(self.nodes, [()] * count, [True] * count, value, {}, [], {}, (), (), core.graph.output)
        self.names: Names = self.listing.names
        self.range, self.min = (self.names.function("builtins", name) for name in ("range", "min"))

    def named(self, nodes: list[Node]) -> list[Node]:
        """The scalars under the names of the graph: z, or z_0, z_1 where it is a vector; the inputs too."""
        told = {k: name for k, name in run_names(self.derivation).items() if k in self.place}
        told |= {i: n.name for i, n in enumerate(self.derivation.run.nodes) if n.op == INPUT}
        names: dict[int, str] = {}
        for i, name in told.items():
            for at, k in enumerate(self.place[i]):
                names.setdefault(k, name if len(self.place[i]) == 1 else f"{name}_{at}")
        return [n._replace(name=names.get(k, "")) if n.op != CONST else n for k, n in enumerate(nodes)]

    def function(self, name: str) -> str:
        return self.names.function(self.kernels.__name__, name)

    def fused(self, small: tuple[tuple[str, Shape], ...], stores: Mapping[str, Callable[[str], Store]]) -> Fused:
        fresh = self.names.fresh
        lo, hi, at, n, i, k = (fresh(v) for v in ("lo", "hi", "at", "n", "i", "k"))
        numbers, maps, slopes, rows, sums = (fresh(v) for v in ("numbers", "maps", "slopes", "rows", "sums"))
        loads, before = self.loads(small, numbers, maps, at, i)
        results = sum(len(self.place[self.index[m.result]]) for m in self.core.maps)
        arguments = [lo, hi, numbers, maps, slopes, rows, sums]
        forward: list[str] = []
        backward: list[str] = []
        first = 0
        for m in self.core.maps:
            w, g = fresh(m.parameter), fresh("d" + m.parameter)
            store = stores[m.data](fresh(m.data))
            count = len(self.place[self.index[m.result]])
            arguments += [w, g, *store.arguments]
            for halves, buffer, block in ((store.forward, maps, forward), (store.backward, slopes, backward)):
                row = str(first) if count == 1 else (k if first == 0 else f"{first} + {k}")
                which = "0" if count == 1 else k
                told = [self.called(line).format(w=f"{w}[{which}]", g=f"{g}[{which}]", z=f"{buffer}[{row}]", at=at, n=n)
                        for line in halves]
                block += told if count == 1 else [f"for {k} in {self.range}({count}):", *(f"    {line}" for line in told)]
            first += count
        data = tuple(name for name in self.core.graph.inputs if name in self.data)
        arguments += [self.data_name(name) for name in data]
        body, stored = self.body(small, slopes, rows, i)
        total = self.function("total")
        lines = [
            *before,
            f"for {at} in {self.range}({lo}, {hi}, {ROWS}):",
            *indented([
                f"{n} = {self.min}({ROWS}, {hi} - {at})",
                *forward,
                f"for {i} in {self.range}({n}):",
                *indented([*loads, *body]),
                *(f"{sums}[{row}] += {total}({rows}[{row}], {n})" for row in range(len(set(stored)))),
                *backward,
            ]),
        ]
        name = fresh(f"{self.core.graph.output}_of_rows")
        head = f"def {name}({', '.join(arguments)}):"
        source = "\n".join([*self.names.import_lines(), "", "", head, *indented(lines), ""])
        return Fused(source, name, self.core.maps, small, data, tuple(stored), len(set(stored)), results)

    def called(self, line: str) -> str:
        """A line of a store with its kernel imported: dot_rows(…)."""
        kernel, bracket, rest = line.partition("(")
        target, equals, kernel = kernel.rpartition("= ")
        return f"{target}{equals}{self.function(kernel)}{bracket}{rest}"

    def data_name(self, name: str) -> str:
        if not hasattr(self, "_data"):
            self._data: dict[str, str] = {}
        if name not in self._data:
            self._data[name] = self.names.fresh(f"{name}_column")
        return self._data[name]

    def loads(
        self, small: tuple[tuple[str, Shape], ...], numbers: str, maps: str, at: str, i: str
    ) -> tuple[list[str], list[str]]:
        """Lines that read a row's inputs, and, before the loop, those that are the same for all rows."""
        loads, before, used = [], [], {k for node in self.nodes for k in node.operands} | {self.listing.value}
        count = first = 0
        for name, _ in small:
            for k in self.place[self.index[name]]:
                before.append(f"{self.listing.name(k)} = {numbers}[{count}]")
                count += 1
        for m in self.core.maps:
            for k in self.place[self.index[m.result]]:
                loads.append(f"{self.listing.name(k)} = {maps}[{first}, {i}]")
                first += 1
        for name in self.core.graph.inputs:
            if name in self.data:
                places = self.place[self.index[name]]
                for j, k in enumerate(places):
                    element = f", {j}" if self.derivation.run.shapes[self.index[name]] else ""
                    if k in used:
                        # 1.0 · makes it a float, whatever it is stored as
                        loads.append(f"{self.listing.name(k)} = 1.0 * {self.data_name(name)}[{at} + {i}{element}]")
        return loads, before

    def body(self, small: tuple[tuple[str, Shape], ...], slopes: str, rows: str, i: str) -> tuple[list[str], list[int]]:
        """The lines of one row, and where the value and each small parameter's derivative are kept."""
        d = self.derivation.d

        def slope(name: str) -> list[int | None]:
            node = d.get(self.index[name])
            return [None] * len(self.place[self.index[name]]) if node is None else list(self.place[node])

        kept: list[int | None] = [self.listing.value, *(k for name, _ in small for k in slope(name))]
        distinct = list(dict.fromkeys(kept))
        mapped = [k for m in self.core.maps for k in slope(m.result)]
        wanted = {k for k in (*kept, *mapped) if k is not None}
        alone = self.listing.alone(self.repeated)
        stands = {i for i in range(len(self.nodes)) if alone(i)} | {k for k in wanted if self.nodes[k].op not in (INPUT, CONST)}
        needed = self.needed(wanted)
        for node in (k for k in sorted(stands) if k in needed):
            self.listing.name(node)
        written = write(self.nodes, lambda k: k in stands, self.listing.name, self.form, spell_float)
        lines = [f"{self.listing.name(k)} = {text}" for k, text in written.items() if k in needed]

        def answer(k: int | None) -> str:
            if k is None:
                return "0.0"
            return spell_float(self.nodes[k].value) if self.nodes[k].op == CONST else self.listing.name(k)  # type: ignore[arg-type]

        lines += [f"{rows}[{row}, {i}] = {answer(k)}" for row, k in enumerate(distinct)]
        lines += [f"{slopes}[{row}, {i}] = {answer(k)}" for row, k in enumerate(mapped)]
        return lines, [distinct.index(k) for k in kept]

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
            return Form("{0} * {0}", (ATOM, 0), 3)
        if exponent == 3.0:
            return Form("{0} * {0} * {0}", (ATOM, 0), 3)
        return Form(f"{self.names.function('math', 'pow')}({{}}, {{}})", (0, 0), ATOM)


def spell_float(value: Value) -> str:
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
    return Store((name,), (forward,), (backward,))
