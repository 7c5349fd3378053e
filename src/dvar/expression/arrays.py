"""The rows of the table that work on vectors and matrices: linear maps, sums and other reductions, picking and joining.

`compute` works on one example. In a vectorised program an operand that differs by example carries the examples along its
first axis; so axes are counted from the end there, and the same expression serves with and without examples.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import DvarError
from . import unrolling
from .op import ATOM, FIRST, MINUS, POWER, PRODUCT, SECOND, Form, Layout, Loops, Op, Shape, call, infix, moved, spell_key

Key = tuple[Any, ...]  # an index: whole numbers and slices as (start, stop, step)

# shapes


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


def reduced_shape(a: Shape, axis: int | None) -> Shape:
    """Without the axis. Raises ValueError where there is no such axis."""
    if axis is None:
        return ()
    k = place_of(axis, a)
    return a[:k] + a[k + 1 :]


def place_of(axis: int, a: Shape) -> int:
    if not -len(a) <= axis < len(a):
        raise ValueError(f"there is no axis {axis} in the shape {a}")
    return axis % len(a)


def extreme_shape(a: Shape, axis: int | None) -> Shape:
    if 0 in (a if axis is None else (a[place_of(axis, a)],)):
        raise ValueError("there is no largest or smallest of no numbers")
    return reduced_shape(a, axis)


def kept_shape(a: Shape, axis: int | None) -> Shape:
    reduced_shape(a, axis)
    return a


def spread_shape(a: Shape, like: Shape, axis: int | None) -> Shape:
    if a != reduced_shape(like, axis):
        raise ValueError(f"spread over {like} takes the shape {reduced_shape(like, axis)}")
    return like


def index_shape(a: Shape, at: Key) -> Shape:
    """Raises ValueError where the index is outside, or there are more indices than axes."""
    if len(at) > len(a):
        raise ValueError(f"{len(at)} indices are more than the axes of the shape {a}")
    left: Shape = ()
    for size, part in zip(a, at):
        if isinstance(part, tuple):
            left += (len(range(*slice(*part).indices(size))),)
        elif not -size <= part < size:
            raise ValueError(f"the index {part} is outside: there are {size}, numbered from 0")
    return left + a[len(at) :]


def place_shape(g: Shape, like: Shape, at: Key) -> Shape:
    if g != index_shape(like, at):
        raise ValueError(f"place{spell_key(at)} in {like} takes the shape {index_shape(like, at)}")
    return like


def take_shape(a: Shape, k: Shape) -> Shape:
    if not a or k:
        raise ValueError("take picks from a vector or a matrix's rows by one number")
    return a[1:]


def onehot_shape(k: Shape, like: Shape) -> Shape:
    if k or not like:
        raise ValueError("onehot takes a number, then what it numbers")
    return like[:1]


def stack_shape(*parts: Shape) -> Shape:
    if len(set(parts)) != 1 or len(parts[0]) > 1:
        raise ValueError("stack takes numbers, or vectors of one length")
    return (len(parts), *parts[0])


def concatenate_shape(a: Shape, b: Shape, axis: int) -> Shape:
    if len(a) != len(b) or not a:
        raise ValueError("concatenate takes two vectors or two matrices")
    k = place_of(axis, a)
    if a[:k] + a[k + 1 :] != b[:k] + b[k + 1 :]:
        raise ValueError(f"all sizes but those along axis {axis} must be equal")
    return (*a[:k], a[k] + b[k], *a[k + 1 :])


def cut_shape(g: Shape, a: Shape, b: Shape, part: int, axis: int) -> Shape:
    if g != concatenate_shape(a, b, axis):
        raise ValueError(f"what is cut has the shape {concatenate_shape(a, b, axis)}")
    return (a, b)[part]


def reshape_shape(a: Shape, shape: Shape) -> Shape:
    """Raises ValueError where the number of elements differs; one size may be -1, whatever is left."""
    size, given = int(np.prod(a)), int(np.prod([n for n in shape if n != -1]))
    if shape.count(-1) > 1 or len(shape) > 2 or (given and size % given) or (-1 not in shape and given != size):
        raise ValueError(f"{size} elements do not make the shape {shape}")
    return tuple(n if n != -1 else (size // given if given else 0) for n in shape)


def shaped_shape(g: Shape, like: Shape) -> Shape:
    return reshape_shape(g, like)


# how they are computed


def axes(rank: int, axis: int | None) -> int | tuple[int, ...]:
    """The axis, or all of one example's axes, counted from the end."""
    return tuple(range(-rank, 0)) if axis is None else axis - rank if axis >= 0 else axis


