"""Rules as data: a pattern, what replaces it, a name and a reason, both formulas in the language of `formula.py`.

Two kinds. *Stability* rules change a value by rounding only, over the whole domain, and keep it finite and exact where the
formula as written overflows or cancels. *Exact* rules tidy: what they replace has the same value bit for bit or, for like
terms, up to rounding without any new cancellation. Both are what runs. The algebra that is only told stands in `algebra.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from ..expression.graph import CONST, INPUT, Node, evaluate_one
from ..expression.op import Options, Shape
from ..expression.ops import OPS
from .tape import Key, Tape, formula, is_exact


class Rule(NamedTuple):
    name: str
    before: str
    after: str
    why: str


class Fired(NamedTuple):
    """One use of a rule: at which node of the graph as written, counted from 0."""

    rule: Rule
    node: int
    found: tuple[tuple[str, int], ...] = ()  # what the pattern's variables stand for, on the tape that was written


def of_softmax(axis: int | None) -> tuple[Rule, ...]:
    """The rules of softmax that are the same along every axis."""
    at, told = ("", "") if axis is None else (f", axis={axis}", f" along axis {axis}")
    total = "sum(exp(z))" if axis is None else f"spread(sum(exp(z){at}), v{at})"
    return (
        Rule("softmax spelt out" + told, f"exp(z)/{total}", f"softmax(z{at})", "inf/inf where an element of z is > 709"),
        Rule("log of a sum of exp" + told, f"log(sum(exp(z){at}))", f"logsumexp(z{at})", "exp(z) overflows for z > 709"),
        Rule("log softmax" + told, f"log(softmax(z{at}))", f"logsoftmax(z{at})", "softmax(z) is 0 for z 745 below the largest"),
    )


# Of two rules that match the first is taken: those of a special form stand before those of a general one.
STABILITY = (
    # sigmoid, softplus, tanh
    Rule("sigmoid spelt out", "1/(1 + exp(u))", "sigmoid(-u)", "exp(u) overflows for u > 709"),
    Rule("sigmoid with exp above", "exp(z)/(1 + exp(z))", "sigmoid(z)", "inf/inf for z > 709"),
    Rule("sigmoid of a difference", "exp(a)/(exp(a) + exp(b))", "sigmoid(a - b)", "inf/inf for a > 709"),
    Rule("1 - sigmoid", "1 - sigmoid(z)", "sigmoid(-z)", "the difference loses every digit for z > 37"),
    Rule("sigmoid - 1", "sigmoid(z) - 1", "-sigmoid(-z)", "the difference loses every digit for z > 37"),
    Rule("log sigmoid", "log(sigmoid(z))", "-softplus(-z)", "sigmoid(z) is 0 for z < -745 and its logarithm -inf"),
    Rule("log(1 + exp)", "log(1 + exp(z))", "softplus(z)", "exp(z) overflows for z > 709 and is lost beside 1 for z < -37"),
    Rule("log1p(exp)", "log1p(exp(z))", "softplus(z)", "exp(z) overflows for z > 709"),
    Rule("log(exp + exp)", "log(exp(a) + exp(b))", "logaddexp(a, b)", "exp(a) overflows for a > 709"),
    Rule("log(exp)", "log(exp(z))", "z", "exp(z) overflows for z > 709 and is 0 for z < -745"),
    Rule("1 - tanh²", "1 - tanh(z)**2", "4*sigmoid(2*z)*sigmoid(-2*z)", "the difference loses every digit for |z| > 19"),
    Rule("1 - tanh·tanh", "1 - tanh(z)*tanh(z)", "4*sigmoid(2*z)*sigmoid(-2*z)", "the difference loses every digit for |z| > 19"),
    Rule("1 - tanh", "1 - tanh(z)", "2*sigmoid(-2*z)", "the difference loses every digit for z > 19"),
    Rule("1 + tanh", "1 + tanh(z)", "2*sigmoid(2*z)", "the sum loses every digit for z < -19"),
    # softmax
    *of_softmax(None),
    *of_softmax(0),
    *of_softmax(1),
    Rule("softmax less the largest", "softmax(z - max(z))", "softmax(z)", "softmax takes the largest out itself"),
    Rule("logsoftmax less the largest", "logsoftmax(z - max(z))", "logsoftmax(z)", "logsoftmax takes the largest out itself"),
    Rule("logsumexp and the largest", "max(z) + logsumexp(z - max(z))", "logsumexp(z)", "logsumexp takes the largest out itself"),
    Rule("log of one of softmax", "log(take(softmax(z), k))", "take(logsoftmax(z), k)",
         "softmax(z) is 0 for z 745 below the largest"),
    Rule("z - logsumexp", "z - logsumexp(z)", "logsoftmax(z)", "the difference loses the digits of z far above the rest"),
    Rule("one of z - logsumexp", "take(z, k) - logsumexp(z)", "take(logsoftmax(z), k)",
         "the difference loses the digits of z far above the rest"),
    Rule("logsumexp - one of z", "logsumexp(z) - take(z, k)", "-take(logsoftmax(z), k)",
         "the difference loses the digits of z far above the rest"),
    Rule("1 - softmax", "1 - softmax(z)", "-expm1(logsoftmax(z))", "the difference loses every digit for z 37 above the rest"),
    Rule("1 - one of softmax", "1 - take(softmax(z), k)", "-expm1(take(logsoftmax(z), k))",
         "the difference loses every digit for z 37 above the rest"),
    Rule("exp(logsoftmax)", "exp(logsoftmax(z))", "softmax(z)", "exp magnifies the rounding of its operand"),
    # exp and log
    Rule("exp over exp", "exp(a)/exp(b)", "exp(a - b)", "inf/inf for a, b > 709"),
    Rule("1 over exp", "1/exp(x)", "exp(-x)", "exp(x) overflows for x > 709, where exp(-x) does not vanish yet"),
    Rule("exp - 1", "exp(x) - 1", "expm1(x)", "the difference loses the digits of a small x"),
    Rule("1 - exp", "1 - exp(x)", "-expm1(x)", "the difference loses the digits of a small x"),
    # Mächler (2012), "Accurately computing log(1 − exp(−|a|))"; by now 1 − exp(x) is −expm1(x)
    Rule("log(1 - exp)", "log(-expm1(x))", "where(x > -0.6931471805599453, x + log(expm1(-x)), log1p(-exp(x)))",
         "1 - exp(x) is 1 for x < -37, and its logarithm 0"),
    Rule("log(1 + x)", "log(1 + x)", "log1p(x)", "1 + x loses the digits of a small x"),
    Rule("log(1 - x)", "log(1 - x)", "log1p(-x)", "1 - x loses the digits of a small x"),
    Rule("x·log(x)", "x*log(x)", "xlogy(x, x)", "0·(-inf) is nan at x = 0, where the limit is 0"),
    Rule("-x·log(x)", "(-x)*log(x)", "-xlogy(x, x)", "0·(-inf) is nan at x = 0, where the limit is 0"),
    Rule("(1 - x)·log(1 - x)", "(1 - x)*log1p(-x)", "xlog1py(1 - x, -x)", "0·(-inf) is nan at x = 1, where the limit is 0"),
    Rule("x·log(x/y)", "x*log(x/y)", "xlogy(x, x/y)", "0·(-inf) is nan at x = 0, where the limit is 0"),
    # powers and roots
    Rule("derivative of a power", "b*x**(b - 1)",
         "where(b < 0.5, where(x == 0, where(b == 0, 0, b/x), b*x**b/x), b*x**(b + (-1)))",
         "b - 1 loses the digits of a small b; 0·inf is nan at b = x = 0"),
    Rule("derivative of a power by its exponent", "x**y*log(x)", "xlogy(x**y, x)",
         "0·(-inf) is nan at x = 0, where the limit is 0"),
    Rule("power 0", "x**0", "1", "its derivative 0·x**(-1) is nan at x = 0"),
    Rule("root of a square", "sqrt(x**2)", "abs(x)", "the square leaves the range of floats for |x| > 1e154"),
    Rule("root of x·x", "sqrt(x*x)", "abs(x)", "the square leaves the range of floats for |x| > 1e154"),
    Rule("root of two squares", "sqrt(x**2 + y**2)", "hypot(x, y)", "a square leaves the range of floats for |x| > 1e154"),
    Rule("root of a square and 1", "sqrt(x**2 + 1)", "hypot(x, 1)", "the square leaves the range of floats for |x| > 1e154"),
    Rule("root of x·x + 1", "sqrt(x*x + 1)", "hypot(x, 1)", "the square leaves the range of floats for |x| > 1e154"),
    Rule("root of x·x + y·y", "sqrt(x*x + y*y)", "hypot(x, y)", "a square leaves the range of floats for |x| > 1e154"),
    Rule("over a square", "x/y**2", "x/y/y", "the square leaves the range of floats before the quotient does"),
    # what is left where most of 1 is taken away
    Rule("1 - erf", "1 - erf(x)", "erfc(x)", "the difference loses every digit for x > 6"),
    Rule("1 + erf", "1 + erf(x)", "erfc(-x)", "the sum loses every digit for x < -6"),
    Rule("erf - 1", "erf(x) - 1", "-erfc(x)", "the difference loses every digit for x > 6"),
    Rule("1 - erfc", "1 - erfc(x)", "erf(x)", "the difference loses the digits of a small x"),
    Rule("1 - cos", "1 - cos(x)", "2*sin(x/2)**2", "the difference loses every digit for |x| < 1e-8"),
    Rule("cos - 1", "cos(x) - 1", "-2*sin(x/2)**2", "the difference loses every digit for |x| < 1e-8"),
    Rule("cosh - 1", "cosh(x) - 1", "2*sinh(x/2)**2", "the difference loses every digit for |x| < 1e-8"),
    # so that the side of a where that is not taken does no harm, and the other rules see what they are about
    Rule("where, then times", "where(c, p, 0)*v", "where(c, p*v, 0)", "0·inf is nan on the side that is not taken"),
    Rule("where not, then times", "where(c, 0, p)*v", "where(c, 0, p*v)", "0·inf is nan on the side that is not taken"),
    Rule("minus minus", "-(-x)", "x", "lets the other rules see x"),
)

EXACT = (
    Rule("times 1", "x*1", "x", "same value"),
    Rule("over 1", "x/1", "x", "same value"),
    Rule("power 1", "x**1", "x", "same value"),
    Rule("plus 0", "x + 0", "x", "same value"),
    Rule("minus 0", "x - 0", "x", "same value"),
    Rule("0 minus", "0 - x", "-x", "same value"),
    Rule("times -1", "x*(-1)", "-x", "same value"),
    Rule("minus out of a product", "x*(-y)", "-(x*y)", "same value"),
    Rule("minus out of a quotient", "(-x)/y", "-(x/y)", "same value"),
    Rule("minus out of a divisor", "x/(-y)", "-(x/y)", "same value"),
    Rule("plus a minus", "x + (-y)", "x - y", "same value"),
    Rule("minus a minus", "x - (-y)", "x + y", "same value"),
    Rule("two minuses", "(-x) - y", "-(x + y)", "same value"),
    Rule("minus a difference", "-(x - y)", "y - x", "same value"),
    Rule("where, always", "where(1, p, q)", "p", "same value"),
    Rule("where, never", "where(0, p, q)", "q", "same value"),
    Rule("times a spread scalar", "spread(g, v)*x", "g*x", "same value"),
    Rule("transposed twice", "transpose(transpose(x))", "x", "same value"),
    Rule("a share and the rest", "y*p + (1 - y)*p", "p", "the two shares of p add up to p"),
)

FUEL = 50  # rewrites at one node; the rules shrink what they match, so this is never reached


class Patterns:
    """The rules with their patterns, and which of them to try at a node: found once for all nodes that look alike."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.rules = [(rule, formula(rule.before).nodes) for rule in rules]
        self.roots = {pattern[-1].op for _, pattern in self.rules}
        self.numbers = {part.value for _, pattern in self.rules for part in pattern if part.op == CONST}
        self.found: dict[tuple[Any, ...], list[tuple[Rule, Sequence[Node]]]] = {}

    def at(self, op: str, operands: Sequence[Node]) -> Sequence[tuple[Rule, Sequence[Node]]]:
        """The rules that an operation on such operands may match."""
        if op not in self.roots:
            return ()
        key = op, *[self.look(node) for node in operands]
        if key not in self.found:
            self.found[key] = [(rule, pattern) for rule, pattern in self.rules if self.resembles(pattern, op, key[1:])]
        return self.found[key]

    def look(self, node: Node) -> str | float:
        """Its operation; of a constant that rules mention, its value."""
        return node.value if node.op == CONST and isinstance(node.value, float) and node.value in self.numbers else node.op

    def resembles(self, pattern: Sequence[Node], op: str, looks: Sequence[str | float]) -> bool:
        """Whether the pattern's root, and what stands right below it, look so."""
        below = [pattern[q] for q in pattern[-1].operands]
        orders = [looks, looks[::-1]] if OPS[op].commutes else [looks]
        return pattern[-1].op == op and any(
            all(part.op == INPUT or self.look(part) == look for part, look in zip(below, order)) for order in orders)


