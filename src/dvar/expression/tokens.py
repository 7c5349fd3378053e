"""A formula's text as tokens, and a place among them: what is next is taken or expected, and a mistake is shown where it is."""

from __future__ import annotations

import re
from typing import NoReturn

from ..errors import UsageError

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
    "π": "pi is written pi", "²": "a square is written a**2", "³": "a cube is written a**3",
    "≥": "written >=", "≤": "written <=", "≠": "written !=",
    "ln": "the natural logarithm is written log(a)", "dv": "operations are written without dv.: sigmoid(z)",
    "np": "operations are written without np.: exp(z)", "math": "operations are written without math.: exp(z)",
    ".": "there are no attributes: write transpose(a), sum(a), reshape(a, shape=(2, 3))",
    "Σ": "a sum is written sum(…)", "∑": "a sum is written sum(…)", "if": "a choice is written where(a > b, x, y)",
    "'": "a name with such signs stands in backticks: `x'`", ":": "a name is defined with =",
    **dict.fromkeys("₀₁₂₃₄₅₆₇₈₉", "an index is written x_1"),
    "&": "compare with where(a > b, …)", "|": "an absolute value is written abs(a)", "!": "not an operation here",
}
ENDS = (";", "\n")  # of a statement

Token = tuple[str, str, int]  # kind, what, where


def is_sign(token: Token, *signs: str) -> bool:
    """Whether a token is one of these signs; a name in backticks may be spelt like one."""
    return token[0] == "sign" and token[1] in signs


class Tokens:
    """One text being read."""

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
        self.at = 0
        self.depth = 0

    def fail(self, what: str, where: int, help: str = "") -> NoReturn:
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

    def deeper(self, where: int) -> None:
        self.depth += 1
        if self.depth > DEEPEST:
            self.fail(f"nested more than {DEEPEST} deep", where, "give the inner parts names: u = …; v = …")

    # what stands in brackets: whole numbers, indices and numbers of a vector

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
                help = "a vector of what has a name is written stack(a, b)" if kind in ("name", "quoted") else ""
                self.fail("expected a number in the vector", place, help)
            self.at += 1
            parts.append(sign * float(what))
        self.depth -= 1
        if len({len(p) if isinstance(p, list) else -1 for p in parts}) != 1:
            self.fail("the rows of a matrix need equal lengths, and a vector at least one number", where)
        return parts
