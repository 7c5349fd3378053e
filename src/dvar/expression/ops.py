"""THE table: one row per operation is everything the rest of dvar knows of it.

A row holds how the operation is computed (NumPy), its local derivatives, how it is written as text and in LaTeX, where
it is defined and what is agreed at a kink. Derivatives are formulas in the operands a, b, c, written with these same
operations, so that a derivative is again a graph. For an elementwise operation the formula is the local derivative
itself; the chain rule multiplies it by what comes from the right. A linear map of vectors has no single number for its
local derivative: its row says instead, per ranks of the operands, what the map makes of g, that which comes from the right.

To add an elementwise operation, add a row: the tracer, the parser, back-propagation, the writers, the tests and the
printed table of derivatives all read this table. Of the few operations on vectors, the two program writers also know the
layout, a linear map or a sum being written differently with and without an axis of examples.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Shape = tuple[int, ...]

# How tightly an operation binds when written: comparison < sum < product < minus < power < name or call.
COMPARE, SUM, PRODUCT, MINUS, POWER, ATOM = 1, 2, 3, 4, 5, 9


def elementwise(*shapes: Shape) -> Shape:
    """The common shape; a scalar joins any, nothing else is spread. Raises ValueError where they differ."""
    joined = {s for s in shapes if s != ()}
    if len(joined) > 1:
        raise ValueError("elementwise operations take equal shapes, or a scalar with any shape")
    return joined.pop() if joined else ()


def matmul_shape(a: Shape, b: Shape) -> Shape:
    """(k,)·(k,) → scalar, (h,k)·(k,) → (h,), (k,)·(k,h) → (h,), (h,k)·(k,p) → (h,p). Raises ValueError otherwise."""
    if not a or not b:
        raise ValueError("@ takes vectors and matrices; a scalar is multiplied with *")
    if a[-1] != b[0]:
        raise ValueError(f"the inner sizes {a[-1]} and {b[0]} differ")
    return a[:-1] + b[1:]


def outer_shape(a: Shape, b: Shape) -> Shape:
    if len(a) != 1 or len(b) != 1:
        raise ValueError("outer takes two vectors")
    return a + b


def spread_shape(a: Shape, like: Shape) -> Shape:
    if a:
        raise ValueError("spread takes a scalar")
    return like


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
    shape: Callable[..., Shape] = elementwise
    pulls: dict[tuple[int, ...], tuple[str | None, ...]] = field(default_factory=dict)  # ranks → formulas in g, a, b
    commutes: bool = False
    latex_sides: tuple[int, ...] | None = None  # where LaTeX's braces make parentheses needless
    loop: str = ""  # in a plain Python loop, where that is neither the text (an operator) nor the function's call

    @property
    def arity(self) -> int:
        return len(self.slopes)

    @property
    def function(self) -> tuple[str, str]:
        """The module and the name of the function that a program calls: NumPy's, or one of this module."""
        theirs = isinstance(self.compute, np.ufunc) or self.compute.__module__.startswith("numpy")
        return ("numpy" if theirs else __name__), self.compute.__name__

    @property
    def form(self) -> str:
        return self.text or f"{self.name}({', '.join(['{}'] * self.arity)})"

    def __repr__(self) -> str:
        return f"<Op {self.name}>"


def sigmoid(z: Any) -> Any:
    """1/(1 + exp(−z)) without overflow: only exp of a negative number is taken, so both tails keep their digits."""
    e = np.exp(-np.abs(z))
    return np.where(np.signbit(z), e, 1.0) / (1.0 + e)


def softplus(z: Any) -> Any:
    """log(1 + exp(z)) = max(z, 0) + log1p(exp(−|z|)), Mächler (2012), "Accurately computing log(1 − exp(−|a|))"."""
    return np.maximum(z, 0.0) + np.log1p(np.exp(-np.abs(z)))


def relu(a: Any) -> Any:
    return np.maximum(a, 0.0)


def spread(a: Any, like: Any) -> Any:
    """The scalar a in every place of an array shaped as `like`."""
    return np.broadcast_to(a, np.shape(like))


def infix(name: str, sign: str, compute: Any, slopes: tuple[str | None, ...], binds: int, word: str, **more: Any) -> Op:
    sides = {COMPARE: (SUM, SUM), SUM: (SUM, PRODUCT), PRODUCT: (PRODUCT, MINUS), POWER: (ATOM, MINUS)}[binds]
    more.setdefault("latex", f"{{}} {sign} {{}}")
    text = "{}**{}" if binds == POWER else f"{{}} {sign} {{}}"
    return Op(name, compute, slopes, text=text, binds=binds, sides=sides, word=word, **more)


def call(name: str, compute: Any, *slopes: str | None, **more: Any) -> Op:
    more.setdefault("latex", rf"\{name}\left({{}}\right)")
    return Op(name, compute, slopes, word=name, **more)


def compare(name: str, sign: str, compute: Any, latex: str) -> Op:
    kink = "jumps where a = b; no derivative flows"
    return infix(name, sign, compute, (None, None), COMPARE, name, latex=f"{{}} {latex} {{}}", kink=kink)


def named(word: str) -> str:
    return rf"\operatorname{{{word}}}\left({{}}\right)"


