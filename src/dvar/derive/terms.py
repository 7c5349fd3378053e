"""A sum of products of powers as data: {((x, 2), (y, -1)): 3} is 3·x²/y. What the algebra that is told reckons with."""

from __future__ import annotations

import math
from fractions import Fraction

Monomial = tuple[tuple[int, int], ...]  # (node, exponent), sorted; a node may be a sum kept whole
Terms = dict[Monomial, Fraction]  # never changed once it is made

THIRDS = 1000  # the largest denominator of 1/3 and its like
MANY, LONG, DEEP = 40, 24, 20  # terms, factors, sums within sums: beyond that a person would not simplify by hand
ONE: Terms = {(): Fraction(1)}


class TooLong(Exception):
    """The expression has too many terms to be told."""


def only(k: int, exponent: int = 1) -> Terms:
    return {((k, exponent),): Fraction(1)}


def add(into: Terms, term: Monomial, coefficient: Fraction) -> None:
    """Raises TooLong."""
    value = into.get(term, Fraction(0)) + coefficient
    if value:
        into[term] = value
    else:
        into.pop(term, None)
    if len(into) > MANY:
        raise TooLong


def plus(a: Terms, b: Terms, sign: int = 1) -> Terms:
    out = dict(a)
    for term, coefficient in b.items():
        add(out, term, sign * coefficient)
    return out


def multiplied(a: Monomial, b: Monomial) -> Monomial:
    """Raises TooLong."""
    powers = dict(a)
    for base, exponent in b:
        powers[base] = powers.get(base, 0) + exponent
    if len(powers) > LONG:
        raise TooLong
    return tuple(sorted((k, e) for k, e in powers.items() if e))


def as_fraction(value: float) -> Fraction:
    """The number that was meant: 1/3 where so small a denominator gives this very float, else its shortest decimal."""
    short = Fraction(value).limit_denominator(THIRDS)
    return short if float(short) == value else Fraction(repr(value))


def as_float(coefficient: Fraction) -> float:
    """What floating point makes of it: beyond its range an infinity."""
    try:
        return float(coefficient)
    except OverflowError:
        return math.inf if coefficient > 0 else -math.inf
