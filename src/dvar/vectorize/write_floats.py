"""Straight-line Python on floats: the program of a graph of numbers, a line per named node, with the functions of `math`.

Python's floats raise where IEEE 754 has inf and nan: 1/0, exp(1000), log(0), sqrt(-1). Where a line can raise, all of them
stand in a `try`, and the same lines are run again on NumPy's numbers, which do not. So the program costs its arithmetic alone
and answers what every other program of the graph does.
"""

from __future__ import annotations

import builtins
import math
import re
from collections.abc import Callable
from functools import lru_cache
from types import FunctionType
from typing import Any

import numpy as np

from ..expression.graph import CONST, INPUT, Node, Value
from ..expression.op import ATOM, COMPARE, Form, Op
from ..expression.ops import MATH, OPS
from ..expression.writing import write
from .program import Listing, as_numbers, times_one

CALL = re.compile(r"\b([a-z]\w*)\(")  # in the row of an operation: a function of math, or a builtin
RAISES = re.compile(r"/|\b(?!abs\()[a-z]\w*\(")  # a quotient, or a call other than abs
COMPILED = "# compiled; where Python's floats raise, these are inf and nan (IEEE 754)\n"
PLACES = ("{0}", "{1}", "{2}")


def write_floats(listing: Listing, compiled: bool = False) -> str:
    """Source of a function of the inputs, all floats → (value, *derivatives); bare lines where they are to be compiled."""
    return COMPILED * compiled + Writer(listing).source(guarded=not compiled)


def ieee(function: Callable[..., Any], *inputs: float) -> tuple[float, ...]:
    """What the lines of a program answer with NumPy's functions, inputs and constants in place of Python's."""
    code = function.__code__
    known = {name: function.__globals__.get(name, getattr(builtins, name, None)) for name in code.co_names}
    constants = tuple(np.float64(c) if isinstance(c, float) else c for c in code.co_consts)
    lines = FunctionType(code.replace(co_consts=constants), {name: NUMPY.get(value, value) for name, value in known.items()})
    with np.errstate(all="ignore"):
        return tuple(map(float, lines(*map(np.float64, inputs))))


def number(function: Callable[..., Any], *operands: float) -> float:
    """What a function that `math` lacks answers, as a float; it never warns."""
    return float(quiet(function, *operands))


def quiet(function: Callable[..., Any], *operands: float) -> Any:
    with np.errstate(all="ignore"):
        return function(*operands)


NUMPY: dict[Any, Any] = {number: quiet, float: np.float64} | {getattr(math, name): op.compute for name, op in MATH.items()}


class Writer:
    def __init__(self, listing: Listing) -> None:
        self.listing, self.names = listing, listing.names
        self.forms: dict[str, Form] = {}
        self.raises = False
        self.answers = {self.names.fresh("d" + p): k for p, k in listing.slopes.items()}
        named = dict(self.answers)
        if listing.value not in listing.called:
            named = {self.names.fresh(listing.output): listing.value, **named}
        for name, k in named.items():
            if k is not None and listing.nodes[k].op != CONST:
                listing.called.setdefault(k, name)  # what nobody named is called as the answer it is
        self.answered = {listing.value, *(k for k in self.answers.values() if k is not None)}
        self.numbers = as_numbers(listing.nodes, self.answered)
        self.alone = listing.alone(self.repeated, self.answered)

    def source(self, guarded: bool) -> str:
        one = self.listing
        function = self.names.fresh(f"{one.output}_and_derivatives")
        inputs = [one.name(i) for i, node in enumerate(one.nodes) if node.op == INPUT]
        lines = {i: self.line(i, text) for i, text in write(one.nodes, self.alone, one.name, self.form, spell_float).items()}
        used = {k for node in one.nodes for k in node.operands}
        last = {name: lines.pop(k) for name, k in self.answers.items() if k in lines and k not in used and one.name(k) == name}
        body = [*lines.values(), *(last.get(name) or f"{name} = {self.atom(k)}" for name, k in self.answers.items()
                                   if name in last or k is None or one.called.get(k) != name)]
        body.append(f"return {', '.join([self.atom(one.value), *self.answers])}{',' * (not self.answers)}")
        if guarded and self.raises:
            again = f"return {self.names.function(__name__, 'ieee')}({', '.join([function, *inputs])})"
            body = ["try:", *(f"    {line}" for line in body),
                    "except (ArithmeticError, ValueError):  # IEEE 754 has inf and nan where floats raise", f"    {again}"]
        imports = self.names.import_lines()
        head = [*imports, *[""] * bool(imports), f"def {function}({', '.join(inputs)}):"]
        return "\n".join([*head, *(f"    {line}" for line in body), ""])

    def line(self, i: int, text: str) -> str:
        original = self.listing.written.get(i)
        return f"{self.listing.name(i)} = {text}" + (f"  # as written: {original}" if original else "")

    def atom(self, k: int | None) -> str:
        if k is None:
            return "0.0"
        node = self.listing.nodes[k]
        return spell_float(node.value) if node.op == CONST else self.listing.name(k)  # type: ignore[arg-type]

    # one node

    def form(self, i: int, node: Node) -> Form:
        op, last = OPS[node.op], self.listing.nodes[node.operands[-1]].value
        if last in op.by_last:
            return op.by_last[last]
        if node.op not in self.forms:
            self.forms[node.op] = self.spelt(op)
        self.raises = self.raises or (can_raise(op) and not (node.op == "over" and last))
        return times_one(self.forms[node.op]) if i in self.numbers else self.forms[node.op]

    def spelt(self, op: Op) -> Form:
        text, none = written(op), (0,) * op.arity
        if not text:
            called = self.names.function(__name__, "number"), self.names.function(*op.function)
            return Form(f"{called[0]}({', '.join([called[1], *['{}'] * op.arity])})", none, ATOM)
        template = CALL.sub(lambda call: self.function(call[1]) + "(", text)
        if op.floats:
            alone = re.fullmatch(r"\w+\([{}, ]*\)", text)
            return Form(template, none, ATOM) if alone else Form(template, (ATOM,) * op.arity, 0)
        return Form(template, (COMPARE,) * op.arity, ATOM) if op.loop else Form(template, op.sides, op.binds)

    def function(self, name: str) -> str:
        return self.names.function("math" if hasattr(math, name) else "builtins", name)

    def repeated(self, i: int, node: Node) -> list[int]:
        """The operands that the node's text holds more than once."""
        template = self.form(i, node).template
        assert isinstance(template, str)
        return [k for position, k in enumerate(node.operands) if template.count(PLACES[position]) > 1]


def written(op: Op) -> str:
    """The row's own template; "" where the program calls its function."""
    return op.floats or op.loop or op.text


@lru_cache
def can_raise(op: Op) -> bool:
    return RAISES.search(written(op)) is not None


def spell_float(value: Value) -> str:
    return repr(value) if math.isfinite(value) else "1e999" if value > 0 else "-1e999"  # type: ignore[arg-type,operator]