def spread(a: Any, like: Any, axis: int | None = None) -> Any:
    """The scalar a in every place of an array shaped as `like`, or a vector along the other axis."""
    return np.broadcast_to(a if axis is None else np.expand_dims(a, axis), np.shape(like))


def beside_the_largest(a: Any, axis: Any) -> tuple[Any, Any]:
    """The largest number, and Σ exp(a − largest) without the 1 of one that is largest; axes kept."""
    top = np.max(a, axis=axis, keepdims=True, initial=-np.inf)
    safe = np.where(np.isfinite(top), top, 0.0)
    largest = a == safe
    rest = np.sum(np.where(largest, 0.0, np.exp(a - safe)), axis=axis, keepdims=True)
    return safe, rest + (np.sum(largest, axis=axis, keepdims=True) - 1.0)


def logsumexp(a: Any, axis: Any = None) -> Any:
    """log(Σ exp(a)) = max + log(Σ exp(a − max)), so that exp neither overflows nor loses all terms; by log1p, for where one
    number is far above the rest."""
    top, rest = beside_the_largest(np.asarray(a), axis)
    with np.errstate(divide="ignore"):
        return np.squeeze(top + np.log1p(rest), axis=axis)


def logsoftmax(a: Any, axis: Any = None) -> Any:
    """log(softmax(a)) = (a − max) − log(Σ exp(a − max)): the larger of two terms is exact, also where softmax(a) is nearly 1."""
    a = np.asarray(a)
    top, rest = beside_the_largest(a, axis)
    with np.errstate(divide="ignore"):
        return -(top - a + np.log1p(rest))


def softmax(a: Any, axis: Any = None) -> Any:
    """exp(a)/Σ exp(a); the largest exponent is taken out of both."""
    e = np.exp(a - np.max(a, axis=axis, keepdims=True, initial=-np.inf))
    return e / np.sum(e, axis=axis, keepdims=True)


def norm(a: Any, axis: Any = None) -> Any:
    """sqrt(Σ a²); the largest number is taken out first, whose square may be out of range."""
    top = np.max(np.abs(a), axis=axis, keepdims=True, initial=0.0)
    scale = np.where((top > 0) & np.isfinite(top), top, 1.0)
    return np.squeeze(scale, axis=axis) * np.sqrt(np.sum((a / scale) ** 2, axis=axis))


def count(a: Any, axis: Any = None) -> Any:
    """How many numbers a sum along the axis would add."""
    shape = np.shape(a)
    return float(np.prod([shape[k] for k in (range(len(shape)) if axis is None else np.atleast_1d(axis))]))


def slices(at: Key) -> tuple[Any, ...]:
    return tuple(slice(*part) if isinstance(part, tuple) else part for part in at)


def index(a: Any, at: Key) -> Any:
    return np.asarray(a)[slices(at)]


def place(g: Any, like: Any, at: Key) -> Any:
    """Zeros shaped as `like`, with g at the index."""
    return place_in(g, np.shape(like), at)


