"""Whether a graph is convex in its parameters, as its operations tell: a convex function that rises, of one that is convex, is
convex, and so on (Grant, Boyd & Ye, Disciplined convex programming, 2006). Rows of the table say how an operation bends and
whether it rises; the signs of what stands beside are found by intervals. A graph of which this tells nothing may be convex too.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

import numpy as np

from ..expression.graph import CONST, INPUT, Node
from ..expression.op import AWAY, FROM_0, LINEAR, OTHER, Bend, Op, elementwise
from ..expression.ops import OPS
from .tape import Tape, ancestors

Range = tuple[float, float]  # the lowest and the highest that a node's numbers may be
ANY: Range = (-np.inf, np.inf)


class Told(NamedTuple):
    """What is known of a node: linear is both convex and concave, and what no parameter moves is linear."""

    convex: bool
    concave: bool
    moves: bool  # with the parameters
    low: float
    high: float


def is_convex(tape: Tape, root: int, parameters: Collection[str], ranges: Callable[[str], Range]) -> bool:
    """Whether the operations tell that the node is convex in the parameters; `ranges` tells what the other inputs range over."""
    needed, told = ancestors(tape.nodes, [root]), dict[int, Told]()
    for k, node in enumerate(tape.nodes[: root + 1]):
        if not needed[k]:
            continue
        if node.op == INPUT:
            moves = node.name in parameters
            told[k] = Told(True, True, moves, *(ANY if moves or tape.shapes[k] else ranges(node.name)))
        elif node.op == CONST:
            value = np.asarray(node.value, dtype=np.float64)
            told[k] = Told(True, True, False, float(value.min()), float(value.max()))
        else:
            told[k] = of(node, [told[j] for j in node.operands])
    return told[root].convex


def of(node: Node, operands: Sequence[Told]) -> Told:
    op = OPS[node.op]
    meant = [one for k, one in enumerate(operands) if k not in op.likes]  # the others lend their shape
    bend = bend_of(op, node, meant)
    low, high = ranged(node, meant, bend)
    if not any(one.moves for one in meant):
        return Told(True, True, False, low, high)
    if bend is None or bend.curve is None:
        return Told(False, False, True, low, high)
    inside = list(zip(meant, each(bend, meant)))
    up, down = (all(keeps(one, goes, curve) for one, goes in inside) for curve in (1, -1))
    return Told(bend.curve >= 0 and up, bend.curve <= 0 and down, True, low, high)


def each(bend: Bend, operands: Sequence[Told]) -> list[int | None]:
    """How it goes with each operand."""
    ways = [bend.goes[min(k, len(bend.goes) - 1)] for k in range(len(operands))]
    return [by_sign(operands[1 - k]) if way == OTHER else way for k, way in enumerate(ways)]


def by_sign(other: Told) -> int | None:
    return None if other.moves else sign(other)


def keeps(inside: Told, goes: int | None, curve: int) -> bool:
    """Whether an operation that goes so with an operand bends this way with the parameters too."""
    if not inside.moves or goes is None:
        return not inside.moves
    goes = sign(inside) if goes == AWAY else goes
    return (inside.convex and inside.concave) or (goes != 0 and (inside.convex if goes == curve else inside.concave))


def bend_of(op: Op, node: Node, operands: Sequence[Told]) -> Bend | None:
    if op.moves:
        return LINEAR
    if op.bends_twice and len(set(node.operands)) == 1:
        return op.bends_twice
    if op.bends_to and not operands[1].moves and operands[1].low == operands[1].high:
        return op.bends_to(operands[0].low, operands[1].low)
    return op.bends


def sign(one: Told) -> int:
    return 1 if one.low >= 0 else -1 if one.high <= 0 else 0


def ranged(node: Node, operands: Sequence[Told], bend: Bend | None) -> Range:
    """What a node's numbers range over, by those of its operands."""
    op, ends = OPS[node.op], [(one.low, one.high) for one in operands]
    if op.moves:
        return min(0.0, *(low for low, _ in ends)), max(0.0, *(high for _, high in ends))
    if op.shape is not elementwise:
        return ANY
    with np.errstate(all="ignore"):
        if all(low == high for low, high in ends):
            found = [op.compute(*(low for low, _ in ends))]
        elif bend == FROM_0:
            found = [op.compute(*[0.0] * len(ends)) if op.bends else 0.0, np.inf]
        elif op.linear == (0, 1):  # a product, largest at the ends; 0 times inf is 0 here
            found = [op.compute(a, b) if a and b else 0.0 for a in ends[0] for b in ends[1]]
        elif op.bends and set(ways := each(op.bends, operands)) <= {1, -1}:
            found = [op.compute(*(end[way != side] for end, way in zip(ends, ways))) for side in (1, -1)]
        else:
            return ANY
    found = [float(v) for v in found]
    return ANY if np.isnan(found).any() else (min(found), max(found))
