"""One example in numbers: the value of a core, its derivatives and, on request, its second derivatives, as scalar nodes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from ..derive.backprop import backprop
from ..derive.derivation import derive, rewritten, run_names
from ..derive.tape import Tape
from ..expression.graph import CONST, INPUT, Node
from ..expression.op import Shape
from .core import Core
from .unrolled import unrolled


class Element(NamedTuple):
    """A number that the loss depends on: one of an input's."""

    name: str
    at: int


class Curve(NamedTuple):
    """The second derivative by two elements."""

    a: Element
    b: Element
    node: int


@dataclass(frozen=True)
class Example:
    nodes: list[Node]  # scalars in order, under the names of the graph
    inputs: dict[str, list[int]]  # by input of the core: the nodes of its elements
    value: int
    d: dict[str, list[int | None]]  # of what the maps give and of the parameters: a derivative for each element
    curves: tuple[Curve, ...]  # that are not 0


def example(core: Core, by: tuple[str, ...], second: bool) -> Example:
    """The core in scalars, with derivatives by the inputs `by`. Raises NotUnrolled where that cannot be."""
    found = derive(core.graph, tuple(core.sizes[n] for n in core.graph.inputs))
    index = {n.name: i for i, n in enumerate(core.graph.nodes) if n.op == INPUT}
    tape, d = found.run, {n: found.d[index[n]] for n in by if index[n] in found.d}
    names, value = run_names(found), found.value[-1]
    pairs: list[tuple[Element, str, int]] = []
    if second:
        tape, pairs = with_curves(found.run.copy(), d, {n: core.sizes[n] for n in by})
        tape, place = rewritten(tape, range(len(tape.nodes)))
        value = place[value]
        d = {n: place[k] for n, k in d.items()}
        pairs = [(a, b, place[k]) for a, b, k in pairs]
        names = {place[k]: name for k, name in reversed(names.items())}
    numbers, parts = unrolled(tape, [value, *d.values(), *(k for _, _, k in pairs)])
    inputs = {node.name: parts[i] for i, node in enumerate(tape.nodes) if node.op == INPUT}
    nodes = numbers.tape.nodes
    curves = []
    for a, name, k in pairs:
        for at, node in enumerate(parts[k]):
            nonzero = nodes[node].op != CONST or nodes[node].value != 0.0
            if nonzero and (name != a.name or at >= a.at):  # the other half is the same
                curves.append(Curve(a, Element(name, at), node))
    told = {k: name for k, name in names.items() if k in parts} | {i: n.name for i, n in enumerate(tape.nodes) if n.op == INPUT}
    slopes: dict[str, list[int | None]] = {n: list(parts[d[n]]) if n in d else [None] * len(inputs[n]) for n in by}
    return Example(named(nodes, told, parts), inputs, parts[value][0], slopes, tuple(curves))


def with_curves(tape: Tape, d: dict[str, int], sizes: dict[str, Shape]) -> tuple[Tape, list[tuple[Element, str, int]]]:
    """The tape carried on by second derivatives: an element, an input, and the node of the derivative by both."""
    pairs = []
    order = list(sizes)
    for n, name in enumerate(order):
        if name not in d:
            continue
        for at, slope in element_nodes(tape, d[name], sizes[name]):
            again = backprop(tape, slope).d
            for other in order[n:]:
                k = again.get(tape.inputs[other])
                if k is not None:
                    pairs.append((Element(name, at), other, k))
    return tape, pairs


def element_nodes(tape: Tape, node: int, shape: Shape) -> Iterator[tuple[int, int]]:
    """(place, node) of a number's or a vector's elements."""
    if not shape:
        yield 0, node
    for at in range(shape[0] if shape else 0):
        yield at, tape.apply("index", node, options=((at,),))


def named(nodes: list[Node], told: dict[int, str], parts: dict[int, list[int]]) -> list[Node]:
    """The scalars under the names of what they are elements of: z, or z_0, z_1 where it is a vector."""
    names: dict[int, str] = {}
    for i, name in told.items():
        for at, k in enumerate(parts[i]):
            names.setdefault(k, name if len(parts[i]) == 1 else f"{name}_{at}")
    return [n._replace(name=names.get(k, "")) if n.op != CONST else n for k, n in enumerate(nodes)]
