"""How operations on vectors and matrices are told: what is linear lets scalars out, a spread scalar is written as it is, and
a vector times zeros with a single one is that element: sum(2·x·onehot(k)) = 2·x[k]."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from ..expression.graph import CONST, Node
from ..expression.ops import OPS
from .terms import ONE, Monomial, Terms, plus

if TYPE_CHECKING:
    from .algebra import Algebra


def linear(told: Algebra, node: Node) -> Terms:
    """A linear operation as a sum of products. Raises TooLong."""
    tape, first = told.tape, node.operands[0]
    shape = tape.shapes[first]
    if {"sum": shape == (), "transpose": len(shape) < 2, "spread": node.options == (None,)}.get(node.op):
        return told.terms(first)
    if node.op == "sum" and node.options == (None,):
        terms = told.terms(first)
        return summed(told, terms, first) if len(terms) < 2 else told.base("sum", (told.composed(first),), (None,))
    if node.op == "place" and shape == ():
        return told.product(told.as_factor(first), indicator(told, node))
    if node.op == "take" and tape.nodes[node.operands[1]].op == CONST and node.operands[1] not in told.atoms:
        node = Node("index", (first,), options=((whole_number(told, node.operands[1]),),))
    operands, outside = list(told.operands(node)), ONE
    if node.op == "transpose" and operands[0] not in told.atoms and tape.nodes[operands[0]].op == "transpose":
        return told.terms(tape.nodes[operands[0]].operands[0])
    for p in OPS[node.op].linear:
        terms = told.terms(node.operands[p])
        if not terms:
            return {}
        if len(terms) == 1 and tape.shapes[node.operands[p]] != ():
            [(term, coefficient)] = terms.items()
            scalars, arrays = split(told, term)
            if arrays:
                outside = told.product(outside, {scalars: coefficient})
                operands[p] = told.compose({arrays: Fraction(1)})
    return told.product(outside, told.base(node.op, tuple(operands), node.options))


def summed(told: Algebra, terms: Terms, array: int) -> Terms:
    """The sum over all elements of an array, term by term."""
    out: Terms = {}
    for term, coefficient in terms.items():
        scalars, arrays = split(told, term)
        if not arrays:
            inside = told.base("count", (told.like_of(array),), (None,))
        elif told.whole and len(arrays) == 1 and is_indicator(told, arrays[0][0]):
            inside = ONE
        else:
            inside = told.base("sum", (told.compose({arrays: Fraction(1)}),), (None,))
        out = plus(out, told.product({scalars: coefficient}, inside))
    return out


def split(told: Algebra, term: Monomial) -> tuple[Monomial, Monomial]:
    """Its scalar factors, and those that are arrays."""
    shapes = told.tape.shapes
    return tuple(f for f in term if shapes[f[0]] == ()), tuple(f for f in term if shapes[f[0]] != ())


def indicator(told: Algebra, node: Node) -> Terms:
    """Zeros with a one at the index: what place(g, like, at) has as a factor of g."""
    like, at = told.like_of(node.operands[1]), node.options[0]
    if len(told.tape.shapes[like]) == 1 and at[0] >= 0:
        return told.base("onehot", (told.tape.const(float(at[0])), like), ())
    return told.base("place", (told.tape.const(1.0), like), node.options)


def is_indicator(told: Algebra, k: int) -> bool:
    node = told.tape.nodes[k]
    return k not in told.atoms and (node.op == "onehot" or (node.op == "place" and told.tape.shapes[node.operands[0]] == ()))


def picked(told: Algebra, term: Monomial) -> Monomial:
    """x·onehot(k) = x[k]·onehot(k)."""
    one = next((k for k, e in term if e > 0 and is_indicator(told, k)), None)
    if one is None:
        return term
    powers = {one: 1}
    for base, exponent in term:
        if base != one:
            same = told.tape.shapes[base] == told.tape.shapes[one]
            chosen = pick(told, base, one) if same else base
            powers[chosen] = powers.get(chosen, 0) + exponent
    return tuple(sorted((k, e) for k, e in powers.items() if e))


def pick(told: Algebra, array: int, one: int) -> int:
    node = told.tape.nodes[one]
    if node.op == "place":
        return told.make("index", (array,), node.options)
    number = node.operands[0]
    if told.tape.nodes[number].op == CONST and number not in told.atoms:
        return told.make("index", (array,), ((whole_number(told, number),),))
    return told.make("take", (array, number), ())


def whole_number(told: Algebra, k: int) -> int:
    return int(told.tape.nodes[k].value)  # type: ignore[arg-type]
