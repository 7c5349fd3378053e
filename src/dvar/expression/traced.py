"""Traced: what user code handles while its function is traced.

Every operation on one becomes a node. What a graph cannot hold is refused, naming the line of the user's code and a way out.
Shapes are known where tracing was given them; where one is asked for and not known, `ShapeAsked` says so, and the function is
traced when it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import numpy as np

from ..errors import UsageError
from .applied import Held, apply, index_part
from .op import COMPARE, Op, Shape
from .ops import CALLS, NUMPY, OPS
from .refusals import (
    ATTRIBUTES,
    HINTS,
    IN_A_LIST,
    INSTEAD,
    NUMPY_INSTEAD,
    YES_OR_NO,
    NoAttribute,
    instruction,
    not_in_table,
    refuse,
    short,
    where,
)

# NumPy functions that are written with the table's operations.
NUMPY_WRITTEN: dict[Any, Callable[..., Any]] = {
    np.square: lambda a: a**2, np.reciprocal: lambda a: 1 / a, np.shape: lambda a: a.shape, np.ndim: lambda a: a.ndim,
    np.size: lambda a: a.size, np.ravel: lambda a: a.ravel(),
}


class Traced(Held):
    """A node of the graph to be. Gone when the function returns."""

    __slots__ = ()

    # NumPy

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        home = "numpy." if getattr(np, ufunc.__name__, None) is ufunc else ""  # else another package's, such as SciPy's
        name = f"{home}{ufunc.__name__}{'' if method == '__call__' else '.' + method}"
        if "out" in options:
            refuse(f"{name} was to write a traced value into an array (out=, or +=)", IN_A_LIST)
        if method != "__call__" or options or not (ufunc in NUMPY_WRITTEN or ufunc in NUMPY):
            with_ = f" with {', '.join(options)}=" if options else ""
            instead = f"write dv.{ufunc.__name__}(…)" if ufunc.__name__ in CALLS and method == "__call__" else ""
            not_in_table(f"{name}{with_}", NUMPY_INSTEAD.get(ufunc.__name__, instead))
        return NUMPY_WRITTEN[ufunc](*inputs) if ufunc in NUMPY_WRITTEN else apply(NUMPY[ufunc], *inputs)

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        name = f"{function.__module__}.{function.__name__}"
        if function in NUMPY_WRITTEN and len(args) == 1 and not options:
            return NUMPY_WRITTEN[function](*args)
        op = NUMPY.get(function)
        if op is None:
            not_in_table(name, NUMPY_INSTEAD.get(function.__name__, ""))
        listed = op.many and isinstance(args[0], (list, tuple))
        operands, rest = (tuple(args[0]), args[1:]) if listed else (args[: op.arity], args[op.arity :])
        if rest and function is np.linalg.norm:
            not_in_table(f"{name} of the order {short(rest[0])}", "write dv.norm(v) for the length, dv.sum(dv.abs(v)) for 1")
        return called(op, name, operands, rest, options, NUMPY_INSTEAD.get(function.__name__, ""))

    def __array__(self, *args: Any, **options: Any) -> NoReturn:
        if instruction() == "STORE_SUBSCR":
            refuse("a traced value was put into an array", IN_A_LIST)
        refuse("NumPy was to make an array of traced values", "one is used as it is; of several make dv.stack([a, b])")

    # what has no value yet

    def __bool__(self) -> bool:
        refuse(*YES_OR_NO.get(instruction(), YES_OR_NO[""]))

    def __contains__(self, other: Any) -> bool:
        refuse(*YES_OR_NO["CONTAINS_OP"])

    def __float__(self) -> float:
        if instruction() == "STORE_SUBSCR":
            refuse("a traced value was put into an array", IN_A_LIST)
        refuse("float() (or a function that calls it) was asked of a traced value",
               "use the operations of dvar, such as dv.exp; `import math` belongs outside the function")

    def __int__(self) -> int:
        refuse("int() was asked of a traced value",
               "a graph works with real numbers: dv.floor, dv.round; an element is picked by p[k] from a traced p")

    __index__ = __int__
    __complex__ = __float__

    def __hash__(self) -> int:
        refuse("a traced value was to be a key of a dictionary, or in a set", "it has no value yet: use a list, or names as keys")

    def __format__(self, spec: str) -> str:
        if spec:
            refuse(f"a traced value was to be written as {spec!r}", "it has no value yet; J.at(…) has the value of every node")
        return repr(self)

    def __call__(self, *args: Any, **options: Any) -> NoReturn:
        refuse(f"{self.told} was called as a function", f"a product is written with *: {self.inner}*(…)")

    def __setitem__(self, key: Any, value: Any) -> None:
        refuse("a traced value was changed in place", "give the result a new name; a node never changes")

    def __delitem__(self, key: Any) -> None:
        self[key] = None

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        help = f"write dv.{name}({self.told})" if name in CALLS else f"there are {', '.join(ATTRIBUTES)}; the rest is dv.…"
        raise NoAttribute(f"a traced value has no .{name}{where()}", HINTS.get(name, help))

    # shapes

    @property
    def shape(self) -> Shape:
        return self.trace.shape_of(self.index, "{}.shape")

    @property
    def ndim(self) -> int:
        return len(self.trace.shape_of(self.index, "{}.ndim"))

    @property
    def size(self) -> int:
        return int(np.prod(self.trace.shape_of(self.index, "{}.size")))

    def __len__(self) -> int:
        return self.count("len({})")

    def __iter__(self) -> Iterator[Any]:
        return map(self.__getitem__, range(self.count("the elements of {}")))

    def count(self, asked: str) -> int:
        """How many elements, or rows. Refuses a number."""
        shape = self.trace.shape_of(self.index, asked)
        if not shape:
            refuse(f"{asked.format(self.told)}: {self.told} is a number, which has none", "give it a vector")
        return shape[0]

    def __getitem__(self, key: Any) -> Any:
        """x[0], W[:, 1:3]; x[k] with a traced k picks element k."""
        if isinstance(key, tuple) and not key:
            return self
        if isinstance(key, Traced):
            if OPS.get(key.trace.builder.nodes[key.index].op, OPS["take"]).binds == COMPARE:
                refuse(f"{self.inner}[{key.told}] picks by a condition", "how many it would pick is not known: write dv.where")
            return apply(OPS["take"], self, key)
        return apply(OPS["index"], self, at=tuple(map(index_part, key if isinstance(key, tuple) else (key,))))

    @property
    def T(self) -> Any:
        return apply(OPS["transpose"], self)

    def reshape(self, *shape: Any, **options: Any) -> Any:
        whole = shape[0] if len(shape) == 1 else shape
        return called(OPS["reshape"], f"{self.inner}.reshape", (self,), (whole,), options)

    def ravel(self, *order: Any, **options: Any) -> Any:
        return called(OPS["reshape"], f"{self.inner}.ravel", (self,), (-1, *order), options)

    def dot(self, other: Any) -> Any:
        return apply(OPS["dot"], self, other)

    # Python

    def __radd__(self, other: Any) -> Any:
        if type(other) is int and other == 0:  # sum(values) starts with it
            return self
        return apply(OPS["plus"], other, self)

    def __pos__(self) -> Traced:
        return self

    def __round__(self, digits: int | None = None) -> Any:
        if digits:
            not_in_table(f"round({self.told}, {digits})",
                         f"write dv.round({self.inner} * {10**digits}) / {10**digits}" if digits > 0 else "")
        return apply(OPS["round"], self)

    def __floor__(self) -> Any:
        return apply(OPS["floor"], self)

    def __ceil__(self) -> Any:
        return apply(OPS["ceil"], self)

    def __trunc__(self) -> NoReturn:
        not_in_table("math.trunc", f"write dv.sign({self.told}) * dv.floor(dv.abs({self.told}))")

    def __invert__(self) -> NoReturn:
        not_in_table(f"~{self.inner}", f"of a condition write 1 - {self.inner}")

    def __copy__(self) -> Traced:
        return self

    def __deepcopy__(self, memo: Any) -> Traced:
        return self

    def __repr__(self) -> str:
        return f"<traced {self.told}>"


def called(op: Op, name: str, operands: Any, rest: Any, options: Any, instead: str = "") -> Any:
    """An operation as NumPy's function or method of that name is called, with options by position or by name: np.sum(x, 0)."""
    try:
        op.check_count(len(operands))
        if len(rest) > len(op.options):
            raise ValueError
        return apply(op, *operands, **{**dict(zip(op.options, rest)), **options})
    except UsageError:
        raise
    except ValueError:
        not_in_table(f"{name}, called this way,", instead)


