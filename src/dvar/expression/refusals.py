"""What a graph cannot hold, and what to write for it. A refusal names the line of the user's code."""

from __future__ import annotations

import dis
from typing import Any, NoReturn

from ..errors import UsageError
from .names import user_frame
from .ops import CALLS

# Who asks for yes or no, by the instruction that does.
YES_OR_NO = {
    "CONTAINS_OP": ("`in` asks traced values for yes or no", "compare with dv.where(a == b, yes, no)"),
    "CALL": ("min, max, sorted, any or all asks a traced value for yes or no",
             "write dv.minimum(a, b), dv.maximum(a, b), dv.min(v), dv.max(v) or dv.where(condition, yes, no)"),
    "": ("a Python `if`, `while`, `and`, `or` or `not` asks a traced value for yes or no",
         "the graph must hold both ways: write dv.where(condition, yes, no), dv.maximum or dv.minimum"),
}
# Python's operators that are no operations of a graph, and what to write for them.
INSTEAD = {
    "mod": ("{} % {}", "write {0} - {1}*dv.floor({0}/{1})"),
    "floordiv": ("{} // {}", "write dv.floor({}/{})"),
    "divmod": ("divmod({}, {})", "the quotient is dv.floor({0}/{1}), the rest {0} - {1}*dv.floor({0}/{1})"),
    "and": ("{} & {}", "of two conditions write {} * {}"),
    "or": ("{} | {}", "of two conditions write dv.maximum({}, {})"),
    "xor": ("{} ^ {}", "a power is written {0}**{1}; of two conditions write dv.abs({0} - {1})"),
    "lshift": ("{} << {}", "write {0} * 2**{1}"),
    "rshift": ("{} >> {}", "write dv.floor({0} / 2**{1})"),
}
# The same by the names of NumPy's functions.
NUMPY_INSTEAD = {
    "remainder": "write a - b*dv.floor(a/b)", "floor_divide": "write dv.floor(a/b)", "divmod": "write dv.floor(a/b)",
    "logical_and": "of two conditions write (a) * (b)", "logical_or": "of two conditions write dv.maximum(a, b)",
    "logical_not": "of a condition write 1 - a", "hstack": "write dv.concatenate([a, b])", "vstack": "write dv.stack([a, b])",
    "var": "write dv.mean((v - dv.mean(v))**2)", "std": "write dv.sqrt(dv.mean((v - dv.mean(v))**2))",
    "cbrt": "write a**(1/3)",
    "round": "write dv.round(100*a)/100", "exp2": "write 2**a", "einsum": "write it with @, dv.outer and dv.sum",
    "expit": "write dv.sigmoid(a)", "gammaln": "write dv.lgamma(a)", "psi": "write dv.digamma(a)",
    "log_ndtr": "write dv.log_ndtr(a)", "ndtr": "write dv.erfc(-a/dv.sqrt(2))/2",
    "bitwise_and": "of two conditions write (a) * (b)", "bitwise_or": "of two conditions write dv.maximum(a, b)",
}
# And of `math`.
MATH_INSTEAD = {
    "fsum": "write a + b + c, or dv.sum(v)", "gamma": "write dv.exp(dv.lgamma(a)), for a > 0", "cbrt": "write a**(1/3)",
    "fmod": INSTEAD["mod"][1].format("a", "b"), "remainder": "write a - b*dv.round(a/b)", "dist": "write dv.norm(a - b)",
    "exp2": "write 2**a", "degrees": "write a * 180/math.pi", "radians": "write a * math.pi/180",
    "copysign": "write dv.abs(a) * dv.sign(b)", "trunc": "write dv.sign(a) * dv.floor(dv.abs(a))", "sumprod": "write a @ b",
    "isnan": "write a != a", "modf": "the fraction is a - dv.floor(a), for a ≥ 0",
}
ATTRIBUTES = ("T", "shape", "ndim", "size", "sum", "mean", "max", "min", "dot", "reshape", "ravel")
HINTS = {
    "astype": "a graph works with float64 throughout", "dtype": "a graph works with float64 throughout",
    "copy": "a node never changes: use it as it is", "item": "a node has a value only in a pass, J.at(…)",
    "tolist": "a node has a value only in a pass, J.at(…)", "flatten": "write x.ravel()", "transpose": "write x.T",
    "var": NUMPY_INSTEAD["var"], "std": NUMPY_INSTEAD["std"], "append": "collect values in a list, then dv.stack(values)",
}
IN_A_LIST = "a node never changes: collect the values in a list, then dv.stack(values)"


class ShapeAsked(BaseException):
    """The function asked for a shape that is not known: `what` and the line, and the `inputs` that it depends on.

    Not an Exception: `except Exception` in the function must not take it for an error of its own.
    """

    def __init__(self, what: str, inputs: tuple[str, ...]) -> None:
        super().__init__(what)
        self.what, self.inputs = what, inputs


class NoAttribute(UsageError, AttributeError):
    """As `hasattr` wants it."""


def refuse(what: str, help: str = "") -> NoReturn:
    """Raise UsageError naming the line of the user's code."""
    raise UsageError(what + where(), help)


def not_in_table(what: str, instead: str = "") -> NoReturn:
    """Refuse a function or an operator that no row of the table is."""
    known = ", ".join(CALLS)
    refuse(f"{what} is not in the table of operations", instead or f"there are: {known}; and + - * / @ ** and comparisons")


def where() -> str:
    frame = user_frame()[1]
    return f" (line {frame.f_lineno} of {frame.f_code.co_name})" if frame else ""


def instruction() -> str:
    """What the user's function is doing, as Python's virtual machine calls it."""
    frame = user_frame()[1]
    return dis.opname[frame.f_code.co_code[frame.f_lasti]].removesuffix("_KW").removesuffix("_FUNCTION_EX") if frame else ""


def short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 and "\n" not in text else "…"
