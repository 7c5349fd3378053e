"""The text of formulas: text → Graph and Graph → text. Its own small grammar; nothing is ever evaluated as Python.

    text       =  [ "inputs" ":" name { "," name } ]  statement { ( ";" | newline ) statement }
    statement  =  [ name "=" ] expression                    the last one is the output
    expression =  numbers, names, `odd names`, [1, 2] vectors, + - * / @ **, comparisons, calls of the table's operations,
                  with options where they have some: sum(W, axis=0), and elements: x[0], W[:, 1:3], p[y]

No name means anything but an operation's (before a parenthesis), `pi`, or a variable's. A name that no statement
defines is an input. The same table of binding strengths reads and writes, so what is printed reads back as the same graph.
"""

from __future__ import annotations

import math
import re

from ..errors import UsageError, nearest
from .graph import CONST, Builder, Graph
from .op import COMPARE, POWER
from .ops import CALLS, OF_TWO, OPS, ROWS

DEEPEST = 100  # parentheses inside parentheses; a person writes a handful
LONGEST = 20_000  # characters in one statement

TOKEN = re.compile(
    r"(?P<space>[ \t\r\f]+|\#[^\n]*)|(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|(?P<name>[^\W\d]\w*)"
    r"|`(?P<quoted>[^`\n]+)`|(?P<sign>\*\*|[<>=!]=|[-+*/@<>=(),;:\n\[\]])|(?P<other>.)",
    re.DOTALL,
)
HINTS = {
    "^": "a power is written **",
    "σ": "the sigmoid is written sigmoid(z)",
    "·": "a product is written *", "×": "a product is written *", "÷": "a quotient is written /",
    "−": "minus is written -", "–": "minus is written -", "√": "a square root is written sqrt(a)",
    "π": "pi is written pi", "²": "a square is written a**2", "≥": "written >=", "≤": "written <=", "≠": "written !=",
    "ln": "the natural logarithm is written log(a)", "dv": "operations are written without dv.: sigmoid(z)",
    "np": "operations are written without np.: exp(z)", "math": "operations are written without math.: exp(z)",
    ".": "there are no attributes: write transpose(a), sum(a), reshape(a, shape=(2, 3))",
    "&": "compare with where(a > b, …)", "|": "an absolute value is written abs(a)", "!": "not an operation here",
}
SIGNS = {op.text.replace("{}", "").strip(): op for op in ROWS if op.sides and op.name not in ("neg", "same")}
LEVELS = {sign: op.binds for sign, op in SIGNS.items()}
ENDS = (";", "\n")  # of a statement

Token = tuple[str, str, int]  # kind, what, where


def is_sign(token: Token, *signs: str) -> bool:
    """Whether a token is one of these signs; a name in backticks may be spelt like one."""
    return token[0] == "sign" and token[1] in signs


