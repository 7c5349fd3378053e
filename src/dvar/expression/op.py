"""Op: one row of the table of operations, and the few helpers that rows are written with.

A row is the whole knowledge of an operation: how it is computed (NumPy), its local derivatives, how it is written as text,
in LaTeX and in each program, where it is defined and what is agreed at a kink. Derivatives are formulas in the operands
a, b, c, written with the operations of the table, so that a derivative is again a graph. For an elementwise operation the
formula is the local derivative itself; the chain rule multiplies it by what comes from the right. An operation on vectors and
matrices has no single number for its local derivative: its row says instead what it makes of g, that which comes from the
right (`pull`).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

Shape = tuple[int, ...]
Options = tuple[Any, ...]  # the values of an operation's options, in the order of its row: an axis, an index, a shape

# How tightly an operation binds when written: comparison < sum < product < minus < power < name or call; in LaTeX the product
# of two arrays, element by element, binds less than that of matrices.
COMPARE, SUM, ELEMENTS, PRODUCT, MINUS, POWER, ATOM = 1, 2, 3, 4, 5, 6, 9
FIRST, SECOND = "«0»", "«1»"  # in a program of loops: the index of a vector's element, of a matrix's row and column


class Form(NamedTuple):
    """How one node is written: a template for its operands (or a function of their texts), how tightly each must bind to
    stand without parentheses, how tightly the whole binds."""

    template: str | Callable[..., str]
    sides: tuple[int, ...]
    binds: int


class Layout(NamedTuple):
    """What a vectorised program knows of one node: per operand its rank in one example and whether it differs by example,
    then carrying the examples along a leading axis."""

    ranks: tuple[int, ...]
    varies: tuple[bool, ...]
    options: Mapping[str, Any]


class Loops(NamedTuple):
    """What a program of loops knows of one node. The text of an operand is its element at «0», «1»."""

    shapes: tuple[Shape, ...]
    options: Mapping[str, Any]
    free: Callable[..., str]  # an index variable that these texts do not use yet
    span: Callable[[int], str]  # range(n), for a size
    sum: str  # the name of Python's sum here


class Bend(NamedTuple):
    """How the values of an operation bend and go, wherever it is defined: what convexity is composed of."""

    curve: int | None  # 1: convex, -1: concave, 0: linear, None: now so, now so
    goes: tuple[int | None, ...]  # with each operand, the last told stands for all that follow: 1 rises, -1 falls, 0 neither,
    # AWAY falls below 0 and rises above, OTHER as the sign of the other operand, that is constant then, says, None: so for an
    # operand that is constant only


AWAY, OTHER = 2, 3
CONVEX, CONCAVE = Bend(1, (1,)), Bend(-1, (1,))  # rising, as most are
FROM_0, LINEAR, RISING, FALLING = Bend(1, (AWAY,)), Bend(0, (1,)), Bend(None, (1,)), Bend(None, (-1,))
BY_OTHER = Bend(0, (OTHER, OTHER))


def elementwise(*shapes: Shape) -> Shape:
    """The common shape; a scalar joins any, nothing else is spread. Raises ValueError where they differ."""
    joined = {s for s in shapes if s != ()}
    if len(joined) > 1:
        raise ValueError("elementwise operations take equal shapes, or a scalar with any shape")
    return joined.pop() if joined else ()


@dataclass(frozen=True, eq=False)
class Op:
    """One row. `slopes` are the local derivatives in the operands' order, None where none flows (a condition, a shape)."""

    name: str
    compute: Callable[..., Any]
    slopes: tuple[str | None, ...]
    text: str = ""  # "{} + {}"; a call NAME({}, …) where empty
    latex: str = ""
    binds: int = ATOM
    sides: tuple[int, ...] = ()  # how tightly each operand must bind to stand without parentheses
    word: str = ""  # in the name of a node nobody named: b_times_c
    domain: str = "all real numbers"
    kink: str = ""
    rounded: str = ""  # what it is where its kink is rounded off, by as much as t says, itself at t = 0
    note: str = ""  # where it is less exact than the rest of the table
    shape: Callable[..., Shape] = elementwise  # of (*shapes of the operands, **options)
    beside: Callable[[Sequence[Shape | None]], Shape | None] | None = None  # others' shapes → that of an operand, if they tell
    commutes: bool = False
    exact: Callable[[Any, Any], Any] | None = None  # on fractions: a float is this, rounded once
    latex_sides: tuple[int, ...] | None = None  # where LaTeX's braces make parentheses needless
    latex_binds: int | None = None  # where that is not as in text: e^z is a power, exp(z) a call
    latex_arrays: str = ""  # of two arrays, element by element, where LaTeX has a sign for that
    analytic: bool = False  # takes complex numbers too: the complex step applies
    loop: str = ""  # in plain Python loops, where that is neither the text (an operator) nor the function's call
    floats: str = ""  # in straight-line Python on floats, with functions of `math`, where that is not the text
    by_last: Mapping[Any, Form] = field(default_factory=dict)  # there, where the last operand is such a number
    # of operations on vectors and matrices
    pull: Callable[..., Sequence[str | None]] | None = None  # (ranks, **options) → formulas in g, a, b; in g where `many`
    options: dict[str, Any] = field(default_factory=dict)  # each with what it is unless said
    example: dict[str, Any] = field(default_factory=dict)  # of the options that must be said
    many: bool = False  # takes any number of operands, the same slope for each, or, where it is a row of two, joins them in turn
    likes: tuple[int, ...] = ()  # operands that only lend their shape
    numbers: Container[int] = ()  # operands that are numbers where nothing says otherwise
    unroll: Callable[..., list[int]] | None = None  # number by number
    linear: tuple[int, ...] = ()  # operands that it is a multiple of: a factor of such a one is a factor of the whole
    maps: bool = False  # it sums features times weights: w @ x, W @ x, x @ W
    moves: bool = False  # it only moves numbers about, and puts in zeros
    reflected: str = ""  # what it is of -a, in its value of a
    positive: int | None = None  # it is positive where so many of its first operands are: 0, everywhere
    bends: Bend | None = None  # None: it does not, or not always
    bends_twice: Bend | None = None  # where both operands are one
    bends_to: Callable[[float, float], Bend | None] | None = None  # of (the least that a may be, a b that is constant)
    spell: Callable[..., str] | None = None  # options → "{}[0]"
    brackets: str = ""  # "{}[{}]": as text, where that is no call; see `written`
    numpy: Callable[[Layout], Form] | None = None  # in a vectorised program
    element: Callable[[Loops], Form] | None = None  # in a program of loops; without it the function is called on lists

    @property
    def arity(self) -> int:
        return len(self.slopes)

    @property
    def function(self) -> tuple[str, str]:
        """The module and the name of the function that a program calls: NumPy's, or one of ours."""
        home = "numpy" if isinstance(self.compute, np.ufunc) else self.compute.__module__.partition(".")[0]
        return (home if home == "numpy" else self.compute.__module__), self.compute.__name__

    @property
    def form(self) -> str:
        """The template of its text, with options that must be said as in its example."""
        template = self.written(self.arity, tuple((self.options | self.example).values())).template
        assert isinstance(template, str)
        return template

    def signs(self, ranks: Sequence[int]) -> tuple[int, ...]:
        """What arrays of these ranks are added up with where it is their sum, or one of them or its negative: 1 or -1 each, as
        its slopes tell; else none."""
        added = set(self.slopes) <= {"1", "-1"} and (len(ranks) == 1 or all(ranks))  # a number beside an array is spread
        return tuple(int(str(slope)) for slope in self.slopes) if added else ()

    @cached_property
    def unless_said(self) -> Options:
        """What the options are unless said."""
        return tuple(self.options.values())

    def named(self, options: Options) -> dict[str, Any]:
        """The options by name."""
        return dict(zip(self.options, options))

    def check_count(self, count: int) -> None:
        """Raises ValueError where it does not take so many operands; `many` of them are joined two by two where it takes two."""
        if count != self.arity and not (self.many and count >= self.arity):
            told = "one operand" if self.arity == 1 else f"{self.arity} operands"
            raise ValueError(f"{self.name} takes {told}{' or more' * self.many}, {count} given")

    def options_of(self, given: Mapping[str, Any]) -> Options:
        """The values of all options, in order. Raises ValueError for one that the row does not have, or that must be given."""
        unknown = [k for k in given if k not in self.options]
        if unknown:
            takes = f"{self.name} takes {', '.join(self.options)}" if self.options else f"{self.name} takes no options"
            raise ValueError(f"{unknown[0]!r} is not an option here; {takes}")
        values = tuple(given.get(name, default) for name, default in self.options.items())
        missing = [name for name, value in zip(self.options, values) if value == ()]
        if missing and not given:
            raise ValueError(f"{self.name} needs {missing[0]}=…")
        return values

    def said(self, options: Options) -> str:
        """The options that are not what they are unless said, as text: ", axis=0"."""
        given = zip(self.options.items(), options)
        return "".join(f", {name}={spell_option(name, v)}" for (name, default), v in given if v != default)

    def written(self, count: int, options: Options, plain: bool = False) -> Form:
        """How it is written as text, with so many operands. `plain`: as a call, where what is in brackets is a number that was
        written: v[2] would read back as an index."""
        if self.spell is not None:
            return Form(self.spell(**self.named(options)), (ATOM,) * count, ATOM)
        if self.text:
            return Form(self.text, self.sides, self.binds)
        if self.brackets and not plain:
            return Form(self.brackets, (ATOM, 0), ATOM)
        return Form(f"{self.name}({', '.join(['{}'] * count)}{self.said(options)})", (0,) * count, ATOM)

    def written_latex(self, count: int, options: Options, arrays: bool) -> Form:
        """`arrays`: all operands are."""
        if arrays and self.latex_arrays:
            return Form(self.latex_arrays, (ELEMENTS, PRODUCT), ELEMENTS)
        if self.spell is not None:
            return Form(rf"{{{{{{}}}}}}_{{{{{self.spell(**self.named(options))[3:-1]}}}}}", (ATOM,) * count, ATOM)
        if self.many or (options and self.said(options)):
            listed = ", ".join(["{}"] * count) + self.said(options)
            return Form(rf"\operatorname{{{{{self.name}}}}}\left({listed}\right)", (0,) * count, ATOM)
        sides = self.sides if self.latex_sides is None else self.latex_sides
        return Form(self.latex, sides, self.binds if self.latex_binds is None else self.latex_binds)

    def __repr__(self) -> str:
        return f"<Op {self.name}>"