def _operator(name: str, swapped: bool = False) -> Callable[..., Any]:
    op = OPS[name]

    def operator(self: Traced, *other: Any) -> Any:
        if len(other) > 1:
            not_in_table(f"pow({self.told}, {short(other[0])}, {short(other[1])})", INSTEAD["mod"][1].format("a", "b"))
        return apply(op, *other, self) if swapped else apply(op, self, *other)

    return operator


def _reduced(name: str) -> Callable[..., Any]:
    def method(self: Traced, *axis: Any, **options: Any) -> Any:
        return called(OPS[name], f"{self.inner}.{name}", (self,), axis, options)

    return method


def _refused(name: str, swapped: bool = False) -> Callable[..., Any]:
    def method(self: Traced, other: Any) -> NoReturn:
        told = [self.inner, other.inner if type(other) is Traced else short(other)]
        what, help = (text.format(*(told[::-1] if swapped else told)) for text in INSTEAD[name])
        not_in_table(what, help)

    return method


for _method, _name in {"add": "plus", "sub": "minus", "mul": "times", "truediv": "over", "pow": "power",
                       "matmul": "dot"}.items():
    setattr(Traced, f"__{_method}__", _operator(_name))
    if _method != "add":
        setattr(Traced, f"__r{_method}__", _operator(_name, swapped=True))
for _method, _name in {"neg": "neg", "abs": "abs", "gt": "greater", "ge": "at_least", "lt": "less", "le": "at_most",
                       "eq": "equal", "ne": "differs"}.items():
    setattr(Traced, f"__{_method}__", _operator(_name))
for _name in ("sum", "mean", "max", "min"):
    setattr(Traced, _name, _reduced(_name))
for _method in INSTEAD:
    setattr(Traced, f"__{_method}__", _refused(_method))
    setattr(Traced, f"__r{_method}__", _refused(_method, swapped=True))
