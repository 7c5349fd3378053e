"""A copy of a function in which the names of `math` stand for the table's operations.

`math.exp(x)` would ask a traced value for a float. So the function is traced as a copy, in whose globals and closure `math` and
what was imported from it are ours; so are those of the user's functions that it calls where they need it. The functions
themselves stay. (What such a copy assigns to a `global` name is assigned in the copy.)
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from inspect import getattr_static
from types import BuiltinFunctionType, CellType, CodeType, FunctionType, MethodType, SimpleNamespace
from typing import Any

from .functions import function
from .names import SKIPPED
from .ops import MATH
from .refusals import MATH_INSTEAD, not_in_table
from .traced import Traced

OPERATIONS = {name: function(op) for name, op in MATH.items()}
CACHED = type(lru_cache(max))
INSTALLED = ("site-packages", "dist-packages")  # where what others wrote is


def log(a: Any, *base: Any) -> Any:
    """math.log, whose second operand is the base."""
    logarithm = OPERATIONS["log"]
    return logarithm(a) / logarithm(*base) if base else logarithm(a)


def of_numbers(name: str, fn: Callable[..., Any]) -> Callable[..., Any]:
    """A function of `math` that no row of the table is: it works on numbers, and is refused by its name on traced values."""

    def call(*args: Any, **options: Any) -> Any:
        listed = [v for arg in args for v in (arg if isinstance(arg, (list, tuple)) else (arg,))]
        if any(type(v) is Traced for v in listed):
            not_in_table(f"math.{name}", MATH_INSTEAD.get(name, ""))
        return fn(*args, **options)

    return call


KEPT = ("prod",)  # multiplies whatever it is given
STANDINS = {k: of_numbers(k, v) if callable(v) and k not in KEPT else v for k, v in vars(math).items() if not k.startswith("_")}
STANDINS |= OPERATIONS | {"log": log}
NAMESPACE = SimpleNamespace(**STANDINS)


def without_math(fn: Callable[..., Any]) -> Callable[..., Any]:
    """A copy of the function, method, partial, cached function or callable object; itself where `math` does not occur."""
    if isinstance(fn, partial):
        return partial(without_math(fn.func), *fn.args, **fn.keywords)
    if isinstance(fn, MethodType):
        return MethodType(without_math(fn.__func__), fn.__self__)
    if isinstance(fn, staticmethod):
        return without_math(fn.__func__)
    if isinstance(fn, CACHED):  # it looks numbers up; traced values are none yet
        return without_math(fn.__wrapped__)
    if not isinstance(fn, FunctionType):
        call = getattr_static(type(fn), "__call__", None)
        standin: Callable[..., Any] = MethodType(without_math(call), fn) if isinstance(call, FunctionType) else ours(fn, {})
        return standin
    using = with_math(fn)
    return copies(using)[fn] if fn in using else fn


def ours(value: Any, copied: dict[FunctionType, FunctionType]) -> Any:
    """What stands for a value in the copies: our `math`, our function, another copy, or itself."""
    if value is math:
        return NAMESPACE
    if isinstance(value, FunctionType):
        return copied.get(value, value)
    if isinstance(value, BuiltinFunctionType) and value.__module__ == "math":
        return STANDINS.get(value.__name__, value)
    return value


def with_math(fn: FunctionType) -> list[FunctionType]:
    """Of the function and those of the user's that it mentions, directly or not: those in which `math` occurs, and those that
    mention them."""
    reached, calls = [fn], {}
    for one in reached:
        calls[one] = [v for _, v in mentioned(one) if isinstance(v, FunctionType) and is_users(v, fn)]
        reached += dict.fromkeys(v for v in calls[one] if v not in reached)
    using = [one for one in reached if any(ours(value, {}) is not value for _, value in mentioned(one))]
    for used in using:
        using += [one for one in reached if used in calls[one] and one not in using]
    return using


def is_users(fn: FunctionType, traced: FunctionType) -> bool:
    """Whether a function is the user's: of the package of the traced one, or neither Python's, ours nor installed."""
    module, home = (str(f.__globals__.get("__name__", "")) for f in (fn, traced))
    package, file = module.partition(".")[0], fn.__code__.co_filename
    others = package in sys.stdlib_module_names or module.startswith(SKIPPED) or any(name in file for name in INSTALLED)
    return package in ("__main__", home.partition(".")[0]) or not others


def mentioned(fn: FunctionType) -> Iterator[tuple[str, Any]]:
    """Names and values of the globals and the closure that a function's code uses."""
    for code in codes(fn.__code__):
        for name in code.co_names:
            if name in fn.__globals__:
                yield name, fn.__globals__[name]
    for cell in filled(fn):
        yield "", cell.cell_contents


def codes(code: CodeType) -> list[CodeType]:
    """The code of a function and of those defined in it."""
    found = [code]
    for c in found:
        found.extend(k for k in c.co_consts if isinstance(k, CodeType))
    return found


def filled(fn: FunctionType) -> Iterator[CellType]:
    for cell in fn.__closure__ or ():
        try:
            cell.cell_contents  # noqa: B018
        except ValueError:
            continue
        yield cell


def copies(fns: list[FunctionType]) -> dict[FunctionType, FunctionType]:
    """Copies of functions that call each other's copies; one copy of the globals for each module."""
    spaces: dict[int, dict[str, Any]] = {}
    cells: dict[int, CellType] = {}
    copied: dict[FunctionType, FunctionType] = {}
    for fn in fns:
        space = spaces.setdefault(id(fn.__globals__), dict(fn.__globals__))
        for cell in filled(fn):
            value = cell.cell_contents
            if value in fns if isinstance(value, FunctionType) else ours(value, {}) is not value:
                cells.setdefault(id(cell), CellType())
        closure = tuple(cells.get(id(c), c) for c in fn.__closure__ or ())
        copied[fn] = FunctionType(fn.__code__, space, fn.__name__, fn.__defaults__, closure or None)
        copied[fn].__kwdefaults__ = fn.__kwdefaults__
        copied[fn].__dict__.update(fn.__dict__)
    for fn in fns:
        for name, value in mentioned(fn):
            if name:
                spaces[id(fn.__globals__)][name] = ours(value, copied)
        for cell in filled(fn):
            if id(cell) in cells:
                cells[id(cell)].cell_contents = ours(cell.cell_contents, copied)
    return copied