ROWS = [
    infix("plus", "+", np.add, ("1", "1"), SUM, "plus", commutes=True),
    infix("minus", "-", np.subtract, ("1", "-1"), SUM, "minus"),
    infix("times", "*", np.multiply, ("b", "a"), PRODUCT, "times", latex=r"{} \cdot {}", commutes=True),
    infix("over", "/", np.divide, ("1/b", "-a/b**2"), PRODUCT, "over", latex=r"\frac{{{}}}{{{}}}", latex_sides=(0, 0),
          domain="b ≠ 0"),
    infix("power", "**", np.power, ("b*a**(b - 1)", "a**b*log(a)"), POWER, "to", latex="{}^{{{}}}",
          latex_sides=(ATOM, 0), domain="a > 0, or b a whole number"),
    Op("neg", np.negative, ("-1",), text="-{}", latex="-{}", binds=MINUS, sides=(POWER,), word="neg"),
    call("exp", np.exp, "exp(a)", latex="e^{{{}}}"),
    call("expm1", np.expm1, "exp(a)", latex=named("expm1")),
    call("log", np.log, "1/a", domain="a > 0"),
    call("log1p", np.log1p, "1/(1 + a)", domain="a > -1", latex=named("log1p")),
    call("sqrt", np.sqrt, "1/(2*sqrt(a))", domain="a > 0 (value: a ≥ 0)", latex=r"\sqrt{{{}}}"),
    call("sin", np.sin, "cos(a)"),
    call("cos", np.cos, "-sin(a)"),
    call("tan", np.tan, "1 + tan(a)**2", domain="a ≠ π/2 + kπ"),
    call("tanh", np.tanh, "1 - tanh(a)**2"),
    call("sigmoid", sigmoid, "sigmoid(a)*(1 - sigmoid(a))", latex=r"\sigma\left({}\right)"),
    call("softplus", softplus, "sigmoid(a)", latex=named("softplus")),
    call("relu", relu, "where(a > 0, 1, 0)", kink="at a = 0: 0", latex=named("relu")),
    call("abs", np.abs, "where(a > 0, 1, where(a < 0, -1, 0))", kink="at a = 0: 0", latex=r"\left|{}\right|"),
    call("maximum", np.maximum, "where(a > b, 1, where(a < b, 0, 0.5))", "where(b > a, 1, where(b < a, 0, 0.5))",
         kink="at a = b: 1/2 each", latex=r"\max\left({}, {}\right)", commutes=True),
    call("minimum", np.minimum, "where(a < b, 1, where(a > b, 0, 0.5))", "where(b < a, 1, where(b > a, 0, 0.5))",
         kink="at a = b: 1/2 each", latex=r"\min\left({}, {}\right)", commutes=True),
    call("where", np.where, None, "where(a, 1, 0)", "where(a, 0, 1)", domain="a: a comparison",
         loop="({1} if {0} else {2})",
         latex=r"\operatorname{{where}}\left({}, {}, {}\right)"),
    compare("greater", ">", np.greater, ">"),
    compare("at_least", ">=", np.greater_equal, r"\ge"),
    compare("less", "<", np.less, "<"),
    compare("at_most", "<=", np.less_equal, r"\le"),
    compare("equal", "==", np.equal, "="),
    compare("differs", "!=", np.not_equal, r"\ne"),
    infix("dot", "@", np.matmul, ("b", "a"), PRODUCT, "dot", shape=matmul_shape, domain="vectors and matrices", pulls={
        (1, 1): ("g*b", "g*a"),
        (2, 1): ("outer(g, b)", "transpose(a) @ g"),
        (1, 2): ("b @ g", "outer(a, g)"),
        (2, 2): ("g @ transpose(b)", "transpose(a) @ g"),
    }, latex=r"{} \, {}"),
    call("sum", np.sum, "1", shape=lambda a: (), domain="scalars, vectors, matrices", latex=r"\sum {}"),
    call("outer", np.multiply.outer, "b", "a", shape=outer_shape, domain="two vectors",
         pulls={(1, 1): ("g @ b", "transpose(g) @ a")}, latex=r"{} \, {}^{{\mathsf T}}"),
    call("transpose", np.transpose, "1", shape=lambda a: a[::-1], latex=r"{}^{{\mathsf T}}",
         pulls={(r,): ("transpose(g)",) for r in (0, 1, 2)}),
    call("spread", spread, "1", None, shape=spread_shape,
         domain="a scalar, then the shape to fill", latex=r"\operatorname{{spread}}\left({}, {}\right)"),
    Op("same", np.positive, ("1",), text="{}", latex="{}", binds=ATOM, sides=(0,), word="same"),
]

OPS: dict[str, Op] = {op.name: op for op in ROWS}

# Other names people type for a row.
ALIASES = {"max": "maximum", "min": "minimum", "matmul": "dot"}

# What a call in text or from Python may say: every row that is written as a call, dot, and the other names.
CALLS: dict[str, Op] = {op.name: op for op in ROWS if not op.text or op.name == "dot"}
CALLS |= {other: OPS[name] for other, name in ALIASES.items()}

# The NumPy and math functions of the same meaning.
NUMPY: dict[Any, Op] = {op.compute: op for op in ROWS if isinstance(op.compute, np.ufunc)}
NUMPY |= {np.dot: OPS["dot"], np.sum: OPS["sum"], np.where: OPS["where"], np.outer: OPS["outer"],
          np.transpose: OPS["transpose"], np.fabs: OPS["abs"], np.float_power: OPS["power"]}
MATH = {name: OPS[name] for name in ("exp", "expm1", "log", "log1p", "sqrt", "sin", "cos", "tan", "tanh")}
MATH |= {"pow": OPS["power"], "fabs": OPS["abs"]}
