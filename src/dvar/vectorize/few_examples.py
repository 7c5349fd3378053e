"""The mean over the first few examples as one graph: the loss once for each, in lines of its own, the parameters shared."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import UsageError, many
from ..expression.graph import INPUT, Builder, Graph
from .given import written_out
from .summed import Summed

MOST = 100  # examples: more lines than that nobody reads


def unrolled(cost: Summed, examples: int) -> Graph:
    """J of the first examples, a graph of the parameters. Its lines are called example1.z, example1.a, …, as of a function that
    was called for each example; the data are constants. Raises UsageError for a number of examples that there is not."""
    most = min(cost.m, MOST)
    if isinstance(examples, bool) or not isinstance(examples, (int, np.integer)) or not 1 <= examples <= most:
        there = f"give a whole number from 1 to {most}; there are {many(cost.m, 'example')}"
        raise UsageError(f"examples is {examples!r}", there)
    rows = {name: written_out(part) for name, part in cost.block(slice(0, int(examples))).items()}
    builder = Builder(off=cost.graph.off)
    parameters = {name: builder.input(name) for name in cost.inputs}
    losses = [one(builder, cost.graph, parameters, {name: v[k] for name, v in rows.items()}, k + 1) for k in range(examples)]
    total = losses[0]
    for loss in losses[1:]:
        total = builder.apply("plus", total, loss)
    weight = float(np.sum(rows[cost.weight])) if cost.weight else float(examples)
    mean = builder.apply("over", total, builder.const(weight))
    builder.give(mean, "J")
    return builder.close(mean)


def one(builder: Builder, graph: Graph, parameters: dict[str, int], data: dict[str, Any], number: int) -> int:
    """The loss of one example; where it stands."""
    place: dict[int, int] = {}
    for i, node in enumerate(graph.nodes):
        name = f"example{number}.{node.name}"
        if node.op == INPUT:
            place[i] = parameters[node.name] if node.name in parameters else builder.const(data[node.name], name)
        else:
            place[i] = builder.keep(node._replace(name=name if node.given else ""), place)
    return place[len(graph.nodes) - 1]