def place_in(g: Any, shape: Shape, at: Key) -> Any:
    """Zeros of this shape with g at the index; g may carry the examples along a first axis."""
    inner = len(index_shape(shape, at))
    g = np.asarray(g)
    out = np.zeros(g.shape[: g.ndim - inner] + shape, dtype=np.result_type(g, np.float64))
    out[(..., *slices(at), *[slice(None)] * (len(shape) - len(at)))] = g
    return out


def whole(k: Any, size: int) -> Any:
    """k as indices. Raises DvarError where one is not a whole number from 0 to size − 1."""
    with np.errstate(invalid="ignore"):
        at = np.asarray(k).astype(np.intp)
    wrong = (at != k) | (at < 0) | (at >= size)
    if np.any(wrong):
        first = np.asarray(k)[wrong].ravel()[0]
        raise DvarError(f"take: {first:g} is not one of the numbers 0 … {size - 1}", "number what is picked from 0, in order")
    return at


def take(a: Any, k: Any) -> Any:
    """Element, or row, number k of a; k may hold one number per example."""
    a = np.asarray(a)
    return a[whole(k, a.shape[0])]


def take_each(a: Any, k: Any) -> Any:
    """Number k of each example's own a (examples along the first axis of both)."""
    a = np.asarray(a)
    return a[np.arange(a.shape[0]), whole(k, a.shape[1])]


def onehot(k: Any, like: Any) -> Any:
    """Zeros with a one at place k, as many as `like` has elements, or rows."""
    return onehot_of(k, np.shape(like)[0])


def onehot_of(k: Any, size: int) -> Any:
    """Zeros with a one at place k, `size` of them, for every k."""
    return np.asarray(np.equal(whole(k, size)[..., None], np.arange(size)), dtype=np.float64)


def stack(*parts: Any) -> Any:
    return np.stack(parts)


def concatenate(a: Any, b: Any, axis: int = 0) -> Any:
    return np.concatenate([a, b], axis=axis)


def concatenate_each(a: Any, b: Any, axis: int, rank: int) -> Any:
    """Joined along an axis counted from the end; what does not differ by example is repeated for each."""
    lead = np.broadcast_shapes(np.shape(a)[:-rank], np.shape(b)[:-rank])
    return np.concatenate([np.broadcast_to(v, lead + np.shape(v)[-rank:]) for v in (a, b)], axis=axis)


def cut(g: Any, a: Any, b: Any, part: int = 0, axis: int = 0) -> Any:
    """The part of g that stands where a, or b, stood in concatenate(a, b)."""
    size = np.shape(a)[axis]
    places = range(size) if part == 0 else range(size, size + np.shape(b)[axis])
    return np.take(g, places, axis=axis)


def reshape(a: Any, shape: Shape) -> Any:
    return np.reshape(a, shape)


def shaped(g: Any, like: Any) -> Any:
    return np.reshape(g, np.shape(like))


# how they are written in a vectorised program: {0}, {1} are the operands, `np.` is NumPy and `our.` this module


def along(function: str) -> Callable[[Layout], Form]:
    """A reduction: the same function, its axis counted from the end."""

    def form(one: Layout) -> Form:
        axis = one.options["axis"]
        told = "" if not one.varies[0] and axis is None else f", axis={axes(one.ranks[0], axis)}"
        return Form(f"{function}({{}}{told})", (0,), ATOM)

    return form


def dot_form(one: Layout) -> Form:
    if all(one.varies) and one.ranks in EINSUM:
        return Form(f"np.einsum({EINSUM[one.ranks]!r}, {{}}, {{}})", (0, 0), ATOM)
    if one.varies == (False, True) and one.ranks == (1, 1):
        return Form("{1} @ {0}", (MINUS, PRODUCT), PRODUCT)
    if one.varies == (False, True) and one.ranks == (2, 1):
        return Form("{1} @ {0}.T", (ATOM, PRODUCT), PRODUCT)
    return Form("{} @ {}", (PRODUCT, MINUS), PRODUCT)


