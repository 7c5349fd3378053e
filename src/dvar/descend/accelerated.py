"""Accelerated gradient steps: each goes on a little in the direction of the last, and starts anew where that leads uphill.

With l1 or bounds every step ends at the nearest point of the problem (FISTA: Beck & Teboulle, SIAM J. Imaging Sciences 2, 2009),
where zeros are exact. Restart by the gradient: O'Donoghue & Candès, Foundations of Computational Mathematics 15, 2015.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .objective import Options, Problem
from .run import Outcome, Run

GROW = 0.95  # the bound on curvature falls by this a step, so that the rate can grow where the cost is flatter
ROUNDING = 1e-10  # of the cost: differences below are not judged


def accelerated(problem: Problem, theta: Any, run: Run, options: Options) -> Outcome:
    """One pass a step: the curvature is judged between the points at which the gradient is taken anyway."""
    at, x, ahead = theta, theta, 1.0  # where the gradient is taken; the last point; Nesterov's t
    cost, gradient = problem.smooth.value_gradient(at)
    slope = problem.slope(at, gradient)
    run.record(at, cost + problem.bends(at), slope, 0.0)
    small = options.tol * run.small
    curvature = first_curvature(problem, at, cost, gradient, run) if options.rate is None else 1.0 / options.rate
    for left in reversed(range(options.steps + 1)):
        norm = float(np.linalg.norm(slope))
        if at is x and norm <= small:
            return Outcome(x, cost + problem.bends(x), True, f"converged: the gradient's norm is {norm:.1e}")
        if run.stopped:
            return run.on_request()
        if not left:
            break
        new = problem.nearest(at - gradient / curvature, 1.0 / curvature)
        if (at - new) @ (new - x) > 0 or norm <= small:  # uphill, or done: then the answer is a point, not one ahead of it
            ahead = 1.0
        following = (1 + np.sqrt(1 + 4 * ahead**2)) / 2
        further = new + (ahead - 1) / following * (new - x) if ahead > 1 else new
        new_cost, new_gradient = problem.smooth.value_gradient(further)
        moved = further - at
        run.record(further, new_cost + problem.bends(further) if np.array_equal(further, problem.inside(further)) else np.inf,
                   problem.slope(further, new_gradient), 1 / curvature, float(np.linalg.norm(moved)))
        seen = seen_curvature(moved, new_gradient - gradient, new_cost - cost - float(gradient @ moved), abs(cost))
        if not np.isfinite(new_cost) or (options.rate is None and seen > 1.5 * curvature):
            if options.rate is not None:
                return run.kept(f"stopped: the cost became {new_cost}; the rate {options.rate:g} is too high")
            curvature, ahead, at = max(2 * curvature, min(seen, 1e3 * curvature)), 1.0, x  # judged again from the last point
            cost, gradient = problem.smooth.value_gradient(at)
            slope = problem.slope(at, gradient)
            run.record(at, cost + problem.bends(at), slope, 1 / curvature)
            if 1 / curvature < 1e-300:
                break
            continue
        if options.rate is None:
            curvature = max(GROW * curvature, seen)
        x, at, ahead, cost, gradient = new, further, following, new_cost, new_gradient
        if further is new:
            at = x
        slope = problem.slope(at, gradient)
    asked = f", {small:.1e} was asked: more steps, or another method"
    return run.out_of_steps(options.steps, run.history[-1].gradient, more=asked)


def seen_curvature(moved: Any, turned: Any, above: float, size: float) -> float:
    """The most curvature that two points show: by how far the cost is above its tangent, and by how the gradient turned."""
    square = float(moved @ moved)
    if square == 0:
        return 0.0
    risen = 2 * above / square if abs(above) > ROUNDING * size else 0.0
    along = float(moved @ turned)
    return max(risen, float(turned @ turned) / along if along > 0 else 0.0)


def first_curvature(problem: Problem, theta: Any, cost: float, gradient: Any, run: Run) -> float:
    """From a short step downhill."""
    norm = float(np.linalg.norm(gradient))
    if norm == 0:
        return 1.0
    short = 1e-3 * max(float(np.linalg.norm(theta)), 1.0) / norm
    for _ in range(60):
        moved = problem.nearest(theta - short * gradient, short) - theta
        if not np.any(moved):
            return 1 / short
        new_cost, new_gradient = problem.smooth.value_gradient(theta + moved)
        run.record(theta + moved, new_cost + problem.bends(theta + moved), problem.slope(theta + moved, new_gradient), short)
        seen = seen_curvature(moved, new_gradient - gradient, new_cost - cost - float(gradient @ moved), abs(cost))
        if np.isfinite(seen) and np.isfinite(new_cost):
            return max(seen, 1e-3 / short)
        short /= 1e3
    return 1 / short
