"""Shapes to differentiate with where nobody said any: what a formula tells of its inputs.

What stands beside @, in sum(…) or is indexed once is a vector, what has an axis=1 or two indices a matrix, the rest a scalar.
Lengths are of no account: the derivative's formula is the same for every length.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import UsageError
from ..expression.graph import CONST, INPUT, Graph, Node
from ..expression.op import Shape, elementwise
from ..expression.ops import OPS
from .derivation import Derivation, derive

FEW = 9  # inputs of which one may be the vector; more are not told apart


def assumed(graph: Graph) -> tuple[Shape, ...]:
    """The inputs' shapes: those the graph is written for, else what its operations take.

    Raises UsageError where the graph leaves open which of several inputs is the vector, as in sum(a*x).
    """
    if graph.sizes is not None:
        return graph.sizes
    nodes = graph.nodes
    inside: list[frozenset[int]] = []  # the inputs and the results of other operations that an elementwise expression is made of
    sizes: dict[int, Shape] = {}
    for i, node in enumerate(nodes):
        if node.op == INPUT:
            inside.append(frozenset({i}))
            continue
        if node.op == CONST:
            inside.append(frozenset())
            continue
        if OPS[node.op].shape is elementwise:
            inside.append(together([inside[k] for k in node.operands]))
            continue
        for position, k in enumerate(node.operands):
            size = taken(node, position)
            if size and len(inside[k]) > 1:
                names = ", ".join(nodes[n].name for n in sorted(inside[k])) + ", …" * (len(inside[k]) == FEW)
                raise UsageError(f"which of {names} is a vector in {node.name} is not said by the formula", say(graph))
            for n in inside[k]:
                sizes[n] = larger(sizes.get(n, ()), size)
        inside.append(frozenset({i}))
    return tuple(sizes.get(i, ()) for i, n in enumerate(nodes) if n.op == INPUT)


def together(parts: Sequence[frozenset[int]]) -> frozenset[int]:
    """All of them, or the first FEW: whether there is one or more is what counts, and every node has such a set."""
    if all(part <= parts[0] for part in parts):
        return parts[0]
    return frozenset(sorted(frozenset().union(*parts))[:FEW])


def taken(node: Node, position: int) -> Shape:
    """The least shape that an operation's operand has."""
    op = OPS[node.op]
    options = op.named(node.options)
    if position in op.numbers:
        return ()
    if node.op == "index":
        return tuple(max((2, *reach(part))) for part in options["at"])
    return (2, 2) if options.get("axis") in (1, -2) else (2,)


def reach(part: int | tuple[int | None, ...]) -> tuple[int, ...]:
    """How many there must be for an index, or a part, to be inside."""
    if isinstance(part, int):
        return (part + 1 if part >= 0 else -part,)
    return tuple(abs(v) for v in part[:2] if v is not None)


def larger(a: Shape, b: Shape) -> Shape:
    a, b = sorted((a, b), key=len)
    return (*(max(m, n) for m, n in zip(a, b)), *b[len(a) :])


def say(graph: Graph) -> str:
    return f"say the shapes: .shaped({', '.join(f'{n}=…' for n in graph.inputs)}) is the graph for these"


def derive_assumed(graph: Graph) -> Derivation:
    """The derivation for the shapes assumed. Raises UsageError where they do not go together, with a way to say them."""
    sizes = assumed(graph)
    try:
        return derive(graph, sizes)
    except UsageError as error:
        if graph.sizes is not None or not any(sizes):
            raise
        told = ", ".join(f"{n} {s}" for n, s in zip(graph.inputs, sizes))
        raise UsageError(f"the formula does not tell its inputs' shapes; taken as {told}: {error.what}", say(graph)) from None