class Reader:
    """One text being read: tokens, a place in them, and the graph so far."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens: list[Token] = []
        start = 0
        inside = 0  # parentheses and brackets
        for match in TOKEN.finditer(text):
            kind = match.lastgroup or "other"
            what, where = match[kind], match.start()
            if kind == "space":
                continue
            if is_sign((kind, what, where), *ENDS):
                start = where
                if what == "\n" and inside > 0:  # a formula in parentheses goes on
                    continue
            inside += is_sign((kind, what, where), "(", "[") - is_sign((kind, what, where), ")", "]")
            if match.end() - start > LONGEST:
                raise UsageError(f"a statement is longer than {LONGEST:,} characters", "give its parts names: u = …; v = …")
            if kind == "other" or (kind == "name" and what in ("σ", "π")):
                before = self.tokens[-1][1] if what == "." and self.tokens else ""  # np.exp(z)
                self.fail(f"{what!r} is not part of the language of formulas", where, HINTS.get(before) or HINTS.get(what, ""))
            if kind == "name" and not what.isidentifier():  # \w takes the ² of a² for a letter
                k = next(k for k in range(len(what)) if not what[: k + 1].isidentifier())
                self.fail(f"{what[k]!r} is not part of the language of formulas", where + k, HINTS.get(what[k], ""))
            self.tokens.append((kind, what, where))
        self.tokens.append(("end", "", len(text)))
        self.last = next((i for i in range(len(self.tokens) - 2, -1, -1) if not is_sign(self.tokens[i], *ENDS)), -1)
        self.at = 0
        self.depth = 0
        self.stated = False  # whether there was a statement
        self.builder = Builder()
        self.known: dict[str, int] = {}

    # tokens

    def fail(self, what: str, where: int, help: str = "") -> None:
        first = self.text.rfind("\n", 0, where) + 1
        last = self.text.find("\n", where)
        line = self.text[first : last if last >= 0 else None]
        left = max(0, where - first - 60)  # a long line is shown around the place
        shown = line[left : left + 100]
        mark = " " * (where - first - left) + "^"
        raise UsageError(f"{what}\n  {shown}\n  {mark}", help)

    @property
    def what(self) -> str:
        kind, what, _ = self.tokens[self.at]
        return what if kind in ("sign", "end") else ""

    def take(self, sign: str) -> bool:
        if self.what == sign and self.tokens[self.at][0] == "sign":
            self.at += 1
            return True
        return False

    def expect(self, sign: str, why: str) -> None:
        if not self.take(sign):
            kind, what, where = self.tokens[self.at]
            found = "the end" if kind == "end" else "a new line" if what == "\n" else repr(what)
            self.fail(f"expected {sign!r} {why}, found {found}", where)

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
            if before[0] == "number" or what == "(" or is_sign(before, ")"):
                self.fail(f"an operation is missing before {what!r}", where, f"a product is written with *: {before[1]}*{what}")
            self.fail(f"unexpected {what!r} after {before[1]!r}", where, HINTS.get(what, "an operation or ; is missing"))
        if what == "=":
            self.fail("'=' defines a name at the start of a statement", where, "compare with ==")
        self.fail(f"unexpected {what!r}", where)

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

    def deeper(self, where: int) -> None:
        self.depth += 1
        if self.depth > DEEPEST:
            self.fail(f"nested more than {DEEPEST} deep", where, "give the inner parts names: u = …; v = …")

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
        if what == "[":
            return self.builder.const(self.vector(where))
        found = "the formula ends" if kind == "end" else "the statement ends" if what in ";\n" else f"found {what!r}"
        self.fail(f"{found} where a number, a name or a parenthesis is expected", where)
        raise AssertionError

    def call(self, name: str, where: int) -> int:
        op = CALLS.get(name)
        if op is None:
            hint = HINTS.get(name) or (f"a product is written {name}*(…)" if name in self.known else "")
            self.fail(f"{name!r} is not an operation{nearest(name, CALLS)}", where, hint)
            raise AssertionError
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

    def option(self, name: str) -> object:
        """The value of an option: a whole number, a shape (2, 3) or an index [0, 1:3]."""
        if self.take("["):
            return self.key()
        if not self.take("("):
            return self.whole()
        sizes = []
        while not self.take(")"):
            sizes.append(self.whole())
            if not self.take(","):
                self.expect(")", f"to close {name}=(")
                break
        return tuple(sizes)

    def whole(self) -> int:
        sign = -1 if self.take("-") else 1
        kind, what, where = self.tokens[self.at]
        if kind != "number" or not what.isdigit() or len(what) > 15:
            self.fail("expected a whole number", where)
        self.at += 1
        return sign * int(what)

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

    def key(self) -> tuple[object, ...]:
        """An index, after its opening bracket."""
        parts: list[object] = []
        while True:
            bounds: list[int | None] = [None]
            while self.what not in (",", "]"):
                if self.take(":"):
                    bounds.append(None)
                else:
                    where = self.tokens[self.at][2]
                    if bounds[-1] is not None:
                        self.fail("expected one whole number here", where)
                    bounds[-1] = self.whole()
            if (len(bounds) == 1 and bounds[0] is None) or len(bounds) > 3 or (len(bounds) == 3 and bounds[2] == 0):
                self.fail("an index is a whole number or a part start:stop:step", self.tokens[self.at][2])
            parts.append(bounds[0] if len(bounds) == 1 else (*bounds, *[None] * (3 - len(bounds))))
            if self.take("]"):
                return tuple(parts)
            self.expect(",", "between two indices")

    def vector(self, where: int) -> list[object]:
        """[1, 2, 3] or [[1, 2], [3, 4]], after its opening bracket."""
        self.deeper(where)
        parts: list[object] = []
        while not self.take("]"):
            if parts:
                self.expect(",", "between the numbers of a vector")
            if self.take("["):
                parts.append(self.vector(where))
                continue
            sign = -1.0 if self.take("-") else 1.0
            kind, what, place = self.tokens[self.at]
            if kind != "number":
                self.fail("expected a number in the vector", place)
            self.at += 1
            parts.append(sign * float(what))
        self.depth -= 1
        if len({len(p) if isinstance(p, list) else -1 for p in parts}) != 1:
            self.fail("the rows of a matrix need equal lengths, and a vector at least one number", where)
        return parts


def parse(text: str) -> Graph:
    """The Graph of a formula text. Raises UsageError with the place marked; time and memory grow with the text's length."""
    if not isinstance(text, str):
        raise UsageError(f"a formula is text or a Python function, not {type(text).__name__}")
    return Reader(text).read()
