"""A convex cost whose kinks are rounded off, by as much as one parameter more says: t, with which it is the cost itself at t = 0.

Rows of the table say what an operation becomes, as hypot(a, t) of abs(a): as convex in its operands and t together as it was, and
rising where it rose. Before that, what meets in a kink where d = 0, p·d above and q·d below, becomes q·d + (p − q)·relu(d):
`where(d > 0, p*d, q*d)`, and a comparison as a number, `d*(tau - (d < 0))`.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from ..derive.derivation import runs_as
from ..derive.higher import free_names
from ..derive.tape import ancestors, inlined
from ..expression.graph import CONST, INPUT, Builder, Graph, Node
from ..expression.op import COMPARE, Op, elementwise
from ..expression.ops import OPS

if TYPE_CHECKING:
    from .cost import Cost

MEETING = "q*d + (p - q)*relu(d)"


def rounded(cost: Cost) -> Cost | None:
    """The cost over its parameters and, last of them, t; None where it has no kinks, some cannot be rounded off, or its
    operations do not tell that it is convex."""
    if not cost.kinks():
        return None
    straight = cost.over_same_data(Straightened(as_run(cost), cost.inputs).close(), cost.sizes)
    made = Rounded(straight.graph, cost.inputs)
    if made.left() or not straight.convex:
        return None
    return cost.over_same_data(made.close(), cost.sizes | {made.name: ()})


def as_run(cost: Cost) -> Graph:
    """The loss as it runs, where what is written twice is there once."""
    return Graph(runs_as(cost.graph, cost.shapes(cost.graph)), cost.graph.off)


def added(a: dict[int, int], b: dict[int, int], times: int) -> dict[int, int]:
    total = {k: a.get(k, 0) + times * b.get(k, 0) for k in (*a, *b)}
    return {k: count for k, count in total.items() if count}


def holds_above(op: str) -> bool | None:
    """Whether a comparison of a and b holds where a − b is above 0, and not below; None of what is no comparison, or no such."""
    if op in (INPUT, CONST) or OPS[op].binds != COMPARE:
        return None
    above, below = (bool(OPS[op].compute(*sides)) for sides in ((1.0, 0.0), (0.0, 1.0)))
    return above if above != below else None


def signs_of(node: Node) -> tuple[int, ...]:
    """With which signs a node adds its operands up; a number that is spread counts as one."""
    return OPS[node.op].signs([1] * len(node.operands)) if node.operands else ()


def multiplies(op: Op, position: int) -> bool:
    """Whether an operation answers a multiple of this operand; sum(d) is none of a vector d."""
    return op.shape is elementwise and position in op.linear


class Copy:
    """A graph copied node by node, some as something else; `place` says where each is, `moves` which the parameters move."""

    def __init__(self, graph: Graph, parameters: tuple[str, ...]) -> None:
        self.graph, self.builder, self.place, self.moves = graph, Builder(off=graph.off), list[int](), list[bool]()
        for node in graph.nodes:
            moves = node.name in parameters if node.op == INPUT else any(self.moves[j] for j in node.operands)
            other = self.other(node) if moves and node.operands else None
            self.moves.append(moves)
            self.place.append(self.builder.keep(node, self.place) if other is None else other)

    def other(self, node: Node) -> int | None:
        """What takes the node's place; None where it stays."""
        raise NotImplementedError

    def close(self) -> Graph:
        return self.builder.close(self.place[-1])

    def write(self, text: str, **variables: int) -> int:
        """A formula of the table, its variables standing for nodes that are there."""
        return inlined(text, variables, self.builder.const, lambda node, at: self.builder.apply(node.op, *at))


class Rounded(Copy):
    """Kinks rounded off."""

    @cached_property
    def name(self) -> str:
        return free_names(self.graph, ("rounding",))["rounding"]

    @cached_property
    def t(self) -> int:
        """After the graph's own inputs, which come before all else."""
        return self.builder.input(self.name)

    def other(self, node: Node) -> int | None:
        text, (a, *b) = OPS[node.op].rounded, (self.place[k] for k in node.operands)
        return self.write(text, a=a, b=b[0] if b else a, t=self.t) if text else None

    def left(self) -> bool:
        """Whether there is a kink or a jump that no row rounds off."""
        needed = ancestors(self.graph.nodes, [len(self.graph.nodes) - 1])
        rows = (OPS[n.op] for n, yes, moves in zip(self.graph.nodes, needed, self.moves) if yes and moves and n.operands)
        return any(row.kink and not row.rounded and not row.analytic for row in rows)


