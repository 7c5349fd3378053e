"""Newton's method where parameters are many: the step is found by conjugate gradients, from products of the Hessian with vectors.

A step is solved only as exactly as the gradient is small (Dembo & Steihaug, Mathematical Programming 26, 1983), and along the
parameters that are free: those at a kink of l1 or at a bound stay there while the gradient holds them, the others keep their sign
(Byrd, Chin, Nocedal & Oztoprak, Mathematical Programming 159, 2016). A step that crosses a kink or a bound ends there.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .objective import EPSILON, Options, Problem
from .run import Outcome, Run

INNER = 250  # products a step at the most
LAST = 0.3  # of the gradient that is asked for: the last step need not leave less
ENOUGH = 1e-4  # of the promised decrease


def newton_cg(problem: Problem, theta: Any, run: Run, options: Options) -> Outcome:
    cost, gradient, slope = problem.at(theta)
    norm = run.record(theta, cost, slope, 0.0)
    small, curvature = options.tol * run.small, 0.0
    for left in reversed(range(options.steps + 1)):
        if not np.isfinite(cost):
            return run.kept(f"stopped: the cost is {cost}")
        if norm <= small:
            return Outcome(theta, cost, True, f"converged: the gradient's norm is {norm:.1e}{zeros(problem, theta)}")
        if run.stopped:
            return run.on_request()
        if not left:
            break
        exact = max(min(0.5, np.sqrt(norm / run.small)), LAST * small / norm)
        move, curvature = direction(problem, theta, gradient, slope, exact, run, curvature)
        orthant = np.where(theta != 0, np.sign(theta), -np.sign(slope))
        share = 1.0
        while True:
            tried = within(problem, theta + share * move, orthant)
            new_cost, new_gradient, new_slope = problem.at(tried)
            moved = tried - theta
            norm = run.record(tried, new_cost, new_slope, share, float(np.linalg.norm(moved)))
            wanted = ENOUGH * float(slope @ moved)
            rounding = max(EPSILON * abs(cost), run.rounding if -wanted < ENOUGH * run.rounding else 0.0)
            if new_cost <= cost + wanted or (new_cost <= cost + rounding and norm < np.linalg.norm(slope)):
                break
            if share < 1e-12 or run.stopped:
                return run.on_request() if run.stopped else run.no_step(float(np.linalg.norm(slope)))
            share /= 2
        theta, cost, gradient, slope = tried, new_cost, new_gradient, new_slope
    return run.out_of_steps(options.steps, norm, more=f", {small:.1e} was asked")


def direction(
    problem: Problem, theta: Any, gradient: Any, slope: Any, tolerance: float, run: Run, known: float
) -> tuple[Any, float]:
    """The step, and the largest curvature met: conjugate gradients on what is free, until so much of the slope is left."""
    free = slope != 0
    if problem.sparse or problem.bounded:  # what a gradient step would leave at its kink or bound stays there
        rate = 1 / known if known else 1 / max(float(np.linalg.norm(slope)), 1e-300)
        reached = problem.nearest(theta - rate * gradient, rate)
        pinned = (problem.l1 > 0) & (reached == 0) & (theta == 0) | (reached <= problem.lower) & (theta <= problem.lower) | (
            reached >= problem.upper) & (theta >= problem.upper)
        free &= ~pinned
    run.beside += 1  # for what products with the Hessian keep of each example
    rest = np.where(free, -slope, 0.0)
    move, along, square = np.zeros_like(theta), rest.copy(), float(rest @ rest)
    goal = tolerance * np.sqrt(square)
    for k in range(INNER):
        curved = np.where(free, problem.smooth.hessian_times(theta, along), 0.0)
        run.beside += 1
        bent = float(along @ curved)
        known = max(known, bent / float(along @ along))
        if not bent > 1e-12 * known * float(along @ along):
            return (move if k else along / max(known, float(np.linalg.norm(along)), 1e-300)), known
        length = square / bent
        move = move + length * along
        rest = rest - length * curved
        new = float(rest @ rest)
        if np.sqrt(new) <= goal or run.stopped:
            break
        along, square = rest + new / square * along, new
    return move, known


def within(problem: Problem, theta: Any, orthant: Any) -> Any:
    """Clipped to the bounds, and to zero where a kink was crossed."""
    crossed = (problem.l1 > 0) & (np.sign(theta) * orthant < 0)
    return problem.inside(np.where(crossed, 0.0, theta))


def zeros(problem: Problem, theta: Any) -> str:
    if not problem.sparse:
        return ""
    count = int(np.sum((theta == 0) & (problem.l1 > 0)))
    return f"; {count:,} of {int(np.sum(problem.l1 > 0)):,} penalised parameters are zero"
