"""Rewriting: a graph is written anew, and what a rule matches (`rules.py`) is replaced. Which rules to try at a node is found by
what it and its operands look like, once for all that look alike."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from ..expression.graph import CONST, INPUT, Node
from ..expression.op import Options, Shape
from ..expression.ops import OPS
from ..expression.values import evaluate, evaluate_one
from .rules import Rule
from .tape import Key, Tape, formula, inlined, is_exact

ANY_INDEX = "[0]"  # what a pattern's index is bound as


class Fired(NamedTuple):
    """One use of a rule: at which node of the graph as written, counted from 0."""

    rule: Rule
    node: int
    found: tuple[tuple[str, Any], ...] = ()  # what the pattern's variables stand for, on the tape that was written


FUEL = 50  # rewrites at one node; the rules shrink what they match, so this is never reached


class Patterns:
    """The rules with their patterns, and which of them to try at a node: found once for all nodes that look alike."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        read = [(rule, formula(rule.before).nodes) for rule in rules]
        self.roots = {root: [(rule, pattern) for rule, pattern in read if pattern[-1].op == root]
                      for root in {pattern[-1].op for _, pattern in read}}
        self.numbers = {part.value for _, pattern in read for part in pattern if part.op == CONST}
        self.found: dict[tuple[Any, ...], list[tuple[Rule, Sequence[Node]]]] = {}

    def at(self, op: str, operands: Sequence[Node]) -> Sequence[tuple[Rule, Sequence[Node]]]:
        """The rules that an operation on such operands may match."""
        if op not in self.roots:
            return ()
        key = op, *[self.look(node) for node in operands]
        if key not in self.found:
            self.found[key] = [(rule, pattern) for rule, pattern in self.roots[op] if self.resembles(pattern, op, key[1:])]
        return self.found[key]

    def look(self, node: Node) -> str | float:
        """Its operation; of a constant that rules mention, its value."""
        return node.value if node.op == CONST and isinstance(node.value, float) and node.value in self.numbers else node.op

    def resembles(self, pattern: Sequence[Node], op: str, looks: Sequence[str | float]) -> bool:
        """Whether the pattern's root, and what stands right below it, look so."""
        below = [pattern[q] for q in pattern[-1].operands]
        orders = [looks, looks[::-1]] if OPS[op].commutes else [looks]
        return any(
            all(part.op == INPUT or self.look(part) == look for part, look in zip(below, order)) for order in orders)


@lru_cache(maxsize=256)
def patterns(rules: tuple[Rule, ...]) -> Patterns:
    return Patterns(rules)