class Straightened(Copy):
    """What meets in a kink, written with relu."""

    def other(self, node: Node) -> int | None:
        nodes, operands = self.graph.nodes, node.operands
        if node.op == "where":
            return self.meeting(operands[0], operands[1:])
        for x, y in (operands, operands[::-1]) if OPS[node.op].linear == (0, 1) else ():  # a product
            inside = [k for k, yes in enumerate(ancestors(nodes, [y])) if yes and self.moves[k]]
            for k in [k for k in inside if holds_above(nodes[k].op) is not None]:
                times = [by for value in (1.0, 0.0) if (by := self.given(y, k, value)) is not None]
                found = self.meeting(k, (x, x), tuple(times)) if times else None
                if found is not None:
                    return found
        return None

    def meeting(self, comparison: int, values: tuple[int, ...], times: tuple[int, ...] = ()) -> int | None:
        """Two values, for where a comparison of a and b holds and for where not, if both are multiples of a − b; `times`: each to
        be multiplied by this."""
        node = self.graph.nodes[comparison]
        above = holds_above(node.op) if self.moves[comparison] else None
        if above is None:
            return None
        found = self.multiples(*node.operands)
        if not all(k in found for k in values):
            return None
        p, q = (found[k] for k in values)
        if times:
            p, q = (self.builder.apply("times", c, by) for c, by in zip((p, q), times))
        a, b = (self.place[k] for k in node.operands)
        p, q = (p, q) if above else (q, p)
        return self.write(MEETING, d=self.builder.apply("minus", a, b), p=p, q=q)

    def multiples(self, a: int, b: int) -> dict[int, int]:
        """The nodes so far that are multiples of a − b, and of what."""
        builder, sums, found = self.builder, self.sums, dict[int, int]()
        self.add_up()
        apart = added(sums[a], sums[b], -1)
        for k, node in enumerate(self.graph.nodes[: len(self.place)]):
            times = next((c for c in (0, 1, -1) if added({}, apart, c) == sums[k]), None)
            if times is not None:
                found[k] = builder.const(times)
            elif signs_of(node) and all(j in found for j in node.operands):
                found[k] = builder.apply(node.op, *(found[j] for j in node.operands))
            elif at := [p for p, j in enumerate(node.operands) if j in found and multiplies(OPS[node.op], p)]:
                parts = [self.place[j] for j in node.operands]
                parts[at[0]] = found[node.operands[at[0]]]
                found[k] = builder.apply(node.op, *parts)
        return found

    @cached_property
    def sums(self) -> list[dict[int, int]]:
        """The nodes so far as sums of others, {node: how many times}: y − (z + b) is y − z − b."""
        return []

    def add_up(self) -> None:
        """The same of the nodes that came since."""
        for k in range(len(self.sums), len(self.place)):
            node = self.graph.nodes[k]
            signs = signs_of(node)
            total: dict[int, int] = {} if signs or (node.op == CONST and node.value == 0.0) else {k: 1}
            for j, sign in zip(node.operands, signs):
                total = added(total, self.sums[j], sign)
            self.sums.append(total)

    def given(self, root: int, at: int, value: float) -> int | None:
        """A node where another one has this value; None where it is made of that in other ways than element by element."""
        place = {at: self.builder.const(value)}
        for k in range(at + 1, root + 1):
            node = self.graph.nodes[k]
            if not place.keys().isdisjoint(node.operands):
                if OPS[node.op].shape is not elementwise:
                    return None
                operands = [place.get(j, self.place[j]) for j in node.operands]
                place[k] = self.builder.apply(node.op, *operands, options=node.options)
        return place.get(root, self.place[root])
