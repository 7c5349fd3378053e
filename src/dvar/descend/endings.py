"""What the place is where Newton's steps end: an optimum, at a finite place or not, a saddle, a plateau, or none of these."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .curvature import Curvature, directions_of, norm, vanished
from .objective import ALMOST, Point, Problem
from .run import NO_STEP, Outcome, Run

SADDLE = "at a saddle or a maximum: the gradient's norm is {:.1e}{}"
HIDDEN = ("stopped where rounding hides the curvature, at a gradient's norm of {:.1e}: a column varies by little beside its "
          "size; subtract from each column its mean")
VALLEY = 0.01  # of the way from the start: a direction without curvature that took no more of it leads nowhere
UNKNOWN = 1e-14  # of the cost: by less it does not bend along a parameter that does something
ASIDE = 0.1  # of the longest way along a tail: a parameter that went less is not what fell
LEVEL = 1e-6  # of the cost: a rise below it is none
GONE = 1e-10  # of the cost at the start is left: is there a finite optimum?
STEPS, SHORTER = 8, 0.5  # the way of so many steps, by that of as many before; of a power of 12 it is 0.47
LITTLE = 1e-24  # of the cost at the start: where no step lowers the cost, this is rounding
NOTHING = 1e-28  # of the cost at the start: where all of it can be lost, this is rounding


@dataclass
class Way:
    """The way so far, by which its end is told."""

    problem: Problem
    run: Run
    first: Point  # where it began
    now: Point
    convex: bool  # the cost is, as far as was seen
    fallen: Any = 0.0  # (P,): how far each parameter went along a tail, on which the cost fell as one does that has no end


def no_better(way: Way, promised: float) -> Outcome:
    """No step lowers the cost, or someone asked to stop while looking for one."""
    now = way.now
    if way.run.stopped:
        return way.run.on_request(now.hessian)
    if promised <= max(ALMOST * abs(now.cost), LITTLE * abs(way.first.cost)):
        return finished(way, NO_STEP)
    return way.run.no_step(norm(now.gradient), now.hessian)


def finished(way: Way, why: str) -> Outcome:
    """The end: an optimum, at a finite place or not, unless the curvature tells otherwise."""
    now, slope = way.now, norm(way.now.gradient)
    flat, alike = without_curvature(way.problem, now, way.first, way.run)
    other = no_optimum(way, flat)
    if other:
        return Outcome(now.theta, now.cost, False, HIDDEN.format(slope) if way.problem.smooth.convex else
                       f"stopped {other}; start elsewhere, with start or seed", now.hessian)
    said = f"converged: the gradient's norm is {slope:.1e}, {why}{without_optimum(flat)}"
    if alike:
        said += f"; along {alike} direction{'s' * (alike > 1)} the cost does not change (collinear features)"
    return Outcome(now.theta, now.cost, True, said, now.hessian, flat)


def without_optimum(flat: tuple[int, ...]) -> str:
    return f"; {len(flat)} parameter{'s have' if len(flat) > 1 else ' has'} no finite optimum" if flat else ""


def no_optimum(way: Way, flat: tuple[int, ...]) -> str:
    """What this point is where it is no optimum: curvature is negative or, if the cost need not be convex, is missing. Along
    parameters whose curvature has vanished, and whose going on leaves the cost as it is, its sign is rounding."""
    now, first = way.now, way.first
    still, seen = without_effect(now, first), certain(way)
    if not way.problem.smooth.convex:
        seen[list(flat)] = seen[:, list(flat)] = 0.0
    indefinite = Curvature(now.gradient, seen).indefinite
    if (indefinite or not way.convex) and now.cost > NOTHING * abs(first.cost):
        count = int(np.sum(still & (way.fallen <= ASIDE * np.max(way.fallen))))
        if count:
            return f"on a plateau, where {count} parameter{'s do' if count > 1 else ' does'} not change the cost"
    return at_saddle(norm(now.gradient), norm(first.gradient)) if indefinite else ""


def certain(way: Way) -> Any:
    """The Hessian here, without what is rounding of the cost."""
    still = without_effect(way.now, way.first)
    return np.where(still[:, None] | still, 0.0, way.now.hessian)


def at_saddle(slope: float, first: float) -> str:
    """In words; beside a large gradient at the start one that is not small may be as good as zero."""
    return SADDLE.format(slope, f", {slope / first:.0e} of that at the start" if 0 < slope < first else "")


def without_curvature(problem: Problem, now: Point, first: Point, run: Run) -> tuple[tuple[int, ...], int]:
    """The parameters without a finite optimum, and along how many directions the cost does not change."""
    away, units, alike = vanished(now.hessian, first.hessian, held=problem.held)
    moved = (now.theta - first.theta) / units
    along = away.T @ moved
    if not away.size:
        return (), alike
    if norm(along) <= VALLEY * norm(moved):  # these directions were met, not gone along
        return (), alike + away.shape[1]
    move = units * (away @ along)  # is there any curvature? As far again along these directions the cost would rise then
    cost, gradient = problem.smooth.value_gradient(now.theta + move)
    run.record(now.theta + move, cost, gradient, 1.0, norm(move))
    level = cost <= now.cost + LEVEL * abs(now.cost) + NOTHING * abs(first.cost)
    return (directions_of(away) if level else ()), alike


def gone(way: Sequence[Any], now: Point, first: Point) -> Outcome | None:
    """The end where next to all of the cost is gone and it decays for ever, along a `way` that may bend: the last steps on it led
    as far as those before them. Near the optimum of a power each is shorter than the last."""
    if len(way) <= 2 * STEPS or not 0 < now.cost <= GONE * abs(first.cost):
        return None
    away, units, _ = vanished(now.hessian, first.hessian)
    before, last = (norm((b - a) / units) for a, b in ((way[-1 - 2 * STEPS], way[-1 - STEPS]), (way[-1 - STEPS], way[-1])))
    return lost(now, directions_of(away)) if away.size and last >= SHORTER * before else None


def lost(now: Point, flat: tuple[int, ...]) -> Outcome:
    said = f"converged: the gradient's norm is {norm(now.gradient):.1e}, next to all of the cost is gone{without_optimum(flat)}"
    return Outcome(now.theta, now.cost, True, said, now.hessian, flat)


def without_effect(now: Point, first: Point) -> Any:
    """Which parameters could move by their own length, alone or with another, and not change the cost, by its curvature."""
    length = np.maximum(np.abs(now.theta), np.abs(now.theta - first.theta))
    bends = np.abs(now.hessian * np.outer(length, length)).max(axis=0, initial=0.0)
    return (length > 0) & (bends < UNKNOWN * abs(now.cost))
