"""The core of a loss: what is left of one example's graph when its linear maps are taken out.

Where vectors and matrices of parameters meet the data only as w @ x, W @ x or x @ W, the loss of an example is a function of a
few numbers: what the linear maps give, the data that are numbers, the parameters that are numbers. That function is a graph like
any other, with the maps' results as inputs; its derivatives with respect to them are all that the data need be multiplied with:
dw = Σ dz·x.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import Any, NamedTuple

import numpy as np

from ..expression.graph import INPUT, Builder, Graph
from ..expression.op import Shape
from ..expression.ops import OPS
from ..expression.values import shapes


class Map(NamedTuple):
    """A linear map `parameter @ data`, or the same turned, and the core's input that stands for its result."""

    parameter: str
    data: str
    result: str
    turned: bool  # data @ parameter: a column of the parameter, not a row, gives a number
    shape: Shape  # of the result
    width: int  # how many features

    def weights(self, parameter: Any) -> Any:
        """What gives each number, row by row, (results, width)."""
        return np.atleast_2d(parameter.T if self.turned else parameter)

    def of_weights(self, rows: Any) -> Any:
        """(results, width) in the shape of the parameter."""
        return rows.T if self.turned else rows.reshape(*self.shape, self.width)

    def place(self, start: int, result: int) -> slice:
        """Where the weights that give one number stand among numbers of which those of the parameter are from `start` on."""
        if self.turned:
            return slice(start + result, start + result + self.width * prod(self.shape), prod(self.shape))
        return slice(start + result * self.width, start + (result + 1) * self.width)


@dataclass(frozen=True, eq=False)
class Core:
    """The loss as a function of what its linear maps give; `sizes` are the shapes of its inputs."""

    graph: Graph
    maps: tuple[Map, ...]
    sizes: dict[str, Shape]


@lru_cache(maxsize=64)
def core(graph: Graph, sizes: tuple[Shape, ...], data: frozenset[str]) -> Core:
    """The core of a loss whose inputs have these shapes, those in `data` per example."""
    found = shapes(graph, dict(zip(graph.inputs, sizes)))
    builder = Builder(off=graph.off)
    place: dict[int, int] = {}
    maps: list[Map] = []
    maps_at = ((i, linear_map(graph, i, data)) for i in range(len(found)))
    mapped = {i: (made[0], made[1], made[2] and bool(found[i])) for i, made in maps_at if made is not None}
    used = {k for i, node in enumerate(graph.nodes) if i not in mapped for k in node.operands}
    taken_up = {k for i in mapped for k in graph.nodes[i].operands}
    for i, node in enumerate(graph.nodes):  # the core's own inputs first, then what stands for the maps
        if node.op == INPUT and (i in used or i not in taken_up):
            place[i] = builder.input(node.name)
    for i, node in enumerate(graph.nodes):
        first = next((k for k, made in mapped.items() if made == mapped.get(i)), i)
        if first < i:  # the same map once more
            place[i] = place[first]
        elif (made := mapped.get(i)) is not None:
            parameter, features, turned = made
            name = node.name if node.given else "_dot_".join((features, parameter) if turned else (parameter, features))
            place[i] = builder.input(name)
            width = next(found[k][0] for k in node.operands if graph.nodes[k].name == features)
            maps.append(Map(parameter, features, builder.nodes[place[i]].name, turned, found[i], width))
    for i, node in enumerate(graph.nodes):
        if i in place or node.op == INPUT:
            continue
        place[i] = builder.keep(node, place)
    last = place[len(graph.nodes) - 1]
    if builder.nodes[last].op == INPUT:
        last = builder.apply("same", last)
        builder.give(last, graph.output)
    made_graph = builder.close(last)
    known = {n.name: found[i] for i, n in enumerate(graph.nodes) if n.op == INPUT} | {m.result: m.shape for m in maps}
    return Core(made_graph, tuple(maps), {n: known[n] for n in made_graph.inputs})


def linear_map(graph: Graph, i: int, data: Collection[str]) -> tuple[str, str, bool] | None:
    """(parameter, data, whether the data come first, as in x @ W) where node i is the product of a parameter and an example's
    features."""
    node = graph.nodes[i]
    if not node.operands or not OPS[node.op].maps:
        return None
    a, b = (graph.nodes[k] for k in node.operands)
    if a.op != INPUT or b.op != INPUT or (a.name in data) == (b.name in data):
        return None
    if b.name in data:
        return a.name, b.name, False
    return b.name, a.name, True
