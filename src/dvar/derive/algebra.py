"""The algebra that is told: expand, cancel, collect. It turns (−y/a + (1 − y)/(1 − a))·a·(1 − a) into a − y.

It works on expressions in nodes taken whole (atoms). A sum is kept as one base while quotients cancel against it, and only
then multiplied out; like terms are added. The result is told, never run: a − y is 0 in floating point at y = 1, z = 40,
where the exact slope is −4e-18.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from ..expression.graph import CONST
from .tape import Tape

Monomial = tuple[tuple[int, int], ...]  # (node, exponent), sorted; a node may be a sum kept whole
Terms = dict[Monomial, Fraction]
MANY = 40  # terms; a longer expression is not what a person would simplify by hand


class TooLong(Exception):
    """The expression has too many terms to be told."""


def told(
    tape: Tape, root: int, is_atom: Callable[[int], bool], first: Callable[[int], bool], multiply_out: bool
) -> int | None:
    """The expression of `root` cancelled and collected, written onto the tape; None where it is too long for that.

    `first` says which factors lead a product: what came from the right.
    """
    try:
        terms = flatten(tape, root, is_atom)
        return compose(tape, expand(tape, terms, is_atom) if multiply_out else terms, first)
    except (TooLong, ZeroDivisionError):
        return None


def add(into: Terms, term: Monomial, coefficient: Fraction) -> None:
    value = into.get(term, Fraction(0)) + coefficient
    if value:
        into[term] = value
    else:
        into.pop(term, None)
    if len(into) > MANY:
        raise TooLong


def product(a: Terms, b: Terms) -> Terms:
    out: Terms = {}
    for left, p in a.items():
        for right, q in b.items():
            powers = dict(left)
            for base, exponent in right:
                powers[base] = powers.get(base, 0) + exponent
            add(out, tuple(sorted((k, e) for k, e in powers.items() if e)), p * q)
    return out


def flatten(tape: Tape, i: int, is_atom: Callable[[int], bool], depth: int = 0) -> Terms:
    """Node i as a sum of products of powers; sums inside products stay whole, unless they hold quotients to cancel."""
    if depth > 60:
        raise TooLong
    node = tape.nodes[i]
    if node.op == CONST and isinstance(node.value, float):
        return {(): Fraction(node.value)} if node.value else {}
    if is_atom(i) or node.op not in ("plus", "minus", "neg", "times", "over", "power", "same"):
        return {((i, 1),): Fraction(1)}
    parts = [flatten(tape, k, is_atom, depth + 1) for k in node.operands]
    if node.op == "same":
        return parts[0]
    if node.op in ("plus", "minus", "neg"):
        out = dict(parts[0]) if node.op != "neg" else {}
        sign = Fraction(1 if node.op == "plus" else -1)
        for term, coefficient in parts[-1].items():
            add(out, term, sign * coefficient)
        return out
    left, right = (whole(tape, k, part) for k, part in zip(node.operands, parts))
    if node.op == "times":
        return product(left, right)
    if node.op == "over":
        return product(left, power(node.operands[1], right, -1))
    exponent = tape.nodes[node.operands[1]].value
    if isinstance(exponent, float) and exponent == int(exponent) and 0 < abs(exponent) <= 8:
        return power(node.operands[0], left, int(exponent))
    return {((i, 1),): Fraction(1)}


def whole(tape: Tape, i: int, terms: Terms) -> Terms:
    """A plain sum as one base; a single product, or a sum that holds quotients, as it is."""
    if len(terms) <= 1 or any(e < 0 for term in terms for _, e in term):
        return terms
    return {((i, 1),): Fraction(1)}


def power(i: int, terms: Terms, exponent: int) -> Terms:
    if len(terms) == 1:
        [(term, coefficient)] = terms.items()
        return {tuple((k, e * exponent) for k, e in term): coefficient**exponent}
    if not terms:
        raise ZeroDivisionError
    return {((i, exponent),): Fraction(1)}


def expand(tape: Tape, terms: Terms, is_atom: Callable[[int], bool]) -> Terms:
    """Multiply out the sums that were kept whole and did not cancel, and collect like terms."""
    out: Terms = {}
    for term, coefficient in terms.items():
        piece: Terms = {(): coefficient}
        for base, exponent in term:
            inner = flatten(tape, base, is_atom)
            if exponent > 0 and inner != {((base, 1),): Fraction(1)}:
                for _ in range(exponent):
                    piece = product(piece, expand(tape, inner, is_atom))
            else:
                piece = product(piece, {((base, exponent),): Fraction(1)})
        for monomial, value in piece.items():
            add(out, monomial, value)
    return out


def compose(tape: Tape, terms: Terms, first: Callable[[int], bool]) -> int:
    """The terms as nodes: positive ones first, quotients last in each product."""
    added: int | None = None
    for term, coefficient in sorted(terms.items(), key=lambda t: (t[1] < 0, len(t[0]))):
        size = abs(coefficient)
        above = sorted(((k, e) for k, e in term if e > 0), key=lambda factor: not first(factor[0]))
        below = [(k, -e) for k, e in term if e < 0]
        node = monomial(tape, above, size if size != 1 or not above else None)
        assert node is not None
        divisor = monomial(tape, below, None)
        if divisor is not None:
            node = tape.apply("over", node, divisor)
        if added is None:
            added = tape.apply("neg", node) if coefficient < 0 else node
        else:
            added = tape.apply("minus" if coefficient < 0 else "plus", added, node)
    return tape.const(0.0) if added is None else added


def monomial(tape: Tape, powers: list[tuple[int, int]], coefficient: Fraction | None) -> int | None:
    node = None if coefficient is None else tape.const(float(coefficient))
    for base, exponent in powers:
        factor = base if exponent == 1 else tape.apply("power", base, tape.const(float(exponent)))
        node = factor if node is None else tape.apply("times", node, factor)
    return node
