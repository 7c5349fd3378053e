"""Gauss and Newton's part of the Hessian, where a loss is a square: 2 Σ ∇r ∇rᵀ of L = r², the curvature of r itself left out.

It is never negative, so that it shows a way down where the Hessian does not. No rule of its own is needed: the slope of r along a
direction v, squared, is another graph over the same examples, and its Hessian by v is this part.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..derive.backprop import backprop
from ..derive.derivation import extract
from ..derive.higher import free_names
from ..derive.tape import ancestors
from ..expression.graph import CONST, INPUT, Graph, Node
from ..expression.op import elementwise
from ..expression.ops import OPS

if TYPE_CHECKING:
    from .cost import Cost


def squared_slope(cost: Cost) -> Cost | None:
    """The mean of (Σ v·∂r/∂θ)², times what multiplies r², over the parameters and the directions v; None where L is no square, or
    one of an r that is linear: then the Hessian has no other part."""
    found = residual(cost.graph, cost.inputs)
    derivation = cost.derivation
    if found is None or min(derivation.value[k] for k in (found[0], *found[1])) < 0:
        return None
    root, factors, ops = found
    tape, names = derivation.run.copy(), free_names(cost.graph, cost.inputs)
    slopes = backprop(tape, derivation.value[root]).d
    place = {n.name: k for k, n in enumerate(tape.nodes) if n.op == INPUT}
    bent = ancestors(tape.nodes, [slopes[place[n]] for n in cost.inputs if place[n] in slopes])
    if not any(bent[place[n]] for n in cost.inputs):
        return None
    total = tape.const(0.0)
    for name in cost.inputs:
        v = tape.add(Node(INPUT, (), names[name], True), cost.sizes[name])
        if place[name] in slopes:
            total = tape.apply("plus", total, tape.apply("sum", tape.apply("times", v, slopes[place[name]])))
    square = tape.apply("times", total, total)
    for op, k in zip(ops, factors):
        square = tape.apply(op, square, derivation.value[k])
    sizes = {n: cost.sizes[n] for n in cost.inputs}
    graph = extract(derivation, square, "square", tape)
    return cost.over_same_data(graph, sizes | {names[n]: cost.sizes[n] for n in cost.inputs})


def residual(graph: Graph, parameters: tuple[str, ...]) -> tuple[int, list[int], list[str]] | None:
    """The node r of a loss r², what it is multiplied with or divided by, and which of the two; None where it is no square."""
    moves: list[bool] = []
    for node in graph.nodes:
        moves.append(node.name in parameters if node.op == INPUT else any(moves[k] for k in node.operands))
    at, factors, ops = len(graph.nodes) - 1, list[int](), list[str]()
    while True:
        node = graph.nodes[at]
        moving = [p for p, k in enumerate(node.operands) if moves[k]]
        if len(moving) != 1 or len(node.operands) != 2 or not is_multiple(node, moving[0]):
            break
        at, factor = node.operands[moving[0]], node.operands[1 - moving[0]]
        factors.append(factor)
        ops.append(node.op)
    if node.op == "power":
        exponent = graph.nodes[node.operands[1]]
        return (node.operands[0], factors, ops) if exponent.op == CONST and exponent.value == 2.0 else None
    same = node.op == "times" and node.operands[0] == node.operands[1]
    return (node.operands[0], factors, ops) if same else None


def is_multiple(node: Node, position: int) -> bool:
    """Whether it is a multiple of the operand, number by number."""
    return OPS[node.op].shape is elementwise and position in OPS[node.op].linear
