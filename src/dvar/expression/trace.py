"""A plain Python function → Graph, with the names of its local variables.

The function is called once with traced values; every operation on one becomes a node. A node is called what the local
variable it is assigned to is called: the instruction that follows the operation in the caller's bytecode says so
(no `sys.settrace`, which would blind debuggers and coverage). Names that are only bound later are read from the
function's local variables at its return. `math.exp(x)` would ask a traced value for a float, so the function is traced
as a copy in whose globals and closure the names of `math` stand for the table's operations.
"""

from __future__ import annotations

import dis
import inspect
import math
import sys
from collections.abc import Callable
from functools import lru_cache
from types import CellType, CodeType, FrameType, FunctionType, SimpleNamespace
from typing import Any, NoReturn

from ..errors import UsageError
from .graph import Builder, Graph, as_array, evaluate_one
from .op import Op
from .ops import CALLS, MATH, NUMPY, OF_TWO, OPS

OURS = __name__.partition(".")[0]
MATH_NAMES = SimpleNamespace(**{k: v for k, v in vars(math).items() if not k.startswith("_")})


class Trace:
    """One function being traced: the graph so far, and the frame of the function itself."""

    def __init__(self) -> None:
        self.builder = Builder()
        self.frame: FrameType | None = None
        self.code: CodeType | None = None


class Traced:
    """What user code handles while it is traced: a node of the graph to be. Gone when the function returns."""

    __slots__ = ("index", "trace")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, trace: Trace, index: int) -> None:
        self.trace, self.index = trace, index

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        op = NUMPY.get(ufunc)
        if op is None or method != "__call__" or options:
            refuse(f"numpy.{ufunc.__name__}{'' if method == '__call__' else '.' + method} is not in the table of operations")
        return apply(op, *inputs)

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        op = NUMPY.get(function)
        told = f"numpy.{function.__name__}, called this way, is not in the table of operations"
        if op is None:
            refuse(told)
        if op.many and len(args) == 1 and isinstance(args[0], (list, tuple)):
            args = tuple(args[0])
        if not op.many and len(args) > op.arity:  # np.sum(x, 0), np.reshape(x, shape)
            names = list(op.options)[: len(args) - op.arity]
            args, options = args[: op.arity], {**dict(zip(names, args[op.arity :])), **options}
        try:
            return apply(op, *args, **options)
        except ValueError:
            refuse(told)

    def __bool__(self) -> bool:
        refuse("a Python `if`, `while`, `and` or `or` asks a traced value for yes or no",
               "the graph must hold both ways: write dv.where(condition, yes, no), dv.maximum or dv.minimum")

    def __float__(self) -> float:
        refuse("float() (or a function that calls it) was asked of a traced value",
               "use the operations of dvar, such as dv.exp; `import math` belongs outside the function")

    def __int__(self) -> int:
        refuse("int() was asked of a traced value", "a graph works with real numbers; there is no whole part to follow")

    __index__ = __int__
    __complex__ = __float__

    def __len__(self) -> int:
        refuse("len() was asked of a traced value; the function is traced before it sees shapes",
               "write sums with dv.sum(v) and w @ x; pass a length as an argument with a default, n=3")

    def __iter__(self) -> Any:
        refuse("a traced value was iterated over; the function is traced before it sees shapes",
               "write sums with dv.sum(v) and w @ x, or take scalars as separate arguments")

    def __getitem__(self, key: Any) -> Any:
        """x[0], W[:, 1:3]; x[k] with a traced k picks element k."""
        if isinstance(key, Traced):
            return apply(OPS["take"], self, key)
        return apply(OPS["index"], self, at=tuple(map(index_part, key if isinstance(key, tuple) else (key,))))

    def sum(self, axis: int | None = None) -> Any:
        return apply(OPS["sum"], self, axis=axis)

    def mean(self, axis: int | None = None) -> Any:
        return apply(OPS["mean"], self, axis=axis)

    def max(self, axis: int | None = None) -> Any:
        return apply(OPS["max"], self, axis=axis)

    def min(self, axis: int | None = None) -> Any:
        return apply(OPS["min"], self, axis=axis)

    def reshape(self, *shape: Any) -> Any:
        return apply(OPS["reshape"], self, shape=shape[0] if len(shape) == 1 and isinstance(shape[0], tuple) else shape)

    def ravel(self) -> Any:
        return apply(OPS["reshape"], self, shape=(-1,))

    def dot(self, other: Any) -> Any:
        return apply(OPS["dot"], self, other)

    def __setitem__(self, key: Any, value: Any) -> None:
        refuse("a traced value was changed in place", "give the result a new name; a node never changes")

    @property
    def T(self) -> Traced:
        flipped: Traced = apply(OPS["transpose"], self)
        return flipped

    def __pos__(self) -> Traced:
        return self

    def __repr__(self) -> str:
        return f"<traced {self.trace.builder.nodes[self.index].name or 'value'}>"


