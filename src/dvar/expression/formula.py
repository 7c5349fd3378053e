"""Formulas: text → Graph, in a small grammar of their own; nothing is ever evaluated as Python.

    text       =  [ "inputs" ":" name { "," name } ]  statement { ( ";" | newline ) statement }
    statement  =  [ name "=" ] expression                    the last one is the output
    expression =  numbers, names, `odd names`, [1, 2] vectors, + - * / @ **, comparisons, calls of the table's operations,
                  with options where they have some: sum(W, axis=0), and elements: x[0], W[:, 1:3], p[y]

No name means anything but an operation's (before a parenthesis), `pi`, or a variable's. A name that no statement
defines is an input. The same table of binding strengths reads and writes, so what is printed reads back as the same graph.
"""

from __future__ import annotations

import math

from ..errors import UsageError, nearest
from .graph import CONST, Builder, Graph
from .op import COMPARE, POWER
from .ops import CALLS, OF_TWO, OPS, ROWS
from .tokens import ENDS, HINTS, Tokens, is_sign

SIGNS = {op.text.replace("{}", "").strip(): op for op in ROWS if op.sides and op.name not in ("neg", "same")}
LEVELS = {sign: op.binds for sign, op in SIGNS.items()}


class Reader(Tokens):
    """One text being read, and the graph so far."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.last = next((i for i in range(len(self.tokens) - 2, -1, -1) if not is_sign(self.tokens[i], *ENDS)), -1)
        self.stated = False  # whether there was a statement
        self.builder = Builder()
        self.known: dict[str, int] = {}

    # statements

    def read(self) -> Graph:
        declared = self.header()
        names = declared or self.free_names()
        for name in names:
            self.known[name] = self.builder.input(name)
        output = None
        while self.tokens[self.at][0] != "end":
            if self.take(";") or self.take("\n"):
                continue
            output = self.statement()
            self.stated = True
        if output is None:
            raise UsageError("there is no formula: the text is empty", 'write one such as "u = b*c; J = 3*u"')
        return self.builder.close(output)

    def header(self) -> list[str]:
        """`inputs: w, b, x` — their order, where it is not the alphabetical one."""
        while self.take("\n") or self.take(";"):
            pass
        if self.tokens[self.at][:2] != ("name", "inputs") or not is_sign(self.tokens[self.at + 1], ":"):
            return []
        self.at += 2
        names: list[str] = []
        while True:
            kind, name, where = self.tokens[self.at]
            if kind not in ("name", "quoted") or name in names:
                self.fail("expected the name of one more input", where)
            names.append(name)
            self.at += 1
            if not self.take(","):
                return names

    def free_names(self) -> list[str]:
        """The names that are used and that no statement defines, in alphabetical order."""
        used, defined = set(), set()
        for i, (kind, what, where) in enumerate(self.tokens[self.at : -1], self.at):
            after = self.tokens[i + 1]
            if kind not in ("name", "quoted") or (kind == "name" and (is_sign(after, "(") or what == "pi")):
                continue
            if is_sign(after, "=") and (i == 0 or is_sign(self.tokens[i - 1], *ENDS)):
                if what in used and what not in defined:
                    self.fail(f"{what!r} is used before it is defined here", where, "put its definition first, or rename it")
                defined.add(what)
            elif is_sign(after, "=") and i and is_sign(self.tokens[i - 1], "(", ","):
                continue  # an option, axis=0
            elif what not in defined:
                used.add(what)
        return sorted(used)

    def statement(self) -> int:
        kind, name, where = self.tokens[self.at]
        named = kind in ("name", "quoted") and is_sign(self.tokens[self.at + 1], "=")
        if is_sign(self.tokens[self.at], "+", "-") and self.stated:
            self.fail(f"a statement of its own starts with {name!r}", where, "a formula of several lines stands in parentheses")
        if named:
            if name == "pi" and kind == "name":
                self.fail("pi is a constant and cannot be defined", where)
            self.at += 2
        before = len(self.builder.nodes)
        index = self.expression(COMPARE)
        kind, what, place = self.tokens[self.at]
        if kind != "end" and not is_sign(self.tokens[self.at], *ENDS):
            self.after_expression(kind, what, place)
        if not named and self.at < self.last:
            self.fail("a statement that is not the last one needs a name", where, "write it as u = …")
        node = self.builder.nodes[index]
        if node.op == CONST and not node.name and named and self.at < self.last:
            self.known[name] = self.builder.const(node.value, name)
            return self.known[name]
        if index < before or node.op == CONST:
            index = self.builder.apply("same", index)
        self.builder.give(index, name if named else "f")
        if named:
            self.known[name] = index
        return index

    def after_expression(self, kind: str, what: str, where: int) -> None:
        before = self.tokens[self.at - 1]
        if kind in ("name", "quoted", "number") or what == "(":
            if what in ("and", "or", "not", "in", "is"):
                self.fail(f"{what!r} is not part of the language of formulas", where, "both of two conditions: (a > 1)*(b < 2)")
            if before[0] == "number" or what == "(" or is_sign(before, ")"):
                self.fail(f"an operation is missing before {what!r}", where, f"a product is written with *: {before[1]}*{what}")
            self.fail(f"unexpected {what!r} after {before[1]!r}", where, HINTS.get(what, "an operation or ; is missing"))
        if what == "=":
            self.fail("'=' defines a name at the start of a statement", where, "compare with ==")
        decimals = what == "," and before[0] == self.tokens[self.at + 1][0] == "number"
        self.fail(f"unexpected {what!r}", where, "a number has a decimal point: 1.5" if decimals else HINTS.get(what, ""))

    # expressions: precedence climbing

    def expression(self, level: int) -> int:
        left = self.unary()
        while (sign := self.what) in LEVELS and LEVELS[sign] >= level and LEVELS[sign] != POWER:
            where = self.tokens[self.at][2]
            self.at += 1
            op = SIGNS[sign]
            right = self.expression(op.sides[1])
            if op.binds == COMPARE and self.what in LEVELS and LEVELS[self.what] == COMPARE:
                self.fail("comparisons do not chain", where, "write them one by one with where(…)")
            left = self.builder.apply(op.name, left, right)
        return left

    def unary(self) -> int:
        where = self.tokens[self.at][2]
        if self.take("-"):
            self.deeper(where)
            inner = self.unary()
            self.depth -= 1
            node = self.builder.nodes[inner]
            if node.op == CONST and not node.name and isinstance(node.value, float) and node.value >= 0:
                return self.builder.const(-node.value)  # -3 is a number, not an operation
            return self.builder.apply("neg", inner)
        if self.take("+"):
            self.deeper(where)
            inner = self.unary()
            self.depth -= 1
            return inner
        base = self.elements(self.atom())
        if self.take("**"):
            self.deeper(where)
            exponent = self.unary()
            self.depth -= 1
            return self.builder.apply("power", base, exponent)
        return base

    def atom(self) -> int:
        kind, what, where = self.tokens[self.at]
        self.at += 1
        if kind == "number":
            return self.builder.const(float(what))
        if kind == "quoted" or (kind == "name" and not is_sign(self.tokens[self.at], "(")):
            if kind == "name" and what == "pi":
                return self.builder.const(math.pi)
            if what not in self.known:
                self.fail(f"{what!r} is used before it is defined", where, "give one of the two another name")
            return self.known[what]
        if kind == "name":
            return self.call(what, where)
        if what == "(":
            self.deeper(where)
            inner = self.expression(COMPARE)
            self.depth -= 1
            self.expect(")", "to close the parenthesis")
            return inner
        if what != "[":
            found = "the formula ends" if kind == "end" else "the statement ends" if what in ";\n" else f"found {what!r}"
            self.fail(f"{found} where a number, a name or a parenthesis is expected", where)
        return self.builder.const(self.vector(where))

    def call(self, name: str, where: int) -> int:
        op = CALLS.get(name)
        if op is None:
            closed = next((k for k in range(self.at, self.last) if is_sign(self.tokens[k], ")")), self.last)
            defines = is_sign(self.tokens[min(closed + 1, self.last)], "=")
            hint = (f"a line is written without its inputs: {name} = …" if defines else HINTS.get(name)
                    or (f"a product is written {name}*(…)" if name in self.known else ""))
            self.fail(f"{name!r} is not an operation{nearest(name, CALLS)}", where, hint)
        self.deeper(where)
        self.expect("(", "")
        operands: list[int] = []
        given: dict[str, object] = {}
        while True:
            if self.tokens[self.at][0] == "name" and is_sign(self.tokens[self.at + 1], "="):
                option = self.tokens[self.at][1]
                self.at += 2
                given[option] = self.option(option)
            else:
                operands.append(self.expression(COMPARE))
            if not self.take(","):
                break
        self.expect(")", f"to close {name}(")
        self.depth -= 1
        if name in OF_TWO and len(operands) > 2:
            self.fail(f"{name} takes a vector, or two values; {len(operands)} given", where, f"write {name}(stack(a, b, c))")
        if len(operands) == 2 and name in OF_TWO:
            op = OPS[OF_TWO[name]]
        try:
            options = op.options_of(given)
        except ValueError as why:
            self.fail(str(why), where)
        try:
            op.check_count(len(operands))
        except ValueError as why:
            self.fail(str(why), where)
        return self.builder.join(op.name, operands, options)

    def elements(self, base: int) -> int:
        """What follows in brackets: x[0], W[:, 1:3] and, picked by a number that is computed, p[y]."""
        while self.what == "[":
            where = self.tokens[self.at][2]
            end = self.at + 1
            while self.tokens[end][0] == "number" or is_sign(self.tokens[end], "-", ":", ","):
                end += 1
            self.at += 1
            if is_sign(self.tokens[end], "]"):
                base = self.builder.apply("index", base, options=(self.key(),))
                continue
            self.deeper(where)
            base = self.builder.apply("take", base, self.expression(COMPARE))
            self.depth -= 1
            self.expect("]", "to close the index")
        return base

def parse(text: str) -> Graph:
    """The Graph of a formula text. Raises UsageError with the place marked; time and memory grow with the text's length."""
    if not isinstance(text, str):
        raise UsageError(f"a formula is text or a Python function, not {type(text).__name__}")
    return Reader(text).read()