EINSUM = {(1, 1): "ai,ai->a", (2, 1): "aij,aj->ai", (1, 2): "ai,aij->aj"}


def outer_form(one: Layout) -> Form:
    a, b = ("ai" if one.varies[0] else "i"), ("aj" if one.varies[1] else "j")
    return Form(f"np.einsum('{a},{b}->{'a' * any(one.varies)}ij', {{}}, {{}})", (0, 0), ATOM)


def transpose_form(one: Layout) -> Form:
    if not one.varies[0]:
        return Form("{}.T", (ATOM,), ATOM)
    return Form("{}.transpose(0, 2, 1)" if one.ranks == (2,) else "{}", (ATOM,), ATOM)  # a row's vector is its own


def core(position: int, one: Layout) -> str:
    """The shape of one example's operand."""
    rank = one.ranks[position]
    return f"{{{position}}}.shape" + (f"[-{rank}:]" if one.varies[position] else "") if rank else "()"


def spread_form(one: Layout) -> Form:
    axis, rank = one.options["axis"], one.ranks[1]
    new = [k for k in range(rank) if axis is None or k == axis % rank]
    shown = "[" + ", ".join([":"] * one.varies[0] + ["None" if k in new else ":" for k in range(rank)]) + "]"
    if rank == 0 or (axis is None and not one.varies[0]):
        shown = ""
    lead = "{0}.shape[:1] + " * one.varies[0]
    return Form(f"np.broadcast_to({{0}}{shown}, {lead}{core(1, one)})", (ATOM, ATOM), ATOM)


def index_form(one: Layout) -> Form:
    inner = spell_key(one.options["at"])[1:-1]
    return Form(f"{{}}[{':, ' * one.varies[0]}{inner}]", (ATOM,), ATOM)


def place_form(one: Layout) -> Form:
    return Form(f"our.place_in({{0}}, {core(1, one)}, {one.options['at']})", (0, ATOM), ATOM)


def take_form(one: Layout) -> Form:
    if one.varies == (True, False):
        return Form("our.take_each({0}, np.broadcast_to({1}, {0}.shape[:1]))", (ATOM, 0), ATOM)
    return Form(f"our.{'take_each' if one.varies[0] else 'take'}({{}}, {{}})", (0, 0), ATOM)


def onehot_form(one: Layout) -> Form:
    return Form(f"our.onehot_of({{0}}, {core(1, one)}[0])", (0, ATOM), ATOM)


def stack_form(one: Layout) -> Form:
    listed = ", ".join(["{}"] * len(one.ranks))
    parts = f"[{listed}]" if len(set(one.varies)) == 1 else f"np.broadcast_arrays({listed})"
    return Form(f"np.stack({parts}, axis={-1 - one.ranks[0]})", (0,) * len(one.ranks), ATOM)


def concatenate_form(one: Layout) -> Form:
    axis, rank = axes(one.ranks[0], one.options["axis"]), one.ranks[0]
    return Form(f"our.concatenate_each({{}}, {{}}, axis={axis}, rank={rank})", (0, 0), ATOM)


def cut_form(one: Layout) -> Form:
    axis = axes(one.ranks[0], one.options["axis"])
    assert isinstance(axis, int)
    size = f"{{1}}.shape[{axis}]"
    tail = ", :" * (-axis - 1)
    return Form(f"{{0}}[..., {':' + size if one.options['part'] == 0 else size + ':'}{tail}]", (ATOM, ATOM, ATOM), ATOM)


def reshape_form(one: Layout) -> Form:
    lead = "{0}.shape[:1] + " * one.varies[0]
    return Form(f"{{0}}.reshape({lead}{one.options['shape']})", (ATOM,), ATOM)


def shaped_form(one: Layout) -> Form:
    lead = "{0}.shape[:1] + " * one.varies[0]
    return Form(f"{{0}}.reshape({lead}{core(1, one)})", (ATOM, ATOM), ATOM)