def spell_option(name: str, value: Any) -> str:
    """An axis, a shape (2, 3) or an index [0, 1:3] as the language of formulas writes it."""
    return spell_key(value) if name == "at" else str(value)


def spell_key(key: tuple[Any, ...]) -> str:
    """An index, whole numbers and (start, stop, step), as it is written: [0, 1:3]."""
    parts = []
    for part in key:
        if isinstance(part, tuple):
            start, stop, step = ("" if v is None else str(v) for v in part)
            parts.append(f"{start}:{stop}" + (f":{step}" if step else ""))
        else:
            parts.append(str(part))
    return f"[{', '.join(parts)}]"


def infix(name: str, sign: str, compute: Any, slopes: tuple[str | None, ...], binds: int, word: str, **more: Any) -> Op:
    sides = {COMPARE: (SUM, SUM), SUM: (SUM, ELEMENTS), PRODUCT: (PRODUCT, MINUS), POWER: (ATOM, MINUS)}[binds]
    more.setdefault("latex", f"{{}} {sign} {{}}")
    text = "{}**{}" if binds == POWER else f"{{}} {sign} {{}}"
    return Op(name, compute, slopes, text=text, binds=binds, sides=sides, word=word, **more)


def call(name: str, compute: Any, *slopes: str | None, **more: Any) -> Op:
    more.setdefault("latex", latex_call(name, len(slopes)))
    more.setdefault("floats", f"{name}({', '.join(['{}'] * len(slopes))})" if hasattr(math, name) else "")
    return Op(name, compute, slopes, word=name, **more)


def latex_call(name: str, count: int) -> str:
    return rf"\operatorname{{{{{name}}}}}\left({', '.join(['{}'] * count)}\right)"


def latex_own(name: str) -> str:
    r"""A function LaTeX has a command for: \sin."""
    return rf"\{name}\left({{}}\right)"


def moved(text: str, move: Mapping[str, str]) -> str:
    """The element's text with other indices."""
    return re.sub("«[01]»", lambda match: move.get(match[0], match[0]), text)
