"""The chain rule with a symbol for every derivative, so that it can be told one step at a time.

Nodes as written stand on a tape under their own index. Behind them each has a symbol for its derivative, and each edge the
contribution that flows back along it, written with the symbol of the consumer: dz·w, whatever dz is.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..derive.backprop import Contribution, contribution, total
from ..derive.derivation import Derivation
from ..derive.tape import ancestors, tape_of
from ..expression.graph import CONST, INPUT, Node
from .wording import TOLD, in_lines


class Chain:
    """`shown` have a line of their own; the other operations are `inside` a line, whose `owner` that node is."""

    def __init__(self, nodes: Sequence[Node], derivation: Derivation) -> None:
        self.nodes, self.last = nodes, len(nodes) - 1
        self.tape = tape_of(nodes, derivation.told.shapes[: len(nodes)])
        self.symbol: dict[int, int] = {}
        self.sent: dict[int, list[Contribution]] = {}  # what each node receives
        self.total: dict[int, int] = {}  # its derivative in the symbols of its consumers
        self.send()
        self.shown = with_lines(nodes)
        self.owner = {i: i for i in self.shown}
        self.inside: dict[int, list[int]] = {i: [] for i in self.shown}
        for i in range(self.last, -1, -1):
            for k in nodes[i].operands if i in self.owner else ():
                if k not in self.owner and nodes[k].op != CONST:
                    self.owner[k] = self.owner[i]
                    self.inside[self.owner[i]].append(k)

    def send(self) -> None:
        tape, needed = self.tape, ancestors(list(self.nodes), [self.last])
        self.total[self.last] = tape.const(1.0)
        for i in range(self.last, -1, -1):
            if i in self.sent:
                self.total[i] = total(tape, [c.product for c in self.sent[i]])
            if i not in self.total or not needed[i]:
                continue
            self.symbol[i] = tape.add(Node(INPUT, (), f"∂{i}"), tape.shapes[i])
            for position, k in enumerate(self.nodes[i].operands):
                sent = contribution(tape, i, position, self.symbol[i])
                if sent is not None:
                    self.sent.setdefault(k, []).append(sent)

    def what_runs(self, derivation: Derivation) -> list[int]:
        """The place of every node that runs, on this tape: those that have a line as written are these."""
        inputs = {n.name: i for i, n in enumerate(self.nodes) if n.op == INPUT}
        theirs = {derivation.value[i]: i for i in reversed(self.shown)}
        place: list[int] = []
        for k, node in enumerate(derivation.run.nodes):
            if node.op == INPUT:
                place.append(inputs[node.name])
            elif node.op == CONST:
                place.append(self.tape.const(node.value))
            elif k in theirs:
                place.append(theirs[k])
            else:
                place.append(self.tape.apply(node.op, *(place[j] for j in node.operands), options=node.options))
        return place


def with_lines(nodes: Sequence[Node]) -> list[int]:
    """What is told in a line of its own: what has a name, what would be too long inside another line, what is used twice."""
    lines, uses = set(in_lines(nodes, TOLD)), [0] * len(nodes)
    for node in nodes:
        for k in node.operands:
            uses[k] += 1
    return [i for i, node in enumerate(nodes) if i in lines or (uses[i] > 1 and node.op != CONST)]