def count_form(one: Layout) -> Form:
    rank, axis = one.ranks[0], one.options["axis"]
    ends = [axis - rank if axis >= 0 else axis] if axis is not None else range(-rank, 0)
    return Form(" * ".join(f"{{0}}.shape[{k}]" for k in ends) or "1.0", (ATOM,), PRODUCT if rank > 1 else ATOM)


# how they are written in a program of loops: the text of an operand is its element at «0», «1»


def dot_element(one: Loops) -> Form:
    ranks = tuple(map(len, one.shapes))
    left = {FIRST: "«j»"} if ranks[0] == 1 else {SECOND: "«j»"}
    right = {FIRST: "«j»", SECOND: SECOND if ranks[0] == 2 else FIRST}

    def summed(a: str, b: str) -> str:
        j = one.free(a, b)
        return f"{one.sum}({moved(a, left)} * {moved(b, right)} for {j} in {one.span(one.shapes[0][-1])})".replace("«j»", j)

    return Form(summed, (PRODUCT, MINUS), ATOM)


def sum_element(one: Loops) -> Form:
    [shape], axis = one.shapes, one.options["axis"]
    along = range(len(shape)) if axis is None else [axis % len(shape)]
    left = iter((FIRST, SECOND))
    stay = {(FIRST, SECOND)[k]: next(left) for k in range(len(shape)) if k not in along}

    def summed(text: str) -> str:
        used: list[str] = []
        spans = ""
        for k in along:
            used.append(one.free(text, *used))
            text = text.replace((FIRST, SECOND)[k], used[-1])
            spans += f" for {used[-1]} in {one.span(shape[k])}"
        return f"{one.sum}({moved(text, stay)}{spans})" if spans else f"({text})"

    return Form(summed, (0,), ATOM)


def spread_element(one: Loops) -> Form:
    axis = one.options["axis"]
    other = {} if axis is None else {FIRST: (FIRST, SECOND)[1 - axis % 2]} if len(one.shapes[1]) == 2 else {}
    return Form(lambda a, b: moved(a, other), (0, 0), ATOM)


def transpose_element(one: Loops) -> Form:
    both = len(one.shapes[0]) == 2
    return Form(lambda a: moved(a, {FIRST: SECOND, SECOND: FIRST} if both else {}), (ATOM,), ATOM)


def outer_element(one: Loops) -> Form:
    return Form(lambda a, b: f"{a} * {moved(b, {FIRST: SECOND})}", (PRODUCT, MINUS), PRODUCT)


# what they make of g, that which comes from the right


def dot_pull(ranks: tuple[int, ...]) -> tuple[str, str]:
    return {
        (1, 1): ("g*b", "g*a"),
        (2, 1): ("outer(g, b)", "transpose(a) @ g"),
        (1, 2): ("b @ g", "outer(a, g)"),
        (2, 2): ("g @ transpose(b)", "transpose(a) @ g"),
    }[ranks]  # type: ignore[index]


def over(axis: int | None) -> str:
    return "" if axis is None else f", axis={axis}"


def extreme_pull(name: str) -> Callable[..., tuple[str]]:
    """All that are largest share alike."""

    def pull(ranks: tuple[int, ...], axis: int | None) -> tuple[str]:
        at = over(axis)
        best = f"where(a == spread({name}(a{at}), a{at}), 1, 0)"
        return (f"{best}*spread(g/sum({best}{at}), a{at})",)

    return pull


def logsoftmax_pull(ranks: tuple[int, ...], axis: int | None) -> tuple[str]:
    """g·(1 − p) − p·Σ g of the others, for p = softmax(a): 1 − p keeps its digits where p is nearly 1."""
    at = over(axis)
    return (f"-g*expm1(logsoftmax(a{at})) - softmax(a{at})*(spread(sum(g{at}), a{at}) - g)",)


