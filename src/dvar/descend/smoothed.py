"""Newton's method for convex costs made of straight pieces, as of medians, quantiles and hinges; with l1, l2 and bounds.

Kinks are rounded off by t (`Objective.rounded`), which is made smaller and smaller: from the optimum for one t that for the next
is foretold, by how the slope changes with t, and mended by Newton's steps (a smoothing method: Chen, Mathematical Programming
134, 2012). What is foretold for t = 0 is the optimum itself, once it is known which examples are at their kink there.

How much lower the cost could be is told by its convexity in the parameters and t together. The lowest cost there is for t is a
convex function of t, above its tangent: at t = 0 no cost is lower than F − t·∂F/∂t, of the optimum F for t.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from ..errors import many
from .endings import norm
from .objective import EPSILON, Objective, Options, Point, Problem
from .proximal import falls, gain, held_told, parabola_step
from .run import NO_STEP, Outcome, Run

SHARE = 1e-4  # of what the rounding adds to the cost is left to gain where the next t is taken
ROUND, LARGER = 0.1, 100.0  # of the cost, and more, the first rounding adds; t by t before until it does
SMALLER, LEAST = 0.2, 1e-18  # t by t before; by the first, where rounding of numbers is all that is left
SHORTEST = 1e-6  # share of a step


class Place(NamedTuple):
    """What is seen at a place where kinks are rounded off by t."""

    now: Point
    t: float
    slope: float  # by t
    turns: Any  # (P,): how the gradient changes with t


def smoothed_newton(problem: Problem, theta: Any, run: Run, options: Options) -> Outcome:
    cost, gradient = problem.smooth.value_gradient(theta)
    run.record(theta, cost + problem.bends(theta), problem.slope(theta, gradient), 0.0)
    objective, left, lowest = problem.smooth.rounded, iter(range(options.steps)), -np.inf
    assert objective is not None
    place = first = rough(problem, objective, theta, run)
    size = max(abs(run.usual[0]), abs(run.best_cost)) or first.now.cost
    while place.now.finite:
        place = optimum(problem, objective, place, run, left)
        end = foretold(problem, place, 0.0)
        lowest = max(lowest, floor(problem, place, end))
        cost, gradient = problem.smooth.value_gradient(end)
        run.record(end, cost + problem.bends(end), problem.slope(end, gradient), 1.0, norm(end - theta))
        theta, gap = end, max(run.best_cost - lowest, 0.0)
        if gap <= options.tol**2 * size:
            return run.kept(True, f"converged: the cost can fall by {at_most(gap)} more{held_told(problem, run.best)}")
        if run.stopped:
            return run.kept(False, "stopped on request")
        if next(left, None) is None:
            return run.kept(False, f"did {many(options.steps, 'step')}; the cost can fall by {at_most(gap)} more")
        if place.t <= LEAST * first.t:
            return run.kept(False, f"stopped: {NO_STEP}; it could fall by {at_most(gap)} more")
        place = smaller(problem, objective, place, run)
    return run.kept(False, f"stopped: the cost is {place.now.cost} or its derivatives are not finite")


def at_most(gap: float) -> str:
    return f"at most {1.5 * gap:.0e}"  # to a digit, rounded up


def seen(problem: Problem, objective: Objective, theta: Any, t: float, run: Run) -> Place:
    cost, gradient, hessian = objective.value_gradient_hessian(np.append(theta, t))
    run.beside += 1
    now = Point(theta, cost + problem.bends(theta), gradient[:-1], hessian[:-1, :-1])
    return Place(now, t, float(gradient[-1]), hessian[:-1, -1])


def rough(problem: Problem, objective: Objective, theta: Any, run: Run) -> Place:
    """The start, kinks rounded off so much that they hold up no step."""
    place = seen(problem, objective, theta, abs(run.best_cost) or 1.0, run)
    while place.now.finite and place.t * place.slope < ROUND * abs(run.best_cost):
        place = seen(problem, objective, theta, LARGER * place.t, run)
    return place


def smaller(problem: Problem, objective: Objective, place: Place, run: Run) -> Place:
    """For a smaller t, where its optimum is foretold or, if the cost is no lower there, at the same place."""
    t = SMALLER * place.t
    new = seen(problem, objective, foretold(problem, place, t), t, run)
    lower = new.now.finite and new.now.cost <= place.now.cost
    return new if lower else seen(problem, objective, place.now.theta, t, run)


def foretold(problem: Problem, place: Place, t: float) -> Any:
    """The optimum for another t, by the parabola that the cost is here."""
    now = place.now
    step = parabola_step(problem, now._replace(gradient=now.gradient + (t - place.t) * place.turns))
    return problem.inside(now.theta + step.move)


def floor(problem: Problem, place: Place, end: Any) -> float:
    """What no cost lies below: by the slope at the optimum for t, as it is foretold from here, and by the plane that touches the
    cost here, at the end; the more cautious of the two."""
    now, step = place.now, parabola_step(problem, place.now)
    plane = now.cost - problem.bends(now.theta) + float(now.gradient @ (end - now.theta)) + problem.bends(end)
    return min(now.cost - gain(step) - place.t * (place.slope + float(place.turns @ step.move)), plane - place.t * place.slope)


def optimum(problem: Problem, objective: Objective, place: Place, run: Run, left: Iterator[int]) -> Place:
    """Where the cost for this t can fall by little beside what the rounding adds to it: by Newton's steps, each halved until it
    does fall."""
    while True:
        now, step = place.now, parabola_step(problem, place.now)
        enough = max(SHARE * place.t * place.slope, EPSILON * abs(now.cost))
        if gain(step) <= enough or run.stopped or next(left, None) is None:
            return place
        share = 1.0
        while True:
            new = seen(problem, objective, problem.inside(now.theta + share * step.move), place.t, run)
            if new.now.finite and falls(now, new.now.cost, share * step.downhill):
                place = new
                break
            share /= 2
            if share < SHORTEST:
                return place
