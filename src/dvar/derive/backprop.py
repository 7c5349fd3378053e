"""The chain rule, once.

From the output back to the inputs, in reverse topological order and without recursion: each node's derivative is the sum
of what its consumers contribute, and a contribution is what came from the right times the consumer's local derivative.
Contributions at a fork are kept apart, so that they can be told, and then added. Local derivatives come from the table
of operations; the derivatives are nodes of the same tape, so they can be differentiated again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..expression.graph import CONST, INPUT
from ..expression.ops import OPS
from .tape import Tape


class Contribution(NamedTuple):
    """What one consumer sends back to one of its operands."""

    consumer: int
    position: int  # which operand of the consumer
    local: int | None  # the local derivative's node; None for a linear map of vectors, which has no single number
    product: int  # the node of the contribution itself


class Slopes(NamedTuple):
    d: dict[int, int]  # node → the node of its derivative; nodes the output does not depend on are not there
    contributions: dict[int, list[Contribution]]


def backprop(tape: Tape, output: int) -> Slopes:
    """Append to the tape the derivative of the scalar node `output` with respect to every node it depends on."""
    found: dict[int, list[Contribution]] = {}
    d: dict[int, int] = {output: tape.const(1.0)}
    for i in range(output, -1, -1):
        if i in found:
            d[i] = total(tape, [c.product for c in found[i]])
        node = tape.nodes[i]
        if i not in d or node.op in (INPUT, CONST):
            continue
        for position, k in enumerate(node.operands):
            sent = contribution(tape, i, position, d[i])
            if sent is not None:
                found.setdefault(k, []).append(sent)
    return Slopes(d, found)


def contribution(tape: Tape, i: int, position: int, g: int) -> Contribution | None:
    """What node i, whose derivative is node g, sends back to its operand at `position`; None where none flows."""
    node = tape.nodes[i]
    op, operand = OPS[node.op], node.operands[position]
    slope = op.slopes[position] if position < op.arity else op.slopes[0]
    if slope in (None, "0") or (tape.nodes[operand].op == CONST and not tape.nodes[operand].name):
        return None
    variables = dict(zip("abc", node.operands))  # more operands than that are of one kind: their formula is in g alone
    if op.pull is not None:
        ranks = tuple(len(tape.shapes[k]) for k in node.operands)
        pull = op.pull(ranks, **op.named(node.options))[position]
        return None if pull is None else Contribution(i, position, None, tape.write(pull, g=g, **variables))
    assert slope is not None
    local = tape.write(slope, **variables)
    return Contribution(i, position, local, fit_shape(tape, tape.apply("times", g, local), operand))


def fit_shape(tape: Tape, product: int, operand: int) -> int:
    """A scalar that was spread over a vector gathers the vector's derivatives; a vector that was summed receives one each."""
    if tape.shapes[product] == tape.shapes[operand]:
        return product
    if tape.shapes[operand] == ():
        return tape.apply("sum", product)
    return tape.apply("spread", product, operand)


def total(tape: Tape, parts: Sequence[int]) -> int:
    added = parts[0]
    for part in parts[1:]:
        added = tape.apply("plus", added, part)
    return added
