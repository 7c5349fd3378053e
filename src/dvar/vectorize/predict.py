"""A node's value for every example: what a trained model predicts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..expression.graph import INPUT, Builder, Graph
from .cost import Cost


def upto(graph: Graph, name: str) -> Graph:
    """The part of a graph that its node `name` needs, with that node as the output."""
    last = graph.index(name)
    needed = {last}
    for i in range(last, -1, -1):
        if i in needed:
            needed.update(graph.nodes[i].operands)
    builder = Builder(off=graph.off)
    place: dict[int, int] = {}
    for i in sorted(needed):
        place[i] = builder.keep(graph.nodes[i], place)
    return builder.close(place[last])


def predict(graph: Graph, name: str, parameters: Mapping[str, Any], data: Mapping[str, Any]) -> Any:
    """The node `name` for m rows of data: (m,) float64 where it is a number, (m, k) where it is a vector per example."""
    part = upto(graph, name)
    inputs = {n.name for n in part.nodes if n.op == INPUT}
    cost = Cost(summed(part), {k: v for k, v in data.items() if k in inputs})
    given = {k: v for k, v in parameters.items() if k in cost.inputs}
    cost = cost.sized(given)
    return cost.per_example(cost.flat(given), len(part.nodes) - 1)


def summed(graph: Graph) -> Graph:
    """The graph with the sum of its output as the output: a number, whatever its shape."""
    builder = Builder(graph)
    return builder.close(builder.apply("sum", len(graph.nodes) - 1))
