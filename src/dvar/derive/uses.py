"""What rewriting did to a graph, told: each rule that fired, where, before and after in the reader's names; and what was left
alone although it looks like something a rule would have helped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..expression.graph import CONST, INPUT, Node
from ..expression.writing import spell_name, write
from .derivation import Derivation, run_names
from .rewrite import ANY_INDEX, Rewriter, options_of
from .tape import Tape, formula

MANY = 24  # operations of one expression; the rest is left to the imagination, as …
SMALL = 1e-3  # a constant below this is added to keep a logarithm or a quotient finite

# Patterns with a small constant k, and why no rule touches them.
LEFT_ALONE = (
    (("log(x + k)", "log(k + x)"),
     "its value is not that of log({x}); without the {k} rules keep the logarithm of a sigmoid or a softmax finite"),
    (("x/(y + k)", "x/(k + y)"), "its value is not that of {x}/{y}; the {k} stays part of the formula"),
    (("sqrt(x + k)", "sqrt(k + x)"), "its value is not that of sqrt({x}); the {k} stays part of the formula"),
)


@dataclass(frozen=True)
class Use:
    """One rule that fired in the line of `node`: its name, what stood there and what runs instead, and why."""

    node: str
    name: str
    before: str
    after: str
    why: str

    def __str__(self) -> str:
        return f"{self.node}: {self.before} → {self.after} ({self.name}: {self.why})"

    __repr__ = __str__


def uses(derivation: Derivation) -> tuple[Use, ...]:
    """Every use of a rule on the graph as written, each once."""
    nodes, tape = derivation.graph.nodes, derivation.run
    names = run_names(derivation)
    called: dict[str, list[int]] = {}
    for k, name in names.items():
        called.setdefault(name, []).append(k)
    told = []
    for rule, node, found in derivation.fired:
        own = {k: names.pop(k) for k in called.get(nodes[node].name, ())}  # its line is not told by its own name
        before, after = (instance(tape, names, formula(text).nodes, dict(found)) for text in (rule.before, rule.after))
        names |= own
        told.append(Use(nodes[node].name, rule.name, before, after, rule.why))
    return tuple(dict.fromkeys(told))


def left_alone(derivation: Derivation) -> tuple[str, ...]:
    """A sentence for each place where a small constant keeps the rules away."""
    nodes, tape = derivation.graph.nodes, derivation.told
    names = {i: n.name for i, n in enumerate(nodes) if n.given}
    matcher = Rewriter((), share=False)
    matcher.tape = tape
    said = []
    for pattern, why in [(formula(text).nodes, why) for texts, why in LEFT_ALONE for text in texts]:
        for node in nodes:
            found = matcher.match(pattern, len(pattern) - 1, node, {}) if node.op == pattern[-1].op else None
            if found is not None and is_small(tape.nodes[found["k"]]):
                here = {v: expression(tape, names, k) for v, k in found.items()}
                said.append(f"{instance(tape, names, pattern, found)} is left alone: {why.format(**here)}")
    return tuple(dict.fromkeys(said))


def is_small(node: Node) -> bool:
    return node.op == CONST and isinstance(node.value, float) and 0 < abs(node.value) < SMALL


def expression(tape: Tape, names: Mapping[int, str], root: int) -> str:
    return instance(tape, names, (Node(INPUT, (), "x"),), {"x": root})


def instance(tape: Tape, names: Mapping[int, str], pattern: tuple[Node, ...], found: Mapping[str, Any]) -> str:
    """A pattern's text with the expressions that its variables stand for."""
    local: list[Node] = []
    place: dict[int, int] = {}
    for k in reached(tape, names, [k for v, k in found.items() if v != ANY_INDEX]):
        node = tape.nodes[k]
        if k in names:
            node = Node(INPUT, (), names[k])
        elif node.op not in (INPUT, CONST) and not all(j in place for j in node.operands):
            node = Node(INPUT, (), "…")
        place[k] = len(local)
        local.append(node._replace(operands=tuple(place[j] for j in node.operands)))
    moved: list[int] = []
    for node in pattern:
        if node.op == INPUT:
            moved.append(place[found[node.name]])
        elif node.op == "same":
            moved.append(moved[node.operands[0]])
        else:
            local.append(node._replace(operands=tuple(moved[j] for j in node.operands), options=options_of(node, found)))
            moved.append(len(local) - 1)
    last = moved[-1]
    if local[last].op == INPUT:
        return spelt(local[last].name)
    local = local[: last + 1]
    return write(local, lambda i: i == last, lambda i: spelt(local[i].name))[last]


def spelt(name: str) -> str:
    return name if name in ("…", "") else spell_name(name)


def reached(tape: Tape, names: Mapping[int, str], roots: Iterable[int]) -> list[int]:
    """The nodes that expressions are written with, down to named ones, in order; no more than MANY."""
    found: set[int] = set()
    first = list(roots)
    stack = list(first)
    while stack and len(found) < MANY:
        k = stack.pop(0)
        if k not in found:
            found.add(k)
            stack += () if k in names else tape.nodes[k].operands
    return sorted(found.union(first))