def refuse(what: str, help: str = "") -> NoReturn:
    """Raise UsageError naming the line of the user's code."""
    frame = user_frame()
    place = f" (line {frame.f_lineno} of {frame.f_code.co_name})" if frame else ""
    known = ", ".join(name for name in CALLS)
    raise UsageError(what + place, help or f"there are: {known}; and + - * / @ ** and comparisons")


def user_frame() -> FrameType | None:
    """The nearest calling frame that is neither dvar's nor NumPy's."""
    frame: FrameType | None = sys._getframe(1)
    while frame and frame.f_globals.get("__name__", "").partition(".")[0] in (OURS, "numpy"):
        frame = frame.f_back
    return frame


@lru_cache(maxsize=4096)
def stored_names(code: CodeType) -> dict[int, str]:
    """Offset of an instruction → the variable that the next one stores its result in."""
    found: dict[int, str] = {}
    steps = [s for s in dis.get_instructions(code) if s.opname not in ("EXTENDED_ARG", "CACHE")]
    for step, following, after in zip(steps, steps[1:], [*steps[2:], None]):
        if following.opname in ("COPY", "DUP_TOP") and after is not None:  # v = (u := b*c): the first to be stored
            following = after
        if following.opname.startswith("STORE_") and following.opname.split("_")[1] in ("FAST", "NAME", "GLOBAL", "DEREF"):
            name = following.argval[0] if isinstance(following.argval, tuple) else following.argval
            found[step.offset] = name
    return found


def index_part(part: Any) -> Any:
    """A whole number, or a slice as (start, stop, step)."""
    if isinstance(part, slice) and all(v is None or isinstance(v, int) for v in (part.start, part.stop, part.step)):
        return part.start, part.stop, part.step
    if isinstance(part, bool) or not hasattr(part, "__index__"):
        refuse(f"a traced value was indexed with [{part!r}]", "an index is a whole number or a part start:stop; "
               "choose by a condition with dv.where, pick one class with p[k]")
    return int(part)


def apply(op: Op, *operands: Any, **given: Any) -> Any:
    """The operation on values: a node where one of them is traced, else the number itself.

    Raises ValueError for options that the operation does not have.
    """
    options = op.options_of(given) if given or op.options else ()
    traced = next((v for v in operands if isinstance(v, Traced)), None)
    if traced is None:
        return evaluate_one(op, *(as_array(v, f"what {op.name} is given") for v in operands), options=options)
    trace = traced.trace
    indices = []
    for value in operands:
        if not isinstance(value, Traced):
            indices.append(trace.builder.const(value))
        elif value.trace is not trace:
            refuse("a value kept from another tracing was used here", "take it as an argument of this function")
        else:
            indices.append(value.index)
    index = trace.builder.join(op.name, indices, options)
    frame = user_frame()
    if frame is not None and frame.f_code is trace.code:
        trace.frame = frame
        name = stored_names(frame.f_code).get(frame.f_lasti)
        if name is not None:
            trace.builder.give(index, name)
    return Traced(trace, index)


def function(op: Op) -> Callable[..., Any]:
    """The operation as people call it, dv.exp: on traced values, numbers and arrays alike."""

    def call(*operands: Any, **options: Any) -> Any:
        if op.many and len(operands) == 1 and isinstance(operands[0], (list, tuple)):
            operands = tuple(operands[0])
        try:
            if op.name in OF_TWO and len(operands) == 2:
                raise ValueError(f"{op.name} takes one operand, 2 given; of two values it is dv.{OF_TWO[op.name]}(a, b), "
                                 f"along an axis dv.{op.name}(a, axis=0)")
            op.check_count(len(operands))
            return apply(op, *operands, **options)
        except ValueError as why:
            what, _, help = str(why).partition("; ")
            raise UsageError(what, help) from None

    call.__name__ = call.__qualname__ = op.name
    slopes = ", ".join(s for s in op.slopes if s) or "none"
    call.__doc__ = f"{op.form.format(*'abc')}; derivatives: {slopes}; defined for {op.domain}."
    return call


