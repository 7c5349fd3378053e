"""The rows of the table that work on vectors and matrices: linear maps, sums and other reductions, picking and joining.

`compute` works on one example; what vectorised programs call besides (`take_each`, `place_in`) on many, along the first axis.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import DvarError
from . import unrolling
from .array_programs import (
    along,
    concatenate_form,
    count_form,
    cut_form,
    dot_element,
    dot_form,
    index_form,
    onehot_form,
    outer_element,
    outer_form,
    place_form,
    reshape_form,
    shaped_form,
    spread_element,
    spread_form,
    stack_form,
    sum_element,
    take_form,
    transpose_element,
    transpose_form,
)
from .array_pulls import concatenate_pull, cut_pull, dot_pull, extreme_pull, logsoftmax_pull, over, take_pull
from .array_shapes import (
    Key,
    concatenate_shape,
    cut_shape,
    index_shape,
    kept_shape,
    matmul_beside,
    matmul_shape,
    onehot_shape,
    outer_shape,
    place_shape,
    reduced_shape,
    reshape_shape,
    shaped_shape,
    some_shape,
    spread_shape,
    stack_shape,
    take_shape,
)
from .op import ATOM, BY_OTHER, CONCAVE, CONVEX, FROM_0, LINEAR, POWER, PRODUCT, Bend, Op, Shape, call, infix, spell_key

# how they are computed


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


def reduction(
    name: str, compute: Any, slope: str, pull: Callable[..., tuple[str]], shape: Callable[..., Shape] = reduced_shape, **more: Any
) -> Op:
    return call(name, compute, slope, pull=pull, shape=shape, options={"axis": None},
                domain="scalars, vectors, matrices; axis: 0 or 1, all unless said", **more)


ROWS = [
    infix("dot", "@", np.matmul, ("b", "a"), PRODUCT, "dot", shape=matmul_shape, domain="vectors and matrices", analytic=True,
          linear=(0, 1), maps=True, pull=dot_pull, unroll=unrolling.dot, numpy=dot_form, element=dot_element, bends=BY_OTHER,
          beside=matmul_beside, latex=r"{} \, {}"),
    reduction("sum", np.sum, "spread(g, a)", lambda ranks, axis: (f"spread(g, a{over(axis)})",), analytic=True,
              numpy=along("np.sum"), element=sum_element, unroll=unrolling.reduced(unrolling.total),
              latex=r"\sum\left({}\right)", linear=(0,), positive=1, bends=LINEAR),
    reduction("mean", np.mean, "spread(g, a)/count(a)",
              lambda ranks, axis: (f"spread(g/count(a{over(axis)}), a{over(axis)})",), some_shape, analytic=True,
              numpy=along("np.mean"), unroll=unrolling.reduced(unrolling.mean), linear=(0,), bends=LINEAR),
    reduction("max", np.max, "g where a is largest", extreme_pull("max"), some_shape, numpy=along("np.max"),
              unroll=unrolling.reduced(unrolling.largest),
              kink="those that are equal share alike", latex=r"\max\left({}\right)", bends=CONVEX),
    reduction("min", np.min, "g where a is smallest", extreme_pull("min"), some_shape, numpy=along("np.min"),
              unroll=unrolling.reduced(unrolling.smallest),
              kink="those that are equal share alike", latex=r"\min\left({}\right)", bends=CONCAVE),
    reduction("logsumexp", logsumexp, "g*softmax(a)",
              lambda ranks, axis: (f"spread(g, a{over(axis)})*softmax(a{over(axis)})",), numpy=along("our.logsumexp"),
              unroll=unrolling.reduced(unrolling.logsumexp), bends=CONVEX),
    reduction("softmax", softmax, "softmax(a)*(g - sum(g*softmax(a)))", lambda ranks, axis: (
        f"softmax(a{over(axis)})*(g - spread(sum(g*softmax(a{over(axis)}){over(axis)}), a{over(axis)}))",),
        kept_shape, numpy=along("our.softmax"), unroll=unrolling.softmax, positive=0),
    reduction("logsoftmax", logsoftmax, "g - softmax(a)*sum(g)", logsoftmax_pull, kept_shape, numpy=along("our.logsoftmax"),
              unroll=unrolling.logsoftmax, bends=Bend(-1, (0,))),
    reduction("norm", norm, "g*a/norm(a)", lambda ranks, axis: (
        f"spread(where(norm(a{over(axis)}) > 0, g/norm(a{over(axis)}), 0), a{over(axis)})*a",),
        numpy=along("our.norm"), unroll=unrolling.reduced(unrolling.norm), kink="at a = 0: 0",
        latex=r"\left\lVert {} \right\rVert", bends=FROM_0),
    call("outer", np.multiply.outer, "g @ b", "transpose(g) @ a", shape=outer_shape, domain="two vectors", analytic=True,
         pull=lambda ranks: ("g @ b", "transpose(g) @ a"), numpy=outer_form, element=outer_element, unroll=unrolling.outer,
         latex=r"{} \, {}^{{\mathsf T}}", latex_sides=(PRODUCT, ATOM), latex_binds=PRODUCT, linear=(0, 1),
         bends=BY_OTHER),
    call("transpose", np.transpose, "transpose(g)", shape=lambda a: a[::-1], analytic=True, latex=r"{}^{{\mathsf T}}",
         latex_sides=(ATOM,), latex_binds=POWER,
         domain="scalars, vectors, matrices", pull=lambda ranks: ("transpose(g)",), linear=(0,), moves=True, numpy=transpose_form,
         element=transpose_element),
    call("index", index, "place(g, a)", shape=index_shape, options={"at": ()}, example={"at": (0,)},
         domain="a[0], a[1:3], a[:, 0]", spell=lambda at: "{}" + spell_key(at),
         pull=lambda ranks, at: (f"place(g, a, at={spell_key(at)})",),
         analytic=True, linear=(0,), positive=1, moves=True, numpy=index_form),
    call("place", place, "g[at]", None, numbers=(0,), shape=place_shape, options={"at": ()}, example={"at": (0,)}, likes=(1,),
         analytic=True, domain="what stands at an index, then the shape to fill with 0",
         pull=lambda ranks, at: ("g" + spell_key(at), None), linear=(0,), moves=True, numpy=place_form),
    call("take", take, "g*onehot(b, a)", None, brackets="{}[{}]", numbers=(1,), shape=take_shape, pull=take_pull, numpy=take_form,
         unroll=unrolling.take,
         latex="{{{}}}_{{{}}}", latex_sides=(ATOM, 0), domain="a vector, or a matrix's rows; b: 0, 1, 2, …",
         linear=(0,), positive=1, bends=Bend(0, (1, None))),
    call("onehot", onehot, None, None, numbers=(0,), shape=onehot_shape, likes=(1,), numpy=onehot_form,
         unroll=unrolling.onehot,
         domain="a number 0, 1, 2, …; then what it numbers", pull=lambda ranks: (None, None)),
    call("stack", stack, "g[0]", numbers=range(1_000_000_000), shape=stack_shape, many=True, moves=True, numpy=stack_form,
         analytic=True, domain="numbers, or vectors of one length",
         pull=lambda ranks: tuple(f"g[{k}]" for k in range(len(ranks)))),
    call("concatenate", concatenate, "cut(g, a, b, part=0)", "cut(g, a, b, part=1)", shape=concatenate_shape, analytic=True,
         many=True, options={"axis": 0}, domain="two vectors or matrices", pull=concatenate_pull, moves=True,
         numpy=concatenate_form),
    call("cut", cut, "concatenate(g, spread(0, c))", None, None, shape=cut_shape, options={"part": 0, "axis": 0}, likes=(1, 2),
         domain="what was joined, then its two parts", pull=cut_pull, linear=(0,), moves=True, numpy=cut_form, analytic=True),
    call("reshape", reshape, "shaped(g, a)", shape=reshape_shape, options={"shape": ()}, example={"shape": (2, 3)}, analytic=True,
         domain="scalars, vectors, matrices", pull=lambda ranks, shape: ("shaped(g, a)",), linear=(0,), moves=True,
         numpy=reshape_form),
    call("shaped", shaped, "shaped(g, a)", None, shape=shaped_shape, likes=(1,), analytic=True, linear=(0,),
         domain="as many elements as the second", pull=lambda ranks: ("shaped(g, a)", None), moves=True, numpy=shaped_form),
    call("spread", spread, "sum(g)", None, numbers=(0,), shape=spread_shape, options={"axis": None}, likes=(1,), analytic=True,
         linear=(0,), domain="a scalar, then the shape to fill; with an axis a vector along the other", positive=1,
         pull=lambda ranks, axis: (f"sum(g{over(axis)})", None), moves=True, numpy=spread_form, element=spread_element),
    call("count", count, None, shape=lambda a, axis: reduced_shape(a, axis) and (), options={"axis": None}, likes=(0,),
         numpy=count_form, unroll=unrolling.count, domain="scalars, vectors, matrices", pull=lambda ranks, axis: (None,),
         positive=0),
]