class Rewriter:
    """Writes nodes onto a new tape, replacing what a rule matches. One pass, operands before the nodes that use them."""

    def __init__(self, rules: Sequence[Rule], share: bool) -> None:
        self.tape = Tape(share, commute=True)
        self.fired: list[Fired] = []
        self.seen_through: set[int] = set()  # nodes inside a pattern that fired: their derivative is no longer on the path
        self.unnamed: dict[Key, int] = {}  # by their operation, the nodes copied that have no name
        self.closed: set[int] = set()  # nodes that no rule looks into
        self.fold = share
        self.patterns = patterns(tuple(rules))

    def copy(
        self, nodes: Sequence[Node], shapes: Sequence[Shape], wanted: Sequence[bool], closed: Container[int] = ()
    ) -> list[int]:
        """Each wanted node's place on the new tape (-1 for the others). Those that are `closed` stay: no rule looks into them."""
        place: list[int] = []
        for i, (node, shape) in enumerate(zip(nodes, shapes)):
            if not wanted[i]:
                place.append(-1)
            elif node.op == INPUT:
                known = self.tape.inputs.get(node.name)
                place.append(self.tape.add(node, shape) if known is None else known)
            elif node.op == CONST:
                place.append(self.tape.const(node.value) if self.fold else self.tape.add(node, shape))
            elif node.op == "same" and self.fold:
                place.append(place[node.operands[0]])
            elif i in closed:
                place.append(self.make(node.op, tuple([place[k] for k in node.operands]), node.options, i, FUEL))
                self.closed.add(place[-1])
            elif node.given or self.fold:
                place.append(self.make(node.op, tuple([place[k] for k in node.operands]), node.options, i, FUEL))
            else:
                place.append(self.twin(node, tuple([place[k] for k in node.operands]), i))
        return place

    def twin(self, node: Node, operands: tuple[int, ...], at: int) -> int:
        """The node, which nobody named, made; what is written twice is made once, so that rules see that it is the same."""
        key = self.tape.key(node.op, operands, node.options)
        if key in self.unnamed:
            self.seen_through.add(self.unnamed[key])  # from here on it stands for both
        else:
            self.unnamed[key] = self.make(node.op, operands, node.options, at, FUEL)
        return self.unnamed[key]

    def make(self, op: str, operands: tuple[int, ...], options: Options, at: int, fuel: int) -> int:
        """The node, or what the rules make of it."""
        tape = self.tape
        if self.fold and tape.nodes[operands[0]].op == CONST and all(isinstance(tape.nodes[k].value, float) for k in operands):
            values = [tape.nodes[k].value for k in operands]
            if op != "minus" or is_exact(op, *values):  # type: ignore[arg-type]  # rules look at the b − 1 of b·x^(b − 1)
                value = evaluate_one(OPS[op], *map(np.float64, values), options=options)  # type: ignore[arg-type]
                if np.ndim(value) == 0 and np.isfinite(value):  # a stack of constants is none
                    return tape.const(value)
        for rule, pattern in self.patterns.at(op, [tape.nodes[k] for k in operands]) if fuel else ():
            found = self.match(pattern, len(pattern) - 1, Node(op, operands, options=options), {})
            if found is None or (rule.only and not self.holds(rule.only, found)):
                continue
            earlier = len(self.fired)
            new = self.instantiate(rule.after, found, at, fuel - 1)
            if tape.shapes[new] != tape.shape_of(op, operands, options):
                del self.fired[earlier:]
                continue  # it holds for other shapes; what was written for it goes unused
            self.fired.insert(earlier, Fired(rule, at, tuple(found.items())))
            self.seen_through |= self.interior(operands, {k for v, k in found.items() if v != ANY_INDEX})
            return new
        return tape.apply(op, *operands, options=options)

    def instantiate(self, text: str, found: dict[str, Any], at: int, fuel: int) -> int:
        def apply(node: Node, operands: tuple[int, ...]) -> int:
            return self.make(node.op, operands, options_of(node, found), at, fuel)

        return inlined(text, found, self.tape.const, apply)

    def holds(self, condition: str, found: dict[str, Any]) -> bool:
        """Whether a condition holds for what the pattern's variables in it stand for, all of them numbers."""
        nodes = formula(condition).nodes
        given = {n.name: self.tape.nodes[found[n.name]].value for n in nodes if n.op == INPUT}
        return all(isinstance(v, float) for v in given.values()) and bool(evaluate(nodes, given)[-1])

    def match(self, pattern: Sequence[Node], p: int, node: Node, found: dict[str, Any]) -> dict[str, Any] | None:
        """The pattern's variables as nodes of the tape, or None. The pattern is small: recursion is as deep as it is."""
        want = pattern[p]
        if want.op != node.op:
            return None
        if want.op == "index":
            found = dict(found)
            if found.setdefault(ANY_INDEX, node.options) != node.options:
                return None
        elif want.options != node.options:
            return None
        orders = [node.operands]
        if OPS[node.op].commutes:
            orders.append(node.operands[::-1])
        for operands in orders:
            bound: dict[str, Any] | None = dict(found)
            for q, k in zip(want.operands, operands):
                part, there = pattern[q], self.tape.nodes[k]
                if part.op == INPUT:
                    if bound.setdefault(part.name, k) != k:  # type: ignore[union-attr]
                        bound = None
                elif part.op == CONST:
                    if there.op != CONST or there.value != part.value:
                        bound = None
                elif part.op != there.op or k in self.closed:
                    bound = None
                else:
                    bound = self.match(pattern, q, there, bound)  # type: ignore[arg-type]
                if bound is None:
                    break
            if bound is not None:
                return bound
        return None

    def interior(self, operands: Sequence[int], variables: set[int]) -> set[int]:
        """The nodes inside a pattern that matched, between its root and what its variables stand for."""
        inside: set[int] = set()
        stack = [k for k in operands if k not in variables]
        while stack:
            k = stack.pop()
            if k not in inside and (self.tape.nodes[k].op != CONST or self.tape.nodes[k].name):
                inside.add(k)
                stack += [j for j in self.tape.nodes[k].operands if j not in variables]
        return inside


def options_of(node: Node, found: Mapping[str, Any]) -> Options:
    """Of a node of a rule, where its index stands for the one that was found."""
    return found.get(ANY_INDEX, node.options) if node.op == "index" else node.options
