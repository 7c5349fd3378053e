"""What rewriting did to a graph, told: each rule that fired, where, before and after in the reader's names; what algebra makes of
a line, which is not run; and what was left alone although it looks like something a rule would have helped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..expression.graph import CONST, INPUT, Node
from ..expression.writing import spell_name, write
from .algebra import Algebra
from .derivation import Derivation, run_names
from .divisors import Divisors
from .rewrite import ANY_INDEX, Rewriter, options_of
from .rules import EXACT, SAME
from .tape import Tape, ancestors, formula

MANY = 24  # operations of one expression; the rest is left to the imagination, as …
SMALL = 1e-3  # a constant below this is added to keep a logarithm or a quotient finite

ONCE = "it is computed once"
NOT_RUN = "told, not run: floats round, overflow and cancel otherwise"

# Patterns with a small constant k, and why no rule touches them.
LEFT_ALONE = (
    (("log(x + k)", "log(k + x)"),
     "its value is not that of log({x}); without the {k} rules keep the logarithm of a sigmoid or a softmax finite"),
    (("x/(y + k)", "x/(k + y)"), "its value is not that of {x}/{y}; the {k} stays part of the formula"),
    (("sqrt(x + k)", "sqrt(k + x)"), "its value is not that of sqrt({x}); the {k} stays part of the formula"),
)


@dataclass(frozen=True)
class Use:
    """One rule that fired in the line of `node`: its name, what stood there and what runs instead, and why.

    `kind` is "stability" for what keeps digits, "algebra" for what saves work, "told" for algebra that is true of numbers and not
    run, because floats would come out otherwise: x/x is told to be 1 for x ≠ 0, and runs as it stands."""

    node: str
    name: str
    before: str
    after: str
    why: str
    kind: str = "stability"

    def __str__(self) -> str:
        return f"{self.node}: {self.before} → {self.after} ({self.name}: {self.why})"

    __repr__ = __str__


def uses(derivation: Derivation) -> tuple[Use, ...]:
    """Every use of a rule on the graph as written, each once; then what is computed once; then what is only told."""
    used = [*fired(derivation), *shared(derivation)]
    known = {(use.node, use.after) for use in used} | {(use.node, SAME) for use in used if use.kind == "algebra"}
    more = [use for use in told(derivation) if known.isdisjoint({(use.node, use.after), (use.node, use.why)})]
    return tuple(dict.fromkeys([*used, *more]))


def fired(derivation: Derivation) -> list[Use]:
    nodes, tape = derivation.graph.nodes, derivation.run
    names = run_names(derivation)
    called: dict[str, list[int]] = {}
    for k, name in names.items():
        called.setdefault(name, []).append(k)
    used = []
    for rule, node, found in derivation.fired:
        own = {k: names.pop(k) for k in called.get(nodes[node].name, ())}  # its line is not told by its own name
        before, after = (instance(tape, names, formula(text).nodes, dict(found)) for text in (rule.before, rule.after))
        names |= own
        used.append(Use(nodes[node].name, rule.name, before, after, rule.why, "algebra" if rule in EXACT else "stability"))
    return used


def shared(derivation: Derivation) -> list[Use]:
    """Operations that are written more than once, a*b and b*a among them, and run once; not what stands inside of such."""
    nodes, tape, run = derivation.graph.nodes, derivation.told, derivation.run
    names, runs = given_names(derivation), ancestors(run.nodes, [derivation.value[-1]])
    first: dict[Any, int] = {}
    again: dict[int, int] = {}
    for i, node in enumerate(nodes):
        if node.op not in (INPUT, CONST, "same", "neg") and runs[derivation.value[i]]:
            place = derivation.value[i], run.key(node.op, tuple(derivation.value[k] for k in node.operands), node.options)
            if first.setdefault(place, i) != i:
                again[i] = first[place]
    outside = {k for i, node in enumerate(nodes) if i not in again for k in node.operands} | {len(nodes) - 1}
    used = []
    for i in [i for i in again if i in outside or i in names]:
        before, after = (line(tape, names, k) for k in (i, again[i]))
        used.append(Use(nodes[i].name, "common subexpression", before, names.get(again[i], after), ONCE, "algebra"))
    return used


def told(derivation: Derivation) -> list[Use]:
    """Where algebra makes a line shorter."""
    nodes, tape = derivation.graph.nodes, derivation.told.copy()
    names = given_names(derivation)
    run_as = {derivation.value[i]: name for i, name in reversed(names.items())}
    like = {tape.shapes[i]: i for i in reversed(range(len(nodes))) if nodes[i].op != CONST}
    used = []
    for i in [i for i in names if nodes[i].operands]:
        name = names.pop(i)  # its line is not told by its own name
        algebra = Algebra(tape, names, {}, (), like=like)
        found = [k for k in (algebra.told(i), algebra.told(i, multiply_out=True)) if k is not None]
        short = min(found, key=lambda k: size(tape, names, k), default=i)
        if size(tape, names, short) < size(tape, names, i):
            before, after = (expression(tape, names, k) for k in (i, short))
            if line(derivation.run, run_as, derivation.value[i]) == after:
                used.append(Use(name, "algebra", before, after, SAME, "algebra"))
            elif len(after) < len(before):
                divisors = Divisors(algebra)
                pairs = [divisors.excluded(k) for k in divisors.cancelled(i, short)]
                where = ", ".join(" ≠ ".join(expression(tape, names, k) for k in pair) for pair in pairs)
                used.append(Use(name, "algebra", before, after, f"for {where}; " * bool(where) + NOT_RUN, "told"))
        names[i] = name
    return used


def given_names(derivation: Derivation) -> dict[int, str]:
    last = len(derivation.graph.nodes) - 1
    return {i: n.name for i, n in enumerate(derivation.graph.nodes) if n.given or i == last}


def line(tape: Tape, names: dict[int, str], i: int) -> str:
    """What node i is made of."""
    own = {i: names.pop(i)} if i in names else {}
    text = expression(tape, names, i)
    names |= own
    return text


def size(tape: Tape, names: Mapping[int, str], root: int) -> int:
    """How many operations an expression takes."""
    return sum(1 for k in reached(tape, names, [root]) if k not in names and tape.nodes[k].operands)


def left_alone(derivation: Derivation) -> tuple[str, ...]:
    """A sentence for each place where a small constant keeps the rules away."""
    nodes, tape = derivation.graph.nodes, derivation.told
    names = {i: n.name for i, n in enumerate(nodes) if n.given}
    matcher = Rewriter((), share=False)
    matcher.tape, changed = tape, {f.node for f in derivation.fired}
    said = []
    for pattern, why in [(formula(text).nodes, why) for texts, why in LEFT_ALONE for text in texts]:
        for i, node in enumerate(nodes):
            found = matcher.match(pattern, len(pattern) - 1, node, {}) if node.op == pattern[-1].op and i not in changed else None
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
