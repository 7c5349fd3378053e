"""Tape: a graph being extended, with the shape of every node and equal nodes shared.

Back-propagation appends derivatives to it and rewriting writes a new one. Nodes here need no names; formulas of the
table (`"1/b"`, `"sigmoid(a)*(1 - sigmoid(a))"`) are written in with their variables standing for nodes that exist.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np

from ..expression.formula import parse
from ..expression.graph import CONST, INPUT, Graph, Node, Value, constant, digits
from ..expression.op import Options, Shape, elementwise
from ..expression.ops import OPS, ROWS

Key = tuple[str, tuple[int, ...], Options]
COMMUTE = frozenset(op.name for op in ROWS if op.commutes and op.exact)  # with the same result bit for bit


@lru_cache(maxsize=1024)
def formula(text: str) -> Graph:
    """A formula of the table or of a rule, read once. One that is a name or a number alone is that node alone."""
    nodes = parse(text).nodes
    return Graph(nodes[:-1] if nodes[-1].op == "same" else nodes)


def inlined(
    text: str, variables: Mapping[str, int], const: Callable[[Any], int], apply: Callable[[Node, tuple[int, ...]], int]
) -> int:
    """A formula of the table or of a rule, written in where its variables stand for nodes that are there: by `const` its numbers,
    by `apply` its operations, each with where its operands are. The index of its value."""
    place: list[int] = []
    for node in formula(text).nodes:
        if node.op == INPUT:
            place.append(variables[node.name])
        else:
            place.append(const(node.value) if node.op == CONST else apply(node, tuple([place[k] for k in node.operands])))
    return place[-1]


class Tape:
    """`commute` has a*b and b*a be one node, as what runs may; what is told keeps the order in which it is written."""

    def __init__(self, share: bool = True, commute: bool = False) -> None:
        self.nodes: list[Node] = []
        self.shapes: list[Shape] = []
        self.share, self.commute = share, commute
        self.inputs: dict[str, int] = {}
        self.constants: dict[Value | str, int] = {}  # by their digits
        self.known: dict[Key, int] = {}  # operations

    def copy(self) -> Tape:
        other = Tape(self.share, self.commute)
        other.nodes, other.shapes = list(self.nodes), list(self.shapes)
        other.inputs, other.constants, other.known = dict(self.inputs), dict(self.constants), dict(self.known)
        return other

    def add(self, node: Node, shape: Shape) -> int:
        """A node of its own, even where an equal one exists."""
        at = len(self.nodes)
        self.nodes.append(node)
        self.shapes.append(shape)
        if node.op == INPUT:
            self.inputs.setdefault(node.name, at)
        elif node.op != CONST:
            self.known.setdefault(self.key(node.op, node.operands, node.options), at)
        elif not node.name:
            self.constants.setdefault(digits(node.value), at)  # type: ignore[arg-type]
        return at

    def key(self, op: str, operands: tuple[int, ...], options: Options) -> Key:
        """What tells one operation from another."""
        if self.commute and op in COMMUTE and operands[0] > operands[1]:
            operands = operands[::-1]
        return op, operands, options

    def const(self, value: Any) -> int:
        value = constant(value)
        known = self.constants.get(digits(value))
        return self.add(Node(CONST, value=value), np.shape(value)) if known is None else known

    def apply(self, op: str, *operands: int, options: Options = ()) -> int:
        options = options or OPS[op].unless_said
        key = self.key(op, operands, options)
        if self.share and key in self.known:
            return self.known[key]
        return self.add(Node(op, operands, "", False, None, options), self.shape_of(op, operands, options))

    def shape_of(self, op: str, operands: Sequence[int], options: Options = ()) -> Shape:
        row, shapes = OPS[op], [self.shapes[k] for k in operands]
        if row.shape is elementwise and not any(shapes):
            return ()
        return row.shape(*shapes, **row.named(options))

    def write(self, text: str, **variables: int) -> int:
        """A formula with its variables standing for nodes of this tape; the index of its value."""
        return inlined(text, variables, self.const, lambda node, at: self.folded(node.op, *at, options=node.options))

    def folded(self, op: str, *operands: int, options: Options = ()) -> int:
        """The operation; where a formula joins two numbers (the b − 1 of b·a^(b − 1)), the number they make, if it is a float."""
        if OPS[op].exact:
            values = [self.nodes[k].value for k in operands]
            if all(isinstance(v, float) for v in values) and is_exact(op, *values):  # type: ignore[arg-type]
                return self.const(OPS[op].compute(*values))
        return self.apply(op, *operands, options=options)


def operands_first(root: int, parts: Callable[[int], Sequence[int]], found: Container[int]) -> Iterator[int]:
    """The node and what it is made of, by `parts`, as far as that is not found yet: each once its own parts are. No recursion."""
    stack = [root]
    while stack:
        k = stack[-1]
        missing = [j for j in parts(k) if j not in found] if k not in found else []
        stack += missing
        if not missing:
            stack.pop()
            if k not in found:
                yield k


def is_exact(op: str, a: float, b: float) -> bool:
    """Whether a float holds what two floats make: 0.5 − 1 yes, 0.1 − 1 no."""
    exact = OPS[op].exact
    assert exact is not None
    made: float = exact(a, b)
    return math.isfinite(made) and bool(exact(Fraction(a), Fraction(b)) == Fraction(made))


def tape_of(nodes: Iterable[Node], shapes: Iterable[Shape]) -> Tape:
    """The nodes as they are, none merged: two lines that happen to be equal stay two lines."""
    tape = Tape()
    for node, shape in zip(nodes, shapes):
        tape.add(node, shape)
    return tape


def ancestors(nodes: Sequence[Node], roots: Iterable[int]) -> list[bool]:
    """Which nodes any of the roots depends on, themselves included."""
    needed = [False] * len(nodes)
    for r in roots:
        needed[r] = True
    for i in range(len(nodes) - 1, -1, -1):
        if needed[i]:
            for k in nodes[i].operands:
                needed[k] = True
    return needed
