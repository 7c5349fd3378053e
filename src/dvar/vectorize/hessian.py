"""Second derivatives of a cost through its linear maps.

Where vectors of parameters meet the data only as w @ x, the loss of an example is a function of a few numbers: what the
linear maps give, and the scalar parameters. Its second derivatives D with respect to these are found by differentiating
the graph again; the Hessian of the cost is then made of Gram matrices XᵀDX, added up block by block.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..derive.backprop import backprop
from ..derive.derivation import Derivation, rewritten
from ..derive.tape import ancestors
from ..expression.graph import CONST, INPUT
from ..expression.ops import OPS
from .given import written_out
from .program import Listing, listing


class Slot(NamedTuple):
    """A number of the example's loss: what the linear map `parameter @ data` gives, or a scalar parameter (data "")."""

    node: int  # on the derivation's run tape
    parameter: str
    data: str


def slots(derivation: Derivation, data: tuple[str, ...]) -> list[Slot] | None:
    """The slots of the loss; None where a vector of parameters enters it otherwise than through a linear map."""
    tape = derivation.run
    found: list[Slot] = []
    needed = ancestors(tape.nodes, [derivation.value[-1]])
    for i, node in enumerate(tape.nodes):
        if not needed[i]:
            continue
        if node.op == INPUT and node.name not in data and tape.shapes[i] == ():
            found.append(Slot(i, node.name, ""))
        for k in node.operands:
            operand = tape.nodes[k]
            if operand.op != INPUT or operand.name in data or tape.shapes[k] == ():
                continue
            other = tape.nodes[next((j for j in node.operands if j != k), k)]
            if not OPS[node.op].maps or tape.shapes[i] != () or other.op != INPUT or other.name not in data:
                return None
            found.append(Slot(i, operand.name, other.name))
    return found


def second_order(derivation: Derivation, data: tuple[str, ...]) -> tuple[Listing, list[tuple[Slot, Slot]]] | None:
    """The Listing that also answers, per example, ∂²L/∂s∂t for the pairs of slots that have one. None as in `slots`."""
    found = slots(derivation, data)
    if found is None:
        return None
    tape = derivation.run.copy()
    first = backprop(tape, derivation.value[-1]).d
    moved = {k: k for k in range(len(tape.nodes))}
    if any(node.op == "power" and tape.nodes[node.operands[1]].op != CONST for node in tape.nodes):
        tape, moved = rewritten(tape, list(moved))  # 0**b*log(0), which is 0, is made so before it is differentiated
    pairs: list[tuple[Slot, Slot]] = []
    rows: list[int] = []
    for a, s in enumerate(found):
        if s.node not in first:
            continue
        again = backprop(tape, moved[first[s.node]]).d
        for t in found[a:]:
            if moved[t.node] in again:
                pairs.append((s, t))
                rows.append(again[moved[t.node]])
    return listing(derivation, data, rows, tape, at=moved), pairs


def assemble(
    pairs: list[tuple[Slot, Slot]], places: dict[str, slice], size: int
) -> Callable[[dict[str, Any], int, tuple[Any, ...]], Any]:
    """A function of (a block of the data, its rows, D per pair) → the block's share of the Hessian, (size, size)."""

    def block(data: dict[str, Any], rows: int, weights: tuple[Any, ...]) -> Any:
        total = np.zeros((size, size))
        for (s, t), d in zip(pairs, weights):
            d = np.broadcast_to(np.asarray(d, dtype=np.float64), (rows,))
            if s.data and t.data:
                piece = product(data[s.data], data[t.data], d)
            elif s.data or t.data:
                piece = (d @ data[s.data or t.data])[:, None]
                piece = piece if s.data else piece.T
            else:
                piece = d.sum()
            a, b = places[s.parameter], places[t.parameter]
            total[a, b] += piece
            if s != t:
                total[b, a] += np.transpose(piece)
        return total

    return block


def product(x: Any, other: Any, d: Any) -> Any:
    """Σ d_i x_i otherᵢᵀ over the rows of a block."""
    if x is other and hasattr(x, "gram"):
        return x.gram(d)
    return ((d[:, None] * written_out(other)).T @ x).T