def take_pull(ranks: tuple[int, ...]) -> tuple[str, None]:
    return ("g*onehot(b, a)" if ranks[0] == 1 else "outer(onehot(b, a), g)"), None


def concatenate_pull(ranks: tuple[int, ...], axis: int) -> tuple[str, str]:
    at = over(axis) if axis else ""
    return f"cut(g, a, b, part=0{at})", f"cut(g, a, b, part=1{at})"


def cut_pull(ranks: tuple[int, ...], part: int, axis: int) -> tuple[str, None, None]:
    at = over(axis) if axis else ""
    whole = f"concatenate(g, spread(0, c){at})" if part == 0 else f"concatenate(spread(0, b), g{at})"
    return whole, None, None


def reduction(
    name: str, compute: Any, slope: str, pull: Callable[..., tuple[str]], shape: Callable[..., Shape] = reduced_shape, **more: Any
) -> Op:
    return call(name, compute, slope, pull=pull, shape=shape, options={"axis": None},
                domain="scalars, vectors, matrices; axis: 0 or 1, all unless said", **more)


ROWS = [
    infix("dot", "@", np.matmul, ("b", "a"), PRODUCT, "dot", shape=matmul_shape, domain="vectors and matrices", analytic=True,
          pull=dot_pull, unroll=unrolling.dot, numpy=dot_form, element=dot_element, latex=r"{} \, {}"),
    reduction("sum", np.sum, "spread(g, a)", lambda ranks, axis: (f"spread(g, a{over(axis)})",), analytic=True,
              numpy=along("np.sum"), element=sum_element, unroll=unrolling.reduced(unrolling.total),
              latex=r"\sum\left({}\right)"),
    reduction("mean", np.mean, "spread(g, a)/count(a)",
              lambda ranks, axis: (f"spread(g/count(a{over(axis)}), a{over(axis)})",), analytic=True, numpy=along("np.mean"),
              unroll=unrolling.reduced(unrolling.mean)),
    reduction("max", np.max, "g where a is largest", extreme_pull("max"), extreme_shape, numpy=along("np.max"),
              unroll=unrolling.reduced(unrolling.largest),
              kink="those that are equal share alike", latex=r"\max\left({}\right)"),
    reduction("min", np.min, "g where a is smallest", extreme_pull("min"), extreme_shape, numpy=along("np.min"),
              unroll=unrolling.reduced(unrolling.smallest),
              kink="those that are equal share alike", latex=r"\min\left({}\right)"),
    reduction("logsumexp", logsumexp, "g*softmax(a)",
              lambda ranks, axis: (f"spread(g, a{over(axis)})*softmax(a{over(axis)})",), numpy=along("our.logsumexp"),
              unroll=unrolling.reduced(unrolling.logsumexp)),
    reduction("softmax", softmax, "softmax(a)*(g - sum(g*softmax(a)))", lambda ranks, axis: (
        f"softmax(a{over(axis)})*(g - spread(sum(g*softmax(a{over(axis)}){over(axis)}), a{over(axis)}))",),
        kept_shape, numpy=along("our.softmax"), unroll=unrolling.softmax),
    reduction("logsoftmax", logsoftmax, "g - softmax(a)*sum(g)", logsoftmax_pull, kept_shape, numpy=along("our.logsoftmax"),
              unroll=unrolling.logsoftmax),
    reduction("norm", norm, "g*a/norm(a)", lambda ranks, axis: (
        f"spread(where(norm(a{over(axis)}) > 0, g/norm(a{over(axis)}), 0), a{over(axis)})*a",),
        numpy=along("our.norm"), unroll=unrolling.reduced(unrolling.norm), kink="at a = 0: 0", latex=r"\left\lVert {} \right\rVert"),
    call("outer", np.multiply.outer, "g @ b", "transpose(g) @ a", shape=outer_shape, domain="two vectors", analytic=True,
         pull=lambda ranks: ("g @ b", "transpose(g) @ a"), numpy=outer_form, element=outer_element, unroll=unrolling.outer,
         latex=r"{} \, {}^{{\mathsf T}}", latex_sides=(PRODUCT, ATOM), latex_binds=PRODUCT),
    call("transpose", np.transpose, "transpose(g)", shape=lambda a: a[::-1], analytic=True, latex=r"{}^{{\mathsf T}}",
         latex_sides=(ATOM,), latex_binds=POWER,
         domain="scalars, vectors, matrices", pull=lambda ranks: ("transpose(g)",), moves=True, numpy=transpose_form,
         element=transpose_element),
    call("index", index, "place(g, a)", shape=index_shape, options={"at": ()}, example={"at": (0,)},
         domain="a[0], a[1:3], a[:, 0]", spell=lambda at: "{}" + spell_key(at),
         pull=lambda ranks, at: (f"place(g, a, at={spell_key(at)})",),
         analytic=True, moves=True, numpy=index_form),
    call("place", place, "g[at]", None, numbers=(0,), shape=place_shape, options={"at": ()}, example={"at": (0,)}, likes=(1,),
         analytic=True, domain="what stands at an index, then the shape to fill with 0",
         pull=lambda ranks, at: ("g" + spell_key(at), None), moves=True, numpy=place_form),
    call("take", take, "g*onehot(b, a)", None, numbers=(1,), shape=take_shape, pull=take_pull, numpy=take_form, unroll=unrolling.take,
         latex="{{{}}}_{{{}}}", latex_sides=(ATOM, 0), domain="a vector, or a matrix's rows; b: 0, 1, 2, …"),
    call("onehot", onehot, None, None, numbers=(0,), shape=onehot_shape, likes=(1,), numpy=onehot_form,
         unroll=unrolling.onehot,
         domain="a number 0, 1, 2, …; then what it numbers", pull=lambda ranks: (None, None)),
    call("stack", stack, "g[0]", numbers=range(1_000_000_000), shape=stack_shape, many=True, moves=True, numpy=stack_form, analytic=True,
         domain="numbers, or vectors of one length", pull=lambda ranks: tuple(f"g[{k}]" for k in range(len(ranks)))),
    call("concatenate", concatenate, "cut(g, a, b, part=0)", "cut(g, a, b, part=1)", shape=concatenate_shape, analytic=True,
         many=True, options={"axis": 0}, domain="two vectors or matrices", pull=concatenate_pull, moves=True, numpy=concatenate_form),
    call("cut", cut, "concatenate(g, spread(0, c))", None, None, shape=cut_shape, options={"part": 0, "axis": 0}, likes=(1, 2),
         domain="what was joined, then its two parts", pull=cut_pull, moves=True, numpy=cut_form, analytic=True),
    call("reshape", reshape, "shaped(g, a)", shape=reshape_shape, options={"shape": ()}, example={"shape": (2, 3)}, analytic=True,
         domain="scalars, vectors, matrices", pull=lambda ranks, shape: ("shaped(g, a)",), moves=True, numpy=reshape_form),
    call("shaped", shaped, "shaped(g, a)", None, shape=shaped_shape, likes=(1,), analytic=True,
         domain="as many elements as the second", pull=lambda ranks: ("shaped(g, a)", None), moves=True, numpy=shaped_form),
    call("spread", spread, "sum(g)", None, numbers=(0,), shape=spread_shape, options={"axis": None}, likes=(1,), analytic=True,
         domain="a scalar, then the shape to fill; with an axis a vector along the other",
         pull=lambda ranks, axis: (f"sum(g{over(axis)})", None), moves=True, numpy=spread_form, element=spread_element),
    call("count", count, None, shape=lambda a, axis: reduced_shape(a, axis) and (), options={"axis": None}, likes=(0,),
         numpy=count_form, unroll=unrolling.count, domain="scalars, vectors, matrices", pull=lambda ranks, axis: (None,)),
]
