"""The algebra that is told: expand, cancel, collect. It turns (−y/a + (1 − y)/(1 − a))·a·(1 − a) into a − y.

It works on expressions in nodes taken whole (atoms). Each is a sum of products of powers; a sum inside a product is kept as
one base while quotients cancel against it, and only then multiplied out; like terms are added. A scalar is written beside
vectors as it is, without the `spread` that a program needs. Where a quotient cancelled, `divisors.py` says what it divided by.
The result is told, never run: a − y is 0 in floating point at y = 1,
z = 40, where the exact slope is −4e-18.
"""

from __future__ import annotations

import math
from collections.abc import Container, Iterable, Mapping
from fractions import Fraction

from ..expression.graph import CONST, INPUT, Node
from ..expression.op import Options, Shape, elementwise
from ..expression.ops import OPS
from .linear import linear, picked, summed
from .tape import Tape, operands_first
from .terms import DEEP, THIRDS, Monomial, Terms, TooLong, add, as_float, as_fraction, multiplied, only, plus

Definition = tuple[str, tuple[int, ...], Options]  # an operation, its operands, its options
ARITHMETIC = ("plus", "minus", "neg", "times", "over", "power", "same")


class Algebra:
    """Expressions of one tape in the same atoms. What is found of a node is kept: telling every node costs each once.

    `alias` has nodes stand for others (a derivative for its formula); `lead` are factors that come first in a product (what
    came from the right). `whole` opens everything down to the atoms, for what it all comes to; without it, what is too long
    stays as it was written. `named` are operations that are an atom's own definition; `like` is an atom of each shape.
    `quotients` are nodes that are opened too, and written under their own name where all of one is left over: a for e/s.
    """

    def __init__(
        self, tape: Tape, atoms: Container[int], alias: Mapping[int, int], lead: Container[int], *, whole: bool = False,
        named: Mapping[Definition, int] | None = None, like: Mapping[Shape, int] | None = None, quotients: Iterable[int] = (),
    ) -> None:
        self.tape, self.atoms, self.alias, self.lead, self.whole = tape, atoms, alias, lead, whole
        self.named, self.like = {} if named is None else named, like or {}
        self.found: dict[int, Terms | None] = {}
        self.built: dict[int, int] = {}
        self.opened: dict[int, Terms] = {}
        self.closed: dict[int, tuple[Monomial, int]] = {}  # what a quotient divides by → its factors, its node
        for i in quotients:
            terms = self.terms(i) if self.told(i) is not None else {}
            [(term, coefficient)] = terms.items() if len(terms) == 1 else [((), 0)]
            below = next((k for k, e in term if e < 0), None)
            if coefficient == 1 and below is not None:
                self.closed[below] = term, i

    def told(self, root: int, multiply_out: bool = False) -> int | None:
        """The expression cancelled and collected, as a node of the tape; None where it is too long for that."""
        try:
            terms = self.terms(root)
            if multiply_out:
                terms = self.expand(terms, 0)
            if self.closed:
                terms = self.with_quotients(terms)
            if multiply_out:
                terms = self.factored(terms)
            return self.shaped(self.compose(terms), root) if terms else self.tape.const(0.0)
        except (TooLong, ZeroDivisionError, OverflowError):
            return None

    # a node as a sum of products

    def terms(self, root: int) -> Terms:
        """Raises TooLong."""
        for k in operands_first(root, self.parts, self.found):
            self.found[k] = self.flatten(k)
        found = self.found[root]
        if found is None:
            raise TooLong
        return found

    def parts(self, k: int) -> tuple[int, ...]:
        if k in self.alias:
            return (self.alias[k],)
        return () if k in self.atoms else self.tape.nodes[k].operands

    def flatten(self, k: int) -> Terms | None:
        """Node k, its parts being known; None where it is too long."""
        if k in self.alias:
            return self.found[self.alias[k]]
        node = self.tape.nodes[k]
        if k not in self.atoms and isinstance(node.value, float) and math.isfinite(node.value):
            if abs(node.value) == math.pi:  # it stays π
                return {((self.tape.const(math.pi), 1),): Fraction(1 if node.value > 0 else -1)}
            return {(): as_fraction(node.value)} if node.value else {}
        if k in self.atoms or node.op in (INPUT, CONST):
            return only(k)
        try:
            return self.arithmetic(k, node) if node.op in ARITHMETIC else self.operation(k, node)
        except (TooLong, ZeroDivisionError, OverflowError):
            return None if self.whole else only(k)

    def arithmetic(self, k: int, node: Node) -> Terms:
        parts = [self.terms(j) for j in node.operands]
        if node.op == "same":
            return parts[0]
        if node.op in ("plus", "minus", "neg"):
            return plus({} if node.op == "neg" else parts[0], parts[-1], 1 if node.op == "plus" else -1)
        left = self.as_factor(node.operands[0])
        if node.op == "times":
            return self.product(left, self.as_factor(node.operands[1]))
        if node.op == "over":
            return self.product(left, self.power(node.operands[1], -1))
        exponent = self.tape.nodes[node.operands[1]].value
        if isinstance(exponent, float) and exponent == int(exponent) and 0 < abs(exponent) <= 8:
            return self.power(node.operands[0], int(exponent))
        return self.operation(k, node)

    def as_factor(self, i: int) -> Terms:
        """A plain sum as one base; a single product, or a sum that holds quotients, as it is."""
        terms = self.terms(i)
        if len(terms) <= 1 or any(e < 0 for term in terms for _, e in term):
            return terms
        return only(self.bare(i))

    def power(self, i: int, exponent: int) -> Terms:
        terms = self.terms(i)
        if len(terms) == 1:
            [(term, coefficient)] = terms.items()
            return {tuple((k, e * exponent) for k, e in term): coefficient**exponent}
        if not terms and exponent < 0:
            raise ZeroDivisionError
        return only(self.bare(i), exponent) if terms else {}

    def product(self, a: Terms, b: Terms) -> Terms:
        out: Terms = {}
        for left, p in a.items():
            for right, q in b.items():
                term = multiplied(left, right)
                add(out, picked(self, term) if self.whole else term, p * q)
        return out

    # what is no arithmetic

    def operation(self, k: int, node: Node) -> Terms:
        """Any other operation, on its operands as they are told."""
        op = OPS[node.op]
        if op.linear:
            return linear(self, node)
        if self.whole and op.reflected:
            inside = self.terms(node.operands[0])
            if inside and all(c < 0 for c in inside.values()):
                other = self.compose({term: -c for term, c in inside.items()})
                return self.terms(self.tape.write(op.reflected, a=other))
        operands = self.operands(node)
        if op.shape is elementwise:
            bare = tuple(map(self.bare, node.operands))
            if self.tape.shape_of(node.op, bare, node.options) == self.tape.shapes[k]:
                operands = bare
        return self.base(node.op, operands, node.options)

    # multiplying out

    def expand(self, terms: Terms, depth: int) -> Terms:
        """Multiply out the sums that were kept whole and did not cancel, and collect like terms. Raises TooLong."""
        out: Terms = {}
        for term, coefficient in terms.items():
            piece: Terms = {(): coefficient}
            for base, exponent in term:
                inner = self.open(base, depth + 1) if 0 < exponent <= 8 else None
                if inner is None or inner == only(base):
                    piece = self.product(piece, only(base, exponent))
                else:
                    for _ in range(exponent):
                        piece = self.product(piece, inner)
            out = plus(out, piece)
        return out

    def open(self, base: int, depth: int) -> Terms:
        if base not in self.opened:
            node = self.tape.nodes[base]
            if depth > DEEP:
                raise TooLong
            if base in self.atoms or node.op not in (*ARITHMETIC, "sum"):
                self.opened[base] = only(base)
            elif node.op == "sum" and node.options == (None,):
                self.opened[base] = summed(self, self.expand(self.terms(node.operands[0]), depth), node.operands[0])
            else:
                terms = self.terms(base)
                self.opened[base] = terms if terms == only(base) else self.expand(terms, depth)
        return self.opened[base]

    def factored(self, terms: Terms) -> Terms:
        """What all terms have in common, taken out: q·a − q·y = q·(a − y)."""
        sizes = {abs(c) for c in terms.values()}
        size = sizes.pop() if len(sizes) == 1 else Fraction(1)
        shared = {k: e for k, e in next(iter(terms), ()) if all((k, e) in term for term in terms)}
        if len(terms) < 2 or (not shared and size == 1):
            return terms
        rest = {tuple((k, e) for k, e in term if k not in shared): c / size for term, c in terms.items()}
        return self.product({tuple(shared.items()): size}, only(self.compose(rest)))

    def with_quotients(self, terms: Terms) -> Terms:
        """e·x/s as a·x, where a = e/s."""
        out: Terms = {}
        for term, coefficient in terms.items():
            for below, exponent in term:
                factors, node = self.closed.get(below, ((), 0))
                powers = dict(term)
                if exponent < 0 and factors and all(powers.get(k, 0) / e >= 1 for k, e in factors):
                    term = multiplied(multiplied(term, tuple((k, -e) for k, e in factors)), ((node, 1),))
            add(out, term, coefficient)
        return out

    # back to nodes

    def composed(self, k: int) -> int:
        """Node k as it is told, in its shape."""
        if k not in self.built:
            self.built[k] = self.shaped(self.bare(k), k)
        return self.built[k]

    def bare(self, k: int) -> int:
        """Node k as it is told; where all its elements are equal, one of them."""
        return self.compose(self.terms(k))

    def shaped(self, told: int, k: int) -> int:
        if self.tape.shapes[told] == self.tape.shapes[k]:
            return told
        return self.make("spread", (told, self.like_of(k)), (None,))

    def operands(self, node: Node) -> tuple[int, ...]:
        """As they are told. One that only lends its shape is an atom of that shape, whichever."""
        likes = OPS[node.op].likes
        return tuple(self.like_of(k) if p in likes else self.composed(k) for p, k in enumerate(node.operands))

    def like_of(self, k: int) -> int:
        """What lends the shape of node k."""
        return self.like.get(self.tape.shapes[k], k)

    def base(self, op: str, operands: tuple[int, ...], options: Options) -> Terms:
        made = self.make(op, operands, options)
        self.found.setdefault(made, only(made))
        return only(made)

    def make(self, op: str, operands: tuple[int, ...], options: Options) -> int:
        options = options or OPS[op].unless_said
        known = self.named.get((op, operands, options))
        return self.tape.apply(op, *operands, options=options) if known is None else known

    def compose(self, terms: Terms) -> int:
        """The terms as nodes: positive ones first, quotients last in each product."""
        added: int | None = None
        for term, coefficient in sorted(terms.items(), key=lambda t: (t[1] < 0, len(t[0]))):
            if added is None:
                added = self.monomial(term, coefficient)
            else:
                added = self.tape.apply("minus" if coefficient < 0 else "plus", added, self.monomial(term, abs(coefficient)))
        return self.tape.const(0.0) if added is None else added

    def monomial(self, term: Monomial, coefficient: Fraction) -> int:
        nodes = self.tape.nodes
        above = sorted(((k, e) for k, e in term if e > 0), key=lambda f: (f[0] not in self.lead, nodes[f[0]].op != CONST))
        below = [(k, -e) for k, e in term if e < 0]
        as_quotient = max(abs(coefficient.numerator), coefficient.denominator) <= THIRDS and len(repr(as_float(coefficient))) > 8
        divisor = Fraction(coefficient.denominator if as_quotient else 1)  # 1/3 as a quotient, 1/2 as 0.5
        node = self.joined(above, coefficient * divisor)
        return self.tape.apply("over", node, self.joined(below, divisor)) if below or divisor != 1 else node

    def joined(self, powers: list[tuple[int, int]], coefficient: Fraction) -> int:
        """coefficient·base^exponent·…; a minus stands before the first factor."""
        tape = self.tape
        node = None if powers and abs(coefficient) == 1 else tape.const(as_float(coefficient))
        for base, exponent in powers:
            factor = base if exponent == 1 else tape.apply("power", base, tape.const(float(exponent)))
            if node is None:
                node = tape.apply("neg", factor) if coefficient < 0 else factor
            else:
                node = tape.apply("times", node, factor)
        assert node is not None
        return node

    def beside(self, root: int, factor: int) -> int | None:
        """What the factor is multiplied with in an expression; None where it is not simply a factor of it."""
        try:
            terms = self.terms(root)
        except TooLong:
            return None
        if not terms or not all((factor, 1) in term for term in terms):
            return None
        local = self.compose({tuple(f for f in term if f != (factor, 1)): c for term, c in terms.items()})
        shapes = self.tape.shapes
        return local if elementwise(shapes[local], shapes[factor]) == shapes[root] else None  # g → spread(g, x)