def _operator(name: str, swapped: bool = False) -> Callable[..., Any]:
    op = OPS[name]

    def method(self: Traced, *other: Any) -> Any:
        return apply(op, *other, self) if swapped else apply(op, self, *other)

    return method


for _method, _name in {"add": "plus", "sub": "minus", "mul": "times", "truediv": "over", "pow": "power",
                       "matmul": "dot"}.items():
    setattr(Traced, f"__{_method}__", _operator(_name))
    setattr(Traced, f"__r{_method}__", _operator(_name, swapped=True))
for _method, _name in {"neg": "neg", "abs": "abs", "gt": "greater", "ge": "at_least", "lt": "less", "le": "at_most",
                       "eq": "equal", "ne": "differs"}.items():
    setattr(Traced, f"__{_method}__", _operator(_name))

for _name, _op in MATH.items():
    setattr(MATH_NAMES, _name, function(_op))


def without_math(fn: Callable[..., Any]) -> Callable[..., Any]:
    """A copy of the function in which the names of `math` stand for the table's operations; itself where none occur."""
    if not isinstance(fn, FunctionType):
        return fn

    def ours(value: Any) -> Any:
        if value is math:
            return MATH_NAMES
        if getattr(value, "__module__", None) == "math" and callable(value):
            return getattr(MATH_NAMES, value.__name__)
        return value

    names = {n for code in nested_codes(fn.__code__) for n in code.co_names}
    swapped = {n: ours(v) for n in names if (v := fn.__globals__.get(n)) is not None and ours(v) is not v}
    cells = fn.__closure__ or ()
    filled = [(c, c.cell_contents) for c in cells if not is_empty(c)]
    closed = {id(c): CellType(ours(v)) for c, v in filled if ours(v) is not v}
    if not swapped and not closed:
        return fn
    closure = tuple(closed.get(id(c), c) for c in cells)
    copy = FunctionType(fn.__code__, {**fn.__globals__, **swapped}, fn.__name__, fn.__defaults__, closure or None)
    copy.__kwdefaults__ = fn.__kwdefaults__
    return copy


def is_empty(cell: CellType) -> bool:
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:
        return True
    return False


def nested_codes(code: CodeType) -> list[CodeType]:
    codes = [code]
    for c in codes:
        codes.extend(k for k in c.co_consts if isinstance(k, CodeType))
    return codes


def trace(fn: Callable[..., Any]) -> Graph:
    """The Graph of a Python function. Arguments without a default are its inputs, in their order.

    Raises UsageError, naming the line, where the function asks a traced value for something a graph cannot hold.
    """
    given: list[str] = []
    for p in inspect.signature(fn).parameters.values():
        if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD):
            raise UsageError(f"the function takes *{p.name}; a graph needs to know its inputs", "name every argument")
        if p.default is p.empty:
            given.append(p.name)
    state = Trace()
    state.code = getattr(fn, "__code__", None)
    inputs = {name: Traced(state, state.builder.input(name)) for name in given}
    copy = without_math(fn)
    positional = [p.name for p in inspect.signature(fn).parameters.values() if p.kind is p.POSITIONAL_ONLY]
    result = copy(*(inputs[n] for n in positional if n in inputs),
                  **{n: v for n, v in inputs.items() if n not in positional})
    name = getattr(fn, "__name__", "f")
    name = name if name.isidentifier() else "f"
    if not isinstance(result, Traced):
        if not isinstance(result, (int, float)) or isinstance(result, bool):
            raise UsageError(f"{name} returned {type(result).__name__}, not a value made from its inputs",
                             "return one number: the expression whose derivatives are asked for")
        result = Traced(state, state.builder.const(result))
    if state.frame is not None:
        for local, value in state.frame.f_locals.items():
            if isinstance(value, Traced) and not state.builder.nodes[value.index].name:
                state.builder.give(value.index, local)
        state.frame = None
    output = result.index
    if output < len(given) or state.builder.nodes[output].op == "const":
        output = state.builder.apply("same", output)
    if not state.builder.nodes[output].name:
        state.builder.give(output, name)
    return state.builder.close(output)
