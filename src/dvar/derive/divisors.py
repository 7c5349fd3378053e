"""What a told expression divides by. Where a quotient cancelled, x/x → 1, what it divided by is no longer there to see:
the difference between before and after says for which values the shorter expression stands."""

from __future__ import annotations

from fractions import Fraction

from ..expression.graph import CONST, INPUT
from ..expression.ops import OPS
from .algebra import Algebra
from .tape import operands_first
from .terms import DEEP, MANY, TooLong


class Divisors:
    """The divisors of expressions as an algebra reads them. What is found of a node is kept."""

    def __init__(self, algebra: Algebra) -> None:
        self.algebra, self.tape = algebra, algebra.tape
        self.found: dict[int, frozenset[int] | None] = {}

    def cancelled(self, before: int, after: int) -> list[int]:
        """What the one expression divides by and the other does not; nothing where they are too long to say."""
        was, still = self.of(before), self.of(after)
        if was is None or still is None:
            return []
        return sorted(k for k in was - still if not self.factors(k) <= still)

    def factors(self, k: int) -> set[int]:
        """What an atom is the product of, where it is one: u = x·y is 0 only where x or y is."""
        try:
            terms = self.algebra.arithmetic(k, self.tape.nodes[k]) if self.tape.nodes[k].op in ("times", "power") else {}
        except TooLong:
            return {k}
        return {base for term in terms for base, e in term if e > 0} or {k}

    def of(self, root: int) -> frozenset[int] | None:
        """What an expression divides by and is not positive anyway: 1/a is there for a ≠ 0 only. None where it is too long."""
        for k in operands_first(root, self.algebra.parts, self.found):
            self.found[k] = self.divided(k)
        return self.found[root]

    def divided(self, k: int) -> frozenset[int] | None:
        found = frozenset[int]()
        for j in self.algebra.parts(k):
            inner = self.found[j]
            if inner is None or len(inner) > MANY:
                return None
            found = found | inner if inner - found else found
        below = self.below(k)
        if below is None:
            return found
        try:
            terms = self.algebra.terms(below)
            bases = [base for term in terms for base, e in term if e > 0] if len(terms) < 2 else [self.algebra.bare(below)]
        except (TooLong, OverflowError):
            return None
        return found | {base for base in bases if not self.positive(base, 0)}

    def below(self, k: int) -> int | None:
        """What node k itself divides by."""
        node, atoms = self.tape.nodes[k], self.algebra.atoms
        if k in atoms or node.op not in ("over", "power") or (node.op == "power" and node.operands[1] in atoms):
            return None
        exponent = self.tape.nodes[node.operands[1]].value
        if node.op == "power":
            return node.operands[0] if isinstance(exponent, float) and exponent < 0 else None
        return node.operands[1]

    def positive(self, k: int, depth: int) -> bool:
        """Whether it is positive for all inputs, by its operations. An atom alone is not asked: a ≠ 0 is what a reader sees."""
        node = self.tape.nodes[k]
        if node.op == CONST:
            return isinstance(node.value, float) and node.value > 0
        if (k in self.algebra.atoms and depth == 0) or node.op == INPUT or depth > DEEP:
            return False
        asked = OPS[node.op].positive
        return asked is not None and all(self.positive(j, depth + 1) for j in node.operands[:asked])

    def excluded(self, k: int) -> tuple[int, int]:
        """k ≠ 0 as (x, c): x ≠ c, where k is x − c or c − x; else (k, 0)."""
        terms = self.algebra.terms(k)
        bases = [term for term in terms if term]
        if len(bases) == 1 and len(bases[0]) == 1 and bases[0][0][1] == 1 and len(terms) <= 2:
            return bases[0][0][0], self.tape.const(float(-terms.get((), Fraction(0)) / terms[bases[0]]))
        return k, self.tape.const(0.0)
