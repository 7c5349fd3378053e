"""A node's value for every example: what a trained model predicts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
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
    builder = Builder()
    place: dict[int, int] = {}
    for i in sorted(needed):
        node = graph.nodes[i]
        builder.nodes.append(node._replace(operands=tuple(place[k] for k in node.operands)))
        place[i] = len(builder.nodes) - 1
    return replace(builder.close(place[last]), off=graph.off)


def predict(graph: Graph, name: str, parameters: Mapping[str, Any], data: Mapping[str, Any]) -> Any:
    """The node `name`, a number per example, for m rows of data: (m,) float64."""
    part = upto(graph, name)
    inputs = {n.name for n in part.nodes if n.op == INPUT}
    cost = Cost(part, {k: v for k, v in data.items() if k in inputs})
    given = {k: v for k, v in parameters.items() if k in cost.inputs}
    cost = cost.sized(given)
    return cost.per_example(cost.flat(given))