@lru_cache(maxsize=256)
def patterns(rules: tuple[Rule, ...]) -> Patterns:
    return Patterns(rules)


class Rewriter:
    """Writes nodes onto a new tape, replacing what a rule matches. One pass, operands before the nodes that use them."""

    def __init__(self, rules: Sequence[Rule], share: bool) -> None:
        self.tape = Tape(share)
        self.fired: list[Fired] = []
        self.seen_through: set[int] = set()  # nodes inside a pattern that fired: their derivative is no longer on the path
        self.unnamed: dict[Key, int] = {}  # by their operation, the nodes copied that have no name
        self.fold = share
        self.patterns = patterns(tuple(rules))

    def copy(self, nodes: Sequence[Node], shapes: Sequence[Shape], wanted: Sequence[bool]) -> list[int]:
        """Each wanted node's place on the new tape (-1 for the others)."""
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
            elif node.given or self.fold:
                place.append(self.make(node.op, tuple([place[k] for k in node.operands]), node.options, i, FUEL))
            else:
                place.append(self.twin(node, tuple([place[k] for k in node.operands]), i))
        return place

    def twin(self, node: Node, operands: tuple[int, ...], at: int) -> int:
        """The node, which nobody named, made; what is written twice is made once, so that rules see that it is the same."""
        key = node.op, operands, node.options
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
                if np.isfinite(value):
                    return tape.const(value)
        for rule, pattern in self.patterns.at(op, [tape.nodes[k] for k in operands]) if fuel else ():
            found = self.match(pattern, len(pattern) - 1, Node(op, operands, options=options), {})
            if found is None:
                continue
            earlier = len(self.fired)
            new = self.instantiate(rule.after, found, at, fuel - 1)
            if tape.shapes[new] != tape.shape_of(op, operands, options):
                del self.fired[earlier:]
                continue  # it holds for other shapes; what was written for it goes unused
            self.fired.insert(earlier, Fired(rule, at, tuple(found.items())))
            self.seen_through |= self.interior(operands, set(found.values()))
            return new
        return tape.apply(op, *operands, options=options)

    def instantiate(self, text: str, found: dict[str, int], at: int, fuel: int) -> int:
        place: list[int] = []
        for node in formula(text).nodes:
            if node.op == INPUT:
                place.append(found[node.name])
            elif node.op == CONST:
                place.append(self.tape.const(node.value))
            else:
                place.append(self.make(node.op, tuple(place[k] for k in node.operands), node.options, at, fuel))
        return place[-1]

    def match(self, pattern: Sequence[Node], p: int, node: Node, found: dict[str, int]) -> dict[str, int] | None:
        """The pattern's variables as nodes of the tape, or None. The pattern is small: recursion is as deep as it is."""
        want = pattern[p]
        if want.op != node.op or want.options != node.options:
            return None
        orders = [node.operands]
        if OPS[node.op].commutes:
            orders.append(node.operands[::-1])
        for operands in orders:
            bound: dict[str, int] | None = dict(found)
            for q, k in zip(want.operands, operands):
                part, there = pattern[q], self.tape.nodes[k]
                if part.op == INPUT:
                    if bound.setdefault(part.name, k) != k:  # type: ignore[union-attr]
                        bound = None
                elif part.op == CONST:
                    if there.op != CONST or there.value != part.value:
                        bound = None
                elif part.op != there.op:
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
