"""Newton's method with l1 and bounds: proximal Newton (Lee, Sun & Saunders, SIAM J. Optimization 24, 2014).

Each pass gives a parabola; the step goes to the minimum of parabola + l1·|θ| within the bounds, in which zeros are exact, and is
shortened until the cost falls. That minimum is found by guessing which parameters are at a kink (zero, or a bound), solving for
the others and mending the guess: a few factorisations, exact to rounding. Where guesses go round in circles, sweeps along the
coordinates and a few kinks met one by one lead to where they do not; in the end all kinks are met so, as in any active-set method
for parabolas (Nocedal & Wright, Numerical Optimization, 2006, 16.5).

With many examples the curvature is that of a part of the rows, and all are asked for gradients alone where that leads to the end.
So it is where a fit before this one, at a neighbouring penalty, say, tells of the start: its parabola gives the first step, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from ..errors import many
from .curvature import Curvature, cholesky
from .endings import at_saddle
from .kept import PATIENT
from .kinks import minimum
from .objective import ALMOST, Options, Outcome, Point, Problem, Run
from .part import part_of
from .region import ROUNDING
from .saddle import lower_beside, unheld

SURE = 0.1  # of what is asked for: curvature that is not all rows' tells what is left to a digit
WARM = 4  # steps from a fit before that may be left; a Hessian of all rows serves the fits after this one, too
FURTHER = 32.0  # steps at once along it
BEFORE = "; by the curvature of the fit before"
STRAIGHT = 1e-3  # of the slope along a step is turned by curvature: the cost falls as along a line
RIDGE = 1e-11  # of the diagonal: makes a singular parabola one that can be solved


class Ahead(NamedTuple):
    """A step."""

    move: Any  # (P,)
    downhill: float  # its slope, at most −moveᵀ·H·move, by which a short step is judged
    promised: float  # by how much the parabola falls


NOWHERE = Ahead(None, 0.0, np.inf)


def proximal_newton(problem: Problem, theta: Any, run: Run, options: Options) -> Outcome:
    some, left = part_of(problem, len(theta)), iter(range(options.steps))
    if options.known is not None:
        known = options.known._replace(cost=options.known.cost + problem.bends(theta))
        theta, done = by_gradients(problem, known, run, options, left, warm=True)
        if done and problem.smooth.convex:
            return done._replace(message=done.message + BEFORE)
    elif some is not None:
        part, count = some
        cost, gradient = problem.smooth.value_gradient(theta)
        within = Run()
        part_cost, part_gradient, hessian = part.value_gradient_hessian(theta)
        within.record(theta, part_cost + problem.bends(theta), problem.slope(theta, part_gradient), 0.0)
        run.begun(within, count / problem.examples)
        now = Point(theta, cost + problem.bends(theta), gradient, hessian)
        run.record(theta, now.cost, problem.slope(theta, gradient), 0.0)
        theta, done = by_gradients(problem, now, run, options, left)
        if done and problem.smooth.convex:  # else the whole curvature tells whether it is an optimum
            return done._replace(message=f"{done.message}; by the curvature of {count:,} rows")
    now = whole(problem, theta)
    slope = run.record(theta, now.cost, problem.slope(theta, now.gradient), 0.0)
    enough, size, share = options.tol**2, abs(run.usual[0]), 1.0
    while True:
        if not now.finite:
            return run.kept(False, f"stopped: the cost is {now.cost} or its derivatives are not finite")
        step = parabola_step(problem, now)
        move, downhill, promised = step
        if gain(step) <= enough * max(size, abs(now.cost)):
            end = finished(problem, now, promised, run)
            lower = None if end.converged or run.stopped else lower_beside(problem, now, run)
            if lower is None or next(left, None) is None:
                return end
            now = whole(problem, lower)
            slope = run.record(lower, now.cost, problem.slope(lower, now.gradient), 1.0, float(np.linalg.norm(lower - now.theta)))
            continue
        if run.stopped:
            return run.kept(False, "stopped on request", now.hessian)
        if next(left, None) is None:
            break
        if some is not None and share == 1.0:
            theta, done = by_gradients(problem, now, run, options, left)
            if done and problem.smooth.convex:
                return done
            if theta is not now.theta:
                now = whole(problem, theta)
                slope = run.record(theta, now.cost, problem.slope(theta, now.gradient), 0.0)
                continue
        share = 1.0
        while True:
            new = whole(problem, problem.inside(now.theta + share * move) if share < 1 else now.theta + move)
            slope = run.record(new.theta, new.cost, problem.slope(new.theta, new.gradient), share,
                               share * float(np.linalg.norm(move)))
            if falls(now, new.cost, share * downhill):
                straight = float(move @ now.hessian @ move) <= STRAIGHT * -downhill
                if straight and share == 1.0 and now.cost - new.cost > 0.5 * promised:
                    new = straight_on(problem, now, new, move, run)
                break
            if promised <= ALMOST * abs(now.cost) and share < 1e-3 and not run.stopped:  # what is left is rounding of the cost
                return finished(problem, now, promised, run)
            if share < 1e-10 or run.stopped:
                return run.kept(False, "stopped on request" if run.stopped else
                                f"stopped: no step lowers the cost any more; the gradient's norm is {slope:.1e}", now.hessian)
            share /= 2
        now = new
    return run.kept(False, f"did {many(options.steps, 'step')}; the gradient's norm is {slope:.1e}", now.hessian)


def straight_on(problem: Problem, now: Point, new: Point, move: Any, run: Run) -> Point:
    """Further along a step on which the cost falls as along a line, to where bounds or curvature end that; the run raises where
    it is without end. Parameters that the step takes to the bottom of a parabola stay there."""
    share, move = 1.0, np.where(np.abs(now.hessian @ move) <= STRAIGHT * np.abs(now.gradient), move, 0.0)
    while not run.stopped:
        share = share * FURTHER if share < FURTHER else share**2
        theta = problem.inside(new.theta + share * move)
        if not np.isfinite(theta).all() or np.array_equal(theta, new.theta):
            break
        further = whole(problem, theta)
        run.record(theta, further.cost, problem.slope(theta, further.gradient), share, float(np.linalg.norm(theta - new.theta)))
        if not further.cost < new.cost or not further.finite:
            break
        new = further
    return new


def by_gradients(
    problem: Problem, now: Point, run: Run, options: Options, steps: Iterator[int], warm: bool = False,
) -> tuple[Any, Outcome | None]:
    """Steps that ask the whole for gradients alone: the curvature is that of a part of the rows, or of a point before, corrected
    by what the gradients show (BFGS: Nocedal & Wright, 6.1), while few are left to go at the pace of the last, and `steps` are.
    `warm`: the first is from a place that a fit before this one saw. Where they end, and the outcome if that is the optimum."""
    size = max(abs(now.cost), abs(run.usual[0]) if run.history else 0.0)
    enough, before = SURE * options.tol**2 * size, np.inf
    patient = WARM if warm else PATIENT
    step = parabola_step(problem, now) if now.finite else NOWHERE
    while now.finite:
        move, downhill, promised = step
        left = gain(step)
        if left <= enough and run.history:  # what a fit before this one saw is seen again before it is answered
            return now.theta, finished(problem, now, promised, run)._replace(hessian=None, regular=True)
        slow = left > enough and np.log(left / enough) > patient * np.log(before / left)
        if run.stopped or slow or next(steps, None) is None:
            break
        theta = now.theta + move
        cost, gradient = problem.smooth.value_gradient(theta)
        cost += problem.bends(theta)
        run.record(theta, cost, problem.slope(theta, gradient), 1.0, float(np.linalg.norm(move)))
        turned, bent, hessian = gradient - now.gradient, now.hessian @ move, now.hessian
        if float(move @ turned) > 0 and float(move @ bent) > 0:
            hessian = hessian + np.outer(turned, turned) / float(move @ turned) - np.outer(bent, bent) / float(move @ bent)
        new = Point(theta, cost, gradient, hessian)
        step = parabola_step(problem, new) if new.finite else NOWHERE
        if not falls(now, cost, downhill) and not (-downhill < ROUNDING * abs(cost) and gain(step) < left):
            break
        now, before = new, left
    return now.theta, None


def whole(problem: Problem, theta: Any) -> Point:
    cost, gradient, hessian = problem.smooth.value_gradient_hessian(theta)
    return Point(theta, cost + problem.bends(theta), gradient, hessian)


def gain(step: Ahead) -> float:
    """What the cost can fall by, by the more cautious of two measures."""
    return max(step.promised, -0.5 * step.downhill)


def parabola_step(problem: Problem, now: Point) -> Ahead:
    """The step to the minimum of parabola and kinks."""
    new = minimum(problem, now.theta, now.gradient, definite(now.hessian))
    move, l1 = new - now.theta, problem.l1
    same = now.theta * new > 0  # there l1 has one slope, which cancels with the gradient's; differences of costs are rounding
    downhill = float((now.gradient + np.where(same, l1 * np.sign(new), 0.0)) @ move)
    downhill += float(l1 @ np.where(same, 0.0, np.abs(new) - np.abs(now.theta)))
    return Ahead(move, downhill, -(downhill + 0.5 * float(move @ now.hessian @ move)))


def falls(now: Point, cost: float, downhill: float) -> bool:
    """Whether the cost falls by a share of what the slope tells, or is the same where that is rounding."""
    still = -downhill < ROUNDING * abs(now.cost) and cost <= now.cost + 1e-15 * abs(now.cost)
    return still or cost <= now.cost + 1e-4 * downhill


def finished(problem: Problem, now: Point, promised: float, run: Run) -> Outcome:
    norm = float(np.linalg.norm(problem.slope(now.theta, now.gradient)))
    if not problem.smooth.convex and saddle(problem, now, run):
        return Outcome(now.theta, now.cost, False, f"stopped {at_saddle(norm, run.small)}; start elsewhere, with start or seed",
                       now.hessian)
    said = f"converged: the gradient's norm is {norm:.1e}, the cost can fall by at most {max(0.0, promised):.0e} more"
    zeros = int(np.sum((now.theta == 0) & (problem.l1 > 0)))
    if problem.sparse:
        said += f"; {zeros:,} of {int(np.sum(problem.l1 > 0)):,} penalised parameters are zero"
    at_bound = int(np.sum((now.theta <= problem.lower) | (now.theta >= problem.upper)))
    if problem.bounded:
        said += f"; {at_bound:,} at a bound"
    end = now._replace(cost=now.cost - problem.bends(now.theta))
    return Outcome(now.theta, now.cost, True, said, now.hessian, end=end)


def saddle(problem: Problem, now: Point, run: Run) -> bool:
    """Whether the cost bends down along parameters that are at no kink and no bound."""
    free = unheld(problem, now, run)
    return Curvature(now.gradient[free], now.hessian[np.ix_(free, free)]).indefinite


def definite(hessian: Any) -> Any:
    """The Hessian, its negative curvature taken with its sign changed, and enough on the diagonal to be solved."""
    diagonal = np.diag(hessian)
    lifted = hessian + np.diag(RIDGE * np.abs(diagonal) + (RIDGE * RIDGE * np.max(np.abs(diagonal), initial=0.0) or RIDGE))
    if cholesky(lifted) is not None:
        return lifted
    values, vectors = np.linalg.eigh(hessian)
    return (vectors * np.maximum(np.abs(values), RIDGE * np.max(np.abs(values), initial=1e-300))) @ vectors.T
