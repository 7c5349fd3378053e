"""The duality gap: by how much a penalised cost can at most lie above its lowest, from the point at hand alone.

Where the parameters meet the data in one map u = w @ x, an intercept added, the cost is mean L(u) + Σ l1·|w| + l2/2·w². For any
slopes a (m,), one per example, which sum to 0 where there is an intercept, no cost is below

    −mean L*(a) − Σ max(|v| − l1, 0)²/(2·l2),   v = mean a·x,   L*(a) = max over u of a·u − L(u),

as long as |v| ≤ l1 where l2 is 0 (Fenchel's duality: Rockafellar, Convex Analysis, 1970, §31). The slopes taken are those of the
loss at the point, a = ∂L/∂u, centred and shrunk until they are allowed. L* is no operation of the graph and need not be: its
maximum is where ∂L/∂u = a, which a few steps of Newton find from where u is, with derivatives of the graph.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..derive.backprop import backprop
from ..errors import UsageError
from ..expression.graph import INPUT, Graph
from .core import Map
from .program import compiled, listing
from .write_numpy import write_numpy

if TYPE_CHECKING:
    from .cost import Cost

Told = Callable[[Any], tuple[Any, Any, Any]]

STEPS = 50  # of Newton's for L*, which is inf where they do not end: near an optimum two or three are made
EXACT_TO = 1e-11  # of the largest slope: what the steps leave changes the gap by its square


def gap(cost: Cost, theta: Any, l1: Any, l2: Any, intercept: str) -> float:
    """The gap at theta (P,), with penalties (P,); inf where these slopes tell nothing. Raises UsageError where there is none."""
    made = cost.core(cost.loss)
    at = cost.places[made.maps[0].parameter] if len(made.maps) == 1 else slice(0, 0)
    loose = [n for n, p in cost.places.items() if p != at and (n != intercept or l1[p].any() or l2[p].any())]
    if len(made.maps) != 1 or made.maps[0].shape or loose:
        raise UsageError("the gap is for losses of one w @ x and a free intercept that is added to it"
                         + (f"; here is {', '.join(loose)} too" if loose else ""), "judge the fit by its gradient's norm")
    if not np.all((l1 + l2)[at] > 0):
        raise UsageError("the gap is for weights that are penalised, every one", "give l1 or l2, those of the fit")
    x, w = cost.data[made.maps[0].data], theta[at]
    share = np.asarray(cost.data[cost.weight] if cost.weight else np.ones(cost.m), dtype=np.float64) / cost.total
    told = told_by_u(cost, made.graph, made.maps[0], theta)
    u = np.asarray(x @ w, dtype=np.float64)
    loss, slope, _ = told(u)
    value = float(share @ loss) + float(l1[at] @ np.abs(w)) + 0.5 * float(l2[at] @ w**2)
    allowed = slope - share @ slope / share.sum() if intercept else slope
    v = np.asarray((share * allowed) @ x, dtype=np.float64)
    hard = l2[at] == 0
    over = hard & (np.abs(v) > l1[at])
    shrink = float(np.min(l1[at][over] / np.abs(v[over]), initial=1.0))
    allowed, v = shrink * allowed, shrink * v
    best, there = highest(told, u, allowed, share)
    if there is None:
        return float("inf")
    excess = np.where(hard, 0.0, np.maximum(np.abs(v) - l1[at], 0.0) ** 2 / np.where(hard, 1.0, 2 * l2[at]))
    return max(value - float(share @ (there - allowed * best)) + float(np.sum(excess)), 0.0)  # below 0 is rounding


def highest(told: Told, u: Any, a: Any, share: Any) -> tuple[Any, Any]:
    """Where a·u − L(u) is largest (m,), and L there: the slope is a. L is None where the steps do not end, as where a is a slope
    that the loss has nowhere. Raises UsageError where the curvature is negative."""
    goal = EXACT_TO * max(float(np.max(np.abs(a))), 1e-300)
    for _ in range(STEPS):
        loss, slope, curvature = told(u)
        off = np.where(share > 0, slope - a, 0.0)
        if not np.isfinite(off).all():
            return u, None
        if ((curvature < 0) & (share > 0)).any():
            raise UsageError("the loss is not convex, so that there is no duality gap", "judge the fit by its gradient's norm")
        if np.max(np.abs(off)) <= goal:
            return u, loss
        with np.errstate(all="ignore"):
            u = u - off / np.where(curvature > 0, curvature, 1.0)
    return u, None


def told_by_u(cost: Cost, graph: Graph, one: Map, theta: Any) -> Told:
    """What the loss, its slope and its curvature by u are for every example, (m,) each, as a function of u (m,)."""
    data = {n: v for n, v in cost.data.items() if n in graph.inputs}
    named = cost.named(theta)
    free = {n: np.float64(named[n]) for n in graph.inputs if n in named}
    part = type(cost)(graph, {one.result: np.zeros(cost.m), **data})
    derivation = part.sized(free).derivation
    tape, value = derivation.run.copy(), derivation.value[-1]
    u = next(k for k, n in enumerate(tape.nodes) if n.op == INPUT and n.name == one.result)
    first = backprop(tape, value).d[u]
    second = backprop(tape, first).d.get(u)
    rows = [value, first, tape.const(0.0) if second is None else second]
    function = compiled(write_numpy(listing(derivation, part.data, rows, tape, derivatives=False)), "numpy")

    def told(at: Any) -> tuple[Any, Any, Any]:
        part.data[one.result] = at
        with np.errstate(all="ignore"):
            found = function(*free.values(), *part.block(slice(0, cost.m)).values(), part.total)[-3:]
        found = [np.where(True if cost.counts is None else cost.counts, v, 0.0) for v in found]
        loss, slope, curvature = (np.broadcast_to(v, (cost.m,)) for v in found)
        return loss, slope, curvature

    return told
