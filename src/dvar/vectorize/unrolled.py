"""Vectors and matrices as their numbers: every node of a tape becomes as many scalar nodes as it has elements.

A compiled loop over rows wants nothing but numbers: a vector of ten classes is ten of them. What an operation on vectors does to
its elements its row says (`unroll`); one that only moves elements about is run on their places.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..derive.rewrite import Rewriter
from ..derive.rules import EXACT
from ..derive.tape import Tape, ancestors
from ..expression.graph import CONST, INPUT, Node
from ..expression.ops import OPS

MOST = 4000  # scalar nodes; a program of more is no longer one loop that a compiler does well


class NotUnrolled(Exception):
    """Why a graph cannot be written out number by number, as a sentence."""


LONG = "its vectors are too long to be written out number by number"


class Numbers:
    """Scalar nodes being written: shared where equal, constants folded, x·1 and the like tidied."""

    def __init__(self) -> None:
        self.rewriter = Rewriter(EXACT, share=True)
        self.tape: Tape = self.rewriter.tape

    def make(self, op: str, *operands: int) -> int:
        if len(self.tape.nodes) > MOST:
            raise NotUnrolled(LONG)
        return self.rewriter.make(op, operands, (), 0, 50)

    def const(self, value: float) -> int:
        return self.tape.const(value)

    def nan(self) -> int:
        """Not a number; no constant is (inf − inf)."""
        inf = self.const(float("inf"))
        return self.tape.apply("minus", inf, inf)

    def fold(self, op: str, parts: Sequence[int]) -> int:
        """((a op b) op c) … of at least one part."""
        made = parts[0]
        for part in parts[1:]:
            made = self.make(op, made, part)
        return made


def unrolled(tape: Tape, roots: Sequence[int]) -> tuple[Numbers, dict[int, list[int]]]:
    """The roots' ancestors, and all inputs, as scalars; by node of the tape the scalar nodes of its elements, in order.

    An input `z` of shape (2,) gives the inputs z[0] and z[1]. Raises NotUnrolled.
    """
    numbers, place = Numbers(), {}
    needed = ancestors(tape.nodes, roots)
    for i, node in enumerate(tape.nodes):
        if node.op == INPUT:
            place[i] = [numbers.tape.add(Node(INPUT, (), name, True), ()) for name in element_names(node.name, tape.shapes[i])]
    for i, node in enumerate(tape.nodes):
        if not needed[i] or node.op == INPUT:
            continue
        if node.op == CONST:
            place[i] = [numbers.const(float(v)) for v in np.ravel(node.value)]  # type: ignore[arg-type]
        else:
            place[i] = elements(numbers, tape, node, i, [place[k] for k in node.operands])
    return numbers, place


def element_names(name: str, shape: tuple[int, ...]) -> list[str]:
    return [name + "".join(f"[{k}]" for k in at) for at in np.ndindex(shape)]


def elements(numbers: Numbers, tape: Tape, node: Node, i: int, operands: list[list[int]]) -> list[int]:
    op, shape = OPS[node.op], tape.shapes[i]
    shapes = [tape.shapes[k] for k in node.operands]
    size = int(np.prod(shape))
    if size > MOST:
        raise NotUnrolled(LONG)
    if op.unroll is not None:
        return op.unroll(numbers, operands, shapes, **op.named(node.options))
    if op.pull is None:  # elementwise; a scalar joins each element
        return [numbers.make(node.op, *(o[0] if len(s) < len(shape) else o[k] for o, s in zip(operands, shapes)))
                for k in range(size)]
    if not op.moves:
        raise NotUnrolled(f"{op.name} is not written out number by number")
    places = [np.reshape(np.add(o, 1), s) for o, s in zip(operands, shapes)]  # counted from 1: 0 is no element
    moved = np.ravel(op.compute(*places, **op.named(node.options))).astype(int)
    return [numbers.const(0.0) if k == 0 else int(k) - 1 for k in moved]
