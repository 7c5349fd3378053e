"""The parabola ½ vᵀHv of a cost at a point, as a cost of the direction v: its gradient is the Hessian times v.

Where an example's loss depends on few numbers s, what linear maps give and parameters that are numbers, the curvature is kept
for every example, once for the point. A product with the Hessian is then the gradient of ½ Σ D_ab s_a s_b, which is one more
graph over the same features: a pass that reads them once and computes no exponentials.
"""

from __future__ import annotations

from itertools import combinations_with_replacement
from typing import TYPE_CHECKING, Any

import numpy as np

from ..expression.graph import Builder
from .by_example import by_example
from .core import Core

if TYPE_CHECKING:
    from .cost import Cost

MOST = 3  # numbers of an example; the curvatures by all pairs of more take more to read than they save


def few(cost: Cost) -> Core | None:
    """The loss without its linear maps, where it is a function of few numbers of an example; None where it is not."""
    if {*cost.inputs, *cost.data} - {cost.weight} != set(cost.loss.inputs):  # not the loss itself, but a graph made of it
        return None
    found = cost.core(cost.loss)
    numbers = [*(m.shape for m in found.maps), *(found.sizes[n] for n in cost.inputs if n in found.sizes)]
    return None if len(numbers) > MOST or any(numbers) else found


def parabola(cost: Cost, theta: Any) -> Cost | None:
    """That of the mean loss at a flat vector: one pass over the data. None where an example's loss is no function of few
    numbers."""
    found = few(cost)
    if found is None:
        return None
    small = [n for n in cost.inputs if n in found.sizes]
    each = by_example(cost, theta)
    builder, data = Builder(), dict[str, Any]()
    place = {n: builder.input(n) for n in cost.inputs}
    for n in dict.fromkeys(m.data for m in found.maps):
        place[n], data[n] = builder.input(n), cost.data[n]
    weight = np.asarray(cost.data[cost.weight], dtype=np.float64) if cost.weight else 1.0
    pairs = {(a, b): each.curves[a, b] for a, b in combinations_with_replacement(range(len(each.slots)), 2)}
    alike = all(np.array_equal(d, pairs[0, 0]) for d in pairs.values())  # as where all are added up
    columns = {}
    for pair, d in ({(0, 0): pairs[0, 0]} if alike else pairs).items():
        columns[pair] = builder.input("bent")
        data[builder.nodes[columns[pair]].name] = d * weight
    parts = [builder.apply("dot", place[m.parameter], place[m.data]) for m in found.maps] + [place[n] for n in small]
    if alike:
        while len(parts) > 1:
            parts = [builder.apply("plus", parts[0], parts[1]), *parts[2:]]
    terms = []
    for (a, b), d in columns.items():
        term = builder.apply("times", d, builder.apply("times", parts[a], parts[b]))
        terms.append(builder.apply("times", builder.const(0.5), term) if a == b else term)
    while len(terms) > 1:
        terms = [builder.apply("plus", terms[0], terms[1]), *terms[2:]]
    builder.give(terms[0], "parabola")
    other = cost.over_same_data(builder.close(terms[0]), dict(cost.sizes))
    other.data, other.weight = data, ""
    return other
